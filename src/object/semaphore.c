/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * semaphore.c - counted units in a segment
 *
 * How units move, and why a death loses none, is src/protocol/semaphore.c; who lives is the
 * segment's business. This file joins the two. The units that a handle holds are counted in a word of
 * its place, which is how they are found when it dies. Closing gives them back; if that cannot be
 * done at once (a stopped process is in the middle of a call), the place is left as the dead leave
 * theirs, and the next one who looks gives them back.
 *
 * A handle may hold for a file description of the caller's instead of for itself. Then that
 * description has a place of its own, alive as long as the kernel keeps the description; the handle
 * only moves units on its account. The lock is taken in the handle's own name, so its death in the
 * middle of a call is seen although the description lives on.
 */
#include "semaphore.h"

#include "../base/crash.h"
#include "../sync/futex.h"

#include <errno.h>
#include <stdlib.h>

enum { GEOMETRY_INITIAL, GEOMETRY_CEILING };

/* How long release and post wait for who is in the middle of a call; he must be stopped. */
#define GIVE_PATIENCE_NS (5000 * SLI_MS)

static bool semaphore_is_sound(const uint64_t *geometry, uint64_t object_size, uint64_t data_size,
			       uint32_t places)
{
	return geometry[GEOMETRY_CEILING] > 0 && geometry[GEOMETRY_CEILING] <= SLI_SEMAPHORE_MOST &&
	       geometry[GEOMETRY_INITIAL] <= geometry[GEOMETRY_CEILING] &&
	       object_size >= sizeof(struct sli_semaphore_control) &&
	       data_size >= places * sizeof(uint32_t);
}

static int semaphore_check(const struct sli_header *header, const void *want,
			   const struct sli_request *request)
{
	const struct sli_semaphore_wish *wish = want;
	const uint64_t *geometry = header->geometry;

	if (!semaphore_is_sound(geometry, header->object_size, header->data_size, header->places))
		return sli_say(
			&request->diag, SLUICE_ECORRUPT,
			"semaphore %s is damaged: its numbers contradict each other; remove it",
			request->name);
	if (wish->initial && wish->initial != geometry[GEOMETRY_INITIAL])
		return sli_handle_say_differs(request, "semaphore", "initial value",
					      geometry[GEOMETRY_INITIAL], wish->initial);
	if (wish->ceiling && wish->ceiling != geometry[GEOMETRY_CEILING])
		return sli_handle_say_differs(request, "semaphore", "ceiling",
					      geometry[GEOMETRY_CEILING], wish->ceiling);
	return 0;
}

/* The view of a segment whose geometry was checked. */
static void semaphore_view(struct sli_semaphore *units, const struct sli_segment *segment)
{
	units->control = (struct sli_semaphore_control *)(void *)(segment->base +
								  segment->object_offset);
	units->held = (_Atomic uint32_t *)(void *)(segment->base + segment->data_offset);
	units->initial = (uint32_t)segment->geometry[GEOMETRY_INITIAL];
	units->ceiling = (uint32_t)segment->geometry[GEOMETRY_CEILING];
}

static void semaphore_join(struct sli_segment *segment)
{
	sluice_semaphore *semaphore = segment->object;

	semaphore_view(&semaphore->units, segment);
	semaphore->units.peers = &semaphore->handle.peers;
	semaphore->units.spin = &semaphore->handle.data_spin;
	semaphore->units.account = segment->place;
	sli_handle_join(&semaphore->handle);
}

static int semaphore_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			    uint32_t *ret_also)
{
	sluice_semaphore *semaphore = segment->object;
	struct sli_lock *lock = &semaphore->units.control->lock;
	uint32_t stamp;
	int r;

	if (sli_lock_seize(lock, &semaphore->handle.peers, dead, count, &stamp) < 0) {
		*ret_also = sli_stamp_place(stamp);
		return -EAGAIN;
	}
	/* Dead here: the lock carries our stamp; the next repairer finds us dead as well. */
	r = sli_semaphore_repair(&semaphore->units, dead, count);
	(void)sli_lock_drop(lock, &semaphore->handle.peers);
	return r;
}

static void semaphore_wake(struct sli_segment *segment)
{
	sluice_semaphore *semaphore = segment->object;

	sli_semaphore_wake_all(&semaphore->units);
}

static const struct sli_kind semaphore_kind = {
	.number = SLUICE_KIND_SEMAPHORE,
	.name = "semaphore",
	.roles = 0,
	.check = semaphore_check,
	.join = semaphore_join,
	.repair = semaphore_repair,
	.wake = semaphore_wake,
};

/* ---- opening and closing ------------------------------------------------------------------- */

int sli_semaphore_open(const char *name, const struct sli_request *request,
		       const struct sli_semaphore_wish *wish, sluice_semaphore **ret_semaphore)
{
	struct sli_shape shape = { .kind = SLUICE_KIND_SEMAPHORE,
				   .object_size = sizeof(struct sli_semaphore_control) };
	sluice_semaphore *semaphore = calloc(1, sizeof(*semaphore));
	int r;

	if (!semaphore)
		return SLUICE_ENOMEM;
	shape.data_size = request->participants * sizeof(uint32_t);
	shape.geometry[GEOMETRY_INITIAL] = wish->initial;
	shape.geometry[GEOMETRY_CEILING] = wish->ceiling ? wish->ceiling : SLI_SEMAPHORE_MOST;
	r = sli_handle_open(&semaphore->handle, name, request, &semaphore_kind, &shape, wish,
			    semaphore, SLI_MAGIC_SEMAPHORE);
	if (r < 0) {
		free(semaphore);
		return r;
	}
	*ret_semaphore = semaphore;
	return 0;
}

