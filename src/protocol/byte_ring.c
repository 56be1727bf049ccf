/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * byte_ring.c - bytes in order, many writers, many readers, nothing to repair
 *
 * Two counters say everything: tail, the bytes ever written, and head, the bytes ever read. What
 * lies between them is in the ring, at the counters' places modulo its capacity. The bytes are
 * mapped twice in a row, so that any span of up to capacity bytes is contiguous in memory.
 *
 *	write: take the write lock; is there room? copy in; tail += n; news; drop the lock; wake readers
 *	read:  take the read lock; is something there? copy out; head += n; drop the lock; wake writers
 *
 * Each counter moves by one store of the owner of its lock, after the copy. So there is no state
 * between written and not written: who dies before the store has done nothing that anybody can see,
 * who dies after it has done everything. Only the lock is left behind, and that is taken from the
 * dead (lock.c); bytes are never repaired.
 *
 *	counter	from	to	by whom, how
 *	tail	t	t + n	the write lock's owner; release, once a piece, after the bytes
 *	head	h	h + n	the read lock's owner; release, once a piece, after they were copied
 *
 *	who dies			what is found			who sees to it
 *	a writer, copying or reserved	tail as before, the lock held	the next writer takes the lock
 *	a reader, copying or peeked	head as before, the lock held	the next reader takes the lock
 *	after the store, lock held	the move is done, the lock held	likewise
 *	before or amid the news		tail has moved, the news not	readers look at tail before they
 *									sleep or give up
 *	after the drop, before waking	sleepers that nobody woke	their slices end
 *
 * News. A reader that waits needs two lines of the writer's cache, one after the other: that of tail,
 * and that of the bytes. And a writer that loads a line which a reader watches waits for it as well,
 * since some processors hand a changed line over to who reads it. So tail is left to the writers, and
 * readers watch the news: where tail went, and, beside it, the bytes themselves if they were few. The
 * news are only ever stored to, after tail, and never truth: a reader that finds in them the move
 * that began at its head, complete, takes the bytes from there; any other takes them from the ring;
 * and one that finds nothing new looks at tail before it sleeps or gives up. Positions never come
 * back, so old news are not mistaken for new ones. Moves that are too long for the news change nothing
 * but to, which then is too far from from.
 *
 * The news are two lines. Readers watch the first and ask for the second at each look, so that both
 * come at once. A writer is done with the second line before it touches the first, which is taken away
 * from it as soon as it can be; hence a mark on each.
 *
 *	news		from	to	by whom, how
 *	far_from	any	t	the write lock's owner, after tail; before the far words, by a fence
 *	from		any	t	likewise; before the near words
 *	to		any	t + n	likewise; release, at last
 *
 * A reader that keeps up with short moves has those lines all the time, and the writer waits for them at
 * each; see bytes_learn() for what is done about that.
 *
 * Long copies go through the caches or past them, whichever is found to be faster; see bytes_pace().
 * They move the counter every BYTES_PIECE bytes, so that the other side works on the first
 * piece while this one copies the second. A write of up to @atomic bytes is one piece.
 *
 * Orderings.
 * [bytes.publish] a writer's bytes before its store of tail, that store before a reader's copy.
 * [bytes.news] what a reader took for the bytes of a move was not touched by the next one: a mark comes
 * before its words, the reader's second look at it after the copy.
 * [bytes.room] a reader's copy before its store of head, that store before a writer overwrites.
 * [bytes.wake] the store of a counter before the look at who sleeps; see [event.arm] in event.h.
 *
 * Waking. Who sleeps is woken with all others of its kind: ends with many sleepers are rare, and a
 * woken one that dies takes nothing along. Writers are told of room from @atomic bytes up, since
 * that is the most that any of them waits for; one that waits for less than a reader freed finds it
 * when its slice is over. (A pipe of the kernel frees whole pages.)
 *
 * Validation. tail - head is checked against the capacity at every use, and positions are taken
 * modulo the capacity in private memory, so a hostile peer can invent or lose bytes but not lead a
 * copy out of the ring. The news have a fixed length and are copied out before they are believed.
 */
