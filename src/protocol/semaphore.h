/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* semaphore.h - units that are posted and waited for, or held by a participant until it dies */
#ifndef SLI_SEMAPHORE_H
#define SLI_SEMAPHORE_H

#include "../sync/event.h"
#include "lock.h"

#define SLI_SEMAPHORE_MOST 0x7fffffffu
#define SLI_SEMAPHORE_GRACE_NS INT64_C(2000000) /* for a call that may not wait */

/* In shared memory, written under the lock. All zero is a semaphore with its initial units. */
struct sli_semaphore_control {
	struct sli_lock lock;
	_Atomic uint32_t change;  /* truth: units posted less units waited for, modulo 2^32 */
	_Atomic uint32_t balance; /* derived: change less all that is held, modulo 2^32 */
	uint32_t zeros[29];
	struct sli_event units;
};
SLI_SIZE(struct sli_semaphore_control, 2 * SLI_PAIR);
SLI_OFFSET(struct sli_semaphore_control, units, SLI_PAIR);

/* One participant's view. */
struct sli_semaphore {
	struct sli_semaphore_control *control;
	_Atomic uint32_t *held;    /* truth: by place; written under the lock */
	uint32_t initial, ceiling; /* private copies */
	uint32_t account;          /* the place whose units this participant takes and gives */
	struct sli_peers *peers;
	struct sli_spin *spin; /* waiting for units */
	_Atomic uint32_t look; /* where the next look after holders begins */
};

/* Units that are free now; negative: the words contradict the geometry. */
int64_t sli_semaphore_value(const struct sli_semaphore *semaphore);
/* All units that somebody holds. */
uint32_t sli_semaphore_held(const struct sli_semaphore *semaphore, uint32_t *ret_holders);

/*
 * Take @units (1 to the ceiling) when there are so many; @owned: on our account.
 * Return: 0, -EAGAIN, -ETIMEDOUT, -EINTR, -ECANCELED, SLUICE_ECORRUPT.
 */
int sli_semaphore_take(struct sli_semaphore *semaphore, struct sli_wait *wait, uint32_t units,
		       bool owned);
/* Give them. -EPERM: our account has less; -EOVERFLOW: more than the ceiling. */
int sli_semaphore_give(struct sli_semaphore *semaphore, struct sli_wait *wait, uint32_t units,
		       bool owned);
/* Give back all that @place holds. */
int sli_semaphore_give_all(struct sli_semaphore *semaphore, struct sli_wait *wait, uint32_t place);

/* Who has what is missing, if they are dead: have them repaired after. A bounded number a call. */
void sli_semaphore_look_after(struct sli_semaphore *semaphore);
/* A call that may not wait found nothing: the poll bit is set, and this says whether to ring oneself. */
bool sli_semaphore_arm_poll(struct sli_semaphore *semaphore, uint32_t units);

/* With the lock: the places in @dead hold nothing any more, and the sum is right. */
int sli_semaphore_repair(struct sli_semaphore *semaphore, const uint32_t *dead, uint32_t count);
/* Wake everybody. */
void sli_semaphore_wake_all(struct sli_semaphore *semaphore);

#endif
