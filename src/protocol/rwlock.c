/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock.c - many who read, or one who writes, and whoever of them may die
 *
 * Readers share no line: each place has stripes of its own, a reader counts itself in one of them and
 * looks at the gate, a word that only writers write. A writer owns the lock, closes the gate, and
 * waits until it has seen every stripe empty.
 *
 *	reader					writer
 *	inside++				lock
 *	gate closed? no: it reads		gate = next phase, CLOSED
 *	yes: waiting[phase]++; gate as it was?	each stripe: wait for waiting[last phase] == 0 and
 *	  inside--, sleep until it is another,	  inside == 0
 *	  inside++				gate |= WRITING; it writes
 *	  waiting[phase]--, it reads
 *	...					gate = open
 *	inside--				unlock
 *
 * The reader counts before it looks and the writer closes before it counts, so at least one of the two
 * sees the other ([rwlock.in]). A stripe that was empty once the gate was closed need not be looked at
 * again: who comes later finds the gate closed.
 *
 * Nobody starves. New readers do not pass a closed gate, so a stream of them does not hold up the
 * writer. Who waited while the phase was p is let in when that phase ends: the writer of phase p + 1
 * waits for waiting[p] as it does for inside, so a reader is overtaken by one writer at the most,
 * however many there are; p is what its first look found, a second one would let another pass. No such
 * count is of phase p - 1 any more, hence two of them suffice.
 *
 * A reader that goes from one word to the other is counted in both meanwhile, and never in neither.
 * The writer of phase p + 1 looks at waiting[p], then at inside, so it cannot miss one who goes the
 * other way than it looks, from waiting to inside ([rwlock.queue]). Nor one who goes its way: who leaves
 * inside has seen that the gate was still of phase p after it was counted as waiting, so that this
 * count precedes the closing of p + 1; and who saw another gate does not leave inside.
 *
 *	gate	from			to			by whom
 *		open			CLOSED, phase + 1	owner of the lock
 *		CLOSED			CLOSED|WRITING		the same, when the readers are out
 *		CLOSED			open			the same, giving up
 *		CLOSED|WRITING		open, clean		the same, done
 *		CLOSED			open			repairer of the owner, with its byte
 *		CLOSED|WRITING		open, DIRTY		repairer of the owner, with its byte
 *
 * DIRTY stays through all of these but the one that says done. All but a repairer's are swaps of the
 * exact word, which fail when we were declared dead; phases do not come back soon enough to be
 * mistaken. A reader's words carry the generation of its place for the same reason.
 *
 *	death							what is found, by whom repaired
 *	a reader's, anywhere					counts of a dead place; whoever waits for
 *								them has the place repaired: all are 0
 *	a writer's, before it closes				a lock of the dead: freed
 *	after it closed, before WRITING				the same, and the gate opened
 *	while it writes						the same, and DIRTY
 *	after it opened, before it unlocks			a lock of the dead: freed
 *	before any wake						a sleeper's slice ends
 *	of the repairer, anywhere				the lock still has the dead one's stamp if
 *								the gate may be closed; done again
 *
 * The repairer opens the gate before it frees the lock, or the next writer's gate would be opened. So
 * a closed gate and a free lock exist only in a damaged object.
 *
 * Orderings. [rwlock.in] above. [rwlock.out] a reader's decrement and the writer's look at the stripe:
 * what was read was read before it is overwritten. [rwlock.open] the writer's opening swap and the
 * reader's look at the gate: it reads what was written. [rwlock.queue] above.
 *
 * Hostile peers: a number is read once into a local and never an address. Somebody who counts himself
 * in and never leaves delays writers, up to their timeouts, as a living reader may.
 */
#include "rwlock.h"

#include "../base/time.h"

#define LOOK_MOST 64u /* readers looked after in one go: a system call each */

#define GATE_PHASES (~(SLI_GATE_PHASE - 1u))

static uint32_t rwlock_parity(uint32_t gate)
{
	return gate / SLI_GATE_PHASE & 1u;
}

struct sli_rwlock_stripe *sli_rwlock_stripe(const struct sli_rwlock *rwlock, uint32_t number)
{
	uint32_t first = sli_stamp_place(rwlock->peers->self) * rwlock->stripe_count;

