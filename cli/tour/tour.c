/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tour.c - sluice tour: every facility at work between real processes, which is also the smoke test
 * of an installation
 *
 * The stops are in the files beside this one, in the order of the table below. Whatever way the tour
 * ends - at its end, at the first thing that is not as it must be, by a signal - the processes that
 * are left are ended, and names and files removed. Processes die with the tour.
 */
#include "tour.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMES_MAX 24
#define CHILDREN_MAX 24

struct tour {
	bool colour;
	int number;
	char diagnostic[TOUR_DIAGNOSTIC_SIZE];
	char names[NAMES_MAX][TOUR_NAME_SIZE];
	uint32_t name_count;
	char directory[TOUR_PATH_SIZE]; /* empty: not made yet */
	char files[NAMES_MAX][TOUR_PATH_SIZE];
	uint32_t file_count;
	pid_t children[CHILDREN_MAX]; /* 0: free */
};

static const struct {
	const char *title;
	tour_stop *visit;
} stops[] = {
	{ "Pipe: bytes between kin", tour_pipe },
	{ "FIFO: bytes between strangers, by name", tour_fifo },
	{ "Stream sockets: bytes on this machine, or from another", tour_socket },
	{ "Message queue: by type, with a kill -9 in the middle", tour_queue },
	{ "Datagrams: messages on this machine, or from another", tour_datagram },
	{ "Topic: eight read the same messages", tour_topic },
	{ "Shared memory that grows, with its lock inside", tour_memory },
	{ "Memory-mapped file", tour_mapped_file },
	{ "Semaphores: five philosophers", tour_semaphore },
	{ "Mutex and condition: the owner is killed", tour_mutex },
	{ "File lock", tour_file_lock },
	{ "The same between threads", tour_threads },
	{ "Which to pick: data transfer or shared memory", tour_compare },
};

/* ---- telling ---- */

char *tour_diagnostic(struct tour *tour)
{
	return tour->diagnostic;
}

static void tour_title(struct tour *tour, const char *title)
{
	printf("\n%s%d. %s%s\n", tour->colour ? "\033[1m" : "", ++tour->number, title,
	       tour->colour ? "\033[0m" : "");
	fflush(stdout);
}

void tour_say(const char *format, ...)
{
	va_list list;

	fputs("   ", stdout);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	fflush(stdout);
}

bool tour_fail(struct tour *tour, const char *what, int code)
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

bool tour_check(struct tour *tour, bool right, const char *what)
{
	return right ? true : tour_fail(tour, what, 0);
}

const char *tour_since(int64_t start_ns, char buffer[32])
{
	return cli_time_text(cli_now() - start_ns, buffer, 32);
}

/* ---- what has to go at the end ---- */

void tour_name(struct tour *tour, const char *what, char name[TOUR_NAME_SIZE])
{
	snprintf(name, TOUR_NAME_SIZE, "tour-%d-%s", (int)getpid(), what);
	if (tour->name_count < NAMES_MAX)
		memcpy(tour->names[tour->name_count++], name, TOUR_NAME_SIZE);
}

bool tour_file(struct tour *tour, const char *what, char path[TOUR_PATH_SIZE])
{
	const char *parent = getenv("TMPDIR");

	if (!*tour->directory) {
		int size = snprintf(tour->directory, sizeof(tour->directory),
				    "%s/sluice-tour-XXXXXX", parent && *parent ? parent : "/tmp");

		/* The longest path of a socket is 107 bytes, and a file's name comes behind. */
		if (size > 80 || !mkdtemp(tour->directory)) {
			*tour->directory = '\0';
			return tour_fail(tour, "cannot make a directory for a moment", -errno);
		}
	}
	if (tour->file_count == NAMES_MAX)
		return tour_fail(tour, "too many files", 0);
	snprintf(path, TOUR_PATH_SIZE, "%.*s/%s", 100, tour->directory, what);
	memcpy(tour->files[tour->file_count++], path, TOUR_PATH_SIZE);
	return true;
}

