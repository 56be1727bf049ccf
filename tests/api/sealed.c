/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sealed.c - of a sealed object nobody but who made it, and its children, changes a byte
 *
 * Whoever is passed its descriptor reads, of whatever mode it is; tries to write, to map it for writing,
 * to take part, and to lock its bytes, also by a descriptor for writing that it makes itself.
 */
#include "strangers_help.h"

#include <sys/mman.h>
#include <sys/wait.h>

/* Another user, who was passed the descriptor. */
static void read_sealed(int fd, int tell)
{
	struct sluice_inspection inspection = { .size = sizeof(inspection) };
	struct sluice_topic_options options = topic_options();
	sluice_subscriber *reader;
	char name[64], file[64], text[512];

	(void)be_a_stranger();
	snprintf(name, sizeof(name), "fd:%d", fd);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(lock_all(fd, F_RDLCK), 0);
	CHECK(try_publisher(name, options, text, sizeof(text)) < 0);
	options.flags = SLUICE_READ_ONLY;
	reader = open_subscriber_as(name, options);
	CHECK_EQ(sluice_inspect(name, &inspection, NULL, 0), 0);
	CHECK_EQ(inspection.state, 0);
	CHECK_EQ(inspection.kind, SLUICE_KIND_TOPIC);
	CHECK_EQ(write(tell, "1", 1), 1);
	for (uint64_t i = 1; i < 4; i++)
		CHECK_EQ(next_number(reader), i);
	sluice_subscriber_close(reader);
}

static void sealed_of(uint32_t mode)
{
	struct sluice_topic_options options = topic_options();
	sluice_publisher *publisher;
	char name[64], text[512], told;
	pid_t reader, child;
	int fds[3], tell[2], writable;

	options.flags = SLUICE_SEALED;
	options.mode = mode;
	publisher = open_publisher_as(NULL, options);
	CHECK_EQ(sluice_publisher_share(publisher, fds), 1);
	CHECK_EQ(pipe2(tell, O_CLOEXEC), 0);
	reader = test_fork();
	if (reader == 0) {
		read_sealed(fds[0], tell[1]);
		_exit(0);
	}
	CHECK_EQ(read(tell[0], &told, 1), 1);
	publish_number(publisher, 1);
	/* The fork child of the only one who can write is one more. */
	child = test_fork();
	if (child == 0) {
		publish_number(publisher, 2);
		sluice_publisher_close(publisher);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	publish_number(publisher, 3);
	CHECK_EQ(test_wait(reader), 0);
	/* Even with a descriptor for writing nobody can write, nor be a participant. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[0]);
	writable = open(name, O_RDWR | O_CLOEXEC);
	CHECK(writable >= 0);
	CHECK_EQ(pwrite(writable, "x", 1, 0), -1);
	CHECK_EQ(errno, EPERM);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writable, 0) == MAP_FAILED);
	snprintf(name, sizeof(name), "fd:%d", writable);
	options.flags = 0;
	CHECK_EQ(try_publisher(name, options, text, sizeof(text)), SLUICE_EACCES);
	CHECK(strstr(text, "is sealed") != NULL);
	close(writable);
	close(tell[0]);
	close(tell[1]);
	sluice_publisher_close(publisher);
}

/* Whoever was passed it may read it, whatever its mode. */
static void sealed(void)
{
	sealed_of(0644);
	sealed_of(0600);
}

static void sealed_memory(void)
{
	struct sluice_memory_options options = { .size = sizeof(options) };
	sluice_memory *memory, *look;
	char name[64];
	int fds[3];

	options.flags = SLUICE_SEALED;
	options.bytes = 4096;
	options.maximum = 65536;
	CHECK_EQ(sluice_memory_open(NULL, &options, &memory), 0);
	memcpy(sluice_memory_data(memory), "hello", 6);
	CHECK_EQ(sluice_memory_resize(memory, 65536), 0);
	CHECK_EQ(sluice_memory_share(memory, fds), 1);
	snprintf(name, sizeof(name), "fd:%d", fds[0]);
	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	CHECK_EQ(sluice_memory_open(name, &options, &look), SLUICE_EACCES);
	options.flags = SLUICE_READ_ONLY;
	CHECK_EQ(sluice_memory_open(name, &options, &look), 0);
	CHECK_EQ(sluice_memory_size(look), 65536);
	CHECK_EQ(strcmp((const char *)sluice_memory_data(look), "hello"), 0);
	sluice_memory_close(look);
	sluice_memory_close(memory);
}

static void refused(void)
{
	struct sluice_topic_options options = topic_options();
	char text[512];

	options.flags = SLUICE_SEALED;
	CHECK_EQ(try_publisher("sealed", options, text, sizeof(text)), SLUICE_EINVAL);
	CHECK(strstr(text, "SEALED") != NULL);
	options.flags = SLUICE_SEALED | SLUICE_PRIVATE;
	CHECK_EQ(try_publisher(NULL, options, text, sizeof(text)), SLUICE_EINVAL);
	CHECK(strstr(text, "PRIVATE") != NULL);
	options.flags = SLUICE_SEALED;
	CHECK_EQ(try_subscriber(NULL, options, text, sizeof(text)), SLUICE_EINVAL);
}

int main(void)
{
	test_begin();
	RUN(sealed_memory);
	RUN(refused);
	RUN(sealed);
	return test_end();
}
