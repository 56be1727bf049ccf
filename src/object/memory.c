/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory.c - plain shared bytes that can grow, with the mutexes that guard them
 *
 * The data is the program's. What is ours lies in front of it: how long the data is, a root for the
 * program to find its structure again, and the mutexes, which therefore live and die with the data.
 *
 * Growing. The file is given its room first (src/segment/grow.c), then the size word is raised:
 *
 *	grown	from	to		by whom			how
 *		s	s' > s		who grew the file	CAS, so that it never falls; 0 stands for the
 *								size it was made with
 *
 * A death in between leaves the old size, and a longer file that the next one to grow makes use of;
 * there is nothing to repair. [memory.grow] the release that raises the size, the acquire that reads
 * it: the file is as long as the size says. A size word that a hostile peer has raised is not believed
 * unless the file is that long; what was once found to be there is remembered, and not asked again.
 *
 * The allocator is src/protocol/heap.c; who dies in it leaves its lock, which who repairs takes over, to
 * finish what was committed before any mutex of the dead can be had.
 *
 * The mutexes are those of mutex.c, many to a segment: the word says which participant holds it, a
 * repairer frees what a dead one held, marked dirty, and the next owner is told SLUICE_RECOVERED.
 */
#include "memory.h"
#include "../base/crash.h"
#include "../base/fd.h"
#include "../sync/futex.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_SIZE_DEFAULT (UINT64_C(1) << 20)

enum { MEMORY_MUTEXES }; /* geometry[] */

static struct sli_memory_control *memory_view(const struct sli_segment *segment)
{
	return (struct sli_memory_control *)(void *)(segment->base + segment->object_offset);
}

static struct sli_memory_mutex *memory_mutexes(const struct sli_segment *segment)
{
	return (struct sli_memory_mutex *)(void *)(memory_view(segment) + 1);
}

static uint32_t memory_mutex_count(const struct sli_segment *segment)
{
	return (uint32_t)segment->geometry[MEMORY_MUTEXES];
}

static uint64_t memory_object_size(uint64_t mutexes)
{
	return sizeof(struct sli_memory_control) + mutexes * sizeof(struct sli_memory_mutex);
}

static bool memory_is_sound(uint64_t object_size, uint64_t mutexes, uint64_t maximum)
{
	return mutexes <= SLUICE_MEMORY_MUTEXES_MAX && object_size >= memory_object_size(mutexes) &&
	       maximum > 0;
}

static int memory_check_wish(const struct sli_request *request, const char *what, uint64_t found,
			     uint64_t wanted)
{
	if (!wanted || wanted == found)
		return 0;
	return sli_say(
		&request->diag, SLUICE_EMISMATCH,
		"memory %s has %s %llu, wanted %llu; leave the option out to take it as it is, or "
		"remove it",
		request->name, what, (unsigned long long)found, (unsigned long long)wanted);
}

static int memory_check(const struct sli_header *header, const void *want,
			const struct sli_request *request)
{
	const struct sli_memory_wish *wish = want;
	uint64_t mutexes = header->geometry[MEMORY_MUTEXES];
	int r;

	if (!memory_is_sound(header->object_size, mutexes, header->data_maximum))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "memory %s is damaged: it has no room for its mutexes; remove it",
			       request->name);
	r = memory_check_wish(request, "size", header->data_size, wish->size);
	if (r == 0)
		r = memory_check_wish(request, "maximum", header->data_maximum, wish->maximum);
	return r ? r : memory_check_wish(request, "mutexes", mutexes, wish->mutexes);
}

static void memory_join(struct sli_segment *segment)
{
	sluice_memory *memory = segment->object;

	memory->control = memory_view(segment);
	memory->mutexes = memory_mutexes(segment);
	memory->mutex_count = memory_mutex_count(segment);
	memory->heap = (struct sli_heap){
		.base = segment->base,
		.control = &memory->control->heap,
		.words_at = segment->object_offset +
			    offsetof(struct sli_memory_control, heap.words),
		.root_at = segment->object_offset + offsetof(struct sli_memory_control, root),
		.data_at = segment->data_offset,
	};
	sli_handle_join(&memory->handle);
	/* After a fork: what the parent holds is the parent's. */
	for (uint32_t i = 0; memory->owners && i < memory->mutex_count; i++)
		sli_store_rel(&memory->owners[i], (uintptr_t)0);
}

