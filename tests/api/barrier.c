/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * barrier.c - nobody goes on before all have come; a death ends the waiting for everybody
 */
#include "help.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static struct sluice_barrier_options barrier_options(uint32_t flags, uint32_t parties)
{
	struct sluice_barrier_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = flags;
	options.parties = parties;
	return options;
}

static sluice_barrier *open_barrier(const char *name, uint32_t flags, uint32_t parties)
{
	struct sluice_barrier_options options = barrier_options(flags, parties);
	sluice_barrier *barrier = NULL;
	char text[512] = "";
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_barrier_open(name, &options, &barrier);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open: %s, %s", sluice_error_name(r), text);
	return barrier;
}

static void refuse(const char *name, uint32_t flags, uint32_t parties, int code, const char *word)
{
	struct sluice_barrier_options options = barrier_options(flags, parties);
	sluice_barrier *barrier = NULL;
	char text[512] = "";

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_barrier_open(name, &options, &barrier), code);
	CHECK(barrier == NULL);
	if (!strstr(text, word))
		test_fail(__FILE__, __LINE__, "'%s' lacks '%s'", text, word);
}

static void check_state(sluice_barrier *barrier, uint32_t arrived, uint32_t broken, uint32_t rounds)
{
	struct sluice_barrier_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_barrier_info(barrier, &info), 0);
	CHECK_EQ(info.arrived, arrived);
	CHECK_EQ(info.broken, broken);
	CHECK_EQ(info.rounds, rounds);
}

struct comer {
	pthread_t thread;
	sluice_barrier *barrier;
	int64_t timeout;
	int result;
	pid_t tid;
};

static void *come_in_thread(void *argument)
{
	struct comer *comer = (struct comer *)argument;

	__atomic_store_n(&comer->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	comer->result = sluice_barrier_wait(comer->barrier, comer->timeout);
	return NULL;
}

/* Asleep when this returns. */
static void start_comer(struct comer *comer, sluice_barrier *barrier, int64_t timeout)
{
	memset(comer, 0, sizeof(*comer));
	comer->barrier = barrier;
	comer->timeout = timeout;
	CHECK_EQ(pthread_create(&comer->thread, NULL, come_in_thread, comer), 0);
	while (!__atomic_load_n(&comer->tid, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	await_sleep(getpid(), comer->tid);
}

static int end_comer(struct comer *comer)
{
	CHECK_EQ(pthread_join(comer->thread, NULL), 0);
	return comer->result;
}

static void options(void)
{
	sluice_barrier *barrier;

	refuse("options", 0, 0, SLUICE_ENOENT, "options");
	refuse("options", SLUICE_MUST_CREATE, 0, SLUICE_EINVAL, "say how many");
	refuse(NULL, 0, 0, SLUICE_EINVAL, "say how many");
	refuse("options", 0, SLUICE_BARRIER_PARTIES_MAX + 1, SLUICE_EINVAL, "at most");
	barrier = open_barrier("options", 0, 3);
	refuse("options", 0, 4, SLUICE_EMISMATCH, "parties 3, wanted 4");
	sluice_barrier_close(open_barrier("options", 0, 0));
	sluice_barrier_close(open_barrier("options", 0, 3));
	CHECK_EQ(sluice_barrier_wait(NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_barrier_reset(NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_barrier_info(barrier, NULL), SLUICE_EINVAL);
	sluice_barrier_close(barrier);
	sluice_barrier_close(NULL);
	CHECK_EQ(sluice_remove("options"), 0);
	/* Alone, every arrival is the last. */
	barrier = open_barrier(NULL, 0, 1);
	for (uint32_t i = 0; i < 100; i++) {
		CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_NOWAIT), SLUICE_LAST);
		check_state(barrier, 0, 0, i + 1);
	}
	sluice_barrier_close(barrier);
	barrier = open_barrier(NULL, 0, SLUICE_BARRIER_PARTIES_MAX);
	CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_NOWAIT), SLUICE_EAGAIN);
	sluice_barrier_close(barrier);
}

static void threads_of(uint32_t flags)
{
	sluice_barrier *barrier = open_barrier(NULL, flags, 4);
	struct comer comers[3];
	int64_t start;

	CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_NOWAIT), SLUICE_EAGAIN);
	start = test_now_ns();
	CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	CHECK_GE(test_now_ns() - start, SLUICE_MS(30));
	check_state(barrier, 0, 0, 0);
	for (uint32_t round = 0; round < 5; round++) {
		for (int i = 0; i < 3; i++)
			start_comer(&comers[i], barrier, SLUICE_S(20));
		check_state(barrier, 3, 0, round);
		CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_NOWAIT), SLUICE_LAST);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(end_comer(&comers[i]), 0);
		check_state(barrier, 0, 0, round + 1);
	}
	/* Who gives up has not come. */
	start_comer(&comers[0], barrier, SLUICE_FOREVER);
	start_comer(&comers[1], barrier, SLUICE_FOREVER);
	CHECK_EQ(sluice_barrier_interrupt(barrier), 0);
	CHECK_EQ(end_comer(&comers[0]), SLUICE_ECANCELED);
	CHECK_EQ(end_comer(&comers[1]), SLUICE_ECANCELED);
	check_state(barrier, 0, 0, 5);
	/* There is nothing to reset. */
	start_comer(&comers[0], barrier, SLUICE_S(20));
	CHECK_EQ(sluice_barrier_reset(barrier), 0);
	check_state(barrier, 1, 0, 5);
	start_comer(&comers[1], barrier, SLUICE_S(20));
	start_comer(&comers[2], barrier, SLUICE_S(20));
	CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_S(20)), SLUICE_LAST);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(end_comer(&comers[i]), 0);
	sluice_barrier_close(barrier);
}

