/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic.c - what it costs to publish, to receive and to borrow
 *
 * Round trip: 64 bytes published there and 64 bytes back, both sides spinning, beside a bare
 * ping-pong of one word each way (bench.h). A short message lies in its entry, whose word
 * says that it is there; so a reader needs that word's two lines, and the publisher's own line.
 *
 * Borrowing: a message of 16 MiB and one of 64 bytes, of the same topic, borrowed and returned. Nothing
 * of the message is touched. The floor is the short one.
 *
 * Publishing: the publisher's own CPU time for a message of 64 bytes, to one subscriber and to eight,
 * which share the other processor. At full speed the subscribers are busy receiving, and sometimes
 * overrun; paced, a message every 100 us, each message finds all of them asleep, and what it costs to
 * wake them is the kernel's.
 *
 * Subjects take turns; results are medians, and ratios are those of two medians.
 */
#include "bench.h"

#include <getopt.h>

#define SIZE 64
#define LONG_SIZE ((size_t)16 << 20)
#define SPIN_NS SLUICE_MS(1)
#define BATCH 64 /* borrowings */
#define MANY 8   /* subscribers */
#define PACE_NS 100000

/* Round trips go through one of several pairs of topics. */
struct lane {
	sluice_publisher *out;
	sluice_subscriber *in;
};

/* What one side has. */
struct side {
	bool leader;
	uint64_t sent, got; /* trips */
	struct bench_lines lines;
	struct lane lanes[BENCH_LANES];
	size_t lane;
	/* the leader's */
	sluice_publisher *private_publisher;
	sluice_subscriber *private_subscriber;
	sluice_publisher *to_one, *to_many;
};

static struct {
	size_t rounds, trips, messages;
	bool json;
} settings = { .rounds = 25, .trips = 20000, .messages = 20000 };

static pid_t children[MANY + 1];

/* ------------------------------------------------------------------------------------------- */
/* Round trips                                                                                 */
/* ------------------------------------------------------------------------------------------- */

BENCH_INLINE void topic_put(void *side_)
{
	struct side *side = side_;
	struct lane *lane = &side->lanes[side->lane];
	uint64_t message[SIZE / 8] = { ++side->sent };

	bench_done(sluice_publisher_publish(lane->out, message, SIZE, SLUICE_FOREVER), "publish");
}

BENCH_INLINE void topic_get(void *side_)
{
	struct side *side = side_;
	struct lane *lane = &side->lanes[side->lane];
	uint64_t message[SIZE / 8];
	int64_t r = sluice_subscriber_receive(lane->in, message, SIZE, NULL, SLUICE_FOREVER);

	bench_done(r, "receive");
	if (__builtin_expect(r != SIZE || message[0] != ++side->got, 0))
		bench_fail("trip %llu arrived as %llu, %lld bytes", (unsigned long long)side->got,
			   (unsigned long long)message[0], (long long)r);
}

static double line_turn(struct side *side)
{
	return bench_lines_turn(&side->lines, settings.trips);
}

static double topic_turn(struct side *side)
{
	side->lane = (side->lane + 1) % BENCH_LANES;
	return bench_trips(side, side->leader, settings.trips, topic_put, topic_get);
}

/* ------------------------------------------------------------------------------------------- */
/* Borrowing, in one process                                                                   */
/* ------------------------------------------------------------------------------------------- */

/* A batch is published, untouched, and then borrowed and returned. */
static double borrow_batch(struct side *side, size_t size)
{
	const void *data;
	int64_t start;
	void *room;

	for (size_t i = 0; i < BATCH; i++) {
		bench_done(sluice_publisher_reserve(side->private_publisher, size, &room, 0),
			   "reserve");
		bench_done(sluice_publisher_commit(side->private_publisher, room, size, 0),
			   "commit");
	}
	start = bench_now();
	for (size_t i = 0; i < BATCH; i++) {
		bench_done(sluice_subscriber_borrow(side->private_subscriber, &data, NULL, 0),
			   "borrow");
		bench_done(sluice_subscriber_return(side->private_subscriber, data), "return");
	}
	return (double)(bench_now() - start) / BATCH;
}

static double borrow(struct side *side, size_t size)
{
	static double batches[200];

	if (!side->leader)
		return 0;
	for (size_t i = 0; i < BENCH_COUNT(batches); i++)
		batches[i] = borrow_batch(side, size);
	return bench_percentile(batches, BENCH_COUNT(batches), 0.5);
}

static double borrow_short(struct side *side)
{
	return borrow(side, SIZE);
}

static double borrow_long(struct side *side)
{
	return borrow(side, LONG_SIZE);
}

static void open_private(struct side *side)
{
	const struct sluice_topic_options options = { .size = sizeof(options),
						      .flags = SLUICE_PRIVATE,
						      .depth = BATCH,
						      .message_max = LONG_SIZE,
						      .publishers = 1,
						      .subscribers = 1 };
	const struct sluice_topic_options none = { .size = sizeof(none) };

	bench_done(sluice_publisher_open(NULL, &options, &side->private_publisher), "open");
	bench_done(sluice_publisher_subscribe(side->private_publisher, &none,
					      &side->private_subscriber),
		   "subscribe");
}

