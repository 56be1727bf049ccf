/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic.c - messages that every subscriber sees, in a ring of entries and a pool of chunks
 *
 * Message n lives in entry n mod N: up to 96 bytes in the entry itself, more in a chunk that the
 * entry names. Publishers write under one lock; a subscriber reads without any, writes nothing but
 * its own line, and so costs publishers nothing. Numbers are dense: each commit takes the next one,
 * and a publisher that dies before its commit leaves the number to its successor. Hence what a
 * subscriber received and what it lost always add up to what was published.
 *
 *	entry word	from		to		by whom, how
 *			EMPTY, READY(m)	BUSY(n)		publisher with the lock, m = n - N
 *			BUSY(n)		BUSY(n)		the same, after another died in there
 *			BUSY(n)		READY(n)	publisher with the lock, store release: published
 *
 *	entry far	any		n		publisher with the lock, before BUSY(n), if message n
 *							has bytes on the second line
 *
 *	chunk truth	FREE		LOAN(p)		publisher p, CAS, no lock
 *			PUBLISHED(m)	LOAN(p)		the same, if entry m is not READY(m) any more
 *			LOAN(p)		as it was	p found it pinned, or aborts (FREE)
 *			LOAN(p)		PUBLISHED(n)	p with the lock, after the commit of n
 *			LOAN(dead)	PUBLISHED(n)	repairer, if entry n names it, n the last one
 *			LOAN(dead)	FREE		repairer, otherwise
 *
 * A chunk stays LOAN until its message is committed, so no other publisher can think it idle because
 * its entry is not READY yet.
 *
 * Reading. The word of the entry is looked at, the entry read, the word looked at again; if it has
 * changed, what was read is thrown away. The second line is written before the first is touched, since
 * that one is watched, and would be taken away before the second is complete; so it has a mark of its
 * own, which is looked at after the reading, too. A chunk is pinned: its number goes into a hazard of the
 * subscriber's own line, and if the word is still READY after that, nobody writes into the chunk
 * until the hazard is cleared. Pinning costs the same for any size. A publisher takes an idle chunk
 * first and looks at all hazards then; if one names it, it puts it back and takes another. There are
 * more chunks than can be published, loaned and pinned at once, so it always finds one.
 *
 * Who may not write (SLUICE_READ_ONLY) cannot pin. It copies and looks at the word once more: a chunk is
 * not written before its entry was overwritten, so if the entry is as it was, so was the chunk. Its
 * slot is memory of its own, so all else is as with any subscriber.
 *
 * Who is too slow finds a larger number in the entry. It goes on with the oldest message there is,
 * and a second time in the same call with the middle one, so that it gets hold of one some time.
 * What it left out is counted as lost.
 *
 * Subscribers that are to be waited for publish their cursor; a publisher that reaches the limit
 * computed last asks all cursors for the new one. A subscriber joins with the lock held and clears
 * the limit, so from the moment it has joined nothing is overwritten before it came.
 *
 *	who dies				what is left		repair, with the lock
 *	publisher, amid the second line		READY(next - N), far	none: the number is used again, and
 *						is next			message next - N is lost to who needs
 *									that line
 *	publisher, before the commit		BUSY(next)		none: the number is used again
 *	publisher, commit done, next not	READY(next)		next is moved behind it
 *	publisher, with chunks on loan		LOAN(dead)		see above
 *	publisher, next done, nobody woken	-			slices end every sleep
 *	subscriber				slot, hazards		cleared; publishers are woken
 *
 * Orderings.
 * [topic.entry] word BUSY before the entry's other words, far before those of the second line, all before
 *	READY; the reader's two looks at the word around its reads, the second one at far as well: a
 *	reader that sees READY(n) twice, and far(n), has read message n.
 * [topic.hazard] a subscriber pins and then looks at the word again; a publisher has the word
 *	overwritten and then looks at the pins. A full barrier on each side: at least one sees the other.
 * [topic.unpin] clearing a hazard, and a publisher's look at it: the last reads of a chunk come
 *	before it is written again.
 * [topic.chunk] a truth word says what came before: who takes a chunk has seen its entry overwritten.
 * [topic.room] a cursor moves after the message was read. Pairs with the look of a publisher.
 * [topic.next] next is behind the commit.
 * [topic.wake] a full barrier between a commit and the look at who is asleep; see event.h.
 *
 * Hostile peers. Numbers and lengths are read once and checked; a jump of more than 2^40 messages is
 * SLUICE_ECORRUPT. A cursor that cannot be true evicts its owner. Hazards that name no chunk are
 * ignored. Whoever scribbles on truth words can have chunks torn, nothing else.
 */
