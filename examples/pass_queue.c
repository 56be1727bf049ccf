/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * pass_queue - an anonymous queue, made in one program and used in another
 *
 * The queue has no name. What the other program has is the address of a Unix socket; the queue's
 * descriptors come through it. Both sides are this program, started twice.
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

static sluice_queue *take_queue(sluice_stream *stream)
{
	int got[3];
	struct sluice_fds fds = { got, 3, 0, 0, 0 };
	sluice_queue *queue;
	char name[64], byte;

	check("receive", sluice_stream_receive_fds(stream, &byte, 1, &fds, SLUICE_S(5)));
	if (fds.count == 3)
		snprintf(name, sizeof(name), "fd:%d,%d,%d", got[0], got[1], got[2]);
	else
		snprintf(name, sizeof(name), "fd:%d", fds.count ? got[0] : -1);
	check("open queue", sluice_queue_open(name, NULL, &queue));
	for (uint32_t i = 0; i < fds.count; i++)
		close(got[i]); /* the queue has its own */
	return queue;
}

static int guest(const char *address)
{
	sluice_stream *stream;
	sluice_queue *queue;
	char text[64];
	int length;

	check("connect", sluice_stream_open(address, NULL, &stream));
	queue = take_queue(stream);
	length = check("receive",
		       sluice_queue_receive(queue, 1, text, sizeof(text), NULL, SLUICE_S(5)));
	printf("guest: got '%.*s'\n", length, text);
	check("send", sluice_queue_send(queue, 2, "thanks", 6, SLUICE_S(5)));
	sluice_queue_close(queue);
	sluice_stream_close(stream);
	return 0;
}

static void give_queue(sluice_listener *listener, sluice_queue *queue)
{
	struct sluice_peer peer = { .size = sizeof(peer) };
	sluice_stream *stream;
	int fds[3], count;

	check("accept", sluice_listener_accept(listener, &stream, SLUICE_S(5)));
	check("peer", sluice_stream_peer(stream, &peer));
	printf("host: process of user %u connected\n", peer.uid == getuid() ? peer.uid : 0);
	count = check("share", sluice_queue_share(queue, fds));
	check("send", sluice_stream_send_fds(stream, "q", 1, fds, (size_t)count, SLUICE_S(5)));
	sluice_stream_close(stream);
}

int main(int argc, char **argv)
{
	char address[64], text[64];
	char *arguments[] = { argv[0], address, NULL };
	struct sluice_listener_options options = { .size = sizeof(options) };
	uint32_t me = getuid();
	sluice_listener *listener;
	sluice_queue *queue;
	int status = 1, length;
	pid_t child;

	if (argc > 1)
		return guest(argv[1]);
	snprintf(address, sizeof(address), "unix:@sluice-example-%d", (int)getpid());
	options.allowed_uids = &me;
	options.allowed_uids_count = 1;
	check("listen", sluice_listener_open(address, &options, &listener));
	check("open", sluice_queue_open(NULL, NULL, &queue));
	if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) != 0)
		return 1;
	give_queue(listener, queue);
	check("send", sluice_queue_send(queue, 1, "hello, guest", 12, SLUICE_S(5)));
	length = check("receive",
		       sluice_queue_receive(queue, 2, text, sizeof(text), NULL, SLUICE_S(5)));
	waitpid(child, &status, 0);
	printf("host: got '%.*s'\n", length, text);
	sluice_queue_close(queue);
	sluice_listener_close(listener);
	return status != 0;
}
