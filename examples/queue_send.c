/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_send NAME [TEXT] - send one message to a queue; it stays there until somebody receives it.
 * Without arguments the queue is anonymous, and the message goes with this program.
 */
#include <sluice.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const char *text = argc > 2 ? argv[2] : "hello";
	sluice_queue *queue;
	int result = sluice_queue_open(name, NULL, &queue);

	if (result == 0) {
		result = sluice_queue_send(queue, 1, text, strlen(text), SLUICE_S(5));
		sluice_queue_close(queue);
	}
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", name ? name : "queue", sluice_error_text(result));
		return 1;
	}
	printf("sent %zu bytes\n", strlen(text));
	return 0;
}
