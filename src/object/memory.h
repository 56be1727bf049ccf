/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* memory.h - the memory object, for src/api/ */
#ifndef SLI_MEMORY_H
#define SLI_MEMORY_H

#include "../protocol/heap.h"
#include "handle.h"

/* In shared memory; behind it geometry[0] mutexes. */
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

struct sluice_memory {
	struct sli_handle handle; /* first */
	struct sli_memory_control *control;
	struct sli_heap heap;
	struct sli_memory_mutex *mutexes;
	uint32_t mutex_count;
	_Atomic uintptr_t *owners; /* the thread that holds each through this handle; 0: none */
	_Atomic uint64_t seen;     /* a size that was found to be there */
};

/* What an open asks for; 0: no opinion. */
struct sli_memory_wish {
	uint64_t size, maximum;
	uint32_t mutexes;
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
int sli_memory_mutex_lock(sluice_memory *memory, uint32_t index, int64_t timeout);
int sli_memory_mutex_unlock(sluice_memory *memory, uint32_t index);
/* @link: the address of a word in the data, or the root. */
int sli_memory_allocate(sluice_memory *memory, uint64_t size, const uint64_t *link);
int sli_memory_free(sluice_memory *memory, const uint64_t *link);
int sli_memory_check(sluice_memory *memory);
int sli_memory_share(sluice_memory *memory, int ret_fds[3]);
void sli_memory_info(sluice_memory *memory, struct sluice_memory_info *ret_info);
int sli_memory_inspect(struct sli_segment *segment, struct sluice_memory_info *ret_info);
/* Wake everybody on a memory that is only mapped: it was removed. */
void sli_memory_wake_mapped(struct sli_segment *segment);
/* Does the participant at @place hold a mutex, in a segment that is only looked at? */
bool sli_memory_holds(const struct sli_segment *segment, uint32_t place);

extern const struct sli_kind sli_memory_kind;

#endif
