/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_every.c - kill a process at every instruction of every operation; others go on
 *
 * For each scenario and each instruction of its operation: a queue in a known state, a victim that
 * is killed there, and then a tester that must be able to go on within 50 ms, find every message
 * that was there, exactly once and in order, the victim's own at most once and exactly once if it
 * reported success, the counters exact, and all of the room. It goes on in three ways in turn,
 * since who repairs, and when, differs: sending first, receiving first, or by attaching.
 *
 *	kill_every [--scenario NAME] [--from POINT] [--every N] [--visible] [--all] [--order 0..2]
 *
 * --visible: only points that others can tell apart. --all: all points of the long operations (open,
 * close), too; hours. --order: only one of the ways to go on.
 */
#include "engine.h"

#include <getopt.h>

struct wish {
	const char *scenario;
	uint32_t from, every;
	bool visible, all;
	int order;
};

/* Long operations: every n-th instruction, so that there are about this many. */
#define LONG_SAMPLES 150u

/* A scenario of either kind. */
struct target {
	const struct scenario *queue;
	const struct mutex_scenario *mutex;
	const char *name;
	bool is_long;
};

/* At @point, in every order or the one that is its turn. */
static void kill_at(const struct wish *wish, const struct target *target,
		    const struct points *points, uint32_t point, bool every_order,
		    struct report *report, struct tally *tally)
{
	for (uint32_t order = 0; order < 3; order++) {
		if (wish->order >= 0 ? order != (uint32_t)wish->order
				     : !every_order && !wish->all && order != point % 3)
			continue;
		if (target->queue)
			engine_point(target->queue, &points->trace, point, order, report, tally);
		else
			engine_mutex_point(target->mutex, &points->trace, point, order, report,
					   tally);
	}
}

static void kill_points(const struct wish *wish, const struct target *target,
			const struct points *points, struct report *report, struct tally *tally)
{
	uint32_t every = wish->every, next = 0;

	if (!every)
		every = target->is_long && !wish->all ? points->trace.total / LONG_SAMPLES + 1 : 1;
	for (uint32_t k = wish->from; k <= points->trace.total; k++) {
		bool is_visible;

		while (next < points->visible && points->at[next] < k)
			next++;
		is_visible = next < points->visible && points->at[next] == k;
		if (is_visible || (!wish->visible && (k - wish->from) % every == 0))
			kill_at(wish, target, points, k, is_visible, report, tally);
	}
}

static void kill_scenario(const struct wish *wish, const struct target *target,
			  struct report *report, struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	int64_t began = test_now_ns();

	if (wish->scenario && strcmp(wish->scenario, target->name) != 0)
		return;
	total->scenarios++;
	if (target->queue)
		points_of(target->queue, report, &points);
	else
		points_of_mutex(target->mutex, report, &points);
	kill_points(wish, target, &points, report, &tally);
	printf("  %-24s %6u instructions, %4u distinct, %6u deaths, %u failures, slowest %lld us, "
	       "%.1f s\n",
	       target->name, points.trace.total, points.visible, tally.points, tally.failures,
	       (long long)(tally.slowest / 1000), (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	total->points += tally.points;
	total->failures += tally.failures;
	total->slow += tally.slow;
	total->elsewhere += tally.elsewhere;
	if (tally.slowest > total->slowest)
		total->slowest = tally.slowest;
}

static void read_arguments(int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = {
		{ "scenario", required_argument, NULL, 's' },
		{ "from", required_argument, NULL, 'f' },
		{ "every", required_argument, NULL, 'e' },
		{ "visible", no_argument, NULL, 'v' },
		{ "all", no_argument, NULL, 'a' },
		{ "order", required_argument, NULL, 'o' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			wish->scenario = optarg;
		else if (c == 'f')
			wish->from = (uint32_t)strtoul(optarg, NULL, 0);
		else if (c == 'e')
			wish->every = (uint32_t)strtoul(optarg, NULL, 0);
		else if (c == 'o')
			wish->order = atoi(optarg);
		else if (c == 'v')
			wish->visible = true;
		else if (c == 'a')
			wish->all = true;
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	struct wish wish = { .order = -1 };
	struct tally total = { 0 };
	struct report *report;

	read_arguments(argc, argv, &wish);
	engine_begin();
	report = report_new();
	for (size_t i = 0; i < MUTEX_SCENARIOS; i++)
		kill_scenario(&wish,
			      &(struct target){ .mutex = &mutex_scenarios[i],
						.name = mutex_scenarios[i].name },
			      report, &total);
	for (size_t i = 0; i < QUEUE_SCENARIOS; i++)
		kill_scenario(&wish,
			      &(struct target){ .queue = &queue_scenarios[i],
						.name = queue_scenarios[i].name,
						.is_long = queue_scenarios[i].is_long },
			      report, &total);
	if (!total.scenarios) {
		fprintf(stderr, "no scenario is called %s\n", wish.scenario);
		return 2;
	}
	printf("%u deaths in %u scenarios (%u elsewhere than traced), %u failures, slowest recovery "
	       "%lld us, %u slow ones tried again\n",
	       total.points, total.scenarios, total.elsewhere, total.failures,
	       (long long)(total.slowest / 1000), total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
