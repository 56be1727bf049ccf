/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_barrier.c - kill a party at every instruction of waiting, being the last one, and resetting
 *
 * As kill_every.c, in a barrier. Each death takes several processes, so not every instruction is
 * tried where an operation has many, but all that others can tell apart. And in pairs: a second one,
 * attached before (or attaching now), waits or resets, finds the first one dead and is killed on its
 * way. Who attaches takes the dead one's place: no death of a participant but the first's is to be told.
 *
 *	kill_barrier [SCENARIO]
 */
#include "barrier_world.h"

#define SAMPLES 80u
#define FIRST_POINTS 4u
#define SECOND_POINTS 12u

static struct report *reports[2];

static void circle_once(const void *scenario, const struct trace *trace, uint32_t k, uint32_t order,
			struct tally *tally)
{
	(void)order;
	engine_circle_point((const struct circle_scenario *)scenario, trace, k, reports[0], tally);
}

/* ---- two in a row ---------------------------------------------------------------------------- */

static struct {
	struct circle_scenario second; /* of as many parties as the first one's */
	sluice_barrier *barrier;
	sluice_barrier *filling[8]; /* take what places are left */
	pid_t sleeper;
} stage;

/* Who attaches after this gets the place of a dead one, or none. */
static void circle_fill(uint32_t parties)
{
	struct sluice_barrier_info info = { .size = sizeof(info) };

	CHECK_EQ(sluice_barrier_info(stage.barrier, &info), 0);
	for (uint32_t i = info.attached; i < info.participants; i++)
		CHECK_EQ(circle_open(parties, &stage.filling[i]), 0);
}

static void circle_pair_start(const struct pair_of *pair, struct world *world, struct victim *two)
{
	const struct circle_scenario *first = (const struct circle_scenario *)pair->first;
	struct victim one;

	(void)world;
	stage.second = *(const struct circle_scenario *)pair->second;
	stage.second.parties = first->parties;
	CHECK_EQ(circle_open(first->parties, &stage.barrier), 0);
	victim_start(two, reports[1], circle_body, &stage.second);
	victim_start(&one, reports[0], circle_body, (void *)(uintptr_t)first);
	stage.sleeper = circle_others(first);
	if (stage.second.attaches)
		circle_fill(first->parties);
	victim_to_start(&one);
	(void)victim_go_to(&one, &pair->points->trace, pair->at);
	victim_kill(&one);
	victim_to_start(two);
}

static bool circle_pair_end(const struct pair_of *pair, struct world *world, uint32_t order)
{
	const struct circle_scenario *const scenarios[] = {
		(const struct circle_scenario *)pair->first, &stage.second
	};

	(void)order;
	for (uint32_t i = 0; i < 8; i++)
		sluice_barrier_close(stage.filling[i]);
	memset(stage.filling, 0, sizeof(stage.filling));
	return circle_end_two(world, scenarios, reports, stage.barrier, stage.sleeper);
}

static const struct gate gate = { .name = CIRCLE_NAME,
				  .orders = 1,
				  .once = circle_once,
				  .start = circle_pair_start,
				  .end = circle_pair_end };

static void kill_pairs(const struct circle_scenario *scenario, const struct points *points,
		       struct tally *tally)
{
	uint32_t step = points->visible / FIRST_POINTS + 1;

	for (uint32_t i = 0; i < points->visible; i += step)
		for (uint32_t second = 0; second < CIRCLE_SECONDS; second++) {
			struct pair_of pair = { scenario, &circle_seconds[second], points,
						points->at[i] };

			kill_pair(&gate, &pair, SECOND_POINTS, tally);
		}
}

/* ---- all ------------------------------------------------------------------------------------- */

static void kill_scenario(const struct circle_scenario *scenario, struct tally *total)
{
	static struct points points;
	struct tally once = { 0 }, pairs = { 0 };
	int64_t began = test_now_ns();

	points_of_circle(scenario, reports[0], &points);
	kill_once(&gate, scenario, &points, SAMPLES, &once);
	kill_pairs(scenario, &points, &pairs);
	kill_report(scenario->name, &points, &once, &pairs, began, total);
}

int main(int argc, char **argv)
{
	struct tally total = { 0 };

	engine_begin();
	reports[0] = report_new();
	reports[1] = report_new();
	for (size_t i = 0; i < CIRCLE_SCENARIOS; i++)
		if (argc < 2 || strcmp(argv[1], circle_scenarios[i].name) == 0)
			kill_scenario(&circle_scenarios[i], &total);
	return kill_end(&total);
}
