/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_world.h - a stream whose bytes are known, and what may have become of them
 *
 * What goes through the stream is a row of texts: what was there before, what each victim may have
 * written, and what the tester writes afterwards. How far a victim had come when it died is not
 * known, but its limits are: it wrote or read a whole number of grains, at most all of them, and
 * exactly what it reported if it did. So there are a few possible rests, and what is read from then
 * on until the end has to be one of them, to the byte. Nothing here looks at how a stream works.
 *
 * The tester's side goes on in three ways (@variant): with the handles it has, with a new reader, or
 * with a new writer.
 */
#ifndef STREAM_WORLD_H
#define STREAM_WORLD_H

#include "engine.h"
#include "object/stream.h"

#include <poll.h>

#define FLOW_NAME "river"
#define FLOW_CAPACITY 65536u
#define FLOW_ATOMIC 4096u
#define FLOW_ACTORS 2
#define FLOW_PROBE 300u
#define FLOW_ROOM (4 * FLOW_CAPACITY)

enum flow_kind { FLOW_NAMED, FLOW_PAIR, FLOW_DUPLEX };

/* Who is there when the victim begins; and what it leaves unsaid, nobody. */
enum flow_peers {
	FLOW_BOTH,  /* a reader and a writer beside the victim */
	FLOW_ALONE, /* nobody else with the victim's role */
	FLOW_NOBODY /* the victim is the first, or the only one */
};

struct flow_scenario {
	const char *name;
	uint32_t role; /* the victim's: SLUICE_READ or SLUICE_WRITE */
	int (*prepare)(const struct flow_scenario *scenario); /* NULL: open */
	void (*operate)(const struct flow_scenario *scenario, struct report *report);
	enum flow_peers peers;
	enum flow_kind kind;
	uint32_t start;              /* bytes that came and went: where in the ring it begins */
	uint32_t before;             /* bytes that are there */
	uint32_t size;               /* bytes of the operation */
	uint32_t grain;              /* it does multiples of so many; 0: all or nothing */
	int64_t result;              /* of the operation, when it is reported */
	bool is_long;                /* thousands of instructions: not at each of them */
	bool corpse;                 /* a dead participant holds the victim's end */
	bool armed, waiters, polled; /* words say that somebody sleeps, or polls */
	bool persists;               /* made with SLUICE_PERSIST by somebody who has left again */
	bool loses;                  /* the only participant: what is there may go with it */
};

struct flow_actor {
	uint32_t role, size, grain;
	int64_t result;
	bool any_result; /* it finds what another left */
	const struct report *report;
	const unsigned char *taken; /* what it read; NULL: it did not say */
};

struct flow {
	struct world *world; /* for complaints */
	const struct flow_scenario *scenario;
	sluice_stream *reader, *writer; /* the tester's */
	uint32_t before;
	struct flow_actor actors[FLOW_ACTORS];
	uint32_t actor_count;
	uint32_t probed;      /* bytes the tester wrote */
	unsigned char *found; /* and read */
	uint32_t found_size;
};

/* What victims read, in memory that outlives them. */
static unsigned char *flow_taken[FLOW_ACTORS];

/* ---- texts ---------------------------------------------------------------------------------- */

enum { TEXT_BEFORE, TEXT_FIRST, TEXT_SECOND, TEXT_PROBE };

/* No period that a power of two could hide. */
static inline unsigned char flow_byte(uint32_t text, uint32_t at)
{
	uint64_t x = ((uint64_t)text * 7919 + at / 251 + 1) * UINT64_C(0x9e3779b97f4a7c15) + at;

	return (unsigned char)(x ^ x >> 29);
}

static inline void flow_fill(unsigned char *to, uint32_t text, uint32_t at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		to[i] = flow_byte(text, at + i);
}

/* ---- setting up ----------------------------------------------------------------------------- */

static inline struct sluice_stream_options flow_options(uint32_t role)
{
	struct sluice_stream_options options = { .size = sizeof(options),
						 .role = role,
						 .participants = 8,
						 .slice_ns = SLUICE_MS(10),
						 .capacity = FLOW_CAPACITY,
						 .atomic = FLOW_ATOMIC };

	return options;
}

