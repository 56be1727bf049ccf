/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * threads.c - one handle, many threads; made for ThreadSanitizer
 *
 * Private and anonymous objects, so that everything happens in one process and the sanitizer sees
 * all of it.
 */
#include "../api/help.h"

#include <poll.h>
#include <pthread.h>

#define ROUNDS 3000

struct crew {
	sluice_queue *queue;
	sluice_mutex *mutex;
	sluice_rwlock *rwlock;
	sluice_barrier *barrier;
	int index, parties;
	uint64_t sum;
};

static uint64_t guarded; /* by a mutex of the library, which the sanitizer must understand */

/* Randomness of its own: test_random() is not for threads. */
static uint64_t crew_random(struct crew *crew, uint64_t bound)
{
	crew->sum = crew->sum * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (crew->sum >> 33) % bound;
}

static void run_crew(struct crew *crew, int count, void *(*const bodies[])(void *))
{
	pthread_t threads[8];

	for (int i = 0; i < count; i++) {
		crew[i].index = i;
		CHECK_EQ(pthread_create(&threads[i], NULL, bodies[i], &crew[i]), 0);
	}
	for (int i = 0; i < count; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static void *lock_and_count(void *argument)
{
	struct crew *crew = (struct crew *)argument;

	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(sluice_mutex_lock(crew->mutex, i % 3 ? SLUICE_FOREVER : SLUICE_S(20)), 0);
		if (i % 100 == 0)
			CHECK_EQ(sluice_mutex_lock(crew->mutex, SLUICE_NOWAIT), SLUICE_EDEADLK);
		guarded++;
		CHECK_EQ(sluice_mutex_unlock(crew->mutex), 0);
		if (i % 100 == 0)
			CHECK_EQ(sluice_mutex_unlock(crew->mutex), SLUICE_EPERM);
	}
	return NULL;
}

static void mutex_of(uint32_t flags)
{
	void *(*const bodies[8])(void *) = { lock_and_count, lock_and_count, lock_and_count,
					     lock_and_count, lock_and_count, lock_and_count,
					     lock_and_count, lock_and_count };
	sluice_mutex *mutex = open_mutex(NULL, flags);

	for (int count = 2; count <= 8; count += 3) {
		struct crew crew[8];

		memset(crew, 0, sizeof(crew));
		for (int i = 0; i < 8; i++)
			crew[i].mutex = mutex;
		guarded = 0;
		run_crew(crew, count, bodies);
		CHECK_EQ(guarded, count * ROUNDS);
	}
	sluice_mutex_close(mutex);
}

static void mutex_private(void)
{
	mutex_of(SLUICE_PRIVATE);
}

static void mutex_anonymous(void)
{
	mutex_of(0);
}

/* ---- reading and writing ------------------------------------------------------------------- */

static uint64_t twin; /* of guarded, while nobody writes */

static void *read_and_write(void *argument)
{
	struct crew *crew = (struct crew *)argument;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t timeout = i % 3 ? SLUICE_FOREVER : SLUICE_S(20);

		if (crew_random(crew, 4)) {
			CHECK_EQ(sluice_rwlock_lock_shared(crew->rwlock, timeout), 0);
			CHECK_EQ(guarded, twin);
			if (i % 50 == 0)
				sched_yield();
		} else {
			CHECK_EQ(sluice_rwlock_lock_exclusive(crew->rwlock, timeout), 0);
			guarded++;
			twin++;
		}
		CHECK_EQ(sluice_rwlock_unlock(crew->rwlock), 0);
		if (i % 100 == 0)
			CHECK_EQ(sluice_rwlock_unlock(crew->rwlock), SLUICE_EPERM);
	}
	return NULL;
}

