/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * zero_copy - large messages that nobody copies
 *
 * The sender reserves room in the queue and writes the message there; the receiver borrows it and
 * reads it there. The ring must hold eight messages of the largest size.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_SIZE ((size_t)4 << 20)
#define FRAMES 8

static void check(const char *what, int64_t result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
	exit(1);
}

static void camera(sluice_queue *frames)
{
	for (int i = 1; i <= FRAMES; i++) {
		void *frame;
		int result = sluice_queue_reserve(frames, FRAME_SIZE, &frame, SLUICE_S(5));

		check("reserve", result);
		memset(frame, i, FRAME_SIZE); /* it is made where it is sent from */
		check("commit", sluice_queue_commit(frames, frame, i, FRAME_SIZE));
	}
}

static void viewer(sluice_queue *frames)
{
	for (int i = 1; i <= FRAMES; i++) {
		const void *frame;
		int64_t size = sluice_queue_borrow(frames, 0, &frame, NULL, SLUICE_S(5));
		const unsigned char *pixels = frame;

		check("borrow", size);
		printf("frame %d: %lld bytes, ", i, (long long)size);
		printf("from %d to %d\n", pixels[0], pixels[size - 1]);
		check("consume", sluice_queue_consume(frames, frame));
	}
}

int main(void)
{
	struct sluice_queue_options options = {
		.size = sizeof(options),
		.message_max = FRAME_SIZE,
		.capacity = 8 * FRAME_SIZE,
	};
	sluice_queue *frames;

	check("open", sluice_queue_open(NULL, &options, &frames));
	if (fork() == 0) {
		camera(frames);
		_exit(0);
	}
	viewer(frames);
	wait(NULL);
	sluice_queue_close(frames);
	return 0;
}
