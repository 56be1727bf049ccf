/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_world.h - victims in a memory, its heap and its mutexes, and what has to be true when they died
 *
 * A memory of two pages, with a mutex, that may grow. For the heap there is a block with four links
 * behind the root: two of them have a block, and what lies between these is free, so that every kind of
 * change occurs. The oracle reads the links, which are the program's, and counts.
 */
#ifndef MEMORY_WORLD_H
#define MEMORY_WORLD_H

#include "engine.h"
#include "object/memory.h"

#define MEMORY_NAME "grown"
#define MEMORY_PAGE 4096
#define MEMORY_OLD (2 * MEMORY_PAGE)
#define MEMORY_NEW (5 * MEMORY_PAGE)
#define MEMORY_MAXIMUM (16 * MEMORY_PAGE)
#define MEMORY_GUARD 1u
#define MEMORY_LINKS 4
#define MEMORY_SECOND_LINK 2 /* what a second victim allocates at */
#define MEMORY_GATE 1u       /* the semaphore and the condition that the victims use */
#define MEMORY_UNITS 4

struct memory_scenario {
	const char *name;
	void (*operate)(struct report *report);
	bool is_memfd;     /* the victim attaches through the memfd of an anonymous memory */
	bool is_locked;    /* the victim has the mutex before its operation */
	bool may_hold;     /* and may have it when it dies */
	bool grows;        /* it asks for MEMORY_NEW bytes */
	bool has_heap;     /* and the operation changes */
	int link;          /* this one */
	bool opens;        /* the operation itself attaches */
	bool has_units;    /* it moves units of the semaphore */
	bool has_rwlock;   /* it reads or writes; may_hold: it may die writing */
	uint32_t before;   /* the victim holds so many before */
	int gain;          /* and there are so many more when it was done */
	bool is_allocator; /* a second victim that allocates as well */
};

static sluice_memory *victim_memory;
static char victim_memory_name[64];

static inline sluice_memory *memory_attach(const char *name)
{
	struct sluice_memory_options options = { .size = sizeof(options),
						 .bytes = MEMORY_OLD,
						 .maximum = MEMORY_MAXIMUM,
						 .mutexes = MEMORY_GUARD + 1,
						 .conditions = MEMORY_GATE + 1,
						 .semaphores = MEMORY_GATE + 1,
						 .rwlocks = MEMORY_GATE + 1,
						 .initial = MEMORY_UNITS,
						 .ceiling = 100,
						 .participants = 4,
						 .slice_ns = SLUICE_MS(10) };
	sluice_memory *memory = NULL;

	return sluice_memory_open(name, &options, &memory) < 0 ? NULL : memory;
}

/* ---- operations ---------------------------------------------------------------------------- */

static inline void memory_operate_resize(struct report *report)
{
	report->result = sluice_memory_resize(victim_memory, MEMORY_NEW);
}

static inline void memory_operate_lock(struct report *report)
{
	report->result = sluice_memory_mutex_lock(victim_memory, MEMORY_GUARD, PATIENCE_NS);
}

static inline void memory_operate_unlock(struct report *report)
{
	report->result = sluice_memory_mutex_unlock(victim_memory, MEMORY_GUARD);
}

static inline void memory_operate_pair(struct report *report)
{
	memory_operate_lock(report);
	if (report->result >= 0)
		memory_operate_unlock(report);
}

static inline void memory_operate_guarded_resize(struct report *report)
{
	memory_operate_lock(report);
	if (report->result >= 0)
		memory_operate_resize(report);
	if (report->result >= 0)
		memory_operate_unlock(report);
}

static inline void memory_operate_open(struct report *report)
{
	victim_memory = memory_attach(victim_memory_name);
	report->result = victim_memory ? 0 : SLUICE_EIO;
}

