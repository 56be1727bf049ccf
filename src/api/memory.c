/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory.c - the sluice_memory_ calls: arguments are checked here, and nothing else is done
 *
 * A handle is a segment's or a mapped file's; both begin with their magic, which tells them apart.
 */
#include "../object/memory.h"
#include "../carrier/mapped_file.h"
#include "options.h"

#include <string.h>

static const struct sli_limits memory_limits = {
	.size = sizeof(struct sluice_memory_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL |
		 SLUICE_READ_ONLY | SLUICE_HUGE_PAGES | SLUICE_SEALED,
	.roles = 0,
	.participants = 128,
	.slice = 250 * SLI_MS,
};

static int memory_check_flags(const struct sli_request *request)
{
	uint32_t never = SLUICE_MUST_CREATE | SLUICE_PRIVATE | SLUICE_EPHEMERAL;

	if (!(request->flags & SLUICE_READ_ONLY))
		return 0;
	if (request->anonymous || (request->flags & never))
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"memory %s: flags has READ_ONLY, which is for a memory that exists; give its name, "
			"and leave out MUST_CREATE, PRIVATE and EPHEMERAL",
			request->name);
	return 0;
}

static int memory_check_gates(const struct sluice_memory_options *options,
			      const struct sli_request *request)
{
	uint32_t most = SLI_MAX(SLI_MAX(options->mutexes, options->conditions),
				SLI_MAX(options->semaphores, options->rwlocks));

	if (most > SLUICE_MEMORY_GATES_MAX)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"memory %s: mutexes is %u, conditions %u, semaphores %u, rwlocks %u; wanted at most "
			"%d of each",
			request->name, options->mutexes, options->conditions, options->semaphores,
			options->rwlocks, SLUICE_MEMORY_GATES_MAX);
	if (options->initial > SLUICE_SEMAPHORE_MAX || options->ceiling > SLUICE_SEMAPHORE_MAX ||
	    (options->ceiling && options->initial > options->ceiling))
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"memory %s: initial is %u and ceiling %u; wanted at most %u, and initial not over the "
			"ceiling",
			request->name, options->initial, options->ceiling, SLUICE_SEMAPHORE_MAX);
	return 0;
}

static int memory_decode(const struct sluice_memory_options *options,
			 const struct sli_request *request, struct sli_memory_wish *ret_wish)
{
	int r = memory_check_flags(request);

	if (r < 0)
		return r;
	if (options->bytes > SLUICE_MEMORY_MAX || options->maximum > SLUICE_MEMORY_MAX)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "memory %s: bytes is %llu and maximum %llu, wanted at most %llu",
			       request->name, (unsigned long long)options->bytes,
			       (unsigned long long)options->maximum,
			       (unsigned long long)SLUICE_MEMORY_MAX);
	r = memory_check_gates(options, request);
	if (r < 0)
		return r;
	ret_wish->size = sli_round_up(options->bytes, SLI_PAGE);
	ret_wish->maximum = sli_round_up(options->maximum, SLI_PAGE);
	ret_wish->mutexes = options->mutexes;
	ret_wish->conditions = options->conditions;
	ret_wish->semaphores = options->semaphores;
	ret_wish->rwlocks = options->rwlocks;
	ret_wish->initial = options->initial;
	ret_wish->ceiling = options->ceiling;
	ret_wish->huge_pages = (request->flags & SLUICE_HUGE_PAGES) != 0;
	return 0;
}

int sluice_memory_open(const char *name, const struct sluice_memory_options *options,
		       sluice_memory **ret_memory)
{
	struct sluice_memory_options copy;
	struct sli_memory_wish wish;
	struct sli_request request;
	int r = ret_memory ? sli_options_decode(name, options, &memory_limits, &copy, &request)
			   : SLUICE_EINVAL;

	if (r == 0)
		r = memory_decode(&copy, &request, &wish);
	return r < 0 ? r : sli_public_code(sli_memory_open(name, &request, &wish, ret_memory));
}

static const struct sli_limits file_limits = {
	.size = sizeof(struct sluice_memory_file_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_READ_ONLY | SLUICE_COPY_ON_WRITE,
};

static int memory_decode_file(const char *path, const struct sluice_memory_file_options *options,
			      const struct sli_request *request, struct sli_mapped_wish *ret_wish)
{
	uint32_t looks_on = SLUICE_READ_ONLY | SLUICE_COPY_ON_WRITE;

	if (options->participants || options->group || options->tag)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"file %s: participants is %u, group %u, tag %llx; wanted 0, a file has none of "
			"these",
			path, options->participants, options->group,
			(unsigned long long)options->tag);
	if ((options->flags & looks_on) == looks_on ||
	    ((options->flags & looks_on) && (options->flags & SLUICE_MUST_CREATE)))
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"file %s: READ_ONLY, COPY_ON_WRITE and MUST_CREATE exclude each other",
			path);
	if (options->offset > SLUICE_MEMORY_MAX || options->length > SLUICE_MEMORY_MAX ||
	    options->maximum > SLUICE_MEMORY_MAX ||
	    (options->maximum && options->length > options->maximum))
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"file %s: offset is %llu, length %llu, maximum %llu; wanted at most %llu, and a "
			"length not over the maximum",
			path, (unsigned long long)options->offset,
			(unsigned long long)options->length, (unsigned long long)options->maximum,
			(unsigned long long)SLUICE_MEMORY_MAX);
	*ret_wish = (struct sli_mapped_wish){
		.path = path,
		.flags = request->flags,
		.mode = (mode_t)request->mode,
		.offset = options->offset,
		.length = options->length,
		.maximum = options->maximum,
		.diag = request->diag,
	};
	return 0;
}

