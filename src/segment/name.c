/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * name.c - what a name stands for, and whose files are trusted
 *
 * A plain name lives in $SLUICE_DIR, by default /dev/shm/sluice-<euid>. With a slash it is the path
 * of the file itself. A leading "fd:" is a descriptor; any other scheme is not for segments.
 *
 * Trust. Whoever may write a segment may do anything to those attached but crash them, so a segment
 * must come from somebody the caller has chosen. Its directory says who: the directory of names
 * must belong to this user or to root; and in a directory that everybody may write to (/tmp), the
 * file itself must.
 */
#include "../base/fd.h"
#include "segment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ALPHABET                                                                              \
	"abcdefghijklmnopqrstuvwxyz"                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                                               \
	"0123456789._-"

bool sli_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= SLUICE_NAME_MAX && name[0] != '.' && name[0] != '-' &&
	       strspn(name, NAME_ALPHABET) == length;
}

/* As much of a bad name as can be shown: what a terminal would act on becomes '?'. */
static void name_show(const char *name, char *buffer, size_t capacity)
{
	size_t i;

	for (i = 0; name[i] && i < capacity - 1; i++)
		buffer[i] = (unsigned char)name[i] < ' ' || name[i] == 127 ? '?' : name[i];
	buffer[i] = '\0';
}

/* Why it is not valid, in words. */
static int name_complain(const char *bad, const struct sli_diag *diag)
{
	size_t length = strlen(bad), good = strspn(bad, NAME_ALPHABET);
	char name[SLUICE_NAME_MAX + 1];

	name_show(bad, name, sizeof(name));

	if (length == 0)
		return sli_say(
			diag, SLUICE_EINVAL,
			"the name is empty; a name has 1 to 200 bytes of letters, digits, '.', "
			"'_' and '-'");
	if (length > SLUICE_NAME_MAX)
		return sli_say(
			diag, SLUICE_ENAMETOOLONG,
			"'%.40s...' has %zu bytes, a name has at most 200; choose a shorter one",
			name, length);
	if (good == length)
		return sli_say(
			diag, SLUICE_EINVAL,
			"'%s' begins with '%c', which a name must not; put another character first",
			name, name[0]);
	return sli_say(
		diag, SLUICE_EINVAL,
		"'%s' has a byte at position %zu that a name must not have; use letters, digits, "
		"'.', '_' and '-', or a path with a slash",
		name, good + 1);
}

/* ---- the directory ------------------------------------------------------------------------- */

