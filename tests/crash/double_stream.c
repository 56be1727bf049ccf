/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * double_stream.c - kill who finds a stream's first victim dead, too
 *
 * As double_death.c: a first victim is killed in its operation, at points that others can tell apart. A
 * second one, attached before that (or attaching now), writes, reads or opens; on its way it finds
 * the first one dead and repairs after it, and is killed there. Then the tester goes on as in
 * kill_stream.c, with the account of both.
 *
 *	double_stream [--all] [SCENARIO]
 *
 * By default two or so of the first one's points and every second one of the second one's, which
 * does another thing from point to point; with --all, every combination.
 */
#include "stream_scenarios.h"

#include <getopt.h>

#define POINTS_MOST_FIRST 2u

static const struct flow_scenario seconds_flow[] = {
	{ WRITES("write", write), .size = 300, .result = 300 },
	{ READS("read", read), .size = 200, .grain = 1, .result = 200 },
	{ WRITES("open", open), WITH(nothing) },
};
#define SECONDS_FLOW (sizeof(seconds_flow) / sizeof(seconds_flow[0]))

static struct points first_points, second_points;
static struct report *reports[2];

struct pair {
	const struct flow_scenario *first, *second;
	uint32_t at, then;
};

/* The first one is dead at its point, the second one at its first instruction. */
static void pair_start(const struct pair *pair, struct flow *flow, struct world *world,
		       struct victim *two)
{
	struct victim one;

	flow_setup(flow, world, pair->first);
	flow_plan(flow, pair->first, reports[0]);
	flow_plan(flow, pair->second, reports[1]);
	/* It finds what the first one left: nothing, the end, or that nobody reads. */
	flow->actors[1].any_result = true;
	flow_ready(flow, 0, 2 * FLOW_CAPACITY);
	victim_start(&one, reports[0], engine_flow_body, (void *)(uintptr_t)pair->first);
	flow_ready(flow, 1, FLOW_ATOMIC);
	victim_start(two, reports[1], engine_flow_body, (void *)(uintptr_t)pair->second);
	flow_arm(flow);
	victim_to_start(&one);
	(void)victim_go_to(&one, &first_points.trace, pair->at);
	victim_kill(&one);
	victim_to_start(two);
}

static bool pair_try(const struct pair *pair, struct world *world, uint64_t *ret_pc)
{
	struct victim two;
	struct flow flow;

	engine_watch(pair->first->name, pair->at, pair->then, 0);
	pair_start(pair, &flow, world, &two);
	(void)victim_go_to(&two, &second_points.trace, pair->then);
	*ret_pc = two.pc;
	victim_kill(&two);
	return flow_end(&flow, flow_check(&flow, pair->at + pair->then));
}

static void pair_point(const struct pair *pair, struct tally *tally)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = pair_try(pair, &world, &pc);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally->points++;
	if (good && world.slowest > tally->slowest)
		tally->slowest = world.slowest;
	if (good || tally->failures++ >= SHOWN_FAILURES || !engine_shown--)
		return;
	fprintf(stderr,
		"FAILED %s, first killed after %u instructions, the second, which wants to %s, after "
		"%u in %s: %s\n",
		pair->first->name, pair->at, pair->second->name, pair->then, victim_symbol(pc),
		world.complaint);
}

/* Every @stride-th point of the second one for one of the first. */
static void pair_points(struct pair *pair, uint32_t stride, struct tally *tally)
{
	static struct world world;
	struct victim two;
	struct flow flow;

	engine_watch(pair->first->name, pair->at, 0, 0);
	pair_start(pair, &flow, &world, &two);
	points_collect(&two, FLOW_NAME, &second_points);
	victim_kill(&two);
	(void)flow_end(&flow, true);
	for (uint32_t i = pair->at % stride; i < second_points.visible; i += stride) {
		pair->then = second_points.at[i];
		pair_point(pair, tally);
	}
}

static void double_scenario(const struct flow_scenario *first, uint32_t turn, bool all,
			    struct tally *total)
{
	struct pair pair = { .first = first };
	struct tally tally = { 0 };
	int64_t began = test_now_ns();
	uint32_t combinations = 0, step;

	points_of_flow(first, reports[0], &first_points);
	step = all ? 1 : first_points.visible / POINTS_MOST_FIRST + 1;
	for (uint32_t i = 0; i < first_points.visible; i += step)
		for (uint32_t second = 0; second < SECONDS_FLOW; second++)
			if (all || second == (i / step + turn) % SECONDS_FLOW) {
				pair.at = first_points.at[i];
				pair.second = &seconds_flow[second];
				pair_points(&pair, all ? 1 : 2, &tally);
				combinations++;
			}
	printf("  %-18s %4u of %4u points, %6u double deaths, %u failures, slowest %lld us, %.1f s\n",
	       first->name, combinations, first_points.visible * (uint32_t)SECONDS_FLOW,
	       tally.points, tally.failures, (long long)(tally.slowest / 1000),
	       (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	total->points += tally.points;
	total->failures += tally.failures;
	total->slow += tally.slow;
}

/* The second one can attach, and what is long is copying, which is not repaired after. */
static bool is_for_two(const struct flow_scenario *scenario)
{
	return scenario->kind == FLOW_NAMED && scenario->peers != FLOW_NOBODY &&
	       scenario->operate != flow_operate_pair && scenario->size < FLOW_CAPACITY / 4 &&
	       scenario->before < FLOW_CAPACITY / 4;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { 0 } };
	struct tally total = { 0 };
	bool all = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'a')
			return 2;
		all = true;
	}
	engine_begin();
	flow_begin();
	reports[0] = report_new();
	reports[1] = report_new();
	for (size_t i = 0; i < FLOW_SCENARIOS; i++)
		if (is_for_two(&flow_scenarios[i]) &&
		    (optind >= argc || strcmp(argv[optind], flow_scenarios[i].name) == 0))
			double_scenario(&flow_scenarios[i], (uint32_t)i, all, &total);
	printf("%u double deaths, %u failures, %u slow ones tried again\n", total.points,
	       total.failures, total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