static inline uint64_t *memory_links(sluice_memory *memory)
{
	return (uint64_t *)sluice_memory_at(memory, *sluice_memory_root(memory),
					    MEMORY_LINKS * sizeof(uint64_t));
}

static inline void memory_change(struct report *report, uint32_t index, uint64_t size)
{
	memory_operate_lock(report);
	if (report->result < 0)
		return;
	if (size)
		report->result = sluice_memory_allocate(victim_memory, size,
							&memory_links(victim_memory)[index]);
	else
		report->result = sluice_memory_free(victim_memory,
						    &memory_links(victim_memory)[index]);
	if (report->result == 0)
		memory_operate_unlock(report);
}

/* Out of a free block, whose rest stays free. */
static inline void memory_operate_carve(struct report *report)
{
	memory_change(report, 0, 40);
}

/* Behind the last one, for which the memory grows. */
static inline void memory_operate_extend(struct report *report)
{
	memory_change(report, 0, MEMORY_OLD);
}

/* Between two free ones: three become one. */
static inline void memory_operate_join(struct report *report)
{
	memory_change(report, 1, 0);
}

/* The last one: the top comes down. */
static inline void memory_operate_lower(struct report *report)
{
	memory_change(report, 3, 0);
}

static inline void memory_operate_second(struct report *report)
{
	memory_change(report, MEMORY_SECOND_LINK, 24);
}

static inline void memory_operate_acquire(struct report *report)
{
	report->result = sluice_memory_semaphore_acquire(victim_memory, MEMORY_GATE, 2, 0);
}

static inline void memory_operate_release(struct report *report)
{
	report->result = sluice_memory_semaphore_release(victim_memory, MEMORY_GATE, 2);
}

static inline void memory_operate_post(struct report *report)
{
	report->result = sluice_memory_semaphore_post(victim_memory, MEMORY_GATE, 3);
}

static inline void memory_operate_take(struct report *report)
{
	report->result = sluice_memory_semaphore_wait(victim_memory, MEMORY_GATE, 2, 0);
}

/* A second one, which waits for what the first had. */
static inline void memory_operate_acquire_all(struct report *report)
{
	report->result = sluice_memory_semaphore_acquire(victim_memory, MEMORY_GATE, 2,
							 PATIENCE_NS);
}

static inline void memory_operate_sleep(struct report *report)
{
	memory_operate_lock(report);
	if (report->result >= 0)
		report->result = sluice_memory_condition_wait(victim_memory, MEMORY_GATE,
							      MEMORY_GUARD, SLUICE_MS(1));
	if (report->result == SLUICE_ETIMEDOUT)
		memory_operate_unlock(report);
}

static inline void memory_operate_tell(struct report *report)
{
	report->result = sluice_memory_condition_signal(victim_memory, MEMORY_GATE);
	if (report->result == 0)
		report->result = sluice_memory_condition_broadcast(victim_memory, MEMORY_GATE);
}

static inline void memory_operate_read(struct report *report)
{
	report->result = sluice_memory_rwlock_lock_shared(victim_memory, MEMORY_GATE, PATIENCE_NS);
	if (report->result >= 0)
		report->result = sluice_memory_rwlock_unlock(victim_memory, MEMORY_GATE);
}

static inline void memory_operate_write(struct report *report)
{
	report->result = sluice_memory_rwlock_lock_exclusive(victim_memory, MEMORY_GATE,
							     PATIENCE_NS);
	if (report->result >= 0)
		report->result = sluice_memory_rwlock_unlock(victim_memory, MEMORY_GATE);
}

