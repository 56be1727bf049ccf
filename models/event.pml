/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * event.pml - the event pair: no wake-up is lost among the living, and slices cure what deaths lose
 *
 * edge: event.arm ring.wake
 * variants: TYPED DEATHS
 * mutants: DEATHS+NO_SLICES NO_WAKER_FENCE NO_WAITER_FENCE NO_SECOND_LOOK CLEAR_BLIND NO_BATON
 * mutants: NO_COUNT TYPED+WAKE_ONE TYPED+NO_RELOOK LEAVE_NOT_ALONE LEAVE_BLIND TYPED+LEAVE_TYPED
 * liveness: DEATHS+drained
 *
 * Two senders commit three messages; two receivers take them, one of them only one, the other all, and
 * sleep when there are none. In variant DEATHS there is one sender, and it and a receiver may be killed
 * anywhere. A commit goes through a store buffer, as a plain store does on every processor, and a full
 * barrier empties it; so does the receiver's arming in MUTANT_NO_WAITER_FENCE.
 *
 * Variant TYPED: one sender, and one receiver that wants a certain message. Then all are woken. It may
 * arm after the sender has looked, and be the one that is woken for a message that it does not want; so
 * who wakes one looks again and wakes all if somebody armed for a type (NO_RELOOK does not).
 *
 *	sender		ring_append(), sli_ring_tell_receivers(), sli_ring_fire()
 *	receiver	queue_block(), queue_sleep() in queue.c; sli_event_arm() in event.h
 *	pass_on		sli_ring_pass_on()
 *	CLEAR		sli_event_clear(): only if nobody armed since
 *	LEAVE		sli_event_leave(): of class ANY, awake again, if nobody was armed before or since
 *
 * ev and the count in arm are only ever compared, so what is kept is whether they moved.
 *
 * A slice ends when nothing else can happen. Holds: it finds a message only after a death ([ring.wake]
 * and [event.arm]: a full barrier on each side, and a second look behind it); with slices nothing
 * hangs. The first sender commits two and tells once, as a batch does: the one woken passes it on.
 */
#define MESSAGES 3
#ifdef DEATHS
#define MORTAL 1
#else
#define MORTAL 0
#endif

bit there[MESSAGES];  /* the message can be seen */
bit pending[2];       /* by sender: committed, but still in its store buffer */
bit ev_moved[2];      /* by receiver: ev was counted up since it looked */
bit arm_moved[4];     /* by waker (senders, then receivers): arm changed since it looked */
bit any = 0;          /* class ANY armed */
bit typed = 0;        /* class of a type armed */
bit late_arm = 0;     /* mutant: the receivers' arming in a store buffer */
bit asleep[2];
byte deaths = 0;
byte early = 1; /* sleeps that a signal, an interrupt or the end of a slice may cut short */
bit over[2]; /* senders */

#ifdef TYPED
/* Receiver 1 takes message 1 only, receiver 0 the rest. */
#define MINE(m) ((m == 1) == me)
#else
#define MINE(m) true
#endif
#define SOME(m) (there[m] && MINE(m))
#define SOMETHING (SOME(0) || SOME(1) || SOME(2))

/* The store buffer of a sender is emptied: sender 0 had two messages, sender 1 one. */
#define BARRIER(sender)                                                                            \
	d_step {                                                                                   \
		if                                                                                 \
		:: pending[sender] && !sender -> there[0] = 1; there[1] = 1                        \
		:: pending[sender] && sender -> there[2] = 1                                       \
		:: else                                                                            \
		fi;                                                                                \
		pending[sender] = 0                                                                \
	}

/* sli_ring_fire(), for the arm word that was read. */
#define FIRE                                                                                       \
	if                                                                                         \
	:: saw_any || saw_typed ->                                                                 \
		COUNT;                                                                             \
		MAYBE_DIE;                                                                         \
		atomic {                                                                           \
			woken = asleep[0] || asleep[1];                                            \
			if                                                                         \
			:: WAKES_ALL -> asleep[0] = 0; asleep[1] = 0                               \
			:: !(WAKES_ALL) && asleep[0] -> asleep[0] = 0                              \
			:: !(WAKES_ALL) && asleep[1] -> asleep[1] = 0                              \
			:: else                                                                    \
			fi                                                                         \
		}                                                                                  \
		MAYBE_DIE;                                                                         \
		RELOOK;                                                                            \
		if                                                                                 \
		:: (WAKES_ALL) || !woken -> CLEAR                                                  \
		:: else                                                                            \
		fi                                                                                 \
	:: else                                                                                    \
	fi;                                                                                        \
	d_step { woken = 0; saw_any = 0; saw_typed = 0; arm_moved[waker] = 0 }

#define ARM_MOVES arm_moved[0] = 1; arm_moved[1] = 1; arm_moved[2] = 1; arm_moved[3] = 1
#ifdef MUTANT_WAKE_ONE
#define WAKES_ALL 0
#else
#define WAKES_ALL saw_typed
#endif
#ifdef MUTANT_NO_COUNT
#define COUNT skip
#else
#define COUNT d_step { ev_moved[0] = 1; ev_moved[1] = 1 }
#endif
#ifdef MUTANT_CLEAR_BLIND
#define CLEAR atomic { any = 0; typed = 0; ARM_MOVES }
#else
#define CLEAR                                                                                      \
	atomic {                                                                                   \
		if                                                                                 \
		:: !arm_moved[waker] -> any = 0; typed = 0; ARM_MOVES                              \
		:: else                                                                            \
		fi                                                                                 \
	}
