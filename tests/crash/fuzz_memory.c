/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_memory.c - a memory that somebody damages: its header, size, gates, heap and blocks
 *
 * Three ways. A stopped owner of the allocator's lock, who makes nobody wait for ever. An image of what a
 * dead participant left (a mutex held, a change of the heap half done), with one word of it changed: each
 * bit, and numbers at the edges; somebody attaches and works. And rounds as fire.h has them. Wrong data
 * and SLUICE_ECORRUPT are allowed; a crash, a sanitizer's report, an operation that does not end within
 * two seconds are not.
 *
 *	fuzz_memory [--seconds N] [--all]
 */
#include "fire.h"
#include "object/memory.h"

#define NAME "fire"
#define PAGE 4096u
#define MAXIMUM (64 * PAGE)
#define MUTEXES 2u
#define GATES 2u
#define PLACES 6u
#define LINKS 16u
#define TABLE 80u /* where the first block of a heap begins */
#define OPERATIONS 32
#define VALUES 12u

/* The control words, down to the units held. */
#define CONTROL                                                                                    \
	(sizeof(struct sli_memory_control) + MUTEXES * sizeof(struct sli_memory_mutex) +           \
	 GATES * (sizeof(struct sli_condition_control) + sizeof(struct sli_semaphore_control) +    \
		  PLACES * sizeof(uint32_t)) +                                                     \
	 SLI_PAIR +                                                                                \
	 GATES * (sizeof(struct sli_rwlock_control) + PLACES * sizeof(struct sli_rwlock_stripe)))

struct target {
	struct fuzz fuzz;
	sluice_memory *memory;
};

static uint32_t step = 8;
static int64_t seconds = 12;

static void path_of_memory(char *buffer, size_t capacity)
{
	snprintf(buffer, capacity, "%.200s/" NAME, test_directory());
}

static int open_memory(uint32_t flags, sluice_memory **ret_memory)
{
	struct sluice_memory_options options = { .size = sizeof(options),
						 .flags = flags,
						 .open_timeout_ns = SLUICE_MS(50),
						 .slice_ns = SLUICE_MS(10) };

	if (!(flags & (SLUICE_MUST_EXIST | SLUICE_READ_ONLY))) {
		options.bytes = 2 * PAGE;
		options.maximum = MAXIMUM;
		options.mutexes = MUTEXES;
		options.conditions = GATES;
		options.semaphores = GATES;
		options.rwlocks = GATES;
		options.initial = 3;
		options.ceiling = 6;
		options.participants = PLACES;
	}
	return sluice_memory_open(NAME, &options, ret_memory);
}

static uint64_t *link_of(sluice_memory *memory, uint64_t index)
{
	return (uint64_t *)(void *)((unsigned char *)sluice_memory_data(memory) + TABLE +
				    8 * index);
}

/* A table of links, half of which have a block. */
static void fill(sluice_memory *memory)
{
	CHECK_EQ(sluice_memory_allocate(memory, LINKS * 8, sluice_memory_root(memory)), 0);
	CHECK_EQ(*sluice_memory_root(memory), TABLE);
	memset(link_of(memory, 0), 0, LINKS * 8);
	for (uint64_t i = 0; i < LINKS; i++)
		CHECK_EQ(sluice_memory_allocate(memory, 24 + 40 * i, link_of(memory, i)), 0);
	for (uint64_t i = 0; i < LINKS; i += 2)
		CHECK_EQ(sluice_memory_free(memory, link_of(memory, i)), 0);
}

/* ---- operations ---------------------------------------------------------------------------- */

static void fuzz_touch(struct target *target)
{
	int64_t size;

	fuzz_begin(&target->fuzz, "size");
	size = fuzz_end(&target->fuzz, sluice_memory_size(target->memory), MAXIMUM);
	if (size > 0)
		((volatile unsigned char *)sluice_memory_data(target->memory))[size - 1] = 1;
}

