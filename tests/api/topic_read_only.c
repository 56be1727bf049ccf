/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_read_only.c - subscribers that look on: they see everything, and change nothing
 */
#include "topic_help.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define NAME "watched"
#define LONG 5000u

static struct sluice_topic_options looking_on(uint32_t policy, uint32_t history)
{
	struct sluice_topic_options options = topic_options();

	options.flags = SLUICE_READ_ONLY;
	options.policy = policy;
	options.history = history;
	return options;
}

static sluice_publisher *open_small(void)
{
	struct sluice_topic_options options = topic_options();

	options.depth = 4;
	options.message_max = LONG;
	options.subscribers = 1;
	return open_publisher_as(NAME, options);
}

static void publish_long(sluice_publisher *publisher, unsigned char fill)
{
	unsigned char data[LONG];

	memset(data, fill, sizeof(data));
	CHECK_EQ(sluice_publisher_publish(publisher, data, sizeof(data), SLUICE_NOWAIT), 0);
}

static void sees_everything(void)
{
	sluice_publisher *publisher = open_small();
	sluice_subscriber *subscriber = subscribe(NAME, SLUICE_WAIT, 0);
	sluice_subscriber *reader, *other;
	struct sluice_topic_message message = topic_message();
	unsigned char data[LONG];

	publish_numbers(publisher, 0, 2);
	/* All places for subscribers are taken; it needs none. */
	reader = open_subscriber_as(NAME, looking_on(0, 1));
	other = open_subscriber_as(NAME, looking_on(SLUICE_LATEST, 0));
	CHECK_EQ(publisher_info(publisher).subscribers, 1);
	CHECK_EQ(next_number(reader), 1);
	nothing_new(reader);
	nothing_new(other);
	publish_long(publisher, 7);
	CHECK_EQ(sluice_subscriber_receive(reader, data, 8, &message, SLUICE_NOWAIT),
		 SLUICE_EMSGSIZE);
	CHECK_EQ(message.length, LONG);
	CHECK_EQ(sluice_subscriber_receive(reader, data, LONG, &message, SLUICE_NOWAIT), LONG);
	CHECK_EQ(data[0], 7);
	CHECK_EQ(data[LONG - 1], 7);
	CHECK_EQ(message.sequence, 2);
	CHECK_EQ(sluice_subscriber_receive(reader, data, 0, NULL, SLUICE_MS(5)), SLUICE_ETIMEDOUT);
	/* Too slow: it is told the exact number, and nobody waited for it. */
	CHECK_EQ(next_number(subscriber), 0);
	CHECK_EQ(next_number(subscriber), 1);
	CHECK_EQ(sluice_subscriber_receive(subscriber, data, LONG, NULL, SLUICE_NOWAIT), LONG);
	for (uint64_t i = 3; i < 20; i++) {
		publish_number(publisher, i);
		CHECK_EQ(next_number(subscriber), i);
	}
	message = topic_message();
	CHECK_EQ(sluice_subscriber_receive(reader, data, LONG, &message, SLUICE_NOWAIT), 8);
	CHECK_EQ(message.sequence, 3 + message.lost);
	CHECK_EQ(sluice_subscriber_lost(reader), message.lost);
	CHECK_EQ(next_number(other), 19);
	CHECK_EQ(sluice_subscriber_lost(other), 17);
	sluice_subscriber_close(other);
	sluice_subscriber_close(reader);
	sluice_subscriber_close(subscriber);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_remove(NAME), 0);
}

/* ---- changes nothing -------------------------------------------------------------------------- */

static unsigned char *bytes_of_file(size_t *ret_size)
{
	char path[512];
	struct stat st;
	unsigned char *bytes;
	int fd;

	CHECK(sluice_path(NAME, path, sizeof(path)) > 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	*ret_size = (size_t)st.st_size;
	bytes = (unsigned char *)malloc(*ret_size);
	CHECK(bytes != NULL);
	CHECK_EQ(pread(fd, bytes, *ret_size, 0), st.st_size);
	close(fd);
	return bytes;
}

/* Every mapping of the file in this process is for reading only; how many there are. */
static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024];
	int count = 0;

	CHECK(maps != NULL);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "/" NAME)) {
			count++;
			CHECK(strstr(line, " r--s ") != NULL);
		}
	fclose(maps);
	return count;
}

