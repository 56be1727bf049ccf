/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_basic.c - what is published arrives at everybody, or is counted as lost; sizes, loans, options
 */
#include "topic_help.h"

#include <pthread.h>

static void everybody_gets_everything(void)
{
	sluice_publisher *publisher = open_publisher_as("all", topic_options());
	sluice_subscriber *all[8];

	for (int i = 0; i < 8; i++)
		all[i] = subscribe("all", 0, 0);
	publish_numbers(publisher, 0, 10);
	for (int i = 0; i < 8; i++) {
		for (uint64_t n = 0; n < 10; n++)
			CHECK_EQ(next_number(all[i]), n);
		nothing_new(all[i]);
		CHECK_EQ(sluice_subscriber_lost(all[i]), 0);
	}
	CHECK_EQ(publisher_info(publisher).published, 10);
	CHECK_EQ(publisher_info(publisher).subscribers, 8);
	CHECK_EQ(publisher_info(publisher).publishers, 1);
	for (int i = 0; i < 8; i++)
		sluice_subscriber_close(all[i]);
	CHECK_EQ(publisher_info(publisher).subscribers, 0);
	sluice_publisher_close(publisher);
}

static void sizes(void)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 9, 95, 96, 97, 128, 4095, 4096, 100000 };
	static unsigned char out[100000], in[100001];
	struct sluice_topic_options options = topic_options();
	struct sluice_topic_message info = topic_message();
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;

	options.message_max = 100000;
	publisher = open_publisher_as("sizes", options);
	subscriber = subscribe("sizes", 0, 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i];

		for (size_t k = 0; k < n; k++)
			out[k] = (unsigned char)test_random();
		CHECK_EQ(sluice_publisher_publish(publisher, out, n, 0), 0);
		if (n) {
			CHECK_EQ(sluice_subscriber_receive(subscriber, in, n - 1, &info, 0),
				 SLUICE_EMSGSIZE);
			CHECK_EQ(info.length, n);
		}
		CHECK_EQ(sluice_subscriber_receive(subscriber, in, sizeof(in), &info, 0), n);
		CHECK_EQ(info.sequence, i);
		CHECK_EQ(info.lost, 0);
		CHECK_EQ(info.sender, getpid());
		CHECK(memcmp(in, out, n) == 0);
	}
	CHECK_EQ(sluice_publisher_publish(publisher, out, 100001, 0), SLUICE_EMSGSIZE);
	CHECK_EQ(sluice_publisher_publish(publisher, NULL, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(publisher_info(publisher).borrowed, 0);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

static void overwritten_are_counted(void)
{
	struct sluice_topic_options options = topic_options();
	struct sluice_topic_message info = topic_message();
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	uint64_t number;

	options.depth = 5; /* rounded to 8 */
	publisher = open_publisher_as("lap", options);
	subscriber = subscribe("lap", 0, 0);
	CHECK_EQ(publisher_info(publisher).depth, 8);
	publish_numbers(publisher, 0, 100);
	CHECK_EQ(sluice_subscriber_receive(subscriber, &number, 8, &info, 0), 8);
	CHECK_EQ(number, 92);
	CHECK_EQ(info.sequence, 92);
	CHECK_EQ(info.lost, 92);
	CHECK_EQ(sluice_subscriber_lost(subscriber), 92);
	for (uint64_t n = 93; n < 100; n++)
		CHECK_EQ(next_number(subscriber), n);
	nothing_new(subscriber);
	publish_numbers(publisher, 100, 9);
	CHECK_EQ(sluice_subscriber_receive(subscriber, &number, 8, &info, 0), 8);
	CHECK_EQ(number, 101);
	CHECK_EQ(info.lost, 1);
	CHECK_EQ(sluice_subscriber_lost(subscriber), 93);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

static void latest_only(void)
{
	sluice_publisher *publisher = open_publisher_as("latest", topic_options());
	sluice_subscriber *subscriber = subscribe("latest", SLUICE_LATEST, 0);

	publish_numbers(publisher, 0, 5);
	CHECK_EQ(next_number(subscriber), 4);
	nothing_new(subscriber);
	publish_numbers(publisher, 5, 1000);
	CHECK_EQ(next_number(subscriber), 1004);
	nothing_new(subscriber);
	CHECK_EQ(sluice_subscriber_lost(subscriber), 1003);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

static void history(void)
{
	struct sluice_topic_options options = topic_options();
	sluice_publisher *publisher;
	sluice_subscriber *none, *three, *all;

	options.depth = 8;
	publisher = open_publisher_as("past", options);
	publish_numbers(publisher, 0, 2);
	three = subscribe("past", 0, 3);
	CHECK_EQ(next_number(three), 0);
	sluice_subscriber_close(three);
	publish_numbers(publisher, 2, 18);
	none = subscribe("past", 0, 0);
	three = subscribe("past", 0, 3);
	all = subscribe("past", SLUICE_WAIT, 1000);
	nothing_new(none);
	CHECK_EQ(next_number(three), 17);
	CHECK_EQ(next_number(all), 12);
	CHECK_EQ(sluice_subscriber_lost(all), 0);
	sluice_subscriber_close(none);
	sluice_subscriber_close(three);
	sluice_subscriber_close(all);
	sluice_publisher_close(publisher);
}

/* What one has borrowed does not change, however much is published. */
static void loans(void)
{
	struct sluice_topic_options options = topic_options();
	static char big[5000];
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	const void *borrowed[2], *third;
	void *room, *second;

	options.depth = 4;
	options.message_max = 5000;
	options.borrows = 2;
	publisher = open_publisher_as("loans", options);
	subscriber = subscribe("loans", 0, 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(sluice_publisher_reserve(publisher, 5000, &room, 0), 0);
		CHECK_EQ((uintptr_t)room % 32, 0);
		CHECK_EQ(sluice_publisher_reserve(publisher, 1, &second, 0), SLUICE_EBUSY);
		memset(room, 'a' + i, 5000);
		CHECK_EQ(sluice_publisher_commit(publisher, room, 5001, 0), SLUICE_EINVAL);
		CHECK_EQ(sluice_publisher_commit(publisher, room, 4999, 0), 0);
		CHECK_EQ(sluice_publisher_commit(publisher, room, 4999, 0), SLUICE_EINVAL);
		CHECK_EQ(sluice_subscriber_borrow(subscriber, &borrowed[i], NULL, 0), 4999);
	}
	CHECK_EQ(sluice_subscriber_borrow(subscriber, &third, NULL, 0), SLUICE_EBUSY);
	CHECK_EQ(publisher_info(publisher).borrowed, 2);
	for (int i = 0; i < 1000; i++) {
		memset(big, i, sizeof(big));
		CHECK_EQ(sluice_publisher_publish(publisher, big, sizeof(big), 0), 0);
	}
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < 4999; k++)
			CHECK_EQ(((const char *)borrowed[i])[k], 'a' + i);
		CHECK_EQ(sluice_subscriber_return(subscriber, borrowed[i]), 0);
		CHECK_EQ(sluice_subscriber_return(subscriber, borrowed[i]), SLUICE_EINVAL);
	}
	CHECK_EQ(publisher_info(publisher).borrowed, 0);
	/* Short ones too. */
	CHECK_EQ(sluice_publisher_reserve(publisher, 10, &room, 0), 0);
	memcpy(room, "0123456789", 10);
	CHECK_EQ(sluice_publisher_abort(publisher, room), 0);
	CHECK_EQ(sluice_publisher_abort(publisher, room), SLUICE_EINVAL);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(sluice_publisher_reserve(publisher, 10, &room, 0), 0);
		memcpy(room, "0123456789", 10);
		CHECK_EQ(sluice_publisher_commit(publisher, room, 7, 0), 0);
	}
	CHECK_EQ(sluice_subscriber_borrow(subscriber, &third, NULL, 0), 7);
	CHECK(memcmp(third, "0123456", 7) == 0);
	CHECK_EQ((uintptr_t)third % 32, 0);
	CHECK_EQ(sluice_subscriber_return(subscriber, third), 0);
	CHECK_EQ(publisher_info(publisher).reserved_messages, 0);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
}

/* As many aborted and closed reservations as one likes: no chunk is lost. */
static void nothing_leaks(void)
{
	struct sluice_topic_options options = topic_options();
	sluice_publisher *publisher, *other;
	const void *data;
	void *room;

	options.depth = 2;
	options.message_max = 1000;
	publisher = open_publisher_as("leak", options);
	for (int i = 0; i < 200; i++) {
		sluice_subscriber *subscriber = subscribe("leak", 0, 0);

		other = open_publisher_as("leak", options);
		CHECK_EQ(sluice_publisher_reserve(other, 1000, &room, 0), 0);
		CHECK_EQ(sluice_publisher_reserve(publisher, 1000, &room, 0), 0);
		CHECK_EQ(sluice_publisher_commit(publisher, room, 1000, 0), 0);
		CHECK_EQ(sluice_subscriber_borrow(subscriber, &data, NULL, 0), 1000);
		sluice_publisher_close(other);
		sluice_subscriber_close(subscriber);
	}
	CHECK_EQ(publisher_info(publisher).reserved_messages, 0);
	CHECK_EQ(publisher_info(publisher).borrowed, 0);
	sluice_publisher_close(publisher);
}

static void refused(void)
{
	struct sluice_topic_options options = topic_options();
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	char text[512];

	options.policy = 4;
	CHECK_EQ(try_publisher("no", options, text, sizeof(text)), SLUICE_EINVAL);
	CHECK_CONTAINS(text, "policy is 4");
	options = topic_options();
	options.loans = 16;
	CHECK_EQ(try_publisher("no", options, text, sizeof(text)), SLUICE_EINVAL);
	options = topic_options();
	options.participants = 5;
	CHECK_EQ(try_publisher("no", options, text, sizeof(text)), SLUICE_EINVAL);
	options = topic_options();
	options.message_max = 1000;
	options.depth = 4;
	options.capacity = 10000;
	CHECK_EQ(try_publisher("no", options, text, sizeof(text)), SLUICE_EINVAL);
	CHECK_CONTAINS(text,
		       "depth 4 + 4 publishers x (1 loans + 1) + 8 subscribers x (1 borrows + 1) "
		       "+ 1 = 29 chunks of 1024 bytes");
	options = topic_options();
	options.message_max = (uint64_t)1 << 30;
	options.depth = 1 << 20;
	CHECK(try_publisher("no", options, text, sizeof(text)) < 0);
	CHECK_CONTAINS(text, "chunks of 1073741824 bytes");
	options = topic_options();
	options.flags = SLUICE_PRIVATE;
	CHECK_EQ(try_subscriber(NULL, options, text, sizeof(text)), SLUICE_EINVAL);
	options = topic_options();
	options.subscribers = 1;
	options.publishers = 1;
	publisher = open_publisher_as("few", options);
	subscriber = subscribe("few", 0, 0);
	options.open_timeout_ns = 1;
	CHECK_EQ(try_subscriber("few", options, text, sizeof(text)), SLUICE_EUSERS);
	CHECK_CONTAINS(text, "1 subscribers");
	CHECK_EQ(try_publisher("few", options, text, sizeof(text)), SLUICE_EUSERS);
	CHECK_CONTAINS(text, "1 publishers");
	options.subscribers = 2;
	CHECK_EQ(try_publisher("few", options, text, sizeof(text)), SLUICE_EMISMATCH);
	CHECK_CONTAINS(text, "subscribers 1, wanted 2");
	options.subscribers = 0;
	options.policy = SLUICE_WAIT;
	CHECK_EQ(try_publisher("few", options, text, sizeof(text)), SLUICE_EMISMATCH);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_publisher_publish(NULL, "", 0, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_subscriber_lost(NULL), SLUICE_EINVAL);
	sluice_publisher_close(NULL);
	sluice_subscriber_close(NULL);
}

static void long_ones(void)
{
	struct sluice_topic_options options = topic_options();
	size_t size = (size_t)16 << 20;
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	const void *data;
	void *room;

	options.depth = 2;
	options.message_max = size;
	options.subscribers = options.publishers = 1;
	publisher = open_publisher_as("giant", options);
	/* 2 + 1 x 2 + 1 x 2 + 1 */
	CHECK_EQ(publisher_info(publisher).chunks, 7);
	subscriber = subscribe("giant", 0, 0);
	for (int i = 1; i < 9; i++) {
		CHECK_EQ(sluice_publisher_reserve(publisher, size, &room, 0), 0);
		memset(room, i, size);
		CHECK_EQ(sluice_publisher_commit(publisher, room, size, 0), 0);
		CHECK_EQ(sluice_subscriber_borrow(subscriber, &data, NULL, 0), size);
		CHECK(memchr(data, i - 1, size) == NULL);
		CHECK_EQ(((const char *)data)[size - 1], i);
		CHECK_EQ(sluice_subscriber_return(subscriber, data), 0);
	}
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_remove("giant"), 0);
}