static void fuzz_copy(struct target *target)
{
	uint64_t offset = test_random_below(8) ? test_random_below(MAXIMUM) : test_random();
	size_t size = (size_t)test_random_below(2 * PAGE);
	unsigned char *bytes = (unsigned char *)malloc(size + 1);

	fuzz_begin(&target->fuzz, "copy");
	(void)fuzz_end(&target->fuzz, sluice_memory_copy(target->memory, offset, bytes, size), 0);
	free(bytes);
}

static void fuzz_resize(struct target *target)
{
	uint64_t size = test_random_below(32) ? test_random_below(MAXIMUM) : test_random();

	fuzz_begin(&target->fuzz, "resize");
	(void)fuzz_end(&target->fuzz, sluice_memory_resize(target->memory, size), 0);
}

static void fuzz_lock(struct target *target)
{
	uint32_t index = (uint32_t)test_random_below(MUTEXES + 1);
	int64_t r;

	fuzz_begin(&target->fuzz, "lock");
	r = fuzz_end(&target->fuzz, sluice_memory_mutex_lock(target->memory, index, fuzz_timeout()),
		     1);
	if (r < 0)
		return;
	fuzz_begin(&target->fuzz, "unlock");
	(void)fuzz_end(&target->fuzz, sluice_memory_mutex_unlock(target->memory, index), 0);
}

/* Not waiting on a condition: a mutex that is forged to be a living one's cannot be had again. */
static void fuzz_gate(struct target *target)
{
	uint32_t index = (uint32_t)test_random_below(GATES + 1);
	uint32_t units = (uint32_t)test_random_below(5);
	bool owned = test_random_below(2);
	int64_t r;

	fuzz_begin(&target->fuzz, "signal or broadcast");
	r = owned ? sluice_memory_condition_signal(target->memory, index)
		  : sluice_memory_condition_broadcast(target->memory, index);
	(void)fuzz_end(&target->fuzz, r, 0);
	fuzz_begin(&target->fuzz, "acquire or wait");
	r = owned ? sluice_memory_semaphore_acquire(target->memory, index, units, fuzz_timeout())
		  : sluice_memory_semaphore_wait(target->memory, index, units, fuzz_timeout());
	if (fuzz_end(&target->fuzz, r, 0) < 0)
		return;
	fuzz_begin(&target->fuzz, "release or post");
	r = owned ? sluice_memory_semaphore_release(target->memory, index, units)
		  : sluice_memory_semaphore_post(target->memory, index, units);
	(void)fuzz_end(&target->fuzz, r, 0);
	fuzz_begin(&target->fuzz, "value");
	(void)fuzz_end(&target->fuzz, sluice_memory_semaphore_value(target->memory, index), 6);
}

static void fuzz_shelf(struct target *target)
{
	uint32_t index = (uint32_t)test_random_below(GATES + 1);
	int64_t r;

	fuzz_begin(&target->fuzz, "read or write");
	r = test_random_below(2)
		    ? sluice_memory_rwlock_lock_shared(target->memory, index, fuzz_timeout())
		    : sluice_memory_rwlock_lock_exclusive(target->memory, index, fuzz_timeout());
	if (fuzz_end(&target->fuzz, r, 1) < 0)
		return;
	fuzz_begin(&target->fuzz, "end reading or writing");
	(void)fuzz_end(&target->fuzz, sluice_memory_rwlock_unlock(target->memory, index), 0);
}

static void fuzz_heap(struct target *target)
{
	uint64_t *link = link_of(target->memory, test_random_below(LINKS));
	uint64_t size = test_random_below(16) ? 1 + test_random_below(300) : test_random();

	fuzz_begin(&target->fuzz, "allocate or free");
	if (__atomic_load_n(link, __ATOMIC_RELAXED) == 0)
		(void)fuzz_end(&target->fuzz, sluice_memory_allocate(target->memory, size, link),
			       0);
	else
		(void)fuzz_end(&target->fuzz, sluice_memory_free(target->memory, link), 0);
}

static void fuzz_check(struct target *target)
{
	fuzz_begin(&target->fuzz, "check");
	(void)fuzz_end(&target->fuzz, sluice_memory_check(target->memory), 0);
}

