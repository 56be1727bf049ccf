/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_loans.c - writing and reading in place
 */
#include "help.h"

#include <pthread.h>

static void reserve_and_commit(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct sluice_message info = message_info();
	uint64_t number = 0;
	void *first, *second;

	CHECK_EQ(sluice_queue_reserve(queue, 8, &first, 0), 0);
	CHECK_EQ(sluice_queue_reserve(queue, 8, &second, 0), 0);
	CHECK_EQ((uintptr_t)first % 32, 0);
	CHECK_EQ((uintptr_t)second % 32, 0);
	check_nothing(queue, 0);
	CHECK_EQ(queue_info(queue).reserved_messages, 2);
	CHECK_EQ(queue_info(queue).sent, 0);
	/* Behind a reservation one goes on. */
	send_number_as(queue, 9, 3);
	CHECK_EQ(receive_number(queue), 3);
	number = 2;
	memcpy(second, &number, 8);
	CHECK_EQ(sluice_queue_commit(queue, second, 2, 8), 0);
	number = 1;
	memcpy(first, &number, 8);
	CHECK_EQ(sluice_queue_commit(queue, first, 1, 8), 0);
	/* The order is that of reserving. */
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, 0), 8);
	CHECK_EQ(number, 1);
	CHECK_EQ(info.type, 1);
	CHECK_EQ(receive_number(queue), 2);
	CHECK_EQ(queue_info(queue).sent, 3);
	CHECK_EQ(queue_info(queue).received, 3);
	sluice_queue_close(queue);
}

static void commit_less(void)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 1000, 4000 };
	static char bytes[4000];
	sluice_queue *queue = open_queue(NULL, 0, 0);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		void *room;

		CHECK_EQ(sluice_queue_reserve(queue, 4000, &room, 0), 0);
		memset(room, (int)i, 4000);
		CHECK_EQ(sluice_queue_commit(queue, room, 1, 4001), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_commit(queue, room, 0, 10), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_commit(queue, room, -1, 10), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_commit(queue, room, 1, sizes[i]), 0);
		CHECK_EQ(sluice_queue_receive(queue, 0, bytes, sizeof(bytes), NULL, 0), sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			CHECK_EQ(bytes[k], (char)i);
	}
	CHECK_EQ(queue_info(queue).bytes_used, 0);
	sluice_queue_close(queue);
}

static void aborted(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	void *rooms[10];

	for (int round = 0; round < 500; round++) {
		for (int i = 0; i < 10; i++)
			CHECK_EQ(sluice_queue_reserve(queue, (size_t)(i * 100), &rooms[i], 0), 0);
		send_number(queue, 1);
		for (int i = 0; i < 10; i++)
			CHECK_EQ(sluice_queue_abort(queue, rooms[(i * 7 + round) % 10]), 0);
		CHECK_EQ(receive_number(queue), 1);
		check_nothing(queue, 0);
	}
	CHECK_EQ(queue_info(queue).sent, 500);
	CHECK_EQ(queue_info(queue).received, 500);
	CHECK_EQ(queue_info(queue).messages, 0);
	CHECK_EQ(queue_info(queue).bytes_used, 0);
	sluice_queue_close(queue);
}

static void borrow_and_consume(void)
{
	sluice_queue *queue = open_queue("borrow", 0, 0), *other = open_queue("borrow", 0, 0);
	const void *data, *second;

	for (uint64_t i = 0; i < 4; i++)
		send_number_as(queue, (int64_t)(1 + i % 2), i);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &data, NULL, 0), 8);
	CHECK_EQ(*(const uint64_t *)data, 0);
	CHECK_EQ((uintptr_t)data % 32, 0);
	/* Nobody else gets it; the others go round it. */
	CHECK_EQ(sluice_queue_borrow(other, 0, &second, NULL, 0), 8);
	CHECK_EQ(*(const uint64_t *)second, 1);
	CHECK_EQ(receive_number_as(other, 1), 2);
	check_nothing(other, 1);
	CHECK_EQ(queue_info(queue).borrowed, 2);
	CHECK_EQ(queue_info(queue).messages, 3);
	CHECK_EQ(sluice_queue_consume(queue, data), 0);
	CHECK_EQ(sluice_queue_consume(other, second), 0);
	CHECK_EQ(receive_number(queue), 3);
	CHECK_EQ(queue_info(queue).received, 4);
	CHECK_EQ(queue_info(queue).bytes_used, 0);
	sluice_queue_close(queue);
	sluice_queue_close(other);
	CHECK_EQ(sluice_remove("borrow"), 0);
}

