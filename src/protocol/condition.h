/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* condition.h - "something changed", for those who wait outside their lock */
#ifndef SLI_CONDITION_H
#define SLI_CONDITION_H

#include "peers.h"

/* In shared memory. */
struct sli_condition_control {
	_Atomic uint32_t sequence; /* bit 0: somebody may sleep; the rest counts */
	uint32_t zeros[31];
};
SLI_SIZE(struct sli_condition_control, SLI_PAIR);

/* With the lock: be a waiter from here on. Return: what to sleep on. */
uint32_t sli_condition_prepare(struct sli_condition_control *control);
/* Without it: sleep until somebody tells. 0 (perhaps for nothing), -ETIMEDOUT, -EINTR, ... */
int sli_condition_sleep(struct sli_condition_control *control, struct sli_peers *peers,
			struct sli_wait *wait, uint32_t seen);
/* Tell one waiter, or all. */
void sli_condition_signal(struct sli_condition_control *control, struct sli_peers *peers);
void sli_condition_broadcast(struct sli_condition_control *control, struct sli_peers *peers);

#endif
