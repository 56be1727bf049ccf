/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * log_ring.c - a queue of typed messages as a log of records, with one lock for each direction
 *
 * The ring is N lines of 64 bytes. A position counts lines for ever (64 bits, never wraps) and lives
 * at line position mod N. A record is contiguous: a header of 32 bytes, then the payload; where it
 * would cross the end of a lap, padding fills the lap. Senders append at the tail under the send
 * lock; receivers take from the head under the receive lock; with one of each, either lock stays in
 * its owner's cache, and the only lines that travel are those of the records.
 *
 * What is true, what is derived. Truth is head, and for the records from head up to the first empty
 * one their truth words: state, owner, position. Every change that matters is one store to a truth
 * word or to head. Everything else (tail, next, passed, rotated, the caches) is derived and
 * counted again after a death (log_ring_repair.c). Only the count of aborted reservations cannot be
 * derived once head has passed them; there an intent says which one is being passed and what the
 * count was before, and head says whether it happened.
 *
 *	EMPTY		-> COMMITTED	sender, store release: the message is sent
 *	EMPTY		-> RESERVED	sender, store release: room for a message, nobody else's
 *	EMPTY		-> DONE		sender, store release: padding
 *	RESERVED	-> COMMITTED	its owner, CAS release, no lock: the message is sent
 *	RESERVED	-> DONE		its owner, CAS, no lock; or, after its death, a repairer: aborted
 *	COMMITTED	-> TAKEN	receiver: borrowed
 *	COMMITTED	-> DONE		receiver, store release: received out of order
 *	TAKEN		-> DONE		its owner, CAS, no lock: received
 *	TAKEN		-> COMMITTED	its owner, CAS, no lock; or a repairer: redelivered
 *	COMMITTED	-> MOVING	sender with both locks, rotating
 *	MOVING		-> DONE		the same, once the copy is COMMITTED, or a repairer
 *	MOVING		-> COMMITTED	a repairer that finds no copy
 *	any		-> consumed	head passes it, store release: received in order, or skipped
 *
 * Zero ahead. The truth word behind the last record is 0; that is how walkers know the end. The word
 * behind a record is cleared before the record is published, and one line always stays free so that
 * there is such a word. Without it, bytes of a payload of the previous lap, chosen by a user, could
 * be taken for a header. A line so cleared was last read by the other side and has to be fetched;
 * stores become visible in order, so the commit would wait for it. Hence each sender clears a few
 * lines ahead once its own record is out (cleared says how far), for the next one to find done.
 * Whoever dies with the lock may have written there; the repair forgets what was cleared.
 *
 * Receiving the first message stores head and nothing else. A message taken from the middle is
 * marked DONE, a hole, that head skips when it gets there. Records RESERVED or TAKEN do not stop
 * receivers, who look behind them, but pin the ring. A head that nobody wants does not: when the
 * ring is full and holes would make room, the sender rotates (log_ring_rotate.c).
 *
 * Orderings.
 * [ring.publish] the release store of a truth word, the acquire load of it in sli_ring_look(): who
 *	sees the state sees the header and the payload.
 * [ring.room] the release store of head, the acquire load of it by a sender that needs room: the
 *	last reads of a record come before it is overwritten. A hole was read by the receiver that
 *	stored DONE; whoever moves head over it has seen that by [ring.publish], so the chain holds.
 * [ring.wake] a full barrier between a commit and the look at who is asleep; see event.h and log_ring_wake.c.
 * How a reservation or a loan ends is in log_ring_loan.c. How many holes there are is counted by the sender
 * that needs them, by looking, and not again before holes or head have changed.
 *
 * What lies on the senders' or the receivers' line is only touched by the owner of that lock and
 * ordered by [lock.hold]; such accesses are relaxed.
 *
 * Hostile peers. Lines and lengths are read once and checked against the private geometry before use;
 * walks only go forward and at most N lines. A failed check is SLUICE_ECORRUPT. The locks are no
 * boundary: every bound holds if somebody else is inside at the same time.
 */
#include "log_ring.h"
#include "../base/crash.h"
#include "type_index.h"

#include <errno.h>
#include <sluice.h>

