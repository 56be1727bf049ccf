/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue.c - the tour's stop at the message queue
 *
 * The lines of a text are sent as jobs of three types to worker processes that share nothing but
 * the name of a queue. One worker is killed with SIGKILL while it has a job borrowed, another takes
 * its place, and at the end the account must add up: every job done exactly once, the one that was
 * on the dead worker's desk marked as redelivered, and the sums the workers counted equal to the
 * ones counted here.
 *
 * Which worker gets which job is up to the machine, but for one thing that must not be: jobs of
 * type 3 go to the worker that takes anything, so it is sure to come to the job it is killed at.
 */
#include "tour.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 262144u
#define LINES_MAX 1000u
#define LINES_LEAST 30u
#define LINE_MAX_BYTES 400u
#define TYPES 3u
#define HELD_JOB 2u /* the job of type TYPES, counted from 1, at which the worker is killed */

/* ---- the text ---- */

struct line {
	const char *data;
	size_t size;
};

static const char *const text_files[] = {
	"/usr/share/common-licenses/GPL-3",
	"/usr/share/licenses/common/GPL-3.0-only/license.txt",
	"README.md",
	"/usr/share/common-licenses/Apache-2.0",
};

static const char text_embedded[] =
	"A sluice is a channel with a gate.\n"
	"The water that comes down the valley is led into a narrow bed of stone or timber.\n"
	"At its head stands the gate, a plank that one person can lift and lower.\n"
	"While the gate is down the pond fills, and nothing is lost.\n"
	"When it is lifted the water runs to the wheel, and the wheel turns the stones.\n"
	"Whoever comes with corn waits for the one before, and is served in turn.\n"
	"If the miller falls asleep the pond keeps what the night has brought.\n"
	"If the miller dies another takes the handle, and the water has not gone away.\n"
	"Several wheels may stand at one pond, each with a channel of its own.\n"
	"Then each bucket of water goes to one wheel, and to no other.\n"
	"A full pond holds back the stream; an empty one lets the wheels stand still.\n"
	"Nobody has to watch it for that, and nobody has to be told.\n";

static size_t text_split(char *text, size_t size, struct line *lines)
{
	size_t count = 0;
	char *end = text + size;

	while (text < end && count < LINES_MAX) {
		char *next = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((next ? next : end) - text);

		if (length)
			lines[count++] = (struct line){ text, length < LINE_MAX_BYTES
								      ? length
								      : LINE_MAX_BYTES };
		text += length + 1;
	}
	return count;
}

/* Lines of the first file that has enough of them, else ours; the name of the source. */
static const char *text_load(char *text, struct line *lines, size_t *ret_count)
{
	for (size_t i = 0; i < CLI_COUNT(text_files); i++) {
		int fd = open(text_files[i], O_RDONLY | O_CLOEXEC);
		ssize_t size = fd < 0 ? -1 : read(fd, text, TEXT_SIZE);

		if (fd >= 0)
			close(fd);
		*ret_count = size < 0 ? 0 : text_split(text, (size_t)size, lines);
		if (*ret_count >= LINES_LEAST)
			return text_files[i];
	}
	memcpy(text, text_embedded, sizeof(text_embedded));
	*ret_count = text_split(text, sizeof(text_embedded) - 1, lines);
	return "a text of our own";
}

/* The work: what a job of each type counts in a line. */
static uint64_t text_count(int64_t type, const char *data, size_t size)
{
	uint64_t count = 0;
	bool in_word = false;

	for (size_t i = 0; i < size; i++) {
		bool letter = isalpha((unsigned char)data[i]);

		if (type == 1)
			count += letter && !in_word;
		else if (type == 2)
			count += letter;
		else
			count += letter && strchr("aeiouAEIOU", data[i]);
		in_word = letter;
	}
	return count;
}

/* ---- what goes through the queues ---- */

struct job {
	uint32_t number;
	char text[LINE_MAX_BYTES];
};

enum result_type {
	RESULT_READY = 1,
	RESULT_DONE,
	RESULT_HOLDING /* has borrowed a job and will never get on with it */
};

struct result {
	uint32_t worker;
	uint32_t number;
	uint32_t redelivered;
	uint32_t reserved;
	uint64_t count;
};

