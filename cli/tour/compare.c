/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * compare.c - the tour's last stop: what data transfer and shared memory cost here, and what they
 * leave to you
 *
 * Short measurements between two processes, to give an idea; `sluice bench` measures properly.
 */
#include "tour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES 200000u
#define MESSAGE_BYTES 64u
#define BULK_BYTES (UINT64_C(256) << 20)
#define PIECE_BYTES 65536u

/* A way for bytes or messages from a child to us. */
struct way {
	const char *name;
	const char *who;    /* synchronises */
	const char *read;   /* what a read does to the data */
	const char *leaves; /* a death */
	bool (*make)(struct way *way, struct tour *tour);
	int64_t (*put)(struct way *way, const void *data, size_t size);
	int64_t (*get)(struct way *way, void *data, size_t size);
	void (*drop)(struct way *way, int side); /* 0: the reading end, 1: the writing, -1: both */
	bool bulk;                               /* bytes, in pieces of any length */
	int fds[2];
	sluice_queue *queue;
	sluice_stream *reader, *writer;
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	size_t size;    /* of each put */
	uint64_t count; /* of them */
};

/* ---- the kernel's ---- */

static bool fds_pipe(struct way *way, struct tour *tour)
{
	return pipe(way->fds) == 0 || tour_fail(tour, "cannot make a pipe", -errno);
}

static bool fds_socket(struct way *way, struct tour *tour)
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, way->fds) == 0 ||
	       tour_fail(tour, "cannot make a pair of sockets", -errno);
}

static int64_t fds_put(struct way *way, const void *data, size_t size)
{
	const char *from = data;
	size_t done = 0;

	while (done < size) {
		ssize_t wrote = write(way->fds[1], from + done, size - done);

		if (wrote < 0)
			return -errno;
		done += (size_t)wrote;
	}
	return (int64_t)done;
}

static int64_t fds_get(struct way *way, void *data, size_t size)
{
	ssize_t got = read(way->fds[0], data, size);

	return got < 0 ? -errno : got;
}

static void fds_drop(struct way *way, int side)
{
	for (int i = 0; i < 2; i++)
		if (side < 0 || side == i)
			close(way->fds[i]);
}

/* ---- ours ---- */

static bool stream_make(struct way *way, struct tour *tour)
{
	int code = sluice_stream_pair(NULL, &way->reader, &way->writer);

	return code == 0 || tour_fail(tour, "cannot make a stream", code);
}

static int64_t stream_put(struct way *way, const void *data, size_t size)
{
	return sluice_stream_write(way->writer, data, size, TOUR_PATIENCE_NS);
}

static int64_t stream_get(struct way *way, void *data, size_t size)
{
	return sluice_stream_read(way->reader, data, size, TOUR_PATIENCE_NS);
}

static void stream_drop(struct way *way, int side)
{
	if (side != 1)
		sluice_stream_close(way->reader);
	if (side != 0)
		sluice_stream_close(way->writer);
}

static bool queue_make(struct way *way, struct tour *tour)
{
	int code = sluice_queue_open(NULL, NULL, &way->queue);

	return code == 0 || tour_fail(tour, "cannot make a queue", code);
}

static int64_t queue_put(struct way *way, const void *data, size_t size)
{
	int code = sluice_queue_send(way->queue, 1, data, size, TOUR_PATIENCE_NS);

	return code < 0 ? code : (int64_t)size;
}

static int64_t queue_get(struct way *way, void *data, size_t size)
{
	return sluice_queue_receive(way->queue, 0, data, size, NULL, TOUR_PATIENCE_NS);
}

static void queue_drop(struct way *way, int side)
{
	if (side < 0)
		sluice_queue_close(way->queue);
}

static bool topic_make(struct way *way, struct tour *tour)
{
	struct sluice_topic_options options = { .size = sizeof(options) };
	int code;

	options.message_max = MESSAGE_BYTES;
	options.depth = 4096;
	options.policy = SLUICE_WAIT;
	code = sluice_publisher_open(NULL, &options, &way->publisher);
	if (code == 0)
		code = sluice_publisher_subscribe(way->publisher, NULL, &way->subscriber);
	return code == 0 || tour_fail(tour, "cannot make a topic", code);
}

static int64_t topic_put(struct way *way, const void *data, size_t size)
{
	int code = sluice_publisher_publish(way->publisher, data, size, TOUR_PATIENCE_NS);

	return code < 0 ? code : (int64_t)size;
}

static int64_t topic_get(struct way *way, void *data, size_t size)
{
	return sluice_subscriber_receive(way->subscriber, data, size, NULL, TOUR_PATIENCE_NS);
}

static void topic_drop(struct way *way, int side)
{
	if (side < 0) {
		sluice_subscriber_close(way->subscriber);
		sluice_publisher_close(way->publisher);
	}
}

/* ---- measuring ---- */

static int way_writer(struct tour *tour, void *context)
{
	static char piece[PIECE_BYTES];
	struct way *way = context;
	int64_t code = 0;

	way->drop(way, 0);
	for (uint64_t i = 0; code >= 0 && i < way->count; i++)
		code = way->put(way, piece, way->size);
	if (code < 0)
		tour_fail(tour, way->name, (int)code);
	return code < 0 ? CLI_FAILED : CLI_DONE;
}