	return &rwlock->stripes[first + (number & (rwlock->stripe_count - 1))];
}

/* ---- telling --------------------------------------------------------------------------------- */

static SLI_COLD void rwlock_fire(struct sli_rwlock *rwlock, struct sli_event *event, uint32_t arm)
{
	sli_event_count(event);
	/* Dead here: a sleeper sees at the end of its slice what has happened. */
	SLI_CRASH(rwlock_counted);
	rwlock->peers->wake(rwlock->peers, &event->ev, SLI_WAKE_ALL);
	sli_event_clear(event, arm, SLI_EVENT_ANY);
}

/* After a change that is a full barrier: who sleeps on @event is to look again. */
static void rwlock_tell(struct sli_rwlock *rwlock, struct sli_event *event)
{
	uint32_t arm;

	/* [event.arm] the change before this look. Pairs with the swap in sli_event_arm(). */
	sli_fence_after_rmw();
	arm = sli_event_armed(event, SLI_EVENT_ANY);
	if (arm)
		rwlock_fire(rwlock, event, arm);
}

void sli_rwlock_tell_emptied(struct sli_rwlock *rwlock)
{
	rwlock_tell(rwlock, &rwlock->control->emptied);
}

void sli_rwlock_wake_all(struct sli_rwlock *rwlock)
{
	struct sli_rwlock_control *control = rwlock->control;
	struct sli_peers *peers = rwlock->peers;

	sli_event_count(&control->opened);
	peers->wake(peers, &control->opened.ev, SLI_WAKE_ALL);
	sli_event_count(&control->emptied);
	peers->wake(peers, &control->emptied.ev, SLI_WAKE_ALL);
	peers->wake(peers, &control->lock.word, SLI_WAKE_ALL);
}

/* What both kinds of sleepers do between two looks. 0: look again; 1: and look after the dead; negative:
 * the wait is over. */
static int rwlock_sleep(struct sli_rwlock *rwlock, struct sli_wait *wait, struct sli_event *event,
			uint32_t seen, uint32_t round)
{
	struct sli_peers *peers = rwlock->peers;

	if (wait->deadline == 0)
		wait->deadline = sli_deadline(wait->timeout);
	if (wait->deadline != SLI_NEVER && sli_now() >= wait->deadline)
		return -ETIMEDOUT;
	wait->slept++;
	return peers->sleep(peers, wait, &event->ev, seen, round, wait->deadline,
			    SLI_DOING_READER_WRITER);
}

/* ---- readers --------------------------------------------------------------------------------- */

/* Is it still as closed as when it was @gate? */
static bool rwlock_is_closed(const struct sli_rwlock *rwlock, uint32_t gate)
{
	/* [rwlock.open] acquire: what the writer wrote. Pairs with the swap in rwlock_open(). */
	return !((sli_load_sc(&rwlock->control->gate) ^ gate) & (GATE_PHASES | SLI_GATE_CLOSED));
}

/* The gate is closed: by somebody who is dead? Repairing after it opens the gate. */
static int rwlock_look_after_writer(struct sli_rwlock *rwlock, uint32_t gate)
{
	struct sli_peers *peers = rwlock->peers;
	uint32_t owner = sli_load_sc(&rwlock->control->lock.word) & SLI_STAMP;

	if (!owner)
		return rwlock_is_closed(rwlock, gate) ? SLUICE_ECORRUPT : 0;
	if (sli_stamp_place(owner) >= peers->count)
		return SLUICE_ECORRUPT;
	if (owner != peers->self)
		(void)peers->reap(peers, sli_stamp_place(owner));
	return 0;
}

