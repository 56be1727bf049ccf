/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * error_names.c - every code has its name and a text of its own
 *
 * tools/check-docs does not count this file as one that produces the codes.
 */
#include "test.h"

#include <sluice.h>

/* clang-format off */
static const struct {
	int code;
	const char *name;
} codes[] = {
	{ SLUICE_RECOVERED, "SLUICE_RECOVERED" },
	{ SLUICE_EPERM, "SLUICE_EPERM" },
	{ SLUICE_ENOENT, "SLUICE_ENOENT" },
	{ SLUICE_EINTR, "SLUICE_EINTR" },
	{ SLUICE_EBADF, "SLUICE_EBADF" },
	{ SLUICE_EAGAIN, "SLUICE_EAGAIN" },
	{ SLUICE_ENOMEM, "SLUICE_ENOMEM" },
	{ SLUICE_EACCES, "SLUICE_EACCES" },
	{ SLUICE_EBUSY, "SLUICE_EBUSY" },
	{ SLUICE_EEXIST, "SLUICE_EEXIST" },
	{ SLUICE_ENOTDIR, "SLUICE_ENOTDIR" },
	{ SLUICE_EINVAL, "SLUICE_EINVAL" },
	{ SLUICE_EMFILE, "SLUICE_EMFILE" },
	{ SLUICE_ENFILE, "SLUICE_ENFILE" },
	{ SLUICE_ENOSPC, "SLUICE_ENOSPC" },
	{ SLUICE_EROFS, "SLUICE_EROFS" },
	{ SLUICE_EPIPE, "SLUICE_EPIPE" },
	{ SLUICE_EDEADLK, "SLUICE_EDEADLK" },
	{ SLUICE_EADDRINUSE, "SLUICE_EADDRINUSE" },
	{ SLUICE_EADDRNOTAVAIL, "SLUICE_EADDRNOTAVAIL" },
	{ SLUICE_ECONNREFUSED, "SLUICE_ECONNREFUSED" },
	{ SLUICE_ECONNRESET, "SLUICE_ECONNRESET" },
	{ SLUICE_EHOSTUNREACH, "SLUICE_EHOSTUNREACH" },
	{ SLUICE_ENOTCONN, "SLUICE_ENOTCONN" },
	{ SLUICE_ENAMETOOLONG, "SLUICE_ENAMETOOLONG" },
	{ SLUICE_ENOSYS, "SLUICE_ENOSYS" },
	{ SLUICE_E2BIG, "SLUICE_E2BIG" },
	{ SLUICE_EMSGSIZE, "SLUICE_EMSGSIZE" },
	{ SLUICE_EOPNOTSUPP, "SLUICE_EOPNOTSUPP" },
	{ SLUICE_EOVERFLOW, "SLUICE_EOVERFLOW" },
	{ SLUICE_ETIMEDOUT, "SLUICE_ETIMEDOUT" },
	{ SLUICE_EUSERS, "SLUICE_EUSERS" },
	{ SLUICE_ESTALE, "SLUICE_ESTALE" },
	{ SLUICE_ECANCELED, "SLUICE_ECANCELED" },
	{ SLUICE_ECORRUPT, "SLUICE_ECORRUPT" },
	{ SLUICE_EVERSION, "SLUICE_EVERSION" },
	{ SLUICE_EMISMATCH, "SLUICE_EMISMATCH" },
	{ SLUICE_EREMOVED, "SLUICE_EREMOVED" },
	{ SLUICE_ENOSENDER, "SLUICE_ENOSENDER" },
	{ SLUICE_LAST, "SLUICE_LAST" },
	{ SLUICE_EIO, "SLUICE_EIO" },
	{ SLUICE_EPEERDIED, "SLUICE_EPEERDIED" },
	{ SLUICE_ENOPUBLISHER, "SLUICE_ENOPUBLISHER" },
	{ SLUICE_EEVICTED, "SLUICE_EEVICTED" },
};
/* clang-format on */
#define CODES (sizeof(codes) / sizeof(codes[0]))

static void names(void)
{
	for (size_t i = 0; i < CODES; i++)
		CHECK_STR(sluice_error_name(codes[i].code), codes[i].name);
}

static void texts_differ(void)
{
	for (size_t i = 0; i < CODES; i++) {
		CHECK(sluice_error_text(codes[i].code) != NULL);
		CHECK_NE(strlen(sluice_error_text(codes[i].code)), 0);
		for (size_t k = 0; k < i; k++)
			CHECK_NE(strcmp(sluice_error_text(codes[i].code),
					sluice_error_text(codes[k].code)),
				 0);
	}
}

static void strangers_are_named_too(void)
{
	static const int strangers[] = { 3, -1999, -4999, -5006, -6000, 2147483647, -2147483647 };

	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		CHECK_STR(sluice_error_name(strangers[i]), "SLUICE_?");
		CHECK(sluice_error_text(strangers[i]) != NULL);
	}
	CHECK(sluice_error_text(0) != NULL);
}

static void version_is_the_headers(void)
{
	char version[64];

	snprintf(version, sizeof(version), "%d.%d.%d", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR,
		 SLUICE_VERSION_PATCH);
	CHECK_STR(sluice_version(), version);
}

static void kinds(void)
{
	CHECK_STR(sluice_kind_name(SLUICE_KIND_QUEUE), "queue");
	CHECK_STR(sluice_kind_name(SLUICE_KIND_MUTEX), "mutex");
	CHECK_STR(sluice_kind_name(SLUICE_KIND_STREAM), "stream");
	CHECK_STR(sluice_kind_name(SLUICE_KIND_NONE), "unknown");
	CHECK_STR(sluice_kind_name(4711u), "unknown");
}

int main(void)
{
	test_begin();
	RUN(names);
	RUN(texts_differ);
	RUN(strangers_are_named_too);
	RUN(version_is_the_headers);
	RUN(kinds);
	return test_end();
}
