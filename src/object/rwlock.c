/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock.c - a reader-writer lock in a segment, with the threads that hold it
 *
 * Who may read and who may write, and why a death hangs nobody, is src/protocol/rwlock.c. This file
 * knows which thread of the handle holds what, to tell an unlock by a stranger and a lock by a thread
 * that would wait for itself. A thread that locks shared again, which it has already, is only counted
 * once more: a waiting writer cannot come between the two.
 *
 * What a handle holds when it is closed ends as with a death. A child holds nothing of its parent's.
 */
#include "rwlock.h"

#include "../base/crash.h"
#include "../sync/futex.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { GEOMETRY_STRIPES };

#define STRIPES 4u          /* for each participant */
#define STRIPES_PRIVATE 16u /* for the only one */
#define STRIPES_MOST 64u

static bool rwlock_is_sound(const uint64_t *geometry, uint64_t object_size, uint64_t data_size,
			    uint32_t places)
{
	uint64_t stripes = geometry[GEOMETRY_STRIPES];

	return stripes > 0 && stripes <= STRIPES_MOST && !(stripes & (stripes - 1)) &&
	       object_size >= sizeof(struct sli_rwlock_control) &&
	       data_size >= places * stripes * sizeof(struct sli_rwlock_stripe);
}

static int rwlock_check(const struct sli_header *header, const void *want,
			const struct sli_request *request)
{
	(void)want;
	if (!rwlock_is_sound(header->geometry, header->object_size, header->data_size,
			     header->places))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "rwlock %s is damaged: its numbers contradict each other; remove it",
			       request->name);
	return 0;
}

/* The view of a segment whose geometry was checked. */
static void rwlock_view(struct sli_rwlock *lock, const struct sli_segment *segment)
{
	unsigned char *base = segment->base;

	lock->control = (struct sli_rwlock_control *)(void *)(base + segment->object_offset);
	lock->stripes = (struct sli_rwlock_stripe *)(void *)(base + segment->data_offset);
	lock->stripe_count = (uint32_t)segment->geometry[GEOMETRY_STRIPES];
}

static void rwlock_join(struct sli_segment *segment)
{
	sluice_rwlock *rwlock = segment->object;

	rwlock_view(&rwlock->lock, segment);
	rwlock->lock.peers = &rwlock->handle.peers;
	rwlock->lock.spin = &rwlock->handle.data_spin;
	sli_handle_join(&rwlock->handle);
	sli_rwlock_join(&rwlock->lock);
	/* After a fork: what the parent holds is the parent's. */
	sli_store_rel(&rwlock->owner, (uintptr_t)0);
	sli_threads_forget(&rwlock->threads);
}

/* Nothing is locked meanwhile: the dead one's words are nobody else's to write. */
static int rwlock_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			 uint32_t *ret_also)
{
	sluice_rwlock *rwlock = segment->object;

	*ret_also = SLI_NO_PLACE;
	for (uint32_t i = 0; i < count; i++)
		sli_rwlock_bury(&rwlock->lock, dead[i] + 1, SLI_STAMP_PLACE);
	return 0;
}

static void rwlock_wake(struct sli_segment *segment)
{
	sluice_rwlock *rwlock = segment->object;

	sli_rwlock_wake_all(&rwlock->lock);
}

static const struct sli_kind rwlock_kind = {
	.number = SLUICE_KIND_RWLOCK,
	.name = "rwlock",
	.roles = 0,
	.check = rwlock_check,
	.join = rwlock_join,
	.repair = rwlock_repair,
	.wake = rwlock_wake,
};

/* ---- opening and closing ------------------------------------------------------------------- */

int sli_rwlock_open(const char *name, const struct sli_request *request, sluice_rwlock **ret_rwlock)
{
	uint32_t stripes = request->flags & SLUICE_PRIVATE ? STRIPES_PRIVATE : STRIPES;
	struct sli_shape shape = { .kind = SLUICE_KIND_RWLOCK,
				   .object_size = sizeof(struct sli_rwlock_control) };
	sluice_rwlock *rwlock = calloc(1, sizeof(*rwlock));
	int r;

	if (!rwlock)
		return SLUICE_ENOMEM;
	shape.geometry[GEOMETRY_STRIPES] = stripes;
	shape.data_size = (uint64_t)request->participants * stripes *
			  sizeof(struct sli_rwlock_stripe);
	r = sli_handle_open(&rwlock->handle, name, request, &rwlock_kind, &shape, NULL, rwlock,
			    SLI_MAGIC_RWLOCK);
	if (r < 0) {
		free(rwlock);
		return r;
	}
	*ret_rwlock = rwlock;
	return 0;
}