static bool memory_is_dead(uint64_t place, const uint32_t *dead, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (dead[i] == place)
			return true;
	return false;
}

/*
 * Finish what the dead have committed. If the lock is another's, who may be repairing and may be dead as
 * well, that matters only while the journal in it is one of the dead's.
 */
static int memory_repair_heap(sluice_memory *memory, const uint32_t *dead, uint32_t count,
			      uint32_t *ret_also)
{
	struct sli_heap_control *heap = &memory->control->heap;
	struct sli_peers *peers = &memory->handle.peers;
	/* relaxed: the seizure acquires; the bytes of the dead are ours, so they cannot take it */
	uint32_t word = sli_load_rlx(&heap->lock.word), stamp;
	int64_t size;

	if (!(word & SLI_STAMP))
		return 0;
	if (!memory_is_dead(sli_stamp_place(word), dead, count)) {
		/* relaxed: written by one of the dead, or none of our business */
		if (!sli_load_acq(&heap->count) ||
		    !memory_is_dead(sli_load_rlx(&heap->writer), dead, count))
			return 0;
		*ret_also = sli_stamp_place(word);
		return -EAGAIN;
	}
	if (sli_lock_seize(&heap->lock, peers, dead, count, &stamp) < 0)
		return -EBUSY;
	/* Dead here: the lock has our stamp, the journal is as it was. */
	SLI_CRASH(memory_heap_seized);
	size = sli_memory_size(memory);
	if (size < 0 || sli_heap_redo(&memory->heap, (uint64_t)size) < 0)
		sli_segment_break(&memory->handle.segment);
	SLI_CRASH(memory_heap_repaired);
	(void)sli_lock_drop(&heap->lock, peers);
	return 0;
}

/* The heap first: who is given a mutex of the dead must find the links that they committed. One store
 * then frees the word of a dead owner; nothing is locked meanwhile. */
static int memory_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			 uint32_t *ret_also)
{
	sluice_memory *memory = segment->object;

	int r;

	*ret_also = SLI_NO_PLACE;
	r = memory_repair_heap(memory, dead, count, ret_also);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t m = 0; m < memory->mutex_count; m++)
			sli_lock_leave_dirty(&memory->mutexes[m].lock, &memory->handle.peers,
					     dead[i] + 1, SLI_STAMP_PLACE);
	return 0;
}

static void memory_wake(struct sli_segment *segment)
{
	sluice_memory *memory = segment->object;

	if (segment->is_read_only)
		return;
	memory->handle.peers.wake(&memory->handle.peers, &memory->control->heap.lock.word,
				  SLI_WAKE_ALL);
	for (uint32_t i = 0; i < memory->mutex_count; i++)
		memory->handle.peers.wake(&memory->handle.peers, &memory->mutexes[i].lock.word,
					  SLI_WAKE_ALL);
}

const struct sli_kind sli_memory_kind = {
	.number = SLUICE_KIND_MEMORY,
	.name = "memory",
	.roles = 0,
	.check = memory_check,
	.join = memory_join,
	.repair = memory_repair,
	.wake = memory_wake,
};

/* ---- opening and closing ------------------------------------------------------------------- */

/* What a new one is like. */
static int memory_plan(const struct sli_request *request, const struct sli_memory_wish *wish,
		       struct sli_shape *ret_shape)
{
	uint64_t size = wish->size;

	if (!size)
		size = wish->maximum ? SLI_MIN(MEMORY_SIZE_DEFAULT, wish->maximum)
				     : MEMORY_SIZE_DEFAULT;
	memset(ret_shape, 0, sizeof(*ret_shape));
	ret_shape->kind = SLUICE_KIND_MEMORY;
	ret_shape->object_size = memory_object_size(wish->mutexes);
	ret_shape->data_size = size;
	ret_shape->data_maximum = wish->maximum ? wish->maximum : size;
	ret_shape->geometry[MEMORY_MUTEXES] = wish->mutexes;
	if (size > ret_shape->data_maximum)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"memory %s: size is %llu bytes, more than the maximum of %llu; raise the maximum",
			request->name, (unsigned long long)size,
			(unsigned long long)ret_shape->data_maximum);
	return 0;
}

