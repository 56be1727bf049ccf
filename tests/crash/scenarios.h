/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * scenarios.h - what victims are killed in: every operation of a queue, in the states that matter
 *
 * setup() is the tester's: a queue whose content is known, and the plan of what the victim does to
 * it. prepare() and operate() run in the victim; what prepare() does is done for sure.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include "object/queue.h"
#include "world.h"

struct scenario {
	const char *name;
	void (*setup)(struct world *world);
	int (*prepare)(struct world *world);
	void (*operate)(struct world *world, struct report *report);
	bool is_long;     /* thousands of instructions: not at each of them */
	bool may_vanish;  /* the object may be gone afterwards */
	bool is_attached; /* the victim was attached before its operation */
};

/* In the victim. */
static sluice_queue *victim_queue;
static void *victim_room;
static const void *victim_loan;
static unsigned char victim_bodies[8][WORLD_LONGEST];

/* ---- setting up ---------------------------------------------------------------------------- */

static inline void setup_open(struct world *world, uint64_t message_max, uint64_t messages_max)
{
	unsigned char body[64];
	int r;

	memset(world, 0, sizeof(*world));
	world->name = "jobs";
	world->options.participants = 6;
	world->options.message_max = message_max;
	world->options.capacity = sli_ring_min_lines(message_max) * SLI_LINE;
	world->options.messages_max = messages_max;
	world->options.slice_ns = SLUICE_MS(10);
	world_open(world);
	world->room = world_fill(world->queue, &r);
	CHECK_EQ(r, SLUICE_EAGAIN);
	while (sluice_queue_receive(world->queue, 0, body, sizeof(body), NULL, SLUICE_NOWAIT) >= 0)
		world->received++;
	world->sent = world->received;
	CHECK_EQ(world->room, world->received);
}

/* A ring of 64 lines, of which 47 can be filled. */
static inline void setup_small(struct world *world)
{
	setup_open(world, 480, 0);
}

/* A ring of 1024 lines, for messages that are copied outside the lock. */
static inline void setup_big(struct world *world)
{
	setup_open(world, 6000, 0);
}

static inline uint64_t setup_tail(const struct world *world)
{
	const struct sli_ring *ring = &world->queue->ring;

	return sli_load_acq(&ring->control->send.tail) & (ring->count - 1);
}

/* Move the empty ring on until the tail is at that line. */
static inline void setup_tail_at(struct world *world, uint64_t line)
{
	while (setup_tail(world) != line)
		world_turn(world, 1);
}

/* The victim will send this. */
static inline void plan_send(struct world *world, int64_t type, uint32_t size)
{
	struct actor *actor = &world->actors[0];
	struct message message = world_message(world, type, size);

	body_fill(victim_bodies[actor->send_count], &message);
	actor->sends[actor->send_count++] = message;
}

/* The victim will take this. */
static inline void plan_take(struct world *world, uint32_t at)
{
	struct actor *actor = &world->actors[0];

	actor->takes[actor->take_count++] = at;
	actor->wants_result = world->before[at].size;
}

static inline void setup_four(struct world *world)
{
	setup_small(world);
	world_put(world, 4, 24);
	world_put(world, 3, 100);
	world_put(world, 2, 24);
	world_put(world, 3, 24);
}

static inline void setup_send(struct world *world)
{
	setup_four(world);
	plan_send(world, 2, 24);
}

/* Somebody may sleep on the locks: they are dropped the slow way. */
static inline void setup_send_waiters(struct world *world)
{
	setup_send(world);
	sli_or_sc(&world->queue->ring.control->send.lock.word, SLI_LOCK_WAITERS);
}

static inline void setup_receive_waiters(struct world *world)
{
	setup_four(world);
	plan_take(world, 0);
	sli_or_sc(&world->queue->ring.control->receive.lock.word, SLI_LOCK_WAITERS);
	/* and a sender that died while it waited for room left its mark */
	sli_event_arm(&world->queue->ring.control->room, SLI_EVENT_ANY);
}

