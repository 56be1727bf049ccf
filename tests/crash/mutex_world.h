/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mutex_world.h - a mutex, victims that lock and unlock it, and who has to be told what
 *
 * What the tester has to be told is read off the lock word while the victim is dead and nobody has
 * looked after it: a stamp there is a death while holding, and the next owner hears of it; a word
 * marked dirty stays so until somebody who was told unlocks.
 */
#ifndef MUTEX_WORLD_H
#define MUTEX_WORLD_H

#include "object/mutex.h"
#include "world.h"

struct mutex_scenario {
	const char *name;
	uint32_t corpses;    /* owners that died before, one after the other */
	bool is_locked;      /* the victim has it before its operation */
	bool has_waiters;    /* the word says that somebody sleeps on it */
	int64_t result;      /* of the operation, when it is reported */
	int told;            /* what the tester is told when it was: 0, or SLUICE_RECOVERED */
	bool is_told_always; /* a death before the victim's has to be told in any case */
	int (*prepare)(void);
	void (*operate)(struct report *report);
};

static sluice_mutex *victim_mutex;
static const struct sluice_mutex_options mutex_options = { .size = sizeof(mutex_options),
							   .participants = 6,
							   .slice_ns = SLUICE_MS(10) };

#define MUTEX_NAME "door"

static inline int mutex_prepare_open(void)
{
	return sluice_mutex_open(MUTEX_NAME, &mutex_options, &victim_mutex);
}

static inline int mutex_prepare_locked(void)
{
	int r = mutex_prepare_open();

	if (r == 0)
		r = sluice_mutex_lock(victim_mutex, SLUICE_NOWAIT);
	return r == SLUICE_RECOVERED ? 0 : r;
}

/* The owner before dies while the victim is attached already. */
static inline int mutex_prepare_nothing(void)
{
	return 0;
}

static inline void mutex_operate_lock(struct report *report)
{
	report->result = sluice_mutex_lock(victim_mutex, SLUICE_NOWAIT);
}

static inline void mutex_operate_unlock(struct report *report)
{
	report->result = sluice_mutex_unlock(victim_mutex);
}

static inline void mutex_operate_both(struct report *report)
{
	mutex_operate_lock(report);
	if (report->result == 0)
		mutex_operate_unlock(report);
}

static inline void mutex_operate_open(struct report *report)
{
	report->result = mutex_prepare_open();
}

static inline void mutex_operate_close(struct report *report)
{
	sluice_mutex_close(victim_mutex);
	report->result = 0;
}

static const struct mutex_scenario mutex_scenarios[] = {
	{ "mutex_lock", .told = SLUICE_RECOVERED, .prepare = mutex_prepare_open,
	  .operate = mutex_operate_lock },
	{ "mutex_unlock", .is_locked = true, .prepare = mutex_prepare_locked,
	  .operate = mutex_operate_unlock },
	{ "mutex_lock_unlock", .prepare = mutex_prepare_open, .operate = mutex_operate_both },
	{ "mutex_unlock_waiters", .is_locked = true, .has_waiters = true,
	  .prepare = mutex_prepare_locked, .operate = mutex_operate_unlock },
	{ "mutex_lock_waiters", .has_waiters = true, .told = SLUICE_RECOVERED,
	  .prepare = mutex_prepare_open, .operate = mutex_operate_lock },
	{ "mutex_lock_dead", .corpses = 1, .result = SLUICE_RECOVERED, .told = SLUICE_RECOVERED,
	  .is_told_always = true, .prepare = mutex_prepare_open, .operate = mutex_operate_lock },
	{ "mutex_lock_dead_waiters", .corpses = 1, .has_waiters = true, .result = SLUICE_RECOVERED,
	  .told = SLUICE_RECOVERED, .is_told_always = true, .prepare = mutex_prepare_open,
	  .operate = mutex_operate_lock },
	{ "mutex_unlock_dead", .corpses = 1, .is_locked = true, .prepare = mutex_prepare_locked,
	  .operate = mutex_operate_unlock },
	{ "mutex_open_dead", .corpses = 1, .told = SLUICE_RECOVERED, .is_told_always = true,
	  .prepare = mutex_prepare_nothing, .operate = mutex_operate_open },
	{ "mutex_close", .is_locked = true, .told = SLUICE_RECOVERED,
	  .prepare = mutex_prepare_locked, .operate = mutex_operate_close },
};
#define MUTEX_SCENARIOS (sizeof(mutex_scenarios) / sizeof(mutex_scenarios[0]))

