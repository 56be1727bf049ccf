/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue.c - the typed message queue: a log ring in a segment, with waiting
 *
 * What a message is and how it travels is the log ring's business (src/protocol/log_ring.c); who
 * lives, and what happens when one does not, is the segment's. This file joins the two and adds
 * waiting, which is the same for every operation:
 *
 *	try						nothing to be had:
 *	spin on what the other side will change		as long as that pays
 *	try, if it changed
 *	arm the event, try again			[event.arm]
 *	sleep a slice, look after the dead, try again	until the deadline
 *
 * Up to the arming that is written out in each of the two calls whose round trips count, without
 * descriptions of what to do and calls through them.
 *
 * A call that may not wait ends after the first try; if the handle has a descriptor to poll for what
 * was missing, its bell is armed there ([bell.arm]).
 *
 * Who slept and then got what it wanted passes the wake-up on, since it may have been the only one
 * woken for several messages.
 *
 * Loans (reserved and borrowed records) are remembered in the handle, with what was checked of them,
 * so that nothing is read back from shared memory when they end.
 */
#include "queue.h"
#include "../protocol/type_index.h"
#include "../sync/futex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { GEOMETRY_LINES, GEOMETRY_MESSAGE_MAX, GEOMETRY_MESSAGES_MAX };

/* ---- the kind ------------------------------------------------------------------------------ */

/* Is it a ring that this library can work with? The numbers are in private memory. */
static bool queue_is_sound(const uint64_t *geometry, uint64_t object_size, uint64_t data_size)
{
	uint64_t lines = geometry[GEOMETRY_LINES];
	uint64_t message_max = geometry[GEOMETRY_MESSAGE_MAX];

	return lines && !(lines & (lines - 1)) && lines <= UINT64_MAX / SLI_LINE &&
	       data_size == lines * SLI_LINE && message_max > 0 &&
	       message_max <= (uint64_t)1 << 30 && lines >= sli_ring_min_lines(message_max) &&
	       object_size >= sizeof(struct sli_ring_control);
}

static int queue_check(const struct sli_header *header, const void *want,
		       const struct sli_request *request)
{
	const struct sli_queue_wish *wish = want;
	const uint64_t *geometry = header->geometry;

	if (!queue_is_sound(geometry, header->object_size, header->data_size))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "queue %s is damaged: its sizes contradict each other; remove it",
			       request->name);
	if (wish->message_max && wish->message_max != geometry[GEOMETRY_MESSAGE_MAX])
		return sli_handle_say_differs(request, "queue", "message_max",
					      geometry[GEOMETRY_MESSAGE_MAX], wish->message_max);
	if (wish->lines && wish->lines != geometry[GEOMETRY_LINES])
		return sli_handle_say_differs(request, "queue", "capacity",
					      geometry[GEOMETRY_LINES] * SLI_LINE,
					      wish->lines * SLI_LINE);
	if (wish->messages_max && wish->messages_max != geometry[GEOMETRY_MESSAGES_MAX])
		return sli_handle_say_differs(request, "queue", "messages_max",
					      geometry[GEOMETRY_MESSAGES_MAX], wish->messages_max);
	return 0;
}

/* The ring's view of a segment whose geometry was checked. */
static void queue_view(struct sli_ring *ring, const struct sli_segment *segment)
{
	ring->control = (struct sli_ring_control *)(void *)(segment->base + segment->object_offset);
	ring->lines = segment->base + segment->data_offset;
	ring->count = segment->geometry[GEOMETRY_LINES];
	ring->message_max = (uint32_t)segment->geometry[GEOMETRY_MESSAGE_MAX];
	ring->messages_max = segment->geometry[GEOMETRY_MESSAGES_MAX];
	sli_ring_init(ring);
}

static void queue_join(struct sli_segment *segment)
{
	sluice_queue *queue = segment->object;

	queue_view(&queue->ring, segment);
	queue->ring.peers = &queue->handle.peers;
	sli_handle_join(&queue->handle);
	/* After a fork: what the parent has on loan is the parent's. */
	for (uint32_t i = 0; i < SLUICE_LOANS_MAX; i++)
		sli_store_rel(&queue->loans[i].state, (uint32_t)QUEUE_LOAN_FREE);
}

