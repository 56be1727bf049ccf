/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock.pml - readers that count themselves and look at the gate, writers that close it and count
 *
 * edge: rwlock.in rwlock.out rwlock.open rwlock.queue
 * variants: WRITERS DEATHS
 * mutants: LOOK_FIRST COUNT_FIRST LET_IN_LATE NO_RELOOK INSIDE_FIRST QUEUE_LATE WRITERS+NO_QUEUE WRITERS+OPEN_EARLY
 * mutants: DEATHS+READER_KEPT DEATHS+GATE_KEPT DEATHS+CLEAN DEATHS+FREE_FIRST DEATHS+NO_SLICES
 * liveness: all_in WRITERS+all_in DEATHS+all_in
 *
 * Two readers and a writer (WRITERS: one reader, two writers), each a few times in a row; with DEATHS
 * all but process 0 may be killed anywhere, repairers included. What is guarded is a pair of bytes that
 * a writer changes one after the other; a reader looks at both.
 *
 *	read, queue		sli_rwlock_read(), sli_rwlock_queue()
 *	write			sli_rwlock_write(), sli_rwlock_write_end()
 *	bury			sli_rwlock_bury(), with the byte of the dead
 *
 * Holds: a writer is alone; who sees a half written pair was told so; a reader that waits is overtaken
 * by one writer at the most, the one whose gate it found closed or one that began before it looked;
 * everybody who lives gets in and out. The accesses are all sequentially consistent, so steps suffice:
 * LOOK_FIRST and COUNT_FIRST are what a weaker order would allow.
 */
#ifdef WRITERS
#define READERS 1
#define TURNS 2
#else
#define READERS 2
#ifdef DEATHS
#define TURNS 1
#else
#define TURNS 2
#endif
#endif
#define ALL 3
#define NOBODY 255
#ifdef DEATHS
#define MORTAL (me > 0 && deaths < 2)
#else
#define MORTAL false
#endif

byte lock = NOBODY;
bit closed = 0, writing = 0, dirty = 0, parity = 0;
byte inside[ALL], waiting0[ALL], waiting1[ALL];
byte first = 0, second = 0; /* what is guarded */
byte readers = 0, writers = 0, deaths = 0, ended = 0;
bit dead[ALL], gone[ALL];
byte reaping[ALL]; /* who has the byte of the dead one, plus 1 */
byte begun = 0;    /* writes; modulo 8 */

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: MORTAL -> atomic { deaths++; goto killed }                                              \
	:: skip                                                                                    \
	fi

/* With the byte of d: nobody else changes what is d's. */
inline bury(d) {
#ifndef MUTANT_READER_KEPT
	inside[d] = 0;
	MAYBE_DIE;
	waiting0[d] = 0;
	waiting1[d] = 0;
#endif
	MAYBE_DIE;
	if
	:: lock == d ->
#ifdef MUTANT_FREE_FIRST
		lock = NOBODY;
		MAYBE_DIE;
#endif
#ifndef MUTANT_GATE_KEPT
		if
		:: closed ->
#ifdef MUTANT_CLEAN
			atomic { closed = 0; writing = 0 }
#else
			atomic { dirty = dirty | writing; closed = 0; writing = 0 }
#endif
		:: else
		fi;
#endif
		MAYBE_DIE;
#ifndef MUTANT_FREE_FIRST
		lock = NOBODY;
#endif
	:: else
	fi;
	MAYBE_DIE;
	atomic { gone[d] = 1; reaping[d] = 0 }
}

/* A slice is over: somebody dead is looked after. */
#ifdef MUTANT_NO_SLICES
#define FIND_DEAD(d) false
#else
#define FIND_DEAD(d) (dead[d] && !gone[d] && !reaping[d])
#endif

