/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * event.c - the event pair and the bounds of spinning
 */
#include "sync/event.h"
#include "base/time.h"
#include "sync/futex.h"
#include "sync/spin.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#define SYS_FUTEX_WAITV 449 /* everywhere; the C library may be older */

static void arming(void)
{
	struct sli_event event = { 0 };
	uint32_t seen = sli_event_arm(&event, SLI_EVENT_ANY), arm;

	CHECK_EQ(seen, 0);
	arm = sli_event_armed(&event, SLI_EVENT_ANY);
	CHECK_NE(arm, 0);
	CHECK_EQ(sli_event_armed(&event, SLI_EVENT_LOWEST), 0);
	/* Armed again meanwhile: the clearing is void. */
	CHECK_EQ(sli_event_arm(&event, SLI_EVENT_LOWEST), 0);
	sli_event_clear(&event, arm, SLI_EVENT_ANY);
	CHECK_NE(sli_event_armed(&event, SLI_EVENT_ANY), 0);
	arm = sli_event_armed(&event, SLI_EVENT_CLASSES);
	sli_event_clear(&event, arm, SLI_EVENT_ANY);
	CHECK_EQ(sli_event_armed(&event, SLI_EVENT_ANY), 0);
	CHECK_NE(sli_event_armed(&event, SLI_EVENT_LOWEST), 0);
	sli_event_count(&event);
	CHECK_EQ(sli_event_arm(&event, SLI_EVENT_ANY), 1);
}

static void classes(void)
{
	for (int i = 0; i < 100000; i++) {
		uint32_t class = sli_event_class_of((int64_t)(test_random() >> 1));

		CHECK_EQ(class & (class - 1), 0);
		CHECK_NE(class & SLI_EVENT_TYPED, 0);
		CHECK_EQ(class & ~SLI_EVENT_TYPED, 0);
	}
}

static struct sli_event shared_event;
static _Atomic uint32_t ready;

static void *wake_later(void *unused)
{
	(void)unused;
	test_sleep_ms(20);
	sli_store_rel(&ready, 1u);
	sli_fence_sc();
	if (sli_event_armed(&shared_event, SLI_EVENT_ANY)) {
		sli_event_count(&shared_event);
		sli_futex_wake(&shared_event.ev, 1, 1);
	}
	return NULL;
}

static void sleeping(void)
{
	_Atomic uint32_t word = 5;
	pthread_t thread;
	int64_t start = sli_now();
	uint32_t seen;

	/* Another value: at once. The same: until the deadline, and not past it by much. */
	CHECK_EQ(sli_futex_wait(&word, 4, start + INT64_C(5000000000), 0), 0);
	CHECK_EQ(sli_futex_wait(&word, 5, start + 30 * SLI_MS, 0), -ETIMEDOUT);
	CHECK_GE(sli_now() - start, 30 * SLI_MS);
	CHECK_EQ(sli_futex_wait(&word, 5, start, 1), -ETIMEDOUT);
	CHECK_EQ(sli_futex_wake(&word, 1, 0), 0);
	CHECK_LT(sli_now() - start, 2000 * SLI_MS);
	CHECK_EQ(pthread_create(&thread, NULL, wake_later, NULL), 0);
	start = sli_now();
	seen = sli_event_arm(&shared_event, SLI_EVENT_ANY);
	while (!sli_load_acq(&ready)) {
		CHECK_LT(sli_now() - start, 5000 * SLI_MS);
		(void)sli_futex_wait(&shared_event.ev, seen, start + 6000 * SLI_MS, 1);
		seen = sli_event_arm(&shared_event, SLI_EVENT_ANY);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static _Atomic uint32_t count_of_something;

static void *count_later(void *argument)
{
	(void)argument;
	test_sleep_ms(20);
	sli_add_sc(&count_of_something, 1u);
	sli_futex_wake(&count_of_something, 1, 1);
	return NULL;
}

/* A second word, which may have changed by then or may change in the sleep. */
static void sleeping_on_two(void)
{
	_Atomic uint32_t word = 5;
	pthread_t thread;
	int64_t start = sli_now();

	CHECK_EQ(sli_futex_wait_both(&word, 5, 0, &count_of_something, 0, start + 30 * SLI_MS),
		 -ETIMEDOUT);
	if (syscall(SYS_FUTEX_WAITV, NULL, 0, 0, NULL, 0) < 0 && errno != EINVAL)
		return;
	CHECK_EQ(sli_futex_wait_both(&word, 5, 0, &count_of_something, 1, start + 10000 * SLI_MS),
		 0);
	CHECK_EQ(pthread_create(&thread, NULL, count_later, NULL), 0);
	while (sli_load_acq(&count_of_something) == 0)
		CHECK_EQ(sli_futex_wait_both(&word, 5, 0, &count_of_something, 0,
					     start + 10000 * SLI_MS),
			 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void deadlines(void)
{
	int64_t before;

	CHECK_EQ(sli_deadline(-1), SLI_NEVER);
	CHECK_EQ(sli_deadline(INT64_MIN), SLI_NEVER);
	CHECK_EQ(sli_deadline(INT64_MAX), SLI_NEVER);
	before = sli_now();
	CHECK_GE(sli_deadline(SLI_MS), before + SLI_MS);
	before = sli_deadline(SLI_MS);
	CHECK_GE(sli_now() + SLI_MS, before);
}

/* How long one fruitless spin takes. */
static int64_t spin_once(struct sli_spin *spin)
{
	struct sli_spin_turn turn;
	int64_t start = sli_now();

	sli_spin_begin(&turn, spin, -1);
	while (sli_spin_again(&turn))
		;
	sli_spin_end(&turn, false);
	return sli_now() - start;
}

static int64_t quickest_spin(struct sli_spin *spin)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 20; i++) {
		int64_t took = spin_once(spin);

		best = took < best ? took : best;
	}
	return best;
}

static void spinning(void)
{
	struct sli_spin spin;
	cpu_set_t set, one;

	sli_spin_init(&spin, 1);
	CHECK_LT(quickest_spin(&spin), 20 * SLI_US);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	if (CPU_COUNT(&set) < 2)
		test_skip("one processor");
	sli_spin_init(&spin, 200 * SLI_US);
	CHECK_GE(quickest_spin(&spin), 200 * SLI_US);
	CHECK_LT(quickest_spin(&spin), 2000 * SLI_US);
	/* Adaptive: after many misses hardly at all. */
	sli_spin_init(&spin, 0);
	for (int i = 0; i < 20; i++)
		spin_once(&spin);
	CHECK_LT(quickest_spin(&spin), 20 * SLI_US);
	/* One processor: not at all, unless it was asked for. */
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set)) {
			CPU_SET(i, &one);
			break;
		}
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	sli_spin_init(&spin, 0);
	CHECK_LT(quickest_spin(&spin), 20 * SLI_US);
}

int main(void)
{
	test_begin();
	RUN(arming);
	RUN(classes);
	RUN(sleeping);
	RUN(sleeping_on_two);
	RUN(deadlines);
	RUN(spinning);
	return test_end();
}
