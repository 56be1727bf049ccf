/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* rwlock.h - many who read, or one who writes, and whoever of them may die */
#ifndef SLI_RWLOCK_H
#define SLI_RWLOCK_H

#include "../base/crash.h"
#include "../sync/event.h"
#include "lock.h"

#include <errno.h>
#include <sluice.h>

#define SLI_GATE_CLOSED 0x1u  /* readers wait */
#define SLI_GATE_WRITING 0x2u /* the readers are out, the owner of the lock is in */
#define SLI_GATE_DIRTY 0x4u   /* a writer died inside, and nobody has repaired what it left */
#define SLI_GATE_PHASE 0x8u   /* one; the bits from here on count how often it was closed */

/* A reader's word: how many, below the low 16 bits of the place's generation. */
#define SLI_READERS_MOST 0xffffu

/* In shared memory. All zero is a free lock without participants. */
struct sli_rwlock_control {
	_Atomic uint32_t gate;   /* written by who has the lock, or repairs after it */
	_Atomic uint32_t places; /* written by who joins: the highest + 1; only grows */
	uint32_t zeros[30];
	struct sli_lock lock; /* who writes, or waits for the readers to leave */
	uint32_t more_zeros[31];
	struct sli_event opened;  /* readers sleep on it */
	struct sli_event emptied; /* the owner of the lock sleeps on it */
};
SLI_SIZE(struct sli_rwlock_control, 4 * SLI_PAIR);
SLI_OFFSET(struct sli_rwlock_control, lock, SLI_PAIR);
SLI_OFFSET(struct sli_rwlock_control, opened, 2 * SLI_PAIR);

/* Threads of one place that read; each place has several of these, so that its threads share no line either.
 * Written by the threads of the place, or who repairs after them. */
struct sli_rwlock_stripe {
	_Atomic uint32_t inside;     /* truth: read, or are about to find the gate closed */
	_Atomic uint32_t waiting[2]; /* truth: wait, by the parity of the gate's phase */
	uint32_t zeros[29];
};
SLI_SIZE(struct sli_rwlock_stripe, SLI_PAIR);

/* One participant's view. */
struct sli_rwlock {
	struct sli_rwlock_control *control;
	struct sli_rwlock_stripe *stripes; /* stripe_count for each place */
	uint32_t stripe_count; /* a power of two: a division costs as much as the rest */
	uint32_t closed_by_us; /* the gate's word while a thread of ours owns the lock */
	struct sli_peers *peers;
	struct sli_spin *spin; /* waiting for the gate, and for readers to leave */
	_Atomic uint32_t look; /* where the next look after readers begins */
};

/* Once a participant has its place, and nobody else writes that place's stripes. */
void sli_rwlock_join(struct sli_rwlock *rwlock);

/* Where thread number @number of this participant is counted. Ours until we are somebody else. */
struct sli_rwlock_stripe *sli_rwlock_stripe(const struct sli_rwlock *rwlock, uint32_t number);

/* A word of ours that counts nobody. */
static inline uint32_t sli_rwlock_nobody(const struct sli_rwlock *rwlock)
{
	return (rwlock->peers->self >> SLI_STAMP_GENERATION_SHIFT) << 16;
}

/* One more in a word of ours, which mostly counts nobody: so it is not looked at first. */
static inline int sli_rwlock_enter(struct sli_rwlock *rwlock, _Atomic uint32_t *word)
{
	uint32_t nobody = sli_rwlock_nobody(rwlock), seen = nobody;

	/* [rwlock.in] counted before the look at the gate. Pairs with the swap in rwlock_close(). */
	while (SLI_UNLIKELY(!sli_cas_sc(word, &seen, seen + 1))) {
		if ((seen ^ nobody) & ~SLI_READERS_MOST)
			return -ESTALE;
		if ((seen & SLI_READERS_MOST) == SLI_READERS_MOST)
			return SLUICE_ECORRUPT;
	}
	return 0;
}

