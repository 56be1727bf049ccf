/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * place.c - taking part, and being known to live
 *
 * Every participant holds an open-file-description lock on "its" byte of the segment's file, far
 * beyond the data (or of a second file, locks.c). The kernel drops it when the last reference to the
 * description goes, which for a killed process is after its last instruction, and never earlier. It needs
 * no pid and works across PID, user and mount namespaces. To take a byte is therefore three things at
 * once: the proof that its owner is dead, the exclusive right to repair after it, and a guard against
 * reuse of the place.
 *
 * Claiming and leaving happen under the attach lock, a byte too, so whoever dies there leaves nothing
 * locked. A place is FREE or LIVE; LIVE with a free byte is a death that nobody has seen to yet, and
 * a newcomer sees to all of those first. Hence who attaches finds a repaired object.
 *
 * Threads of a handle share its description, and the kernel does not keep them apart; what must not
 * run twice is guarded by a flag in private memory (segment->reaping).
 *
 * [place.claim] the release store of state LIVE, the acquire load of it by who looks for roles.
 * [place.role] what a participant did in a role before the store that gives it up, that store before
 * the look of who acts on its absence (a reader looks for bytes once more, then says it was the end).
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
	if (segment->fd < 0 || fstat(segment->fd, &st) < 0 || st.st_dev != segment->device ||
	    st.st_ino != segment->inode)
		return -ESTALE;
	if (segment->lock_fd == segment->fd || segment->lock_fd < 0)
		return 0;
	return fstat(segment->lock_fd, &st) == 0 && st.st_dev == segment->lock_device &&
			       st.st_ino == segment->lock_inode
		       ? 0
		       : -ESTALE;
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

/* Note the command of @pid (0: our own) as the participant's. */
static void place_set_command(struct sli_place *place, uint32_t pid)
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

void sli_place_set_hint(struct sli_place *place, uint32_t pid)
{
	/* relaxed: a hint for people */
	sli_store_rlx(&place->hint_pid, pid);
	place_set_command(place, pid);
}

