/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mutex_recover - the owner of a mutex is killed; the next one is told and repairs
 *
 * Two accounts in shared memory hold 100 together, except for a moment inside the mutex. A process
 * dies in that moment.
 */
#include <sluice.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct accounts {
	int left;
	int right;
} * shared;

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

/* @killed_by: a signal that comes in the middle. */
static void move(sluice_mutex *mutex, int amount, int killed_by)
{
	int result = check("lock", sluice_mutex_lock(mutex, SLUICE_S(5)));

	if (result == SLUICE_RECOVERED) {
		printf("the last owner died: %d and %d\n", shared->left, shared->right);
		shared->right = 100 - shared->left;
	}
	shared->left -= amount;
	if (killed_by)
		raise(killed_by);
	shared->right += amount;
	check("unlock", sluice_mutex_unlock(mutex)); /* and all is sound again */
}

int main(void)
{
	sluice_mutex *mutex;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	shared->left = 100;
	check("open", sluice_mutex_open(NULL, NULL, &mutex));
	move(mutex, 10, 0);
	if (fork() == 0)
		move(mutex, 30, SIGKILL);
	wait(NULL);
	move(mutex, 5, 0);
	printf("now %d and %d\n", shared->left, shared->right);
	sluice_mutex_close(mutex);
	return shared->left + shared->right != 100;
}
