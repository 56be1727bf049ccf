/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_scenarios.h - what victims are killed in: every operation of a stream, in the states that matter
 *
 * prepare() and operate() run in the victim; what prepare() does is done for sure. report->count is
 * what the operation moved.
 */
#ifndef STREAM_SCENARIOS_H
#define STREAM_SCENARIOS_H

#include "stream_world.h"

/* In the victim. */
static sluice_stream *victim_stream;
static unsigned char victim_text[2 * FLOW_CAPACITY];
static unsigned char *victim_taken;
static void *victim_span;
static const void *victim_bytes;
static struct flow *victim_flow;

/* ---- preparing ------------------------------------------------------------------------------ */

static inline int flow_prepare_nothing(const struct flow_scenario *scenario)
{
	(void)scenario;
	/* A fork has the parent's handles, as a participant of its own. */
	flow_close(&victim_flow->reader);
	flow_close(&victim_flow->writer);
	return 0;
}

static inline int flow_prepare_open(const struct flow_scenario *scenario)
{
	struct sluice_stream_options options = flow_options(scenario->role);

	flow_prepare_nothing(scenario);
	options.spin_ns = 1; /* it is stepped */
	return sluice_stream_open(FLOW_NAME, &options, &victim_stream);
}

/* One end of a pair that the parent made. */
static inline int flow_prepare_pair(const struct flow_scenario *scenario)
{
	bool writes = scenario->role == SLUICE_WRITE;

	victim_stream = writes ? victim_flow->writer : victim_flow->reader;
	flow_close(writes ? &victim_flow->reader : &victim_flow->writer);
	return 0;
}

/* Both ends, as after a fork. */
static inline int flow_prepare_both(const struct flow_scenario *scenario)
{
	victim_stream = scenario->role == SLUICE_WRITE ? victim_flow->writer : victim_flow->reader;
	return 0;
}

static inline int flow_prepare_reserve(const struct flow_scenario *scenario)
{
	int64_t r = flow_prepare_open(scenario);

	if (r == 0)
		r = sluice_stream_reserve(victim_stream, 1000, &victim_span, SLUICE_NOWAIT);
	if (r > 0)
		memcpy(victim_span, victim_text, 1000);
	return r > 0 ? 0 : (int)r - 1;
}

static inline int flow_prepare_peek(const struct flow_scenario *scenario)
{
	int64_t r = flow_prepare_open(scenario);

	if (r == 0)
		r = sluice_stream_peek(victim_stream, 1, &victim_bytes, SLUICE_NOWAIT);
	return r == scenario->before ? 0 : (int)r - 1;
}

/* The only one, with bytes of its own. */
static inline int flow_prepare_only(const struct flow_scenario *scenario)
{
	static unsigned char data[FLOW_CAPACITY];
	int r = flow_prepare_open(scenario);

	flow_fill(data, TEXT_BEFORE, 0, scenario->before);
	return r == 0 && sluice_stream_write(victim_stream, data, scenario->before,
					     SLUICE_NOWAIT) == scenario->before
		       ? 0
		       : -1;
}

/* ---- operating ------------------------------------------------------------------------------ */

static inline void flow_moved(struct report *report, int64_t result)
{
	report->result = result;
	report->count = result > 0 ? (uint32_t)result : 0;
}

static inline void flow_operate_open(const struct flow_scenario *scenario, struct report *report)
{
	struct sluice_stream_options options = flow_options(scenario->role);

	flow_moved(report, sluice_stream_open(FLOW_NAME, &options, &victim_stream));
}

static inline void flow_operate_close(const struct flow_scenario *scenario, struct report *report)
{
	sluice_stream_close(victim_stream);
	report->result = 0;
	report->count = scenario->size;
}

static inline void flow_operate_finish(const struct flow_scenario *scenario, struct report *report)
{
	(void)scenario;
	flow_moved(report, sluice_stream_finish(victim_stream));
}

static inline void flow_operate_write(const struct flow_scenario *scenario, struct report *report)
{
	flow_moved(report,
		   sluice_stream_write(
			   victim_stream, victim_text, scenario->result < 0 ? 300 : scenario->size,
			   scenario->result == SLUICE_ETIMEDOUT ? SLUICE_MS(1) : SLUICE_NOWAIT));
}

/* More than there is room for. */
static inline void flow_operate_write_over(const struct flow_scenario *scenario,
					   struct report *report)
{
	(void)scenario;
	flow_moved(report, sluice_stream_write(victim_stream, victim_text, FLOW_CAPACITY + 1000,
					       SLUICE_NOWAIT));
}

