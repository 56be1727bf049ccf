/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * datagram.c - sluice datagram send, sluice datagram receive
 *
 * A message per argument or per line, as with queues; but udp may lose them, and nobody keeps them
 * for a receiver that is not there yet. A unix-seqpacket address is listened at by the receiver, and
 * ends with the sender's connection.
 */
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MOST ((size_t)1 << 20)

struct mail {
	const char *address;
	sluice_datagram *datagram;
	sluice_listener *listener;
	int64_t timeout;
	uint64_t left; /* messages still to receive */
	bool show_sender;
	bool zero;
	bool raw;
	char *buffer;
	char diagnostic[512];
};

static bool goes_on(int64_t code)
{
	return code == SLUICE_EINTR && !cli_stopped();
}

static int mail_failed(const struct mail *mail, int code)
{
	if (cli_stopped())
		return CLI_FAILED;
	cli_fail("datagram '%s': %s", mail->address, sluice_error_text(code));
	return code == SLUICE_ETIMEDOUT || code == SLUICE_EAGAIN ? CLI_TIMED_OUT : CLI_FAILED;
}

static int mail_end(struct mail *mail, int status)
{
	sluice_datagram_close(mail->datagram);
	sluice_listener_close(mail->listener);
	free(mail->buffer);
	return cli_stopped() ? cli_end_by_signal() : status;
}

static int mail_open(struct mail *mail, const char *own, const char *peer)
{
	struct sluice_datagram_options options = { .size = sizeof(options) };
	int code;

	cli_catch_stop();
	options.peer = peer;
	options.diagnostic = mail->diagnostic;
	options.diagnostic_size = sizeof(mail->diagnostic);
	code = sluice_datagram_open(own, &options, &mail->datagram);
	return code < 0 ? cli_fail_open("datagram", mail->address, code, mail->diagnostic)
			: CLI_DONE;
}

/* ---- send ---- */

static int send_one(struct mail *mail, const char *data, size_t size)
{
	int code;

	do
		code = sluice_datagram_send(mail->datagram, NULL, data, size, mail->timeout);
	while (goes_on(code));
	if (code == SLUICE_EMSGSIZE)
		return cli_fail("datagram '%s': a message of %zu bytes is too long for it",
				mail->address, size);
	return code < 0 ? mail_failed(mail, code) : CLI_DONE;
}

static int send_input(struct mail *mail)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t got;
	int status = CLI_DONE, end = mail->zero ? '\0' : '\n';

	while (!status && (got = getdelim(&line, &room, end, stdin)) > 0) {
		size_t size = (size_t)got;

		if (line[size - 1] == end)
			size--;
		status = send_one(mail, line, size);
	}
	if (!status && ferror(stdin) && !cli_stopped())
		status = cli_fail("cannot read standard input: %s", strerror(errno));
	free(line);
	return status;
}

enum { SEND_TIMEOUT = CLI_LONG, SEND_FROM };

static int datagram_send(struct cli_arguments *arguments)
{
	struct mail mail = { .timeout = SLUICE_FOREVER };
	const char *from = NULL;
	int key, status;

	while ((key = cli_next(arguments)) != -1) {
		if (key == SEND_TIMEOUT)
			mail.timeout = cli_parse_timeout(arguments->verb, optarg);
		else if (key == SEND_FROM)
			from = optarg;
		else
			mail.zero = true;
	}
	cli_operands(arguments, 1, INT32_MAX);
	mail.address = arguments->operands[0];
	status = mail_open(&mail, from, mail.address);
	if (!status && (arguments->count == 1 || !strcmp(arguments->operands[1], "-")))
		status = send_input(&mail);
	else
		for (int i = 1; i < arguments->count && !status; i++)
			status = send_one(&mail, arguments->operands[i],
					  strlen(arguments->operands[i]));
	return mail_end(&mail, status);
}

