/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_gates.c - the mutexes, conditions and semaphores that live inside a memory
 *
 * They lie behind its control words, as many as it was made with: the mutexes, the conditions, the
 * semaphores, and for each semaphore a word for each place, with the units that it holds; then the
 * reader-writer locks, which have a file of their own (memory_rwlocks.c). Their
 * algorithms are src/protocol/lock.c, condition.c and semaphore.c; what is special here is that many of
 * them share one segment, its participants and one repair.
 *
 *	death					what is found, by whom repaired
 *	of a mutex's owner			the repair leaves the word free and dirty; the next owner
 *						is told SLUICE_RECOVERED
 *	of a waiter or signaller		nothing: sleepers look again after a slice
 *	while holding units			the repair gives them back
 *	in the middle of moving units		the semaphore's lock is left; the repair adds up
 *	of a repairer				the lock has its stamp; it is all done again
 *
 * A repair touches only the semaphores that concern it: the dead hold units of it, or its lock. A lock
 * may be another's who is dead as well; that one is added to the list. Whom the list has no room for
 * is found by a later repair: each semaphore is sound by itself once its own dead are repaired.
 *
 * Waiting on a condition takes the number while the mutex is owned, gives the mutex up, then sleeps;
 * however the sleep ends, the mutex is owned again before the call returns.
 */
#include "../base/crash.h"
#include "../sync/futex.h"
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- where they are -------------------------------------------------------------------------- */

bool sli_memory_gates_are_sound(const uint64_t *geometry)
{
	return geometry[SLI_MEMORY_MUTEXES] <= SLUICE_MEMORY_GATES_MAX &&
	       geometry[SLI_MEMORY_CONDITIONS] <= SLUICE_MEMORY_GATES_MAX &&
	       geometry[SLI_MEMORY_SEMAPHORES] <= SLUICE_MEMORY_GATES_MAX &&
	       geometry[SLI_MEMORY_RWLOCKS] <= SLUICE_MEMORY_GATES_MAX &&
	       geometry[SLI_MEMORY_INITIAL] <= geometry[SLI_MEMORY_CEILING] &&
	       geometry[SLI_MEMORY_CEILING] <= SLI_SEMAPHORE_MOST &&
	       (geometry[SLI_MEMORY_CEILING] > 0) == (geometry[SLI_MEMORY_SEMAPHORES] > 0);
}

/* All but the reader-writer locks, which begin on a line of their own. */
static uint64_t gates_size(const uint64_t *geometry, uint32_t places)
{
	uint64_t size = sizeof(struct sli_memory_control) +
			geometry[SLI_MEMORY_MUTEXES] * sizeof(struct sli_memory_mutex) +
			geometry[SLI_MEMORY_CONDITIONS] * sizeof(struct sli_condition_control) +
			geometry[SLI_MEMORY_SEMAPHORES] *
				(sizeof(struct sli_semaphore_control) + places * sizeof(uint32_t));

	return sli_round_up(size, SLI_PAIR);
}

uint64_t sli_memory_object_size(const uint64_t *geometry, uint32_t places)
{
	return gates_size(geometry, places) +
	       sli_memory_rwlocks_size(geometry[SLI_MEMORY_RWLOCKS], places);
}

static struct sli_memory_gates gates_view(const struct sli_segment *segment)
{
	const uint64_t *geometry = segment->geometry;
	struct sli_memory_gates gates = {
		.mutexes = (struct sli_memory_mutex *)(void *)(segment->base +
							       segment->object_offset +
							       sizeof(struct sli_memory_control)),
		.mutex_count = (uint32_t)geometry[SLI_MEMORY_MUTEXES],
		.condition_count = (uint32_t)geometry[SLI_MEMORY_CONDITIONS],
		.semaphore_count = (uint32_t)geometry[SLI_MEMORY_SEMAPHORES],
		.rwlock_count = (uint32_t)geometry[SLI_MEMORY_RWLOCKS],
		.initial = (uint32_t)geometry[SLI_MEMORY_INITIAL],
		.ceiling = (uint32_t)geometry[SLI_MEMORY_CEILING],
		.places = segment->place_count,
	};

	gates.conditions = (void *)(gates.mutexes + gates.mutex_count);
	gates.semaphores = (void *)(gates.conditions + gates.condition_count);
	gates.held = (void *)(gates.semaphores + gates.semaphore_count);
	gates.rwlocks = (void *)(segment->base + segment->object_offset +
				 gates_size(geometry, segment->place_count));
	gates.stripes = (void *)(gates.rwlocks + gates.rwlock_count);
	return gates;
}

