/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* zmq.c - ZeroMQ, where it was there when the program was built: a PAIR over a Unix socket */
#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

#define ZMQ_LIBRARY "libzmq.so.5" /* of version 4 */

/* The functions, once they are loaded. */
static struct {
	__typeof__(zmq_ctx_new) *ctx_new;
	__typeof__(zmq_socket) *socket;
	__typeof__(zmq_connect) *connect;
	__typeof__(zmq_bind) *bind;
	__typeof__(zmq_send) *send;
	__typeof__(zmq_recv) *recv;
} zmq_call;

static void zmq_load(void)
{
	bench_late(ZMQ_LIBRARY, "zmq_ctx_new", &zmq_call.ctx_new);
	bench_late(ZMQ_LIBRARY, "zmq_socket", &zmq_call.socket);
	bench_late(ZMQ_LIBRARY, "zmq_connect", &zmq_call.connect);
	bench_late(ZMQ_LIBRARY, "zmq_bind", &zmq_call.bind);
	bench_late(ZMQ_LIBRARY, "zmq_send", &zmq_call.send);
	bench_late(ZMQ_LIBRARY, "zmq_recv", &zmq_call.recv);
}

/* Its threads do not survive a fork, so each process makes its own context. */
static void zmq_make(struct bench_way *way)
{
	static unsigned number;

	zmq_load();
	way->other = (uint64_t)getpid() << 16 | ++number;
}

static void zmq_join(struct bench_way *way, bool sender)
{
	void *context = zmq_call.ctx_new();
	void *socket = context ? zmq_call.socket(context, ZMQ_PAIR) : NULL;
	char address[64];

	snprintf(address, sizeof(address), "ipc://@sluice-bench-%llx",
		 (unsigned long long)way->other);
	bench_check(socket && (sender ? zmq_call.connect(socket, address)
				      : zmq_call.bind(socket, address)) == 0,
		    "ZeroMQ");
	if (sender)
		way->out = socket;
	else
		way->in = socket;
}

static size_t zmq_put(struct bench_way *way, const void *data, size_t size)
{
	while (zmq_call.send(way->out, data, size, way->spin ? ZMQ_DONTWAIT : 0) < 0)
		bench_check(errno == EAGAIN || errno == EINTR, "zmq_send");
	return 1;
}

static size_t zmq_get(struct bench_way *way, void *buffer, size_t size)
{
	while (zmq_call.recv(way->in, buffer, size, way->spin ? ZMQ_DONTWAIT : 0) < 0)
		bench_check(errno == EAGAIN || errno == EINTR, "zmq_recv");
	return 1;
}

const struct bench_driver bench_zmq = {
	.name = "zmq",
	.title = "ZeroMQ, ipc:",
	.advice = "messages by a library with threads of its own",
	.group = BENCH_PEERS,
	.measures = BENCH_CHANNEL & ~BENCH_BIT(BENCH_MEMORY),
	.make = zmq_make,
	.join = zmq_join,
	.send = zmq_put,
	.receive = zmq_get,
};
