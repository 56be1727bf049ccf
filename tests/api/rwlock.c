/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock.c - many readers or one writer, nobody starves, and whoever dies is repaired after
 */
#include "help.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static sluice_rwlock *open_rwlock(const char *name, uint32_t flags)
{
	struct sluice_rwlock_options options;
	sluice_rwlock *rwlock = NULL;
	char text[512] = "";
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = flags;
	options.participants = 16;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_rwlock_open(name, &options, &rwlock);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open: %s, %s", sluice_error_name(r), text);
	return rwlock;
}

static struct sluice_rwlock_info rwlock_info(sluice_rwlock *rwlock)
{
	struct sluice_rwlock_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_rwlock_info(rwlock, &info), 0);
	return info;
}

static void check_state(sluice_rwlock *rwlock, uint32_t locked, uint32_t readers, uint32_t died)
{
	struct sluice_rwlock_info info = rwlock_info(rwlock);

	CHECK_EQ(info.locked, locked);
	CHECK_EQ(info.readers, readers);
	CHECK_EQ(info.owner_died, died);
}

static int lock(sluice_rwlock *rwlock, bool shared, int64_t timeout)
{
	return shared ? sluice_rwlock_lock_shared(rwlock, timeout)
		      : sluice_rwlock_lock_exclusive(rwlock, timeout);
}

struct locker {
	pthread_t thread;
	sluice_rwlock *rwlock;
	bool shared, keep;
	int64_t timeout;
	int result;
	pid_t tid;
};

