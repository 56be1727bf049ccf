/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* plan.h - a run: its cases, and what came of them */
#ifndef SLUICE_CLI_BENCH_PLAN_H
#define SLUICE_CLI_BENCH_PLAN_H

#include "bench.h"
#include "measure.h"

#define BENCH_ROUNDS_MOST 16

/* Of the rounds: the middle one, the lowest, the highest. */
struct bench_spread {
	double median;
	double low;
	double high;
};

struct bench_case {
	const struct bench_driver *driver;
	enum bench_measure measure;
	size_t size;
	const struct bench_case *floor; /* itself, if it is one; NULL: there is none */
	size_t rounds;                  /* that worked */
	double values[BENCH_ROUNDS_MOST];
	double seconds[BENCH_ROUNDS_MOST];
	struct bench_histogram *histogram; /* of times one by one, or NULL */
	char why[BENCH_WHY];               /* it could not be measured, and why */
	struct bench_spread value;
	struct bench_spread second;
	struct bench_spread ratio; /* to the floor, round by round */
};

struct bench_machine {
	char processor[128];
	char kernel[160];
	char libc[64];
	char memory[32];
	char when[32]; /* UTC */
	int processors;
	double load; /* of the last minute, when the run began */
};

struct bench_plan {
	struct bench_settings settings;
	struct bench_cpus cpus;
	struct bench_machine machine;
	size_t rounds; /* wanted */
	size_t rounds_done;
	double length_ms; /* of a turn, on average */
	double took_s;
	size_t count;
	struct bench_case *cases;
	const char *left_out[BENCH_MEASURES]; /* why nothing of it is measured here; NULL: it is */
};

extern const char *const bench_groups[];

/* bench_find() - the case, if it was measured; @size 0: any. */
const struct bench_case *bench_find(const struct bench_plan *plan, const char *driver,
				    enum bench_measure measure, size_t size);

/* bench_busy() - did others use the processors so much that the numbers are worth little? */
bool bench_busy(const struct bench_plan *plan);

bool bench_measured(const struct bench_case *one);
void bench_look_at_machine(struct bench_machine *machine);
void *bench_allocate(size_t size); /* zeroed; ends the program when there is none */

/* Numbers for people, in @text of @size bytes. */
const char *bench_time_text(double ns, char *text, size_t size);
const char *bench_count_text(double count, char *text, size_t size);
const char *bench_bytes_text(double bytes, char *text, size_t size);
const char *bench_ratio_text(double ratio, char *text, size_t size);

/* bench_value_text() - a value of this measure, with its unit */
const char *bench_value_text(enum bench_measure measure, double value, char *text, size_t size);

/* bench_size_text() - "64 B", "1 MiB" */
const char *bench_size_text(size_t bytes, char *text, size_t size);

/* ---- targets ---- */

enum bench_verdict { BENCH_MET, BENCH_MISSED, BENCH_UNKNOWN };

struct bench_outcome {
	const char *job;
	const char *wanted;
	char measured[96];
	enum bench_verdict verdict;
};

/* bench_target() - the target number @index, judged by this run; false: there are no more. */
bool bench_target(const struct bench_plan *plan, size_t index, struct bench_outcome *ret_outcome);

#endif
