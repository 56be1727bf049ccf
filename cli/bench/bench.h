/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* bench.h - what the verb `bench` asks of this directory */
#ifndef SLUICE_CLI_BENCH_BENCH_H
#define SLUICE_CLI_BENCH_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bench_plan;

struct bench_settings {
	char **words; /* facilities or groups, as bench_knows() knows them; none: all */
	size_t words_count;
	bool quick;
	bool progress;        /* a bar on standard error */
	const char *command;  /* as it was typed, for the report */
	int (*stopped)(void); /* not zero: somebody asked us to end */
};

/* bench_knows() - is @word a facility or a group of them? */
bool bench_knows(const char *word);

/* bench_word() - the words there are, one by one; NULL behind the last. */
const char *bench_word(size_t index);

/* bench_print_list() - the facilities, what each is, and what is measured of it. */
void bench_print_list(FILE *file);

/* bench_run() - measure; false when it was stopped, and nothing of it is left. */
bool bench_run(const struct bench_settings *settings, struct bench_plan **ret_plan);
void bench_free(struct bench_plan *plan);

/* The four faces of a result. */
void bench_print_text(FILE *file, const struct bench_plan *plan);
json_t *bench_json(const struct bench_plan *plan);
void bench_print_html(FILE *file, const struct bench_plan *plan);

/* bench_compare() - what differs from @old, the JSON of another run, beyond what both spread over;
 * false, and *@ret_why, when @old is not such a file. */
bool bench_compare(FILE *file, const struct bench_plan *plan, json_t *old, const char **ret_why);

#endif