static void rwlock_of(uint32_t flags)
{
	void *(*const bodies[8])(void *) = { read_and_write, read_and_write, read_and_write,
					     read_and_write, read_and_write, read_and_write,
					     read_and_write, read_and_write };
	struct sluice_rwlock_options options;
	struct crew crew[8];

	memset(&options, 0, sizeof(options));
	memset(crew, 0, sizeof(crew));
	options.size = sizeof(options);
	options.flags = flags;
	CHECK_EQ(sluice_rwlock_open(NULL, &options, &crew[0].rwlock), 0);
	for (int i = 0; i < 8; i++) {
		crew[i].rwlock = crew[0].rwlock;
		crew[i].sum = (uint64_t)i;
	}
	guarded = twin = 0;
	run_crew(crew, 2, bodies);
	run_crew(crew, 8, bodies);
	CHECK_GE(guarded, 1);
	sluice_rwlock_close(crew[0].rwlock);
}

static void rwlock_private(void)
{
	rwlock_of(SLUICE_PRIVATE);
}

static void rwlock_anonymous(void)
{
	rwlock_of(0);
}

/* ---- meeting ------------------------------------------------------------------------------- */

#define MEETINGS 400

static uint64_t marks[8]; /* by who has the number; read by all after they have met */

/* Some come back when their time is up. Return: was it the last to come? */
static uint64_t meet(struct crew *crew)
{
	int r;

	do
		r = sluice_barrier_wait(crew->barrier,
					crew_random(crew, 4) ? SLUICE_FOREVER : INT64_C(100000));
	while (r == SLUICE_ETIMEDOUT);
	CHECK_GE(r, 0);
	return r == SLUICE_LAST;
}

static void *mark_and_meet(void *argument)
{
	struct crew *crew = (struct crew *)argument;
	uint64_t last = 0;

	for (uint64_t i = 1; i <= MEETINGS; i++) {
		marks[crew->index] = i;
		last += meet(crew);
		for (int k = 0; k < crew->parties; k++)
			CHECK_EQ(marks[k], i);
		last += meet(crew);
	}
	crew->sum = last;
	return NULL;
}

static void barrier_of(uint32_t flags, int parties)
{
	void *(*const bodies[8])(void *) = { mark_and_meet, mark_and_meet, mark_and_meet,
					     mark_and_meet, mark_and_meet, mark_and_meet,
					     mark_and_meet, mark_and_meet };
	struct sluice_barrier_options options;
	struct crew crew[8];
	uint64_t last = 0;

	memset(&options, 0, sizeof(options));
	memset(crew, 0, sizeof(crew));
	options.size = sizeof(options);
	options.flags = flags;
	options.parties = (uint32_t)parties;
	CHECK_EQ(sluice_barrier_open(NULL, &options, &crew[0].barrier), 0);
	for (int i = 0; i < 8; i++) {
		crew[i].barrier = crew[0].barrier;
		crew[i].parties = parties;
		crew[i].sum = (uint64_t)i;
	}
	run_crew(crew, parties, bodies);
	for (int i = 0; i < parties; i++)
		last += crew[i].sum;
	CHECK_EQ(last, 2 * MEETINGS);
	sluice_barrier_close(crew[0].barrier);
}

static void barrier_private(void)
{
	barrier_of(SLUICE_PRIVATE, 2);
	barrier_of(SLUICE_PRIVATE, 8);
}

static void barrier_anonymous(void)
{
	barrier_of(0, 2);
	barrier_of(0, 5);
}

/* ---- sending and receiving ---------------------------------------------------------------- */

struct letter {
	uint64_t number;
	uint64_t copies[300];
};

static size_t letter_size(struct crew *crew)
{
	return crew_random(crew, 10) ? sizeof(uint64_t) * 2 : sizeof(struct letter);
}