static const struct memory_scenario memory_scenarios[] = {
	{ "carve", memory_operate_carve, .may_hold = true, .has_heap = true, .link = 0 },
	{ "extend", memory_operate_extend, .may_hold = true, .has_heap = true, .link = 0 },
	{ "join", memory_operate_join, .may_hold = true, .has_heap = true, .link = 1 },
	{ "lower", memory_operate_lower, .may_hold = true, .has_heap = true, .link = 3 },
	{ "resize", memory_operate_resize, .grows = true },
	{ "resize_memfd", memory_operate_resize, .is_memfd = true, .grows = true },
	{ "lock", memory_operate_lock, .may_hold = true },
	{ "unlock", memory_operate_unlock, .is_locked = true, .may_hold = true },
	{ "guarded_resize", memory_operate_guarded_resize, .may_hold = true, .grows = true },
	{ "acquire", memory_operate_acquire, .has_units = true },
	{ "release", memory_operate_release, .has_units = true, .before = 3 },
	{ "post", memory_operate_post, .has_units = true, .gain = 3 },
	{ "take", memory_operate_take, .has_units = true, .gain = -2 },
	{ "sleep", memory_operate_sleep, .may_hold = true },
	{ "tell", memory_operate_tell, .may_hold = false },
	{ "read", memory_operate_read, .has_rwlock = true },
	{ "write", memory_operate_write, .may_hold = true, .has_rwlock = true },
};
#define MEMORY_SCENARIOS (sizeof(memory_scenarios) / sizeof(memory_scenarios[0]))

/* Who finds the first victim dead, repairs after it, and dies as well. */
static const struct memory_scenario memory_seconds[] = {
	{ .name = "lock", .operate = memory_operate_pair },
	{ "allocate", memory_operate_second, .has_heap = true, .is_allocator = true },
	{ "grow", memory_operate_resize, .grows = true },
	{ "acquire", memory_operate_acquire_all, .has_units = true },
	{ "write", memory_operate_write, .has_rwlock = true },
	{ "open", memory_operate_open, .opens = true },
};
#define MEMORY_SECONDS (sizeof(memory_seconds) / sizeof(memory_seconds[0]))

/* Has the second one something to do in the first one's memory? */
static inline bool memory_makes_sense(const struct memory_scenario *scenario,
				      const struct memory_scenario *second)
{
	return (scenario->has_heap || !second->has_heap) && (scenario->grows || !second->grows) &&
	       (scenario->has_units || !second->has_units) &&
	       (scenario->has_rwlock || !second->has_rwlock);
}

/* ---- one memory ---------------------------------------------------------------------------- */

/* A memory in the scenario's state. */
struct memory_world {
	struct world world; /* name and complaint */
	const struct memory_scenario *scenario;
	sluice_memory *memory;
	int fds[3];
};

static inline void memory_prepare_heap(sluice_memory *memory)
{
	uint64_t *links;

	CHECK_EQ(sluice_memory_allocate(memory, MEMORY_LINKS * sizeof(*links),
					sluice_memory_root(memory)),
		 0);
	links = memory_links(memory);
	memset(links, 0, MEMORY_LINKS * sizeof(*links));
	for (int i = 0; i < MEMORY_LINKS; i++) {
		CHECK_EQ(sluice_memory_allocate(memory, 200, &links[i]), 0);
		memset(sluice_memory_at(memory, links[i], 200), 0xff, 200);
	}
	CHECK_EQ(sluice_memory_free(memory, &links[0]), 0);
	CHECK_EQ(sluice_memory_free(memory, &links[2]), 0);
}

static inline void memory_setup(struct memory_world *world, const struct memory_scenario *scenario)
{
	unsigned char *data;

	world->scenario = scenario;
	world->world.name = MEMORY_NAME;
	world->world.complaint[0] = '\0';
	world->world.is_slow = false;
	world->memory = memory_attach(scenario->is_memfd ? NULL : MEMORY_NAME);
	CHECK(world->memory != NULL);
	data = (unsigned char *)sluice_memory_data(world->memory);
	if (scenario->has_heap)
		memory_prepare_heap(world->memory);
	for (int i = 0; i < MEMORY_OLD && !scenario->has_heap; i++)
		data[i] = (unsigned char)(i % 250 + 1);
	snprintf(victim_memory_name, sizeof(victim_memory_name), "%s", MEMORY_NAME);
	if (!scenario->is_memfd)
		return;
	CHECK_EQ(sluice_memory_share(world->memory, world->fds), 3);
	/* A fork closes the handle's own in the child. */
	for (int i = 0; i < 3; i++)
		world->fds[i] = dup(world->fds[i]);
	snprintf(victim_memory_name, sizeof(victim_memory_name), "fd:%d,%d,%d", world->fds[0],
		 world->fds[1], world->fds[2]);
}

