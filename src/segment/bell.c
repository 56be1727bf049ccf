/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * bell.c - descriptors to poll, level-triggered, free when nobody polls
 *
 * A handle's descriptor is an epoll instance with two members: the bell, and a one-shot timer. The
 * bell of a named segment is a FIFO beside it, one for each place and side, made by the place's
 * owner; others ring it by writing a byte. A memfd has no "beside": its bells are two eventfds that
 * all participants share and that travel with it.
 *
 *	poller, after a NOWAIT call found nothing	ringer, after its commit and a full barrier
 *	drain the bell, start the timer			the event's poll bit set? for each place:
 *	armed = next odd number (swap)			armed odd, filter matches?
 *	set the event's poll bit (swap)			  write to the bell
 *	look again; something there: ring oneself	  armed: odd -> the even number above
 *
 * The same two full barriers as in event.h. Ringing before clearing means that a ringer killed in
 * between has at worst rung twice; the number makes a late clearing harmless. The timer stands for
 * the slice: it brings an event loop back after a ringer was killed between commit and ring.
 *
 * Ringers open a FIFO for reading and writing, so that a reader's death never is a SIGPIPE; a full
 * FIFO has rung already. They keep it open: bells are only unlinked with their segment, and a place's
 * next owner uses the same FIFO.
 *
 * A shared eventfd is drained by whoever found nothing. If another place has been rung and has not
 * answered yet, it is rung again, so no poller sleeps through what was meant for it; the price is
 * that the first may wake for nothing until the other answers, or 20 ms have passed.
 */
#include "../base/crash.h"
#include "../base/fd.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BELL_BUSY_NS (50 * SLI_US)
#define BELL_NUDGE_NS (20 * SLI_MS)
#define BELL_DRAIN_MOST 64

static void bell_path(const struct sli_segment *segment, uint32_t place, int side, char *buffer,
		      size_t capacity)
{
	char what[16];

	snprintf(what, sizeof(what), "%u%c", place, side == SLI_BELL_IN ? 'i' : 'o');
	if (sli_name_beside(segment->path, what, buffer, capacity) < 0)
		buffer[0] = '\0';
}

/* Open the FIFO of a place; 0 mode: it must exist. */
static int bell_open_fifo(const struct sli_segment *segment, uint32_t place, int side, bool make)
{
	char path[SLI_PATH_MAX + 16];
	struct stat st, file;
	int fd;

	bell_path(segment, place, side, path, sizeof(path));
	if (make && mkfifo(path, 0600) < 0 && errno != EEXIST)
		return sli_errno();
	fd = sli_open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) {
		close(fd);
		return SLUICE_EACCES;
	}
	/* Open to those who may take part; who could only read would drain it. */
	if (make && fstat(segment->fd, &file) == 0) {
		if (fchown(fd, (uid_t)-1, file.st_gid) == 0 || file.st_gid == st.st_gid)
			fchmod(fd, sli_locks_mode(file.st_mode) & 0666);
	}
	return fd;
}

static int bell_add(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? sli_errno() : 0;
}

