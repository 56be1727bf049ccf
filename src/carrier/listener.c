/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * listener.c - waiting to be connected to
 *
 * A connection whose peer is not allowed is closed here and the wait goes on, so that strangers
 * cannot make a server's accept fail; they are counted. After many in a row each costs a look at the
 * time, so that however many come the call ends when it should. What accept(2) says about a connection
 * that broke before it was accepted (ECONNABORTED and the network errors that Linux hands through) is
 * likewise about that one alone.
 *
 * "tcp:*" listens on IPv6 for both families, and on IPv4 where there is no IPv6.
 */
#include "listener.h"
#include "../base/fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTENER_REFUSED (-EKEYREJECTED) /* a stranger, gone again; no system call says that */
#define LISTENER_IN_VAIN 100u            /* so many in a row, and the call looks at its time */

static sluice_listener *listener_new(enum sli_scheme scheme,
				     const struct sli_carrier_request *request)
{
	static const struct sli_sleepers none = SLI_SLEEPERS;
	sluice_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	memcpy(&listener->sleepers, &none, sizeof(none));
	listener->scheme = scheme;
	listener->fd = -1;
	listener->peer_timeout = request->peer_timeout;
	listener->capacity = request->capacity;
	if (sli_allowed_copy(&listener->allowed, &request->allowed))
		return listener;
	sli_listener_close(listener);
	return NULL;
}

static int listener_open_unix(sluice_listener *listener, const struct sli_address *address,
			      const struct sli_carrier_request *request, int backlog)
{
	int type = address->scheme == SLI_SCHEME_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM;

	listener->fd = sli_socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return listener->fd;
	sli_socket_set_capacity(listener->fd, request->capacity);
	return sli_unix_bind(listener->fd, type, address, request, backlog, &listener->file);
}

static int listener_bind_host(sluice_listener *listener, const struct addrinfo *at,
			      uint64_t capacity, int backlog)
{
	int yes = 1, no = 0;
	int fd = sli_socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK, at->ai_protocol);

	if (fd < 0)
		return fd;
	/* Connections of a server that is gone linger for minutes, and would keep its port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (at->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	sli_socket_set_capacity(fd, capacity);
	if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, backlog) < 0) {
		int r = sli_errno();

		sli_close(&fd);
		return r;
	}
	listener->fd = fd;
	return 0;
}

static int listener_open_host(sluice_listener *listener, const struct sli_address *address,
			      const struct sli_carrier_request *request, int backlog)
{
	struct addrinfo *list;
	int r = sli_resolve(address, SOCK_STREAM, true, &request->diag, &list);

	if (r < 0)
		return r;
	/* IPv6 first, since it can serve both. */
	for (int family = 0; family < 2 && listener->fd < 0; family++)
		for (struct addrinfo *at = list; at && listener->fd < 0; at = at->ai_next)
			if ((at->ai_family == AF_INET6) == (family == 0))
				r = listener_bind_host(listener, at, request->capacity, backlog);
	freeaddrinfo(list);
	if (listener->fd >= 0)
		return 0;
	r = r == -EACCES || r == -EPERM ? SLUICE_EACCES : sli_socket_code(r);
	return sli_say(&request->diag, r, "%s: cannot listen there: %s", address->text,
		       r == SLUICE_EADDRINUSE ? "a living server has that port; end it or choose "
						"another one, or 0"
		       : r == SLUICE_EADDRNOTAVAIL ? "that is not an address of this machine"
						   : strerror(-r));
}

int sli_listener_open(const char *text, const struct sli_carrier_request *request, int backlog,
		      sluice_listener **ret_listener)
{
	struct sli_address address;
	sluice_listener *listener;
	int r = sli_address_parse(text, &request->diag, &address);

	if (r < 0)
		return r;
	if (address.scheme == SLI_SCHEME_PIPE || address.scheme == SLI_SCHEME_FIFO ||
	    address.scheme == SLI_SCHEME_UDP)
		return sli_say(&request->diag, SLUICE_EOPNOTSUPP,
			       "%s: nobody connects to that; wanted unix:PATH, unix:@NAME, "
			       "unix-seqpacket:PATH or tcp:HOST:PORT",
			       text);
	listener = listener_new(address.scheme, request);
	if (!listener)
		return SLUICE_ENOMEM;
	if (address.path)
		r = listener_open_unix(listener, &address, request, backlog);
	else
		r = listener_open_host(listener, &address, request, backlog);
	if (r < 0) {
		sli_listener_close(listener);
		return r;
	}
	listener->magic = SLI_MAGIC_LISTENER;
	*ret_listener = listener;
	return 0;
}

void sli_listener_close(sluice_listener *listener)
{
	listener->magic = 0;
	sli_socket_file_remove(&listener->file);
	sli_close(&listener->fd);
	sli_sleepers_close(&listener->sleepers);
	sli_allowed_free(&listener->allowed);
	free(listener);
}

/* The next connection. Return: its descriptor, or negative. */
static int listener_accept_once(sluice_listener *listener)
{
	int fd = sli_fd(accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC));

	if (fd < 0)
		return fd;
	if (sli_socket_is_allowed(fd, &listener->allowed)) {
		/* relaxed: a counter for people */
		sli_add_rlx(&listener->accepted, (uint64_t)1);
		return fd;
	}
	sli_close(&fd);
	/* relaxed: a counter for people */
	sli_add_rlx(&listener->refused, 1u);
	return LISTENER_REFUSED;
}

/* Is it about one connection only, which is gone? */
static bool listener_may_go_on(int code)
{
	switch (-code) {
	case -LISTENER_REFUSED:
	case EINTR:
	case ECONNABORTED:
	case EPERM: /* a firewall's word */
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

int sli_listener_accept(sluice_listener *listener, int64_t timeout)
{
	struct sli_patience patience = sli_patience(&listener->sleepers, timeout);
	uint32_t in_vain = 0;
	int r;

	do {
		do
			r = listener_accept_once(listener);
		while (listener_may_go_on(r) && ++in_vain < LISTENER_IN_VAIN);
		if (r >= 0)
			return r;
		if (r != -EAGAIN && !listener_may_go_on(r))
			return sli_socket_code(r);
		r = sli_sleep(&listener->sleepers, &patience, listener->fd, POLLIN, SLI_SLICE);
	} while (r == 0);
	return r;
}

void sli_listener_info(sluice_listener *listener, struct sluice_listener_info *ret_info)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	/* relaxed: counters for people */
	ret_info->refused = sli_load_rlx(&listener->refused);
	ret_info->accepted = sli_load_rlx(&listener->accepted);
	if (listener->file.path[0])
		snprintf(ret_info->address, sizeof(ret_info->address), "%s:%.200s",
			 sli_scheme_name(listener->scheme), listener->file.path);
	else if (getsockname(listener->fd, (struct sockaddr *)(void *)&address, &length) == 0)
		sli_address_text(listener->scheme, (struct sockaddr *)(void *)&address, length,
				 ret_info->address, sizeof(ret_info->address));
}
