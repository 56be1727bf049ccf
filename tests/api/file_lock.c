/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * file_lock.c - locks on files: with other handles, other programs, and files that are replaced
 */
#include "help.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

static char file_path[512];

static sluice_file_lock *open_lock(const char *path, uint32_t flags)
{
	struct sluice_file_lock_options options;
	sluice_file_lock *lock = NULL;
	char text[512] = "";
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = flags;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_file_lock_open(path, &options, &lock);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open: %s, %s", sluice_error_name(r), text);
	return lock;
}

static int refuse(const char *path, uint32_t flags)
{
	struct sluice_file_lock_options options;
	sluice_file_lock *lock = NULL;
	char text[512] = "";
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = flags;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_file_lock_open(path, &options, &lock);
	CHECK(lock == NULL);
	CHECK(text[0] != '\0');
	return r;
}

/* Can somebody else have it? */
static void check_other(uint32_t mode, int64_t start, int64_t length, int wanted)
{
	sluice_file_lock *other = open_lock(file_path, 0);

	CHECK_EQ(sluice_file_lock_acquire(other, mode, start, length, SLUICE_NOWAIT), wanted);
	sluice_file_lock_close(other);
}

static void modes(void)
{
	sluice_file_lock *a = open_lock(file_path, 0), *b = open_lock(file_path, 0);
	int64_t start = test_now_ns();

	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_EXCLUSIVE, 0, 0, SLUICE_FOREVER), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_SHARED, 0, 0, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_SHARED, 0, 0, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	CHECK_GE(test_now_ns() - start, SLUICE_MS(30));
	/* Down, in one step. */
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_SHARED, 0, 0, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_SHARED, 0, 0, SLUICE_NOWAIT), 0);
	/* Up fails while the other has it, and what was shared stays shared. */
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_EXCLUSIVE, 0, 0, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_EXCLUSIVE, 0, 0, SLUICE_MS(20)),
		 SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_file_lock_release(b, 0, 0), 0);
	check_other(SLUICE_EXCLUSIVE, 0, 0, SLUICE_EAGAIN);
	check_other(SLUICE_SHARED, 0, 0, 0);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_EXCLUSIVE, 0, 0, SLUICE_NOWAIT), 0);
	check_other(SLUICE_SHARED, 0, 0, SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_release(a, 0, 0), 0);
	CHECK_EQ(sluice_file_lock_release(a, 0, 0), 0);
	check_other(SLUICE_EXCLUSIVE, 0, 0, 0);
	sluice_file_lock_close(a);
	sluice_file_lock_close(b);
	sluice_file_lock_close(NULL);
}

static void ranges(void)
{
	struct sluice_file_lock_holder holder;
	sluice_file_lock *a = open_lock(file_path, 0), *b = open_lock(file_path, 0);

	memset(&holder, 0, sizeof(holder));
	holder.size = sizeof(holder);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_EXCLUSIVE, 10, 10, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_EXCLUSIVE, 0, 10, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_EXCLUSIVE, 20, 0, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_SHARED, 19, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_holder(b, SLUICE_SHARED, 15, 1, &holder), 1);
	CHECK_EQ(holder.mode, SLUICE_EXCLUSIVE);
	CHECK_EQ(holder.start, 10);
	CHECK_EQ(holder.length, 10);
	CHECK_EQ(holder.pid, 0);
	CHECK_EQ(sluice_file_lock_holder(a, SLUICE_SHARED, 10, 10, &holder), 0);
	/* A hole in the middle. */
	CHECK_EQ(sluice_file_lock_release(a, 14, 2), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_SHARED, 14, 2, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_SHARED, 13, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_SHARED, INT64_MAX, 1, SLUICE_NOWAIT),
		 SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_SHARED, INT64_MAX, 2, SLUICE_NOWAIT),
		 SLUICE_EOVERFLOW);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_SHARED, 2, INT64_MAX, SLUICE_NOWAIT),
		 SLUICE_EOVERFLOW);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_SHARED, -1, 1, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_file_lock_release(a, 0, -1), SLUICE_EINVAL);
	CHECK_EQ(sluice_file_lock_acquire(a, 0, 0, 0, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_file_lock_acquire(a, 3, 0, 0, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_file_lock_holder(a, 0, 0, 0, &holder), SLUICE_EINVAL);
	CHECK_EQ(sluice_file_lock_hold_fd(NULL), SLUICE_EINVAL);
	sluice_file_lock_close(a);
	sluice_file_lock_close(b);
}

static void refused(void)
{
	sluice_file_lock *lock;

	CHECK_EQ(refuse("/nowhere/file", 0), SLUICE_ENOENT);
	CHECK_EQ(refuse(file_path, SLUICE_MUST_CREATE), SLUICE_EEXIST);
	CHECK_EQ(refuse(file_path, 0x40000000u), SLUICE_EINVAL);
	CHECK_EQ(refuse(file_path, SLUICE_PRIVATE), SLUICE_EINVAL);
	CHECK_EQ(refuse("fd:12345", 0), SLUICE_EBADF);
	CHECK_EQ(sluice_file_lock_open(NULL, NULL, &lock), SLUICE_EINVAL);
	/* A directory can be shared only. */
	lock = open_lock(test_directory(), 0);
	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_SHARED, 0, 0, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 0, SLUICE_NOWAIT),
		 SLUICE_EACCES);
	sluice_file_lock_close(lock);
}

