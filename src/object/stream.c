/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream.c - bytes in order with a beginning and an end: a byte ring in a segment, with waiting
 *
 * How bytes travel is the byte ring's business (src/protocol/byte_ring.c); who lives is the
 * segment's. This file joins the two, waits, and knows when it is over.
 *
 * The end. A place has the roles it reads and writes with, one pair of bits a way, and the kernel
 * says which places live. A reader that finds nothing looks for a living writer; if there is none,
 * but there was one, it looks for bytes once more and then reports the end. The second look matters:
 * the last writer may have written just before it left ([place.role]: it wrote before it gave up its
 * role). A writer that finds no living reader, but there was one, gets SLUICE_EPIPE.
 *
 * Looking at all places at every write would cost lines that others write to. So whoever leaves, gives
 * up a role, or has repaired after a death counts in control->changes, and a writer that has seen a
 * reader believes in it until that count moves. One that was killed after it freed its place and
 * before it counted is found by the look that precedes every sleep. And since only a look at the
 * kernel's locks tells of a killed reader, a writer takes one every few milliseconds of the coarse
 * clock, even if it never has to wait.
 *
 * control->seen tells "there was one" from "there will be one". It begins anew when somebody opens a
 * stream that nobody takes part in (SLUICE_PERSIST); if bytes are left there, they had a writer. It is
 * written under the attach lock.
 *
 * A two-way stream is one segment with two rings; its ends are the two pairs of roles.
 *
 * The bytes are mapped twice in a row, so that spans are contiguous however the ring turns. That takes
 * three times the capacity of address space, and memory once; a process without so much address space
 * cannot open the stream. There is no other way to have it.
 *
 *	who dies			what others see			who sees to it
 *	the last writer			the rest of its bytes, the end	readers, at a slice's end
 *	the last reader			SLUICE_EPIPE			writers: every few ms, or a slice
 *	leaving, place free, not told	the end, SLUICE_EPIPE		whoever looks before sleeping
 *	who created it, halfway		no such stream, or no such end	segment.c
 */
#include "stream.h"
#include "../base/crash.h"
#include "../base/fd.h"
#include "../sync/futex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { GEOMETRY_CAPACITY, GEOMETRY_ATOMIC, GEOMETRY_WAYS };

#define STREAM_CAPACITY (UINT64_C(1) << 20)
#define STREAM_ATOMIC UINT64_C(4096)
#define STREAM_ALIGN UINT64_C(65536) /* the largest page there is */
#define STREAM_PAUSE_NS 1000u        /* some 25 short writes */
#define STREAM_LOOK_NS (4 * SLI_MS)

/* ---- the kind ------------------------------------------------------------------------------ */

/* Is it a stream that this library can work with? The numbers are in private memory. */
static bool stream_is_sound(const uint64_t *geometry, uint64_t object_size, uint64_t data_offset,
			    uint64_t data_size)
{
	uint64_t capacity = geometry[GEOMETRY_CAPACITY];
	uint64_t ways = geometry[GEOMETRY_WAYS];

	return capacity >= STREAM_ALIGN && capacity <= UINT64_C(1) << 40 &&
	       !(capacity & (capacity - 1)) && (ways == 1 || ways == 2) &&
	       data_size == ways * capacity && data_offset % STREAM_ALIGN == 0 &&
	       geometry[GEOMETRY_ATOMIC] > 0 && geometry[GEOMETRY_ATOMIC] <= capacity / 2 &&
	       object_size >= sizeof(struct sli_stream_control);
}

static int stream_check(const struct sli_header *header, const void *want,
			const struct sli_request *request)
{
	const struct sli_stream_wish *wish = want;
	const uint64_t *geometry = header->geometry;

	if (!stream_is_sound(geometry, header->object_size, header->data_offset, header->data_size))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "stream %s is damaged: its sizes contradict each other; remove it",
			       request->name);
	if (wish->capacity && wish->capacity != geometry[GEOMETRY_CAPACITY])
		return sli_handle_say_differs(request, "stream", "capacity",
					      geometry[GEOMETRY_CAPACITY], wish->capacity);
	if (wish->atomic && wish->atomic != geometry[GEOMETRY_ATOMIC])
		return sli_handle_say_differs(request, "stream", "atomic",
					      geometry[GEOMETRY_ATOMIC], wish->atomic);
	if (wish->second && geometry[GEOMETRY_WAYS] != 2)
		return sli_say(&request->diag, SLUICE_EMISMATCH,
			       "stream %s goes one way and has no second end; leave out SECOND_END",
			       request->name);
	return 0;
}

