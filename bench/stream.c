/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream.c - bytes from one process to another: a short round trip, and a long way
 *
 * Round trip: 64 bytes there and 64 bytes back, in one write each or in as many as one says, both sides
 * spinning, beside a bare ping-pong of one word each way (bench.h). A byte stream cannot reach that floor:
 * the bytes are wherever they came to lie, so a reader needs two lines, the count that says that they are
 * there, and theirs.
 *
 * Bandwidth: writes of 64 KiB and of 1 MiB, read with a buffer of the same size, beside a bare
 * pipeline: one core copies into a ring in shared memory, piece by piece, and the other copies out
 * behind it. It has no lock, no end, nobody to wake, and the ring, the pieces and the way to copy that
 * suited the machine best: memcpy() in, and out by moves of a line with prefetch, since the string
 * instruction that memcpy() takes for long copies waits for the other core's lines one by one. The
 * kernel's pipe moves the same bytes with write and read: as it comes, and widened to 1 MiB.
 *
 * Subjects take turns; results are medians, and ratios are those of two medians.
 */
#include "bench.h"

#include <fcntl.h>
#include <getopt.h>

#define WRITES 64       /* of a message there or back, at most */
#define MESSAGE 4096    /* bytes in all of them, at most */
#define RING (1u << 20) /* a stream's as well, if it is not told otherwise */
#define PIECE 32768u
#define SPIN_NS 1000000
#define LONGEST (1u << 20)

struct pipeline {
	_Alignas(BENCH_APART) _Atomic uint64_t tail; /* written by the writer */
	_Alignas(BENCH_APART) _Atomic uint64_t head; /* written by the reader */
	_Alignas(4096) unsigned char bytes[RING];
};

/* Round trips go through one of several pairs of streams. */
struct lane {
	sluice_stream *out, *in;
};

/* What one side has. */
struct side {
	bool leader;
	uint64_t sent, got; /* trips */
	struct bench_lines lines;
	struct lane lanes[BENCH_LANES];
	size_t lane;
	struct pipeline *pipeline;
	int pipe[2], wide_pipe[2];
	sluice_stream *wide; /* bandwidth: the leader reads */
	unsigned char *buffer;
};

static struct {
	size_t rounds;
	size_t trips;                       /* a turn */
	size_t writes[WRITES], count, size; /* of a message there or back */
	uint64_t bytes;                     /* a turn */
	bool json;
} settings = { .rounds = 25,
	       .trips = 20000,
	       .writes = { 64 },
	       .count = 1,
	       .size = 64,
	       .bytes = UINT64_C(256) << 20 };

/* ------------------------------------------------------------------------------------------- */
/* Round trips                                                                                 */
/* ------------------------------------------------------------------------------------------- */

BENCH_INLINE void stream_put(void *side_)
{
	struct side *side = side_;
	struct lane *lane = &side->lanes[side->lane];
	static uint64_t message[MESSAGE / 8];
	const unsigned char *from = (const unsigned char *)message;

	message[0] = ++side->sent;
	for (size_t i = 0; i < settings.count; from += settings.writes[i++])
		bench_done(sluice_stream_write(lane->out, from, settings.writes[i], SLUICE_FOREVER),
			   "write");
}

BENCH_INLINE void stream_get(void *side_)
{
	struct side *side = side_;
	struct lane *lane = &side->lanes[side->lane];
	uint64_t message[MESSAGE / 8];

	for (size_t done = 0; done < settings.size;) {
		int64_t r = sluice_stream_read(lane->in, (unsigned char *)message + done,
					       sizeof(message) - done, SLUICE_FOREVER);

		bench_done(r ? r : SLUICE_EPIPE, "read");
		done += (size_t)r;
	}
	if (__builtin_expect(message[0] != ++side->got, 0))
		bench_fail("trip %llu arrived as %llu", (unsigned long long)side->got,
			   (unsigned long long)message[0]);
}

static double line_turn(struct side *side, size_t size)
{
	(void)size;
	return bench_lines_turn(&side->lines, settings.trips);
}

static double stream_turn(struct side *side, size_t size)
{
	(void)size;
	side->lane = (side->lane + 1) % BENCH_LANES;
	return bench_trips(side, side->leader, settings.trips, stream_put, stream_get);
}

/* ------------------------------------------------------------------------------------------- */
/* Bandwidth: the leader reads                                                                 */
/* ------------------------------------------------------------------------------------------- */