static inline sluice_stream *flow_open(uint32_t role, uint32_t flags)
{
	struct sluice_stream_options options = flow_options(role);
	sluice_stream *stream = NULL;
	char text[256] = "";

	options.flags = flags;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	if (sluice_stream_open(FLOW_NAME, &options, &stream) != 0)
		test_fail(__FILE__, __LINE__, "open: %s", text);
	return stream;
}

static inline void flow_close(sluice_stream **stream)
{
	sluice_stream_close(*stream);
	*stream = NULL;
}

static inline void flow_write(sluice_stream *writer, uint32_t text, uint32_t size)
{
	static unsigned char data[FLOW_CAPACITY];

	flow_fill(data, text, 0, size);
	CHECK_EQ(sluice_stream_write(writer, data, size, SLUICE_NOWAIT), size);
}

static inline void flow_open_ends(struct flow *flow)
{
	struct sluice_stream_options options = flow_options(0);

	if (flow->scenario->kind == FLOW_PAIR)
		CHECK_EQ(sluice_stream_pair(&options, &flow->reader, &flow->writer), 0);
	else if (flow->scenario->kind == FLOW_DUPLEX)
		CHECK_EQ(sluice_stream_duplex(&options, &flow->reader, &flow->writer), 0);
	else {
		flow->reader = flow_open(SLUICE_READ,
					 flow->scenario->persists ? SLUICE_PERSIST : 0);
		flow->writer = flow_open(SLUICE_WRITE, 0);
	}
}

/* A stream in the scenario's state. */
static inline void flow_setup(struct flow *flow, struct world *world,
			      const struct flow_scenario *scenario)
{
	static unsigned char passing[FLOW_CAPACITY], *found;

	if (!found)
		CHECK((found = (unsigned char *)malloc(FLOW_ROOM)) != NULL);
	memset(flow, 0, sizeof(*flow));
	world->name = FLOW_NAME;
	world->complaint[0] = '\0';
	world->is_slow = false;
	flow->world = world;
	flow->scenario = scenario;
	flow->found = found;
	flow->before = scenario->before;
	if (scenario->peers == FLOW_NOBODY && !scenario->persists)
		return;
	flow_open_ends(flow);
	if (scenario->start) {
		flow_write(flow->writer, TEXT_BEFORE, scenario->start);
		CHECK_EQ(sluice_stream_read(flow->reader, passing, sizeof(passing), SLUICE_NOWAIT),
			 scenario->start);
	}
	if (scenario->before)
		flow_write(flow->writer, TEXT_BEFORE, scenario->before);
	if (scenario->peers == FLOW_NOBODY) {
		flow_close(&flow->writer);
		flow_close(&flow->reader);
	}
}

/* Holds the end of @role, and dies. */
static inline void flow_corpse(uint32_t role)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_stream *mine = flow_open(role, 0);
		const void *bytes;
		void *room;
		int64_t r = role == SLUICE_READ
				    ? sluice_stream_peek(mine, 1, &bytes, SLUICE_NOWAIT)
				    : sluice_stream_reserve(mine, 1, &room, SLUICE_NOWAIT);

		if (r <= 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
}

/* With the victim ready. */
static inline void flow_arm(struct flow *flow)
{
	const struct flow_scenario *scenario = flow->scenario;
	bool writes = scenario->role == SLUICE_WRITE;
	struct sli_byte_ring *ring = flow->reader ? flow->reader->in : NULL;

	if (scenario->corpse)
		flow_corpse(scenario->role);
	/* Readers wait for what the victim writes, writers for what it reads. */
	if (scenario->armed)
		sli_event_arm(sli_bytes_event(ring, writes ? SLI_BYTES_IN : SLI_BYTES_OUT),
			      SLI_EVENT_ANY | SLI_EVENT_POLL);
	if (scenario->waiters)
		sli_or_sc(writes ? &ring->control->write.lock.word : &ring->control->read.lock.word,
			  SLI_LOCK_WAITERS);
	if (scenario->polled)
		CHECK(sluice_stream_fd(writes ? flow->reader : flow->writer,
				       writes ? SLUICE_READABLE : SLUICE_WRITABLE) >= 0);
	if (scenario->peers == FLOW_ALONE)
		flow_close(writes ? &flow->writer : &flow->reader);
}

