/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_fork.c - fork, raw clone, spawn and exec
 *
 * A child is a participant of its own from its first call on. What its parent has on loan stays the
 * parent's, and comes back when the parent dies, whatever children are left.
 */
#include "help.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/syscall.h>

extern char **environ;

static const char *program;

static void child_works(const char *name)
{
	sluice_queue *queue = open_queue(name, 0, 0);
	pid_t pid;

	send_number_as(queue, 1, 1);
	pid = test_fork();
	if (pid == 0) {
		CHECK_EQ(receive_number_as(queue, 1), 1);
		CHECK_EQ(queue_info(queue).attached, 2);
		send_number_as(queue, 2, 2);
		CHECK_EQ(receive_number_as(queue, 3), 3);
		sluice_queue_close(queue);
		send_number_as(open_queue("child", 0, 0), 1, 1);
		_exit(0);
	}
	CHECK_EQ(receive_number_as(queue, 2), 2);
	send_number_as(queue, 3, 3);
	test_wait_ok(pid);
	CHECK_EQ(queue_info(queue).attached, 1);
	CHECK_EQ(queue_info(queue).repairs, 0);
	sluice_queue_close(queue);
	if (name)
		CHECK_EQ(sluice_remove(name), 0);
	CHECK_EQ(sluice_remove("child"), 0);
}

static void child_works_named(void)
{
	child_works("fork");
}

static void child_works_anonymous(void)
{
	child_works(NULL);
}

static void grandchildren(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	pid_t pid = test_fork();

	if (pid == 0) {
		/* This one never makes a call of its own. */
		pid_t other = test_fork();

		if (other == 0) {
			send_number(queue, 5);
			_exit(0);
		}
		test_wait_ok(other);
		_exit(0);
	}
	CHECK_EQ(receive_number(queue), 5);
	test_wait_ok(pid);
	sluice_queue_close(queue);
}

/* A child that closes what it inherited, used or not, leaves nothing open. */
static void child_closes(void)
{
	sluice_queue *queue = open_queue("closes", 0, 0), *other = open_queue("closes", 0, 0);
	uint64_t number;
	pid_t pid;

	CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
	CHECK_GE(sluice_queue_fd(other, SLUICE_READABLE, 0), 0);
	/* Both have rung the other's bell. */
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(sluice_queue_receive(other, 0, &number, 8, NULL, 0), SLUICE_EAGAIN);
		CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, NULL, 0), SLUICE_EAGAIN);
		send_number(i ? queue : other, 1);
		CHECK_EQ(receive_number(queue), 1);
	}
	pid = test_fork();
	if (pid == 0) {
		sluice_queue_close(queue);
		sluice_queue_close(other);
		for (int fd = 3; fd < 100; fd++) {
			char path[64], target[256];
			ssize_t n;

			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
			n = readlink(path, target, sizeof(target) - 1);
			if (n < 0)
				continue;
			target[n] = '\0';
			CHECK(!strstr(target, "closes"));
		}
		_exit(0);
	}
	test_wait_ok(pid);
	CHECK_EQ(queue_info(queue).attached, 2);
	sluice_queue_close(queue);
	sluice_queue_close(other);
	CHECK_EQ(sluice_remove("closes"), 0);
}

