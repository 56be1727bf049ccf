/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * ring_news.h - readers of a stream's news and the writers that overwrite them, an instruction at a time
 *
 * A short read takes its bytes from the news if they are those of the move that began at its head. So a
 * reader is stopped after each of its instructions while others write on; and a writer is stopped, or
 * killed, after each of its own while others read the move before. Each byte follows from its place.
 */
#ifndef RING_NEWS_H
#define RING_NEWS_H

#include "engine.h"

#define RING_NEWS_NAME "tidings"
#define RING_NEWS_LONGEST 400u

enum ring_news_kind { RING_NEWS_READER_STOPPED, RING_NEWS_WRITER_STOPPED, RING_NEWS_WRITER_KILLED };

struct ring_news_case {
	const char *name;
	enum ring_news_kind kind;
	uint32_t before; /* bytes of the move that nobody has read */
	uint32_t size;   /* what the victim wants to read, or writes */
	uint32_t after;  /* bytes that others write meanwhile, or afterwards */
};

/* Of 104 bytes all are in the news, of 105 none; from 49 on some are on the second line. */
static const struct ring_news_case ring_news_cases[] = {
	{ "reader stopped, far by far", RING_NEWS_READER_STOPPED, 104, 104, 104 },
	{ "reader stopped, far by near", RING_NEWS_READER_STOPPED, 56, 300, 40 },
	{ "reader stopped, near by near", RING_NEWS_READER_STOPPED, 48, 48, 33 },
	{ "reader stopped, near by long", RING_NEWS_READER_STOPPED, 40, 20, 105 },
	{ "writer stopped, far by far", RING_NEWS_WRITER_STOPPED, 104, 104, 50 },
	{ "writer stopped, far by near", RING_NEWS_WRITER_STOPPED, 104, 40, 40 },
	{ "writer killed, far by far", RING_NEWS_WRITER_KILLED, 104, 104, 104 },
	{ "writer killed, near by far", RING_NEWS_WRITER_KILLED, 40, 70, 20 },
	{ "writer killed, near by long", RING_NEWS_WRITER_KILLED, 40, 105, 40 },
};
#define RING_NEWS_CASES (sizeof(ring_news_cases) / sizeof(ring_news_cases[0]))

static struct {
	sluice_stream *in, *out;
	uint64_t written, read;
	const struct ring_news_case *now;
	uint32_t point, failures;
} ring_news_tester;

static inline unsigned char ring_news_byte(uint64_t place)
{
	uint64_t x = place * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned char)((x ^ x >> 31) >> 11);
}

static inline void ring_news_fill(unsigned char *to, uint64_t place, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		to[i] = ring_news_byte(place + i);
}

static inline sluice_stream *ring_news_attach(uint32_t role)
{
	struct sluice_stream_options options = { .size = sizeof(options) };
	sluice_stream *stream = NULL;

	options.role = role;
	options.flags = SLUICE_PERSIST; /* it is taken for dead now and then, and goes on */
	options.capacity = 65536;
	options.slice_ns = SLUICE_MS(10);
	options.spin_ns = 1; /* it is stepped */
	CHECK_EQ(sluice_stream_open(RING_NEWS_NAME, &options, &stream), 0);
	return stream;
}

static inline void ring_news_complain(const char *what, int64_t value)
{
	if (ring_news_tester.failures++ < 3)
		fprintf(stderr, "FAILED %s, after %u instructions: %s, %lld\n",
			ring_news_tester.now->name, ring_news_tester.point, what, (long long)value);
}

/* The tester writes. */
static inline void ring_news_put(uint32_t size)
{
	unsigned char data[RING_NEWS_LONGEST];
	int64_t r;

	ring_news_fill(data, ring_news_tester.written, size);
	r = sluice_stream_write(ring_news_tester.out, data, size, SLUICE_S(2));
	if (r != size)
		ring_news_complain("the tester's write", r);
	ring_news_tester.written += size;
}

/* What somebody read, from the tester's place on. */
static inline void ring_news_note(const unsigned char *data, int64_t size)
{
	for (int64_t i = 0; i < size; i++)
		if (data[i] != ring_news_byte(ring_news_tester.read + (uint64_t)i)) {
			ring_news_complain("a wrong byte, at", i);
			break;
		}
	if (size > 0)
		ring_news_tester.read += (uint64_t)size;
}

/* The tester reads all there is, at most @most at a time. */
static inline void ring_news_drain(uint32_t most)
{
	unsigned char data[RING_NEWS_LONGEST];
	int64_t r;

	while ((r = sluice_stream_read(ring_news_tester.in, data, most, SLUICE_NOWAIT)) > 0)
		ring_news_note(data, r);
	if (r != SLUICE_EAGAIN)
		ring_news_complain("the tester's read", r);
}