static inline bool memory_end(struct memory_world *world, bool good)
{
	sluice_memory_close(world->memory);
	for (int i = 0; i < 3 && world->scenario->is_memfd; i++)
		close(world->fds[i]);
	alarm(0);
	return world->scenario->is_memfd ? good : world_remove(&world->world) && good;
}

static inline int memory_victim_prepare(const struct memory_scenario *scenario)
{
	struct report report = { 0 };

	if (scenario->opens)
		return 0;
	memory_operate_open(&report);
	if (report.result == 0 && scenario->is_locked)
		memory_operate_lock(&report);
	if (report.result == 0 && scenario->before)
		report.result = sluice_memory_semaphore_acquire(victim_memory, MEMORY_GATE,
								scenario->before, 0);
	return (int)report.result;
}

static inline void memory_victim_body(struct report *report, void *context)
{
	const struct memory_scenario *scenario = (const struct memory_scenario *)context;

	report->prepared = memory_victim_prepare(scenario);
	raise(SIGSTOP);
	report_start(report);
	scenario->operate(report);
	report_finish(report);
	raise(SIGSTOP);
}

/* ---- the oracle ---------------------------------------------------------------------------- */

/* Complain, and be false, if it is not so. */
#define MEMORY_WANT(left, right)                                                                   \
	do {                                                                                       \
		long long left_ = (long long)(left), right_ = (long long)(right);                  \
		if (left_ != right_)                                                               \
			return complain(&world->world, "%s is %lld, wanted %lld", #left, left_,    \
					right_);                                                   \
	} while (0)

static inline bool memory_lock(struct memory_world *world, int *ret_result)
{
	int64_t began = test_now_ns();

	*ret_result = sluice_memory_mutex_lock(world->memory, MEMORY_GUARD, PATIENCE_NS);
	if (*ret_result < 0)
		return complain(&world->world, "lock: %s", sluice_error_name(*ret_result));
	return world_timed(&world->world, began, "lock");
}

/* What was there is there, and what is new is zero; touching it is no SIGBUS. */
static inline bool memory_check_bytes(struct memory_world *world, sluice_memory *memory,
				      int64_t size)
{
	const unsigned char *data = (const unsigned char *)sluice_memory_data(memory);

	for (int64_t i = 0; i < size; i++)
		if (data[i] != (i < MEMORY_OLD ? i % 250 + 1 : 0))
			return complain(&world->world, "byte %lld is %u", (long long)i, data[i]);
	return true;
}

