/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * log_ring.h - the message log: layout, private view, operations
 *
 * See log_ring.c for how it works and why it is correct.
 */
#ifndef SLI_LOG_RING_H
#define SLI_LOG_RING_H

#include "../sync/event.h"
#include "lock.h"

#include <sluice.h>
#include <stdbool.h>
#include <string.h>

/* ---- in shared memory --------------------------------------------------------------------- */

/* The senders' line. Written by the owner of lock only. */
struct sli_ring_send_side {
	struct sli_lock lock;
	uint32_t zero;
	_Atomic uint64_t tail;        /* derived: where the next record goes */
	_Atomic uint64_t next;        /* derived: sequence number of the next record */
	_Atomic uint64_t head_seen;   /* cache of the receivers' head */
	_Atomic uint64_t passed_seen; /* cache of the receivers' passed */
	_Atomic uint64_t cleared;     /* derived: truth words behind tail, up to here, are 0 */
	_Atomic uint64_t holes_seen;  /* when a sender last looked in vain for holes: holes, */
	_Atomic uint64_t holes_head;  /* and head, */
	_Atomic uint64_t holes_lines; /* and for how many lines */
	uint64_t zeros[7];
};
SLI_SIZE(struct sli_ring_send_side, SLI_PAIR);

/* The receivers' line. Written by the owner of lock only, but for holes and rotated. */
struct sli_ring_receive_side {
	struct sli_lock lock;
	uint32_t zero;
	_Atomic uint64_t head;    /* truth: what lies before it is consumed */
	_Atomic uint64_t passed;  /* derived: records that head has passed, without padding */
	_Atomic uint64_t aborted; /* truth: of those, never committed */
	_Atomic uint64_t
		holes; /* changes whenever a record behind head was marked DONE; by anybody */
	_Atomic uint64_t rotated; /* derived: records in the ring that were moved to the tail */
	_Atomic uint64_t passing; /* intent: position + 1 of an aborted record head is to pass */
	_Atomic uint64_t passing_count; /* intent: what aborted was before */
	uint64_t zeros[8];
};
SLI_SIZE(struct sli_ring_receive_side, SLI_PAIR);

struct sli_ring_control {
	struct sli_ring_send_side send;
	struct sli_ring_receive_side receive;
	struct sli_event messages; /* armed by receivers, fired by senders */
	struct sli_event room;     /* armed by senders, fired by receivers */
};
SLI_SIZE(struct sli_ring_control, 4 * SLI_PAIR);

/* A record starts a line; its payload follows the header. */
struct sli_record {
	_Atomic uint64_t truth;    /* state, owner's place, tag: the low 48 bits of its position */
	_Atomic uint32_t length;   /* bytes of payload */
	_Atomic uint32_t lines;    /* it occupies */
	_Atomic int64_t type;      /* 0: padding at the end of a lap; -1: aborted */
	_Atomic uint64_t sequence; /* << 2 | redelivered << 1 | rotated */
	unsigned char payload[32];
};
SLI_SIZE(struct sli_record, SLI_LINE);

#define SLI_RECORD_ABORTED INT64_C(-1)
#define SLI_RECORD_HEADER 32u
#define SLI_RECORD_ROTATED UINT64_C(1)
#define SLI_RECORD_REDELIVERED UINT64_C(2)
#define SLI_RECORD_SEQUENCE_SHIFT 2

enum sli_record_state {
	SLI_RECORD_EMPTY = 0,     /* the log ends here */
	SLI_RECORD_COMMITTED = 1, /* place: its sender, a hint */
	SLI_RECORD_RESERVED = 2,  /* place: the sender that is writing it */
	SLI_RECORD_TAKEN = 3,     /* place: the receiver that has borrowed it */
	SLI_RECORD_DONE = 4,      /* consumed, aborted or padding */
	SLI_RECORD_MOVING = 5     /* place: the sender that is moving it to the tail */
};
#define SLI_TRUTH_STATE_SHIFT 61
#define SLI_TRUTH_PLACE_SHIFT 48
#define SLI_TRUTH_PLACE 0x1fffu
#define SLI_TRUTH_TAG ((UINT64_C(1) << 48) - 1)
#define SLI_TRUTH_NOBODY 0x1fffu

