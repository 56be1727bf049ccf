/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue.c - sluice queue send, sluice queue receive
 *
 * Sending. Standard input is cut into messages as it arrives: what one read(2) brings goes out at
 * once, in batches, so a slow producer is not held up and a fast one costs few wake-ups.
 *
 * Receiving loses nothing. Messages are borrowed, a batch is written with one write(2), and only
 * then are they consumed. Killed in between, this process gives the batch back to the queue by
 * dying, and somebody gets those messages again, marked as redelivered. When the output breaks or
 * a signal asks us to end, what was written out whole is consumed and the rest is returned.
 *
 * A receiver that waits looks up once a second to see whether anybody still reads its output, as
 * tail -f does: it is not to sit there and take a message it can show to nobody.
 */
#include "message.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 65536u
#define SEND_BATCH 256u
#define RECEIVE_BATCH 32u /* messages that a kill can print twice */
#define RECEIVE_BATCH_BYTES 65536u

/* ---- send ---- */

struct send {
	sluice_queue *queue;
	const char *name;
	int64_t type;
	int64_t timeout;
	uint64_t message_max;
	uint64_t sent;
	struct sluice_send_item items[SEND_BATCH];
	size_t count;
};

/* How many were sent before it went wrong, for the end of a complaint. */
static const char *send_so_far(const struct send *send, char *buffer, size_t size)
{
	*buffer = '\0';
	if (send->sent)
		snprintf(buffer, size, " (%llu sent before)", (unsigned long long)send->sent);
	return buffer;
}

static int send_failed(const struct send *send, int code, size_t size)
{
	char before[48];
	char time[32];

	send_so_far(send, before, sizeof(before));
	switch (code) {
	case SLUICE_ETIMEDOUT:
	case SLUICE_EAGAIN:
		if (send->timeout)
			cli_fail("queue '%s': still full after %s%s", send->name,
				 cli_time_text(send->timeout, time, sizeof(time)), before);
		else
			cli_fail("queue '%s': full%s", send->name, before);
		return CLI_TIMED_OUT;
	case SLUICE_EMSGSIZE:
		return cli_fail(
			"queue '%s': a message of %zu bytes or more does not fit: it takes up "
			"to %llu (--message-max of a new queue)%s",
			send->name, size, (unsigned long long)send->message_max, before);
	default:
		return cli_fail_code("queue", send->name, code);
	}
}

/* Send what has been gathered. Returns an exit status. */
static int send_flush(struct send *send)
{
	size_t done = 0;

	while (done < send->count) {
		int64_t n = sluice_queue_send_many(send->queue, send->items + done,
						   send->count - done, send->timeout);

		if (n == SLUICE_EINTR)
			continue;
		if (n <= 0)
			return send_failed(send, (int)n, send->items[done].size);
		done += (size_t)n;
		send->sent += (uint64_t)n;
	}
	send->count = 0;
	return CLI_DONE;
}

static int send_add(struct send *send, const char *data, size_t size)
{
	int status;

	if (size > send->message_max) { /* all before it are still to go */
		status = send_flush(send);
		return status ? status : send_failed(send, SLUICE_EMSGSIZE, size);
	}
	send->items[send->count++] = (struct sluice_send_item){ send->type, data, size };
	return send->count == SEND_BATCH ? send_flush(send) : CLI_DONE;
}

/* Cut @input at each @end; what is left over without one stays, moved to the front. */
static int send_pieces(struct send *send, struct cli_buffer *input, size_t fresh, char end)
{
	char *piece = input->data;
	char *limit = input->data + input->used;
	char *next = memchr(limit - fresh, end, fresh);
	int status = CLI_DONE;

	while (next && !status) {
		status = send_add(send, piece, (size_t)(next - piece));
		piece = next + 1;
		next = memchr(piece, end, (size_t)(limit - piece));
	}
	if (!status)
		status = send_flush(send);
	input->used = (size_t)(limit - piece);
	if (piece != input->data)
		memmove(input->data, piece, input->used);
	if (!status && input->used > send->message_max)
		status = send_failed(send, SLUICE_EMSGSIZE, input->used);
	return status;
}

