/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock_world.h - victims in a reader-writer lock, and what has to be true when they died
 *
 * What the lock guards is a pair of numbers that a writer changes one after the other. Whoever gets
 * the lock afterwards sees two equal numbers, or is told SLUICE_RECOVERED; and everybody gets it.
 */
#ifndef RWLOCK_WORLD_H
#define RWLOCK_WORLD_H

#include "engine.h"
#include "object/rwlock.h"

enum rwlock_has { HAS_NOTHING, HAS_SHARED, HAS_EXCLUSIVE };

struct rwlock_scenario {
	const char *name;
	bool is_long;           /* thousands of instructions: not at each of them */
	enum rwlock_has before; /* what the victim has */
	enum rwlock_has corpse; /* what somebody had when he died */
	enum rwlock_has tester; /* what we have, until the victim is dead */
	bool armed;             /* words say that somebody sleeps */
	bool awaited;           /* somebody does: a writer waits for the victim */
	bool is_open;           /* before the operation */
	bool is_first;          /* and that is its first */
	int64_t timeout;        /* of the operation */
	int64_t result;         /* of the operation, when it is reported */
	void (*operate)(const struct rwlock_scenario *scenario, struct report *report);
};

#define RWLOCK_NAME "shelf"

static sluice_rwlock *victim_rwlock;
static volatile int *rwlock_pair; /* in shared memory */
static const struct sluice_rwlock_options shelf_options = {
	.size = sizeof(shelf_options), .participants = 6, .spin_ns = 1, .slice_ns = SLUICE_MS(10)
};

static inline int rwlock_get(sluice_rwlock *rwlock, enum rwlock_has what, int64_t timeout)
{
	return what == HAS_SHARED      ? sluice_rwlock_lock_shared(rwlock, timeout)
	       : what == HAS_EXCLUSIVE ? sluice_rwlock_lock_exclusive(rwlock, timeout)
				       : 0;
}

/* A writer: in the middle the numbers differ. */
static inline void rwlock_write_pair(bool second)
{
	if (second)
		rwlock_pair[1] = rwlock_pair[0];
	else
		rwlock_pair[0]++;
}

static inline int rwlock_prepare(const struct rwlock_scenario *scenario)
{
	int r;

	if (!scenario->is_open)
		return 0;
	r = sluice_rwlock_open(RWLOCK_NAME, &shelf_options, &victim_rwlock);
	/* The first time it makes a record of the thread: thousands of instructions in malloc. */
	if (r == 0 && !scenario->is_first)
		r = sluice_rwlock_lock_shared(victim_rwlock, SLUICE_NOWAIT);
	if (r == 0 && !scenario->is_first)
		r = sluice_rwlock_unlock(victim_rwlock);
	if (r == 0)
		r = rwlock_get(victim_rwlock, scenario->before, SLUICE_NOWAIT);
	if (r == 0 && scenario->before == HAS_EXCLUSIVE)
		rwlock_write_pair(false);
	return r;
}

/* ---- operations ------------------------------------------------------------------------------ */

static inline void rwlock_operate_open(const struct rwlock_scenario *scenario,
				       struct report *report)
{
	(void)scenario;
	report->result = sluice_rwlock_open(RWLOCK_NAME, &shelf_options, &victim_rwlock);
}

static inline void rwlock_operate_close(const struct rwlock_scenario *scenario,
					struct report *report)
{
	(void)scenario;
	sluice_rwlock_close(victim_rwlock);
	report->result = 0;
}

static inline void rwlock_operate_read(const struct rwlock_scenario *scenario,
				       struct report *report)
{
	report->result = sluice_rwlock_lock_shared(victim_rwlock, scenario->timeout);
	if (report->result >= 0)
		sluice_rwlock_unlock(victim_rwlock);
}

static inline void rwlock_operate_write(const struct rwlock_scenario *scenario,
					struct report *report)
{
	report->result = sluice_rwlock_lock_exclusive(victim_rwlock, scenario->timeout);
	if (report->result < 0)
		return;
	rwlock_write_pair(false);
	rwlock_write_pair(true);
	sluice_rwlock_unlock(victim_rwlock);
}

