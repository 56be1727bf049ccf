/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* locks.c - the locks and semaphores of libc and the kernel */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <unistd.h>

/* ---- pthread mutexes ---- */

static void pthread_make(struct bench_way *way, bool shared, bool robust, bool inherit)
{
	pthread_mutexattr_t attributes;
	int result;

	pthread_mutexattr_init(&attributes);
	if (shared)
		pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (robust)
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (inherit && pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT))
		bench_fail("no priority inheritance here");
	result = pthread_mutex_init(bench_shared(way, sizeof(pthread_mutex_t)), &attributes);
	if (result)
		bench_fail("pthread_mutex_init: %s", strerror(result));
}

static void plain_make(struct bench_way *way)
{
	pthread_make(way, false, false, false);
}

static void pshared_make(struct bench_way *way)
{
	pthread_make(way, true, false, false);
}

static void robust_make(struct bench_way *way)
{
	pthread_make(way, true, true, false);
}

static void inherit_make(struct bench_way *way)
{
	pthread_make(way, true, false, true);
}

static void pthread_take(struct bench_way *way)
{
	int result = pthread_mutex_lock(way->shared);

	if (result == EOWNERDEAD)
		pthread_mutex_consistent(way->shared);
	else if (result)
		bench_fail("pthread_mutex_lock: %s", strerror(result));
}

static void pthread_give(struct bench_way *way)
{
	pthread_mutex_unlock(way->shared);
}

#define PTHREAD                                                                                    \
	.group = BENCH_SYNC, .drop = bench_unshare, .lock = pthread_take, .unlock = pthread_give

const struct bench_driver bench_pthread = {
	.name = "pthread",
	.title = "pthread mutex",
	.advice = "between threads of one process",
	.measures = BENCH_BIT(BENCH_LOCK),
	.make = plain_make,
	PTHREAD,
};

const struct bench_driver bench_pthread_shared = {
	.name = "pthread-shared",
	.title = "pthread mutex, shared",
	.advice = "between processes, none of which may die",
	.measures = BENCH_LOCKS,
	.make = pshared_make,
	PTHREAD,
};

const struct bench_driver bench_pthread_robust = {
	.name = "pthread-robust",
	.title = "pthread mutex, robust",
	.advice = "between processes; EOWNERDEAD after a death",
	.measures = BENCH_LOCKS,
	.make = robust_make,
	PTHREAD,
};

const struct bench_driver bench_pthread_pi = {
	.name = "pthread-pi",
	.title = "pthread mutex, PI",
	.advice = "with priority inheritance, for real-time work",
	.measures = BENCH_LOCKS,
	.make = inherit_make,
	PTHREAD,
};

/* ---- pthread reader-writer lock ---- */

static void rwlock_make(struct bench_way *way)
{
	pthread_rwlockattr_t attributes;
	int result;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	result = pthread_rwlock_init(bench_shared(way, sizeof(pthread_rwlock_t)), &attributes);
	if (result)
		bench_fail("pthread_rwlock_init: %s", strerror(result));
}

static void rwlock_write(struct bench_way *way)
{
	int result = pthread_rwlock_wrlock(way->shared);

	if (result)
		bench_fail("pthread_rwlock_wrlock: %s", strerror(result));
}

static void rwlock_read(struct bench_way *way)
{
	int result = pthread_rwlock_rdlock(way->shared);

	if (result)
		bench_fail("pthread_rwlock_rdlock: %s", strerror(result));
}

static void rwlock_give(struct bench_way *way)
{
	pthread_rwlock_unlock(way->shared);
}

#define RWLOCK                                                                                     \
	.group = BENCH_SYNC, .measures = BENCH_LOCKS, .make = rwlock_make, .drop = bench_unshare,  \
	.unlock = rwlock_give

const struct bench_driver bench_pthread_rwlock = {
	.name = "pthread-rwlock",
	.title = "pthread rwlock, to write",
	.advice = "many read or one writes, over processes, none of which may die",
	.lock = rwlock_write,
	RWLOCK,
};

const struct bench_driver bench_pthread_rdlock = {
	.name = "pthread-rdlock",
	.title = "pthread rwlock, to read",
	.advice = "the same, two that only read: all count in one word",
	.variant = true,
	.lock = rwlock_read,
	RWLOCK,
};

/* ---- POSIX semaphore ---- */

static void sem_make(struct bench_way *way)
{
	bench_check(sem_init(bench_shared(way, sizeof(sem_t)), 1, way->lock) == 0, "sem_init");
}

static void sem_take(struct bench_way *way)
{
	while ((way->spin ? sem_trywait(way->shared) : sem_wait(way->shared)) != 0)
		bench_check(errno == EAGAIN || errno == EINTR, "sem_wait");
}

static void sem_give(struct bench_way *way)
{
	bench_check(sem_post(way->shared) == 0, "sem_post");
}

static size_t sem_send(struct bench_way *way, const void *data, size_t size)
{
	(void)data;
	(void)size;
	sem_give(way);
	return 1;
}

