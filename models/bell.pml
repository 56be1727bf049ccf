/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * bell.pml - bells: descriptors to poll, armed by a call that found nothing, rung after a commit
 *
 * edge: bell.arm event.arm
 * variants: SHARED
 * mutants: CLEAR_FIRST NO_SECOND_LOOK NO_FENCE STALE_ARMED CLEAR_BLIND NO_TIMER
 * mutants: SHARED+NO_RERING SHARED+RING_ONCE SHARED+SELF_LATE
 *
 * Two ringers send a message, one of them another when that is gone, the other may be killed anywhere;
 * pollers call NOWAIT until EAGAIN, then poll. The base has one poller and its FIFO. Variant SHARED has
 * two pollers, who want different types, at one eventfd, and no deaths.
 *
 *	ringer		sli_ring_tell_receivers(), sli_ring_fire() in log_ring_wake.c; sli_bell_ring() in bell.c
 *	poller		queue_block(), queue_arm_bell() in queue.c; sli_bell_arm()
 *	timer		the one-shot timer of the descriptor
 *
 * A commit goes through a store buffer that a full barrier empties. The ringer looks at the event's
 * poll bit and then, with acquire, at each place's armed word; MUTANT_STALE_ARMED lets it have read
 * that word before, which a relaxed look at the bit would allow on weakly ordered machines. The
 * event's count and the number in armed are only compared: what is kept is whether they moved.
 *
 * At a shared eventfd another poller may drain what was meant for us, and rings again if it sees that we
 * were rung. So whoever rings there says so before its last write: a ringer writes once more after
 * clearing (RING_ONCE does not), a poller that rings itself clears first (SELF_LATE does not).
 *
 * The timer goes off when nothing else can happen. Holds: it finds no message but those of a ringer
 * that was killed; every message is received ([bell.arm]: arm, barrier, look again on one side,
 * commit, barrier, look on the other).
 */
#define RINGERS 2
#ifdef SHARED
#define POLLERS 2
#define MORTAL 0
#define WANTS(p, m) ((p) == (m))
#define FD(p) 0
#else
#define POLLERS 1
#define MORTAL 1
#define WANTS(p, m) true
#define FD(p) p
#endif

bit there[RINGERS];   /* by ringer: its message can be seen */
bit pending[RINGERS]; /* it is in the store buffer still */
bit killed[RINGERS];
byte over = 0;        /* ringers */
bit bell[POLLERS];    /* readable */
bit odd[POLLERS];     /* armed */
bit used[POLLERS];    /* armed is not 0 */
bit renumbered[4];    /* [ringer * 2 + poller]: armed was set anew since the ringer looked */
bit poll_bit = 0;
bit arm_moved[RINGERS]; /* the event's arm word moved since the ringer looked */

#define SOMETHING(p) ((there[0] && WANTS(p, 0)) || (there[1] && WANTS(p, 1)))

active proctype memory() {
end:	do
	:: atomic { pending[0] -> pending[0] = 0; there[0] = 1 }
	:: atomic { pending[1] -> pending[1] = 0; there[1] = 1 }
	od
}

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: mortal -> goto dead                                                                     \
	:: skip                                                                                    \
	fi

#define LOOK_AT_ARMED                                                                              \
	d_step {                                                                                   \
		was_odd[0] = odd[0]; renumbered[me * 2] = 0;                                       \
		was_odd[POLLERS - 1] = odd[POLLERS - 1]; renumbered[me * 2 + POLLERS - 1] = 0      \
	}

/* CAS(armed, odd -> the even number above) */
#ifdef MUTANT_CLEAR_BLIND
#define CLEAR_ARMED odd[p] = 0
#else
#define CLEAR_ARMED                                                                                \
	atomic {                                                                                   \
		if                                                                                 \
		:: odd[p] && !renumbered[me * 2 + p] -> odd[p] = 0                                 \
		:: else                                                                            \
		fi                                                                                 \
	}
#endif

