/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_condition.c - kill a process at every instruction of waiting and of signalling
 *
 * As kill_every.c: a victim dies after each number of instructions, and the waiter that sleeps beside
 * it still comes to its end. And in pairs: a second one, attached before, waits or signals when the
 * first one is dead, and is killed on its way.
 *
 *	kill_condition [SCENARIO]
 */
#include "condition_world.h"

#define FIRST_POINTS 6u
#define SECOND_POINTS 10u

static struct report *reports[2];

/* ---- two in a row ---------------------------------------------------------------------------- */

struct pair_of {
	const struct news_scenario *first, *second;
	const struct points *points;
	uint32_t at;
};

/* The first one is dead, the second one at its first instruction. */
static void pair_start(const struct pair_of *pair, struct victim *two)
{
	struct victim one;

	news_victim_start(pair->second, two, reports[1]);
	news_victim_start(pair->first, &one, reports[0]);
	victim_to_start(&one);
	(void)victim_go_to(&one, &pair->points->trace, pair->at);
	victim_kill(&one);
	victim_to_start(two);
}

static void pair_point(const struct pair_of *pair, const struct trace *trace, uint32_t then,
		       struct tally *tally)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	for (int tries = 0; tries < 3 && !good; tries++) {
		struct news_stage stage;
		struct victim two;

		engine_watch(pair->first->name, pair->at, then, 0);
		news_stage_begin(&world, &stage);
		pair_start(pair, &two);
		(void)victim_go_to(&two, trace, then);
		pc = two.pc;
		victim_kill(&two);
		good = news_stage_end(&world, news_check(&world, &stage));
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, pair->first->name, pair->at, then, NULL, pc, good, &world);
}

/* All over both operations, since what happens to the mutex is not seen in the condition. */
static void kill_pairs(const struct news_scenario *first, const struct news_scenario *second,
		       const struct points *points, struct tally *tally)
{
	static struct points then;
	static struct world world;
	struct pair_of pair = { first, second, points, 0 };

	for (; pair.at <= points->trace.total; pair.at += points->trace.total / FIRST_POINTS + 1) {
		struct news_stage stage;
		struct victim two;
		uint32_t k;
		bool good;

		engine_watch(first->name, pair.at, 0, 0);
		news_stage_begin(&world, &stage);
		pair_start(&pair, &two);
		points_collect(&two, NEWS_NAME, &then);
		victim_kill(&two);
		good = news_stage_end(&world, news_check(&world, &stage));
		if (world.is_slow) /* the last point is the same again */
			tally->slow++;
		else
			tally_add(tally, first->name, pair.at, 0, NULL, two.pc, good, &world);
		for (k = 0; k < then.trace.total; k += then.trace.total / SECOND_POINTS + 1)
			pair_point(&pair, &then.trace, k, tally);
		pair_point(&pair, &then.trace, then.trace.total, tally);
	}
}

/* ---- all ------------------------------------------------------------------------------------- */

static void kill_scenario(const struct news_scenario *scenario, struct tally *total)
{
	static struct points points;
	struct tally once = { 0 }, pairs = { 0 };
	int64_t began = test_now_ns();

	points_of_news(scenario, reports[0], &points);
	for (uint32_t k = 0; k <= points.trace.total; k++)
		engine_news_point(scenario, &points.trace, k, reports[0], &once);
	for (size_t i = 0; i < NEWS_SCENARIOS; i++)
		kill_pairs(scenario, &news_scenarios[i], &points, &pairs);
	printf("  %-20s %5u instructions, %4u distinct, %5u deaths, %4u pairs, %u failures, slowest "
	       "%lld us, %.1f s\n",
	       scenario->name, points.trace.total, points.visible, once.points, pairs.points,
	       once.failures + pairs.failures, (long long)(once.slowest / 1000),
	       (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	total->points += once.points + pairs.points;
	total->failures += once.failures + pairs.failures;
	total->slow += once.slow + pairs.slow;
}

int main(int argc, char **argv)
{
	struct tally total = { 0 };

	engine_begin();
	news_begin();
	reports[0] = report_new();
	reports[1] = report_new();
	for (size_t i = 0; i < NEWS_SCENARIOS; i++)
		if (argc < 2 || strcmp(argv[1], news_scenarios[i].name) == 0)
			kill_scenario(&news_scenarios[i], &total);
	printf("%u deaths, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
