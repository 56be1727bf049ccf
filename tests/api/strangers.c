/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * strangers.c - who may only read an object changes nothing, and keeps nobody waiting
 *
 * A stranger is a process of another user, who has read permission. It locks all of every file that it
 * can open, for as long as it lives. Others attach, publish, die, are repaired after, and leave.
 */
#include "strangers_help.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#define NAME "strange"

/* Of the layout. */
#define BOOT_ID 56
#define RANDOM_ID 72
#define ATTACH_BYTE ((1LL << 40) - 2)
#define PLACE_BYTE(place) ((1LL << 40) + 2 * (place))

static char path[512];
static const char *directory; /* or NULL: the test's, by its path */

static struct sluice_topic_options open_to_all(void)
{
	struct sluice_topic_options options = topic_options();

	options.mode = 0644;
	options.depth = 8;
	options.slice_ns = SLUICE_MS(10);
	return options;
}

static sluice_publisher *open_publisher(void)
{
	sluice_publisher *publisher = open_publisher_as(NAME, open_to_all());

	CHECK(sluice_path(NAME, path, sizeof(path)) > 0);
	CHECK_EQ(chmod(test_directory(), 0755), 0);
	return publisher;
}

/* The directory's files whose name begins with @prefix; the last one's path. */
static int count_files(const char *prefix, char *ret_path, size_t capacity)
{
	const char *where = directory ? directory : test_directory();
	DIR *dir = opendir(where);
	struct dirent *entry;
	int count = 0;

	CHECK(dir != NULL);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		count++;
		if (ret_path)
			snprintf(ret_path, capacity, "%.200s/%.200s", where, entry->d_name);
	}
	closedir(dir);
	return count;
}

/* Attaching, and the first places, one by one. */
static void lock_bytes(int fd)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = ATTACH_BYTE };

	lock.l_len = 1;
	CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
	for (int place = 0; place < 16; place++) {
		lock.l_start = PLACE_BYTE(place);
		CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
	}
}

/* Locks what it can, says so, receives until 99 comes, and stays until it is killed. */
static void stranger(int tell)
{
	struct sluice_topic_options options = topic_options();
	sluice_subscriber *reader;
	char locks[512], text[512];
	uint64_t number = 0, last = 0;
	int fd, single;
	bool other = be_a_stranger();

	directory = ".";
	fd = open("./" NAME, O_RDONLY | O_CLOEXEC);
	single = open("./" NAME, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && single >= 0);
	CHECK_EQ(lock_all(fd, F_RDLCK), 0);
	CHECK_EQ(lock_all(fd, F_WRLCK), -1);
	lock_bytes(single);
	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	if (other) {
		CHECK_EQ(open(locks, O_RDONLY | O_CLOEXEC), -1);
		CHECK_EQ(errno, EACCES);
		CHECK_EQ(open("./" NAME, O_RDWR | O_CLOEXEC), -1);
		CHECK_EQ(try_publisher("./" NAME, options, text, sizeof(text)), SLUICE_EACCES);
	}
	options.flags = SLUICE_READ_ONLY;
	options.history = 8;
	reader = open_subscriber_as("./" NAME, options);
	CHECK_EQ(write(tell, "1", 1), 1);
	while (number != 99) {
		CHECK_EQ(sluice_subscriber_receive(reader, &number, 8, NULL, SLUICE_S(20)), 8);
		CHECK(number > last || last == 0);
		last = number;
	}
	CHECK_EQ(write(tell, "2", 1), 1);
	pause();
}

static pid_t stranger_start(int *ret_fd)
{
	int fds[2];
	char told;
	pid_t pid;

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	pid = test_fork();
	if (pid == 0) {
		stranger(fds[1]);
		_exit(1);
	}
	close(fds[1]);
	CHECK_EQ(read(fds[0], &told, 1), 1);
	*ret_fd = fds[0];
	return pid;
}

