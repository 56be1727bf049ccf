/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sync_world.h - victims in semaphores and the other gates, and what has to be true when they died
 *
 * A scenario sets an object up, has a victim operate on it, and says afterwards what is wrong, if
 * anything. Its oracle does not look at how the object works: it counts what can be had.
 */
#ifndef SYNC_WORLD_H
#define SYNC_WORLD_H

#include "engine.h"
#include "object/semaphore.h"

struct sync_scenario {
	const char *name;
	bool is_long;        /* thousands of instructions: not at each of them */
	uint32_t units;      /* the operation's */
	uint32_t before;     /* what the victim holds before it */
	bool corpse;         /* a dead participant holds what is free */
	bool armed, waiters; /* words say that somebody sleeps */
	int64_t result;      /* of the operation, when it is reported */
	int gain;            /* units that there are more after it was done */
	int (*prepare)(const struct sync_scenario *scenario);
	void (*operate)(const struct sync_scenario *scenario, struct report *report);
};

/* ---- semaphores ------------------------------------------------------------------------------ */

#define SYNC_NAME "gate"
#define SYNC_UNITS 6u

static sluice_semaphore *victim_units;
static int victim_description = -1;
static const struct sluice_semaphore_options sync_options = { .size = sizeof(sync_options),
							      .participants = 6,
							      .slice_ns = SLUICE_MS(10),
							      .initial = SYNC_UNITS,
							      .ceiling = 100 };

static inline int units_prepare(const struct sync_scenario *scenario)
{
	int r = sluice_semaphore_open(SYNC_NAME, &sync_options, &victim_units);

	if (r == 0 && scenario->before)
		r = sluice_semaphore_acquire(victim_units, scenario->before, SLUICE_NOWAIT);
	return r;
}

static inline int units_prepare_nothing(const struct sync_scenario *scenario)
{
	(void)scenario;
	return 0;
}

static inline void units_operate_open(const struct sync_scenario *scenario, struct report *report)
{
	report->result = units_prepare(scenario);
}

static inline void units_operate_close(const struct sync_scenario *scenario, struct report *report)
{
	(void)scenario;
	sluice_semaphore_close(victim_units);
	report->result = 0;
}

static inline void units_operate_acquire(const struct sync_scenario *scenario,
					 struct report *report)
{
	report->result = sluice_semaphore_acquire(victim_units, scenario->units, SLUICE_NOWAIT);
}

static inline void units_operate_release(const struct sync_scenario *scenario,
					 struct report *report)
{
	report->result = sluice_semaphore_release(victim_units, scenario->units);
}

static inline void units_operate_post(const struct sync_scenario *scenario, struct report *report)
{
	report->result = sluice_semaphore_post(victim_units, scenario->units);
}

static inline void units_operate_wait(const struct sync_scenario *scenario, struct report *report)
{
	report->result = sluice_semaphore_wait(victim_units, scenario->units, SLUICE_NOWAIT);
}

/* On the account of a description that dies with the victim, too. */
static inline void units_operate_account(const struct sync_scenario *scenario,
					 struct report *report)
{
	char path[512];

	snprintf(path, sizeof(path), "%.200s/" SYNC_NAME, test_directory());
	victim_description = open(path, O_RDWR | O_CLOEXEC);
	report->result = sluice_semaphore_hold_for(victim_units, victim_description);
	if (report->result == 0)
		units_operate_acquire(scenario, report);
}

static const struct sync_scenario sync_scenarios[] = {
	{ "semaphore_acquire", .units = 1, .prepare = units_prepare,
	  .operate = units_operate_acquire },
	{ "semaphore_acquire_many", .units = 5, .before = 1, .prepare = units_prepare,
	  .operate = units_operate_acquire },
	{ "semaphore_acquire_waiters", .units = 2, .waiters = true, .prepare = units_prepare,
	  .operate = units_operate_acquire },
	{ "semaphore_acquire_dead", .units = 3, .corpse = true, .prepare = units_prepare,
	  .operate = units_operate_acquire },
	{ "semaphore_acquire_none", .units = 1, .before = SYNC_UNITS, .result = SLUICE_EAGAIN,
	  .prepare = units_prepare, .operate = units_operate_acquire },
	{ "semaphore_account", .is_long = true, .units = 2, .prepare = units_prepare,
	  .operate = units_operate_account },
	{ "semaphore_release", .units = 2, .before = 5, .prepare = units_prepare,
	  .operate = units_operate_release },
	{ "semaphore_release_armed", .units = 1, .before = 6, .armed = true, .waiters = true,
	  .prepare = units_prepare, .operate = units_operate_release },
	{ "semaphore_post", .units = 3, .gain = 3, .prepare = units_prepare,
	  .operate = units_operate_post },
	{ "semaphore_post_armed", .units = 1, .armed = true, .gain = 1, .prepare = units_prepare,
	  .operate = units_operate_post },
	{ "semaphore_wait", .units = 2, .gain = -2, .prepare = units_prepare,
	  .operate = units_operate_wait },
	{ "semaphore_wait_dead", .units = 2, .corpse = true, .gain = -2, .prepare = units_prepare,
	  .operate = units_operate_wait },
	{ "semaphore_open_dead", .is_long = true, .corpse = true, .prepare = units_prepare_nothing,
	  .operate = units_operate_open },
	{ "semaphore_close", .is_long = true, .before = 4, .prepare = units_prepare,
	  .operate = units_operate_close },
};
#define SYNC_SCENARIOS (sizeof(sync_scenarios) / sizeof(sync_scenarios[0]))

