/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* rwlock.h - the reader-writer lock object, for src/api/ */
#ifndef SLI_OBJECT_RWLOCK_H
#define SLI_OBJECT_RWLOCK_H

#include "rwlock_common.h"

struct sluice_rwlock {
	struct sli_handle handle; /* first */
	struct sli_rwlock_held held;
};

int sli_rwlock_open(const char *name, const struct sli_request *request,
		    sluice_rwlock **ret_rwlock);
void sli_rwlock_close(sluice_rwlock *rwlock);
void sli_rwlock_set_hint(sluice_rwlock *rwlock, uint32_t pid);

void sli_rwlock_info(sluice_rwlock *rwlock, struct sluice_rwlock_info *ret_info);
/* The same of a segment that is only looked at; SLUICE_ECORRUPT when it is no sound lock. */
int sli_rwlock_inspect(struct sli_segment *segment, struct sluice_rwlock_info *ret_info);
/* Does the participant at @place of such a segment, sound as a lock, read or write? */
bool sli_rwlock_holds(const struct sli_segment *segment, uint32_t place);
/* Wake everybody on a lock that is only mapped: it was removed. */
void sli_rwlock_wake_mapped(struct sli_segment *segment);

#endif
