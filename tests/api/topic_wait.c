/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_wait.c - waiting for messages and for subscribers; deaths, evictions, forks, polling
 */
#include "topic_help.h"

#include <poll.h>
#include <pthread.h>

static struct sluice_topic_options small(void)
{
	struct sluice_topic_options options = topic_options();

	options.depth = 4;
	options.message_max = 1000;
	return options;
}

static void waits_for_the_slowest(void)
{
	sluice_publisher *publisher = open_publisher_as("slow", small());
	sluice_subscriber *slow = subscribe("slow", SLUICE_WAIT, 0);
	sluice_subscriber *fast = subscribe("slow", SLUICE_OVERWRITE, 0);
	uint64_t n = 4;

	publish_numbers(publisher, 0, 4);
	CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EAGAIN);
	CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	CHECK_EQ(next_number(fast), 0);
	CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EAGAIN);
	CHECK_EQ(next_number(slow), 0);
	publish_number(publisher, 4);
	CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EAGAIN);
	/* Who leaves is not waited for. */
	sluice_subscriber_close(slow);
	publish_numbers(publisher, 5, 20);
	/* Who comes is. */
	slow = subscribe("slow", SLUICE_WAIT, 2);
	CHECK_EQ(next_number(slow), 23);
	publish_numbers(publisher, 25, 3);
	CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EAGAIN);
	sluice_subscriber_close(fast);
	sluice_subscriber_close(slow);
	sluice_publisher_close(publisher);
}

static void the_topics_policy(void)
{
	struct sluice_topic_options options = small();
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	uint64_t n = 4;

	options.policy = SLUICE_WAIT;
	publisher = open_publisher_as("policy", options);
	subscriber = subscribe("policy", 0, 0);
	publish_numbers(publisher, 0, 4);
	CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EAGAIN);
	sluice_subscriber_close(subscriber);
	subscriber = subscribe("policy", SLUICE_OVERWRITE, 0);
	publish_numbers(publisher, 4, 40);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

static void evicted(void)
{
	for (int nowait = 0; nowait < 2; nowait++) {
		struct sluice_topic_options options = small();
		struct sluice_topic_message info = topic_message();
		sluice_publisher *publisher;
		sluice_subscriber *stuck, *good;
		int64_t began;
		uint64_t n = 4;
		int r;

		options.evict_after_ns = SLUICE_MS(60);
		publisher = open_publisher_as("evict", options);
		stuck = subscribe("evict", SLUICE_WAIT, 0);
		good = subscribe("evict", SLUICE_WAIT, 0);
		publish_numbers(publisher, 0, 4);
		for (uint64_t i = 0; i < 4; i++)
			CHECK_EQ(next_number(good), i);
		began = test_now_ns();
		if (nowait)
			while ((r = sluice_publisher_publish(publisher, &n, 8, 0)) == SLUICE_EAGAIN)
				test_sleep_ms(1);
		else
			r = sluice_publisher_publish(publisher, &n, 8, SLUICE_S(30));
		CHECK_EQ(r, 0);
		CHECK(test_now_ns() - began >= SLUICE_MS(60));
		CHECK_EQ(publisher_info(publisher).evicted, 1);
		publish_numbers(publisher, 5, 3);
		CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EAGAIN);
		/* Told once; then it goes on, and is waited for again. */
		CHECK_EQ(sluice_subscriber_receive(stuck, &n, 8, &info, 0), SLUICE_EEVICTED);
		CHECK_EQ(publisher_info(publisher).evicted, 0);
		CHECK_EQ(sluice_subscriber_receive(stuck, &n, 8, &info, 0), 8);
		CHECK_EQ(n, 4);
		CHECK_EQ(info.lost, 4);
		CHECK_EQ(sluice_subscriber_lost(stuck), 4);
		for (uint64_t i = 4; i < 8; i++)
			CHECK_EQ(next_number(good), i);
		CHECK_EQ(sluice_subscriber_lost(good), 0);
		publish_number(publisher, 8);
		CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EAGAIN);
		sluice_subscriber_close(stuck);
		sluice_subscriber_close(good);
		sluice_publisher_close(publisher);
	}
}

/* A child that borrows and blocks the others, and dies. */
static void dead_subscriber(void)
{
	sluice_publisher *publisher = open_publisher_as("dead", small());
	static char big[1000];
	struct help_pipe ready = make_pipe();
	pid_t pid;

	pid = test_fork();
	if (pid == 0) {
		sluice_subscriber *mine = subscribe("dead", SLUICE_WAIT, 0);
		const void *data;

		tell(ready);
		CHECK_EQ(sluice_subscriber_borrow(mine, &data, NULL, SLUICE_S(20)), 1000);
		tell(ready);
		for (;;)
			pause();
	}
	await(ready);
	CHECK_EQ(sluice_publisher_publish(publisher, big, 1000, 0), 0);
	await(ready);
	CHECK_EQ(publisher_info(publisher).borrowed, 1);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(sluice_publisher_publish(publisher, big, 1000, 0), 0);
	CHECK_EQ(sluice_publisher_publish(publisher, big, 1000, 0), SLUICE_EAGAIN);
	kill(pid, SIGKILL);
	CHECK_EQ(test_wait(pid), -SIGKILL);
	CHECK_EQ(sluice_publisher_publish(publisher, big, 1000, SLUICE_S(20)), 0);
	CHECK_EQ(publisher_info(publisher).borrowed, 0);
	CHECK_EQ(publisher_info(publisher).repairs, 1);
	sluice_publisher_close(publisher);
	close_pipe(ready);
}