/* Until the gate is another than @gate. */
static int rwlock_await(struct sli_rwlock *rwlock, struct sli_wait *wait, uint32_t gate)
{
	struct sli_event *opened = &rwlock->control->opened;
	struct sli_spin_turn turn;
	int r = 0;

	if (wait->timeout == 0) {
		r = rwlock_look_after_writer(rwlock, gate);
		return r == 0 && rwlock_is_closed(rwlock, gate) ? -EAGAIN : r;
	}
	sli_spin_begin(&turn, rwlock->spin, wait->timeout);
	while (rwlock_is_closed(rwlock, gate) && sli_spin_again(&turn))
		;
	sli_spin_end(&turn, !rwlock_is_closed(rwlock, gate));
	for (uint32_t round = 0, seen; r == 0; round++) {
		seen = sli_event_arm(opened, SLI_EVENT_ANY);
		if (!rwlock_is_closed(rwlock, gate))
			return 0;
		if (round == 0)
			r = rwlock_look_after_writer(rwlock, gate);
		if (r == 0)
			r = rwlock_sleep(rwlock, wait, opened, seen, round);
		if (r > 0)
			r = rwlock_look_after_writer(rwlock, gate);
	}
	return r;
}

/* Counted as waiting, too: be inside no more until the gate is another. */
static int rwlock_step_out(struct sli_rwlock *rwlock, struct sli_rwlock_stripe *stripe,
			   struct sli_wait *wait, uint32_t gate)
{
	int r = sli_rwlock_leave(rwlock, &stripe->inside);

	if (r == 0)
		r = rwlock_await(rwlock, wait, gate);
	return r < 0 ? r : sli_rwlock_enter(rwlock, &stripe->inside);
}

int sli_rwlock_queue(struct sli_rwlock *rwlock, struct sli_rwlock_stripe *stripe,
		     struct sli_wait *wait, uint32_t gate)
{
	_Atomic uint32_t *waiting = &stripe->waiting[rwlock_parity(gate)];
	int r = sli_rwlock_enter(rwlock, waiting), left;

	/* Dead here, or anywhere until the end: the place's words are emptied. */
	SLI_CRASH(rwlock_queued);
	if (r < 0) {
		(void)sli_rwlock_leave(rwlock, &stripe->inside);
		return r;
	}
	/* Opened meanwhile: the next writer, if there is one by now, waits for us. */
	if (rwlock_is_closed(rwlock, gate))
		r = rwlock_step_out(rwlock, stripe, wait, gate);
	SLI_CRASH(rwlock_let_in);
	/* [rwlock.queue] inside before not waiting. Pairs with the order in rwlock_is_empty(). */
	left = sli_rwlock_leave(rwlock, waiting);
	if (r < 0)
		return r;
	return left < 0 ? left : sli_rwlock_is_dirty(rwlock) ? SLI_LOCK_RECOVERED : 0;
}

bool sli_rwlock_is_dirty(const struct sli_rwlock *rwlock)
{
	return (sli_load_sc(&rwlock->control->gate) & SLI_GATE_DIRTY) != 0;
}

/* ---- writers --------------------------------------------------------------------------------- */

/* No reader in @stripe whom the writer that closed the gate, now @gate, has to wait for? */
static bool rwlock_is_empty(const struct sli_rwlock_stripe *stripe, uint32_t gate)
{
	/* [rwlock.queue] who waits, then who is inside. Pairs with the order in sli_rwlock_queue().
	 * [rwlock.out] acquire: they have read. Pairs with the swap in sli_rwlock_leave(). */
	return !(sli_load_sc(&stripe->waiting[!rwlock_parity(gate)]) & SLI_READERS_MOST) &&
	       !(sli_load_sc(&stripe->inside) & SLI_READERS_MOST);
}

/* Go on to the next stripe that is not empty. True: there is none. */
static bool rwlock_advance(const struct sli_rwlock *rwlock, uint32_t gate, uint32_t *at)
{
	uint32_t places = sli_load_sc(&rwlock->control->places);
	uint32_t end = SLI_MIN(places, rwlock->peers->count) * rwlock->stripe_count;

	while (*at < end && rwlock_is_empty(&rwlock->stripes[*at], gate))
		++*at;
	return *at >= end;
}

/* Who is counted from stripe @at on: are they alive? */
static void rwlock_look_after_readers(struct sli_rwlock *rwlock, uint32_t gate, uint32_t at)
{
	struct sli_peers *peers = rwlock->peers;
	/* relaxed: where to begin does not matter */
	uint32_t turn = sli_load_rlx(&rwlock->look), looked = 0, i;

	for (i = 0; i < peers->count && looked < LOOK_MOST; i++) {
		uint32_t place = (turn + i) % peers->count,
			 end = (place + 1) * rwlock->stripe_count;
		uint32_t stripe = SLI_MAX(at, place * rwlock->stripe_count);

		while (stripe < end && rwlock_is_empty(&rwlock->stripes[stripe], gate))
			stripe++;
		if (stripe >= end || place == sli_stamp_place(peers->self))
			continue;
		looked++;
		(void)peers->reap(peers, place);
	}
	/* relaxed: as above */
	sli_store_rlx(&rwlock->look, (turn + i) % peers->count);
}

