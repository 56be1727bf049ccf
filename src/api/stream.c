/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* stream.c - the sluice_stream_ calls: arguments are checked here, and what carries it is chosen */
#include "../object/stream.h"
#include "carrier.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

#define STREAM_PARTS_MAX 1024u /* of readv and writev */

static const struct sli_limits stream_limits = {
	.size = sizeof(struct sluice_stream_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_PERSIST |
		 SLUICE_SECOND_END | SLUICE_KERNEL,
	.roles = SLUICE_READ | SLUICE_WRITE,
	.participants = 128,
	.slice = 250 * SLI_MS,
};

/* ---- opening ------------------------------------------------------------------------------- */

/* The sizes a stream of these options has, or why it cannot be. */
static int stream_decode_sizes(const struct sluice_stream_options *options,
			       const struct sli_request *request, struct sli_stream_wish *ret_wish)
{
	uint64_t capacity = sli_power_of_two(SLI_MAX(options->capacity, UINT64_C(65536)));
	uint64_t holds = options->capacity ? capacity : UINT64_C(1) << 20;

	if (options->capacity > (uint64_t)1 << 40)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "stream %s: capacity is %llu, wanted at most 1 TiB", request->name,
			       (unsigned long long)options->capacity);
	if (options->atomic > holds / 2)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"stream %s: atomic is %llu, wanted at most half of the capacity, which is %llu; "
			"ask for a larger one",
			request->name, (unsigned long long)options->atomic,
			(unsigned long long)holds);
	if (request->flags & SLUICE_KERNEL)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "stream %s: flags has KERNEL, which is for pairs; leave it out",
			       request->name);
	if (options->peer_timeout_ns || options->allowed_uids_count || options->allowed_gids_count)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"stream %s: peer timeouts and allowed users are for sockets; leave them out",
			request->name);
	ret_wish->capacity = options->capacity ? capacity : 0;
	ret_wish->atomic = options->atomic;
	ret_wish->second = (request->flags & SLUICE_SECOND_END) != 0;
	return 0;
}

/* For a stream in shared memory. */
static int stream_decode(const char *name, const struct sluice_stream_options *options,
			 struct sli_request *ret_request, struct sli_stream_wish *ret_wish)
{
	struct sluice_stream_options copy;
	int r = sli_options_decode(name, options, &stream_limits, &copy, ret_request);

	memset(ret_wish, 0, sizeof(*ret_wish));
	if (r == 0)
		r = stream_decode_sizes(&copy, ret_request, ret_wish);
	/* Its bytes go with the last one, unless they are to stay. */
	if (r == 0 && !(ret_request->flags & SLUICE_PERSIST))
		ret_request->flags |= SLUICE_EPHEMERAL;
	return r;
}

/* For a stream that the kernel carries. */
static int stream_decode_carried(const char *name, const struct sluice_stream_options *options,
				 struct sli_carrier_request *ret_request)
{
	struct sluice_stream_options copy;
	struct sli_request request;
	int r = sli_options_decode(name, options, &stream_limits, &copy, &request);

	if (r < 0)
		return r;
	if (request.flags & (SLUICE_PERSIST | SLUICE_SECOND_END | (name ? SLUICE_KERNEL : 0)))
		return sli_say(
			&request.diag, SLUICE_EINVAL,
			"%s: PERSIST and SECOND_END are for streams in shared memory, KERNEL "
			"is for pairs; leave them out",
			request.name);
	sli_carrier_request(&request, ret_request);
	if (copy.open_timeout_ns == 0 && sli_address_scheme(name) == SLI_SCHEME_FIFO)
		ret_request->open_timeout = SLUICE_FOREVER;
	ret_request->capacity = copy.capacity;
	ret_request->peer_timeout = copy.peer_timeout_ns;
	ret_request->allowed.uids = copy.allowed_uids;
	ret_request->allowed.gids = copy.allowed_gids;
	ret_request->allowed.uid_count = copy.allowed_uids_count;
	ret_request->allowed.gid_count = copy.allowed_gids_count;
	return sli_carrier_check(ret_request, request.name);
}

