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

static void kill_scenario(const struct circle_scenario *scenario, struct report *report,
			  struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	uint32_t next = 0, every;

	points_of_circle(scenario, report, &points);
	/* All that others can tell apart, and what is between in steps: each takes five processes. */
	every = points.trace.total / 80 + 1;
	for (uint32_t k = 0; k <= points.trace.total; k++) {
		while (next < points.visible && points.at[next] < k)
			next++;
		if (k % every == 0 || (next < points.visible && points.at[next] == k))
			engine_circle_point(scenario, &points.trace, k, report, &tally);
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