static int name_check_directory(const char *path, bool chosen, bool must_exist,
				const struct sli_diag *diag)
{
	struct stat st;

	/* The default one lies where everybody may write: a link there could lead anywhere. */
	if ((chosen ? stat(path, &st) : lstat(path, &st)) < 0) {
		if (errno == ENOENT && !must_exist)
			return 0;
		return sli_say(diag, sli_errno(), "the directory %s cannot be looked at: %s", path,
			       strerror(errno));
	}
	if (!S_ISDIR(st.st_mode))
		return sli_say(diag, SLUICE_ENOTDIR,
			       "%s is not a directory; remove it, or set SLUICE_DIR to one", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return sli_say(
			diag, SLUICE_EACCES,
			"the directory %s belongs to user %u, wanted user %u; set SLUICE_DIR to a "
			"directory of yours, or open by path to share with others",
			path, (unsigned)st.st_uid, (unsigned)geteuid());
	return 0;
}

bool sli_name_directory_is_chosen(void)
{
	const char *chosen = getenv("SLUICE_DIR");

	return chosen && *chosen;
}

int sli_name_directory(char *buffer, size_t capacity, bool create, const struct sli_diag *diag)
{
	bool chosen = sli_name_directory_is_chosen();
	int n;

	if (chosen)
		n = snprintf(buffer, capacity, "%s", getenv("SLUICE_DIR"));
	else
		n = snprintf(buffer, capacity, "/dev/shm/sluice-%u", (unsigned)geteuid());
	if (n < 0 || (size_t)n >= capacity)
		return sli_say(diag, SLUICE_ENAMETOOLONG,
			       "SLUICE_DIR is too long; choose a shorter path");
	if (create && mkdir(buffer, 0700) < 0 && errno != EEXIST)
		return sli_say(diag, sli_errno(), "the directory %s cannot be made: %s", buffer,
			       strerror(errno));
	return name_check_directory(buffer, chosen, create, diag);
}

int sli_name_check_owner(const char *path, uint32_t uid, const struct sli_diag *diag)
{
	char directory[SLI_PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (uid == geteuid() || uid == 0)
		return 0;
	snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	if (stat(directory, &st) == 0 && !(st.st_mode & S_IWOTH))
		return 0;
	return sli_say(
		diag, SLUICE_EACCES,
		"%s belongs to user %u, and anybody could have put it there; remove it, or share in a "
		"directory that only the group may write to",
		path, (unsigned)uid);
}

/* ---- parsing ------------------------------------------------------------------------------- */

/* "fd:N[,IN,OUT]" */
static int name_parse_fd(const char *text, const struct sli_diag *diag, struct sli_name *name)
{
	int fds[3] = { -1, -1, -1 }, count = 0;
	const char *at = text + 3;
	char *end;

	do {
		long long value = isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : -1;

		if (value < 0 || value > INT_MAX || count == 3)
			return sli_say(diag, SLUICE_EINVAL,
				       "'%s' is not fd:N or fd:N,IN,OUT with descriptor numbers",
				       text);
		fds[count++] = (int)value;
		at = end;
	} while (*at++ == ',');
	if (at[-1] != '\0' || count == 2)
		return sli_say(diag, SLUICE_EINVAL,
			       "'%s' is not fd:N or fd:N,IN,OUT with descriptor numbers", text);
	name->fd = fds[0];
	name->events[0] = fds[1];
	name->events[1] = fds[2];
	return 0;
}

static int name_parse_path(const char *text, const struct sli_diag *diag, struct sli_name *name)
{
	const char *base = strrchr(text, '/') + 1;

	if (strlen(text) >= sizeof(name->path) - SLUICE_NAME_MAX)
		return sli_say(diag, SLUICE_ENAMETOOLONG,
			       "the path '%.40s...' has %zu bytes, at most %zu will do", text,
			       strlen(text), sizeof(name->path) - SLUICE_NAME_MAX - 1);
	if (*base == '\0')
		return sli_say(
			diag, SLUICE_EINVAL,
			"'%s' ends with a slash; a path names the segment's file, not its directory",
			text);
	if (base[0] == '.' || strlen(base) > SLUICE_NAME_MAX)
		return name_complain(base, diag);
	snprintf(name->path, sizeof(name->path), "%s", text);
	name->base = (size_t)(base - text);
	name->is_path = true;
	return 0;
}

/* A leading [a-z-]+: is a scheme, on every object. */
static bool name_has_scheme(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-");

	return n > 0 && text[n] == ':';
}

/* A path that still means the same after chdir(2). */
static int name_make_absolute(struct sli_name *name, const struct sli_diag *diag)
{
	char here[SLI_PATH_MAX];
	size_t length = strlen(name->path), before;
	struct stat seen, is;

	if (name->path[0] == '/')
		return 0;
	if (!getcwd(here, sizeof(here)))
		return sli_say(diag, sli_errno(), "the current directory cannot be named: %s",
			       strerror(errno));
	/* Where the way to it is barred, the relative path is all there is. */
	if (stat(here, &seen) < 0 || stat(".", &is) < 0 || !sli_same_file(&seen, &is))
		return 0;
	before = strlen(here);
	while (name->base >= 2 && strncmp(name->path, "./", 2) == 0) {
		memmove(name->path, name->path + 2, length - 1);
		length -= 2;
		name->base -= 2;
	}
	if (before + 1 + length >= sizeof(name->path))
		return sli_say(diag, SLUICE_ENAMETOOLONG, "the path %s/%.40s... is too long", here,
			       name->path);
	memmove(name->path + before + 1, name->path, length + 1);
	memcpy(name->path, here, before);
	name->path[before] = '/';
	name->base += before + 1;
	return 0;
}

int sli_name_parse(const char *text, const struct sli_diag *diag, struct sli_name *ret_name)
{
	int n, r;

	memset(ret_name, 0, sizeof(*ret_name));
	ret_name->fd = ret_name->events[0] = ret_name->events[1] = -1;
	if (strncmp(text, "fd:", 3) == 0)
		return name_parse_fd(text, diag, ret_name);
	if (name_has_scheme(text))
		return sli_say(
			diag, SLUICE_EOPNOTSUPP,
			"'%s' begins with a scheme that this kind of object does not take; use a "
			"name, or ./ before a path with a colon",
			text);
	if (strchr(text, '/'))
		return (r = name_parse_path(text, diag, ret_name)) < 0
			       ? r
			       : name_make_absolute(ret_name, diag);
	if (!sli_name_is_valid(text))
		return name_complain(text, diag);
	r = sli_name_directory(ret_name->path, SLI_PATH_MAX - SLUICE_NAME_MAX - 2, false, diag);
	if (r < 0)
		return r;
	n = (int)strlen(ret_name->path);
	ret_name->path[n++] = '/';
	ret_name->base = (size_t)n;
	snprintf(ret_name->path + n, SLI_PATH_MAX - (size_t)n, "%s", text);
	return name_make_absolute(ret_name, diag);
}

int sli_name_beside(const char *path, const char *what, char *buffer, size_t capacity)
{
	const char *slash = strrchr(path, '/');
	int directory = slash ? (int)(slash - path) + 1 : 0;
	int n = snprintf(buffer, capacity, "%.*s.%s.%s", directory, path, path + directory, what);

	return n < 0 || (size_t)n >= capacity ? -ENAMETOOLONG : 0;
}
