/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_sync.c - a peer that stores anything anywhere in a semaphore, or in a condition and its mutex
 *
 * As fuzz_corrupt.c, which has the reader-writer lock and the barrier: in rounds, processes that work
 * on the objects and one that scribbles over all of their segments, and now and then puts them back.
 * Wrong counts, waits for nothing and SLUICE_ECORRUPT are allowed; a crash, a sanitizer's report, an
 * operation that does not end are not.
 *
 * One thing that a scribbler can forge looks like what a program may do: a lock whose owner lives and
 * never gives it up. There release waits for five seconds and a condition's waiter for ever, as
 * promised. So the tester takes away what a lock word has had for two looks.
 *
 *	fuzz_sync [--seconds N]
 */
#include "test.h"

/* Longer than release waits, and than a process on a busy machine may have to wait for a processor. */
#define WATCH_NS (INT64_C(20) * 1000000000)
#include "fuzz.h"
#include "object/condition.h"
#include "object/semaphore.h"

#include <getopt.h>

#define NAME "fire"
#define DOOR "door"
#define WORKERS 2
#define ROUND_MS 200
#define AFTERWARDS 200
#define PLACES 6u
#define UNITS 5u
#define CEILING 9u

struct target {
	struct fuzz fuzz; /* the semaphore, or the condition */
	struct fuzz door; /* the condition's mutex */
	bool is_refused;  /* an operation found damage, or its place lost */
	sluice_semaphore *semaphore;
	sluice_condition *condition;
	int description;
};

/* ---- opening -------------------------------------------------------------------------------- */

static int open_semaphore(struct target *target)
{
	struct sluice_semaphore_options options = { .size = sizeof(options),
						    .flags = SLUICE_MUST_EXIST,
						    .open_timeout_ns = SLUICE_MS(50),
						    .slice_ns = SLUICE_MS(10) };
	int r;

	fuzz_begin(&target->fuzz, "open");
	r = (int)fuzz_end(&target->fuzz, sluice_semaphore_open(NAME, &options, &target->semaphore),
			  0);
	if (r < 0) {
		target->semaphore = NULL;
		return r;
	}
	fuzz_guard(&target->fuzz, &target->semaphore->handle.segment);
	return 0;
}

static int open_condition(struct target *target)
{
	struct sluice_condition_options options = { .size = sizeof(options),
						    .flags = SLUICE_MUST_EXIST,
						    .open_timeout_ns = SLUICE_MS(50),
						    .slice_ns = SLUICE_MS(10) };
	int r = fuzz_open_mutex(&target->door);

	if (r < 0)
		return r;
	fuzz_begin(&target->fuzz, "open");
	r = (int)fuzz_end(&target->fuzz, sluice_condition_open(NAME, &options, &target->condition),
			  0);
	if (r < 0) {
		target->condition = NULL;
		fuzz_close(&target->door);
		return r;
	}
	fuzz_guard(&target->fuzz, &target->condition->handle.segment);
	return 0;
}

static bool target_is_open(const struct target *target)
{
	return target->semaphore || target->condition;
}

static void target_close(struct target *target)
{
	fuzz_begin(&target->fuzz, "close");
	sluice_semaphore_close(target->semaphore);
	sluice_condition_close(target->condition);
	(void)fuzz_end(&target->fuzz, 0, 0);
	target->semaphore = NULL;
	target->condition = NULL;
	target->is_refused = false;
	if (target->description >= 0)
		close(target->description);
	target->description = -1;
	fuzz_close(&target->door);
	fuzz_close(&target->fuzz);
}

/* ---- operations ------------------------------------------------------------------------------ */

static int64_t operation_end(struct target *target, int64_t r, int64_t most)
{
	if (r == SLUICE_ECORRUPT || r == SLUICE_ESTALE || r == SLUICE_EREMOVED)
		target->is_refused = true;
	return fuzz_end(&target->fuzz, r, most);
}

/* ---- operations on a semaphore --------------------------------------------------------------- */

