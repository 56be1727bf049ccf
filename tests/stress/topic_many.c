/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * topic_many.c - the load of topic_load.h between nine processes
 *
 *	topic_many [COUNT SIZE DEPTH]		for instance 10000000 64 1024
 */
#include "topic_load.h"

#include <sys/mman.h>

static struct load *load;

static void subscribe_and_receive(uint32_t which, int ready)
{
	struct sluice_topic_options options = load_options(load);
	sluice_subscriber *subscriber;

	options.policy = load_kinds[which].policy;
	CHECK_EQ(sluice_subscriber_open("load", &options, &subscriber), 0);
	CHECK_EQ(write(ready, "", 1), 1);
	load_receive(subscriber, load, which);
	sluice_subscriber_close(subscriber);
	_exit(0);
}

static void run_load(uint64_t count, size_t size, uint64_t depth)
{
	struct sluice_topic_options options;
	pid_t pids[LOAD_SUBSCRIBERS];
	sluice_publisher *publisher;
	int64_t began;
	int ready[2];
	char byte;

	*load = (struct load){ .count = count, .size = size, .depth = depth };
	options = load_options(load);
	CHECK_EQ(pipe(ready), 0);
	for (uint32_t i = 0; i < LOAD_SUBSCRIBERS; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0)
			subscribe_and_receive(i, ready[1]);
	}
	for (int i = 0; i < LOAD_SUBSCRIBERS; i++)
		CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(sluice_publisher_open("load", &options, &publisher), 0);
	began = test_now_ns();
	load_publish(publisher, load);
	for (int i = 0; i < LOAD_SUBSCRIBERS; i++)
		CHECK_EQ(test_wait(pids[i]), 0);
	printf("  %llu messages of %zu bytes, %.1f s\n", (unsigned long long)count, size,
	       (double)(test_now_ns() - began) / 1e9);
	for (int i = 0; i < LOAD_SUBSCRIBERS; i++)
		printf("    %-26s received %llu, lost %llu\n", load_kinds[i].name,
		       (unsigned long long)load->received[i], (unsigned long long)load->lost[i]);
	load_judge(load);
	sluice_publisher_close(publisher);
	CHECK_EQ(sluice_remove("load"), 0);
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	void *p = mmap(NULL, sizeof(*load), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);

	test_begin();
	CHECK(p != MAP_FAILED);
	load = (struct load *)p;
	if (argc > 3) {
		run_load(strtoull(argv[1], NULL, 0), strtoul(argv[2], NULL, 0),
			 strtoull(argv[3], NULL, 0));
		return test_end();
	}
	run_load(30000, 64, 256);
	run_load(5000, 4096, 32);
	run_load(100, 1 << 20, 4);
	return test_end();
}
