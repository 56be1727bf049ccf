/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mapped_file.c - a range of a file as memory
 *
 * The kernel maps pages; here the range may begin and end anywhere, and what lies around it on its
 * pages is nobody's business. The address space of the maximum is mapped from the start, so growing
 * makes the file longer and moves nothing.
 *
 * The file is anybody's, and anybody may cut it. Touching what is gone is a SIGBUS then, which the
 * library does not catch. The guarded read asks the kernel for the bytes instead: of a shared mapping
 * by pread(2), which sees what every mapping sees; of a copy, whose bytes are in no file, by
 * process_vm_readv(2) on ourselves, or a pipe where that is missing; both fail where a load would fault.
 *
 * There is no protocol with others, so nothing to repair: a store is there at once for everybody who
 * maps the file shared, and on the disk once a sync says so.
 */
#include "mapped_file.h"
#include "../base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sluice.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAPPED_PART ((size_t)1 << 30) /* most to read in one call */

/* ---- opening ------------------------------------------------------------------------------- */

/* Open it, or make it where that makes sense. 1: it was made. */
static int mapped_open_path(const struct sli_mapped_wish *wish, int *ret_fd)
{
	bool looks_on = (wish->flags & (SLUICE_READ_ONLY | SLUICE_COPY_ON_WRITE)) != 0;
	int access = (looks_on ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY;
	bool may_make = !looks_on && !(wish->flags & SLUICE_MUST_EXIST);
	int fd = -ENOENT;

	for (int tries = 0; tries < 100 && fd == -ENOENT; tries++) {
		if (!(wish->flags & SLUICE_MUST_CREATE))
			fd = sli_open(wish->path, access, 0);
		if (fd != -ENOENT || !may_make)
			break;
		fd = sli_open(wish->path, access | O_CREAT | O_EXCL, wish->mode);
		if (fd >= 0 && fchmod(fd, wish->mode) < 0) { /* umask does not apply */
			close(fd);
			return sli_errno();
		}
		if (fd >= 0 || fd != -EEXIST || (wish->flags & SLUICE_MUST_CREATE)) {
			*ret_fd = fd;
			return fd < 0 ? fd : 1;
		}
		fd = -ENOENT; /* somebody made it meanwhile */
	}
	*ret_fd = fd;
	return fd < 0 ? fd : 0;
}

static int mapped_say_open(const struct sli_mapped_wish *wish, int code)
{
	if (code == -EISDIR)
		return sli_say(&wish->diag, SLUICE_EOPNOTSUPP,
			       "%s is a directory, which cannot be mapped; name a file in it",
			       wish->path);
	return sli_say(&wish->diag, code, "file %s cannot be opened or made: %s", wish->path,
		       strerror(-code));
}

/* Which bytes, given that the file has @has. */
static int mapped_plan(const struct sli_mapped_wish *wish, uint64_t has, uint64_t *ret_length,
		       uint64_t *ret_maximum)
{
	uint64_t length = wish->length, page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (wish->offset > has || length > has - wish->offset)
		return sli_say(
			&wish->diag, SLUICE_EINVAL,
			"file %s has %llu bytes, wanted %llu from %llu on; ask for fewer, or map what there is "
			"and let it grow",
			wish->path, (unsigned long long)has, (unsigned long long)length,
			(unsigned long long)wish->offset);
	if (length == 0)
		length = has - wish->offset;
	*ret_length = length;
	*ret_maximum = SLI_MAX(wish->maximum, length);
	if (*ret_maximum > SIZE_MAX - 2 * page)
		return sli_say(
			&wish->diag, SLUICE_ENOMEM,
			"file %s: %llu bytes are more than this process has address space for; map "
			"a part",
			wish->path, (unsigned long long)*ret_maximum);
	return 0;
}

static int mapped_map(struct sli_mapped_file *file, const struct sli_mapped_wish *wish)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int access = file->is_read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	void *base;

	file->offset = wish->offset;
	file->skew = wish->offset % page;
	/* Of an empty file, too, there is an address. */
	file->mapped = sli_round_up(file->skew + SLI_MAX(file->maximum, 1u), page);
	base = mmap(NULL, (size_t)file->mapped, access, file->is_copy ? MAP_PRIVATE : MAP_SHARED,
		    file->fd, (off_t)(wish->offset - file->skew));
	if (base == MAP_FAILED)
		return sli_say(&wish->diag,
			       errno == ENODEV   ? SLUICE_EOPNOTSUPP
			       : errno == ENOMEM ? SLUICE_ENOMEM
						 : sli_errno(),
			       "file %s cannot be mapped: %s", wish->path, strerror(errno));
	file->base = base;
	return 0;
}

