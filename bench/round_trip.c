/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * round_trip.c - how long a message takes to another process and an answer back
 *
 * Two processes, one on each of two processors. One sends and waits for the answer, the other
 * answers. The subjects take turns: every round runs each of them once. Two families, each with
 * its floor:
 *
 * spinning: the waiter looks until the message is there. Floor: two words, each on a line of its
 * own, one written by each side; nothing but a release store and a loop of acquire loads. No
 * queue can be faster, because the floor is what it costs to make one line known to the other
 * core, twice. What that costs depends on where the line lies (bench.h), so the floor takes other
 * lines each round, as a queue does anyway.
 *
 * sleeping: the waiter sleeps in the kernel. Floor: the same two words with FUTEX_WAIT and
 * FUTEX_WAKE. Most of it is the time that an idle processor takes to wake up.
 *
 * Each turn is measured in two passes. The median comes from batches of many trips with no clock
 * inside (reading it costs a fifth of a bare trip, and would flatter every ratio); the
 * percentiles come from trips timed one by one, the reading of the clock included. Sleeping trips
 * are long enough to be timed one by one for everything. The ratio is that of the medians.
 */
#include "bench.h"

#include <getopt.h>

#define SPIN_NS SLUICE_MS(100)
#define SPIN_NEVER 1
#define BATCH 64 /* trips between two readings of the clock */
#define MESSAGE_LONGEST 64

/* What one side has of a subject. In and out differ between the two sides. */
struct lane {
	uint64_t sent;
	uint64_t got;
	_Atomic uint32_t *word_out;
	_Atomic uint32_t *word_in;
	int pipe_out;
	int pipe_in;
	sluice_queue *queue_out;
	sluice_queue *queue_in;
};

/* One turn, as one side sees it. */
struct turn {
	bool leader;
	size_t batches;
	size_t per_batch;
	double *samples; /* nanoseconds a trip, one of each batch; leader only */
};

typedef void step(struct lane *lane);

/* Every subject's turn is this function, compiled for its @put and @get. */
BENCH_INLINE void take_turn(struct lane *lane, const struct turn *turn, step *put, step *get)
{
	size_t batch;
	size_t i;
	int64_t start;

	for (batch = 0; batch < turn->batches; batch++) {
		if (!turn->leader) {
			for (i = 0; i < turn->per_batch; i++) {
				get(lane);
				put(lane);
			}
			continue;
		}
		start = bench_now();
		for (i = 0; i < turn->per_batch; i++) {
			put(lane);
			get(lane);
		}
		turn->samples[batch] = (double)(bench_now() - start) / (double)turn->per_batch;
	}
}

/* ------------------------------------------------------------------------------------------- */
/* The floors                                                                                  */
/* ------------------------------------------------------------------------------------------- */

BENCH_INLINE void line_put(struct lane *lane)
{
	atomic_store_explicit(lane->word_out, (uint32_t)++lane->sent, memory_order_release);
}

BENCH_INLINE void line_get(struct lane *lane)
{
	uint32_t next = (uint32_t)++lane->got;

	while (atomic_load_explicit(lane->word_in, memory_order_acquire) != next)
		;
}

BENCH_INLINE void futex_put(struct lane *lane)
{
	line_put(lane);
	bench_futex_wake(lane->word_out);
}

BENCH_INLINE void futex_get(struct lane *lane)
{
	uint32_t seen = (uint32_t)lane->got++;

	while (atomic_load_explicit(lane->word_in, memory_order_acquire) == seen)
		bench_futex_wait(lane->word_in, seen);
}

static void line_turn(struct lane *lane, const struct turn *turn)
{
	take_turn(lane, turn, line_put, line_get);
}

static void futex_turn(struct lane *lane, const struct turn *turn)
{
	take_turn(lane, turn, futex_put, futex_get);
}

/* ------------------------------------------------------------------------------------------- */
/* The subjects: each message carries its number, and the receiver checks it                   */
/* ------------------------------------------------------------------------------------------- */

BENCH_INLINE void message_check(struct lane *lane, const void *message, bool whole)
{
	uint64_t number;

	memcpy(&number, message, sizeof(number));
	if (__builtin_expect(!whole || number != ++lane->got, 0))
		bench_fail("message %llu arrived as %llu", (unsigned long long)lane->got,
			   (unsigned long long)number);
}

