/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_barrier.c - kill a party at every instruction of waiting, being the last one, and resetting
 *
 * As kill_every.c, in a barrier. Each death takes several processes, so not every instruction is
 * tried where an operation has many, but all that others can tell apart.
 *
 *	kill_barrier [SCENARIO]
 */
#include "barrier_world.h"

static void kill_at(const struct circle_scenario *scenario, const struct trace *trace,
		    uint32_t point, struct report *report, struct tally *tally)
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

static void kill_scenario(const struct circle_scenario *scenario, struct report *report,
			  struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	sluice_barrier *barrier;
	struct victim victim;
	pid_t sleeper;
	uint32_t next = 0, every;

	engine_watch(scenario->name, 0, 0, 0);
	sleeper = circle_start(scenario, &barrier, &victim, report);
	points_collect(&victim, CIRCLE_NAME, &points);
	victim_kill(&victim);
	if (sleeper)
		(void)test_wait(sleeper);
	sluice_barrier_close(barrier);
	CHECK_EQ(sluice_remove(CIRCLE_NAME), 0);
	alarm(0);
	/* All that others can tell apart, and what is between in steps: each takes five processes. */
	every = points.trace.total / 80 + 1;
	for (uint32_t k = 0; k <= points.trace.total; k++) {
		while (next < points.visible && points.at[next] < k)
			next++;
		if (k % every == 0 || (next < points.visible && points.at[next] == k))
			kill_at(scenario, &points.trace, k, report, &tally);
	}
	printf("  %-24s %6u instructions, %4u distinct, %6u deaths, %u failures\n", scenario->name,
	       points.trace.total, points.visible, tally.points, tally.failures);
	fflush(stdout);
	total->points += tally.points;
	total->failures += tally.failures;
}

int main(int argc, char **argv)
{
	struct tally total = { 0 };
	struct report *report;

	engine_begin();
	report = report_new();
	for (size_t i = 0; i < CIRCLE_SCENARIOS; i++)
		if (argc < 2 || strcmp(argv[1], circle_scenarios[i].name) == 0)
			kill_scenario(&circle_scenarios[i], report, &total);
	printf("%u deaths, %u failures\n", total.points, total.failures);
	test_clean();
	return total.failures ? 1 : 0;
}
