/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fire.h - rounds in which processes work on objects while one scribbles over their segments
 *
 * In a round the objects are made anew; workers go through their operations, and the scribbler stores
 * anything anywhere, as fast as it can. Now and then it puts things back, so that the others get deep
 * into their work again, and now and then one word flickers between what it is, or was at first, and
 * something else: who reads a word twice has both in hand. Wrong data and SLUICE_ECORRUPT are allowed; a crash, a
 * sanitizer's report, an operation that does not end are not. When the fire is over, the workers have to
 * end as well, with whatever is left there.
 *
 * A test says where to store what; see struct fire.
 */
#ifndef FIRE_H
#define FIRE_H

#include "fuzz.h"

#include <getopt.h>

#define FIRE_OBJECTS 2
#define FIRE_WORKERS 2
#define FIRE_ROUND_MS 200
#define FIRE_AFTERWARDS 100 /* operations of each worker when the fire is over */
#define FIRE_FLICKERS 20000

/* ---- what is scribbled on ---------------------------------------------------------------------- */

struct canvas {
	unsigned char *base, *pristine;
	uint64_t size, places, control, control_size, data, data_size;
	uint32_t kind, place_count;
};

static inline void canvas_map(struct canvas *canvas, const char *name)
{
	const struct sli_header *header;
	char path[512];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	canvas->size = (uint64_t)st.st_size;
	canvas->base = (unsigned char *)mmap(NULL, canvas->size, PROT_READ | PROT_WRITE, MAP_SHARED,
					     fd, 0);
	CHECK(canvas->base != MAP_FAILED);
	close(fd);
	canvas->pristine = (unsigned char *)malloc(canvas->size);
	CHECK(canvas->pristine != NULL);
	memcpy(canvas->pristine, canvas->base, canvas->size);
	header = (const struct sli_header *)(const void *)canvas->pristine;
	canvas->places = header->places_offset;
	canvas->place_count = header->places;
	canvas->control = header->object_offset;
	canvas->control_size = header->object_size;
	canvas->data = header->data_offset;
	canvas->data_size = header->data_size;
	canvas->kind = header->kind;
}

static inline void canvas_unmap(struct canvas *canvas)
{
	if (canvas->base)
		munmap(canvas->base, canvas->size);
	free(canvas->pristine);
	memset(canvas, 0, sizeof(*canvas));
}

/* Nothing is said to be damaged any more, though all of it may be. */
static inline void canvas_revive(struct canvas *canvas)
{
	memset(canvas->base + offsetof(struct sli_header, life), 0, 4);
}

/* The header or its life, and, perhaps, what the object consists of; the places stay as they are. */
static inline void canvas_restore(struct canvas *canvas)
{
	if (test_random_below(2))
		memcpy(canvas->base, canvas->pristine, canvas->places);
	else
		canvas_revive(canvas);
	if (test_random_below(2))
		memcpy(canvas->base + canvas->control, canvas->pristine + canvas->control,
		       (size_t)(canvas->size - canvas->control));
}

/* Any word of the header, most often one that changes in use. */
static inline uint64_t canvas_header(void)
{
	return test_random_below(8) ? 256 + test_random_below(32) : test_random_below(256);
}

static inline uint64_t canvas_place(const struct canvas *canvas)
{
	return canvas->places + test_random_below(canvas->place_count * sizeof(struct sli_place));
}

/* The word around @at, as it is. */
static inline uint64_t canvas_word(const struct canvas *canvas, uint64_t at)
{
	uint64_t word;

	memcpy(&word, canvas->base + (at & ~UINT64_C(7)), sizeof(word));
	return word;
}

/* Values that any word may be given: noise, the edges of numbers, what stands there or elsewhere with a
 * bit changed or a little off, a lock's owner. */
