/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_rwlock.c - kill a process at every instruction of reading and writing
 *
 * As kill_every.c, in a reader-writer lock: a victim dies after each number of instructions, and then
 * others have to get the lock within 50 ms and see no half written pair without being told. And in
 * pairs: a second one, which wants to read or to write, finds the first one dead and is killed on its
 * way.
 *
 *	kill_rwlock [SCENARIO]
 */
#include "rwlock_world.h"

#define LONG_SAMPLES 60u
#define FIRST_POINTS 5u

static struct report *reports[2];

static void kill_once(const struct rwlock_scenario *scenario, const struct points *points,
		      struct tally *tally)
{
	uint32_t every = scenario->is_long ? points->trace.total / LONG_SAMPLES + 1 : 1, next = 0;

	for (uint32_t k = 0; k <= points->trace.total; k++) {
		bool is_visible;

		while (next < points->visible && points->at[next] < k)
			next++;
		is_visible = next < points->visible && points->at[next] == k;
		for (uint32_t order = 0; order < 3; order++)
			if ((is_visible && !scenario->is_long) ||
			    (order == k % 3 && (is_visible || k % every == 0)))
				engine_rwlock_point(scenario, &points->trace, k, order, reports[0],
						    tally);
	}
}

/* ---- two in a row ---------------------------------------------------------------------------- */

static const struct rwlock_scenario seconds[] = {
	{ "read", .is_open = true, .operate = rwlock_operate_read },
	{ "write", .is_open = true, .operate = rwlock_operate_write },
	{ "open", .operate = rwlock_operate_open },
};

struct pair_of {
	const struct rwlock_scenario *first, *second;
	const struct points *points;
	uint32_t at;
};

/* The first one is dead, the second one at its first instruction. */
static void pair_start(const struct pair_of *pair, struct rwlock_stage *stage, struct victim *two)
{
	struct victim one;

	rwlock_stage_begin(stage);
	/* It gets ready while nobody has the lock. */
	victim_start(two, reports[1], engine_rwlock_body, (void *)(uintptr_t)pair->second);
	victim_start(&one, reports[0], engine_rwlock_body, (void *)(uintptr_t)pair->first);
	rwlock_stage_set(stage, pair->first);
	victim_to_start(&one);
	(void)victim_go_to(&one, &pair->points->trace, pair->at);
	victim_kill(&one);
	victim_to_start(two);
}

/* Whoever of the two wrote, others may be told. */
static bool pair_check(const struct pair_of *pair, struct world *world, struct rwlock_stage *stage,
		       uint32_t variant)
{
	struct rwlock_scenario both = *pair->first;

	if (pair->second->operate == rwlock_operate_write)
		both.operate = rwlock_operate_write;
	return rwlock_check_world(world, stage, &both, NULL, variant);
}

static void pair_point(const struct pair_of *pair, const struct trace *trace, uint32_t then,
		       struct tally *tally)
{
	static struct world world;
	struct rwlock_stage stage;
	struct victim two;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		engine_watch(pair->first->name, pair->at, then, 0);
		engine_rwlock_begin(&world);
		pair_start(pair, &stage, &two);
		(void)victim_go_to(&two, trace, then);
		pc = two.pc;
		victim_kill(&two);
		good = pair_check(pair, &world, &stage, then);
		good = rwlock_stage_end(&world, &stage, good);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, pair->first->name, pair->at, then, NULL, pc, good, &world);
}

static void kill_pairs(const struct rwlock_scenario *scenario, const struct points *points,
		       struct tally *tally)
{
	static struct points then;
	static struct world world;
	uint32_t step = points->visible / FIRST_POINTS + 1;

	for (uint32_t i = 0; i < points->visible; i += step) {
		struct pair_of pair = { scenario, &seconds[i / step % 3], points, points->at[i] };
		struct rwlock_stage stage;
		struct victim two;

		engine_watch(scenario->name, pair.at, 0, 0);
		engine_rwlock_begin(&world);
		pair_start(&pair, &stage, &two);
		points_collect(&two, RWLOCK_NAME, &then);
		victim_kill(&two);
		(void)pair_check(&pair, &world, &stage, 0);
		(void)rwlock_stage_end(&world, &stage, true);
		for (uint32_t n = 0; n < then.visible; n += 1 + then.visible / 24)
			pair_point(&pair, &then.trace, then.at[n], tally);
	}
}

/* ---- all ------------------------------------------------------------------------------------- */

static void kill_scenario(const struct rwlock_scenario *scenario, struct tally *total)
{
	static struct points points;
	struct tally once = { 0 }, pairs = { 0 };
	int64_t began = test_now_ns();

	points_of_rwlock(scenario, reports[0], &points);
	kill_once(scenario, &points, &once);
	if (scenario->is_open && !scenario->awaited)
		kill_pairs(scenario, &points, &pairs);
	printf("  %-26s %5u instructions, %4u distinct, %5u deaths, %5u pairs, %u failures, "
	       "slowest %lld us, %.1f s\n",
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
	reports[0] = report_new();
	reports[1] = report_new();
	for (size_t i = 0; i < RWLOCK_SCENARIOS; i++)
		if (argc < 2 || strcmp(argv[1], rwlock_scenarios[i].name) == 0)
			kill_scenario(&rwlock_scenarios[i], &total);
	printf("%u deaths, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
