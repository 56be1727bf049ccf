/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * open.c - creating, attaching, and everything that can be in the way
 *
 * Each refusal has its documented code and a sentence with what was wanted, what was found, what to
 * do. Offsets into the file are those of docs/layout.md.
 */
#include "help.h"

#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define OFFSET_LAYOUT_VERSION 12
#define OFFSET_BOOT_ID 56
#define OFFSET_LIFE 256

static void must_create_and_must_exist(void)
{
	sluice_queue *first, *second;

	CHECK_CONTAINS(refuse_queue("q", SLUICE_MUST_EXIST, SLUICE_ENOENT).text, "q");
	first = open_queue("q", 0, SLUICE_MUST_CREATE);
	CHECK_CONTAINS(refuse_queue("q", SLUICE_MUST_CREATE, SLUICE_EEXIST).text, "q");
	second = open_queue("q", 0, SLUICE_MUST_EXIST);
	send_number(first, 7);
	CHECK_EQ(receive_number(second), 7);
	sluice_queue_close(first);
	sluice_queue_close(second);
	/* It outlives its participants, with what is in it. */
	refuse_queue("q", SLUICE_MUST_CREATE, SLUICE_EEXIST);
	sluice_queue_close(open_queue("q", 0, SLUICE_MUST_EXIST));
	CHECK_EQ(sluice_remove("q"), 0);
	refuse_queue("q", SLUICE_MUST_EXIST, SLUICE_ENOENT);
	CHECK_EQ(sluice_remove("q"), SLUICE_ENOENT);
}

/* SLUICE_MUST_CREATE says "it is there" whatever is there, and is no participant meanwhile. */
static void must_create_looks_only(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *receiver, *other;
	uint64_t number;
	int64_t start;

	options.participants = 1;
	receiver = open_queue_as("full", options);
	start = test_now_ns();
	refuse_queue("full", SLUICE_MUST_CREATE, SLUICE_EEXIST);
	CHECK_LT(test_now_ns() - start, SLUICE_S(2));
	sluice_queue_close(receiver);

	options = queue_options();
	options.capacity = 1 << 16;
	sluice_queue_close(open_queue_as("sized", options));
	options.capacity = 1 << 17;
	options.flags = SLUICE_MUST_CREATE;
	refuse_queue_as("sized", options, SLUICE_EEXIST);

	/* A receiver that expects senders does not take it for one that came and went. */
	receiver = open_queue("alone", SLUICE_RECEIVE, SLUICE_EXPECT_SENDER);
	refuse_queue("alone", SLUICE_MUST_CREATE, SLUICE_EEXIST);
	CHECK_EQ(sluice_queue_receive(receiver, 0, &number, sizeof(number), NULL, SLUICE_NOWAIT),
		 SLUICE_EAGAIN);
	other = open_queue("alone", SLUICE_SEND, 0);
	sluice_queue_close(other);
	CHECK_EQ(sluice_queue_receive(receiver, 0, &number, sizeof(number), NULL, SLUICE_NOWAIT),
		 SLUICE_ENOSENDER);
	sluice_queue_close(receiver);
	CHECK_EQ(sluice_remove("full"), 0);
	CHECK_EQ(sluice_remove("sized"), 0);
	CHECK_EQ(sluice_remove("alone"), 0);
}

static void mode_and_group(void)
{
	static const uint32_t modes[] = { 0, 0600, 0660, 0666, 0640, 0777 };
	mode_t old = umask(0077);
	struct stat st;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct sluice_queue_options options = queue_options();
		sluice_queue *queue;

		options.mode = modes[i];
		options.flags = SLUICE_MUST_CREATE;
		queue = open_queue_as("mode", options);
		CHECK_EQ(stat(path_of("mode").text, &st), 0);
		CHECK_EQ(st.st_mode & 07777, modes[i] ? modes[i] : 0600);
		CHECK_EQ(st.st_uid, geteuid());
		sluice_queue_close(queue);
		CHECK_EQ(sluice_remove("mode"), 0);
	}
	umask(old);
	if (geteuid() == 0) {
		struct sluice_queue_options options = queue_options();
		sluice_queue *queue;

		options.group = 4711;
		options.mode = 0660;
		queue = open_queue_as("mode", options);
		CHECK_EQ(stat(path_of("mode").text, &st), 0);
		CHECK_EQ(st.st_gid, 4711);
		/* The bells beside it are for the same people. */
		CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
		{
			char bell[512];

			CHECK_LT(snprintf(bell, sizeof(bell), "%s/.mode.0i", test_directory()),
				 sizeof(bell));
			CHECK_EQ(stat(bell, &st), 0);
			CHECK_EQ(st.st_mode & 07777, 0660);
			CHECK_EQ(st.st_gid, 4711);
		}
		sluice_queue_close(queue);
		CHECK_EQ(sluice_remove("mode"), 0);
		CHECK_EQ(count_entries(test_directory()), 0);
	}
}