/* Another part of the program opens and closes the same file: with record locks, all would be lost. */
static void closed_elsewhere(void)
{
	sluice_file_lock *lock = open_lock(file_path, 0);
	int fd;

	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 0, SLUICE_NOWAIT), 0);
	fd = open(file_path, O_RDWR | O_CLOEXEC);
	CHECK_GE(fd, 0);
	close(fd);
	check_other(SLUICE_SHARED, 0, 0, SLUICE_EAGAIN);
	sluice_file_lock_close(lock);
	check_other(SLUICE_SHARED, 0, 0, 0);
}

static int thread_inside;

static void *lock_in_thread(void *argument)
{
	sluice_file_lock *lock = open_lock(file_path, 0);

	for (int i = 0; i < 200; i++) {
		CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 5, 1,
						  argument ? SLUICE_S(60) : SLUICE_FOREVER),
			 0);
		CHECK_EQ(__atomic_fetch_add(&thread_inside, 1, __ATOMIC_SEQ_CST), 0);
		__atomic_fetch_sub(&thread_inside, 1, __ATOMIC_SEQ_CST);
		CHECK_EQ(sluice_file_lock_release(lock, 5, 1), 0);
	}
	sluice_file_lock_close(lock);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(
			pthread_create(&thread[i], NULL, lock_in_thread, i % 2 ? &thread[0] : NULL),
			0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
}

/* A holder dies; one who waits for ever and one with a timeout go on. */
static void holders_die(void)
{
	for (int round = 0; round < 4; round++) {
		struct help_pipe ready = make_pipe();
		sluice_file_lock *lock = open_lock(file_path, 0);
		pid_t pid = test_fork(), killer;

		if (pid == 0) {
			sluice_file_lock *mine = open_lock(file_path, 0);

			CHECK_EQ(sluice_file_lock_acquire(mine, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
			tell(ready);
			pause();
			_exit(0);
		}
		await(ready);
		killer = test_fork();
		if (killer == 0) {
			test_sleep_ms(30);
			kill(pid, SIGKILL);
			_exit(0);
		}
		CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 0,
						  round % 2 ? SLUICE_S(20) : SLUICE_FOREVER),
			 0);
		CHECK_EQ(test_wait(pid), -SIGKILL);
		test_wait_ok(killer);
		sluice_file_lock_close(lock);
		close_pipe(ready);
	}
}

