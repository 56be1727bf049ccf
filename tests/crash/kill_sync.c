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
#include "pairs.h"
#include "sync_world.h"

#define LONG_SAMPLES 100u
#define FIRST_POINTS 4u
#define SECOND_POINTS 20u

static struct report *reports[2];

static void units_once(const void *scenario, const struct trace *trace, uint32_t k, uint32_t order,
		       struct tally *tally)
{
	engine_sync_point((const struct sync_scenario *)scenario, trace, k, order, reports[0],
			  tally);
}

/* ---- two in a row ---------------------------------------------------------------------------- */

static sluice_semaphore *semaphore; /* the tester's */

static void units_pair_start(const struct pair_of *pair, struct world *world, struct victim *two)
{
	const struct sync_scenario *first = (const struct sync_scenario *)pair->first;
	struct victim one;

	(void)world;
	semaphore = sync_setup();
	victim_start(two, reports[1], engine_sync_body, (void *)(uintptr_t)pair->second);
	victim_start(&one, reports[0], engine_sync_body, (void *)(uintptr_t)first);
	sync_arm(first, semaphore);
	victim_to_start(&one);
	(void)victim_go_to(&one, &pair->points->trace, pair->at);
	victim_kill(&one);
	victim_to_start(two);
}

static bool units_pair_end(const struct pair_of *pair, struct world *world, uint32_t order)
{
	const struct sync_scenario *const scenarios[] = {
		(const struct sync_scenario *)pair->first,
		(const struct sync_scenario *)pair->second
	};

	(void)order;
	return engine_sync_end(world, semaphore,
			       sync_check_two(world, scenarios, reports, semaphore));
}

static const struct gate gate = { .name = SYNC_NAME,
				  .orders = 3,
				  .once = units_once,
				  .start = units_pair_start,
				  .end = units_pair_end };

/* At some points of the first one each of the seconds, at some points of theirs. */
static void kill_pairs(const struct sync_scenario *scenario, const struct points *points,
		       struct tally *tally)
{
	uint32_t step = points->visible / FIRST_POINTS + 1;

	for (uint32_t i = 0; i < points->visible * SYNC_SECONDS; i += step) {
		struct pair_of pair = { scenario, &sync_seconds[i / step % SYNC_SECONDS], points,
					points->at[i / SYNC_SECONDS] };

		kill_pair(&gate, &pair, SECOND_POINTS, tally);
	}
}

/* ---- all ------------------------------------------------------------------------------------- */

static void kill_scenario(const struct sync_scenario *scenario, struct tally *total)
{
	static struct points points;
	struct tally once = { 0 }, pairs = { 0 };
	int64_t began = test_now_ns();

	points_of_sync(scenario, reports[0], &points);
	kill_once(&gate, scenario, &points, scenario->is_long ? LONG_SAMPLES : 0, &once);
	if (scenario->prepare == units_prepare)
		kill_pairs(scenario, &points, &pairs);
	kill_report(scenario->name, &points, &once, &pairs, began, total);
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
	return kill_end(&total);
}
