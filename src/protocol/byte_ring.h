/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * byte_ring.h - bytes in order: layout, private view, operations
 *
 * See byte_ring.c for how it works and why it is correct.
 */
#ifndef SLI_BYTE_RING_H
#define SLI_BYTE_RING_H

#include "../sync/event.h"
#include "lock.h"

#include <stdbool.h>
#include <sys/uio.h>

/* ---- in shared memory ---------------------------------------------------------------------- */

/* Who may move a counter. */
struct sli_bytes_end {
	struct sli_lock lock;
	_Atomic uint32_t holder; /* stamp of the owner while it has reserved or peeked; a hint */
	uint32_t zero[30];
};
SLI_SIZE(struct sli_bytes_end, SLI_PAIR);

/* A counter, on a line of its own. */
struct sli_bytes_count {
	_Atomic uint64_t count; /* written by the owner of its end's lock only; it only grows */
	uint64_t zero[15];
};
SLI_SIZE(struct sli_bytes_count, SLI_PAIR);

/*
 * What waiting readers watch: what was written last. It is a hint, written after tail by the owner of
 * the write lock, who never reads it. If from is head, the words are the bytes from there on, and the
 * far ones, on the second line, if far_from is head as well.
 */
#define SLI_NEWS_WORDS 13u
#define SLI_NEWS_NEAR 6u /* words on the first line */
#define SLI_NEWS_BYTES UINT64_C(104)
#define SLI_NEWS_NEAR_BYTES UINT64_C(48)

struct sli_bytes_news {
	_Atomic uint64_t to;   /* tail, once it had moved */
	_Atomic uint64_t from; /* and before, by the last move that fits */
	_Atomic uint64_t words[SLI_NEWS_WORDS];
	_Atomic uint64_t far_from; /* likewise, by the last move with far words */
};
SLI_SIZE(struct sli_bytes_news, SLI_PAIR);
SLI_OFFSET(struct sli_bytes_news, words[SLI_NEWS_NEAR], SLI_LINE);

struct sli_byte_ring_control {
	struct sli_bytes_end write;
	struct sli_bytes_count tail; /* bytes ever written */
	struct sli_bytes_end read;
	struct sli_bytes_count head; /* bytes ever read */
	struct sli_event bytes;      /* armed by readers, fired by writers */
	struct sli_event room;       /* armed by writers, fired by readers */
	struct sli_bytes_news news;
};
SLI_SIZE(struct sli_byte_ring_control, 7 * SLI_PAIR);

/* ---- in this process ----------------------------------------------------------------------- */

/* A handle's view: addresses and geometry checked once, never read from shared memory again. */
struct sli_byte_ring {
	struct sli_byte_ring_control *control;
	unsigned char *data; /* the bytes, mapped twice in a row */
	uint64_t capacity;   /* a power of two */
	uint64_t atomic;
	int64_t number; /* for bells: 1 and up */
	struct sli_peers *peers;

	/* Written with the end's lock only. */
	uint64_t head_seen;         /* the writers' cache of head */
	_Atomic uint64_t tail_seen; /* the readers' cache of tail, or of the news */

	/* How this handle writes a lot at once: see bytes_pace(). With the write lock only. */
	struct sli_byte_pace {
		uint64_t left;    /* bytes of this trial to go */
		int64_t begun;    /* when it began; 0: none has */
		int64_t took[2];  /* what the last trial of either way took; 0: none yet */
		uint32_t trials;  /* so far */
		bool past_caches; /* the way of this trial */
		bool is_past_better;
	} pace;

	/* Do this handle's readers leave what has come to the writers for a moment? See bytes_learn(). */
	_Atomic uint32_t stands_back;
	uint32_t found_more; /* reads that found several moves, since the last such moment */

	/* What this handle has in hand; 0: nothing. Written by who holds the end. */
	_Atomic uint64_t reserved, peeked;
};

/* What is left of a caller's buffers. */
struct sli_span {
	const struct iovec *parts;
	size_t skip; /* bytes of the first one that are done */
	size_t left; /* bytes in all of them that are not */
};

enum { SLI_BYTES_IN, SLI_BYTES_OUT }; /* waiting for bytes, for room */

/* What a call that may not wait waits for another one's few instructions. */
#define SLI_BYTES_GRACE_NS INT64_C(2000000)

