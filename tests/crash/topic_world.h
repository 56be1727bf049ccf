/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_world.h - victims that publish and subscribe, and what has to be true when they died
 *
 * The tester publishes on a topic and subscribes to it, so it sees everything. A victim operates and
 * dies. Then: every message of the tester comes, whole and in order, once; a victim's comes once or,
 * if it had not been told of its success, not at all, and right where it died; numbers are dense,
 * and what was received and lost adds up to what was published; the topic goes on within 50 ms; and
 * nothing of the dead is on loan or pinned, so all that can be had can be had again.
 *
 * A second kind of scenario does not kill: a reader is stopped after each instruction while a
 * publisher laps it, and what it then gets must be whole all the same (kill_topic.c, lapped).
 */
#ifndef TOPIC_WORLD_H
#define TOPIC_WORLD_H

#include "engine.h"
#include "object/topic.h"

#define TOPIC_NAME "news"
#define TOPIC_DEPTH 4u
#define TOPIC_LONGEST 200u
#define TOPIC_SHORT 90u /* on both lines of its entry */
#define TOPIC_LOANS 2u
#define TOPIC_VICTIMS 2u
#define TOPIC_TURN 70u /* messages after which every chunk has been used again */

enum topic_corpse {
	TOPIC_ALL_LIVE,
	TOPIC_DEAD_LOAN,   /* a publisher that had reserved room */
	TOPIC_DEAD_WAITED, /* a subscriber that is waited for, with the ring full */
	TOPIC_DEAD_INSIDE  /* a publisher in the middle of writing an entry, with the lock */
};

struct topic_scenario {
	const char *name;
	bool is_long;    /* thousands of instructions: not at each of them */
	uint32_t size;   /* bytes that the victim publishes, or receives; 0: any */
	uint32_t policy; /* of the victim's subscriber */
	uint32_t lag;    /* messages published since that attached */
	bool evicted;    /* and it was given up then */
	bool looks_on;   /* read-only */
	bool stuck;  /* a living subscriber that is waited for stands still, with the ring full */
	bool behind; /* a living one that nobody waits for stands still, likewise */
	enum topic_corpse corpse;
	bool armed, waiters; /* words say that somebody sleeps */
	int64_t result;      /* of the operation, when it is reported */
	bool receives;       /* it reports a message; result does not count */
	int (*prepare)(const struct topic_scenario *scenario);
	void (*operate)(const struct topic_scenario *scenario, struct report *report);
};

/* ---- messages -------------------------------------------------------------------------------- */

/* Whose message, which of theirs, and bytes that follow from both. */
static inline void topic_fill(unsigned char *body, uint32_t origin, uint32_t id, uint32_t size)
{
	memcpy(body, &origin, 4);
	memcpy(body + 4, &id, 4);
	for (uint32_t i = 8; i < size; i++)
		body[i] = (unsigned char)(id * 31 + origin * 101 + i * 7 + (i >> 6));
}

static inline bool topic_is_whole(const unsigned char *body, int64_t size, uint32_t *ret_origin,
				  uint32_t *ret_id)
{
	unsigned char wanted[TOPIC_LONGEST];

	if (size < 8 || size > (int64_t)TOPIC_LONGEST)
		return false;
	memcpy(ret_origin, body, 4);
	memcpy(ret_id, body + 4, 4);
	topic_fill(wanted, *ret_origin, *ret_id, (uint32_t)size);
	return memcmp(body, wanted, (size_t)size) == 0;
}

/* ---- in the victim --------------------------------------------------------------------------- */

static sluice_publisher *topic_victim_publisher;
static sluice_subscriber *topic_victim_subscriber;
static void *topic_victim_room;
static const void *topic_victim_loan;
static uint32_t topic_victim_origin = 1;
static unsigned char topic_victim_body[TOPIC_LONGEST];

static inline struct sluice_topic_options topic_options(uint32_t policy)
{
	struct sluice_topic_options options = { .size = sizeof(options) };

	options.depth = TOPIC_DEPTH;
	options.message_max = TOPIC_LONGEST;
	options.subscribers = 4;
	options.publishers = 4;
	options.loans = options.borrows = TOPIC_LOANS;
	options.slice_ns = SLUICE_MS(10);
	options.policy = policy;
	return options;
}

static inline int topic_prepare_nothing(const struct topic_scenario *scenario)
{
	topic_fill(topic_victim_body, topic_victim_origin, 0, scenario->size ? scenario->size : 8);
	return 0;
}

static inline int topic_prepare_publisher(const struct topic_scenario *scenario)
{
	struct sluice_topic_options options = topic_options(0);

	(void)topic_prepare_nothing(scenario);
	return sluice_publisher_open(TOPIC_NAME, &options, &topic_victim_publisher);
}

