/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mutex.c - a lock word in a segment, with the thread that holds it
 *
 * The word says which participant holds the mutex (src/protocol/lock.c); which of its threads is
 * private knowledge of the handle, kept to tell a second lock by the same thread and an unlock by
 * another. A participant that dies leaves the word to its repairer, who frees it marked dirty; the
 * next owner is told SLUICE_RECOVERED. It declares the data repaired by unlocking; if it dies first,
 * the word is dirty again. There is no state from which the mutex cannot be had.
 */
#include "mutex.h"
#include "../base/crash.h"
#include "../sync/futex.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static int mutex_check(const struct sli_header *header, const void *want,
		       const struct sli_request *request)
{
	(void)want;
	if (header->object_size < sizeof(struct sli_mutex_control))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "mutex %s is damaged: it has no room for its lock; remove it",
			       request->name);
	return 0;
}

static struct sli_mutex_control *mutex_view(const struct sli_segment *segment)
{
	return (struct sli_mutex_control *)(void *)(segment->base + segment->object_offset);
}

static void mutex_join(struct sli_segment *segment)
{
	sluice_mutex *mutex = segment->object;

	mutex->control = mutex_view(segment);
	sli_handle_join(&mutex->handle);
	/* After a fork: what the parent holds is the parent's. */
	sli_store_rel(&mutex->owner, (uintptr_t)0);
}

/* One store frees the word of a dead owner; nothing is locked meanwhile. */
static int mutex_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			uint32_t *ret_also)
{
	sluice_mutex *mutex = segment->object;

	*ret_also = SLI_NO_PLACE;
	for (uint32_t i = 0; i < count; i++)
		if (!SLI_MUTANT(keep_dead_owner))
			sli_lock_leave_dirty(&mutex->control->lock, &mutex->handle.peers,
					     dead[i] + 1, SLI_STAMP_PLACE);
	return 0;
}

static void mutex_wake(struct sli_segment *segment)
{
	sluice_mutex *mutex = segment->object;

	mutex->handle.peers.wake(&mutex->handle.peers, &mutex->control->lock.word, SLI_WAKE_ALL);
}

const struct sli_kind sli_mutex_kind = {
	.number = SLUICE_KIND_MUTEX,
	.name = "mutex",
	.roles = 0,
	.check = mutex_check,
	.join = mutex_join,
	.repair = mutex_repair,
	.wake = mutex_wake,
};

int sli_mutex_open(const char *name, const struct sli_request *request, sluice_mutex **ret_mutex)
{
	struct sli_shape shape = { .kind = SLUICE_KIND_MUTEX,
				   .object_size = sizeof(struct sli_mutex_control) };
	sluice_mutex *mutex = calloc(1, sizeof(*mutex));
	int r;

	if (!mutex)
		return SLUICE_ENOMEM;
	r = sli_handle_open(&mutex->handle, name, request, &sli_mutex_kind, &shape, NULL, mutex,
			    SLI_MAGIC_MUTEX);
	if (r < 0) {
		free(mutex);
		return r;
	}
	*ret_mutex = mutex;
	return 0;
}

void sli_mutex_close(sluice_mutex *mutex)
{
	if (sli_handle_is_joined(&mutex->handle))
		sli_lock_leave_dirty(&mutex->control->lock, &mutex->handle.peers,
				     mutex->handle.peers.self, SLI_STAMP);
	sli_handle_close(&mutex->handle);
	sli_handle_free(&mutex->handle);
}

int sli_mutex_lock(sluice_mutex *mutex, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&mutex->handle, timeout);
	uintptr_t self = (uintptr_t)pthread_self();
	int r;

	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&mutex->owner) == self)
		return SLUICE_EDEADLK;
	r = sli_lock_take(&mutex->control->lock, &mutex->handle.peers, &wait, 0);
	if (r < 0)
		return r;
	/* Dead from here on: the repairer leaves the word dirty. */
	SLI_CRASH(mutex_locked);
	/* relaxed: read by this thread only, others compare with themselves */
	sli_store_rlx(&mutex->owner, self);
	return r == SLI_LOCK_RECOVERED ? SLUICE_RECOVERED : 0;
}

int sli_mutex_unlock(sluice_mutex *mutex)
{
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&mutex->owner) != (uintptr_t)pthread_self())
		return SLUICE_EPERM;
	/* relaxed: as above; before the word, so that the next owner's store is not overwritten */
	sli_store_rlx(&mutex->owner, (uintptr_t)0);
	return sli_lock_drop(&mutex->control->lock, &mutex->handle.peers);
}

void sli_mutex_set_hint(sluice_mutex *mutex, uint32_t pid)
{
	struct sli_segment *segment = &mutex->handle.segment;

	sli_place_set_hint(&segment->places[segment->place], pid);
}

uint32_t sli_mutex_holder(const struct sli_segment *segment)
{
	/* relaxed: a moment's view */
	uint32_t word = sli_load_rlx(&mutex_view(segment)->lock.word);
	uint32_t place = sli_stamp_place(word);

	return (word & SLI_STAMP) && place < segment->place_count ? place : SLI_NO_PLACE;
}

static void mutex_describe(const struct sli_segment *segment, struct sluice_mutex_info *info)
{
	/* relaxed: a moment's view */
	uint32_t word = sli_load_rlx(&mutex_view(segment)->lock.word);
	uint32_t holder = sli_mutex_holder(segment);
	struct sli_handle_count count;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	info->locked = word & SLI_STAMP ? 1 : word & SLI_LOCK_DIRTY ? 2 : 0;
	info->owner = 0;
	if (holder != SLI_NO_PLACE)
		info->owner = sli_place_pid(&segment->places[holder]);
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_mutex_info(sluice_mutex *mutex, struct sluice_mutex_info *ret_info)
{
	mutex_describe(&mutex->handle.segment, ret_info);
}

void sli_mutex_wake_mapped(struct sli_segment *segment)
{
	sli_futex_wake(&mutex_view(segment)->lock.word, SLI_WAKE_ALL, 0);
}

int sli_mutex_inspect(struct sli_segment *segment, struct sluice_mutex_info *ret_info)
{
	if (segment->object_size < sizeof(struct sli_mutex_control))
		return SLUICE_ECORRUPT;
	mutex_describe(segment, ret_info);
	return 0;
}