uint64_t sli_ring_min_lines(uint64_t message_max)
{
	return SLI_MAX(UINT64_C(64), sli_power_of_two((8 * message_max + SLI_LINE - 1) / SLI_LINE));
}

void sli_ring_init(struct sli_ring *ring)
{
	uint64_t largest = sli_ring_lines_for(ring->message_max);

	/* Rotation needs room for one largest record, padding before it, and the empty line. */
	ring->fill = ring->count - (2 * largest + 1);
	/* relaxed: a hint */
	sli_store_rlx(&ring->boundary, UINT64_C(0));
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Do @total lines at @position fit below @limit? Looks at head only when its cache does not do. */
static inline int ring_fits(struct sli_ring *ring, uint64_t position, uint64_t total,
			    uint64_t limit)
{
	struct sli_ring_send_side *send = &ring->control->send;
	/* relaxed: the cache is on the senders' line, whose lock we hold */
	uint64_t head = sli_load_rlx(&send->head_seen);

	if (SLI_LIKELY(position - head <= ring->count && position + total - head <= limit))
		return 0;
	/* [ring.room] acquire: the receivers' reads come before our writes. Pairs with the release
	 * of head. */
	head = sli_load_acq(&ring->control->receive.head);
	if (position - head > ring->count)
		return SLUICE_ECORRUPT;
	/* relaxed: the senders' line */
	sli_store_rlx(&send->head_seen, head);
	return position + total - head <= limit ? 0 : -EAGAIN;
}

/* Fill the lap: @rest lines at @position. */
static SLI_COLD void ring_pad(struct sli_ring *ring, uint64_t position, uint64_t rest)
{
	struct sli_record *padding = sli_ring_record(ring, position);

	/* relaxed: [ring.publish] releases them below; first, the zero ahead of the padding */
	sli_store_rlx(&sli_ring_record(ring, position + rest)->truth, UINT64_C(0));
	sli_store_rlx(&padding->length, 0u);
	sli_store_rlx(&padding->lines, (uint32_t)rest);
	sli_store_rlx(&padding->type, INT64_C(0));
	sli_store_rlx(&padding->sequence, UINT64_C(0));
	/* [ring.publish] release: padding. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&padding->truth, sli_truth(SLI_RECORD_DONE, SLI_TRUTH_NOBODY, position));
	/* Dead here: padding behind tail; the repair rolls tail over it. */
	SLI_CRASH(ring_padded);
}

static inline int ring_make_room(struct sli_ring *ring, uint64_t *position, uint64_t lines,
				 uint64_t limit)
{
	uint64_t rest = ring->count - (*position & (ring->count - 1));
	bool pad = lines > rest;
	int r = ring_fits(ring, *position, pad ? rest + lines : lines, limit);

	if (SLI_UNLIKELY(r < 0))
		return r;
	if (SLI_UNLIKELY(pad)) {
		ring_pad(ring, *position, rest);
		*position += rest;
	}
	/* relaxed: zero ahead, where ring_clear_ahead() was not; released with the record's truth */
	if (SLI_UNLIKELY(*position + lines >= sli_load_rlx(&ring->control->send.cleared)) &&
	    !SLI_MUTANT(no_zero_ahead))
		sli_store_rlx(&sli_ring_record(ring, *position + lines)->truth, UINT64_C(0));
	return 0;
}

int sli_ring_make_room(struct sli_ring *ring, uint64_t *position, uint64_t lines, uint64_t limit)
{
	return ring_make_room(ring, position, lines, limit);
}

/* With the send lock: how many messages are there? Receivers may be at work, senders are not. */
static SLI_COLD uint64_t ring_count_messages(const struct sli_ring *ring)
{
	uint64_t head = sli_load_acq(&ring->control->receive.head), position = head, count = 0;
	struct sli_found found;
	int64_t lines;

	while ((lines = sli_ring_look(ring, position, &found)) > 0 &&
	       position - head <= ring->count) {
		count += sli_truth_state(found.truth) != SLI_RECORD_DONE;
		position += (uint64_t)lines;
	}
	return count;
}

/* With the send lock: are there as many messages as may be? Counts only when it seems so. */
static SLI_COLD bool ring_is_full_of_messages(struct sli_ring *ring)
{
	struct sli_ring_send_side *send = &ring->control->send;
	/* relaxed: the senders' line; passed is a count, the room itself is ordered by head */
	uint64_t next = sli_load_rlx(&send->next);

	/* relaxed: as above */
	if (next - sli_load_rlx(&send->passed_seen) < ring->messages_max)
		return false;
	sli_store_rlx(&send->passed_seen, sli_load_rlx(&ring->control->receive.passed));
	if (next - sli_load_rlx(&send->passed_seen) < ring->messages_max)
		return false;
	return ring_count_messages(ring) >= ring->messages_max;
}

/* With the send lock: room for @lines by rotation. */
static SLI_COLD int ring_rotate_for(struct sli_ring *ring, uint64_t *position, uint64_t lines)
{
	int r = sli_ring_rotate(ring, lines);

	if (r < 0)
		return r;
	/* relaxed: the senders' line */
	*position = sli_load_rlx(&ring->control->send.tail);
	return ring_make_room(ring, position, lines, ring->fill);
}

/* With the send lock: room for a record of @lines. */
static inline int ring_find_room(struct sli_ring *ring, uint64_t *position, uint64_t lines)
{
	int r;

	if (SLI_UNLIKELY(ring->messages_max) && ring_is_full_of_messages(ring))
		return -EAGAIN;
	/* relaxed: the senders' line */
	*position = sli_load_rlx(&ring->control->send.tail);
	r = ring_make_room(ring, position, lines, ring->fill);
	return SLI_LIKELY(r != -EAGAIN) ? r : ring_rotate_for(ring, position, lines);
}

/* Write the header of a new record at @position and move the derived words behind it. */
static inline struct sli_record *ring_start_record(struct sli_ring *ring, uint64_t position,
						   uint64_t lines, int64_t type, size_t size)
{
	struct sli_record *record = sli_ring_record(ring, position);
	/* relaxed: the senders' line; the record is released by its truth word */
	uint64_t sequence = sli_load_rlx(&ring->control->send.next);

	/* relaxed: as above */
	sli_store_rlx(&record->length, (uint32_t)size);
	sli_store_rlx(&record->lines, (uint32_t)lines);
	sli_store_rlx(&record->type, type);
	sli_store_rlx(&record->sequence, sequence << SLI_RECORD_SEQUENCE_SHIFT);
	return record;
}

/* The record at @position is published: the derived words follow. */
static inline void ring_end_record(struct sli_ring *ring, uint64_t position, uint64_t lines)
{
	struct sli_ring_send_side *send = &ring->control->send;

	/* Dead here: a record behind tail; the repair rolls tail and next over it. */
	SLI_CRASH(ring_published);
	/* relaxed: the senders' line */
	sli_store_rlx(&send->next, sli_load_rlx(&send->next) + 1);
	/* Dead in between, in this order: the repair passes the record again and takes the higher number. */
	sli_fence_compiler();
	sli_store_rlx(&send->tail, position + lines);
}

/*
 * With the send lock, behind a commit: clear truth words a few lines ahead, so that the next sender
 * finds its zero ahead made. Stores become visible in order: a sender that had to clear a line first,
 * which the other core may have fetched, would have its commit wait for that line.
 */
static inline void ring_clear_ahead(struct sli_ring *ring, uint64_t tail)
{
	struct sli_ring_send_side *send = &ring->control->send;
	/* relaxed: the senders' line; the words are released with the next record's truth */
	uint64_t cleared = sli_load_rlx(&send->cleared);
	uint64_t end = SLI_MIN(tail + SLI_RING_AHEAD, sli_load_rlx(&send->head_seen) + ring->count);

	if (SLI_MUTANT(no_zero_ahead))
		return;
	if (SLI_UNLIKELY(cleared <= tail || cleared > end))
		cleared = tail + 1;
	/* relaxed: as above */
	for (; cleared < end; cleared++)
		sli_store_rlx(&sli_ring_record(ring, cleared)->truth, UINT64_C(0));
	sli_store_rlx(&send->cleared, cleared);
}

/* With the send lock: one short message. */
static SLI_INLINE int ring_append(struct sli_ring *ring, int64_t type, const void *data,
				  size_t size)
{
	uint64_t lines = sli_ring_lines_for(size), position;
	uint32_t sender = sli_stamp_place(ring->peers->self);
	struct sli_record *record;
	int r = ring_find_room(ring, &position, lines);

	if (r < 0)
		return r;
	record = ring_start_record(ring, position, lines, type, size);
	if (SLI_MUTANT(commit_before_copy))
		sli_store_rel(&record->truth, sli_truth(SLI_RECORD_COMMITTED, sender, position));
	sli_ring_copy(record->payload, data, size);
	/* Dead here: bytes behind tail that nobody looks at. */
	SLI_CRASH(ring_written);
	/* [ring.publish] release: the message is sent. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&record->truth, sli_truth(SLI_RECORD_COMMITTED, sender, position));
	ring_end_record(ring, position, lines);
	ring_clear_ahead(ring, position + lines);
	return 0;
}

/* A long message: reserved under the lock, copied outside it. */
static SLI_NOINLINE int ring_send_long(struct sli_ring *ring, struct sli_wait *wait, int64_t type,
				       const void *data, size_t size)
{
	struct sli_found found;
	int r = sli_ring_reserve(ring, wait, size, &found);

	if (r < 0)
		return r;
	memcpy(found.record->payload, data, size);
	return sli_ring_commit(ring, &found, type, size);
}

/*
 * A rotation could not get the receive lock, so the send lock was dropped: wait for the receivers
 * (and have a dead one repaired after) with nothing held, then begin again.
 */
static SLI_COLD int ring_await_receivers(struct sli_ring *ring, struct sli_wait *wait)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS);

	return r < 0 ? r : sli_lock_drop(lock, ring->peers);
}

