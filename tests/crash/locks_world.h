/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * locks_world.h - victims that make and remove an object whose locks are on a second file
 *
 * It is a mutex that others may read. Whatever a death leaves: the name can be opened at once, both
 * files go together, and what is left without a segment is debris that sluice_clean() removes.
 */
#ifndef LOCKS_WORLD_H
#define LOCKS_WORLD_H

#include "engine.h"

#include <sys/time.h>

#define LOCKS_NAME "parted"

struct locks_scenario {
	const char *name;
	uint32_t flags;
	bool exists;   /* before the victim operates; it does not take part, */
	bool attached; /* or does */
	int (*operate)(const struct locks_scenario *scenario);
};

static sluice_mutex *locks_victim;

static inline int locks_open(const struct locks_scenario *scenario, sluice_mutex **ret_mutex)
{
	struct sluice_mutex_options options = { .size = sizeof(options) };

	options.mode = 0644;
	options.flags = scenario->flags;
	return sluice_mutex_open(LOCKS_NAME, &options, ret_mutex);
}

static inline int locks_attach(const struct locks_scenario *scenario)
{
	return locks_open(scenario, &locks_victim);
}

static inline int locks_leave(const struct locks_scenario *scenario)
{
	(void)scenario;
	sluice_mutex_close(locks_victim);
	return 0;
}

static inline int locks_remove(const struct locks_scenario *scenario)
{
	(void)scenario;
	return sluice_remove(LOCKS_NAME);
}

static const struct locks_scenario locks_scenarios[] = {
	{ "create", 0, .operate = locks_attach },
	{ "create_ephemeral", SLUICE_EPHEMERAL, .operate = locks_attach },
	{ "attach", 0, .exists = true, .operate = locks_attach },
	{ "leave_ephemeral", SLUICE_EPHEMERAL, .attached = true, .operate = locks_leave },
	{ "remove", 0, .exists = true, .operate = locks_remove },
};
#define LOCKS_SCENARIOS (sizeof(locks_scenarios) / sizeof(locks_scenarios[0]))

static inline void locks_setup(const struct locks_scenario *scenario, struct world *world)
{
	sluice_mutex *mutex;

	memset(world, 0, sizeof(*world));
	world->name = LOCKS_NAME;
	if (!scenario->exists)
		return;
	CHECK_EQ(locks_open(scenario, &mutex), 0);
	sluice_mutex_close(mutex);
}

static inline int locks_prepare(const struct locks_scenario *scenario)
{
	return scenario->attached ? locks_attach(scenario) : 0;
}

/* How many files there are besides segments; each is made old. */
static inline uint32_t locks_count_hidden(void)
{
	struct timeval old[2] = { { 1000, 0 }, { 1000, 0 } };
	DIR *dir = opendir(test_directory());
	struct dirent *entry;
	char path[512];
	uint32_t count = 0;

	CHECK(dir != NULL);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.' || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		count++;
		snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), entry->d_name);
		CHECK_EQ(utimes(path, old), 0);
	}
	closedir(dir);
	return count;
}

/* Two can open it at once, and it is one mutex. */
static inline bool locks_check_mutex(const struct locks_scenario *scenario, struct world *world,
				     int64_t began)
{
	sluice_mutex *mutex = NULL, *second = NULL;
	int r = locks_open(scenario, &mutex);
	bool good;

	if (r == 0)
		r = locks_open(scenario, &second);
	if (r < 0)
		good = complain(world, "open: %s", sluice_error_name(r));
	else if (sluice_mutex_lock(mutex, PATIENCE_NS) < 0 ||
		 sluice_mutex_lock(second, SLUICE_NOWAIT) != SLUICE_EAGAIN ||
		 sluice_mutex_unlock(mutex) < 0)
		good = complain(world, "the mutex does not exclude");
	else
		good = world_timed(world, began, "open");
	sluice_mutex_close(second);
	sluice_mutex_close(mutex);
	return good;
}

/* The victim is dead. In one order debris is cleaned before others come, in the other after. */
static inline bool locks_check(const struct locks_scenario *scenario, struct world *world,
			       uint32_t variant)
{
	int64_t began = test_now_ns();
	uint32_t hidden;
	bool good;
	int r;

	if (variant % 2) {
		(void)locks_count_hidden();
		r = sluice_clean(NULL, 0, NULL, NULL);
		hidden = locks_count_hidden();
		if (r < 0 || hidden)
			return complain(world, "clean: %d, %u hidden files are left", r, hidden);
		began = test_now_ns();
	}
	good = locks_check_mutex(scenario, world, began);
	r = sluice_remove(LOCKS_NAME);
	if (r < 0 && r != SLUICE_ENOENT)
		return complain(world, "remove: %s", sluice_error_name(r));
	hidden = locks_count_hidden();
	if (hidden > 1 || sluice_clean(NULL, 0, NULL, NULL) != (int)hidden || locks_count_hidden())
		return complain(world, "%u hidden files were left, and not all cleaned", hidden);
	return good;
}

/* ---- killing ------------------------------------------------------------------------------- */

static inline void engine_locks_body(struct report *report, void *context)
{
	const struct locks_scenario *scenario = (const struct locks_scenario *)context;

	report->prepared = locks_prepare(scenario);
	raise(SIGSTOP);
	report_start(report);
	report->result = scenario->operate(scenario);
	report_finish(report);
	raise(SIGSTOP);
}

static inline void engine_locks_start(const struct locks_scenario *scenario, struct world *world,
				      struct victim *victim, struct report *report)
{
	locks_setup(scenario, world);
	victim_start(victim, report, engine_locks_body, (void *)(uintptr_t)scenario);
	victim_to_start(victim);
}

static inline void points_of_locks(const struct locks_scenario *scenario, struct report *report,
				   struct points *points)
{
	static struct world world;
	struct victim victim;

	engine_watch(scenario->name, 0, 0, 0);
	engine_locks_start(scenario, &world, &victim, report);
	points_collect(&victim, LOCKS_NAME, points);
	CHECK_EQ(report->result, 0);
	victim_kill(&victim);
	CHECK(locks_check(scenario, &world, 0) || world.is_slow);
	alarm(0);
}

static inline void engine_locks_point(const struct locks_scenario *scenario,
				      const struct trace *trace, uint32_t point, uint32_t variant,
				      struct report *report, struct tally *tally)
{
	static struct world world;
	struct victim victim;
	uint64_t pc = 0;
	bool good = false;

	for (int tries = 0; tries < 3 && !good; tries++) {
		engine_watch(scenario->name, point, 0, variant);
		engine_locks_start(scenario, &world, &victim, report);
		(void)victim_go_to(&victim, trace, point);
		pc = victim.pc;
		victim_kill(&victim);
		good = locks_check(scenario, &world, variant);
		alarm(0);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally_add(tally, scenario->name, point, variant, trace, pc, good, &world);
}

#endif