static void other_kind(void)
{
	sluice_mutex *mutex = open_mutex("kind", 0), *none = NULL;
	struct sluice_mutex_options options = mutex_options();
	struct help_text said = refuse_queue("kind", 0, SLUICE_EMISMATCH);
	sluice_queue *queue;
	char text[256] = "";

	CHECK_CONTAINS(said.text, "kind is a mutex, wanted a queue");
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("kind"), 0);
	queue = open_queue("kind", 0, 0);
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_mutex_open("kind", &options, &none), SLUICE_EMISMATCH);
	CHECK_CONTAINS(text, "kind is a queue, wanted a mutex");
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("kind"), 0);
}

static void other_sizes(void)
{
	struct sluice_queue_options options = queue_options(), other;
	sluice_queue *queue;

	options.capacity = 100000;
	options.message_max = 1000;
	options.messages_max = 50;
	options.tag = 0xabcdef;
	options.participants = 10;
	queue = open_queue_as("sizes", options);
	CHECK_EQ(queue_info(queue).capacity, 131072);
	CHECK_EQ(queue_info(queue).message_max, 1000);
	CHECK_EQ(queue_info(queue).messages_max, 50);
	CHECK_EQ(queue_info(queue).participants, 10);
	CHECK_EQ(queue_info(queue).tag, 0xabcdef);

	/* The same, rounded the same, and no opinion. */
	sluice_queue_close(open_queue_as("sizes", options));
	sluice_queue_close(open_queue("sizes", 0, 0));
	other = options;
	other.capacity = 131072;
	sluice_queue_close(open_queue_as("sizes", other));
	other = queue_options();
	other.capacity = 65537;
	sluice_queue_close(open_queue_as("sizes", other));

	other = options;
	other.capacity = 131073;
	CHECK_CONTAINS(refuse_queue_as("sizes", other, SLUICE_EMISMATCH).text,
		       "capacity 131072, wanted 262144");
	other = options;
	other.message_max = 1001;
	CHECK_CONTAINS(refuse_queue_as("sizes", other, SLUICE_EMISMATCH).text,
		       "message_max 1000, wanted 1001");
	other = options;
	other.messages_max = 51;
	CHECK_CONTAINS(refuse_queue_as("sizes", other, SLUICE_EMISMATCH).text,
		       "messages_max 50, wanted 51");
	other = options;
	other.tag = 0xabcdee;
	CHECK_CONTAINS(refuse_queue_as("sizes", other, SLUICE_EMISMATCH).text, "abcdef");
	other = options;
	other.participants = 11;
	CHECK_CONTAINS(refuse_queue_as("sizes", other, SLUICE_EMISMATCH).text, "participants");
	/* None of these took a place. */
	CHECK_EQ(queue_info(queue).attached, 1);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("sizes"), 0);
}