/* A child that has half written a message, and dies. */
static void dead_publisher(void)
{
	sluice_subscriber *subscriber = open_subscriber_as("half", small());
	struct sluice_topic_options options = small();
	sluice_subscriber *expecting;
	sluice_publisher *publisher;
	pid_t pid = test_fork();
	char buffer[1000];
	uint64_t number;

	if (pid == 0) {
		void *room;

		publisher = open_publisher_as("half", small());
		publish_number(publisher, 77);
		CHECK_EQ(sluice_publisher_reserve(publisher, 1000, &room, 0), 0);
		memset(room, 'x', 1000);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	CHECK_EQ(next_number(subscriber), 77);
	nothing_new(subscriber);
	options.flags = SLUICE_EXPECT_PUBLISHER;
	options.history = 1;
	expecting = open_subscriber_as("half", options);
	CHECK_EQ(next_number(expecting), 77);
	CHECK_EQ(sluice_subscriber_receive(expecting, &number, 8, NULL, 0), SLUICE_ENOPUBLISHER);
	CHECK_EQ(sluice_subscriber_receive(expecting, &number, 8, NULL, SLUICE_FOREVER),
		 SLUICE_ENOPUBLISHER);
	publisher = open_publisher_as("half", small());
	CHECK_EQ(publisher_info(publisher).reserved_messages, 0);
	CHECK_EQ(sluice_subscriber_receive(expecting, &number, 8, NULL, 0), SLUICE_EAGAIN);
	CHECK_EQ(sluice_publisher_publish(publisher, "abc", 3, 0), 0);
	CHECK_EQ(sluice_subscriber_receive(expecting, buffer, sizeof(buffer), NULL, 0), 3);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_subscriber_receive(expecting, &number, 8, NULL, 0), SLUICE_ENOPUBLISHER);
	sluice_subscriber_close(expecting);
	sluice_subscriber_close(subscriber);
}

static void forked(void)
{
	sluice_publisher *publisher = open_publisher_as("fork", small());
	sluice_subscriber *subscriber = subscribe("fork", SLUICE_WAIT, 0);
	pid_t pid;

	publish_numbers(publisher, 0, 3);
	CHECK_EQ(next_number(subscriber), 0);
	pid = test_fork();
	if (pid == 0) {
		/* From where the parent stood, in a place of its own. */
		CHECK_EQ(next_number(subscriber), 1);
		CHECK_EQ(next_number(subscriber), 2);
		publish_number(publisher, 3);
		CHECK_EQ(publisher_info(publisher).subscribers, 2);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	for (uint64_t n = 1; n < 4; n++)
		CHECK_EQ(next_number(subscriber), n);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

static void *publish_later(void *context)
{
	test_sleep_ms(60);
	publish_number((sluice_publisher *)context, 5);
	return NULL;
}

static void polled(void)
{
	sluice_publisher *publisher = open_publisher_as("poll", small());
	sluice_subscriber *subscriber = subscribe("poll", SLUICE_WAIT, 0);
	struct pollfd in = { 0, POLLIN, 0 }, out = { 0, POLLIN, 0 };
	pthread_t thread;
	uint64_t n = 0;

	in.fd = sluice_subscriber_fd(subscriber);
	out.fd = sluice_publisher_fd(publisher);
	CHECK(in.fd >= 0 && out.fd >= 0);
	nothing_new(subscriber);
	CHECK_EQ(poll(&in, 1, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, publish_later, publisher), 0);
	for (;;) {
		CHECK_EQ(poll(&in, 1, 10000), 1);
		if (sluice_subscriber_receive(subscriber, &n, 8, NULL, 0) == 8)
			break;
	}
	pthread_join(thread, NULL);
	CHECK_EQ(n, 5);
	while (sluice_publisher_publish(publisher, &n, 8, 0) == 0)
		;
	CHECK_EQ(poll(&out, 1, 0), 0);
	CHECK_EQ(next_number(subscriber), 5);
	CHECK_EQ(poll(&out, 1, 10000), 1);
	publish_number(publisher, 1);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

static void *interrupt_later(void *context)
{
	test_sleep_ms(60);
	CHECK_EQ(sluice_subscriber_interrupt((sluice_subscriber *)context), 0);
	return NULL;
}

static void interrupted_and_removed(void)
{
	sluice_publisher *publisher = open_publisher_as("gone", small());
	sluice_subscriber *subscriber = subscribe("gone", 0, 0);
	pthread_t thread;
	uint64_t n;

	CHECK_EQ(pthread_create(&thread, NULL, interrupt_later, subscriber), 0);
	CHECK_EQ(sluice_subscriber_receive(subscriber, &n, 8, NULL, SLUICE_FOREVER),
		 SLUICE_ECANCELED);
	pthread_join(thread, NULL);
	CHECK_EQ(sluice_subscriber_receive(subscriber, &n, 8, NULL, SLUICE_MS(20)),
		 SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_remove("gone"), 0);
	CHECK_EQ(sluice_subscriber_receive(subscriber, &n, 8, NULL, SLUICE_FOREVER),
		 SLUICE_EREMOVED);
	CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, 0), SLUICE_EREMOVED);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

int main(void)
{
	test_begin();
	RUN(waits_for_the_slowest);
	RUN(the_topics_policy);
	RUN(evicted);
	RUN(dead_subscriber);
	RUN(dead_publisher);
	RUN(forked);
	RUN(polled);
	RUN(interrupted_and_removed);
	return test_end();
}
