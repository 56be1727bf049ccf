/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * pairs.h - kill a process at the points of its operation, and then one that finds it dead
 *
 * What the gates' kill tests have in common. A gate says how to kill one, how to put a dead one
 * and a second one in front of each other, and what is wrong when both are dead.
 */
#ifndef PAIRS_H
#define PAIRS_H

#include "engine.h"

/* The first one died at instruction @at of its operation; then the second one does its. */
struct pair_of {
	const void *first, *second; /* scenarios of the gate */
	const struct points *points;
	uint32_t at;
};

struct gate {
	const char *name; /* of the object */
	uint32_t orders;  /* in which others go on */
	/* Kill one at instruction @k. */
	void (*once)(const void *scenario, const struct trace *trace, uint32_t k, uint32_t order,
		     struct tally *tally);
	/* The first one is dead, the second one, @two, at its first instruction. */
	void (*start)(const struct pair_of *pair, struct world *world, struct victim *two);
	/* Both are dead. */
	bool (*end)(const struct pair_of *pair, struct world *world, uint32_t order);
};

/* Its name is the first thing in a scenario. */
static inline const char *pair_name(const void *scenario)
{
	return *(const char *const *)scenario;
}

/* At all points; of a long operation at @samples of them. */
static inline void kill_once(const struct gate *gate, const void *scenario,
			     const struct points *points, uint32_t samples, struct tally *tally)
{
	uint32_t every = samples ? points->trace.total / samples + 1 : 1, next = 0;

	for (uint32_t k = 0; k <= points->trace.total; k++) {
		bool is_visible;

		while (next < points->visible && points->at[next] < k)
			next++;
		is_visible = next < points->visible && points->at[next] == k;
		for (uint32_t order = 0; order < gate->orders; order++)
			if ((is_visible && !samples) ||
			    (order == k % gate->orders && (is_visible || k % every == 0)))
				gate->once(scenario, &points->trace, k, order, tally);
	}
}

static inline void pair_begin(const struct gate *gate, struct world *world)
{
	world->name = gate->name;
	world->complaint[0] = '\0';
	world->is_slow = false;
}

static inline void pair_point(const struct gate *gate, const struct pair_of *pair,
			      const struct trace *trace, uint32_t then, struct tally *tally)
{
	static struct world world;
	struct victim two;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		engine_watch(pair_name(pair->first), pair->at, then, 0);
		pair_begin(gate, &world);
		gate->start(pair, &world, &two);
		(void)victim_go_to(&two, trace, then);
		pc = two.pc;
		victim_kill(&two);
		good = gate->end(pair, &world, then);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, pair_name(pair->first), pair->at, then, NULL, pc, good, &world);
}

/* The second one at about @most of its points, and at its end, which it reaches unharmed before. */
static inline void kill_pair(const struct gate *gate, const struct pair_of *pair, uint32_t most,
			     struct tally *tally)
{
	static struct points then;
	static struct world world;
	struct victim two;
	uint32_t n;
	bool good;

	world.slowest = 0;
	engine_watch(pair_name(pair->first), pair->at, 0, 0);
	pair_begin(gate, &world);
	gate->start(pair, &world, &two);
	points_collect(&two, gate->name, &then);
	victim_kill(&two);
	good = gate->end(pair, &world, 0);
	if (world.is_slow) /* the last point is the same again */
		tally->slow++;
	else
		tally_add(tally, pair_name(pair->first), pair->at, 0, NULL, two.pc, good, &world);
	for (n = 0; n + 1 < then.visible; n += 1 + then.visible / most)
		pair_point(gate, pair, &then.trace, then.at[n], tally);
	pair_point(gate, pair, &then.trace, then.at[then.visible - 1], tally);
}

/* Say what came of a scenario since @began. */
static inline void kill_report(const char *name, const struct points *points,
			       const struct tally *once, const struct tally *pairs, int64_t began,
			       struct tally *total)
{
	printf("  %-26s %5u instructions, %4u distinct, %5u deaths, %5u pairs, %u failures, slowest "
	       "%lld us, %.1f s\n",
	       name, points->trace.total, points->visible, once->points, pairs->points,
	       once->failures + pairs->failures, (long long)(once->slowest / 1000),
	       (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	total->points += once->points + pairs->points;
	total->failures += once->failures + pairs->failures;
	total->slow += once->slow + pairs->slow;
}

static inline int kill_end(const struct tally *total)
{
	printf("%u deaths, %u failures, %u slow ones tried again\n", total->points, total->failures,
	       total->slow);
	test_clean();
	return total->failures ? 1 : 0;
}

#endif