static inline uint64_t sli_truth(enum sli_record_state state, uint32_t place, uint64_t position)
{
	return (uint64_t)state << SLI_TRUTH_STATE_SHIFT | (uint64_t)place << SLI_TRUTH_PLACE_SHIFT |
	       (position & SLI_TRUTH_TAG);
}

static inline uint32_t sli_truth_state(uint64_t truth)
{
	return (uint32_t)(truth >> SLI_TRUTH_STATE_SHIFT);
}

static inline uint32_t sli_truth_place(uint64_t truth)
{
	return (uint32_t)(truth >> SLI_TRUTH_PLACE_SHIFT) & SLI_TRUTH_PLACE;
}

/* ---- in this process ---------------------------------------------------------------------- */

struct sli_type_index;

/* A handle's view: addresses and geometry checked once, never read from shared memory again. */
struct sli_ring {
	struct sli_ring_control *control;
	unsigned char *lines;
	uint64_t count;        /* lines, a power of two */
	uint64_t fill;         /* lines that senders may fill; the rest is room to rotate in */
	uint64_t messages_max; /* 0: none */
	uint32_t message_max;  /* bytes */
	struct sli_peers *peers;
	struct sli_type_index *index; /* NULL: always scan */
	_Atomic uint64_t boundary;    /* where the last fruitless walk ended; a hint for spinners */
};

/* A record found, reserved or borrowed, with what was read of it and checked. */
struct sli_found {
	uint64_t position;
	struct sli_record *record;
	uint64_t truth;
	uint64_t lines;
	uint32_t length;
	uint32_t sender; /* its place, a hint; SLI_TRUTH_NOBODY: unknown */
	int64_t type;
	uint64_t sequence; /* with its two flag bits */
};

/* Lines behind the tail whose truth words a sender leaves cleared. */
#define SLI_RING_AHEAD 6u
/* Messages over this are copied outside the lock. */
#define SLI_RING_INLINE_MAX 1024u
/* What a call that may not wait waits for another one's few instructions. */
#define SLI_RING_GRACE_NS INT64_C(2000000)

#define SLI_SIDE_MESSAGES 0u
#define SLI_SIDE_ROOM 1u

/* Lines a payload of @length occupies. */
static inline uint64_t sli_ring_lines_for(uint64_t length)
{
	return (SLI_RECORD_HEADER + length + SLI_LINE - 1) / SLI_LINE;
}

/* The lines a ring must have for its largest message: the creator's and the opener's check. */
uint64_t sli_ring_min_lines(uint64_t message_max);

/* Set up the view; everything else is set by the caller. */
void sli_ring_init(struct sli_ring *ring);

/*
 * The operations. All take the lock they need, may be called by any thread, and return 0 or a
 * count, -EAGAIN (no message, no room), what sli_lock_take() returns, -ESTALE, SLUICE_ECORRUPT.
 */
int sli_ring_send(struct sli_ring *ring, struct sli_wait *wait, int64_t type, const void *data,
		  size_t size);

/* One of a batch of messages; laid out as the public struct. */
struct sli_ring_item {
	int64_t type;
	const void *data;
	size_t size;
};
int64_t sli_ring_send_many(struct sli_ring *ring, struct sli_wait *wait,
			   const struct sli_ring_item *items, size_t count);

int sli_ring_reserve(struct sli_ring *ring, struct sli_wait *wait, size_t size,
		     struct sli_found *ret_found);
int sli_ring_commit(struct sli_ring *ring, const struct sli_found *found, int64_t type,
		    size_t size);
int sli_ring_abort(struct sli_ring *ring, const struct sli_found *found);

/* Receive: @ret_found tells what came, or with -EMSGSIZE what did not fit. */
int sli_ring_receive(struct sli_ring *ring, struct sli_wait *wait, int64_t type, void *buffer,
		     size_t capacity, struct sli_found *ret_found);

struct sli_ring_slot {
	void *buffer;
	size_t capacity;
	size_t length;
	int64_t type;
};
int64_t sli_ring_receive_many(struct sli_ring *ring, struct sli_wait *wait, int64_t type,
			      struct sli_ring_slot *slots, size_t count);

int sli_ring_borrow(struct sli_ring *ring, struct sli_wait *wait, int64_t type,
		    struct sli_found *ret_found);
int sli_ring_consume(struct sli_ring *ring, const struct sli_found *found);
int sli_ring_return(struct sli_ring *ring, const struct sli_found *found);

