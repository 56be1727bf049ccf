/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* barrier.h - the barrier object, for src/api/ */
#ifndef SLI_OBJECT_BARRIER_H
#define SLI_OBJECT_BARRIER_H

#include "../protocol/barrier.h"
#include "handle.h"

struct sluice_barrier {
	struct sli_handle handle; /* first */
	struct sli_barrier meeting;
};

int sli_barrier_open(const char *name, const struct sli_request *request, uint32_t parties,
		     sluice_barrier **ret_barrier);
void sli_barrier_close(sluice_barrier *barrier);
int sli_barrier_wait_for(sluice_barrier *barrier, int64_t timeout);
int sli_barrier_restore(sluice_barrier *barrier);

void sli_barrier_info(sluice_barrier *barrier, struct sluice_barrier_info *ret_info);
/* The same of a segment that is only looked at; SLUICE_ECORRUPT when it is no sound barrier. */
int sli_barrier_inspect(struct sli_segment *segment, struct sluice_barrier_info *ret_info);
/* Wake everybody on a barrier that is only mapped: it was removed. */
void sli_barrier_wake_mapped(struct sli_segment *segment);

#endif