static void *lock_in_thread(void *argument)
{
	struct locker *locker = (struct locker *)argument;

	__atomic_store_n(&locker->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	locker->result = lock(locker->rwlock, locker->shared, locker->timeout);
	if (locker->result >= 0 && !locker->keep)
		CHECK_EQ(sluice_rwlock_unlock(locker->rwlock), 0);
	return NULL;
}

static void start_locker(struct locker *locker, sluice_rwlock *rwlock, bool shared, int64_t timeout,
			 bool sleeps)
{
	memset(locker, 0, sizeof(*locker));
	locker->rwlock = rwlock;
	locker->shared = shared;
	locker->timeout = timeout;
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

/* ---- one thread ----------------------------------------------------------------------------- */

static void alone_with(const char *name, uint32_t flags)
{
	sluice_rwlock *rwlock = open_rwlock(name, flags);

	for (int i = 0; i < 500; i++) {
		int64_t timeout = i % 2 ? SLUICE_NOWAIT : SLUICE_FOREVER;

		CHECK_EQ(sluice_rwlock_unlock(rwlock), SLUICE_EPERM);
		CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, timeout), 0);
		check_state(rwlock, 2, 0, 0);
		CHECK_EQ(rwlock_info(rwlock).owner, getpid());
		CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, timeout), SLUICE_EDEADLK);
		CHECK_EQ(sluice_rwlock_lock_shared(rwlock, timeout), SLUICE_EDEADLK);
		CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
		CHECK_EQ(sluice_rwlock_unlock(rwlock), SLUICE_EPERM);
		check_state(rwlock, 0, 0, 0);
		CHECK_EQ(rwlock_info(rwlock).owner, 0);
		/* Shared, and shared again. */
		for (int n = 0; n < 3; n++)
			CHECK_EQ(sluice_rwlock_lock_shared(rwlock, timeout), 0);
		check_state(rwlock, 1, 1, 0);
		for (int n = 0; n < 3; n++) {
			CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, timeout), SLUICE_EDEADLK);
			CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
		}
		CHECK_EQ(sluice_rwlock_unlock(rwlock), SLUICE_EPERM);
		check_state(rwlock, 0, 0, 0);
	}
	CHECK_EQ(sluice_rwlock_lock_shared(NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_rwlock_lock_exclusive(NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_rwlock_unlock(NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_rwlock_info(rwlock, NULL), SLUICE_EINVAL);
	sluice_rwlock_close(rwlock);
	sluice_rwlock_close(NULL);
}

static void alone(void)
{
	alone_with("alone", 0);
	CHECK_EQ(sluice_remove("alone"), 0);
	alone_with(NULL, 0);
	alone_with(NULL, SLUICE_PRIVATE);
}

static void two_handles(void)
{
	sluice_rwlock *a = open_rwlock("two", 0), *b = open_rwlock("two", 0);
	int64_t start;

	CHECK_EQ(sluice_rwlock_lock_shared(a, 0), 0);
	CHECK_EQ(sluice_rwlock_lock_shared(b, 0), 0);
	check_state(a, 1, 2, 0);
	CHECK_EQ(sluice_rwlock_unlock(a), 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(a, SLUICE_NOWAIT), SLUICE_EAGAIN);
	start = test_now_ns();
	CHECK_EQ(sluice_rwlock_lock_exclusive(a, SLUICE_MS(40)), SLUICE_ETIMEDOUT);
	CHECK_GE(test_now_ns() - start, SLUICE_MS(40));
	/* What was given up leaves the gate open. */
	CHECK_EQ(sluice_rwlock_lock_shared(a, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_rwlock_unlock(a), 0);
	CHECK_EQ(sluice_rwlock_unlock(b), 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(a, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_rwlock_unlock(b), SLUICE_EPERM);
	CHECK_EQ(sluice_rwlock_lock_shared(b, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_rwlock_lock_exclusive(b, SLUICE_NOWAIT), SLUICE_EAGAIN);
	start = test_now_ns();
	CHECK_EQ(sluice_rwlock_lock_shared(b, SLUICE_MS(40)), SLUICE_ETIMEDOUT);
	CHECK_GE(test_now_ns() - start, SLUICE_MS(40));
	CHECK_EQ(sluice_rwlock_unlock(a), 0);
	check_state(b, 0, 0, 0);
	/* A reader's handle is closed: it simply goes. */
	CHECK_EQ(sluice_rwlock_lock_shared(a, 0), 0);
	CHECK_EQ(sluice_rwlock_lock_shared(a, 0), 0);
	sluice_rwlock_close(a);
	CHECK_EQ(sluice_rwlock_lock_exclusive(b, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_rwlock_unlock(b), 0);
	/* A writer's: everybody is told, until somebody has repaired. */
	a = open_rwlock("two", 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(a, 0), 0);
	sluice_rwlock_close(a);
	check_state(b, 0, 0, 1);
	CHECK_EQ(sluice_rwlock_lock_shared(b, 0), SLUICE_RECOVERED);
	CHECK_EQ(sluice_rwlock_lock_shared(b, 0), SLUICE_RECOVERED);
	CHECK_EQ(sluice_rwlock_unlock(b), 0);
	CHECK_EQ(sluice_rwlock_unlock(b), 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(b, 0), SLUICE_RECOVERED);
	CHECK_EQ(sluice_rwlock_unlock(b), 0);
	CHECK_EQ(sluice_rwlock_lock_shared(b, 0), 0);
	CHECK_EQ(sluice_rwlock_unlock(b), 0);
	sluice_rwlock_close(b);
	CHECK_EQ(sluice_remove("two"), 0);
}

/* ---- threads -------------------------------------------------------------------------------- */

static void threads_of(uint32_t flags)
{
	sluice_rwlock *rwlock = open_rwlock(NULL, flags);
	struct locker readers[20], writers[4];

	/* All of them at once. */
	for (int i = 0; i < 20; i++) {
		memset(&readers[i], 0, sizeof(readers[i]));
		start_locker(&readers[i], rwlock, true, SLUICE_NOWAIT, false);
		CHECK_EQ(end_locker(&readers[i]), 0);
	}
	CHECK_EQ(sluice_rwlock_lock_shared(rwlock, 0), 0);
	start_locker(&writers[0], rwlock, false, SLUICE_S(20), true);
	/* A waiting writer keeps newcomers out, but not who reads already. */
	start_locker(&readers[0], rwlock, true, SLUICE_NOWAIT, false);
	CHECK_EQ(end_locker(&readers[0]), SLUICE_EAGAIN);
	start_locker(&readers[0], rwlock, true, SLUICE_MS(20), false);
	CHECK_EQ(end_locker(&readers[0]), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_rwlock_lock_shared(rwlock, 0), 0);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	for (int i = 0; i < 20; i++)
		start_locker(&readers[i], rwlock, true, SLUICE_S(20), true);
	for (int i = 1; i < 4; i++)
		start_locker(&writers[i], rwlock, false, SLUICE_S(20), true);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(end_locker(&readers[i]), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(end_locker(&writers[i]), 0);
	check_state(rwlock, 0, 0, 0);
	/* Not by another thread. */
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, 0), 0);
	start_locker(&readers[0], rwlock, true, SLUICE_FOREVER, true);
	start_locker(&writers[0], rwlock, false, SLUICE_FOREVER, true);
	CHECK_EQ(sluice_rwlock_interrupt(rwlock), 0);
	CHECK_EQ(end_locker(&readers[0]), SLUICE_ECANCELED);
	CHECK_EQ(end_locker(&writers[0]), SLUICE_ECANCELED);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	check_state(rwlock, 0, 0, 0);
	sluice_rwlock_close(rwlock);
}

static void threads(void)
{
	threads_of(0);
	threads_of(SLUICE_PRIVATE);
}

/* Readers that are counted at once: each waits until all are in. */
struct party {
	sluice_rwlock *rwlock;
	pthread_barrier_t all_in;
};

static void *read_together(void *argument)
{
	struct party *party = (struct party *)argument;

	CHECK_EQ(sluice_rwlock_lock_shared(party->rwlock, SLUICE_S(20)), 0);
	pthread_barrier_wait(&party->all_in);
	check_state(party->rwlock, 1, 12, 0);
	pthread_barrier_wait(&party->all_in);
	CHECK_EQ(sluice_rwlock_unlock(party->rwlock), 0);
	return NULL;
}

static void readers_together(void)
{
	for (int i = 0; i < 2; i++) {
		struct party party;
		pthread_t ids[12];

		party.rwlock = open_rwlock(NULL, i ? SLUICE_PRIVATE : 0);
		pthread_barrier_init(&party.all_in, NULL, 12);
		for (int n = 0; n < 12; n++)
			CHECK_EQ(pthread_create(&ids[n], NULL, read_together, &party), 0);
		for (int n = 0; n < 12; n++)
			CHECK_EQ(pthread_join(ids[n], NULL), 0);
		pthread_barrier_destroy(&party.all_in);
		check_state(party.rwlock, 0, 0, 0);
		sluice_rwlock_close(party.rwlock);
	}
}

/* What one thread has, another cannot give up. */
static void not_the_owner(void)
{
	sluice_rwlock *rwlock = open_rwlock(NULL, 0);
	struct locker locker;

	for (int shared = 0; shared < 2; shared++) {
		memset(&locker, 0, sizeof(locker));
		locker.rwlock = rwlock;
		locker.shared = shared;
		locker.keep = true;
		CHECK_EQ(pthread_create(&locker.thread, NULL, lock_in_thread, &locker), 0);
		CHECK_EQ(end_locker(&locker), 0);
		CHECK_EQ(sluice_rwlock_unlock(rwlock), SLUICE_EPERM);
		CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_MS(5)), SLUICE_ETIMEDOUT);
		sluice_rwlock_close(rwlock);
		rwlock = open_rwlock(NULL, 0);
	}
	sluice_rwlock_close(rwlock);
}

struct crowd {
	sluice_rwlock *rwlock;
	bool shared;
	uint32_t *stop;
	uint64_t turns;
};

static void *crowd_on(void *argument)
{
	struct crowd *crowd = (struct crowd *)argument;

	while (!__atomic_load_n(crowd->stop, __ATOMIC_RELAXED)) {
		CHECK_EQ(lock(crowd->rwlock, crowd->shared, SLUICE_S(30)), 0);
		if (crowd->shared)
			test_sleep_ms(2); /* long enough that there is always one */
		CHECK_EQ(sluice_rwlock_unlock(crowd->rwlock), 0);
		__atomic_add_fetch(&crowd->turns, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The one of the other sort gets in, again and again. */
static void nobody_starves_of(bool crowd_shared, uint32_t flags)
{
	sluice_rwlock *rwlock = open_rwlock(NULL, flags);
	int64_t start = test_now_ns();
	struct crowd crowd[4];
	pthread_t ids[4];
	uint32_t stop = 0;

	for (int i = 0; i < 4; i++) {
		crowd[i].rwlock = rwlock;
		crowd[i].shared = crowd_shared;
		crowd[i].stop = &stop;
		crowd[i].turns = 0;
		CHECK_EQ(pthread_create(&ids[i], NULL, crowd_on, &crowd[i]), 0);
		test_sleep_ms(1);
	}
	/* Those of the crowd are served in no order: when they write, one may come late. */
	for (int i = 0, all = crowd_shared ? 0 : 4; i < 30 || all < 4; i++) {
		CHECK_LT(test_now_ns() - start, SLUICE_S(60));
		CHECK_EQ(lock(rwlock, !crowd_shared, SLUICE_S(10)), 0);
		CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
		while (all < 4 && __atomic_load_n(&crowd[all].turns, __ATOMIC_RELAXED))
			all++;
	}
	__atomic_store_n(&stop, 1u, __ATOMIC_RELAXED);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(ids[i], NULL), 0);
	sluice_rwlock_close(rwlock);
}

static void nobody_starves(void)
{
	nobody_starves_of(true, 0);
	nobody_starves_of(true, SLUICE_PRIVATE);
	nobody_starves_of(false, 0);
	nobody_starves_of(false, SLUICE_PRIVATE);
}

static void removed(void)
{
	sluice_rwlock *rwlock = open_rwlock("removed", 0), *other = open_rwlock("removed", 0);
	struct locker lockers[3];

	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, 0), 0);
	start_locker(&lockers[0], other, true, SLUICE_FOREVER, true);
	start_locker(&lockers[1], other, false, SLUICE_FOREVER, true);
	CHECK_EQ(sluice_remove("removed"), 0);
	CHECK_EQ(end_locker(&lockers[0]), SLUICE_EREMOVED);
	CHECK_EQ(end_locker(&lockers[1]), SLUICE_EREMOVED);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), SLUICE_EREMOVED);
	sluice_rwlock_close(rwlock);
	sluice_rwlock_close(other);
}

/* ---- deaths --------------------------------------------------------------------------------- */

static pid_t hold_in_child(bool shared)
{
	struct help_pipe ready = make_pipe();
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_rwlock *mine = open_rwlock("deaths", 0);

		CHECK_GE(lock(mine, shared, SLUICE_S(20)), 0);
		tell(ready);
		pause();
		_exit(0);
	}
	await(ready);
	close_pipe(ready);
	return pid;
}

