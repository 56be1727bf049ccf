/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * segment.h - one object's shared memory, and this handle's place in it
 *
 * A segment is a file (or a memfd, or private memory) that appears complete or not at all. Each
 * handle has a mapping and a file description of its own: the description is what owns the byte
 * lock that says it lives. See segment.c (creating, opening), header.c, place.c (places, liveness), reap.c
 * (death), locks.c (what is locked), fork.c, bell.c (descriptors to poll), name.c (names and
 * directories).
 */
#ifndef SLI_SEGMENT_H
#define SLI_SEGMENT_H

#include "../base/diag.h"
#include "../base/time.h"
#include "layout.h"

#include <stdbool.h>

#define SLI_PATH_MAX 1024

struct sli_segment;
struct stat;

/* What a kind of object wants; the creator's layout follows from it. */
struct sli_shape {
	uint32_t kind;
	uint64_t object_size;
	uint64_t data_size;
	uint64_t data_maximum; /* 0: it does not grow */
	uint64_t geometry[6];
	uint64_t data_align; /* of the data's offset, a power of two; 0: SLI_PAIR */
};

/* What the caller of an open asked for, decoded (src/api/options.c). */
struct sli_request {
	const char *name; /* for messages; never NULL */
	bool anonymous;   /* NULL was given */
	uint32_t flags, role, mode, participants, group;
	bool any_participants; /* participants is the default, not a wish */
	uint64_t tag;
	int64_t open_timeout, spin, slice;
	struct sli_diag diag;
};

/* What the segment asks of the object that lives in it. */
struct sli_kind {
	uint32_t number;
	const char *name;
	uint32_t roles; /* all there are */
	/* Its data may be mapped a second time, so private memory is a shared mapping, too. */
	bool maps_twice;
	/* A child takes part from the moment it exists, with the roles that its parent has. */
	bool stays_at_fork;

	/* Which places may a participant of @role have? NULL: any. */
	void (*range)(const struct sli_segment *segment, uint32_t role, uint32_t *ret_first,
		      uint32_t *ret_end);
	/* Is the geometry of an existing segment sound, and does it agree with what was asked for? */
	int (*check)(const struct sli_header *header, const void *want,
		     const struct sli_request *request);
	/* The segment is mapped and has its place (a new one after a fork): set up the handle's view. */
	void (*join)(struct sli_segment *segment);
	/* Repair after the @count dead places; their bytes are held. Takes the object's own locks; an
	 * owner that is dead as well is reported in *@ret_also (-EAGAIN: call again with it added).
	 * Return: 0, -EBUSY (a living one holds a lock), or negative. */
	int (*repair)(struct sli_segment *segment, const uint32_t *dead, uint32_t count,
		      uint32_t *ret_also);
	/* Wake everybody. */
	void (*wake)(struct sli_segment *segment);
};

struct sli_bell {
	_Atomic int epoll; /* -1: none; set last */
	int bell, timer;
	int64_t filter;
	_Atomic int64_t timer_until; /* when the timer was last armed for */
	uint64_t pending;            /* others of a shared event that were rung, as last seen */
	int64_t nudged;              /* since when they have been the same */
};

/* What the handles of one private segment have in common; heap memory, counted. */
struct sli_twins {
	_Atomic uint32_t users;
	_Atomic int events[2]; /* shared event descriptors + 1, made at the first poll */
};

struct sli_segment {
	unsigned char *base;
	uint64_t size; /* mapped; behind the end of a file that grows there is nothing yet */
	struct sli_header *header;
	struct sli_place *places;
	uint32_t place_count;
	const struct sli_kind *kind;
	void *object; /* the handle's, for the kind's functions */

	/* Private copies of the geometry. */
	uint32_t kind_number;
	uint64_t object_offset, object_size, data_offset, data_size, data_maximum;
	uint64_t geometry[6];
	uint32_t flags; /* SLI_HEADER_... */

	int fd;                  /* our own description; -1: private memory */
	int lock_fd;             /* that which has our byte locks: fd, or of a second file */
	bool is_private;         /* threads of this process only */
	bool is_read_only;       /* mapped to read, without a place */
	bool is_sealed;          /* memfd: nobody else can ever write */
	struct sli_twins *twins; /* of private memory; else NULL */
	int child_fd;            /* during a fork: the child's description, */
	uint32_t child_place;    /* and the place whose byte it holds */
	int named_fd;            /* to pass on: opened by name; -1: not yet, or no name */
	int events[2];           /* memfd: shared event descriptors, in and out; -1 */
	char path[SLI_PATH_MAX]; /* "": no name */
	uint64_t device, inode;  /* of the file, to notice that fd is not ours any more */
	uint64_t lock_device, lock_inode; /* of lock_fd's */
	uint64_t lock_id;                 /* of the second file that we made; 0: none */

