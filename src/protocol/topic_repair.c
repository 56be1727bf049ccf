/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_repair.c - a topic after deaths, and who has what of it
 *
 * Runs with the publishers' lock and the bytes of the dead. What each death leaves behind is in the
 * table of topic.c. Every step may be repeated: a repairer that dies leaves the same or less to do.
 *
 * A dead publisher's chunk is either that of the last message (it died between the commit and the
 * truth word) or nobody's. It cannot be that of an earlier message, since it held the lock from one to
 * the other.
 */
#include "../base/crash.h"
#include "topic.h"

/* The commits are the truth: next is behind the last of them. */
static uint64_t topic_roll_next(struct sli_topic *topic)
{
	/* relaxed: the lock orders, or a death */
	uint64_t next = sli_load_rlx(&topic->control->publish.next);

	for (uint64_t i = 0; i < topic->count && !SLI_MUTANT(topic_no_roll); i++, next++)
		/* relaxed: as above */
		if (sli_load_rlx(&sli_topic_entry(topic, next)->word) !=
		    sli_topic_word(next, SLI_TOPIC_READY))
			break;
	/* [topic.next] release. Pairs with the acquire in topic_skip(). */
	sli_store_rel(&topic->control->publish.next, next);
	return next;
}

static void topic_repair_chunks(struct sli_topic *topic, uint32_t place, uint64_t next)
{
	struct sli_topic_entry *last = sli_topic_entry(topic, next - 1);
	/* relaxed: the lock orders, or a death */
	bool published = sli_load_rlx(&last->word) == sli_topic_word(next - 1, SLI_TOPIC_READY);
	uint32_t chunk = sli_load_rlx(&last->chunk);

	for (uint32_t i = 0; i < topic->chunks; i++) {
		uint64_t truth = sli_load_acq(&topic->truths[i]);

		if (sli_chunk_state(truth) != SLI_CHUNK_LOAN || sli_chunk_place(truth) != place ||
		    SLI_MUTANT(topic_keep_dead_loan))
			continue;
		/* [topic.chunk] release. Pairs with the acquire in topic_is_idle(). */
		sli_store_rel(&topic->truths[i],
			      published && chunk == i && !SLI_MUTANT(topic_free_published)
				      ? sli_chunk(SLI_CHUNK_PUBLISHED, place, next - 1)
				      : sli_chunk(SLI_CHUNK_FREE, 0, 0));
		SLI_CRASH(topic_repaired_chunk);
	}
}

static void topic_repair_slot(struct sli_topic_slot *slot)
{
	for (uint32_t i = 0; i < SLI_TOPIC_PINS; i++)
		/* [topic.unpin] release. Pairs with the acquire in topic_is_pinned(). */
		if (!SLI_MUTANT(topic_keep_dead_pin))
			sli_store_rel(&slot->hazards[i], 0u);
	if (!SLI_MUTANT(topic_wait_for_dead))
		sli_store_rel(&slot->state, 0u);
}

void sli_topic_repair(struct sli_topic *topic, const uint32_t *dead, uint32_t count)
{
	uint64_t next = topic_roll_next(topic);

	SLI_CRASH(topic_rolled);
	for (uint32_t i = 0; i < count; i++) {
		if (dead[i] < topic->subscribers)
			topic_repair_slot(&topic->slots[dead[i]]);
		else
			topic_repair_chunks(topic, dead[i], next);
	}
	/* relaxed: the lock orders. Whom there is to wait for is found out anew. */
	sli_store_rlx(&topic->control->publish.limit, UINT64_C(0));
}

void sli_topic_loans(const struct sli_topic *topic, uint32_t place, uint32_t *ret_reserved,
		     uint32_t *ret_borrowed)
{
	*ret_reserved = *ret_borrowed = 0;
	for (uint32_t i = 0; place >= topic->subscribers && i < topic->chunks; i++) {
		uint64_t truth = sli_load_acq(&topic->truths[i]);

		*ret_reserved += sli_chunk_state(truth) == SLI_CHUNK_LOAN &&
				 sli_chunk_place(truth) == place;
	}
	for (uint32_t i = 0; place < topic->subscribers && i < SLI_TOPIC_PINS; i++)
		*ret_borrowed += sli_load_acq(&topic->slots[place].hazards[i]) != 0;
}