/* What cannot be is refused with the number that could. */
static void impossible_sizes(void)
{
	struct sluice_queue_options options = queue_options();

	options.capacity = 65536;
	options.message_max = 8193;
	CHECK_CONTAINS(refuse_queue_as("impossible", options, SLUICE_EINVAL).text, "131072");
	/* 8 x 513 is more than 4096. */
	options.capacity = 4096;
	options.message_max = 513;
	CHECK_CONTAINS(refuse_queue_as("impossible", options, SLUICE_EINVAL).text, "8192");
	options = queue_options();
	options.message_max = (UINT64_C(1) << 30) + 1;
	CHECK_CONTAINS(refuse_queue_as("impossible", options, SLUICE_EINVAL).text, "1 GiB");
	options = queue_options();
	options.message_max = UINT64_MAX;
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options = queue_options();
	options.capacity = UINT64_MAX;
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options = queue_options();
	options.participants = 1025;
	CHECK_CONTAINS(refuse_queue_as("impossible", options, SLUICE_EINVAL).text, "1025");
	options = queue_options();
	options.mode = 01777;
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options = queue_options();
	options.slice_ns = SLUICE_MS(9);
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options.slice_ns = SLUICE_S(6);
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options = queue_options();
	options.spin_ns = -1;
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options = queue_options();
	options.reserved = 1;
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options = queue_options();
	options.open_timeout_ns = -2;
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	options = queue_options();
	options.role = 4;
	refuse_queue_as("impossible", options, SLUICE_EINVAL);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* Small rings work to their last byte. */
static void smallest_sizes(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;
	char byte = 'x';

	options.capacity = 4096;
	options.message_max = 1;
	options.participants = 1;
	queue = open_queue_as(NULL, options);
	CHECK_EQ(queue_info(queue).capacity, 4096);
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(sluice_queue_send(queue, 1, &byte, 1, SLUICE_NOWAIT), 0);
		CHECK_EQ(sluice_queue_receive(queue, 0, &byte, 1, NULL, SLUICE_NOWAIT), 1);
	}
	sluice_queue_close(queue);
	options = queue_options();
	options.capacity = 4096;
	queue = open_queue_as(NULL, options);
	CHECK_EQ(queue_info(queue).message_max, 512);
	sluice_queue_close(queue);
	options = queue_options();
	options.message_max = 300000;
	queue = open_queue_as(NULL, options);
	CHECK_GE(queue_info(queue).capacity, 8 * 300000);
	sluice_queue_close(queue);
}

/* ---- options that grow -------------------------------------------------------------------- */

static void struct_sizes(void)
{
	union {
		struct sluice_queue_options options;
		char bytes[1024];
	} u;
	sluice_queue *queue = NULL;
	char text[256];

	/* Shorter: what is missing is zero. */
	memset(&u, 0xff, sizeof(u));
	memset(&u, 0, offsetof(struct sluice_queue_options, capacity));
	u.options.size = offsetof(struct sluice_queue_options, capacity);
	CHECK_EQ(sluice_queue_open("grow", &u.options, &queue), 0);
	CHECK_EQ(queue_info(queue).capacity, 1 << 20);
	sluice_queue_close(queue);
	memset(&u, 0xff, sizeof(u));
	u.options.size = 8;
	u.options.flags = 0;
	CHECK_EQ(sluice_queue_open("grow", &u.options, &queue), 0);
	sluice_queue_close(queue);
	/* Longer, with zeros. */
	memset(&u, 0, sizeof(u));
	u.options.size = sizeof(u);
	CHECK_EQ(sluice_queue_open("grow", &u.options, &queue), 0);
	sluice_queue_close(queue);
	/* Longer, with something; and the sentence. */
	queue = NULL;
	for (size_t at = sizeof(u.options); at < sizeof(u); at += 77) {
		memset(&u, 0, sizeof(u));
		u.options.size = sizeof(u);
		u.options.diagnostic = text;
		u.options.diagnostic_size = sizeof(text);
		u.bytes[at] = 1;
		text[0] = '\0';
		CHECK_EQ(sluice_queue_open("grow", &u.options, &queue), SLUICE_E2BIG);
		CHECK_NE(text[0], '\0');
	}
	/* Nonsense. */
	for (uint32_t size = 0; size < 8; size++) {
		memset(&u, 0, sizeof(u));
		u.options.size = size;
		CHECK_EQ(sluice_queue_open("grow", &u.options, &queue), SLUICE_EINVAL);
	}
	memset(&u, 0, sizeof(u));
	u.options.size = UINT32_MAX;
	CHECK_EQ(sluice_queue_open("grow", &u.options, &queue), SLUICE_EINVAL);
	CHECK(queue == NULL);
	CHECK_EQ(sluice_remove("grow"), 0);
}