/* The gate is closed: wait for the readers. */
static int rwlock_drain(struct sli_rwlock *rwlock, struct sli_wait *wait, uint32_t gate)
{
	struct sli_event *emptied = &rwlock->control->emptied;
	struct sli_spin_turn turn;
	uint32_t at = 0;
	bool out = rwlock_advance(rwlock, gate, &at);
	int r = 0;

	if (SLI_LIKELY(out))
		return 0;
	sli_spin_begin(&turn, rwlock->spin, wait->timeout);
	while (!(out = rwlock_advance(rwlock, gate, &at)) && sli_spin_again(&turn))
		;
	sli_spin_end(&turn, out);
	for (uint32_t round = 0, seen; !out && r == 0; round++) {
		seen = sli_event_arm(emptied, SLI_EVENT_ANY);
		out = rwlock_advance(rwlock, gate, &at);
		if (!out && round == 0) {
			rwlock_look_after_readers(rwlock, gate, at);
			out = rwlock_advance(rwlock, gate, &at);
		}
		if (!out)
			r = wait->timeout == 0 ? -EAGAIN
					       : rwlock_sleep(rwlock, wait, emptied, seen, round);
		if (r > 0) {
			rwlock_look_after_readers(rwlock, gate, at);
			r = 0;
		}
	}
	return out ? 0 : r;
}

/* With the lock. */
static int rwlock_close(struct sli_rwlock *rwlock)
{
	/* relaxed: only the owner of the lock writes it */
	uint32_t gate = sli_load_rlx(&rwlock->control->gate);

	if (SLI_UNLIKELY(gate & (SLI_GATE_CLOSED | SLI_GATE_WRITING)))
		return SLUICE_ECORRUPT;
	rwlock->closed_by_us = (gate + SLI_GATE_PHASE) | SLI_GATE_CLOSED;
	/* [rwlock.in] closed before the look at the stripes. Pairs with the swap in sli_rwlock_enter(). */
	if (SLI_UNLIKELY(!sli_cas_sc(&rwlock->control->gate, &gate, rwlock->closed_by_us)))
		return SLUICE_ECORRUPT;
	/* Dead from here on: the repairer opens it. */
	SLI_CRASH(rwlock_closed);
	return 0;
}

/* The gate is as we left it: make it @gate, and let in who waits. */
static int rwlock_open(struct sli_rwlock *rwlock, uint32_t gate)
{
	uint32_t seen = rwlock->closed_by_us;

	/* [rwlock.open] release: what was written. Pairs with the looks at the gate of readers. */
	if (!sli_cas_sc(&rwlock->control->gate, &seen, gate))
		return -ESTALE;
	/* Dead here: the lock is freed by who finds us dead; readers see the gate after their slices. */
	SLI_CRASH(rwlock_opened);
	rwlock_tell(rwlock, &rwlock->control->opened);
	return 0;
}

/* The gate was closed, but it comes to nothing. */
static int rwlock_give_up(struct sli_rwlock *rwlock, int code)
{
	int opened = rwlock_open(rwlock, rwlock->closed_by_us & ~SLI_GATE_CLOSED);
	int dropped = sli_lock_drop(&rwlock->control->lock, rwlock->peers);

	return opened < 0 || dropped < 0 ? -ESTALE : code;
}

