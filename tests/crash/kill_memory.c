/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_memory.c - kill a process at every instruction of growing a memory, and in its mutexes and heap
 *
 * First one victim. The operations of the heap are thousands of instructions long: all those at which
 * others can tell a difference, and every n-th of the rest. Then two: the second one, which waited for
 * the first or finds it dead, is killed while it repairs after it and goes on. memory_world.h says what
 * has to be true afterwards.
 *
 *	kill_memory [--scenario NAME] [--every N] [--points N] [--all]
 *
 * --every N: every N-th instruction of long operations. --points N: about so many points of the first of
 * two victims. --all: all instructions of one, and all pairs of two; many minutes.
 */
#include "memory_world.h"

#include <getopt.h>

struct wish {
	const char *scenario;
	uint32_t every, points;
};

static struct report *reports[2];

/* ---- one victim ------------------------------------------------------------------------------ */

static bool kill_try(struct memory_world *world, const struct memory_scenario *scenario,
		     const struct trace *trace, uint32_t point, uint64_t *ret_pc)
{
	struct victim victim;

	engine_watch(scenario->name, point, 0, 0);
	memory_setup(world, scenario);
	victim_start(&victim, reports[0], memory_victim_body, (void *)(uintptr_t)scenario);
	victim_to_start(&victim);
	(void)victim_go_to(&victim, trace, point);
	*ret_pc = victim.pc;
	victim_kill(&victim);
	return memory_end(world, memory_check(world, reports[0], NULL, NULL));
}

static void kill_at(const struct memory_scenario *scenario, const struct trace *trace,
		    uint32_t point, struct tally *tally)
{
	static struct memory_world world;
	uint64_t pc = 0;
	bool good = false;

	world.world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = kill_try(&world, scenario, trace, point, &pc);
		if (!world.world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, 0, trace, pc, good, &world.world);
}

static void points_of_memory(const struct memory_scenario *scenario, struct points *points)
{
	static struct memory_world world;
	struct victim victim;

	engine_watch(scenario->name, 0, 0, 0);
	memory_setup(&world, scenario);
	victim_start(&victim, reports[0], memory_victim_body, (void *)(uintptr_t)scenario);
	victim_to_start(&victim);
	points_collect(&victim, MEMORY_NAME, points);
	victim_kill(&victim);
	(void)memory_end(&world, true);
}