/* Gives up whoever stands still from one call to the next. */
static inline int topic_prepare_impatient(const struct topic_scenario *scenario)
{
	struct sluice_topic_options options = topic_options(0);

	(void)topic_prepare_nothing(scenario);
	options.evict_after_ns = 1;
	return sluice_publisher_open(TOPIC_NAME, &options, &topic_victim_publisher);
}

static inline int topic_prepare_reserved(const struct topic_scenario *scenario)
{
	int r = topic_prepare_publisher(scenario);

	if (r == 0)
		r = sluice_publisher_reserve(topic_victim_publisher, TOPIC_LONGEST,
					     &topic_victim_room, SLUICE_NOWAIT);
	if (r == 0)
		memcpy(topic_victim_room, topic_victim_body, sizeof(topic_victim_body));
	return r;
}

static inline int topic_prepare_subscriber(const struct topic_scenario *scenario)
{
	struct sluice_topic_options options = topic_options(scenario->policy);

	(void)topic_prepare_nothing(scenario);
	options.history = scenario->lag ? 0 : TOPIC_DEPTH;
	options.flags = scenario->looks_on ? SLUICE_READ_ONLY : 0;
	return sluice_subscriber_open(TOPIC_NAME, &options, &topic_victim_subscriber);
}

static inline int topic_prepare_borrowed(const struct topic_scenario *scenario)
{
	int64_t r = topic_prepare_subscriber(scenario);

	if (r == 0)
		r = sluice_subscriber_borrow(topic_victim_subscriber, &topic_victim_loan, NULL,
					     SLUICE_NOWAIT);
	return r < 0 ? (int)r : 0;
}

static inline void topic_publish(const struct topic_scenario *scenario, struct report *report)
{
	report->result = sluice_publisher_publish(topic_victim_publisher, topic_victim_body,
						  scenario->size, SLUICE_NOWAIT);
}

static inline void topic_evict_publish(const struct topic_scenario *scenario, struct report *report)
{
	topic_publish(scenario, report);
	if (report->result == SLUICE_EAGAIN)
		topic_publish(scenario, report);
}

static inline void topic_reserve(const struct topic_scenario *scenario, struct report *report)
{
	report->result = sluice_publisher_reserve(topic_victim_publisher, scenario->size,
						  &topic_victim_room, SLUICE_NOWAIT);
}

static inline void topic_commit(const struct topic_scenario *scenario, struct report *report)
{
	report->result = sluice_publisher_commit(topic_victim_publisher, topic_victim_room,
						 scenario->size, SLUICE_NOWAIT);
}

static inline void topic_reserve_commit(const struct topic_scenario *scenario,
					struct report *report)
{
	topic_reserve(scenario, report);
	if (report->result < 0)
		return;
	memcpy(topic_victim_room, topic_victim_body, scenario->size);
	topic_commit(scenario, report);
}

static inline void topic_abort(const struct topic_scenario *scenario, struct report *report)
{
	(void)scenario;
	report->result = sluice_publisher_abort(topic_victim_publisher, topic_victim_room);
}

static inline void topic_open_publisher(const struct topic_scenario *scenario,
					struct report *report)
{
	report->result = topic_prepare_publisher(scenario);
}

static inline void topic_subscribe(const struct topic_scenario *scenario, struct report *report)
{
	report->result = topic_prepare_subscriber(scenario);
}

static inline void topic_close(const struct topic_scenario *scenario, struct report *report)
{
	(void)scenario;
	sluice_publisher_close(topic_victim_publisher);
	sluice_subscriber_close(topic_victim_subscriber);
	report->result = 0;
}

static inline void topic_note(struct report *report, int64_t size,
			      const struct sluice_topic_message *message)
{
	report->result = report->got[0].length = size;
	report->got[0].type = (int64_t)message->sequence;
	report->got[0].reserved = (uint32_t)message->lost;
	report->count = 1;
}

static inline void topic_receive(const struct topic_scenario *scenario, struct report *report)
{
	struct sluice_topic_message message = { .size = sizeof(message) };
	int64_t size = sluice_subscriber_receive(topic_victim_subscriber, report->got[0].data,
						 REPORT_BYTES, &message, SLUICE_NOWAIT);

	(void)scenario;
	topic_note(report, size, &message);
}

static inline void topic_borrow(const struct topic_scenario *scenario, struct report *report)
{
	struct sluice_topic_message message = { .size = sizeof(message) };
	int64_t size = sluice_subscriber_borrow(topic_victim_subscriber, &topic_victim_loan,
						&message, SLUICE_NOWAIT);

	(void)scenario;
	if (size > 0)
		memcpy(report->got[0].data, topic_victim_loan, (size_t)size);
	topic_note(report, size, &message);
}

static inline void topic_return(const struct topic_scenario *scenario, struct report *report)
{
	(void)scenario;
	report->result = sluice_subscriber_return(topic_victim_subscriber, topic_victim_loan);
}

/* ---- scenarios ------------------------------------------------------------------------------- */