/* A process that locks it and dies; attached before, and told by a byte when to do so. */
struct mutex_corpse {
	pid_t pid;
	int go;
};

static inline void mutex_corpse_attach(struct mutex_corpse *corpse)
{
	int go[2], ready[2];
	char byte = 0;

	CHECK_EQ(pipe2(go, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(ready, O_CLOEXEC), 0);
	corpse->pid = test_fork();
	if (corpse->pid == 0) {
		sluice_mutex *mutex;

		if (sluice_mutex_open(MUTEX_NAME, &mutex_options, &mutex) != 0 ||
		    write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1 ||
		    sluice_mutex_lock(mutex, SLUICE_NOWAIT) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	corpse->go = go[1];
}

static inline void mutex_corpse_die(struct mutex_corpse *corpse)
{
	char byte = 0;

	CHECK_EQ(write(corpse->go, &byte, 1), 1);
	close(corpse->go);
	CHECK_EQ(test_wait(corpse->pid), -SIGKILL);
}

/* ---- afterwards ---------------------------------------------------------------------------- */

static inline uint32_t mutex_word(const sluice_mutex *mutex)
{
	return sli_load_acq(&mutex->control->lock.word);
}

/* Lock it, within the time; @wanted: what one has to be told. */
static inline bool mutex_take(struct world *world, sluice_mutex *mutex, int wanted)
{
	int64_t began = test_now_ns();
	int r = sluice_mutex_lock(mutex, PATIENCE_NS);

	if (r < 0)
		return complain(world, "lock: %s", sluice_error_name(r));
	if (r != wanted)
		return complain(world, "lock said %d, wanted %d", r, wanted);
	return world_timed(world, began, "lock");
}

static inline bool mutex_release(struct world *world, sluice_mutex *mutex)
{
	int r = sluice_mutex_unlock(mutex);

	return r == 0 || complain(world, "unlock: %s", sluice_error_name(r));
}

/* The victim is dead: the mutex can be had, and who has it is told what he must know. */
static inline bool mutex_check(struct world *world, const struct mutex_scenario *scenario,
			       const struct report *report, sluice_mutex *mutex, uint32_t variant)
{
	struct sluice_mutex_info info = { .size = sizeof(info) };
	uint32_t word = mutex_word(mutex);
	int wanted = word & (SLI_STAMP | SLI_LOCK_DIRTY) ? SLUICE_RECOVERED : 0;
	sluice_mutex *other = NULL;
	int64_t began = test_now_ns();
	bool good;

	if (report_is_finished(report) && report->result != scenario->result)
		return complain(world, "the victim's operation returned %lld, wanted %lld",
				(long long)report->result, (long long)scenario->result);
	if (report_is_finished(report) && wanted != scenario->told)
		return complain(world, "the word is %#x after a success", word);
	if (scenario->is_told_always && !wanted)
		return complain(world, "the word is %#x, nobody will hear of the death", word);
	if (variant % 2) {
		int r = sluice_mutex_open(MUTEX_NAME, &mutex_options, &other);

		if (r < 0)
			return complain(world, "open: %s", sluice_error_name(r));
	}
	good = (!other || world_timed(world, began, "open")) && mutex_take(world, mutex, wanted);
	if (good && other && sluice_mutex_lock(other, SLUICE_NOWAIT) != SLUICE_EAGAIN)
		good = complain(world, "two owners");
	good = good && mutex_release(world, mutex) && mutex_take(world, other ? other : mutex, 0) &&
	       mutex_release(world, other ? other : mutex);
	sluice_mutex_close(other);
	if (!good)
		return false;
	/* The dead one's place is found by who attaches. */
	if (sluice_mutex_open(MUTEX_NAME, &mutex_options, &other) < 0)
		return complain(world, "open failed");
	if (sluice_mutex_info(mutex, &info) < 0 || info.attached != 2 || info.locked)
		good = complain(world, "%u attached, locked %u", info.attached, info.locked);
	sluice_mutex_close(other);
	return good;
}

#endif
