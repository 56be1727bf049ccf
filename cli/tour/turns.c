/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * turns.c - the tour's stops at semaphores, mutex and condition, and file locks: taking turns, and
 * what becomes of it when the one whose turn it is gets killed
 */
#include "tour.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* ---- semaphores ---- */

#define PHILOSOPHERS 5u
#define MEALS 200u
#define LAST_MEAL 20u /* of the one that is killed, forks in hand */

struct table {
	char forks[PHILOSOPHERS][TOUR_NAME_SIZE];
	char ready[TOUR_NAME_SIZE];
	uint32_t seat;
	bool dies;
};

static int fork_open(const char *name, sluice_semaphore **ret_fork)
{
	struct sluice_semaphore_options options = { .size = sizeof(options) };

	options.initial = 1;
	options.ceiling = 1;
	return sluice_semaphore_open(name, &options, ret_fork);
}

/* Each takes the fork with the lower number first, or all could wait for their second one. */
static int philosopher(struct tour *tour, void *context)
{
	const struct table *table = context;
	uint32_t one = table->seat, other = (table->seat + 1) % PHILOSOPHERS;
	sluice_semaphore *first, *second, *ready;
	int code = fork_open(table->forks[one < other ? one : other], &first);

	if (code == 0)
		code = fork_open(table->forks[one < other ? other : one], &second);
	if (code == 0)
		code = sluice_semaphore_open(table->ready, NULL, &ready);
	for (uint32_t meal = 1; code == 0 && meal <= MEALS; meal++) {
		code = sluice_semaphore_acquire(first, 1, TOUR_PATIENCE_NS);
		if (code == 0)
			code = sluice_semaphore_acquire(second, 1, TOUR_PATIENCE_NS);
		if (code == 0 && table->dies && meal == LAST_MEAL) {
			code = sluice_semaphore_post(ready, 1);
			while (code == 0)
				pause();
		}
		if (code == 0)
			code = sluice_semaphore_release(second, 1);
		if (code == 0)
			code = sluice_semaphore_release(first, 1);
	}
	if (code < 0)
		tour_fail(tour, "a philosopher starves", code);
	return code < 0 ? CLI_FAILED : CLI_DONE;
}

static bool forks_lie_there(struct tour *tour, const struct table *table)
{
	bool all = true;

	for (uint32_t i = 0; i < PHILOSOPHERS; i++) {
		sluice_semaphore *fork;

		if (fork_open(table->forks[i], &fork) < 0)
			return tour_fail(tour, "a fork is gone", 0);
		all &= sluice_semaphore_value(fork) == 1;
		sluice_semaphore_close(fork);
	}
	return tour_check(tour, all, "a fork does not lie on the table");
}

bool tour_semaphore(struct tour *tour)
{
	struct table table = { .dies = false };
	pid_t philosophers[PHILOSOPHERS];
	sluice_semaphore *ready, *kept[PHILOSOPHERS] = { NULL };
	bool sound = true;
	char took[32];
	int64_t start;
	int code;

	tour_name(tour, "hungry", table.ready);
	code = sluice_semaphore_open(table.ready, NULL, &ready);
	for (uint32_t i = 0; code == 0 && i < PHILOSOPHERS; i++) {
		char what[8];

		snprintf(what, sizeof(what), "fork%u", i);
		tour_name(tour, what, table.forks[i]);
		code = fork_open(table.forks[i], &kept[i]);
	}
	if (code < 0)
		return tour_fail(tour, "cannot make a semaphore", code);
	for (uint32_t i = 0; sound && i < PHILOSOPHERS; i++) {
		table.seat = i;
		table.dies = i == 0;
		philosophers[i] = tour_start(tour, philosopher, &table);
		sound = philosophers[i] > 0;
	}
	tour_say("Five processes, five forks, and each needs two of them for each of %u meals.",
		 MEALS);
	code = sound ? sluice_semaphore_wait(ready, 1, TOUR_PATIENCE_NS) : 0;
	if (code < 0)
		sound = tour_fail(tour, "nobody eats", code);
	start = cli_now();
	if (sound)
		tour_kill(tour, philosophers[0]);
	for (uint32_t i = 1; sound && i < PHILOSOPHERS; i++)
		sound = tour_ended_well(tour, philosophers[i]);
	sound = sound && forks_lie_there(tour, &table);
	for (uint32_t i = 0; i < PHILOSOPHERS; i++)
		sluice_semaphore_close(kept[i]);
	sluice_semaphore_close(ready);
	if (!sound)
		return false;
	tour_say("kill -9 of %d, two forks in hand: they lay on the table again, and %s",
		 philosophers[0], tour_since(start, took));
	tour_say("later the other four had eaten their fill. All five forks are back.");
	return true;
}

/* ---- mutex and condition ---- */

struct board {
	char mutex[TOUR_NAME_SIZE];
	char condition[TOUR_NAME_SIZE];
	_Atomic uint32_t *written; /* shared with the children */
	sluice_memory *memory;
};

