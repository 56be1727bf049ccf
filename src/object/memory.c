/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory.c - plain shared bytes that can grow, with an allocator and what guards them inside
 *
 * The data is the program's. What is ours lies in front of it: how long the data is, a root for the
 * program to find its structure again, the allocator's words, and the mutexes, conditions, semaphores
 * and reader-writer locks (memory_gates.c, memory_rwlocks.c), which therefore live and die with the data.
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
 */
#include "memory.h"
#include "../base/crash.h"
#include "../base/fd.h"
#include "../sync/futex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_SIZE_DEFAULT (UINT64_C(1) << 20)

static struct sli_memory_control *memory_view(const struct sli_segment *segment)
{
	return (struct sli_memory_control *)(void *)(segment->base + segment->object_offset);
}

static bool memory_is_sound(const uint64_t *geometry, uint64_t object_size, uint32_t places,
			    uint64_t maximum)
{
	return sli_memory_gates_are_sound(geometry) && maximum > 0 &&
	       object_size >= sli_memory_object_size(geometry, places);
}

static int memory_check(const struct sli_header *header, const void *want,
			const struct sli_request *request)
{
	const struct sli_memory_wish *wish = want;
	const uint64_t *geometry = header->geometry;
	const struct {
		const char *what;
		uint64_t has, wanted;
	} values[] = {
		{ "size", header->data_size, wish->size },
		{ "maximum", header->data_maximum, wish->maximum },
		{ "mutexes", geometry[SLI_MEMORY_MUTEXES], wish->mutexes },
		{ "conditions", geometry[SLI_MEMORY_CONDITIONS], wish->conditions },
		{ "semaphores", geometry[SLI_MEMORY_SEMAPHORES], wish->semaphores },
		{ "initial value", geometry[SLI_MEMORY_INITIAL], wish->initial },
		{ "ceiling", geometry[SLI_MEMORY_CEILING], wish->ceiling },
		{ "rwlocks", geometry[SLI_MEMORY_RWLOCKS], wish->rwlocks },
	};

	if (!memory_is_sound(geometry, header->object_size, header->places, header->data_maximum))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "memory %s is damaged: it has no room for its locks; remove it",
			       request->name);
	for (size_t i = 0; i < SLI_COUNT(values); i++)
		if (values[i].wanted && values[i].wanted != values[i].has)
			return sli_handle_say_differs(request, "memory", values[i].what,
						      values[i].has, values[i].wanted);
	return 0;
}

static void memory_join(struct sli_segment *segment)
{
	sluice_memory *memory = segment->object;

	memory->control = memory_view(segment);
	memory->heap = (struct sli_heap){
		.base = segment->base,
		.control = &memory->control->heap,
		.words_at = segment->object_offset +
			    offsetof(struct sli_memory_control, heap.words),
		.root_at = segment->object_offset + offsetof(struct sli_memory_control, root),
		.data_at = segment->data_offset,
	};
	sli_handle_join(&memory->handle);
	sli_memory_gates_join(memory);
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

/* The heap first: who is given a mutex of the dead must find the links that they committed. */
static int memory_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			 uint32_t *ret_also)
{
	sluice_memory *memory = segment->object;
	int r;

	*ret_also = SLI_NO_PLACE;
	r = memory_repair_heap(memory, dead, count, ret_also);
	return r < 0 ? r : sli_memory_gates_repair(memory, dead, count, ret_also);
}

