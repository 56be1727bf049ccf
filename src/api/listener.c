/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* listener.c - the sluice_listener_ calls: arguments are checked here, and nothing else is done */
#include "carrier.h"

#include <string.h>

#define LISTENER_BACKLOG 128

static const struct sli_limits listener_limits = {
	.size = sizeof(struct sluice_listener_options),
	.flags = 0,
	.roles = 0,
	.participants = 1,
	.slice = 250 * SLI_MS,
};

static int listener_decode(const char *address, const struct sluice_listener_options *options,
			   struct sli_carrier_request *ret_request, int *ret_backlog)
{
	struct sluice_listener_options copy;
	struct sli_request request;
	int r = sli_options_decode(address, options, &listener_limits, &copy, &request);

	if (r < 0)
		return r;
	sli_carrier_request(&request, ret_request);
	ret_request->capacity = copy.capacity;
	ret_request->peer_timeout = copy.peer_timeout_ns;
	ret_request->allowed.uids = copy.allowed_uids;
	ret_request->allowed.gids = copy.allowed_gids;
	ret_request->allowed.uid_count = copy.allowed_uids_count;
	ret_request->allowed.gid_count = copy.allowed_gids_count;
	*ret_backlog = copy.backlog ? (int)SLI_MIN(copy.backlog, 65535u) : LISTENER_BACKLOG;
	if (copy.reserved_2)
		return sli_say(&request.diag, SLUICE_EINVAL, "%s: reserved_2 is %u, wanted 0",
			       address, copy.reserved_2);
	return sli_carrier_check(ret_request, address);
}

int sluice_listener_open(const char *address, const struct sluice_listener_options *options,
			 sluice_listener **ret_listener)
{
	struct sli_carrier_request request;
	int backlog, r;

	if (!ret_listener || !address)
		return SLUICE_EINVAL;
	r = listener_decode(address, options, &request, &backlog);
	return r < 0 ? r
		     : sli_public_code(sli_listener_open(address, &request, backlog, ret_listener));
}

static int listener_enter(const sluice_listener *listener)
{
	if (!listener)
		return SLUICE_EINVAL;
	return listener->magic == SLI_MAGIC_LISTENER ? 0 : SLUICE_EBADF;
}

void sluice_listener_close(sluice_listener *listener)
{
	if (listener_enter(listener) == 0)
		sli_listener_close(listener);
}

int sluice_listener_accept(sluice_listener *listener, sluice_stream **ret_stream,
			   int64_t timeout_ns)
{
	struct sli_carrier_request request;
	struct sli_channel *channel;
	int r = listener_enter(listener);

	if (r < 0)
		return r;
	if (!ret_stream)
		return SLUICE_EINVAL;
	if (listener->scheme == SLI_SCHEME_SEQPACKET)
		return SLUICE_EOPNOTSUPP;
	r = sli_listener_accept(listener, timeout_ns);
	if (r < 0)
		return sli_public_code(r);
	memset(&request, 0, sizeof(request));
	request.role = SLUICE_READ | SLUICE_WRITE;
	request.peer_timeout = listener->peer_timeout;
	r = sli_channel_make(r, listener->scheme, &request, &channel);
	if (r < 0)
		return r;
	*ret_stream = (sluice_stream *)(void *)channel;
	return 0;
}

int sluice_listener_fd(sluice_listener *listener)
{
	int r = listener_enter(listener);

	return r < 0 ? r : listener->fd;
}

int sluice_listener_interrupt(sluice_listener *listener)
{
	int r = listener_enter(listener);

	if (r == 0)
		sli_sleepers_interrupt(&listener->sleepers);
	return r;
}

int sluice_listener_info(sluice_listener *listener, struct sluice_listener_info *ret_info)
{
	struct sluice_listener_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = listener_enter(listener);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_listener_info(listener, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