static int queue_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			uint32_t *ret_also)
{
	sluice_queue *queue = segment->object;
	struct sli_peers *peers = &queue->handle.peers;
	struct sli_lock *send = &queue->ring.control->send.lock;
	struct sli_lock *receive = &queue->ring.control->receive.lock;
	uint32_t send_stamp, receive_stamp;
	int r;

	/* The order in which a rotating sender takes them. */
	if (sli_lock_seize(send, peers, dead, count, &send_stamp) < 0) {
		*ret_also = sli_stamp_place(send_stamp);
		return -EAGAIN;
	}
	if (sli_lock_seize(receive, peers, dead, count, &receive_stamp) < 0) {
		sli_lock_restore(send, peers, send_stamp);
		*ret_also = sli_stamp_place(receive_stamp);
		return -EAGAIN;
	}
	/* Dead here: both locks carry our stamp; the next repairer finds us dead as well. */
	r = sli_ring_repair(&queue->ring, dead, count);
	(void)sli_lock_drop(receive, peers);
	(void)sli_lock_drop(send, peers);
	return r;
}

static void queue_wake(struct sli_segment *segment)
{
	sluice_queue *queue = segment->object;

	sli_ring_wake_all(&queue->ring);
	queue->handle.peers.wake(&queue->handle.peers, &queue->ring.control->send.lock.word,
				 SLI_WAKE_ALL);
	queue->handle.peers.wake(&queue->handle.peers, &queue->ring.control->receive.lock.word,
				 SLI_WAKE_ALL);
}

const struct sli_kind sli_queue_kind = {
	.number = SLUICE_KIND_QUEUE,
	.name = "queue",
	.roles = SLUICE_SEND | SLUICE_RECEIVE,
	.check = queue_check,
	.join = queue_join,
	.repair = queue_repair,
	.wake = queue_wake,
};

/* ---- opening and closing ------------------------------------------------------------------- */

int sli_queue_open(const char *name, const struct sli_request *request,
		   const struct sli_queue_wish *wish, sluice_queue **ret_queue)
{
	uint64_t lines = wish->lines;
	uint64_t message_max = wish->message_max;
	struct sli_shape shape = { .kind = SLUICE_KIND_QUEUE,
				   .object_size = sizeof(struct sli_ring_control) };
	sluice_queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return SLUICE_ENOMEM;
	/* The default, or what a small ring can take. */
	if (!message_max)
		message_max = lines ? SLI_MIN(lines * SLI_LINE / 8, UINT64_C(65536)) : 65536;
	if (!lines)
		lines = SLI_MAX((UINT64_C(1) << 20) / SLI_LINE, sli_ring_min_lines(message_max));
	shape.data_size = lines * SLI_LINE;
	shape.geometry[GEOMETRY_LINES] = lines;
	shape.geometry[GEOMETRY_MESSAGE_MAX] = message_max;
	shape.geometry[GEOMETRY_MESSAGES_MAX] = wish->messages_max;
	queue->expects_sender = (request->flags & SLUICE_EXPECT_SENDER) != 0;
	if (request->role & SLUICE_RECEIVE)
		queue->ring.index = sli_type_index_new();
	r = sli_handle_open(&queue->handle, name, request, &sli_queue_kind, &shape, wish, queue,
			    SLI_MAGIC_QUEUE);
	if (r < 0) {
		sli_type_index_free(queue->ring.index);
		free(queue);
		return r;
	}
	*ret_queue = queue;
	return 0;
}

/* Give back what is on loan. */
static void queue_end_loans(sluice_queue *queue)
{
	for (uint32_t i = 0; i < SLUICE_LOANS_MAX; i++) {
		struct queue_loan *loan = &queue->loans[i];
		uint32_t state = sli_load_acq(&loan->state);

		if (state == QUEUE_LOAN_RESERVED)
			(void)sli_ring_abort(&queue->ring, &loan->found);
		else if (state == QUEUE_LOAN_BORROWED)
			(void)sli_ring_return(&queue->ring, &loan->found);
	}
}

