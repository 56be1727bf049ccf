/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * seconds.h - who finds the first victim dead, repairs after it, and dies as well
 *
 * Attached before the first one died (or attaching now), it sends, receives or opens. What it
 * receives is whatever comes first; a long message it may have had for a while when it died.
 */
#ifndef SECONDS_H
#define SECONDS_H

#include "scenarios.h"

enum second { SECOND_SEND, SECOND_RECEIVE, SECOND_OPEN, SECONDS };

static unsigned char second_body[24];

static inline void second_send(struct world *world, struct report *report)
{
	report->result = sluice_queue_send(victim_queue, world->actors[1].sends[0].type,
					   second_body, sizeof(second_body), SLUICE_NOWAIT);
}

static const struct scenario seconds[] = {
	[SECOND_SEND] = { "send", .prepare = prepare_attach, .operate = second_send },
	[SECOND_RECEIVE] = { "receive", .prepare = prepare_attach, .operate = operate_receive },
	[SECOND_OPEN] = { "open", .prepare = prepare_nothing, .operate = operate_open },
};

/* After the scenario's setup: the second victim's part of the account. */
static inline void second_plan(struct world *world, enum second second, struct report *report)
{
	struct actor *actor = &world->actors[1];

	actor->report = report;
	if (second == SECOND_SEND) {
		actor->sends[0] = world_message(world, 6, sizeof(second_body));
		actor->send_count = 1;
		body_fill(second_body, &actor->sends[0]);
	} else if (second == SECOND_RECEIVE) {
		actor->take_count = 1;
		actor->takes_any = true;
		for (uint32_t i = 0; i < world->count; i++)
			world->before[i].may_return |= world->before[i].size > SLI_RING_INLINE_MAX;
		for (uint32_t i = 0; i < world->actors[0].send_count; i++)
			world->actors[0].sends[i].may_return |= world->actors[0].sends[i].size >
								SLI_RING_INLINE_MAX;
	}
}

#endif
