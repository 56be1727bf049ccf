/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_news.c - what a short read takes from a stream's news is what was written
 *
 * See ring_news.h.
 */
#include "ring_news.h"

int main(void)
{
	uint32_t points, failures;

	engine_begin();
	failures = ring_news_walk(report_new(), 20, &points);
	printf("%u points, %u failures\n", points, failures);
	test_clean();
	return failures ? 1 : 0;
}
