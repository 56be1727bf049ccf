/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_wait.c - waiting for messages and for room, and everything that ends a wait
 */
#include "help.h"

#include <pthread.h>
#include <sys/syscall.h>

/* ---- a thread that waits ------------------------------------------------------------------ */

struct waiter {
	pthread_t thread;
	sluice_queue *queue;
	int64_t type, timeout, result, started, ended;
	uint64_t number;
	int sends;
	pid_t tid;
};

static void *wait_in_thread(void *argument)
{
	struct waiter *waiter = (struct waiter *)argument;

	waiter->started = test_now_ns();
	__atomic_store_n(&waiter->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (waiter->sends)
		waiter->result = sluice_queue_send(waiter->queue, 1, &waiter->number, 8,
						   waiter->timeout);
	else
		waiter->result = sluice_queue_receive(waiter->queue, waiter->type, &waiter->number,
						      8, NULL, waiter->timeout);
	__atomic_store_n(&waiter->ended, test_now_ns(), __ATOMIC_RELEASE);
	return NULL;
}

static void start_waiter(struct waiter *waiter, sluice_queue *queue, int sends, int64_t type,
			 int64_t timeout)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->queue = queue;
	waiter->sends = sends;
	waiter->type = type;
	waiter->timeout = timeout;
	CHECK_EQ(pthread_create(&waiter->thread, NULL, wait_in_thread, waiter), 0);
	while (!__atomic_load_n(&waiter->tid, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	await_sleep(getpid(), waiter->tid);
}

static int64_t end_waiter(struct waiter *waiter)
{
	CHECK_EQ(pthread_join(waiter->thread, NULL), 0);
	return waiter->result;
}

/* ---- time --------------------------------------------------------------------------------- */

static sluice_queue *open_full(const char *name, uint32_t flags)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;
	uint64_t number = 0;

	options.capacity = 4096;
	options.message_max = 64;
	options.flags = flags;
	queue = open_queue_as(name, options);
	while (sluice_queue_send(queue, 1, &number, 8, SLUICE_NOWAIT) == 0)
		;
	return queue;
}

static void timeouts_of(uint32_t flags)
{
	static const int64_t times[] = { 1, 1000, SLUICE_MS(1), SLUICE_MS(30), SLUICE_MS(300) };
	sluice_queue *empty = open_queue(NULL, 0, flags), *full = open_full(NULL, flags);
	uint64_t number = 0;
	void *room;
	const void *data;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t start = test_now_ns(), took;

		CHECK_EQ(sluice_queue_receive(empty, 0, &number, 8, NULL, times[i]),
			 SLUICE_ETIMEDOUT);
		took = test_now_ns() - start;
		CHECK_GE(took, times[i]);
		CHECK_LT(took, times[i] + SLUICE_MS(500));
		start = test_now_ns();
		CHECK_EQ(sluice_queue_send(full, 1, &number, 8, times[i]), SLUICE_ETIMEDOUT);
		took = test_now_ns() - start;
		CHECK_GE(took, times[i]);
		CHECK_LT(took, times[i] + SLUICE_MS(500));
	}
	CHECK_EQ(sluice_queue_receive(empty, 3, &number, 8, NULL, SLUICE_MS(1)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_queue_receive(empty, -3, &number, 8, NULL, SLUICE_MS(1)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_queue_borrow(empty, 0, &data, NULL, SLUICE_MS(1)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_queue_reserve(full, 8, &room, SLUICE_MS(1)), SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_queue_receive(empty, 0, &number, 8, NULL, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_queue_send(full, 1, &number, 8, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_queue_borrow(empty, 0, &data, NULL, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_queue_reserve(full, 8, &room, SLUICE_NOWAIT), SLUICE_EAGAIN);
	sluice_queue_close(empty);
	sluice_queue_close(full);
}

static void timeouts(void)
{
	timeouts_of(0);
}

static void timeouts_private(void)
{
	timeouts_of(SLUICE_PRIVATE);
}

/* The longest there is does not overflow into the past. */
static void endless_timeouts(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct waiter waiter;

	for (int i = 0; i < 3; i++) {
		start_waiter(&waiter, queue, 0, 0,
			     i == 0   ? INT64_MAX
			     : i == 1 ? SLUICE_FOREVER
				      : INT64_MIN);
		send_number(queue, 5);
		CHECK_EQ(end_waiter(&waiter), 8);
	}
	sluice_queue_close(queue);
}

/* ---- waking ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* From send to the sleeping receiver's return, in the middle of 21 tries: no slice is waited for. */
static void wakes_soon_of(int64_t type, uint32_t flags)
{
	int64_t took[21];
	sluice_queue *queue = open_queue(NULL, 0, flags);
	struct waiter waiter;

	for (int i = 0; i < 21; i++) {
		int64_t start;

		start_waiter(&waiter, queue, 0, type, SLUICE_S(20));
		start = test_now_ns();
		send_number_as(queue, 3, 5);
		CHECK_EQ(end_waiter(&waiter), 8);
		CHECK_EQ(waiter.number, 5);
		took[i] = waiter.ended - start;
	}
	qsort(took, 21, sizeof(took[0]), compare);
	CHECK_LT(took[10], SLUICE_MS(20));
	sluice_queue_close(queue);
}

static void wakes_soon(void)
{
	wakes_soon_of(0, 0);
	wakes_soon_of(3, 0);
	wakes_soon_of(-7, 0);
	wakes_soon_of(0, SLUICE_PRIVATE);
	wakes_soon_of(3, SLUICE_PRIVATE);
}

static void room_wakes(void)
{
	sluice_queue *queue = open_full(NULL, 0);
	int64_t took[21];

	for (int i = 0; i < 21; i++) {
		struct waiter waiter;
		int64_t start;

		start_waiter(&waiter, queue, 1, 0, SLUICE_S(20));
		start = test_now_ns();
		receive_number(queue);
		CHECK_EQ(end_waiter(&waiter), 0);
		took[i] = waiter.ended - start;
	}
	qsort(took, 21, sizeof(took[0]), compare);
	CHECK_LT(took[10], SLUICE_MS(20));
	sluice_queue_close(queue);
}

/* The first record pins the ring: a reservation, or a loan. When it is a message again a sender may move
 * it out of the way, and is told; the slice is too long to wait for. */
static void unpinning_wakes(void)
{
	for (int reserves = 0; reserves < 2; reserves++) {
		struct sluice_queue_options options = queue_options();
		const void *borrowed = NULL;
		void *reserved = NULL;
		sluice_queue *queue;
		struct waiter waiter;

		options.capacity = 4096;
		options.message_max = 32;
		options.slice_ns = SLUICE_S(5);
		queue = open_queue_as(NULL, options);
		if (reserves) {
			CHECK_EQ(sluice_queue_reserve(queue, 8, &reserved, 0), 0);
		} else {
			send_number_as(queue, 3, 1);
			CHECK_EQ(sluice_queue_borrow(queue, 3, &borrowed, NULL, 0), 8);
		}
		while (sluice_queue_send(queue, 2, "filling", 8, SLUICE_NOWAIT) == 0)
			;
		for (int i = 0; i < 10; i++)
			(void)receive_number_as(queue, 2);
		CHECK_EQ(sluice_queue_send(queue, 1, "pinned", 8, SLUICE_NOWAIT), SLUICE_EAGAIN);
		/* Asleep for good: the first slices are short. */
		start_waiter(&waiter, queue, 1, 0, SLUICE_S(20));
		test_sleep_ms(150);
		await_sleep(getpid(), waiter.tid);
		if (reserves)
			CHECK_EQ(sluice_queue_commit(queue, reserved, 3, 8), 0);
		else
			CHECK_EQ(sluice_queue_return(queue, borrowed), 0);
		waiter.started = test_now_ns();
		CHECK_EQ(end_waiter(&waiter), 0);
		CHECK_LT(waiter.ended - waiter.started, SLUICE_S(2));
		sluice_queue_close(queue);
	}
}

static void be_borrower(void *context)
{
	sluice_queue *queue = open_queue((const char *)context, 0, 0);
	const void *borrowed;

	CHECK_EQ(sluice_queue_borrow(queue, 1, &borrowed, NULL, SLUICE_S(5)), 8);
	send_number_as(queue, 3, 0);
	test_sleep_ms(100000);
}

/* Who is woken all the time, for what others want, looks after the dead all the same. */
static void death_amid_traffic(void)
{
	static char name[] = "traffic";
	sluice_queue *queue = open_queue(name, 0, 0);
	sluice_queue *other = open_queue(name, 0, 0);
	struct waiter waiter;
	int64_t start;
	pid_t pid;

	send_number_as(queue, 1, 7);
	pid = test_spawn(be_borrower, name);
	(void)receive_number_as(queue, 3);
	start_waiter(&waiter, queue, 0, -2, SLUICE_S(20));
	test_kill(pid);
	start = test_now_ns();
	/* Each wakes it, since it wants the lowest of several types. */
	while (__atomic_load_n(&waiter.ended, __ATOMIC_ACQUIRE) == 0 &&
	       test_now_ns() - start < SLUICE_S(10)) {
		send_number_as(other, 5, 0);
		(void)receive_number_as(other, 5);
		test_sleep_ms(20);
	}
	CHECK_EQ(end_waiter(&waiter), 8);
	CHECK_EQ(waiter.number, 7);
	CHECK_LT(waiter.ended - start, SLUICE_S(5));
	sluice_queue_close(queue);
	sluice_queue_close(other);
	CHECK_EQ(sluice_remove(name), 0);
}

/* Many wait for different things; each message wakes who wants it. */
static void everybody_is_woken(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct waiter waiters[24];

	for (int i = 0; i < 24; i++)
		start_waiter(&waiters[i], queue, 0,
			     i % 3 == 0   ? 0
			     : i % 3 == 1 ? 100 + i
					  : -50,
			     SLUICE_S(20));
	for (int i = 0; i < 24; i++)
		if (i % 3 == 1)
			send_number_as(queue, 100 + i, (uint64_t)i);
	for (int i = 0; i < 8; i++)
		send_number_as(queue, 50, 1);
	for (int i = 0; i < 8; i++)
		send_number_as(queue, 1, 2);
	/* Those of any type may have taken what others waited for. */
	test_sleep_ms(300);
	for (int i = 0; i < 24; i++)
		if (i % 3 == 1)
			send_number_as(queue, 100 + i, (uint64_t)i);
	for (int i = 0; i < 16; i++)
		send_number_as(queue, 50, 1);
	for (int i = 0; i < 24; i++)
		CHECK_EQ(end_waiter(&waiters[i]), 8);
	sluice_queue_close(queue);
}

/* A batch wakes as many as there are messages. */
static void batch_wakes_all(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct sluice_send_item items[10];
	struct waiter waiters[10];
	uint64_t number = 1;
	int64_t start;

	memset(items, 0, sizeof(items));
	for (int i = 0; i < 10; i++) {
		items[i].type = 1;
		items[i].data = &number;
		items[i].size = 8;
		start_waiter(&waiters[i], queue, 0, 0, SLUICE_S(20));
	}
	start = test_now_ns();
	CHECK_EQ(sluice_queue_send_many(queue, items, 10, SLUICE_NOWAIT), 10);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(end_waiter(&waiters[i]), 8);
	CHECK_LT(test_now_ns() - start, SLUICE_S(5));
	sluice_queue_close(queue);
}

/* ---- interrupts --------------------------------------------------------------------------- */

static void interrupted(void)
{
	sluice_queue *empty = open_queue("interrupted", 0, 0), *full = open_full(NULL, 0);
	sluice_queue *other = open_queue("interrupted", 0, 0);
	struct waiter waiters[4];
	uint64_t number;

	for (int round = 0; round < 5; round++) {
		int64_t start;

		start_waiter(&waiters[0], empty, 0, 0, SLUICE_FOREVER);
		start_waiter(&waiters[1], empty, 0, 7, SLUICE_S(20));
		start_waiter(&waiters[2], full, 1, 0, SLUICE_FOREVER);
		start_waiter(&waiters[3], other, 0, 0, SLUICE_FOREVER);
		start = test_now_ns();
		CHECK_EQ(sluice_queue_interrupt(empty), 0);
		CHECK_EQ(sluice_queue_interrupt(full), 0);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(end_waiter(&waiters[i]), SLUICE_ECANCELED);
		CHECK_LT(test_now_ns() - start, SLUICE_S(1));
		/* Another handle is not concerned. */
		send_number(empty, 3);
		CHECK_EQ(end_waiter(&waiters[3]), 8);
		/* Later calls are not affected. */
		CHECK_EQ(sluice_queue_receive(empty, 0, &number, 8, NULL, SLUICE_MS(5)),
			 SLUICE_ETIMEDOUT);
		start_waiter(&waiters[0], empty, 0, 0, SLUICE_FOREVER);
		send_number(empty, 4);
		CHECK_EQ(end_waiter(&waiters[0]), 8);
	}
	sluice_queue_close(empty);
	sluice_queue_close(other);
	sluice_queue_close(full);
	CHECK_EQ(sluice_remove("interrupted"), 0);
}

/* ---- signals ------------------------------------------------------------------------------ */

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	(void)number;
	caught++;
}

static void install(int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = flags;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	caught = 0;
}

static int kernel_restarts(void)
{
	/* futex_waitv; under an emulator it may be missing. */
	return syscall(449, NULL, 0, 0, NULL, 0) < 0 && errno != ENOSYS;
}

/* More than once: one may come between two slices, when there is no sleep for it to end. */
static void signal_until_it_ends(struct waiter *waiter)
{
	for (int i = 0; i < 2000 && __atomic_load_n(&waiter->ended, __ATOMIC_ACQUIRE) == 0; i++) {
		CHECK_EQ(pthread_kill(waiter->thread, SIGUSR1), 0);
		test_sleep_ms(5);
	}
	CHECK_EQ(end_waiter(waiter), SLUICE_EINTR);
	CHECK_GE(caught, 1);
}

static void signals(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0), *full = open_full(NULL, 0);
	struct waiter waiter;
	uint64_t number = 0;

	/* Without SA_RESTART: told. */
	for (int sends = 0; sends < 2; sends++) {
		install(0);
		start_waiter(&waiter, sends ? full : queue, sends, 0, SLUICE_FOREVER);
		signal_until_it_ends(&waiter);
		start_waiter(&waiter, sends ? full : queue, sends, 0, SLUICE_S(20));
		signal_until_it_ends(&waiter);
	}
	/* With it: not, where the kernel does it. */
	if (kernel_restarts()) {
		install(SA_RESTART);
		for (int timed = 0; timed < 2; timed++) {
			start_waiter(&waiter, queue, 0, 0, timed ? SLUICE_S(20) : SLUICE_FOREVER);
			for (int i = 0; i < 10; i++) {
				CHECK_EQ(pthread_kill(waiter.thread, SIGUSR1), 0);
				test_sleep_ms(5);
			}
			send_number(queue, 5);
			CHECK_EQ(end_waiter(&waiter), 8);
		}
		CHECK_GE(caught, 2);
		/* Nor does a storm of signals make a wait longer. */
		start_waiter(&waiter, queue, 0, 0, SLUICE_MS(300));
		while (test_now_ns() < waiter.started + SLUICE_MS(250)) {
			CHECK_EQ(pthread_kill(waiter.thread, SIGUSR1), 0);
			test_sleep_ms(1);
		}
		CHECK_EQ(end_waiter(&waiter), SLUICE_ETIMEDOUT);
		CHECK_LT(waiter.ended - waiter.started, SLUICE_S(1));
	}
	CHECK_EQ(sluice_queue_receive(queue, 0, &number, 8, NULL, SLUICE_NOWAIT), SLUICE_EAGAIN);
	signal(SIGUSR1, SIG_DFL);
	sluice_queue_close(queue);
	sluice_queue_close(full);
}

/* ---- removal ------------------------------------------------------------------------------ */

static void removed_while_blocked(void)
{
	for (int round = 0; round < 10; round++) {
		sluice_queue *empty = open_queue("gone", 0, 0), *full = open_full("gone-full", 0);
		struct waiter waiters[3];
		struct sluice_queue_info info;
		const void *data;
		uint64_t number = 0;
		int64_t start;
		void *room;

		start_waiter(&waiters[0], empty, 0, 0, SLUICE_FOREVER);
		start_waiter(&waiters[1], empty, 0, 9, SLUICE_FOREVER);
		start_waiter(&waiters[2], full, 1, 0, SLUICE_FOREVER);
		start = test_now_ns();
		CHECK_EQ(sluice_remove("gone"), 0);
		CHECK_EQ(sluice_remove("gone-full"), 0);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(end_waiter(&waiters[i]), SLUICE_EREMOVED);
		CHECK_LT(test_now_ns() - start, SLUICE_S(1));
		/* Later calls too. */
		CHECK_EQ(sluice_queue_send(empty, 1, &number, 8, 0), SLUICE_EREMOVED);
		CHECK_EQ(sluice_queue_receive(full, 0, &number, 8, NULL, 0), SLUICE_EREMOVED);
		CHECK_EQ(sluice_queue_reserve(empty, 8, &room, 0), SLUICE_EREMOVED);
		CHECK_EQ(sluice_queue_borrow(full, 0, &data, NULL, 0), SLUICE_EREMOVED);
		memset(&info, 0, sizeof(info));
		info.size = sizeof(info);
		CHECK_EQ(sluice_queue_info(empty, &info), SLUICE_EREMOVED);
		CHECK_EQ(sluice_queue_interrupt(empty), SLUICE_EREMOVED);
		/* The name is free at once, and not confused with the old one. */
		{
			sluice_queue *fresh = open_queue("gone", 0, SLUICE_MUST_CREATE);

			send_number(fresh, 1);
			sluice_queue_close(empty);
			CHECK_EQ(receive_number(fresh), 1);
			sluice_queue_close(fresh);
			CHECK_EQ(sluice_remove("gone"), 0);
		}
		sluice_queue_close(full);
	}
	CHECK_EQ(count_entries(test_directory()), 0);
}

/* ---- the last sender ---------------------------------------------------------------------- */

struct sender {
	struct help_pipe ready, go;
	int how, messages;
};

static void be_sender(void *context)
{
	struct sender *sender = (struct sender *)context;
	sluice_queue *queue = open_queue("senders", SLUICE_SEND, 0);

	for (int i = 0; i < sender->messages; i++)
		send_number(queue, (uint64_t)i);
	tell(sender->ready);
	await(sender->go);
	if (sender->how == 0)
		sluice_queue_close(queue);
	if (sender->how == 2)
		raise(SIGKILL);
	_exit(0);
}

static void last_sender_leaves(void)
{
	sluice_queue *receiver = open_queue("senders", SLUICE_RECEIVE,
					    SLUICE_EXPECT_SENDER | SLUICE_MUST_CREATE);
	sluice_queue *patient = open_queue("senders", SLUICE_RECEIVE, 0);
	struct sender sender;
	struct waiter waiter;
	uint64_t number;

	/* None has come yet: wait. */
	CHECK_EQ(sluice_queue_receive(receiver, 0, &number, 8, NULL, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_queue_receive(receiver, 0, &number, 8, NULL, SLUICE_MS(20)),
		 SLUICE_ETIMEDOUT);
	/* By close, by exit, by SIGKILL: told while blocked, and by later calls. */
	for (sender.how = 0; sender.how < 3; sender.how++) {
		int64_t start;
		pid_t pid;

		sender.messages = 3;
		sender.ready = make_pipe();
		sender.go = make_pipe();
		pid = test_spawn(be_sender, &sender);
		await(sender.ready);
		for (uint64_t i = 0; i < 2; i++)
			CHECK_EQ(receive_number(receiver), i);
		start_waiter(&waiter, receiver, 0, 77, SLUICE_FOREVER);
		start = test_now_ns();
		tell(sender.go);
		CHECK_EQ(end_waiter(&waiter), SLUICE_ENOSENDER);
		CHECK_LT(test_now_ns() - start, SLUICE_S(3));
		CHECK_EQ(test_wait(pid), sender.how == 2 ? -SIGKILL : 0);
		/* What it sent is there first. */
		CHECK_EQ(receive_number(receiver), 2);
		CHECK_EQ(sluice_queue_receive(receiver, 0, &number, 8, NULL, SLUICE_NOWAIT),
			 SLUICE_ENOSENDER);
		CHECK_EQ(sluice_queue_receive(receiver, 0, &number, 8, NULL, SLUICE_FOREVER),
			 SLUICE_ENOSENDER);
		/* Who did not ask is not told. */
		CHECK_EQ(sluice_queue_receive(patient, 0, &number, 8, NULL, SLUICE_MS(5)),
			 SLUICE_ETIMEDOUT);
		close_pipe(sender.ready);
		close_pipe(sender.go);
	}
	/* Another one comes. */
	{
		sluice_queue *late = open_queue("senders", SLUICE_SEND, 0);

		CHECK_EQ(sluice_queue_receive(receiver, 0, &number, 8, NULL, SLUICE_NOWAIT),
			 SLUICE_EAGAIN);
		send_number(late, 4);
		sluice_queue_close(late);
		CHECK_EQ(receive_number(receiver), 4);
		CHECK_EQ(sluice_queue_receive(receiver, 0, &number, 8, NULL, SLUICE_FOREVER),
			 SLUICE_ENOSENDER);
	}
	sluice_queue_close(receiver);
	sluice_queue_close(patient);
	CHECK_EQ(sluice_remove("senders"), 0);
}

/* A handle that sends and receives does not take itself for a sender that came and left. */
/* It would wait for itself: such a handle is for receiving only. */
static void own_handle_is_no_sender(void)
{
	struct sluice_queue_options options = queue_options();
	sluice_queue *queue;

	options.flags = SLUICE_EXPECT_SENDER;
	CHECK_EQ(sluice_queue_open("own", &options, &queue), SLUICE_EINVAL);
	options.role = SLUICE_SEND;
	CHECK_EQ(sluice_queue_open("own", &options, &queue), SLUICE_EINVAL);
	options.role = SLUICE_RECEIVE;
	CHECK_EQ(sluice_queue_open("own", &options, &queue), 0);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("own"), 0);
}

/* A stopped process holds nothing up for longer than asked. */
static void stopped_peer(void)
{
	sluice_queue *queue = open_queue("stopped", 0, 0);
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_queue *mine = open_queue("stopped", 0, 0);
		uint64_t number = 0;
		int64_t r;

		for (;;) {
			r = sluice_queue_send(mine, 1, &number, 8, SLUICE_FOREVER);
			CHECK_EQ(r, 0);
			r = sluice_queue_receive(mine, 0, &number, 8, NULL, SLUICE_NOWAIT);
			CHECK(r == 8 || r == SLUICE_EAGAIN);
		}
	}
	for (int i = 0; i < 50; i++) {
		uint64_t number = 0;
		int64_t start;
		int64_t r;

		test_sleep_ms(2);
		CHECK_EQ(kill(pid, SIGSTOP), 0);
		start = test_now_ns();
		r = sluice_queue_send(queue, 1, &number, 8, SLUICE_NOWAIT);
		CHECK(r == 0 || r == SLUICE_EAGAIN);
		r = sluice_queue_receive(queue, 0, &number, 8, NULL, SLUICE_MS(10));
		CHECK(r == 8 || r == SLUICE_ETIMEDOUT);
		CHECK_LT(test_now_ns() - start, SLUICE_S(1));
		CHECK_EQ(kill(pid, SIGCONT), 0);
	}
	test_kill(pid);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("stopped"), 0);
}

int main(void)
{
	test_begin();
	RUN(timeouts);
	RUN(timeouts_private);
	RUN(endless_timeouts);
	RUN(wakes_soon);
	RUN(room_wakes);
	RUN(unpinning_wakes);
	RUN(death_amid_traffic);
	RUN(everybody_is_woken);
	RUN(batch_wakes_all);
	RUN(interrupted);
	RUN(signals);
	RUN(removed_while_blocked);
	RUN(last_sender_leaves);
	RUN(own_handle_is_no_sender);
	RUN(stopped_peer);
	return test_end();
}