static void loans_stay_with_the_parent(void)
{
	sluice_queue *queue = open_queue("loans", 0, 0);
	const void *borrowed;
	void *reserved;
	pid_t pid;

	send_number_as(queue, 1, 1);
	CHECK_EQ(sluice_queue_borrow(queue, 1, &borrowed, NULL, 0), 8);
	CHECK_EQ(sluice_queue_reserve(queue, 8, &reserved, 0), 0);
	pid = test_fork();
	if (pid == 0) {
		CHECK_EQ(sluice_queue_consume(queue, borrowed), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_return(queue, borrowed), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_commit(queue, reserved, 1, 8), SLUICE_EINVAL);
		CHECK_EQ(sluice_queue_abort(queue, reserved), SLUICE_EINVAL);
		sluice_queue_close(queue);
		_exit(0);
	}
	test_wait_ok(pid);
	pid = test_fork();
	if (pid == 0) {
		sluice_queue_close(queue); /* with no call before it */
		_exit(0);
	}
	test_wait_ok(pid);
	CHECK_EQ(queue_info(queue).borrowed, 1);
	CHECK_EQ(queue_info(queue).reserved_messages, 1);
	memset(reserved, 0, 8);
	CHECK_EQ(sluice_queue_commit(queue, reserved, 2, 8), 0);
	CHECK_EQ(sluice_queue_consume(queue, borrowed), 0);
	CHECK_EQ(receive_number_as(queue, 2), 0);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("loans"), 0);
}

/* The parent dies; its child, which inherited everything, must not keep it alive. */
static void parent_dies(void)
{
	sluice_queue *queue = open_queue("orphan", 0, 0);
	struct help_pipe ready = make_pipe(), go = make_pipe();
	struct sluice_message info = message_info();
	uint64_t number;
	pid_t pid;

	send_number_as(queue, 1, 7);
	pid = test_fork();
	if (pid == 0) {
		sluice_queue *mine = open_queue("orphan", 0, 0);
		const void *borrowed;
		void *reserved;
		pid_t child;

		CHECK_EQ(sluice_queue_borrow(mine, 1, &borrowed, NULL, 0), 8);
		CHECK_EQ(sluice_queue_reserve(mine, 8, &reserved, 0), 0);
		child = fork();
		if (child == 0) {
			tell(ready);
			await(go);
			send_number_as(mine, 2, 9);
			_exit(0);
		}
		pause();
		_exit(1);
	}
	await(ready);
	test_kill(pid);
	CHECK_EQ(sluice_queue_receive(queue, 1, &number, 8, &info, SLUICE_S(5)), 8);
	CHECK_EQ(number, 7);
	CHECK_EQ(info.flags, SLUICE_REDELIVERED);
	CHECK_EQ(queue_info(queue).reserved_messages, 0);
	tell(go);
	CHECK_EQ(receive_number_as(queue, 2), 9);
	sluice_queue_close(queue);
	close_pipe(ready);
	close_pipe(go);
	CHECK_EQ(sluice_remove("orphan"), 0);
}

static void private_handles(void)
{
	sluice_queue *queue = open_queue(NULL, 0, SLUICE_PRIVATE);
	sluice_mutex *mutex = open_mutex(NULL, SLUICE_PRIVATE);
	pid_t pid = test_fork();
	uint64_t number = 0;

	if (pid == 0) {
		CHECK_EQ(sluice_queue_send(queue, 1, &number, 8, 0), SLUICE_ESTALE);
		CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, NULL, 0), SLUICE_ESTALE);
		CHECK_EQ(sluice_mutex_lock(mutex, 0), SLUICE_ESTALE);
		sluice_queue_close(queue);
		sluice_mutex_close(mutex);
		_exit(0);
	}
	test_wait_ok(pid);
	send_number(queue, 1);
	CHECK_EQ(receive_number(queue), 1);
	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
}

/* ---- with threads ------------------------------------------------------------------------- */

static int stop;

static void *busy(void *argument)
{
	sluice_queue *queue = (sluice_queue *)argument;
	uint64_t number = 1;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		CHECK_EQ(sluice_queue_send(queue, 3, &number, 8, SLUICE_S(10)), 0);
		CHECK_EQ(sluice_queue_receive(queue, -3, &number, 8, NULL, SLUICE_S(10)), 8);
	}
	return NULL;
}

static void *opens_and_closes(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		sluice_queue *queue = open_queue(NULL, 0, 0);

		CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
		send_number(queue, 1);
		sluice_queue_close(queue);
	}
	return NULL;
}