static void pipeline_write(struct pipeline *ring, const unsigned char *from, size_t size)
{
	static uint64_t head; /* as last seen: each look at it takes the line from the reader */
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	for (size_t done = 0; done < size; done += PIECE, tail += PIECE) {
		while (tail + PIECE - head > RING)
			head = atomic_load_explicit(&ring->head, memory_order_acquire);
		memcpy(ring->bytes + tail % RING, from + done, PIECE);
		atomic_store_explicit(&ring->tail, tail + PIECE, memory_order_release);
	}
}

static void copy_lines(unsigned char *to, const unsigned char *from, size_t size)
{
	for (size_t i = 0; i < size; i += 64) {
		__builtin_prefetch(from + i + 1024);
		__builtin_prefetch(from + i + 4096, 0, 2);
		memcpy(to + i, from + i, 64);
	}
}

static size_t pipeline_read(struct pipeline *ring, unsigned char *to, size_t size)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	for (size_t done = 0; done < size; done += PIECE, head += PIECE) {
		while (atomic_load_explicit(&ring->tail, memory_order_acquire) == head)
			;
		copy_lines(to + done, ring->bytes + head % RING, PIECE);
		atomic_store_explicit(&ring->head, head + PIECE, memory_order_release);
	}
	return size;
}

static void bare_write(struct side *side, size_t size)
{
	pipeline_write(side->pipeline, side->buffer, size);
}

static size_t bare_read(struct side *side, size_t size)
{
	return pipeline_read(side->pipeline, side->buffer, size);
}

static void wide_write(struct side *side, size_t size)
{
	bench_done(sluice_stream_write(side->wide, side->buffer, size, SLUICE_FOREVER), "write");
}

static size_t wide_read(struct side *side, size_t size)
{
	int64_t r = sluice_stream_read(side->wide, side->buffer, size, SLUICE_FOREVER);

	bench_done(r, "read");
	return (size_t)r;
}

static void bytes_write(int fd, const unsigned char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, data + done, size - done);

		bench_check(n > 0, "write");
		done += (size_t)n;
	}
}

static size_t bytes_read(int fd, unsigned char *data, size_t size)
{
	ssize_t n = read(fd, data, size);

	bench_check(n > 0, "read");
	return (size_t)n;
}

static void pipe_write(struct side *side, size_t size)
{
	bytes_write(side->pipe[1], side->buffer, size);
}

static size_t pipe_read(struct side *side, size_t size)
{
	return bytes_read(side->pipe[0], side->buffer, size);
}

static void wide_pipe_write(struct side *side, size_t size)
{
	bytes_write(side->wide_pipe[1], side->buffer, size);
}

static size_t wide_pipe_read(struct side *side, size_t size)
{
	return bytes_read(side->wide_pipe[0], side->buffer, size);
}

/* Bytes a nanosecond, which is GB/s. */
BENCH_INLINE double take_bytes(struct side *side, size_t size, void (*put)(struct side *, size_t),
			       size_t (*get)(struct side *, size_t))
{
	int64_t start = bench_now();

	for (uint64_t done = 0; done < settings.bytes;) {
		if (side->leader) {
			done += get(side, size);
		} else {
			put(side, size);
			done += size;
		}
	}
	return (double)settings.bytes / (double)(bench_now() - start);
}

static double bare_turn(struct side *side, size_t size)
{
	return take_bytes(side, size, bare_write, bare_read);
}

static double wide_turn(struct side *side, size_t size)
{
	return take_bytes(side, size, wide_write, wide_read);
}

static double pipe_turn(struct side *side, size_t size)
{
	return take_bytes(side, size, pipe_write, pipe_read);
}

static double wide_pipe_turn(struct side *side, size_t size)
{
	return take_bytes(side, size, wide_pipe_write, wide_pipe_read);
}

/* ------------------------------------------------------------------------------------------- */
/* The list                                                                                    */
/* ------------------------------------------------------------------------------------------- */

struct subject {
	const char *name, *key;
	double (*turn)(struct side *side, size_t size);
	size_t size;
	bool trips; /* nanoseconds, else GB/s */
	size_t floor, pipe, wide_pipe;
	double *samples;
	double median;
};

enum {
	LINE,
	TRIP,
	BARE_64K,
	WIDE_64K,
	PIPE_64K,
	WIDE_PIPE_64K,
	BARE_1M,
	WIDE_1M,
	PIPE_1M,
	WIDE_PIPE_1M
};

