/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * turn.c - one turn of one facility, in processes of its own
 *
 * A turn is a process group. Its leader makes the object, forks the others, waits until they are
 * there, warms up, measures and leaves the result on the board, which lies in memory that all share.
 * Whatever a facility does wrong, by failing, crashing or hanging, it does to its turn: the program
 * only waits, with a limit, kills the group, and waits until the last of it is gone (orphans are
 * handed to us, PR_SET_CHILD_SUBREAPER). A process of a turn dies with the one that forked it, so
 * that none is left when the program itself is killed.
 */
#include "measure.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 10000 /* longer than any turn: it hangs */
#define SETTLE_NS 300000000

struct bench_board *bench_board;

/* ---- processors ---- */

struct bench_cpus bench_find_cpus(void)
{
	struct bench_cpus cpus = { -1, -1 };
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return (struct bench_cpus){ 0, 0 };
	for (int cpu = 0; cpu < CPU_SETSIZE && cpus.second < 0; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &allowed))
			continue;
		if (cpus.first < 0)
			cpus.first = cpu;
		else
			cpus.second = cpu;
	}
	if (cpus.second < 0)
		cpus.second = cpus.first;
	return cpus;
}

static void turn_allow(int cpu, int or_cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	CPU_SET((size_t)or_cpu, &set);
	bench_check(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

/*
 * Each on a processor of its own. Sleepers stay there, or a waker might pull the sleeper over to its
 * own processor and measure something else. Others are let go again: who has just one processor does
 * not spin in Sluice, and two that are awake stay where they are.
 */
static void turn_place(const struct bench_turn *turn, int role)
{
	int cpu = role % 2 ? turn->cpus.second : turn->cpus.first;

	turn_allow(cpu, cpu);
	if (turn->measure != BENCH_SLEEP && turn->measure != BENCH_WAKE)
		turn_allow(turn->cpus.first, turn->cpus.second);
}

/* ---- inside a turn ---- */

static void turn_child(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static void turn_make(struct bench_turn *turn)
{
	const struct bench_driver *driver = turn->driver;
	bool alone = turn->cpus.first == turn->cpus.second;

	for (int i = 0; i < bench_ways(turn); i++) {
		struct bench_way *way = &turn->way[i];

		*way = (struct bench_way){
			.spin = turn->measure == BENCH_SPIN,
			.sleep = turn->measure == BENCH_SLEEP || turn->measure == BENCH_WAKE,
			.lock = (driver->lock != NULL && turn->measure == BENCH_MEMORY) ||
				turn->measure == BENCH_LOCK || turn->measure == BENCH_CONTEND,
			.alone = alone,
			.size = turn->size,
			.fd = { -1, -1 },
		};
		if (driver->make && turn->measure != BENCH_MEMORY)
			driver->make(way);
	}
}

_Noreturn static void turn_lead(struct bench_turn *turn)
{
	pid_t others[BENCH_WORKERS + 1];
	int roles = bench_roles(turn);
	pid_t self = getpid();

	turn_make(turn);
	for (int role = 1; role < roles; role++) {
		others[role] = fork();
		bench_check(others[role] >= 0, "fork");
		if (others[role] == 0) {
			turn_child(self);
			turn_place(turn, role);
			bench_play(turn, role);
			_exit(0);
		}
	}
	turn_place(turn, 0);
	bench_play(turn, 0);
	/* Killed while it holds a lock, a contender would be a death to the other. */
	bench_store(&bench_board->over, 1);
	for (int role = 1; role < roles; role++) {
		if (turn->measure != BENCH_CONTEND)
			kill(others[role], SIGKILL);
		waitpid(others[role], NULL, 0);
	}
	for (int i = 0; turn->driver->drop && i < bench_ways(turn); i++)
		turn->driver->drop(&turn->way[i]);
	bench_store(&bench_board->done, 1);
	_exit(0);
}

/* ---- outside ---- */

void bench_turns_begin(void)
{
	bench_board = mmap(NULL, sizeof(*bench_board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (bench_board == MAP_FAILED) {
		perror("sluice: bench: mmap");
		exit(1);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	bench_janitor_begin();
}

void bench_turns_end(void)
{
	bench_janitor_end();
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	munmap(bench_board, sizeof(*bench_board));
}

/* A process in the group @group, or in a new one; it dies with us. */
static pid_t turn_fork(pid_t group)
{
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, group);
		for (int signal_number = SIGHUP; signal_number <= SIGTERM; signal_number++)
			signal(signal_number, SIG_DFL);
		signal(SIGPIPE, SIG_IGN);
		turn_child(self);
		if (!freopen("/dev/null", "w", stderr)) /* what libc says of a broken lock */
			_exit(1);
	} else if (pid > 0) {
		setpgid(pid, group ? group : pid);
	}
	return pid;
}

/* Everybody of the group, dead and buried. */
static void turn_bury(pid_t group)
{
	kill(-group, SIGKILL);
	while (waitpid(-group, NULL, 0) > 0 || errno == EINTR)
		;
}

/* The end of @pid, up to a limit. */
static void turn_wait(pid_t pid, int (*stopped)(void))
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int64_t limit = bench_now() + (int64_t)PATIENCE_MS * 1000000;
	int64_t left;

	while (!stopped() && (left = limit - bench_now()) > 0) {
		if (end.fd < 0 && waitpid(pid, NULL, WNOHANG) != 0)
			break;
		if (poll(&end, end.fd >= 0, end.fd >= 0 ? (int)(left / 1000000) + 1 : 2) == 1)
			break;
	}
	if (end.fd >= 0)
		close(end.fd);
}

bool bench_turn(struct bench_turn *turn, int (*stopped)(void))
{
	pid_t pid;

	memset(bench_board, 0, sizeof(*bench_board));
	pid = turn_fork(0);
	if (pid < 0) {
		snprintf(bench_board->why, BENCH_WHY, "fork: %s", strerror(errno));
		return false;
	}
	if (pid == 0)
		turn_lead(turn);
	turn_wait(pid, stopped);
	turn_bury(pid);
	if (stopped() || bench_load(&bench_board->done))
		return bench_load(&bench_board->done);
	if (!bench_load(&bench_board->failed))
		snprintf(bench_board->why, BENCH_WHY, "it hung or crashed");
	return false;
}

/* ---- idle waiters ---- */

_Noreturn static void idle_wait(struct bench_turn *turn)
{
	static char buffer[4096];

	turn_make(turn);
	if (turn->driver->join)
		turn->driver->join(&turn->way[0], false);
	turn->driver->receive(&turn->way[0], buffer, turn->size);
	bench_fail("a wait for nothing ended");
}

static double idle_cpu(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return -1;
	return (double)used.tv_sec * 1e9 + (double)used.tv_nsec;
}

static bool idle_sleep(int64_t length_ns, int (*stopped)(void))
{
	int64_t end = bench_now() + length_ns;

	while (!stopped() && bench_now() < end)
		poll(NULL, 0, 10);
	return !stopped();
}

/* Each is a group of its own, since one that fails takes its group along. */
bool bench_idle(struct bench_turn *turns, size_t count, int64_t length_ns, double *values,
		int (*stopped)(void))
{
	pid_t *pids = calloc(count, sizeof(*pids));
	int64_t start;
	bool good = pids != NULL;

	memset(bench_board, 0, sizeof(*bench_board));
	for (size_t i = 0; good && i < count; i++) {
		pids[i] = turn_fork(0);
		if (pids[i] == 0)
			idle_wait(&turns[i]);
	}
	good = good && idle_sleep(SETTLE_NS, stopped);
	start = bench_now();
	for (size_t i = 0; good && i < count; i++)
		values[i] = idle_cpu(pids[i]);
	good = good && idle_sleep(length_ns, stopped);
	for (size_t i = 0; good && i < count; i++) {
		double after = idle_cpu(pids[i]);

		values[i] = after < 0 || values[i] < 0 || waitpid(pids[i], NULL, WNOHANG) != 0
				    ? -1
				    : (after - values[i]) * 1e9 / (double)(bench_now() - start);
	}
	for (size_t i = 0; pids && i < count; i++)
		if (pids[i] > 0)
			turn_bury(pids[i]);
	free(pids);
	return good;
}