/* While a stranger has all locked: attaching, dying, being repaired after, and leaving go on. */
static void blocks_nobody(void)
{
	sluice_publisher *publisher = open_publisher(), *second;
	sluice_subscriber *subscriber;
	int64_t began;
	char told;
	int fd;
	pid_t pid, victim;

	publish_number(publisher, 1);
	pid = stranger_start(&fd);
	began = test_now_ns();
	second = open_publisher();
	subscriber = subscribe(NAME, SLUICE_WAIT, 0);
	publish_number(second, 2);
	CHECK_EQ(next_number(subscriber), 2);
	sluice_publisher_close(second);
	/* A publisher and a subscriber that is waited for are killed; both places are had again. */
	victim = test_fork();
	if (victim == 0) {
		second = open_publisher();
		(void)subscribe(NAME, SLUICE_WAIT, 0);
		publish_number(second, 3);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(victim), -SIGKILL);
	CHECK_EQ(next_number(subscriber), 3);
	for (uint64_t i = 4; i < 30; i++) {
		CHECK_EQ(sluice_publisher_publish(publisher, &i, 8, SLUICE_S(20)), 0);
		CHECK_EQ(next_number(subscriber), i);
	}
	CHECK_EQ(publisher_info(publisher).publishers, 1);
	CHECK_EQ(publisher_info(publisher).subscribers, 1);
	/* A fork child takes part, too. */
	victim = test_fork();
	if (victim == 0) {
		publish_number(publisher, 99);
		_exit(0);
	}
	CHECK_EQ(test_wait(victim), 0);
	CHECK_EQ(next_number(subscriber), 99);
	CHECK_EQ(read(fd, &told, 1), 1);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
	/* Nothing of it took as long as waiting for a lock would have. */
	CHECK(test_now_ns() - began < SLUICE_S(4));
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(test_wait(pid), -SIGKILL);
	close(fd);
	CHECK_EQ(sluice_remove(NAME), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 0);
}

/* ---- what makes the second file, and who may open it ---------------------------------------- */

static void modes(void)
{
	static const struct {
		uint32_t mode, locks;
	} rows[] = {
		{ 0600, 0 },    { 0660, 0 },    { 0666, 0 },    { 0640, 0600 }, { 0644, 0600 },
		{ 0664, 0660 }, { 0646, 0606 }, { 0444, 0600 }, { 0642, 0600 },
	};
	char locks[512];
	struct stat st;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sluice_queue_options options = { .size = sizeof(options) };
		sluice_queue *queue;

		options.mode = rows[i].mode;
		options.flags = SLUICE_EPHEMERAL;
		CHECK_EQ(sluice_queue_open("mode", &options, &queue), 0);
		CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), rows[i].locks != 0);
		if (rows[i].locks) {
			CHECK_EQ(stat(locks, &st), 0);
			CHECK_EQ(st.st_mode & 07777, rows[i].locks);
			CHECK_EQ(st.st_size, 0);
		}
		/* Ephemeral: both go with the last one. */
		sluice_queue_close(queue);
		CHECK_EQ(count_files("mode", NULL, 0), 0);
		CHECK_EQ(count_files(".lock.", NULL, 0), 0);
	}
}

static sluice_memory *open_memory(const char *name, uint32_t mode, uint32_t flags)
{
	struct sluice_memory_options options = { .size = sizeof(options) };
	sluice_memory *memory;

	options.mode = mode;
	options.flags = flags;
	options.mutexes = flags & SLUICE_READ_ONLY ? 0 : 1;
	CHECK_EQ(sluice_memory_open(name, &options, &memory), 0);
	return memory;
}

