/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* file_lock.h - the kernel's own locks on a file, for src/api/ */
#ifndef SLI_FILE_LOCK_H
#define SLI_FILE_LOCK_H

#include "../base/atomic.h"
#include "../base/diag.h"

#include <sluice.h>
#include <stdbool.h>

#define SLI_MAGIC_FILE_LOCK 0x464c434bu

struct sluice_file_lock {
	uint32_t magic;
	int fd;                 /* our own description: the locks are its */
	bool is_writable;       /* exclusive locks need that */
	bool with_flock;        /* takes the BSD lock too */
	bool may_create;        /* the file, when it is gone */
	_Atomic uint32_t held;  /* something was acquired and not all of it released */
	_Atomic uint32_t flock; /* the BSD lock's mode, 0: none */
	char *path; /* to see whether the file was replaced; NULL: given as a descriptor */
};

/* What open needs of its options. */
struct sli_file_lock_request {
	const char *path;
	uint32_t mode;
	bool must_exist, must_create, with_flock;
	struct sli_diag diag;
};

int sli_file_lock_open(const struct sli_file_lock_request *request, sluice_file_lock **ret_lock);
void sli_file_lock_close(sluice_file_lock *lock);
/* @exclusive or shared; @length 0: to the end of all bytes there may ever be. */
int sli_file_lock_acquire(sluice_file_lock *lock, uint32_t mode, int64_t start, int64_t length,
			  int64_t timeout);
int sli_file_lock_release(sluice_file_lock *lock, int64_t start, int64_t length);
/* 1: somebody's lock is in the way of this one; 0: nobody's. */
int sli_file_lock_holder(sluice_file_lock *lock, uint32_t mode, int64_t start, int64_t length,
			 struct sluice_file_lock_holder *ret_holder);

#endif