/* Is there a message for a receive of @type? Takes the lock. 1, 0, or negative. */
int sli_ring_readable(struct sli_ring *ring, struct sli_wait *wait, int64_t type);
/* Is there room for a send of @size bytes? Takes the lock. 1, 0, or negative. */
int sli_ring_has_room(struct sli_ring *ring, struct sli_wait *wait, uint64_t size);
/* A hint, without a lock: may a send of @size bytes do something now? */
bool sli_ring_writable(struct sli_ring *ring, uint64_t size);
/* Pass a wake-up on: called by whoever slept, was woken and found more than it needed. */
void sli_ring_pass_on(struct sli_ring *ring, uint32_t side);
/* Wake everybody on both sides: after a repair, an interrupt, a removal. */
void sli_ring_wake_all(struct sli_ring *ring);

struct sli_ring_account {
	uint64_t live, reserved, borrowed; /* records in the ring */
	uint64_t lines;                    /* from head to tail */
	uint64_t sent, received;
};
/* Count without a lock: exact when nobody is at work, else a moment's view. */
int sli_ring_account(const struct sli_ring *ring, struct sli_ring_account *ret);

/* Whose records pin the ring or are missed most: the owners of the first reservations and loans.
 * Stores up to @count places; returns how many. Does nothing when the lock is not to be had at once. */
uint32_t sli_ring_pinners(struct sli_ring *ring, uint32_t *ret_places, uint32_t count);

/* How many records the participant at @place has reserved and borrowed; a moment's view. */
void sli_ring_loans(const struct sli_ring *ring, uint32_t place, uint32_t *ret_reserved,
		    uint32_t *ret_borrowed);

/*
 * Repair. The caller has seized both locks (sli_ring_seize) and holds the bytes of the @count
 * places in @dead. Idempotent: whoever dies here is repaired after by the next one.
 */
int sli_ring_repair(struct sli_ring *ring, const uint32_t *dead, uint32_t count);

/* ---- for log_ring*.c and type_index.c only ------------------------------------------------ */

static inline struct sli_record *sli_ring_record(const struct sli_ring *ring, uint64_t position)
{
	return (struct sli_record *)(void *)(ring->lines +
					     (position & (ring->count - 1)) * SLI_LINE);
}

/*
 * Has the log grown past where the last fruitless walk ended? For spinners, at every turn. The line
 * may have become the middle of somebody's message meanwhile; whatever a spinner sees there, it then
 * tries properly. ThreadSanitizer is right that this races, and is told not to look.
 */
SLI_RACY static inline bool sli_ring_grew(const struct sli_ring *ring)
{
	/* relaxed: hints */
	uint64_t boundary = sli_load_rlx(&ring->boundary);

	return sli_load_rlx(&sli_ring_record(ring, boundary)->truth) != 0;
}

/* It has: have the second line of what is there fetched, while the lock is taken. A first line says if
 * there is one; fetching what is not would take it from the sender, who needs it next. */
SLI_RACY static inline void sli_ring_expect(const struct sli_ring *ring)
{
	/* relaxed: hints */
	struct sli_record *record = sli_ring_record(ring, sli_load_rlx(&ring->boundary));

	/* relaxed: as above */
	if (sli_load_rlx(&record->lines) > 1)
		sli_prefetch_read((const char *)record + SLI_LINE);
}

/* Read the record at @position: its lines, 0 where the log ends, SLUICE_ECORRUPT. Only where it is,
 * truth and lines of @found are set. */
static inline int64_t sli_ring_look(const struct sli_ring *ring, uint64_t position,
				    struct sli_found *found)
{
	struct sli_record *record = sli_ring_record(ring, position);
	/* [ring.publish] acquire: the header and the payload. Pairs with the release of a truth word. */
	uint64_t truth = sli_load_acq(&record->truth);

	if (truth == 0)
		return 0;
	if ((truth & SLI_TRUTH_TAG) != (position & SLI_TRUTH_TAG))
		return SLUICE_ECORRUPT;
	if (sli_truth_state(truth) - 1u > SLI_RECORD_MOVING - 1u)
		return SLUICE_ECORRUPT;
	/* relaxed: ordered by the truth word */
	found->lines = sli_load_rlx(&record->lines);
	if (found->lines == 0 || found->lines > ring->count - (position & (ring->count - 1)))
		return SLUICE_ECORRUPT;
	found->position = position;
	found->record = record;
	found->truth = truth;
	return (int64_t)found->lines;
}

