/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_gates.c - conditions and semaphores inside a memory, offsets into it, and huge pages
 */
#include "help.h"

#include <pthread.h>

#define PAGE 4096u
#define PATIENCE SLUICE_S(20)

/* What the data begins with; written under mutex 0. */
struct board {
	uint32_t tokens, taken, waiting;
};

static struct sluice_memory_options gate_options(void)
{
	struct sluice_memory_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.bytes = PAGE;
	options.mutexes = 2;
	options.conditions = 3;
	options.semaphores = 3;
	options.initial = 4;
	options.ceiling = 6;
	options.participants = 8;
	options.slice_ns = SLUICE_MS(20);
	return options;
}

static sluice_memory *open_gates(const char *name)
{
	struct sluice_memory_options options = gate_options();
	sluice_memory *memory = NULL;

	CHECK_EQ(sluice_memory_open(name, &options, &memory), 0);
	return memory;
}

static struct board *board_of(sluice_memory *memory)
{
	return (struct board *)sluice_memory_data(memory);
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* Take one token, or die in the attempt. */
static void take_token(sluice_memory *memory)
{
	struct board *board = board_of(memory);

	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, PATIENCE), 0);
	board->waiting++;
	while (board->tokens == 0)
		CHECK_EQ(sluice_memory_condition_wait(memory, 2, 0, PATIENCE), 0);
	board->tokens--;
	board->taken++;
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
}

static pid_t token_taker(sluice_memory *memory)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		take_token(memory);
		_exit(0);
	}
	return pid;
}

static void wait_until_waiting(sluice_memory *memory, uint32_t count)
{
	uint32_t waiting = 0;

	while (waiting < count) {
		test_sleep_ms(1);
		CHECK_EQ(sluice_memory_mutex_lock(memory, 0, PATIENCE), 0);
		waiting = board_of(memory)->waiting;
		CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
	}
}

static void put_tokens(sluice_memory *memory, uint32_t count)
{
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, PATIENCE), 0);
	board_of(memory)->tokens += count;
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
}

/* One is told, then the rest; one of them was killed while it waited. */
static void told(void)
{
	sluice_memory *memory = open_gates("told");
	pid_t takers[4];

	for (int i = 0; i < 4; i++)
		takers[i] = token_taker(memory);
	wait_until_waiting(memory, 4);
	test_kill(takers[3]);
	put_tokens(memory, 1);
	/* The one that is told may be the dead one; another returns after its slice. */
	CHECK_EQ(sluice_memory_condition_signal(memory, 2), 0);
	put_tokens(memory, 2);
	CHECK_EQ(sluice_memory_condition_broadcast(memory, 2), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(test_wait(takers[i]), 0);
	CHECK_EQ(board_of(memory)->taken, 3);
	CHECK_EQ(board_of(memory)->tokens, 0);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("told"), 0);
}

static void waits_end(void)
{
	sluice_memory *memory = open_gates("ends");
	pid_t child;

	CHECK_EQ(sluice_memory_condition_wait(memory, 0, 0, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, 0), 0);
	CHECK_EQ(sluice_memory_condition_wait(memory, 0, 0, 0), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_memory_condition_wait(memory, 0, 0, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_memory_condition_wait(memory, 0, 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_condition_wait(memory, 3, 0, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_condition_wait(memory, 0, 2, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_condition_signal(memory, 3), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_condition_broadcast(memory, UINT32_MAX), SLUICE_EINVAL);
	/* All this time it was ours. */
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, 0), SLUICE_EDEADLK);
	/* Who has the mutex meanwhile and dies leaves it to who waited. */
	child = test_fork();
	if (child == 0) {
		CHECK_EQ(sluice_memory_mutex_lock(memory, 0, PATIENCE), 0);
		board_of(memory)->tokens = 1;
		CHECK_EQ(sluice_memory_condition_signal(memory, 0), 0);
		raise(SIGKILL);
	}
	CHECK_EQ(sluice_memory_condition_wait(memory, 0, 0, PATIENCE), SLUICE_RECOVERED);
	CHECK_EQ(board_of(memory)->tokens, 1);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
	CHECK_EQ(test_wait(child), -SIGKILL);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("ends"), 0);
}

static void *interrupt_later(void *context)
{
	sluice_memory *memory = (sluice_memory *)context;

	while (!memory_info(memory).waiting)
		test_sleep_ms(1);
	CHECK_EQ(sluice_memory_interrupt(memory), 0);
	return NULL;
}

static void interrupted(void)
{
	sluice_memory *memory = open_gates(NULL);
	pthread_t thread;

	CHECK_EQ(sluice_memory_mutex_lock(memory, 1, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, interrupt_later, memory), 0);
	CHECK_EQ(sluice_memory_condition_wait(memory, 1, 1, PATIENCE), SLUICE_ECANCELED);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 1), 0);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 4, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, interrupt_later, memory), 0);
	CHECK_EQ(sluice_memory_semaphore_wait(memory, 0, 1, PATIENCE), SLUICE_ECANCELED);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	sluice_memory_close(memory);
}

/* ---- semaphores ---------------------------------------------------------------------------- */

