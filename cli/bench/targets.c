/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * targets.c - what Sluice means to reach, and whether it did in this run
 *
 * A target compares two things of one run, round by round: a case with its floor or with another
 * case. What the run did not measure stays unknown.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define KIB64 65536
#define SIZE_SMALL 64
#define LEAST true
#define MOST false

struct target {
	const char *job;
	const char *driver;
	enum bench_measure measure;
	size_t size;
	const char *other; /* driver that it is compared with; NULL: see value */
	bool at_least;
	double limit;
	/* NULL: the ratio of the two */
	double (*value)(const struct bench_case *one, const struct bench_case *other);
	const char *wanted;
	const char *of; /* what the number is of */
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The middle of the rounds' ratios. */
static double ratio_of(const struct bench_case *one, const struct bench_case *other)
{
	double ratios[BENCH_ROUNDS_MOST];
	size_t rounds = one->rounds < other->rounds ? one->rounds : other->rounds;

	for (size_t r = 0; r < rounds; r++)
		ratios[r] = one->values[r] / other->values[r];
	qsort(ratios, rounds, sizeof(*ratios), compare);
	return ratios[rounds / 2];
}

static double depth_of(const struct bench_case *one, const struct bench_case *other)
{
	(void)other;
	return one->value.median / one->second.median;
}

static double percent_of_cpu(const struct bench_case *one, const struct bench_case *other)
{
	(void)other;
	return one->value.median / 1e7;
}

static double mebibytes(const struct bench_case *one, const struct bench_case *other)
{
	(void)other;
	return one->value.median / BENCH_MEGABYTE;
}

static double kibibytes(const struct bench_case *one, const struct bench_case *other)
{
	(void)other;
	return one->value.median / 1024;
}

/* Messages a second, of two sizes, as times. */
static double longer(const struct bench_case *one, const struct bench_case *other)
{
	return ratio_of(other, one);
}

static double luckier(const struct bench_case *one, const struct bench_case *other)
{
	(void)other;
	return one->second.median;
}

static const struct target targets[] = {
	{ "queue, 64 B, round trip, spinning", "queue", BENCH_SPIN, 0, "floor-lines", MOST, 2.0,
	  NULL, "at most 2.0", "times two bare cache lines" },
	{ "stream, 64 B, round trip, spinning", "stream", BENCH_SPIN, 0, "floor-lines", MOST, 1.7,
	  NULL, "at most 1.7", "times two bare cache lines" },
	{ "topic, 64 B, round trip, spinning", "topic", BENCH_SPIN, 0, "floor-lines", MOST, 1.7,
	  NULL, "at most 1.7", "times two bare cache lines" },
	{ "queue, 64 B, round trip, sleeping", "queue", BENCH_SLEEP, 0, "", MOST, 1.1, NULL,
	  "at most 1.1", "times the slower of futex and pipe" },
	{ "stream, 64 B, round trip, sleeping", "stream", BENCH_SLEEP, 0, "", MOST, 1.1, NULL,
	  "at most 1.1", "times the slower of futex and pipe" },
	{ "topic, 64 B, round trip, sleeping", "topic", BENCH_SLEEP, 0, "", MOST, 1.1, NULL,
	  "at most 1.1", "times the slower of futex and pipe" },
	{ "queue, 64 B, a call a message", "queue", BENCH_FLOW, 64, "pipe", LEAST, 5, NULL,
	  "at least 5", "times the pipe" },
	{ "queue, 64 B, batches of 32", "queue-batch", BENCH_FLOW, 64, "pipe", LEAST, 10, NULL,
	  "at least 10", "times the pipe" },
	{ "stream, writes of 64 B and large reads", "stream-bulk", BENCH_FLOW, 64, "pipe", LEAST,
	  10, NULL, "at least 10", "times the pipe" },
	{ "topic, 64 B, one publisher", "topic", BENCH_FLOW, 64, "pipe", LEAST, 10, NULL,
	  "at least 10", "times the pipe" },
	{ "topic in place, a message of 1 MiB", "topic-place", BENCH_FLOW, BENCH_MEGABYTE,
	  "topic-place", MOST, 1.2, longer, "at most 1.2", "times one of 64 B" },
	{ "stream, writes of 64 KiB", "stream", BENCH_FLOW, KIB64, "floor-copy", LEAST, 0.8, NULL,
	  "at least 0.8", "of the bare copy pipeline" },
	{ "stream, writes of 1 MiB", "stream", BENCH_FLOW, BENCH_MEGABYTE, "floor-copy", LEAST, 0.8,
	  NULL, "at least 0.8", "of the bare copy pipeline" },
	{ "stream, writes of 64 KiB", "stream", BENCH_FLOW, KIB64, "pipe", LEAST, 8, NULL,
	  "at least 8", "times the pipe" },
	{ "stream, writes of 1 MiB", "stream", BENCH_FLOW, BENCH_MEGABYTE, "pipe", LEAST, 8, NULL,
	  "at least 8", "times the pipe" },
	{ "queue, by type behind 10000 others", "queue", BENCH_TYPED, 0, NULL, MOST, 10, depth_of,
	  "at most 10", "times the cost behind none" },
	{ "queue, by type behind 10000 others", "queue", BENCH_TYPED, 0, "sysv-msg", MOST, 0.05,
	  NULL, "at most 0.05", "of System V" },
	{ "a waiter on a queue, idle", "queue", BENCH_IDLE, 0, NULL, MOST, 0.05, percent_of_cpu,
	  "less than 0.05", "% of a processor" },
	{ "the same, 128 attached", "queue-crowd", BENCH_IDLE, 0, NULL, MOST, 0.05, percent_of_cpu,
	  "less than 0.05", "% of a processor" },
	{ "memory of a default queue", "queue", BENCH_MEMORY, 0, NULL, MOST, 1.2, mebibytes,
	  "less than 1.2", "MiB" },
	{ "memory of a tiny queue", "queue-tiny", BENCH_MEMORY, 0, NULL, MOST, 8, kibibytes,
	  "at most 8", "KiB" },
	{ "queue, 64 B, round trip, 128 attached", "queue-crowd", BENCH_SPIN, 0, "queue", MOST, 1.1,
	  NULL, "at most 1.1", "times that with 2" },
	{ "queue, 64 B, throughput, 128 attached", "queue-crowd", BENCH_FLOW, 64, "queue", LEAST,
	  1 / 1.1, NULL, "at least 0.91", "of that with 2" },
	{ "mutex, contended by two processes", "mutex", BENCH_CONTEND, 0, "pthread-robust", LEAST,
	  0.9, NULL, "at least 0.9", "of a robust pthread mutex's locks" },
	{ "mutex, contended by two processes", "mutex", BENCH_CONTEND, 0, NULL, MOST, 60, luckier,
	  "at most 60", "% to the luckier" },
};

/* The other case: named, or, asleep, the slower of two. */
static const struct bench_case *other_of(const struct bench_plan *plan, const struct target *target)
{
	const struct bench_case *futex;
	const struct bench_case *pipe;

	if (!strcmp(target->other, target->driver))
		return bench_find(plan, target->other, target->measure, SIZE_SMALL);
	if (*target->other)
		return bench_find(plan, target->other, target->measure, target->size);
	futex = bench_find(plan, "floor-futex", target->measure, 0);
	pipe = bench_find(plan, "pipe", target->measure, 0);
	if (!futex || !pipe)
		return NULL;
	return futex->value.median > pipe->value.median ? futex : pipe;
}

bool bench_target(const struct bench_plan *plan, size_t index, struct bench_outcome *ret_outcome)
{
	const struct target *target;
	const struct bench_case *one;
	const struct bench_case *other = NULL;
	char text[32];
	double value;

	if (index >= BENCH_COUNT(targets))
		return false;
	target = &targets[index];
	*ret_outcome = (struct bench_outcome){ target->job, "", "", BENCH_UNKNOWN };
	ret_outcome->wanted = target->wanted;
	one = bench_find(plan, target->driver, target->measure, target->size);
	if (target->other)
		other = other_of(plan, target);
	if (!one || (target->other && !other))
		return true;
	value = target->value ? target->value(one, other) : ratio_of(one, other);
	snprintf(ret_outcome->measured, sizeof(ret_outcome->measured), "%s %s",
		 bench_ratio_text(value, text, sizeof(text)), target->of);
	ret_outcome->verdict = (target->at_least ? value >= target->limit : value <= target->limit)
				       ? BENCH_MET
				       : BENCH_MISSED;
	return true;
}
