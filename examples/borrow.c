/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * borrow - every job is processed at least once, although a worker is killed at its job
 *
 * A borrowed message stays in the queue until the worker says that it is done with it. If the
 * worker dies first, the message goes back to its place, marked as redelivered.
 */
#include <sluice.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(const char *what, int64_t result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
	exit(1);
}

/* Take one job and do it; @killed_by: a signal that comes before it is done. */
static void work(sluice_queue *jobs, int killed_by)
{
	struct sluice_message message = { .size = sizeof(message) };
	const void *job;
	int64_t length = sluice_queue_borrow(jobs, 0, &job, &message, SLUICE_S(5));

	check("borrow", length);
	printf("%s: %.*s", killed_by ? "A" : "B", (int)length, (const char *)job);
	printf(message.flags & SLUICE_REDELIVERED ? ", redelivered\n" : "\n");
	fflush(stdout);
	if (killed_by)
		raise(killed_by);
	check("consume", sluice_queue_consume(jobs, job));
}

int main(void)
{
	static const char *const names[] = { "sweep the floor", "water the plants",
					     "feed the cat" };
	sluice_queue *jobs;

	check("open", sluice_queue_open(NULL, NULL, &jobs));
	for (int i = 0; i < 3; i++)
		check("send", sluice_queue_send(jobs, 1, names[i], strlen(names[i]), SLUICE_S(5)));
	if (fork() == 0)
		work(jobs, SIGKILL);
	wait(NULL);
	printf("A was killed at its job\n");
	for (int i = 0; i < 3; i++)
		work(jobs, 0);
	sluice_queue_close(jobs);
	return 0;
}
