/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_poll.c - the descriptors of a queue in poll and epoll
 *
 * The contract: ready when a SLUICE_NOWAIT call might do something; not ready after that call has
 * said SLUICE_EAGAIN. A test may be told "ready" for nothing now and then, but not for long.
 */
#include "help.h"

#include <poll.h>
#include <sys/epoll.h>

static int is_ready(int fd, int timeout_ms)
{
	struct pollfd item = { fd, POLLIN, 0 };
	int r;

	do
		r = poll(&item, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	CHECK_GE(r, 0);
	return r;
}

/* Receive until there is nothing; how many there were. */
static int drain(sluice_queue *queue, int64_t type)
{
	uint64_t number;
	int count = 0;
	int64_t r;

	while ((r = sluice_queue_receive(queue, type, &number, sizeof(number), NULL,
					 SLUICE_NOWAIT)) >= 0)
		count++;
	CHECK_EQ(r, SLUICE_EAGAIN);
	return count;
}

/* Level-triggered, and quiet after SLUICE_EAGAIN, on this pair of handles. */
static void check_readable(sluice_queue *receiver, sluice_queue *sender)
{
	int fd = sluice_queue_fd(receiver, SLUICE_READABLE, 0);

	CHECK_GE(fd, 0);
	CHECK_EQ(sluice_queue_fd(receiver, SLUICE_READABLE, 0), fd);
	for (int round = 0; round < 50; round++) {
		drain(receiver, 0);
		CHECK_EQ(is_ready(fd, 0), 0);
		send_number(sender, 1);
		CHECK_EQ(is_ready(fd, 2000), 1);
		CHECK_EQ(is_ready(fd, 0), 1);
		send_number(sender, 2);
		CHECK_EQ(receive_number(receiver), 1);
		/* One is left: still ready. */
		CHECK_EQ(is_ready(fd, 0), 1);
		CHECK_EQ(drain(receiver, 0), 1);
	}
	CHECK_EQ(is_ready(fd, 0), 0);
}

static void readable_named(void)
{
	sluice_queue *receiver = open_queue("readable", SLUICE_RECEIVE, 0);
	sluice_queue *sender = open_queue("readable", SLUICE_SEND, 0);

	check_readable(receiver, sender);
	sluice_queue_close(receiver);
	sluice_queue_close(sender);
}

static void readable_anonymous(void)
{
	sluice_queue *both = open_queue(NULL, 0, 0);

	check_readable(both, both);
	sluice_queue_close(both);
}

static void readable_private(void)
{
	sluice_queue *both = open_queue(NULL, 0, SLUICE_PRIVATE);

	check_readable(both, both);
	sluice_queue_close(both);
}

/* What is there before the descriptor is made counts, and is forgotten once it was taken. */
static void there_before_the_descriptor(const char *name, uint32_t flags)
{
	sluice_queue *queue = open_queue(name, 0, flags);
	int fd;

	send_number(queue, 1);
	fd = sluice_queue_fd(queue, SLUICE_READABLE, 0);
	CHECK_GE(fd, 0);
	CHECK_EQ(is_ready(fd, 0), 1);
	CHECK_EQ(drain(queue, 0), 1);
	CHECK_EQ(is_ready(fd, 0), 0);
	sluice_queue_close(queue);
}

static void there_before_named(void)
{
	there_before_the_descriptor("before", 0);
}

static void there_before_anonymous(void)
{
	there_before_the_descriptor(NULL, 0);
}

static void there_before_private(void)
{
	there_before_the_descriptor(NULL, SLUICE_PRIVATE);
}

static void one_type_only(void)
{
	sluice_queue *receiver = open_queue("typed", SLUICE_RECEIVE, 0);
	sluice_queue *sender = open_queue("typed", SLUICE_SEND, 0);
	int fd = sluice_queue_fd(receiver, SLUICE_READABLE, 7);

	CHECK_GE(fd, 0);
	CHECK_EQ(sluice_queue_fd(receiver, SLUICE_READABLE, 8), SLUICE_EBUSY);
	CHECK_EQ(sluice_queue_fd(receiver, SLUICE_READABLE, 0), SLUICE_EBUSY);
	CHECK_EQ(drain(receiver, 7), 0);
	for (int64_t type = 1; type < 100; type++)
		if (type != 7)
			send_number_as(sender, type, 1);
	CHECK_EQ(is_ready(fd, 0), 0);
	send_number_as(sender, 7, 1);
	CHECK_EQ(is_ready(fd, 2000), 1);
	CHECK_EQ(drain(receiver, 7), 1);
	CHECK_EQ(is_ready(fd, 0), 0);
	sluice_queue_close(receiver);
	sluice_queue_close(sender);
	CHECK_EQ(sluice_remove("typed"), 0);
}

static void lowest_types(void)
{
	sluice_queue *receiver = open_queue("lowest", SLUICE_RECEIVE, 0);
	sluice_queue *sender = open_queue("lowest", SLUICE_SEND, 0);
	int fd = sluice_queue_fd(receiver, SLUICE_READABLE, -5);

	CHECK_EQ(drain(receiver, -5), 0);
	send_number_as(sender, 6, 1);
	send_number_as(sender, INT64_MAX, 1);
	CHECK_EQ(is_ready(fd, 0), 0);
	send_number_as(sender, 5, 1);
	CHECK_EQ(is_ready(fd, 2000), 1);
	CHECK_EQ(drain(receiver, -5), 1);
	CHECK_EQ(is_ready(fd, 0), 0);
	sluice_queue_close(receiver);
	sluice_queue_close(sender);
	CHECK_EQ(sluice_remove("lowest"), 0);
}

static int fill(sluice_queue *queue, size_t size)
{
	static unsigned char bytes[4096];
	int count = 0, r;

	while ((r = sluice_queue_send(queue, 1, bytes, size, SLUICE_NOWAIT)) == 0)
		count++;
	CHECK_EQ(r, SLUICE_EAGAIN);
	return count;
}

static void check_writable(const char *name, uint32_t flags, uint64_t messages_max)
{
	struct sluice_queue_options options = queue_options();
	unsigned char bytes[512];
	sluice_queue *queue;
	int fd;

	options.capacity = 16384;
	options.message_max = 512;
	options.messages_max = messages_max;
	options.flags = flags;
	queue = open_queue_as(name, options);
	fd = sluice_queue_fd(queue, SLUICE_WRITABLE, 0);
	CHECK_GE(fd, 0);
	CHECK_EQ(is_ready(fd, 0), 1);
	for (int round = 0; round < 20; round++) {
		CHECK_GE(fill(queue, 512), round ? 1 : 8);
		CHECK_EQ(is_ready(fd, 0), 0);
		/* More than one, since padding at the end of the lap takes room as well. */
		for (int i = 0; i < 3; i++)
			CHECK_EQ(sluice_queue_receive(queue, 0, bytes, sizeof(bytes), NULL,
						      SLUICE_NOWAIT),
				 512);
		CHECK_EQ(is_ready(fd, 2000), 1);
	}
	sluice_queue_close(queue);
}

static void writable_named(void)
{
	check_writable("writable", 0, 0);
}

static void writable_anonymous(void)
{
	check_writable(NULL, 0, 0);
}

static void writable_private(void)
{
	check_writable(NULL, SLUICE_PRIVATE, 0);
}

static void writable_by_count(void)
{
	check_writable("counted", 0, 8);
}

static void bad_arguments(void)
{
	sluice_queue *receiver = open_queue("roles", SLUICE_RECEIVE, 0);
	sluice_queue *sender = open_queue("roles", SLUICE_SEND, 0);

	CHECK_EQ(sluice_queue_fd(receiver, SLUICE_WRITABLE, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_fd(sender, SLUICE_READABLE, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_fd(sender, SLUICE_READABLE | SLUICE_WRITABLE, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_fd(sender, 0, 0), SLUICE_EINVAL);
	sluice_queue_close(receiver);
	sluice_queue_close(sender);
}

static void in_epoll_between_processes(void)
{
	sluice_queue *receiver = open_queue("between", SLUICE_RECEIVE, 0);
	struct epoll_event event;
	int epoll = epoll_create1(EPOLL_CLOEXEC), got = 0;
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_queue *sender = open_queue("between", SLUICE_SEND, 0);

		for (uint64_t i = 0; i < 200; i++) {
			send_number(sender, i);
			if (i % 10 == 0)
				test_sleep_ms(2);
		}
		_exit(0);
	}
	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, sluice_queue_fd(receiver, SLUICE_READABLE, 0),
			   &event),
		 0);
	while (got < 200) {
		CHECK_EQ(epoll_wait(epoll, &event, 1, 5000), 1);
		got += drain(receiver, 0);
	}
	CHECK_EQ(got, 200);
	test_wait_ok(pid);
	close(epoll);
	sluice_queue_close(receiver);
}

/* A poller that waits costs nothing: few wake-ups in a second in which nothing happens. */
static void idle_is_quiet(const char *name)
{
	sluice_queue *queue = open_queue(name, 0, 0);
	int fd = sluice_queue_fd(queue, SLUICE_READABLE, 0), woken = 0;
	int64_t end = test_now_ns() + SLUICE_S(1);

	send_number(queue, 1);
	CHECK_EQ(drain(queue, 0), 1);
	while (test_now_ns() < end) {
		woken += is_ready(fd, 50);
		CHECK_EQ(drain(queue, 0), 0);
	}
	/* The timer, four times a second. */
	CHECK_LT(woken, 12);
	sluice_queue_close(queue);
}

static void idle_named(void)
{
	idle_is_quiet("idle");
}

static void idle_anonymous(void)
{
	idle_is_quiet(NULL);
}

/* A participant that was rung and then left, or does not care any more, must not keep the others
 * of an anonymous queue awake. */
static void leaver_disturbs_nobody(void)
{
	sluice_queue *first = open_queue(NULL, 0, 0), *second;
	int fds[3], fd, woken = 0;
	char name[64];

	CHECK_EQ(sluice_queue_share(first, fds), 3);
	snprintf(name, sizeof(name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	second = open_queue(name, 0, 0);
	CHECK_GE(sluice_queue_fd(second, SLUICE_READABLE, 0), 0);
	CHECK_EQ(drain(second, 0), 0);
	send_number(first, 1);
	CHECK_EQ(is_ready(sluice_queue_fd(second, SLUICE_READABLE, 0), 1000), 1);
	sluice_queue_close(second);
	fd = sluice_queue_fd(first, SLUICE_READABLE, 0);
	CHECK_EQ(drain(first, 0), 1);
	for (int i = 0; i < 20; i++) {
		woken += is_ready(fd, 10);
		CHECK_EQ(drain(first, 0), 0);
	}
	CHECK_LT(woken, 5);
	sluice_queue_close(first);
}

/* The sender is killed at any moment; the poller is brought back by the timer at the latest. */
static void ringer_is_killed(void)
{
	sluice_queue *receiver = open_queue("killed", SLUICE_RECEIVE, 0);
	int fd = sluice_queue_fd(receiver, SLUICE_READABLE, 0);

	for (int round = 0; round < 20; round++) {
		uint64_t number;
		pid_t pid;

		CHECK_EQ(drain(receiver, 0), 0);
		pid = test_fork();
		if (pid == 0) {
			sluice_queue *sender = open_queue("killed", SLUICE_SEND, 0);

			for (;;)
				send_number(sender, 1);
		}
		CHECK_EQ(is_ready(fd, 5000), 1);
		test_sleep_ms((int64_t)test_random_below(5));
		test_kill(pid);
		while (sluice_queue_receive(receiver, 0, &number, sizeof(number), NULL,
					    SLUICE_NOWAIT) >= 0)
			;
		drain(receiver, 0);
	}
	sluice_queue_close(receiver);
}

static void removal_wakes_the_poller(void)
{
	sluice_queue *receiver = open_queue("removed", SLUICE_RECEIVE, 0);
	int fd = sluice_queue_fd(receiver, SLUICE_READABLE, 0);
	uint64_t number;
	int64_t start;
	pid_t pid;

	CHECK_EQ(drain(receiver, 0), 0);
	start = test_now_ns();
	pid = test_fork();
	if (pid == 0) {
		CHECK_EQ(sluice_remove("removed"), 0);
		_exit(0);
	}
	test_wait_ok(pid);
	CHECK_EQ(is_ready(fd, 5000), 1);
	CHECK_LT(test_now_ns() - start, SLUICE_S(1));
	CHECK_EQ(sluice_queue_receive(receiver, 0, &number, sizeof(number), NULL, SLUICE_NOWAIT),
		 SLUICE_EREMOVED);
	sluice_queue_close(receiver);
	CHECK_EQ(access(path_of("removed").text, F_OK), -1);
}

/* Both ends at once, the two descriptors independent. */
static void both_events(void)
{
	sluice_queue *queue = open_queue("both", 0, 0);
	int readable = sluice_queue_fd(queue, SLUICE_READABLE, 0);
	int writable = sluice_queue_fd(queue, SLUICE_WRITABLE, 0);

	CHECK_NE(readable, writable);
	CHECK_EQ(drain(queue, 0), 0);
	CHECK_EQ(is_ready(readable, 0), 0);
	CHECK_EQ(is_ready(writable, 0), 1);
	send_number(queue, 1);
	CHECK_EQ(is_ready(readable, 1000), 1);
	CHECK_EQ(is_ready(writable, 0), 1);
	sluice_queue_close(queue);
}

int main(void)
{
	test_begin();
	RUN(readable_named);
	RUN(readable_anonymous);
	RUN(readable_private);
	RUN(there_before_named);
	RUN(there_before_anonymous);
	RUN(there_before_private);
	RUN(one_type_only);
	RUN(lowest_types);
	RUN(writable_named);
	RUN(writable_anonymous);
	RUN(writable_private);
	RUN(writable_by_count);
	RUN(bad_arguments);
	RUN(in_epoll_between_processes);
	RUN(idle_named);
	RUN(idle_anonymous);
	RUN(leaver_disturbs_nobody);
	RUN(ringer_is_killed);
	RUN(removal_wakes_the_poller);
	RUN(both_events);
	return test_end();
}
