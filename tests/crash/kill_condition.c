/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_condition.c - kill a process at every instruction of waiting and of signalling
 *
 * A waiter sleeps on the condition, the victim works on it and dies after each number of
 * instructions; then the tester owns the mutex within 50 ms, puts a token and signals, and the
 * waiter, which takes one token, has to come to its end. A victim that had put its token and
 * signalled all of it reaches the waiter without help.
 */
#include "engine.h"

#define NEWS_NAME "news"
#define DOOR_NAME "door"

static const struct sluice_condition_options news_options = { .size = sizeof(news_options),
							      .participants = 6,
							      .slice_ns = SLUICE_MS(10) };
static const struct sluice_mutex_options door_options = { .size = sizeof(door_options),
							  .participants = 6,
							  .slice_ns = SLUICE_MS(10) };
static sluice_condition *news;
static sluice_mutex *door;
static int *tokens; /* in shared memory; written by one store, so never half done */

struct news_scenario {
	const char *name;
	bool sends; /* puts a token and tells */
	void (*operate)(struct report *report);
};

static int news_open(void)
{
	int r = sluice_condition_open(NEWS_NAME, &news_options, &news);

	return r < 0 ? r : sluice_mutex_open(DOOR_NAME, &door_options, &door);
}

static void news_close(void)
{
	sluice_condition_close(news);
	sluice_mutex_close(door);
}

static void operate_wait(struct report *report)
{
	report->result = sluice_mutex_lock(door, SLUICE_NOWAIT);
	if (report->result == 0)
		report->result = sluice_condition_wait(news, door, SLUICE_MS(1));
	sluice_mutex_unlock(door);
}

static void put(int (*say)(sluice_condition *), struct report *report)
{
	report->result = sluice_mutex_lock(door, SLUICE_NOWAIT);
	__atomic_add_fetch(tokens, 1, __ATOMIC_SEQ_CST);
	sluice_mutex_unlock(door);
	say(news);
}

static void operate_signal(struct report *report)
{
	put(sluice_condition_signal, report);
}

static void operate_broadcast(struct report *report)
{
	put(sluice_condition_broadcast, report);
}

static const struct news_scenario scenarios[] = {
	{ "condition_wait", .operate = operate_wait },
	{ "condition_signal", .sends = true, .operate = operate_signal },
	{ "condition_broadcast", .sends = true, .operate = operate_broadcast },
};

/* A waiter that takes one token; asleep when this returns. */
static pid_t waiter_start(void)
{
	struct sluice_condition_info info = { .size = sizeof(info) };
	pid_t pid = test_fork();
	int r;

	if (pid == 0) {
		if (news_open() < 0 || sluice_mutex_lock(door, SLUICE_S(10)) < 0)
			_exit(2);
		for (r = 0; *tokens == 0 && r >= 0;)
			r = sluice_condition_wait(news, door, SLUICE_S(10));
		if (r >= 0)
			__atomic_sub_fetch(tokens, 1, __ATOMIC_SEQ_CST);
		sluice_mutex_unlock(door);
		news_close();
		_exit(r < 0);
	}
	while (sluice_condition_info(news, &info) == 0 && !info.waiting)
		test_sleep_ms(1);
	return pid;
}

static bool waiter_ends(struct world *world, pid_t pid)
{
	int64_t began = test_now_ns();
	siginfo_t info;
	int status;

	while (test_now_ns() - began < PATIENCE_NS) {
		info.si_pid = 0;
		CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
		if (info.si_pid == pid) {
			status = test_wait(pid);
			return status == 0 || complain(world, "the waiter ended with %d", status);
		}
		sched_yield();
	}
	test_kill(pid);
	return complain(world, "the waiter was not told");
}

static void victim_body(struct report *report, void *context)
{
	const struct news_scenario *scenario = (const struct news_scenario *)context;

	report->prepared = news_open();
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(report);
	report_finish(report);
	raise(SIGSTOP);
}

/* The tester tells the waiter, if the victim did not. */
static bool news_check(struct world *world, const struct news_scenario *scenario,
		       const struct report *report, pid_t waiter)
{
	int64_t began = test_now_ns();
	int r;

	if (!scenario->sends || !report_is_finished(report)) {
		r = sluice_mutex_lock(door, PATIENCE_NS);
		if (r < 0 || !world_timed(world, began, "lock")) {
			test_kill(waiter);
			return complain(world, "lock: %s, or slow", sluice_error_name(r));
		}
		if (*tokens == 0)
			++*tokens;
		sluice_mutex_unlock(door);
		sluice_condition_signal(news);
	}
	return waiter_ends(world, waiter);
}

static void kill_at(const struct news_scenario *scenario, const struct trace *trace, uint32_t point,
		    struct report *report, struct tally *tally)
{
	static struct world world;
	bool good = false;
	uint64_t pc = 0;

	for (int tries = 0; tries < 3 && !good; tries++) {
		struct victim victim;
		pid_t waiter;

		engine_watch(scenario->name, point, 0, 0);
		memset(&world, 0, sizeof(world));
		*tokens = 0;
		CHECK_EQ(news_open(), 0);
		waiter = waiter_start();
		victim_start(&victim, report, victim_body, (void *)(uintptr_t)scenario);
		victim_to_start(&victim);
		(void)victim_go_to(&victim, trace, point);
		pc = victim.pc;
		victim_kill(&victim);
		good = news_check(&world, scenario, report, waiter);
		news_close();
		CHECK_EQ(sluice_remove(DOOR_NAME), 0);
		world.name = NEWS_NAME;
		good = world_remove(&world) && good;
		alarm(0);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, 0, trace, pc, good, &world);
}

static void kill_scenario(const struct news_scenario *scenario, struct report *report,
			  struct tally *total)
{
	static struct points points;
	struct tally tally = { 0 };
	struct victim victim;
	pid_t waiter;

	engine_watch(scenario->name, 0, 0, 0);
	*tokens = 0;
	CHECK_EQ(news_open(), 0);
	waiter = waiter_start();
	victim_start(&victim, report, victim_body, (void *)(uintptr_t)scenario);
	victim_to_start(&victim);
	points_collect(&victim, NEWS_NAME, &points);
	victim_kill(&victim);
	if (scenario->sends)
		test_wait_ok(waiter);
	else
		test_kill(waiter);
	news_close();
	CHECK_EQ(sluice_remove(NEWS_NAME), 0);
	CHECK_EQ(sluice_remove(DOOR_NAME), 0);
	for (uint32_t k = 0; k <= points.trace.total; k++)
		kill_at(scenario, &points.trace, k, report, &tally);
	printf("  %-24s %6u instructions, %6u deaths, %u failures, slowest %lld us\n",
	       scenario->name, points.trace.total, tally.points, tally.failures,
	       (long long)(tally.slowest / 1000));
	total->points += tally.points;
	total->failures += tally.failures;
	total->slow += tally.slow;
}

int main(void)
{
	struct tally total = { 0 };
	struct report *report;

	engine_begin();
	report = report_new();
	tokens = (int *)mmap(NULL, sizeof(*tokens), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(tokens != MAP_FAILED);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		kill_scenario(&scenarios[i], report, &total);
	printf("%u deaths, %u failures, %u slow ones tried again\n", total.points, total.failures,
	       total.slow);
	test_clean();
	return total.failures ? 1 : 0;
}
