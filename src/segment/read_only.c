/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * read_only.c - to look on without taking part
 *
 * The file is opened and mapped for reading only, so the kernel guarantees that not one byte of it
 * changes. Therefore the reader takes no place, holds no lock, is in no list, and nobody waits for it
 * or repairs after it. A fork child goes on with what it inherited.
 */
#include "../base/fd.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sluice.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int read_only_say(const struct sli_request *request, int code)
{
	if (code == SLUICE_ENOENT)
		return sli_say(&request->diag, code, "%s does not exist; start first who makes it",
			       request->name);
	if (code == SLUICE_ECORRUPT || code == SLUICE_EVERSION)
		return sli_say(&request->diag, code,
			       "%s is no segment that this library can read: %s", request->name,
			       sluice_error_text(code));
	return sli_say(&request->diag, code, "%s cannot be opened and mapped for reading: %s",
		       request->name, strerror(-code));
}

/* Another description, or, where it is another user's, a share in this one: it holds no locks of ours. */
int sli_segment_reopen_to_read(int fd)
{
	int fresh = sli_reopen(fd, O_RDONLY);

	return fresh == SLUICE_EACCES ? sli_fd(fcntl(fd, F_DUPFD_CLOEXEC, 3)) : fresh;
}

static int read_only_check(struct sli_segment *segment, const struct sli_header *header,
			   const struct sli_request *request, const struct sli_kind *kind,
			   const void *want, bool stale)
{
	struct stat st;
	/* relaxed: a moment's view */
	int r = sli_segment_life(sli_load_rlx(&segment->header->life));

	if (fstat(segment->fd, &st) < 0)
		return sli_errno();
	if (segment->path[0])
		r = r ? r : sli_name_check_owner(segment->path, st.st_uid, &request->diag);
	if (stale || r == SLUICE_EREMOVED)
		return sli_say(
			&request->diag, SLUICE_ENOENT,
			"%s is left over from an earlier boot; start first who makes it anew",
			request->name);
	if (r < 0)
		return r == SLUICE_ECORRUPT ? read_only_say(request, r) : r;
	return sli_segment_check_wish(header, request, kind, want);
}

int sli_segment_open_read_only(struct sli_segment *segment, const struct sli_name *name,
			       const struct sli_request *request, const struct sli_kind *kind,
			       const void *want)
{
	struct sli_segment found;
	struct sli_header header;
	bool stale = false;
	int r;

	if (name->fd >= 0)
		r = sli_segment_look_fd(&found, sli_segment_reopen_to_read(name->fd), request->name,
					false, &stale, &header);
	else
		r = sli_segment_look(&found, name->path, false, &stale, &header);
	if (r < 0)
		r = read_only_say(request, r);
	else
		r = read_only_check(&found, &header, request, kind, want, stale);
	if (r < 0) {
		sli_segment_close(&found);
		return r;
	}
	found.kind = kind;
	found.object = segment->object;
	found.slice = request->slice;
	found.is_read_only = true;
	/* All but the links of fork's list, which other threads may be changing. */
	memcpy(segment, &found, offsetof(struct sli_segment, next));
	sli_store_rel(&segment->forked, sli_load_acq(sli_fork_epoch));
	kind->join(segment);
	return 0;
}
