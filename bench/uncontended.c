/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * uncontended.c - what a call costs when nobody else is there
 *
 * One thread on one processor: every line is its own, nobody waits, nobody is woken. The unit is
 * the bare locked read-modify-write on a line of one's own, the cheapest thing that two processes
 * can agree by: a queue's send and receive together need at least four of them (two locks taken
 * and given back), a mutex two. The rest is what checking, copying and accounting cost.
 *
 * Beside them stand the kernel's pipe and the mutexes of libc. A plain pthread mutex says what a
 * lock costs that only threads can use; a process-shared robust one is what the Sluice mutex
 * replaces: both survive their owner's death.
 *
 * The subjects take turns; a sample is the mean of one short batch with no clock inside, a result
 * the median of all samples.
 */
#include "bench.h"

#include <getopt.h>
#include <pthread.h>

#define BATCH 200 /* operations between two readings of the clock */

struct bench {
	_Alignas(BENCH_APART) _Atomic uint64_t word;
	_Alignas(BENCH_APART) pthread_mutex_t plain;
	_Alignas(BENCH_APART) pthread_mutex_t robust;
	_Alignas(BENCH_APART) uint64_t sent;
	int pipe[2];
	sluice_queue *queue;
	sluice_mutex *mutex;
};

/* ------------------------------------------------------------------------------------------- */
/* The subjects                                                                                */
/* ------------------------------------------------------------------------------------------- */

static void locked_batch(struct bench *bench)
{
	int i;

	for (i = 0; i < BATCH; i++)
		atomic_fetch_add_explicit(&bench->word, 1, memory_order_relaxed);
}

BENCH_INLINE void queue_pair(struct bench *bench, size_t size)
{
	uint64_t out[8] = { ++bench->sent };
	uint64_t in[8];
	int64_t got;

	bench_done(sluice_queue_send(bench->queue, 1, out, size, SLUICE_NOWAIT), "send");
	got = sluice_queue_receive(bench->queue, 0, in, sizeof(in), NULL, SLUICE_NOWAIT);
	bench_done(got, "receive");
	if (__builtin_expect(got != (int64_t)size || in[0] != bench->sent, 0))
		bench_fail("another message arrived than was sent");
}

static void queue_24_batch(struct bench *bench)
{
	int i;

	for (i = 0; i < BATCH; i++)
		queue_pair(bench, 24);
}

static void queue_64_batch(struct bench *bench)
{
	int i;

	for (i = 0; i < BATCH; i++)
		queue_pair(bench, 64);
}

static void pipe_batch(struct bench *bench)
{
	char message[24] = "";
	int i;

	for (i = 0; i < BATCH; i++) {
		bench_check(write(bench->pipe[1], message, sizeof(message)) == sizeof(message),
			    "write");
		bench_check(read(bench->pipe[0], message, sizeof(message)) == sizeof(message),
			    "read");
	}
}

static void mutex_batch(struct bench *bench)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		bench_done(sluice_mutex_lock(bench->mutex, SLUICE_FOREVER), "lock");
		bench_done(sluice_mutex_unlock(bench->mutex), "unlock");
	}
}

BENCH_INLINE void pthread_batch(pthread_mutex_t *mutex)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		if (pthread_mutex_lock(mutex) || pthread_mutex_unlock(mutex))
			bench_fail("the pthread mutex failed");
	}
}

static void robust_batch(struct bench *bench)
{
	pthread_batch(&bench->robust);
}

static void plain_batch(struct bench *bench)
{
	pthread_batch(&bench->plain);
}

static struct subject {
	const char *name;
	const char *key;
	void (*batch)(struct bench *bench);
	double *samples;
} subjects[] = {
	{ "bare locked add", "locked", locked_batch, NULL },
	{ "queue send + receive 24 B", "queue-24", queue_24_batch, NULL },
	{ "queue send + receive 64 B", "queue-64", queue_64_batch, NULL },
	{ "kernel pipe write + read 24 B", "pipe", pipe_batch, NULL },
	{ "mutex lock + unlock", "mutex", mutex_batch, NULL },
	{ "pthread robust, process-shared", "pthread-robust", robust_batch, NULL },
	{ "pthread plain, one process", "pthread-plain", plain_batch, NULL },
};

