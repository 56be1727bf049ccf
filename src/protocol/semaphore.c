/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * semaphore.c - units that are posted and waited for, or held by a participant until it dies
 *
 * Units are in three places: posted and not yet waited for (change, on top of what the semaphore was
 * made with), held by a participant (held[place]), and what is left is free:
 *
 *	free = initial + change - sum of held		0 <= free <= initial + change <= ceiling
 *
 * change and held are the truth; balance = change - sum of held is derived, kept so that nobody has
 * to add up a thousand words. Each operation, under the lock, is one store to the truth and then one
 * to balance, so a death leaves it done or not done:
 *
 *	operation		truth			derived
 *	acquire n		held[me] += n		balance -= n
 *	release n		held[me] -= n		balance += n
 *	post n			change += n		balance += n
 *	wait n			change -= n		balance -= n
 *	repair after d		held[d] = 0		balance = change - sum of held
 *
 *	death							what is found, by whom repaired
 *	before the truth's store				nothing happened; the lock is left
 *	between the two stores					the lock is left; the repair adds up
 *	before the lock is dropped				as above
 *	before the wake						a sleeper finds the units after its slice
 *	while holding units					the repair gives them back
 *	of the repairer						held[d] is 0 or not yet; it is done again
 *
 * The repair needs the lock, which it takes from the dead or finds free, so balance is never added
 * up while somebody living is between his two stores.
 *
 * Waiting: the event pair. The look at balance takes no lock. One is woken for one unit, all for
 * several or when somebody wants several; who slept and leaves units behind passes the wake-up on.
 * There is no order among waiters, and who wants many may be overtaken by those who want few.
 *
 * A waiter looks after the holders (who may be dead) before its first sleep and after each slice, and
 * after the owner of the lock: balance is not the truth while he is dead.
 *
 * A hostile peer can set any number. Each word is read once into a local; a sum that does not fit the
 * geometry is SLUICE_ECORRUPT, and nothing here is ever an address.
 */
#include "semaphore.h"

#include "../base/crash.h"
#include "../base/time.h"

#include <errno.h>
#include <sluice.h>

#define LOOK_MOST 64u /* holders looked at in one go: a system call each */

/* initial + @balance, or -1: that is no number of units */
static inline int64_t semaphore_units(const struct sli_semaphore *semaphore, uint32_t balance)
{
	int64_t units = (int64_t)semaphore->initial + (int32_t)balance;

	return units <= (int64_t)semaphore->ceiling ? SLI_MAX(units, INT64_C(-1)) : -1;
}

int64_t sli_semaphore_value(const struct sli_semaphore *semaphore)
{
	/* relaxed: a moment's view; the lock orders what follows from it */
	return semaphore_units(semaphore, sli_load_rlx(&semaphore->control->balance));
}

uint32_t sli_semaphore_held(const struct sli_semaphore *semaphore, uint32_t *ret_holders)
{
	uint64_t sum = 0;

	*ret_holders = 0;
	for (uint32_t i = 0; i < semaphore->peers->count; i++) {
		/* relaxed: a moment's view, or under the lock */
		uint32_t held = sli_load_rlx(&semaphore->held[i]);

		sum += held;
		*ret_holders += held != 0;
	}
	return (uint32_t)SLI_MIN(sum, (uint64_t)UINT32_MAX);
}

/* ---- telling ------------------------------------------------------------------------------- */

/* Wake those whom @units may serve. @arm: the arm word, as it was read. */
static void semaphore_wake_sleepers(struct sli_semaphore *semaphore, uint32_t arm, uint32_t units)
{
	struct sli_peers *peers = semaphore->peers;
	struct sli_event *event = &semaphore->control->units;
	uint32_t sleepers = arm & (SLI_EVENT_ANY | SLI_EVENT_LOWEST);
	/* Who wants several must look for himself. */
	int all = units > 1 || (sleepers & SLI_EVENT_LOWEST), woken;

	sli_event_count(event);
	/* Dead here: the sleepers find the units at the end of their slices. */
	SLI_CRASH(semaphore_counted);
	woken = peers->wake(peers, &event->ev, all ? SLI_WAKE_ALL : 1);
	/* The one may have been somebody who wants several and armed meanwhile. */
	if (!all && (sli_load_acq(&event->arm) & SLI_EVENT_LOWEST))
		woken = peers->wake(peers, &event->ev, SLI_WAKE_ALL);
	if (all || woken == 0)
		sli_event_clear(event, arm, sleepers);
}