static void change_nothing(void)
{
	sluice_subscriber *reader = open_subscriber_as(NAME, looking_on(0, 4));
	const void *loan;
	uint64_t number;
	int fds[3];

	CHECK_EQ(count_mappings(), 1);
	CHECK_EQ(sluice_subscriber_share(reader, fds), 1);
	CHECK_EQ(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(sluice_subscriber_borrow(reader, &loan, NULL, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_subscriber_fd(reader), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_subscriber_hold_fd(reader), SLUICE_EOPNOTSUPP);
	CHECK_EQ(next_number(reader), 0);
	CHECK_EQ(next_number(reader), 1);
	nothing_new(reader);
	CHECK_EQ(sluice_subscriber_receive(reader, &number, 8, NULL, SLUICE_MS(20)),
		 SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_subscriber_interrupt(reader), 0);
	CHECK_EQ(sluice_subscriber_lost(reader), 0);
	sluice_subscriber_close(reader);
}

static void changes_nothing(void)
{
	sluice_publisher *publisher = open_small();
	unsigned char *before, *after;
	size_t size, again;
	pid_t child;

	publish_numbers(publisher, 0, 2);
	sluice_publisher_close(publisher);
	before = bytes_of_file(&size);
	child = test_fork();
	if (child == 0) {
		change_nothing();
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	after = bytes_of_file(&again);
	CHECK_EQ(again, size);
	CHECK_EQ(memcmp(before, after, size), 0);
	free(before);
	free(after);
	CHECK_EQ(sluice_remove(NAME), 0);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static void *receive_interrupted(void *context)
{
	sluice_subscriber *reader = (sluice_subscriber *)context;
	uint64_t number;

	CHECK_EQ(sluice_subscriber_receive(reader, &number, 8, NULL, SLUICE_S(20)),
		 SLUICE_ECANCELED);
	return NULL;
}

static void waits(void)
{
	sluice_publisher *publisher = open_small();
	sluice_subscriber *reader = open_subscriber_as(NAME, looking_on(0, 0));
	pthread_t thread;
	uint64_t number;
	pid_t child = test_fork();

	if (child == 0) {
		test_sleep_ms(30);
		publish_number(publisher, 5);
		_exit(0);
	}
	CHECK_EQ(next_number(reader), 5);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(pthread_create(&thread, NULL, receive_interrupted, reader), 0);
	test_sleep_ms(30);
	CHECK_EQ(sluice_subscriber_interrupt(reader), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	/* A fork child looks on as its parent did. */
	publish_number(publisher, 6);
	child = test_fork();
	if (child == 0) {
		CHECK_EQ(next_number(reader), 6);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(next_number(reader), 6);
	CHECK_EQ(sluice_remove(NAME), 0);
	CHECK_EQ(sluice_subscriber_receive(reader, &number, 8, NULL, SLUICE_S(20)),
		 SLUICE_EREMOVED);
	sluice_subscriber_close(reader);
	sluice_publisher_close(publisher);
}

/* ---- overrun ---------------------------------------------------------------------------------- */

#define MANY 20000u

static void publish_many(sluice_publisher *publisher)
{
	uint64_t words[LONG / 8];

	for (uint64_t n = 0; n < MANY; n++) {
		for (size_t i = 0; i < LONG / 8; i++)
			words[i] = n;
		CHECK_EQ(sluice_publisher_publish(publisher, words, sizeof(words), 0), 0);
	}
}

/* A publisher at full speed overruns it all the time; what it gets is whole, and the sum is right. */
static void overrun(void)
{
	sluice_publisher *publisher = open_small();
	sluice_subscriber *reader = open_subscriber_as(NAME, looking_on(0, 0));
	uint64_t words[LONG / 8], got = 0;
	struct sluice_topic_message message = topic_message();
	pid_t child = test_fork();

	if (child == 0) {
		publish_many(publisher);
		_exit(0);
	}
	do {
		CHECK_EQ(sluice_subscriber_receive(reader, words, sizeof(words), &message,
						   SLUICE_S(30)),
			 sizeof(words));
		for (size_t i = 0; i < LONG / 8; i++)
			CHECK_EQ(words[i], message.sequence);
		got++;
	} while (message.sequence != MANY - 1);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(got + (uint64_t)sluice_subscriber_lost(reader), MANY);
	sluice_subscriber_close(reader);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_remove(NAME), 0);
}

static void refused(void)
{
	struct sluice_topic_options options = looking_on(0, 0);
	char text[512];

	CHECK_EQ(try_subscriber("absent", options, text, sizeof(text)), SLUICE_ENOENT);
	CHECK(strstr(text, "absent does not exist") != NULL);
	CHECK_EQ(try_subscriber(NULL, options, text, sizeof(text)), SLUICE_EINVAL);
	options.flags |= SLUICE_MUST_CREATE;
	CHECK_EQ(try_subscriber("absent", options, text, sizeof(text)), SLUICE_EINVAL);
	CHECK(strstr(text, "MUST_CREATE") != NULL);
	options = looking_on(SLUICE_WAIT, 0);
	CHECK_EQ(try_subscriber("absent", options, text, sizeof(text)), SLUICE_EINVAL);
	CHECK(strstr(text, "WAIT") != NULL);
	options = looking_on(0, 0);
	CHECK_EQ(try_publisher("absent", options, text, sizeof(text)), SLUICE_EINVAL);
}

int main(void)
{
	test_begin();
	RUN(sees_everything);
	RUN(changes_nothing);
	RUN(waits);
	RUN(overrun);
	RUN(refused);
	return test_end();
}
