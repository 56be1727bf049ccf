/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * condition_wait - one process waits until others have put something on a table
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int *table;

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

static void put(sluice_mutex *mutex, sluice_condition *condition)
{
	check("lock", sluice_mutex_lock(mutex, SLUICE_S(5)));
	++*table;
	check("unlock", sluice_mutex_unlock(mutex));
	check("signal", sluice_condition_signal(condition));
}

static void await_three(sluice_mutex *mutex, sluice_condition *condition)
{
	check("lock", sluice_mutex_lock(mutex, SLUICE_S(5)));
	while (*table < 3)
		check("wait", sluice_condition_wait(condition, mutex, SLUICE_S(5)));
	check("unlock", sluice_mutex_unlock(mutex));
}

int main(void)
{
	sluice_condition *condition;
	sluice_mutex *mutex;

	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (table == MAP_FAILED)
		return 1;
	check("open", sluice_mutex_open(NULL, NULL, &mutex));
	check("open", sluice_condition_open(NULL, NULL, &condition));
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			put(mutex, condition);
			_exit(0);
		}
	await_three(mutex, condition);
	printf("%d things are on the table\n", *table);
	while (wait(NULL) > 0)
		;
	sluice_condition_close(condition);
	sluice_mutex_close(mutex);
	return 0;
}