static struct sli_stream_control *stream_control(const struct sli_segment *segment)
{
	return (struct sli_stream_control *)(void *)(segment->base + segment->object_offset);
}

/* The rings' view of a segment whose geometry was checked. */
static void stream_view(struct sli_byte_ring *ways, const struct sli_segment *segment)
{
	for (uint32_t i = 0; i < segment->geometry[GEOMETRY_WAYS]; i++) {
		ways[i].control = &stream_control(segment)->ways[i];
		ways[i].capacity = segment->geometry[GEOMETRY_CAPACITY];
		ways[i].atomic = segment->geometry[GEOMETRY_ATOMIC];
		ways[i].number = (int64_t)i + 1;
	}
}

/* Nobody else is here: whom we wait for has yet to come. Under the attach lock. */
static void stream_begin(sluice_stream *stream)
{
	struct sli_segment *segment = &stream->handle.segment;
	uint32_t seen = 0;

	sli_sweep(segment, segment->place_count);
	if (sli_place_count_role(segment, UINT32_MAX) > 0)
		return;
	for (uint32_t i = 0; i < stream->ways_count; i++)
		if (!sli_bytes_is_empty(&stream->ways[i]))
			seen |= SLUICE_WRITE << (i * SLI_STREAM_WAY_SHIFT);
	sli_store_rel(&stream->control->seen, seen);
}

static void stream_join(struct sli_segment *segment)
{
	sluice_stream *stream = segment->object;

	stream->control = stream_control(segment);
	stream->ways_count = (uint32_t)segment->geometry[GEOMETRY_WAYS];
	stream_view(stream->ways, segment);
	sli_handle_join(&stream->handle);
	for (uint32_t i = 0; i < 2; i++) {
		stream->ways[i].peers = &stream->handle.peers;
		/* After a fork: what the parent has in hand is the parent's. */
		sli_store_rel(&stream->ways[i].reserved, UINT64_C(0));
		sli_store_rel(&stream->ways[i].peeked, UINT64_C(0));
	}
	sli_store_rel(&stream->heard, 0u);
	if (stream->opening && !segment->is_private)
		stream_begin(stream);
	/* Dead here: whoever waits for one of us goes on waiting for the next. */
	SLI_CRASH(stream_begun);
	sli_or_sc(&stream->control->seen, sli_place_roles_left(segment));
}

static int stream_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			 uint32_t *ret_also)
{
	sluice_stream *stream = segment->object;

	*ret_also = SLI_NO_PLACE;
	for (uint32_t i = 0; i < stream->ways_count; i++)
		sli_bytes_repair(&stream->ways[i], dead, count);
	return 0;
}

static void stream_wake(struct sli_segment *segment)
{
	sluice_stream *stream = segment->object;

	/* What changed comes before: a state word, stored with release. */
	sli_add_sc(&stream->control->changes, 1u);
	for (uint32_t i = 0; i < stream->ways_count; i++)
		sli_bytes_wake_all(&stream->ways[i]);
}

const struct sli_kind sli_stream_kind = {
	.number = SLUICE_KIND_STREAM,
	.name = "stream",
	.roles = SLI_STREAM_ROLES | SLI_STREAM_ROLES << SLI_STREAM_WAY_SHIFT,
	.maps_twice = true,
	.stays_at_fork = true,
	.check = stream_check,
	.join = stream_join,
	.repair = stream_repair,
	.wake = stream_wake,
};

/* ---- opening and closing ------------------------------------------------------------------- */

/* Map @size bytes of the segment once more, at @at. The old length 0 asks for a second mapping of the
 * same pages, whatever file they are of, and without a descriptor. Where that is not to be had (an
 * emulator), the file is mapped, by a description that holds none of our locks. */
