/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * semaphore_limit - at most two at once, and a unit that comes back from a killed holder
 */
#include <sluice.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

/* @killed_by: a signal that comes while it works. */
static void work(sluice_semaphore *licences, int killed_by)
{
	check("acquire", sluice_semaphore_acquire(licences, 1, SLUICE_S(5)));
	if (killed_by)
		raise(killed_by);
	check("release", sluice_semaphore_release(licences, 1));
}

int main(void)
{
	struct sluice_semaphore_options options = { .size = sizeof(options), .initial = 2 };
	sluice_semaphore *licences;
	int free_units;

	check("open", sluice_semaphore_open(NULL, &options, &licences));
	for (int i = 0; i < 6; i++)
		if (fork() == 0) {
			work(licences, i % 2 ? SIGKILL : 0);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	/* Three were killed while they held one, and nothing is missing. */
	check("acquire", sluice_semaphore_acquire(licences, 2, SLUICE_S(5)));
	check("release", sluice_semaphore_release(licences, 2));
	free_units = check("value", (int)sluice_semaphore_value(licences));
	printf("%d licences are free\n", free_units);
	sluice_semaphore_close(licences);
	return free_units != 2;
}