#define PUBLISHES .prepare = topic_prepare_publisher, .operate = topic_publish
#define RECEIVES .prepare = topic_prepare_subscriber, .operate = topic_receive, .receives = true
#define BORROWS .prepare = topic_prepare_subscriber, .operate = topic_borrow, .receives = true

static const struct topic_scenario topic_scenarios[] = {
	{ "publish_inline", .size = 30, PUBLISHES },
	{ "publish_two_lines", .size = TOPIC_SHORT, .behind = true, PUBLISHES },
	{ "publish_chunk", .size = 190, PUBLISHES },
	{ "publish_waiters", .size = 30, .waiters = true, PUBLISHES },
	{ "publish_armed", .size = 190, .armed = true, PUBLISHES },
	{ "publish_dead_loan", .size = 190, .corpse = TOPIC_DEAD_LOAN, PUBLISHES },
	{ "publish_dead_inside", .size = 30, .corpse = TOPIC_DEAD_INSIDE, .is_long = true,
	  PUBLISHES },
	{ "publish_dead_waited", .size = 190, .corpse = TOPIC_DEAD_WAITED, .is_long = true,
	  PUBLISHES },
	{ "publish_evict", .size = 190, .stuck = true, .prepare = topic_prepare_impatient,
	  .operate = topic_evict_publish },
	{ "reserve", .size = 190, .prepare = topic_prepare_publisher, .operate = topic_reserve },
	{ "reserve_commit", .size = 150, .prepare = topic_prepare_publisher,
	  .operate = topic_reserve_commit },
	{ "reserve_commit_inline", .size = 50, .prepare = topic_prepare_publisher,
	  .operate = topic_reserve_commit },
	{ "commit", .size = 180, .prepare = topic_prepare_reserved, .operate = topic_commit },
	{ "commit_armed", .size = 180, .armed = true, .prepare = topic_prepare_reserved,
	  .operate = topic_commit },
	{ "abort", .prepare = topic_prepare_reserved, .operate = topic_abort },
	{ "receive", .size = TOPIC_SHORT, .policy = SLUICE_OVERWRITE, .lag = 1, RECEIVES },
	{ "receive_chunk", .size = TOPIC_LONGEST, .policy = SLUICE_OVERWRITE, .lag = 1, RECEIVES },
	{ "receive_waited", .policy = SLUICE_WAIT, .lag = TOPIC_DEPTH, RECEIVES },
	{ "receive_waited_armed", .policy = SLUICE_WAIT, .lag = TOPIC_DEPTH, .armed = true,
	  RECEIVES },
	{ "receive_lapped", .policy = SLUICE_OVERWRITE, .lag = 2 * TOPIC_DEPTH + 1, RECEIVES },
	{ "receive_latest", .policy = SLUICE_LATEST, .lag = 3, RECEIVES },
	{ "receive_read_only", .size = TOPIC_LONGEST, .policy = SLUICE_OVERWRITE, .lag = 1,
	  .looks_on = true, RECEIVES },
	{ "receive_evicted", .policy = SLUICE_WAIT, .lag = TOPIC_DEPTH, .evicted = true,
	  .result = SLUICE_EEVICTED, .prepare = topic_prepare_subscriber,
	  .operate = topic_receive },
	{ "borrow", .size = TOPIC_SHORT, .policy = SLUICE_OVERWRITE, .lag = 1, BORROWS },
	{ "borrow_chunk", .size = TOPIC_LONGEST, .policy = SLUICE_OVERWRITE, .lag = 1, BORROWS },
	{ "borrow_waited", .policy = SLUICE_WAIT, .lag = 2, BORROWS },
	{ "return", .policy = SLUICE_OVERWRITE, .prepare = topic_prepare_borrowed,
	  .operate = topic_return },
	{ "subscribe", .is_long = true, .policy = SLUICE_WAIT, .prepare = topic_prepare_nothing,
	  .operate = topic_subscribe },
	{ "subscribe_dead", .is_long = true, .policy = SLUICE_WAIT, .corpse = TOPIC_DEAD_WAITED,
	  .prepare = topic_prepare_nothing, .operate = topic_subscribe },
	{ "unsubscribe", .is_long = true, .policy = SLUICE_WAIT, .prepare = topic_prepare_borrowed,
	  .operate = topic_close },
	{ "attach_dead", .is_long = true, .size = 8, .corpse = TOPIC_DEAD_LOAN,
	  .prepare = topic_prepare_nothing, .operate = topic_open_publisher },
	{ "leave", .is_long = true, .prepare = topic_prepare_reserved, .operate = topic_close },
};
#define TOPIC_SCENARIOS (sizeof(topic_scenarios) / sizeof(topic_scenarios[0]))

