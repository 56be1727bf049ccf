/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * channel.c - a stream that the kernel carries
 *
 * Each call tries the system call without blocking, and waits when the kernel has nothing or no
 * room. So partial transfers, EAGAIN, deadlines and interrupts are handled in one place, and a
 * program that shares the descriptor is not surprised by a call that hangs in it. Sockets are asked
 * per call (MSG_DONTWAIT), pipes have O_NONBLOCK in a description of their own.
 *
 * The ends are those of a stream in shared memory. 0 is the end, after all bytes. A Unix socket whose
 * peer is gone with something unread says ECONNRESET where a pipe says nothing: it lost nothing
 * of what came our way, so that is the end, too. Over TCP a reset may have cost bytes, and stays an
 * error. Whoever writes to a peer that is gone gets EPIPE, whatever the kernel calls it. A TCP peer
 * that does not answer is SLUICE_ECONNRESET for reader and writer; the kernel tells an error once,
 * so it is kept.
 */
#include "channel.h"
#include "../base/fd.h"
#include "../base/time.h"
#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CHANNEL_PARTS 32 /* of a vector, in one system call */

/* ---- making and closing -------------------------------------------------------------------- */

static struct sli_channel *channel_new(enum sli_scheme scheme,
				       const struct sli_carrier_request *request)
{
	struct sli_channel *channel = calloc(1, sizeof(*channel));
	static const struct sli_sleepers none = SLI_SLEEPERS;

	if (!channel)
		return NULL;
	channel->magic = SLI_MAGIC_CHANNEL;
	channel->role = request->role;
	channel->scheme = scheme;
	channel->in = channel->out = -1;
	channel->is_socket = scheme == SLI_SCHEME_UNIX || scheme == SLI_SCHEME_TCP;
	channel->peer_timeout = request->peer_timeout
					? SLI_MAX(request->peer_timeout, SLI_PEER_TIMEOUT_LEAST)
					: SLI_PEER_TIMEOUT_NS;
	memcpy(&channel->sleepers, &none, sizeof(none));
	for (int i = 0; i < 2; i++) {
		sli_store_sc(&channel->polls[i], -1);
		sli_store_sc(&channel->timers[i], -1);
	}
	return channel;
}

int sli_channel_make(int fd, enum sli_scheme scheme, const struct sli_carrier_request *request,
		     struct sli_channel **ret_channel)
{
	struct sli_channel *channel = channel_new(scheme, request);

	if (!channel) {
		sli_close(&fd);
		return SLUICE_ENOMEM;
	}
	channel->in = channel->out = fd;
	if (scheme == SLI_SCHEME_TCP)
		sli_tcp_settings(fd, channel->peer_timeout);
	*ret_channel = channel;
	return 0;
}

static int channel_connect(const struct sli_address *address,
			   const struct sli_carrier_request *request,
			   struct sli_channel **ret_channel)
{
	struct sli_sleepers sleepers = SLI_SLEEPERS;
	int fd;

	if (request->flags & SLUICE_MUST_CREATE)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "%s: a connection is not created, it is made to somebody who "
			       "listens; leave out MUST_CREATE, or open a listener",
			       address->text);
	fd = sli_socket_connect(address, SOCK_STREAM, request, &sleepers);
	sli_sleepers_close(&sleepers);
	return fd < 0 ? fd : sli_channel_make(fd, address->scheme, request, ret_channel);
}

int sli_channel_open(const char *text, const struct sli_carrier_request *request,
		     struct sli_channel **ret_channel)
{
	struct sli_address address;
	struct sli_channel *channel;
	int r = sli_address_parse(text, &request->diag, &address);

	if (r < 0)
		return r;
	if (address.scheme == SLI_SCHEME_UNIX || address.scheme == SLI_SCHEME_TCP)
		return channel_connect(&address, request, ret_channel);
	if (address.scheme != SLI_SCHEME_FIFO)
		return sli_say(
			&request->diag, SLUICE_EOPNOTSUPP, "'%s': %s", text,
			address.scheme == SLI_SCHEME_PIPE
				? "a pipe has no name to open; make a pair with SLUICE_KERNEL"
				: "that carries datagrams, not bytes; open a datagram");
	channel = channel_new(SLI_SCHEME_FIFO, request);
	if (!channel)
		return SLUICE_ENOMEM;
	r = sli_fifo_open(&address, request, channel);
	if (r < 0)
		sli_channel_close(channel);
	else
		*ret_channel = channel;
	return r;
}