static void unknown_flags(void)
{
	const uint32_t known = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST | SLUICE_PRIVATE |
			       SLUICE_EPHEMERAL | SLUICE_EXPECT_SENDER;
	struct sluice_mutex_options options = mutex_options();
	sluice_mutex *mutex = NULL;

	for (int bit = 0; bit < 32; bit++)
		if (!(known & 1u << bit))
			refuse_queue("flags", 1u << bit, SLUICE_EINVAL);
	refuse_queue("flags", SLUICE_MUST_CREATE | SLUICE_MUST_EXIST, SLUICE_EINVAL);
	refuse_queue("flags", SLUICE_PRIVATE, SLUICE_EINVAL);
	refuse_queue(NULL, SLUICE_MUST_EXIST, SLUICE_EINVAL);
	options.flags = SLUICE_EXPECT_SENDER;
	CHECK_EQ(sluice_mutex_open("flags", &options, &mutex), SLUICE_EINVAL);
	options.flags = 0;
	options.role = 1;
	CHECK_EQ(sluice_mutex_open("flags", &options, &mutex), SLUICE_EINVAL);
	CHECK_EQ(sluice_queue_open("flags", NULL, NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_mutex_open("flags", NULL, NULL), SLUICE_EINVAL);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* ---- places ------------------------------------------------------------------------------- */

static void places_run_out(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queues[4], *more;
	struct help_pipe ready = make_pipe();
	int64_t start;
	pid_t pid;

	options.participants = 4;
	options.open_timeout_ns = SLUICE_MS(100);
	for (int i = 0; i < 4; i++)
		queues[i] = open_queue_as("places", options);
	start = test_now_ns();
	CHECK_CONTAINS(refuse_queue_as("places", options, SLUICE_EUSERS).text, "4");
	CHECK_GE(test_now_ns() - start, SLUICE_MS(90));
	sluice_queue_close(queues[2]);
	queues[2] = open_queue_as("places", options);
	sluice_queue_close(queues[0]);
	/* A killed process's place is free again. */
	pid = test_fork();
	if (pid == 0) {
		more = open_queue_as("places", options);
		tell(ready);
		pause();
	}
	await(ready);
	refuse_queue_as("places", options, SLUICE_EUSERS);
	test_kill(pid);
	queues[0] = open_queue_as("places", options);
	/* Waiting for a place pays. */
	options.open_timeout_ns = SLUICE_S(10);
	sluice_queue_close(queues[1]);
	pid = test_fork();
	if (pid == 0) {
		more = open_queue_as("places", options);
		tell(ready);
		test_sleep_ms(200);
		sluice_queue_close(more);
		_exit(0);
	}
	await(ready);
	queues[1] = open_queue_as("places", options);
	test_wait_ok(pid);
	for (int i = 0; i < 4; i++)
		sluice_queue_close(queues[i]);
	close_pipe(ready);
	CHECK_EQ(sluice_remove("places"), 0);
}

/* ---- ephemeral ---------------------------------------------------------------------------- */

static void ephemeral_goes(void)
{
	sluice_queue *first = open_queue("brief", 0, SLUICE_EPHEMERAL), *second;
	struct help_pipe ready = make_pipe();
	pid_t pid;

	second = open_queue("brief", 0, 0);
	CHECK_GE(sluice_queue_fd(second, SLUICE_READABLE, 0), 0);
	sluice_queue_close(first);
	send_number(second, 1);
	refuse_queue("brief", SLUICE_MUST_CREATE, SLUICE_EEXIST);
	sluice_queue_close(second);
	CHECK_EQ(count_entries(test_directory()), 0);
	refuse_queue("brief", SLUICE_MUST_EXIST, SLUICE_ENOENT);

	/* The last one is killed: the next opener finds nobody alive and makes it anew. */
	pid = test_fork();
	if (pid == 0) {
		first = open_queue("brief", 0, SLUICE_EPHEMERAL);
		CHECK_GE(sluice_queue_fd(first, SLUICE_READABLE, 0), 0);
		send_number(first, 1);
		tell(ready);
		pause();
	}
	await(ready);
	test_kill(pid);
	refuse_queue("brief", SLUICE_MUST_EXIST, SLUICE_ENOENT);
	first = open_queue("brief", 0, SLUICE_MUST_CREATE | SLUICE_EPHEMERAL);
	CHECK_EQ(queue_info(first).messages, 0);
	sluice_queue_close(first);
	CHECK_EQ(count_entries(test_directory()), 0);
	close_pipe(ready);
}

/* Only the creator's flag counts. */
static void ephemeral_is_the_creators(void)
{
	sluice_queue *first = open_queue("lasting", 0, 0);
	sluice_queue *second = open_queue("lasting", 0, SLUICE_EPHEMERAL);

	sluice_queue_close(first);
	sluice_queue_close(second);
	sluice_queue_close(open_queue("lasting", 0, SLUICE_MUST_EXIST));
	CHECK_EQ(sluice_remove("lasting"), 0);
}

static void earlier_boot(void)
{
	sluice_queue *queue = open_queue("boot", 0, 0);
	unsigned char id[16];

	send_number(queue, 1);
	sluice_queue_close(queue);
	memset(id, 0x42, sizeof(id));
	patch_file("boot", OFFSET_BOOT_ID, id, sizeof(id));
	refuse_queue("boot", SLUICE_MUST_EXIST, SLUICE_ENOENT);
	queue = open_queue("boot", 0, SLUICE_MUST_CREATE);
	CHECK_EQ(queue_info(queue).messages, 0);
	send_number(queue, 1);
	sluice_queue_close(queue);
	/* Unknown is not another. */
	memset(id, 0, sizeof(id));
	patch_file("boot", OFFSET_BOOT_ID, id, sizeof(id));
	queue = open_queue("boot", 0, SLUICE_MUST_EXIST);
	CHECK_EQ(queue_info(queue).messages, 1);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("boot"), 0);
}

/* Who removes marks the segment, then takes its name away. Killed in between, the name must not be
 * lost for ever. */
static void remover_was_killed(void)
{
	static const uint32_t marks[] = { 1, 2, 3 };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		sluice_queue *queue = open_queue("marked", 0, 0);

		send_number(queue, 1);
		sluice_queue_close(queue);
		patch_file("marked", OFFSET_LIFE, &marks[i], sizeof(marks[i]));
		queue = open_queue("marked", 0, 0);
		CHECK_EQ(queue_info(queue).messages, 0);
		sluice_queue_close(queue);
		CHECK_EQ(sluice_remove("marked"), 0);
	}
}

