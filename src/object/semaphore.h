/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* semaphore.h - the semaphore object, for src/api/ */
#ifndef SLI_OBJECT_SEMAPHORE_H
#define SLI_OBJECT_SEMAPHORE_H

#include "../protocol/semaphore.h"
#include "handle.h"

struct sluice_semaphore {
	struct sli_handle handle; /* first */
	struct sli_semaphore units;
};

/* What the opener asked for; 0: no opinion. */
struct sli_semaphore_wish {
	uint32_t initial, ceiling;
};

int sli_semaphore_open(const char *name, const struct sli_request *request,
		       const struct sli_semaphore_wish *wish, sluice_semaphore **ret_semaphore);
void sli_semaphore_close(sluice_semaphore *semaphore);

/* The operations; @owned: acquire and release, else wait and post. */
int sli_semaphore_get(sluice_semaphore *semaphore, uint32_t units, bool owned, int64_t timeout);
int sli_semaphore_put(sluice_semaphore *semaphore, uint32_t units, bool owned);
/* From now on the units belong to the description @fd. */
int sli_semaphore_hold_for(sluice_semaphore *semaphore, int fd);
int sli_semaphore_fd(sluice_semaphore *semaphore);
void sli_semaphore_set_hint(sluice_semaphore *semaphore, uint32_t pid);

void sli_semaphore_info(sluice_semaphore *semaphore, struct sluice_semaphore_info *ret_info);
/* The same of a segment that is only looked at; SLUICE_ECORRUPT when it is no sound semaphore. */
int sli_semaphore_inspect(struct sli_segment *segment, struct sluice_semaphore_info *ret_info);
/* How many units the participant at @place of such a segment, sound as a semaphore, holds. */
uint32_t sli_semaphore_held_by(const struct sli_segment *segment, uint32_t place);
/* Wake everybody on a semaphore that is only mapped: it was removed. */
void sli_semaphore_wake_mapped(struct sli_segment *segment);

#endif
