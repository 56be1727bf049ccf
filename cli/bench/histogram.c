/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* histogram.c - reading what histogram.h records */
#include "histogram.h"

static double bucket_middle(size_t bucket)
{
	size_t power = bucket / BENCH_FINE;
	double width;

	if (power == 0)
		return (double)bucket;
	width = (double)(UINT64_C(1) << (power - 1));
	return width * (double)(BENCH_FINE + bucket % BENCH_FINE) + (width - 1) / 2;
}

double bench_percentile(const struct bench_histogram *histogram, double part)
{
	uint64_t wanted = (uint64_t)((double)histogram->count * part);
	uint64_t seen = 0;

	for (size_t i = 0; i < BENCH_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen > wanted || (seen && seen == histogram->count))
			return bucket_middle(i);
	}
	return 0;
}

void bench_add(struct bench_histogram *sum, const struct bench_histogram *histogram)
{
	for (size_t i = 0; i < BENCH_BUCKETS; i++)
		sum->buckets[i] += histogram->buckets[i];
	sum->count += histogram->count;
}
