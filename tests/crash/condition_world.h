/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * condition_world.h - victims that wait and signal, and a waiter that has to come to its end
 *
 * A waiter sleeps on the condition, a victim (or two, one after the other) works on it and dies. Then
 * the tester owns the mutex within 50 ms, puts a token and signals, and the waiter, which takes one
 * token, ends. Where a victim's signal was counted before it died, the waiter ends without help.
 */
#ifndef CONDITION_WORLD_H
#define CONDITION_WORLD_H

#include "engine.h"
#include "object/condition.h"

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
	void (*operate)(struct report *report);
};

static inline int news_open(void)
{
	int r = sluice_condition_open(NEWS_NAME, &news_options, &news);

	return r < 0 ? r : sluice_mutex_open(DOOR_NAME, &door_options, &door);
}

static inline void news_close(void)
{
	sluice_condition_close(news);
	sluice_mutex_close(door);
}

/* Long enough to fall asleep although each instruction is a step. */
static inline void news_operate_wait(struct report *report)
{
	report->result = sluice_mutex_lock(door, PATIENCE_NS);
	if (report->result >= 0)
		report->result = sluice_condition_wait(news, door, SLUICE_MS(10));
	sluice_mutex_unlock(door);
}

static inline void news_put(int (*say)(sluice_condition *), struct report *report)
{
	report->result = sluice_mutex_lock(door, PATIENCE_NS);
	__atomic_add_fetch(tokens, 1, __ATOMIC_SEQ_CST);
	sluice_mutex_unlock(door);
	say(news);
}

static inline void news_operate_signal(struct report *report)
{
	news_put(sluice_condition_signal, report);
}

static inline void news_operate_broadcast(struct report *report)
{
	news_put(sluice_condition_broadcast, report);
}

static const struct news_scenario news_scenarios[] = {
	{ "condition_wait", .operate = news_operate_wait },
	{ "condition_signal", .operate = news_operate_signal },
	{ "condition_broadcast", .operate = news_operate_broadcast },
};
#define NEWS_SCENARIOS (sizeof(news_scenarios) / sizeof(news_scenarios[0]))

/* A waiter that takes one token; asleep when this returns. */
static inline pid_t news_waiter_start(void)
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

/* It may have ended meanwhile. */
static inline void news_waiter_kill(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)test_wait(pid);
}

static inline bool news_waiter_ends(struct world *world, pid_t pid)
{
	int64_t began = test_now_ns();
	siginfo_t info;
	int status;

	/* It needs a processor, too: no bound but that it ends. */
	while (test_now_ns() - began < 5 * PATIENCE_NS) {
		info.si_pid = 0;
		CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
		if (info.si_pid == pid) {
			status = test_wait(pid);
			return status == 0 || complain(world, "the waiter ended with %d", status);
		}
		sched_yield();
	}
	news_waiter_kill(pid);
	return complain(world, "the waiter was not told");
}

/* ---- one trial ------------------------------------------------------------------------------- */

struct news_stage {
	pid_t waiter;
	uint32_t before; /* the condition's word, with the waiter asleep */
};

static inline void news_begin(void)
{
	tokens = (int *)mmap(NULL, sizeof(*tokens), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(tokens != MAP_FAILED);
}

static inline void news_stage_begin(struct world *world, struct news_stage *stage)
{
	memset(world, 0, sizeof(*world));
	world->name = NEWS_NAME;
	*tokens = 0;
	CHECK_EQ(news_open(), 0);
	stage->waiter = news_waiter_start();
	stage->before = sli_load_acq(&news->control->sequence);
}

/* What was counted, was said. */
static inline bool news_is_told(const struct news_stage *stage)
{
	return (sli_load_acq(&news->control->sequence) ^ stage->before) > 1;
}

/* The victims are dead. The tester tells the waiter, if they did not. */
static inline bool news_check(struct world *world, const struct news_stage *stage)
{
	int64_t began = test_now_ns();
	int r;

	if (!news_is_told(stage)) {
		r = sluice_mutex_lock(door, PATIENCE_NS);
		if (r < 0 || !world_timed(world, began, "lock")) {
			news_waiter_kill(stage->waiter);
			return complain(world, "lock: %s, or slow", sluice_error_name(r));
		}
		if (*tokens == 0)
			++*tokens;
		sluice_mutex_unlock(door);
		sluice_condition_signal(news);
	}
	return news_waiter_ends(world, stage->waiter);
}

static inline bool news_stage_end(struct world *world, bool good)
{
	news_close();
	CHECK_EQ(sluice_remove(DOOR_NAME), 0);
	good = world_remove(world) && good;
	alarm(0);
	return good;
}

/* ---- the engine ------------------------------------------------------------------------------ */

static inline void engine_news_body(struct report *report, void *context)
{
	const struct news_scenario *scenario = (const struct news_scenario *)context;

	report->prepared = news_open();
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(report);
	report_finish(report);
	raise(SIGSTOP);
}

static inline void news_victim_start(const struct news_scenario *scenario, struct victim *victim,
				     struct report *report)
{
	victim_start(victim, report, engine_news_body, (void *)(uintptr_t)scenario);
}

static inline void engine_news_point(const struct news_scenario *scenario,
				     const struct trace *trace, uint32_t point,
				     struct report *report, struct tally *tally)
{
	static struct world world;
	bool good = false;
	uint64_t pc = 0;

	for (int tries = 0; tries < 3 && !good; tries++) {
		struct news_stage stage;
		struct victim victim;

		engine_watch(scenario->name, point, 0, 0);
		news_stage_begin(&world, &stage);
		news_victim_start(scenario, &victim, report);
		victim_to_start(&victim);
		(void)victim_go_to(&victim, trace, point);
		pc = victim.pc;
		victim_kill(&victim);
		good = news_stage_end(&world, news_check(&world, &stage));
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, 0, trace, pc, good, &world);
}

static inline void points_of_news(const struct news_scenario *scenario, struct report *report,
				  struct points *points)
{
	static struct world world;
	struct news_stage stage;
	struct victim victim;

	engine_watch(scenario->name, 0, 0, 0);
	news_stage_begin(&world, &stage);
	news_victim_start(scenario, &victim, report);
	victim_to_start(&victim);
	points_collect(&victim, NEWS_NAME, points);
	victim_kill(&victim);
	(void)news_stage_end(&world, news_check(&world, &stage));
}

#endif
