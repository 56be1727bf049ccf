/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * loops.c - what the processes of a turn do: one function for each measure and side
 *
 * The leader holds the clock. It warms up, then measures until its time is over, and never tells the
 * others, which serve until they are killed: no measure needs a word of protocol that it would have
 * to measure too. Nothing is asked about the content of messages here; that is what tests are for.
 */
#include "measure.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIPS 64 /* between two readings of the clock */
#define PAIRS 64
#define PAGE 4096u
#define SAMPLES 16384
#define WARM_LONGEST_NS 1000000000
#define SMALL 4096    /* messages below it are too quick to look at the clock for each */
#define STRIDE 32     /* of such, between two looks */
#define NAP_NS 150000 /* by then the other has fallen asleep */
#define ELSEWHERE 20  /* what a contender does outside the lock */
#define TYPE_COMMON 1
#define TYPE_WANTED 7

static double samples[SAMPLES];
static size_t samples_count;

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sample(double value)
{
	if (samples_count < SAMPLES)
		samples[samples_count++] = value;
}

static double median_of_samples(void)
{
	if (!samples_count)
		return 0;
	qsort(samples, samples_count, sizeof(*samples), compare);
	return samples[samples_count / 2];
}

/* Everybody is here. */
static void gather(const struct bench_turn *turn)
{
	atomic_fetch_add_explicit(&bench_board->arrived, 1, memory_order_acq_rel);
	while ((int)bench_load(&bench_board->arrived) < bench_roles(turn))
		sched_yield();
}

static void join(struct bench_turn *turn, int way, bool sender)
{
	if (turn->driver->join)
		turn->driver->join(&turn->way[way], sender);
}

/* Touched, so that no page of it is missing when the clock runs. */
static void *buffer_of(const struct bench_turn *turn)
{
	size_t size = turn->size > BENCH_BUFFER ? turn->size : BENCH_BUFFER;
	void *buffer = aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE);

	bench_check(buffer != NULL, "malloc");
	memset(buffer, 1, size);
	return buffer;
}

static void nap(int64_t ns)
{
	struct timespec time = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	nanosleep(&time, NULL);
}

/* ---- round trips ---- */

BENCH_INLINE void trip(struct bench_turn *turn, void *buffer)
{
	turn->driver->send(&turn->way[0], buffer, turn->size);
	turn->driver->receive(&turn->way[1], buffer, turn->size);
}

/* What has to pass before all the memory of a channel was used: a page's first use may take longer than
 * a message's way. The kernel's buffers are its own affair, and nobody notices beside a sleep. */
static size_t fresh_bytes(const struct bench_turn *turn)
{
	if (turn->driver->group == BENCH_KERNEL || turn->measure == BENCH_SLEEP ||
	    !(turn->driver->measures & BENCH_BIT(BENCH_FLOW)))
		return 0;
	return turn->way[0].bytes;
}

static bool is_warm(const struct bench_turn *turn, int64_t start, uint64_t count)
{
	int64_t now = bench_now();

	return now >= start + turn->warm_ns &&
	       (count * turn->size >= fresh_bytes(turn) || now >= start + WARM_LONGEST_NS);
}

static void trips_timed(struct bench_turn *turn, void *buffer, int64_t end, bool keep)
{
	int64_t before = bench_now();
	int64_t now;

	do {
		trip(turn, buffer);
		now = bench_now();
		bench_record(&bench_board->histogram, now - before);
		if (keep)
			sample((double)(now - before));
		before = now;
	} while (now < end);
}

/* Spinning, the clock is a good part of a trip, so half of the time goes to batches without it. */
static void trips_lead(struct bench_turn *turn)
{
	void *buffer = buffer_of(turn);
	int64_t before;
	int64_t end;

	join(turn, 0, true);
	join(turn, 1, false);
	gather(turn);
	before = bench_now();
	for (uint64_t count = 0; !is_warm(turn, before, count); count++)
		trip(turn, buffer);
	before = bench_now();
	end = before + turn->length_ns;
	if (turn->measure == BENCH_SPIN) {
		int64_t half = before + turn->length_ns / 2;

		while (before < half) {
			int64_t now;

			for (int i = 0; i < TRIPS; i++)
				trip(turn, buffer);
			now = bench_now();
			sample((double)(now - before) / TRIPS);
			before = now;
		}
	}
	trips_timed(turn, buffer, end, turn->measure != BENCH_SPIN);
	bench_board->value = median_of_samples();
}

static void trips_serve(struct bench_turn *turn)
{
	void *buffer = buffer_of(turn);

	join(turn, 0, false);
	join(turn, 1, true);
	gather(turn);
	for (;;) {
		turn->driver->receive(&turn->way[0], buffer, turn->size);
		turn->driver->send(&turn->way[1], buffer, turn->size);
	}
}

