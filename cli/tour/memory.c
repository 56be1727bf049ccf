/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory.c - the tour's stops at shared memory and mapped files
 */
#include "tour.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define TURNS 20000u
#define GROWN (UINT64_C(16) << 20)

/* ---- shared memory ---- */

/* Two numbers that are equal whenever nobody is in the middle of changing them. */
struct ledger {
	_Atomic uint64_t in;
	_Atomic uint64_t out;
	_Atomic uint64_t told; /* how often somebody was told that the owner had died */
};

struct vault {
	char name[TOUR_NAME_SIZE];
	bool dies; /* with the lock held, between the two */
};

static int vault_open(struct tour *tour, const char *name, sluice_memory **ret_memory)
{
	struct sluice_memory_options options = { .size = sizeof(options) };

	options.bytes = 4096;
	options.maximum = UINT64_C(64) << 20;
	options.mutexes = 1;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	return sluice_memory_open(name, &options, ret_memory);
}

static int ledger_lock(sluice_memory *memory, struct ledger *ledger)
{
	int code = sluice_memory_mutex_lock(memory, 0, TOUR_PATIENCE_NS);

	if (code == SLUICE_RECOVERED) {
		/* Whoever died had added to one of them. */
		atomic_store(&ledger->out, atomic_load(&ledger->in));
		atomic_fetch_add(&ledger->told, 1);
		return 0;
	}
	return code;
}

static int vault_worker(struct tour *tour, void *context)
{
	const struct vault *vault = context;
	sluice_memory *memory;
	struct ledger *ledger;
	int code = vault_open(tour, vault->name, &memory);

	if (code < 0) {
		tour_fail(tour, "cannot open the memory", code);
		return CLI_FAILED;
	}
	ledger = sluice_memory_data(memory);
	for (uint32_t i = 0; code == 0 && i < TURNS; i++) {
		code = ledger_lock(memory, ledger);
		if (code < 0)
			break;
		atomic_fetch_add(&ledger->in, 1);
		if (vault->dies && i == TURNS / 2)
			raise(SIGKILL);
		atomic_fetch_add(&ledger->out, 1);
		code = sluice_memory_mutex_unlock(memory, 0);
	}
	sluice_memory_close(memory);
	return code < 0 ? CLI_FAILED : CLI_DONE;
}

/* Take turns with the workers, and have the memory grow in the middle. */
static bool vault_work(struct tour *tour, sluice_memory *memory)
{
	struct ledger *ledger = sluice_memory_data(memory);

	for (uint32_t i = 0; i < TURNS; i++) {
		int code = ledger_lock(memory, ledger);

		if (code < 0)
			return tour_fail(tour, "cannot lock", code);
		if (atomic_load(&ledger->in) != atomic_load(&ledger->out))
			return tour_fail(tour, "the lock let two in at once", 0);
		atomic_fetch_add(&ledger->in, 1);
		atomic_fetch_add(&ledger->out, 1);
		code = sluice_memory_mutex_unlock(memory, 0);
		if (code < 0)
			return tour_fail(tour, "cannot unlock", code);
		if (i == TURNS / 4 && (code = sluice_memory_resize(memory, GROWN)) < 0)
			return tour_fail(tour, "cannot grow", code);
	}
	return tour_check(tour, sluice_memory_data(memory) == (void *)ledger, "the pointer moved");
}

/* All have ended, one of them in the middle of it. */
static bool vault_account(struct tour *tour, sluice_memory *memory)
{
	struct ledger *ledger = sluice_memory_data(memory);
	int code = ledger_lock(memory, ledger);

	if (code == 0)
		code = sluice_memory_mutex_unlock(memory, 0);
	if (code < 0)
		return tour_fail(tour, "cannot lock", code);
	return tour_check(tour,
			  atomic_load(&ledger->told) == 1 &&
				  atomic_load(&ledger->in) == atomic_load(&ledger->out) &&
				  atomic_load(&ledger->in) == 2 * TURNS + TURNS / 2 + 1,
			  "the ledger does not add up");
}

bool tour_memory(struct tour *tour)
{
	struct vault vault = { .dies = false };
	sluice_memory *memory;
	char size[32];
	bool sound;
	pid_t good, bad;
	int code;

	tour_name(tour, "ledger", vault.name);
	code = vault_open(tour, vault.name, &memory);
	if (code < 0)
		return tour_fail(tour, "cannot open memory", code);
	good = tour_start(tour, vault_worker, &vault);
	vault.dies = true;
	bad = tour_start(tour, vault_worker, &vault);
	sound = good > 0 && bad > 0 && vault_work(tour, memory) && tour_ended_well(tour, good) &&
		tour_was_killed(tour, bad) && vault_account(tour, memory);
	sluice_memory_close(memory);
	if (!sound)
		return false;
	tour_say("Three processes add to two numbers under a lock that lies in the same memory.");
	tour_say("Meanwhile it grew to %s, and no pointer moved. Process %d was killed",
		 cli_size_text(GROWN, size, sizeof(size)), bad);
	tour_say("between the two additions: whoever had the lock next was told, and repaired.");
	return true;
}

/* ---- mapped file ---- */

#define FILE_BYTES 10000u
#define PART_OFFSET 5000u /* no multiple of anything */

struct draft {
	char path[TOUR_PATH_SIZE];
};

static int file_editor(struct tour *tour, void *context)
{
	const struct draft *draft = context;
	struct sluice_memory_file_options options = { .size = sizeof(options) };
	sluice_memory *part;
	int code;

	options.offset = PART_OFFSET;
	options.length = 100;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	code = sluice_memory_map_file(draft->path, &options, &part);
	if (code == 0) {
		strcpy(sluice_memory_data(part), "written by another process");
		code = sluice_memory_sync(part, 0, 100, SLUICE_SYNC_DATA);
		sluice_memory_close(part);
	}
	if (code < 0)
		tour_fail(tour, "cannot edit the file", code);
	return code < 0 ? CLI_FAILED : CLI_DONE;
}

bool tour_mapped_file(struct tour *tour)
{
	struct sluice_memory_file_options options = { .size = sizeof(options) };
	char byte;
	struct draft draft;
	sluice_memory *whole;
	bool sound;
	int code;

	if (!tour_file(tour, "draft", draft.path))
		return false;
	options.flags = SLUICE_MUST_CREATE;
	options.length = FILE_BYTES;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	code = sluice_memory_map_file(draft.path, &options, &whole);
	if (code < 0)
		return tour_fail(tour, "cannot map a file", code);
	sound = tour_ended_well(tour, tour_start(tour, file_editor, &draft)) &&
		tour_check(tour,
			   !strcmp((char *)sluice_memory_data(whole) + PART_OFFSET,
				   "written by another process"),
			   "what was written is not there");
	if (sound) {
		tour_say("We mapped all of it, another process 100 bytes from %u on, and we read:",
			 PART_OFFSET);
		tour_say("%s.", (char *)sluice_memory_data(whole) + PART_OFFSET);
		/* Now the trap of mapped files: somebody cuts it short. */
		sound = tour_check(tour, truncate(draft.path, 0) == 0, "cannot truncate") &&
			tour_check(tour,
				   sluice_memory_copy(whole, PART_OFFSET, &byte, 1) ==
					   SLUICE_EREMOVED,
				   "a cut file was not noticed");
	}
	sluice_memory_close(whole);
	if (sound)
		tour_say(
			"Then somebody truncated it: a guarded read says so, where others get SIGBUS.");
	return sound;
}