static struct sli_semaphore gates_units(const struct sli_memory_gates *gates, uint32_t index,
					struct sli_peers *peers)
{
	return (struct sli_semaphore){
		.control = &gates->semaphores[index],
		.held = &gates->held[(size_t)index * gates->places],
		.initial = gates->initial,
		.ceiling = gates->ceiling,
		.peers = peers,
	};
}

static struct sli_semaphore gates_own_units(sluice_memory *memory, uint32_t index)
{
	struct sli_semaphore units = gates_units(&memory->gates, index, &memory->handle.peers);

	units.spin = &memory->handle.data_spin;
	units.account = memory->handle.segment.place;
	return units;
}

void sli_memory_gates_join(sluice_memory *memory)
{
	memory->gates = gates_view(&memory->handle.segment);
	/* After a fork: what the parent holds is the parent's. */
	for (uint32_t i = 0; memory->owners && i < memory->gates.mutex_count; i++)
		sli_store_rel(&memory->owners[i], (uintptr_t)0);
	for (uint32_t i = 0; memory->units && i < memory->gates.semaphore_count; i++)
		memory->units[i] = gates_own_units(memory, i);
	sli_memory_rwlocks_join(memory);
}

int sli_memory_gates_settle(sluice_memory *memory)
{
	memory->owners = calloc(memory->gates.mutex_count + 1, sizeof(*memory->owners));
	memory->units = calloc(memory->gates.semaphore_count + 1, sizeof(*memory->units));
	if (!memory->owners || !memory->units)
		return SLUICE_ENOMEM;
	for (uint32_t i = 0; i < memory->gates.semaphore_count; i++)
		memory->units[i] = gates_own_units(memory, i);
	return sli_memory_rwlocks_settle(memory);
}

void sli_memory_gates_free(sluice_memory *memory)
{
	free((void *)memory->owners);
	free(memory->units);
	sli_memory_rwlocks_free(memory);
}

/* ---- leaving and repairing ------------------------------------------------------------------- */

void sli_memory_gates_leave(sluice_memory *memory)
{
	struct sli_handle *handle = &memory->handle;
	bool is_left = true;

	for (uint32_t i = 0; i < memory->gates.mutex_count; i++)
		sli_lock_leave_dirty(&memory->gates.mutexes[i].lock, &handle->peers,
				     handle->peers.self, SLI_STAMP);
	for (uint32_t i = 0; i < memory->gates.semaphore_count; i++) {
		struct sli_semaphore units = gates_own_units(memory, i);
		struct sli_wait wait = sli_handle_wait(handle, SLUICE_NOWAIT);

		/* relaxed: our own, and nobody else's to change while we live */
		if (sli_load_rlx(&units.held[units.account]) &&
		    sli_semaphore_give_all(&units, &wait, units.account) < 0)
			is_left = false;
	}
	sli_memory_rwlocks_bury(memory, handle->peers.self, SLI_STAMP);
	if (!is_left)
		sli_handle_abandon(handle);
}

/* Have the dead anything to do with it? */
static bool gates_concern(const struct sli_semaphore *units, const uint32_t *dead, uint32_t count)
{
	/* relaxed: what the dead have written was seen with their bytes; the seizure decides */
	uint32_t word = sli_load_rlx(&units->control->lock.word);
	bool concerns = false;

	for (uint32_t i = 0; i < count; i++)
		/* relaxed: as above */
		concerns |= sli_load_rlx(&units->held[dead[i]]) != 0 ||
			    ((word & SLI_STAMP) && sli_stamp_place(word) == dead[i]);
	return concerns;
}

static int gates_repair_units(sluice_memory *memory, uint32_t index, const uint32_t *dead,
			      uint32_t count, uint32_t *ret_also)
{
	struct sli_semaphore units = gates_own_units(memory, index);
	uint32_t stamp;
	int r;

	if (!gates_concern(&units, dead, count))
		return 0;
	if (sli_lock_seize(&units.control->lock, units.peers, dead, count, &stamp) < 0) {
		*ret_also = sli_stamp_place(stamp);
		return -EAGAIN;
	}
	/* Dead here: the lock has our stamp; the next repairer finds us dead as well. */
	SLI_CRASH(memory_units_seized);
	r = sli_semaphore_repair(&units, dead, count);
	(void)sli_lock_drop(&units.control->lock, units.peers);
	return r;
}

