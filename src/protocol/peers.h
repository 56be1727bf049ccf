/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * peers.h - what a protocol core needs to know of the world
 *
 * The cores in this folder work on memory they are handed and know no file, no process and no
 * system call. Who is alive, how to repair after the dead, how to sleep and how to wake comes
 * through these hooks; src/object/ fills them in, a test or a model checker brings its own.
 *
 * A participant is known by its place (0 ... count - 1). What it writes into a lock word is its
 * stamp: the place and 16 bits of the place's generation, so that a stamp of an earlier owner of
 * the same place is told apart.
 */
#ifndef SLI_PEERS_H
#define SLI_PEERS_H

#include "../base/atomic.h"
#include "../base/compiler.h"
#include "../sync/spin.h"

#define SLI_STAMP_PLACE 0x3fffu /* place + 1; 0 is nobody */
#define SLI_STAMP_GENERATION_SHIFT 14
#define SLI_STAMP 0x3fffffffu /* both */
#define SLI_PLACES_MAX 1024u

static inline uint32_t sli_stamp(uint32_t place, uint32_t generation)
{
	return (place + 1) | (generation & 0xffffu) << SLI_STAMP_GENERATION_SHIFT;
}

/* The place in a stamp; SLI_PLACES_MAX or more when it is forged. */
static inline uint32_t sli_stamp_place(uint32_t stamp)
{
	return (stamp & SLI_STAMP_PLACE) - 1u;
}

/* How long one call may wait. Kept by the call; the clock is read when it first has to sleep. */
struct sli_wait {
	int64_t timeout;     /* nanoseconds; 0: do not wait; negative: for ever */
	int64_t deadline;    /* 0: not computed yet */
	int64_t look;        /* the sleep hook's: when to look after the dead at the latest */
	uint32_t interrupts; /* the handle's count when the call began */
	uint32_t slept;      /* times */
};

struct sli_peers {
	uint32_t self;  /* this participant's stamp */
	uint32_t count; /* places; a stamp above is forged */
	struct sli_spin *spin;

	/* If the participant at @place is dead, repair what it left, and return 1; 0: it is alive, or
	 * its place is free; negative: cannot tell or cannot repair now. Slow: a system call. */
	int (*reap)(struct sli_peers *peers, uint32_t place);

	/* Sleep while *@word is @value; the @round-th sleep of this wait is a slice of a growing length.
	 * @bound: CLOCK_MONOTONIC, not to be slept past. @doing: why, for people. 0 to look again; 1 to
	 * look after the dead first, because a slice is over, whether it was slept through or woken from
	 * in the middle, again and again; or negative: -EINTR, -ECANCELED. */
	int (*sleep)(struct sli_peers *peers, struct sli_wait *wait, _Atomic uint32_t *word,
		     uint32_t value, uint32_t round, int64_t bound, uint32_t doing);

	/* Wake at most @count sleepers on @word. Return: how many. */
	int (*wake)(struct sli_peers *peers, _Atomic uint32_t *word, int count);

	/* Ring the armed bells of @side (0: messages, 1: room) that a message of @type concerns; type 0
	 * concerns all. Return: 1 if an armed bell is left. */
	int (*ring)(struct sli_peers *peers, uint32_t side, int64_t type);

	void *context; /* the hooks' own */
};

/* Reasons to sleep, as in sluice.h. */
enum {
	SLI_DOING_NOTHING,
	SLI_DOING_LOCK,
	SLI_DOING_MESSAGE,
	SLI_DOING_ROOM,
	SLI_DOING_HOLD,
	SLI_DOING_BYTES
};

enum { SLI_DOING_UNITS = 6, SLI_DOING_SIGNAL, SLI_DOING_BARRIER, SLI_DOING_READER_WRITER };

#define SLI_WAKE_ALL INT32_MAX

#endif