/* Holds everything, and dies. */
static inline void sync_corpse(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_semaphore *mine;

		if (sluice_semaphore_open(SYNC_NAME, &sync_options, &mine) != 0 ||
		    sluice_semaphore_acquire(mine, SYNC_UNITS, SLUICE_NOWAIT) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
}

/* An object in the scenario's state. */
static inline sluice_semaphore *sync_setup(void)
{
	sluice_semaphore *semaphore;

	CHECK_EQ(sluice_semaphore_open(SYNC_NAME, &sync_options, &semaphore), 0);
	return semaphore;
}

/* With the victim ready. */
static inline void sync_arm(const struct sync_scenario *scenario, sluice_semaphore *semaphore)
{
	struct sli_semaphore_control *control = semaphore->units.control;

	if (scenario->corpse)
		sync_corpse();
	if (scenario->armed)
		sli_event_arm(&control->units, SLI_EVENT_ANY | SLI_EVENT_POLL);
	if (scenario->waiters)
		sli_or_sc(&control->lock.word, SLI_LOCK_WAITERS);
}

/* How many units can be had: all of @least within the time, and then one by one. */
static inline bool sync_count(struct world *world, sluice_semaphore *semaphore, uint32_t least,
			      uint32_t *ret_count)
{
	int64_t began = test_now_ns();
	int r = sluice_semaphore_acquire(semaphore, least, PATIENCE_NS);

	if (r < 0)
		return complain(world, "acquire %u: %s", least, sluice_error_name(r));
	if (!world_timed(world, began, "acquire"))
		return false;
	*ret_count = least;
	while (sluice_semaphore_acquire(semaphore, 1, SLUICE_NOWAIT) == 0)
		++*ret_count;
	r = sluice_semaphore_release(semaphore, *ret_count);
	return r == 0 || complain(world, "release: %s", sluice_error_name(r));
}

/* The victim is dead: every unit is there, the operation was done or not, and wholly. */
static inline bool sync_check(struct world *world, const struct sync_scenario *scenario,
			      const struct report *report, sluice_semaphore *semaphore,
			      uint32_t variant)
{
	struct sluice_semaphore_info info = { .size = sizeof(info) };
	bool is_finished = report_is_finished(report), good = true;
	uint32_t done = (uint32_t)((int)SYNC_UNITS + scenario->gain), count = 0;
	sluice_semaphore *other = NULL;

	if (is_finished && report->result != scenario->result)
		return complain(world, "the victim's operation returned %lld, wanted %lld",
				(long long)report->result, (long long)scenario->result);
	if (variant % 3 == 1 && sluice_semaphore_open(SYNC_NAME, &sync_options, &other) < 0)
		return complain(world, "open failed");
	if (variant % 3 == 2 && (sluice_semaphore_post(semaphore, 1) != 0 ||
				 sluice_semaphore_wait(semaphore, 1, PATIENCE_NS) != 0))
		return complain(world, "post and wait failed");
	good = sync_count(world, other ? other : semaphore, SLI_MIN(done, SYNC_UNITS), &count);
	if (good && count != done && (is_finished || count != SYNC_UNITS))
		good = complain(world, "%u units can be had, wanted %u%s", count, done,
				is_finished ? "" : ", or what there was");
	sluice_semaphore_close(other);
	if (!good)
		return false;
	/* The dead one's place is found by who attaches. */
	if (sluice_semaphore_open(SYNC_NAME, &sync_options, &other) < 0)
		return complain(world, "open failed");
	if (sluice_semaphore_info(semaphore, &info) < 0 || info.attached != 2 || info.held ||
	    info.value != count)
		good = complain(world, "%u attached, %u held, %u free of %u", info.attached,
				info.held, info.value, count);
	sluice_semaphore_close(other);
	return good;
}

/* ---- two in a row ---------------------------------------------------------------------------- */

/* Not without what the dead hold. */
static inline void units_operate_acquire_all(const struct sync_scenario *scenario,
					     struct report *report)
{
	(void)scenario;
	report->result = sluice_semaphore_acquire(victim_units, SYNC_UNITS, SLUICE_MS(5));
}

/* Who finds the first victim dead, and dies as well. */
static const struct sync_scenario sync_seconds[] = {
	{ "acquire all", .prepare = units_prepare, .operate = units_operate_acquire_all },
	{ "wait", .units = 2, .gain = -2, .prepare = units_prepare, .operate = units_operate_wait },
	{ "post", .units = 1, .gain = 1, .prepare = units_prepare, .operate = units_operate_post },
	{ "open", .prepare = units_prepare_nothing, .operate = units_operate_open },
};
#define SYNC_SECONDS (sizeof(sync_seconds) / sizeof(sync_seconds[0]))

/* Can the dead have left @count units? Each has done its operation, or not. */
static inline bool sync_explains(const struct sync_scenario *const *scenarios,
				 struct report *const *reports, uint32_t count)
{
	bool explained = false;

	for (uint32_t done = 0; done < 4; done++) {
		int left = (int)SYNC_UNITS;
		bool possible = true;

		for (uint32_t i = 0; i < 2; i++) {
			bool is_done = done >> i & 1;

			if (is_done)
				left += scenarios[i]->gain;
			if (report_is_finished(reports[i]) && is_done != (reports[i]->result == 0))
				possible = false;
		}
		explained = explained || (possible && left == (int)count);
	}
	return explained;
}

static inline bool sync_check_two(struct world *world, const struct sync_scenario *const *scenarios,
				  struct report *const *reports, sluice_semaphore *semaphore)
{
	struct sluice_semaphore_info info = { .size = sizeof(info) };
	int least = (int)SYNC_UNITS;
	sluice_semaphore *other;
	uint32_t count = 0;
	bool good = true;

	for (uint32_t i = 0; i < 2; i++)
		least += SLI_MIN(scenarios[i]->gain, 0);
	if (!sync_count(world, semaphore, (uint32_t)least, &count))
		return false;
	/* One who is not known to be dead yet may still have some: who attaches finds it. */
	if (sluice_semaphore_open(SYNC_NAME, &sync_options, &other) < 0)
		return complain(world, "open failed");
	if (!sync_count(world, other, (uint32_t)least, &count))
		good = false;
	else if (!sync_explains(scenarios, reports, count))
		good = complain(world, "%u units can be had", count);
	else if (sluice_semaphore_info(semaphore, &info) < 0 || info.attached != 2 || info.held ||
		 info.value != count)
		good = complain(world, "%u attached, %u held, %u free of %u", info.attached,
				info.held, info.value, count);
	sluice_semaphore_close(other);
	return good;
}

/* ---- the engine ------------------------------------------------------------------------------ */

struct sync_job {
	const struct sync_scenario *scenario;
};

static inline void engine_sync_body(struct report *report, void *context)
{
	const struct sync_scenario *scenario = (const struct sync_scenario *)context;

	report->prepared = scenario->prepare(scenario);
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(scenario, report);
	report_finish(report);
	raise(SIGSTOP);
}

static inline sluice_semaphore *engine_sync_start(const struct sync_scenario *scenario,
						  struct victim *victim, struct report *report)
{
	sluice_semaphore *semaphore = sync_setup();

	victim_start(victim, report, engine_sync_body, (void *)(uintptr_t)scenario);
	sync_arm(scenario, semaphore);
	victim_to_start(victim);
	return semaphore;
}

static inline bool engine_sync_end(struct world *world, sluice_semaphore *semaphore, bool good)
{
	sluice_semaphore_close(semaphore);
	good = world_remove(world) && good;
	alarm(0);
	return good;
}

static inline void engine_sync_begin(struct world *world)
{
	world->name = SYNC_NAME;
	world->complaint[0] = '\0';
	world->is_slow = false;
}

static inline bool engine_sync_try(const struct sync_scenario *scenario, struct world *world,
				   struct report *report, const struct trace *trace, uint32_t point,
				   uint32_t variant, uint64_t *ret_pc)
{
	sluice_semaphore *semaphore;
	struct victim victim;

	engine_watch(scenario->name, point, 0, variant);
	engine_sync_begin(world);
	semaphore = engine_sync_start(scenario, &victim, report);
	(void)victim_go_to(&victim, trace, point);
	*ret_pc = victim.pc;
	victim_kill(&victim);
	return engine_sync_end(world, semaphore,
			       sync_check(world, scenario, report, semaphore, variant));
}

static inline void engine_sync_point(const struct sync_scenario *scenario,
				     const struct trace *trace, uint32_t point, uint32_t variant,
				     struct report *report, struct tally *tally)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = engine_sync_try(scenario, &world, report, trace, point, variant, &pc);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, variant, trace, pc, good, &world);
}

static inline void points_of_sync(const struct sync_scenario *scenario, struct report *report,
				  struct points *points)
{
	sluice_semaphore *semaphore;
	struct victim victim;

	engine_watch(scenario->name, 0, 0, 0);
	semaphore = engine_sync_start(scenario, &victim, report);
	points_collect(&victim, SYNC_NAME, points);
	victim_kill(&victim);
	sluice_semaphore_close(semaphore);
	CHECK_EQ(sluice_remove(SYNC_NAME), 0);
	alarm(0);
}

#endif