/* A short message. -EBUSY: the rotation it needs could not get the receive lock. */
static SLI_INLINE int ring_send_short(struct sli_ring *ring, struct sli_wait *wait, int64_t type,
				      const void *data, size_t size)
{
	struct sli_lock *lock = &ring->control->send.lock;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS), dropped;

	if (SLI_UNLIKELY(r < 0))
		return r;
	r = ring_append(ring, type, data, size);
	dropped = sli_lock_drop(lock, ring->peers);
	if (SLI_UNLIKELY(r < 0))
		return r;
	/* Dead here: the message is there, the sleepers find it at the end of their slices. */
	SLI_CRASH(ring_sent);
	sli_ring_tell_receivers(ring, type);
	return dropped;
}

static SLI_COLD int ring_send_again(struct sli_ring *ring, struct sli_wait *wait, int64_t type,
				    const void *data, size_t size)
{
	int r;

	do {
		r = ring_await_receivers(ring, wait);
		if (r == 0)
			r = ring_send_short(ring, wait, type, data, size);
	} while (r == -EBUSY);
	return r;
}

int sli_ring_send(struct sli_ring *ring, struct sli_wait *wait, int64_t type, const void *data,
		  size_t size)
{
	int r;

	if (SLI_UNLIKELY(size > SLI_RING_INLINE_MAX))
		return ring_send_long(ring, wait, type, data, size);
	r = ring_send_short(ring, wait, type, data, size);
	return SLI_LIKELY(r != -EBUSY) ? r : ring_send_again(ring, wait, type, data, size);
}

