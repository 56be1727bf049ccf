/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * channel.h - bytes through a kernel descriptor: pipe, FIFO, Unix or TCP socket
 *
 * A channel stands behind a sluice_stream handle; its magic number, first in both, tells it from a
 * stream in shared memory.
 */
#ifndef SLI_CHANNEL_H
#define SLI_CHANNEL_H

#include "socket.h"

#include <sys/uio.h>

#define SLI_MAGIC_CHANNEL 0x4348414eu

struct sli_channel {
	uint32_t magic; /* SLI_MAGIC_CHANNEL, 0 once closed */
	uint32_t role;
	enum sli_scheme scheme;
	int in, out; /* -1: cannot; the same descriptor for a socket */
	bool is_socket;
	_Atomic uint32_t finished;
	_Atomic int broken;   /* what a call found: the connection is gone, for good */
	_Atomic int polls[2]; /* descriptors for others to poll: readable, writable; -1: not made */
	_Atomic int timers[2];
	int64_t peer_timeout;
	struct sli_sleepers sleepers;
	_Atomic uint64_t written, read;
};

/* Open @address (fifo, unix, tcp). */
int sli_channel_open(const char *address, const struct sli_carrier_request *request,
		     struct sli_channel **ret_channel);
/* Both ends of a kernel pipe; or of a two-way one, a pair of sockets. */
int sli_channel_pair(const struct sli_carrier_request *request, bool two_way,
		     struct sli_channel **ret_a, struct sli_channel **ret_b);
/* Is descriptor @fd a pipe or a stream socket, which a channel can be made of? */
bool sli_channel_can_adopt(int fd);
/* A channel on a duplicate of @fd. */
int sli_channel_adopt(int fd, const struct sli_carrier_request *request,
		      struct sli_channel **ret_channel);
/* A channel on a connected socket, which it owns from then on, also when this fails. */
int sli_channel_make(int fd, enum sli_scheme scheme, const struct sli_carrier_request *request,
		     struct sli_channel **ret_channel);
void sli_channel_close(struct sli_channel *channel);

int64_t sli_channel_read(struct sli_channel *channel, const struct iovec *parts, int count,
			 int64_t timeout);
int64_t sli_channel_write(struct sli_channel *channel, const struct iovec *parts, int count,
			  int64_t timeout);
int64_t sli_channel_send(struct sli_channel *channel, const void *data, size_t size, const int *fds,
			 size_t count, int64_t timeout);
int64_t sli_channel_receive(struct sli_channel *channel, void *buffer, size_t capacity,
			    struct sluice_fds *fds, int64_t timeout);
int sli_channel_finish(struct sli_channel *channel);
/* For others to poll; @events SLUICE_READABLE or SLUICE_WRITABLE. */
int sli_channel_fd(struct sli_channel *channel, uint32_t events);
int sli_channel_hold_fd(struct sli_channel *channel);
int sli_channel_peer(struct sli_channel *channel, struct sluice_peer *ret_peer);
void sli_channel_interrupt(struct sli_channel *channel);
void sli_channel_info(struct sli_channel *channel, struct sluice_stream_info *ret_info);

/* fifo.c */
int sli_fifo_open(const struct sli_address *address, const struct sli_carrier_request *request,
		  struct sli_channel *channel);
/* pipe_io.c: writev(2) to a pipe, without SIGPIPE. Return: bytes, or negative. */
int64_t sli_pipe_write(int fd, const struct iovec *parts, int count);

#endif