	uint32_t place;      /* ours; SLI_NO_PLACE before the claim */
	uint32_t generation; /* of our place */
	uint32_t role;
	int64_t slice;
	int64_t open_timeout;
	_Atomic uint32_t forked;        /* the fork epoch this place was claimed in; set last */
	_Atomic uint32_t reaping;       /* one reaper at a time: threads share the description */
	_Atomic uint32_t sweep;         /* where the next sweep begins */
	_Atomic int64_t swept;          /* when the last one was, by calls that do not wait */
	_Atomic uint32_t interrupts;    /* counts sluice_<object>_interrupt() */
	_Atomic(_Atomic int *) ringers; /* others' bells: descriptor + 1, [places][2]; or NULL */
	struct sli_bell bells[2];
	_Atomic uint32_t bell_busy;
	struct sli_segment *next, *previous; /* fork.c's list */
};

#define SLI_NO_PLACE UINT32_MAX

/* ---- names and directories (name.c) -------------------------------------------------------- */

/* What an object's name stands for. */
struct sli_name {
	char path[SLI_PATH_MAX]; /* of the file */
	size_t base;             /* where the file's own name begins in it */
	bool is_path;            /* had a slash */
	int fd;                  /* "fd:N[,IN,OUT]": N; else -1 */
	int events[2];
};

/* Parse @text; says what is wrong with it. Creates nothing. */
int sli_name_parse(const char *text, const struct sli_diag *diag, struct sli_name *ret_name);
/* The directory of names; with @create it is made when absent. Its owner is checked. */
int sli_name_directory(char *buffer, size_t capacity, bool create, const struct sli_diag *diag);
/* Is it the user's choice, where other things may lie as well? */
bool sli_name_directory_is_chosen(void);
/* Is a plain file name one that an object may have? */
bool sli_name_is_valid(const char *name);
/* The file of what lies beside a segment: ".NAME.<what>". Return: 0 or -ENAMETOOLONG. */
int sli_name_beside(const char *path, const char *what, char *buffer, size_t capacity);
/* May we trust a file owned by @uid in the directory of @path? */
int sli_name_check_owner(const char *path, uint32_t uid, const struct sli_diag *diag);

/* ---- headers (header.c) -------------------------------------------------------------------- */

/* Write that of a new segment, into memory of our own. */
void sli_segment_describe(struct sli_header *header, const struct sli_request *request,
			  const struct sli_shape *shape);
/* Read and check that of what @fd is open on, with a sentence. 1: of an earlier boot. */
int sli_segment_read_header(int fd, const char *name, const struct sli_diag *diag,
			    struct sli_header *header, struct stat *st);
/* Does the object agree with what was asked for? Says what does not. */
int sli_segment_check_wish(const struct sli_header *header, const struct sli_request *request,
			   const struct sli_kind *kind, const void *want);
/* The address space it needs: a file that grows has the most it can become mapped from the start, so
 * that nobody's pointers ever move. */
uint64_t sli_segment_span(const struct sli_header *header);
/* The id of this boot; zeros when the kernel does not tell. */
void sli_segment_boot_id(unsigned char id[16]);
bool sli_segment_is_stale(const struct sli_header *header);

/* ---- life (segment.c) ---------------------------------------------------------------------- */

/* Nothing is open yet; what fork's handlers look at is as it should be. */
void sli_segment_init(struct sli_segment *segment);
/* Open or create as the request says, map, and be a participant. */
int sli_segment_open(struct sli_segment *segment, const struct sli_name *name,
		     const struct sli_request *request, const struct sli_kind *kind,
		     const struct sli_shape *shape, const void *want);
/* One more handle on @first's private memory, with a place of its own. */
int sli_segment_twin(struct sli_segment *segment, struct sli_segment *first,
		     const struct sli_request *request);
/* Unmap and close; the place, if any, was left. A descriptor that is not ours any more stays open. */
void sli_segment_close(struct sli_segment *segment);
/* The descriptor to give to another process; it belongs to the segment. */
int sli_segment_fd_to_pass(struct sli_segment *segment);
/* Unlink the segment at @path, if it is what @fd is open on, and what lies beside it. */
int sli_segment_unlink(const char *path, int fd);
/* Map the file at @path to look at it, without a place; @write: to mark it removed. What cannot be
 * mapped is still open as segment->fd when the result is SLUICE_ECORRUPT or SLUICE_EVERSION. Ends with
 * sli_segment_close(). *@ret_stale: of an earlier boot. @ret_header: NULL, or for the private copy of the
 * header that was checked; the shared one may be another by now. */
int sli_segment_look(struct sli_segment *segment, const char *path, bool write, bool *ret_stale,
		     struct sli_header *ret_header);