#include "byte_ring.h"
#include "../base/copy.h"
#include "../base/crash.h"
#include "../base/time.h"

#include <errno.h>
#include <sluice.h>

#define PACE_LEAST ((size_t)4096)      /* shorter copies are not worth a thought */
#define PACE_TRIAL (UINT64_C(8) << 20) /* bytes */
#define PACE_OTHER 32u                 /* one trial in so many is of the other way */

/* Long enough that the barrier behind it costs nothing, short enough to stay in a core's cache. */
#define BYTES_PIECE UINT64_C(16384)

/* A short write asks for the lines of those to come, or each waits for its own at the lock's swap. */
#define BYTES_AHEAD 512u

/* Standing back: so many moves have to come of it, and before each first try several were found at once so
 * often. */
#define BYTES_MANY 8u
#define BYTES_PROBE 64u

/* ---- waking -------------------------------------------------------------------------------- */

/* Somebody armed: wake sleepers, ring bells. */
static SLI_COLD void bytes_fire(struct sli_byte_ring *ring, int side, uint32_t arm)
{
	struct sli_event *event = sli_bytes_event(ring, side);
	uint32_t nobody = arm & SLI_EVENT_CLASSES & ~SLI_EVENT_POLL;

	if (nobody) {
		sli_event_count(event);
		/* Dead here: the sleepers look again at the end of their slices. */
		SLI_CRASH(bytes_counted);
		ring->peers->wake(ring->peers, &event->ev, SLI_WAKE_ALL);
	}
	if ((arm & SLI_EVENT_POLL) && !ring->peers->ring(ring->peers, (uint32_t)side, ring->number))
		nobody |= SLI_EVENT_POLL;
	sli_event_clear(event, arm, nobody);
}

/* After a full barrier that follows the store of a counter. */
static inline void bytes_tell(struct sli_byte_ring *ring, int side)
{
	/* [bytes.wake] [event.arm] the store before this look. Pairs with the swap in sli_event_arm(). */
	uint32_t arm = sli_event_armed(sli_bytes_event(ring, side), SLI_EVENT_CLASSES);

	if (arm)
		bytes_fire(ring, side, arm);
}

/* Readers took something: is there room for any writer now? */
static inline void bytes_tell_writers(struct sli_byte_ring *ring)
{
	uint32_t arm = sli_event_armed(&ring->control->room, SLI_EVENT_CLASSES);

	/* [bytes.wake] [event.arm] as in bytes_tell(); a barrier came before. */
	if (arm && sli_bytes_changed(ring, SLI_BYTES_OUT, ring->atomic))
		bytes_fire(ring, SLI_BYTES_OUT, arm);
}

void sli_bytes_wake_all(struct sli_byte_ring *ring)
{
	for (int side = SLI_BYTES_IN; side <= SLI_BYTES_OUT; side++) {
		struct sli_event *event = sli_bytes_event(ring, side);

		sli_event_count(event);
		ring->peers->wake(ring->peers, &event->ev, SLI_WAKE_ALL);
		ring->peers->ring(ring->peers, (uint32_t)side, 0);
	}
	ring->peers->wake(ring->peers, &ring->control->write.lock.word, SLI_WAKE_ALL);
	ring->peers->wake(ring->peers, &ring->control->read.lock.word, SLI_WAKE_ALL);
}

/* ---- copying ------------------------------------------------------------------------------- */

static inline unsigned char *bytes_at(const struct sli_byte_ring *ring, uint64_t position)
{
	return ring->data + (size_t)(position & (ring->capacity - 1));
}

/* The next stretch of the caller's buffers, at most @size bytes, which are not more than all; it is
 * done with. */
static inline size_t span_take(struct sli_span *span, size_t size, unsigned char **ret_base)
{
	size_t taken;

	while (SLI_UNLIKELY(span->skip == span->parts->iov_len)) {
		span->parts++;
		span->skip = 0;
	}
	taken = SLI_MIN(span->parts->iov_len - span->skip, size);
	*ret_base = (unsigned char *)span->parts->iov_base + span->skip;
	span->skip += taken;
	span->left -= taken;
	return taken;
}

