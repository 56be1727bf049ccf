/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stand_back.c - when a stream's reader leaves what has come to the writers for a moment, and when not
 *
 * A ring in plain memory, with a writer's view and a reader's; the memory is not mapped twice, so what
 * wraps is rubbish, which nobody looks at. What the moment gains is left to the benches; here is who gets
 * into it: only one who finds many moves at once, and not for long one who answers.
 */
#include "lonely.h"
#include "protocol/byte_ring.h"

#include <sluice.h>
#include <sys/uio.h>

#define CAPACITY 65536u
#define SHORT 64u
#define READS 1000
#define SELDOM (READS / 50)

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

/* Writes of @sizes, up to a 0, come, and are read. @goes_on: a reader that stands back sees the last one
 * come after its look amid that; else the writer has stopped by then. Return: did it stand back? */
static bool pass(const size_t *sizes, bool goes_on)
{
	static unsigned char bytes[CAPACITY];
	struct iovec part = { bytes, sizeof(bytes) };
	struct sli_span span = { .parts = &part, .left = sizeof(bytes) };
	struct sli_wait wait = { .timeout = 0 };
	bool stands_back = sli_bytes_stands_back(&reader);
	uint64_t amid = sli_bytes_amid(&reader);
	int64_t all = 0;

	for (; *sizes; sizes++) {
		if (!sizes[1] && goes_on)
			amid = sli_bytes_amid(&reader);
		write_one(*sizes);
		all += (int64_t)*sizes;
	}
	if (stands_back)
		sli_bytes_stood_back(&reader, goes_on ? amid : sli_bytes_amid(&reader));
	CHECK_EQ(sli_bytes_read(&reader, &wait, &span), all);
	return stands_back;
}

/* Before how many of READS reads does it stand back? */
static int count_of(const size_t *sizes, bool goes_on)
{
	int times = 0;

	set_up();
	for (int i = 0; i < READS; i++)
		times += pass(sizes, goes_on);
	return times;
}

#define SIZES(...) ((const size_t[]){ __VA_ARGS__, 0 })
#define FOUR SHORT, SHORT, SHORT, SHORT
#define TWENTY FOUR, FOUR, FOUR, FOUR, FOUR

static void who_gets_one_does_not(void)
{
	CHECK_EQ(count_of(SIZES(SHORT), true), 0);
	CHECK_EQ(count_of(SIZES(1), true), 0);
	CHECK_EQ(count_of(SIZES(4096), true), 0);
}

/* A request in some writes: it is tried, seldom. */
static void who_answers_does_not(void)
{
	CHECK_LT(count_of(SIZES(SHORT, SHORT), false), SELDOM);
	CHECK_LT(count_of(SIZES(8, SHORT), false), SELDOM);
	CHECK_LT(count_of(SIZES(SHORT, 1), false), SELDOM);
	CHECK_LT(count_of(SIZES(100, 2), false), SELDOM);
	CHECK_LT(count_of(SIZES(1000, 1), false), SELDOM);
	CHECK_LT(count_of(SIZES(4000, 104), false), SELDOM);
	CHECK_LT(count_of(SIZES(TWENTY), false), SELDOM);
	CHECK_GE(count_of(SIZES(TWENTY), false), 1);
}

static void a_few_are_not_worth_it(void)
{
	CHECK_LT(count_of(SIZES(FOUR), true), SELDOM);
	CHECK_GE(count_of(SIZES(FOUR), true), 1);
}

static void many_are(void)
{
	CHECK_GE(count_of(SIZES(TWENTY), true), READS * 9 / 10);
	CHECK_GE(count_of(SIZES(1, 1, 1, 1, 1, 1, 1, 1), true), READS * 9 / 10);
}

static void long_moves_are_not(void)
{
	CHECK_EQ(count_of(SIZES(1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024), true), 0);
}

static void the_first_single_one_ends_it(void)
{
	CHECK_GE(count_of(SIZES(TWENTY), true), 1);
	CHECK(sli_bytes_stands_back(&reader));
	pass(SIZES(SHORT), true);
	CHECK(!sli_bytes_stands_back(&reader));
	/* And it has to be learned anew. */
	pass(SIZES(TWENTY), true);
	CHECK(!sli_bytes_stands_back(&reader));
}

int main(void)
{
	test_begin();
	RUN(who_gets_one_does_not);
	RUN(who_answers_does_not);
	RUN(a_few_are_not_worth_it);
	RUN(many_are);
	RUN(long_moves_are_not);
	RUN(the_first_single_one_ends_it);
	return test_end();
}
