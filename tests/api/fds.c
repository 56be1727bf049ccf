/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fds.c - nothing is left open, nothing is left lying, and nothing goes through an exec by itself
 */
#include "help.h"

static void open_and_ring(sluice_queue **ret_queue, sluice_queue **ret_second)
{
	sluice_queue *queue, *second;

	queue = open_queue("q", 0, SLUICE_MUST_CREATE);
	CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
	CHECK_GE(sluice_queue_fd(queue, SLUICE_WRITABLE, 0), 0);
	second = open_queue("q", 0, 0);
	/* They ring each other. */
	send_number(second, 1);
	CHECK_EQ(receive_number(queue), 1);
	check_nothing(queue, 0);
	send_number(second, 1);
	CHECK_EQ(receive_number(second), 1);
	*ret_queue = queue;
	*ret_second = second;
}

static void open_and_share(sluice_queue **ret_queue, sluice_queue **ret_second)
{
	char name[64];
	int fds[3];

	*ret_queue = open_queue(NULL, 0, 0);
	CHECK_GE(sluice_queue_fd(*ret_queue, SLUICE_READABLE, 0), 0);
	CHECK_EQ(sluice_queue_share(*ret_queue, fds), 3);
	snprintf(name, sizeof(name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	*ret_second = open_queue(name, 0, 0);
}

static void open_and_fail(int i)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue = NULL, *second = NULL;
	sluice_mutex *mutex = NULL;

	switch (i % 10) {
	case 0:
		open_and_ring(&queue, &second);
		break;
	case 1:
		open_and_share(&queue, &second);
		break;
	case 2:
		queue = open_queue(NULL, 0, SLUICE_PRIVATE);
		CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
		break;
	case 3:
		mutex = open_mutex("m", SLUICE_EPHEMERAL);
		refuse_queue("m", 0, SLUICE_EMISMATCH);
		break;
	case 4:
		refuse_queue("q", SLUICE_MUST_EXIST, SLUICE_ENOENT);
		refuse_queue("bad name", 0, SLUICE_EINVAL);
		break;
	case 5:
		queue = open_queue("q", 0, 0);
		refuse_queue("q", SLUICE_MUST_CREATE, SLUICE_EEXIST);
		options.capacity = 1 << 22;
		refuse_queue_as("q", options, SLUICE_EMISMATCH);
		break;
	case 6:
		options.role = 8;
		refuse_queue_as("q", options, SLUICE_EINVAL);
		refuse_queue("fd:9999", 0, SLUICE_EBADF);
		break;
	case 7:
		make_file("q", "rubbish", 7);
		refuse_queue("q", 0, SLUICE_ECORRUPT);
		break;
	case 8:
		queue = open_queue("q", 0, 0);
		CHECK_EQ(sluice_remove("q"), 0);
		second = open_queue("q", 0, 0);
		break;
	default:
		options.participants = 1;
		options.open_timeout_ns = 1;
		queue = open_queue_as("q", options);
		refuse_queue_as("q", options, SLUICE_EUSERS);
		break;
	}
	sluice_queue_close(queue);
	sluice_queue_close(second);
	sluice_mutex_close(mutex);
	if (access(path_of("q").text, F_OK) == 0)
		CHECK_EQ(sluice_remove("q"), 0);
}

static void nothing_leaks(void)
{
	int before;

	open_and_fail(0);
	before = count_fds();
	for (int i = 0; i < 1000; i++) {
		open_and_fail(i);
		CHECK_EQ(count_fds(), before);
		CHECK_EQ(count_entries(test_directory()), 0);
	}
}

static void mappings_are_given_back(void)
{
	char line[512];
	FILE *maps;

	for (int i = 0; i < 50; i++)
		open_and_fail(i);
	maps = fopen("/proc/self/maps", "re");
	CHECK(maps != NULL);
	while (fgets(line, sizeof(line), maps)) {
		CHECK(!strstr(line, "memfd:sluice"));
		CHECK(!strstr(line, test_directory()));
	}
	fclose(maps);
}

static void all_close_on_exec(void)
{
	sluice_queue *named = open_queue("q", 0, 0), *anonymous = open_queue(NULL, 0, 0);
	sluice_queue *private_queue = open_queue(NULL, 0, SLUICE_PRIVATE);
	sluice_mutex *mutex = open_mutex("m", 0);
	DIR *dir;
	struct dirent *entry;
	int inherited = 0;

	CHECK_GE(sluice_queue_fd(named, SLUICE_READABLE, 0), 0);
	CHECK_GE(sluice_queue_fd(anonymous, SLUICE_READABLE, 0), 0);
	CHECK_GE(sluice_queue_fd(private_queue, SLUICE_WRITABLE, 0), 0);
	send_number(named, 1);
	dir = opendir("/proc/self/fd");
	CHECK(dir != NULL);
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd > 2 && fcntl(fd, F_GETFD) == 0) {
			char path[64], target[256];
			ssize_t n;

			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
			n = readlink(path, target, sizeof(target) - 1);
			CHECK_GE(n, 0);
			target[n] = '\0';
			/* What the program was started with is its own. */
			if (strstr(target, "sluice") || strstr(target, "anon_inode")) {
				printf("    %d: %s\n", fd, target);
				inherited++;
			}
		}
	}
	closedir(dir);
	CHECK_EQ(inherited, 0);
	sluice_queue_close(named);
	sluice_queue_close(anonymous);
	sluice_queue_close(private_queue);
	sluice_mutex_close(mutex);
	CHECK_EQ(sluice_remove("q"), 0);
	CHECK_EQ(sluice_remove("m"), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* The library works with standard descriptors closed, and does not take their numbers for bells. */
static void low_numbers(void *unused)
{
	sluice_queue *queue, *other;

	(void)unused;
	close(0);
	close(1);
	queue = open_queue("low", 0, 0);
	other = open_queue("low", 0, 0);
	CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
	check_nothing(queue, 0);
	send_number(other, 1);
	CHECK_EQ(receive_number(queue), 1);
	sluice_queue_close(queue);
	sluice_queue_close(other);
	queue = open_queue(NULL, 0, 0);
	CHECK_GE(sluice_queue_fd(queue, SLUICE_READABLE, 0), 0);
	send_number(queue, 1);
	CHECK_EQ(receive_number(queue), 1);
	sluice_queue_close(queue);
	CHECK_EQ(fcntl(0, F_GETFD), -1);
	CHECK_EQ(fcntl(1, F_GETFD), -1);
}

static void standard_descriptors_closed(void)
{
	test_wait_ok(test_spawn(low_numbers, NULL));
	CHECK_EQ(sluice_remove("low"), 0);
}

int main(void)
{
	test_begin();
	RUN(nothing_leaks);
	RUN(mappings_are_given_back);
	RUN(all_close_on_exec);
	RUN(standard_descriptors_closed);
	return test_end();
}