void sli_queue_close(sluice_queue *queue)
{
	if (sli_handle_is_joined(&queue->handle))
		queue_end_loans(queue);
	sli_handle_close(&queue->handle);
	sli_type_index_free(queue->ring.index);
	sli_handle_free(&queue->handle);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* One operation: what to try, and what it waits for. */
struct queue_call {
	int64_t (*attempt)(sluice_queue *queue, struct queue_call *call, struct sli_wait *wait);
	uint32_t side; /* SLI_SIDE_... it waits for */
	int64_t type;
	size_t size; /* bytes to send, or capacity of buffer */
	const void *data;
	void *buffer;
	const void *items;
	void *slots;
	size_t count;
	struct sli_found *found;
};

static struct sli_event *queue_event(sluice_queue *queue, uint32_t side)
{
	struct sli_ring_control *control = queue->ring.control;

	return side == SLI_SIDE_ROOM ? &control->room : &control->messages;
}

/*
 * A try found nothing: look at shared words for a moment. True: there is something to try again for.
 * @size: of the message, on the side of room. Not when the try had to sleep for a lock: then part of
 * the timeout is gone, and a spin too late to pay.
 */
static inline bool queue_spin(sluice_queue *queue, uint32_t side, size_t size,
			      const struct sli_wait *wait)
{
	struct sli_spin_turn turn;
	bool changed;

	if (wait->timeout == SLUICE_NOWAIT || wait->deadline != 0)
		return false;
	sli_spin_begin(&turn, &queue->handle.data_spin, wait->timeout);
	while (!(changed = side == SLI_SIDE_MESSAGES ? sli_ring_grew(&queue->ring)
						     : sli_ring_writable(&queue->ring, size)) &&
	       sli_spin_again(&turn))
		;
	if (changed && side == SLI_SIDE_MESSAGES)
		sli_ring_expect(&queue->ring);
	sli_spin_end(&turn, changed);
	return changed;
}

/* A call that may not wait found nothing: see that the descriptor tells when there is something. */
static void queue_arm_bell(sluice_queue *queue, const struct queue_call *call)
{
	struct sli_segment *segment = &queue->handle.segment;
	int side = call->side == SLI_SIDE_MESSAGES ? SLI_BELL_IN : SLI_BELL_OUT;
	struct sli_wait wait = sli_handle_wait(&queue->handle, SLUICE_NOWAIT);

	if (!sli_bell_wanted(segment, side, side == SLI_BELL_IN ? call->type : 0))
		return;
	sli_bell_arm(segment, side);
	/* [event.arm] [bell.arm] arm before the second look. Pairs with sli_ring_tell_*(). */
	sli_event_arm(queue_event(queue, call->side), SLI_EVENT_POLL);
	if (side == SLI_BELL_IN ? sli_ring_readable(&queue->ring, &wait, call->type) != 0
				: sli_ring_has_room(&queue->ring, &wait, call->size) != 0)
		sli_bell_ring_self(segment, side);
}

/* No sender is left, and there was one. */
static bool queue_is_orphaned(sluice_queue *queue)
{
	struct sli_segment *segment = &queue->handle.segment;

	if (!(sli_load_acq(&segment->header->roles_seen) & SLUICE_SEND))
		return false;
	return sli_place_count_role(segment, SLUICE_SEND) == 0;
}

/* For a receive that found nothing. What the last sender sent before it left is taken first; and a
 * queue that somebody else is inside of is not known to be empty. */
static int64_t queue_check_orphaned(sluice_queue *queue, struct queue_call *call,
				    struct sli_wait *wait)
{
	int r;

	if (!queue->expects_sender || call->side != SLI_SIDE_MESSAGES)
		return SLUICE_EAGAIN;
	if (!queue_is_orphaned(queue))
		return SLUICE_EAGAIN;
	r = sli_ring_readable(&queue->ring, wait, call->type);
	if (r == 0)
		return SLUICE_ENOSENDER;
	return r > 0 ? call->attempt(queue, call, wait) : r;
}

static uint32_t queue_class(const struct queue_call *call)
{
	if (call->side == SLI_SIDE_ROOM || call->type == 0)
		return SLI_EVENT_ANY;
	return call->type < 0 ? SLI_EVENT_LOWEST : sli_event_class_of(call->type);
}

/* Whoever has what is missed, if they are dead; and a few others in rotation. */
static void queue_look_after_dead(sluice_queue *queue)
{
	uint32_t places[8];
	uint32_t count = sli_ring_pinners(&queue->ring, places, SLI_COUNT(places));

	/* Busy: somebody living holds a lock, and the next repair would wait for the same one. */
	for (uint32_t i = 0; i < count; i++)
		if (sli_reap(&queue->handle.segment, places[i]) == -EBUSY)
			return;
	sli_sweep(&queue->handle.segment, 8);
}

/* Armed, when the event's count was @seen: look again, sleep a slice. */
static int64_t queue_sleep_armed(sluice_queue *queue, struct queue_call *call,
				 struct sli_wait *wait, uint32_t round, uint32_t seen)
{
	int64_t r = call->attempt(queue, call, wait), deadline;
	int slept;

	if (r == SLUICE_EAGAIN)
		r = queue_check_orphaned(queue, call, wait);
	if (r != SLUICE_EAGAIN)
		return r;
	deadline = sli_handle_deadline(wait);
	if (deadline != SLI_NEVER && sli_now() >= deadline)
		return SLUICE_ETIMEDOUT;
	wait->slept++;
	slept = queue->handle.peers.sleep(
		&queue->handle.peers, wait, &queue_event(queue, call->side)->ev, seen, round,
		deadline, call->side == SLI_SIDE_ROOM ? SLI_DOING_ROOM : SLI_DOING_MESSAGE);
	if (slept > 0)
		queue_look_after_dead(queue);
	return slept < 0 ? slept : SLUICE_EAGAIN;
}

/* Arm, look again, sleep a slice. -EAGAIN: go on waiting. */
static int64_t queue_sleep(sluice_queue *queue, struct queue_call *call, struct sli_wait *wait,
			   uint32_t round)
{
	struct sli_event *event = queue_event(queue, call->side);
	uint32_t alone, seen = sli_event_announce(event, queue_class(call), &alone);
	int64_t r = queue_sleep_armed(queue, call, wait, round, seen);

	sli_event_leave(event, alone);
	return r;
}

/* A call that may not wait found nothing. Has somebody died with what it wants? */
static int64_t queue_give_up(sluice_queue *queue, struct queue_call *call, struct sli_wait *wait)
{
	int64_t r = SLUICE_EAGAIN;

	if (sli_sweep_is_due(&queue->handle.segment)) {
		queue_look_after_dead(queue);
		r = call->attempt(queue, call, wait);
	}
	if (r == SLUICE_EAGAIN)
		r = queue_check_orphaned(queue, call, wait);
	if (r == SLUICE_EAGAIN)
		queue_arm_bell(queue, call);
	return r;
}

/* Neither the first try nor the spin found anything. */
static int64_t queue_block(sluice_queue *queue, struct queue_call *call, struct sli_wait *wait)
{
	int64_t r;

	if (wait->timeout == SLUICE_NOWAIT)
		return queue_give_up(queue, call, wait);
	for (uint32_t round = 0;; round++) {
		r = queue_sleep(queue, call, wait, round);
		if (r == SLUICE_EAGAIN)
			r = call->attempt(queue, call, wait);
		if (r != SLUICE_EAGAIN)
			break;
	}
	/* Whatever came of it: this may have been the only one woken. */
	if (wait->slept)
		sli_ring_pass_on(&queue->ring, call->side);
	return r;
}

/* The first tries did not do. */
static SLI_NOINLINE int64_t queue_go_on(sluice_queue *queue, struct queue_call *call,
					struct sli_wait *wait, int64_t r)
{
	if (r == SLUICE_EAGAIN)
		r = queue_block(queue, call, wait);
	if (r == SLUICE_ECORRUPT)
		sli_segment_break(&queue->handle.segment);
	return r;
}

static int64_t queue_run(sluice_queue *queue, struct queue_call *call, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&queue->handle, timeout);
	int64_t r = call->attempt(queue, call, &wait);

	if (r == SLUICE_EAGAIN && queue_spin(queue, call->side, call->size, &wait))
		r = call->attempt(queue, call, &wait);
	return r >= 0 ? r : queue_go_on(queue, call, &wait, r);
}

