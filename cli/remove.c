/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * remove.c - sluice remove and clean: away with it
 *
 * Nothing here attaches to an object: removing one by its name needs no consent of those who use it, and
 * cleaning asks the kernel who lives.
 */
#include "look.h"

/* ---- remove ---- */

static const struct cli_option no_options[] = { { NULL, 0, NULL, NULL } };

static int remove_objects(struct cli_arguments *arguments)
{
	int status = CLI_DONE;

	while (cli_next(arguments) != -1)
		;
	cli_operands(arguments, 1, INT32_MAX);
	for (int i = 0; i < arguments->count; i++) {
		int code = sluice_remove(arguments->operands[i]);

		if (code < 0)
			status = cli_fail_code("object", arguments->operands[i], code);
	}
	return status;
}

const struct cli_verb remove_verb = {
	.name = "remove",
	.usage = "NAME...",
	.summary = "remove objects, in use or not",
	.help = "Removes each object NAME with what is in it, also when it is in use or damaged.\n"
		"The name is free at once; processes that are attached are told.",
	.options = no_options,
	.run = remove_objects,
};

/* ---- clean ---- */

struct cleaning {
	bool dry_run;
	json_t *array; /* NULL: for a person */
	unsigned kept;
};

static const struct {
	const char *key;
	const char *why;
	bool removed;
} verdicts[] = {
	[SLUICE_KEPT_IN_USE] = { "in-use", "a living process is attached", false },
	[SLUICE_KEPT_CONTENT] = { "content",
				  "it holds messages, or data, or news of a death (--all removes it)",
				  false },
	[SLUICE_KEPT_FOREIGN] = { "foreign", "it is not ours to judge", false },
	[SLUICE_REMOVED_UNUSED] = { "unused", "nobody uses it", true },
	[SLUICE_REMOVED_DAMAGED] = { "damaged", "it was damaged and nobody uses it", true },
	[SLUICE_REMOVED_STALE] = { "stale", "it was left from before the last boot", true },
	[SLUICE_REMOVED_DEBRIS] = { "debris", "somebody died while making it", true },
};

static void clean_each(const char *file, int verdict, void *context)
{
	struct cleaning *cleaning = context;
	char name[256];
	const char *word;
	size_t known = verdict >= 0 && (size_t)verdict < CLI_COUNT(verdicts)
			       ? (size_t)verdict
			       : (size_t)SLUICE_KEPT_FOREIGN;

	if (cleaning->array) {
		json_t *object = json_object();

		cli_json_set(object, "file", cli_json_text(file));
		cli_json_set(object, "verdict", cli_json_text(verdicts[known].key));
		cli_json_set(object, "removed",
			     json_boolean(verdicts[known].removed && !cleaning->dry_run));
		cli_json_set(object, "would_remove", json_boolean(verdicts[known].removed));
		json_array_append_new(cleaning->array, object);
		return;
	}
	word = cleaning->dry_run ? "would remove" : "removed";
	printf("%s %s: %s\n", verdicts[known].removed ? word : "kept",
	       cli_printable(file, name, sizeof(name)), verdicts[known].why);
	cleaning->kept += !verdicts[known].removed;
}

enum { CLEAN_ALL = CLI_LONG };

static int clean(struct cli_arguments *arguments)
{
	struct cleaning cleaning = { false, NULL, 0 };
	const char *directory;
	uint32_t flags = 0;
	int count;
	int key;

	while ((key = cli_next(arguments)) != -1) {
		if (key == 'n')
			flags |= SLUICE_CLEAN_DRY_RUN;
		else if (key == CLEAN_ALL)
			flags |= SLUICE_CLEAN_CONTENT;
		else if (!cleaning.array)
			cleaning.array = json_array();
	}
	cli_operands(arguments, 0, 1);
	directory = arguments->count ? arguments->operands[0] : NULL;
	cleaning.dry_run = flags & SLUICE_CLEAN_DRY_RUN;
	count = sluice_clean(directory, flags, clean_each, &cleaning);
	if (count < 0) {
		json_decref(cleaning.array);
		return look_fail_directory(directory, count);
	}
	if (cleaning.array)
		cli_json_print(cleaning.array);
	else
		printf("%d %s, %u kept\n", count, cleaning.dry_run ? "to remove" : "removed",
		       cleaning.kept);
	return CLI_DONE;
}

static const struct cli_option clean_options[] = {
	{ "dry-run", 'n', NULL, "say what would go, remove nothing" },
	{ "all", CLEAN_ALL, NULL, "also what holds messages, data or news of a death" },
	{ "json", 'j', NULL, "for programs" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb clean_verb = {
	.name = "clean",
	.usage = "[--dry-run] [--all] [--json] [DIRECTORY]",
	.summary = "remove what no living process uses",
	.help = "Removes objects that no living process is attached to, and what died half made.\n"
		"It asks the kernel who is alive, so it is safe at any time. A queue that holds\n"
		"messages is kept, unless --all is given. Nothing in use is ever removed.",
	.options = clean_options,
	.run = clean,
};
