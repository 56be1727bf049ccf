/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* topic.c - the sluice_publisher_ and sluice_subscriber_ calls: arguments are checked here */
#include "../object/topic.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

#define TOPIC_PLACES_MOST 512u
#define TOPIC_LOANS_MOST 15u

static const struct sli_limits publisher_limits = {
	.size = sizeof(struct sluice_topic_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL |
		 SLUICE_SEALED,
	.roles = 0,
	.participants = 1,
	.slice = 250 * SLI_MS,
};

static const struct sli_limits subscriber_limits = {
	.size = sizeof(struct sluice_topic_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE | SLUICE_EPHEMERAL |
		 SLUICE_EXPECT_PUBLISHER | SLUICE_READ_ONLY,
	.roles = 0,
	.participants = 1,
	.slice = 250 * SLI_MS,
};

static int topic_refuse(const struct sli_request *request, const char *what, uint64_t value,
			uint64_t most)
{
	if (value <= most)
		return 0;
	return sli_say(&request->diag, SLUICE_EINVAL,
		       "topic %s: %s is %llu, wanted at most %llu, or 0 for the default",
		       request->name, what, (unsigned long long)value, (unsigned long long)most);
}

static int topic_check_numbers(const struct sluice_topic_options *options,
			       const struct sli_request *request)
{
	int r;

	if ((r = topic_refuse(request, "depth", options->depth, UINT64_C(1) << 20)) < 0 ||
	    (r = topic_refuse(request, "message_max", options->message_max, UINT64_C(1) << 30)) <
		    0 ||
	    (r = topic_refuse(request, "subscribers", options->subscribers, TOPIC_PLACES_MOST)) <
		    0 ||
	    (r = topic_refuse(request, "publishers", options->publishers, TOPIC_PLACES_MOST)) < 0 ||
	    (r = topic_refuse(request, "loans", options->loans, TOPIC_LOANS_MOST)) < 0 ||
	    (r = topic_refuse(request, "borrows", options->borrows, TOPIC_LOANS_MOST)) < 0 ||
	    (r = topic_refuse(request, "policy", options->policy, SLUICE_LATEST)) < 0)
		return r;
	if (options->participants)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"topic %s: participants is %u, wanted 0; say how many subscribers and publishers",
			request->name, options->participants);
	if (options->evict_after_ns < 0)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "topic %s: evict_after is %lld ns, wanted at least 0", request->name,
			       (long long)options->evict_after_ns);
	return 0;
}

/* A private topic has no name to find it by. */
static int topic_check_private(const struct sli_request *request, bool is_subscriber,
			       const struct topic_base *beside)
{
	if (!(request->flags & SLUICE_PRIVATE) || !is_subscriber || beside)
		return 0;
	return sli_say(
		&request->diag, SLUICE_EINVAL,
		"topic %s: flags has PRIVATE, but a private topic begins with its publisher; "
		"use sluice_publisher_subscribe()",
		request->name);
}

/* Looking on takes a topic that is there, and nobody waits for who looks on. */
static int topic_check_read_only(const struct sluice_topic_options *options,
				 const struct sli_request *request)
{
	uint32_t never = SLUICE_MUST_CREATE | SLUICE_EPHEMERAL | SLUICE_EXPECT_PUBLISHER;

	if (!(request->flags & SLUICE_READ_ONLY))
		return 0;
	if (request->anonymous || (request->flags & never))
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"topic %s: flags has READ_ONLY, which is for a topic that exists; give "
			"its name, and leave out MUST_CREATE, EPHEMERAL and EXPECT_PUBLISHER",
			request->name);
	if (options->policy == SLUICE_WAIT)
		return sli_say(
			&request->diag, SLUICE_EINVAL,
			"topic %s: flags has READ_ONLY and policy is WAIT, but nobody sees who "
			"only reads; choose OVERWRITE or LATEST",
			request->name);
	return 0;
}

