/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mutex.c - sluice mutex run: a command, one at a time
 *
 * The lock is owned by this process's place in the mutex, and what keeps a place alive is an open
 * file description. COMMAND is given a duplicate of that descriptor: when this process alone is
 * killed, the kernel still sees the place taken and nobody else gets in before COMMAND is gone.
 * When COMMAND exits, this process releases at once, whatever COMMAND left running in the
 * background with the descriptor inherited.
 *
 * A COMMAND that exits has, by exiting, left what the mutex guards in order. One that a signal
 * ended has not, nor has one that could not be started under a lock that came from the dead: then
 * the handle is closed while it holds, which counts as a death, and the next owner is told.
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECOVERED_VARIABLE "SLUICE_RECOVERED"
#define HOLD_FD_LEAST 10 /* leave the numbers alone that shell scripts use */

extern char **environ;

struct mutex_run {
	sluice_mutex *mutex;
	const char *name;
	char **command;
	int64_t timeout;
	bool recovered;
	sigset_t before; /* signal mask */
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

/*
 * The signals that are passed on, or end the wait, are blocked from here on and taken one by one;
 * a SIGCHLD somebody made us ignore would take the exit status away.
 */
static void mutex_block_signals(struct mutex_run *run, sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
	sigaddset(set, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, set, &run->before);
}

static int mutex_spawn(struct mutex_run *run, pid_t *ret_pid)
{
	posix_spawnattr_t attributes;
	int hold = sluice_mutex_hold_fd(run->mutex);
	int copy = hold < 0 ? -1 : fcntl(hold, F_DUPFD, HOLD_FD_LEAST);
	int error;

	if (copy < 0)
		return hold < 0 ? -hold : errno;
	if (run->recovered)
		error = setenv(RECOVERED_VARIABLE, "1", 1) < 0 ? errno : 0;
	else
		error = unsetenv(RECOVERED_VARIABLE) < 0 ? errno : 0;
	if (!error)
		error = posix_spawnattr_init(&attributes);
	if (!error) {
		posix_spawnattr_setsigmask(&attributes, &run->before);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
		error = posix_spawnp(ret_pid, run->command[0], NULL, &attributes, run->command,
				     environ);
		posix_spawnattr_destroy(&attributes);
	}
	close(copy);
	return error;
}

static int mutex_cannot_run(const struct mutex_run *run, int error)
{
	cli_fail("cannot run '%s': %s", run->command[0], strerror(error));
	switch (error) {
	case ENOENT:
		return CLI_NOT_FOUND;
	case EAGAIN:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return CLI_FAILED;
	default:
		return CLI_CANNOT_RUN;
	}
}

/* Pass signals on until COMMAND is gone; its wait status. */
static int mutex_wait(pid_t pid, const sigset_t *set)
{
	siginfo_t info;
	int status;

	for (;;) {
		pid_t gone = waitpid(pid, &status, WNOHANG);

		if (gone == pid)
			return status;
		if (gone < 0 && errno != EINTR)
			return 0;
		if (sigwaitinfo(set, &info) < 0 || info.si_signo == SIGCHLD)
			continue;
		/* What the terminal sends goes to the whole foreground, COMMAND included. */
		if (info.si_code != SI_KERNEL)
			kill(pid, info.si_signo);
	}
}

static int mutex_run_command(struct mutex_run *run)
{
	sigset_t set;
	pid_t pid;
	int status;
	int error;

	mutex_block_signals(run, &set);
	error = cli_stopped() ? EINTR : mutex_spawn(run, &pid);
	if (error) {
		if (!run->recovered)
			sluice_mutex_unlock(run->mutex);
		return error == EINTR ? CLI_FAILED : mutex_cannot_run(run, error);
	}
	sluice_mutex_set_hint(run->mutex, (uint32_t)pid);
	status = mutex_wait(pid, &set);
	if (WIFSIGNALED(status))
		return CLI_SIGNAL_BASE + WTERMSIG(status);
	error = sluice_mutex_unlock(run->mutex);
	if (error < 0 && error != SLUICE_EREMOVED)
		cli_fail_code("mutex", run->name, error);
	return WEXITSTATUS(status);
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
