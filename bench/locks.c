/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * locks.c - gates beside what they replace: alone, and between two processes
 *
 * Alone: one thread, every line is its own. The mutex beside a process-shared robust pthread mutex;
 * the semaphore beside sem_wait and sem_post, which lose the units of the dead, and beside System V
 * semop with SEM_UNDO, its equal in meaning. Subjects take turns; a result is the median of batches.
 *
 * Contended: two processes on two processors lock, add to a number, unlock, and do a little else,
 * for as long as a round lasts. Acquisitions of both, and how they were split; both are medians of
 * the rounds in which no third process took a processor away, as far as there are such. On a busy
 * machine that takes a priority: nice -n -20, or chrt -f 1.
 *
 *	locks [--quick]
 */
#include "bench.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>

#define BATCH 200
#define LOCKS_ROUND_NS INT64_C(20000000)
#define LOCKS_ROUNDS_MAX 120

static struct locks {
	_Alignas(BENCH_APART) pthread_mutex_t robust;
	_Alignas(BENCH_APART) sem_t posix;
	_Alignas(BENCH_APART) uint64_t number;
	_Alignas(BENCH_APART) _Atomic uint32_t ready;
	_Alignas(BENCH_APART) _Atomic int64_t ends;
	_Alignas(BENCH_APART) uint64_t count[2][16];
	_Alignas(BENCH_APART) _Atomic uint32_t disturbed;
} * locks;
static sluice_mutex *mutex;
static sluice_semaphore *semaphore;
static int system_v;

static void locks_robust(bool lock)
{
	if (lock ? pthread_mutex_lock(&locks->robust) : pthread_mutex_unlock(&locks->robust))
		bench_fail("the pthread mutex failed");
}

static void locks_mutex(bool lock)
{
	bench_done(lock ? sluice_mutex_lock(mutex, SLUICE_FOREVER) : sluice_mutex_unlock(mutex),
		   "mutex");
}

static void locks_semaphore(bool lock)
{
	bench_done(lock ? sluice_semaphore_acquire(semaphore, 1, SLUICE_FOREVER)
			: sluice_semaphore_release(semaphore, 1),
		   "semaphore");
}

static void locks_posix(bool lock)
{
	bench_check((lock ? sem_wait(&locks->posix) : sem_post(&locks->posix)) == 0, "sem");
}

static void locks_system_v(bool lock)
{
	struct sembuf operation = { .sem_op = (short)(lock ? -1 : 1), .sem_flg = SEM_UNDO };

	bench_check(semop(system_v, &operation, 1) == 0, "semop");
}

static const struct subject {
	const char *name;
	void (*run)(bool lock);
} subjects[] = {
	{ "sluice mutex", locks_mutex },         { "robust pthread mutex", locks_robust },
	{ "sluice semaphore", locks_semaphore }, { "sem_wait, sem_post", locks_posix },
	{ "semop SEM_UNDO", locks_system_v },
};
#define SUBJECTS BENCH_COUNT(subjects)

static int locks_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double locks_median(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), locks_compare);
	return samples[count / 2];
}

static void locks_alone(size_t rounds, double medians[SUBJECTS])
{
	double *samples = bench_samples(rounds * SUBJECTS);

	for (size_t round = 0; round < rounds; round++)
		for (size_t s = 0; s < SUBJECTS; s++) {
			int64_t began = bench_now();

			for (int i = 0; i < BATCH; i++) {
				subjects[s].run(true);
				subjects[s].run(false);
			}
			samples[s * rounds + round] = (double)(bench_now() - began) / BATCH;
		}
	for (size_t s = 0; s < SUBJECTS; s++)
		medians[s] = locks_median(samples + s * rounds, rounds);
	free(samples);
}

/* One of the two: as often as it gets. */
static void locks_contend(int who, const struct subject *subject, int processor)
{
	struct rusage before, after;
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET((unsigned)processor, &here);
	(void)sched_setaffinity(0, sizeof(here), &here);
	/* The first call of a child takes a place of its own. */
	subject->run(true);
	subject->run(false);
	if (atomic_fetch_add(&locks->ready, 1) == 1)
		atomic_store(&locks->ends, bench_now() + LOCKS_ROUND_NS);
	while (!atomic_load(&locks->ends))
		;
	getrusage(RUSAGE_SELF, &before);
	while (bench_now() < atomic_load(&locks->ends)) {
		subject->run(true);
		locks->number++;
		subject->run(false);
		locks->count[who][0]++;
		for (int i = 0; i < 20; i++)
			__asm__ __volatile__("" ::: "memory");
	}
	getrusage(RUSAGE_SELF, &after);
	if (after.ru_nivcsw != before.ru_nivcsw)
		atomic_store(&locks->disturbed, 1);
}

