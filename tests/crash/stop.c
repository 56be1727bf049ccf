/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stop.c - a process that stands still is alive
 *
 * Victims are stopped (SIGSTOP) where kill_every.c kills them. As long as they stand, others' calls
 * either succeed or time out, and end in time; nothing is taken from the victim. When it goes on,
 * its operation ends well, and every message was received exactly once by somebody.
 *
 * Then what only looks like a death: a program that closes all its descriptors, and goes on.
 */
#include "engine.h"

#include <sys/syscall.h>

#define SHORT_NS SLUICE_MS(10)
#define SLACK_NS (INT64_C(250) * 1000000)

/* What became of each message: how often it was received. By id. */
static struct {
	uint64_t sent[4096], received[4096];
	uint64_t sends, receives;
} account;

static void account_send(const struct message *message)
{
	CHECK(message->id < 4096);
	account.sent[message->id]++;
	account.sends++;
}

static void account_receive(const unsigned char *data, int64_t length)
{
	uint64_t id = body_check(data, length);

	CHECK(id > 0 && id < 4096);
	account.received[id]++;
	account.receives++;
}

/* ---- while it stands ------------------------------------------------------------------------ */

/* @r within the time: done, or not done for want of time. */
static bool in_time(const char *what, int64_t began, int64_t r)
{
	int64_t took = test_now_ns() - began;

	if (took > SHORT_NS + SLACK_NS)
		test_fail(__FILE__, __LINE__, "%s took %lld ms of %lld", what,
			  (long long)(took / 1000000), (long long)(SHORT_NS / 1000000));
	if (r < 0 && r != SLUICE_ETIMEDOUT && r != SLUICE_EAGAIN)
		test_fail(__FILE__, __LINE__, "%s: %s", what, sluice_error_name((int)r));
	return r >= 0;
}

static void others_send(struct world *world, sluice_queue *queue, int64_t timeout)
{
	unsigned char body[24];
	struct message message = world_message(world, 5, sizeof(body));
	int64_t began = test_now_ns();

	body_fill(body, &message);
	if (in_time("send", began,
		    sluice_queue_send(queue, message.type, body, sizeof(body), timeout)))
		account_send(&message);
}

static void others_receive(sluice_queue *queue, int64_t timeout)
{
	static unsigned char body[WORLD_LONGEST];
	int64_t began = test_now_ns();
	int64_t r = sluice_queue_receive(queue, 0, body, sizeof(body), NULL, timeout);

	if (in_time("receive", began, r))
		account_receive(body, r);
}

/* Deaths that belong to the scenario. */
static uint64_t repairs_before;

static uint64_t repairs_of(sluice_queue *queue)
{
	struct sluice_queue_info info = { .size = sizeof(info) };

	CHECK_EQ(sluice_queue_info(queue, &info), 0);
	return info.repairs;
}

static void others_work(struct world *world)
{
	struct sluice_queue_options options = world->options;
	struct sluice_queue_info info = { .size = sizeof(info) };
	sluice_queue *other;
	int64_t began;
	int r;

	others_send(world, world->queue, SHORT_NS);
	others_receive(world->queue, SHORT_NS);
	others_send(world, world->queue, SLUICE_NOWAIT);
	began = test_now_ns();
	options.open_timeout_ns = SHORT_NS;
	r = sluice_queue_open(world->name, &options, &other);
	if (in_time("open", began, r)) {
		others_receive(other, SLUICE_NOWAIT);
		CHECK_EQ(sluice_queue_info(other, &info), 0);
		CHECK_EQ(info.repairs, repairs_before);
		began = test_now_ns();
		sluice_queue_close(other);
		(void)in_time("close", began, 0);
	}
}

/* ---- when it has gone on -------------------------------------------------------------------- */

static bool is_receive(const struct scenario *scenario)
{
	return scenario->operate == operate_receive || scenario->operate == operate_receive_type ||
	       scenario->operate == operate_receive_lowest;
}

static bool is_receive_many(const struct scenario *scenario)
{
	return scenario->operate == operate_receive_many ||
	       scenario->operate == operate_receive_many_type;
}

