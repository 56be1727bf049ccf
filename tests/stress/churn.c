/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * churn.c - many processes come, work, leave and are killed on one name
 *
 * Nothing is asserted of what arrives, only that no call fails in an undocumented way or takes too
 * long, and that at the end the name is as good as new and nothing is left beside it.
 */
#include "../api/help.h"

#include <sys/mman.h>

#define PROCESSES 64
#define PLACES 80

struct shared {
	uint32_t stop;
	uint32_t opens, calls;
	/* Ephemeral: who is inside, to notice two objects of one name. */
};

static struct shared *shared;

static int stopping(void)
{
	return (int)__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE);
}

static struct sluice_queue_options options_here(uint32_t flags)
{
	struct sluice_queue_options options = queue_options();

	options.capacity = 16384;
	options.message_max = 512;
	options.participants = PLACES;
	options.flags = flags;
	options.open_timeout_ns = SLUICE_S(30);
	return options;
}

static void work(sluice_queue *queue)
{
	static char bytes[512];
	const void *data;
	void *room;
	int64_t r;

	for (uint64_t i = test_random_below(20); i; i--) {
		int64_t timeout = test_random_below(3) ? SLUICE_NOWAIT : SLUICE_MS(2);
		int64_t type = (int64_t)(1 + test_random_below(4));
		size_t size = test_random_below(513);

		__atomic_fetch_add(&shared->calls, 1u, __ATOMIC_RELAXED);
		switch (test_random_below(6)) {
		case 0:
		case 1:
			r = sluice_queue_send(queue, type, bytes, size, timeout);
			break;
		case 2:
			r = sluice_queue_receive(queue, test_random_below(2) ? 0 : type, bytes,
						 sizeof(bytes), NULL, timeout);
			break;
		case 3:
			r = sluice_queue_borrow(queue, -4, &data, NULL, timeout);
			if (r >= 0 && test_random_below(4))
				r = sluice_queue_consume(queue, data);
			break;
		case 4:
			r = sluice_queue_reserve(queue, size, &room, timeout);
			if (r >= 0 && test_random_below(4))
				r = sluice_queue_commit(queue, room, type, size);
			break;
		default:
			r = sluice_queue_fd(queue, SLUICE_READABLE, 0);
			break;
		}
		if (r < 0 && r != SLUICE_EAGAIN && r != SLUICE_ETIMEDOUT && r != SLUICE_EREMOVED)
			test_fail(__FILE__, __LINE__, "%s", sluice_error_name((int)r));
	}
}

static void be_one(const char *name, uint32_t flags)
{
	/* Waits for the parent's end. */
	while (!stopping()) {
		sluice_queue *queue = open_queue_as(name, options_here(flags));

		__atomic_fetch_add(&shared->opens, 1u, __ATOMIC_RELAXED);
		work(queue);
		if (test_random_below(10) == 0)
			raise(SIGKILL);
		sluice_queue_close(queue);
	}
}

static void check_as_new(const char *name, uint32_t flags)
{
	int64_t start;
	sluice_queue *queue;

	start = test_now_ns();
	queue = open_queue_as(name, options_here(flags));
	CHECK_LT(test_now_ns() - start, SLUICE_S(2));
	CHECK_EQ(queue_info(queue).attached, 1);
	CHECK_EQ(queue_info(queue).borrowed, 0);
	CHECK_EQ(queue_info(queue).reserved_messages, 0);
	{
		char bytes[512];
		int64_t r;

		while ((r = sluice_queue_receive(queue, 0, bytes, sizeof(bytes), NULL,
						 SLUICE_NOWAIT)) >= 0)
			;
		CHECK_EQ(r, SLUICE_EAGAIN);
	}
	for (uint64_t i = 0; i < 1000; i++) {
		send_number(queue, i);
		CHECK_EQ(receive_number(queue), i);
	}
	CHECK_EQ(queue_info(queue).sent, queue_info(queue).received);
	sluice_queue_close(queue);
}

static void churn(const char *name, uint32_t flags, int removals)
{
	pid_t pids[PROCESSES];
	int64_t end = test_now_ns() + SLUICE_S(3);

	memset(shared, 0, sizeof(*shared));
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0) {
			be_one(name, flags);
			_exit(0);
		}
	}
	while (test_now_ns() < end) {
		int i = (int)test_random_below(PROCESSES), status;

		test_sleep_ms(1);
		if (removals && test_random_below(20) == 0) {
			int r = sluice_remove(name);

			CHECK(r == 0 || r == SLUICE_ENOENT);
		}
		kill(pids[i], SIGKILL);
		status = test_wait(pids[i]);
		CHECK(status == -SIGKILL || status == 0);
		pids[i] = test_fork();
		if (pids[i] == 0) {
			be_one(name, flags);
			_exit(0);
		}
	}
	__atomic_store_n(&shared->stop, 1u, __ATOMIC_RELEASE);
	for (int i = 0; i < PROCESSES; i++) {
		int status = test_wait(pids[i]);

		CHECK(status == -SIGKILL || status == 0);
	}
	printf("    %u opens, %u calls\n", shared->opens, shared->calls);

	check_as_new(name, flags);
	if (!(flags & SLUICE_EPHEMERAL))
		CHECK_EQ(sluice_remove(name), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

static void lasting(void)
{
	churn("lasting", 0, 0);
}

static void ephemeral(void)
{
	churn("ephemeral", SLUICE_EPHEMERAL, 0);
}

static void removed(void)
{
	churn("removed", 0, 1);
}

/* Two processes that are in the same ephemeral name at the same time are in the same object. */
static void one_object_a_name(void)
{
	for (int round = 0; round < 400; round++) {
		struct help_pipe go = make_pipe();
		pid_t victim = test_fork(), pids[6];

		if (victim == 0) {
			sluice_queue *queue = open_queue("one", 0, SLUICE_EPHEMERAL);

			tell(go);
			(void)queue;
			pause();
		}
		await(go);
		for (int i = 0; i < 6; i++) {
			pids[i] = test_fork();
			if (pids[i] == 0) {
				sluice_queue *queue;

				test_sleep_ms(1);
				queue = open_queue("one", 0, SLUICE_EPHEMERAL);
				tell(go);
				send_number_as(queue, 1, 1);
				/* Six in one object: all get theirs. */
				for (int64_t end = test_now_ns() + SLUICE_S(10);
				     queue_info(queue).sent < 6;) {
					CHECK_LT(test_now_ns(), end);
					test_sleep_ms(1);
				}
				tell(go);
				pause();
			}
		}
		{
			struct timespec nap = { 0, (long)(900000 + test_random_below(600000)) };

			nanosleep(&nap, NULL);
		}
		test_kill(victim);
		for (int i = 0; i < 12; i++)
			await(go);
		for (int i = 0; i < 6; i++)
			test_kill(pids[i]);
		close_pipe(go);
	}
	sluice_queue_close(open_queue("one", 0, SLUICE_EPHEMERAL));
	CHECK_EQ(count_entries(test_directory()), 0);
}

int main(void)
{
	test_begin();
	shared = (struct shared *)mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	RUN(lasting);
	RUN(ephemeral);
	RUN(removed);
	RUN(one_object_a_name);
	return test_end();
}