/* Somebody is armed. The poll bit goes by a look of its own: see log_ring_wake.c. */
static SLI_COLD void semaphore_fire(struct sli_semaphore *semaphore, uint32_t arm, uint32_t units)
{
	struct sli_peers *peers = semaphore->peers;
	struct sli_event *event = &semaphore->control->units;

	if (arm & (SLI_EVENT_ANY | SLI_EVENT_LOWEST))
		semaphore_wake_sleepers(semaphore, arm, units);
	arm = arm & SLI_EVENT_POLL ? sli_event_armed(event, SLI_EVENT_POLL) : 0;
	if (arm && !peers->ring(peers, 0, 0))
		sli_event_clear(event, arm, SLI_EVENT_POLL);
}

/* After the lock was dropped, which is a full barrier: there are @units more. */
static inline void semaphore_tell(struct sli_semaphore *semaphore, uint32_t units)
{
	uint32_t arm;

	/* [event.arm] the units before this look. Pairs with the swap in sli_event_arm(). */
	sli_fence_after_rmw();
	arm = sli_event_armed(&semaphore->control->units,
			      SLI_EVENT_ANY | SLI_EVENT_LOWEST | SLI_EVENT_POLL);
	if (arm)
		semaphore_fire(semaphore, arm, units);
}

/* We slept, and may have been the only one woken. */
static void semaphore_pass_on(struct sli_semaphore *semaphore)
{
	int64_t left;
	uint32_t arm;

	sli_fence_sc();
	left = sli_semaphore_value(semaphore);
	arm = sli_event_armed(&semaphore->control->units, SLI_EVENT_ANY | SLI_EVENT_LOWEST);
	if (left > 0 && arm)
		semaphore_wake_sleepers(semaphore, arm, (uint32_t)left);
}

void sli_semaphore_wake_all(struct sli_semaphore *semaphore)
{
	struct sli_peers *peers = semaphore->peers;

	sli_event_count(&semaphore->control->units);
	peers->wake(peers, &semaphore->control->units.ev, SLI_WAKE_ALL);
	peers->ring(peers, 0, 0);
	peers->wake(peers, &semaphore->control->lock.word, SLI_WAKE_ALL);
}

/* ---- the dead ------------------------------------------------------------------------------ */

void sli_semaphore_look_after(struct sli_semaphore *semaphore)
{
	struct sli_peers *peers = semaphore->peers;
	/* relaxed: only a hint at whom to ask the kernel about */
	uint32_t owner = sli_load_rlx(&semaphore->control->lock.word) & SLI_STAMP;
	/* relaxed: where to begin does not matter */
	uint32_t first = sli_load_rlx(&semaphore->look), looked = 0, i;

	if (owner && owner != peers->self && sli_stamp_place(owner) < peers->count)
		(void)peers->reap(peers, sli_stamp_place(owner));
	for (i = 0; i < peers->count && looked < LOOK_MOST; i++) {
		uint32_t place = (first + i) % peers->count;

		/* relaxed: as above */
		if (!sli_load_rlx(&semaphore->held[place]))
			continue;
		looked++;
		(void)peers->reap(peers, place);
	}
	/* relaxed: as above */
	sli_store_rlx(&semaphore->look, (first + i) % peers->count);
}

int sli_semaphore_repair(struct sli_semaphore *semaphore, const uint32_t *dead, uint32_t count)
{
	struct sli_semaphore_control *control = semaphore->control;
	/* relaxed: under the lock */
	uint32_t change = sli_load_rlx(&control->change), holders, sum;
	int64_t total = semaphore_units(semaphore, change);

	for (uint32_t i = 0; i < count && !SLI_MUTANT(keep_dead_units); i++) {
		/* relaxed: under the lock */
		sli_store_rlx(&semaphore->held[dead[i]], 0u);
		/* Dead here: our lock's next owner finds both of us dead, and does it again. */
		SLI_CRASH(semaphore_returned);
	}
	sum = sli_semaphore_held(semaphore, &holders);
	if (total < 0 || sum > (uint64_t)total)
		return SLUICE_ECORRUPT;
	if (SLI_MUTANT(keep_balance))
		return 0;
	/* relaxed: under the lock */
	sli_store_rlx(&control->balance, change - sum);
	return 0;
}

