/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * semaphore.c - units are never lost and never made up, whoever holds them and however they end
 */
#include "help.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static sluice_semaphore *open_units(const char *name, uint32_t flags, uint32_t initial,
				    uint32_t ceiling)
{
	struct sluice_semaphore_options options;
	sluice_semaphore *semaphore = NULL;
	char text[512] = "";
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = flags;
	options.initial = initial;
	options.ceiling = ceiling;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_semaphore_open(name, &options, &semaphore);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open: %s, %s", sluice_error_name(r), text);
	return semaphore;
}

static void refuse(const char *name, uint32_t initial, uint32_t ceiling, int code, const char *word)
{
	struct sluice_semaphore_options options;
	sluice_semaphore *semaphore = NULL;
	char text[512] = "";

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.initial = initial;
	options.ceiling = ceiling;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_semaphore_open(name, &options, &semaphore), code);
	CHECK(semaphore == NULL);
	if (!strstr(text, word))
		test_fail(__FILE__, __LINE__, "'%s' lacks '%s'", text, word);
}

static struct sluice_semaphore_info units_info(sluice_semaphore *semaphore)
{
	struct sluice_semaphore_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_semaphore_info(semaphore, &info), 0);
	return info;
}

static void check_units(sluice_semaphore *semaphore, uint32_t value, uint32_t held)
{
	struct sluice_semaphore_info info = units_info(semaphore);

	CHECK_EQ(sluice_semaphore_value(semaphore), value);
	CHECK_EQ(info.value, value);
	CHECK_EQ(info.held, held);
}

struct taker {
	pthread_t thread;
	sluice_semaphore *semaphore;
	uint32_t units;
	int64_t timeout;
	int result, ended;
	pid_t tid;
};

