/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * abort.pml - the account of aborted reservations is exact, whoever dies
 *
 * mutants: NO_INTENT SETTLE_BLIND NO_SETTLE INTENT_AFTER TYPE_LATE ENDED_EARLY
 *
 * sent is next - aborted - reserved, received is next - aborted - live. Aborted records that are in
 * the ring are counted there; those that head has passed are gone, and only a counter knows of them. So
 * an intent says which one is being passed and what the count was before, and where head is says
 * whether it happened.
 *
 * Participant 1 has reserved record 0 and aborts it; participant 2 has reserved record 1 and aborts or
 * commits it; record 2 is committed. Participants 0 and 3 receive. All but 0 may be killed between
 * any two stores, two of them, and as repairers too.
 *
 *	finish		sli_ring_abort(), ring_finish(): no lock, but if it is free head is moved
 *	commit		sli_ring_commit(): no lock
 *	skip		ring_skip_done(), ring_pass_aborted()
 *	receive		ring_choose(), ring_take_out()
 *	repair		queue_repair(), sli_ring_repair(), ring_settle_passing(), ring_repair_record()
 *	CHECK		ring_account_once()
 *
 * One lock stands for both. Holds: whenever it is free, and nobody dead is left to repair after, sent and
 * received are what was sent and received.
 */
#define RECORDS 3
#define NOBODY 255

mtype = { RESERVED, COMMITTED, FINISHED }; /* FINISHED: DONE */

mtype state[RECORDS];
bit is_aborted[RECORDS]; /* its type: ABORTED */
byte owner[RECORDS];
byte next = RECORDS, head = 0, aborted = 0;
byte passing = 0, passing_count = 0;

byte lock = 0;  /* participant + 1 */
bit dead[4];    /* killed, and its place not free yet */
byte deaths = 0;
byte did_send = 1, did_receive = 0; /* what really happened */

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me > 0 && deaths < 2 -> deaths++; dead[me] = 1; goto end                                \
	:: skip                                                                                    \
	fi

#define IN_RING(r) (r >= head)
#define LOST(r) (IN_RING(r) && state[r] == FINISHED && is_aborted[r])
#define HELD(r) (IN_RING(r) && state[r] == RESERVED)
#define LIVE(r) (IN_RING(r) && state[r] != FINISHED)
#define ABORTED (aborted + LOST(0) + LOST(1) + LOST(2))
#define CHECK                                                                                      \
	assert(next - ABORTED - (HELD(0) + HELD(1) + HELD(2)) == did_send);                        \
	assert(next - ABORTED - (LIVE(0) + LIVE(1) + LIVE(2)) == did_receive)

/* Drop the lock; then the account is right, unless there is somebody dead to repair after. */
#define DROP                                                                                       \
	atomic {                                                                                   \
		lock = 0;                                                                          \
		if                                                                                 \
		:: !dead[1] && !dead[2] && !dead[3] -> CHECK                                       \
		:: else                                                                            \
		fi                                                                                 \
	}

#ifdef MUTANT_NO_INTENT
#define INTEND skip
#else
#define INTEND passing_count = before; MAYBE_DIE; passing = head + 1
#endif

/* With the lock: head over what is done. */
inline skip_done() {
	do
	:: head < RECORDS && state[head] == FINISHED ->
		if
		:: is_aborted[head] ->
			before = aborted;
#ifdef MUTANT_INTENT_AFTER
			aborted = before + 1;
			MAYBE_DIE;
			INTEND;
#else
			INTEND;
			MAYBE_DIE;
			aborted = before + 1;
#endif
			MAYBE_DIE;
#ifdef MUTANT_ENDED_EARLY
			passing = 0;
			MAYBE_DIE;
			head = head + 1;
#else
			head = head + 1;
			MAYBE_DIE;
			passing = 0;
#endif
			before = 0
		:: else -> head = head + 1
		fi;
		MAYBE_DIE
	:: else -> break
	od
}

