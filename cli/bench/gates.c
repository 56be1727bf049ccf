/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* gates.c - Sluice's own mutex, rwlock, semaphore, condition, barrier, file lock, and the mutex inside a
 * memory */
#include "measure.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int64_t spin_of(const struct bench_way *way)
{
	if (way->spin)
		return SLUICE_MS(100);
	return way->sleep ? 1 : 0;
}

/* ---- mutex ---- */

static void mutex_make(struct bench_way *way)
{
	sluice_mutex *mutex = NULL;
	int fds[3];

	bench_done(sluice_mutex_open(NULL, NULL, &mutex), "open");
	bench_done(sluice_mutex_share(mutex, fds), "share");
	way->bytes = bench_file_size(fds[0]);
	way->in = mutex;
}

static void mutex_drop(struct bench_way *way)
{
	sluice_mutex_close(way->in);
}

static void mutex_lock(struct bench_way *way)
{
	bench_done(sluice_mutex_lock(way->in, SLUICE_FOREVER), "lock");
}

static void mutex_unlock(struct bench_way *way)
{
	bench_done(sluice_mutex_unlock(way->in), "unlock");
}

const struct bench_driver bench_mutex = {
	.name = "mutex",
	.title = "mutex",
	.advice = "one at a time, over processes; says when its owner died",
	.group = BENCH_SLUICE,
	.measures = BENCH_LOCKS | BENCH_BIT(BENCH_MEMORY),
	.make = mutex_make,
	.drop = mutex_drop,
	.lock = mutex_lock,
	.unlock = mutex_unlock,
};

/* ---- rwlock ---- */

static void rwlock_make(struct bench_way *way)
{
	sluice_rwlock *lock = NULL;
	int fds[3];

	bench_done(sluice_rwlock_open(NULL, NULL, &lock), "open");
	bench_done(sluice_rwlock_share(lock, fds), "share");
	way->bytes = bench_file_size(fds[0]);
	way->in = lock;
}

static void rwlock_drop(struct bench_way *way)
{
	sluice_rwlock_close(way->in);
}

static void rwlock_lock(struct bench_way *way)
{
	bench_done(sluice_rwlock_lock_exclusive(way->in, SLUICE_FOREVER), "lock_exclusive");
}

static void rwlock_lock_shared(struct bench_way *way)
{
	bench_done(sluice_rwlock_lock_shared(way->in, SLUICE_FOREVER), "lock_shared");
}

static void rwlock_unlock(struct bench_way *way)
{
	bench_done(sluice_rwlock_unlock(way->in), "unlock");
}

const struct bench_driver bench_rwlock = {
	.name = "rwlock",
	.title = "rwlock, to write",
	.advice = "many read or one writes, over processes",
	.group = BENCH_SLUICE,
	.measures = BENCH_LOCKS | BENCH_BIT(BENCH_MEMORY),
	.make = rwlock_make,
	.drop = rwlock_drop,
	.lock = rwlock_lock,
	.unlock = rwlock_unlock,
};

const struct bench_driver bench_rwlock_shared = {
	.name = "rwlock-shared",
	.title = "rwlock, to read",
	.advice = "the same, two that only read: neither waits",
	.group = BENCH_SLUICE,
	.measures = BENCH_LOCKS,
	.variant = true,
	.make = rwlock_make,
	.drop = rwlock_drop,
	.lock = rwlock_lock_shared,
	.unlock = rwlock_unlock,
};

/* ---- semaphore ---- */

static void semaphore_make(struct bench_way *way)
{
	const struct sluice_semaphore_options options = { .size = sizeof(options),
							  .spin_ns = spin_of(way),
							  .initial = way->lock };
	sluice_semaphore *semaphore = NULL;
	int fds[3];

	bench_done(sluice_semaphore_open(NULL, &options, &semaphore), "open");
	bench_done(sluice_semaphore_share(semaphore, fds), "share");
	way->bytes = bench_file_size(fds[0]);
	way->in = semaphore;
}

static void semaphore_drop(struct bench_way *way)
{
	sluice_semaphore_close(way->in);
}

static void semaphore_lock(struct bench_way *way)
{
	bench_done(sluice_semaphore_acquire(way->in, 1, SLUICE_FOREVER), "acquire");
}

static void semaphore_unlock(struct bench_way *way)
{
	bench_done(sluice_semaphore_release(way->in, 1), "release");
}

static size_t semaphore_send(struct bench_way *way, const void *data, size_t size)
{
	(void)data;
	(void)size;
	bench_done(sluice_semaphore_post(way->in, 1), "post");
	return 1;
}

static size_t semaphore_receive(struct bench_way *way, void *buffer, size_t size)
{
	(void)buffer;
	(void)size;
	bench_done(sluice_semaphore_wait(way->in, 1, SLUICE_FOREVER), "wait");
	return 1;
}

const struct bench_driver bench_semaphore = {
	.name = "semaphore",
	.title = "semaphore",
	.advice = "at most N at once, or a signal; units of the dead come back",
	.group = BENCH_SLUICE,
	.measures = BENCH_LOCKS | BENCH_SIGNAL,
	.make = semaphore_make,
	.drop = semaphore_drop,
	.send = semaphore_send,
	.receive = semaphore_receive,
	.lock = semaphore_lock,
	.unlock = semaphore_unlock,
};

/* ---- condition: a number under a mutex, and a signal that it changed ---- */

