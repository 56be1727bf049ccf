/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * engine.h - kill victims at points of scenarios and judge what they left
 *
 * A point is a number of instructions of the operation. They are all tried where that is a matter of
 * seconds; where it is not, every n-th and all that others can tell apart: after each of those the
 * segment's bytes differ from what they were before, or a system call was just made. Between two of
 * these a death leaves the very same thing behind.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "mutex_world.h"
#include "scenarios.h"

#define POINTS_MOST 100000
#define WATCHDOG_S 20

/* How many failures of one scenario, and of all, are shown. */
#define SHOWN_FAILURES 3u
static uint32_t engine_shown = 60;

struct points {
	uint32_t visible; /* in at[] */
	uint32_t at[4096];
	struct trace trace;
};

/* What is being done, for whoever finds it hanging. */
static struct {
	const char *scenario;
	uint32_t point, second, variant;
} engine_now;

struct tally {
	uint32_t scenarios, points, failures, slow;
	uint32_t elsewhere; /* died at another instruction of the operation than the traced one */
	int64_t slowest;
};

static inline void engine_on_alarm(int number)
{
	(void)number;
	fprintf(stderr, "FAILED %s, killed at %u (second victim %u), order %u: hangs\n",
		engine_now.scenario, engine_now.point, engine_now.second, engine_now.variant);
	test_clean();
	_exit(1);
}

static inline void engine_watch(const char *scenario, uint32_t point, uint32_t second,
				uint32_t variant)
{
	engine_now.scenario = scenario;
	engine_now.point = point;
	engine_now.second = second;
	engine_now.variant = variant;
	alarm(WATCHDOG_S);
}

static inline void engine_begin(void)
{
	test_begin();
	victim_check_machine();
	signal(SIGALRM, engine_on_alarm);
	/* Whatever the environment has would be searched for SLUICE_MUTANT, instruction by instruction. */
	for (char **variable = environ; variable && *variable;)
		if (strncmp(*variable, "SLUICE_", 7) != 0 && strncmp(*variable, "PATH=", 5) != 0) {
			char name[256];

			snprintf(name, sizeof(name), "%.*s", (int)strcspn(*variable, "="),
				 *variable);
			unsetenv(name);
		} else {
			variable++;
		}
}

/* ---- the victim ----------------------------------------------------------------------------- */

struct engine_job {
	const struct scenario *scenario;
	struct world *world;
};

static inline void engine_body(struct report *report, void *context)
{
	struct engine_job *job = (struct engine_job *)context;

	report->prepared = job->scenario->prepare(job->world);
	raise(SIGSTOP);
	report_start(report);
	job->scenario->operate(job->world, report);
	report_finish(report);
	raise(SIGSTOP);
}

static inline void engine_start(struct victim *victim, const struct scenario *scenario,
				struct world *world, struct report *report)
{
	struct engine_job job = { scenario, world };

	world->actors[0].report = report;
	victim_start(victim, report, engine_body, &job);
	victim_to_start(victim);
}

/* ---- one point ------------------------------------------------------------------------------ */

/* Removed half or whole: who is attached is told, and the name is free. */
static inline void engine_check_vanished(struct world *world)
{
	struct sluice_queue_info info = { .size = sizeof(info) };

	if (sluice_queue_info(world->queue, &info) != SLUICE_EREMOVED)
		return;
	sluice_queue_close(world->queue);
	world->queue = NULL;
	world->count = 0;
	world->sent = world->received = 0;
}

static inline bool engine_finish(struct world *world)
{
	bool good = true;

	sluice_queue_close(world->queue);
	world->queue = NULL;
	good = world_remove(world);
	alarm(0);
	return good;
}

/* Kill at @point. Return: it was in the operation; *@ret_good: nothing to complain about. */
static inline bool engine_try(const struct scenario *scenario, struct world *world,
			      struct report *report, const struct trace *trace, uint32_t point,
			      uint32_t variant, uint64_t *ret_pc, bool *ret_good)
{
	struct victim victim;
	bool inside;

	engine_watch(scenario->name, point, 0, variant);
	scenario->setup(world);
	engine_start(&victim, scenario, world, report);
	inside = victim_go_to(&victim, trace, point);
	*ret_pc = victim.pc;
	victim_kill(&victim);
	if (scenario->may_vanish)
		engine_check_vanished(world);
	*ret_good = world_check(world, variant, point % 2 == 1);
	*ret_good = engine_finish(world) && *ret_good;
	return inside;
}

static inline void tally_add(struct tally *tally, const char *name, uint32_t point,
			     uint32_t variant, const struct trace *trace, uint64_t pc, bool good,
			     const struct world *world)
{
	tally->points++;
	if (trace && point <= trace->total && pc != trace->pc[point])
		tally->elsewhere++;
	if (world->slowest > tally->slowest && good)
		tally->slowest = world->slowest;
	if (!good && tally->failures++ < SHOWN_FAILURES && engine_shown && engine_shown--)
		fprintf(stderr, "FAILED %s, killed after %u instructions, in %s, order %u: %s\n",
			name, point, victim_symbol(pc), variant, world->complaint);
}

/* The same, again if it was merely slow, and counted. */
static inline bool engine_point(const struct scenario *scenario, const struct trace *trace,
				uint32_t point, uint32_t variant, struct report *report,
				struct tally *tally)
{
	static struct world world;
	bool inside = true, good = false;
	uint64_t pc = 0;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		inside = engine_try(scenario, &world, report, trace, point, variant, &pc, &good);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, variant, trace, pc, good, &world);
	return inside;
}

/* ---- which points there are ------------------------------------------------------------------ */

