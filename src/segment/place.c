/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * place.c - taking part, and being known to live
 *
 * Every participant holds an open-file-description lock on "its" byte of the segment's file, far
 * beyond the data. The kernel drops it when the last reference to the description goes, which for a
 * killed process is after its last instruction, and never earlier. It needs no pid and works across
 * PID, user and mount namespaces. To take a byte is therefore three things at once: the proof that
 * its owner is dead, the exclusive right to repair after it, and a guard against reuse of the place.
 *
 * Claiming and leaving happen under the attach lock, a byte too, so whoever dies there leaves nothing
 * locked. A place is FREE or LIVE; LIVE with a free byte is a death that nobody has seen to yet, and
 * a newcomer sees to all of those first. Hence who attaches finds a repaired object.
 *
 * Threads of a handle share its description, and the kernel does not keep them apart; what must not
 * run twice is guarded by a flag in private memory (segment->reaping).
 *
 * [place.claim] the release store of state LIVE, the acquire load of it by who looks for roles.
 */
#include "../base/crash.h"
#include "../base/fd.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTACH_RETRY_NS SLI_MS

static int byte_call(int fd, int command, short type, int64_t first, int64_t count)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)first,
		.l_len = (off_t)count,
	};
	int r;

	do
		r = fcntl(fd, command, &lock);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EACCES ? -EAGAIN : sli_errno();
	return command == F_OFD_GETLK && lock.l_type != F_UNLCK;
}

int sli_byte_lock(int fd, int64_t byte)
{
	return byte_call(fd, F_OFD_SETLK, F_WRLCK, byte, 1);
}

void sli_byte_unlock(int fd, int64_t byte)
{
	byte_call(fd, F_OFD_SETLK, F_UNLCK, byte, 1);
}

int sli_byte_held(int fd, int64_t first, int64_t last)
{
	return byte_call(fd, F_OFD_GETLK, F_WRLCK, first, last - first + 1);
}

int sli_attach_lock(int fd, int64_t deadline)
{
	int r;

	while ((r = sli_byte_lock(fd, SLI_BYTE_ATTACH)) == -EAGAIN) {
		if (sli_now() >= deadline)
			return -ETIMEDOUT;
		sli_nap(ATTACH_RETRY_NS);
	}
	return r;
}

int sli_place_check_self(const struct sli_segment *segment)
{
	struct stat st;

	if (segment->is_private)
		return 0;
	if (segment->fd < 0 || fstat(segment->fd, &st) < 0)
		return -ESTALE;
	return st.st_dev == segment->device && st.st_ino == segment->inode ? 0 : -ESTALE;
}

/* ---- who we are, for people ---------------------------------------------------------------- */

/* Field 22 of /proc/self/stat; the second field may hold spaces and parentheses. */
static uint64_t place_start_time(void)
{
	char text[1024], *at;
	uint64_t value = 0;

	if (sli_read_small("/proc/self/stat", text, sizeof(text)) < 0)
		return 0;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		value = strtoull(at + 1, NULL, 10);
	return value;
}

void sli_place_set_command(struct sli_place *place, uint32_t pid)
{
	char path[64] = "/proc/self/comm", command[16] = { 0 };
	uint64_t words[2];
	char *newline;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	if (sli_read_small(path, command, sizeof(command)) < 0)
		command[0] = '\0';
	newline = strchr(command, '\n');
	if (newline)
		*newline = '\0';
	memcpy(words, command, sizeof(words));
	/* relaxed: a hint */
	sli_store_rlx(&place->command[0], words[0]);
	sli_store_rlx(&place->command[1], words[1]);
}

static void place_introduce(struct sli_place *place, uintptr_t base)
{
	struct stat st;

	sli_place_set_command(place, 0);
	/* relaxed: hints; released with the state */
	sli_store_rlx(&place->base, (uint64_t)base);
	sli_store_rlx(&place->pid, (uint32_t)getpid());
	sli_store_rlx(&place->start_time, place_start_time());
	sli_store_rlx(&place->pid_space,
		      stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0);
	sli_store_rlx(&place->hint_pid, 0u);
	sli_store_rlx(&place->doing, 0u);
	for (int side = 0; side < 2; side++) {
		/* relaxed: nobody polls here yet */
		sli_store_rlx(&place->armed[side], 0u);
		sli_store_rlx(&place->filter[side], INT64_C(0));
	}
}

/* ---- claiming ------------------------------------------------------------------------------ */