static void *take_in_thread(void *argument)
{
	struct taker *taker = (struct taker *)argument;

	__atomic_store_n(&taker->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	taker->result = sluice_semaphore_wait(taker->semaphore, taker->units, taker->timeout);
	__atomic_store_n(&taker->ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void start_taker(struct taker *taker, sluice_semaphore *semaphore, uint32_t units,
			int64_t timeout)
{
	memset(taker, 0, sizeof(*taker));
	taker->semaphore = semaphore;
	taker->units = units;
	taker->timeout = timeout;
	CHECK_EQ(pthread_create(&taker->thread, NULL, take_in_thread, taker), 0);
	while (!__atomic_load_n(&taker->tid, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	await_sleep(getpid(), taker->tid);
}

static int end_taker(struct taker *taker)
{
	CHECK_EQ(pthread_join(taker->thread, NULL), 0);
	return taker->result;
}

static void alone_with(const char *name, uint32_t flags)
{
	sluice_semaphore *semaphore = open_units(name, flags, 3, 10);
	int64_t start;

	check_units(semaphore, 3, 0);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 2, SLUICE_NOWAIT), 0);
	check_units(semaphore, 1, 2);
	CHECK_EQ(units_info(semaphore).holders, 1);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 2, SLUICE_NOWAIT), SLUICE_EAGAIN);
	start = test_now_ns();
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 2, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	CHECK_GE(test_now_ns() - start, SLUICE_MS(30));
	check_units(semaphore, 1, 2);
	CHECK_EQ(sluice_semaphore_release(semaphore, 3), SLUICE_EPERM);
	CHECK_EQ(sluice_semaphore_release(semaphore, 1), 0);
	check_units(semaphore, 2, 1);
	CHECK_EQ(sluice_semaphore_wait(semaphore, 2, SLUICE_FOREVER), 0);
	check_units(semaphore, 0, 1);
	/* What was waited for is nobody's. */
	CHECK_EQ(sluice_semaphore_release(semaphore, 2), SLUICE_EPERM);
	CHECK_EQ(sluice_semaphore_post(semaphore, 9), 0);
	check_units(semaphore, 9, 1);
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), SLUICE_EOVERFLOW);
	CHECK_EQ(sluice_semaphore_release(semaphore, 1), 0);
	check_units(semaphore, 10, 0);
	CHECK_EQ(sluice_semaphore_release(semaphore, 1), SLUICE_EPERM);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 0, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 11, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_semaphore_wait(semaphore, UINT32_MAX, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_semaphore_release(semaphore, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_semaphore_post(semaphore, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_semaphore_post(semaphore, UINT32_MAX), SLUICE_EINVAL);
	CHECK_EQ(sluice_semaphore_fd(semaphore, SLUICE_WRITABLE), SLUICE_EINVAL);
	CHECK_EQ(sluice_semaphore_value(NULL), SLUICE_EINVAL);
	sluice_semaphore_close(semaphore);
	sluice_semaphore_close(NULL);
}

static void alone(void)
{
	alone_with("alone", 0);
	CHECK_EQ(sluice_remove("alone"), 0);
	alone_with(NULL, 0);
	alone_with(NULL, SLUICE_PRIVATE);
}

static void options(void)
{
	sluice_semaphore *semaphore = open_units("options", 0, 4, 8), *largest;

	refuse("options", 5, 0, SLUICE_EMISMATCH, "initial value 4, wanted 5");
	refuse("options", 0, 9, SLUICE_EMISMATCH, "ceiling 8, wanted 9");
	refuse("other", 3, 2, SLUICE_EINVAL, "raise the ceiling");
	refuse("other", 0x80000000u, 0, SLUICE_EINVAL, "wanted at most");
	sluice_semaphore_close(open_units("options", 0, 4, 8));
	sluice_semaphore_close(open_units("options", 0, 0, 0));
	/* A value that others changed is no contradiction. */
	CHECK_EQ(sluice_semaphore_wait(semaphore, 1, 0), 0);
	sluice_semaphore_close(open_units("options", 0, 4, 0));
	sluice_semaphore_close(semaphore);
	CHECK_EQ(sluice_remove("options"), 0);
	largest = open_units(NULL, 0, SLUICE_SEMAPHORE_MAX, 0);
	CHECK_EQ(sluice_semaphore_value(largest), SLUICE_SEMAPHORE_MAX);
	CHECK_EQ(sluice_semaphore_post(largest, 1), SLUICE_EOVERFLOW);
	CHECK_EQ(sluice_semaphore_acquire(largest, SLUICE_SEMAPHORE_MAX, 0), 0);
	CHECK_EQ(sluice_semaphore_post(largest, 1), SLUICE_EOVERFLOW);
	CHECK_EQ(sluice_semaphore_release(largest, SLUICE_SEMAPHORE_MAX), 0);
	CHECK_EQ(sluice_semaphore_value(largest), SLUICE_SEMAPHORE_MAX);
	sluice_semaphore_close(largest);
}

/* Closing gives back; another handle's units are not ours. */
static void two_handles(void)
{
	sluice_semaphore *a = open_units("two", 0, 5, 0), *b = open_units("two", 0, 0, 0);

	CHECK_EQ(sluice_semaphore_acquire(a, 3, 0), 0);
	CHECK_EQ(sluice_semaphore_release(b, 1), SLUICE_EPERM);
	CHECK_EQ(sluice_semaphore_acquire(b, 2, 0), 0);
	check_units(b, 0, 5);
	CHECK_EQ(units_info(b).holders, 2);
	sluice_semaphore_close(a);
	check_units(b, 3, 2);
	sluice_semaphore_close(b);
	b = open_units("two", 0, 0, 0);
	check_units(b, 5, 0);
	sluice_semaphore_close(b);
	CHECK_EQ(sluice_remove("two"), 0);
}

static void waiters(uint32_t flags)
{
	sluice_semaphore *semaphore = open_units(NULL, flags, 0, 0);
	struct taker takers[6];

	for (int i = 0; i < 6; i++)
		start_taker(&takers[i], semaphore, 1, SLUICE_S(20));
	/* One at a time, and then the rest at once. */
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), 0);
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), 0);
	CHECK_EQ(sluice_semaphore_post(semaphore, 4), 0);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(end_taker(&takers[i]), 0);
	check_units(semaphore, 0, 0);
	/* Who wants several is served when there are as many, and takes no fewer. */
	start_taker(&takers[0], semaphore, 3, SLUICE_S(20));
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), 0);
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), 0);
	test_sleep_ms(20);
	check_units(semaphore, 2, 0);
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), 0);
	CHECK_EQ(end_taker(&takers[0]), 0);
	check_units(semaphore, 0, 0);
	start_taker(&takers[0], semaphore, 1, SLUICE_FOREVER);
	CHECK_EQ(sluice_semaphore_interrupt(semaphore), 0);
	CHECK_EQ(end_taker(&takers[0]), SLUICE_ECANCELED);
	start_taker(&takers[0], semaphore, 1, SLUICE_MS(20));
	CHECK_EQ(end_taker(&takers[0]), SLUICE_ETIMEDOUT);
	sluice_semaphore_close(semaphore);
}

