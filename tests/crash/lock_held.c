/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * lock_held.c - what ends a wait for a lock inside publish and write ends the call
 *
 * Another process holds the lock, as one that is stopped does. The caller is interrupted once it
 * sleeps, once; a call that began anew would wait until its time is up.
 */
#include "object/stream.h"
#include "object/topic.h"
#include "test.h"

#include <pthread.h>

#define LONG 150u
#define PATIENCE SLUICE_S(10)

static sluice_publisher *publisher;
static sluice_stream *writer;

/* Is the process's first thread asleep? */
static bool caller_sleeps(void)
{
	char text[512] = "", *state;
	FILE *file = fopen("/proc/self/stat", "r");

	CHECK(file != NULL);
	CHECK(fgets(text, sizeof(text), file) != NULL);
	fclose(file);
	state = strrchr(text, ')');
	return state && state[2] == 'S';
}

static void *interrupt_it(void *handle)
{
	while (!caller_sleeps())
		usleep(1000);
	CHECK_EQ(handle == publisher ? sluice_publisher_interrupt(publisher)
				     : sluice_stream_interrupt(writer),
		 0);
	return NULL;
}

static int64_t interrupted(void *handle, uint32_t size)
{
	static const unsigned char message[LONG];
	pthread_t other;
	int64_t r;

	CHECK_EQ(pthread_create(&other, NULL, interrupt_it, handle), 0);
	r = handle == writer ? sluice_stream_write(writer, message, size, PATIENCE)
			     : sluice_publisher_publish(publisher, message, size, PATIENCE);
	CHECK_EQ(pthread_join(other, NULL), 0);
	return r;
}

static void open_both(void)
{
	struct sluice_topic_options topic = { .size = sizeof(topic) };
	struct sluice_stream_options stream = { .size = sizeof(stream) };

	topic.message_max = LONG;
	stream.role = SLUICE_WRITE;
	CHECK_EQ(sluice_publisher_open("held-topic", &topic, &publisher), 0);
	CHECK_EQ(sluice_stream_open("held-stream", &stream, &writer), 0);
}

static void hold(int ready)
{
	struct sli_wait wait;

	open_both();
	wait = sli_handle_wait(&publisher->base.handle, SLUICE_FOREVER);
	CHECK_EQ(sli_lock_take(&publisher->base.topic.control->publish.lock,
			       publisher->base.topic.peers, &wait, 0),
		 0);
	CHECK_EQ(sli_lock_take(&writer->out->control->write.lock, writer->out->peers, &wait, 0), 0);
	CHECK_EQ(write(ready, "", 1), 1);
	for (;;)
		pause();
}

int main(void)
{
	int ready[2];
	pid_t holder;
	char byte;

	test_begin();
	CHECK_EQ(pipe(ready), 0);
	holder = test_fork();
	if (holder == 0)
		hold(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	open_both();
	for (uint32_t size = 50; size <= LONG; size += 100) {
		CHECK_EQ(interrupted(publisher, size), SLUICE_ECANCELED);
		CHECK_EQ(interrupted(writer, size), SLUICE_ECANCELED);
	}
	test_kill(holder);
	CHECK_EQ(sluice_publisher_publish(publisher, "", 1, PATIENCE), 0);
	CHECK_EQ(sluice_stream_write(writer, "", 1, PATIENCE), 1);
	sluice_publisher_close(publisher);
	sluice_stream_close(writer);
	test_clean();
	return 0;
}