/* The places that a participant of @role may have. */
static void place_range(const struct sli_segment *segment, uint32_t role, uint32_t *ret_first,
			uint32_t *ret_end)
{
	*ret_first = 0;
	*ret_end = segment->place_count;
	if (segment->kind->range)
		segment->kind->range(segment, role, ret_first, ret_end);
}

/* With the attach lock: the byte of the first place that is free, or, with @dead, whose owner died. */
static int place_take_byte(struct sli_segment *segment, uint32_t role, bool dead)
{
	uint32_t first, end;

	place_range(segment, role, &first, &end);
	for (uint32_t i = first; i < end; i++) {
		int r;

		if (dead != ((sli_place_state(segment, i) & SLI_PLACE_LIVE) != 0))
			continue;
		r = sli_byte_lock(segment->fd, SLI_BYTE_PLACE(i));
		if (r == -EAGAIN)
			continue; /* alive; or a repairer, who is about to let go; or a hostile peer */
		if (r < 0)
			return r;
		segment->place = i;
		if (!dead || !sli_reap_still_runs(segment, i))
			return 0;
		sli_byte_unlock(segment->fd, SLI_BYTE_PLACE(i));
	}
	segment->place = SLI_NO_PLACE;
	return SLUICE_EUSERS;
}

/* With the attach lock and the byte of our place: be seen. */
static void place_appear(struct sli_segment *segment, uint32_t role)
{
	struct sli_place *place = &segment->places[segment->place];
	uint32_t state = sli_place_state(segment, segment->place);

	segment->generation = (sli_place_generation(state) + 1) & 0xffff;
	segment->role = role;
	place_introduce(place, (uintptr_t)segment->base);
	/* relaxed: under the attach lock */
	if (sli_load_rlx(&segment->header->places_used) <= segment->place)
		sli_store_rel(&segment->header->places_used, segment->place + 1);
	sli_or_sc(&segment->header->roles_seen, role);
	/* Dead here: a free place; its generation was not used. */
	SLI_CRASH(place_introduced);
	/* [place.claim] release: the hints. Pairs with the acquire in sli_place_state(). */
	sli_store_rel(&place->state, segment->generation << SLI_PLACE_GENERATION_SHIFT |
					     role << SLI_PLACE_ROLES_SHIFT | SLI_PLACE_LIVE);
	/* Dead from here on: LIVE with a free byte; the next one who looks repairs. */
	SLI_CRASH(place_claimed);
}

/* Every place is taken, but perhaps by the dead: be the next owner of one, and repair after it. */
static int place_inherit(struct sli_segment *segment, uint32_t role)
{
	int r = place_take_byte(segment, role, true);

	if (r < 0)
		return r;
	place_appear(segment, role);
	segment->kind->join(segment);
	r = sli_reap_predecessor(segment);
	if (r < 0) {
		/* It stays dead, for others to repair after; and it is not us. */
		sli_store_rel(&segment->places[segment->place].pid, 0u);
		sli_byte_unlock(segment->fd, SLI_BYTE_PLACE(segment->place));
		segment->place = SLI_NO_PLACE;
	}
	return r == -EBUSY ? SLUICE_EUSERS : r;
}

static int place_claim_locked(struct sli_segment *segment, uint32_t role)
{
	/* relaxed: the attach lock orders */
	int r = sli_segment_life(sli_load_rlx(&segment->header->life));

	if (r < 0)
		return r == SLUICE_EREMOVED ? -ESTALE : r;
	r = place_take_byte(segment, role, false);
	if (r == SLUICE_EUSERS)
		return place_inherit(segment, role);
	if (r < 0)
		return r;
	place_appear(segment, role);
	segment->kind->join(segment);
	/* Who attaches finds a repaired object. */
	sli_sweep(segment, segment->place_count);
	return 0;
}

/* Private memory: handles of this process contend for its places, one at a time. */
static int place_claim_private(struct sli_segment *segment, uint32_t role)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	uint32_t at, end;

	pthread_mutex_lock(&mutex);
	place_range(segment, role, &at, &end);
	while (at < end && (sli_place_state(segment, at) & SLI_PLACE_LIVE))
		at++;
	segment->place = at < end ? at : SLI_NO_PLACE;
	if (at < end)
		place_appear(segment, role);
	pthread_mutex_unlock(&mutex);
	if (at >= end)
		return SLUICE_EUSERS;
	segment->kind->join(segment);
	sli_store_rel(&segment->forked, sli_load_acq(sli_fork_epoch));
	return 0;
}

