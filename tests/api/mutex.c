/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mutex.c - one owner at a time, between threads and between processes, whoever dies
 */
#include "help.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct locker {
	pthread_t thread;
	sluice_mutex *mutex;
	int64_t timeout;
	int result;
	pid_t tid;
	int unlock;
};

static void *lock_in_thread(void *argument)
{
	struct locker *locker = (struct locker *)argument;

	__atomic_store_n(&locker->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	locker->result = sluice_mutex_lock(locker->mutex, locker->timeout);
	if (locker->result >= 0 && locker->unlock)
		CHECK_EQ(sluice_mutex_unlock(locker->mutex), 0);
	return NULL;
}

static void start_locker(struct locker *locker, sluice_mutex *mutex, int64_t timeout, int sleeps)
{
	memset(locker, 0, sizeof(*locker));
	locker->mutex = mutex;
	locker->timeout = timeout;
	locker->unlock = 1;
	CHECK_EQ(pthread_create(&locker->thread, NULL, lock_in_thread, locker), 0);
	while (!__atomic_load_n(&locker->tid, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	if (sleeps)
		await_sleep(getpid(), locker->tid);
}

static int end_locker(struct locker *locker)
{
	CHECK_EQ(pthread_join(locker->thread, NULL), 0);
	return locker->result;
}

static void alone(void)
{
	sluice_mutex *mutex = open_mutex("alone", 0);

	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(sluice_mutex_lock(mutex, i % 2 ? SLUICE_NOWAIT : SLUICE_FOREVER), 0);
		CHECK_EQ(mutex_info(mutex).locked, 1);
		CHECK_EQ(mutex_info(mutex).owner, getpid());
		CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), SLUICE_EDEADLK);
		CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_FOREVER), SLUICE_EDEADLK);
		CHECK_EQ(sluice_mutex_unlock(mutex), 0);
		CHECK_EQ(sluice_mutex_unlock(mutex), SLUICE_EPERM);
		CHECK_EQ(mutex_info(mutex).locked, 0);
		CHECK_EQ(mutex_info(mutex).owner, 0);
	}
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("alone"), 0);
}

/* Two handles are two participants, also in one thread. */
static void two_handles(void)
{
	sluice_mutex *a = open_mutex("two", 0), *b = open_mutex("two", 0);
	int64_t start;

	CHECK_EQ(sluice_mutex_lock(a, 0), 0);
	CHECK_EQ(sluice_mutex_lock(b, SLUICE_NOWAIT), SLUICE_EAGAIN);
	start = test_now_ns();
	CHECK_EQ(sluice_mutex_lock(b, SLUICE_MS(50)), SLUICE_ETIMEDOUT);
	CHECK_GE(test_now_ns() - start, SLUICE_MS(50));
	CHECK_LT(test_now_ns() - start, SLUICE_S(1));
	CHECK_EQ(sluice_mutex_unlock(b), SLUICE_EPERM);
	CHECK_EQ(sluice_mutex_unlock(a), 0);
	CHECK_EQ(sluice_mutex_lock(b, SLUICE_NOWAIT), 0);
	/* A held mutex's handle is closed: that counts as a death. */
	sluice_mutex_close(b);
	CHECK_EQ(mutex_info(a).locked, 2);
	CHECK_EQ(sluice_mutex_lock(a, SLUICE_NOWAIT), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(a), 0);
	CHECK_EQ(sluice_mutex_lock(a, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_mutex_unlock(a), 0);
	sluice_mutex_close(a);
	CHECK_EQ(sluice_remove("two"), 0);
}

static void threads_of(uint32_t flags)
{
	sluice_mutex *mutex = open_mutex(NULL, flags);
	struct locker lockers[8];

	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	start_locker(&lockers[0], mutex, SLUICE_NOWAIT, 0);
	CHECK_EQ(end_locker(&lockers[0]), SLUICE_EAGAIN);
	start_locker(&lockers[0], mutex, SLUICE_MS(30), 0);
	CHECK_EQ(end_locker(&lockers[0]), SLUICE_ETIMEDOUT);
	for (int i = 0; i < 8; i++)
		start_locker(&lockers[i], mutex, SLUICE_S(20), 1);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(end_locker(&lockers[i]), 0);
	/* Not by another thread. */
	start_locker(&lockers[0], mutex, SLUICE_NOWAIT, 0);
	lockers[0].unlock = 0;
	CHECK_EQ(end_locker(&lockers[0]), 0);
	sluice_mutex_close(mutex);
}

static void threads(void)
{
	threads_of(0);
}

static void threads_private(void)
{
	threads_of(SLUICE_PRIVATE);
}

static void *only_lock(void *mutex)
{
	CHECK_EQ(sluice_mutex_lock((sluice_mutex *)mutex, SLUICE_NOWAIT), 0);
	return NULL;
}

static void not_the_owner(void)
{
	sluice_mutex *mutex = open_mutex(NULL, 0);
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, only_lock, mutex), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(sluice_mutex_unlock(mutex), SLUICE_EPERM);
	CHECK_EQ(mutex_info(mutex).locked, 1);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_MS(5)), SLUICE_ETIMEDOUT);
	sluice_mutex_close(mutex);
}

