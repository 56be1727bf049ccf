/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_rotate.c - a message that nobody wants does not block the queue; and random traffic against
 * a model
 *
 * The model is a plain list in this process. Everything the queue says is compared with it: which
 * message, with which bytes, in which order, and whether there had to be room.
 */
#include "help.h"

#include <sys/sysinfo.h>

#define LINE 64u
#define HEADER 32u

static uint64_t lines_of(uint64_t length)
{
	return (HEADER + length + LINE - 1) / LINE;
}

static void fill_pattern(unsigned char *data, size_t length, uint64_t number)
{
	for (size_t i = 0; i < length; i++)
		data[i] = (unsigned char)(number * 131 + i * 7 + (i >> 8));
}

static void unwanted_head_of(uint64_t size, uint64_t message_max, uint64_t capacity)
{
	struct sluice_queue_options options = queue_options();
	unsigned char *data = (unsigned char *)malloc(message_max + 1);
	unsigned char *back = (unsigned char *)malloc(message_max + 1);
	sluice_queue *queue;

	CHECK(data != NULL && back != NULL);
	options.capacity = capacity;
	options.message_max = message_max;
	queue = open_queue_as(NULL, options);
	fill_pattern(data, size, 77);
	CHECK_EQ(sluice_queue_send(queue, 99, data, size, SLUICE_NOWAIT), 0);
	/* Several laps behind it. */
	for (uint64_t i = 0, passed = 0; passed < 5 * capacity; i++) {
		uint64_t length = test_random_below(message_max + 1);

		passed += LINE * lines_of(length);
		fill_pattern(data, length, i);
		CHECK_EQ(sluice_queue_send(queue, 1, data, length, SLUICE_NOWAIT), 0);
		CHECK_EQ(sluice_queue_receive(queue, 1, back, message_max, NULL, SLUICE_NOWAIT),
			 length);
		CHECK_MEM(back, data, length);
	}
	/* It is still there, and first. */
	CHECK_EQ(sluice_queue_send(queue, 99, data, 0, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_queue_receive(queue, 0, back, message_max, NULL, SLUICE_NOWAIT), size);
	fill_pattern(data, size, 77);
	CHECK_MEM(back, data, size);
	CHECK_EQ(sluice_queue_receive(queue, 99, back, message_max, NULL, SLUICE_NOWAIT), 0);
	check_nothing(queue, 0);
	CHECK_EQ(queue_info(queue).messages, 0);
	CHECK_EQ(queue_info(queue).sent, queue_info(queue).received);
	sluice_queue_close(queue);
	free(data);
	free(back);
}

static void unwanted_head(void)
{
	unwanted_head_of(0, 100, 4096);
	unwanted_head_of(8, 512, 4096);
	unwanted_head_of(512, 512, 4096);
	unwanted_head_of(1, 8192, 65536);
	unwanted_head_of(8192, 8192, 65536);
	unwanted_head_of(65536, 65536, 1 << 20);
}

/* ---- the model ---------------------------------------------------------------------------- */

#define MODEL_MOST 4096

struct model_entry {
	int64_t type;
	uint64_t length, number;
};

struct model {
	struct model_entry entries[MODEL_MOST];
	size_t count;
	uint64_t lines;         /* of what is in it */
	uint64_t ring, largest; /* lines */
	uint64_t messages_max, message_max;
	uint64_t sent;
};

static struct model model;

/* What a receive of @type gets; -1: nothing. */
static long model_choose(int64_t type)
{
	long best = -1;

	for (size_t i = 0; i < model.count; i++) {
		int64_t t = model.entries[i].type;

		if (type == 0 || t == type)
			return (long)i;
		if (type < 0 && (type == INT64_MIN || t <= -type) &&
		    (best < 0 || t < model.entries[best].type))
			best = (long)i;
	}
	return best;
}

static struct model_entry model_take(long at)
{
	struct model_entry entry = model.entries[at];

	model.count--;
	memmove(&model.entries[at], &model.entries[at + 1],
		(model.count - (size_t)at) * sizeof(entry));
	model.lines -= lines_of(entry.length);
	return entry;
}

static void model_put(int64_t type, uint64_t length, uint64_t number)
{
	CHECK_LT(model.count, MODEL_MOST);
	model.entries[model.count].type = type;
	model.entries[model.count].length = length;
	model.entries[model.count++].number = number;
	model.lines += lines_of(length);
	model.sent++;
}

/* Whatever lies where, there is room for @lines more when the living leave this much. */
static int model_has_room(uint64_t lines)
{
	uint64_t fill = model.ring - (2 * model.largest + 1);

	if (model.messages_max && model.count >= model.messages_max)
		return 0;
	return model.lines + lines + 2 * model.largest <= fill;
}

/* Whatever lies where, this cannot be. */
static int model_is_full(uint64_t lines)
{
	return (model.messages_max && model.count >= model.messages_max) ||
	       model.lines + lines > model.ring;
}

static unsigned char model_data[70000], model_back[70000];

static void traffic_send(sluice_queue *queue)
{
	uint64_t number = model.sent, length;
	int64_t type = test_random_below(20) ? (int64_t)(1 + test_random_below(8))
					     : (int64_t)(1 + (test_random() >> 1) % INT64_MAX);
	int r;

	length = test_random_below(4) ? test_random_below(model.message_max / 8 + 1)
				      : test_random_below(model.message_max + 1);
	fill_pattern(model_data, length, number);
	if (test_random_below(3) == 0) {
		void *room;

		r = sluice_queue_reserve(queue, length, &room, SLUICE_NOWAIT);
		if (r == 0) {
			CHECK_EQ((uintptr_t)room % 32, 0);
			memcpy(room, model_data, length);
			r = sluice_queue_commit(queue, room, type, length);
		}
	} else {
		r = sluice_queue_send(queue, type, model_data, length, SLUICE_NOWAIT);
	}
	if (r == 0) {
		CHECK(!model_is_full(lines_of(length)));
		model_put(type, length, number);
	} else {
		CHECK_EQ(r, SLUICE_EAGAIN);
		if (model_has_room(lines_of(length)))
			test_fail(__FILE__, __LINE__,
				  "no room for %d lines: %d messages with %d lines in a ring of %d",
				  (int)lines_of(length), (int)model.count, (int)model.lines,
				  (int)model.ring);
	}
}

static void traffic_receive(sluice_queue *queue)
{
	struct sluice_message info = message_info();
	uint64_t what = test_random_below(6);
	int64_t type = what < 1    ? 0
		       : what < 4  ? (int64_t)(1 + test_random_below(8))
		       : what == 4 ? -(int64_t)(1 + test_random_below(9))
				   : INT64_MIN;
	long at = model_choose(type);
	struct model_entry entry;
	const void *data = model_back;
	int64_t r;
	int borrow = test_random_below(3) == 0;

	if (borrow)
		r = sluice_queue_borrow(queue, type, &data, &info, SLUICE_NOWAIT);
	else
		r = sluice_queue_receive(queue, type, model_back, sizeof(model_back), &info,
					 SLUICE_NOWAIT);
	if (at < 0) {
		CHECK_EQ(r, SLUICE_EAGAIN);
		return;
	}
	entry = model.entries[at];
	CHECK_EQ(r, entry.length);
	CHECK_EQ(info.type, entry.type);
	fill_pattern(model_data, entry.length, entry.number);
	CHECK_MEM(data, model_data, entry.length);
	if (borrow && test_random_below(3) == 0) {
		CHECK_EQ(sluice_queue_return(queue, data), 0);
		return;
	}
	if (borrow)
		CHECK_EQ(sluice_queue_consume(queue, data), 0);
	(void)model_take(at);
}

static void traffic(uint64_t capacity, uint64_t message_max, uint64_t messages_max, int steps)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queues[2];
	struct sluice_queue_info info;

	options.capacity = capacity;
	options.message_max = message_max;
	options.messages_max = messages_max;
	queues[0] = open_queue_as("traffic", options);
	queues[1] = open_queue_as("traffic", options);
	memset(&model, 0, sizeof(model));
	model.ring = capacity / LINE;
	model.message_max = message_max;
	model.messages_max = messages_max;
	model.largest = lines_of(message_max);
	for (int i = 0; i < steps; i++) {
		/* Now more comes, now more goes. */
		unsigned int eager = (unsigned int)(i / 500) % 2 ? 40 : 65;

		if (test_random_below(100) < eager)
			traffic_send(queues[test_random_below(2)]);
		else
			traffic_receive(queues[test_random_below(2)]);
	}
	info = queue_info(queues[0]);
	CHECK_EQ(info.messages, model.count);
	CHECK_EQ(info.sent, model.sent);
	CHECK_EQ(info.received, model.sent - model.count);
	CHECK_EQ(info.borrowed, 0);
	CHECK_EQ(info.reserved_messages, 0);
	while (model.count) {
		struct model_entry entry = model_take(0);

		CHECK_EQ(sluice_queue_receive(queues[0], 0, model_back, sizeof(model_back), NULL,
					      SLUICE_NOWAIT),
			 entry.length);
		fill_pattern(model_data, entry.length, entry.number);
		CHECK_MEM(model_back, model_data, entry.length);
	}
	check_nothing(queues[1], 0);
	CHECK_EQ(queue_info(queues[0]).bytes_used, 0);
	CHECK_EQ(queue_info(queues[0]).repairs, 0);
	sluice_queue_close(queues[0]);
	sluice_queue_close(queues[1]);
	CHECK_EQ(sluice_remove("traffic"), 0);
}

