/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic.c - sluice topic publish, sluice topic subscribe
 *
 * Publishing. A message per argument, or per line of standard input as it arrives. A publisher that
 * has nobody to wait for never waits: who comes later asks for history.
 *
 * Subscribing. A message is copied into the output while it is borrowed, so it is whole, however slow
 * the reader of the output is; what is lost meanwhile is counted, and told with --show-lost. A
 * subscriber that publishers gave up (--evict-after) says so and goes on with what is still there.
 *
 * A subscriber that waits looks up once a second to see whether anybody still reads its output, as
 * tail -f does.
 */
#include "message.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_BYTES 65536u

static const char *const policies[] = {
	[SLUICE_OVERWRITE] = "overwrite",
	[SLUICE_WAIT] = "wait",
	[SLUICE_LATEST] = "latest",
};

/* ---- options that both verbs have ---- */

enum {
	TOPIC_TIMEOUT = CLI_LONG,
	TOPIC_RAW,
	TOPIC_DEPTH,
	TOPIC_MESSAGE_MAX,
	TOPIC_SUBSCRIBERS,
	TOPIC_POLICY,
	TOPIC_EVICT,
	TOPIC_HISTORY,
	TOPIC_DRAIN,
	TOPIC_UNTIL_END,
	TOPIC_SHOW_LOST,
	TOPIC_READ_ONLY,
	TOPIC_JSON
};

static uint32_t parse_small(const struct cli_verb *verb, const char *option, const char *text,
			    int64_t least)
{
	int64_t number = cli_parse_number(verb, option, text, least);

	if (number > UINT32_MAX)
		cli_wrong(verb, "--%s %s is too large", option, text);
	return (uint32_t)number;
}

static uint32_t parse_policy(const struct cli_verb *verb, const char *text)
{
	for (uint32_t i = SLUICE_OVERWRITE; i < CLI_COUNT(policies); i++)
		if (!strcmp(text, policies[i]))
			return i;
	cli_wrong(verb, "--policy is '%s', wanted overwrite, wait or latest", text);
}

/* Is @key about the topic itself? Then it is in the options. */
static bool parse_common(const struct cli_verb *verb, int key, struct sluice_topic_options *options)
{
	switch (key) {
	case TOPIC_DEPTH:
		options->depth = (uint64_t)cli_parse_number(verb, "depth", optarg, 1);
		return true;
	case TOPIC_MESSAGE_MAX:
		options->message_max = cli_parse_size(verb, "message-max", optarg);
		return true;
	case TOPIC_SUBSCRIBERS:
		options->subscribers = parse_small(verb, "subscribers", optarg, 1);
		return true;
	case TOPIC_POLICY:
		options->policy = parse_policy(verb, optarg);
		return true;
	default:
		return false;
	}
}

/* ---- publish ---- */

struct publish {
	sluice_publisher *publisher;
	const char *name;
	int64_t timeout;
	uint64_t message_max;
	bool raw;
	bool zero;
};

static int publish_failed(const struct publish *publish, int code, size_t size)
{
	char time[32];

	if (cli_stopped())
		return CLI_FAILED;
	if (code == SLUICE_EMSGSIZE)
		return cli_fail("topic '%s': a message of %zu bytes does not fit: it takes up to "
				"%llu (--message-max of a new topic)",
				publish->name, size, (unsigned long long)publish->message_max);
	if (code != SLUICE_ETIMEDOUT && code != SLUICE_EAGAIN)
		return cli_fail_code("topic", publish->name, code);
	if (publish->timeout)
		cli_fail("topic '%s': a subscriber that is waited for has not moved within %s",
			 publish->name, cli_time_text(publish->timeout, time, sizeof(time)));
	else
		cli_fail("topic '%s': a subscriber is waited for", publish->name);
	return CLI_TIMED_OUT;
}

static int publish_one(struct publish *publish, const char *data, size_t size)
{
	int code;

	do
		code = sluice_publisher_publish(publish->publisher, data, size, publish->timeout);
	while (code == SLUICE_EINTR && !cli_stopped());
	return code < 0 ? publish_failed(publish, code, size) : CLI_DONE;
}

