/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* run.h - COMMAND, run while this program holds something for it */
#ifndef SLUICE_CLI_RUN_H
#define SLUICE_CLI_RUN_H

#include "util.h"

#include <sys/types.h>

enum cli_ending { CLI_NOT_STARTED, CLI_EXITED, CLI_KILLED };

struct cli_run {
	char **command;
	int hold_fd;    /* COMMAND gets a duplicate: it keeps holding if we are killed */
	bool recovered; /* COMMAND is told that the last holder died */
	void (*started)(void *context, pid_t pid);
	void *context;
};

/* cli_run() - run it to its end, passing signals on; its exit status, and in what way it ended. */
int cli_run(const struct cli_run *run, enum cli_ending *ret_ending);

#endif