static uint32_t some_units(void)
{
	return (uint32_t)(test_random_below(16) ? test_random_below(4) : test_random());
}

static void units_take(struct target *target)
{
	uint32_t units = some_units();
	int r;

	fuzz_begin(&target->fuzz, "acquire");
	r = sluice_semaphore_acquire(target->semaphore, units, fuzz_timeout());
	if (operation_end(target, r, 0) < 0)
		return;
	fuzz_begin(&target->fuzz, "release");
	(void)operation_end(target, sluice_semaphore_release(target->semaphore, units), 0);
}

/* And keep them, for the close to give back. */
static void units_keep(struct target *target)
{
	fuzz_begin(&target->fuzz, "acquire and keep");
	(void)operation_end(target, sluice_semaphore_acquire(target->semaphore, 1, fuzz_timeout()),
			    0);
}

static void units_release(struct target *target)
{
	fuzz_begin(&target->fuzz, "release");
	(void)operation_end(target, sluice_semaphore_release(target->semaphore, some_units()), 0);
}

static void units_wait(struct target *target)
{
	fuzz_begin(&target->fuzz, "wait");
	(void)operation_end(
		target, sluice_semaphore_wait(target->semaphore, some_units(), fuzz_timeout()), 0);
}

static void units_post(struct target *target)
{
	fuzz_begin(&target->fuzz, "post");
	(void)operation_end(target, sluice_semaphore_post(target->semaphore, some_units()), 0);
}

static void units_hold_for(struct target *target)
{
	char path[512];

	if (target->description >= 0)
		return;
	snprintf(path, sizeof(path), "%.200s/" NAME, test_directory());
	target->description = open(path, O_RDWR | O_CLOEXEC);
	fuzz_begin(&target->fuzz, "hold_for");
	(void)operation_end(target,
			    sluice_semaphore_hold_for(target->semaphore, target->description), 0);
}

static void units_look(struct target *target)
{
	struct sluice_semaphore_info info = { .size = sizeof(info) };
	struct pollfd poller = { .events = POLLIN };

	fuzz_begin(&target->fuzz, "info");
	(void)operation_end(target, sluice_semaphore_info(target->semaphore, &info), 0);
	fuzz_begin(&target->fuzz, "value");
	(void)operation_end(target, sluice_semaphore_value(target->semaphore), INT32_MAX);
	fuzz_begin(&target->fuzz, "set_hint");
	(void)operation_end(
		target,
		sluice_semaphore_set_hint(target->semaphore, (uint32_t)test_random_below(3)), 0);
	fuzz_begin(&target->fuzz, "fd");
	poller.fd = (int)operation_end(
		target, sluice_semaphore_fd(target->semaphore, SLUICE_READABLE), 1 << 20);
	if (poller.fd >= 0)
		(void)poll(&poller, 1, 0);
}

static void work_semaphore(struct target *target)
{
	static void (*const operations[])(struct target *) = {
		units_take, units_take, units_take, units_keep,     units_release, units_wait,
		units_wait, units_post, units_post, units_hold_for, units_look
	};

	operations[test_random_below(sizeof(operations) / sizeof(operations[0]))](target);
}

/* ---- operations on a condition --------------------------------------------------------------- */

static void news_wait(struct target *target)
{
	int64_t r;

	fuzz_begin(&target->fuzz, "lock");
	r = operation_end(target, sluice_mutex_lock(target->door.mutex, fuzz_timeout()), 1);
	if (r < 0 && r != SLUICE_EDEADLK)
		return;
	fuzz_begin(&target->fuzz, "wait");
	r = sluice_condition_wait(target->condition, target->door.mutex, fuzz_timeout());
	(void)operation_end(target, r, 1);
	fuzz_begin(&target->fuzz, "unlock");
	(void)operation_end(target, sluice_mutex_unlock(target->door.mutex), 0);
}

static void news_wait_without(struct target *target)
{
	fuzz_begin(&target->fuzz, "wait without the mutex");
	(void)operation_end(
		target,
		sluice_condition_wait(target->condition, target->door.mutex, fuzz_timeout()), 1);
}

