/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stand_back.c - when a stream's reader leaves what has come to the writers for a moment, and when not
 *
 * A ring in plain memory, with a writer's view and a reader's; the memory is not mapped twice, so what
 * wraps is rubbish, which nobody looks at. What the moment gains is left to the
 * benches; here is who gets into it: only one who finds many moves at once, never one who answers.
 */
#include "lonely.h"
#include "protocol/byte_ring.h"

#include <sluice.h>
#include <sys/uio.h>

#define CAPACITY 65536u
#define SHORT 64u
#define READS 1000

static struct sli_byte_ring writer, reader;

static void set_up(void)
{
	static _Alignas(128) struct sli_byte_ring_control control;
	static unsigned char data[2 * CAPACITY];

	memset(&control, 0, sizeof(control));
	be_alone();
	writer = (struct sli_byte_ring){ .control = &control,
					 .data = data,
					 .capacity = CAPACITY,
					 .atomic = 4096,
					 .number = 1,
					 .peers = &lonely };
	reader = writer;
}

static void write_one(size_t size)
{
	static unsigned char bytes[4096];
	struct iovec part = { bytes, size };
	struct sli_span span = { .parts = &part, .left = size };
	struct sli_wait wait = { .timeout = 0 };

	CHECK_EQ(sli_bytes_write(&writer, &wait, &span), (int64_t)size);
}

/* @moves of @size bytes come at once, and are read. */
static void pass(int moves, size_t size)
{
	static unsigned char bytes[CAPACITY];
	struct iovec part = { bytes, sizeof(bytes) };
	struct sli_span span = { .parts = &part, .left = sizeof(bytes) };
	struct sli_wait wait = { .timeout = 0 };

	for (int i = 0; i < moves; i++)
		write_one(size);
	CHECK_EQ(sli_bytes_read(&reader, &wait, &span), (int64_t)((size_t)moves * size));
}

/* Before how many of READS reads would it have stood back? */
static int count(int moves, size_t size)
{
	int times = 0;

	set_up();
	for (int i = 0; i < READS; i++) {
		times += sli_bytes_stands_back(&reader);
		pass(moves, size);
	}
	return times;
}

static void who_answers_does_not(void)
{
	CHECK_EQ(count(1, SHORT), 0);
	CHECK_EQ(count(1, 1), 0);
	CHECK_EQ(count(1, 4096), 0);
}

/* A request in two writes, or in four: it is tried, seldom. */
static void a_few_are_not_worth_it(void)
{
	CHECK_LT(count(2, SHORT), READS / 50);
	CHECK_LT(count(4, 16), READS / 50);
	CHECK_GE(count(4, 16), 1);
}

static void many_are(void)
{
	CHECK_GE(count(20, SHORT), READS * 9 / 10);
	CHECK_GE(count(100, 1), READS * 9 / 10);
}

static void long_moves_are_not(void)
{
	CHECK_EQ(count(10, 1024), 0);
}

static void the_first_single_one_ends_it(void)
{
	CHECK_GE(count(20, SHORT), 1);
	CHECK(sli_bytes_stands_back(&reader));
	pass(1, SHORT);
	CHECK(!sli_bytes_stands_back(&reader));
	/* And it has to be learned anew. */
	pass(20, SHORT);
	CHECK(!sli_bytes_stands_back(&reader));
}

int main(void)
{
	test_begin();
	RUN(who_answers_does_not);
	RUN(a_few_are_not_worth_it);
	RUN(many_are);
	RUN(long_moves_are_not);
	RUN(the_first_single_one_ends_it);
	return test_end();
}