static void broken_mark(void)
{
	const uint32_t broken = 4;

	sluice_queue_close(open_queue("broken", 0, 0));
	patch_file("broken", OFFSET_LIFE, &broken, sizeof(broken));
	CHECK_CONTAINS(refuse_queue("broken", 0, SLUICE_ECORRUPT).text, "broken");
	CHECK_EQ(sluice_remove("broken"), 0);
	sluice_queue_close(open_queue("broken", 0, SLUICE_MUST_CREATE));
	CHECK_EQ(sluice_remove("broken"), 0);
}

/* ---- what else can lie at the name -------------------------------------------------------- */

static void foreign_files(void)
{
	static unsigned char bytes[70000];
	static const size_t sizes[] = { 0, 1, 511, 512, 4096, 70000 };

	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t k = 0; i % 2 && k < sizeof(bytes); k++)
			bytes[k] = (unsigned char)test_random();
		make_file("foreign", bytes, sizes[i / 2]);
		CHECK_CONTAINS(refuse_queue("foreign", 0, SLUICE_ECORRUPT).text, "foreign");
		refuse_queue("foreign", SLUICE_MUST_EXIST, SLUICE_ECORRUPT);
		/* It was not touched, and can be removed. */
		CHECK_EQ(access(path_of("foreign").text, F_OK), 0);
		CHECK_EQ(sluice_remove("foreign"), 0);
		CHECK_EQ(access(path_of("foreign").text, F_OK), -1);
		memset(bytes, 0, sizeof(bytes));
	}
}

static void truncated_segments(void)
{
	static const off_t keep[] = { 0, 8, 511, 512, 4096, 8192, 100000 };

	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++) {
		sluice_queue_close(open_queue("short", 0, 0));
		CHECK_EQ(truncate(path_of("short").text, keep[i]), 0);
		CHECK_CONTAINS(refuse_queue("short", 0, SLUICE_ECORRUPT).text, "remove");
		CHECK_EQ(sluice_remove("short"), 0);
	}
}

/* Every header field scribbled over: never a crash, always a documented code. */
static void scribbled_headers(void)
{
	for (int i = 0; i < 2000; i++) {
		sluice_queue *queue = open_queue("scribble", 0, 0);
		uint64_t word = i % 3 == 0 ? test_random() : i % 3 == 1 ? UINT64_MAX : 0;
		int r;

		send_number(queue, 1);
		sluice_queue_close(queue);
		patch_file("scribble", (off_t)(8 * test_random_below(176 / 8)), &word, 8);
		r = sluice_queue_open("scribble", NULL, &queue);
		if (r == 0)
			sluice_queue_close(queue);
		else if (r != SLUICE_ECORRUPT && r != SLUICE_EVERSION && r != SLUICE_EMISMATCH)
			test_fail(__FILE__, __LINE__, "%s", sluice_error_name(r));
		CHECK_EQ(sluice_remove("scribble"), 0);
	}
}

