/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * floors.c - the same jobs done by bare instructions and bare system calls
 *
 * Nothing that does the job can be faster, because each floor is the one step that all others
 * contain: a line known to the other core and back; a sleeper woken; bytes copied in on one core and
 * out on another; a word taken and given back; a system call. They have no lock, no end, no lengths,
 * and nobody to look after the dead.
 */
#include "measure.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING (1u << 20)
#define PIECE 16384u /* of longer copies: what suits two cores best */

struct pipeline {
	_Alignas(BENCH_APART) _Atomic uint64_t tail; /* written by the sender */
	_Alignas(BENCH_APART) _Atomic uint64_t head; /* written by the receiver */
	_Alignas(4096) unsigned char bytes[RING];
};

static void word_make(struct bench_way *way)
{
	bench_shared(way, BENCH_APART);
}

/* ---- lines, futex ---- */

static size_t lines_send(struct bench_way *way, const void *data, size_t size)
{
	(void)data;
	(void)size;
	bench_store(way->shared, (uint32_t)++way->sent);
	return 1;
}

static size_t lines_receive(struct bench_way *way, void *buffer, size_t size)
{
	uint32_t next = (uint32_t)++way->got;

	(void)buffer;
	(void)size;
	while (bench_load(way->shared) != next)
		;
	return 1;
}

static size_t futex_send(struct bench_way *way, const void *data, size_t size)
{
	lines_send(way, data, size);
	bench_futex_wake(way->shared);
	return 1;
}

static size_t futex_receive(struct bench_way *way, void *buffer, size_t size)
{
	uint32_t seen = (uint32_t)way->got++;

	(void)buffer;
	(void)size;
	while (bench_load(way->shared) == seen)
		bench_futex_wait(way->shared, seen);
	return 1;
}

/* ---- copying ---- */

static void copy_make(struct bench_way *way)
{
	bench_shared(way, sizeof(struct pipeline));
}

BENCH_INLINE void copy_pause(const struct bench_way *way)
{
	if (way->alone)
		sched_yield();
}

/* Up to the end of the ring, or the next piece. */
BENCH_INLINE size_t copy_step(uint64_t at, size_t left)
{
	size_t room = RING - (size_t)(at % RING);
	size_t step = left < PIECE ? left : PIECE;

	return step < room ? step : room;
}

static size_t copy_send(struct bench_way *way, const void *data, size_t size)
{
	struct pipeline *ring = way->shared;
	const unsigned char *from = data;

	while (size) {
		size_t step = copy_step(way->sent, size);

		while (way->sent + step - way->other > RING) {
			copy_pause(way);
			way->other = atomic_load_explicit(&ring->head, memory_order_acquire);
		}
		memcpy(ring->bytes + way->sent % RING, from, step);
		way->sent += step;
		atomic_store_explicit(&ring->tail, way->sent, memory_order_release);
		from += step;
		size -= step;
	}
	return 1;
}

static size_t copy_receive(struct bench_way *way, void *buffer, size_t size)
{
	struct pipeline *ring = way->shared;
	unsigned char *to = buffer;

	while (size) {
		size_t step = copy_step(way->got, size);

		while (way->other - way->got < step) {
			copy_pause(way);
			way->other = atomic_load_explicit(&ring->tail, memory_order_acquire);
		}
		memcpy(to, ring->bytes + way->got % RING, step);
		way->got += step;
		atomic_store_explicit(&ring->head, way->got, memory_order_release);
		to += step;
		size -= step;
	}
	return 1;
}

/* ---- locks ---- */

static void word_lock(struct bench_way *way)
{
	_Atomic uint32_t *word = way->shared;

	while (atomic_exchange_explicit(word, 1, memory_order_acquire))
		while (atomic_load_explicit(word, memory_order_relaxed))
			;
}

static void word_unlock(struct bench_way *way)
{
	bench_store(way->shared, 0);
}

static void call_kernel(struct bench_way *way)
{
	(void)way;
	syscall(SYS_getppid);
}

const struct bench_driver bench_floor_lines = {
	.name = "floor-lines",
	.title = "two bare cache lines",
	.advice = "one word each way, spinning",
	.measures = BENCH_BIT(BENCH_SPIN),
	.make = word_make,
	.drop = bench_unshare,
	.send = lines_send,
	.receive = lines_receive,
};

const struct bench_driver bench_floor_futex = {
	.name = "floor-futex",
	.title = "bare futex",
	.advice = "one word each way, FUTEX_WAIT and FUTEX_WAKE",
	.measures = BENCH_BIT(BENCH_SLEEP) | BENCH_BIT(BENCH_WAKE) | BENCH_BIT(BENCH_IDLE),
	.make = word_make,
	.drop = bench_unshare,
	.send = futex_send,
	.receive = futex_receive,
};

const struct bench_driver bench_floor_copy = {
	.name = "floor-copy",
	.title = "bare copy pipeline",
	.advice = "copied in on one core and out on the other, through a ring of 1 MiB",
	.measures = BENCH_BIT(BENCH_FLOW),
	.make = copy_make,
	.drop = bench_unshare,
	.send = copy_send,
	.receive = copy_receive,
};

const struct bench_driver bench_floor_lock = {
	.name = "floor-lock",
	.title = "bare atomic word",
	.advice = "one exchange and one store, spinning",
	.measures = BENCH_LOCKS,
	.make = word_make,
	.drop = bench_unshare,
	.lock = word_lock,
	.unlock = word_unlock,
};

const struct bench_driver bench_floor_call = {
	.name = "floor-call",
	.title = "two bare system calls",
	.advice = "the least that a lock in the kernel costs",
	.measures = BENCH_BIT(BENCH_LOCK),
	.kernel_calls = true,
	.lock = call_kernel,
	.unlock = call_kernel,
};
