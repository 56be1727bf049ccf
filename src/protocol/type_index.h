/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* type_index.h - a handle's private index of the records it has walked past; see type_index.c */
#ifndef SLI_TYPE_INDEX_H
#define SLI_TYPE_INDEX_H

#include "log_ring.h"

struct sli_type_index;

/* NULL when there is no memory; receiving then scans. */
struct sli_type_index *sli_type_index_new(void);
void sli_type_index_free(struct sli_type_index *index);

/*
 * The record a receive of @type wants, or 0 when there is none, SLUICE_ECORRUPT when the ring is
 * damaged, -ENOMEM when the index cannot hold it (scan then). 1: @found is set. The receivers' lock
 * is held; @head is its head.
 */
int sli_type_index_find(struct sli_type_index *index, struct sli_ring *ring, uint64_t head,
			int64_t type, struct sli_found *found);

#endif