/*
 * Past the caches or through them? That depends on where the two processors are, and on machines of
 * today the answers differ by a factor of two and more, either way. So each is tried for a few
 * megabytes, and the better one is used until it is time to try the other again. What a trial takes
 * includes the waits for room, and so the reader's part. A program that writes now and then learns
 * nothing, and loses nothing.
 */
static void bytes_pace_next(struct sli_byte_pace *pace)
{
	int64_t now = sli_now();

	if (pace->begun) {
		pace->took[pace->past_caches] = now - pace->begun;
		if (pace->took[0] && pace->took[1]) {
			int64_t better = pace->took[pace->is_past_better];
			int64_t other = pace->took[!pace->is_past_better];

			/* By a good deal, or it would change with every hiccup. */
			if (other < better - better / 4)
				pace->is_past_better = !pace->is_past_better;
		}
		pace->trials++;
	}
	pace->begun = now;
	pace->left = PACE_TRIAL;
	pace->past_caches = pace->is_past_better != (pace->trials % PACE_OTHER == 1);
}

static inline bool bytes_pace(struct sli_byte_ring *ring, size_t size)
{
	struct sli_byte_pace *pace = &ring->pace;

	if (!SLI_CAN_COPY_PAST_CACHES || size < PACE_LEAST)
		return false;
	if (pace->left < size)
		bytes_pace_next(pace);
	pace->left -= size;
	return pace->past_caches;
}

static inline void bytes_copy_in(struct sli_byte_ring *ring, unsigned char *to,
				 struct sli_span *span, size_t size)
{
	unsigned char *from;

	while (size) {
		size_t n = span_take(span, size, &from);

		if (n <= SLI_NEWS_BYTES)
			sli_copy_few(to, from, n);
		else if (bytes_pace(ring, n))
			sli_copy_past_caches(to, from, n);
		else
			memcpy(to, from, n);
		to += n;
		size -= n;
	}
}

/* Of @there bytes. */
static inline void bytes_copy_out(const unsigned char *from, struct sli_span *span, size_t size,
				  size_t there)
{
	unsigned char *to;

	while (size) {
		size_t n = span_take(span, size, &to);

		if (n <= SLI_NEWS_BYTES)
			sli_copy_few(to, from, n);
		else
			sli_copy_out(to, from, n, there);
		from += n;
		size -= n;
		there -= n;
	}
}

/* ---- what there is ------------------------------------------------------------------------- */

/* With the write lock: is there room behind @tail for @least? Return: bytes of room, or negative. */
static int64_t bytes_look_for_room(struct sli_byte_ring *ring, uint64_t tail, uint64_t least)
{
	uint64_t used;

	/* [bytes.room] acquire: the readers' copies come before ours. Pairs with the release of head. */
	ring->head_seen = sli_load_acq(&ring->control->head.count);
	used = tail - ring->head_seen;
	if (used > ring->capacity)
		return SLUICE_ECORRUPT;
	return ring->capacity - used >= least ? (int64_t)(ring->capacity - used) : -EAGAIN;
}

/* The same; looks at head only when its cache does not do. */
static inline int64_t bytes_room(struct sli_byte_ring *ring, uint64_t tail, uint64_t least)
{
	uint64_t used = tail - ring->head_seen;

	if (SLI_LIKELY(used <= ring->capacity && ring->capacity - used >= least))
		return (int64_t)(ring->capacity - used);
	return bytes_look_for_room(ring, tail, least);
}

/* With the read lock: are @least bytes there from @head on? Return: bytes, or negative. */
static inline int64_t bytes_look_for_more(struct sli_byte_ring *ring, uint64_t head, uint64_t least)
{
	/* [bytes.publish] acquire: the writers' copies come before ours. Pairs with the release of
	 * tail. */
	uint64_t tail = sli_load_acq(&ring->control->tail.count), there = tail - head;

	/* relaxed: a cache, see bytes_expected() */
	sli_store_rlx(&ring->tail_seen, tail);
	if (there > ring->capacity)
		return SLUICE_ECORRUPT;
	return there >= least ? (int64_t)there : -EAGAIN;
}