/* @fd -1: by address. */
static int stream_open_carried(const char *address, int fd,
			       const struct sluice_stream_options *options,
			       sluice_stream **ret_stream)
{
	struct sli_carrier_request request;
	struct sli_channel *channel;
	int r = stream_decode_carried(address, options, &request);

	if (r == 0)
		r = fd < 0 ? sli_channel_open(address, &request, &channel)
			   : sli_channel_adopt(fd, &request, &channel);
	if (r < 0)
		return sli_public_code(r);
	*ret_stream = (sluice_stream *)(void *)channel;
	return 0;
}

/* The descriptor of "fd:N", if it is one that the kernel carries bytes through; else -1. */
static int stream_carried_fd(const char *address)
{
	char *end;
	long fd;

	if (!address || strncmp(address, "fd:", 3) != 0 || address[3] < '0' || address[3] > '9')
		return -1;
	fd = strtol(address + 3, &end, 10);
	return !*end && fd <= INT32_MAX && sli_channel_can_adopt((int)fd) ? (int)fd : -1;
}

int sluice_stream_open(const char *address, const struct sluice_stream_options *options,
		       sluice_stream **ret_stream)
{
	struct sli_request request;
	struct sli_stream_wish wish;
	int fd = stream_carried_fd(address), r;

	if (!ret_stream)
		return SLUICE_EINVAL;
	if (fd >= 0 || sli_address_scheme(address) != SLI_SCHEME_NONE)
		return stream_open_carried(address, fd, options, ret_stream);
	r = stream_decode(address, options, &request, &wish);
	if (r < 0)
		return r;
	if (wish.second && (!address || strncmp(address, "fd:", 3) != 0))
		return sli_say(
			&request.diag, SLUICE_EINVAL,
			"stream %s: flags has SECOND_END, which is for descriptors of a two-way stream; "
			"leave it out",
			request.name);
	return sli_public_code(sli_stream_open(address, &request, &wish, ret_stream));
}

/* Both ends of a stream without a name. */
static int stream_open_both(const struct sluice_stream_options *options, bool two_way,
			    sluice_stream **ret_first, sluice_stream **ret_second)
{
	struct sli_request request;
	struct sli_stream_wish wish;
	int r = ret_first && ret_second ? stream_decode(NULL, options, &request, &wish)
					: SLUICE_EINVAL;
	sluice_stream *first, *second;

	if (r < 0)
		return r;
	if (request.participants < 2 || wish.second || request.role != (SLUICE_READ | SLUICE_WRITE))
		return sli_say(
			&request.diag, SLUICE_EINVAL,
			"a pair has a reader and a writer: it needs 2 participants, and takes no role and no "
			"SECOND_END");
	wish.two_way = two_way;
	if (!two_way)
		request.role = SLUICE_READ;
	r = sli_stream_open(NULL, &request, &wish, &first);
	if (r < 0)
		return sli_public_code(r);
	if (!two_way)
		request.role = SLUICE_WRITE;
	wish.second = two_way;
	r = sli_stream_open_other(first, &request, &wish, &second);
	if (r < 0) {
		sli_stream_close(first);
		return sli_public_code(r);
	}
	*ret_first = first;
	*ret_second = second;
	return 0;
}

static bool stream_wants_kernel(const struct sluice_stream_options *options)
{
	uint32_t head[2] = { 0, 0 }; /* size, flags: every version has them */

	if (options)
		memcpy(head, options, sizeof(head));
	return (head[1] & SLUICE_KERNEL) != 0;
}

/* The same from the kernel. */
static int stream_pair_carried(const struct sluice_stream_options *options, bool two_way,
			       sluice_stream **ret_first, sluice_stream **ret_second)
{
	struct sli_carrier_request request;
	struct sli_channel *first, *second;
	int r = ret_first && ret_second ? stream_decode_carried(NULL, options, &request)
					: SLUICE_EINVAL;

	if (r == 0)
		r = sli_channel_pair(&request, two_way, &first, &second);
	if (r < 0)
		return sli_public_code(r);
	*ret_first = (sluice_stream *)(void *)first;
	*ret_second = (sluice_stream *)(void *)second;
	return 0;
}

