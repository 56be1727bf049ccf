/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * heap.c - an allocator in shared memory whose every change is one commit
 *
 * What a block is. The data, from HEAP_BEGIN to the top, is tiled by blocks. A block has its size, a
 * bit for "allocated", and the size of the block before it, so that both neighbours can be found; a
 * free one is in the list of its class (the logarithm of its size), by offsets. No two free blocks are
 * neighbours, and the last block is never free: the top comes down instead.
 *
 * Why it is correct. A call computes all words that it would change, a dozen, the caller's link among
 * them, and stores none of them. It writes them into the journal, and then the journal's count: that
 * store is the commit. Then it stores the words and clears the count. So whoever dies
 *
 *	before the commit	changed nothing: no word of the heap, and not the link
 *	after it		leaves a journal that says all there is to do. Who repairs stores the
 *				words again, however many were stored already: they are values and
 *				not sums, and nobody else may have changed them, for the lock is the
 *				dead one's until its repairer has done so
 *
 * and a block is allocated, and zero, exactly if a link says so: nothing leaks. The repairer may die as well; its
 * repairer finds the lock with its stamp and the journal as it was.
 *
 * The link is a word of the program's, guarded by a mutex of the same memory. That mutex may be taken
 * from a dead owner only after the journal of that owner was stored (memory_repair() in
 * src/object/memory.c), else its next owner would read an old link. models/heap.pml has the deaths.
 *
 * Orderings. [heap.journal] the release store of the count, the acquire load by who repairs: the
 * entries are what was written before the commit.
 *
 * A program that writes over the heads of blocks, or a hostile one, breaks its own heap: every word is
 * read once, every offset is checked before it is used, walks are bounded, lists are checked before an
 * unlink, and what does not fit is SLUICE_ECORRUPT.
 */
#include "heap.h"
#include "../base/crash.h"

#include <errno.h>
#include <sluice.h>
#include <string.h>

#define HEAP_BEGIN 64u /* so that no offset of a block is 0 */
#define HEAP_HEAD 16u  /* size and bit; size of the block before */
#define HEAP_LEAST 32u /* a head and the two links of a free block */
#define HEAP_GRAIN 16u
#define HEAP_USED 1u
#define HEAP_LOOKS 32u /* blocks of the right class to look at before a larger class is taken */

/* Where in a block, counted from its begin. */
#define HEAP_BEFORE 8u
#define HEAP_NEXT 16u
#define HEAP_PREVIOUS 24u

/* What one call is going to change. */
struct heap_change {
	struct sli_heap *heap;
	uint64_t limit;
	uint32_t count;
	bool is_broken;
	uint64_t at[SLI_HEAP_CHANGES], value[SLI_HEAP_CHANGES];
};

/* ---- words --------------------------------------------------------------------------------- */

static bool heap_is_word(const struct sli_heap *heap, uint64_t limit, uint64_t at)
{
	if (at % 8 != 0)
		return false;
	if (at == heap->root_at)
		return true;
	if (at >= heap->words_at && at < heap->words_at + SLI_HEAP_WORDS * 8)
		return true;
	return limit >= 8 && at >= heap->data_at && at - heap->data_at <= limit - 8;
}

static _Atomic uint64_t *heap_word(const struct sli_heap *heap, uint64_t at)
{
	return (_Atomic uint64_t *)(void *)(heap->base + at);
}

/* The word as it will be. */
static uint64_t heap_get(struct heap_change *change, uint64_t at)
{
	for (uint32_t i = 0; i < change->count; i++)
		if (change->at[i] == at)
			return change->value[i];
	if (!heap_is_word(change->heap, change->limit, at)) {
		change->is_broken = true;
		return 0;
	}
	/* relaxed: under the lock */
	return sli_load_rlx(heap_word(change->heap, at));
}