/* ------------------------------------------------------------------------------------------- */
/* Publishing to many                                                                          */
/* ------------------------------------------------------------------------------------------- */

static int64_t cpu_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The publisher's CPU time a message. The pause between paced ones is slept, and counted apart. */
static double publish(struct side *side, sluice_publisher *publisher, bool is_paced)
{
	const struct timespec pause = { .tv_nsec = PACE_NS };
	size_t count = is_paced ? settings.messages / 20 + 1 : settings.messages;
	unsigned char message[SIZE] = { 0 };
	int64_t spent = 0, start;

	if (!side->leader)
		return 0;
	start = cpu_time();
	for (size_t i = 0; i < count; i++) {
		if (is_paced) {
			nanosleep(&pause, NULL);
			start = cpu_time();
		}
		bench_done(sluice_publisher_publish(publisher, message, SIZE, 0), "publish");
		if (is_paced)
			spent += cpu_time() - start;
	}
	if (!is_paced)
		spent = cpu_time() - start;
	return (double)spent / (double)count;
}

static double publish_one(struct side *side)
{
	return publish(side, side->to_one, false);
}

static double publish_many(struct side *side)
{
	return publish(side, side->to_many, false);
}

static double publish_one_paced(struct side *side)
{
	return publish(side, side->to_one, true);
}

static double publish_many_paced(struct side *side)
{
	return publish(side, side->to_many, true);
}

static struct sluice_topic_options wide_options(char *diagnostic, size_t size)
{
	struct sluice_topic_options options = { .size = sizeof(options),
						.flags = SLUICE_EPHEMERAL,
						.depth = 1024,
						.message_max = SIZE };

	options.diagnostic = diagnostic;
	options.diagnostic_size = (uint32_t)size;
	return options;
}

static sluice_publisher *open_publisher(pid_t run, const char *what)
{
	char diagnostic[256] = "";
	struct sluice_topic_options options = wide_options(diagnostic, sizeof(diagnostic));
	sluice_publisher *publisher = NULL;

	options.spin_ns = SPIN_NS;
	if (sluice_publisher_open(bench_name(run, what), &options, &publisher) < 0)
		bench_fail("%s", diagnostic);
	return publisher;
}

static sluice_subscriber *open_subscriber(pid_t run, const char *what, int64_t spin_ns)
{
	char diagnostic[256] = "";
	struct sluice_topic_options options = wide_options(diagnostic, sizeof(diagnostic));
	sluice_subscriber *subscriber = NULL;

	options.spin_ns = spin_ns;
	if (sluice_subscriber_open(bench_name(run, what), &options, &subscriber) < 0)
		bench_fail("%s", diagnostic);
	return subscriber;
}

static void open_lanes(struct side *side, pid_t run)
{
	for (size_t i = 0; i < BENCH_LANES; i++) {
		char there[16], back[16];

		snprintf(there, sizeof(there), "there-%zu", i);
		snprintf(back, sizeof(back), "back-%zu", i);
		side->lanes[i].in = open_subscriber(run, side->leader ? back : there, SPIN_NS);
		side->lanes[i].out = open_publisher(run, side->leader ? there : back);
	}
}

