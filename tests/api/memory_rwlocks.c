/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_rwlocks.c - reader-writer locks inside a memory
 */
#include "help.h"

#include <pthread.h>
#include <stdbool.h>

#define NAME "shelf"
#define LOCKS 3u
#define PATIENCE SLUICE_S(20)

static sluice_memory *open_locks(const char *name, uint32_t flags)
{
	struct sluice_memory_options options;
	sluice_memory *memory = NULL;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = flags;
	options.slice_ns = SLUICE_MS(20);
	if (!(flags & SLUICE_READ_ONLY)) {
		options.bytes = 4096;
		options.semaphores = 1; /* in front of them, and not a multiple of a line */
		options.rwlocks = LOCKS;
		options.participants = 7;
	}
	CHECK_EQ(sluice_memory_open(name, &options, &memory), 0);
	return memory;
}

static int shared(sluice_memory *memory, int64_t timeout)
{
	return sluice_memory_rwlock_lock_shared(memory, 1, timeout);
}

static int exclusive(sluice_memory *memory, int64_t timeout)
{
	return sluice_memory_rwlock_lock_exclusive(memory, 1, timeout);
}

static void unlock(sluice_memory *memory)
{
	CHECK_EQ(sluice_memory_rwlock_unlock(memory, 1), 0);
}