/* Who finds a first victim dead, repairs after it, and dies as well. */
static const struct topic_scenario topic_seconds[] = {
	{ "publish", .size = 170, PUBLISHES },
	{ "subscribe", .policy = SLUICE_WAIT, .prepare = topic_prepare_nothing,
	  .operate = topic_subscribe },
	{ "open a publisher", .size = 8, .prepare = topic_prepare_nothing,
	  .operate = topic_open_publisher },
};
#define TOPIC_SECONDS (sizeof(topic_seconds) / sizeof(topic_seconds[0]))

/* ---- the tester ------------------------------------------------------------------------------ */

struct tester {
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	uint32_t published; /* ids of the tester's own that were */
	uint32_t expected;  /* the next of them */
	uint32_t at_death;  /* the next one when the victim operated */
	uint64_t received;
	bool victims[TOPIC_VICTIMS + 1]; /* whose message came */
	uint32_t last_victim;
	bool was_stuck;
	sluice_subscriber *stuck; /* or NULL */
	const void *stuck_loan;   /* what it has borrowed */
	int64_t stuck_length;
	uint64_t stuck_expected; /* the next number it is to receive or to have lost */
};

static inline void tester_open(struct tester *tester)
{
	struct sluice_topic_options options = topic_options(SLUICE_OVERWRITE);

	memset(tester, 0, sizeof(*tester));
	CHECK_EQ(sluice_publisher_open(TOPIC_NAME, &options, &tester->publisher), 0);
	CHECK_EQ(sluice_subscriber_open(TOPIC_NAME, &options, &tester->subscriber), 0);
}

/* The account of one message. */
static inline bool tester_note(struct world *world, struct tester *tester,
			       const unsigned char *body, int64_t size,
			       const struct sluice_topic_message *message)
{
	uint32_t origin, id;

	if (!topic_is_whole(body, size, &origin, &id))
		return complain(world, "message %llu of %lld bytes is torn",
				(unsigned long long)message->sequence, (long long)size);
	if (message->sequence != tester->received++ || message->lost)
		return complain(world, "message %llu came as the %llu-th, %llu lost",
				(unsigned long long)message->sequence,
				(unsigned long long)tester->received,
				(unsigned long long)message->lost);
	if (origin == 0)
		return id == tester->expected++ ||
		       complain(world, "the tester's %u came, wanted %u", id, tester->expected - 1);
	if (origin > TOPIC_VICTIMS || tester->victims[origin] || origin < tester->last_victim ||
	    tester->expected != tester->at_death)
		return complain(world, "a victim's message came twice, or at the wrong place");
	tester->victims[origin] = true;
	tester->last_victim = origin;
	return true;
}

static inline bool tester_drain(struct world *world, struct tester *tester)
{
	struct sluice_topic_message message = { .size = sizeof(message) };
	unsigned char body[TOPIC_LONGEST];
	int64_t size;

	while ((size = sluice_subscriber_receive(tester->subscriber, body, sizeof(body), &message,
						 SLUICE_NOWAIT)) >= 0)
		if (!tester_note(world, tester, body, size, &message))
			return false;
	return size == SLUICE_EAGAIN ||
	       complain(world, "receive: %s", sluice_error_name((int)size));
}

/* Publish, by whoever, and see it come. */
static inline bool tester_put_by(struct world *world, struct tester *tester,
				 sluice_publisher *publisher, uint32_t size)
{
	unsigned char body[TOPIC_LONGEST];
	int r;

	topic_fill(body, 0, tester->published, size);
	r = sluice_publisher_publish(publisher, body, size, PATIENCE_NS);
	if (r < 0)
		return complain(world, "publish: %s", sluice_error_name(r));
	tester->published++;
	return tester_drain(world, tester);
}

static inline bool tester_put(struct world *world, struct tester *tester, uint32_t size)
{
	return tester_put_by(world, tester, tester->publisher, size);
}

/* Even ones lie in chunks, odd ones are short. */
static inline bool tester_put_many(struct world *world, struct tester *tester, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!tester_put(world, tester, tester->published % 2 ? TOPIC_SHORT : TOPIC_LONGEST))
			return false;
	return true;
}

/* ---- the one that is stuck, or behind ----------------------------------------------------------- */

/* It borrows one message and reads no further; the ring fills. */
static inline void tester_get_stuck(struct tester *tester)
{
	struct sluice_topic_options options = topic_options(SLUICE_WAIT);
	struct sluice_topic_message message = { .size = sizeof(message) };
	struct world world = { .name = TOPIC_NAME };

	CHECK_EQ(sluice_subscriber_open(TOPIC_NAME, &options, &tester->stuck), 0);
	tester->was_stuck = true;
	CHECK(tester_put(&world, tester, TOPIC_LONGEST));
	tester->stuck_length = sluice_subscriber_borrow(tester->stuck, &tester->stuck_loan,
							&message, SLUICE_NOWAIT);
	CHECK_EQ(tester->stuck_length, TOPIC_LONGEST);
	tester->stuck_expected = message.sequence + 1;
	CHECK(tester_put_many(&world, tester, TOPIC_DEPTH));
}

