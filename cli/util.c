/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * util.c - what the verbs of the program share
 *
 * Arguments. getopt_long() runs in its "return operands in order" mode, so NAME may stand before
 * or after the options whatever POSIXLY_CORRECT says, and a verb that runs a command can stop the
 * scan where the command begins.
 *
 * Stop signals. The handler notes the signal and starts a fast interval timer. A signal that
 * arrives just before a call goes to sleep would otherwise be noticed only when the call ends; the
 * timer's own signals end that sleep with EINTR a moment later, whichever call it is.
 */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS_MAX 20
#define NANOSECONDS 1000000000

/* ---- arguments ---- */

static const char *verb_noun(const struct cli_verb *verb)
{
	return verb->noun ? verb->noun : "";
}

static const char *verb_gap(const struct cli_verb *verb)
{
	return verb->noun ? " " : "";
}

_Noreturn void cli_wrong(const struct cli_verb *verb, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	cli_fail("%s%s%s: %s; see 'sluice %s%s%s --help'", verb_noun(verb), verb_gap(verb),
		 verb->name, text, verb_noun(verb), verb_gap(verb), verb->name);
	exit(CLI_USAGE);
}

void cli_print_usage(FILE *file, const struct cli_verb *verb)
{
	fprintf(file, "sluice %s%s%s%s%s\n", verb_noun(verb), verb_gap(verb), verb->name,
		*verb->usage ? " " : "", verb->usage);
}

/* One option of the help: its names in a column of their own, its words beside them. */
static void print_option(const struct cli_option *option)
{
	char names[64];
	const char *line = option->help;
	char letter[] = "-x, ";

	letter[1] = (char)option->key;
	snprintf(names, sizeof(names), "%s--%s%s%s", option->key < CLI_LONG ? letter : "    ",
		 option->name, option->argument ? " " : "",
		 option->argument ? option->argument : "");
	printf("  %-22s", names);
	while (line) {
		const char *end = strchr(line, '\n');

		printf("  %.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
		line = end ? end + 1 : NULL;
		if (line)
			printf("  %-22s", "");
	}
}

void cli_print_help(const struct cli_verb *verb)
{
	static const struct cli_option help = { "help", 'h', NULL, "this text" };
	const struct cli_option *option;

	fputs("usage: ", stdout);
	cli_print_usage(stdout, verb);
	printf("\n%s\n\noptions:\n", verb->help);
	for (option = verb->options; option->name; option++)
		print_option(option);
	print_option(&help);
}

/* The tables getopt_long() wants, from ours. */
static void build_tables(const struct cli_verb *verb, struct option *longs, char *shorts)
{
	const struct cli_option *option;
	size_t n = 0;

	*shorts++ = '-';
	*shorts++ = ':';
	*shorts++ = 'h';
	for (option = verb->options; option->name && n < OPTIONS_MAX; option++, n++) {
		longs[n].name = option->name;
		longs[n].has_arg = option->argument ? required_argument : no_argument;
		longs[n].val = option->key;
		if (option->key >= CLI_LONG)
			continue;
		*shorts++ = (char)option->key;
		if (option->argument)
			*shorts++ = ':';
	}
	longs[n].name = "help";
	longs[n].val = 'h';
	*shorts = '\0';
}

static void take_operand(struct cli_arguments *arguments, char *operand)
{
	if (!arguments->operands)
		arguments->operands = calloc((size_t)arguments->argc + 1, sizeof(char *));
	if (!arguments->operands)
		cli_no_memory();
	arguments->operands[arguments->count++] = operand;
}

static _Noreturn void wrong_option(const struct cli_arguments *arguments, int found)
{
	const char *word = optind > 0 ? arguments->argv[optind - 1] : "";

	if (found == ':')
		cli_wrong(arguments->verb, "%s needs a value", word);
	if (optopt && optopt < CLI_LONG && strncmp(word, "--", 2) != 0)
		cli_wrong(arguments->verb,
			  "there is no option -%c (what is no option and begins with a dash goes "
			  "after --)",
			  optopt);
	cli_wrong(arguments->verb, "there is no option %s, or it takes no value", word);
}

int cli_next(struct cli_arguments *arguments)
{
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 8];
	int command_at = arguments->verb->command_at;
	int found;

	memset(longs, 0, sizeof(longs));
	build_tables(arguments->verb, longs, shorts);
	opterr = 0;
	while (!command_at || arguments->count < command_at) {
		found = getopt_long(arguments->argc, arguments->argv, shorts, longs, NULL);
		if (found == -1)
			break;
		if (found == '?' || found == ':')
			wrong_option(arguments, found);
		if (found == 'h') {
			cli_print_help(arguments->verb);
			exit(cli_finish(CLI_DONE));
		}
		if (found != 1)
			return found;
		take_operand(arguments, optarg);
	}
	while (optind < arguments->argc)
		take_operand(arguments, arguments->argv[optind++]);
	return -1;
}

