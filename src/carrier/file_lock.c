/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * file_lock.c - the kernel's own locks on a file
 *
 * Open-file-description locks: they belong to the description, not to the process, so another part
 * of the program may open and close the same file without losing them, and threads with a handle
 * each exclude each other. They meet the record locks of fcntl(2) and lockf(3) in the same table, so
 * programs that know nothing of Sluice respect them. The kernel drops them with the last descriptor:
 * there is nothing to repair, and no death to look for.
 *
 * A handle has a description of its own and holds one lock a byte: acquiring a range that is held
 * already converts it. The kernel does that in one step, and a conversion that fails or is still
 * waiting leaves the old lock in place. Two that hold shared and both wait for exclusive wait for each
 * other until a timeout ends one of the calls; the kernel sees no such circle here.
 *
 * Waiting for ever is the kernel's (F_OFD_SETLKW). It has no timeout, and there is no signal or
 * thread of ours that could end it, so a call with a timeout tries again in growing intervals, at
 * most 10 ms. A caught signal ends it as poll(2).
 *
 * A file that is replaced (rename over it, or unlinked and made anew) has a new inode, and who locks
 * the old one excludes nobody who comes later. So when a handle that held nothing gets a lock, it
 * looks whether its file still has that name, and else goes to the new one and begins again.
 *
 * flock(2) has a table of its own: its locks and these do not see each other. With the option the
 * handle takes both, the BSD lock first. flock converts by letting go first, so a mode can then
 * only be changed by releasing.
 */
#include "file_lock.h"

#include "../base/fd.h"
#include "../base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define NAP_LEAST_NS (100 * SLI_US)
#define NAP_MOST_NS (10 * SLI_MS)
#define REPLACED_MOST 1000 /* times in a row, then somebody does nothing else */

/* ---- the two system calls -------------------------------------------------------------------- */

static int file_lock_call(int fd, int command, short type, int64_t start, int64_t length,
			  struct flock *ret)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)start,
		.l_len = (off_t)length,
	};

	if (fcntl(fd, command, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return -EAGAIN;
		/* ENOLCK: NFS without a lock service, or no memory for one more. */
		return errno == ENOLCK ? SLUICE_EOPNOTSUPP : sli_errno();
	}
	if (ret)
		*ret = lock;
	return 0;
}