proctype ringer(byte me; bit mortal) {
	byte p = 0;
	bit was_odd[POLLERS], left = 0, twice = 0;

send:	pending[me] = 1;
	MAYBE_DIE;
#ifndef MUTANT_NO_FENCE
	d_step {
		if
		:: pending[me] -> pending[me] = 0; there[me] = 1
		:: else
		fi
	}
#endif
	MAYBE_DIE;
#ifdef MUTANT_STALE_ARMED
	LOOK_AT_ARMED;
#endif
	/* Sleepers are woken between the two looks; the second is the one that the bit goes by. */
	if
	:: poll_bit
	:: else -> goto done
	fi;
	atomic {
		arm_moved[me] = 0;
		if
		:: poll_bit
		:: else -> goto done
		fi
	}
	do
	:: p < POLLERS ->
#ifndef MUTANT_STALE_ARMED
		d_step { was_odd[p] = odd[p]; renumbered[me * 2 + p] = 0 }
#endif
		MAYBE_DIE;
		if
		:: was_odd[p] && WANTS(p, me) ->
#ifdef MUTANT_CLEAR_FIRST
			CLEAR_ARMED;
			MAYBE_DIE;
			bell[FD(p)] = 1;
#else
			bell[FD(p)] = 1;
			MAYBE_DIE;
			CLEAR_ARMED;
#if defined(SHARED) && !defined(MUTANT_RING_ONCE)
			bell[FD(p)] = 1;
#endif
#endif
			MAYBE_DIE
		:: was_odd[p] && !WANTS(p, me) -> left = 1
		:: else
		fi;
		p++
	:: else -> break
	od;
	MAYBE_DIE;
	/* no armed bell is left: the poll bit goes, unless somebody armed since */
	atomic {
		if
		:: !left && !arm_moved[me] -> poll_bit = 0; arm_moved[1 - me] = 1
		:: else
		fi
	}
	goto done;
dead:
	atomic {
		killed[me] = 1;
		if
		:: pending[me] -> pending[me] = 0; there[me] = 1
		:: else
		fi
	}
done:
#ifndef SHARED
	if
	:: atomic { me == 1 && !twice && !there[1] -> twice = 1; p = 0; left = 0; goto send }
	:: me == 0 || twice
	fi;
#endif
	over++
}

proctype poller(byte me) {
again:	/* NOWAIT */
	atomic {
		if
		:: there[0] && WANTS(me, 0) -> there[0] = 0; goto again
		:: there[1] && WANTS(me, 1) -> there[1] = 0; goto again
		:: else
		fi
	}
	/* sli_bell_arm(): nothing has rung since, and the timer runs? */
	if
	:: odd[me] && !bell[FD(me)] -> goto armed
	:: else
	fi;
	bell[FD(me)] = 0; /* drained */
	d_step {
		odd[me] = 1;
		used[me] = 1;
		renumbered[me] = 1;
		renumbered[2 + me] = 1
	}
#if defined(SHARED) && !defined(MUTANT_NO_RERING)
	/* another place has been rung and has not answered: ring again */
	if
	:: used[1 - me] && !odd[1 - me] -> bell[0] = 1
	:: else
	fi;
#endif
armed:
	atomic { poll_bit = 1; arm_moved[0] = 1; arm_moved[1] = 1 }
#ifndef MUTANT_NO_SECOND_LOOK
	if
	:: SOMETHING(me) -> /* sli_bell_ring_self() */
#ifdef MUTANT_SELF_LATE
		bell[FD(me)] = 1;
		odd[me] = 0
#else
		odd[me] = 0;
		bell[FD(me)] = 1
#endif
	:: else
	fi;
#endif
	/* poll(2) */
	if
	:: bell[FD(me)] -> goto again
#ifndef MUTANT_NO_TIMER
	:: atomic { timeout ->
			assert(!SOMETHING(me) || ((!there[0] || killed[0] || !WANTS(me, 0)) &&
						  (!there[1] || killed[1] || !WANTS(me, 1))));
			if
			:: SOMETHING(me) -> odd[me] = 0; goto again
			:: else -> goto end
			fi
		}
#else
	:: atomic { over == RINGERS && !SOMETHING(me) && !pending[0] && !pending[1] -> goto end }
#endif
	fi;
end:	skip
}

/* Everything was received. */
active proctype account() {
	atomic { timeout; (over == RINGERS && _nr_pr == 2) -> assert(!there[0] && !there[1]) }
}

init {
	atomic {
		run ringer(0, MORTAL);
		run ringer(1, 0);
		run poller(0);
#ifdef SHARED
		run poller(1)
#endif
	}
}