/* ---- operations ---------------------------------------------------------------------------- */

static int64_t queue_try_send(sluice_queue *queue, struct queue_call *call, struct sli_wait *wait)
{
	return sli_ring_send(&queue->ring, wait, call->type, call->data, call->size);
}

static SLI_NOINLINE int queue_send_on(sluice_queue *queue, int64_t type, const void *data,
				      size_t size, struct sli_wait *wait, int r)
{
	struct queue_call call = { .attempt = queue_try_send, .side = SLI_SIDE_ROOM };

	call.type = type;
	call.data = data;
	call.size = size;
	return (int)queue_go_on(queue, &call, wait, r);
}

int sli_queue_send(sluice_queue *queue, int64_t type, const void *data, size_t size,
		   int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&queue->handle, timeout);
	int r = sli_ring_send(&queue->ring, &wait, type, data, size);

	if (SLI_UNLIKELY(r == -EAGAIN) && queue_spin(queue, SLI_SIDE_ROOM, size, &wait))
		r = sli_ring_send(&queue->ring, &wait, type, data, size);
	return SLI_LIKELY(r == 0) ? 0 : queue_send_on(queue, type, data, size, &wait, r);
}

static int64_t queue_try_send_many(sluice_queue *queue, struct queue_call *call,
				   struct sli_wait *wait)
{
	return sli_ring_send_many(&queue->ring, wait, call->items, call->count);
}

