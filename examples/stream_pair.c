/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_pair - as pipe(2) and fork(2): a child writes, its parent reads to the end
 *
 * The child is killed in the middle, and it is the end all the same: what it wrote comes first.
 */
#include <sluice.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t check(const char *what, int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
		exit(1);
	}
	return result;
}

/* Both ends came along; it closes the one that is not its own. */
static void child(sluice_stream *reader, sluice_stream *writer)
{
	static const char text[] = "this much I could say\n";

	sluice_stream_close(reader);
	check("write", sluice_stream_write(writer, text, strlen(text), SLUICE_FOREVER));
	raise(SIGKILL);
}

int main(void)
{
	sluice_stream *reader, *writer;
	int64_t total = 0, n;
	char part[64];
	pid_t pid;

	check("pair", sluice_stream_pair(NULL, &reader, &writer));
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0)
		child(reader, writer);
	sluice_stream_close(writer);
	while ((n = check("read", sluice_stream_read(reader, part, sizeof(part), SLUICE_S(5))))) {
		fwrite(part, 1, (size_t)n, stdout);
		total += n;
	}
	printf("the end, after %d bytes\n", (int)total);
	sluice_stream_close(reader);
	waitpid(pid, NULL, 0);
	return total == 22 ? 0 : 1;
}