/* The same, as far as was seen before: bytes, or 0. */
static inline uint64_t bytes_expected(const struct sli_byte_ring *ring, uint64_t head)
{
	/* relaxed: whoever saw them acquired, and had the lock before us */
	uint64_t there = sli_load_rlx(&ring->tail_seen) - head;

	return there <= ring->capacity ? there : 0;
}

/* The same, as far as the news say: bytes, or 0. */
static inline uint64_t bytes_known(struct sli_byte_ring *ring, uint64_t head)
{
	/* [bytes.publish] acquire: the writers' copies come before ours. Pairs with the release of
	 * to. */
	uint64_t to = sli_load_acq(&ring->control->news.to), there = to - head;

	/* relaxed: a cache, see bytes_expected() */
	sli_store_rlx(&ring->tail_seen, to);
	return there <= ring->capacity ? there : 0;
}

bool sli_bytes_is_empty(const struct sli_byte_ring *ring)
{
	/* [bytes.publish] acquire. Pairs with the release of tail. */
	return sli_load_acq(&ring->control->tail.count) == sli_load_acq(&ring->control->head.count);
}

/* Somebody who lives, or is not known to be dead, has it in hand. */
static bool bytes_is_held(const struct sli_bytes_end *end)
{
	uint32_t holder = sli_load_acq(&end->holder);

	return holder && (sli_load_acq(&end->lock.word) & SLI_STAMP) == holder;
}

bool sli_bytes_ready(const struct sli_byte_ring *ring, int side, uint64_t least)
{
	const struct sli_byte_ring_control *control = ring->control;

	uint64_t used = sli_load_acq(&control->tail.count) - sli_load_acq(&control->head.count);

	if (bytes_is_held(side == SLI_BYTES_IN ? &control->read : &control->write))
		return false;
	return side == SLI_BYTES_IN ? used >= least : ring->capacity - used >= least;
}