static inline void flow_operate_writev(const struct flow_scenario *scenario, struct report *report)
{
	const struct iovec parts[4] = { { victim_text, 100 },
					{ victim_text, 0 },
					{ victim_text + 100, 1 },
					{ victim_text + 101, scenario->size - 101 } };

	flow_moved(report, sluice_stream_writev(victim_stream, parts, 4, SLUICE_NOWAIT));
}

static inline void flow_operate_reserve(const struct flow_scenario *scenario, struct report *report)
{
	(void)scenario;
	report->result = sluice_stream_reserve(victim_stream, 1000, &victim_span, SLUICE_NOWAIT);
	if (report->result >= 1000)
		memset(victim_span, 'x', 1000);
}

static inline void flow_operate_commit(const struct flow_scenario *scenario, struct report *report)
{
	report->result = sluice_stream_commit(victim_stream, scenario->size);
	report->count = report->result == 0 ? scenario->size : 0;
}

static inline void flow_operate_reserve_commit(const struct flow_scenario *scenario,
					       struct report *report)
{
	report->result = sluice_stream_reserve(victim_stream, 1000, &victim_span, SLUICE_NOWAIT);
	if (report->result < 1000)
		return;
	memcpy(victim_span, victim_text, scenario->size);
	flow_operate_commit(scenario, report);
}

static inline void flow_operate_read(const struct flow_scenario *scenario, struct report *report)
{
	flow_moved(report,
		   sluice_stream_read(
			   victim_stream, victim_taken, scenario->size ? scenario->size : 300,
			   scenario->result == SLUICE_ETIMEDOUT ? SLUICE_MS(1) : SLUICE_NOWAIT));
}

static inline void flow_operate_readv(const struct flow_scenario *scenario, struct report *report)
{
	const struct iovec parts[3] = { { victim_taken, 7 },
					{ victim_taken + 7, 200 },
					{ victim_taken + 207, scenario->size - 207 } };

	flow_moved(report, sluice_stream_readv(victim_stream, parts, 3, SLUICE_NOWAIT));
}

static inline void flow_operate_peek(const struct flow_scenario *scenario, struct report *report)
{
	(void)scenario;
	report->result = sluice_stream_peek(victim_stream, 500, &victim_bytes, SLUICE_NOWAIT);
}

static inline void flow_operate_consume(const struct flow_scenario *scenario, struct report *report)
{
	memcpy(victim_taken, victim_bytes, scenario->size);
	report->result = sluice_stream_consume(victim_stream, scenario->size);
	report->count = report->result == 0 ? scenario->size : 0;
}

static inline void flow_operate_peek_consume(const struct flow_scenario *scenario,
					     struct report *report)
{
	flow_operate_peek(scenario, report);
	if (report->result > 0)
		flow_operate_consume(scenario, report);
}

/* A stream that nobody else will ever see. */
static inline void flow_operate_pair(const struct flow_scenario *scenario, struct report *report)
{
	struct sluice_stream_options options = flow_options(0);
	sluice_stream *reader, *writer;

	(void)scenario;
	report->result = sluice_stream_pair(&options, &reader, &writer);
	if (report->result < 0)
		return;
	sluice_stream_close(writer);
	sluice_stream_close(reader);
}

/* ---- all of them ---------------------------------------------------------------------------- */

#define WRITES(name, operation) name, .role = SLUICE_WRITE, .operate = flow_operate_##operation
#define READS(name, operation) name, .role = SLUICE_READ, .operate = flow_operate_##operation
#define WITH(preparation) .prepare = flow_prepare_##preparation
#define MOVES(n) .size = (n), .result = (n)
#define AT_WRAP .start = FLOW_CAPACITY - 700

