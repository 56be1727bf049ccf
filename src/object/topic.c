/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic.c - publishers and subscribers: a topic in a segment, with waiting
 *
 * What a message is and how it reaches everybody is the protocol's business (src/protocol/topic.c);
 * this file joins it to a segment. The first places of the segment are for subscribers, each with its
 * own line in the topic, the others for publishers; so who has a place has all that it needs, and
 * the pool can be computed from the number of places.
 *
 * Waiting is that of the queue: try, spin, arm and try again, sleep a slice, look after the dead. A
 * publisher waits for the slowest subscriber that wants to be waited for. It remembers who that is
 * and where it stands; if it has not moved for evict_after, it is evicted. A stopped process is alive,
 * and this is the one thing that is taken from the living.
 *
 * An evicted subscriber finds out at its next call, which takes part again from what is still there,
 * counts what is not as lost, and says so once.
 *
 * After a fork the child's subscriber goes on from where the parent's stood, in a place of its own.
 * It joins at its first call, since joining needs the publishers' lock, which may have to be waited for.
 *
 * A read-only subscriber has no place and can tell nobody that it sleeps. It naps, 2 ms at most, on the
 * word that counts when others are woken; and it can repair after nobody.
 *
 * Threads. Private memory of a handle (position, loans) is used by one thread at a time: whoever holds
 * busy, for as long as a message is copied.
 */
#include "topic.h"
#include "../base/crash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_BUSY_NS (20 * SLI_US)
#define TOPIC_PAUSE_NS 500u
#define TOPIC_LOOK_ON_NS (2 * SLI_MS)
#define TOPIC_SIDE_MESSAGES 0u
#define TOPIC_SIDE_ROOM 1u
#define TOPIC_OVERRUN INT64_MIN /* overwritten while it was copied */

/* ---- the kind ------------------------------------------------------------------------------ */

static int topic_differs(const struct sli_request *request, const char *what, uint64_t has,
			 uint64_t wanted)
{
	return !wanted || has == wanted
		       ? 0
		       : sli_handle_say_differs(request, "topic", what, has, wanted);
}

static int topic_check(const struct sli_header *header, const void *want,
		       const struct sli_request *request)
{
	const struct sli_topic_wish *wish = want;
	struct sli_topic_shape has;
	int r;

	if (!sli_topic_is_sound(header->geometry, header->places, header->object_size,
				header->data_size))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "topic %s is damaged: its sizes contradict each other; remove it",
			       request->name);
	sli_topic_decode(header->geometry, &has);
	if ((r = topic_differs(request, "depth", has.depth, wish->shape.depth)) < 0 ||
	    (r = topic_differs(request, "message_max", has.message_max, wish->shape.message_max)) <
		    0 ||
	    (r = topic_differs(request, "subscribers", has.subscribers, wish->shape.subscribers)) <
		    0 ||
	    (r = topic_differs(request, "publishers", has.publishers, wish->shape.publishers)) <
		    0 ||
	    (r = topic_differs(request, "loans", has.loans, wish->shape.loans)) < 0 ||
	    (r = topic_differs(request, "borrows", has.borrows, wish->shape.borrows)) < 0)
		return r;
	if (request->role == SLUICE_RECEIVE)
		return 0;
	return topic_differs(request, "policy", sli_topic_geometry_policy(header->geometry),
			     wish->policy);
}

static void topic_range(const struct sli_segment *segment, uint32_t role, uint32_t *ret_first,
			uint32_t *ret_end)
{
	struct sli_topic_shape shape;
	uint32_t subscribers;

	sli_topic_decode(segment->geometry, &shape);
	subscribers = shape.subscribers;

	if (role == SLUICE_RECEIVE)
		*ret_end = SLI_MIN(subscribers, segment->place_count);
	else
		*ret_first = subscribers;
}

