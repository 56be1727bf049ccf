/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * layout.h - the first bytes of every segment: header, places, byte locks
 *
 *	0		struct sli_header	written by the creator before the name exists; its
 *						second half is mutable
 *	places_offset	struct sli_place[]	one for each participant
 *	object_offset	the object's control words
 *	data_offset	the object's data
 *
 * All offsets are multiples of 128, so that no two regions share a cache line. Numbers have the
 * creator's byte order and fixed widths, so that 32-bit and 64-bit programs of either C library read the
 * same. docs/layout.md has the tables.
 */
#ifndef SLI_LAYOUT_H
#define SLI_LAYOUT_H

#include "../base/atomic.h"
#include "../base/compiler.h"

#define SLI_MAGIC "SLUICE\n\x1a"
#define SLI_BYTE_ORDER 0x01020304u
#define SLI_LAYOUT_VERSION 1u
#define SLI_PAGE 4096u

/* header.flags */
#define SLI_HEADER_EPHEMERAL 0x1u

/* header.features_incompatible */
#define SLI_FEATURE_LOCKS_APART 0x1u /* the byte locks are on another file (locks.c) */

/* header.life, 0 while all is well; never cleared */
#define SLI_LIFE_RETIRED 0x1u /* ephemeral, and its last participant left */
#define SLI_LIFE_REMOVED 0x2u /* somebody removed it */
#define SLI_LIFE_BROKEN 0x4u  /* somebody found it damaged */

struct sli_header {
	/* Fixed at creation; read into private memory once, at attach. */
	char magic[8];
	uint32_t byte_order;
	uint32_t layout_version;
	uint32_t kind;
	uint32_t flags;
	uint64_t features_compatible;   /* unknown bits are fine */
	uint64_t features_incompatible; /* unknown bits: do not touch */
	uint64_t size;                  /* of the file; of one that grows: when it was made */
	uint64_t tag;
	unsigned char boot_id[16]; /* zero: unknown */
	uint64_t random_id;
	uint32_t places;
	uint32_t place_size;
	uint64_t places_offset;
	uint64_t object_offset;
	uint64_t object_size;
	uint64_t data_offset;
	uint64_t data_size;
	uint64_t geometry[6];  /* the kind's own */
	uint64_t data_maximum; /* what the data may grow to; 0: it does not grow */
	uint64_t zeros[9];

	/* Mutable. */
	_Atomic uint32_t life;        /* written by anybody, bits are only set */
	_Atomic uint32_t roles_seen;  /* by who claims a place, under the attach lock; only set */
	_Atomic uint32_t places_used; /* highest place ever claimed + 1; likewise, only grows */
	_Atomic uint32_t zero;
	_Atomic uint64_t repairs; /* by who repaired */
	uint64_t more_zeros[29];
};
SLI_SIZE(struct sli_header, 512);
SLI_OFFSET(struct sli_header, boot_id, 56);
SLI_OFFSET(struct sli_header, places, 80);
SLI_OFFSET(struct sli_header, geometry, 128);
SLI_OFFSET(struct sli_header, data_maximum, 176);
SLI_OFFSET(struct sli_header, life, 256);
SLI_OFFSET(struct sli_header, repairs, 272);

/*
 * A participant's place. Written by who holds its byte: its owner, or a repairer after its death;
 * armed words also by ringers. Everything but state and the armed words is a hint for people.
 *
 *	state	from		to		by whom, how
 *		FREE(g)		LIVE(g+1)	who claims it, with its byte, under the attach lock
 *		LIVE(g)		FREE(g)		its owner, leaving; or a repairer, with its byte
 *		LIVE(g)		LIVE(g), less	its owner, giving up a role; CAS
 */
struct sli_place {
	_Atomic uint32_t state; /* generation << 16 | roles << 1 | live */
	_Atomic uint32_t pid;
	_Atomic uint64_t start_time; /* of that process, /proc/PID/stat field 22 */
	_Atomic uint64_t pid_space;  /* inode of its PID namespace */
	_Atomic uint32_t hint_pid;   /* whom it acts for; 0: itself */
	_Atomic uint32_t doing;
	_Atomic uint64_t command[2]; /* 16 bytes of text */
	_Atomic uint64_t base;       /* where that process has the segment mapped */
	uint64_t zeros[1];

	_Atomic uint32_t armed[2]; /* readable, writable: odd: ring; even: rung; 0: nobody polls */
	_Atomic int64_t filter[2]; /* readable: the type; writable: the bytes that did not fit */
	uint64_t more_zeros[5];
};
SLI_SIZE(struct sli_place, 128);
SLI_OFFSET(struct sli_place, armed, 64);

#define SLI_PLACE_LIVE 0x1u
#define SLI_PLACE_ROLES_SHIFT 1
#define SLI_PLACE_ROLES 0x7fffu
#define SLI_PLACE_GENERATION_SHIFT 16

static inline uint32_t sli_place_generation(uint32_t state)
{
	return state >> SLI_PLACE_GENERATION_SHIFT;
}

static inline uint32_t sli_place_roles(uint32_t state)
{
	return state >> SLI_PLACE_ROLES_SHIFT & SLI_PLACE_ROLES;
}

/*
 * Byte locks: open-file-description locks on bytes far beyond the data, never read or written. The
 * attach lock guards claiming, leaving and removal; a place's byte is held as long as its owner
 * lives. Where some may only read the segment, the bytes are those of a second file. The stride keeps
 * neighbours of one owner apart in the kernel's list.
 */
#define SLI_BYTE_ATTACH ((INT64_C(1) << 40) - 2)
#define SLI_BYTE_PLACE(place) ((INT64_C(1) << 40) + 2 * (int64_t)(place))

#endif
