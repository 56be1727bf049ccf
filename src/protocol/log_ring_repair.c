/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * log_ring_repair.c - make a log ring whole after a death
 *
 * The caller holds both locks, taken from the dead or free, and the kernel's bytes of the dead, so
 * that none of them comes back. Dead senders and receivers may have stopped between any two stores;
 * all of them were made before the kernel gave us the byte.
 *
 *	1. an aborted record that head was passing is counted once, by where head is
 *	2. tail and next roll forward over records that were published but not passed
 *	3. each record of the dead gets its ending:
 *		RESERVED -> DONE, counted as aborted
 *		TAKEN    -> COMMITTED, marked redelivered
 *		MOVING   -> DONE if its copy exists, else COMMITTED
 *	4. what is derived is counted anew
 *
 * Each step leaves the ring in a state from which the whole repair can begin again, so a repairer may
 * die as well. Records of other dead, not in the caller's list, are left; their places are not free
 * yet, and whoever finds them repairs again.
 *
 * head may lie behind tail here: a receiver takes what is published, whether or not its sender lived
 * to move tail.
 */
#include "../base/crash.h"
#include "log_ring.h"

#include <errno.h>
#include <sluice.h>

#define RING_PINNERS_LOOKED 256u /* records from head on */

struct ring_count {
	uint64_t records, rotated, end;
};

static int ring_is_dead(uint64_t truth, const uint32_t *dead, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (sli_truth_place(truth) == dead[i])
			return 1;
	return 0;
}

/* All accesses to the control lines here are relaxed: both locks are held. */

/* An aborted record was being passed: counted if head is behind it, else not yet. */
static void ring_settle_passing(struct sli_ring *ring)
{
	struct sli_ring_receive_side *receive = &ring->control->receive;
	/* relaxed: both locks are held */
	uint64_t intent = sli_load_rlx(&receive->passing);
	uint64_t before = sli_load_rlx(&receive->passing_count);
	uint64_t head = sli_load_rlx(&receive->head);

	if (!intent)
		return;
	/* relaxed: both locks are held */
	sli_store_rlx(&receive->aborted, head >= intent ? before + 1 : before);
	SLI_CRASH(repair_abort_counted);
	sli_store_rel(&receive->passing, UINT64_C(0));
}

/* Roll tail and next over what was published. */
static int ring_roll_forward(struct sli_ring *ring)
{
	struct sli_ring_send_side *send = &ring->control->send;
	/* relaxed: both locks are held */
	uint64_t tail = sli_load_rlx(&send->tail), start = tail;
	uint64_t next = sli_load_rlx(&send->next);
	struct sli_found found;
	int64_t lines;

	if (SLI_MUTANT(no_roll_forward))
		return 0;
	while ((lines = sli_ring_look(ring, tail, &found)) > 0) {
		/* relaxed: both locks are held */
		uint64_t sequence = sli_load_rlx(&found.record->sequence) >>
				    SLI_RECORD_SEQUENCE_SHIFT;

		/* relaxed: both locks are held */
		if (sli_load_rlx(&found.record->type) && sequence >= next)
			next = sequence + 1;
		tail += (uint64_t)lines;
		if (tail - start > ring->count)
			return SLUICE_ECORRUPT;
	}
	if (lines < 0)
		return SLUICE_ECORRUPT;
	/* relaxed: both locks are held. next first: it is found again from the records behind tail. */
	sli_store_rel(&send->next, next);
	SLI_CRASH(repair_rolling);
	sli_store_rel(&send->tail, tail);
	return 0;
}

/* Is there a copy of the MOVING record @old further on? */
static bool ring_has_copy(const struct sli_ring *ring, const struct sli_found *old)
{
	/* relaxed: both locks are held */
	uint64_t sequence = sli_load_rlx(&old->record->sequence) >> SLI_RECORD_SEQUENCE_SHIFT;
	uint64_t position = old->position + old->lines;
	struct sli_found found;
	int64_t lines;

	while ((lines = sli_ring_look(ring, position, &found)) > 0 &&
	       position - old->position <= ring->count) {
		/* relaxed: both locks are held */
		if (sli_truth_state(found.truth) == SLI_RECORD_COMMITTED &&
		    sli_load_rlx(&found.record->sequence) >> SLI_RECORD_SEQUENCE_SHIFT == sequence)
			return true;
		position += (uint64_t)lines;
	}
	return false;
}

static void ring_restore(struct sli_found *found, uint64_t flags)
{
	/* relaxed: both locks are held; released by the truth word */
	sli_store_rlx(&found->record->sequence, sli_load_rlx(&found->record->sequence) | flags);
	found->truth = sli_truth(SLI_RECORD_COMMITTED, SLI_TRUTH_NOBODY, found->position);
	/* [ring.publish] release: it is there again. Pairs with the acquire in sli_ring_look(). */
	sli_store_rel(&found->record->truth, found->truth);
}

