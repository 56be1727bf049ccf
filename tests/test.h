/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * test.h - what a test program needs, and no framework
 *
 *	int main(void)
 *	{
 *		test_begin();
 *		RUN(sends_and_receives);
 *		return test_end();
 *	}
 *
 * A test is one process with an exit status: 0, 1, or 77 for "skipped". The first check that does
 * not hold prints both sides and ends the program. test_begin() makes an empty directory for
 * segments, points SLUICE_DIR at it, and has it removed however the program ends (SIGKILL apart):
 * by return, by a failed check, by an assert in the library, by the time limit's SIGTERM.
 *
 * Children come from test_fork() or test_spawn(). They end with _exit(), so that they remove nothing
 * of the parent's; a failed check in a child gives it status 1, which test_wait_ok() notices. Those
 * that are left when the program ends are killed.
 *
 * Randomness: test_random(). The seed is printed, and SLUICE_SEED=number sets it. One part of a
 * program alone: SLUICE_TEST=name.
 *
 * Everything here is C99 and C++11, because api tests are built as both.
 */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_SKIPPED 77
#define TEST_CHILDREN 1024

struct test_state {
	pid_t owner; /* who made the directory and removes it */
	uint64_t seed;
	uint64_t random;
	char directory[128];
	pid_t children[TEST_CHILDREN];
	unsigned int child_count;
	unsigned int forks;
};

static inline struct test_state *test_state(void)
{
	static struct test_state state;

	return &state;
}

/* ---- beginning and end -------------------------------------------------------------------- */

