/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic.h - messages that every subscriber sees: layout, private view, operations
 *
 * See topic.c for how it works and why it is correct.
 */
#ifndef SLI_TOPIC_H
#define SLI_TOPIC_H

#include "../sync/event.h"
#include "lock.h"

#include <stdbool.h>

#define SLI_TOPIC_INLINE 96u /* bytes of a message that lie in its entry */
#define SLI_TOPIC_WORDS (SLI_TOPIC_INLINE / 8)
#define SLI_TOPIC_NEAR 5u  /* words that lie on the entry's first line */
#define SLI_TOPIC_PINS 16u /* a subscriber's hazards; the first is receive's own */
#define SLI_TOPIC_NO_CHUNK UINT32_MAX

/* ---- in shared memory --------------------------------------------------------------------- */

/* The publishers' line. Written by the owner of lock only, but for limit, which joining clears. */
struct sli_topic_publish_side {
	struct sli_lock lock;
	uint32_t zero;
	_Atomic uint64_t next;  /* derived: number of the next message */
	_Atomic uint64_t limit; /* derived: up to here no subscriber need be asked for room */
	uint64_t zeros[13];
};
SLI_SIZE(struct sli_topic_publish_side, SLI_PAIR);

struct sli_topic_control {
	struct sli_topic_publish_side publish;
	struct sli_event published; /* armed by subscribers, fired by publishers */
	struct sli_event
		consumed; /* armed by publishers, fired by subscribers that are waited for */
	uint64_t zeros[16];
};
SLI_SIZE(struct sli_topic_control, 4 * SLI_PAIR);

/*
 * A subscriber's line, at its place's index. Written by that subscriber, and by a repairer after its
 * death; state also by a publisher that evicts it.
 *
 *	state	from		to		by whom, how
 *		FREE		LIVE		the subscriber, with the publishers' lock
 *		LIVE		EVICTED		a publisher, with that lock, CAS
 *		EVICTED		LIVE		the subscriber, with that lock
 *		any		FREE		the subscriber, leaving; or a repairer, with its byte
 */
struct sli_topic_slot {
	_Atomic uint64_t cursor; /* number of the message it wants next */
	_Atomic uint64_t lost;   /* messages that were overwritten before it came */
	_Atomic uint32_t state;  /* place generation << 16 | policy << 8 | SLI_TOPIC_... */
	uint32_t zero;
	uint64_t zeros[5];
	_Atomic uint32_t hazards[SLI_TOPIC_PINS]; /* chunk + 1 that it reads; 0: none */
};
SLI_SIZE(struct sli_topic_slot, SLI_PAIR);
SLI_OFFSET(struct sli_topic_slot, state, 16);
SLI_OFFSET(struct sli_topic_slot, hazards, 64);

#define SLI_TOPIC_LIVE 0x1u
#define SLI_TOPIC_EVICTED 0x2u
#define SLI_TOPIC_POLICY_SHIFT 8
#define SLI_TOPIC_GENERATION_SHIFT 16

static inline uint32_t sli_topic_policy(uint32_t state)
{
	return state >> SLI_TOPIC_POLICY_SHIFT & 0xffu;
}

/* A message, on two lines. Written by the owner of the publishers' lock only. */
struct sli_topic_entry {
	_Atomic uint64_t word;      /* number << 2 | enum sli_topic_state */
	_Atomic uint32_t chunk;     /* where its bytes are; SLI_TOPIC_NO_CHUNK: here */
	_Atomic uint32_t length;    /* in bytes */
	_Atomic uint32_t publisher; /* its place, a hint */
	uint32_t zero;
	_Atomic uint64_t bytes[SLI_TOPIC_WORDS];
	_Atomic uint64_t far; /* number of the message whose bytes are on the second line */
};
SLI_SIZE(struct sli_topic_entry, SLI_PAIR);
SLI_OFFSET(struct sli_topic_entry, bytes[SLI_TOPIC_NEAR], SLI_LINE);

