/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_stream.c - a peer that stores anything anywhere in a stream at any time
 *
 * Rounds as fire.h has them. The ring's two mappings lie between pages that nobody may touch, and so does
 * the segment.
 *
 *	fuzz_stream [--seconds N]
 */
#include "fire.h"
#include "object/stream.h"

#define NAME "fire"
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

static void work(const struct fire *fire, struct progress *progress, uint32_t worker)
{
	struct target target = { .fuzz = { .progress = progress, .name = NAME } };
	uint32_t left = FIRE_AFTERWARDS;

	(void)fire;
	(void)worker;
	while (fire_goes_on(progress, &left)) {
		int r = target.stream ? 0 : open_stream(&target);

		if (r < 0) {
			fire_rest(&target.fuzz, r, &left);
			continue;
		}
		work_once(&target);
		if (fire_opens_anew(&target.fuzz))
			close_stream(&target);
	}
	close_stream(&target);
}

/* ---- what is stored where -------------------------------------------------------------------- */

static uint64_t where(const struct canvas *canvas)
{
	static const uint64_t words[] = { offsetof(struct sli_byte_ring_control, tail),
					  offsetof(struct sli_byte_ring_control, head),
					  offsetof(struct sli_byte_ring_control, write),
					  offsetof(struct sli_byte_ring_control, read),
					  offsetof(struct sli_byte_ring_control, bytes),
					  offsetof(struct sli_byte_ring_control, room) };

	switch (test_random_below(16)) {
	case 0:
		return canvas_header();
	case 1:
	case 2:
		return canvas_place(canvas);
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

/* Counters, and any value. */
static uint64_t value(const struct canvas *canvas, uint64_t at)
{
	static const uint64_t edges[] = { CAPACITY, CAPACITY - 1, CAPACITY + 1 };

	switch (test_random_below(8)) {
	case 0:
		return edges[test_random_below(sizeof(edges) / sizeof(edges[0]))];
	case 1: /* a counter a little off */
		return canvas_word(canvas, at) + test_random_below(2 * CAPACITY) - CAPACITY;
	default:
		return canvas_value(canvas, at);
	}
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void make(const struct fire *fire)
{
	struct sluice_stream_options options = { .size = sizeof(options),
						 .flags = SLUICE_PERSIST,
						 .participants = 6,
						 .capacity = CAPACITY };
	sluice_stream *stream;

	(void)fire;
	CHECK_EQ(sluice_stream_open(NAME, &options, &stream), 0);
	CHECK_EQ(sluice_stream_write(stream, "some bytes", 10, SLUICE_NOWAIT), 10);
	sluice_stream_close(stream);
}

int main(int argc, char **argv)
{
	struct fire fire = { .names = { NAME },
			     .seconds = 15,
			     .make = make,
			     .work = work,
			     .where = where,
			     .value = value };

	return fire_main(&fire, argc, argv, NULL);
}
