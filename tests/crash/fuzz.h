/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz.h - operations on objects that somebody damages, and who watches that they end
 *
 * A victim is a process of its own that notes in shared memory which operation it is in and since
 * when. Its watcher fails the test when it dies of a signal, when a sanitizer ends it, or when an
 * operation takes longer than WATCH_NS. Any result that has a name will do.
 *
 * Buffers have the exact size and come from malloc, so that AddressSanitizer sees an overrun; the
 * segment lies between two pages that nobody may touch.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "object/barrier.h"
#include "object/mutex.h"
#include "object/queue.h"
#include "object/rwlock.h"
#include "test.h"

#include <poll.h>
#include <sluice.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef WATCH_NS
#define WATCH_NS (INT64_C(2) * 1000000000)
#endif
#define FUZZ_PAGE 4096u

struct progress {
	int64_t since;    /* the operation began then; 0: none */
	uint64_t count;   /* operations done */
	uint64_t refused; /* of these, with SLUICE_ECORRUPT */
	uint32_t last;    /* round: no fire any more, end after a few */
	int32_t at;       /* what is being tried, for messages */
	char doing[32];
};

struct fuzz {
	struct progress *progress;
	const char *name;
	bool is_refused; /* an operation found damage, or its place lost */
	sluice_queue *queue;
	sluice_mutex *mutex;
	sluice_rwlock *rwlock;
	sluice_barrier *barrier;
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	uint32_t message_max;
	void *guards;
	size_t guards_size;
};

static inline struct progress *progress_new(void)
{
	void *p = mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return (struct progress *)p;
}

static inline void fuzz_begin(struct fuzz *fuzz, const char *doing)
{
	snprintf(fuzz->progress->doing, sizeof(fuzz->progress->doing), "%s", doing);
	__atomic_store_n(&fuzz->progress->since, test_now_ns(), __ATOMIC_SEQ_CST);
}

/* Any result is right that has a name, or counts what it can count. */
static inline int64_t fuzz_end(struct fuzz *fuzz, int64_t r, int64_t most)
{
	__atomic_store_n(&fuzz->progress->since, INT64_C(0), __ATOMIC_SEQ_CST);
	fuzz->progress->count++;
	fuzz->progress->refused += r == SLUICE_ECORRUPT;
	if (r == SLUICE_ECORRUPT || r == SLUICE_ESTALE || r == SLUICE_EREMOVED)
		fuzz->is_refused = true;
	if (r > most || (r < 0 && strcmp(sluice_error_name((int)r), "SLUICE_?") == 0))
		test_fail(__FILE__, __LINE__, "%s returned %lld", fuzz->progress->doing,
			  (long long)r);
	return r;
}

/* Move the mapping between two pages that may not be touched, and the handle's view with it. */
static inline void fuzz_guard(struct fuzz *fuzz, struct sli_segment *segment)
{
	unsigned char *all, *moved;
	size_t size = (size_t)segment->size;
	size_t places = (size_t)((unsigned char *)segment->places - segment->base);

	fuzz->guards_size = size + 2 * FUZZ_PAGE;
	all = (unsigned char *)mmap(NULL, fuzz->guards_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);
	CHECK(all != MAP_FAILED);
	moved = (unsigned char *)mremap(segment->base, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
					all + FUZZ_PAGE);
	CHECK(moved == all + FUZZ_PAGE);
	segment->base = moved;
	segment->header = (struct sli_header *)(void *)moved;
	segment->places = (struct sli_place *)(void *)(moved + places);
	segment->kind->join(segment);
	fuzz->guards = all;
}

static inline void fuzz_close(struct fuzz *fuzz)
{
	fuzz_begin(fuzz, "close");
	sluice_queue_close(fuzz->queue);
	sluice_mutex_close(fuzz->mutex);
	sluice_rwlock_close(fuzz->rwlock);
	sluice_barrier_close(fuzz->barrier);
	sluice_publisher_close(fuzz->publisher);
	sluice_subscriber_close(fuzz->subscriber);
	fuzz->queue = NULL;
	fuzz->mutex = NULL;
	fuzz->rwlock = NULL;
	fuzz->barrier = NULL;
	fuzz->publisher = NULL;
	fuzz->subscriber = NULL;
	if (fuzz->guards)
		munmap(fuzz->guards, fuzz->guards_size);
	fuzz->guards = NULL;
	(void)fuzz_end(fuzz, 0, 0);
}

