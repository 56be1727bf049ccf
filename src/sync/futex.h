/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* futex.h - sleep on a 32-bit word until it changes or a deadline comes */
#ifndef SLI_FUTEX_H
#define SLI_FUTEX_H

#include "../base/atomic.h"

/* Sleep while *@word is @value, at the longest until @deadline (CLOCK_MONOTONIC nanoseconds).
 * @private: all sleepers and wakers are threads of this process.
 * @also: NULL, or a word of this process: and while that is @also_value. Before Linux 5.16 nobody
 * looks at it.
 * Return: 0 (woken, or it has another value; may be spurious), -ETIMEDOUT, -EINTR. */
int sli_futex_wait_both(_Atomic uint32_t *word, uint32_t value, int private, _Atomic uint32_t *also,
			uint32_t also_value, int64_t deadline);

static inline int sli_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline,
				 int private)
{
	return sli_futex_wait_both(word, value, private, NULL, 0, deadline);
}

/* Wake at most @count sleepers. Return: how many were woken. */
int sli_futex_wake(_Atomic uint32_t *word, int count, int private);

#endif