/* The short messages at the beginning of @items, under one lock. *@ret_r: what ended them. */
static size_t ring_send_run(struct sli_ring *ring, struct sli_wait *wait,
			    const struct sli_ring_item *items, size_t count, int *ret_r)
{
	struct sli_lock *lock = &ring->control->send.lock;
	size_t done = 0;
	int r, dropped = 0;

	do {
		r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS);
		if (r < 0)
			break;
		for (r = 0; done < count && items[done].size <= SLI_RING_INLINE_MAX; done++) {
			r = ring_append(ring, items[done].type, items[done].data, items[done].size);
			if (r < 0)
				break;
		}
		dropped = sli_lock_drop(lock, ring->peers);
	} while (SLI_UNLIKELY(r == -EBUSY && !done) && (r = ring_await_receivers(ring, wait)) == 0);
	for (size_t i = 0; i < done; i++)
		if (i == 0 || items[i].type != items[i - 1].type)
			sli_ring_tell_receivers(ring, items[i].type);
	*ret_r = dropped < 0 ? dropped : r;
	return done;
}

int64_t sli_ring_send_many(struct sli_ring *ring, struct sli_wait *wait,
			   const struct sli_ring_item *items, size_t count)
{
	struct sli_wait no_wait = { .interrupts = wait->interrupts };
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < count) {
		const struct sli_ring_item *item = &items[done];

		if (item->size > SLI_RING_INLINE_MAX) {
			r = ring_send_long(ring, done ? &no_wait : wait, item->type, item->data,
					   item->size);
			done += r == 0;
		} else {
			done += ring_send_run(ring, done ? &no_wait : wait, item, count - done, &r);
		}
	}
	return done ? (int64_t)done : r;
}

