/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * names.c - what may be a name, and what open says of what may not
 */
#include "help.h"

static void refused(const char *name, int code, const char *part)
{
	struct help_text said = refuse_queue(name, 0, code);
	struct sluice_inspection inspection;
	sluice_mutex *mutex = NULL;
	char path[2048];

	CHECK_CONTAINS(said.text, part);
	/* One sentence: no line feed, and it ends with words. */
	CHECK(!strchr(said.text, '\n'));
	CHECK_EQ(sluice_mutex_open(name, NULL, &mutex), code);
	CHECK_EQ(sluice_path(name, path, sizeof(path)), code);
	CHECK_EQ(sluice_remove(name), code);
	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect(name, &inspection, NULL, 0), code);
	CHECK_EQ(count_entries(test_directory()), 0);
}

static void accepted(const char *name)
{
	sluice_queue *queue = open_queue(name, 0, SLUICE_MUST_CREATE);

	CHECK_EQ(access(path_of(name).text, F_OK), 0);
	send_number(queue, 1);
	CHECK_EQ(receive_number(queue), 1);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove(name), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

static void lengths(void)
{
	char name[202];

	memset(name, 'n', sizeof(name));
	name[201] = '\0';
	refused(name, SLUICE_ENAMETOOLONG, "201");
	name[200] = '\0';
	accepted(name);
	accepted("a");
	refused("", SLUICE_EINVAL, "empty");
}

static void alphabet(void)
{
	char name[8];

	accepted("AZaz09._-");
	accepted("a.b");
	accepted("0");
	accepted("_");
	for (int c = 1; c < 256; c++) {
		int fine =
			strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			       c) != NULL;

		/* With a slash it is a path. */
		if (c == '/')
			continue;
		snprintf(name, sizeof(name), "A%cb", c);
		if (fine)
			accepted(name);
		else
			refused(name, SLUICE_EINVAL, "position 2");
	}
}

static void beginnings(void)
{
	refused(".hidden", SLUICE_EINVAL, "'.'");
	refused(".", SLUICE_EINVAL, "'.'");
	refused("..", SLUICE_EINVAL, "'.'");
	refused("-option", SLUICE_EINVAL, "'-'");
	refused("-", SLUICE_EINVAL, "'-'");
}

static void schemes(void)
{
	refused("tcp:host:1", SLUICE_EOPNOTSUPP, "scheme");
	refused("a:b", SLUICE_EOPNOTSUPP, "scheme");
	refused("fifo:/tmp/x", SLUICE_EOPNOTSUPP, "scheme");
	refused("unix-seqpacket:x", SLUICE_EOPNOTSUPP, "scheme");
	refused("A:b", SLUICE_EINVAL, "position 2");
	refused(":b", SLUICE_EINVAL, "position 1");
}

static void descriptors(void)
{
	static const char *const bad[] = { "fd:",    "fd:x",           "fd:1x",   "fd:-1",
					   "fd:1,2", "fd:1,2,3,4",     "fd:1,2,", "fd: 1",
					   "fd:+1",  "fd:99999999999", "fd:1,,2" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_CONTAINS(refuse_queue(bad[i], 0, SLUICE_EINVAL).text, "fd:N");
}

/* A path is the file itself, wherever it lies. */
static void paths(void)
{
	char name[512], elsewhere[256];

	CHECK_LT(snprintf(elsewhere, sizeof(elsewhere), "%s/sub", test_directory()), 256);
	CHECK_EQ(mkdir(elsewhere, 0700), 0);
	CHECK_EQ(chdir(elsewhere), 0);
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "./plain", "./a:b", "../up", "./with space" };
		sluice_queue *queue = open_queue(names[i], 0, SLUICE_MUST_CREATE);

		/* Absolute, so that it means the same after another chdir. */
		CHECK_EQ(path_of(names[i]).text[0], '/');
		CHECK_EQ(access(path_of(names[i]).text, F_OK), 0);
		CHECK_EQ(access(names[i], F_OK), 0);
		sluice_queue_close(queue);
		CHECK_EQ(sluice_remove(names[i]), 0);
		CHECK_EQ(access(names[i], F_OK), -1);
	}
	snprintf(name, sizeof(name), "%s/absolute", elsewhere);
	sluice_queue_close(open_queue(name, 0, 0));
	sluice_queue_close(open_queue("./absolute", 0, SLUICE_MUST_EXIST));
	CHECK_EQ(sluice_remove(name), 0);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(rmdir(elsewhere), 0);
}