/* The rest of a handle whose segment is open. */
static int memory_settle(sluice_memory *memory)
{
	memory->owners = calloc(memory->mutex_count + 1, sizeof(*memory->owners));
	return memory->owners ? 0 : SLUICE_ENOMEM;
}

int sli_memory_open(const char *name, const struct sli_request *request,
		    const struct sli_memory_wish *wish, sluice_memory **ret_memory)
{
	struct sli_shape shape;
	sluice_memory *memory;
	int r = memory_plan(request, wish, &shape);

	if (r < 0)
		return r;
	memory = calloc(1, sizeof(*memory));
	if (!memory)
		return SLUICE_ENOMEM;
	r = sli_handle_open(&memory->handle, name, request, &sli_memory_kind, &shape, wish, memory,
			    SLI_MAGIC_MEMORY);
	if (r < 0) {
		free(memory);
		return r;
	}
	r = memory_settle(memory);
	if (r < 0)
		sli_memory_close(memory);
	else
		*ret_memory = memory;
	return r;
}

void sli_memory_close(sluice_memory *memory)
{
	if (sli_handle_is_joined(&memory->handle))
		for (uint32_t i = 0; i < memory->mutex_count; i++)
			sli_lock_leave_dirty(&memory->mutexes[i].lock, &memory->handle.peers,
					     memory->handle.peers.self, SLI_STAMP);
	sli_handle_close(&memory->handle);
	free((void *)memory->owners);
	sli_handle_free(&memory->handle);
}

/* ---- data ---------------------------------------------------------------------------------- */

void *sli_memory_data(sluice_memory *memory)
{
	return memory->handle.segment.base + memory->handle.segment.data_offset;
}

/* The size as it is written down, by anybody. */
static uint64_t memory_said(const struct sli_segment *segment)
{
	/* [memory.grow] acquire: the file has it. Pairs with the release in sli_memory_resize(). */
	uint64_t size = sli_load_acq(&memory_view(segment)->grown);

	return SLI_MAX(size, segment->data_size);
}

/* Is it true? */
static bool memory_has(const struct sli_segment *segment, uint64_t size)
{
	return size <= segment->data_maximum && sli_segment_has(segment, size);
}

int64_t sli_memory_size(sluice_memory *memory)
{
	struct sli_segment *segment = &memory->handle.segment;
	uint64_t size = memory_said(segment);
	/* relaxed: private memory, a value that was once found */
	uint64_t seen = sli_load_rlx(&memory->seen);

	if (size <= seen)
		return (int64_t)seen;
	if (!memory_has(segment, size))
		return SLUICE_ECORRUPT;
	/* relaxed: as above; the larger one wins */
	while (seen < size && !sli_cas_rlx(&memory->seen, &seen, size))
		;
	return (int64_t)size;
}

int sli_memory_resize(sluice_memory *memory, uint64_t size)
{
	struct sli_segment *segment = &memory->handle.segment;
	int64_t now = sli_memory_size(memory);
	uint64_t seen;
	int r;

	if (now < 0 || size <= (uint64_t)now)
		return now < 0 ? (int)now : 0;
	if (segment->is_read_only)
		return SLUICE_EPERM;
	if (size > segment->data_maximum)
		return SLUICE_EINVAL;
	size = sli_round_up(size, SLI_PAGE);
	r = sli_segment_grow(segment, size);
	if (r < 0)
		return r;
	/* relaxed: the swap decides */
	seen = sli_load_rlx(&memory->control->grown);
	/* [memory.grow] release: the file is that long. Pairs with the acquire in memory_said(). */
	while (seen < size && !sli_cas_rel(&memory->control->grown, &seen, size))
		;
	SLI_CRASH(memory_grown);
	return 0;
}

