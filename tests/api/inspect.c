/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * inspect.c - looking without taking part, removing, cleaning
 */
#include "help.h"

#define OFFSET_LAYOUT_VERSION 12
#define OFFSET_BOOT_ID 56

static struct sluice_inspection inspect(const char *name, int wanted)
{
	struct sluice_inspection inspection;

	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect(name, &inspection, NULL, 0), wanted);
	return inspection;
}

static void a_queue(void)
{
	struct sluice_participant people[8];
	struct sluice_inspection inspection;
	struct sluice_queue_options options = queue_options();
	sluice_queue *sender, *receiver;
	const void *borrowed;
	struct stat st;

	options.tag = 77;
	options.mode = 0640;
	options.role = SLUICE_SEND;
	sender = open_queue_as("q", options);
	receiver = open_queue("q", SLUICE_RECEIVE, 0);
	for (uint64_t i = 0; i < 5; i++)
		send_number(sender, i);
	receive_number(receiver);
	CHECK_EQ(sluice_queue_borrow(receiver, 0, &borrowed, NULL, 0), 8);
	memset(people, 0, sizeof(people));
	people[0].size = sizeof(people[0]);
	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect("q", &inspection, people, 8), 2);
	CHECK_EQ(inspection.kind, SLUICE_KIND_QUEUE);
	CHECK_EQ(inspection.state, 0);
	CHECK_EQ(inspection.flags, 0);
	CHECK_EQ(inspection.mode, 0640);
	CHECK_EQ(inspection.uid, geteuid());
	CHECK_EQ(inspection.attached, 2);
	CHECK_EQ(inspection.dead, 0);
	CHECK_EQ(inspection.stale, 0);
	CHECK_EQ(inspection.tag, 77);
	CHECK_STR(inspection.name, "q");
	CHECK_EQ(inspection.queue.sent, 5);
	CHECK_EQ(inspection.queue.received, 1);
	CHECK_EQ(inspection.queue.messages, 4);
	CHECK_EQ(inspection.queue.borrowed, 1);
	CHECK_EQ(inspection.queue.senders, 1);
	CHECK_EQ(inspection.queue.receivers, 1);
	CHECK_EQ(stat(path_of("q").text, &st), 0);
	CHECK_EQ(inspection.bytes, st.st_size);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(people[i].size, sizeof(people[0]));
		CHECK_EQ(people[i].alive, 1);
		CHECK_EQ(people[i].pid, getpid());
		CHECK_EQ(people[i].role, i ? SLUICE_RECEIVE : SLUICE_SEND);
		CHECK_NE(people[i].command[0], '\0');
	}
	/* Fewer are stored than there are, all are counted. */
	CHECK_EQ(sluice_inspect("q", &inspection, people, 1), 1);
	CHECK_EQ(inspection.attached, 2);
	/* It left no trace. */
	CHECK_EQ(queue_info(sender).attached, 2);
	sluice_queue_close(sender);
	sluice_queue_close(receiver);
	CHECK_EQ(inspect("q", 0).attached, 0);
	CHECK_EQ(inspect("q", 0).queue.messages, 4);
	CHECK_EQ(sluice_remove("q"), 0);
	inspect("q", SLUICE_ENOENT);
}

static void a_mutex(void)
{
	struct sluice_participant people[2];
	struct sluice_inspection inspection;
	sluice_mutex *mutex = open_mutex("m", SLUICE_EPHEMERAL);

	CHECK_EQ(inspect("m", 0).mutex.locked, 0);
	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	memset(people, 0, sizeof(people));
	people[0].size = sizeof(people[0]);
	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect("m", &inspection, people, 2), 1);
	CHECK_EQ(inspection.kind, SLUICE_KIND_MUTEX);
	CHECK_EQ(inspection.flags, SLUICE_EPHEMERAL);
	CHECK_EQ(inspection.mutex.locked, 1);
	CHECK_EQ(inspection.mutex.owner, getpid());
	CHECK_EQ(people[0].doing, SLUICE_DOING_HOLD);
	CHECK_EQ(sluice_mutex_set_hint(mutex, 4711), 0);
	CHECK_EQ(inspect("m", 0).mutex.owner, 4711);
	CHECK_EQ(sluice_mutex_set_hint(mutex, 0), 0);
	CHECK_EQ(inspect("m", 0).mutex.owner, getpid());
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	sluice_mutex_close(mutex);
	inspect("m", SLUICE_ENOENT);
}