#include "topic.h"
#include "../base/copy.h"
#include "../base/crash.h"

#include <errno.h>
#include <sluice.h>
#include <string.h>

#define TOPIC_GRACE_NS (2 * INT64_C(1000000))
#define TOPIC_JUMP_MOST (UINT64_C(1) << 40)
#define TOPIC_TURNS_MOST 1000
#define TOPIC_CHUNK_ALIGN 128u
#define TOPIC_PAGE 4096u

/* ---- shape --------------------------------------------------------------------------------- */

uint64_t sli_topic_chunk_size(const struct sli_topic_shape *shape)
{
	if (shape->message_max <= SLI_TOPIC_INLINE)
		return 0;
	return sli_round_up(shape->message_max,
			    shape->message_max < TOPIC_PAGE ? TOPIC_CHUNK_ALIGN : TOPIC_PAGE);
}

uint64_t sli_topic_chunks(const struct sli_topic_shape *shape)
{
	/* A publisher's loans and the one that publish copies into; a subscriber's borrows and the one
	 * that receive copies from; and the chunk that is looked for. */
	if (shape->message_max <= SLI_TOPIC_INLINE)
		return 0;
	return shape->depth + (uint64_t)shape->publishers * (shape->loans + 1) +
	       (uint64_t)shape->subscribers * (shape->borrows + 1) + 1;
}

uint64_t sli_topic_object_size(const struct sli_topic_shape *shape)
{
	return sizeof(struct sli_topic_control) +
	       (uint64_t)shape->subscribers * sizeof(struct sli_topic_slot) +
	       sli_topic_chunks(shape) * sizeof(uint64_t);
}

/* At most 2^31 entries, and as many chunks of 2^30 bytes: that does not overflow. */
uint64_t sli_topic_data_size(const struct sli_topic_shape *shape)
{
	return sli_round_up(shape->depth * sizeof(struct sli_topic_entry), TOPIC_PAGE) +
	       sli_topic_chunks(shape) * sli_topic_chunk_size(shape);
}

void sli_topic_view(struct sli_topic *topic, const struct sli_topic_shape *shape,
		    unsigned char *object, unsigned char *data)
{
	topic->control = (struct sli_topic_control *)(void *)object;
	object += sizeof(struct sli_topic_control);
	topic->slots = (struct sli_topic_slot *)(void *)object;
	object += shape->subscribers * sizeof(struct sli_topic_slot);
	topic->truths = (_Atomic uint64_t *)(void *)object;
	topic->entries = (struct sli_topic_entry *)(void *)data;
	topic->pool = data + (size_t)sli_round_up(shape->depth * sizeof(struct sli_topic_entry),
						  TOPIC_PAGE);
	topic->count = shape->depth;
	topic->chunk_size = sli_topic_chunk_size(shape);
	topic->chunks = (uint32_t)sli_topic_chunks(shape);
	topic->subscribers = shape->subscribers;
	topic->message_max = (uint32_t)shape->message_max;
}

/* ---- waking -------------------------------------------------------------------------------- */

/* Somebody armed: wake sleepers, ring bells. Every one of them is concerned. */
static SLI_COLD void topic_fire(struct sli_topic *topic, uint32_t side, uint32_t arm)
{
	struct sli_event *event = side ? &topic->control->consumed : &topic->control->published;
	uint32_t nobody = 0;

	if (arm & SLI_EVENT_ANY) {
		sli_event_count(event);
		/* Dead here: the sleepers look again at the end of their slices. */
		SLI_CRASH(topic_counted);
		topic->peers->wake(topic->peers, &event->ev, SLI_WAKE_ALL);
		nobody |= SLI_EVENT_ANY;
	}
	if ((arm & SLI_EVENT_POLL) && !topic->peers->ring(topic->peers, side, 0))
		nobody |= SLI_EVENT_POLL;
	if (nobody)
		sli_event_clear(event, arm, nobody);
}