static void heap_put(struct heap_change *change, uint64_t at, uint64_t value)
{
	uint32_t i = 0;

	while (i < change->count && change->at[i] != at)
		i++;
	if (i == SLI_HEAP_CHANGES || !heap_is_word(change->heap, change->limit, at)) {
		change->is_broken = true;
		return;
	}
	change->at[i] = at;
	change->value[i] = value;
	change->count = SLI_MAX(change->count, i + 1);
}

static uint64_t heap_in_control(const struct heap_change *change, uint32_t word)
{
	return change->heap->words_at + word * UINT64_C(8);
}

/* A word of the block at @block, an offset into the data. */
static uint64_t heap_in_block(const struct heap_change *change, uint64_t block, uint64_t part)
{
	/* What cannot be is the offset of no word, and so found out. */
	return block <= change->limit ? change->heap->data_at + block + part : UINT64_MAX;
}

static uint64_t heap_top(struct heap_change *change)
{
	uint64_t top = heap_get(change, heap_in_control(change, SLI_HEAP_TOP));

	if (top == 0)
		return HEAP_BEGIN;
	if (top % HEAP_GRAIN != 0 || top < HEAP_BEGIN || top > change->limit)
		change->is_broken = true;
	return top;
}

static void heap_add(struct heap_change *change, uint32_t word, uint64_t amount)
{
	uint64_t at = heap_in_control(change, word);

	heap_put(change, at, heap_get(change, at) + amount);
}

/* ---- the commit ---------------------------------------------------------------------------- */

/* From private memory: what a peer writes into the journal meanwhile is not looked at. */
static void heap_store(const struct heap_change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		/* relaxed: under the lock, whose release publishes them */
		sli_store_rlx(heap_word(change->heap, change->at[i]), change->value[i]);
		/* Dead here: some are stored; all are stored again. */
		SLI_CRASH(heap_word_stored);
	}
	sli_store_rel(&change->heap->control->count, UINT64_C(0));
}

static int heap_commit(struct heap_change *change, uint32_t place)
{
	struct sli_heap_control *control = change->heap->control;

	if (change->is_broken)
		return SLUICE_ECORRUPT;
	for (uint32_t i = 0; i < change->count; i++) {
		/* relaxed: released with the count */
		sli_store_rlx(&control->journal[i].at, change->at[i]);
		sli_store_rlx(&control->journal[i].value, change->value[i]);
	}
	/* relaxed: as above */
	sli_store_rlx(&control->writer, (uint64_t)place);
	/* Dead here: nothing was changed. */
	SLI_CRASH(heap_journal_written);
	/* [heap.journal] release: the entries. Pairs with the acquire in sli_heap_redo(). */
	sli_store_rel(&control->count, (uint64_t)change->count);
	/* Dead from here on: done; the repairer stores the words. */
	SLI_CRASH(heap_committed);
	heap_store(change);
	SLI_CRASH(heap_stored);
	return 0;
}

int sli_heap_redo(struct sli_heap *heap, uint64_t limit)
{
	struct heap_change change = { .heap = heap, .limit = limit };
	/* [heap.journal] acquire: the entries. Pairs with the release in heap_commit(). */
	uint64_t count = sli_load_acq(&heap->control->count);

	if (count > SLI_HEAP_CHANGES)
		return SLUICE_ECORRUPT;
	for (uint64_t i = 0; i < count; i++)
		/* relaxed: ordered by the count */
		heap_put(&change, sli_load_rlx(&heap->control->journal[i].at),
			 sli_load_rlx(&heap->control->journal[i].value));
	if (change.is_broken)
		return SLUICE_ECORRUPT;
	heap_store(&change);
	return 0;
}

/* ---- lists of free blocks ------------------------------------------------------------------ */

static uint32_t heap_class(uint64_t size)
{
	uint32_t kind = 0;

	while (kind < SLI_HEAP_CLASSES - 1 && size >> (kind + 1) != 0)
		kind++;
	return kind;
}

static uint64_t heap_list(const struct heap_change *change, uint64_t size)
{
	return heap_in_control(change, SLI_HEAP_FREE + heap_class(size));
}