/* Somebody waits for the type that comes. */
static inline void setup_send_armed(struct world *world)
{
	unsigned char body[64];

	setup_four(world);
	CHECK_EQ(sluice_queue_receive(world->queue, 8, body, sizeof(body), NULL, SLUICE_MS(1)),
		 SLUICE_ETIMEDOUT);
	plan_send(world, 8, 24);
}

/* Somebody polls for the type that comes. */
static inline void setup_send_bell(struct world *world)
{
	setup_four(world);
	CHECK(sluice_queue_fd(world->queue, SLUICE_READABLE, 8) >= 0);
	plan_send(world, 8, 24);
}

static inline void setup_send_many(struct world *world)
{
	setup_four(world);
	plan_send(world, 2, 24);
	plan_send(world, 3, 200);
	plan_send(world, 2, 32);
	plan_send(world, 1, 33);
	world->actors[0].wants_result = 4;
}

static inline void setup_send_long(struct world *world)
{
	setup_big(world);
	world_put(world, 3, 24);
	world_put(world, 4, 2000);
	plan_send(world, 2, 4096);
}

/* The message does not fit before the end of the lap. */
static inline void setup_send_wrap(struct world *world)
{
	setup_small(world);
	setup_tail_at(world, 58);
	world_put(world, 4, 24);
	world_put(world, 3, 24);
	world_put(world, 3, 24);
	CHECK_EQ(setup_tail(world), 61);
	plan_send(world, 2, 200);
}

/* The most messages there may be, of which some have gone. */
static inline void setup_send_limit(struct world *world)
{
	setup_open(world, 480, 8);
	for (int i = 0; i < 8; i++)
		world_put(world, i < 3 ? 1 : 2, 24);
	for (int i = 0; i < 3; i++)
		world_get(world, 1);
	plan_send(world, 3, 24);
}

/* A count that is too low would lose room for a message. */
static inline void setup_receive_limit(struct world *world)
{
	setup_open(world, 480, 8);
	for (int i = 0; i < 6; i++)
		world_put(world, i % 2 + 2, 24);
	plan_take(world, 0);
}

/* Full but for holes, behind a head that nobody wants; the copies cross the end of the lap. */
static inline void setup_pinned(struct world *world)
{
	setup_small(world);
	setup_tail_at(world, 13);
	world_put(world, 9, 24);
	world_put(world, 9, 200);
	world_put(world, 9, 64);
	for (int i = 0; i < 40; i++)
		world_put(world, 1, 24);
	CHECK_EQ(setup_tail(world), 60);
	for (int i = 0; i < 37; i++)
		world_get(world, 1);
}

static inline void setup_send_rotate(struct world *world)
{
	setup_pinned(world);
	plan_send(world, 2, 24);
}

/* What was moved once is moved again. */
static inline void setup_rotated(struct world *world)
{
	setup_pinned(world);
	while (world_try_put(world, 1, 24))
		;
	CHECK(sli_load_acq(&world->queue->ring.control->receive.rotated) > 0);
	while (world->count > 6)
		world_get(world, 1);
}

static inline void setup_rotate_again(struct world *world)
{
	setup_rotated(world);
	plan_send(world, 2, 200);
}

static inline void setup_rotate_long(struct world *world)
{
	setup_big(world);
	world_put(world, 9, 5000);
	for (uint32_t i = 0; i < 42; i++)
		world_put(world, 1, 1000);
	for (uint32_t i = 0; i < 42; i++)
		world_get(world, 1);
	world_put(world, 8, 24);
	plan_send(world, 2, 5500);
}

static inline void setup_receive(struct world *world)
{
	setup_four(world);
	plan_take(world, 0);
}

static inline void setup_receive_type(struct world *world)
{
	setup_four(world);
	plan_take(world, 2);
}

/* Type -3: the lowest up to 3. */
static inline void setup_receive_lowest(struct world *world)
{
	setup_four(world);
	plan_take(world, 2);
}

static inline void setup_receive_many(struct world *world)
{
	setup_four(world);
	world_put(world, 1, 24);
	world_put(world, 1, 24);
	for (uint32_t i = 0; i < 3; i++)
		plan_take(world, i);
	world->actors[0].wants_result = 3;
}

