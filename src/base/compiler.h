/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* compiler.h - what the compiler knows and C11 has no word for */
#ifndef SLI_COMPILER_H
#define SLI_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define SLI_LIKELY(x) __builtin_expect(!!(x), 1)
#define SLI_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* For the paths whose every nanosecond shows in a round trip. */
#define SLI_INLINE inline __attribute__((always_inline))
#define SLI_NOINLINE __attribute__((noinline))
/* Keep it there: what follows is not joined to something wider. */
#define SLI_IN_REGISTER(word) __asm__("" : "+r"(word))
#define SLI_COLD __attribute__((cold, noinline))
#define SLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
/* A look that races on purpose and checks what it saw: ThreadSanitizer is told not to look. clang's
 * no_sanitize leaves atomics to it, and so does inlining. */
#if defined(__clang__) && __has_attribute(disable_sanitizer_instrumentation)
#if __has_feature(thread_sanitizer)
#define SLI_RACY __attribute__((disable_sanitizer_instrumentation, noinline))
#else
#define SLI_RACY
#endif
#else
#define SLI_RACY __attribute__((no_sanitize("thread")))
#endif
#define SLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One transfer between cores moves this much; two neighbours travel together on many machines. */
#define SLI_LINE 64u
#define SLI_PAIR 128u

/* Layout checks: a shared struct's size and offsets are promises (docs/layout.md). */
#define SLI_OFFSET(type, field, offset)                                                            \
	_Static_assert(offsetof(type, field) == (offset), #type "." #field " moved")
#define SLI_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed its size")

/*
 * Each argument is evaluated once: a load from shared memory that is done twice may find two values. The
 * counter makes names that no argument can contain, itself perhaps a minimum.
 */
#define SLI_MIN(a, b) SLI_PICK(a, <, b, __COUNTER__)
#define SLI_MAX(a, b) SLI_PICK(a, >, b, __COUNTER__)
#define SLI_PICK(a, than, b, count) SLI_PICK_COUNTED(a, than, b, count)
#define SLI_PICK_COUNTED(a, than, b, count) SLI_PICK_AS(a, than, b, sli_a##count, sli_b##count)
#define SLI_PICK_AS(a, than, b, one, other)                                                        \
	__extension__({                                                                            \
		__typeof__(a) one = (a);                                                           \
		__typeof__(b) other = (b);                                                         \
		one than other ? one : other;                                                      \
	})

/* @a rounded up to a multiple of @to, a power of two. */
static inline uint64_t sli_round_up(uint64_t a, uint64_t to)
{
	return (a + to - 1) & ~(to - 1);
}

/* The next power of two, at least 1; 0 when it does not fit. */
static inline uint64_t sli_power_of_two(uint64_t a)
{
	uint64_t p = 1;

	while (p < a && p)
		p <<= 1;
	return p;
}

#endif