int64_t sli_queue_send_many(sluice_queue *queue, const struct sluice_send_item *items, size_t count,
			    int64_t timeout)
{
	struct queue_call call = { .attempt = queue_try_send_many, .side = SLI_SIDE_ROOM };

	_Static_assert(sizeof(struct sli_ring_item) == sizeof(struct sluice_send_item) &&
			       offsetof(struct sli_ring_item, size) ==
				       offsetof(struct sluice_send_item, size),
		       "one of them changed");
	call.items = items;
	call.count = count;
	call.size = items[0].size;
	return queue_run(queue, &call, timeout);
}

static int64_t queue_try_receive(sluice_queue *queue, struct queue_call *call,
				 struct sli_wait *wait)
{
	return sli_ring_receive(&queue->ring, wait, call->type, call->buffer, call->size,
				call->found);
}

static SLI_NOINLINE int64_t queue_receive_on(sluice_queue *queue, int64_t type, void *buffer,
					     size_t capacity, struct sli_found *ret_found,
					     struct sli_wait *wait, int r)
{
	struct queue_call call = { .attempt = queue_try_receive, .side = SLI_SIDE_MESSAGES };
	int64_t done;

	if (r == SLUICE_EMSGSIZE)
		return r;
	call.type = type;
	call.buffer = buffer;
	call.size = capacity;
	call.found = ret_found;
	done = queue_go_on(queue, &call, wait, r);
	return done < 0 ? done : ret_found->length;
}

int64_t sli_queue_receive(sluice_queue *queue, int64_t type, void *buffer, size_t capacity,
			  struct sli_found *ret_found, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&queue->handle, timeout);
	int r = sli_ring_receive(&queue->ring, &wait, type, buffer, capacity, ret_found);

	if (r == -EAGAIN && queue_spin(queue, SLI_SIDE_MESSAGES, 0, &wait))
		r = sli_ring_receive(&queue->ring, &wait, type, buffer, capacity, ret_found);
	if (SLI_LIKELY(r == 0))
		return ret_found->length;
	return queue_receive_on(queue, type, buffer, capacity, ret_found, &wait, r);
}

static int64_t queue_try_receive_many(sluice_queue *queue, struct queue_call *call,
				      struct sli_wait *wait)
{
	return sli_ring_receive_many(&queue->ring, wait, call->type, call->slots, call->count);
}