static bool stream_map_again(const struct sli_segment *segment, unsigned char *bytes, size_t size,
			     unsigned char *at)
{
	int fd SLI_AUTO_CLOSE = -1;

	if (mremap(bytes, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED)
		return true;
	if (!segment->is_private)
		fd = sli_reopen(segment->fd, O_RDWR);
	return fd >= 0 && mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			       (off_t)(bytes - segment->base)) != MAP_FAILED;
}

/* Map a ring's bytes again, twice in a row. */
static int stream_map(const struct sli_segment *segment, struct sli_byte_ring *ring,
		      unsigned char *bytes)
{
	size_t size = (size_t)ring->capacity;
	unsigned char *at = MAP_FAILED;

	if (ring->capacity <= SIZE_MAX / 2)
		at = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	if (at == MAP_FAILED)
		return SLUICE_ENOMEM;
	for (int i = 0; i < 2; i++)
		if (!stream_map_again(segment, bytes, size, at + (size_t)i * size)) {
			munmap(at, 2 * size);
			return SLUICE_ENOMEM;
		}
	/* A core dump delays the release of our byte, by which others know that we are dead. */
	madvise(at, 2 * size, MADV_DONTDUMP);
	ring->data = at;
	return 0;
}

static void stream_unmap(sluice_stream *stream)
{
	for (uint32_t i = 0; i < 2; i++)
		if (stream->ways[i].data)
			munmap(stream->ways[i].data, 2 * (size_t)stream->ways[i].capacity);
}

/* Which ways this end reads and writes. */
static void stream_choose_ways(sluice_stream *stream)
{
	uint32_t out = stream->ways_count == 2 && stream->second;

	stream->out = &stream->ways[out];
	stream->in = &stream->ways[stream->ways_count == 2 ? 1 - out : 0];
}

static uint32_t stream_bit(const sluice_stream *stream, const struct sli_byte_ring *ring,
			   uint32_t role)
{
	return role << ((uint32_t)(ring - stream->ways) * SLI_STREAM_WAY_SHIFT);
}

/* The handle is open: the rest is ours alone. */
static int stream_furnish(sluice_stream *stream, const struct sli_request *request)
{
	struct sli_segment *segment = &stream->handle.segment;
	int r = 0;

	stream->opening = false;
	stream_choose_ways(stream);
	for (uint32_t i = 0; i < stream->ways_count && r == 0; i++)
		r = stream_map(segment, &stream->ways[i],
			       segment->base + segment->data_offset +
				       (size_t)(i * stream->ways[i].capacity));
	if (r == 0)
		return 0;
	sli_stream_close(stream);
	return sli_say(&request->diag, r,
		       "%s needs its %llu bytes mapped twice in a row, and this process has no "
		       "address space for that; ask for a smaller capacity",
		       request->name, (unsigned long long)segment->geometry[GEOMETRY_CAPACITY]);
}

/* The roles of the place that a two-way stream's end has. */
static uint32_t stream_end_roles(bool second)
{
	return second ? SLUICE_READ | SLUICE_WRITE << SLI_STREAM_WAY_SHIFT
		      : SLUICE_WRITE | SLUICE_READ << SLI_STREAM_WAY_SHIFT;
}

static sluice_stream *stream_new(const struct sli_request *request,
				 const struct sli_stream_wish *wish)
{
	sluice_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->role = request->role;
	stream->second = wish->second;
	stream->opening = true;
	return stream;
}

int sli_stream_open(const char *name, const struct sli_request *request,
		    const struct sli_stream_wish *wish, sluice_stream **ret_stream)
{
	struct sli_request inner = *request;
	struct sli_shape shape = { .kind = SLUICE_KIND_STREAM,
				   .object_size = sizeof(struct sli_stream_control),
				   .data_align = STREAM_ALIGN };
	uint64_t capacity = wish->capacity ? wish->capacity : STREAM_CAPACITY;
	sluice_stream *stream = stream_new(request, wish);
	int r;

	if (!stream)
		return SLUICE_ENOMEM;
	shape.data_size = wish->two_way ? 2 * capacity : capacity;
	shape.geometry[GEOMETRY_CAPACITY] = capacity;
	shape.geometry[GEOMETRY_ATOMIC] = wish->atomic ? wish->atomic : STREAM_ATOMIC;
	shape.geometry[GEOMETRY_WAYS] = wish->two_way ? 2 : 1;
	if (wish->two_way || wish->second)
		inner.role = stream_end_roles(wish->second);
	r = sli_handle_open(&stream->handle, name, &inner, &sli_stream_kind, &shape, wish, stream,
			    SLI_MAGIC_STREAM);
	if (r < 0) {
		free(stream);
		return r;
	}
	r = stream_furnish(stream, request);
	if (r == 0)
		*ret_stream = stream;
	return r;
}