static int channel_make_pair(int in, int out, const struct sli_carrier_request *request,
			     bool two_way, struct sli_channel **ret)
{
	enum sli_scheme scheme = two_way ? SLI_SCHEME_UNIX : SLI_SCHEME_PIPE;
	struct sli_channel *channel = channel_new(scheme, request);

	if (!channel)
		return SLUICE_ENOMEM;
	channel->in = in;
	channel->out = out;
	channel->role = (in >= 0 ? SLUICE_READ : 0) | (out >= 0 ? SLUICE_WRITE : 0);
	if (two_way)
		sli_socket_set_capacity(in, request->capacity);
	else if (out >= 0 && request->capacity &&
		 fcntl(out, F_SETPIPE_SZ, (int)SLI_MIN(request->capacity, 1u << 30)) < 0)
		errno = 0; /* more than this user may have: it stays as it is */
	*ret = channel;
	return 0;
}

int sli_channel_pair(const struct sli_carrier_request *request, bool two_way,
		     struct sli_channel **ret_a, struct sli_channel **ret_b)
{
	int fds[2], r;

	if (two_way ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0
		    : pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return sli_socket_code(sli_errno());
	fds[0] = sli_fd(fds[0]);
	fds[1] = sli_fd(fds[1]);
	r = SLI_MIN(fds[0], fds[1]);
	if (r >= 0)
		r = channel_make_pair(fds[0], two_way ? fds[0] : -1, request, two_way, ret_a);
	if (r == 0) {
		r = channel_make_pair(two_way ? fds[1] : -1, fds[1], request, two_way, ret_b);
		if (r == 0)
			return 0;
		free(*ret_a);
	}
	sli_close(&fds[0]);
	sli_close(&fds[1]);
	return r;
}

/* What kind of channel could @fd be? */
static enum sli_scheme channel_scheme_of(int fd)
{
	int type = 0, family = 0;
	socklen_t size = sizeof(int);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return SLI_SCHEME_NONE;
	if (S_ISFIFO(st.st_mode))
		return SLI_SCHEME_PIPE;
	if (!S_ISSOCK(st.st_mode) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    type != SOCK_STREAM || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
		return SLI_SCHEME_NONE;
	return family == AF_UNIX ? SLI_SCHEME_UNIX : SLI_SCHEME_TCP;
}

bool sli_channel_can_adopt(int fd)
{
	return channel_scheme_of(fd) != SLI_SCHEME_NONE;
}

/* A pipe is opened anew, so that O_NONBLOCK does not reach those who share the descriptor. */
static int channel_adopt_pipe(int fd, struct sli_channel *channel)
{
	int flags = fcntl(fd, F_GETFL), mode = flags & O_ACCMODE;

	if (flags < 0)
		return sli_errno();
	if (channel->role & SLUICE_READ && mode != O_WRONLY)
		channel->in = sli_reopen(fd, O_RDONLY | O_NONBLOCK);
	if (channel->role & SLUICE_WRITE && mode != O_RDONLY)
		channel->out = sli_reopen(fd, O_WRONLY | O_NONBLOCK);
	channel->role = (channel->in >= 0 ? SLUICE_READ : 0) |
			(channel->out >= 0 ? SLUICE_WRITE : 0);
	return channel->role ? 0 : channel->in < -1 ? channel->in : SLUICE_EPIPE;
}

int sli_channel_adopt(int fd, const struct sli_carrier_request *request,
		      struct sli_channel **ret_channel)
{
	enum sli_scheme scheme = channel_scheme_of(fd);
	struct sli_channel *channel = channel_new(scheme, request);
	int r = 0;