static void excludes(void)
{
	sluice_memory *one = open_locks(NAME, 0), *two = open_locks(NAME, 0);

	CHECK_EQ(memory_info(one).rwlocks, LOCKS);
	CHECK_EQ(shared(one, 0), 0);
	CHECK_EQ(shared(two, 0), 0);
	CHECK_EQ(shared(two, 0), 0);
	CHECK_EQ(memory_info(one).rwlocked, 1);
	CHECK_EQ(exclusive(one, 0), SLUICE_EDEADLK);
	unlock(one);
	CHECK_EQ(exclusive(one, 0), SLUICE_EAGAIN);
	CHECK_EQ(exclusive(one, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	unlock(two);
	CHECK_EQ(exclusive(one, 0), SLUICE_EAGAIN);
	unlock(two);
	CHECK_EQ(exclusive(one, 0), 0);
	CHECK_EQ(exclusive(one, 0), SLUICE_EDEADLK);
	CHECK_EQ(shared(one, 0), SLUICE_EDEADLK);
	CHECK_EQ(shared(two, 0), SLUICE_EAGAIN);
	CHECK_EQ(exclusive(two, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	/* The others are others. */
	CHECK_EQ(sluice_memory_rwlock_lock_exclusive(two, 0, 0), 0);
	CHECK_EQ(sluice_memory_rwlock_lock_exclusive(two, 2, 0), 0);
	CHECK_EQ(memory_info(one).rwlocked, LOCKS);
	CHECK_EQ(sluice_memory_rwlock_unlock(two, 1), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_rwlock_unlock(two, 0), 0);
	CHECK_EQ(sluice_memory_rwlock_unlock(two, 2), 0);
	CHECK_EQ(sluice_memory_semaphore_post(two, 0, 3), 0);
	unlock(one);
	CHECK_EQ(sluice_memory_rwlock_unlock(one, 1), SLUICE_EPERM);
	CHECK_EQ(memory_info(one).rwlocked, 0);
	CHECK_EQ(memory_info(one).owner_died, 0);
	sluice_memory_close(one);
	sluice_memory_close(two);
	CHECK_EQ(sluice_remove(NAME), 0);
}

/* In a child of its own, which then dies. */
static void die_holding(bool writes)
{
	pid_t child = test_fork();

	if (child == 0) {
		sluice_memory *memory = open_locks(NAME, 0);

		CHECK((writes ? exclusive(memory, PATIENCE) : shared(memory, PATIENCE)) >= 0);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(child), -SIGKILL);
}

static void deaths(void)
{
	sluice_memory *memory = open_locks(NAME, 0), *other;

	die_holding(false);
	CHECK_EQ(exclusive(memory, PATIENCE), 0);
	unlock(memory);
	die_holding(true);
	/* All are told until one who wrote says that it is repaired. */
	CHECK_EQ(shared(memory, PATIENCE), SLUICE_RECOVERED);
	CHECK_EQ(memory_info(memory).owner_died, 1);
	unlock(memory);
	die_holding(true);
	CHECK_EQ(exclusive(memory, PATIENCE), SLUICE_RECOVERED);
	unlock(memory);
	CHECK_EQ(shared(memory, 0), 0);
	unlock(memory);
	CHECK_EQ(memory_info(memory).owner_died, 0);
	/* To close is to let go; of what one wrote, as by a death. */
	other = open_locks(NAME, 0);
	CHECK_EQ(shared(other, 0), 0);
	sluice_memory_close(other);
	other = open_locks(NAME, 0);
	CHECK_EQ(exclusive(memory, 0), 0);
	unlock(memory);
	CHECK_EQ(exclusive(other, 0), 0);
	sluice_memory_close(other);
	CHECK_EQ(exclusive(memory, 0), SLUICE_RECOVERED);
	unlock(memory);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove(NAME), 0);
}

/* The child has nothing of its parent's, and is a participant of its own. */
static void forked(void)
{
	sluice_memory *memory = open_locks(NULL, 0);
	pid_t child;

	CHECK_EQ(shared(memory, 0), 0);
	child = test_fork();
	if (child == 0) {
		CHECK_EQ(sluice_memory_rwlock_unlock(memory, 1), SLUICE_EPERM);
		CHECK_EQ(exclusive(memory, 0), SLUICE_EAGAIN);
		CHECK_EQ(shared(memory, 0), 0);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(child), -SIGKILL);
	unlock(memory);
	CHECK_EQ(exclusive(memory, PATIENCE), 0);
	child = test_fork();
	if (child == 0) {
		CHECK_EQ(shared(memory, PATIENCE), 0);
		_exit(0);
	}
	test_sleep_ms(30);
	unlock(memory);
	CHECK_EQ(test_wait(child), 0);
	sluice_memory_close(memory);
}

/* ---- many ------------------------------------------------------------------------------------ */

#define ROUNDS 3000u

/* Two words that are equal unless one who writes is between them. */
static void work(sluice_memory *memory, uint64_t seed)
{
	uint64_t *words = (uint64_t *)sluice_memory_data(memory);

	for (uint64_t i = 0; i < ROUNDS; i++) {
		if ((i + seed) % 4) {
			CHECK_EQ(shared(memory, PATIENCE), 0);
			CHECK_EQ(words[0], words[1]);
		} else {
			CHECK_EQ(exclusive(memory, PATIENCE), 0);
			words[0]++;
			CHECK_EQ(words[0], words[1] + 1);
			words[1]++;
		}
		unlock(memory);
	}
}

static void *work_in_thread(void *context)
{
	work((sluice_memory *)context, 1);
	return NULL;
}

static void many(void)
{
	sluice_memory *memory = open_locks(NAME, 0);
	pid_t children[2];
	pthread_t thread;

	for (uint64_t i = 0; i < 2; i++) {
		children[i] = test_fork();
		if (children[i] == 0) {
			work(memory, i);
			_exit(0);
		}
	}
	CHECK_EQ(pthread_create(&thread, NULL, work_in_thread, memory), 0);
	work(memory, 2);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(test_wait(children[i]), 0);
	CHECK_EQ(*(uint64_t *)sluice_memory_data(memory), 4 * ROUNDS / 4);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove(NAME), 0);
}

static void refused(void)
{
	struct sluice_memory_options options = { .size = sizeof(options) };
	sluice_memory *memory = open_locks(NAME, 0), *look = open_locks(NAME, SLUICE_READ_ONLY);
	sluice_memory *other;

	CHECK_EQ(sluice_memory_rwlock_lock_shared(memory, LOCKS, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_rwlock_lock_exclusive(memory, UINT32_MAX, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_rwlock_unlock(memory, LOCKS), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_rwlock_lock_shared(NULL, 0, 0), SLUICE_EINVAL);
	CHECK_EQ(shared(look, 0), SLUICE_EPERM);
	CHECK_EQ(exclusive(look, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_rwlock_unlock(look, 1), SLUICE_EPERM);
	options.rwlocks = LOCKS + 1;
	CHECK_EQ(sluice_memory_open(NAME, &options, &other), SLUICE_EMISMATCH);
	options.rwlocks = SLUICE_MEMORY_GATES_MAX + 1;
	CHECK_EQ(sluice_memory_open("toomany", &options, &other), SLUICE_EINVAL);
	options.rwlocks = SLUICE_MEMORY_GATES_MAX;
	options.participants = 2;
	CHECK_EQ(sluice_memory_open(NULL, &options, &other), 0);
	CHECK_EQ(sluice_memory_rwlock_lock_exclusive(other, SLUICE_MEMORY_GATES_MAX - 1, 0), 0);
	sluice_memory_close(other);
	sluice_memory_close(look);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove(NAME), 0);
}

int main(void)
{
	test_begin();
	RUN(excludes);
	RUN(deaths);
	RUN(forked);
	RUN(many);
	RUN(refused);
	return test_end();
}
