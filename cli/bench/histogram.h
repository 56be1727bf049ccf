/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * histogram.h - times, counted in buckets that are all equally fine
 *
 * A time falls into one of 64 buckets of its power of two, so that a bucket is never wider than
 * 1.6 per cent of what it holds, from a nanosecond to hours, in 18 KiB and without sorting anything.
 */
#ifndef SLUICE_CLI_BENCH_HISTOGRAM_H
#define SLUICE_CLI_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_FINE_BITS 6
#define BENCH_FINE (1u << BENCH_FINE_BITS)
#define BENCH_POWERS 36
#define BENCH_BUCKETS (BENCH_FINE * BENCH_POWERS)

struct bench_histogram {
	uint64_t count;
	uint64_t buckets[BENCH_BUCKETS];
};

/* Below BENCH_FINE a bucket is a nanosecond. */
static inline size_t bench_bucket(uint64_t value)
{
	unsigned power;
	size_t bucket;

	if (value < BENCH_FINE)
		return (size_t)value;
	power = 63u - (unsigned)__builtin_clzll(value);
	bucket = (size_t)(power - BENCH_FINE_BITS + 1) * BENCH_FINE +
		 (size_t)(value >> (power - BENCH_FINE_BITS) & (BENCH_FINE - 1));
	return bucket < BENCH_BUCKETS ? bucket : BENCH_BUCKETS - 1;
}

static inline void bench_record(struct bench_histogram *histogram, int64_t value)
{
	histogram->buckets[bench_bucket(value < 0 ? 0 : (uint64_t)value)]++;
	histogram->count++;
}

/* bench_percentile() - the middle of the bucket below which @part of all lies: 0.5 is the median. */
double bench_percentile(const struct bench_histogram *histogram, double part);

void bench_add(struct bench_histogram *sum, const struct bench_histogram *histogram);

#endif
