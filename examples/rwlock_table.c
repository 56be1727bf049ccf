/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rwlock_table - many look a price up, now and then one changes the prices
 *
 * Processes read a table in shared memory together. One changes it, and is killed in the middle: the
 * readers are told, and the next writer repairs.
 */
#include <sluice.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct prices {
	int net;
	int gross; /* net and a fifth of it */
} * prices;

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

static int look_up(sluice_rwlock *rwlock)
{
	int result = check("lock shared", sluice_rwlock_lock_shared(rwlock, SLUICE_S(5)));
	int gross = result == SLUICE_RECOVERED ? prices->net * 6 / 5 : prices->gross;

	check("unlock", sluice_rwlock_unlock(rwlock));
	return gross;
}

/* @killed_by: a signal that comes in the middle. */
static void change(sluice_rwlock *rwlock, int net, int killed_by)
{
	int result = check("lock", sluice_rwlock_lock_exclusive(rwlock, SLUICE_S(5)));

	if (result == SLUICE_RECOVERED)
		printf("a writer died: %d and %d\n", prices->net, prices->gross);
	prices->net = net;
	if (killed_by)
		raise(killed_by);
	prices->gross = net * 6 / 5;
	check("unlock", sluice_rwlock_unlock(rwlock)); /* and all is sound again */
}

int main(void)
{
	sluice_rwlock *rwlock;

	prices = mmap(NULL, sizeof(*prices), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (prices == MAP_FAILED)
		return 1;
	check("open", sluice_rwlock_open(NULL, NULL, &rwlock));
	change(rwlock, 100, 0);
	printf("it costs %d\n", look_up(rwlock));
	fflush(stdout);
	if (fork() == 0)
		change(rwlock, 200, SIGKILL);
	wait(NULL);
	printf("it costs %d\n", look_up(rwlock));
	change(rwlock, 300, 0);
	printf("it costs %d\n", look_up(rwlock));
	sluice_rwlock_close(rwlock);
	return prices->gross != 360;
}
