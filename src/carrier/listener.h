/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* listener.h - a socket that others connect to */
#ifndef SLI_LISTENER_H
#define SLI_LISTENER_H

#include "socket.h"

#define SLI_MAGIC_LISTENER 0x4c49534eu

struct sluice_listener {
	uint32_t magic;
	enum sli_scheme scheme;
	int fd;
	struct sli_allowed allowed; /* copies of the lists */
	int64_t peer_timeout;
	uint64_t capacity;
	struct sli_sleepers sleepers;
	struct sli_socket_file file;
	_Atomic uint32_t refused;
	_Atomic uint64_t accepted;
};

int sli_listener_open(const char *address, const struct sli_carrier_request *request, int backlog,
		      sluice_listener **ret_listener);
void sli_listener_close(sluice_listener *listener);
/* Return: a connected socket, or negative. */
int sli_listener_accept(sluice_listener *listener, int64_t timeout);
void sli_listener_info(sluice_listener *listener, struct sluice_listener_info *ret_info);

#endif