/* The segment's bytes as others see them; remade whenever the file is another. */
struct view {
	const unsigned char *shared;
	unsigned char *last;
	size_t size;
	ino_t inode;
};

static inline bool view_changed(struct view *view, const char *name)
{
	char path[512];
	struct stat st;
	int fd;

	if (!view->shared) {
		snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return false;
		CHECK_EQ(fstat(fd, &st), 0);
		view->size = (size_t)st.st_size;
		view->shared = (const unsigned char *)mmap(NULL, view->size, PROT_READ, MAP_SHARED,
							   fd, 0);
		CHECK(view->shared != MAP_FAILED);
		close(fd);
		view->last = (unsigned char *)malloc(view->size);
		CHECK(view->last != NULL);
		memcpy(view->last, view->shared, view->size);
		return true;
	}
	if (memcmp(view->last, view->shared, view->size) == 0)
		return false;
	memcpy(view->last, view->shared, view->size);
	return true;
}

static inline void view_end(struct view *view)
{
	if (view->shared)
		munmap((void *)(uintptr_t)view->shared, view->size);
	free(view->last);
	memset(view, 0, sizeof(*view));
}

static inline void points_add(struct points *points, uint32_t at)
{
	if (points->visible < sizeof(points->at) / sizeof(points->at[0]) &&
	    (!points->visible || points->at[points->visible - 1] != at))
		points->at[points->visible++] = at;
}

/* Lead a started victim to the end of its operation and note where others can tell. */
static inline void points_collect(struct victim *victim, const char *name, struct points *points)
{
	struct view view = { 0 };
	struct trace *trace = &points->trace;
	bool is_call;

	trace->total = points->visible = 0;
	(void)view_changed(&view, name);
	points_add(points, 0);
	trace->pc[0] = victim->pc;
	while (!victim->has_ended) {
		is_call = victim_is_syscall(victim->pid, victim->pc);
		if (!victim_step(victim))
			break;
		CHECK(trace->total < TRACE_MOST);
		trace->pc[++trace->total] = victim->pc;
		if (view_changed(&view, name) || is_call)
			points_add(points, trace->total);
	}
	points_add(points, trace->total);
	trace_index(trace);
	view_end(&view);
}

static inline void points_of(const struct scenario *scenario, struct report *report,
			     struct points *points)
{
	static struct world world;
	struct victim victim;

	engine_watch(scenario->name, 0, 0, 0);
	scenario->setup(&world);
	engine_start(&victim, scenario, &world, report);
	points_collect(&victim, world.name, points);
	victim_kill(&victim);
	(void)engine_finish(&world);
}

/* ---- mutexes -------------------------------------------------------------------------------- */

static inline void engine_mutex_body(struct report *report, void *context)
{
	const struct mutex_scenario *scenario = (const struct mutex_scenario *)context;

	report->prepared = scenario->prepare();
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(report);
	report_finish(report);
	raise(SIGSTOP);
}

/* A mutex in the scenario's state, and its victim at the first instruction. */
static inline void engine_mutex_start(const struct mutex_scenario *scenario, sluice_mutex **mutex,
				      struct victim *victim, struct report *report)
{
	struct mutex_corpse corpse = { 0 };
	bool dies_before = scenario->is_locked || scenario->prepare == mutex_prepare_nothing;

	CHECK_EQ(sluice_mutex_open(MUTEX_NAME, &mutex_options, mutex), 0);
	if (scenario->corpses)
		mutex_corpse_attach(&corpse);
	if (scenario->corpses && dies_before)
		mutex_corpse_die(&corpse);
	victim_start(victim, report, engine_mutex_body, (void *)(uintptr_t)scenario);
	if (scenario->corpses && !dies_before)
		mutex_corpse_die(&corpse);
	if (scenario->has_waiters)
		sli_or_sc(&(*mutex)->control->lock.word, SLI_LOCK_WAITERS);
	victim_to_start(victim);
}

static inline bool engine_mutex_try(const struct mutex_scenario *scenario, struct world *world,
				    struct report *report, const struct trace *trace,
				    uint32_t point, uint32_t variant, uint64_t *ret_pc)
{
	struct victim victim;
	sluice_mutex *mutex;
	bool good;

	engine_watch(scenario->name, point, 0, variant);
	world->name = MUTEX_NAME;
	world->complaint[0] = '\0';
	world->is_slow = false;
	engine_mutex_start(scenario, &mutex, &victim, report);
	(void)victim_go_to(&victim, trace, point);
	*ret_pc = victim.pc;
	victim_kill(&victim);
	good = mutex_check(world, scenario, report, mutex, variant);
	sluice_mutex_close(mutex);
	good = world_remove(world) && good;
	alarm(0);
	return good;
}

static inline void engine_mutex_point(const struct mutex_scenario *scenario,
				      const struct trace *trace, uint32_t point, uint32_t variant,
				      struct report *report, struct tally *tally)
{
	static struct world world;
	uint64_t pc = 0;
	bool good = false;

	world.slowest = 0;
	for (int tries = 0; tries < 3 && !good; tries++) {
		good = engine_mutex_try(scenario, &world, report, trace, point, variant, &pc);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, variant, trace, pc, good, &world);
}

static inline void points_of_mutex(const struct mutex_scenario *scenario, struct report *report,
				   struct points *points)
{
	struct victim victim;
	sluice_mutex *mutex;

	engine_watch(scenario->name, 0, 0, 0);
	engine_mutex_start(scenario, &mutex, &victim, report);
	points_collect(&victim, MUTEX_NAME, points);
	victim_kill(&victim);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove(MUTEX_NAME), 0);
	alarm(0);
}

#endif
