/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * semaphore.c - sluice semaphore: at most so many at once, and signals between scripts
 *
 * run holds one unit for COMMAND as mutex run holds the lock. acquire and release hold for a
 * descriptor that the calling shell has open on the semaphore's file, so that a unit lives as long as
 * the shell and whoever inherited the descriptor, and comes back when the last of them is gone.
 */
#include "run.h"

#include <string.h>
#include <unistd.h>

struct units_call {
	const struct cli_verb *verb;
	const char *name;
	sluice_semaphore *semaphore;
	struct sluice_semaphore_options options;
	char diagnostic[512];
	int64_t timeout;
	uint32_t units;
	int fd;
};

enum { OPTION_TIMEOUT = CLI_LONG, OPTION_VALUE, OPTION_CEILING, OPTION_FD, OPTION_UNITS };

static uint32_t units_parse(const struct cli_verb *verb, const char *option, const char *text,
			    int64_t least)
{
	int64_t number = cli_parse_number(verb, option, text, least);

	if (number > (int64_t)SLUICE_SEMAPHORE_MAX)
		cli_wrong(verb, "--%s: %s is more than %u", option, text, SLUICE_SEMAPHORE_MAX);
	return (uint32_t)number;
}

static void units_read(struct units_call *call, struct cli_arguments *arguments, int operands_most)
{
	int key;

	memset(call, 0, sizeof(*call));
	call->verb = arguments->verb;
	call->timeout = SLUICE_FOREVER;
	call->units = 1;
	call->fd = -1;
	call->options.size = sizeof(call->options);
	call->options.diagnostic = call->diagnostic;
	call->options.diagnostic_size = sizeof(call->diagnostic);
	while ((key = cli_next(arguments)) != -1) {
		if (key == OPTION_TIMEOUT)
			call->timeout = cli_parse_timeout(call->verb, optarg);
		else if (key == OPTION_VALUE)
			call->options.initial = units_parse(call->verb, "value", optarg, 0);
		else if (key == OPTION_CEILING)
			call->options.ceiling = units_parse(call->verb, "ceiling", optarg, 1);
		else if (key == OPTION_UNITS)
			call->units = units_parse(call->verb, "units", optarg, 1);
		else
			call->fd = (int)cli_parse_number(call->verb, "fd", optarg, 0);
	}
	cli_operands(arguments, operands_most > 1 ? 2 : 1, operands_most);
	call->name = arguments->operands[0];
}

/* Returns an exit status, or -1: it is open. */
static int units_open(struct units_call *call, uint32_t flags)
{
	int code;

	call->options.flags = flags;
	code = sluice_semaphore_open(call->name, &call->options, &call->semaphore);
	return code < 0 ? cli_fail_open("semaphore", call->name, code, call->diagnostic) : -1;
}

static int units_timed_out(const struct units_call *call)
{
	struct sluice_semaphore_info info = { .size = sizeof(info) };
	char time[32] = "";

	if (call->timeout)
		cli_time_text(call->timeout, time, sizeof(time));
	if (sluice_semaphore_info(call->semaphore, &info) < 0)
		info.value = info.held = 0;
	cli_fail("semaphore '%s': %u wanted, %u free and %u held%s%s", call->name, call->units,
		 info.value, info.held, *time ? ", after " : "", time);
	return CLI_TIMED_OUT;
}

/* Returns an exit status, or -1: we have them. */
static int units_get(struct units_call *call, bool owned)
{
	int code;

	do
		code = owned ? sluice_semaphore_acquire(call->semaphore, call->units, call->timeout)
			     : sluice_semaphore_wait(call->semaphore, call->units, call->timeout);
	while (code == SLUICE_EINTR && !cli_stopped());
	if (code == SLUICE_EINTR)
		return CLI_FAILED;
	if (code == SLUICE_ETIMEDOUT || code == SLUICE_EAGAIN)
		return units_timed_out(call);
	if (code == SLUICE_EINVAL)
		return cli_fail("semaphore '%s': %u wanted, more than its ceiling", call->name,
				call->units);
	return code < 0 ? cli_fail_code("semaphore", call->name, code) : -1;
}

static int units_end(struct units_call *call, int status)
{
	sluice_semaphore_close(call->semaphore);
	if (cli_stopped())
		return cli_end_by_signal();
	return status == -1 ? CLI_DONE : status;
}

/* ---- create, post, wait, value --------------------------------------------------------------- */

static int units_create(struct cli_arguments *arguments)
{
	struct units_call call;
	int status;

	units_read(&call, arguments, 1);
	status = units_open(&call, 0);
	return status == -1 ? units_end(&call, -1) : status;
}

static int units_post(struct cli_arguments *arguments)
{
	struct units_call call;
	int status, code;

	units_read(&call, arguments, 1);
	status = units_open(&call, 0);
	if (status != -1)
		return status;
	code = sluice_semaphore_post(call.semaphore, call.units);
	if (code < 0)
		status = cli_fail_code("semaphore", call.name, code);
	return units_end(&call, status);
}

