/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream.c - sluice stream write, sluice stream read
 *
 * Bytes move in pieces of 128 KiB, as with cat: large enough for system calls not to matter, small
 * enough to stay in the processor's cache between the read and the write. Over tcp they are smaller: a
 * writer that is far ahead sleeps, and leaves its part of the protocol's work to the reader's
 * processor (docs/performance.md). Three ways, and the first that will do:
 *
 *	a FIFO		splice(2), so that nobody copies; as long as no --timeout has to be kept
 *	a name		to and from a regular file, read(2) into the room and write(2) from what is there.
 *			Not with a pipe or a terminal: who waits for those must not hold an end meanwhile
 *	anything	through a buffer
 *
 * What splice(2) cannot do or does not know, the end and errors among them, the third way finds.
 *
 * A writer stays until everything is read: the bytes of a name, or of a FIFO, go with the last who has
 * it open. Over tcp "read" is what the other machine has acknowledged.
 *
 * With --listen it is this side that others connect to; one connection is served.
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 17)     /* stays in the cache between read and write */
#define TCP_PIECE ((size_t)1 << 15) /* written at once */
#define LOOK_NS SLUICE_MS(500)      /* how often progress is shown */
#define DRAIN_NAP_US 2000

struct transfer {
	const char *address;
	sluice_stream *stream;
	sluice_listener *listener;
	int64_t timeout;
	int64_t peer_timeout;
	bool listens;
	bool progress;
	bool splices;  /* the stream is a pipe of the kernel's */
	bool in_place; /* the other side is a regular file */
	size_t piece;  /* how much is written at once through the buffer */
	uint64_t bytes;
	uint64_t whole; /* 0: unknown */
	int64_t began;
	int64_t shown;
	char *buffer;
	char diagnostic[512];
};

/* ---- telling ---- */

static void show_progress(struct transfer *transfer, bool last)
{
	int64_t now = cli_now();
	char done[32], speed[32], of[48] = "";

	if (!transfer->progress || (!last && now - transfer->shown < LOOK_NS))
		return;
	transfer->shown = now;
	if (transfer->whole)
		snprintf(of, sizeof(of), " (%.0f %%)",
			 100.0 * (double)transfer->bytes / (double)transfer->whole);
	fprintf(stderr, "\r%s%s, %s/s    %s", cli_size_text(transfer->bytes, done, sizeof(done)),
		of,
		cli_size_text((uint64_t)((double)transfer->bytes * 1e9 /
					 (double)(now - transfer->began + 1)),
			      speed, sizeof(speed)),
		last ? "\n" : "");
}

static int stream_failed(struct transfer *transfer, const char *what, int code)
{
	char time[32];

	show_progress(transfer, true);
	if (code == SLUICE_ETIMEDOUT || code == SLUICE_EAGAIN) {
		cli_fail("stream '%s': %s after %s (%llu bytes before)", transfer->address, what,
			 cli_time_text(transfer->timeout, time, sizeof(time)),
			 (unsigned long long)transfer->bytes);
		return CLI_TIMED_OUT;
	}
	return cli_fail("stream '%s': %s (%llu bytes before)", transfer->address,
			sluice_error_text(code), (unsigned long long)transfer->bytes);
}

/* ---- opening ---- */

/* A caught signal that is none of ours to end by is no reason to stop. */
static bool goes_on(int64_t code)
{
	return code == SLUICE_EINTR && !cli_stopped();
}

static int stream_accept(struct transfer *transfer)
{
	struct sluice_listener_options options = { .size = sizeof(options) };
	struct sluice_listener_info info = { .size = sizeof(info) };
	int code;

	options.peer_timeout_ns = transfer->peer_timeout;
	options.diagnostic = transfer->diagnostic;
	options.diagnostic_size = sizeof(transfer->diagnostic);
	code = sluice_listener_open(transfer->address, &options, &transfer->listener);
	if (code < 0)
		return cli_fail_open("stream", transfer->address, code, transfer->diagnostic);
	if (sluice_listener_info(transfer->listener, &info) == 0 &&
	    strcmp(info.address, transfer->address) != 0)
		fprintf(stderr, "sluice: listening at %s\n", info.address);
	do
		code = sluice_listener_accept(transfer->listener, &transfer->stream,
					      transfer->timeout);
	while (goes_on(code));
	return code < 0 ? stream_failed(transfer, "nobody connected", code) : CLI_DONE;
}