/* It reads nothing; the ring fills with messages that lie in their entries. */
static inline void tester_get_behind(struct tester *tester)
{
	struct sluice_topic_options options = topic_options(SLUICE_OVERWRITE);
	struct world world = { .name = TOPIC_NAME };

	CHECK_EQ(sluice_subscriber_open(TOPIC_NAME, &options, &tester->stuck), 0);
	tester->stuck_expected = tester->received;
	for (uint32_t i = 0; i < TOPIC_DEPTH; i++)
		CHECK(tester_put(&world, tester, TOPIC_SHORT));
}

/* Everything there is; what it was not given is counted, and it is told once that it was given up. */
static inline bool tester_drain_stuck(struct world *world, struct tester *tester)
{
	struct sluice_topic_message message = { .size = sizeof(message) };
	unsigned char body[TOPIC_LONGEST];
	uint32_t origin, id, evictions = 0;
	int64_t size;

	for (;;) {
		size = sluice_subscriber_receive(tester->stuck, body, sizeof(body), &message,
						 SLUICE_NOWAIT);
		if (size == SLUICE_EEVICTED && evictions++ == 0)
			continue;
		if (size < 0)
			break;
		if (!topic_is_whole(body, size, &origin, &id))
			return complain(world, "the stuck one's message %llu is torn",
					(unsigned long long)message.sequence);
		if (tester->stuck_expected + message.lost != message.sequence)
			return complain(world, "the stuck one got %llu with %llu lost, wanted %llu",
					(unsigned long long)message.sequence,
					(unsigned long long)message.lost,
					(unsigned long long)tester->stuck_expected);
		tester->stuck_expected = message.sequence + 1;
	}
	return size == SLUICE_EAGAIN ||
	       complain(world, "the stuck one: %s", sluice_error_name((int)size));
}

/* The evictor is dead: another takes up what it began, or the stuck one goes on by itself; either way
 * it ends up with all that was published received or lost, and what it has borrowed is as it was. */
static inline bool tester_unstick(struct world *world, struct tester *tester, uint32_t variant)
{
	struct sluice_topic_options options = topic_options(0);
	struct sluice_topic_info info = { .size = sizeof(info) };
	int64_t began = test_now_ns();
	sluice_publisher *impatient;
	uint32_t origin, id;
	bool good = true;

	if (variant % 3 == 0 && tester->was_stuck) {
		options.evict_after_ns = 1;
		CHECK_EQ(sluice_publisher_open(TOPIC_NAME, &options, &impatient), 0);
		good = tester_put_by(world, tester, impatient, TOPIC_LONGEST) &&
		       world_timed(world, began, "publish");
		sluice_publisher_close(impatient);
	}
	good = good && tester_drain_stuck(world, tester);
	CHECK_EQ(sluice_publisher_info(tester->publisher, &info), 0);
	/* Whoever died amid a message, all before it are to be had. */
	if (good && tester->stuck_expected < info.published)
		good = complain(world, "%llu published, the one behind is left at %llu",
				(unsigned long long)info.published,
				(unsigned long long)tester->stuck_expected);
	good = good && tester_put(world, tester, TOPIC_SHORT) && tester_drain_stuck(world, tester);
	CHECK_EQ(sluice_publisher_info(tester->publisher, &info), 0);
	if (good && info.published != tester->stuck_expected)
		good = complain(world, "%llu published, the stuck one got to %llu",
				(unsigned long long)info.published,
				(unsigned long long)tester->stuck_expected);
	if (good && tester->was_stuck &&
	    (!topic_is_whole((const unsigned char *)tester->stuck_loan, tester->stuck_length,
			     &origin, &id) ||
	     sluice_subscriber_return(tester->stuck, tester->stuck_loan) < 0))
		good = complain(world, "what the stuck one had borrowed has changed");
	sluice_subscriber_close(tester->stuck);
	tester->stuck = NULL;
	return good;
}

/* ---- states ---------------------------------------------------------------------------------- */

static inline void topic_die_as(enum topic_corpse corpse)
{
	struct sluice_topic_options options = topic_options(SLUICE_WAIT);
	sluice_subscriber *subscriber;
	sluice_publisher *publisher;
	struct sli_topic *topic;
	struct sli_wait wait;
	void *room;

	options.history = TOPIC_DEPTH;
	if (corpse == TOPIC_DEAD_WAITED) {
		CHECK_EQ(sluice_subscriber_open(TOPIC_NAME, &options, &subscriber), 0);
		raise(SIGKILL);
	}
	options.policy = 0;
	options.history = 0;
	CHECK_EQ(sluice_publisher_open(TOPIC_NAME, &options, &publisher), 0);
	CHECK_EQ(sluice_publisher_reserve(publisher, 150, &room, SLUICE_NOWAIT), 0);
	if (corpse == TOPIC_DEAD_LOAN)
		raise(SIGKILL);
	topic = &publisher->base.topic;
	wait = sli_handle_wait(&publisher->base.handle, SLUICE_NOWAIT);
	CHECK_EQ(sli_lock_take(&topic->control->publish.lock, topic->peers, &wait, SLUICE_S(1)), 0);
	sli_store_rel(&sli_topic_entry(topic, sli_load_acq(&topic->control->publish.next))->word,
		      sli_topic_word(sli_load_acq(&topic->control->publish.next), SLI_TOPIC_BUSY));
	raise(SIGKILL);
}

