/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * handle.h - what every object's handle begins with
 *
 * A handle joins a segment (who lives, what is where) with a protocol core (what to do), by filling
 * in the core's hooks. Each kind of object adds its own view behind it.
 */
#ifndef SLI_HANDLE_H
#define SLI_HANDLE_H

#include "../protocol/peers.h"
#include "../segment/segment.h"
#include "../sync/event.h"

#include <sluice.h>

struct sli_handle {
	uint32_t magic; /* the kind's, 0 once closed */
	struct sli_segment segment;
	struct sli_peers peers;
	struct sli_spin lock_spin; /* waiting for a lock's owner */
	struct sli_spin data_spin; /* waiting for a peer's message or room */
};

#define SLI_MAGIC_QUEUE 0x51554555u
#define SLI_MAGIC_MUTEX 0x4d555445u
#define SLI_MAGIC_CONDITION 0x434f4e44u
#define SLI_MAGIC_SEMAPHORE 0x53454d41u
#define SLI_MAGIC_BARRIER 0x42415252u
#define SLI_MAGIC_RWLOCK 0x52574c4bu
#define SLI_MAGIC_STREAM 0x53545245u

/* Open the segment and be a participant. @object is what the kind's functions get. */
int sli_handle_open(struct sli_handle *handle, const char *name, const struct sli_request *request,
		    const struct sli_kind *kind, const struct sli_shape *shape, const void *want,
		    void *object, uint32_t magic);
/* For a kind's check: the object of @kind has another value than was asked for. SLUICE_EMISMATCH. */
int sli_handle_say_differs(const struct sli_request *request, const char *kind, const char *what,
			   uint64_t has, uint64_t wanted);
/* A second handle on the private memory of @first. */
int sli_handle_twin(struct sli_handle *handle, struct sli_handle *first,
		    const struct sli_request *request, void *object, uint32_t magic);
/* Has it a place that is its own? Not after a fork, or when the program closed its descriptor. */
bool sli_handle_is_joined(const struct sli_handle *handle);
/* Before the close: leave nothing in order, as the dead do; whoever looks next repairs. */
void sli_handle_abandon(struct sli_handle *handle);
/* Leave and close; the memory stays the caller's. */
void sli_handle_close(struct sli_handle *handle);
/* Free a closed handle's memory; debug builds keep the last ones, to catch a use after close. */
void sli_handle_free(struct sli_handle *handle);
/* For a kind's join: our stamp. */
void sli_handle_join(struct sli_handle *handle);

/* The first thing in every call: is the handle good, is it ours, is the object sound? */
int sli_handle_enter_slow(struct sli_handle *handle, uint32_t magic);
static inline int sli_handle_enter(struct sli_handle *handle, uint32_t magic)
{
	if (SLI_LIKELY(handle && handle->magic == magic && !sli_fork_happened(&handle->segment) &&
		       /* relaxed: news from others; it will do if the next call sees it */
		       !sli_load_rlx(&handle->segment.header->life)))
		return 0;
	return sli_handle_enter_slow(handle, magic);
}

/* A call begins: how long may it wait? */
static inline struct sli_wait sli_handle_wait(struct sli_handle *handle, int64_t timeout)
{
	struct sli_wait wait = {
		.timeout = timeout,
		/* relaxed: only a change matters */
		.interrupts = sli_load_rlx(&handle->segment.interrupts),
	};

	return wait;
}

/* The bound of the wait, computed at the first need. */
int64_t sli_handle_deadline(struct sli_wait *wait);

/* The common calls. */
int sli_handle_hold_fd(struct sli_handle *handle);
int sli_handle_share(struct sli_handle *handle, int ret_fds[3]);
void sli_handle_interrupt(struct sli_handle *handle);

/* Wake everybody on an event of a segment that is only mapped: it was removed. */
void sli_handle_wake_event(struct sli_event *event);

struct sli_handle_count {
	uint32_t attached, senders, receivers, waiting;
};
void sli_handle_count(const struct sli_segment *segment, struct sli_handle_count *ret);

#endif