static void the_dead(void)
{
	struct help_pipe ready = make_pipe();
	struct sluice_participant people[2];
	struct sluice_inspection inspection;
	sluice_queue *queue;
	pid_t pid;

	open_queue("d", 0, 0);
	pid = test_fork();
	if (pid == 0) {
		open_queue("dead", 0, 0);
		tell(ready);
		pause();
	}
	await(ready);
	CHECK_EQ(inspect("dead", 0).attached, 1);
	CHECK_EQ(inspect("dead", 0).dead, 0);
	test_kill(pid);
	memset(people, 0, sizeof(people));
	people[0].size = sizeof(people[0]);
	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect("dead", &inspection, people, 2), 1);
	CHECK_EQ(inspection.attached, 0);
	CHECK_EQ(inspection.dead, 1);
	CHECK_EQ(people[0].alive, 0);
	CHECK_EQ(people[0].pid, pid);
	queue = open_queue("dead", 0, 0);
	CHECK_EQ(inspect("dead", 0).dead, 0);
	CHECK_EQ(inspect("dead", 0).queue.repairs, 1);
	sluice_queue_close(queue);
	close_pipe(ready);
	CHECK_EQ(sluice_remove("dead"), 0);
	CHECK_EQ(sluice_remove("d"), 0);
}

