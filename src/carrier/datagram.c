/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * datagram.c - messages by socket, whole or not at all
 *
 * Longer than the buffer. recvmsg(2) cuts and throws the rest away. So the length is looked at first
 * (MSG_PEEK and MSG_TRUNC, no bytes copied), and a message that does not fit stays. The look and the
 * taking are under a mutex, held for two calls that do not block. When the buffer holds whatever
 * udp can bring, the look is left out.
 *
 * A full receiver. A Unix socket that is not connected is always writable for poll(2), whatever the
 * state of the queue at the other end; there is nothing to wait on, so the sender tries again after
 * naps of 1 to 8 ms. To a connected peer poll tells.
 *
 * Strangers. If just some may send, the kernel tells with each message who did (SO_PASSCRED). The
 * look tells it too, so a stranger's message is never one that is too long and stays; but what counts
 * is what came with the message that was taken. It is taken like any other, to the caller's buffer:
 * if another process that shares the socket took the stranger's in the meantime, it is a good one.
 *
 * The end. A connection of unix-seqpacket ends with a message of no bytes, which is why such
 * messages cannot be sent over one.
 */
#include "datagram.h"
#include "../base/fd.h"
#include "../base/time.h"
#include "rights.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define DATAGRAM_UDP_MOST 65535u /* bytes that udp can bring */
#define DATAGRAM_BATCH 32u
#define DATAGRAM_REFUSED (-EKEYREJECTED) /* a stranger's, it is gone; no system call says that */
#define DATAGRAM_STRANGERS 1000u         /* so many in a row, and a call looks at its time */
#define DATAGRAM_NAP_LEAST SLI_MS
#define DATAGRAM_NAP_MOST (8 * SLI_MS)

/* ---- waiting ------------------------------------------------------------------------------- */

/* Room at the receiver: see the opening. */
static int datagram_sleep_to_send(sluice_datagram *datagram, struct sli_patience *patience,
				  int64_t *nap)
{
	int fd = datagram->fd;
	int r;

	if (datagram->connected || datagram->scheme == SLI_SCHEME_UDP)
		return sli_sleep(&datagram->sleepers, patience, fd, POLLOUT, SLI_SLICE);
	r = sli_sleep(&datagram->sleepers, patience, -1, 0, *nap);
	*nap = SLI_MIN(*nap * 2, DATAGRAM_NAP_MOST);
	return r;
}

static int datagram_send_code(const sluice_datagram *datagram, int code)
{
	switch (-code) {
	case ECONNRESET:
		return datagram->scheme == SLI_SCHEME_SEQPACKET ? SLUICE_EPIPE
								: SLUICE_ECONNREFUSED;
	case EDESTADDRREQ:
	case ENOTCONN:
		return datagram->scheme == SLI_SCHEME_SEQPACKET ? SLUICE_EPIPE : SLUICE_ENOTCONN;
	case EISCONN:
		return SLUICE_EINVAL;
	case EPERM: /* a firewall, or a socket that is connected to somebody else */
		return SLUICE_EACCES;
	case ENOTSOCK:
	case EPROTOTYPE:
	case ENOTDIR:
		return SLUICE_ECONNREFUSED;
	default:
		return sli_socket_code(code);
	}
}

static int datagram_receive_code(const sluice_datagram *datagram, int code)
{
	switch (-code) {
	case ECONNRESET:
	case ENOTCONN:
		return datagram->scheme == SLI_SCHEME_SEQPACKET ? SLUICE_ENOSENDER
								: SLUICE_ECONNREFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH:
		return SLUICE_ECONNREFUSED;
	default:
		return sli_socket_code(code);
	}
}

/* ---- sending ------------------------------------------------------------------------------- */

static void datagram_address(struct msghdr *message, const struct sluice_address *to)
{
	if (!to || !to->length)
		return;
	message->msg_name = (void *)(uintptr_t)to->bytes;
	message->msg_namelen = (socklen_t)to->length;
}

