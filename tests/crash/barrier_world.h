/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * barrier_world.h - parties of a barrier that die, and what has to be true afterwards
 *
 * One that was asleep in the round comes to an end, told that all had come if the victim was the last
 * and had done it, and otherwise that somebody died. Then the tester gets to know of the death, resets,
 * and two rounds can be met as before. When a second one dies as well, who found the first one dead, it is
 * the same.
 */
#ifndef BARRIER_WORLD_H
#define BARRIER_WORLD_H

#include "object/barrier.h"
#include "pairs.h"

#define CIRCLE_NAME "circle"

struct circle_scenario {
	const char *name;
	uint32_t parties;
	bool sleeper;  /* another party waits in this round */
	bool corpse;   /* another one has died before */
	bool attaches; /* by the operation, not before */
	int64_t result;
	void (*operate)(struct report *report);
};

static const struct sluice_barrier_options circle_options = {
	.size = sizeof(circle_options), .participants = 8, .spin_ns = 1, .slice_ns = SLUICE_MS(10)
};
static sluice_barrier *circle;
static uint32_t circle_parties;

static inline int circle_open(uint32_t parties, sluice_barrier **ret)
{
	struct sluice_barrier_options options = circle_options;

	options.parties = parties;
	return sluice_barrier_open(CIRCLE_NAME, &options, ret);
}

static inline void circle_last(struct report *report)
{
	report->result = sluice_barrier_wait(circle, SLUICE_NOWAIT);
}

static inline void circle_wait(struct report *report)
{
	report->result = sluice_barrier_wait(circle, SLUICE_MS(1));
}

static inline void circle_reset(struct report *report)
{
	report->result = sluice_barrier_reset(circle);
}

static inline void circle_attach(struct report *report)
{
	report->result = circle_open(circle_parties, &circle);
}

static const struct circle_scenario circle_scenarios[] = {
	{ "barrier_last", .parties = 2, .sleeper = true, .result = SLUICE_LAST,
	  .operate = circle_last },
	{ "barrier_wait", .parties = 3, .sleeper = true, .result = SLUICE_ETIMEDOUT,
	  .operate = circle_wait },
	{ "barrier_wait_dead", .parties = 3, .corpse = true, .result = SLUICE_EPEERDIED,
	  .operate = circle_wait },
	{ "barrier_reset", .parties = 2, .corpse = true, .operate = circle_reset },
};

#define CIRCLE_SCENARIOS (sizeof(circle_scenarios) / sizeof(circle_scenarios[0]))

/* Who finds the first victim dead, and dies as well. */
static const struct circle_scenario circle_seconds[] = {
	{ "reset", .operate = circle_reset },
	{ "wait", .operate = circle_wait },
	{ "open", .attaches = true, .operate = circle_attach },
};
#define CIRCLE_SECONDS (sizeof(circle_seconds) / sizeof(circle_seconds[0]))

/* Does who operates so come to the meeting? */
static inline bool circle_comes(const struct circle_scenario *scenario)
{
	return scenario->operate == circle_last || scenario->operate == circle_wait;
}

/* A party in its round; what it is told it says by its status. */
static inline pid_t circle_sleeper_start(const struct circle_scenario *scenario)
{
	struct sluice_barrier_info info = { .size = sizeof(info) };
	pid_t pid = test_fork();
	sluice_barrier *look;

	if (pid == 0) {
		sluice_barrier *mine;
		int r;

		if (circle_open(scenario->parties, &mine) < 0)
			_exit(2);
		r = sluice_barrier_wait(mine, SLUICE_S(15));
		sluice_barrier_close(mine);
		_exit(r == SLUICE_EPEERDIED ? 5 : r < 0);
	}
	CHECK_EQ(circle_open(scenario->parties, &look), 0);
	while (sluice_barrier_info(look, &info) == 0 && !info.waiting)
		test_sleep_ms(1);
	sluice_barrier_close(look);
	return pid;
}