/*
 * Put in what there is room for, if that is at least all of @span or @atomic bytes; take out what is
 * there, if that is anything. Return: bytes, at least 1; or -EAGAIN, or what the lock's wait ended
 * with, or SLUICE_ECORRUPT. A -EAGAIN does not tell whether it was the lock.
 */
int64_t sli_bytes_write(struct sli_byte_ring *ring, struct sli_wait *wait, struct sli_span *span);
int64_t sli_bytes_read(struct sli_byte_ring *ring, struct sli_wait *wait, struct sli_span *span);

/* Hold the end, with at least @least bytes of room, or of what is there. Return: bytes in one span at
 * *@ret_data, or as above and nothing is held. */
int64_t sli_bytes_reserve(struct sli_byte_ring *ring, struct sli_wait *wait, uint64_t least,
			  unsigned char **ret_data);
int64_t sli_bytes_peek(struct sli_byte_ring *ring, struct sli_wait *wait, uint64_t least,
		       unsigned char **ret_data);

/* Let go of it: the first @size bytes are written, or read. -EINVAL: it is not held, or has less. */
int sli_bytes_commit(struct sli_byte_ring *ring, uint64_t size);
int sli_bytes_consume(struct sli_byte_ring *ring, uint64_t size);

/* Looks without a lock. */
bool sli_bytes_is_empty(const struct sli_byte_ring *ring);
/* Would a try do something? Not while somebody else holds the end in peek or reserve. */
bool sli_bytes_ready(const struct sli_byte_ring *ring, int side, uint64_t least);
/* The same, only as good as it must be to end a spin: the news may lag behind tail for ever, if a
 * writer died. */
static inline bool sli_bytes_changed(const struct sli_byte_ring *ring, int side, uint64_t least)
{
	const struct sli_byte_ring_control *control = ring->control;
	/* relaxed: the try that follows acquires */
	uint64_t head = sli_load_rlx(&control->head.count);

	if (side == SLI_BYTES_IN) {
		/* The second line comes along with the first, or it would be waited for after it. */
		__builtin_prefetch((const void *)&control->news.words[SLI_NEWS_WORDS - 1]);
		/* relaxed: likewise */
		return sli_load_rlx(&control->news.to) - head - least <= ring->capacity - least;
	}
	/* relaxed: likewise */
	return ring->capacity - (sli_load_rlx(&control->tail.count) - head) >= least;
}

/* Is there something to read, as far as this handle has seen? Then a reader need not look at the news,
 * whose lines the writers want for themselves. */
static inline bool sli_bytes_expects(const struct sli_byte_ring *ring)
{
	/* relaxed: the try that follows decides */
	uint64_t head = sli_load_rlx(&ring->control->head.count);

	return sli_load_rlx(&ring->tail_seen) - head - 1 < ring->capacity;
}

/*
 * Is so much under way that a reader who finds something had better leave it to the writers for a moment?
 * Amid that moment it asks for sli_bytes_amid(), and hands it to sli_bytes_stood_back() at its end: a
 * writer that has stopped meanwhile waits for an answer, and then that was the last such moment.
 */
static inline bool sli_bytes_stands_back(const struct sli_byte_ring *ring)
{
	/* relaxed: a hint */
	return sli_load_rlx(&ring->stands_back) != 0;
}

static inline uint64_t sli_bytes_amid(const struct sli_byte_ring *ring)
{
	/* relaxed: nothing is read by it */
	return sli_load_rlx(&ring->control->news.to);
}

static inline void sli_bytes_stood_back(struct sli_byte_ring *ring, uint64_t amid)
{
	if (sli_bytes_amid(ring) == amid)
		/* relaxed: a hint */
		sli_store_rlx(&ring->stands_back, 0u);
}

static inline struct sli_event *sli_bytes_event(const struct sli_byte_ring *ring, int side)
{
	return side == SLI_BYTES_IN ? &ring->control->bytes : &ring->control->room;
}

/* Wake everybody, ring every bell: somebody left, died, or something was removed. */
void sli_bytes_wake_all(struct sli_byte_ring *ring);

/* Take both locks from the dead; nothing else is to be repaired. */
void sli_bytes_repair(struct sli_byte_ring *ring, const uint32_t *dead, uint32_t count);

/* A moment's view for people. Return: 0 or SLUICE_ECORRUPT. */
int sli_bytes_account(const struct sli_byte_ring *ring, uint64_t *ret_tail, uint64_t *ret_head);

#endif
