/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream.pml - a byte ring under two locks, its end, and SLUICE_EPIPE
 *
 * edge: bytes.publish bytes.room bytes.wake place.role
 * mutants: PUBLISH_EARLY FREE_EARLY NO_SECOND_LOOK ROLE_EARLY NO_FENCE NO_SLICES KEEP_LOCK LOOK_LATE
 *
 * Two writers put N numbered bytes into a ring of one; one of them may be killed anywhere, the other
 * leaves when it is through. A reader takes them until it is told that it was the end.
 *
 *	writer		sli_bytes_write(): lock, room, copy, tail, drop, look who sleeps
 *	reader		sli_bytes_read(), stream_sleep(), stream_check_over()
 *	reap		the kernel frees the dead one's byte; whoever looks frees its lock and its place
 *
 * The store of tail goes through a store buffer, which the barrier of the dropped lock, or the store
 * of a state word ([place.role]), or a death, empties. NO_FENCE leaves it there while the writer looks
 * at who sleeps; ROLE_EARLY while it gives up its role; PUBLISH_EARLY moves tail before the copy and
 * FREE_EARLY head before it ([bytes.publish], [bytes.room]); NO_SECOND_LOOK says "the end" by a look at
 * the bytes that came before the look at the writers, and LOOK_LATE arms after the look for bytes.
 *
 * Holds: every byte that was published is read, once, whole and in order, before the end is told; and
 * the end is told, whoever dies (a reader that is not told is an invalid end). A slice ends when nothing else can happen (timeout), and only when a
 * writer was killed.
 */
#define CAP 1
#define N 2 /* bytes, of both writers together */
#define FREE 9

byte ring[CAP];
byte tail = 0, head = 0;    /* as others see them */
bit pending = 0;            /* a store of tail in the lock owner's store buffer */
byte lock = FREE;           /* the write lock's owner */
bit role[2], held[2];       /* place: has the role to write; its byte is locked */
bit armed = 0;              /* the reader */
bit room_armed = 0;
byte event = 0, room_event = 0; /* count */
byte written = 0;           /* by whoever is next */
byte seen = 0;              /* read so far */
bit over = 0, killed = 0;

#define FLUSH tail = tail + pending; pending = 0

active proctype memory() {
end:	do
	:: atomic { pending -> FLUSH }
	od
}

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me == 1 -> killed = 1; goto dead                                                        \
	:: skip                                                                                    \
	fi

/* sli_reap() by whoever looks: the dead one's lock and place. */
inline reap() {
	atomic {
		if
		:: role[1] && !held[1] ->
#ifndef MUTANT_KEEP_LOCK
			if
			:: lock == 1 -> lock = FREE
			:: else
			fi;
#endif
			role[1] = 0;
			event++; armed = 0;
			room_event++; room_armed = 0
		:: else
		fi
	}
}

proctype writer(bit me) {
	byte at, slept;

again:	/* the lock; its owner may be dead */
	do
	:: atomic { lock == FREE -> lock = me; break }
	:: lock == 1 && !held[1] && role[1] -> reap()
	:: lock == 1 && !held[1] && !role[1] -> assert(false) /* a lock that nobody owns */
	od;
	if
	:: written == N -> lock = FREE; goto leave
	:: else
	fi;
	at = tail + pending;
	if
	:: at - head == CAP ->
		/* full: arm, look again, sleep */
		lock = FREE;
		slept = room_event;
		room_armed = 1;
		if
		:: (tail + pending) - head < CAP
		:: else ->
			if
			:: room_event != slept
			:: timeout -> assert(killed); reap()
			fi
		fi;
		goto again
	:: else
	fi;
	MAYBE_DIE;
#ifdef MUTANT_PUBLISH_EARLY
	pending = 1;
	ring[at % CAP] = at + 1;
	written = at + 1;
#else
	ring[at % CAP] = at + 1; /* copied */
	MAYBE_DIE;
	atomic { pending = 1; written = at + 1 } /* published */
#endif
	MAYBE_DIE;
#ifndef MUTANT_NO_FENCE
#ifndef MUTANT_ROLE_EARLY
	atomic { FLUSH; lock = FREE } /* dropped: a barrier */
#else
	lock = FREE;
#endif
#else
	lock = FREE;
#endif
	MAYBE_DIE;
	if
	:: atomic { armed -> event++; armed = 0 } /* event.pml takes this apart */
	:: else
	fi;
	goto again;

leave:
#ifndef MUTANT_ROLE_EARLY
	atomic { FLUSH; role[me] = 0 }
#else
	role[me] = 0;
#endif
	/* stream_wake(): everybody */
	event++;
	room_event++;
	goto end;
dead:	atomic { FLUSH; held[me] = 0 }
end:	skip
}

proctype reader() {
	bit deserted, nothing;
	byte slept;

again:
	do
	:: tail > head ->
#ifdef MUTANT_FREE_EARLY
		head++;
		assert(ring[(head - 1) % CAP] == seen + 1);
#else
		assert(ring[head % CAP] == seen + 1);
		head++;
#endif
		seen++;
		if
		:: atomic { room_armed -> room_event++; room_armed = 0 }
		:: else
		fi
	:: else -> break
	od;
	/* arm, look again */
#ifdef MUTANT_LOOK_LATE
	nothing = (tail == head);
	slept = event;
	armed = 1;
	if
	:: !nothing -> goto again
	:: else
	fi;
#else
	slept = event;
	armed = 1;
	if
	:: tail > head -> goto again
	:: else
	fi;
#endif
	/* stream_check_over() */
	nothing = (tail == head);
	deserted = !role[0] && !role[1];
#ifndef MUTANT_NO_SECOND_LOOK
	if
	:: deserted -> nothing = (tail == head)
	:: else
	fi;
#endif
	if
	:: deserted && nothing -> goto told
	:: deserted && !nothing -> goto again
	:: else
	fi;
	if
	:: event != slept
#ifndef MUTANT_NO_SLICES
	:: timeout -> assert(killed); reap()
#endif
	fi;
	goto again;
told:	assert(tail == head && !pending && seen == tail);
	over = 1
}

init {
	atomic {
		role[0] = 1; role[1] = 1; held[0] = 1; held[1] = 1;
		run writer(0); run writer(1); run reader()
	}
}