/* A process on the other processor that receives for ever. */
static pid_t start_subscriber(pid_t run, const char *what, int cpu, _Atomic uint32_t *ready)
{
	pid_t pid = fork();
	sluice_subscriber *subscriber;
	unsigned char message[SIZE];

	bench_check(pid >= 0, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_allow(cpu, cpu);
	subscriber = open_subscriber(run, what, 0);
	atomic_fetch_add(ready, 1);
	for (;;)
		bench_done(
			sluice_subscriber_receive(subscriber, message, SIZE, NULL, SLUICE_FOREVER),
			"receive");
}

static void start_subscribers(struct side *side, const struct bench_pair *pair, pid_t run)
{
	_Atomic uint32_t *ready = bench_shared(sizeof(*ready));

	side->to_one = open_publisher(run, "one");
	side->to_many = open_publisher(run, "many");
	for (int i = 0; i <= MANY; i++)
		children[i] = start_subscriber(run, i < MANY ? "many" : "one", pair->cpus.second,
					       ready);
	while (atomic_load(ready) != MANY + 1)
		usleep(1000);
}

static void end_subscribers(void)
{
	for (int i = 0; i <= MANY; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

/* ------------------------------------------------------------------------------------------- */
/* The list                                                                                    */
/* ------------------------------------------------------------------------------------------- */

enum { LINE, TRIP, SHORT, LONG, ONE, EIGHT, ONE_PACED, EIGHT_PACED };

static struct subject {
	const char *name, *key;
	double (*turn)(struct side *side);
	size_t floor;
	double *samples;
	double median;
} subjects[] = {
	[LINE] = { "bare cache lines     spinning", "spinning-line", line_turn, LINE, NULL, 0 },
	[TRIP] = { "topic 64 B           spinning", "spinning-topic-64", topic_turn, LINE, NULL,
		   0 },
	[SHORT] = { "borrow, return 64 B", "borrow-64", borrow_short, SHORT, NULL, 0 },
	[LONG] = { "borrow, return 16 MiB", "borrow-16m", borrow_long, SHORT, NULL, 0 },
	[ONE] = { "publish to 1, CPU time", "publish-1", publish_one, ONE, NULL, 0 },
	[EIGHT] = { "publish to 8, CPU time", "publish-8", publish_many, ONE, NULL, 0 },
	[ONE_PACED] = { "publish to 1, asleep, CPU", "publish-1-paced", publish_one_paced,
			ONE_PACED, NULL, 0 },
	[EIGHT_PACED] = { "publish to 8, asleep, CPU", "publish-8-paced", publish_many_paced,
			  ONE_PACED, NULL, 0 },
};

/* Round 0 warms up: its samples are overwritten. Before it, each lane's pages come into being. */
static void run_all(struct side *side, const struct bench_pair *pair)
{
	for (size_t i = 0; i < BENCH_LANES; i++) {
		bench_meet(pair);
		topic_turn(side);
	}
	for (size_t round = 0; round <= settings.rounds; round++)
		for (size_t i = 0; i < BENCH_COUNT(subjects); i++) {
			double result;

			bench_meet(pair);
			result = subjects[i].turn(side);
			subjects[i].samples[round ? round - 1 : 0] = result;
		}
}

static void print_subject(const struct subject *subject)
{
	const struct subject *floor = &subjects[subject->floor];

	if (settings.json)
		printf("{\"subject\":\"%s\",\"ns\":%.2f,\"floor\":\"%s\",\"ratio\":%.3f}\n",
		       subject->key, subject->median, floor->key, subject->median / floor->median);
	else if (subject == floor)
		printf("%-30s %8.2f ns  the floor\n", subject->name, subject->median);
	else
		printf("%-30s %8.2f ns  ratio %.2f\n", subject->name, subject->median,
		       subject->median / floor->median);
}

/* ------------------------------------------------------------------------------------------- */
/* Main                                                                                        */
/* ------------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void usage(FILE *to, int status)
{
	fprintf(to, "Usage: topic [--rounds N] [--trips N] [--messages N] [--json]\n"
		    "A topic's round trip, borrowing, and publishing to many.\n"
		    "  --rounds N    turns of each subject (25)\n"
		    "  --trips N     round trips a turn (20000)\n"
		    "  --messages N  published a turn (20000)\n"
		    "  --json        one JSON object a line\n");
	exit(status);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "rounds", required_argument, NULL, 'r' },
						 { "trips", required_argument, NULL, 't' },
						 { "messages", required_argument, NULL, 'm' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			settings.rounds = strtoul(optarg, NULL, 10);
		else if (option == 't')
			settings.trips = strtoul(optarg, NULL, 10);
		else if (option == 'm')
			settings.messages = strtoul(optarg, NULL, 10);
		else if (option == 'j')
			settings.json = true;
		else
			usage(option == 'h' ? stdout : stderr, option == 'h' ? 0 : 2);
	}
	if (optind != argc || !settings.rounds || !settings.messages ||
	    settings.trips < BENCH_TRIPS_BATCH || settings.trips > 1u << 19)
		usage(stderr, 2);
}

static void prepare(struct side *side)
{
	for (size_t i = 0; i < BENCH_COUNT(subjects); i++)
		subjects[i].samples = bench_samples(settings.rounds);
	bench_lines_prepare(&side->lines);
}

int main(int argc, char **argv)
{
	struct side side = { 0 };
	struct bench_pair pair;
	pid_t run = getpid();

	bench_program = "topic";
	parse(argc, argv);
	prepare(&side);
	bench_start(&pair);
	side.leader = side.lines.leader = pair.leader;
	if (bench_alone(&pair)) {
		if (pair.leader)
			printf("# just one CPU allowed: nothing can spin, nothing to compare\n");
		bench_finish(&pair);
		return 0;
	}
	open_lanes(&side, run);
	if (side.leader) {
		open_private(&side);
		start_subscribers(&side, &pair, run);
	}
	if (pair.leader && !settings.json)
		bench_say_cpus(pair.cpus);
	run_all(&side, &pair);
	bench_meet(&pair);
	if (side.leader)
		end_subscribers();
	for (size_t i = 0; i < BENCH_LANES; i++) {
		sluice_publisher_close(side.lanes[i].out);
		sluice_subscriber_close(side.lanes[i].in);
	}
	sluice_publisher_close(side.to_one);
	sluice_publisher_close(side.to_many);
	bench_finish(&pair);
	for (size_t i = 0; i < BENCH_COUNT(subjects); i++)
		subjects[i].median = bench_percentile(subjects[i].samples, settings.rounds, 0.5);
	for (size_t i = 0; i < BENCH_COUNT(subjects); i++)
		print_subject(&subjects[i]);
	return 0;
}