/* The size of a block that ends at or below @top; 0: it is none. */
static uint64_t heap_size(struct heap_change *change, uint64_t block, uint64_t top, bool used)
{
	uint64_t word, size;

	if (block % HEAP_GRAIN != 0 || block < HEAP_BEGIN || block >= top)
		return 0;
	word = heap_get(change, heap_in_block(change, block, 0));
	size = word & ~(uint64_t)HEAP_USED;
	if (((word & HEAP_USED) != 0) != used || size % HEAP_GRAIN != 0 || size < HEAP_LEAST ||
	    size > top - block)
		return 0;
	return size;
}

static void heap_insert(struct heap_change *change, uint64_t block, uint64_t size)
{
	uint64_t list = heap_list(change, size), first = heap_get(change, list);

	heap_put(change, heap_in_block(change, block, 0), size);
	heap_put(change, heap_in_block(change, block, HEAP_NEXT), first);
	heap_put(change, heap_in_block(change, block, HEAP_PREVIOUS), 0);
	if (first)
		heap_put(change, heap_in_block(change, first, HEAP_PREVIOUS), block);
	heap_put(change, list, block);
}

static void heap_unlink(struct heap_change *change, uint64_t block, uint64_t size)
{
	uint64_t next = heap_get(change, heap_in_block(change, block, HEAP_NEXT));
	uint64_t previous = heap_get(change, heap_in_block(change, block, HEAP_PREVIOUS));
	uint64_t to = previous ? heap_in_block(change, previous, HEAP_NEXT)
			       : heap_list(change, size);

	if (heap_get(change, to) != block ||
	    (next && heap_get(change, heap_in_block(change, next, HEAP_PREVIOUS)) != block))
		change->is_broken = true;
	heap_put(change, to, next);
	if (next)
		heap_put(change, heap_in_block(change, next, HEAP_PREVIOUS), previous);
}

/* What stands before the block at @block has @size now; @block may be the top. */
static void heap_tell_next(struct heap_change *change, uint64_t block, uint64_t size)
{
	if (block == heap_top(change))
		heap_put(change, heap_in_control(change, SLI_HEAP_LAST), size);
	else
		heap_put(change, heap_in_block(change, block, HEAP_BEFORE), size);
}

/* ---- allocating ---------------------------------------------------------------------------- */

/* A free block of at least @need bytes; 0: none. */
static uint64_t heap_find(struct heap_change *change, uint64_t need, uint64_t *ret_size)
{
	uint64_t top = heap_top(change);

	for (uint32_t kind = heap_class(need); kind < SLI_HEAP_CLASSES; kind++) {
		uint64_t block = heap_get(change, heap_in_control(change, SLI_HEAP_FREE + kind));

		for (uint32_t looks = 0; block && looks < HEAP_LOOKS; looks++) {
			*ret_size = heap_size(change, block, top, false);
			if (*ret_size >= need)
				return block;
			if (!*ret_size)
				change->is_broken = true;
			if (change->is_broken)
				return 0;
			block = heap_get(change, heap_in_block(change, block, HEAP_NEXT));
		}
	}
	return 0;
}

/* Take @need of the free block's @size bytes; the rest, if it is one, stays free. */
static uint64_t heap_carve(struct heap_change *change, uint64_t block, uint64_t size, uint64_t need)
{
	uint64_t rest = size - need;

	heap_unlink(change, block, size);
	if (rest < HEAP_LEAST) {
		heap_put(change, heap_in_block(change, block, 0), size | HEAP_USED);
		return size;
	}
	heap_put(change, heap_in_block(change, block, 0), need | HEAP_USED);
	heap_insert(change, block + need, rest);
	heap_put(change, heap_in_block(change, block + need, HEAP_BEFORE), need);
	heap_tell_next(change, block + size, rest);
	return need;
}

