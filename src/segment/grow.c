/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * grow.c - a segment that grows while others use it
 *
 * Whoever attaches maps the most that the segment may ever become, so growing moves nobody. What lies
 * behind the end of the file is address space without memory; it becomes memory for everybody at the
 * moment the file is longer. The file is given its room first (a full file system is an error here
 * and never a SIGBUS later) and the size that others read is raised afterwards, by the object.
 *
 * No lock is needed, and nothing is to be repaired. fallocate(2) makes a file longer and never
 * shorter, keeps what is there, and any number of callers come to the length of the one who wanted
 * most. Who dies in between leaves a file longer than its size word says, which the next one to grow
 * makes use of. A file system without fallocate is given zeros by appending, which cannot overwrite
 * what somebody else has stored meanwhile; two who append at once make the file longer than needed.
 */
#include "../base/crash.h"
#include "../base/fd.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sluice.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t grow_file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

bool sli_segment_has(const struct sli_segment *segment, uint64_t data_size)
{
	return segment->is_private ||
	       grow_file_size(segment->fd) >= segment->data_offset + data_size;
}

static int grow_file(struct sli_segment *segment, uint64_t data_size)
{
	uint64_t now = grow_file_size(segment->fd), size = segment->data_offset + data_size;
	int r;

	if (now >= size)
		return 0;
	/* Memory is not a file system that is full: the kernel's killer would come instead. */
	if (!segment->path[0] && sli_segment_exceeds_memory(size - now))
		return SLUICE_ENOMEM;
	r = sli_extend(segment->fd, now, size);
	return r == -EDQUOT || r == -EFBIG ? SLUICE_ENOSPC : r;
}

int sli_segment_grow(struct sli_segment *segment, uint64_t data_size)
{
	int r;

	if (segment->is_private)
		r = mprotect(segment->base, (size_t)(segment->data_offset + data_size),
			     PROT_READ | PROT_WRITE) < 0
			    ? SLUICE_ENOMEM
			    : 0;
	else
		r = grow_file(segment, data_size);
	/* Dead here: the file is longer than its size word says; harmless. */
	SLI_CRASH(segment_grown);
	return r;
}