static int units_wait(struct cli_arguments *arguments)
{
	struct units_call call;
	int status;

	units_read(&call, arguments, 1);
	status = units_open(&call, 0);
	if (status != -1)
		return status;
	cli_catch_stop();
	return units_end(&call, units_get(&call, false));
}

static int units_value(struct cli_arguments *arguments)
{
	struct units_call call;
	int64_t value;
	int status;

	/* By attaching, since that is when units of the dead come back at the latest. */
	units_read(&call, arguments, 1);
	status = units_open(&call, SLUICE_MUST_EXIST);
	if (status != -1)
		return status;
	value = sluice_semaphore_value(call.semaphore);
	if (value < 0)
		status = cli_fail_code("semaphore", call.name, (int)value);
	else
		printf("%lld\n", (long long)value);
	return units_end(&call, status);
}

/* ---- acquire, release ------------------------------------------------------------------------ */

/* The descriptor is of no use: which file is it to be of? Where others may only read the semaphore's
 * own, that of its locks, which our handle has open. */
static int units_wrong_descriptor(const struct units_call *call)
{
	char link[64], file[4096] = "";
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", sluice_semaphore_hold_fd(call->semaphore));
	n = readlink(link, file, sizeof(file) - 1);
	base = n > 0 ? strrchr(file, '/') : NULL;
	if (base && strncmp(base, "/.lock.", 7) == 0)
		return cli_fail(
			"descriptor %d is not open for reading and writing on %s, where the "
			"locks of %s are: exec %d<>'%s'",
			call->fd, file, call->name, call->fd, file);
	if (sluice_path(call->name, file, sizeof(file)) < 0)
		snprintf(file, sizeof(file), "%s", call->name);
	return cli_fail("descriptor %d is not open for reading and writing on %s: "
			"exec %d<>\"$(sluice path %s)\"",
			call->fd, file, call->fd, call->name);
}

static int units_open_for(struct units_call *call)
{
	int status, code;

	if (call->fd < 0)
		cli_wrong(call->verb, "--fd is missing: on which descriptor is it held?");
	status = units_open(call, SLUICE_MUST_EXIST);
	if (status != -1)
		return status;
	code = sluice_semaphore_hold_for(call->semaphore, call->fd);
	if (code < 0)
		status = code == SLUICE_EBADF ? units_wrong_descriptor(call)
					      : cli_fail_code("semaphore", call->name, code);
	if (code < 0)
		sluice_semaphore_close(call->semaphore);
	return status;
}

static int units_acquire(struct cli_arguments *arguments)
{
	struct units_call call;
	int status;

	units_read(&call, arguments, 1);
	status = units_open_for(&call);
	if (status != -1)
		return status;
	cli_catch_stop();
	status = units_get(&call, true);
	if (status == -1)
		sluice_semaphore_set_hint(call.semaphore, (uint32_t)getppid());
	return units_end(&call, status);
}

static int units_release(struct cli_arguments *arguments)
{
	struct units_call call;
	int status, code;

	units_read(&call, arguments, 1);
	status = units_open_for(&call);
	if (status != -1)
		return status;
	code = sluice_semaphore_release(call.semaphore, call.units);
	if (code == SLUICE_EPERM)
		status = cli_fail("semaphore '%s': descriptor %d holds fewer than %u", call.name,
				  call.fd, call.units);
	else if (code < 0)
		status = cli_fail_code("semaphore", call.name, code);
	return units_end(&call, status);
}

/* ---- run ------------------------------------------------------------------------------------- */

static void units_started(void *context, pid_t pid)
{
	sluice_semaphore_set_hint(context, (uint32_t)pid);
}

static int units_run(struct cli_arguments *arguments)
{
	struct cli_run run = { .started = units_started };
	enum cli_ending ending;
	struct units_call call;
	int status;

	units_read(&call, arguments, INT32_MAX);
	/* Without a number of units nobody could ever run. */
	status = units_open(&call, call.options.initial ? 0 : SLUICE_MUST_EXIST);
	if (status != -1)
		return status;
	cli_catch_stop();
	status = units_get(&call, true);
	if (status == -1) {
		run.command = arguments->operands + 1;
		run.hold_fd = sluice_semaphore_hold_fd(call.semaphore);
		run.context = call.semaphore;
		status = cli_run(&run, &ending);
		sluice_semaphore_release(call.semaphore, call.units);
	}
	return units_end(&call, status);
}

/* ---- the verbs ------------------------------------------------------------------------------- */

#define TIMEOUT_OPTION                                                                             \
	{                                                                                          \
		"timeout", OPTION_TIMEOUT, "TIME", "wait no longer than this (250ms, 2s, 1m)"      \
	}
#define VALUE_OPTION                                                                               \
	{                                                                                          \
		"value", OPTION_VALUE, "N", "units of a new semaphore; one that exists must agree" \
	}
