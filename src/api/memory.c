/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* memory.c - the sluice_memory_ calls: arguments are checked here, and nothing else is done */
#include "../object/memory.h"
#include "options.h"

#include <string.h>

static const struct sli_limits memory_limits = {
	.size = sizeof(struct sluice_memory_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL |
		 SLUICE_READ_ONLY,
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
			"%s: flags has READ_ONLY, which is for a memory that exists; give its name, "
			"and leave out MUST_CREATE, PRIVATE and EPHEMERAL",
			request->name);
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
			       "%s: bytes is %llu and maximum %llu, wanted at most %llu",
			       request->name, (unsigned long long)options->bytes,
			       (unsigned long long)options->maximum,
			       (unsigned long long)SLUICE_MEMORY_MAX);
	if (options->mutexes > SLUICE_MEMORY_MUTEXES_MAX || options->reserved2)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "%s: mutexes is %u and reserved2 %u, wanted at most %d, and 0",
			       request->name, options->mutexes, options->reserved2,
			       SLUICE_MEMORY_MUTEXES_MAX);
	ret_wish->size = sli_round_up(options->bytes, SLI_PAGE);
	ret_wish->maximum = sli_round_up(options->maximum, SLI_PAGE);
	ret_wish->mutexes = options->mutexes;
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

void sluice_memory_close(sluice_memory *memory)
{
	if (memory && memory->handle.magic == SLI_MAGIC_MEMORY)
		sli_memory_close(memory);
}

static int memory_enter(sluice_memory *memory)
{
	return sli_handle_enter((struct sli_handle *)memory, SLI_MAGIC_MEMORY);
}

void *sluice_memory_data(sluice_memory *memory)
{
	if (!memory || memory->handle.magic != SLI_MAGIC_MEMORY)
		return NULL;
	return sli_memory_data(memory);
}

int64_t sluice_memory_size(sluice_memory *memory)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_memory_size(memory);
}

uint64_t *sluice_memory_root(sluice_memory *memory)
{
	if (!memory || memory->handle.magic != SLI_MAGIC_MEMORY)
		return NULL;
	return (uint64_t *)(void *)&memory->control->root;
}

int sluice_memory_resize(sluice_memory *memory, uint64_t bytes)
{
	int r = memory_enter(memory);

	return r < 0 ? r : sli_public_code(sli_memory_resize(memory, bytes));
}

int sluice_memory_copy(sluice_memory *memory, uint64_t offset, void *buffer, size_t size)
{
	int r = memory_enter(memory);

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
	int r = memory_enter(memory);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_memory_info(memory, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