static int topic_decode_options(const struct sluice_topic_options *options,
				const struct sli_request *request, struct sli_topic_wish *ret_wish)
{
	struct sli_topic_shape full;
	int r = topic_check_numbers(options, request);

	if (r == 0)
		r = topic_check_read_only(options, request);
	if (r < 0)
		return r;
	memset(ret_wish, 0, sizeof(*ret_wish));
	ret_wish->shape.depth = options->depth
					? SLI_MAX(UINT64_C(2), sli_power_of_two(options->depth))
					: 0;
	ret_wish->shape.message_max = options->message_max;
	ret_wish->shape.subscribers = options->subscribers;
	ret_wish->shape.publishers = options->publishers;
	ret_wish->shape.loans = options->loans;
	ret_wish->shape.borrows = options->borrows;
	ret_wish->policy = options->policy;
	ret_wish->history = options->history;
	ret_wish->capacity = options->capacity;
	ret_wish->evict_after = options->evict_after_ns;
	full = ret_wish->shape;
	sli_topic_complete(&full);
	if (options->capacity && sli_topic_data_size(&full) > options->capacity)
		return sli_topic_say_sum(request, SLUICE_EINVAL, &full, "more than capacity");
	return 0;
}

static int topic_open(const char *name, const struct sluice_topic_options *options,
		      struct topic_base *beside, bool is_subscriber, struct topic_base **ret_base)
{
	struct sluice_topic_options copy;
	struct sli_topic_wish wish;
	struct sli_request request;
	int r = ret_base
			? sli_options_decode(name, options,
					     is_subscriber ? &subscriber_limits : &publisher_limits,
					     &copy, &request)
			: SLUICE_EINVAL;

	if (r == 0)
		r = topic_check_private(&request, is_subscriber, beside);
	if (r == 0)
		r = topic_decode_options(&copy, &request, &wish);
	if (r < 0)
		return r;
	request.role = is_subscriber ? SLUICE_RECEIVE : SLUICE_SEND;
	return sli_public_code(sli_topic_open(name, &request, &wish, beside, ret_base));
}

int sluice_publisher_open(const char *name, const struct sluice_topic_options *options,
			  sluice_publisher **ret_publisher)
{
	return topic_open(name, options, NULL, false, (struct topic_base **)(void *)ret_publisher);
}

int sluice_subscriber_open(const char *name, const struct sluice_topic_options *options,
			   sluice_subscriber **ret_subscriber)
{
	return topic_open(name, options, NULL, true, (struct topic_base **)(void *)ret_subscriber);
}

/* ---- entering ------------------------------------------------------------------------------ */

static inline int publisher_enter(sluice_publisher *publisher)
{
	return sli_handle_enter((struct sli_handle *)publisher, SLI_MAGIC_PUBLISHER);
}

static inline int subscriber_enter(sluice_subscriber *subscriber)
{
	return sli_handle_enter((struct sli_handle *)subscriber, SLI_MAGIC_SUBSCRIBER);
}

