/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * atomic.h - every access to shared memory goes through these names
 *
 * The order is in the name and there is no default, so that a reader sees which orders a protocol
 * needs and a search finds them: rlx, acq, rel, acqrel, sc as in C11 section 7.17.3. Nothing else
 * in the library includes stdatomic.h (tools/check-order).
 *
 * sli_fence_sc() is a full barrier including store-load. It is needed where one side stores A and
 * looks at B while the other stores B and looks at A; no weaker order forbids that both miss.
 */
#ifndef SLI_ATOMIC_H
#define SLI_ATOMIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define sli_load_rlx(p) atomic_load_explicit((p), memory_order_relaxed)
#define sli_load_acq(p) atomic_load_explicit((p), memory_order_acquire)
#define sli_load_sc(p) atomic_load_explicit((p), memory_order_seq_cst)

#define sli_store_rlx(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define sli_store_rel(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define sli_store_sc(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)

#define sli_add_rlx(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define sli_add_sc(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define sli_or_sc(p, v) atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define sli_swap_acqrel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define sli_swap_sc(p, v) atomic_exchange_explicit((p), (v), memory_order_seq_cst)

/* Compare *@p with *@seen and store @v if equal; else *@seen is what was found. True when stored. */
#define sli_cas_rlx(p, seen, v)                                                                    \
	atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_relaxed,            \
						memory_order_relaxed)
#define sli_cas_acq(p, seen, v)                                                                    \
	atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_acquire,            \
						memory_order_relaxed)
#define sli_cas_rel(p, seen, v)                                                                    \
	atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_release,            \
						memory_order_relaxed)
#define sli_cas_acqrel(p, seen, v)                                                                 \
	atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_acq_rel,            \
						memory_order_acquire)
#define sli_cas_sc(p, seen, v)                                                                     \
	atomic_compare_exchange_strong_explicit((p), (seen), (v), memory_order_seq_cst,            \
						memory_order_seq_cst)

/* Against the compiler alone: what one instruction ordering means to who repairs after a death. */
#define sli_fence_compiler() atomic_signal_fence(memory_order_seq_cst)
#define sli_fence_acq() atomic_thread_fence(memory_order_acquire)
#define sli_fence_rel() atomic_thread_fence(memory_order_release)

/*
 * ThreadSanitizer does not model fences, so under it, and on x86 where a locked instruction on a
 * line of one's own is several times cheaper than mfence, the full barrier is a read-modify-write.
 */
#if defined(__SANITIZE_THREAD__)
#define SLI_FENCE_BY_RMW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLI_FENCE_BY_RMW 1
#endif
#endif

#if defined(SLI_FENCE_BY_RMW)
static inline void sli_fence_sc(void)
{
	static _Atomic uint32_t word;

	sli_add_sc(&word, 1u);
}
#elif defined(__x86_64__) && !defined(__ILP32__)
static inline void sli_fence_sc(void)
{
	__asm__ __volatile__("lock; orl $0, (%%rsp)" ::: "memory", "cc");
}
#else
static inline void sli_fence_sc(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}
#endif

/*
 * The same barrier where a read-modify-write immediately precedes it. On x86 that instruction was
 * the barrier already; C11 does not know, so the compiler must not move anything over this line.
 */
static inline void sli_fence_after_rmw(void)
{
#if (defined(__x86_64__) || defined(__i386__)) && !defined(SLI_MODEL)
	__asm__ __volatile__("" ::: "memory");
#else
	sli_fence_sc();
#endif
}

/* A hint to the core that this is a spin; it yields to a sibling and saves power. */
static inline void sli_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ __volatile__("pause");
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" ::: "memory");
#endif
}

/* Ask for the line at @p in a state that can be written. Never faults. */
static inline void sli_prefetch_read(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

static inline void sli_prefetch_write(const void *p)
{
#if defined(__x86_64__)
	__asm__ __volatile__("prefetchw %0" ::"m"(*(const char *)p));
#else
	__builtin_prefetch(p, 1, 3);
#endif
}

#endif