#define SIZE_64K 65536, false, BARE_64K, PIPE_64K, WIDE_PIPE_64K, NULL, 0
#define SIZE_1M LONGEST, false, BARE_1M, PIPE_1M, WIDE_PIPE_1M, NULL, 0

static struct subject subjects[] = {
	[LINE] = { "bare cache lines     spinning", "spinning-line", line_turn, 0, true, LINE, LINE,
		   LINE, NULL, 0 },
	[TRIP] = { "stream               spinning", "spinning-stream", stream_turn, 0, true, LINE,
		   LINE, LINE, NULL, 0 },
	[BARE_64K] = { "bare pipeline 64 KiB", "bare-64k", bare_turn, SIZE_64K },
	[WIDE_64K] = { "stream 64 KiB writes", "stream-64k", wide_turn, SIZE_64K },
	[PIPE_64K] = { "kernel pipe 64 KiB writes", "pipe-64k", pipe_turn, SIZE_64K },
	[WIDE_PIPE_64K] = { "widened pipe 64 KiB writes", "wide-pipe-64k", wide_pipe_turn,
			    SIZE_64K },
	[BARE_1M] = { "bare pipeline 1 MiB", "bare-1m", bare_turn, SIZE_1M },
	[WIDE_1M] = { "stream 1 MiB writes", "stream-1m", wide_turn, SIZE_1M },
	[PIPE_1M] = { "kernel pipe 1 MiB writes", "pipe-1m", pipe_turn, SIZE_1M },
	[WIDE_PIPE_1M] = { "widened pipe 1 MiB writes", "wide-pipe-1m", wide_pipe_turn, SIZE_1M },
};

/* Round 0 warms up: its samples are overwritten. Before it, each lane's pages come into being. */
static void run_all(struct side *side, const struct bench_pair *pair)
{
	for (side->lane = 0; side->lane < BENCH_LANES; side->lane++) {
		bench_meet(pair);
		bench_trips(side, side->leader, RING / settings.size, stream_put, stream_get);
	}
	for (size_t round = 0; round <= settings.rounds; round++)
		for (size_t i = 0; i < BENCH_COUNT(subjects); i++) {
			double result;

			bench_meet(pair);
			result = subjects[i].turn(side, subjects[i].size);
			subjects[i].samples[round ? round - 1 : 0] = result;
		}
}

static void print_subject(const struct subject *subject)
{
	const struct subject *floor = &subjects[subject->floor], *pipe = &subjects[subject->pipe];
	const struct subject *wide = &subjects[subject->wide_pipe];
	const char *unit = subject->trips ? "ns" : "GB/s";

	if (settings.json) {
		printf("{\"subject\":\"%s\",\"%s\":%.2f,\"floor\":\"%s\",\"ratio\":%.3f",
		       subject->key, subject->trips ? "ns" : "gb_per_s", subject->median,
		       floor->key, subject->median / floor->median);
		if (!subject->trips)
			printf(",\"pipe_ratio\":%.3f,\"wide_pipe_ratio\":%.3f",
			       subject->median / pipe->median, subject->median / wide->median);
		printf("}\n");
		return;
	}
	printf("%-30s %8.2f %-5s", subject->name, subject->median, unit);
	if (subject == floor)
		printf("  the floor\n");
	else if (subject->trips)
		printf("  ratio %.2f\n", subject->median / floor->median);
	else
		printf("  ratio %.2f, %.1f times the pipe, %.1f times the widened\n",
		       subject->median / floor->median, subject->median / pipe->median,
		       subject->median / wide->median);
}

/* ------------------------------------------------------------------------------------------- */
/* Main                                                                                        */
/* ------------------------------------------------------------------------------------------- */

static sluice_stream *open_stream(pid_t run, const char *what, uint32_t role, int64_t spin_ns)
{
	char diagnostic[256] = "";
	const struct sluice_stream_options options = {
		.size = sizeof(options),
		.role = role,
		.spin_ns = spin_ns,
		.diagnostic = diagnostic,
		.diagnostic_size = sizeof(diagnostic),
	};
	sluice_stream *stream = NULL;

	if (sluice_stream_open(bench_name(run, what), &options, &stream) < 0)
		bench_fail("%s", diagnostic);
	return stream;
}