int sli_stream_open_other(sluice_stream *first, const struct sli_request *request,
			  const struct sli_stream_wish *wish, sluice_stream **ret_stream)
{
	struct sli_request inner = *request;
	sluice_stream *stream;
	char address[64];
	int fds[3] = { -1, -1, -1 };
	int r;

	if (!first->handle.segment.is_private) {
		sli_handle_share(&first->handle, fds);
		snprintf(address, sizeof(address), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
		inner.flags = 0;
		inner.anonymous = false;
		return sli_stream_open(address, &inner, wish, ret_stream);
	}
	stream = stream_new(request, wish);
	if (!stream)
		return SLUICE_ENOMEM;
	if (wish->second)
		inner.role = stream_end_roles(true);
	r = sli_handle_twin(&stream->handle, &first->handle, &inner, stream, SLI_MAGIC_STREAM);
	if (r < 0) {
		free(stream);
		return r;
	}
	r = stream_furnish(stream, request);
	if (r == 0)
		*ret_stream = stream;
	return r;
}

/* What is in hand stays, or is gone. */
static void stream_let_go(sluice_stream *stream)
{
	for (uint32_t i = 0; i < stream->ways_count; i++) {
		(void)sli_bytes_commit(&stream->ways[i], 0);
		(void)sli_bytes_consume(&stream->ways[i], 0);
	}
}

void sli_stream_close(sluice_stream *stream)
{
	if (sli_handle_is_joined(&stream->handle))
		stream_let_go(stream);
	sli_handle_close(&stream->handle);
	stream_unmap(stream);
	sli_handle_free(&stream->handle);
}

/* ---- is it over? --------------------------------------------------------------------------- */

/* Was there somebody with @bit, and is nobody left? */
static bool stream_is_deserted(const sluice_stream *stream, uint32_t bit)
{
	return (sli_load_acq(&stream->control->seen) & bit) &&
	       !sli_place_has_role(&stream->handle.segment, bit);
}

/* No writer is left, and no byte. */
static bool stream_is_at_end(const sluice_stream *stream)
{
	/* [place.role] the writers' absence before this look at the bytes. Pairs with the release of
	 * who gave the role up. */
	return stream_is_deserted(stream, stream_bit(stream, stream->in, SLUICE_WRITE)) &&
	       (SLI_MUTANT(end_without_look) || sli_bytes_is_empty(stream->in));
}

static bool stream_is_unread(const sluice_stream *stream)
{
	return stream_is_deserted(stream, stream_bit(stream, stream->out, SLUICE_READ));
}

/* Whoever has what is missed, if they are dead; and others in rotation. */
static void stream_look_after_dead(sluice_stream *stream)
{
	sli_sweep(&stream->handle.segment, 8);
}

/* The readers, as a writer knew them, may be dead by now. */
static SLI_NOINLINE bool stream_look_for_reader(sluice_stream *stream, uint32_t changes,
						int64_t now)
{
	/* relaxed: private memory; two threads looking at once do no harm */
	if (!stream->handle.segment.is_private &&
	    now - sli_load_rlx(&stream->looked) >= STREAM_LOOK_NS) {
		sli_store_rlx(&stream->looked, now);
		stream_look_after_dead(stream);
		changes = sli_load_acq(&stream->control->changes);
	}
	if (stream_is_unread(stream))
		return false;
	/* relaxed: a cache of what the words in shared memory say */
	if (sli_place_has_role(&stream->handle.segment,
			       stream_bit(stream, stream->out, SLUICE_READ)))
		sli_store_rlx(&stream->heard, changes + 1);
	return true;
}

/* May somebody read what we write, now or later? */
static inline bool stream_has_reader(sluice_stream *stream)
{
	/* Acquire: a change of places that is counted here is seen below. */
	uint32_t changes = sli_load_acq(&stream->control->changes);
	int64_t now = sli_now_coarse();

	/* relaxed: private memory, see stream_look_for_reader() */
	if (SLI_LIKELY(sli_load_rlx(&stream->heard) == changes + 1 &&
		       now - sli_load_rlx(&stream->looked) < STREAM_LOOK_NS))
		return true;
	return stream_look_for_reader(stream, changes, now);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* One operation: what to try, and what it waits for. */
struct stream_call {
	int64_t (*attempt)(struct stream_call *call, struct sli_wait *wait);
	struct sli_byte_ring *ring;
	int side; /* SLI_BYTES_...: what it waits for */
	struct sli_span *span;
	uint64_t least;      /* bytes, or room */
	unsigned char *data; /* out */
	bool spun;           /* already, before the first try */
};

static int64_t stream_try_write(struct stream_call *call, struct sli_wait *wait)
{
	return sli_bytes_write(call->ring, wait, call->span);
}

static int64_t stream_try_read(struct stream_call *call, struct sli_wait *wait)
{
	return sli_bytes_read(call->ring, wait, call->span);
}

static int64_t stream_try_reserve(struct stream_call *call, struct sli_wait *wait)
{
	return sli_bytes_reserve(call->ring, wait, call->least, &call->data);
}

static int64_t stream_try_peek(struct stream_call *call, struct sli_wait *wait)
{
	return sli_bytes_peek(call->ring, wait, call->least, &call->data);
}

/* Leave what has come to the writers for a moment: more of it comes. */
static SLI_NOINLINE void stream_stand_back(struct sli_byte_ring *ring,
					   const struct sli_spin_turn *turn)
{
	uint64_t amid;

	sli_spin_stand_back(turn, STREAM_PAUSE_NS / 2);
	amid = sli_bytes_amid(ring);
	sli_spin_stand_back(turn, STREAM_PAUSE_NS / 2);
	sli_bytes_stood_back(ring, amid);
}

/* Look again for a moment. @stand_back: and then for another one not. */
static inline void stream_spin(sluice_stream *stream, struct sli_byte_ring *ring, int side,
			       uint64_t least, int64_t limit_ns, bool stand_back)
{
	struct sli_spin_turn turn;
	bool changed;

	sli_spin_begin(&turn, &stream->handle.data_spin, limit_ns);
	while (!(changed = sli_bytes_changed(ring, side, least)) && sli_spin_again(&turn))
		;
	sli_spin_end(&turn, changed);
	if (SLI_UNLIKELY(changed && stand_back))
		stream_stand_back(ring, &turn);
}

/* A try found nothing. Will there ever be something? -EAGAIN: there may. */
static int64_t stream_check_over(sluice_stream *stream, struct stream_call *call,
				 struct sli_wait *wait)
{
	if (call->side == SLI_BYTES_OUT)
		return stream_is_unread(stream) ? SLUICE_EPIPE : -EAGAIN;
	if (!stream_is_deserted(stream, stream_bit(stream, stream->in, SLUICE_WRITE)))
		return -EAGAIN;
	if (stream_is_at_end(stream))
		return 0;
	/* The rest is all there will be, so it is enough. */
	call->least = 1;
	return call->attempt(call, wait);
}

/* A call that may not wait found nothing: see that the descriptor tells when there is something. */
static void stream_arm_bell(sluice_stream *stream, const struct stream_call *call)
{
	struct sli_segment *segment = &stream->handle.segment;
	bool in = call->side == SLI_BYTES_IN;
	int side = in ? SLI_BELL_IN : SLI_BELL_OUT;

	if (!sli_bell_wanted(segment, side, in ? call->ring->number : 0))
		return;
	sli_bell_arm(segment, side);
	/* [event.arm] [bell.arm] arm before the second look. Pairs with bytes_tell(). */
	sli_event_arm(sli_bytes_event(call->ring, call->side), SLI_EVENT_POLL);
	if (sli_bytes_ready(call->ring, call->side, call->least) ||
	    (in ? stream_is_at_end(stream) : stream_is_unread(stream)))
		sli_bell_ring_self(segment, side);
}

/* Arm, look again, sleep a slice. -EAGAIN: go on waiting. */
static int64_t stream_sleep(sluice_stream *stream, struct stream_call *call, struct sli_wait *wait,
			    uint32_t round)
{
	struct sli_event *event = sli_bytes_event(call->ring, call->side);
	uint32_t seen = sli_event_arm(event, SLI_EVENT_ANY);
	int64_t r = call->attempt(call, wait), deadline;
	int slept;

	if (r == -EAGAIN)
		r = stream_check_over(stream, call, wait);
	if (r != -EAGAIN)
		return r;
	deadline = sli_handle_deadline(wait);
	if (deadline != SLI_NEVER && sli_now() >= deadline)
		return SLUICE_ETIMEDOUT;
	wait->slept++;
	slept = stream->handle.peers.sleep(
		&stream->handle.peers, wait, &event->ev, seen, round, deadline,
		call->side == SLI_BYTES_OUT ? SLI_DOING_ROOM : SLI_DOING_BYTES);
	if (slept < 0)
		return slept;
	if (slept > 0)
		stream_look_after_dead(stream);
	return -EAGAIN;
}

/* A call that may not wait found nothing. Has somebody died with what it wants? */
static int64_t stream_give_up(sluice_stream *stream, struct stream_call *call,
			      struct sli_wait *wait)
{
	int64_t r = -EAGAIN;

	if (sli_sweep_is_due(&stream->handle.segment)) {
		stream_look_after_dead(stream);
		r = call->attempt(call, wait);
	}
	if (r == -EAGAIN)
		r = stream_check_over(stream, call, wait);
	if (r == -EAGAIN)
		stream_arm_bell(stream, call);
	return r;
}

/* The first try found nothing. */
static int64_t stream_block(sluice_stream *stream, struct stream_call *call, struct sli_wait *wait)
{
	int64_t r;

	if (wait->timeout == SLUICE_NOWAIT)
		return stream_give_up(stream, call, wait);
	wait->slept = 0;
	for (uint32_t round = 0;; round++) {
		bool just_tried = round == 0 && call->spun;

		/* Before the first sleep only: what is left of the time is not known, the whole is. */
		if (wait->slept == 0 && !just_tried)
			stream_spin(stream, call->ring, call->side, call->least, wait->timeout,
				    false);
		r = just_tried ? -EAGAIN : call->attempt(call, wait);
		if (r == -EAGAIN)
			r = stream_sleep(stream, call, wait, round);
		if (r != -EAGAIN)
			return r;
	}
}

/* The first try ended with @r, not more than 0. */
static int64_t stream_go_on(sluice_stream *stream, struct stream_call *call, struct sli_wait *wait,
			    int64_t r)
{
	if (r == -EAGAIN)
		r = stream_block(stream, call, wait);
	if (r == SLUICE_ECORRUPT)
		sli_segment_break(&stream->handle.segment);
	return r;
}

static int64_t stream_run(sluice_stream *stream, struct stream_call *call, struct sli_wait *wait)
{
	int64_t r = -EAGAIN;

	/* A try in vain looks at what the other side wants for itself: who may spin does that first. */
	if (wait->timeout == SLUICE_NOWAIT ||
	    sli_bytes_changed(call->ring, call->side, call->least))
		r = call->attempt(call, wait);
	return SLI_LIKELY(r > 0) ? r : stream_go_on(stream, call, wait, r);
}

/* ---- operations ---------------------------------------------------------------------------- */

/* A first try ended with @r: not all went in at once, if anything did. */
static SLI_NOINLINE int64_t stream_write_on(sluice_stream *stream, struct sli_span *span,
					    struct sli_wait *wait, int64_t r)
{
	struct stream_call call = { .attempt = stream_try_write, .side = SLI_BYTES_OUT };
	int64_t done = SLI_MAX(r, INT64_C(0));

	call.ring = stream->out;
	call.span = span;
	if (r < 0 && r != -EAGAIN)
		return stream_go_on(stream, &call, wait, r);
	do {
		call.least = SLI_MIN((uint64_t)span->left, stream->out->atomic);
		r = stream_run(stream, &call, wait);
		done += r > 0 ? r : 0;
	} while (r > 0 && span->left);
	return done ? done : r;
}

int64_t sli_stream_write(sluice_stream *stream, struct sli_span *span, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&stream->handle, timeout);
	int64_t done;

	if (SLI_UNLIKELY(!stream_has_reader(stream)))
		return SLUICE_EPIPE;
	/* relaxed: what another thread of ours does with this end is its business */
	if (SLI_UNLIKELY(sli_load_rlx(&stream->out->reserved)))
		return SLUICE_EBUSY;
	done = sli_bytes_write(stream->out, &wait, span);
	if (SLI_LIKELY(done > 0 && !span->left))
		return done;
	return stream_write_on(stream, span, &wait, done);
}

/* Neither the spin nor the first try found anything. */
static SLI_NOINLINE int64_t stream_read_on(sluice_stream *stream, struct sli_span *span,
					   struct sli_wait *wait, int64_t r)
{
	struct stream_call call = { .attempt = stream_try_read, .side = SLI_BYTES_IN, .least = 1 };

	call.ring = stream->in;
	call.span = span;
	call.spun = true;
	return stream_go_on(stream, &call, wait, r);
}

int64_t sli_stream_read(sluice_stream *stream, struct sli_span *span, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&stream->handle, timeout);
	int64_t done;

	/* relaxed: as in write */
	if (SLI_UNLIKELY(sli_load_rlx(&stream->in->peeked)))
		return SLUICE_EBUSY;
	/* A try in vain looks at what the writer wants for itself: who may spin does that first. And
	 * here, not in stream_block(): what lies between the news and the return is most of a round
	 * trip. */
	if (timeout != SLUICE_NOWAIT && !sli_bytes_expects(stream->in))
		stream_spin(stream, stream->in, SLI_BYTES_IN, 1, timeout,
			    sli_bytes_stands_back(stream->in));
	done = sli_bytes_read(stream->in, &wait, span);
	return SLI_LIKELY(done > 0) ? done : stream_read_on(stream, span, &wait, done);
}

