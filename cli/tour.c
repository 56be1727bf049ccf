/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tour.c - sluice tour: the library at work between real processes, and the smoke test of an
 * installation
 *
 * The lines of a text are sent as jobs of three types to worker processes that share nothing but
 * the name of a queue. One worker is killed with SIGKILL while it has a job borrowed, another takes
 * its place, and at the end the account must add up: every job done exactly once, the one that was
 * on the dead worker's desk marked as redelivered, and the sums the workers counted equal to the
 * ones counted here. If not, the exit status says so.
 *
 * Which worker gets which job is up to the machine, but for one thing that must not be: jobs of
 * type 3 go to the worker that takes anything, so it is sure to come to the job it is killed at.
 *
 * The objects have names of their own, are ephemeral, and are removed at the end, whatever that is;
 * workers die with this process.
 */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_SIZE 262144u
#define LINES_MAX 1000u
#define LINES_LEAST 30u
#define LINE_MAX_BYTES 400u
#define TYPES 3u
#define HELD_JOB 2u /* the job of type TYPES, counted from 1, at which the worker is killed */
#define PATIENCE_NS SLUICE_S(20)

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
	pid_t pid;
	int64_t takes; /* type, or 0 */
	uint32_t jobs;
	bool holds;
	bool killed;
	bool left;
};

struct tour {
	char jobs_name[64];
	char results_name[64];
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
	bool colour;
	char diagnostic[512];
};

static struct tour tour_state;

static int tour_open(struct tour *tour, const char *name, uint32_t role, sluice_queue **ret_queue)
{
	struct sluice_queue_options options = { .size = sizeof(options) };

	options.role = role;
	options.flags = SLUICE_EPHEMERAL;
	if (role == SLUICE_RECEIVE)
		options.flags |= SLUICE_EXPECT_SENDER;
	options.diagnostic = tour->diagnostic;
	options.diagnostic_size = sizeof(tour->diagnostic);
	return sluice_queue_open(name, &options, ret_queue);
}

static int worker_answer(sluice_queue *answers, enum result_type type, const struct result *result)
{
	return sluice_queue_send(answers, type, result, sizeof(*result), PATIENCE_NS);
}

