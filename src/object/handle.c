/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * handle.c - the hooks that join protocol and segment, and what all handles do alike
 *
 * Sleeping is sliced: 1 (for a lock), 4, 16, 64 ms, and then what the slice option says. Between two
 * slices the caller looks at its condition and at who is alive, which is what makes a death unable to
 * hang anybody. A sleep also ends for an interrupt, a signal, a removal.
 *
 * An interrupt moves an event on, so that nobody goes to sleep on it who looked before. The word of a
 * lock or of a condition means something to other processes and stays as it is: who waits for one of
 * these sleeps on the count of interrupts as well.
 *
 * Who is woken in the middle of each slice, for what others wait for, would never see the end of one.
 * So the wait remembers when the slice that it is in would have ended, and is told then, too, that it is
 * time to look after the dead.
 */
#include "handle.h"
#include "../base/fd.h"
#include "../sync/futex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t handle_slice(const struct sli_segment *segment, uint32_t round, uint32_t doing)
{
	static const int64_t slices[] = { SLI_MS, 4 * SLI_MS, 16 * SLI_MS, 64 * SLI_MS };

	/* What is waited for under a lock comes soon, or its owner is dead. */
	round += doing != SLI_DOING_LOCK;
	return round < SLI_COUNT(slices) ? SLI_MIN(slices[round], segment->slice) : segment->slice;
}

/* What an interrupt moves on beside the word that is slept on, if it leaves that as it is. */
static _Atomic uint32_t *handle_interrupts(struct sli_segment *segment, uint32_t doing)
{
	return doing == SLI_DOING_LOCK || doing == SLI_DOING_SIGNAL ? &segment->interrupts : NULL;
}

/* May the wait go on? */
static int handle_check(struct sli_handle *handle, const struct sli_wait *wait)
{
	/* relaxed: news; the next slice sees it at the latest */
	int r = sli_segment_life(sli_load_rlx(&handle->segment.header->life));

	if (r < 0)
		return r;
	/* relaxed: as above */
	return sli_load_rlx(&handle->segment.interrupts) != wait->interrupts ? SLUICE_ECANCELED : 0;
}

/*
 * After a sleep in a slice of this length: is a look at the dead due? When the slice has passed, slept
 * through or not. A call whose time is up asks the handle's clock, or a loop of short calls would look
 * at each, or at none.
 */
static bool handle_look_is_due(struct sli_segment *segment, struct sli_wait *wait, int64_t slice,
			       int64_t bound, bool slept_through)
{
	int64_t now;
	bool due;

	if (segment->is_private)
		return false;
	now = sli_now();
	due = now >= wait->look || (now >= bound ? sli_sweep_is_due(segment) : slept_through);
	if (due)
		wait->look = now + slice;
	return due;
}

static int handle_sleep(struct sli_peers *peers, struct sli_wait *wait, _Atomic uint32_t *word,
			uint32_t value, uint32_t round, int64_t bound, uint32_t doing)
{
	struct sli_handle *handle = peers->context;
	struct sli_segment *segment = &handle->segment;
	int64_t slice = handle_slice(segment, round, doing), now = sli_now();
	bool slept_through;
	int r = handle_check(handle, wait);

	if (r < 0)
		return r;
	if (!wait->look)
		wait->look = now + slice;
	sli_place_doing(segment, doing);
	r = sli_futex_wait_both(word, value, segment->is_private, handle_interrupts(segment, doing),
				wait->interrupts, bound - now < slice ? bound : now + slice);
	sli_place_doing(segment, SLI_DOING_NOTHING);
	if (r == SLUICE_EINTR)
		return r;
	slept_through = r == SLUICE_ETIMEDOUT;
	r = handle_check(handle, wait);
	if (r < 0 || !handle_look_is_due(segment, wait, slice, bound, slept_through))
		return r;
	/* Are we among them? Then others have repaired after us. */
	return sli_place_check_self(segment) < 0 ? SLUICE_ESTALE : 1;
}

static int handle_wake(struct sli_peers *peers, _Atomic uint32_t *word, int count)
{
	struct sli_handle *handle = peers->context;

	return sli_futex_wake(word, count, handle->segment.is_private);
}

static int handle_reap(struct sli_peers *peers, uint32_t place)
{
	struct sli_handle *handle = peers->context;

	return sli_reap(&handle->segment, place);
}

static int handle_ring(struct sli_peers *peers, uint32_t side, int64_t type)
{
	struct sli_handle *handle = peers->context;

	return sli_bell_ring(&handle->segment, (int)side, type);
}

void sli_handle_join(struct sli_handle *handle)
{
	handle->peers.self = sli_stamp(handle->segment.place, handle->segment.generation);
	handle->peers.count = handle->segment.place_count;
}

/* ---- opening and closing ------------------------------------------------------------------- */

/* Everything but the segment. */
static void handle_prepare(struct sli_handle *handle, const struct sli_request *request,
			   void *object)
{
	sli_segment_init(&handle->segment);
	handle->segment.object = object;
	handle->peers.context = handle;
	handle->peers.reap = handle_reap;
	handle->peers.sleep = handle_sleep;
	handle->peers.wake = handle_wake;
	handle->peers.ring = handle_ring;
	handle->peers.spin = &handle->lock_spin;
	/* A lock's owner has a few instructions to go, or a lot: a long spin never pays. */
	sli_spin_init(&handle->lock_spin, request->spin == 1);
	sli_spin_init(&handle->data_spin, request->spin);
}

