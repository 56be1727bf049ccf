/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * lock.c - the owner-stamped lock word
 *
 * The owner's stamp goes in by the very compare-and-swap that takes the lock, so there is no moment
 * in which the lock is taken and its owner unknown. That is what makes it repairable; robust
 * futexes put a thread id there, which means nothing in another PID namespace.
 *
 *	from		to		by whom			how
 *	0		me		a taker			CAS, acquire
 *	W		me|W		a taker			CAS, acquire: others may sleep on
 *	D, D|W		me, me|W	a taker			CAS, acquire: it is told RECOVERED
 *	s		s|W		a waiter, to sleep	CAS
 *	me		0		the owner		CAS, release
 *	me|W		0, wake one	the owner		CAS, release
 *	s|..		me|..		a repairer with s' byte	CAS, acquire (internal locks)
 *	s|..		D, wake one	a repairer with s' byte	CAS, release (mutex objects)
 *
 * Who has slept takes the lock with W set, since it cannot know whether others sleep on; the price
 * is at most one useless wake. Death while holding: the next waiter finds the owner dead, by the
 * kernel's word, and has it repaired (peers->reap), before its first sleep and after every slice.
 * Death between the release and the wake, or of the thread that was woken: a slice ends every sleep.
 *
 * Unlocking is a CAS of our own value, not a store: if we were declared dead meanwhile (the program
 * closed our descriptors) the word is not ours and must not be touched.
 *
 * Orderings. [lock.hold] the release that frees the word and the acquire that takes it: the next
 * owner sees what the last one wrote. A death in between breaks the chain of releases, but not the
 * order: the repairer obtained the dead one's byte from the kernel, after its last instruction.
 *
 * Fairness. Nobody queues; who finds the word free takes it, and an owner that comes right back mostly
 * does, since the word is in its processor's cache. Which of two processors then wins is a matter of
 * how they are wired, and can be 3 to 1. So who finds the word held does not look at it for a
 * microsecond: meanwhile the owner works with an undisturbed cache, many times over, and
 * the looker is as likely to find the word free as anybody. When it has got it, the other one pauses
 * in turn. That evens out the split, and is twice as fast as fighting for the line at each turn.
 *
 * A forged word names a place that does not exist (SLUICE_ECORRUPT) or one that is alive, and then
 * the wait is bounded by the caller's timeout. Our own stamp means another thread of this handle.
 */
#include "lock.h"
#include "../base/crash.h"
#include "../base/time.h"

#include <errno.h>
#include <sluice.h>

#define LOCK_PAUSE_NS 1000

/* One try; the W bit stays, and @waiters adds it. 1: not free. */
static int lock_try(struct sli_lock *lock, struct sli_peers *peers, uint32_t *seen,
		    uint32_t waiters)
{
	while (!(*seen & SLI_STAMP)) {
		uint32_t mine = peers->self | (*seen & SLI_LOCK_WAITERS) | waiters;
		int dirty = (*seen & SLI_LOCK_DIRTY) != 0;

		/* [lock.hold] acquire. Pairs with the release in sli_lock_drop(). */
		if (sli_cas_acq(&lock->word, seen, mine))
			return dirty ? -SLI_LOCK_RECOVERED : 0;
	}
	return 1;
}

/* Look again for a moment, while somebody else holds it; after a pause, see above. */
static void lock_spin(struct sli_lock *lock, struct sli_peers *peers, uint32_t *seen,
		      int64_t limit_ns)
{
	struct sli_spin_turn turn;
	uint32_t held = *seen;

	sli_spin_begin(&turn, peers->spin, limit_ns);
	if (turn.budget) {
		sli_spin_stand_back(&turn, LOCK_PAUSE_NS);
		/* relaxed: as below */
		*seen = sli_load_rlx(&lock->word);
		/* By another now: that is who to watch. */
		if (*seen & SLI_STAMP)
			held = *seen;
	}
	/* relaxed: the try that follows acquires */
	while ((*seen & SLI_STAMP) == (held & SLI_STAMP) && sli_spin_again(&turn))
		*seen = sli_load_rlx(&lock->word);
	sli_spin_end(&turn, (*seen & SLI_STAMP) != (held & SLI_STAMP));
}

/* The bound of this wait; computes it at the first need. */
static int64_t lock_bound(struct sli_wait *wait, int64_t grace_ns)
{
	if (wait->deadline == 0)
		wait->deadline = sli_deadline(wait->timeout == 0 ? grace_ns : wait->timeout);
	return wait->deadline;
}

/* The owner is alive and the spin is over: sleep until the word changes or a slice is over. */
static int lock_sleep(struct sli_lock *lock, struct sli_peers *peers, struct sli_wait *wait,
		      uint32_t seen, uint32_t round, int64_t bound)
{
	if (sli_now() >= bound)
		return wait->timeout == 0 ? -EAGAIN : -ETIMEDOUT;
	if (!(seen & SLI_LOCK_WAITERS)) {
		/* relaxed: the kernel compares the word again before it sleeps */
		if (!sli_cas_rlx(&lock->word, &seen, seen | SLI_LOCK_WAITERS))
			return 0;
		seen |= SLI_LOCK_WAITERS;
	}
	wait->slept++;
	return peers->sleep(peers, wait, &lock->word, seen, round, bound, SLI_DOING_LOCK);
}

