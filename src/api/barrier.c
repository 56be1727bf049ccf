/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* barrier.c - the sluice_barrier_ calls: arguments are checked here, and nothing else is done */
#include "../object/barrier.h"
#include "options.h"

#include <string.h>

static const struct sli_limits barrier_limits = {
	.size = sizeof(struct sluice_barrier_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL,
	.roles = 0,
	.participants = 128,
	.slice = 250 * SLI_MS,
};

/* How many parties? 0 takes what is there, so something must be. */
static int barrier_parties(const struct sluice_barrier_options *options,
			   struct sli_request *request)
{
	const struct sli_diag *diag = &request->diag;

	if (options->parties > SLUICE_BARRIER_PARTIES_MAX)
		return sli_say(diag, SLUICE_EINVAL, "barrier %s: parties is %u, wanted at most %u",
			       request->name, options->parties, SLUICE_BARRIER_PARTIES_MAX);
	if (!options->parties && (request->anonymous || (request->flags & SLUICE_MUST_CREATE)))
		return sli_say(
			diag, SLUICE_EINVAL,
			"barrier %s: parties is 0, but a new barrier needs a number; say how many",
			request->name);
	if (!options->parties)
		request->flags |= SLUICE_MUST_EXIST;
	if (request->any_participants)
		request->participants = SLI_MAX(request->participants, options->parties);
	return 0;
}

int sluice_barrier_open(const char *name, const struct sluice_barrier_options *options,
			sluice_barrier **ret_barrier)
{
	struct sluice_barrier_options copy;
	struct sli_request request;
	int r = ret_barrier ? sli_options_decode(name, options, &barrier_limits, &copy, &request)
			    : SLUICE_EINVAL;

	if (r == 0)
		r = barrier_parties(&copy, &request);
	return r < 0 ? r
		     : sli_public_code(sli_barrier_open(name, &request, copy.parties, ret_barrier));
}

void sluice_barrier_close(sluice_barrier *barrier)
{
	if (barrier && barrier->handle.magic == SLI_MAGIC_BARRIER)
		sli_barrier_close(barrier);
}

int sluice_barrier_wait(sluice_barrier *barrier, int64_t timeout_ns)
{
	int r = sli_handle_enter((struct sli_handle *)barrier, SLI_MAGIC_BARRIER);

	return SLI_UNLIKELY(r < 0) ? r : sli_barrier_wait_for(barrier, timeout_ns);
}

int sluice_barrier_reset(sluice_barrier *barrier)
{
	int r = sli_handle_enter((struct sli_handle *)barrier, SLI_MAGIC_BARRIER);

	return r < 0 ? r : sli_barrier_restore(barrier);
}

int sluice_barrier_hold_fd(sluice_barrier *barrier)
{
	int r = sli_handle_enter((struct sli_handle *)barrier, SLI_MAGIC_BARRIER);

	return r < 0 ? r : sli_handle_hold_fd(&barrier->handle);
}

int sluice_barrier_share(sluice_barrier *barrier, int ret_fds[3])
{
	int r = sli_handle_enter((struct sli_handle *)barrier, SLI_MAGIC_BARRIER);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&barrier->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_barrier_interrupt(sluice_barrier *barrier)
{
	int r = sli_handle_enter((struct sli_handle *)barrier, SLI_MAGIC_BARRIER);

	if (r == 0)
		sli_handle_interrupt(&barrier->handle);
	return r;
}

int sluice_barrier_info(sluice_barrier *barrier, struct sluice_barrier_info *ret_info)
{
	struct sluice_barrier_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = sli_handle_enter((struct sli_handle *)barrier, SLI_MAGIC_BARRIER);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_barrier_info(barrier, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
