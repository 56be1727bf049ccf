/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* advice.c - the table "what to pick for what", with what was measured of each here */
#include "page.h"

struct advice {
	const char *job;
	const char *pick;
	const char *driver; /* whose numbers stand beside it */
	const char *death;  /* what a death leaves behind */
	const char *instead;
};

static const struct advice advices[] = {
	{ "Jobs and messages, each for one of several", "queue", "queue",
	  "nothing committed is lost; a borrowed message comes back",
	  "System V messages when no library may be had" },
	{ "Bytes in order, one to one", "stream", "stream", "the reader sees the end",
	  "a pipe when the other side is a shell" },
	{ "Bytes with a program that knows nothing of Sluice",
	  "stream on fifo:, unix: or tcp:", "stream-unix", "the reader sees the end", "" },
	{ "Bytes to another machine", "stream on tcp:", "stream-tcp", "the end, or a timeout", "" },
	{ "Messages by a socket, here or elsewhere", "datagram", "datagram",
	  "what was sent before is there", "" },
	{ "The same messages for many readers", "topic", "topic",
	  "subscribers see all that was published", "" },
	{ "A structure of your own that all see", "memory", "memory",
	  "the mutex tells the next owner", "a mapped file if it must last" },
	{ "One at a time", "mutex", "mutex", "the next owner is told",
	  "a pthread mutex inside one process" },
	{ "Many that read, now and then one that writes", "rwlock", "rwlock",
	  "a dead reader is passed over; the next after a dead writer is told", "" },
	{ "At most N at once", "semaphore", "semaphore", "units of the dead come back", "" },
	{ "Wake somebody, no content", "semaphore (post, wait)", "semaphore", "nothing",
	  "an eventfd in an event loop" },
	{ "Go on together", "barrier", "barrier", "the others are told", "" },
	{ "Wait until something guarded has changed", "condition", "condition",
	  "nobody is left waiting", "" },
	{ "A file that other programs lock too", "file lock", "file-lock", "the kernel unlocks",
	  "flock(1) in a script" },
};

static void print_number(FILE *file, const char *label, const struct bench_case *one)
{
	char text[64];

	fprintf(file, "<td data-label=\"%s\">%s</td>", label,
		one ? bench_value_text(one->measure, one->value.median, text, sizeof(text)) : "");
}

void bench_advice(FILE *file, const struct bench_plan *plan)
{
	fputs("<h2>What to pick for what</h2>\n<div class=\"table cards\"><table><thead><tr>"
	      "<th>you want</th><th class=\"words\">pick</th><th>spinning</th><th>sleeping</th>"
	      "<th>64-byte messages</th><th>lock, unlock</th>"
	      "<th class=\"words\">when a process is killed</th>"
	      "<th class=\"words\">or</th></tr></thead><tbody>\n",
	      file);
	for (size_t i = 0; i < BENCH_COUNT(advices); i++) {
		const struct advice *advice = &advices[i];

		fprintf(file, "<tr><td class=\"words\">%s</td><td class=\"words\"><b>%s</b></td>",
			advice->job, advice->pick);
		print_number(file, "spinning", bench_find(plan, advice->driver, BENCH_SPIN, 0));
		print_number(file, "sleeping", bench_find(plan, advice->driver, BENCH_SLEEP, 0));
		print_number(file, "64-byte messages",
			     bench_find(plan, advice->driver, BENCH_FLOW, 64));
		print_number(file, "lock, unlock", bench_find(plan, advice->driver, BENCH_LOCK, 0));
		fprintf(file,
			"<td class=\"words\" data-label=\"when a process is killed\">%s</td>"
			"<td class=\"words\" data-label=\"or\">%s</td></tr>\n",
			advice->death, advice->instead);
	}
	fputs("</tbody></table></div>\n", file);
}
