/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * event.h - the event pair: "something happened", with no system call when nobody sleeps
 *
 * Two words on a line of their own. ev is the futex word, it counts events. arm says who may be
 * asleep: the low byte has a bit a class of sleeper, the rest counts armings.
 *
 *	waiter					waker
 *	s = sli_event_arm(e, class)		commit (the store that makes the condition true)
 *	look at the condition again		full barrier
 *	sleep while ev is s			sli_event_armed(e)? then count it, wake, clear
 *	sli_event_leave(e)
 *
 * No wake-up is lost among the living: the waiter's arming precedes its second look, the waker's
 * commit precedes its look at arm; with a full barrier on each side at least one of them sees the
 * other ([event.arm]). Between the second look and the sleep the kernel compares ev.
 *
 * Firing clears the classes of which it woke all, by a compare-and-swap that fails if anybody armed
 * meanwhile, since that changed the count. Where one is woken of perhaps several (class ANY)
 * the bit stays, and the woken one clears it if it was alone all the time: it found the bit clear when
 * it armed, and arm has not changed since; a clear bit says that nobody of the class is asleep.
 * Sleepers that die leave a bit set, which costs one useless wake.
 *
 * Two losses are possible with deaths, in any such protocol: a waker killed between its commit and
 * its wake, and a woken sleeper killed before it acts. Every sleep is therefore a slice (the slice
 * option: 250 ms), after which the sleeper looks again.
 *
 * Words: ev written by wakers; arm by waiters (arming, leaving) and wakers (clearing). Any value that
 * a hostile peer stores there causes spurious wakes or slices, nothing else.
 */
#ifndef SLI_EVENT_H
#define SLI_EVENT_H

#include "../base/atomic.h"
#include "../base/compiler.h"

struct sli_event {
	_Atomic uint32_t ev;
	_Atomic uint32_t arm;
	uint32_t zero[30];
};
SLI_SIZE(struct sli_event, SLI_PAIR);

#define SLI_EVENT_ANY 0x01u    /* wants whatever comes */
#define SLI_EVENT_TYPED 0x3eu  /* bits 1 to 5: wants one type, by its hash */
#define SLI_EVENT_POLL 0x40u   /* some place's bell is armed */
#define SLI_EVENT_LOWEST 0x80u /* wants the lowest of several types */
#define SLI_EVENT_CLASSES 0xffu
#define SLI_EVENT_ONE_ARMING 0x100u

/* The class of sleepers that want @type. */
static inline uint32_t sli_event_class_of(int64_t type)
{
	uint64_t h = (uint64_t)type * UINT64_C(0x9e3779b97f4a7c15);

	return 2u << ((h >> 32) % 5);
}

/*
 * Announce a sleeper of @class. Return: the value of ev to sleep on. *@ret_alone: what arm is now if
 * @class is ANY and nobody of it was announced before, else 0; for sli_event_leave().
 */
static inline uint32_t sli_event_announce(struct sli_event *event, uint32_t class,
					  uint32_t *ret_alone)
{
	uint32_t seen = sli_load_acq(&event->ev);
	/* relaxed: the swap below orders */
	uint32_t arm = sli_load_rlx(&event->arm);

	/* [event.arm] arm before the second look. Pairs with the barrier before sli_event_armed(). */
	while (!sli_cas_sc(&event->arm, &arm, (arm + SLI_EVENT_ONE_ARMING) | class))
		;
	sli_fence_after_rmw();
	*ret_alone = class != SLI_EVENT_ANY || (arm & class) ? 0
							     : (arm + SLI_EVENT_ONE_ARMING) | class;
	return seen;
}

/* The same, for an event whose wakers always wake all and clear the bit. */
static inline uint32_t sli_event_arm(struct sli_event *event, uint32_t class)
{
	uint32_t alone;

	return sli_event_announce(event, class, &alone);
}

/* After the commit and a full barrier: the arm word if a sleeper of @classes may be there, else 0.
 * [event.arm] commit before this look. Pairs with the swap in sli_event_arm(). */
static inline uint32_t sli_event_armed(struct sli_event *event, uint32_t classes)
{
	/* Acquire: who sees the poll bit sees the places that were armed before it was set. */
	uint32_t arm = sli_load_acq(&event->arm);

	return SLI_UNLIKELY(arm & classes) ? arm : 0;
}

/* Count an event, so that nobody who armed before goes to sleep on it. The caller then wakes. */
static inline void sli_event_count(struct sli_event *event)
{
	sli_add_sc(&event->ev, 1u);
}

/* Nobody of @classes sleeps any more, as of when @arm was read. */
static inline void sli_event_clear(struct sli_event *event, uint32_t arm, uint32_t classes)
{
	sli_cas_sc(&event->arm, &arm, arm & ~classes);
}

/*
 * Awake again. If nobody else of class ANY was announced before or since, nobody of it sleeps: say so,
 * and the next waker is spared a system call that wakes nobody. Not for the other classes: who woke
 * one of ANY looks for them once more, since it may have been one of them that woke.
 */
static inline void sli_event_leave(struct sli_event *event, uint32_t alone)
{
	if (alone)
		sli_event_clear(event, alone, SLI_EVENT_ANY);
}

#endif