/* Who only looks on, by reading and by asking. */
static void fuzz_look_on(struct target *target)
{
	struct sluice_memory_info info = { .size = sizeof(info) };
	sluice_memory *reader;
	unsigned char byte = 0;

	fuzz_begin(&target->fuzz, "info");
	if (target->memory)
		(void)fuzz_end(&target->fuzz, sluice_memory_info(target->memory, &info), 0);
	fuzz_look(&target->fuzz);
	fuzz_begin(&target->fuzz, "open read-only");
	if (fuzz_end(&target->fuzz, open_memory(SLUICE_READ_ONLY, &reader), 0) < 0)
		return;
	fuzz_begin(&target->fuzz, "look on");
	if (sluice_memory_size(reader) > 0)
		byte = *(const volatile unsigned char *)sluice_memory_data(reader);
	(void)fuzz_end(&target->fuzz, sluice_memory_copy(reader, byte, &byte, 1), 0);
	sluice_memory_close(reader);
}

static void fuzz_memory(struct target *target)
{
	static void (*const operations[])(struct target *) = {
		fuzz_heap, fuzz_heap, fuzz_heap, fuzz_touch, fuzz_check,
		fuzz_copy, fuzz_lock, fuzz_gate, fuzz_shelf, fuzz_resize,
	};
	uint64_t which = test_random_below(40);

	if (which == 0)
		fuzz_look_on(target);
	else
		operations[which % (sizeof(operations) / sizeof(operations[0]))](target);
}

static int target_open(struct target *target)
{
	int r;

	fuzz_begin(&target->fuzz, "open");
	r = (int)fuzz_end(&target->fuzz, open_memory(SLUICE_MUST_EXIST, &target->memory), 0);
	if (r < 0) {
		target->memory = NULL;
		fuzz_look_on(target);
		return r;
	}
	/* As much as there was; what was forged is not to be believed. */
	if (target->memory->handle.segment.data_maximum < MAXIMUM ||
	    target->memory->gates.mutex_count > MUTEXES || target->memory->gates.ceiling > 6) {
		sluice_memory_close(target->memory);
		target->memory = NULL;
		return SLUICE_ECORRUPT;
	}
	fuzz_guard(&target->fuzz, &target->memory->handle.segment);
	return 0;
}

static void target_close(struct target *target)
{
	fuzz_begin(&target->fuzz, "close");
	sluice_memory_close(target->memory);
	target->memory = NULL;
	(void)fuzz_end(&target->fuzz, 0, 0);
	fuzz_close(&target->fuzz);
}

/* ---- a stopped owner ------------------------------------------------------------------------- */