/* ---- a worker ---- */

struct worker {
	struct shop *shop;
	pid_t pid;
	uint32_t index;
	int64_t takes; /* type, or 0 */
	uint32_t jobs;
	bool holds;
	bool killed;
};

/* Everything about it; a worker process has a copy. */
struct shop {
	char jobs_name[TOUR_NAME_SIZE];
	char results_name[TOUR_NAME_SIZE];
	char text[TEXT_SIZE];
	struct line lines[LINES_MAX];
	uint32_t done[LINES_MAX];
	uint32_t flagged[LINES_MAX];
	size_t count;
	size_t results;
	uint64_t sums[TYPES + 1];
	uint64_t wanted[TYPES + 1];
	struct worker workers[4];
	uint32_t worker_count;
	uint32_t held;     /* job the killed worker had */
	int64_t killed_at; /* and when it was killed */
	int64_t redelivery_ns;
	sluice_queue *jobs;
	sluice_queue *watch; /* the same queue, kept open until the account is made */
	sluice_queue *answers;
};

static int shop_open(struct tour *tour, const char *name, uint32_t role, sluice_queue **ret_queue)
{
	struct sluice_queue_options options = { .size = sizeof(options) };

	options.role = role;
	options.flags = SLUICE_EPHEMERAL;
	if (role == SLUICE_RECEIVE)
		options.flags |= SLUICE_EXPECT_SENDER;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	return sluice_queue_open(name, &options, ret_queue);
}

static int worker_answer(sluice_queue *answers, enum result_type type, const struct result *result)
{
	return sluice_queue_send(answers, type, result, sizeof(*result), TOUR_PATIENCE_NS);
}

/* One job: look at it in place, work, report, and only then take it off the queue. */
static int worker_job(const struct worker *worker, sluice_queue *jobs, sluice_queue *answers)
{
	static uint32_t seen;
	struct sluice_message message = { .size = sizeof(message) };
	struct result result = { .worker = worker->index };
	const void *data;
	int64_t size = sluice_queue_borrow(jobs, worker->takes, &data, &message, SLUICE_FOREVER);
	const struct job *job;
	int code;

	if (size < 0)
		return (int)size;
	if ((size_t)size < offsetof(struct job, text))
		return SLUICE_ECORRUPT;
	job = data;
	result.number = job->number;
	result.redelivered = message.flags & SLUICE_REDELIVERED;
	if (worker->holds && message.type == TYPES && ++seen == HELD_JOB) {
		code = worker_answer(answers, RESULT_HOLDING, &result);
		while (code == 0)
			pause();
		return code;
	}
	result.count = text_count(message.type, job->text,
				  (size_t)size - offsetof(struct job, text));
	code = worker_answer(answers, RESULT_DONE, &result);
	return code < 0 ? code : sluice_queue_consume(jobs, data);
}

static int worker_main(struct tour *tour, void *context)
{
	struct worker *worker = context;
	struct shop *shop = worker->shop;
	struct result ready = { .worker = worker->index };
	sluice_queue *jobs = NULL;
	sluice_queue *answers = NULL;
	int code;

	/* What was inherited is the parent's; from here on the name is all there is. */
	sluice_queue_close(shop->jobs);
	sluice_queue_close(shop->watch);
	sluice_queue_close(shop->answers);
	code = shop_open(tour, shop->jobs_name, SLUICE_RECEIVE, &jobs);
	if (code == 0)
		code = shop_open(tour, shop->results_name, SLUICE_SEND, &answers);
	if (code == 0)
		code = worker_answer(answers, RESULT_READY, &ready);
	while (code == 0)
		code = worker_job(worker, jobs, answers);
	sluice_queue_close(answers);
	sluice_queue_close(jobs);
	if (code == SLUICE_ENOSENDER) /* the shop has closed its end: no more jobs will come */
		return CLI_DONE;
	tour_fail(tour, "a worker ended early", code);
	return CLI_FAILED;
}

static bool worker_start(struct tour *tour, struct shop *shop, int64_t takes, bool holds)
{
	struct worker *worker = &shop->workers[shop->worker_count];

	*worker = (struct worker){ shop, .takes = takes, .holds = holds };
	worker->index = shop->worker_count;
	worker->pid = tour_start(tour, worker_main, worker);
	shop->worker_count += worker->pid > 0;
	return worker->pid > 0;
}