/* The tester's part of the state, before the victim. */
static inline void topic_setup(struct tester *tester)
{
	struct world world = { .name = TOPIC_NAME };

	tester_open(tester);
	CHECK(tester_put_many(&world, tester, TOPIC_DEPTH + 2));
}

/* With the victim attached. */
static inline void topic_arm(const struct topic_scenario *scenario, struct tester *tester)
{
	struct sluice_topic_options options = topic_options(0);
	struct sli_topic_control *control = tester->publisher->base.topic.control;
	struct world world = { .name = TOPIC_NAME };
	sluice_publisher *impatient;
	pid_t pid;

	for (uint32_t i = 0; i < scenario->lag; i++)
		CHECK(scenario->receives && scenario->size
			      ? tester_put(&world, tester, scenario->size)
			      : tester_put_many(&world, tester, 1));
	if (scenario->stuck)
		tester_get_stuck(tester);
	if (scenario->behind)
		tester_get_behind(tester);
	if (scenario->evicted) {
		options.evict_after_ns = 1;
		CHECK_EQ(sluice_publisher_open(TOPIC_NAME, &options, &impatient), 0);
		CHECK(tester_put_by(&world, tester, impatient, TOPIC_SHORT));
		sluice_publisher_close(impatient);
	}
	if (scenario->corpse) {
		pid = test_fork();
		if (pid == 0) {
			topic_die_as(scenario->corpse);
			_exit(1);
		}
		CHECK_EQ(test_wait(pid), -SIGKILL);
	}
	if (scenario->armed) {
		sli_event_arm(&control->published, SLI_EVENT_ANY | SLI_EVENT_POLL);
		sli_event_arm(&control->consumed, SLI_EVENT_ANY | SLI_EVENT_POLL);
	}
	if (scenario->waiters)
		sli_or_sc(&control->publish.lock.word, SLI_LOCK_WAITERS);
	tester->at_death = tester->published;
}

/* ---- afterwards ------------------------------------------------------------------------------ */

/* What a victim reported. */
static inline bool topic_check_report(struct world *world, const struct topic_scenario *scenario,
				      const struct report *report, const struct tester *tester)
{
	const struct reported *got = &report->got[0];
	/* Somebody patient may have come to the one that is stuck. */
	int64_t full = tester->was_stuck && scenario->operate == topic_publish ? SLUICE_EAGAIN
									       : scenario->result;
	uint32_t origin, id;

	if (!report_is_finished(report))
		return true;
	if (!scenario->receives)
		return report->result == scenario->result || report->result == full ||
		       complain(world, "the victim's operation returned %lld, wanted %lld",
				(long long)report->result, (long long)scenario->result);
	if (report->result < 0)
		return complain(world, "the victim received nothing: %s",
				sluice_error_name((int)report->result));
	if (!topic_is_whole(got->data, got->length, &origin, &id) ||
	    (origin == 0 && (int64_t)id != got->type))
		return complain(world, "the victim's message %lld is torn or another",
				(long long)got->type);
	return tester->at_death - scenario->lag + got->reserved == (uint64_t)got->type ||
	       complain(world, "the victim got %lld, %u lost, %u published since it came",
			(long long)got->type, got->reserved, scenario->lag);
}

static inline int topic_attach(struct sluice_topic_options *options, sluice_publisher **publisher,
			       sluice_subscriber **subscriber)
{
	int r = sluice_publisher_open(TOPIC_NAME, options, publisher);

	return r < 0 ? r : sluice_subscriber_open(TOPIC_NAME, options, subscriber);
}

/* Write into all the room that @publisher may have, and only then look at what was published. */
static inline bool topic_scribble(struct world *world, struct tester *tester,
				  sluice_publisher *publisher)
{
	void *rooms[TOPIC_LOANS];
	bool good;

	for (uint32_t i = 0; i < TOPIC_LOANS; i++) {
		if (sluice_publisher_reserve(publisher, TOPIC_LONGEST, &rooms[i], SLUICE_NOWAIT) <
		    0)
			return complain(world, "no room for a newcomer's reservation");
		memset(rooms[i], 0xee, TOPIC_LONGEST);
	}
	good = tester_drain(world, tester);
	for (uint32_t i = 0; i < TOPIC_LOANS; i++)
		if (sluice_publisher_abort(publisher, rooms[i]) < 0)
			return complain(world, "abort failed");
	return good;
}