static void other_version(void)
{
	const uint32_t version = 99, order = 0x04030201;
	const uint64_t feature = UINT64_C(1) << 63;

	sluice_queue_close(open_queue("version", 0, 0));
	patch_file("version", OFFSET_LAYOUT_VERSION, &version, sizeof(version));
	CHECK_CONTAINS(refuse_queue("version", 0, SLUICE_EVERSION).text, "99");
	CHECK_EQ(sluice_remove("version"), 0);
	sluice_queue_close(open_queue("version", 0, 0));
	patch_file("version", 8, &order, sizeof(order));
	CHECK_CONTAINS(refuse_queue("version", 0, SLUICE_EVERSION).text, "byte order");
	CHECK_EQ(sluice_remove("version"), 0);
	/* An incompatible feature forbids, a compatible one does not matter. */
	sluice_queue_close(open_queue("version", 0, 0));
	patch_file("version", 24, &feature, sizeof(feature));
	sluice_queue_close(open_queue("version", 0, SLUICE_MUST_EXIST));
	patch_file("version", 32, &feature, sizeof(feature));
	CHECK_CONTAINS(refuse_queue("version", 0, SLUICE_EVERSION).text, "features");
	CHECK_EQ(sluice_remove("version"), 0);
}

static void not_a_file(void)
{
	struct sockaddr_un address;
	struct help_text path = path_of("odd");
	int fd;

	/* A link, dangling and not. */
	CHECK_EQ(symlink("nowhere", path.text), 0);
	CHECK_CONTAINS(refuse_queue("odd", 0, SLUICE_ECORRUPT).text, "link");
	CHECK_EQ(sluice_remove("odd"), 0);
	sluice_queue_close(open_queue("real", 0, 0));
	CHECK_EQ(symlink("real", path.text), 0);
	CHECK_CONTAINS(refuse_queue("odd", 0, SLUICE_ECORRUPT).text, "link");
	CHECK_EQ(sluice_remove("odd"), 0);
	CHECK_EQ(sluice_remove("real"), 0);

	CHECK_EQ(mkfifo(path.text, 0600), 0);
	CHECK_CONTAINS(refuse_queue("odd", 0, SLUICE_ECORRUPT).text, "regular");
	CHECK_EQ(sluice_remove("odd"), 0);

	CHECK_EQ(mkdir(path.text, 0700), 0);
	CHECK_CONTAINS(refuse_queue("odd", 0, SLUICE_ECORRUPT).text, "odd");
	CHECK_EQ(sluice_remove("odd"), SLUICE_ECORRUPT);
	CHECK_EQ(rmdir(path.text), 0);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	CHECK_LT(snprintf(address.sun_path, sizeof(address.sun_path), "%s", path.text),
		 sizeof(address.sun_path));
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_CONTAINS(refuse_queue("odd", 0, SLUICE_ECORRUPT).text, "odd");
	CHECK_EQ(sluice_remove("odd"), 0);
	close(fd);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* ---- whose it is -------------------------------------------------------------------------- */

static void need_root(void)
{
	if (geteuid() != 0)
		test_skip("needs root");
}

static void foreign_directory(void)
{
	struct help_text said;

	need_root();
	CHECK_EQ(chown(test_directory(), 65534, (gid_t)-1), 0);
	said = refuse_queue("q", 0, SLUICE_EACCES);
	CHECK_CONTAINS(said.text, "65534");
	CHECK_CONTAINS(said.text, "SLUICE_DIR");
	CHECK_EQ(count_entries(test_directory()), 0);
	CHECK_EQ(chown(test_directory(), 0, (gid_t)-1), 0);
}

/* Somebody else put a segment into a directory that everybody may write to. */
static void planted_file(void)
{
	need_root();
	sluice_queue_close(open_queue("planted", 0, 0));
	CHECK_EQ(chown(path_of("planted").text, 65534, (gid_t)-1), 0);
	CHECK_EQ(chmod(test_directory(), 01777), 0);
	CHECK_CONTAINS(refuse_queue("planted", 0, SLUICE_EACCES).text, "65534");
	CHECK_EQ(chmod(test_directory(), 0700), 0);
	CHECK_EQ(sluice_remove("planted"), 0);
}

static void become_nobody(void)
{
	if (setgid(65534) < 0 || setuid(65534) < 0)
		_exit(TEST_SKIPPED);
}

static void without_permission(void *unused)
{
	sluice_queue *queue = NULL;

	(void)unused;
	become_nobody();
	refuse_queue("./closed", 0, SLUICE_EACCES);
	refuse_queue("./new", 0, SLUICE_EACCES);
	CHECK_EQ(sluice_queue_open("./open", NULL, &queue), 0);
	send_number(queue, 5);
	sluice_queue_close(queue);
}

static void permissions(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;

	need_root();
	CHECK_EQ(chmod(test_directory(), 0755), 0);
	CHECK_EQ(chdir(test_directory()), 0);
	sluice_queue_close(open_queue("closed", 0, 0));
	options.mode = 0666;
	queue = open_queue_as("open", options);
	test_wait_ok(test_spawn(without_permission, NULL));
	CHECK_EQ(receive_number(queue), 5);
	sluice_queue_close(queue);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(chmod(test_directory(), 0700), 0);
	CHECK_EQ(sluice_remove("closed"), 0);
	CHECK_EQ(sluice_remove("open"), 0);
}

/* ---- no room ------------------------------------------------------------------------------ */

/* In a mount namespace of its own: a file system of @bytes at the test's directory. */
static int small_file_system(const char *data)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("small", test_directory(), "tmpfs", 0, data) == 0;
}