static const char *takes_text(const struct worker *worker, char *buffer, size_t size)
{
	if (!worker->takes)
		return "anything";
	snprintf(buffer, size, "type %lld", (long long)worker->takes);
	return buffer;
}

/* ---- the shop ---- */

static void shop_book(struct shop *shop, const struct result *result)
{
	uint32_t number = result->number;

	if (number >= shop->count || result->worker >= shop->worker_count)
		return;
	shop->results += shop->done[number]++ == 0;
	shop->flagged[number] |= result->redelivered;
	shop->sums[number % TYPES + 1] += result->count;
	shop->workers[result->worker].jobs++;
	if (shop->killed_at && number == shop->held)
		shop->redelivery_ns = cli_now() - shop->killed_at;
}

/* Take answers until one of type @until came or, for RESULT_DONE, all jobs are done. */
static bool shop_listen(struct tour *tour, struct shop *shop, enum result_type until,
			struct result *ret_result)
{
	struct sluice_message message = { .size = sizeof(message) };

	while (until != RESULT_DONE || shop->results < shop->count) {
		int64_t size = sluice_queue_receive(shop->answers, 0, ret_result,
						    sizeof(*ret_result), &message,
						    TOUR_PATIENCE_NS);

		if (size == SLUICE_EINTR && !cli_stopped())
			continue;
		if (size != (int64_t)sizeof(*ret_result))
			return tour_fail(tour, "no answer from the workers",
					 size < 0 ? (int)size : SLUICE_ECORRUPT);
		if (message.type == RESULT_DONE)
			shop_book(shop, ret_result);
		if (message.type == until && until != RESULT_DONE)
			return true;
	}
	return true;
}

static bool shop_set_up(struct tour *tour, struct shop *shop)
{
	const char *source = text_load(shop->text, shop->lines, &shop->count);
	struct result result;
	int code;

	for (size_t i = 0; i < shop->count; i++)
		shop->wanted[i % TYPES + 1] += text_count((int64_t)(i % TYPES + 1),
							  shop->lines[i].data, shop->lines[i].size);
	tour_name(tour, "jobs", shop->jobs_name);
	tour_name(tour, "answers", shop->results_name);
	code = shop_open(tour, shop->jobs_name, SLUICE_SEND, &shop->jobs);
	if (code == 0)
		code = shop_open(tour, shop->jobs_name, SLUICE_RECEIVE, &shop->watch);
	if (code == 0)
		code = shop_open(tour, shop->results_name, SLUICE_RECEIVE, &shop->answers);
	if (code < 0)
		return tour_fail(tour, "cannot open a queue", code);
	if (!worker_start(tour, shop, 1, false) || !worker_start(tour, shop, 2, false) ||
	    !worker_start(tour, shop, 0, true))
		return false;
	for (uint32_t i = 0; i < shop->worker_count; i++)
		if (!shop_listen(tour, shop, RESULT_READY, &result))
			return false;
	tour_say("%zu lines of %s. Each line is a job, and its", shop->count, source);
	tour_say("type says what to count in it: 1 the words, 2 the letters, 3 the vowels.");
	tour_say("Process %d takes jobs of type 1, %d of type 2, %d takes anything.",
		 shop->workers[0].pid, shop->workers[1].pid, shop->workers[2].pid);
	return true;
}

static bool shop_send(struct tour *tour, struct shop *shop)
{
	int64_t start = cli_now();
	char all[32], each[32];
	int64_t took;

	for (size_t i = 0; i < shop->count; i++) {
		struct job job = { .number = (uint32_t)i };
		size_t size = offsetof(struct job, text) + shop->lines[i].size;
		int code;

		memcpy(job.text, shop->lines[i].data, shop->lines[i].size);
		do
			code = sluice_queue_send(shop->jobs, (int64_t)(i % TYPES + 1), &job, size,
						 TOUR_PATIENCE_NS);
		while (code == SLUICE_EINTR && !cli_stopped());
		if (code < 0)
			return tour_fail(tour, "cannot send a job", code);
	}
	took = cli_now() - start;
	tour_say("%zu jobs sent in %s, %s each: copied into shared memory once,", shop->count,
		 cli_time_text(took, all, sizeof(all)),
		 cli_time_text(took / (int64_t)shop->count, each, sizeof(each)));
	tour_say("with a system call only where a sleeping worker had to be woken.");
	return true;
}