static void account_victim(const struct scenario *scenario, struct world *world,
			   const struct report *report)
{
	const struct actor *actor = &world->actors[0];
	int64_t sends = report->result;

	if (report->result < 0 && report->result != SLUICE_EAGAIN)
		test_fail(__FILE__, __LINE__, "the victim's operation: %s",
			  sluice_error_name((int)report->result));
	if (report->result < 0)
		return;
	if (is_receive(scenario))
		account_receive(report->got[0].data, report->got[0].length);
	else if (is_receive_many(scenario))
		for (int64_t i = 0; i < report->result; i++)
			account_receive(report->got[i].data, report->got[i].length);
	else if (scenario->operate == operate_borrow_consume)
		account_receive(report->got[0].data, report->got[0].length);
	else if (scenario->operate == operate_consume) {
		account.received[world->before[actor->takes[0]].id]++;
		account.receives++;
	}
	if (scenario->operate != operate_send_many)
		sends = actor->send_count;
	for (int64_t i = 0; i < sends && i < actor->send_count; i++)
		account_send(&actor->sends[i]);
}

static void wait_finished(const struct victim *victim)
{
	int64_t end = test_now_ns() + INT64_C(2000000000);

	while (!report_is_finished(victim->report)) {
		if (test_now_ns() > end)
			test_fail(__FILE__, __LINE__, "the victim goes on but does not end");
		test_sleep_ms(1);
	}
}

static void settle(struct world *world)
{
	struct sluice_queue_info info = { .size = sizeof(info) };
	sluice_queue *other;
	static unsigned char body[WORLD_LONGEST];
	int64_t r;

	CHECK_EQ(sluice_queue_open(world->name, &world->options, &other), 0);
	while ((r = sluice_queue_receive(other, 0, body, sizeof(body), NULL, SLUICE_NOWAIT)) >= 0)
		account_receive(body, r);
	CHECK_EQ(r, SLUICE_EAGAIN);
	CHECK_EQ(sluice_queue_info(other, &info), 0);
	CHECK_EQ(info.messages, 0);
	CHECK_EQ(info.sent, world->sent + account.sends);
	CHECK_EQ(info.received, world->received + account.receives);
	sluice_queue_close(other);
	for (uint64_t id = 0; id < 4096; id++)
		if (account.sent[id] != account.received[id])
			test_fail(__FILE__, __LINE__,
				  "message %llu: sent %llu times, received %llu",
				  (unsigned long long)id, (unsigned long long)account.sent[id],
				  (unsigned long long)account.received[id]);
}

/* ---- one point ------------------------------------------------------------------------------ */

static void stop_at(const struct scenario *scenario, struct world *world, struct report *report,
		    const struct trace *trace, uint32_t point)
{
	struct victim victim;

	engine_watch(scenario->name, point, 0, 0);
	memset(&account, 0, sizeof(account));
	scenario->setup(world);
	repairs_before = repairs_of(world->queue);
	for (uint32_t i = 0; i < world->count; i++)
		account.sent[world->before[i].id]++;
	engine_start(&victim, scenario, world, report);
	(void)victim_go_to(&victim, trace, point);
	victim_share_processor(&victim, false);
	if (victim.has_ended) {
		victim_kill(&victim);
	} else {
		CHECK_EQ(ptrace(PTRACE_DETACH, victim.pid, NULL, (void *)(uintptr_t)SIGSTOP), 0);
		others_work(world);
		CHECK_EQ(kill(victim.pid, SIGCONT), 0);
		wait_finished(&victim);
		victim_kill(&victim);
	}
	account_victim(scenario, world, report);
	settle(world);
	(void)engine_finish(world);
	if (world->complaint[0])
		test_fail(__FILE__, __LINE__, "%s", world->complaint);
}

static struct points points;
static struct world world;
static struct report *report;
static uint32_t stops;

static void queues(void)
{
	for (size_t i = 0; i < QUEUE_SCENARIOS; i++) {
		const struct scenario *scenario = &queue_scenarios[i];

		if (scenario->may_vanish || scenario->operate == operate_open ||
		    scenario->operate == operate_close)
			continue;
		points_of(scenario, report, &points);
		for (uint32_t p = 0; p < points.visible; p++, stops++)
			stop_at(scenario, &world, report, &points.trace, points.at[p]);
	}
}

/* ---- mutexes -------------------------------------------------------------------------------- */

