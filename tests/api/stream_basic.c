/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_basic.c - bytes through a stream within one process: order, parts, limits, arguments
 */
#include "stream_help.h"

static void bytes_in_order(void)
{
	struct stream_ends ends = open_pair(0);

	write_text(ends.writer, "hello, ");
	write_text(ends.writer, "world");
	read_text(ends.reader, "hello, world");
	check_read(ends.reader, SLUICE_EAGAIN);
	close_ends(ends);
}

static void reads_take_what_is_there(void)
{
	struct stream_ends ends = open_pair(SLUICE_PRIVATE);
	char data[8];

	write_text(ends.writer, "abcdefghij");
	CHECK_EQ(sluice_stream_read(ends.reader, data, 3, 0), 3);
	CHECK_MEM(data, "abc", 3);
	CHECK_EQ(sluice_stream_read(ends.reader, data, 1, 0), 1);
	CHECK_EQ(sluice_stream_read(ends.reader, data, 8, 0), 6);
	CHECK_MEM(data, "efghij", 6);
	close_ends(ends);
}

/* Odd sizes, so that every place of the ring is a beginning once, and data crosses its end. */
static void around_and_around(void)
{
	struct sluice_stream_options options = stream_options();
	struct stream_ends ends;
	uint64_t written = 0, seen = 0;

	options.capacity = 65536;
	ends = open_pair_as(options);
	for (int i = 0; i < 3000; i++) {
		size_t in = 1 + (size_t)test_random_below(1500);

		if (written - seen + in <= 65536) {
			write_pattern(ends.writer, written, in);
			written += in;
		}
		in = (size_t)test_random_below(written - seen + 1);
		read_pattern(ends.reader, seen, in);
		seen += in;
	}
	read_pattern(ends.reader, seen, (size_t)(written - seen));
	CHECK_EQ(stream_info(ends.reader).read, written);
	CHECK_EQ(stream_info(ends.reader).written, written);
	CHECK_EQ(stream_info(ends.reader).readable, 0);
	close_ends(ends);
}

/* Short writes, whose bytes lie beside the news: of every length, read in one piece, in two, or after
 * the next one has taken the news. */
static void a_few_bytes(void)
{
	struct stream_ends ends = open_pair(0);
	uint64_t written = 0, seen = 0;

	for (uint32_t i = 0; i < 6 * 130; i++) {
		size_t size = 1 + i / 6, kind = i % 6;

		write_pattern(ends.writer, written, size);
		written += size;
		if (kind == 1 || kind == 2) {
			write_pattern(ends.writer, written, kind == 1 ? size : 200);
			written += kind == 1 ? size : 200;
		}
		if (kind > 2)
			read_pattern(ends.reader, seen, size / (kind - 1));
		if (kind > 2)
			seen += size / (kind - 1);
		if (kind == 4) {
			write_pattern(ends.writer, written, size);
			written += size;
		}
		read_pattern(ends.reader, seen, (size_t)(written - seen));
		seen = written;
		check_read(ends.reader, SLUICE_EAGAIN);
	}
	close_ends(ends);
}