static void news_tell(struct target *target)
{
	bool all = test_random_below(2) != 0;
	bool locked;

	fuzz_begin(&target->fuzz, "lock");
	locked = operation_end(target, sluice_mutex_lock(target->door.mutex, fuzz_timeout()), 1) >=
		 0;
	fuzz_begin(&target->fuzz, all ? "broadcast" : "signal");
	(void)operation_end(target,
			    all ? sluice_condition_broadcast(target->condition)
				: sluice_condition_signal(target->condition),
			    0);
	if (!locked)
		return;
	fuzz_begin(&target->fuzz, "unlock");
	(void)operation_end(target, sluice_mutex_unlock(target->door.mutex), 0);
}

static void news_look(struct target *target)
{
	struct sluice_condition_info info = { .size = sizeof(info) };

	fuzz_begin(&target->fuzz, "info");
	(void)operation_end(target, sluice_condition_info(target->condition, &info), 0);
	fuzz_begin(&target->fuzz, "interrupt");
	(void)operation_end(target, sluice_condition_interrupt(target->condition), 0);
}

static void work_condition(struct target *target)
{
	static void (*const operations[])(struct target *) = {
		news_wait, news_wait, news_wait, news_tell, news_tell, news_wait_without, news_look
	};

	operations[test_random_below(sizeof(operations) / sizeof(operations[0]))](target);
}

/* ---- the workers ----------------------------------------------------------------------------- */

static void work(struct progress *progress, bool is_semaphore)
{
	struct target target = { .fuzz = { .progress = progress, .name = NAME },
				 .door = { .progress = progress, .name = DOOR },
				 .description = -1 };
	uint32_t left = AFTERWARDS;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (left) {
		int r = 0;

		if (__atomic_load_n(&progress->last, __ATOMIC_SEQ_CST))
			left--;
		if (!target_is_open(&target))
			r = is_semaphore ? open_semaphore(&target) : open_condition(&target);
		if (r < 0) {
			test_sleep_ms(1);
			fuzz_look(&target.fuzz);
			/* It will not come back. */
			left = r == SLUICE_ENOENT ? SLI_MIN(left, 1u) : left;
			continue;
		}
		if (is_semaphore)
			work_semaphore(&target);
		else
			work_condition(&target);
		if (test_random_below(100) == 0)
			fuzz_look(&target.fuzz);
		/* Who is refused opens it again, by and by. */
		if (test_random_below(target.is_refused ? 8 : 200) == 0)
			target_close(&target);
	}
	target_close(&target);
}

/* ---- the scribbler --------------------------------------------------------------------------- */

struct canvas {
	unsigned char *base, *pristine;
	uint64_t size, places, control, control_size, data, data_size;
};

static void canvas_map(struct canvas *canvas, const char *name)
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
	header = (const struct sli_header *)(void *)canvas->pristine;
	canvas->places = header->places_offset;
	canvas->control = header->object_offset;
	canvas->control_size = header->object_size;
	canvas->data = header->data_offset;
	canvas->data_size = header->data_size;
}

static void canvas_unmap(struct canvas *canvas)
{
	munmap(canvas->base, canvas->size);
	free(canvas->pristine);
}

static uint64_t canvas_where(const struct canvas *canvas)
{
	switch (test_random_below(16)) {
	case 0: /* the header, read only once, or life */
		return test_random_below(8) ? 256 + test_random_below(32) : test_random_below(256);
	case 1:
	case 2:
	case 3:
		return canvas->places + test_random_below(PLACES * sizeof(struct sli_place));
	case 4:
		return test_random_below(canvas->size);
	case 5:
	case 6:
	case 7:
		if (canvas->data_size) /* what the participants hold */
			return canvas->data + test_random_below(canvas->data_size);
		/* fallthrough */
	case 8:
	case 9:
		return canvas->control + test_random_below(canvas->control_size);
	default: /* the first words of each line that has any */
		return canvas->control + SLI_PAIR * test_random_below(2) + 4 * test_random_below(3);
	}
}