static void random_traffic(void)
{
	for (int round = 0; round < 8; round++) {
		traffic(4096, 16, 0, 10000);
		traffic(4096, 512, 0, 10000);
		traffic(8192, 1, 0, 10000);
		traffic(65536, 8192, 0, 10000);
		traffic(65536, 2000, 20, 10000);
		traffic(1 << 20, 65536, 0, 3000);
	}
}

/* Half of the ring is of a type that nobody takes for a long time. */
static void much_unwanted(void)
{
	struct sluice_queue_options options = queue_options();
	uint64_t unwanted = 0;
	sluice_queue *queue;

	options.capacity = 65536;
	options.message_max = 256;
	queue = open_queue_as(NULL, options);
	while (queue_info(queue).bytes_used < 32768)
		send_number_as(queue, 2, unwanted++);
	for (uint64_t i = 0; i < 20000; i++) {
		CHECK_EQ(sluice_queue_send(queue, 1, &i, sizeof(i), SLUICE_NOWAIT), 0);
		CHECK_EQ(receive_number_as(queue, 1), i);
	}
	for (uint64_t i = 0; i < unwanted; i++)
		CHECK_EQ(receive_number(queue), i);
	check_nothing(queue, 0);
	sluice_queue_close(queue);
}

/* Messages of 64 MiB. */
static void huge_messages(void)
{
	struct sluice_queue_options options = queue_options();
	const size_t size = 64u << 20;
	unsigned char *data, *back;
	struct sysinfo memory;
	sluice_queue *queue;

	CHECK_EQ(sysinfo(&memory), 0);
	if (memory.freeram * memory.mem_unit < UINT64_C(2) << 30 || sizeof(void *) < 8 ||
	    test_emulated()) {
		printf("    (too little memory)\n");
		return;
	}
	data = (unsigned char *)malloc(size);
	back = (unsigned char *)malloc(size);
	CHECK(data != NULL && back != NULL);
	fill_pattern(data, size, 1);
	options.capacity = 512u << 20;
	options.message_max = size;
	queue = open_queue_as("huge", options);
	/* One stays; the others go round. */
	CHECK_EQ(sluice_queue_send(queue, 9, data, size, SLUICE_NOWAIT), 0);
	for (int i = 0; i < 12; i++) {
		data[i] ^= 0x55;
		CHECK_EQ(sluice_queue_send(queue, 1, data, size - (size_t)i, SLUICE_S(5)), 0);
		CHECK_EQ(sluice_queue_receive(queue, 1, back, size, NULL, SLUICE_S(5)),
			 size - (size_t)i);
		CHECK_MEM(back, data, size - (size_t)i);
	}
	CHECK_EQ(sluice_queue_receive(queue, 0, back, size, NULL, SLUICE_NOWAIT), size);
	for (int i = 0; i < 12; i++)
		data[i] ^= 0x55;
	CHECK_MEM(back, data, size);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("huge"), 0);
	free(data);
	free(back);
}

int main(void)
{
	test_begin();
	RUN(unwanted_head);
	RUN(much_unwanted);
	RUN(random_traffic);
	RUN(huge_messages);
	return test_end();
}
