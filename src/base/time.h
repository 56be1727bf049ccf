/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* time.h - the monotonic clock in nanoseconds; deadlines */
#ifndef SLI_TIME_H
#define SLI_TIME_H

#include <stdint.h>

#define SLI_NEVER INT64_MAX /* a deadline that does not come */
#define SLI_MS INT64_C(1000000)
#define SLI_US INT64_C(1000)

/* CLOCK_MONOTONIC, in nanoseconds. */
int64_t sli_now(void);
/* The same, as of the last tick (1 to 10 ms ago); a few nanoseconds' work. */
int64_t sli_now_coarse(void);

/* The deadline @timeout_ns from now; a negative one never comes, a sum past the end neither. */
int64_t sli_deadline(int64_t timeout_ns);

/* Sleep; a signal may end it early. Only for the rare places with nothing to wait on. */
void sli_nap(int64_t ns);

#endif