/* In each of the orders in which others may come upon the death. */
static inline bool topic_recover(struct world *world, struct tester *tester, uint32_t variant)
{
	struct sluice_topic_options options = topic_options(SLUICE_OVERWRITE);
	sluice_publisher *publisher = NULL;
	sluice_subscriber *subscriber = NULL;
	int64_t began = test_now_ns();
	bool good = true;
	int r = 0;

	if (variant % 3 == 1)
		good = tester_drain(world, tester);
	if (variant % 3 == 2) {
		r = topic_attach(&options, &publisher, &subscriber);
		good = r < 0 ? complain(world, "open: %s", sluice_error_name(r))
			     : world_timed(world, began, "open") &&
				       topic_scribble(world, tester, publisher);
		sluice_subscriber_close(subscriber);
		sluice_publisher_close(publisher);
	}
	return good && tester_put(world, tester, variant % 2 ? TOPIC_LONGEST : TOPIC_SHORT) &&
	       world_timed(world, began, "publish");
}

static inline bool topic_check_info(struct world *world, const struct tester *tester)
{
	struct sluice_topic_info info = { .size = sizeof(info) };

	CHECK_EQ(sluice_publisher_info(tester->publisher, &info), 0);
	if (info.publishers != 2 || info.subscribers != 2 || info.reserved_messages ||
	    info.borrowed || info.evicted)
		return complain(world,
				"%u publish, %u subscribe, %u reserved, %u borrowed, %u evicted",
				info.publishers, info.subscribers, info.reserved_messages,
				info.borrowed, info.evicted);
	if (info.published != tester->received || sluice_subscriber_lost(tester->subscriber) != 0)
		return complain(world, "%llu published, %llu received, %lld lost",
				(unsigned long long)info.published,
				(unsigned long long)tester->received,
				(long long)sluice_subscriber_lost(tester->subscriber));
	return true;
}

/* All that can be had at once can be had, and what is borrowed stays as it is meanwhile. */
static inline bool topic_check_pool(struct world *world, struct tester *tester,
				    sluice_publisher *publisher, sluice_subscriber *subscriber)
{
	sluice_publisher *both[2] = { tester->publisher, publisher };
	const void *loans[TOPIC_LOANS];
	int64_t sizes[TOPIC_LOANS];
	void *rooms[2][TOPIC_LOANS];
	uint32_t origin, id;

	for (uint32_t i = 0; i < 2 * TOPIC_LOANS; i++)
		if (sluice_publisher_reserve(both[i / TOPIC_LOANS], TOPIC_LONGEST,
					     &rooms[i / TOPIC_LOANS][i % TOPIC_LOANS],
					     SLUICE_NOWAIT) < 0)
			return complain(world, "no room for a reservation");
	for (uint32_t i = 0; i < TOPIC_LOANS; i++) {
		if (!tester_put(world, tester, TOPIC_LONGEST))
			return false;
		sizes[i] = sluice_subscriber_borrow(subscriber, &loans[i], NULL, SLUICE_NOWAIT);
		if (sizes[i] < 0)
			return complain(world, "borrow: %s", sluice_error_name((int)sizes[i]));
	}
	for (uint32_t i = 0; i < TOPIC_TURN; i++)
		if (!tester_put_by(world, tester, both[i % 2], TOPIC_LONGEST))
			return false;
	for (uint32_t i = 0; i < TOPIC_LOANS; i++)
		if (!topic_is_whole((const unsigned char *)loans[i], sizes[i], &origin, &id) ||
		    sluice_subscriber_return(subscriber, loans[i]) < 0)
			return complain(world, "what was borrowed has changed");
	for (uint32_t i = 0; i < 2 * TOPIC_LOANS; i++)
		if (sluice_publisher_abort(both[i / TOPIC_LOANS],
					   rooms[i / TOPIC_LOANS][i % TOPIC_LOANS]) < 0)
			return complain(world, "abort failed");
	return true;
}

/* The victims are dead. */
static inline bool topic_check(struct world *world, struct tester *tester, uint32_t variant,
			       const struct topic_scenario *const *scenarios,
			       struct report *const *reports, uint32_t victims)
{
	struct sluice_topic_options options = topic_options(SLUICE_OVERWRITE);
	sluice_publisher *publisher = NULL;
	sluice_subscriber *subscriber = NULL;
	bool good = !tester->stuck || tester_unstick(world, tester, variant);

	good = good && topic_recover(world, tester, variant);
	for (uint32_t v = 0; good && v < victims; v++) {
		good = topic_check_report(world, scenarios[v], reports[v], tester);
		if (good && report_is_finished(reports[v]) && reports[v]->result == 0 &&
		    (scenarios[v]->operate == topic_publish ||
		     scenarios[v]->operate == topic_evict_publish ||
		     scenarios[v]->operate == topic_commit ||
		     scenarios[v]->operate == topic_reserve_commit) &&
		    !tester->victims[v + 1])
			good = complain(world, "what was published never came");
	}
	if (good && topic_attach(&options, &publisher, &subscriber) < 0)
		good = complain(world, "open failed");
	good = good && topic_check_info(world, tester) &&
	       tester_put_many(world, tester, 2 * TOPIC_DEPTH) &&
	       topic_check_pool(world, tester, publisher, subscriber) &&
	       topic_check_info(world, tester);
	sluice_publisher_close(publisher);
	sluice_subscriber_close(subscriber);
	return good;
}

