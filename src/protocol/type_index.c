/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * type_index.c - find the next message of a type without walking past the others again
 *
 * Each handle that receives by type keeps one, in private memory: nothing is shared, nothing to
 * repair. The walk over the log enters each record once, as it passes; what is found is checked
 * against the truth word before use, since others may have taken it meanwhile.
 *
 * Two trees over the same nodes: by (type, sequence), for the first of a type and the lowest type,
 * and by sequence, for the first of all when rotated records make position order wrong. They are
 * treaps (Seidel and Aragon 1996): search trees that are also heaps of random priorities, so their
 * expected depth is logarithmic whatever the order of insertion. Nodes live in one array that grows.
 *
 * A reservation's type is not known before its commit; such records wait in a short list and are
 * looked at again at each search. A borrowed record stays entered, since it may come back. Nodes
 * whose record is consumed are dropped when met; when they outnumber what the ring can hold alive,
 * the index is made anew, which costs no more than what was entered since.
 *
 * The receivers' lock excludes other threads of the handle. That lock is in shared memory and no
 * boundary, so the index has a private flag as well: who finds it set scans instead.
 */
#include "type_index.h"

#include <errno.h>
#include <sluice.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { BY_TYPE, BY_SEQUENCE, TREES };

#define NIL UINT32_MAX
#define INDEX_RESERVATIONS 64u
#define INDEX_SLACK 1024u

struct index_node {
	uint64_t position;
	uint64_t sequence;
	int64_t type;
	uint32_t priority;
	uint32_t child[TREES][2]; /* free nodes: child[0][0] is the next */
};

struct sli_type_index {
	_Atomic uint32_t busy;
	struct index_node *nodes;
	uint32_t room, used, free, live;
	uint32_t root[TREES];
	uint32_t random;
	uint64_t walked; /* every record before it is entered, or waits below */
	uint64_t waiting[INDEX_RESERVATIONS];
	uint32_t waiting_count;
};

struct index_key {
	int64_t type;
	uint64_t sequence;
};

struct sli_type_index *sli_type_index_new(void)
{
	struct sli_type_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->free = index->root[BY_TYPE] = index->root[BY_SEQUENCE] = NIL;
	/* Not to be guessed: a peer that knew the priorities could choose types for a tall tree. */
	if (getrandom(&index->random, sizeof(index->random), GRND_NONBLOCK) < 0 || !index->random)
		index->random = 2463534242u;
	return index;
}

void sli_type_index_free(struct sli_type_index *index)
{
	if (index)
		free(index->nodes);
	free(index);
}

/* Forget everything; the walk begins again at @position. */
static void index_reset(struct sli_type_index *index, uint64_t position)
{
	index->used = index->live = index->waiting_count = 0;
	index->free = index->root[BY_TYPE] = index->root[BY_SEQUENCE] = NIL;
	index->walked = position;
}

/* Marsaglia's xorshift: priorities need no more. */
static uint32_t index_random(struct sli_type_index *index)
{
	uint32_t x = index->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return index->random = x;
}

/* ---- the trees ----------------------------------------------------------------------------- */

static bool index_less(const struct index_node *node, const struct index_key *key, int tree)
{
	if (tree == BY_TYPE && node->type != key->type)
		return node->type < key->type;
	if (tree == BY_TYPE || node->sequence != key->sequence)
		return node->sequence < key->sequence;
	return node->type < key->type;
}

/* Keys are unique in either tree, whatever a hostile peer numbers its records: index_enter(). */

/* Split the tree at @key: nodes less than it, and the others. */
static void index_split(struct sli_type_index *index, int tree, uint32_t at,
			const struct index_key *key, uint32_t *less, uint32_t *others)
{
	while (at != NIL) {
		struct index_node *node = &index->nodes[at];

		if (index_less(node, key, tree)) {
			*less = at;
			less = &node->child[tree][1];
			at = *less;
		} else {
			*others = at;
			others = &node->child[tree][0];
			at = *others;
		}
	}
	*less = *others = NIL;
}