static inline void rwlock_operate_unlock(const struct rwlock_scenario *scenario,
					 struct report *report)
{
	if (scenario->before == HAS_EXCLUSIVE)
		rwlock_write_pair(true);
	report->result = sluice_rwlock_unlock(victim_rwlock);
}

static const struct rwlock_scenario rwlock_scenarios[] = {
	{ "rwlock_read", .is_open = true, .operate = rwlock_operate_read },
	{ "rwlock_read_first", .is_long = true, .is_open = true, .is_first = true,
	  .operate = rwlock_operate_read },
	{ "rwlock_read_again", .is_open = true, .before = HAS_SHARED,
	  .operate = rwlock_operate_read },
	{ "rwlock_read_closed", .is_open = true, .tester = HAS_EXCLUSIVE, .result = SLUICE_EAGAIN,
	  .operate = rwlock_operate_read },
	{ "rwlock_read_wait", .is_open = true, .tester = HAS_EXCLUSIVE, .timeout = SLUICE_MS(1),
	  .result = SLUICE_ETIMEDOUT, .operate = rwlock_operate_read },
	{ "rwlock_read_after_reader", .is_open = true, .corpse = HAS_SHARED,
	  .operate = rwlock_operate_read },
	{ "rwlock_read_after_writer", .is_open = true, .corpse = HAS_EXCLUSIVE,
	  .result = SLUICE_RECOVERED, .operate = rwlock_operate_read },
	{ "rwlock_read_end_awaited", .is_open = true, .before = HAS_SHARED, .awaited = true,
	  .operate = rwlock_operate_unlock },
	{ "rwlock_write", .is_open = true, .operate = rwlock_operate_write },
	{ "rwlock_write_armed", .is_open = true, .armed = true, .operate = rwlock_operate_write },
	{ "rwlock_write_read", .is_open = true, .tester = HAS_SHARED, .result = SLUICE_EAGAIN,
	  .operate = rwlock_operate_write },
	{ "rwlock_write_wait", .is_open = true, .tester = HAS_SHARED, .timeout = SLUICE_MS(1),
	  .result = SLUICE_ETIMEDOUT, .operate = rwlock_operate_write },
	{ "rwlock_write_after_reader", .is_open = true, .corpse = HAS_SHARED,
	  .operate = rwlock_operate_write },
	{ "rwlock_write_after_writer", .is_open = true, .corpse = HAS_EXCLUSIVE,
	  .result = SLUICE_RECOVERED, .operate = rwlock_operate_write },
	{ "rwlock_write_end_awaited", .is_open = true, .before = HAS_EXCLUSIVE, .awaited = true,
	  .operate = rwlock_operate_unlock },
	{ "rwlock_open_after_writer", .is_long = true, .corpse = HAS_EXCLUSIVE,
	  .operate = rwlock_operate_open },
	{ "rwlock_close_reader", .is_long = true, .is_open = true, .before = HAS_SHARED,
	  .operate = rwlock_operate_close },
	{ "rwlock_close_writer", .is_long = true, .is_open = true, .before = HAS_EXCLUSIVE,
	  .operate = rwlock_operate_close },
};
#define RWLOCK_SCENARIOS (sizeof(rwlock_scenarios) / sizeof(rwlock_scenarios[0]))

/* ---- the world around ------------------------------------------------------------------------ */

struct rwlock_stage {
	sluice_rwlock *rwlock;
	pid_t waiter; /* a writer, asleep; 0: none */
	bool told;    /* a writer of ours has died, as far as we know */
};

/* Has what it should, and dies with it. */
static inline void rwlock_corpse(enum rwlock_has what)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_rwlock *mine;

		if (sluice_rwlock_open(RWLOCK_NAME, &shelf_options, &mine) != 0 ||
		    rwlock_get(mine, what, SLUICE_NOWAIT) < 0)
			_exit(1);
		if (what == HAS_EXCLUSIVE)
			rwlock_write_pair(false);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
}