/* The same for memory: a reader locks everything, an owner dies, and the mutex is recovered. */
static void memory_too(void)
{
	sluice_memory *memory = open_memory("plain", 0644, 0);
	char file[512];
	pid_t victim, reader;
	int fd;

	CHECK(sluice_path("plain", file, sizeof(file)) > 0);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(lock_all(fd, F_RDLCK), 0);
	victim = test_fork();
	if (victim == 0) {
		CHECK_EQ(sluice_memory_mutex_lock(memory, 0, SLUICE_S(20)), 0);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(victim), -SIGKILL);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, SLUICE_S(20)), SLUICE_RECOVERED);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
	reader = test_fork();
	if (reader == 0) {
		sluice_memory *look;

		(void)be_a_stranger();
		look = open_memory("./plain", 0, SLUICE_READ_ONLY);
		CHECK(sluice_memory_data(look) != NULL);
		sluice_memory_close(look);
		_exit(0);
	}
	CHECK_EQ(test_wait(reader), 0);
	sluice_memory_close(memory);
	close(fd);
	CHECK_EQ(sluice_remove("plain"), 0);
}

/* ---- looking and cleaning -------------------------------------------------------------------- */

static int verdicts[16];

static void note_verdict(const char *file, int verdict, void *context)
{
	(void)file;
	(void)context;
	if (verdict >= 0 && verdict < 16)
		verdicts[verdict]++;
}

static int clean(uint32_t flags)
{
	memset(verdicts, 0, sizeof(verdicts));
	return sluice_clean(NULL, flags, note_verdict, NULL);
}

static void make_old(const char *file)
{
	struct timeval old[2] = { { 1000, 0 }, { 1000, 0 } };

	CHECK_EQ(utimes(file, old), 0);
}

/* Who lives is asked of the second file; who may not open it believes what is written. */
static void seen_from_outside(void)
{
	struct sluice_inspection inspection = { .size = sizeof(inspection) };
	sluice_publisher *publisher = open_publisher();
	pid_t child = test_fork();

	if (child == 0) {
		(void)open_publisher();
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(child), -SIGKILL);
	CHECK_EQ(sluice_inspect(NAME, &inspection, NULL, 0), 0);
	CHECK_EQ(inspection.attached, 1);
	CHECK_EQ(inspection.dead, 1);
	child = test_fork();
	if (child == 0) {
		bool other = be_a_stranger();

		CHECK_EQ(sluice_inspect("./" NAME, &inspection, NULL, 0), 0);
		CHECK_EQ(inspection.state, 0);
		CHECK_EQ(inspection.attached, other ? 2 : 1);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(clean(0), 0);
	CHECK_EQ(verdicts[SLUICE_KEPT_IN_USE], 1);
	sluice_publisher_close(publisher);
	CHECK_EQ(clean(SLUICE_CLEAN_DRY_RUN), 1);
	CHECK_EQ(verdicts[SLUICE_REMOVED_UNUSED], 1);
	CHECK_EQ(clean(0), 1);
	CHECK_EQ(count_files(NAME, NULL, 0), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 0);
}

static int unlinked_locked; /* lock files that went while somebody had their attach byte */

int unlink(const char *file)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = ATTACH_BYTE };
	int fd = strstr(file, "/.lock.")
			 ? open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
			 : -1;

	lock.l_len = 1;
	if (fd >= 0) {
		unlinked_locked += fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
		close(fd);
	}
	return unlinkat(AT_FDCWD, file, 0);
}

