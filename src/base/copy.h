/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * copy.h - copies between two cores, for which memcpy is not the best there is
 *
 * Each takes any size and alignment. They copy what other processes may write to; what they read
 * there is only moved.
 */
#ifndef SLI_COPY_H
#define SLI_COPY_H

#include "compiler.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

#define SLI_COPY_BLOCK ((size_t)64)
#define SLI_COPY_AHEAD 512 /* bytes */

/*
 * What another core has just written. The x86 C libraries take a string instruction for long copies,
 * which waits for the other core's lines one after the other. Small moves, with lines asked for
 * before they are needed, get them many at a time: up to ten times as fast (docs/performance.md).
 */
static inline void sli_copy_out(void *to, const void *from, size_t size)
{
	unsigned char *at = to;
	const unsigned char *source = from;

	for (; size >= SLI_COPY_BLOCK; size -= SLI_COPY_BLOCK) {
		__builtin_prefetch(source + SLI_COPY_AHEAD);
		memcpy(at, source, SLI_COPY_BLOCK);
		at += SLI_COPY_BLOCK;
		source += SLI_COPY_BLOCK;
	}
	memcpy(at, source, size);
}

#endif
