/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * request_reply - one server, several clients, and each client gets its own answers
 *
 * Requests go through one queue, replies through another, so that a flood of requests never takes
 * the room that replies need. A reply's type is the number of the client it is for; a client
 * receives messages of its own type only.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 3
#define QUESTIONS 4

struct request {
	int64_t client; /* the type of the reply */
	int32_t number;
	int32_t zero;
};

static void check(const char *what, int64_t result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
	exit(1);
}

static void client(sluice_queue *requests, sluice_queue *replies, int64_t self)
{
	for (int32_t i = 1; i <= QUESTIONS; i++) {
		struct request request = { .client = self, .number = 10 * (int32_t)self + i };
		int64_t square, result;

		result = sluice_queue_send(requests, 1, &request, sizeof(request), SLUICE_S(5));
		check("request", result);
		result = sluice_queue_receive(replies, self, &square, sizeof(square), NULL,
					      SLUICE_S(5));
		check("reply", result);
		printf("client %lld: %d squared is %lld\n", (long long)self, request.number,
		       (long long)square);
	}
	fflush(stdout);
}

static void serve(sluice_queue *requests, sluice_queue *replies)
{
	struct request request;
	int64_t square, result;

	result = sluice_queue_receive(requests, 0, &request, sizeof(request), NULL, SLUICE_S(5));
	check("receive", result);
	square = (int64_t)request.number * request.number;
	result = sluice_queue_send(replies, request.client, &square, sizeof(square), SLUICE_S(5));
	check("answer", result);
}

int main(void)
{
	sluice_queue *requests, *replies;
	int failed = 0;

	check("open", sluice_queue_open(NULL, NULL, &requests));
	check("open", sluice_queue_open(NULL, NULL, &replies));
	for (int64_t self = 1; self <= CLIENTS; self++)
		if (fork() == 0) {
			client(requests, replies, self);
			_exit(0);
		}
	for (int i = 0; i < CLIENTS * QUESTIONS; i++)
		serve(requests, replies);
	for (int i = 0, status; i < CLIENTS && wait(&status) > 0; i++)
		failed |= status;
	sluice_queue_close(requests);
	sluice_queue_close(replies);
	return failed != 0;
}