int sli_rwlock_write(struct sli_rwlock *rwlock, struct sli_wait *wait)
{
	uint32_t seen;
	/* Whether its last owner died says nothing: it may have died waiting for us. */
	int r = sli_lock_take(&rwlock->control->lock, rwlock->peers, wait, 0);

	if (SLI_UNLIKELY(r < 0))
		return r;
	r = rwlock_close(rwlock);
	if (SLI_UNLIKELY(r < 0)) {
		(void)sli_lock_drop(&rwlock->control->lock, rwlock->peers);
		return r;
	}
	r = rwlock_drain(rwlock, wait, rwlock->closed_by_us);
	if (SLI_UNLIKELY(r < 0))
		return rwlock_give_up(rwlock, r);
	seen = rwlock->closed_by_us;
	if (SLI_UNLIKELY(!sli_cas_sc(&rwlock->control->gate, &seen, seen | SLI_GATE_WRITING)))
		return rwlock_give_up(rwlock, -ESTALE);
	rwlock->closed_by_us |= SLI_GATE_WRITING;
	/* Dead from here on: the gate says that something may be half written. */
	SLI_CRASH(rwlock_writing);
	return seen & SLI_GATE_DIRTY ? SLI_LOCK_RECOVERED : 0;
}

int sli_rwlock_write_end(struct sli_rwlock *rwlock)
{
	uint32_t gate = rwlock->closed_by_us & GATE_PHASES;
	int opened = rwlock_open(rwlock, gate);
	int dropped = sli_lock_drop(&rwlock->control->lock, rwlock->peers);

	return opened < 0 ? opened : dropped;
}

/* ---- coming and going ------------------------------------------------------------------------- */

static void rwlock_empty(struct sli_rwlock *rwlock, uint32_t place)
{
	struct sli_rwlock_stripe *stripe = &rwlock->stripes[place * rwlock->stripe_count];
	bool is_ours = place == sli_stamp_place(rwlock->peers->self);
	uint32_t nobody = is_ours ? sli_rwlock_nobody(rwlock) : 0;

	for (uint32_t i = 0; i < rwlock->stripe_count; i++, stripe++) {
		sli_store_sc(&stripe->inside, nobody);
		sli_store_sc(&stripe->waiting[0], nobody);
		sli_store_sc(&stripe->waiting[1], nobody);
		/* Dead here: it is done again. */
		SLI_CRASH(rwlock_emptied);
	}
}

void sli_rwlock_join(struct sli_rwlock *rwlock)
{
	uint32_t place = sli_stamp_place(rwlock->peers->self);
	/* relaxed: the swap orders; before the first time we are counted */
	uint32_t places = sli_load_rlx(&rwlock->control->places);

	rwlock_empty(rwlock, place);
	while (places <= place && !sli_cas_sc(&rwlock->control->places, &places, place + 1))
		;
}

uint32_t sli_rwlock_writer(const struct sli_rwlock *rwlock)
{
	/* relaxed: a moment's view */
	uint32_t word = sli_load_rlx(&rwlock->control->lock.word);
	uint32_t gate = sli_load_rlx(&rwlock->control->gate);

	return gate & SLI_GATE_WRITING ? word & SLI_STAMP : 0;
}

uint32_t sli_rwlock_readers(const struct sli_rwlock *rwlock, uint32_t place)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < rwlock->stripe_count; i++)
		/* relaxed: a moment's view */
		sum += sli_load_rlx(&rwlock->stripes[place * rwlock->stripe_count + i].inside) &
		       SLI_READERS_MOST;
	return sum;
}

void sli_rwlock_bury(struct sli_rwlock *rwlock, uint32_t stamp, uint32_t mask)
{
	struct sli_rwlock_control *control = rwlock->control;
	uint32_t gate = sli_load_sc(&control->gate);

	if (!SLI_MUTANT(keep_dead_readers))
		rwlock_empty(rwlock, sli_stamp_place(stamp));
	if ((sli_load_sc(&control->lock.word) & mask) != stamp)
		return;
	if ((gate & SLI_GATE_CLOSED) && !SLI_MUTANT(keep_gate)) {
		if ((gate & SLI_GATE_WRITING) && !SLI_MUTANT(keep_clean))
			gate |= SLI_GATE_DIRTY;
		/* [rwlock.open] release: the death happened before. Pairs with the looks of readers. */
		sli_store_sc(&control->gate, gate & ~(SLI_GATE_CLOSED | SLI_GATE_WRITING));
	}
	/* Dead here: the lock still says whose it was, and the gate is open. */
	SLI_CRASH(rwlock_buried);
	(void)sli_lock_leave_dirty(&control->lock, rwlock->peers, stamp, mask);
}
