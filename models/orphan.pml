/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * orphan.pml - SLUICE_ENOSENDER: no sender is left, and nothing of what they sent is either
 *
 * edge: place.claim
 * mutants: NO_REREAD LEAVE_RELAXED BUSY_IS_EMPTY NO_SWEEP BYTE_NOT_KEPT
 *
 * Two senders send a message each; then one leaves, and the other leaves or is killed anywhere. A
 * receiver that expects senders calls until it is told that there are none. Another receiver may have
 * the receive lock meanwhile, and be stopped there for any time.
 *
 *	sender		sli_queue_send(), then sli_place_leave()
 *	attempt		queue_try_receive(): a call that may not wait gives up on a busy lock (-EAGAIN)
 *	sweep		sli_sweep(): the dead one's place becomes FREE, with its byte kept
 *	count		queue_is_orphaned(), sli_place_count_role(): reads of state words
 *	again		queue_check_orphaned(): what the last sender sent before it left is taken first;
 *			where the lock is busy, the caller is told to come again (-EAGAIN)
 *
 * The commit of a message goes through a store buffer which a release empties: the store of the state
 * FREE is one ([place.claim]), and a death empties it as well, before the byte is given back.
 *
 * Holds: when the receiver is told, no message is there. A busy lock is not an empty queue
 * (BUSY_IS_EMPTY takes it for one).
 */
bit there[2], pending[2]; /* message by sender; in its store buffer */
bit live[2];              /* state of the sender's place */
bit held[2];              /* its byte */
bit lock = 0;             /* the receive lock, by the other receiver */
byte over = 0;

#define FLUSH(s) there[s] = there[s] | pending[s]; pending[s] = 0

active proctype memory() {
end:	do
	:: atomic { pending[0] -> FLUSH(0) }
	:: atomic { pending[1] -> FLUSH(1) }
	od
}

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me == 1 -> goto dead                                                                    \
	:: skip                                                                                    \
	fi

proctype sender(bit me) {
	MAYBE_DIE;
	pending[me] = 1; /* committed */
	MAYBE_DIE;
	/* sli_place_leave() */
#ifndef MUTANT_LEAVE_RELAXED
	atomic { FLUSH(me) }
#endif
	live[me] = 0;
	MAYBE_DIE;
dead:	/* the kernel: all its stores are done, then its byte is free */
#ifdef MUTANT_LEAVE_RELAXED
	if
	:: live[me] -> atomic { FLUSH(me) }
	:: else
	fi;
#else
	atomic { FLUSH(me) }
#endif
	held[me] = 0;
	over++
}

proctype other() {
	lock = 1;
	/* it may take one itself */
	if
	:: atomic { there[0] -> there[0] = 0 }
	:: skip
	fi;
	lock = 0
}

proctype receiver() {
	byte s;

call:	/* attempt, with SLUICE_NOWAIT */
	atomic {
		if
		:: !lock && there[0] -> there[0] = 0; goto call
		:: !lock && there[1] -> there[1] = 0; goto call
		:: else
		fi
	}
	/* sweep */
	s = 0;
	do
	:: s < 2 ->
#ifdef MUTANT_BYTE_NOT_KEPT
		/* takes the word of the state and not the kernel's */
		live[s] = 0;
#else
#ifndef MUTANT_NO_SWEEP
		if
		:: live[s] && !held[s] -> live[s] = 0
		:: else
		fi;
#endif
#endif
		s++
	:: else -> break
	od;
	/* count, place by place */
	if
	:: live[0] -> (there[0] || there[1] || !live[0] || !held[0]); goto call
	:: else
	fi;
	if
	:: live[1] -> (there[0] || there[1] || !live[1] || (!held[1] && live[1])); goto wait
	:: else
	fi;
	/* again */
#ifndef MUTANT_NO_REREAD
	atomic {
#ifndef MUTANT_BUSY_IS_EMPTY
		if
		:: lock -> goto call
		:: else
		fi;
#endif
		if
		:: !lock && there[0] -> there[0] = 0; goto call
		:: !lock && there[1] -> there[1] = 0; goto call
		:: else
		fi
	}
#endif
	/* SLUICE_ENOSENDER */
	assert(!there[0] && !there[1] && !pending[0] && !pending[1]);
	goto end;
wait:
#ifdef MUTANT_NO_SWEEP
	!live[1];
#endif
	goto call;
end:	skip
}

init {
	atomic {
		live[0] = 1; live[1] = 1; held[0] = 1; held[1] = 1;
		run sender(0); run sender(1); run other(); run receiver()
	}
}
