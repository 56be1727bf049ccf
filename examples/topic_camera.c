/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_camera - frames of 8 MiB, written in place and read in place, by three readers of different speed
 *
 * A recorder must have every frame, so the camera waits for it. A display wants the newest only. An
 * analyser takes its time, and is told how many frames it lost.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FRAME ((size_t)8 << 20)
#define FRAMES 20

static int64_t check(const char *what, int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
		exit(1);
	}
	return result;
}

static void nap(long ms)
{
	struct timespec time = { 0, ms * 1000000 };

	nanosleep(&time, NULL);
}

static void watch(const char *name, uint32_t policy, long ms, int ready)
{
	struct sluice_topic_options options = { .size = sizeof(options) };
	struct sluice_topic_message info = { .size = sizeof(info) };
	sluice_subscriber *subscriber;
	const void *frame;
	int seen = 0;
	int64_t r;

	options.policy = policy;
	options.flags = SLUICE_EXPECT_PUBLISHER;
	check("subscribe", sluice_subscriber_open("camera", &options, &subscriber));
	if (write(ready, "", 1) != 1)
		exit(1);
	while ((r = sluice_subscriber_borrow(subscriber, &frame, &info, SLUICE_FOREVER)) >= 0) {
		seen++;
		nap(ms); /* nobody writes into the frame meanwhile */
		sluice_subscriber_return(subscriber, frame);
	}
	if (r != SLUICE_ENOPUBLISHER)
		check("borrow", r);
	printf("%-8s saw %d frames, lost %lld\n", name, seen,
	       (long long)sluice_subscriber_lost(subscriber));
	sluice_subscriber_close(subscriber);
	exit(0);
}

int main(void)
{
	struct sluice_topic_options options = { .size = sizeof(options) };
	sluice_publisher *camera;
	char byte;
	int ready[2];

	options.message_max = FRAME;
	options.depth = 2;
	options.subscribers = 3;
	options.publishers = 1;
	check("open", sluice_publisher_open("camera", &options, &camera));
	if (pipe(ready) < 0)
		return 1;
	if (fork() == 0)
		watch("recorder", SLUICE_WAIT, 1, ready[1]);
	if (fork() == 0)
		watch("display", SLUICE_LATEST, 10, ready[1]);
	if (fork() == 0)
		watch("analyser", SLUICE_OVERWRITE, 30, ready[1]);
	for (int i = 0; i < 3; i++)
		if (read(ready[0], &byte, 1) != 1)
			return 1;
	for (int i = 0; i < FRAMES; i++) {
		void *frame;

		check("reserve", sluice_publisher_reserve(camera, FRAME, &frame, SLUICE_FOREVER));
		memset(frame, i, FRAME);
		check("commit", sluice_publisher_commit(camera, frame, FRAME, SLUICE_FOREVER));
	}
	sluice_publisher_close(camera);
	while (wait(NULL) > 0)
		;
	return sluice_remove("camera") < 0;
}