static void memory_wake(struct sli_segment *segment)
{
	sluice_memory *memory = segment->object;

	if (segment->is_read_only)
		return;
	memory->handle.peers.wake(&memory->handle.peers, &memory->control->heap.lock.word,
				  SLI_WAKE_ALL);
	sli_memory_gates_wake(memory);
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
	ret_shape->data_align = SLI_PAGE;
	ret_shape->data_size = size;
	ret_shape->data_maximum = wish->maximum ? wish->maximum : size;
	ret_shape->geometry[SLI_MEMORY_MUTEXES] = wish->mutexes;
	ret_shape->geometry[SLI_MEMORY_CONDITIONS] = wish->conditions;
	ret_shape->geometry[SLI_MEMORY_SEMAPHORES] = wish->semaphores;
	ret_shape->geometry[SLI_MEMORY_RWLOCKS] = wish->rwlocks;
	ret_shape->geometry[SLI_MEMORY_INITIAL] = wish->initial;
	if (wish->semaphores)
		ret_shape->geometry[SLI_MEMORY_CEILING] = wish->ceiling ? wish->ceiling
									: SLI_SEMAPHORE_MOST;
	ret_shape->object_size = sli_memory_object_size(ret_shape->geometry, request->participants);
	if (size > ret_shape->data_maximum)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"memory %s: size is %llu bytes, more than the maximum of %llu; raise the maximum",
			request->name, (unsigned long long)size,
			(unsigned long long)ret_shape->data_maximum);
	return 0;
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
	r = sli_memory_gates_settle(memory);
	if (r < 0) {
		sli_memory_close(memory);
		return r;
	}
	memory->huge_pages = wish->huge_pages;
	if (wish->huge_pages)
		/* A wish: where there are none, small pages do as well. */
		(void)madvise(memory->handle.segment.base, (size_t)memory->handle.segment.size,
			      MADV_HUGEPAGE);
	*ret_memory = memory;
	return r;
}

void sli_memory_close(sluice_memory *memory)
{
	if (sli_handle_is_joined(&memory->handle))
		sli_memory_gates_leave(memory);
	sli_handle_close(&memory->handle);
	sli_memory_gates_free(memory);
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
	struct sli_handle_count count;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	sli_memory_gates_describe(segment, info);
	info->bytes = memory_said(segment);
	info->maximum = segment->data_maximum;
	/* relaxed: for people */
	info->root = sli_load_rlx(&control->root);
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

/* What /proc/self/smaps says of huge pages in our mapping. */
static uint64_t memory_huge_bytes(const struct sli_segment *segment)
{
	uint64_t first = (uintptr_t)segment->base, bytes = 0;
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long long start, end, kilobytes;
	bool is_ours = false;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			is_ours = start >= first && end <= first + segment->size;
		else if (is_ours && (sscanf(line, "AnonHugePages: %llu", &kilobytes) == 1 ||
				     sscanf(line, "ShmemPmdMapped: %llu", &kilobytes) == 1 ||
				     sscanf(line, "FilePmdMapped: %llu", &kilobytes) == 1))
			bytes += kilobytes * 1024;
	if (maps)
		fclose(maps);
	return bytes;
}

void sli_memory_info(sluice_memory *memory, struct sluice_memory_info *ret_info)
{
	memory_describe(&memory->handle.segment, ret_info);
	ret_info->huge = memory->huge_pages ? memory_huge_bytes(&memory->handle.segment) : 0;
}

static bool memory_is_view(const struct sli_segment *segment)
{
	return memory_is_sound(segment->geometry, segment->object_size, segment->place_count,
			       segment->data_maximum);
}

void sli_memory_wake_mapped(struct sli_segment *segment)
{
	if (!memory_is_view(segment))
		return;
	sli_futex_wake(&memory_view(segment)->heap.lock.word, SLI_WAKE_ALL, 0);
	sli_memory_gates_wake_mapped(segment);
}

bool sli_memory_holds(const struct sli_segment *segment, uint32_t place)
{
	return memory_is_view(segment) && sli_memory_gates_hold(segment, place);
}

int sli_memory_inspect(struct sli_segment *segment, struct sluice_memory_info *ret_info)
{
	if (!memory_is_view(segment))
		return SLUICE_ECORRUPT;
	memory_describe(segment, ret_info);
	return memory_has(segment, ret_info->bytes) ? 0 : SLUICE_ECORRUPT;
}