static pid_t *tour_child(struct tour *tour, pid_t pid)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (tour->children[i] == pid)
			return &tour->children[i];
	return NULL;
}

pid_t tour_start(struct tour *tour, int (*body)(struct tour *tour, void *context), void *context)
{
	pid_t *child = tour_child(tour, 0), parent = getpid(), pid;

	if (!child)
		return -1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		cli_release_stop();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(CLI_FAILED);
		_exit(body(tour, context));
	}
	if (pid > 0)
		*child = pid;
	else
		tour_fail(tour, "cannot start a process", -errno);
	return pid;
}

static void tour_forget(struct tour *tour, pid_t pid)
{
	pid_t *child = tour_child(tour, pid);

	if (child)
		*child = 0;
}

/* The status with which a process ended, or negative, having said why there is none. */
static int tour_status(struct tour *tour, pid_t pid)
{
	int64_t end = cli_now() + TOUR_PATIENCE_NS;
	int status = 0;

	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (cli_stopped())
			return -1;
		if (cli_now() > end) {
			tour_fail(tour, "a process does not come to its end", 0);
			return -1;
		}
		usleep(1000);
	}
	tour_forget(tour, pid);
	return status;
}

bool tour_ended_well(struct tour *tour, pid_t pid)
{
	int status = tour_status(tour, pid);

	return status >= 0 && tour_check(tour, status == 0, "a process ended badly");
}

bool tour_was_killed(struct tour *tour, pid_t pid)
{
	int status = tour_status(tour, pid);

	return status >= 0 && tour_check(tour, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
					 "a process ended, but not by a kill");
}

void tour_kill(struct tour *tour, pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tour_forget(tour, pid);
}

static void tour_clean_up(struct tour *tour)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (tour->children[i])
			tour_kill(tour, tour->children[i]);
	for (uint32_t i = 0; i < tour->name_count; i++)
		(void)!sluice_remove(tour->names[i]);
	for (uint32_t i = 0; i < tour->file_count; i++)
		unlink(tour->files[i]);
	if (*tour->directory)
		rmdir(tour->directory);
}

/* ---- the verb ---- */

static bool tour_wants_colour(bool plain)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return !plain && isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static int tour(struct cli_arguments *arguments)
{
	static struct tour tour;
	bool plain = false, sound = true;

	while (cli_next(arguments) != -1)
		plain = true;
	cli_operands(arguments, 0, 0);
	tour.colour = tour_wants_colour(plain);
	signal(SIGCHLD, SIG_DFL);
	cli_catch_stop();
	printf("sluice %s: a tour, between real processes; it leaves nothing behind\n",
	       sluice_version());
	for (size_t i = 0; sound && i < CLI_COUNT(stops); i++) {
		tour_title(&tour, stops[i].title);
		*tour.diagnostic = '\0';
		sound = stops[i].visit(&tour) && !cli_stopped();
	}
	tour_clean_up(&tour);
	if (cli_stopped())
		return cli_end_by_signal();
	if (!sound)
		return CLI_FAILED;
	puts("\nNow you: 'sluice queue receive jobs --follow' here, and in another terminal\n"
	     "'seq 10 | sluice queue send jobs'. 'sluice show jobs' shows both.");
	return cli_finish(CLI_DONE);
}

static const struct cli_option tour_options[] = {
	{ "plain", CLI_LONG, NULL, "no colours, also on a terminal" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb tour_verb = {
	.name = "tour",
	.usage = "[--plain]",
	.summary = "every facility at work here, with a kill -9, and which to pick",
	.help = "Walks through everything there is, between real processes on this machine:\n"
		"bytes, messages, many readers, mapped files, locks and semaphores; kills some of\n"
		"the processes in the middle, checks that nothing is lost, and closes with what\n"
		"data transfer and shared memory cost here. Fails if anything is not as it must\n"
		"be, so it is also the test of an installation. Leaves nothing behind.",
	.options = tour_options,
	.run = tour,
};
