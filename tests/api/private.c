/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * private.c - every kind of object between the threads of one process: SLUICE_PRIVATE, no name
 *
 * One table, a row a kind: how to open it, to take something (which may have to wait) and to give
 * something (which lets who waits go on). Some are shut first, by locking them. All threads use one
 * handle. The parts are the same for every row, because the rules are.
 */
#include "stream_help.h"

#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>

#define WAITERS 3
#define PARTIES (WAITERS + 1) /* of the barrier: the waiters and who lets them go */
#define ROUNDS 200
#define LONG SLUICE_S(60) /* not reached, unless something hangs */

struct object {
	sluice_queue *queue;
	sluice_stream *reader, *writer; /* the same one, if it has no second end */
	sluice_publisher *publisher;
	sluice_subscriber *subscriber;
	sluice_memory *memory;
	sluice_semaphore *semaphore;
	sluice_mutex *mutex;
	sluice_condition *condition;
	sluice_rwlock *rwlock;
	sluice_barrier *barrier;
	int tokens;  /* what a condition is waited for; guarded by its mutex */
	int guarded; /* goes up under a lock ... */
	int counted; /* ... and this one beside it, atomically */
};

struct kind {
	const char *name;
	void (*open)(struct object *object);
	int (*take)(struct object *object, int64_t timeout);
	int (*give)(struct object *object); /* to one waiter; by the barrier to all */
	int (*shut)(struct object *object); /* NULL: nothing can be taken at first anyway */
	int (*reopen)(struct object *object);
	int (*interrupt)(struct object *object);
	int (*share)(struct object *object, int fds[3]);
	int (*hold)(struct object *object); /* NULL: there is no such call */
	int (*fd)(struct object *object);   /* likewise */
	int nothing;                        /* what SLUICE_NOWAIT says when there is nothing */
};

/* A wake-up that is lost costs a whole slice, so that many of them are not overlooked. */
#define PRIVATE(options)                                                                           \
	(memset(&(options), 0, sizeof(options)), (options).size = (uint32_t)sizeof(options),       \
	 (options).flags = SLUICE_PRIVATE, (options).slice_ns = SLUICE_S(5))

