/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kernel.c - what the kernel carries by descriptor: pipe, FIFO, sockets, eventfd
 *
 * Whoever looks instead of sleeping uses the same calls on a descriptor that does not block, again
 * and again. Sockets of the network are on the loopback interface.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 65536u

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
}

/* ---- bytes ---- */

static size_t bytes_send(struct bench_way *way, const void *data, size_t size)
{
	const char *from = data;

	for (size_t done = 0; done < size;) {
		ssize_t n = write(way->fd[1], from + done, size - done);

		bench_check(n > 0 || again(), "write");
		done += n > 0 ? (size_t)n : 0;
	}
	return 1;
}

static size_t bytes_receive(struct bench_way *way, void *buffer, size_t size)
{
	char *to = buffer;

	for (size_t done = 0; done < size;) {
		ssize_t n = read(way->fd[0], to + done, size - done);

		bench_check(n > 0 || (n < 0 && again()), "read");
		done += n > 0 ? (size_t)n : 0;
	}
	return 1;
}

static size_t bulk_receive(struct bench_way *way, void *buffer, size_t size)
{
	ssize_t n = read(way->fd[0], buffer, READ_SIZE);
	uint64_t before = way->got / size;

	bench_check(n > 0, "read");
	way->got += (uint64_t)n;
	return (size_t)(way->got / size - before);
}

static void pipe_make(struct bench_way *way)
{
	int room;

	bench_check(pipe2(way->fd, O_CLOEXEC) == 0, "pipe");
	room = fcntl(way->fd[1], F_GETPIPE_SZ);
	way->bytes = room > 0 ? (size_t)room : 0;
	bench_nonblocking(way);
}

/* Its name is gone before anybody could see it. */
static void fifo_make(struct bench_way *way)
{
	const char *where = getenv("TMPDIR");
	char path[256];
	int both;

	snprintf(path, sizeof(path), "%s/.sluice-bench-%ld-%p", where ? where : "/tmp",
		 (long)getpid(), (void *)way);
	bench_check(mkfifo(path, 0600) == 0, "mkfifo");
	both = open(path, O_RDWR | O_CLOEXEC);
	way->fd[0] = open(path, O_RDONLY | O_CLOEXEC);
	way->fd[1] = open(path, O_WRONLY | O_CLOEXEC);
	unlink(path);
	bench_check(both >= 0 && way->fd[0] >= 0 && way->fd[1] >= 0, "open");
	close(both);
	way->bytes = (size_t)fcntl(way->fd[1], F_GETPIPE_SZ);
	bench_nonblocking(way);
}

/* ---- sockets ---- */

static size_t buffer_of(int fd)
{
	socklen_t length = sizeof(int);
	int sum = 0;
	int room = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &length) == 0)
		sum += room;
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &length) == 0)
		sum += room;
	return (size_t)sum;
}

static void pair_make(struct bench_way *way, int type)
{
	bench_check(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, way->fd) == 0, "socketpair");
	way->bytes = buffer_of(way->fd[0]);
	bench_nonblocking(way);
}

static void unix_stream_make(struct bench_way *way)
{
	pair_make(way, SOCK_STREAM);
}

static void unix_dgram_make(struct bench_way *way)
{
	pair_make(way, SOCK_DGRAM);
}

static void unix_seqpacket_make(struct bench_way *way)
{
	pair_make(way, SOCK_SEQPACKET);
}

static int inet_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	bench_check(fd >= 0, "socket");
	return fd;
}

/* Bound to a port of the kernel's choice. */
static void inet_bind(int fd, struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench_check(bind(fd, (struct sockaddr *)address, length) == 0, "bind");
	bench_check(getsockname(fd, (struct sockaddr *)address, &length) == 0, "getsockname");
}

