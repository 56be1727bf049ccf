/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* topic_threads.c - the load of topic_load.h between threads, on private memory; and two publishers */
#include "topic_load.h"

#include <pthread.h>

static struct load load;

struct worker {
	sluice_subscriber *subscriber;
	sluice_publisher *publisher;
	uint32_t which;
	pthread_t thread;
};

static void *work(void *context)
{
	struct worker *worker = (struct worker *)context;

	load_receive(worker->subscriber, &load, worker->which);
	return NULL;
}

static void run_load(uint64_t count, size_t size, uint64_t depth)
{
	struct sluice_topic_options options, mine;
	struct worker workers[LOAD_SUBSCRIBERS];
	sluice_publisher *publisher;

	load = (struct load){ .count = count, .size = size, .depth = depth };
	options = load_options(&load);
	options.flags = SLUICE_PRIVATE;
	CHECK_EQ(sluice_publisher_open(NULL, &options, &publisher), 0);
	for (uint32_t i = 0; i < LOAD_SUBSCRIBERS; i++) {
		mine = (struct sluice_topic_options){ .size = sizeof(mine) };
		mine.policy = load_kinds[i].policy;
		workers[i].which = i;
		CHECK_EQ(sluice_publisher_subscribe(publisher, &mine, &workers[i].subscriber), 0);
		CHECK_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	load_publish(publisher, &load);
	for (uint32_t i = 0; i < LOAD_SUBSCRIBERS; i++) {
		pthread_join(workers[i].thread, NULL);
		sluice_subscriber_close(workers[i].subscriber);
	}
	sluice_publisher_close(publisher);
	load_judge(&load);
}

static void short_messages(void)
{
	run_load(20000, 64, 64);
}

static void long_messages(void)
{
	run_load(5000, 1000, 8);
}

static void in_place(void)
{
	run_load(1000, 8192, 4);
}

/* ---- several publishers, several threads on each handle -------------------------------------- */

#define MANY_EACH 2000u

static void *publish_many(void *context)
{
	struct worker *worker = (struct worker *)context;
	uint64_t words[40];

	for (uint64_t n = 0; n < MANY_EACH; n++) {
		size_t size = n % 2 ? 16 : sizeof(words);

		for (size_t i = 0; i < 40; i++)
			words[i] = (uint64_t)worker->which << 32 | n;
		CHECK_EQ(sluice_publisher_publish(worker->publisher, words, size, SLUICE_S(60)), 0);
	}
	return NULL;
}

static void several_publishers(void)
{
	struct sluice_topic_options options = { .size = sizeof(options) };
	struct worker workers[4];
	sluice_publisher *publishers[2];
	sluice_subscriber *subscriber;
	uint64_t words[40], next[4] = { 0 };

	options.depth = 16;
	options.message_max = sizeof(words);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(sluice_publisher_open("several", &options, &publishers[i]), 0);
	options.policy = SLUICE_WAIT;
	CHECK_EQ(sluice_subscriber_open("several", &options, &subscriber), 0);
	for (uint32_t i = 0; i < 4; i++) {
		workers[i].publisher = publishers[i % 2];
		workers[i].which = i;
		CHECK_EQ(pthread_create(&workers[i].thread, NULL, publish_many, &workers[i]), 0);
	}
	for (uint64_t n = 0; n < 4 * MANY_EACH; n++) {
		int64_t r = sluice_subscriber_receive(subscriber, words, sizeof(words), NULL,
						      SLUICE_S(60));
		uint64_t who = words[0] >> 32;

		CHECK(who < 4);
		CHECK_EQ(words[0] & UINT32_MAX, next[who]);
		CHECK_EQ(r, next[who] % 2 ? 16 : sizeof(words));
		for (size_t i = 0; i < (size_t)r / 8; i++)
			CHECK_EQ(words[i], words[0]);
		next[who]++;
	}
	CHECK_EQ(sluice_subscriber_lost(subscriber), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(workers[i].thread, NULL);
	sluice_subscriber_close(subscriber);
	for (int i = 0; i < 2; i++)
		sluice_publisher_close(publishers[i]);
}

int main(void)
{
	test_begin();
	RUN(short_messages);
	RUN(long_messages);
	RUN(in_place);
	RUN(several_publishers);
	return test_end();
}
