/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* queue.c - the sluice_queue_ calls: arguments are checked here, and nothing else is done */
#include "../object/queue.h"
#include "options.h"

#include <string.h>

static const struct sli_limits queue_limits = {
	.size = sizeof(struct sluice_queue_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL |
		 SLUICE_EXPECT_SENDER,
	.roles = SLUICE_SEND | SLUICE_RECEIVE,
	.participants = 128,
	.slice = 250 * SLI_MS,
};

/* The sizes a queue of these options has, or why it cannot be. */
static int queue_decode_sizes(const struct sluice_queue_options *options,
			      const struct sli_request *request, struct sli_queue_wish *ret_wish)
{
	uint64_t message_max = options->message_max ? options->message_max : 65536;
	uint64_t lines = sli_power_of_two(options->capacity / SLI_LINE +
					  (options->capacity % SLI_LINE != 0));
	uint64_t least = sli_ring_min_lines(message_max);

	if (options->message_max > (uint64_t)1 << 30)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "queue %s: message_max is %llu, wanted 1 byte to 1 GiB",
			       request->name, (unsigned long long)options->message_max);
	if (options->capacity > (uint64_t)1 << 40)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "queue %s: capacity is %llu, wanted at most 1 TiB", request->name,
			       (unsigned long long)options->capacity);
	if (options->capacity && options->message_max && lines < least)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"queue %s: capacity is %llu, but messages of %llu bytes need at least %llu; "
			"ask for that, or for shorter messages",
			request->name, (unsigned long long)options->capacity,
			(unsigned long long)message_max, (unsigned long long)(least * SLI_LINE));
	if ((request->flags & SLUICE_EXPECT_SENDER) && request->role != SLUICE_RECEIVE)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"queue %s: flags has EXPECT_SENDER, which is for handles that only receive; set "
			"role to that",
			request->name);
	ret_wish->lines = options->capacity ? SLI_MAX(lines, UINT64_C(64)) : 0;
	ret_wish->message_max = options->message_max;
	ret_wish->messages_max = options->messages_max;
	return 0;
}

int sluice_queue_open(const char *name, const struct sluice_queue_options *options,
		      sluice_queue **ret_queue)
{
	struct sluice_queue_options copy;
	struct sli_queue_wish wish = { 0 };
	struct sli_request request;
	int r = ret_queue ? sli_options_decode(name, options, &queue_limits, &copy, &request)
			  : SLUICE_EINVAL;

	if (r == 0)
		r = queue_decode_sizes(&copy, &request, &wish);
	return r < 0 ? r : sli_public_code(sli_queue_open(name, &request, &wish, ret_queue));
}

void sluice_queue_close(sluice_queue *queue)
{
	if (queue && queue->handle.magic == SLI_MAGIC_QUEUE)
		sli_queue_close(queue);
}

/* Good handle, and opened for this? */
static inline int queue_enter(sluice_queue *queue, uint32_t role)
{
	int r = sli_handle_enter((struct sli_handle *)queue, SLI_MAGIC_QUEUE);

	if (r < 0)
		return r;
	return role && !(queue->handle.segment.role & role) ? SLUICE_EPERM : 0;
}

static void queue_fill_message(const sluice_queue *queue, const struct sli_found *found,
			       struct sluice_message *ret_info)
{
	struct sluice_message message = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(message));

	message.size = ret_info->size;
	message.flags = found->sequence & SLI_RECORD_REDELIVERED ? SLUICE_REDELIVERED : 0;
	message.type = found->type;
	message.length = found->length;
	message.sequence = found->sequence >> SLI_RECORD_SEQUENCE_SHIFT;
	message.sender = sli_queue_pid_of(queue, found->sender);
	memcpy(ret_info, &message, size);
}

int sluice_queue_send(sluice_queue *queue, int64_t type, const void *data, size_t size,
		      int64_t timeout_ns)
{
	int r = queue_enter(queue, SLUICE_SEND);

	if (SLI_UNLIKELY(r < 0))
		return r;
	if (SLI_UNLIKELY(type <= 0 || (!data && size)))
		return SLUICE_EINVAL;
	if (SLI_UNLIKELY(size > queue->ring.message_max))
		return SLUICE_EMSGSIZE;
	return sli_queue_send(queue, type, data, size, timeout_ns);
}

int64_t sluice_queue_receive(sluice_queue *queue, int64_t type, void *buffer, size_t capacity,
			     struct sluice_message *ret_info, int64_t timeout_ns)
{
	struct sli_found found;
	int64_t r = queue_enter(queue, SLUICE_RECEIVE);

	if (SLI_UNLIKELY(r < 0))
		return r;
	if (SLI_UNLIKELY((!buffer && capacity) ||
			 (ret_info && !sli_output_size(ret_info, sizeof(*ret_info)))))
		return SLUICE_EINVAL;
	r = sli_queue_receive(queue, type, buffer, capacity, &found, timeout_ns);
	if (ret_info && (r >= 0 || r == SLUICE_EMSGSIZE))
		queue_fill_message(queue, &found, ret_info);
	return r;
}