int64_t sli_stream_reserve(sluice_stream *stream, uint64_t least, void **ret_data, int64_t timeout)
{
	struct stream_call call = { .attempt = stream_try_reserve, .side = SLI_BYTES_OUT };
	struct sli_wait wait = sli_handle_wait(&stream->handle, timeout);
	int64_t r;

	if (!stream_has_reader(stream))
		return SLUICE_EPIPE;
	/* relaxed: as in write */
	if (sli_load_rlx(&stream->out->reserved))
		return SLUICE_EBUSY;
	call.ring = stream->out;
	call.least = least;
	r = stream_run(stream, &call, &wait);
	if (r > 0)
		*ret_data = call.data;
	return r;
}

int64_t sli_stream_peek(sluice_stream *stream, uint64_t least, const void **ret_data,
			int64_t timeout)
{
	struct stream_call call = { .attempt = stream_try_peek, .side = SLI_BYTES_IN };
	struct sli_wait wait = sli_handle_wait(&stream->handle, timeout);
	int64_t r;

	/* relaxed: as in write */
	if (sli_load_rlx(&stream->in->peeked))
		return SLUICE_EBUSY;
	call.ring = stream->in;
	call.least = least;
	r = stream_run(stream, &call, &wait);
	if (r > 0)
		*ret_data = call.data;
	return r;
}

