/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* source.h - the names that the library's source marks: crash points and seeded bugs */
#ifndef SOURCE_H
#define SOURCE_H

#include "test.h"

#include <dirent.h>
#include <stdbool.h>

#define SOURCE_NAMES 128
#define SOURCE_NAME_MAX 64

struct source_names {
	char name[SOURCE_NAMES][SOURCE_NAME_MAX];
	uint32_t count;
};

/* Where src/ is, seen from where this file was compiled or from $SLUICE_SOURCE. */
static inline void source_directory(char *buffer, size_t capacity)
{
	const char *given = getenv("SLUICE_SOURCE");
	char *end;

	if (given) {
		snprintf(buffer, capacity, "%s/src", given);
	} else {
		snprintf(buffer, capacity, "%s", __FILE__);
		end = strrchr(buffer, '/');
		CHECK(end != NULL);
		snprintf(end, capacity - (size_t)(end - buffer), "/../../src");
	}
	if (access(buffer, R_OK) != 0)
		test_fail(__FILE__, __LINE__, "%s is not there; set SLUICE_SOURCE to the project",
			  buffer);
}

static inline void source_add(struct source_names *names, const char *at)
{
	size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");

	CHECK(length < SOURCE_NAME_MAX && names->count < SOURCE_NAMES);
	for (uint32_t i = 0; i < names->count; i++)
		if (strlen(names->name[i]) == length && memcmp(names->name[i], at, length) == 0)
			return;
	memcpy(names->name[names->count], at, length);
	names->name[names->count++][length] = '\0';
}

static inline void source_scan(struct source_names *names, const char *path, const char *mark)
{
	char line[1024], *at;
	FILE *file = fopen(path, "re");

	CHECK(file != NULL);
	while (fgets(line, sizeof(line), file))
		for (at = line; (at = strstr(at, mark)); at += strlen(mark))
			source_add(names, at + strlen(mark));
	fclose(file);
}

/* Not the one that says what the marks are. */
static inline bool source_is_code(const char *name)
{
	size_t length = strlen(name);

	return length > 2 && name[length - 2] == '.' && strchr("ch", name[length - 1]) &&
	       strcmp(name, "crash.h") != 0;
}

/* All X in "@mark(X" of the C files and headers under src/. */
static inline void source_find(struct source_names *names, const char *mark)
{
	char base[512], folder[800], path[1100];
	struct dirent *one, *two;
	DIR *outer, *inner;

	memset(names, 0, sizeof(*names));
	source_directory(base, sizeof(base));
	outer = opendir(base);
	CHECK(outer != NULL);
	while ((one = readdir(outer))) {
		snprintf(folder, sizeof(folder), "%s/%.200s", base, one->d_name);
		inner = one->d_name[0] == '.' ? NULL : opendir(folder);
		while (inner && (two = readdir(inner)))
			if (source_is_code(two->d_name)) {
				snprintf(path, sizeof(path), "%s/%.200s", folder, two->d_name);
				source_scan(names, path, mark);
			}
		if (inner)
			closedir(inner);
	}
	closedir(outer);
}

#endif
