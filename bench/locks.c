/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * locks.c - gates beside what they replace: alone, and between two processes
 *
 * Alone: one thread, every line is its own. The mutex beside a process-shared robust pthread mutex;
 * the semaphore beside sem_wait and sem_post, which lose the units of the dead, and beside System V
 * semop with SEM_UNDO, its equal in meaning; the reader-writer lock, taken to read, beside the mutex.
 * Subjects take turns; a result is the median of batches.
 *
 * Contended: two processes on two processors lock, add to a number, unlock, and do a little else,
 * for as long as a round lasts. Acquisitions of both, and how they were split; both are medians of
 * the rounds in which no third process took a processor away, as far as there are such. On a busy
 * machine that takes a priority: nice -n -20, or chrt -f 1.
 *
 * Readers: one who locks to read and unlocks as often as it can; then two, in two processes and in two
 * threads of one. Readers do not exclude each other, so two should get through twice as often. The
 * process-shared pthread_rwlock counts its readers in one word, whose line goes to and fro.
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
#define LOCKS_READER_ROUNDS_MAX 40

static struct locks {
	_Alignas(BENCH_APART) pthread_mutex_t robust;
	_Alignas(BENCH_APART) sem_t posix;
	_Alignas(BENCH_APART) pthread_rwlock_t readers;
	_Alignas(BENCH_APART) uint64_t number;
	_Alignas(BENCH_APART) _Atomic uint32_t ready;
	_Alignas(BENCH_APART) _Atomic int64_t ends;
	_Alignas(BENCH_APART) uint64_t count[2][16];
	_Alignas(BENCH_APART) _Atomic uint32_t disturbed;
} * locks;
static sluice_mutex *mutex;
static sluice_semaphore *semaphore;
static sluice_rwlock *rwlock;
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

static void locks_rwlock(bool lock)
{
	bench_done(lock ? sluice_rwlock_lock_shared(rwlock, SLUICE_FOREVER)
			: sluice_rwlock_unlock(rwlock),
		   "rwlock");
}

static void locks_readers(bool lock)
{
	if (lock ? pthread_rwlock_rdlock(&locks->readers) : pthread_rwlock_unlock(&locks->readers))
		bench_fail("the pthread rwlock failed");
}

static const struct subject {
	const char *name;
	void (*run)(bool lock);
	int beside; /* which of these */
} subjects[] = {
	{ "sluice mutex", locks_mutex, 1 },           { "robust pthread mutex", locks_robust, 1 },
	{ "sluice semaphore", locks_semaphore, 3 },   { "sem_wait, sem_post", locks_posix, 3 },
	{ "semop SEM_UNDO", locks_system_v, 3 },      { "sluice rwlock, read", locks_rwlock, 0 },
	{ "pthread_rwlock, read", locks_readers, 0 },
};
#define SUBJECTS BENCH_COUNT(subjects)
#define EXCLUDING 5 /* the first of them exclude */

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

static void locks_batch(const struct subject *subject)
{
	for (int i = 0; i < BATCH; i++) {
		subject->run(true);
		subject->run(false);
	}
}

static void locks_alone(size_t rounds, double medians[SUBJECTS])
{
	double *samples = bench_samples(rounds * SUBJECTS);

	for (size_t round = 0; round < rounds; round++)
		for (size_t s = 0; s < SUBJECTS; s++) {
			int64_t began;

			/* Warm up: a system call of the one before may have cost all that was predicted. */
			locks_batch(&subjects[s]);
			began = bench_now();
			locks_batch(&subjects[s]);
			samples[s * rounds + round] = (double)(bench_now() - began) / BATCH;
		}
	for (size_t s = 0; s < SUBJECTS; s++)
		medians[s] = locks_median(samples + s * rounds, rounds);
	free(samples);
}

/* One of those who lock, as often as it gets. */
struct party {
	const struct subject *subject;
	uint32_t who, parties; /* which processor; how many there are */
};

static void locks_work(const struct subject *subject, uint64_t *count)
{
	for (int i = 0; i < 20; i++)
		__asm__ __volatile__("" ::: "memory");
	subject->run(true);
	locks->number++;
	subject->run(false);
	++*count;
}