/* Everything behind the open; @made: the file is new and gets the length that was asked for. */
static int mapped_furnish(struct sli_mapped_file *file, const struct sli_mapped_wish *wish,
			  bool made)
{
	uint64_t size = 0;
	struct stat st;
	int r = 0;

	if (made && wish->length)
		r = sli_extend(file->fd, 0, wish->offset + wish->length);
	if (r < 0)
		return sli_say(&wish->diag, r == -EFBIG || r == -EDQUOT ? SLUICE_ENOSPC : r,
			       "file %s cannot be given %llu bytes: %s", wish->path,
			       (unsigned long long)(wish->offset + wish->length), strerror(-r));
	if (fstat(file->fd, &st) < 0)
		return sli_errno();
	if (!S_ISREG(st.st_mode))
		return sli_say(&wish->diag, SLUICE_EOPNOTSUPP,
			       "%s is %s, which cannot be mapped; name a regular file", wish->path,
			       S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
	r = mapped_plan(wish, (uint64_t)st.st_size, &size, &file->maximum);
	sli_store_rel(&file->size, size);
	return r < 0 ? r : mapped_map(file, wish);
}

int sli_mapped_open(const struct sli_mapped_wish *wish, struct sli_mapped_file **ret_file)
{
	struct sli_mapped_file *file = calloc(1, sizeof(*file));
	int r, made;

	if (!file)
		return SLUICE_ENOMEM;
	file->magic = SLI_MAGIC_MAPPED_FILE;
	file->fd = -1;
	file->is_read_only = (wish->flags & SLUICE_READ_ONLY) != 0;
	file->is_copy = (wish->flags & SLUICE_COPY_ON_WRITE) != 0;
	made = mapped_open_path(wish, &file->fd);
	if (made < 0)
		r = mapped_say_open(wish, made);
	else
		r = mapped_furnish(file, wish, made);
	if (r < 0 && made > 0)
		unlink(wish->path);
	if (r < 0)
		sli_mapped_close(file);
	else
		*ret_file = file;
	return r;
}

void sli_mapped_close(struct sli_mapped_file *file)
{
	file->magic = 0;
	if (file->base)
		munmap(file->base, (size_t)file->mapped);
	sli_close(&file->fd);
	free(file);
}

/* ---- data ---------------------------------------------------------------------------------- */

void *sli_mapped_data(const struct sli_mapped_file *file)
{
	return file->base + file->skew;
}

int64_t sli_mapped_size(const struct sli_mapped_file *file)
{
	return (int64_t)sli_load_acq(&file->size);
}

static bool mapped_is_within(const struct sli_mapped_file *file, uint64_t offset, uint64_t length)
{
	uint64_t size = sli_load_acq(&file->size);

	return offset <= size && length <= size - offset;
}

int sli_mapped_resize(struct sli_mapped_file *file, uint64_t size)
{
	uint64_t seen = sli_load_acq(&file->size);
	struct stat st;
	int r = 0;

	if (size <= seen)
		return 0;
	if (file->is_read_only || file->is_copy)
		return SLUICE_EPERM;
	if (size > file->maximum)
		return SLUICE_EINVAL;
	if (fstat(file->fd, &st) < 0)
		return sli_errno();
	if ((uint64_t)st.st_size < file->offset + size)
		r = sli_extend(file->fd, (uint64_t)st.st_size, file->offset + size);
	if (r < 0)
		return r;
	while (seen < size && !sli_cas_acqrel(&file->size, &seen, size))
		;
	return 0;
}

/* Where process_vm_readv is missing or forbidden: a pipe refuses bytes that are gone, too. */
static ssize_t mapped_read_by_pipe(void *from, void *buffer, size_t size)
{
	int ends[2], error;
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	/* So few always fit in, and are taken whole. */
	n = write(ends[1], from, SLI_MIN(size, (size_t)PIPE_BUF));
	if (n > 0)
		n = read(ends[0], buffer, (size_t)n);
	error = errno;
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return n;
}

/* One read of either kind. */
static ssize_t mapped_read(const struct sli_mapped_file *file, uint64_t offset, void *buffer,
			   size_t size)
{
	struct iovec to = { buffer, size };
	struct iovec from = { file->base + file->skew + offset, size };

	ssize_t n;

	if (!file->is_copy)
		return pread(file->fd, buffer, size, (off_t)(file->offset + offset));
	n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	if (n < 0 && (errno == ENOSYS || errno == EPERM))
		n = mapped_read_by_pipe(from.iov_base, buffer, size);
	return n;
}

int sli_mapped_copy(const struct sli_mapped_file *file, uint64_t offset, void *buffer, size_t size)
{
	unsigned char *to = buffer;

	if (!mapped_is_within(file, offset, size))
		return SLUICE_EINVAL;
	while (size) {
		ssize_t n = mapped_read(file, offset, to, SLI_MIN(size, MAPPED_PART));

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == EFAULT))
			return SLUICE_EREMOVED;
		if (n < 0)
			return sli_errno();
		to += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* The whole pages around a range. */
static unsigned char *mapped_pages(const struct sli_mapped_file *file, uint64_t offset,
				   uint64_t *length)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at = file->skew + offset;
	uint64_t begin = at - at % page;

	*length = sli_round_up(at + *length, page) - begin;
	return file->base + begin;
}

