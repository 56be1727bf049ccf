/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic.c - Sluice's topic, with publishers that wait for their subscriber: nothing is lost, as in
 * the other channels
 *
 * Who subscribes is waited for, so only the process that receives does.
 */
#include "measure.h"

#define SMALL 65536u
#define DEPTH_LARGE 16u
#define DEPTH_HUGE 4u

static struct sluice_topic_options options_of(const struct bench_way *way)
{
	struct sluice_topic_options options = { .size = sizeof(options), .policy = SLUICE_WAIT };

	options.spin_ns = way->spin ? SLUICE_MS(100) : way->sleep ? 1 : 0;
	return options;
}

static void topic_make_with(struct bench_way *way, uint64_t message_max)
{
	struct sluice_topic_options options = options_of(way);
	sluice_publisher *publisher = NULL;
	int fds[3];

	options.message_max = message_max;
	if (message_max > SMALL)
		options.depth = message_max > BENCH_MEGABYTE ? DEPTH_HUGE : DEPTH_LARGE;
	bench_done(sluice_publisher_open(NULL, &options, &publisher), "open");
	bench_done(sluice_publisher_share(publisher, fds), "share");
	way->bytes = bench_file_size(fds[0]);
	way->out = publisher;
}

static void topic_make(struct bench_way *way)
{
	topic_make_with(way, way->size > SMALL ? way->size : 0);
}

static void topic_join(struct bench_way *way, bool sender)
{
	struct sluice_topic_options options = options_of(way);
	sluice_subscriber *subscriber = NULL;

	if (sender)
		return;
	bench_done(sluice_publisher_subscribe(way->out, &options, &subscriber), "subscribe");
	way->in = subscriber;
}

static void topic_drop(struct bench_way *way)
{
	sluice_subscriber_close(way->in);
	sluice_publisher_close(way->out);
}

static size_t topic_send(struct bench_way *way, const void *data, size_t size)
{
	bench_done(sluice_publisher_publish(way->out, data, size, SLUICE_FOREVER), "publish");
	return 1;
}

static size_t topic_receive(struct bench_way *way, void *buffer, size_t size)
{
	bench_done(sluice_subscriber_receive(way->in, buffer, size, NULL, SLUICE_FOREVER),
		   "receive");
	return 1;
}

/* ---- in place: the message is handed over, and nobody copies or reads it ---- */

static size_t place_send(struct bench_way *way, const void *data, size_t size)
{
	void *room = NULL;

	(void)data;
	bench_done(sluice_publisher_reserve(way->out, size, &room, SLUICE_FOREVER), "reserve");
	bench_done(sluice_publisher_commit(way->out, room, size, SLUICE_FOREVER), "commit");
	return 1;
}

static size_t place_receive(struct bench_way *way, void *buffer, size_t size)
{
	const void *data = NULL;

	(void)buffer;
	(void)size;
	bench_done(sluice_subscriber_borrow(way->in, &data, NULL, SLUICE_FOREVER), "borrow");
	bench_done(sluice_subscriber_return(way->in, data), "return");
	return 1;
}

const struct bench_driver bench_topic = {
	.name = "topic",
	.title = "topic, waiting",
	.advice = "every subscriber sees every message",
	.group = BENCH_SLUICE,
	.measures = BENCH_CHANNEL,
	.make = topic_make,
	.join = topic_join,
	.drop = topic_drop,
	.send = topic_send,
	.receive = topic_receive,
};

const struct bench_driver bench_topic_place = {
	.name = "topic-place",
	.title = "topic, in place",
	.advice = "the same, reserved and borrowed: handed over without a copy, content untouched",
	.group = BENCH_SLUICE,
	.measures = BENCH_BIT(BENCH_FLOW),
	.longest = BENCH_MEGABYTE,
	.variant = true,
	.make = topic_make,
	.join = topic_join,
	.drop = topic_drop,
	.send = place_send,
	.receive = place_receive,
};