/* Children of a program whose other threads are anywhere in the library. */
static void threads_everywhere(void)
{
	sluice_queue *queue = open_queue("threads", 0, 0);
	pthread_t threads[3];

	stop = 0;
	CHECK_EQ(pthread_create(&threads[0], NULL, busy, queue), 0);
	CHECK_EQ(pthread_create(&threads[1], NULL, busy, queue), 0);
	CHECK_EQ(pthread_create(&threads[2], NULL, opens_and_closes, NULL), 0);
	for (uint64_t i = 0; i < 200; i++) {
		pid_t pid = test_fork();

		if (pid == 0) {
			struct stat st;

			/* Standard input is nobody's to close. */
			CHECK_EQ(fstat(0, &st), 0);
			send_number_as(queue, (int64_t)(1000 + i), i);
			sluice_queue_close(queue);
			_exit(0);
		}
		CHECK_EQ(receive_number_as(queue, (int64_t)(1000 + i)), i);
		test_wait_ok(pid);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(queue_info(queue).attached, 1);
	CHECK_EQ(queue_info(queue).messages, 0);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("threads"), 0);
}

/* ---- without handlers --------------------------------------------------------------------- */

static void raw_clone(void)
{
	sluice_queue *queue = open_queue("clone", 0, 0);
	struct help_pipe ready = make_pipe();
	const void *borrowed;
	long pid;

	send_number_as(queue, 1, 1);
	send_number_as(queue, 1, 2);
	CHECK_EQ(sluice_queue_borrow(queue, 1, &borrowed, NULL, 0), 8);
	fflush(NULL);
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	CHECK_GE(pid, 0);
	if (pid == 0) {
		if (sluice_queue_consume(queue, borrowed) != SLUICE_EINVAL)
			_exit(2);
		if (receive_number_as(queue, 1) != 2 || queue_info(queue).attached != 2)
			_exit(3);
		send_number_as(queue, 2, 3);
		await(ready);
		_exit(0);
	}
	CHECK_EQ(receive_number_as(queue, 2), 3);
	CHECK_EQ(queue_info(queue).attached, 2);
	CHECK_EQ(sluice_queue_consume(queue, borrowed), 0);
	tell(ready);
	test_wait_ok((pid_t)pid);
	/* Its parent leaves, and is known to have left. */
	sluice_queue_close(queue);
	close_pipe(ready);
	CHECK_EQ(sluice_remove("clone"), 0);
}

static pid_t spawn_self(const char *verb, const char *argument)
{
	char *arguments[4];
	pid_t pid;

	arguments[0] = strdup(program);
	arguments[1] = strdup(verb);
	arguments[2] = strdup(argument);
	arguments[3] = NULL;
	CHECK_EQ(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
	for (int i = 0; i < 3; i++)
		free(arguments[i]);
	return pid;
}

static void spawned(void)
{
	sluice_queue *queue = open_queue("spawn", 0, 0);
	pid_t pids[10];

	for (int i = 0; i < 10; i++)
		pids[i] = spawn_self("send", "spawn");
	for (int i = 0; i < 10; i++)
		CHECK_EQ(receive_number(queue), 42);
	for (int i = 0; i < 10; i++)
		test_wait_ok(pids[i]);
	CHECK_EQ(queue_info(queue).attached, 1);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("spawn"), 0);
}