static inline uint64_t canvas_value(const struct canvas *canvas, uint64_t at)
{
	static const uint64_t edges[] = { 0,
					  1,
					  2,
					  UINT64_MAX,
					  INT64_MAX,
					  (uint64_t)INT64_MIN,
					  UINT32_MAX,
					  INT32_MAX,
					  0x80000000u,
					  0x40000000u,
					  (UINT64_C(1) << 48) - 1 };

	switch (test_random_below(6)) {
	case 0:
		return test_random();
	case 1:
		return edges[test_random_below(sizeof(edges) / sizeof(edges[0]))];
	case 2:
		return canvas_word(canvas, at) ^ UINT64_C(1) << test_random_below(64);
	case 3:
		return canvas_word(canvas, at) + test_random_below(33) - 16;
	case 4:
		return sli_stamp((uint32_t)test_random_below(canvas->place_count + 1),
				 (uint32_t)test_random_below(3)) |
		       (test_random_below(2) ? SLI_LOCK_WAITERS : 0);
	default:
		return canvas_word(canvas, test_random_below(canvas->size));
	}
}

/* ---- rounds ------------------------------------------------------------------------------------- */

struct fire {
	const char *names[FIRE_OBJECTS]; /* of the objects; the second may be NULL */
	int64_t seconds;
	uint32_t number; /* of the round */

	void (*make)(const struct fire *fire);
	/* A worker's life: operations until fire_goes_on() says no. */
	void (*work)(const struct fire *fire, struct progress *progress, uint32_t worker);
	uint64_t (*where)(const struct canvas *canvas);
	uint64_t (*value)(const struct canvas *canvas, uint64_t at);
	/* What the tester does to an object every few milliseconds; NULL: nothing. */
	void (*tend)(const struct fire *fire, const struct canvas *canvas);

	struct progress *progress[FIRE_WORKERS];
	struct canvas canvas[FIRE_OBJECTS];
	uint64_t operations, refused;
};

/* For a worker, before each operation; @left is FIRE_AFTERWARDS at first. */
static inline bool fire_goes_on(const struct progress *progress, uint32_t *left)
{
	if (__atomic_load_n(&progress->last, __ATOMIC_SEQ_CST) && *left)
		--*left;
	return *left > 0;
}

/* A worker could not open the object: it rests, and gives up if there is none any more. */
static inline void fire_rest(struct fuzz *fuzz, int r, uint32_t *left)
{
	test_sleep_ms(1);
	fuzz_look(fuzz);
	fuzz->is_refused = false;
	if (r == SLUICE_ENOENT)
		*left = SLI_MIN(*left, 1u);
}

/* Who is refused opens the object again, by and by. */
static inline bool fire_opens_anew(struct fuzz *fuzz)
{
	if (test_random_below(fuzz->is_refused ? 8 : 500))
		return false;
	fuzz->is_refused = false;
	return true;
}

static inline void fire_store(const struct fire *fire, struct canvas *canvas)
{
	uint64_t at = fire->where(canvas), size = UINT64_C(8) >> test_random_below(3);
	uint32_t flickers = test_random_below(32) ? 1 : FIRE_FLICKERS;
	uint64_t values[2];

	if (test_random_below(32))
		at &= ~(size - 1);
	if (at + size > canvas->size)
		return;
	memcpy(&values[0], (test_random_below(2) ? canvas->pristine : canvas->base) + at,
	       (size_t)size);
	values[1] = fire->value(canvas, at);
	for (uint32_t i = 1; i <= flickers; i++) {
		memcpy(canvas->base + at, &values[i % 2], (size_t)size);
		__asm__ __volatile__("" ::: "memory");
	}
	if (flickers > 1)
		memcpy(canvas->base + at, &values[1], (size_t)size);
}

static inline void fire_scribble(void *context)
{
	struct fire *fire = (struct fire *)context;
	uint32_t objects = fire->names[1] ? 2 : 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		for (uint64_t n = test_random_below(12); n; n--)
			fire_store(fire, &fire->canvas[test_random_below(objects)]);
		for (uint64_t n = test_random_below(20000); n; n--)
			__asm__ __volatile__("" ::: "memory");
		if (test_random_below(8) == 0)
			for (uint32_t i = 0; i < objects; i++)
				canvas_restore(&fire->canvas[i]);
	}
}

