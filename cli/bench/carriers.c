/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * carriers.c - Sluice's streams over sockets: what the same calls cost when the kernel carries
 *
 * The listener serves one connection, and is closed before the first message.
 */
#include "measure.h"

#include <stdio.h>
#include <unistd.h>

static void carrier_make(struct bench_way *way, const char *address)
{
	char text[256] = "";
	struct sluice_listener_options at = { .size = sizeof(at),
					      .diagnostic = text,
					      .diagnostic_size = sizeof(text) };
	struct sluice_stream_options to = { .size = sizeof(to),
					    .diagnostic = text,
					    .diagnostic_size = sizeof(text) };
	struct sluice_listener_info info = { .size = sizeof(info) };
	sluice_listener *listener = NULL;
	sluice_stream *in = NULL;
	sluice_stream *out = NULL;

	bench_opened(sluice_listener_open(address, &at, &listener), text);
	bench_done(sluice_listener_info(listener, &info), "info");
	bench_opened(sluice_stream_open(info.address, &to, &out), text);
	bench_done(sluice_listener_accept(listener, &in, SLUICE_S(5)), "accept");
	sluice_listener_close(listener);
	way->in = in;
	way->out = out;
}

static void unix_make(struct bench_way *way)
{
	char address[64];

	snprintf(address, sizeof(address), "unix:@sluice-bench-%ld-%p", (long)getpid(),
		 (void *)way);
	carrier_make(way, address);
}

static void tcp_make(struct bench_way *way)
{
	carrier_make(way, "tcp:127.0.0.1:0");
}

static void carrier_drop(struct bench_way *way)
{
	sluice_stream_close(way->in);
	sluice_stream_close(way->out);
}

static size_t carrier_send(struct bench_way *way, const void *data, size_t size)
{
	bench_done(
		sluice_stream_write(way->out, data, size, way->spin ? SLUICE_S(5) : SLUICE_FOREVER),
		"write");
	return 1;
}

static size_t carrier_receive(struct bench_way *way, void *buffer, size_t size)
{
	unsigned char *to = buffer;
	size_t done = 0;

	while (done < size) {
		int64_t got = sluice_stream_read(way->in, to + done, size - done,
						 way->spin ? SLUICE_NOWAIT : SLUICE_FOREVER);

		if (got == SLUICE_EAGAIN)
			continue;
		bench_done(got ? got : SLUICE_EPIPE, "read");
		done += (size_t)got;
	}
	return 1;
}

#define CARRIER                                                                                    \
	.group = BENCH_SLUICE, .measures = BENCH_CHANNEL & ~BENCH_BIT(BENCH_MEMORY),               \
	.drop = carrier_drop, .send = carrier_send, .receive = carrier_receive

const struct bench_driver bench_stream_unix = {
	.name = "stream-unix",
	.title = "stream over unix:",
	.advice = "the same calls to a socket: descriptors and credentials travel, too",
	.make = unix_make,
	CARRIER,
};

const struct bench_driver bench_stream_tcp = {
	.name = "stream-tcp",
	.title = "stream over tcp:",
	.advice = "the same calls to another machine",
	.make = tcp_make,
	CARRIER,
};
