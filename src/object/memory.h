/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* memory.h - the memory object, for src/api/ */
#ifndef SLI_MEMORY_H
#define SLI_MEMORY_H

#include "../protocol/condition.h"
#include "../protocol/heap.h"
#include "../protocol/semaphore.h"
#include "handle.h"
#include "rwlock_common.h"

/* geometry[] */
enum {
	SLI_MEMORY_MUTEXES,
	SLI_MEMORY_CONDITIONS,
	SLI_MEMORY_SEMAPHORES,
	SLI_MEMORY_INITIAL, /* of each semaphore */
	SLI_MEMORY_CEILING,
	SLI_MEMORY_RWLOCKS
};

/* In shared memory; behind it lie the gates (memory_gates.c). */
struct sli_memory_control {
	_Atomic uint64_t grown; /* size of the data, by who grew the file; 0: as it was made */
	_Atomic uint64_t root;  /* the program's own; an offset into the data */
	uint64_t zeros[14];
	struct sli_heap_control heap;
};
SLI_SIZE(struct sli_memory_control, 1280);
SLI_OFFSET(struct sli_memory_control, root, 8);

struct sli_memory_mutex {
	struct sli_lock lock;
	uint32_t zeros[31];
};
SLI_SIZE(struct sli_memory_mutex, SLI_PAIR);

/* Where they are, of a segment whose geometry was checked. */
struct sli_memory_gates {
	struct sli_memory_mutex *mutexes;
	struct sli_condition_control *conditions;
	struct sli_semaphore_control *semaphores;
	_Atomic uint32_t *held; /* by semaphore, then place */
	struct sli_rwlock_control *rwlocks;
	struct sli_rwlock_stripe *stripes; /* by lock, then place */
	uint32_t mutex_count, condition_count, semaphore_count, rwlock_count;
	uint32_t places, initial, ceiling;
};

struct sluice_memory {
	struct sli_handle handle; /* first */
	struct sli_memory_control *control;
	struct sli_heap heap;
	struct sli_memory_gates gates;
	_Atomic uintptr_t
		*owners; /* the thread that holds each mutex through this handle; 0: none */
	struct sli_semaphore *units; /* a view of each semaphore */
	struct sli_rwlock_held *rwlocks;
	_Atomic uint64_t seen; /* a size that was found to be there */
	bool huge_pages;       /* were asked for */
};

/* What an open asks for; 0: no opinion. */
struct sli_memory_wish {
	uint64_t size, maximum;
	uint32_t mutexes, conditions, semaphores, initial, ceiling, rwlocks;
	bool huge_pages; /* not of the object, but of this handle's mapping */
};

#define SLI_MAGIC_MEMORY 0x4d454d4fu

int sli_memory_open(const char *name, const struct sli_request *request,
		    const struct sli_memory_wish *wish, sluice_memory **ret_memory);
void sli_memory_close(sluice_memory *memory);
void *sli_memory_data(sluice_memory *memory);
/* SLUICE_ECORRUPT: the size word says more than the file has. */
int64_t sli_memory_size(sluice_memory *memory);
int sli_memory_resize(sluice_memory *memory, uint64_t size);
int sli_memory_copy(sluice_memory *memory, uint64_t offset, void *buffer, size_t size);
/* @link: the address of a word in the data, or the root. */
int sli_memory_allocate(sluice_memory *memory, uint64_t size, const uint64_t *link);
int sli_memory_free(sluice_memory *memory, const uint64_t *link);
int sli_memory_check(sluice_memory *memory);
int sli_memory_share(sluice_memory *memory, int ret_fds[3]);
void sli_memory_info(sluice_memory *memory, struct sluice_memory_info *ret_info);
int sli_memory_inspect(struct sli_segment *segment, struct sluice_memory_info *ret_info);
/* Wake everybody on a memory that is only mapped: it was removed. */
void sli_memory_wake_mapped(struct sli_segment *segment);
/* Does the participant at @place hold a mutex or units, in a segment that is only looked at? */
bool sli_memory_holds(const struct sli_segment *segment, uint32_t place);

/* ---- the gates (memory_gates.c) -------------------------------------------------------------- */

/* Is @index one of @count, of a memory that may be changed? */
int sli_memory_gates_check(const sluice_memory *memory, uint32_t index, uint32_t count);
bool sli_memory_gates_are_sound(const uint64_t *geometry);
/* Bytes of control words, all gates among them. */
uint64_t sli_memory_object_size(const uint64_t *geometry, uint32_t places);
/* A new place; then, once, what the handle keeps of its own. */
void sli_memory_gates_join(sluice_memory *memory);
int sli_memory_gates_settle(sluice_memory *memory);
/* Before the place is left: mutexes are left as by a death, units are given back. */
void sli_memory_gates_leave(sluice_memory *memory);
void sli_memory_gates_free(sluice_memory *memory);
int sli_memory_gates_repair(sluice_memory *memory, const uint32_t *dead, uint32_t count,
			    uint32_t *ret_also);
void sli_memory_gates_wake(sluice_memory *memory);
/* Of a sound segment that is only looked at. */
void sli_memory_gates_wake_mapped(struct sli_segment *segment);
bool sli_memory_gates_hold(const struct sli_segment *segment, uint32_t place);
void sli_memory_gates_describe(const struct sli_segment *segment, struct sluice_memory_info *info);

int sli_memory_mutex_lock(sluice_memory *memory, uint32_t index, int64_t timeout);
int sli_memory_mutex_unlock(sluice_memory *memory, uint32_t index);
int sli_memory_condition_wait(sluice_memory *memory, uint32_t index, uint32_t mutex,
			      int64_t timeout);
/* Tell one, or all. */
int sli_memory_condition_tell(sluice_memory *memory, uint32_t index, bool all);
/* @owned: acquire and release, else wait and post. */
int sli_memory_semaphore_get(sluice_memory *memory, uint32_t index, uint32_t units, bool owned,
			     int64_t timeout);
int sli_memory_semaphore_put(sluice_memory *memory, uint32_t index, uint32_t units, bool owned);
int64_t sli_memory_semaphore_value(sluice_memory *memory, uint32_t index);

/* ---- the reader-writer locks among them (memory_rwlocks.c) ----------------------------------- */

uint64_t sli_memory_rwlocks_size(uint64_t count, uint32_t places);
void sli_memory_rwlocks_join(sluice_memory *memory);
int sli_memory_rwlocks_settle(sluice_memory *memory);
void sli_memory_rwlocks_free(sluice_memory *memory);
/* As sli_rwlock_bury(), in all of them. */
void sli_memory_rwlocks_bury(sluice_memory *memory, uint32_t stamp, uint32_t mask);
void sli_memory_rwlocks_wake(sluice_memory *memory);
void sli_memory_rwlocks_wake_mapped(const struct sli_memory_gates *gates);
bool sli_memory_rwlocks_hold(const struct sli_memory_gates *gates, uint32_t place);
void sli_memory_rwlocks_describe(const struct sli_memory_gates *gates,
				 struct sluice_memory_info *info);
int sli_memory_rwlock_lock(sluice_memory *memory, uint32_t index, bool shared, int64_t timeout);
int sli_memory_rwlock_unlock(sluice_memory *memory, uint32_t index);

extern const struct sli_kind sli_memory_kind;

#endif