static void topic_join(struct sli_segment *segment)
{
	struct topic_base *base = segment->object;

	sli_topic_look(&base->topic, &base->shape, segment);
	base->topic.peers = &base->handle.peers;
	sli_handle_join(&base->handle);
	base->writer.place = base->reader.place = segment->place;
	base->reader.generation = segment->generation;
	/* After a fork: what the parent has on loan is the parent's, and so is its line. */
	base->reader.slot = NULL;
	sli_store_rel(&base->busy, 0u);
	for (uint32_t i = 0; i < SLI_TOPIC_PINS; i++)
		sli_store_rel(&base->loans[i].state, (uint32_t)TOPIC_LOAN_FREE);
}

static int topic_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			uint32_t *ret_also)
{
	struct topic_base *base = segment->object;
	struct sli_peers *peers = &base->handle.peers;
	struct sli_lock *lock = &base->topic.control->publish.lock;
	uint32_t stamp;

	if (sli_lock_seize(lock, peers, dead, count, &stamp) < 0) {
		*ret_also = sli_stamp_place(stamp);
		return -EAGAIN;
	}
	/* Dead here: the lock carries our stamp; the next repairer finds us dead as well. */
	SLI_CRASH(topic_seized);
	sli_topic_repair(&base->topic, dead, count);
	(void)sli_lock_drop(lock, peers);
	return 0;
}

static void topic_wake(struct sli_segment *segment)
{
	struct topic_base *base = segment->object;

	if (!segment->is_read_only)
		sli_topic_wake_all(&base->topic);
}

const struct sli_kind sli_topic_kind = {
	.number = SLUICE_KIND_TOPIC,
	.name = "topic",
	.roles = SLUICE_SEND | SLUICE_RECEIVE,
	.range = topic_range,
	.check = topic_check,
	.join = topic_join,
	.repair = topic_repair,
	.wake = topic_wake,
};

/* ---- opening and closing ------------------------------------------------------------------- */

