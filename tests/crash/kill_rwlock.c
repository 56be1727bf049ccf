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
#include "pairs.h"
#include "rwlock_world.h"

#define LONG_SAMPLES 60u
#define FIRST_POINTS 5u
#define SECOND_POINTS 24u

static struct report *reports[2];

static void rwlock_once(const void *scenario, const struct trace *trace, uint32_t k, uint32_t order,
			struct tally *tally)
{
	engine_rwlock_point((const struct rwlock_scenario *)scenario, trace, k, order, reports[0],
			    tally);
}

/* ---- two in a row ---------------------------------------------------------------------------- */

static const struct rwlock_scenario seconds[] = {
	{ "read", .is_open = true, .operate = rwlock_operate_read },
	{ "write", .is_open = true, .operate = rwlock_operate_write },
	{ "open", .operate = rwlock_operate_open },
};

static struct rwlock_stage stage;

static void rwlock_pair_start(const struct pair_of *pair, struct world *world, struct victim *two)
{
	const struct rwlock_scenario *first = (const struct rwlock_scenario *)pair->first;
	struct victim one;

	engine_rwlock_begin(world);
	rwlock_stage_begin(&stage);
	/* It gets ready while nobody has the lock. */
	victim_start(two, reports[1], engine_rwlock_body, (void *)(uintptr_t)pair->second);
	victim_start(&one, reports[0], engine_rwlock_body, (void *)(uintptr_t)first);
	rwlock_stage_set(&stage, first);
	victim_to_start(&one);
	(void)victim_go_to(&one, &pair->points->trace, pair->at);
	victim_kill(&one);
	victim_to_start(two);
}

/* Whoever of the two wrote, others may be told. */
static bool rwlock_pair_end(const struct pair_of *pair, struct world *world, uint32_t order)
{
	const struct rwlock_scenario *second = (const struct rwlock_scenario *)pair->second;
	struct rwlock_scenario both = *(const struct rwlock_scenario *)pair->first;
	bool good;

	if (second->operate == rwlock_operate_write)
		both.operate = rwlock_operate_write;
	good = rwlock_check_world(world, &stage, &both, NULL, order);
	return rwlock_stage_end(world, &stage, good);
}

static const struct gate gate = { .name = RWLOCK_NAME,
				  .orders = 3,
				  .once = rwlock_once,
				  .start = rwlock_pair_start,
				  .end = rwlock_pair_end };

static void kill_pairs(const struct rwlock_scenario *scenario, const struct points *points,
		       struct tally *tally)
{
	uint32_t step = points->visible / FIRST_POINTS + 1;

	for (uint32_t i = 0; i < points->visible; i += step) {
		struct pair_of pair = { scenario, &seconds[i / step % 3], points, points->at[i] };

		kill_pair(&gate, &pair, SECOND_POINTS, tally);
	}
}

/* ---- all ------------------------------------------------------------------------------------- */

static void kill_scenario(const struct rwlock_scenario *scenario, struct tally *total)
{
	static struct points points;
	struct tally once = { 0 }, pairs = { 0 };
	int64_t began = test_now_ns();

	points_of_rwlock(scenario, reports[0], &points);
	kill_once(&gate, scenario, &points, scenario->is_long ? LONG_SAMPLES : 0, &once);
	if (scenario->is_open && !scenario->awaited)
		kill_pairs(scenario, &points, &pairs);
	kill_report(scenario->name, &points, &once, &pairs, began, total);
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
	return kill_end(&total);
}
