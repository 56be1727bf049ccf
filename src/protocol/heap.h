/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* heap.h - an allocator in shared memory whose every change is one commit */
#ifndef SLI_HEAP_H
#define SLI_HEAP_H

#include "lock.h"

#include <stdbool.h>

#define SLI_HEAP_CHANGES 24u /* most words that one call changes */
#define SLI_HEAP_CLASSES 48u /* lists of free blocks, by the logarithm of their size */

/* words[] */
enum {
	SLI_HEAP_TOP,      /* where the last block ends; 0: there is none yet */
	SLI_HEAP_LAST,     /* size of the last block; 0: none */
	SLI_HEAP_BLOCKS,   /* allocated */
	SLI_HEAP_BYTES,    /* in them, with their heads */
	SLI_HEAP_FREE = 8, /* first free block of each class; 0: none */
	SLI_HEAP_WORDS = 64
};

struct sli_heap_change {
	_Atomic uint64_t at; /* offset in the segment */
	_Atomic uint64_t value;
};

/*
 * In shared memory, all of it written by who holds the lock.
 *
 *	count	from	to	by whom			how
 *		0	n	who changes the heap	release: this is the commit
 *		n	0	the same, or a repairer	release, when all n words are stored
 */
struct sli_heap_control {
	struct sli_lock lock;
	uint32_t zeros[31];
	_Atomic uint64_t count;  /* of the journal */
	_Atomic uint64_t writer; /* its place */
	uint64_t more_zeros[14];
	struct sli_heap_change journal[SLI_HEAP_CHANGES];
	_Atomic uint64_t words[SLI_HEAP_WORDS];
};
SLI_SIZE(struct sli_heap_control, 1152);
SLI_OFFSET(struct sli_heap_control, count, 128);
SLI_OFFSET(struct sli_heap_control, journal, 256);
SLI_OFFSET(struct sli_heap_control, words, 640);

/* A participant's view. All offsets are into the segment, which begins at @base. */
struct sli_heap {
	unsigned char *base;
	struct sli_heap_control *control;
	uint64_t words_at; /* of control->words */
	uint64_t root_at;  /* a word beside the data that may be a link */
	uint64_t data_at;  /* of the data; what is stored in links counts from there */
};

/* With the lock, in the first @limit bytes of data. @link_at: of the word that gets the offset.
 * -ENOSPC: *@ret_needed bytes of data would do. -EINVAL: the link is taken, or cannot be one. */
int sli_heap_allocate(struct sli_heap *heap, uint64_t limit, uint64_t size, uint64_t link_at,
		      uint32_t place, uint64_t *ret_needed);
/* With the lock: free what the link says, and make the link 0. -EINVAL: that is no block. */
int sli_heap_free(struct sli_heap *heap, uint64_t limit, uint64_t link_at, uint32_t place);
/* With the lock: is everything as it must be? 0 or SLUICE_ECORRUPT. */
int sli_heap_check(struct sli_heap *heap, uint64_t limit);
/* With the lock, after its owner's death: finish what was committed. 0 or SLUICE_ECORRUPT. */
int sli_heap_redo(struct sli_heap *heap, uint64_t limit);

#endif