static void threads(void)
{
	threads_of(0);
	threads_of(SLUICE_PRIVATE);
}

static void removed(void)
{
	sluice_barrier *barrier = open_barrier("removed", 0, 2);
	struct comer comer;

	start_comer(&comer, barrier, SLUICE_FOREVER);
	CHECK_EQ(sluice_remove("removed"), 0);
	CHECK_EQ(end_comer(&comer), SLUICE_EREMOVED);
	sluice_barrier_close(barrier);
}

/* ---- rounds --------------------------------------------------------------------------------- */

#define ROUNDS 2000

/* Each counts its rounds before it comes: nobody is ever more than one ahead. */
static void meet(const uint32_t *all, uint32_t *own, int count, sluice_barrier *barrier)
{
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		int r;

		__atomic_store_n(own, round, __ATOMIC_RELAXED);
		r = sluice_barrier_wait(barrier, SLUICE_S(20));
		CHECK(r == 0 || r == SLUICE_LAST);
		for (int i = 0; i < count; i++) {
			uint32_t others = __atomic_load_n(&all[i], __ATOMIC_RELAXED);

			CHECK_GE(others, round);
			CHECK_LT(others, round + 2);
		}
	}
}

static void processes_meet(void)
{
	uint32_t *counts = (uint32_t *)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sluice_barrier *barrier;
	pid_t pids[2];

	CHECK(counts != MAP_FAILED);
	for (int i = 0; i < 2; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0) {
			barrier = open_barrier("meet", 0, 3);
			meet(counts, &counts[i], 3, barrier);
			sluice_barrier_close(barrier);
			_exit(0);
		}
	}
	barrier = open_barrier("meet", 0, 3);
	meet(counts, &counts[2], 3, barrier);
	test_wait_ok(pids[0]);
	test_wait_ok(pids[1]);
	check_state(barrier, 0, 0, ROUNDS);
	sluice_barrier_close(barrier);
	CHECK_EQ(sluice_remove("meet"), 0);
	munmap(counts, 4096);
}

/* ---- deaths --------------------------------------------------------------------------------- */

/* A party: asleep in wait, or merely attached. */
static pid_t party(bool waits)
{
	struct help_pipe ready = make_pipe();
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_barrier *mine = open_barrier("deaths", 0, 3);

		tell(ready);
		if (waits)
			_exit(sluice_barrier_wait(mine, SLUICE_FOREVER) == SLUICE_EPEERDIED ? 0
											    : 3);
		pause();
	}
	await(ready);
	close_pipe(ready);
	if (waits) {
		test_sleep_ms(10);
		await_sleep(pid, pid);
	}
	return pid;
}

static void parties_die(void)
{
	sluice_barrier *barrier = open_barrier("deaths", 0, 3);
	struct comer comer;
	pid_t waiting, dying;
	int64_t start;
	int r;

	for (int waits = 0; waits < 2; waits++) {
		/* Two wait, or one; another dies, waiting or on its way: all are told. */
		waiting = party(true);
		dying = party(waits);
		if (waits) {
			test_kill(dying);
			start = test_now_ns();
			r = sluice_barrier_wait(barrier, SLUICE_FOREVER);
			/* It had come, and if nobody saw its death all go on; but not twice. */
			CHECK(r == SLUICE_LAST || r == SLUICE_EPEERDIED);
			CHECK_EQ(test_wait(waiting), r == SLUICE_LAST ? 3 : 0);
			CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_FOREVER), SLUICE_EPEERDIED);
		} else {
			start_comer(&comer, barrier, SLUICE_FOREVER);
			start = test_now_ns();
			test_kill(dying);
			CHECK_EQ(end_comer(&comer), SLUICE_EPEERDIED);
			test_wait_ok(waiting);
		}
		CHECK_LT(test_now_ns() - start, SLUICE_S(5));
		/* Until it is reset. */
		CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_FOREVER), SLUICE_EPEERDIED);
		CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_NOWAIT), SLUICE_EPEERDIED);
		CHECK_EQ(sluice_barrier_reset(barrier), 0);
		CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_NOWAIT), SLUICE_EAGAIN);
		CHECK_EQ(sluice_barrier_reset(barrier), 0);
		sluice_barrier_close(barrier);
		barrier = open_barrier("deaths", 0, 3);
	}
	sluice_barrier_close(barrier);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

