/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * condition.pml - a waiter, another one that may die, and a signaller that may die
 *
 * mutants: BIT_LATE NO_COUNT NO_SLICES LAX_CLEAR NO_SECOND_WAKE
 * liveness: is_told
 *
 * Process 0 waits for a token and lives. Process 1 waits, too, and may be killed anywhere. Process 2
 * puts both tokens, each with a signal, and may be killed after its first one is put; the mutex then
 * comes from the dead, which models/lock.pml is about. With SLICES a sleeper looks again when nothing
 * else happens.
 *
 *	prepare, sleep		sli_condition_prepare(), sli_condition_sleep()
 *	signal			sli_condition_signal()
 *
 * Holds: process 0 gets its token, whatever dies. Asserts: without a death nobody needs a slice.
 */
#define BIT 1
#define ONE 2

bit mutex = 0;
byte sequence = 0;
byte tokens = 0;
bit asleep[2];
byte deaths = 0;
bit got = 0;

#define LOCK atomic { !mutex -> mutex = 1 }
#define UNLOCK mutex = 0

proctype waiter(byte me) {
	byte seen = 0;

	LOCK;
again:
	if
	:: tokens > 0 -> tokens--; goto done
	:: else
	fi;
#ifdef MUTANT_BIT_LATE
	seen = sequence | BIT;
	UNLOCK;
	sequence = sequence | BIT;
#else
	atomic { sequence = sequence | BIT; seen = sequence }
	UNLOCK;
#endif
	/* the kernel compares before it puts to sleep */
	atomic {
		if
		:: sequence == seen -> asleep[me] = 1
		:: else
		fi
	}
	do
	:: !asleep[me] -> break
	:: me == 1 && deaths < 2 -> atomic { deaths++; asleep[me] = 0; goto dead }
#ifndef MUTANT_NO_SLICES
	/* A slice is over: sequence is not what it was, or sleep on. */
	:: atomic { timeout && asleep[me] && sequence != seen -> assert(deaths > 0); asleep[me] = 0 }
#endif
	od;
	if
	:: me == 1 && deaths < 2 -> atomic { deaths++; goto dead } /* woken, and killed */
	:: skip
	fi;
	LOCK;
	goto again;
done:
	if
	:: me == 0 -> got = 1
	:: else
	fi;
	UNLOCK;
dead:
	skip
}

proctype signaller() {
	byte seen = 0, round = 0;
	bit woken = 0;

again:
	LOCK;
	tokens++;
	UNLOCK;
	/* signal */
	atomic {
		seen = sequence;
		if
		:: !(seen & BIT) -> goto next
		:: else
		fi;
#ifndef MUTANT_NO_COUNT
		sequence = (sequence + ONE) % 16;
		seen = sequence;
#endif
	}
	if
	:: round == 1 && deaths < 2 -> atomic { deaths++; goto dead } /* counted, and killed */
	:: skip
	fi;
	atomic {
		woken = 1;
		if
		:: asleep[0] -> asleep[0] = 0
		:: asleep[1] -> asleep[1] = 0
		:: !asleep[0] && !asleep[1] -> woken = 0
		fi
	}
#ifdef MUTANT_LAX_CLEAR
	if
	:: !woken -> sequence = 0
	:: else
	fi;
#else
	atomic {
		if
		:: !woken && sequence == seen -> sequence = sequence & 14
		:: else -> goto next
		fi
	}
#ifndef MUTANT_NO_SECOND_WAKE
	atomic { asleep[0] = 0; asleep[1] = 0 }
#endif
#endif
next:
	if
	:: round == 0 -> round = 1; goto again
	:: else
	fi;
dead:
	skip
}

init {
	atomic { run waiter(0); run waiter(1); run signaller() }
}

ltl is_told { <> got }
