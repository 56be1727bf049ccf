/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* semaphore.c - the sluice_semaphore_ calls: arguments are checked here, and nothing else is done */
#include "../object/semaphore.h"
#include "options.h"

#include <string.h>

static const struct sli_limits semaphore_limits = {
	.size = sizeof(struct sluice_semaphore_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL,
	.roles = 0,
	.participants = SLUICE_PARTICIPANTS_MAX,
	.slice = 250 * SLI_MS,
};

static int semaphore_wish(const struct sluice_semaphore_options *options,
			  const struct sli_request *request, struct sli_semaphore_wish *wish)
{
	const struct sli_diag *diag = &request->diag;

	if (options->ceiling > SLI_SEMAPHORE_MOST || options->initial > SLI_SEMAPHORE_MOST)
		return sli_say(diag, SLUICE_EINVAL,
			       "semaphore %s: initial is %u and ceiling %u, wanted at most %u",
			       request->name, options->initial, options->ceiling,
			       SLI_SEMAPHORE_MOST);
	if (options->ceiling && options->initial > options->ceiling)
		return sli_say(
			diag, SLUICE_EINVAL,
			"semaphore %s: initial is %u, over the ceiling of %u; raise the ceiling",
			request->name, options->initial, options->ceiling);
	wish->initial = options->initial;
	wish->ceiling = options->ceiling;
	return 0;
}

int sluice_semaphore_open(const char *name, const struct sluice_semaphore_options *options,
			  sluice_semaphore **ret_semaphore)
{
	struct sluice_semaphore_options copy;
	struct sli_semaphore_wish wish;
	struct sli_request request;
	int r = ret_semaphore
			? sli_options_decode(name, options, &semaphore_limits, &copy, &request)
			: SLUICE_EINVAL;

	if (r == 0)
		r = semaphore_wish(&copy, &request, &wish);
	return r < 0 ? r
		     : sli_public_code(sli_semaphore_open(name, &request, &wish, ret_semaphore));
}

void sluice_semaphore_close(sluice_semaphore *semaphore)
{
	if (semaphore && semaphore->handle.magic == SLI_MAGIC_SEMAPHORE)
		sli_semaphore_close(semaphore);
}

int sluice_semaphore_acquire(sluice_semaphore *semaphore, uint32_t units, int64_t timeout_ns)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	return SLI_UNLIKELY(r < 0) ? r : sli_semaphore_get(semaphore, units, true, timeout_ns);
}

int sluice_semaphore_release(sluice_semaphore *semaphore, uint32_t units)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	return SLI_UNLIKELY(r < 0) ? r : sli_semaphore_put(semaphore, units, true);
}

int sluice_semaphore_wait(sluice_semaphore *semaphore, uint32_t units, int64_t timeout_ns)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	return SLI_UNLIKELY(r < 0) ? r : sli_semaphore_get(semaphore, units, false, timeout_ns);
}

int sluice_semaphore_post(sluice_semaphore *semaphore, uint32_t units)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	return SLI_UNLIKELY(r < 0) ? r : sli_semaphore_put(semaphore, units, false);
}

int64_t sluice_semaphore_value(sluice_semaphore *semaphore)
{
	int64_t r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	if (r < 0)
		return r;
	r = sli_semaphore_value(&semaphore->units);
	return r < 0 ? SLUICE_ECORRUPT : r;
}

int sluice_semaphore_hold_for(sluice_semaphore *semaphore, int fd)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	return r < 0 ? r : sli_public_code(sli_semaphore_hold_for(semaphore, fd));
}

int sluice_semaphore_fd(sluice_semaphore *semaphore, uint32_t events)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	if (r < 0)
		return r;
	return events == SLUICE_READABLE ? sli_public_code(sli_semaphore_fd(semaphore))
					 : SLUICE_EINVAL;
}

int sluice_semaphore_hold_fd(sluice_semaphore *semaphore)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	return r < 0 ? r : sli_handle_hold_fd(&semaphore->handle);
}

int sluice_semaphore_share(sluice_semaphore *semaphore, int ret_fds[3])
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&semaphore->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_semaphore_interrupt(sluice_semaphore *semaphore)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	if (r == 0)
		sli_handle_interrupt(&semaphore->handle);
	return r;
}

int sluice_semaphore_set_hint(sluice_semaphore *semaphore, uint32_t pid)
{
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	if (r == 0)
		sli_semaphore_set_hint(semaphore, pid);
	return r;
}

int sluice_semaphore_info(sluice_semaphore *semaphore, struct sluice_semaphore_info *ret_info)
{
	struct sluice_semaphore_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = sli_handle_enter((struct sli_handle *)semaphore, SLI_MAGIC_SEMAPHORE);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_semaphore_info(semaphore, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
