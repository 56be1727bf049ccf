/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mutex.c - sluice mutex run: a command, one at a time
 *
 * The lock is owned by this process's place in the mutex, and what keeps a place alive is an open
 * file description, of which COMMAND is given a duplicate (run.c).
 *
 * A COMMAND that exits has, by exiting, left what the mutex guards in order. One that a signal
 * ended has not, nor has one that could not be started under a lock that came from the dead: then
 * the handle is closed while it holds, which counts as a death, and the next owner is told.
 */
#include "run.h"

#include <unistd.h>

struct mutex_run {
	sluice_mutex *mutex;
	const char *name;
	char **command;
	int64_t timeout;
	bool recovered;
};

static int mutex_timed_out(const struct mutex_run *run)
{
	struct sluice_mutex_info info = { .size = sizeof(info) };
	char owner[32] = "";
	char time[32] = "";

	if (run->timeout)
		cli_time_text(run->timeout, time, sizeof(time));
	if (sluice_mutex_info(run->mutex, &info) == 0 && info.owner)
		snprintf(owner, sizeof(owner), " by process %u", info.owner);
	cli_fail("mutex '%s': %sheld%s%s%s", run->name, *time ? "still " : "", owner,
		 *time ? " after " : "", time);
	return CLI_TIMED_OUT;
}

/* Returns an exit status, or -1: it is ours. */
static int mutex_lock(struct mutex_run *run)
{
	int code;

	do
		code = sluice_mutex_lock(run->mutex, run->timeout);
	while (code == SLUICE_EINTR && !cli_stopped());
	if (code == SLUICE_EINTR)
		return CLI_FAILED;
	if (code == SLUICE_ETIMEDOUT || code == SLUICE_EAGAIN)
		return mutex_timed_out(run);
	if (code < 0)
		return cli_fail_code("mutex", run->name, code);
	run->recovered = code == SLUICE_RECOVERED;
	return -1;
}

static void mutex_started(void *context, pid_t pid)
{
	sluice_mutex_set_hint(context, (uint32_t)pid);
}

static int mutex_run_command(struct mutex_run *run)
{
	struct cli_run command = { .command = run->command,
				   .hold_fd = sluice_mutex_hold_fd(run->mutex),
				   .recovered = run->recovered,
				   .started = mutex_started,
				   .context = run->mutex };
	enum cli_ending ending;
	int status = cli_run(&command, &ending);
	int code;

	if (ending == CLI_KILLED || (ending == CLI_NOT_STARTED && run->recovered))
		return status;
	code = sluice_mutex_unlock(run->mutex);
	if (code < 0 && code != SLUICE_EREMOVED)
		cli_fail_code("mutex", run->name, code);
	return status;
}

static int mutex_run(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_mutex_options options = { .size = sizeof(options) };
	struct mutex_run run = { .timeout = SLUICE_FOREVER };
	int status;
	int key;

	while ((key = cli_next(arguments)) != -1)
		run.timeout = cli_parse_timeout(arguments->verb, optarg);
	cli_operands(arguments, 2, INT32_MAX);
	run.name = arguments->operands[0];
	run.command = arguments->operands + 1;
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	status = sluice_mutex_open(run.name, &options, &run.mutex);
	if (status < 0)
		return cli_fail_open("mutex", run.name, status, diagnostic);
	cli_catch_stop();
	status = mutex_lock(&run);
	if (status == -1)
		status = mutex_run_command(&run);
	sluice_mutex_close(run.mutex);
	return cli_stopped() ? cli_end_by_signal() : status;
}

static const struct cli_option mutex_run_options[] = {
	{ "timeout", CLI_LONG, "TIME", "wait no longer than this for the mutex (250ms, 2s, 1m)" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb mutex_run_verb = {
	.noun = "mutex",
	.name = "run",
	.usage = "NAME [--timeout TIME] -- COMMAND [ARGUMENT...]",
	.summary = "run a command while holding a mutex",
	.help = "Waits until nobody else holds the mutex NAME, runs COMMAND, and releases when it\n"
		"exits, whatever it left running in the background. The mutex is made if there is\n"
		"none. If only this program is killed, COMMAND keeps holding until it ends.\n"
		"\n"
		"COMMAND finds SLUICE_RECOVERED=1 in its environment when the last holder died\n"
		"before it was done (one that a signal ended counts as dead): what the mutex\n"
		"guards may be half done.\n"
		"\n"
		"The exit status is COMMAND's; 128 + N if signal N killed it; 126 or 127 if it\n"
		"cannot be run or found; 124 if the time was up. SIGINT, SIGTERM, SIGHUP,\n"
		"SIGQUIT, SIGUSR1 and SIGUSR2 are passed on to COMMAND.",
	.options = mutex_run_options,
	.run = mutex_run,
	.command_at = 2,
};
