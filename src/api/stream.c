/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* stream.c - the sluice_stream_ calls: arguments are checked here, and what carries it is chosen */
#include "../object/stream.h"
#include "options.h"

#include <string.h>

#define STREAM_PARTS_MAX 1024u /* of readv and writev */

static const struct sli_limits stream_limits = {
	.size = sizeof(struct sluice_stream_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_PERSIST |
		 SLUICE_SECOND_END,
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

int sluice_stream_open(const char *address, const struct sluice_stream_options *options,
		       sluice_stream **ret_stream)
{
	struct sli_request request;
	struct sli_stream_wish wish;
	int r = ret_stream ? stream_decode(address, options, &request, &wish) : SLUICE_EINVAL;

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

int sluice_stream_pair(const struct sluice_stream_options *options, sluice_stream **ret_reader,
		       sluice_stream **ret_writer)
{
	return stream_open_both(options, false, ret_reader, ret_writer);
}

int sluice_stream_duplex(const struct sluice_stream_options *options, sluice_stream **ret_a,
			 sluice_stream **ret_b)
{
	return stream_open_both(options, true, ret_a, ret_b);
}

void sluice_stream_close(sluice_stream *stream)
{
	if (stream && stream->handle.magic == SLI_MAGIC_STREAM)
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

int64_t sluice_stream_read(sluice_stream *stream, void *buffer, size_t capacity, int64_t timeout_ns)
{
	struct iovec part = { .iov_base = buffer, .iov_len = capacity };
	struct sli_span span = { .parts = &part, .left = capacity };
	int r = stream_enter(stream, SLUICE_READ);

	if (SLI_UNLIKELY(r < 0))
		return r;
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
		return r;
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
		return r;
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
		return r;
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
		return r;
	if (!ret_data || minimum > stream->in->capacity)
		return SLUICE_EINVAL;
	return sli_stream_peek(stream, SLI_MAX(minimum, 1u), ret_data, timeout_ns);
}

int sluice_stream_consume(sluice_stream *stream, size_t size)
{
	int r = stream_enter(stream, SLUICE_READ);

	return r < 0 ? r : sli_bytes_consume(stream->in, size);
}

int64_t sluice_stream_reserve(sluice_stream *stream, size_t minimum, void **ret_data,
			      int64_t timeout_ns)
{
	int r = stream_enter(stream, SLUICE_WRITE);

	if (r < 0)
		return r;
	if (!ret_data || minimum > stream->out->capacity)
		return SLUICE_EINVAL;
	return sli_stream_reserve(stream, SLI_MAX(minimum, 1u), ret_data, timeout_ns);
}

int sluice_stream_commit(sluice_stream *stream, size_t size)
{
	int r = stream_enter(stream, SLUICE_WRITE);

	return r < 0 ? r : sli_bytes_commit(stream->out, size);
}

/* ---- the rest ------------------------------------------------------------------------------ */

int sluice_stream_finish(sluice_stream *stream)
{
	int r = stream_enter(stream, SLUICE_WRITE);

	/* Finished twice is finished. */
	if (r == SLUICE_EPIPE)
		return 0;
	return r < 0 ? r : sli_stream_finish(stream);
}

int sluice_stream_fd(sluice_stream *stream, uint32_t events)
{
	bool in = events == SLUICE_READABLE;
	int r = stream_enter(stream, in ? SLUICE_READ : SLUICE_WRITE), removed;

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

	return r < 0 ? r : sli_handle_hold_fd(&stream->handle);
}

int sluice_stream_share(sluice_stream *stream, int ret_fds[3])
{
	int r = stream_enter(stream, 0);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&stream->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_stream_interrupt(sluice_stream *stream)
{
	int r = stream_enter(stream, 0);

	if (r == 0)
		sli_handle_interrupt(&stream->handle);
	return r;
}

int sluice_stream_info(sluice_stream *stream, struct sluice_stream_info *ret_info)
{
	struct sluice_stream_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = stream_enter(stream, 0);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_stream_info(stream, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