int sli_datagram_send(sluice_datagram *datagram, const struct sluice_address *to, const void *data,
		      size_t size, const int *fds, size_t count, int64_t timeout)
{
	struct sli_patience patience = sli_patience(&datagram->sleepers, timeout);
	struct iovec part = { (void *)(uintptr_t)data, size };
	int64_t nap = DATAGRAM_NAP_LEAST, n;
	struct msghdr message;

	if (count && datagram->scheme == SLI_SCHEME_UDP)
		return SLUICE_EOPNOTSUPP;
	memset(&message, 0, sizeof(message));
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	datagram_address(&message, to);
	do {
		n = sli_rights_send(datagram->fd, &message, fds, count);
		if (n >= 0) {
			/* relaxed: a counter for people */
			sli_add_rlx(&datagram->sent, (uint64_t)1);
			return 0;
		}
		if (n != -EAGAIN)
			return datagram_send_code(datagram, (int)n);
		n = datagram_sleep_to_send(datagram, &patience, &nap);
	} while (n == 0);
	return (int)n;
}

int64_t sli_datagram_send_many(sluice_datagram *datagram, const struct sluice_datagram_item *items,
			       size_t count, int64_t timeout)
{
	struct mmsghdr messages[DATAGRAM_BATCH];
	struct iovec parts[DATAGRAM_BATCH];
	size_t done = 0;
	int n = 0;

	if (count) /* this one waits */
		n = sli_datagram_send(datagram, &items[0].address, items[0].data, items[0].capacity,
				      NULL, 0, timeout);
	if (n < 0 || !count)
		return n;
	for (done = 1; done < count; done += (size_t)n) {
		unsigned int batch = (unsigned int)SLI_MIN(count - done, DATAGRAM_BATCH);

		memset(messages, 0, batch * sizeof(*messages));
		for (unsigned int i = 0; i < batch; i++) {
			const struct sluice_datagram_item *item = &items[done + i];

			if (datagram->scheme == SLI_SCHEME_SEQPACKET && !item->capacity) {
				batch = i;
				break;
			}
			parts[i] = (struct iovec){ item->data, item->capacity };
			messages[i].msg_hdr.msg_iov = &parts[i];
			messages[i].msg_hdr.msg_iovlen = 1;
			datagram_address(&messages[i].msg_hdr, &item->address);
		}
		n = batch ? sendmmsg(datagram->fd, messages, batch, MSG_DONTWAIT | MSG_NOSIGNAL)
			  : 0;
		if (n <= 0)
			break;
		/* relaxed: a counter for people */
		sli_add_rlx(&datagram->sent, (uint64_t)n);
	}
	return (int64_t)done;
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void datagram_from(struct sluice_address *ret_from, const struct msghdr *message,
			  const struct sockaddr_storage *from)
{
	size_t length = SLI_MIN((size_t)message->msg_namelen, sizeof(ret_from->bytes));

	if (!ret_from)
		return;
	memset(ret_from, 0, sizeof(*ret_from));
	/* A Unix socket without a name has a family and nothing else. */
	if (length <= sizeof(sa_family_t))
		return;
	memcpy(ret_from->bytes, from, length);
	ret_from->length = (uint32_t)length;
}

static bool datagram_is_strange(const sluice_datagram *datagram, const struct ucred *who)
{
	return datagram->asks_who && !sli_allowed_has(&datagram->allowed, who->uid, who->gid);
}

/* The length of the next message; it stays. 0 if it is a stranger's. */
static int64_t datagram_look(sluice_datagram *datagram)
{
	char byte; /* an emulator of another processor looks at nothing where there is no room */
	struct iovec part = { &byte, 1 };
	struct msghdr message;
	struct ucred who;
	int64_t n;

	memset(&message, 0, sizeof(message));
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	n = sli_rights_receive(datagram->fd, &message, MSG_PEEK | MSG_TRUNC, NULL,
			       datagram->asks_who ? &who : NULL);
	return n > 0 && datagram_is_strange(datagram, &who) ? 0 : n;
}

/* A stranger's message was taken: nothing of it is left. */
static int datagram_refuse(sluice_datagram *datagram, struct sluice_fds *fds)
{
	while (fds && fds->count)
		sli_rights_drop(fds->fds[--fds->count]);
	if (fds)
		fds->lost = 0;
	/* relaxed: a counter for people */
	sli_add_rlx(&datagram->refused, (uint64_t)1);
	return DATAGRAM_REFUSED;
}

static int64_t datagram_take(sluice_datagram *datagram, struct iovec *part,
			     struct sluice_address *ret_from, struct sluice_fds *fds)
{
	struct sockaddr_storage from;
	struct msghdr message;
	struct ucred who;
	int64_t n;

	memset(&message, 0, sizeof(message));
	message.msg_name = &from;
	message.msg_namelen = sizeof(from);
	message.msg_iov = part;
	message.msg_iovlen = 1;
	n = sli_rights_receive(datagram->fd, &message, MSG_TRUNC, fds,
			       datagram->asks_who ? &who : NULL);
	if (n < 0)
		return n;
	if (datagram_is_strange(datagram, &who))
		return datagram_refuse(datagram, fds);
	datagram_from(ret_from, &message, &from);
	return n;
}

static int64_t datagram_receive_once(sluice_datagram *datagram, void *buffer, size_t capacity,
				     struct sluice_address *ret_from, size_t *ret_length,
				     struct sluice_fds *fds)
{
	bool look = datagram->scheme != SLI_SCHEME_UDP || capacity < DATAGRAM_UDP_MOST;
	struct iovec part = { buffer, capacity };
	int64_t n = 0;

	pthread_mutex_lock(&datagram->receiving);
	if (look)
		n = datagram_look(datagram);
	if (n >= 0 && (uint64_t)n <= capacity)
		n = datagram_take(datagram, &part, ret_from, fds);
	pthread_mutex_unlock(&datagram->receiving);
	if (n < 0)
		return n;
	if (ret_length)
		*ret_length = (size_t)n;
	/* Over it also when another process that shares the socket took the one looked at. */
	return (uint64_t)n > capacity ? SLUICE_EMSGSIZE : n;
}

int64_t sli_datagram_receive(sluice_datagram *datagram, void *buffer, size_t capacity,
			     struct sluice_address *ret_from, size_t *ret_length,
			     struct sluice_fds *fds, int64_t timeout)
{
	struct sli_patience patience = sli_patience(&datagram->sleepers, timeout);
	uint32_t strangers = 0;
	int64_t n;

	do {
		do
			n = datagram_receive_once(datagram, buffer, capacity, ret_from, ret_length,
						  fds);
		while (n == DATAGRAM_REFUSED && ++strangers < DATAGRAM_STRANGERS);
		if (n == 0 && datagram->scheme == SLI_SCHEME_SEQPACKET)
			return SLUICE_ENOSENDER;
		if (n >= 0)
			/* relaxed: a counter for people */
			sli_add_rlx(&datagram->received, (uint64_t)1);
		if (n >= 0 || n == SLUICE_EMSGSIZE)
			return n;
		if (n != -EAGAIN && n != DATAGRAM_REFUSED)
			return datagram_receive_code(datagram, (int)n);
		n = sli_sleep(&datagram->sleepers, &patience, datagram->fd, POLLIN, SLI_SLICE);
	} while (n == 0);
	return n;
}

/* One of what is there; it may be longer than there is room. Return: 1, or negative. */
static int datagram_take_one(sluice_datagram *datagram, struct sluice_datagram_item *item)
{
	struct iovec part = { item->data, item->capacity };
	int64_t n;

	pthread_mutex_lock(&datagram->receiving);
	n = datagram_take(datagram, &part, &item->address, NULL);
	pthread_mutex_unlock(&datagram->receiving);
	if (n < 0)
		return (int)n;
	item->length = (size_t)n;
	return 1;
}

/* Up to DATAGRAM_BATCH of what is there. Return: messages, or negative. */
static int datagram_take_batch(sluice_datagram *datagram, struct sluice_datagram_item *items,
			       unsigned int count)
{
	struct sockaddr_storage from[DATAGRAM_BATCH];
	struct mmsghdr messages[DATAGRAM_BATCH];
	struct iovec parts[DATAGRAM_BATCH];
	int n;

	if (datagram->asks_who) /* where a stranger's was, the next one goes */
		return datagram_take_one(datagram, items);
	memset(messages, 0, count * sizeof(*messages));
	for (unsigned int i = 0; i < count; i++) {
		parts[i] = (struct iovec){ items[i].data, items[i].capacity };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &from[i];
		messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	pthread_mutex_lock(&datagram->receiving);
	n = recvmmsg(datagram->fd, messages, count, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC,
		     NULL);
	n = n < 0 ? sli_errno() : n;
	pthread_mutex_unlock(&datagram->receiving);
	for (int i = 0; i < n; i++) {
		items[i].length = messages[i].msg_len;
		if (datagram->scheme == SLI_SCHEME_SEQPACKET && !messages[i].msg_len)
			return i ? i : -ECONNRESET;
		datagram_from(&items[i].address, &messages[i].msg_hdr, &from[i]);
	}
	return n;
}

int64_t sli_datagram_receive_many(sluice_datagram *datagram, struct sluice_datagram_item *items,
				  size_t count, int64_t timeout)
{
	struct sli_patience patience = sli_patience(&datagram->sleepers, timeout);
	uint32_t strangers = 0;
	size_t done = 0;
	int n;

	while (done < count) {
		n = datagram_take_batch(datagram, items + done,
					(unsigned int)SLI_MIN(count - done, DATAGRAM_BATCH));
		if (n > 0)
			done += (size_t)n;
		else if (n == DATAGRAM_REFUSED && ++strangers < DATAGRAM_STRANGERS)
			continue;
		else if (done)
			break;
		else if (n != -EAGAIN && n != DATAGRAM_REFUSED)
			return datagram_receive_code(datagram, n);
		else if ((n = sli_sleep(&datagram->sleepers, &patience, datagram->fd, POLLIN,
					SLI_SLICE)) < 0)
			return n;
	}
	/* relaxed: a counter for people */
	sli_add_rlx(&datagram->received, (uint64_t)done);
	return (int64_t)done;
}

/* ---- the rest ------------------------------------------------------------------------------ */

int sli_datagram_fd(sluice_datagram *datagram, uint32_t events)
{
	int index = events == SLUICE_WRITABLE, none = -1, made;
	int poll = sli_load_sc(&datagram->polls[index]);

	if (!(datagram->role & (index ? SLUICE_SEND : SLUICE_RECEIVE)))
		return SLUICE_EPERM;
	if (poll >= 0)
		return poll;
	made = sli_poll_make(datagram->fd, index ? (uint32_t)EPOLLOUT : EPOLLIN | EPOLLRDHUP, -1);
	if (made < 0 || sli_cas_sc(&datagram->polls[index], &none, made))
		return made;
	sli_close(&made);
	return none;
}

/* Of the system's count of what found no room, this socket's part is in SO_MEMINFO. */
static uint32_t datagram_dropped(int fd)
{
	uint32_t info[9]; /* SK_MEMINFO_DROPS is the last */
	socklen_t size = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, 55 /* SO_MEMINFO */, info, &size) < 0 || size < sizeof(info))
		return 0;
	return info[8];
}

void sli_datagram_info(sluice_datagram *datagram, struct sluice_datagram_info *ret_info)
{
	struct sockaddr_storage address;
	struct sockaddr *at = (struct sockaddr *)(void *)&address;
	socklen_t length = sizeof(address);

	/* relaxed: counters for people */
	ret_info->sent = sli_load_rlx(&datagram->sent);
	ret_info->received = sli_load_rlx(&datagram->received);
	ret_info->refused = sli_load_rlx(&datagram->refused);
	ret_info->dropped = datagram_dropped(datagram->fd);
	if (getsockname(datagram->fd, at, &length) == 0)
		sli_address_text(datagram->scheme, at, length, ret_info->address,
				 sizeof(ret_info->address));
	length = sizeof(address);
	if (getpeername(datagram->fd, at, &length) == 0)
		sli_address_text(datagram->scheme, at, length, ret_info->peer,
				 sizeof(ret_info->peer));
}