static void units(void)
{
	sluice_memory *memory = open_gates("units");

	CHECK_EQ(sluice_memory_semaphore_value(memory, 0), 4);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 3, 0), 0);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 2, 0), SLUICE_EAGAIN);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 2, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_memory_semaphore_wait(memory, 0, 1, 0), 0);
	CHECK_EQ(sluice_memory_semaphore_value(memory, 0), 0);
	CHECK_EQ(sluice_memory_semaphore_release(memory, 0, 4), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_semaphore_release(memory, 0, 3), 0);
	CHECK_EQ(sluice_memory_semaphore_post(memory, 0, 4), SLUICE_EOVERFLOW);
	CHECK_EQ(sluice_memory_semaphore_post(memory, 0, 3), 0);
	CHECK_EQ(sluice_memory_semaphore_value(memory, 0), 6);
	/* The others know nothing of it. */
	CHECK_EQ(sluice_memory_semaphore_value(memory, 1), 4);
	CHECK_EQ(sluice_memory_semaphore_value(memory, 2), 4);
	CHECK_EQ(sluice_memory_semaphore_value(memory, 3), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 3, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 0, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 7, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_semaphore_wait(memory, 0, 7, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_semaphore_post(memory, 3, 1), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_semaphore_post(memory, 0, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_semaphore_release(memory, 0, UINT32_MAX), SLUICE_EINVAL);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("units"), 0);
}

/* What the dead held wakes who waits for it; what a handle holds comes back when it is closed. */
static void units_of_the_dead(void)
{
	sluice_memory *memory = open_gates("gone"), *other = open_gates("gone");
	pid_t child = test_fork();
	int64_t none = 0;

	if (child == 0) {
		CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 4, 0), 0);
		CHECK_EQ(sluice_memory_semaphore_acquire(memory, 2, 1, 0), 0);
		while (!memory_info(memory).waiting)
			test_sleep_ms(1);
		raise(SIGKILL);
	}
	while (sluice_memory_semaphore_value(memory, 2) == 4)
		test_sleep_ms(1);
	CHECK_EQ(memory_info(memory).held, 5);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, 0, 4, PATIENCE), none);
	CHECK_EQ(test_wait(child), -SIGKILL);
	CHECK_EQ(sluice_memory_semaphore_value(memory, 2), 4);
	CHECK_EQ(memory_info(memory).held, 4);
	CHECK_EQ(sluice_memory_semaphore_acquire(other, 0, 1, 0), SLUICE_EAGAIN);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_memory_semaphore_acquire(other, 0, 4, 0), 0);
	/* A child of ours holds nothing of what we hold. */
	child = test_fork();
	if (child == 0) {
		CHECK_EQ(sluice_memory_semaphore_release(other, 0, 1), SLUICE_EPERM);
		CHECK_EQ(sluice_memory_semaphore_post(other, 1, 1), 0);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(sluice_memory_semaphore_value(other, 1), 5);
	CHECK_EQ(sluice_memory_semaphore_release(other, 0, 4), 0);
	sluice_memory_close(other);
	CHECK_EQ(sluice_remove("gone"), 0);
}

/* Two at a time, of four processes, a thousand times each. */
static void at_most_two(void)
{
	enum { CHILDREN = 4, ROUNDS = 1000 };
	sluice_memory *memory = open_gates("two");
	struct board *board = board_of(memory);
	pid_t children[CHILDREN];

	CHECK_EQ(sluice_memory_semaphore_wait(memory, 1, 2, 0), 0);
	for (int c = 0; c < CHILDREN; c++) {
		children[c] = test_fork();
		if (children[c] != 0)
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			CHECK_EQ(sluice_memory_semaphore_acquire(memory, 1, 1, PATIENCE), 0);
			CHECK(__atomic_add_fetch(&board->tokens, 1, __ATOMIC_SEQ_CST) <= 2);
			__atomic_sub_fetch(&board->tokens, 1, __ATOMIC_SEQ_CST);
			CHECK_EQ(sluice_memory_semaphore_release(memory, 1, 1), 0);
		}
		_exit(0);
	}
	for (int c = 0; c < CHILDREN; c++)
		CHECK_EQ(test_wait(children[c]), 0);
	CHECK_EQ(sluice_memory_semaphore_value(memory, 1), 2);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("two"), 0);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void refuse(struct sluice_memory_options options, int code, const char *says)
{
	char text[512] = "";
	sluice_memory *memory = NULL;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_memory_open("there", &options, &memory), code);
	CHECK_CONTAINS(text, says);
}

