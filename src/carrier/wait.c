/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * wait.c - waiting for the kernel
 *
 * A call tries, and when the kernel says EAGAIN it sleeps here and tries again. The deadline is
 * absolute, so that being woken for nothing does not make a wait longer.
 *
 * An interrupt is a count and a bell. The call notes the count when it begins; when the count has
 * changed it is to end. The bell, an eventfd in the poll set, is what brings it out of its sleep. It
 * stays rung as long as anybody is asleep who may not have seen it, so no sleeper misses it by
 * another's clearing it; the last one to leave clears it. Somebody who begins meanwhile finds the
 * bell rung and the count unchanged: it naps a millisecond until the others are out. A bell that is
 * cleared against all this in a race costs the sleeper one slice, after which it looks at the count.
 */
#include "wait.h"
#include "../base/compiler.h"
#include "../base/fd.h"
#include "../base/time.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS_PER_S INT64_C(1000000000)

struct sli_patience sli_patience(struct sli_sleepers *sleepers, int64_t timeout)
{
	struct sli_patience patience = { .timeout = timeout };

	patience.interrupts = sli_load_sc(&sleepers->interrupts);
	return patience;
}

static int wait_poll(struct pollfd *items, nfds_t count, int64_t for_ns)
{
	struct timespec ts;

	if (for_ns < 0)
		return ppoll(items, count, NULL, NULL);
	ts.tv_sec = (time_t)(for_ns / WAIT_NS_PER_S);
	ts.tv_nsec = (long)(for_ns % WAIT_NS_PER_S);
	return ppoll(items, count, &ts, NULL);
}

int sli_poll_one(int fd, short events, int64_t for_ns)
{
	struct pollfd item = { .fd = fd, .events = events };
	int r = wait_poll(&item, 1, for_ns);

	return r < 0 ? sli_errno() : r ? item.revents : 0;
}

/* The bell; -1 when there is no descriptor left, and then slices are short. */
static int wait_bell(struct sli_sleepers *sleepers)
{
	int none = -1, made, bell = sli_load_acq(&sleepers->bell);

	if (SLI_LIKELY(bell >= 0))
		return bell;
	made = sli_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (made < 0)
		return -1;
	if (sli_cas_sc(&sleepers->bell, &none, made))
		return made;
	sli_close(&made);
	return none;
}

static void wait_clear_bell(int bell)
{
	uint64_t count;

	if (bell >= 0 && read(bell, &count, sizeof(count)) < 0)
		errno = 0; /* it was not rung */
}

/* The bell is rung. Is it for us? If it is for nobody any more, clear it. */
static int wait_heard(struct sli_sleepers *sleepers, const struct sli_patience *patience, int bell)
{
	if (sli_load_sc(&sleepers->interrupts) != patience->interrupts)
		return -ECANCELED;
	if (sli_load_sc(&sleepers->asleep) == 1)
		wait_clear_bell(bell);
	else
		sli_nap(SLI_MS);
	return 0;
}

int sli_sleep(struct sli_sleepers *sleepers, struct sli_patience *patience, int fd, short events,
	      int64_t slice)
{
	struct pollfd items[2] = { { .fd = fd, .events = events }, { .fd = -1, .events = POLLIN } };
	int64_t now;
	int r;

	if (patience->timeout == 0)
		return -EAGAIN;
	now = sli_now();
	if (patience->deadline == 0)
		patience->deadline = sli_deadline(patience->timeout);
	if (now >= patience->deadline)
		return -ETIMEDOUT;
	sli_add_sc(&sleepers->asleep, 1u);
	items[1].fd = wait_bell(sleepers);
	if (items[1].fd < 0)
		slice = SLI_MIN(slice, 20 * SLI_MS);
	r = sli_load_sc(&sleepers->interrupts) != patience->interrupts ? -ECANCELED : 0;
	if (r == 0) {
		r = wait_poll(items, 2, SLI_MIN(slice, patience->deadline - now));
		r = r < 0 ? sli_errno() : 0;
	}
	if (r == 0 && sli_load_sc(&sleepers->interrupts) != patience->interrupts)
		r = -ECANCELED;
	if (r == 0 && items[1].revents)
		r = wait_heard(sleepers, patience, items[1].fd);
	if (sli_add_sc(&sleepers->asleep, (uint32_t)-1) == 1 && r == -ECANCELED)
		wait_clear_bell(items[1].fd);
	return r;
}

void sli_sleepers_interrupt(struct sli_sleepers *sleepers)
{
	const uint64_t one = 1;
	int bell;

	sli_add_sc(&sleepers->interrupts, 1u);
	bell = sli_load_sc(&sleepers->bell);
	if (bell >= 0 && sli_load_sc(&sleepers->asleep) && write(bell, &one, sizeof(one)) < 0)
		errno = 0; /* it is rung already */
}

void sli_sleepers_close(struct sli_sleepers *sleepers)
{
	int bell = sli_load_sc(&sleepers->bell);

	sli_close(&bell);
	sli_store_sc(&sleepers->bell, -1);
}

int sli_poll_make(int fd, uint32_t events, int timer)
{
	struct epoll_event event = { .events = events };
	struct epoll_event tick = { .events = EPOLLIN };
	int poll = sli_fd(epoll_create1(EPOLL_CLOEXEC)), r;

	if (poll < 0)
		return poll;
	r = epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
	if (r == 0 && timer >= 0)
		r = epoll_ctl(poll, EPOLL_CTL_ADD, timer, &tick);
	if (r < 0) {
		r = sli_errno();
		sli_close(&poll);
		return r;
	}
	return poll;
}
