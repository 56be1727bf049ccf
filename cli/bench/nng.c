/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* nng.c - nng, where it was there when the program was built: a pair over an abstract Unix socket */
#include "measure.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void nng_make(struct bench_way *way)
{
	static unsigned number;

	way->other = (uint64_t)getpid() << 16 | ++number;
}

static void nng_good(int result, const char *what)
{
	if (result)
		bench_fail("%s: %s", what, nng_strerror(result));
}

static void nng_join(struct bench_way *way, bool sender)
{
	nng_socket *socket = malloc(sizeof(*socket));
	char address[64];

	bench_check(socket != NULL, "malloc");
	snprintf(address, sizeof(address), "abstract://sluice-bench-%llx",
		 (unsigned long long)way->other);
	nng_good(nng_pair0_open(socket), "nng_pair0_open");
	nng_good(nng_socket_set_size(*socket, NNG_OPT_RECVMAXSZ, 0), "nng_socket_set_size");
	if (sender) {
		nng_good(nng_dial(*socket, address, NULL, NNG_FLAG_NONBLOCK), "nng_dial");
		way->out = socket;
	} else {
		nng_good(nng_listen(*socket, address, NULL, 0), "nng_listen");
		way->in = socket;
	}
}

static size_t nng_put(struct bench_way *way, const void *data, size_t size)
{
	const nng_socket *socket = way->out;
	int flags = way->spin ? NNG_FLAG_NONBLOCK : 0;
	int result;

	do
		result = nng_send(*socket, (void *)(uintptr_t)data, size, flags);
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
		result = nng_recv(*socket, buffer, &size, flags);
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