static inline int fuzz_open_queue(struct fuzz *fuzz)
{
	char text[256] = "";
	struct sluice_queue_options options = { .size = sizeof(options),
						.open_timeout_ns = SLUICE_MS(50),
						.slice_ns = SLUICE_MS(10),
						.diagnostic = text,
						.diagnostic_size = sizeof(text) };
	int r;

	fuzz_begin(fuzz, "open");
	options.flags = SLUICE_MUST_EXIST;
	r = (int)fuzz_end(fuzz, sluice_queue_open(fuzz->name, &options, &fuzz->queue), 0);
	if (r < 0) {
		CHECK(text[0] != '\0' || r == SLUICE_ESTALE || r == SLUICE_ECORRUPT ||
		      r == SLUICE_ETIMEDOUT || r == SLUICE_ENOENT || r == SLUICE_EUSERS);
		fuzz->queue = NULL;
		return r;
	}
	fuzz->message_max = fuzz->queue->ring.message_max;
	fuzz_guard(fuzz, &fuzz->queue->handle.segment);
	return 0;
}

static inline int fuzz_open_mutex(struct fuzz *fuzz)
{
	struct sluice_mutex_options options = { .size = sizeof(options),
						.flags = SLUICE_MUST_EXIST,
						.open_timeout_ns = SLUICE_MS(50),
						.slice_ns = SLUICE_MS(10) };
	int r;

	fuzz_begin(fuzz, "open");
	r = (int)fuzz_end(fuzz, sluice_mutex_open(fuzz->name, &options, &fuzz->mutex), 0);
	if (r < 0) {
		fuzz->mutex = NULL;
		return r;
	}
	fuzz_guard(fuzz, &fuzz->mutex->handle.segment);
	return 0;
}

static inline int fuzz_open_barrier(struct fuzz *fuzz)
{
	struct sluice_barrier_options options = { .size = sizeof(options),
						  .open_timeout_ns = SLUICE_MS(50),
						  .slice_ns = SLUICE_MS(10) };
	int r;

	fuzz_begin(fuzz, "open");
	r = (int)fuzz_end(fuzz, sluice_barrier_open(fuzz->name, &options, &fuzz->barrier), 0);
	if (r < 0) {
		fuzz->barrier = NULL;
		return r;
	}
	fuzz_guard(fuzz, &fuzz->barrier->handle.segment);
	return 0;
}

static inline int fuzz_open_rwlock(struct fuzz *fuzz)
{
	struct sluice_rwlock_options options = { .size = sizeof(options),
						 .flags = SLUICE_MUST_EXIST,
						 .open_timeout_ns = SLUICE_MS(50),
						 .slice_ns = SLUICE_MS(10) };
	int r;

	fuzz_begin(fuzz, "open");
	r = (int)fuzz_end(fuzz, sluice_rwlock_open(fuzz->name, &options, &fuzz->rwlock), 0);
	if (r < 0) {
		fuzz->rwlock = NULL;
		return r;
	}
	fuzz_guard(fuzz, &fuzz->rwlock->handle.segment);
	return 0;
}

/* ---- operations ---------------------------------------------------------------------------- */

static inline int64_t fuzz_timeout(void)
{
	return test_random_below(4) ? SLUICE_NOWAIT : SLUICE_MS(1);
}

static inline int64_t fuzz_type(void)
{
	static const int64_t types[] = { 0, 0, 1, 2, 3, -1, -3, INT64_MAX, INT64_MIN, -INT64_MAX };

	return types[test_random_below(sizeof(types) / sizeof(types[0]))];
}

static inline size_t fuzz_size(const struct fuzz *fuzz)
{
	return (size_t)test_random_below(test_random_below(3) ? 64 : fuzz->message_max) %
	       (fuzz->message_max + 1);
}

static inline void fuzz_send(struct fuzz *fuzz)
{
	size_t size = fuzz_size(fuzz);
	unsigned char *data = (unsigned char *)malloc(size ? size : 1);

	memset(data, 'x', size);
	fuzz_begin(fuzz, "send");
	(void)fuzz_end(fuzz,
		       sluice_queue_send(fuzz->queue, (int64_t)test_random_below(3) + 1, data, size,
					 fuzz_timeout()),
		       0);
	free(data);
}