enum sli_topic_state { SLI_TOPIC_EMPTY, SLI_TOPIC_BUSY, SLI_TOPIC_READY };
#define SLI_TOPIC_NUMBER_SHIFT 2

/* A chunk's truth word: state << 61 | place << 48 | low 48 bits of the message's number. */
enum sli_chunk_state {
	SLI_CHUNK_FREE = 0,
	SLI_CHUNK_LOAN = 1,     /* place: the publisher that writes into it */
	SLI_CHUNK_PUBLISHED = 2 /* place: who published it; number: of that message */
};
#define SLI_CHUNK_STATE_SHIFT 61
#define SLI_CHUNK_PLACE_SHIFT 48
#define SLI_CHUNK_PLACE 0x1fffu
#define SLI_CHUNK_NUMBER ((UINT64_C(1) << 48) - 1)

static inline uint64_t sli_chunk(enum sli_chunk_state state, uint32_t place, uint64_t number)
{
	return (uint64_t)state << SLI_CHUNK_STATE_SHIFT | (uint64_t)place << SLI_CHUNK_PLACE_SHIFT |
	       (number & SLI_CHUNK_NUMBER);
}

static inline uint32_t sli_chunk_state(uint64_t truth)
{
	return (uint32_t)(truth >> SLI_CHUNK_STATE_SHIFT);
}

static inline uint32_t sli_chunk_place(uint64_t truth)
{
	return (uint32_t)(truth >> SLI_CHUNK_PLACE_SHIFT) & SLI_CHUNK_PLACE;
}

/* ---- in this process ---------------------------------------------------------------------- */

/* How many of what; from it follows where everything lies. */
struct sli_topic_shape {
	uint64_t depth;       /* messages kept, a power of two */
	uint64_t message_max; /* bytes, at most 1 GiB */
	uint32_t subscribers, publishers, loans, borrows;
};

/* Chunks that are enough: a publisher always finds one that nobody uses. 0: messages need none. */
uint64_t sli_topic_chunks(const struct sli_topic_shape *shape);
uint64_t sli_topic_chunk_size(const struct sli_topic_shape *shape);
/* Bytes of the object's control words and of its data; UINT64_MAX: beyond counting. */
uint64_t sli_topic_object_size(const struct sli_topic_shape *shape);
uint64_t sli_topic_data_size(const struct sli_topic_shape *shape);

/* A handle's view: addresses and geometry checked once, never read from shared memory again. */
struct sli_topic {
	struct sli_topic_control *control;
	struct sli_topic_slot *slots;
	_Atomic uint64_t *truths; /* one a chunk */
	struct sli_topic_entry *entries;
	unsigned char *pool;
	uint64_t count; /* entries */
	uint64_t chunk_size;
	uint32_t chunks, subscribers, message_max;
	struct sli_peers *peers;
};

/* Look at memory of that shape. */
void sli_topic_view(struct sli_topic *topic, const struct sli_topic_shape *shape,
		    unsigned char *object, unsigned char *data);

/* What a publisher remembers. Private memory, for one thread at a time. */
struct sli_topic_writer {
	uint32_t place;
	uint32_t likely; /* a chunk that was free of messages when last seen */
};

/* What a subscriber remembers. Likewise. */
struct sli_topic_reader {
	struct sli_topic_slot *slot;
	uint32_t place, generation;
	uint32_t policy; /* SLUICE_OVERWRITE ... */
	uint64_t position;
	uint64_t lost;
};

/* A message that was found, and what pins it. */
struct sli_topic_found {
	uint64_t number;
	uint64_t lost; /* messages lost right before it */
	uint32_t length;
	uint32_t publisher;
	uint32_t chunk; /* or SLI_TOPIC_NO_CHUNK: it is in words */
	uint32_t pin;
	uint64_t words[SLI_TOPIC_WORDS];
};

static inline unsigned char *sli_topic_bytes(const struct sli_topic *topic, uint32_t chunk)
{
	return topic->pool + chunk * topic->chunk_size;
}