static inline void setup_receive_many_type(struct world *world)
{
	setup_four(world);
	plan_take(world, 1);
	plan_take(world, 3);
	world->actors[0].wants_result = 2;
}

/* Full, and somebody has just looked for holes in vain. What the victim takes is one. */
static inline void setup_receive_full(struct world *world)
{
	setup_small(world);
	world_put(world, 9, 24);
	world_put(world, 2, 200);
	while (world_try_put(world, 1, 24))
		;
	CHECK(!world_try_put(world, 1, 24));
	plan_take(world, 1);
	world->is_full = true;
}

/* Holes at the head. */
static inline void setup_receive_skip(struct world *world)
{
	setup_small(world);
	world_put(world, 1, 24);
	world_put(world, 2, 24);
	world_put(world, 2, 200);
	for (int i = 0; i < 3; i++)
		world_put(world, 1, 24);
	world_get(world, 2);
	world_get(world, 2);
	world_get(world, 1);
	plan_take(world, 0);
}

static inline void setup_receive_rotated(struct world *world)
{
	setup_rotated(world);
	plan_take(world, 0);
}

static inline void setup_long(struct world *world)
{
	setup_big(world);
	world_put(world, 3, 4096);
	world_put(world, 2, 3000);
	world_put(world, 3, 24);
}

static inline void setup_receive_long(struct world *world)
{
	setup_long(world);
	plan_take(world, 0);
	world->before[0].may_return = true;
}

static inline void setup_receive_long_type(struct world *world)
{
	setup_long(world);
	plan_take(world, 1);
	world->before[1].may_return = true;
}

static inline void setup_borrow(struct world *world)
{
	setup_four(world);
	world->before[0].may_return = true;
	world->actors[0].keeps = true;
	world->actors[0].wants_result = world->before[0].size;
}

static inline void setup_borrow_consume(struct world *world)
{
	setup_four(world);
	plan_take(world, 2);
	world->before[2].may_return = true;
	world->actors[0].wants_result = 0;
}

/* Borrowed before. */
static inline void setup_consume(struct world *world)
{
	setup_four(world);
	plan_take(world, 0);
	world->before[0].must_return = true;
	world->actors[0].wants_result = 0;
}

static inline void setup_consume_middle(struct world *world)
{
	setup_four(world);
	plan_take(world, 2);
	world->before[2].must_return = true;
	world->actors[0].wants_result = 0;
}

static inline void setup_return(struct world *world)
{
	setup_four(world);
	world->before[0].must_return = true;
}

/* ---- dirty places -------------------------------------------------------------------------- */