void cli_operands(const struct cli_arguments *arguments, int least, int most)
{
	if (arguments->count < least)
		cli_wrong(arguments->verb, "something is missing: %s", arguments->verb->usage);
	if (arguments->count > most)
		cli_wrong(arguments->verb, "'%s' is one argument too many",
			  arguments->operands[most]);
}

/* ---- values ---- */

static const char *skip_digits(const char *text)
{
	return text + strspn(text, "0123456789");
}

int64_t cli_parse_timeout(const struct cli_verb *verb, const char *text)
{
	static const struct {
		const char *name;
		double nanoseconds;
	} units[] = { { "", 1e9 },   { "s", 1e9 },  { "ms", 1e6 },   { "us", 1e3 },
		      { "ns", 1.0 }, { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 } };
	const char *end = skip_digits(text);
	double value;

	if (*end == '.')
		end = skip_digits(end + 1);
	value = end - text > (*text == '.') ? strtod(text, NULL) : -1;
	for (size_t i = 0; i < CLI_COUNT(units) && value >= 0; i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		value *= units[i].nanoseconds;
		return value < 9e18 ? (int64_t)value : SLUICE_FOREVER;
	}
	cli_wrong(verb, "--timeout takes a time such as 250ms, 2s or 1m, not '%s'", text);
}

uint64_t cli_parse_size(const struct cli_verb *verb, const char *option, const char *text)
{
	static const char units[] = "KMGT";
	const char *end = skip_digits(text);
	const char *unit;
	uint64_t value;
	unsigned shift = 0;

	errno = 0;
	value = strtoull(text, NULL, 10);
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		if (!strcmp(end, "iB"))
			end += 2;
	}
	if (end == text || *end || errno || !value || value > (UINT64_MAX >> 1) >> shift)
		cli_wrong(verb, "%s%s takes a size such as 4096, 64K or 1G, not '%s'",
			  *option < 'a' ? "" : "--", option, text);
	return value << shift;
}

int64_t cli_parse_number(const struct cli_verb *verb, const char *option, const char *text,
			 int64_t least)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end || errno || value < least) {
		if (least == INT64_MIN)
			cli_wrong(verb, "--%s takes a whole number, not '%s'", option, text);
		cli_wrong(verb, "--%s takes a whole number from %lld on, not '%s'", option,
			  (long long)least, text);
	}
	return value;
}

/* ---- complaints ---- */