static const struct flow_scenario flow_scenarios[] = {
	{ WRITES("write", write), .before = 1000, MOVES(300) },
	{ WRITES("write_last", write), .before = 1000, MOVES(300), .peers = FLOW_ALONE },
	{ WRITES("write_wrap", write), AT_WRAP, .before = 500, MOVES(FLOW_ATOMIC),
	  .peers = FLOW_ALONE },
	{ WRITES("write_few", write), .before = 1000, MOVES(61) },
	{ WRITES("write_few_wrap", write), AT_WRAP, .before = 660, MOVES(104),
	  .peers = FLOW_ALONE },
	{ WRITES("write_no_news", write), .before = 1000, MOVES(105) },
	{ WRITES("write_armed", write), MOVES(300), .armed = true, .peers = FLOW_ALONE },
	{ WRITES("write_waiters", write), MOVES(300), .waiters = true },
	{ WRITES("write_polled", write), MOVES(300), .polled = true, .peers = FLOW_ALONE },
	{ WRITES("write_dead", write), MOVES(300), .corpse = true, .is_long = true },
	{ WRITES("write_full", write), .before = FLOW_CAPACITY, .result = SLUICE_EAGAIN,
	  .is_long = true },
	{ WRITES("write_timeout", write), .before = FLOW_CAPACITY, .result = SLUICE_ETIMEDOUT,
	  .is_long = true },
	{ WRITES("write_long", write), AT_WRAP, .before = 100, MOVES(40000), .grain = 1,
	  .is_long = true, .peers = FLOW_ALONE },
	{ WRITES("write_over", write_over), .before = 1000, MOVES(FLOW_CAPACITY - 1000), .grain = 1,
	  .is_long = true, .peers = FLOW_ALONE },
	{ WRITES("writev", writev), AT_WRAP, .before = 600, MOVES(2000) },
	{ WRITES("reserve", reserve), .before = 100, .result = FLOW_CAPACITY - 100 },
	{ WRITES("reserve_commit", reserve_commit), AT_WRAP, .before = 600, .size = 300,
	  .peers = FLOW_ALONE },
	{ WRITES("commit", commit), WITH(reserve), .before = 100, .size = 1000, .armed = true },
	{ WRITES("commit_none", commit), WITH(reserve), .before = 100 },
	{ WRITES("finish", finish), .before = 100, .peers = FLOW_ALONE, .armed = true },
	{ WRITES("finish_reserved", finish), WITH(reserve), .before = 100 },
	{ WRITES("close_writer", close), WITH(reserve), .before = 100, .peers = FLOW_ALONE,
	  .is_long = true },
	{ WRITES("open_writer", open), WITH(nothing), .before = 100, .is_long = true },
	{ WRITES("open_writer_dead", open), WITH(nothing), .before = 100, .corpse = true,
	  .is_long = true },
	{ WRITES("create", open), WITH(nothing), .peers = FLOW_NOBODY, .is_long = true },
	{ READS("read", read), .before = 1000, MOVES(300) },
	{ READS("read_last", read), .before = 1000, MOVES(300), .peers = FLOW_ALONE },
	{ READS("read_few", read), .before = 61, MOVES(61) },
	{ READS("read_fewer", read), .before = 100, MOVES(43), .peers = FLOW_ALONE },
	{ READS("read_wrap", read), AT_WRAP, .before = 1000, MOVES(1000) },
	{ READS("read_full", read), .before = FLOW_CAPACITY, MOVES(FLOW_ATOMIC), .armed = true,
	  .peers = FLOW_ALONE },
	{ READS("read_waiters", read), .before = 1000, MOVES(300), .waiters = true },
	{ READS("read_polled", read), .before = FLOW_CAPACITY, MOVES(5000), .polled = true,
	  .peers = FLOW_ALONE },
	{ READS("read_dead", read), .before = 1000, MOVES(300), .corpse = true, .is_long = true },
	{ READS("read_empty", read), .result = SLUICE_EAGAIN, .is_long = true },
	{ READS("read_timeout", read), .result = SLUICE_ETIMEDOUT, .is_long = true },
	{ READS("read_long", read), AT_WRAP, .before = 40000, MOVES(39000), .grain = 1,
	  .is_long = true, .peers = FLOW_ALONE },
	{ READS("readv", readv), AT_WRAP, .before = 1000, MOVES(900) },
	{ READS("peek", peek), AT_WRAP, .before = 1000, .result = 1000 },
	{ READS("peek_more", peek), .before = 400, .result = SLUICE_EAGAIN, .is_long = true },
	{ READS("peek_consume", peek_consume), AT_WRAP, .before = 1000, .size = 800 },
	{ READS("consume", consume), WITH(peek), .before = 1000, .size = 800, .peers = FLOW_ALONE },
	{ READS("consume_none", consume), WITH(peek), .before = 1000 },
	{ READS("close_reader", close), WITH(peek), .before = 100, .peers = FLOW_ALONE,
	  .is_long = true },
	{ READS("open_reader", open), WITH(nothing), .before = 100, .is_long = true },
	{ READS("open_reader_dead", open), WITH(nothing), .before = 100, .corpse = true,
	  .is_long = true },
	{ READS("open_kept", open), WITH(nothing), .before = 100, .peers = FLOW_NOBODY,
	  .persists = true, .is_long = true },
	{ "close_only", .prepare = flow_prepare_only, .operate = flow_operate_close, .before = 100,
	  .size = 100, .peers = FLOW_NOBODY, .loses = true, .is_long = true },
	{ WRITES("pair_write", write), WITH(pair), .kind = FLOW_PAIR, .before = 100, MOVES(300),
	  .peers = FLOW_ALONE },
	{ READS("pair_read", read), WITH(pair), .kind = FLOW_PAIR, .before = 1000, MOVES(300),
	  .peers = FLOW_ALONE },
	{ WRITES("pair_close_writer", close), WITH(both), .kind = FLOW_PAIR, .before = 100,
	  .peers = FLOW_ALONE, .is_long = true },
	{ READS("pair_close_reader", close), WITH(both), .kind = FLOW_PAIR, .before = 100,
	  .peers = FLOW_ALONE, .is_long = true },
	{ WRITES("duplex_write", write), WITH(pair), .kind = FLOW_DUPLEX, .before = 100, MOVES(300),
	  .peers = FLOW_ALONE },
	{ WRITES("duplex_finish", finish), WITH(pair), .kind = FLOW_DUPLEX, .before = 100,
	  .peers = FLOW_ALONE },
	{ WRITES("pair_make", pair), WITH(nothing), .before = 100, .is_long = true },
};
#define FLOW_SCENARIOS (sizeof(flow_scenarios) / sizeof(flow_scenarios[0]))

