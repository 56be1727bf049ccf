/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * interrupt_late.c - an interrupt between a waiter's last look and its sleep
 *
 * This program is linked with --wrap=syscall, so the interrupt comes where no thread could put it: in
 * the waiter itself, when the kernel is the next to act. A slice lasts 5 s here; who sleeps through
 * the interrupt needs all of it.
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sluice.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define FUTEX_WAITV 449L /* everywhere; the C library may be older */
#define SLICE SLUICE_S(5)
#define SHORT SLUICE_MS(2500)
#define PATIENCE SLUICE_S(20)
/* Which sleep it is: the first one that lasts a slice. */
#define OF_LOCK 5u
#define OF_CONDITION 4u

static int (*interrupt)(void *object);
static void *interrupted;
static unsigned int sleeps, late;
static int64_t when;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (number == FUTEX_WAITV && interrupt && ++sleeps == late) {
		when = test_now_ns();
		CHECK_EQ(interrupt(interrupted), 0);
	}
	return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
			      arguments[4], arguments[5]);
}

static void begin(int (*by)(void *object), void *object, unsigned int sleep)
{
	late = sleep;
	interrupted = object;
	interrupt = by;
	sleeps = 0;
}

static void end(int result)
{
	interrupt = NULL;
	CHECK_EQ(result, SLUICE_ECANCELED);
	CHECK_EQ(sleeps, late);
	CHECK_LT(test_now_ns() - when, SHORT);
}

static sluice_mutex *open_mutex(const char *name)
{
	struct sluice_mutex_options options = { .size = sizeof(options), .slice_ns = SLICE };
	sluice_mutex *mutex = NULL;

	CHECK_EQ(sluice_mutex_open(name, &options, &mutex), 0);
	return mutex;
}

static int interrupt_mutex(void *mutex)
{
	return sluice_mutex_interrupt(mutex);
}

static void mutex(void)
{
	sluice_mutex *owner = open_mutex("late"), *waiter = open_mutex("late");

	CHECK_EQ(sluice_mutex_lock(owner, 0), 0);
	begin(interrupt_mutex, waiter, OF_LOCK);
	end(sluice_mutex_lock(waiter, PATIENCE));
	CHECK_EQ(sluice_mutex_unlock(owner), 0);
	sluice_mutex_close(waiter);
	sluice_mutex_close(owner);
	CHECK_EQ(sluice_remove("late"), 0);
}

static int interrupt_condition(void *condition)
{
	return sluice_condition_interrupt(condition);
}

static void condition(void)
{
	struct sluice_condition_options options = { .size = sizeof(options), .slice_ns = SLICE };
	sluice_mutex *mutex = open_mutex(NULL);
	sluice_condition *condition = NULL;

	CHECK_EQ(sluice_condition_open(NULL, &options, &condition), 0);
	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	begin(interrupt_condition, condition, OF_CONDITION);
	end(sluice_condition_wait(condition, mutex, PATIENCE));
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	sluice_condition_close(condition);
	sluice_mutex_close(mutex);
}

static int interrupt_memory(void *memory)
{
	return sluice_memory_interrupt(memory);
}

static void condition_in_memory(void)
{
	struct sluice_memory_options options = { .size = sizeof(options),
						 .slice_ns = SLICE,
						 .bytes = 4096,
						 .mutexes = 1,
						 .conditions = 1 };
	sluice_memory *memory = NULL;

	CHECK_EQ(sluice_memory_open(NULL, &options, &memory), 0);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, 0), 0);
	begin(interrupt_memory, memory, OF_CONDITION);
	end(sluice_memory_condition_wait(memory, 0, 0, PATIENCE));
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
	sluice_memory_close(memory);
}

int main(void)
{
	if (__real_syscall(FUTEX_WAITV, 0L, 0L, 0L, 0L, 0L, 0L) < 0 && errno != EINVAL)
		test_skip("no futex_waitv here: %s", strerror(errno));
	RUN(mutex);
	RUN(condition);
	RUN(condition_in_memory);
	return test_end();
}
