/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * lock_pair.pml - the two internal locks of a queue: repair by seizing both, or putting them back
 *
 * edge: lock.hold
 * mutants: ANY_OWNER BYTE_NOT_KEPT NO_RESTORE WITHOUT_ALSO ONE_LOCK
 * liveness: gets_both
 *
 * One participant takes the send lock and then the receive lock, one either of them, and one, as a
 * rotating sender does, the first and then only tries for the second. All but the first may be killed
 * anywhere. Who finds a lock whose owner is dead takes that place's byte and repairs, for which both
 * locks are needed.
 *
 *	take_one, rotate		sli_ring_send(), sli_ring_receive(), sli_ring_rotate()
 *	repair, add_to_list		sli_reap(), reap_all(), reap_repair() in reap.c
 *	SEIZE, put_back			queue_repair() in queue.c; sli_lock_seize(), sli_lock_restore()
 *	come_back			a newcomer that claims the place of a dead one, place_inherit()
 *
 * Holds: no lock has two living owners; the repair runs while nobody alive is inside either lock and
 * its dead cannot come back meanwhile; who takes a lock finds nothing half done under it ([lock.hold]
 * with a death in between: the repairer has the dead one's byte from the kernel, and the next owner
 * has the repairer's unlock). In the end participant 0 has had both.
 */
#define PLACES 3
#define SEND 0
#define RECEIVE 1
#define NOBODY 255

byte owner[2];      /* place + 1; 0: free */
byte half[2];       /* somebody changes what this lock guards */
byte held[PLACES];  /* who has the byte of the place: the process living there, or a repairer */
bit live[PLACES];   /* the state word */
bit killed[PLACES]; /* the process of the place is dead */
byte inside[2];     /* living owners at work */
byte repairing = 0;
byte deaths = 0;
bit done = 0;

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me > 0 && deaths < 2 -> deaths++; goto dead                                                      \
	:: skip                                                                                    \
	fi

#define ENTER(l) inside[l]++; assert(inside[l] == 1); have[l] = 1
#define EXIT(l) inside[l]--; have[l] = 0
#define IN_LIST(o) (list & (1 << (o - 1)))

/* Lock @l from the dead in the list, or free. *got: whether; *found: the stamp there was. */
#ifdef MUTANT_ANY_OWNER
#define MAY_SEIZE(l) (owner[l] != me + 1)
#else
#define MAY_SEIZE(l) (owner[l] == 0 || IN_LIST(owner[l]))
#endif
#define SEIZE(l, found)                                                                            \
	atomic {                                                                                   \
		found = owner[l];                                                                  \
		if                                                                                 \
		:: MAY_SEIZE(l) -> owner[l] = me + 1; ENTER(l); ok = 1                             \
		:: else -> ok = 0                                                                  \
		fi                                                                                 \
	}

inline drop(l) {
	atomic { assert(owner[l] == me + 1); owner[l] = 0; EXIT(l) }
}

/* Is the owner of a lock dead as well? Then its byte, and it is on the list. */
inline add_to_list(o) {
	atomic {
		if
#ifndef MUTANT_WITHOUT_ALSO
		:: o > 0 && o != me + 1 && live[o - 1] && held[o - 1] == NOBODY ->
			held[o - 1] = me;
			list = list | (1 << (o - 1));
			ok = 1
#endif
		:: else -> ok = 0
		fi
	}
}

proctype participant(byte me) {
	byte i = 0, list = 0, first = 0, second = 0, seen = 0, want = 0;
	bit have[2], ok = 0, again = 0, both = 0, newcomer = 0, busy = 0;

	if
	:: me == 0 -> want = SEND
	:: me == 1 -> want = SEND; both = 1
	:: me == 2 -> want = RECEIVE
	:: me == 2 -> want = SEND
	fi;
take:
	atomic {
		if
		:: owner[want] == 0 -> owner[want] = me + 1; ENTER(want); goto holding
		:: else -> seen = owner[want] - 1
		fi
	}
	MAYBE_DIE;
	if
	:: atomic { seen != me && live[seen] && held[seen] == NOBODY ->
#ifndef MUTANT_BYTE_NOT_KEPT
			held[seen] = me;
#endif
			list = 1 << seen
		}
		goto repair
	:: atomic { owner[want] != seen + 1 -> goto take } /* it changed while we slept */
	fi;

repair:	/* reap_repair(), with the bytes of those in the list */
	MAYBE_DIE;
	SEIZE(SEND, first);
	if
	:: !ok ->
		add_to_list(first);
		if
		:: ok -> goto repair
		:: else -> goto give_up /* a living one has it: not now */
		fi
	:: else
	fi;
	MAYBE_DIE;
#ifndef MUTANT_ONE_LOCK
	SEIZE(RECEIVE, second);
	if
	:: !ok ->
#ifndef MUTANT_NO_RESTORE
		/* put_back: sli_lock_restore() */
		atomic { assert(owner[SEND] == me + 1); owner[SEND] = first; EXIT(SEND) }
#endif
		MAYBE_DIE;
		add_to_list(second);
		if
		:: ok -> goto repair
		:: else -> goto give_up
		fi
	:: else
	fi;
	MAYBE_DIE;
#endif
	/* sli_ring_repair(): none of its dead may be somebody else by now */
	atomic {
		repairing++;
		busy = 1;
		assert(repairing == 1);
		assert((killed[0] || !(list & 1)) && (killed[1] || !(list & 2) || me == 1) &&
		       (killed[2] || !(list & 4) || me == 2))
	}
	half[SEND] = 0;
	MAYBE_DIE;
	atomic { half[RECEIVE] = 0; repairing--; busy = 0 }
	MAYBE_DIE;
	if
	:: have[RECEIVE] -> drop(RECEIVE)
	:: else
	fi;
	MAYBE_DIE;
	drop(SEND);
	i = 0;
	do
	:: i < PLACES ->
		if
		:: i != me && (list & (1 << i)) -> MAYBE_DIE; live[i] = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
	atomic { i = 0; list = 0 }
	MAYBE_DIE;

give_up:
	atomic {
		i = 0;
		do
		:: i < PLACES -> if :: i != me && held[i] == me -> held[i] = NOBODY :: else fi; i++
		:: else -> break
		od;
		i = 0; first = 0; second = 0; ok = 0
	}
	if
	:: newcomer && list -> goto dead /* the place stays dead, for others to repair after */
	:: newcomer && !list -> goto leave
	:: else -> list = 0; goto take
	fi;

holding:
	assert(!half[want]); /* nothing half done under a lock one gets */
	MAYBE_DIE;
	half[want] = 1;
	MAYBE_DIE;
	if
	:: both ->
		/* sli_lock_try(): never waits, never repairs */
		atomic {
			if
			:: owner[RECEIVE] == 0 -> owner[RECEIVE] = me + 1; ENTER(RECEIVE)
			:: else -> goto alone
			fi
		}
		assert(!half[RECEIVE]);
		half[RECEIVE] = 1;
		MAYBE_DIE;
		half[RECEIVE] = 0;
		MAYBE_DIE;
		drop(RECEIVE);
		MAYBE_DIE
	:: else
	fi;
alone:
	half[want] = 0;
	MAYBE_DIE;
	drop(want);
	if
	:: me == 0 && !again -> again = 1; want = RECEIVE; both = 0; goto take
	:: else
	fi;
leave:
	live[me] = 0;
	done = done | (me == 0);
	held[me] = NOBODY;
	goto end;

dead:
	atomic {
		repairing = repairing - busy;
		killed[me] = 1;
		inside[SEND] = inside[SEND] - have[SEND];
		inside[RECEIVE] = inside[RECEIVE] - have[RECEIVE];
		have[SEND] = 0; have[RECEIVE] = 0;
		i = 0;
		do
		:: i < PLACES -> if :: held[i] == me -> held[i] = NOBODY :: else fi; i++
		:: else -> break
		od;
		i = 0; list = 0; first = 0; second = 0; ok = 0; busy = 0
	}
	/* come_back: somebody new claims the place, and repairs after its predecessor */
	if
	:: atomic { !newcomer && held[me] == NOBODY ->
			newcomer = 1;
			held[me] = me;
			killed[me] = 0;
			list = live[me] << me;
			live[me] = 1
		}
		if
		:: list -> goto repair
		:: else -> goto leave
		fi
	:: skip
	fi;
end:	skip
}

init {
	atomic {
		held[0] = 0; held[1] = 1; held[2] = 2;
		live[0] = 1; live[1] = 1; live[2] = 1;
		run participant(0); run participant(1); run participant(2)
	}
}

ltl gets_both { <> done }