int sli_bytes_account(const struct sli_byte_ring *ring, uint64_t *ret_tail, uint64_t *ret_head)
{
	/* Head first: it may move on, but never past the tail read afterwards. */
	*ret_head = sli_load_acq(&ring->control->head.count);
	*ret_tail = sli_load_acq(&ring->control->tail.count);
	for (int tries = 0; *ret_tail - *ret_head > ring->capacity && tries < 1000; tries++) {
		*ret_head = sli_load_acq(&ring->control->head.count);
		*ret_tail = sli_load_acq(&ring->control->tail.count);
	}
	return *ret_tail - *ret_head > ring->capacity ? SLUICE_ECORRUPT : 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Words @first to @end of the news become those of the move that began at @from, as @mark says. */
static inline void bytes_announce_words(struct sli_bytes_news *news, _Atomic uint64_t *mark,
					const unsigned char *bytes, uint64_t from, uint64_t first,
					uint64_t end)
{
	/* relaxed: the fence orders */
	sli_store_rlx(mark, from);
	/* [bytes.news] release: the last move's are taken back before they change. Pairs with the fence
	 * in bytes_copy_news(). */
	sli_fence_rel();
	for (uint64_t i = first; i < end; i++) {
		uint64_t word;

		/* Whole words: what lies behind the last byte does not matter. */
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		/* relaxed: the store of to orders */
		sli_store_rlx(&news->words[i], word);
	}
}

/* Tail has moved on by @size bytes from @from: tell the readers who watch. With the write lock. */
static inline void bytes_announce(struct sli_byte_ring *ring, uint64_t from, uint64_t size)
{
	struct sli_bytes_news *news = &ring->control->news;
	const unsigned char *bytes = bytes_at(ring, from);
	uint64_t end = (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);

	if (size <= SLI_NEWS_BYTES) {
		if (end > SLI_NEWS_NEAR)
			bytes_announce_words(news, &news->far_from, bytes, from, SLI_NEWS_NEAR,
					     end);
		/* Dead here: the far words are taken back, and the bytes in the ring, as tail says. */
		SLI_CRASH(bytes_announced_far);
		/* The line that readers watch comes last and in one go, or they take it away in between. */
		bytes_announce_words(news, &news->from, bytes, from, 0,
				     SLI_MIN(end, (uint64_t)SLI_NEWS_NEAR));
		/* Dead here: likewise. */
		SLI_CRASH(bytes_announcing);
	}
	/* [bytes.publish] [bytes.news] release: the bytes, the words. Pairs with the acquires in
	 * bytes_known() and bytes_copy_news(). */
	sli_store_rel(&news->to, from + size);
	/* Dead from here on: whoever watches knows. */
	SLI_CRASH(bytes_announced);
}

/* Where all of what is left is, if it is one piece, else NULL. */
static inline unsigned char *span_one(const struct sli_span *span)
{
	const struct iovec *part = span->parts;

	return span->left == part->iov_len - span->skip
		       ? (unsigned char *)part->iov_base + span->skip
		       : NULL;
}

/* With the write lock: the common short write, all of it, if there is known to be room. Return: bytes,
 * or 0: there is more to it. The fewer instructions until the news are out, the better. */
static inline int64_t bytes_write_few(struct sli_byte_ring *ring, struct sli_span *span,
				      const unsigned char *from, size_t size)
{
	/* relaxed: only the lock's owner moves it */
	uint64_t tail = sli_load_rlx(&ring->control->tail.count);
	uint64_t used = tail - ring->head_seen;

	if (!from || used > ring->capacity || ring->capacity - used < size)
		return 0;
	sli_copy_few(bytes_at(ring, tail), from, size);
	/* Dead here: nothing was written. */
	SLI_CRASH(bytes_copied_few);
	/* [bytes.publish] release: the bytes. Pairs with the acquire in bytes_look_for_more(). */
	sli_store_rel(&ring->control->tail.count, tail + size);
	/* Dead from here on: they were. */
	SLI_CRASH(bytes_published_few);
	bytes_announce(ring, tail, size);
	/* The readers have those lines since the last lap. */
	sli_prefetch_write(bytes_at(ring, tail + BYTES_AHEAD));
	span->skip += size;
	span->left = 0;
	return (int64_t)size;
}

/* With the write lock. Out of line: the short write needs the registers. */
static SLI_NOINLINE int64_t bytes_write_pieces(struct sli_byte_ring *ring, struct sli_span *span)
{
	/* relaxed: only the lock's owner moves it */
	uint64_t tail = sli_load_rlx(&ring->control->tail.count);
	int64_t room = bytes_room(ring, tail, SLI_MIN((uint64_t)span->left, ring->atomic));
	int64_t done = 0;

	while (room > 0) {
		uint64_t size = SLI_MIN((uint64_t)span->left, (uint64_t)room);

		/* What must not be divided is one piece. */
		if (size > SLI_MAX(BYTES_PIECE, ring->atomic))
			size = BYTES_PIECE;
		bytes_copy_in(ring, bytes_at(ring, tail), span, (size_t)size);
		/* Dead here: nothing was written. */
		SLI_CRASH(bytes_copied_in);
		tail += size;
		/* [bytes.publish] release: the bytes. Pairs with the acquire in bytes_look_for_more(). */
		sli_store_rel(&ring->control->tail.count, tail);
		/* Dead from here on: it was. */
		SLI_CRASH(bytes_published);
		bytes_announce(ring, tail - size, size);
		done += (int64_t)size;
		if (!span->left)
			break;
		sli_fence_sc();
		bytes_tell(ring, SLI_BYTES_IN);
		room = bytes_room(ring, tail, SLI_MIN((uint64_t)span->left, ring->atomic));
	}
	return done || room >= 0 ? done : room;
}

int64_t sli_bytes_write(struct sli_byte_ring *ring, struct sli_wait *wait, struct sli_span *span)
{
	struct sli_lock *lock = &ring->control->write.lock;
	/* Before the lock, whose swap later loads have to wait for. */
	const unsigned char *few = span->left <= SLI_NEWS_BYTES ? span_one(span) : NULL;
	size_t size = span->left;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_BYTES_GRACE_NS);
	int64_t done;

	if (SLI_UNLIKELY(r < 0))
		return r;
	done = bytes_write_few(ring, span, few, size);
	if (SLI_UNLIKELY(!done))
		done = bytes_write_pieces(ring, span);
	r = sli_lock_drop(lock, ring->peers);
	if (SLI_UNLIKELY(done <= 0))
		return done;
	sli_fence_after_rmw();
	bytes_tell(ring, SLI_BYTES_IN);
	return r < 0 ? r : done;
}

