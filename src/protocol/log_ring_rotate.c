/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * log_ring_rotate.c - room behind a head that nobody wants; and looking at a ring from outside
 *
 * A message that no receiver asks for stays at the head, while those behind it come and go and leave
 * holes. Space is only given back when head moves, so the ring would be full of holes. Then the
 * sender, with both locks (it only tries for the second; whose owner is dead is repaired after with
 * none held), moves records from the head to the tail, keeping their sequence numbers
 * (receivers choose by them, so the order is the same), until the room it needs is there. It begins
 * only if the holes suffice, and moves at most one lap.
 *
 *	1. the old record becomes MOVING(me)
 *	2. the copy is written behind the tail, COMMITTED, with the same sequence number
 *	3. tail moves, the old record becomes DONE, head moves
 *
 * Killed between 1 and 2, the repair finds no copy and makes the old record COMMITTED again; after 2
 * it finds one and makes it DONE. No receiver can have taken the copy meanwhile: the receive lock
 * was never free between the rotation and its repair.
 */
#include "../base/crash.h"
#include "log_ring.h"

#include <errno.h>
#include <sluice.h>
#include <string.h>

/* With both locks: copy the record @old at head to the tail. */
static int ring_move_record(struct sli_ring *ring, struct sli_found *old)
{
	struct sli_ring_send_side *send = &ring->control->send;
	struct sli_ring_receive_side *receive = &ring->control->receive;
	uint32_t me = sli_stamp_place(ring->peers->self);
	/* relaxed: the senders' line */
	uint64_t position = sli_load_rlx(&send->tail);
	struct sli_record *copy;
	int r = sli_ring_read_header(ring, old);

	if (r == 0)
		r = sli_ring_make_room(ring, &position, old->lines, ring->count - 1);
	if (r < 0)
		return r;
	/* [ring.publish] release. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&old->record->truth, sli_truth(SLI_RECORD_MOVING, me, old->position));
	/* Dead here: no copy; the repair makes it COMMITTED again. */
	SLI_CRASH(ring_moving);
	copy = sli_ring_record(ring, position);
	/* relaxed: released by the truth word of the copy */
	sli_store_rlx(&copy->length, old->length);
	sli_store_rlx(&copy->lines, (uint32_t)old->lines);
	sli_store_rlx(&copy->type, old->type);
	sli_store_rlx(&copy->sequence, old->sequence | SLI_RECORD_ROTATED);
	/* A hostile peer can make them overlap. */
	memmove(copy->payload, old->record->payload, old->length);
	/* [ring.publish] release: the copy counts. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&copy->truth,
		      sli_truth(SLI_RECORD_COMMITTED, sli_truth_place(old->truth), position));
	/* Dead here: two with one sequence number; the repair makes the MOVING one DONE. */
	SLI_CRASH(ring_moved);
	/* relaxed: both lines are ours */
	sli_store_rlx(&send->tail, position + old->lines);
	if (!(old->sequence & SLI_RECORD_ROTATED))
		sli_add_rlx(&receive->rotated, UINT64_C(1));
	/* [ring.publish] release. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&old->record->truth,
		      sli_truth(SLI_RECORD_DONE, SLI_TRUTH_NOBODY, old->position));
	return 0;
}

/* With both locks: free the record at head, by passing or moving it. -EAGAIN: it is pinned. */
static int ring_free_head(struct sli_ring *ring, uint64_t *moved)
{
	struct sli_ring_receive_side *receive = &ring->control->receive;
	/* relaxed: both lines are ours */
	uint64_t head = sli_load_rlx(&receive->head), start = head;
	struct sli_found found;
	int64_t lines = sli_ring_skip_done(ring, &head, &found);
	int r;

	if (lines < 0)
		return SLUICE_ECORRUPT;
	if (head == start) {
		if (lines == 0 || sli_truth_state(found.truth) != SLI_RECORD_COMMITTED)
			return -EAGAIN;
		r = ring_move_record(ring, &found);
		if (r < 0)
			return r;
		*moved += found.lines;
		head += found.lines;
		/* [ring.room] release. Pairs with the acquire in ring_fits(), our own here. */
		sli_store_rel(&receive->head, head);
	}
	/* relaxed: both lines are ours */
	sli_store_rlx(&ring->control->send.head_seen, head);
	return 0;
}

/* With the send lock: are @needed lines between head and tail DONE? Receivers may be at work. */
static bool ring_has_holes(const struct sli_ring *ring, uint64_t head, uint64_t needed)
{
	uint64_t position = head, done = 0;
	struct sli_found found;
	int64_t lines;

	while (done < needed && (lines = sli_ring_look(ring, position, &found)) > 0 &&
	       position - head <= ring->count) {
		/* relaxed: ordered by the truth word; padding comes back with head only */
		if (sli_truth_state(found.truth) == SLI_RECORD_DONE &&
		    sli_load_rlx(&found.record->type))
			done += (uint64_t)lines;
		position += (uint64_t)lines;
	}
	return done >= needed;
}

bool sli_ring_holes_suffice(struct sli_ring *ring, uint64_t lines)
{
	struct sli_ring_send_side *send = &ring->control->send;
	/* Before the look: what is marked DONE during it is looked for the next time. */
	uint64_t holes = sli_load_acq(&ring->control->receive.holes);
	uint64_t head = sli_load_acq(&ring->control->receive.head);
	/* relaxed: the senders' line */
	uint64_t used = sli_load_rlx(&send->tail) - head;

	/* relaxed: the senders' line */
	if (used > ring->count ||
	    (holes == sli_load_rlx(&send->holes_seen) && head == sli_load_rlx(&send->holes_head) &&
	     lines >= sli_load_rlx(&send->holes_lines)))
		return false;
	if (ring_has_holes(ring, head, used + lines > ring->fill ? used + lines - ring->fill : 1))
		return true;
	/* relaxed: the senders' line */
	sli_store_rlx(&send->holes_seen, holes);
	sli_store_rlx(&send->holes_head, head);
	sli_store_rlx(&send->holes_lines, lines);
	return false;
}

/* With both locks: the holes suffice, so a lap at the most makes room, unless the head is pinned. */
static int ring_rotate_locked(struct sli_ring *ring, uint64_t lines)
{
	struct sli_ring_control *control = ring->control;
	uint64_t moved = 0, rest, total, tail;
	int r = 0;

	while (r == 0 && moved <= ring->count) {
		/* relaxed: both lines are ours */
		tail = sli_load_rlx(&control->send.tail);
		rest = ring->count - (tail & (ring->count - 1));
		total = lines > rest ? rest + lines : lines;
		if (tail + total - sli_load_rlx(&control->receive.head) <= ring->fill)
			return 0;
		r = ring_free_head(ring, &moved);
	}
	return r < 0 ? r : -EAGAIN;
}

int sli_ring_rotate(struct sli_ring *ring, uint64_t lines)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	int r, dropped;

	if (!sli_ring_holes_suffice(ring, lines))
		return -EAGAIN;
	r = sli_lock_try(lock, ring->peers);
	if (r < 0)
		return r;
	r = ring_rotate_locked(ring, lines);
	dropped = sli_lock_drop(lock, ring->peers);
	return r < 0 ? r : dropped;
}