/* With the send lock: the record at @position is ours to write. */
static void ring_hold(struct sli_ring *ring, uint64_t position, uint64_t lines, size_t size,
		      struct sli_found *ret_found)
{
	uint32_t sender = sli_stamp_place(ring->peers->self);
	struct sli_record *record = ring_start_record(ring, position, lines, 1, size);

	ret_found->position = position;
	ret_found->record = record;
	ret_found->truth = sli_truth(SLI_RECORD_RESERVED, sender, position);
	ret_found->lines = lines;
	ret_found->length = (uint32_t)size;
	/* [ring.publish] release: a reservation. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&record->truth, ret_found->truth);
	ring_end_record(ring, position, lines);
	/* Dead from here on: a repairer aborts it. */
	SLI_CRASH(ring_reserved);
}

int sli_ring_reserve(struct sli_ring *ring, struct sli_wait *wait, size_t size,
		     struct sli_found *ret_found)
{
	struct sli_lock *lock = &ring->control->send.lock;
	uint64_t lines = sli_ring_lines_for(size), position;
	int r, dropped;

	do {
		r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS);
		if (r < 0)
			return r;
		r = ring_find_room(ring, &position, lines);
		if (r == 0)
			ring_hold(ring, position, lines, size, ret_found);
		dropped = sli_lock_drop(lock, ring->peers);
	} while (SLI_UNLIKELY(r == -EBUSY) && (r = ring_await_receivers(ring, wait)) == 0);
	return r < 0 ? r : dropped;
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* Move head to @head. With the receive lock. */
static inline void ring_move_head(struct sli_ring *ring, uint64_t head)
{
	/* [ring.room] release: our reads come first. Pairs with the acquire in ring_fits(). */
	sli_store_rel(&ring->control->receive.head, head);
}

/* With the receive lock: head has passed @records records, @rotated of them rotated ones. */
static inline void ring_count_passed(struct sli_ring *ring, uint64_t records, uint64_t rotated)
{
	struct sli_ring_receive_side *receive = &ring->control->receive;

	/* relaxed: the receivers' line; senders read passed as a hint */
	sli_store_rlx(&receive->passed, sli_load_rlx(&receive->passed) + records);
	/* relaxed: changed without the lock as well, see sli_ring_consume() */
	if (SLI_UNLIKELY(rotated))
		sli_add_rlx(&receive->rotated, 0 - rotated);
}

/* With the receive lock: move head over the aborted record @found, and count it for good. */
static SLI_COLD void ring_pass_aborted(struct sli_ring *ring, const struct sli_found *found)
{
	struct sli_ring_receive_side *receive = &ring->control->receive;
	/* relaxed: the receivers' line */
	uint64_t aborted = sli_load_rlx(&receive->aborted);

	sli_store_rlx(&receive->passing_count, aborted);
	sli_store_rel(&receive->passing, found->position + 1);
	/* Dead here: the repair counts by where head is. */
	SLI_CRASH(ring_passing);
	sli_store_rel(&receive->aborted, aborted + 1);
	SLI_CRASH(ring_abort_counted);
	ring_move_head(ring, found->position + found->lines);
	SLI_CRASH(ring_abort_passed);
	sli_store_rel(&receive->passing, UINT64_C(0));
}

/*
 * With the receive lock: move head over what is done. Return: lines of the record at *@head, which is
 * then @found, 0 at the end, or negative.
 */