int sli_stream_finish(sluice_stream *stream)
{
	struct sli_segment *segment = &stream->handle.segment;

	if (sli_place_check_self(segment) < 0)
		return SLUICE_ESTALE;
	sli_store_rel(&stream->finished, 1u);
	(void)sli_bytes_commit(stream->out, 0);
	sli_place_drop_role(segment, stream_bit(stream, stream->out, SLUICE_WRITE));
	return 0;
}

/* ---- looking ------------------------------------------------------------------------------- */

int sli_stream_fd(sluice_stream *stream, int side)
{
	struct stream_call call = { .side = side == SLI_BELL_IN ? SLI_BYTES_IN : SLI_BYTES_OUT };
	bool fresh = sli_load_acq(&stream->handle.segment.bells[side].epoll) < 0;
	int fd;

	call.ring = side == SLI_BELL_IN ? stream->in : stream->out;
	call.least = side == SLI_BELL_IN ? 1 : stream->out->atomic;
	fd = sli_bell_fd(&stream->handle.segment, side,
			 side == SLI_BELL_IN ? call.ring->number : 0);
	if (fd >= 0 && fresh)
		stream_arm_bell(stream, &call);
	return fd;
}

/* The pid of the participant that a lock's holder is, for people. */
static uint32_t stream_holder(const struct sli_segment *segment, const struct sli_bytes_end *end)
{
	/* relaxed: hints for people */
	uint32_t holder = sli_load_rlx(&end->holder);
	uint32_t place = sli_stamp_place(holder);

	/* relaxed: as above */
	if (!holder || place >= segment->place_count ||
	    (sli_load_rlx(&end->lock.word) & SLI_STAMP) != holder)
		return 0;
	/* relaxed: as above */
	return sli_load_rlx(&segment->places[place].pid);
}