int sli_memory_gates_repair(sluice_memory *memory, const uint32_t *dead, uint32_t count,
			    uint32_t *ret_also)
{
	int r = 0;

	/* One store frees the word of a dead owner; nothing is locked meanwhile. */
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t m = 0; m < memory->gates.mutex_count; m++)
			sli_lock_leave_dirty(&memory->gates.mutexes[m].lock, &memory->handle.peers,
					     dead[i] + 1, SLI_STAMP_PLACE);
	for (uint32_t i = 0; i < count; i++)
		sli_memory_rwlocks_bury(memory, dead[i] + 1, SLI_STAMP_PLACE);
	for (uint32_t s = 0; r == 0 && s < memory->gates.semaphore_count; s++)
		r = gates_repair_units(memory, s, dead, count, ret_also);
	return r;
}

void sli_memory_gates_wake(sluice_memory *memory)
{
	const struct sli_memory_gates *gates = &memory->gates;
	struct sli_peers *peers = &memory->handle.peers;

	for (uint32_t i = 0; i < gates->mutex_count; i++)
		peers->wake(peers, &gates->mutexes[i].lock.word, SLI_WAKE_ALL);
	for (uint32_t i = 0; i < gates->condition_count; i++)
		peers->wake(peers, &gates->conditions[i].sequence, SLI_WAKE_ALL);
	for (uint32_t i = 0; i < gates->semaphore_count; i++) {
		struct sli_semaphore units = gates_own_units(memory, i);

		sli_semaphore_wake_all(&units);
	}
	sli_memory_rwlocks_wake(memory);
}

/* ---- only looked at -------------------------------------------------------------------------- */

void sli_memory_gates_wake_mapped(struct sli_segment *segment)
{
	struct sli_memory_gates gates = gates_view(segment);

	for (uint32_t i = 0; i < gates.mutex_count; i++)
		sli_futex_wake(&gates.mutexes[i].lock.word, SLI_WAKE_ALL, 0);
	for (uint32_t i = 0; i < gates.condition_count; i++)
		sli_futex_wake(&gates.conditions[i].sequence, SLI_WAKE_ALL, 0);
	for (uint32_t i = 0; i < gates.semaphore_count; i++) {
		sli_handle_wake_event(&gates.semaphores[i].units);
		sli_futex_wake(&gates.semaphores[i].lock.word, SLI_WAKE_ALL, 0);
	}
	sli_memory_rwlocks_wake_mapped(&gates);
}

bool sli_memory_gates_hold(const struct sli_segment *segment, uint32_t place)
{
	struct sli_memory_gates gates = gates_view(segment);
	bool found = false;

	for (uint32_t i = 0; i < gates.mutex_count; i++) {
		/* relaxed: a moment's view */
		uint32_t word = sli_load_rlx(&gates.mutexes[i].lock.word);

		found |= (word & SLI_STAMP) && sli_stamp_place(word) == place;
	}
	for (uint32_t i = 0; i < gates.semaphore_count; i++)
		/* relaxed: as above */
		found |= sli_load_rlx(&gates.held[(size_t)i * gates.places + place]) != 0;
	return found || sli_memory_rwlocks_hold(&gates, place);
}

void sli_memory_gates_describe(const struct sli_segment *segment, struct sluice_memory_info *info)
{
	struct sli_memory_gates gates = gates_view(segment);
	struct sli_peers peers = { .count = gates.places };
	uint64_t held = 0;
	uint32_t holders;

	info->mutexes = gates.mutex_count;
	info->conditions = gates.condition_count;
	info->semaphores = gates.semaphore_count;
	info->locked = info->owner_died = 0;
	for (uint32_t i = 0; i < gates.mutex_count; i++) {
		/* relaxed: a moment's view */
		uint32_t word = sli_load_rlx(&gates.mutexes[i].lock.word);

		info->locked += (word & SLI_STAMP) != 0;
		info->owner_died += !(word & SLI_STAMP) && (word & SLI_LOCK_DIRTY);
	}
	for (uint32_t i = 0; i < gates.semaphore_count; i++) {
		struct sli_semaphore units = gates_units(&gates, i, &peers);

		held += sli_semaphore_held(&units, &holders);
	}
	sli_memory_rwlocks_describe(&gates, info);
	info->held = (uint32_t)SLI_MIN(held, (uint64_t)UINT32_MAX);
}

/* ---- mutexes --------------------------------------------------------------------------------- */

int sli_memory_gates_check(const sluice_memory *memory, uint32_t index, uint32_t count)
{
	if (index >= count)
		return SLUICE_EINVAL;
	return memory->handle.segment.is_read_only ? SLUICE_EPERM : 0;
}