static void tally_print(const char *name, const struct points *points, const struct tally *tally,
			const char *what, int64_t began)
{
	printf("  %-16s %5u instructions, %3u distinct, %5u %s, %u failures, slowest %lld us, %.1f s\n",
	       name, points->trace.total, points->visible, tally->points, what, tally->failures,
	       (long long)(tally->slowest / 1000), (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
}

static void kill_scenario(const struct wish *wish, const struct memory_scenario *scenario,
			  struct points *points, struct tally *total)
{
	struct tally tally = { 0 };
	int64_t began = test_now_ns();
	uint32_t every = scenario->has_heap ? wish->every : 1, next = 0;

	points_of_memory(scenario, points);
	for (uint32_t k = 0; k <= points->trace.total; k++) {
		bool is_visible = next < points->visible && points->at[next] == k;

		next += is_visible;
		if (is_visible || k % every == 0)
			kill_at(scenario, &points->trace, k, &tally);
	}
	tally_print(scenario->name, points, &tally, "deaths", began);
	total->points += tally.points;
	total->failures += tally.failures;
	total->slow += tally.slow;
}

/* ---- two victims ----------------------------------------------------------------------------- */

/* The first one is dead at @at, the second one at its first instruction. */
static void both_start(struct memory_world *world, const struct memory_scenario *scenario,
		       const struct memory_scenario *second, const struct trace *trace, uint32_t at,
		       struct victim *two)
{
	struct victim one;

	memory_setup(world, scenario);
	victim_start(&one, reports[0], memory_victim_body, (void *)(uintptr_t)scenario);
	victim_to_start(&one);
	victim_share_processor(&one, false);
	victim_start(two, reports[1], memory_victim_body, (void *)(uintptr_t)second);
	victim_share_processor(&one, true);
	(void)victim_go_to(&one, trace, at);
	victim_kill(&one);
	victim_to_start(two);
}

static void both_at(const struct memory_scenario *scenario, const struct memory_scenario *second,
		    const struct trace *first, uint32_t at, const struct trace *trace,
		    uint32_t then, struct tally *tally)
{
	static struct memory_world world;
	bool good = false;
	uint64_t pc = 0;

	world.world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		struct victim two;

		engine_watch(scenario->name, at, then, 0);
		both_start(&world, scenario, second, first, at, &two);
		(void)victim_go_to(&two, trace, then);
		pc = two.pc;
		victim_kill(&two);
		good = memory_end(&world, memory_check(&world, reports[0], second, reports[1]));
		if (!world.world.is_slow)
			break;
		tally->slow++;
	}
	tally->points++;
	if (good)
		tally->slowest = SLI_MAX(tally->slowest, world.world.slowest);
	else if (tally->failures++ < SHOWN_FAILURES)
		fprintf(stderr,
			"FAILED %s, first killed after %u instructions, the second, which wants to "
			"%s, after %u in %s: %s\n",
			scenario->name, at, second->name, then, victim_symbol(pc),
			world.world.complaint);
}

/* All points of the second one that others can tell apart, for one of the first. */
static void both_points(const struct memory_scenario *scenario,
			const struct memory_scenario *second, const struct trace *first,
			uint32_t at, struct tally *tally)
{
	static struct memory_world world;
	static struct points points;
	struct victim two;

	engine_watch(scenario->name, at, 0, 0);
	both_start(&world, scenario, second, first, at, &two);
	points_collect(&two, MEMORY_NAME, &points);
	victim_kill(&two);
	(void)memory_end(&world, true);
	for (uint32_t i = 0; i < points.visible; i++)
		both_at(scenario, second, first, at, &points.trace, points.at[i], tally);
}

/* Spread over the first one's points; each time another second, or with as many as there are, all. */
static void both_scenario(const struct wish *wish, const struct memory_scenario *scenario,
			  const struct points *first, uint32_t turn, struct tally *total)
{
	uint32_t step = SLI_MAX(first->visible / wish->points, 1u);
	struct tally tally = { 0 };
	int64_t began = test_now_ns();

	if (scenario->is_memfd || (!scenario->has_heap && !scenario->grows && !scenario->has_units))
		return;
	for (uint32_t i = turn % step; i < first->visible; i += step)
		for (uint32_t second = 0; second < MEMORY_SECONDS; second++)
			if (memory_makes_sense(scenario, &memory_seconds[second]) &&
			    (wish->points == UINT32_MAX ||
			     (i / step + turn) % MEMORY_SECONDS == second))
				both_points(scenario, &memory_seconds[second], &first->trace,
					    first->at[i], &tally);
	tally_print(scenario->name, first, &tally, "double deaths", began);
	total->points += tally.points;
	total->failures += tally.failures;
	total->slow += tally.slow;
}

/* ---- all ------------------------------------------------------------------------------------- */

static void read_arguments(int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = { { "scenario", required_argument, NULL, 's' },
						 { "every", required_argument, NULL, 'e' },
						 { "points", required_argument, NULL, 'p' },
						 { "all", no_argument, NULL, 'a' },
						 { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			wish->scenario = optarg;
		else if (c == 'e')
			wish->every = (uint32_t)strtoul(optarg, NULL, 0);
		else if (c == 'p')
			wish->points = (uint32_t)strtoul(optarg, NULL, 0);
		else if (c == 'a')
			*wish = (struct wish){ wish->scenario, 1, UINT32_MAX };
		else
			exit(2);
	}
	if (!wish->every || !wish->points)
		exit(2);
}

int main(int argc, char **argv)
{
	static struct points points;
	struct wish wish = { NULL, 4, 6 };
	struct tally total = { 0 };

	read_arguments(argc, argv, &wish);
	engine_begin();
	reports[0] = report_new();
	reports[1] = report_new();
	for (size_t i = 0; i < MEMORY_SCENARIOS; i++) {
		const struct memory_scenario *scenario = &memory_scenarios[i];

		if (wish.scenario && strcmp(wish.scenario, scenario->name) != 0)
			continue;
		kill_scenario(&wish, scenario, &points, &total);
		both_scenario(&wish, scenario, &points, (uint32_t)i, &total);
	}
	printf("%u deaths, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
