/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_stream.c - a peer that stores anything anywhere in a stream at any time
 *
 * As fuzz_corrupt.c: in rounds, processes that work on a stream and one that scribbles over its
 * segment, and now and then puts it back. Wrong bytes and SLUICE_ECORRUPT are allowed; a crash, a
 * sanitizer's report, an operation that does not end within two seconds are not. The ring's two
 * mappings lie between pages that nobody may touch, and so does the segment.
 *
 *	fuzz_stream [--seconds N]
 */
#include "fuzz.h"
#include "object/stream.h"

#include <getopt.h>

#define NAME "fire"
#define WORKERS 2
#define ROUND_MS 200
#define AFTERWARDS 64
#define CAPACITY UINT64_C(65536)

struct target {
	struct fuzz fuzz;
	sluice_stream *stream;
	void *ring_guards;
};

/* ---- opening -------------------------------------------------------------------------------- */

/* Move a ring's two mappings, one after the other, between two pages. */
static void guard_ring(struct target *target)
{
	struct sli_byte_ring *ring = &target->stream->ways[0];
	size_t size = (size_t)ring->capacity;
	unsigned char *all = (unsigned char *)mmap(NULL, 2 * size + 2 * FUZZ_PAGE, PROT_NONE,
						   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(all != MAP_FAILED);
	for (size_t i = 0; i < 2; i++) {
		unsigned char *to = all + FUZZ_PAGE + i * size;

		CHECK(mremap(ring->data + i * size, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to) == to);
	}
	ring->data = all + FUZZ_PAGE;
	target->ring_guards = all;
}

static int open_stream(struct target *target)
{
	struct sluice_stream_options options = { .size = sizeof(options),
						 .flags = SLUICE_MUST_EXIST,
						 .open_timeout_ns = SLUICE_MS(50),
						 .slice_ns = SLUICE_MS(10) };
	int r;

	fuzz_begin(&target->fuzz, "open");
	r = (int)fuzz_end(&target->fuzz, sluice_stream_open(NAME, &options, &target->stream), 0);
	if (r < 0) {
		target->stream = NULL;
		return r;
	}
	fuzz_guard(&target->fuzz, &target->stream->handle.segment);
	guard_ring(target);
	return 0;
}

static void close_stream(struct target *target)
{
	fuzz_begin(&target->fuzz, "close");
	sluice_stream_close(target->stream);
	(void)fuzz_end(&target->fuzz, 0, 0);
	target->stream = NULL;
	if (target->ring_guards)
		munmap(target->ring_guards, 2 * (size_t)CAPACITY + 2 * FUZZ_PAGE);
	target->ring_guards = NULL;
	if (target->fuzz.guards)
		munmap(target->fuzz.guards, target->fuzz.guards_size);
	target->fuzz.guards = NULL;
}

/* ---- operations ----------------------------------------------------------------------------- */

static size_t some_size(void)
{
	static const uint64_t bounds[] = { 16, 300, 5000, 40000, 2 * CAPACITY };

	return (size_t)(1 + test_random_below(bounds[test_random_below(5)]));
}

static void stream_write(struct target *target)
{
	size_t size = some_size();
	unsigned char *data = (unsigned char *)malloc(size);

	memset(data, 'x', size);
	fuzz_begin(&target->fuzz, "write");
	(void)fuzz_end(&target->fuzz,
		       sluice_stream_write(target->stream, data, size, fuzz_timeout()),
		       (int64_t)size);
	free(data);
}

static void stream_read(struct target *target)
{
	size_t size = some_size();
	unsigned char *data = (unsigned char *)malloc(size);

	fuzz_begin(&target->fuzz, "read");
	(void)fuzz_end(&target->fuzz,
		       sluice_stream_read(target->stream, data, size, fuzz_timeout()),
		       (int64_t)size);
	free(data);
}

/* In three buffers, one of which is empty. */
static void stream_vectors(struct target *target)
{
	size_t size = some_size(), more = some_size();
	struct iovec parts[3] = { { malloc(size), size }, { NULL, 0 }, { malloc(more), more } };
	bool writes = test_random_below(2);
	int64_t r;

	memset(parts[0].iov_base, 'v', size);
	memset(parts[2].iov_base, 'w', more);
	fuzz_begin(&target->fuzz, writes ? "writev" : "readv");
	r = writes ? sluice_stream_writev(target->stream, parts, 3, fuzz_timeout())
		   : sluice_stream_readv(target->stream, parts, 3, fuzz_timeout());
	(void)fuzz_end(&target->fuzz, r, (int64_t)(size + more));
	free(parts[0].iov_base);
	free(parts[2].iov_base);
}

static void stream_reserve(struct target *target)
{
	void *room;
	int64_t r;

	fuzz_begin(&target->fuzz, "reserve");
	r = fuzz_end(&target->fuzz,
		     sluice_stream_reserve(target->stream, test_random_below(CAPACITY + 1), &room,
					   fuzz_timeout()),
		     (int64_t)CAPACITY);
	if (r <= 0)
		return;
	memset(room, 'z', (size_t)r);
	fuzz_begin(&target->fuzz, "commit");
	r = sluice_stream_commit(target->stream, (size_t)test_random_below((uint64_t)r + 1));
	(void)fuzz_end(&target->fuzz, r, 0);
}

static void stream_peek(struct target *target)
{
	const void *bytes;
	uint32_t sum = 0;
	int64_t r;

	fuzz_begin(&target->fuzz, "peek");
	r = fuzz_end(&target->fuzz,
		     sluice_stream_peek(target->stream, test_random_below(CAPACITY + 1), &bytes,
					fuzz_timeout()),
		     (int64_t)CAPACITY);
	if (r <= 0)
		return;
	for (int64_t i = 0; i < r; i++)
		sum += ((const unsigned char *)bytes)[i];
	__asm__ __volatile__("" : : "r"(sum));
	fuzz_begin(&target->fuzz, "consume");
	r = sluice_stream_consume(target->stream, (size_t)test_random_below((uint64_t)r + 1));
	(void)fuzz_end(&target->fuzz, r, 0);
}

static void stream_look(struct target *target)
{
	static struct sluice_inspection inspection;
	static struct sluice_participant participants[8];
	struct sluice_stream_info info = { .size = sizeof(info) };
	struct pollfd poller = { .events = POLLIN };
	uint32_t event = test_random_below(2) ? SLUICE_READABLE : SLUICE_WRITABLE;

	inspection.size = sizeof(inspection);
	participants[0].size = sizeof(participants[0]);
	fuzz_begin(&target->fuzz, "inspect");
	(void)fuzz_end(&target->fuzz, sluice_inspect(NAME, &inspection, participants, 8), 8);
	if (!target->stream)
		return;
	fuzz_begin(&target->fuzz, "info");
	(void)fuzz_end(&target->fuzz, sluice_stream_info(target->stream, &info), 0);
	fuzz_begin(&target->fuzz, "fd");
	poller.fd = (int)fuzz_end(&target->fuzz, sluice_stream_fd(target->stream, event), 1 << 20);
	if (poller.fd >= 0)
		(void)poll(&poller, 1, 0);
	if (test_random_below(16) == 0) {
		fuzz_begin(&target->fuzz, "finish");
		(void)fuzz_end(&target->fuzz, sluice_stream_finish(target->stream), 0);
	}
}

static void work_once(struct target *target)
{
	static void (*const operations[])(
		struct target *) = { stream_write, stream_read,  stream_vectors, stream_reserve,
				     stream_peek,  stream_write, stream_read };
	uint64_t which = test_random_below(40);

	if (which == 0)
		stream_look(target);
	else
		operations[which % (sizeof(operations) / sizeof(operations[0]))](target);
}

static void work(struct progress *progress)
{
	struct target target = { .fuzz = { .progress = progress, .name = NAME } };
	uint32_t left = AFTERWARDS;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (left) {
		if (__atomic_load_n(&progress->last, __ATOMIC_SEQ_CST))
			left--;
		if (!target.stream && open_stream(&target) < 0) {
			test_sleep_ms(1);
			stream_look(&target);
			continue;
		}
		work_once(&target);
		if (test_random_below(500) == 0)
			close_stream(&target);
	}
	close_stream(&target);
}

/* ---- the scribbler -------------------------------------------------------------------------- */

struct canvas {
	unsigned char *base, *pristine;
	uint64_t size, places, control;
};

static void canvas_map(struct canvas *canvas)
{
	const struct sli_header *header;
	char path[512];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.200s/" NAME, test_directory());
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	canvas->size = (uint64_t)st.st_size;
	canvas->base = (unsigned char *)mmap(NULL, canvas->size, PROT_READ | PROT_WRITE, MAP_SHARED,
					     fd, 0);
	CHECK(canvas->base != MAP_FAILED);
	close(fd);
	canvas->pristine = (unsigned char *)malloc(canvas->size);
	CHECK(canvas->pristine != NULL);
	memcpy(canvas->pristine, canvas->base, canvas->size);
	header = (const struct sli_header *)(void *)canvas->pristine;
	canvas->places = header->places_offset;
	canvas->control = header->object_offset;
}

static uint64_t canvas_where(const struct canvas *canvas)
{
	static const uint64_t words[] = { offsetof(struct sli_byte_ring_control, tail),
					  offsetof(struct sli_byte_ring_control, head),
					  offsetof(struct sli_byte_ring_control, write),
					  offsetof(struct sli_byte_ring_control, read),
					  offsetof(struct sli_byte_ring_control, bytes),
					  offsetof(struct sli_byte_ring_control, room) };

	switch (test_random_below(16)) {
	case 0:
		return test_random_below(288);
	case 1:
	case 2:
		return canvas->places + test_random_below(6 * 128);
	case 3:
		return canvas->control + test_random_below(16);
	case 4:
		return canvas->control + test_random_below(sizeof(struct sli_stream_control));
	case 5:
		return test_random_below(canvas->size);
	default:
		return canvas->control + offsetof(struct sli_stream_control, ways) +
		       words[test_random_below(6)] + 4 * test_random_below(3);
	}
}

static uint64_t canvas_value(const struct canvas *canvas, uint64_t at)
{
	static const uint64_t edges[] = {
		0,         1,        UINT64_MAX,   INT64_MAX,    UINT32_MAX,
		INT32_MAX, CAPACITY, CAPACITY - 1, CAPACITY + 1, 1u << 30,
		1u << 31
	};
	uint64_t word;

	memcpy(&word, canvas->base + (at & ~UINT64_C(7)), sizeof(word));
	switch (test_random_below(6)) {
	case 0:
		return test_random();
	case 1:
		return edges[test_random_below(sizeof(edges) / sizeof(edges[0]))];
	case 2:
		return word ^ UINT64_C(1) << test_random_below(64);
	case 3: /* a counter a little off */
		return word + test_random_below(2 * CAPACITY) - CAPACITY;
	case 4:
		return sli_stamp((uint32_t)test_random_below(7), (uint32_t)test_random_below(3)) |
		       (test_random_below(2) ? SLI_LOCK_WAITERS : 0);
	default:
		memcpy(&word, canvas->base + (test_random_below(canvas->size) & ~UINT64_C(7)),
		       sizeof(word));
		return word;
	}
}

static void scribble_once(struct canvas *canvas)
{
	uint64_t at = canvas_where(canvas), value, size = UINT64_C(8) >> test_random_below(3);

	if (test_random_below(32))
		at &= ~(size - 1);
	if (at + size > canvas->size)
		return;
	value = canvas_value(canvas, at);
	memcpy(canvas->base + at, &value, (size_t)size);
}

static void scribble_restore(struct canvas *canvas)
{
	if (test_random_below(2))
		memcpy(canvas->base, canvas->pristine, canvas->places);
	else
		memset(canvas->base + 256, 0, 4); /* life */
	if (test_random_below(2))
		memcpy(canvas->base + canvas->control, canvas->pristine + canvas->control,
		       sizeof(struct sli_stream_control));
}

static void scribble(void *context)
{
	struct canvas canvas;

	(void)context;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	canvas_map(&canvas);
	for (;;) {
		for (uint64_t n = test_random_below(12); n; n--)
			scribble_once(&canvas);
		for (uint64_t n = test_random_below(20000); n; n--)
			__asm__ __volatile__("" ::: "memory");
		if (test_random_below(8) == 0)
			scribble_restore(&canvas);
	}
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void round_make(void)
{
	struct sluice_stream_options options = { .size = sizeof(options),
						 .flags = SLUICE_PERSIST,
						 .participants = 6,
						 .capacity = CAPACITY };
	sluice_stream *stream;

	CHECK_EQ(sluice_stream_open(NAME, &options, &stream), 0);
	CHECK_EQ(sluice_stream_write(stream, "some bytes", 10, SLUICE_NOWAIT), 10);
	sluice_stream_close(stream);
}

static void round_run(struct progress *const *progress)
{
	pid_t workers[WORKERS], scribbler;
	bool over[WORKERS] = { false };
	uint32_t ended = 0;
	int64_t end;

	round_make();
	for (uint32_t i = 0; i < WORKERS; i++) {
		memset(progress[i], 0, sizeof(struct progress));
		workers[i] = test_fork();
		if (workers[i] == 0) {
			work(progress[i]);
			_exit(0);
		}
	}
	test_sleep_ms(5);
	scribbler = test_spawn(scribble, NULL);
	end = test_now_ns() + ROUND_MS * INT64_C(1000000);
	while (ended < WORKERS) {
		test_sleep_ms(2);
		if (scribbler && test_now_ns() > end) {
			test_kill(scribbler);
			scribbler = 0;
			for (uint32_t i = 0; i < WORKERS; i++)
				__atomic_store_n(&progress[i]->last, 1u, __ATOMIC_SEQ_CST);
		}
		for (uint32_t i = 0; i < WORKERS; i++)
			if (!over[i] && fuzz_watch(workers[i], progress[i], "worker")) {
				over[i] = true;
				ended++;
			}
	}
	if (sluice_remove(NAME) < 0)
		CHECK(sluice_clean(NULL, SLUICE_CLEAN_CONTENT, NULL, NULL) >= 0);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { 0 } };
	struct progress *progress[WORKERS];
	uint64_t operations = 0, refused = 0;
	int64_t end, seconds = 15;
	uint32_t rounds = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's')
			return 2;
		seconds = atoi(optarg);
	}
	test_begin();
	for (uint32_t i = 0; i < WORKERS; i++)
		progress[i] = progress_new();
	for (end = test_now_ns() + seconds * 1000000000; test_now_ns() < end; rounds++) {
		round_run(progress);
		for (uint32_t i = 0; i < WORKERS; i++) {
			operations += progress[i]->count;
			refused += progress[i]->refused;
		}
	}
	printf("%u rounds, %llu operations under fire, %llu refused as corrupt\n", rounds,
	       (unsigned long long)operations, (unsigned long long)refused);
	return test_end();
}
