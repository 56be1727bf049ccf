/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * bench.h - what the bench programs share: two pinned processes, a clock, sorted samples
 *
 * A bench program compares. It runs its subjects in turns, many short rounds of each, so that what
 * else the machine does falls on all of them alike, and prints each result beside its floor: the
 * same job done by bare instructions or bare system calls, measured between the same two
 * processes in the same run. The ratio travels between machines, the nanoseconds do not.
 *
 * bench_start() forks once. Both processes then go through the same list of subjects and rounds and
 * meet at a gate before each, so that both are running and warm when the clock starts.
 *
 * A bench program has nobody to report to but the terminal: whatever fails ends it with one line.
 */
#ifndef BENCH_H
#define BENCH_H

#include "sluice.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Two cache lines: on many machines neighbours travel together. */
#define BENCH_APART 128

/* A run that takes longer than this is stuck; SIGALRM ends both processes. */
#define BENCH_WATCHDOG_S 600

/* A function that is always compiled into its caller, so that what it is handed is a constant. */
#define BENCH_INLINE static inline __attribute__((always_inline))
#define BENCH_UNUSED __attribute__((unused))

#define BENCH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ------------------------------------------------------------------------------------------- */
/* Failure, clock, memory                                                                      */
/* ------------------------------------------------------------------------------------------- */

static const char *bench_program = "bench";

static __attribute__((noreturn, cold, format(printf, 1, 2))) void bench_fail(const char *format,
									     ...)
{
	va_list args;

	fprintf(stderr, "%s: ", bench_program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* A result of the system's. */
BENCH_INLINE void bench_check(bool good, const char *what)
{
	if (__builtin_expect(!good, 0))
		bench_fail("%s: %s", what, strerror(errno));
}

/* A result of the library's: negative is a code. */
BENCH_INLINE void bench_done(int64_t result, const char *what)
{
	if (__builtin_expect(result < 0, 0))
		bench_fail("%s: %s (%s)", what, sluice_error_text((int)result),
			   sluice_error_name((int)result));
}

static inline int64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Zeroed memory, the same in this process and its future children. */
BENCH_UNUSED static void *bench_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	bench_check(memory != MAP_FAILED, "mmap");
	memset(memory, 0, size);
	return memory;
}

BENCH_UNUSED static double *bench_samples(size_t count)
{
	double *samples = calloc(count ? count : 1, sizeof(*samples));

	bench_check(samples != NULL, "calloc");
	return samples;
}

/* ------------------------------------------------------------------------------------------- */
/* Samples                                                                                     */
/* ------------------------------------------------------------------------------------------- */

static int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts @samples. @part: 0.5 is the median, 0.99 the 99th percentile. */
BENCH_UNUSED static double bench_percentile(double *samples, size_t count, double part)
{
	if (!count)
		return 0;
	qsort(samples, count, sizeof(*samples), bench_compare);
	return samples[(size_t)((double)(count - 1) * part + 0.5)];
}

/* ------------------------------------------------------------------------------------------- */
/* Bare futex                                                                                  */
/* ------------------------------------------------------------------------------------------- */

BENCH_UNUSED static void bench_futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

BENCH_UNUSED static void bench_futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* ------------------------------------------------------------------------------------------- */
/* Processors                                                                                  */
/* ------------------------------------------------------------------------------------------- */

struct bench_cpus {
	int first;
	int second; /* the same as first when there is just one */
};

/* The first two processors that this process may use. Choose others with taskset(1). */
static struct bench_cpus bench_cpus(void)
{
	struct bench_cpus cpus = { -1, -1 };
	cpu_set_t allowed;
	int cpu;

	CPU_ZERO(&allowed);
	bench_check(sched_getaffinity(0, sizeof(allowed), &allowed) == 0, "sched_getaffinity");
	for (cpu = 0; cpu < CPU_SETSIZE && cpus.second < 0; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &allowed))
			continue;
		if (cpus.first < 0)
			cpus.first = cpu;
		else
			cpus.second = cpu;
	}
	if (cpus.second < 0)
		cpus.second = cpus.first;
	return cpus;
}

