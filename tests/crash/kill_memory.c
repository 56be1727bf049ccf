/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * kill_memory.c - kill a process at every instruction of growing a memory and of its mutexes
 *
 * After each death: the size is the one before or the one asked for, and the latter if the victim was
 * told so; every byte that the size says there is can be touched; what was there is there still and
 * what is new is zero; it can be grown again; and the mutex can be had, with the word of the death if
 * the victim had it.
 *
 * The scenarios of the heap are long: every 41st instruction of them, unless EVERY says otherwise.
 *
 *	kill_memory [SCENARIO [POINT [EVERY]]]
 */
#include <stdbool.h>

#include "object/memory.h"
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
	int link; /* which one it changes; -1: there is no heap */
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

/* A list of two blocks behind the root; the middle one is free, so that every kind of change occurs. */
struct blocks {
	uint64_t link[4];
};

static struct blocks *blocks_of(sluice_memory *memory)
{
	unsigned char *data = (unsigned char *)sluice_memory_data(memory);

	return (struct blocks *)(void *)(data + *sluice_memory_root(memory));
}

static void prepare_heap(sluice_memory *memory)
{
	struct blocks *blocks;

	CHECK_EQ(sluice_memory_allocate(memory, sizeof(*blocks), sluice_memory_root(memory)), 0);
	blocks = blocks_of(memory);
	memset(blocks, 0, sizeof(*blocks));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(sluice_memory_allocate(memory, 200, &blocks->link[i]), 0);
	CHECK_EQ(sluice_memory_free(memory, &blocks->link[0]), 0);
	CHECK_EQ(sluice_memory_free(memory, &blocks->link[2]), 0);
}

static void heap_change(struct report *report, uint32_t index, uint64_t size)
{
	uint64_t *link = &blocks_of(victim_memory)->link[index];

	operate_lock(report);
	if (report->result == 0)
		report->result = size ? sluice_memory_allocate(victim_memory, size, link)
				      : sluice_memory_free(victim_memory, link);
	if (report->result == 0)
		operate_unlock(report);
}

/* Out of a free block, whose rest stays free. */
static void operate_carve(struct report *report)
{
	heap_change(report, 0, 40);
}

/* Behind the last one, for which the memory grows. */
static void operate_extend(struct report *report)
{
	heap_change(report, 0, OLD_SIZE);
}

/* Between two free ones: three become one. */
static void operate_join(struct report *report)
{
	heap_change(report, 1, 0);
}

/* The last one: the top comes down. */
static void operate_lower(struct report *report)
{
	heap_change(report, 3, 0);
}

static const struct scenario scenarios[] = {
	{ "carve", false, false, true, operate_carve, 0 },
	{ "extend", false, false, true, operate_extend, 0 },
	{ "join", false, false, true, operate_join, 1 },
	{ "lower", false, false, true, operate_lower, 3 },
	{ "resize", false, false, false, operate_resize, -1 },
	{ "resize_memfd", true, false, false, operate_resize, -1 },
	{ "lock", false, false, true, operate_lock, -1 },
	{ "unlock", false, true, true, operate_unlock, -1 },
	{ "guarded_resize", false, false, true, operate_guarded_resize, -1 },
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

/*
 * A link says so exactly if the block is allocated: the heap is sound, it has as many blocks as there are
 * links, and the change was made whole or not at all. Then all of it can be freed.
 */
static void check_heap(sluice_memory *memory, const struct scenario *scenario, bool finished)
{
	struct blocks *blocks = blocks_of(memory);
	bool adds = scenario->link == 0, was_made;
	uint64_t links = 1; /* the root */

	CHECK_EQ(sluice_memory_mutex_lock(memory, GUARD, PATIENCE) >= 0, 1);
	was_made = (blocks->link[scenario->link] != 0) == adds;
	CHECK(was_made || !finished);
	for (int i = 0; i < 4; i++)
		links += blocks->link[i] != 0;
	CHECK_EQ(links, 3 + (was_made ? (adds ? 1 : -1) : 0));
	CHECK_EQ(sli_load_acq(&memory->control->heap.words[SLI_HEAP_BLOCKS]), links);
	CHECK_EQ(sli_load_acq(&memory->control->heap.count), 0);
	CHECK_EQ(sluice_memory_check(memory), 0);
	for (int i = 0; i < 4; i++)
		if (blocks->link[i])
			CHECK_EQ(sluice_memory_free(memory, &blocks->link[i]), 0);
	CHECK_EQ(sluice_memory_free(memory, sluice_memory_root(memory)), 0);
	CHECK_EQ(sluice_memory_check(memory), 0);
	CHECK_EQ(sli_load_acq(&memory->control->heap.words[SLI_HEAP_BLOCKS]), 0);
	CHECK_EQ(sli_load_acq(&memory->control->heap.words[SLI_HEAP_TOP]), 64);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, GUARD), 0);
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
	if (scenario->link >= 0) {
		check_heap(memory, scenario, finished);
		return;
	}
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
	if (scenario->link >= 0)
		prepare_heap(memory);
	for (int i = 0; i < OLD_SIZE && scenario->link < 0; i++)
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
		uint32_t every = argc > 3 ? (uint32_t)atoi(argv[3]) : 41;

		if (argc > 1 && strcmp(argv[1], scenarios[i].name) != 0)
			continue;
		while (kill_at(&scenarios[i], point, report) && argc != 3)
			point += scenarios[i].link >= 0 ? every : 1;
		printf("  %-16s killed at %u points\n", scenarios[i].name, point);
		fflush(stdout);
	}
	return test_end();
}
