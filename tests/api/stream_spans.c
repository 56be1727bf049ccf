/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_spans.c - reading and writing in place; sharing; many at once; descriptors to poll
 */
#include "stream_help.h"

#include <poll.h>
#include <pthread.h>

#define CAPACITY 65536u

static struct stream_ends open_small(uint32_t flags)
{
	struct sluice_stream_options options = stream_options();

	options.capacity = CAPACITY;
	options.flags = flags;
	return open_pair_as(options);
}

static void one_span_across_the_end(uint32_t flags)
{
	struct stream_ends ends = open_small(flags);
	uint64_t position = 0;

	for (int i = 0; i < 40; i++) {
		size_t size = CAPACITY - (size_t)test_random_below(3000);
		const void *seen = NULL;
		void *room = NULL;

		CHECK_EQ(sluice_stream_reserve(ends.writer, size, &room, SLUICE_S(20)), CAPACITY);
		fill_pattern((unsigned char *)room, position, size);
		CHECK_EQ(sluice_stream_commit(ends.writer, size), 0);
		CHECK_EQ(sluice_stream_peek(ends.reader, size, &seen, SLUICE_S(20)), size);
		check_pattern((const unsigned char *)seen, position, size);
		CHECK_EQ(sluice_stream_consume(ends.reader, size), 0);
		position += size;
	}
	CHECK_EQ(stream_info(ends.reader).written, position);
	close_ends(ends);
}

static void spans_of_a_pair(void)
{
	one_span_across_the_end(0);
}

static void spans_of_a_private_pair(void)
{
	one_span_across_the_end(SLUICE_PRIVATE);
}

static void parts_of_a_span(void)
{
	struct stream_ends ends = open_small(0);
	const void *seen = NULL;
	void *room = NULL;
	char byte;

	CHECK_GE(sluice_stream_reserve(ends.writer, 0, &room, 0), 1);
	CHECK_EQ(sluice_stream_reserve(ends.writer, 0, &room, 0), SLUICE_EBUSY);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, 0), SLUICE_EBUSY);
	CHECK_EQ(sluice_stream_commit(ends.writer, CAPACITY + 1), SLUICE_EINVAL);
	memcpy(room, "abcdef", 6);
	CHECK_EQ(sluice_stream_commit(ends.writer, 5), 0);
	CHECK_EQ(sluice_stream_commit(ends.writer, 5), SLUICE_EINVAL);
	CHECK_GE(sluice_stream_reserve(ends.writer, 0, &room, 0), 1);
	CHECK_EQ(sluice_stream_commit(ends.writer, 0), 0);

	CHECK_EQ(sluice_stream_peek(ends.reader, 6, &seen, 0), SLUICE_EAGAIN);
	CHECK_EQ(sluice_stream_peek(ends.reader, 6, &seen, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_stream_peek(ends.reader, 2, &seen, 0), 5);
	CHECK_EQ(sluice_stream_peek(ends.reader, 2, &seen, 0), SLUICE_EBUSY);
	CHECK_EQ(sluice_stream_read(ends.reader, &byte, 1, 0), SLUICE_EBUSY);
	CHECK_EQ(sluice_stream_consume(ends.reader, 6), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_consume(ends.reader, 2), 0);
	CHECK_EQ(sluice_stream_peek(ends.reader, 0, &seen, 0), 3);
	CHECK_EQ(sluice_stream_consume(ends.reader, 0), 0);
	/* At the end, what is there will do. */
	sluice_stream_close(ends.writer);
	CHECK_EQ(sluice_stream_peek(ends.reader, 100, &seen, SLUICE_S(20)), 3);
	CHECK_MEM(seen, "cde", 3);
	CHECK_EQ(sluice_stream_consume(ends.reader, 3), 0);
	CHECK_EQ(sluice_stream_peek(ends.reader, 100, &seen, SLUICE_S(20)), 0);
	CHECK_EQ(sluice_stream_consume(ends.reader, 0), SLUICE_EINVAL);
	sluice_stream_close(ends.reader);
}