/* Open an object by the call of its kind. */
#define OPEN(what, ret)                                                                            \
	do {                                                                                       \
		struct sluice_##what##_options plain;                                              \
                                                                                                   \
		PRIVATE(plain);                                                                    \
		CHECK_EQ(sluice_##what##_open(NULL, &plain, (ret)), 0);                            \
	} while (0)

/* The calls that each kind has under its own name; @member is the handle. */
#define COMMON(what, member)                                                                       \
	static int what##_stop(struct object *object)                                              \
	{                                                                                          \
		return sluice_##what##_interrupt(object->member);                                  \
	}                                                                                          \
	static int what##_pass(struct object *object, int fds[3])                                  \
	{                                                                                          \
		return sluice_##what##_share(object->member, fds);                                 \
	}
#define COMMON_HOLD(what, member)                                                                  \
	COMMON(what, member)                                                                       \
	static int what##_keep(struct object *object)                                              \
	{                                                                                          \
		return sluice_##what##_hold_fd(object->member);                                    \
	}

/* Whoever is in here is alone; a lock that fails to see to it loses counts. */
static void be_alone(struct object *object)
{
	object->guarded++;
	__atomic_fetch_add(&object->counted, 1, __ATOMIC_RELAXED);
}

/* ---- messages and bytes -------------------------------------------------------------------- */

COMMON_HOLD(queue, queue)
COMMON_HOLD(stream, reader)
COMMON_HOLD(subscriber, subscriber)

static void queue_open(struct object *object)
{
	OPEN(queue, &object->queue);
}

static int queue_take(struct object *object, int64_t timeout)
{
	uint64_t number = 0;
	int64_t r = sluice_queue_receive(object->queue, 0, &number, 8, NULL, timeout);

	CHECK(r < 0 || (r == 8 && number == 17));
	return r < 0 ? (int)r : 0;
}

static int queue_give(struct object *object)
{
	uint64_t number = 17;

	return sluice_queue_send(object->queue, 1, &number, 8, LONG);
}

static int queue_fd(struct object *object)
{
	return sluice_queue_fd(object->queue, SLUICE_READABLE, 0);
}

static void stream_open(struct object *object)
{
	OPEN(stream, &object->reader);
	object->writer = object->reader;
}

static void pair_open(struct object *object)
{
	struct sluice_stream_options options;

	PRIVATE(options);
	CHECK_EQ(sluice_stream_pair(&options, &object->reader, &object->writer), 0);
}

static void duplex_open(struct object *object)
{
	struct sluice_stream_options options;

	PRIVATE(options);
	CHECK_EQ(sluice_stream_duplex(&options, &object->reader, &object->writer), 0);
}

static int stream_take(struct object *object, int64_t timeout)
{
	char byte = 0;
	int64_t r = sluice_stream_read(object->reader, &byte, 1, timeout);

	CHECK(r < 0 || (r == 1 && byte == 'x'));
	return r < 0 ? (int)r : 0;
}

static int stream_give(struct object *object)
{
	int64_t r = sluice_stream_write(object->writer, "x", 1, LONG);

	CHECK(r < 0 || r == 1);
	return r < 0 ? (int)r : 0;
}

static int stream_fd(struct object *object)
{
	return sluice_stream_fd(object->reader, SLUICE_READABLE);
}

static void topic_open(struct object *object)
{
	struct sluice_topic_options options;

	PRIVATE(options);
	options.depth = 1024;
	options.message_max = 64;
	CHECK_EQ(sluice_publisher_open(NULL, &options, &object->publisher), 0);
	CHECK_EQ(sluice_publisher_subscribe(object->publisher, &options, &object->subscriber), 0);
}

static int topic_take(struct object *object, int64_t timeout)
{
	uint64_t number = 0;
	int64_t r = sluice_subscriber_receive(object->subscriber, &number, 8, NULL, timeout);

	CHECK(r < 0 || (r == 8 && number == 17));
	return r < 0 ? (int)r : 0;
}

static int topic_give(struct object *object)
{
	uint64_t number = 17;

	return sluice_publisher_publish(object->publisher, &number, 8, LONG);
}

static int topic_fd(struct object *object)
{
	return sluice_subscriber_fd(object->subscriber);
}

/* ---- gates --------------------------------------------------------------------------------- */

COMMON_HOLD(semaphore, semaphore)
COMMON_HOLD(mutex, mutex)
COMMON(condition, condition)
COMMON_HOLD(rwlock, rwlock)
COMMON_HOLD(barrier, barrier)

static void semaphore_open(struct object *object)
{
	OPEN(semaphore, &object->semaphore);
}

static int semaphore_take(struct object *object, int64_t timeout)
{
	return sluice_semaphore_wait(object->semaphore, 1, timeout);
}

static int semaphore_give(struct object *object)
{
	return sluice_semaphore_post(object->semaphore, 1);
}

static int semaphore_fd(struct object *object)
{
	return sluice_semaphore_fd(object->semaphore, SLUICE_READABLE);
}

/* The same with units that are held: of one, so that its holder is alone. */
static void unit_open(struct object *object)
{
	struct sluice_semaphore_options options;

	PRIVATE(options);
	options.initial = options.ceiling = 1;
	CHECK_EQ(sluice_semaphore_open(NULL, &options, &object->semaphore), 0);
}

static int unit_take(struct object *object, int64_t timeout)
{
	int r = sluice_semaphore_acquire(object->semaphore, 1, timeout);

	if (r < 0)
		return r;
	be_alone(object);
	return sluice_semaphore_release(object->semaphore, 1);
}

static int unit_give(struct object *object)
{
	return unit_take(object, LONG);
}

static int unit_shut(struct object *object)
{
	return sluice_semaphore_acquire(object->semaphore, 1, SLUICE_NOWAIT);
}

static int unit_reopen(struct object *object)
{
	return sluice_semaphore_release(object->semaphore, 1);
}

static void mutex_open(struct object *object)
{
	OPEN(mutex, &object->mutex);
}

static int mutex_take(struct object *object, int64_t timeout)
{
	int r = sluice_mutex_lock(object->mutex, timeout);

	if (r != 0)
		return r;
	be_alone(object);
	return sluice_mutex_unlock(object->mutex);
}

static int mutex_give(struct object *object)
{
	return mutex_take(object, LONG);
}

static int mutex_shut(struct object *object)
{
	return sluice_mutex_lock(object->mutex, SLUICE_NOWAIT);
}

static int mutex_reopen(struct object *object)
{
	return sluice_mutex_unlock(object->mutex);
}

static void condition_open(struct object *object)
{
	OPEN(mutex, &object->mutex);
	OPEN(condition, &object->condition);
}

static int condition_take(struct object *object, int64_t timeout)
{
	int r = sluice_mutex_lock(object->mutex, LONG);

	if (r < 0)
		return r;
	while (object->tokens == 0 && r == 0)
		r = sluice_condition_wait(object->condition, object->mutex, timeout);
	if (r == 0)
		object->tokens--;
	CHECK_EQ(sluice_mutex_unlock(object->mutex), 0);
	return r;
}

static int condition_give(struct object *object)
{
	int r = sluice_mutex_lock(object->mutex, LONG);

	if (r < 0)
		return r;
	object->tokens++;
	CHECK_EQ(sluice_mutex_unlock(object->mutex), 0);
	return sluice_condition_signal(object->condition);
}

static void rwlock_open(struct object *object)
{
	OPEN(rwlock, &object->rwlock);
}

static int rwlock_read(struct object *object, int64_t timeout)
{
	int r = sluice_rwlock_lock_shared(object->rwlock, timeout);

	if (r != 0)
		return r;
	CHECK_GE(object->guarded, 0);
	return sluice_rwlock_unlock(object->rwlock);
}

static int rwlock_write(struct object *object, int64_t timeout)
{
	int r = sluice_rwlock_lock_exclusive(object->rwlock, timeout);

	if (r != 0)
		return r;
	be_alone(object);
	return sluice_rwlock_unlock(object->rwlock);
}

static int rwlock_give(struct object *object)
{
	return rwlock_write(object, LONG);
}

static int rwlock_shut(struct object *object)
{
	return sluice_rwlock_lock_exclusive(object->rwlock, SLUICE_NOWAIT);
}

static int rwlock_shut_shared(struct object *object)
{
	return sluice_rwlock_lock_shared(object->rwlock, SLUICE_NOWAIT);
}

static int rwlock_reopen(struct object *object)
{
	return sluice_rwlock_unlock(object->rwlock);
}

static void barrier_open(struct object *object)
{
	struct sluice_barrier_options options;

	PRIVATE(options);
	options.parties = PARTIES;
	CHECK_EQ(sluice_barrier_open(NULL, &options, &object->barrier), 0);
}

static int barrier_take(struct object *object, int64_t timeout)
{
	int r = sluice_barrier_wait(object->barrier, timeout);

	return r == SLUICE_LAST ? 0 : r;
}

static int barrier_give(struct object *object)
{
	return barrier_take(object, LONG);
}

/* ---- gates inside a memory ----------------------------------------------------------------- */

COMMON_HOLD(memory, memory)

static void memory_open(struct object *object)
{
	struct sluice_memory_options options;

	PRIVATE(options);
	options.bytes = 4096;
	options.maximum = 1 << 20;
	options.mutexes = options.conditions = options.semaphores = 1;
	CHECK_EQ(sluice_memory_open(NULL, &options, &object->memory), 0);
}

static int memory_unit_take(struct object *object, int64_t timeout)
{
	return sluice_memory_semaphore_wait(object->memory, 0, 1, timeout);
}

static int memory_unit_give(struct object *object)
{
	return sluice_memory_semaphore_post(object->memory, 0, 1);
}

static int memory_mutex_take(struct object *object, int64_t timeout)
{
	uint32_t *data = (uint32_t *)sluice_memory_data(object->memory);
	int r = sluice_memory_mutex_lock(object->memory, 0, timeout);

	if (r != 0)
		return r;
	++*data;
	be_alone(object);
	CHECK_EQ(*data, object->guarded);
	return sluice_memory_mutex_unlock(object->memory, 0);
}

static int memory_mutex_give(struct object *object)
{
	return memory_mutex_take(object, LONG);
}

static int memory_mutex_shut(struct object *object)
{
	return sluice_memory_mutex_lock(object->memory, 0, SLUICE_NOWAIT);
}

static int memory_mutex_reopen(struct object *object)
{
	return sluice_memory_mutex_unlock(object->memory, 0);
}

static int memory_condition_take(struct object *object, int64_t timeout)
{
	int r = sluice_memory_mutex_lock(object->memory, 0, LONG);

	if (r < 0)
		return r;
	while (object->tokens == 0 && r == 0)
		r = sluice_memory_condition_wait(object->memory, 0, 0, timeout);
	if (r == 0)
		object->tokens--;
	CHECK_EQ(sluice_memory_mutex_unlock(object->memory, 0), 0);
	return r;
}

static int memory_condition_give(struct object *object)
{
	int r = sluice_memory_mutex_lock(object->memory, 0, LONG);

	if (r < 0)
		return r;
	object->tokens++;
	CHECK_EQ(sluice_memory_mutex_unlock(object->memory, 0), 0);
	return sluice_memory_condition_signal(object->memory, 0);
}

/* ---- the table ----------------------------------------------------------------------------- */

#define AGAIN SLUICE_EAGAIN
#define CALLS(what) what##_stop, what##_pass, what##_keep

static const struct kind kinds[] = {
	{ "queue", queue_open, queue_take, queue_give, NULL, NULL, CALLS(queue), queue_fd, AGAIN },
	{ "stream", stream_open, stream_take, stream_give, NULL, NULL, CALLS(stream), stream_fd,
	  AGAIN },
	{ "stream pair", pair_open, stream_take, stream_give, NULL, NULL, CALLS(stream), stream_fd,
	  AGAIN },
	{ "two-way stream", duplex_open, stream_take, stream_give, NULL, NULL, CALLS(stream),
	  stream_fd, AGAIN },
	{ "topic", topic_open, topic_take, topic_give, NULL, NULL, CALLS(subscriber), topic_fd,
	  AGAIN },
	{ "semaphore", semaphore_open, semaphore_take, semaphore_give, NULL, NULL, CALLS(semaphore),
	  semaphore_fd, AGAIN },
	{ "held unit", unit_open, unit_take, unit_give, unit_shut, unit_reopen, CALLS(semaphore),
	  NULL, AGAIN },
	{ "mutex", mutex_open, mutex_take, mutex_give, mutex_shut, mutex_reopen, CALLS(mutex), NULL,
	  AGAIN },
	{ "condition", condition_open, condition_take, condition_give, NULL, NULL, condition_stop,
	  condition_pass, NULL, NULL, SLUICE_ETIMEDOUT },
	{ "rwlock, to read", rwlock_open, rwlock_read, rwlock_give, rwlock_shut, rwlock_reopen,
	  CALLS(rwlock), NULL, AGAIN },
	{ "rwlock, to write", rwlock_open, rwlock_write, rwlock_give, rwlock_shut_shared,
	  rwlock_reopen, CALLS(rwlock), NULL, AGAIN },
	{ "barrier", barrier_open, barrier_take, barrier_give, NULL, NULL, CALLS(barrier), NULL,
	  AGAIN },
	{ "memory's semaphore", memory_open, memory_unit_take, memory_unit_give, NULL, NULL,
	  CALLS(memory), NULL, AGAIN },
	{ "memory's mutex", memory_open, memory_mutex_take, memory_mutex_give, memory_mutex_shut,
	  memory_mutex_reopen, CALLS(memory), NULL, AGAIN },
	{ "memory's condition", memory_open, memory_condition_take, memory_condition_give, NULL,
	  NULL, CALLS(memory), NULL, SLUICE_ETIMEDOUT },
};

static void close_object(struct object *object)
{
	sluice_queue_close(object->queue);
	if (object->writer != object->reader)
		sluice_stream_close(object->writer);
	sluice_stream_close(object->reader);
	sluice_publisher_close(object->publisher);
	sluice_subscriber_close(object->subscriber);
	sluice_memory_close(object->memory);
	sluice_semaphore_close(object->semaphore);
	sluice_condition_close(object->condition);
	sluice_mutex_close(object->mutex);
	sluice_rwlock_close(object->rwlock);
	sluice_barrier_close(object->barrier);
}

/* Do @part with every kind. An emulator does not map private memory twice, as streams need it. */
static void with_each(void (*part)(const struct kind *kind, struct object *object))
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct object object;
		int before = count_fds();

		if (test_emulated() && strstr(kinds[i].name, "stream"))
			continue;
		printf("    %s\n", kinds[i].name);
		fflush(stdout);
		memset(&object, 0, sizeof(object));
		kinds[i].open(&object);
		CHECK_EQ(count_fds(), before);
		part(&kinds[i], &object);
		CHECK_EQ(object.guarded, object.counted);
		close_object(&object);
		CHECK_EQ(count_fds(), before);
		CHECK_EQ(count_entries(test_directory()), 0);
	}
}

