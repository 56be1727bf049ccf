/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_basic.c - sending and receiving on one handle: order, types, lengths, arguments
 */
#include "help.h"

static void first_in_first_out(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);

	for (int round = 0; round < 100; round++) {
		for (uint64_t i = 0; i < 100; i++)
			send_number_as(queue, (int64_t)(1 + i % 7), i);
		for (uint64_t i = 0; i < 100; i++)
			CHECK_EQ(receive_number(queue), i);
		check_nothing(queue, 0);
	}
	CHECK_EQ(queue_info(queue).sent, 10000);
	CHECK_EQ(queue_info(queue).received, 10000);
	CHECK_EQ(queue_info(queue).messages, 0);
	sluice_queue_close(queue);
}

static void by_type(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);

	for (uint64_t i = 0; i < 90; i++)
		send_number_as(queue, (int64_t)(1 + i % 3), i);
	/* Order within a type, whatever was taken in between. */
	for (uint64_t i = 0; i < 30; i++) {
		CHECK_EQ(receive_number_as(queue, 3), 3 * i + 2);
		CHECK_EQ(receive_number_as(queue, 1), 3 * i);
	}
	check_nothing(queue, 1);
	check_nothing(queue, 3);
	check_nothing(queue, 4);
	check_nothing(queue, INT64_MAX);
	for (uint64_t i = 0; i < 30; i++)
		CHECK_EQ(receive_number(queue), 3 * i + 1);
	check_nothing(queue, 0);
	sluice_queue_close(queue);
}

static void lowest_type(void)
{
	static const int64_t types[] = { 5, 3, INT64_MAX, 9, 3, 1, 9, 5, 1000000007 };
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct sluice_message info = message_info();
	uint64_t number;

	for (uint64_t i = 0; i < 9; i++)
		send_number_as(queue, types[i], i);
	CHECK_EQ(receive_number_as(queue, -3), 5);
	CHECK_EQ(receive_number_as(queue, -3), 1);
	CHECK_EQ(receive_number_as(queue, -4), 4);
	check_nothing(queue, -4);
	CHECK_EQ(sluice_queue_receive(queue, -1000, &number, 8, &info, SLUICE_NOWAIT), 8);
	CHECK_EQ(number, 0);
	CHECK_EQ(info.type, 5);
	CHECK_EQ(receive_number_as(queue, -1000), 7);
	CHECK_EQ(receive_number_as(queue, -1000), 3);
	CHECK_EQ(receive_number_as(queue, -1000), 6);
	check_nothing(queue, -1000);
	check_nothing(queue, -1);
	/* The largest bounds there are. */
	CHECK_EQ(receive_number_as(queue, -INT64_MAX), 8);
	CHECK_EQ(receive_number_as(queue, INT64_MIN), 2);
	check_nothing(queue, INT64_MIN);
	sluice_queue_close(queue);
}

static void extreme_types(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);

	send_number_as(queue, INT64_MAX, 1);
	send_number_as(queue, 1, 2);
	send_number_as(queue, INT64_MAX, 3);
	CHECK_EQ(receive_number_as(queue, INT64_MAX), 1);
	CHECK_EQ(receive_number_as(queue, INT64_MAX), 3);
	CHECK_EQ(receive_number_as(queue, INT64_MIN), 2);
	sluice_queue_close(queue);
}

