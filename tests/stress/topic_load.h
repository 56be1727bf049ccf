/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_load.h - one publisher, eight subscribers of mixed speeds and policies
 *
 * Each message is filled with numbers that follow from its own, and looked at whole. Each subscriber
 * must see numbers that only grow, the very number of messages left out as lost, and the last one. So
 * what it received and what it lost is what was published.
 */
#ifndef TOPIC_LOAD_H
#define TOPIC_LOAD_H

#include "test.h"

#include <sluice.h>
#include <stdbool.h>

#define LOAD_SUBSCRIBERS 8

struct load {
	uint64_t count;
	size_t size; /* a multiple of 8 */
	uint64_t depth;
	uint64_t received[LOAD_SUBSCRIBERS], lost[LOAD_SUBSCRIBERS];
};

static const struct load_kind {
	const char *name;
	uint32_t policy;
	bool borrows, is_slow;
} load_kinds[LOAD_SUBSCRIBERS] = {
	{ "overwrite", SLUICE_OVERWRITE, false, false },
	{ "overwrite, slow", SLUICE_OVERWRITE, false, true },
	{ "overwrite, borrows", SLUICE_OVERWRITE, true, false },
	{ "overwrite, borrows, slow", SLUICE_OVERWRITE, true, true },
	{ "wait", SLUICE_WAIT, false, false },
	{ "wait, borrows", SLUICE_WAIT, true, false },
	{ "latest", SLUICE_LATEST, false, false },
	{ "latest, borrows, slow", SLUICE_LATEST, true, true },
};

static inline struct sluice_topic_options load_options(const struct load *load)
{
	struct sluice_topic_options options = { .size = sizeof(options) };

	options.depth = load->depth;
	options.message_max = load->size;
	return options;
}

static inline void load_fill(uint64_t *words, uint64_t number, size_t size)
{
	for (size_t i = 0; i < size / 8; i++)
		words[i] = number * UINT64_C(0x9e3779b97f4a7c15) + i;
}

static inline void load_look(const uint64_t *words, uint64_t number, size_t size)
{
	for (size_t i = 0; i < size / 8; i++)
		if (words[i] != number * UINT64_C(0x9e3779b97f4a7c15) + i)
			test_fail(__FILE__, __LINE__, "message %llu is torn at byte %zu of %zu",
				  (unsigned long long)number, 8 * i, size);
}

static inline void load_publish(sluice_publisher *publisher, const struct load *load)
{
	uint64_t *words = (uint64_t *)malloc(load->size);
	bool in_place = load->size > 4096;
	void *room;

	CHECK(words != NULL);
	for (uint64_t n = 0; n < load->count; n++) {
		if (in_place) {
			CHECK_EQ(sluice_publisher_reserve(publisher, load->size, &room,
							  SLUICE_S(60)),
				 0);
			load_fill((uint64_t *)room, n, load->size);
			CHECK_EQ(sluice_publisher_commit(publisher, room, load->size, SLUICE_S(60)),
				 0);
		} else {
			load_fill(words, n, load->size);
			CHECK_EQ(sluice_publisher_publish(publisher, words, load->size,
							  SLUICE_S(60)),
				 0);
		}
	}
	free(words);
}

/* One message; its number. */
static inline uint64_t load_one(sluice_subscriber *subscriber, const struct load *load,
				const struct load_kind *kind, uint64_t *buffer, uint64_t expected)
{
	struct sluice_topic_message info = { .size = sizeof(info) };
	const void *data = buffer;
	int64_t r;

	r = kind->borrows ? sluice_subscriber_borrow(subscriber, &data, &info, SLUICE_S(60))
			  : sluice_subscriber_receive(subscriber, buffer, load->size, &info,
						      SLUICE_S(60));
	CHECK_EQ(r, load->size);
	CHECK_EQ(info.sequence, expected + info.lost);
	load_look((const uint64_t *)data, info.sequence, load->size);
	if (kind->borrows)
		CHECK_EQ(sluice_subscriber_return(subscriber, data), 0);
	return info.sequence;
}

static inline void load_receive(sluice_subscriber *subscriber, struct load *load, uint32_t which)
{
	const struct load_kind *kind = &load_kinds[which];
	uint64_t *buffer = (uint64_t *)malloc(load->size), next = 0;

	CHECK(buffer != NULL);
	while (next < load->count) {
		next = load_one(subscriber, load, kind, buffer, next) + 1;
		if (kind->is_slow && ++load->received[which] % 16 == 0)
			test_sleep_ms(1);
		else if (!kind->is_slow)
			load->received[which]++;
	}
	load->lost[which] = (uint64_t)sluice_subscriber_lost(subscriber);
	free(buffer);
}

static inline void load_judge(const struct load *load)
{
	for (int i = 0; i < LOAD_SUBSCRIBERS; i++) {
		CHECK_EQ(load->received[i] + load->lost[i], load->count);
		if (load_kinds[i].policy == SLUICE_WAIT)
			CHECK_EQ(load->lost[i], 0);
	}
}

#endif