static inline void circle_corpse(const struct circle_scenario *scenario)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_barrier *mine;

		if (circle_open(scenario->parties, &mine) < 0)
			_exit(2);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
}

static inline void circle_body(struct report *report, void *context)
{
	const struct circle_scenario *scenario = (const struct circle_scenario *)context;

	circle_parties = scenario->parties;
	report->prepared = scenario->attaches ? 0 : circle_open(circle_parties, &circle);
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(report);
	report_finish(report);
	raise(SIGSTOP);
}

/* The others of the scenario. Return: who sleeps; 0: nobody. */
static inline pid_t circle_others(const struct circle_scenario *scenario)
{
	pid_t sleeper = scenario->sleeper ? circle_sleeper_start(scenario) : 0;

	if (scenario->corpse)
		circle_corpse(scenario);
	return sleeper;
}

static inline pid_t circle_start(const struct circle_scenario *scenario,
				 sluice_barrier **ret_barrier, struct victim *victim,
				 struct report *report)
{
	pid_t sleeper;

	CHECK_EQ(circle_open(scenario->parties, ret_barrier), 0);
	victim_start(victim, report, circle_body, (void *)(uintptr_t)scenario);
	sleeper = circle_others(scenario);
	victim_to_start(victim);
	return sleeper;
}

/* It is told something, and the right thing where that is certain. */
static inline bool circle_sleeper_check(struct world *world, const struct circle_scenario *scenario,
					const struct report *report, pid_t pid)
{
	int status = test_wait(pid);
	bool done = scenario->operate == circle_last && report_is_finished(report);

	if (status != 0 && status != 5)
		return complain(world, "the sleeper ended with %d", status);
	if (done && status == 5)
		return complain(world, "all had come, but it was told of a death");
	if (status == 0 && scenario->operate != circle_last)
		return complain(world, "it went on, but not all had come");
	return true;
}

/* Two parties again, in the two rounds after a reset. @came: the dead, at the most. */
static inline bool circle_check(struct world *world, const struct circle_scenario *scenario,
				sluice_barrier *barrier, uint32_t came)
{
	struct sluice_barrier_info info = { .size = sizeof(info) };
	bool may_be_last = came + 1 >= scenario->parties;
	int64_t began = test_now_ns();
	int r;

	/* The victim took part, so its death is told; in the next round if all came to this one. */
	while ((r = sluice_barrier_wait(barrier, SLUICE_NOWAIT)) == SLUICE_EAGAIN ||
	       (r == SLUICE_LAST && may_be_last)) {
		if (test_now_ns() - began >= 10 * PATIENCE_NS)
			break;
		may_be_last = may_be_last && r != SLUICE_LAST;
		sched_yield();
	}
	if (r != SLUICE_EPEERDIED)
		return complain(world, "a party died, and wait returned %s", sluice_error_name(r));
	r = sluice_barrier_reset(barrier);
	if (r < 0)
		return complain(world, "reset: %s", sluice_error_name(r));
	for (uint32_t round = 0; round < 2; round++) {
		pid_t pids[2] = { 0 };

		for (uint32_t i = 1; i < scenario->parties; i++)
			pids[i - 1] = circle_sleeper_start(scenario);
		r = sluice_barrier_wait(barrier, SLUICE_S(15));
		for (uint32_t i = 1; i < scenario->parties; i++)
			if (test_wait(pids[i - 1]) != 0)
				return complain(world, "a party was told of a death after a reset");
		if (r < 0)
			return complain(world, "wait: %s", sluice_error_name(r));
	}
	if (sluice_barrier_info(barrier, &info) < 0 || info.arrived || info.broken ||
	    info.attached != 1)
		return complain(world, "%u arrived, broken %u, %u attached", info.arrived,
				info.broken, info.attached);
	return true;
}