static int publish_lines(struct publish *publish)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t got;
	int status = CLI_DONE, end = publish->zero ? '\0' : '\n';

	while (!status && (got = getdelim(&line, &room, end, stdin)) > 0) {
		size_t size = (size_t)got;

		size -= line[size - 1] == end;
		status = publish_one(publish, line, size);
	}
	free(line);
	return status;
}

static int publish_whole_input(struct publish *publish)
{
	struct cli_buffer input = { NULL, 0, 0 };
	size_t got;
	int status;

	do {
		got = fread(cli_buffer_room(&input, OUTPUT_BYTES), 1, OUTPUT_BYTES, stdin);
		input.used += got;
	} while (got && input.used <= publish->message_max);
	status = ferror(stdin) ? CLI_DONE : publish_one(publish, input.data, input.used);
	free(input.data);
	return status;
}

static int publish_input(struct publish *publish)
{
	int status = publish->raw ? publish_whole_input(publish) : publish_lines(publish);

	if (status || !ferror(stdin) || cli_stopped())
		return status;
	return cli_fail("cannot read standard input: %s", strerror(errno));
}

static void publish_parse(struct cli_arguments *arguments, struct publish *publish,
			  struct sluice_topic_options *options)
{
	const struct cli_verb *verb = arguments->verb;
	int key;

	while ((key = cli_next(arguments)) != -1) {
		if (parse_common(verb, key, options))
			continue;
		if (key == TOPIC_TIMEOUT)
			publish->timeout = cli_parse_timeout(verb, optarg);
		else if (key == TOPIC_EVICT)
			options->evict_after_ns = cli_parse_timeout(verb, optarg);
		else if (key == TOPIC_RAW)
			publish->raw = true;
		else
			publish->zero = true;
	}
	cli_operands(arguments, 1, INT32_MAX);
	if (publish->raw && publish->zero)
		cli_wrong(verb, "--raw and --null exclude each other");
	if (arguments->count == 2 && !strcmp(arguments->operands[1], "-"))
		arguments->count = 1;
	if (arguments->count > 1 && (publish->raw || publish->zero))
		cli_wrong(verb, "--%s is about standard input, not about arguments",
			  publish->raw ? "raw" : "null");
	for (int i = 1; i < arguments->count; i++)
		if (!strcmp(arguments->operands[i], "-"))
			cli_wrong(verb, "'-' (standard input) stands alone");
	publish->name = arguments->operands[0];
}

static int topic_publish(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_topic_options options = { .size = sizeof(options) };
	struct sluice_topic_info info = { .size = sizeof(info) };
	struct publish publish = { .timeout = SLUICE_FOREVER };
	int status;

	publish_parse(arguments, &publish, &options);
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	status = sluice_publisher_open(publish.name, &options, &publish.publisher);
	if (status < 0)
		return cli_fail_open("topic", publish.name, status, diagnostic);
	status = sluice_publisher_info(publish.publisher, &info);
	publish.message_max = info.message_max;
	if (status < 0)
		status = cli_fail_code("topic", publish.name, status);
	else if (arguments->count == 1)
		status = publish_input(&publish);
	for (int i = 1; i < arguments->count && !status; i++)
		status = publish_one(&publish, arguments->operands[i],
				     strlen(arguments->operands[i]));
	sluice_publisher_close(publish.publisher);
	return status;
}

#define NEW_TOPIC_OPTIONS                                                                          \
	{ "depth", TOPIC_DEPTH, "N", "a new topic keeps N messages" },                             \
		{ "message-max", TOPIC_MESSAGE_MAX, "SIZE",                                        \
		  "a new topic's longest message (default 64K)" },                                 \
	{                                                                                          \
		"subscribers", TOPIC_SUBSCRIBERS, "N",                                             \
			"a new topic has room for N subscribers (default 8)"                       \
	}