/* Join two trees, all of @low before all of @high. */
static uint32_t index_join(struct sli_type_index *index, int tree, uint32_t low, uint32_t high)
{
	uint32_t root = NIL, *at = &root;

	while (low != NIL && high != NIL) {
		if (index->nodes[low].priority > index->nodes[high].priority) {
			*at = low;
			at = &index->nodes[low].child[tree][1];
			low = *at;
		} else {
			*at = high;
			at = &index->nodes[high].child[tree][0];
			high = *at;
		}
	}
	*at = low != NIL ? low : high;
	return root;
}

static void index_insert(struct sli_type_index *index, int tree, uint32_t fresh)
{
	struct index_node *node = &index->nodes[fresh];
	struct index_key key = { node->type, node->sequence };
	uint32_t *at = &index->root[tree];

	while (*at != NIL && index->nodes[*at].priority > node->priority)
		at = &index->nodes[*at].child[tree][!!index_less(&index->nodes[*at], &key, tree)];
	index_split(index, tree, *at, &key, &node->child[tree][0], &node->child[tree][1]);
	*at = fresh;
}

static void index_remove(struct sli_type_index *index, int tree, uint32_t old)
{
	struct index_node *node = &index->nodes[old];
	struct index_key key = { node->type, node->sequence };
	uint32_t *at = &index->root[tree];

	while (*at != old)
		at = &index->nodes[*at].child[tree][!!index_less(&index->nodes[*at], &key, tree)];
	*at = index_join(index, tree, node->child[tree][0], node->child[tree][1]);
}

/* The first node that is not less than @key. */
static uint32_t index_lower_bound(const struct sli_type_index *index, int tree,
				  const struct index_key *key)
{
	uint32_t at = index->root[tree], best = NIL;

	while (at != NIL) {
		if (index_less(&index->nodes[at], key, tree)) {
			at = index->nodes[at].child[tree][1];
		} else {
			best = at;
			at = index->nodes[at].child[tree][0];
		}
	}
	return best;
}

/* ---- entering ------------------------------------------------------------------------------ */

static uint32_t index_new_node(struct sli_type_index *index)
{
	uint32_t fresh = index->free;

	if (fresh != NIL) {
		index->free = index->nodes[fresh].child[0][0];
		return fresh;
	}
	if (index->used == index->room) {
		uint32_t room = index->room ? index->room * 2 : 256;
		struct index_node *nodes = realloc(index->nodes, room * sizeof(*nodes));

		if (!nodes)
			return NIL;
		index->nodes = nodes;
		index->room = room;
	}
	return index->used++;
}

static int index_enter(struct sli_type_index *index, const struct sli_found *found)
{
	struct index_key key = { found->type, found->sequence >> SLI_RECORD_SEQUENCE_SHIFT };
	uint32_t fresh = index_lower_bound(index, BY_TYPE, &key);

	/* A rotated record is entered again under its old number: the node moves with it. */
	if (fresh != NIL && index->nodes[fresh].type == key.type &&
	    index->nodes[fresh].sequence == key.sequence) {
		index->nodes[fresh].position = found->position;
		return 0;
	}
	fresh = index_new_node(index);
	if (fresh == NIL)
		return -ENOMEM;
	index->nodes[fresh].position = found->position;
	index->nodes[fresh].type = key.type;
	index->nodes[fresh].sequence = key.sequence;
	index->nodes[fresh].priority = index_random(index);
	index_insert(index, BY_TYPE, fresh);
	index_insert(index, BY_SEQUENCE, fresh);
	index->live++;
	return 0;
}

static void index_drop(struct sli_type_index *index, uint32_t old)
{
	index_remove(index, BY_TYPE, old);
	index_remove(index, BY_SEQUENCE, old);
	index->nodes[old].child[0][0] = index->free;
	index->free = old;
	index->live--;
}

/* A record the walk passes, or one that waited. 1: it still waits. */
static int index_visit(struct sli_type_index *index, struct sli_ring *ring, struct sli_found *found)
{
	uint32_t state = sli_truth_state(found->truth);

	if (state == SLI_RECORD_DONE)
		return 0;
	if (state == SLI_RECORD_RESERVED)
		return 1;
	if (sli_ring_read_header(ring, found) < 0)
		return SLUICE_ECORRUPT;
	return index_enter(index, found);
}