void sli_rwlock_close(sluice_rwlock *rwlock)
{
	if (sli_handle_is_joined(&rwlock->handle)) {
		sli_rwlock_bury(&rwlock->lock, rwlock->handle.peers.self, SLI_STAMP);
		sli_rwlock_wake_all(&rwlock->lock);
	}
	sli_threads_free(&rwlock->threads);
	sli_handle_close(&rwlock->handle);
	sli_handle_free(&rwlock->handle);
}

/* ---- operations ---------------------------------------------------------------------------- */

/* The result of the core; a damaged lock is damaged for all. */
static int rwlock_result(sluice_rwlock *rwlock, int r)
{
	if (SLI_UNLIKELY(r == SLUICE_ECORRUPT))
		sli_segment_break(&rwlock->handle.segment);
	return r == SLI_LOCK_RECOVERED ? SLUICE_RECOVERED : r;
}

/* The record of thread @self, which has @thread or none, with its stripe. NULL: no memory. */
static SLI_COLD struct sli_thread *rwlock_thread(sluice_rwlock *rwlock, struct sli_thread *thread,
						 uintptr_t self)
{
	if (!thread)
		thread = sli_thread_add(&rwlock->threads, self);
	if (thread)
		thread->mine = sli_rwlock_stripe(&rwlock->lock, thread->number);
	return thread;
}

/* This thread reads already, so nobody writes. */
static int rwlock_share_again(sluice_rwlock *rwlock, struct sli_thread *thread)
{
	if (thread->holds == UINT32_MAX)
		return SLUICE_EOVERFLOW;
	thread->holds++;
	return sli_rwlock_is_dirty(&rwlock->lock) ? SLUICE_RECOVERED : 0;
}

static SLI_NOINLINE int rwlock_queue(sluice_rwlock *rwlock, struct sli_rwlock_stripe *stripe,
				     uint32_t gate, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&rwlock->handle, timeout);

	return sli_rwlock_queue(&rwlock->lock, stripe, &wait, gate);
}

int sli_rwlock_lock_shared(sluice_rwlock *rwlock, int64_t timeout)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&rwlock->threads, self);
	uint32_t gate;
	int r;

	/* relaxed: only our own store could be equal */
	if (SLI_UNLIKELY(sli_load_rlx(&rwlock->owner) == self))
		return SLUICE_EDEADLK;
	if (SLI_UNLIKELY(!thread || !thread->mine))
		thread = rwlock_thread(rwlock, thread, self);
	if (SLI_UNLIKELY(!thread))
		return SLUICE_ENOMEM;
	if (SLI_UNLIKELY(thread->holds))
		return rwlock_share_again(rwlock, thread);
	r = sli_rwlock_read(&rwlock->lock, thread->mine, &gate);
	if (SLI_UNLIKELY(r == SLI_RWLOCK_CLOSED))
		r = rwlock_queue(rwlock, thread->mine, gate, timeout);
	if (SLI_LIKELY(r >= 0))
		thread->holds = 1;
	/* Dead from here on: whoever wants to write has our count removed. */
	SLI_CRASH(rwlock_shared);
	return SLI_LIKELY(r == 0) ? 0 : rwlock_result(rwlock, r);
}

int sli_rwlock_lock_exclusive(sluice_rwlock *rwlock, int64_t timeout)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&rwlock->threads, self);
	struct sli_wait wait = sli_handle_wait(&rwlock->handle, timeout);
	int r;

	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&rwlock->owner) == self || (thread && thread->holds))
		return SLUICE_EDEADLK;
	r = sli_rwlock_write(&rwlock->lock, &wait);
	if (r >= 0)
		/* relaxed: read by this thread only, others compare with themselves */
		sli_store_rlx(&rwlock->owner, self);
	return rwlock_result(rwlock, r);
}

