/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * lonely.h - a world in which a protocol core is alone: nobody dies, nobody sleeps
 */
#ifndef TEST_LONELY_H
#define TEST_LONELY_H

#include "protocol/peers.h"
#include "test.h"

static int no_reap(struct sli_peers *peers, uint32_t place)
{
	(void)peers;
	(void)place;
	return 0;
}

static int no_sleep(struct sli_peers *peers, struct sli_wait *wait, _Atomic uint32_t *word,
		    uint32_t value, uint32_t round, int64_t bound, uint32_t doing)
{
	(void)peers;
	(void)wait;
	(void)word;
	(void)value;
	(void)round;
	(void)bound;
	(void)doing;
	test_fail(__FILE__, __LINE__, "nobody else is here to wait for");
}

static int no_wake(struct sli_peers *peers, _Atomic uint32_t *word, int count)
{
	(void)peers;
	(void)word;
	(void)count;
	return 0;
}

static int no_ring(struct sli_peers *peers, uint32_t side, int64_t type)
{
	(void)peers;
	(void)side;
	(void)type;
	return 0;
}

static struct sli_spin lonely_spin;
static struct sli_peers lonely = {
	.count = 4,
	.spin = &lonely_spin,
	.reap = no_reap,
	.sleep = no_sleep,
	.wake = no_wake,
	.ring = no_ring,
};

static void be_alone(void)
{
	sli_spin_init(&lonely_spin, 1);
	lonely.self = sli_stamp(0, 1);
}

#endif