static void topic_default(uint32_t *value, uint32_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

void sli_topic_complete(struct sli_topic_shape *shape)
{
	uint64_t fit;

	topic_default(&shape->subscribers, 8);
	topic_default(&shape->publishers, 4);
	topic_default(&shape->loans, 1);
	topic_default(&shape->borrows, 1);
	if (!shape->message_max)
		shape->message_max = 65536;
	if (shape->depth)
		return;
	fit = (UINT64_C(1) << 20) / (SLI_PAIR + sli_topic_chunk_size(shape));
	shape->depth = SLI_MAX(UINT64_C(16),
			       SLI_MIN(UINT64_C(1024), sli_power_of_two(fit + 1) / 2));
}

int sli_topic_say_sum(const struct sli_request *request, int code,
		      const struct sli_topic_shape *shape, const char *what)
{
	return sli_say(
		&request->diag, code,
		"topic %s: depth %llu + %u publishers x (%u loans + 1) + %u subscribers x (%u borrows + 1) "
		"+ 1 = %llu chunks of %llu bytes, with the entries %llu bytes, %s; ask for less of "
		"something",
		request->name, (unsigned long long)shape->depth, shape->publishers, shape->loans,
		shape->subscribers, shape->borrows, (unsigned long long)sli_topic_chunks(shape),
		(unsigned long long)sli_topic_chunk_size(shape),
		(unsigned long long)sli_topic_data_size(shape), what);
}

/* A new subscriber's first place in the order. */
static int topic_begin(struct topic_base *base, const struct sli_request *request,
		       const struct sli_topic_wish *wish)
{
	struct sli_wait wait = sli_handle_wait(&base->handle, request->open_timeout);
	int r;

	base->reader.policy = wish->policy
				      ? wish->policy
				      : sli_topic_geometry_policy(base->handle.segment.geometry);
	if (base->is_read_only) {
		if (base->reader.policy == SLUICE_WAIT)
			base->reader.policy = SLUICE_OVERWRITE;
		sli_topic_look_on(&base->topic, &base->reader, &base->unseen, wish->history);
		sli_store_rel(&base->position, base->reader.position);
		return 0;
	}
	r = sli_topic_join(&base->topic, &base->reader, &wait, wish->history, false);
	sli_store_rel(&base->position, base->reader.position);
	if (r < 0)
		sli_say(&request->diag, r,
			"topic %s: a publisher has held its lock all the time; is a process stopped? See "
			"'sluice show'",
			request->name);
	return r;
}

static uint32_t topic_magic(bool is_subscriber)
{
	return is_subscriber ? SLI_MAGIC_SUBSCRIBER : SLI_MAGIC_PUBLISHER;
}

/* One more handle on a private topic. */
static int topic_twin(struct topic_base *base, struct topic_base *beside,
		      const struct sli_request *request, const struct sli_topic_wish *wish)
{
	int r = sli_segment_check_wish(beside->handle.segment.header, request, &sli_topic_kind,
				       wish);

	return r < 0 ? r
		     : sli_handle_twin(&base->handle, &beside->handle, request, base,
				       topic_magic(base->is_subscriber));
}

int sli_topic_open(const char *name, const struct sli_request *given,
		   const struct sli_topic_wish *wish, struct topic_base *beside,
		   struct topic_base **ret_base)
{
	bool is_subscriber = given->role == SLUICE_RECEIVE;
	struct sli_topic_shape full = wish->shape;
	struct sli_shape shape = { .kind = SLUICE_KIND_TOPIC, .data_align = SLI_PAGE };
	struct sli_request request = *given;
	/* What is borrowed or reserved in a handle is as aligned as in a chunk. */
	struct topic_base *base = aligned_alloc(SLI_LINE,
						(size_t)sli_round_up(sizeof(*base), SLI_LINE));
	int r;

	if (!base)
		return SLUICE_ENOMEM;
	memset(base, 0, sizeof(*base));
	sli_topic_complete(&full);
	sli_topic_encode(&full, wish->policy && !is_subscriber ? wish->policy : SLUICE_OVERWRITE,
			 shape.geometry);
	shape.object_size = sli_topic_object_size(&full);
	shape.data_size = sli_topic_data_size(&full);
	request.participants = full.subscribers + full.publishers;
	request.any_participants = true;
	base->is_subscriber = is_subscriber;
	base->is_read_only = (request.flags & SLUICE_READ_ONLY) != 0;
	base->expects_publisher = (request.flags & SLUICE_EXPECT_PUBLISHER) != 0;
	base->evict_after = wish->evict_after;
	if (beside)
		r = topic_twin(base, beside, &request, wish);
	else
		r = sli_handle_open(&base->handle, name, &request, &sli_topic_kind, &shape, wish,
				    base, topic_magic(is_subscriber));
	if (r == SLUICE_ENOSPC || r == SLUICE_ENOMEM)
		sli_topic_say_sum(&request, r, &full, "for which there is no room");
	if (r < 0) {
		free(base);
		return r;
	}
	r = is_subscriber ? topic_begin(base, &request, wish) : 0;
	if (r < 0)
		sli_topic_close(base);
	else
		*ret_base = base;
	return r;
}

void sli_topic_close(struct topic_base *base)
{
	if (sli_handle_is_joined(&base->handle)) {
		for (uint32_t i = 0; !base->is_subscriber && i < SLI_TOPIC_PINS; i++)
			if (sli_load_acq(&base->loans[i].state) == TOPIC_LOAN_OUT &&
			    base->loans[i].chunk != SLI_TOPIC_NO_CHUNK)
				(void)sli_topic_unloan(&base->topic, &base->writer,
						       base->loans[i].chunk);
		sli_topic_leave(&base->topic, &base->reader);
	}
	sli_handle_close(&base->handle);
	sli_handle_free(&base->handle);
}

/* ---- one thread at a time ------------------------------------------------------------------ */

static void topic_hold(struct topic_base *base)
{
	while (sli_swap_acqrel(&base->busy, 1u))
		sli_nap(TOPIC_BUSY_NS);
}

static void topic_release(struct topic_base *base)
{
	sli_store_rel(&base->busy, 0u);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* One operation: what to try, and with what. */
struct topic_call {
	int64_t (*attempt)(struct topic_base *base, struct topic_call *call, struct sli_wait *wait);
	const void *data;
	void *buffer;
	size_t size; /* bytes to publish, or capacity of buffer */
	struct topic_loan *loan;
	uint32_t pin; /* what the loan is pinned by */
	struct sli_topic_found *found;
	bool spun; /* already, before the first try */
};

static struct sli_event *topic_event(struct topic_base *base)
{
	struct sli_topic_control *control = base->topic.control;

	return base->is_subscriber ? &control->published : &control->consumed;
}

/* Is what the handle waits for there? Reads shared words only. */
static bool topic_changed(struct topic_base *base)
{
	if (!base->is_subscriber)
		return sli_topic_has_room(&base->topic);
	/* relaxed: who finds something looks again */
	return sli_topic_ready(&base->topic, sli_load_rlx(&base->position));
}

static void topic_spin(struct topic_base *base, int64_t limit_ns)
{
	struct sli_spin_turn turn;
	bool changed;

	sli_spin_begin(&turn, &base->handle.data_spin, limit_ns);
	/* The ring is full: each look at a subscriber's cursor would hold it up at its next message. */
	if (!base->is_subscriber)
		sli_spin_stand_back(&turn, TOPIC_PAUSE_NS);
	while (!(changed = topic_changed(base)) && sli_spin_again(&turn))
		;
	sli_spin_end(&turn, changed);
}

static void topic_arm_bell(struct topic_base *base)
{
	struct sli_segment *segment = &base->handle.segment;
	int side = base->is_subscriber ? SLI_BELL_IN : SLI_BELL_OUT;

	if (!sli_bell_wanted(segment, side, 0))
		return;
	sli_bell_arm(segment, side);
	/* [topic.wake] [event.arm] [bell.arm] arm before the second look. Pairs with topic_tell(). */
	sli_event_arm(topic_event(base), SLI_EVENT_POLL);
	if (topic_changed(base))
		sli_bell_ring_self(segment, side);
}

/* For a subscriber that found nothing. What the last publisher left is received first. */
static int64_t topic_check_orphaned(struct topic_base *base, struct topic_call *call,
				    struct sli_wait *wait)
{
	struct sli_segment *segment = &base->handle.segment;
	int64_t r;

	if (!base->expects_publisher ||
	    !(sli_load_acq(&segment->header->roles_seen) & SLUICE_SEND) ||
	    sli_place_count_role(segment, SLUICE_SEND) > 0)
		return SLUICE_EAGAIN;
	r = call->attempt(base, call, wait);
	return r == SLUICE_EAGAIN ? SLUICE_ENOPUBLISHER : r;
}

/* For a publisher that has to wait: who is in the way, and since when? 1: not any more. */
static int topic_consider_evicting(struct topic_base *base, struct sli_wait *wait,
				   int64_t *ret_until)
{
	uint32_t place;
	uint64_t cursor;
	int64_t now = sli_now();
	int r = 0;

	*ret_until = SLI_NEVER;
	if (base->is_subscriber || !base->evict_after ||
	    !sli_topic_slowest(&base->topic, &place, &cursor))
		return 0;
	topic_hold(base);
	if (!base->stuck_since || base->stuck_place != place || base->stuck_cursor != cursor) {
		base->stuck_place = place;
		base->stuck_cursor = cursor;
		base->stuck_since = now;
	}
	*ret_until = base->stuck_since + base->evict_after;
	if (now >= *ret_until) {
		base->stuck_since = 0;
		r = sli_topic_evict(&base->topic, wait, place, cursor);
	}
	topic_release(base);
	return r;
}

/* Whoever is in the way, if they are dead; and a few others in rotation. */
static void topic_look_after_dead(struct topic_base *base)
{
	uint32_t place;
	uint64_t cursor;

	if (base->is_read_only)
		return;
	if (!base->is_subscriber && sli_topic_slowest(&base->topic, &place, &cursor))
		sli_reap(&base->handle.segment, place);
	sli_sweep(&base->handle.segment, 8);
}

/* Arm, look again, sleep a slice. -EAGAIN: go on waiting. */
static int64_t topic_sleep(struct topic_base *base, struct topic_call *call, struct sli_wait *wait,
			   uint32_t round)
{
	struct sli_event *event = topic_event(base);
	uint32_t seen = base->is_read_only ? sli_load_acq(&event->ev)
					   : sli_event_arm(event, SLI_EVENT_ANY);
	int64_t r = call->attempt(base, call, wait), deadline, until;
	int slept;

	if (r == SLUICE_EAGAIN)
		r = topic_check_orphaned(base, call, wait);
	if (r != SLUICE_EAGAIN)
		return r;
	if (topic_consider_evicting(base, wait, &until) > 0)
		return SLUICE_EAGAIN;
	deadline = sli_handle_deadline(wait);
	if (deadline != SLI_NEVER && sli_now() >= deadline)
		return SLUICE_ETIMEDOUT;
	wait->slept++;
	if (base->is_read_only)
		until = sli_now() + TOPIC_LOOK_ON_NS;
	slept = base->handle.peers.sleep(&base->handle.peers, wait, &event->ev, seen, round,
					 SLI_MIN(deadline, until),
					 base->is_subscriber ? SLI_DOING_MESSAGE : SLI_DOING_ROOM);
	if (slept < 0)
		return slept;
	if (slept > 0)
		topic_look_after_dead(base);
	return SLUICE_EAGAIN;
}

/* A call that may not wait found nothing. Is somebody dead in the way, or stuck for too long? */
static int64_t topic_give_up(struct topic_base *base, struct topic_call *call,
			     struct sli_wait *wait)
{
	int64_t r = SLUICE_EAGAIN, until;

	if (topic_consider_evicting(base, wait, &until) > 0)
		r = call->attempt(base, call, wait);
	if (r == SLUICE_EAGAIN && !base->is_read_only && sli_sweep_is_due(&base->handle.segment)) {
		topic_look_after_dead(base);
		r = call->attempt(base, call, wait);
	}
	if (r == SLUICE_EAGAIN)
		r = topic_check_orphaned(base, call, wait);
	if (r == SLUICE_EAGAIN)
		topic_arm_bell(base);
	return r;
}

/* The first try did not do. */
static SLI_NOINLINE int64_t topic_go_on(struct topic_base *base, struct topic_call *call,
					struct sli_wait *wait, int64_t r)
{
	if (r == SLUICE_EAGAIN && wait->timeout == SLUICE_NOWAIT)
		return topic_give_up(base, call, wait);
	for (uint32_t round = 0; r == SLUICE_EAGAIN; round++) {
		bool just_tried = round == 0 && call->spun;

		/* Before the first sleep only: the deadline is not known yet, the timeout is. */
		if (wait->slept == 0 && !just_tried)
			topic_spin(base, wait->timeout);
		r = just_tried ? SLUICE_EAGAIN : call->attempt(base, call, wait);
		if (r == SLUICE_EAGAIN)
			r = topic_sleep(base, call, wait, round);
	}
	if (r == SLUICE_ECORRUPT && !base->is_read_only)
		sli_segment_break(&base->handle.segment);
	return r;
}

static int64_t topic_run(struct topic_base *base, struct topic_call *call, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&base->handle, timeout);
	int64_t r = call->attempt(base, call, &wait);

	return SLI_LIKELY(r >= 0) ? r : topic_go_on(base, call, &wait, r);
}

/* ---- loans --------------------------------------------------------------------------------- */

/* A free entry of the first @most; its index is what a borrow is pinned by, the first one aside. */
static struct topic_loan *topic_new_loan(struct topic_base *base, uint32_t most)
{
	for (uint32_t i = 1; i <= most; i++) {
		uint32_t seen = TOPIC_LOAN_FREE;

		if (sli_cas_acqrel(&base->loans[i].state, &seen, (uint32_t)TOPIC_LOAN_BUSY))
			return &base->loans[i];
	}
	return NULL;
}

/* Take the loan at @data out of the table. */
static struct topic_loan *topic_find_loan(struct topic_base *base, const void *data)
{
	for (uint32_t i = 1; i < SLI_TOPIC_PINS; i++) {
		struct topic_loan *loan = &base->loans[i];
		uint32_t seen = TOPIC_LOAN_OUT;

		if (sli_load_acq(&loan->state) == TOPIC_LOAN_OUT &&
		    sli_load_acq(&loan->data) == (uintptr_t)data &&
		    sli_cas_acqrel(&loan->state, &seen, (uint32_t)TOPIC_LOAN_BUSY))
			return loan;
	}
	return NULL;
}

static void topic_set_loan(struct topic_loan *loan, enum topic_loan_state state)
{
	sli_store_rel(&loan->state, (uint32_t)state);
}

/* Where its bytes are. */
static void *topic_loan_bytes(struct topic_base *base, struct topic_loan *loan)
{
	return loan->chunk == SLI_TOPIC_NO_CHUNK ? (void *)loan->words
						 : sli_topic_bytes(&base->topic, loan->chunk);
}

/* ---- publishing ---------------------------------------------------------------------------- */

/* Copy into a chunk first, without the lock. */
static int64_t topic_publish_chunk(struct topic_base *base, struct topic_call *call,
				   struct sli_wait *wait)
{
	uint32_t chunk;
	int r;

	if (!sli_topic_has_room(&base->topic))
		return SLUICE_EAGAIN;
	r = sli_topic_loan(&base->topic, &base->writer, &chunk);
	if (r < 0)
		return r;
	memcpy(sli_topic_bytes(&base->topic, chunk), call->data, call->size);
	r = sli_topic_publish(&base->topic, &base->writer, wait, chunk, NULL, (uint32_t)call->size);
	if (r < 0)
		(void)sli_topic_unloan(&base->topic, &base->writer, chunk);
	return r;
}

static int64_t topic_try_publish(struct topic_base *base, struct topic_call *call,
				 struct sli_wait *wait)
{
	int64_t r;

	if (call->size <= SLI_TOPIC_INLINE)
		return sli_topic_publish(&base->topic, &base->writer, wait, SLI_TOPIC_NO_CHUNK,
					 call->data, (uint32_t)call->size);
	topic_hold(base);
	r = topic_publish_chunk(base, call, wait);
	topic_release(base);
	return r;
}

/* A long message, or a first try that ended with @r. */
static SLI_NOINLINE int topic_publish_on(struct topic_base *base, const void *data, size_t size,
					 struct sli_wait *wait, int64_t r)
{
	struct topic_call call = { .attempt = topic_try_publish, .data = data, .size = size };

	if (size > SLI_TOPIC_INLINE)
		r = topic_try_publish(base, &call, wait);
	return (int)(r >= 0 ? r : topic_go_on(base, &call, wait, r));
}

int sli_publisher_publish(struct topic_base *base, const void *data, size_t size, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&base->handle, timeout);
	int64_t r = SLUICE_EAGAIN;

	if (SLI_LIKELY(size <= SLI_TOPIC_INLINE))
		r = sli_topic_publish(&base->topic, &base->writer, &wait, SLI_TOPIC_NO_CHUNK, data,
				      (uint32_t)size);
	return SLI_LIKELY(r >= 0) ? (int)r : topic_publish_on(base, data, size, &wait, r);
}