	if (!channel)
		return SLUICE_ENOMEM;
	if (scheme == SLI_SCHEME_PIPE) {
		r = channel_adopt_pipe(fd, channel);
	} else {
		channel->in = channel->out = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		r = channel->in < 0 ? sli_errno() : 0;
	}
	if (r < 0) {
		sli_channel_close(channel);
		return sli_say(&request->diag, r, "fd:%d cannot be used as a stream: %s", fd,
			       strerror(-r));
	}
	*ret_channel = channel;
	return 0;
}

void sli_channel_close(struct sli_channel *channel)
{
	int fd;

	channel->magic = 0;
	if (channel->out == channel->in)
		channel->out = -1;
	for (int i = 0; i < 2; i++) {
		fd = sli_load_sc(&channel->polls[i]);
		sli_close(&fd);
		fd = sli_load_sc(&channel->timers[i]);
		sli_close(&fd);
	}
	sli_close(&channel->in);
	sli_close(&channel->out);
	sli_sleepers_close(&channel->sleepers);
	free(channel);
}

/* ---- waiting and errors -------------------------------------------------------------------- */

/* The connection is gone: remember why (ECONNRESET: the other end reset it; ETIMEDOUT: its machine
 * is silent), the kernel tells it once. */
static int channel_break(struct sli_channel *channel, int why)
{
	sli_store_sc(&channel->broken, why);
	return SLUICE_ECONNRESET;
}

/* What writers are told: who reset it does not read any more. */
static int channel_broken_for_writers(struct sli_channel *channel)
{
	int why = sli_load_sc(&channel->broken);

	return why == ECONNRESET ? SLUICE_EPIPE : why ? SLUICE_ECONNRESET : 0;
}

/* The timer behind a polled descriptor has done its work when somebody looked. */
static void channel_stop_timer(struct sli_channel *channel, int index)
{
	int timer = sli_load_sc(&channel->timers[index]);
	uint64_t count;

	if (timer >= 0 && read(timer, &count, sizeof(count)) < 0)
		errno = 0; /* it had not run out */
}

static int channel_sleep(struct sli_channel *channel, struct sli_patience *patience, int fd,
			 short events)
{
	if (channel->scheme == SLI_SCHEME_TCP) {
		if (sli_tcp_is_dead(fd, channel->peer_timeout))
			return channel_break(channel, ETIMEDOUT);
		channel_stop_timer(channel, events == POLLOUT);
	}
	return sli_sleep(&channel->sleepers, patience, fd, events, SLI_SLICE);
}

/* What an error means of either way. */
static int64_t channel_error(struct sli_channel *channel, int64_t code)
{
	if (code == -ETIMEDOUT || code == -EHOSTUNREACH || code == -ENETUNREACH)
		return channel_break(channel, ETIMEDOUT);
	return sli_socket_code((int)code);
}

static int64_t channel_read_error(struct sli_channel *channel, int64_t code)
{
	switch (-code) {
	case ECONNRESET:
	case EPIPE:
		/* Nothing that came our way was lost. */
		return channel->scheme == SLI_SCHEME_TCP ? channel_break(channel, ECONNRESET) : 0;
	default:
		return channel_error(channel, code);
	}
}

static int64_t channel_write_error(struct sli_channel *channel, int64_t code)
{
	switch (-code) {
	case ECONNRESET:
		if (channel->scheme == SLI_SCHEME_TCP)
			channel_break(channel, ECONNRESET);
		return SLUICE_EPIPE;
	case EBADF: /* finished meanwhile; and a descriptor to be passed that is none */
		return sli_load_sc(&channel->finished) ? SLUICE_EPIPE : SLUICE_EBADF;
	default:
		return channel_error(channel, code);
	}
}

/* ---- reading ------------------------------------------------------------------------------- */

static int64_t channel_read_once(struct sli_channel *channel, const struct iovec *parts, int count)
{
	struct msghdr message;
	ssize_t n;

	if (!channel->is_socket) {
		n = readv(channel->in, parts, count);
		return n < 0 ? sli_errno() : n;
	}
	memset(&message, 0, sizeof(message));
	message.msg_iov = (struct iovec *)parts;
	message.msg_iovlen = (size_t)count;
	n = recvmsg(channel->in, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	return n < 0 ? sli_errno() : n;
}

int64_t sli_channel_read(struct sli_channel *channel, const struct iovec *parts, int count,
			 int64_t timeout)
{
	struct sli_patience patience = sli_patience(&channel->sleepers, timeout);
	int64_t n;

	if (!(channel->role & SLUICE_READ))
		return SLUICE_EPERM;
	for (;;) {
		n = channel_read_once(channel, parts, count);
		if (n >= 0)
			break;
		if (n != -EAGAIN)
			return channel_read_error(channel, n);
		if (sli_load_sc(&channel->broken))
			return SLUICE_ECONNRESET;
		n = channel_sleep(channel, &patience, channel->in, POLLIN);
		if (n < 0)
			return n;
	}
	if (n == 0 && sli_load_sc(&channel->broken))
		return SLUICE_ECONNRESET;
	/* relaxed: a counter for people */
	sli_add_rlx(&channel->read, (uint64_t)n);
	return n;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* A vector and how far it is written. */
struct channel_cursor {
	const struct iovec *parts;
	int count;
	size_t skip; /* bytes of parts[0] that are done */
};

static bool channel_advance(struct channel_cursor *cursor, size_t done)
{
	while (cursor->count > 0 && done >= cursor->parts[0].iov_len - cursor->skip) {
		done -= cursor->parts[0].iov_len - cursor->skip;
		cursor->skip = 0;
		cursor->parts++;
		cursor->count--;
	}
	cursor->skip += done;
	return cursor->count > 0;
}

static int64_t channel_write_once(struct sli_channel *channel, const struct channel_cursor *cursor)
{
	struct iovec parts[CHANNEL_PARTS];
	int count = SLI_MIN(cursor->count, CHANNEL_PARTS);
	struct msghdr message;

	memcpy(parts, cursor->parts, (size_t)count * sizeof(*parts));
	parts[0].iov_base = (char *)parts[0].iov_base + cursor->skip;
	parts[0].iov_len -= cursor->skip;
	if (!channel->is_socket)
		return sli_pipe_write(channel->out, parts, count);
	memset(&message, 0, sizeof(message));
	message.msg_iov = parts;
	message.msg_iovlen = (size_t)count;
	return sli_rights_send(channel->out, &message, NULL, 0);
}

static int channel_may_write(struct sli_channel *channel)
{
	if (!(channel->role & SLUICE_WRITE))
		return SLUICE_EPERM;
	if (sli_load_sc(&channel->finished))
		return SLUICE_EPIPE;
	return channel_broken_for_writers(channel);
}

int64_t sli_channel_write(struct sli_channel *channel, const struct iovec *parts, int count,
			  int64_t timeout)
{
	struct sli_patience patience = sli_patience(&channel->sleepers, timeout);
	struct channel_cursor cursor = { parts, count, 0 };
	int64_t n = channel_may_write(channel), done = 0;

	if (n < 0 || !channel_advance(&cursor, 0))
		return n;
	do {
		n = channel_write_once(channel, &cursor);
		if (n == -EAGAIN) {
			n = channel_sleep(channel, &patience, channel->out, POLLOUT);
			if (n == 0)
				continue;
		} else if (n < 0) {
			n = channel_write_error(channel, n);
		}
		if (n < 0)
			break;
		done += n;
	} while (channel_advance(&cursor, (size_t)n));
	/* relaxed: a counter for people */
	sli_add_rlx(&channel->written, (uint64_t)done);
	return done ? done : n;
}

/* ---- descriptors --------------------------------------------------------------------------- */

int64_t sli_channel_send(struct sli_channel *channel, const void *data, size_t size, const int *fds,
			 size_t count, int64_t timeout)
{
	struct sli_patience patience = sli_patience(&channel->sleepers, timeout);
	struct iovec part = { (void *)data, size };
	struct msghdr message;
	int64_t n = channel_may_write(channel), rest;

	if (n < 0)
		return n;
	if (channel->scheme != SLI_SCHEME_UNIX)
		return SLUICE_EOPNOTSUPP;
	memset(&message, 0, sizeof(message));
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	do {
		n = sli_rights_send(channel->out, &message, fds, count);
		if (n >= 0)
			break;
		if (n != -EAGAIN)
			return channel_write_error(channel, n);
		n = channel_sleep(channel, &patience, channel->out, POLLOUT);
	} while (n == 0);
	if (n <= 0)
		return n;
	/* relaxed: a counter for people */
	sli_add_rlx(&channel->written, (uint64_t)n);
	/* The descriptors are gone with the first part. */
	if ((size_t)n < size) {
		part.iov_base = (char *)part.iov_base + n;
		part.iov_len = size - (size_t)n;
		rest = sli_channel_write(channel, &part, 1, timeout);
		n += SLI_MAX(rest, 0);
	}
	return n;
}

int64_t sli_channel_receive(struct sli_channel *channel, void *buffer, size_t capacity,
			    struct sluice_fds *fds, int64_t timeout)
{
	struct sli_patience patience = sli_patience(&channel->sleepers, timeout);
	struct iovec part = { buffer, capacity };
	struct msghdr message;
	int64_t n;

	if (!(channel->role & SLUICE_READ))
		return SLUICE_EPERM;
	if (channel->scheme != SLI_SCHEME_UNIX)
		return SLUICE_EOPNOTSUPP;
	do {
		memset(&message, 0, sizeof(message));
		message.msg_iov = &part;
		message.msg_iovlen = 1;
		n = sli_rights_receive(channel->in, &message, 0, fds, NULL);
		if (n >= 0) {
			/* relaxed: a counter for people */
			sli_add_rlx(&channel->read, (uint64_t)n);
			return n;
		}
		if (n != -EAGAIN)
			return channel_read_error(channel, n);
		n = channel_sleep(channel, &patience, channel->in, POLLIN);
	} while (n == 0);
	return n;
}

/* ---- the rest ------------------------------------------------------------------------------ */

/* The descriptor of a pipe goes, while another thread may be in a call on it: so its number is given
 * to one that cannot be written to. */
static int channel_close_out(struct sli_channel *channel)
{
	int none = sli_open("/dev/null", O_RDONLY, 0), r;

	if (none < 0)
		return none;
	r = dup3(none, channel->out, O_CLOEXEC) < 0 ? sli_errno() : 0;
	sli_close(&none);
	return r;
}

int sli_channel_finish(struct sli_channel *channel)
{
	uint32_t before = 0;

	if (!(channel->role & SLUICE_WRITE))
		return SLUICE_EPERM;
	if (!sli_cas_sc(&channel->finished, &before, 1u))
		return 0;
	if (channel->is_socket) {
		if (shutdown(channel->out, SHUT_WR) < 0 && errno != ENOTCONN)
			return sli_errno();
		return 0;
	}
	return channel_close_out(channel);
}

/* Ticks now and then, so that who polls calls us and we look whether the other machine lives. */
static int channel_make_timer(int64_t each)
{
	struct itimerspec when;
	int timer = sli_fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));

	if (timer < 0)
		return timer;
	when.it_interval.tv_sec = (time_t)(each / (1000 * SLI_MS));
	when.it_interval.tv_nsec = (long)(each % (1000 * SLI_MS));
	when.it_value = when.it_interval;
	if (timerfd_settime(timer, 0, &when, NULL) < 0)
		sli_close(&timer);
	return timer;
}

int sli_channel_fd(struct sli_channel *channel, uint32_t events)
{
	int index = events == SLUICE_WRITABLE, timer = -1, none = -1, made;
	int poll = sli_load_sc(&channel->polls[index]);

	if (!(channel->role & (index ? SLUICE_WRITE : SLUICE_READ)))
		return SLUICE_EPERM;
	if (poll >= 0)
		return poll;
	if (channel->scheme == SLI_SCHEME_TCP) {
		timer = channel_make_timer(SLI_MAX(channel->peer_timeout / 2, 100 * SLI_MS));
		if (timer < -1)
			return timer;
	}
	made = sli_poll_make(index ? channel->out : channel->in,
			     index ? (uint32_t)EPOLLOUT : EPOLLIN | EPOLLRDHUP, timer);
	if (made >= 0 && sli_cas_sc(&channel->polls[index], &none, made)) {
		sli_store_sc(&channel->timers[index], timer);
		return made;
	}
	sli_close(&timer);
	if (made >= 0) {
		sli_close(&made);
		made = none;
	}
	return made;
}

int sli_channel_hold_fd(struct sli_channel *channel)
{
	return channel->in >= 0 ? channel->in : channel->out;
}

int sli_channel_peer(struct sli_channel *channel, struct sluice_peer *ret_peer)
{
	return channel->is_socket ? sli_socket_peer(channel->in, channel->scheme, ret_peer)
				  : SLUICE_EOPNOTSUPP;
}

void sli_channel_interrupt(struct sli_channel *channel)
{
	sli_sleepers_interrupt(&channel->sleepers);
}

/* Bytes to be read at a descriptor, or under way from a socket; 0 if the kernel does not say. */
static uint64_t channel_count(int fd, bool under_way)
{
	int bytes = 0, r;

	if (fd < 0)
		return 0;
	r = under_way ? ioctl(fd, SIOCOUTQ, &bytes) : ioctl(fd, FIONREAD, &bytes);
	return r == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

void sli_channel_info(struct sli_channel *channel, struct sluice_stream_info *ret_info)
{
	bool finished = sli_load_sc(&channel->finished) != 0;
	int size = 0;
	socklen_t length = sizeof(size);

	ret_info->readable = channel_count(channel->in, false);
	if (channel->is_socket)
		ret_info->unread = channel_count(channel->out, true);
	else if (!finished)
		ret_info->unread = channel_count(channel->out, false);
	if (channel->is_socket)
		getsockopt(channel->out, SOL_SOCKET, SO_SNDBUF, &size, &length);
	else
		size = fcntl(channel->in >= 0 ? channel->in : channel->out, F_GETPIPE_SZ);
	ret_info->capacity = size > 0 ? (uint64_t)size : 0;
	ret_info->atomic = channel->is_socket ? 0 : 4096;
	/* relaxed: counters for people */
	ret_info->written = sli_load_rlx(&channel->written);
	ret_info->read = sli_load_rlx(&channel->read);
}