static void stop_mutex_at(const struct mutex_scenario *scenario, uint32_t point)
{
	/* Closing while one holds it counts as a death; the first to lock it is told. */
	bool is_death = scenario->operate == mutex_operate_close;
	struct victim victim;
	sluice_mutex *mutex;
	int told = scenario->told, r;
	int64_t began;

	engine_watch(scenario->name, point, 0, 0);
	engine_mutex_start(scenario, &mutex, &victim, report);
	(void)victim_go_to(&victim, &points.trace, point);
	victim_share_processor(&victim, false);
	if (!victim.has_ended) {
		CHECK_EQ(ptrace(PTRACE_DETACH, victim.pid, NULL, (void *)(uintptr_t)SIGSTOP), 0);
		began = test_now_ns();
		r = sluice_mutex_lock(mutex, SHORT_NS);
		/* Nobody died, so nobody is told of a death. */
		CHECK(is_death || r != SLUICE_RECOVERED);
		if (in_time("lock", began, r)) {
			CHECK_EQ(sluice_mutex_unlock(mutex), 0);
			told = is_death ? 0 : told;
		}
		CHECK_EQ(kill(victim.pid, SIGCONT), 0);
		wait_finished(&victim);
		CHECK_EQ(report->result, scenario->result);
	}
	victim_kill(&victim);
	r = sluice_mutex_lock(mutex, PATIENCE_NS);
	CHECK_EQ(r, told);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove(MUTEX_NAME), 0);
	alarm(0);
}

static void mutexes(void)
{
	for (size_t i = 0; i < MUTEX_SCENARIOS; i++) {
		if (mutex_scenarios[i].corpses)
			continue;
		points_of_mutex(&mutex_scenarios[i], report, &points);
		for (uint32_t p = 0; p < points.visible; p++, stops++)
			stop_mutex_at(&mutex_scenarios[i], points.at[p]);
	}
}

/* ---- in the way of each other --------------------------------------------------------------- */

static uint32_t receive_word(const struct world *w)
{
	return sli_load_acq(&w->queue->ring.control->receive.lock.word);
}

/* A victim of "borrow" that stands with the receive lock. */
static void stand_in_lock(struct victim *victim)
{
	static const struct scenario borrower = { "borrow", ATTACHED, .operate = operate_borrow };
	static struct report *second;
	struct engine_job job = { &borrower, &world };

	if (!second)
		second = report_new();
	victim_start(victim, second, engine_body, &job);
	victim_to_start(victim);
	while (receive_word(&world) == 0)
		CHECK(victim_step(victim));
	victim_share_processor(victim, false);
	CHECK_EQ(ptrace(PTRACE_DETACH, victim->pid, NULL, (void *)(uintptr_t)SIGSTOP), 0);
}

/* A long receive that may not wait has its message; another receiver stops with the lock. */
static void long_receive(void)
{
	static const struct scenario taker = { "receive_long", setup_receive_long, ATTACHED,
					       .operate = operate_receive };
	struct victim one, two;
	bool locked = false;
	int64_t began;

	engine_watch("long_receive", 0, 0, 0);
	taker.setup(&world);
	engine_start(&one, &taker, &world, report);
	/* once through the lock: the message is taken, and not yet consumed */
	while (!locked || receive_word(&world) != 0) {
		CHECK(victim_step(&one));
		locked = locked || receive_word(&world) != 0;
	}
	victim_share_processor(&one, false);
	stand_in_lock(&two);
	began = test_now_ns();
	CHECK_EQ(ptrace(PTRACE_DETACH, one.pid, NULL, NULL), 0);
	while (!report_is_finished(report)) {
		if (test_now_ns() - began > SLACK_NS)
			test_fail(__FILE__, __LINE__,
				  "a receive that may not wait waits for a stopped receiver");
		test_sleep_ms(1);
	}
	CHECK(report->result == world.before[0].size || report->result == SLUICE_EAGAIN);
	victim_kill(&one);
	victim_kill(&two);
	sluice_queue_close(world.queue);
	CHECK_EQ(sluice_remove(world.name), 0);
	alarm(0);
}

