/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * segment.c - a segment appears complete or not at all
 *
 * Creating: an unnamed file in the target directory (O_TMPFILE), given all its room (a full file
 * system is an error here and never a SIGBUS later), the header written, the creator's place
 * claimed, and only then linked to its name. link(2) never replaces: who loses a race drops its own
 * and joins the winner's. A creator killed earlier leaves nothing. Where a file system has no
 * O_TMPFILE the file is called .tmp.<random> until it is linked, and sluice_clean() knows it.
 *
 * Attaching: the header is read into private memory and checked there (header.c); from then on nobody
 * asks the shared copy for geometry. Then a place is claimed. A segment of an earlier boot, or an ephemeral
 * one whose participants were all killed, is unlinked under its attach lock and made anew.
 *
 * Removal marks the segment before it unlinks the name, so that those who have it open find out.
 */
#include "segment.h"
#include "../base/crash.h"
#include "../base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* File systems whose other end is another machine: their memory is not shared. linux/magic.h */
static const unsigned long remote_file_systems[] = {
	0x6969,     /* NFS */
	0x517b,     /* SMB */
	0xff534d42, /* CIFS */
	0xfe534d42, /* SMB2 */
	0x00c36400, /* Ceph */
	0x5346414f, /* AFS */
	0x01021997, /* 9P */
};

int sli_segment_life(uint32_t life)
{
	if (life & SLI_LIFE_BROKEN)
		return SLUICE_ECORRUPT;
	return life ? SLUICE_EREMOVED : 0;
}

void sli_segment_break(struct sli_segment *segment)
{
	sli_or_sc(&segment->header->life, SLI_LIFE_BROKEN);
}

/* ---- mapping ------------------------------------------------------------------------------- */

/* Take the geometry, once. */
static void segment_adopt(struct sli_segment *segment, const struct sli_header *header)
{
	segment->header = (struct sli_header *)(void *)segment->base;
	segment->places = (struct sli_place *)(void *)(segment->base + header->places_offset);
	segment->place_count = header->places;
	segment->kind_number = header->kind;
	segment->object_offset = header->object_offset;
	segment->object_size = header->object_size;
	segment->data_offset = header->data_offset;
	segment->data_size = header->data_size;
	segment->data_maximum = header->data_maximum;
	segment->flags = header->flags;
	memcpy(segment->geometry, header->geometry, sizeof(segment->geometry));
}

/*
 * A mapping keeps its file description alive, and a fork child inherits mappings. So the description
 * that is mapped is not the one that holds our locks: else our byte would stay locked after our death
 * for as long as a child lives.
 */
static int segment_map(struct sli_segment *segment, const struct sli_header *header,
		       const struct sli_request *request)
{
	uint64_t size = sli_segment_span(header);
	int share = segment->is_private && !segment->kind->maps_twice ? MAP_PRIVATE : MAP_SHARED;
	int flags = segment->is_private ? share | MAP_ANONYMOUS | MAP_NORESERVE : share;
	/* Private memory that nobody asked for yet is address space and no more. */
	int access = segment->is_private && size > header->size ? PROT_NONE
								: PROT_READ | PROT_WRITE;
	int mapped SLI_AUTO_CLOSE = segment->is_private ? -1 : sli_reopen(segment->fd, O_RDWR);
	void *base = MAP_FAILED;

	if (size <= SIZE_MAX)
		base = mmap(NULL, (size_t)size, access, flags, mapped >= 0 ? mapped : segment->fd,
			    0);
	if (base != MAP_FAILED && access == PROT_NONE &&
	    mprotect(base, (size_t)header->size, PROT_READ | PROT_WRITE) < 0) {
		munmap(base, (size_t)size);
		base = MAP_FAILED;
	}
	if (base == MAP_FAILED)
		return sli_say(
			&request->diag, SLUICE_ENOMEM,
			"%s needs %llu bytes of address space, which this process cannot get; ask for a "
			"smaller capacity",
			request->name, (unsigned long long)size);
	segment->base = base;
	segment->size = size;
	/* A core dump delays the release of our byte, by which others know that we are dead. */
	if (!segment->is_private)
		madvise(base, (size_t)size, MADV_DONTDUMP);
	return 0;
}