static void interrupted(void)
{
	sluice_mutex *mutex = open_mutex("interrupted", 0), *other = open_mutex("interrupted", 0);
	struct locker lockers[2];
	int64_t start;

	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	for (int round = 0; round < 5; round++) {
		start_locker(&lockers[0], mutex, SLUICE_FOREVER, 1);
		start_locker(&lockers[1], other, SLUICE_MS(200), 1);
		start = test_now_ns();
		CHECK_EQ(sluice_mutex_interrupt(mutex), 0);
		CHECK_EQ(end_locker(&lockers[0]), SLUICE_ECANCELED);
		CHECK_LT(test_now_ns() - start, SLUICE_S(1));
		CHECK_EQ(end_locker(&lockers[1]), SLUICE_ETIMEDOUT);
	}
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	/* Removed while somebody waits. */
	start_locker(&lockers[0], other, SLUICE_FOREVER, 1);
	CHECK_EQ(sluice_remove("interrupted"), 0);
	CHECK_EQ(end_locker(&lockers[0]), SLUICE_EREMOVED);
	sluice_mutex_close(mutex);
	sluice_mutex_close(other);
}

/* ---- deaths ------------------------------------------------------------------------------- */

static pid_t hold_in_child(int how)
{
	struct help_pipe ready = make_pipe();
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_mutex *mutex = open_mutex("deaths", 0);

		CHECK_GE(sluice_mutex_lock(mutex, SLUICE_S(20)), 0);
		tell(ready);
		if (how == 0)
			pause();
		if (how == 1)
			sluice_mutex_close(mutex);
		_exit(0);
	}
	await(ready);
	close_pipe(ready);
	return pid;
}

static void owners_die(void)
{
	sluice_mutex *mutex = open_mutex("deaths", 0);
	struct locker locker;
	pid_t pid;

	for (int how = 0; how < 3; how++) {
		pid = hold_in_child(how);
		if (how == 0)
			test_kill(pid);
		else
			test_wait_ok(pid);
		CHECK_EQ(sluice_mutex_lock(mutex, how ? SLUICE_NOWAIT : SLUICE_S(5)),
			 SLUICE_RECOVERED);
		CHECK_EQ(sluice_mutex_unlock(mutex), 0);
		CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), 0);
		CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	}
	/* NOWAIT sees the death, too. */
	test_kill(hold_in_child(0));
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	/* The recoverer dies before it unlocks: told again. */
	test_kill(hold_in_child(0));
	test_kill(hold_in_child(0));
	test_kill(hold_in_child(0));
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(5)), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	/* While somebody sleeps. */
	for (int i = 0; i < 5; i++) {
		int64_t start;

		pid = hold_in_child(0);
		start_locker(&locker, mutex, SLUICE_FOREVER, 1);
		start = test_now_ns();
		test_kill(pid);
		CHECK_EQ(end_locker(&locker), SLUICE_RECOVERED);
		CHECK_LT(test_now_ns() - start, SLUICE_S(2));
	}
	sluice_mutex_close(mutex);
	/* Nobody there, then somebody new. */
	test_kill(hold_in_child(0));
	mutex = open_mutex("deaths", 0);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