int sli_handle_say_differs(const struct sli_request *request, const char *kind, const char *what,
			   uint64_t has, uint64_t wanted)
{
	return sli_say(
		&request->diag, SLUICE_EMISMATCH,
		"%s %s has %s %llu, wanted %llu; leave the option out to take it as it is, or remove it",
		kind, request->name, what, (unsigned long long)has, (unsigned long long)wanted);
}

int sli_handle_open(struct sli_handle *handle, const char *text, const struct sli_request *request,
		    const struct sli_kind *kind, const struct sli_shape *shape, const void *want,
		    void *object, uint32_t magic)
{
	struct sli_name name = { .fd = -1 };
	int r = text ? sli_name_parse(text, &request->diag, &name) : 0, cancel;

	if (r < 0)
		return r;
	handle_prepare(handle, request, object);
	r = sli_fork_register(&handle->segment);
	if (r < 0)
		return r;
	cancel = sli_cancel_off();
	r = sli_segment_open(&handle->segment, &name, request, kind, shape, want);
	sli_cancel_restore(cancel);
	if (r < 0) {
		sli_fork_forget(&handle->segment);
		return r;
	}
	handle->magic = magic;
	return 0;
}

int sli_handle_twin(struct sli_handle *handle, struct sli_handle *first,
		    const struct sli_request *request, void *object, uint32_t magic)
{
	int r;

	handle_prepare(handle, request, object);
	r = sli_fork_register(&handle->segment);
	if (r < 0)
		return r;
	r = sli_segment_twin(&handle->segment, &first->segment, request);
	if (r < 0) {
		sli_fork_forget(&handle->segment);
		sli_segment_close(&handle->segment);
		return r;
	}
	handle->magic = magic;
	return 0;
}

bool sli_handle_is_joined(const struct sli_handle *handle)
{
	return !sli_fork_happened(&handle->segment) &&
	       handle->segment.place < handle->segment.place_count &&
	       sli_place_check_self(&handle->segment) == 0;
}

void sli_handle_abandon(struct sli_handle *handle)
{
	/* The place stays LIVE and its byte goes with the descriptor: a death, by the kernel's word. */
	handle->segment.place = SLI_NO_PLACE;
}

void sli_handle_close(struct sli_handle *handle)
{
	int cancel = sli_cancel_off();

	handle->magic = 0;
	if (sli_handle_is_joined(handle))
		sli_place_leave(&handle->segment);
	sli_fork_forget(&handle->segment);
	sli_segment_close(&handle->segment);
	sli_cancel_restore(cancel);
}

void sli_handle_free(struct sli_handle *handle)
{
#ifdef NDEBUG
	free(handle);
#else
	static _Atomic(struct sli_handle *) closed[64];
	static _Atomic uint32_t next;

	/* relaxed: any slot will do */
	free(sli_swap_acqrel(&closed[sli_add_rlx(&next, 1u) % SLI_COUNT(closed)], handle));
#endif
}

/* ---- in every call ------------------------------------------------------------------------- */

int sli_handle_enter_slow(struct sli_handle *handle, uint32_t magic)
{
	int r;

	if (!handle)
		return SLUICE_EINVAL;
	if (handle->magic != magic)
		return SLUICE_EBADF;
	if (sli_fork_happened(&handle->segment)) {
		r = sli_fork_join(&handle->segment);
		if (r < 0)
			return r;
	}
	/* relaxed: news */
	return sli_segment_life(sli_load_rlx(&handle->segment.header->life));
}

int64_t sli_handle_deadline(struct sli_wait *wait)
{
	if (wait->deadline == 0)
		wait->deadline = sli_deadline(wait->timeout);
	return wait->deadline;
}

int sli_handle_hold_fd(struct sli_handle *handle)
{
	return handle->segment.is_private ? SLUICE_EOPNOTSUPP : handle->segment.lock_fd;
}

int sli_handle_share(struct sli_handle *handle, int ret_fds[3])
{
	struct sli_segment *segment = &handle->segment;

	if (segment->is_private)
		return SLUICE_EOPNOTSUPP;
	ret_fds[0] = sli_segment_fd_to_pass(segment);
	/* Who only reads polls nothing. */
	ret_fds[1] = segment->is_sealed ? -1 : segment->events[0];
	ret_fds[2] = segment->is_sealed ? -1 : segment->events[1];
	return ret_fds[1] >= 0 && ret_fds[2] >= 0 ? 3 : 1;
}

void sli_handle_interrupt(struct sli_handle *handle)
{
	sli_add_sc(&handle->segment.interrupts, 1u);
	sli_futex_wake(&handle->segment.interrupts, INT32_MAX, 1);
	handle->segment.kind->wake(&handle->segment);
}

void sli_handle_wake_event(struct sli_event *event)
{
	sli_event_count(event);
	sli_futex_wake(&event->ev, SLI_WAKE_ALL, 0);
}

void sli_handle_count(const struct sli_segment *segment, struct sli_handle_count *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < segment->place_count; i++) {
		uint32_t state = sli_place_state(segment, i);
		/* relaxed: a hint for people */
		uint32_t doing = sli_load_rlx(&segment->places[i].doing);

		if (!(state & SLI_PLACE_LIVE))
			continue;
		ret->attached++;
		ret->senders += (sli_place_roles(state) & SLUICE_SEND) != 0;
		ret->receivers += (sli_place_roles(state) & SLUICE_RECEIVE) != 0;
		ret->waiting += doing != SLI_DOING_NOTHING && doing != SLI_DOING_HOLD &&
				doing <= SLI_DOING_READER_WRITER;
	}
}
