/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* mutex.c - the sluice_mutex_ calls: arguments are checked here, and nothing else is done */
#include "../object/mutex.h"
#include "options.h"

#include <string.h>

static const struct sli_limits mutex_limits = {
	.size = sizeof(struct sluice_mutex_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL,
	.roles = 0,
	.participants = SLUICE_PARTICIPANTS_MAX,
	.slice = 250 * SLI_MS,
};

int sluice_mutex_open(const char *name, const struct sluice_mutex_options *options,
		      sluice_mutex **ret_mutex)
{
	struct sluice_mutex_options copy;
	struct sli_request request;
	int r = ret_mutex ? sli_options_decode(name, options, &mutex_limits, &copy, &request)
			  : SLUICE_EINVAL;

	return r < 0 ? r : sli_public_code(sli_mutex_open(name, &request, ret_mutex));
}

void sluice_mutex_close(sluice_mutex *mutex)
{
	if (mutex && mutex->handle.magic == SLI_MAGIC_MUTEX)
		sli_mutex_close(mutex);
}

int sluice_mutex_lock(sluice_mutex *mutex, int64_t timeout_ns)
{
	int r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);

	return SLI_UNLIKELY(r < 0) ? r : sli_mutex_lock(mutex, timeout_ns);
}

int sluice_mutex_unlock(sluice_mutex *mutex)
{
	int r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);

	return SLI_UNLIKELY(r < 0) ? r : sli_mutex_unlock(mutex);
}

int sluice_mutex_hold_fd(sluice_mutex *mutex)
{
	int r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);

	return r < 0 ? r : sli_handle_hold_fd(&mutex->handle);
}

int sluice_mutex_share(sluice_mutex *mutex, int ret_fds[3])
{
	int r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&mutex->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_mutex_interrupt(sluice_mutex *mutex)
{
	int r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);

	if (r == 0)
		sli_handle_interrupt(&mutex->handle);
	return r;
}

int sluice_mutex_set_hint(sluice_mutex *mutex, uint32_t pid)
{
	int r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);

	if (r == 0)
		sli_mutex_set_hint(mutex, pid);
	return r;
}

int sluice_mutex_info(sluice_mutex *mutex, struct sluice_mutex_info *ret_info)
{
	struct sluice_mutex_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_mutex_info(mutex, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