int64_t sli_bytes_reserve(struct sli_byte_ring *ring, struct sli_wait *wait, uint64_t least,
			  unsigned char **ret_data)
{
	struct sli_bytes_end *end = &ring->control->write;
	int r = sli_lock_take(&end->lock, ring->peers, wait, SLI_BYTES_GRACE_NS);
	uint64_t tail;
	int64_t room;

	if (r < 0)
		return r;
	/* relaxed: only the lock's owner moves it */
	tail = sli_load_rlx(&ring->control->tail.count);
	room = bytes_look_for_room(ring, tail, least);
	if (room <= 0) {
		r = sli_lock_drop(&end->lock, ring->peers);
		return r < 0 ? r : room;
	}
	*ret_data = bytes_at(ring, tail);
	sli_store_rel(&end->holder, ring->peers->self);
	sli_store_rel(&ring->reserved, (uint64_t)room);
	/* Dead from here on: tail has not moved, nothing was written. */
	SLI_CRASH(bytes_reserved);
	return room;
}

/* Is the end still ours? Not if we were taken for dead meanwhile (the program closed our descriptors). */
static bool bytes_is_ours(const struct sli_byte_ring *ring, const struct sli_bytes_end *end)
{
	return (sli_load_acq(&end->lock.word) & SLI_STAMP) == ring->peers->self;
}

/* Let go of an end that was held: pollers that saw it held are told as well. */
static int bytes_let_go(struct sli_byte_ring *ring, struct sli_bytes_end *end)
{
	int r;

	sli_store_rel(&end->holder, 0u);
	r = sli_lock_drop(&end->lock, ring->peers);
	sli_fence_after_rmw();
	bytes_tell(ring, SLI_BYTES_IN);
	bytes_tell(ring, SLI_BYTES_OUT);
	return r;
}