/* The victim is dead. */
static inline bool circle_end(struct world *world, const struct circle_scenario *scenario,
			      const struct report *report, sluice_barrier *barrier, pid_t sleeper)
{
	bool good = true;

	if (report_is_finished(report) && report->result != scenario->result)
		good = complain(world, "it returned %lld, wanted %lld", (long long)report->result,
				(long long)scenario->result);
	if (sleeper)
		good = circle_sleeper_check(world, scenario, report, sleeper) && good;
	good = good && circle_check(world, scenario, barrier, 0);
	sluice_barrier_close(barrier);
	good = world_remove(world) && good;
	alarm(0);
	return good;
}

/* ---- two in a row ---------------------------------------------------------------------------- */

/* The sleeper of a round to which, of two dead ones, some may have come. */
static inline bool circle_sleeper_check_two(struct world *world,
					    const struct circle_scenario *const *scenarios,
					    struct report *const *reports, pid_t pid)
{
	uint32_t most = 1u + circle_comes(scenarios[0]) + circle_comes(scenarios[1]);
	int status = test_wait(pid);
	bool met = false;

	for (uint32_t i = 0; i < 2; i++)
		met = met || (circle_comes(scenarios[i]) && report_is_finished(reports[i]) &&
			      reports[i]->result >= 0);
	if (status != 0 && status != 5)
		return complain(world, "the sleeper ended with %d", status);
	if (met && status == 5)
		return complain(world, "all had come, but it was told of a death");
	if (status == 0 && most < scenarios[0]->parties)
		return complain(world, "it went on, but not all had come");
	return true;
}

/* The second one, if it got through: what can it have been told? */
static inline bool circle_second_check(struct world *world, const struct circle_scenario *scenario,
				       const struct report *report)
{
	int64_t r = report->result;

	if (!report_is_finished(report) || r == 0)
		return true;
	if (circle_comes(scenario) &&
	    (r == SLUICE_LAST || r == SLUICE_EPEERDIED || r == SLUICE_ETIMEDOUT))
		return true;
	return complain(world, "the second one's %s returned %lld", scenario->name, (long long)r);
}

static inline bool circle_end_two(struct world *world,
				  const struct circle_scenario *const *scenarios,
				  struct report *const *reports, sluice_barrier *barrier,
				  pid_t sleeper)
{
	bool good = circle_second_check(world, scenarios[1], reports[1]);

	if (sleeper)
		good = circle_sleeper_check_two(world, scenarios, reports, sleeper) && good;
	good = good && circle_check(world, scenarios[0], barrier,
				    0u + circle_comes(scenarios[0]) + circle_comes(scenarios[1]));
	sluice_barrier_close(barrier);
	good = world_remove(world) && good;
	alarm(0);
	return good;
}

/* ---- killing ------------------------------------------------------------------------------- */

static inline void points_of_circle(const struct circle_scenario *scenario, struct report *report,
				    struct points *points)
{
	sluice_barrier *barrier;
	struct victim victim;
	pid_t sleeper;

	engine_watch(scenario->name, 0, 0, 0);
	sleeper = circle_start(scenario, &barrier, &victim, report);
	points_collect(&victim, CIRCLE_NAME, points);
	victim_kill(&victim);
	if (sleeper)
		(void)test_wait(sleeper);
	sluice_barrier_close(barrier);
	CHECK_EQ(sluice_remove(CIRCLE_NAME), 0);
	alarm(0);
}

static inline void engine_circle_point(const struct circle_scenario *scenario,
				       const struct trace *trace, uint32_t point,
				       struct report *report, struct tally *tally)
{
	static struct world world;
	sluice_barrier *barrier;
	struct victim victim;
	uint64_t pc;
	pid_t sleeper;
	bool good;

	engine_watch(scenario->name, point, 0, 0);
	memset(&world, 0, sizeof(world));
	world.name = CIRCLE_NAME;
	sleeper = circle_start(scenario, &barrier, &victim, report);
	(void)victim_go_to(&victim, trace, point);
	pc = victim.pc;
	victim_kill(&victim);
	good = circle_end(&world, scenario, report, barrier, sleeper);
	tally_add(tally, scenario->name, point, 0, trace, pc, good, &world);
}

#endif
