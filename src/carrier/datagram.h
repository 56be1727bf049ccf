/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* datagram.h - messages by socket */
#ifndef SLI_DATAGRAM_H
#define SLI_DATAGRAM_H

#include "socket.h"

#include <pthread.h>

#define SLI_MAGIC_DATAGRAM 0x44415447u

struct sluice_datagram {
	uint32_t magic;
	uint32_t role;
	enum sli_scheme scheme;
	int family;
	int fd;
	bool connected;
	bool asks_who; /* takes messages of those in the lists only */
	struct sli_allowed allowed;
	pthread_mutex_t receiving; /* between the look at a length and the taking */
	_Atomic int polls[2];
	_Atomic uint32_t dropped;
	_Atomic uint64_t sent, received, refused;
	struct sli_sleepers sleepers;
	struct sli_socket_file file;
};

int sli_datagram_open(const char *address, const char *peer, uint32_t interface,
		      const struct sli_carrier_request *request, sluice_datagram **ret_datagram);
/* On a connected socket, which it owns from then on. */
int sli_datagram_make(int fd, enum sli_scheme scheme, uint32_t role,
		      sluice_datagram **ret_datagram);
void sli_datagram_close(sluice_datagram *datagram);
int sli_datagram_resolve(sluice_datagram *datagram, const char *text,
			 struct sluice_address *ret_address);
int sli_datagram_send(sluice_datagram *datagram, const struct sluice_address *to, const void *data,
		      size_t size, const int *fds, size_t count, int64_t timeout);
/* @fds NULL: descriptors are dropped. */
int64_t sli_datagram_receive(sluice_datagram *datagram, void *buffer, size_t capacity,
			     struct sluice_address *ret_from, size_t *ret_length,
			     struct sluice_fds *fds, int64_t timeout);
int64_t sli_datagram_send_many(sluice_datagram *datagram, const struct sluice_datagram_item *items,
			       size_t count, int64_t timeout);
int64_t sli_datagram_receive_many(sluice_datagram *datagram, struct sluice_datagram_item *items,
				  size_t count, int64_t timeout);
int sli_datagram_fd(sluice_datagram *datagram, uint32_t events);
void sli_datagram_info(sluice_datagram *datagram, struct sluice_datagram_info *ret_info);

#endif
