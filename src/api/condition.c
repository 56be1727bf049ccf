/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * condition.c - the sluice_condition_ calls, and how a condition and a mutex work together
 *
 * The order in wait is the proof: the number is taken while the mutex is owned, then the mutex is
 * given up, then the thread sleeps. However the sleep ends, the mutex is owned again before the call
 * returns; only a mutex that is removed, damaged or lost cannot be had any more.
 */
#include "../object/condition.h"
#include "../object/mutex.h"
#include "options.h"

#include <string.h>

static const struct sli_limits condition_limits = {
	.size = sizeof(struct sluice_condition_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL,
	.roles = 0,
	.participants = SLUICE_PARTICIPANTS_MAX,
	.slice = 250 * SLI_MS,
};

int sluice_condition_open(const char *name, const struct sluice_condition_options *options,
			  sluice_condition **ret_condition)
{
	struct sluice_condition_options copy;
	struct sli_request request;
	int r = ret_condition
			? sli_options_decode(name, options, &condition_limits, &copy, &request)
			: SLUICE_EINVAL;

	return r < 0 ? r : sli_public_code(sli_condition_open(name, &request, ret_condition));
}

void sluice_condition_close(sluice_condition *condition)
{
	if (condition && condition->handle.magic == SLI_MAGIC_CONDITION)
		sli_condition_close(condition);
}

static int condition_enter(sluice_condition *condition)
{
	return sli_handle_enter((struct sli_handle *)condition, SLI_MAGIC_CONDITION);
}

/* Own the mutex again, whatever the wait came to. */
static int condition_lock_again(sluice_mutex *mutex, int slept)
{
	int r;

	do
		r = sli_mutex_lock(mutex, SLUICE_FOREVER);
	while (r == SLUICE_EINTR || r == SLUICE_ECANCELED);
	return r != 0 ? r : slept;
}

int sluice_condition_wait(sluice_condition *condition, sluice_mutex *mutex, int64_t timeout_ns)
{
	int r = condition_enter(condition);
	struct sli_wait wait;
	uint32_t seen;

	if (r == 0)
		r = sli_handle_enter((struct sli_handle *)mutex, SLI_MAGIC_MUTEX);
	if (r < 0)
		return r;
	wait = sli_handle_wait(&condition->handle, timeout_ns);
	seen = sli_condition_prepare(condition->control);
	r = sli_mutex_unlock(mutex);
	if (r < 0)
		return r;
	r = sli_condition_sleep(condition->control, &condition->handle.peers, &wait, seen);
	return condition_lock_again(mutex, r);
}

int sluice_condition_signal(sluice_condition *condition)
{
	int r = condition_enter(condition);

	if (r == 0)
		sli_condition_signal(condition->control, &condition->handle.peers);
	return r;
}

int sluice_condition_broadcast(sluice_condition *condition)
{
	int r = condition_enter(condition);

	if (r == 0)
		sli_condition_broadcast(condition->control, &condition->handle.peers);
	return r;
}

int sluice_condition_share(sluice_condition *condition, int ret_fds[3])
{
	int r = condition_enter(condition);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&condition->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_condition_interrupt(sluice_condition *condition)
{
	int r = condition_enter(condition);

	if (r == 0)
		sli_handle_interrupt(&condition->handle);
	return r;
}

int sluice_condition_info(sluice_condition *condition, struct sluice_condition_info *ret_info)
{
	struct sluice_condition_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = condition_enter(condition);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_condition_info(condition, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
