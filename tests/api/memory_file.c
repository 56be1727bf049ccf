/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_file.c - files as memory: any range of them, growing, synced, and cut by somebody else
 */
#include "help.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#define PAGE 4096

static char file_path[4352];

static struct sluice_memory_file_options file_options(uint64_t offset, uint64_t length,
						      uint64_t maximum, uint32_t flags)
{
	struct sluice_memory_file_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.offset = offset;
	options.length = length;
	options.maximum = maximum;
	options.flags = flags;
	return options;
}

static sluice_memory *map_as(struct sluice_memory_file_options options)
{
	char text[512] = "";
	sluice_memory *memory = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_memory_map_file(file_path, &options, &memory);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "map: %s, %s", sluice_error_name(r), text);
	return memory;
}

static void refuse(const char *path, struct sluice_memory_file_options options, int code,
		   const char *says)
{
	char text[512] = "";
	sluice_memory *memory = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_memory_map_file(path, &options, &memory);
	if (r != code || memory || !strstr(text, says))
		test_fail(__FILE__, __LINE__, "%s, '%s'; wanted %s and '%s'", sluice_error_name(r),
			  text, sluice_error_name(code), says);
}

static unsigned char *bytes_of(sluice_memory *memory)
{
	return (unsigned char *)sluice_memory_data(memory);
}

/* Byte i of the file is i % 251. */
static void make(unsigned size)
{
	unsigned char *bytes = (unsigned char *)malloc(size + 1);
	int fd = open(file_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && bytes);
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i % 251);
	CHECK_EQ(write(fd, bytes, size), size);
	free(bytes);
	close(fd);
}

static off_t size_of_file(void)
{
	struct stat st;

	CHECK_EQ(stat(file_path, &st), 0);
	return st.st_size;
}

static void any_range(void)
{
	static const unsigned offsets[] = { 0, 1, 7, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 5 };

	make(5 * PAGE + 77);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		unsigned at = offsets[i], rest = 5 * PAGE + 77 - at;
		sluice_memory *memory = map_as(file_options(at, i % 2 ? 0 : PAGE + 3, 0, 0));
		int64_t size = i % 2 ? (int64_t)rest : PAGE + 3;
		unsigned char copy[100];

		CHECK_EQ(sluice_memory_size(memory), size);
		for (int64_t j = 0; j < size; j++)
			CHECK_EQ(bytes_of(memory)[j], (at + j) % 251);
		CHECK_EQ(sluice_memory_copy(memory, (uint64_t)size - 100, copy, 100), 0);
		CHECK_MEM(copy, bytes_of(memory) + size - 100, 100);
		CHECK_EQ(sluice_memory_copy(memory, (uint64_t)size - 99, copy, 100), SLUICE_EINVAL);
		CHECK_EQ(sluice_memory_sync(memory, 3, 100, SLUICE_SYNC_START), 0);
		CHECK_EQ(sluice_memory_sync(memory, 3, 100, SLUICE_SYNC_DATA), 0);
		CHECK_EQ(sluice_memory_sync(memory, 3, 100, SLUICE_SYNC_FILE), 0);
		CHECK_EQ(sluice_memory_sync(memory, 3, (uint64_t)size, SLUICE_SYNC_DATA),
			 SLUICE_EINVAL);
		CHECK_EQ(sluice_memory_sync(memory, 3, 100, 3), SLUICE_EINVAL);
		for (uint32_t advice = 0; advice < 4; advice++)
			CHECK_EQ(sluice_memory_advise(memory, 1, 100, advice), 0);
		CHECK_EQ(sluice_memory_advise(memory, 1, 100, 4), SLUICE_EINVAL);
		sluice_memory_close(memory);
	}
}