/* A call that does not wait finds out as well, in time. */
static void death_seen_without_waiting(void)
{
	sluice_barrier *barrier = open_barrier("deaths", 0, 3);
	int64_t start;
	int r;

	test_kill(party(false));
	start = test_now_ns();
	do {
		r = sluice_barrier_wait(barrier, SLUICE_NOWAIT);
		test_sleep_ms(1);
	} while (r == SLUICE_EAGAIN && test_now_ns() - start < SLUICE_S(10));
	CHECK_EQ(r, SLUICE_EPEERDIED);
	/* Who attaches now is told, too; reset restores it for both. */
	check_state(barrier, 0, 1, 0);
	CHECK_EQ(sluice_barrier_reset(barrier), 0);
	check_state(barrier, 0, 0, 1);
	sluice_barrier_close(barrier);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

/* Several died; one reset is enough. A closed handle is no death. */
static void many_die(void)
{
	sluice_barrier *barrier = open_barrier("deaths", 0, 2), *other;
	pid_t pids[3];
	struct comer comer;

	for (int i = 0; i < 3; i++) {
		struct help_pipe ready = make_pipe();

		pids[i] = test_fork();
		if (pids[i] == 0) {
			sluice_barrier *mine = open_barrier("deaths", 0, 0);

			(void)mine;
			tell(ready);
			pause();
		}
		await(ready);
		close_pipe(ready);
	}
	for (int i = 0; i < 3; i++)
		test_kill(pids[i]);
	CHECK_EQ(sluice_barrier_wait(barrier, SLUICE_S(10)), SLUICE_EPEERDIED);
	CHECK_EQ(sluice_barrier_reset(barrier), 0);
	other = open_barrier("deaths", 0, 0);
	sluice_barrier_close(other);
	start_comer(&comer, barrier, SLUICE_S(20));
	other = open_barrier("deaths", 0, 0);
	CHECK_EQ(sluice_barrier_wait(other, SLUICE_S(20)), SLUICE_LAST);
	CHECK_EQ(end_comer(&comer), 0);
	sluice_barrier_close(other);
	sluice_barrier_close(barrier);
	CHECK_EQ(sluice_remove("deaths"), 0);
}

static void forked(void)
{
	sluice_barrier *barrier = open_barrier("forked", 0, 2);
	sluice_barrier *private_one = open_barrier(NULL, SLUICE_PRIVATE, 2);
	pid_t pid = test_fork();

	if (pid == 0) {
		CHECK_EQ(sluice_barrier_wait(private_one, 0), SLUICE_ESTALE);
		CHECK_GE(sluice_barrier_wait(barrier, SLUICE_S(20)), 0);
		sluice_barrier_close(barrier);
		_exit(0);
	}
	CHECK_GE(sluice_barrier_wait(barrier, SLUICE_S(20)), 0);
	test_wait_ok(pid);
	check_state(barrier, 0, 0, 1);
	CHECK_EQ(sluice_barrier_hold_fd(private_one), SLUICE_EOPNOTSUPP);
	CHECK_GE(sluice_barrier_hold_fd(barrier), 0);
	sluice_barrier_close(barrier);
	sluice_barrier_close(private_one);
	CHECK_EQ(sluice_remove("forked"), 0);
}

static void shown(void)
{
	sluice_barrier *barrier = open_barrier(NULL, 0, 5);
	struct sluice_inspection inspection;
	char name[32];
	int fds[3];

	CHECK_GE(sluice_barrier_share(barrier, fds), 1);
	snprintf(name, sizeof(name), "fd:%d", fds[0]);
	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect(name, &inspection, NULL, 0), 0);
	CHECK_EQ(inspection.kind, SLUICE_KIND_BARRIER);
	CHECK(strcmp(sluice_kind_name(inspection.kind), "barrier") == 0);
	CHECK_EQ(inspection.barrier.parties, 5);
	sluice_barrier_close(barrier);
}

int main(void)
{
	test_begin();
	RUN(options);
	RUN(threads);
	RUN(removed);
	RUN(processes_meet);
	RUN(parties_die);
	RUN(death_seen_without_waiting);
	RUN(many_die);
	RUN(forked);
	RUN(shown);
	return test_end();
}