/* A new block behind the last one. */
static int heap_extend(struct heap_change *change, uint64_t need, uint64_t *ret_block,
		       uint64_t *ret_needed)
{
	uint64_t top = heap_top(change);
	uint64_t last = heap_get(change, heap_in_control(change, SLI_HEAP_LAST));

	if (change->is_broken)
		return SLUICE_ECORRUPT;
	*ret_needed = top + need;
	if (top > change->limit || need > change->limit - top)
		return SLUICE_ENOSPC;
	heap_put(change, heap_in_block(change, top, 0), need | HEAP_USED);
	heap_put(change, heap_in_block(change, top, HEAP_BEFORE), last);
	heap_put(change, heap_in_control(change, SLI_HEAP_TOP), top + need);
	heap_put(change, heap_in_control(change, SLI_HEAP_LAST), need);
	*ret_block = top;
	return 0;
}

/* The block is zero when it is linked, so that who finds the link of a dead one finds no old links in
 * it. While it is free nobody reads these bytes, but for its list's links, which change with the rest. */
static void heap_clear(struct heap_change *change, uint64_t block, uint64_t size)
{
	heap_put(change, heap_in_block(change, block, HEAP_NEXT), 0);
	heap_put(change, heap_in_block(change, block, HEAP_PREVIOUS), 0);
	if (!change->is_broken)
		memset(change->heap->base + heap_in_block(change, block, HEAP_LEAST), 0,
		       (size_t)(size - HEAP_LEAST));
	/* Dead here: nothing was changed that anybody reads. */
	SLI_CRASH(heap_cleared);
}

int sli_heap_allocate(struct sli_heap *heap, uint64_t limit, uint64_t size, uint64_t link_at,
		      uint32_t place, uint64_t *ret_needed)
{
	struct heap_change change = { .heap = heap, .limit = limit };
	uint64_t need = SLI_MAX(sli_round_up(size + HEAP_HEAD, HEAP_GRAIN), HEAP_LEAST);
	uint64_t block, found = 0;
	int r = 0;

	*ret_needed = UINT64_MAX;
	if (size > SLUICE_MEMORY_MAX)
		return SLUICE_ENOSPC;
	if (!heap_is_word(heap, limit, link_at) || heap_get(&change, link_at) != 0)
		return SLUICE_EINVAL;
	block = heap_find(&change, need, &found);
	if (block)
		need = heap_carve(&change, block, found, need);
	else
		r = heap_extend(&change, need, &block, ret_needed);
	if (r < 0)
		return r;
	heap_clear(&change, block, need);
	heap_add(&change, SLI_HEAP_BLOCKS, 1);
	heap_add(&change, SLI_HEAP_BYTES, need);
	heap_put(&change, link_at, block + HEAP_HEAD);
	return heap_commit(&change, place);
}

/* ---- freeing ------------------------------------------------------------------------------- */

/* The allocated block that @link is of: its neighbours must know it, too. 0: none. */
static uint64_t heap_block_of(struct heap_change *change, uint64_t link, uint64_t *ret_size)
{
	uint64_t block = link - HEAP_HEAD, top = heap_top(change), before, after;

	if (link < HEAP_BEGIN + HEAP_HEAD)
		return 0;
	*ret_size = heap_size(change, block, top, true);
	if (!*ret_size)
		return 0;
	before = heap_get(change, heap_in_block(change, block, HEAP_BEFORE));
	if (before > block - HEAP_BEGIN || (before == 0) != (block == HEAP_BEGIN))
		return 0;
	if (before && (heap_get(change, heap_in_block(change, block - before, 0)) &
		       ~(uint64_t)HEAP_USED) != before)
		return 0;
	after = block + *ret_size == top ? heap_in_control(change, SLI_HEAP_LAST)
					 : heap_in_block(change, block + *ret_size, HEAP_BEFORE);
	return heap_get(change, after) == *ret_size ? block : 0;
}