static void threads(void)
{
	waiters(0);
	waiters(SLUICE_PRIVATE);
}

static void removed(void)
{
	sluice_semaphore *semaphore = open_units("removed", 0, 0, 0);
	struct taker taker;

	start_taker(&taker, semaphore, 1, SLUICE_FOREVER);
	CHECK_EQ(sluice_remove("removed"), 0);
	CHECK_EQ(end_taker(&taker), SLUICE_EREMOVED);
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), SLUICE_EREMOVED);
	sluice_semaphore_close(semaphore);
}

static pid_t hold_in_child(const char *name, uint32_t units)
{
	struct help_pipe ready = make_pipe();
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_semaphore *mine = open_units(name, 0, 0, 0);

		CHECK_EQ(sluice_semaphore_acquire(mine, units, SLUICE_S(20)), 0);
		tell(ready);
		pause();
		_exit(0);
	}
	await(ready);
	close_pipe(ready);
	return pid;
}

static void holders_die(void)
{
	sluice_semaphore *semaphore = open_units("deaths", 0, 7, 7);
	pid_t pids[3];
	struct taker taker;
	int64_t start;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			pids[i] = hold_in_child("deaths", (uint32_t)i + 1);
		check_units(semaphore, 1, 6);
		for (int i = 0; i < 3; i++)
			test_kill(pids[i]);
		CHECK_EQ(sluice_semaphore_acquire(semaphore, 7, SLUICE_S(20)), 0);
		CHECK_EQ(sluice_semaphore_release(semaphore, 7), 0);
		check_units(semaphore, 7, 0);
	}
	/* The first call of a newcomer, even one that does not wait. */
	test_kill(hold_in_child("deaths", 7));
	test_sleep_ms(10);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 1, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_semaphore_release(semaphore, 1), 0);
	/* While somebody sleeps. */
	for (int i = 0; i < 3; i++) {
		pids[0] = hold_in_child("deaths", 7);
		start_taker(&taker, semaphore, 2, SLUICE_FOREVER);
		start = test_now_ns();
		test_kill(pids[0]);
		CHECK_EQ(end_taker(&taker), 0);
		CHECK_LT(test_now_ns() - start, SLUICE_S(5));
		CHECK_EQ(sluice_semaphore_post(semaphore, 2), 0);
	}
	/* A waiter dies: nothing is taken. */
	pids[0] = test_fork();
	if (pids[0] == 0) {
		sluice_semaphore *mine = open_units("deaths", 0, 0, 0);

		CHECK_EQ(sluice_semaphore_acquire(mine, 7, 0), 0);
		_exit(sluice_semaphore_acquire(mine, 1, SLUICE_FOREVER) == 0);
	}
	test_sleep_ms(50);
	test_kill(pids[0]);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 7, SLUICE_S(20)), 0);
	sluice_semaphore_close(semaphore);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