static size_t sem_receive(struct bench_way *way, void *buffer, size_t size)
{
	(void)buffer;
	(void)size;
	sem_take(way);
	return 1;
}

const struct bench_driver bench_sem = {
	.name = "sem",
	.title = "POSIX semaphore",
	.advice = "units that nobody owns: those of the dead are lost",
	.group = BENCH_SYNC,
	.measures = BENCH_LOCKS | BENCH_SIGNAL,
	.make = sem_make,
	.drop = bench_unshare,
	.send = sem_send,
	.receive = sem_receive,
	.lock = sem_take,
	.unlock = sem_give,
};

/* ---- System V semaphore ---- */

static void semop_make_with(struct bench_way *way, short flags)
{
	int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);

	bench_check(id >= 0, "semget");
	bench_mortal('s', id);
	bench_check(semctl(id, 0, SETVAL, way->lock ? 1 : 0) == 0, "semctl");
	way->fd[0] = id;
	way->other = (uint64_t)flags;
}

static void semop_make(struct bench_way *way)
{
	semop_make_with(way, 0);
}

static void semop_undo_make(struct bench_way *way)
{
	semop_make_with(way, SEM_UNDO);
}

static void semop_drop(struct bench_way *way)
{
	bench_gone('s', way->fd[0]);
}

static void semop_do(struct bench_way *way, short change)
{
	struct sembuf operation = {
		.sem_op = change, .sem_flg = (short)((int)way->other | (way->spin ? IPC_NOWAIT : 0))
	};

	while (semop(way->fd[0], &operation, 1) != 0)
		bench_check(errno == EAGAIN || errno == EINTR, "semop");
}

static void semop_take(struct bench_way *way)
{
	semop_do(way, -1);
}

static void semop_give(struct bench_way *way)
{
	semop_do(way, 1);
}

static size_t semop_send(struct bench_way *way, const void *data, size_t size)
{
	(void)data;
	(void)size;
	semop_give(way);
	return 1;
}

static size_t semop_receive(struct bench_way *way, void *buffer, size_t size)
{
	(void)buffer;
	(void)size;
	semop_take(way);
	return 1;
}

#define SEMOP                                                                                      \
	.group = BENCH_SYNC, .kernel_calls = true, .drop = semop_drop, .lock = semop_take,         \
	.unlock = semop_give

const struct bench_driver bench_semop = {
	.name = "semop",
	.title = "System V semaphore",
	.advice = "sets of units; outlives everybody",
	.measures = BENCH_LOCKS | (BENCH_SIGNAL & ~BENCH_BIT(BENCH_MEMORY)),
	.make = semop_make,
	.send = semop_send,
	.receive = semop_receive,
	SEMOP,
};

const struct bench_driver bench_semop_undo = {
	.name = "semop-undo",
	.title = "System V sem., SEM_UNDO",
	.advice = "the same; units of the dead come back",
	.measures = BENCH_LOCKS,
	.make = semop_undo_make,
	SEMOP,
};

/* ---- file locks: each process opens the file, which has no name, for itself ---- */

static void file_make(struct bench_way *way)
{
	way->fd[0] = way->fd[1] = memfd_create("bench", MFD_CLOEXEC);
	bench_check(way->fd[0] >= 0, "memfd_create");
}

static void file_join(struct bench_way *way, bool sender)
{
	char path[64];

	(void)sender;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", way->fd[0]);
	way->fd[1] = open(path, O_RDWR | O_CLOEXEC);
	bench_check(way->fd[1] >= 0, "open");
}

static void ofd_do(struct bench_way *way, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	bench_check(fcntl(way->fd[1], F_OFD_SETLKW, &lock) == 0, "fcntl");
}

static void ofd_take(struct bench_way *way)
{
	ofd_do(way, F_WRLCK);
}

static void ofd_give(struct bench_way *way)
{
	ofd_do(way, F_UNLCK);
}

static void flock_take(struct bench_way *way)
{
	bench_check(flock(way->fd[1], LOCK_EX) == 0, "flock");
}

static void flock_give(struct bench_way *way)
{
	bench_check(flock(way->fd[1], LOCK_UN) == 0, "flock");
}

const struct bench_driver bench_ofd = {
	.name = "ofd",
	.title = "file lock, OFD",
	.advice = "fcntl(2) F_OFD_SETLK: ranges, kept by a descriptor",
	.group = BENCH_SYNC,
	.measures = BENCH_LOCKS,
	.kernel_calls = true,
	.make = file_make,
	.join = file_join,
	.drop = bench_close_fds,
	.lock = ofd_take,
	.unlock = ofd_give,
};

const struct bench_driver bench_flock = {
	.name = "flock",
	.title = "file lock, flock",
	.advice = "flock(2): whole files",
	.group = BENCH_SYNC,
	.measures = BENCH_LOCKS,
	.kernel_calls = true,
	.make = file_make,
	.join = file_join,
	.drop = bench_close_fds,
	.lock = flock_take,
	.unlock = flock_give,
};