/* ---- waiting ------------------------------------------------------------------------------- */

struct waiter {
	pthread_t thread;
	const struct kind *kind;
	struct object *object;
	int64_t timeout, took_ns;
	int result, ended;
	pid_t tid;
};

static void *wait_in_thread(void *argument)
{
	struct waiter *waiter = (struct waiter *)argument;
	int64_t start = test_now_ns();

	__atomic_store_n(&waiter->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	waiter->result = waiter->kind->take(waiter->object, waiter->timeout);
	waiter->took_ns = test_now_ns() - start;
	__atomic_store_n(&waiter->ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void start_waiters(struct waiter waiters[WAITERS], const struct kind *kind,
			  struct object *object, int64_t timeout)
{
	memset(waiters, 0, WAITERS * sizeof(*waiters));
	for (int i = 0; i < WAITERS; i++) {
		waiters[i].kind = kind;
		waiters[i].object = object;
		waiters[i].timeout = timeout;
		CHECK_EQ(pthread_create(&waiters[i].thread, NULL, wait_in_thread, &waiters[i]), 0);
	}
}

static void await_waiters(struct waiter waiters[WAITERS])
{
	for (int i = 0; i < WAITERS; i++) {
		while (!__atomic_load_n(&waiters[i].tid, __ATOMIC_ACQUIRE))
			test_sleep_ms(1);
		await_sleep(getpid(), waiters[i].tid);
	}
}

static void end_waiters(struct waiter waiters[WAITERS], int result)
{
	for (int i = 0; i < WAITERS; i++) {
		CHECK_EQ(pthread_join(waiters[i].thread, NULL), 0);
		CHECK_EQ(waiters[i].result, result);
	}
}

static int count_ended(struct waiter waiters[WAITERS])
{
	int count = 0;

	for (int i = 0; i < WAITERS; i++)
		count += __atomic_load_n(&waiters[i].ended, __ATOMIC_ACQUIRE);
	return count;
}

static void shut(const struct kind *kind, struct object *object)
{
	if (kind->shut)
		CHECK_EQ(kind->shut(object), 0);
}

static void reopen(const struct kind *kind, struct object *object)
{
	if (kind->reopen)
		CHECK_EQ(kind->reopen(object), 0);
}

static void no_longer_than_asked(const struct kind *kind, struct object *object)
{
	struct waiter waiters[WAITERS];

	shut(kind, object);
	start_waiters(waiters, kind, object, SLUICE_NOWAIT);
	end_waiters(waiters, kind->nothing);
	start_waiters(waiters, kind, object, SLUICE_MS(30));
	end_waiters(waiters, SLUICE_ETIMEDOUT);
	for (int i = 0; i < WAITERS; i++) {
		CHECK_GE(waiters[i].took_ns, SLUICE_MS(30));
		CHECK_LT(waiters[i].took_ns, SLUICE_S(20));
	}
	reopen(kind, object);
}

static void until_interrupted(const struct kind *kind, struct object *object)
{
	struct waiter waiters[WAITERS];
	int64_t start;

	shut(kind, object);
	start_waiters(waiters, kind, object, LONG);
	await_waiters(waiters);
	/* The first slices are short; who is in a long one is woken, and does not come by itself. */
	test_sleep_ms(150);
	start = test_now_ns();
	CHECK_EQ(kind->interrupt(object), 0);
	end_waiters(waiters, SLUICE_ECANCELED);
	CHECK_LT(test_now_ns() - start, SLUICE_S(4));
	/* Later calls are not affected. */
	start_waiters(waiters, kind, object, SLUICE_MS(5));
	end_waiters(waiters, SLUICE_ETIMEDOUT);
	reopen(kind, object);
}

/* One thing for one waiter; then there is something for all. */
static void until_let_go(const struct kind *kind, struct object *object)
{
	struct waiter waiters[WAITERS];

	for (int round = 0; round < 3; round++) {
		shut(kind, object);
		start_waiters(waiters, kind, object, round ? LONG : SLUICE_FOREVER);
		await_waiters(waiters);
		if (kind->reopen) {
			CHECK_EQ(count_ended(waiters), 0);
			CHECK_EQ(kind->reopen(object), 0);
		} else if (object->barrier) {
			CHECK_EQ(kind->give(object), 0);
		} else {
			CHECK_EQ(kind->give(object), 0);
			while (count_ended(waiters) == 0)
				test_sleep_ms(1);
			test_sleep_ms(20);
			CHECK_EQ(count_ended(waiters), 1);
			for (int i = 1; i < WAITERS; i++)
				CHECK_EQ(kind->give(object), 0);
		}
		end_waiters(waiters, 0);
	}
}

/* ---- working ------------------------------------------------------------------------------- */

static void *take_many(void *argument)
{
	struct waiter *waiter = (struct waiter *)argument;

	for (int i = 0; i < ROUNDS; i++)
		CHECK_EQ(waiter->kind->take(waiter->object, LONG), 0);
	return NULL;
}

static void *give_many(void *argument)
{
	struct waiter *waiter = (struct waiter *)argument;

	for (int i = 0; i < ROUNDS; i++)
		CHECK_EQ(waiter->kind->give(waiter->object), 0);
	return NULL;
}

/* As many threads as the barrier has parties, half of them on each side. */
static void all_at_once(const struct kind *kind, struct object *object)
{
	struct waiter workers[PARTIES];

	for (int i = 0; i < PARTIES; i++) {
		workers[i].kind = kind;
		workers[i].object = object;
		CHECK_EQ(pthread_create(&workers[i].thread, NULL, i % 2 ? give_many : take_many,
					&workers[i]),
			 0);
	}
	for (int i = 0; i < PARTIES; i++)
		CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
	CHECK_EQ(object->tokens, 0);
	/* Nothing is left, and nothing was taken twice. */
	shut(kind, object);
	start_waiters(workers, kind, object, SLUICE_NOWAIT);
	end_waiters(workers, kind->nothing);
	reopen(kind, object);
}

static int is_ready(int fd, int ms)
{
	struct pollfd p;

	p.fd = fd;
	p.events = POLLIN;
	p.revents = 0;
	return poll(&p, 1, ms) == 1;
}

static void *give_later(void *argument)
{
	struct waiter *waiter = (struct waiter *)argument;

	test_sleep_ms(20);
	CHECK_EQ(waiter->kind->give(waiter->object), 0);
	return NULL;
}

static void polled(const struct kind *kind, struct object *object)
{
	struct waiter giver;
	int r = SLUICE_EAGAIN, fd;

	if (!kind->fd)
		return;
	fd = kind->fd(object);
	CHECK_GE(fd, 0);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(kind->take(object, SLUICE_NOWAIT), SLUICE_EAGAIN);
		if (!is_ready(fd, 0))
			break;
	}
	giver.kind = kind;
	giver.object = object;
	CHECK_EQ(pthread_create(&giver.thread, NULL, give_later, &giver), 0);
	while (r == SLUICE_EAGAIN) {
		CHECK(is_ready(fd, 20000));
		r = kind->take(object, SLUICE_NOWAIT);
	}
	CHECK_EQ(r, 0);
	CHECK_EQ(pthread_join(giver.thread, NULL), 0);
}

/* ---- for threads only ---------------------------------------------------------------------- */

static void nothing_to_pass_on(const struct kind *kind, struct object *object)
{
	int fds[3] = { -7, -7, -7 };

	CHECK_EQ(kind->share(object, fds), SLUICE_EOPNOTSUPP);
	CHECK_EQ(fds[0], -7);
	if (kind->hold)
		CHECK_EQ(kind->hold(object), SLUICE_EOPNOTSUPP);
	if (object->publisher) {
		CHECK_EQ(sluice_publisher_share(object->publisher, fds), SLUICE_EOPNOTSUPP);
		CHECK_EQ(sluice_publisher_hold_fd(object->publisher), SLUICE_EOPNOTSUPP);
	}
	if (object->semaphore)
		CHECK_EQ(sluice_semaphore_hold_for(object->semaphore, 0), SLUICE_EOPNOTSUPP);
}

static void of_no_use_to_a_child(const struct kind *kind, struct object *object)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		CHECK_EQ(kind->take(object, SLUICE_NOWAIT), SLUICE_ESTALE);
		CHECK_EQ(kind->take(object, LONG), SLUICE_ESTALE);
		CHECK_EQ(kind->give(object), SLUICE_ESTALE);
		if (object->condition)
			CHECK_EQ(sluice_condition_signal(object->condition), SLUICE_ESTALE);
		if (object->memory)
			CHECK_EQ(sluice_memory_resize(object->memory, 65536), SLUICE_ESTALE);
		if (kind->fd)
			CHECK_EQ(kind->fd(object), SLUICE_ESTALE);
		close_object(object);
		_exit(0);
	}
	test_wait_ok(pid);
	until_let_go(kind, object);
}