/* One line, whatever the names in it are made of, and nothing that a terminal would obey. */
int cli_fail(const char *format, ...)
{
	char text[2048];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	for (char *at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	fprintf(stderr, "sluice: %s\n", text);
	return CLI_FAILED;
}

/* What to do about it, where a person can do something. */
static const char *advice(int code)
{
	switch (code) {
	case SLUICE_ENOENT:
		return "'sluice list' shows what there is";
	case SLUICE_EACCES:
		return "it, or its directory, belongs to somebody else: be that user, or set SLUICE_DIR";
	case SLUICE_ECORRUPT:
		return "'sluice remove NAME' frees the name";
	case SLUICE_ENOSPC:
		return "'sluice clean' removes what nobody uses";
	case SLUICE_EUSERS:
		return "'sluice show NAME' lists who is attached";
	case SLUICE_ENAMETOOLONG:
	case SLUICE_EINVAL:
		return "a name is 1 to 200 of A-Z a-z 0-9 . _ - and does not begin with . or -";
	default:
		return NULL;
	}
}

int cli_fail_code(const char *kind, const char *name, int code)
{
	const char *what = advice(code);

	cli_fail("%s '%s': %s%s%s", kind, name, sluice_error_text(code), what ? "; " : "",
		 what ? what : "");
	return code == SLUICE_ETIMEDOUT || code == SLUICE_EAGAIN ? CLI_TIMED_OUT : CLI_FAILED;
}

int cli_fail_open(const char *kind, const char *name, int code, const char *diagnostic)
{
	if (!*diagnostic)
		return cli_fail_code(kind, name, code);
	if (strstr(diagnostic, name))
		cli_fail("%s", diagnostic);
	else
		cli_fail("%s '%s': %s", kind, name, diagnostic);
	return code == SLUICE_ETIMEDOUT ? CLI_TIMED_OUT : CLI_FAILED;
}

_Noreturn void cli_no_memory(void)
{
	cli_fail("out of memory");
	exit(CLI_FAILED);
}

int cli_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		cli_fail("cannot write to standard output: %s", strerror(errno));
	return status ? status : CLI_FAILED;
}

/* ---- signals ---- */

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static struct sigaction stop_before[CLI_COUNT(stop_signals)];
static volatile sig_atomic_t stop_signal;

static void stop_handler(int number)
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } };

	if (number == SIGALRM)
		return;
	stop_signal = number;
	setitimer(ITIMER_REAL, &often, NULL); /* a bare system call on Linux */
}

void cli_catch_stop(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = stop_handler; /* no SA_RESTART: sleeping calls are to end */
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	for (size_t i = 0; i < CLI_COUNT(stop_signals); i++) {
		sigaction(stop_signals[i], NULL, &stop_before[i]);
		if (stop_before[i].sa_handler != SIG_IGN) /* nohup stays nohup */
			sigaction(stop_signals[i], &action, NULL);
	}
}

void cli_release_stop(void)
{
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };

	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	for (size_t i = 0; i < CLI_COUNT(stop_signals); i++)
		sigaction(stop_signals[i], &stop_before[i], NULL);
}

int cli_stopped(void)
{
	return stop_signal;
}

int cli_end_by_signal(void)
{
	int number = stop_signal;

	fflush(stdout);
	cli_release_stop();
	raise(number);
	return CLI_SIGNAL_BASE + number;
}

/* ---- bytes ---- */

char *cli_buffer_room(struct cli_buffer *buffer, size_t size)
{
	size_t room = buffer->room ? buffer->room : 4096;

	while (room - buffer->used < size) {
		if (room > SIZE_MAX / 4)
			cli_no_memory();
		room *= 2;
	}
	if (room != buffer->room) {
		char *data = realloc(buffer->data, room);

		if (!data)
			cli_no_memory();
		buffer->data = data;
		buffer->room = room;
	}
	return buffer->data + buffer->used;
}

void cli_buffer_add(struct cli_buffer *buffer, const void *data, size_t size)
{
	if (size)
		memcpy(cli_buffer_room(buffer, size), data, size);
	buffer->used += size;
}

size_t cli_write_out(const struct cli_buffer *buffer)
{
	struct pollfd item = { .fd = STDOUT_FILENO, .events = POLLOUT };
	size_t done = 0;

	while (done < buffer->used) {
		ssize_t n = write(STDOUT_FILENO, buffer->data + done, buffer->used - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN) /* somebody made our terminal non-blocking */
			poll(&item, 1, -1);
		else if (errno != EINTR)
			break;
		if (cli_stopped() && done < buffer->used) {
			errno = EINTR;
			break;
		}
	}
	return done;
}

