/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rotate.pml - a record that nobody wants is moved to the tail; the mover and its repairer may die
 *
 * edge: ring.publish
 * mutants: ALWAYS_RESTORE ALWAYS_DONE ONE_LOCK OWN_DEAD_ONLY BY_POSITION COPY_EARLY
 *
 * The log holds message 1 (type A), 2 (type B), 3 (type A). Two rotators take both locks and move the
 * record at head behind the tail, up to three times together. A receiver takes type A or type B,
 * whichever is there, out of the middle. The rotators may be killed between any two stores, as
 * repairers too; whoever needs a lock of the dead repairs after it.
 *
 *	rotate		ring_rotate_locked(), ring_free_head(), ring_move_record()
 *	choose		ring_scan(): the smallest sequence number of the type
 *	take_out	ring_take_out()
 *	repair		queue_repair(), sli_ring_repair(), ring_repair_record(), ring_has_copy()
 *
 * The ring is long enough never to wrap here; ring.pml has the laps. Locks are seized in one step, but
 * each with its list of the dead, as in lock_pair.pml: a repairer that dies leaves its own stamp on
 * both, and the next one has only that one on its list. So a record that is MOVING is given its
 * ending whoever moved it: nobody alive moves anything while the repairer has both locks.
 *
 * MUTANT_OWN_DEAD_ONLY, who leaves it for the reaper of the mover, sees the copy received meanwhile.
 *
 * Holds: every message is received exactly once, those of a type in the order they were sent.
 */
#define LENGTH 8
#define PROCESSES 3
#define SEND 0
#define RECEIVE 1

mtype = { EMPTY, COMMITTED, MOVING, FINISHED }; /* FINISHED: DONE */

mtype state[LENGTH];
byte mover[LENGTH];    /* who moves it */
byte sequence[LENGTH]; /* the message */
byte head = 0, tail = 0;
byte moves = 0;

byte lock[2];         /* process + 1 */
bit dead[PROCESSES];  /* killed, and its place not free yet */
byte deaths = 0;
bit received[4];
byte last[2];         /* by type */

#define TYPE(m) ((m) == 2)

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me > 0 && deaths < 2 -> deaths++; dead[me] = 1; goto end                                \
	:: skip                                                                                    \
	fi

#define OWNER_DEAD(l) (lock[l] != 0 && dead[lock[l] - 1])

/* After one of the dead: seize both locks. Only a dead one that owns a lock comes on the list as well. */
#define SEIZE                                                                                      \
	atomic {                                                                                   \
		(dead[1] || dead[2]) &&                                                            \
		(lock[SEND] == 0 || OWNER_DEAD(SEND)) &&                                           \
		(lock[RECEIVE] == 0 || OWNER_DEAD(RECEIVE)) ->                                     \
		if                                                                                 \
		:: dead[1] -> list = 2                                                             \
		:: dead[2] -> list = 4                                                             \
		fi;                                                                                \
		if                                                                                 \
		:: lock[SEND] -> list = list | (1 << (lock[SEND] - 1))                             \
		:: else                                                                            \
		fi;                                                                                \
		if                                                                                 \
		:: lock[RECEIVE] -> list = list | (1 << (lock[RECEIVE] - 1))                       \
		:: else                                                                            \
		fi;                                                                                \
		lock[SEND] = me + 1;                                                               \
		lock[RECEIVE] = me + 1                                                             \
	}

#define TAKE(l)                                                                                    \
	do                                                                                         \
	:: atomic { lock[l] == 0 -> lock[l] = me + 1; break }                                      \
	:: SEIZE; repair()                                                                         \
	od

#ifdef MUTANT_OWN_DEAD_ONLY
#define OURS(at) (list & (1 << mover[at]))
#else
#define OURS(at) true
#endif

/* Is there a committed copy of the record @at further on? */
#define COPY(at, j) (j > at && state[j] == COMMITTED && sequence[j] == sequence[at])
#define HAS_COPY(at)                                                                               \
	(COPY(at, 1) || COPY(at, 2) || COPY(at, 3) || COPY(at, 4) || COPY(at, 5) || COPY(at, 6) || \
	 COPY(at, 7))