/* Each has its own, whatever it was told. */
static void no_second_one_is_the_same(void)
{
	struct object one, two;

	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
	queue_open(&one);
	queue_open(&two);
	CHECK_EQ(queue_give(&one), 0);
	CHECK_EQ(queue_take(&two, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(queue_take(&one, SLUICE_NOWAIT), 0);
	close_object(&one);
	close_object(&two);
}

/* The data stays where it is when it grows, and other threads may use what is new. */
static void *grow(void *argument)
{
	CHECK_EQ(sluice_memory_resize((sluice_memory *)argument, 1 << 20), 0);
	return NULL;
}

static void a_memory_grows(void)
{
	struct object object;
	pthread_t thread;
	char *data;

	memset(&object, 0, sizeof(object));
	memory_open(&object);
	data = (char *)sluice_memory_data(object.memory);
	data[4095] = 'a';
	CHECK_EQ(sluice_memory_size(object.memory), 4096);
	CHECK_EQ(pthread_create(&thread, NULL, grow, object.memory), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(sluice_memory_size(object.memory), 1 << 20);
	CHECK(sluice_memory_data(object.memory) == data);
	CHECK_EQ(data[4095], 'a');
	CHECK_EQ(data[(1 << 20) - 1], 0);
	data[(1 << 20) - 1] = 'b';
	close_object(&object);
}

/* It is refused for this flag, and for nothing else. */
#define REFUSE(what, call, word)                                                                   \
	do {                                                                                       \
		struct sluice_##what##_options options;                                            \
		char text[512] = "";                                                               \
                                                                                                   \
		PRIVATE(options);                                                                  \
		options.slice_ns = 0;                                                              \
		options.diagnostic = text;                                                         \
		options.diagnostic_size = sizeof(text);                                            \
		CHECK_EQ(call, SLUICE_EINVAL);                                                     \
		CHECK_CONTAINS(text, word);                                                        \
	} while (0)

/* What the kernel carries is nobody's private memory, and a name is for others. */
static void where_it_cannot_be(void)
{
	sluice_subscriber *subscriber = NULL;
	sluice_listener *listener = NULL;
	sluice_file_lock *lock = NULL;
	sluice_datagram *socket = NULL;
	sluice_memory *memory = NULL;
	sluice_stream *stream = NULL;

	REFUSE(file_lock, sluice_file_lock_open("/dev/null", &options, &lock), "flags");
	REFUSE(datagram, sluice_datagram_open("unix:@", &options, &socket), "flags");
	REFUSE(listener, sluice_listener_open("unix:@", &options, &listener), "flags");
	REFUSE(memory_file, sluice_memory_map_file("/dev/null", &options, &memory), "flags");
	REFUSE(stream, sluice_stream_open("unix:@none", &options, &stream), "flags");
	REFUSE(topic, sluice_subscriber_open(NULL, &options, &subscriber),
	       "sluice_publisher_subscribe");
	CHECK(!lock && !socket && !listener && !memory && !stream && !subscriber);
	CHECK_CONTAINS(refuse_queue("named", SLUICE_PRIVATE, SLUICE_EINVAL).text, "pass NULL");
	CHECK_CONTAINS(refuse_queue("fd:0", SLUICE_PRIVATE, SLUICE_EINVAL).text, "pass NULL");
}

#define WITH_EACH(part)                                                                            \
	static void each_##part(void)                                                              \
	{                                                                                          \
		with_each(part);                                                                   \
	}
WITH_EACH(no_longer_than_asked)
WITH_EACH(until_interrupted)
WITH_EACH(until_let_go)
WITH_EACH(all_at_once)
WITH_EACH(polled)
WITH_EACH(nothing_to_pass_on)
WITH_EACH(of_no_use_to_a_child)

int main(void)
{
	test_begin();
	RUN(each_no_longer_than_asked);
	RUN(each_until_interrupted);
	RUN(each_until_let_go);
	RUN(each_all_at_once);
	RUN(each_polled);
	RUN(each_nothing_to_pass_on);
	RUN(each_of_no_use_to_a_child);
	RUN(no_second_one_is_the_same);
	RUN(a_memory_grows);
	RUN(where_it_cannot_be);
	return test_end();
}