/* Closing or finishing with something in hand. */
static void let_go_of(void)
{
	struct stream_ends ends = open_small(0);
	sluice_stream *other = NULL;
	char address[64];
	const void *seen = NULL;
	void *room = NULL;
	int fds[3];

	CHECK_EQ(sluice_stream_share(ends.reader, fds), 3);
	snprintf(address, sizeof(address), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	other = open_stream(address, SLUICE_READ, 0);
	write_text(ends.writer, "abc");
	CHECK_EQ(sluice_stream_peek(other, 1, &seen, 0), 3);
	check_read(ends.reader, SLUICE_EAGAIN);
	sluice_stream_close(other);
	read_text(ends.reader, "abc");
	CHECK_GE(sluice_stream_reserve(ends.writer, 1, &room, 0), 1);
	CHECK_EQ(sluice_stream_finish(ends.writer), 0);
	check_read(ends.reader, 0);
	close_ends(ends);
}

static void a_shared_two_way_end(void)
{
	struct sluice_stream_options options = stream_options();
	sluice_stream *a = NULL, *b = NULL, *joined;
	char address[64];
	int fds[3];

	CHECK_EQ(sluice_stream_duplex(&options, &a, &b), 0);
	CHECK_EQ(sluice_stream_share(b, fds), 3);
	snprintf(address, sizeof(address), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	joined = open_stream(address, 0, SLUICE_SECOND_END);
	sluice_stream_close(b);
	write_text(a, "ping");
	read_text(joined, "ping");
	write_text(joined, "pong");
	read_text(a, "pong");
	sluice_stream_close(joined);
	check_read(a, 0);
	sluice_stream_close(a);
}

/* ---- polling ------------------------------------------------------------------------------- */

static int is_ready(int fd, int ms)
{
	struct pollfd p;

	p.fd = fd;
	p.events = POLLIN;
	p.revents = 0;
	return poll(&p, 1, ms) == 1;
}

/* Call until there is nothing, so that the descriptor is not ready. */
static void quiet(sluice_stream *reader, int fd)
{
	for (int i = 0; i < 100; i++) {
		check_read(reader, SLUICE_EAGAIN);
		if (!is_ready(fd, 0))
			return;
	}
	test_fail(__FILE__, __LINE__, "ready for nothing, again and again");
}

static void polling(uint32_t flags)
{
	struct stream_ends ends = open_small(flags);
	int in = sluice_stream_fd(ends.reader, SLUICE_READABLE);
	int out = sluice_stream_fd(ends.writer, SLUICE_WRITABLE);

	CHECK_GE(in, 0);
	CHECK_GE(out, 0);
	CHECK_EQ(sluice_stream_fd(ends.reader, SLUICE_READABLE), in);
	CHECK_EQ(is_ready(out, 0), 1);
	quiet(ends.reader, in);
	write_text(ends.writer, "x");
	CHECK_EQ(is_ready(in, 10000), 1);
	read_text(ends.reader, "x");
	quiet(ends.reader, in);
	CHECK_EQ(fill_stream(ends.writer), CAPACITY);
	for (int i = 0; i < 100 && is_ready(out, 0); i++)
		fill_stream(ends.writer);
	CHECK_EQ(is_ready(out, 0), 0);
	for (int i = 0; i < 16; i++) {
		char block[4096];

		CHECK_EQ(sluice_stream_read(ends.reader, block, 4096, 0), 4096);
	}
	CHECK_EQ(is_ready(out, 10000), 1);
	quiet(ends.reader, in);
	sluice_stream_close(ends.writer);
	CHECK_EQ(is_ready(in, 10000), 1);
	check_read(ends.reader, 0);
	sluice_stream_close(ends.reader);

	ends = open_small(flags);
	out = sluice_stream_fd(ends.writer, SLUICE_WRITABLE);
	fill_stream(ends.writer);
	sluice_stream_close(ends.reader);
	CHECK_EQ(is_ready(out, 10000), 1);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, 0), SLUICE_EPIPE);
	sluice_stream_close(ends.writer);
}