static inline bool memory_is_zero(sluice_memory *memory, uint64_t offset, uint64_t size)
{
	const unsigned char *bytes = (const unsigned char *)sluice_memory_at(memory, offset, size);

	for (uint64_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* What each link says: the victims' were changed wholly or not at all, the others not. */
static inline bool memory_check_links(struct memory_world *world, const struct report *report,
				      const struct memory_scenario *second,
				      const struct report *second_report, uint64_t *ret_count)
{
	const uint64_t *links = memory_links(world->memory);

	*ret_count = 1; /* the root */
	for (int i = 0; i < MEMORY_LINKS; i++) {
		bool was_there = i % 2 == 1;

		*ret_count += links[i] != 0;
		if (links[i] && !was_there)
			MEMORY_WANT(memory_is_zero(world->memory, links[i], 24), true);
		if (i == world->scenario->link) {
			if (report_is_finished(report))
				MEMORY_WANT(links[i] != 0, !was_there);
		} else if (second && second->is_allocator && i == MEMORY_SECOND_LINK) {
			if (report_is_finished(second_report))
				MEMORY_WANT(links[i] != 0, true);
		} else {
			MEMORY_WANT(links[i] != 0, was_there);
		}
	}
	return true;
}

/* A block is allocated exactly if a link says so; then all of it can be freed. */
static inline bool memory_check_heap(struct memory_world *world, const struct report *report,
				     const struct memory_scenario *second,
				     const struct report *second_report)
{
	struct sli_heap_control *heap = &world->memory->control->heap;
	uint64_t *links = memory_links(world->memory), count;
	int r;

	if (!memory_lock(world, &r) ||
	    !memory_check_links(world, report, second, second_report, &count))
		return false;
	MEMORY_WANT(sli_load_acq(&heap->words[SLI_HEAP_BLOCKS]), count);
	MEMORY_WANT(sli_load_acq(&heap->count), 0);
	MEMORY_WANT(sluice_memory_check(world->memory), 0);
	for (int i = 0; i < MEMORY_LINKS; i++)
		if (links[i])
			MEMORY_WANT(sluice_memory_free(world->memory, &links[i]), 0);
	MEMORY_WANT(sluice_memory_free(world->memory, sluice_memory_root(world->memory)), 0);
	MEMORY_WANT(sluice_memory_check(world->memory), 0);
	MEMORY_WANT(sli_load_acq(&heap->words[SLI_HEAP_BLOCKS]), 0);
	MEMORY_WANT(sli_load_acq(&heap->words[SLI_HEAP_TOP]), 64);
	MEMORY_WANT(sluice_memory_mutex_unlock(world->memory, MEMORY_GUARD), 0);
	return true;
}

static inline bool memory_check_mutex(struct memory_world *world)
{
	struct sluice_memory_info info = { .size = sizeof(info) };
	int r, wanted;

	MEMORY_WANT(sluice_memory_info(world->memory, &info), 0);
	wanted = info.locked || info.owner_died ? SLUICE_RECOVERED : 0;
	if (wanted && !world->scenario->may_hold)
		return complain(&world->world, "the mutex was held");
	if (!memory_lock(world, &r))
		return false;
	MEMORY_WANT(r, wanted);
	MEMORY_WANT(sluice_memory_mutex_unlock(world->memory, MEMORY_GUARD), 0);
	MEMORY_WANT(sluice_memory_mutex_lock(world->memory, MEMORY_GUARD, 0), 0);
	MEMORY_WANT(sluice_memory_mutex_unlock(world->memory, MEMORY_GUARD), 0);
	return true;
}

static inline bool memory_check_size(struct memory_world *world, bool must_be_new)
{
	int64_t size = sluice_memory_size(world->memory);
	sluice_memory *other;
	bool good;

	if (size != MEMORY_OLD && !(world->scenario->grows && size == MEMORY_NEW))
		return complain(&world->world, "the size is %lld", (long long)size);
	if (must_be_new)
		MEMORY_WANT(size, MEMORY_NEW);
	if (!memory_check_bytes(world, world->memory, size))
		return false;
	MEMORY_WANT(sluice_memory_resize(world->memory, MEMORY_MAXIMUM), 0);
	other = memory_attach(victim_memory_name);
	if (!other)
		return complain(&world->world, "open failed");
	good = sluice_memory_size(other) == MEMORY_MAXIMUM &&
	       memory_check_bytes(world, other, MEMORY_MAXIMUM);
	sluice_memory_close(other);
	return good || complain(&world->world, "another one sees another size");
}

/* Who wants to write can, and is told of a writer's death; then all is clean. */
static inline bool memory_check_rwlock(struct memory_world *world, bool may_be_dirty)
{
	int64_t began = test_now_ns();
	int r = sluice_memory_rwlock_lock_exclusive(world->memory, MEMORY_GATE, PATIENCE_NS);

	if (r < 0 || (r == SLUICE_RECOVERED && !may_be_dirty))
		return complain(&world->world, "write: %s", sluice_error_name(r));
	if (!world_timed(&world->world, began, "write"))
		return false;
	MEMORY_WANT(sluice_memory_rwlock_unlock(world->memory, MEMORY_GATE), 0);
	MEMORY_WANT(sluice_memory_rwlock_lock_shared(world->memory, MEMORY_GATE, 0), 0);
	MEMORY_WANT(sluice_memory_rwlock_unlock(world->memory, MEMORY_GATE), 0);
	MEMORY_WANT(sluice_memory_rwlock_lock_exclusive(world->memory, 0, 0), 0);
	MEMORY_WANT(sluice_memory_rwlock_unlock(world->memory, 0), 0);
	return true;
}

/* Every unit can be had, and the conditions are as before. */
static inline bool memory_check_gates(struct memory_world *world, bool is_finished)
{
	int wanted = MEMORY_UNITS + world->scenario->gain, count = SLI_MIN(wanted, MEMORY_UNITS), r;
	struct sluice_memory_info info = { .size = sizeof(info) };
	int64_t began = test_now_ns();

	r = sluice_memory_semaphore_acquire(world->memory, MEMORY_GATE, (uint32_t)count,
					    PATIENCE_NS);
	if (r < 0)
		return complain(&world->world, "acquire: %s", sluice_error_name(r));
	if (!world_timed(&world->world, began, "acquire"))
		return false;
	while (sluice_memory_semaphore_acquire(world->memory, MEMORY_GATE, 1, 0) == 0)
		count++;
	if (count != wanted && (is_finished || count != MEMORY_UNITS))
		return complain(&world->world, "%d units can be had", count);
	MEMORY_WANT(sluice_memory_info(world->memory, &info), 0);
	MEMORY_WANT(info.held, count);
	MEMORY_WANT(sluice_memory_semaphore_release(world->memory, MEMORY_GATE, (uint32_t)count),
		    0);
	MEMORY_WANT(sluice_memory_semaphore_value(world->memory, 0), MEMORY_UNITS);
	MEMORY_WANT(sluice_memory_condition_signal(world->memory, MEMORY_GATE), 0);
	if (!memory_lock(world, &r))
		return false;
	MEMORY_WANT(sluice_memory_condition_wait(world->memory, MEMORY_GATE, MEMORY_GUARD,
						 SLUICE_NOWAIT),
		    SLUICE_ETIMEDOUT);
	MEMORY_WANT(sluice_memory_mutex_unlock(world->memory, MEMORY_GUARD), 0);
	return true;
}

/*
 * The victims are dead. Without a heap: the size is the one before or the one asked for, and the latter
 * if the victim was told so; what was there is there, what is new is zero, and it can grow again.
 */
static inline bool memory_check(struct memory_world *world, const struct report *report,
				const struct memory_scenario *second,
				const struct report *second_report)
{
	bool is_finished = report_is_finished(report);

	if (is_finished && report->result < 0)
		return complain(&world->world, "the victim's operation returned %lld",
				(long long)report->result);
	if (second && report_is_finished(second_report) && second_report->result < 0)
		return complain(&world->world, "the second victim's operation returned %lld",
				(long long)second_report->result);
	if (world->scenario->has_heap)
		return memory_check_heap(world, report, second, second_report);
	if (!memory_check_rwlock(world, world->scenario->has_rwlock &&
						(world->scenario->may_hold || second)))
		return false;
	return (second || memory_check_mutex(world)) && memory_check_gates(world, is_finished) &&
	       memory_check_size(world, (is_finished && world->scenario->grows) ||
						(second && second->grows &&
						 report_is_finished(second_report)));
}

#endif
