/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_look.c - a topic's numbers, and what people see of it
 *
 * The geometry in a segment's header says how many there are of what; it is checked once, in private
 * memory, before anything is looked up with it. What is told to people is read without a lock, from a
 * handle or from a segment that is only mapped, and each number is true of some moment.
 */
#include "../sync/futex.h"
#include "topic.h"

#include <string.h>

#define TOPIC_DEPTH_MOST (UINT64_C(1) << 20)

enum { GEOMETRY_DEPTH, GEOMETRY_LONGEST, GEOMETRY_PLACES, GEOMETRY_LOANS, GEOMETRY_POLICY };

/* ---- numbers ------------------------------------------------------------------------------- */

void sli_topic_decode(const uint64_t *geometry, struct sli_topic_shape *ret)
{
	ret->depth = geometry[GEOMETRY_DEPTH];
	ret->message_max = geometry[GEOMETRY_LONGEST];
	ret->subscribers = (uint32_t)geometry[GEOMETRY_PLACES];
	ret->publishers = (uint32_t)(geometry[GEOMETRY_PLACES] >> 32);
	ret->loans = (uint32_t)geometry[GEOMETRY_LOANS];
	ret->borrows = (uint32_t)(geometry[GEOMETRY_LOANS] >> 32);
}

void sli_topic_encode(const struct sli_topic_shape *shape, uint32_t policy, uint64_t *geometry)
{
	geometry[GEOMETRY_DEPTH] = shape->depth;
	geometry[GEOMETRY_LONGEST] = shape->message_max;
	geometry[GEOMETRY_PLACES] = shape->subscribers | (uint64_t)shape->publishers << 32;
	geometry[GEOMETRY_LOANS] = shape->loans | (uint64_t)shape->borrows << 32;
	geometry[GEOMETRY_POLICY] = policy;
}

static bool topic_is_within(uint32_t value, uint32_t most)
{
	return value >= 1 && value <= most;
}

bool sli_topic_is_sound(const uint64_t *geometry, uint32_t places, uint64_t object_size,
			uint64_t data_size)
{
	struct sli_topic_shape shape;

	sli_topic_decode(geometry, &shape);
	return shape.depth >= 2 && !(shape.depth & (shape.depth - 1)) &&
	       shape.depth <= TOPIC_DEPTH_MOST && shape.message_max >= 1 &&
	       shape.message_max <= (uint64_t)1 << 30 &&
	       topic_is_within(shape.subscribers, SLUICE_PARTICIPANTS_MAX) &&
	       topic_is_within(shape.publishers, SLUICE_PARTICIPANTS_MAX) &&
	       shape.subscribers + shape.publishers == places &&
	       topic_is_within(shape.loans, SLI_TOPIC_PINS - 1) &&
	       topic_is_within(shape.borrows, SLI_TOPIC_PINS - 1) &&
	       geometry[GEOMETRY_POLICY] >= SLUICE_OVERWRITE &&
	       geometry[GEOMETRY_POLICY] <= SLUICE_LATEST &&
	       object_size == sli_topic_object_size(&shape) &&
	       data_size == sli_topic_data_size(&shape);
}

uint32_t sli_topic_geometry_policy(const uint64_t *geometry)
{
	return (uint32_t)geometry[GEOMETRY_POLICY];
}

void sli_topic_look(struct sli_topic *topic, struct sli_topic_shape *shape,
		    const struct sli_segment *segment)
{
	sli_topic_decode(segment->geometry, shape);
	sli_topic_view(topic, shape, segment->base + segment->object_offset,
		       segment->base + segment->data_offset);
}

/* ---- for people ---------------------------------------------------------------------------- */

uint32_t sli_topic_pid_of(const struct topic_base *base, uint32_t place)
{
	if (place >= base->handle.segment.place_count)
		return 0;
	/* relaxed: a hint for people */
	return sli_load_rlx(&base->handle.segment.places[place].pid);
}