/* Changes something, tells of it, and dies in the middle, with the mutex. */
static int board_writer(struct tour *tour, void *context)
{
	const struct board *board = context;
	sluice_condition *condition = NULL;
	sluice_mutex *mutex;
	int code = sluice_mutex_open(board->mutex, NULL, &mutex);

	if (code == 0)
		code = sluice_condition_open(board->condition, NULL, &condition);
	if (code == 0)
		code = sluice_mutex_lock(mutex, TOUR_PATIENCE_NS);
	if (code == 0) {
		atomic_store(board->written, 1);
		code = sluice_condition_signal(condition);
		raise(SIGKILL);
	}
	tour_fail(tour, "the writer lived on", code);
	return CLI_FAILED;
}

static bool board_watch(struct tour *tour, struct board *board, sluice_mutex *mutex,
			sluice_condition *condition)
{
	int code = sluice_mutex_lock(mutex, TOUR_PATIENCE_NS);
	char took[32];
	int64_t start;
	pid_t pid;

	if (code != 0)
		return tour_fail(tour, "cannot lock", code);
	start = cli_now();
	pid = tour_start(tour, board_writer, board);
	while (pid > 0 && code == 0 && !atomic_load(board->written))
		code = sluice_condition_wait(condition, mutex, TOUR_PATIENCE_NS);
	if (code == 0) /* it wrote and was killed, but we had the mutex before its death was seen */
		code = SLUICE_EINVAL;
	if (pid < 0 || code != SLUICE_RECOVERED)
		return tour_fail(tour, "the mutex did not say that its owner had died", code);
	tour_kill(tour, pid);
	tour_say("We waited for a condition; process %d signalled, and was killed with", pid);
	tour_say("the mutex. The wait ended after %s with SLUICE_RECOVERED: the mutex is",
		 tour_since(start, took));
	tour_say("ours, and we know that what it guards may be half done.");
	code = sluice_mutex_unlock(mutex);
	return code < 0 ? tour_fail(tour, "cannot unlock", code) : true;
}

bool tour_mutex(struct tour *tour)
{
	struct board board;
	sluice_condition *condition = NULL;
	sluice_mutex *mutex = NULL;
	bool sound;
	int code;

	tour_name(tour, "mutex", board.mutex);
	tour_name(tour, "condition", board.condition);
	code = sluice_memory_open(NULL, NULL, &board.memory);
	if (code < 0)
		return tour_fail(tour, "cannot make memory", code);
	board.written = sluice_memory_data(board.memory);
	code = sluice_mutex_open(board.mutex, NULL, &mutex);
	if (code == 0)
		code = sluice_condition_open(board.condition, NULL, &condition);
	sound = code < 0 ? tour_fail(tour, "cannot make a mutex and a condition", code)
			 : board_watch(tour, &board, mutex, condition);
	sluice_condition_close(condition);
	sluice_mutex_close(mutex);
	sluice_memory_close(board.memory);
	return sound;
}

/* ---- file locks ---- */

struct record {
	char path[TOUR_PATH_SIZE];
	char ready[TOUR_NAME_SIZE];
};

static int record_keeper(struct tour *tour, void *context)
{
	const struct record *record = context;
	sluice_semaphore *ready = NULL;
	sluice_file_lock *lock;
	int code = sluice_file_lock_open(record->path, NULL, &lock);

	if (code == 0)
		code = sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 100, SLUICE_NOWAIT);
	if (code == 0)
		code = sluice_semaphore_open(record->ready, NULL, &ready);
	if (code == 0)
		code = sluice_semaphore_post(ready, 1);
	while (code == 0)
		pause();
	tour_fail(tour, "cannot lock the file", code);
	return CLI_FAILED;
}

bool tour_file_lock(struct tour *tour)
{
	struct record record;
	sluice_semaphore *ready = NULL;
	sluice_file_lock *lock = NULL;
	int code, within = 0, beside = 0, after = 0;
	pid_t pid = -1;

	if (!tour_file(tour, "record", record.path))
		return false;
	tour_name(tour, "locked", record.ready);
	code = sluice_semaphore_open(record.ready, NULL, &ready);
	if (code == 0)
		code = sluice_file_lock_open(record.path, NULL, &lock);
	if (code == 0)
		pid = tour_start(tour, record_keeper, &record);
	if (code == 0)
		code = sluice_semaphore_wait(ready, 1, TOUR_PATIENCE_NS);
	if (code == 0) {
		within = sluice_file_lock_acquire(lock, SLUICE_SHARED, 50, 10, SLUICE_NOWAIT);
		beside = sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 100, 10, SLUICE_NOWAIT);
		tour_kill(tour, pid);
		after = sluice_file_lock_acquire(lock, SLUICE_SHARED, 50, 10, TOUR_PATIENCE_NS);
	}
	sluice_file_lock_close(lock);
	sluice_semaphore_close(ready);
	if (code < 0 || pid < 0)
		return tour_fail(tour, "cannot lock a file", code);
	if (!tour_check(tour, within == SLUICE_EAGAIN && beside == 0 && after == 0,
			"the locks are not what they must be"))
		return false;
	tour_say("Process %d locked bytes 0 to 99 of a file: we were refused those, had the", pid);
	tour_say("next ten, and had the others when it was killed. fcntl(2) sees them too.");
	return true;
}
