/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * verb.c - sluice bench: measure Sluice, the kernel and others on this machine
 *
 * Here are the arguments and the files; the rest of this directory measures. Files are opened before
 * anything is measured, so that nobody waits for minutes to be told of a directory that is not
 * there, and one that was made and never filled is taken away again.
 */
#include "../util.h"

#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COMMAND_MAX 512

struct output {
	const char *path;
	FILE *file; /* NULL: not asked for */
	bool made;
};

static int open_output(struct output *output)
{
	struct stat state;

	if (!output->path)
		return CLI_DONE;
	if (!strcmp(output->path, "-")) {
		output->file = stdout;
		return CLI_DONE;
	}
	output->made = stat(output->path, &state) != 0;
	output->file = fopen(output->path, "ae"); /* what is there stays until we have better */
	if (!output->file)
		return cli_fail("bench: cannot write %s: %s", output->path, strerror(errno));
	return CLI_DONE;
}

static void discard_output(struct output *output)
{
	if (output->file && output->file != stdout) {
		fclose(output->file);
		if (output->made)
			unlink(output->path);
	}
	output->file = NULL;
}

static void start_output(const struct output *output)
{
	if (output->file != stdout && ftruncate(fileno(output->file), 0) != 0)
		return; /* no regular file */
}

static int close_output(struct output *output)
{
	FILE *file = output->file;
	bool failed;

	output->file = NULL;
	if (!file || file == stdout)
		return CLI_DONE;
	failed = ferror(file) != 0;
	if (fclose(file) != 0 || failed)
		return cli_fail("bench: writing %s failed: %s", output->path, strerror(errno));
	return CLI_DONE;
}

struct request {
	struct bench_settings settings;
	struct output json;
	struct output html;
	const char *compare;
	json_t *old;
	bool list;
	char command[COMMAND_MAX];
};

static void remember_command(const struct cli_arguments *arguments, struct request *request)
{
	size_t used = (size_t)snprintf(request->command, COMMAND_MAX, "sluice");

	for (int i = 0; i < arguments->argc && used + 1 < COMMAND_MAX; i++)
		used += (size_t)snprintf(request->command + used, COMMAND_MAX - used, " %s",
					 arguments->argv[i]);
	request->settings.command = request->command;
}

static void parse(struct cli_arguments *arguments, struct request *request)
{
	int key;

	remember_command(arguments, request);
	while ((key = cli_next(arguments)) != -1) {
		switch (key) {
		case 'q':
			request->settings.quick = true;
			break;
		case 'j':
			request->json.path = optarg;
			break;
		case 'H':
			request->html.path = optarg;
			break;
		case 'c':
			request->compare = optarg;
			break;
		case 'l':
			request->list = true;
			break;
		}
	}
	for (int i = 0; i < arguments->count; i++)
		if (!bench_knows(arguments->operands[i]))
			cli_wrong(arguments->verb, "there is no facility '%s'; see --list",
				  arguments->operands[i]);
	if (request->json.path && request->html.path &&
	    !strcmp(request->json.path, request->html.path))
		cli_wrong(arguments->verb, "--json and --html write to the same file");
	request->settings.words = arguments->operands;
	request->settings.words_count = (size_t)arguments->count;
	request->settings.progress = isatty(STDERR_FILENO);
	request->settings.stopped = cli_stopped;
}

static int read_old(struct request *request)
{
	json_error_t error;
	const char *why;

	if (!request->compare)
		return CLI_DONE;
	request->old = json_load_file(request->compare, 0, &error);
	if (!request->old)
		return cli_fail("bench: cannot read %s: %s", request->compare, error.text);
	if (!bench_compare(NULL, NULL, request->old, &why))
		return cli_fail("bench: cannot compare with %s: %s", request->compare, why);
	return CLI_DONE;
}

static int print(struct request *request, const struct bench_plan *plan)
{
	bool to_stdout = request->json.file == stdout || request->html.file == stdout;
	const char *why;
	int status;

	if (request->json.file) {
		json_t *result = bench_json(plan);

		start_output(&request->json);
		json_dumpf(result, request->json.file, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
		fputc('\n', request->json.file);
		json_decref(result);
	}
	if (request->html.file) {
		start_output(&request->html);
		bench_print_html(request->html.file, plan);
	}
	if (!to_stdout)
		bench_print_text(stdout, plan);
	if (request->old)
		bench_compare(to_stdout ? stderr : stdout, plan, request->old, &why);
	status = close_output(&request->json);
	return status != CLI_DONE ? status : close_output(&request->html);
}

static int measure(struct request *request)
{
	struct bench_plan *plan = NULL;
	int status;

	if (!bench_run(&request->settings, &plan)) {
		discard_output(&request->json);
		discard_output(&request->html);
		return cli_end_by_signal();
	}
	cli_release_stop();
	status = print(request, plan);
	bench_free(plan);
	return status;
}

/* There a process that spins would keep the others of the run from its processor, for ever or for long. */
static int refuse_real_time(void)
{
	/* Not libc's function: musl's is empty. */
	long policy = syscall(SYS_sched_getscheduler, 0) & ~SCHED_RESET_ON_FORK;

	if (policy != SCHED_FIFO && policy != SCHED_RR)
		return CLI_DONE;
	return cli_fail("bench: at a real-time priority its processes would keep each other from "
			"running; start it without, as with 'chrt -o 0 sluice bench'");
}

static int bench(struct cli_arguments *arguments)
{
	struct request request = { 0 };
	int status;

	parse(arguments, &request);
	if (request.list) {
		bench_print_list(stdout);
		return CLI_DONE;
	}
	cli_catch_stop(); /* before there is a file to be taken away */
	status = refuse_real_time();
	if (status == CLI_DONE)
		status = read_old(&request);
	if (status == CLI_DONE)
		status = open_output(&request.json);
	if (status == CLI_DONE)
		status = open_output(&request.html);
	if (status == CLI_DONE)
		status = measure(&request);
	discard_output(&request.json);
	discard_output(&request.html);
	json_decref(request.old);
	return status;
}

static const struct cli_option bench_options[] = {
	{ "quick", 'q', NULL, "fewer sizes and shorter turns: half a minute" },
	{ "json", 'j', "FILE", "write all results there; - is standard output" },
	{ "html", 'H', "FILE", "write a page with curves and tables there" },
	{ "compare", 'c', "OLD", "say what changed since the run that wrote OLD with\n--json" },
	{ "list", 'l', NULL, "name the facilities and what is measured of each" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb bench_verb = {
	.name = "bench",
	.usage = "[FACILITY ...] [--quick] [--json FILE] [--html FILE]",
	.summary = "measure Sluice, the kernel and others on this machine",
	.help = "Measures, on this machine, what Sluice's objects, the kernel's facilities and\n"
		"libc's locks take: round trips, throughput, locks, waking, idling, memory. Each\n"
		"is told beside its floor, the same job done by bare instructions or bare system\n"
		"calls in the same round, as a ratio: the middle of the rounds, and the lowest\n"
		"and the highest.\n\n"
		"FACILITY is a name or a group from --list; without one all are measured, for\n"
		"about five minutes. Use a quiet machine; taskset(1) chooses the two processors.",
	.options = bench_options,
	.run = bench,
};