/* After the commit and a read-modify-write. */
static inline void topic_tell(struct sli_topic *topic, uint32_t side)
{
	struct sli_event *event = side ? &topic->control->consumed : &topic->control->published;
	uint32_t arm;

	/* [topic.wake] [event.arm] commit before this look. Pairs with the swap in sli_event_arm(). */
	sli_fence_after_rmw();
	arm = sli_event_armed(event, SLI_EVENT_CLASSES);
	if (arm)
		topic_fire(topic, side, arm);
}

void sli_topic_wake_all(struct sli_topic *topic)
{
	struct sli_event *events[2] = { &topic->control->published, &topic->control->consumed };

	for (uint32_t side = 0; side < 2; side++) {
		sli_event_count(events[side]);
		topic->peers->wake(topic->peers, &events[side]->ev, SLI_WAKE_ALL);
		topic->peers->ring(topic->peers, side, 0);
	}
	topic->peers->wake(topic->peers, &topic->control->publish.lock.word, SLI_WAKE_ALL);
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* Does no message lie in @chunk, whose truth word is @truth? */
static bool topic_is_idle(const struct sli_topic *topic, uint32_t chunk, uint64_t truth)
{
	uint64_t number = truth & SLI_CHUNK_NUMBER, word;
	const struct sli_topic_entry *entry = sli_topic_entry(topic, number);

	if (sli_chunk_state(truth) == SLI_CHUNK_FREE)
		return true;
	if (sli_chunk_state(truth) != SLI_CHUNK_PUBLISHED)
		return false;
	word = sli_load_acq(&entry->word);
	/* The numbers agree in the bits that a truth word has of them. */
	if ((word & 3u) != SLI_TOPIC_READY ||
	    ((word >> SLI_TOPIC_NUMBER_SHIFT) & SLI_CHUNK_NUMBER) != number)
		return true;
	/* relaxed: of a message of that number, which has one chunk only */
	return sli_load_rlx(&entry->chunk) != chunk;
}

/* Does any subscriber read there? Those of the dead count until they are repaired after. */
static bool topic_is_pinned(const struct sli_topic *topic, uint32_t chunk)
{
	for (uint32_t i = 0; i < topic->subscribers; i++) {
		const struct sli_topic_slot *slot = &topic->slots[i];

		for (uint32_t pin = 0; pin < SLI_TOPIC_PINS; pin++)
			/* [topic.unpin] acquire: their reads. Pairs with the release in sli_topic_unpin(). */
			if (sli_load_acq(&slot->hazards[pin]) == chunk + 1)
				return true;
	}
	return false;
}

/* Take @chunk, if nobody has a use for it. */
static bool topic_take_chunk(struct sli_topic *topic, uint32_t place, uint32_t chunk)
{
	_Atomic uint64_t *truth = &topic->truths[chunk];
	uint64_t mine = sli_chunk(SLI_CHUNK_LOAN, place, 0);
	/* [topic.chunk] acquire. Pairs with the release where a message gets its chunk. */
	uint64_t was = sli_load_acq(truth), seen = was;

	if (!topic_is_idle(topic, chunk, was) || !sli_cas_sc(truth, &seen, mine))
		return false;
	/* Dead from here on: LOAN(dead), freed by the repair. */
	SLI_CRASH(topic_loaned);
	/* [topic.hazard] the entry was overwritten before this look at the pins. Pairs with the swap in
	 * topic_pin(). */
	sli_fence_after_rmw();
	if (!topic_is_pinned(topic, chunk) || SLI_MUTANT(topic_no_look_at_pins))
		return true;
	/* [topic.chunk] release: nothing was changed. */
	sli_cas_acqrel(truth, &mine, was);
	return false;
}

int sli_topic_loan(struct sli_topic *topic, struct sli_topic_writer *writer, uint32_t *ret_chunk)
{
	uint32_t at = writer->likely;

	for (uint32_t i = 0; i < topic->chunks; i++, at++) {
		if (at >= topic->chunks)
			at = 0;
		if (!topic_take_chunk(topic, writer->place, at))
			continue;
		writer->likely = at + 1;
		*ret_chunk = at;
		return 0;
	}
	return -EAGAIN;
}

int sli_topic_unloan(struct sli_topic *topic, const struct sli_topic_writer *writer, uint32_t chunk)
{
	uint64_t seen = sli_chunk(SLI_CHUNK_LOAN, writer->place, 0);

	/* [topic.chunk] release. Pairs with the acquire in topic_take_chunk(). */
	return sli_cas_acqrel(&topic->truths[chunk], &seen, sli_chunk(SLI_CHUNK_FREE, 0, 0))
		       ? 0
		       : -ESTALE;
}

/* ---- publishing ---------------------------------------------------------------------------- */

static bool topic_waits_for(uint32_t state)
{
	return (state & (SLI_TOPIC_LIVE | SLI_TOPIC_EVICTED)) == SLI_TOPIC_LIVE &&
	       sli_topic_policy(state) == SLUICE_WAIT;
}

bool sli_topic_slowest(const struct sli_topic *topic, uint32_t *ret_place, uint64_t *ret_cursor)
{
	/* relaxed: cursors are compared with it, and it only grows */
	uint64_t next = sli_load_rlx(&topic->control->publish.next), most = 0;
	bool found = false;

	for (uint32_t i = 0; i < topic->subscribers; i++) {
		uint64_t cursor;

		if (!topic_waits_for(sli_load_acq(&topic->slots[i].state)))
			continue;
		/* [topic.room] acquire: what it has read. Pairs with the release in sli_topic_advance(). */
		cursor = sli_load_acq(&topic->slots[i].cursor);
		if (found && next - cursor <= most)
			continue;
		most = next - cursor;
		*ret_place = i;
		*ret_cursor = cursor;
		found = true;
	}
	return found;
}

/* With the lock: nobody waits for the subscriber at @place any longer. */
static bool topic_evict(struct sli_topic *topic, uint32_t place)
{
	uint32_t state = sli_load_acq(&topic->slots[place].state);

	/* relaxed: the publishers' line */
	sli_store_rlx(&topic->control->publish.limit, UINT64_C(0));
	return topic_waits_for(state) &&
	       sli_cas_acqrel(&topic->slots[place].state, &state, state | SLI_TOPIC_EVICTED);
}

/* With the lock: may message @next overwrite what is in its entry? */
static int topic_make_room(struct sli_topic *topic, uint64_t next)
{
	uint64_t cursor;
	uint32_t place;

	/* relaxed: the publishers' line */
	if (SLI_LIKELY(next < sli_load_rlx(&topic->control->publish.limit)))
		return 0;
	for (;;) {
		if (!sli_topic_slowest(topic, &place, &cursor))
			cursor = next;
		if (next - cursor <= topic->count)
			break;
		/* A cursor that cannot be: its owner's error, which is to harm nobody else. */
		if (!topic_evict(topic, place))
			return -EAGAIN;
	}
	/* relaxed: as above */
	sli_store_rlx(&topic->control->publish.limit, cursor + topic->count);
	return next - cursor < topic->count ? 0 : -EAGAIN;
}

bool sli_topic_has_room(const struct sli_topic *topic)
{
	/* relaxed: a look from outside the lock; publish decides */
	uint64_t next = sli_load_rlx(&topic->control->publish.next), cursor;
	uint32_t place;

	/* relaxed: as above */
	return next < sli_load_rlx(&topic->control->publish.limit) ||
	       !sli_topic_slowest(topic, &place, &cursor) || next - cursor != topic->count;
}

/* Words @first to @end of the entry, from @length bytes at @data: somebody may be reading there. */
static inline void topic_store_words(struct sli_topic_entry *entry, const unsigned char *data,
				     uint32_t length, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		uint64_t word = 0;

		if (SLI_LIKELY(8 * i + 8 <= length))
			memcpy(&word, data + 8 * i, 8);
		else
			memcpy(&word, data + 8 * i, length - 8 * i);
		/* relaxed: [topic.entry] */
		sli_store_rlx(&entry->bytes[i], word);
	}
}