static void locks_read(const struct subject *subject, uint64_t *count)
{
	for (int i = 0; i < 16; i++) {
		subject->run(true);
		subject->run(false);
	}
	*count += 16;
}

static void *locks_take_part(void *argument)
{
	const struct party *party = argument;
	void (*turn)(const struct subject *subject,
		     uint64_t *count) = party->subject < subjects + EXCLUDING ? locks_work
									      : locks_read;
	struct rusage before, after;
	uint64_t count = 0;
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(party->who, &here);
	(void)sched_setaffinity(0, sizeof(here), &here);
	/* The first call of a child takes a place of its own. */
	party->subject->run(true);
	party->subject->run(false);
	if (atomic_fetch_add(&locks->ready, 1) + 1 == party->parties)
		atomic_store(&locks->ends, bench_now() + LOCKS_ROUND_NS);
	while (!atomic_load(&locks->ends))
		;
	getrusage(RUSAGE_THREAD, &before);
	while (bench_now() < atomic_load(&locks->ends))
		turn(party->subject, &count);
	getrusage(RUSAGE_THREAD, &after);
	if (after.ru_nivcsw != before.ru_nivcsw)
		atomic_store(&locks->disturbed, 1);
	locks->count[party->who][0] = count;
	return NULL;
}

static void locks_begin(void)
{
	memset(locks->count, 0, sizeof(locks->count));
	locks->number = 0;
	atomic_store(&locks->disturbed, 0);
	atomic_store(&locks->ready, 0);
	atomic_store(&locks->ends, 0);
}

/* So many processes for a round; acquisitions a second of all. */
static double locks_processes(const struct subject *subject, uint32_t parties)
{
	pid_t pids[2];

	locks_begin();
	for (uint32_t who = 0; who < parties; who++) {
		struct party party = { subject, who, parties };

		pids[who] = fork();
		bench_check(pids[who] >= 0, "fork");
		if (pids[who] == 0) {
			locks_take_part(&party);
			_exit(0);
		}
	}
	for (uint32_t who = 0; who < parties; who++) {
		int status;

		bench_check(waitpid(pids[who], &status, 0) == pids[who] && status == 0,
			    "a process");
	}
	return (double)(locks->count[0][0] + locks->count[1][0]) * 1e9 / (double)LOCKS_ROUND_NS;
}

/* The same with threads of this process. */
static double locks_threads(const struct subject *subject, uint32_t parties)
{
	struct party party[2];
	pthread_t threads[2];

	locks_begin();
	for (uint32_t who = 0; who < parties; who++) {
		party[who] = (struct party){ subject, who, parties };
		bench_check(pthread_create(&threads[who], NULL, locks_take_part, &party[who]) == 0,
			    "pthread_create");
	}
	for (uint32_t who = 0; who < parties; who++)
		pthread_join(threads[who], NULL);
	return (double)(locks->count[0][0] + locks->count[1][0]) * 1e9 / (double)LOCKS_ROUND_NS;
}

/* Two processes that exclude each other; *@ret_split: the part of the one that got more. */
static double locks_pair(const struct subject *subject, double *ret_split)
{
	double rate = locks_processes(subject, 2);
	uint64_t all = locks->count[0][0] + locks->count[1][0];

	if (all != locks->number)
		bench_fail("%s does not exclude", subject->name);
	*ret_split = !all ? 1
			  : (double)(locks->count[0][0] > locks->count[1][0] ? locks->count[0][0]
									     : locks->count[1][0]) /
				     (double)all;
	return rate;
}

/* The results of a subject's rounds, and how many of them count. */
struct contest {
	double rates[LOCKS_ROUNDS_MAX], splits[LOCKS_ROUNDS_MAX];
	size_t count, disturbed;
};

/* One more round. A disturbed one goes to the far end, in case there is no other. */
static void locks_note(struct contest *contest, size_t rounds, double rate, double split)
{
	size_t at = atomic_load(&locks->disturbed) ? rounds - ++contest->disturbed
						   : contest->count++;

	contest->rates[at] = rate;
	contest->splits[at] = split;
}