int64_t sli_queue_receive_many(sluice_queue *queue, int64_t type, struct sluice_receive_item *items,
			       size_t count, int64_t timeout)
{
	struct queue_call call = { .attempt = queue_try_receive_many, .side = SLI_SIDE_MESSAGES };

	_Static_assert(sizeof(struct sli_ring_slot) == sizeof(struct sluice_receive_item) &&
			       offsetof(struct sli_ring_slot, type) ==
				       offsetof(struct sluice_receive_item, type),
		       "one of them changed");
	call.type = type;
	call.slots = items;
	call.count = count;
	return queue_run(queue, &call, timeout);
}

/* ---- loans --------------------------------------------------------------------------------- */

static struct queue_loan *queue_new_loan(sluice_queue *queue)
{
	for (uint32_t i = 0; i < SLUICE_LOANS_MAX; i++) {
		uint32_t seen = QUEUE_LOAN_FREE;

		if (sli_cas_acqrel(&queue->loans[i].state, &seen, (uint32_t)QUEUE_LOAN_BUSY))
			return &queue->loans[i];
	}
	return NULL;
}

/* Take the loan at @data out of the table, if it is in @state. */
static struct queue_loan *queue_find_loan(sluice_queue *queue, const void *data, uint32_t state)
{
	for (uint32_t i = 0; i < SLUICE_LOANS_MAX; i++) {
		struct queue_loan *loan = &queue->loans[i];
		uint32_t seen = state;

		if (sli_load_acq(&loan->state) == state &&
		    sli_load_acq(&loan->data) == (uintptr_t)data &&
		    sli_cas_acqrel(&loan->state, &seen, (uint32_t)QUEUE_LOAN_BUSY))
			return loan;
	}
	return NULL;
}

static void queue_set_loan(struct queue_loan *loan, enum queue_loan_state state)
{
	sli_store_rel(&loan->state, (uint32_t)state);
}

static int64_t queue_try_reserve(sluice_queue *queue, struct queue_call *call,
				 struct sli_wait *wait)
{
	return sli_ring_reserve(&queue->ring, wait, call->size, call->found);
}

static int64_t queue_try_borrow(sluice_queue *queue, struct queue_call *call, struct sli_wait *wait)
{
	return sli_ring_borrow(&queue->ring, wait, call->type, call->found);
}

/* Run a call whose result is a loan. */
static int64_t queue_run_loan(sluice_queue *queue, struct queue_call *call, int64_t timeout,
			      enum queue_loan_state state)
{
	struct queue_loan *loan = queue_new_loan(queue);
	int64_t r;

	if (!loan)
		return SLUICE_EBUSY;
	r = queue_run(queue, call, timeout);
	if (r >= 0) {
		loan->found = *call->found;
		sli_store_rel(&loan->data, (uintptr_t)call->found->record->payload);
	}
	queue_set_loan(loan, r < 0 ? QUEUE_LOAN_FREE : state);
	return r;
}

int sli_queue_reserve(sluice_queue *queue, size_t size, void **ret_data, int64_t timeout)
{
	struct queue_call call = { .attempt = queue_try_reserve, .side = SLI_SIDE_ROOM };
	struct sli_found found;
	int64_t r;

	call.found = &found;
	call.size = size;
	r = queue_run_loan(queue, &call, timeout, QUEUE_LOAN_RESERVED);
	if (r >= 0)
		*ret_data = found.record->payload;
	return (int)r;
}

int64_t sli_queue_borrow(sluice_queue *queue, int64_t type, struct sli_found *ret_found,
			 int64_t timeout)
{
	struct queue_call call = { .attempt = queue_try_borrow, .side = SLI_SIDE_MESSAGES };
	int64_t r;

	call.type = type;
	call.found = ret_found;
	r = queue_run_loan(queue, &call, timeout, QUEUE_LOAN_BORROWED);
	return r < 0 ? r : ret_found->length;
}

int sli_queue_commit(sluice_queue *queue, const void *data, int64_t type, size_t size)
{
	struct queue_loan *loan = queue_find_loan(queue, data, QUEUE_LOAN_RESERVED);
	int r;

	if (!loan)
		return SLUICE_EINVAL;
	if (size > loan->found.length) {
		queue_set_loan(loan, QUEUE_LOAN_RESERVED);
		return SLUICE_EINVAL;
	}
	r = sli_ring_commit(&queue->ring, &loan->found, type, size);
	queue_set_loan(loan, QUEUE_LOAN_FREE);
	return r;
}

