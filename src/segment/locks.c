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
 * The file is empty, lies beside the segment and is called .lock.<random_id>: no two segments have the
 * same, and it is found whatever the segment is called. A bit of the header that no library may ignore
 * says that there is one. segment->lock_fd is the description that has our locks; without a second file
 * it is segment->fd.
 *
 * The creator makes it and takes its place's byte in it before the segment has a name; who removes the
 * segment unlinks the name first. So whoever dies leaves at worst a lock file without a segment, which
 * sluice_clean() finds: nobody has it locked for a while, and no segment there has its number. Who
 * opens a segment and does not find its lock file has lost a race with its removal and begins again;
 * unless the name still leads to that segment, which then has been tampered with.
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
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define LOCKS_PREFIX ".lock."
#define LOCKS_DIGITS 16u
#define LOCKS_YOUNG_S 60

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

/* Beside @path, whose last part does not matter. */
static int locks_path(const char *path, uint64_t id, char *buffer, size_t capacity)
{
	const char *slash = strrchr(path, '/');
	int n = snprintf(buffer, capacity, "%.*s" LOCKS_PREFIX "%016llx",
			 slash ? (int)(slash - path) + 1 : 0, path, (unsigned long long)id);

	return n < 0 || (size_t)n >= capacity ? SLUICE_ENAMETOOLONG : 0;
}

/* Of a segment that is open, under whatever name. */
static int locks_find(const struct sli_segment *segment, uint64_t id, char *buffer, size_t capacity)
{
	char self[64], path[SLI_PATH_MAX];
	ssize_t n;

	if (segment->path[0])
		return locks_path(segment->path, id, buffer, capacity);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", segment->fd);
	n = readlink(self, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return SLUICE_ENOENT;
	path[n] = '\0';
	return locks_path(path, id, buffer, capacity);
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

/* @fd is where the locks are. */
static int locks_own(struct sli_segment *segment, int fd)
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
	char inside[SLI_PATH_MAX + 2], path[SLI_PATH_MAX + 32];
	int r;

	snprintf(inside, sizeof(inside), "%s/", directory);
	r = locks_path(inside, id, path, sizeof(path));
	if (r < 0)
		return r;
	sli_fork_hold();
	r = locks_own(segment, sli_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
	sli_fork_release();
	if (r == 0)
		segment->lock_id = id;
	/* Dead from here until the segment has its name: a lock file of nobody, for sluice_clean(). */
	SLI_CRASH(locks_made);
	if (r < 0)
		return r;
	if (request->group && fchown(segment->lock_fd, (uid_t)-1, (gid_t)request->group) < 0)
		return sli_errno();
	return fchmod(segment->lock_fd, sli_locks_mode(request->mode)) < 0 ? sli_errno() : 0;
}

static int locks_make_anonymous(struct sli_segment *segment)
{
	int r;

	sli_fork_hold();
	r = locks_own(segment, sli_memfd("sluice-locks", MFD_CLOEXEC));
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

static int locks_open(struct sli_segment *segment, uint64_t id, int access)
{
	char path[SLI_PATH_MAX + 32];
	struct stat locks, file;
	int r = locks_find(segment, id, path, sizeof(path));

	if (r < 0)
		return r;
	sli_fork_hold();
	r = locks_own(segment, sli_open(path, access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0));
	sli_fork_release();
	if (r < 0)
		return r;
	if (fstat(segment->lock_fd, &locks) < 0 || fstat(segment->fd, &file) < 0)
		return sli_errno();
	return S_ISREG(locks.st_mode) && locks.st_uid == file.st_uid ? 0 : SLUICE_EACCES;
}

/* Is the name still that of what we have open? */
static bool locks_has_name(const struct sli_segment *segment)
{
	struct stat st;

	return !segment->path[0] || (lstat(segment->path, &st) == 0 &&
				     st.st_dev == segment->device && st.st_ino == segment->inode);
}

int sli_locks_attach(struct sli_segment *segment, const struct sli_header *header,
		     const struct sli_request *request)
{
	int seals = fcntl(segment->fd, F_GET_SEALS), r;

	if (seals > 0 && (seals & F_SEAL_FUTURE_WRITE))
		return sli_say(&request->diag, SLUICE_EACCES,
			       "%s is sealed, so only who made it writes; open it with READ_ONLY",
			       request->name);
	if (!(header->features_incompatible & SLI_FEATURE_LOCKS_APART))
		return 0;
	r = locks_open(segment, header->random_id, O_RDWR);
	/* relaxed: a private copy */
	if (r == SLUICE_ENOENT && (sli_load_rlx(&header->life) || !locks_has_name(segment)))
		return 1;
	if (r == SLUICE_ENOENT)
		return sli_say(&request->diag, SLUICE_ECORRUPT,
			       "%s has lost the file .lock.%016llx beside it; remove it",
			       request->name, (unsigned long long)header->random_id);
	return r < 0 ? sli_say(&request->diag, r,
			       "%s: the file .lock.%016llx beside it, for its locks, cannot be opened: "
			       "%s; open it with READ_ONLY, or ask its owner for write permission",
			       request->name, (unsigned long long)header->random_id, strerror(-r))
		     : 0;
}

void sli_locks_look(struct sli_segment *segment, bool write)
{
	if (segment->lock_fd < 0 &&
	    locks_open(segment, segment->header->random_id, write ? O_RDWR : O_RDONLY) < 0)
		sli_close(&segment->lock_fd);
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
	char locks[SLI_PATH_MAX + 32];
	struct stat lock, file;

	if (!id)
		id = locks_id(fd);
	/* A header may say anything; another owner's file is not this segment's. */
	if (id && locks_path(path, id, locks, sizeof(locks)) == 0 && fstat(fd, &file) == 0 &&
	    lstat(locks, &lock) == 0 && S_ISREG(lock.st_mode) && lock.st_uid == file.st_uid)
		unlink(locks);
}

/* ---- debris ---------------------------------------------------------------------------------- */

/* Has a segment in @directory that number? What cannot be read may have. */
static bool locks_have_segment(const char *directory, uint64_t id)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	bool found = !dir;

	while (!found && (entry = readdir(dir))) {
		int fd;

		if (!sli_name_is_valid(entry->d_name))
			continue;
		fd = sli_openat(dirfd(dir), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
		found = fd < 0 ? fd != SLUICE_ENOENT && fd != -ELOOP && fd != -ENXIO
			       : locks_id(fd) == id;
		sli_close(&fd);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool sli_locks_are_lost(const char *directory, const char *file, const char *path)
{
	const char *digits = file + sizeof(LOCKS_PREFIX) - 1;
	int fd SLI_AUTO_CLOSE = -1;
	struct timespec now;
	struct stat st;

	if (strncmp(file, LOCKS_PREFIX, sizeof(LOCKS_PREFIX) - 1) != 0 ||
	    strspn(digits, "0123456789abcdef") != LOCKS_DIGITS || digits[LOCKS_DIGITS])
		return false;
	fd = sli_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0 || now.tv_sec - st.st_mtime <= LOCKS_YOUNG_S)
		return false;
	/* In this order: a creator has its byte before its segment has a name. */
	return sli_byte_held(fd, SLI_BYTE_ATTACH, SLI_BYTE_PLACE(SLUICE_PARTICIPANTS_MAX)) == 0 &&
	       !locks_have_segment(directory, strtoull(digits, NULL, 16));
}
