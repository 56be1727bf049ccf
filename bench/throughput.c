/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * throughput.c - messages a second from one process to another, and what waiting costs
 *
 * One process sends 64-byte messages as fast as it can, the other receives and checks them. Every
 * subject is used as one would use it: blocking calls, default options, so that whoever is ahead
 * waits by the means of that facility. The subjects take turns; a turn's time runs from the gate
 * that both processes pass until the receiver has the last message. The result is the median of
 * the turns, and its ratio to the kernel's pipe with one write and one read a message.
 *
 * The bare ring is the floor: one writer, one reader, a line a message and no services at all (no
 * lock, no types, no lengths, no sleep, no death). It says what this pair of cores can do.
 *
 * At last, what an idle waiter costs: a process blocked in sluice_queue_receive() for some seconds
 * while nobody sends, once with nobody else attached, once beside a sender that is silent.
 */
#include "bench.h"

#include <fcntl.h>
#include <getopt.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>

#define SIZE 64 /* bytes a message */
#define MANY 32 /* messages a batch */
#define RING 4096
#define MQ_DEPTH 10 /* what every system allows */

struct message {
	uint64_t number;
	uint64_t filler[SIZE / 8 - 1];
};

struct ring {
	_Alignas(BENCH_APART) _Atomic uint64_t tail; /* written by the sender */
	_Alignas(BENCH_APART) _Atomic uint64_t head; /* written by the receiver */
	_Alignas(BENCH_APART) struct message slots[RING];
};

/* What msgsnd() wants. */
struct typed_message {
	long type;
	struct message message;
};

/* What one side has. */
struct channel {
	struct ring *ring;
	int pipe[2];
	mqd_t mq;
	int msg;
	sluice_queue *queue;
	uint64_t seen; /* messages received and checked, of this turn */
};

/* The receiver's end of every subject. */
BENCH_INLINE void message_check(struct channel *channel, const struct message *message)
{
	if (__builtin_expect(message->number != channel->seen, 0))
		bench_fail("message %llu arrived as %llu", (unsigned long long)channel->seen,
			   (unsigned long long)message->number);
	channel->seen++;
}

/* ------------------------------------------------------------------------------------------- */
/* Bare ring                                                                                   */
/* ------------------------------------------------------------------------------------------- */

static void ring_send(struct channel *channel, uint64_t count)
{
	struct ring *ring = channel->ring;
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	struct message message = { 0 };

	for (message.number = 0; message.number < count; message.number++, tail++) {
		while (tail - head == RING)
			head = atomic_load_explicit(&ring->head, memory_order_acquire);
		ring->slots[tail % RING] = message;
		atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	}
}

static void ring_receive(struct channel *channel, uint64_t count)
{
	struct ring *ring = channel->ring;
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t tail = head;
	struct message message;

	while (channel->seen < count) {
		while (tail == head)
			tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
		message = ring->slots[head % RING];
		atomic_store_explicit(&ring->head, ++head, memory_order_release);
		message_check(channel, &message);
	}
}

/* ------------------------------------------------------------------------------------------- */
/* Sluice                                                                                      */
/* ------------------------------------------------------------------------------------------- */

static void queue_send(struct channel *channel, uint64_t count)
{
	struct message message = { 0 };

	for (message.number = 0; message.number < count; message.number++)
		bench_done(sluice_queue_send(channel->queue, 1, &message, sizeof(message),
					     SLUICE_FOREVER),
			   "send");
}

static void queue_receive(struct channel *channel, uint64_t count)
{
	struct message message;
	int64_t got;

	while (channel->seen < count) {
		got = sluice_queue_receive(channel->queue, 0, &message, sizeof(message), NULL,
					   SLUICE_FOREVER);
		bench_done(got, "receive");
		message_check(channel, &message);
	}
}

static void many_send(struct channel *channel, uint64_t count)
{
	struct message messages[MANY] = { 0 };
	struct sluice_send_item items[MANY];
	uint64_t sent = 0;
	int64_t done;
	size_t i;

	while (sent < count) {
		for (i = 0; i < MANY && sent + i < count; i++) {
			messages[i].number = sent + i;
			items[i] = (struct sluice_send_item){ 1, &messages[i],
							      sizeof(messages[i]) };
		}
		done = sluice_queue_send_many(channel->queue, items, i, SLUICE_FOREVER);
		bench_done(done, "send_many");
		sent += (uint64_t)done;
	}
}

static void many_receive(struct channel *channel, uint64_t count)
{
	struct message messages[MANY];
	struct sluice_receive_item items[MANY] = { 0 };
	int64_t done;
	int64_t i;

	for (i = 0; i < MANY; i++) {
		items[i].buffer = &messages[i];
		items[i].capacity = sizeof(messages[i]);
	}
	while (channel->seen < count) {
		done = sluice_queue_receive_many(channel->queue, 0, items, MANY, SLUICE_FOREVER);
		bench_done(done, "receive_many");
		for (i = 0; i < done; i++)
			message_check(channel, &messages[i]);
	}
}

/* ------------------------------------------------------------------------------------------- */
/* The kernel                                                                                  */
/* ------------------------------------------------------------------------------------------- */

