/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * log_ring_wake.c - who is told that there is a message, or room
 *
 * Each side of the ring has an event (src/sync/event.h). After a commit and a full barrier its arm word
 * says whether anybody may be asleep or polls; mostly nobody does, and that look, in log_ring.h, is all.
 * Here is what follows when somebody does.
 *
 * A message is for one receiver, so one sleeper that takes whatever comes is woken; it passes the
 * wake-up on when it is done, since there may be more, or the message may have been another's. Those who
 * want something in particular are woken all, to look for themselves, as are senders, who want different
 * amounts of room.
 *
 * Bells are rung behind the wake-ups, and the poll bit goes by a look of its own between the two. A
 * sleeper that was woken takes its bit back, so the word as it was before has often changed; a clearing
 * by that word would fail, and the bit stay with nobody polling, for every later send to look for bells
 * in vain. Nothing is missed: both looks follow the commit and the barrier. If the second finds no bit,
 * whoever cleared it has rung all that were armed, and nobody has armed since. Likewise the sleepers'
 * bits go by the word that named them. (models/bell.pml, models/event.pml)
 *
 * While a bell is armed for another type the bit stays, and each send looks at the places' armed words.
 */
#include "../base/crash.h"
#include "log_ring.h"

static struct sli_event *ring_event(struct sli_ring *ring, uint32_t side)
{
	return side == SLI_SIDE_ROOM ? &ring->control->room : &ring->control->messages;
}

/* Wake whom the arm word @arm names. */
static void ring_wake(struct sli_ring *ring, uint32_t side, uint32_t arm)
{
	struct sli_event *event = ring_event(ring, side);
	uint32_t sleepers = arm & SLI_EVENT_CLASSES & ~SLI_EVENT_POLL;
	/* Who wants something in particular must look for himself; any one of the others will do. */
	int all = side == SLI_SIDE_ROOM || (sleepers & ~SLI_EVENT_ANY);
	int woken;

	sli_event_count(event);
	/* Dead here: the sleepers find the message at the end of their slices. */
	SLI_CRASH(ring_counted);
	woken = ring->peers->wake(ring->peers, &event->ev, all ? SLI_WAKE_ALL : 1);
	/* The one may have been somebody particular who armed meanwhile. */
	if (!all &&
	    (sli_load_acq(&event->arm) & SLI_EVENT_CLASSES & ~(SLI_EVENT_ANY | SLI_EVENT_POLL)))
		woken = ring->peers->wake(ring->peers, &event->ev, SLI_WAKE_ALL);
	if (all || woken == 0)
		sli_event_clear(event, arm, sleepers);
}

static void ring_bells(struct sli_ring *ring, uint32_t side, int64_t type)
{
	struct sli_event *event = ring_event(ring, side);
	uint32_t arm = sli_event_armed(event, SLI_EVENT_POLL);

	if (arm && !ring->peers->ring(ring->peers, side, type))
		sli_event_clear(event, arm, SLI_EVENT_POLL);
}

void sli_ring_fire(struct sli_ring *ring, uint32_t side, uint32_t arm, int64_t type)
{
	if (arm & SLI_EVENT_CLASSES & ~SLI_EVENT_POLL)
		ring_wake(ring, side, arm);
	if (arm & SLI_EVENT_POLL)
		ring_bells(ring, side, type);
}

void sli_ring_pass_on(struct sli_ring *ring, uint32_t side)
{
	uint32_t arm;

	sli_fence_sc();
	arm = sli_event_armed(ring_event(ring, side), SLI_EVENT_CLASSES & ~SLI_EVENT_POLL);
	if (arm)
		ring_wake(ring, side, arm);
}

void sli_ring_wake_all(struct sli_ring *ring)
{
	struct sli_event *events[2] = { &ring->control->messages, &ring->control->room };

	for (uint32_t side = 0; side < 2; side++) {
		sli_event_count(events[side]);
		ring->peers->wake(ring->peers, &events[side]->ev, SLI_WAKE_ALL);
		ring->peers->ring(ring->peers, side, 0);
	}
}
