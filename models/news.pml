/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * news.pml - the news of a byte ring: the bytes of the last move, beside where tail went
 *
 * edge: bytes.news
 * mutants: MARK_LATE FAR_MARK_LATE NO_SECOND_LOOK NO_FAR_LOOK WORDS_LATE BEFORE_TAIL NO_TAIL
 *
 * Two writers move N numbered bytes through a ring of two; one of them may be killed anywhere, and the
 * lock it held goes to the other. A move is of a byte with far words, of one without, or of two bytes,
 * which are too many for the news. A reader takes the byte at its head from the news when they have
 * the move that began there, else from the ring. It waits by watching the news, and looks at tail when
 * they have nothing new.
 *
 *	writer		bytes_write_pieces(), bytes_announce()
 *	reader		bytes_copy_news(), bytes_known(), bytes_look_for_more()
 *
 * MARK_LATE and FAR_MARK_LATE change words that a mark still gives to an earlier move; WORDS_LATE
 * stores them after to; NO_SECOND_LOOK and NO_FAR_LOOK believe what was copied meanwhile; BEFORE_TAIL
 * tells of bytes that a death can still undo; NO_TAIL waits for news of a move whose writer died
 * before it told them.
 *
 * Holds: every byte is read once and in order, head never passes tail, and the reader gets through
 * whoever dies.
 */
#define CAP 2
#define N 6
#define FREE 9

#define SIZE(at) ((at) == 2 -> 2 : 1)
#define IS_FAR(at) ((at) != 1)

byte ring[CAP];
byte tail = 0, head = 0;
byte to = 0, from = 0, word = 0, far_from = 0, far = 0;
byte lock = FREE;

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me == 1 -> goto dead                                                                    \
	:: skip                                                                                    \
	fi

inline announce_far() {
#ifdef MUTANT_FAR_MARK_LATE
	far = at + 1;
	MAYBE_DIE;
	far_from = at
#else
	far_from = at;
	MAYBE_DIE;
	far = at + 1
#endif
}

inline announce() {
	if
	:: size > 1
	:: size == 1 ->
		if
		:: IS_FAR(at) -> announce_far()
		:: else
		fi;
		MAYBE_DIE;
#ifdef MUTANT_MARK_LATE
		word = at + 1;
		MAYBE_DIE;
		from = at;
#else
		from = at;
		MAYBE_DIE;
#ifndef MUTANT_WORDS_LATE
		word = at + 1;
#endif
#endif
		MAYBE_DIE
	fi;
	to = at + size
#ifdef MUTANT_WORDS_LATE
	; word = at + 1
#endif
}

proctype writer(bit me) {
	byte at, size;

again:
	atomic { lock == FREE -> lock = me }
	if
	:: tail == N -> goto leave
	:: else
	fi;
	at = tail;
	size = SIZE(at);
	tail + size - head <= CAP; /* a real one lets go of the lock meanwhile */
	ring[at % CAP] = at + 1;
	if
	:: size > 1 -> ring[(at + 1) % CAP] = at + 2
	:: else
	fi;
	MAYBE_DIE;
#ifdef MUTANT_BEFORE_TAIL
	announce();
	MAYBE_DIE;
	tail = at + size;
#else
	tail = at + size;
	MAYBE_DIE;
	announce();
#endif
	MAYBE_DIE;
	lock = FREE;
	goto again;
dead:	skip; /* whoever finds it dead frees its lock */
leave:	lock = FREE
}

proctype reader() {
	byte got, got_far, seen;

again:
	if
	:: head == N -> goto through
	:: else
	fi;
	seen = to;
	if
	:: seen == head + 1 ->
		if
		:: from == head ->
			got = word;
			got_far = far;
#ifndef MUTANT_NO_FAR_LOOK
			if
			:: IS_FAR(head) && far_from != head -> goto in_ring
			:: else
			fi;
#endif
#ifndef MUTANT_NO_SECOND_LOOK
			if
			:: from == head
			:: else -> goto in_ring
			fi;
#endif
			assert(!IS_FAR(head) || got_far == head + 1);
			goto take
		:: else
		fi
	:: seen > head + 1
	:: seen <= head ->
#ifdef MUTANT_NO_TAIL
		to > head;
		goto again
#else
		if
		:: to > head -> goto again
		:: tail > head /* the look before it sleeps */
		fi
#endif
	fi;
in_ring:
	got = ring[head % CAP];
take:
	assert(got == head + 1);
	head++;
	assert(head <= tail);
	goto again;
through:
	assert(head == tail)
}

init {
	atomic { run writer(0); run writer(1); run reader() }
}
