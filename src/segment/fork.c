/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fork.c - a child is a participant of its own
 *
 * fork copies the mapping, which is wanted, and shares the file descriptions, which is not: as long
 * as the child has ours, our byte stays locked when we die. So the child's fork handler opens each
 * segment anew and closes what it inherited, and at its first call on a handle the child claims a
 * place there. What the parent holds (locks, loans, reservations) stays the parent's.
 *
 * An object whose ends are counted (a stream) cannot wait for the child's first call: if the parent
 * left before it, there would be a moment without a writer. For those, the parent claims a second
 * place just before the fork, with a description that both then have and that the parent closes: the
 * child's place is held by the child alone, and never by nobody. A fork that fails leaves a place
 * whose byte is free, a death like any other. Where no place is to be had, the child joins late.
 *
 * A raw clone(2) runs no handlers. It is noticed at the next call by a page that the kernel empties
 * in a child (MADV_WIPEONFORK); until then it holds its parent's byte.
 *
 * The epoch on that page counts forks; a handle remembers the epoch its place was claimed in.
 */
#include "../base/fd.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sluice.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static _Atomic uint32_t fork_no_page = 1; /* before the first handle, and where mmap fails */
_Atomic uint32_t *sli_fork_epoch = &fork_no_page;

static pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;      /* the list */
static pthread_mutex_t fork_join_mutex = PTHREAD_MUTEX_INITIALIZER; /* joining; may wait */
static struct sli_segment *fork_segments;
static uint32_t fork_epochs = 1;
static int fork_ready;

/* A place for the child. */
static void fork_reserve(struct sli_segment *s)
{
	uint32_t roles;

	if (s->is_private || s->place >= s->place_count || !s->kind->stays_at_fork ||
	    sli_fork_happened(s) || sli_place_check_self(s) < 0)
		return;
	roles = sli_place_roles_left(s);
	s->role = roles; /* what it has given up, the child does not get */
	if (!roles)
		return;
	s->child_fd = sli_locks_reopen(s);
	if (s->child_fd >= 0 && sli_place_reserve(s, s->child_fd, &s->child_place) < 0)
		sli_close(&s->child_fd);
}

static void fork_before(void)
{
	pthread_mutex_lock(&fork_mutex);
	for (struct sli_segment *s = fork_segments; s; s = s->next)
		fork_reserve(s);
}

static void fork_in_parent(void)
{
	for (struct sli_segment *s = fork_segments; s; s = s->next)
		sli_close(&s->child_fd);
	pthread_mutex_unlock(&fork_mutex);
}

/* In the child, one thread: leave the parent's descriptions. */
static void fork_leave_parent(void)
{
	sli_store_rel(sli_fork_epoch, ++fork_epochs);
	for (struct sli_segment *s = fork_segments; s; s = s->next) {
		bool keeps = s->is_private || s->is_read_only;
		bool ours = !keeps && s->fd >= 0 && sli_place_check_self(s) == 0;
		bool reserved = s->child_fd >= 0;
		int fresh = reserved ? s->child_fd : ours ? sli_locks_reopen(s) : -1;

		if (keeps)
			continue;
		if (ours)
			close(s->lock_fd);
		/* A description without our locks may be shared. */
		keeps = ours && s->lock_fd != s->fd;
		s->lock_fd = fresh < 0 ? -1 : fresh;
		if (!keeps)
			s->fd = s->lock_fd;
		s->child_fd = -1;
		s->place = SLI_NO_PLACE;
		/* relaxed: the child has one thread */
		sli_store_rlx(&s->reaping, 0u);
		sli_store_rlx(&s->bell_busy, 0u);
		sli_bell_leave(s, ours);
		if (reserved)
			sli_place_adopt(s, s->child_place);
	}
}

static void fork_in_child(void)
{
	pthread_mutex_init(&fork_mutex, NULL);
	pthread_mutex_init(&fork_join_mutex, NULL);
	fork_leave_parent();
}

/* With the mutex: handlers and the page, once. */
static int fork_prepare(void)
{
	long page = sysconf(_SC_PAGESIZE);
	void *p;

	if (fork_ready)
		return 0;
	if (pthread_atfork(fork_before, fork_in_parent, fork_in_child) != 0)
		return SLUICE_ENOMEM;
	p = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED && madvise(p, (size_t)page, MADV_WIPEONFORK) == 0) {
		sli_store_rel((_Atomic uint32_t *)p, fork_epochs);
		sli_fork_epoch = p;
	} else if (p != MAP_FAILED) {
		munmap(p, (size_t)page);
	}
	fork_ready = 1;
	return 0;
}

void sli_fork_hold(void)
{
	pthread_mutex_lock(&fork_mutex);
}

void sli_fork_release(void)
{
	pthread_mutex_unlock(&fork_mutex);
}

int sli_fork_register(struct sli_segment *segment)
{
	int r;

	pthread_mutex_lock(&fork_mutex);
	r = fork_prepare();
	if (r == 0) {
		segment->next = fork_segments;
		segment->previous = NULL;
		if (fork_segments)
			fork_segments->previous = segment;
		fork_segments = segment;
	}
	pthread_mutex_unlock(&fork_mutex);
	return r;
}

void sli_fork_forget(struct sli_segment *segment)
{
	pthread_mutex_lock(&fork_mutex);
	if (segment->previous)
		segment->previous->next = segment->next;
	else if (fork_segments == segment)
		fork_segments = segment->next;
	if (segment->next)
		segment->next->previous = segment->previous;
	pthread_mutex_unlock(&fork_mutex);
}

bool sli_fork_owns(const struct sli_segment *segment, uint32_t place)
{
	bool found = false;

	pthread_mutex_lock(&fork_mutex);
	for (struct sli_segment *s = fork_segments; s && !found; s = s->next)
		found = s->place == place && s->inode == segment->inode &&
			s->device == segment->device;
	pthread_mutex_unlock(&fork_mutex);
	return found;
}

int sli_fork_join(struct sli_segment *segment)
{
	struct sli_request request = {
		.name = segment->path,
		.role = segment->role,
		.open_timeout = segment->open_timeout,
	};
	int r = 0, cancel;

	if (segment->is_private)
		return SLUICE_ESTALE;
	if (segment->is_read_only) { /* no place and no locks: the child's as much as the parent's */
		sli_store_rel(&segment->forked, sli_load_acq(sli_fork_epoch));
		return 0;
	}
	cancel = sli_cancel_off();
	pthread_mutex_lock(&fork_join_mutex);
	pthread_mutex_lock(&fork_mutex);
	if (sli_load_acq(sli_fork_epoch) == 0)
		fork_leave_parent(); /* a raw clone: no handler ran */
	pthread_mutex_unlock(&fork_mutex);
	if (sli_fork_happened(segment))
		r = segment->lock_fd < 0 ? SLUICE_ESTALE : sli_place_claim(segment, &request);
	pthread_mutex_unlock(&fork_join_mutex);
	sli_cancel_restore(cancel);
	return r;
}