proctype reader(byte me) {
	byte turn = 0, seen = 0, before = 0, d = 0;
	bit told = 0, mine = 0;

again:
	if
	:: turn == TURNS -> goto done
	:: else -> turn++
	fi;
	MAYBE_DIE;
#ifdef MUTANT_LOOK_FIRST
	if
	:: closed -> inside[me]++; mine = parity; before = begun; goto queue
	:: else
	fi;
	inside[me]++;
	told = dirty;
	goto in;
#else
	inside[me]++;
	MAYBE_DIE;
	if
	:: atomic { !closed -> told = dirty } goto in
	:: atomic { closed -> mine = parity; before = begun }
	fi;
#endif
queue:
#ifdef MUTANT_NO_QUEUE
	inside[me]--;
	(!closed);
	inside[me]++;
	if
	:: !closed -> goto through
	:: closed -> goto queue
	fi;
#endif
	MAYBE_DIE;
#ifdef MUTANT_QUEUE_LATE
	inside[me]--;
	MAYBE_DIE;
	if :: mine -> waiting1[me]++ :: else -> waiting0[me]++ fi;
#else
	if :: mine -> waiting1[me]++ :: else -> waiting0[me]++ fi;
	MAYBE_DIE;
#ifndef MUTANT_NO_RELOOK
	if
	:: !closed || parity != mine -> goto not_waiting
	:: closed && parity == mine
	fi;
	MAYBE_DIE;
#endif
	inside[me]--;
#endif
	MAYBE_DIE;
wait:
	if
	:: !closed || parity != mine
	:: atomic { closed && parity == mine && FIND_DEAD(1) -> reaping[1] = me + 1; d = 1 } bury(d); goto wait
	:: atomic { closed && parity == mine && FIND_DEAD(2) -> reaping[2] = me + 1; d = 2 } bury(d); goto wait
	fi;
	MAYBE_DIE;
#ifdef MUTANT_LET_IN_LATE
	if :: mine -> waiting1[me]-- :: else -> waiting0[me]-- fi;
	MAYBE_DIE;
	inside[me]++;
	goto through;
#else
	inside[me]++;
#endif
	MAYBE_DIE;
not_waiting:
	if :: mine -> waiting1[me]-- :: else -> waiting0[me]-- fi;
	MAYBE_DIE;
through:
	told = dirty;
	/* The one that had the gate closed may have begun after we looked; no other. */
	assert((begun - before) % 8 <= 1);
in:
	atomic { readers++; assert(writers == 0); seen = first }
	if
	:: MORTAL -> atomic { deaths++; readers--; goto killed }
	:: skip
	fi;
	atomic { assert(told || seen == second); readers-- }
	inside[me]--;
	goto again;

killed:
	atomic {
		dead[me] = 1;
		if :: reaping[1] == me + 1 -> reaping[1] = 0 :: else fi;
		if :: reaping[2] == me + 1 -> reaping[2] = 0 :: else fi;
	}
done:
	ended++
}

#define OLD(i) ((parity -> waiting0[i] : waiting1[i]))

proctype writer(byte me) {
	byte turn = 0, at = 0, d = 0;
	bit told = 0, clean = 0;

again:
	if
	:: turn == TURNS -> goto done
	:: else -> turn++
	fi;
take:
	MAYBE_DIE;
	if
	:: atomic { lock == NOBODY -> lock = me }
	:: atomic { lock == 1 && me != 1 && FIND_DEAD(1) -> reaping[1] = me + 1; d = 1 } bury(d); goto take
	:: atomic { lock == 2 && me != 2 && FIND_DEAD(2) -> reaping[2] = me + 1; d = 2 } bury(d); goto take
	fi;
	MAYBE_DIE;
	assert(!closed && !writing);
#ifdef MUTANT_COUNT_FIRST
	clean = inside[0] == 0 && inside[1] == 0 && inside[2] == 0;
	atomic { closed = 1; parity = 1 - parity }
	if
	:: clean -> at = ALL
	:: else -> at = 0
	fi;
#else
	atomic { closed = 1; parity = 1 - parity }
	at = 0;
#endif
	MAYBE_DIE;
	do
	:: at == ALL -> break
	:: at < ALL ->
#ifdef MUTANT_INSIDE_FIRST
		clean = inside[at] == 0;
		clean = clean && OLD(at) == 0;
#else
		clean = OLD(at) == 0;
		clean = clean && inside[at] == 0;
#endif
		if
		:: clean -> at++
		:: !clean && (OLD(at) == 0 && inside[at] == 0)
		:: atomic { !clean && at == 1 && FIND_DEAD(1) -> reaping[1] = me + 1; d = 1 } bury(d)
		:: atomic { !clean && at == 2 && FIND_DEAD(2) -> reaping[2] = me + 1; d = 2 } bury(d)
		fi
	od;
	MAYBE_DIE;
	atomic { writing = 1; told = dirty; begun = (begun + 1) % 8 }
	atomic { writers++; assert(writers == 1 && readers == 0) }
	atomic { assert(told || first == second); first = (first + 1) % 4 }
	if
	:: MORTAL -> atomic { deaths++; writers--; goto killed }
	:: skip
	fi;
#ifdef MUTANT_OPEN_EARLY
	atomic { closed = 0; writing = 0; dirty = 0 }
#endif
	atomic { second = first; }
	if
	:: MORTAL -> atomic { deaths++; writers--; goto killed }
	:: skip
	fi;
	atomic { writers--;
#ifndef MUTANT_OPEN_EARLY
		closed = 0; writing = 0; dirty = 0
#endif
	}
	MAYBE_DIE;
	lock = NOBODY;
	MAYBE_DIE;
	goto again;

killed:
	atomic {
		dead[me] = 1;
		if :: reaping[1] == me + 1 -> reaping[1] = 0 :: else fi;
		if :: reaping[2] == me + 1 -> reaping[2] = 0 :: else fi;
	}
done:
	ended++
}

init {
	atomic {
		run reader(0);
#if READERS == 2
		run reader(1);
#else
		run writer(1);
#endif
		run writer(2)
	}
}

ltl all_in { <> (ended == ALL) }
