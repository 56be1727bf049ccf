/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * ring.pml - the log ring: publish, room reused lap after lap, deaths, roll forward
 *
 * edge: ring.publish ring.room
 * variants: DEATHS
 * mutants: NO_ZERO_AHEAD ZERO_LATE TRUTH_EARLY ACQUIRE_LATE HEAD_EARLY HEAD_READ_LATE NO_FREE_LINE
 * mutants: CLEAR_TOO_FAR DEATHS+NO_ROLL_FORWARD DEATHS+TAIL_EARLY DEATHS+CLEARED_KEPT
 *
 * A ring of four lines. Messages of one and two lines are sent, padded over the end of the lap where
 * they would cross it, and received from the head or, as a receiver by type does, from the middle,
 * which leaves a hole. The second line of a message is what a hostile user would put there: it looks
 * like the truth word of a committed record at that place. In variant DEATHS the first sender and the
 * first receiver may be killed between any two stores, and again as repairers; the others take over.
 *
 *	send, make_room, publish	ring_append(), ring_make_room(), ring_end_record(),
 *					ring_clear_ahead()
 *	receive				ring_choose(), ring_scan(), ring_take_out()
 *	repair				sli_ring_repair(), ring_roll_forward()
 *	TAKE				a lock; taken from the dead by seizing both, see lock_pair.pml
 *
 * Stores are done one at a time. Within what a release or an acquire orders, the mutants let them
 * happen the other way round, which is all that a processor or a compiler could do: TRUTH_EARLY and
 * ZERO_LATE ([ring.publish] without release), ACQUIRE_LATE (without acquire), HEAD_EARLY ([ring.room]
 * without release), HEAD_READ_LATE (without acquire: the record is written before head is looked at),
 * TAIL_EARLY (a death between two stores sees them in program order, so a compiler must keep it).
 *
 * Holds: nobody takes a payload for a header or sees half a message; every message whose truth word
 * was stored is received, once; tail never differs from where the log ends when a sender has the lock.
 */
#define LINES 4
#define FORGED 255

/* truth: 0 empty, else state and position */
#define COMMITTED(p) ((p) * 2 + 1)
#define DONE(p) ((p) * 2 + 2)
#define LINE(p) ((p) % LINES)

byte truth[LINES];
byte length[LINES]; /* lines of the record */
byte data[LINES];   /* the message's number, in each of its lines; 0: padding */
byte head = 0, tail = 0, head_seen = 0;
byte cleared = 0; /* truth words behind tail, up to here, are 0 */

byte lock[2];           /* process + 1 */
bit dead[4];            /* killed, and not repaired after */
byte next = 1; /* next: the sequence number, which here is the message */
bit received[8];
bit committed[8];
byte senders = 2;

#define SEND 0
#define RECEIVE 1

#ifdef DEATHS
#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: mortal -> dead[me] = 1; goto end                                                        \
	:: skip                                                                                    \
	fi
#else
#define MAYBE_DIE skip
#endif

#define MINE_OR_DEAD(l) (lock[l] == 0 || dead[lock[l] - 1])

/* A lock of a dead one: by it both are seized. */
#define SEIZE                                                                                      \
	atomic { MINE_OR_DEAD(SEND) && MINE_OR_DEAD(RECEIVE) && (lock[SEND] || lock[RECEIVE]) ->   \
		lock[SEND] = me + 1; lock[RECEIVE] = me + 1 }

/* Take lock @l; repair first when somebody died. */
#define TAKE(l)                                                                                    \
	do                                                                                         \
	:: atomic { lock[l] == 0 -> lock[l] = me + 1; break }                                      \
	:: SEIZE repair()                                                                          \
	od

/* sli_ring_look(): nothing here may be read as a header that is none. */
#define LOOK(p)                                                                                    \
	t = truth[LINE(p)];                                                                        \
	assert(t == 0 || t == COMMITTED(p) || t == DONE(p))

inline repair() {
	at = tail;
	do
	:: true ->
		atomic { LOOK(at) }
#ifdef MUTANT_NO_ROLL_FORWARD
		break
#endif
		if
		:: t == 0 -> break
		:: else ->
			if
			:: data[LINE(at)] >= next -> next = data[LINE(at)] + 1
			:: else
			fi;
			MAYBE_DIE;
			at = at + length[LINE(at)]
		fi
	od;
	MAYBE_DIE;
	tail = at;
	MAYBE_DIE;
	head_seen = head;
	MAYBE_DIE;
#ifndef MUTANT_CLEARED_KEPT
	cleared = 0;
	MAYBE_DIE;
#endif
	d_step { dead[0] = 0; dead[2] = 0; at = 0; t = 0; lock[SEND] = 0; lock[RECEIVE] = 0 }
}

/* [ring.publish]: zero ahead, the header, the payload; then the truth word. */
#define ZERO_AHEAD                                                                                 \
	if                                                                                         \
	:: at + k >= cleared -> truth[LINE(at + k)] = 0                                            \
	:: else                                                                                    \
	fi
#define FILL                                                                                       \
	d_step { length[LINE(at)] = k; data[LINE(at)] = next }                                     \
	MAYBE_DIE;                                                                                 \
	if                                                                                         \
	:: k == 2 -> d_step { truth[LINE(at + 1)] = FORGED; data[LINE(at + 1)] = next }            \
	:: else                                                                                    \
	fi
#define PUBLISH atomic { truth[LINE(at)] = COMMITTED(at); committed[next] = 1 }