/* The block is free: join it with free neighbours, and with what is behind the top. */
static void heap_release(struct heap_change *change, uint64_t block, uint64_t size)
{
	uint64_t before = heap_get(change, heap_in_block(change, block, HEAP_BEFORE));
	uint64_t top = heap_top(change), more;

	if (before && heap_size(change, block - before, top, false) == before) {
		heap_unlink(change, block - before, before);
		block -= before;
		size += before;
		before = heap_get(change, heap_in_block(change, block, HEAP_BEFORE));
	}
	more = heap_size(change, block + size, top, false);
	if (more) {
		heap_unlink(change, block + size, more);
		size += more;
	}
	if (block + size == top) {
		heap_put(change, heap_in_control(change, SLI_HEAP_TOP), block);
		heap_put(change, heap_in_control(change, SLI_HEAP_LAST), before);
	} else {
		heap_tell_next(change, block + size, size);
		heap_insert(change, block, size);
	}
}

int sli_heap_free(struct sli_heap *heap, uint64_t limit, uint64_t link_at, uint32_t place)
{
	struct heap_change change = { .heap = heap, .limit = limit };
	uint64_t block, size = 0;

	if (!heap_is_word(heap, limit, link_at))
		return SLUICE_EINVAL;
	block = heap_block_of(&change, heap_get(&change, link_at), &size);
	if (!block || change.is_broken)
		return change.is_broken ? SLUICE_ECORRUPT : SLUICE_EINVAL;
	heap_release(&change, block, size);
	heap_add(&change, SLI_HEAP_BLOCKS, UINT64_MAX);
	heap_add(&change, SLI_HEAP_BYTES, 0 - size);
	heap_put(&change, link_at, 0);
	return heap_commit(&change, place);
}

/* ---- checking ------------------------------------------------------------------------------ */

/* Free blocks in all lists; each must be free, of its class, and know the one before it. */
static uint64_t heap_count_lists(struct heap_change *change, uint64_t most)
{
	uint64_t top = heap_top(change), count = 0;

	for (uint32_t kind = 0; kind < SLI_HEAP_CLASSES; kind++) {
		uint64_t block = heap_get(change, heap_in_control(change, SLI_HEAP_FREE + kind));
		uint64_t previous = 0;

		while (block && !change->is_broken && count <= most) {
			uint64_t size = heap_size(change, block, top, false);

			if (!size || heap_class(size) != kind ||
			    heap_get(change, heap_in_block(change, block, HEAP_PREVIOUS)) !=
				    previous)
				change->is_broken = true;
			count++;
			previous = block;
			block = heap_get(change, heap_in_block(change, block, HEAP_NEXT));
		}
	}
	return count;
}

int sli_heap_check(struct sli_heap *heap, uint64_t limit)
{
	struct heap_change change = { .heap = heap, .limit = limit };
	uint64_t top = heap_top(&change), block = HEAP_BEGIN, before = 0, free_blocks = 0;
	uint64_t blocks = 0, bytes = 0;
	bool was_free = false;

	while (block < top && !change.is_broken) {
		uint64_t used = heap_size(&change, block, top, true);
		uint64_t size = used ? used : heap_size(&change, block, top, false);

		if (!size || (!used && was_free) ||
		    heap_get(&change, heap_in_block(&change, block, HEAP_BEFORE)) != before)
			return SLUICE_ECORRUPT;
		was_free = !used;
		free_blocks += was_free;
		blocks += !was_free;
		bytes += used;
		before = size;
		block += size;
	}
	if (was_free || heap_get(&change, heap_in_control(&change, SLI_HEAP_LAST)) != before ||
	    heap_get(&change, heap_in_control(&change, SLI_HEAP_BLOCKS)) != blocks ||
	    heap_get(&change, heap_in_control(&change, SLI_HEAP_BYTES)) != bytes ||
	    heap_count_lists(&change, free_blocks) != free_blocks)
		change.is_broken = true;
	return change.is_broken ? SLUICE_ECORRUPT : 0;
}