/* The same of an open descriptor, which the segment then owns. */
int sli_segment_look_fd(struct sli_segment *segment, int fd, const char *name, bool write,
			bool *ret_stale, struct sli_header *ret_header);
/* Does what @fd is open on begin like a segment? */
bool sli_segment_has_magic(int fd);
/* More than this machine has free now? */
bool sli_segment_exceeds_memory(uint64_t bytes);
/* Mark it damaged for everybody. */
void sli_segment_break(struct sli_segment *segment);

/* The code that every call on a segment that is no more fit for use returns; 0 while it is. */
int sli_segment_life(uint32_t life);

/* ---- what is locked (locks.c) ---------------------------------------------------------------- */

/* May somebody of @mode read who may not write? Then the byte locks are on a second file, */
bool sli_locks_are_apart(uint32_t mode);
/* whose mode is this. */
uint32_t sli_locks_mode(uint32_t mode);
/* @fd, ours from here on, is where the locks are. Or it is a negative code, which comes back. */
int sli_locks_own(struct sli_segment *segment, int fd);
/* Creating: make it in @where, or without a name, and open it as segment->lock_fd, if @header says so. */
int sli_locks_part(struct sli_segment *segment, const struct sli_header *header,
		   const struct sli_request *request, const char *where);
/* Attaching: open it, if @header says that there is one. 1: it is being removed, try again. */
int sli_locks_attach(struct sli_segment *segment, const struct sli_header *header,
		     const struct sli_request *request);
/* That of a segment that is looked at, to ask who lives or, with @write, to lock: if we may.
 * SLUICE_ENOENT: it is gone. */
int sli_locks_look(struct sli_segment *segment, bool write);
/* Creating, with our place: has it a name still? Somebody who cleans may have taken it for lost. */
bool sli_locks_are_named(const struct sli_segment *segment);
/* It is gone, so nobody can be asked who lives: is no process of a mapped segment seen to run? */
bool sli_locks_are_orphaned(const struct sli_segment *segment);
/* Another description of what is locked. */
int sli_locks_reopen(const struct sli_segment *segment);
/* Remove that of the segment which @fd is open on and which was called @path. @id: of one that has no
 * header yet; else 0. */
void sli_locks_unlink(const char *path, int fd, uint64_t id);
/* Is @file in @directory, with that @path, a lock file whose segment is gone? With @ret_fd it is open
 * there, and nobody can begin to use it, until that is closed. */
bool sli_locks_are_lost(const char *directory, const char *file, const char *path, int *ret_fd);

/* ---- growing (grow.c) and reading only (read_only.c) ---------------------------------------- */

/* Give the data room up to @data_size, which the caller has checked; what is there stays as it is. Any
 * number of participants at once. 0, SLUICE_ENOSPC, SLUICE_ENOMEM or negative: nothing changed. */
int sli_segment_grow(struct sli_segment *segment, uint64_t data_size);
/* Are @data_size bytes of data really there? */
bool sli_segment_has(const struct sli_segment *segment, uint64_t data_size);
/* Map an existing segment for reading, taking no place and changing no byte. */
int sli_segment_open_read_only(struct sli_segment *segment, const struct sli_name *name,
			       const struct sli_request *request, const struct sli_kind *kind,
			       const void *want);
/* A descriptor to read what @fd is open on, also of another user's. */
int sli_segment_reopen_to_read(int fd);

/* ---- places and liveness (place.c) --------------------------------------------------------- */

/* Become a participant. Sweeps the dead first. -EUSERS: all places are taken. -ESTALE: the segment
 * was retired or removed meanwhile, open it again. */
int sli_place_claim(struct sli_segment *segment, const struct sli_request *request);
/* Leave: free the place, drop the byte; the last one of an ephemeral object removes it. */
void sli_place_leave(struct sli_segment *segment);
/* A place for @fd, another description of this file that the caller has: it lives as long as that
 * does. The one it has already, or a new one. -EUSERS, -EBADF: not a description of this file. */