int sluice_memory_map_file(const char *path, const struct sluice_memory_file_options *options,
			   sluice_memory **ret_memory)
{
	struct sluice_memory_file_options copy;
	struct sli_mapped_file *file;
	struct sli_mapped_wish wish;
	struct sli_request request;
	int r = path && ret_memory
			? sli_options_decode(path, options, &file_limits, &copy, &request)
			: SLUICE_EINVAL;

	if (r == 0)
		r = memory_decode_file(path, &copy, &request, &wish);
	if (r == 0)
		r = sli_mapped_open(&wish, &file);
	if (r == 0)
		*ret_memory = (sluice_memory *)(void *)file;
	return sli_public_code(r);
}

/* The mapped file behind a handle; NULL if it is none. */
static struct sli_mapped_file *memory_file(sluice_memory *memory)
{
	struct sli_mapped_file *file = (struct sli_mapped_file *)(void *)memory;

	return file && file->magic == SLI_MAGIC_MAPPED_FILE ? file : NULL;
}

void sluice_memory_close(sluice_memory *memory)
{
	if (memory_file(memory))
		sli_mapped_close(memory_file(memory));
	else if (memory && memory->handle.magic == SLI_MAGIC_MEMORY)
		sli_memory_close(memory);
}

/* For the calls that a mapped file has no part in. */
static int memory_enter(sluice_memory *memory)
{
	if (memory_file(memory))
		return SLUICE_EOPNOTSUPP;
	return sli_handle_enter((struct sli_handle *)memory, SLI_MAGIC_MEMORY);
}

void *sluice_memory_data(sluice_memory *memory)
{
	if (memory_file(memory))
		return sli_mapped_data(memory_file(memory));
	if (!memory || memory->handle.magic != SLI_MAGIC_MEMORY)
		return NULL;
	return sli_memory_data(memory);
}

int64_t sluice_memory_size(sluice_memory *memory)
{
	int r;

	if (memory_file(memory))
		return sli_mapped_size(memory_file(memory));
	r = memory_enter(memory);
	return r < 0 ? r : sli_memory_size(memory);
}

void *sluice_memory_at(sluice_memory *memory, uint64_t offset, uint64_t size)
{
	int64_t now = sluice_memory_size(memory);

	if (now < 0 || offset > (uint64_t)now || size > (uint64_t)now - offset)
		return NULL;
	return (unsigned char *)sluice_memory_data(memory) + offset;
}

int64_t sluice_memory_offset_of(sluice_memory *memory, const void *address)
{
	int64_t now = sluice_memory_size(memory);
	uintptr_t at = (uintptr_t)address, data = (uintptr_t)sluice_memory_data(memory);

	if (now < 0)
		return now;
	return at >= data && at - data < (uint64_t)now ? (int64_t)(at - data) : SLUICE_EINVAL;
}

uint64_t *sluice_memory_root(sluice_memory *memory)
{
	if (!memory || memory->handle.magic != SLI_MAGIC_MEMORY)
		return NULL;
	return (uint64_t *)(void *)&memory->control->root;
}

int sluice_memory_resize(sluice_memory *memory, uint64_t bytes)
{
	int r;

	if (memory_file(memory))
		return sli_public_code(sli_mapped_resize(memory_file(memory), bytes));
	r = memory_enter(memory);
	return r < 0 ? r : sli_public_code(sli_memory_resize(memory, bytes));
}

int sluice_memory_copy(sluice_memory *memory, uint64_t offset, void *buffer, size_t size)
{
	int r;

	if (memory_file(memory))
		return buffer ? sli_public_code(
					sli_mapped_copy(memory_file(memory), offset, buffer, size))
			      : SLUICE_EINVAL;
	r = memory_enter(memory);
	if (r < 0)
		return r;
	return buffer ? sli_public_code(sli_memory_copy(memory, offset, buffer, size))
		      : SLUICE_EINVAL;
}

int sluice_memory_mutex_lock(sluice_memory *memory, uint32_t index, int64_t timeout_ns)
{
	int r = memory_enter(memory);

	return SLI_UNLIKELY(r < 0) ? r : sli_memory_mutex_lock(memory, index, timeout_ns);
}

