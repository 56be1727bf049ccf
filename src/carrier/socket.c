/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * socket.c - connecting, and knowing who is at the other end
 *
 * Dead machines. TCP_USER_TIMEOUT would be the simple means, but it also ends connections whose other
 * end is alive and merely does not read: the kernel counts the time for which the window is closed
 * as silence, although every probe is answered. So it is not used. While nothing is under way,
 * keepalive probes ask; they are the kernel's and need no call. While something is, the calls that
 * wait look at how long ago the last acknowledgement came (TCP_INFO): what is unanswered for
 * peer_timeout is dead, a reader that sleeps is not. The probes of an idle connection come within half
 * of peer_timeout, so a question that is asked after a silence has at least the other half.
 */
#include "socket.h"
#include "../base/fd.h"
#include "../base/time.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_NS_PER_S INT64_C(1000000000)
#define SOCKET_PROBES 3
#define SOCKET_GROUPS_MAX 65536u /* the kernel's limit for one process */

int sli_socket_code(int code)
{
	switch (-code) {
	case ENETUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case ENONET:
	case ENODEV: /* no interface for a group */
		return SLUICE_EHOSTUNREACH;
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case EPROTOTYPE:
		return SLUICE_EOPNOTSUPP;
	case EMLINK:
	case ETOOMANYREFS:
		return SLUICE_EBUSY;
	case ENOBUFS:
		return SLUICE_ENOMEM;
	case ECONNABORTED:
		return SLUICE_ECONNRESET;
	case ENOTSOCK:
		return SLUICE_EMISMATCH;
	default:
		return code;
	}
}

int sli_socket(int family, int type, int protocol)
{
	int fd = sli_fd(socket(family, type | SOCK_CLOEXEC, protocol));

	return fd < 0 ? sli_socket_code(fd) : fd;
}

static void socket_set(int fd, int level, int option, int value)
{
	/* An option this kernel lacks is one we do without. */
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		errno = 0;
}

void sli_socket_set_capacity(int fd, uint64_t capacity)
{
	int bytes = (int)SLI_MIN(capacity, (uint64_t)INT32_MAX / 4);

	if (!capacity)
		return;
	socket_set(fd, SOL_SOCKET, SO_SNDBUF, bytes);
	socket_set(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

void sli_tcp_settings(int fd, int64_t peer_timeout)
{
	int64_t all = SLI_MAX(peer_timeout / SOCKET_NS_PER_S, 2), idle = all / 2;
	int64_t each = SLI_MAX((all - idle) / SOCKET_PROBES, 1);

	socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	socket_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)SLI_MIN(idle, 32767));
	socket_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)SLI_MIN(each, 32767));
	socket_set(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)SLI_MIN((all - idle) / each, SOCKET_PROBES));
	socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

bool sli_tcp_is_dead(int fd, int64_t peer_timeout)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return false;
	return (info.tcpi_unacked || info.tcpi_probes) &&
	       (int64_t)info.tcpi_last_ack_recv * SLI_MS >= peer_timeout;
}

/* ---- connecting ---------------------------------------------------------------------------- */

/* A full backlog of a Unix socket gives EAGAIN, and there is nothing to wait on. */
static int socket_connect_once(int fd, const struct sockaddr *address, socklen_t length,
			       struct sli_sleepers *sleepers, struct sli_patience *patience)
{
	int error = 0, r;
	socklen_t size = sizeof(error);

	for (;;) {
		r = connect(fd, address, length) < 0 ? sli_errno() : 0;
		if (r == -EAGAIN)
			r = sli_sleep(sleepers, patience, -1, 0, 2 * SLI_MS);
		else if (r == -EINPROGRESS || r == -EALREADY || r == -EINTR)
			break;
		else
			return r == -EISCONN ? 0 : r;
		if (r < 0)
			return r;
	}
	do {
		r = sli_sleep(sleepers, patience, fd, POLLOUT, SLI_SLICE);
		if (r < 0)
			return r;
	} while (!sli_poll_one(fd, POLLOUT, 0));
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return sli_errno();
	return -error;
}