int sluice_stream_pair(const struct sluice_stream_options *options, sluice_stream **ret_reader,
		       sluice_stream **ret_writer)
{
	if (stream_wants_kernel(options))
		return stream_pair_carried(options, false, ret_reader, ret_writer);
	return stream_open_both(options, false, ret_reader, ret_writer);
}

int sluice_stream_duplex(const struct sluice_stream_options *options, sluice_stream **ret_a,
			 sluice_stream **ret_b)
{
	if (stream_wants_kernel(options))
		return stream_pair_carried(options, true, ret_a, ret_b);
	return stream_open_both(options, true, ret_a, ret_b);
}

/* What is behind the handle if it is not shared memory; else NULL. Asked once the handle turned out
 * to be no stream there, so that those pay nothing for it. */
static SLI_COLD struct sli_channel *stream_carried(sluice_stream *stream)
{
	struct sli_channel *channel = (struct sli_channel *)(void *)stream;

	return channel && channel->magic == SLI_MAGIC_CHANNEL ? channel : NULL;
}

void sluice_stream_close(sluice_stream *stream)
{
	struct sli_channel *channel = stream_carried(stream);

	if (channel)
		sli_channel_close(channel);
	else if (stream && stream->handle.magic == SLI_MAGIC_STREAM)
		sli_stream_close(stream);
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* Good handle, and opened for this? */
static inline int stream_enter(sluice_stream *stream, uint32_t role)
{
	int r = sli_handle_enter((struct sli_handle *)stream, SLI_MAGIC_STREAM);

	if (SLI_UNLIKELY(r < 0))
		return r;
	if (SLI_UNLIKELY(role && !(stream->role & role)))
		return SLUICE_EPERM;
	if ((role & SLUICE_WRITE) && SLI_UNLIKELY(sli_load_acq(&stream->finished)))
		return SLUICE_EPIPE;
	return 0;
}

/* Several buffers as one; they must not add up to more than a result can say. */
static int stream_span(const struct iovec *parts, size_t count, struct sli_span *ret_span)
{
	if (count > STREAM_PARTS_MAX || (count && !parts))
		return SLUICE_EINVAL;
	ret_span->parts = parts;
	ret_span->skip = ret_span->left = 0;
	for (size_t i = 0; i < count; i++) {
		if ((!parts[i].iov_base && parts[i].iov_len) ||
		    parts[i].iov_len > SIZE_MAX / 2 - ret_span->left)
			return SLUICE_EINVAL;
		ret_span->left += parts[i].iov_len;
	}
	return 0;
}

/* Is the vector sound? Bytes in it, or SLUICE_EINVAL. */
static int64_t stream_measure(const struct iovec *parts, size_t count)
{
	struct sli_span span;
	int r = stream_span(parts, count, &span);

	return r < 0 ? r : (int64_t)span.left;
}

/* The handle was refused as a stream in shared memory, with @r. */
static SLI_COLD int64_t stream_carried_read(sluice_stream *stream, int r, const struct iovec *parts,
					    size_t count, int64_t timeout)
{
	struct sli_channel *channel = stream_carried(stream);
	int64_t size = channel ? stream_measure(parts, count) : r;

	if (size <= 0)
		return size < 0 ? size : SLUICE_EINVAL;
	return sli_public_code64(sli_channel_read(channel, parts, (int)count, timeout));
}

static SLI_COLD int64_t stream_carried_write(sluice_stream *stream, int r,
					     const struct iovec *parts, size_t count,
					     int64_t timeout)
{
	struct sli_channel *channel = stream_carried(stream);
	int64_t size = channel ? stream_measure(parts, count) : r;

	return size < 0 ? size
			: sli_public_code64(sli_channel_write(channel, parts, (int)count, timeout));
}

int64_t sluice_stream_read(sluice_stream *stream, void *buffer, size_t capacity, int64_t timeout_ns)
{
	struct iovec part = { .iov_base = buffer, .iov_len = capacity };
	struct sli_span span = { .parts = &part, .left = capacity };
	int r = stream_enter(stream, SLUICE_READ);

	if (SLI_UNLIKELY(r < 0))
		return stream_carried_read(stream, r, &part, 1, timeout_ns);
	if (SLI_UNLIKELY(!buffer || !capacity || capacity > SIZE_MAX / 2))
		return SLUICE_EINVAL;
	return sli_stream_read(stream, &span, timeout_ns);
}

int64_t sluice_stream_readv(sluice_stream *stream, const struct iovec *parts, size_t count,
			    int64_t timeout_ns)
{
	struct sli_span span;
	int r = stream_enter(stream, SLUICE_READ);

	if (r < 0)
		return stream_carried_read(stream, r, parts, count, timeout_ns);
	r = stream_span(parts, count, &span);
	if (r < 0)
		return r;
	return span.left ? sli_stream_read(stream, &span, timeout_ns) : SLUICE_EINVAL;
}

int64_t sluice_stream_write(sluice_stream *stream, const void *data, size_t size,
			    int64_t timeout_ns)
{
	/* It is only read. */
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct sli_span span = { .parts = &part, .left = size };
	int r = stream_enter(stream, SLUICE_WRITE);

	if (SLI_UNLIKELY(r < 0))
		return stream_carried_write(stream, r, &part, 1, timeout_ns);
	if (SLI_UNLIKELY((!data && size) || size > SIZE_MAX / 2))
		return SLUICE_EINVAL;
	return SLI_LIKELY(size) ? sli_stream_write(stream, &span, timeout_ns) : 0;
}

int64_t sluice_stream_writev(sluice_stream *stream, const struct iovec *parts, size_t count,
			     int64_t timeout_ns)
{
	struct sli_span span;
	int r = stream_enter(stream, SLUICE_WRITE);

	if (r < 0)
		return stream_carried_write(stream, r, parts, count, timeout_ns);
	r = stream_span(parts, count, &span);
	if (r < 0)
		return r;
	return span.left ? sli_stream_write(stream, &span, timeout_ns) : 0;
}

int64_t sluice_stream_peek(sluice_stream *stream, size_t minimum, const void **ret_data,
			   int64_t timeout_ns)
{
	int r = stream_enter(stream, SLUICE_READ);

	if (r < 0)
		return stream_carried(stream) ? SLUICE_EOPNOTSUPP : r;
	if (!ret_data || minimum > stream->in->capacity)
		return SLUICE_EINVAL;
	return sli_stream_peek(stream, SLI_MAX(minimum, 1u), ret_data, timeout_ns);
}

int sluice_stream_consume(sluice_stream *stream, size_t size)
{
	int r = stream_enter(stream, SLUICE_READ);

	if (r < 0)
		return stream_carried(stream) ? SLUICE_EOPNOTSUPP : r;
	return sli_bytes_consume(stream->in, size);
}

int64_t sluice_stream_reserve(sluice_stream *stream, size_t minimum, void **ret_data,
			      int64_t timeout_ns)
{
	int r = stream_enter(stream, SLUICE_WRITE);

	if (r < 0)
		return stream_carried(stream) ? SLUICE_EOPNOTSUPP : r;
	if (!ret_data || minimum > stream->out->capacity)
		return SLUICE_EINVAL;
	return sli_stream_reserve(stream, SLI_MAX(minimum, 1u), ret_data, timeout_ns);
}

int sluice_stream_commit(sluice_stream *stream, size_t size)
{
	int r = stream_enter(stream, SLUICE_WRITE);

	if (r < 0)
		return stream_carried(stream) ? SLUICE_EOPNOTSUPP : r;
	return sli_bytes_commit(stream->out, size);
}

/* ---- the rest ------------------------------------------------------------------------------ */

int sluice_stream_finish(sluice_stream *stream)
{
	int r = stream_enter(stream, SLUICE_WRITE);

	if (r < 0 && stream_carried(stream))
		return sli_public_code(sli_channel_finish(stream_carried(stream)));
	/* Finished twice is finished. */
	if (r == SLUICE_EPIPE)
		return 0;
	return r < 0 ? r : sli_stream_finish(stream);
}

int sluice_stream_fd(sluice_stream *stream, uint32_t events)
{
	bool in = events == SLUICE_READABLE;
	int r = stream_enter(stream, in ? SLUICE_READ : SLUICE_WRITE), removed;

	if (r < 0 && stream_carried(stream))
		return in || events == SLUICE_WRITABLE
			       ? sli_public_code(sli_channel_fd(stream_carried(stream), events))
			       : SLUICE_EINVAL;
	if (r < 0)
		return r;
	if (!in && events != SLUICE_WRITABLE)
		return SLUICE_EINVAL;
	r = sli_stream_fd(stream, in ? SLI_BELL_IN : SLI_BELL_OUT);
	if (r >= 0)
		return r;
	/* If it was removed meanwhile, its bells went with it. */
	removed = stream_enter(stream, 0);
	return removed < 0 ? removed : sli_public_code(r);
}

int sluice_stream_hold_fd(sluice_stream *stream)
{
	int r = stream_enter(stream, 0);

	if (r < 0 && stream_carried(stream))
		return sli_channel_hold_fd(stream_carried(stream));
	return r < 0 ? r : sli_handle_hold_fd(&stream->handle);
}

int sluice_stream_share(sluice_stream *stream, int ret_fds[3])
{
	int r = stream_enter(stream, 0);

	if (r < 0)
		return stream_carried(stream) ? SLUICE_EOPNOTSUPP : r;
	return ret_fds ? sli_handle_share(&stream->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_stream_interrupt(sluice_stream *stream)
{
	int r = stream_enter(stream, 0);

	if (r < 0 && stream_carried(stream)) {
		sli_channel_interrupt(stream_carried(stream));
		return 0;
	}
	if (r == 0)
		sli_handle_interrupt(&stream->handle);
	return r;
}

int sluice_stream_info(sluice_stream *stream, struct sluice_stream_info *ret_info)
{
	struct sluice_stream_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = stream_enter(stream, 0);

	if (r < 0 && !stream_carried(stream))
		return r;
	if (!size)
		return SLUICE_EINVAL;
	if (r < 0)
		sli_channel_info(stream_carried(stream), &info);
	else
		sli_stream_info(stream, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}

/* ---- sockets only -------------------------------------------------------------------------- */

/* The channel, or why there is none. */
static int stream_enter_carried(sluice_stream *stream, struct sli_channel **ret_channel)
{
	int r;

	*ret_channel = stream_carried(stream);
	if (*ret_channel)
		return 0;
	r = stream_enter(stream, 0);
	return r < 0 ? r : SLUICE_EOPNOTSUPP;
}

int sluice_stream_peer(sluice_stream *stream, struct sluice_peer *ret_peer)
{
	struct sluice_peer peer = { 0 };
	size_t size = sli_output_size(ret_peer, sizeof(peer));
	struct sli_channel *channel;
	int r = stream_enter_carried(stream, &channel);

	if (r == 0)
		r = size ? sli_channel_peer(channel, &peer) : SLUICE_EINVAL;
	if (r < 0)
		return sli_public_code(r);
	peer.size = ret_peer->size;
	memcpy(ret_peer, &peer, size);
	return 0;
}

int64_t sluice_stream_send_fds(sluice_stream *stream, const void *data, size_t size, const int *fds,
			       size_t count, int64_t timeout_ns)
{
	struct sli_channel *channel;
	int r = stream_enter_carried(stream, &channel);

	if (r < 0)
		return r;
	if (!data || !size || size > SIZE_MAX / 2 || !fds || !count || count > SLUICE_FDS_MAX)
		return SLUICE_EINVAL;
	return sli_public_code64(sli_channel_send(channel, data, size, fds, count, timeout_ns));
}

int64_t sluice_stream_receive_fds(sluice_stream *stream, void *buffer, size_t capacity,
				  struct sluice_fds *fds, int64_t timeout_ns)
{
	struct sli_channel *channel;
	int r = stream_enter_carried(stream, &channel);

	if (r < 0)
		return r;
	if (!buffer || !capacity || capacity > SIZE_MAX / 2 || !sli_carrier_fds_ok(fds))
		return SLUICE_EINVAL;
	return sli_public_code64(sli_channel_receive(channel, buffer, capacity, fds, timeout_ns));
}
