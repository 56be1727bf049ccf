/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * lock.c - sluice lock: a command while a file, or a part of it, is locked
 *
 * The locks are the kernel's, on an open file description of which COMMAND is given a duplicate
 * (run.c): they last as long as this program or COMMAND, and are gone when both are.
 */
#include "run.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lock_run {
	const struct cli_verb *verb;
	char *file;
	int64_t start, length;
	uint32_t mode;
	int64_t timeout;
	sluice_file_lock *lock;
};

enum { OPTION_TIMEOUT = CLI_LONG, OPTION_SHARED, OPTION_FLOCK };

static const char *lock_digits(const char *text, int64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return errno ? NULL : end;
}

/* "FILE:START+LENGTH": cut the range off. A file of just that name is meant as it is. */
static void lock_read_range(struct lock_run *run)
{
	char *colon = strrchr(run->file, ':');
	const char *at = colon ? lock_digits(colon + 1, &run->start) : NULL;
	struct stat st;

	if (!at || *at != '+' || stat(run->file, &st) == 0) {
		run->start = 0;
		return;
	}
	at = lock_digits(at + 1, &run->length);
	if (!at || *at)
		cli_wrong(run->verb, "'%s' is no range of bytes: START+LENGTH", colon + 1);
	*colon = '\0';
}

static int lock_timed_out(const struct lock_run *run)
{
	struct sluice_file_lock_holder holder = { .size = sizeof(holder) };
	char time[32] = "", who[64] = "";

	if (run->timeout)
		cli_time_text(run->timeout, time, sizeof(time));
	if (sluice_file_lock_holder(run->lock, run->mode, run->start, run->length, &holder) == 1 &&
	    holder.pid)
		snprintf(who, sizeof(who), " by process %u", holder.pid);
	cli_fail("file '%s': %slocked%s%s%s", run->file, *time ? "still " : "", who,
		 *time ? " after " : "", time);
	return CLI_TIMED_OUT;
}

/* Returns an exit status, or -1: it is ours. */
static int lock_acquire(struct lock_run *run)
{
	int code;

	do
		code = sluice_file_lock_acquire(run->lock, run->mode, run->start, run->length,
						run->timeout);
	while (code == SLUICE_EINTR && !cli_stopped());
	switch (code) {
	case 0:
		return -1;
	case SLUICE_EINTR:
		return CLI_FAILED;
	case SLUICE_EAGAIN:
	case SLUICE_ETIMEDOUT:
		return lock_timed_out(run);
	case SLUICE_EACCES:
		return cli_fail("file '%s': an exclusive lock needs a file that can be written; "
				"--shared does not",
				run->file);
	case SLUICE_EOVERFLOW:
		return cli_fail("file '%s': %lld+%lld is beyond the last byte there can be",
				run->file, (long long)run->start, (long long)run->length);
	default:
		return cli_fail_code("file", run->file, code);
	}
}

static int lock(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_file_lock_options options = { .size = sizeof(options), .mode = 0666 };
	struct lock_run run = { .mode = SLUICE_EXCLUSIVE, .timeout = SLUICE_FOREVER };
	struct cli_run command = { 0 };
	enum cli_ending ending;
	int status, key;

	run.verb = arguments->verb;
	while ((key = cli_next(arguments)) != -1) {
		if (key == OPTION_TIMEOUT)
			run.timeout = cli_parse_timeout(run.verb, optarg);
		else if (key == OPTION_SHARED)
			run.mode = SLUICE_SHARED;
		else
			options.flags |= SLUICE_FLOCK;
	}
	cli_operands(arguments, 2, INT32_MAX);
	run.file = arguments->operands[0];
	lock_read_range(&run);
	if ((run.start || run.length) && options.flags)
		cli_wrong(run.verb, "--flock locks whole files only");
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	status = sluice_file_lock_open(run.file, &options, &run.lock);
	if (status < 0)
		return cli_fail_open("file", run.file, status, diagnostic);
	cli_catch_stop();
	status = lock_acquire(&run);
	if (status == -1) {
		command.command = arguments->operands + 1;
		command.hold_fd = sluice_file_lock_hold_fd(run.lock);
		status = cli_run(&command, &ending);
		/* Now, whatever COMMAND left running with the descriptor. */
		sluice_file_lock_release(run.lock, 0, 0);
	}
	sluice_file_lock_close(run.lock);
	return cli_stopped() ? cli_end_by_signal() : status;
}

static const struct cli_option lock_options[] = {
	{ "shared", OPTION_SHARED, NULL, "together with others that share" },
	{ "timeout", OPTION_TIMEOUT, "TIME", "wait no longer than this (250ms, 2s, 1m)" },
	{ "flock", OPTION_FLOCK, NULL, "the lock of flock(1) too; the two do not see each other" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb lock_verb = {
	.name = "lock",
	.usage =
		"FILE[:START+LENGTH] [--shared] [--timeout TIME] [--flock] -- COMMAND [ARGUMENT...]",
	.summary = "run a command while a file is locked",
	.help = "Locks FILE, or LENGTH bytes of it from START (0: to the end), runs COMMAND, and\n"
		"unlocks when it exits, whatever it left running in the background. FILE is made if\n"
		"there is none. If only this program is killed, COMMAND keeps it locked.\n"
		"\n"
		"Programs that use fcntl(2) or lockf(3) respect the lock, and it respects theirs.\n"
		"flock(1) and flock(2) have locks of their own: --flock takes such a one, too.\n"
		"\n"
		"The exit status is COMMAND's; 128 + N if signal N killed it; 126 or 127 if it\n"
		"cannot be run or found; 124 if the time was up. Signals are passed on as by\n"
		"'mutex run'.",
	.options = lock_options,
	.run = lock,
	.command_at = 2,
};