/* Read without touching the mapping, so that a file somebody cut is an error and not a SIGBUS. */
static int memory_read_file(int fd, uint64_t at, unsigned char *buffer, size_t size)
{
	while (size) {
		ssize_t n = pread(fd, buffer, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? sli_errno() : SLUICE_EREMOVED;
		buffer += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

int sli_memory_copy(sluice_memory *memory, uint64_t offset, void *buffer, size_t size)
{
	struct sli_segment *segment = &memory->handle.segment;
	int64_t now = sli_memory_size(memory);

	if (now < 0)
		return (int)now;
	if (offset > (uint64_t)now || size > (uint64_t)now - offset)
		return SLUICE_EINVAL;
	if (!segment->is_private)
		return memory_read_file(segment->fd, segment->data_offset + offset, buffer, size);
	memcpy(buffer, segment->base + segment->data_offset + offset, size);
	return 0;
}

/* ---- mutexes ------------------------------------------------------------------------------- */

static int memory_mutex_check(const sluice_memory *memory, uint32_t index)
{
	if (index >= memory->mutex_count)
		return SLUICE_EINVAL;
	return memory->handle.segment.is_read_only ? SLUICE_EPERM : 0;
}

int sli_memory_mutex_lock(sluice_memory *memory, uint32_t index, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&memory->handle, timeout);
	uintptr_t self = (uintptr_t)pthread_self();
	int r = memory_mutex_check(memory, index);

	if (r < 0)
		return r;
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&memory->owners[index]) == self)
		return SLUICE_EDEADLK;
	r = sli_lock_take(&memory->mutexes[index].lock, &memory->handle.peers, &wait, 0);
	if (r < 0)
		return r;
	/* Dead from here on: the repairer leaves the word dirty. */
	SLI_CRASH(memory_mutex_locked);
	/* relaxed: read by this thread only, others compare with themselves */
	sli_store_rlx(&memory->owners[index], self);
	return r == SLI_LOCK_RECOVERED ? SLUICE_RECOVERED : 0;
}

int sli_memory_mutex_unlock(sluice_memory *memory, uint32_t index)
{
	int r = memory_mutex_check(memory, index);

	if (r < 0)
		return r;
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&memory->owners[index]) != (uintptr_t)pthread_self())
		return SLUICE_EPERM;
	/* relaxed: as above; before the word, so that the next owner's store is not overwritten */
	sli_store_rlx(&memory->owners[index], (uintptr_t)0);
	return sli_lock_drop(&memory->mutexes[index].lock, &memory->handle.peers);
}

/* ---- heap ---------------------------------------------------------------------------------- */

/* Take its lock, and see how much data there is. Its owner has a few instructions to go, or is dead, or
 * stopped by somebody: then the wait is as long as that of an open for a stopped peer. */
static int memory_heap_begin(sluice_memory *memory, int64_t *ret_size)
{
	struct sli_wait wait = sli_handle_wait(&memory->handle,
					       memory->handle.segment.open_timeout);
	int r;

	if (memory->handle.segment.is_read_only)
		return SLUICE_EPERM;
	r = sli_lock_take(&memory->control->heap.lock, &memory->handle.peers, &wait, 0);
	if (r < 0)
		return r;
	SLI_CRASH(memory_heap_locked);
	*ret_size = sli_memory_size(memory);
	return *ret_size < 0 ? (int)*ret_size : 0;
}

/* Give it up; @r is the call's result. A lock that was not had is not given up. */
static int memory_heap_end(sluice_memory *memory, int r)
{
	int dropped = sli_lock_drop(&memory->control->heap.lock, &memory->handle.peers);

	return r < 0 ? r : dropped;
}

/* The offset in the segment of the caller's link; what lies outside is no word of the heap's. */
static uint64_t memory_link(const sluice_memory *memory, const uint64_t *link)
{
	uintptr_t base = (uintptr_t)memory->handle.segment.base, at = (uintptr_t)link;

	return at >= base && at - base < memory->handle.segment.size ? at - base : UINT64_MAX;
}

/* Grow from @now bytes: by half if there is room for that, so that many small ones do not make many
 * calls. */
static int memory_make_room(sluice_memory *memory, uint64_t now, uint64_t needed)
{
	uint64_t ample = SLI_MIN(now / 2 * 3, memory->handle.segment.data_maximum);
	int r = ample > needed ? sli_memory_resize(memory, ample) : SLUICE_ENOSPC;

	return r == SLUICE_ENOSPC || r == SLUICE_ENOMEM ? sli_memory_resize(memory, needed) : r;
}

