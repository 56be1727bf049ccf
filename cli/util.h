/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * util.h - what the verbs of the program share
 *
 * A verb is one struct cli_verb: its help, its options and its function stand together, and the
 * option table drives both getopt_long() and the help text. Wrong usage ends the program inside
 * the parser, before a verb has opened anything. Everything a verb prints for a person on standard
 * error is one line that begins with "sluice: ".
 */
#ifndef SLUICE_CLI_UTIL_H
#define SLUICE_CLI_UTIL_H

#include <sluice.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum cli_status {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_TIMED_OUT = 124,
	CLI_CANNOT_RUN = 126,
	CLI_NOT_FOUND = 127,
	CLI_SIGNAL_BASE = 128
};

/* Arguments. An option's key is its short letter; from CLI_LONG on it has none. */

#define CLI_LONG 256

struct cli_option {
	const char *name;
	int key;
	const char *argument; /* NULL: takes none; else what stands for it in the help */
	const char *help;     /* further lines begin after each newline */
};

/* The end of a list of them. */
#define CLI_LAST_OPTION                                                                            \
	{                                                                                          \
		NULL, 0, NULL, NULL                                                                \
	}

struct cli_arguments;

struct cli_verb {
	const char *noun; /* NULL: the verb stands alone */
	const char *name;
	const char *usage;                /* what follows the verb */
	const char *summary;              /* one line for the overview */
	const char *help;                 /* paragraphs */
	const struct cli_option *options; /* ends with a NULL name */
	int (*run)(struct cli_arguments *arguments);
	int command_at; /* from this operand on the rest is a command, not options; 0: never */
};

struct cli_arguments {
	const struct cli_verb *verb;
	int argc;
	char **argv;     /* argv[0] is the verb */
	char **operands; /* what is no option, in order, NULL at the end */
	int count;
};

extern const struct cli_verb queue_send_verb;
extern const struct cli_verb queue_receive_verb;
extern const struct cli_verb stream_write_verb;
extern const struct cli_verb stream_read_verb;
extern const struct cli_verb topic_publish_verb;
extern const struct cli_verb topic_subscribe_verb;
extern const struct cli_verb datagram_send_verb;
extern const struct cli_verb datagram_receive_verb;
extern const struct cli_verb mutex_run_verb;
extern const struct cli_verb rwlock_run_verb;
extern const struct cli_verb semaphore_create_verb;
extern const struct cli_verb semaphore_post_verb;
extern const struct cli_verb semaphore_wait_verb;
extern const struct cli_verb semaphore_value_verb;
extern const struct cli_verb semaphore_acquire_verb;
extern const struct cli_verb semaphore_release_verb;
extern const struct cli_verb semaphore_run_verb;
extern const struct cli_verb lock_verb;
extern const struct cli_verb memory_create_verb;
extern const struct cli_verb memory_write_verb;
extern const struct cli_verb memory_read_verb;
extern const struct cli_verb memory_dump_verb;
extern const struct cli_verb memory_resize_verb;
extern const struct cli_verb memory_remove_verb;
extern const struct cli_verb memory_map_verb;
extern const struct cli_verb list_verb;
extern const struct cli_verb show_verb;
extern const struct cli_verb path_verb;
extern const struct cli_verb remove_verb;
extern const struct cli_verb clean_verb;
extern const struct cli_verb tour_verb;
extern const struct cli_verb bench_verb;

/* cli_next() - the key of the next option, its argument in optarg; -1 when there is none left. */
int cli_next(struct cli_arguments *arguments);

/* cli_operands() - end with status 2 unless there are @least to @most operands. */
void cli_operands(const struct cli_arguments *arguments, int least, int most);

/* cli_wrong() - say what is wrong with the arguments and exit with status 2. */
_Noreturn void cli_wrong(const struct cli_verb *verb, const char *format, ...) CLI_PRINTF(2, 3);

void cli_print_usage(FILE *file, const struct cli_verb *verb);
void cli_print_help(const struct cli_verb *verb);

/* Values of options; @option is its name, for the complaint. */
int64_t cli_parse_timeout(const struct cli_verb *verb, const char *text);
uint64_t cli_parse_size(const struct cli_verb *verb, const char *option, const char *text);
int64_t cli_parse_number(const struct cli_verb *verb, const char *option, const char *text,
			 int64_t least);

/* Complaints. Each prints one line and returns the exit status that goes with it. */

int cli_fail(const char *format, ...) CLI_PRINTF(1, 2);

/* cli_fail_code() - @code came from a call on an object that is open, or was looked at */
int cli_fail_code(const char *kind, const char *name, int code);

/* cli_fail_open() - @code came from an open that was given @diagnostic */
int cli_fail_open(const char *kind, const char *name, int code, const char *diagnostic);

_Noreturn void cli_no_memory(void);

/* cli_finish() - flush standard output; the exit status, worse if that failed. */
int cli_finish(int status);

/* Signals that ask the program to end (SIGINT, SIGTERM, SIGHUP, SIGQUIT), caught to tidy up. */

void cli_catch_stop(void);
void cli_release_stop(void); /* back to the dispositions the program was started with */
int cli_stopped(void);       /* the signal, or 0 */
int cli_end_by_signal(void); /* end as the caught signal would have ended us */

/* Bytes on their way out. */

struct cli_buffer {
	char *data;
	size_t used;
	size_t room;
};

char *cli_buffer_room(struct cli_buffer *buffer, size_t size); /* where @size more bytes go */
void cli_buffer_add(struct cli_buffer *buffer, const void *data, size_t size);

/* cli_write_out() - to standard output; how much of it went, with errno set if that is not all. Ends
 * early (EINTR) when a caught signal asks the program to end. */
size_t cli_write_out(const struct cli_buffer *buffer);

/* cli_output_is_gone() - is standard output a pipe or socket that nobody reads any more? */
bool cli_output_is_gone(void);

/* Words. */

int64_t cli_now(void); /* CLOCK_MONOTONIC in nanoseconds */
const char *cli_time_text(int64_t nanoseconds, char *buffer, size_t size);
const char *cli_size_text(uint64_t bytes, char *buffer, size_t size);

/* cli_printable() - @text with everything a terminal might obey replaced by '?' */
const char *cli_printable(const char *text, char *buffer, size_t size);

/* cli_json_text() - a JSON string, whatever the bytes are */
json_t *cli_json_text(const char *text);

/* cli_json_set() - @value, which is released, as the member @key of @object */
void cli_json_set(json_t *object, const char *key, json_t *value);
void cli_json_set_number(json_t *object, const char *key, uint64_t value);

/* cli_json_data() - {"data": text} when the bytes are UTF-8, else {"base64": ...}, into @object */
void cli_json_data(json_t *object, const void *data, size_t size);

/* cli_json_shared_data() - the same of bytes that another process may be writing: of a copy */
void cli_json_shared_data(json_t *object, const void *data, size_t size);

/* cli_json_add() - @value on one line, without its end, behind what is in @buffer, and release it */
void cli_json_add(struct cli_buffer *buffer, json_t *value);

/* cli_json_print() - @value on standard output, over several lines, and release it */
void cli_json_print(json_t *value);

/* cli_distance() - how many letters must change to make @a from @b */
size_t cli_distance(const char *a, const char *b);

#endif
