/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* boost.c - Boost.Interprocess's message_queue, where it was there when the program was built */
#include "boost_queue.h"
#include "measure.h"

#include <stdio.h>
#include <unistd.h>

#define ROOM BENCH_MEGABYTE

/* As many messages as make a mebibyte, as with our own queue. */
static void boost_make(struct bench_way *way)
{
	size_t messages = ROOM / way->size;
	char name[64];

	snprintf(name, sizeof(name), "sluice-bench-%ld-%p", (long)getpid(), (void *)way);
	way->in = way->out = boost_queue_make(name, messages > 2 ? messages : 2, way->size);
	if (!way->in)
		bench_fail("message_queue: %s", boost_queue_error);
}

static void boost_drop(struct bench_way *way)
{
	boost_queue_drop(way->in);
}

static void boost_done(int result, const char *what)
{
	if (__builtin_expect(result < 0, 0))
		bench_fail("%s: %s", what, boost_queue_error);
}

static size_t boost_send(struct bench_way *way, const void *data, size_t size)
{
	int result;

	while (!(result = boost_queue_send(way->out, data, size, way->spin)))
		continue;
	boost_done(result, "send");
	return 1;
}

static size_t boost_receive(struct bench_way *way, void *buffer, size_t size)
{
	int result;

	while (!(result = boost_queue_receive(way->in, buffer, size, way->spin)))
		continue;
	boost_done(result, "receive");
	return 1;
}

const struct bench_driver bench_boost = {
	.name = "boost",
	.title = "Boost message_queue",
	.advice = "messages by priority; a process that dies in it leaves it locked",
	.group = BENCH_PEERS,
	.measures = (BENCH_CHANNEL & ~BENCH_BIT(BENCH_MEMORY)) | BENCH_BIT(BENCH_MANY),
	.make = boost_make,
	.drop = boost_drop,
	.send = boost_send,
	.receive = boost_receive,
};