static void forked(void)
{
	sluice_semaphore *semaphore = open_units("forked", 0, 3, 0);
	sluice_semaphore *private_one = open_units(NULL, SLUICE_PRIVATE, 3, 0);
	pid_t pid;

	CHECK_EQ(sluice_semaphore_acquire(semaphore, 2, 0), 0);
	pid = test_fork();
	if (pid == 0) {
		CHECK_EQ(sluice_semaphore_release(semaphore, 1), SLUICE_EPERM);
		CHECK_EQ(sluice_semaphore_acquire(semaphore, 1, 0), 0);
		CHECK_EQ(sluice_semaphore_acquire(private_one, 1, 0), SLUICE_ESTALE);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 1, SLUICE_S(20)), 0);
	check_units(semaphore, 0, 3);
	sluice_semaphore_close(semaphore);
	sluice_semaphore_close(private_one);
	CHECK_EQ(sluice_remove("forked"), 0);
}

/* Who is woken all the time, by units that do not suffice, looks after a dead holder all the same. */
static void holder_dies_amid_traffic(void)
{
	static char name[] = "traffic";
	sluice_semaphore *semaphore = open_units(name, 0, 3, 0);
	sluice_semaphore *other = open_units(name, 0, 0, 0);
	pid_t pid = hold_in_child(name, 3);
	struct taker taker;
	int64_t killed = 0;

	start_taker(&taker, semaphore, 2, SLUICE_S(20));
	/* For the first half second: when its slices have become longer than the time between wakes. */
	for (int i = 0; !__atomic_load_n(&taker.ended, __ATOMIC_ACQUIRE); i++) {
		CHECK_EQ(sluice_semaphore_post(other, 1), 0);
		CHECK_EQ(sluice_semaphore_wait(other, 1, SLUICE_S(20)), 0);
		test_sleep_ms(5);
		if (i == 100) {
			test_kill(pid);
			killed = test_now_ns();
		}
	}
	CHECK_EQ(end_taker(&taker), 0);
	CHECK(killed != 0);
	CHECK_LT(test_now_ns() - killed, SLUICE_S(5));
	sluice_semaphore_close(semaphore);
	sluice_semaphore_close(other);
	CHECK_EQ(sluice_remove(name), 0);
}

static bool is_ready(int fd, int ms)
{
	struct pollfd poller;

	memset(&poller, 0, sizeof(poller));
	poller.fd = fd;
	poller.events = POLLIN;
	return poll(&poller, 1, ms) == 1;
}