static int stream_describe(const struct sli_segment *segment, const struct sli_byte_ring *in,
			   const struct sli_byte_ring *out, struct sluice_stream_info *info)
{
	struct sli_handle_count count;
	uint64_t tail, head;
	int r;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	for (uint32_t i = 0; i < segment->place_count; i++) {
		uint32_t state = sli_place_state(segment, i);
		uint32_t role = sli_stream_role(sli_place_roles(state));

		info->writers += (state & SLI_PLACE_LIVE) && (role & SLUICE_WRITE);
		info->readers += (state & SLI_PLACE_LIVE) && (role & SLUICE_READ);
	}
	info->writing = stream_holder(segment, &out->control->write);
	info->reading = stream_holder(segment, &in->control->read);
	info->capacity = out->capacity;
	info->atomic = out->atomic;
	r = sli_bytes_account(out, &tail, &head);
	info->unread = tail - head;
	info->written = tail;
	if (r == 0)
		r = sli_bytes_account(in, &tail, &head);
	info->readable = tail - head;
	info->read = head;
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
	return r;
}

void sli_stream_info(sluice_stream *stream, struct sluice_stream_info *ret_info)
{
	stream_describe(&stream->handle.segment, stream->in, stream->out, ret_info);
}

static bool stream_segment_is_sound(const struct sli_segment *segment)
{
	return stream_is_sound(segment->geometry, segment->object_size, segment->data_offset,
			       segment->data_size);
}