BENCH_INLINE void pipe_put(struct lane *lane)
{
	uint64_t message[3] = { ++lane->sent, 0, 0 };

	bench_check(write(lane->pipe_out, message, sizeof(message)) == sizeof(message), "write");
}

BENCH_INLINE void pipe_get(struct lane *lane)
{
	uint64_t message[3];
	ssize_t got = read(lane->pipe_in, message, sizeof(message));

	message_check(lane, message, got == sizeof(message));
}

BENCH_INLINE void queue_put(struct lane *lane, size_t size)
{
	uint64_t message[MESSAGE_LONGEST / 8] = { ++lane->sent };

	bench_done(sluice_queue_send(lane->queue_out, 1, message, size, SLUICE_FOREVER), "send");
}

BENCH_INLINE void queue_get(struct lane *lane, size_t size)
{
	uint64_t message[MESSAGE_LONGEST / 8];
	int64_t got = sluice_queue_receive(lane->queue_in, 0, message, sizeof(message), NULL,
					   SLUICE_FOREVER);

	bench_done(got, "receive");
	message_check(lane, message, got == (int64_t)size);
}

BENCH_INLINE void queue_put_24(struct lane *lane)
{
	queue_put(lane, 24);
}

BENCH_INLINE void queue_get_24(struct lane *lane)
{
	queue_get(lane, 24);
}

BENCH_INLINE void queue_put_64(struct lane *lane)
{
	queue_put(lane, 64);
}

BENCH_INLINE void queue_get_64(struct lane *lane)
{
	queue_get(lane, 64);
}

static void pipe_turn(struct lane *lane, const struct turn *turn)
{
	take_turn(lane, turn, pipe_put, pipe_get);
}

static void queue_24_turn(struct lane *lane, const struct turn *turn)
{
	take_turn(lane, turn, queue_put_24, queue_get_24);
}

static void queue_64_turn(struct lane *lane, const struct turn *turn)
{
	take_turn(lane, turn, queue_put_64, queue_get_64);
}

/* ------------------------------------------------------------------------------------------- */
/* The list                                                                                    */
/* ------------------------------------------------------------------------------------------- */

struct subject {
	const char *name;
	const char *key; /* also names its queues */
	int64_t spin_ns; /* SPIN_NEVER: it sleeps */
	bool floor;      /* of those that follow, up to the next floor */
	void (*turn)(struct lane *lane, const struct turn *turn);
	bool queues;
	struct lane lane;
	size_t place; /* of the spinning floor's lines */
	double *batches;
	double *trips;
	double median;
	double p99;
	double p999;
};

static struct subject subjects[] = {
	{ .name = "bare cache lines   spinning",
	  .key = "spinning-line",
	  .spin_ns = SPIN_NS,
	  .floor = true,
	  .turn = line_turn },
	{ .name = "queue 24 B         spinning",
	  .key = "spinning-queue-24",
	  .spin_ns = SPIN_NS,
	  .turn = queue_24_turn,
	  .queues = true },
	{ .name = "queue 64 B         spinning",
	  .key = "spinning-queue-64",
	  .spin_ns = SPIN_NS,
	  .turn = queue_64_turn,
	  .queues = true },
	{ .name = "bare futex         sleeping",
	  .key = "sleeping-futex",
	  .spin_ns = SPIN_NEVER,
	  .floor = true,
	  .turn = futex_turn },
	{ .name = "queue 24 B         sleeping",
	  .key = "sleeping-queue-24",
	  .spin_ns = SPIN_NEVER,
	  .turn = queue_24_turn,
	  .queues = true },
	{ .name = "queue 64 B         sleeping",
	  .key = "sleeping-queue-64",
	  .spin_ns = SPIN_NEVER,
	  .turn = queue_64_turn,
	  .queues = true },
	{ .name = "kernel pipe 24 B   sleeping",
	  .key = "sleeping-pipe",
	  .spin_ns = SPIN_NEVER,
	  .turn = pipe_turn },
};

