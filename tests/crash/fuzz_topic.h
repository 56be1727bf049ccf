/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_topic.h - operations on a topic that somebody damages
 *
 * See fuzz.h. A worker either publishes or subscribes; both go through everything a handle can do.
 */
#ifndef FUZZ_TOPIC_H
#define FUZZ_TOPIC_H

#include "fuzz.h"
#include "object/topic.h"

static inline int fuzz_open_topic(struct fuzz *fuzz, bool subscribes)
{
	struct sluice_topic_options options = { .size = sizeof(options),
						.flags = SLUICE_MUST_EXIST,
						.open_timeout_ns = SLUICE_MS(50),
						.slice_ns = SLUICE_MS(10) };
	int r;

	options.policy = subscribes ? 1 + (uint32_t)test_random_below(3) : 0;
	options.history = subscribes ? (uint32_t)test_random_below(8) : 0;
	options.evict_after_ns = subscribes ? 0 : SLUICE_MS(1);
	fuzz_begin(fuzz, "open");
	r = subscribes ? sluice_subscriber_open(fuzz->name, &options, &fuzz->subscriber)
		       : sluice_publisher_open(fuzz->name, &options, &fuzz->publisher);
	r = (int)fuzz_end(fuzz, r, 0);
	if (r < 0) {
		fuzz->subscriber = NULL;
		fuzz->publisher = NULL;
		return r;
	}
	fuzz->message_max = subscribes ? fuzz->subscriber->base.topic.message_max
				       : fuzz->publisher->base.topic.message_max;
	fuzz_guard(fuzz, subscribes ? &fuzz->subscriber->base.handle.segment
				    : &fuzz->publisher->base.handle.segment);
	return 0;
}

static inline void fuzz_publish(struct fuzz *fuzz)
{
	size_t size = fuzz_size(fuzz);
	unsigned char *data = (unsigned char *)malloc(size ? size : 1);
	void *room;
	int r;

	memset(data, 'x', size);
	fuzz_begin(fuzz, "publish or reserve");
	if (test_random_below(3)) {
		(void)fuzz_end(
			fuzz, sluice_publisher_publish(fuzz->publisher, data, size, fuzz_timeout()),
			0);
	} else {
		r = (int)fuzz_end(
			fuzz,
			sluice_publisher_reserve(fuzz->publisher, size, &room, fuzz_timeout()), 0);
		if (r == 0) {
			memset(room, 'z', size);
			fuzz_begin(fuzz, "commit or abort");
			r = test_random_below(2) ? sluice_publisher_commit(fuzz->publisher, room,
									   size, fuzz_timeout())
						 : sluice_publisher_abort(fuzz->publisher, room);
			if (fuzz_end(fuzz, r, 0) < 0)
				(void)sluice_publisher_abort(fuzz->publisher, room);
		}
	}
	free(data);
}

static inline void fuzz_subscribe(struct fuzz *fuzz)
{
	struct sluice_topic_message info = { .size = sizeof(info) };
	size_t size = fuzz_size(fuzz);
	unsigned char *data = (unsigned char *)malloc(size ? size : 1);
	const void *loan;
	uint32_t sum = 0;
	int64_t r;

	fuzz_begin(fuzz, "receive");
	(void)fuzz_end(
		fuzz,
		sluice_subscriber_receive(fuzz->subscriber, data, size, &info, fuzz_timeout()),
		(int64_t)size);
	free(data);
	fuzz_begin(fuzz, "borrow");
	r = fuzz_end(fuzz, sluice_subscriber_borrow(fuzz->subscriber, &loan, &info, fuzz_timeout()),
		     fuzz->message_max);
	if (r < 0)
		return;
	for (int64_t i = 0; i < r; i++)
		sum += ((const unsigned char *)loan)[i];
	__asm__ __volatile__("" : : "r"(sum));
	fuzz_begin(fuzz, "return");
	(void)fuzz_end(fuzz, sluice_subscriber_return(fuzz->subscriber, loan), 0);
}

static inline void fuzz_topic(struct fuzz *fuzz)
{
	struct sluice_topic_info info = { .size = sizeof(info) };

	if (test_random_below(40) == 0) {
		fuzz_look(fuzz);
		fuzz_begin(fuzz, "info");
		(void)fuzz_end(fuzz,
			       fuzz->publisher ? sluice_publisher_info(fuzz->publisher, &info)
					       : sluice_subscriber_info(fuzz->subscriber, &info),
			       0);
	}
	if (fuzz->publisher)
		fuzz_publish(fuzz);
	else
		fuzz_subscribe(fuzz);
}

#endif