static void put_back(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct sluice_message info = message_info();
	const void *data;
	uint64_t number;

	for (uint64_t i = 0; i < 3; i++)
		send_number(queue, i);
	for (int again = 0; again < 5; again++) {
		CHECK_EQ(sluice_queue_borrow(queue, 0, &data, &info, 0), 8);
		CHECK_EQ(info.flags, again ? SLUICE_REDELIVERED : 0);
		CHECK_EQ(*(const uint64_t *)data, 0);
		CHECK_EQ(sluice_queue_return(queue, data), 0);
	}
	/* In its old place, marked. */
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, 0), 8);
	CHECK_EQ(number, 0);
	CHECK_EQ(info.flags, SLUICE_REDELIVERED);
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, 0), 8);
	CHECK_EQ(number, 1);
	CHECK_EQ(info.flags, 0);
	sluice_queue_close(queue);
}

/* Whatever is no loan, or one no longer, or another kind of loan, is refused and harms nothing. */
static void not_a_loan(void)
{
	sluice_queue *queue = open_queue("foreign", 0, 0), *other = open_queue("foreign", 0, 0);
	static char own[64];
	const void *data;
	void *room;

	send_number(queue, 1);
	CHECK_EQ(sluice_queue_reserve(queue, 100, &room, 0), 0);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &data, NULL, 0), 8);
	for (int i = 0; i < 6; i++) {
		char *wrong = i == 0   ? NULL
			      : i == 1 ? own
			      : i == 2 ? (char *)room + 1
			      : i == 3 ? (char *)room - 32
			      : i == 4 ? (char *)room + 64
				       : (char *)(uintptr_t)data + 8;

		CHECK_EQ(sluice_queue_commit(queue, wrong, 1, 1), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_abort(queue, wrong), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_consume(queue, wrong), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_return(queue, wrong), SLUICE_EINVAL);
	}
	CHECK_EQ(sluice_queue_consume(queue, room), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_return(queue, room), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_commit(queue, (void *)(uintptr_t)data, 1, 8), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_abort(queue, (void *)(uintptr_t)data), SLUICE_EINVAL);
	/* Another handle's. */
	CHECK_EQ(sluice_queue_commit(other, room, 1, 8), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_consume(other, data), SLUICE_EINVAL);
	/* Once. */
	CHECK_EQ(sluice_queue_commit(queue, room, 1, 100), 0);
	CHECK_EQ(sluice_queue_commit(queue, room, 1, 100), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_abort(queue, room), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_consume(queue, data), 0);
	CHECK_EQ(sluice_queue_consume(queue, data), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_return(queue, data), SLUICE_EINVAL);
	CHECK_EQ(queue_info(queue).messages, 1);
	CHECK_EQ(sluice_queue_reserve(queue, 1, NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_borrow(queue, 0, NULL, NULL, 0), SLUICE_EINVAL);
	sluice_queue_close(queue);
	sluice_queue_close(other);
	CHECK_EQ(sluice_remove("foreign"), 0);
}

static void at_most_64(void)
{
	sluice_queue *queue = open_queue("most", 0, 0), *other = open_queue("most", 0, 0);
	const void *data[SLUICE_LOANS_MAX], *more;
	void *rooms[SLUICE_LOANS_MAX / 2], *room;

	for (uint64_t i = 0; i < 100; i++)
		send_number(queue, i);
	for (int i = 0; i < SLUICE_LOANS_MAX / 2; i++) {
		CHECK_EQ(sluice_queue_borrow(queue, 0, &data[i], NULL, 0), 8);
		CHECK_EQ(sluice_queue_reserve(queue, 8, &rooms[i], 0), 0);
	}
	CHECK_EQ(sluice_queue_borrow(queue, 0, &more, NULL, SLUICE_FOREVER), SLUICE_EBUSY);
	CHECK_EQ(sluice_queue_reserve(queue, 8, &room, SLUICE_FOREVER), SLUICE_EBUSY);
	/* Everything else goes on, on this handle too. */
	CHECK_EQ(receive_number(queue), SLUICE_LOANS_MAX / 2);
	send_number(queue, 100);
	CHECK_EQ(sluice_queue_borrow(other, 0, &more, NULL, 0), 8);
	CHECK_EQ(sluice_queue_consume(other, more), 0);
	CHECK_EQ(sluice_queue_consume(queue, data[5]), 0);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &data[5], NULL, 0), 8);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &more, NULL, 0), SLUICE_EBUSY);
	/* Close gives all back, in their places. */
	sluice_queue_close(queue);
	CHECK_EQ(queue_info(other).borrowed, 0);
	CHECK_EQ(queue_info(other).reserved_messages, 0);
	CHECK_EQ(queue_info(other).repairs, 0);
	for (uint64_t i = 0; i <= 100; i++) {
		struct sluice_message info = message_info();
		uint64_t number, wanted = i;

		/* 5, 32, 33 were consumed. */
		if (i == 5 || i == 32 || i == 33)
			continue;
		CHECK_EQ(sluice_queue_receive(other, 0, &number, 8, &info, 0), 8);
		CHECK_EQ(number, wanted);
		CHECK_EQ(info.flags, i < 32 || i == 34 ? SLUICE_REDELIVERED : 0);
	}
	check_nothing(other, 0);
	sluice_queue_close(other);
	CHECK_EQ(sluice_remove("most"), 0);
}

