/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * share_fd - give an anonymous queue to another program, by descriptors
 *
 * The queue has no name, so nobody can open it who was not given its descriptors. Here they go
 * through exec; over a Unix socket (SCM_RIGHTS) it is the same, with the numbers they have there.
 */
#include <sluice.h>

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int check(const char *what, int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
		exit(1);
	}
	return (int)result;
}

/* The other program: it opens "fd:N" in place of a name. */
static int guest(const char *address)
{
	sluice_queue *queue;
	char text[64];
	int64_t length;

	check("open", sluice_queue_open(address, NULL, &queue));
	length = sluice_queue_receive(queue, 1, text, sizeof(text), NULL, SLUICE_S(5));
	check("receive", length);
	printf("guest: got '%.*s'\n", (int)length, text);
	check("send", sluice_queue_send(queue, 2, "thanks", 6, SLUICE_S(5)));
	sluice_queue_close(queue);
	return 0;
}

/* The address of the queue in a program that inherits these duplicates; dup(2) clears CLOEXEC. */
static void make_address(sluice_queue *queue, int *kept, int *count, char *address, size_t size)
{
	int fds[3];
	int used = snprintf(address, size, "fd:");

	*count = check("share", sluice_queue_share(queue, fds));
	for (int i = 0; i < *count; i++) {
		kept[i] = dup(fds[i]);
		used += snprintf(address + used, size - (size_t)used, i ? ",%d" : "%d", kept[i]);
	}
}

int main(int argc, char **argv)
{
	char address[64], text[64];
	char *arguments[] = { argv[0], address, NULL };
	int kept[3], count, status = 1;
	int64_t length;
	sluice_queue *queue;
	pid_t child;

	if (argc > 1)
		return guest(argv[1]);
	check("open", sluice_queue_open(NULL, NULL, &queue));
	make_address(queue, kept, &count, address, sizeof(address));
	if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) != 0)
		return 1;
	for (int i = 0; i < count; i++)
		close(kept[i]);
	check("send", sluice_queue_send(queue, 1, "hello, guest", 12, SLUICE_S(5)));
	length = sluice_queue_receive(queue, 2, text, sizeof(text), NULL, SLUICE_S(5));
	check("receive", length);
	waitpid(child, &status, 0);
	printf("host: got '%.*s'\n", (int)length, text);
	sluice_queue_close(queue);
	return status != 0;
}