static void place_introduce(struct sli_place *place, uintptr_t base)
{
	struct stat st;

	place_set_command(place, 0);
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

/* Of a place whose owner does not exist yet. Without a pid there is no second opinion on its life. */
static void place_forget(struct sli_place *place)
{
	/* relaxed: hints; released with the state */
	sli_store_rlx(&place->pid, 0u);
	sli_store_rlx(&place->start_time, UINT64_C(0));
	sli_store_rlx(&place->hint_pid, 0u);
	sli_store_rlx(&place->doing, 0u);
	sli_store_rlx(&place->armed[0], 0u);
	sli_store_rlx(&place->armed[1], 0u);
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

/* With the attach lock: @fd takes the byte of the first place for @role that is free, or, with @dead,
 * whose owner died. */
static int place_take_byte(struct sli_segment *segment, int fd, uint32_t role, bool dead,
			   uint32_t *ret_place)
{
	uint32_t first, end;

	place_range(segment, role, &first, &end);
	*ret_place = SLI_NO_PLACE;
	for (uint32_t i = first; i < end; i++) {
		int r;

		if (dead != ((sli_place_state(segment, i) & SLI_PLACE_LIVE) != 0))
			continue;
		r = sli_byte_lock(fd, SLI_BYTE_PLACE(i));
		if (r == -EAGAIN)
			continue; /* alive; or a repairer, who is about to let go; or a hostile peer */
		if (r < 0)
			return r;
		if (!dead || !sli_reap_still_runs(segment, i)) {
			*ret_place = i;
			return 0;
		}
		sli_byte_unlock(fd, SLI_BYTE_PLACE(i));
	}
	return SLUICE_EUSERS;
}

/* With the attach lock and the byte of the place, whose hints are written: it is seen. */
static uint32_t place_publish(struct sli_segment *segment, uint32_t number, uint32_t role)
{
	uint32_t state = sli_place_state(segment, number);
	uint32_t generation = (sli_place_generation(state) + 1) & 0xffff;

	/* relaxed: under the attach lock */
	if (sli_load_rlx(&segment->header->places_used) <= number)
		sli_store_rel(&segment->header->places_used, number + 1);
	sli_or_sc(&segment->header->roles_seen, role);
	/* Dead here: a free place; its generation was not used. */
	SLI_CRASH(place_introduced);
	/* [place.claim] release: the hints. Pairs with the acquire in sli_place_state(). */
	sli_store_rel(&segment->places[number].state, generation << SLI_PLACE_GENERATION_SHIFT |
							      role << SLI_PLACE_ROLES_SHIFT |
							      SLI_PLACE_LIVE);
	/* Dead from here on: LIVE with a free byte; the next one who looks repairs. */
	SLI_CRASH(place_claimed);
	return generation;
}

static void place_appear(struct sli_segment *segment, uint32_t role)
{
	segment->role = role;
	place_introduce(&segment->places[segment->place], (uintptr_t)segment->base);
	segment->generation = place_publish(segment, segment->place, role);
}

/* Every place is taken, but perhaps by the dead: be the next owner of one, and repair after it. */
static int place_inherit(struct sli_segment *segment, uint32_t role)
{
	int r = place_take_byte(segment, segment->lock_fd, role, true, &segment->place);

	if (r < 0)
		return r;
	place_appear(segment, role);
	segment->kind->join(segment);
	r = sli_reap_predecessor(segment);
	if (r < 0) {
		/* It stays dead, for others to repair after; and it is not us. */
		sli_store_rel(&segment->places[segment->place].pid, 0u);
		sli_byte_unlock(segment->lock_fd, SLI_BYTE_PLACE(segment->place));
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
	r = place_take_byte(segment, segment->lock_fd, role, false, &segment->place);
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

/* Handles of this process contend for the places of private memory, one at a time. */
static int place_take_private(struct sli_segment *segment, uint32_t role)
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
	return at < end ? 0 : SLUICE_EUSERS;
}

static int place_claim_private(struct sli_segment *segment, uint32_t role)
{
	int r = place_take_private(segment, role);

	if (r < 0)
		return r;
	segment->kind->join(segment);
	sli_store_rel(&segment->forked, sli_load_acq(sli_fork_epoch));
	return 0;
}

static void place_say_full(const struct sli_segment *segment, const struct sli_request *request)
{
	const char *whom = "participants";
	uint32_t first, end;

	place_range(segment, request->role, &first, &end);
	if (segment->kind->range)
		whom = request->role == SLUICE_SEND ? "publishers" : "subscribers";
	sli_say(&request->diag, SLUICE_EUSERS,
		"%s has %u %s, which is all it has places for; close some, or make it anew with more",
		request->name, end - first, whom);
}

int sli_place_claim(struct sli_segment *segment, const struct sli_request *request)
{
	int64_t deadline = sli_deadline(request->open_timeout);
	int r;

	if (segment->is_private) {
		r = place_claim_private(segment, request->role);
		if (r == SLUICE_EUSERS)
			place_say_full(segment, request);
		return r;
	}
	for (;;) {
		r = sli_attach_lock(segment->lock_fd, deadline);
		if (r < 0)
			return sli_say(
				&request->diag, r,
				r == -ETIMEDOUT
					? "%s: somebody has been attaching all the time; is a process stopped? "
					  "See 'sluice show'"
					: "%s: its file cannot be locked; it must lie on a local file system",
				request->name);
		r = place_claim_locked(segment, request->role);
		sli_byte_unlock(segment->lock_fd, SLI_BYTE_ATTACH);
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
	if (r == SLUICE_EUSERS)
		place_say_full(segment, request);
	return r;
}

/* ---- for a description of the caller's ------------------------------------------------------ */

/* The place whose byte @fd holds: held, as others see it, and not in the way of @fd itself. */
static uint32_t place_of_description(const struct sli_segment *segment, int fd)
{
	for (uint32_t i = 0; i < segment->place_count; i++) {
		int64_t byte = SLI_BYTE_PLACE(i);

		if (i != segment->place && (sli_place_state(segment, i) & SLI_PLACE_LIVE) &&
		    sli_byte_held(segment->lock_fd, byte, byte) == 1 &&
		    sli_byte_held(fd, byte, byte) == 0)
			return i;
	}
	return SLI_NO_PLACE;
}

/* With the attach lock: the first free place. Nobody's process: only the kernel says if it lives. */
static int place_claim_for_locked(struct sli_segment *segment, int fd, uint32_t *ret_place)
{
	for (uint32_t i = 0; i < segment->place_count; i++) {
		struct sli_place *place = &segment->places[i];
		uint32_t generation = (sli_place_generation(sli_place_state(segment, i)) + 1) &
				      0xffff;
		int r;

		if (sli_place_state(segment, i) & SLI_PLACE_LIVE)
			continue;
		r = sli_byte_lock(fd, SLI_BYTE_PLACE(i));
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			return r;
		place_introduce(place, 0);
		/* relaxed: a hint; no process is the owner */
		sli_store_rlx(&place->pid, 0u);
		/* relaxed: under the attach lock */
		if (sli_load_rlx(&segment->header->places_used) <= i)
			sli_store_rel(&segment->header->places_used, i + 1);
		/* [place.claim] release. Pairs with the acquire in sli_place_state(). */
		sli_store_rel(&place->state,
			      generation << SLI_PLACE_GENERATION_SHIFT | SLI_PLACE_LIVE);
		*ret_place = i;
		return 0;
	}
	return SLUICE_EUSERS;
}

int sli_place_claim_for(struct sli_segment *segment, int fd, uint32_t *ret_place)
{
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != segment->lock_device ||
	    st.st_ino != segment->lock_inode || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return SLUICE_EBADF;
	r = sli_attach_lock(segment->lock_fd, sli_deadline(segment->open_timeout));
	if (r < 0)
		return r;
	*ret_place = place_of_description(segment, fd);
	if (*ret_place == SLI_NO_PLACE) {
		r = place_claim_for_locked(segment, fd, ret_place);
		if (r == SLUICE_EUSERS && sli_sweep(segment, segment->place_count))
			r = place_claim_for_locked(segment, fd, ret_place);
	}
	sli_byte_unlock(segment->lock_fd, SLI_BYTE_ATTACH);
	return r;
}

uint32_t sli_place_count_role(const struct sli_segment *segment, uint32_t role)
{
	uint32_t used = sli_place_used(segment), count = 0;

	for (uint32_t i = 0; i < used; i++) {
		uint32_t state = sli_place_state(segment, i);

		if (i != segment->place && (state & SLI_PLACE_LIVE) &&
		    (sli_place_roles(state) & role))
			count++;
	}
	return count;
}

bool sli_place_has_role(const struct sli_segment *segment, uint32_t role)
{
	uint32_t used = sli_place_used(segment);

	for (uint32_t i = 0; i < used; i++) {
		/* [place.role] acquire: what it did in that role. Pairs with the release of who gave
		 * it up. */
		uint32_t state = sli_load_acq(&segment->places[i].state);

		if ((state & SLI_PLACE_LIVE) && (sli_place_roles(state) & role))
			return true;
	}
	return false;
}

/* ---- forking ------------------------------------------------------------------------------- */

uint32_t sli_place_roles_left(const struct sli_segment *segment)
{
	if (segment->place >= segment->place_count)
		return 0;
	return sli_place_roles(sli_place_state(segment, segment->place));
}

int sli_place_reserve(struct sli_segment *segment, int fd, uint32_t *ret_place)
{
	int r = sli_attach_lock(fd, sli_now() + 100 * SLI_MS);

	if (r < 0)
		return r;
	/* relaxed: the attach lock orders */
	r = sli_segment_life(sli_load_rlx(&segment->header->life));
	if (r == 0)
		r = place_take_byte(segment, fd, sli_place_roles_left(segment), false, ret_place);
	if (r == 0) {
		place_forget(&segment->places[*ret_place]);
		place_publish(segment, *ret_place, sli_place_roles_left(segment));
	}
	sli_byte_unlock(fd, SLI_BYTE_ATTACH);
	return r;
}

void sli_place_adopt(struct sli_segment *segment, uint32_t place)
{
	segment->place = place;
	segment->generation = sli_place_generation(sli_place_state(segment, place));
	place_introduce(&segment->places[place], (uintptr_t)segment->base);
	segment->kind->join(segment);
	sli_store_rel(&segment->forked, sli_load_acq(sli_fork_epoch));
}

/* ---- leaving ------------------------------------------------------------------------------- */

/* With the attach lock: is any place's byte but ours held? */
static bool place_others_live(const struct sli_segment *segment)
{
	return sli_byte_held(segment->lock_fd, SLI_BYTE_PLACE(0),
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

void sli_place_drop_role(struct sli_segment *segment, uint32_t role)
{
	_Atomic uint32_t *state = &segment->places[segment->place].state;
	uint32_t seen = sli_load_acq(state);

	/* [place.role] release: what we did in it. Pairs with the acquire in sli_place_has_role(). */
	while (!sli_cas_acqrel(state, &seen, seen & ~(role << SLI_PLACE_ROLES_SHIFT)))
		;
	/* Dead here: nobody was told; they find out at the end of their slices. */
	SLI_CRASH(place_role_dropped);
	segment->kind->wake(segment);
}

void sli_place_leave(struct sli_segment *segment)
{
	struct sli_place *place = &segment->places[segment->place];
	bool attached;

	/* If the program closed our descriptor, the place may have another owner by now. */
	if (segment->place >= segment->place_count || sli_place_check_self(segment) < 0)
		return;
	if (segment->is_private) {
		/* [place.role] release. Pairs with the acquire in sli_place_has_role(). */
		sli_store_rel(&place->state, segment->generation << SLI_PLACE_GENERATION_SHIFT);
		segment->place = SLI_NO_PLACE;
		segment->kind->wake(segment);
		return;
	}
	/* Never wait for another process: 100 ms cover one that is merely busy attaching. */
	attached = sli_attach_lock(segment->lock_fd, sli_now() + 100 * SLI_MS) == 0;
	/* relaxed: nobody polls here any more */
	sli_store_rlx(&place->armed[0], 0u);
	sli_store_rlx(&place->armed[1], 0u);
	/* [place.claim] release. Pairs with the acquire in sli_place_state().
	 * [place.role] release: what we did. Pairs with the acquire in sli_place_has_role(). */
	sli_store_rel(&place->state, segment->generation << SLI_PLACE_GENERATION_SHIFT);
	SLI_CRASH(place_left);
	sli_byte_unlock(segment->lock_fd, SLI_BYTE_PLACE(segment->place));
	if (attached && (segment->flags & SLI_HEADER_EPHEMERAL) && !place_others_live(segment))
		place_retire(segment);
	if (attached)
		sli_byte_unlock(segment->lock_fd, SLI_BYTE_ATTACH);
	segment->place = SLI_NO_PLACE;
	segment->kind->wake(segment);
}
