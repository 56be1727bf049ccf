/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * reap.c - finding the dead and repairing after them
 *
 *	R0  one repairer a handle: threads share the description, the kernel would let both in
 *	R1  take the byte of the place; refused: its owner lives
 *	R2  the place is FREE: nothing to do
 *	R3  the kind's repair takes the object's locks, from the dead or free; an owner it finds dead as
 *	    well is added to the list, with its byte
 *	R4  it repairs for the whole list; idempotent
 *	R5  the places become FREE
 *	R6  everybody is woken: whoever slept may have slept for what the dead one took along
 *	R7  the bytes are dropped
 *
 * The bytes are kept until the end: a place whose byte was tested but not kept could be claimed anew
 * in the middle of the repair, and the newcomer taken for the dead. A repairer that dies at any
 * point loses its bytes, and the locks it took carry its own stamp; the next one begins again.
 *
 * A living one may hold a lock that the repair needs. It is given a few milliseconds, then the
 * repair is given up, to be tried again at somebody's next slice; nobody's timeout is overrun.
 *
 * Second opinion. A program that closes all its descriptors (to become a daemon) drops its byte and
 * looks dead while it goes on storing. So before a death is believed, the process of the place is
 * looked up: same PID namespace, same pid and start time, and the segment's file still mapped where it
 * was means alive. An execve keeps pid and start time but not the mapping; a killed process has lost
 * the mapping before the byte. Of our own process we know which places are ours.
 */
#include "../base/crash.h"
#include "../base/fd.h"
#include "segment.h"

#include <errno.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define REAP_MOST 64u /* the first one, and the dead owners of further locks of the object */
#define REAP_PATIENCE_NS (2 * SLI_MS)
#define REAP_RETRY_NS (200 * SLI_US)
#define SWEEP_INTERVAL_NS (4 * SLI_MS)

/* ---- second opinion ------------------------------------------------------------------------ */

/* Has @pid the segment's file mapped at @base? */
static bool reap_maps_segment(const struct sli_segment *segment, uint32_t pid, uint64_t base)
{
	char path[64], line[512];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned major_number, minor_number;
		unsigned long long start, inode;

		found = sscanf(line, "%llx-%*s %*s %*s %x:%x %llu", &start, &major_number,
			       &minor_number, &inode) == 4 &&
			inode == segment->inode && start == base &&
			makedev(major_number, minor_number) == segment->device;
	}
	fclose(maps);
	return found;
}

