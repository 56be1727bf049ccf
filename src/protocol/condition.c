/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * condition.c - "something changed", for those who wait outside their lock
 *
 * One word: bit 0 says that somebody may sleep, the rest counts signals.
 *
 *	waiter, with the lock			signaller
 *	seen = sequence with bit 0 set		(changes what is waited for, under the lock)
 *	unlock					bit 0 clear: nobody, done
 *	sleep while sequence is seen		sequence += 2, wake one; nobody: clear bit 0, wake all
 *	lock					(broadcast: += 2 and clear bit 0, wake all)
 *
 * No wake-up is lost among the living: the waiter took its number under the lock, so whoever changes
 * the data afterwards, under the lock too, finds the bit, and the kernel compares the word before it
 * puts the waiter to sleep. The lock orders everything else; the words here need no order of their
 * own. After a wake that found nobody the bit is cleared by a compare-and-swap. A waiter that came
 * in between has a number with the bit: it does not fall asleep any more but looks again; or it
 * fell asleep just before, and is woken by the wake of all that follows the clearing.
 *
 * There are no groups of waiters, no count of them and no lock inside, so the dead leave nothing:
 *
 *	death of				what is found
 *	a waiter, at any time			bit 0: the next signal makes one useless system call
 *	a signaller before += 2			nothing was said
 *	a signaller after += 2, before wake	a sleeper sees the number changed after its slice
 *	the waiter that was woken for all	the same: each sleeper returns after its slice
 *
 * The price of the last line: whoever sleeps while others are signalled returns once for nothing,
 * a slice later. Waiters look at their condition again in any case.
 *
 * A hostile peer can wake everybody, or nobody until the end of a slice.
 */
#include "condition.h"

#include "../base/crash.h"
#include "../base/time.h"

#include <errno.h>

#define CONDITION_WAITERS 0x1u
#define CONDITION_ONE 0x2u

uint32_t sli_condition_prepare(struct sli_condition_control *control)
{
	uint32_t mark = SLI_MUTANT(condition_not_marked) ? 0 : CONDITION_WAITERS;

	return sli_or_sc(&control->sequence, mark) | mark;
}

int sli_condition_sleep(struct sli_condition_control *control, struct sli_peers *peers,
			struct sli_wait *wait, uint32_t seen)
{
	int r = 0;

	/* relaxed: the lock that is taken next orders */
	for (uint32_t round = 0; r >= 0 && sli_load_rlx(&control->sequence) == seen; round++) {
		if (wait->deadline == 0)
			wait->deadline = sli_deadline(wait->timeout);
		if (wait->deadline != SLI_NEVER && sli_now() >= wait->deadline)
			return -ETIMEDOUT;
		r = peers->sleep(peers, wait, &control->sequence, seen, round, wait->deadline,
				 SLI_DOING_SIGNAL);
		if (r > 0 && SLI_MUTANT(condition_sleep_on))
			seen = sli_load_rlx(&control->sequence); /* relaxed: wrong */
	}
	/* A look at the dead may be due, but there is nothing of theirs here. */
	return SLI_MIN(r, 0);
}

void sli_condition_signal(struct sli_condition_control *control, struct sli_peers *peers)
{
	/* relaxed: whoever waits for what we changed set the bit before our lock */
	uint32_t seen = sli_load_rlx(&control->sequence);

	do {
		if (!(seen & CONDITION_WAITERS))
			return;
	} while (!sli_cas_sc(&control->sequence, &seen,
			     SLI_MUTANT(condition_keep_count) ? seen : seen + CONDITION_ONE));
	/* Dead here: the sleepers see the number changed at the end of their slices. */
	SLI_CRASH(condition_signalled);
	seen += CONDITION_ONE;
	if (peers->wake(peers, &control->sequence, 1) == 0 &&
	    sli_cas_sc(&control->sequence, &seen, seen & ~CONDITION_WAITERS))
		/* Who fell asleep between the two would not be seen by the next signal. */
		peers->wake(peers, &control->sequence, SLI_WAKE_ALL);
}

void sli_condition_broadcast(struct sli_condition_control *control, struct sli_peers *peers)
{
	/* relaxed: as above */
	uint32_t seen = sli_load_rlx(&control->sequence);

	do {
		if (!(seen & CONDITION_WAITERS))
			return;
	} while (!sli_cas_sc(&control->sequence, &seen,
			     (seen + CONDITION_ONE) & ~CONDITION_WAITERS));
	/* Dead here: as above. */
	SLI_CRASH(condition_broadcast);
	peers->wake(peers, &control->sequence, SLI_WAKE_ALL);
}
