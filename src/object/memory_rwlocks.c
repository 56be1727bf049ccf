/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_rwlocks.c - the reader-writer locks that live inside a memory
 *
 * They lie behind the other gates (memory_gates.c): the control words of all, then the stripes, by lock
 * and then place, one for each place. Who may read and write, and the table of deaths, is
 * src/protocol/rwlock.c. Which thread of the handle holds what is known here, as in rwlock.c beside this,
 * to tell an unlock by a stranger and a lock by a thread that would wait for itself.
 *
 * A repair buries the dead in every lock. Each burial is a few stores into words of the dead alone, may be
 * done again, and takes no lock; so it needs no order, and whoever dies in it leaves it to the next one.
 * The words that count us are made ours when a place is claimed, before anybody could count on them.
 */
#include "../base/crash.h"
#include "../sync/futex.h"
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- where they are -------------------------------------------------------------------------- */

uint64_t sli_memory_rwlocks_size(uint64_t count, uint32_t places)
{
	return count * (sizeof(struct sli_rwlock_control) +
			(uint64_t)places * sizeof(struct sli_rwlock_stripe));
}

static struct sli_rwlock rwlocks_view(const struct sli_memory_gates *gates, uint32_t index,
				      struct sli_peers *peers)
{
	return (struct sli_rwlock){
		.control = &gates->rwlocks[index],
		.stripes = &gates->stripes[(size_t)index * gates->places],
		.stripe_count = 1,
		.peers = peers,
	};
}

static struct sli_rwlock rwlocks_own(sluice_memory *memory, uint32_t index)
{
	struct sli_rwlock lock = rwlocks_view(&memory->gates, index, &memory->handle.peers);

	lock.spin = &memory->handle.data_spin;
	return lock;
}

void sli_memory_rwlocks_join(sluice_memory *memory)
{
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_own(memory, i);

		if (!memory->handle.segment.is_read_only)
			sli_rwlock_join(&lock);
		if (!memory->rwlocks)
			continue;
		memory->rwlocks[i].lock = lock;
		/* After a fork: what the parent holds is the parent's. */
		sli_store_rel(&memory->rwlocks[i].owner, (uintptr_t)0);
		sli_threads_forget(&memory->rwlocks[i].threads);
	}
}

int sli_memory_rwlocks_settle(sluice_memory *memory)
{
	memory->rwlocks = calloc(memory->gates.rwlock_count + 1, sizeof(*memory->rwlocks));
	if (!memory->rwlocks)
		return SLUICE_ENOMEM;
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++)
		memory->rwlocks[i].lock = rwlocks_own(memory, i);
	return 0;
}

void sli_memory_rwlocks_free(sluice_memory *memory)
{
	for (uint32_t i = 0; memory->rwlocks && i < memory->gates.rwlock_count; i++)
		sli_threads_free(&memory->rwlocks[i].threads);
	free(memory->rwlocks);
}

/* ---- leaving, repairing, waking -------------------------------------------------------------- */

void sli_memory_rwlocks_bury(sluice_memory *memory, uint32_t stamp, uint32_t mask)
{
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_own(memory, i);

		sli_rwlock_bury(&lock, stamp, mask);
	}
}

void sli_memory_rwlocks_wake(sluice_memory *memory)
{
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_own(memory, i);

		sli_rwlock_wake_all(&lock);
	}
}

void sli_memory_rwlocks_wake_mapped(const struct sli_memory_gates *gates)
{
	for (uint32_t i = 0; i < gates->rwlock_count; i++) {
		struct sli_rwlock_control *control = &gates->rwlocks[i];

		sli_event_count(&control->opened);
		sli_futex_wake(&control->opened.ev, SLI_WAKE_ALL, 0);
		sli_event_count(&control->emptied);
		sli_futex_wake(&control->emptied.ev, SLI_WAKE_ALL, 0);
		sli_futex_wake(&control->lock.word, SLI_WAKE_ALL, 0);
	}
}

/* ---- only looked at -------------------------------------------------------------------------- */

/* Does the participant at @place write, in a lock that is only looked at? */
static bool rwlocks_writes(const struct sli_rwlock *lock, uint32_t place)
{
	/* relaxed: a moment's view */
	uint32_t word = sli_load_rlx(&lock->control->lock.word);

	/* relaxed: as above */
	return (sli_load_rlx(&lock->control->gate) & SLI_GATE_WRITING) && (word & SLI_STAMP) &&
	       sli_stamp_place(word) == place;
}

bool sli_memory_rwlocks_hold(const struct sli_memory_gates *gates, uint32_t place)
{
	bool found = false;

	for (uint32_t i = 0; i < gates->rwlock_count && !found; i++) {
		struct sli_rwlock lock = rwlocks_view(gates, i, NULL);

		found = rwlocks_writes(&lock, place) || sli_rwlock_readers(&lock, place) > 0;
	}
	return found;
}

