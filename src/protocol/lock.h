/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * lock.h - the owner-stamped lock word
 *
 *	bit 31      W  somebody may sleep on this word
 *	bit 30      D  free, but the last owner died holding it (mutex objects only)
 *	bits 29-14     low 16 bits of the owner's place generation
 *	bits 13-0      owner's place + 1; 0: free
 */
#ifndef SLI_LOCK_H
#define SLI_LOCK_H

#include "peers.h"

#define SLI_LOCK_WAITERS 0x80000000u
#define SLI_LOCK_DIRTY 0x40000000u

struct sli_lock {
	_Atomic uint32_t word; /* written by every participant */
};

/* Results of sli_lock_take() beyond 0. */
#define SLI_LOCK_RECOVERED 1 /* taken; the last owner died holding it */

/*
 * Take the lock. @grace_ns: how long a call with timeout 0 may wait all the same, since what looks
 * held is mostly a living owner's few instructions; 0 for a lock that users hold.
 * Return: 0, SLI_LOCK_RECOVERED, -EAGAIN, -ETIMEDOUT, -EINTR, -ECANCELED, SLUICE_ECORRUPT.
 */
int sli_lock_take_slow(struct sli_lock *lock, struct sli_peers *peers, struct sli_wait *wait,
		       int64_t grace_ns);

static inline int sli_lock_take(struct sli_lock *lock, struct sli_peers *peers,
				struct sli_wait *wait, int64_t grace_ns)
{
	uint32_t seen = 0;

	/* [lock.hold] acquire: what the last owner wrote. Pairs with the release in sli_lock_drop(). */
	if (SLI_LIKELY(sli_cas_acq(&lock->word, &seen, peers->self)))
		return 0;
	return sli_lock_take_slow(lock, peers, wait, grace_ns);
}

/* Take it if it is free and clean, now. */
static inline bool sli_lock_try_once(struct sli_lock *lock, struct sli_peers *peers)
{
	uint32_t seen = 0;

	/* [lock.hold] acquire. Pairs with the release in sli_lock_drop(). */
	return sli_cas_acq(&lock->word, &seen, peers->self);
}

/* Take it if that is a matter of a moment's spinning; never sleeps, never repairs. Or -EBUSY. */
int sli_lock_try(struct sli_lock *lock, struct sli_peers *peers);

/* Give it up. Return: 0, or -ESTALE: it was not ours any more (we had been declared dead). */
int sli_lock_drop_slow(struct sli_lock *lock, struct sli_peers *peers);

static inline int sli_lock_drop(struct sli_lock *lock, struct sli_peers *peers)
{
	uint32_t seen = peers->self;

	/* [lock.hold] release: what this owner wrote. Pairs with the acquire in sli_lock_take(). */
	if (SLI_LIKELY(sli_cas_sc(&lock->word, &seen, 0u)))
		return 0;
	return sli_lock_drop_slow(lock, peers);
}

/*
 * For a repairer that holds the bytes of all in @dead, so that none of them can come back: take the
 * lock from one of them, or when it is free. *@ret_stamp is the stamp that was there.
 * Return: 0, or -EBUSY: somebody else's, who may be another thread of ours.
 */
int sli_lock_seize(struct sli_lock *lock, struct sli_peers *peers, const uint32_t *dead,
		   uint32_t dead_count, uint32_t *ret_stamp);

/* The repair cannot be done now: put back what sli_lock_seize() found. */
void sli_lock_restore(struct sli_lock *lock, struct sli_peers *peers, uint32_t stamp);

/* A user's lock whose word has @stamp under @mask (SLI_STAMP, or SLI_STAMP_PLACE for a dead owner of
 * any generation): leave it free and dirty, and wake one sleeper. Return: 1 if it had. */
int sli_lock_leave_dirty(struct sli_lock *lock, struct sli_peers *peers, uint32_t stamp,
			 uint32_t mask);

#endif
