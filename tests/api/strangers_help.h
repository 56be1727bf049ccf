/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * strangers_help.h - to be a process of another user
 *
 * Without root's rights it is of the same user, and keeps to a descriptor that only reads.
 */
#ifndef STRANGERS_HELP_H
#define STRANGERS_HELP_H

#include "topic_help.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#define STRANGER 65534u

/* Is it one? Not without root's rights. */
static bool be_a_stranger(void)
{
	/* The way to the directory may be barred for others; the directory is not. */
	CHECK_EQ(chdir(test_directory()), 0);
	if (geteuid() != 0)
		return false;
	CHECK_EQ(setresgid(STRANGER, STRANGER, STRANGER), 0);
	CHECK_EQ(setresuid(STRANGER, STRANGER, STRANGER), 0);
	return true;
}

static int lock_all(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

#endif