/* A loan pins the ring behind it: documented. It is full, not stuck. */
static void pinned(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;
	const void *data;
	uint64_t sent = 0;

	options.capacity = 4096;
	options.message_max = 64;
	queue = open_queue_as(NULL, options);
	send_number(queue, 0);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &data, NULL, 0), 8);
	for (;;) {
		int r = sluice_queue_send(queue, 1, &sent, 8, SLUICE_NOWAIT);

		if (r == SLUICE_EAGAIN)
			break;
		CHECK_EQ(r, 0);
		CHECK_EQ(receive_number(queue), sent++);
		CHECK_LT(sent, 1000);
	}
	CHECK_EQ(sluice_queue_send(queue, 1, &sent, 8, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	check_nothing(queue, 0);
	CHECK_EQ(sluice_queue_consume(queue, data), 0);
	for (uint64_t i = 0; i < 200; i++) {
		send_number(queue, i);
		CHECK_EQ(receive_number(queue), i);
	}
	sluice_queue_close(queue);
}

/* A borrower is killed: the message comes back, flagged, to whoever waits for it. */
static void borrower_is_killed(void)
{
	sluice_queue *queue = open_queue("borrower", 0, 0);
	struct help_pipe ready = make_pipe();

	for (int i = 0; i < 10; i++) {
		struct sluice_message info = message_info();
		uint64_t number;
		pid_t pid;

		send_number(queue, (uint64_t)i);
		pid = test_fork();
		if (pid == 0) {
			sluice_queue *mine = open_queue("borrower", 0, 0);
			const void *data;
			void *room;

			CHECK_EQ(sluice_queue_borrow(mine, 0, &data, NULL, 0), 8);
			CHECK_EQ(sluice_queue_reserve(mine, 100, &room, 0), 0);
			tell(ready);
			pause();
		}
		await(ready);
		check_nothing(queue, 0);
		test_kill(pid);
		CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, SLUICE_S(5)), 8);
		CHECK_EQ(number, i);
		CHECK_EQ(info.flags, SLUICE_REDELIVERED);
		CHECK_EQ(queue_info(queue).reserved_messages, 0);
	}
	CHECK_EQ(queue_info(queue).sent, 10);
	CHECK_EQ(queue_info(queue).received, 10);
	CHECK_EQ(queue_info(queue).repairs, 10);
	sluice_queue_close(queue);
	close_pipe(ready);
	CHECK_EQ(sluice_remove("borrower"), 0);
}

/* A loan may end in another thread than it began in. */
struct handing {
	sluice_queue *queue;
	void *room;
	const void *data;
};

static void *end_loans(void *argument)
{
	struct handing *handing = (struct handing *)argument;

	CHECK_EQ(sluice_queue_commit(handing->queue, handing->room, 1, 8), 0);
	CHECK_EQ(sluice_queue_consume(handing->queue, handing->data), 0);
	return NULL;
}

static void across_threads(void)
{
	sluice_queue *queue = open_queue(NULL, 0, SLUICE_PRIVATE);

	for (int i = 0; i < 100; i++) {
		struct handing handing;
		pthread_t thread;

		handing.queue = queue;
		send_number(queue, 1);
		CHECK_EQ(sluice_queue_borrow(queue, 0, &handing.data, NULL, 0), 8);
		CHECK_EQ(sluice_queue_reserve(queue, 8, &handing.room, 0), 0);
		memset(handing.room, 0, 8);
		CHECK_EQ(pthread_create(&thread, NULL, end_loans, &handing), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_EQ(receive_number(queue), 0);
	}
	CHECK_EQ(queue_info(queue).bytes_used, 0);
	sluice_queue_close(queue);
}

int main(void)
{
	test_begin();
	RUN(reserve_and_commit);
	RUN(commit_less);
	RUN(aborted);
	RUN(borrow_and_consume);
	RUN(put_back);
	RUN(not_a_loan);
	RUN(at_most_64);
	RUN(pinned);
	RUN(borrower_is_killed);
	RUN(across_threads);
	return test_end();
}