static int64_t topic_try_reserve(struct topic_base *base, struct topic_call *call,
				 struct sli_wait *wait)
{
	int r = 0;

	(void)wait;
	call->loan->chunk = SLI_TOPIC_NO_CHUNK;
	topic_hold(base);
	if (call->size > SLI_TOPIC_INLINE)
		r = sli_topic_loan(&base->topic, &base->writer, &call->loan->chunk);
	topic_release(base);
	return r;
}

int sli_publisher_reserve(struct topic_base *base, size_t size, void **ret_data, int64_t timeout)
{
	struct topic_call call = { .attempt = topic_try_reserve, .size = size };
	int r;

	call.loan = topic_new_loan(base, base->shape.loans);
	if (!call.loan)
		return SLUICE_EBUSY;
	r = (int)topic_run(base, &call, timeout);
	if (r == 0) {
		call.loan->room = (uint32_t)size;
		*ret_data = topic_loan_bytes(base, call.loan);
		sli_store_rel(&call.loan->data, (uintptr_t)*ret_data);
	}
	topic_set_loan(call.loan, r < 0 ? TOPIC_LOAN_FREE : TOPIC_LOAN_OUT);
	return r;
}

static int64_t topic_try_commit(struct topic_base *base, struct topic_call *call,
				struct sli_wait *wait)
{
	return sli_topic_publish(&base->topic, &base->writer, wait, call->loan->chunk,
				 call->loan->words, (uint32_t)call->size);
}

