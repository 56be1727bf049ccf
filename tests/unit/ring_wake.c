/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * ring_wake.c - after all were told, the event says that nobody waits
 *
 * A ring and a semaphore in plain memory. The hook that wakes plays the sleeper: it is awake at once,
 * and takes its bit back before the waker goes on.
 */
#include "lonely.h"
#include "protocol/log_ring.h"
#include "protocol/semaphore.h"

#include <sluice.h>

#define LINES 64u

static struct sli_event *event;
static uint32_t alone;
static bool is_asleep;
static unsigned rings;

static int wake(struct sli_peers *peers, _Atomic uint32_t *word, int count)
{
	(void)peers;
	(void)count;
	if (word != &event->ev || !is_asleep)
		return 0;
	is_asleep = false;
	sli_event_leave(event, alone);
	return 1;
}

static int ring(struct sli_peers *peers, uint32_t side, int64_t type)
{
	(void)peers;
	(void)side;
	(void)type;
	rings++;
	return 0;
}

static void fall_asleep(void)
{
	sli_event_announce(event, SLI_EVENT_ANY, &alone);
	CHECK_NE(alone, 0);
	is_asleep = true;
}

static struct sli_ring new_ring(void)
{
	static _Alignas(128) unsigned char lines[LINES * SLI_LINE];
	static _Alignas(128) struct sli_ring_control control;
	struct sli_ring ring_view = {
		.control = &control,
		.lines = lines,
		.count = LINES,
		.message_max = 64,
		.peers = &lonely,
	};

	memset(lines, 0, sizeof(lines));
	memset(&control, 0, sizeof(control));
	be_alone();
	lonely.wake = wake;
	lonely.ring = ring;
	sli_ring_init(&ring_view);
	event = &control.messages;
	return ring_view;
}

static void a_send_tells_once(void)
{
	struct sli_wait wait = { .timeout = 0 };
	struct sli_ring queue = new_ring();

	rings = 0;
	sli_event_arm(event, SLI_EVENT_POLL);
	fall_asleep();
	CHECK_EQ(sli_ring_send(&queue, &wait, 1, "a", 1), 0);
	CHECK(!is_asleep);
	CHECK_EQ(rings, 1);
	CHECK_EQ(sli_event_armed(event, SLI_EVENT_CLASSES), 0);
	fall_asleep();
	CHECK_EQ(sli_ring_send(&queue, &wait, 1, "b", 1), 0);
	CHECK_EQ(rings, 1);
}

/* Somebody polls, and one that slept has died: its bit goes, and no bell is rung. */
static void passing_on_clears(void)
{
	struct sli_ring queue = new_ring();

	rings = 0;
	sli_event_arm(event, SLI_EVENT_POLL);
	sli_event_arm(event, SLI_EVENT_ANY);
	sli_ring_pass_on(&queue, SLI_SIDE_MESSAGES);
	CHECK_EQ(sli_event_armed(event, SLI_EVENT_ANY), 0);
	CHECK_NE(sli_event_armed(event, SLI_EVENT_POLL), 0);
	CHECK_EQ(rings, 0);
}

static void a_release_tells_once(void)
{
	static _Alignas(128) struct sli_semaphore_control control;
	static _Atomic uint32_t held[4];
	struct sli_semaphore units = {
		.control = &control,
		.held = held,
		.ceiling = 10,
		.peers = &lonely,
		.spin = &lonely_spin,
	};
	struct sli_wait wait = { .timeout = 0 };

	event = &control.units;
	rings = 0;
	sli_event_arm(event, SLI_EVENT_POLL);
	fall_asleep();
	CHECK_EQ(sli_semaphore_give(&units, &wait, 1, false), 0);
	CHECK(!is_asleep);
	CHECK_EQ(rings, 1);
	CHECK_EQ(sli_event_armed(event, SLI_EVENT_CLASSES), 0);
}

int main(void)
{
	test_begin();
	RUN(a_send_tells_once);
	RUN(passing_on_clears);
	RUN(a_release_tells_once);
	return test_end();
}