static void polling_a_pair(void)
{
	polling(0);
}

static void polling_between_threads(void)
{
	polling(SLUICE_PRIVATE);
}

static void polling_beside_a_killed_writer(void)
{
	sluice_stream *reader = open_stream("polled", SLUICE_READ, 0);
	struct help_pipe ready = make_pipe();
	int in = sluice_stream_fd(reader, SLUICE_READABLE);
	int64_t r = SLUICE_EAGAIN, start;
	pid_t pid = test_fork();
	char byte;

	if (pid == 0) {
		sluice_stream *writer = open_stream("polled", SLUICE_WRITE, 0);

		tell(ready);
		for (;;)
			pause();
		sluice_stream_close(writer);
	}
	await(ready);
	check_read(reader, SLUICE_EAGAIN);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(test_wait(pid), -SIGKILL);
	start = test_now_ns();
	while (r == SLUICE_EAGAIN && test_now_ns() - start < SLUICE_S(20))
		if (is_ready(in, 20000))
			r = sluice_stream_read(reader, &byte, 1, SLUICE_NOWAIT);
	CHECK_EQ(r, 0);
	sluice_stream_close(reader);
	close_pipe(ready);
}

/* ---- many ---------------------------------------------------------------------------------- */

#define WRITERS 4
#define RECORDS 4000
#define RECORD 100 /* bytes; it does not divide the ring */

static void write_records(sluice_stream *stream, int writer)
{
	for (int i = 0; i < RECORDS; i++) {
		char record[RECORD];

		memset(record, 'a' + writer, sizeof(record));
		memcpy(record, &i, sizeof(i));
		CHECK_EQ(sluice_stream_write(stream, record, sizeof(record), SLUICE_S(20)), RECORD);
	}
}

/* Every record is whole, and each writer's are in order. */
static void read_records(sluice_stream *stream)
{
	int next[WRITERS] = { 0, 0, 0, 0 };
	const void *seen = NULL;
	int64_t n;

	while ((n = sluice_stream_peek(stream, RECORD, &seen, SLUICE_S(20))) > 0) {
		char record[RECORD];
		int number, writer;

		CHECK_GE(n, RECORD);
		memcpy(record, seen, sizeof(record));
		memcpy(&number, record, sizeof(number));
		writer = record[RECORD - 1] - 'a';
		CHECK(writer >= 0 && writer < WRITERS);
		for (size_t i = sizeof(number); i < RECORD; i++)
			CHECK_EQ(record[i], 'a' + writer);
		CHECK_EQ(number, next[writer]++);
		CHECK_EQ(sluice_stream_consume(stream, RECORD), 0);
	}
	CHECK_EQ(n, 0);
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(next[i], RECORDS);
}

static void writes_are_whole(void)
{
	struct stream_ends ends = open_small(0);
	pid_t children[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		children[i] = test_fork();
		if (children[i] == 0) {
			sluice_stream_close(ends.reader);
			write_records(ends.writer, i);
			sluice_stream_close(ends.writer);
			_exit(0);
		}
	}
	sluice_stream_close(ends.writer);
	read_records(ends.reader);
	for (int i = 0; i < WRITERS; i++)
		test_wait_ok(children[i]);
	sluice_stream_close(ends.reader);
}

/* In pieces that no alignment fits, through the caches and past them. */
#define LONG_PIECE ((1u << 20) + 7)
#define LONG_WAY (24u * LONG_PIECE)