static bool shop_kill(struct tour *tour, struct shop *shop)
{
	struct worker *victim = &shop->workers[2];
	struct result result;
	const char *start;
	char line[48];
	int size;

	if (!shop_listen(tour, shop, RESULT_HOLDING, &result))
		return false;
	if (result.number >= shop->count)
		return tour_fail(tour, "a worker holds a job that was never sent", 0);
	shop->held = result.number;
	shop->killed_at = cli_now();
	tour_kill(tour, victim->pid);
	victim->killed = true;
	start = shop->lines[shop->held].data;
	size = (int)shop->lines[shop->held].size;
	for (; size > 1 && (*start == ' ' || *start == '\t'); start++)
		size--;
	snprintf(line, sizeof(line), "%.*s", size, start);
	tour_say("kill -9 of %d, which had borrowed job %u (\"%s\").", victim->pid, shop->held,
		 cli_printable(line, (char[48]){ 0 }, sizeof(line)));
	return true;
}

static bool shop_replace(struct tour *tour, struct shop *shop)
{
	struct result result;
	char time[32];

	if (!worker_start(tour, shop, 0, false) || !shop_listen(tour, shop, RESULT_DONE, &result))
		return false;
	tour_say("Process %d took over: it found the job in its place again, marked as",
		 shop->workers[3].pid);
	tour_say("redelivered, and had done it %s after the kill.",
		 cli_time_text(shop->redelivery_ns, time, sizeof(time)));
	return true;
}

/* No sender left: the workers learn it from the queue and leave. */
static bool shop_dismiss(struct tour *tour, struct shop *shop)
{
	bool all = true;

	sluice_queue_close(shop->jobs);
	shop->jobs = NULL;
	for (uint32_t i = 0; i < shop->worker_count; i++)
		all &= shop->workers[i].killed || tour_ended_well(tour, shop->workers[i].pid);
	return all;
}

static void tell_workers(const struct shop *shop)
{
	char takes[32];

	tour_say("%8s  %-8s  %5s  END", "PROCESS", "TAKES", "JOBS");
	for (uint32_t i = 0; i < shop->worker_count; i++) {
		const struct worker *worker = &shop->workers[i];

		tour_say("%8d  %-8s  %5u  %s", worker->pid,
			 takes_text(worker, takes, sizeof(takes)), worker->jobs,
			 worker->killed ? "killed" : "left when no sender was left");
	}
}

static bool shop_account(struct tour *tour, struct shop *shop)
{
	struct sluice_queue_info info = { .size = sizeof(info) };
	size_t once = 0, again = 0, lost = 0, doubled = 0;
	bool sums = !memcmp(shop->sums, shop->wanted, sizeof(shop->sums));
	bool counters;

	for (size_t i = 0; i < shop->count; i++) {
		once += shop->done[i] == 1 && !shop->flagged[i];
		again += shop->done[i] == 1 && shop->flagged[i];
		lost += shop->done[i] == 0;
		doubled += shop->done[i] > 1;
	}
	counters = sluice_queue_info(shop->watch, &info) == 0 && info.sent == shop->count &&
		   info.received == shop->count && info.messages == 0;
	tell_workers(shop);
	tour_say(
		"jobs: %zu sent; %zu done once, %zu redelivered and done once, %zu lost, %zu twice",
		shop->count, once, again, lost, doubled);
	return tour_check(tour,
			  sums && counters && again == 1 && shop->flagged[shop->held] && !lost &&
				  !doubled,
			  "the account does not add up");
}

bool tour_queue(struct tour *tour)
{
	static struct shop shop;
	bool sound = shop_set_up(tour, &shop) && shop_send(tour, &shop) && shop_kill(tour, &shop) &&
		     shop_replace(tour, &shop) && shop_dismiss(tour, &shop) &&
		     shop_account(tour, &shop);

	sluice_queue_close(shop.jobs);
	sluice_queue_close(shop.watch);
	sluice_queue_close(shop.answers);
	return sound;
}
