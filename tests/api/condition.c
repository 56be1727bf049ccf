/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * condition.c - waiters are told, whoever dies; and libc's condition beside it, which hangs
 */
#include "help.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static sluice_condition *open_condition(const char *name, uint32_t flags)
{
	struct sluice_condition_options options;
	sluice_condition *condition = NULL;
	char text[512] = "";
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = flags;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_condition_open(name, &options, &condition);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open: %s, %s", sluice_error_name(r), text);
	return condition;
}

struct waiter {
	pthread_t thread;
	sluice_condition *condition;
	sluice_mutex *mutex;
	int *tokens; /* what is waited for, guarded by the mutex */
	int64_t timeout;
	int result;
	pid_t tid;
};

/* Wait for a token and take it. */
static int take_token(sluice_condition *condition, sluice_mutex *mutex, int *tokens,
		      int64_t timeout)
{
	int r = sluice_mutex_lock(mutex, SLUICE_S(30));

	CHECK_GE(r, 0);
	while (*tokens == 0 && r >= 0)
		r = sluice_condition_wait(condition, mutex, timeout);
	if (*tokens > 0)
		--*tokens;
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	return r;
}

static void *wait_in_thread(void *argument)
{
	struct waiter *waiter = (struct waiter *)argument;

	__atomic_store_n(&waiter->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	waiter->result = take_token(waiter->condition, waiter->mutex, waiter->tokens,
				    waiter->timeout);
	return NULL;
}

static void start_waiter(struct waiter *waiter, sluice_condition *condition, sluice_mutex *mutex,
			 int *tokens, int64_t timeout)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->condition = condition;
	waiter->mutex = mutex;
	waiter->tokens = tokens;
	waiter->timeout = timeout;
	CHECK_EQ(pthread_create(&waiter->thread, NULL, wait_in_thread, waiter), 0);
	while (!__atomic_load_n(&waiter->tid, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	await_sleep(getpid(), waiter->tid);
}

static int end_waiter(struct waiter *waiter)
{
	CHECK_EQ(pthread_join(waiter->thread, NULL), 0);
	return waiter->result;
}

static void put_tokens(sluice_condition *condition, sluice_mutex *mutex, int *tokens, int count)
{
	CHECK_GE(sluice_mutex_lock(mutex, SLUICE_S(30)), 0);
	*tokens += count;
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	CHECK_EQ(count > 1 ? sluice_condition_broadcast(condition)
			   : sluice_condition_signal(condition),
		 0);
}

static void threads_of(uint32_t flags)
{
	sluice_condition *condition = open_condition(NULL, flags);
	sluice_mutex *mutex = open_mutex(NULL, flags);
	struct waiter waiters[5];
	int tokens = 0;

	CHECK_EQ(sluice_condition_signal(condition), 0);
	CHECK_EQ(sluice_condition_broadcast(condition), 0);
	CHECK_EQ(sluice_condition_wait(condition, mutex, SLUICE_NOWAIT), SLUICE_EPERM);
	CHECK_EQ(sluice_condition_wait(condition, NULL, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_condition_wait(NULL, mutex, SLUICE_NOWAIT), SLUICE_EINVAL);
	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	CHECK_EQ(sluice_condition_wait(condition, mutex, SLUICE_NOWAIT), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_condition_wait(condition, mutex, SLUICE_MS(20)), SLUICE_ETIMEDOUT);
	/* The mutex is ours again. */
	CHECK_EQ(sluice_mutex_lock(mutex, 0), SLUICE_EDEADLK);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	for (int i = 0; i < 5; i++)
		start_waiter(&waiters[i], condition, mutex, &tokens, SLUICE_S(30));
	put_tokens(condition, mutex, &tokens, 1);
	put_tokens(condition, mutex, &tokens, 1);
	put_tokens(condition, mutex, &tokens, 3);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(end_waiter(&waiters[i]), 0);
	CHECK_EQ(tokens, 0);
	start_waiter(&waiters[0], condition, mutex, &tokens, SLUICE_FOREVER);
	CHECK_EQ(sluice_condition_interrupt(condition), 0);
	CHECK_EQ(end_waiter(&waiters[0]), SLUICE_ECANCELED);
	sluice_condition_close(condition);
	sluice_condition_close(NULL);
	sluice_mutex_close(mutex);
}

static void threads(void)
{
	threads_of(0);
	threads_of(SLUICE_PRIVATE);
}

/* A slice would be five seconds: it is the signal that wakes. */
static void promptly(void)
{
	struct sluice_condition_options options;
	sluice_condition *condition;
	sluice_mutex *mutex = open_mutex(NULL, 0);
	struct waiter waiters[2];
	int tokens = 0;
	int64_t began;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.slice_ns = SLUICE_S(5);
	CHECK_EQ(sluice_condition_open(NULL, &options, &condition), 0);
	for (int i = 0; i < 2; i++) {
		start_waiter(&waiters[0], condition, mutex, &tokens, SLUICE_S(30));
		start_waiter(&waiters[1], condition, mutex, &tokens, SLUICE_S(30));
		test_sleep_ms(150); /* past the short first slices */
		began = test_now_ns();
		put_tokens(condition, mutex, &tokens, i ? 2 : 1);
		if (i == 0)
			put_tokens(condition, mutex, &tokens, 1);
		CHECK_EQ(end_waiter(&waiters[0]), 0);
		CHECK_EQ(end_waiter(&waiters[1]), 0);
		CHECK_LT(test_now_ns() - began, SLUICE_S(2));
	}
	sluice_condition_close(condition);
	sluice_mutex_close(mutex);
}

static void removed(void)
{
	sluice_condition *condition = open_condition("removed", 0);
	sluice_mutex *mutex = open_mutex(NULL, 0);
	struct waiter waiter;
	int tokens = 0;

	start_waiter(&waiter, condition, mutex, &tokens, SLUICE_FOREVER);
	CHECK_EQ(sluice_remove("removed"), 0);
	CHECK_EQ(end_waiter(&waiter), SLUICE_EREMOVED);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(5)), 0);
	sluice_mutex_close(mutex);
	sluice_condition_close(condition);
}

static int *shared_tokens(void)
{
	int *tokens = (int *)mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(tokens != MAP_FAILED);
	return tokens;
}

/* A process that waits; asleep when this returns. */
static pid_t wait_in_child(int *tokens)
{
	pid_t pid = test_fork();

	if (pid == 0)
		_exit(take_token(open_condition("news", 0), open_mutex("door", 0), tokens,
				 SLUICE_S(30)) != 0);
	await_sleep(pid, pid);
	for (;;) {
		struct sluice_inspection found;

		memset(&found, 0, sizeof(found));
		found.size = sizeof(found);
		CHECK_EQ(sluice_inspect("news", &found, NULL, 0), 0);
		if (found.condition.waiting)
			return pid;
		test_sleep_ms(1);
	}
}

/* Waiters are killed, over and over: signals reach those who live. */
static void waiters_die(void)
{
	sluice_condition *condition = open_condition("news", 0);
	sluice_mutex *mutex = open_mutex("door", 0);
	int *tokens = shared_tokens();
	pid_t alive;

	for (int i = 0; i < 10; i++) {
		test_kill(wait_in_child(tokens));
		alive = wait_in_child(tokens);
		if (i % 2)
			test_kill(wait_in_child(tokens));
		put_tokens(condition, mutex, tokens, 1);
		test_wait_ok(alive);
		CHECK_EQ(*tokens, 0);
	}
	sluice_condition_close(condition);
	sluice_mutex_close(mutex);
}

/* A signaller is killed with the mutex, before it could signal: the waiter is told of the death when
 * somebody else signals, and owns the mutex. */
static void signaller_dies(void)
{
	sluice_condition *condition = open_condition("news", 0);
	sluice_mutex *mutex = open_mutex("door", 0);
	int *tokens = shared_tokens();
	struct waiter waiter;
	pid_t pid;

	start_waiter(&waiter, condition, mutex, tokens, SLUICE_S(30));
	pid = test_fork();
	if (pid == 0) {
		sluice_mutex *mine = open_mutex("door", 0);

		CHECK_EQ(sluice_mutex_lock(mine, SLUICE_S(5)), 0);
		++*tokens;
		CHECK_EQ(sluice_condition_signal(open_condition("news", 0)), 0);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	CHECK_EQ(end_waiter(&waiter), SLUICE_RECOVERED);
	CHECK_EQ(*tokens, 0);
	sluice_condition_close(condition);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("news"), 0);
	CHECK_EQ(sluice_remove("door"), 0);
}

/* ---- libc's --------------------------------------------------------------------------------- */

struct libc_shared {
	pthread_mutex_t mutex;
	pthread_cond_t condition;
	int waiting, done;
};

static void libc_wait(struct libc_shared *shared)
{
	pthread_mutex_lock(&shared->mutex);
	shared->waiting = 1;
	for (;;)
		pthread_cond_wait(&shared->condition, &shared->mutex);
}

/* A waiter dies; what a signaller of libc's condition does then. Does it come to its end? */
static bool libc_survives(void)
{
	struct libc_shared *shared = (struct libc_shared *)mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t mutex_attributes;
	pthread_condattr_t attributes;
	int64_t began;
	pid_t pid;

	CHECK(shared != MAP_FAILED);
	pthread_mutexattr_init(&mutex_attributes);
	pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&shared->mutex, &mutex_attributes);
	pthread_condattr_init(&attributes);
	pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&shared->condition, &attributes);
	pid = test_fork();
	if (pid == 0)
		libc_wait(shared);
	while (!__atomic_load_n(&shared->waiting, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	await_sleep(pid, pid);
	test_kill(pid);
	pid = test_fork();
	if (pid == 0) {
		for (int i = 0; i < 10; i++)
			pthread_cond_broadcast(&shared->condition);
		pthread_cond_destroy(&shared->condition);
		__atomic_store_n(&shared->done, 1, __ATOMIC_RELEASE);
		_exit(0);
	}
	began = test_now_ns();
	while (!__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE) &&
	       test_now_ns() - began < SLUICE_MS(1500))
		test_sleep_ms(5);
	kill(pid, SIGKILL);
	test_wait(pid);
	return __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE) != 0;
}

/* The same with ours. */
static void beside_libc(void)
{
	sluice_condition *condition;
	bool survives = libc_survives();
	int *tokens = shared_tokens();
	int64_t began;

	printf("  libc's process-shared condition, after a waiter's death: %s\n",
	       survives ? "goes on" : "hangs");
#ifdef __GLIBC__
	CHECK(!survives);
#endif
	condition = open_condition("news", 0);
	test_kill(wait_in_child(tokens));
	began = test_now_ns();
	for (int i = 0; i < 10; i++)
		CHECK_EQ(sluice_condition_broadcast(condition), 0);
	sluice_condition_close(condition);
	CHECK_LT(test_now_ns() - began, SLUICE_MS(1500));
	CHECK_EQ(sluice_remove("news"), 0);
	CHECK_EQ(sluice_remove("door"), 0);
}

int main(void)
{
	test_begin();
	RUN(threads);
	RUN(promptly);
	RUN(removed);
	RUN(waiters_die);
	RUN(signaller_dies);
	RUN(beside_libc);
	return test_end();
}