int64_t sli_ring_skip_done(struct sli_ring *ring, uint64_t *head, struct sli_found *found)
{
	uint64_t start = *head, records = 0;
	int64_t lines;

	while ((lines = sli_ring_look(ring, *head, found)) > 0 &&
	       sli_truth_state(found->truth) == SLI_RECORD_DONE && *head - start <= ring->count) {
		/* relaxed: ordered by the truth word */
		int64_t type = sli_load_rlx(&found->record->type);

		records += type != 0;
		if (SLI_UNLIKELY(type == SLI_RECORD_ABORTED))
			ring_pass_aborted(ring, found);
		*head += (uint64_t)lines;
	}
	if (*head != start) {
		ring_move_head(ring, *head);
		ring_count_passed(ring, records, 0);
	}
	return *head - start <= ring->count ? lines : SLUICE_ECORRUPT;
}

/* The record of the walk is better than the best so far? */
static bool ring_better(const struct sli_found *found, const struct sli_found *best, int64_t type)
{
	if (type < 0 && found->type != best->type)
		return found->type < best->type;
	return found->sequence >> SLI_RECORD_SEQUENCE_SHIFT < best->sequence >>
	       SLI_RECORD_SEQUENCE_SHIFT;
}

static inline bool ring_matches(int64_t wanted, int64_t type)
{
	if (wanted >= 0)
		return wanted == 0 || type == wanted;
	return wanted == INT64_MIN || type <= -wanted;
}

/*
 * Walk from @head and choose. Without rotated records position order is sequence order, so the first
 * hit is it, except that the lowest type has to see them all. 1: found.
 */
static int ring_scan(struct sli_ring *ring, uint64_t head, int64_t type,
		     struct sli_found *ret_found)
{
	/* relaxed: the receivers' line */
	bool in_order = type >= 0 && sli_load_rlx(&ring->control->receive.rotated) == 0;
	uint64_t position = head;
	bool any = false;
	struct sli_found found;
	int64_t lines;

	while ((lines = sli_ring_look(ring, position, &found)) > 0 &&
	       position - head <= ring->count) {
		position += (uint64_t)lines;
		if (sli_truth_state(found.truth) != SLI_RECORD_COMMITTED)
			continue;
		if (sli_ring_read_header(ring, &found) < 0)
			return SLUICE_ECORRUPT;
		if (!ring_matches(type, found.type) ||
		    (any && !ring_better(&found, ret_found, type)))
			continue;
		*ret_found = found;
		any = true;
		if (in_order)
			return 1;
	}
	if (lines < 0 || position - head > ring->count)
		return SLUICE_ECORRUPT;
	/* relaxed: a hint for spinners */
	sli_store_rlx(&ring->boundary, position);
	return any;
}

/* With the receive lock: the record to take, and head with what is done at it skipped; then *@freed is
 * set, since senders may be waiting for that room. 1: found. */
static inline int ring_choose(struct sli_ring *ring, int64_t type, struct sli_found *found,
			      uint64_t *head, bool *freed)
{
	struct sli_ring_receive_side *receive = &ring->control->receive;
	/* relaxed: the receivers' line */
	uint64_t start = sli_load_rlx(&receive->head);
	bool in_order = type == 0 && sli_load_rlx(&receive->rotated) == 0;
	int64_t lines;
	int r;

	*head = start;
	lines = sli_ring_skip(ring, head, found);
	*freed |= *head != start;
	if (lines < 0)
		return SLUICE_ECORRUPT;
	if (SLI_LIKELY(in_order && lines > 0 &&
		       sli_truth_state(found->truth) == SLI_RECORD_COMMITTED))
		return sli_ring_read_header(ring, found) < 0 ? SLUICE_ECORRUPT : 1;
	if (lines == 0) {
		/* relaxed: a hint for spinners */
		sli_store_rlx(&ring->boundary, *head);
		return 0;
	}
	r = in_order || !ring->index ? -ENOMEM
				     : sli_type_index_find(ring->index, ring, *head, type, found);
	return r == -ENOMEM ? ring_scan(ring, *head, type, found) : r;
}