static void stopped_owner(void)
{
	sluice_memory *memory, *other;
	int64_t began, took;

	CHECK_EQ(open_memory(0, &memory), 0);
	CHECK_EQ(open_memory(0, &other), 0);
	fill(memory);
	sli_store_rel(&memory->control->heap.lock.word, other->handle.peers.self);
	began = test_now_ns();
	CHECK_EQ(sluice_memory_allocate(memory, 1, link_of(memory, 0)), SLUICE_ETIMEDOUT);
	took = test_now_ns() - began;
	CHECK(took >= SLUICE_MS(50));
	CHECK_EQ(sluice_memory_free(memory, link_of(memory, 1)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_memory_check(memory), SLUICE_ETIMEDOUT);
	CHECK_EQ(*link_of(memory, 0), 0);
	sli_store_rel(&memory->control->heap.lock.word, 0u);
	CHECK_EQ(sluice_memory_allocate(memory, 1, link_of(memory, 0)), 0);
	CHECK_EQ(sluice_memory_check(memory), 0);
	sluice_memory_close(memory);
	sluice_memory_close(other);
	CHECK_EQ(sluice_remove(NAME), 0);
}

/* ---- words of an image ----------------------------------------------------------------------- */

struct image {
	unsigned char *bytes;
	uint64_t size, control, data;
};

/* The n-th word that is worth a change: header, places, control words, the first blocks. */
static uint64_t image_word(const struct image *image, uint64_t n)
{
	uint64_t control = CONTROL;

	if (n < 64)
		return n * 8;
	n -= 64;
	if (n < 32)
		return ((const struct sli_header *)(const void *)image->bytes)->places_offset +
		       n * 8;
	n -= 32;
	return n < control / 8 ? image->control + n * 8 : image->data + (n - control / 8) * 8;
}

static uint64_t image_words(void)
{
	return 64 + 32 + CONTROL / 8 + 64;
}

/* As if it had been killed behind the commit: the lock is its, the journal has all that it changes. */
static void image_half_done(struct image *image)
{
	struct sli_memory_control *control = (struct sli_memory_control *)(void *)(image->bytes +
										   image->control);
	struct sli_memory_mutex *mutexes = (struct sli_memory_mutex *)(void *)(control + 1);
	uint64_t words = image->control + offsetof(struct sli_memory_control, heap.words), at;

	sli_store_rel(&control->heap.lock.word, sli_load_acq(&mutexes[0].lock.word));
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t value;

		at = i ? image->data + TABLE + 8 * i : words + SLI_HEAP_TOP;
		memcpy(&value, image->bytes + at, sizeof(value));
		sli_store_rel(&control->heap.journal[i].at, at);
		sli_store_rel(&control->heap.journal[i].value, value);
	}
	sli_store_rel(&control->heap.count, UINT64_C(3));
	sli_store_rel(&control->heap.writer,
		      (uint64_t)sli_stamp_place(sli_load_acq(&mutexes[0].lock.word)));
}

