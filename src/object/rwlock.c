/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock.c - a reader-writer lock in a segment
 *
 * Who may read and who may write, and why a death hangs nobody, is src/protocol/rwlock.c; which thread
 * of the handle holds what, rwlock_common.c.
 *
 * What a handle holds when it is closed ends as with a death. A child holds nothing of its parent's.
 */
#include "rwlock.h"

#include <errno.h>
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

	rwlock_view(&rwlock->held.lock, segment);
	sli_handle_join(&rwlock->handle);
	sli_rwlock_held_join(&rwlock->held, &rwlock->handle);
	sli_rwlock_join(&rwlock->held.lock);
}

/* Nothing is locked meanwhile: the dead one's words are nobody else's to write. */
static int rwlock_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			 uint32_t *ret_also)
{
	sluice_rwlock *rwlock = segment->object;

	*ret_also = SLI_NO_PLACE;
	for (uint32_t i = 0; i < count; i++)
		sli_rwlock_bury(&rwlock->held.lock, dead[i] + 1, SLI_STAMP_PLACE);
	return 0;
}

static void rwlock_wake(struct sli_segment *segment)
{
	sluice_rwlock *rwlock = segment->object;

	sli_rwlock_wake_all(&rwlock->held.lock);
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
		sli_rwlock_bury(&rwlock->held.lock, rwlock->handle.peers.self, SLI_STAMP);
		sli_rwlock_wake_all(&rwlock->held.lock);
	}
	sli_rwlock_held_free(&rwlock->held);
	sli_handle_close(&rwlock->handle);
	sli_handle_free(&rwlock->handle);
}

void sli_rwlock_set_hint(sluice_rwlock *rwlock, uint32_t pid)
{
	struct sli_segment *segment = &rwlock->handle.segment;

	sli_place_set_hint(&segment->places[segment->place], pid);
}

/* ---- looking ------------------------------------------------------------------------------- */

/* The place that writes; SLI_NO_PLACE: nobody. */
static uint32_t rwlock_writer(const struct sli_rwlock *lock, const struct sli_segment *segment)
{
	uint32_t place = sli_stamp_place(sli_rwlock_writer(lock));

	return place < segment->place_count ? place : SLI_NO_PLACE;
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
	if (writer != SLI_NO_PLACE)
		info->owner = sli_place_pid(&segment->places[writer]);
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_rwlock_info(sluice_rwlock *rwlock, struct sluice_rwlock_info *ret_info)
{
	rwlock_describe(&rwlock->held.lock, &rwlock->handle.segment, ret_info);
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
	sli_rwlock_wake_control(lock.control);
}