#define CEILING_OPTION                                                                             \
	{                                                                                          \
		"ceiling", OPTION_CEILING, "N", "most units of a new semaphore, free and held"     \
	}
#define UNITS_OPTION                                                                               \
	{                                                                                          \
		"units", OPTION_UNITS, "N", "so many at once (default 1)"                          \
	}
#define FD_OPTION                                                                                  \
	{                                                                                          \
		"fd", OPTION_FD, "N", "the descriptor that holds, open on the semaphore's file"    \
	}

static const struct cli_option create_options[] = { VALUE_OPTION, CEILING_OPTION, CLI_LAST_OPTION };
static const struct cli_option post_options[] = { UNITS_OPTION, CLI_LAST_OPTION };
static const struct cli_option wait_options[] = { UNITS_OPTION, TIMEOUT_OPTION, CLI_LAST_OPTION };
static const struct cli_option value_options[] = { CLI_LAST_OPTION };
static const struct cli_option acquire_options[] = { FD_OPTION, UNITS_OPTION, TIMEOUT_OPTION,
						     CLI_LAST_OPTION };
static const struct cli_option release_options[] = { FD_OPTION, UNITS_OPTION, CLI_LAST_OPTION };
static const struct cli_option run_options[] = { VALUE_OPTION, UNITS_OPTION, TIMEOUT_OPTION,
						 CLI_LAST_OPTION };

const struct cli_verb semaphore_create_verb = {
	.noun = "semaphore",
	.name = "create",
	.usage = "NAME [--value N] [--ceiling N]",
	.summary = "make a semaphore with so many units",
	.help = "Makes the semaphore NAME with N free units, by default none. One that exists is\n"
		"left as it is, if it was made with the same numbers.",
	.options = create_options,
	.run = units_create,
};

const struct cli_verb semaphore_post_verb = {
	.noun = "semaphore",
	.name = "post",
	.usage = "NAME [--units N]",
	.summary = "add units: one waiter each goes on",
	.help = "Adds units to the semaphore NAME, which is made if there is none. Fails if that\n"
		"would pass its ceiling.",
	.options = post_options,
	.run = units_post,
};

const struct cli_verb semaphore_wait_verb = {
	.noun = "semaphore",
	.name = "wait",
	.usage = "NAME [--units N] [--timeout TIME]",
	.summary = "wait for units and take them away",
	.help = "Waits until the semaphore NAME, which is made if there is none, has the units, and\n"
		"takes them for good. Exit status 124 if the time was up.",
	.options = wait_options,
	.run = units_wait,
};

const struct cli_verb semaphore_value_verb = {
	.noun = "semaphore",
	.name = "value",
	.usage = "NAME",
	.summary = "print how many units are free",
	.help = "Prints how many units of the semaphore NAME are free.",
	.options = value_options,
	.run = units_value,
};

const struct cli_verb semaphore_acquire_verb = {
	.noun = "semaphore",
	.name = "acquire",
	.usage = "NAME --fd N [--units N] [--timeout TIME]",
	.summary = "hold units on a descriptor of the calling script",
	.help = "Holds units of the semaphore NAME on descriptor N, which the caller has open for\n"
		"reading and writing on the semaphore's file, as with flock(1):\n"
		"\n"
		"  exec 9<>\"$(sluice path NAME)\"\n"
		"  sluice semaphore acquire NAME --fd 9\n"
		"\n"
		"They come back by 'semaphore release', or when the last process that has the\n"
		"descriptor ends or closes it, however that happens. If others may read the file\n"
		"but not write it, open the one that has its locks; the error message names it.",
	.options = acquire_options,
	.run = units_acquire,
};

const struct cli_verb semaphore_release_verb = {
	.noun = "semaphore",
	.name = "release",
	.usage = "NAME --fd N [--units N]",
	.summary = "give back what a descriptor holds",
	.help = "Gives back units of the semaphore NAME that descriptor N holds, the same one or a\n"
		"duplicate of it.",
	.options = release_options,
	.run = units_release,
};

const struct cli_verb semaphore_run_verb = {
	.noun = "semaphore",
	.name = "run",
	.usage = "NAME [--value N] [--units N] [--timeout TIME] -- COMMAND [ARGUMENT...]",
	.summary = "run a command, at most so many at once",
	.help = "Waits for a unit of the semaphore NAME, runs COMMAND, and gives it back when it\n"
		"exits, whatever it left running in the background: with --value 4, at most four of\n"
		"these run at once on this machine. --value makes the semaphore if there is none.\n"
		"\n"
		"A killed COMMAND gives its unit back. If only this program is killed, COMMAND keeps\n"
		"the unit until it ends.\n"
		"\n"
		"The exit status is COMMAND's; 128 + N if signal N killed it; 126 or 127 if it\n"
		"cannot be run or found; 124 if the time was up. Signals are passed on as by\n"
		"'mutex run'.",
	.options = run_options,
	.run = units_run,
	.command_at = 2,
};