static void several_buffers(void)
{
	struct stream_ends ends = open_pair(0);
	char a[] = "one ", b[] = "two ", c[] = "three";
	struct iovec parts[5] = { { NULL, 0 }, { a, 4 }, { NULL, 0 }, { b, 4 }, { c, 5 } };
	char x[3], y[100];
	struct iovec into[3] = { { x, 3 }, { y, 0 }, { y, sizeof(y) } };
	struct iovec nothing = { NULL, 0 }, bad = { NULL, 1 };

	CHECK_EQ(sluice_stream_writev(ends.writer, parts, 5, 0), 13);
	CHECK_EQ(sluice_stream_readv(ends.reader, into, 3, 0), 13);
	CHECK_MEM(x, "one", 3);
	CHECK_MEM(y, " two three", 10);
	CHECK_EQ(sluice_stream_writev(ends.writer, parts, 0, 0), 0);
	CHECK_EQ(sluice_stream_writev(ends.writer, &nothing, 1, 0), 0);
	CHECK_EQ(sluice_stream_readv(ends.reader, &nothing, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_writev(ends.writer, &bad, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_readv(ends.reader, &bad, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_writev(ends.writer, NULL, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_writev(ends.writer, parts, 1025, 0), SLUICE_EINVAL);
	check_read(ends.reader, SLUICE_EAGAIN);
	close_ends(ends);
}

/* Up to atomic bytes: in whole or not at all. Above: what there is room for. */
static void full(void)
{
	struct sluice_stream_options options = stream_options();
	struct stream_ends ends;
	char block[8192];

	memset(block, 'x', sizeof(block));
	options.capacity = 65536;
	options.atomic = 1000;
	ends = open_pair_as(options);
	CHECK_EQ(stream_info(ends.writer).atomic, 1000);
	for (int i = 0; i < 65; i++)
		CHECK_EQ(sluice_stream_write(ends.writer, block, 1000, 0), 1000);
	CHECK_EQ(sluice_stream_write(ends.writer, block, 1000, 0), SLUICE_EAGAIN);
	CHECK_EQ(sluice_stream_write(ends.writer, block, 1000, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_stream_write(ends.writer, block, 8192, 0), SLUICE_EAGAIN);
	CHECK_EQ(sluice_stream_write(ends.writer, block, 536, 0), 536);
	CHECK_EQ(sluice_stream_write(ends.writer, block, 1, 0), SLUICE_EAGAIN);
	CHECK_EQ(stream_info(ends.writer).readable, 65536);
	CHECK_EQ(sluice_stream_read(ends.reader, block, 3000, 0), 3000);
	CHECK_EQ(sluice_stream_write(ends.writer, block, 8192, 0), 3000);
	CHECK_EQ(sluice_stream_read(ends.reader, block, 3000, 0), 3000);
	CHECK_EQ(sluice_stream_write(ends.writer, block, 8192, SLUICE_MS(20)), 3000);
	close_ends(ends);
}

static void the_end(uint32_t flags)
{
	struct stream_ends ends = open_pair(flags);

	write_text(ends.writer, "last words");
	sluice_stream_close(ends.writer);
	read_text(ends.reader, "last words");
	check_read(ends.reader, 0);
	check_end(ends.reader);
	sluice_stream_close(ends.reader);

	ends = open_pair(flags);
	write_text(ends.writer, "unread");
	sluice_stream_close(ends.reader);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, SLUICE_FOREVER), SLUICE_EPIPE);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, SLUICE_NOWAIT), SLUICE_EPIPE);
	CHECK_EQ(sluice_stream_write(ends.writer, "", 0, SLUICE_NOWAIT), 0);
	sluice_stream_close(ends.writer);
}

static void the_end_of_a_pair(void)
{
	the_end(0);
}

static void the_end_between_threads(void)
{
	the_end(SLUICE_PRIVATE);
}

static void finishing(void)
{
	struct stream_ends ends = open_pair(0);
	sluice_stream *both = open_stream("both", 0, 0);

	write_text(ends.writer, "bye");
	CHECK_EQ(sluice_stream_finish(ends.writer), 0);
	CHECK_EQ(sluice_stream_finish(ends.writer), 0);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, 0), SLUICE_EPIPE);
	CHECK_EQ(sluice_stream_finish(ends.reader), SLUICE_EPERM);
	read_text(ends.reader, "bye");
	check_read(ends.reader, 0);
	close_ends(ends);

	/* Its own writer, until it says otherwise. */
	write_text(both, "to myself");
	read_text(both, "to myself");
	check_read(both, SLUICE_EAGAIN);
	CHECK_EQ(sluice_stream_finish(both), 0);
	check_read(both, 0);
	sluice_stream_close(both);
}