/* A lock file is debris when it is old, nobody has it, and no segment is its own. */
static void debris(void)
{
	sluice_publisher *publisher = open_publisher();
	char locks[512], lost[512];
	int fd;

	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	make_old(locks);
	sluice_publisher_close(publisher);
	snprintf(lost, sizeof(lost), "%.200s/.lock.18446744073709551615.0123456789abcdef",
		 test_directory());
	fd = open(lost, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	(void)clean(SLUICE_CLEAN_DRY_RUN);
	CHECK_EQ(verdicts[SLUICE_REMOVED_DEBRIS], 0); /* young */
	make_old(lost);
	CHECK_EQ(lock_all(fd, F_WRLCK), 0);
	(void)clean(SLUICE_CLEAN_DRY_RUN);
	CHECK_EQ(verdicts[SLUICE_REMOVED_DEBRIS], 0); /* somebody makes a segment */
	close(fd);
	(void)clean(SLUICE_CLEAN_DRY_RUN);
	CHECK_EQ(verdicts[SLUICE_REMOVED_DEBRIS], 1);
	CHECK_EQ(access(lost, F_OK), 0);
	/* That of the living segment stays as long as it does. */
	publisher = open_publisher();
	unlinked_locked = 0;
	CHECK_EQ(clean(0), 1);
	CHECK_EQ(unlinked_locked, 1);
	CHECK_EQ(access(lost, F_OK), -1);
	CHECK_EQ(access(locks, F_OK), 0);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_remove(NAME), 0);
	CHECK_EQ(access(locks, F_OK), -1);
}

/* The second file is gone, or another's: an error that says so, and nothing is hurt. */
static void tampered(void)
{
	struct sluice_topic_options options = open_to_all();
	sluice_publisher *publisher = open_publisher();
	char locks[512], text[512];

	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	CHECK_EQ(chown(locks, STRANGER, (gid_t)-1), 0);
	CHECK_EQ(try_publisher(NAME, options, text, sizeof(text)), SLUICE_EACCES);
	CHECK(strstr(text, ".lock.") != NULL);
	CHECK(strstr(text, "belongs to another user") != NULL);
	CHECK_EQ(unlink(locks), 0);
	CHECK_EQ(try_publisher(NAME, options, text, sizeof(text)), SLUICE_ECORRUPT);
	CHECK(strstr(text, "has lost the file .lock.") != NULL);
	publish_number(publisher, 1);
	CHECK_EQ(clean(0), 0);
	CHECK_EQ(verdicts[SLUICE_KEPT_IN_USE], 1);
	CHECK_EQ(sluice_remove(NAME), 0);
	sluice_publisher_close(publisher);
	/* Another owner's lock file is not removed for a segment that claims it. */
	publisher = open_publisher();
	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	CHECK_EQ(chown(locks, STRANGER, (gid_t)-1), 0);
	CHECK_EQ(sluice_remove(NAME), 0);
	CHECK_EQ(access(locks, F_OK), 0);
	sluice_publisher_close(publisher);
	CHECK_EQ(unlink(locks), 0);
}

/* Known under another name, or by a descriptor, it is the same object. */
static void other_names(void)
{
	sluice_publisher *publisher = open_publisher(), *second;
	sluice_subscriber *subscriber;
	char name[64], moved[520];
	int fds[3];

	snprintf(moved, sizeof(moved), "%s2", path);
	CHECK_EQ(rename(path, moved), 0);
	subscriber = subscribe(NAME "2", SLUICE_WAIT, 0);
	publish_number(publisher, 7);
	CHECK_EQ(next_number(subscriber), 7);
	CHECK_EQ(rename(moved, path), 0);
	CHECK_EQ(sluice_publisher_share(publisher, fds), 1);
	snprintf(name, sizeof(name), "fd:%d", fds[0]);
	second = open_publisher_as(name, open_to_all());
	publish_number(second, 8);
	CHECK_EQ(next_number(subscriber), 8);
	sluice_publisher_close(second);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_remove(NAME), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 0);
}

/* ---- copies, forgeries, names ----------------------------------------------------------------- */

static const char *in_directory(const char *file)
{
	static char full[512];

	snprintf(full, sizeof(full), "%.200s/%.200s", test_directory(), file);
	return full;
}

static int try_memory(const char *name, uint32_t mode, uint32_t flags, char *text, size_t capacity,
		      sluice_memory **ret_memory)
{
	struct sluice_memory_options options = { .size = sizeof(options) };

	options.mode = mode;
	options.flags = flags;
	options.mutexes = 1;
	options.open_timeout_ns = SLUICE_S(20);
	options.diagnostic = text;
	options.diagnostic_size = (uint32_t)capacity;
	return sluice_memory_open(name, &options, ret_memory);
}