/* The descriptor is ours from here on, and known as such to fork's handlers. */
static int segment_own(struct sli_segment *segment, int fd)
{
	int r = sli_locks_own(segment, fd);

	if (r < 0)
		return r;
	segment->device = segment->lock_device;
	segment->inode = segment->lock_inode;
	segment->fd = fd;
	return 0;
}

/* ---- creating ------------------------------------------------------------------------------ */

static int segment_say_full(const struct sli_request *request, const char *where, uint64_t size)
{
	struct statvfs fs;
	unsigned long long room = 0;

	if (statvfs(where, &fs) == 0)
		room = (unsigned long long)fs.f_bavail * fs.f_frsize;
	return sli_say(
		&request->diag, SLUICE_ENOSPC,
		"%s needs %llu bytes, but %s has room for %llu; free some, or choose another directory "
		"or a smaller capacity",
		request->name, (unsigned long long)size, where, room);
}

static int segment_check_file_system(int fd, const struct sli_request *request)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return 0;
	for (size_t i = 0; i < SLI_COUNT(remote_file_systems); i++)
		if ((unsigned long)fs.f_type == remote_file_systems[i])
			return sli_say(
				&request->diag, SLUICE_EOPNOTSUPP,
				"%s lies on a network file system, whose memory machines do not share; "
				"choose a local directory",
				request->name);
	return 0;
}

/* Do locks of two descriptions exclude each other here? We hold our place's byte. */
static int segment_check_locks(const struct sli_segment *segment, const struct sli_request *request)
{
	int other SLI_AUTO_CLOSE = sli_reopen(segment->lock_fd, O_RDWR);

	if (other < 0 || sli_byte_held(other, SLI_BYTE_PLACE(segment->place),
				       SLI_BYTE_PLACE(segment->place)) == 1)
		return 0;
	return sli_say(&request->diag, SLUICE_EOPNOTSUPP,
		       "%s lies on a file system whose locks do not work; choose another directory",
		       request->name);
}

/* An unnamed file in @directory, or one called @ret_path where there are none. */
static int segment_new_file(const char *directory, char *ret_path, size_t capacity)
{
	uint64_t random = (uint64_t)sli_now();
	int fd = sli_open(directory, O_TMPFILE | O_RDWR, 0600);

	ret_path[0] = '\0';
	if (fd != -EOPNOTSUPP && fd != -EISDIR && fd != -EINVAL)
		return fd;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random ^= (uint64_t)getpid() << 32;
	snprintf(ret_path, capacity, "%s/.tmp.%016llx", directory, (unsigned long long)random);
	return sli_open(ret_path, O_RDWR | O_CREAT | O_EXCL, 0600);
}

/* Give it its name. -EEXIST: somebody else was faster. */
static int segment_link(int fd, const char *temporary, const char *path)
{
	char self[64];
	int r;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (temporary[0])
		r = link(temporary, path);
	else
		r = linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	if (r < 0 && errno == ENOENT && !temporary[0])
		r = linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH);
	return r < 0 ? sli_errno() : 0;
}

/* Room, permissions, header, mapping, our place: everything but the name. */
static int segment_furnish(struct sli_segment *segment, const struct sli_request *request,
			   const struct sli_shape *shape, const char *where)
{
	struct sli_header header;
	int r;

	sli_segment_describe(&header, request, shape);
	if (segment->fd >= 0) {
		r = sli_allocate(segment->fd, header.size);
		if (r == SLUICE_ENOSPC || r == -EDQUOT)
			return segment_say_full(request, where, header.size);
		if (r < 0)
			return sli_say(&request->diag, r, "%s cannot be given %llu bytes: %s",
				       request->name, (unsigned long long)header.size,
				       strerror(-r));
		if (fchmod(segment->fd, request->mode) < 0 ||
		    (request->group && fchown(segment->fd, (uid_t)-1, (gid_t)request->group) < 0))
			return sli_say(
				&request->diag, SLUICE_EACCES,
				"%s cannot be given mode %o and group %u: %s; choose a group you are in",
				request->name, request->mode, request->group, strerror(errno));
	}
	r = sli_locks_part(segment, &header, request, where);
	if (r == 0)
		r = segment_map(segment, &header, request);
	if (r < 0)
		return r;
	memcpy(segment->base, &header, sizeof(header));
	segment_adopt(segment, &header);
	return sli_place_claim(segment, request);
}

