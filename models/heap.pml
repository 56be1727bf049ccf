/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * heap.pml - a block is allocated exactly if its link says so, whoever is killed where
 *
 * edge: heap.journal
 * mutants: NO_JOURNAL CLEARED_EARLY NO_REDO MUTEX_FIRST NO_ALSO COUNT_FIRST
 *
 * A process with the mutex allocates: two words must change together, the link and the heap's own. It is
 * killed anywhere. Repairers come, and may be killed anywhere too; the last one is not. Then somebody
 * takes the mutex.
 *
 *	commit		heap_commit(): the journal, its count, the words, the count cleared
 *	repair		memory_repair(): first the heap, then the mutex is left for others
 *	redo		sli_heap_redo()
 *	also		a lock that a dead repairer holds: repaired first (-EAGAIN, the list of the dead grows)
 *
 * The entries are stored before the count; COUNT_FIRST lets it happen the other way round.
 *
 * Holds: who has the mutex finds the two words equal, and no journal.
 */
#define FREE 0
#define VICTIM 1
#define REPAIRERS 2

byte lock = FREE, mutex = FREE;  /* who has it */
bit link = 0, heap = 0;          /* the two words */
bit to_link = 0, to_heap = 1;    /* the journal: what they become; of an older change at first */
bit count = 0;
byte writer = FREE;
bit is_dead[4];

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: goto dead                                                                               \
	:: skip                                                                                    \
	fi

proctype victim() {
	mutex = VICTIM;
	MAYBE_DIE;
	atomic { lock == FREE -> lock = VICTIM }
	MAYBE_DIE;
#ifdef MUTANT_COUNT_FIRST
	writer = VICTIM; count = 1;
	MAYBE_DIE;
	to_link = 1; to_heap = 1;
#else
	to_link = 1;
	MAYBE_DIE;
	to_heap = 1;
	MAYBE_DIE;
#ifndef MUTANT_NO_JOURNAL
	writer = VICTIM; count = 1;
#endif
#endif
	MAYBE_DIE;
	heap = to_heap;
	MAYBE_DIE;
#ifdef MUTANT_CLEARED_EARLY
	count = 0;
	MAYBE_DIE;
#endif
	link = to_link;
	MAYBE_DIE;
	count = 0;
	MAYBE_DIE;
	lock = FREE;
	MAYBE_DIE;
	mutex = FREE;
dead:	is_dead[VICTIM] = 1
}

/* After the victim and, if it is found in the way, the repairer before us. */
proctype repairer(byte me; bit may_die) {
	is_dead[VICTIM] && (me == VICTIM + 1 || is_dead[me - 1]);
#ifdef MUTANT_MUTEX_FIRST
	if
	:: mutex == VICTIM -> mutex = FREE
	:: else
	fi;
	if
	:: may_die -> MAYBE_DIE
	:: else
	fi;
#endif
	/* the heap */
	if
	:: lock == VICTIM -> lock = me
#ifndef MUTANT_NO_ALSO
	:: lock != FREE && lock != VICTIM && lock != me && is_dead[lock] -> lock = me
#endif
	:: else -> goto mutexes
	fi;
	if
	:: may_die -> MAYBE_DIE
	:: else
	fi;
#ifndef MUTANT_NO_REDO
	if
	:: count ->
		heap = to_heap;
		if
		:: may_die -> MAYBE_DIE
		:: else
		fi;
		link = to_link;
		if
		:: may_die -> MAYBE_DIE
		:: else
		fi;
		count = 0
	:: else
	fi;
#else
	count = 0;
#endif
	if
	:: may_die -> MAYBE_DIE
	:: else
	fi;
	lock = FREE;
mutexes:
	if
	:: may_die -> MAYBE_DIE
	:: else
	fi;
	if
	:: mutex == VICTIM -> mutex = FREE
	:: else
	fi;
dead:	is_dead[me] = 1
}

active proctype next() {
	atomic { is_dead[VICTIM] && mutex == FREE -> mutex = 3 }
	assert(link == heap && !count);
}

init {
	atomic { run victim(); run repairer(2, 1); run repairer(3, 0) }
}