int sli_memory_mutex_lock(sluice_memory *memory, uint32_t index, int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&memory->handle, timeout);
	uintptr_t self = (uintptr_t)pthread_self();
	int r = sli_memory_gates_check(memory, index, memory->gates.mutex_count);

	if (r < 0)
		return r;
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&memory->owners[index]) == self)
		return SLUICE_EDEADLK;
	r = sli_lock_take(&memory->gates.mutexes[index].lock, &memory->handle.peers, &wait, 0);
	if (r < 0)
		return r;
	/* Dead from here on: the repairer leaves the word dirty. */
	SLI_CRASH(memory_mutex_locked);
	/* relaxed: read by this thread only, others compare with themselves */
	sli_store_rlx(&memory->owners[index], self);
	return r == SLI_LOCK_RECOVERED ? SLUICE_RECOVERED : 0;
}

int sli_memory_mutex_unlock(sluice_memory *memory, uint32_t index)
{
	int r = sli_memory_gates_check(memory, index, memory->gates.mutex_count);

	if (r < 0)
		return r;
	/* relaxed: only our own store could be equal */
	if (sli_load_rlx(&memory->owners[index]) != (uintptr_t)pthread_self())
		return SLUICE_EPERM;
	/* relaxed: as above; before the word, so that the next owner's store is not overwritten */
	sli_store_rlx(&memory->owners[index], (uintptr_t)0);
	return sli_lock_drop(&memory->gates.mutexes[index].lock, &memory->handle.peers);
}

/* ---- conditions ------------------------------------------------------------------------------ */

/* Own the mutex again, whatever the wait came to. */
static int gates_lock_again(sluice_memory *memory, uint32_t mutex, int slept)
{
	int r;

	do
		r = sli_memory_mutex_lock(memory, mutex, SLUICE_FOREVER);
	while (r == SLUICE_EINTR || r == SLUICE_ECANCELED);
	return r != 0 ? r : slept;
}

int sli_memory_condition_wait(sluice_memory *memory, uint32_t index, uint32_t mutex,
			      int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&memory->handle, timeout);
	int r = sli_memory_gates_check(memory, index, memory->gates.condition_count);
	struct sli_condition_control *control;
	uint32_t seen;

	if (r < 0)
		return r;
	control = &memory->gates.conditions[index];
	seen = sli_condition_prepare(control);
	r = sli_memory_mutex_unlock(memory, mutex);
	if (r < 0)
		return r;
	r = sli_condition_sleep(control, &memory->handle.peers, &wait, seen);
	return gates_lock_again(memory, mutex, r);
}

int sli_memory_condition_tell(sluice_memory *memory, uint32_t index, bool all)
{
	int r = sli_memory_gates_check(memory, index, memory->gates.condition_count);

	if (r < 0)
		return r;
	if (all)
		sli_condition_broadcast(&memory->gates.conditions[index], &memory->handle.peers);
	else
		sli_condition_signal(&memory->gates.conditions[index], &memory->handle.peers);
	return 0;
}

/* ---- semaphores ------------------------------------------------------------------------------ */

int sli_memory_semaphore_get(sluice_memory *memory, uint32_t index, uint32_t units, bool owned,
			     int64_t timeout)
{
	struct sli_wait wait = sli_handle_wait(&memory->handle, timeout);
	int r = sli_memory_gates_check(memory, index, memory->gates.semaphore_count);

	if (r < 0)
		return r;
	if (units == 0 || units > memory->gates.ceiling)
		return SLUICE_EINVAL;
	r = sli_semaphore_take(&memory->units[index], &wait, units, owned);
	/* Has somebody died with what we want? */
	if (r == -EAGAIN && sli_sweep_is_due(&memory->handle.segment)) {
		sli_semaphore_look_after(&memory->units[index]);
		r = sli_semaphore_take(&memory->units[index], &wait, units, owned);
	}
	if (r == SLUICE_ECORRUPT)
		sli_segment_break(&memory->handle.segment);
	return r;
}

int sli_memory_semaphore_put(sluice_memory *memory, uint32_t index, uint32_t units, bool owned)
{
	struct sli_wait wait = sli_handle_wait(&memory->handle,
					       memory->handle.segment.open_timeout);
	int r = sli_memory_gates_check(memory, index, memory->gates.semaphore_count);

	if (r < 0)
		return r;
	if (units == 0 || units > SLI_SEMAPHORE_MOST)
		return SLUICE_EINVAL;
	do
		r = sli_semaphore_give(&memory->units[index], &wait, units, owned);
	while (r == -EINTR);
	if (r == SLUICE_ECORRUPT)
		sli_segment_break(&memory->handle.segment);
	return r;
}

int64_t sli_memory_semaphore_value(sluice_memory *memory, uint32_t index)
{
	int64_t value;

	if (index >= memory->gates.semaphore_count)
		return SLUICE_EINVAL;
	value = sli_semaphore_value(&memory->units[index]);
	return value < 0 ? SLUICE_ECORRUPT : value;
}
