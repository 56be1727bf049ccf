/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * copy.h - copies between two cores, for which memcpy is not the best there is
 *
 * Each takes any size and alignment. They copy what other processes may write to; what they read
 * there is only moved.
 */
#ifndef SLI_COPY_H
#define SLI_COPY_H

#include "atomic.h"
#include "compiler.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * A few bytes, a word at a time. Programs fill and look at messages word by word; a wider load of
 * what was just stored in words waits until the stores have left the core.
 */
static inline void sli_copy_few(void *to, const void *from, size_t size)
{
	unsigned char *at = to;
	const unsigned char *source = from;
	uint64_t word, second, third, fourth;

	for (; size >= 4 * sizeof(word); size -= 4 * sizeof(word)) {
		memcpy(&word, source, sizeof(word));
		memcpy(&second, source + sizeof(word), sizeof(word));
		memcpy(&third, source + 2 * sizeof(word), sizeof(word));
		memcpy(&fourth, source + 3 * sizeof(word), sizeof(word));
		/* Or the compiler makes one wide load of two. */
		SLI_IN_REGISTER(word);
		SLI_IN_REGISTER(third);
		memcpy(at, &word, sizeof(word));
		memcpy(at + sizeof(word), &second, sizeof(word));
		memcpy(at + 2 * sizeof(word), &third, sizeof(word));
		memcpy(at + 3 * sizeof(word), &fourth, sizeof(word));
		at += 4 * sizeof(word);
		source += 4 * sizeof(word);
	}
	for (; size >= sizeof(word); size -= sizeof(word)) {
		memcpy(&word, source, sizeof(word));
		memcpy(at, &word, sizeof(word));
		at += sizeof(word);
		source += sizeof(word);
	}
	while (size--)
		*at++ = *source++;
}

/* @size bytes out of words that others may be storing to. What they are worth the caller finds out
 * afterwards, by a mark and a fence. */
static inline void sli_copy_words(void *to, const _Atomic uint64_t *words, size_t size)
{
	unsigned char *at = to;
	size_t whole = size / sizeof(uint64_t);
	uint64_t word;

	for (size_t i = 0; i < whole; i++) {
		/* relaxed: the caller's fence orders */
		word = sli_load_rlx(&words[i]);
		memcpy(at + i * sizeof(word), &word, sizeof(word));
	}
	if (size % sizeof(word)) {
		/* relaxed: as above */
		word = sli_load_rlx(&words[whole]);
		memcpy(at + whole * sizeof(word), &word, size % sizeof(word));
	}
}

#define SLI_COPY_BLOCK ((size_t)64)
#define SLI_COPY_AHEAD ((size_t)512)      /* into the nearest cache */
#define SLI_COPY_FAR_AHEAD ((size_t)4096) /* into the next, which waits for more lines at a time */

/*
 * What another core has just written. The x86 C libraries take a string instruction for long copies,
 * which waits for the other core's lines one after the other. Small moves, with lines asked for
 * before they are needed, get them many at a time: up to ten times as fast (docs/performance.md).
 * Of @there bytes at @from, at least @size, none further is asked for: the writer needs those lines.
 */
static inline void sli_copy_out(void *to, const void *from, size_t size, size_t there)
{
	unsigned char *at = to;
	const unsigned char *source = from;

	for (size_t i = 0; i < size / SLI_COPY_BLOCK; i++) {
		const size_t done = i * SLI_COPY_BLOCK;

		if (there - done > SLI_COPY_AHEAD)
			__builtin_prefetch(source + done + SLI_COPY_AHEAD);
		if (there - done > SLI_COPY_FAR_AHEAD)
			__builtin_prefetch(source + done + SLI_COPY_FAR_AHEAD, 0, 2);
		memcpy(at + done, source + done, SLI_COPY_BLOCK);
	}
	at += size - size % SLI_COPY_BLOCK;
	source += size - size % SLI_COPY_BLOCK;
	memcpy(at, source, size % SLI_COPY_BLOCK);
}

/*
 * To another core that shares no cache with this one: past the caches, which would only have to give the
 * lines away one by one. Memory is then the measure, wherever the cores are. Such stores are in no order
 * with others, so a fence follows them: what is stored after the call, be it a release store of another
 * thread's word or not, is seen after the bytes.
 */
#ifdef __SSE2__
#define SLI_CAN_COPY_PAST_CACHES 1
static inline void sli_copy_past_caches(void *to, const void *from, size_t size)
{
	unsigned char *at = to;
	const unsigned char *source = from;
	size_t before = SLI_MIN((size_t)(-(uintptr_t)at & 15), size);

	memcpy(at, source, before);
	at += before;
	source += before;
	size -= before;
	for (; size >= SLI_COPY_BLOCK; size -= SLI_COPY_BLOCK) {
		for (size_t i = 0; i < SLI_COPY_BLOCK; i += sizeof(__m128i))
			_mm_stream_si128(
				(__m128i *)(void *)(at + i),
				_mm_loadu_si128((const __m128i *)(const void *)(source + i)));
		at += SLI_COPY_BLOCK;
		source += SLI_COPY_BLOCK;
	}
	memcpy(at, source, size);
	_mm_sfence();
}
#else
#define SLI_CAN_COPY_PAST_CACHES 0
#define sli_copy_past_caches memcpy
#endif

#endif
