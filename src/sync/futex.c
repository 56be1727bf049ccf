/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * futex.c - sleeping and waking
 *
 * futex_waitv (Linux 5.16, Documentation/userspace-api/futex2.rst) takes several words, an absolute
 * deadline and is restarted by the kernel after a handler installed with SA_RESTART; a timed
 * FUTEX_WAIT is not (signal(7)). So the former is used where the kernel has it, and elsewhere a
 * caught signal shows as -EINTR. Which it is, is found at the first sleep and kept; two threads
 * that find out at once store the same answer. Should the kernel refuse it later (a filter of system
 * calls that came since), that sleep is a FUTEX_WAIT.
 *
 * Both calls compare the word under the kernel's bucket lock: a change made before the sleep is
 * never slept through. The word lies in shared memory and may hold anything; the worst that a
 * scribbled word does is a spurious return.
 */
#include "futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/* The kernel's own types; the C library's headers may be older than the kernel. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define FUTEX_WAITV_SIZE_U32 2u

struct futex_waiter {
	uint64_t value;
	uint64_t address;
	uint32_t flags;
	uint32_t reserved;
};

struct futex_time {
	int64_t seconds;
	int64_t nanoseconds;
};

enum { FUTEX_UNKNOWN, FUTEX_HAS_WAITV, FUTEX_NO_WAITV };

static _Atomic uint32_t futex_support = FUTEX_UNKNOWN;

/* 32-bit programs have a second call whose time is 64 bits wide. */
#ifdef SYS_futex_time64
#define FUTEX_CALL SYS_futex_time64
#else
#define FUTEX_CALL SYS_futex
#endif

static long futex_wait_plain(_Atomic uint32_t *word, uint32_t value, const struct futex_time *until,
			     int private)
{
	int op = FUTEX_WAIT_BITSET | (private ? FUTEX_PRIVATE_FLAG : 0);

	return syscall(FUTEX_CALL, word, op, value, until, NULL, FUTEX_BITSET_MATCH_ANY);
}

static struct futex_waiter futex_waiter(_Atomic uint32_t *word, uint32_t value, int private)
{
	struct futex_waiter waiter = {
		.value = value,
		.address = (uintptr_t)word,
		.flags = FUTEX_WAITV_SIZE_U32 | (private ? FUTEX_PRIVATE_FLAG : 0u),
	};

	return waiter;
}

int sli_futex_wait_both(_Atomic uint32_t *word, uint32_t value, int private, _Atomic uint32_t *also,
			uint32_t also_value, int64_t deadline)
{
	struct futex_waiter waiters[] = { futex_waiter(word, value, private),
					  futex_waiter(also, also_value, 1) };
	struct futex_time until = { deadline / NS_PER_S, deadline % NS_PER_S };
	/* relaxed: a hint that every thread would compute alike */
	uint32_t support = sli_load_rlx(&futex_support);
	long r;

	if (support != FUTEX_NO_WAITV) {
		r = syscall(SYS_futex_waitv, waiters, also ? 2 : 1, 0, &until, CLOCK_MONOTONIC);
		if (r >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL)) {
			/* relaxed: see above */
			if (support == FUTEX_UNKNOWN)
				sli_store_rlx(&futex_support, (uint32_t)FUTEX_HAS_WAITV);
			return r >= 0 || errno == EAGAIN ? 0 : -errno;
		}
		/* relaxed: see above */
		if (support == FUTEX_UNKNOWN)
			sli_store_rlx(&futex_support, (uint32_t)FUTEX_NO_WAITV);
	}
	r = futex_wait_plain(word, value, &until, private);
	if (r == 0 || errno == EAGAIN)
		return 0;
	return errno == ETIMEDOUT || errno == EINTR ? -errno : 0;
}

int sli_futex_wake(_Atomic uint32_t *word, int count, int private)
{
	int op = FUTEX_WAKE | (private ? FUTEX_PRIVATE_FLAG : 0);
	long r = syscall(FUTEX_CALL, word, op, count, NULL, NULL, 0);

	return r < 0 ? 0 : (int)r;
}