/* Acquisitions a second of both; *@ret_split: the part of the one that got more. */
static double locks_pair(const struct subject *subject, double *ret_split)
{
	uint64_t all;
	pid_t pids[2];

	memset(locks->count, 0, sizeof(locks->count));
	locks->number = 0;
	atomic_store(&locks->disturbed, 0);
	atomic_store(&locks->ready, 0);
	atomic_store(&locks->ends, 0);
	for (int who = 0; who < 2; who++) {
		pids[who] = fork();
		bench_check(pids[who] >= 0, "fork");
		if (pids[who] == 0) {
			locks_contend(who, subject, who);
			_exit(0);
		}
	}
	for (int who = 0; who < 2; who++) {
		int status;

		bench_check(waitpid(pids[who], &status, 0) == pids[who] && status == 0,
			    "a process");
	}
	all = locks->count[0][0] + locks->count[1][0];
	if (all != locks->number)
		bench_fail("%s does not exclude", subject->name);
	*ret_split = !all ? 1
			  : (double)(locks->count[0][0] > locks->count[1][0] ? locks->count[0][0]
									     : locks->count[1][0]) /
				     (double)all;
	return (double)all * 1e9 / (double)LOCKS_ROUND_NS;
}

/* The results of a subject's rounds, and how many of them count. */
struct contest {
	double rates[LOCKS_ROUNDS_MAX], splits[LOCKS_ROUNDS_MAX];
	size_t count, disturbed;
};

/* One more round. A disturbed one goes to the far end, in case there is no other. */
static void locks_round(const struct subject *subject, struct contest *contest, size_t rounds)
{
	double split, rate = locks_pair(subject, &split);
	size_t at = atomic_load(&locks->disturbed) ? rounds - ++contest->disturbed
						   : contest->count++;

	contest->rates[at] = rate;
	contest->splits[at] = split;
}

/* Median acquisitions a second. */
static double locks_report(const char *name, struct contest *contest, size_t rounds)
{
	size_t count = contest->count ? contest->count : rounds;
	double rate = locks_median(contest->rates, count);

	printf("  %-22s %10.0f   %3.0f %%   (%zu of %zu rounds)\n", name, rate,
	       100 * locks_median(contest->splits, count), contest->count, rounds);
	return rate;
}

static void locks_open(void)
{
	struct sluice_semaphore_options options = { .size = sizeof(options), .initial = 1 };
	pthread_mutexattr_t attributes;

	locks = bench_shared(sizeof(*locks));
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&locks->robust, &attributes);
	bench_check(sem_init(&locks->posix, 1, 1) == 0, "sem_init");
	bench_done(sluice_mutex_open(NULL, NULL, &mutex), "open");
	bench_done(sluice_semaphore_open(NULL, &options, &semaphore), "open");
	system_v = semget(IPC_PRIVATE, 1, 0600);
	bench_check(system_v >= 0 && semctl(system_v, 0, SETVAL, 1) == 0, "semget");
}

int main(int argc, char **argv)
{
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	size_t rounds = quick ? 12 : LOCKS_ROUNDS_MAX;
	static struct contest contests[SUBJECTS];
	double medians[SUBJECTS];

	bench_program = "locks";
	locks_open();
	locks_alone(quick ? 200 : 2000, medians);
	printf("alone, one pair of calls\n");
	for (size_t s = 0; s < SUBJECTS; s++)
		printf("  %-22s %8.1f ns  %6.2f of %s\n", subjects[s].name, medians[s],
		       medians[s] / medians[s < 2 ? 1 : 3], subjects[s < 2 ? 1 : 3].name);
	for (size_t round = 0; round < rounds; round++)
		for (size_t s = 0; s < SUBJECTS; s++)
			locks_round(&subjects[s], &contests[s], rounds);
	semctl(system_v, 0, IPC_RMID);
	printf("two processes, acquisitions a second, and the part of the luckier\n");
	for (size_t s = 0; s < SUBJECTS; s++)
		medians[s] = locks_report(subjects[s].name, &contests[s], rounds);
	printf("  mutex over robust: %.2f\n", medians[0] / medians[1]);
	sluice_mutex_close(mutex);
	sluice_semaphore_close(semaphore);
	return 0;
}