/* ---- the engine ------------------------------------------------------------------------------ */

static inline void engine_topic_body(struct report *report, void *context)
{
	const struct topic_scenario *scenario = (const struct topic_scenario *)context;

	report->prepared = scenario->prepare(scenario);
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(scenario, report);
	report_finish(report);
	raise(SIGSTOP);
}

static inline void engine_topic_start(const struct topic_scenario *scenario, struct tester *tester,
				      struct victim *victim, struct report *report)
{
	topic_setup(tester);
	topic_victim_origin = 1;
	victim_start(victim, report, engine_topic_body, (void *)(uintptr_t)scenario);
	topic_arm(scenario, tester);
	victim_to_start(victim);
}

static inline bool engine_topic_end(struct world *world, struct tester *tester, bool good)
{
	sluice_publisher_close(tester->publisher);
	sluice_subscriber_close(tester->subscriber);
	sluice_subscriber_close(tester->stuck);
	good = world_remove(world) && good;
	alarm(0);
	return good;
}

static inline void engine_topic_begin(struct world *world)
{
	world->name = TOPIC_NAME;
	world->complaint[0] = '\0';
	world->is_slow = false;
}

static inline bool engine_topic_try(const struct topic_scenario *scenario, struct world *world,
				    struct report *report, const struct trace *trace,
				    uint32_t point, uint32_t variant, uint64_t *ret_pc)
{
	struct tester tester;
	struct victim victim;
	bool good;

	engine_watch(scenario->name, point, 0, variant);
	engine_topic_begin(world);
	engine_topic_start(scenario, &tester, &victim, report);
	(void)victim_go_to(&victim, trace, point);
	*ret_pc = victim.pc;
	victim_kill(&victim);
	good = topic_check(world, &tester, variant, &scenario, &report, 1);
	return engine_topic_end(world, &tester, good);
}

static inline void engine_topic_point(const struct topic_scenario *scenario,
				      const struct trace *trace, uint32_t point, uint32_t variant,
				      struct report *report, struct tally *tally)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = engine_topic_try(scenario, &world, report, trace, point, variant, &pc);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, variant, trace, pc, good, &world);
}

static inline void points_of_topic(const struct topic_scenario *scenario, struct report *report,
				   struct points *points)
{
	static struct world world;
	struct tester tester;
	struct victim victim;

	engine_watch(scenario->name, 0, 0, 0);
	engine_topic_begin(&world);
	engine_topic_start(scenario, &tester, &victim, report);
	points_collect(&victim, TOPIC_NAME, points);
	victim_kill(&victim);
	CHECK(engine_topic_end(&world, &tester, true));
}

/* ---- stopped, not killed --------------------------------------------------------------------- */

/*
 * A reader is stopped after @point instructions; a publisher laps it, @laps messages; then it goes
 * on. Whatever it gets is a whole message of the number it says, and what it left out is counted.
 */
static inline bool lapped_try(const struct topic_scenario *scenario, struct world *world,
			      struct report *report, const struct trace *trace, uint32_t point,
			      uint32_t laps, uint64_t *ret_pc)
{
	struct tester tester;
	struct victim victim;
	bool good;

	engine_watch(scenario->name, point, 0, laps);
	engine_topic_begin(world);
	engine_topic_start(scenario, &tester, &victim, report);
	(void)victim_go_to(&victim, trace, point);
	*ret_pc = victim.pc;
	good = tester_put_many(world, &tester, laps);
	CHECK_EQ(ptrace(PTRACE_CONT, victim.pid, NULL, NULL), 0);
	CHECK_EQ(waitpid(victim.pid, NULL, WUNTRACED), victim.pid);
	good = good && (report_is_finished(report) || complain(world, "it did not go on"));
	victim_kill(&victim);
	good = good && topic_check_report(world, scenario, report, &tester);
	return engine_topic_end(world, &tester, good);
}

static inline void lapped_point(const struct topic_scenario *scenario, const struct trace *trace,
				uint32_t point, uint32_t laps, struct report *report,
				struct tally *tally)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = lapped_try(scenario, &world, report, trace, point, laps, &pc);
		if (!world.is_slow)
			break;
	}
	tally_add(tally, scenario->name, point, laps, trace, pc, good, &world);
}

/* Which scenarios are about reading without being waited for. */
static inline bool topic_can_be_lapped(const struct topic_scenario *scenario)
{
	return scenario->receives && scenario->policy != SLUICE_WAIT;
}

#endif
