/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_file - two processes edit one file in memory; each has a part of it
 *
 * A line of text is 32 bytes and begins anywhere, here behind a heading of 11 bytes.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADING "line book:\n"
#define LINE 32u

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

static void write_line(const char *path, unsigned number, const char *text)
{
	struct sluice_memory_file_options options = { .size = sizeof(options) };
	sluice_memory *line;
	char padded[LINE + 1];

	options.offset = strlen(HEADING) + number * LINE;
	options.length = LINE;
	check("map", sluice_memory_map_file(path, &options, &line));
	snprintf(padded, sizeof(padded), "%-31s\n", text);
	memcpy(sluice_memory_data(line), padded, LINE);
	check("sync", sluice_memory_sync(line, 0, LINE, SLUICE_SYNC_DATA));
	sluice_memory_close(line);
}

int main(void)
{
	struct sluice_memory_file_options options = { .size = sizeof(options) };
	char path[64], line[LINE];
	sluice_memory *book;

	snprintf(path, sizeof(path), "/tmp/sluice-book-%d", (int)getpid());
	options.length = strlen(HEADING) + 2 * LINE;
	check("make", sluice_memory_map_file(path, &options, &book));
	memcpy(sluice_memory_data(book), HEADING, strlen(HEADING));
	if (fork() == 0) {
		write_line(path, 1, "the child was here");
		_exit(0);
	}
	write_line(path, 0, "and so was the parent");
	wait(NULL);
	for (unsigned i = 0; i < 2; i++) {
		check("read", sluice_memory_copy(book, strlen(HEADING) + i * LINE, line, LINE));
		fwrite(line, 1, LINE, stdout);
	}
	sluice_memory_close(book);
	unlink(path);
	return strncmp(line, "the child was here", 18) != 0;
}