/* With the receive lock: the chosen record leaves; one store consumes it. */
static inline void ring_take_out(struct sli_ring *ring, const struct sli_found *found,
				 uint64_t head)
{
	if (SLI_LIKELY(found->position == head)) {
		ring_move_head(ring, head + found->lines);
		/* Dead here: the message is consumed but not counted; the repair counts. */
		SLI_CRASH(ring_consumed);
		ring_count_passed(ring, 1, found->sequence & SLI_RECORD_ROTATED);
		return;
	}
	/* [ring.publish] release: a hole. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&found->record->truth,
		      sli_truth(SLI_RECORD_DONE, SLI_TRUTH_NOBODY, found->position));
	/* Dead here: a hole that senders were not told of; the repair does it. */
	SLI_CRASH(ring_hole);
	sli_ring_count_hole(ring);
	ring_count_passed(ring, 0, found->sequence & SLI_RECORD_ROTATED);
}

/* With the receive lock: the chosen record becomes ours for a while. */
static void ring_mark_taken(struct sli_ring *ring, struct sli_found *found)
{
	uint32_t place = sli_stamp_place(ring->peers->self);

	found->truth = sli_truth(SLI_RECORD_TAKEN, place, found->position);
	/* [ring.publish] release. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&found->record->truth, found->truth);
	/* Dead from here on: a repairer puts it back, marked. */
	SLI_CRASH(ring_taken);
}

/* A long message, taken under the lock, is copied outside it. */
static int ring_finish_long(struct sli_ring *ring, void *buffer, const struct sli_found *found)
{
	memcpy(buffer, found->record->payload, found->length);
	return sli_ring_consume(ring, found);
}

/*
 * With the receive lock: take the record at head if that is what receive is to take, with nothing to
 * skip, to choose or to fear. This is the common case of sli_ring_receive() in one piece; whatever it
 * does not like it leaves to the long way.
 */
static SLI_INLINE bool ring_take_first(struct sli_ring *ring, void *buffer, size_t capacity,
				       struct sli_found *ret_found)
{
	struct sli_ring_receive_side *receive = &ring->control->receive;
	/* relaxed: the receivers' line */
	uint64_t head = sli_load_rlx(&receive->head);

	if (sli_load_rlx(&receive->rotated) || sli_ring_look(ring, head, ret_found) <= 0 ||
	    sli_truth_state(ret_found->truth) != SLI_RECORD_COMMITTED ||
	    sli_ring_read_header(ring, ret_found) < 0 || ret_found->length > SLI_RING_INLINE_MAX ||
	    ret_found->length > capacity)
		return false;
	sli_ring_copy(buffer, ret_found->record->payload, ret_found->length);
	ring_take_out(ring, ret_found, head);
	return true;
}

/* With the receive lock, which is given up: what sli_ring_receive() has no simple case for. */
static SLI_NOINLINE int ring_receive_otherwise(struct sli_ring *ring, int64_t type, void *buffer,
					       size_t capacity, struct sli_found *ret_found)
{
	bool is_long = false, freed = false;
	uint64_t head;
	int r = ring_choose(ring, type, ret_found, &head, &freed), dropped;

	if (r == 0)
		r = -EAGAIN;
	else if (r > 0 && ret_found->length > capacity)
		r = -EMSGSIZE;
	else if (r > 0 && ret_found->length > SLI_RING_INLINE_MAX) {
		ring_mark_taken(ring, ret_found);
		is_long = true;
	} else if (r > 0) {
		if (ret_found->length)
			memcpy(buffer, ret_found->record->payload, ret_found->length);
		ring_take_out(ring, ret_found, head);
	}
	dropped = sli_lock_drop(&ring->control->receive.lock, ring->peers);
	if (r < 0 && freed)
		sli_ring_tell_senders(ring);
	if (r < 0)
		return r;
	if (is_long)
		return dropped < 0 ? dropped : ring_finish_long(ring, buffer, ret_found);
	/* Dead here: the room is there, sleeping senders find it at the end of their slices. */
	SLI_CRASH(ring_received);
	sli_ring_tell_senders(ring);
	return dropped;
}

