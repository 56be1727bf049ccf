/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_memory.c - kill a process at every instruction of growing a memory and of its mutexes
 *
 * After each death: the size is the one before or the one asked for, and the latter if the victim was
 * told so; every byte that the size says there is can be touched; what was there is there still and
 * what is new is zero; it can be grown again; and the mutex can be had, with the word of the death if
 * the victim had it.
 *
 *	kill_memory [SCENARIO [POINT]]
 */
#include <stdbool.h>

#include "victim.h"

#include <inttypes.h>

#define NAME "grown"
#define PAGE 4096
#define OLD_SIZE (2 * PAGE)
#define NEW_SIZE (5 * PAGE)
#define MAXIMUM (16 * PAGE)
#define PATIENCE SLUICE_S(20)
#define GUARD 1

struct scenario {
	const char *name;
	bool is_memfd;  /* the victim attaches through the memfd of an anonymous memory */
	bool is_locked; /* the victim has the mutex before its operation */
	bool may_hold;  /* and may have it when it dies */
	void (*operate)(struct report *report);
};

static sluice_memory *victim_memory;

static void operate_resize(struct report *report)
{
	report->result = sluice_memory_resize(victim_memory, NEW_SIZE);
}

static void operate_lock(struct report *report)
{
	report->result = sluice_memory_mutex_lock(victim_memory, GUARD, SLUICE_NOWAIT);
}

static void operate_unlock(struct report *report)
{
	report->result = sluice_memory_mutex_unlock(victim_memory, GUARD);
}

static void operate_guarded_resize(struct report *report)
{
	operate_lock(report);
	if (report->result == 0)
		operate_resize(report);
	if (report->result == 0)
		operate_unlock(report);
}

static const struct scenario scenarios[] = {
	{ "resize", false, false, false, operate_resize },
	{ "resize_memfd", true, false, false, operate_resize },
	{ "lock", false, false, true, operate_lock },
	{ "unlock", false, true, true, operate_unlock },
	{ "guarded_resize", false, false, true, operate_guarded_resize },
};

struct job {
	const struct scenario *scenario;
	char name[64];
};

static sluice_memory *memory_attach(const char *name)
{
	struct sluice_memory_options options;
	sluice_memory *memory = NULL;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.bytes = OLD_SIZE;
	options.maximum = MAXIMUM;
	options.mutexes = GUARD + 1;
	options.participants = 4;
	options.slice_ns = SLUICE_MS(10);
	CHECK_EQ(sluice_memory_open(name, &options, &memory), 0);
	return memory;
}

static void victim_body(struct report *report, void *context)
{
	const struct job *job = (const struct job *)context;

	victim_memory = memory_attach(job->name);
	report->prepared = job->scenario->is_locked
				   ? sluice_memory_mutex_lock(victim_memory, GUARD, 0)
				   : 0;
	raise(SIGSTOP);
	report_start(report);
	job->scenario->operate(report);
	report_finish(report);
	raise(SIGSTOP);
}

/* What was there is there, and what is new is zero; touching it is no SIGBUS. */
static void check_bytes(sluice_memory *memory, int64_t size)
{
	const unsigned char *data = (const unsigned char *)sluice_memory_data(memory);

	for (int64_t i = 0; i < size; i++)
		if (data[i] != (i < OLD_SIZE ? i % 250 + 1 : 0))
			test_fail(__FILE__, __LINE__, "byte %" PRId64 " is %u", i, data[i]);
}

static void check_mutex(sluice_memory *memory, const struct scenario *scenario)
{
	struct sluice_memory_info info;
	int r, wanted;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_memory_info(memory, &info), 0);
	wanted = info.locked || info.owner_died ? SLUICE_RECOVERED : 0;
	CHECK(!wanted || scenario->may_hold);
	r = sluice_memory_mutex_lock(memory, GUARD, PATIENCE);
	CHECK_EQ(r, wanted);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, GUARD), 0);
	CHECK_EQ(sluice_memory_mutex_lock(memory, GUARD, PATIENCE), 0);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, GUARD), 0);
}

static void check_after(const struct scenario *scenario, const struct report *report,
			sluice_memory *memory, const char *name, bool finished)
{
	bool grows = scenario->operate == operate_resize ||
		     scenario->operate == operate_guarded_resize;
	int64_t size = sluice_memory_size(memory);
	sluice_memory *other;

	if (finished)
		CHECK_EQ(report->result, 0);
	CHECK(size == OLD_SIZE || (grows && size == NEW_SIZE));
	if (finished && grows)
		CHECK_EQ(size, NEW_SIZE);
	check_bytes(memory, size);
	check_mutex(memory, scenario);
	CHECK_EQ(sluice_memory_resize(memory, MAXIMUM), 0);
	other = memory_attach(name);
	CHECK_EQ(sluice_memory_size(other), MAXIMUM);
	check_bytes(other, MAXIMUM);
	sluice_memory_close(other);
}

/* Kill at the @point-th instruction. False: the operation has fewer. */
static bool kill_at(const struct scenario *scenario, uint32_t point, struct report *report)
{
	sluice_memory *memory = memory_attach(scenario->is_memfd ? NULL : NAME);
	unsigned char *data = (unsigned char *)sluice_memory_data(memory);
	struct job job = { scenario, NAME };
	struct victim victim;
	uint32_t done = 0;
	bool finished;
	int fds[3];

	CHECK(data != NULL);
	for (int i = 0; i < OLD_SIZE; i++)
		data[i] = (unsigned char)(i % 250 + 1);
	if (scenario->is_memfd) {
		CHECK_EQ(sluice_memory_share(memory, fds), 3);
		/* A fork closes the handle's own in the child. */
		for (int i = 0; i < 3; i++)
			fds[i] = dup(fds[i]);
		snprintf(job.name, sizeof(job.name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	}
	report_clear(report);
	victim_start(&victim, report, victim_body, &job);
	victim_to_start(&victim);
	CHECK_EQ(report->prepared, 0);
	while (done < point && victim_step(&victim))
		done++;
	finished = report_is_finished(report);
	victim_kill(&victim);
	check_after(scenario, report, memory, job.name, finished);
	sluice_memory_close(memory);
	for (int i = 0; i < 3 && scenario->is_memfd; i++)
		close(fds[i]);
	if (!scenario->is_memfd)
		CHECK_EQ(sluice_remove(NAME), 0);
	return done == point;
}

int main(int argc, char **argv)
{
	struct report *report;

	test_begin();
	victim_check_machine();
	report = report_new();
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		uint32_t point = argc > 2 ? (uint32_t)atoi(argv[2]) : 0;

		if (argc > 1 && strcmp(argv[1], scenarios[i].name) != 0)
			continue;
		while (kill_at(&scenarios[i], point, report) && argc <= 2)
			point++;
		printf("  %-16s killed at %u points\n", scenarios[i].name, point);
		fflush(stdout);
	}
	return test_end();
}