static inline pid_t rwlock_waiter(sluice_rwlock *rwlock)
{
	struct sluice_rwlock_info info = { .size = sizeof(info) };
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_rwlock *mine;
		int r;

		if (sluice_rwlock_open(RWLOCK_NAME, &shelf_options, &mine) != 0)
			_exit(2);
		r = sluice_rwlock_lock_exclusive(mine, SLUICE_S(10));
		if (r < 0 || (r == 0 && rwlock_pair[0] != rwlock_pair[1]))
			_exit(3);
		rwlock_pair[0] = rwlock_pair[1];
		_exit(sluice_rwlock_unlock(mine) != 0);
	}
	while (sluice_rwlock_info(rwlock, &info) == 0 && !info.waiting)
		test_sleep_ms(1);
	return pid;
}

static inline bool rwlock_waiter_ends(struct world *world, pid_t pid)
{
	int64_t began = test_now_ns();
	int status;

	/* It needs a processor, too: no bound but that it ends. */
	while (test_now_ns() - began < 10 * PATIENCE_NS) {
		siginfo_t info = { 0 };

		CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
		if (info.si_pid == pid) {
			status = test_wait(pid);
			return status == 0 ||
			       complain(world, "the waiting writer ended with %d", status);
		}
		sched_yield();
	}
	test_kill(pid);
	return complain(world, "the waiting writer did not get it");
}

static inline void rwlock_stage_begin(struct rwlock_stage *stage)
{
	memset(stage, 0, sizeof(*stage));
	rwlock_pair[0] = rwlock_pair[1] = 0;
	CHECK_EQ(sluice_rwlock_open(RWLOCK_NAME, &shelf_options, &stage->rwlock), 0);
}