/* exec drops everything: loans come back, the mutex is dirty. */
static void exec_drops(void)
{
	sluice_queue *queue = open_queue("drop", 0, 0);
	sluice_mutex *mutex = open_mutex("dropped", 0);
	struct sluice_message info = message_info();
	struct help_pipe ready = make_pipe();
	uint64_t number;
	pid_t pid;

	send_number(queue, 8);
	pid = test_fork();
	if (pid == 0) {
		sluice_queue *mine = open_queue("drop", 0, 0);
		const void *borrowed;

		CHECK_EQ(sluice_mutex_lock(open_mutex("dropped", 0), SLUICE_NOWAIT), 0);
		CHECK_EQ(sluice_queue_borrow(mine, 0, &borrowed, NULL, 0), 8);
		tell(ready);
		execl("/proc/self/exe", program, "pause", "", (char *)NULL);
		_exit(127);
	}
	await(ready);
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, SLUICE_S(5)), 8);
	CHECK_EQ(info.flags, SLUICE_REDELIVERED);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(5)), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	test_kill(pid);
	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
	close_pipe(ready);
	CHECK_EQ(sluice_remove("drop"), 0);
	CHECK_EQ(sluice_remove("dropped"), 0);
}

/* And a program that, after exec, opens the same again is not taken for what it was before. */
static void exec_and_open_again(void)
{
	sluice_queue *queue = open_queue("again", 0, 0);
	sluice_mutex *mutex = open_mutex("locked", 0);
	pid_t pid;

	send_number(queue, 8);
	pid = test_fork();
	if (pid == 0) {
		const void *borrowed;

		sluice_mutex_close(mutex);
		mutex = open_mutex("locked", 0);
		CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), 0);
		CHECK_EQ(sluice_queue_borrow(open_queue("again", 0, 0), 0, &borrowed, NULL, 0), 8);
		execl("/proc/self/exe", program, "reopen", "", (char *)NULL);
		_exit(127);
	}
	test_wait_ok(pid);
	sluice_mutex_close(mutex);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("again"), 0);
	CHECK_EQ(sluice_remove("locked"), 0);
}

static int reopen(void)
{
	sluice_queue *queue = open_queue("again", 0, 0);
	sluice_mutex *mutex = open_mutex("locked", 0);
	struct sluice_message info = message_info();
	uint64_t number;

	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(3)), SLUICE_RECOVERED);
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, &info, SLUICE_S(3)), 8);
	CHECK_EQ(info.flags, SLUICE_REDELIVERED);
	return 0;
}

/* A program that closes every descriptor loses its places, and is told; it damages nothing. */
static void descriptors_closed_by_force(void)
{
	sluice_queue *queue = open_queue("closed", 0, 0);
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_queue *mine = open_queue("closed", 0, 0);
		uint64_t number;
		int64_t r;

		send_number(mine, 1);
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
		/* Blocked, it finds out; it must not wait for ever. */
		CHECK_EQ(sluice_queue_receive(mine, 5, &number, 8, NULL, SLUICE_S(20)),
			 SLUICE_ESTALE);
		r = sluice_queue_send(mine, 1, &number, 8, 0);
		CHECK(r == 0 || r == SLUICE_ESTALE);
		sluice_queue_close(mine);
		_exit(0);
	}
	test_wait_ok(pid);
	CHECK_EQ(receive_number(queue), 1);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("closed"), 0);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 3 && strcmp(argv[1], "send") == 0) {
		sluice_queue *queue = open_queue(argv[2], SLUICE_SEND, 0);

		send_number(queue, 42);
		sluice_queue_close(queue);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "pause") == 0)
		return pause();
	if (argc == 3 && strcmp(argv[1], "reopen") == 0)
		return reopen();
	test_begin();
	RUN(child_works_named);
	RUN(child_works_anonymous);
	RUN(grandchildren);
	RUN(child_closes);
	RUN(loans_stay_with_the_parent);
	RUN(parent_dies);
	RUN(private_handles);
	RUN(descriptors_closed_by_force);
	/* An emulator has threads and locks of its own that a fork may find held; it makes a fork of a
	 * clone, empties no page for it, and is what /proc/self/exe names. */
	if (test_emulated())
		return test_end();
	RUN(threads_everywhere);
	RUN(raw_clone);
	RUN(spawned);
	RUN(exec_drops);
	RUN(exec_and_open_again);
	return test_end();
}
