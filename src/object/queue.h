/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* queue.h - the queue object, for src/api/ */
#ifndef SLI_QUEUE_H
#define SLI_QUEUE_H

#include "../protocol/log_ring.h"
#include "handle.h"

/* A record this handle has reserved or borrowed. */
struct queue_loan {
	_Atomic uint32_t state; /* enum queue_loan_state; private memory */
	_Atomic uintptr_t data; /* what the caller has of it */
	struct sli_found found;
};

enum queue_loan_state {
	QUEUE_LOAN_FREE,
	QUEUE_LOAN_BUSY,
	QUEUE_LOAN_RESERVED,
	QUEUE_LOAN_BORROWED
};

struct sluice_queue {
	struct sli_handle handle; /* first */
	struct sli_ring ring;
	bool expects_sender;
	struct queue_loan loans[SLUICE_LOANS_MAX];
};

/* What the opener asked for; 0: no opinion. */
struct sli_queue_wish {
	uint64_t lines, message_max, messages_max;
};

int sli_queue_open(const char *name, const struct sli_request *request,
		   const struct sli_queue_wish *wish, sluice_queue **ret_queue);
void sli_queue_close(sluice_queue *queue);

/* The operations, with checked arguments; see sluice.h. */
int sli_queue_send(sluice_queue *queue, int64_t type, const void *data, size_t size,
		   int64_t timeout);
int64_t sli_queue_send_many(sluice_queue *queue, const struct sluice_send_item *items, size_t count,
			    int64_t timeout);
int64_t sli_queue_receive(sluice_queue *queue, int64_t type, void *buffer, size_t capacity,
			  struct sli_found *ret_found, int64_t timeout);
int64_t sli_queue_receive_many(sluice_queue *queue, int64_t type, struct sluice_receive_item *items,
			       size_t count, int64_t timeout);
int sli_queue_reserve(sluice_queue *queue, size_t size, void **ret_data, int64_t timeout);
int sli_queue_commit(sluice_queue *queue, const void *data, int64_t type, size_t size);
int64_t sli_queue_borrow(sluice_queue *queue, int64_t type, struct sli_found *ret_found,
			 int64_t timeout);

enum sli_queue_ending { SLI_QUEUE_ABORT, SLI_QUEUE_CONSUME, SLI_QUEUE_RETURN };
int sli_queue_end_loan(sluice_queue *queue, const void *data, enum sli_queue_ending ending);

int sli_queue_fd(sluice_queue *queue, int side, int64_t type);
void sli_queue_info(sluice_queue *queue, struct sluice_queue_info *ret_info);
/* The same of a segment that is only looked at; -SLUICE_ECORRUPT when it is no sound queue. */
int sli_queue_inspect(struct sli_segment *segment, struct sluice_queue_info *ret_info);
/* What the participant at @place of such a segment, sound as a queue, has on loan. */
void sli_queue_inspect_loans(struct sli_segment *segment, uint32_t place, uint32_t *ret_reserved,
			     uint32_t *ret_borrowed);
/* Wake everybody on a queue that is only mapped: it was removed. */
void sli_queue_wake_mapped(struct sli_segment *segment);
/* The pid of a place's participant, for people. */
uint32_t sli_queue_pid_of(const sluice_queue *queue, uint32_t place);

extern const struct sli_kind sli_queue_kind;

#endif