/* Handles of one private segment share an event; the first one that polls makes it. */
static int bell_open_twins(struct sli_twins *twins, int side)
{
	int fd = sli_load_acq(&twins->events[side]) - 1, seen = 0;

	if (fd < 0) {
		fd = sli_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		if (fd < 0)
			return fd;
		if (!sli_cas_acqrel(&twins->events[side], &seen, fd + 1)) {
			close(fd);
			fd = seen - 1;
		}
	}
	return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* Without a name: the shared event, or one of this process's own where none came along. */
static int bell_open(struct sli_segment *segment, int side)
{
	if (segment->path[0])
		return bell_open_fifo(segment, segment->place, side, true);
	if (segment->twins)
		return bell_open_twins(segment->twins, side);
	if (segment->events[side] < 0) {
		int fd = sli_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

		if (fd < 0)
			return fd;
		segment->events[side] = fd;
	}
	return fcntl(segment->events[side], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* Make the parts of a descriptor; the epoll instance is published last, complete. */
static int bell_make(struct sli_segment *segment, int side, struct sli_bell *bell)
{
	int epoll = sli_fd(epoll_create1(EPOLL_CLOEXEC)), r;

	if (epoll < 0)
		return epoll;
	bell->bell = bell_open(segment, side);
	r = bell->bell < 0 ? bell->bell : bell_add(epoll, bell->bell);
	if (r == 0) {
		bell->timer = sli_fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
		r = bell->timer < 0 ? bell->timer : bell_add(epoll, bell->timer);
	}
	if (r < 0) {
		sli_close(&epoll);
		sli_close(&bell->bell);
		sli_close(&bell->timer);
		return r;
	}
	sli_store_rel(&bell->epoll, epoll);
	return 0;
}

int sli_bell_fd(struct sli_segment *segment, int side, int64_t filter)
{
	struct sli_bell *bell = &segment->bells[side];
	int r = 0, cancel;

	cancel = sli_cancel_off();
	while (sli_swap_acqrel(&segment->bell_busy, 1u))
		sli_nap(BELL_BUSY_NS);
	if (sli_load_acq(&bell->epoll) < 0) {
		bell->filter = filter;
		sli_store_rel(&bell->timer_until, INT64_C(0));
		r = bell_make(segment, side, bell);
	} else if (bell->filter != filter) {
		r = SLUICE_EBUSY;
	}
	sli_store_rel(&segment->bell_busy, 0u);
	sli_cancel_restore(cancel);
	return r < 0 ? r : sli_load_acq(&bell->epoll);
}

void sli_bell_leave(struct sli_segment *segment, bool ours)
{
	for (int side = 0; side < 2; side++) {
		struct sli_bell *bell = &segment->bells[side];
		int epoll = sli_load_acq(&bell->epoll);

		if (ours) {
			sli_close(&epoll);
			sli_close(&bell->bell);
			sli_close(&bell->timer);
		}
		bell->bell = bell->timer = -1;
		sli_store_rel(&bell->epoll, -1);
	}
}

void sli_bell_close(struct sli_segment *segment, bool ours)
{
	_Atomic int *table = sli_load_acq(&segment->ringers);

	sli_bell_leave(segment, ours);
	for (uint32_t i = 0; table && ours && i < 2 * segment->place_count; i++) {
		int fd = sli_load_acq(&table[i]) - 1;

		sli_close(&fd);
	}
	free((void *)table);
	sli_store_rel(&segment->ringers, NULL);
}

/* ---- polling ------------------------------------------------------------------------------- */

/*
 * Whoever shares an eventfd can make it blocking. So it is asked before it is read or written; what
 * a hostile peer does in between can still hold us up (CAVEATS).
 */
static bool bell_may(int fd, short events)
{
	struct pollfd ask = { .fd = fd, .events = events };

	return poll(&ask, 1, 0) == 1 && (ask.revents & events);
}

/* Not for ever: somebody could keep writing. */
static void bell_drain(int fd)
{
	char bytes[512];

	for (int i = 0; i < BELL_DRAIN_MOST && bell_may(fd, POLLIN); i++)
		if (read(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
			break;
}

static void bell_start_timer(struct sli_bell *bell, int64_t slice)
{
	struct itimerspec spec = { .it_value = { .tv_sec = (time_t)(slice / (1000 * SLI_MS)),
						 .tv_nsec = (long)(slice % (1000 * SLI_MS)) } };

	timerfd_settime(bell->timer, 0, &spec, NULL);
}

/*
 * A shared eventfd was drained: which other living places have been rung and not answered? 0: none;
 * else a number that changes when one of them answers or another is rung.
 */
static uint64_t bell_others_pending(const struct sli_segment *segment, int side)
{
	uint32_t used = sli_place_used(segment);
	uint64_t pending = 0;

	for (uint32_t i = 0; i < used; i++) {
		uint32_t armed = sli_load_acq(&segment->places[i].armed[side]);

		if (i != segment->place && armed && !(armed & 1) &&
		    (sli_place_state(segment, i) & SLI_PLACE_LIVE))
			pending = pending * 31 + ((uint64_t)armed << 16 | (i + 1));
	}
	return pending;
}

/* A FIFO takes any byte, an eventfd a number; 1 is both. Full means rung. */
static void bell_write(int fd)
{
	static const uint64_t one = 1;
	ssize_t n;

	if (!bell_may(fd, POLLOUT))
		return;
	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

/* Ring others of a shared event again; but those that do not answer for 20 ms are left to their
 * timers. */
static void bell_nudge_others(struct sli_segment *segment, int side, int64_t now)
{
	struct sli_bell *bell = &segment->bells[side];
	uint64_t pending = segment->path[0] ? 0 : bell_others_pending(segment, side);

	if (pending != bell->pending)
		bell->nudged = now;
	bell->pending = pending;
	if (pending && now - bell->nudged < BELL_NUDGE_NS)
		bell_write(bell->bell);
}

void sli_bell_arm(struct sli_segment *segment, int side)
{
	struct sli_bell *bell = &segment->bells[side];
	struct sli_place *place = &segment->places[segment->place];
	uint32_t armed = sli_load_acq(&place->armed[side]);
	int64_t now = sli_now();
	int cancel;

	/* Nothing has rung since the last time, and the timer runs: all is as it should be. The bell is
	 * asked, since a late ringer may have found another arming than the one it wrote for. */
	if ((armed & 1) && now < sli_load_acq(&bell->timer_until) && !bell_may(bell->bell, POLLIN))
		return;
	/* A thread that was cancelled in here would leave the bell busy for ever. */
	cancel = sli_cancel_off();
	if (sli_swap_acqrel(&segment->bell_busy, 1u)) {
		sli_cancel_restore(cancel);
		return; /* another thread is at it, and looks afterwards */
	}
	bell_drain(bell->bell);
	bell_start_timer(bell, segment->slice);
	sli_store_rel(&bell->timer_until, now + segment->slice);
	/* relaxed: read by ringers after the swap below */
	sli_store_rlx(&place->filter[side], bell->filter);
	/* [bell.arm] arm before the second look. Pairs with the barrier before sli_bell_ring(). */
	sli_swap_sc(&place->armed[side], (armed | 1) + 2);
	bell_nudge_others(segment, side, now);
	sli_store_rel(&segment->bell_busy, 0u);
	sli_cancel_restore(cancel);
}

void sli_bell_ring_self(struct sli_segment *segment, int side)
{
	struct sli_place *place = &segment->places[segment->place];
	uint32_t armed = sli_load_acq(&place->armed[side]);

	bell_write(segment->bells[side].bell);
	if (armed & 1)
		sli_cas_sc(&place->armed[side], &armed, armed + 1);
}

/* ---- ringing ------------------------------------------------------------------------------- */

/* The table of others' bells: made at the first ring. */
static _Atomic int *bell_table(struct sli_segment *segment)
{
	_Atomic int *table = sli_load_acq(&segment->ringers), *fresh;

	if (table)
		return table;
	fresh = calloc(2 * (size_t)segment->place_count, sizeof(*fresh));
	if (!fresh || sli_cas_acqrel(&segment->ringers, &table, fresh))
		return fresh;
	free((void *)fresh);
	return table;
}

/* The descriptor of a place's bell, or negative. */
static int bell_of(struct sli_segment *segment, uint32_t place, int side)
{
	_Atomic int *table, *cached;
	int fd, seen = 0;

	if (!segment->path[0])
		return segment->twins ? sli_load_acq(&segment->twins->events[side]) - 1
				      : segment->events[side];
	table = bell_table(segment);
	if (!table)
		return SLUICE_ENOMEM;
	cached = &table[2 * place + (uint32_t)side];
	fd = sli_load_acq(cached) - 1;
	if (fd >= 0)
		return fd;
	fd = bell_open_fifo(segment, place, side, false);
	if (fd >= 0 && !sli_cas_acqrel(cached, &seen, fd + 1)) {
		close(fd);
		fd = seen - 1;
	}
	return fd;
}

static bool bell_matches(int64_t filter, int64_t type)
{
	if (type == 0 || filter == 0)
		return true;
	if (filter > 0)
		return filter == type;
	return filter == INT64_MIN || type <= -filter;
}

int sli_bell_ring(struct sli_segment *segment, int side, int64_t type)
{
	uint32_t used = sli_place_used(segment);
	int left = 0;

	for (uint32_t i = 0; i < used; i++) {
		struct sli_place *place = &segment->places[i];
		uint32_t armed = sli_load_acq(&place->armed[side]);
		int fd;

		if (!(armed & 1))
			continue;
		/* relaxed: released with armed */
		if (side == SLI_BELL_IN &&
		    !bell_matches(sli_load_rlx(&place->filter[side]), type)) {
			left = 1;
			continue;
		}
		fd = bell_of(segment, i, side);
		if (fd < 0 && fd != SLUICE_ENOENT) {
			left = 1; /* no descriptor to be had just now; the timer rings meanwhile */
			continue;
		}
		if (fd >= 0)
			bell_write(fd);
		/* Dead here: rung and still armed; it is rung again. */
		SLI_CRASH(bell_rung);
		sli_cas_sc(&place->armed[side], &armed, armed + 1);
	}
	return left;
}