static int stream_open(struct transfer *transfer, uint32_t role)
{
	struct sluice_stream_options options = { .size = sizeof(options) };
	int code;

	transfer->buffer = malloc(PIECE);
	if (!transfer->buffer)
		cli_no_memory();
	cli_catch_stop();
	if (transfer->listens)
		return stream_accept(transfer);
	options.role = role;
	options.peer_timeout_ns = transfer->peer_timeout;
	options.diagnostic = transfer->diagnostic;
	options.diagnostic_size = sizeof(transfer->diagnostic);
	if (transfer->timeout != SLUICE_FOREVER)
		options.open_timeout_ns = transfer->timeout ? transfer->timeout : 1;
	do
		code = sluice_stream_open(transfer->address, &options, &transfer->stream);
	while (goes_on(code));
	if (code < 0)
		return cli_fail_open("stream", transfer->address, code, transfer->diagnostic);
	return CLI_DONE;
}

static int stream_end(struct transfer *transfer, int status)
{
	if (status == CLI_DONE)
		show_progress(transfer, true);
	sluice_stream_close(transfer->stream);
	sluice_listener_close(transfer->listener);
	free(transfer->buffer);
	return cli_stopped() ? cli_end_by_signal() : status;
}

enum { STREAM_TIMEOUT = CLI_LONG, STREAM_LISTEN, STREAM_PROGRESS, STREAM_PEER };

static void stream_parse(struct cli_arguments *arguments, struct transfer *transfer)
{
	int key;

	transfer->timeout = SLUICE_FOREVER;
	while ((key = cli_next(arguments)) != -1) {
		if (key == STREAM_TIMEOUT)
			transfer->timeout = cli_parse_timeout(arguments->verb, optarg);
		else if (key == STREAM_PEER)
			transfer->peer_timeout = cli_parse_timeout(arguments->verb, optarg);
		else if (key == STREAM_LISTEN)
			transfer->listens = true;
		else
			transfer->progress = true;
	}
	cli_operands(arguments, 1, 1);
	transfer->address = arguments->operands[0];
}

/* ---- without copying ---- */

/* @other: standard input or output. */
static void choose_way(struct transfer *transfer, int other)
{
	int fd = sluice_stream_hold_fd(transfer->stream);
	struct stat st;

	transfer->in_place = fstat(other, &st) == 0 && S_ISREG(st.st_mode);
	transfer->splices = transfer->timeout == SLUICE_FOREVER && fd >= 0 && fstat(fd, &st) == 0 &&
			    S_ISFIFO(st.st_mode);
}

static bool wait_for(int fd, short events)
{
	struct pollfd item = { .fd = fd, .events = events };

	return poll(&item, 1, -1) == 1;
}

/* Move some. Return: bytes, or 0: the other way, this time or for good. */
static size_t splice_some(struct transfer *transfer, int in, int out)
{
	while (transfer->splices) {
		ssize_t n = splice(in, NULL, out, NULL, PIECE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n >= 0)
			return (size_t)n;
		if (errno != EAGAIN) {
			transfer->splices = errno == EINTR;
			return 0;
		}
		if (!wait_for(in, POLLIN) || !wait_for(out, POLLOUT))
			return 0;
	}
	return 0;
}

/* ---- write ---- */

/* Is nobody left who could read what is still under way? */
static bool reader_is_gone(struct transfer *transfer, const struct sluice_stream_info *info,
			   bool *seen)
{
	struct pollfd item = { .fd = sluice_stream_hold_fd(transfer->stream), .events = 0 };

	if (info->participants == 0) /* the kernel carries it */
		return poll(&item, 1, 0) == 1 && (item.revents & POLLERR);
	*seen |= info->readers > 0;
	return *seen && info->readers == 0;
}