static void pipe_send(struct channel *channel, uint64_t count)
{
	struct message message = { 0 };

	for (message.number = 0; message.number < count; message.number++)
		bench_check(write(channel->pipe[1], &message, SIZE) == SIZE, "write");
}

static void pipe_receive(struct channel *channel, uint64_t count)
{
	struct message message;

	while (channel->seen < count) {
		bench_check(read(channel->pipe[0], &message, SIZE) == SIZE, "read");
		message_check(channel, &message);
	}
}

static void mq_all_send(struct channel *channel, uint64_t count)
{
	struct message message = { 0 };

	for (message.number = 0; message.number < count; message.number++)
		bench_check(mq_send(channel->mq, (const char *)&message, SIZE, 0) == 0, "mq_send");
}

static void mq_all_receive(struct channel *channel, uint64_t count)
{
	struct message message;

	while (channel->seen < count) {
		bench_check(mq_receive(channel->mq, (char *)&message, SIZE, NULL) == SIZE,
			    "mq_receive");
		message_check(channel, &message);
	}
}

static void msg_send(struct channel *channel, uint64_t count)
{
	struct typed_message typed = { .type = 1 };

	for (; typed.message.number < count; typed.message.number++)
		bench_check(msgsnd(channel->msg, &typed, SIZE, 0) == 0, "msgsnd");
}

static void msg_receive(struct channel *channel, uint64_t count)
{
	struct typed_message typed;

	while (channel->seen < count) {
		bench_check(msgrcv(channel->msg, &typed, SIZE, 0, 0) == SIZE, "msgrcv");
		message_check(channel, &typed.message);
	}
}

/* ------------------------------------------------------------------------------------------- */
/* The list                                                                                    */
/* ------------------------------------------------------------------------------------------- */

static struct subject {
	const char *name;
	const char *key;
	void (*send)(struct channel *channel, uint64_t count);
	void (*receive)(struct channel *channel, uint64_t count);
	uint64_t share;  /* a turn is settings.messages divided by this */
	double *samples; /* messages a second, of each turn */
	bool skip;
} subjects[] = {
	{ "kernel pipe", "pipe", pipe_send, pipe_receive, 4, NULL, false },
	{ "queue, one call a message", "queue", queue_send, queue_receive, 1, NULL, false },
	{ "queue, batches of 32", "queue-many", many_send, many_receive, 1, NULL, false },
	{ "POSIX message queue", "mq", mq_all_send, mq_all_receive, 8, NULL, false },
	{ "System V message queue", "msg", msg_send, msg_receive, 4, NULL, false },
	{ "bare ring (floor)", "ring", ring_send, ring_receive, 1, NULL, false },
};
#define PIPE 0 /* what the others are compared with */

static struct {
	size_t rounds;
	uint64_t messages;
	int64_t idle_ms;
	bool json;
} settings = { .rounds = 15, .messages = 400000, .idle_ms = 3000 };

static void subject_skip(const char *key, const char *what)
{
	size_t i;

	for (i = 0; i < BENCH_COUNT(subjects); i++)
		if (strcmp(subjects[i].key, key) == 0)
			subjects[i].skip = true;
	if (what)
		fprintf(stderr, "# without %s: %s\n", what, strerror(errno));
}

/* Before the fork: what both sides inherit. Names go at once. */
static void prepare(struct channel *channel)
{
	struct mq_attr attributes = { .mq_maxmsg = MQ_DEPTH, .mq_msgsize = SIZE };
	char name[64];
	size_t i;

	for (i = 0; i < BENCH_COUNT(subjects); i++)
		subjects[i].samples = bench_samples(settings.rounds);
	channel->ring = bench_shared(sizeof(*channel->ring));
	bench_check(pipe(channel->pipe) == 0, "pipe");
	snprintf(name, sizeof(name), "/bench-%ld", (long)getpid());
	channel->mq = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
	if (channel->mq == (mqd_t)-1)
		subject_skip("mq", "the POSIX message queue");
	else
		mq_unlink(name);
	channel->msg = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	if (channel->msg < 0)
		subject_skip("msg", "the System V message queue");
}

/* One turn of one subject. The parent receives and holds the clock. */
static double subject_turn(struct subject *subject, struct channel *channel,
			   const struct bench_pair *pair, uint64_t count)
{
	int64_t start;

	channel->seen = 0;
	bench_meet(pair);
	start = bench_now();
	if (pair->leader)
		subject->receive(channel, count);
	else
		subject->send(channel, count);
	return (double)count * 1e9 / (double)(bench_now() - start);
}

/* Round 0 warms up: its samples are overwritten. */
static void run_all(struct channel *channel, const struct bench_pair *pair)
{
	struct subject *subject;
	size_t round;
	size_t i;

	for (round = 0; round <= settings.rounds; round++) {
		for (i = 0; i < BENCH_COUNT(subjects); i++) {
			subject = &subjects[i];
			if (!subject->skip)
				subject->samples[round ? round - 1 : 0] = subject_turn(
					subject, channel, pair,
					settings.messages / subject->share + 1);
		}
	}
}