static void tcp_make(struct bench_way *way)
{
	int listener = inet_socket(SOCK_STREAM);
	struct sockaddr_in address;
	int yes = 1;

	inet_bind(listener, &address);
	bench_check(listen(listener, 1) == 0, "listen");
	way->fd[1] = inet_socket(SOCK_STREAM);
	bench_check(connect(way->fd[1], (struct sockaddr *)&address, sizeof(address)) == 0,
		    "connect");
	way->fd[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	bench_check(way->fd[0] >= 0, "accept");
	close(listener);
	setsockopt(way->fd[0], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(way->fd[1], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	way->bytes = buffer_of(way->fd[0]);
	bench_nonblocking(way);
}

static void udp_make(struct bench_way *way)
{
	struct sockaddr_in address;

	way->fd[0] = inet_socket(SOCK_DGRAM);
	inet_bind(way->fd[0], &address);
	way->fd[1] = inet_socket(SOCK_DGRAM);
	bench_check(connect(way->fd[1], (struct sockaddr *)&address, sizeof(address)) == 0,
		    "connect");
	way->bytes = buffer_of(way->fd[0]);
	bench_nonblocking(way);
}

static size_t packet_send(struct bench_way *way, const void *data, size_t size)
{
	while (send(way->fd[1], data, size, MSG_NOSIGNAL) < 0)
		bench_check(again(), "send");
	return 1;
}

static size_t packet_receive(struct bench_way *way, void *buffer, size_t size)
{
	while (recv(way->fd[0], buffer, size, 0) < 0)
		bench_check(again(), "recv");
	return 1;
}

/* ---- eventfd ---- */

static void eventfd_make(struct bench_way *way)
{
	way->fd[0] = way->fd[1] = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	bench_check(way->fd[0] >= 0, "eventfd");
	bench_nonblocking(way);
}

static size_t eventfd_send(struct bench_way *way, const void *data, size_t size)
{
	const uint64_t one = 1;

	(void)data;
	(void)size;
	return bytes_send(way, &one, sizeof(one));
}

static size_t eventfd_receive(struct bench_way *way, void *buffer, size_t size)
{
	(void)size;
	return bytes_receive(way, buffer, sizeof(uint64_t));
}

#define BYTES .send = bytes_send, .receive = bytes_receive, .drop = bench_close_fds
#define PACKETS .send = packet_send, .receive = packet_receive, .drop = bench_close_fds

const struct bench_driver bench_pipe = {
	.name = "pipe",
	.title = "pipe",
	.advice = "bytes between kin; everybody knows it",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL,
	.make = pipe_make,
	BYTES,
};

const struct bench_driver bench_pipe_bulk = {
	.name = "pipe-bulk",
	.title = "pipe, reads of 64 KiB",
	.advice = "the same, a read takes what is there",
	.group = BENCH_KERNEL,
	.measures = BENCH_BIT(BENCH_FLOW),
	.variant = true,
	.make = pipe_make,
	.drop = bench_close_fds,
	.send = bytes_send,
	.receive = bulk_receive,
};

const struct bench_driver bench_fifo = {
	.name = "fifo",
	.title = "FIFO",
	.advice = "a pipe with a name",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL,
	.make = fifo_make,
	BYTES,
};

const struct bench_driver bench_unix_stream = {
	.name = "unix-stream",
	.title = "Unix stream socket",
	.advice = "bytes both ways, credentials, descriptors",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL,
	.make = unix_stream_make,
	BYTES,
};

const struct bench_driver bench_unix_dgram = {
	.name = "unix-dgram",
	.title = "Unix datagram socket",
	.advice = "messages that keep their bounds and are not lost",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL | BENCH_BIT(BENCH_MANY),
	.longest = 65536,
	.make = unix_dgram_make,
	PACKETS,
};

const struct bench_driver bench_unix_seqpacket = {
	.name = "unix-seqpacket",
	.title = "Unix seqpacket socket",
	.advice = "messages over a connection",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL | BENCH_BIT(BENCH_MANY),
	.longest = 65536,
	.make = unix_seqpacket_make,
	PACKETS,
};

const struct bench_driver bench_tcp = {
	.name = "tcp",
	.title = "TCP, loopback",
	.advice = "bytes to another machine, too",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL,
	.make = tcp_make,
	BYTES,
};

const struct bench_driver bench_udp = {
	.name = "udp",
	.title = "UDP, loopback",
	.advice = "messages that may be lost; what arrives is counted",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL,
	.longest = 65507,
	.make = udp_make,
	PACKETS,
};

const struct bench_driver bench_eventfd = {
	.name = "eventfd",
	.title = "eventfd",
	.advice = "a counter to wait for, with no content",
	.group = BENCH_KERNEL,
	.measures = BENCH_SIGNAL & ~BENCH_BIT(BENCH_MEMORY),
	.make = eventfd_make,
	.drop = bench_close_fds,
	.send = eventfd_send,
	.receive = eventfd_receive,
};