static void *receive_in_thread(void *context)
{
	sluice_subscriber *subscriber = (sluice_subscriber *)context;

	for (uint64_t n = 0; n < 1000; n++)
		CHECK_EQ(next_number(subscriber), n);
	return NULL;
}

static void private_and_anonymous(void)
{
	for (int anonymous = 0; anonymous < 2; anonymous++) {
		struct sluice_topic_options options = topic_options(), mine = topic_options();
		sluice_publisher *publisher;
		sluice_subscriber *subscriber, *other;
		pthread_t thread;

		options.flags = anonymous ? 0 : SLUICE_PRIVATE;
		options.depth = 4;
		mine.policy = SLUICE_WAIT;
		publisher = open_publisher_as(NULL, options);
		CHECK_EQ(sluice_publisher_subscribe(publisher, &mine, &subscriber), 0);
		CHECK_EQ(sluice_publisher_subscribe(publisher, NULL, &other), 0);
		CHECK(sluice_subscriber_fd(other) >= 0);
		nothing_new(other);
		CHECK_EQ(pthread_create(&thread, NULL, receive_in_thread, subscriber), 0);
		for (uint64_t n = 0; n < 1000; n++)
			CHECK_EQ(sluice_publisher_publish(publisher, &n, 8, SLUICE_S(20)), 0);
		pthread_join(thread, NULL);
		CHECK_EQ(next_number(other), 996);
		CHECK_EQ(sluice_subscriber_lost(other), 996);
		CHECK_EQ(publisher_info(publisher).subscribers, 2);
		sluice_subscriber_close(subscriber);
		sluice_publisher_close(publisher);
		/* The memory is there as long as somebody has it. */
		CHECK_EQ(next_number(other), 997);
		sluice_subscriber_close(other);
	}
}