static void two_ways(uint32_t flags)
{
	struct sluice_stream_options options = stream_options();
	sluice_stream *a = NULL, *b = NULL;

	options.flags = flags;
	CHECK_EQ(sluice_stream_duplex(&options, &a, &b), 0);
	write_text(a, "ping");
	check_read(a, SLUICE_EAGAIN);
	read_text(b, "ping");
	write_text(b, "pong");
	CHECK_EQ(stream_info(a).readable, 4);
	CHECK_EQ(stream_info(a).unread, 0);
	CHECK_EQ(stream_info(b).unread, 4);
	CHECK_EQ(stream_info(b).written, 4);
	CHECK_EQ(stream_info(b).read, 4);
	read_text(a, "pong");
	CHECK_EQ(stream_info(a).writers, 2);
	CHECK_EQ(stream_info(a).readers, 2);
	/* Half closed: the other half goes on. */
	write_text(a, "the rest");
	CHECK_EQ(sluice_stream_finish(a), 0);
	read_text(b, "the rest");
	check_read(b, 0);
	write_text(b, "answer");
	read_text(a, "answer");
	sluice_stream_close(b);
	check_read(a, 0);
	sluice_stream_close(a);

	CHECK_EQ(sluice_stream_duplex(&options, &a, &b), 0);
	sluice_stream_close(a);
	CHECK_EQ(sluice_stream_write(b, "x", 1, 0), SLUICE_EPIPE);
	sluice_stream_close(b);
}

static void two_ways_of_a_pair(void)
{
	two_ways(0);
}

static void two_ways_between_threads(void)
{
	if (!test_emulated()) /* as open_pair() */
		two_ways(SLUICE_PRIVATE);
}