int sli_memory_allocate(sluice_memory *memory, uint64_t size, const uint64_t *link)
{
	struct sli_segment *segment = &memory->handle.segment;
	uint64_t needed = 0;
	int64_t now = 0;
	int r;

	for (;;) {
		r = memory_heap_begin(memory, &now);
		if (r < 0)
			return now < 0 ? memory_heap_end(memory, r) : r;
		r = sli_heap_allocate(&memory->heap, (uint64_t)now, size, memory_link(memory, link),
				      segment->place, &needed);
		r = memory_heap_end(memory, r);
		if (r != SLUICE_ENOSPC || needed > segment->data_maximum)
			return r;
		r = memory_make_room(memory, (uint64_t)now, needed);
		if (r < 0)
			return r;
	}
}

int sli_memory_free(sluice_memory *memory, const uint64_t *link)
{
	int64_t size = 0;
	int r = memory_heap_begin(memory, &size);

	if (r < 0)
		return size < 0 ? memory_heap_end(memory, r) : r;
	r = sli_heap_free(&memory->heap, (uint64_t)size, memory_link(memory, link),
			  memory->handle.segment.place);
	return memory_heap_end(memory, r);
}

int sli_memory_check(sluice_memory *memory)
{
	int64_t size = 0;
	int r = memory_heap_begin(memory, &size);

	if (r < 0)
		return size < 0 ? memory_heap_end(memory, r) : r;
	return memory_heap_end(memory, sli_heap_check(&memory->heap, (uint64_t)size));
}

/* ---- for people ---------------------------------------------------------------------------- */

int sli_memory_share(sluice_memory *memory, int ret_fds[3])
{
	if (!memory->handle.segment.is_read_only)
		return sli_handle_share(&memory->handle, ret_fds);
	ret_fds[0] = memory->handle.segment.fd;
	ret_fds[1] = ret_fds[2] = -1;
	return 1;
}

static void memory_describe(const struct sli_segment *segment, struct sluice_memory_info *info)
{
	struct sli_memory_control *control = memory_view(segment);
	struct sli_memory_mutex *mutexes = memory_mutexes(segment);
	struct sli_handle_count count;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	info->mutexes = memory_mutex_count(segment);
	info->locked = info->owner_died = 0;
	for (uint32_t i = 0; i < info->mutexes; i++) {
		/* relaxed: a moment's view */
		uint32_t word = sli_load_rlx(&mutexes[i].lock.word);

		info->locked += (word & SLI_STAMP) != 0;
		info->owner_died += !(word & SLI_STAMP) && (word & SLI_LOCK_DIRTY);
	}
	info->bytes = memory_said(segment);
	info->maximum = segment->data_maximum;
	/* relaxed: for people */
	info->root = sli_load_rlx(&control->root);
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_memory_info(sluice_memory *memory, struct sluice_memory_info *ret_info)
{
	memory_describe(&memory->handle.segment, ret_info);
}

static bool memory_is_view(const struct sli_segment *segment)
{
	return memory_is_sound(segment->object_size, segment->geometry[MEMORY_MUTEXES],
			       segment->data_maximum);
}

void sli_memory_wake_mapped(struct sli_segment *segment)
{
	struct sli_memory_mutex *mutexes = memory_mutexes(segment);

	if (memory_is_view(segment))
		sli_futex_wake(&memory_view(segment)->heap.lock.word, SLI_WAKE_ALL, 0);
	for (uint32_t i = 0; memory_is_view(segment) && i < memory_mutex_count(segment); i++)
		sli_futex_wake(&mutexes[i].lock.word, SLI_WAKE_ALL, 0);
}

bool sli_memory_holds(const struct sli_segment *segment, uint32_t place)
{
	struct sli_memory_mutex *mutexes = memory_mutexes(segment);
	bool found = false;

	for (uint32_t i = 0; memory_is_view(segment) && i < memory_mutex_count(segment); i++) {
		/* relaxed: a moment's view */
		uint32_t word = sli_load_rlx(&mutexes[i].lock.word);

		found |= (word & SLI_STAMP) && sli_stamp_place(word) == place;
	}
	return found;
}

int sli_memory_inspect(struct sli_segment *segment, struct sluice_memory_info *ret_info)
{
	if (!memory_is_view(segment))
		return SLUICE_ECORRUPT;
	memory_describe(segment, ret_info);
	return memory_has(segment, ret_info->bytes) ? 0 : SLUICE_ECORRUPT;
}
