/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * thread.h - what a handle knows about each of the threads that use it
 *
 * A record a thread, found by what pthread_self() says, in a table that only grows: so looking is a
 * load and a comparison and takes no lock. A record outlives its thread, and is the next one's whom
 * the C library gives the same number; there are never more than threads were alive at once, or so.
 * A record lies on lines of its own and only its thread writes it.
 */
#ifndef SLI_THREAD_H
#define SLI_THREAD_H

#include "atomic.h"
#include "compiler.h"

#define SLI_THREAD_BUCKETS 64u

struct sli_thread {
	uintptr_t thread; /* fixed, as next and number */
	struct sli_thread *next;
	uint32_t number; /* how many records there were before */
	uint32_t holds;  /* the handle's business, as mine */
	void *mine;      /* NULL at first */
};

struct sli_threads {
	_Atomic(struct sli_thread *) buckets[SLI_THREAD_BUCKETS];
	_Atomic uint32_t count;
};

static inline uint32_t sli_thread_bucket(uintptr_t self)
{
	return (uint32_t)(self >> 6) * 0x9e3779b1u >> 26;
}

/* The record of @self; NULL: it has none. */
static inline struct sli_thread *sli_thread_find(const struct sli_threads *threads, uintptr_t self)
{
	struct sli_thread *at = sli_load_acq(&threads->buckets[sli_thread_bucket(self)]);

	while (at && SLI_UNLIKELY(at->thread != self))
		at = at->next;
	return at;
}

/* Make one for @self, the calling thread, which has none. NULL: no memory. */
struct sli_thread *sli_thread_add(struct sli_threads *threads, uintptr_t self);

/* Nobody uses the table any more, or, in a child, nobody but us: no thread holds anything,
 * and what was its is not. */
void sli_threads_forget(struct sli_threads *threads);
void sli_threads_free(struct sli_threads *threads);

#endif
