/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* topic_help.h - topics for tests: open, publish and receive numbers */
#ifndef TOPIC_HELP_H
#define TOPIC_HELP_H

#include "help.h"

static inline struct sluice_topic_options topic_options(void)
{
	struct sluice_topic_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.slice_ns = SLUICE_MS(20);
	return options;
}

static inline sluice_publisher *open_publisher_as(const char *name,
						  struct sluice_topic_options options)
{
	char text[512] = "";
	sluice_publisher *publisher = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_publisher_open(name, &options, &publisher);
	if (r != 0)
		test_fail(__FILE__, __LINE__, "publisher: %s: %s", sluice_error_name(r), text);
	return publisher;
}

static inline sluice_subscriber *open_subscriber_as(const char *name,
						    struct sluice_topic_options options)
{
	char text[512] = "";
	sluice_subscriber *subscriber = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_subscriber_open(name, &options, &subscriber);
	if (r != 0)
		test_fail(__FILE__, __LINE__, "subscriber: %s: %s", sluice_error_name(r), text);
	return subscriber;
}

static inline sluice_subscriber *subscribe(const char *name, uint32_t policy, uint32_t history)
{
	struct sluice_topic_options options = topic_options();

	options.policy = policy;
	options.history = history;
	return open_subscriber_as(name, options);
}

static inline struct sluice_topic_message topic_message(void)
{
	struct sluice_topic_message message;

	memset(&message, 0, sizeof(message));
	message.size = sizeof(message);
	return message;
}

static inline struct sluice_topic_info publisher_info(sluice_publisher *publisher)
{
	struct sluice_topic_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_publisher_info(publisher, &info), 0);
	return info;
}

static inline void publish_number(sluice_publisher *publisher, uint64_t number)
{
	CHECK_EQ(sluice_publisher_publish(publisher, &number, 8, SLUICE_NOWAIT), 0);
}

static inline void publish_numbers(sluice_publisher *publisher, uint64_t from, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		publish_number(publisher, from + i);
}

static inline uint64_t next_number(sluice_subscriber *subscriber)
{
	uint64_t number = 0;

	CHECK_EQ(sluice_subscriber_receive(subscriber, &number, 8, NULL, SLUICE_S(10)), 8);
	return number;
}

static inline void nothing_new(sluice_subscriber *subscriber)
{
	uint64_t number;

	CHECK_EQ(sluice_subscriber_receive(subscriber, &number, 8, NULL, SLUICE_NOWAIT),
		 SLUICE_EAGAIN);
}

static inline int try_publisher(const char *name, struct sluice_topic_options options, char *text,
				uint32_t size)
{
	sluice_publisher *publisher = NULL;
	int r;

	text[0] = '\0';
	options.diagnostic = text;
	options.diagnostic_size = size;
	r = sluice_publisher_open(name, &options, &publisher);
	sluice_publisher_close(publisher);
	return r;
}

static inline int try_subscriber(const char *name, struct sluice_topic_options options, char *text,
				 uint32_t size)
{
	sluice_subscriber *subscriber = NULL;
	int r;

	text[0] = '\0';
	options.diagnostic = text;
	options.diagnostic_size = size;
	r = sluice_subscriber_open(name, &options, &subscriber);
	sluice_subscriber_close(subscriber);
	return r;
}

#endif