static struct {
	size_t rounds;
	size_t batches; /* a turn, spinning */
	size_t trips;   /* a turn, spinning, one by one */
	size_t sleeps;  /* trips a turn, sleeping */
	const char *only;
	bool json;
} settings = { .rounds = 40, .batches = 200, .trips = 5000, .sleeps = 500 };

static bool subject_sleeps(const struct subject *subject)
{
	return subject->spin_ns == SPIN_NEVER;
}

static bool subject_named(const struct subject *subject)
{
	return !settings.only || strstr(subject->key, settings.only);
}

/* A floor runs when one of those that stand on it does. */
static bool subject_runs(const struct subject *subject, bool alone)
{
	const struct subject *end = subjects + BENCH_COUNT(subjects);
	const struct subject *other = subject;

	if (alone && !subject_sleeps(subject))
		return false;
	if (!subject->floor)
		return subject_named(subject);
	for (other++; other < end && !other->floor; other++)
		if (subject_named(other))
			return true;
	return subject_named(subject);
}

/* Before the fork: what both sides inherit. */
static void subject_prepare(struct subject *subject, int pipes[4])
{
	subject->batches = bench_samples(settings.rounds * settings.batches);
	subject->trips = bench_samples(
		settings.rounds * (subject_sleeps(subject) ? settings.sleeps : settings.trips));
	subject->lane.word_out = bench_shared(BENCH_LINE_PLACES * BENCH_LINE_STRIDE);
	if (subject->turn == pipe_turn)
		bench_check(pipe(pipes) == 0 && pipe(pipes + 2) == 0, "pipe");
}

/* After the fork: which end is whose. */
static void subject_attach(struct subject *subject, const struct bench_pair *pair, pid_t run,
			   const int pipes[4])
{
	_Atomic uint32_t *words = subject->lane.word_out;
	_Atomic uint32_t *other = words + BENCH_APART / sizeof(*words);
	bool leader = pair->leader;
	char there[64];
	char back[64];

	subject->lane.word_out = leader ? words : other;
	subject->lane.word_in = leader ? other : words;
	if (subject->turn == pipe_turn) {
		subject->lane.pipe_out = pipes[leader ? 1 : 3];
		subject->lane.pipe_in = pipes[leader ? 2 : 0];
	}
	if (!subject->queues)
		return;
	snprintf(there, sizeof(there), "%s-there", subject->key);
	snprintf(back, sizeof(back), "%s-back", subject->key);
	subject->lane.queue_out = bench_queue(run, leader ? there : back, subject->spin_ns);
	subject->lane.queue_in = bench_queue(run, leader ? back : there, subject->spin_ns);
}

static void subject_detach(struct subject *subject)
{
	sluice_queue_close(subject->lane.queue_out);
	sluice_queue_close(subject->lane.queue_in);
}

static void subject_turn(struct subject *subject, const struct bench_pair *pair, double *samples,
			 size_t batches, size_t per_batch)
{
	const struct turn turn = { pair->leader, batches, per_batch, samples };

	subject->turn(&subject->lane, &turn);
}

/* The spinning floor goes on to other lines. They hold an older number, or none. */
static void subject_move(struct subject *subject, size_t round)
{
	size_t words = BENCH_LINE_STRIDE / sizeof(*subject->lane.word_out);

	subject->lane.word_out += (round % BENCH_LINE_PLACES - subject->place) * words;
	subject->lane.word_in += (round % BENCH_LINE_PLACES - subject->place) * words;
	subject->place = round % BENCH_LINE_PLACES;
}

/* One round of one subject: a warm-up whose samples are overwritten, then the two passes. */
static void subject_round(struct subject *subject, const struct bench_pair *pair, size_t round)
{
	double *batches = subject->batches + round * settings.batches;
	double *trips;

	if (subject->turn == line_turn)
		subject_move(subject, round);
	if (subject_sleeps(subject))
		bench_pin(pair); /* or a waker might pull the sleeper over to its own processor */
	else
		bench_place(pair);
	bench_meet(pair);
	if (subject_sleeps(subject)) {
		trips = subject->trips + round * settings.sleeps;
		subject_turn(subject, pair, trips, 1, 20);
		subject_turn(subject, pair, trips, settings.sleeps, 1);
		return;
	}
	trips = subject->trips + round * settings.trips;
	subject_turn(subject, pair, batches, 1, 2000);
	subject_turn(subject, pair, batches, settings.batches, BATCH);
	subject_turn(subject, pair, trips, settings.trips, 1);
}

