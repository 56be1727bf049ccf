/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * spin.h - look again for a moment before sleeping, as long as that pays
 *
 *	sli_spin_begin(&turn, spin);
 *	while (word_unchanged() && sli_spin_again(&turn))
 *		;
 *	sli_spin_end(&turn, word_changed());
 *
 * The first turns read no clock and do not pause: an answer from another core that is spinning too
 * comes within a few hundred nanoseconds. After that each turn pauses and every 32nd reads the
 * clock, so a spin is bounded by time whatever a pause costs.
 *
 * Learning (2-competitive: never worse than twice the cost of sleeping at once): the budget starts
 * at 20 us, about the cost of being woken; a hit doubles it up to there, a miss halves it, below
 * 1 us it is nothing. A spinner without budget still probes with 2 us once in 16 waits. With one
 * allowed processor there is no spinning, since the other side most likely cannot run meanwhile.
 *
 * A fixed length is the user's word: it learns nothing, and it holds with one processor too, for that
 * is how pairs of processes pinned to two processors are set up.
 */
#ifndef SLI_SPIN_H
#define SLI_SPIN_H

#include "../base/atomic.h"

#include <stdbool.h>

struct sli_spin {
	_Atomic uint32_t budget; /* nanoseconds; written by every thread of the handle */
	_Atomic uint32_t misses; /* in a row */
	_Atomic uint32_t alone;  /* one allowed processor */
	uint32_t fixed;          /* not 0: never learn, spin that long; 1: never spin */
};

struct sli_spin_turn {
	struct sli_spin *spin;
	int64_t until; /* 0: clock not read yet */
	uint32_t turns;
	uint32_t budget;
};

/* @longest_ns: 0 adaptive, 1 never, else the fixed length. */
void sli_spin_init(struct sli_spin *spin, int64_t longest_ns);

/* @limit_ns: what is left of the wait; negative: all the time in the world. */
void sli_spin_begin(struct sli_spin_turn *turn, struct sli_spin *spin, int64_t limit_ns);
/* Do not look for @ns, at most for as long as the turn: who works with what is looked at does so with
 * an undisturbed cache meanwhile. */
void sli_spin_stand_back(const struct sli_spin_turn *turn, uint32_t ns);
void sli_spin_learn(struct sli_spin *spin, bool hit);
bool sli_spin_check_clock(struct sli_spin_turn *turn);

#define SLI_SPIN_CAP 20000u  /* nanoseconds */
#define SLI_SPIN_EAGER 1024u /* turns without a pause: about half a microsecond */

/* The spin is over. A hit that teaches nothing, the common end, is two loads. */
static inline void sli_spin_end(const struct sli_spin_turn *turn, bool hit)
{
	struct sli_spin *spin = turn->spin;

	/* relaxed: hints, see spin.c */
	if (!(hit && (spin->fixed || (sli_load_rlx(&spin->budget) >= SLI_SPIN_CAP &&
				      !sli_load_rlx(&spin->misses)))))
		sli_spin_learn(spin, hit);
}

/* One more turn? */
static inline bool sli_spin_again(struct sli_spin_turn *turn)
{
	if (!turn->budget)
		return false;
	turn->turns++;
	if (turn->turns < SLI_SPIN_EAGER)
		return true;
	sli_pause();
	return (turn->turns & 31) ? true : sli_spin_check_clock(turn);
}

#endif