int sli_bytes_commit(struct sli_byte_ring *ring, uint64_t size)
{
	uint64_t room = sli_load_acq(&ring->reserved);
	/* relaxed: only the lock's owner moves it */
	uint64_t tail = sli_load_rlx(&ring->control->tail.count);

	if (!room || size > room)
		return -EINVAL;
	sli_store_rel(&ring->reserved, UINT64_C(0));
	if (!bytes_is_ours(ring, &ring->control->write))
		return -ESTALE;
	if (size)
		/* [bytes.publish] release: the bytes. Pairs with the acquire in bytes_look_for_more(). */
		sli_store_rel(&ring->control->tail.count, tail + size);
	/* Dead from here on: they were written. */
	SLI_CRASH(bytes_committed);
	if (size)
		bytes_announce(ring, tail, size);
	return bytes_let_go(ring, &ring->control->write);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Do the news have the bytes at @head? Then copy at most @size of them to @to, which may be written to
 * in vain. Return: bytes, or 0. */
static inline uint64_t bytes_copy_news(struct sli_byte_ring *ring, uint64_t head, unsigned char *to,
				       uint64_t size)
{
	struct sli_bytes_news *news = &ring->control->news;
	/* [bytes.publish] acquire. Pairs with the release of to. */
	uint64_t there = sli_load_acq(&news->to) - head;

	/* relaxed: to was acquired, with from and the words before it. The look after the copy would do;
	 * this one spares copies in vain. */
	if (there == 0 || there > SLI_NEWS_BYTES || sli_load_rlx(&news->from) != head)
		return 0;
	size = SLI_MIN(size, there);
	sli_copy_words(to, news->words, (size_t)size);
	/* [bytes.news] acquire: still the same after the copy? Pairs with the release fence in
	 * bytes_announce_words(). */
	sli_fence_acq();
	/* relaxed: as above */
	if (size > SLI_NEWS_NEAR_BYTES && sli_load_rlx(&news->far_from) != head &&
	    !SLI_MUTANT(news_no_far_look))
		return 0;
	return sli_load_rlx(&news->from) == head || SLI_MUTANT(news_no_second_look) ? size : 0;
}

/*
 * With the read lock: a reader that was not behind found @there bytes. One that takes each short move as it
 * comes keeps the writer waiting for its lines, move after move; one that leaves them to the writer for
 * a moment then finds many. Is that what goes on here, or does somebody wait for each answer? Several
 * moves at once are a sign of the first. So that is tried now and then, and kept up while it pays: the
 * writer goes on writing, see sli_bytes_stood_back(), and much comes of it, here by the size of the last
 * move.
 */
static inline void bytes_learn(struct sli_byte_ring *ring, uint64_t head, uint64_t there)
{
	/* relaxed: a hint */
	uint64_t last = head + there - sli_load_rlx(&ring->control->news.from);
	uint64_t moves = last - 1 < SLI_NEWS_BYTES ? there / last : 0;

	if (sli_bytes_stands_back(ring)) {
		if (moves < BYTES_MANY)
			/* relaxed: likewise */
			sli_store_rlx(&ring->stands_back, 0u);
	} else if (moves > 1 && ++ring->found_more >= BYTES_PROBE) {
		ring->found_more = 0;
		/* relaxed: likewise */
		sli_store_rlx(&ring->stands_back, 1u);
	}
}

/* With the read lock: a short read of what was just written, without a look at tail or the ring.
 * Return: bytes; or 0: there is more to it. */
static inline int64_t bytes_read_news(struct sli_byte_ring *ring, uint64_t head,
				      struct sli_span *span)
{
	unsigned char *to = span_one(span);
	uint64_t size = to ? bytes_copy_news(ring, head, to, span->left) : 0;

	if (!size)
		return 0;
	/* Dead here: nothing was read. */
	SLI_CRASH(bytes_copied_news);
	/* [bytes.room] release: our copy comes first. Pairs with the acquire in bytes_look_for_room(). */
	sli_store_rel(&ring->control->head.count, head + size);
	span->skip += (size_t)size;
	span->left -= (size_t)size;
	return (int64_t)size;
}

/* With the read lock. */
static inline int64_t bytes_read_pieces(struct sli_byte_ring *ring, struct sli_span *span)
{
	/* relaxed: only the lock's owner moves it */
	uint64_t head = sli_load_rlx(&ring->control->head.count);
	int64_t there = (int64_t)bytes_expected(ring, head), done = 0;

	/* Who is behind does not look at what the writers write: they want it for themselves. */
	if (!there) {
		done = bytes_read_news(ring, head, span);
		if (SLI_LIKELY(done)) {
			if (SLI_UNLIKELY(sli_bytes_stands_back(ring)))
				bytes_learn(ring, head, (uint64_t)done);
			return done;
		}
		there = (int64_t)bytes_known(ring, head);
		bytes_learn(ring, head, (uint64_t)there);
	}
	if (!there)
		there = bytes_look_for_more(ring, head, 1);

	while (there > 0) {
		uint64_t size = SLI_MIN((uint64_t)span->left, (uint64_t)there);

		size = SLI_MIN(size, BYTES_PIECE);
		bytes_copy_out(bytes_at(ring, head), span, (size_t)size, (size_t)there);
		/* Dead here: nothing was read. */
		SLI_CRASH(bytes_copied_out);
		head += size;
		/* [bytes.room] release: our copy comes first. Pairs with the acquire in bytes_look_for_room(). */
		sli_store_rel(&ring->control->head.count, head);
		/* Dead from here on: it was. */
		SLI_CRASH(bytes_freed);
		done += (int64_t)size;
		if (!span->left)
			break;
		there = (int64_t)bytes_expected(ring, head);
		if (!there)
			there = (int64_t)bytes_known(ring, head);
		if (there) {
			sli_fence_sc();
			bytes_tell_writers(ring);
		}
	}
	return done || there >= 0 ? done : there;
}

int64_t sli_bytes_read(struct sli_byte_ring *ring, struct sli_wait *wait, struct sli_span *span)
{
	struct sli_lock *lock = &ring->control->read.lock;
	int r = sli_lock_take(lock, ring->peers, wait, SLI_BYTES_GRACE_NS);
	int64_t done;

	if (SLI_UNLIKELY(r < 0))
		return r;
	done = bytes_read_pieces(ring, span);
	r = sli_lock_drop(lock, ring->peers);
	if (SLI_UNLIKELY(done <= 0))
		return done;
	sli_fence_after_rmw();
	bytes_tell_writers(ring);
	return r < 0 ? r : done;
}

int64_t sli_bytes_peek(struct sli_byte_ring *ring, struct sli_wait *wait, uint64_t least,
		       unsigned char **ret_data)
{
	struct sli_bytes_end *end = &ring->control->read;
	int r = sli_lock_take(&end->lock, ring->peers, wait, SLI_BYTES_GRACE_NS);
	uint64_t head;
	int64_t there;

	if (r < 0)
		return r;
	/* relaxed: only the lock's owner moves it */
	head = sli_load_rlx(&ring->control->head.count);
	there = bytes_look_for_more(ring, head, least);
	if (there <= 0) {
		r = sli_lock_drop(&end->lock, ring->peers);
		return r < 0 ? r : there;
	}
	*ret_data = bytes_at(ring, head);
	sli_store_rel(&end->holder, ring->peers->self);
	sli_store_rel(&ring->peeked, (uint64_t)there);
	/* Dead from here on: head has not moved, the bytes are the next reader's. */
	SLI_CRASH(bytes_peeked);
	return there;
}

int sli_bytes_consume(struct sli_byte_ring *ring, uint64_t size)
{
	uint64_t there = sli_load_acq(&ring->peeked);
	/* relaxed: only the lock's owner moves it */
	uint64_t head = sli_load_rlx(&ring->control->head.count);

	if (!there || size > there)
		return -EINVAL;
	sli_store_rel(&ring->peeked, UINT64_C(0));
	if (!bytes_is_ours(ring, &ring->control->read))
		return -ESTALE;
	if (size)
		/* [bytes.room] release: our reads come first. Pairs with the acquire in bytes_look_for_room(). */
		sli_store_rel(&ring->control->head.count, head + size);
	/* Dead from here on: they were read. */
	SLI_CRASH(bytes_consumed);
	return bytes_let_go(ring, &ring->control->read);
}

/* ---- death --------------------------------------------------------------------------------- */

void sli_bytes_repair(struct sli_byte_ring *ring, const uint32_t *dead, uint32_t count)
{
	struct sli_bytes_end *ends[2] = { &ring->control->write, &ring->control->read };

	for (int i = 0; i < 2 && !SLI_MUTANT(keep_dead_end); i++) {
		uint32_t stamp;

		if (sli_lock_seize(&ends[i]->lock, ring->peers, dead, count, &stamp) < 0)
			continue; /* a living one's: nothing of the dead is left in it */
		/* Dead here: the lock carries our stamp; the next repairer finds us dead as well. */
		SLI_CRASH(bytes_seized);
		/* relaxed: a hint */
		if (stamp)
			sli_store_rlx(&ends[i]->holder, 0u);
		(void)sli_lock_drop(&ends[i]->lock, ring->peers);
	}
}