/* One less, mostly the last, and the writer who waits for that is told. */
void sli_rwlock_tell_emptied(struct sli_rwlock *rwlock);
static inline int sli_rwlock_leave(struct sli_rwlock *rwlock, _Atomic uint32_t *word)
{
	uint32_t nobody = sli_rwlock_nobody(rwlock), seen = nobody + 1;

	/* [rwlock.out] release: all was read. Pairs with the look in rwlock_is_empty(). */
	while (SLI_UNLIKELY(!sli_cas_sc(word, &seen, seen - 1)))
		if (((seen ^ nobody) & ~SLI_READERS_MOST) || seen == nobody)
			return -ESTALE;
	/* Dead here: the writer sees it after its slice. */
	SLI_CRASH(rwlock_left);
	/* A gate that is not closed yet: the writer will look at the word after this. */
	if (SLI_UNLIKELY(sli_load_sc(&rwlock->control->gate) & SLI_GATE_CLOSED))
		sli_rwlock_tell_emptied(rwlock);
	return 0;
}

/*
 * Read, counted in @stripe.
 * Return: 0; SLI_LOCK_RECOVERED: it reads, but a writer died inside and nobody has repaired that;
 * SLI_RWLOCK_CLOSED: not yet, sli_rwlock_queue() has to follow, with *@ret_gate, which is set in this
 * case; -ESTALE, SLUICE_ECORRUPT.
 */
#define SLI_RWLOCK_CLOSED 2
static inline int sli_rwlock_read(struct sli_rwlock *rwlock, struct sli_rwlock_stripe *stripe,
				  uint32_t *ret_gate)
{
	int r = sli_rwlock_enter(rwlock, &stripe->inside);
	uint32_t gate;

	if (SLI_UNLIKELY(r < 0))
		return r;
	/* [rwlock.open] acquire: what the last writer wrote. Pairs with the swap in rwlock_open(). */
	gate = sli_load_sc(&rwlock->control->gate);
	if (SLI_LIKELY(!(gate & (SLI_GATE_CLOSED | SLI_GATE_DIRTY))))
		return 0;
	*ret_gate = gate;
	return gate & SLI_GATE_CLOSED ? SLI_RWLOCK_CLOSED : SLI_LOCK_RECOVERED;
}

/* Counted inside @stripe, and the gate was found closed, as @gate: wait until it is open or another's.
 * Return: 0, SLI_LOCK_RECOVERED, -EAGAIN, -ETIMEDOUT, -EINTR, -ECANCELED, -ESTALE, SLUICE_ECORRUPT. */
int sli_rwlock_queue(struct sli_rwlock *rwlock, struct sli_rwlock_stripe *stripe,
		     struct sli_wait *wait, uint32_t gate);

/* -ESTALE: we had been declared dead. */
static inline int sli_rwlock_read_end(struct sli_rwlock *rwlock, struct sli_rwlock_stripe *stripe)
{
	return sli_rwlock_leave(rwlock, &stripe->inside);
}

/* Write, alone. As sli_rwlock_queue(). */
int sli_rwlock_write(struct sli_rwlock *rwlock, struct sli_wait *wait);
int sli_rwlock_write_end(struct sli_rwlock *rwlock);

/* Has a writer died inside, and nobody repaired that? */
bool sli_rwlock_is_dirty(const struct sli_rwlock *rwlock);
/* A moment's view: the stamp of who writes, 0: nobody; threads of @place that read. */
uint32_t sli_rwlock_writer(const struct sli_rwlock *rwlock);
uint32_t sli_rwlock_readers(const struct sli_rwlock *rwlock, uint32_t place);

/* The participant whose stamp is @stamp under @mask (as in sli_lock_leave_dirty()) is dead, or leaves:
 * it reads and writes no more. Everybody has to be woken afterwards. */
void sli_rwlock_bury(struct sli_rwlock *rwlock, uint32_t stamp, uint32_t mask);
void sli_rwlock_wake_all(struct sli_rwlock *rwlock);

#endif