/* @cut: messages end at each @end; else all of standard input is one. */
static int send_input(struct send *send, bool cut, char end)
{
	struct cli_buffer input = { NULL, 0, 0 };
	int status = CLI_DONE;
	ssize_t got;

	do {
		got = read(STDIN_FILENO, cli_buffer_room(&input, READ_SIZE), READ_SIZE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			status = cli_fail("cannot read standard input: %s", strerror(errno));
		if (got <= 0)
			break;
		input.used += (size_t)got;
		if (cut)
			status = send_pieces(send, &input, (size_t)got, end);
		else if (input.used > send->message_max)
			status = send_failed(send, SLUICE_EMSGSIZE, input.used);
	} while (!status);
	if (!status && (input.used || !cut)) {
		status = send_add(send, input.data, input.used);
		if (!status)
			status = send_flush(send);
	}
	free(input.data);
	return status;
}

static int send_arguments(struct send *send, char **messages, int count)
{
	int status = CLI_DONE;

	for (int i = 0; i < count && !status; i++)
		status = send_add(send, messages[i], strlen(messages[i]));
	return status ? status : send_flush(send);
}

enum {
	SEND_TYPE = CLI_LONG,
	SEND_CAPACITY,
	SEND_MESSAGE_MAX,
	SEND_MESSAGES_MAX,
	SEND_TIMEOUT,
	SEND_RAW
};

static void send_parse(struct cli_arguments *arguments, struct send *send,
		       struct sluice_queue_options *options, bool *ret_raw, bool *ret_zero)
{
	const struct cli_verb *verb = arguments->verb;
	int key;

	while ((key = cli_next(arguments)) != -1) {
		if (key == SEND_TYPE)
			send->type = cli_parse_number(verb, "type", optarg, 1);
		else if (key == SEND_CAPACITY)
			options->capacity = cli_parse_size(verb, "capacity", optarg);
		else if (key == SEND_MESSAGE_MAX)
			options->message_max = cli_parse_size(verb, "message-max", optarg);
		else if (key == SEND_MESSAGES_MAX)
			options->messages_max = cli_parse_size(verb, "messages-max", optarg);
		else if (key == SEND_TIMEOUT)
			send->timeout = cli_parse_timeout(verb, optarg);
		else if (key == SEND_RAW)
			*ret_raw = true;
		else
			*ret_zero = true;
	}
	cli_operands(arguments, 1, INT32_MAX);
	if (*ret_raw && *ret_zero)
		cli_wrong(verb, "--raw and --null exclude each other");
	if (arguments->count == 2 && !strcmp(arguments->operands[1], "-"))
		arguments->count = 1;
	if (arguments->count > 1 && (*ret_raw || *ret_zero))
		cli_wrong(verb, "--%s is about standard input, not about arguments",
			  *ret_raw ? "raw" : "null");
	for (int i = 1; i < arguments->count; i++)
		if (!strcmp(arguments->operands[i], "-"))
			cli_wrong(verb, "'-' (standard input) stands alone");
}

static int queue_send(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_queue_options options = { .size = sizeof(options) };
	struct sluice_queue_info info = { .size = sizeof(info) };
	struct send send = { .type = 1, .timeout = SLUICE_FOREVER };
	bool raw = false;
	bool zero = false;
	int status;

	send_parse(arguments, &send, &options, &raw, &zero);
	send.name = arguments->operands[0];
	options.role = SLUICE_SEND;
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	status = sluice_queue_open(send.name, &options, &send.queue);
	if (status < 0)
		return cli_fail_open("queue", send.name, status, diagnostic);
	status = sluice_queue_info(send.queue, &info);
	send.message_max = info.message_max;
	if (status < 0)
		status = cli_fail_code("queue", send.name, status);
	else if (arguments->count > 1)
		status = send_arguments(&send, arguments->operands + 1, arguments->count - 1);
	else
		status = send_input(&send, !raw, zero ? '\0' : '\n');
	sluice_queue_close(send.queue);
	return status;
}

static const struct cli_option queue_send_options[] = {
	{ "type", SEND_TYPE, "N", "type of the messages, a number from 1 on (default 1)" },
	{ "timeout", SEND_TIMEOUT, "TIME", "wait no longer than this for room (250ms, 2s, 1m)" },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline" },
	{ "raw", SEND_RAW, NULL, "all of standard input is one message" },
	{ "capacity", SEND_CAPACITY, "SIZE", "a new queue's room in bytes (default 1M)" },
	{ "message-max", SEND_MESSAGE_MAX, "SIZE", "a new queue's longest message (default 64K)" },
	{ "messages-max", SEND_MESSAGES_MAX, "N", "a new queue holds at most N messages" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb queue_send_verb = {
	.noun = "queue",
	.name = "send",
	.usage = "NAME [--type N] [OPTION...] [MESSAGE... | -]",
	.summary = "send messages: arguments, or lines of standard input",
	.help = "Sends each MESSAGE, or each line of standard input, to the queue NAME, which is\n"
		"made if there is none. Each message goes to one receiver, and stays in the queue\n"
		"until one takes it, also when nobody is attached any more. Waits while the\n"
		"queue is full.\n"
		"\n"
		"Sizes take K, M and G. They are for a new queue; a queue that is there must have\n"
		"them already. The capacity must be at least 8 times the longest message.",
	.options = queue_send_options,
	.run = queue_send,
};

/* ---- receive ---- */

struct loan {
	const void *data;
	size_t end; /* where the message ends in the output */
};

struct receive {
	sluice_queue *queue;
	const char *name;
	int64_t type;
	int64_t timeout;
	uint64_t left; /* messages still to come */
	bool drain;
	bool show_type;
	enum message_form form;
	struct cli_buffer out;
	struct loan loans[RECEIVE_BATCH];
	size_t loaned;
};

/* Wait for one message; its length or a code. SLUICE_ECANCELED: a signal, or nobody to show it. */
static int64_t receive_wait(struct receive *receive, const void **ret_data,
			    struct sluice_message *message)
{
	int64_t end = receive->timeout > 0 ? cli_now() + receive->timeout : 0;

	for (;;) {
		int64_t step = message_step(end, receive->drain || !receive->timeout);
		int64_t size = message_waited(
			sluice_queue_borrow(receive->queue, receive->type, ret_data, message, step),
			step);

		if (size != SLUICE_ETIMEDOUT)
			return size;
	}
}

/* The message as a JSON object. */
static void receive_print_json(struct receive *receive, const void *data, size_t size,
			       const struct sluice_message *message)
{
	json_t *object = json_object();

	cli_json_set(object, "type", json_integer(message->type));
	cli_json_set_number(object, "sequence", message->sequence);
	cli_json_set(object, "redelivered", json_boolean(message->flags & SLUICE_REDELIVERED));
	message_print_json(&receive->out, object, message->sender, data, size);
}

static void receive_print(struct receive *receive, const void *data, size_t size,
			  const struct sluice_message *message)
{
	char type[32] = "";

	if (receive->show_type)
		snprintf(type, sizeof(type), "%lld\t", (long long)message->type);
	if (receive->form == MESSAGE_JSON)
		receive_print_json(receive, data, size, message);
	else
		message_print(&receive->out, receive->form, type, data, size);
	receive->loans[receive->loaned].data = data;
	receive->loans[receive->loaned++].end = receive->out.used;
}

/* Borrow one message, having waited, and what else is there; 0 or the code that ended it. */
static int receive_batch(struct receive *receive)
{
	int64_t size;

	receive->out.used = 0;
	receive->loaned = 0;
	do {
		struct sluice_message message = { .size = sizeof(message) };
		const void *data = NULL;

		if (receive->loaned)
			size = sluice_queue_borrow(receive->queue, receive->type, &data, &message,
						   SLUICE_NOWAIT);
		else
			size = receive_wait(receive, &data, &message);
		if (size < 0)
			break;
		receive_print(receive, data, (size_t)size, &message);
	} while (receive->loaned < RECEIVE_BATCH && receive->loaned < receive->left &&
		 receive->out.used < RECEIVE_BATCH_BYTES);
	return receive->loaned ? 0 : (int)size;
}

/* Consume what is within the first @written bytes of output, return the rest; 0 or a code. */
static int receive_settle(struct receive *receive, size_t written)
{
	int result = 0;

	for (size_t i = 0; i < receive->loaned; i++) {
		int code;

		if (receive->loans[i].end <= written)
			code = sluice_queue_consume(receive->queue, receive->loans[i].data);
		else
			code = sluice_queue_return(receive->queue, receive->loans[i].data);
		if (code < 0 && !result)
			result = code;
		else if (receive->loans[i].end <= written && receive->left != UINT64_MAX)
			receive->left--;
	}
	return result;
}

static int receive_nothing(const struct receive *receive, int code)
{
	char time[32];

	if (code == SLUICE_ECANCELED)
		return CLI_FAILED;
	if (code != SLUICE_EAGAIN)
		return cli_fail_code("queue", receive->name, code);
	if (receive->drain)
		return CLI_DONE;
	if (receive->timeout)
		cli_fail("queue '%s': no message within %s", receive->name,
			 cli_time_text(receive->timeout, time, sizeof(time)));
	else
		cli_fail("queue '%s': no message", receive->name);
	return CLI_TIMED_OUT;
}

static int receive_all(struct receive *receive)
{
	while (receive->left) {
		size_t written;
		int code = receive_batch(receive);
		int error;

		if (code < 0)
			return receive_nothing(receive, code);
		written = cli_write_out(&receive->out);
		error = written < receive->out.used ? errno : 0;
		code = receive_settle(receive, written);
		if (error == EPIPE || error == EINTR || cli_stopped())
			return CLI_FAILED;
		if (error)
			return cli_fail(
				"cannot write to standard output: %s; the message is back in "
				"queue '%s'",
				strerror(error), receive->name);
		if (code < 0)
			return cli_fail_code("queue", receive->name, code);
	}
	return CLI_DONE;
}

enum {
	RECEIVE_TYPE = CLI_LONG,
	RECEIVE_DRAIN,
	RECEIVE_TIMEOUT,
	RECEIVE_SHOW_TYPE,
	RECEIVE_RAW,
	RECEIVE_JSON
};

static void receive_parse(struct cli_arguments *arguments, struct receive *receive)
{
	const struct cli_verb *verb = arguments->verb;
	int amounts = 0;
	int key;

	while ((key = cli_next(arguments)) != -1) {
		if (key == RECEIVE_TYPE)
			receive->type = cli_parse_number(verb, "type", optarg, INT64_MIN);
		else if (key == RECEIVE_TIMEOUT)
			receive->timeout = cli_parse_timeout(verb, optarg);
		else if (key == RECEIVE_SHOW_TYPE)
			receive->show_type = true;
		else if (key == RECEIVE_RAW)
			message_set_form(verb, &receive->form, MESSAGE_RAW);
		else if (key == RECEIVE_JSON)
			message_set_form(verb, &receive->form, MESSAGE_JSON);
		else if (key == '0')
			message_set_form(verb, &receive->form, MESSAGE_ZERO);
		else
			amounts++;
		if (key == 'n')
			receive->left = (uint64_t)cli_parse_number(verb, "count", optarg, 1);
		else if (key == 'f' || key == RECEIVE_DRAIN)
			receive->left = UINT64_MAX;
		receive->drain |= key == RECEIVE_DRAIN;
	}
	cli_operands(arguments, 1, 1);
	if (amounts > 1)
		cli_wrong(verb, "--count, --follow and --drain exclude each other");
	if (receive->drain && receive->timeout >= 0)
		cli_wrong(verb, "--drain does not wait, so --timeout means nothing");
	receive->name = arguments->operands[0];
}

static int queue_receive(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_queue_options options = { .size = sizeof(options) };
	struct receive receive = { .timeout = SLUICE_FOREVER, .left = 1 };
	int status;

	receive_parse(arguments, &receive);
	options.role = SLUICE_RECEIVE;
	options.flags = receive.drain ? SLUICE_MUST_EXIST : 0;
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	signal(SIGPIPE, SIG_IGN);
	status = sluice_queue_open(receive.name, &options, &receive.queue);
	if (status < 0)
		return cli_fail_open("queue", receive.name, status, diagnostic);
	cli_catch_stop();
	status = receive_all(&receive);
	sluice_queue_close(receive.queue);
	free(receive.out.data);
	return cli_stopped() ? cli_end_by_signal() : status;
}

static const struct cli_option queue_receive_options[] = {
	{ "type", RECEIVE_TYPE, "N",
	  "N > 0: messages of type N; N < 0: the lowest type\nup to -N first; 0: any (default)" },
	{ "count", 'n', "N", "end after N messages (default 1)" },
	{ "follow", 'f', NULL, "go on for ever" },
	{ "drain", RECEIVE_DRAIN, NULL, "take what is there, end when nothing is left" },
	{ "timeout", RECEIVE_TIMEOUT, "TIME",
	  "end with status 124 when nothing came for so long\n(250ms, 2s, 1m)" },
	{ "show-type", RECEIVE_SHOW_TYPE, NULL, "the type and a tab before each message" },
	{ "null", '0', NULL, "end messages with a NUL instead of a newline" },
	{ "raw", RECEIVE_RAW, NULL, "end messages with nothing" },
	{ "json", RECEIVE_JSON, NULL,
	  "an object a line: type, sequence, redelivered,\n"
	  "sender, and data, or base64 for what is not UTF-8" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb queue_receive_verb = {
	.noun = "queue",
	.name = "receive",
	.usage = "NAME [--count N | --follow | --drain] [OPTION...]",
	.summary = "receive messages, one a line",
	.help = "Takes messages from the queue NAME and writes them to standard output, one a\n"
		"line. The queue is made if there is none (not with --drain). Any number of\n"
		"receivers share the messages; each message goes to one of them.\n"
		"\n"
		"A message leaves the queue after it has been written out. A receiver that is\n"
		"killed in between loses nothing: what it had not finished goes to another, which\n"
		"--json shows as redelivered, so up to 32 messages may be printed twice.",
	.options = queue_receive_options,
	.run = queue_receive,
};
