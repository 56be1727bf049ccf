/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* rwlock.c - the sluice_rwlock_ calls: arguments are checked here, and nothing else is done */
#include "../object/rwlock.h"
#include "options.h"

#include <string.h>

static const struct sli_limits rwlock_limits = {
	.size = sizeof(struct sluice_rwlock_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL,
	.roles = 0,
	.participants = 128,
	.slice = 250 * SLI_MS,
};

int sluice_rwlock_open(const char *name, const struct sluice_rwlock_options *options,
		       sluice_rwlock **ret_rwlock)
{
	struct sluice_rwlock_options copy;
	struct sli_request request;
	int r = ret_rwlock ? sli_options_decode(name, options, &rwlock_limits, &copy, &request)
			   : SLUICE_EINVAL;

	return r < 0 ? r : sli_public_code(sli_rwlock_open(name, &request, ret_rwlock));
}

void sluice_rwlock_close(sluice_rwlock *rwlock)
{
	if (rwlock && rwlock->handle.magic == SLI_MAGIC_RWLOCK)
		sli_rwlock_close(rwlock);
}

int sluice_rwlock_lock_shared(sluice_rwlock *rwlock, int64_t timeout_ns)
{
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	return SLI_UNLIKELY(r < 0) ? r : sli_rwlock_held_share(&rwlock->held, timeout_ns);
}

int sluice_rwlock_lock_exclusive(sluice_rwlock *rwlock, int64_t timeout_ns)
{
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	return SLI_UNLIKELY(r < 0) ? r : sli_rwlock_held_exclude(&rwlock->held, timeout_ns);
}

int sluice_rwlock_unlock(sluice_rwlock *rwlock)
{
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	return SLI_UNLIKELY(r < 0) ? r : sli_rwlock_held_unlock(&rwlock->held);
}

int sluice_rwlock_hold_fd(sluice_rwlock *rwlock)
{
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	return r < 0 ? r : sli_handle_hold_fd(&rwlock->handle);
}

int sluice_rwlock_share(sluice_rwlock *rwlock, int ret_fds[3])
{
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&rwlock->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_rwlock_interrupt(sluice_rwlock *rwlock)
{
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	if (r == 0)
		sli_handle_interrupt(&rwlock->handle);
	return r;
}

int sluice_rwlock_set_hint(sluice_rwlock *rwlock, uint32_t pid)
{
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	if (r == 0)
		sli_rwlock_set_hint(rwlock, pid);
	return r;
}

int sluice_rwlock_info(sluice_rwlock *rwlock, struct sluice_rwlock_info *ret_info)
{
	struct sluice_rwlock_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = sli_handle_enter((struct sli_handle *)rwlock, SLI_MAGIC_RWLOCK);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_rwlock_info(rwlock, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