static void bad_arguments(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct sluice_message info = message_info();
	struct sluice_send_item items[2] = { { 1, "x", 1 }, { 0, "y", 1 } };
	struct sluice_receive_item slots[1] = { { NULL, 5, 0, 0 } };
	uint64_t number = 0;

	CHECK_EQ(sluice_queue_send(queue, 0, &number, 8, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_send(queue, -1, &number, 8, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_send(queue, INT64_MIN, &number, 8, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_send(queue, 1, NULL, 8, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_receive(queue, 0, NULL, 8, NULL, 0), SLUICE_EINVAL);
	info.size = 0;
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, 0), SLUICE_EINVAL);
	info.size = UINT32_MAX;
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_send_many(queue, NULL, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_send_many(queue, items, 2, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, NULL, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_send_many(queue, NULL, 0, 0), 0);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, NULL, 0, 0), 0);
	/* Nothing came of any of it. */
	CHECK_EQ(queue_info(queue).sent, 0);
	check_nothing(queue, 0);
	sluice_queue_close(queue);
}

static unsigned char pattern(uint64_t length, uint64_t at)
{
	return (unsigned char)(length * 31 + at * 7 + (at >> 8));
}

/* Every length around every boundary there is, copied whole and nothing beside it. */
static void lengths_on(sluice_queue *queue, size_t most)
{
	unsigned char *data = (unsigned char *)malloc(most + 16);
	unsigned char *back = (unsigned char *)malloc(most + 16);

	CHECK(data != NULL && back != NULL);
	for (size_t length = 0; length <= most;
	     length += length < 200 || (length > 900 && length < 1200) ? 1 : 997) {
		struct sluice_message info = message_info();

		for (size_t i = 0; i < length; i++)
			data[i] = pattern(length, i);
		CHECK_EQ(sluice_queue_send(queue, 1, length ? data : NULL, length, SLUICE_NOWAIT),
			 0);
		memset(back, 0xee, most + 16);
		CHECK_EQ(sluice_queue_receive(queue, 0, back, length, &info, SLUICE_NOWAIT),
			 length);
		CHECK_EQ(info.length, length);
		CHECK_MEM(back, data, length);
		for (size_t i = length; i < length + 16; i++)
			CHECK_EQ(back[i], 0xee);
	}
	free(data);
	free(back);
}

static void lengths(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue = open_queue(NULL, 0, 0);

	lengths_on(queue, 65536);
	sluice_queue_close(queue);
	options.capacity = 4096;
	options.message_max = 500;
	queue = open_queue_as(NULL, options);
	for (int i = 0; i < 10; i++)
		lengths_on(queue, 500);
	sluice_queue_close(queue);
}

static void too_long(void)
{
	struct sluice_queue_options options = queue_options();
	struct sluice_send_item items[2];
	static char bytes[2000];
	void *data = NULL;
	sluice_queue *queue;

	options.message_max = 1000;
	queue = open_queue_as(NULL, options);
	memset(items, 0, sizeof(items));
	items[0].type = items[1].type = 1;
	items[0].data = items[1].data = bytes;
	items[0].size = 10;
	items[1].size = 1001;
	CHECK_EQ(sluice_queue_send(queue, 1, bytes, 1001, SLUICE_NOWAIT), SLUICE_EMSGSIZE);
	CHECK_EQ(sluice_queue_send(queue, 1, bytes, SIZE_MAX, SLUICE_FOREVER), SLUICE_EMSGSIZE);
	CHECK_EQ(sluice_queue_send_many(queue, items, 2, SLUICE_NOWAIT), SLUICE_EMSGSIZE);
	CHECK_EQ(sluice_queue_reserve(queue, 1001, &data, SLUICE_NOWAIT), SLUICE_EMSGSIZE);
	CHECK(data == NULL);
	CHECK_EQ(sluice_queue_send(queue, 1, bytes, 1000, SLUICE_NOWAIT), 0);
	CHECK_EQ(queue_info(queue).sent, 1);
	sluice_queue_close(queue);
}

static void buffer_too_small(void)
{
	static const size_t sizes[] = { 1, 100, 1024, 1025, 60000 };
	static char bytes[65536];
	sluice_queue *queue = open_queue(NULL, 0, 0);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sluice_message info = message_info();

		CHECK_EQ(sluice_queue_send(queue, 5, bytes, sizes[i], 0), 0);
		send_number_as(queue, 6, i);
		for (int again = 0; again < 3; again++) {
			info = message_info();
			CHECK_EQ(sluice_queue_receive(queue, 0, bytes, sizes[i] - 1, &info,
						      SLUICE_FOREVER),
				 SLUICE_EMSGSIZE);
			CHECK_EQ(info.length, sizes[i]);
			CHECK_EQ(info.type, 5);
			CHECK_EQ(sluice_queue_receive(queue, 5, NULL, 0, NULL, SLUICE_FOREVER),
				 SLUICE_EMSGSIZE);
			CHECK_EQ(queue_info(queue).messages, 2);
		}
		CHECK_EQ(sluice_queue_receive(queue, 0, bytes, sizes[i], &info, 0), sizes[i]);
		CHECK_EQ(info.flags, 0);
		CHECK_EQ(receive_number_as(queue, 6), i);
	}
	sluice_queue_close(queue);
}

/* What comes with a message. */
static void message_facts(void)
{
	static char bytes[5000];
	sluice_queue *queue = open_queue("facts", 0, 0);
	uint64_t last = 0;

	for (int i = 0; i < 10; i++) {
		struct sluice_message info = message_info();
		size_t size = i % 2 ? 5000 : 50;

		CHECK_EQ(sluice_queue_send(queue, 40 + i, bytes, size, 0), 0);
		CHECK_EQ(sluice_queue_receive(queue, 0, bytes, sizeof(bytes), &info, 0), size);
		CHECK_EQ(info.size, sizeof(info));
		CHECK_EQ(info.type, 40 + i);
		CHECK_EQ(info.length, size);
		CHECK_EQ(info.flags, 0);
		/* A hint: but for whom it is known, it is right, whatever the length. */
		CHECK_EQ(info.sender, getpid());
		if (i)
			CHECK(info.sequence > last);
		last = info.sequence;
	}
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("facts"), 0);
}

