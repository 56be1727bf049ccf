/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* file_lock.c - the sluice_file_lock_ calls: arguments are checked here, and nothing else is done */
#include "../carrier/file_lock.h"
#include "options.h"

#include <string.h>

static const struct sli_limits file_lock_limits = {
	.size = sizeof(struct sluice_file_lock_options),
	.flags = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_FLOCK,
	.roles = 0,
	.participants = 1,
	.slice = 250 * SLI_MS,
};

int sluice_file_lock_open(const char *path, const struct sluice_file_lock_options *options,
			  sluice_file_lock **ret_lock)
{
	struct sli_file_lock_request request = { .path = path };
	struct sluice_file_lock_options copy;
	struct sli_request decoded;
	int r = path && *path && ret_lock
			? sli_options_decode(path, options, &file_lock_limits, &copy, &decoded)
			: SLUICE_EINVAL;

	if (r < 0)
		return r;
	request.mode = decoded.mode;
	request.must_exist = (decoded.flags & SLUICE_MUST_EXIST) != 0;
	request.must_create = (decoded.flags & SLUICE_MUST_CREATE) != 0;
	request.with_flock = (decoded.flags & SLUICE_FLOCK) != 0;
	request.diag = decoded.diag;
	return sli_public_code(sli_file_lock_open(&request, ret_lock));
}

void sluice_file_lock_close(sluice_file_lock *lock)
{
	if (lock && lock->magic == SLI_MAGIC_FILE_LOCK)
		sli_file_lock_close(lock);
}

static int file_lock_enter(const sluice_file_lock *lock)
{
	if (!lock)
		return SLUICE_EINVAL;
	return lock->magic == SLI_MAGIC_FILE_LOCK ? 0 : SLUICE_EBADF;
}

/* A range of bytes that there can be. */
static int file_lock_check(const sluice_file_lock *lock, int64_t start, int64_t length)
{
	int r = file_lock_enter(lock);

	if (r < 0)
		return r;
	if (start < 0 || length < 0)
		return SLUICE_EINVAL;
	if (length && start > INT64_MAX - (length - 1))
		return SLUICE_EOVERFLOW;
	return lock->with_flock && (start || length) ? SLUICE_EINVAL : 0;
}

int sluice_file_lock_acquire(sluice_file_lock *lock, uint32_t mode, int64_t start, int64_t length,
			     int64_t timeout_ns)
{
	int r = file_lock_check(lock, start, length);

	if (r == 0 && mode != SLUICE_SHARED && mode != SLUICE_EXCLUSIVE)
		r = SLUICE_EINVAL;
	if (r < 0)
		return r;
	return sli_public_code(sli_file_lock_acquire(lock, mode, start, length, timeout_ns));
}

int sluice_file_lock_release(sluice_file_lock *lock, int64_t start, int64_t length)
{
	int r = file_lock_check(lock, start, length);

	return r < 0 ? r : sli_public_code(sli_file_lock_release(lock, start, length));
}

int sluice_file_lock_holder(sluice_file_lock *lock, uint32_t mode, int64_t start, int64_t length,
			    struct sluice_file_lock_holder *ret_holder)
{
	struct sluice_file_lock_holder holder = { 0 };
	size_t size = sli_output_size(ret_holder, sizeof(holder));
	int r = file_lock_check(lock, start, length);

	if (r == 0 && (!size || (mode != SLUICE_SHARED && mode != SLUICE_EXCLUSIVE)))
		r = SLUICE_EINVAL;
	if (r == 0)
		r = sli_public_code(sli_file_lock_holder(lock, mode, start, length, &holder));
	if (r <= 0)
		return r;
	holder.size = ret_holder->size;
	memcpy(ret_holder, &holder, size);
	return r;
}

int sluice_file_lock_hold_fd(sluice_file_lock *lock)
{
	int r = file_lock_enter(lock);

	return r < 0 ? r : lock->fd;
}