int sli_publisher_commit(struct topic_base *base, const void *data, size_t size, int64_t timeout)
{
	struct topic_call call = { .attempt = topic_try_commit, .size = size };
	int r = SLUICE_EINVAL;

	call.loan = topic_find_loan(base, data);
	if (!call.loan)
		return SLUICE_EINVAL;
	if (size <= call.loan->room)
		r = (int)topic_run(base, &call, timeout);
	topic_set_loan(call.loan, r < 0 ? TOPIC_LOAN_OUT : TOPIC_LOAN_FREE);
	return r;
}

int sli_publisher_abort(struct topic_base *base, const void *data)
{
	struct topic_loan *loan = topic_find_loan(base, data);
	int r = 0;

	if (!loan)
		return SLUICE_EINVAL;
	if (loan->chunk != SLI_TOPIC_NO_CHUNK)
		r = sli_topic_unloan(&base->topic, &base->writer, loan->chunk);
	topic_set_loan(loan, TOPIC_LOAN_FREE);
	return r;
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* Take part again: after a fork, or after an eviction. */
static int topic_rejoin(struct topic_base *base, struct sli_wait *wait)
{
	int r = 0;

	if (base->is_read_only)
		base->reader.slot = &base->unseen;
	else
		r = sli_topic_join(&base->topic, &base->reader, wait, 0, true);
	/* relaxed: a hint for spinners */
	sli_store_rlx(&base->position, base->reader.position);
	return r;
}

/* With busy: the next message, pinned if it is in a chunk. */
static int topic_find(struct topic_base *base, struct topic_call *call, struct sli_wait *wait)
{
	int r = base->reader.slot ? 0 : topic_rejoin(base, wait);

	if (r == 0)
		r = sli_topic_find(&base->topic, &base->reader, call->pin, call->found);
	/* relaxed: a hint for spinners */
	sli_store_rlx(&base->position, base->reader.position);
	if (r == 0)
		call->found->lost = base->reader.lost - base->lost_told;
	if (r != SLUICE_EEVICTED)
		return r;
	r = topic_rejoin(base, wait);
	return r < 0 ? r : SLUICE_EEVICTED;
}

/* With busy: it was received. */
static void topic_received(struct topic_base *base)
{
	base->lost_told = base->reader.lost;
	sli_topic_advance(&base->topic, &base->reader);
	/* relaxed: a hint for spinners */
	sli_store_rlx(&base->position, base->reader.position);
}

static int64_t topic_copy(struct topic_base *base, struct topic_call *call)
{
	struct sli_topic_found *found = call->found;
	bool fits = found->length <= call->size, pinned = found->chunk != SLI_TOPIC_NO_CHUNK;

	if (fits && found->length)
		memcpy(call->buffer,
		       pinned ? sli_topic_bytes(&base->topic, found->chunk)
			      : (const unsigned char *)found->words,
		       found->length);
	if (pinned)
		sli_topic_unpin(&base->topic, &base->reader, found->pin);
	if (pinned && base->is_read_only && !sli_topic_is_still(&base->topic, found))
		return TOPIC_OVERRUN;
	if (!fits)
		return SLUICE_EMSGSIZE;
	topic_received(base);
	return found->length;
}

static int64_t topic_try_receive(struct topic_base *base, struct topic_call *call,
				 struct sli_wait *wait)
{
	int64_t r;

	topic_hold(base);
	do {
		r = topic_find(base, call, wait);
		if (r == 0)
			r = topic_copy(base, call);
	} while (r == TOPIC_OVERRUN);
	topic_release(base);
	return r;
}

/* Neither the spin nor the short way did it. */
static SLI_NOINLINE int64_t topic_receive_on(struct topic_base *base, void *buffer, size_t capacity,
					     struct sli_topic_found *found, struct sli_wait *wait)
{
	struct topic_call call = { .attempt = topic_try_receive, .found = found };
	int64_t r;

	call.buffer = buffer;
	call.size = capacity;
	call.spun = wait->timeout != SLUICE_NOWAIT;
	r = topic_try_receive(base, &call, wait);
	return r >= 0 ? r : topic_go_on(base, &call, wait, r);
}

int64_t sli_subscriber_receive(struct topic_base *base, void *buffer, size_t capacity,
			       struct sli_topic_found *ret_found, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&base->handle, timeout);
	int64_t r = -EAGAIN;

	/* Here, and not in topic_go_on(): what lies between the word and the return is most of what a
	 * message costs beyond its lines. */
	if (timeout != SLUICE_NOWAIT)
		topic_spin(base, timeout);
	topic_hold(base);
	if (SLI_LIKELY(base->reader.slot))
		r = sli_topic_find_few(&base->topic, &base->reader, buffer, capacity, ret_found);
	if (SLI_LIKELY(r >= 0)) {
		ret_found->lost = base->reader.lost - base->lost_told;
		topic_received(base);
	}
	topic_release(base);
	return SLI_LIKELY(r >= 0) ? r : topic_receive_on(base, buffer, capacity, ret_found, &wait);
}