static int socket_complain(const struct sli_address *address, int code,
			   const struct sli_carrier_request *request)
{
	const struct sli_diag *diag = &request->diag;
	const char *text = address->text;
	char path_is[128] = "its permissions do not let us write to it";

	code = code == -ETIMEDOUT || code == -EAGAIN ? SLUICE_ETIMEDOUT : sli_socket_code(code);
	switch (code) {
	case SLUICE_ECONNREFUSED:
		return sli_say(diag, code, "%s: nobody listens there; start the other side first",
			       text);
	case SLUICE_ENOENT:
		return sli_say(diag, code,
			       "%s: there is no such socket; start the other side first", text);
	case SLUICE_ETIMEDOUT:
		return sli_say(diag, code,
			       "%s: no answer within the open timeout; is the other machine up, or "
			       "its server too busy to accept?",
			       text);
	case SLUICE_EHOSTUNREACH:
		return sli_say(diag, code, "%s: there is no way to that machine", text);
	case SLUICE_EACCES:
	case SLUICE_EPERM:
		return sli_say(diag, SLUICE_EACCES, "%s: refused: %s", text, path_is);
	case SLUICE_EOPNOTSUPP:
		return sli_say(diag, address->path ? SLUICE_EMISMATCH : code,
			       "%s: what is there is a socket of another type", text);
	default:
		return sli_say(diag, code, "%s: cannot connect: %s", text, strerror(-code));
	}
}

/* What is no socket says ECONNREFUSED too; who asked by path is told what is there. */
static int socket_check_file(const struct sli_address *address,
			     const struct sli_carrier_request *request)
{
	struct stat st;

	if (sli_address_is_abstract(address) || stat(address->path, &st) < 0 ||
	    S_ISSOCK(st.st_mode))
		return 0;
	return sli_say(&request->diag, SLUICE_EMISMATCH,
		       "%s: what is there is no socket; choose another path or remove it",
		       address->text);
}

static int socket_connect_unix(const struct sli_address *address, int type,
			       const struct sli_carrier_request *request,
			       struct sli_sleepers *sleepers)
{
	struct sli_patience patience = sli_patience(sleepers, request->open_timeout);
	struct sli_unix_address to;
	int fd, r = sli_unix_address(address, &request->diag, &to);

	if (r < 0)
		return r;
	fd = r = sli_socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		sli_socket_set_capacity(fd, request->capacity);
		r = socket_connect_once(fd, (struct sockaddr *)(void *)&to.un, to.length, sleepers,
					&patience);
	}
	if (r < 0) {
		sli_close(&fd);
		if (socket_check_file(address, request) < 0)
			r = SLUICE_EMISMATCH;
		else
			r = socket_complain(address, r, request);
	} else if (type != SOCK_DGRAM && !sli_socket_is_allowed(fd, &request->allowed)) {
		sli_close(&fd);
		r = sli_say(&request->diag, SLUICE_EACCES,
			    "%s: the server there runs as somebody who is not in allowed_uids or "
			    "allowed_gids",
			    address->text);
	}
	sli_close(&to.directory);
	return r < 0 ? r : fd;
}

/* The addresses of a name share the time: each may use up half of what is left. */
static int socket_connect_host(const struct sli_address *address, int type,
			       const struct sli_carrier_request *request,
			       struct sli_sleepers *sleepers)
{
	int64_t deadline = sli_deadline(request->open_timeout);
	struct addrinfo *list;
	int r = sli_resolve(address, type, false, &request->diag, &list), fd = -1;

	if (r < 0)
		return r;
	for (struct addrinfo *at = list; at; at = at->ai_next) {
		int64_t left = deadline == SLI_NEVER ? -1 : SLI_MAX(deadline - sli_now(), 1);
		struct sli_patience patience = sli_patience(
			sleepers, at->ai_next && left > 0 ? left / 2 + 1 : left);

		fd = r = sli_socket(at->ai_family, type | SOCK_NONBLOCK, at->ai_protocol);
		if (fd < 0)
			continue;
		sli_socket_set_capacity(fd, request->capacity);
		r = socket_connect_once(fd, at->ai_addr, at->ai_addrlen, sleepers, &patience);
		if (r == 0)
			break;
		sli_close(&fd);
	}
	freeaddrinfo(list);
	return r < 0 ? socket_complain(address, r, request) : fd;
}