int sli_rwlock_unlock(sluice_rwlock *rwlock)
{
	uintptr_t self = (uintptr_t)pthread_self();
	struct sli_thread *thread = sli_thread_find(&rwlock->threads, self);

	if (SLI_LIKELY(thread && thread->holds)) {
		if (SLI_UNLIKELY(--thread->holds))
			return 0;
		return sli_rwlock_read_end(&rwlock->lock, thread->mine);
	}
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&rwlock->owner) != self)
		return SLUICE_EPERM;
	/* relaxed: as above; before the lock, so that the next owner's store is not overwritten */
	sli_store_rlx(&rwlock->owner, (uintptr_t)0);
	return sli_rwlock_write_end(&rwlock->lock);
}

void sli_rwlock_set_hint(sluice_rwlock *rwlock, uint32_t pid)
{
	struct sli_segment *segment = &rwlock->handle.segment;

	/* relaxed: a hint for people */
	sli_store_rlx(&segment->places[segment->place].hint_pid, pid);
	sli_place_set_command(&segment->places[segment->place], pid);
}

/* ---- looking ------------------------------------------------------------------------------- */

/* The place that writes; SLI_NO_PLACE: nobody. */
static uint32_t rwlock_writer(const struct sli_rwlock *lock, const struct sli_segment *segment)
{
	/* relaxed: a moment's view */
	uint32_t word = sli_load_rlx(&lock->control->lock.word);
	uint32_t gate = sli_load_rlx(&lock->control->gate);
	uint32_t place = sli_stamp_place(word);

	return (gate & SLI_GATE_WRITING) && (word & SLI_STAMP) && place < segment->place_count
		       ? place
		       : SLI_NO_PLACE;
}

static void rwlock_describe(const struct sli_rwlock *lock, const struct sli_segment *segment,
			    struct sluice_rwlock_info *info)
{
	uint32_t writer = rwlock_writer(lock, segment);
	struct sli_handle_count count;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	for (uint32_t i = 0; i < segment->place_count; i++)
		info->readers += sli_rwlock_readers(lock, i);
	info->owner_died = sli_rwlock_is_dirty(lock);
	info->locked = writer != SLI_NO_PLACE ? 2 : info->readers ? 1 : 0;
	if (writer != SLI_NO_PLACE) {
		/* relaxed: hints for people */
		info->owner = sli_load_rlx(&segment->places[writer].hint_pid);
		if (!info->owner)
			info->owner = sli_load_rlx(&segment->places[writer].pid);
	}
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_rwlock_info(sluice_rwlock *rwlock, struct sluice_rwlock_info *ret_info)
{
	rwlock_describe(&rwlock->lock, &rwlock->handle.segment, ret_info);
}

int sli_rwlock_inspect(struct sli_segment *segment, struct sluice_rwlock_info *ret_info)
{
	struct sli_rwlock lock = { 0 };

	if (!rwlock_is_sound(segment->geometry, segment->object_size, segment->data_size,
			     segment->place_count))
		return SLUICE_ECORRUPT;
	rwlock_view(&lock, segment);
	rwlock_describe(&lock, segment, ret_info);
	return 0;
}

bool sli_rwlock_holds(const struct sli_segment *segment, uint32_t place)
{
	struct sli_rwlock lock = { 0 };

	rwlock_view(&lock, segment);
	return rwlock_writer(&lock, segment) == place || sli_rwlock_readers(&lock, place) > 0;
}

void sli_rwlock_wake_mapped(struct sli_segment *segment)
{
	struct sli_rwlock lock = { 0 };

	rwlock_view(&lock, segment);
	sli_event_count(&lock.control->opened);
	sli_futex_wake(&lock.control->opened.ev, SLI_WAKE_ALL, 0);
	sli_event_count(&lock.control->emptied);
	sli_futex_wake(&lock.control->emptied.ev, SLI_WAKE_ALL, 0);
	sli_futex_wake(&lock.control->lock.word, SLI_WAKE_ALL, 0);
}
