/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * log_ring_loan.c - how a reservation or a loan ends
 *
 * A record that is RESERVED or TAKEN is its owner's, and no lock's: the owner ends it by one CAS on its
 * truth word (the table in log_ring.c), which fails if the owner was declared dead meanwhile and the
 * record repaired. Before the CAS the owner alone writes to the record. Nothing is waited for: what was
 * DONE is a hole, and if the receive lock happens to be free head is moved over it at once, else by the
 * next receiver or by a sender that needs the room.
 */
#include "../base/crash.h"
#include "log_ring.h"

#include <errno.h>
#include <sluice.h>

/* Is the record still what @found says? If not, we were declared dead, and it is not ours to write. */
static inline bool ring_is_ours(const struct sli_found *found)
{
	return sli_load_acq(&found->record->truth) == found->truth;
}

int sli_ring_commit(struct sli_ring *ring, const struct sli_found *found, int64_t type, size_t size)
{
	uint64_t seen = found->truth;
	uint32_t sender = sli_truth_place(seen);

	if (!ring_is_ours(found))
		return -ESTALE;
	/* relaxed: ours alone until the truth word is released */
	sli_store_rlx(&found->record->type, type);
	sli_store_rlx(&found->record->length, (uint32_t)size);
	/* [ring.publish] release: the message is sent. Pairs with the acquire in sli_ring_look(). A
	 * failure means that we were declared dead and repaired after. */
	if (!sli_cas_sc(&found->record->truth, &seen,
			sli_truth(SLI_RECORD_COMMITTED, sender, found->position)))
		return -ESTALE;
	/* Dead here: the message is there, the sleepers find it at the end of their slices. */
	SLI_CRASH(ring_committed);
	sli_ring_tell_receivers(ring, type);
	/* It pinned the ring; now a sender may move it out of the way. */
	sli_ring_tell_senders(ring);
	return 0;
}

/*
 * The record at @found, ours, is done with. Nothing is waited for: if nobody has the receive lock
 * head is moved now, else by the next receiver, or by a sender that needs the room.
 */
static int ring_finish(struct sli_ring *ring, const struct sli_found *found)
{
	struct sli_lock *lock = &ring->control->receive.lock;
	uint64_t seen = found->truth, head;
	struct sli_found first;
	int64_t lines;

	/* [ring.publish] release: done with it. Pairs with the acquire in sli_ring_look(). A failure
	 * means that we were declared dead and repaired after. */
	if (!sli_cas_acqrel(&found->record->truth, &seen,
			    sli_truth(SLI_RECORD_DONE, SLI_TRUTH_NOBODY, found->position)))
		return -ESTALE;
	/* Dead here: a hole that senders were not told of; the repair does it. */
	SLI_CRASH(ring_finished);
	sli_ring_count_hole(ring);
	if (sli_lock_try_once(lock, ring->peers)) {
		/* relaxed: the receivers' line */
		head = sli_load_rlx(&ring->control->receive.head);
		lines = sli_ring_skip(ring, &head, &first);
		(void)sli_lock_drop(lock, ring->peers);
		if (lines < 0)
			return SLUICE_ECORRUPT;
	}
	sli_ring_tell_senders(ring);
	return 0;
}

int sli_ring_consume(struct sli_ring *ring, const struct sli_found *found)
{
	struct sli_ring_receive_side *receive = &ring->control->receive;

	/* relaxed: a hint that makes receivers choose by sequence; the repair counts it anew */
	if (SLI_UNLIKELY(found->sequence & SLI_RECORD_ROTATED) && ring_is_ours(found))
		sli_add_rlx(&receive->rotated, UINT64_MAX);
	return ring_finish(ring, found);
}

int sli_ring_abort(struct sli_ring *ring, const struct sli_found *found)
{
	if (!ring_is_ours(found))
		return -ESTALE;
	/* relaxed: ours alone while it is RESERVED */
	sli_store_rlx(&found->record->type, SLI_RECORD_ABORTED);
	/* Dead here: still RESERVED; a repairer aborts it. */
	SLI_CRASH(ring_aborting);
	return ring_finish(ring, found);
}

int sli_ring_return(struct sli_ring *ring, const struct sli_found *found)
{
	uint64_t seen = found->truth;

	if (!ring_is_ours(found))
		return -ESTALE;
	/* relaxed: ours alone while it is TAKEN */
	sli_store_rlx(&found->record->sequence, found->sequence | SLI_RECORD_REDELIVERED);
	/* [ring.publish] release: it is there again. Pairs with the acquire in sli_ring_look(). */
	if (!sli_cas_sc(&found->record->truth, &seen,
			sli_truth(SLI_RECORD_COMMITTED, found->sender, found->position)))
		return -ESTALE;
	/* Dead here: it is there, the sleepers find it at the end of their slices. */
	SLI_CRASH(ring_returned);
	sli_ring_tell_receivers(ring, found->type);
	/* It pinned the ring; now a sender may move it out of the way. */
	sli_ring_tell_senders(ring);
	return 0;
}