static inline int test_remove_entry(const char *path, const struct stat *st, int flag,
				    struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* Kill what is left of the children and remove the directory; in the parent, once. */
static inline void test_clean(void)
{
	struct test_state *state = test_state();

	if (state->owner != getpid())
		return;
	state->owner = 0;
	for (unsigned int i = 0; i < state->child_count; i++)
		if (state->children[i] > 0) {
			kill(state->children[i], SIGKILL);
			waitpid(state->children[i], NULL, 0);
		}
	if (state->directory[0])
		nftw(state->directory, test_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* An assert, or the time limit. */
static inline void test_on_signal(int number)
{
	test_clean();
	signal(number, SIG_DFL);
	raise(number);
}

/* The first check that fails ends the process; see the macros below. */
static inline void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
static inline void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n\tpid %d, SLUICE_SEED=%" PRIu64 "\n", (int)getpid(), test_state()->seed);
	test_clean();
	_exit(1);
}

static inline void test_skip(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
static inline void test_skip(const char *format, ...)
{
	va_list args;

	printf("skipped: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	test_clean();
	_exit(TEST_SKIPPED);
}

static inline uint64_t test_first_seed(void)
{
	const char *given = getenv("SLUICE_SEED");
	struct timespec now;

	if (given)
		return strtoull(given, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_sec << 20) ^ (uint64_t)now.tv_nsec ^ ((uint64_t)getpid() << 40);
}

static inline void test_reseed(uint64_t seed)
{
	test_state()->random = seed ? seed : 1;
}

static inline void test_begin(void)
{
	struct test_state *state = test_state();
	const char *base = getenv("SLUICE_TEST_BASE");

	state->seed = test_first_seed();
	test_reseed(state->seed);
	snprintf(state->directory, sizeof(state->directory), "%s/sluice-test.XXXXXX",
		 base ? base : "/dev/shm");
	if (!mkdtemp(state->directory)) {
		fprintf(stderr, "test.h: cannot make %s: %s\n", state->directory, strerror(errno));
		exit(1);
	}
	state->owner = getpid();
	atexit(test_clean);
	signal(SIGABRT, test_on_signal);
	signal(SIGTERM, test_on_signal);
	signal(SIGINT, test_on_signal);
	setenv("SLUICE_DIR", state->directory, 1);
	printf("SLUICE_SEED=%" PRIu64 "\n", state->seed);
	fflush(stdout);
}

static inline int test_end(void)
{
	test_clean();
	return 0;
}

/* Under an emulator (qemu-user), whose clock and kernel are not the real ones? */
static inline int test_emulated(void)
{
	return getenv("SLUICE_TEST_EMULATED") != NULL;
}

/* Built with a sanitizer, which takes address space and time of its own? */
static inline int test_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 1;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return 1;
#endif
#endif
	return 0;
}

/* The directory that SLUICE_DIR names. */
static inline const char *test_directory(void)
{
	return test_state()->directory;
}

/* RUN(part) - say its name and call it. */
#define RUN(part) test_run(#part, part)
static inline void test_run(const char *name, void (*part)(void))
{
	const char *wanted = getenv("SLUICE_TEST");

	if (wanted && strcmp(wanted, name) != 0)
		return;
	printf("  %s\n", name);
	fflush(stdout);
	part();
}

/* ---- checks ------------------------------------------------------------------------------- */

#define CHECK(condition)                                                                           \
	((condition) ? (void)0 : test_fail(__FILE__, __LINE__, "CHECK(%s)", #condition))

/* Two integers; the one expected comes second. */
#define CHECK_EQ(found, wanted)                                                                    \
	test_compare((long long)(found), (long long)(wanted), 0, __FILE__, __LINE__,               \
		     #found " == " #wanted)
#define CHECK_NE(found, unwanted)                                                                  \
	test_compare((long long)(found), (long long)(unwanted), 1, __FILE__, __LINE__,             \
		     #found " != " #unwanted)
#define CHECK_LT(found, bound)                                                                     \
	test_compare((long long)(found), (long long)(bound), 2, __FILE__, __LINE__,                \
		     #found " < " #bound)
#define CHECK_GE(found, bound)                                                                     \
	test_compare((long long)(found), (long long)(bound), 3, __FILE__, __LINE__,                \
		     #found " >= " #bound)
static inline void test_compare(long long left, long long right, int relation, const char *file,
				int line, const char *text)
{
	const int holds[] = { left == right, left != right, left < right, left >= right };

	if (!holds[relation])
		test_fail(file, line, "%s\n\tleft:  %lld (0x%llx)\n\tright: %lld (0x%llx)", text,
			  left, (unsigned long long)left, right, (unsigned long long)right);
}

/* Two strings; NULL equals NULL only. */
#define CHECK_STR(found, wanted)                                                                   \
	test_compare_strings((found), (wanted), __FILE__, __LINE__, #found " == " #wanted)
static inline void test_compare_strings(const char *left, const char *right, const char *file,
					int line, const char *text)
{
	if (left == right || (left && right && strcmp(left, right) == 0))
		return;
	test_fail(file, line, "%s\n\tleft:  \"%s\"\n\tright: \"%s\"", text, left ? left : "(null)",
		  right ? right : "(null)");
}

/* The string is there and contains the part. */
#define CHECK_CONTAINS(found, part)                                                                \
	test_look_for((found), (part), __FILE__, __LINE__, #found " contains " #part)
static inline void test_look_for(const char *text, const char *part, const char *file, int line,
				 const char *what)
{
	if (!text || !strstr(text, part))
		test_fail(file, line, "%s\n\tleft:  \"%s\"\n\tright: \"%s\"", what,
			  text ? text : "(null)", part);
}

/* @size bytes; prints the first that differs and its neighbours. */
#define CHECK_MEM(found, wanted, size)                                                             \
	test_compare_bytes((found), (wanted), (size), __FILE__, __LINE__, #found " == " #wanted)
static inline void test_compare_bytes(const void *left, const void *right, size_t size,
				      const char *file, int line, const char *text)
{
	const unsigned char *a = (const unsigned char *)left;
	const unsigned char *b = (const unsigned char *)right;
	char shown[2][3 * 16 + 1] = { "", "" };
	size_t at = 0;

	while (at < size && a[at] == b[at])
		at++;
	if (at == size)
		return;
	for (size_t i = 0; i < 16 && at + i < size; i++) {
		snprintf(shown[0] + 3 * i, 4, " %02x", a[at + i]);
		snprintf(shown[1] + 3 * i, 4, " %02x", b[at + i]);
	}
	test_fail(file, line, "%s, %zu bytes, first difference at %zu\n\tleft: %s\n\tright:%s",
		  text, size, at, shown[0], shown[1]);
}

/* ---- randomness and time ------------------------------------------------------------------ */

/* 64 random bits (xorshift64*); not for several threads. */
static inline uint64_t test_random(void)
{
	uint64_t *x = &test_state()->random;

	*x ^= *x >> 12;
	*x ^= *x << 25;
	*x ^= *x >> 27;
	return *x * UINT64_C(0x2545f4914f6cdd1d);
}

/* 0 to @bound - 1. */
static inline uint64_t test_random_below(uint64_t bound)
{
	return test_random() % bound;
}

static inline int64_t test_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void test_sleep_ms(int64_t ms)
{
	struct timespec left;

	left.tv_sec = (time_t)(ms / 1000);
	left.tv_nsec = (long)(ms % 1000 * 1000000);
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* ---- processes ---------------------------------------------------------------------------- */

/* As fork(), with the child known to test_clean() and its randomness its own. 0 in the child,
 * which must end with _exit(). */
static inline pid_t test_fork(void)
{
	struct test_state *state = test_state();
	unsigned int slot = 0;
	pid_t pid;

	fflush(NULL);
	while (slot < state->child_count && state->children[slot] != 0)
		slot++;
	if (slot == TEST_CHILDREN)
		test_fail(__FILE__, __LINE__, "more than %d children", TEST_CHILDREN);
	state->forks++;
	pid = fork();
	if (pid < 0)
		test_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
	if (pid == 0) {
		state->child_count = 0;
		test_reseed(state->seed + UINT64_C(0x9e3779b97f4a7c15) * state->forks);
		signal(SIGABRT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		return 0;
	}
	state->children[slot] = pid;
	if (slot == state->child_count)
		state->child_count++;
	return pid;
}

/* A child that runs @body(@context) and ends with 0. */
static inline pid_t test_spawn(void (*body)(void *context), void *context)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		body(context);
		fflush(NULL);
		_exit(0);
	}
	return pid;
}

/* A child that was waited for is nobody's business any more: its process id may be somebody else's. */
static inline void test_forget(pid_t pid)
{
	struct test_state *state = test_state();

	for (unsigned int i = 0; i < state->child_count; i++)
		if (state->children[i] == pid)
			state->children[i] = 0;
}

/* Wait for a child. Return: its exit status, or the signal that ended it, negated. */
static inline int test_wait(pid_t pid)
{
	int status;
	pid_t r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r != pid)
		test_fail(__FILE__, __LINE__, "waitpid %d: %s", (int)pid, strerror(errno));
	test_forget(pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#define test_wait_ok(pid) CHECK_EQ(test_wait(pid), 0)

/* Kill a child as the worst would, and wait until it is gone. */
#define test_kill(pid)                                                                             \
	do {                                                                                       \
		pid_t test_victim = (pid);                                                         \
                                                                                                   \
		CHECK_EQ(kill(test_victim, SIGKILL), 0);                                           \
		CHECK_EQ(test_wait(test_victim), -SIGKILL);                                        \
	} while (0)

#endif
