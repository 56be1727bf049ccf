/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * barrier.c - nobody goes on before all have come, or one of them died
 *
 * All there is is one word, so whoever dies anywhere has done a step or has not, and there is nothing
 * to repair:
 *
 *	bits 63-32	round		counts the rounds that ended
 *	bits 31-17	ends		how the last fifteen ended: 0 all had come, 1 by a reset
 *	bit 16		broken		a participant died; nobody waits, nobody can come
 *	bits 15-0	arrived		who have come and wait
 *
 *	step		from				to			by whom
 *	come		arrived < parties - 1		arrived + 1		a participant
 *	complete	arrived = parties - 1		round + 1, arrived 0	the last to come
 *	leave		the round we came to,		arrived - 1		who came, its time
 *			not broken						being up
 *	break		anything			broken, arrived 0	who found somebody
 *									dead, with its byte
 *	reset		broken				round + 1, ends with 1	a participant
 *
 * Each step is a compare-and-swap of the whole word. Who waits looks for its round: while it is the
 * same and not broken it waits; if it is another, the ends tell how its own ended, however late it
 * looks; only after more than fifteen rounds does it not know, and says that somebody died.
 *
 * A death is everybody's who takes part: it is not known whose turn it would have been. Who comes as
 * the last one completes the round even if one who came before him is dead by then; that death breaks
 * the next round, as soon as somebody sees it.
 *
 *	death						what is found, by whom repaired
 *	before it comes					a missing party: who waits looks after the others
 *							before its first sleep and after each slice, and
 *							finds it dead; the round is broken
 *	after it came					the same; its arrival goes with all others
 *	after it completed, before the wake		who sleeps sees it after its slice
 *	of who breaks, before the place is free		the place is still that of a dead one: done again
 *	of who resets					a participant died: broken once more
 *
 * Orderings. [barrier.pass] each step releases and each look acquires, so who goes on sees what all
 * others did before they came: their steps are one chain of swaps of one word.
 *
 * A hostile peer can store anything: arrived is checked against the private number of parties, a wrong
 * round lets somebody go on or wait, up to his timeout.
 */
#include "barrier.h"

#include "../base/crash.h"
#include "../base/time.h"

#include <errno.h>
#include <sluice.h>

#define LOOK_ONCE 256u /* places looked at in one go; a system call for each that is taken */

#define BARRIER_ONE_ROUND (UINT64_C(1) << SLI_BARRIER_ROUND_SHIFT)

static uint32_t barrier_round(uint64_t state)
{
	return (uint32_t)(state >> SLI_BARRIER_ROUND_SHIFT);
}

static uint64_t barrier_look(const struct sli_barrier *barrier)
{
	/* [barrier.pass] acquire: what the others did. Pairs with the release in barrier_step(). */
	return sli_load_acq(&barrier->control->state);
}

/* From *@seen to @next; else *@seen is what it is now. */
static bool barrier_step(struct sli_barrier *barrier, uint64_t *seen, uint64_t next)
{
	/* [barrier.pass] release: what we did. Pairs with the acquire in barrier_look(). */
	return sli_cas_sc(&barrier->control->state, seen, next);
}

/* The round after @state: it ended by @how. */
static uint64_t barrier_next(uint64_t state, uint64_t how)
{
	uint64_t ends = (state >> SLI_BARRIER_ENDS_SHIFT << 1 | how) & SLI_BARRIER_ENDS;

	return (state & ~(BARRIER_ONE_ROUND - 1)) + BARRIER_ONE_ROUND +
	       (ends << SLI_BARRIER_ENDS_SHIFT);
}

/* How has the round ended that @ours is of? -EAGAIN: it has not. */
static int barrier_outcome(uint64_t state, uint64_t ours)
{
	uint32_t since = barrier_round(state) - barrier_round(ours);

	if (since == 0)
		return state & SLI_BARRIER_BROKEN ? SLUICE_EPEERDIED : -EAGAIN;
	if (since > 15 || (state >> (SLI_BARRIER_ENDS_SHIFT + since - 1) & 1))
		return SLUICE_EPEERDIED;
	return 0;
}

/* ---- telling and looking after ---------------------------------------------------------------- */

static void barrier_tell(struct sli_barrier *barrier)
{
	struct sli_event *ended = &barrier->control->ended;
	uint32_t arm;

	/* [event.arm] the step before this look. Pairs with the swap in sli_event_arm(). */
	sli_fence_after_rmw();
	arm = sli_event_armed(ended, SLI_EVENT_ANY);
	if (!arm)
		return;
	sli_event_count(ended);
	/* Dead here: a sleeper sees the end of the round after its slice. */
	SLI_CRASH(barrier_counted);
	barrier->peers->wake(barrier->peers, &ended->ev, SLI_WAKE_ALL);
	sli_event_clear(ended, arm, SLI_EVENT_ANY);
}

void sli_barrier_wake_all(struct sli_barrier *barrier)
{
	sli_event_count(&barrier->control->ended);
	barrier->peers->wake(barrier->peers, &barrier->control->ended.ev, SLI_WAKE_ALL);
}

