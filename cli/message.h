/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* message.h - what receiving from a queue and from a topic share */
#ifndef SLUICE_CLI_MESSAGE_H
#define SLUICE_CLI_MESSAGE_H

#include "util.h"

/* How messages are printed. */
enum message_form { MESSAGE_LINE, MESSAGE_ZERO, MESSAGE_RAW, MESSAGE_JSON };

/* The form is to be @wanted; two different ones are wrong usage. */
void message_set_form(const struct cli_verb *verb, enum message_form *form,
		      enum message_form wanted);
/* Print a message behind the words @before, and what ends it. Not as JSON. */
void message_print(struct cli_buffer *out, enum message_form form, const char *before,
		   const void *data, size_t size);
/* Print it as JSON: @object, to which sender and data are added, and which is released. */
void message_print_json(struct cli_buffer *out, json_t *object, uint32_t sender, const void *data,
			size_t size);

/* How long the next call may wait, so that the program looks up in between. @end: when to give up, by
 * cli_now(); 0: never. @now: do not wait. */
int64_t message_step(int64_t end, bool now);
/* What such a call came to: @result, or SLUICE_EAGAIN: the time is over; SLUICE_ECANCELED: a signal, or
 * nobody to show it to; SLUICE_ETIMEDOUT: go on. */
int64_t message_waited(int64_t result, int64_t step);

#endif
