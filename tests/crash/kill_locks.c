/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_locks.c - kill a process that makes, joins, leaves or removes an object that has a lock file
 *
 * As kill_every.c, with two files to come and go. All deaths that others can tell apart are tried, and
 * of those between some.
 *
 *	kill_locks [SCENARIO]
 */
#include "locks_world.h"

#define SAMPLES 60u

static void kill_scenario(const struct locks_scenario *scenario, struct report *report,
			  struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	uint32_t next = 0, every;

	points_of_locks(scenario, report, &points);
	every = points.trace.total / SAMPLES + 1;
	for (uint32_t k = 0; k <= points.trace.total; k++) {
		bool is_visible;

		while (next < points.visible && points.at[next] < k)
			next++;
		is_visible = next < points.visible && points.at[next] == k;
		for (uint32_t order = 0; order < 2; order++)
			if (is_visible || (k % every == 0 && k / every % 2 == order))
				engine_locks_point(scenario, &points.trace, k, order, report,
						   &tally);
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
	for (size_t i = 0; i < LOCKS_SCENARIOS; i++)
		if (argc < 2 || strcmp(argv[1], locks_scenarios[i].name) == 0)
			kill_scenario(&locks_scenarios[i], report, &total);
	printf("%u deaths, %u failures\n", total.points, total.failures);
	test_clean();
	return total.failures ? 1 : 0;
}
