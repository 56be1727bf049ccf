/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* carrier_wait.c - timeouts, signals, interrupts and descriptors to poll of carried streams */
#include "carrier_help.h"

#include <poll.h>
#include <pthread.h>
#include <sys/time.h>

static struct stream_ends ends_of(int kind, struct carried *ret)
{
	struct stream_ends ends = { NULL, NULL };

	memset(ret, 0, sizeof(*ret));
	if (kind == 0)
		return open_pair(SLUICE_KERNEL);
	*ret = connect_at(kind == 1 ? abstract("sluice-test-wait").text : "tcp:127.0.0.1:0");
	ends.writer = ret->client;
	ends.reader = ret->server;
	return ends;
}

/* Write until there is no room. Return: bytes. */
static int64_t fill(sluice_stream *stream)
{
	static char bytes[65536];
	int64_t all = 0, n;

	while ((n = sluice_stream_write(stream, bytes, sizeof(bytes), SLUICE_MS(100))) > 0)
		all += n;
	CHECK_EQ(n, SLUICE_ETIMEDOUT);
	return all;
}

static void timeouts(void)
{
	for (int kind = 0; kind < 3; kind++) {
		struct carried c;
		struct stream_ends ends = ends_of(kind, &c);
		struct iovec parts[3];
		char text[8];
		int64_t began, all;

		CHECK_EQ(sluice_stream_read(ends.reader, text, 8, SLUICE_NOWAIT), SLUICE_EAGAIN);
		began = test_now_ns();
		CHECK_EQ(sluice_stream_read(ends.reader, text, 8, SLUICE_MS(50)), SLUICE_ETIMEDOUT);
		CHECK_GE(test_now_ns() - began, SLUICE_MS(50));
		parts[0].iov_base = (void *)(uintptr_t) "ab";
		parts[0].iov_len = 2;
		parts[1].iov_base = NULL;
		parts[1].iov_len = 0;
		parts[2].iov_base = (void *)(uintptr_t) "cde";
		parts[2].iov_len = 3;
		CHECK_EQ(sluice_stream_writev(ends.writer, parts, 3, SLUICE_S(5)), 5);
		CHECK_EQ(sluice_stream_read(ends.reader, text, 8, SLUICE_S(5)), 5);
		CHECK_MEM(text, "abcde", 5);
		CHECK_EQ(sluice_stream_writev(ends.writer, parts, 0, SLUICE_S(5)), 0);
		CHECK_EQ(sluice_stream_readv(ends.reader, parts, 0, SLUICE_S(5)), SLUICE_EINVAL);
		CHECK_EQ(sluice_stream_readv(ends.reader, parts, 1025, SLUICE_S(5)), SLUICE_EINVAL);
		all = fill(ends.writer);
		CHECK_EQ(sluice_stream_write(ends.writer, text, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
		CHECK_GE(stream_info(ends.writer).written, all);
		CHECK_GE(stream_info(ends.writer).unread, 1);
		CHECK_GE(stream_info(ends.reader).readable, 1);
		if (c.listener)
			close_carried(c);
		else
			close_ends(ends);
	}
}

static void polled(void)
{
	for (int kind = 0; kind < 3; kind++) {
		struct carried c;
		struct stream_ends ends = ends_of(kind, &c);
		struct pollfd in = { -1, POLLIN, 0 }, out = { -1, POLLIN, 0 };
		static char big[1 << 20];

		in.fd = sluice_stream_fd(ends.reader, SLUICE_READABLE);
		out.fd = sluice_stream_fd(ends.writer, SLUICE_WRITABLE);
		CHECK_EQ(sluice_stream_fd(ends.writer, SLUICE_WRITABLE), out.fd);
		CHECK_EQ(sluice_stream_fd(ends.writer, 7), SLUICE_EINVAL);
		CHECK_EQ(poll(&in, 1, 0), 0);
		CHECK_EQ(poll(&out, 1, 5000), 1);
		CHECK_EQ(out.revents, POLLIN);
		fill(ends.writer);
		CHECK_EQ(poll(&out, 1, 0), 0);
		CHECK_EQ(poll(&in, 1, 5000), 1);
		while (sluice_stream_read(ends.reader, big, sizeof(big), SLUICE_MS(300)) > 0)
			;
		CHECK_EQ(poll(&in, 1, 0), 0);
		CHECK_EQ(poll(&out, 1, 5000), 1);
		CHECK_EQ(sluice_stream_finish(ends.writer), 0);
		CHECK_EQ(poll(&in, 1, 5000), 1);
		CHECK_EQ(in.revents, POLLIN);
		CHECK_EQ(sluice_stream_read(ends.reader, big, 1, SLUICE_S(5)), 0);
		if (c.listener)
			close_carried(c);
		else
			close_ends(ends);
	}
}

static void *read_for_ever(void *context)
{
	char byte;

	return (void *)(intptr_t)sluice_stream_read((sluice_stream *)context, &byte, 1,
						    SLUICE_FOREVER);
}

static void interrupted(void)
{
	for (int kind = 0; kind < 3; kind++) {
		struct carried c;
		struct stream_ends ends = ends_of(kind, &c);
		pthread_t threads[4];
		void *result;
		char byte;

		for (int i = 0; i < 4; i++)
			CHECK_EQ(pthread_create(&threads[i], NULL, read_for_ever, ends.reader), 0);
		test_sleep_ms(50);
		CHECK_EQ(sluice_stream_interrupt(ends.reader), 0);
		for (int i = 0; i < 4; i++) {
			CHECK_EQ(pthread_join(threads[i], &result), 0);
			CHECK_EQ((intptr_t)result, SLUICE_ECANCELED);
		}
		/* Later calls are not affected. */
		CHECK_EQ(sluice_stream_read(ends.reader, &byte, 1, SLUICE_MS(20)),
			 SLUICE_ETIMEDOUT);
		if (c.listener)
			close_carried(c);
		else
			close_ends(ends);
	}
}

static void on_alarm(int number)
{
	(void)number;
}

static void signals(void)
{
	struct itimerval often = { { 0, 50000 }, { 0, 50000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct stream_ends ends = open_pair(SLUICE_KERNEL);
	struct sigaction action;
	char byte;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	CHECK_EQ(sluice_stream_read(ends.reader, &byte, 1, SLUICE_FOREVER), SLUICE_EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	close_ends(ends);
}

/* Opening a FIFO does not hang, and a foreign program at the other end is enough. */
static void fifo_open(void)
{
	struct help_text address = address_of("fifo", "f");
	struct sluice_stream_options options = stream_options();
	sluice_stream *both, *reader;
	char text[8];
	pid_t pid;

	for (uint32_t role = SLUICE_WRITE; role <= SLUICE_READ; role++) {
		options.role = role;
		options.open_timeout_ns = SLUICE_MS(50);
		CHECK_CONTAINS(refuse_stream_as(address.text, options, SLUICE_ETIMEDOUT).text,
			       "nobody opened");
	}
	both = open_stream(address.text, 0, 0);
	CHECK_EQ(sluice_stream_write(both, "abc", 3, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_stream_read(both, text, 8, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_stream_read(both, text, 8, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_stream_finish(both), 0);
	CHECK_EQ(sluice_stream_read(both, text, 8, SLUICE_S(5)), 0);
	sluice_stream_close(both);
	pid = test_fork();
	if (pid == 0) {
		int fd = open(address.text + 5, O_WRONLY | O_CLOEXEC);

		/* Open and silent: that is a writer too. */
		test_sleep_ms(300);
		_exit(write(fd, "late", 4) == 4 ? 0 : 1);
	}
	reader = open_stream(address.text, SLUICE_READ, 0);
	CHECK_EQ(sluice_stream_read(reader, text, 8, SLUICE_S(5)), 4);
	CHECK_EQ(sluice_stream_read(reader, text, 8, SLUICE_S(5)), 0);
	test_wait_ok(pid);
	sluice_stream_close(reader);
}

/* A reader that is stopped is not dead, however long peer_timeout is exceeded. */
static void slow_is_not_dead(void)
{
	struct sluice_listener_options options = listener_options();
	sluice_listener *listener;
	sluice_stream *client, *server;
	static char big[1 << 20];
	int64_t all, n;

	options.peer_timeout_ns = SLUICE_S(2);
	listener = open_listener_as("tcp:127.0.0.1:0", options);
	client = open_stream(listener_info(listener).address, 0, 0);
	server = accept_stream(listener);
	all = fill(server);
	/* A kernel that looks again finds room for some more. */
	while ((n = sluice_stream_write(server, big, sizeof(big), SLUICE_S(4))) > 0)
		all += n;
	CHECK_EQ(n, SLUICE_ETIMEDOUT);
	while (all > 0) {
		n = sluice_stream_read(client, big, sizeof(big), SLUICE_S(5));
		CHECK_GE(n, 1);
		all -= n;
	}
	CHECK_EQ(sluice_stream_write(server, "x", 1, SLUICE_S(5)), 1);
	sluice_stream_close(client);
	sluice_stream_close(server);
	sluice_listener_close(listener);
}

int main(void)
{
	int before;

	test_begin();
	before = count_fds();
	RUN(timeouts);
	RUN(polled);
	RUN(interrupted);
	RUN(signals);
	RUN(fifo_open);
	RUN(slow_is_not_dead);
	CHECK_EQ(count_fds(), before);
	return test_end();
}
