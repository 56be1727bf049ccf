/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * crash_points.c - die at every named point
 *
 * The library's source names the points at which dying leaves a trace: SLI_CRASH(name). In a build
 * with SLI_CRASH_POINTS, reaching the one in $SLUICE_CRASH is death. Each scenario is run once for
 * each name; where it dies, others have to go on as in kill_every.c. Then twice in a row: a second
 * participant that finds the first one dead dies on its way, at each name. A name that nobody ever
 * reaches fails the test: it is wrong, or a scenario is missing.
 */
#include "barrier_world.h"
#include "condition_world.h"
#include "engine.h"
#include "locks_world.h"
#include "memory_world.h"
#include "rwlock_world.h"
#include "seconds.h"
#include "source.h"
#include "stream_scenarios.h"
#include "sync_world.h"
#include "topic_world.h"

static struct source_names names;
static uint32_t reached[SOURCE_NAMES]; /* deaths at it */
static uint32_t deaths, failures;
static struct report *reports[2];

/* ---- a victim that walks by itself ----------------------------------------------------------- */

static pid_t walker_start(void (*prepare)(void *context), void (*operate)(void *context),
			  void *context, const char *name, struct report *report)
{
	pid_t pid;
	int status;

	report_clear(report);
	pid = test_fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prepare(context);
		raise(SIGSTOP);
		setenv("SLUICE_CRASH", name, 1);
		operate(context);
		report_finish(report);
		raise(SIGKILL);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	if (!WIFSTOPPED(status) || report->prepared)
		test_fail(__FILE__, __LINE__, "%s: the victim did not get ready: %lld",
			  engine_now.scenario, (long long)report->prepared);
	return pid;
}

/* Return: it died at the point. */
static bool walker_run(pid_t pid, const struct report *report)
{
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(test_wait(pid), -SIGKILL);
	return !report_is_finished(report);
}

static bool died_at(uint32_t name, bool good, const char *complaint, const char *what)
{
	reached[name]++;
	deaths++;
	if (good)
		return true;
	if (failures++ < 20)
		fprintf(stderr, "FAILED %s, killed at %s%s: %s\n", engine_now.scenario,
			names.name[name], what, complaint);
	return false;
}

/* ---- queues --------------------------------------------------------------------------------- */

struct walk {
	const struct scenario *scenario;
	struct world *world;
	struct report *report;
};

static void walk_prepare(void *context)
{
	struct walk *walk = (struct walk *)context;

	walk->report->prepared = walk->scenario->prepare(walk->world);
}

static void walk_operate(void *context)
{
	struct walk *walk = (struct walk *)context;

	walk->scenario->operate(walk->world, walk->report);
}

static bool queue_once(const struct scenario *scenario, uint32_t name, uint32_t order)
{
	static struct world world;
	struct walk walk = { scenario, &world, reports[0] };
	bool died, good;
	pid_t pid;

	engine_watch(scenario->name, name, 0, order);
	scenario->setup(&world);
	world.actors[0].report = reports[0];
	pid = walker_start(walk_prepare, walk_operate, &walk, names.name[name], reports[0]);
	died = walker_run(pid, reports[0]);
	if (scenario->may_vanish)
		engine_check_vanished(&world);
	good = world_check(&world, order, false);
	good = engine_finish(&world) && good;
	if (died)
		died_at(name, good, world.complaint, "");
	return died;
}

/* The first dies at @name, the second, repairing after it, at @then. False: it did not get there. */
static void queue_twice(const struct scenario *scenario, uint32_t name, enum second second,
			uint32_t then)
{
	static struct world world;
	struct walk one = { scenario, &world, reports[0] };
	struct walk two = { &seconds[second], &world, reports[1] };
	char what[128];
	bool died, good;
	pid_t first, last;

	engine_watch(scenario->name, name, then, second);
	scenario->setup(&world);
	second_plan(&world, second, reports[1]);
	world.actors[0].report = reports[0];
	first = walker_start(walk_prepare, walk_operate, &one, names.name[name], reports[0]);
	last = walker_start(walk_prepare, walk_operate, &two, names.name[then], reports[1]);
	(void)walker_run(first, reports[0]);
	died = walker_run(last, reports[1]);
	good = world_check(&world, name + then, false);
	good = engine_finish(&world) && good;
	snprintf(what, sizeof(what), ", after a first one at %s; it wants to %s", names.name[name],
		 seconds[second].name);
	if (died)
		died_at(then, good, world.complaint, what);
}

