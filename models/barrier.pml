/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * barrier.pml - parties that meet, are killed, and begin anew
 *
 * edge: barrier.pass
 * variants: DEATHS SPARE
 * mutants: KEEP_ARRIVED EARLY LEAVE_BLIND DEATHS+NO_SLICES DEATHS+NO_BREAK SPARE+NO_ENDS
 * mutants: SPARE+KEEP_BROKEN
 * * liveness: all_end
 *
 * Two parties meet twice, and each may give up waiting once. With DEATHS party 1 may be killed anywhere;
 * the other is told, resets, and stops. With SPARE there is a third one, so that the living go on after a
 * reset and rounds end while somebody has yet to look how his own did.
 *
 *	come		barrier_come()			leave	barrier_leave()
 *	wait		barrier_sleep(), barrier_outcome()
 *	find		sli_barrier_break(), with the byte of the dead
 *	told		sli_barrier_reset()
 *
 * Each step is a swap of the one word, so it is atomic here, too; [barrier.pass] is their chain. Beside
 * the word stands what is true: how each round ended, and who waits. Holds: arrived is the number of
 * those who wait; everybody is told how his round ended; all the living come to an end.
 */
#ifdef SPARE
#define DEATHS
#define PROCESSES 3
#else
#define PROCESSES 2
#endif
#define PARTIES 2
#define MEETINGS 2
#ifdef DEATHS
#define MORTAL (me == 1)
#else
#define MORTAL false
#endif

byte arrived = 0, round = 0, ends = 0; /* the word; ends: how rounds ended, the last in bit 0 */
bit broken = 0;
bit dead = 0, gone = 0;
bit by_reset[8]; /* true of each round */
byte here = 0;   /* who wait in this round, the dead included */
byte ended = 0;

#define NEXT(how)                                                                                  \
	by_reset[round] = how; round++; assert(round < 8); ends = ((ends << 1) | how) & 31;        \
	here = 0

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: MORTAL -> atomic { dead = 1; goto done }                                                \
	:: skip                                                                                    \
	fi

proctype party(byte me) {
	byte met = 0, ours = 0;
	bit patient = 0;

come:
	if
	:: met == MEETINGS -> goto done
	:: else
	fi;
	MAYBE_DIE;
	if
	:: broken -> goto told
	:: atomic { !broken && arrived + 1 < PARTIES -> arrived++; here++; ours = round; assert(arrived == here) }
#ifdef MUTANT_EARLY
	:: atomic { !broken && arrived + 1 <= PARTIES ->
#else
	:: atomic { !broken && arrived + 1 == PARTIES ->
#endif
			assert(here + 1 == PARTIES);
			NEXT(0);
#ifndef MUTANT_KEEP_ARRIVED
			arrived = 0;
#endif
			met++ }
		goto come
#ifdef SPARE
	:: ended == PROCESSES - 1 -> goto done
#endif
	fi;
	MAYBE_DIE;

wait:
	if
#ifdef MUTANT_NO_ENDS
	:: atomic { round != ours -> assert(!by_reset[ours]); met++ } goto come
#else
	:: atomic { round != ours && !((ends >> (round - ours - 1)) & 1) -> assert(!by_reset[ours]); met++ }
		goto come
	:: atomic { round != ours && ((ends >> (round - ours - 1)) & 1) -> assert(by_reset[ours]) }
		goto told
#endif
	:: round == ours && broken -> goto told
	/* The time is up. */
#ifdef MUTANT_LEAVE_BLIND
	:: round == ours && !broken && !patient -> patient = 1;
		atomic { arrived--; here--; assert(arrived == here && arrived < PARTIES) } goto come
#else
	:: atomic { round == ours && !broken && !patient -> patient = 1;
			arrived--; here--; assert(arrived == here) } goto come
#endif
#ifdef SPARE
	/* Nobody is left to come. */
	:: atomic { round == ours && !broken && ended == PROCESSES - 1 -> arrived--; here-- } goto done
#endif
#ifndef MUTANT_NO_SLICES
	/* find: a slice is over */
	:: round == ours && !broken && dead && !gone && me != 1 ->
#ifndef MUTANT_NO_BREAK
		atomic { broken = 1; arrived = 0; here = 0 }
#endif
		gone = 1;
		goto wait
#endif
	fi;

told:
	assert(dead);
	MAYBE_DIE;
	if
	:: atomic { broken ->
#ifndef MUTANT_KEEP_BROKEN
			broken = 0;
#endif
			arrived = 0; NEXT(1) }
	:: !broken
	fi;
#ifdef SPARE
	goto come;
#endif
done:
	ended++
}

init {
	atomic {
		run party(0);
		run party(1);
#ifdef SPARE
		run party(2)
#endif
	}
}

ltl all_end { <> (ended == PROCESSES) }
