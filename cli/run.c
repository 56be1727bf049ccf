/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * run.c - COMMAND, run while this program holds something for it
 *
 * What is held belongs to an open file description. COMMAND is given a duplicate of its descriptor:
 * when this process alone is killed, the kernel still sees it held, and nobody else gets in before
 * COMMAND is gone. When COMMAND exits, the caller releases at once, whatever COMMAND left running in
 * the background with the descriptor inherited.
 */
#include "run.h"

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

/*
 * The signals that are passed on, or end the wait, are blocked from here on and taken one by one;
 * a SIGCHLD somebody made us ignore would take the exit status away.
 */
static void run_block_signals(sigset_t *set, sigset_t *ret_before)
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
	sigprocmask(SIG_BLOCK, set, ret_before);
}

static int run_spawn(const struct cli_run *run, const sigset_t *before, pid_t *ret_pid)
{
	posix_spawnattr_t attributes;
	int copy = run->hold_fd < 0 ? -1 : fcntl(run->hold_fd, F_DUPFD, HOLD_FD_LEAST);
	int error;

	if (copy < 0)
		return run->hold_fd < 0 ? EBADF : errno;
	if (run->recovered)
		error = setenv(RECOVERED_VARIABLE, "1", 1) < 0 ? errno : 0;
	else
		error = unsetenv(RECOVERED_VARIABLE) < 0 ? errno : 0;
	if (!error)
		error = posix_spawnattr_init(&attributes);
	if (!error) {
		posix_spawnattr_setsigmask(&attributes, before);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
		error = posix_spawnp(ret_pid, run->command[0], NULL, &attributes, run->command,
				     environ);
		posix_spawnattr_destroy(&attributes);
	}
	close(copy);
	return error;
}

static int run_cannot(const struct cli_run *run, int error)
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
static int run_wait(pid_t pid, const sigset_t *set)
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

int cli_run(const struct cli_run *run, enum cli_ending *ret_ending)
{
	sigset_t set, before;
	pid_t pid = 0;
	int status;
	int error;

	*ret_ending = CLI_NOT_STARTED;
	run_block_signals(&set, &before);
	error = cli_stopped() ? EINTR : run_spawn(run, &before, &pid);
	if (error)
		return error == EINTR ? CLI_FAILED : run_cannot(run, error);
	if (run->started)
		run->started(run->context, pid);
	status = run_wait(pid, &set);
	*ret_ending = WIFSIGNALED(status) ? CLI_KILLED : CLI_EXITED;
	return WIFSIGNALED(status) ? CLI_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}