static void *write_long(void *argument)
{
	sluice_stream *writer = (sluice_stream *)argument;
	unsigned char *data = (unsigned char *)malloc(LONG_PIECE);

	CHECK(data != NULL);
	for (uint64_t at = 0; at < LONG_WAY; at += LONG_PIECE) {
		fill_pattern(data, at, LONG_PIECE);
		CHECK_EQ(sluice_stream_write(writer, data, LONG_PIECE, SLUICE_S(20)), LONG_PIECE);
	}
	free(data);
	sluice_stream_close(writer);
	return NULL;
}

static void a_long_way(uint32_t flags)
{
	struct stream_ends ends = open_small(flags);
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, write_long, ends.writer), 0);
	read_pattern(ends.reader, 0, LONG_WAY);
	check_end(ends.reader);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	sluice_stream_close(ends.reader);
}

static void a_long_way_of_a_pair(void)
{
	a_long_way(0);
}

static void a_long_way_between_threads(void)
{
	a_long_way(SLUICE_PRIVATE);
}

static void *read_until_interrupted(void *argument)
{
	char byte;

	CHECK_EQ(sluice_stream_read((sluice_stream *)argument, &byte, 1, SLUICE_FOREVER),
		 SLUICE_ECANCELED);
	return NULL;
}

static void interrupted(void)
{
	struct stream_ends ends = open_small(0);
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, read_until_interrupted, ends.reader), 0);
	test_sleep_ms(50);
	CHECK_EQ(sluice_stream_interrupt(ends.reader), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	check_read(ends.reader, SLUICE_EAGAIN);
	close_ends(ends);
}

static void removed(void)
{
	sluice_stream *stream = open_stream("removed", 0, SLUICE_PERSIST);
	char byte;

	CHECK_EQ(sluice_remove("removed"), 0);
	CHECK_EQ(sluice_stream_read(stream, &byte, 1, SLUICE_FOREVER), SLUICE_EREMOVED);
	CHECK_EQ(sluice_stream_write(stream, "x", 1, SLUICE_FOREVER), SLUICE_EREMOVED);
	sluice_stream_close(stream);
}

static void inspected(void)
{
	sluice_stream *stream = open_stream("looked-at", 0, SLUICE_PERSIST);
	struct sluice_inspection found;
	struct sluice_participant who[2];
	const void *seen;

	memset(&found, 0, sizeof(found));
	memset(who, 0, sizeof(who));
	found.size = sizeof(found);
	who[0].size = sizeof(who[0]);
	write_text(stream, "four");
	CHECK_EQ(sluice_stream_peek(stream, 1, &seen, 0), 4);
	CHECK_EQ(sluice_inspect("looked-at", &found, who, 2), 1);
	CHECK_EQ(found.kind, SLUICE_KIND_STREAM);
	CHECK_EQ(found.state, 0);
	CHECK_EQ(found.stream.readable, 4);
	CHECK_EQ(found.stream.readers, 1);
	CHECK_EQ(found.stream.reading, getpid());
	CHECK_EQ(found.stream.writing, 0);
	CHECK_EQ(who[0].doing, SLUICE_DOING_HOLD);
	CHECK_EQ(who[0].role, SLUICE_READ | SLUICE_WRITE);
	sluice_stream_close(stream);
	/* Bytes nobody has read are kept. */
	CHECK_EQ(sluice_clean(NULL, 0, NULL, NULL), 0);
	CHECK_EQ(sluice_clean(NULL, SLUICE_CLEAN_CONTENT, NULL, NULL), 1);
}

int main(void)
{
	test_begin();
	RUN(spans_of_a_pair);
	RUN(spans_of_a_private_pair);
	RUN(parts_of_a_span);
	RUN(let_go_of);
	RUN(a_shared_two_way_end);
	RUN(polling_a_pair);
	RUN(polling_between_threads);
	RUN(polling_beside_a_killed_writer);
	RUN(writes_are_whole);
	RUN(a_long_way_of_a_pair);
	RUN(a_long_way_between_threads);
	RUN(interrupted);
	RUN(removed);
	RUN(inspected);
	return test_end();
}