/* It opens, with the content that it had. */
static void opens_with(const char *name, const char *content)
{
	sluice_memory *memory = open_memory(name, 0, 0);

	CHECK_STR((const char *)sluice_memory_data(memory), content);
	sluice_memory_close(memory);
}

static void make_with(const char *name, uint32_t mode, const char *content)
{
	sluice_memory *memory = open_memory(name, mode, 0);

	snprintf((char *)sluice_memory_data(memory), 16, "%s", content);
	sluice_memory_close(memory);
}

/* As cp -p does it. */
static void copy_file(const char *from, const char *to)
{
	char buffer[4096];
	ssize_t n;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		CHECK_EQ(write(out, buffer, (size_t)n), n);
	CHECK_EQ(n, 0);
	CHECK_EQ(fchmod(out, 0644), 0);
	close(in);
	close(out);
}

static void overwrite(const char *name, long at, const void *bytes, size_t count)
{
	int fd = open(in_directory(name), O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(pwrite(fd, bytes, count, at), (ssize_t)count);
	close(fd);
}

/* A copy has no lock file, and does not share, nor take with it, that of the original. */
static void copies(void)
{
	char text[512], copy[512];
	sluice_memory *memory;

	make_with("original", 0644, "precious");
	snprintf(copy, sizeof(copy), "%s", in_directory("copy"));
	copy_file(in_directory("original"), copy);
	CHECK_EQ(try_memory("copy", 0, 0, text, sizeof(text), &memory), SLUICE_ECORRUPT);
	CHECK(strstr(text, "has lost the file .lock.") != NULL);
	CHECK_EQ(sluice_remove("copy"), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 1);
	opens_with("original", "precious");
	CHECK_EQ(sluice_remove("original"), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 0);
}

/* Who may write a segment can put another's number in it, and hurts nobody else. */
static void forged(void)
{
	char text[512];
	sluice_memory *memory;
	uint64_t id;
	int fd;

	make_with("victim", 0644, "precious");
	make_with("forged", 0664, "mine");
	fd = open(in_directory("victim"), O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, &id, sizeof(id), RANDOM_ID), (ssize_t)sizeof(id));
	close(fd);
	overwrite("forged", RANDOM_ID, &id, sizeof(id));
	CHECK_EQ(try_memory("forged", 0, 0, text, sizeof(text), &memory), SLUICE_ECORRUPT);
	CHECK(strstr(text, "has lost the file .lock.") != NULL);
	CHECK_EQ(sluice_remove("forged"), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 2);
	opens_with("victim", "precious");
	CHECK_EQ(sluice_remove("victim"), 0);
	CHECK_EQ(count_files(".lock.", (char *)text, sizeof(text)), 1);
	make_old(text);
	CHECK_EQ(clean(0), 1);
	CHECK_EQ(verdicts[SLUICE_REMOVED_DEBRIS], 1);
}

/* A name that is none in a directory of names, and a file that nobody can read, are somebody's, too. */
static void odd_names(void)
{
	char locks[512], odd[512];

	snprintf(odd, sizeof(odd), "%s", in_directory("cam:left side"));
	make_with(odd, 0644, "precious");
	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	make_old(locks);
	CHECK_EQ(clean(SLUICE_CLEAN_CONTENT), 0);
	opens_with(odd, "precious");
	make_old(locks);
	CHECK_EQ(chmod(odd, 0), 0);
	CHECK_EQ(clean(SLUICE_CLEAN_CONTENT), 0);
	CHECK_EQ(access(locks, F_OK), 0);
	CHECK_EQ(chmod(odd, 0644), 0);
	CHECK_EQ(sluice_remove(odd), 0);
	CHECK_EQ(access(locks, F_OK), -1);
}

