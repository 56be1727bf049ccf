/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * thread.c - what a handle knows about each of the threads that use it
 *
 * The table is an array of lists that are only pushed to. A thread adds no record but its own, so no
 * two can be the same one's.
 */
#include "thread.h"

#include <stdlib.h>

struct sli_thread *sli_thread_add(struct sli_threads *threads, uintptr_t self)
{
	_Atomic(struct sli_thread *) *bucket = &threads->buckets[sli_thread_bucket(self)];
	struct sli_thread *record;
	void *memory;

	if (posix_memalign(&memory, SLI_PAIR, SLI_PAIR))
		return NULL;
	record = memory;
	record->thread = self;
	/* relaxed: any number will do, if others get others */
	record->number = sli_add_rlx(&threads->count, 1u);
	record->holds = 0;
	record->mine = NULL;
	record->next = sli_load_acq(bucket);
	while (!sli_cas_acqrel(bucket, &record->next, record))
		;
	return record;
}

void sli_threads_forget(struct sli_threads *threads)
{
	for (uint32_t i = 0; i < SLI_THREAD_BUCKETS; i++)
		for (struct sli_thread *at = sli_load_acq(&threads->buckets[i]); at;
		     at = at->next) {
			at->holds = 0;
			at->mine = NULL;
		}
}

void sli_threads_free(struct sli_threads *threads)
{
	for (uint32_t i = 0; i < SLI_THREAD_BUCKETS; i++)
		for (struct sli_thread *at = sli_load_acq(&threads->buckets[i]), *next; at;
		     at = next) {
			next = at->next;
			free(at);
		}
}