/* Read the rest of a looked-at record. */
static inline int sli_ring_read_header(const struct sli_ring *ring, struct sli_found *found)
{
	/* relaxed: ordered by the truth word, which was acquired */
	found->sender = sli_truth_place(found->truth);
	found->length = sli_load_rlx(&found->record->length);
	found->type = sli_load_rlx(&found->record->type);
	found->sequence = sli_load_rlx(&found->record->sequence);
	if (found->length > found->lines * SLI_LINE - SLI_RECORD_HEADER || found->type <= 0 ||
	    found->length > ring->message_max)
		return SLUICE_ECORRUPT;
	return 0;
}

/*
 * Copy a message. The short ones, 16 to 64 bytes, in pieces that may overlap: a call would have the
 * caller put all that it knows on the stack, between the lock and the commit.
 */
static inline void sli_ring_copy(void *to, const void *from, size_t size)
{
	char *out = to;
	const char *in = from;

	if (SLI_UNLIKELY(size - 16 > 48)) {
		if (size)
			memcpy(to, from, size);
		return;
	}
	if (size > 32) {
		memcpy(out + 16, in + 16, 16);
		memcpy(out + size - 32, in + size - 32, 16);
	}
	memcpy(out, in, 16);
	memcpy(out + size - 16, in + size - 16, 16);
}

/* With the send lock: would @lines fit if there were no holes? */
bool sli_ring_holes_suffice(struct sli_ring *ring, uint64_t lines);
/* With the send lock: move records nobody took from the head to the tail until @lines fit. -EBUSY:
 * the receive lock cannot be had at once; drop the send lock and wait for it. */
int sli_ring_rotate(struct sli_ring *ring, uint64_t lines);
/* With the receive lock: move head, which is *@head, over what is done. Return: lines of the record it
 * then is at, which is @found; 0 at the end; SLUICE_ECORRUPT. */
int64_t sli_ring_skip_done(struct sli_ring *ring, uint64_t *head, struct sli_found *found);
/* The same, for a head that mostly is not done. */
static inline int64_t sli_ring_skip(struct sli_ring *ring, uint64_t *head, struct sli_found *found)
{
	int64_t lines = sli_ring_look(ring, *head, found);

	if (SLI_LIKELY(lines <= 0 || sli_truth_state(found->truth) != SLI_RECORD_DONE))
		return lines;
	return sli_ring_skip_done(ring, head, found);
}

/* A record behind head was marked DONE: a sender that found too few holes may look again. */
static inline void sli_ring_count_hole(struct sli_ring *ring)
{
	/* relaxed: a hint for senders, who are told afterwards */
	sli_add_rlx(&ring->control->receive.holes, UINT64_C(1));
}

/* Room for @lines at *@position (padded over the end of the lap when need be), or -EAGAIN. */
int sli_ring_make_room(struct sli_ring *ring, uint64_t *position, uint64_t lines, uint64_t limit);

/* Somebody armed: wake sleepers, ring bells (log_ring_wake.c). */
SLI_COLD void sli_ring_fire(struct sli_ring *ring, uint32_t side, uint32_t arm, int64_t type);

/* After a commit and a read-modify-write: is anybody to be told? */
static inline void sli_ring_tell_receivers(struct sli_ring *ring, int64_t type)
{
	uint32_t classes = SLI_EVENT_ANY | SLI_EVENT_LOWEST | SLI_EVENT_POLL;
	uint32_t arm;

	/* [ring.wake] [event.arm] the commit before this look. Pairs with the swap in sli_event_arm(). */
	sli_fence_after_rmw();
	arm = sli_event_armed(&ring->control->messages, classes | SLI_EVENT_TYPED);
	if (arm & (classes | sli_event_class_of(type)))
		sli_ring_fire(ring, SLI_SIDE_MESSAGES, arm, type);
}

static inline void sli_ring_tell_senders(struct sli_ring *ring)
{
	uint32_t arm;

	/* [ring.wake] [event.arm] the commit before this look. Pairs with the swap in sli_event_arm(). */
	sli_fence_after_rmw();
	arm = sli_event_armed(&ring->control->room, SLI_EVENT_CLASSES);
	if (arm)
		sli_ring_fire(ring, SLI_SIDE_ROOM, arm, 0);
}

#endif
