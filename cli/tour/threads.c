/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * threads.c - the tour's stop at what threads of one process share: the same objects, private
 */
#include "tour.h"

#include <pthread.h>
#include <string.h>

#define NUMBERS 100000u

static void *thread_send(void *context)
{
	sluice_queue *queue = context;

	for (uint64_t i = 1; i <= NUMBERS; i++)
		if (sluice_queue_send(queue, 1 + (int64_t)(i % 2), &i, sizeof(i),
				      TOUR_PATIENCE_NS) < 0)
			return context;
	return NULL;
}

bool tour_threads(struct tour *tour)
{
	struct sluice_queue_options options = { .size = sizeof(options) };
	uint64_t sum = 0, number;
	char took[32];
	sluice_queue *queue;
	int64_t start, code;
	pthread_t thread;
	void *failed;

	options.flags = SLUICE_PRIVATE;
	code = sluice_queue_open(NULL, &options, &queue);
	if (code < 0)
		return tour_fail(tour, "cannot open a private queue", (int)code);
	start = cli_now();
	if (pthread_create(&thread, NULL, thread_send, queue) != 0) {
		sluice_queue_close(queue);
		return tour_fail(tour, "cannot start a thread", 0);
	}
	for (uint32_t i = 0; i < NUMBERS && code >= 0; i++) {
		code = sluice_queue_receive(queue, 0, &number, sizeof(number), NULL,
					    TOUR_PATIENCE_NS);
		if (code == SLUICE_EINTR && !cli_stopped()) {
			i--;
			code = 0;
			continue;
		}
		sum += code >= 0 ? number : 0;
	}
	if (code < 0)
		sluice_queue_interrupt(queue);
	pthread_join(thread, &failed);
	sluice_queue_close(queue);
	if (code < 0)
		return tour_fail(tour, "cannot receive from a thread", (int)code);
	if (!tour_check(tour, !failed && sum == (uint64_t)NUMBERS * (NUMBERS + 1) / 2,
			"messages between threads were lost"))
		return false;
	tour_say("%u messages from one thread to another in %s; no name, no file,", NUMBERS,
		 tour_since(start, took));
	tour_say("and the same calls and rules: SLUICE_PRIVATE.");
	return true;
}