/* ---- one to one ---- */

static void flow_lead(struct bench_turn *turn)
{
	void *buffer = buffer_of(turn);
	int stride = turn->size < SMALL ? STRIDE : 1;
	uint64_t count = 0;
	int64_t start;
	int64_t now;

	join(turn, 0, false);
	gather(turn);
	start = bench_now();
	do
		count += turn->driver->receive(&turn->way[0], buffer, turn->size);
	while (!is_warm(turn, start, count));
	count = 0;
	start = bench_now();
	do {
		for (int i = 0; i < stride; i++)
			count += turn->driver->receive(&turn->way[0], buffer, turn->size);
		now = bench_now();
	} while (now < start + turn->length_ns || !count);
	bench_board->value = (double)count * 1e9 / (double)(now - start);
}

static void flow_serve(struct bench_turn *turn)
{
	void *buffer = buffer_of(turn);

	join(turn, 0, true);
	gather(turn);
	for (;;)
		turn->driver->send(&turn->way[0], buffer, turn->size);
}

/* ---- many processes, and one that watches them ---- */

static uint64_t count_of_all(uint64_t *ret_most)
{
	uint64_t sum = 0;

	for (int i = 0; i < BENCH_WORKERS; i++) {
		uint64_t count = atomic_load_explicit(&bench_board->worker[i].count,
						      memory_order_acquire);

		sum += count;
		if (ret_most && count > *ret_most)
			*ret_most = count;
	}
	return sum;
}

static void watch(struct bench_turn *turn)
{
	uint64_t most = 0;
	uint64_t before;
	uint64_t all;
	int64_t start;

	gather(turn);
	nap(turn->warm_ns);
	start = bench_now();
	before = count_of_all(NULL);
	nap(turn->length_ns);
	bench_board->value = (double)(count_of_all(&most) - before) * 1e9 /
			     (double)(bench_now() - start);
	all = count_of_all(NULL);
	bench_board->second = all ? 100 * (double)most / (double)all : 0;
}

static void worker_counts(int role, size_t more)
{
	_Atomic uint64_t *count = &bench_board->worker[role - 1].count;

	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more,
			      memory_order_release);
}

/* Roles 1 and 2 send, 3 and 4 receive. */
static void many_serve(struct bench_turn *turn, int role)
{
	bool sender = role <= BENCH_WORKERS / 2;
	void *buffer = buffer_of(turn);

	join(turn, 0, sender);
	gather(turn);
	for (;;) {
		if (sender)
			turn->driver->send(&turn->way[0], buffer, turn->size);
		else
			worker_counts(role,
				      turn->driver->receive(&turn->way[0], buffer, turn->size));
	}
}

static void contend_serve(struct bench_turn *turn, int role)
{
	const struct bench_driver *driver = turn->driver;

	join(turn, 0, false);
	gather(turn);
	while (!atomic_load_explicit(&bench_board->over, memory_order_relaxed)) {
		driver->lock(&turn->way[0]);
		bench_board->number++;
		driver->unlock(&turn->way[0]);
		worker_counts(role, 1);
		for (int i = 0; i < ELSEWHERE; i++)
			__asm__ __volatile__("" ::: "memory");
	}
}

/* ---- alone ---- */

/* The median time of what @pair does, in batches. */
static double pairs(struct bench_turn *turn, void (*pair)(struct bench_turn *turn))
{
	int64_t before = bench_now();
	int64_t warm = before + turn->warm_ns;
	int64_t end = warm + turn->length_ns;
	int64_t now;

	samples_count = 0;
	do {
		for (int i = 0; i < PAIRS; i++)
			pair(turn);
		now = bench_now();
		if (before >= warm)
			sample((double)(now - before) / PAIRS);
		before = now;
	} while (now < end || !samples_count);
	return median_of_samples();
}

static void pair_of_lock(struct bench_turn *turn)
{
	turn->driver->lock(&turn->way[0]);
	turn->driver->unlock(&turn->way[0]);
}

static void pair_of_type(struct bench_turn *turn)
{
	turn->driver->send_type(&turn->way[0], TYPE_WANTED);
	turn->driver->receive_type(&turn->way[0], TYPE_WANTED);
}

static void lock_lead(struct bench_turn *turn)
{
	join(turn, 0, false);
	bench_board->value = pairs(turn, pair_of_lock);
}

static void typed_lead(struct bench_turn *turn)
{
	join(turn, 0, true);
	join(turn, 0, false);
	bench_board->second = pairs(turn, pair_of_type);
	for (int i = 0; i < BENCH_DEPTH; i++)
		turn->driver->send_type(&turn->way[0], TYPE_COMMON);
	bench_board->value = pairs(turn, pair_of_type);
}