static int64_t topic_try_borrow(struct topic_base *base, struct topic_call *call,
				struct sli_wait *wait)
{
	struct sli_topic_found *found = call->found;
	int64_t r;

	topic_hold(base);
	r = topic_find(base, call, wait);
	if (r == 0) {
		call->loan->chunk = found->chunk;
		if (found->chunk == SLI_TOPIC_NO_CHUNK)
			memcpy(call->loan->words, found->words, found->length);
		topic_received(base);
		r = found->length;
	}
	topic_release(base);
	return r;
}

int64_t sli_subscriber_borrow(struct topic_base *base, const void **ret_data,
			      struct sli_topic_found *ret_found, int64_t timeout)
{
	struct topic_call call = { .attempt = topic_try_borrow, .found = ret_found };
	int64_t r;

	call.loan = topic_new_loan(base, base->shape.borrows);
	if (!call.loan)
		return SLUICE_EBUSY;
	call.pin = (uint32_t)(call.loan - base->loans);
	r = topic_run(base, &call, timeout);
	if (r >= 0) {
		*ret_data = topic_loan_bytes(base, call.loan);
		sli_store_rel(&call.loan->data, (uintptr_t)*ret_data);
	}
	topic_set_loan(call.loan, r < 0 ? TOPIC_LOAN_FREE : TOPIC_LOAN_OUT);
	return r;
}

int sli_subscriber_return(struct topic_base *base, const void *data)
{
	struct topic_loan *loan = topic_find_loan(base, data);

	if (!loan)
		return SLUICE_EINVAL;
	if (loan->chunk != SLI_TOPIC_NO_CHUNK)
		sli_topic_unpin(&base->topic, &base->reader, (uint32_t)(loan - base->loans));
	topic_set_loan(loan, TOPIC_LOAN_FREE);
	return 0;
}

int64_t sli_subscriber_lost(struct topic_base *base)
{
	int64_t lost;

	topic_hold(base);
	lost = (int64_t)base->reader.lost;
	topic_release(base);
	return lost;
}

/* ---- looking ------------------------------------------------------------------------------- */

int sli_topic_fd(struct topic_base *base)
{
	int side = base->is_subscriber ? SLI_BELL_IN : SLI_BELL_OUT;
	bool fresh = sli_load_acq(&base->handle.segment.bells[side].epoll) < 0;
	int fd = sli_bell_fd(&base->handle.segment, side, 0);

	if (fd >= 0 && fresh)
		topic_arm_bell(base);
	return fd;
}
