/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_stream.c - kill a process at every instruction of every operation of a stream
 *
 * As kill_every.c: a victim dies after each number of instructions, and then others must be able to
 * go on within 50 ms: a reader reads what was written, whole where that was promised, and then the
 * end; a writer that has lost its last reader is told; all others write and read on.
 *
 *	kill_stream [--every N] [SCENARIO]
 *
 * After every N-th instruction (20 if not said, which --every 1 makes all of them), and after each
 * that others can tell from the one before. Of operations with thousands of instructions, after
 * sixty instead, unless N is 1.
 */
#include "stream_scenarios.h"

#include <getopt.h>

#define LONG_SAMPLES 60u

static uint32_t stride = 20;

static uint32_t stride_of(const struct flow_scenario *scenario, const struct points *points)
{
	if (!scenario->is_long || stride == 1)
		return stride;
	return points->trace.total / LONG_SAMPLES + stride;
}

static void kill_scenario(const struct flow_scenario *scenario, struct report *report,
			  struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	int64_t began = test_now_ns();
	uint32_t every, next = 0;

	points_of_flow(scenario, report, &points);
	every = stride_of(scenario, &points);
	for (uint32_t k = 0; k <= points.trace.total; k++) {
		bool is_visible;

		while (next < points.visible && points.at[next] < k)
			next++;
		is_visible = next < points.visible && points.at[next] == k;
		for (uint32_t order = 0; order < 3; order++)
			if ((is_visible && !scenario->is_long) ||
			    (order == k / every % 3 && (is_visible || k % every == 0)))
				engine_flow_point(scenario, &points.trace, k, order, report,
						  &tally);
	}
	printf("  %-18s %6u instructions, every %3u. and %4u distinct, %6u deaths, %u failures, "
	       "slowest %lld us, %.1f s\n",
	       scenario->name, points.trace.total, every, points.visible, tally.points,
	       tally.failures, (long long)(tally.slowest / 1000),
	       (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	total->points += tally.points;
	total->failures += tally.failures;
	total->slow += tally.slow;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "every", required_argument, NULL, 'e' }, { 0 } };
	struct tally total = { 0 };
	struct report *report;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c != 'e' || (stride = (uint32_t)strtoul(optarg, NULL, 0)) == 0)
			return 2;
	engine_begin();
	flow_begin();
	report = report_new();
	for (size_t i = 0; i < FLOW_SCENARIOS; i++)
		if (optind >= argc || strcmp(argv[optind], flow_scenarios[i].name) == 0)
			kill_scenario(&flow_scenarios[i], report, &total);
	printf("%u deaths, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
