/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_sync.c - a peer that stores anything anywhere in a semaphore, or in a condition and its mutex
 *
 * Rounds as fire.h has them, in turn on the one and on the others. Wrong counts and waits for nothing are
 * allowed, too.
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
#include "fire.h"
#include "object/condition.h"
#include "object/semaphore.h"

#define NAME "fire"
#define DOOR "door"
#define PLACES 6u
#define UNITS 5u
#define CEILING 9u

struct target {
	struct fuzz fuzz; /* the semaphore, or the condition */
	struct fuzz door; /* the condition's mutex */
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
	if (target->description >= 0)
		close(target->description);
	target->description = -1;
	fuzz_close(&target->door);
	fuzz_close(&target->fuzz);
}

/* ---- operations ------------------------------------------------------------------------------ */

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
	if (fuzz_end(&target->fuzz, r, 0) < 0)
		return;
	fuzz_begin(&target->fuzz, "release");
	(void)fuzz_end(&target->fuzz, sluice_semaphore_release(target->semaphore, units), 0);
}

/* And keep them, for the close to give back. */
static void units_keep(struct target *target)
{
	fuzz_begin(&target->fuzz, "acquire and keep");
	(void)fuzz_end(&target->fuzz,
		       sluice_semaphore_acquire(target->semaphore, 1, fuzz_timeout()), 0);
}

static void units_release(struct target *target)
{
	fuzz_begin(&target->fuzz, "release");
	(void)fuzz_end(&target->fuzz, sluice_semaphore_release(target->semaphore, some_units()), 0);
}

static void units_wait(struct target *target)
{
	fuzz_begin(&target->fuzz, "wait");
	(void)fuzz_end(&target->fuzz,
		       sluice_semaphore_wait(target->semaphore, some_units(), fuzz_timeout()), 0);
}

static void units_post(struct target *target)
{
	fuzz_begin(&target->fuzz, "post");
	(void)fuzz_end(&target->fuzz, sluice_semaphore_post(target->semaphore, some_units()), 0);
}

static void units_hold_for(struct target *target)
{
	char path[512];

	if (target->description >= 0)
		return;
	snprintf(path, sizeof(path), "%.200s/" NAME, test_directory());
	target->description = open(path, O_RDWR | O_CLOEXEC);
	fuzz_begin(&target->fuzz, "hold_for");
	(void)fuzz_end(&target->fuzz,
		       sluice_semaphore_hold_for(target->semaphore, target->description), 0);
}

static void units_look(struct target *target)
{
	struct sluice_semaphore_info info = { .size = sizeof(info) };
	struct pollfd poller = { .events = POLLIN };

	fuzz_begin(&target->fuzz, "info");
	(void)fuzz_end(&target->fuzz, sluice_semaphore_info(target->semaphore, &info), 0);
	fuzz_begin(&target->fuzz, "value");
	(void)fuzz_end(&target->fuzz, sluice_semaphore_value(target->semaphore), INT32_MAX);
	fuzz_begin(&target->fuzz, "set_hint");
	(void)fuzz_end(&target->fuzz,
		       sluice_semaphore_set_hint(target->semaphore, (uint32_t)test_random_below(3)),
		       0);
	fuzz_begin(&target->fuzz, "fd");
	poller.fd = (int)fuzz_end(&target->fuzz,
				  sluice_semaphore_fd(target->semaphore, SLUICE_READABLE), 1 << 20);
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
	r = fuzz_end(&target->fuzz, sluice_mutex_lock(target->door.mutex, fuzz_timeout()), 1);
	if (r < 0 && r != SLUICE_EDEADLK)
		return;
	fuzz_begin(&target->fuzz, "wait");
	r = sluice_condition_wait(target->condition, target->door.mutex, fuzz_timeout());
	(void)fuzz_end(&target->fuzz, r, 1);
	fuzz_begin(&target->fuzz, "unlock");
	(void)fuzz_end(&target->fuzz, sluice_mutex_unlock(target->door.mutex), 0);
}

static void news_wait_without(struct target *target)
{
	fuzz_begin(&target->fuzz, "wait without the mutex");
	(void)fuzz_end(&target->fuzz,
		       sluice_condition_wait(target->condition, target->door.mutex, fuzz_timeout()),
		       1);
}