/* ---- without the lock file -------------------------------------------------------------------- */

static void lose_lock_file(void)
{
	char locks[512];

	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	CHECK_EQ(unlink(locks), 0);
}

static void kill_one_that_opens(const char *name, uint32_t flags)
{
	pid_t child = test_fork();

	if (child == 0) {
		(void)open_memory(name, 0644, flags);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(child), -SIGKILL);
}

/* What was removed by another name of its file is made anew. */
static void removed_by_another_name(void)
{
	char other[512];

	make_with("one", 0644, "old");
	snprintf(other, sizeof(other), "%s", in_directory("two"));
	CHECK_EQ(link(in_directory("one"), other), 0);
	CHECK_EQ(sluice_remove("two"), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 0);
	opens_with("one", "");
	CHECK_EQ(sluice_remove("one"), 0);
}

/* Of an earlier boot, or ephemeral and abandoned: it makes way, for who opens and for who cleans. */
static void makes_way(void)
{
	static const unsigned char another_boot[16] = "another boot id";
	sluice_memory *memory;
	char text[512];

	for (int cleaning = 0; cleaning < 2; cleaning++) {
		make_with("stale", 0644, "old");
		overwrite("stale", BOOT_ID, another_boot, sizeof(another_boot));
		lose_lock_file();
		CHECK_EQ(cleaning ? clean(0) : 1, 1);
		CHECK_EQ(cleaning ? verdicts[SLUICE_REMOVED_STALE] : 1, 1);
		opens_with("stale", "");
		CHECK_EQ(sluice_remove("stale"), 0);

		kill_one_that_opens("gone", SLUICE_EPHEMERAL);
		lose_lock_file();
		CHECK_EQ(cleaning ? clean(0) : 1, 1);
		memory = open_memory("gone", 0644, SLUICE_EPHEMERAL);
		lose_lock_file();
		/* Not while somebody uses it. */
		CHECK_EQ(try_memory("gone", 0644, SLUICE_EPHEMERAL, text, sizeof(text), &memory),
			 SLUICE_ECORRUPT);
		CHECK_EQ(clean(0), 0);
		CHECK_EQ(verdicts[SLUICE_KEPT_IN_USE], 1);
		CHECK_EQ(sluice_remove("gone"), 0);
		sluice_memory_close(memory);
	}
}

/* Something else lies there. */
static void irregular(void)
{
	char locks[512], text[512];
	sluice_memory *memory;

	make_with("plain", 0644, "precious");
	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	for (int what = 0; what < 3; what++) {
		CHECK_EQ(unlink(locks), 0);
		CHECK_EQ(what == 0   ? symlink("/etc/passwd", locks)
			 : what == 1 ? mkfifo(locks, 0600)
				     : mkdir(locks, 0700),
			 0);
		CHECK_EQ(try_memory("plain", 0, 0, text, sizeof(text), &memory), SLUICE_ECORRUPT);
		CHECK(strstr(text, "no regular file") != NULL);
	}
	CHECK_EQ(rmdir(locks), 0);
	CHECK_EQ(sluice_remove("plain"), 0);
}