inline repair() {
	MAYBE_DIE;
	/* roll tail forward */
	at = tail;
	do
	:: state[at] != EMPTY -> at++
	:: else -> break
	od;
	tail = at;
	MAYBE_DIE;
	at = head;
	do
	:: state[at] == EMPTY -> break
	:: state[at] == MOVING && OURS(at) ->
		MAYBE_DIE;
#ifdef MUTANT_ALWAYS_RESTORE
		state[at] = COMMITTED;
#else
#ifdef MUTANT_ALWAYS_DONE
		state[at] = FINISHED;
#else
		if
		:: HAS_COPY(at) -> state[at] = FINISHED
		:: else -> state[at] = COMMITTED
		fi;
#endif
#endif
		at++
	:: else -> at++
	od;
	MAYBE_DIE;
	/* the places of those on the list become free */
	d_step {
		at = 0;
		do
		:: at < PROCESSES -> if :: list & (1 << at) -> dead[at] = 0 :: else fi; at++
		:: else -> break
		od;
		at = 0;
		list = 0
	}
	lock[RECEIVE] = 0;
	MAYBE_DIE;
	lock[SEND] = 0
}

proctype rotator(byte me) {
	byte at = 0, list = 0, to = 0, m = 0;

	do
	:: atomic { moves < 3 -> moves++ }
		TAKE(SEND);
		MAYBE_DIE;
		/* sli_lock_try() */
#ifndef MUTANT_ONE_LOCK
		if
		:: atomic { lock[RECEIVE] == 0 -> lock[RECEIVE] = me + 1 }
		:: atomic { lock[RECEIVE] != 0 -> lock[SEND] = 0; goto next }
		fi;
#endif
		at = head;
		if
		:: state[at] == FINISHED -> head = at + 1
		:: state[at] == COMMITTED ->
			to = tail;
			m = sequence[at];
			atomic { state[at] = MOVING; mover[at] = me }
			MAYBE_DIE;
#ifdef MUTANT_COPY_EARLY
			state[to] = COMMITTED;
			MAYBE_DIE;
			sequence[to] = m;
#else
			sequence[to] = m;
			MAYBE_DIE;
			state[to] = COMMITTED;
#endif
			MAYBE_DIE;
			tail = to + 1;
			MAYBE_DIE;
			state[at] = FINISHED;
			MAYBE_DIE;
			head = at + 1
		:: else
		fi;
		MAYBE_DIE;
#ifndef MUTANT_ONE_LOCK
		lock[RECEIVE] = 0;
		MAYBE_DIE;
#endif
		lock[SEND] = 0;
next:		atomic { at = 0; to = 0; m = 0 }
	:: else -> break
	od;
end:	skip
}

/* Better than what the walk has so far? */
#ifdef MUTANT_BY_POSITION
#define BETTER (best == 255)
#else
#define BETTER (best == 255 || sequence[at] < sequence[best])
#endif

#define THERE(i) (state[i] == COMMITTED)

proctype receiver(byte me) {
	byte at = 0, list = 0, best, h = 0, m;
	bit type;

	do
	:: true ->
		if
		:: type = 0
		:: type = 1
		fi;
		TAKE(RECEIVE);
		best = 255;
		h = head;
		do
		:: state[h] == FINISHED -> h++
		:: else -> break
		od;
		head = h;
		at = h;
		do
		:: state[at] == EMPTY -> break
		:: state[at] == COMMITTED && TYPE(sequence[at]) == type && BETTER -> best = at; at++
		:: else -> at++
		od;
		MAYBE_DIE;
		if
		:: best != 255 ->
			m = sequence[best];
			assert(m > 0);
			MAYBE_DIE;
			atomic {
				/* consumed */
				assert(!received[m]);
				assert(m > last[type]);
				received[m] = 1;
				last[type] = m;
				if
				:: best == h -> head = h + 1
				:: else -> state[best] = FINISHED
				fi
			}
			MAYBE_DIE
		:: else
		fi;
		atomic { lock[RECEIVE] = 0; at = 0; best = 0; h = 0; m = 0 }
		MAYBE_DIE;
		if
		:: received[1] && received[2] && received[3] -> break
		:: THERE(0) || THERE(1) || THERE(2) || THERE(3) || THERE(4) || THERE(5)
		:: dead[1] || dead[2]
		fi
	od;
end:	skip
}

/* Nothing is left of the messages, and nobody hangs. */
active proctype account() {
	atomic { timeout; assert(received[1] && received[2] && received[3]) }
}

init {
	atomic {
		state[0] = COMMITTED; sequence[0] = 1;
		state[1] = COMMITTED; sequence[1] = 2;
		state[2] = COMMITTED; sequence[2] = 3;
		state[3] = EMPTY; state[4] = EMPTY; state[5] = EMPTY; state[6] = EMPTY;
		state[7] = EMPTY;
		tail = 3;
		run receiver(0);
		run rotator(1);
		run rotator(2)
	}
}