static void *send_letters(void *argument)
{
	struct crew *crew = (struct crew *)argument;
	struct letter letter;

	crew->sum = (uint64_t)crew->index;
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		int64_t type = (int64_t)(1 + crew_random(crew, 4));
		size_t size = letter_size(crew);
		struct letter *room;
		int r;

		letter.number = i;
		for (size_t k = 0; k < size / 8 - 1; k++)
			letter.copies[k] = i;
		if (crew_random(crew, 2)) {
			r = sluice_queue_send(crew->queue, type, &letter, size, SLUICE_S(20));
		} else {
			void *data;

			r = sluice_queue_reserve(crew->queue, size, &data, SLUICE_S(20));
			room = (struct letter *)data;
			if (r == 0 && crew_random(crew, 8) == 0) {
				CHECK_EQ(sluice_queue_abort(crew->queue, data), 0);
				r = sluice_queue_send(crew->queue, type, &letter, size,
						      SLUICE_S(20));
			} else if (r == 0) {
				memcpy(room, &letter, size);
				r = sluice_queue_commit(crew->queue, data, type, size);
			}
		}
		CHECK_EQ(r, 0);
	}
	return NULL;
}

static void check_letter(const void *data, int64_t size, struct crew *crew, uint64_t *sum)
{
	const struct letter *letter = (const struct letter *)data;

	(void)crew;
	CHECK_GE(size, 16);
	for (size_t k = 0; k < (size_t)size / 8 - 1; k++)
		CHECK_EQ(letter->copies[k], letter->number);
	*sum += letter->number;
}

static int left; /* letters still to come */

static void *receive_letters(void *argument)
{
	struct crew *crew = (struct crew *)argument;
	struct letter letter;
	uint64_t sum = 0;

	crew->sum = (uint64_t)crew->index;
	while (__atomic_load_n(&left, __ATOMIC_RELAXED) > 0) {
		uint64_t what = crew_random(crew, 4);
		int64_t type = what < 2 ? 0 : what == 2 ? (int64_t)(1 + crew_random(crew, 4)) : -4;
		int64_t r;

		if (crew_random(crew, 2)) {
			r = sluice_queue_receive(crew->queue, type, &letter, sizeof(letter), NULL,
						 SLUICE_MS(5));
			if (r >= 0)
				check_letter(&letter, r, crew, &sum);
		} else {
			const void *data;

			r = sluice_queue_borrow(crew->queue, type, &data, NULL, SLUICE_MS(5));
			if (r >= 0 && crew_random(crew, 8) == 0) {
				CHECK_EQ(sluice_queue_return(crew->queue, data), 0);
				continue;
			}
			if (r >= 0) {
				check_letter(data, r, crew, &sum);
				CHECK_EQ(sluice_queue_consume(crew->queue, data), 0);
			}
		}
		if (r >= 0)
			__atomic_fetch_sub(&left, 1, __ATOMIC_RELAXED);
		else
			CHECK_EQ(r, SLUICE_ETIMEDOUT);
	}
	crew->sum = sum;
	return NULL;
}

/* By the descriptor, two threads with the same one. */
static void *poll_letters(void *argument)
{
	struct crew *crew = (struct crew *)argument;
	struct letter letter;
	uint64_t sum = 0;
	struct pollfd item = { -1, POLLIN, 0 };

	item.fd = sluice_queue_fd(crew->queue, SLUICE_READABLE, 0);
	CHECK_GE(item.fd, 0);
	while (__atomic_load_n(&left, __ATOMIC_RELAXED) > 0) {
		int64_t r = sluice_queue_receive(crew->queue, 0, &letter, sizeof(letter), NULL,
						 SLUICE_NOWAIT);

		if (r == SLUICE_EAGAIN) {
			CHECK_GE(poll(&item, 1, 20), 0);
			continue;
		}
		check_letter(&letter, r, crew, &sum);
		__atomic_fetch_sub(&left, 1, __ATOMIC_RELAXED);
	}
	crew->sum = sum;
	return NULL;
}

/* Looks on while the others work. */
static void *look_on(void *argument)
{
	struct crew *crew = (struct crew *)argument;
	uint64_t seen = 0;

	while (__atomic_load_n(&left, __ATOMIC_RELAXED) > 0) {
		struct sluice_queue_info info = queue_info(crew->queue);

		CHECK_GE(info.sent, seen);
		seen = info.sent;
		CHECK_EQ(sluice_queue_interrupt(crew->queue), 0);
		test_sleep_ms(50);
	}
	crew->sum = 0;
	return NULL;
}

