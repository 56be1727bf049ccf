/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_chunk.pml - chunks that are pinned, loaned, published and used again
 *
 * edge: topic.hazard topic.unpin topic.chunk
 * mutants: NO_FENCE_PIN NO_FENCE_LOAN NO_LOOK UNPIN_EARLY PUBLISHED_FIRST
 *
 * One entry, three chunks, two publishers that take turns at the lock, one subscriber. A publisher takes
 * an idle chunk without the lock (CAS, full barrier), looks at the pin, and puts the chunk back if it
 * is pinned; writes; commits with the lock, the entry first and then the truth word PUBLISHED. The
 * subscriber pins, full barrier, looks at the entry again, reads, unpins. Stores of the pin and of the
 * entry go through store buffers that only a full barrier or the next owner of the lock empties; who
 * stored sees its own before others do. The entry is one store here; its words are topic.pml's.
 *
 *	publisher	sli_topic_loan(), topic_take_chunk(), sli_topic_publish()
 *	subscriber	topic_pin(), sli_topic_unpin()
 *
 * Holds: nobody writes into a chunk that the subscriber reads, nor two at once into one, nor into one
 * whose message is published. NO_FENCE_PIN and NO_FENCE_LOAN leave a barrier out, NO_LOOK the look at
 * the pin. UNPIN_EARLY clears the pin before the last read ([topic.unpin]), PUBLISHED_FIRST stores the
 * truth word before the commit, so another publisher thinks the chunk idle ([topic.chunk]).
 */
#define CHUNKS 3
#define NONE 9
#define FREE 0
#define LOAN 1
#define PUBLISHED 2
#define ROUNDS 2

byte truth[CHUNKS]; byte owner[CHUNKS]; /* one word: state, number of the message */
byte number = 0; byte chunk = NONE;     /* the entry, one store */
bool buffered = false;                  /* a publisher's store to it */
byte b_number, b_chunk, b_by;
byte pin = NONE;
bool pin_buffered = false; byte pin_value;
bool lock = false;
byte next = 1;
byte writers[CHUNKS];
byte reading = NONE;

/* The entry becomes visible, and behind it the truth word. */
inline flush_entry() {
	atomic { if
	:: buffered -> number = b_number; chunk = b_chunk; buffered = false;
#ifndef MUTANT_PUBLISHED_FIRST
		truth[b_chunk] = PUBLISHED; owner[b_chunk] = b_number
#endif
	:: else fi }
}
inline flush_pin() {
	atomic { if :: pin_buffered -> pin = pin_value; pin_buffered = false :: else fi }
}

active proctype memory() {
end:	do
	:: pin_buffered -> flush_pin()
	:: buffered -> flush_entry()
	od
}

#define IDLE_MEMORY(c) (!(number == owner[c] && chunk == c))
#define IDLE_OWN(c) (!(b_number == owner[c] && b_chunk == c))
#define IDLE(c) (truth[c] == FREE || (truth[c] == PUBLISHED && \
	((buffered && b_by == _pid) -> IDLE_OWN(c) : IDLE_MEMORY(c))))

inline take(c) {
	if
	:: atomic { IDLE(c) -> was = truth[c]; was_owner = owner[c]; truth[c] = LOAN };
#ifndef MUTANT_NO_FENCE_LOAN
		if :: (buffered && b_by == _pid) -> flush_entry() :: else fi;
#endif
#ifndef MUTANT_NO_LOOK
		if
		:: atomic { pin == c -> truth[c] = was; owner[c] = was_owner }
		:: pin != c -> got = c
		fi
#else
		got = c
#endif
	:: else
	fi
}

active [2] proctype publisher() {
	byte got, was, was_owner, round = 0;
	do
	:: round >= ROUNDS -> break
	:: round < ROUNDS ->
		got = NONE;
		do
		:: got == NONE -> take(0)
		:: got == NONE -> take(1)
		:: got == NONE -> take(2)
		:: got != NONE -> break
		od;
		atomic { writers[got]++; assert(writers[got] == 1 && reading != got && chunk != got ||
			(writers[got] == 1 && reading != got && buffered)) }
		writers[got]--;
		/* [lock.hold]: what the last owner stored is visible. */
		atomic { !lock -> lock = true }
		if :: (buffered && b_by != _pid) -> flush_entry() :: else fi;
		!buffered;
#ifdef MUTANT_PUBLISHED_FIRST
		atomic { truth[got] = PUBLISHED; owner[got] = next };
#endif
		atomic { buffered = true; b_number = next; b_chunk = got; b_by = _pid };
		next++;
		lock = false;
		round++
	od
}

active proctype subscriber() {
	byte seen, c, rounds = 0;
	do
	:: rounds >= 2 -> break
	:: rounds < 2 ->
		atomic { seen = number; c = chunk };
		if
		:: seen == 0
		:: else ->
			flush_pin();
			atomic { pin_buffered = true; pin_value = c };
#ifndef MUTANT_NO_FENCE_PIN
			flush_pin();
#endif
			if
			:: number == seen ->
#ifdef MUTANT_UNPIN_EARLY
				flush_pin(); atomic { pin_buffered = true; pin_value = NONE };
				flush_pin();
#endif
				atomic { reading = c; assert(writers[c] == 0) };
				reading = NONE
			:: else
			fi;
			flush_pin();
			atomic { pin_buffered = true; pin_value = NONE }
		fi;
		rounds++
	od
}
