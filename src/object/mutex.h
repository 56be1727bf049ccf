/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* mutex.h - the mutex object, for src/api/ */
#ifndef SLI_MUTEX_H
#define SLI_MUTEX_H

#include "../protocol/lock.h"
#include "handle.h"

/* In shared memory. */
struct sli_mutex_control {
	struct sli_lock lock;
	uint32_t zeros[31];
};
SLI_SIZE(struct sli_mutex_control, SLI_PAIR);

struct sluice_mutex {
	struct sli_handle handle; /* first */
	struct sli_mutex_control *control;
	_Atomic uintptr_t owner; /* the thread that holds it through this handle; 0: none */
};

int sli_mutex_open(const char *name, const struct sli_request *request, sluice_mutex **ret_mutex);
void sli_mutex_close(sluice_mutex *mutex);
int sli_mutex_lock(sluice_mutex *mutex, int64_t timeout);
int sli_mutex_unlock(sluice_mutex *mutex);
void sli_mutex_set_hint(sluice_mutex *mutex, uint32_t pid);
void sli_mutex_info(sluice_mutex *mutex, struct sluice_mutex_info *ret_info);
int sli_mutex_inspect(struct sli_segment *segment, struct sluice_mutex_info *ret_info);
/* Wake everybody on a mutex that is only mapped: it was removed. */
void sli_mutex_wake_mapped(struct sli_segment *segment);
/* The place that holds the mutex in a segment that is only looked at; SLI_NO_PLACE: nobody. */
uint32_t sli_mutex_holder(const struct sli_segment *segment);

extern const struct sli_kind sli_mutex_kind;

#endif
