/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* topic.h - publishers and subscribers, for src/api/ */
#ifndef SLI_OBJECT_TOPIC_H
#define SLI_OBJECT_TOPIC_H

#include "../protocol/topic.h"
#include "handle.h"

#define SLI_MAGIC_PUBLISHER 0x50554253u
#define SLI_MAGIC_SUBSCRIBER 0x53554253u

/* What this handle has reserved or borrowed. */
struct topic_loan {
	_Atomic uint32_t state; /* enum topic_loan_state; private memory */
	_Atomic uintptr_t data; /* what the caller has of it */
	uint32_t chunk;         /* or SLI_TOPIC_NO_CHUNK: it is here */
	uint32_t room;          /* bytes reserved */
	uint64_t words[SLI_TOPIC_WORDS] __attribute__((aligned(32)));
};

enum topic_loan_state { TOPIC_LOAN_FREE, TOPIC_LOAN_BUSY, TOPIC_LOAN_OUT };

/* What publishers and subscribers have alike. */
struct topic_base {
	struct sli_handle handle; /* first */
	struct sli_topic topic;
	struct sli_topic_shape shape;
	bool is_subscriber;
	bool expects_publisher;
	bool is_read_only;
	_Atomic uint32_t busy; /* one thread at a time where private memory is written */
	struct topic_loan loans[SLI_TOPIC_PINS];
	struct sli_topic_writer writer;
	struct sli_topic_reader reader;
	struct sli_topic_slot unseen; /* reader.slot of one that is read-only */
	uint64_t lost_told;           /* of reader.lost, what messages came with */
	_Atomic uint64_t position;    /* as reader.position, for a look without busy */
	int64_t evict_after;          /* 0: never */
	/* Since when the same subscriber has been in the way. */
	uint32_t stuck_place;
	uint64_t stuck_cursor;
	int64_t stuck_since; /* 0: none */
};

struct sluice_publisher {
	struct topic_base base;
};

struct sluice_subscriber {
	struct topic_base base;
};

/* What the opener asked for; 0: no opinion. */
struct sli_topic_wish {
	struct sli_topic_shape shape;
	uint32_t policy, history;
	uint64_t capacity;
	int64_t evict_after;
};

/* The numbers in a segment's header (topic_look.c). */
void sli_topic_encode(const struct sli_topic_shape *shape, uint32_t policy, uint64_t *geometry);
void sli_topic_decode(const uint64_t *geometry, struct sli_topic_shape *ret);
uint32_t sli_topic_geometry_policy(const uint64_t *geometry);
/* Is it a topic that this library can work with? The numbers are in private memory. */
bool sli_topic_is_sound(const uint64_t *geometry, uint32_t places, uint64_t object_size,
			uint64_t data_size);
/* The view of a segment whose geometry was checked. */
void sli_topic_look(struct sli_topic *topic, struct sli_topic_shape *shape,
		    const struct sli_segment *segment);

/* What a topic of that wish has, where there was no opinion. */
void sli_topic_complete(struct sli_topic_shape *shape);
/* The sum that a topic's size is, for people. */
int sli_topic_say_sum(const struct sli_request *request, int code,
		      const struct sli_topic_shape *shape, const char *what);

/* Publisher or subscriber, as the request's role says; @beside: of that one's private topic. */
int sli_topic_open(const char *name, const struct sli_request *request,
		   const struct sli_topic_wish *wish, struct topic_base *beside,
		   struct topic_base **ret_base);
void sli_topic_close(struct topic_base *base);

/* The operations, with checked arguments; see sluice.h. */
int sli_publisher_publish(struct topic_base *base, const void *data, size_t size, int64_t timeout);
int sli_publisher_reserve(struct topic_base *base, size_t size, void **ret_data, int64_t timeout);
int sli_publisher_commit(struct topic_base *base, const void *data, size_t size, int64_t timeout);
int sli_publisher_abort(struct topic_base *base, const void *data);
int64_t sli_subscriber_receive(struct topic_base *base, void *buffer, size_t capacity,
			       struct sli_topic_found *ret_found, int64_t timeout);
int64_t sli_subscriber_borrow(struct topic_base *base, const void **ret_data,
			      struct sli_topic_found *ret_found, int64_t timeout);
int sli_subscriber_return(struct topic_base *base, const void *data);
int64_t sli_subscriber_lost(struct topic_base *base);

int sli_topic_fd(struct topic_base *base);
void sli_topic_info(struct topic_base *base, struct sluice_topic_info *ret_info);
uint32_t sli_topic_pid_of(const struct topic_base *base, uint32_t place);

/* Of a segment that is only looked at; SLUICE_ECORRUPT when it is no sound topic. */
int sli_topic_inspect(struct sli_segment *segment, struct sluice_topic_info *ret_info);
void sli_topic_inspect_participant(struct sli_segment *segment, uint32_t place,
				   struct sluice_participant *ret);
void sli_topic_wake_mapped(struct sli_segment *segment);

extern const struct sli_kind sli_topic_kind;

#endif