/* With the lock: message @next. */
static inline void topic_write_entry(struct sli_topic *topic, uint64_t next, uint32_t place,
				     uint32_t chunk, const void *data, uint32_t length)
{
	struct sli_topic_entry *entry = sli_topic_entry(topic, next);
	uint32_t words = chunk == SLI_TOPIC_NO_CHUNK ? (length + 7) / 8 : 0;

	/* The second line first: the other one is watched, and is taken away as soon as it can be. */
	if (words > SLI_TOPIC_NEAR) {
		/* relaxed: [topic.entry] far before the words there, by the fence. Pairs with the second
		 * look at it in topic_is_whole(). */
		sli_store_rlx(&entry->far, next);
		sli_fence_rel();
		/* Dead here: the message before is lost to who has not read it yet. */
		SLI_CRASH(topic_far);
		topic_store_words(entry, data, length, SLI_TOPIC_NEAR, words);
	}
	/* relaxed: [topic.entry] BUSY before the words below, by the fence. Pairs with the second look
	 * at the word in topic_is_whole(). */
	sli_store_rlx(&entry->word,
		      sli_topic_word(next, SLI_MUTANT(topic_early_commit) ? SLI_TOPIC_READY
									  : SLI_TOPIC_BUSY));
	sli_fence_rel();
	/* Dead from here to the commit: BUSY(next), and the number is used again. */
	SLI_CRASH(topic_busy);
	/* relaxed: [topic.entry] */
	sli_store_rlx(&entry->chunk, chunk);
	sli_store_rlx(&entry->length, length);
	sli_store_rlx(&entry->publisher, place);
	topic_store_words(entry, data, length, 0, SLI_MIN(words, SLI_TOPIC_NEAR));
	/* [topic.entry] release: published. Pairs with the acquire in sli_topic_find(). */
	sli_store_rel(&entry->word, sli_topic_word(next, SLI_TOPIC_READY));
	/* Dead here: READY(next); the repair moves next behind it. */
	SLI_CRASH(topic_committed);
}