static uint64_t canvas_value(const struct canvas *canvas, uint64_t at)
{
	static const uint64_t edges[] = {
		0,         1,           2,           UINT64_MAX, INT64_MAX,   UINT32_MAX,
		INT32_MAX, 0x80000000u, 0x40000000u, CEILING,    CEILING + 1, UINT32_MAX - UNITS
	};
	uint64_t word;

	memcpy(&word, canvas->base + (at & ~UINT64_C(7)), sizeof(word));
	switch (test_random_below(6)) {
	case 0:
		return test_random();
	case 1:
		return edges[test_random_below(sizeof(edges) / sizeof(edges[0]))];
	case 2:
		return word ^ UINT64_C(1) << test_random_below(64);
	case 3: /* a count a little off */
		return word + test_random_below(2 * CEILING) - CEILING;
	case 4:
		return sli_stamp((uint32_t)test_random_below(PLACES + 1),
				 (uint32_t)test_random_below(3)) |
		       (test_random_below(2) ? SLI_LOCK_WAITERS : 0);
	default:
		memcpy(&word, canvas->base + (test_random_below(canvas->size) & ~UINT64_C(7)),
		       sizeof(word));
		return word;
	}
}

static void scribble_once(struct canvas *canvas)
{
	uint64_t at = canvas_where(canvas), value, size = UINT64_C(8) >> test_random_below(3);

	if (test_random_below(32))
		at &= ~(size - 1);
	if (at + size > canvas->size)
		return;
	value = canvas_value(canvas, at);
	memcpy(canvas->base + at, &value, (size_t)size);
}

/* Nothing is said to be damaged any more, though all of it may be. */
static void canvas_revive(struct canvas *canvas)
{
	memset(canvas->base + offsetof(struct sli_header, life), 0, 4);
}

static void scribble_restore(struct canvas *canvas)
{
	if (test_random_below(2))
		memcpy(canvas->base, canvas->pristine, canvas->places);
	else
		canvas_revive(canvas);
	if (test_random_below(2))
		memcpy(canvas->base + canvas->control, canvas->pristine + canvas->control,
		       (size_t)(canvas->size - canvas->control));
}