/* Everything is written. Wait until it is read. */
static int write_drain(struct transfer *transfer)
{
	struct sluice_stream_info info = { .size = sizeof(info) };
	int64_t deadline = cli_now() + transfer->timeout;
	bool seen = false;

	while (!cli_stopped()) {
		int code = sluice_stream_info(transfer->stream, &info);

		if (code < 0)
			return stream_failed(transfer, "", code);
		if (info.unread == 0)
			return CLI_DONE;
		if (reader_is_gone(transfer, &info, &seen))
			return stream_failed(transfer, "", SLUICE_EPIPE);
		if (transfer->timeout != SLUICE_FOREVER && cli_now() >= deadline)
			return stream_failed(transfer, "not all was read", SLUICE_ETIMEDOUT);
		usleep(DRAIN_NAP_US);
	}
	return CLI_DONE;
}

static int write_piece(struct transfer *transfer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		int64_t n = sluice_stream_write(transfer->stream, transfer->buffer + done,
						size - done, transfer->timeout);

		if (n < 0 && goes_on(n))
			continue;
		if (n < 0)
			return cli_stopped() ? CLI_FAILED
					     : stream_failed(transfer, "nobody read", (int)n);
		done += (size_t)n;
		transfer->bytes += (uint64_t)n;
	}
	return CLI_DONE;
}

/* Where the next piece is read to: room in the stream, or the buffer. Return: its size, or negative. */
static int64_t write_place(struct transfer *transfer, void **ret_place)
{
	int64_t room = SLUICE_EOPNOTSUPP;

	if (transfer->in_place)
		room = sluice_stream_reserve(transfer->stream, 1, ret_place, transfer->timeout);
	if (room != SLUICE_EOPNOTSUPP)
		return room < (int64_t)PIECE ? room : (int64_t)PIECE;
	transfer->in_place = false;
	*ret_place = transfer->buffer;
	return (int64_t)transfer->piece;
}

/* What was read there is written. */
static int write_placed(struct transfer *transfer, ssize_t got)
{
	int code;

	if (!transfer->in_place)
		return got > 0 ? write_piece(transfer, (size_t)got) : CLI_DONE;
	code = sluice_stream_commit(transfer->stream, got > 0 ? (size_t)got : 0);
	if (code < 0)
		return stream_failed(transfer, "", code);
	transfer->bytes += got > 0 ? (uint64_t)got : 0;
	return CLI_DONE;
}

/* One piece. *@ret_end: there was none. */
static int write_some(struct transfer *transfer, bool *ret_end)
{
	size_t moved = splice_some(transfer, STDIN_FILENO, sluice_stream_hold_fd(transfer->stream));
	int status, error;
	int64_t room;
	ssize_t got;
	void *place;

	transfer->bytes += moved;
	if (moved || cli_stopped())
		return moved ? CLI_DONE : CLI_FAILED;
	room = write_place(transfer, &place);
	if (room < 0)
		return goes_on(room)   ? CLI_DONE
		       : cli_stopped() ? CLI_FAILED
				       : stream_failed(transfer, "nobody read", (int)room);
	got = read(STDIN_FILENO, place, (size_t)room);
	error = errno;
	*ret_end = got == 0;
	status = write_placed(transfer, got);
	if (got >= 0 || status || (error == EINTR && !cli_stopped()))
		return status;
	return cli_stopped() ? CLI_FAILED
			     : cli_fail("cannot read standard input: %s", strerror(error));
}

static int write_input(struct transfer *transfer)
{
	int status = CLI_DONE;
	bool end = false;

	/* splice(2) would send it; the library's calls never do. */
	signal(SIGPIPE, SIG_IGN);
	choose_way(transfer, STDIN_FILENO);
	transfer->piece = strncmp(transfer->address, "tcp:", 4) == 0 ? TCP_PIECE : PIECE;
	while (!status && !end) {
		status = write_some(transfer, &end);
		show_progress(transfer, false);
	}
	return status ? status : write_drain(transfer);
}

static int stream_write(struct cli_arguments *arguments)
{
	struct transfer transfer = { 0 };
	struct stat st;
	int status;

	stream_parse(arguments, &transfer);
	status = stream_open(&transfer, SLUICE_WRITE);
	transfer.began = cli_now();
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		transfer.whole = (uint64_t)st.st_size;
	if (!status)
		status = write_input(&transfer);
	return stream_end(&transfer, status);
}