/* A participant that dies with the first message borrowed and room reserved. */
static inline void setup_corpse(struct world *world)
{
	sluice_queue *queue;
	const void *loan;
	void *room;
	pid_t pid = test_fork();

	if (pid == 0) {
		if (sluice_queue_open(world->name, &world->options, &queue) == 0 &&
		    sluice_queue_borrow(queue, 0, &loan, NULL, SLUICE_NOWAIT) > 0 &&
		    sluice_queue_reserve(queue, 100, &room, SLUICE_NOWAIT) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	world->before[0].must_return = true;
}

/* A reservation that was aborted for a dead sender lies at the head. */
static inline void setup_receive_aborted(struct world *world)
{
	sluice_queue *queue;
	void *room;
	pid_t pid;

	setup_small(world);
	pid = test_fork();
	if (pid == 0) {
		if (sluice_queue_open(world->name, &world->options, &queue) == 0 &&
		    sluice_queue_reserve(queue, 200, &room, SLUICE_NOWAIT) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	for (int i = 0; i < 4; i++)
		world_put(world, 3, 24);
	CHECK_EQ(sluice_queue_open(world->name, &world->options, &queue), 0);
	sluice_queue_close(queue);
	plan_take(world, 0);
}

static inline void setup_consume_rotated(struct world *world)
{
	setup_rotated(world);
	plan_take(world, 0);
	world->before[0].must_return = true;
	world->actors[0].wants_result = 0;
}

static inline void setup_attach(struct world *world)
{
	setup_four(world);
	setup_corpse(world);
}

/* All places are taken, one by a dead participant. */
static inline void setup_attach_inherit(struct world *world)
{
	setup_four(world);
	sluice_queue_close(world->queue);
	CHECK_EQ(sluice_remove(world->name), 0);
	world->options.participants = 2;
	world->count = 0;
	world->sent = world->received = 0;
	world_open(world);
	world_put(world, 3, 24);
	world_put(world, 2, 100);
	world_put(world, 3, 24);
	setup_corpse(world);
}

static inline void setup_close(struct world *world)
{
	setup_four(world);
	world->before[0].must_return = true;
}

/* Nobody is attached but the victim; what there is goes with it. */
static inline void setup_nothing(struct world *world)
{
	setup_small(world);
	sluice_queue_close(world->queue);
	CHECK_EQ(sluice_remove(world->name), 0);
	world->queue = NULL;
	world->sent = world->received = 0;
	world->is_remade = true;
}

static inline void setup_close_last(struct world *world)
{
	setup_nothing(world);
	world->options.flags = SLUICE_EPHEMERAL;
}

/* ---- preparing, in the victim --------------------------------------------------------------- */

static inline int prepare_attach(struct world *world)
{
	return sluice_queue_open(world->name, &world->options, &victim_queue);
}

static inline int prepare_nothing(struct world *world)
{
	(void)world;
	return 0;
}

static inline int prepare_borrow(struct world *world)
{
	int64_t r = prepare_attach(world);

	if (r == 0)
		r = sluice_queue_borrow(victim_queue, 0, &victim_loan, NULL, SLUICE_NOWAIT);
	return r == world->before[0].size ? 0 : (int)r - 1;
}

static inline int prepare_borrow_middle(struct world *world)
{
	int64_t r = prepare_attach(world);

	if (r == 0)
		r = sluice_queue_borrow(victim_queue, 2, &victim_loan, NULL, SLUICE_NOWAIT);
	return r == world->before[2].size ? 0 : (int)r - 1;
}

static inline int prepare_reserve(struct world *world)
{
	const struct message *message = &world->actors[0].sends[0];
	int r = prepare_attach(world);

	if (r == 0)
		r = sluice_queue_reserve(victim_queue, 200, &victim_room, SLUICE_NOWAIT);
	if (r == 0 && message->size)
		memcpy(victim_room, victim_bodies[0], message->size);
	return r;
}

static inline int prepare_both(struct world *world)
{
	int r = prepare_borrow(world);

	return r == 0 ? sluice_queue_reserve(victim_queue, 200, &victim_room, SLUICE_NOWAIT) : r;
}

/* The only participant of an object that goes with it. */
static inline int prepare_last(struct world *world)
{
	int r = prepare_attach(world);

	return r == 0 ? sluice_queue_send(victim_queue, 1, "lost", 4, SLUICE_NOWAIT) : r;
}

/* ---- operating, in the victim --------------------------------------------------------------- */

static inline void operate_send(struct world *world, struct report *report)
{
	const struct message *message = &world->actors[0].sends[0];

	report->result = sluice_queue_send(victim_queue, message->type, victim_bodies[0],
					   message->size, SLUICE_NOWAIT);
}

static inline void operate_send_many(struct world *world, struct report *report)
{
	const struct actor *actor = &world->actors[0];
	struct sluice_send_item items[8];

	for (uint32_t i = 0; i < actor->send_count; i++)
		items[i] = (struct sluice_send_item){ actor->sends[i].type, victim_bodies[i],
						      actor->sends[i].size };
	report->result = sluice_queue_send_many(victim_queue, items, actor->send_count,
						SLUICE_NOWAIT);
}

static inline void operate_receive_as(int64_t type, struct report *report)
{
	struct sluice_message info = { .size = sizeof(info) };

	report->result = sluice_queue_receive(victim_queue, type, report->got[0].data, REPORT_BYTES,
					      &info, SLUICE_NOWAIT);
	report->got[0].length = report->result;
	report->got[0].type = info.type;
	report->count = 1;
}

static inline void operate_receive(struct world *world, struct report *report)
{
	(void)world;
	operate_receive_as(0, report);
}

static inline void operate_receive_type(struct world *world, struct report *report)
{
	(void)world;
	operate_receive_as(2, report);
}

static inline void operate_receive_lowest(struct world *world, struct report *report)
{
	(void)world;
	operate_receive_as(-3, report);
}

static inline void operate_receive_many_as(int64_t type, size_t count, struct report *report)
{
	struct sluice_receive_item items[REPORT_MOST];

	for (size_t i = 0; i < count; i++)
		items[i] = (struct sluice_receive_item){ .buffer = report->got[i].data,
							 .capacity = REPORT_BYTES };
	report->result = sluice_queue_receive_many(victim_queue, type, items, count, SLUICE_NOWAIT);
	for (size_t i = 0; i < count; i++) {
		report->got[i].length = (int64_t)items[i].length;
		report->got[i].type = items[i].type;
	}
	report->count = (uint32_t)count;
}

static inline void operate_receive_many(struct world *world, struct report *report)
{
	(void)world;
	operate_receive_many_as(0, 3, report);
}

static inline void operate_receive_many_type(struct world *world, struct report *report)
{
	(void)world;
	operate_receive_many_as(3, 4, report);
	report->count = 2;
}

static inline void operate_borrow(struct world *world, struct report *report)
{
	(void)world;
	report->result = sluice_queue_borrow(victim_queue, 0, &victim_loan, NULL, SLUICE_NOWAIT);
}

static inline void operate_borrow_consume(struct world *world, struct report *report)
{
	struct sluice_message info = { .size = sizeof(info) };

	(void)world;
	report->result = sluice_queue_borrow(victim_queue, 2, &victim_loan, &info, SLUICE_NOWAIT);
	if (report->result < 0)
		return;
	report->got[0].length = report->result;
	report->got[0].type = info.type;
	memcpy(report->got[0].data, victim_loan, (size_t)report->result);
	report->count = 1;
	report->result = sluice_queue_consume(victim_queue, victim_loan);
}

static inline void operate_consume(struct world *world, struct report *report)
{
	(void)world;
	report->result = sluice_queue_consume(victim_queue, victim_loan);
}

static inline void operate_return(struct world *world, struct report *report)
{
	(void)world;
	report->result = sluice_queue_return(victim_queue, victim_loan);
}

static inline void operate_commit(struct world *world, struct report *report)
{
	const struct message *message = &world->actors[0].sends[0];

	report->result = sluice_queue_commit(victim_queue, victim_room, message->type,
					     message->size);
}

static inline void operate_reserve_commit(struct world *world, struct report *report)
{
	const struct message *message = &world->actors[0].sends[0];

	report->result = sluice_queue_reserve(victim_queue, 200, &victim_room, SLUICE_NOWAIT);
	if (report->result < 0)
		return;
	memcpy(victim_room, victim_bodies[0], message->size);
	operate_commit(world, report);
}

static inline void operate_abort(struct world *world, struct report *report)
{
	(void)world;
	report->result = sluice_queue_abort(victim_queue, victim_room);
}

static inline void operate_reserve_abort(struct world *world, struct report *report)
{
	report->result = sluice_queue_reserve(victim_queue, 200, &victim_room, SLUICE_NOWAIT);
	if (report->result == 0)
		operate_abort(world, report);
}

static inline void operate_open(struct world *world, struct report *report)
{
	report->result = prepare_attach(world);
}

static inline void operate_close(struct world *world, struct report *report)
{
	(void)world;
	sluice_queue_close(victim_queue);
	report->result = 0;
}

static inline void operate_remove(struct world *world, struct report *report)
{
	report->result = sluice_remove(world->name);
}

/* ---- all of them --------------------------------------------------------------------------- */

#define ATTACHED .prepare = prepare_attach, .is_attached = true

static const struct scenario queue_scenarios[] = {
	{ "send", setup_send, ATTACHED, .operate = operate_send },
	{ "send_waiters", setup_send_waiters, ATTACHED, .operate = operate_send },
	{ "send_armed", setup_send_armed, ATTACHED, .operate = operate_send },
	{ "send_bell", setup_send_bell, ATTACHED, .operate = operate_send },
	{ "send_limit", setup_send_limit, ATTACHED, .operate = operate_send },
	{ "send_long", setup_send_long, ATTACHED, .operate = operate_send },
	{ "send_wrap", setup_send_wrap, ATTACHED, .operate = operate_send },
	{ "send_rotate", setup_send_rotate, ATTACHED, .operate = operate_send },
	{ "send_rotate_again", setup_rotate_again, ATTACHED, .operate = operate_send },
	{ "send_rotate_long", setup_rotate_long, ATTACHED, .operate = operate_send },
	{ "send_many", setup_send_many, ATTACHED, .operate = operate_send_many },
	{ "receive", setup_receive, ATTACHED, .operate = operate_receive },
	{ "receive_limit", setup_receive_limit, ATTACHED, .operate = operate_receive },
	{ "receive_waiters", setup_receive_waiters, ATTACHED, .operate = operate_receive },
	{ "receive_skip", setup_receive_skip, ATTACHED, .operate = operate_receive },
	{ "receive_aborted", setup_receive_aborted, ATTACHED, .operate = operate_receive },
	{ "receive_rotated", setup_receive_rotated, ATTACHED, .operate = operate_receive },
	{ "receive_long", setup_receive_long, ATTACHED, .operate = operate_receive },
	{ "receive_long_type", setup_receive_long_type, ATTACHED, .operate = operate_receive_type },
	{ "receive_type", setup_receive_type, ATTACHED, .operate = operate_receive_type },
	{ "receive_full", setup_receive_full, .prepare = prepare_attach,
	  .operate = operate_receive_type, .is_long = true },
	{ "receive_lowest", setup_receive_lowest, ATTACHED, .operate = operate_receive_lowest },
	{ "receive_many", setup_receive_many, ATTACHED, .operate = operate_receive_many },
	{ "receive_many_type", setup_receive_many_type, ATTACHED,
	  .operate = operate_receive_many_type },
	{ "borrow", setup_borrow, ATTACHED, .operate = operate_borrow },
	{ "borrow_consume", setup_borrow_consume, ATTACHED, .operate = operate_borrow_consume },
	{ "consume", setup_consume, prepare_borrow, operate_consume, .is_attached = true },
	{ "consume_middle", setup_consume_middle, prepare_borrow_middle, operate_consume,
	  .is_attached = true },
	{ "consume_rotated", setup_consume_rotated, prepare_borrow, operate_consume,
	  .is_attached = true },
	{ "return", setup_return, prepare_borrow, operate_return, .is_attached = true },
	{ "reserve_commit", setup_send, ATTACHED, .operate = operate_reserve_commit },
	{ "commit", setup_send, prepare_reserve, operate_commit, .is_attached = true },
	{ "reserve_abort", setup_four, ATTACHED, .operate = operate_reserve_abort },
	{ "abort", setup_four, prepare_reserve, operate_abort, .is_attached = true },
	{ "abort_first", setup_small, prepare_reserve, operate_abort, .is_attached = false },
	{ "attach_dirty", setup_attach, prepare_nothing, operate_open, .is_long = true },
	{ "attach_inherit", setup_attach_inherit, prepare_nothing, operate_open, .is_long = true },
	{ "close", setup_close, prepare_both, operate_close, .is_long = true },
	{ "close_last", setup_close_last, prepare_last, operate_close, .is_long = true },
	{ "create", setup_nothing, prepare_nothing, operate_open, .is_long = true },
	{ "remove", setup_four, prepare_attach, operate_remove, .is_long = true,
	  .may_vanish = true },
};
#define QUEUE_SCENARIOS (sizeof(queue_scenarios) / sizeof(queue_scenarios[0]))

#endif