int sli_topic_publish(struct sli_topic *topic, struct sli_topic_writer *writer,
		      struct sli_wait *wait, uint32_t chunk, const void *data, uint32_t length)
{
	struct sli_topic_publish_side *publish = &topic->control->publish;
	int r = sli_lock_take(&publish->lock, topic->peers, wait, TOPIC_GRACE_NS);
	uint64_t next, mine = sli_chunk(SLI_CHUNK_LOAN, writer->place, 0);

	if (SLI_UNLIKELY(r < 0))
		return r;
	/* relaxed: the publishers' line */
	next = sli_load_rlx(&publish->next);
	r = topic_make_room(topic, next);
	if (SLI_UNLIKELY(r < 0)) {
		(void)sli_lock_drop(&publish->lock, topic->peers);
		return r;
	}
	topic_write_entry(topic, next, writer->place, chunk, data, length);
	/* [topic.chunk] release: after the commit. Pairs with the acquire in topic_take_chunk(). */
	if (chunk != SLI_TOPIC_NO_CHUNK)
		sli_cas_acqrel(&topic->truths[chunk], &mine,
			       sli_chunk(SLI_CHUNK_PUBLISHED, writer->place, next));
	SLI_CRASH(topic_chunk_published);
	/* [topic.next] release. Pairs with the acquire in topic_skip(). */
	sli_store_rel(&publish->next, next + 1);
	r = sli_lock_drop(&publish->lock, topic->peers);
	/* Dead here: nobody is woken; slices end every sleep. */
	SLI_CRASH(topic_published);
	topic_tell(topic, 0);
	return r;
}

int sli_topic_evict(struct sli_topic *topic, struct sli_wait *wait, uint32_t place, uint64_t cursor)
{
	struct sli_lock *lock = &topic->control->publish.lock;
	int r = sli_lock_take(lock, topic->peers, wait, TOPIC_GRACE_NS);

	if (r < 0)
		return r;
	if (sli_load_acq(&topic->slots[place].cursor) == cursor)
		r = topic_evict(topic, place);
	SLI_CRASH(topic_evicted);
	(void)sli_lock_drop(lock, topic->peers);
	return r;
}