inline repair() {
	/* settle */
	if
	:: passing != 0 ->
#ifndef MUTANT_NO_SETTLE
#ifdef MUTANT_SETTLE_BLIND
		aborted = passing_count + 1;
#else
		aborted = passing_count + (head >= passing);
#endif
#endif
		MAYBE_DIE;
		passing = 0
	:: else
	fi;
	r = head;
	do
	:: r < RECORDS ->
		if
		:: state[r] == RESERVED && (list & (1 << owner[r])) ->
			is_aborted[r] = 1;
			MAYBE_DIE;
			state[r] = FINISHED
		:: else
		fi;
		MAYBE_DIE;
		r++
	:: else -> r = 0; break
	od;
	atomic {
		if :: list & 2 -> dead[1] = 0 :: else fi;
		if :: list & 4 -> dead[2] = 0 :: else fi;
		if :: list & 8 -> dead[3] = 0 :: else fi;
		list = 0
	}
	DROP
}

/* Repair after one of the dead; on the list is also the lock's owner, if that is dead. */
#define SEIZE                                                                                      \
	atomic {                                                                                   \
		(dead[1] || dead[2] || dead[3]) && (lock == 0 || dead[lock - 1]) ->                \
		if                                                                                 \
		:: dead[1] -> list = 2                                                             \
		:: dead[2] -> list = 4                                                             \
		:: dead[3] -> list = 8                                                             \
		fi;                                                                                \
		if                                                                                 \
		:: lock != 0 -> list = list | (1 << (lock - 1))                                    \
		:: else                                                                            \
		fi;                                                                                \
		lock = me + 1                                                                      \
	}
#define TAKE                                                                                       \
	do                                                                                         \
	:: atomic { lock == 0 -> lock = me + 1; break }                                            \
	:: SEIZE; repair()                                                                         \
	od

proctype reserver(byte me; byte mine) {
	byte before = 0;

	MAYBE_DIE;
	if
	:: me == 2 ->
		/* commit: one store */
		atomic { state[mine] = COMMITTED; did_send++ }
		MAYBE_DIE
	:: true ->
		/* finish */
#ifdef MUTANT_TYPE_LATE
		state[mine] = FINISHED;
		MAYBE_DIE;
		is_aborted[mine] = 1;
#else
		is_aborted[mine] = 1;
		MAYBE_DIE;
		state[mine] = FINISHED;
#endif
		MAYBE_DIE;
		if
		:: atomic { lock == 0 -> lock = me + 1 }
			MAYBE_DIE;
			skip_done();
			DROP
		:: atomic { lock != 0 -> skip }
		fi
	fi;
end:	skip
}

#define COMMITTED_AT(r) (IN_RING(r) && state[r] == COMMITTED)
#define TAKE_OUT(r)                                                                                \
	atomic {                                                                                   \
		COMMITTED_AT(r) ->                                                                 \
		did_receive++;                                                                     \
		if                                                                                 \
		:: head == r -> head = r + 1                                                       \
		:: else -> state[r] = FINISHED                                                     \
		fi                                                                                 \
	}

proctype receiver(byte me) {
	byte r = 0, list = 0, before = 0;

	do
	:: (head < RECORDS && state[head] == FINISHED) || COMMITTED_AT(0) || COMMITTED_AT(1) ||
		COMMITTED_AT(2) ->
		TAKE;
		MAYBE_DIE;
		skip_done();
		if
		:: TAKE_OUT(0)
		:: TAKE_OUT(1)
		:: TAKE_OUT(2)
		:: atomic { !COMMITTED_AT(0) && !COMMITTED_AT(1) && !COMMITTED_AT(2) }
		fi;
		MAYBE_DIE;
		DROP
	:: SEIZE; repair()
	:: me > 0 -> break
	:: atomic { me == 0 && timeout -> break }
	od;
	if
	:: me == 0 ->
		atomic {
			assert(lock == 0 && !dead[1] && !dead[2] && !dead[3]);
			assert(head == RECORDS);
			CHECK
		}
	:: else
	fi;
end:	skip
}

init {
	atomic {
		state[0] = RESERVED; owner[0] = 1;
		state[1] = RESERVED; owner[1] = 2;
		state[2] = COMMITTED; owner[2] = NOBODY;
		run receiver(0);
		run reserver(1, 0);
		run reserver(2, 1);
		run receiver(3)
	}
}