/* Output structs of an older and of a newer program. */
static void output_struct_sizes(void)
{
	union {
		struct sluice_message message;
		struct sluice_queue_info info;
		unsigned char bytes[512];
	} u;
	sluice_queue *queue = open_queue(NULL, 0, 0);
	uint64_t number;

	send_number_as(queue, 9, 1);
	memset(&u, 0xee, sizeof(u));
	u.message.size = 16;
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &u.message, 0), 8);
	CHECK_EQ(u.message.size, 16);
	CHECK_EQ(u.message.type, 9);
	for (size_t i = 16; i < sizeof(u); i++)
		CHECK_EQ(u.bytes[i], 0xee);
	memset(&u, 0xee, sizeof(u));
	u.info.size = 16;
	CHECK_EQ(sluice_queue_info(queue, &u.info), 0);
	CHECK_EQ(u.info.attached, 1);
	for (size_t i = 16; i < sizeof(u); i++)
		CHECK_EQ(u.bytes[i], 0xee);
	memset(&u, 0, sizeof(u));
	u.info.size = sizeof(u);
	CHECK_EQ(sluice_queue_info(queue, &u.info), 0);
	CHECK_EQ(u.info.size, sizeof(u));
	CHECK_EQ(u.info.sent, 1);
	u.info.size = 4;
	CHECK_EQ(sluice_queue_info(queue, &u.info), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_info(queue, NULL), SLUICE_EINVAL);
	sluice_queue_close(queue);
}

/* Full is SLUICE_EAGAIN, and what is in stays in order. */
static void until_full(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;
	uint64_t sent = 0, received = 0;

	options.capacity = 8192;
	options.message_max = 100;
	queue = open_queue_as(NULL, options);
	for (int round = 0; round < 200; round++) {
		while (sluice_queue_send(queue, 1, &sent, sizeof(sent), SLUICE_NOWAIT) == 0)
			sent++;
		CHECK_GE(sent - received, 100);
		for (int i = 0; i < 37; i++)
			CHECK_EQ(receive_number(queue), received++);
	}
	while (received < sent)
		CHECK_EQ(receive_number(queue), received++);
	check_nothing(queue, 0);
	CHECK_EQ(queue_info(queue).bytes_used, 0);
	sluice_queue_close(queue);
}

static void as_many_as_asked(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;
	uint64_t number = 0;

	options.messages_max = 3;
	queue = open_queue_as(NULL, options);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 3; i++)
			send_number_as(queue, 1 + i, 1);
		CHECK_EQ(sluice_queue_send(queue, 1, &number, 8, SLUICE_NOWAIT), SLUICE_EAGAIN);
		CHECK_EQ(receive_number_as(queue, 1 + round % 3), 1);
		send_number_as(queue, 9, 2);
		CHECK_EQ(sluice_queue_send(queue, 1, &number, 8, SLUICE_NOWAIT), SLUICE_EAGAIN);
		for (int i = 0; i < 3; i++)
			receive_number(queue);
	}
	sluice_queue_close(queue);
}

/* Two handles of one process are two participants of one queue. */
static void two_handles(void)
{
	sluice_queue *a = open_queue("two", 0, 0), *b = open_queue("two", 0, 0);

	CHECK_EQ(queue_info(a).attached, 2);
	CHECK_EQ(queue_info(b).senders, 2);
	CHECK_EQ(queue_info(b).receivers, 2);
	for (uint64_t i = 0; i < 1000; i++) {
		send_number(i % 2 ? a : b, i);
		CHECK_EQ(receive_number(i % 3 ? b : a), i);
	}
	sluice_queue_close(a);
	CHECK_EQ(queue_info(b).attached, 1);
	sluice_queue_close(b);
	CHECK_EQ(sluice_remove("two"), 0);
}

int main(void)
{
	test_begin();
	RUN(first_in_first_out);
	RUN(by_type);
	RUN(lowest_type);
	RUN(extreme_types);
	RUN(bad_arguments);
	RUN(lengths);
	RUN(too_long);
	RUN(buffer_too_small);
	RUN(message_facts);
	RUN(output_struct_sizes);
	RUN(until_full);
	RUN(as_many_as_asked);
	RUN(two_handles);
	return test_end();
}
