/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * shm.c - what one writes by hand: a ring of messages in shared memory
 *
 * Once with a robust process-shared mutex and two conditions, once with three POSIX semaphores. Both
 * are as a careful textbook has them. The first can go on after a death while the mutex was held, the
 * second cannot.
 */
#include "measure.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#define RING_BYTES 1048576u
#define SLOTS_LEAST 2u
#define SLOTS_MOST 4096u

struct ring {
	pthread_mutex_t mutex;
	pthread_cond_t more;
	pthread_cond_t less;
	sem_t guard;
	sem_t full;
	sem_t empty;
	_Alignas(BENCH_APART) uint64_t tail;
	_Alignas(BENCH_APART) uint64_t head;
	size_t slots;
	_Alignas(BENCH_APART) unsigned char bytes[];
};

static struct ring *ring_make(struct bench_way *way)
{
	size_t slots = RING_BYTES / (way->size ? way->size : 1);
	struct ring *ring;

	if (slots < SLOTS_LEAST)
		slots = SLOTS_LEAST;
	if (slots > SLOTS_MOST)
		slots = SLOTS_MOST;
	ring = bench_shared(way, sizeof(*ring) + slots * way->size);
	ring->slots = slots;
	return ring;
}

static void ring_put(struct ring *ring, const void *data, size_t size)
{
	memcpy(ring->bytes + ring->tail++ % ring->slots * size, data, size);
}

static void ring_get(struct ring *ring, void *buffer, size_t size)
{
	memcpy(buffer, ring->bytes + ring->head++ % ring->slots * size, size);
}

/* ---- mutex and conditions ---- */

static void mutex_make(struct bench_way *way)
{
	struct ring *ring = ring_make(way);
	pthread_mutexattr_t mutex;
	pthread_condattr_t condition;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
	pthread_condattr_init(&condition);
	pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
	if (pthread_mutex_init(&ring->mutex, &mutex) ||
	    pthread_cond_init(&ring->more, &condition) ||
	    pthread_cond_init(&ring->less, &condition))
		bench_fail("pthread_mutex_init");
}

static void ring_lock(struct ring *ring)
{
	int result = pthread_mutex_lock(&ring->mutex);

	if (result == EOWNERDEAD)
		pthread_mutex_consistent(&ring->mutex);
	else if (result)
		bench_fail("pthread_mutex_lock: %s", strerror(result));
}

/* Give the mutex up until the other side did something. */
static void ring_wait(const struct bench_way *way, struct ring *ring, pthread_cond_t *condition)
{
	if (!way->spin) {
		pthread_cond_wait(condition, &ring->mutex);
		return;
	}
	pthread_mutex_unlock(&ring->mutex);
	ring_lock(ring);
}

static size_t mutex_send(struct bench_way *way, const void *data, size_t size)
{
	struct ring *ring = way->shared;

	ring_lock(ring);
	while (ring->tail - ring->head == ring->slots)
		ring_wait(way, ring, &ring->less);
	ring_put(ring, data, size);
	pthread_mutex_unlock(&ring->mutex);
	pthread_cond_signal(&ring->more);
	return 1;
}

static size_t mutex_receive(struct bench_way *way, void *buffer, size_t size)
{
	struct ring *ring = way->shared;

	ring_lock(ring);
	while (ring->tail == ring->head)
		ring_wait(way, ring, &ring->more);
	ring_get(ring, buffer, size);
	pthread_mutex_unlock(&ring->mutex);
	pthread_cond_signal(&ring->less);
	return 1;
}

/* ---- semaphores ---- */

static void sem_make(struct bench_way *way)
{
	struct ring *ring = ring_make(way);

	bench_check(sem_init(&ring->guard, 1, 1) == 0 && sem_init(&ring->full, 1, 0) == 0 &&
			    sem_init(&ring->empty, 1, (unsigned)ring->slots) == 0,
		    "sem_init");
}

static void sem_down(const struct bench_way *way, sem_t *semaphore)
{
	while ((way->spin ? sem_trywait(semaphore) : sem_wait(semaphore)) != 0)
		bench_check(errno == EAGAIN || errno == EINTR, "sem_wait");
}

static size_t sem_send(struct bench_way *way, const void *data, size_t size)
{
	struct ring *ring = way->shared;

	sem_down(way, &ring->empty);
	sem_down(way, &ring->guard);
	ring_put(ring, data, size);
	sem_post(&ring->guard);
	sem_post(&ring->full);
	return 1;
}

static size_t sem_receive(struct bench_way *way, void *buffer, size_t size)
{
	struct ring *ring = way->shared;

	sem_down(way, &ring->full);
	sem_down(way, &ring->guard);
	ring_get(ring, buffer, size);
	sem_post(&ring->guard);
	sem_post(&ring->empty);
	return 1;
}

const struct bench_driver bench_shm_mutex = {
	.name = "shm-mutex",
	.title = "own ring, robust mutex",
	.advice = "shared memory by hand: a robust mutex and conditions; repairs are yours",
	.group = BENCH_SHM,
	.measures = BENCH_CHANNEL | BENCH_BIT(BENCH_MANY),
	.make = mutex_make,
	.drop = bench_unshare,
	.send = mutex_send,
	.receive = mutex_receive,
};

const struct bench_driver bench_shm_sem = {
	.name = "shm-sem",
	.title = "own ring, semaphores",
	.advice = "shared memory by hand: POSIX semaphores; a death stops everybody",
	.group = BENCH_SHM,
	.measures = BENCH_CHANNEL | BENCH_BIT(BENCH_MANY),
	.make = sem_make,
	.drop = bench_unshare,
	.send = sem_send,
	.receive = sem_receive,
};
