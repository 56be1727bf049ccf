/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * barrier.c - a barrier in a segment
 *
 * Who has come, and how a round ends, is one word (src/protocol/barrier.c). Every handle is a party: its
 * death, at any time while it is attached, breaks the barrier for all until somebody resets it. Closing
 * a handle is not a death; who waits then waits for another party.
 */
#include "barrier.h"

#include <errno.h>
#include <stdlib.h>

enum { GEOMETRY_PARTIES };

static bool barrier_is_sound(const uint64_t *geometry, uint64_t object_size)
{
	return geometry[GEOMETRY_PARTIES] > 0 &&
	       geometry[GEOMETRY_PARTIES] <= SLI_BARRIER_PARTIES_MOST &&
	       object_size >= sizeof(struct sli_barrier_control);
}

static int barrier_check(const struct sli_header *header, const void *want,
			 const struct sli_request *request)
{
	uint32_t parties = *(const uint32_t *)want;

	if (!barrier_is_sound(header->geometry, header->object_size))
		return sli_say(
			&request->diag, SLUICE_ECORRUPT,
			"barrier %s is damaged: its numbers contradict each other; remove it",
			request->name);
	if (parties && parties != header->geometry[GEOMETRY_PARTIES])
		return sli_handle_say_differs(request, "barrier", "parties",
					      header->geometry[GEOMETRY_PARTIES], parties);
	return 0;
}

/* The view of a segment whose geometry was checked. */
static void barrier_view(struct sli_barrier *meeting, const struct sli_segment *segment)
{
	meeting->control = (struct sli_barrier_control *)(void *)(segment->base +
								  segment->object_offset);
	meeting->parties = (uint32_t)segment->geometry[GEOMETRY_PARTIES];
}

static void barrier_join(struct sli_segment *segment)
{
	sluice_barrier *barrier = segment->object;

	barrier_view(&barrier->meeting, segment);
	barrier->meeting.peers = &barrier->handle.peers;
	barrier->meeting.spin = &barrier->handle.data_spin;
	sli_handle_join(&barrier->handle);
}

static int barrier_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			  uint32_t *ret_also)
{
	sluice_barrier *barrier = segment->object;

	(void)dead;
	(void)count;
	*ret_also = SLI_NO_PLACE;
	sli_barrier_break(&barrier->meeting);
	return 0;
}

static void barrier_wake(struct sli_segment *segment)
{
	sluice_barrier *barrier = segment->object;

	sli_barrier_wake_all(&barrier->meeting);
}

static const struct sli_kind barrier_kind = {
	.number = SLUICE_KIND_BARRIER,
	.name = "barrier",
	.roles = 0,
	.check = barrier_check,
	.join = barrier_join,
	.repair = barrier_repair,
	.wake = barrier_wake,
};

/* ---- opening and closing ------------------------------------------------------------------- */

int sli_barrier_open(const char *name, const struct sli_request *request, uint32_t parties,
		     sluice_barrier **ret_barrier)
{
	struct sli_shape shape = { .kind = SLUICE_KIND_BARRIER,
				   .object_size = sizeof(struct sli_barrier_control) };
	sluice_barrier *barrier = calloc(1, sizeof(*barrier));
	int r;

	if (!barrier)
		return SLUICE_ENOMEM;
	shape.geometry[GEOMETRY_PARTIES] = parties;
	r = sli_handle_open(&barrier->handle, name, request, &barrier_kind, &shape, &parties,
			    barrier, SLI_MAGIC_BARRIER);
	if (r < 0) {
		free(barrier);
		return r;
	}
	*ret_barrier = barrier;
	return 0;
}

void sli_barrier_close(sluice_barrier *barrier)
{
	sli_handle_close(&barrier->handle);
	sli_handle_free(&barrier->handle);
}

/* ---- operations ---------------------------------------------------------------------------- */

/* A call that may not wait would have to. Has somebody died? */
static SLI_NOINLINE int barrier_give_up(sluice_barrier *barrier, struct sli_wait *wait)
{
	if (!sli_sweep_is_due(&barrier->handle.segment))
		return -EAGAIN;
	sli_barrier_look_after(&barrier->meeting, barrier->handle.peers.count);
	return sli_barrier_wait(&barrier->meeting, wait);
}

int sli_barrier_wait_for(sluice_barrier *barrier, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&barrier->handle, timeout);
	int r = sli_barrier_wait(&barrier->meeting, &wait);

	if (r == -EAGAIN)
		r = barrier_give_up(barrier, &wait);
	if (SLI_UNLIKELY(r == SLUICE_ECORRUPT))
		sli_segment_break(&barrier->handle.segment);
	return r == SLI_BARRIER_LAST ? SLUICE_LAST : r;
}

int sli_barrier_restore(sluice_barrier *barrier)
{
	sli_barrier_reset(&barrier->meeting);
	return 0;
}

/* ---- looking ------------------------------------------------------------------------------- */

static void barrier_describe(const struct sli_barrier *meeting, const struct sli_segment *segment,
			     struct sluice_barrier_info *info)
{
	/* relaxed: a moment's view */
	uint64_t state = sli_load_rlx(&meeting->control->state);
	struct sli_handle_count count;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	info->parties = meeting->parties;
	info->arrived = sli_barrier_arrived(state);
	info->broken = (state & SLI_BARRIER_BROKEN) != 0;
	info->rounds = (uint32_t)(state >> SLI_BARRIER_ROUND_SHIFT);
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_barrier_info(sluice_barrier *barrier, struct sluice_barrier_info *ret_info)
{
	barrier_describe(&barrier->meeting, &barrier->handle.segment, ret_info);
}

int sli_barrier_inspect(struct sli_segment *segment, struct sluice_barrier_info *ret_info)
{
	struct sli_barrier meeting = { 0 };

	if (!barrier_is_sound(segment->geometry, segment->object_size))
		return SLUICE_ECORRUPT;
	barrier_view(&meeting, segment);
	barrier_describe(&meeting, segment, ret_info);
	return 0;
}

void sli_barrier_wake_mapped(struct sli_segment *segment)
{
	struct sli_barrier meeting = { 0 };

	barrier_view(&meeting, segment);
	sli_handle_wake_event(&meeting.control->ended);
}