void sli_semaphore_close(sluice_semaphore *semaphore)
{
	struct sli_handle *handle = &semaphore->handle;
	struct sli_wait wait = sli_handle_wait(handle, SLUICE_NOWAIT);

	if (sli_handle_is_joined(handle) &&
	    sli_semaphore_give_all(&semaphore->units, &wait, handle->segment.place) < 0)
		sli_handle_abandon(handle);
	sli_handle_close(handle);
	sli_handle_free(handle);
}

/* ---- operations ---------------------------------------------------------------------------- */

/* A call that may not wait found nothing: see that the descriptor tells when there is something. */
static void semaphore_arm_bell(sluice_semaphore *semaphore, uint32_t units)
{
	struct sli_segment *segment = &semaphore->handle.segment;

	if (!sli_bell_wanted(segment, SLI_BELL_IN, 0))
		return;
	sli_bell_arm(segment, SLI_BELL_IN);
	if (sli_semaphore_arm_poll(&semaphore->units, units))
		sli_bell_ring_self(segment, SLI_BELL_IN);
}

/* The first try of a call that may not wait found nothing. Has somebody died with what it wants? */
static SLI_NOINLINE int semaphore_give_up(sluice_semaphore *semaphore, uint32_t units, bool owned,
					  struct sli_wait *wait)
{
	int r = -EAGAIN;

	if (sli_sweep_is_due(&semaphore->handle.segment)) {
		sli_semaphore_look_after(&semaphore->units);
		r = sli_semaphore_take(&semaphore->units, wait, units, owned);
	}
	if (r == -EAGAIN)
		semaphore_arm_bell(semaphore, units);
	return r;
}

int sli_semaphore_get(sluice_semaphore *semaphore, uint32_t units, bool owned, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&semaphore->handle, timeout);
	int r;

	if (SLI_UNLIKELY(units == 0 || units > semaphore->units.ceiling))
		return SLUICE_EINVAL;
	r = sli_semaphore_take(&semaphore->units, &wait, units, owned);
	if (SLI_LIKELY(r == 0))
		return 0;
	if (r == -EAGAIN)
		r = semaphore_give_up(semaphore, units, owned, &wait);
	if (r == SLUICE_ECORRUPT)
		sli_segment_break(&semaphore->handle.segment);
	return r;
}

int sli_semaphore_put(sluice_semaphore *semaphore, uint32_t units, bool owned)
{
	struct sli_wait wait = sli_handle_wait(&semaphore->handle, GIVE_PATIENCE_NS);
	int r;

	if (SLI_UNLIKELY(units == 0 || units > SLI_SEMAPHORE_MOST))
		return SLUICE_EINVAL;
	do
		r = sli_semaphore_give(&semaphore->units, &wait, units, owned);
	while (SLI_UNLIKELY(r == -EINTR));
	if (SLI_UNLIKELY(r == SLUICE_ECORRUPT))
		sli_segment_break(&semaphore->handle.segment);
	return r;
}

int sli_semaphore_hold_for(sluice_semaphore *semaphore, int fd)
{
	uint32_t place;
	int r;

	if (semaphore->handle.segment.is_private)
		return SLUICE_EOPNOTSUPP;
	r = sli_place_claim_for(&semaphore->handle.segment, fd, &place);
	if (r == 0)
		semaphore->units.account = place;
	return r;
}

int sli_semaphore_fd(sluice_semaphore *semaphore)
{
	struct sli_segment *segment = &semaphore->handle.segment;
	bool fresh = sli_load_acq(&segment->bells[SLI_BELL_IN].epoll) < 0;
	int fd = sli_bell_fd(segment, SLI_BELL_IN, 0);

	if (fd >= 0 && fresh)
		semaphore_arm_bell(semaphore, 1);
	return fd;
}

void sli_semaphore_set_hint(sluice_semaphore *semaphore, uint32_t pid)
{
	sli_place_set_hint(&semaphore->handle.segment.places[semaphore->units.account], pid);
}

/* ---- looking ------------------------------------------------------------------------------- */

static void semaphore_describe(const struct sli_semaphore *units, const struct sli_segment *segment,
			       struct sluice_semaphore_info *info)
{
	int64_t value = sli_semaphore_value(units);
	struct sli_handle_count count;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	info->value = value < 0 ? 0 : (uint32_t)value;
	info->held = sli_semaphore_held(units, &info->holders);
	info->initial = units->initial;
	info->ceiling = units->ceiling;
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_semaphore_info(sluice_semaphore *semaphore, struct sluice_semaphore_info *ret_info)
{
	semaphore_describe(&semaphore->units, &semaphore->handle.segment, ret_info);
}

int sli_semaphore_inspect(struct sli_segment *segment, struct sluice_semaphore_info *ret_info)
{
	struct sli_peers peers = { .count = segment->place_count };
	struct sli_semaphore units = { .peers = &peers };

	if (!semaphore_is_sound(segment->geometry, segment->object_size, segment->data_size,
				segment->place_count))
		return SLUICE_ECORRUPT;
	semaphore_view(&units, segment);
	semaphore_describe(&units, segment, ret_info);
	return 0;
}

uint32_t sli_semaphore_held_by(const struct sli_segment *segment, uint32_t place)
{
	struct sli_semaphore units = { 0 };

	semaphore_view(&units, segment);
	/* relaxed: a moment's view */
	return sli_load_rlx(&units.held[place]);
}

void sli_semaphore_wake_mapped(struct sli_segment *segment)
{
	struct sli_semaphore units = { 0 };

	semaphore_view(&units, segment);
	sli_handle_wake_event(&units.control->units);
	sli_futex_wake(&units.control->lock.word, SLI_WAKE_ALL, 0);
	sli_bell_ring(segment, SLI_BELL_IN, 0);
}
