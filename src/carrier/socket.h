/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* socket.h - what listeners, streams and datagrams do with sockets alike */
#ifndef SLI_SOCKET_H
#define SLI_SOCKET_H

#include "address.h"
#include "wait.h"

#include <sluice.h>
#include <sys/stat.h>

/* Whose processes may be the other end; no list: anybody's. */
struct sli_allowed {
	const uint32_t *uids, *gids;
	uint32_t uid_count, gid_count;
};

/* What opens are asked for, decoded. */
struct sli_carrier_request {
	struct sli_diag diag;
	struct sli_allowed allowed;
	uint32_t flags;
	uint32_t role;
	uint32_t mode;
	uint32_t group;
	uint64_t capacity; /* 0: the kernel's choice */
	int64_t open_timeout;
	int64_t peer_timeout; /* 0: the default */
};

#define SLI_PEER_TIMEOUT_NS INT64_C(30000000000)
#define SLI_PEER_TIMEOUT_LEAST INT64_C(2000000000) /* probes are a second apart at least */

/* A socket, CLOEXEC. */
int sli_socket(int family, int type, int protocol);
/* Buffers of about @capacity; 0: as they are. */
void sli_socket_set_capacity(int fd, uint64_t capacity);
/* No delay, and probes that notice a dead machine within @peer_timeout while nothing is sent. */
void sli_tcp_settings(int fd, int64_t peer_timeout);
/* Has the other machine been silent for @peer_timeout though it owes us an answer? */
bool sli_tcp_is_dead(int fd, int64_t peer_timeout);

/* Connect to @address, in turn to each that its name stands for. Return: a socket, or negative. */
int sli_socket_connect(const struct sli_address *address, int type,
		       const struct sli_carrier_request *request, struct sli_sleepers *sleepers);

/* The other end's credentials, as the kernel noted them. -EOPNOTSUPP: no Unix socket. */
int sli_socket_peer(int fd, enum sli_scheme scheme, struct sluice_peer *ret_peer);
bool sli_socket_is_allowed(int fd, const struct sli_allowed *allowed);

static inline bool sli_allowed_is_anybody(const struct sli_allowed *allowed)
{
	return !allowed->uid_count && !allowed->gid_count;
}

bool sli_allowed_has(const struct sli_allowed *allowed, uint32_t uid, uint32_t gid);
/* Lists of its own; false: no memory, and there is nothing to free. */
bool sli_allowed_copy(struct sli_allowed *ret_allowed, const struct sli_allowed *from);
void sli_allowed_free(struct sli_allowed *allowed);

/* A socket's file, to be removed by who made it. */
struct sli_socket_file {
	char path[SLI_ADDRESS_MAX]; /* absolute or as given; empty: none */
	struct stat is;
	pid_t maker;
};
/* Bind @fd to a Unix address; take the path over from a dead socket, refuse if a living one is
 * there. @backlog 0: do not listen. */
int sli_unix_bind(int fd, int type, const struct sli_address *address,
		  const struct sli_carrier_request *request, int backlog,
		  struct sli_socket_file *ret_file);
void sli_socket_file_remove(struct sli_socket_file *file);

/* A code of the system's as one of ours, where sockets use other words. */
int sli_socket_code(int code);

#endif