/* What the victim is about to do, for the account. */
static inline void flow_plan(struct flow *flow, const struct flow_scenario *scenario,
			     const struct report *report)
{
	struct flow_actor *actor = &flow->actors[flow->actor_count];

	actor->role = scenario->loses ? SLUICE_READ : scenario->role;
	actor->size = scenario->size;
	actor->grain = scenario->grain ? scenario->grain : scenario->size;
	actor->result = scenario->result;
	actor->report = report;
	actor->taken = scenario->loses ? NULL : flow_taken[flow->actor_count];
	flow->actor_count++;
}

/* ---- the account ---------------------------------------------------------------------------- */

/* Next amount after @amount that it may have done; false: none. */
static inline bool flow_next(const struct flow_actor *actor, uint32_t *amount)
{
	if (report_is_finished(actor->report) || *amount >= actor->size)
		return false;
	*amount = SLI_MIN(*amount + actor->grain, actor->size);
	return true;
}

static inline uint32_t flow_first(const struct flow_actor *actor)
{
	return report_is_finished(actor->report) ? actor->report->count : 0;
}

/* All that went through, if the victims wrote so much. Return: its length. */
static inline uint32_t flow_text(const struct flow *flow, const uint32_t *amounts,
				 unsigned char *text)
{
	uint32_t size = flow->before;

	if (text)
		flow_fill(text, TEXT_BEFORE, 0, size);
	for (uint32_t i = 0; i < flow->actor_count; i++)
		if (flow->actors[i].role == SLUICE_WRITE) {
			if (text)
				flow_fill(text + size, TEXT_FIRST + i, 0, amounts[i]);
			size += amounts[i];
		}
	if (text)
		flow_fill(text + size, TEXT_PROBE, 0, flow->probed);
	return size + flow->probed;
}

/* Is what was found right, if the victims did so much? */
static inline bool flow_fits(const struct flow *flow, const uint32_t *amounts)
{
	static unsigned char text[FLOW_ROOM];
	uint32_t size = flow_text(flow, amounts, NULL), gone = 0;

	for (uint32_t i = 0; i < flow->actor_count; i++)
		gone += flow->actors[i].role == SLUICE_READ ? amounts[i] : 0;
	if (gone > size || size - gone != flow->found_size)
		return false;
	flow_text(flow, amounts, text);
	if (memcmp(text + gone, flow->found, flow->found_size) != 0)
		return false;
	gone = 0;
	for (uint32_t i = 0; i < flow->actor_count; i++) {
		const struct flow_actor *actor = &flow->actors[i];

		if (actor->role != SLUICE_READ)
			continue;
		if (report_is_finished(actor->report) && actor->taken &&
		    memcmp(actor->taken, text + gone, amounts[i]) != 0)
			return false;
		gone += amounts[i];
	}
	return true;
}

static inline bool flow_check_bytes(struct flow *flow)
{
	const struct flow_actor *actors = flow->actors;
	uint32_t amounts[FLOW_ACTORS] = { 0 };

	for (uint32_t i = 0; i < flow->actor_count; i++)
		if (report_is_finished(actors[i].report) && !actors[i].any_result &&
		    actors[i].report->result != actors[i].result)
			return complain(flow->world, "the operation returned %lld, wanted %lld",
					(long long)actors[i].report->result,
					(long long)actors[i].result);
	amounts[0] = flow_first(&actors[0]);
	do {
		amounts[1] = flow->actor_count > 1 ? flow_first(&actors[1]) : 0;
		do
			if (flow_fits(flow, amounts))
				return true;
		while (flow->actor_count > 1 && flow_next(&actors[1], &amounts[1]));
	} while (flow_next(&actors[0], &amounts[0]));
	return complain(
		flow->world,
		"%u bytes were read until the end, of %u before and %u afterwards, and they are "
		"not what they can be",
		flow->found_size, flow->before, flow->probed);
}

