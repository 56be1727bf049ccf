/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * locks.c - byte locks that whoever may only read cannot get at
 *
 * Who lives is known by locks on bytes of a file (place.c), and any descriptor, a reading one too, can
 * take read locks on its file and so keep others from taking theirs. So where a segment's mode lets
 * somebody read who may not write, the bytes that are locked are those of a second file, which only
 * those can open who may do both:
 *
 *	segment's mode		0600	0660	0666	0640	0644	0664	0644, sealed
 *	locks are on		itself	itself	itself	a file	a file	a file	a memfd that is
 *							of 0600	of 0600	of 0660	not passed on
 *
 * The file is empty, lies beside the segment and is called .lock.<inode>.<random_id>, both of the
 * segment: so it is found whatever the segment is called. Of the two numbers the kernel vouches for the
 * first. Whoever may write a segment can forge the second, and then names nobody's file, and never that
 * of another segment; nor does a copy share the original's. The second is there since the first is had
 * again by a later file. A bit of the header that no library may ignore says that there is a lock file.
 * segment->lock_fd is the description that has our locks; without a second file it is segment->fd.
 *
 * The creator makes it and takes its place's byte in it before the segment has a name; who removes the
 * segment unlinks the name first. So whoever dies leaves at worst a lock file without a segment, which
 * sluice_clean() finds: nobody has it locked for a while, and no file in the directory has that inode.
 * It has the attach byte while it looks and unlinks, and a creator that has its place's byte asks
 * whether the file still has a name before the segment gets one: so either finds out about the other,
 * however long the creator was stopped.
 *
 * Who opens a segment and does not find its lock file has lost a race with its removal and begins again;
 * unless the name still leads to that segment, which then has been tampered with. Nobody can attach to
 * it any more. It makes way if it was marked as removed, or if it is of an earlier boot or ephemeral and
 * none of its processes is seen to run.
 *
 * A lock file must belong to the segment's owner: nobody else could be trusted with who lives.
 */
#include "../base/crash.h"
#include "../base/fd.h"
#include "segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define LOCKS_PREFIX ".lock."
#define LOCKS_DIGITS 16u
#define LOCKS_YOUNG_S 60
#define LOCKS_NAME_MAX 48 /* prefix, 20 digits, dot, 16 digits */
#define LOCKS_PATH_MAX (SLI_PATH_MAX + LOCKS_NAME_MAX)

/* Those of @mode who may read and write, as permissions to do both. */
uint32_t sli_locks_mode(uint32_t mode)
{
	uint32_t both = mode & 0222 & mode >> 1;

	return 0600 | both | both << 1;
}