bool cli_output_is_gone(void)
{
	struct pollfd item = { .fd = STDOUT_FILENO, .events = 0 };

	return poll(&item, 1, 0) == 1 && (item.revents & POLLERR);
}

/* ---- words ---- */

int64_t cli_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

static const char *scaled_text(double value, double step, const char *const *units, size_t count,
			       char *buffer, size_t size)
{
	size_t unit = 0;

	while (value >= step && unit + 1 < count) {
		value /= step;
		unit++;
	}
	if (value >= 100 || value == (double)(uint64_t)value)
		snprintf(buffer, size, "%.0f %s", value, units[unit]);
	else
		snprintf(buffer, size, "%.1f %s", value, units[unit]);
	return buffer;
}

const char *cli_time_text(int64_t nanoseconds, char *buffer, size_t size)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };

	return scaled_text((double)nanoseconds, 1000, units, CLI_COUNT(units), buffer, size);
}

const char *cli_size_text(uint64_t bytes, char *buffer, size_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };

	return scaled_text((double)bytes, 1024, units, CLI_COUNT(units), buffer, size);
}

const char *cli_printable(const char *text, char *buffer, size_t size)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < size; i++)
		buffer[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	buffer[i] = '\0';
	return buffer;
}

json_t *cli_json_text(const char *text)
{
	char clean[4096];
	json_t *string = json_string(text);

	return string ? string : json_string(cli_printable(text, clean, sizeof(clean)));
}

static char *base64(const unsigned char *data, size_t size, size_t *ret_size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((size + 2) / 3 * 4 + 1);
	char *out = text;

	if (!text)
		cli_no_memory();
	for (size_t i = 0; i < size; i += 3) {
		size_t there = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16;

		if (there > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (there > 2)
			bits |= data[i + 2];
		*out++ = digits[bits >> 18 & 63];
		*out++ = digits[bits >> 12 & 63];
		*out++ = there > 1 ? digits[bits >> 6 & 63] : '=';
		*out++ = there > 2 ? digits[bits & 63] : '=';
	}
	*out = '\0';
	*ret_size = (size_t)(out - text);
	return text;
}

void cli_json_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		cli_no_memory();
}

void cli_json_set_number(json_t *object, const char *key, uint64_t value)
{
	cli_json_set(object, key, json_integer((json_int_t)value));
}

void cli_json_data(json_t *object, const void *data, size_t size)
{
	json_t *string = json_stringn(data ? data : "", size);
	const char *key = "data";

	if (!string) {
		size_t length;
		char *text = base64(data, size, &length);

		string = json_stringn(text, length);
		key = "base64";
		free(text);
	}
	cli_json_set(object, key, string);
}

void cli_json_shared_data(json_t *object, const void *data, size_t size)
{
	struct cli_buffer copy = { NULL, 0, 0 };

	cli_buffer_add(&copy, data, size);
	cli_json_data(object, copy.data, size);
	free(copy.data);
}

void cli_json_add(struct cli_buffer *buffer, json_t *value)
{
	size_t need = json_dumpb(value, NULL, 0, JSON_COMPACT);

	if (!need)
		cli_no_memory();
	buffer->used += json_dumpb(value, cli_buffer_room(buffer, need), need, JSON_COMPACT);
	json_decref(value);
}

void cli_json_print(json_t *value)
{
	if (!value)
		cli_no_memory();
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(value);
}

size_t cli_distance(const char *a, const char *b)
{
	size_t row[32];
	size_t length = strlen(b);

	if (length >= CLI_COUNT(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t corner = row[0]++;

		for (size_t j = 0; j < length; j++) {
			size_t change = corner + (a[i] != b[j]);

			corner = row[j + 1];
			row[j + 1] = row[j + 1] < row[j] ? row[j + 1] + 1 : row[j] + 1;
			if (change < row[j + 1])
				row[j + 1] = change;
		}
	}
	return row[length];
}