/* ---- from outside, without a lock ---------------------------------------------------------- */

/*
 * What is at @position, by somebody who holds no lock: it may have become the middle of a message
 * meanwhile, so it is checked like everything else, and ThreadSanitizer, which is right that this
 * races, is told not to look. Return: its lines, 0 at the end, negative when it is no record (now).
 */
SLI_RACY static int64_t ring_glance(const struct sli_ring *ring, uint64_t position,
				    uint64_t *ret_truth, int64_t *ret_type)
{
	struct sli_record *record = sli_ring_record(ring, position);
	uint64_t truth = sli_load_acq(&record->truth), lines;

	if (truth == 0)
		return 0;
	/* relaxed: a moment's view */
	lines = sli_load_rlx(&record->lines);
	*ret_type = sli_load_rlx(&record->type);
	*ret_truth = truth;
	if ((truth & SLI_TRUTH_TAG) != (position & SLI_TRUTH_TAG) || lines == 0 ||
	    lines > ring->count - (position & (ring->count - 1)))
		return SLUICE_ECORRUPT;
	return (int64_t)lines;
}

/*
 * The next record of such a walk, from *@position on. If receivers and senders have overtaken the
 * walk, it is at an end (0), and *@ret_overtaken is set; negative: the ring is damaged.
 */