/* Bytes a second, from the first that arrive on; negative: failed, and said so. */
static double way_measure(struct tour *tour, struct way *way, size_t size, uint64_t count)
{
	static char piece[PIECE_BYTES];
	uint64_t bytes = size * count, done = 0, first = 0;
	int64_t start = 0, code = 0;
	bool sound;
	pid_t pid;

	way->size = size;
	way->count = count;
	if (!way->make(way, tour))
		return -1;
	pid = tour_start(tour, way_writer, way);
	way->drop(way, 1);
	while (pid > 0 && done < bytes) {
		code = way->get(way, piece, size);
		if (code == SLUICE_EINTR && !cli_stopped())
			continue;
		if (code <= 0)
			break;
		done += (uint64_t)code;
		if (!start) {
			start = cli_now();
			first = done;
		}
	}
	sound = pid > 0 && (done == bytes || tour_fail(tour, way->name, (int)code)) &&
		tour_ended_well(tour, pid);
	start = cli_now() - start;
	way->drop(way, way->bulk ? 0 : -1);
	return sound ? (double)(bytes - first) * 1e9 / (double)(start ? start : 1) : -1;
}

static struct way ways[] = {
	{ .name = "pipe(2)",
	  .who = "the kernel",
	  .read = "one reader",
	  .leaves = "what was written",
	  .make = fds_pipe,
	  .put = fds_put,
	  .get = fds_get,
	  .drop = fds_drop,
	  .bulk = true },
	{ .name = "unix socket",
	  .who = "the kernel",
	  .read = "one reader",
	  .leaves = "what was written",
	  .make = fds_socket,
	  .put = fds_put,
	  .get = fds_get,
	  .drop = fds_drop,
	  .bulk = true },
	{ .name = "Sluice stream",
	  .who = "Sluice",
	  .read = "one reader",
	  .leaves = "what was written",
	  .make = stream_make,
	  .put = stream_put,
	  .get = stream_get,
	  .drop = stream_drop,
	  .bulk = true },
	{ .name = "Sluice queue",
	  .who = "Sluice",
	  .read = "one reader",
	  .leaves = "no job undone",
	  .make = queue_make,
	  .put = queue_put,
	  .get = queue_get,
	  .drop = queue_drop },
	{ .name = "Sluice topic",
	  .who = "Sluice",
	  .read = "many readers",
	  .leaves = "what was written",
	  .make = topic_make,
	  .put = topic_put,
	  .get = topic_get,
	  .drop = topic_drop },
};

/* Copying into a buffer and out again, with nobody to agree with. */
static double bare_copy(void)
{
	static char from[PIECE_BYTES], shared[PIECE_BYTES], to[PIECE_BYTES];
	char *volatile middle = shared; /* so that both copies are made */
	int64_t start = cli_now();

	for (uint64_t done = 0; done < BULK_BYTES; done += PIECE_BYTES) {
		memcpy(middle, from, PIECE_BYTES);
		memcpy(to, middle, PIECE_BYTES);
	}
	return (double)BULK_BYTES * 1e9 / (double)(cli_now() - start + 1);
}

static void tell_way(const char *name, double messages, double bulk, const struct way *way)
{
	char rate[16] = "-", bytes[16] = "-";

	if (messages > 0)
		snprintf(rate, sizeof(rate), "%.2f M", messages / 1e6);
	if (bulk > 0)
		snprintf(bytes, sizeof(bytes), "%.1f GB", bulk / 1e9);
	tour_say("%-14s %7s %8s  %-12s  %-12s  %s", name, rate, bytes, way->who, way->read,
		 way->leaves);
}

bool tour_compare(struct tour *tour)
{
	static const struct way bare = { .who = "you",
					 .read = "many readers",
					 .leaves = "locks, halves" };

	tour_say("%-14s %7s %8s  %-12s  %-12s  %s", "A SECOND", "64 B", "64 KiB", "WHO", "A READ",
		 "A DEATH");
	tour_say("%-14s %7s %8s  %-12s  %-12s  %s", "", "each", "pieces", "SYNCHRONISES", "",
		 "LEAVES");
	for (size_t i = 0; i < CLI_COUNT(ways); i++) {
		struct way *way = &ways[i];
		double messages = way_measure(tour, way, MESSAGE_BYTES, MESSAGES), bulk = 0;

		if (messages > 0 && way->bulk)
			bulk = way_measure(tour, way, PIECE_BYTES, BULK_BYTES / PIECE_BYTES);
		if (messages < 0 || bulk < 0)
			return false;
		tell_way(way->name, messages / MESSAGE_BYTES, bulk, way);
	}
	tell_way("bare memory", 0, bare_copy(), &bare);
	tour_say("Each message to one reader: a queue. To every reader: a topic. Bytes: a");
	tour_say("stream. A structure of your own: memory, with its locks inside. Another");
	tour_say("machine: tcp: and udp:. Programs without Sluice: fifo:, unix:, file locks.");
	return true;
}