void sli_memory_rwlocks_describe(const struct sli_memory_gates *gates,
				 struct sluice_memory_info *info)
{
	info->rwlocks = gates->rwlock_count;
	info->rwlocked = 0;
	for (uint32_t i = 0; i < gates->rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_view(gates, i, NULL);
		bool is_held = false;

		for (uint32_t place = 0; place < gates->places && !is_held; place++)
			is_held = rwlocks_writes(&lock, place) ||
				  sli_rwlock_readers(&lock, place) > 0;
		info->rwlocked += is_held;
		info->owner_died += sli_rwlock_is_dirty(&lock);
	}
}

/* ---- operations ------------------------------------------------------------------------------ */

/* *@ret: that one of a memory that may be changed. */
static int rwlocks_find(sluice_memory *memory, uint32_t index, struct sli_memory_rwlock **ret)
{
	if (index >= memory->gates.rwlock_count)
		return SLUICE_EINVAL;
	*ret = &memory->rwlocks[index];
	return memory->handle.segment.is_read_only ? SLUICE_EPERM : 0;
}

/* The result of the core; a damaged lock is damaged for all. */
static int rwlocks_result(sluice_memory *memory, int r)
{
	if (SLI_UNLIKELY(r == SLUICE_ECORRUPT))
		sli_segment_break(&memory->handle.segment);
	return r == SLI_LOCK_RECOVERED ? SLUICE_RECOVERED : r;
}

/* The thread has locked it shared already, so nobody writes. */
static int rwlocks_share_again(struct sli_memory_rwlock *rwlock, struct sli_thread *thread)
{
	if (thread->holds == UINT32_MAX)
		return SLUICE_EOVERFLOW;
	thread->holds++;
	return sli_rwlock_is_dirty(&rwlock->lock) ? SLI_LOCK_RECOVERED : 0;
}

static int rwlocks_share(struct sli_memory_rwlock *rwlock, struct sli_wait *wait)
{
	struct sli_rwlock_stripe *stripe = sli_rwlock_stripe(&rwlock->lock, 0);
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&rwlock->threads, self);
	uint32_t gate;
	int r;

	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&rwlock->owner) == self)
		return SLUICE_EDEADLK;
	if (!thread)
		thread = sli_thread_add(&rwlock->threads, self);
	if (!thread)
		return SLUICE_ENOMEM;
	if (thread->holds)
		return rwlocks_share_again(rwlock, thread);
	r = sli_rwlock_read(&rwlock->lock, stripe, &gate);
	if (r == SLI_RWLOCK_CLOSED)
		r = sli_rwlock_queue(&rwlock->lock, stripe, wait, gate);
	if (r >= 0)
		thread->holds = 1;
	/* Dead from here on: whoever wants to write has our count removed. */
	SLI_CRASH(memory_rwlock_shared);
	return r;
}

static int rwlocks_exclude(struct sli_memory_rwlock *rwlock, struct sli_wait *wait)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&rwlock->threads, self);
	int r;

	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&rwlock->owner) == self || (thread && thread->holds))
		return SLUICE_EDEADLK;
	r = sli_rwlock_write(&rwlock->lock, wait);
	if (r >= 0)
		/* relaxed: read by this thread only, others compare with themselves */
		sli_store_rlx(&rwlock->owner, self);
	return r;
}

static int rwlocks_unlock(struct sli_memory_rwlock *rwlock)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&rwlock->threads, self);

	if (thread && thread->holds) {
		if (--thread->holds)
			return 0;
		return sli_rwlock_read_end(&rwlock->lock, sli_rwlock_stripe(&rwlock->lock, 0));
	}
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&rwlock->owner) != self)
		return SLUICE_EPERM;
	/* relaxed: as above; before the lock, so that the next owner's store is not overwritten */
	sli_store_rlx(&rwlock->owner, (uintptr_t)0);
	return sli_rwlock_write_end(&rwlock->lock);
}

int sli_memory_rwlock_lock(sluice_memory *memory, uint32_t index, bool shared, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&memory->handle, timeout);
	struct sli_memory_rwlock *rwlock;
	int r = rwlocks_find(memory, index, &rwlock);

	if (r < 0)
		return r;
	r = shared ? rwlocks_share(rwlock, &wait) : rwlocks_exclude(rwlock, &wait);
	return rwlocks_result(memory, r);
}

int sli_memory_rwlock_unlock(sluice_memory *memory, uint32_t index)
{
	struct sli_memory_rwlock *rwlock;
	int r = rwlocks_find(memory, index, &rwlock);

	return r < 0 ? r : rwlocks_unlock(rwlock);
}
