/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_ends.c - who is gone, and who was never there: closed, exited, killed, forked
 */
#include "stream_help.h"

#include <pthread.h>

/* A child that does one thing with a stream it opens, and then waits to be killed. */
static pid_t start_writer(const char *name, const char *text, struct help_pipe ready)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_stream *stream = open_stream(name, SLUICE_WRITE, 0);

		write_text(stream, text);
		tell(ready);
		for (;;)
			pause();
	}
	return pid;
}

static void kill_child(pid_t pid)
{
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(test_wait(pid), -SIGKILL);
}

static void no_end_before_a_writer_came(void)
{
	sluice_stream *reader = open_stream("early", SLUICE_READ, 0), *writer;
	char byte;

	check_read(reader, SLUICE_EAGAIN);
	CHECK_EQ(sluice_stream_read(reader, &byte, 1, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	writer = open_stream("early", SLUICE_WRITE, 0);
	check_read(reader, SLUICE_EAGAIN);
	sluice_stream_close(writer);
	check_read(reader, 0);
	/* The next one begins anew. */
	writer = open_stream("early", SLUICE_WRITE, 0);
	check_read(reader, SLUICE_EAGAIN);
	write_text(writer, "again");
	sluice_stream_close(writer);
	read_text(reader, "again");
	check_read(reader, 0);
	sluice_stream_close(reader);
}

static void bytes_wait_for_a_reader(void)
{
	sluice_stream *writer = open_stream("wait", SLUICE_WRITE, 0), *reader;

	write_text(writer, "who reads this?");
	reader = open_stream("wait", SLUICE_READ, 0);
	read_text(reader, "who reads this?");
	sluice_stream_close(reader);
	CHECK_EQ(sluice_stream_write(writer, "x", 1, SLUICE_S(20)), SLUICE_EPIPE);
	reader = open_stream("wait", SLUICE_READ, 0);
	write_text(writer, "and this?");
	read_text(reader, "and this?");
	sluice_stream_close(writer);
	sluice_stream_close(reader);
}

static void the_bytes_of_a_name_go_with_the_last(void)
{
	sluice_stream *stream = open_stream("gone", SLUICE_WRITE, 0);

	write_text(stream, "nobody will read this");
	sluice_stream_close(stream);
	CHECK_EQ(count_entries(test_directory()), 0);
	stream = open_stream("gone", SLUICE_READ, 0);
	check_read(stream, SLUICE_EAGAIN);
	sluice_stream_close(stream);
}

static void persistent_bytes_stay(void)
{
	sluice_stream *stream = open_stream("stays", SLUICE_WRITE, SLUICE_PERSIST);

	write_text(stream, "kept");
	sluice_stream_close(stream);
	stream = open_stream("stays", SLUICE_READ, 0);
	read_text(stream, "kept");
	check_read(stream, 0);
	sluice_stream_close(stream);
	/* Nothing is left, so whoever comes first waits for a writer; and a writer for a reader. */
	stream = open_stream("stays", SLUICE_READ, 0);
	check_read(stream, SLUICE_EAGAIN);
	sluice_stream_close(stream);
	stream = open_stream("stays", SLUICE_WRITE, 0);
	write_text(stream, "more");
	sluice_stream_close(stream);
	CHECK_EQ(sluice_remove("stays"), 0);
}

static void persistent_after_kills(void)
{
	struct help_pipe ready = make_pipe();
	sluice_stream *stream = open_stream("stays", SLUICE_READ, SLUICE_PERSIST);
	pid_t pid = start_writer("stays", "from the dead", ready);

	await(ready);
	sluice_stream_close(stream);
	kill_child(pid);
	stream = open_stream("stays", SLUICE_WRITE, 0);
	write_text(stream, "!");
	sluice_stream_close(stream);
	stream = open_stream("stays", SLUICE_READ, 0);
	read_text(stream, "from the dead!");
	check_read(stream, 0);
	sluice_stream_close(stream);
	CHECK_EQ(sluice_remove("stays"), 0);
	close_pipe(ready);
}

static void a_killed_writer(void)
{
	struct help_pipe ready = make_pipe();
	sluice_stream *reader = open_stream("killed", SLUICE_READ, 0);
	pid_t pid = start_writer("killed", "last words", ready);
	int64_t start;

	await(ready);
	kill_child(pid);
	read_text(reader, "last words");
	start = test_now_ns();
	check_end(reader);
	CHECK_LT(test_now_ns() - start, SLUICE_S(5));
	CHECK_GE(stream_info(reader).repairs, 1);
	sluice_stream_close(reader);
	close_pipe(ready);
}

static void a_writer_killed_while_the_reader_sleeps(void)
{
	struct help_pipe ready = make_pipe();
	sluice_stream *writer;
	pid_t pid, reader;

	reader = test_fork();
	if (reader == 0) {
		sluice_stream *stream = open_stream("asleep", SLUICE_READ, 0);

		read_text(stream, "one");
		tell(ready);
		check_end(stream);
		sluice_stream_close(stream);
		_exit(0);
	}
	writer = open_stream("asleep", SLUICE_WRITE, 0);
	pid = start_writer("asleep", "one", ready);
	await(ready);
	await(ready);
	await_sleep(reader, reader);
	sluice_stream_close(writer);
	kill_child(pid);
	test_wait_ok(reader);
	close_pipe(ready);
}

static pid_t start_reader(const char *name, struct help_pipe ready)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_stream *stream = open_stream(name, SLUICE_READ, 0);
		char text[7];

		CHECK_EQ(sluice_stream_read(stream, text, sizeof(text), SLUICE_S(20)), 7);
		tell(ready);
		for (;;)
			pause();
		sluice_stream_close(stream);
	}
	return pid;
}