static void full(void *unused)
{
	struct sluice_queue_options options = queue_options();
	struct help_text said;
	sluice_queue *queue;
	static char bytes[65536];

	(void)unused;
	if (!small_file_system("size=4m,mode=0700"))
		_exit(TEST_SKIPPED);
	options.capacity = 8 << 20;
	said = refuse_queue_as("big", options, SLUICE_ENOSPC);
	CHECK_CONTAINS(said.text, "room");
	CHECK_EQ(count_entries(test_directory()), 0);
	/* What fits is there for good: filling the rest harms nobody. */
	options.capacity = 1 << 20;
	queue = open_queue_as("fits", options);
	{
		char path[512];
		int fd;

		CHECK_LT(snprintf(path, sizeof(path), "%s/rest", test_directory()), sizeof(path));
		fd = open(path, O_RDWR | O_CREAT, 0600);
		while (write(fd, bytes, sizeof(bytes)) > 0)
			;
		close(fd);
	}
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(sluice_queue_send(queue, 1, bytes, sizeof(bytes), SLUICE_NOWAIT), 0);
		CHECK_EQ(sluice_queue_receive(queue, 0, bytes, sizeof(bytes), NULL, SLUICE_NOWAIT),
			 sizeof(bytes));
	}
	refuse_queue("more", 0, SLUICE_ENOSPC);
	CHECK_EQ(count_entries(test_directory()), 2);
	sluice_queue_close(queue);
}

