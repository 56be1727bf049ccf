/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* rwlock_common.h - what the reader-writer lock object and the reader-writer locks in a memory share */
#ifndef SLI_RWLOCK_COMMON_H
#define SLI_RWLOCK_COMMON_H

#include "../base/thread.h"
#include "../protocol/rwlock.h"
#include "handle.h"

/* One lock, as the threads of one handle hold it. */
struct sli_rwlock_held {
	struct sli_rwlock lock;
	_Atomic uintptr_t owner;    /* the thread that writes through this handle; 0: none */
	struct sli_threads threads; /* holds: how often it has locked shared; mine: its stripe */
	struct sli_handle *handle;
};

/* @held->lock is a view of the lock, and its handle has a new place: nobody holds anything. */
void sli_rwlock_held_join(struct sli_rwlock_held *held, struct sli_handle *handle);
void sli_rwlock_held_free(struct sli_rwlock_held *held);

int sli_rwlock_held_share(struct sli_rwlock_held *held, int64_t timeout);
int sli_rwlock_held_exclude(struct sli_rwlock_held *held, int64_t timeout);
int sli_rwlock_held_unlock(struct sli_rwlock_held *held);

/* Wake everybody on a lock that is only mapped: its object was removed. */
void sli_rwlock_wake_control(struct sli_rwlock_control *control);

#endif