static void queues(void)
{
	for (size_t i = 0; i < QUEUE_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			for (uint32_t order = 0; order < 3; order++)
				if (!queue_once(&queue_scenarios[i], n, order))
					break;
}

static void queues_twice(void)
{
	for (uint32_t n = 0; n < names.count; n++) {
		uint32_t found = 0;

		for (size_t i = 0; i < QUEUE_SCENARIOS && found < 2; i++) {
			const struct scenario *scenario = &queue_scenarios[i];

			if (!scenario->is_attached || !queue_once(scenario, n, 0))
				continue;
			found++;
			for (uint32_t second = 0; second < SECONDS; second++)
				for (uint32_t then = 0; then < names.count; then++)
					queue_twice(scenario, n, (enum second)second, then);
		}
	}
}

/* ---- mutexes -------------------------------------------------------------------------------- */

struct mutex_walk {
	const struct mutex_scenario *scenario;
	struct report *report;
};

static void mutex_walk_prepare(void *context)
{
	struct mutex_walk *walk = (struct mutex_walk *)context;

	walk->report->prepared = walk->scenario->prepare();
}

static void mutex_walk_operate(void *context)
{
	struct mutex_walk *walk = (struct mutex_walk *)context;

	walk->scenario->operate(walk->report);
}

static void mutex_once(const struct mutex_scenario *scenario, uint32_t name, uint32_t order)
{
	static struct world world;
	struct mutex_walk walk = { scenario, reports[0] };
	struct mutex_corpse corpse = { 0 };
	bool dies_before = scenario->is_locked || scenario->prepare == mutex_prepare_nothing;
	sluice_mutex *mutex;
	bool died, good;
	pid_t pid;

	engine_watch(scenario->name, name, 0, order);
	world.name = MUTEX_NAME;
	world.complaint[0] = '\0';
	CHECK_EQ(sluice_mutex_open(MUTEX_NAME, &mutex_options, &mutex), 0);
	if (scenario->corpses)
		mutex_corpse_attach(&corpse);
	if (scenario->corpses && dies_before)
		mutex_corpse_die(&corpse);
	pid = walker_start(mutex_walk_prepare, mutex_walk_operate, &walk, names.name[name],
			   reports[0]);
	if (scenario->corpses && !dies_before)
		mutex_corpse_die(&corpse);
	if (scenario->has_waiters)
		sli_or_sc(&mutex->control->lock.word, SLI_LOCK_WAITERS);
	died = walker_run(pid, reports[0]);
	good = mutex_check(&world, scenario, reports[0], mutex, order);
	sluice_mutex_close(mutex);
	good = world_remove(&world) && good;
	alarm(0);
	if (died)
		died_at(name, good, world.complaint, "");
}

static void mutexes(void)
{
	for (size_t i = 0; i < MUTEX_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			for (uint32_t order = 0; order < 2; order++)
				mutex_once(&mutex_scenarios[i], n, order);
}

/* ---- lock files ------------------------------------------------------------------------------ */

struct locks_walk {
	const struct locks_scenario *scenario;
	struct report *report;
};

static void locks_walk_prepare(void *context)
{
	struct locks_walk *walk = (struct locks_walk *)context;

	walk->report->prepared = locks_prepare(walk->scenario);
}

static void locks_walk_operate(void *context)
{
	struct locks_walk *walk = (struct locks_walk *)context;

	walk->report->result = walk->scenario->operate(walk->scenario);
}

static void lock_files(void)
{
	static struct world world;

	for (size_t i = 0; i < LOCKS_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			for (uint32_t order = 0; order < 2; order++) {
				struct locks_walk walk = { &locks_scenarios[i], reports[0] };
				bool died, good;
				pid_t pid;

				engine_watch(locks_scenarios[i].name, n, 0, order);
				locks_setup(&locks_scenarios[i], &world);
				pid = walker_start(locks_walk_prepare, locks_walk_operate, &walk,
						   names.name[n], reports[0]);
				died = walker_run(pid, reports[0]);
				good = locks_check(&locks_scenarios[i], &world, order) ||
				       world.is_slow;
				alarm(0);
				if (died)
					died_at(n, good, world.complaint, "");
			}
}

/* ---- semaphores ------------------------------------------------------------------------------ */

struct sync_walk {
	const struct sync_scenario *scenario;
	struct report *report;
};

static void sync_walk_prepare(void *context)
{
	struct sync_walk *walk = (struct sync_walk *)context;

	walk->report->prepared = walk->scenario->prepare(walk->scenario);
}

static void sync_walk_operate(void *context)
{
	struct sync_walk *walk = (struct sync_walk *)context;

	walk->scenario->operate(walk->scenario, walk->report);
}

static bool sync_once(const struct sync_scenario *scenario, uint32_t name, uint32_t order)
{
	static struct world world;
	struct sync_walk walk = { scenario, reports[0] };
	sluice_semaphore *semaphore;
	bool died, good;
	pid_t pid;

	engine_watch(scenario->name, name, 0, order);
	engine_sync_begin(&world);
	semaphore = sync_setup();
	pid = walker_start(sync_walk_prepare, sync_walk_operate, &walk, names.name[name],
			   reports[0]);
	sync_arm(scenario, semaphore);
	died = walker_run(pid, reports[0]);
	good = sync_check(&world, scenario, reports[0], semaphore, order);
	/* Slowness is for kill_sync.c to judge, which tries again. */
	good = engine_sync_end(&world, semaphore, good || world.is_slow);
	if (died)
		died_at(name, good, world.complaint, "");
	return died;
}

/* The first dies at @name, the second, who finds it dead, at @then. */
static void sync_twice(const struct sync_scenario *scenario, uint32_t name,
		       const struct sync_scenario *second, uint32_t then)
{
	static struct world world;
	const struct sync_scenario *both[2] = { scenario, second };
	struct sync_walk one = { scenario, reports[0] }, two = { second, reports[1] };
	sluice_semaphore *semaphore;
	char what[128];
	bool died, good;
	pid_t first, last;

	engine_watch(scenario->name, name, then, 0);
	engine_sync_begin(&world);
	semaphore = sync_setup();
	last = walker_start(sync_walk_prepare, sync_walk_operate, &two, names.name[then],
			    reports[1]);
	first = walker_start(sync_walk_prepare, sync_walk_operate, &one, names.name[name],
			     reports[0]);
	sync_arm(scenario, semaphore);
	(void)walker_run(first, reports[0]);
	died = walker_run(last, reports[1]);
	good = sync_check_two(&world, both, reports, semaphore);
	/* Slowness is for kill_sync.c to judge, which tries again. */
	good = engine_sync_end(&world, semaphore, good || world.is_slow);
	snprintf(what, sizeof(what), ", after a first one at %s; it wants to %s", names.name[name],
		 second->name);
	if (died)
		died_at(then, good, world.complaint, what);
}

static void syncs(void)
{
	for (size_t i = 0; i < SYNC_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			for (uint32_t order = 0; order < 3; order++)
				(void)sync_once(&sync_scenarios[i], n, order);
}

static void syncs_twice(void)
{
	for (uint32_t n = 0; n < names.count; n++) {
		size_t i = 0;

		while (i < SYNC_SCENARIOS && (sync_scenarios[i].prepare != units_prepare ||
					      !sync_once(&sync_scenarios[i], n, 0)))
			i++;
		for (size_t second = 0; i < SYNC_SCENARIOS && second < SYNC_SECONDS; second++)
			for (uint32_t then = 0; then < names.count; then++)
				sync_twice(&sync_scenarios[i], n, &sync_seconds[second], then);
	}
}

/* ---- streams -------------------------------------------------------------------------------- */

struct flow_walk {
	const struct flow_scenario *scenario;
	struct report *report;
};

static void flow_walk_prepare(void *context)
{
	struct flow_walk *walk = (struct flow_walk *)context;

	walk->report->prepared = flow_prepare(walk->scenario);
}

static void flow_walk_operate(void *context)
{
	struct flow_walk *walk = (struct flow_walk *)context;

	walk->scenario->operate(walk->scenario, walk->report);
}

/* Return: it died at the point; *@ret_good: nothing to complain about. */
static bool stream_try(const struct flow_scenario *scenario, struct world *world, uint32_t name,
		       uint32_t order, bool *ret_good)
{
	struct flow_walk walk = { scenario, reports[0] };
	struct flow flow;
	bool died;
	pid_t pid;

	engine_watch(scenario->name, name, 0, order);
	flow_setup(&flow, world, scenario);
	flow_plan(&flow, scenario, reports[0]);
	flow_ready(&flow, 0, 2 * FLOW_CAPACITY);
	pid = walker_start(flow_walk_prepare, flow_walk_operate, &walk, names.name[name],
			   reports[0]);
	flow_arm(&flow);
	died = walker_run(pid, reports[0]);
	*ret_good = flow_end(&flow, flow_check(&flow, order));
	return died;
}

/* The same, again if it was merely slow, and counted. */
static bool stream_once(const struct flow_scenario *scenario, uint32_t name, uint32_t order)
{
	static struct world world;
	bool died = false, good = false;

	for (int tries = 0; tries < 3 && !good; tries++) {
		died = stream_try(scenario, &world, name, order, &good);
		if (!world.is_slow)
			break;
	}
	if (died)
		died_at(name, good, world.complaint, "");
	return died;
}

static void streams(void)
{
	flow_begin();
	for (size_t i = 0; i < FLOW_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			for (uint32_t order = 0; order < 3; order++)
				if (!stream_once(&flow_scenarios[i], n, order))
					break;
}

/* ---- topics ---------------------------------------------------------------------------------- */

struct topic_walk {
	const struct topic_scenario *scenario;
	struct report *report;
};

static void topic_walk_prepare(void *context)
{
	struct topic_walk *walk = (struct topic_walk *)context;

	walk->report->prepared = walk->scenario->prepare(walk->scenario);
}

static void topic_walk_operate(void *context)
{
	struct topic_walk *walk = (struct topic_walk *)context;

	walk->scenario->operate(walk->scenario, walk->report);
}

static bool topic_once(const struct topic_scenario *scenario, uint32_t name, uint32_t order)
{
	static struct world world;
	struct topic_walk walk = { scenario, reports[0] };
	struct tester tester;
	bool died, good;
	pid_t pid;

	engine_watch(scenario->name, name, 0, order);
	engine_topic_begin(&world);
	topic_setup(&tester);
	topic_victim_origin = 1;
	pid = walker_start(topic_walk_prepare, topic_walk_operate, &walk, names.name[name],
			   reports[0]);
	topic_arm(scenario, &tester);
	died = walker_run(pid, reports[0]);
	good = topic_check(&world, &tester, order, &scenario, reports, 1);
	/* Slowness is for kill_topic.c to judge, which tries again. */
	good = engine_topic_end(&world, &tester, good) || world.is_slow;
	if (died)
		died_at(name, good, world.complaint, "");
	return died;
}

/* The first dies at @name, the second, who finds it dead, at @then. */
static void topic_twice(const struct topic_scenario *scenario, uint32_t name,
			const struct topic_scenario *second, uint32_t then)
{
	static struct world world;
	const struct topic_scenario *both[2] = { scenario, second };
	struct topic_walk one = { scenario, reports[0] }, two = { second, reports[1] };
	struct tester tester;
	char what[128];
	bool died, good;
	pid_t first, last;

	engine_watch(scenario->name, name, then, 0);
	engine_topic_begin(&world);
	topic_setup(&tester);
	topic_victim_origin = 1;
	first = walker_start(topic_walk_prepare, topic_walk_operate, &one, names.name[name],
			     reports[0]);
	topic_victim_origin = 2;
	last = walker_start(topic_walk_prepare, topic_walk_operate, &two, names.name[then],
			    reports[1]);
	topic_arm(scenario, &tester);
	(void)walker_run(first, reports[0]);
	died = walker_run(last, reports[1]);
	good = topic_check(&world, &tester, name + then, both, reports, 2);
	/* Slowness is for kill_topic.c to judge, which tries again. */
	good = engine_topic_end(&world, &tester, good) || world.is_slow;
	snprintf(what, sizeof(what), ", after a first one at %s; it wants to %s", names.name[name],
		 second->name);
	if (died)
		died_at(then, good, world.complaint, what);
}

static void topics(void)
{
	for (size_t i = 0; i < TOPIC_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			for (uint32_t order = 0; order < 3; order++)
				if (!topic_once(&topic_scenarios[i], n, order))
					break;
}

static void topics_twice(void)
{
	for (uint32_t n = 0; n < names.count; n++) {
		uint32_t found = 0;

		for (size_t i = 0; i < TOPIC_SCENARIOS && found < 2; i++) {
			if (!topic_once(&topic_scenarios[i], n, 0))
				continue;
			found++;
			for (uint32_t second = 0; second < TOPIC_SECONDS; second++)
				for (uint32_t then = 0; then < names.count; then++)
					topic_twice(&topic_scenarios[i], n, &topic_seconds[second],
						    then);
		}
	}
}

/* ---- reader-writer locks --------------------------------------------------------------------- */

struct rwlock_walk {
	const struct rwlock_scenario *scenario;
	struct report *report;
};

static void rwlock_walk_prepare(void *context)
{
	struct rwlock_walk *walk = (struct rwlock_walk *)context;

	walk->report->prepared = rwlock_prepare(walk->scenario);
}

static void rwlock_walk_operate(void *context)
{
	struct rwlock_walk *walk = (struct rwlock_walk *)context;

	walk->scenario->operate(walk->scenario, walk->report);
}

static void rwlock_once(const struct rwlock_scenario *scenario, uint32_t name, uint32_t order)
{
	static struct world world;
	struct rwlock_walk walk = { scenario, reports[0] };
	struct rwlock_stage stage;
	bool died, good;
	pid_t pid;

	engine_watch(scenario->name, name, 0, order);
	engine_rwlock_begin(&world);
	rwlock_stage_begin(&stage);
	pid = walker_start(rwlock_walk_prepare, rwlock_walk_operate, &walk, names.name[name],
			   reports[0]);
	rwlock_stage_set(&stage, scenario);
	died = walker_run(pid, reports[0]);
	good = rwlock_check_world(&world, &stage, scenario, reports[0], order);
	good = rwlock_stage_end(&world, &stage, good);
	if (died)
		died_at(name, good, world.complaint, "");
}

static void rwlocks(void)
{
	for (size_t i = 0; i < RWLOCK_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			/* Each of its own and what is common to all, once. */
			rwlock_once(&rwlock_scenarios[i], n, n);
}

/* ---- barriers -------------------------------------------------------------------------------- */

struct circle_walk {
	const struct circle_scenario *scenario;
	struct report *report;
};

static void circle_walk_prepare(void *context)
{
	struct circle_walk *walk = (struct circle_walk *)context;

	walk->report->prepared = circle_open(walk->scenario->parties, &circle);
}

static void circle_walk_operate(void *context)
{
	struct circle_walk *walk = (struct circle_walk *)context;

	walk->scenario->operate(walk->report);
}

static void barrier_once(const struct circle_scenario *scenario, uint32_t name)
{
	static struct world world;
	struct circle_walk walk = { scenario, reports[0] };
	sluice_barrier *barrier;
	pid_t pid, sleeper = 0;
	bool died, good;

	engine_watch(scenario->name, name, 0, 0);
	memset(&world, 0, sizeof(world));
	world.name = CIRCLE_NAME;
	CHECK_EQ(circle_open(scenario->parties, &barrier), 0);
	pid = walker_start(circle_walk_prepare, circle_walk_operate, &walk, names.name[name],
			   reports[0]);
	if (scenario->sleeper)
		sleeper = circle_sleeper_start(scenario);
	if (scenario->corpse)
		circle_corpse(scenario);
	died = walker_run(pid, reports[0]);
	good = circle_end(&world, scenario, reports[0], barrier, sleeper);
	if (died)
		died_at(name, good, world.complaint, "");
}

static void barriers(void)
{
	for (size_t i = 0; i < CIRCLE_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			/* Each takes many processes: only what is a barrier's own. */
			if (strncmp(names.name[n], "barrier_", 8) == 0)
				barrier_once(&circle_scenarios[i], n);
}

/* ---- conditions ------------------------------------------------------------------------------ */

struct news_walk {
	const struct news_scenario *scenario;
	struct report *report;
};

static void news_walk_prepare(void *context)
{
	struct news_walk *walk = (struct news_walk *)context;

	walk->report->prepared = news_open();
}

static void news_walk_operate(void *context)
{
	struct news_walk *walk = (struct news_walk *)context;

	walk->scenario->operate(walk->report);
}

static bool condition_once(const struct news_scenario *scenario, uint32_t name)
{
	static struct world world;
	struct news_walk walk = { scenario, reports[0] };
	struct news_stage stage;
	bool died, good;
	pid_t pid;

	engine_watch(scenario->name, name, 0, 0);
	news_stage_begin(&world, &stage);
	pid = walker_start(news_walk_prepare, news_walk_operate, &walk, names.name[name],
			   reports[0]);
	died = walker_run(pid, reports[0]);
	good = news_check(&world, &stage);
	/* Slowness is for kill_condition.c to judge, which tries again. */
	good = news_stage_end(&world, good || world.is_slow);
	if (died)
		died_at(name, good, world.complaint, "");
	return died;
}

static void condition_twice(const struct news_scenario *scenario, uint32_t name,
			    const struct news_scenario *second, uint32_t then)
{
	static struct world world;
	struct news_walk one = { scenario, reports[0] }, two = { second, reports[1] };
	struct news_stage stage;
	char what[128];
	bool died, good;
	pid_t first, last;

	engine_watch(scenario->name, name, then, 0);
	news_stage_begin(&world, &stage);
	last = walker_start(news_walk_prepare, news_walk_operate, &two, names.name[then],
			    reports[1]);
	first = walker_start(news_walk_prepare, news_walk_operate, &one, names.name[name],
			     reports[0]);
	(void)walker_run(first, reports[0]);
	died = walker_run(last, reports[1]);
	good = news_check(&world, &stage);
	/* Slowness is for kill_condition.c to judge, which tries again. */
	good = news_stage_end(&world, good || world.is_slow);
	snprintf(what, sizeof(what), ", after a first one at %s; it wants to %s", names.name[name],
		 second->name);
	if (died)
		died_at(then, good, world.complaint, what);
}

/* Each takes many processes: the second one dies only where it comes by alone, or repairs. */
static void conditions(void)
{
	static bool is_met[NEWS_SCENARIOS][SOURCE_NAMES];

	for (size_t i = 0; i < NEWS_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			is_met[i][n] = condition_once(&news_scenarios[i], n);
	for (size_t i = 0; i < NEWS_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			for (size_t second = 0; is_met[i][n] && second < NEWS_SCENARIOS; second++)
				for (uint32_t then = 0; then < names.count; then++)
					if (is_met[second][then] ||
					    strncmp(names.name[then], "lock_", 5) == 0)
						condition_twice(&news_scenarios[i], n,
								&news_scenarios[second], then);
}

/* ---- memories -------------------------------------------------------------------------------- */

struct memory_walk {
	const struct memory_scenario *scenario;
	struct report *report;
};

static void memory_walk_prepare(void *context)
{
	struct memory_walk *walk = (struct memory_walk *)context;

	walk->report->prepared = memory_victim_prepare(walk->scenario);
}

static void memory_walk_operate(void *context)
{
	struct memory_walk *walk = (struct memory_walk *)context;

	walk->scenario->operate(walk->report);
}

static bool memory_once(const struct memory_scenario *scenario, uint32_t name)
{
	static struct memory_world world;
	struct memory_walk walk = { scenario, reports[0] };
	bool died, good;
	pid_t pid;

	engine_watch(scenario->name, name, 0, 0);
	memory_setup(&world, scenario);
	pid = walker_start(memory_walk_prepare, memory_walk_operate, &walk, names.name[name],
			   reports[0]);
	died = walker_run(pid, reports[0]);
	good = memory_end(&world, memory_check(&world, reports[0], NULL, NULL));
	if (died)
		died_at(name, good, world.world.complaint, "");
	return died;
}

static void memory_twice(const struct memory_scenario *scenario, uint32_t name,
			 const struct memory_scenario *second, uint32_t then)
{
	static struct memory_world world;
	struct memory_walk one = { scenario, reports[0] }, two = { second, reports[1] };
	char what[128];
	bool died, good;
	pid_t first, last;

	engine_watch(scenario->name, name, then, 0);
	memory_setup(&world, scenario);
	first = walker_start(memory_walk_prepare, memory_walk_operate, &one, names.name[name],
			     reports[0]);
	last = walker_start(memory_walk_prepare, memory_walk_operate, &two, names.name[then],
			    reports[1]);
	(void)walker_run(first, reports[0]);
	died = walker_run(last, reports[1]);
	good = memory_end(&world, memory_check(&world, reports[0], second, reports[1]));
	snprintf(what, sizeof(what), ", after a first one at %s; it wants to %s", names.name[name],
		 second->name);
	if (died)
		died_at(then, good, world.world.complaint, what);
}

static void memories(void)
{
	for (size_t i = 0; i < MEMORY_SCENARIOS; i++)
		for (uint32_t n = 0; n < names.count; n++)
			(void)memory_once(&memory_scenarios[i], n);
}

static void memories_twice(void)
{
	for (uint32_t n = 0; n < names.count; n++) {
		size_t i = 0;

		while (i < MEMORY_SCENARIOS &&
		       (memory_scenarios[i].is_memfd || !memory_once(&memory_scenarios[i], n)))
			i++;
		for (size_t second = 0; i < MEMORY_SCENARIOS && second < MEMORY_SECONDS; second++)
			for (uint32_t then = 0; then < names.count; then++)
				if (memory_makes_sense(&memory_scenarios[i],
						       &memory_seconds[second]))
					memory_twice(&memory_scenarios[i], n,
						     &memory_seconds[second], then);
	}
}

/* ---- all names ------------------------------------------------------------------------------ */

static void check_reached(void)
{
	for (uint32_t n = 0; n < names.count; n++) {
		printf("  %-24s %6u deaths\n", names.name[n], reached[n]);
		if (!reached[n]) {
			fprintf(stderr, "FAILED: nobody ever reached %s\n", names.name[n]);
			failures++;
		}
	}
}

int main(void)
{
#ifndef SLI_CRASH_POINTS
	printf("skipped: built without SLI_CRASH_POINTS\n");
	return TEST_SKIPPED;
#endif
	source_find(&names, "SLI_CRASH(");
	CHECK(names.count > 0);
	test_begin();
	signal(SIGALRM, engine_on_alarm);
	news_begin();
	reports[0] = report_new();
	reports[1] = report_new();
	RUN(mutexes);
	RUN(lock_files);
	RUN(syncs);
	RUN(syncs_twice);
	RUN(rwlocks);
	RUN(barriers);
	RUN(conditions);
	RUN(memories);
	RUN(memories_twice);
	RUN(streams);
	RUN(queues);
	RUN(queues_twice);
	RUN(topics);
	RUN(topics_twice);
	if (!getenv("SLUICE_TEST"))
		check_reached();
	printf("%u deaths at %u names, %u failures\n", deaths, names.count, failures);
	test_clean();
	return failures ? 1 : 0;
}