static void bad_paths(void)
{
	char name[5000];

	refused("dir/", SLUICE_EINVAL, "slash");
	refused("/", SLUICE_EINVAL, "slash");
	refused("./.hidden", SLUICE_EINVAL, "'.'");
	refused("./..", SLUICE_EINVAL, "'.'");
	/* No such directory. */
	CHECK(refuse_queue("./no/such/directory", 0, SLUICE_ENOENT).text[0]);
	CHECK(refuse_queue("/proc/self/status/x", 0, SLUICE_ENOTDIR).text[0]);
	memset(name, 'x', sizeof(name));
	name[0] = '.';
	name[1] = '/';
	name[203] = '\0';
	refused(name, SLUICE_ENAMETOOLONG, "201");
	name[203] = 'x';
	for (int i = 100; i < 4900; i += 100)
		name[i] = '/';
	name[4950] = '\0';
	CHECK(refuse_queue(name, 0, SLUICE_ENAMETOOLONG).text[0]);
}

/* The place of names is SLUICE_DIR. */
static void directory(void)
{
	char old[128], path[512];

	CHECK_LT(snprintf(old, sizeof(old), "%s", test_directory()), sizeof(old));
	snprintf(path, sizeof(path), "%s/made", old);
	setenv("SLUICE_DIR", path, 1);
	refuse_queue("q", SLUICE_MUST_EXIST, SLUICE_ENOENT);
	CHECK_EQ(access(path, F_OK), -1);
	CHECK_EQ(sluice_list(NULL, NULL, NULL), SLUICE_EINVAL);
	sluice_queue_close(open_queue("q", 0, 0));
	{
		struct stat st;

		CHECK_EQ(stat(path, &st), 0);
		CHECK_EQ(st.st_mode & 07777, 0700);
	}
	snprintf(path, sizeof(path), "%s/made/q", old);
	CHECK_STR(path_of("q").text, path);

	/* A file there, or too long. */
	setenv("SLUICE_DIR", path, 1);
	CHECK_CONTAINS(refuse_queue("q", 0, SLUICE_ENOTDIR).text, "not a directory");
	CHECK_CONTAINS(refuse_queue("q", SLUICE_MUST_EXIST, SLUICE_ENOTDIR).text, "directory");
	memset(path, 'd', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("SLUICE_DIR", path, 1);
	CHECK(refuse_queue("q", 0, SLUICE_ENAMETOOLONG).text[0]);
	{
		char *longer = (char *)calloc(1, 3000);

		CHECK(longer != NULL);
		memset(longer, 'e', 2999);
		longer[0] = '/';
		setenv("SLUICE_DIR", longer, 1);
		CHECK_CONTAINS(refuse_queue("q", 0, SLUICE_ENAMETOOLONG).text, "too long");
		free(longer);
	}
	setenv("SLUICE_DIR", old, 1);
}

/* The diagnostic: always terminated, however short the buffer; untouched on success. */
static void diagnostic_buffers(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue = NULL;
	char text[32];

	for (uint32_t size = 0; size <= sizeof(text); size++) {
		memset(text, '#', sizeof(text));
		options.diagnostic = text;
		options.diagnostic_size = size;
		CHECK_EQ(sluice_queue_open("bad name", &options, &queue), SLUICE_EINVAL);
		if (size)
			CHECK(memchr(text, '\0', size) != NULL);
		for (uint32_t i = size; i < sizeof(text); i++)
			CHECK_EQ(text[i], '#');
	}
	memset(text, '#', sizeof(text));
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_queue_open("good", &options, &queue), 0);
	for (uint32_t i = 0; i < sizeof(text); i++)
		CHECK_EQ(text[i], '#');
	sluice_queue_close(queue);
	options.diagnostic = NULL;
	CHECK_EQ(sluice_queue_open("bad name", &options, &queue), SLUICE_EINVAL);
	CHECK_EQ(sluice_remove("good"), 0);
}

int main(void)
{
	test_begin();
	RUN(lengths);
	RUN(alphabet);
	RUN(beginnings);
	RUN(schemes);
	RUN(descriptors);
	RUN(paths);
	RUN(bad_paths);
	RUN(diagnostic_buffers);
	RUN(directory);
	return test_end();
}