static void print_all(void)
{
	double pipe_rate = bench_percentile(subjects[PIPE].samples, settings.rounds, 0.5);
	double rate;
	size_t i;

	for (i = 0; i < BENCH_COUNT(subjects); i++) {
		if (subjects[i].skip)
			continue;
		rate = bench_percentile(subjects[i].samples, settings.rounds, 0.5);
		if (settings.json)
			printf("{\"bench\":\"throughput\",\"subject\":\"%s\",\"bytes\":%d,"
			       "\"messages_s\":%.0f,\"lowest_s\":%.0f,\"highest_s\":%.0f,"
			       "\"ratio\":%.3f}\n",
			       subjects[i].key, SIZE, rate, subjects[i].samples[0],
			       subjects[i].samples[settings.rounds - 1], rate / pipe_rate);
		else
			printf("%-26s   %6.2f million messages/s   (%.2f to %.2f)   %5.2f x pipe\n",
			       subjects[i].name, rate / 1e6, subjects[i].samples[0] / 1e6,
			       subjects[i].samples[settings.rounds - 1] / 1e6, rate / pipe_rate);
	}
}

/* ------------------------------------------------------------------------------------------- */
/* What waiting costs                                                                          */
/* ------------------------------------------------------------------------------------------- */

static double cpu_ns(void)
{
	struct rusage usage;

	bench_check(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
	return ((double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec) * 1e9 +
	       ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) * 1e3;
}

static void idle_wait(pid_t run, const char *what, const char *key, bool with_sender)
{
	sluice_queue *queue = bench_queue(run, key, 0);
	char buffer[SIZE];
	pid_t sender = 0;
	double start;
	double cpu;
	int64_t wait_ns = SLUICE_MS(settings.idle_ms);
	int64_t got;

	if (with_sender) {
		fflush(NULL);
		sender = fork();
		bench_check(sender >= 0, "fork");
		if (sender == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			bench_done(sluice_queue_send(bench_queue(run, key, 0), 1, "", 0, 0),
				   "send");
			pause();
			_exit(0);
		}
		bench_done(sluice_queue_receive(queue, 0, buffer, SIZE, NULL, SLUICE_FOREVER),
			   "receive");
	}
	cpu = cpu_ns();
	start = (double)bench_now();
	got = sluice_queue_receive(queue, 0, buffer, SIZE, NULL, wait_ns);
	cpu = 100 * (cpu_ns() - cpu) / ((double)bench_now() - start);
	if (got != SLUICE_ETIMEDOUT)
		bench_fail("a wait for nothing returned %s", sluice_error_name((int)got));
	if (settings.json)
		printf("{\"bench\":\"throughput\",\"subject\":\"%s\",\"cpu_percent\":%.4f}\n", key,
		       cpu);
	else
		printf("%-26s   %.4f %% of a CPU over %.1f s\n", what, cpu,
		       (double)settings.idle_ms / 1000);
	if (sender) {
		kill(sender, SIGKILL);
		waitpid(sender, NULL, 0);
	}
	sluice_queue_close(queue);
}

/* ------------------------------------------------------------------------------------------- */
/* Main                                                                                        */
/* ------------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void usage(FILE *to, int status)
{
	fprintf(to, "Usage: throughput [--rounds N] [--messages N] [--idle-ms N] [--json]\n"
		    "64-byte messages from one process to another, and the cost of waiting.\n"
		    "  --rounds N     turns of each subject (15)\n"
		    "  --messages N   messages a turn (400000; system calls get a part of it)\n"
		    "  --idle-ms N    how long to watch an idle waiter (3000); 0: not at all\n"
		    "  --json         one JSON object a line\n");
	exit(status);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "rounds", required_argument, NULL, 'r' },
						 { "messages", required_argument, NULL, 'm' },
						 { "idle-ms", required_argument, NULL, 'i' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			settings.rounds = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			settings.messages = strtoull(optarg, NULL, 10);
			break;
		case 'i':
			settings.idle_ms = strtoll(optarg, NULL, 10);
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
	if (optind != argc || !settings.rounds || settings.rounds > 100000 || settings.idle_ms < 0)
		usage(stderr, 2);
}

int main(int argc, char **argv)
{
	struct channel channel = { 0 };
	struct bench_pair pair;
	pid_t run = getpid();

	bench_program = "throughput";
	parse(argc, argv);
	prepare(&channel);
	bench_start(&pair);
	if (bench_alone(&pair))
		subject_skip("ring", NULL); /* it does not know how to sleep */
	channel.queue = bench_queue(run, "throughput", 0);
	if (pair.leader && !settings.json)
		bench_say_cpus(pair.cpus);
	run_all(&channel, &pair);
	sluice_queue_close(channel.queue);
	bench_finish(&pair);
	if (channel.msg >= 0)
		msgctl(channel.msg, IPC_RMID, NULL);
	print_all();
	if (settings.idle_ms) {
		idle_wait(run, "idle waiter, alone", "idle-alone", false);
		idle_wait(run, "idle waiter, one sender", "idle-one-sender", true);
	}
	return 0;
}
