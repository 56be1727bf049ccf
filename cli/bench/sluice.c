/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sluice.c - Sluice's own channels and gates, as a program would use them
 *
 * All are made without a name, used with default options but for how a waiter waits, and inherited
 * by the children, each of which becomes a participant of its own.
 */
#include "measure.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SPIN_NS SLUICE_MS(100)
#define SPIN_NEVER 1
#define READ_SIZE 65536u
#define CROWD 126 /* participants more than the two that talk */
#define CROWD_PLACES 256

static int64_t spin_of(const struct bench_way *way)
{
	if (way->spin)
		return SPIN_NS;
	return way->sleep ? SPIN_NEVER : 0;
}

/* The start of every options struct is the same. */
#define OPTIONS(way, text)                                                                         \
	.size = sizeof(options), .spin_ns = spin_of(way), .diagnostic = (text),                    \
	.diagnostic_size = sizeof(text)

/* ---- queue ---- */

static void queue_make_with(struct bench_way *way, uint32_t participants, uint64_t capacity)
{
	char text[256] = "";
	struct sluice_queue_options options = { OPTIONS(way, text), .participants = participants,
						.capacity = capacity };
	sluice_queue *queue = NULL;
	int fds[3];

	if (way->size > READ_SIZE)
		options.message_max = way->size;
	bench_opened(sluice_queue_open(NULL, &options, &queue), text);
	way->in = way->out = queue;
	bench_done(sluice_queue_share(queue, fds), "share");
	way->bytes = bench_file_size(fds[0]);
}

static void queue_make(struct bench_way *way)
{
	queue_make_with(way, 0, 0);
}

/* As small as one can be had. */
static void tiny_make(struct bench_way *way)
{
	queue_make_with(way, 2, 4096);
}

static void queue_drop(struct bench_way *way)
{
	sluice_queue_close(way->in);
}

static size_t queue_send(struct bench_way *way, const void *data, size_t size)
{
	bench_done(sluice_queue_send(way->out, 1, data, size, SLUICE_FOREVER), "send");
	return 1;
}

static size_t queue_receive(struct bench_way *way, void *buffer, size_t size)
{
	bench_done(sluice_queue_receive(way->in, 0, buffer, size, NULL, SLUICE_FOREVER), "receive");
	return 1;
}

static void queue_send_type(struct bench_way *way, int type)
{
	bench_done(sluice_queue_send(way->out, type, "", 1, SLUICE_FOREVER), "send");
}

static void queue_receive_type(struct bench_way *way, int type)
{
	char byte;

	bench_done(sluice_queue_receive(way->in, type, &byte, 1, NULL, SLUICE_FOREVER), "receive");
}

static size_t batch_send(struct bench_way *way, const void *data, size_t size)
{
	struct sluice_send_item items[BENCH_BATCH];
	const unsigned char *bytes = data;
	int64_t done;

	for (size_t i = 0; i < BENCH_BATCH; i++)
		items[i] = (struct sluice_send_item){ 1, bytes + i * size, size };
	done = sluice_queue_send_many(way->out, items, BENCH_BATCH, SLUICE_FOREVER);
	bench_done(done, "send_many");
	return (size_t)done;
}

static size_t batch_receive(struct bench_way *way, void *buffer, size_t size)
{
	struct sluice_receive_item items[BENCH_BATCH];
	unsigned char *bytes = buffer;
	int64_t done;

	for (size_t i = 0; i < BENCH_BATCH; i++) {
		items[i].buffer = bytes + i * size;
		items[i].capacity = size;
	}
	done = sluice_queue_receive_many(way->in, 0, items, BENCH_BATCH, SLUICE_FOREVER);
	bench_done(done, "receive_many");
	return (size_t)done;
}

static void crowd_make(struct bench_way *way)
{
	char address[64];
	int fds[3] = { -1, -1, -1 };
	sluice_queue *other;

	queue_make_with(way, CROWD_PLACES, 0);
	bench_done(sluice_queue_share(way->in, fds), "share");
	snprintf(address, sizeof(address), fds[1] < 0 ? "fd:%d" : "fd:%d,%d,%d", fds[0], fds[1],
		 fds[2]);
	for (int i = 0; i < CROWD; i++)
		bench_done(sluice_queue_open(address, NULL, &other), "open");
}

const struct bench_driver bench_queue = {
	.name = "queue",
	.title = "queue",
	.advice = "messages with a type, many senders and receivers, each message to one; survives "
		  "any death",
	.group = BENCH_SLUICE,
	.measures = BENCH_CHANNEL | BENCH_BIT(BENCH_MANY) | BENCH_BIT(BENCH_TYPED),
	.make = queue_make,
	.drop = queue_drop,
	.send = queue_send,
	.receive = queue_receive,
	.send_type = queue_send_type,
	.receive_type = queue_receive_type,
};

const struct bench_driver bench_queue_batch = {
	.name = "queue-batch",
	.title = "queue, batches of 32",
	.advice = "the same, 32 messages a call",
	.group = BENCH_SLUICE,
	.measures = BENCH_BIT(BENCH_FLOW) | BENCH_BIT(BENCH_MANY),
	.longest = BENCH_BUFFER / BENCH_BATCH,
	.variant = true,
	.make = queue_make,
	.drop = queue_drop,
	.send = batch_send,
	.receive = batch_receive,
};