/* ---- subscribing --------------------------------------------------------------------------- */

int sli_topic_join(struct sli_topic *topic, struct sli_topic_reader *reader, struct sli_wait *wait,
		   uint64_t history, bool again)
{
	struct sli_topic_publish_side *publish = &topic->control->publish;
	struct sli_topic_slot *slot = &topic->slots[reader->place];
	int r = sli_lock_take(&publish->lock, topic->peers, wait, TOPIC_GRACE_NS);
	uint64_t next, oldest;

	if (r < 0)
		return r;
	/* relaxed: the publishers' line */
	next = sli_load_rlx(&publish->next);
	oldest = next > topic->count ? next - topic->count : 0;
	if (!again)
		reader->position = SLI_MAX(oldest, next > history ? next - history : 0);
	if (again && reader->position < oldest) {
		reader->lost += oldest - reader->position;
		reader->position = oldest;
	}
	reader->slot = slot;
	/* relaxed: for people */
	sli_store_rlx(&slot->lost, reader->lost);
	sli_store_rel(&slot->cursor, reader->position);
	/* Dead here: a free slot, or an evicted one. */
	SLI_CRASH(topic_joining);
	sli_store_rel(&slot->state, reader->generation << SLI_TOPIC_GENERATION_SHIFT |
					    reader->policy << SLI_TOPIC_POLICY_SHIFT |
					    SLI_TOPIC_LIVE);
	/* relaxed: the publishers' line, whose lock we hold */
	sli_store_rlx(&publish->limit, UINT64_C(0));
	/* Dead from here on: a slot of the dead, waited for until somebody repairs after it. */
	SLI_CRASH(topic_joined);
	return sli_lock_drop(&publish->lock, topic->peers);
}

void sli_topic_look_on(struct sli_topic *topic, struct sli_topic_reader *reader,
		       struct sli_topic_slot *own, uint64_t history)
{
	/* [topic.next] acquire. Pairs with the release in sli_topic_publish(). */
	uint64_t next = sli_load_acq(&topic->control->publish.next);
	uint64_t oldest = next > topic->count ? next - topic->count : 0;

	reader->slot = own;
	reader->position = SLI_MAX(oldest, next > history ? next - history : 0);
}

bool sli_topic_is_still(const struct sli_topic *topic, const struct sli_topic_found *found)
{
	/* Whoever writes into the chunk has seen this entry overwritten, and has passed a full barrier. */
	sli_fence_acq();
	/* relaxed: [topic.entry] one more look, after the fence. Pairs with BUSY and its fence in
	 * topic_write_entry(). */
	return sli_load_rlx(&sli_topic_entry(topic, found->number)->word) ==
		       sli_topic_word(found->number, SLI_TOPIC_READY) ||
	       SLI_MUTANT(topic_trust_the_copy);
}

void sli_topic_leave(struct sli_topic *topic, struct sli_topic_reader *reader)
{
	if (!reader->slot)
		return;
	for (uint32_t pin = 0; pin < SLI_TOPIC_PINS; pin++)
		sli_topic_unpin(topic, reader, pin);
	/* Publishers that wait for it find out when the place is left, which wakes all. */
	sli_store_rel(&reader->slot->state, 0u);
	SLI_CRASH(topic_left);
	reader->slot = NULL;
}

bool sli_topic_ready(const struct sli_topic *topic, uint64_t position)
{
	const struct sli_topic_entry *entry = sli_topic_entry(topic, position);
	uint64_t word;

	/* The second line comes along with the first, or it would be waited for after it. */
	sli_prefetch_read(&entry->far);
	/* relaxed: who finds it ready looks again */
	word = sli_load_rlx(&entry->word);
	return word == sli_topic_word(position, SLI_TOPIC_READY) ||
	       word >> SLI_TOPIC_NUMBER_SHIFT > position;
}

void sli_topic_unpin(struct sli_topic *topic, const struct sli_topic_reader *reader, uint32_t pin)
{
	(void)topic;
	/* [topic.unpin] release: our reads. Pairs with the acquire in topic_is_pinned(). */
	sli_store_rel(&reader->slot->hazards[pin], 0u);
}

