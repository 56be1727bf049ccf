/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_topic.c - kill a process at every instruction of publishing and subscribing
 *
 * As kill_every.c: a victim dies after each number of instructions, and then others must be able to
 * go on within 50 ms, miss nothing that was published, and have everything again that the dead had.
 * And readers are stopped after each instruction while they are lapped.
 *
 *	kill_topic [SCENARIO | all [SCENARIO]]
 *
 * Where others cannot tell one instruction from the next, every third is tried, unless it is all.
 */
#include "topic_world.h"

#define LONG_SAMPLES 60u

static uint32_t stride = 3;

static void tell(const char *name, const struct points *points, const struct tally *tally,
		 int64_t began, struct tally *total)
{
	printf("  %-28s %6u instructions, %4u distinct, %6u points, %u failures, slowest %lld us, "
	       "%.1f s\n",
	       name, points->trace.total, points->visible, tally->points, tally->failures,
	       (long long)(tally->slowest / 1000), (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	total->points += tally->points;
	total->failures += tally->failures;
	total->slow += tally->slow;
}

static void kill_scenario(const struct topic_scenario *scenario, struct report *report,
			  struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	int64_t began = test_now_ns();
	uint32_t every, next = 0;

	points_of_topic(scenario, report, &points);
	every = scenario->is_long ? points.trace.total / LONG_SAMPLES + 1 : stride;
	for (uint32_t k = 0; k <= points.trace.total; k++) {
		bool is_visible;

		while (next < points.visible && points.at[next] < k)
			next++;
		is_visible = next < points.visible && points.at[next] == k;
		for (uint32_t order = 0; order < 3; order++)
			if ((is_visible && !scenario->is_long) ||
			    (order == k / every % 3 && (is_visible || k % every == 0)))
				engine_topic_point(scenario, &points.trace, k, order, report,
						   &tally);
	}
	tell(scenario->name, &points, &tally, began, total);
}

/* Stopped at each instruction, and lapped by one message, by a whole ring, by the whole pool. */
static void lap_scenario(const struct topic_scenario *scenario, struct report *report,
			 struct tally *total)
{
	static const uint32_t laps[] = { TOPIC_DEPTH, 1, TOPIC_TURN };
	static struct points points;
	struct tally tally = { 0 };
	int64_t began = test_now_ns();
	char name[64];

	points_of_topic(scenario, report, &points);
	for (uint32_t k = 0; k <= points.trace.total; k += stride) {
		lapped_point(scenario, &points.trace, k, laps[0], report, &tally);
		lapped_point(scenario, &points.trace, k, laps[1 + k / stride % 2], report, &tally);
	}
	snprintf(name, sizeof(name), "%s, lapped", scenario->name);
	tell(name, &points, &tally, began, total);
}

int main(int argc, char **argv)
{
	struct tally total = { 0 };
	struct report *report;

	if (argc > 1 && strcmp(argv[1], "all") == 0) {
		stride = 1;
		argc--;
		argv++;
	}
	engine_begin();
	report = report_new();
	for (size_t i = 0; i < TOPIC_SCENARIOS; i++) {
		if (argc > 1 && strcmp(argv[1], topic_scenarios[i].name) != 0)
			continue;
		kill_scenario(&topic_scenarios[i], report, &total);
		if (topic_can_be_lapped(&topic_scenarios[i]))
			lap_scenario(&topic_scenarios[i], report, &total);
	}
	printf("%u points, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