/* ------------------------------------------------------------------------------------------- */
/* Results                                                                                     */
/* ------------------------------------------------------------------------------------------- */

static void subject_sum_up(struct subject *subject, size_t rounds)
{
	bool sleeps = subject_sleeps(subject);
	size_t trips = rounds * (sleeps ? settings.sleeps : settings.trips);

	subject->median = sleeps ? bench_percentile(subject->trips, trips, 0.5)
				 : bench_percentile(subject->batches, rounds * settings.batches,
						    0.5);
	subject->p99 = bench_percentile(subject->trips, trips, 0.99);
	subject->p999 = bench_percentile(subject->trips, trips, 0.999);
}

static void subject_print(const struct subject *subject, const struct subject *floor)
{
	double ratio = subject->median / floor->median;

	if (settings.json) {
		printf("{\"bench\":\"round_trip\",\"subject\":\"%s\",\"median_ns\":%.1f,"
		       "\"p99_ns\":%.0f,\"p999_ns\":%.0f,\"floor\":\"%s\",\"floor_ns\":%.1f,"
		       "\"ratio\":%.3f}\n",
		       subject->key, subject->median, subject->p99, subject->p999, floor->key,
		       floor->median, ratio);
		return;
	}
	printf("%s   median %7.0f ns   p99 %7.0f   p99.9 %7.0f   ", subject->name, subject->median,
	       subject->p99, subject->p999);
	if (subject == floor)
		printf("the floor\n");
	else
		printf("ratio %.2f (floor %.0f ns)\n", ratio, floor->median);
}

static void print_all(bool alone)
{
	const struct subject *floor = subjects;
	size_t i;

	for (i = 0; i < BENCH_COUNT(subjects); i++) {
		if (!subject_runs(&subjects[i], alone))
			continue;
		subject_sum_up(&subjects[i], settings.rounds);
		if (subjects[i].floor)
			floor = &subjects[i];
		subject_print(&subjects[i], floor);
	}
}

/* ------------------------------------------------------------------------------------------- */
/* Main                                                                                        */
/* ------------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void usage(FILE *to, int status)
{
	fprintf(to,
		"Usage: round_trip [--rounds N] [--only KEY] [--json]\n"
		"Round trips between two processes, beside their floors.\n"
		"  --rounds N   turns of each subject (40)\n"
		"  --only KEY   subjects whose key contains KEY (as --json names them), and floors\n"
		"  --json       one JSON object a line\n");
	exit(status);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "rounds", required_argument, NULL, 'r' },
						 { "only", required_argument, NULL, 'o' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			settings.rounds = strtoul(optarg, NULL, 10);
			break;
		case 'o':
			settings.only = optarg;
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

/* Both processes: round 0 warms memory and branches up and is measured over by the next. */
static void run_all(const struct bench_pair *pair)
{
	size_t round;
	size_t i;

	for (round = 0; round <= settings.rounds; round++)
		for (i = 0; i < BENCH_COUNT(subjects); i++)
			if (subject_runs(&subjects[i], bench_alone(pair)))
				subject_round(&subjects[i], pair, round ? round - 1 : 0);
}

int main(int argc, char **argv)
{
	struct bench_pair pair;
	pid_t run = getpid();
	int pipes[4];
	size_t i;

	bench_program = "round_trip";
	parse(argc, argv);
	for (i = 0; i < BENCH_COUNT(subjects); i++)
		subject_prepare(&subjects[i], pipes);
	bench_start(&pair);
	if (pair.leader && !settings.json)
		bench_say_cpus(pair.cpus);
	for (i = 0; i < BENCH_COUNT(subjects); i++)
		if (subject_runs(&subjects[i], bench_alone(&pair)))
			subject_attach(&subjects[i], &pair, run, pipes);
	run_all(&pair);
	for (i = 0; i < BENCH_COUNT(subjects); i++)
		subject_detach(&subjects[i]);
	bench_finish(&pair);
	print_all(bench_alone(&pair));
	return 0;
}