/* Give a dead owner's record its ending; @found->truth is then what it became. */
static void ring_repair_record(struct sli_ring *ring, struct sli_found *found)
{
	uint64_t done = sli_truth(SLI_RECORD_DONE, SLI_TRUTH_NOBODY, found->position);

	switch (sli_truth_state(found->truth)) {
	case SLI_RECORD_RESERVED:
		if (SLI_MUTANT(keep_dead_reservation))
			return;
		/* relaxed: both locks are held; released by the truth word */
		sli_store_rlx(&found->record->type, SLI_RECORD_ABORTED);
		/* [ring.publish] release. Pairs with the acquire in sli_ring_look(). */
		sli_store_rel(&found->record->truth, done);
		found->truth = done;
		break;
	case SLI_RECORD_TAKEN:
		ring_restore(found, SLI_MUTANT(unmarked_redelivery) ? 0 : SLI_RECORD_REDELIVERED);
		break;
	case SLI_RECORD_MOVING:
		if (ring_has_copy(ring, found) && !SLI_MUTANT(always_restore_moving)) {
			/* [ring.publish] release. Pairs with the acquire in sli_ring_look(). */
			sli_store_rel(&found->record->truth, done);
			found->truth = done;
		} else {
			ring_restore(found, 0);
		}
		break;
	default:
		break;
	}
	SLI_CRASH(repair_record);
}

/* Repair and count the records from head on. */
static int ring_repair_records(struct sli_ring *ring, const uint32_t *dead, uint32_t dead_count,
			       struct ring_count *count)
{
	uint64_t head = sli_load_acq(&ring->control->receive.head), position = head;
	struct sli_found found;
	int64_t lines;

	while ((lines = sli_ring_look(ring, position, &found)) > 0) {
		uint32_t state = sli_truth_state(found.truth);
		int64_t type;

		/* Only who holds both locks moves records, and that is us: a MOVING one is an orphan,
		 * whoever's it was. Others may be the loans of the living. */
		if (state == SLI_RECORD_MOVING ||
		    (state != SLI_RECORD_COMMITTED && state != SLI_RECORD_DONE &&
		     ring_is_dead(found.truth, dead, dead_count)))
			ring_repair_record(ring, &found);
		/* relaxed: both locks are held */
		type = sli_load_rlx(&found.record->type);
		count->records += type != 0;
		if (sli_truth_state(found.truth) != SLI_RECORD_DONE)
			count->rotated += sli_load_rlx(&found.record->sequence) &
					  SLI_RECORD_ROTATED;
		position += (uint64_t)lines;
		if (position - head > ring->count)
			return SLUICE_ECORRUPT;
	}
	count->end = position;
	return lines < 0 ? SLUICE_ECORRUPT : 0;
}

int sli_ring_repair(struct sli_ring *ring, const uint32_t *dead, uint32_t dead_count)
{
	struct sli_ring_send_side *send = &ring->control->send;
	struct sli_ring_receive_side *receive = &ring->control->receive;
	struct ring_count count = { 0 };
	int r;

	ring_settle_passing(ring);
	r = ring_roll_forward(ring);
	if (r == 0)
		r = ring_repair_records(ring, dead, dead_count, &count);
	if (r < 0)
		return r;
	/* relaxed: both locks are held */
	if (count.end != sli_load_rlx(&send->tail) && !SLI_MUTANT(no_roll_forward))
		return SLUICE_ECORRUPT;
	/* Whoever marked a record DONE may not have lived to say so. */
	sli_add_rlx(&receive->holes, UINT64_C(1));
	sli_store_rlx(&receive->rotated, count.rotated);
	sli_store_rlx(&receive->passed, sli_load_rlx(&send->next) - count.records);
	sli_store_rlx(&send->passed_seen, sli_load_rlx(&receive->passed));
	sli_store_rlx(&send->head_seen, sli_load_rlx(&receive->head));
	/* The dead may have written behind tail. */
	sli_store_rlx(&send->cleared, UINT64_C(0));
	return 0;
}

/* ---- whom to suspect ----------------------------------------------------------------------- */

uint32_t sli_ring_pinners(struct sli_ring *ring, uint32_t *ret_places, uint32_t count)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	struct sli_found found;
	uint64_t position;
	uint32_t stored = 0;
	int64_t lines;

	if (!sli_lock_try_once(lock, ring->peers))
		return 0;
	/* relaxed: the receivers' line */
	position = sli_load_rlx(&ring->control->receive.head);
	for (uint32_t i = 0; i < RING_PINNERS_LOOKED && stored < count; i++) {
		uint32_t state;

		lines = sli_ring_look(ring, position, &found);
		if (lines <= 0)
			break;
		state = sli_truth_state(found.truth);
		if (state == SLI_RECORD_RESERVED || state == SLI_RECORD_TAKEN)
			ret_places[stored++] = sli_truth_place(found.truth);
		position += (uint64_t)lines;
	}
	(void)sli_lock_drop(lock, ring->peers);
	return stored;
}
