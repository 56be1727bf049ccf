/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * double_death.c - kill who repairs, too
 *
 * A first victim is killed in its operation, at the points that others can tell apart. A second one,
 * attached before that (or attaching now), sends, receives or opens; on its way it finds the first
 * one dead and repairs after it, and is killed there, again at each point that can be told apart.
 * Then the tester goes on as in kill_every.c, with the account of both.
 *
 *	double_death [--scenario NAME] [--points N] [--all]
 *
 * By default some of the first one's points are taken (N of each scenario, 6 if not said; all of a
 * rotation), half of the second one's, and what that one does changes from point to point; with
 * --all, every combination.
 */
#include "double.h"

#include <getopt.h>

struct wish {
	const char *scenario;
	uint32_t points;
	bool all;
};

static void read_arguments(int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = { { "scenario", required_argument, NULL, 's' },
						 { "points", required_argument, NULL, 'p' },
						 { "all", no_argument, NULL, 'a' },
						 { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			wish->scenario = optarg;
		else if (c == 'p')
			wish->points = (uint32_t)strtoul(optarg, NULL, 0);
		else if (c == 'a')
			wish->all = true;
		else
			exit(2);
	}
	if (!wish->points)
		exit(2);
}

static void run_plan(const struct wish *wish, struct plan *plan, uint32_t turn)
{
	int64_t began = test_now_ns();

	for (uint32_t i = 0; wish->all && i < plan->first.visible; i++)
		for (uint32_t second = 0; second < SECONDS; second++)
			both_points(plan, plan->first.at[i], (enum second)second, 1);
	if (!wish->all)
		both_scenario(plan, wish->points, 2, turn, UINT32_MAX);
	printf("  %-20s %4u of %4u points, %6u double deaths, %u failures, slowest %lld us, %.1f s\n",
	       plan->scenario->name, plan->combinations, plan->first.visible * SECONDS,
	       plan->tally.points, plan->tally.failures, (long long)(plan->tally.slowest / 1000),
	       (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct plan plan;
	struct wish wish = { .points = 6 };
	struct report *one, *two;
	uint32_t deaths = 0, failures = 0, scenarios = 0;

	read_arguments(argc, argv, &wish);
	engine_begin();
	one = report_new();
	two = report_new();
	for (size_t i = 0; i < QUEUE_SCENARIOS; i++) {
		const struct scenario *scenario = &queue_scenarios[i];

		if (!scenario->is_attached ||
		    (wish.scenario && strcmp(wish.scenario, scenario->name) != 0))
			continue;
		plan_begin(&plan, scenario, one, two);
		run_plan(&wish, &plan, (uint32_t)i);
		scenarios++;
		deaths += plan.tally.points;
		failures += plan.tally.failures;
	}
	if (!scenarios) {
		fprintf(stderr, "no scenario with a victim that was attached is called %s\n",
			wish.scenario);
		return 2;
	}
	printf("%u double deaths in %u scenarios, %u failures\n", deaths, scenarios, failures);
	test_clean();
	return failures ? 1 : 0;
}
