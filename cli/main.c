/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * main.c - the program sluice: a noun, then a verb
 *
 * Here is only the way to a verb: the list of them, help about them, and a guess at what was meant
 * when a word is none of them. Each verb's help, options and work are in the file of its noun.
 */
#include "util.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_verb *const verbs[] = {
	&tour_verb,
	&bench_verb,
	&queue_send_verb,
	&queue_receive_verb,
	&stream_write_verb,
	&stream_read_verb,
	&topic_publish_verb,
	&topic_subscribe_verb,
	&datagram_send_verb,
	&datagram_receive_verb,
	&mutex_run_verb,
	&rwlock_run_verb,
	&semaphore_create_verb,
	&semaphore_post_verb,
	&semaphore_wait_verb,
	&semaphore_value_verb,
	&semaphore_acquire_verb,
	&semaphore_release_verb,
	&semaphore_run_verb,
	&lock_verb,
	&memory_create_verb,
	&memory_write_verb,
	&memory_read_verb,
	&memory_dump_verb,
	&memory_resize_verb,
	&memory_remove_verb,
	&memory_map_verb,
	&list_verb,
	&show_verb,
	&path_verb,
	&remove_verb,
	&clean_verb,
};

static bool is_noun(const char *word)
{
	for (size_t i = 0; i < CLI_COUNT(verbs); i++)
		if (verbs[i]->noun && !strcmp(verbs[i]->noun, word))
			return true;
	return false;
}

/* The verb @name of @noun; NULL for @noun: a verb that stands alone. */
static const struct cli_verb *find_verb(const char *noun, const char *name)
{
	for (size_t i = 0; i < CLI_COUNT(verbs); i++) {
		if (strcmp(noun ? noun : "", verbs[i]->noun ? verbs[i]->noun : "") != 0)
			continue;
		if (!strcmp(name, verbs[i]->name))
			return verbs[i];
	}
	return NULL;
}

static void print_overview(FILE *file)
{
	fputs("sluice - messages and locks between processes, by name, that survive kill -9\n\n"
	      "usage:\n",
	      file);
	for (size_t i = 0; i < CLI_COUNT(verbs); i++) {
		const char *noun = verbs[i]->noun;

		fprintf(file, "  sluice %s%s%-*s  %s\n", noun ? noun : "", noun ? " " : "",
			noun ? 17 - (int)strlen(noun) : 18, verbs[i]->name, verbs[i]->summary);
	}
	fputs("  sluice help [WORD]         more about it; so does --help behind any verb\n\n"
	      "in one terminal, then in another:\n"
	      "  sluice queue receive jobs --follow\n"
	      "  seq 1 10 | sluice queue send jobs\n\n"
	      "Objects live in $SLUICE_DIR, by default /dev/shm/sluice-<uid>.\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 124 timed out.\n",
	      file);
}

static void print_noun(FILE *file, const char *noun)
{
	fputs("usage:\n", file);
	for (size_t i = 0; i < CLI_COUNT(verbs); i++) {
		if (!verbs[i]->noun || strcmp(verbs[i]->noun, noun) != 0)
			continue;
		fputs("  ", file);
		cli_print_usage(file, verbs[i]);
		fprintf(file, "        %s\n", verbs[i]->summary);
	}
	fprintf(file, "'sluice %s VERB --help' tells more.\n", noun);
}

/*
 * The verb whose name is nearest to @word, among those of @noun or, for NULL, among all verbs and
 * nouns; a verb that belongs to a noun may be meant when it is said alone.
 */
static const struct cli_verb *nearest(const char *noun, const char *word)
{
	const struct cli_verb *best = NULL;
	size_t least = strlen(word) < 6 ? strlen(word) / 2 + 1 : 4;

	for (size_t i = 0; i < CLI_COUNT(verbs); i++) {
		size_t distance = cli_distance(word, verbs[i]->name);

		if (noun && (!verbs[i]->noun || strcmp(verbs[i]->noun, noun) != 0))
			continue;
		if (!noun && verbs[i]->noun && cli_distance(word, verbs[i]->noun) < distance)
			distance = cli_distance(word, verbs[i]->noun);
		if (distance < least) {
			least = distance;
			best = verbs[i];
		}
	}
	return best;
}

static int unknown_word(const char *noun, const char *word)
{
	const struct cli_verb *verb = nearest(noun, word);

	if (!verb)
		cli_fail("there is no '%s%s%s'; see 'sluice help%s%s'", noun ? noun : "",
			 noun ? " " : "", word, noun ? " " : "", noun ? noun : "");
	else
		cli_fail("there is no '%s%s%s'; did you mean 'sluice %s%s%s'?", noun ? noun : "",
			 noun ? " " : "", word, verb->noun ? verb->noun : "", verb->noun ? " " : "",
			 verb->name);
	return CLI_USAGE;
}

static int run_help(int argc, char **argv)
{
	const struct cli_verb *verb;

	if (argc < 2) {
		print_overview(stdout);
		return CLI_DONE;
	}
	if (is_noun(argv[1])) {
		verb = argc > 2 ? find_verb(argv[1], argv[2]) : NULL;
		if (argc > 2 && !verb)
			return unknown_word(argv[1], argv[2]);
		if (!verb)
			print_noun(stdout, argv[1]);
	} else {
		verb = find_verb(NULL, argv[1]);
		if (!verb)
			return unknown_word(NULL, argv[1]);
	}
	if (verb)
		cli_print_help(verb);
	return CLI_DONE;
}

static int run_version(void)
{
	printf("sluice %d.%d.%d", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH);
	printf(" (library %s)\n", sluice_version());
	return CLI_DONE;
}

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
	struct cli_arguments arguments = { verb, argc, argv, NULL, 0 };
	int status = verb->run(&arguments);

	free(arguments.operands);
	return status;
}

static bool asks_for_help(const char *word)
{
	return !strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int run(int argc, char **argv)
{
	const struct cli_verb *verb;

	if (argc < 2) {
		print_overview(stderr);
		return CLI_USAGE;
	}
	if (asks_for_help(argv[1]))
		return run_help(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--version"))
		return run_version();
	verb = find_verb(NULL, argv[1]);
	if (verb)
		return run_verb(verb, argc - 1, argv + 1);
	if (!is_noun(argv[1]))
		return unknown_word(NULL, argv[1]);
	if (argc < 3) {
		print_noun(stderr, argv[1]);
		return CLI_USAGE;
	}
	if (asks_for_help(argv[2])) {
		print_noun(stdout, argv[1]);
		return CLI_DONE;
	}
	verb = find_verb(argv[1], argv[2]);
	if (!verb)
		return unknown_word(argv[1], argv[2]);
	return run_verb(verb, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
	return cli_finish(run(argc, argv));
}