/* Asleep in the call when this returns. */
static pid_t wait_in_child(bool shared)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_rwlock *mine = open_rwlock("deaths", 0);

		_exit(lock(mine, shared, SLUICE_FOREVER) < 0);
	}
	test_sleep_ms(20);
	await_sleep(pid, pid);
	return pid;
}

static void check_free(sluice_rwlock *rwlock, int code)
{
	CHECK_EQ(sluice_rwlock_lock_shared(rwlock, SLUICE_S(10)), code);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_S(10)), code);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	check_state(rwlock, 0, 0, 0);
}

static void holders_die(void)
{
	sluice_rwlock *rwlock = open_rwlock("deaths", 0);
	struct locker locker;
	int64_t start;
	pid_t pids[3];

	/* Readers go. */
	for (int i = 0; i < 3; i++)
		pids[i] = hold_in_child(true);
	check_state(rwlock, 1, 3, 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	for (int i = 0; i < 3; i++)
		test_kill(pids[i]);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_S(10)), 0);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	/* Calls that do not wait see deaths, too. */
	test_kill(hold_in_child(true));
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	test_kill(hold_in_child(false));
	CHECK_EQ(sluice_rwlock_lock_shared(rwlock, SLUICE_NOWAIT), SLUICE_RECOVERED);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_NOWAIT), SLUICE_RECOVERED);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	check_free(rwlock, 0);
	/* The recoverer dies before it unlocks: told again. */
	test_kill(hold_in_child(false));
	test_kill(hold_in_child(false));
	check_free(rwlock, SLUICE_RECOVERED);
	/* While somebody sleeps. */
	for (int i = 0; i < 4; i++) {
		bool dead_reads = i % 2, shared = i < 2;

		if (dead_reads && shared)
			continue;
		pids[0] = hold_in_child(dead_reads);
		start_locker(&locker, rwlock, shared, SLUICE_FOREVER, true);
		start = test_now_ns();
		test_kill(pids[0]);
		CHECK_EQ(end_locker(&locker), dead_reads ? 0 : SLUICE_RECOVERED);
		CHECK_LT(test_now_ns() - start, SLUICE_S(5));
		check_free(rwlock, shared && !dead_reads ? SLUICE_RECOVERED : 0);
	}
	sluice_rwlock_close(rwlock);
	/* Nobody there, then somebody new. */
	test_kill(hold_in_child(false));
	rwlock = open_rwlock("deaths", 0);
	check_free(rwlock, SLUICE_RECOVERED);
	sluice_rwlock_close(rwlock);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