static int64_t ring_step(const struct sli_ring *ring, uint64_t head, uint64_t *position,
			 uint64_t *ret_truth, int64_t *ret_type, bool *ret_overtaken)
{
	int64_t lines = *position - head > ring->count
				? SLUICE_ECORRUPT
				: ring_glance(ring, *position, ret_truth, ret_type);

	*ret_overtaken = sli_load_acq(&ring->control->receive.head) != head;
	if (*ret_overtaken && lines < 0)
		return 0;
	if (lines > 0)
		*position += (uint64_t)lines;
	return lines;
}

bool sli_ring_writable(struct sli_ring *ring, uint64_t size)
{
	struct sli_ring_control *control = ring->control;
	uint64_t lines = sli_ring_lines_for(size);
	/* relaxed: hints */
	uint64_t tail = sli_load_rlx(&control->send.tail);
	uint64_t head = sli_load_acq(&control->receive.head);
	uint64_t rest = ring->count - (tail & (ring->count - 1));
	/* head can be ahead for a moment */
	uint64_t used = tail - head <= ring->count ? tail - head : 0;

	/* relaxed: hints */
	if (sli_load_rlx(&control->receive.holes) != sli_load_rlx(&control->send.holes_seen))
		return true; /* to be looked at with the lock */
	if (ring->messages_max &&
	    sli_load_rlx(&control->send.next) - sli_load_rlx(&control->receive.passed) >=
		    ring->messages_max)
		return false;
	return used + (lines > rest ? rest + lines : lines) <= ring->fill;
}

/* Once through the ring. *@ret_overtaken: not to be trusted. */
static int ring_account_once(const struct sli_ring *ring, struct sli_ring_account *ret,
			     bool *ret_overtaken)
{
	const struct sli_ring_control *control = ring->control;
	uint64_t position = sli_load_acq(&control->receive.head), head = position, truth;
	/* relaxed: a moment's view */
	uint64_t aborted = sli_load_rlx(&control->receive.aborted);
	uint64_t next = sli_load_rlx(&control->send.next);
	int64_t lines, type;

	memset(ret, 0, sizeof(*ret));
	while ((lines = ring_step(ring, head, &position, &truth, &type, ret_overtaken)) > 0) {
		uint32_t state = sli_truth_state(truth);

		ret->live += state != SLI_RECORD_DONE;
		ret->reserved += state == SLI_RECORD_RESERVED;
		ret->borrowed += state == SLI_RECORD_TAKEN;
		aborted += state == SLI_RECORD_DONE && type == SLI_RECORD_ABORTED;
	}
	ret->lines = position - head;
	ret->sent = next - aborted - ret->reserved;
	ret->received = next - aborted - ret->live;
	return (int)lines;
}

int sli_ring_account(const struct sli_ring *ring, struct sli_ring_account *ret)
{
	bool overtaken = true;
	int r = 0;

	/* At rest the first time is right. In traffic some time mostly is; else it is an estimate. */
	for (int tries = 0; tries < 8 && overtaken; tries++)
		r = ring_account_once(ring, ret, &overtaken);
	return r;
}

void sli_ring_loans(const struct sli_ring *ring, uint32_t place, uint32_t *ret_reserved,
		    uint32_t *ret_borrowed)
{
	uint64_t position = sli_load_acq(&ring->control->receive.head), head = position, truth;
	bool overtaken;
	int64_t type;

	*ret_reserved = *ret_borrowed = 0;
	while (ring_step(ring, head, &position, &truth, &type, &overtaken) > 0) {
		if (sli_truth_place(truth) != place)
			continue;
		*ret_reserved += sli_truth_state(truth) == SLI_RECORD_RESERVED;
		*ret_borrowed += sli_truth_state(truth) == SLI_RECORD_TAKEN;
	}
}