/* Closing never waits for another process: not with a loan that cannot be given back at once. */
static void closing(void)
{
	struct victim two;
	const void *loan;
	sluice_queue *queue;
	int64_t began;

	engine_watch("closing", 0, 0, 0);
	setup_four(&world);
	CHECK_EQ(sluice_queue_open(world.name, &world.options, &queue), 0);
	CHECK(sluice_queue_borrow(queue, 0, &loan, NULL, SLUICE_NOWAIT) > 0);
	stand_in_lock(&two);
	began = test_now_ns();
	sluice_queue_close(queue);
	CHECK_LT(test_now_ns() - began, SLACK_NS);
	victim_kill(&two);
	memset(&account, 0, sizeof(account));
	for (uint32_t i = 0; i < world.count; i++)
		account.sent[world.before[i].id]++;
	settle(&world);
	sluice_queue_close(world.queue);
	CHECK_EQ(sluice_remove(world.name), 0);
	alarm(0);
}

/*
 * Loans end without a lock. While the one who ends it stands somewhere in that, somebody else dies and
 * is repaired after, which counts what is derived anew. When it has gone on, it was counted once.
 */
static void setup_consume_large(struct world *w)
{
	setup_small(w);
	world_put(w, 3, 24);
	world_put(w, 2, 400);
	world_put(w, 3, 24);
	plan_take(w, 1);
	w->actors[0].wants_result = 0;
}

static int prepare_borrow_large(struct world *w)
{
	int64_t r = prepare_attach(w);

	if (r == 0)
		r = sluice_queue_borrow(victim_queue, 2, &victim_loan, NULL, SLUICE_NOWAIT);
	return r == w->before[1].size ? 0 : (int)r - 1;
}

static void setup_nothing_taken(struct world *w)
{
	setup_consume_large(w);
	w->actors[0].take_count = 0;
}

static int prepare_borrow_reserve(struct world *w)
{
	int r = prepare_attach(w);

	return r == 0 ? sluice_queue_reserve(victim_queue, 400, &victim_room, SLUICE_NOWAIT) : r;
}

static const struct scenario endings[] = {
	{ "consume", setup_consume_large, prepare_borrow_large, operate_consume,
	  .is_attached = true },
	{ "return", setup_nothing_taken, prepare_borrow_large, operate_return,
	  .is_attached = true },
	{ "abort", setup_nothing_taken, prepare_borrow_reserve, operate_abort,
	  .is_attached = true },
};

/* Somebody attaches, takes a place, and dies; somebody else repairs after it. */
static void die_and_repair(struct world *w)
{
	struct sluice_queue_info info = { .size = sizeof(info) };
	sluice_queue *queue;
	void *room;
	uint64_t before;
	pid_t pid;

	CHECK_EQ(sluice_queue_info(w->queue, &info), 0);
	before = info.repairs;
	pid = test_fork();
	if (pid == 0) {
		if (sluice_queue_open(w->name, &w->options, &queue) == 0 &&
		    sluice_queue_reserve(queue, 24, &room, SLUICE_NOWAIT) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	CHECK_EQ(sluice_queue_open(w->name, &w->options, &queue), 0);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_queue_info(w->queue, &info), 0);
	CHECK_EQ(info.repairs, before + 1);
}

static void repaired_at(const struct scenario *scenario, uint32_t point)
{
	struct victim victim;
	static unsigned char body[WORLD_LONGEST];
	bool locked;

	engine_watch(scenario->name, point, 0, 0);
	scenario->setup(&world);
	engine_start(&victim, scenario, &world, report);
	(void)victim_go_to(&victim, &points.trace, point);
	victim_share_processor(&victim, false);
	/* With a lock in its hands nobody can repair. */
	locked = receive_word(&world) != 0;
	if (!victim.has_ended && !locked) {
		CHECK_EQ(ptrace(PTRACE_DETACH, victim.pid, NULL, (void *)(uintptr_t)SIGSTOP), 0);
		die_and_repair(&world);
		CHECK_EQ(kill(victim.pid, SIGCONT), 0);
		wait_finished(&victim);
		CHECK_EQ(report->result, 0);
		world.complaint[0] = '\0';
		while (sluice_queue_receive(world.queue, 0, body, sizeof(body), NULL,
					    SLUICE_NOWAIT) >= 0)
			;
		if (!world_check_room(&world) || !world_check_rotation(&world))
			test_fail(__FILE__, __LINE__,
				  "%s stood after %u instructions, in %s, during a repair: %s",
				  scenario->name, point, victim_symbol(victim.pc), world.complaint);
		stops++;
	}
	victim_kill(&victim);
	(void)engine_finish(&world);
}

static void repaired_meanwhile(void)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		points_of(&endings[i], report, &points);
		for (uint32_t k = 0; k < points.trace.total; k++)
			repaired_at(&endings[i], k);
	}
}

