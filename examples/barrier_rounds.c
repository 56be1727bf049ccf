/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * barrier_rounds - workers in step, of whom one is killed
 *
 * Three processes work in rounds: nobody begins a round before all have ended the last one. In the
 * third round one is killed, and the others do not wait for it for ever.
 */
#include <sluice.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3
#define ROUNDS 5

/* One worker. @killed_in: the round in which a signal comes; 0: none. */
static int work(sluice_barrier *barrier, int worker, int killed_in)
{
	int result = 0;

	for (int round = 1; round <= ROUNDS && result >= 0; round++) {
		if (round == killed_in)
			raise(SIGKILL);
		result = sluice_barrier_wait(barrier, SLUICE_S(5));
		if (result == SLUICE_LAST)
			printf("round %d is done\n", round);
	}
	if (result == SLUICE_EPEERDIED)
		printf("worker %d: somebody died\n", worker);
	return result == SLUICE_EPEERDIED;
}

int main(void)
{
	struct sluice_barrier_options options = { .size = sizeof(options), .parties = WORKERS };
	sluice_barrier *barrier;
	int result = sluice_barrier_open(NULL, &options, &barrier), told;

	if (result < 0) {
		fprintf(stderr, "open: %s\n", sluice_error_text(result));
		return 1;
	}
	fflush(stdout);
	for (int worker = 1; worker < WORKERS; worker++)
		if (fork() == 0) {
			told = work(barrier, worker, worker == 1 ? 3 : 0);
			sluice_barrier_close(barrier);
			fflush(stdout);
			_exit(told);
		}
	told = work(barrier, 0, 0);
	for (int worker = 1; worker < WORKERS; worker++)
		wait(NULL);
	sluice_barrier_close(barrier);
	return !told;
}