/* ---- waking ---- */

static void wake_lead(struct bench_turn *turn)
{
	static struct bench_histogram calls;
	void *buffer = buffer_of(turn);
	int64_t warm = bench_now() + turn->warm_ns;
	int64_t end = warm + turn->length_ns;
	uint32_t number = 0;

	join(turn, 0, true);
	gather(turn);
	do {
		int64_t before;
		int64_t after;

		nap(NAP_NS);
		before = bench_now();
		turn->driver->send(&turn->way[0], buffer, turn->size);
		after = bench_now();
		number++;
		while (bench_load(&bench_board->turn) != number)
			sched_yield();
		if (before < warm)
			continue;
		bench_record(&calls, after - before);
		bench_record(&bench_board->histogram,
			     atomic_load_explicit(&bench_board->stamp, memory_order_relaxed) -
				     before);
	} while (bench_now() < end || !calls.count);
	bench_board->value = bench_percentile(&bench_board->histogram, 0.5);
	bench_board->second = bench_percentile(&calls, 0.5);
}

static void wake_serve(struct bench_turn *turn)
{
	void *buffer = buffer_of(turn);
	uint32_t number = 0;

	join(turn, 0, false);
	gather(turn);
	for (;;) {
		turn->driver->receive(&turn->way[0], buffer, turn->size);
		atomic_store_explicit(&bench_board->stamp, bench_now(), memory_order_relaxed);
		bench_store(&bench_board->turn, ++number);
	}
}

/* ---- memory ---- */

/* Bytes of this process that are present. */
static double memory_present(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long present = 0;

	bench_check(file && fscanf(file, "%*u %lu", &present) == 1, "/proc/self/statm");
	fclose(file);
	return (double)present * (double)sysconf(_SC_PAGESIZE);
}

static void memory_use(struct bench_turn *turn, int way, void *buffer)
{
	const struct bench_driver *driver = turn->driver;

	driver->make(&turn->way[way]);
	join(turn, way, true);
	join(turn, way, false);
	if (driver->lock) {
		driver->lock(&turn->way[way]);
		driver->unlock(&turn->way[way]);
	} else {
		driver->send(&turn->way[way], buffer, turn->size);
		driver->receive(&turn->way[way], buffer, turn->size);
	}
}

/* What a channel takes when it is full, and what it adds to a process in which one message went
 * through it. The first brings code and tables into memory that the second finds there. */
static void memory_lead(struct bench_turn *turn)
{
	void *buffer = buffer_of(turn);
	double before;

	memory_use(turn, 0, buffer);
	(void)memory_present();
	before = memory_present();
	memory_use(turn, 1, buffer);
	bench_board->second = memory_present() - before;
	bench_board->value = (double)turn->way[1].bytes;
}

/* ---- who does what ---- */

int bench_ways(const struct bench_turn *turn)
{
	return turn->measure == BENCH_SPIN || turn->measure == BENCH_SLEEP ||
			       turn->measure == BENCH_MEMORY
		       ? 2
		       : 1;
}

int bench_roles(const struct bench_turn *turn)
{
	static const int roles[BENCH_MEASURES] = {
		[BENCH_SPIN] = 2, [BENCH_SLEEP] = 2,
		[BENCH_FLOW] = 2, [BENCH_MANY] = BENCH_WORKERS + 1,
		[BENCH_LOCK] = 1, [BENCH_CONTEND] = 3,
		[BENCH_WAKE] = 2, [BENCH_TYPED] = 1,
		[BENCH_IDLE] = 1, [BENCH_MEMORY] = 1,
	};

	return roles[turn->measure];
}

static void play_leader(struct bench_turn *turn)
{
	static void (*const leaders[BENCH_MEASURES])(struct bench_turn *) = {
		[BENCH_SPIN] = trips_lead, [BENCH_SLEEP] = trips_lead, [BENCH_FLOW] = flow_lead,
		[BENCH_MANY] = watch,      [BENCH_LOCK] = lock_lead,   [BENCH_CONTEND] = watch,
		[BENCH_WAKE] = wake_lead,  [BENCH_TYPED] = typed_lead, [BENCH_MEMORY] = memory_lead,
	};

	leaders[turn->measure](turn);
}

void bench_play(struct bench_turn *turn, int role)
{
	if (role == 0)
		play_leader(turn);
	else if (turn->measure == BENCH_FLOW)
		flow_serve(turn);
	else if (turn->measure == BENCH_MANY)
		many_serve(turn, role);
	else if (turn->measure == BENCH_CONTEND)
		contend_serve(turn, role);
	else if (turn->measure == BENCH_WAKE)
		wake_serve(turn);
	else
		trips_serve(turn);
}
