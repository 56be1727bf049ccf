/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * double.h - two deaths in a row: the second victim is killed while it repairs after the first
 *
 * See double_death.c.
 */
#ifndef DOUBLE_H
#define DOUBLE_H

#include "engine.h"
#include "seconds.h"

struct plan {
	const struct scenario *scenario;
	struct report *reports[2];
	struct points first;  /* of the first victim */
	struct points second; /* of the second, for one point of the first */
	struct tally tally;
	uint32_t combinations;
};

/* ---- both ----------------------------------------------------------------------------------- */

/* The first one is dead at @at, the second one at its first instruction. */
static inline void both_start(struct plan *plan, struct world *world, uint32_t at,
			      enum second second, struct victim *two)
{
	struct engine_job job = { &seconds[second], world };
	struct victim one;

	plan->scenario->setup(world);
	second_plan(world, second, plan->reports[1]);
	engine_start(&one, plan->scenario, world, plan->reports[0]);
	victim_share_processor(&one, false);
	victim_start(two, plan->reports[1], engine_body, &job);
	victim_share_processor(&one, true);
	(void)victim_go_to(&one, &plan->first.trace, at);
	victim_kill(&one);
	victim_to_start(two);
}

static inline bool both_try(struct plan *plan, struct world *world, uint32_t at, uint32_t then,
			    enum second second, uint64_t *ret_pc)
{
	struct victim two;
	bool good;

	engine_watch(plan->scenario->name, at, then, second);
	both_start(plan, world, at, second, &two);
	(void)victim_go_to(&two, &plan->second.trace, then);
	*ret_pc = two.pc;
	victim_kill(&two);
	good = world_check(world, at + then, then % 2 == 1);
	return engine_finish(world) && good;
}

static inline void both_point(struct plan *plan, uint32_t at, uint32_t then, enum second second)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = both_try(plan, &world, at, then, second, &pc);
		if (!world.is_slow)
			break;
		plan->tally.slow++;
	}
	plan->tally.points++;
	if (good && world.slowest > plan->tally.slowest)
		plan->tally.slowest = world.slowest;
	if (good || plan->tally.failures++ >= SHOWN_FAILURES || !engine_shown--)
		return;
	fprintf(stderr,
		"FAILED %s, first killed after %u instructions, the second, which wants to %s, after %u in %s: %s\n",
		plan->scenario->name, at, seconds[second].name, then, victim_symbol(pc),
		world.complaint);
}

/* Every @stride-th point of the second one for one of the first. */
static inline void both_points(struct plan *plan, uint32_t at, enum second second, uint32_t stride)
{
	static struct world world;
	struct victim two;

	engine_watch(plan->scenario->name, at, 0, second);
	both_start(plan, &world, at, second, &two);
	points_collect(&two, world.name, &plan->second);
	victim_kill(&two);
	(void)engine_finish(&world);
	for (uint32_t i = at % stride; i < plan->second.visible; i += stride)
		both_point(plan, at, plan->second.at[i], second);
	plan->combinations++;
}

/* At about @most points of the first one, spread over its operation; each time another second. */
static inline void both_scenario(struct plan *plan, uint32_t most, uint32_t stride, uint32_t turn,
				 uint32_t enough)
{
	/* Where a death leaves most to repair, all of them. */
	bool is_intricate = strcmp(plan->scenario->name, "send_rotate") == 0;
	uint32_t step = is_intricate ? 1 : plan->first.visible / most + 1;

	for (uint32_t i = turn % step; i < plan->first.visible; i += step)
		if (plan->tally.failures < enough)
			both_points(plan, plan->first.at[i], (enum second)((i + turn) % SECONDS),
				    is_intricate ? 1 : stride);
}

static inline void plan_begin(struct plan *plan, const struct scenario *scenario,
			      struct report *one, struct report *two)
{
	memset(plan, 0, sizeof(*plan));
	plan->scenario = scenario;
	plan->reports[0] = one;
	plan->reports[1] = two;
	points_of(scenario, one, &plan->first);
}

#endif
