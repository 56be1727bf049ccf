/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * condition.c - a condition in a segment
 *
 * The waiting is src/protocol/condition.c; the lock beside it is any mutex of the caller's, and
 * src/api/condition.c brings the two together. A participant that dies leaves nothing to repair: its
 * place is freed, and that is all.
 */
#include "condition.h"

#include "../sync/futex.h"

#include <stdlib.h>

static int condition_check(const struct sli_header *header, const void *want,
			   const struct sli_request *request)
{
	(void)want;
	if (header->object_size < sizeof(struct sli_condition_control))
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "condition %s is damaged: it has no room for its word; remove it",
			       request->name);
	return 0;
}

static struct sli_condition_control *condition_view(const struct sli_segment *segment)
{
	return (struct sli_condition_control *)(void *)(segment->base + segment->object_offset);
}

static void condition_join(struct sli_segment *segment)
{
	sluice_condition *condition = segment->object;

	condition->control = condition_view(segment);
	sli_handle_join(&condition->handle);
}

static int condition_repair(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
			    uint32_t *ret_also)
{
	(void)segment;
	(void)dead;
	(void)count;
	*ret_also = SLI_NO_PLACE;
	return 0;
}

static void condition_wake(struct sli_segment *segment)
{
	sluice_condition *condition = segment->object;

	condition->handle.peers.wake(&condition->handle.peers, &condition->control->sequence,
				     SLI_WAKE_ALL);
}

static const struct sli_kind condition_kind = {
	.number = SLUICE_KIND_CONDITION,
	.name = "condition",
	.roles = 0,
	.check = condition_check,
	.join = condition_join,
	.repair = condition_repair,
	.wake = condition_wake,
};

int sli_condition_open(const char *name, const struct sli_request *request,
		       sluice_condition **ret_condition)
{
	struct sli_shape shape = { .kind = SLUICE_KIND_CONDITION,
				   .object_size = sizeof(struct sli_condition_control) };
	sluice_condition *condition = calloc(1, sizeof(*condition));
	int r;

	if (!condition)
		return SLUICE_ENOMEM;
	r = sli_handle_open(&condition->handle, name, request, &condition_kind, &shape, NULL,
			    condition, SLI_MAGIC_CONDITION);
	if (r < 0) {
		free(condition);
		return r;
	}
	*ret_condition = condition;
	return 0;
}

void sli_condition_close(sluice_condition *condition)
{
	sli_handle_close(&condition->handle);
	sli_handle_free(&condition->handle);
}

static void condition_describe(const struct sli_segment *segment,
			       struct sluice_condition_info *info)
{
	struct sli_handle_count count;

	sli_handle_count(segment, &count);
	info->participants = segment->place_count;
	info->attached = count.attached;
	info->waiting = count.waiting;
	/* relaxed: a counter for people */
	info->repairs = sli_load_rlx(&segment->header->repairs);
	info->tag = segment->header->tag;
}

void sli_condition_info(sluice_condition *condition, struct sluice_condition_info *ret_info)
{
	condition_describe(&condition->handle.segment, ret_info);
}

int sli_condition_inspect(struct sli_segment *segment, struct sluice_condition_info *ret_info)
{
	if (segment->object_size < sizeof(struct sli_condition_control))
		return SLUICE_ECORRUPT;
	condition_describe(segment, ret_info);
	return 0;
}

void sli_condition_wake_mapped(struct sli_segment *segment)
{
	sli_futex_wake(&condition_view(segment)->sequence, SLI_WAKE_ALL, 0);
}
