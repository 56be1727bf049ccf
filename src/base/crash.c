/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crash.c - the test build's side of crash.h; empty in a release */
#include "crash.h"

#if defined(SLI_CRASH_POINTS) || defined(SLI_MUTANTS)
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#endif

#ifdef SLI_CRASH_POINTS
void sli_crash_point(const char *name)
{
	static int passed;
	const char *wanted = getenv("SLUICE_CRASH");
	size_t length = strlen(name);

	if (!wanted || strncmp(wanted, name, length) != 0)
		return;
	if (wanted[length] != '\0' && wanted[length] != ':')
		return;
	passed++;
	if (wanted[length] == ':' && passed < atoi(wanted + length + 1))
		return;
	kill(getpid(), SIGKILL);
}
#endif

#ifdef SLI_MUTANTS
int sli_mutant(const char *name)
{
	const char *wanted = getenv("SLUICE_MUTANT");

	return wanted && strcmp(wanted, name) == 0;
}
#endif

#if !defined(SLI_CRASH_POINTS) && !defined(SLI_MUTANTS)
typedef int sli_crash_unused; /* C wants a declaration in every file */
#endif