/* A chunk to write into. Return: 0, -EAGAIN (none; only others' errors bring that about). */
int sli_topic_loan(struct sli_topic *topic, struct sli_topic_writer *writer, uint32_t *ret_chunk);
/* Give it back. 0, or -ESTALE. */
int sli_topic_unloan(struct sli_topic *topic, const struct sli_topic_writer *writer,
		     uint32_t chunk);
/* Publish a loaned chunk, or with SLI_TOPIC_NO_CHUNK @length bytes at @data, at most 96.
 * Return: 0, -EAGAIN (a subscriber is waited for), or as sli_lock_take(). */
int sli_topic_publish(struct sli_topic *topic, struct sli_topic_writer *writer,
		      struct sli_wait *wait, uint32_t chunk, const void *data, uint32_t length);
/* Would it? Reads shared words only. */
bool sli_topic_has_room(const struct sli_topic *topic);
/* The subscriber that is farthest behind of those that are waited for; false: none. */
bool sli_topic_slowest(const struct sli_topic *topic, uint32_t *ret_place, uint64_t *ret_cursor);
/* It is still at @cursor and in the way: wait for it no longer. 1: done. 0: not any more. */
int sli_topic_evict(struct sli_topic *topic, struct sli_wait *wait, uint32_t place,
		    uint64_t cursor);

/* Be a subscriber, from @history messages ago; or, with @again, from where it was. */
int sli_topic_join(struct sli_topic *topic, struct sli_topic_reader *reader, struct sli_wait *wait,
		   uint64_t history, bool again);
/* Look on from @history messages ago, with @own for a slot: nobody sees it, nobody waits, nothing is
 * pinned. What was copied of a chunk counts only if sli_topic_is_still() says so afterwards. */
void sli_topic_look_on(struct sli_topic *topic, struct sli_topic_reader *reader,
		       struct sli_topic_slot *own, uint64_t history);
bool sli_topic_is_still(const struct sli_topic *topic, const struct sli_topic_found *found);
/* Leave. */
void sli_topic_leave(struct sli_topic *topic, struct sli_topic_reader *reader);
/* Find the next message; one in a chunk is pinned by hazard @pin. Moves on only with
 * sli_topic_advance(). Return: 0, -EAGAIN, SLUICE_EEVICTED, SLUICE_ECORRUPT. */
int sli_topic_find(struct sli_topic *topic, struct sli_topic_reader *reader, uint32_t pin,
		   struct sli_topic_found *ret_found);
/* The same of a message in its entry that fits @capacity bytes, and copy it to @buffer, which may be
 * written to in vain. Return: bytes, or -EAGAIN: there may be more to it. */
int64_t sli_topic_find_few(const struct sli_topic *topic, const struct sli_topic_reader *reader,
			   void *buffer, size_t capacity, struct sli_topic_found *ret_found);
/* It was received. */
void sli_topic_advance(struct sli_topic *topic, struct sli_topic_reader *reader);
/* Nobody reads there any more. */
void sli_topic_unpin(struct sli_topic *topic, const struct sli_topic_reader *reader, uint32_t pin);
/* Is there something to be found at @position? One load. */
bool sli_topic_ready(const struct sli_topic *topic, uint64_t position);

/* Repair after the @count dead places, with the publishers' lock (topic_repair.c). */
void sli_topic_repair(struct sli_topic *topic, const uint32_t *dead, uint32_t count);
/* What a participant has on loan. */
void sli_topic_loans(const struct sli_topic *topic, uint32_t place, uint32_t *ret_reserved,
		     uint32_t *ret_borrowed);
void sli_topic_wake_all(struct sli_topic *topic);

static inline struct sli_topic_entry *sli_topic_entry(const struct sli_topic *topic,
						      uint64_t number)
{
	return &topic->entries[number & (topic->count - 1)];
}

static inline uint64_t sli_topic_word(uint64_t number, enum sli_topic_state state)
{
	return number << SLI_TOPIC_NUMBER_SHIFT | (uint64_t)state;
}

#endif