int sli_ring_receive(struct sli_ring *ring, struct sli_wait *wait, int64_t type, void *buffer,
		     size_t capacity, struct sli_found *ret_found)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS);

	if (SLI_UNLIKELY(r < 0))
		return r;
	if (SLI_UNLIKELY(type != 0 || !ring_take_first(ring, buffer, capacity, ret_found)))
		return ring_receive_otherwise(ring, type, buffer, capacity, ret_found);
	r = sli_lock_drop(lock, ring->peers);
	/* Dead here: the room is there, sleeping senders find it at the end of their slices. */
	SLI_CRASH(ring_received_first);
	sli_ring_tell_senders(ring);
	return r;
}

/* With the receive lock: one of a batch. 1: taken, 0: none. @head is stored by the caller. */
static int ring_receive_one(struct sli_ring *ring, int64_t type, struct sli_ring_slot *slot,
			    bool *freed)
{
	struct sli_found found;
	uint64_t head;
	int r = ring_choose(ring, type, &found, &head, freed);

	if (r <= 0)
		return r;
	slot->length = found.length;
	slot->type = found.type;
	if (found.length > slot->capacity)
		return -EMSGSIZE;
	if (found.length)
		memcpy(slot->buffer, found.record->payload, found.length);
	ring_take_out(ring, &found, head);
	*freed = true;
	return 1;
}

int64_t sli_ring_receive_many(struct sli_ring *ring, struct sli_wait *wait, int64_t type,
			      struct sli_ring_slot *slots, size_t count)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS), dropped;
	bool freed = false;
	size_t done = 0;

	if (r < 0)
		return r;
	for (; done < count; done++) {
		r = ring_receive_one(ring, type, &slots[done], &freed);
		if (r <= 0)
			break;
	}
	dropped = sli_lock_drop(lock, ring->peers);
	if (freed)
		sli_ring_tell_senders(ring);
	if (done)
		return dropped < 0 ? dropped : (int64_t)done;
	return r == 0 ? -EAGAIN : r;
}

int sli_ring_borrow(struct sli_ring *ring, struct sli_wait *wait, int64_t type,
		    struct sli_found *ret_found)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	bool freed = false;
	uint64_t head;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS), dropped;

	if (r < 0)
		return r;
	r = ring_choose(ring, type, ret_found, &head, &freed);
	if (r > 0)
		ring_mark_taken(ring, ret_found);
	dropped = sli_lock_drop(lock, ring->peers);
	if (freed)
		sli_ring_tell_senders(ring);
	if (r <= 0)
		return r == 0 ? -EAGAIN : r;
	return dropped;
}

/* With the send lock: as things are, or by a rotation whose head is not pinned. */
static bool ring_could_fit(struct sli_ring *ring, uint64_t lines)
{
	/* relaxed: the senders' line */
	uint64_t tail = sli_load_rlx(&ring->control->send.tail);
	uint64_t rest = ring->count - (tail & (ring->count - 1));
	struct sli_found found;

	if (ring_fits(ring, tail, lines > rest ? rest + lines : lines, ring->fill) == 0)
		return true;
	return sli_ring_holes_suffice(ring, lines) &&
	       /* relaxed: the senders' line; ring_fits() has just read head */
	       sli_ring_look(ring, sli_load_rlx(&ring->control->send.head_seen), &found) > 0 &&
	       (sli_truth_state(found.truth) == SLI_RECORD_COMMITTED ||
		sli_truth_state(found.truth) == SLI_RECORD_DONE);
}

int sli_ring_has_room(struct sli_ring *ring, struct sli_wait *wait, uint64_t size)
{
	struct sli_lock *lock = &ring->control->send.lock;
	uint64_t lines = sli_ring_lines_for(size);
	int r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS), dropped;

	if (r < 0)
		return r;
	r = !(ring->messages_max && ring_is_full_of_messages(ring)) && ring_could_fit(ring, lines);
	dropped = sli_lock_drop(lock, ring->peers);
	return dropped < 0 ? dropped : r;
}

int sli_ring_readable(struct sli_ring *ring, struct sli_wait *wait, int64_t type)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	struct sli_found found;
	bool freed = false;
	uint64_t head;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_RING_GRACE_NS), dropped;

	if (r < 0)
		return r;
	r = ring_choose(ring, type, &found, &head, &freed);
	dropped = sli_lock_drop(lock, ring->peers);
	if (freed)
		sli_ring_tell_senders(ring);
	return dropped < 0 ? dropped : r;
}
