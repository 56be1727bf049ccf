/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * one_cpu.c - everything on one processor: it works, nobody spins, who waits costs nothing
 */
#include "../api/help.h"

#include <sched.h>
#include <sys/resource.h>

static void one_processor(void)
{
	cpu_set_t all, one;

	CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &one);
			break;
		}
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
}

static int64_t cpu_ns(void)
{
	struct timespec spent;

	CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent), 0);
	return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static void ping_pong(void)
{
	sluice_queue *queue = open_queue("ping", 0, 0);
	int64_t start;
	pid_t pid = test_fork();

	if (pid == 0) {
		for (uint64_t i = 0; i < 20000; i++)
			send_number_as(queue, 2, receive_number_as(queue, 1));
		sluice_queue_close(queue);
		_exit(0);
	}
	start = test_now_ns();
	for (uint64_t i = 0; i < 20000; i++) {
		send_number_as(queue, 1, i);
		CHECK_EQ(receive_number_as(queue, 2), i);
	}
	/* With spinning it would be a scheduler's tick for each. */
	CHECK_LT(test_now_ns() - start, SLUICE_S(10));
	test_wait_ok(pid);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("ping"), 0);
}

/* Under a thousandth of a processor, with peers that are there and with none. */
static void waiting_is_free(void)
{
	sluice_queue *queue = open_queue("free", 0, 0);
	sluice_mutex *mutex = open_mutex("free-mutex", 0), *waiter = open_mutex("free-mutex", 0);
	struct help_pipe ready = make_pipe();
	pid_t pids[20];
	int64_t start, spent;
	uint64_t number;

	for (int i = 0; i < 20; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0) {
			open_queue("free", 0, 0);
			tell(ready);
			pause();
		}
		await(ready);
	}
	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	/* What is done once. */
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, NULL, SLUICE_MS(10)), SLUICE_ETIMEDOUT);
	start = test_now_ns();
	spent = cpu_ns();
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, NULL, SLUICE_S(2)), SLUICE_ETIMEDOUT);
	spent = cpu_ns() - spent;
	printf("    queue: %lld us in %lld ms\n", (long long)spent / 1000,
	       (long long)(test_now_ns() - start) / 1000000);
	CHECK_LT(spent, (test_now_ns() - start) / 1000);
	start = test_now_ns();
	spent = cpu_ns();
	CHECK_EQ(sluice_mutex_lock(waiter, SLUICE_S(2)), SLUICE_ETIMEDOUT);
	spent = cpu_ns() - spent;
	printf("    mutex: %lld us in %lld ms\n", (long long)spent / 1000,
	       (long long)(test_now_ns() - start) / 1000000);
	CHECK_LT(spent, (test_now_ns() - start) / 1000);
	for (int i = 0; i < 20; i++)
		test_kill(pids[i]);
	close_pipe(ready);
	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
	sluice_mutex_close(waiter);
	CHECK_EQ(sluice_remove("free"), 0);
	CHECK_EQ(sluice_remove("free-mutex"), 0);
}

int main(void)
{
	test_begin();
	/* First as many as there are, then one. */
	RUN(waiting_is_free);
	one_processor();
	RUN(ping_pong);
	RUN(waiting_is_free);
	return test_end();
}
