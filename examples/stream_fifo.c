/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_fifo - read what a shell writes, which knows nothing of Sluice
 *
 * With another address, unix:PATH or tcp:HOST:PORT or a name, the calls stay the same.
 */
#include <sluice.h>

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void start_shell(const char *fifo)
{
	char command[128];
	char *arguments[] = { "sh", "-c", command, NULL };
	pid_t pid;

	snprintf(command, sizeof(command), "echo by any road > %s", fifo);
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ) != 0)
		exit(1);
}

static sluice_stream *open_reader(const char *fifo)
{
	struct sluice_stream_options options = { .size = sizeof(options), .role = SLUICE_READ };
	char address[128], why[256] = "";
	sluice_stream *stream;

	snprintf(address, sizeof(address), "fifo:%s", fifo);
	options.open_timeout_ns = SLUICE_S(5); /* for somebody who opens the other end */
	options.diagnostic = why;
	options.diagnostic_size = sizeof(why);
	if (sluice_stream_open(address, &options, &stream) == 0)
		return stream;
	fprintf(stderr, "%s\n", why);
	exit(1);
}

int main(void)
{
	char directory[] = "/tmp/stream_fifo.XXXXXX", fifo[64], text[64];
	sluice_stream *reader;
	int64_t n;

	if (!mkdtemp(directory))
		return 1;
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	if (mkfifo(fifo, 0600) != 0)
		return 1;
	start_shell(fifo);
	reader = open_reader(fifo);
	while ((n = sluice_stream_read(reader, text, sizeof(text), SLUICE_S(5))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	sluice_stream_close(reader);
	wait(NULL);
	unlink(fifo);
	rmdir(directory);
	return n == 0 ? 0 : 1;
}
