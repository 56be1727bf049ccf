/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * bytes.c - the tour's stops at pipe, FIFO and stream sockets
 *
 * The bytes that go through follow from their positions (byte_at()), so that one that was lost, added
 * or moved on the way shows, wherever a kill ended the writer.
 */
#include "tour.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PIPED_BYTES (UINT64_C(32) << 20)
#define PIECE_BYTES 65536u
#define KILL_AFTER_BYTES (UINT64_C(4) << 20)

static unsigned char byte_at(uint64_t position)
{
	uint64_t word = (position / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned char)(word >> position % 8 * 8);
}

static bool bytes_are_right(const unsigned char *data, size_t size, uint64_t position)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != byte_at(position + i))
			return false;
	return true;
}

/* Write until @bytes are written, UINT64_MAX: until killed. */
static int pour(sluice_stream *stream, uint64_t bytes)
{
	static unsigned char piece[PIECE_BYTES];

	for (uint64_t done = 0; done < bytes;) {
		size_t size = bytes - done < PIECE_BYTES ? (size_t)(bytes - done) : PIECE_BYTES;
		int64_t wrote;

		for (size_t i = 0; i < size; i++)
			piece[i] = byte_at(done + i);
		wrote = sluice_stream_write(stream, piece, size, TOUR_PATIENCE_NS);
		if (wrote < 0)
			return (int)wrote;
		done += (uint64_t)wrote;
	}
	return 0;
}

/* Read @*position on, up to @bytes or the end. False, having said so, if what comes is not right. */
static bool drain(struct tour *tour, sluice_stream *stream, uint64_t bytes, uint64_t *position)
{
	static unsigned char piece[PIECE_BYTES];

	while (*position < bytes) {
		int64_t size = sluice_stream_read(stream, piece, sizeof(piece), TOUR_PATIENCE_NS);

		if (size == SLUICE_EINTR && !cli_stopped())
			continue;
		if (size < 0)
			return tour_fail(tour, "cannot read the stream", (int)size);
		if (size == 0)
			break;
		if (!bytes_are_right(piece, (size_t)size, *position))
			return tour_fail(tour, "the bytes arrived changed", 0);
		*position += (uint64_t)size;
	}
	return true;
}

/* ---- pipe ---- */

struct pair {
	sluice_stream *reader;
	sluice_stream *writer;
};

static int pipe_writer(struct tour *tour, void *context)
{
	struct pair *pair = context;
	int code;

	sluice_stream_close(pair->reader);
	code = pour(pair->writer, PIPED_BYTES);
	sluice_stream_close(pair->writer);
	if (code < 0)
		tour_fail(tour, "cannot write into the pipe", code);
	return code < 0 ? CLI_FAILED : CLI_DONE;
}

bool tour_pipe(struct tour *tour)
{
	struct pair pair;
	uint64_t position = 0;
	char took[32], size[32];
	int64_t start;
	pid_t pid;
	int code = sluice_stream_pair(NULL, &pair.reader, &pair.writer);
	bool sound;

	if (code < 0)
		return tour_fail(tour, "cannot make a pipe", code);
	tour_say("Two ends and a fork, as with pipe(2), but the bytes go through shared memory.");
	start = cli_now();
	pid = tour_start(tour, pipe_writer, &pair);
	sluice_stream_close(pair.writer);
	sound = pid > 0 && drain(tour, pair.reader, UINT64_MAX, &position) &&
		tour_ended_well(tour, pid) &&
		tour_check(tour, position == PIPED_BYTES, "the pipe lost bytes");
	sluice_stream_close(pair.reader);
	if (!sound)
		return false;
	tour_say("Child %d wrote %s: all arrived, in order, in %s; then the end.", pid,
		 cli_size_text(position, size, sizeof(size)), tour_since(start, took));
	return true;
}

/* ---- FIFO ---- */

struct end {
	char address[TOUR_PATH_SIZE];
};

static int fifo_writer(struct tour *tour, void *context)
{
	const struct end *end = context;
	struct sluice_stream_options options = { .size = sizeof(options), .role = SLUICE_WRITE };
	sluice_stream *stream;
	int code = sluice_stream_open(end->address, &options, &stream);

	if (code == 0)
		code = pour(stream, UINT64_MAX);
	tour_fail(tour, "the writer ended before it was killed", code);
	return CLI_FAILED;
}

static bool fifo_by_name(struct tour *tour)
{
	struct sluice_stream_options options = { .size = sizeof(options), .role = SLUICE_READ };
	uint64_t position = 0, before;
	sluice_stream *stream;
	struct end end;
	char took[32], size[32], rest[32];
	int64_t start;
	bool sound;
	pid_t pid;
	int code;

	tour_name(tour, "bytes", end.address);
	code = sluice_stream_open(end.address, &options, &stream);
	if (code < 0)
		return tour_fail(tour, "cannot open a stream", code);
	pid = tour_start(tour, fifo_writer, &end);
	sound = pid > 0 && drain(tour, stream, KILL_AFTER_BYTES, &position);
	before = position;
	start = cli_now();
	if (pid > 0)
		tour_kill(tour, pid);
	sound = sound && drain(tour, stream, UINT64_MAX, &position);
	sluice_stream_close(stream);
	if (!sound)
		return false;
	tour_say("Process %d opened the name %s and wrote.", pid, end.address);
	tour_say("kill -9 after %s: the %s still in it came, in order, and %s",
		 cli_size_text(before, size, sizeof(size)),
		 cli_size_text(position - before, rest, sizeof(rest)), tour_since(start, took));
	tour_say("after the kill the end, as if it had closed.");
	return true;
}