/* ---- going on ------------------------------------------------------------------------------- */

static inline bool flow_attach(struct flow *flow, sluice_stream **stream, uint32_t role)
{
	struct sluice_stream_options options = flow_options(role);
	sluice_stream *other = NULL;
	int64_t began = test_now_ns();
	char text[256] = "";
	int r;

	if (flow->scenario->kind != FLOW_NAMED)
		return true; /* nobody can come */
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_stream_open(FLOW_NAME, &options, &other);
	if (r < 0)
		return complain(flow->world, "open: %s (%s)", sluice_error_name(r), text);
	flow_close(stream);
	*stream = other;
	return world_timed(flow->world, began, "open");
}

static inline bool flow_probe(struct flow *flow, uint32_t size)
{
	unsigned char data[FLOW_PROBE];
	int64_t began = test_now_ns(), r;

	flow_fill(data, TEXT_PROBE, flow->probed, size);
	r = sluice_stream_write(flow->writer, data, size, PATIENCE_NS);
	if (r != size)
		return complain(flow->world, "write: %s",
				r < 0 ? sluice_error_name((int)r) : "a part");
	flow->probed += size;
	return world_timed(flow->world, began, "write");
}

/* One read, or one look and what it showed. Return: it went well; *@ret_end: there is no more. */
static inline bool flow_take(struct flow *flow, bool peeks, bool *ret_end)
{
	int64_t began = test_now_ns(), r;
	const void *bytes = NULL;
	uint32_t room = FLOW_ROOM - flow->found_size;

	if (peeks)
		r = sluice_stream_peek(flow->reader, FLOW_CAPACITY, &bytes, PATIENCE_NS);
	else
		r = sluice_stream_read(flow->reader, flow->found + flow->found_size, room,
				       PATIENCE_NS);
	*ret_end = r == 0;
	if (r < 0 || r > room)
		return complain(flow->world, "%s: %s", peeks ? "peek" : "read",
				sluice_error_name((int)r));
	if (r > 0 && peeks) {
		memcpy(flow->found + flow->found_size, bytes, (size_t)r);
		if (sluice_stream_consume(flow->reader, (size_t)r) != 0)
			return complain(flow->world, "consume failed");
	}
	flow->found_size += (uint32_t)r;
	return world_timed(flow->world, began, peeks ? "peek" : "read");
}

/* All there is, and then the end, once and again. */
static inline bool flow_drain(struct flow *flow, bool peeks)
{
	bool end = false;

	while (!end)
		if (!flow_take(flow, peeks, &end))
			return false;
	if (!flow_take(flow, peeks, &end))
		return false;
	return end || complain(flow->world, "there was more after the end");
}

/* Readers are dead: a writer is told, in time, whether or not there is room. */
static inline bool flow_expect_epipe(struct flow *flow, bool at_once)
{
	static unsigned char much[2 * FLOW_CAPACITY];
	int64_t began = test_now_ns(), r;

	do {
		uint32_t size = at_once ? (uint32_t)sizeof(much) : 1;

		flow_fill(much, TEXT_PROBE, flow->probed, size);
		r = sluice_stream_write(flow->writer, much, size, PATIENCE_NS);
		flow->probed += r > 0 ? (uint32_t)r : 0;
		if (r > 0 && !at_once)
			test_sleep_ms(1);
	} while (r > 0 && test_now_ns() - began < PATIENCE_NS);
	if (r != SLUICE_EPIPE)
		return complain(flow->world, "write: %s, wanted SLUICE_EPIPE",
				r < 0 ? sluice_error_name((int)r) : "done");
	return world_timed(flow->world, began, "SLUICE_EPIPE");
}

/* Who polls is brought back: by the victim, or soon after its death. */
static inline bool flow_poll(struct flow *flow, bool reads)
{
	struct pollfd poller = { .events = POLLIN };
	int64_t began = test_now_ns();

	poller.fd = reads ? sluice_stream_fd(flow->reader, SLUICE_READABLE)
			  : sluice_stream_fd(flow->writer, SLUICE_WRITABLE);
	if (poll(&poller, 1, 1000) != 1)
		return complain(flow->world, "poll: not ready");
	return world_timed(flow->world, began, "poll");
}