static inline int flow_prepare(const struct flow_scenario *scenario)
{
	return scenario->prepare ? scenario->prepare(scenario) : flow_prepare_open(scenario);
}

/* ---- the engine ----------------------------------------------------------------------------- */

static inline void engine_flow_body(struct report *report, void *context)
{
	const struct flow_scenario *scenario = (const struct flow_scenario *)context;

	report->prepared = flow_prepare(scenario);
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(scenario, report);
	report_finish(report);
	raise(SIGSTOP);
}

static inline void flow_begin(void)
{
	for (int i = 0; i < FLOW_ACTORS; i++) {
		void *p = mmap(NULL, 2 * FLOW_CAPACITY, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		CHECK(p != MAP_FAILED);
		flow_taken[i] = (unsigned char *)p;
	}
}

/* What the @number-th victim will find in its memory. */
static inline void flow_ready(struct flow *flow, uint32_t number, uint32_t size)
{
	victim_flow = flow;
	victim_taken = flow_taken[number];
	flow_fill(victim_text, TEXT_FIRST + number, 0, size);
}

static inline void engine_flow_start(struct flow *flow, struct world *world,
				     const struct flow_scenario *scenario, struct victim *victim,
				     struct report *report)
{
	flow_setup(flow, world, scenario);
	flow_plan(flow, scenario, report);
	flow_ready(flow, 0, 2 * FLOW_CAPACITY);
	victim_start(victim, report, engine_flow_body, (void *)(uintptr_t)scenario);
	flow_arm(flow);
	victim_to_start(victim);
}

static inline bool engine_flow_try(const struct flow_scenario *scenario, struct world *world,
				   struct report *report, const struct trace *trace, uint32_t point,
				   uint32_t variant, uint64_t *ret_pc)
{
	struct victim victim;
	struct flow flow;

	engine_watch(scenario->name, point, 0, variant);
	engine_flow_start(&flow, world, scenario, &victim, report);
	(void)victim_go_to(&victim, trace, point);
	*ret_pc = victim.pc;
	victim_kill(&victim);
	return flow_end(&flow, flow_check(&flow, variant));
}

static inline void engine_flow_point(const struct flow_scenario *scenario,
				     const struct trace *trace, uint32_t point, uint32_t variant,
				     struct report *report, struct tally *tally)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = engine_flow_try(scenario, &world, report, trace, point, variant, &pc);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, variant, trace, pc, good, &world);
}

static inline void points_of_flow(const struct flow_scenario *scenario, struct report *report,
				  struct points *points)
{
	static struct world world;
	struct victim victim;
	struct flow flow;

	engine_watch(scenario->name, 0, 0, 0);
	engine_flow_start(&flow, &world, scenario, &victim, report);
	points_collect(&victim, FLOW_NAME, points);
	victim_kill(&victim);
	(void)flow_end(&flow, true);
}

#endif