static void refused(void)
{
	sluice_memory *memory = open_gates("there"), *reader = NULL;
	struct sluice_memory_options options = gate_options();

	options.conditions = 2;
	refuse(options, SLUICE_EMISMATCH, "has conditions 3, wanted 2");
	options = gate_options();
	options.semaphores = 1;
	refuse(options, SLUICE_EMISMATCH, "has semaphores 3, wanted 1");
	options = gate_options();
	options.initial = 5;
	refuse(options, SLUICE_EMISMATCH, "has initial value 4, wanted 5");
	options = gate_options();
	options.ceiling = 5;
	refuse(options, SLUICE_EMISMATCH, "has ceiling 6, wanted 5");
	options.ceiling = 3;
	refuse(options, SLUICE_EINVAL, "initial not over the ceiling");
	options = gate_options();
	options.conditions = SLUICE_MEMORY_GATES_MAX + 1;
	refuse(options, SLUICE_EINVAL, "at most 1024");
	options = gate_options();
	options.semaphores = SLUICE_MEMORY_GATES_MAX + 1;
	refuse(options, SLUICE_EINVAL, "at most 1024");
	options = gate_options();
	options.initial = SLUICE_SEMAPHORE_MAX + 1;
	options.ceiling = 0;
	refuse(options, SLUICE_EINVAL, "ceiling");
	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = SLUICE_READ_ONLY;
	CHECK_EQ(sluice_memory_open("there", &options, &reader), 0);
	CHECK_EQ(sluice_memory_condition_signal(reader, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_condition_wait(reader, 0, 0, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_semaphore_acquire(reader, 0, 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_semaphore_post(reader, 0, 1), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_semaphore_value(reader, 0), 4);
	CHECK_EQ(memory_info(reader).semaphores, 3);
	CHECK_EQ(memory_info(reader).conditions, 3);
	CHECK_EQ(sluice_memory_semaphore_acquire(NULL, 0, 1, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_condition_broadcast(NULL, 0), SLUICE_EINVAL);
	sluice_memory_close(reader);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("there"), 0);
}

/* As many as there may be, and of each the last one. */
static void very_many(void)
{
	struct sluice_memory_options options = gate_options();
	const uint32_t last = SLUICE_MEMORY_GATES_MAX - 1;
	sluice_memory *memory = NULL;

	options.mutexes = options.conditions = options.semaphores = SLUICE_MEMORY_GATES_MAX;
	CHECK_EQ(sluice_memory_open("many", &options, &memory), 0);
	memset(sluice_memory_data(memory), 0xff, PAGE);
	CHECK_EQ(sluice_memory_semaphore_acquire(memory, last, 1, 0), 0);
	CHECK_EQ(sluice_memory_mutex_lock(memory, last, 0), 0);
	CHECK_EQ(sluice_memory_condition_wait(memory, last, last, 0), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, last), 0);
	CHECK_EQ(sluice_memory_semaphore_value(memory, last), 3);
	CHECK_EQ(sluice_memory_semaphore_value(memory, last - 1), 4);
	for (unsigned i = 0; i < PAGE; i++)
		CHECK_EQ(((unsigned char *)sluice_memory_data(memory))[i], 0xff);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("many"), 0);
}

static void offsets(void)
{
	sluice_memory *memory = open_gates(NULL);
	char *data = (char *)sluice_memory_data(memory);

	CHECK(sluice_memory_at(memory, 0, 0) == data);
	CHECK(sluice_memory_at(memory, 8, PAGE - 8) == data + 8);
	CHECK(sluice_memory_at(memory, PAGE, 0) == data + PAGE);
	CHECK(sluice_memory_at(memory, 8, PAGE - 7) == NULL);
	CHECK(sluice_memory_at(memory, PAGE + 1, 0) == NULL);
	CHECK(sluice_memory_at(memory, UINT64_MAX, 2) == NULL);
	CHECK(sluice_memory_at(memory, 1, UINT64_MAX) == NULL);
	CHECK(sluice_memory_at(NULL, 0, 0) == NULL);
	CHECK_EQ(sluice_memory_offset_of(memory, data), 0);
	CHECK_EQ(sluice_memory_offset_of(memory, data + PAGE - 1), PAGE - 1);
	CHECK_EQ(sluice_memory_offset_of(memory, data + PAGE), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_offset_of(memory, data - 1), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_offset_of(memory, NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_offset_of(NULL, data), SLUICE_EINVAL);
	sluice_memory_close(memory);
}

/* Whether there are any is the kernel's business; everything else is as without. */
static void huge_pages(void)
{
	struct sluice_memory_options options = gate_options();
	sluice_memory *memory = NULL;
	const uint64_t bytes = 8 << 20;

	options.flags = SLUICE_HUGE_PAGES | SLUICE_PRIVATE;
	options.maximum = bytes;
	for (int round = 0; round < 2; round++) {
		CHECK_EQ(sluice_memory_open(NULL, &options, &memory), 0);
		CHECK_EQ(sluice_memory_resize(memory, bytes), 0);
		memset(sluice_memory_data(memory), 1, bytes);
		CHECK(memory_info(memory).huge <= bytes + (4 << 20));
		printf("    %llu of %llu bytes on huge pages\n",
		       (unsigned long long)memory_info(memory).huge, (unsigned long long)bytes);
		sluice_memory_close(memory);
		options.flags = SLUICE_HUGE_PAGES;
	}
}

int main(void)
{
	test_begin();
	RUN(told);
	RUN(waits_end);
	RUN(interrupted);
	RUN(units);
	RUN(units_of_the_dead);
	RUN(at_most_two);
	RUN(refused);
	RUN(very_many);
	RUN(offsets);
	RUN(huge_pages);
	return test_end();
}