static const struct cli_option stream_write_options[] = {
	{ "listen", STREAM_LISTEN, NULL, "be the one that is connected to (unix:, tcp:)" },
	{ "timeout", STREAM_TIMEOUT, "TIME",
	  "wait no longer than this for the other side, each time" },
	{ "peer-timeout", STREAM_PEER, "TIME",
	  "a machine that is silent for so long is gone (tcp:, default 30s)" },
	{ "progress", STREAM_PROGRESS, NULL, "say on standard error how far it is" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb stream_write_verb = {
	.noun = "stream",
	.name = "write",
	.usage = "ADDRESS [OPTION...] < DATA",
	.summary = "write standard input to a stream",
	.help = "Writes standard input to the stream ADDRESS, and stays until everything is read.\n"
		"\n"
		"ADDRESS is a name (shared memory, the fastest between processes here), or what\n"
		"the kernel carries: fifo:PATH, unix:PATH, unix:@NAME, tcp:HOST:PORT. The other\n"
		"end need not know of Sluice there.",
	.options = stream_write_options,
	.run = stream_write,
};

/* ---- read ---- */

static int read_out(const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(STDOUT_FILENO, data, size);

		if (n < 0 && errno == EINTR && !cli_stopped())
			continue;
		if (n < 0)
			return cli_stopped() ? CLI_FAILED
					     : cli_fail("cannot write to standard output: %s",
							strerror(errno));
		data += n;
		size -= (size_t)n;
	}
	return CLI_DONE;
}

/* What there is next. Return: bytes at *@ret_place, 0 at the end, or negative. */
static int64_t read_place(struct transfer *transfer, const void **ret_place)
{
	int64_t there = SLUICE_EOPNOTSUPP;

	if (transfer->in_place)
		there = sluice_stream_peek(transfer->stream, 1, ret_place, transfer->timeout);
	if (there != SLUICE_EOPNOTSUPP)
		return there < (int64_t)PIECE ? there : (int64_t)PIECE;
	transfer->in_place = false;
	*ret_place = transfer->buffer;
	return sluice_stream_read(transfer->stream, transfer->buffer, PIECE, transfer->timeout);
}

/* One piece. *@ret_end: there was none. */
static int read_some(struct transfer *transfer, bool *ret_end)
{
	const void *place;
	int64_t n;
	int status, code = 0;

	n = (int64_t)splice_some(transfer, sluice_stream_hold_fd(transfer->stream), STDOUT_FILENO);
	transfer->bytes += (uint64_t)n;
	if (n || cli_stopped())
		return n ? CLI_DONE : CLI_FAILED;
	n = read_place(transfer, &place);
	*ret_end = n == 0;
	if (n == 0 || goes_on(n))
		return CLI_DONE;
	if (n < 0)
		return cli_stopped() ? CLI_FAILED : stream_failed(transfer, "nothing came", (int)n);
	status = read_out(place, (size_t)n);
	/* What could not be written out stays for another reader. */
	if (transfer->in_place)
		code = sluice_stream_consume(transfer->stream, status ? 0 : (size_t)n);
	if (!status && code < 0)
		return stream_failed(transfer, "", code);
	transfer->bytes += (uint64_t)n;
	return status;
}

static int read_all(struct transfer *transfer)
{
	int status = CLI_DONE;
	bool end = false;

	choose_way(transfer, STDOUT_FILENO);
	while (!status && !end) {
		status = read_some(transfer, &end);
		show_progress(transfer, false);
	}
	return status;
}

static int stream_read(struct cli_arguments *arguments)
{
	struct transfer transfer = { 0 };
	int status;

	stream_parse(arguments, &transfer);
	status = stream_open(&transfer, SLUICE_READ);
	transfer.began = cli_now();
	if (!status)
		status = read_all(&transfer);
	return stream_end(&transfer, status);
}

const struct cli_verb stream_read_verb = {
	.noun = "stream",
	.name = "read",
	.usage = "ADDRESS [OPTION...] > DATA",
	.summary = "read a stream to its end, to standard output",
	.help = "Copies what is written to the stream ADDRESS to standard output, until all\n"
		"writers are gone. Fails when a connection broke instead of ending.\n"
		"\n"
		"ADDRESS is a name (shared memory), or what the kernel carries: fifo:PATH,\n"
		"unix:PATH, unix:@NAME, tcp:HOST:PORT.",
	.options = stream_write_options,
	.run = stream_read,
};