/* By descriptor, where its directory cannot be seen: not damaged, and not to be removed. */
static void from_afar(void)
{
	char inside[512], name[64], text[512];
	sluice_memory *memory, *second;
	int fds[3];
	pid_t child;

	snprintf(inside, sizeof(inside), "%s", in_directory("inside"));
	CHECK_EQ(mkdir(inside, 0700), 0);
	snprintf(inside, sizeof(inside), "%s", in_directory("inside/it"));
	memory = open_memory(inside, 0646, 0);
	CHECK_EQ(sluice_memory_share(memory, fds), 1);
	snprintf(name, sizeof(name), "fd:%d", fds[0]);
	second = open_memory(name, 0, 0);
	sluice_memory_close(second);
	child = test_fork();
	if (child == 0) {
		if (!be_a_stranger())
			CHECK_EQ(chmod(in_directory("inside"), 0), 0);
		CHECK_EQ(try_memory(name, 0, 0, text, sizeof(text), &second), SLUICE_EACCES);
		CHECK(strstr(text, "cannot be seen from here") != NULL);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(chmod(in_directory("inside"), 0700), 0);
	CHECK_EQ(sluice_remove(inside), 0);
	/* Removed is removed, wherever it is seen from. */
	CHECK_EQ(try_memory(name, 0, 0, text, sizeof(text), &second), SLUICE_EREMOVED);
	sluice_memory_close(memory);
	CHECK_EQ(rmdir(in_directory("inside")), 0);
}

/* ---- making it -------------------------------------------------------------------------------- */

/* In the second of its creator's calls the lock file is there, and nobody has it locked. */
static int stop_in_fchmod;

int fchmod(int fd, mode_t mode)
{
	if (stop_in_fchmod > 0 && --stop_in_fchmod == 0)
		raise(SIGSTOP);
	return (int)syscall(SYS_fchmod, fd, mode);
}

/* A creator that was stopped for so long that its lock file was taken for lost makes another. */
static void stopped_creator(void)
{
	char locks[512];
	int status;
	pid_t child = test_fork();

	if (child == 0) {
		stop_in_fchmod = 2;
		make_with("slow", 0644, "made");
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	make_old(locks);
	CHECK_EQ(clean(0), 1);
	CHECK_EQ(access(locks, F_OK), -1);
	CHECK_EQ(kill(child, SIGCONT), 0);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(count_files(".lock.", NULL, 0), 1);
	opens_with("slow", "made");
	CHECK_EQ(sluice_remove("slow"), 0);
}

/* Whoever attaches touches it, so that what is in use does not look old. */
static void touched(void)
{
	char locks[512];
	struct stat st;

	make_with("touched", 0644, "");
	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	make_old(locks);
	opens_with("touched", "");
	CHECK_EQ(stat(locks, &st), 0);
	CHECK(time(NULL) - st.st_mtime < 1000);
	CHECK_EQ(sluice_remove("touched"), 0);
}

/* Those whom a directory lets read all that is made in it do not get at the locks. */
static void default_acl(void)
{
	/* user::rwx user:STRANGER:r-- group::r-x mask::rwx other::--- */
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, permissions;
			uint32_t id;
		} entries[5];
	} acl = { 2,
		  { { 1, 7, UINT32_MAX },
		    { 2, 4, STRANGER },
		    { 4, 5, UINT32_MAX },
		    { 16, 7, UINT32_MAX },
		    { 32, 0, UINT32_MAX } } };
	char locks[512];

	if (setxattr(test_directory(), "system.posix_acl_default", &acl, sizeof(acl), 0) < 0) {
		printf("no ACLs here\n");
		return;
	}
	make_with("listed", 0664, "");
	CHECK_EQ(count_files(".lock.", locks, sizeof(locks)), 1);
	CHECK_EQ(getxattr(locks, "system.posix_acl_access", NULL, 0), -1);
	CHECK_EQ(errno, ENODATA);
	CHECK_EQ(sluice_remove("listed"), 0);
	CHECK_EQ(removexattr(test_directory(), "system.posix_acl_default"), 0);
}

int main(void)
{
	test_begin();
	RUN(modes);
	RUN(other_names);
	RUN(debris);
	RUN(copies);
	RUN(forged);
	RUN(odd_names);
	RUN(removed_by_another_name);
	RUN(makes_way);
	RUN(irregular);
	RUN(from_afar);
	RUN(stopped_creator);
	RUN(touched);
	RUN(default_acl);
	RUN(blocks_nobody);
	RUN(memory_too);
	RUN(seen_from_outside);
	if (geteuid() == 0)
		RUN(tampered);
	else
		printf("not root: the stranger is of the same user\n");
	return test_end();
}