static void locks_round(const struct subject *subject, struct contest *contest, size_t rounds)
{
	double split, rate = locks_pair(subject, &split);

	locks_note(contest, rounds, rate, split);
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

/* ---- readers -------------------------------------------------------------------------------- */

static const struct crowd {
	const char *name;
	double (*run)(const struct subject *subject, uint32_t parties);
	uint32_t parties;
} crowds[] = {
	{ "one reader", locks_processes, 1 },
	{ "two processes", locks_processes, 2 },
	{ "two threads", locks_threads, 2 },
};
#define CROWDS BENCH_COUNT(crowds)

/* How often two get through, beside one. */
static void locks_report_readers(const struct subject *subject, struct contest contests[CROWDS],
				 size_t rounds)
{
	double one = 0;

	for (size_t c = 0; c < CROWDS; c++) {
		struct contest *contest = &contests[c];
		double rate = locks_median(contest->rates,
					   contest->count ? contest->count : rounds);

		if (c == 0)
			one = rate;
		printf("  %-22s %-13s %11.0f  %5.2f times one   (%zu of %zu rounds)\n",
		       subject->name, crowds[c].name, rate, rate / one, contest->count, rounds);
	}
}

static void locks_scale(size_t rounds)
{
	static struct contest contests[SUBJECTS][CROWDS];

	for (size_t round = 0; round < rounds; round++)
		for (size_t s = EXCLUDING; s < SUBJECTS; s++)
			for (size_t c = 0; c < CROWDS; c++) {
				double rate = crowds[c].run(&subjects[s], crowds[c].parties);

				locks_note(&contests[s][c], rounds, rate, 0);
			}
	printf("readers, locks a second of all\n");
	for (size_t s = EXCLUDING; s < SUBJECTS; s++)
		locks_report_readers(&subjects[s], contests[s], rounds);
}

/* ---- main ----------------------------------------------------------------------------------- */

static void locks_open(void)
{
	struct sluice_semaphore_options options = { .size = sizeof(options), .initial = 1 };
	pthread_rwlockattr_t rwlock_attributes;
	pthread_mutexattr_t attributes;

	locks = bench_shared(sizeof(*locks));
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&locks->robust, &attributes);
	pthread_rwlockattr_init(&rwlock_attributes);
	pthread_rwlockattr_setpshared(&rwlock_attributes, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&locks->readers, &rwlock_attributes);
	bench_check(sem_init(&locks->posix, 1, 1) == 0, "sem_init");
	bench_done(sluice_mutex_open(NULL, NULL, &mutex), "open");
	bench_done(sluice_semaphore_open(NULL, &options, &semaphore), "open");
	bench_done(sluice_rwlock_open(NULL, NULL, &rwlock), "open");
	system_v = semget(IPC_PRIVATE, 1, 0600);
	bench_check(system_v >= 0 && semctl(system_v, 0, SETVAL, 1) == 0, "semget");
}

int main(int argc, char **argv)
{
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	size_t rounds = quick ? 12 : LOCKS_ROUNDS_MAX;
	static struct contest contests[EXCLUDING];
	double medians[SUBJECTS];

	bench_program = "locks";
	locks_open();
	locks_alone(quick ? 200 : 2000, medians);
	printf("alone, one pair of calls\n");
	for (size_t s = 0; s < SUBJECTS; s++)
		printf("  %-22s %8.1f ns  %6.2f of %s\n", subjects[s].name, medians[s],
		       medians[s] / medians[subjects[s].beside], subjects[subjects[s].beside].name);
	for (size_t round = 0; round < rounds; round++)
		for (size_t s = 0; s < EXCLUDING; s++)
			locks_round(&subjects[s], &contests[s], rounds);
	semctl(system_v, 0, IPC_RMID);
	printf("two processes, acquisitions a second, and the part of the luckier\n");
	for (size_t s = 0; s < EXCLUDING; s++)
		medians[s] = locks_report(subjects[s].name, &contests[s], rounds);
	printf("  mutex over robust: %.2f\n", medians[0] / medians[1]);
	locks_scale(quick ? 6 : LOCKS_READER_ROUNDS_MAX);
	sluice_mutex_close(mutex);
	sluice_semaphore_close(semaphore);
	sluice_rwlock_close(rwlock);
	return 0;
}