int sli_queue_end_loan(sluice_queue *queue, const void *data, enum sli_queue_ending ending)
{
	enum queue_loan_state state = ending == SLI_QUEUE_ABORT ? QUEUE_LOAN_RESERVED
								: QUEUE_LOAN_BORROWED;
	struct queue_loan *loan = queue_find_loan(queue, data, state);
	int r;

	if (!loan)
		return SLUICE_EINVAL;
	if (ending == SLI_QUEUE_ABORT)
		r = sli_ring_abort(&queue->ring, &loan->found);
	else if (ending == SLI_QUEUE_RETURN)
		r = sli_ring_return(&queue->ring, &loan->found);
	else
		r = sli_ring_consume(&queue->ring, &loan->found);
	queue_set_loan(loan, QUEUE_LOAN_FREE);
	return r;
}

/* ---- looking ------------------------------------------------------------------------------- */

int sli_queue_fd(sluice_queue *queue, int side, int64_t type)
{
	struct queue_call call = { .side = side == SLI_BELL_IN ? SLI_SIDE_MESSAGES
							       : SLI_SIDE_ROOM };
	bool fresh = sli_load_acq(&queue->handle.segment.bells[side].epoll) < 0;
	int fd = sli_bell_fd(&queue->handle.segment, side, type);

	if (fd >= 0 && fresh) {
		call.type = type;
		queue_arm_bell(queue, &call);
	}
	return fd;
}

uint32_t sli_queue_pid_of(const sluice_queue *queue, uint32_t place)
{
	if (place >= queue->handle.segment.place_count)
		return 0;
	/* relaxed: a hint for people */
	return sli_load_rlx(&queue->handle.segment.places[place].pid);
}

static int queue_describe(const struct sli_ring *ring, const struct sli_segment *segment,
			  struct sluice_queue_info *info)
{
	struct sli_ring_account account;
	struct sli_handle_count count;
	int r = sli_ring_account(ring, &account);

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->senders = count.senders;
	info->receivers = count.receivers;
	info->waiting = count.waiting;
	info->capacity = ring->count * SLI_LINE;
	info->message_max = ring->message_max;
	info->messages_max = ring->messages_max;
	info->messages = account.live;
	info->reserved_messages = account.reserved;
	info->borrowed = account.borrowed;
	info->bytes_used = account.lines * SLI_LINE;
	info->sent = account.sent;
	info->received = account.received;
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
	return r;
}

void sli_queue_info(sluice_queue *queue, struct sluice_queue_info *ret_info)
{
	queue_describe(&queue->ring, &queue->handle.segment, ret_info);
}

void sli_queue_wake_mapped(struct sli_segment *segment)
{
	struct sli_ring ring = { 0 };

	queue_view(&ring, segment);
	for (int side = SLI_BELL_IN; side <= SLI_BELL_OUT; side++) {
		sli_handle_wake_event(side == SLI_BELL_IN ? &ring.control->messages
							  : &ring.control->room);
		sli_bell_ring(segment, side, 0);
	}
	sli_futex_wake(&ring.control->send.lock.word, SLI_WAKE_ALL, 0);
	sli_futex_wake(&ring.control->receive.lock.word, SLI_WAKE_ALL, 0);
}

int sli_queue_inspect(struct sli_segment *segment, struct sluice_queue_info *ret_info)
{
	struct sli_ring ring = { 0 };

	if (!queue_is_sound(segment->geometry, segment->object_size, segment->data_size))
		return SLUICE_ECORRUPT;
	queue_view(&ring, segment);
	return queue_describe(&ring, segment, ret_info);
}

void sli_queue_inspect_loans(struct sli_segment *segment, uint32_t place, uint32_t *ret_reserved,
			     uint32_t *ret_borrowed)
{
	struct sli_ring ring = { 0 };

	queue_view(&ring, segment);
	sli_ring_loans(&ring, place, ret_reserved, ret_borrowed);
}
