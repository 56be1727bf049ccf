/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_sync.c - kill a process at every instruction of every operation of a semaphore
 *
 * As kill_every.c: a victim dies after each number of instructions, and then others must be able to
 * go on within 50 ms and find every unit that was there, exactly. And in pairs: a second one, attached
 * before (or attaching now), finds the first one dead and is killed on its way.
 *
 *	kill_sync [SCENARIO]
 */
#include "sync_world.h"

#define LONG_SAMPLES 100u
#define FIRST_POINTS 4u
#define SECOND_POINTS 20u

static struct report *reports[2];

static void kill_once(const struct sync_scenario *scenario, const struct points *points,
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
				engine_sync_point(scenario, &points->trace, k, order, reports[0],
						  tally);
	}
}

/* ---- two in a row ---------------------------------------------------------------------------- */

struct pair_of {
	const struct sync_scenario *scenarios[2];
	const struct points *points;
	uint32_t at;
};

/* The first one is dead, the second one at its first instruction. */
static sluice_semaphore *pair_start(const struct pair_of *pair, struct victim *two)
{
	sluice_semaphore *semaphore = sync_setup();
	struct victim one;

	victim_start(two, reports[1], engine_sync_body, (void *)(uintptr_t)pair->scenarios[1]);
	victim_start(&one, reports[0], engine_sync_body, (void *)(uintptr_t)pair->scenarios[0]);
	sync_arm(pair->scenarios[0], semaphore);
	victim_to_start(&one);
	(void)victim_go_to(&one, &pair->points->trace, pair->at);
	victim_kill(&one);
	victim_to_start(two);
	return semaphore;
}

static void pair_point(const struct pair_of *pair, const struct trace *trace, uint32_t then,
		       struct tally *tally)
{
	static struct world world;
	sluice_semaphore *semaphore;
	struct victim two;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		engine_watch(pair->scenarios[0]->name, pair->at, then, 0);
		engine_sync_begin(&world);
		semaphore = pair_start(pair, &two);
		(void)victim_go_to(&two, trace, then);
		pc = two.pc;
		victim_kill(&two);
		good = engine_sync_end(&world, semaphore,
				       sync_check_two(&world, pair->scenarios, reports, semaphore));
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, pair->scenarios[0]->name, pair->at, then, NULL, pc, good, &world);
}

/* At some points of the first one each of the seconds, at some points of theirs. */
static void kill_pairs(const struct sync_scenario *scenario, const struct points *points,
		       struct tally *tally)
{
	static struct points then;
	static struct world world;
	uint32_t step = points->visible / FIRST_POINTS + 1;

	for (uint32_t i = 0; i < points->visible * SYNC_SECONDS; i += step) {
		struct pair_of pair = { { scenario, &sync_seconds[i / step % SYNC_SECONDS] },
					points,
					points->at[i / SYNC_SECONDS] };
		sluice_semaphore *semaphore;
		struct victim two;

		engine_watch(scenario->name, pair.at, 0, 0);
		engine_sync_begin(&world);
		semaphore = pair_start(&pair, &two);
		points_collect(&two, SYNC_NAME, &then);
		victim_kill(&two);
		(void)engine_sync_end(&world, semaphore, true);
		for (uint32_t n = 0; n < then.visible; n += 1 + then.visible / SECOND_POINTS)
			pair_point(&pair, &then.trace, then.at[n], tally);
	}
}

/* ---- all ------------------------------------------------------------------------------------- */

static void kill_scenario(const struct sync_scenario *scenario, struct tally *total)
{
	static struct points points;
	struct tally once = { 0 }, pairs = { 0 };
	int64_t began = test_now_ns();

	points_of_sync(scenario, reports[0], &points);
	kill_once(scenario, &points, &once);
	if (scenario->prepare == units_prepare)
		kill_pairs(scenario, &points, &pairs);
	printf("  %-26s %5u instructions, %4u distinct, %5u deaths, %5u pairs, %u failures, slowest "
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
	reports[0] = report_new();
	reports[1] = report_new();
	for (size_t i = 0; i < SYNC_SCENARIOS; i++)
		if (argc < 2 || strcmp(argv[1], sync_scenarios[i].name) == 0)
			kill_scenario(&sync_scenarios[i], &total);
	printf("%u deaths, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