static void polled(const char *name)
{
	sluice_semaphore *semaphore = open_units(name, 0, 0, 0), *other = semaphore;
	int fd = sluice_semaphore_fd(semaphore, SLUICE_READABLE);
	int64_t start;

	if (name)
		other = open_units(name, 0, 0, 0);
	CHECK_GE(fd, 0);
	CHECK_EQ(sluice_semaphore_fd(semaphore, SLUICE_READABLE), fd);
	CHECK_EQ(sluice_semaphore_wait(semaphore, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK(!is_ready(fd, 0));
	CHECK_EQ(sluice_semaphore_post(other, 1), 0);
	CHECK(is_ready(fd, 5000));
	CHECK(is_ready(fd, 0));
	CHECK_EQ(sluice_semaphore_wait(semaphore, 1, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_semaphore_wait(semaphore, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK(!is_ready(fd, 0));
	/* Some, but not as many as are wanted: not ready again and again. */
	CHECK_EQ(sluice_semaphore_post(other, 1), 0);
	CHECK_EQ(sluice_semaphore_wait(semaphore, 2, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK(!is_ready(fd, 0));
	CHECK_EQ(sluice_semaphore_post(other, 1), 0);
	CHECK(is_ready(fd, 5000));
	CHECK_EQ(sluice_semaphore_wait(semaphore, 2, SLUICE_NOWAIT), 0);
	if (name) {
		/* The holder of the last unit dies while we poll. */
		pid_t pid;

		CHECK_EQ(sluice_semaphore_post(other, 1), 0);
		pid = hold_in_child(name, 1);
		CHECK_EQ(sluice_semaphore_wait(semaphore, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
		test_kill(pid);
		start = test_now_ns();
		while (sluice_semaphore_wait(semaphore, 1, SLUICE_NOWAIT) == SLUICE_EAGAIN)
			CHECK(is_ready(fd, 5000));
		CHECK_LT(test_now_ns() - start, SLUICE_S(5));
		sluice_semaphore_close(other);
		CHECK_EQ(sluice_remove(name), 0);
	}
	sluice_semaphore_close(semaphore);
}

static void polling(void)
{
	polled("polled");
	polled(NULL);
	polled(NULL);
}

/* Units on the account of a description that outlives the process that took them. */
static void held_by_description(void)
{
	sluice_semaphore *semaphore = open_units("account", 0, 4, 0);
	sluice_semaphore *other = open_units(NULL, 0, 1, 0);
	sluice_semaphore *private_one = open_units(NULL, SLUICE_PRIVATE, 1, 0);
	int fd = open(path_of("account").text, O_RDWR | O_CLOEXEC), same = dup(fd);
	int reader = open(path_of("account").text, O_RDONLY | O_CLOEXEC);

	CHECK_EQ(sluice_semaphore_hold_for(semaphore, -1), SLUICE_EBADF);
	CHECK_EQ(sluice_semaphore_hold_for(semaphore, reader), SLUICE_EBADF);
	CHECK_EQ(sluice_semaphore_hold_for(other, fd), SLUICE_EBADF);
	CHECK_EQ(sluice_semaphore_hold_for(private_one, fd), SLUICE_EOPNOTSUPP);
	for (int i = 0; i < 2; i++) {
		pid_t pid = test_fork();

		if (pid == 0) {
			sluice_semaphore *mine = open_units("account", 0, 0, 0);

			CHECK_EQ(sluice_semaphore_hold_for(mine, fd), 0);
			CHECK_EQ(sluice_semaphore_acquire(mine, 1, 0), 0);
			if (i == 0)
				sluice_semaphore_close(mine);
			raise(SIGKILL);
		}
		CHECK_EQ(test_wait(pid), -SIGKILL);
	}
	sluice_semaphore_close(open_units("account", 0, 0, 0));
	check_units(semaphore, 2, 2);
	CHECK_EQ(units_info(semaphore).attached, 2);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 3, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	/* One goes back through the other number of the same description. */
	CHECK_EQ(sluice_semaphore_release(semaphore, 1), SLUICE_EPERM);
	CHECK_EQ(sluice_semaphore_hold_for(semaphore, same), 0);
	CHECK_EQ(sluice_semaphore_release(semaphore, 1), 0);
	CHECK_EQ(sluice_semaphore_release(semaphore, 2), SLUICE_EPERM);
	sluice_semaphore_close(semaphore);
	semaphore = open_units("account", 0, 0, 0);
	check_units(semaphore, 3, 1);
	close(fd);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 4, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	close(same);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 4, SLUICE_S(20)), 0);
	close(reader);
	sluice_semaphore_close(semaphore);
	sluice_semaphore_close(other);
	sluice_semaphore_close(private_one);
	CHECK_EQ(sluice_remove("account"), 0);
}

struct counters {
	uint32_t inside, most;
};

/* Many, some of whom are killed: never more inside than there are units, and all come back. */
static void many_processes(void)
{
	struct counters *shared = (struct counters *)mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sluice_semaphore *semaphore = open_units("many", 0, 3, 3);
	pid_t pids[12];

	CHECK(shared != MAP_FAILED);
	for (int i = 0; i < 12; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0) {
			sluice_semaphore *mine = open_units("many", 0, 0, 0);

			for (int k = 0; k < 500; k++) {
				uint32_t inside;

				CHECK_EQ(sluice_semaphore_acquire(mine, 1, SLUICE_S(60)), 0);
				inside = __atomic_add_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);
				CHECK_LT(inside, 4);
				__atomic_sub_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);
				if (i < 6 && k == 50 * (i + 1))
					raise(SIGKILL);
				CHECK_EQ(sluice_semaphore_release(mine, 1), 0);
			}
			sluice_semaphore_close(mine);
			_exit(0);
		}
	}
	for (int i = 0; i < 12; i++)
		CHECK_EQ(test_wait(pids[i]), i < 6 ? -SIGKILL : 0);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 3, SLUICE_S(20)), 0);
	CHECK_EQ(sluice_semaphore_release(semaphore, 3), 0);
	check_units(semaphore, 3, 0);
	sluice_semaphore_close(semaphore);
	CHECK_EQ(sluice_remove("many"), 0);
}

static void inspected(void)
{
	sluice_semaphore *semaphore = open_units("inspected", 0, 5, 6);
	struct sluice_inspection found;
	struct sluice_participant people[4];

	memset(&found, 0, sizeof(found));
	found.size = sizeof(found);
	memset(people, 0, sizeof(people));
	people[0].size = sizeof(people[0]);
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 2, 0), 0);
	CHECK_EQ(sluice_semaphore_set_hint(semaphore, (uint32_t)getppid()), 0);
	CHECK_EQ(sluice_inspect("inspected", &found, people, 4), 1);
	CHECK_EQ(found.kind, SLUICE_KIND_SEMAPHORE);
	CHECK_STR(sluice_kind_name(found.kind), "semaphore");
	CHECK_EQ(found.state, 0);
	CHECK_EQ(found.semaphore.value, 3);
	CHECK_EQ(found.semaphore.held, 2);
	CHECK_EQ(found.semaphore.initial, 5);
	CHECK_EQ(found.semaphore.ceiling, 6);
	CHECK_EQ(people[0].borrowed, 2);
	CHECK_EQ(people[0].pid, getppid());
	sluice_semaphore_close(semaphore);
	/* As it was made: nothing is lost by removing it. Posted: it stays. */
	CHECK_EQ(sluice_clean(NULL, SLUICE_CLEAN_DRY_RUN, NULL, NULL), 1);
	semaphore = open_units("inspected", 0, 0, 0);
	CHECK_EQ(sluice_semaphore_post(semaphore, 1), 0);
	sluice_semaphore_close(semaphore);
	CHECK_EQ(sluice_clean(NULL, 0, NULL, NULL), 0);
	CHECK_EQ(sluice_clean(NULL, SLUICE_CLEAN_CONTENT, NULL, NULL), 1);
}