int64_t sluice_queue_send_many(sluice_queue *queue, const struct sluice_send_item *items,
			       size_t count, int64_t timeout_ns)
{
	int r = queue_enter(queue, SLUICE_SEND);

	if (r < 0)
		return r;
	if (!items && count)
		return SLUICE_EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (items[i].type <= 0 || (!items[i].data && items[i].size))
			return SLUICE_EINVAL;
		if (items[i].size > queue->ring.message_max)
			return SLUICE_EMSGSIZE;
	}
	return count ? sli_queue_send_many(queue, items, count, timeout_ns) : 0;
}

int64_t sluice_queue_receive_many(sluice_queue *queue, int64_t type,
				  struct sluice_receive_item *items, size_t count,
				  int64_t timeout_ns)
{
	int r = queue_enter(queue, SLUICE_RECEIVE);

	if (r < 0)
		return r;
	if (!items && count)
		return SLUICE_EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!items[i].buffer && items[i].capacity)
			return SLUICE_EINVAL;
	return count ? sli_queue_receive_many(queue, type, items, count, timeout_ns) : 0;
}

int sluice_queue_reserve(sluice_queue *queue, size_t size, void **ret_data, int64_t timeout_ns)
{
	int r = queue_enter(queue, SLUICE_SEND);

	if (r < 0)
		return r;
	if (!ret_data)
		return SLUICE_EINVAL;
	if (size > queue->ring.message_max)
		return SLUICE_EMSGSIZE;
	return sli_queue_reserve(queue, size, ret_data, timeout_ns);
}

int sluice_queue_commit(sluice_queue *queue, void *data, int64_t type, size_t size)
{
	int r = queue_enter(queue, SLUICE_SEND);

	if (r < 0)
		return r;
	return !data || type <= 0 ? SLUICE_EINVAL : sli_queue_commit(queue, data, type, size);
}

static int queue_end(sluice_queue *queue, const void *data, enum sli_queue_ending ending)
{
	int r = queue_enter(queue, ending == SLI_QUEUE_ABORT ? SLUICE_SEND : SLUICE_RECEIVE);

	if (r < 0)
		return r;
	return data ? sli_queue_end_loan(queue, data, ending) : SLUICE_EINVAL;
}

int sluice_queue_abort(sluice_queue *queue, void *data)
{
	return queue_end(queue, data, SLI_QUEUE_ABORT);
}

int sluice_queue_consume(sluice_queue *queue, const void *data)
{
	return queue_end(queue, data, SLI_QUEUE_CONSUME);
}

int sluice_queue_return(sluice_queue *queue, const void *data)
{
	return queue_end(queue, data, SLI_QUEUE_RETURN);
}

int64_t sluice_queue_borrow(sluice_queue *queue, int64_t type, const void **ret_data,
			    struct sluice_message *ret_info, int64_t timeout_ns)
{
	struct sli_found found;
	int64_t r = queue_enter(queue, SLUICE_RECEIVE);

	if (r < 0)
		return r;
	if (!ret_data || (ret_info && !sli_output_size(ret_info, sizeof(*ret_info))))
		return SLUICE_EINVAL;
	r = sli_queue_borrow(queue, type, &found, timeout_ns);
	if (r < 0)
		return r;
	*ret_data = found.record->payload;
	if (ret_info)
		queue_fill_message(queue, &found, ret_info);
	return r;
}

int sluice_queue_fd(sluice_queue *queue, uint32_t events, int64_t type)
{
	bool in = events == SLUICE_READABLE;
	int r = queue_enter(queue, in ? SLUICE_RECEIVE : SLUICE_SEND), removed;

	if (r < 0)
		return r;
	if (!in && events != SLUICE_WRITABLE)
		return SLUICE_EINVAL;
	r = sli_queue_fd(queue, in ? SLI_BELL_IN : SLI_BELL_OUT, in ? type : 0);
	if (r >= 0)
		return r;
	/* If it was removed meanwhile, its bells went with it. */
	removed = queue_enter(queue, 0);
	return removed < 0 ? removed : sli_public_code(r);
}

int sluice_queue_hold_fd(sluice_queue *queue)
{
	int r = queue_enter(queue, 0);

	return r < 0 ? r : sli_handle_hold_fd(&queue->handle);
}

int sluice_queue_share(sluice_queue *queue, int ret_fds[3])
{
	int r = queue_enter(queue, 0);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&queue->handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_queue_interrupt(sluice_queue *queue)
{
	int r = queue_enter(queue, 0);

	if (r == 0)
		sli_handle_interrupt(&queue->handle);
	return r;
}

int sluice_queue_info(sluice_queue *queue, struct sluice_queue_info *ret_info)
{
	struct sluice_queue_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = queue_enter(queue, 0);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_queue_info(queue, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