/* Allow this process one or two processors; it moves there at once. */
static void bench_allow(int cpu, int or_cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	CPU_SET((size_t)or_cpu, &set);
	bench_check(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

/* ------------------------------------------------------------------------------------------- */
/* Two processes                                                                               */
/* ------------------------------------------------------------------------------------------- */

struct bench_gate {
	_Alignas(BENCH_APART) _Atomic uint32_t arrived;
	_Alignas(BENCH_APART) _Atomic uint32_t opened; /* times both were here */
};

struct bench_pair {
	struct bench_cpus cpus;
	struct bench_gate *gate;
	pid_t child;
	bool leader; /* the parent: it holds the clock and prints */
};

BENCH_UNUSED static bool bench_alone(const struct bench_pair *pair)
{
	return pair->cpus.first == pair->cpus.second;
}

/* Each process on its own processor and nowhere else. */
static void bench_pin(const struct bench_pair *pair)
{
	int cpu = pair->leader ? pair->cpus.first : pair->cpus.second;

	bench_allow(cpu, cpu);
}

/* Each process on its own processor for now, but allowed both: Sluice does not spin in a process
 * that has just one. Two that spin stay where they are. */
static void bench_place(const struct bench_pair *pair)
{
	bench_pin(pair);
	bench_allow(pair->cpus.first, pair->cpus.second);
}

BENCH_UNUSED static void bench_say_cpus(struct bench_cpus cpus)
{
	if (cpus.first == cpus.second)
		printf("# just one CPU allowed (%d): both processes share it, nothing can spin\n",
		       cpus.first);
	else
		printf("# two processes, on CPU %d and CPU %d\n", cpus.first, cpus.second);
}

/* Fork: a process on each of the two processors. What is shared must have been made before. */
BENCH_UNUSED static void bench_start(struct bench_pair *pair)
{
	pair->cpus = bench_cpus();
	pair->gate = bench_shared(sizeof(*pair->gate));
	fflush(NULL);
	pair->child = fork();
	bench_check(pair->child >= 0, "fork");
	pair->leader = pair->child > 0;
	if (!pair->leader)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(BENCH_WATCHDOG_S);
	bench_place(pair);
}

static void bench_look_after(const struct bench_pair *pair)
{
	if (pair->leader && waitpid(pair->child, NULL, WNOHANG) != 0)
		bench_fail("the other process ended");
}

/* Both return when both are here. Spins for a while, then sleeps. */
BENCH_UNUSED static void bench_meet(const struct bench_pair *pair)
{
	struct bench_gate *gate = pair->gate;
	const struct timespec slice = { .tv_nsec = 100000000 };
	uint32_t opened = atomic_load(&gate->opened);
	int spins = bench_alone(pair) ? 0 : 100000;

	if (atomic_fetch_add(&gate->arrived, 1) % 2 == 1) {
		atomic_fetch_add(&gate->opened, 1);
		bench_futex_wake(&gate->opened);
		return;
	}
	while (spins-- > 0)
		if (atomic_load(&gate->opened) != opened)
			return;
	while (atomic_load(&gate->opened) == opened) {
		syscall(SYS_futex, &gate->opened, FUTEX_WAIT, opened, &slice, NULL, 0);
		bench_look_after(pair);
	}
}

/* The child ends here; the parent returns. */
BENCH_UNUSED static void bench_finish(const struct bench_pair *pair)
{
	int status;

	if (!pair->leader)
		exit(0);
	bench_check(waitpid(pair->child, &status, 0) == pair->child, "waitpid");
	if (status != 0)
		bench_fail("the other process failed");
}

/* ------------------------------------------------------------------------------------------- */
/* Round trips                                                                                 */
/* ------------------------------------------------------------------------------------------- */

/*
 * The spinning floor: two words, one written by each side. What a line costs depends on where it lies:
 * by a little in the shared cache, and by a factor of two on a machine whose pages have homes near one
 * socket or the other, which a virtual machine does not tell. So the floor goes through as many pages,
 * a pair of lines on each, and what is compared with it goes through BENCH_LANES objects.
 */
#define BENCH_LINE_PLACES 64
#define BENCH_LINE_STRIDE (4096 + 2 * BENCH_APART) /* another page, another set of the cache */
#define BENCH_LANES 8

struct bench_lines {
	_Atomic uint32_t *words;
	size_t place;
	uint32_t sent, got; /* trips in all places */
	bool leader;
};

/* Before the fork. */
BENCH_UNUSED static void bench_lines_prepare(struct bench_lines *lines)
{
	lines->words = bench_shared(BENCH_LINE_PLACES * BENCH_LINE_STRIDE);
}

BENCH_INLINE _Atomic uint32_t *bench_line(const struct bench_lines *lines, bool leaders)
{
	size_t offset = lines->place * BENCH_LINE_STRIDE + (leaders ? 0 : BENCH_APART);

	return lines->words + offset / sizeof(*lines->words);
}

BENCH_INLINE void bench_line_put(void *side)
{
	struct bench_lines *lines = side;

	atomic_store_explicit(bench_line(lines, lines->leader), ++lines->sent,
			      memory_order_release);
}

BENCH_INLINE void bench_line_get(void *side)
{
	struct bench_lines *lines = side;
	uint32_t next = ++lines->got;

	while (atomic_load_explicit(bench_line(lines, !lines->leader), memory_order_acquire) !=
	       next)
		;
}

#define BENCH_TRIPS_BATCH 64

/* @trips to the other side and back, by @put and @get of @side. Nanoseconds a trip: the median of
 * batches, so one that another program interrupted does not count. */
BENCH_INLINE double bench_trips(void *side, bool leader, size_t trips, void (*put)(void *side),
				void (*get)(void *side))
{
	size_t count = trips / BENCH_TRIPS_BATCH;
	double *batches = bench_samples(count);
	double median;

	for (size_t batch = 0; batch < count; batch++) {
		int64_t start = bench_now();

		for (size_t i = 0; i < BENCH_TRIPS_BATCH; i++) {
			if (leader)
				put(side);
			get(side);
			if (!leader)
				put(side);
		}
		batches[batch] = (double)(bench_now() - start) / BENCH_TRIPS_BATCH;
	}
	median = bench_percentile(batches, count, 0.5);
	free(batches);
	return median;
}

/* A turn of the floor, on the next pair of lines. */
BENCH_UNUSED static double bench_lines_turn(struct bench_lines *lines, size_t trips)
{
	lines->place = (lines->place + 1) % BENCH_LINE_PLACES;
	return bench_trips(lines, lines->leader, trips, bench_line_put, bench_line_get);
}

/* ------------------------------------------------------------------------------------------- */
/* Sluice objects                                                                              */
/* ------------------------------------------------------------------------------------------- */

/* The name of this run's object called @what. It goes with its last participant (SLUICE_EPHEMERAL),
 * also when a run is killed. */
static const char *bench_name(pid_t run, const char *what)
{
	static char name[SLUICE_NAME_MAX + 1];

	snprintf(name, sizeof(name), "bench-%ld-%s", (long)run, what);
	return name;
}

/* Attach to a queue, all defaults but @spin_ns (0: the default too). */
BENCH_UNUSED static sluice_queue *bench_queue(pid_t run, const char *what, int64_t spin_ns)
{
	char diagnostic[256] = "";
	const struct sluice_queue_options options = {
		.size = sizeof(options),
		.flags = SLUICE_EPHEMERAL,
		.spin_ns = spin_ns,
		.diagnostic = diagnostic,
		.diagnostic_size = sizeof(diagnostic),
	};
	sluice_queue *queue = NULL;

	if (sluice_queue_open(bench_name(run, what), &options, &queue) < 0)
		bench_fail("%s", diagnostic);
	return queue;
}

BENCH_UNUSED static sluice_mutex *bench_mutex(pid_t run, const char *what)
{
	char diagnostic[256] = "";
	const struct sluice_mutex_options options = {
		.size = sizeof(options),
		.flags = SLUICE_EPHEMERAL,
		.diagnostic = diagnostic,
		.diagnostic_size = sizeof(diagnostic),
	};
	sluice_mutex *mutex = NULL;

	if (sluice_mutex_open(bench_name(run, what), &options, &mutex) < 0)
		bench_fail("%s", diagnostic);
	return mutex;
}

#endif