static void open_lanes(struct side *side, pid_t run)
{
	for (size_t i = 0; i < BENCH_LANES; i++) {
		char there[16], back[16];

		snprintf(there, sizeof(there), "there-%zu", i);
		snprintf(back, sizeof(back), "back-%zu", i);
		side->lanes[i].out = open_stream(run, side->leader ? there : back, SLUICE_WRITE,
						 SPIN_NS);
		side->lanes[i].in = open_stream(run, side->leader ? back : there, SLUICE_READ,
						SPIN_NS);
	}
}

static void prepare(struct side *side)
{
	for (size_t i = 0; i < BENCH_COUNT(subjects); i++)
		subjects[i].samples = bench_samples(settings.rounds);
	bench_lines_prepare(&side->lines);
	side->pipeline = bench_shared(sizeof(*side->pipeline));
	side->buffer = malloc(LONGEST);
	bench_check(side->buffer != NULL, "malloc");
	memset(side->buffer, 1, LONGEST);
	bench_check(pipe(side->pipe) == 0 && pipe(side->wide_pipe) == 0, "pipe");
	fcntl(side->wide_pipe[1], F_SETPIPE_SZ, RING);
}

static __attribute__((noreturn)) void usage(FILE *to, int status)
{
	fprintf(to,
		"Usage: stream [--rounds N] [--trips N] [--writes N+N...] [--mib N] [--json]\n"
		"A stream's round trip and bandwidth, beside their floors and the kernel's pipe.\n"
		"  --rounds N       turns of each subject (25)\n"
		"  --trips N        round trips a turn (20000)\n"
		"  --writes N+N...  bytes of each write of a message there or back (64)\n"
		"  --mib N          MiB a turn (256)\n"
		"  --json           one JSON object a line\n");
	exit(status);
}

/* The first bytes of all are the trip's number. */
static void parse_writes(const char *text)
{
	char *end = NULL;

	settings.count = settings.size = 0;
	do {
		size_t size = strtoul(text, &end, 10);

		if (!size || size > MESSAGE - settings.size || settings.count == WRITES)
			usage(stderr, 2);
		settings.writes[settings.count++] = size;
		settings.size += size;
		text = end + 1;
	} while (*end == '+');
	if (*end || settings.size < sizeof(uint64_t))
		usage(stderr, 2);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "rounds", required_argument, NULL, 'r' },
						 { "trips", required_argument, NULL, 't' },
						 { "writes", required_argument, NULL, 'w' },
						 { "mib", required_argument, NULL, 'm' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			settings.rounds = strtoul(optarg, NULL, 10);
		else if (option == 't')
			settings.trips = strtoul(optarg, NULL, 10);
		else if (option == 'w')
			parse_writes(optarg);
		else if (option == 'm')
			settings.bytes = strtoull(optarg, NULL, 10) << 20;
		else if (option == 'j')
			settings.json = true;
		else
			usage(option == 'h' ? stdout : stderr, option == 'h' ? 0 : 2);
	}
	if (optind != argc || !settings.rounds || !settings.bytes || !settings.trips ||
	    settings.trips < BENCH_TRIPS_BATCH || settings.trips > 1u << 19)
		usage(stderr, 2);
}

int main(int argc, char **argv)
{
	struct side side = { 0 };
	struct bench_pair pair;
	pid_t run = getpid();

	bench_program = "stream";
	parse(argc, argv);
	prepare(&side);
	bench_start(&pair);
	side.leader = side.lines.leader = pair.leader;
	if (bench_alone(&pair)) {
		if (pair.leader)
			printf("# just one CPU allowed: nothing can spin, nothing to compare\n");
		bench_finish(&pair);
		return 0;
	}
	open_lanes(&side, run);
	side.wide = open_stream(run, "wide", side.leader ? SLUICE_READ : SLUICE_WRITE, 0);
	if (pair.leader && !settings.json)
		bench_say_cpus(pair.cpus);
	run_all(&side, &pair);
	bench_meet(&pair);
	for (size_t i = 0; i < BENCH_LANES; i++) {
		sluice_stream_close(side.lanes[i].out);
		sluice_stream_close(side.lanes[i].in);
	}
	sluice_stream_close(side.wide);
	bench_finish(&pair);
	for (size_t i = 0; i < BENCH_COUNT(subjects); i++)
		subjects[i].median = bench_percentile(subjects[i].samples, settings.rounds, 0.5);
	for (size_t i = 0; i < BENCH_COUNT(subjects); i++)
		print_subject(&subjects[i]);
	return 0;
}