static uint64_t reap_start_time(uint32_t pid)
{
	char path[64], text[1024], *at;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (sli_read_small(path, text, sizeof(text)) < 0)
		return 0;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* Its byte is free, but is it really gone? */
bool sli_reap_still_runs(const struct sli_segment *segment, uint32_t number)
{
	const struct sli_place *place = &segment->places[number];
	/* relaxed: hints, whose only effect is to refuse a repair */
	uint32_t pid = sli_load_rlx(&place->pid);
	uint64_t start = sli_load_rlx(&place->start_time);
	struct stat st;

	/* relaxed: as above */
	if (pid == 0 || start == 0 || pid > INT32_MAX || stat("/proc/self/ns/pid", &st) < 0 ||
	    (uint64_t)st.st_ino != sli_load_rlx(&place->pid_space))
		return false;
	/* relaxed: as above. We know about ourselves; an earlier program of this process is dead. */
	if (pid == (uint32_t)getpid())
		return sli_fork_owns(segment, number);
	return reap_start_time(pid) == start &&
	       reap_maps_segment(segment, pid, sli_load_rlx(&place->base));
}

/* ---- repair -------------------------------------------------------------------------------- */

/* Take the byte of a place that looks dead. 1: taken; 0: alive or free. */
static int reap_take_byte(struct sli_segment *segment, uint32_t place)
{
	int r;

	if (!(sli_place_state(segment, place) & SLI_PLACE_LIVE))
		return 0;
	r = sli_byte_lock(segment->lock_fd, SLI_BYTE_PLACE(place));
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	if ((sli_place_state(segment, place) & SLI_PLACE_LIVE) &&
	    !sli_reap_still_runs(segment, place))
		return 1;
	sli_byte_unlock(segment->lock_fd, SLI_BYTE_PLACE(place));
	return 0;
}

/* R3 and R4, with more dead as they are found. */
static int reap_repair(struct sli_segment *segment, uint32_t *dead, uint32_t *count)
{
	int64_t deadline = sli_now() + REAP_PATIENCE_NS;
	uint32_t also = SLI_NO_PLACE;
	int r;

	while ((r = segment->kind->repair(segment, dead, *count, &also)) < 0) {
		if (r == -EAGAIN && also < segment->place_count && *count < REAP_MOST &&
		    also != segment->place && reap_take_byte(segment, also) > 0) {
			dead[(*count)++] = also;
			continue;
		}
		if ((r != -EAGAIN && r != -EBUSY) || sli_now() >= deadline)
			return r == -EAGAIN ? -EBUSY : r;
		sli_nap(REAP_RETRY_NS);
	}
	return 0;
}

/* R5: nothing carries their stamps any more. */
static void reap_free(struct sli_segment *segment, uint32_t place)
{
	uint32_t state = sli_place_state(segment, place);

	/* relaxed: nobody polls here any more */
	sli_store_rlx(&segment->places[place].armed[0], 0u);
	sli_store_rlx(&segment->places[place].armed[1], 0u);
	/* [place.claim] release. Pairs with the acquire in sli_place_state(). */
	sli_store_rel(&segment->places[place].state, sli_place_generation(state)
							     << SLI_PLACE_GENERATION_SHIFT);
	SLI_CRASH(reap_freed);
}

/* With the byte of dead[0]. */
static int reap_all(struct sli_segment *segment, uint32_t first)
{
	uint32_t dead[REAP_MOST] = { first }, count = 1;
	int r = reap_repair(segment, dead, &count);

	SLI_CRASH(reap_repaired);
	if (r == 0) {
		for (uint32_t i = 0; i < count; i++)
			reap_free(segment, dead[i]);
		/* relaxed: a counter for people */
		sli_add_rlx(&segment->header->repairs, (uint64_t)count);
	} else if (r == SLUICE_ECORRUPT) {
		sli_segment_break(segment);
	}
	segment->kind->wake(segment);
	for (uint32_t i = 0; i < count; i++)
		sli_byte_unlock(segment->lock_fd, SLI_BYTE_PLACE(dead[i]));
	return r;
}

int sli_reap_predecessor(struct sli_segment *segment)
{
	uint32_t dead[REAP_MOST] = { segment->place }, count = 1;
	int r = reap_repair(segment, dead, &count);

	for (uint32_t i = 1; i < count; i++) {
		if (r == 0)
			reap_free(segment, dead[i]);
		sli_byte_unlock(segment->lock_fd, SLI_BYTE_PLACE(dead[i]));
	}
	if (r == 0)
		/* relaxed: a counter for people */
		sli_add_rlx(&segment->header->repairs, (uint64_t)count);
	segment->kind->wake(segment);
	return r;
}

int sli_reap(struct sli_segment *segment, uint32_t place)
{
	int r, cancel;

	if (segment->is_private || place >= segment->place_count || place == segment->place)
		return 0;
	/* relaxed: a damaged object is not repaired */
	if (sli_load_rlx(&segment->header->life) & SLI_LIFE_BROKEN)
		return SLUICE_ECORRUPT;
	if (sli_swap_acqrel(&segment->reaping, 1u))
		return -EBUSY;
	/* A thread that was cancelled in here would leave the dead locked. */
	cancel = sli_cancel_off();
	/* Our descriptor may have been closed and its number given to another file. */
	r = sli_place_check_self(segment);
	if (r == 0)
		r = reap_take_byte(segment, place);
	if (r > 0) {
		r = reap_all(segment, place);
		r = r < 0 ? r : 1;
	}
	sli_store_rel(&segment->reaping, 0u);
	sli_cancel_restore(cancel);
	return r;
}

uint32_t sli_sweep(struct sli_segment *segment, uint32_t count)
{
	uint32_t used = sli_place_used(segment);
	uint32_t repaired = 0;
	int r;

	/* relaxed: where to begin does not matter */
	for (uint32_t looked = 0, i = 0; i < used && looked < count; i++) {
		uint32_t place = sli_add_rlx(&segment->sweep, 1u) % used;

		if (place == segment->place || !(sli_place_state(segment, place) & SLI_PLACE_LIVE))
			continue;
		looked++;
		r = sli_reap(segment, place);
		repaired += r > 0;
		/* Somebody living holds a lock: the others' repairs would wait for the same one. */
		if (r == -EBUSY)
			break;
	}
	return repaired;
}

bool sli_sweep_is_due(struct sli_segment *segment)
{
	int64_t now = sli_now();
	/* relaxed: private memory; two threads sweeping at once do no harm */
	int64_t last = sli_load_rlx(&segment->swept);

	if (segment->is_private || now - last < SWEEP_INTERVAL_NS)
		return false;
	/* relaxed: as above */
	sli_store_rlx(&segment->swept, now);
	return true;
}
