/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * measure.h - what is measured, and how a facility is driven
 *
 * A driver is a struct of a few functions, one for each facility. It knows one direction of one
 * channel, a way: its sender's end and its receiver's. What a way is used for (round trips through
 * two of them, a flood through one, many processes at both ends) is not the driver's business but
 * that of the loops in loops.c. A driver of a lock has lock and unlock in their place.
 *
 * make() runs once a turn, in a process of that turn which then forks the others, so that every turn
 * begins with a fresh object and whatever goes wrong ends that turn alone; join() runs in each
 * process for each end that it will use, before the clock. Drivers give what they make no name, or
 * one that is gone before the first message: what is to be cleaned up, death cleans up.
 */
#ifndef SLUICE_CLI_BENCH_MEASURE_H
#define SLUICE_CLI_BENCH_MEASURE_H

#include "histogram.h"

#include <sluice.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Two cache lines: on many machines neighbours travel together. */
#define BENCH_APART 128
#define BENCH_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BENCH_INLINE static inline __attribute__((always_inline))
#define BENCH_BATCH 32       /* messages in a call, where a facility takes many */
#define BENCH_BUFFER 131072u /* bytes that receive() may use, or the size if that is more */
#define BENCH_DEPTH 10000    /* messages of other types that stand before the one that is wanted */
#define BENCH_MEGABYTE 1048576u

/* ---- what is measured ---- */

enum bench_measure {
	BENCH_SPIN,    /* round trip, both ends looking */
	BENCH_SLEEP,   /* round trip, both ends asleep in between */
	BENCH_FLOW,    /* messages a second from one to one, of a size */
	BENCH_MANY,    /* the same, from two to two */
	BENCH_LOCK,    /* lock and unlock, nobody else there */
	BENCH_CONTEND, /* acquisitions a second of two processes */
	BENCH_WAKE,    /* from the call that wakes a sleeper until it runs */
	BENCH_TYPED,   /* send and receive one type, others standing before it */
	BENCH_IDLE,    /* processor time of a waiter */
	BENCH_MEMORY,  /* bytes */
	BENCH_MEASURES
};

struct bench_measure_text {
	const char *key;
	const char *title;
	const char *unit;   /* of the value */
	const char *second; /* what the second value is; NULL: there is none */
	const char *words;  /* a sentence for the report */
	bool more_is_better;
};

extern const struct bench_measure_text bench_measures[BENCH_MEASURES];

#define BENCH_BIT(measure) (1u << (measure))
#define BENCH_CHANNEL                                                                              \
	(BENCH_BIT(BENCH_SPIN) | BENCH_BIT(BENCH_SLEEP) | BENCH_BIT(BENCH_FLOW) |                  \
	 BENCH_BIT(BENCH_WAKE) | BENCH_BIT(BENCH_IDLE) | BENCH_BIT(BENCH_MEMORY))
#define BENCH_SIGNAL (BENCH_CHANNEL & ~BENCH_BIT(BENCH_FLOW))
#define BENCH_LOCKS (BENCH_BIT(BENCH_LOCK) | BENCH_BIT(BENCH_CONTEND))

/* ---- drivers ---- */

/* One direction of one channel, or one lock. */
struct bench_way {
	bool spin;    /* look, do not sleep */
	bool sleep;   /* sleep at once, do not look */
	bool lock;    /* a lock is measured, and not messages or signals */
	bool alone;   /* one processor for everybody */
	size_t size;  /* of a message */
	size_t bytes; /* of memory that it takes when it is full, the kernel's buffer included */
	int fd[2];    /* receiver's, sender's */
	void *in;     /* receiver's object */
	void *out;    /* sender's */
	void *shared; /* memory of all processes */
	size_t shared_size;
	uint64_t sent;
	uint64_t got;
	uint64_t other; /* a driver's own */
};

enum bench_group { BENCH_FLOOR, BENCH_SLUICE, BENCH_KERNEL, BENCH_SHM, BENCH_SYNC, BENCH_PEERS };

struct bench_driver {
	const char *name;
	const char *title;
	const char *advice; /* what it is good for, and what it does not do */
	enum bench_group group;
	unsigned measures;
	size_t longest;    /* message; 0: any */
	bool kernel_calls; /* a lock that calls the kernel each time: its floor is a system call */
	bool variant;      /* of another; stands in no table of advice */

	void (*make)(struct bench_way *way);
	void (*join)(struct bench_way *way, bool sender);
	void (*drop)(struct bench_way *way);

	/* Send one message (or a batch), and receive one (or several); how many it was. */
	size_t (*send)(struct bench_way *way, const void *data, size_t size);
	size_t (*receive)(struct bench_way *way, void *buffer, size_t size);

