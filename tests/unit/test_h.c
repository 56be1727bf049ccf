/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* test_h.c - the checks of test.h fail when they should: a test that cannot fail is a defect */
#include "test.h"

static int seven = 7;

static void good(void *unused)
{
	(void)unused;
	CHECK(seven == 7);
	CHECK_EQ(seven, 7);
	CHECK_NE(seven, 8);
	CHECK_LT(seven, 8);
	CHECK_GE(seven, 7);
	CHECK_STR("seven", "seven");
	CHECK_STR(NULL, NULL);
	CHECK_CONTAINS("seventy-seven", "seven");
	CHECK_MEM("seven", "sever", 4);
}

static void bad(void *which)
{
	/* What it prints is wanted, but not by the reader of the log. */
	if (!freopen("/dev/null", "w", stderr))
		_exit(2);
	switch (*(const int *)which) {
	case 0:
		CHECK(seven == 8);
		break;
	case 1:
		CHECK_EQ(seven, 8);
		break;
	case 2:
		CHECK_NE(seven, 7);
		break;
	case 3:
		CHECK_LT(seven, 7);
		break;
	case 4:
		CHECK_GE(seven, 8);
		break;
	case 5:
		CHECK_STR("seven", "eight");
		break;
	case 6:
		CHECK_STR("seven", NULL);
		break;
	case 7:
		CHECK_CONTAINS("seven", "eight");
		break;
	case 8:
		CHECK_MEM("seven", "sever", 5);
		break;
	default:
		break;
	}
}

static void checks_hold_and_fail(void)
{
	test_wait_ok(test_spawn(good, NULL));
	for (int which = 0; which <= 8; which++)
		CHECK_EQ(test_wait(test_spawn(bad, &which)), 1);
}

static int exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A test program in miniature: leaves its directory's name in @note and ends as @how says. */
static void miniature(const char *note, int how)
{
	FILE *file = fopen(note, "w");

	if (!file || !freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(2);
	unsetenv("SLUICE_SEED");
	test_begin();
	fprintf(file, "%s", test_directory());
	fclose(file);
	close(open(getenv("SLUICE_DIR"), O_TMPFILE | O_RDWR, 0600));
	switch (how) {
	case 0:
		exit(test_end());
	case 1:
		CHECK(seven == 8);
		break;
	case 2:
		abort();
	case 3:
		raise(SIGTERM);
		break;
	case 4:
		test_skip("for the test");
	default:
		exit(0);
	}
}

static void directory_goes_however_it_ends(void)
{
	static const int status[] = { 0, 1, -SIGABRT, -SIGTERM, TEST_SKIPPED, 0 };
	char note[160];
	char directory[160];

	CHECK_LT(snprintf(note, sizeof(note), "%s/note", test_directory()), sizeof(note));
	for (int how = 0; how < 6; how++) {
		pid_t pid = test_fork();
		FILE *file;

		if (pid == 0) {
			miniature(note, how);
			_exit(2);
		}
		CHECK_EQ(test_wait(pid), status[how]);
		file = fopen(note, "r");
		CHECK(file != NULL);
		CHECK(fgets(directory, sizeof(directory), file) != NULL);
		fclose(file);
		CHECK_NE(strcmp(directory, test_directory()), 0);
		CHECK(!exists(directory));
		CHECK_EQ(unlink(note), 0);
	}
}

static void children_are_killed_and_waited_for(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	test_kill(pid);
	pid = test_fork();
	if (pid == 0)
		_exit(3);
	CHECK_EQ(test_wait(pid), 3);
	CHECK(exists(test_directory()));
}

static void seeds_repeat(void)
{
	uint64_t first;

	test_reseed(42);
	first = test_random();
	CHECK_NE(test_random(), first);
	test_reseed(42);
	CHECK_EQ(test_random(), first);
	CHECK_LT(test_random_below(10), 10);
}

int main(void)
{
	test_begin();
	RUN(checks_hold_and_fail);
	RUN(directory_goes_however_it_ends);
	RUN(children_are_killed_and_waited_for);
	RUN(seeds_repeat);
	return test_end();
}