static void roles(void)
{
	sluice_stream *reader = open_stream("roles", SLUICE_READ, 0);
	sluice_stream *writer = open_stream("roles", SLUICE_WRITE, 0);
	const void *seen;
	void *room;
	char byte;

	CHECK_EQ(sluice_stream_write(reader, "x", 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_reserve(reader, 1, &room, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_commit(reader, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_read(writer, &byte, 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_peek(writer, 1, &seen, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_consume(writer, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_fd(reader, SLUICE_WRITABLE), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_fd(writer, SLUICE_READABLE), SLUICE_EPERM);
	CHECK_EQ(stream_info(reader).readers, 1);
	CHECK_EQ(stream_info(reader).writers, 1);
	CHECK_EQ(stream_info(reader).attached, 2);
	sluice_stream_close(reader);
	sluice_stream_close(writer);
}

static void options_are_checked(void)
{
	struct sluice_stream_options options = stream_options();
	sluice_stream *stream = open_stream("sizes", 0, 0), *other = NULL;

	CHECK_EQ(stream_info(stream).capacity, 1 << 20);
	CHECK_EQ(stream_info(stream).atomic, 4096);
	options.capacity = 65536;
	CHECK_CONTAINS(refuse_stream_as("sizes", options, SLUICE_EMISMATCH).text, "1048576");
	options.capacity = 1000 * 1000; /* after rounding it is the same */
	sluice_stream_close(open_stream_as("sizes", options));
	options.capacity = 0;
	options.atomic = 4095;
	CHECK_CONTAINS(refuse_stream_as("sizes", options, SLUICE_EMISMATCH).text, "4096");
	options.atomic = (1 << 19) + 1;
	CHECK_CONTAINS(refuse_stream_as("sizes", options, SLUICE_EINVAL).text, "half");
	options = stream_options();
	options.flags = SLUICE_SECOND_END;
	refuse_stream_as("sizes", options, SLUICE_EINVAL);
	options.flags = SLUICE_EXPECT_SENDER;
	refuse_stream_as("sizes", options, SLUICE_EINVAL);
	options.flags = 0;
	options.role = 4;
	refuse_stream_as("sizes", options, SLUICE_EINVAL);
	options.role = 0;
	options.peer_timeout_ns = 1;
	refuse_stream_as("sizes", options, SLUICE_EINVAL);
	options.peer_timeout_ns = 0;
	options.capacity = UINT64_C(1) << 41;
	refuse_stream_as("huge", options, SLUICE_EINVAL);
	options.capacity = 0;
	refuse_queue("sizes", 0, SLUICE_EMISMATCH);
	CHECK_EQ(sluice_stream_open("sizes", NULL, NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_pair(NULL, NULL, &other), SLUICE_EINVAL);
	options.participants = 1;
	CHECK_EQ(sluice_stream_pair(&options, &other, &other), SLUICE_EINVAL);
	CHECK(other == NULL);
	sluice_stream_close(stream);
}

static void arguments(void)
{
	struct stream_ends ends = open_pair(0);
	struct sluice_stream_info info;
	const void *seen;
	void *room;
	int fds[3];
	char byte;

	CHECK_EQ(sluice_stream_read(ends.reader, &byte, 0, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_read(ends.reader, NULL, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_write(ends.writer, NULL, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_peek(ends.reader, 1, NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_peek(ends.reader, (1 << 20) + 1, &seen, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_reserve(ends.writer, 1, NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_reserve(ends.writer, (1 << 20) + 1, &room, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_consume(ends.reader, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_commit(ends.writer, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_fd(ends.writer, 3), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_share(ends.writer, NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_info(ends.writer, NULL), SLUICE_EINVAL);
	memset(&info, 0, sizeof(info));
	CHECK_EQ(sluice_stream_info(ends.writer, &info), SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_read(NULL, &byte, 1, 0), SLUICE_EINVAL);
	sluice_stream_close(NULL);
	close_ends(ends);
	if (test_emulated())
		return;
	ends = open_pair(SLUICE_PRIVATE);
	CHECK_EQ(sluice_stream_hold_fd(ends.writer), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_share(ends.writer, fds), SLUICE_EOPNOTSUPP);
	close_ends(ends);
}

static void addresses(void)
{
	static const char *const schemes[] = { "nosuch:x", "shm:a" };

	for (size_t i = 0; i < 2; i++)
		CHECK_CONTAINS(
			refuse_stream_as(schemes[i], stream_options(), SLUICE_EOPNOTSUPP).text,
			schemes[i]);
}

static void leaves_nothing(void)
{
	int fds = count_fds();

	for (int i = 0; i < 3; i++) {
		struct stream_ends ends = open_pair(0);
		struct stream_ends within = open_pair(SLUICE_PRIVATE);
		sluice_stream *named = open_stream("named", 0, 0);

		CHECK_GE(sluice_stream_fd(ends.reader, SLUICE_READABLE), 0);
		CHECK_GE(sluice_stream_fd(within.reader, SLUICE_READABLE), 0);
		CHECK_GE(sluice_stream_fd(within.writer, SLUICE_WRITABLE), 0);
		CHECK_GE(sluice_stream_fd(named, SLUICE_READABLE), 0);
		write_text(named, "left behind");
		close_ends(ends);
		close_ends(within);
		sluice_stream_close(named);
	}
	CHECK_EQ(count_fds(), fds);
	/* The bytes of a name go with its last participant. */
	CHECK_EQ(count_entries(test_directory()), 0);
}

int main(void)
{
	test_begin();
	RUN(bytes_in_order);
	RUN(reads_take_what_is_there);
	RUN(around_and_around);
	RUN(a_few_bytes);
	RUN(several_buffers);
	RUN(full);
	RUN(the_end_of_a_pair);
	RUN(the_end_between_threads);
	RUN(finishing);
	RUN(two_ways_of_a_pair);
	RUN(two_ways_between_threads);
	RUN(roles);
	RUN(options_are_checked);
	RUN(arguments);
	RUN(addresses);
	RUN(leaves_nothing);
	return test_end();
}