/* Who waits and dies has changed nothing, and is not waited for. */
static void waiters_die(void)
{
	sluice_rwlock *rwlock = open_rwlock("deaths", 0);
	struct locker reader;
	pid_t pid;

	CHECK_EQ(sluice_rwlock_lock_shared(rwlock, 0), 0);
	pid = wait_in_child(false);
	start_locker(&reader, rwlock, true, SLUICE_FOREVER, true);
	test_kill(pid);
	CHECK_EQ(end_locker(&reader), 0);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	check_free(rwlock, 0);
	/* A reader that was let in and never woke up. */
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, 0), 0);
	pid = wait_in_child(true);
	test_kill(pid);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_S(10)), 0);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	check_free(rwlock, 0);
	sluice_rwlock_close(rwlock);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

/* A stopped process is alive: it is waited for, within the timeout, and goes on afterwards. */
static void stopped(void)
{
	sluice_rwlock *rwlock = open_rwlock("deaths", 0);

	for (int shared = 0; shared < 2; shared++) {
		pid_t pid = hold_in_child(shared);

		CHECK_EQ(kill(pid, SIGSTOP), 0);
		CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_MS(100)), SLUICE_ETIMEDOUT);
		CHECK_EQ(sluice_rwlock_lock_shared(rwlock, SLUICE_MS(20)),
			 shared ? 0 : SLUICE_ETIMEDOUT);
		if (shared)
			CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
		test_kill(pid);
		check_free(rwlock, shared ? 0 : SLUICE_RECOVERED);
	}
	sluice_rwlock_close(rwlock);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