/* What one writes, another map and the file have; a copy has it alone. */
static void shared_and_copied(void)
{
	sluice_memory *one, *two, *copy, *reader;
	unsigned char byte = 0;
	pid_t child;
	int fd;

	make(3 * PAGE);
	one = map_as(file_options(10, 0, 0, 0));
	two = map_as(file_options(5, 100, 0, 0));
	reader = map_as(file_options(10, 0, 0, SLUICE_READ_ONLY));
	copy = map_as(file_options(10, 0, 0, SLUICE_COPY_ON_WRITE));
	bytes_of(one)[0] = 200;
	CHECK_EQ(bytes_of(two)[5], 200);
	CHECK_EQ(bytes_of(reader)[0], 200);
	bytes_of(copy)[0] = 100;
	CHECK_EQ(bytes_of(one)[0], 200);
	CHECK_EQ(sluice_memory_copy(copy, 0, &byte, 1), 0);
	CHECK_EQ(byte, 100);
	fd = open(file_path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(pread(fd, &byte, 1, 10), 1);
	CHECK_EQ(byte, 200);
	close(fd);
	CHECK_EQ(sluice_memory_resize(reader, 4 * PAGE), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_resize(copy, 4 * PAGE), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_sync(copy, 0, 1, SLUICE_SYNC_DATA), SLUICE_EPERM);
	child = test_fork();
	if (child == 0) {
		bytes_of(one)[1] = 201; /* behind a fork, too */
		CHECK_EQ(sluice_memory_copy(one, 1, &byte, 1), 0);
		CHECK_EQ(byte, 201);
		signal(SIGSEGV, SIG_DFL);
		bytes_of(reader)[1] = 0;
		_exit(0);
	}
	CHECK_EQ(test_wait(child), -SIGSEGV);
	CHECK_EQ(bytes_of(two)[6], 201);
	sluice_memory_close(one);
	sluice_memory_close(two);
	sluice_memory_close(reader);
	sluice_memory_close(copy);
}

static void grows(void)
{
	sluice_memory *memory;
	unsigned char *data;

	make(0);
	memory = map_as(file_options(0, 0, 64 * PAGE, 0));
	data = bytes_of(memory);
	CHECK(data != NULL);
	CHECK_EQ(sluice_memory_size(memory), 0);
	CHECK_EQ(sluice_memory_resize(memory, 10), 0);
	CHECK_EQ(size_of_file(), 10);
	data[9] = 9;
	CHECK_EQ(sluice_memory_resize(memory, 64 * PAGE), 0);
	CHECK_EQ(size_of_file(), 64 * PAGE);
	data[64 * PAGE - 1] = 1;
	CHECK_EQ(data[9], 9);
	CHECK_EQ(data[10], 0);
	CHECK(bytes_of(memory) == data);
	CHECK_EQ(sluice_memory_resize(memory, 64 * PAGE + 1), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_resize(memory, 3), 0);
	CHECK_EQ(sluice_memory_size(memory), 64 * PAGE);
	sluice_memory_close(memory);
}

/* Somebody cuts the file: an error, and the rest can still be read. */
static void cut(void)
{
	unsigned char buffer[3 * PAGE];
	sluice_memory *shared, *copy;

	make(3 * PAGE);
	shared = map_as(file_options(0, 0, 0, 0));
	copy = map_as(file_options(0, 0, 0, SLUICE_COPY_ON_WRITE));
	CHECK_EQ(sluice_memory_copy(shared, 0, buffer, sizeof(buffer)), 0);
	CHECK_EQ(sluice_memory_copy(copy, 0, buffer, sizeof(buffer)), 0);
	CHECK_EQ(truncate(file_path, PAGE), 0);
	CHECK_EQ(sluice_memory_copy(shared, 0, buffer, sizeof(buffer)), SLUICE_EREMOVED);
	CHECK_EQ(sluice_memory_copy(copy, 0, buffer, sizeof(buffer)), SLUICE_EREMOVED);
	CHECK_EQ(sluice_memory_copy(shared, 0, buffer, PAGE), 0);
	CHECK_EQ(sluice_memory_copy(copy, 0, buffer, PAGE), 0);
	CHECK_EQ(buffer[250], 250);
	sluice_memory_close(shared);
	sluice_memory_close(copy);
}

/* No room: nothing changed, and no SIGBUS later. */
static void full(void)
{
	struct rlimit limit = { 2 * PAGE, RLIM_INFINITY };
	pid_t child;

	make(PAGE);
	child = test_fork();
	if (child == 0) {
		sluice_memory *memory = map_as(file_options(0, 0, 8 * PAGE, 0));

		signal(SIGXFSZ, SIG_IGN);
		CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
		CHECK_EQ(sluice_memory_resize(memory, 2 * PAGE), 0);
		CHECK_EQ(sluice_memory_resize(memory, 3 * PAGE), SLUICE_ENOSPC);
		CHECK_EQ(sluice_memory_size(memory), 2 * PAGE);
		bytes_of(memory)[2 * PAGE - 1] = 1;
		sluice_memory_close(memory);
		unlink(file_path);
		refuse(file_path, file_options(0, 3 * PAGE, 0, 0), SLUICE_ENOSPC,
		       "cannot be given");
		CHECK_EQ(access(file_path, F_OK), -1);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
}

static void refused(void)
{
	sluice_memory *memory;
	int fds[3];

	make(100);
	refuse(file_path, file_options(0, 101, 0, 0), SLUICE_EINVAL, "has 100 bytes");
	refuse(file_path, file_options(101, 0, 0, 0), SLUICE_EINVAL, "has 100 bytes");
	refuse(file_path, file_options(50, 51, 0, SLUICE_READ_ONLY), SLUICE_EINVAL, "from 50 on");
	refuse(file_path, file_options(UINT64_MAX, 1, 0, 0), SLUICE_EINVAL, "at most");
	refuse(file_path, file_options(0, 10, 9, 0), SLUICE_EINVAL, "maximum");
	refuse(file_path, file_options(0, 0, 0, SLUICE_MUST_CREATE), SLUICE_EEXIST, "exists");
	refuse(file_path, file_options(0, 0, 0, SLUICE_READ_ONLY | SLUICE_COPY_ON_WRITE),
	       SLUICE_EINVAL, "exclude");
	refuse(test_directory(), file_options(0, 0, 0, 0), SLUICE_EOPNOTSUPP, "is a directory");
	refuse(test_directory(), file_options(0, 0, 0, SLUICE_READ_ONLY), SLUICE_EOPNOTSUPP,
	       "is a directory");
	refuse("/dev/null", file_options(0, 0, 0, 0), SLUICE_EOPNOTSUPP, "regular file");
	refuse("/absent/file", file_options(0, 0, 0, 0), SLUICE_ENOENT, "No such file");
	unlink(file_path);
	refuse(file_path, file_options(0, 0, 0, SLUICE_READ_ONLY), SLUICE_ENOENT, "No such file");
	refuse(file_path, file_options(0, 0, 0, SLUICE_MUST_EXIST), SLUICE_ENOENT, "No such file");
	CHECK_EQ(sluice_memory_map_file(NULL, NULL, &memory), SLUICE_EINVAL);
	memory = map_as(file_options(3, 20, 0, SLUICE_MUST_CREATE));
	CHECK_EQ(size_of_file(), 23);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_memory_share(memory, fds), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_memory_hold_fd(memory), SLUICE_EOPNOTSUPP);
	CHECK(sluice_memory_root(memory) == NULL);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_memory_open(NULL, NULL, &memory), 0);
	CHECK_EQ(sluice_memory_sync(memory, 0, 1, SLUICE_SYNC_DATA), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_memory_advise(memory, 0, 1, 0), SLUICE_EOPNOTSUPP);
	sluice_memory_close(memory);
}

int main(void)
{
	test_begin();
	snprintf(file_path, sizeof(file_path), "%s/plain-file", test_directory());
	RUN(any_range);
	RUN(shared_and_copied);
	RUN(grows);
	RUN(cut);
	RUN(full);
	RUN(refused);
	unlink(file_path);
	return test_end();
}
