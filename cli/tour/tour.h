/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tour.h - what the stops of the tour share
 *
 * A stop is one function: it says in a line or two what the facility is, has real processes do
 * something with it, checks what came of it, and says that. It returns false when something was not
 * as it must be, and has then said what; the tour ends there and fails.
 *
 * Objects get their names from tour_name(), files from tour_file(), processes from tour_start():
 * so the end of the tour, whatever it is, knows what to remove and whom to end.
 */
#ifndef SLUICE_CLI_TOUR_H
#define SLUICE_CLI_TOUR_H

#include "../util.h"

#include <sys/types.h>

#define TOUR_PATIENCE_NS SLUICE_S(20) /* after which something is wrong */
#define TOUR_NAME_SIZE 64
#define TOUR_PATH_SIZE 256

struct tour;

typedef bool tour_stop(struct tour *tour);

tour_stop tour_pipe;
tour_stop tour_fifo;
tour_stop tour_socket;
tour_stop tour_queue;
tour_stop tour_datagram;
tour_stop tour_topic;
tour_stop tour_memory;
tour_stop tour_mapped_file;
tour_stop tour_semaphore;
tour_stop tour_mutex;
tour_stop tour_file_lock;
tour_stop tour_threads;
tour_stop tour_compare;

/* Objects' open calls may say here what went wrong; tour_fail() prints it. */
#define TOUR_DIAGNOSTIC_SIZE 512
char *tour_diagnostic(struct tour *tour);

/* Telling. tour_say() is a line of text; lines stay within 80 columns. */
void tour_say(const char *format, ...) CLI_PRINTF(1, 2);
/* tour_fail() - false, having said what failed; @code: from a call, or 0. */
bool tour_fail(struct tour *tour, const char *what, int code);
/* tour_check() - is @right? else tour_fail(). */
bool tour_check(struct tour *tour, bool right, const char *what);

/* A name for an object, removed when the tour ends. */
void tour_name(struct tour *tour, const char *what, char name[TOUR_NAME_SIZE]);
/* A path in a directory of the tour's own, likewise. */
bool tour_file(struct tour *tour, const char *what, char path[TOUR_PATH_SIZE]);

/*
 * A process that runs @body and ends with what it returns; it dies with the tour. Negative when there
 * is none to be had. What it inherits of open objects works in it as a participant of its own.
 */
pid_t tour_start(struct tour *tour, int (*body)(struct tour *tour, void *context), void *context);
/* Wait for its end; true if that was status 0. */
bool tour_ended_well(struct tour *tour, pid_t pid);
/* Likewise; true if that was SIGKILL, its own. */
bool tour_was_killed(struct tour *tour, pid_t pid);
/* kill -9, and wait for the end. */
void tour_kill(struct tour *tour, pid_t pid);

/* "1.2 ms" */
const char *tour_since(int64_t start_ns, char buffer[32]);

#endif