int sli_lock_take_slow(struct sli_lock *lock, struct sli_peers *peers, struct sli_wait *wait,
		       int64_t grace_ns)
{
	uint32_t slept = 0;
	bool look = true; /* before the first sleep */

	for (;;) {
		/* relaxed: the try acquires */
		uint32_t seen = sli_load_rlx(&lock->word);
		int r = lock_try(lock, peers, &seen, slept ? SLI_LOCK_WAITERS : 0u);

		if (r <= 0)
			return -r;
		if (sli_stamp_place(seen) >= peers->count)
			return SLUICE_ECORRUPT;
		if (slept == 0 && (wait->timeout != 0 || grace_ns != 0)) {
			lock_spin(lock, peers, &seen,
				  wait->timeout == 0 ? grace_ns : wait->timeout);
			if (!(seen & SLI_STAMP))
				continue;
		}
		/* Dead? Once before the first sleep, and after every slice. */
		if (look && (seen & SLI_STAMP) != peers->self &&
		    peers->reap(peers, sli_stamp_place(seen)) > 0)
			continue;
		if (wait->timeout == 0 && grace_ns == 0)
			return -EAGAIN;
		r = lock_sleep(lock, peers, wait, seen, slept++, lock_bound(wait, grace_ns));
		if (r < 0)
			return r;
		look = r > 0;
	}
}

int sli_lock_try(struct sli_lock *lock, struct sli_peers *peers)
{
	struct sli_spin_turn turn;
	int r;

	sli_spin_begin(&turn, peers->spin, -1);
	do {
		/* relaxed: the try acquires */
		uint32_t seen = sli_load_rlx(&lock->word);

		r = lock_try(lock, peers, &seen, 0);
	} while (r > 0 && sli_spin_again(&turn));
	return r > 0 ? -EBUSY : -r;
}

int sli_lock_drop_slow(struct sli_lock *lock, struct sli_peers *peers)
{
	/* relaxed: only our own stamp matters, which we wrote */
	uint32_t seen = sli_load_rlx(&lock->word);

	do {
		if ((seen & SLI_STAMP) != peers->self)
			return -ESTALE;
		/* [lock.hold] release. Pairs with the acquire in sli_lock_take(). */
	} while (!sli_cas_sc(&lock->word, &seen, 0u));
	/* Dead here: the word is free, a sleeper finds it at the end of its slice. */
	SLI_CRASH(lock_dropped);
	if (seen & SLI_LOCK_WAITERS)
		peers->wake(peers, &lock->word, 1);
	return 0;
}

static int lock_is_dead(uint32_t stamp, const uint32_t *dead, uint32_t dead_count)
{
	for (uint32_t i = 0; i < dead_count; i++)
		if (sli_stamp_place(stamp) == dead[i])
			return 1;
	return 0;
}

int sli_lock_seize(struct sli_lock *lock, struct sli_peers *peers, const uint32_t *dead,
		   uint32_t dead_count, uint32_t *ret_stamp)
{
	/* relaxed: the swap acquires */
	uint32_t seen = sli_load_rlx(&lock->word);

	for (;;) {
		*ret_stamp = seen & SLI_STAMP;
		if (*ret_stamp && !lock_is_dead(seen, dead, dead_count))
			return -EBUSY;
		/* [lock.hold] acquire. Pairs with the release in sli_lock_drop(), or follows the death of
		 * the owner, whose byte the caller holds. */
		if (sli_cas_acq(&lock->word, &seen, peers->self | (seen & SLI_LOCK_WAITERS)))
			return 0;
	}
}

void sli_lock_restore(struct sli_lock *lock, struct sli_peers *peers, uint32_t stamp)
{
	uint32_t seen = peers->self;

	if (!stamp) {
		(void)sli_lock_drop(lock, peers);
		return;
	}
	/* [lock.hold] release: nothing was changed. Pairs with the acquire of the next repairer. */
	while (!sli_cas_rel(&lock->word, &seen, stamp | (seen & SLI_LOCK_WAITERS)))
		if ((seen & SLI_STAMP) != peers->self)
			return;
}

int sli_lock_leave_dirty(struct sli_lock *lock, struct sli_peers *peers, uint32_t stamp,
			 uint32_t mask)
{
	/* relaxed: the swap orders */
	uint32_t seen = sli_load_rlx(&lock->word);

	do {
		if ((seen & mask) != stamp)
			return 0;
		/* [lock.hold] release: the death happened before. Pairs with the acquire of a taker. */
	} while (!sli_cas_sc(&lock->word, &seen, SLI_LOCK_DIRTY | (seen & SLI_LOCK_WAITERS)));
	/* Dead here: the word is free and dirty, a sleeper finds it at the end of its slice. */
	SLI_CRASH(lock_left_dirty);
	if (seen & SLI_LOCK_WAITERS)
		peers->wake(peers, &lock->word, 1);
	return 1;
}