static inline void fuzz_receive(struct fuzz *fuzz)
{
	size_t size = fuzz_size(fuzz);
	unsigned char *data = (unsigned char *)malloc(size ? size : 1);
	struct sluice_message info = { .size = sizeof(info) };

	fuzz_begin(fuzz, "receive");
	(void)fuzz_end(
		fuzz,
		sluice_queue_receive(fuzz->queue, fuzz_type(), data, size, &info, fuzz_timeout()),
		(int64_t)size);
	free(data);
}

static inline void fuzz_send_many(struct fuzz *fuzz)
{
	struct sluice_send_item items[6];
	unsigned char *data[6];

	for (int i = 0; i < 6; i++) {
		items[i].size = fuzz_size(fuzz);
		data[i] = (unsigned char *)malloc(items[i].size ? items[i].size : 1);
		memset(data[i], 'y', items[i].size);
		items[i].data = data[i];
		items[i].type = (int64_t)test_random_below(3) + 1;
	}
	fuzz_begin(fuzz, "send_many");
	(void)fuzz_end(fuzz, sluice_queue_send_many(fuzz->queue, items, 6, fuzz_timeout()), 6);
	for (int i = 0; i < 6; i++)
		free(data[i]);
}

static inline void fuzz_receive_many(struct fuzz *fuzz)
{
	struct sluice_receive_item items[6];
	int64_t r;

	for (int i = 0; i < 6; i++) {
		items[i].capacity = fuzz_size(fuzz);
		items[i].buffer = malloc(items[i].capacity ? items[i].capacity : 1);
		items[i].length = 0;
	}
	fuzz_begin(fuzz, "receive_many");
	r = fuzz_end(fuzz,
		     sluice_queue_receive_many(fuzz->queue, fuzz_type(), items, 6, fuzz_timeout()),
		     6);
	for (int i = 0; i < 6; i++) {
		CHECK(i >= r || items[i].length <= items[i].capacity);
		free(items[i].buffer);
	}
}

static inline void fuzz_reserve(struct fuzz *fuzz)
{
	size_t size = fuzz_size(fuzz);
	void *room;
	int64_t r;

	fuzz_begin(fuzz, "reserve");
	r = fuzz_end(fuzz, sluice_queue_reserve(fuzz->queue, size, &room, fuzz_timeout()), 0);
	if (r < 0)
		return;
	memset(room, 'z', size);
	fuzz_begin(fuzz, "commit or abort");
	if (test_random_below(2))
		r = sluice_queue_commit(fuzz->queue, room, 2, test_random_below(size + 1));
	else
		r = sluice_queue_abort(fuzz->queue, room);
	(void)fuzz_end(fuzz, r, 0);
}

static inline void fuzz_borrow(struct fuzz *fuzz)
{
	struct sluice_message info = { .size = sizeof(info) };
	const void *data;
	uint32_t sum = 0;
	int64_t r;

	fuzz_begin(fuzz, "borrow");
	r = fuzz_end(fuzz,
		     sluice_queue_borrow(fuzz->queue, fuzz_type(), &data, &info, fuzz_timeout()),
		     fuzz->message_max);
	if (r < 0)
		return;
	for (int64_t i = 0; i < r; i++)
		sum += ((const unsigned char *)data)[i];
	__asm__ __volatile__("" : : "r"(sum));
	fuzz_begin(fuzz, "consume or return");
	r = test_random_below(2) ? sluice_queue_consume(fuzz->queue, data)
				 : sluice_queue_return(fuzz->queue, data);
	(void)fuzz_end(fuzz, r, 0);
}

static inline void fuzz_look(struct fuzz *fuzz)
{
	static struct sluice_inspection inspection;
	static struct sluice_participant participants[8];
	struct sluice_queue_info info = { .size = sizeof(info) };
	struct pollfd poller = { .events = POLLIN };

	inspection.size = sizeof(inspection);
	participants[0].size = sizeof(participants[0]);
	fuzz_begin(fuzz, "info");
	(void)fuzz_end(fuzz, fuzz->queue ? sluice_queue_info(fuzz->queue, &info) : 0, 0);
	fuzz_begin(fuzz, "inspect");
	(void)fuzz_end(fuzz, sluice_inspect(fuzz->name, &inspection, participants, 8), 8);
	if (!fuzz->queue)
		return;
	fuzz_begin(fuzz, "fd");
	poller.fd = (int)fuzz_end(fuzz, sluice_queue_fd(fuzz->queue, SLUICE_READABLE, 0), 1 << 20);
	if (poller.fd >= 0)
		(void)poll(&poller, 1, 0);
}

