/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * spin.c - see spin.h
 *
 * The budget is a hint shared by the threads of a handle: they overwrite each other's lessons,
 * which harms nothing.
 */
#include "spin.h"
#include "../base/compiler.h"
#include "../base/time.h"

#include <sched.h>

#define SPIN_FLOOR 1000u
#define SPIN_PROBE 2000u
#define SPIN_PROBE_EVERY 16u
#define SPIN_LONGEST 4000000000u

static uint32_t spin_is_alone(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 0; /* more processors than fit the set */
	return CPU_COUNT(&set) < 2;
}

void sli_spin_init(struct sli_spin *spin, int64_t longest_ns)
{
	spin->fixed = longest_ns <= 0
			      ? 0
			      : (uint32_t)(longest_ns < SPIN_LONGEST ? longest_ns : SPIN_LONGEST);
	/* relaxed: hints, see above */
	sli_store_rlx(&spin->budget, SLI_SPIN_CAP);
	sli_store_rlx(&spin->misses, 0u);
	sli_store_rlx(&spin->alone, spin_is_alone());
}

void sli_spin_begin(struct sli_spin_turn *turn, struct sli_spin *spin, int64_t limit_ns)
{
	turn->spin = spin;
	turn->until = 0;
	turn->turns = 0;
	/* relaxed: hints, see above */
	if (spin->fixed)
		turn->budget = spin->fixed == 1 ? 0 : spin->fixed;
	else if (sli_load_rlx(&spin->alone))
		turn->budget = 0;
	else
		turn->budget = sli_load_rlx(&spin->budget);
	/* relaxed: hints, see above */
	if (!turn->budget && !spin->fixed && !sli_load_rlx(&spin->alone) &&
	    sli_load_rlx(&spin->misses) % SPIN_PROBE_EVERY == SPIN_PROBE_EVERY - 1)
		turn->budget = SPIN_PROBE;
	if (limit_ns >= 0 && limit_ns < turn->budget)
		turn->budget = (uint32_t)limit_ns;
}

void sli_spin_stand_back(const struct sli_spin_turn *turn, uint32_t ns)
{
	int64_t until;

	if (!turn->budget)
		return;
	until = sli_now() + SLI_MIN(turn->budget, ns);
	do
		sli_pause();
	while (sli_now() < until);
}

bool sli_spin_check_clock(struct sli_spin_turn *turn)
{
	int64_t now = sli_now();

	if (turn->until == 0)
		turn->until = now + turn->budget;
	return now < turn->until;
}

static void spin_learn_hit(struct sli_spin *spin)
{
	/* relaxed: hints, see above */
	uint32_t budget = sli_load_rlx(&spin->budget);

	/* relaxed: hints, see above */
	if (budget < SLI_SPIN_CAP)
		sli_store_rlx(&spin->budget, budget * 2 + SPIN_FLOOR);
	/* relaxed: hints, see above */
	if (sli_load_rlx(&spin->misses))
		sli_store_rlx(&spin->misses, 0u);
}

static void spin_learn_miss(struct sli_spin *spin)
{
	/* relaxed: hints, see above */
	uint32_t budget = sli_load_rlx(&spin->budget) / 2;

	/* relaxed: hints, see above; a sleep follows, so a system call does not matter */
	sli_store_rlx(&spin->budget, budget < SPIN_FLOOR ? 0u : budget);
	sli_add_rlx(&spin->misses, 1u);
	sli_store_rlx(&spin->alone, spin_is_alone());
}

void sli_spin_learn(struct sli_spin *spin, bool hit)
{
	if (spin->fixed)
		return;
	if (hit)
		spin_learn_hit(spin);
	else
		spin_learn_miss(spin);
}