int sluice_memory_mutex_unlock(sluice_memory *memory, uint32_t index)
{
	int r = memory_enter(memory);

	return SLI_UNLIKELY(r < 0) ? r : sli_memory_mutex_unlock(memory, index);
}

int sluice_memory_rwlock_lock_shared(sluice_memory *memory, uint32_t index, int64_t timeout_ns)
{
	int r = memory_enter(memory);

	return SLI_UNLIKELY(r < 0) ? r : sli_memory_rwlock_lock(memory, index, true, timeout_ns);
}

int sluice_memory_rwlock_lock_exclusive(sluice_memory *memory, uint32_t index, int64_t timeout_ns)
{
	int r = memory_enter(memory);

	return SLI_UNLIKELY(r < 0) ? r : sli_memory_rwlock_lock(memory, index, false, timeout_ns);
}

int sluice_memory_rwlock_unlock(sluice_memory *memory, uint32_t index)
{
	int r = memory_enter(memory);

	return SLI_UNLIKELY(r < 0) ? r : sli_memory_rwlock_unlock(memory, index);
}

int sluice_memory_condition_wait(sluice_memory *memory, uint32_t condition, uint32_t mutex,
				 int64_t timeout_ns)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_condition_wait(memory, condition, mutex, timeout_ns);
}

int sluice_memory_condition_signal(sluice_memory *memory, uint32_t condition)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_condition_tell(memory, condition, false);
}

int sluice_memory_condition_broadcast(sluice_memory *memory, uint32_t condition)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_condition_tell(memory, condition, true);
}

int sluice_memory_semaphore_acquire(sluice_memory *memory, uint32_t index, uint32_t units,
				    int64_t timeout_ns)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_semaphore_get(memory, index, units, true, timeout_ns);
}

int sluice_memory_semaphore_release(sluice_memory *memory, uint32_t index, uint32_t units)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_semaphore_put(memory, index, units, true);
}

int sluice_memory_semaphore_wait(sluice_memory *memory, uint32_t index, uint32_t units,
				 int64_t timeout_ns)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_semaphore_get(memory, index, units, false, timeout_ns);
}

int sluice_memory_semaphore_post(sluice_memory *memory, uint32_t index, uint32_t units)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_semaphore_put(memory, index, units, false);
}

int64_t sluice_memory_semaphore_value(sluice_memory *memory, uint32_t index)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_semaphore_value(memory, index);
}

int sluice_memory_hold_fd(sluice_memory *memory)
{
	int r = memory_enter(memory);

	if (r == 0 && memory->handle.segment.is_read_only)
		return SLUICE_EOPNOTSUPP;
	return r < 0 ? r : sli_handle_hold_fd(&memory->handle);
}

int sluice_memory_share(sluice_memory *memory, int ret_fds[3])
{
	int r = memory_enter(memory);

	if (r < 0)
		return r;
	return ret_fds ? sli_memory_share(memory, ret_fds) : SLUICE_EINVAL;
}

int sluice_memory_interrupt(sluice_memory *memory)
{
	int r = memory_enter(memory);

	if (r == 0)
		sli_handle_interrupt(&memory->handle);
	return r;
}

int sluice_memory_info(sluice_memory *memory, struct sluice_memory_info *ret_info)
{
	struct sluice_memory_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	struct sli_mapped_file *file = memory_file(memory);
	int r = file ? 0 : memory_enter(memory);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	if (file) {
		info.bytes = (uint64_t)sli_mapped_size(file);
		info.maximum = file->maximum;
	} else {
		sli_memory_info(memory, &info);
	}
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}

int sluice_memory_sync(sluice_memory *memory, uint64_t offset, uint64_t length, uint32_t durability)
{
	struct sli_mapped_file *file = memory_file(memory);
	int r = file ? sli_mapped_sync(file, offset, length, durability) : memory_enter(memory);

	return !file && r == 0 ? SLUICE_EOPNOTSUPP : sli_public_code(r);
}

int sluice_memory_advise(sluice_memory *memory, uint64_t offset, uint64_t length, uint32_t advice)
{
	struct sli_mapped_file *file = memory_file(memory);
	int r = file ? sli_mapped_advise(file, offset, length, advice) : memory_enter(memory);

	return !file && r == 0 ? SLUICE_EOPNOTSUPP : sli_public_code(r);
}

int sluice_memory_allocate(sluice_memory *memory, uint64_t size, uint64_t *link)
{
	int r = memory_enter(memory);

	if (r < 0)
		return r;
	return link && size ? sli_public_code(sli_memory_allocate(memory, size, link))
			    : SLUICE_EINVAL;
}

int sluice_memory_free(sluice_memory *memory, uint64_t *link)
{
	int r = memory_enter(memory);

	if (r < 0)
		return r;
	return link ? sli_public_code(sli_memory_free(memory, link)) : SLUICE_EINVAL;
}

int sluice_memory_check(sluice_memory *memory)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_public_code(sli_memory_check(memory));
}