/* Somebody who knows nothing of Sluice. */
static int fifo_shell(struct tour *tour, void *context)
{
	const struct end *end = context;

	execlp("sh", "sh", "-c", "echo 'hello from a shell' > \"$0\"", end->address, (char *)NULL);
	tour_fail(tour, "cannot run a shell", 0);
	return CLI_FAILED;
}

static bool fifo_of_the_kernel(struct tour *tour)
{
	struct sluice_stream_options options = { .size = sizeof(options), .role = SLUICE_READ };
	char address[TOUR_PATH_SIZE + 8], text[64] = "";
	sluice_stream *stream;
	struct end end;
	int64_t size;
	pid_t pid;
	int code;

	if (!tour_file(tour, "fifo", end.address))
		return false;
	snprintf(address, sizeof(address), "fifo:%s", end.address);
	/* Opened for both, it need not wait for the other end; the shell then finds it there. */
	options.role = 0;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	code = sluice_stream_open(address, &options, &stream);
	if (code < 0)
		return tour_fail(tour, "cannot open a FIFO", code);
	pid = tour_start(tour, fifo_shell, &end);
	size = sluice_stream_read(stream, text, sizeof(text) - 1, TOUR_PATIENCE_NS);
	sluice_stream_close(stream);
	if (pid < 0 || size < 0)
		return tour_fail(tour, "cannot read the FIFO", (int)size);
	text[strcspn(text, "\n")] = '\0';
	tour_say("The same calls on a kernel FIFO, fifo:PATH; a shell wrote: %s", text);
	return tour_ended_well(tour, pid);
}

bool tour_fifo(struct tour *tour)
{
	return fifo_by_name(tour) && fifo_of_the_kernel(tour);
}

/* ---- stream sockets ---- */

#define QUESTION "a question"
#define ANSWER "A QUESTION"

static int socket_client(struct tour *tour, void *context)
{
	const struct end *end = context;
	char answer[64] = "";
	size_t got = 0;
	sluice_stream *stream;
	int64_t size = sluice_stream_open(end->address, NULL, &stream);

	if (size == 0)
		size = sluice_stream_write(stream, QUESTION, strlen(QUESTION), TOUR_PATIENCE_NS);
	if (size > 0)
		size = sluice_stream_finish(stream);
	while (size >= 0 && got < sizeof(answer)) {
		size = sluice_stream_read(stream, answer + got, sizeof(answer) - got,
					  TOUR_PATIENCE_NS);
		if (size <= 0)
			break;
		got += (size_t)size;
	}
	if (size < 0)
		tour_fail(tour, "the client cannot talk to the server", (int)size);
	return size == 0 && got == strlen(ANSWER) && !memcmp(answer, ANSWER, got) ? CLI_DONE
										  : CLI_FAILED;
}

/* Read the question to its end, answer in capitals. */
static int64_t socket_serve(sluice_stream *stream)
{
	char text[64];
	size_t got = 0;
	int64_t size;

	while ((size = sluice_stream_read(stream, text + got, sizeof(text) - got,
					  TOUR_PATIENCE_NS)) > 0)
		got += (size_t)size;
	if (size < 0)
		return size;
	for (size_t i = 0; i < got; i++)
		if (text[i] >= 'a' && text[i] <= 'z')
			text[i] = (char)(text[i] - 'a' + 'A');
	return sluice_stream_write(stream, text, got, TOUR_PATIENCE_NS);
}

static bool socket_exchange(struct tour *tour, const char *address, const char *what)
{
	struct sluice_listener_options options = { .size = sizeof(options) };
	struct sluice_listener_info info = { .size = sizeof(info) };
	struct sluice_peer peer = { .size = sizeof(peer) };
	sluice_listener *listener;
	sluice_stream *stream = NULL;
	struct end end;
	int64_t code;
	pid_t pid;

	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	code = sluice_listener_open(address, &options, &listener);
	if (code < 0)
		return tour_fail(tour, "cannot listen", (int)code);
	(void)!sluice_listener_info(listener, &info);
	snprintf(end.address, sizeof(end.address), "%s", info.address);
	pid = tour_start(tour, socket_client, &end);
	code = sluice_listener_accept(listener, &stream, TOUR_PATIENCE_NS);
	if (code == 0) {
		(void)!sluice_stream_peer(stream, &peer);
		code = socket_serve(stream);
		sluice_stream_close(stream);
	}
	sluice_listener_close(listener);
	if (code < 0)
		return tour_fail(tour, "cannot serve", (int)code);
	if (pid < 0 || !tour_ended_well(tour, pid))
		return false;
	if (peer.flags & SLUICE_PEER_CREDENTIALS)
		tour_say("%s: the kernel says it is process %u, user %u", what, peer.pid, peer.uid);
	else
		tour_say("%s: the other end is %s", what, peer.address);
	return true;
}

bool tour_socket(struct tour *tour)
{
	char path[TOUR_PATH_SIZE], address[TOUR_PATH_SIZE + 8];

	if (!tour_file(tour, "socket", path))
		return false;
	snprintf(address, sizeof(address), "unix:%s", path);
	tour_say("A server that answers in capitals, once by each. Neither end gets a SIGPIPE,");
	tour_say("and partial writes are not its business.");
	return socket_exchange(tour, address, "unix:PATH") &&
	       socket_exchange(tour, "tcp:127.0.0.1:0", "tcp:HOST:PORT");
}