static void image_make(struct image *image)
{
	const struct sli_header *header;
	sluice_memory *memory;
	char path[512];
	struct stat st;
	int fd;
	pid_t pid;

	CHECK_EQ(open_memory(0, &memory), 0);
	fill(memory);
	sluice_memory_close(memory);
	pid = test_fork();
	if (pid == 0) {
		if (open_memory(SLUICE_MUST_EXIST, &memory) != 0 ||
		    sluice_memory_mutex_lock(memory, 0, SLUICE_NOWAIT) != 0 ||
		    sluice_memory_semaphore_acquire(memory, 1, 2, SLUICE_NOWAIT) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	path_of_memory(path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	image->size = (uint64_t)st.st_size;
	image->bytes = (unsigned char *)malloc(image->size);
	CHECK_EQ(read(fd, image->bytes, image->size), st.st_size);
	close(fd);
	header = (const struct sli_header *)(const void *)image->bytes;
	image->control = header->object_offset;
	image->data = header->data_offset;
	image_half_done(image);
	CHECK_EQ(sluice_remove(NAME), 0);
}

static void image_write(const struct image *image, uint64_t at, uint64_t word)
{
	char path[512];
	int fd;

	path_of_memory(path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, image->bytes, image->size), (ssize_t)image->size);
	CHECK_EQ(pwrite(fd, &word, sizeof(word), (off_t)at), sizeof(word));
	close(fd);
}

static uint64_t image_changed(uint64_t word, uint64_t change)
{
	const uint64_t values[VALUES] = { 0,         1,         2,          UINT64_MAX,
					  INT64_MAX, word + 1,  word - 1,   word + 16,
					  word - 16, word + 64, UINT32_MAX, ~word };

	return change < 64 ? word ^ UINT64_C(1) << change : values[change - 64];
}

static void try_image(const struct image *image, uint64_t at, uint64_t word,
		      struct progress *progress)
{
	struct target target = { .fuzz = { .progress = progress, .name = NAME } };
	char path[512];

	image_write(image, at, word);
	if (target_open(&target) == 0) {
		/* The links, which nobody found wrong, may say anything now. */
		for (int i = 0; i < OPERATIONS; i++)
			fuzz_memory(&target);
		target_close(&target);
	}
	path_of_memory(path, sizeof(path));
	unlink(path);
}

static void words(void)
{
	struct progress *progress = progress_new();
	uint64_t changes = image_words() * (64 + VALUES), first = test_random_below(step);
	struct image image;
	pid_t pid;

	image_make(&image);
	/* Unchanged, it is repaired. */
	{
		sluice_memory *memory;

		image_write(&image, 0, *(const uint64_t *)(const void *)image.bytes);
		CHECK_EQ(open_memory(SLUICE_MUST_EXIST, &memory), 0);
		CHECK_EQ(sluice_memory_mutex_lock(memory, 0, SLUICE_S(5)), SLUICE_RECOVERED);
		CHECK_EQ(sli_load_acq(&memory->control->heap.count), 0);
		CHECK_EQ(sluice_memory_check(memory), 0);
		sluice_memory_close(memory);
		CHECK_EQ(sluice_remove(NAME), 0);
	}
	pid = test_fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (uint64_t n = first; n < changes; n += step) {
			uint64_t at = image_word(&image, n / (64 + VALUES)), word;

			progress->at = (int32_t)n;
			memcpy(&word, image.bytes + at, sizeof(word));
			try_image(&image, at, image_changed(word, n % (64 + VALUES)), progress);
		}
		_exit(0);
	}
	while (!fuzz_watch(pid, progress, "change"))
		test_sleep_ms(20);
	printf("  %llu words, %llu changes, %llu operations, %llu refused as corrupt\n",
	       (unsigned long long)image_words(), (unsigned long long)(changes / step),
	       (unsigned long long)progress->count, (unsigned long long)progress->refused);
	free(image.bytes);
	munmap(progress, sizeof(*progress));
	CHECK(sluice_remove(NAME) <= 0);
}

/* ---- under fire ------------------------------------------------------------------------------ */

static uint64_t where(const struct canvas *canvas)
{
	uint64_t journal = offsetof(struct sli_memory_control, heap.count);

	switch (test_random_below(12)) {
	case 0:
		return canvas_header();
	case 1:
		return canvas_place(canvas);
	case 2:
	case 3:
		return canvas->control + test_random_below(CONTROL);
	case 4:
	case 5:
		return canvas->control + test_random_below(16); /* size and root */
	case 6:
	case 7:
		return canvas->control + journal + test_random_below(SLI_PAIR + 24 * 16);
	case 8:
		return test_random_below(canvas->size);
	default:
		return canvas->data + test_random_below(4096);
	}
}

static uint64_t value(const struct canvas *canvas, uint64_t at)
{
	static const uint64_t edges[] = { 24, 25, UINT64_MAX - 15 };

	switch (test_random_below(8)) {
	case 0:
		return edges[test_random_below(sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return test_random_below(MAXIMUM + 64) & ~UINT64_C(15);
	case 2:
		/* an offset in the segment, as the journal has */
		return canvas->control + (test_random_below(canvas->size) & ~UINT64_C(7));
	default:
		return canvas_value(canvas, at);
	}
}

static void make(const struct fire *fire)
{
	sluice_memory *memory;

	(void)fire;
	CHECK_EQ(open_memory(0, &memory), 0);
	fill(memory);
	sluice_memory_close(memory);
}

static void work(const struct fire *fire, struct progress *progress, uint32_t worker)
{
	struct target target = { .fuzz = { .progress = progress, .name = NAME } };
	uint32_t left = FIRE_AFTERWARDS;

	(void)fire;
	(void)worker;
	while (fire_goes_on(progress, &left)) {
		int r = target.memory ? 0 : target_open(&target);

		if (r < 0) {
			fire_rest(&target.fuzz, r, &left);
			continue;
		}
		fuzz_memory(&target);
		if (fire_opens_anew(&target.fuzz))
			target_close(&target);
	}
	target_close(&target);
}

static void under_fire(void)
{
	struct fire fire = { .names = { NAME },
			     .seconds = seconds,
			     .make = make,
			     .work = work,
			     .where = where,
			     .value = value };

	fire_rounds(&fire, NULL);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { "all", no_argument, NULL, 'a' },
						 { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			seconds = atoi(optarg);
		else if (c == 'a')
			step = 1;
		else
			return 2;
	}
	test_begin();
	RUN(stopped_owner);
	RUN(words);
	RUN(under_fire);
	return test_end();
}