static void forked(void)
{
	sluice_rwlock *rwlock = open_rwlock("deaths", 0);
	sluice_rwlock *private_one = open_rwlock(NULL, SLUICE_PRIVATE);
	pid_t pid;

	for (int shared = 0; shared < 2; shared++) {
		CHECK_EQ(lock(rwlock, shared, 0), 0);
		pid = test_fork();
		if (pid == 0) {
			CHECK_EQ(sluice_rwlock_unlock(rwlock), SLUICE_EPERM);
			CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_NOWAIT),
				 SLUICE_EAGAIN);
			CHECK_EQ(sluice_rwlock_lock_shared(private_one, 0), SLUICE_ESTALE);
			CHECK_EQ(sluice_rwlock_lock_shared(rwlock, 0), shared ? 0 : SLUICE_EAGAIN);
			raise(SIGKILL);
		}
		CHECK_EQ(test_wait(pid), -SIGKILL);
		CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
		check_free(rwlock, 0);
	}
	sluice_rwlock_close(rwlock);
	sluice_rwlock_close(private_one);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

/* A child with the hold descriptor keeps it locked beyond its parent's death. */
static void held_by_a_child(void)
{
	sluice_rwlock *rwlock = open_rwlock("deaths", 0), *private_one;
	struct help_pipe ready = make_pipe(), go = make_pipe();
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_rwlock *mine = open_rwlock("deaths", 0);
		int kept = dup(sluice_rwlock_hold_fd(mine));

		CHECK_GE(kept, 0);
		CHECK_EQ(sluice_rwlock_lock_shared(mine, 0), 0);
		if (fork() == 0) {
			/* As a command would be: nothing of the library left but the descriptor. */
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
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_MS(200)), SLUICE_ETIMEDOUT);
	check_state(rwlock, 1, 1, 0);
	CHECK_EQ(write(go.in, "\n", 1), 1);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	close_pipe(ready);
	close_pipe(go);
	sluice_rwlock_close(rwlock);
	CHECK_EQ(sluice_remove("deaths"), 0);
	private_one = open_rwlock(NULL, SLUICE_PRIVATE);
	CHECK_EQ(sluice_rwlock_hold_fd(private_one), SLUICE_EOPNOTSUPP);
	sluice_rwlock_close(private_one);
}

