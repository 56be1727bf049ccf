/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic.pml - an entry that is overwritten while it is read, numbers after deaths, waiting
 *
 * edge: topic.entry topic.next topic.room topic.wake
 * variants: WAIT
 * mutants: NO_BUSY COMMIT_FIRST BUSY_LATE FAR_LATE NO_LOOK_AT_FAR NO_ROLL WAIT+CURSOR_FIRST WAIT+NO_LIMIT
 *
 * A ring of two entries of two lines, a word on each, messages 0 to 4; all but message 1 have both
 * words. A publisher writes word by word and may be killed anywhere, once; its successor repairs (next
 * is rolled behind what is committed) and goes on. A subscriber reads an entry between two looks at its
 * word, the second also at the mark of the second line. The base overwrites; in variant WAIT publishers
 * wait for the subscriber's cursor.
 *
 *	publisher	sli_topic_publish(), topic_write_entry(), topic_make_room()
 *	successor	the same, after sli_topic_repair()
 *	subscriber	sli_topic_find(), topic_skip(), topic_read_entry(), sli_topic_advance()
 *
 * [topic.entry] is the order of the stores far, second line, BUSY, first line, READY: each mutant has it otherwise. What the
 * hardware might reorder is what the order is there to forbid; so a step here is one store, and the
 * mutants are the orders that remain without an edge. [topic.next]: next may be old, never ahead of
 * the commits. [topic.room]: the cursor moves after the read (CURSOR_FIRST: before). The look of a
 * publisher at the cursor and the sleeper's arm is event.pml's; [topic.wake] is that barrier.
 *
 * Holds: what counts as read is one message, whole; received + lost is what was passed, in order; in
 * variant WAIT nothing is lost.
 */
#define N 2
#define LAST 4 /* messages */
#define EMPTY 0
#define BUSY 1
#define READY 2

byte number[N]; byte state[N]; /* the entry's word: one store, both */
byte one[N]; byte two[N];      /* its lines: number + 1 of the message they belong to */
byte far[N];                   /* the second line's mark */
byte next = 0;
byte cursor = 0;
byte published = 0; /* commits, for the judge */
bool killed = false, first_over = false;

inline set_word(n, s) {
	atomic { number[(n) % N] = n; state[(n) % N] = s }
}

#define IS_LONG(n) ((n) != 1)
#define ROOM(n) ((n) < cursor + N)

/* Message n; may be left in the middle by "killed". */
inline publish(mortal) {
	n = next;
#ifdef WAIT
#ifndef MUTANT_NO_LIMIT
	if
	:: ROOM(n)
	:: (!ROOM(n) && passed_all) -> goto done
	fi;
#endif
#endif
	if
	:: IS_LONG(n) ->
#ifdef MUTANT_FAR_LATE
		two[n % N] = n + 1;
		far[n % N] = n;
#else
		far[n % N] = n;
		if :: mortal && !killed -> killed = true; goto dead :: true fi;
		two[n % N] = n + 1;
#endif
		if :: mortal && !killed -> killed = true; goto dead :: true fi
	:: else
	fi;
#ifdef MUTANT_COMMIT_FIRST
	set_word(n, READY); published = n + 1; one[n % N] = n + 1;
#else
#ifdef MUTANT_BUSY_LATE
	one[n % N] = n + 1; set_word(n, BUSY);
#else
#ifndef MUTANT_NO_BUSY
	set_word(n, BUSY);
#endif
	if :: mortal && !killed -> killed = true; goto dead :: true fi;
	one[n % N] = n + 1;
#endif
	if :: mortal && !killed -> killed = true; goto dead :: true fi;
	atomic { number[n % N] = n; state[n % N] = READY; assert(published == n); published = n + 1 }
#endif
	if :: mortal && !killed -> killed = true; goto dead :: true fi;
	next = n + 1
}

bool passed_all = false;

active proctype first() {
	byte n;
	do
	:: next < LAST -> publish(true)
	:: next >= LAST -> break
	od;
done:
dead:
	first_over = true
}

active proctype successor() {
	byte n;
	first_over;
#ifndef MUTANT_NO_ROLL
	do
	:: (state[next % N] == READY && number[next % N] == next) -> next++
	:: else -> break
	od;
#endif
	do
	:: next < LAST -> publish(false)
	:: next >= LAST -> break
	od;
done:
dead:
	skip
}

active proctype subscriber() {
	byte position = 0, received = 0, lost = 0, target, a, b, seen, behind;
	do
	:: position >= LAST -> break
	:: position < LAST ->
		/* The first look. */
		atomic {
			if
			:: (number[position % N] == position && state[position % N] == READY) ->
				seen = 0
			:: (state[position % N] != EMPTY && number[position % N] > position) ->
				seen = 1; target = number[position % N]
			:: (state[position % N] == READY && number[position % N] > position) ->
				seen = 1; target = number[position % N]
			fi
		}
		if
		:: seen == 0 ->
#ifdef MUTANT_CURSOR_FIRST
			cursor = position + 1;
#endif
			a = one[position % N];
			b = two[position % N];
			/* The second look: 0, read; 1, by the second line's next message; 2, look again. */
			if
			:: !(number[position % N] == position && state[position % N] == READY) -> seen = 2
			:: else
			fi;
#ifndef MUTANT_NO_LOOK_AT_FAR
			target = far[position % N];
			if
			:: seen == 0 && IS_LONG(position) && target != position -> seen = 1
			:: else
			fi
#endif
		:: else
		fi;
		if
		:: seen == 0 ->
			assert(a == position + 1 && (!IS_LONG(position) || b == position + 1));
			received++;
			position++;
			cursor = position
		:: seen == 1 ->
			behind = next;
			if :: target > behind -> behind = target :: else fi;
			target = position + 1;
			if :: (behind > N && behind - N > target) -> target = behind - N :: else fi;
#ifdef WAIT
			assert(false);
#endif
			lost = lost + target - position;
			position = target;
			cursor = position
		:: else ->
#ifdef WAIT
			assert(false);
#endif
			skip
		fi
	od;
	passed_all = true;
	assert(received + lost == position && position <= published);
	assert(published <= LAST)
}
