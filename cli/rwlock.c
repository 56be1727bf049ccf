/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock.c - sluice rwlock run: a command that reads with others, or writes alone
 *
 * As mutex.c: the lock belongs to this process's place, which the duplicate of a descriptor that
 * COMMAND has keeps alive (run.c). A COMMAND that wrote and was ended by a signal counts as a writer
 * that died; one that read simply goes. Who reads is told of a death, but it repairs nothing.
 */
#include "run.h"

#include <unistd.h>

struct rwlock_run {
	sluice_rwlock *rwlock;
	const char *name;
	char **command;
	int64_t timeout;
	bool shared;
	bool recovered;
};

static int rwlock_timed_out(const struct rwlock_run *run)
{
	struct sluice_rwlock_info info = { .size = sizeof(info) };
	char holder[48] = "";
	char time[32] = "";

	if (run->timeout)
		cli_time_text(run->timeout, time, sizeof(time));
	if (sluice_rwlock_info(run->rwlock, &info) == 0) {
		if (info.owner)
			snprintf(holder, sizeof(holder), " by process %u", info.owner);
		else if (info.readers)
			snprintf(holder, sizeof(holder), " by %u reader%s", info.readers,
				 info.readers == 1 ? "" : "s");
	}
	cli_fail("rwlock '%s': %sheld%s%s%s", run->name, *time ? "still " : "", holder,
		 *time ? " after " : "", time);
	return CLI_TIMED_OUT;
}

/* Returns an exit status, or -1: it is ours. */
static int rwlock_lock(struct rwlock_run *run)
{
	int code;

	do
		code = run->shared ? sluice_rwlock_lock_shared(run->rwlock, run->timeout)
				   : sluice_rwlock_lock_exclusive(run->rwlock, run->timeout);
	while (code == SLUICE_EINTR && !cli_stopped());
	if (code == SLUICE_EINTR)
		return CLI_FAILED;
	if (code == SLUICE_ETIMEDOUT || code == SLUICE_EAGAIN)
		return rwlock_timed_out(run);
	if (code < 0)
		return cli_fail_code("rwlock", run->name, code);
	run->recovered = code == SLUICE_RECOVERED;
	return -1;
}

static void rwlock_started(void *context, pid_t pid)
{
	sluice_rwlock_set_hint(context, (uint32_t)pid);
}

static int rwlock_run_command(struct rwlock_run *run)
{
	struct cli_run command = { .command = run->command,
				   .hold_fd = sluice_rwlock_hold_fd(run->rwlock),
				   .recovered = run->recovered,
				   .started = rwlock_started,
				   .context = run->rwlock };
	enum cli_ending ending;
	int status = cli_run(&command, &ending);
	int code;

	if (!run->shared && (ending == CLI_KILLED || (ending == CLI_NOT_STARTED && run->recovered)))
		return status;
	code = sluice_rwlock_unlock(run->rwlock);
	if (code < 0 && code != SLUICE_EREMOVED)
		cli_fail_code("rwlock", run->name, code);
	return status;
}

static int rwlock_run(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_rwlock_options options = { .size = sizeof(options) };
	struct rwlock_run run = { .timeout = SLUICE_FOREVER };
	int status;
	int key;

	while ((key = cli_next(arguments)) != -1)
		if (key == 's')
			run.shared = true;
		else
			run.timeout = cli_parse_timeout(arguments->verb, optarg);
	cli_operands(arguments, 2, INT32_MAX);
	run.name = arguments->operands[0];
	run.command = arguments->operands + 1;
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	status = sluice_rwlock_open(run.name, &options, &run.rwlock);
	if (status < 0)
		return cli_fail_open("rwlock", run.name, status, diagnostic);
	cli_catch_stop();
	status = rwlock_lock(&run);
	if (status == -1)
		status = rwlock_run_command(&run);
	sluice_rwlock_close(run.rwlock);
	return cli_stopped() ? cli_end_by_signal() : status;
}

static const struct cli_option rwlock_run_options[] = {
	{ "shared", 's', NULL, "hold it with others who only read" },
	{ "timeout", CLI_LONG, "TIME", "wait no longer than this for the lock (250ms, 2s, 1m)" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb rwlock_run_verb = {
	.noun = "rwlock",
	.name = "run",
	.usage = "NAME [--shared] [--timeout TIME] -- COMMAND [ARGUMENT...]",
	.summary = "run a command while holding a reader-writer lock",
	.help = "Runs COMMAND alone or, with --shared, together with others that are run so, and\n"
		"releases when it exits, whatever it left running in the background. The lock NAME\n"
		"is made if there is none. Who waits to write is not overtaken by new readers; who\n"
		"waits to read is overtaken by one writer at the most. If only this program is\n"
		"killed, COMMAND keeps holding until it ends.\n"
		"\n"
		"COMMAND finds SLUICE_RECOVERED=1 in its environment when a writer died before it\n"
		"was done (one that a signal ended counts as dead) and nobody has written since:\n"
		"what the lock guards may be half written.\n"
		"\n"
		"The exit status is COMMAND's; 128 + N if signal N killed it; 126 or 127 if it\n"
		"cannot be run or found; 124 if the time was up. SIGINT, SIGTERM, SIGHUP,\n"
		"SIGQUIT, SIGUSR1 and SIGUSR2 are passed on to COMMAND.",
	.options = rwlock_run_options,
	.run = rwlock_run,
	.command_at = 2,
};