bool sli_locks_are_apart(uint32_t mode)
{
	return (mode & 0044 & ~(mode << 1)) != 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Its last part, of the segment of that @inode. */
static void locks_name(char buffer[LOCKS_NAME_MAX], uint64_t inode, uint64_t id)
{
	snprintf(buffer, LOCKS_NAME_MAX, LOCKS_PREFIX "%llu.%016llx", (unsigned long long)inode,
		 (unsigned long long)id);
}

/* The inode in it; 0: @file is not called like a lock file. */
static uint64_t locks_parse(const char *file)
{
	const char *number = file + sizeof(LOCKS_PREFIX) - 1, *id;

	if (strncmp(file, LOCKS_PREFIX, sizeof(LOCKS_PREFIX) - 1) != 0)
		return 0;
	id = number + strspn(number, "0123456789");
	if (id == number || *id != '.' || strspn(id + 1, "0123456789abcdef") != LOCKS_DIGITS ||
	    id[1 + LOCKS_DIGITS])
		return 0;
	return strtoull(number, NULL, 10);
}

/* Beside @path, whose last part does not matter. */
static int locks_path(const char *path, uint64_t inode, uint64_t id, char *buffer, size_t capacity)
{
	const char *slash = strrchr(path, '/');
	char name[LOCKS_NAME_MAX];
	int n;

	locks_name(name, inode, id);
	n = snprintf(buffer, capacity, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name);
	return n < 0 || (size_t)n >= capacity ? SLUICE_ENAMETOOLONG : 0;
}

/* What a segment that is open is called, as far as is known. */
static int locks_find(const struct sli_segment *segment, char path[SLI_PATH_MAX])
{
	char self[64];
	ssize_t n;

	if (segment->path[0]) {
		memcpy(path, segment->path, SLI_PATH_MAX);
		return 0;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", segment->fd);
	n = readlink(self, path, SLI_PATH_MAX - 1);
	if (n <= 0 || path[0] != '/')
		return SLUICE_ENOENT;
	path[n] = '\0';
	return 0;
}

/* The number in the name of that of the segment which @fd is open on; 0: it has none. */
static uint64_t locks_id(int fd)
{
	struct sli_header header;

	if (pread(fd, &header, offsetof(struct sli_header, life), 0) !=
		    (ssize_t)offsetof(struct sli_header, life) ||
	    memcmp(header.magic, SLI_MAGIC, sizeof(header.magic)) != 0 ||
	    !(header.features_incompatible & SLI_FEATURE_LOCKS_APART))
		return 0;
	return header.random_id;
}

/* ---- making, opening, removing --------------------------------------------------------------- */

int sli_locks_own(struct sli_segment *segment, int fd)
{
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return sli_errno();
	}
	segment->lock_device = st.st_dev;
	segment->lock_inode = st.st_ino;
	segment->lock_fd = fd;
	return 0;
}

static int locks_make(struct sli_segment *segment, const char *directory, uint64_t id,
		      const struct sli_request *request)
{
	char inside[SLI_PATH_MAX + 2], path[LOCKS_PATH_MAX];
	int r;

	snprintf(inside, sizeof(inside), "%s/", directory);
	r = locks_path(inside, segment->inode, id, path, sizeof(path));
	if (r < 0)
		return r;
	sli_fork_hold();
	r = sli_locks_own(segment, sli_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
	sli_fork_release();
	if (r == 0)
		segment->lock_id = id;
	/* Dead from here until the segment has its name: a lock file of nobody, for sluice_clean(). */
	SLI_CRASH(locks_made);
	if (r < 0)
		return r;
	/* A directory may have a default ACL, whose users the next mode would let in. */
	(void)fremovexattr(segment->lock_fd, "system.posix_acl_access");
	if (request->group && fchown(segment->lock_fd, (uid_t)-1, (gid_t)request->group) < 0)
		return sli_errno();
	return fchmod(segment->lock_fd, sli_locks_mode(request->mode)) < 0 ? sli_errno() : 0;
}

static int locks_make_anonymous(struct sli_segment *segment)
{
	int r;

	sli_fork_hold();
	r = sli_locks_own(segment, sli_memfd("sluice-locks", MFD_CLOEXEC));
	sli_fork_release();
	return r;
}

int sli_locks_part(struct sli_segment *segment, const struct sli_header *header,
		   const struct sli_request *request, const char *where)
{
	int r;

	if (!(header->features_incompatible & SLI_FEATURE_LOCKS_APART))
		return 0;
	r = request->anonymous ? locks_make_anonymous(segment)
			       : locks_make(segment, where, header->random_id, request);
	if (r < 0 && r != -EEXIST)
		sli_say(&request->diag, r, "%s: the file for its locks cannot be made in %s: %s",
			request->name, where, strerror(-r));
	return r;
}

bool sli_locks_are_named(const struct sli_segment *segment)
{
	struct stat st;

	return segment->lock_fd == segment->fd ||
	       (fstat(segment->lock_fd, &st) == 0 && st.st_nlink > 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int locks_open(struct sli_segment *segment, uint64_t id, int access)
{
	char beside[SLI_PATH_MAX], path[LOCKS_PATH_MAX];
	struct stat locks, file;
	int r = locks_find(segment, beside);

	if (r == 0 && fstat(segment->fd, &file) < 0)
		r = sli_errno();
	if (r == 0)
		r = locks_path(beside, file.st_ino, id, path, sizeof(path));
	if (r < 0)
		return r;
	sli_fork_hold();
	r = sli_locks_own(segment, sli_open(path, access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0));
	sli_fork_release();
	if (r == -ELOOP || r == -EISDIR || r == -ENXIO)
		return SLUICE_ECORRUPT;
	if (r < 0)
		return r == -EPERM ? SLUICE_EACCES : r;
	if (fstat(segment->lock_fd, &locks) < 0)
		return sli_errno();
	if (!S_ISREG(locks.st_mode))
		return SLUICE_ECORRUPT;
	return locks.st_uid == file.st_uid ? 0 : -EPERM;
}

/* Does the name, as far as is known, lead to what we have open? */
static bool locks_has_name(const struct sli_segment *segment)
{
	char path[SLI_PATH_MAX];
	struct stat st;

	return locks_find(segment, path) == 0 && lstat(path, &st) == 0 &&
	       st.st_dev == segment->device && st.st_ino == segment->inode;
}

bool sli_locks_are_orphaned(const struct sli_segment *segment)
{
	for (uint32_t i = 0; i < sli_place_used(segment); i++)
		if ((sli_place_state(segment, i) & SLI_PLACE_LIVE) &&
		    sli_reap_still_runs(segment, i))
			return false;
	return true;
}

/* A segment with a name and without its lock file: 1: it is gone, too; 0: it is to stay. */
static int locks_make_way(const struct sli_segment *segment, const struct sli_request *request,
			  bool marked)
{
	struct sli_segment found;
	bool stale = false;
	int r = sli_segment_look(&found, segment->path, true, &stale, NULL);

	/* The segment's own attach byte is good enough: it only keeps two of us apart. */
	if (r == 0 && found.inode == segment->inode && found.device == segment->device)
		(void)sli_attach_lock(found.fd, sli_now() + 100 * SLI_MS);
	else
		r = r == 0 || r == SLUICE_ENOENT ? 1 : r;
	if (r == 0 && (marked || ((stale || (found.flags & SLI_HEADER_EPHEMERAL)) &&
				  sli_locks_are_orphaned(&found)))) {
		sli_or_sc(&found.header->life, SLI_LIFE_RETIRED);
		r = sli_segment_unlink(segment->path, found.fd);
		r = r == 0 || r == SLUICE_ENOENT ? 1 : r;
	}
	sli_segment_close(&found);
	return r < 0 ? sli_say(&request->diag, r,
			       "%s has lost its lock file and cannot be removed: %s; remove it, or choose "
			       "another name",
			       request->name, strerror(-r))
		     : r;
}

static int locks_say(const struct sli_segment *segment, const struct sli_header *header,
		     const struct sli_request *request, int code)
{
	char file[LOCKS_NAME_MAX];

	locks_name(file, segment->inode, header->random_id);
	if ((code == SLUICE_ENOENT || code == SLUICE_EACCES) && !locks_has_name(segment))
		return sli_say(
			&request->diag, SLUICE_EACCES,
			"%s: its lock file cannot be seen from here; open it by name where its "
			"directory can be searched, or with READ_ONLY",
			request->name);
	if (code == SLUICE_ENOENT)
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "%s has lost the file %s beside it; remove it", request->name, file);
	if (code == SLUICE_ECORRUPT)
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "%s: %s beside it, for its locks, is no regular file; remove both",
			       request->name, file);
	if (code == -EPERM)
		return sli_say(
			&request->diag, SLUICE_EACCES,
			"%s: the file %s beside it, for its locks, belongs to another user than it; "
			"give them the same owner, or remove both",
			request->name, file);
	return sli_say(
		&request->diag, code,
		"%s: the file %s beside it, for its locks, cannot be opened: %s; open it with "
		"READ_ONLY, or ask its owner for write permission",
		request->name, file, strerror(-code));
}

int sli_locks_attach(struct sli_segment *segment, const struct sli_header *header,
		     const struct sli_request *request)
{
	/* Only a memfd can be sealed against writing, and what has a name is none. */
	int seals = segment->path[0] ? 0 : fcntl(segment->fd, F_GET_SEALS), r;
	/* relaxed: a private copy */
	bool marked = sli_load_rlx(&header->life) & (SLI_LIFE_REMOVED | SLI_LIFE_RETIRED);
	struct stat st;

	if (seals > 0 && (seals & F_SEAL_FUTURE_WRITE))
		return sli_say(&request->diag, SLUICE_EACCES,
			       "%s is sealed, so only who made it writes; open it with READ_ONLY",
			       request->name);
	if (!(header->features_incompatible & SLI_FEATURE_LOCKS_APART))
		return 0;
	r = locks_open(segment, header->random_id, O_RDWR);
	/* Best effort: in use, for those who remove what is old. */
	if (r == 0)
		(void)futimens(segment->lock_fd, NULL);
	if (r == SLUICE_ENOENT && segment->path[0]) {
		r = locks_has_name(segment) ? locks_make_way(segment, request, marked) : 1;
		if (r != 0)
			return r;
		r = SLUICE_ENOENT;
	} else if (r == SLUICE_ENOENT &&
		   (marked || (fstat(segment->fd, &st) == 0 && st.st_nlink == 0))) {
		r = 1;
	}
	return r < 0 ? locks_say(segment, header, request, r) : r;
}

int sli_locks_look(struct sli_segment *segment, bool write)
{
	int r = 0;

	if (segment->lock_fd < 0)
		r = locks_open(segment, segment->header->random_id, write ? O_RDWR : O_RDONLY);
	if (r < 0)
		sli_close(&segment->lock_fd);
	return r;
}

int sli_locks_reopen(const struct sli_segment *segment)
{
	int fd = sli_reopen(segment->lock_fd, O_RDWR);

	if (fd == -ENOSYS && segment->path[0] && segment->lock_fd == segment->fd)
		fd = sli_open(segment->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
	return fd;
}

void sli_locks_unlink(const char *path, int fd, uint64_t id)
{
	char locks[LOCKS_PATH_MAX];
	struct stat lock, file;

	if (!id)
		id = locks_id(fd);
	/* A header may say anything; another owner's file is not this segment's. */
	if (id && fstat(fd, &file) == 0 &&
	    locks_path(path, file.st_ino, id, locks, sizeof(locks)) == 0 &&
	    lstat(locks, &lock) == 0 && S_ISREG(lock.st_mode) && lock.st_uid == file.st_uid)
		unlink(locks);
}

/* ---- debris ---------------------------------------------------------------------------------- */

/* Has any file in @directory that inode? What cannot be looked at may have. */
static bool locks_have_segment(const char *directory, uint64_t inode)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	bool found = !dir;
	struct stat st;

	while (!found && (entry = readdir(dir)))
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			found = S_ISREG(st.st_mode) && (uint64_t)st.st_ino == inode;
		else
			found = errno != ENOENT;
	if (dir)
		closedir(dir);
	return found;
}

bool sli_locks_are_lost(const char *directory, const char *file, const char *path, int *ret_fd)
{
	uint64_t inode = locks_parse(file);
	bool dry = !ret_fd;
	int fd SLI_AUTO_CLOSE = -1;
	struct timespec now;
	struct stat st;

	if (!inode)
		return false;
	fd = sli_open(path, (dry ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0 || now.tv_sec - st.st_mtime <= LOCKS_YOUNG_S)
		return false;
	if (!dry && sli_byte_lock(fd, SLI_BYTE_ATTACH) < 0)
		return false;
	/* In this order: a creator has its byte before its segment has a name. */
	if (sli_byte_held(fd, SLI_BYTE_ATTACH, SLI_BYTE_PLACE(SLUICE_PARTICIPANTS_MAX)) != 0 ||
	    locks_have_segment(directory, inode))
		return false;
	if (!dry) {
		*ret_fd = fd;
		fd = -1;
	}
	return true;
}