int sluice_publisher_subscribe(sluice_publisher *publisher,
			       const struct sluice_topic_options *options,
			       sluice_subscriber **ret_subscriber)
{
	struct topic_base **ret_base = (struct topic_base **)(void *)ret_subscriber;
	int r = publisher_enter(publisher), fds[3];
	char name[64];

	if (r < 0)
		return r;
	if (publisher->base.handle.segment.is_private)
		return topic_open(NULL, options, &publisher->base, true, ret_base);
	r = sli_handle_share(&publisher->base.handle, fds);
	if (r == 3)
		snprintf(name, sizeof(name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	else if (r > 0)
		snprintf(name, sizeof(name), "fd:%d", fds[0]);
	return r < 0 ? r : topic_open(name, options, NULL, true, ret_base);
}

void sluice_publisher_close(sluice_publisher *publisher)
{
	if (publisher && publisher->base.handle.magic == SLI_MAGIC_PUBLISHER)
		sli_topic_close(&publisher->base);
}

void sluice_subscriber_close(sluice_subscriber *subscriber)
{
	if (subscriber && subscriber->base.handle.magic == SLI_MAGIC_SUBSCRIBER)
		sli_topic_close(&subscriber->base);
}

/* ---- publishing ---------------------------------------------------------------------------- */

int sluice_publisher_publish(sluice_publisher *publisher, const void *data, size_t size,
			     int64_t timeout_ns)
{
	int r = publisher_enter(publisher);

	if (SLI_UNLIKELY(r < 0))
		return r;
	if (SLI_UNLIKELY(!data && size))
		return SLUICE_EINVAL;
	if (SLI_UNLIKELY(size > publisher->base.topic.message_max))
		return SLUICE_EMSGSIZE;
	return sli_publisher_publish(&publisher->base, data, size, timeout_ns);
}

int sluice_publisher_reserve(sluice_publisher *publisher, size_t size, void **ret_data,
			     int64_t timeout_ns)
{
	int r = publisher_enter(publisher);

	if (r < 0)
		return r;
	if (!ret_data)
		return SLUICE_EINVAL;
	if (size > publisher->base.topic.message_max)
		return SLUICE_EMSGSIZE;
	return sli_publisher_reserve(&publisher->base, size, ret_data, timeout_ns);
}

int sluice_publisher_commit(sluice_publisher *publisher, void *data, size_t size,
			    int64_t timeout_ns)
{
	int r = publisher_enter(publisher);

	if (r < 0)
		return r;
	return data ? sli_publisher_commit(&publisher->base, data, size, timeout_ns)
		    : SLUICE_EINVAL;
}

int sluice_publisher_abort(sluice_publisher *publisher, void *data)
{
	int r = publisher_enter(publisher);

	if (r < 0)
		return r;
	return data ? sli_publisher_abort(&publisher->base, data) : SLUICE_EINVAL;
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void subscriber_fill_message(const struct topic_base *base,
				    const struct sli_topic_found *found,
				    struct sluice_topic_message *ret_info)
{
	struct sluice_topic_message message = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(message));

	message.size = ret_info->size;
	message.sender = sli_topic_pid_of(base, found->publisher);
	message.length = found->length;
	message.sequence = found->number;
	message.lost = found->lost;
	memcpy(ret_info, &message, size);
}

int64_t sluice_subscriber_receive(sluice_subscriber *subscriber, void *buffer, size_t capacity,
				  struct sluice_topic_message *ret_info, int64_t timeout_ns)
{
	struct sli_topic_found found;
	int64_t r = subscriber_enter(subscriber);

	if (SLI_UNLIKELY(r < 0))
		return r;
	if (SLI_UNLIKELY((!buffer && capacity) ||
			 (ret_info && !sli_output_size(ret_info, sizeof(*ret_info)))))
		return SLUICE_EINVAL;
	r = sli_subscriber_receive(&subscriber->base, buffer, capacity, &found, timeout_ns);
	if (ret_info && (r >= 0 || r == SLUICE_EMSGSIZE))
		subscriber_fill_message(&subscriber->base, &found, ret_info);
	return r;
}

int64_t sluice_subscriber_borrow(sluice_subscriber *subscriber, const void **ret_data,
				 struct sluice_topic_message *ret_info, int64_t timeout_ns)
{
	struct sli_topic_found found;
	int64_t r = subscriber_enter(subscriber);

	if (r < 0)
		return r;
	if (!ret_data || (ret_info && !sli_output_size(ret_info, sizeof(*ret_info))))
		return SLUICE_EINVAL;
	if (subscriber->base.is_read_only)
		return SLUICE_EOPNOTSUPP;
	r = sli_subscriber_borrow(&subscriber->base, ret_data, &found, timeout_ns);
	if (ret_info && r >= 0)
		subscriber_fill_message(&subscriber->base, &found, ret_info);
	return r;
}

int sluice_subscriber_return(sluice_subscriber *subscriber, const void *data)
{
	int r = subscriber_enter(subscriber);

	if (r < 0)
		return r;
	return data ? sli_subscriber_return(&subscriber->base, data) : SLUICE_EINVAL;
}

int64_t sluice_subscriber_lost(sluice_subscriber *subscriber)
{
	int r = subscriber_enter(subscriber);

	return r < 0 ? r : sli_subscriber_lost(&subscriber->base);
}

/* ---- what both have ------------------------------------------------------------------------ */

static int topic_fd(struct topic_base *base, uint32_t magic)
{
	int r = sli_topic_fd(base), removed;

	if (r >= 0)
		return r;
	/* If it was removed meanwhile, its bells went with it. */
	removed = sli_handle_enter(&base->handle, magic);
	return removed < 0 ? removed : sli_public_code(r);
}

static int topic_info(struct topic_base *base, struct sluice_topic_info *ret_info)
{
	struct sluice_topic_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));

	if (!size)
		return SLUICE_EINVAL;
	sli_topic_info(base, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}

int sluice_publisher_fd(sluice_publisher *publisher)
{
	int r = publisher_enter(publisher);

	return r < 0 ? r : topic_fd(&publisher->base, SLI_MAGIC_PUBLISHER);
}

int sluice_subscriber_fd(sluice_subscriber *subscriber)
{
	int r = subscriber_enter(subscriber);

	if (r == 0 && subscriber->base.is_read_only)
		return SLUICE_EOPNOTSUPP;
	return r < 0 ? r : topic_fd(&subscriber->base, SLI_MAGIC_SUBSCRIBER);
}

int sluice_publisher_hold_fd(sluice_publisher *publisher)
{
	int r = publisher_enter(publisher);

	return r < 0 ? r : sli_handle_hold_fd(&publisher->base.handle);
}

int sluice_subscriber_hold_fd(sluice_subscriber *subscriber)
{
	int r = subscriber_enter(subscriber);

	if (r == 0 && subscriber->base.is_read_only)
		return SLUICE_EOPNOTSUPP;
	return r < 0 ? r : sli_handle_hold_fd(&subscriber->base.handle);
}

int sluice_publisher_share(sluice_publisher *publisher, int ret_fds[3])
{
	int r = publisher_enter(publisher);

	if (r < 0)
		return r;
	return ret_fds ? sli_handle_share(&publisher->base.handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_subscriber_share(sluice_subscriber *subscriber, int ret_fds[3])
{
	int r = subscriber_enter(subscriber);

	if (r < 0)
		return r;
	if (ret_fds && subscriber->base.is_read_only) {
		/* Not the one by name, which could be written to. */
		ret_fds[0] = subscriber->base.handle.segment.fd;
		return 1;
	}
	return ret_fds ? sli_handle_share(&subscriber->base.handle, ret_fds) : SLUICE_EINVAL;
}

int sluice_publisher_interrupt(sluice_publisher *publisher)
{
	int r = publisher_enter(publisher);

	if (r == 0)
		sli_handle_interrupt(&publisher->base.handle);
	return r;
}

int sluice_subscriber_interrupt(sluice_subscriber *subscriber)
{
	int r = subscriber_enter(subscriber);

	if (r == 0)
		sli_handle_interrupt(&subscriber->base.handle);
	return r;
}

int sluice_publisher_info(sluice_publisher *publisher, struct sluice_topic_info *ret_info)
{
	int r = publisher_enter(publisher);

	return r < 0 ? r : topic_info(&publisher->base, ret_info);
}

int sluice_subscriber_info(sluice_subscriber *subscriber, struct sluice_topic_info *ret_info)
{
	int r = subscriber_enter(subscriber);

	return r < 0 ? r : topic_info(&subscriber->base, ret_info);
}
