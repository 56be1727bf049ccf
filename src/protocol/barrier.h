/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* barrier.h - nobody goes on before all have come, or one of them died */
#ifndef SLI_BARRIER_H
#define SLI_BARRIER_H

#include "../sync/event.h"
#include "peers.h"

#include <stdbool.h>

/* The one word: see barrier.c. */
#define SLI_BARRIER_ARRIVED UINT64_C(0xffff)
#define SLI_BARRIER_BROKEN (UINT64_C(1) << 16)
#define SLI_BARRIER_ENDS_SHIFT 17
#define SLI_BARRIER_ENDS UINT64_C(0x7fff) /* how the last fifteen rounds ended, the last in bit 0 */
#define SLI_BARRIER_ROUND_SHIFT 32
#define SLI_BARRIER_PARTIES_MOST 1024u

/* In shared memory. All zero is a barrier that nobody has come to. */
struct sli_barrier_control {
	_Atomic uint64_t state; /* written by every participant */
	uint32_t zeros[30];
	struct sli_event ended; /* who waits for the end of a round sleeps on it */
};
SLI_SIZE(struct sli_barrier_control, 2 * SLI_PAIR);
SLI_OFFSET(struct sli_barrier_control, ended, SLI_PAIR);

/* One participant's view. */
struct sli_barrier {
	struct sli_barrier_control *control;
	uint32_t parties; /* private copy */
	struct sli_peers *peers;
	struct sli_spin *spin;
	_Atomic uint32_t look; /* where the next look after the others begins */
};

/* Results of sli_barrier_wait() beyond 0. */
#define SLI_BARRIER_LAST 1 /* the last one to come */

/*
 * Come, and wait until all have.
 * Return: 0; SLI_BARRIER_LAST; SLUICE_EPEERDIED: a participant died; -EAGAIN, -ETIMEDOUT, -EINTR,
 * -ECANCELED: and we have not come; SLUICE_ECORRUPT.
 */
int sli_barrier_wait(struct sli_barrier *barrier, struct sli_wait *wait);
/* Begin anew after a death; nothing if there was none. */
void sli_barrier_reset(struct sli_barrier *barrier);
/* Have all the dead found, as far as a bounded number of looks reaches. */
void sli_barrier_look_after(struct sli_barrier *barrier, uint32_t most);

/* Who have come to this round. */
static inline uint32_t sli_barrier_arrived(uint64_t state)
{
	return (uint32_t)(state & SLI_BARRIER_ARRIVED);
}

/* A participant died: the round ends for everybody. */
void sli_barrier_break(struct sli_barrier *barrier);
void sli_barrier_wake_all(struct sli_barrier *barrier);

#endif