	void (*lock)(struct bench_way *way);
	void (*unlock)(struct bench_way *way);

	/* Of a queue that has types: one byte of @type. */
	void (*send_type)(struct bench_way *way, int type);
	void (*receive_type)(struct bench_way *way, int type);
};

/* The list, ended by NULL. */
extern const struct bench_driver *const bench_drivers[];

/* ---- for drivers ---- */

/* bench_fail() - this cannot be measured here, and why: ends this process and the turn. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* bench_check() - a result of the system's */
void bench_check(bool good, const char *what);

/*
 * bench_late() - load @library, if it is not, and store the address of its function @name in the pointer
 * to a function at @ret_function. Libraries of others are loaded by the driver that measures them, so
 * that no other start of the program has to wait for them.
 */
void bench_late(const char *library, const char *name, void *ret_function);

/* bench_done() - a result of the library's: negative is a code */
void bench_done(int64_t result, const char *what);

/* bench_opened() - the same, of a call with a diagnostic */
void bench_opened(int result, const char *diagnostic);

/* bench_shared() - zeroed memory for this process and its future children, in way->shared */
void *bench_shared(struct bench_way *way, size_t size);
void bench_unshare(struct bench_way *way);

/* bench_close_fds() - what most drivers drop */
void bench_close_fds(struct bench_way *way);

/* bench_nonblocking() - for a way that looks instead of sleeping */
void bench_nonblocking(const struct bench_way *way);

/* bench_file_size() - bytes of the file behind a descriptor */
size_t bench_file_size(int fd);

/* bench_limit() - a number in /proc, or @otherwise */
size_t bench_limit(const char *path, size_t otherwise);

/* bench_mortal() - objects of System V outlive processes: a janitor removes them if we die first.
 * @kind 'm' or 's'. bench_gone(): removed by ourselves. */
void bench_mortal(char kind, int id);
void bench_gone(char kind, int id);

BENCH_INLINE int64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void bench_futex_wait(_Atomic uint32_t *word, uint32_t seen);
void bench_futex_wake(_Atomic uint32_t *word);

BENCH_INLINE uint32_t bench_load(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

BENCH_INLINE void bench_store(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

/* ---- turns ---- */

struct bench_cpus {
	int first;
	int second; /* the same as first when there is just one */
};

/* What a turn is, and what came of it. */
struct bench_turn {
	const struct bench_driver *driver;
	enum bench_measure measure;
	size_t size;
	int64_t warm_ns;
	int64_t length_ns;
	struct bench_cpus cpus;
	struct bench_way way[2];
};

#define BENCH_WORKERS 4
#define BENCH_WHY 160

/* What the processes of a turn share. */
struct bench_board {
	_Alignas(BENCH_APART) _Atomic uint32_t arrived;
	_Alignas(BENCH_APART) _Atomic uint32_t done;
	_Alignas(BENCH_APART) _Atomic uint32_t failed;
	_Alignas(BENCH_APART) _Atomic uint32_t over; /* contenders: let go, and end */
	_Alignas(BENCH_APART) _Atomic uint32_t turn; /* of waker and sleeper */
	_Atomic int64_t stamp;
	struct {
		_Alignas(BENCH_APART) _Atomic uint64_t count;
	} worker[BENCH_WORKERS];
	_Alignas(BENCH_APART) char why[BENCH_WHY];
	double value;
	double second;
	uint64_t number; /* what the lock guards */
	struct bench_histogram histogram;
};

extern struct bench_board *bench_board;

/* bench_turn() - one turn, in processes of its own; false: bench_board->why says why not, or it is
 * empty because *@stopped() is not zero. */
bool bench_turn(struct bench_turn *turn, int (*stopped)(void));

/* Inside a turn: how many processes it has, and what each of them does. The leader, 0, returns with
 * the result on the board; the others serve it until they are killed. */
int bench_roles(const struct bench_turn *turn);
int bench_ways(const struct bench_turn *turn);
void bench_play(struct bench_turn *turn, int role);

/* bench_idle() - the processor time of a waiter on each of @turns, all at once: @values in nanoseconds
 * a second, negative where that failed; false: stopped. */
bool bench_idle(struct bench_turn *turns, size_t count, int64_t length_ns, double *values,
		int (*stopped)(void));

/* bench_turns_begin() - before the first turn: the board, the janitor. bench_turns_end(): both gone. */
void bench_turns_begin(void);
void bench_turns_end(void);
void bench_janitor_begin(void);
void bench_janitor_end(void);
struct bench_cpus bench_find_cpus(void);

#endif