static void damaged_files(void)
{
	static char zeros[8192];
	const uint32_t version = 99;
	const uint64_t huge = UINT64_MAX;

	make_file("empty", "", 0);
	CHECK_EQ(inspect("empty", 0).state, SLUICE_ECORRUPT);
	make_file("zeros", zeros, sizeof(zeros));
	CHECK_EQ(inspect("zeros", 0).state, SLUICE_ECORRUPT);
	CHECK_EQ(inspect("zeros", 0).kind, SLUICE_KIND_NONE);
	CHECK_EQ(inspect("zeros", 0).bytes, sizeof(zeros));
	sluice_queue_close(open_queue("version", 0, 0));
	patch_file("version", OFFSET_LAYOUT_VERSION, &version, sizeof(version));
	CHECK_EQ(inspect("version", 0).state, SLUICE_EVERSION);
	sluice_queue_close(open_queue("geometry", 0, 0));
	patch_file("geometry", 128, &huge, sizeof(huge));
	CHECK_EQ(inspect("geometry", 0).state, SLUICE_ECORRUPT);
	CHECK_EQ(mkdir(path_of("dir").text, 0700), 0);
	CHECK_EQ(inspect("dir", 0).state, SLUICE_ECORRUPT);
	CHECK_EQ(rmdir(path_of("dir").text), 0);
	CHECK_EQ(sluice_remove("empty"), 0);
	CHECK_EQ(sluice_remove("zeros"), 0);
	CHECK_EQ(sluice_remove("version"), 0);
	CHECK_EQ(sluice_remove("geometry"), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* A path of the caller's: what is no segment is not touched. */
static void files_of_others(void)
{
	char path[512];

	CHECK_LT(snprintf(path, sizeof(path), "%s/precious", test_directory()), sizeof(path));
	make_file("precious", "do not remove", 13);
	CHECK_EQ(sluice_remove(path), SLUICE_ECORRUPT);
	CHECK_EQ(access(path, F_OK), 0);
	CHECK_EQ(sluice_remove("precious"), 0);
}

static void bad_arguments(void)
{
	struct sluice_inspection inspection;
	struct sluice_participant people[1];
	char buffer[64];

	memset(&inspection, 0, sizeof(inspection));
	memset(people, 0, sizeof(people));
	CHECK_EQ(sluice_inspect("q", &inspection, NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_inspect("q", NULL, NULL, 0), SLUICE_EINVAL);
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect(NULL, &inspection, NULL, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_inspect("q", &inspection, people, 1), SLUICE_EINVAL);
	CHECK_EQ(sluice_remove(NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_list(NULL, NULL, NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_clean(NULL, 4, NULL, NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_path(NULL, buffer, sizeof(buffer)), SLUICE_EINVAL);
	CHECK_EQ(sluice_path("q", buffer, 3), SLUICE_ENAMETOOLONG);
	CHECK_EQ(sluice_path("q", NULL, 0), SLUICE_ENAMETOOLONG);
	CHECK_EQ(sluice_path("fd:3", buffer, sizeof(buffer)), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_remove("fd:3"), SLUICE_EOPNOTSUPP);
}

/* ---- listing ------------------------------------------------------------------------------ */

struct listing {
	int entries, sound, stop_after;
};

static int note_entry(const struct sluice_inspection *inspection, void *context)
{
	struct listing *listing = (struct listing *)context;

	CHECK_EQ(inspection->size, sizeof(*inspection));
	listing->entries++;
	listing->sound += inspection->state == 0;
	return listing->entries == listing->stop_after ? 42 : 0;
}

static void listed(void)
{
	struct listing listing = { 0, 0, 0 };
	sluice_queue *queue;
	sluice_mutex *mutex;

	CHECK_EQ(sluice_list(NULL, note_entry, &listing), 0);
	CHECK_EQ(listing.entries, 0);
	queue = open_queue("l1", 0, 0);
	CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
	mutex = open_mutex("l2", 0);
	make_file("l3", "rubbish", 7);
	CHECK_EQ(sluice_list(NULL, note_entry, &listing), 0);
	CHECK_EQ(listing.entries, 3);
	CHECK_EQ(listing.sound, 2);
	/* As a directory of the caller's: only segments. */
	memset(&listing, 0, sizeof(listing));
	CHECK_EQ(sluice_list(test_directory(), note_entry, &listing), 0);
	CHECK_EQ(listing.entries, 2);
	memset(&listing, 0, sizeof(listing));
	listing.stop_after = 2;
	CHECK_EQ(sluice_list(NULL, note_entry, &listing), 42);
	CHECK_EQ(listing.entries, 2);
	CHECK_EQ(sluice_list("/no/such/directory", note_entry, &listing), SLUICE_ENOENT);
	CHECK_EQ(sluice_list("/proc/self/status", note_entry, &listing), SLUICE_ENOTDIR);
	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("l1"), 0);
	CHECK_EQ(sluice_remove("l2"), 0);
	CHECK_EQ(sluice_remove("l3"), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* ---- a busy object ------------------------------------------------------------------------ */

static int busy_is_sound(const struct sluice_inspection *inspection, void *context)
{
	(void)context;
	if (inspection->state != 0)
		test_fail(__FILE__, __LINE__, "%s: %s", inspection->name,
			  sluice_error_name(inspection->state));
	return 0;
}

/* One sends, one receives, and there are always many in between. */
static void be_busy(int receives)
{
	struct sluice_queue_options options = queue_options();
	unsigned char bytes[300];
	sluice_queue *queue;

	options.capacity = 1 << 19;
	options.message_max = sizeof(bytes);
	queue = open_queue_as("busy", options);
	memset(bytes, 0xa5, sizeof(bytes));
	for (;;) {
		if (!receives)
			CHECK_EQ(sluice_queue_send(queue, 1, bytes, test_random_below(301),
						   SLUICE_S(20)),
				 0);
		else if (queue_info(queue).messages < 1000)
			test_sleep_ms(1);
		else
			CHECK_GE(sluice_queue_receive(queue, 0, bytes, sizeof(bytes), NULL,
						      SLUICE_S(20)),
				 0);
	}
}

/* A queue at work is not damaged, whatever moment one looks at it: the walk of who looks is
 * overtaken by those at work now and then. */
static void busy_queue(void)
{
	int64_t end;
	pid_t pids[2];

	for (int i = 0; i < 2; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0)
			be_busy(i);
	}
	test_sleep_ms(300);
	end = test_now_ns() + SLUICE_S(4);
	while (test_now_ns() < end) {
		struct sluice_inspection inspection = inspect("busy", 0);

		busy_is_sound(&inspection, NULL);
	}
	CHECK_EQ(sluice_list(NULL, busy_is_sound, NULL), 0);
	test_kill(pids[0]);
	test_kill(pids[1]);
	CHECK_EQ(sluice_remove("busy"), 0);
}

/* Objects that come and go while one lists are either listed sound or not at all. */
static void coming_and_going(void)
{
	int64_t end = test_now_ns() + SLUICE_S(1);
	pid_t pid = test_fork();

	if (pid == 0)
		for (;;)
			sluice_queue_close(open_queue("fleeting", 0, SLUICE_EPHEMERAL));
	while (test_now_ns() < end)
		CHECK_EQ(sluice_list(NULL, busy_is_sound, NULL), 0);
	test_kill(pid);
	CHECK_GE(sluice_clean(NULL, 0, NULL, NULL), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* ---- cleaning ----------------------------------------------------------------------------- */

struct verdicts {
	int count;
	char files[32][64];
	int verdicts[32];
};

static void note_verdict(const char *file, int verdict, void *context)
{
	struct verdicts *verdicts = (struct verdicts *)context;

	CHECK_LT(verdicts->count, 32);
	snprintf(verdicts->files[verdicts->count], 64, "%s", file);
	verdicts->verdicts[verdicts->count++] = verdict;
}

static int verdict_of(const struct verdicts *verdicts, const char *file)
{
	for (int i = 0; i < verdicts->count; i++)
		if (strcmp(verdicts->files[i], file) == 0)
			return verdicts->verdicts[i];
	return -1;
}

static void make_a_mess(sluice_queue **ret_used)
{
	const uint32_t version = 99;
	unsigned char id[16];
	sluice_queue *queue;
	char path[512];

	*ret_used = open_queue("used", 0, 0);
	CHECK_GE(sluice_queue_fd(*ret_used, SLUICE_READABLE, 0), 0);
	queue = open_queue("unused", 0, 0);
	CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
	sluice_queue_close(queue);
	queue = open_queue("content", 0, 0);
	send_number(queue, 1);
	sluice_queue_close(queue);
	sluice_mutex_close(open_mutex("mutex", 0));
	make_file("damaged", "SLUICE\n\032rubbish", 15);
	CHECK_EQ(symlink("nowhere", path_of("link").text), 0);
	CHECK_EQ(mkdir(path_of("dir").text, 0700), 0);
	queue = open_queue("stale", 0, 0);
	send_number(queue, 1);
	sluice_queue_close(queue);
	memset(id, 0x42, sizeof(id));
	patch_file("stale", OFFSET_BOOT_ID, id, sizeof(id));
	sluice_queue_close(open_queue("newer", 0, 0));
	patch_file("newer", OFFSET_LAYOUT_VERSION, &version, sizeof(version));
	CHECK_LT(snprintf(path, sizeof(path), "%s/.lost.3i", test_directory()), sizeof(path));
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_LT(snprintf(path, sizeof(path), "%s/not a name", test_directory()), sizeof(path));
	CHECK_EQ(mkfifo(path, 0600), 0);
}

static void check_verdicts(const struct verdicts *v, int content)
{
	CHECK_EQ(verdict_of(v, "used"), SLUICE_KEPT_IN_USE);
	CHECK_EQ(verdict_of(v, "unused"), SLUICE_REMOVED_UNUSED);
	CHECK_EQ(verdict_of(v, "mutex"), SLUICE_REMOVED_UNUSED);
	CHECK_EQ(verdict_of(v, "content"), content);
	CHECK_EQ(verdict_of(v, "damaged"), SLUICE_REMOVED_DAMAGED);
	CHECK_EQ(verdict_of(v, "link"), SLUICE_KEPT_FOREIGN);
	/* A directory is nothing of ours, and is never removed. */
	CHECK_EQ(verdict_of(v, "dir"), SLUICE_KEPT_FOREIGN);
	CHECK_EQ(verdict_of(v, "stale"), SLUICE_REMOVED_STALE);
	CHECK_EQ(verdict_of(v, "newer"), SLUICE_KEPT_FOREIGN);
	CHECK_EQ(verdict_of(v, ".lost.3i"), SLUICE_REMOVED_DEBRIS);
	CHECK_EQ(verdict_of(v, "not a name"), SLUICE_KEPT_FOREIGN);
}

static void cleaned(void)
{
	struct verdicts v;
	sluice_queue *used;
	int before, would;
	char path[512];

	CHECK_EQ(sluice_clean(NULL, 0, NULL, NULL), 0);
	make_a_mess(&used);
	before = count_entries(test_directory());
	/* A dry run says what a real one does, and does nothing. */
	memset(&v, 0, sizeof(v));
	would = sluice_clean(NULL, SLUICE_CLEAN_DRY_RUN, note_verdict, &v);
	check_verdicts(&v, SLUICE_KEPT_CONTENT);
	CHECK_EQ(count_entries(test_directory()), before);
	memset(&v, 0, sizeof(v));
	CHECK_EQ(sluice_clean(NULL, 0, note_verdict, &v), would);
	check_verdicts(&v, SLUICE_KEPT_CONTENT);
	/* used and its bell, content, link, dir, newer, not a name. */
	CHECK_EQ(count_entries(test_directory()), 7);
	send_number(used, 4);
	CHECK_EQ(receive_number(used), 4);
	memset(&v, 0, sizeof(v));
	CHECK_EQ(sluice_clean(NULL, SLUICE_CLEAN_CONTENT, note_verdict, &v), 1);
	CHECK_EQ(verdict_of(&v, "content"), SLUICE_REMOVED_UNUSED);
	sluice_queue_close(used);
	CHECK_EQ(sluice_clean(NULL, 0, NULL, NULL), 1);
	CHECK_EQ(sluice_remove("newer"), 0);
	CHECK_EQ(sluice_remove("link"), 0);
	CHECK_EQ(rmdir(path_of("dir").text), 0);
	CHECK_LT(snprintf(path, sizeof(path), "%s/not a name", test_directory()), sizeof(path));
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* A directory of the caller's: other people's files stay. */
static void cleaned_elsewhere(void)
{
	struct verdicts v;

	sluice_queue_close(open_queue("unused", 0, 0));
	make_file("precious", "do not remove", 13);
	memset(&v, 0, sizeof(v));
	CHECK_EQ(sluice_clean(test_directory(), 0, note_verdict, &v), 1);
	CHECK_EQ(verdict_of(&v, "precious"), SLUICE_KEPT_FOREIGN);
	CHECK_EQ(count_entries(test_directory()), 1);
	CHECK_EQ(sluice_remove("precious"), 0);
	CHECK_EQ(sluice_clean("/no/such/directory", 0, NULL, NULL), SLUICE_ENOENT);
}

/* The mark that a mutex's last owner died is content: cleaning must not make it forgotten. */
static void dirty_mutex(void)
{
	struct verdicts v;
	sluice_mutex *mutex;
	pid_t pid = test_fork();

	if (pid == 0) {
		CHECK_EQ(sluice_mutex_lock(open_mutex("dirty", 0), 0), 0);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	memset(&v, 0, sizeof(v));
	CHECK_EQ(sluice_clean(NULL, 0, note_verdict, &v), 0);
	CHECK_EQ(verdict_of(&v, "dirty"), SLUICE_KEPT_CONTENT);
	mutex = open_mutex("dirty", 0);
	CHECK_EQ(sluice_mutex_lock(mutex, 0), SLUICE_RECOVERED);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("dirty"), 0);
}

int main(void)
{
	test_begin();
	RUN(a_queue);
	RUN(a_mutex);
	RUN(the_dead);
	RUN(damaged_files);
	RUN(files_of_others);
	RUN(bad_arguments);
	RUN(listed);
	RUN(busy_queue);
	RUN(coming_and_going);
	RUN(cleaned);
	RUN(cleaned_elsewhere);
	RUN(dirty_mutex);
	return test_end();
}