int sli_place_claim_for(struct sli_segment *segment, int fd, uint32_t *ret_place);
/* Lock bytes. 0, -EAGAIN (somebody else has it), negative. */
int sli_byte_lock(int fd, int64_t byte);
void sli_byte_unlock(int fd, int64_t byte);
/* Does another description hold a byte of [first, last]? 1, 0, negative. */
int sli_byte_held(int fd, int64_t first, int64_t last);
int sli_attach_lock(int fd, int64_t deadline);
/* Is fd still the description we opened? 0 or -ESTALE. */
int sli_place_check_self(const struct sli_segment *segment);
/* How many living places have @role, other than ours? A look at words: no system call. */
uint32_t sli_place_count_role(const struct sli_segment *segment, uint32_t role);
/* Has any living place @role, ours among them? A look at words: no system call. */
bool sli_place_has_role(const struct sli_segment *segment, uint32_t role);
/* The roles that our place still has. */
uint32_t sli_place_roles_left(const struct sli_segment *segment);
/* Give up @role, and wake everybody. */
void sli_place_drop_role(struct sli_segment *segment, uint32_t role);
/* For a child that is about to be forked: a place with our roles, whose byte @fd holds. */
int sli_place_reserve(struct sli_segment *segment, int fd, uint32_t *ret_place);
/* In the child: it is ours. */
void sli_place_adopt(struct sli_segment *segment, uint32_t place);
/* For people: whom the participant acts for, and that one's command; 0: itself. */
void sli_place_set_hint(struct sli_place *place, uint32_t pid);
static inline uint32_t sli_place_pid(const struct sli_place *place)
{
	/* relaxed: hints for people */
	uint32_t pid = sli_load_rlx(&place->hint_pid);

	/* relaxed: as above */
	return pid ? pid : sli_load_rlx(&place->pid);
}
/* Say what this participant is doing, for people. */
static inline void sli_place_doing(struct sli_segment *segment, uint32_t doing)
{
	/* relaxed: a hint for people */
	if (segment->place < segment->place_count)
		sli_store_rlx(&segment->places[segment->place].doing, doing);
}
static inline uint32_t sli_place_state(const struct sli_segment *segment, uint32_t place)
{
	return sli_load_acq(&segment->places[place].state);
}
/* Places from here on were never claimed. Anybody may store any number there. */
static inline uint32_t sli_place_used(const struct sli_segment *segment)
{
	uint32_t used = sli_load_acq(&segment->header->places_used);

	return SLI_MIN(used, segment->place_count);
}

/* ---- death (reap.c) ------------------------------------------------------------------------ */

/* If the participant at @place is dead, repair after it: 1. 0: alive or free. Negative: not now. */
int sli_reap(struct sli_segment *segment, uint32_t place);
/* Claiming a dead one's place, whose byte we hold: repair after it. */
int sli_reap_predecessor(struct sli_segment *segment);
/* Its byte is held by us; does its process run all the same? */
bool sli_reap_still_runs(const struct sli_segment *segment, uint32_t place);
/* Look at up to @count places in rotation; how many were repaired after. */
uint32_t sli_sweep(struct sli_segment *segment, uint32_t count);
/* For a call that may not wait and found nothing: may it sweep? Every 4 ms at most. */
bool sli_sweep_is_due(struct sli_segment *segment);

/* ---- fork (fork.c) ------------------------------------------------------------------------- */

extern _Atomic uint32_t *sli_fork_epoch; /* 0 in a child that our handlers did not see */

/* Between these no thread forks: for who makes a descriptor that fork's handlers are to know. */
void sli_fork_hold(void);
void sli_fork_release(void);
int sli_fork_register(struct sli_segment *segment);
void sli_fork_forget(struct sli_segment *segment);
/* Has this process a handle that owns @place of the same file? */
bool sli_fork_owns(const struct sli_segment *segment, uint32_t place);
/* This handle came through a fork: give it a place of its own. */
int sli_fork_join(struct sli_segment *segment);
static inline bool sli_fork_happened(const struct sli_segment *segment)
{
	/* relaxed: private memory, changed only by fork */
	return sli_load_rlx(sli_fork_epoch) != sli_load_acq(&segment->forked);
}

/* ---- bells (bell.c) ------------------------------------------------------------------------ */

enum { SLI_BELL_IN, SLI_BELL_OUT };

/* The descriptor to poll for @side; made at the first call. */
int sli_bell_fd(struct sli_segment *segment, int side, int64_t filter);
/* Has this handle a descriptor for @side with @filter? */
static inline bool sli_bell_wanted(const struct sli_segment *segment, int side, int64_t filter)
{
	return SLI_UNLIKELY(sli_load_acq(&segment->bells[side].epoll) >= 0) &&
	       segment->bells[side].filter == filter;
}
/* A NOWAIT call found nothing: drain the bell and arm it. The caller then sets the event's poll bit,
 * looks once more, and rings (sli_bell_ring_self) if there is something. */
void sli_bell_arm(struct sli_segment *segment, int side);
void sli_bell_ring_self(struct sli_segment *segment, int side);
/* Ring every armed bell of @side whose filter matches; 1: an armed one is left. */
int sli_bell_ring(struct sli_segment *segment, int side, int64_t type);
/* Close all descriptors. @ours: they still are; else they are only forgotten. */
void sli_bell_close(struct sli_segment *segment, bool ours);
/* In a fork child: the parent's descriptors to poll are not ours. */
void sli_bell_leave(struct sli_segment *segment, bool ours);

#endif
