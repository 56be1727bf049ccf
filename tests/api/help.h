/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * help.h - what most tests of the queue and the mutex do
 *
 * Opening fails the test with the library's own sentence. Messages here are 64-bit numbers unless a
 * test says otherwise.
 */
#ifndef HELP_H
#define HELP_H

#include "test.h"

#include <dirent.h>
#include <sluice.h>

struct help_text {
	char text[512];
};

static inline struct sluice_queue_options queue_options(void)
{
	struct sluice_queue_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	return options;
}

static inline struct sluice_mutex_options mutex_options(void)
{
	struct sluice_mutex_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	return options;
}

static inline sluice_queue *open_queue_as(const char *name, struct sluice_queue_options options)
{
	char text[512] = "";
	sluice_queue *queue = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_queue_open(name, &options, &queue);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open queue %s: %s, %s", name ? name : "(null)",
			  sluice_error_name(r), text);
	CHECK(queue != NULL);
	return queue;
}

static inline sluice_queue *open_queue(const char *name, uint32_t role, uint32_t flags)
{
	struct sluice_queue_options options = queue_options();

	options.role = role;
	options.flags = flags;
	return open_queue_as(name, options);
}

static inline sluice_mutex *open_mutex_as(const char *name, struct sluice_mutex_options options)
{
	char text[512] = "";
	sluice_mutex *mutex = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_mutex_open(name, &options, &mutex);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open mutex %s: %s, %s", name ? name : "(null)",
			  sluice_error_name(r), text);
	CHECK(mutex != NULL);
	return mutex;
}

static inline sluice_mutex *open_mutex(const char *name, uint32_t flags)
{
	struct sluice_mutex_options options = mutex_options();

	options.flags = flags;
	return open_mutex_as(name, options);
}

/* Open and expect @code, and a sentence. */
static inline struct help_text refuse_queue_as(const char *name,
					       struct sluice_queue_options options, int code)
{
	struct help_text said;
	sluice_queue *queue = NULL;
	int r;

	memset(&said, 0, sizeof(said));
	options.diagnostic = said.text;
	options.diagnostic_size = sizeof(said.text);
	r = sluice_queue_open(name, &options, &queue);
	if (r != code)
		test_fail(__FILE__, __LINE__, "open queue %s: %s (%d), wanted %s; it said: %s",
			  name ? name : "(null)", sluice_error_name(r), r, sluice_error_name(code),
			  said.text);
	CHECK(queue == NULL);
	if (!said.text[0])
		test_fail(__FILE__, __LINE__, "open queue %s: %s without a sentence",
			  name ? name : "(null)", sluice_error_name(r));
	return said;
}

static inline struct help_text refuse_queue(const char *name, uint32_t flags, int code)
{
	struct sluice_queue_options options = queue_options();

	options.flags = flags;
	return refuse_queue_as(name, options, code);
}

static inline void send_number_as(sluice_queue *queue, int64_t type, uint64_t number)
{
	CHECK_EQ(sluice_queue_send(queue, type, &number, sizeof(number), SLUICE_S(20)), 0);
}

static inline void send_number(sluice_queue *queue, uint64_t number)
{
	send_number_as(queue, 1, number);
}

static inline uint64_t receive_number_as(sluice_queue *queue, int64_t type)
{
	uint64_t number = 0;

	CHECK_EQ(sluice_queue_receive(queue, type, &number, sizeof(number), NULL, SLUICE_S(20)),
		 sizeof(number));
	return number;
}

static inline uint64_t receive_number(sluice_queue *queue)
{
	return receive_number_as(queue, 0);
}

/* Nothing for a receive of @type. */
static inline void check_nothing(sluice_queue *queue, int64_t type)
{
	uint64_t number;

	CHECK_EQ(sluice_queue_receive(queue, type, &number, sizeof(number), NULL, SLUICE_NOWAIT),
		 SLUICE_EAGAIN);
}

static inline struct sluice_message message_info(void)
{
	struct sluice_message info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	return info;
}

static inline struct sluice_queue_info queue_info(sluice_queue *queue)
{
	struct sluice_queue_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_queue_info(queue, &info), 0);
	return info;
}

static inline struct sluice_memory_info memory_info(sluice_memory *memory)
{
	struct sluice_memory_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_memory_info(memory, &info), 0);
	return info;
}

static inline struct sluice_mutex_info mutex_info(sluice_mutex *mutex)
{
	struct sluice_mutex_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_mutex_info(mutex, &info), 0);
	return info;
}

/* The file of a plain name. */
static inline struct help_text path_of(const char *name)
{
	struct help_text path;

	memset(&path, 0, sizeof(path));
	CHECK_GE(sluice_path(name, path.text, sizeof(path.text)), 1);
	return path;
}

/* Store @size bytes at @offset of the file of a name. */
static inline void patch_file(const char *name, off_t offset, const void *bytes, size_t size)
{
	int fd = open(path_of(name).text, O_RDWR | O_CLOEXEC);

	CHECK_GE(fd, 0);
	CHECK_EQ(pwrite(fd, bytes, size, offset), size);
	close(fd);
}

/* Make a file of that name with these bytes. */
static inline void make_file(const char *name, const void *bytes, size_t size)
{
	int fd = open(path_of(name).text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK_GE(fd, 0);
	CHECK_EQ(write(fd, bytes, size), size);
	close(fd);
}

/* Entries of a directory, without . and .. */
static inline int count_entries(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int count = 0;

	CHECK(dir != NULL);
	while ((entry = readdir(dir)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return count;
}

/* Open descriptors of this process, but for the one that counts them. */
static inline int count_fds(void)
{
	return count_entries("/proc/self/fd") - 1;
}

/* A pipe that two processes of a test tell each other things through. */
struct help_pipe {
	int out, in;
};

static inline struct help_pipe make_pipe(void)
{
	struct help_pipe p;
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	p.out = fds[0];
	p.in = fds[1];
	return p;
}

static inline void tell(struct help_pipe p)
{
	CHECK_EQ(write(p.in, "x", 1), 1);
}

static inline void await(struct help_pipe p)
{
	char byte;
	ssize_t n;

	do
		n = read(p.out, &byte, 1);
	while (n < 0 && errno == EINTR);
	CHECK_EQ(n, 1);
}

static inline void close_pipe(struct help_pipe p)
{
	close(p.out);
	close(p.in);
}

/* Is the thread @tid (of process @pid) asleep in the kernel? Waits until it is. */
static inline void await_sleep(pid_t pid, pid_t tid)
{
	for (int i = 0; i < 2000; i++) {
		char path[64], text[512], state = 0;
		const char *at;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
		file = fopen(path, "re");
		CHECK(file != NULL);
		if (fgets(text, sizeof(text), file) && (at = strrchr(text, ')')))
			state = at[2];
		fclose(file);
		if (state == 'S') {
			test_sleep_ms(5);
			return;
		}
		test_sleep_ms(5);
	}
	test_fail(__FILE__, __LINE__, "%d does not fall asleep", (int)tid);
}

#endif