static void topic_describe(const struct sli_topic *topic, const struct sli_topic_shape *shape,
			   const struct sli_segment *segment, struct sluice_topic_info *info)
{
	struct sli_handle_count count;
	uint32_t reserved, borrowed;

	sli_handle_count(segment, &count);
	info->subscribers = count.receivers;
	info->publishers = count.senders;
	info->subscribers_max = shape->subscribers;
	info->publishers_max = shape->publishers;
	info->waiting = count.waiting;
	info->loans = shape->loans;
	info->borrows = shape->borrows;
	info->policy = sli_topic_geometry_policy(segment->geometry);
	info->reserved_messages = info->borrowed = info->evicted = 0;
	for (uint32_t i = 0; i < segment->place_count; i++) {
		sli_topic_loans(topic, i, &reserved, &borrowed);
		info->reserved_messages += reserved;
		info->borrowed += borrowed;
		info->evicted += i < shape->subscribers &&
				 (sli_load_acq(&topic->slots[i].state) & SLI_TOPIC_EVICTED) != 0;
	}
	info->depth = shape->depth;
	info->message_max = shape->message_max;
	info->chunks = sli_topic_chunks(shape);
	info->bytes = segment->data_size;
	info->published = sli_load_acq(&topic->control->publish.next);
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_topic_info(struct topic_base *base, struct sluice_topic_info *ret_info)
{
	topic_describe(&base->topic, &base->shape, &base->handle.segment, ret_info);
}

/* The view of a segment that is only mapped; false: it is no sound topic. */
static bool topic_look_mapped(struct sli_topic *topic, struct sli_topic_shape *shape,
			      const struct sli_segment *segment)
{
	memset(topic, 0, sizeof(*topic));
	if (!sli_topic_is_sound(segment->geometry, segment->place_count, segment->object_size,
				segment->data_size))
		return false;
	sli_topic_look(topic, shape, segment);
	return true;
}

int sli_topic_inspect(struct sli_segment *segment, struct sluice_topic_info *ret_info)
{
	struct sli_topic topic;
	struct sli_topic_shape shape;

	if (!topic_look_mapped(&topic, &shape, segment))
		return SLUICE_ECORRUPT;
	topic_describe(&topic, &shape, segment, ret_info);
	return 0;
}

void sli_topic_inspect_participant(struct sli_segment *segment, uint32_t place,
				   struct sluice_participant *ret)
{
	struct sli_topic topic;
	struct sli_topic_shape shape;
	const struct sli_topic_slot *slot;
	uint64_t next;
	uint32_t state;

	if (!topic_look_mapped(&topic, &shape, segment))
		return;
	sli_topic_loans(&topic, place, &ret->reserved_messages, &ret->borrowed);
	if (place >= shape.subscribers)
		return;
	slot = &topic.slots[place];
	state = sli_load_acq(&slot->state);
	next = sli_load_acq(&topic.control->publish.next);
	ret->position = sli_load_acq(&slot->cursor);
	ret->lag = next > ret->position ? next - ret->position : 0;
	/* relaxed: for people */
	ret->lost = sli_load_rlx(&slot->lost);
	ret->policy = sli_topic_policy(state);
	ret->evicted = (state & SLI_TOPIC_EVICTED) != 0;
}

void sli_topic_wake_mapped(struct sli_segment *segment)
{
	struct sli_topic topic;
	struct sli_topic_shape shape;

	if (!topic_look_mapped(&topic, &shape, segment))
		return;
	for (int side = SLI_BELL_IN; side <= SLI_BELL_OUT; side++) {
		sli_handle_wake_event(side == SLI_BELL_IN ? &topic.control->published
							  : &topic.control->consumed);
		sli_bell_ring(segment, side, 0);
	}
	sli_futex_wake(&topic.control->publish.lock.word, SLI_WAKE_ALL, 0);
}
