/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* fd.h - descriptors: all of them CLOEXEC, all errors negative errno */
#ifndef SLI_FD_H
#define SLI_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The last system call's error as one of ours; never 0. */
int sli_errno(void);

/* While descriptors are made or locks on them held, the thread is not to be cancelled: what is half
 * done would stay so. Both return or take the state before. */
int sli_cancel_off(void);
void sli_cancel_restore(int before);

/* What a system call that makes a descriptor returned: it, or a negative code. Where the program runs
 * without a standard descriptor, the new one would become its output; it is moved out of the way. */
int sli_fd(int fd);

/* open(2) and friends with O_CLOEXEC. Return: a descriptor, or a negative code. */
int sli_open(const char *path, int flags, mode_t mode);
int sli_openat(int dir, const char *path, int flags, mode_t mode);

/* A new file description of what @fd is open on (through procfs), so that its locks are its own.
 * -EBADF: it is none; -ENOSYS: there is no procfs. */
int sli_reopen(int fd, int flags);

/* A new memfd, not executable where the kernel knows that. */
int sli_memfd(const char *name, unsigned flags);

/* Close @fd if it is one, and set it to -1. Keeps errno. */
void sli_close(int *fd);

/* For __attribute__((cleanup)): process-local descriptors only. */
static inline void sli_close_at_exit(int *fd)
{
	sli_close(fd);
}
#define SLI_AUTO_CLOSE __attribute__((cleanup(sli_close_at_exit)))

/* Do both descriptors, or the descriptor and the status, name the same inode? */
int sli_same_file(const struct stat *a, const struct stat *b);

/* Give @fd @size bytes that are really there, so that no later store can fault for want of room. */
int sli_allocate(int fd, uint64_t size);

/* Make @fd at least @to bytes long, likewise; it has @from or more now. What is there stays. */
int sli_extend(int fd, uint64_t from, uint64_t to);

/* Read a small file (procfs) into @buffer, terminated. Return: bytes, or negative. */
int sli_read_small(const char *path, char *buffer, size_t capacity);

#endif