/* ---- descriptors closed --------------------------------------------------------------------- */

static void stop_here(struct report *r)
{
	report_start(r);
	raise(SIGSTOP);
}

static void wait_stopped(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
}

static void owner_without_descriptors(void *context)
{
	sluice_mutex *mutex;

	(void)context;
	if (sluice_mutex_open(MUTEX_NAME, &mutex_options, &mutex) != 0 ||
	    sluice_mutex_lock(mutex, SLUICE_NOWAIT) != 0)
		_exit(1);
	syscall(SYS_close_range, 3, ~0u, 0);
	stop_here(report);
	report->result = sluice_mutex_unlock(mutex);
	report_finish(report);
	stop_here(report);
	if (sluice_mutex_lock(mutex, SLUICE_NOWAIT) != 0)
		_exit(2);
	raise(SIGKILL);
}

/* It looks dead to the kernel, but its process is there and has the segment mapped. */
static void mutex_without_descriptors(void)
{
	sluice_mutex *mutex, *other;
	pid_t pid;

	report_clear(report);
	CHECK_EQ(sluice_mutex_open(MUTEX_NAME, &mutex_options, &mutex), 0);
	pid = test_spawn(owner_without_descriptors, NULL);
	wait_stopped(pid);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_MS(50)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_mutex_open(MUTEX_NAME, &mutex_options, &other), 0);
	CHECK_EQ(sluice_mutex_lock(other, SLUICE_MS(50)), SLUICE_ETIMEDOUT);
	sluice_mutex_close(other);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	wait_stopped(pid);
	CHECK_EQ(report->result, 0);
	CHECK_EQ(sluice_mutex_lock(mutex, PATIENCE_NS), 0);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	/* Then it dies with the mutex, and that is a death. */
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(test_wait(pid), -SIGKILL);
	CHECK_EQ(sluice_mutex_lock(mutex, PATIENCE_NS), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove(MUTEX_NAME), 0);
}

static void borrower_without_descriptors(void *context)
{
	const void *loan;
	unsigned char body[64];

	(void)context;
	if (prepare_attach(&world) != 0 ||
	    sluice_queue_borrow(victim_queue, 0, &loan, NULL, SLUICE_NOWAIT) < 0)
		_exit(1);
	syscall(SYS_close_range, 3, ~0u, 0);
	stop_here(report);
	report->result = sluice_queue_consume(victim_queue, loan);
	report_finish(report);
	stop_here(report);
	/* Whoever waits looks at itself, and finds out. */
	report->result = sluice_queue_receive(victim_queue, 8, body, sizeof(body), NULL,
					      SLUICE_MS(500));
	if (report->result != SLUICE_ESTALE)
		_exit(2);
}

static void queue_without_descriptors(void)
{
	sluice_queue *other;
	pid_t pid;

	report_clear(report);
	setup_four(&world);
	memset(&account, 0, sizeof(account));
	for (uint32_t i = 0; i < world.count; i++)
		account.sent[world.before[i].id]++;
	pid = test_spawn(borrower_without_descriptors, NULL);
	wait_stopped(pid);
	CHECK_EQ(sluice_queue_open(world.name, &world.options, &other), 0);
	others_receive(other, SHORT_NS);
	CHECK_EQ(account.received[world.before[0].id], 0);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	wait_stopped(pid);
	CHECK_EQ(report->result, 0);
	account.received[world.before[0].id]++;
	account.receives++;
	CHECK_EQ(kill(pid, SIGCONT), 0);
	test_wait_ok(pid);
	sluice_queue_close(other);
	settle(&world);
	sluice_queue_close(world.queue);
	CHECK_EQ(sluice_remove(world.name), 0);
}

int main(void)
{
	engine_begin();
	report = report_new();
	RUN(queues);
	RUN(mutexes);
	RUN(mutex_without_descriptors);
	RUN(queue_without_descriptors);
	RUN(closing);
	RUN(repaired_meanwhile);
	RUN(long_receive);
	printf("%u stops\n", stops);
	return test_end();
}
