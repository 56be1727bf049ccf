/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * message.c - what receiving from a queue and from a topic share
 *
 * Whoever waits for a message looks up each second: has a signal asked the program to end, is there
 * anybody who reads what it prints?
 */
#include "message.h"

#include <string.h>

#define LOOK_UP_NS SLUICE_S(1)

void message_set_form(const struct cli_verb *verb, enum message_form *form,
		      enum message_form wanted)
{
	if (*form != MESSAGE_LINE && *form != wanted)
		cli_wrong(verb, "--raw, --null and --json exclude each other");
	*form = wanted;
}

void message_print(struct cli_buffer *out, enum message_form form, const char *before,
		   const void *data, size_t size)
{
	cli_buffer_add(out, before, strlen(before));
	cli_buffer_add(out, data, size);
	if (form != MESSAGE_RAW)
		cli_buffer_add(out, form == MESSAGE_ZERO ? "\0" : "\n", 1);
}

void message_print_json(struct cli_buffer *out, json_t *object, uint32_t sender, const void *data,
			size_t size)
{
	cli_json_set(object, "sender", sender ? json_integer(sender) : json_null());
	cli_json_shared_data(object, data, size);
	cli_json_add(out, object);
	cli_buffer_add(out, "\n", 1);
}

int64_t message_step(int64_t end, bool now)
{
	int64_t step = now ? SLUICE_NOWAIT : LOOK_UP_NS;
	int64_t left = end ? end - cli_now() : step;

	return left < step ? left > 0 ? left : SLUICE_NOWAIT : step;
}

int64_t message_waited(int64_t result, int64_t step)
{
	if (result >= 0)
		return result;
	if (cli_stopped())
		return SLUICE_ECANCELED;
	if (result != SLUICE_ETIMEDOUT && result != SLUICE_EAGAIN && result != SLUICE_EINTR)
		return result;
	if (result != SLUICE_EINTR && step == SLUICE_NOWAIT)
		return SLUICE_EAGAIN;
	return cli_output_is_gone() ? SLUICE_ECANCELED : SLUICE_ETIMEDOUT;
}