static int segment_create_named(struct sli_segment *segment, const struct sli_name *name,
				const struct sli_request *request, const struct sli_shape *shape)
{
	char directory[SLI_PATH_MAX], temporary[SLI_PATH_MAX + 32];
	int r;

	snprintf(directory, sizeof(directory), "%.*s", (int)SLI_MAX(name->base, 1u),
		 name->base ? name->path : ".");
	sli_fork_hold();
	r = segment_own(segment, segment_new_file(directory, temporary, sizeof(temporary)));
	sli_fork_release();
	if (r < 0)
		return sli_say(&request->diag, r, "%s cannot be made in %s: %s", request->name,
			       directory, strerror(-r));
	SLI_CRASH(segment_made);
	r = segment_check_file_system(segment->fd, request);
	if (r == 0)
		r = segment_furnish(segment, request, shape, directory);
	if (r == 0)
		r = segment_check_locks(segment, request);
	/* Dead before here: nothing, or a .tmp. file whose lock is free. */
	SLI_CRASH(segment_furnished);
	if (r == 0 && !sli_locks_are_named(segment))
		r = -EEXIST; /* cleaned away while we were stopped: begin again */
	if (r == 0) {
		r = segment_link(segment->fd, temporary, name->path);
		if (r < 0 && r != -EEXIST)
			sli_say(&request->diag, r, "%s cannot be named: %s", request->name,
				strerror(-r));
	}
	if (temporary[0])
		unlink(temporary);
	if (r == 0)
		snprintf(segment->path, sizeof(segment->path), "%s", name->path);
	else
		sli_locks_unlink(name->path, segment->fd, segment->lock_id);
	return r;
}

