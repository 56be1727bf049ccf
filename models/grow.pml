/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * grow.pml - a memory grows while others use it, and growers are killed anywhere
 *
 * edge: memory.grow
 * mutants: SIZE_FIRST PLAIN_STORE CUTS NOT_RAISED
 *
 * Three growers want different sizes; each may be killed between any two steps. A reader looks at the
 * size and then touches the last byte that it says there is.
 *
 *	file	sli_segment_grow(): the file becomes at least so long, in one step of the kernel
 *	size	sli_memory_resize(): the compare-and-swap loop that raises the size word
 *
 * Holds: the file is never shorter than the size says (the reader's touch is no SIGBUS), the size never
 * falls, and who was told that it grew finds it so.
 */
#define GROWERS 3

byte file = 1, size = 1;

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: goto dead                                                                               \
	:: skip                                                                                    \
	fi

inline lengthen(n) {
#ifdef MUTANT_CUTS
	file = n
#else
	atomic {
		if
		:: file < n -> file = n
		:: else
		fi
	}
#endif
}

inline raise_size(n) {
#ifdef MUTANT_PLAIN_STORE
	if
	:: seen < n -> size = n
	:: else
	fi
#else
	do
	:: seen >= n -> break
	:: else ->
		atomic {
			if
			:: size == seen -> size = n; seen = n
			:: else -> seen = size
			fi
		}
	od
#endif
}

proctype grower(byte n) {
	byte seen, before;

	before = size;
	if
	:: before >= n -> goto dead /* done already */
	:: else
	fi;
	MAYBE_DIE;
#ifdef MUTANT_SIZE_FIRST
	seen = size;
	raise_size(n);
	MAYBE_DIE;
	lengthen(n);
#else
	lengthen(n);
	MAYBE_DIE;
	seen = size;
	MAYBE_DIE;
#ifndef MUTANT_NOT_RAISED
	raise_size(n);
#endif
#endif
	assert(size >= n);
dead:	skip
}

active proctype reader() {
	byte said, last = 1;
	byte turns = 0;

	do
	:: turns < 4 ->
		said = size;
		assert(said >= last);
		assert(file >= said);
		last = said;
		turns++
	:: else -> break
	od
}

init {
	atomic { run grower(2); run grower(3); run grower(4) }
}
