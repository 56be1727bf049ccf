/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * news.pml - the news of a byte ring: the bytes of the last move, beside where tail went
 *
 * edge: bytes.news
 * mutants: NOT_TAKEN_BACK NO_SECOND_LOOK WORDS_LATE BEFORE_TAIL NO_TAIL
 *
 * Two writers move N numbered bytes, one a move, through a ring of two; one of them may be killed
 * anywhere, and the lock it held goes to the other. A reader takes the bytes from the news when they
 * are those at its head, else from the ring. It waits by watching the news, and looks at tail when
 * they have nothing new.
 *
 *	writer		bytes_write_pieces(), bytes_announce()
 *	reader		bytes_copy_news(), bytes_known(), bytes_look_for_more()
 *
 * NOT_TAKEN_BACK changes the words while from still says that they are the last move's; WORDS_LATE
 * stores them after from and to; NO_SECOND_LOOK believes what was copied meanwhile; BEFORE_TAIL tells
 * of bytes that a death can still undo; NO_TAIL waits for news of a move whose writer died before it
 * told them.
 *
 * Holds: every byte is read once and in order, head never passes tail, and the reader gets through
 * whoever dies.
 */
#define CAP 2
#define N 4
#define FREE 9
#define NONE 255

byte ring[CAP];
byte tail = 0, head = 0;
byte to = 0, from = NONE, word = 0;
byte lock = FREE;

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me == 1 -> goto dead                                                                    \
	:: skip                                                                                    \
	fi

inline announce() {
#ifndef MUTANT_NOT_TAKEN_BACK
	from = NONE;
	MAYBE_DIE;
#endif
#ifdef MUTANT_WORDS_LATE
	from = at;
	to = at + 1;
	word = at + 1;
#else
	word = at + 1;
	MAYBE_DIE;
	from = at;
	MAYBE_DIE;
	to = at + 1
#endif
}

proctype writer(bit me) {
	byte at;

again:
	atomic { lock == FREE -> lock = me }
	if
	:: tail == N -> goto leave
	:: else
	fi;
	tail - head < CAP; /* a real one lets go of the lock meanwhile */
	at = tail;
	ring[at % CAP] = at + 1;
	MAYBE_DIE;
#ifdef MUTANT_BEFORE_TAIL
	announce();
	MAYBE_DIE;
	tail = at + 1;
#else
	tail = at + 1;
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
	byte got, seen;

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
#ifndef MUTANT_NO_SECOND_LOOK
			if
			:: from == head
			:: else -> goto in_ring
			fi;
#endif
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