/* ------------------------------------------------------------------------------------------- */
/* Main                                                                                        */
/* ------------------------------------------------------------------------------------------- */

static struct {
	size_t rounds;
	size_t batches;
	bool json;
} settings = { .rounds = 100, .batches = 50 };

static void prepare(struct bench *bench)
{
	pthread_mutexattr_t attributes;
	size_t i;

	for (i = 0; i < BENCH_COUNT(subjects); i++)
		subjects[i].samples = bench_samples(settings.rounds * settings.batches);
	pthread_mutexattr_init(&attributes);
	pthread_mutex_init(&bench->plain, &attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&bench->robust, &attributes);
	bench_check(pipe(bench->pipe) == 0, "pipe");
	bench->queue = bench_queue(getpid(), "uncontended-queue", 0);
	bench->mutex = bench_mutex(getpid(), "uncontended-mutex");
}

static void run_all(struct bench *bench)
{
	struct subject *subject;
	size_t round;
	size_t batch;
	size_t i;
	int64_t start;

	for (round = 0; round < settings.rounds; round++) {
		for (i = 0; i < BENCH_COUNT(subjects); i++) {
			subject = &subjects[i];
			subject->batch(bench); /* warm up */
			for (batch = 0; batch < settings.batches; batch++) {
				start = bench_now();
				subject->batch(bench);
				subject->samples[round * settings.batches + batch] =
					(double)(bench_now() - start) / BATCH;
			}
		}
	}
}

static void print_all(void)
{
	size_t samples = settings.rounds * settings.batches;
	double floor = bench_percentile(subjects[0].samples, samples, 0.5);
	double median;
	double p99;
	size_t i;

	for (i = 0; i < BENCH_COUNT(subjects); i++) {
		median = bench_percentile(subjects[i].samples, samples, 0.5);
		p99 = bench_percentile(subjects[i].samples, samples, 0.99);
		if (settings.json)
			printf("{\"bench\":\"uncontended\",\"subject\":\"%s\",\"median_ns\":%.2f,"
			       "\"p99_ns\":%.2f,\"locked_ns\":%.3f,\"ratio\":%.2f}\n",
			       subjects[i].key, median, p99, floor, median / floor);
		else
			printf("%-30s   median %7.2f ns   p99 %7.2f   %6.1f locked adds\n",
			       subjects[i].name, median, p99, median / floor);
	}
}

static __attribute__((noreturn)) void usage(FILE *to, int status)
{
	fprintf(to, "Usage: uncontended [--rounds N] [--json]\n"
		    "Calls on one thread, in units of a bare locked instruction.\n"
		    "  --rounds N   turns of each subject (100)\n"
		    "  --json       one JSON object a line\n");
	exit(status);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "rounds", required_argument, NULL, 'r' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			settings.rounds = strtoul(optarg, NULL, 10);
			break;
		case 'j':
			settings.json = true;
			break;
		case 'h':
			usage(stdout, 0);
		default:
			usage(stderr, 2);
		}
	}
	if (optind != argc || !settings.rounds || settings.rounds > 100000)
		usage(stderr, 2);
}

int main(int argc, char **argv)
{
	static struct bench bench;
	struct bench_cpus cpus = bench_cpus();

	bench_program = "uncontended";
	parse(argc, argv);
	bench_allow(cpus.first, cpus.first);
	prepare(&bench);
	if (!settings.json)
		printf("# one thread, on CPU %d\n", cpus.first);
	run_all(&bench);
	print_all();
	sluice_queue_close(bench.queue);
	sluice_mutex_close(bench.mutex);
	return 0;
}
