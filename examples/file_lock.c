/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * file_lock - processes that add to a number in a file, one at a time
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH "counter.txt"

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

static void add_one(void)
{
	sluice_file_lock *lock;
	int number = 0;
	FILE *file;

	check("open", sluice_file_lock_open(PATH, NULL, &lock));
	check("acquire", sluice_file_lock_acquire(lock, SLUICE_EXCLUSIVE, 0, 0, SLUICE_S(5)));
	file = fopen(PATH, "r+");
	if (!file || fscanf(file, "%d", &number) != 1)
		number = 0;
	if (file) {
		rewind(file);
		fprintf(file, "%d\n", number + 1);
		fclose(file); /* which would have released a record lock of fcntl(2) */
	}
	sluice_file_lock_close(lock);
}

int main(void)
{
	int number = 0;
	FILE *file;

	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			for (int k = 0; k < 25; k++)
				add_one();
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	file = fopen(PATH, "r");
	if (!file || fscanf(file, "%d", &number) != 1)
		return 1;
	fclose(file);
	unlink(PATH);
	printf("%d\n", number);
	return number != 100;
}