int sli_mapped_sync(const struct sli_mapped_file *file, uint64_t offset, uint64_t length,
		    uint32_t durability)
{
	unsigned char *at;
	int r;

	if (!mapped_is_within(file, offset, length) || durability > SLUICE_SYNC_FILE)
		return SLUICE_EINVAL;
	if (file->is_copy)
		return SLUICE_EPERM;
	if (durability == SLUICE_SYNC_FILE)
		return fsync(file->fd) < 0 ? sli_errno() : 0;
	if (durability == SLUICE_SYNC_START) {
		r = sync_file_range(file->fd, (off_t)(file->offset + offset), (off_t)length,
				    SYNC_FILE_RANGE_WRITE);
	} else {
		at = mapped_pages(file, offset, &length);
		r = length ? msync(at, (size_t)length, MS_SYNC) : 0;
	}
	/* msync: not mapped any more, which is what a cut file looks like on some kernels. */
	return r == 0 ? 0 : errno == ENOMEM ? SLUICE_EREMOVED : sli_errno();
}

int sli_mapped_advise(const struct sli_mapped_file *file, uint64_t offset, uint64_t length,
		      uint32_t advice)
{
	static const int advices[] = {
		[SLUICE_ADVICE_NORMAL] = MADV_NORMAL,
		[SLUICE_ADVICE_SEQUENTIAL] = MADV_SEQUENTIAL,
		[SLUICE_ADVICE_RANDOM] = MADV_RANDOM,
		[SLUICE_ADVICE_WILL_NEED] = MADV_WILLNEED,
	};
	unsigned char *at;

	if (!mapped_is_within(file, offset, length) || advice >= SLI_COUNT(advices))
		return SLUICE_EINVAL;
	at = mapped_pages(file, offset, &length);
	return length && madvise(at, (size_t)length, advices[advice]) < 0 ? sli_errno() : 0;
}
