/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * pid_namespace.c - participants that cannot name each other
 *
 * Two processes, each the first of a PID namespace of its own: both have pid 1, and began at the
 * same tick. They share a queue and a mutex. The one is not taken for the other, alive or dead; when
 * one is killed, the other recovers. And when one closes all its descriptors, which looks like a
 * death from another namespace, it finds out and damages nothing.
 */
#include "test.h"

#include <sched.h>
#include <sluice.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* Both sides wait here for the other to get that far. */
struct stage {
	uint32_t step;
	int32_t result;
};

static struct stage *stage;

static void step_to(uint32_t step)
{
	__atomic_store_n(&stage->step, step, __ATOMIC_SEQ_CST);
}

static void step_wait(uint32_t step)
{
	int64_t end = test_now_ns() + INT64_C(10000000000);

	while (__atomic_load_n(&stage->step, __ATOMIC_SEQ_CST) < step) {
		if (test_now_ns() > end)
			test_fail(__FILE__, __LINE__, "the other one does not get to step %u",
				  step);
		test_sleep_ms(1);
	}
}

/* As test_fork(), but the child is the first process of a PID namespace, with a /proc of it. */
static pid_t namespace_spawn(void (*body)(void))
{
	struct test_state *state = test_state();
	pid_t pid;

	fflush(NULL);
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		test_skip("a PID namespace cannot be made: %s", strerror(errno));
	if (pid == 0) {
		state->child_count = 0;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGABRT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
			(void)!mount("proc", "/proc", "proc", 0, NULL);
		CHECK_EQ(getpid(), 1);
		body();
		fflush(NULL);
		_exit(0);
	}
	CHECK(state->child_count < TEST_CHILDREN);
	state->children[state->child_count++] = pid;
	return pid;
}

static void open_both(sluice_queue **queue, sluice_mutex **mutex)
{
	CHECK_EQ(sluice_queue_open("jobs", NULL, queue), 0);
	CHECK_EQ(sluice_mutex_open("door", NULL, mutex), 0);
}

/* ---- killed --------------------------------------------------------------------------------- */

static void holder(void)
{
	sluice_queue *queue;
	sluice_mutex *mutex;
	const void *loan;
	void *room;

	open_both(&queue, &mutex);
	for (int64_t i = 1; i <= 3; i++)
		CHECK_EQ(sluice_queue_send(queue, i, &i, sizeof(i), SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &loan, NULL, SLUICE_NOWAIT), sizeof(int64_t));
	CHECK_EQ(sluice_queue_reserve(queue, 100, &room, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), 0);
	step_to(1);
	for (;;)
		pause();
}

static void expect_message(sluice_queue *queue, int64_t value, uint32_t flags)
{
	struct sluice_message info = { .size = sizeof(info) };
	int64_t got = 0;

	CHECK_EQ(sluice_queue_receive(queue, 0, &got, sizeof(got), &info, SLUICE_S(1)),
		 sizeof(got));
	CHECK_EQ(got, value);
	CHECK_EQ(info.flags, flags);
}

static void survivor(void)
{
	struct sluice_queue_info info = { .size = sizeof(info) };
	sluice_queue *queue, *other;
	sluice_mutex *mutex;
	int64_t value = 4;

	step_wait(1);
	open_both(&queue, &mutex);
	/* It has my pid, but it is not me, and it lives. */
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_MS(50)), SLUICE_ETIMEDOUT);
	expect_message(queue, 2, 0);
	step_to(2);
	step_wait(3);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(1)), SLUICE_RECOVERED);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	CHECK_EQ(sluice_queue_open("jobs", NULL, &other), 0);
	sluice_queue_close(other);
	expect_message(queue, 1, SLUICE_REDELIVERED);
	expect_message(queue, 3, 0);
	CHECK_EQ(sluice_queue_send(queue, 1, &value, sizeof(value), SLUICE_S(1)), 0);
	expect_message(queue, 4, 0);
	CHECK_EQ(sluice_queue_info(queue, &info), 0);
	CHECK_EQ(info.sent, 4);
	CHECK_EQ(info.received, 4);
	CHECK_EQ(info.messages, 0);
	CHECK_EQ(info.attached, 1);
	CHECK_EQ(info.repairs, 1);
}

static void killed(void)
{
	pid_t one, two;

	stage->step = 0;
	one = namespace_spawn(holder);
	two = namespace_spawn(survivor);
	step_wait(2);
	test_kill(one);
	step_to(3);
	test_wait_ok(two);
	CHECK_EQ(sluice_remove("jobs"), 0);
	CHECK_EQ(sluice_remove("door"), 0);
}

/* ---- all descriptors closed ------------------------------------------------------------------ */

static void closer(void)
{
	sluice_queue *queue;
	sluice_mutex *mutex;
	const void *loan;
	int64_t value = 7;

	open_both(&queue, &mutex);
	CHECK_EQ(sluice_queue_send(queue, 1, &value, sizeof(value), SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &loan, NULL, SLUICE_NOWAIT), sizeof(value));
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_NOWAIT), 0);
	syscall(SYS_close_range, 3, ~0u, 0);
	step_to(1);
	step_wait(2);
	CHECK_EQ(sluice_mutex_unlock(mutex), SLUICE_ESTALE);
	CHECK_EQ(sluice_queue_consume(queue, loan), SLUICE_ESTALE);
	step_to(3);
}

static void taker(void)
{
	struct sluice_queue_info info = { .size = sizeof(info) };
	sluice_queue *queue;
	sluice_mutex *mutex, *other;

	step_wait(1);
	open_both(&queue, &mutex);
	CHECK_EQ(sluice_mutex_lock(mutex, SLUICE_S(1)), SLUICE_RECOVERED);
	expect_message(queue, 7, SLUICE_REDELIVERED);
	step_to(2);
	step_wait(3);
	/* What the other one tried has changed nothing. */
	CHECK_EQ(sluice_mutex_open("door", NULL, &other), 0);
	CHECK_EQ(sluice_mutex_lock(other, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	CHECK_EQ(sluice_mutex_lock(other, SLUICE_NOWAIT), 0);
	CHECK_EQ(sluice_mutex_unlock(other), 0);
	CHECK_EQ(sluice_queue_info(queue, &info), 0);
	CHECK_EQ(info.sent, 1);
	CHECK_EQ(info.received, 1);
}

static void descriptors_closed(void)
{
	pid_t one, two;

	stage->step = 0;
	one = namespace_spawn(closer);
	two = namespace_spawn(taker);
	test_wait_ok(one);
	test_wait_ok(two);
	CHECK_EQ(sluice_remove("jobs"), 0);
	CHECK_EQ(sluice_remove("door"), 0);
}

int main(void)
{
	test_begin();
	stage = (struct stage *)mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stage != MAP_FAILED);
	RUN(killed);
	RUN(descriptors_closed);
	return test_end();
}
