/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * type_index.c - the private index of a receiver against a scan of the whole log
 *
 * A ring in plain memory with hooks that do nothing; two views of it, one with an index, one
 * without. Whatever is asked of the one must be what the other says.
 */
#include "protocol/type_index.h"
#include "lonely.h"
#include "protocol/log_ring.h"

#include <sluice.h>

#define LINES 1024u
#define MESSAGE_MAX 400u

static struct sli_ring indexed, plain;

static void set_up(void)
{
	static _Alignas(128) unsigned char lines[LINES * SLI_LINE];
	static _Alignas(128) struct sli_ring_control control;

	memset(lines, 0, sizeof(lines));
	memset(&control, 0, sizeof(control));
	be_alone();
	plain.control = &control;
	plain.lines = lines;
	plain.count = LINES;
	plain.message_max = MESSAGE_MAX;
	plain.messages_max = 0;
	plain.peers = &lonely;
	plain.index = NULL;
	sli_type_index_free(indexed.index);
	indexed = plain;
	sli_ring_init(&plain);
	sli_ring_init(&indexed);
	indexed.index = sli_type_index_new();
	CHECK(indexed.index != NULL);
}

static int64_t any_type(uint64_t types)
{
	return test_random_below(50)  ? (int64_t)(1 + test_random_below(types))
	       : test_random_below(2) ? INT64_MAX
				      : (int64_t)(1 + (test_random() >> 1) % INT64_MAX);
}

static int64_t any_selection(uint64_t types)
{
	switch (test_random_below(5)) {
	case 0:
		return 0;
	case 1:
		return -(int64_t)(1 + test_random_below(types));
	case 2:
		return test_random_below(2) ? INT64_MIN : -INT64_MAX;
	default:
		return any_type(types);
	}
}

/* Borrow with the one, look, put back; the other must have found the same. */
static void compare(int64_t type)
{
	struct sli_wait wait = { .timeout = 0 };
	struct sli_found a, b;
	int r = sli_ring_borrow(&plain, &wait, type, &a), s;

	if (r == 0)
		CHECK_EQ(sli_ring_return(&plain, &a), 0);
	s = sli_ring_borrow(&indexed, &wait, type, &b);
	CHECK_EQ(s, r);
	if (r < 0) {
		CHECK_EQ(r, -EAGAIN);
		return;
	}
	CHECK_EQ(b.position, a.position);
	CHECK_EQ(b.type, a.type);
	CHECK_EQ(b.sequence >> SLI_RECORD_SEQUENCE_SHIFT, a.sequence >> SLI_RECORD_SEQUENCE_SHIFT);
	CHECK_EQ(sli_ring_return(&indexed, &b), 0);
}

struct pending {
	struct sli_found found[80];
	uint32_t count;
};

static void step(uint64_t types, struct pending *reserved, struct pending *taken)
{
	unsigned char bytes[MESSAGE_MAX] = { 0 };
	struct sli_wait wait = { .timeout = 0 };
	struct sli_found found;
	uint32_t at;

	switch (test_random_below(12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		(void)sli_ring_send(&plain, &wait, any_type(types), bytes,
				    test_random_below(MESSAGE_MAX + 1));
		break;
	case 4:
		if (reserved->count < 80 &&
		    sli_ring_reserve(&plain, &wait, test_random_below(64),
				     &reserved->found[reserved->count]) == 0)
			reserved->count++;
		break;
	case 5:
	case 6:
		if (!reserved->count)
			break;
		at = (uint32_t)test_random_below(reserved->count);
		found = reserved->found[at];
		reserved->found[at] = reserved->found[--reserved->count];
		if (test_random_below(3))
			CHECK_EQ(sli_ring_commit(&plain, &found, any_type(types), 0), 0);
		else
			CHECK_EQ(sli_ring_abort(&plain, &found), 0);
		break;
	case 7:
		if (taken->count < 80 &&
		    sli_ring_borrow(test_random_below(2) ? &plain : &indexed, &wait,
				    any_selection(types), &taken->found[taken->count]) == 0)
			taken->count++;
		break;
	case 8:
		if (!taken->count)
			break;
		at = (uint32_t)test_random_below(taken->count);
		found = taken->found[at];
		taken->found[at] = taken->found[--taken->count];
		if (test_random_below(2))
			CHECK_EQ(sli_ring_consume(&plain, &found), 0);
		else
			CHECK_EQ(sli_ring_return(&plain, &found), 0);
		break;
	default:
		(void)sli_ring_receive(test_random_below(2) ? &plain : &indexed, &wait,
				       any_selection(types), bytes, sizeof(bytes), &found);
		break;
	}
}

static void random_steps(uint64_t types, int steps)
{
	struct pending reserved = { .count = 0 }, taken = { .count = 0 };

	set_up();
	for (int i = 0; i < steps; i++) {
		step(types, &reserved, &taken);
		/* Not each time, so that the index falls behind as well. */
		if (test_random_below(3) == 0)
			compare(any_selection(types));
		/* Loans pin the ring; let it move on now and then. */
		while (i % 500 == 0 && reserved.count)
			CHECK_EQ(sli_ring_abort(&plain, &reserved.found[--reserved.count]), 0);
		while (i % 500 == 0 && taken.count)
			CHECK_EQ(sli_ring_return(&plain, &taken.found[--taken.count]), 0);
	}
}

static void few_types(void)
{
	random_steps(3, 100000);
}

static void many_types(void)
{
	random_steps(1000, 100000);
}

static void one_type(void)
{
	random_steps(1, 50000);
}

/* Receiving by type does not look again at what it has passed: a thousand messages that nobody
 * wants in front of one that somebody does cost little. */
static void no_second_look(void)
{
	struct sli_wait wait = { .timeout = 0 };
	struct sli_found found;
	int64_t start, with, without;

	set_up();
	for (int i = 0; i < 900; i++)
		CHECK_EQ(sli_ring_send(&plain, &wait, 2, NULL, 0), 0);
	start = test_now_ns();
	for (int i = 0; i < 5000; i++) {
		CHECK_EQ(sli_ring_send(&plain, &wait, 1, NULL, 0), 0);
		CHECK_EQ(sli_ring_receive(&indexed, &wait, 1, NULL, 0, &found), 0);
	}
	with = test_now_ns() - start;
	start = test_now_ns();
	for (int i = 0; i < 5000; i++) {
		CHECK_EQ(sli_ring_send(&plain, &wait, 1, NULL, 0), 0);
		CHECK_EQ(sli_ring_receive(&plain, &wait, 1, NULL, 0, &found), 0);
	}
	without = test_now_ns() - start;
	printf("    %" PRId64 " us with, %" PRId64 " us without\n", with / 1000, without / 1000);
	if (!test_emulated())
		CHECK_LT(with, without);
}

int main(void)
{
	test_begin();
	RUN(few_types);
	RUN(many_types);
	RUN(one_type);
	RUN(no_second_look);
	return test_end();
}