static inline void fuzz_queue(struct fuzz *fuzz)
{
	static void (*const operations[])(struct fuzz *) = {
		fuzz_send,    fuzz_send,         fuzz_send_many, fuzz_receive, fuzz_receive,
		fuzz_receive, fuzz_receive_many, fuzz_reserve,   fuzz_borrow
	};
	uint64_t which = test_random_below(40);

	if (which == 0)
		fuzz_look(fuzz);
	else
		operations[which % (sizeof(operations) / sizeof(operations[0]))](fuzz);
}

static inline void fuzz_mutex(struct fuzz *fuzz)
{
	struct sluice_mutex_info info = { .size = sizeof(info) };
	int64_t r;

	fuzz_begin(fuzz, "lock");
	r = fuzz_end(fuzz, sluice_mutex_lock(fuzz->mutex, fuzz_timeout()), 1);
	if (test_random_below(8) == 0) {
		fuzz_begin(fuzz, "info");
		(void)fuzz_end(fuzz, sluice_mutex_info(fuzz->mutex, &info), 0);
	}
	if (r < 0)
		return;
	fuzz_begin(fuzz, "unlock");
	(void)fuzz_end(fuzz, sluice_mutex_unlock(fuzz->mutex), 0);
}

static inline void fuzz_barrier(struct fuzz *fuzz)
{
	struct sluice_barrier_info info = { .size = sizeof(info) };

	fuzz_begin(fuzz, "wait");
	(void)fuzz_end(fuzz, sluice_barrier_wait(fuzz->barrier, fuzz_timeout()), 2);
	if (test_random_below(8))
		return;
	fuzz_begin(fuzz, "info");
	(void)fuzz_end(fuzz, sluice_barrier_info(fuzz->barrier, &info), 0);
	fuzz_begin(fuzz, "reset");
	(void)fuzz_end(fuzz, sluice_barrier_reset(fuzz->barrier), 0);
}

static inline void fuzz_rwlock(struct fuzz *fuzz)
{
	struct sluice_rwlock_info info = { .size = sizeof(info) };
	bool shared = test_random_below(2) != 0;
	int64_t r;

	fuzz_begin(fuzz, shared ? "lock_shared" : "lock_exclusive");
	if (shared)
		r = sluice_rwlock_lock_shared(fuzz->rwlock, fuzz_timeout());
	else
		r = sluice_rwlock_lock_exclusive(fuzz->rwlock, fuzz_timeout());
	r = fuzz_end(fuzz, r, 1);
	if (test_random_below(8) == 0) {
		fuzz_begin(fuzz, "info");
		(void)fuzz_end(fuzz, sluice_rwlock_info(fuzz->rwlock, &info), 0);
	}
	if (r < 0)
		return;
	fuzz_begin(fuzz, "unlock");
	(void)fuzz_end(fuzz, sluice_rwlock_unlock(fuzz->rwlock), 0);
}

/* ---- watching ------------------------------------------------------------------------------ */

/* How the victim fares. 1: it ended well; 0: it is at work; a failure ends the test. */
static inline int fuzz_watch(pid_t pid, const struct progress *progress, const char *what)
{
	int64_t since = __atomic_load_n(&progress->since, __ATOMIC_SEQ_CST);
	int status;
	pid_t r = waitpid(pid, &status, WNOHANG);

	if (r == pid) {
		test_forget(pid);
		if (WIFSIGNALED(status))
			test_fail(__FILE__, __LINE__, "%s %d: killed by signal %d in %s", what,
				  progress->at, WTERMSIG(status), progress->doing);
		if (WEXITSTATUS(status))
			test_fail(__FILE__, __LINE__, "%s %d: status %d in %s", what, progress->at,
				  WEXITSTATUS(status), progress->doing);
		return 1;
	}
	if (since && test_now_ns() - since > WATCH_NS) {
		if (getenv("SLUICE_FUZZ_HOLD"))
			pause(); /* for a debugger */
		test_fail(__FILE__, __LINE__, "%s %d: %s does not end", what, progress->at,
			  progress->doing);
	}
	return 0;
}

#endif