static void scribble(void *context)
{
	bool is_semaphore = *(const bool *)context;
	struct canvas canvas[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	canvas_map(&canvas[0], NAME);
	canvas_map(&canvas[1], is_semaphore ? NAME : DOOR);
	for (;;) {
		for (uint64_t n = test_random_below(12); n; n--)
			scribble_once(&canvas[test_random_below(2)]);
		for (uint64_t n = test_random_below(20000); n; n--)
			__asm__ __volatile__("" ::: "memory");
		if (test_random_below(8) == 0) {
			scribble_restore(&canvas[0]);
			scribble_restore(&canvas[1]);
		}
	}
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void round_make(bool is_semaphore)
{
	struct sluice_semaphore_options units = {
		.size = sizeof(units), .participants = PLACES, .initial = UNITS, .ceiling = CEILING
	};
	struct sluice_condition_options news = { .size = sizeof(news), .participants = PLACES };
	struct sluice_mutex_options door = { .size = sizeof(door), .participants = PLACES };
	sluice_semaphore *semaphore;
	sluice_condition *condition;
	sluice_mutex *mutex;

	if (is_semaphore) {
		CHECK_EQ(sluice_semaphore_open(NAME, &units, &semaphore), 0);
		sluice_semaphore_close(semaphore);
		return;
	}
	CHECK_EQ(sluice_condition_open(NAME, &news, &condition), 0);
	sluice_condition_close(condition);
	CHECK_EQ(sluice_mutex_open(DOOR, &door, &mutex), 0);
	sluice_mutex_close(mutex);
}

/* A lock word that has not changed since the last look belongs to nobody any more. */
static void round_unlock(const struct canvas *canvas, uint32_t *last)
{
	uint32_t *word = (uint32_t *)(void *)(canvas->base + canvas->control);
	uint32_t now = __atomic_load_n(word, __ATOMIC_SEQ_CST);

	if (now && now == *last)
		__atomic_store_n(word, 0u, __ATOMIC_SEQ_CST);
	*last = now;
}

/* A forged header may ask that whoever closes last removes it. */
static bool round_is_gone(bool is_semaphore)
{
	char path[512];

	snprintf(path, sizeof(path), "%.200s/" NAME, test_directory());
	if (access(path, F_OK) < 0)
		return true;
	snprintf(path, sizeof(path), "%.200s/" DOOR, test_directory());
	return !is_semaphore && access(path, F_OK) < 0;
}

/* Until all have ended; the fire lasts for ROUND_MS, or until nothing is left. */
static void round_watch(struct progress *const *progress, const pid_t *workers, pid_t scribbler,
			struct canvas *canvas, bool is_semaphore)
{
	int64_t end = test_now_ns() + ROUND_MS * INT64_C(1000000);
	bool over[WORKERS] = { false };
	uint32_t ended = 0, last = 0;

	while (ended < WORKERS) {
		test_sleep_ms(2);
		round_unlock(&canvas[1], &last);
		if (scribbler && (test_now_ns() > end || round_is_gone(is_semaphore))) {
			test_kill(scribbler);
			scribbler = 0;
			canvas_revive(&canvas[0]);
			canvas_revive(&canvas[1]);
			for (uint32_t i = 0; i < WORKERS; i++)
				__atomic_store_n(&progress[i]->last, 1u, __ATOMIC_SEQ_CST);
		}
		for (uint32_t i = 0; i < WORKERS; i++)
			if (!over[i] && fuzz_watch(workers[i], progress[i], "worker")) {
				over[i] = true;
				ended++;
			}
	}
}

/* What does not look like an object any more is a file to the library, which leaves it alone. */
static void round_remove(const char *name)
{
	char path[512];

	if (sluice_remove(name) < 0)
		CHECK(sluice_clean(NULL, SLUICE_CLEAN_CONTENT, NULL, NULL) >= 0);
	snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), name);
	CHECK(unlink(path) == 0 || errno == ENOENT);
}

static void round_run(struct progress *const *progress, bool is_semaphore)
{
	pid_t workers[WORKERS];
	struct canvas canvas[2];

	round_make(is_semaphore);
	canvas_map(&canvas[0], NAME);
	canvas_map(&canvas[1], is_semaphore ? NAME : DOOR);
	for (uint32_t i = 0; i < WORKERS; i++) {
		memset(progress[i], 0, sizeof(struct progress));
		workers[i] = test_fork();
		if (workers[i] == 0) {
			canvas_unmap(&canvas[0]);
			canvas_unmap(&canvas[1]);
			work(progress[i], is_semaphore);
			_exit(0);
		}
	}
	test_sleep_ms(5);
	round_watch(progress, workers, test_spawn(scribble, &is_semaphore), canvas, is_semaphore);
	canvas_unmap(&canvas[0]);
	canvas_unmap(&canvas[1]);
	round_remove(NAME);
	round_remove(DOOR);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { 0 } };
	struct progress *progress[WORKERS];
	uint64_t operations[2] = { 0 }, refused[2] = { 0 };
	int64_t end, seconds = 10;
	uint32_t rounds = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's')
			return 2;
		seconds = atoi(optarg);
	}
	test_begin();
	for (uint32_t i = 0; i < WORKERS; i++)
		progress[i] = progress_new();
	for (end = test_now_ns() + seconds * 1000000000; test_now_ns() < end; rounds++) {
		round_run(progress, rounds % 2 == 0);
		for (uint32_t i = 0; i < WORKERS; i++) {
			operations[rounds % 2] += progress[i]->count;
			refused[rounds % 2] += progress[i]->refused;
		}
	}
	printf("%u rounds, under fire: semaphore %llu operations, %llu refused as corrupt; condition "
	       "%llu, %llu\n",
	       rounds, (unsigned long long)operations[0], (unsigned long long)refused[0],
	       (unsigned long long)operations[1], (unsigned long long)refused[1]);
	return test_end();
}
