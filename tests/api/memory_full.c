/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_full.c - memories and mapped files on a file system that is full
 *
 * A tmpfs of 64 pages in a mount namespace of our own. What has no room is an error, changes nothing and
 * leaves nothing behind; whatever a size says is there can be touched, however full it is.
 */
#include "help.h"

#include <sched.h>
#include <sys/mount.h>

#define PAGE 4096
#define PAGES 64
#define MAXIMUM (4 * PAGES * PAGE)

static struct sluice_memory_options memory_options(uint64_t bytes)
{
	struct sluice_memory_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.bytes = bytes;
	options.maximum = MAXIMUM;
	options.mutexes = 1;
	options.participants = 4;
	return options;
}

static void put_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

/* As root of the machine, or of a namespace in which we are root. */
static int own_mounts(void)
{
	unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();
	char line[64];

	if (unshare(CLONE_NEWNS) == 0)
		return 1;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return 0;
	put_line("/proc/self/setgroups", "deny");
	snprintf(line, sizeof(line), "0 %u 1", uid);
	put_line("/proc/self/uid_map", line);
	snprintf(line, sizeof(line), "0 %u 1", gid);
	put_line("/proc/self/gid_map", line);
	return 1;
}

static int small_file_system(void)
{
	return own_mounts() && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("small", test_directory(), "tmpfs", 0, "size=256k,mode=0700") == 0;
}

static const char *path_in(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%.500s/%.60s", test_directory(), name);
	return path;
}

/* Until nothing fits any more, but for @left pages. */
static void fill_up(unsigned left)
{
	static char bytes[PAGE];
	int fd = open(path_in("rest"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	off_t size = 0;

	CHECK(fd >= 0);
	while (write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		size += PAGE;
	CHECK_EQ(ftruncate(fd, size - (off_t)left * PAGE), 0);
	close(fd);
}

static void empty(void)
{
	CHECK_EQ(unlink(path_in("rest")), 0);
}

static void touch_all(sluice_memory *memory)
{
	unsigned char *data = (unsigned char *)sluice_memory_data(memory);

	for (int64_t i = 0; i < sluice_memory_size(memory); i += PAGE)
		data[i]++;
}

static sluice_memory *make_memory(void)
{
	struct sluice_memory_options options = memory_options(8 * PAGE);
	sluice_memory *memory = NULL;

	CHECK_EQ(sluice_memory_open("some", &options, &memory), 0);
	return memory;
}

static void end_memory(sluice_memory *memory)
{
	touch_all(memory);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("some"), 0);
	empty();
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* ---- what is tried ------------------------------------------------------------------------- */

static void creating(void)
{
	struct sluice_memory_options options = memory_options(MAXIMUM);
	sluice_memory *memory = NULL;
	char text[512] = "";

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_memory_open("some", &options, &memory), SLUICE_ENOSPC);
	CHECK_CONTAINS(text, "room");
	CHECK(memory == NULL);
	CHECK_EQ(count_entries(test_directory()), 0);
}

static void growing(void)
{
	sluice_memory *memory = make_memory();
	int64_t size;

	CHECK_EQ(sluice_memory_resize(memory, MAXIMUM), SLUICE_ENOSPC);
	CHECK_EQ(sluice_memory_size(memory), 8 * PAGE);
	fill_up(2);
	touch_all(memory);
	CHECK_EQ(sluice_memory_resize(memory, 11 * PAGE), SLUICE_ENOSPC);
	CHECK_EQ(sluice_memory_resize(memory, 10 * PAGE), 0);
	touch_all(memory);
	CHECK_EQ(sluice_memory_resize(memory, 11 * PAGE), SLUICE_ENOSPC);
	size = sluice_memory_size(memory);
	CHECK_EQ(size, 10 * PAGE);
	/* As soon as there is room, it can grow again. */
	empty();
	CHECK_EQ(sluice_memory_resize(memory, 20 * PAGE), 0);
	fill_up(0);
	end_memory(memory);
}

/* The memory grows as long as it can, for the last block page by page. */
static void allocating(void)
{
	sluice_memory *memory = make_memory();
	uint64_t *root = sluice_memory_root(memory), *links;
	unsigned count = 0;
	int r = 0;

	CHECK_EQ(sluice_memory_allocate(memory, 1024 * sizeof(*links), root), 0);
	links = (uint64_t *)(void *)((char *)sluice_memory_data(memory) + *root);
	memset(links, 0, 1024 * sizeof(*links));
	fill_up(3);
	while (count < 1024 && (r = sluice_memory_allocate(memory, 1000, &links[count])) == 0) {
		memset((char *)sluice_memory_data(memory) + links[count], 1, 1000);
		count++;
	}
	CHECK_EQ(r, SLUICE_ENOSPC);
	CHECK_EQ(links[count], 0);
	CHECK_EQ(sluice_memory_size(memory), 11 * PAGE);
	CHECK_EQ(sluice_memory_check(memory), 0);
	/* What is given back can be had again. */
	CHECK_EQ(sluice_memory_free(memory, &links[0]), 0);
	CHECK_EQ(sluice_memory_allocate(memory, 1000, &links[0]), 0);
	CHECK_EQ(sluice_memory_check(memory), 0);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("some"), 0);
	empty();
}

static void mapping_a_file(void)
{
	struct sluice_memory_file_options options;
	sluice_memory *file = NULL;
	char text[512] = "";

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.length = MAXIMUM;
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_memory_map_file(path_in("file"), &options, &file), SLUICE_ENOSPC);
	CHECK_CONTAINS(text, "cannot be given");
	CHECK_EQ(count_entries(test_directory()), 0);
	options.length = 4 * PAGE;
	options.maximum = MAXIMUM;
	CHECK_EQ(sluice_memory_map_file(path_in("file"), &options, &file), 0);
	touch_all(file);
	fill_up(1);
	CHECK_EQ(sluice_memory_resize(file, 6 * PAGE), SLUICE_ENOSPC);
	CHECK_EQ(sluice_memory_size(file), 4 * PAGE);
	CHECK_EQ(sluice_memory_resize(file, 5 * PAGE), 0);
	touch_all(file);
	CHECK_EQ(sluice_memory_sync(file, 0, 5 * PAGE, SLUICE_SYNC_DATA), 0);
	sluice_memory_close(file);
	CHECK_EQ(unlink(path_in("file")), 0);
	empty();
}

static void in_a_child(void *unused)
{
	(void)unused;
	if (!small_file_system())
		_exit(TEST_SKIPPED);
	creating();
	growing();
	allocating();
	mapping_a_file();
}

int main(void)
{
	int status;

	test_begin();
	status = test_wait(test_spawn(in_a_child, NULL));
	if (status == TEST_SKIPPED)
		test_skip("no file system can be mounted here, not even in a user namespace");
	CHECK_EQ(status, 0);
	return test_end();
}
