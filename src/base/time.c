/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* time.c - see time.h */
#include "time.h"

#include <time.h>

#define NS_PER_S INT64_C(1000000000)

int64_t sli_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t sli_now_coarse(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t sli_deadline(int64_t timeout_ns)
{
	int64_t now;

	if (timeout_ns < 0)
		return SLI_NEVER;
	now = sli_now();
	return timeout_ns > SLI_NEVER - now ? SLI_NEVER : now + timeout_ns;
}

void sli_nap(int64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NS_PER_S),
			       .tv_nsec = (long)(ns % NS_PER_S) };

	nanosleep(&ts, NULL);
}