static void condition_make(struct bench_way *way)
{
	const struct sluice_condition_options options = { .size = sizeof(options),
							  .spin_ns = spin_of(way) };
	sluice_condition *condition = NULL;
	int fds[3];

	mutex_make(way);
	bench_done(sluice_condition_open(NULL, &options, &condition), "open");
	bench_done(sluice_condition_share(condition, fds), "share");
	way->bytes += bench_file_size(fds[0]);
	way->out = condition;
	bench_shared(way, BENCH_APART);
}

static void condition_drop(struct bench_way *way)
{
	sluice_condition_close(way->out);
	mutex_drop(way);
	bench_unshare(way);
}

static size_t condition_send(struct bench_way *way, const void *data, size_t size)
{
	uint64_t *number = way->shared;

	(void)data;
	(void)size;
	mutex_lock(way);
	++*number;
	mutex_unlock(way);
	bench_done(sluice_condition_signal(way->out), "signal");
	return 1;
}

static size_t condition_receive(struct bench_way *way, void *buffer, size_t size)
{
	const uint64_t *number = way->shared;

	(void)buffer;
	(void)size;
	mutex_lock(way);
	while (*number == way->got)
		bench_done(sluice_condition_wait(way->out, way->in, SLUICE_FOREVER), "wait");
	way->got++;
	mutex_unlock(way);
	return 1;
}

const struct bench_driver bench_condition = {
	.name = "condition",
	.title = "condition, with mutex",
	.advice = "wait until something guarded by a mutex has changed",
	.group = BENCH_SLUICE,
	.measures = BENCH_SIGNAL,
	.make = condition_make,
	.drop = condition_drop,
	.send = condition_send,
	.receive = condition_receive,
};

/* ---- barrier of two: who comes second does not wait ---- */

static void barrier_make(struct bench_way *way)
{
	const struct sluice_barrier_options options = { .size = sizeof(options),
							.spin_ns = spin_of(way),
							.parties = 2 };
	sluice_barrier *barrier = NULL;

	bench_done(sluice_barrier_open(NULL, &options, &barrier), "open");
	way->in = way->out = barrier;
}

static void barrier_drop(struct bench_way *way)
{
	sluice_barrier_close(way->in);
}

static size_t barrier_send(struct bench_way *way, const void *data, size_t size)
{
	(void)data;
	(void)size;
	bench_done(sluice_barrier_wait(way->in, SLUICE_FOREVER), "wait");
	return 1;
}

static size_t barrier_receive(struct bench_way *way, void *buffer, size_t size)
{
	(void)buffer;
	return barrier_send(way, NULL, size);
}

const struct bench_driver bench_barrier = {
	.name = "barrier",
	.title = "barrier of two",
	.advice = "go on together; a party's death frees the others",
	.group = BENCH_SLUICE,
	.measures = BENCH_SIGNAL & ~BENCH_BIT(BENCH_MEMORY),
	.make = barrier_make,
	.drop = barrier_drop,
	.send = barrier_send,
	.receive = barrier_receive,
};

/* ---- the mutex inside a memory ---- */

static void memory_make(struct bench_way *way)
{
	const struct sluice_memory_options options = { .size = sizeof(options), .mutexes = 1 };
	sluice_memory *memory = NULL;
	int fds[3];

	bench_done(sluice_memory_open(NULL, &options, &memory), "open");
	bench_done(sluice_memory_share(memory, fds), "share");
	way->bytes = bench_file_size(fds[0]);
	way->in = memory;
}

static void memory_drop(struct bench_way *way)
{
	sluice_memory_close(way->in);
}

static void memory_lock(struct bench_way *way)
{
	bench_done(sluice_memory_mutex_lock(way->in, 0, SLUICE_FOREVER), "lock");
}

static void memory_unlock(struct bench_way *way)
{
	bench_done(sluice_memory_mutex_unlock(way->in, 0), "unlock");
}

const struct bench_driver bench_memory = {
	.name = "memory",
	.title = "memory, its mutex",
	.advice = "a structure of your own that all see, with its locks and an allocator inside",
	.group = BENCH_SLUICE,
	.measures = BENCH_LOCKS | BENCH_BIT(BENCH_MEMORY),
	.make = memory_make,
	.drop = memory_drop,
	.lock = memory_lock,
	.unlock = memory_unlock,
};

/* ---- file lock, on a file that has no name; each process opens it for itself ---- */

static void file_make(struct bench_way *way)
{
	way->fd[0] = way->fd[1] = memfd_create("bench", MFD_CLOEXEC);
	bench_check(way->fd[0] >= 0, "memfd_create");
}

static void file_join(struct bench_way *way, bool sender)
{
	sluice_file_lock *lock = NULL;
	char path[64];

	(void)sender;
	if (way->in)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", way->fd[0]);
	bench_done(sluice_file_lock_open(path, NULL, &lock), "open");
	way->in = lock;
}

static void file_lock(struct bench_way *way)
{
	bench_done(sluice_file_lock_acquire(way->in, SLUICE_EXCLUSIVE, 0, 0, SLUICE_FOREVER),
		   "acquire");
}

static void file_unlock(struct bench_way *way)
{
	bench_done(sluice_file_lock_release(way->in, 0, 0), "release");
}

const struct bench_driver bench_file_lock = {
	.name = "file-lock",
	.title = "file lock",
	.advice = "a file or a part of it, honoured by programs that know nothing of Sluice",
	.group = BENCH_SLUICE,
	.measures = BENCH_LOCKS,
	.kernel_calls = true,
	.make = file_make,
	.join = file_join,
	.drop = bench_close_fds,
	.lock = file_lock,
	.unlock = file_unlock,
};