/* The entry has message @number, beyond ours: go on where there still is something. */
static int topic_skip(struct sli_topic *topic, struct sli_topic_reader *reader, uint64_t number,
		      bool again)
{
	/* [topic.next] acquire. Pairs with the release in sli_topic_publish(). */
	uint64_t next = SLI_MAX(sli_load_acq(&topic->control->publish.next), number);
	uint64_t keep = again ? topic->count / 2 : topic->count;
	uint64_t target = reader->position + 1;

	if (next - reader->position > TOPIC_JUMP_MOST)
		return SLUICE_ECORRUPT;
	if (reader->policy == SLUICE_LATEST)
		keep = 1;
	if (next > keep)
		target = SLI_MAX(target, next - keep);
	reader->lost += target - reader->position;
	reader->position = target;
	/* relaxed: for people */
	sli_store_rlx(&reader->slot->lost, reader->lost);
	sli_store_rel(&reader->slot->cursor, target);
	return 0;
}

/* Only the newest counts: leave out what was published before it. */
static int topic_skip_to_latest(struct sli_topic *topic, struct sli_topic_reader *reader)
{
	/* [topic.next] acquire. Pairs with the release in sli_topic_publish(). */
	uint64_t next = sli_load_acq(&topic->control->publish.next);

	if (next <= reader->position + 1)
		return 0;
	return topic_skip(topic, reader, next, false);
}

/* Pin the chunk and see whether the entry is still the same. */
static bool topic_pin(struct sli_topic *topic, struct sli_topic_reader *reader,
		      const struct sli_topic_entry *entry, uint64_t word, uint32_t pin,
		      uint32_t chunk)
{
	/* [topic.hazard] the pin before the second look. Pairs with the barrier in topic_take_chunk(). */
	sli_swap_sc(&reader->slot->hazards[pin], chunk + 1);
	sli_fence_after_rmw();
	/* Dead from here on: a pin of the dead; the repair clears it. */
	SLI_CRASH(topic_pinned);
	/* [topic.entry] the second look. Pairs with BUSY in topic_write_entry(). */
	if (sli_load_acq(&entry->word) == word || SLI_MUTANT(topic_blind_pin))
		return true;
	sli_topic_unpin(topic, reader, pin);
	return false;
}

/* Was it read whole? The second look, with a fence before it: at the word, and at the mark of the second
 * line if @words reached there. *@ret_number: of the message that is in the entry now, or will be. */
static inline bool topic_is_whole(const struct sli_topic_entry *entry, uint64_t word,
				  uint32_t words, uint64_t *ret_number)
{
	uint64_t number = word >> SLI_TOPIC_NUMBER_SHIFT, far = number, now;

	sli_fence_acq();
	/* relaxed: [topic.entry] after the fence. Pairs with BUSY and far, and their fences, in
	 * topic_write_entry(). */
	now = sli_load_rlx(&entry->word);
	if (words > SLI_TOPIC_NEAR && !SLI_MUTANT(topic_no_look_at_far))
		far = sli_load_rlx(&entry->far);
	*ret_number = now == word ? far : now >> SLI_TOPIC_NUMBER_SHIFT;
	return (now == word || SLI_MUTANT(topic_no_second_look)) && far == number;
}

/* Read the entry, whose word was @word. 1: read; 0: overwritten meanwhile, by message *@ret_number. */
static int topic_read_entry(struct sli_topic *topic, struct sli_topic_reader *reader,
			    const struct sli_topic_entry *entry, uint64_t word, uint32_t pin,
			    struct sli_topic_found *found, uint64_t *ret_number)
{
	/* relaxed: [topic.entry] what was read counts only if the word has not changed */
	uint32_t chunk = sli_load_rlx(&entry->chunk);
	uint32_t length = sli_load_rlx(&entry->length);
	bool is_inline = chunk == SLI_TOPIC_NO_CHUNK;
	uint32_t words = is_inline ? SLI_MIN((length + 7) / 8, SLI_TOPIC_WORDS) : 0;

