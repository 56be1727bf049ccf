/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_sync.c - kill a process at every instruction of every operation of a semaphore
 *
 * As kill_every.c: a victim dies after each number of instructions, and then others must be able to
 * go on within 50 ms and find every unit that was there, exactly.
 *
 *	kill_sync [SCENARIO]
 */
#include "sync_world.h"

#define LONG_SAMPLES 100u

static void kill_scenario(const struct sync_scenario *scenario, struct report *report,
			  struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	int64_t began = test_now_ns();
	uint32_t every, next = 0;

	points_of_sync(scenario, report, &points);
	every = scenario->is_long ? points.trace.total / LONG_SAMPLES + 1 : 1;
	for (uint32_t k = 0; k <= points.trace.total; k++) {
		bool is_visible;

		while (next < points.visible && points.at[next] < k)
			next++;
		is_visible = next < points.visible && points.at[next] == k;
		for (uint32_t order = 0; order < 3; order++)
			if ((is_visible && !scenario->is_long) ||
			    (order == k % 3 && (is_visible || k % every == 0)))
				engine_sync_point(scenario, &points.trace, k, order, report,
						  &tally);
	}
	printf("  %-28s %6u instructions, %4u distinct, %6u deaths, %u failures, slowest %lld us, "
	       "%.1f s\n",
	       scenario->name, points.trace.total, points.visible, tally.points, tally.failures,
	       (long long)(tally.slowest / 1000), (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	total->points += tally.points;
	total->failures += tally.failures;
	total->slow += tally.slow;
}

int main(int argc, char **argv)
{
	struct tally total = { 0 };
	struct report *report;

	engine_begin();
	report = report_new();
	for (size_t i = 0; i < SYNC_SCENARIOS; i++)
		if (argc < 2 || strcmp(argv[1], sync_scenarios[i].name) == 0)
			kill_scenario(&sync_scenarios[i], report, &total);
	printf("%u deaths, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