static void a_killed_reader(void)
{
	struct help_pipe ready = make_pipe();
	sluice_stream *writer = open_stream("deaf", SLUICE_WRITE, 0);
	pid_t pid = start_reader("deaf", ready);
	int64_t r = 0, start;

	write_text(writer, "read me");
	await(ready);
	kill_child(pid);
	/* It need not fill the ring to find out. */
	start = test_now_ns();
	while (r >= 0 && test_now_ns() - start < SLUICE_S(20)) {
		r = sluice_stream_write(writer, "x", 1, SLUICE_FOREVER);
		test_sleep_ms(1);
	}
	CHECK_EQ(r, SLUICE_EPIPE);
	CHECK_LT(stream_info(writer).readable, 65536);
	sluice_stream_close(writer);
	close_pipe(ready);
}

static void a_reader_killed_while_the_writer_sleeps(void)
{
	struct help_pipe ready = make_pipe();
	pid_t pid = start_reader("full", ready), writer;

	writer = test_fork();
	if (writer == 0) {
		sluice_stream *stream = open_stream("full", SLUICE_WRITE, 0);
		char *block = (char *)calloc(1, 4 << 20);
		int64_t r;

		CHECK(block != NULL);
		write_text(stream, "read me");
		/* A part, and then the reason. */
		r = sluice_stream_write(stream, block, 4 << 20, SLUICE_FOREVER);
		CHECK_GE(r, (1 << 20) - 7);
		CHECK_LT(r, (1 << 20) + 7);
		CHECK_EQ(sluice_stream_write(stream, block, 1, SLUICE_FOREVER), SLUICE_EPIPE);
		free(block);
		sluice_stream_close(stream);
		_exit(0);
	}
	await(ready);
	await_sleep(writer, writer);
	kill_child(pid);
	test_wait_ok(writer);
	close_pipe(ready);
}