/* With the victim ready. */
static inline void rwlock_stage_set(struct rwlock_stage *stage,
				    const struct rwlock_scenario *scenario)
{
	struct sli_rwlock_control *control = stage->rwlock->held.lock.control;

	if (scenario->corpse)
		rwlock_corpse(scenario->corpse);
	if (scenario->armed) {
		sli_event_arm(&control->opened, SLI_EVENT_ANY);
		sli_event_arm(&control->emptied, SLI_EVENT_ANY);
		sli_or_sc(&control->lock.word, SLI_LOCK_WAITERS);
	}
	CHECK_EQ(rwlock_get(stage->rwlock, scenario->tester, SLUICE_NOWAIT), 0);
	if (scenario->awaited)
		stage->waiter = rwlock_waiter(stage->rwlock);
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static inline bool rwlock_take_it(struct world *world, sluice_rwlock *rwlock, enum rwlock_has what,
				  bool may_be_told)
{
	int64_t began = test_now_ns();
	int r = rwlock_get(rwlock, what, PATIENCE_NS);
	bool shared = what == HAS_SHARED;

	if (r < 0)
		return complain(world, "lock %s: %s", shared ? "shared" : "exclusive",
				sluice_error_name(r));
	if (!world_timed(world, began, "lock"))
		return false;
	if (r == SLUICE_RECOVERED && !may_be_told)
		return complain(world, "told of a death, but no writer died inside");
	if (r == 0 && rwlock_pair[0] != rwlock_pair[1])
		return complain(world, "half written, and not told: %d, %d", rwlock_pair[0],
				rwlock_pair[1]);
	if (what == HAS_EXCLUSIVE)
		rwlock_pair[0] = rwlock_pair[1];
	r = sluice_rwlock_unlock(rwlock);
	return r == 0 || complain(world, "unlock: %s", sluice_error_name(r));
}

/* All is as if nobody had ever died; @others are attached besides us. */
static inline bool rwlock_check_rest(struct world *world, sluice_rwlock *rwlock)
{
	struct sluice_rwlock_info info = { .size = sizeof(info) };
	sluice_rwlock *other;
	bool good;

	/* The dead one's place is found by who attaches. */
	if (sluice_rwlock_open(RWLOCK_NAME, &shelf_options, &other) < 0)
		return complain(world, "open failed");
	good = rwlock_take_it(world, other, HAS_SHARED, false) &&
	       rwlock_take_it(world, other, HAS_EXCLUSIVE, false);
	if (good && (sluice_rwlock_info(rwlock, &info) < 0 || info.attached != 2 || info.locked ||
		     info.readers || info.owner_died))
		good = complain(world, "%u attached, locked %u, %u readers, owner_died %u",
				info.attached, info.locked, info.readers, info.owner_died);
	sluice_rwlock_close(other);
	return good;
}

/* The victim is dead. */
static inline bool rwlock_check_world(struct world *world, struct rwlock_stage *stage,
				      const struct rwlock_scenario *scenario,
				      const struct report *report, uint32_t variant)
{
	bool writes = scenario->operate == rwlock_operate_write ||
		      scenario->before == HAS_EXCLUSIVE || scenario->corpse == HAS_EXCLUSIVE;
	sluice_rwlock *other = NULL;
	bool good = true;

	if (scenario->tester && sluice_rwlock_unlock(stage->rwlock) != 0)
		return complain(world, "we could not unlock");
	if (report && report_is_finished(report) && report->result != scenario->result)
		good = complain(world, "the victim's operation returned %lld, wanted %lld",
				(long long)report->result, (long long)scenario->result);
	if (stage->waiter)
		good = rwlock_waiter_ends(world, stage->waiter) && good;
	if (good && variant % 3 == 1 && sluice_rwlock_open(RWLOCK_NAME, &shelf_options, &other) < 0)
		return complain(world, "open failed");
	if (good && variant % 3 == 2)
		good = rwlock_take_it(world, stage->rwlock, HAS_SHARED, writes);
	good = good && rwlock_take_it(world, other ? other : stage->rwlock, HAS_EXCLUSIVE, writes);
	sluice_rwlock_close(other);
	return good && rwlock_check_rest(world, stage->rwlock);
}

static inline bool rwlock_stage_end(struct world *world, struct rwlock_stage *stage, bool good)
{
	sluice_rwlock_close(stage->rwlock);
	good = world_remove(world) && good;
	alarm(0);
	return good;
}

/* ---- the engine ------------------------------------------------------------------------------ */

static inline void engine_rwlock_begin(struct world *world)
{
	if (!rwlock_pair) {
		rwlock_pair = (volatile int *)mmap(NULL, 2 * sizeof(int), PROT_READ | PROT_WRITE,
						   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK(rwlock_pair != MAP_FAILED);
	}
	world->name = RWLOCK_NAME;
	world->complaint[0] = '\0';
	world->is_slow = false;
}

static inline void engine_rwlock_body(struct report *report, void *context)
{
	const struct rwlock_scenario *scenario = (const struct rwlock_scenario *)context;

	report->prepared = rwlock_prepare(scenario);
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(scenario, report);
	report_finish(report);
	raise(SIGSTOP);
}

static inline void engine_rwlock_start(const struct rwlock_scenario *scenario,
				       struct rwlock_stage *stage, struct victim *victim,
				       struct report *report)
{
	rwlock_stage_begin(stage);
	victim_start(victim, report, engine_rwlock_body, (void *)(uintptr_t)scenario);
	rwlock_stage_set(stage, scenario);
	victim_to_start(victim);
}

static inline void engine_rwlock_point(const struct rwlock_scenario *scenario,
				       const struct trace *trace, uint32_t point, uint32_t variant,
				       struct report *report, struct tally *tally)
{
	static struct world world;
	struct rwlock_stage stage;
	struct victim victim;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		engine_watch(scenario->name, point, 0, variant);
		engine_rwlock_begin(&world);
		engine_rwlock_start(scenario, &stage, &victim, report);
		(void)victim_go_to(&victim, trace, point);
		pc = victim.pc;
		victim_kill(&victim);
		good = rwlock_check_world(&world, &stage, scenario, report, variant);
		good = rwlock_stage_end(&world, &stage, good);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, variant, trace, pc, good, &world);
}

static inline void points_of_rwlock(const struct rwlock_scenario *scenario, struct report *report,
				    struct points *points)
{
	static struct world world;
	struct rwlock_stage stage;
	struct victim victim;

	engine_watch(scenario->name, 0, 0, 0);
	engine_rwlock_begin(&world);
	engine_rwlock_start(scenario, &stage, &victim, report);
	points_collect(&victim, RWLOCK_NAME, points);
	victim_kill(&victim);
	if (scenario->tester)
		sluice_rwlock_unlock(stage.rwlock);
	if (stage.waiter)
		(void)test_wait(stage.waiter);
	(void)rwlock_stage_end(&world, &stage, true);
}

#endif
