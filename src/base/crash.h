/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * crash.h - named places to die at, and named bugs to be caught
 *
 * SLI_CRASH(name) marks a point where dying leaves a trace in shared memory; the comment beside it
 * says what the next process finds and who repairs it. Built with SLI_CRASH_POINTS, reaching the
 * point whose name is in $SLUICE_CRASH kills the process (from the n-th time on, with "name:n").
 * Names are never reused for something else.
 *
 * SLI_MUTANT(name) is false. Built with SLI_MUTANTS it is true while $SLUICE_MUTANT is that name:
 * a seeded bug, which the test-suite must notice (tests/crash).
 */
#ifndef SLI_CRASH_H
#define SLI_CRASH_H

#ifdef SLI_CRASH_POINTS
void sli_crash_point(const char *name);
#define SLI_CRASH(name) sli_crash_point(#name)
#else
#include "atomic.h"
#define SLI_CRASH(name) sli_fence_compiler()
#endif

#ifdef SLI_MUTANTS
int sli_mutant(const char *name);
#define SLI_MUTANT(name) sli_mutant(#name)
#else
#define SLI_MUTANT(name) 0
#endif

#endif