/* By descriptor, and as others see it. */
static void shared_and_shown(void)
{
	sluice_rwlock *rwlock = open_rwlock(NULL, 0), *other;
	struct sluice_inspection inspection;
	struct sluice_participant who[4];
	int fds[3];
	char name[32];

	CHECK_EQ(sluice_rwlock_share(rwlock, fds), 3);
	snprintf(name, sizeof(name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	other = open_rwlock(name, 0);
	CHECK_EQ(sluice_rwlock_lock_shared(other, 0), 0);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, 0), SLUICE_EAGAIN);
	memset(&inspection, 0, sizeof(inspection));
	memset(who, 0, sizeof(who));
	inspection.size = sizeof(inspection);
	who[0].size = sizeof(who[0]);
	CHECK_EQ(sluice_inspect(name, &inspection, who, 4), 2);
	CHECK_EQ(inspection.kind, SLUICE_KIND_RWLOCK);
	CHECK(strcmp(sluice_kind_name(inspection.kind), "rwlock") == 0);
	CHECK_EQ(inspection.rwlock.readers, 1);
	CHECK_EQ(who[0].doing == SLUICE_DOING_HOLD, 0);
	CHECK_EQ(who[1].doing, SLUICE_DOING_HOLD);
	CHECK_EQ(sluice_rwlock_set_hint(other, 1), 0);
	CHECK_EQ(sluice_rwlock_unlock(other), 0);
	sluice_rwlock_close(other);
	sluice_rwlock_close(rwlock);
}