/* ---- operations ---------------------------------------------------------------------------- */

/* With the lock, and after the checks: the truth, then what follows from it. */
static inline void semaphore_move(struct sli_semaphore *semaphore, _Atomic uint32_t *truth,
				  uint32_t truth_by, uint32_t balance_by)
{
	struct sli_semaphore_control *control = semaphore->control;

	/* relaxed: under the lock */
	sli_store_rlx(truth, sli_load_rlx(truth) + truth_by);
	/* Dead here: it is done, but balance does not know; the repair adds up. */
	SLI_CRASH(semaphore_moved);
	/* relaxed: under the lock */
	sli_store_rlx(&control->balance, sli_load_rlx(&control->balance) + balance_by);
}

/* With the lock. */
static inline int semaphore_take_locked(struct sli_semaphore *semaphore, uint32_t units, bool owned)
{
	struct sli_semaphore_control *control = semaphore->control;
	int64_t value = sli_semaphore_value(semaphore);
	/* relaxed: under the lock */
	uint32_t held = sli_load_rlx(&semaphore->held[semaphore->account]);

	if (SLI_UNLIKELY(value < 0 || held > semaphore->ceiling))
		return SLUICE_ECORRUPT;
	if (value < units)
		return -EAGAIN;
	if (owned)
		semaphore_move(semaphore, &semaphore->held[semaphore->account], units, -units);
	else
		semaphore_move(semaphore, &control->change, -units, -units);
	return 0;
}

static inline int semaphore_try_take(struct sli_semaphore *semaphore, struct sli_wait *wait,
				     uint32_t units, bool owned)
{
	struct sli_lock *lock = &semaphore->control->lock;
	int64_t value = sli_semaphore_value(semaphore);
	int r, dropped;

	if (value >= 0 && value < units)
		return -EAGAIN;
	r = sli_lock_take(lock, semaphore->peers, wait, SLI_SEMAPHORE_GRACE_NS);
	if (SLI_UNLIKELY(r < 0))
		return r;
	r = semaphore_take_locked(semaphore, units, owned);
	dropped = sli_lock_drop(lock, semaphore->peers);
	return dropped < 0 ? dropped : r;
}

static void semaphore_spin(struct sli_semaphore *semaphore, uint32_t units, int64_t limit_ns)
{
	struct sli_spin_turn turn;
	bool there;

	sli_spin_begin(&turn, semaphore->spin, limit_ns);
	while (!(there = sli_semaphore_value(semaphore) >= units) && sli_spin_again(&turn))
		;
	sli_spin_end(&turn, there);
}

/* Armed, when the event's count was @seen: look again, sleep a slice. */
static int semaphore_sleep_armed(struct sli_semaphore *semaphore, struct sli_wait *wait,
				 uint32_t units, bool owned, uint32_t round, uint32_t seen)
{
	int r = semaphore_try_take(semaphore, wait, units, owned);

	if (r != -EAGAIN)
		return r;
	if (round == 0)
		sli_semaphore_look_after(semaphore);
	if (wait->deadline == 0)
		wait->deadline = sli_deadline(wait->timeout);
	if (wait->deadline != SLI_NEVER && sli_now() >= wait->deadline)
		return -ETIMEDOUT;
	wait->slept++;
	r = semaphore->peers->sleep(semaphore->peers, wait, &semaphore->control->units.ev, seen,
				    round, wait->deadline, SLI_DOING_UNITS);
	if (r > 0)
		sli_semaphore_look_after(semaphore);
	return r < 0 ? r : -EAGAIN;
}