/* One job: look at it in place, work, report, and only then take it off the queue. */
static int worker_job(const struct worker *worker, uint32_t index, sluice_queue *jobs,
		      sluice_queue *answers)
{
	static uint32_t seen;
	struct sluice_message message = { .size = sizeof(message) };
	struct result result = { .worker = index };
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

static int worker_main(struct tour *tour, uint32_t index)
{
	struct result ready = { .worker = index };
	sluice_queue *jobs = NULL;
	sluice_queue *answers = NULL;
	int code;

	/* What was inherited is the parent's; from here on the name is all there is. */
	sluice_queue_close(tour->jobs);
	sluice_queue_close(tour->watch);
	sluice_queue_close(tour->answers);
	code = tour_open(tour, tour->jobs_name, SLUICE_RECEIVE, &jobs);
	if (code == 0)
		code = tour_open(tour, tour->results_name, SLUICE_SEND, &answers);
	if (code == 0)
		code = worker_answer(answers, RESULT_READY, &ready);
	while (code == 0)
		code = worker_job(&tour->workers[index], index, jobs, answers);
	sluice_queue_close(answers);
	sluice_queue_close(jobs);
	if (code == SLUICE_ENOSENDER) /* the tour has closed its end: no more jobs will come */
		return CLI_DONE;
	return cli_fail("tour: a worker ended early: %s",
			*tour->diagnostic ? tour->diagnostic : sluice_error_text(code));
}

static bool worker_start(struct tour *tour, int64_t takes, bool holds)
{
	uint32_t index = tour->worker_count;
	struct worker *worker = &tour->workers[index];
	pid_t parent = getpid();

	*worker = (struct worker){ .takes = takes, .holds = holds };
	fflush(stdout);
	worker->pid = fork();
	if (worker->pid < 0)
		return false;
	if (worker->pid == 0) {
		cli_release_stop();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(CLI_FAILED);
		_exit(worker_main(tour, index));
	}
	tour->worker_count++;
	return true;
}

/* ---- telling ---- */

static void tell_step(const struct tour *tour, int number, const char *title)
{
	printf("\n%s%d. %s%s\n", tour->colour ? "\033[1m" : "", number, title,
	       tour->colour ? "\033[0m" : "");
}

static void tell(const char *format, ...) CLI_PRINTF(1, 2);

static void tell(const char *format, ...)
{
	va_list list;

	fputs("   ", stdout);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	fflush(stdout);
}

static bool tell_failure(const struct tour *tour, const char *what, int code)
{
	if (cli_stopped())
		return false;
	fflush(stdout);
	if (code && *tour->diagnostic)
		cli_fail("tour: %s: %s", what, tour->diagnostic);
	else
		cli_fail("tour: %s%s%s", what, code ? ": " : "",
			 code ? sluice_error_text(code) : "");
	return false;
}

static const char *takes_text(const struct worker *worker, char *buffer, size_t size)
{
	if (!worker->takes)
		return "anything";
	snprintf(buffer, size, "type %lld", (long long)worker->takes);
	return buffer;
}

/* ---- the steps ---- */

static void tour_book(struct tour *tour, const struct result *result)
{
	uint32_t number = result->number;

	if (number >= tour->count || result->worker >= tour->worker_count)
		return;
	tour->results += tour->done[number]++ == 0;
	tour->flagged[number] |= result->redelivered;
	tour->sums[number % TYPES + 1] += result->count;
	tour->workers[result->worker].jobs++;
	if (tour->killed_at && number == tour->held)
		tour->redelivery_ns = cli_now() - tour->killed_at;
}

/* Take answers until one of type @until came or, for RESULT_DONE, all jobs are done. */
static bool tour_listen(struct tour *tour, enum result_type until, struct result *ret_result)
{
	struct sluice_message message = { .size = sizeof(message) };

	while (until != RESULT_DONE || tour->results < tour->count) {
		int64_t size = sluice_queue_receive(tour->answers, 0, ret_result,
						    sizeof(*ret_result), &message, PATIENCE_NS);

		if (size == SLUICE_EINTR && !cli_stopped())
			continue;
		if (size != (int64_t)sizeof(*ret_result))
			return tell_failure(tour, "no answer from the workers",
					    size < 0 ? (int)size : SLUICE_ECORRUPT);
		if (message.type == RESULT_DONE)
			tour_book(tour, ret_result);
		if (message.type == until && until != RESULT_DONE)
			return true;
	}
	return true;
}

static bool tour_text(struct tour *tour)
{
	const char *source = text_load(tour->text, tour->lines, &tour->count);

	for (size_t i = 0; i < tour->count; i++)
		tour->wanted[i % TYPES + 1] += text_count((int64_t)(i % TYPES + 1),
							  tour->lines[i].data, tour->lines[i].size);
	tell_step(tour, 1, "Real work");
	tell("%zu lines of %s. Each line is a job, and its", tour->count, source);
	tell("type says what to count in it: 1 the words, 2 the letters, 3 the vowels.");
	return true;
}

static bool tour_workers(struct tour *tour)
{
	struct result result;
	int code;

	tell_step(tour, 2, "Three workers, one queue");
	code = tour_open(tour, tour->jobs_name, SLUICE_SEND, &tour->jobs);
	if (code == 0)
		code = tour_open(tour, tour->jobs_name, SLUICE_RECEIVE, &tour->watch);
	if (code == 0)
		code = tour_open(tour, tour->results_name, SLUICE_RECEIVE, &tour->answers);
	if (code < 0)
		return tell_failure(tour, "cannot open a queue", code);
	if (!worker_start(tour, 1, false) || !worker_start(tour, 2, false) ||
	    !worker_start(tour, 0, true))
		return tell_failure(tour, strerror(errno), 0);
	for (uint32_t i = 0; i < tour->worker_count; i++)
		if (!tour_listen(tour, RESULT_READY, &result))
			return false;
	tell("Process %d takes jobs of type 1, %d of type 2, %d takes anything.",
	     tour->workers[0].pid, tour->workers[1].pid, tour->workers[2].pid);
	tell("All they have in common is the queue's name, %s.", tour->jobs_name);
	return true;
}

static bool tour_send(struct tour *tour)
{
	int64_t start = cli_now();
	char all[32];
	char each[32];
	int64_t took;

	tell_step(tour, 3, "Sending");
	for (size_t i = 0; i < tour->count; i++) {
		struct job job = { .number = (uint32_t)i };
		size_t size = offsetof(struct job, text) + tour->lines[i].size;
		int code;

		memcpy(job.text, tour->lines[i].data, tour->lines[i].size);
		do
			code = sluice_queue_send(tour->jobs, (int64_t)(i % TYPES + 1), &job, size,
						 PATIENCE_NS);
		while (code == SLUICE_EINTR && !cli_stopped());
		if (code < 0)
			return tell_failure(tour, "cannot send a job", code);
	}
	took = cli_now() - start;
	tell("%zu jobs sent in %s, %s each: copied into shared memory once,", tour->count,
	     cli_time_text(took, all, sizeof(all)),
	     cli_time_text(took / (int64_t)tour->count, each, sizeof(each)));
	tell("with a system call only where a sleeping worker had to be woken.");
	return true;
}

static bool tour_kill(struct tour *tour)
{
	struct worker *victim = &tour->workers[2];
	struct result result;
	const char *start;
	char line[48];
	int size;

	tell_step(tour, 4, "kill -9 in the middle of a job");
	if (!tour_listen(tour, RESULT_HOLDING, &result))
		return false;
	if (result.number >= tour->count)
		return tell_failure(tour, "a worker holds a job that was never sent", 0);
	tour->held = result.number;
	kill(victim->pid, SIGKILL);
	tour->killed_at = cli_now();
	waitpid(victim->pid, NULL, 0);
	victim->killed = true;
	start = tour->lines[tour->held].data;
	size = (int)tour->lines[tour->held].size;
	for (; size > 1 && (*start == ' ' || *start == '\t'); start++)
		size--;
	snprintf(line, sizeof(line), "%.*s", size, start);
	tell("Process %d had borrowed job %u (\"%s\")", victim->pid, tour->held,
	     cli_printable(line, (char[48]){ 0 }, sizeof(line)));
	tell("when it was killed. Nobody else can tell: the other two go on working.");
	return true;
}

static bool tour_replace(struct tour *tour)
{
	struct result result;
	char time[32];

	tell_step(tour, 5, "Somebody else takes over");
	if (!worker_start(tour, 0, false))
		return tell_failure(tour, strerror(errno), 0);
	if (!tour_listen(tour, RESULT_DONE, &result))
		return false;
	tell("Process %d takes anything, too. It found the dead worker's job back in its",
	     tour->workers[3].pid);
	tell("place, marked as redelivered, and had done it %s after the kill.",
	     cli_time_text(tour->redelivery_ns, time, sizeof(time)));
	return true;
}

/* No sender left: the workers learn it from the queue and leave. */
static bool tour_dismiss(struct tour *tour)
{
	int64_t end = cli_now() + PATIENCE_NS;
	bool all = true;

	sluice_queue_close(tour->jobs);
	tour->jobs = NULL;
	for (uint32_t i = 0; i < tour->worker_count; i++) {
		struct worker *worker = &tour->workers[i];
		int status = -1;
		pid_t gone = 0;

		while (!worker->killed && !gone && cli_now() < end && !cli_stopped()) {
			gone = waitpid(worker->pid, &status, WNOHANG);
			if (!gone)
				usleep(1000);
		}
		worker->left = gone == worker->pid;
		if (!worker->killed && status != 0)
			all = tell_failure(tour, "a worker did not leave when no sender was left",
					   0);
	}
	return all;
}

static void tell_workers(const struct tour *tour)
{
	char takes[32];

	tell("%8s  %-8s  %5s  END", "PROCESS", "TAKES", "JOBS");
	for (uint32_t i = 0; i < tour->worker_count; i++) {
		const struct worker *worker = &tour->workers[i];

		tell("%8d  %-8s  %5u  %s", worker->pid, takes_text(worker, takes, sizeof(takes)),
		     worker->jobs, worker->killed ? "killed" : "left when no sender was left");
	}
}

static bool tour_account(struct tour *tour)
{
	struct sluice_queue_info info = { .size = sizeof(info) };
	size_t once = 0, again = 0, lost = 0, doubled = 0;
	bool sums = !memcmp(tour->sums, tour->wanted, sizeof(tour->sums));
	bool counters;
	bool sound;

	tell_step(tour, 6, "The account");
	if (!tour_dismiss(tour))
		return false;
	for (size_t i = 0; i < tour->count; i++) {
		once += tour->done[i] == 1 && !tour->flagged[i];
		again += tour->done[i] == 1 && tour->flagged[i];
		lost += tour->done[i] == 0;
		doubled += tour->done[i] > 1;
	}
	counters = sluice_queue_info(tour->watch, &info) == 0 && info.sent == tour->count &&
		   info.received == tour->count && info.messages == 0;
	sound = sums && counters && again == 1 && tour->flagged[tour->held] && !lost && !doubled;
	tell_workers(tour);
	tell("jobs: %zu sent; %zu done once, %zu redelivered and done once, %zu lost, %zu twice",
	     tour->count, once, again, lost, doubled);
	tell("words %llu, letters %llu, vowels %llu: %s", (unsigned long long)tour->sums[1],
	     (unsigned long long)tour->sums[2], (unsigned long long)tour->sums[3],
	     sums ? "as counted here" : "NOT as counted here");
	tell("the queue's own counters: %llu sent, %llu received, %llu left, %llu repaired after",
	     (unsigned long long)info.sent, (unsigned long long)info.received,
	     (unsigned long long)info.messages, (unsigned long long)info.repairs);
	printf("\n%s%s%s\n", tour->colour ? (sound ? "\033[1;32m" : "\033[1;31m") : "",
	       sound ? "The account adds up." : "The account does NOT add up.",
	       tour->colour ? "\033[0m" : "");
	return sound ? true : tell_failure(tour, "the account does not add up", 0);
}

static void tour_clean_up(struct tour *tour)
{
	for (uint32_t i = 0; i < tour->worker_count; i++) {
		if (tour->workers[i].left || tour->workers[i].killed)
			continue;
		kill(tour->workers[i].pid, SIGKILL);
		waitpid(tour->workers[i].pid, NULL, 0);
	}
	sluice_queue_close(tour->jobs);
	sluice_queue_close(tour->watch);
	sluice_queue_close(tour->answers);
	(void)!sluice_remove(tour->jobs_name);
	(void)!sluice_remove(tour->results_name);
}

static bool tour_wants_colour(bool plain)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return !plain && isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static int tour(struct cli_arguments *arguments)
{
	struct tour *tour = &tour_state;
	bool plain = false;
	bool sound;

	while (cli_next(arguments) != -1)
		plain = true;
	cli_operands(arguments, 0, 0);
	tour->colour = tour_wants_colour(plain);
	snprintf(tour->jobs_name, sizeof(tour->jobs_name), "tour-%d-jobs", (int)getpid());
	snprintf(tour->results_name, sizeof(tour->results_name), "tour-%d-answers", (int)getpid());
	signal(SIGCHLD, SIG_DFL);
	cli_catch_stop();
	printf("sluice %s: a tour, between real processes; it leaves nothing behind\n",
	       sluice_version());
	sound = tour_text(tour) && tour_workers(tour) && tour_send(tour) && tour_kill(tour) &&
		tour_replace(tour) && tour_account(tour);
	tour_clean_up(tour);
	if (cli_stopped())
		return cli_end_by_signal();
	if (sound)
		puts("Now you: 'sluice queue receive jobs --follow' here, and in another terminal\n"
		     "'seq 10 | sluice queue send jobs'. 'sluice show jobs' shows both.");
	return sound ? CLI_DONE : CLI_FAILED;
}

static const struct cli_option tour_options[] = {
	{ "plain", CLI_LONG, NULL, "no colours, also on a terminal" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb tour_verb = {
	.name = "tour",
	.usage = "[--plain]",
	.summary = "see it work here: a second of real work, and a kill",
	.help = "Shows the queue at work between real processes on this machine: the lines of a\n"
		"text become jobs, workers share them, one is killed in the middle of a job, and\n"
		"at the end every job is accounted for. Fails if the account does not add up, so\n"
		"it is also the test of an installation. Leaves nothing behind.",
	.options = tour_options,
	.run = tour,
};