/* Numbers that cannot be: noticed, for good, and by everybody. */
static void damaged(void)
{
	sluice_semaphore *semaphore = open_units("damaged", 0, 2, 2), *other;
	uint32_t words[2] = { 0, 77 };
	struct sluice_inspection found;

	memset(&found, 0, sizeof(found));
	found.size = sizeof(found);
	other = open_units("damaged", 0, 0, 0);
	patch_file("damaged", 512 + 1024 * 128 + 4, words, sizeof(words));
	CHECK_EQ(sluice_semaphore_acquire(semaphore, 1, SLUICE_NOWAIT), SLUICE_ECORRUPT);
	CHECK_EQ(sluice_semaphore_acquire(other, 1, SLUICE_NOWAIT), SLUICE_ECORRUPT);
	CHECK_EQ(sluice_semaphore_value(semaphore), SLUICE_ECORRUPT);
	sluice_semaphore_close(semaphore);
	sluice_semaphore_close(other);
	CHECK_EQ(sluice_inspect("damaged", &found, NULL, 0), 0);
	CHECK_EQ(found.state, SLUICE_ECORRUPT);
	CHECK_EQ(sluice_remove("damaged"), 0);
}

int main(void)
{
	test_begin();
	RUN(alone);
	RUN(options);
	RUN(two_handles);
	RUN(threads);
	RUN(removed);
	RUN(holders_die);
	RUN(holder_dies_amid_traffic);
	RUN(forked);
	RUN(polling);
	RUN(held_by_description);
	RUN(many_processes);
	RUN(inspected);
	RUN(damaged);
	return test_end();
}
