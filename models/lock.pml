/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * lock.pml - the owner-stamped lock word of a mutex, deaths, and repair by leaving it dirty
 *
 * edge: lock.hold
 * mutants: BYTE_NOT_KEPT NO_SLICES NO_DIRTY FREE_FIRST WAITERS_FORGOTTEN RELEASE_RELAXED
 * liveness: gets_it
 *
 * Processes 0 and 1 hold the two places; process 2 comes later and takes a place that is free or, when
 * there is none, inherits one of the dead. Any of them but process 0 may be killed anywhere, repairers
 * included. Each locks twice.
 *
 *	take, reap, sleep		sli_lock_take_slow(), lock_try(), lock_sleep() in lock.c
 *	TAKE_BYTE, repair, free		reap_take_byte(), reap_all() in reap.c; mutex_repair() in mutex.c
 *	LEAVE_DIRTY			sli_lock_leave_dirty()
 *	drop				sli_lock_drop(), sli_lock_drop_slow()
 *	claim				place_take_byte(), place_inherit() in place.c
 *
 * Holds: one holder at a time; nobody alive has the lock taken from him; who is not told RECOVERED
 * finds the data whole, and finds what the last owner wrote ([lock.hold]: the unlock is a release, so
 * the last store is visible with it; MUTANT_RELEASE_RELAXED lets it come later). Process 0 gets it.
 */
#define PROCESSES 3
#define PLACES 2
#define NOBODY 255
#define DEATHS 2

byte word_owner = 0; /* place + 1 */
byte word_generation = 0;
bit word_waiters = 0;
bit word_dirty = 0;

byte held[PLACES];       /* by which process a place's byte is locked */
bit live[PLACES];        /* state: LIVE */
byte generation[PLACES]; /* of the place */
bit asleep[PROCESSES];

byte inside = 0;  /* holders that live */
bit torn = 0;     /* the data, in the middle of a change */
bit late = 0;     /* the last owner's last store is not visible yet */
byte deaths = 0;
bit got[PROCESSES];

/* The kernel's part of a death: the bytes, the sleep. */
#define RELEASE_ALL                                                                                \
	atomic {                                                                                   \
		i = 0;                                                                             \
		do                                                                                 \
		:: i < PLACES -> if :: held[i] == me -> held[i] = NOBODY :: else fi; i++           \
		:: else -> break                                                                   \
		od;                                                                                \
		i = 0;                                                                             \
		asleep[me] = 0;                                                                    \
	}

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me > 0 && deaths < DEATHS -> atomic { deaths++; inside = inside - in; goto killed }     \
	:: skip                                                                                    \
	fi

#define SAME (word_owner == seen && word_generation == seen_generation)

/* Wake one sleeper, whoever it is. */
#define WAKE_ONE                                                                                   \
	atomic {                                                                                   \
		if                                                                                 \
		:: asleep[0] -> asleep[0] = 0                                                      \
		:: asleep[1] -> asleep[1] = 0                                                      \
		:: asleep[2] -> asleep[2] = 0                                                      \
		:: else                                                                            \
		fi                                                                                 \
	}

/* With the byte of place @p: its lock becomes free and dirty. Compares the place, not the stamp. */
inline leave_dirty(p) {
	atomic {
		if
		:: word_owner == p + 1 ->
			assert(inside == 0); /* nobody alive has it */
			word_owner = 0;
			word_generation = 0;
#ifndef MUTANT_NO_DIRTY
			word_dirty = 1;
#endif
			waiters = word_waiters
		:: else -> waiters = 0
		fi
	}
	MAYBE_DIE;
	if
	:: waiters -> WAKE_ONE
	:: else
	fi;
	waiters = 0
}

