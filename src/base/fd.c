/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* fd.c - see fd.h */
#include "fd.h"
#include "compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int sli_errno(void)
{
	return errno > 0 ? -errno : -EIO;
}

int sli_cancel_off(void)
{
	int before = PTHREAD_CANCEL_ENABLE;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

void sli_cancel_restore(int before)
{
	int unused;

	pthread_setcancelstate(before, &unused);
}

int sli_fd(int fd)
{
	int moved, saved;

	if (fd > STDERR_FILENO)
		return fd;
	if (fd < 0)
		return sli_errno();
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	saved = moved < 0 ? sli_errno() : moved;
	close(fd);
	return saved;
}

int sli_open(const char *path, int flags, mode_t mode)
{
	return sli_openat(AT_FDCWD, path, flags, mode);
}

int sli_openat(int dir, const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(dir, path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return sli_fd(fd);
}

int sli_reopen(int fd, int flags)
{
	char path[64];
	int copy;

	if (fcntl(fd, F_GETFD) < 0)
		return sli_errno();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = sli_open(path, flags, 0);
	return copy == -ENOENT || copy == -ENOTDIR ? -ENOSYS : copy;
}

int sli_memfd(const char *name, unsigned flags)
{
	int fd = (int)syscall(SYS_memfd_create, name, flags | MFD_NOEXEC_SEAL);

	if (fd < 0)
		fd = (int)syscall(SYS_memfd_create, name, flags);
	return sli_fd(fd);
}

void sli_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int sli_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* For file systems without fallocate: write every block. */
static int fill_with_zeros(int fd, uint64_t size)
{
	static const char zeros[65536];
	uint64_t done = 0;

	while (done < size) {
		size_t part = (size_t)SLI_MIN(size - done, sizeof(zeros));
		ssize_t n = pwrite(fd, zeros, part, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sli_errno();
		done += (uint64_t)n;
	}
	return 0;
}

int sli_allocate(int fd, uint64_t size)
{
	int r;

	if (size > (uint64_t)INT64_MAX)
		return -ENOSPC;
	do
		r = fallocate(fd, 0, 0, (off_t)size);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	if (errno == EOPNOTSUPP)
		return fill_with_zeros(fd, size);
	return errno == EFBIG ? -ENOSPC : sli_errno();
}

/* Likewise behind the end: what somebody else appends and fills meanwhile is never overwritten. */
static int append_zeros(int fd, uint64_t size)
{
	static const char zeros[65536];
	int end SLI_AUTO_CLOSE = sli_reopen(fd, O_RDWR | O_APPEND);
	struct stat st;

	if (end < 0)
		return end;
	for (;;) {
		if (fstat(end, &st) < 0)
			return sli_errno();
		if ((uint64_t)st.st_size >= size)
			return 0;
		if (write(end, zeros, (size_t)SLI_MIN(size - (uint64_t)st.st_size, sizeof(zeros))) <
			    0 &&
		    errno != EINTR)
			return sli_errno();
	}
}

int sli_extend(int fd, uint64_t from, uint64_t to)
{
	int r;

	if (to > (uint64_t)INT64_MAX)
		return -ENOSPC;
	do
		r = fallocate(fd, 0, (off_t)from, (off_t)(to - from));
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EOPNOTSUPP)
		return append_zeros(fd, to);
	return r == 0 ? 0 : sli_errno();
}

int sli_read_small(const char *path, char *buffer, size_t capacity)
{
	int fd SLI_AUTO_CLOSE = sli_open(path, O_RDONLY, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = read(fd, buffer, capacity - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return sli_errno();
	buffer[n] = '\0';
	return (int)n;
}