const struct bench_driver bench_queue_crowd = {
	.name = "queue-crowd",
	.title = "queue, 128 attached",
	.advice = "the same, 126 others attached",
	.group = BENCH_SLUICE,
	.measures = BENCH_BIT(BENCH_SPIN) | BENCH_BIT(BENCH_SLEEP) | BENCH_BIT(BENCH_FLOW) |
		    BENCH_BIT(BENCH_IDLE),
	.longest = 64,
	.variant = true,
	.make = crowd_make,
	.drop = queue_drop,
	.send = queue_send,
	.receive = queue_receive,
};

const struct bench_driver bench_queue_tiny = {
	.name = "queue-tiny",
	.title = "queue of 4 KiB",
	.advice = "the same, the smallest there is, for two",
	.group = BENCH_SLUICE,
	.measures = BENCH_BIT(BENCH_MEMORY),
	.variant = true,
	.make = tiny_make,
	.drop = queue_drop,
	.send = queue_send,
	.receive = queue_receive,
};

/* ---- stream ---- */

static void stream_make(struct bench_way *way)
{
	char text[256] = "";
	struct sluice_stream_options options = { OPTIONS(way, text) };
	sluice_stream *reader = NULL;
	sluice_stream *writer = NULL;
	int fds[3];

	bench_opened(sluice_stream_pair(&options, &reader, &writer), text);
	way->in = reader;
	way->out = writer;
	bench_done(sluice_stream_share(reader, fds), "share");
	way->bytes = bench_file_size(fds[0]);
}

static void stream_drop(struct bench_way *way)
{
	sluice_stream_close(way->in);
	sluice_stream_close(way->out);
}

static size_t stream_send(struct bench_way *way, const void *data, size_t size)
{
	bench_done(sluice_stream_write(way->out, data, size, SLUICE_FOREVER), "write");
	return 1;
}

static size_t stream_receive(struct bench_way *way, void *buffer, size_t size)
{
	unsigned char *to = buffer;
	size_t done = 0;

	while (done < size) {
		int64_t got = sluice_stream_read(way->in, to + done, size - done, SLUICE_FOREVER);

		bench_done(got ? got : SLUICE_EPIPE, "read");
		done += (size_t)got;
	}
	return 1;
}

/* What is there, of many writes at once. */
static size_t bulk_receive(struct bench_way *way, void *buffer, size_t size)
{
	int64_t got = sluice_stream_read(way->in, buffer, READ_SIZE, SLUICE_FOREVER);
	uint64_t before = way->got / size;

	bench_done(got ? got : SLUICE_EPIPE, "read");
	way->got += (uint64_t)got;
	return (size_t)(way->got / size - before);
}

const struct bench_driver bench_stream = {
	.name = "stream",
	.title = "stream",
	.advice = "bytes in order, as through a pipe",
	.group = BENCH_SLUICE,
	.measures = BENCH_CHANNEL,
	.make = stream_make,
	.drop = stream_drop,
	.send = stream_send,
	.receive = stream_receive,
};

const struct bench_driver bench_stream_bulk = {
	.name = "stream-bulk",
	.title = "stream, reads of 64 KiB",
	.advice = "the same, a read takes what is there",
	.group = BENCH_SLUICE,
	.measures = BENCH_BIT(BENCH_FLOW),
	.variant = true,
	.make = stream_make,
	.drop = stream_drop,
	.send = stream_send,
	.receive = bulk_receive,
};

/* ---- datagram ---- */

static void datagram_make(struct bench_way *way)
{
	char text[256] = "";
	struct sluice_datagram_options options = { .size = sizeof(options),
						   .diagnostic = text,
						   .diagnostic_size = sizeof(text) };
	struct sluice_datagram_info info = { .size = sizeof(info) };
	sluice_datagram *in = NULL;
	sluice_datagram *out = NULL;

	options.role = SLUICE_RECEIVE;
	bench_opened(sluice_datagram_open("unix:@", &options, &in), text);
	bench_done(sluice_datagram_info(in, &info), "info");
	options.role = SLUICE_SEND;
	options.peer = info.address;
	bench_opened(sluice_datagram_open(NULL, &options, &out), text);
	way->in = in;
	way->out = out;
}

static void datagram_drop(struct bench_way *way)
{
	sluice_datagram_close(way->in);
	sluice_datagram_close(way->out);
}

static size_t datagram_send(struct bench_way *way, const void *data, size_t size)
{
	bench_done(sluice_datagram_send(way->out, NULL, data, size,
					way->spin ? SLUICE_S(5) : SLUICE_FOREVER),
		   "send");
	return 1;
}

static size_t datagram_receive(struct bench_way *way, void *buffer, size_t size)
{
	int64_t got;

	do
		got = sluice_datagram_receive(way->in, buffer, size, NULL, NULL,
					      way->spin ? SLUICE_NOWAIT : SLUICE_FOREVER);
	while (got == SLUICE_EAGAIN);
	bench_done(got, "receive");
	return 1;
}

const struct bench_driver bench_datagram = {
	.name = "datagram",
	.title = "datagram (unix:)",
	.advice = "single messages by a socket, to this machine or another",
	.group = BENCH_SLUICE,
	.measures = (BENCH_CHANNEL & ~BENCH_BIT(BENCH_MEMORY)) | BENCH_BIT(BENCH_MANY),
	.longest = 65536,
	.make = datagram_make,
	.drop = datagram_drop,
	.send = datagram_send,
	.receive = datagram_receive,
};