#endif
/* Only class ANY is left: who wakes one must see, when it looks again, that one of another class armed. */
#ifdef TYPED
#define TYPED_ONE me
#else
#define TYPED_ONE 0
#endif
#ifdef MUTANT_LEAVE_TYPED
#define DISARM                                                                                     \
	if                                                                                         \
	:: TYPED_ONE -> typed = 0                                                                  \
	:: else -> any = 0                                                                         \
	fi
#define WAS_ALONE (TYPED_ONE -> !typed : !any)
#else
#define DISARM any = 0
#define WAS_ALONE (!TYPED_ONE && !any)
#endif
#ifdef MUTANT_LEAVE_NOT_ALONE
#define MAY_LEAVE (!TYPED_ONE && !arm_moved[waker])
#elif defined(MUTANT_LEAVE_BLIND)
#define MAY_LEAVE alone
#else
#define MAY_LEAVE (alone && !arm_moved[waker])
#endif
#define LEAVE                                                                                      \
	atomic {                                                                                   \
		if                                                                                 \
		:: MAY_LEAVE -> DISARM; ARM_MOVES                                                  \
		:: else                                                                            \
		fi;                                                                                \
		alone = 0;                                                                         \
		arm_moved[waker] = 0                                                               \
	}
/* Who armed for a type after the look may have slept, and been the one that was woken. */
#if defined(MUTANT_NO_RELOOK) || defined(MUTANT_WAKE_ONE)
#define RELOOK skip
#else
#define RELOOK                                                                                     \
	atomic {                                                                                   \
		if                                                                                 \
		:: typed && !(WAKES_ALL) -> asleep[0] = 0; asleep[1] = 0                           \
		:: else                                                                            \
		fi                                                                                 \
	}
#endif
#define LOOK_AT_ARM                                                                                \
	d_step { saw_any = any; saw_typed = typed; arm_moved[waker] = 0 }

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: mortal -> goto dead                                                                     \
	:: skip                                                                                    \
	fi

proctype sender(bit me; bit mortal) {
	bit saw_any = 0, saw_typed = 0, woken = 0;
	byte waker = me;

	pending[me] = 1;
	MAYBE_DIE;
#ifndef MUTANT_NO_WAKER_FENCE
	BARRIER(me)
#endif
	MAYBE_DIE;
	LOOK_AT_ARM;
	MAYBE_DIE;
	FIRE;
	goto end;
dead:
	atomic { deaths++; BARRIER(me) }
end:
	over[me] = 1
}

/* What is in a store buffer gets out some time. */
active proctype memory() {
end:	do
	:: pending[0] -> BARRIER(0)
	:: pending[1] -> BARRIER(1)
#ifdef MUTANT_NO_WAITER_FENCE
	:: atomic { late_arm -> late_arm = 0; any = 1; ARM_MOVES }
#endif
	od
}

proctype receiver(bit me; bit mortal) {
	bit saw_any = 0, saw_typed = 0, woken = 0, slept = 0, alone = 0;
	byte waker = me + 2;

again:
	atomic {
		if
		:: SOME(0) -> there[0] = 0
		:: SOME(1) -> there[1] = 0
		:: SOME(2) -> there[2] = 0
		:: else -> goto arm
		fi
	}
	/* sli_ring_pass_on(): one that slept may have been the only one woken for several */
#ifndef MUTANT_NO_BATON
	if
	:: slept -> LOOK_AT_ARM; FIRE
	:: else
	fi;
#endif
	slept = 0;
	MAYBE_DIE;
	if
	:: me == 0 -> goto end /* one call, one message */
	:: else -> goto again
	fi;

arm:
	ev_moved[me] = 0;
#ifdef MUTANT_NO_WAITER_FENCE
	atomic { !late_arm; late_arm = 1 }
#else
	atomic {
		alone = WAS_ALONE;
		ARM_MOVES;
		arm_moved[waker] = 0;
#ifdef TYPED
		if
		:: me -> typed = 1
		:: else -> any = 1
		fi
#else
		any = 1
#endif
	}
#endif
	MAYBE_DIE;
#ifndef MUTANT_NO_SECOND_LOOK
	if
	:: SOMETHING -> goto again
	:: else
	fi;
#endif
	atomic {
		if
		:: !ev_moved[me] -> asleep[me] = 1; slept = 1
		:: else -> goto awake
		fi
	}
	if
	:: !asleep[me] ->
		MAYBE_DIE; /* the wake-up is spent on the dead */
		goto awake
	:: atomic { mortal && asleep[me] -> goto dead }
#if defined(TYPED) || defined(DEATHS)
	:: atomic { early > 0 && asleep[me] -> early--; asleep[me] = 0; goto awake }
#endif
#ifndef MUTANT_NO_SLICES
	:: atomic { timeout -> assert(!SOMETHING || deaths > 0); asleep[me] = 0;
			if
			:: SOMETHING -> goto awake
			:: else -> goto end
			fi
		}
#else
	:: atomic { over[0] && over[1] && !SOMETHING && !there[0] && !there[1] && !there[2] ->
			asleep[me] = 0; goto end
		}
#endif
	fi;
awake:
	LEAVE;
	goto again;
dead:
	atomic { deaths++; asleep[me] = 0 }
end:	atomic { slept = 0; alone = 0; arm_moved[waker] = 0 }
}

init {
	atomic {
		run sender(0, MORTAL);
#if defined(DEATHS) || defined(TYPED)
		over[1] = 1;
#else
		run sender(1, 0);
#endif
		run receiver(0, MORTAL);
		run receiver(1, 0)
	}
}

ltl drained { [] (there[1] -> <> !there[1]) }
