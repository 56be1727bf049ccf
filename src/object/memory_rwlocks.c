/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_rwlocks.c - the reader-writer locks that live inside a memory
 *
 * They lie behind the other gates (memory_gates.c): the control words of all, then the stripes, by lock
 * and then place, one for each place. Who may read and write, and the table of deaths, is
 * src/protocol/rwlock.c; which thread of the handle holds what, rwlock_common.c.
 *
 * A repair buries the dead in every lock. Each burial is a few stores into words of the dead alone, may be
 * done again, and takes no lock; so it needs no order, and whoever dies in it leaves it to the next one.
 * The words that count us are made ours when a place is claimed, before anybody could count on them.
 */
#include "../base/crash.h"
#include "memory.h"

#include <errno.h>
#include <stdlib.h>

/* ---- where they are -------------------------------------------------------------------------- */

uint64_t sli_memory_rwlocks_size(uint64_t count, uint32_t places)
{
	return count * (sizeof(struct sli_rwlock_control) +
			(uint64_t)places * sizeof(struct sli_rwlock_stripe));
}

static struct sli_rwlock rwlocks_view(const struct sli_memory_gates *gates, uint32_t index,
				      struct sli_peers *peers)
{
	return (struct sli_rwlock){
		.control = &gates->rwlocks[index],
		.stripes = &gates->stripes[(size_t)index * gates->places],
		.stripe_count = 1,
		.peers = peers,
	};
}

static struct sli_rwlock rwlocks_own(sluice_memory *memory, uint32_t index)
{
	struct sli_rwlock lock = rwlocks_view(&memory->gates, index, &memory->handle.peers);

	lock.spin = &memory->handle.data_spin;
	return lock;
}

void sli_memory_rwlocks_join(sluice_memory *memory)
{
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_own(memory, i);

		if (!memory->handle.segment.is_read_only)
			sli_rwlock_join(&lock);
		if (!memory->rwlocks)
			continue;
		memory->rwlocks[i].lock = lock;
		sli_rwlock_held_join(&memory->rwlocks[i], &memory->handle);
	}
}

int sli_memory_rwlocks_settle(sluice_memory *memory)
{
	memory->rwlocks = calloc(memory->gates.rwlock_count + 1, sizeof(*memory->rwlocks));
	if (!memory->rwlocks)
		return SLUICE_ENOMEM;
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++) {
		memory->rwlocks[i].lock = rwlocks_own(memory, i);
		sli_rwlock_held_join(&memory->rwlocks[i], &memory->handle);
	}
	return 0;
}

void sli_memory_rwlocks_free(sluice_memory *memory)
{
	for (uint32_t i = 0; memory->rwlocks && i < memory->gates.rwlock_count; i++)
		sli_rwlock_held_free(&memory->rwlocks[i]);
	free(memory->rwlocks);
}

/* ---- leaving, repairing, waking -------------------------------------------------------------- */

void sli_memory_rwlocks_bury(sluice_memory *memory, uint32_t stamp, uint32_t mask)
{
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_own(memory, i);

		sli_rwlock_bury(&lock, stamp, mask);
	}
}

void sli_memory_rwlocks_wake(sluice_memory *memory)
{
	for (uint32_t i = 0; i < memory->gates.rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_own(memory, i);

		sli_rwlock_wake_all(&lock);
	}
}

void sli_memory_rwlocks_wake_mapped(const struct sli_memory_gates *gates)
{
	for (uint32_t i = 0; i < gates->rwlock_count; i++)
		sli_rwlock_wake_control(&gates->rwlocks[i]);
}

/* ---- only looked at -------------------------------------------------------------------------- */

/* Does the participant at @place read or write? */
static bool rwlocks_is_held_by(const struct sli_rwlock *lock, uint32_t place)
{
	return sli_stamp_place(sli_rwlock_writer(lock)) == place ||
	       sli_rwlock_readers(lock, place) > 0;
}

bool sli_memory_rwlocks_hold(const struct sli_memory_gates *gates, uint32_t place)
{
	bool found = false;

	for (uint32_t i = 0; i < gates->rwlock_count && !found; i++) {
		struct sli_rwlock lock = rwlocks_view(gates, i, NULL);

		found = rwlocks_is_held_by(&lock, place);
	}
	return found;
}

void sli_memory_rwlocks_describe(const struct sli_memory_gates *gates,
				 struct sluice_memory_info *info)
{
	info->rwlocks = gates->rwlock_count;
	info->rwlocked = 0;
	for (uint32_t i = 0; i < gates->rwlock_count; i++) {
		struct sli_rwlock lock = rwlocks_view(gates, i, NULL);
		bool is_held = false;

		for (uint32_t place = 0; place < gates->places && !is_held; place++)
			is_held = rwlocks_is_held_by(&lock, place);
		info->rwlocked += is_held;
		info->owner_died += sli_rwlock_is_dirty(&lock);
	}
}

/* ---- operations ------------------------------------------------------------------------------ */

int sli_memory_rwlock_lock(sluice_memory *memory, uint32_t index, bool shared, int64_t timeout)
{
	int r = sli_memory_gates_check(memory, index, memory->gates.rwlock_count);

	if (r < 0)
		return r;
	if (!shared)
		return sli_rwlock_held_exclude(&memory->rwlocks[index], timeout);
	r = sli_rwlock_held_share(&memory->rwlocks[index], timeout);
	/* Dead from here on: whoever wants to write has our count removed. */
	SLI_CRASH(memory_rwlock_shared);
	return r;
}

int sli_memory_rwlock_unlock(sluice_memory *memory, uint32_t index)
{
	int r = sli_memory_gates_check(memory, index, memory->gates.rwlock_count);

	return r < 0 ? r : sli_rwlock_held_unlock(&memory->rwlocks[index]);
}