int sli_socket_connect(const struct sli_address *address, int type,
		       const struct sli_carrier_request *request, struct sli_sleepers *sleepers)
{
	if (address->path)
		return socket_connect_unix(address, type, request, sleepers);
	return socket_connect_host(address, type, request, sleepers);
}

/* ---- who is there -------------------------------------------------------------------------- */

int sli_socket_peer(int fd, enum sli_scheme scheme, struct sluice_peer *ret_peer)
{
	struct sockaddr_storage address;
	struct ucred who;
	socklen_t length = sizeof(address), size = sizeof(who);

	if (getpeername(fd, (struct sockaddr *)(void *)&address, &length) < 0)
		return errno == ENOTCONN ? SLUICE_ENOTCONN : sli_errno();
	sli_address_text(scheme, (struct sockaddr *)(void *)&address, length, ret_peer->address,
			 sizeof(ret_peer->address));
	if (address.ss_family != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return 0;
	ret_peer->flags = SLUICE_PEER_CREDENTIALS;
	ret_peer->pid = (uint32_t)who.pid;
	ret_peer->uid = who.uid;
	ret_peer->gid = who.gid;
	return 0;
}

/* ---- who may be there ---------------------------------------------------------------------- */

static bool socket_in_list(uint32_t number, const uint32_t *list, uint32_t count)
{
	for (uint32_t i = 0; list && i < count; i++)
		if (list[i] == number)
			return true;
	return false;
}

static bool socket_copy_list(const uint32_t *list, uint32_t count, const uint32_t **ret_list)
{
	uint32_t *copy = count ? malloc(count * sizeof(*copy)) : NULL;

	if (copy)
		memcpy(copy, list, count * sizeof(*copy));
	*ret_list = copy;
	return copy || !count;
}

bool sli_allowed_copy(struct sli_allowed *ret_allowed, const struct sli_allowed *from)
{
	memset(ret_allowed, 0, sizeof(*ret_allowed));
	if (!socket_copy_list(from->uids, from->uid_count, &ret_allowed->uids) ||
	    !socket_copy_list(from->gids, from->gid_count, &ret_allowed->gids)) {
		sli_allowed_free(ret_allowed);
		return false;
	}
	ret_allowed->uid_count = from->uid_count;
	ret_allowed->gid_count = from->gid_count;
	return true;
}

void sli_allowed_free(struct sli_allowed *allowed)
{
	free((void *)(uintptr_t)allowed->uids);
	free((void *)(uintptr_t)allowed->gids);
	memset(allowed, 0, sizeof(*allowed));
}

bool sli_allowed_has(const struct sli_allowed *allowed, uint32_t uid, uint32_t gid)
{
	return sli_allowed_is_anybody(allowed) ||
	       socket_in_list(uid, allowed->uids, allowed->uid_count) ||
	       socket_in_list(gid, allowed->gids, allowed->gid_count);
}

/* Is one of its supplementary groups in the list? */
static bool socket_groups_allowed(int fd, const struct sli_allowed *allowed)
{
	socklen_t size = 32 * sizeof(gid_t);
	gid_t *groups = malloc(size);
	bool found = false;
	int r = groups ? getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) : -1;

	if (r < 0 && groups && errno == ERANGE && size <= SOCKET_GROUPS_MAX * sizeof(gid_t)) {
		free(groups);
		groups = malloc(size);
		r = groups ? getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) : -1;
	}
	for (size_t i = 0; r == 0 && i < size / sizeof(gid_t); i++)
		found |= socket_in_list(groups[i], allowed->gids, allowed->gid_count);
	free(groups);
	return found;
}

bool sli_socket_is_allowed(int fd, const struct sli_allowed *allowed)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	if (sli_allowed_is_anybody(allowed))
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return false;
	return sli_allowed_has(allowed, who.uid, who.gid) ||
	       (allowed->gid_count && socket_groups_allowed(fd, allowed));
}