static void inspected(void)
{
	sluice_publisher *publisher = open_publisher_as("seen", topic_options());
	sluice_subscriber *subscriber = subscribe("seen", SLUICE_LATEST, 0);
	struct sluice_inspection inspection;
	struct sluice_participant who[4];

	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	memset(who, 0, sizeof(who));
	who[0].size = sizeof(who[0]);
	publish_numbers(publisher, 0, 7);
	CHECK_EQ(next_number(subscriber), 6);
	publish_numbers(publisher, 7, 2);
	CHECK_EQ(sluice_inspect("seen", &inspection, who, 4), 2);
	CHECK_EQ(inspection.kind, SLUICE_KIND_TOPIC);
	CHECK_EQ(inspection.state, 0);
	CHECK_EQ(inspection.topic.published, 9);
	CHECK_EQ(inspection.topic.policy, SLUICE_OVERWRITE);
	CHECK_EQ(who[0].role, SLUICE_RECEIVE);
	CHECK_EQ(who[0].position, 7);
	CHECK_EQ(who[0].lag, 2);
	CHECK_EQ(who[0].lost, 6);
	CHECK_EQ(who[0].policy, SLUICE_LATEST);
	CHECK_EQ(who[1].role, SLUICE_SEND);
	CHECK_EQ(who[1].policy, 0);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
	CHECK(sluice_clean(NULL, 0, NULL, NULL) >= 1);
	CHECK_EQ(sluice_inspect("seen", &inspection, who, 4), SLUICE_ENOENT);
}

int main(void)
{
	test_begin();
	RUN(everybody_gets_everything);
	RUN(sizes);
	RUN(overwritten_are_counted);
	RUN(latest_only);
	RUN(history);
	RUN(loans);
	RUN(nothing_leaks);
	RUN(refused);
	RUN(long_ones);
	RUN(private_and_anonymous);
	RUN(inspected);
	return test_end();
}