/* A forged header may ask that whoever closes last removes it. */
static inline bool fire_is_out(const struct fire *fire)
{
	char path[512];

	for (int i = 0; i < FIRE_OBJECTS && fire->names[i]; i++) {
		snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), fire->names[i]);
		if (access(path, F_OK) < 0)
			return true;
	}
	return false;
}

static inline void fire_end(struct fire *fire)
{
	for (int i = 0; i < FIRE_OBJECTS && fire->names[i]; i++)
		canvas_revive(&fire->canvas[i]);
	for (int i = 0; i < FIRE_WORKERS; i++)
		__atomic_store_n(&fire->progress[i]->last, 1u, __ATOMIC_SEQ_CST);
}

/* Until all have ended; the fire lasts for FIRE_ROUND_MS, or until nothing is left. */
static inline void fire_watch(struct fire *fire, const pid_t *workers, pid_t scribbler)
{
	int64_t end = test_now_ns() + FIRE_ROUND_MS * INT64_C(1000000);
	bool over[FIRE_WORKERS] = { false };
	int ended = 0;

	while (ended < FIRE_WORKERS) {
		test_sleep_ms(2);
		if (fire->tend)
			for (int i = 0; i < FIRE_OBJECTS && fire->names[i]; i++)
				fire->tend(fire, &fire->canvas[i]);
		if (scribbler && (test_now_ns() > end || fire_is_out(fire))) {
			test_kill(scribbler);
			scribbler = 0;
			fire_end(fire);
		}
		for (int i = 0; i < FIRE_WORKERS; i++)
			if (!over[i] && fuzz_watch(workers[i], fire->progress[i], "worker")) {
				over[i] = true;
				ended++;
			}
	}
}

/* What does not look like an object any more is a file to the library, which leaves it alone. */
static inline void fire_remove(const char *name)
{
	char path[512];

	if (sluice_remove(name) < 0)
		CHECK(sluice_clean(NULL, SLUICE_CLEAN_CONTENT, NULL, NULL) >= 0);
	snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), name);
	CHECK(unlink(path) == 0 || errno == ENOENT);
}

static inline void fire_round(struct fire *fire)
{
	pid_t workers[FIRE_WORKERS];

	fire->make(fire);
	for (int i = 0; i < FIRE_OBJECTS && fire->names[i]; i++)
		canvas_map(&fire->canvas[i], fire->names[i]);
	for (uint32_t i = 0; i < FIRE_WORKERS; i++) {
		memset(fire->progress[i], 0, sizeof(struct progress));
		workers[i] = test_fork();
		if (workers[i] == 0) {
			for (int k = 0; k < FIRE_OBJECTS; k++)
				canvas_unmap(&fire->canvas[k]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			fire->work(fire, fire->progress[i], i);
			_exit(0);
		}
	}
	test_sleep_ms(5);
	fire_watch(fire, workers, test_spawn(fire_scribble, fire));
	for (int i = 0; i < FIRE_OBJECTS && fire->names[i]; i++) {
		canvas_unmap(&fire->canvas[i]);
		fire_remove(fire->names[i]);
	}
	for (int i = 0; i < FIRE_WORKERS; i++) {
		fire->operations += fire->progress[i]->count;
		fire->refused += fire->progress[i]->refused;
	}
}

/* Round after round, for as long as it says; @next chooses what the next one is about. */
static inline void fire_rounds(struct fire *fire, void (*next)(struct fire *fire))
{
	int64_t end = test_now_ns() + fire->seconds * 1000000000;

	for (int i = 0; i < FIRE_WORKERS; i++)
		fire->progress[i] = progress_new();
	for (; test_now_ns() < end; fire->number++) {
		if (next)
			next(fire);
		fire_round(fire);
	}
	printf("%u rounds, %llu operations under fire, %llu refused as corrupt\n", fire->number,
	       (unsigned long long)fire->operations, (unsigned long long)fire->refused);
}

/* A test that does nothing else; "--seconds N" says for how long. */
static inline int fire_main(struct fire *fire, int argc, char **argv,
			    void (*next)(struct fire *fire))
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's')
			return 2;
		fire->seconds = atoi(optarg);
	}
	test_begin();
	fire_rounds(fire, next);
	return test_end();
}

#endif