/* Who reserved or peeked takes nothing along. */
static void killed_with_something_in_hand(void)
{
	struct help_pipe ready = make_pipe();
	struct stream_ends ends = open_pair(0);
	pid_t pid;

	write_text(ends.writer, "abc");
	pid = test_fork();
	if (pid == 0) {
		const void *seen = NULL;
		void *room = NULL;

		CHECK_EQ(sluice_stream_peek(ends.reader, 3, &seen, SLUICE_S(20)), 3);
		CHECK_GE(sluice_stream_reserve(ends.writer, 3, &room, SLUICE_S(20)), 3);
		memcpy(room, "xyz", 3);
		tell(ready);
		for (;;)
			pause();
	}
	await(ready);
	CHECK_EQ(stream_info(ends.reader).reading, pid);
	CHECK_EQ(stream_info(ends.reader).writing, pid);
	CHECK_EQ(sluice_stream_write(ends.writer, "d", 1, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	check_read(ends.reader, SLUICE_EAGAIN);
	kill_child(pid);
	write_text(ends.writer, "d");
	read_text(ends.reader, "abcd");
	CHECK_EQ(stream_info(ends.reader).reading, 0);
	close_ends(ends);
	close_pipe(ready);
}

struct peeker {
	pthread_t thread;
	sluice_stream *stream;
	int64_t result;
	int ended;
};

static void *peek_in_thread(void *argument)
{
	struct peeker *peeker = (struct peeker *)argument;
	const void *seen;

	peeker->result = sluice_stream_peek(peeker->stream, 100, &seen, SLUICE_S(20));
	__atomic_store_n(&peeker->ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Who waits for more than there is, and is woken all the time by one that gives up the read end,
 * notices that the writer is dead all the same. */
static void a_writer_killed_amid_traffic(void)
{
	struct help_pipe ready = make_pipe();
	sluice_stream *reader = open_stream("traffic", SLUICE_READ, 0);
	sluice_stream *other = open_stream("traffic", SLUICE_READ, 0);
	pid_t pid = start_writer("traffic", "too little", ready);
	struct peeker peeker;
	int64_t killed = 0;

	await(ready);
	memset(&peeker, 0, sizeof(peeker));
	peeker.stream = reader;
	CHECK_EQ(pthread_create(&peeker.thread, NULL, peek_in_thread, &peeker), 0);
	/* For the first half second: when its slices have become longer than the time between wakes. */
	for (int i = 0; !__atomic_load_n(&peeker.ended, __ATOMIC_ACQUIRE); i++) {
		const void *seen;

		if (sluice_stream_peek(other, 1, &seen, SLUICE_NOWAIT) > 0)
			CHECK_EQ(sluice_stream_consume(other, 0), 0);
		test_sleep_ms(5);
		if (i == 100) {
			kill_child(pid);
			killed = test_now_ns();
		}
	}
	CHECK_EQ(pthread_join(peeker.thread, NULL), 0);
	CHECK_EQ(peeker.result, 10);
	CHECK(killed != 0);
	CHECK_LT(test_now_ns() - killed, SLUICE_S(5));
	CHECK_EQ(sluice_stream_consume(reader, 10), 0);
	check_end(reader);
	sluice_stream_close(reader);
	sluice_stream_close(other);
	close_pipe(ready);
}

/* ---- fork ---------------------------------------------------------------------------------- */

static void a_child_is_an_end_of_its_own(void)
{
	struct stream_ends ends = open_pair(0);
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_stream_close(ends.reader);
		write_text(ends.writer, "from the child");
		sluice_stream_close(ends.writer);
		_exit(0);
	}
	CHECK_EQ(stream_info(ends.reader).attached >= 2, 1);
	sluice_stream_close(ends.writer);
	read_text(ends.reader, "from the child");
	check_end(ends.reader);
	test_wait_ok(pid);
	sluice_stream_close(ends.reader);
}

/* The parent leaves at once; the child, which has made no call yet, is the writer. */
static void never_a_moment_without_a_writer(void)
{
	struct help_pipe go = make_pipe();

	for (int i = 0; i < 50; i++) {
		struct stream_ends ends = open_pair(0);
		pid_t pid = test_fork();

		if (pid == 0) {
			await(go);
			write_text(ends.writer, "still here");
			_exit(0);
		}
		sluice_stream_close(ends.writer);
		check_read(ends.reader, SLUICE_EAGAIN);
		tell(go);
		read_text(ends.reader, "still here");
		check_end(ends.reader);
		test_wait_ok(pid);
		sluice_stream_close(ends.reader);
	}
	close_pipe(go);
}

/* A child that lets it all lie and execs, or exits, is gone as an end. */
static void a_child_that_execs(void)
{
	struct help_pipe ready = make_pipe();
	struct stream_ends ends = open_pair(0);
	pid_t pid = test_fork();

	if (pid == 0) {
		char *const arguments[] = { (char *)"sleep", (char *)"1000", NULL };

		tell(ready);
		execvp(arguments[0], arguments);
		_exit(1);
	}
	await(ready);
	write_text(ends.writer, "x");
	sluice_stream_close(ends.writer);
	read_text(ends.reader, "x");
	check_end(ends.reader);
	kill_child(pid);
	sluice_stream_close(ends.reader);
	close_pipe(ready);
}

/* What the parent gave up, the child does not get. */
static void a_child_of_a_finished_writer(void)
{
	sluice_stream *both = open_stream("both", 0, 0);
	pid_t pid;

	write_text(both, "x");
	CHECK_EQ(sluice_stream_finish(both), 0);
	pid = test_fork();
	if (pid == 0) {
		CHECK_EQ(sluice_stream_write(both, "y", 1, 0), SLUICE_EPIPE);
		read_text(both, "x");
		check_end(both);
		_exit(0);
	}
	test_wait_ok(pid);
	check_end(both);
	sluice_stream_close(both);
}

static void a_child_of_a_private_one(void)
{
	struct stream_ends ends = open_pair(SLUICE_PRIVATE);
	pid_t pid = test_fork();

	if (pid == 0) {
		CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, 0), SLUICE_ESTALE);
		close_ends(ends);
		_exit(0);
	}
	test_wait_ok(pid);
	write_text(ends.writer, "x");
	read_text(ends.reader, "x");
	close_ends(ends);
}

/* The held description keeps the end, whatever becomes of its process. */
static void held_by_another(void)
{
	struct help_pipe ready = make_pipe();
	sluice_stream *reader = open_stream("held", SLUICE_READ, 0);
	pid_t pid = test_fork(), holder;

	if (pid == 0) {
		sluice_stream *writer = open_stream("held", SLUICE_WRITE, 0);
		char number[16];

		snprintf(number, sizeof(number), "%d", dup(sluice_stream_hold_fd(writer)));
		write_text(writer, number);
		if (fork() == 0) {
			char *const arguments[] = { (char *)"sleep", (char *)"1", NULL };

			execvp(arguments[0], arguments);
		}
		tell(ready);
		_exit(0);
	}
	await(ready);
	test_wait_ok(pid);
	CHECK_GE(sluice_stream_read(reader, &holder, sizeof(holder), SLUICE_S(20)), 1);
	check_end(reader);
	sluice_stream_close(reader);
	close_pipe(ready);
}

int main(void)
{
	test_begin();
	RUN(no_end_before_a_writer_came);
	RUN(bytes_wait_for_a_reader);
	RUN(the_bytes_of_a_name_go_with_the_last);
	RUN(persistent_bytes_stay);
	RUN(persistent_after_kills);
	RUN(a_killed_writer);
	RUN(a_writer_killed_while_the_reader_sleeps);
	RUN(a_killed_reader);
	RUN(a_reader_killed_while_the_writer_sleeps);
	RUN(killed_with_something_in_hand);
	RUN(a_writer_killed_amid_traffic);
	RUN(a_child_is_an_end_of_its_own);
	RUN(never_a_moment_without_a_writer);
	RUN(a_child_that_execs);
	RUN(a_child_of_a_finished_writer);
	if (!test_emulated()) /* as open_pair() */
		RUN(a_child_of_a_private_one);
	RUN(held_by_another);
	return test_end();
}