/* The file is replaced while somebody waits: what he gets is a lock on the one that is there now. */
static void replaced(void)
{
	sluice_file_lock *old = open_lock(file_path, 0), *lock = open_lock(file_path, 0), *other;
	char fresh[600];
	struct stat named, held;
	int fd;

	CHECK_EQ(sluice_file_lock_acquire(old, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
	snprintf(fresh, sizeof(fresh), "%s.new", file_path);
	fd = open(fresh, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_GE(fd, 0);
	close(fd);
	CHECK_EQ(rename(fresh, file_path), 0);
	CHECK_EQ(sluice_file_lock_release(old, 0, 0), 0);
	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
	CHECK_EQ(stat(file_path, &named), 0);
	CHECK_EQ(fstat(sluice_file_lock_hold_fd(lock), &held), 0);
	CHECK_EQ(named.st_ino, held.st_ino);
	check_other(SLUICE_SHARED, 0, 0, SLUICE_EAGAIN);
	/* Who had the old file open follows, too, and is kept out. */
	CHECK_EQ(sluice_file_lock_acquire(old, SLUICE_SHARED, 0, 0, 0), SLUICE_EAGAIN);
	sluice_file_lock_close(lock);
	/* Unlinked: made anew, or not when it must exist. */
	other = open_lock(file_path, SLUICE_MUST_EXIST);
	CHECK_EQ(unlink(file_path), 0);
	CHECK_EQ(sluice_file_lock_acquire(other, SLUICE_SHARED, 0, 0, 0), SLUICE_ENOENT);
	CHECK_EQ(sluice_file_lock_acquire(old, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
	check_other(SLUICE_SHARED, 0, 0, SLUICE_EAGAIN);
	sluice_file_lock_close(old);
	sluice_file_lock_close(other);
}

/* A fork child has the locks of its parent as long as it lives. */
static void forked(void)
{
	sluice_file_lock *lock = open_lock(file_path, 0);
	struct help_pipe go = make_pipe();
	pid_t pid;

	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
	pid = test_fork();
	if (pid == 0) {
		await(go);
		_exit(0);
	}
	sluice_file_lock_close(lock);
	check_other(SLUICE_SHARED, 0, 0, SLUICE_EAGAIN);
	tell(go);
	test_wait_ok(pid);
	check_other(SLUICE_SHARED, 0, 0, 0);
	close_pipe(go);
}

/* The record locks of programs that know nothing of us, and their pid. */
static void record_locks(void)
{
	struct flock record;
	struct sluice_file_lock_holder holder;
	sluice_file_lock *lock = open_lock(file_path, 0);
	struct help_pipe ready = make_pipe(), go = make_pipe();
	pid_t pid;

	memset(&holder, 0, sizeof(holder));
	holder.size = sizeof(holder);
	memset(&record, 0, sizeof(record));
	record.l_type = F_WRLCK;
	record.l_start = 100;
	record.l_len = 50;
	pid = test_fork();
	if (pid == 0) {
		int fd = open(file_path, O_RDWR | O_CLOEXEC);

		CHECK_EQ(fcntl(fd, F_SETLK, &record), 0);
		tell(ready);
		await(go);
		_exit(0);
	}
	await(ready);
	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_SHARED, 0, 0, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 100, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_file_lock_holder(lock, SLUICE_SHARED, 0, 0, &holder), 1);
	CHECK_EQ(holder.pid, pid);
	CHECK_EQ(holder.start, 100);
	CHECK_EQ(holder.length, 50);
	record.l_start = 99;
	record.l_len = 1;
	CHECK_EQ(fcntl(sluice_file_lock_hold_fd(lock), F_GETLK, &record), 0);
	CHECK_EQ(record.l_type, F_WRLCK);
	tell(go);
	test_wait_ok(pid);
	CHECK_EQ(sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 0, SLUICE_S(20)), 0);
	sluice_file_lock_close(lock);
	close_pipe(ready);
	close_pipe(go);
}

/* The BSD lock is another table: only with the option. */
static void bsd_locks(void)
{
	sluice_file_lock *plain = open_lock(file_path, 0),
			 *both = open_lock(file_path, SLUICE_FLOCK);
	int fd = open(file_path, O_RDWR | O_CLOEXEC);

	CHECK_EQ(flock(fd, LOCK_EX), 0);
	CHECK_EQ(sluice_file_lock_acquire(plain, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
	CHECK_EQ(sluice_file_lock_release(plain, 0, 0), 0);
	CHECK_EQ(sluice_file_lock_acquire(both, SLUICE_SHARED, 0, 0, 0), SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_acquire(both, SLUICE_SHARED, 0, 0, SLUICE_MS(20)),
		 SLUICE_ETIMEDOUT);
	CHECK_EQ(flock(fd, LOCK_UN), 0);
	CHECK_EQ(sluice_file_lock_acquire(both, SLUICE_SHARED, 0, 0, 0), 0);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), -1);
	CHECK_EQ(flock(fd, LOCK_SH | LOCK_NB), 0);
	check_other(SLUICE_EXCLUSIVE, 0, 0, SLUICE_EAGAIN);
	CHECK_EQ(sluice_file_lock_acquire(both, SLUICE_SHARED, 0, 0, 0), 0);
	CHECK_EQ(sluice_file_lock_acquire(both, SLUICE_EXCLUSIVE, 0, 0, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_file_lock_acquire(both, SLUICE_SHARED, 0, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_file_lock_release(both, 0, 0), 0);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	CHECK_EQ(flock(fd, LOCK_UN), 0);
	/* The one is free, the other is not: neither is kept. */
	CHECK_EQ(sluice_file_lock_acquire(plain, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
	CHECK_EQ(sluice_file_lock_acquire(both, SLUICE_EXCLUSIVE, 0, 0, 0), SLUICE_EAGAIN);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	sluice_file_lock_close(plain);
	sluice_file_lock_close(both);
}

static void ignore(int number)
{
	(void)number;
}

/* A caught signal ends a wait. */
static void signalled(void)
{
	sluice_file_lock *a = open_lock(file_path, 0), *b = open_lock(file_path, 0);
	static const struct itimerval often = { { 0, 50000 }, { 0, 50000 } };
	static const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = ignore;
	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	CHECK_EQ(sluice_file_lock_acquire(a, SLUICE_EXCLUSIVE, 0, 0, 0), 0);
	/* Again and again: the first may come between two naps. */
	CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_EXCLUSIVE, 0, 0, SLUICE_S(20)), SLUICE_EINTR);
	CHECK_EQ(sluice_file_lock_acquire(b, SLUICE_EXCLUSIVE, 0, 0, SLUICE_FOREVER), SLUICE_EINTR);
	CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
	sluice_file_lock_close(a);
	sluice_file_lock_close(b);
}

int main(void)
{
	test_begin();
	snprintf(file_path, sizeof(file_path), "%.400s/file", test_directory());
	sluice_file_lock_close(open_lock(file_path, SLUICE_MUST_CREATE));
	RUN(modes);
	RUN(ranges);
	RUN(refused);
	RUN(closed_elsewhere);
	RUN(threads);
	RUN(holders_die);
	RUN(replaced);
	RUN(forked);
	RUN(record_locks);
	RUN(bsd_locks);
	RUN(signalled);
	unlink(file_path);
	return test_end();
}