/* Arm, look again, sleep a slice. -EAGAIN: go on waiting. */
static int semaphore_sleep(struct sli_semaphore *semaphore, struct sli_wait *wait, uint32_t units,
			   bool owned, uint32_t round)
{
	uint32_t class = units > 1 ? SLI_EVENT_LOWEST : SLI_EVENT_ANY;
	uint32_t alone, seen = sli_event_announce(&semaphore->control->units, class, &alone);
	int r = semaphore_sleep_armed(semaphore, wait, units, owned, round, seen);

	sli_event_leave(&semaphore->control->units, alone);
	return r;
}

static SLI_NOINLINE int semaphore_block(struct sli_semaphore *semaphore, struct sli_wait *wait,
					uint32_t units, bool owned)
{
	int r = -EAGAIN;

	semaphore_spin(semaphore, units, wait->timeout);
	for (uint32_t round = 0; r == -EAGAIN; round++) {
		r = semaphore_try_take(semaphore, wait, units, owned);
		if (r == -EAGAIN)
			r = semaphore_sleep(semaphore, wait, units, owned, round);
	}
	if (wait->slept)
		semaphore_pass_on(semaphore);
	return r;
}

int sli_semaphore_take(struct sli_semaphore *semaphore, struct sli_wait *wait, uint32_t units,
		       bool owned)
{
	int r = semaphore_try_take(semaphore, wait, units, owned);

	if (SLI_LIKELY(r != -EAGAIN) || wait->timeout == 0)
		return r;
	return semaphore_block(semaphore, wait, units, owned);
}

/* With the lock. */
static inline int semaphore_give_locked(struct sli_semaphore *semaphore, uint32_t units, bool owned)
{
	struct sli_semaphore_control *control = semaphore->control;
	_Atomic uint32_t *held = &semaphore->held[semaphore->account];
	/* relaxed: under the lock */
	int64_t total = semaphore_units(semaphore, sli_load_rlx(&control->change));
	int64_t value = sli_semaphore_value(semaphore);

	if (SLI_UNLIKELY(total < 0 || value < 0 || value > total))
		return SLUICE_ECORRUPT;
	if (owned) {
		/* relaxed: under the lock */
		if (sli_load_rlx(held) < units)
			return -EPERM;
		if (value + units > total)
			return SLUICE_ECORRUPT;
		semaphore_move(semaphore, held, -units, units);
		return 0;
	}
	if (total + units > (int64_t)semaphore->ceiling)
		return -EOVERFLOW;
	semaphore_move(semaphore, &control->change, units, units);
	return 0;
}

int sli_semaphore_give(struct sli_semaphore *semaphore, struct sli_wait *wait, uint32_t units,
		       bool owned)
{
	struct sli_lock *lock = &semaphore->control->lock;
	int r = sli_lock_take(lock, semaphore->peers, wait, SLI_SEMAPHORE_GRACE_NS), dropped;

	if (SLI_UNLIKELY(r < 0))
		return r;
	r = semaphore_give_locked(semaphore, units, owned);
	dropped = sli_lock_drop(lock, semaphore->peers);
	/* Dead here: a sleeper finds the units at the end of its slice. */
	SLI_CRASH(semaphore_given);
	if (r == 0)
		semaphore_tell(semaphore, units);
	return dropped < 0 ? dropped : r;
}

int sli_semaphore_give_all(struct sli_semaphore *semaphore, struct sli_wait *wait, uint32_t place)
{
	struct sli_lock *lock = &semaphore->control->lock;
	int r = sli_lock_take(lock, semaphore->peers, wait, SLI_SEMAPHORE_GRACE_NS), dropped;
	uint32_t units;

	if (r < 0)
		return r;
	/* relaxed: under the lock */
	units = sli_load_rlx(&semaphore->held[place]);
	r = units ? sli_semaphore_repair(semaphore, &place, 1) : 0;
	dropped = sli_lock_drop(lock, semaphore->peers);
	if (r == 0 && units)
		semaphore_tell(semaphore, units);
	return dropped < 0 ? dropped : r;
}

bool sli_semaphore_arm_poll(struct sli_semaphore *semaphore, uint32_t units)
{
	/* [event.arm] arm before the second look. Pairs with the barrier in semaphore_tell(). */
	sli_event_arm(&semaphore->control->units, SLI_EVENT_POLL);
	return sli_semaphore_value(semaphore) >= units;
}