/* A memfd has no file system to be full: asking for more than there is wakes the kernel's killer. */
bool sli_segment_exceeds_memory(uint64_t bytes)
{
	char text[512];
	const char *line;

	if (sli_read_small("/proc/meminfo", text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "MemAvailable:");
	return line && bytes / 1024 > strtoull(line + 13, NULL, 10);
}

static int segment_create_anonymous(struct sli_segment *segment, const struct sli_request *request,
				    const struct sli_shape *shape)
{
	int seals = F_SEAL_SHRINK | F_SEAL_SEAL;
	int fd, r;

	if (sli_segment_exceeds_memory(shape->data_size))
		return sli_say(
			&request->diag, SLUICE_ENOMEM,
			"%s needs %llu bytes, more memory than is free; ask for a smaller capacity",
			request->name, (unsigned long long)shape->data_size);
	sli_fork_hold();
	r = segment_own(segment, sli_memfd("sluice", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	sli_fork_release();
	if (r < 0)
		return sli_say(&request->diag, r, "an anonymous segment cannot be made: %s",
			       strerror(-r));
	for (int side = 0; side < 2; side++) {
		fd = sli_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		if (fd < 0)
			return sli_say(&request->diag, fd, "no descriptor for an event: %s",
				       strerror(-fd));
		segment->events[side] = fd;
	}
	r = segment_furnish(segment, request, shape, "memory");
	/* Nobody can cut it under us, so touching it never faults. */
	if (shape->data_maximum <= shape->data_size)
		seals |= F_SEAL_GROW;
	segment->is_sealed = (request->flags & SLUICE_SEALED) != 0;
	if (segment->is_sealed)
		seals |= F_SEAL_FUTURE_WRITE;
	if (r == 0 && fcntl(segment->fd, F_ADD_SEALS, seals) < 0)
		r = sli_errno();
	return r;
}

/* ---- attaching ----------------------------------------------------------------------------- */

/* An ephemeral object that nobody living takes part in: to be made anew. Under its attach lock. */
static bool segment_is_abandoned(int fd, const struct sli_header *header)
{
	return (header->flags & SLI_HEADER_EPHEMERAL) &&
	       sli_byte_held(fd, SLI_BYTE_PLACE(0), SLI_BYTE_PLACE(SLUICE_PARTICIPANTS_MAX)) == 0;
}

/* Under the attach lock: who has the file open, but no place yet, is to find out that it is retired. */
static void segment_mark_retired(int fd)
{
	off_t at = offsetof(struct sli_header, life);
	uint32_t life = 0;

	if (pread(fd, &life, sizeof(life), at) != sizeof(life))
		return;
	life |= SLI_LIFE_RETIRED;
	if (pwrite(fd, &life, sizeof(life), at) != sizeof(life))
		return; /* then the opener that comes in between works in a nameless file */
}

/*
 * Remove the name if the segment is of an earlier boot, abandoned, or marked by somebody who was
 * killed before it was unlinked. 1: it was; try again.
 */
static int segment_discard(const struct sli_segment *segment, const struct sli_header *header,
			   bool stale, bool marked, int64_t deadline)
{
	int r = sli_attach_lock(segment->lock_fd, deadline);

	if (r < 0)
		return r;
	/* Somebody living is in it: then it is of this boot, whatever a container says its id is. */
	stale = stale && sli_byte_held(segment->lock_fd, SLI_BYTE_PLACE(0),
				       SLI_BYTE_PLACE(SLUICE_PARTICIPANTS_MAX)) == 0;
	r = stale || marked || segment_is_abandoned(segment->lock_fd, header);
	if (r) {
		segment_mark_retired(segment->fd);
		r = sli_segment_unlink(segment->path, segment->fd);
		r = r == 0 || r == SLUICE_ENOENT ? 1 : r;
	}
	sli_byte_unlock(segment->lock_fd, SLI_BYTE_ATTACH);
	return r;
}

/* A name that is there already, but of no use: 1 once it is gone. */
static int segment_clear_name(struct sli_segment *segment, const struct sli_request *request,
			      const struct sli_header *header, bool stale, bool marked)
{
	int r;

	if (!segment->path[0] || !(stale || marked || (header->flags & SLI_HEADER_EPHEMERAL)))
		return 0;
	r = segment_discard(segment, header, stale, marked, sli_deadline(request->open_timeout));
	if (r < 0)
		return sli_say(
			&request->diag, r,
			"%s is left over and cannot be removed: %s; remove it, or choose another name",
			request->name, strerror(-r));
	return r;
}

/* Map what segment->fd is open on and claim a place. 1: try again. */
static int segment_attach(struct sli_segment *segment, const struct sli_request *request,
			  const struct sli_kind *kind, const void *want)
{
	bool named = segment->path[0] != '\0', stale;
	struct sli_header header;
	struct stat st;
	int r = sli_segment_read_header(segment->fd, request->name, &request->diag, &header, &st);

	if (r < 0)
		return r;
	stale = r;
	r = named ? sli_name_check_owner(segment->path, st.st_uid, &request->diag) : 0;
	if (r == 0)
		r = sli_locks_attach(segment, &header, request);
	if (r == 0)
		r = segment_clear_name(segment, request, &header, stale, false);
	if (r != 0)
		return r;
	if (request->flags & SLUICE_MUST_CREATE)
		return SLUICE_EEXIST;
	r = sli_segment_check_wish(&header, request, kind, want);
	if (r == 0)
		r = segment_map(segment, &header, request);
	if (r < 0)
		return r;
	segment_adopt(segment, &header);
	r = sli_place_claim(segment, request);
	if (r != SLUICE_ESTALE)
		return r;
	/* Retired or removed; perhaps by somebody who did not live to unlink it. */
	r = segment_clear_name(segment, request, &header, false, true);
	return r < 0 ? r : 1;
}

/* The last of the handles on private memory takes with it what they share. */
static bool segment_leave_twins(struct sli_segment *segment)
{
	struct sli_twins *twins = segment->twins;

	segment->twins = NULL;
	if (!twins)
		return true;
	if (sli_add_sc(&twins->users, UINT32_MAX) > 1)
		return false;
	for (int side = 0; side < 2; side++) {
		int fd = sli_load_acq(&twins->events[side]) - 1;

		sli_close(&fd);
	}
	free(twins);
	return true;
}

/* Forget a half-opened or left segment. */
static void segment_reset(struct sli_segment *segment)
{
	/* If the program closed our descriptors, their numbers may be somebody else's by now. */
	bool ours = segment->fd < 0 || sli_place_check_self(segment) == 0;

	sli_bell_close(segment, ours);
	if (segment_leave_twins(segment) && segment->base)
		munmap(segment->base, (size_t)segment->size);
	segment->base = NULL;
	segment->path[0] = '\0';
	segment->place = SLI_NO_PLACE;
	if (ours) {
		if (segment->lock_fd != segment->fd)
			sli_close(&segment->lock_fd);
		sli_close(&segment->fd);
		sli_close(&segment->named_fd);
		sli_close(&segment->events[0]);
		sli_close(&segment->events[1]);
	}
	segment->fd = segment->lock_fd = segment->named_fd = -1;
	segment->events[0] = segment->events[1] = -1;
}

/* Attach to the file of that name. 1: try again. */
static int segment_attach_named(struct sli_segment *segment, const struct sli_name *name,
				const struct sli_request *request, const struct sli_kind *kind,
				const void *want)
{
	int r;

	sli_fork_hold();
	r = segment_own(segment,
			sli_open(name->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0));
	sli_fork_release();
	if (r == SLUICE_ENOENT)
		return r;
	if (request->flags & SLUICE_MUST_CREATE && r < 0)
		return SLUICE_EEXIST;
	if (r == -ELOOP)
		return sli_say(
			&request->diag, SLUICE_ECORRUPT,
			"%s is a symbolic link, so no Sluice segment; open what it points to",
			request->name);
	if (r < 0)
		return sli_say(&request->diag, r, "%s cannot be opened for reading and writing: %s",
			       request->name, strerror(-r));
	snprintf(segment->path, sizeof(segment->path), "%s", name->path);
	return segment_attach(segment, request, kind, want);
}

/* A descriptor of a named segment: its bells are beside the name, if that can be seen from here. */
static void segment_find_path(struct sli_segment *segment)
{
	char self[64], path[SLI_PATH_MAX];
	struct stat named, opened;
	ssize_t n;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", segment->fd);
	n = readlink(self, path, sizeof(path) - 1);
	if (n <= 0)
		return;
	path[n] = '\0';
	if (path[0] == '/' && lstat(path, &named) == 0 && fstat(segment->fd, &opened) == 0 &&
	    sli_same_file(&named, &opened))
		memcpy(segment->path, path, (size_t)n + 1);
}

/* A passed event: a duplicate of our own, if it is an eventfd at all. */
static int segment_take_event(int fd)
{
	static const char wanted[] = "anon_inode:[eventfd";
	char self[64], target[64] = "";

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (readlink(self, target, sizeof(target) - 1) > 0 &&
	    strncmp(target, wanted, sizeof(wanted) - 1) != 0)
		return -1;
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int segment_attach_fd(struct sli_segment *segment, const struct sli_name *name,
			     const struct sli_request *request, const struct sli_kind *kind,
			     const void *want)
{
	int r;

	/* A passed descriptor is the sender's description, and so its locks; we need our own. */
	sli_fork_hold();
	r = segment_own(segment, sli_reopen(name->fd, O_RDWR));
	sli_fork_release();
	if (r < 0)
		return sli_say(&request->diag, r, "%s: descriptor %d cannot be opened anew: %s",
			       request->name, name->fd, strerror(-r));
	for (int side = 0; side < 2; side++) {
		if (name->events[side] < 0)
			continue;
		segment->events[side] = segment_take_event(name->events[side]);
		if (segment->events[side] < 0)
			return sli_say(&request->diag, SLUICE_EBADF,
				       "%s: descriptor %d is not an event of a Sluice object",
				       request->name, name->events[side]);
	}
	r = segment_attach(segment, request, kind, want);
	if (r == 0)
		segment_find_path(segment);
	if (r == SLUICE_EEXIST)
		return sli_say(&request->diag, r, "%s exists already; leave out MUST_CREATE",
			       request->name);
	return r > 0 ? sli_say(&request->diag, SLUICE_EREMOVED, "%s has been removed",
			       request->name)
		     : r;
}

static int segment_open_named(struct sli_segment *segment, const struct sli_name *name,
			      const struct sli_request *request, const struct sli_kind *kind,
			      const struct sli_shape *shape, const void *want)
{
	for (int tries = 0; tries < 1000; tries++) {
		int r = segment_attach_named(segment, name, request, kind, want);

		if (r == SLUICE_EEXIST ||
		    (r < 0 && r != SLUICE_ENOENT && (request->flags & SLUICE_MUST_CREATE)))
			return sli_say(
				&request->diag, SLUICE_EEXIST,
				"%s exists already; choose another name, or leave out MUST_CREATE",
				request->name);
		if (r == SLUICE_ENOENT && (request->flags & SLUICE_MUST_EXIST))
			return sli_say(&request->diag, r,
				       "%s does not exist; start first who makes it",
				       request->name);
		if (r <= 0 && r != SLUICE_ENOENT)
			return r;
		segment_reset(segment);
		if (r == SLUICE_ENOENT) {
			r = segment_create_named(segment, name, request, shape);
			if (r != -EEXIST)
				return r;
			segment_reset(segment);
		}
	}
	return sli_say(&request->diag, SLUICE_ETIMEDOUT,
		       "%s comes and goes; somebody removes it all the time", request->name);
}

/* A plain name's directory: made if we may create, and ours. */
static int segment_prepare_directory(const struct sli_name *name, const struct sli_request *request)
{
	char directory[SLI_PATH_MAX];
	int r;

	if (name->is_path)
		return 0;
	if (request->flags & SLUICE_MUST_EXIST && access(name->path, F_OK) < 0 && errno == ENOENT)
		return sli_say(&request->diag, SLUICE_ENOENT,
			       "%s does not exist; start first who makes it", request->name);
	r = sli_name_directory(directory, sizeof(directory), true, &request->diag);
	return r;
}

void sli_segment_init(struct sli_segment *segment)
{
	segment->fd = segment->lock_fd = segment->named_fd = -1;
	segment->events[0] = segment->events[1] = -1;
	segment->child_fd = -1;
	segment->place = SLI_NO_PLACE;
	for (int side = 0; side < 2; side++) {
		segment->bells[side].bell = segment->bells[side].timer = -1;
		sli_store_rel(&segment->bells[side].epoll, -1);
	}
}

static int segment_create_private(struct sli_segment *segment, const struct sli_request *request,
				  const struct sli_shape *shape)
{
	segment->twins = calloc(1, sizeof(*segment->twins));
	if (!segment->twins)
		return SLUICE_ENOMEM;
	sli_store_rel(&segment->twins->users, 1u);
	segment->is_private = true;
	return segment_furnish(segment, request, shape, "memory");
}

int sli_segment_open(struct sli_segment *segment, const struct sli_name *name,
		     const struct sli_request *request, const struct sli_kind *kind,
		     const struct sli_shape *shape, const void *want)
{
	int r;

	segment->kind = kind;
	segment->slice = request->slice;
	segment->open_timeout = request->open_timeout;
	if (request->flags & SLUICE_READ_ONLY) {
		r = sli_segment_open_read_only(segment, name, request, kind, want);
	} else if (request->flags & SLUICE_PRIVATE) {
		r = segment_create_private(segment, request, shape);
	} else if (request->anonymous) {
		r = segment_create_anonymous(segment, request, shape);
	} else if (name->fd >= 0) {
		r = segment_attach_fd(segment, name, request, kind, want);
	} else {
		r = segment_prepare_directory(name, request);
		if (r == 0)
			r = segment_open_named(segment, name, request, kind, shape, want);
	}
	if (r < 0)
		segment_reset(segment);
	return r;
}

int sli_segment_twin(struct sli_segment *segment, struct sli_segment *first,
		     const struct sli_request *request)
{
	segment->twins = first->twins;
	sli_add_sc(&segment->twins->users, 1u);
	segment->kind = first->kind;
	segment->slice = first->slice;
	segment->open_timeout = first->open_timeout;
	segment->is_private = true;
	segment->base = first->base;
	segment->size = first->size;
	segment_adopt(segment, first->header);
	return sli_place_claim(segment, request);
}

void sli_segment_close(struct sli_segment *segment)
{
	segment_reset(segment);
}

bool sli_segment_has_magic(int fd)
{
	char magic[8] = { 0 };

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       memcmp(magic, SLI_MAGIC, sizeof(magic)) == 0;
}

/* ---- looking ------------------------------------------------------------------------------- */

int sli_segment_look(struct sli_segment *segment, const char *path, bool write, bool *ret_stale,
		     struct sli_header *ret_header)
{
	int access = write ? O_RDWR : O_RDONLY;
	int fd = sli_open(path, access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	int r = sli_segment_look_fd(segment, fd == -ELOOP ? SLUICE_ECORRUPT : fd, path, write,
				    ret_stale, ret_header);

	if (r == 0)
		snprintf(segment->path, sizeof(segment->path), "%s", path);
	return r;
}

int sli_segment_look_fd(struct sli_segment *segment, int fd, const char *name, bool write,
			bool *ret_stale, struct sli_header *ret_header)
{
	struct sli_header header;
	struct stat st;
	void *base;
	int r;

	memset(segment, 0, sizeof(*segment));
	sli_segment_init(segment);
	r = segment_own(segment, fd);
	if (r < 0)
		return r;
	r = sli_segment_read_header(fd, name, NULL, &header, &st);
	if (r < 0)
		return r;
	*ret_stale = r;
	if (sli_segment_span(&header) > SIZE_MAX)
		return SLUICE_ENOMEM;
	base = mmap(NULL, (size_t)sli_segment_span(&header),
		    write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, segment->fd, 0);
	if (base == MAP_FAILED)
		return SLUICE_ENOMEM;
	segment->base = base;
	segment->size = sli_segment_span(&header);
	segment_adopt(segment, &header);
	if (ret_header)
		*ret_header = header;
	/* Whom the locks concern opens them, or does without. */
	if (header.features_incompatible & SLI_FEATURE_LOCKS_APART)
		segment->lock_fd = -1;
	return 0;
}

/*
 * The descriptor of the creator was opened before the name existed, and whoever is passed it cannot
 * find the bells that lie beside the name. One that was opened by name can be asked for its path.
 */
int sli_segment_fd_to_pass(struct sli_segment *segment)
{
	struct stat st;
	int fd;

	if (!segment->path[0] && !segment->is_sealed)
		return segment->fd;
	sli_fork_hold(); /* also: one thread at a time */
	/* Who could write to it could not write to the sealed segment, but give it away as if. */
	if (segment->named_fd < 0 && segment->is_sealed) {
		segment->named_fd = sli_reopen(segment->fd, O_RDONLY);
	} else if (segment->named_fd < 0) {
		fd = sli_open(segment->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == segment->device &&
		    st.st_ino == segment->inode)
			segment->named_fd = fd;
		else
			sli_close(&fd);
	}
	fd = segment->named_fd >= 0 ? segment->named_fd : segment->fd;
	sli_fork_release();
	return fd;
}

/* ---- removing ------------------------------------------------------------------------------ */

/* "<digits>i" or "<digits>o": a bell (bell.c) */
static bool segment_is_bell(const char *suffix)
{
	size_t digits = strspn(suffix, "0123456789");

	return digits > 0 && (suffix[digits] == 'i' || suffix[digits] == 'o') &&
	       suffix[digits + 1] == '\0';
}

static void segment_unlink_bells(const char *path)
{
	char prefix[SLUICE_NAME_MAX + 8], directory[SLI_PATH_MAX];
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	struct dirent *entry;
	size_t length;
	DIR *dir;

	snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	length = (size_t)snprintf(prefix, sizeof(prefix), ".%s.", base);
	dir = length < sizeof(prefix) ? opendir(directory) : NULL;
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, length) == 0 &&
		    segment_is_bell(entry->d_name + length))
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

int sli_segment_unlink(const char *path, int fd)
{
	struct stat named, opened;

	if (fstat(fd, &opened) < 0 || lstat(path, &named) < 0)
		return sli_errno();
	if (!sli_same_file(&named, &opened))
		return SLUICE_ENOENT;
	/* Bells first: dead in between, the segment is still there to be removed again. */
	segment_unlink_bells(path);
	SLI_CRASH(segment_bells_gone);
	/* That took a while; somebody may have removed it too, and made the name anew. */
	if (lstat(path, &named) < 0)
		return sli_errno();
	if (!sli_same_file(&named, &opened))
		return SLUICE_ENOENT;
	if (unlink(path) < 0)
		return sli_errno();
	/* Dead here: a lock file of nobody, if it has one, for sluice_clean(). */
	SLI_CRASH(segment_unlinked);
	sli_locks_unlink(path, fd, 0);
	return 0;
}
