/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* wait.h - wait on a kernel descriptor until a deadline, a signal, or another thread's interrupt */
#ifndef SLI_WAIT_H
#define SLI_WAIT_H

#include "../base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

/* Those of one handle who may be asleep; begins as SLI_SLEEPERS. */
struct sli_sleepers {
	_Atomic int bell; /* eventfd, made by the first who sleeps; -1 before */
	_Atomic uint32_t interrupts;
	_Atomic uint32_t asleep;
};
#define SLI_SLEEPERS                                                                               \
	{                                                                                          \
		-1, 0, 0                                                                           \
	}

/* One call's patience. */
struct sli_patience {
	int64_t timeout;
	int64_t deadline; /* 0: the clock was not read yet */
	uint32_t interrupts;
};

struct sli_patience sli_patience(struct sli_sleepers *sleepers, int64_t timeout);

/*
 * Sleep until @fd has @events (or an error, or its other end is gone), at the longest for @slice
 * nanoseconds; the caller then looks again. @fd -1: nothing but time.
 * Return: 0 (look again), -EAGAIN (no patience at all), -ETIMEDOUT, -EINTR, -ECANCELED.
 */
int sli_sleep(struct sli_sleepers *sleepers, struct sli_patience *patience, int fd, short events,
	      int64_t slice);

/* Those asleep now return -ECANCELED. */
void sli_sleepers_interrupt(struct sli_sleepers *sleepers);
void sli_sleepers_close(struct sli_sleepers *sleepers);

#define SLI_SLICE INT64_C(250000000) /* the longest sleep without a look around */

/* ppoll(2) of one descriptor; @for_ns negative: for ever. Return: revents, 0 (time is up), or
 * negative. */
int sli_poll_one(int fd, short events, int64_t for_ns);

/* A descriptor that is readable when @fd has @events (EPOLLIN ...) or @timer (-1: none) has run
 * out. */
int sli_poll_make(int fd, uint32_t events, int timer);

#endif
