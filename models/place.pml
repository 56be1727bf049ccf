/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * place.pml - taking part: claim, leave, reap, retire; a name and the file behind it
 *
 * edge: place.claim
 * mutants: DISCARD_UNMARKED LINK_FIRST LEAVE_UNLOCKED REAP_UNLOCKED STATE_EARLY RETIRE_LATE
 * mutants: HINT_KEPT
 *
 * Three processes open the same ephemeral name once, take part, and leave; two of them may be killed
 * anywhere. Files have two places each. The kernel gives back the attach lock and the place's byte of
 * a dead process, and nothing else.
 *
 *	open		segment_open_named(), segment_attach(), segment_discard() in segment.c
 *	create		segment_create_named(): furnish, claim, link; link never replaces
 *	claim		place_claim_locked(), place_take_byte(), place_appear(), place_inherit() in place.c
 *	sweep		sli_sweep(), reap_take_byte(), reap_free() in reap.c
 *	leave		sli_place_leave(), place_retire(); now and then without the attach lock
 *
 * A file is discarded when it is ephemeral and no byte of it is locked. It is marked retired before its
 * name goes, whoever does it: somebody may have it open already and be about to claim a place there.
 *
 * Holds: nobody takes part in a file that has lost its name, so all who take part at a time are in one
 * file; nobody alive is reaped; who sees a place LIVE sees the hints of its owner ([place.claim],
 * STATE_EARLY lets the store of the state come first); a second opinion never takes the dead for
 * alive (HINT_KEPT: who inherits a place and fails must not leave its pid there); all get in.
 */
#define FILES 4 /* 0: no file */
#define PLACES 2
#define PROCESSES 3
#define NOBODY 255

byte name = 0;                    /* the file it stands for */
byte files = 1;
byte attach[FILES];               /* attach lock: process + 1 */
byte held[FILES * PLACES];        /* the byte of a place: process + 1 */
bit live[FILES * PLACES];         /* its state */
byte hint[FILES * PLACES];        /* pid: process + 1, for the second opinion; 0: none */
byte hint_of[FILES * PLACES];     /* the generation it belongs to */
byte generation[FILES * PLACES];  /* in the state */
byte owner[FILES * PLACES];       /* who really: process + 1, for the assertions */
bit retired[FILES];
bit gone[PROCESSES];
byte deaths = 0;

#define AT(f, p) ((f) * PLACES + (p))
#define ANY_HELD(f) (held[AT(f, 0)] || held[AT(f, 1)])

#define MAYBE_DIE                                                                                  \
	if                                                                                         \
	:: me > 0 && deaths < 2 -> deaths++; goto dead                                             \
	:: skip                                                                                    \
	fi

/* Claim a place of @f, whose attach lock we have: a free one, else a dead one's. 0: none. */
#define MAY_CLAIM(f, p, dead) (live[AT(f, p)] == dead && held[AT(f, p)] == 0)
inline take_byte(f) {
	atomic {
		if
		:: MAY_CLAIM(f, 0, 0) -> place = 0
		:: !MAY_CLAIM(f, 0, 0) && MAY_CLAIM(f, 1, 0) -> place = 1
		:: !MAY_CLAIM(f, 0, 0) && !MAY_CLAIM(f, 1, 0) && MAY_CLAIM(f, 0, 1) -> place = 0
		:: !MAY_CLAIM(f, 0, 0) && !MAY_CLAIM(f, 1, 0) && !MAY_CLAIM(f, 0, 1) &&
			MAY_CLAIM(f, 1, 1) -> place = 1
		:: else -> place = PLACES
		fi;
		if
		:: place < PLACES -> held[AT(f, place)] = me + 1
		:: else
		fi
	}
}

#define SET_HINT                                                                                   \
	atomic { hint[AT(f, place)] = me + 1; hint_of[AT(f, place)] = generation[AT(f, place)] + new }
#define SET_STATE                                                                                  \
	atomic {                                                                                   \
		live[AT(f, place)] = 1;                                                            \
		owner[AT(f, place)] = me + 1;                                                      \
		generation[AT(f, place)]++                                                         \
	}

inline appear(f) {
	MAYBE_DIE;
#ifdef MUTANT_STATE_EARLY
	SET_STATE;
	new = 0;
	MAYBE_DIE;
	SET_HINT;
	new = 1;
#else
	SET_HINT;
	MAYBE_DIE;
	SET_STATE;
#endif
	MAYBE_DIE
}

/* Repair after the other place, if its owner is dead. */
inline sweep(f) {
	if
	:: live[AT(f, 1 - place)] ->
		/* [place.claim] acquire */
		assert(hint_of[AT(f, 1 - place)] >= generation[AT(f, 1 - place)]);
#ifndef MUTANT_REAP_UNLOCKED
		if
		:: atomic { held[AT(f, 1 - place)] == 0 -> held[AT(f, 1 - place)] = me + 1 }
#else
		if
		:: held[AT(f, 1 - place)] == 0
#endif
			MAYBE_DIE;
			if
			:: live[AT(f, 1 - place)] ->
				atomic {
					assert(owner[AT(f, 1 - place)] == NOBODY || gone[owner[AT(f, 1 - place)] - 1]);
					/* and no second opinion says that it lives */
					assert(!hint[AT(f, 1 - place)] || gone[hint[AT(f, 1 - place)] - 1]);
					live[AT(f, 1 - place)] = 0
				}
			:: else /* it left meanwhile */
			fi;
			MAYBE_DIE;
#ifndef MUTANT_REAP_UNLOCKED
			held[AT(f, 1 - place)] = 0
#endif
		:: else
		fi
	:: else
	fi
}