static int file_lock_flock(int fd, int operation)
{
	if (flock(fd, operation) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EAGAIN : sli_errno();
}

/* Asleep between two tries; -EINTR: a signal was caught. */
static int file_lock_nap(int64_t *nap, int64_t deadline)
{
	int64_t left = deadline - sli_now();
	struct timespec time = { 0 };

	if (left <= 0)
		return -ETIMEDOUT;
	left = left < *nap ? left : *nap;
	*nap = 2 * *nap < NAP_MOST_NS ? 2 * *nap : NAP_MOST_NS;
	time.tv_nsec = (long)left;
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL) == EINTR ? -EINTR : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* For reading and writing, or for reading, which is enough for shared locks. */
static int file_lock_open_path(const struct sli_file_lock_request *request, bool *ret_writable)
{
	int flags = O_NOCTTY | O_NONBLOCK, fd;

	if (!request->must_exist)
		flags |= O_CREAT | (request->must_create ? O_EXCL : 0);
	*ret_writable = true;
	fd = sli_open(request->path, O_RDWR | flags, (mode_t)request->mode);
	if (request->must_create ||
	    (fd != SLUICE_EACCES && fd != SLUICE_EROFS && fd != -EISDIR && fd != -EPERM))
		return fd;
	*ret_writable = false;
	return sli_open(request->path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
}

/* "fd:N": a new description of what it is open on. */
static int file_lock_open_fd(const char *digits, bool *ret_writable)
{
	char *end;
	long number = strtol(digits, &end, 10);
	int flags;

	if (end == digits || *end || number < 0 || number > INT32_MAX)
		return SLUICE_EINVAL;
	flags = fcntl((int)number, F_GETFL);
	if (flags < 0)
		return SLUICE_EBADF;
	*ret_writable = (flags & O_ACCMODE) != O_RDONLY;
	return sli_reopen((int)number, *ret_writable ? O_RDWR : O_RDONLY);
}

static int file_lock_open_own(sluice_file_lock *lock, const struct sli_file_lock_request *request)
{
	if (strncmp(request->path, "fd:", 3) == 0) {
		lock->fd = file_lock_open_fd(request->path + 3, &lock->is_writable);
	} else {
		lock->path = strdup(request->path);
		if (!lock->path)
			return SLUICE_ENOMEM;
		lock->fd = file_lock_open_path(request, &lock->is_writable);
	}
	if (lock->fd < 0)
		return sli_say(&request->diag, lock->fd,
			       "file %s cannot be opened to be locked: %s", request->path,
			       sluice_error_text(lock->fd));
	return 0;
}

int sli_file_lock_open(const struct sli_file_lock_request *request, sluice_file_lock **ret_lock)
{
	sluice_file_lock *lock = calloc(1, sizeof(*lock));
	struct flock seen;
	int r;

	if (!lock)
		return SLUICE_ENOMEM;
	lock->fd = -1;
	lock->with_flock = request->with_flock;
	lock->may_create = !request->must_exist;
	r = file_lock_open_own(lock, request);
	if (r == 0 && file_lock_call(lock->fd, F_OFD_GETLK, F_RDLCK, 0, 1, &seen) < 0)
		r = sli_say(
			&request->diag, SLUICE_EOPNOTSUPP,
			"file %s lies where the kernel has no locks; lock a file on a local file "
			"system",
			request->path);
	if (r < 0) {
		sli_file_lock_close(lock);
		return r;
	}
	lock->magic = SLI_MAGIC_FILE_LOCK;
	*ret_lock = lock;
	return 0;
}

void sli_file_lock_close(sluice_file_lock *lock)
{
	lock->magic = 0;
	sli_close(&lock->fd);
	free(lock->path);
	free(lock);
}

/* ---- acquiring ------------------------------------------------------------------------------- */

/* One wait: for the BSD lock, or for the range. */
struct file_lock_wait {
	uint32_t mode;
	int64_t start, length;
	int64_t timeout, deadline; /* deadline 0: not computed yet */
};

static int file_lock_try(sluice_file_lock *lock, const struct file_lock_wait *wait, bool bsd,
			 bool block)
{
	bool exclusive = wait->mode == SLUICE_EXCLUSIVE;

	if (bsd)
		return file_lock_flock(lock->fd,
				       (exclusive ? LOCK_EX : LOCK_SH) | (block ? 0 : LOCK_NB));
	return file_lock_call(lock->fd, block ? F_OFD_SETLKW : F_OFD_SETLK,
			      exclusive ? F_WRLCK : F_RDLCK, wait->start, wait->length, NULL);
}

static int file_lock_get(sluice_file_lock *lock, struct file_lock_wait *wait, bool bsd)
{
	int64_t nap = NAP_LEAST_NS;
	int r = file_lock_try(lock, wait, bsd, false);

	if (r == -EAGAIN && wait->timeout < 0)
		return file_lock_try(lock, wait, bsd, true);
	while (r == -EAGAIN && wait->timeout > 0) {
		if (wait->deadline == 0)
			wait->deadline = sli_deadline(wait->timeout);
		r = file_lock_nap(&nap, wait->deadline);
		if (r == 0)
			r = file_lock_try(lock, wait, bsd, false);
	}
	return r;
}

static void file_lock_drop(sluice_file_lock *lock)
{
	(void)file_lock_call(lock->fd, F_OFD_SETLK, F_UNLCK, 0, 0, NULL);
	if (lock->with_flock) {
		(void)file_lock_flock(lock->fd, LOCK_UN);
		sli_store_rel(&lock->flock, 0u);
	}
}

/* Both locks, as far as they are wanted. */
static int file_lock_get_all(sluice_file_lock *lock, struct file_lock_wait *wait)
{
	uint32_t has = sli_load_acq(&lock->flock);
	int r;

	if (!lock->with_flock)
		return file_lock_get(lock, wait, false);
	if (has)
		return has == wait->mode ? 0 : SLUICE_EOPNOTSUPP;
	r = file_lock_get(lock, wait, true);
	if (r < 0)
		return r;
	r = file_lock_get(lock, wait, false);
	if (r < 0)
		(void)file_lock_flock(lock->fd, LOCK_UN);
	else
		sli_store_rel(&lock->flock, wait->mode);
	return r;
}

/* Has the path another file by now? Then be on that one. 1: it had. */
static int file_lock_follow(sluice_file_lock *lock)
{
	int flags = O_RDONLY, fresh, r;
	struct stat named, opened;

	if (!lock->path || fstat(lock->fd, &opened) < 0)
		return 0;
	if (stat(lock->path, &named) == 0 && sli_same_file(&named, &opened))
		return 0;
	if (lock->is_writable)
		flags = lock->may_create ? O_RDWR | O_CREAT : O_RDWR;
	fresh = sli_open(lock->path, flags | O_NOCTTY | O_NONBLOCK, opened.st_mode & 0777);
	if (fresh < 0)
		return fresh;
	/* The number stays: others may have been told it. */
	r = dup3(fresh, lock->fd, O_CLOEXEC) < 0 ? sli_errno() : 1;
	sli_close(&fresh);
	return r;
}

int sli_file_lock_acquire(sluice_file_lock *lock, uint32_t mode, int64_t start, int64_t length,
			  int64_t timeout)
{
	struct file_lock_wait wait = { mode, start, length, timeout, 0 };
	int r = 0;

	if (mode == SLUICE_EXCLUSIVE && !lock->is_writable)
		return SLUICE_EACCES;
	for (int tries = 0; tries < REPLACED_MOST; tries++) {
		r = file_lock_get_all(lock, &wait);
		if (r < 0 || sli_load_acq(&lock->held))
			return r;
		r = file_lock_follow(lock);
		if (r == 0) {
			sli_store_rel(&lock->held, 1u);
			return 0;
		}
		/* On the old file nothing is held any more, on the new one nothing yet. */
		if (r < 0)
			file_lock_drop(lock);
		else
			sli_store_rel(&lock->flock, 0u);
		if (r < 0)
			return r;
	}
	return -EAGAIN;
}

int sli_file_lock_release(sluice_file_lock *lock, int64_t start, int64_t length)
{
	bool all = start == 0 && length == 0;
	int r = file_lock_call(lock->fd, F_OFD_SETLK, F_UNLCK, start, length, NULL);

	if (r < 0 || !all)
		return r;
	file_lock_drop(lock);
	sli_store_rel(&lock->held, 0u);
	return 0;
}

int sli_file_lock_holder(sluice_file_lock *lock, uint32_t mode, int64_t start, int64_t length,
			 struct sluice_file_lock_holder *ret_holder)
{
	struct flock seen = { .l_type = F_UNLCK };
	int r = file_lock_call(lock->fd, F_OFD_GETLK, mode == SLUICE_EXCLUSIVE ? F_WRLCK : F_RDLCK,
			       start, length, &seen);

	if (r < 0 || seen.l_type == F_UNLCK)
		return r;
	ret_holder->mode = seen.l_type == F_WRLCK ? SLUICE_EXCLUSIVE : SLUICE_SHARED;
	ret_holder->start = seen.l_start;
	ret_holder->length = seen.l_len;
	/* A description's lock has no process: -1. */
	ret_holder->pid = seen.l_pid > 0 ? (uint32_t)seen.l_pid : 0;
	return 1;
}
