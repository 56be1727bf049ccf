/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * manage.c - looking at objects without taking part, and removing them
 *
 * Inspection maps the file for reading only and stores nothing; who lives is asked of the kernel
 * (does somebody hold the place's byte?). Removal and cleaning work under the attach lock, so nobody
 * attaches meanwhile, and decide by locks, never by age or name.
 */
#include "../base/fd.h"
#include "../object/barrier.h"
#include "../object/condition.h"
#include "../object/memory.h"
#include "../object/mutex.h"
#include "../object/queue.h"
#include "../object/rwlock.h"
#include "../object/semaphore.h"
#include "../object/stream.h"
#include "../object/topic.h"
#include "options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- inspecting ---------------------------------------------------------------------------- */

static int manage_is_alive(const struct sli_segment *segment, uint32_t place)
{
	/* Who may not ask (locks.c) believes what is written there. */
	return sli_byte_held(segment->lock_fd, SLI_BYTE_PLACE(place), SLI_BYTE_PLACE(place)) != 0;
}

static void manage_fill_participant(struct sli_segment *segment, uint32_t kind, uint32_t place,
				    int alive, struct sluice_participant *ret)
{
	const struct sli_place *p = &segment->places[place];
	uint32_t state = sli_place_state(segment, place);
	uint64_t words[2];

	memset(ret, 0, sizeof(*ret));
	ret->size = sizeof(*ret);
	ret->place = place;
	ret->alive = alive != 0;
	ret->role = sli_place_roles(state);
	ret->pid = sli_place_pid(p);
	/* relaxed: hints for people */
	ret->doing = sli_load_rlx(&p->doing);
	words[0] = sli_load_rlx(&p->command[0]);
	words[1] = sli_load_rlx(&p->command[1]);
	memcpy(ret->command, words, sizeof(ret->command));
	if (kind == SLUICE_KIND_MEMORY && sli_memory_holds(segment, place))
		ret->doing = SLUICE_DOING_HOLD;
	ret->command[sizeof(ret->command) - 1] = '\0';
	if (kind == SLUICE_KIND_STREAM)
		ret->role = sli_stream_role(ret->role);
	if (kind == SLUICE_KIND_RWLOCK && sli_rwlock_holds(segment, place))
		ret->doing = SLUICE_DOING_HOLD;
	if ((kind == SLUICE_KIND_MUTEX && sli_mutex_holder(segment) == place) ||
	    (kind == SLUICE_KIND_STREAM && sli_stream_holds(segment, place)))
		ret->doing = SLUICE_DOING_HOLD;
	if (ret->doing > SLI_DOING_READER_WRITER)
		ret->doing = SLUICE_DOING_NOTHING;
	if (kind == SLUICE_KIND_QUEUE)
		sli_queue_inspect_loans(segment, place, &ret->reserved_messages, &ret->borrowed);
	if (kind == SLUICE_KIND_TOPIC)
		sli_topic_inspect_participant(segment, place, ret);
	if (kind == SLUICE_KIND_SEMAPHORE)
		ret->borrowed = sli_semaphore_held_by(segment, place);
}

/* Who takes part. Return: participants stored. */
static int manage_fill_participants(struct sli_segment *segment,
				    struct sluice_inspection *inspection,
				    struct sluice_participant *ret, size_t capacity)
{
	uint32_t kind = inspection->state == 0 ? inspection->kind : SLUICE_KIND_NONE;
	size_t stored = 0;

	for (uint32_t i = 0; i < segment->place_count; i++) {
		int alive;

		if (!(sli_place_state(segment, i) & SLI_PLACE_LIVE))
			continue;
		alive = manage_is_alive(segment, i);
		inspection->attached += (uint32_t)alive;
		inspection->dead += !alive;
		if (ret && stored < capacity)
			manage_fill_participant(segment, kind, i, alive, &ret[stored++]);
	}
	return (int)stored;
}

/* What the header and the object say. */
static int manage_fill(struct sli_segment *segment, struct sluice_inspection *inspection)
{
	/* relaxed: a moment's view */
	uint32_t life = sli_load_rlx(&segment->header->life);

	inspection->kind = segment->kind_number;
	inspection->flags = segment->flags & SLI_HEADER_EPHEMERAL ? SLUICE_EPHEMERAL : 0;
	inspection->tag = segment->header->tag;
	inspection->queue.size = sizeof(inspection->queue);
	inspection->mutex.size = sizeof(inspection->mutex);
	inspection->memory.size = sizeof(inspection->memory);
	inspection->semaphore.size = sizeof(inspection->semaphore);
	inspection->condition.size = sizeof(inspection->condition);
	inspection->rwlock.size = sizeof(inspection->rwlock);
	inspection->barrier.size = sizeof(inspection->barrier);
	inspection->stream.size = sizeof(inspection->stream);
	inspection->topic.size = sizeof(inspection->topic);
	if (life)
		return sli_segment_life(life);
	if (inspection->kind == SLUICE_KIND_QUEUE)
		return sli_queue_inspect(segment, &inspection->queue);
	if (inspection->kind == SLUICE_KIND_MUTEX)
		return sli_mutex_inspect(segment, &inspection->mutex);
	if (inspection->kind == SLUICE_KIND_SEMAPHORE)
		return sli_semaphore_inspect(segment, &inspection->semaphore);
	if (inspection->kind == SLUICE_KIND_CONDITION)
		return sli_condition_inspect(segment, &inspection->condition);
	if (inspection->kind == SLUICE_KIND_BARRIER)
		return sli_barrier_inspect(segment, &inspection->barrier);
	if (inspection->kind == SLUICE_KIND_RWLOCK)
		return sli_rwlock_inspect(segment, &inspection->rwlock);
	if (inspection->kind == SLUICE_KIND_STREAM)
		return sli_stream_inspect(segment, &inspection->stream);
	if (inspection->kind == SLUICE_KIND_TOPIC)
		return sli_topic_inspect(segment, &inspection->topic);
	if (inspection->kind == SLUICE_KIND_MEMORY)
		return sli_memory_inspect(segment, &inspection->memory);
	return SLUICE_EVERSION;
}

/* The code is about the object, not about looking at it. */
static bool manage_is_state(int code)
{
	return code == SLUICE_ECORRUPT || code == SLUICE_EVERSION || code == SLUICE_EREMOVED;
}

static int manage_inspect_name(const struct sli_name *name, struct sluice_inspection *inspection,
			       struct sluice_participant *participants, size_t capacity)
{
	struct sli_segment segment;
	bool stale = false;
	int r, stored = 0;
	struct stat st;

	if (name->fd >= 0)
		r = sli_segment_look_fd(&segment, sli_segment_reopen_to_read(name->fd), name->path,
					false, &stale, NULL);
	else
		r = sli_segment_look(&segment, name->path, false, &stale, NULL);

	if (r < 0 && !manage_is_state(r)) {
		sli_segment_close(&segment);
		return r;
	}
	if (segment.fd >= 0 && fstat(segment.fd, &st) == 0) {
		inspection->mode = st.st_mode & 07777;
		inspection->uid = st.st_uid;
		inspection->gid = st.st_gid;
		inspection->bytes = (uint64_t)st.st_size;
	}
	if (r == 0) {
		(void)sli_locks_look(&segment, false);
		inspection->stale = stale;
		r = inspection->state = manage_fill(&segment, inspection);
		stored = manage_fill_participants(&segment, inspection, participants, capacity);
	}
	inspection->state = r;
	sli_segment_close(&segment);
	return stored;
}

/* Store what fits the caller's struct. */
static void manage_store(const struct sluice_inspection *full, struct sluice_inspection *ret)
{
	size_t size = sli_output_size(ret, sizeof(*full));
	uint32_t callers = ret->size;

	memcpy(ret, full, size);
	ret->size = callers;
}

int sluice_inspect(const char *name, struct sluice_inspection *ret_inspection,
		   struct sluice_participant *ret_participants, size_t capacity)
{
	struct sluice_inspection full = { 0 };
	struct sli_name parsed;
	int r;

	if (!name || !sli_output_size(ret_inspection, sizeof(full)) ||
	    (ret_participants && capacity &&
	     sli_output_size(ret_participants, sizeof(*ret_participants)) !=
		     sizeof(*ret_participants)))
		return SLUICE_EINVAL;
	r = sli_name_parse(name, NULL, &parsed);
	if (r < 0)
		return r;
	snprintf(full.name, sizeof(full.name), "%s", name);
	r = manage_inspect_name(&parsed, &full, ret_participants, capacity);
	if (r >= 0)
		manage_store(&full, ret_inspection);
	return sli_public_code(r);
}

/* ---- listing ------------------------------------------------------------------------------- */

/* The directory to walk: the caller's, or that of names; absent is empty. */
static int manage_open_directory(const char *given, char path[SLI_PATH_MAX], DIR **ret_dir)
{
	int r = 0;

	if (given)
		r = (size_t)snprintf(path, SLI_PATH_MAX, "%s", given) < SLI_PATH_MAX
			    ? 0
			    : SLUICE_ENAMETOOLONG;
	else
		r = sli_name_directory(path, SLI_PATH_MAX, false, NULL);
	if (r < 0)
		return r;
	*ret_dir = opendir(path);
	if (*ret_dir)
		return 0;
	return errno == ENOENT && !given ? 0 : sli_public_code(sli_errno());
}

static int manage_join_path(char *buffer, const char *directory, const char *file)
{
	return (size_t)snprintf(buffer, SLI_PATH_MAX, "%s/%s", directory, file) < SLI_PATH_MAX
		       ? 0
		       : SLUICE_ENAMETOOLONG;
}

int sluice_list(const char *directory,
		int (*each)(const struct sluice_inspection *inspection, void *context),
		void *context)
{
	struct sli_name name = { .fd = -1 };
	char base[SLI_PATH_MAX];
	struct dirent *entry;
	DIR *dir = NULL;
	int looked, r = each ? manage_open_directory(directory, base, &dir) : SLUICE_EINVAL;

	while (r == 0 && dir && (entry = readdir(dir))) {
		struct sluice_inspection full = { .size = sizeof(full) };

		if (!sli_name_is_valid(entry->d_name) ||
		    manage_join_path(name.path, base, entry->d_name) < 0)
			continue;
		snprintf(full.name, sizeof(full.name), "%s", entry->d_name);
		looked = manage_inspect_name(&name, &full, NULL, 0);
		/* On its way out, or gone between two looks. */
		if (looked == SLUICE_ENOENT || full.state == SLUICE_EREMOVED)
			continue;
		if (looked < 0)
			full.state = sli_public_code(looked);
		/* In a directory of the caller's, a file that is no segment is none of our business. */
		if (directory && full.state == SLUICE_ECORRUPT && full.kind == SLUICE_KIND_NONE)
			continue;
		full.size = sizeof(full);
		r = each(&full, context);
	}
	if (dir)
		closedir(dir);
	return r;
}

/* ---- removing ------------------------------------------------------------------------------ */

/* Tell those attached. */
static void manage_wake(struct sli_segment *segment)
{
	uint32_t kind = segment->kind_number;
	struct sluice_inspection scratch;

	if (kind == SLUICE_KIND_QUEUE && sli_queue_inspect(segment, &scratch.queue) == 0)
		sli_queue_wake_mapped(segment);
	else if (kind == SLUICE_KIND_MUTEX && sli_mutex_inspect(segment, &scratch.mutex) == 0)
		sli_mutex_wake_mapped(segment);
	else if (kind == SLUICE_KIND_SEMAPHORE &&
		 sli_semaphore_inspect(segment, &scratch.semaphore) == 0)
		sli_semaphore_wake_mapped(segment);
	else if (kind == SLUICE_KIND_CONDITION &&
		 sli_condition_inspect(segment, &scratch.condition) == 0)
		sli_condition_wake_mapped(segment);
	else if (kind == SLUICE_KIND_BARRIER && sli_barrier_inspect(segment, &scratch.barrier) == 0)
		sli_barrier_wake_mapped(segment);
	else if (kind == SLUICE_KIND_RWLOCK && sli_rwlock_inspect(segment, &scratch.rwlock) == 0)
		sli_rwlock_wake_mapped(segment);
	else if (kind == SLUICE_KIND_STREAM && sli_stream_inspect(segment, &scratch.stream) == 0)
		sli_stream_wake_mapped(segment);
	else if (kind == SLUICE_KIND_TOPIC)
		sli_topic_wake_mapped(segment);
	else if (kind == SLUICE_KIND_MEMORY)
		sli_memory_wake_mapped(segment);
}

static int manage_remove_segment(struct sli_segment *segment, const char *path)
{
	/* A thread that was cancelled in here would stay the one that is attaching. */
	int r, locked, cancel = sli_cancel_off();

	(void)sli_locks_look(segment, true);
	/* Whoever is attaching either gets in first and is told, or finds it removed. */
	locked = sli_attach_lock(segment->lock_fd, sli_now() + 100 * SLI_MS);

	sli_or_sc(&segment->header->life, SLI_LIFE_REMOVED);
	manage_wake(segment);
	r = sli_segment_unlink(path, segment->fd);
	if (locked == 0)
		sli_byte_unlock(segment->lock_fd, SLI_BYTE_ATTACH);
	sli_cancel_restore(cancel);
	return r;
}

static bool manage_is_directory(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A file that is no segment, or none of ours to mark, goes by its name alone. */
static int manage_remove_file(const char *path)
{
	if (manage_is_directory(path))
		return SLUICE_ECORRUPT;
	return unlink(path) < 0 ? sli_errno() : 0;
}

int sluice_remove(const char *name)
{
	struct sli_segment segment;
	struct sli_name parsed;
	bool stale;
	int r;

	if (!name)
		return SLUICE_EINVAL;
	r = sli_name_parse(name, NULL, &parsed);
	if (r < 0)
		return r;
	if (parsed.fd >= 0)
		return SLUICE_EOPNOTSUPP;
	r = sli_segment_look(&segment, parsed.path, true, &stale, NULL);
	if (r == 0)
		r = manage_remove_segment(&segment, parsed.path);
	else if (!parsed.is_path && sli_public_code(r) == SLUICE_ECORRUPT)
		r = manage_remove_file(parsed.path);
	else if (r == SLUICE_EVERSION ||
		 (r == SLUICE_ECORRUPT && sli_segment_has_magic(segment.fd)))
		r = manage_remove_file(parsed.path);
	sli_segment_close(&segment);
	return sli_public_code(r);
}

/* ---- cleaning ------------------------------------------------------------------------------ */

struct manage_sweep {
	char directory[SLI_PATH_MAX];
	bool is_ours; /* the default directory: nothing else belongs there */
	uint32_t flags;
	void (*each)(const char *file, int verdict, void *context);
	void *context;
	int removed;
};

/* Messages nobody has received; a mutex or rwlock whose next owner is to be told of a death; a
 * semaphore that was posted or waited for since it was made. */
static bool manage_has_content(struct sli_segment *segment)
{
	struct sluice_inspection scratch = { 0 };

	if (segment->kind_number == SLUICE_KIND_QUEUE)
		return sli_queue_inspect(segment, &scratch.queue) == 0 &&
		       scratch.queue.messages > 0;
	if (segment->kind_number == SLUICE_KIND_MUTEX)
		return sli_mutex_inspect(segment, &scratch.mutex) == 0 && scratch.mutex.locked;
	if (segment->kind_number == SLUICE_KIND_RWLOCK)
		return sli_rwlock_inspect(segment, &scratch.rwlock) == 0 &&
		       (scratch.rwlock.owner_died || scratch.rwlock.locked == 2);
	if (segment->kind_number == SLUICE_KIND_SEMAPHORE)
		return sli_semaphore_inspect(segment, &scratch.semaphore) == 0 &&
		       scratch.semaphore.value + scratch.semaphore.held !=
			       scratch.semaphore.initial;
	if (segment->kind_number == SLUICE_KIND_STREAM)
		return sli_stream_inspect(segment, &scratch.stream) == 0 &&
		       scratch.stream.readable > 0;
	if (segment->kind_number == SLUICE_KIND_MEMORY)
		return sli_memory_inspect(segment, &scratch.memory) == 0;
	return false;
}

/* With the attach lock: what is to become of a sound segment? @lost: its lock file is gone. */
static int manage_judge(struct sli_segment *segment, bool stale, bool lost, uint32_t flags)
{
	bool used = lost ? !sli_locks_are_orphaned(segment)
			 : sli_byte_held(segment->lock_fd, SLI_BYTE_PLACE(0),
					 SLI_BYTE_PLACE(segment->place_count)) != 0;

	/* First: somebody living is in it, so it is of this boot, whatever a container says its id is. */
	if (used)
		return SLUICE_KEPT_IN_USE;
	if (stale)
		return SLUICE_REMOVED_STALE;
	if (!(flags & SLUICE_CLEAN_CONTENT) && !(segment->flags & SLI_HEADER_EPHEMERAL) &&
	    manage_has_content(segment))
		return SLUICE_KEPT_CONTENT;
	return SLUICE_REMOVED_UNUSED;
}

static int manage_clean_segment(struct manage_sweep *sweep, const char *path)
{
	bool dry = (sweep->flags & SLUICE_CLEAN_DRY_RUN) != 0, stale = false;
	struct sli_segment segment;
	int cancel = sli_cancel_off(); /* as in manage_remove_segment() */
	int r = sli_segment_look(&segment, path, !dry, &stale, NULL), verdict = SLUICE_KEPT_FOREIGN;

	if (r == 0) {
		/* Somebody is attaching: in use. A dry run has no right to lock, and only tells. */
		bool lost = sli_locks_look(&segment, !dry) == SLUICE_ENOENT;
		int fd = lost ? segment.fd : segment.lock_fd;
		bool locked = dry || sli_attach_lock(fd, sli_now() + 100 * SLI_MS) == 0;

		verdict = locked ? manage_judge(&segment, stale, lost, sweep->flags)
				 : SLUICE_KEPT_IN_USE;
		if (verdict >= SLUICE_REMOVED_UNUSED && !dry) {
			sli_or_sc(&segment.header->life, SLI_LIFE_REMOVED);
			if (sli_segment_unlink(path, segment.fd) < 0)
				verdict = SLUICE_KEPT_FOREIGN;
		}
		if (locked && !dry)
			sli_byte_unlock(fd, SLI_BYTE_ATTACH);
	} else if (sli_public_code(r) == SLUICE_ECORRUPT && !manage_is_directory(path) &&
		   (sweep->is_ours || (segment.fd >= 0 && sli_segment_has_magic(segment.fd)))) {
		verdict = dry || manage_remove_file(path) == 0 ? SLUICE_REMOVED_DAMAGED
							       : SLUICE_KEPT_FOREIGN;
	}
	sli_segment_close(&segment);
	sli_cancel_restore(cancel);
	return verdict;
}

/* ".NAME.<digits>[io]": a bell, debris when NAME is gone. */
static bool manage_is_lost_bell(const struct manage_sweep *sweep, const char *file)
{
	char path[SLI_PATH_MAX];
	const char *dot = strrchr(file, '.');
	size_t digits = strspn(dot + 1, "0123456789");
	struct stat st;

	if (dot == file || digits == 0 || (dot[1 + digits] != 'i' && dot[1 + digits] != 'o') ||
	    dot[2 + digits] != '\0')
		return false;
	if (snprintf(path, sizeof(path), "%s/%.*s", sweep->directory, (int)(dot - file - 1),
		     file + 1) >= (int)sizeof(path))
		return false;
	return lstat(path, &st) < 0 && errno == ENOENT;
}

/* ".tmp.<random>": a segment in the making; debris when nobody has it locked for a while. */
static bool manage_is_lost_temporary(const char *file, const char *path)
{
	int fd SLI_AUTO_CLOSE = -1;
	struct timespec now;
	struct stat st;

	if (strncmp(file, ".tmp.", 5) != 0)
		return false;
	fd = sli_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	return sli_byte_held(fd, SLI_BYTE_ATTACH, SLI_BYTE_PLACE(SLUICE_PARTICIPANTS_MAX)) == 0 &&
	       now.tv_sec - st.st_mtime > 60;
}

static int manage_clean_debris(struct manage_sweep *sweep, const char *file, const char *path)
{
	bool dry = (sweep->flags & SLUICE_CLEAN_DRY_RUN) != 0;
	int cancel = sli_cancel_off(); /* as in manage_remove_segment() */
	int fd = -1, verdict = -1;

	if (manage_is_lost_bell(sweep, file) || manage_is_lost_temporary(file, path) ||
	    sli_locks_are_lost(sweep->directory, file, path, dry ? NULL : &fd))
		verdict = dry || unlink(path) == 0 ? SLUICE_REMOVED_DEBRIS : SLUICE_KEPT_FOREIGN;
	sli_close(&fd);
	sli_cancel_restore(cancel);
	return verdict;
}

static void manage_clean_entry(struct manage_sweep *sweep, const char *file)
{
	char path[SLI_PATH_MAX];
	int verdict;

	if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0 ||
	    manage_join_path(path, sweep->directory, file) < 0)
		return;
	if (file[0] == '.')
		verdict = manage_clean_debris(sweep, file, path);
	else if (sli_name_is_valid(file))
		verdict = manage_clean_segment(sweep, path);
	else
		verdict = SLUICE_KEPT_FOREIGN;
	if (verdict < 0)
		return; /* a bell in use */
	sweep->removed += verdict >= SLUICE_REMOVED_UNUSED;
	if (sweep->each)
		sweep->each(file, verdict, sweep->context);
}

int sluice_clean(const char *directory, uint32_t flags,
		 void (*each)(const char *file, int verdict, void *context), void *context)
{
	struct manage_sweep sweep = { .flags = flags };
	struct dirent *entry;
	DIR *dir = NULL;
	int r;

	if (flags & ~(SLUICE_CLEAN_DRY_RUN | SLUICE_CLEAN_CONTENT))
		return SLUICE_EINVAL;
	sweep.is_ours = !directory && !sli_name_directory_is_chosen();
	sweep.each = each;
	sweep.context = context;
	r = manage_open_directory(directory, sweep.directory, &dir);
	if (r < 0 || !dir)
		return sli_public_code(r);
	while ((entry = readdir(dir)))
		manage_clean_entry(&sweep, entry->d_name);
	closedir(dir);
	return sweep.removed;
}

/* ---- paths --------------------------------------------------------------------------------- */

int sluice_path(const char *name, char *buffer, size_t capacity)
{
	struct sli_name parsed;
	int r = name ? sli_name_parse(name, NULL, &parsed) : SLUICE_EINVAL;
	size_t length;

	if (r < 0)
		return r;
	if (parsed.fd >= 0)
		return SLUICE_EOPNOTSUPP;
	length = strlen(parsed.path);
	if (!buffer || length >= capacity)
		return SLUICE_ENAMETOOLONG;
	memcpy(buffer, parsed.path, length + 1);
	return (int)length;
}