proctype process(byte me) {
	byte f = 0, place = PLACES, i = 0;
	bit locked = 0, new = 1, inherited = 0, failed = 0;

open:	/* segment_attach_named() */
	f = name;
	MAYBE_DIE;
	if
	:: f == 0 -> goto create
	:: else
	fi;

	/* segment_discard() */
	atomic { attach[f] == 0 -> attach[f] = me + 1 }
	MAYBE_DIE;
	if
	:: !ANY_HELD(f) ->
		MAYBE_DIE;
#ifndef MUTANT_DISCARD_UNMARKED
		retired[f] = 1;
		MAYBE_DIE;
#endif
		atomic {
			if
			:: name == f -> name = 0
			:: else
			fi
		}
		MAYBE_DIE;
		attach[f] = 0;
		goto open
	:: else -> attach[f] = 0
	fi;
	MAYBE_DIE;

	/* sli_place_claim() */
claim:	atomic { attach[f] == 0 -> attach[f] = me + 1 }
	MAYBE_DIE;
	if
	:: retired[f] -> attach[f] = 0; goto open
	:: else
	fi;
	take_byte(f);
	if
	:: place == PLACES ->
		attach[f] = 0; /* all are taken: naps, and tries again */
		(retired[f] || !held[AT(f, 0)] || !held[AT(f, 1)]);
		goto claim
	:: else
	fi;
	inherited = live[AT(f, place)];
	appear(f);
	if
	:: inherited ->
		inherited = 0;
		if
		:: skip /* repaired after its predecessor */
		:: !failed ->
			/* somebody alive has a lock: the place stays dead, and we try again */
			failed = 1;
#ifndef MUTANT_HINT_KEPT
			hint[AT(f, place)] = 0;
#endif
			owner[AT(f, place)] = NOBODY;
			held[AT(f, place)] = 0;
			place = PLACES;
			attach[f] = 0;
			goto claim
		fi
	:: else
	fi;
	sweep(f);
	MAYBE_DIE;
	attach[f] = 0;
	goto part;

create:	/* what is done to a file without a name, nobody sees */
	MAYBE_DIE;
#ifdef MUTANT_LINK_FIRST
	atomic { if :: name == 0 -> f = files; files++; name = f :: else -> goto open fi }
	MAYBE_DIE;
	take_byte(f);
	appear(f);
#else
	atomic {
		if
		:: name == 0 ->
			f = files; files++; assert(f < FILES);
			place = 0;
			held[AT(f, 0)] = me + 1;
			SET_HINT;
			SET_STATE;
			name = f
		:: else -> goto open /* somebody was faster */
		fi
	}
#endif
	MAYBE_DIE;

part:	assert(name == f && !retired[f]);
	MAYBE_DIE;
	sweep(f);
	assert(name == f);
	MAYBE_DIE;

	/* sli_place_leave() */
	if
	:: atomic { attach[f] == 0 -> attach[f] = me + 1; locked = 1 }
	:: atomic { attach[f] != 0 -> locked = 0 } /* held all the time: leaves without */
	fi;
	MAYBE_DIE;
	live[AT(f, place)] = 0;
	MAYBE_DIE;
	atomic { held[AT(f, place)] = 0; gone[me] = 1 }
	MAYBE_DIE;
#ifdef MUTANT_LEAVE_UNLOCKED
	locked = 1;
#endif
	if
	:: locked && !ANY_HELD(f) ->
#ifdef MUTANT_RETIRE_LATE
		atomic { if :: name == f -> name = 0 :: else fi }
		MAYBE_DIE;
		if :: attach[f] == me + 1 -> attach[f] = 0 :: else fi;
		MAYBE_DIE;
		retired[f] = 1;
#else
		MAYBE_DIE;
		retired[f] = 1;
		MAYBE_DIE;
		atomic { if :: name == f -> name = 0 :: else fi }
#endif
		MAYBE_DIE
	:: else
	fi;
	atomic {
		if
		:: attach[f] == me + 1 -> attach[f] = 0
		:: else
		fi;
		goto end
	}

dead:	atomic {
		gone[me] = 1;
		i = 1;
		do
		:: i < FILES ->
			if :: attach[i] == me + 1 -> attach[i] = 0 :: else fi;
			if :: held[AT(i, 0)] == me + 1 -> held[AT(i, 0)] = 0 :: else fi;
			if :: held[AT(i, 1)] == me + 1 -> held[AT(i, 1)] = 0 :: else fi;
			i++
		:: else -> break
		od
	}
end:	skip
}

init {
	atomic { run process(0); run process(1); run process(2) }
}