/* A gate that is closed by nobody is damage, not a reason to wait for ever. */
static void damaged(void)
{
	sluice_rwlock *rwlock = open_rwlock("damaged", 0);
	uint32_t closed = 9;
	uint64_t offset = 0;
	int fd = open(path_of("damaged").text, O_RDONLY | O_CLOEXEC);

	CHECK_EQ(pread(fd, &offset, sizeof(offset), 96), sizeof(offset));
	close(fd);
	patch_file("damaged", (off_t)offset, &closed, sizeof(closed));
	CHECK_EQ(sluice_rwlock_lock_shared(rwlock, SLUICE_FOREVER), SLUICE_ECORRUPT);
	CHECK_EQ(sluice_rwlock_lock_exclusive(rwlock, SLUICE_FOREVER), SLUICE_ECORRUPT);
	sluice_rwlock_close(rwlock);
	CHECK_EQ(sluice_remove("damaged"), 0);
}

/* ---- many ----------------------------------------------------------------------------------- */

struct pair {
	uint64_t first, second, reads, writes, repairs;
};

static void work_on(struct pair *pair, uint64_t turns)
{
	sluice_rwlock *mine = open_rwlock("many", 0);

	for (uint64_t i = 0; i < turns; i++) {
		bool shared = test_random_below(4) != 0;
		int r = lock(mine, shared, SLUICE_S(20));

		CHECK_GE(r, 0);
		if (shared) {
			uint64_t second = __atomic_load_n(&pair->second, __ATOMIC_RELAXED);

			if (r != SLUICE_RECOVERED)
				CHECK_EQ(__atomic_load_n(&pair->first, __ATOMIC_RELAXED), second);
			__atomic_add_fetch(&pair->reads, 1, __ATOMIC_RELAXED);
		} else {
			if (r != SLUICE_RECOVERED)
				CHECK_EQ(pair->first, pair->second);
			pair->repairs += r == SLUICE_RECOVERED;
			__atomic_store_n(&pair->first, pair->first + 1, __ATOMIC_RELAXED);
			for (uint64_t n = test_random_below(200); n; n--)
				__asm__ __volatile__("" ::: "memory");
			__atomic_store_n(&pair->second, pair->first, __ATOMIC_RELAXED);
			pair->writes++;
		}
		CHECK_EQ(sluice_rwlock_unlock(mine), 0);
	}
	sluice_rwlock_close(mine);
}

static void many_die(void)
{
	struct pair *pair = (struct pair *)mmap(NULL, sizeof(*pair), PROT_READ | PROT_WRITE,
						MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sluice_rwlock *rwlock = open_rwlock("many", 0);
	pid_t pids[5];

	CHECK(pair != MAP_FAILED);
	for (int i = 0; i < 5; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0)
			work_on(pair, UINT64_MAX);
	}
	for (int i = 0; i < 120; i++) {
		int who = (int)test_random_below(5);

		test_sleep_ms((int)test_random_below(6));
		test_kill(pids[who]);
		pids[who] = test_fork();
		if (pids[who] == 0)
			work_on(pair, UINT64_MAX);
	}
	for (int i = 0; i < 5; i++)
		test_kill(pids[i]);
	CHECK_GE(sluice_rwlock_lock_exclusive(rwlock, SLUICE_S(10)), 0);
	CHECK_EQ(sluice_rwlock_unlock(rwlock), 0);
	check_free(rwlock, 0);
	printf("  %llu reads, %llu writes, %llu repairs\n", (unsigned long long)pair->reads,
	       (unsigned long long)pair->writes, (unsigned long long)pair->repairs);
	CHECK_GE(pair->reads, 1);
	CHECK_GE(pair->writes, 1);
	sluice_rwlock_close(rwlock);
	munmap(pair, sizeof(*pair));
	CHECK_EQ(sluice_remove("many"), 0);
}

int main(void)
{
	test_begin();
	RUN(alone);
	RUN(two_handles);
	RUN(threads);
	RUN(readers_together);
	RUN(not_the_owner);
	RUN(nobody_starves);
	RUN(removed);
	RUN(holders_die);
	RUN(waiters_die);
	RUN(stopped);
	RUN(forked);
	RUN(held_by_a_child);
	RUN(shared_and_shown);
	RUN(damaged);
	RUN(many_die);
	return test_end();
}