/* The victim. A writer has written and sees room, or it would look for it first. */
static inline void ring_news_body(struct report *report, void *context)
{
	const struct ring_news_case *scenario = (const struct ring_news_case *)context;
	bool reads = scenario->kind == RING_NEWS_READER_STOPPED;
	sluice_stream *stream = ring_news_attach(reads ? SLUICE_READ : SLUICE_WRITE);
	unsigned char byte = ring_news_byte(ring_news_tester.written);

	if (!reads)
		report->prepared = sluice_stream_write(stream, &byte, 1, SLUICE_NOWAIT) == 1 ? 0
											     : -1;
	raise(SIGSTOP);
	report_start(report);
	report->result = reads ? sluice_stream_read(stream, report->got[0].data, scenario->size,
						    SLUICE_NOWAIT)
			       : sluice_stream_write(stream, report->got[0].data, scenario->size,
						     SLUICE_NOWAIT);
	report_finish(report);
	raise(SIGSTOP);
}

/* A reader, stopped with a move before it. */
static inline void ring_news_pass_reader(struct victim *victim,
					 const struct ring_news_case *scenario)
{
	const struct report *report = victim->report;

	ring_news_put(scenario->after);
	if (ring_news_tester.point % 2)
		ring_news_put(scenario->before);
	victim_run_on(victim);
	if (report->result <= 0 || report->result > scenario->size)
		ring_news_complain("the victim's read", report->result);
	ring_news_note(report->got[0].data, report->result);
}

/* A writer, stopped or killed with a move behind it. */
static inline void ring_news_pass_writer(struct victim *victim,
					 const struct ring_news_case *scenario)
{
	struct sluice_stream_info info = { .size = sizeof(info) };
	uint64_t before = ring_news_tester.written;

	if (scenario->kind == RING_NEWS_WRITER_STOPPED) {
		ring_news_drain(scenario->before);
		victim_run_on(victim);
		if (victim->report->result != scenario->size)
			ring_news_complain("the victim's write", victim->report->result);
		ring_news_tester.written += scenario->size;
		return;
	}
	victim_kill(victim);
	CHECK_EQ(sluice_stream_info(ring_news_tester.out, &info), 0);
	if (info.written != before && info.written != before + scenario->size)
		ring_news_complain("written", (int64_t)(info.written - before));
	ring_news_tester.written = info.written;
	ring_news_drain(ring_news_tester.point % 2 ? scenario->before : scenario->before / 2 + 1);
	ring_news_put(scenario->after);
}

/* One point. False: the operation was over by then. */
static inline bool ring_news_point(const struct ring_news_case *scenario, uint32_t point,
				   struct report *report)
{
	struct victim victim;
	bool inside = true;

	engine_watch(scenario->name, point, 0, 0);
	ring_news_tester.now = scenario;
	ring_news_tester.point = point;
	if (scenario->kind == RING_NEWS_READER_STOPPED)
		ring_news_put(scenario->before);
	victim_start(&victim, report, ring_news_body, (void *)(uintptr_t)scenario);
	if (scenario->kind != RING_NEWS_READER_STOPPED) {
		ring_news_tester.written++;
		ring_news_drain(RING_NEWS_LONGEST);
		ring_news_put(scenario->before);
		ring_news_fill(report->got[0].data, ring_news_tester.written, scenario->size);
	}
	victim_to_start(&victim);
	for (uint32_t i = 0; i < point && inside; i++)
		inside = victim_step(&victim) && !victim.has_ended;
	if (scenario->kind == RING_NEWS_READER_STOPPED)
		ring_news_pass_reader(&victim, scenario);
	else
		ring_news_pass_writer(&victim, scenario);
	if (victim.pid)
		victim_kill(&victim);
	ring_news_drain(1 + point * 7 % 150);
	if (ring_news_tester.read != ring_news_tester.written)
		ring_news_complain("read less than was written", (int64_t)ring_news_tester.read);
	ring_news_tester.read = ring_news_tester.written;
	return inside;
}

/* Each case at each instruction; ends when @enough points failed. Return: failures. */
static inline uint32_t ring_news_walk(struct report *report, uint32_t enough, uint32_t *ret_points)
{
	memset(&ring_news_tester, 0, sizeof(ring_news_tester));
	*ret_points = 0;
	ring_news_tester.out = ring_news_attach(SLUICE_WRITE);
	ring_news_tester.in = ring_news_attach(SLUICE_READ);
	for (size_t i = 0; i < RING_NEWS_CASES && ring_news_tester.failures < enough; i++)
		for (uint32_t k = 0; ring_news_tester.failures < enough; k++) {
			++*ret_points;
			if (!ring_news_point(&ring_news_cases[i], k, report))
				break;
		}
	sluice_stream_close(ring_news_tester.out);
	sluice_stream_close(ring_news_tester.in);
	CHECK_EQ(sluice_remove(RING_NEWS_NAME), 0);
	alarm(0);
	return ring_news_tester.failures;
}

#endif