int sli_place_claim(struct sli_segment *segment, const struct sli_request *request)
{
	int64_t deadline = sli_deadline(request->open_timeout);
	uint32_t first, end;
	int r;

	if (segment->is_private)
		return place_claim_private(segment, request->role);
	for (;;) {
		r = sli_attach_lock(segment->fd, deadline);
		if (r < 0)
			return sli_say(
				&request->diag, r,
				r == -ETIMEDOUT
					? "%s: somebody has been attaching all the time; is a process stopped? "
					  "See 'sluice show'"
					: "%s: its file cannot be locked; it must lie on a local file system",
				request->name);
		r = place_claim_locked(segment, request->role);
		sli_byte_unlock(segment->fd, SLI_BYTE_ATTACH);
		if (r != SLUICE_EUSERS || sli_now() >= deadline)
			break;
		sli_nap(10 * ATTACH_RETRY_NS);
	}
	if (r == SLUICE_ECORRUPT)
		sli_say(&request->diag, r,
			"%s was found damaged by one of its participants; remove it",
			request->name);
	if (r == 0)
		sli_store_rel(&segment->forked, sli_load_acq(sli_fork_epoch));
	place_range(segment, request->role, &first, &end);
	if (r == SLUICE_EUSERS)
		sli_say(&request->diag, r,
			"%s has %u %s, which is all it has places for; close some, or make it anew with "
			"more",
			request->name, end - first,
			!segment->kind->range          ? "participants"
			: request->role == SLUICE_SEND ? "publishers"
						       : "subscribers");
	return r;
}

uint32_t sli_place_count_role(const struct sli_segment *segment, uint32_t role)
{
	uint32_t used = sli_load_acq(&segment->header->places_used), count = 0;

	for (uint32_t i = 0; i < SLI_MIN(used, segment->place_count); i++) {
		uint32_t state = sli_place_state(segment, i);

		if (i != segment->place && (state & SLI_PLACE_LIVE) &&
		    (sli_place_roles(state) & role))
			count++;
	}
	return count;
}

/* ---- leaving ------------------------------------------------------------------------------- */

/* With the attach lock: is any place's byte but ours held? */
static bool place_others_live(const struct sli_segment *segment)
{
	return sli_byte_held(segment->fd, SLI_BYTE_PLACE(0),
			     SLI_BYTE_PLACE(segment->place_count)) != 0;
}

static void place_retire(struct sli_segment *segment)
{
	/* Others that have the file open but no place yet find it retired and open the name again. */
	sli_or_sc(&segment->header->life, SLI_LIFE_RETIRED);
	SLI_CRASH(place_retired);
	if (segment->path[0])
		sli_segment_unlink(segment->path, segment->fd);
}

void sli_place_leave(struct sli_segment *segment)
{
	struct sli_place *place = &segment->places[segment->place];
	bool attached;

	/* If the program closed our descriptor, the place may have another owner by now. */
	if (segment->place >= segment->place_count || sli_place_check_self(segment) < 0)
		return;
	if (segment->is_private) {
		/* [place.claim] release. Pairs with the acquire in sli_place_state(). */
		sli_store_rel(&place->state, segment->generation << SLI_PLACE_GENERATION_SHIFT);
		segment->place = SLI_NO_PLACE;
		segment->kind->wake(segment);
		return;
	}
	/* Never wait for another process: 100 ms cover one that is merely busy attaching. */
	attached = sli_attach_lock(segment->fd, sli_now() + 100 * SLI_MS) == 0;
	/* relaxed: nobody polls here any more */
	sli_store_rlx(&place->armed[0], 0u);
	sli_store_rlx(&place->armed[1], 0u);
	/* [place.claim] release. Pairs with the acquire in sli_place_state(). */
	sli_store_rel(&place->state, segment->generation << SLI_PLACE_GENERATION_SHIFT);
	SLI_CRASH(place_left);
	sli_byte_unlock(segment->fd, SLI_BYTE_PLACE(segment->place));
	if (attached && (segment->flags & SLI_HEADER_EPHEMERAL) && !place_others_live(segment))
		place_retire(segment);
	if (attached)
		sli_byte_unlock(segment->fd, SLI_BYTE_ATTACH);
	segment->place = SLI_NO_PLACE;
	segment->kind->wake(segment);
}
