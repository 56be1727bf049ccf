/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory.c - sluice memory create, write, read, dump, resize, remove and map
 *
 * What only looks (read, dump, map) attaches read-only and reads through the kernel, so that a file
 * that somebody cuts is a line on standard error and not a SIGBUS.
 */
#include "util.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PART 65536u
#define DUMP_LINE 16u

enum {
	OPTION_SIZE = CLI_LONG,
	OPTION_MAXIMUM,
	OPTION_MUTEXES,
	OPTION_CONDITIONS,
	OPTION_SEMAPHORES,
	OPTION_RWLOCKS,
	OPTION_VALUE,
	OPTION_OFFSET,
	OPTION_LENGTH,
	OPTION_RAW
};

/* What the options say. */
struct memory_wish {
	uint64_t size, maximum, offset, length;
	uint32_t mutexes, conditions, semaphores, rwlocks, value;
	bool raw;
};

/* The library says what is too much; what does not fit in the option must not be cut off before. */
static uint32_t memory_count(const struct cli_verb *verb, const char *option)
{
	int64_t number = cli_parse_number(verb, option, optarg, 0);

	return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

static struct memory_wish memory_options(struct cli_arguments *arguments)
{
	const struct cli_verb *verb = arguments->verb;
	struct memory_wish wish = { 0 };
	int key;

	while ((key = cli_next(arguments)) != -1) {
		if (key == OPTION_SIZE)
			wish.size = cli_parse_size(verb, "size", optarg);
		else if (key == OPTION_MAXIMUM)
			wish.maximum = cli_parse_size(verb, "maximum", optarg);
		else if (key == OPTION_MUTEXES)
			wish.mutexes = memory_count(verb, "mutexes");
		else if (key == OPTION_CONDITIONS)
			wish.conditions = memory_count(verb, "conditions");
		else if (key == OPTION_SEMAPHORES)
			wish.semaphores = memory_count(verb, "semaphores");
		else if (key == OPTION_RWLOCKS)
			wish.rwlocks = memory_count(verb, "rwlocks");
		else if (key == OPTION_VALUE)
			wish.value = memory_count(verb, "value");
		else if (key == OPTION_OFFSET)
			wish.offset = (uint64_t)cli_parse_number(verb, "offset", optarg, 0);
		else if (key == OPTION_LENGTH)
			wish.length = (uint64_t)cli_parse_number(verb, "length", optarg, 1);
		else
			wish.raw = true;
	}
	return wish;
}

/* Open what must be there; an exit status, CLI_DONE if it is open. */
static int memory_attach(const char *name, uint32_t flags, sluice_memory **ret_memory)
{
	char diagnostic[512] = "";
	struct sluice_memory_options options = { .size = sizeof(options), .flags = flags };
	int code;

	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	code = sluice_memory_open(name, &options, ret_memory);
	return code < 0 ? cli_fail_open("memory", name, code, diagnostic) : CLI_DONE;
}

/* ---- create, resize, remove ---- */

static int memory_create(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_memory_options options = { .size = sizeof(options),
						 .flags = SLUICE_MUST_CREATE };
	struct memory_wish wish = memory_options(arguments);
	sluice_memory *memory;
	int code;

	cli_operands(arguments, 1, 1);
	options.bytes = wish.size;
	options.maximum = wish.maximum;
	options.mutexes = wish.mutexes;
	options.conditions = wish.conditions;
	options.semaphores = wish.semaphores;
	options.rwlocks = wish.rwlocks;
	options.initial = wish.value;
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	code = sluice_memory_open(arguments->operands[0], &options, &memory);
	if (code < 0)
		return cli_fail_open("memory", arguments->operands[0], code, diagnostic);
	sluice_memory_close(memory);
	return CLI_DONE;
}

/* Let it have @bytes; says why it cannot. */
static int memory_grow(sluice_memory *memory, const char *name, uint64_t bytes)
{
	struct sluice_memory_info info = { .size = sizeof(info) };
	int code = sluice_memory_resize(memory, bytes);

	if (code == SLUICE_EINVAL && sluice_memory_info(memory, &info) == 0)
		return cli_fail(
			"memory '%s': %llu bytes are more than its maximum of %llu; make it anew "
			"with a larger one",
			name, (unsigned long long)bytes, (unsigned long long)info.maximum);
	return code < 0 ? cli_fail_code("memory", name, code) : CLI_DONE;
}

static int memory_resize(struct cli_arguments *arguments)
{
	sluice_memory *memory;
	uint64_t bytes;
	int status;

	memory_options(arguments);
	cli_operands(arguments, 2, 2);
	bytes = cli_parse_size(arguments->verb, "SIZE", arguments->operands[1]);
	status = memory_attach(arguments->operands[0], SLUICE_MUST_EXIST, &memory);
	if (status != CLI_DONE)
		return status;
	status = memory_grow(memory, arguments->operands[0], bytes);
	sluice_memory_close(memory);
	return status;
}

/* What is damaged, but was a memory, too. */
static int memory_remove(struct cli_arguments *arguments)
{
	struct sluice_inspection found = { .size = sizeof(found) };
	const char *name;
	int code;

	memory_options(arguments);
	cli_operands(arguments, 1, 1);
	name = arguments->operands[0];
	code = sluice_inspect(name, &found, NULL, 0);
	if (code >= 0 && found.kind != SLUICE_KIND_MEMORY)
		return cli_fail("'%s' is a %s, not a memory; 'sluice remove' removes it as well",
				name, sluice_kind_name(found.kind));
	if (code >= 0)
		code = sluice_remove(name);
	return code < 0 ? cli_fail_code("memory", name, code) : CLI_DONE;
}

/* ---- write ---- */

/* Store @size bytes at @offset, letting it grow. */
static int memory_store(sluice_memory *memory, const char *name, uint64_t offset, const void *data,
			size_t size)
{
	int64_t now = sluice_memory_size(memory);

	if (now < 0)
		return cli_fail_code("memory", name, (int)now);
	if (offset > SLUICE_MEMORY_MAX || offset + size > (uint64_t)now) {
		int status = memory_grow(memory, name, offset + size);

		if (status != CLI_DONE)
			return status;
	}
	memcpy((char *)sluice_memory_data(memory) + offset, data, size);
	return CLI_DONE;
}

static int memory_write_input(sluice_memory *memory, const char *name, uint64_t offset)
{
	char part[PART];
	int status = CLI_DONE;
	ssize_t n;

	while (status == CLI_DONE && (n = read(STDIN_FILENO, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_fail("standard input: %s", strerror(errno));
		status = memory_store(memory, name, offset, part, (size_t)n);
		offset += (uint64_t)n;
	}
	return status;
}

static int memory_write(struct cli_arguments *arguments)
{
	struct memory_wish wish = memory_options(arguments);
	sluice_memory *memory;
	const char *name, *text;
	int status;

	cli_operands(arguments, 1, 2);
	name = arguments->operands[0];
	text = arguments->count > 1 ? arguments->operands[1] : "-";
	status = memory_attach(name, SLUICE_MUST_EXIST, &memory);
	if (status != CLI_DONE)
		return status;
	if (strcmp(text, "-") != 0)
		status = memory_store(memory, name, wish.offset, text, strlen(text));
	else
		status = memory_write_input(memory, name, wish.offset);
	sluice_memory_close(memory);
	return status;
}

/* ---- read, dump, map ---- */

static void dump_line(uint64_t offset, const unsigned char *bytes, size_t count)
{
	printf("%08llx ", (unsigned long long)offset);
	for (size_t i = 0; i < DUMP_LINE; i++) {
		if (i % 8 == 0)
			putchar(' ');
		if (i < count)
			printf("%02x ", bytes[i]);
		else
			fputs("   ", stdout);
	}
	fputs(" |", stdout);
	for (size_t i = 0; i < count; i++)
		putchar(bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '.');
	puts("|");
}

/* All of a part but lines that are as the one before them: a star stands for these. */
static void dump_part(uint64_t offset, const unsigned char *bytes, size_t count, bool is_last)
{
	static unsigned char before[DUMP_LINE];
	static bool has_before, is_starred;

	for (size_t i = 0; i < count; i += DUMP_LINE) {
		size_t left = count - i;

		if (has_before && left >= DUMP_LINE && (left > DUMP_LINE || !is_last) &&
		    memcmp(before, bytes + i, DUMP_LINE) == 0) {
			if (!is_starred)
				puts("*");
			is_starred = true;
			continue;
		}
		dump_line(offset + i, bytes + i, left < DUMP_LINE ? left : DUMP_LINE);
		has_before = left >= DUMP_LINE;
		is_starred = false;
		if (has_before)
			memcpy(before, bytes + i, DUMP_LINE);
	}
}

/* Print a range; @shift is added to the offsets that are shown. */
static int memory_print(sluice_memory *memory, const char *name, const struct memory_wish *wish,
			uint64_t offset, uint64_t shift)
{
	static unsigned char part[PART];
	int64_t size = sluice_memory_size(memory);
	uint64_t left;

	if (size < 0)
		return cli_fail_code("memory", name, (int)size);
	if (offset > (uint64_t)size || wish->length > (uint64_t)size - offset)
		return cli_fail("memory '%s' has %lld bytes, wanted %llu from %llu on", name,
				(long long)size, (unsigned long long)wish->length,
				(unsigned long long)offset);
	left = wish->length ? wish->length : (uint64_t)size - offset;
	while (left && !ferror(stdout)) {
		size_t count = left < PART ? (size_t)left : PART;
		int code = sluice_memory_copy(memory, offset, part, count);

		if (code < 0)
			return cli_fail_code("memory", name, code);
		if (wish->raw)
			fwrite(part, 1, count, stdout);
		else
			dump_part(shift + offset, part, count, count == left);
		offset += count;
		left -= count;
	}
	return CLI_DONE;
}

static int memory_show(struct cli_arguments *arguments, bool raw)
{
	struct memory_wish wish = memory_options(arguments);
	sluice_memory *memory;
	int status;

	cli_operands(arguments, 1, 1);
	status = memory_attach(arguments->operands[0], SLUICE_READ_ONLY, &memory);
	if (status != CLI_DONE)
		return status;
	wish.raw = raw;
	status = memory_print(memory, arguments->operands[0], &wish, wish.offset, 0);
	sluice_memory_close(memory);
	return status;
}

static int memory_read(struct cli_arguments *arguments)
{
	return memory_show(arguments, true);
}

static int memory_dump(struct cli_arguments *arguments)
{
	return memory_show(arguments, false);
}

static int memory_map(struct cli_arguments *arguments)
{
	char diagnostic[512] = "";
	struct sluice_memory_file_options options = { .size = sizeof(options),
						      .flags = SLUICE_READ_ONLY };
	struct memory_wish wish = memory_options(arguments);
	sluice_memory *memory;
	const char *path;
	int code;

	cli_operands(arguments, 1, 1);
	path = arguments->operands[0];
	options.offset = wish.offset;
	options.length = wish.length;
	options.diagnostic = diagnostic;
	options.diagnostic_size = sizeof(diagnostic);
	code = sluice_memory_map_file(path, &options, &memory);
	if (code < 0)
		return cli_fail_open("file", path, code, diagnostic);
	code = memory_print(memory, path, &wish, 0, wish.offset);
	sluice_memory_close(memory);
	return code;
}

/* ---- the verbs ---- */

static const struct cli_option create_options[] = {
	{ "size", OPTION_SIZE, "SIZE", "bytes of data at first (1M)" },
	{ "maximum", OPTION_MAXIMUM, "SIZE", "what it may grow to (as many)" },
	{ "mutexes", OPTION_MUTEXES, "N", "mutexes in it (0)" },
	{ "conditions", OPTION_CONDITIONS, "N", "conditions in it (0)" },
	{ "semaphores", OPTION_SEMAPHORES, "N", "semaphores in it (0)" },
	{ "rwlocks", OPTION_RWLOCKS, "N", "reader-writer locks in it (0)" },
	{ "value", OPTION_VALUE, "N", "units of each semaphore (0)" },
	CLI_LAST_OPTION,
};

#define OFFSET_OPTION                                                                              \
	{                                                                                          \
		"offset", OPTION_OFFSET, "N", "where to begin (0)"                                 \
	}
#define LENGTH_OPTION                                                                              \
	{                                                                                          \
		"length", OPTION_LENGTH, "N", "how many bytes (to the end)"                        \
	}

static const struct cli_option write_options[] = { OFFSET_OPTION, CLI_LAST_OPTION };
static const struct cli_option read_options[] = { OFFSET_OPTION, LENGTH_OPTION, CLI_LAST_OPTION };
static const struct cli_option map_options[] = {
	OFFSET_OPTION,
	LENGTH_OPTION,
	{ "raw", OPTION_RAW, NULL, "the bytes as they are, not in hexadecimal" },
	CLI_LAST_OPTION,
};
static const struct cli_option no_options[] = { CLI_LAST_OPTION };

const struct cli_verb memory_create_verb = {
	.noun = "memory",
	.name = "create",
	.usage = "NAME [--size SIZE] [--maximum SIZE] [--mutexes N] [--conditions N]\n"
		 "       [--semaphores N] [--value N] [--rwlocks N]",
	.summary = "make shared memory",
	.help = "Makes the memory NAME, all zeros. It is an error if it is there. It stays until it is\n"
		"removed, and can grow to its maximum while others use it.",
	.options = create_options,
	.run = memory_create,
};

const struct cli_verb memory_write_verb = {
	.noun = "memory",
	.name = "write",
	.usage = "NAME [--offset N] [TEXT | -]",
	.summary = "store bytes in shared memory",
	.help = "Stores TEXT, or standard input, in the memory NAME, which grows if it has to.",
	.options = write_options,
	.run = memory_write,
};

const struct cli_verb memory_read_verb = {
	.noun = "memory",
	.name = "read",
	.usage = "NAME [--offset N] [--length N]",
	.summary = "print bytes of shared memory as they are",
	.help = "Attaches read-only: nothing can change, and nobody notices.",
	.options = read_options,
	.run = memory_read,
};

const struct cli_verb memory_dump_verb = {
	.noun = "memory",
	.name = "dump",
	.usage = "NAME [--offset N] [--length N]",
	.summary = "print bytes of shared memory in hexadecimal",
	.help = "As 'memory read', 16 bytes a line, each with its offset in front. A star stands for\n"
		"lines that are as the one before it.",
	.options = read_options,
	.run = memory_dump,
};

const struct cli_verb memory_resize_verb = {
	.noun = "memory",
	.name = "resize",
	.usage = "NAME SIZE",
	.summary = "let shared memory grow while others use it",
	.help = "Gives the memory NAME at least SIZE bytes (4096, 64K, 1G). It never gets smaller.",
	.options = no_options,
	.run = memory_resize,
};

const struct cli_verb memory_remove_verb = {
	.noun = "memory",
	.name = "remove",
	.usage = "NAME",
	.summary = "remove shared memory",
	.help = "As 'sluice remove', but only if NAME is a memory.",
	.options = no_options,
	.run = memory_remove,
};

const struct cli_verb memory_map_verb = {
	.noun = "memory",
	.name = "map",
	.usage = "FILE [--offset N] [--length N] [--raw]",
	.summary = "map a part of a file and print it",
	.help = "Maps the range of FILE, read-only, and prints it in hexadecimal with the file's\n"
		"offsets. Any offset and length will do.",
	.options = map_options,
	.run = memory_map,
};