/* A child with the hold descriptor keeps it held beyond its parent's death. */
static void held_by_a_child(void)
{
	sluice_mutex *mutex = open_mutex("held", 0);
	struct help_pipe ready = make_pipe(), go = make_pipe();
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_mutex *mine = open_mutex("held", 0);
		int hold = sluice_mutex_hold_fd(mine), kept;

		CHECK_GE(hold, 0);
		CHECK_EQ(sluice_mutex_lock(mine, 0), 0);
		kept = dup(hold);
		CHECK_GE(kept, 0);
		if (fork() == 0) {
			/* As a command would be: nothing of the library left but the descriptor. */
			char number[16];

			snprintf(number, sizeof(number), "%d", kept);
			close(ready.out);
			dup2(go.out, 0);
			dup2(ready.in, 1);
			execl("/bin/sh", "sh", "-c", "echo x; read line", (char *)NULL);
			_exit(127);
		}
		pause();
	}
	await(ready);
	test_kill(pid);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_MS(300)), SLUICE_ETIMEDOUT);
	CHECK_EQ(mutex_info(mutex).locked, 1);
	CHECK_EQ(write(go.in, "\n", 1), 1);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(5)), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	close_pipe(ready);
	close_pipe(go);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("held"), 0);
}

/* A fork child does not own what its parent holds, and does not keep it either. */
static void forked(void)
{
	sluice_mutex *mutex = open_mutex("forked", 0);
	struct help_pipe ready = make_pipe(), go = make_pipe();
	pid_t pid;

	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	pid = test_fork();
	if (pid == 0) {
		CHECK_EQ(sluice_mutex_unlock(mutex), SLUICE_EPERM);
		CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), SLUICE_EAGAIN);
		sluice_mutex_close(mutex);
		_exit(0);
	}
	test_wait_ok(pid);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	/* The parent dies, its child lives on. */
	pid = test_fork();
	if (pid == 0) {
		CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
		if (fork() == 0) {
			tell(ready);
			await(go);
			_exit(0);
		}
		pause();
	}
	await(ready);
	test_kill(pid);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(5)), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	tell(go);
	close_pipe(ready);
	close_pipe(go);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("forked"), 0);
}

/* ---- many --------------------------------------------------------------------------------- */

struct counters {
	uint64_t plain, recovered, inside;
};

static void many_processes(void)
{
	struct counters *shared = (struct counters *)mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sluice_mutex *mutex = open_mutex("many", 0);
	pid_t pids[12];
	int last;

	CHECK(shared != MAP_FAILED);
	for (int i = 0; i < 12; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0) {
			sluice_mutex *mine = i % 2 ? mutex : open_mutex("many", 0);

			for (int k = 0; k < 2000; k++) {
				CHECK_EQ(sluice_mutex_lock(mine, SLUICE_S(30)), 0);
				CHECK_EQ(shared->inside++, 0);
				shared->plain++;
				CHECK_EQ(--shared->inside, 0);
				CHECK_EQ(sluice_mutex_unlock(mine), 0);
			}
			sluice_mutex_close(mine);
			_exit(0);
		}
	}
	for (int i = 0; i < 12; i++)
		test_wait_ok(pids[i]);
	CHECK_EQ(shared->plain, 24000);
	/* Some die inside: each death is told to exactly one. */
	for (int i = 0; i < 12; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0) {
			sluice_mutex *mine = open_mutex("many", 0);

			for (int k = 0; k < 500; k++) {
				int r = sluice_mutex_lock(mine, SLUICE_S(30));

				CHECK_GE(r, 0);
				shared->recovered += r == SLUICE_RECOVERED;
				if (i < 4 && k == 100 * (i + 1))
					raise(SIGKILL);
				CHECK_EQ(sluice_mutex_unlock(mine), 0);
			}
			sluice_mutex_close(mine);
			_exit(0);
		}
	}
	for (int i = 0; i < 12; i++)
		CHECK_EQ(test_wait(pids[i]), i < 4 ? -SIGKILL : 0);
	/* The last one may have died last, and then it is us who are told. */
	last = sluice_mutex_lock(mutex, SLUICE_NOWAIT);
	CHECK_GE(last, 0);
	CHECK_EQ(shared->recovered + (last == SLUICE_RECOVERED), 4);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("many"), 0);
}

int main(void)
{
	test_begin();
	RUN(alone);
	RUN(two_handles);
	RUN(threads);
	RUN(threads_private);
	RUN(not_the_owner);
	RUN(interrupted);
	RUN(owners_die);
	RUN(held_by_a_child);
	RUN(forked);
	RUN(many_processes);
	return test_end();
}
