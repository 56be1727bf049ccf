/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* list.c - what there is to measure, and the words for it */
#include "bench.h"
#include "measure.h"
#include "plan.h"

#include <string.h>

extern const struct bench_driver bench_floor_lines, bench_floor_futex, bench_floor_copy,
	bench_floor_lock, bench_floor_call;
extern const struct bench_driver bench_queue, bench_queue_batch, bench_queue_crowd,
	bench_queue_tiny, bench_stream, bench_stream_bulk, bench_topic, bench_topic_place,
	bench_stream_unix, bench_stream_tcp, bench_datagram, bench_semaphore, bench_condition,
	bench_barrier, bench_mutex, bench_rwlock, bench_rwlock_shared, bench_memory,
	bench_file_lock;
extern const struct bench_driver bench_pipe, bench_pipe_bulk, bench_fifo, bench_unix_stream,
	bench_unix_dgram, bench_unix_seqpacket, bench_tcp, bench_udp, bench_mq, bench_msg,
	bench_eventfd, bench_vm_readv;
extern const struct bench_driver bench_shm_mutex, bench_shm_sem;
extern const struct bench_driver bench_pthread, bench_pthread_shared, bench_pthread_robust,
	bench_pthread_pi, bench_pthread_rwlock, bench_pthread_rdlock, bench_sem, bench_semop,
	bench_semop_undo, bench_ofd, bench_flock;

extern const struct bench_driver bench_zmq, bench_nng,
	bench_boost; /* where they were there to build with */

/* Floors first: a case finds its floor among those before it. */
const struct bench_driver *const bench_drivers[] = {
	&bench_floor_lines,
	&bench_floor_futex,
	&bench_floor_copy,
	&bench_floor_lock,
	&bench_floor_call,
	&bench_queue,
	&bench_queue_batch,
	&bench_queue_crowd,
	&bench_queue_tiny,
	&bench_stream,
	&bench_stream_bulk,
	&bench_topic,
	&bench_topic_place,
	&bench_stream_unix,
	&bench_stream_tcp,
	&bench_datagram,
	&bench_memory,
	&bench_semaphore,
	&bench_condition,
	&bench_barrier,
	&bench_mutex,
	&bench_rwlock,
	&bench_rwlock_shared,
	&bench_file_lock,
	&bench_pipe,
	&bench_pipe_bulk,
	&bench_fifo,
	&bench_unix_stream,
	&bench_unix_dgram,
	&bench_unix_seqpacket,
	&bench_tcp,
	&bench_udp,
	&bench_mq,
	&bench_msg,
	&bench_eventfd,
	&bench_vm_readv,
	&bench_shm_mutex,
	&bench_shm_sem,
	&bench_pthread,
	&bench_pthread_shared,
	&bench_pthread_robust,
	&bench_pthread_pi,
	&bench_pthread_rwlock,
	&bench_pthread_rdlock,
	&bench_sem,
	&bench_semop,
	&bench_semop_undo,
	&bench_ofd,
	&bench_flock,
#ifdef BENCH_WITH_ZMQ
	&bench_zmq,
#endif
#ifdef BENCH_WITH_NNG
	&bench_nng,
#endif
#ifdef BENCH_WITH_BOOST
	&bench_boost,
#endif
	NULL,
};

const char *const bench_groups[] = {
	[BENCH_FLOOR] = "floors", [BENCH_SLUICE] = "sluice", [BENCH_KERNEL] = "kernel",
	[BENCH_SHM] = "shm",      [BENCH_SYNC] = "locks",    [BENCH_PEERS] = "libraries",
};

const struct bench_measure_text bench_measures[BENCH_MEASURES] = {
	[BENCH_SPIN] = { "spin", "Round trip, spinning", "ns", NULL,
			 "64 bytes there and 64 back, both processes looking all the time", false },
	[BENCH_SLEEP] = { "sleep", "Round trip, sleeping", "ns", NULL,
			  "the same, both processes asleep in between, each on its processor",
			  false },
	[BENCH_FLOW] = { "flow", "Throughput, one to one", "messages/s", NULL,
			 "one process sends as fast as it can, one receives", true },
	[BENCH_MANY] = { "many", "Throughput, two to two", "messages/s", "% by the busiest",
			 "64-byte messages, two processes send, two receive", true },
	[BENCH_LOCK] = { "lock", "Lock and unlock, alone", "ns", NULL,
			 "one pair of calls while nobody else wants the lock", false },
	[BENCH_CONTEND] = { "contend", "Lock, contended", "locks/s", "% by the luckier",
			    "two processes lock and unlock as often as they can", true },
	[BENCH_WAKE] = { "wake", "Waking a sleeper", "ns", "ns in the call that wakes",
			 "from the call of the one until the other runs", false },
	[BENCH_TYPED] = { "typed", "By type, behind 10000 others", "ns", "ns behind none",
			  "send a message of a type and receive it, 10000 of another before it",
			  false },
	[BENCH_IDLE] = { "idle", "A waiter, idle", "ns of CPU/s", NULL,
			 "processor time of a process that waits and gets nothing", false },
	[BENCH_MEMORY] = { "memory", "Memory of one channel", "bytes", "bytes present",
			   "what it takes when it is full, the kernel's buffer included", false },
};

const char *bench_word(size_t index)
{
	size_t groups = BENCH_COUNT(bench_groups);

	if (index < groups)
		return bench_groups[index];
	index -= groups;
	return index < BENCH_COUNT(bench_drivers) - 1 ? bench_drivers[index]->name : NULL;
}

bool bench_knows(const char *word)
{
	const char *known;

	for (size_t i = 0; (known = bench_word(i)); i++)
		if (!strcmp(known, word))
			return true;
	return false;
}

void bench_print_list(FILE *file)
{
	for (size_t group = 0; group < BENCH_COUNT(bench_groups); group++) {
		bool named = false;

		for (size_t i = 0; bench_drivers[i]; i++) {
			const struct bench_driver *driver = bench_drivers[i];

			if (driver->group != group)
				continue;
			if (!named)
				fprintf(file, "%s\n", bench_groups[group]);
			named = true;
			fprintf(file, "  %-15s %-25s", driver->name, driver->title);
			for (size_t m = 0; m < BENCH_MEASURES; m++)
				if (driver->measures & BENCH_BIT(m))
					fprintf(file, " %s", bench_measures[m].key);
			fputc('\n', file);
		}
	}
	fputs("measures\n", file);
	for (size_t m = 0; m < BENCH_MEASURES; m++)
		fprintf(file, "  %-15s %s\n", bench_measures[m].key, bench_measures[m].title);
}