static void read_only(void *unused)
{
	(void)unused;
	if (!small_file_system("size=4m,mode=0700"))
		_exit(TEST_SKIPPED);
	sluice_queue_close(open_queue("there", 0, 0));
	if (mount("small", test_directory(), "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) != 0)
		_exit(TEST_SKIPPED);
	refuse_queue("new", 0, SLUICE_EROFS);
	refuse_queue("there", 0, SLUICE_EROFS);
	CHECK_EQ(sluice_remove("there"), SLUICE_EROFS);
}

static void in_a_child(void (*body)(void *))
{
	int status = test_wait(test_spawn(body, NULL));

	if (status == TEST_SKIPPED)
		printf("    (cannot mount here)\n");
	else
		CHECK_EQ(status, 0);
}

static void full_file_system(void)
{
	in_a_child(full);
}

static void read_only_file_system(void)
{
	in_a_child(read_only);
}

static void few_descriptors(void *unused)
{
	struct rlimit limit;
	int fds;

	(void)unused;
	for (fds = 0; fds < 12; fds++) {
		static const char *const names[] = { "new", "there", NULL };

		for (int i = 0; i < 3; i++) {
			sluice_queue *queue = NULL;
			int used = count_fds(), r;
			char text[256] = "";
			struct sluice_queue_options options = queue_options();

			options.diagnostic = text;
			options.diagnostic_size = sizeof(text);
			/* The lowest free number, and @fds more. */
			limit.rlim_cur = (rlim_t)(dup(0) + fds);
			close((int)limit.rlim_cur - fds);
			limit.rlim_max = 1024;
			CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
			r = sluice_queue_open(names[i], &options, &queue);
			limit.rlim_cur = 1024;
			CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
			if (fds == 0)
				CHECK_EQ(r, SLUICE_EMFILE);
			if (r < 0) {
				CHECK_EQ(r, SLUICE_EMFILE);
				CHECK_NE(text[0], '\0');
				CHECK_EQ(count_fds(), used);
			} else {
				sluice_queue_close(queue);
			}
			if (i == 0 && r == 0)
				CHECK_EQ(sluice_remove("new"), 0);
		}
	}
}

static void descriptors_run_out(void)
{
	sluice_queue_close(open_queue("there", 0, 0));
	test_wait_ok(test_spawn(few_descriptors, NULL));
	CHECK_EQ(count_entries(test_directory()), 1);
	CHECK_EQ(sluice_remove("there"), 0);
}

static void little_memory(void *unused)
{
	struct sluice_queue_options options = queue_options();
	struct rlimit limit;

	(void)unused;
	options.capacity = 64 << 20;
	sluice_queue_close(open_queue_as("large", options));
	limit.rlim_cur = limit.rlim_max = 48 << 20;
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	CHECK_CONTAINS(refuse_queue("large", 0, SLUICE_ENOMEM).text, "address space");
	refuse_queue_as("larger", options, SLUICE_ENOMEM);
	refuse_queue_as(NULL, options, SLUICE_ENOMEM);
	options.flags = SLUICE_PRIVATE;
	refuse_queue_as(NULL, options, SLUICE_ENOMEM);
	CHECK_EQ(count_entries(test_directory()), 1);
}

static void memory_runs_out(void)
{
	if (test_sanitized() || test_emulated()) {
		printf("    (not where the limit also limits a sanitizer, or is not kept)\n");
		return;
	}
	test_wait_ok(test_spawn(little_memory, NULL));
	CHECK_EQ(sluice_remove("large"), 0);
}

/* Many open the same absent name at once: one object, and all are in it. */
static void opened_by_many(void)
{
	for (int round = 0; round < 20; round++) {
		struct help_pipe go = make_pipe();
		pid_t pids[16];
		sluice_queue *queue;
		uint64_t sum = 0;

		for (uint64_t i = 0; i < 16; i++) {
			pids[i] = test_fork();
			if (pids[i] == 0) {
				close(go.in);
				CHECK_EQ(read(go.out, &sum, 1), 0);
				send_number(open_queue("many", 0, 0), i);
				_exit(0);
			}
		}
		close_pipe(go);
		for (int i = 0; i < 16; i++)
			test_wait_ok(pids[i]);
		queue = open_queue("many", 0, SLUICE_MUST_EXIST);
		for (int i = 0; i < 16; i++)
			sum += receive_number(queue);
		CHECK_EQ(sum, 120);
		check_nothing(queue, 0);
		sluice_queue_close(queue);
		CHECK_EQ(sluice_remove("many"), 0);
		CHECK_EQ(count_entries(test_directory()), 0);
	}
}

/* One of many that ask for a new name gets it. */
static void created_by_one(void)
{
	for (int round = 0; round < 20; round++) {
		struct help_pipe go = make_pipe();
		pid_t pids[16];
		int winners = 0;

		for (int i = 0; i < 16; i++) {
			pids[i] = test_fork();
			if (pids[i] == 0) {
				struct sluice_queue_options options = queue_options();
				sluice_queue *queue = NULL;
				char byte;
				int r;

				close(go.in);
				CHECK_EQ(read(go.out, &byte, 1), 0);
				options.flags = SLUICE_MUST_CREATE;
				r = sluice_queue_open("one", &options, &queue);
				_exit(r == 0 ? 10 : r == SLUICE_EEXIST ? 11 : 1);
			}
		}
		close_pipe(go);
		for (int i = 0; i < 16; i++) {
			int status = test_wait(pids[i]);

			CHECK(status == 10 || status == 11);
			winners += status == 10;
		}
		CHECK_EQ(winners, 1);
		CHECK_EQ(sluice_remove("one"), 0);
	}
}

int main(void)
{
	test_begin();
	RUN(must_create_and_must_exist);
	RUN(must_create_looks_only);
	RUN(mode_and_group);
	RUN(other_kind);
	RUN(other_sizes);
	RUN(impossible_sizes);
	RUN(smallest_sizes);
	RUN(struct_sizes);
	RUN(unknown_flags);
	RUN(places_run_out);
	RUN(ephemeral_goes);
	RUN(ephemeral_is_the_creators);
	RUN(earlier_boot);
	RUN(remover_was_killed);
	RUN(broken_mark);
	RUN(foreign_files);
	RUN(truncated_segments);
	RUN(scribbled_headers);
	RUN(other_version);
	RUN(not_a_file);
	RUN(foreign_directory);
	RUN(planted_file);
	RUN(permissions);
	RUN(full_file_system);
	RUN(read_only_file_system);
	RUN(descriptors_run_out);
	RUN(memory_runs_out);
	RUN(opened_by_many);
	RUN(created_by_one);
	return test_end();
}