static void news_tell(struct target *target)
{
	bool all = test_random_below(2) != 0;
	bool locked;

	fuzz_begin(&target->fuzz, "lock");
	locked = fuzz_end(&target->fuzz, sluice_mutex_lock(target->door.mutex, fuzz_timeout()),
			  1) >= 0;
	fuzz_begin(&target->fuzz, all ? "broadcast" : "signal");
	(void)fuzz_end(&target->fuzz,
		       all ? sluice_condition_broadcast(target->condition)
			   : sluice_condition_signal(target->condition),
		       0);
	if (!locked)
		return;
	fuzz_begin(&target->fuzz, "unlock");
	(void)fuzz_end(&target->fuzz, sluice_mutex_unlock(target->door.mutex), 0);
}

static void news_look(struct target *target)
{
	struct sluice_condition_info info = { .size = sizeof(info) };

	fuzz_begin(&target->fuzz, "info");
	(void)fuzz_end(&target->fuzz, sluice_condition_info(target->condition, &info), 0);
	fuzz_begin(&target->fuzz, "interrupt");
	(void)fuzz_end(&target->fuzz, sluice_condition_interrupt(target->condition), 0);
}

static void work_condition(struct target *target)
{
	static void (*const operations[])(struct target *) = {
		news_wait, news_wait, news_wait, news_tell, news_tell, news_wait_without, news_look
	};

	operations[test_random_below(sizeof(operations) / sizeof(operations[0]))](target);
}

/* ---- the workers ----------------------------------------------------------------------------- */

static bool is_about_semaphore(const struct fire *fire)
{
	return fire->names[1] == NULL;
}

static void work(const struct fire *fire, struct progress *progress, uint32_t worker)
{
	struct target target = { .fuzz = { .progress = progress, .name = NAME },
				 .door = { .progress = progress, .name = DOOR },
				 .description = -1 };
	uint32_t left = FIRE_AFTERWARDS;
	bool is_semaphore = is_about_semaphore(fire);

	(void)worker;
	while (fire_goes_on(progress, &left)) {
		int r = 0;

		if (!target_is_open(&target))
			r = is_semaphore ? open_semaphore(&target) : open_condition(&target);
		if (r < 0) {
			fire_rest(&target.fuzz, r, &left);
			continue;
		}
		if (is_semaphore)
			work_semaphore(&target);
		else
			work_condition(&target);
		if (test_random_below(100) == 0)
			fuzz_look(&target.fuzz);
		if (fire_opens_anew(&target.fuzz))
			target_close(&target);
	}
	target_close(&target);
}

/* ---- what is stored where -------------------------------------------------------------------- */

static uint64_t where(const struct canvas *canvas)
{
	switch (test_random_below(16)) {
	case 0:
		return canvas_header();
	case 1:
	case 2:
	case 3:
		return canvas_place(canvas);
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

/* Counts, and any value. */
static uint64_t value(const struct canvas *canvas, uint64_t at)
{
	static const uint64_t edges[] = { CEILING, CEILING + 1, UINT32_MAX - UNITS };

	if (test_random_below(8) == 0)
		return edges[test_random_below(sizeof(edges) / sizeof(edges[0]))];
	return canvas_value(canvas, at);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void make(const struct fire *fire)
{
	struct sluice_semaphore_options units = {
		.size = sizeof(units), .participants = PLACES, .initial = UNITS, .ceiling = CEILING
	};
	struct sluice_condition_options news = { .size = sizeof(news), .participants = PLACES };
	struct sluice_mutex_options door = { .size = sizeof(door), .participants = PLACES };
	sluice_semaphore *semaphore;
	sluice_condition *condition;
	sluice_mutex *mutex;

	if (is_about_semaphore(fire)) {
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
static void unlock(const struct fire *fire, const struct canvas *canvas)
{
	static uint32_t last;
	uint32_t *word = (uint32_t *)(void *)(canvas->base + canvas->control);
	uint32_t now = __atomic_load_n(word, __ATOMIC_SEQ_CST);

	if (fire->names[1] && canvas == &fire->canvas[0])
		return; /* the condition, which has no lock */
	if (now && now == last)
		__atomic_store_n(word, 0u, __ATOMIC_SEQ_CST);
	last = now;
}

static void next(struct fire *fire)
{
	fire->names[1] = fire->number % 2 ? DOOR : NULL;
}

int main(int argc, char **argv)
{
	struct fire fire = { .names = { NAME },
			     .seconds = 10,
			     .make = make,
			     .work = work,
			     .where = where,
			     .value = value,
			     .tend = unlock };

	return fire_main(&fire, argc, argv, next);
}
