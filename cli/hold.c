/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * hold.c - sluice mutex run, sluice rwlock run: a command, one at a time or with others that read
 *
 * The lock is owned by this process's place in the object, and what keeps a place alive is an open
 * file description, of which COMMAND is given a duplicate (run.c).
 *
 * A COMMAND that exits has, by exiting, left what the lock guards in order. One that a signal
 * ended has not, nor has one that could not be started under a lock that came from the dead: then
 * the handle is closed while it holds, which counts as a death, and the next owner is told. One that
 * only read simply goes: it is told of a death, but it repairs nothing.
 */
#include "run.h"

#include <unistd.h>

struct hold {
	const char *noun, *name;
	sluice_mutex *mutex; /* one of the two */
	sluice_rwlock *rwlock;
	int64_t timeout;
	bool shared;
	bool recovered;
};

static int hold_open(struct hold *hold, bool is_mutex)
{
	char diagnostic[512] = "";
	struct sluice_mutex_options mutex = { .size = sizeof(mutex),
					      .diagnostic = diagnostic,
					      .diagnostic_size = sizeof(diagnostic) };
	struct sluice_rwlock_options rwlock = { .size = sizeof(rwlock),
						.diagnostic = diagnostic,
						.diagnostic_size = sizeof(diagnostic) };
	int code = is_mutex ? sluice_mutex_open(hold->name, &mutex, &hold->mutex)
			    : sluice_rwlock_open(hold->name, &rwlock, &hold->rwlock);

	return code < 0 ? cli_fail_open(hold->noun, hold->name, code, diagnostic) : 0;
}

static int hold_take(const struct hold *hold)
{
	if (hold->mutex)
		return sluice_mutex_lock(hold->mutex, hold->timeout);
	return hold->shared ? sluice_rwlock_lock_shared(hold->rwlock, hold->timeout)
			    : sluice_rwlock_lock_exclusive(hold->rwlock, hold->timeout);
}

/* " by process 7", or nothing. */
static void hold_say_who(const struct hold *hold, char *text, size_t size)
{
	struct sluice_mutex_info mutex = { .size = sizeof(mutex) };
	struct sluice_rwlock_info rwlock = { .size = sizeof(rwlock) };
	int code = hold->mutex ? sluice_mutex_info(hold->mutex, &mutex)
			       : sluice_rwlock_info(hold->rwlock, &rwlock);
	uint32_t owner = hold->mutex ? mutex.owner : rwlock.owner;

	*text = '\0';
	if (code == 0 && owner)
		snprintf(text, size, " by process %u", owner);
	else if (code == 0 && rwlock.readers)
		snprintf(text, size, " by %u reader%s", rwlock.readers,
			 rwlock.readers == 1 ? "" : "s");
}

static int hold_timed_out(const struct hold *hold)
{
	char holder[48], time[32] = "";

	if (hold->timeout)
		cli_time_text(hold->timeout, time, sizeof(time));
	hold_say_who(hold, holder, sizeof(holder));
	cli_fail("%s '%s': %sheld%s%s%s", hold->noun, hold->name, *time ? "still " : "", holder,
		 *time ? " after " : "", time);
	return CLI_TIMED_OUT;
}

/* Returns an exit status, or -1: it is ours. */
static int hold_lock(struct hold *hold)
{
	int code;

	do
		code = hold_take(hold);
	while (code == SLUICE_EINTR && !cli_stopped());
	if (code == SLUICE_EINTR)
		return CLI_FAILED;
	if (code == SLUICE_ETIMEDOUT || code == SLUICE_EAGAIN)
		return hold_timed_out(hold);
	if (code < 0)
		return cli_fail_code(hold->noun, hold->name, code);
	hold->recovered = code == SLUICE_RECOVERED;
	return -1;
}

static void hold_started(void *context, pid_t pid)
{
	const struct hold *hold = context;

	if (hold->mutex)
		sluice_mutex_set_hint(hold->mutex, (uint32_t)pid);
	else
		sluice_rwlock_set_hint(hold->rwlock, (uint32_t)pid);
}

static int hold_run_command(struct hold *hold, char **arguments)
{
	struct cli_run command = { .command = arguments,
				   .hold_fd = hold->mutex ? sluice_mutex_hold_fd(hold->mutex)
							  : sluice_rwlock_hold_fd(hold->rwlock),
				   .recovered = hold->recovered,
				   .started = hold_started,
				   .context = hold };
	enum cli_ending ending;
	int status = cli_run(&command, &ending);
	int code;

	if (!hold->shared &&
	    (ending == CLI_KILLED || (ending == CLI_NOT_STARTED && hold->recovered)))
		return status;
	code = hold->mutex ? sluice_mutex_unlock(hold->mutex) : sluice_rwlock_unlock(hold->rwlock);
	if (code < 0 && code != SLUICE_EREMOVED)
		cli_fail_code(hold->noun, hold->name, code);
	return status;
}

static int hold_run(struct cli_arguments *arguments)
{
	struct hold hold = { .noun = arguments->verb->noun, .timeout = SLUICE_FOREVER };
	int status;
	int key;

	while ((key = cli_next(arguments)) != -1)
		if (key == 's')
			hold.shared = true;
		else
			hold.timeout = cli_parse_timeout(arguments->verb, optarg);
	cli_operands(arguments, 2, INT32_MAX);
	hold.name = arguments->operands[0];
	status = hold_open(&hold, arguments->verb == &mutex_run_verb);
	if (status)
		return status;
	cli_catch_stop();
	status = hold_lock(&hold);
	if (status == -1)
		status = hold_run_command(&hold, arguments->operands + 1);
	sluice_mutex_close(hold.mutex);
	sluice_rwlock_close(hold.rwlock);
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
	.run = hold_run,
	.command_at = 2,
};

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
	.run = hold_run,
	.command_at = 2,
};
