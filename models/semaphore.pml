/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * semaphore.pml - units held until their holder dies, and the sum that is derived from them
 *
 * mutants: BALANCE_FIRST NO_SUM HELD_KEPT REPAIR_UNLOCKED NO_SLICES
 * liveness: gets_it
 *
 * Three processes and two units. Each acquires one, is inside, and releases it; all but process 0 may
 * be killed anywhere, repairers included. A holder of the lock that dies leaves it with its stamp.
 *
 *	take_lock, drop_lock	sli_lock_take(), sli_lock_drop(), with the repair in between
 *	acquire, release	semaphore_take_locked(), semaphore_give_locked(), semaphore_move()
 *	repair			semaphore_repair() and sli_semaphore_repair(), with the byte of the dead
 *
 * Holds: never more inside than there are units; what is free, when nobody is in the middle of a
 * call, is exactly what is not held; process 0 gets its unit, also while others die. BALANCE_FIRST and NO_SUM trust a derived
 * number; HELD_KEPT and REPAIR_UNLOCKED are wrong repairs.
 */
#define PROCESSES 3
#define UNITS 2
#define DEATHS 2
#define NOBODY 255

byte lock = NOBODY;      /* whose stamp is in it */
byte held[PROCESSES];    /* truth */
short balance = 0;       /* derived: minus what is held */
bit dead[PROCESSES];     /* its byte is free */
bit gone[PROCESSES];     /* repaired after: its place is free */
byte reaping[PROCESSES]; /* who has the byte of the dead one, plus 1 */
byte deaths = 0, inside = 0;
bit got = 0;

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me > 0 && deaths < DEATHS -> atomic { deaths++; inside = inside - in; goto killed }     \
	:: skip                                                                                    \
	fi

#ifdef MUTANT_NO_SUM
#define SUM_UP skip
#else
#define SUM_UP balance = 0 - (held[0] + held[1] + held[2])
#endif

/* Nobody is between his two stores: what is derived agrees with the truth. */
#define SUM_IS_RIGHT assert(0 - balance == held[0] + held[1] + held[2])

proctype process(byte me) {
	bit in = 0, releasing = 0;
	byte d = 0;

again:
	if
	:: releasing -> goto release
	:: else
	fi;
	/* acquire: look, lock, look again, move, unlock */
	if
	:: atomic { UNITS + balance > 0 && lock == NOBODY -> lock = me; SUM_IS_RIGHT }
	:: UNITS + balance <= 0 || lock != NOBODY -> goto look_after
	fi;
	MAYBE_DIE;
	if
	:: UNITS + balance <= 0 -> lock = NOBODY; goto again
	:: else
	fi;
#ifdef MUTANT_BALANCE_FIRST
	balance = balance - 1;
	MAYBE_DIE;
	lock = NOBODY;
	MAYBE_DIE;
	held[me] = held[me] + 1;
#else
	held[me] = held[me] + 1;
	MAYBE_DIE;
	balance = balance - 1;
	MAYBE_DIE;
	lock = NOBODY;
#endif
	atomic { in = 1; inside++; assert(inside <= UNITS) }
	MAYBE_DIE;
	if
	:: me == 0 -> got = 1
	:: else
	fi;
	atomic { in = 0; inside--; releasing = 1 }

release:
	if
	:: atomic { lock == NOBODY -> lock = me; SUM_IS_RIGHT }
	:: lock != NOBODY && dead[lock] -> goto look_after
	fi;
	MAYBE_DIE;
	held[me] = held[me] - 1;
	MAYBE_DIE;
	balance = balance + 1;
	MAYBE_DIE;
	lock = NOBODY;
	goto done;

look_after:
	/* Asleep until somebody tells; or, after a slice, look at who holds and who has the lock. */
	if
#ifndef MUTANT_NO_SLICES
	:: atomic { dead[0] && !gone[0] && !reaping[0] -> reaping[0] = me + 1; d = 0 }
	:: atomic { dead[1] && !gone[1] && !reaping[1] -> reaping[1] = me + 1; d = 1 }
	:: atomic { dead[2] && !gone[2] && !reaping[2] -> reaping[2] = me + 1; d = 2 }
#endif
	:: (UNITS + balance > 0 || releasing) && lock == NOBODY -> goto again
	fi;
	MAYBE_DIE;

repair:	/* With the byte of d. The lock: free, of d, or of another dead one, who is repaired first. */
#ifndef MUTANT_REPAIR_UNLOCKED
	if
	:: atomic { lock == NOBODY || lock == d -> lock = me }
	:: atomic { lock != NOBODY && lock != d && dead[lock] && !reaping[lock] ->
			reaping[d] = 0; d = lock; reaping[d] = me + 1; goto repair }
	:: atomic { lock != NOBODY && lock != d && (!dead[lock] || reaping[lock]) ->
			reaping[d] = 0; goto again }
	fi;
	MAYBE_DIE;
#endif
#ifndef MUTANT_HELD_KEPT
	held[d] = 0;
#endif
	MAYBE_DIE;
#ifndef MUTANT_NO_SUM
	balance = 0 - (held[0] + held[1] + held[2]);
#endif
	MAYBE_DIE;
#ifdef MUTANT_REPAIR_UNLOCKED
	if
	:: atomic { lock == d -> lock = NOBODY }
	:: else
	fi;
#else
	lock = NOBODY;
#endif
	MAYBE_DIE;
	gone[d] = 1;
	reaping[d] = 0;
	goto again;

killed:
	atomic {
		dead[me] = 1;
		if :: reaping[0] == me + 1 -> reaping[0] = 0 :: else fi;
		if :: reaping[1] == me + 1 -> reaping[1] = 0 :: else fi;
		if :: reaping[2] == me + 1 -> reaping[2] = 0 :: else fi;
	}
done:
	skip
}

init {
	atomic { run process(0); run process(1); run process(2) }
}

ltl gets_it { <> got }