static void letters_of(uint32_t flags, void *(*receiver)(void *), int looked_on)
{
	void *(*const bodies[8])(void *) = { send_letters, send_letters, send_letters, receiver,
					     receiver,     receiver,     look_on };
	struct sluice_queue_options options = queue_options();
	struct crew crew[8];
	sluice_queue *queue;
	uint64_t sum = 0;

	options.flags = flags;
	options.capacity = 32768;
	options.message_max = sizeof(struct letter);
	queue = open_queue_as(NULL, options);
	memset(crew, 0, sizeof(crew));
	for (int i = 0; i < 8; i++)
		crew[i].queue = queue;
	left = 3 * ROUNDS;
	run_crew(crew, looked_on ? 7 : 6, bodies);
	for (int i = 3; i < 6; i++)
		sum += crew[i].sum;
	CHECK_EQ(sum, (uint64_t)3 * ROUNDS * (ROUNDS + 1) / 2);
	CHECK_EQ(queue_info(queue).messages, 0);
	sluice_queue_close(queue);
}

static void letters_private(void)
{
	letters_of(SLUICE_PRIVATE, receive_letters, 0);
}

static void letters_anonymous(void)
{
	letters_of(0, receive_letters, 0);
}

static void letters_polled_private(void)
{
	letters_of(SLUICE_PRIVATE, poll_letters, 0);
}

static void letters_polled_anonymous(void)
{
	letters_of(0, poll_letters, 0);
}

static void *count_messages(void *argument)
{
	struct crew *crew = (struct crew *)argument;

	while (__atomic_load_n(&left, __ATOMIC_RELAXED) > 0) {
		CHECK_LT(queue_info(crew->queue).messages, 3 * ROUNDS + 1);
		test_sleep_ms(1);
	}
	crew->sum = 0;
	return NULL;
}

/* sluice_queue_info() beside everything else. */
static void letters_watched(void)
{
	void *(*const bodies[8])(void *) = { send_letters,  send_letters,    send_letters,
					     poll_letters,  receive_letters, receive_letters,
					     count_messages };
	struct sluice_queue_options options = queue_options();
	struct crew crew[8];
	sluice_queue *queue;

	options.flags = SLUICE_PRIVATE;
	options.capacity = 32768;
	options.message_max = sizeof(struct letter);
	queue = open_queue_as(NULL, options);
	memset(crew, 0, sizeof(crew));
	for (int i = 0; i < 8; i++)
		crew[i].queue = queue;
	left = 3 * ROUNDS;
	run_crew(crew, 7, bodies);
	sluice_queue_close(queue);
	(void)look_on;
}

/* Threads that open and close their own. */
static void *open_and_close(void *argument)
{
	(void)argument;
	for (int i = 0; i < 200; i++) {
		sluice_queue *queue = open_queue(NULL, 0, i % 2 ? SLUICE_PRIVATE : 0);
		sluice_mutex *mutex = open_mutex(NULL, SLUICE_PRIVATE);

		send_number(queue, 1);
		CHECK_EQ(receive_number(queue), 1);
		sluice_mutex_close(mutex);
		sluice_queue_close(queue);
	}
	return NULL;
}

static void opened_by_all(void)
{
	void *(*const bodies[4])(void *) = { open_and_close, open_and_close, open_and_close,
					     open_and_close };
	struct crew crew[4];

	memset(crew, 0, sizeof(crew));
	run_crew(crew, 4, bodies);
}

int main(void)
{
	test_begin();
	RUN(mutex_private);
	RUN(mutex_anonymous);
	RUN(rwlock_private);
	RUN(rwlock_anonymous);
	RUN(barrier_private);
	RUN(barrier_anonymous);
	RUN(letters_private);
	RUN(letters_anonymous);
	RUN(letters_polled_private);
	RUN(letters_polled_anonymous);
	RUN(letters_watched);
	RUN(opened_by_all);
	return test_end();
}