int sli_stream_inspect(struct sli_segment *segment, struct sluice_stream_info *ret_info)
{
	struct sli_byte_ring ways[2] = { { 0 } };

	if (!stream_segment_is_sound(segment))
		return SLUICE_ECORRUPT;
	stream_view(ways, segment);
	return stream_describe(segment, &ways[segment->geometry[GEOMETRY_WAYS] == 2], &ways[0],
			       ret_info);
}

bool sli_stream_holds(struct sli_segment *segment, uint32_t place)
{
	struct sli_byte_ring ways[2] = { { 0 } };

	stream_view(ways, segment);
	for (uint32_t i = 0; i < segment->geometry[GEOMETRY_WAYS]; i++) {
		/* relaxed: hints for people */
		uint32_t writer = sli_load_rlx(&ways[i].control->write.holder);
		uint32_t reader = sli_load_rlx(&ways[i].control->read.holder);

		if ((writer && sli_stamp_place(writer) == place) ||
		    (reader && sli_stamp_place(reader) == place))
			return true;
	}
	return false;
}

void sli_stream_wake_mapped(struct sli_segment *segment)
{
	struct sli_byte_ring ways[2] = { { 0 } };

	stream_view(ways, segment);
	for (uint32_t i = 0; i < segment->geometry[GEOMETRY_WAYS]; i++) {
		for (int side = SLI_BYTES_IN; side <= SLI_BYTES_OUT; side++) {
			sli_handle_wake_event(sli_bytes_event(&ways[i], side));
			sli_bell_ring(segment, side, 0);
		}
		sli_futex_wake(&ways[i].control->write.lock.word, SLI_WAKE_ALL, 0);
		sli_futex_wake(&ways[i].control->read.lock.word, SLI_WAKE_ALL, 0);
	}
}
