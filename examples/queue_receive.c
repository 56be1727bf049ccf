/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_receive NAME - wait for one message and print it; the other end is queue_send NAME, or
 * sluice queue send NAME. Without arguments it sends the message to itself.
 */
#include <sluice.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	char text[65536]; /* message_max of a queue with default options */
	sluice_queue *queue;
	int64_t length = sluice_queue_open(name, NULL, &queue);

	if (length == 0) {
		if (!name)
			length = sluice_queue_send(queue, 1, "hello, me", 9, SLUICE_S(5));
		if (length == 0)
			length = sluice_queue_receive(queue, 0, text, sizeof(text), NULL,
						      SLUICE_FOREVER);
		sluice_queue_close(queue);
	}
	if (length < 0) {
		fprintf(stderr, "cannot receive: %s\n", sluice_error_text((int)length));
		return 1;
	}
	printf("%.*s\n", (int)length, text);
	return 0;
}
