/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_many.c - batches
 */
#include "help.h"

#define MOST 64

static uint64_t numbers[MOST], back[MOST];
static struct sluice_send_item items[MOST];
static struct sluice_receive_item slots[MOST];

static void prepare(uint64_t first, size_t capacity)
{
	for (size_t i = 0; i < MOST; i++) {
		numbers[i] = first + i;
		items[i].type = (int64_t)(1 + i % 3);
		items[i].data = &numbers[i];
		items[i].size = 8;
		back[i] = 0;
		slots[i].buffer = &back[i];
		slots[i].capacity = capacity;
		slots[i].length = 99;
		slots[i].type = 99;
	}
}

static void there_and_back(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);

	for (int round = 0; round < 500; round++) {
		prepare((uint64_t)round * MOST, 8);
		CHECK_EQ(sluice_queue_send_many(queue, items, MOST, SLUICE_NOWAIT), MOST);
		CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, MOST, SLUICE_NOWAIT), MOST);
		for (size_t i = 0; i < MOST; i++) {
			CHECK_EQ(back[i], numbers[i]);
			CHECK_EQ(slots[i].length, 8);
			CHECK_EQ(slots[i].type, 1 + i % 3);
		}
	}
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, MOST, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, MOST, SLUICE_MS(5)), SLUICE_ETIMEDOUT);
	CHECK_EQ(queue_info(queue).sent, 500 * MOST);
	CHECK_EQ(queue_info(queue).received, 500 * MOST);
	sluice_queue_close(queue);
}

/* What is there, and no waiting for more. */
static void fewer_than_asked(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);

	prepare(0, 8);
	CHECK_EQ(sluice_queue_send_many(queue, items, 5, SLUICE_FOREVER), 5);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, MOST, SLUICE_FOREVER), 5);
	CHECK_EQ(slots[5].length, 99);
	CHECK_EQ(sluice_queue_send_many(queue, items, 6, SLUICE_FOREVER), 6);
	CHECK_EQ(sluice_queue_receive_many(queue, 2, slots, MOST, SLUICE_FOREVER), 2);
	CHECK_EQ(back[0], 1);
	CHECK_EQ(back[1], 4);
	CHECK_EQ(sluice_queue_receive_many(queue, -3, slots, MOST, SLUICE_FOREVER), 4);
	CHECK_EQ(back[0], 0);
	CHECK_EQ(back[1], 3);
	CHECK_EQ(back[2], 2);
	CHECK_EQ(back[3], 5);
	sluice_queue_close(queue);
}

static void as_far_as_there_is_room(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;

	options.messages_max = 10;
	queue = open_queue_as(NULL, options);
	prepare(0, 8);
	CHECK_EQ(sluice_queue_send_many(queue, items, MOST, SLUICE_FOREVER), 10);
	CHECK_EQ(sluice_queue_send_many(queue, items, MOST, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_queue_send_many(queue, items, MOST, SLUICE_MS(5)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, 3, SLUICE_NOWAIT), 3);
	CHECK_EQ(sluice_queue_send_many(queue, &items[10], 20, SLUICE_FOREVER), 3);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, MOST, SLUICE_NOWAIT), 10);
	for (uint64_t i = 0; i < 10; i++)
		CHECK_EQ(back[i], i + 3);
	sluice_queue_close(queue);
}

static void one_does_not_fit(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);

	prepare(0, 8);
	items[3].size = 7;
	CHECK_EQ(sluice_queue_send_many(queue, items, 6, 0), 6);
	prepare(0, 7);
	/* The first: nothing is taken, and its length is told. */
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, MOST, SLUICE_FOREVER), SLUICE_EMSGSIZE);
	CHECK_EQ(slots[0].length, 8);
	CHECK_EQ(queue_info(queue).messages, 6);
	slots[0].capacity = slots[1].capacity = slots[2].capacity = 8;
	/* It ends before the one that does not fit. */
	CHECK_EQ(sluice_queue_receive_many(queue, 0, slots, MOST, SLUICE_FOREVER), 4);
	CHECK_EQ(slots[3].length, 7);
	CHECK_EQ(queue_info(queue).messages, 2);
	sluice_queue_close(queue);
}

/* Long messages and short ones: as many calls as it takes, all in order. */
static void mixed_lengths(void)
{
	static unsigned char bytes[40][3000], there[40][3000];
	struct sluice_send_item out[40];
	struct sluice_receive_item in[40];
	sluice_queue *queue = open_queue(NULL, 0, 0);

	memset(out, 0, sizeof(out));
	memset(in, 0, sizeof(in));
	for (int round = 0; round < 50; round++) {
		size_t sent = 0, received = 0;

		for (size_t i = 0; i < 40; i++) {
			memset(bytes[i], (int)(i + 1), sizeof(bytes[i]));
			out[i].type = 1;
			out[i].data = bytes[i];
			out[i].size = test_random_below(3) ? test_random_below(100)
							   : test_random_below(3001);
			in[i].buffer = there[i];
			in[i].capacity = sizeof(there[i]);
		}
		while (sent < 40) {
			int64_t r = sluice_queue_send_many(queue, &out[sent], 40 - sent, 0);

			CHECK_GE(r, 1);
			sent += (size_t)r;
		}
		while (received < 40) {
			int64_t r = sluice_queue_receive_many(queue, 0, &in[received],
							      40 - received, 0);

			CHECK_GE(r, 1);
			received += (size_t)r;
		}
		for (size_t i = 0; i < 40; i++) {
			CHECK_EQ(in[i].length, out[i].size);
			CHECK_MEM(there[i], bytes[i], out[i].size);
		}
	}
	sluice_queue_close(queue);
}

int main(void)
{
	test_begin();
	RUN(there_and_back);
	RUN(fewer_than_asked);
	RUN(as_far_as_there_is_room);
	RUN(one_does_not_fit);
	RUN(mixed_lengths);
	return test_end();
}