static const struct cli_option topic_publish_options[] = {
	{ "timeout", TOPIC_TIMEOUT, "TIME",
	  "wait no longer than this for subscribers that are\nwaited for (250ms, 2s, 1m)" },
	{ "evict-after", TOPIC_EVICT, "TIME",
	  "give up a subscriber that has not moved for so long" },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline" },
	{ "raw", TOPIC_RAW, NULL, "all of standard input is one message" },
	{ "policy", TOPIC_POLICY, "WORD",
	  "of a new topic, for subscribers that have none:\n"
	  "overwrite (default), wait, latest" },
	NEW_TOPIC_OPTIONS,
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb topic_publish_verb = {
	.noun = "topic",
	.name = "publish",
	.usage = "NAME [OPTION...] [MESSAGE... | -]",
	.summary = "publish messages: arguments, or lines of standard input",
	.help = "Publishes each MESSAGE, or each line of standard input, on the topic NAME, which\n"
		"is made if there is none. Every subscriber sees every message. The topic keeps\n"
		"the last ones for subscribers that are slow, and for those that come later and\n"
		"ask for history. Waits only for subscribers whose policy is to be waited for.",
	.options = topic_publish_options,
	.run = topic_publish,
};

/* ---- subscribe ---- */

struct subscribe {
	sluice_subscriber *subscriber;
	const char *name;
	int64_t timeout;
	uint64_t left; /* messages still to come */
	bool drain;
	bool show_lost;
	bool read_only;
	void *buffer; /* for a message, if it cannot be borrowed */
	size_t capacity;
	enum message_form form;
	struct cli_buffer out;
};

static void subscribe_say_evicted(const struct subscribe *subscribe)
{
	cli_fail("topic '%s': publishers waited too long for this subscriber; it goes on with what "
		 "is still there",
		 subscribe->name);
}

/* One message, in place if that can be; its length or a code. */
static int64_t subscribe_take(struct subscribe *subscribe, const void **ret_data,
			      struct sluice_topic_message *message, int64_t timeout)
{
	if (!subscribe->read_only)
		return sluice_subscriber_borrow(subscribe->subscriber, ret_data, message, timeout);
	*ret_data = subscribe->buffer;
	return sluice_subscriber_receive(subscribe->subscriber, subscribe->buffer,
					 subscribe->capacity, message, timeout);
}

/* Wait for one message; its length or a code. SLUICE_ECANCELED: a signal, or nobody to show it. */
static int64_t subscribe_wait(struct subscribe *subscribe, const void **ret_data,
			      struct sluice_topic_message *message)
{
	int64_t end = subscribe->timeout > 0 ? cli_now() + subscribe->timeout : 0;

	for (;;) {
		int64_t step = message_step(end, subscribe->drain || !subscribe->timeout);
		int64_t size = subscribe_take(subscribe, ret_data, message, step);

		if (size == SLUICE_EEVICTED && !cli_stopped()) {
			subscribe_say_evicted(subscribe);
			continue;
		}
		size = message_waited(size, step);
		if (size != SLUICE_ETIMEDOUT)
			return size;
	}
}

/* The message as a JSON object. */
static void subscribe_print_json(struct subscribe *subscribe, const void *data, size_t size,
				 const struct sluice_topic_message *message)
{
	json_t *object = json_object();

	cli_json_set_number(object, "sequence", message->sequence);
	cli_json_set_number(object, "lost", message->lost);
	message_print_json(&subscribe->out, object, message->sender, data, size);
}

static void subscribe_print(struct subscribe *subscribe, const void *data, size_t size,
			    const struct sluice_topic_message *message)
{
	char lost[32] = "";

	if (subscribe->show_lost)
		snprintf(lost, sizeof(lost), "%llu\t", (unsigned long long)message->lost);
	if (subscribe->form == MESSAGE_JSON)
		subscribe_print_json(subscribe, data, size, message);
	else
		message_print(&subscribe->out, subscribe->form, lost, data, size);
}

/* One message, having waited, and what else is there; 0 or the code that ended it. */
static int subscribe_batch(struct subscribe *subscribe)
{
	int64_t size;

	subscribe->out.used = 0;
	do {
		struct sluice_topic_message message = { .size = sizeof(message) };
		const void *data = NULL;

		if (subscribe->out.used)
			size = subscribe_take(subscribe, &data, &message, SLUICE_NOWAIT);
		else
			size = subscribe_wait(subscribe, &data, &message);
		if (size == SLUICE_EEVICTED)
			subscribe_say_evicted(subscribe);
		if (size < 0)
			break;
		subscribe_print(subscribe, data, (size_t)size, &message);
		if (!subscribe->read_only)
			sluice_subscriber_return(subscribe->subscriber, data);
		subscribe->left -= subscribe->left != UINT64_MAX;
	} while (subscribe->left && subscribe->out.used < OUTPUT_BYTES);
	return subscribe->out.used || size >= 0 ? 0 : (int)size;
}

static int subscribe_nothing(const struct subscribe *subscribe, int code)
{
	char time[32];

	if (code == SLUICE_ECANCELED)
		return CLI_FAILED;
	if (code == SLUICE_ENOPUBLISHER || (code == SLUICE_EAGAIN && subscribe->drain))
		return CLI_DONE;
	if (code != SLUICE_EAGAIN)
		return cli_fail_code("topic", subscribe->name, code);
	if (subscribe->timeout)
		cli_fail("topic '%s': no message within %s", subscribe->name,
			 cli_time_text(subscribe->timeout, time, sizeof(time)));
	else
		cli_fail("topic '%s': no message", subscribe->name);
	return CLI_TIMED_OUT;
}

static int subscribe_all(struct subscribe *subscribe)
{
	while (subscribe->left) {
		int code = subscribe_batch(subscribe);
		size_t written;

		if (code < 0)
			return subscribe_nothing(subscribe, code);
		written = cli_write_out(&subscribe->out);
		if (written == subscribe->out.used && !cli_stopped())
			continue;
		if (cli_stopped() || errno == EPIPE || errno == EINTR)
			return CLI_FAILED;
		return cli_fail("cannot write to standard output: %s", strerror(errno));
	}
	return CLI_DONE;
}

/* How it looks, if that is what @key is about. */
static bool subscribe_parse_form(const struct cli_verb *verb, int key, struct subscribe *subscribe)
{
	if (key == TOPIC_RAW)
		message_set_form(verb, &subscribe->form, MESSAGE_RAW);
	else if (key == TOPIC_JSON)
		message_set_form(verb, &subscribe->form, MESSAGE_JSON);
	else if (key == '0')
		message_set_form(verb, &subscribe->form, MESSAGE_ZERO);
	else if (key == TOPIC_SHOW_LOST)
		subscribe->show_lost = true;
	else if (key == TOPIC_READ_ONLY)
		subscribe->read_only = true;
	else
		return false;
	return true;
}

static void subscribe_parse(struct cli_arguments *arguments, struct subscribe *subscribe,
			    struct sluice_topic_options *options)
{
	const struct cli_verb *verb = arguments->verb;
	int amounts = 0, key;

	while ((key = cli_next(arguments)) != -1) {
		if (parse_common(verb, key, options) || subscribe_parse_form(verb, key, subscribe))
			continue;
		if (key == TOPIC_TIMEOUT)
			subscribe->timeout = cli_parse_timeout(verb, optarg);
		else if (key == TOPIC_HISTORY)
			options->history = parse_small(verb, "history", optarg, 0);
		else
			amounts++;
		if (key == 'n')
			subscribe->left = (uint64_t)cli_parse_number(verb, "count", optarg, 1);
		else if (key == 'f' || key == TOPIC_DRAIN || key == TOPIC_UNTIL_END)
			subscribe->left = UINT64_MAX;
		if (key == TOPIC_UNTIL_END)
			options->flags |= SLUICE_EXPECT_PUBLISHER;
		subscribe->drain |= key == TOPIC_DRAIN;
	}
	cli_operands(arguments, 1, 1);
	if (amounts > 1)
		cli_wrong(verb, "--count, --follow, --drain and --until-end exclude each other");
	if (subscribe->drain && subscribe->timeout >= 0)
		cli_wrong(verb, "--drain does not wait, so --timeout means nothing");
	if (subscribe->read_only && (options->flags & SLUICE_EXPECT_PUBLISHER))
		cli_wrong(verb, "--read-only does not find out that publishers are gone, so "
				"--until-end would not end");
	if (subscribe->read_only)
		options->flags |= SLUICE_READ_ONLY;
	if (subscribe->drain)
		options->flags |= SLUICE_MUST_EXIST;
	subscribe->name = arguments->operands[0];
}

/* Room for the longest message. */
static int subscribe_prepare(struct subscribe *subscribe)
{
	struct sluice_topic_info info = { .size = sizeof(info) };
	int code = sluice_subscriber_info(subscribe->subscriber, &info);

	if (code < 0)
		return cli_fail_code("topic", subscribe->name, code);
	subscribe->capacity = (size_t)info.message_max;
	subscribe->buffer = malloc(subscribe->capacity);
	return subscribe->buffer ? CLI_DONE
				 : cli_fail_code("topic", subscribe->name, SLUICE_ENOMEM);
}

static int topic_subscribe(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_topic_options options = { .size = sizeof(options) };
	struct subscribe subscribe = { .timeout = SLUICE_FOREVER, .left = 1 };
	int status;

	subscribe_parse(arguments, &subscribe, &options);
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	signal(SIGPIPE, SIG_IGN);
	status = sluice_subscriber_open(subscribe.name, &options, &subscribe.subscriber);
	if (status < 0)
		return cli_fail_open("topic", subscribe.name, status, diagnostic);
	cli_catch_stop();
	status = subscribe.read_only ? subscribe_prepare(&subscribe) : CLI_DONE;
	if (status == CLI_DONE)
		status = subscribe_all(&subscribe);
	sluice_subscriber_close(subscribe.subscriber);
	free(subscribe.buffer);
	free(subscribe.out.data);
	return cli_stopped() ? cli_end_by_signal() : status;
}

static const struct cli_option topic_subscribe_options[] = {
	{ "count", 'n', "N", "end after N messages (default 1)" },
	{ "follow", 'f', NULL, "go on for ever" },
	{ "drain", TOPIC_DRAIN, NULL, "take what is there, end when nothing is left" },
	{ "until-end", TOPIC_UNTIL_END, NULL, "go on until publishers have come and all are gone" },
	{ "history", TOPIC_HISTORY, "N",
	  "begin with the last N messages, as far as they\nare kept (default 0)" },
	{ "timeout", TOPIC_TIMEOUT, "TIME",
	  "end with status 124 when nothing came for so long\n(250ms, 2s, 1m)" },
	{ "policy", TOPIC_POLICY, "WORD",
	  "when this subscriber is too slow: overwrite, wait\n"
	  "(publishers wait for it), latest (the newest only)" },
	{ "read-only", TOPIC_READ_ONLY, NULL,
	  "look on: change nothing, be seen by nobody; read\npermission is enough" },
	{ "show-lost", TOPIC_SHOW_LOST, NULL,
	  "how many were lost before it, and a tab, before\neach message" },
	{ "null", '0', NULL, "end messages with a NUL instead of a newline" },
	{ "raw", TOPIC_RAW, NULL, "end messages with nothing" },
	{ "json", TOPIC_JSON, NULL,
	  "an object a line: sequence, lost, sender, and data,\n"
	  "or base64 for what is not UTF-8" },
	NEW_TOPIC_OPTIONS,
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb topic_subscribe_verb = {
	.noun = "topic",
	.name = "subscribe",
	.usage = "NAME [--count N | --follow | --drain] [OPTION...]",
	.summary = "print what is published, one message a line",
	.help = "Subscribes to the topic NAME and writes each message published from now on to\n"
		"standard output, one a line. The topic is made if there is none (not with\n"
		"--drain). Every subscriber sees every message; one that is too slow loses the\n"
		"oldest, is told how many, and never sees a torn one.",
	.options = topic_subscribe_options,
	.run = topic_subscribe,
};