void sli_barrier_look_after(struct sli_barrier *barrier, uint32_t most)
{
	struct sli_peers *peers = barrier->peers;
	/* relaxed: where to begin does not matter */
	uint32_t turn = sli_load_rlx(&barrier->look), count = SLI_MIN(peers->count, most);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = (turn + i) % peers->count;

		if (place != sli_stamp_place(peers->self))
			(void)peers->reap(peers, place);
	}
	/* relaxed: as above */
	sli_store_rlx(&barrier->look, (turn + count) % peers->count);
}

void sli_barrier_break(struct sli_barrier *barrier)
{
	uint64_t seen = barrier_look(barrier);

	while (!SLI_MUTANT(barrier_keep) &&
	       !barrier_step(barrier, &seen, (seen & ~SLI_BARRIER_ARRIVED) | SLI_BARRIER_BROKEN))
		;
	/* Dead here: broken, and the place is still to be freed; that breaks it again. */
	SLI_CRASH(barrier_broken);
}

void sli_barrier_reset(struct sli_barrier *barrier)
{
	uint64_t seen;

	/* Those who died, too, whom nobody has found yet. */
	sli_barrier_look_after(barrier, barrier->peers->count);
	seen = barrier_look(barrier);
	while (seen & SLI_BARRIER_BROKEN)
		if (barrier_step(barrier, &seen, barrier_next(seen, 1))) {
			/* Dead here: a participant died, so it is broken again. */
			SLI_CRASH(barrier_reset);
			barrier_tell(barrier);
			return;
		}
}

/* ---- waiting ---------------------------------------------------------------------------------- */

/* Come. 0: and wait for the end of *@ret_ours; else it is over. */
static int barrier_come(struct sli_barrier *barrier, bool may_wait, uint64_t *ret_ours)
{
	uint64_t seen = barrier_look(barrier), next;
	bool last;

	do {
		if (seen & SLI_BARRIER_BROKEN)
			return SLUICE_EPEERDIED;
		if (sli_barrier_arrived(seen) >= barrier->parties)
			return SLUICE_ECORRUPT;
		last = sli_barrier_arrived(seen) + 1 == barrier->parties;
		if (!last && !may_wait)
			return -EAGAIN;
		next = last ? barrier_next(seen, 0) : seen + 1;
	} while (!barrier_step(barrier, &seen, next));
	/* Dead here: we came, and have done so if the round ends before somebody finds us. */
	SLI_CRASH(barrier_came);
	*ret_ours = seen;
	if (!last)
		return 0;
	barrier_tell(barrier);
	return SLI_BARRIER_LAST;
}

/* We wait no longer, for the reason @code; unless the round has ended. */
static int barrier_leave(struct sli_barrier *barrier, uint64_t ours, int code)
{
	uint64_t seen = barrier_look(barrier);
	int r;

	while ((r = barrier_outcome(seen, ours)) == -EAGAIN) {
		if (sli_barrier_arrived(seen) == 0)
			return SLUICE_ECORRUPT;
		if (barrier_step(barrier, &seen, seen - 1))
			return code;
	}
	return r;
}

static int barrier_spin(struct sli_barrier *barrier, uint64_t ours, int64_t limit_ns)
{
	struct sli_spin_turn turn;
	int r;

	sli_spin_begin(&turn, barrier->spin, limit_ns);
	while ((r = barrier_outcome(barrier_look(barrier), ours)) == -EAGAIN &&
	       sli_spin_again(&turn))
		;
	sli_spin_end(&turn, r != -EAGAIN);
	return r;
}

/* Arm, look again, sleep a slice. -EAGAIN: go on waiting. */
static int barrier_sleep(struct sli_barrier *barrier, struct sli_wait *wait, uint64_t ours,
			 uint32_t round)
{
	struct sli_event *ended = &barrier->control->ended;
	struct sli_peers *peers = barrier->peers;
	uint32_t seen = sli_event_arm(ended, SLI_EVENT_ANY);
	int r;

	if (round == 0)
		sli_barrier_look_after(barrier, LOOK_ONCE);
	r = barrier_outcome(barrier_look(barrier), ours);
	if (r != -EAGAIN)
		return r;
	if (wait->deadline == 0)
		wait->deadline = sli_deadline(wait->timeout);
	if (wait->deadline != SLI_NEVER && sli_now() >= wait->deadline)
		return barrier_leave(barrier, ours, -ETIMEDOUT);
	wait->slept++;
	r = peers->sleep(peers, wait, &ended->ev, seen, round, wait->deadline, SLI_DOING_BARRIER);
	if (r < 0)
		return barrier_leave(barrier, ours, r);
	if (r > 0)
		sli_barrier_look_after(barrier, LOOK_ONCE);
	return barrier_outcome(barrier_look(barrier), ours);
}

int sli_barrier_wait(struct sli_barrier *barrier, struct sli_wait *wait)
{
	uint64_t ours;
	int r = barrier_come(barrier, wait->timeout != 0, &ours);

	if (r != 0)
		return r;
	r = barrier_spin(barrier, ours, wait->timeout);
	for (uint32_t round = 0; r == -EAGAIN; round++)
		r = barrier_sleep(barrier, wait, ours, round);
	return r;
}