	/* relaxed: as above */
	found->publisher = sli_load_rlx(&entry->publisher);
	found->chunk = chunk;
	found->length = length;
	sli_copy_words(found->words, entry->bytes, 8 * words);
	if (!topic_is_whole(entry, word, words, ret_number))
		return 0;
	if (length > topic->message_max ||
	    (is_inline ? length > SLI_TOPIC_INLINE : chunk >= topic->chunks))
		return SLUICE_ECORRUPT;
	return is_inline || topic_pin(topic, reader, entry, word, pin, chunk);
}

int sli_topic_find(struct sli_topic *topic, struct sli_topic_reader *reader, uint32_t pin,
		   struct sli_topic_found *found)
{
	/* relaxed: set by a publisher that gave us up; the next call sees it at the latest */
	uint32_t state = sli_load_rlx(&reader->slot->state);
	int r = 0;

	if (SLI_UNLIKELY(state & SLI_TOPIC_EVICTED))
		return SLUICE_EEVICTED;
	if (reader->policy == SLUICE_LATEST)
		r = topic_skip_to_latest(topic, reader);
	for (int turn = 0; r == 0 && turn < TOPIC_TURNS_MOST; turn++) {
		struct sli_topic_entry *entry = sli_topic_entry(topic, reader->position);
		/* [topic.entry] acquire: the message. Pairs with the release in topic_write_entry(). */
		uint64_t word = sli_load_acq(&entry->word), number = word >> SLI_TOPIC_NUMBER_SHIFT;

		if (number > reader->position) {
			r = topic_skip(topic, reader, number, turn > 0);
			continue;
		}
		if (word != sli_topic_word(reader->position, SLI_TOPIC_READY))
			return -EAGAIN;
		r = topic_read_entry(topic, reader, entry, word, pin, found, &number);
		if (r > 0) {
			found->number = reader->position;
			found->pin = pin;
			return 0;
		}
		/* If only the second line was: by one that is amid it, or died there. */
		if (r == 0 && number != reader->position && !SLI_MUTANT(topic_stay_behind))
			r = topic_skip(topic, reader, number, turn > 0);
	}
	return r < 0 ? r : -EAGAIN;
}

int64_t sli_topic_find_few(const struct sli_topic *topic, const struct sli_topic_reader *reader,
			   void *buffer, size_t capacity, struct sli_topic_found *found)
{
	const struct sli_topic_entry *entry = sli_topic_entry(topic, reader->position);
	uint64_t word = sli_topic_word(reader->position, SLI_TOPIC_READY), number;
	uint32_t length;

	/* relaxed: as in sli_topic_find() */
	if ((sli_load_rlx(&reader->slot->state) & SLI_TOPIC_EVICTED) ||
	    reader->policy == SLUICE_LATEST)
		return -EAGAIN;
	/* [topic.entry] acquire: the message. Pairs with the release in topic_write_entry(). */
	if (sli_load_acq(&entry->word) != word)
		return -EAGAIN;
	/* relaxed: [topic.entry] what was read counts only if the word has not changed */
	length = sli_load_rlx(&entry->length);
	if (sli_load_rlx(&entry->chunk) != SLI_TOPIC_NO_CHUNK ||
	    length > SLI_MIN(capacity, (size_t)SLI_MIN(topic->message_max, SLI_TOPIC_INLINE)))
		return -EAGAIN;
	found->publisher = sli_load_rlx(&entry->publisher);
	sli_copy_words(buffer, entry->bytes, length);
	if (!topic_is_whole(entry, word, (length + 7) / 8, &number))
		return -EAGAIN;
	found->chunk = SLI_TOPIC_NO_CHUNK;
	found->length = length;
	found->number = reader->position;
	return length;
}

void sli_topic_advance(struct sli_topic *topic, struct sli_topic_reader *reader)
{
	reader->position++;
	if (reader->policy != SLUICE_WAIT) {
		/* relaxed: for people */
		sli_store_rlx(&reader->slot->cursor, reader->position);
		return;
	}
	/* [topic.room] release: what was read. Pairs with the acquire in sli_topic_slowest(). */
	sli_swap_sc(&reader->slot->cursor, reader->position);
	/* Dead here: publishers that wait look again at the end of their slices. */
	SLI_CRASH(topic_advanced);
	topic_tell(topic, 1);
}
