/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock_common.c - what the reader-writer lock object and the reader-writer locks in a memory share
 *
 * Who may read and who may write, and why a death hangs nobody, is src/protocol/rwlock.c. This file
 * knows which thread of the handle holds what, to tell an unlock by a stranger and a lock by a thread
 * that would wait for itself. A thread that locks shared again, which it has already, is only counted
 * once more: a waiting writer cannot come between the two.
 *
 * A thread's record is written by that thread alone (src/base/thread.h), the owner by who has the lock to
 * write. Others compare it with themselves, and only their own store could be equal.
 */
#include "rwlock_common.h"

#include "../base/crash.h"
#include "../sync/futex.h"

#include <errno.h>
#include <pthread.h>

void sli_rwlock_held_join(struct sli_rwlock_held *held, struct sli_handle *handle)
{
	held->handle = handle;
	held->lock.peers = &handle->peers;
	held->lock.spin = &handle->data_spin;
	/* After a fork: what the parent holds is the parent's. */
	sli_store_rel(&held->owner, (uintptr_t)0);
	sli_threads_forget(&held->threads);
}

void sli_rwlock_held_free(struct sli_rwlock_held *held)
{
	sli_threads_free(&held->threads);
}

/* The result of the core; a damaged lock is damaged for all. */
static int held_result(struct sli_rwlock_held *held, int r)
{
	if (SLI_UNLIKELY(r == SLUICE_ECORRUPT))
		sli_segment_break(&held->handle->segment);
	return r == SLI_LOCK_RECOVERED ? SLUICE_RECOVERED : r;
}

/* The record of thread @self, which has @thread or none, with its stripe. NULL: no memory. */
static SLI_COLD struct sli_thread *held_thread(struct sli_rwlock_held *held,
					       struct sli_thread *thread, uintptr_t self)
{
	if (!thread)
		thread = sli_thread_add(&held->threads, self);
	if (thread)
		thread->mine = sli_rwlock_stripe(&held->lock, thread->number);
	return thread;
}

/* This thread reads already, so nobody writes. */
static int held_share_again(struct sli_rwlock_held *held, struct sli_thread *thread)
{
	if (thread->holds == UINT32_MAX)
		return SLUICE_EOVERFLOW;
	thread->holds++;
	return sli_rwlock_is_dirty(&held->lock) ? SLUICE_RECOVERED : 0;
}

static SLI_NOINLINE int held_queue(struct sli_rwlock_held *held, struct sli_rwlock_stripe *stripe,
				   uint32_t gate, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(held->handle, timeout);

	return sli_rwlock_queue(&held->lock, stripe, &wait, gate);
}

int sli_rwlock_held_share(struct sli_rwlock_held *held, int64_t timeout)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&held->threads, self);
	uint32_t gate;
	int r;

	/* relaxed: only our own store could be equal */
	if (SLI_UNLIKELY(sli_load_rlx(&held->owner) == self))
		return SLUICE_EDEADLK;
	if (SLI_UNLIKELY(!thread || !thread->mine))
		thread = held_thread(held, thread, self);
	if (SLI_UNLIKELY(!thread))
		return SLUICE_ENOMEM;
	if (SLI_UNLIKELY(thread->holds))
		return held_share_again(held, thread);
	r = sli_rwlock_read(&held->lock, thread->mine, &gate);
	if (SLI_UNLIKELY(r == SLI_RWLOCK_CLOSED))
		r = held_queue(held, thread->mine, gate, timeout);
	if (SLI_LIKELY(r >= 0))
		thread->holds = 1;
	/* Dead from here on: whoever wants to write has our count removed. */
	SLI_CRASH(rwlock_shared);
	return SLI_LIKELY(r == 0) ? 0 : held_result(held, r);
}

int sli_rwlock_held_exclude(struct sli_rwlock_held *held, int64_t timeout)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&held->threads, self);
	struct sli_wait wait = sli_handle_wait(held->handle, timeout);
	int r;

	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&held->owner) == self || (thread && thread->holds))
		return SLUICE_EDEADLK;
	r = sli_rwlock_write(&held->lock, &wait);
	if (r >= 0)
		/* relaxed: read by this thread only, others compare with themselves */
		sli_store_rlx(&held->owner, self);
	return held_result(held, r);
}

int sli_rwlock_held_unlock(struct sli_rwlock_held *held)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&held->threads, self);

	if (SLI_LIKELY(thread && thread->holds)) {
		if (SLI_UNLIKELY(--thread->holds))
			return 0;
		return sli_rwlock_read_end(&held->lock, thread->mine);
	}
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&held->owner) != self)
		return SLUICE_EPERM;
	/* relaxed: as above; before the lock, so that the next owner's store is not overwritten */
	sli_store_rlx(&held->owner, (uintptr_t)0);
	return sli_rwlock_write_end(&held->lock);
}

void sli_rwlock_wake_control(struct sli_rwlock_control *control)
{
	sli_handle_wake_event(&control->opened);
	sli_handle_wake_event(&control->emptied);
	sli_futex_wake(&control->lock.word, SLI_WAKE_ALL, 0);
}