proctype sender(byte me; byte count; bit mortal) {
	byte at, k, total, t;

	do
	:: count > 0 ->
		if
		:: k = 1
		:: k = 2
		fi;
again:		TAKE(SEND);
		atomic { LOOK(tail); assert(t == 0) }
		at = tail;
		total = k;
		if
		:: LINES - LINE(at) < k -> total = k + 1
		:: else
		fi;
#ifndef MUTANT_HEAD_READ_LATE
#ifdef MUTANT_NO_FREE_LINE
#define LIMIT LINES
#else
#define LIMIT (LINES - 1)
#endif
		if
		:: at + total - head_seen > LIMIT ->
			head_seen = head;
			if
			:: at + total - head_seen > LIMIT ->
				total = head_seen;
				lock[SEND] = 0;
				if
				:: head != total
				:: SEIZE repair()
				fi;
				goto again
			:: else
			fi
		:: else
		fi;
#endif
		if
		:: total > k ->
			/* padding */
			truth[LINE(at + 1)] = 0;
			MAYBE_DIE;
			d_step { length[LINE(at)] = 1; data[LINE(at)] = 0 }
			truth[LINE(at)] = DONE(at);
			at++;
			MAYBE_DIE
		:: else
		fi;
#if defined(MUTANT_NO_ZERO_AHEAD)
		FILL;
		PUBLISH;
#elif defined(MUTANT_ZERO_LATE)
		FILL;
		PUBLISH;
		ZERO_AHEAD;
#elif defined(MUTANT_TRUTH_EARLY)
		ZERO_AHEAD;
		PUBLISH;
		FILL;
#else
		ZERO_AHEAD;
		MAYBE_DIE;
		FILL;
		MAYBE_DIE;
#ifdef MUTANT_TAIL_EARLY
		tail = at + k;
		MAYBE_DIE;
#endif
		PUBLISH;
#endif
		MAYBE_DIE;
		next++;
		MAYBE_DIE;
		tail = at + k;
		MAYBE_DIE;
		/* ring_clear_ahead(): one line more, so far as it is free */
#ifdef MUTANT_CLEAR_TOO_FAR
		cleared = tail + 2;
		truth[LINE(tail + 1)] = 0;
#else
		d_step {
			if
			:: tail + 2 <= head_seen + LINES -> truth[LINE(tail + 1)] = 0; cleared = tail + 2
			:: else -> cleared = tail + 1
			fi
		}
#endif
#ifdef MUTANT_HEAD_READ_LATE
		(tail - head <= LINES - 1);
#endif
		MAYBE_DIE;
		d_step { lock[SEND] = 0; at = 0; k = 0; total = 0; t = 0 }
		count--
	:: else -> break
	od;
end:	senders--
}

proctype receiver(byte me; bit mortal) {
	byte at, h, t, m, k, i;

	do
	:: true ->
		TAKE(RECEIVE);
		h = head;
#ifdef MUTANT_ACQUIRE_LATE
		d_step { k = length[LINE(h)]; m = data[LINE(h)]; i = h }
#endif
		/* skip what is done at head */
		do
		:: true ->
			atomic { LOOK(h) }
			if
			:: t == DONE(h) && t != 0 -> h = h + length[LINE(h)]
			:: else -> break
			fi
		od;
		if
		:: h != head -> head = h
		:: else
		fi;
		MAYBE_DIE;
		/* the first, or the one behind it if that is there */
		at = h;
		if
		:: t != 0 && t != DONE(h) ->
			at = h + length[LINE(h)];
			atomic { LOOK(at) }
			if
			:: t == COMMITTED(at)
			:: at = h; t = COMMITTED(h)
			fi
		:: else -> at = h
		fi;
		if
		:: t != COMMITTED(at) ->
			d_step { lock[RECEIVE] = 0; at = 0; h = 0; t = 0 }
			/* asleep; over when there is nothing and nobody to send */
			if
			:: atomic { truth[LINE(head)] != 0 -> skip }
			:: SEIZE repair()
			:: atomic { senders == 0 && lock[SEND] == 0 && lock[RECEIVE] == 0 &&
					truth[LINE(head)] == 0 -> break }
			fi
		:: else ->
			/* copy out, line by line */
#ifdef MUTANT_ACQUIRE_LATE
			if
			:: at == i
			:: else -> d_step { k = length[LINE(at)]; m = data[LINE(at)] }
			fi;
#else
			d_step { k = length[LINE(at)]; m = data[LINE(at)] }
#endif
			assert(m != 0 && k > 0);
#ifdef MUTANT_HEAD_EARLY
			if
			:: at == h -> head = h + k
			:: else
			fi;
#endif
			i = 0;
			do
			:: i < k -> assert(data[LINE(at + i)] == m); i++
			:: else -> break
			od;
			MAYBE_DIE;
			atomic {
				/* consumed */
				assert(committed[m] && !received[m]);
				received[m] = 1;
				if
				:: at == h -> head = h + k
				:: else -> truth[LINE(at)] = DONE(at)
				fi
			}
			MAYBE_DIE;
			d_step { lock[RECEIVE] = 0; at = 0; h = 0; t = 0; m = 0; k = 0; i = 0 }
		fi
	od;
end:	skip
}

#define MESSAGE(m) (committed[m] == received[m])

/* When all is over, what was sent was received. */
active proctype account() {
	atomic {
		timeout;
		assert(senders == 0 && lock[SEND] == 0);
		assert(MESSAGE(1) && MESSAGE(2) && MESSAGE(3) && MESSAGE(4) && MESSAGE(5))
	}
}

init {
	atomic {
#ifdef DEATHS
		run sender(0, 2, 1);
		run sender(1, 1, 0);
		run receiver(2, 1);
		run receiver(3, 0)
#else
		run sender(0, 3, 0);
		run sender(1, 2, 0);
		run receiver(2, 0)
#endif
	}
}