static const struct cli_option datagram_send_options[] = {
	{ "from", SEND_FROM, "ADDRESS", "send from this address, where answers go" },
	{ "timeout", SEND_TIMEOUT, "TIME", "wait no longer than this for room (250ms, 2s, 1m)" },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb datagram_send_verb = {
	.noun = "datagram",
	.name = "send",
	.usage = "ADDRESS [OPTION...] [MESSAGE... | -]",
	.summary = "send datagrams: arguments, or lines of standard input",
	.help = "Sends each MESSAGE, or each line of standard input, to ADDRESS: unix:PATH,\n"
		"unix:@NAME, unix-seqpacket:PATH or udp:HOST:PORT, where HOST may be a broadcast\n"
		"address or a multicast group. udp may lose them; unix waits for room.",
	.options = datagram_send_options,
	.run = datagram_send,
};

/* ---- receive ---- */

static int receive_open(struct mail *mail)
{
	struct sluice_listener_options options = { .size = sizeof(options) };
	struct sluice_datagram_info info = { .size = sizeof(info) };
	int code;

	if (strncmp(mail->address, "unix-seqpacket:", 15) != 0) {
		code = mail_open(mail, mail->address, NULL);
		if (!code && sluice_datagram_info(mail->datagram, &info) == 0 &&
		    !strncmp(mail->address, "udp:", 4) && strcmp(info.address, mail->address) != 0)
			fprintf(stderr, "sluice: receiving at %s\n", info.address);
		return code;
	}
	cli_catch_stop();
	options.diagnostic = mail->diagnostic;
	options.diagnostic_size = sizeof(mail->diagnostic);
	code = sluice_listener_open(mail->address, &options, &mail->listener);
	if (code < 0)
		return cli_fail_open("datagram", mail->address, code, mail->diagnostic);
	do
		code = sluice_datagram_accept(mail->listener, &mail->datagram, mail->timeout);
	while (goes_on(code));
	return code < 0 ? mail_failed(mail, code) : CLI_DONE;
}

static int receive_show(struct mail *mail, size_t size, const struct sluice_address *from)
{
	char sender[300];

	if (mail->show_sender &&
	    sluice_datagram_text(mail->datagram, from, sender, sizeof(sender)) >= 0)
		printf("%s\t", sender);
	fwrite(mail->buffer, 1, size, stdout);
	if (!mail->raw)
		putchar(mail->zero ? '\0' : '\n');
	return fflush(stdout) == 0
		       ? CLI_DONE
		       : cli_fail("cannot write to standard output: %s", strerror(errno));
}

static int receive_all(struct mail *mail)
{
	struct sluice_address from;
	size_t length = 0;
	int status = CLI_DONE;

	while (!status && mail->left) {
		int64_t n = sluice_datagram_receive(mail->datagram, mail->buffer, MESSAGE_MOST,
						    &from, &length, mail->timeout);

		if (n < 0 && goes_on(n))
			continue;
		if (n == SLUICE_ENOSENDER)
			return CLI_DONE;
		if (n == SLUICE_EMSGSIZE)
			return cli_fail("datagram '%s': a message of %zu bytes is longer than "
					"this program takes",
					mail->address, length);
		if (n < 0)
			return mail_failed(mail, (int)n);
		status = receive_show(mail, (size_t)n, &from);
		mail->left--;
	}
	return status;
}

enum { RECEIVE_TIMEOUT = CLI_LONG, RECEIVE_SENDER, RECEIVE_RAW };

static int datagram_receive(struct cli_arguments *arguments)
{
	struct mail mail = { .timeout = SLUICE_FOREVER, .left = UINT64_MAX };
	int key, status;

	while ((key = cli_next(arguments)) != -1) {
		if (key == RECEIVE_TIMEOUT)
			mail.timeout = cli_parse_timeout(arguments->verb, optarg);
		else if (key == 'n')
			mail.left = (uint64_t)cli_parse_number(arguments->verb, "count", optarg, 1);
		else if (key == RECEIVE_SENDER)
			mail.show_sender = true;
		else if (key == RECEIVE_RAW)
			mail.raw = true;
		else
			mail.zero = true;
	}
	cli_operands(arguments, 1, 1);
	mail.address = arguments->operands[0];
	mail.buffer = malloc(MESSAGE_MOST);
	if (!mail.buffer)
		cli_no_memory();
	status = receive_open(&mail);
	if (!status)
		status = receive_all(&mail);
	return mail_end(&mail, status);
}

static const struct cli_option datagram_receive_options[] = {
	{ "count", 'n', "N", "end after N messages" },
	{ "timeout", RECEIVE_TIMEOUT, "TIME", "end when nothing came for so long" },
	{ "show-sender", RECEIVE_SENDER, NULL, "the sender's address and a tab before each" },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline" },
	{ "raw", RECEIVE_RAW, NULL, "messages end with nothing" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb datagram_receive_verb = {
	.noun = "datagram",
	.name = "receive",
	.usage = "ADDRESS [OPTION...]",
	.summary = "print datagrams as they come",
	.help = "Receives at ADDRESS: unix:PATH, unix:@NAME, udp:HOST:PORT (HOST * is any, a\n"
		"multicast group is joined), or unix-seqpacket:PATH, where it waits for a\n"
		"connection and ends with it. Prints each message and a newline.",
	.options = datagram_receive_options,
	.run = datagram_receive,
};