proctype process(byte me; byte place) {
	byte seen = 0, seen_generation = 0, mine = 0, i = 0;
	bit slept = 0, waiters = 0, in = 0, told = 0, twice = 0, early = 0;

	if
	:: place < PLACES -> goto again
	:: else
	fi;

	/* claim */
	if
	:: atomic { !live[0] && held[0] == NOBODY -> held[0] = me; place = 0 }
	:: atomic { !live[1] && held[1] == NOBODY -> held[1] = me; place = 1 }
	:: atomic { live[0] && live[1] && held[1] == NOBODY -> held[1] = me; place = 1 }
	fi;
	atomic { mine = generation[place] + 1; waiters = live[place] }
	MAYBE_DIE;
	atomic { live[place] = 1; generation[place] = mine }
	if
	:: waiters -> leave_dirty(place) /* inherited */
	:: else
	fi;

again:	/* take */
	atomic {
		if
		:: word_owner == 0 ->
			word_owner = place + 1;
			word_generation = mine;
			word_waiters = word_waiters | slept;
			told = word_dirty;
			word_dirty = 0;
			in = 1;
			inside++;
			assert(inside == 1);
			goto holding
		:: else -> seen = word_owner; seen_generation = word_generation; waiters = word_waiters
		fi
	}
	MAYBE_DIE;

	/* reap */
	if
	:: atomic { seen != place + 1 && live[seen - 1] && held[seen - 1] == NOBODY ->
#ifndef MUTANT_BYTE_NOT_KEPT
			held[seen - 1] = me
#endif
		}
		MAYBE_DIE;
#ifdef MUTANT_FREE_FIRST
		live[seen - 1] = 0;
		held[seen - 1] = NOBODY;
		MAYBE_DIE;
#endif
		leave_dirty(seen - 1);
		MAYBE_DIE;
		live[seen - 1] = 0;
		MAYBE_DIE;
#ifndef MUTANT_BYTE_NOT_KEPT
		held[seen - 1] = NOBODY;
#endif
		goto again
	:: atomic { seen == place + 1 || !live[seen - 1] || held[seen - 1] != NOBODY -> skip }
	fi;

	/* sleep */
	atomic {
		if
		:: SAME && word_waiters == waiters -> word_waiters = 1
		:: else -> goto again
		fi
	}
	MAYBE_DIE;
	slept = 1;
	atomic {
		if
		:: SAME && word_waiters -> asleep[me] = 1
		:: else -> goto again
		fi
	}
	MAYBE_DIE;
	if
	:: !asleep[me]
#ifndef MUTANT_NO_SLICES
	:: atomic { asleep[me] && !early -> early = 1; asleep[me] = 0 }
	:: atomic { timeout -> assert(deaths > 0); asleep[me] = 0 }
#endif
	fi;
	/* woken, and killed before it acts */
	MAYBE_DIE;
	goto again;

holding:
	assert(told || !torn);
	assert(!late || told);
	MAYBE_DIE;
	torn = 1;
	MAYBE_DIE;
	torn = 0;
	MAYBE_DIE;
	got[me] = 1;

	/* drop */
#ifdef MUTANT_RELEASE_RELAXED
	late = 1;
#endif
	atomic {
		assert(word_owner == place + 1 && word_generation == mine);
		waiters = word_waiters;
		word_owner = 0;
		word_generation = 0;
		word_waiters = 0;
		in = 0;
		inside--
	}
#ifdef MUTANT_RELEASE_RELAXED
	late = 0;
#endif
	MAYBE_DIE;
#ifndef MUTANT_WAITERS_FORGOTTEN
	if
	:: waiters -> WAKE_ONE
	:: else
	fi;
#endif

	if
	:: !twice -> twice = 1; slept = 0; goto again
	:: else
	fi;

	/* leave */
	live[place] = 0;
killed:
	RELEASE_ALL
}

init {
	atomic {
		held[0] = 0; held[1] = 1;
		live[0] = 1; live[1] = 1;
		run process(0, 0);
		run process(1, 1);
		run process(2, NOBODY)
	}
}

ltl gets_it { <> got[0] }
