/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* nng.c - nng, where it was there when the program was built: a pair over an abstract Unix socket */
#include "measure.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NNG_LIBRARY "libnng.so.1"

/* The functions, once they are loaded. */
static struct {
	__typeof__(nng_strerror) *strerror;
	__typeof__(nng_pair0_open) *pair0_open;
	__typeof__(nng_socket_set_size) *socket_set_size;
	__typeof__(nng_dial) *dial;
	__typeof__(nng_listen) *listen;
	__typeof__(nng_send) *send;
	__typeof__(nng_recv) *recv;
} nng_call;

static void nng_load(void)
{
	bench_late(NNG_LIBRARY, "nng_strerror", &nng_call.strerror);
	bench_late(NNG_LIBRARY, "nng_pair0_open", &nng_call.pair0_open);
	bench_late(NNG_LIBRARY, "nng_socket_set_size", &nng_call.socket_set_size);
	bench_late(NNG_LIBRARY, "nng_dial", &nng_call.dial);
	bench_late(NNG_LIBRARY, "nng_listen", &nng_call.listen);
	bench_late(NNG_LIBRARY, "nng_send", &nng_call.send);
	bench_late(NNG_LIBRARY, "nng_recv", &nng_call.recv);
}

static void nng_make(struct bench_way *way)
{
	static unsigned number;

	nng_load();
	way->other = (uint64_t)getpid() << 16 | ++number;
}

static void nng_good(int result, const char *what)
{
	if (result)
		bench_fail("%s: %s", what, nng_call.strerror(result));
}

static void nng_join(struct bench_way *way, bool sender)
{
	nng_socket *socket = malloc(sizeof(*socket));
	char address[64];

	bench_check(socket != NULL, "malloc");
	snprintf(address, sizeof(address), "abstract://sluice-bench-%llx",
		 (unsigned long long)way->other);
	nng_good(nng_call.pair0_open(socket), "nng_pair0_open");
	nng_good(nng_call.socket_set_size(*socket, NNG_OPT_RECVMAXSZ, 0), "nng_socket_set_size");
	if (sender) {
		nng_good(nng_call.dial(*socket, address, NULL, NNG_FLAG_NONBLOCK), "nng_dial");
		way->out = socket;
	} else {
		nng_good(nng_call.listen(*socket, address, NULL, 0), "nng_listen");
		way->in = socket;
	}
}

static size_t nng_put(struct bench_way *way, const void *data, size_t size)
{
	const nng_socket *socket = way->out;
	int flags = way->spin ? NNG_FLAG_NONBLOCK : 0;
	int result;

	do
		result = nng_call.send(*socket, (void *)(uintptr_t)data, size, flags);
	while (result == NNG_EAGAIN);
	nng_good(result, "nng_send");
	return 1;
}

static size_t nng_get(struct bench_way *way, void *buffer, size_t size)
{
	const nng_socket *socket = way->in;
	int flags = way->spin ? NNG_FLAG_NONBLOCK : 0;
	int result;

	do
		result = nng_call.recv(*socket, buffer, &size, flags);
	while (result == NNG_EAGAIN);
	nng_good(result, "nng_recv");
	return 1;
}

const struct bench_driver bench_nng = {
	.name = "nng",
	.title = "nng, abstract:",
	.advice = "messages by a library with threads of its own",
	.group = BENCH_PEERS,
	.measures = BENCH_CHANNEL & ~BENCH_BIT(BENCH_MEMORY),
	.make = nng_make,
	.join = nng_join,
	.send = nng_put,
	.receive = nng_get,
};