static inline bool flow_is_full(const struct flow *flow)
{
	uint32_t most = flow->before + FLOW_PROBE;

	for (uint32_t i = 0; i < flow->actor_count; i++)
		most += flow->actors[i].size;
	return most > FLOW_CAPACITY;
}

/* A writer died, and perhaps the last one. */
static inline bool flow_after_writer(struct flow *flow, uint32_t variant)
{
	bool end;

	if (flow->scenario->polled && !flow_poll(flow, true))
		return false;
	if ((variant == 1 || !flow->reader) && !flow_attach(flow, &flow->reader, SLUICE_READ))
		return false;
	if ((variant == 2 || flow->scenario->peers == FLOW_NOBODY) &&
	    !flow_attach(flow, &flow->writer, SLUICE_WRITE))
		return false;
	if (flow_is_full(flow) && !flow_take(flow, false, &end))
		return false;
	if (flow->writer && !flow_probe(flow, FLOW_PROBE))
		return false;
	flow_close(&flow->writer);
	return flow_drain(flow, variant == 1);
}

/* A reader died, and perhaps the last one. */
static inline bool flow_after_reader(struct flow *flow, uint32_t variant)
{
	bool end;

	if (flow->scenario->polled && !flow_poll(flow, false))
		return false;
	if (variant == 1 && !flow_attach(flow, &flow->reader, SLUICE_READ))
		return false;
	if (!flow->writer && !flow->scenario->persists &&
	    !flow_attach(flow, &flow->writer, SLUICE_WRITE))
		return false;
	if (flow->scenario->peers == FLOW_ALONE && !flow->reader) {
		if (!flow_expect_epipe(flow, variant == 2))
			return false;
		if (flow->scenario->kind != FLOW_NAMED)
			return true;
	}
	if (!flow->reader && !flow_attach(flow, &flow->reader, SLUICE_READ))
		return false;
	if ((flow_is_full(flow) || flow->probed >= FLOW_ATOMIC) && !flow_take(flow, false, &end))
		return false;
	if (flow->writer && !flow_probe(flow, FLOW_PROBE))
		return false;
	flow_close(&flow->writer);
	return flow_drain(flow, variant == 1);
}

/* Afterwards it is as good as new: all of the capacity can be had, and the dead have no place. */
static inline bool flow_check_room(struct flow *flow)
{
	static unsigned char all[FLOW_CAPACITY];
	struct sluice_stream_info info = { .size = sizeof(info) };
	bool end;

	if (flow->scenario->kind != FLOW_NAMED)
		return true;
	if (!flow_attach(flow, &flow->writer, SLUICE_WRITE) ||
	    !flow_attach(flow, &flow->reader, SLUICE_READ))
		return false;
	if (sluice_stream_info(flow->reader, &info) < 0 || info.attached != 2 ||
	    info.readers != 1 || info.writers != 1 || info.unread)
		return complain(flow->world, "%u attached, %u readers, %u writers, %llu bytes",
				info.attached, info.readers, info.writers,
				(unsigned long long)info.unread);
	if (sluice_stream_write(flow->writer, all, sizeof(all), SLUICE_NOWAIT) != sizeof(all))
		return complain(flow->world, "not all of the capacity is there");
	flow->found_size = 0;
	if (!flow_take(flow, false, &end))
		return false;
	return flow->found_size == sizeof(all) || complain(flow->world, "not all came out");
}

/* The victims are dead. */
static inline bool flow_check(struct flow *flow, uint32_t variant)
{
	bool good = flow->scenario->role == SLUICE_WRITE ? flow_after_writer(flow, variant % 3)
							 : flow_after_reader(flow, variant % 3);
	bool can_read = flow->reader != NULL;

	return good && (!can_read || flow_check_bytes(flow)) && flow_check_room(flow);
}

static inline bool flow_end(struct flow *flow, bool good)
{
	flow_close(&flow->reader);
	flow_close(&flow->writer);
	good = world_remove(flow->world) && good;
	alarm(0);
	return good;
}

#endif