/* Look again at the reservations that were passed. */
static int index_visit_waiting(struct sli_type_index *index, struct sli_ring *ring, uint64_t head)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < index->waiting_count; i++) {
		uint64_t position = index->waiting[i];
		struct sli_found found;
		int r;

		if (position - head > ring->count) /* consumed: head passed it */
			continue;
		if (sli_ring_look(ring, position, &found) <= 0)
			return SLUICE_ECORRUPT;
		r = index_visit(index, ring, &found);
		if (r < 0)
			return r;
		if (r > 0)
			index->waiting[kept++] = position;
	}
	index->waiting_count = kept;
	return 0;
}

/* Walk to the end of the log. */
static int index_walk(struct sli_type_index *index, struct sli_ring *ring, uint64_t head)
{
	struct sli_found found;
	int64_t lines;
	int r;

	if (index->walked - head > ring->count)
		index->walked = head; /* others consumed past us, or the first use */
	while ((lines = sli_ring_look(ring, index->walked, &found)) > 0) {
		r = index_visit(index, ring, &found);
		if (r < 0)
			return r;
		if (r > 0 && index->waiting_count == INDEX_RESERVATIONS)
			return -ENOMEM;
		if (r > 0)
			index->waiting[index->waiting_count++] = index->walked;
		index->walked += (uint64_t)lines;
		if (index->walked - head > ring->count)
			return SLUICE_ECORRUPT;
	}
	/* relaxed: a hint for spinners */
	sli_store_rlx(&ring->boundary, index->walked);
	return lines < 0 ? SLUICE_ECORRUPT : 0;
}

/* ---- searching ----------------------------------------------------------------------------- */

/* Is the node's record there to take? 1 yes, 0 not now, -ENOENT never again, SLUICE_ECORRUPT. */
static int index_check(const struct index_node *node, struct sli_ring *ring, uint64_t head,
		       struct sli_found *found)
{
	int64_t lines;

	if (node->position - head > ring->count)
		return -ENOENT;
	lines = sli_ring_look(ring, node->position, found);
	if (lines <= 0)
		return lines < 0 ? SLUICE_ECORRUPT : -ENOENT;
	if (sli_truth_state(found->truth) == SLI_RECORD_DONE)
		return -ENOENT;
	if (sli_truth_state(found->truth) != SLI_RECORD_COMMITTED)
		return 0;
	if (sli_ring_read_header(ring, found) < 0 || found->type != node->type ||
	    found->sequence >> SLI_RECORD_SEQUENCE_SHIFT != node->sequence)
		return SLUICE_ECORRUPT;
	return 1;
}

/* Does the node still match what is wanted? The trees are in order, so the first "no" ends it. */
static bool index_matches(const struct index_node *node, int64_t type)
{
	if (type > 0)
		return node->type == type;
	return type == 0 || type == INT64_MIN || node->type <= -type;
}

static int index_search(struct sli_type_index *index, struct sli_ring *ring, uint64_t head,
			int64_t type, struct sli_found *found)
{
	int tree = type == 0 ? BY_SEQUENCE : BY_TYPE;
	struct index_key key = { type > 0 ? type : INT64_MIN, 0 };

	for (;;) {
		uint32_t at = index_lower_bound(index, tree, &key);
		int r;

		if (at == NIL || !index_matches(&index->nodes[at], type))
			return 0;
		r = index_check(&index->nodes[at], ring, head, found);
		if (r == -ENOENT) {
			index_drop(index, at);
			continue;
		}
		if (r != 0)
			return r;
		/* The next key; a sequence has 62 bits. */
		key.sequence = index->nodes[at].sequence + 1;
		key.type = tree == BY_TYPE ? index->nodes[at].type : INT64_MIN;
	}
}

int sli_type_index_find(struct sli_type_index *index, struct sli_ring *ring, uint64_t head,
			int64_t type, struct sli_found *found)
{
	int r;

	if (sli_swap_acqrel(&index->busy, 1u))
		return -ENOMEM;
	/* Each living record takes a line; more nodes than that are mostly of the dead. */
	if (index->live > ring->count + INDEX_SLACK)
		index_reset(index, head);
	r = index_visit_waiting(index, ring, head);
	if (r == 0)
		r = index_walk(index, ring, head);
	if (r == 0)
		r = index_search(index, ring, head, type, found);
	if (r < 0)
		index_reset(index, head);
	sli_store_rel(&index->busy, 0u);
	return r;
}
