/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* queues.c - the kernel's message queues, and reading another process's memory */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define MQ_DEPTH 10  /* what every system allows */
#define LONGEST 8192 /* likewise */

/* ---- POSIX ---- */

static void mq_make(struct bench_way *way)
{
	struct mq_attr attributes = { .mq_maxmsg = MQ_DEPTH, .mq_msgsize = (long)way->size };
	mqd_t queue;
	char name[64];

	if (way->size > bench_limit("/proc/sys/fs/mqueue/msgsize_max", LONGEST))
		bench_fail("longer than /proc/sys/fs/mqueue/msgsize_max");
	snprintf(name, sizeof(name), "/sluice-bench-%ld-%p", (long)getpid(), (void *)way);
	queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR | (way->spin ? O_NONBLOCK : 0), 0600,
			&attributes);
	bench_check(queue != (mqd_t)-1, "mq_open");
	mq_unlink(name);
	way->fd[0] = way->fd[1] = (int)queue;
	way->bytes = MQ_DEPTH * way->size;
}

static size_t mq_put(struct bench_way *way, const void *data, size_t size)
{
	while (mq_send(way->fd[1], data, size, 0) != 0)
		bench_check(errno == EAGAIN || errno == EINTR, "mq_send");
	return 1;
}

static size_t mq_get(struct bench_way *way, void *buffer, size_t size)
{
	while (mq_receive(way->fd[0], buffer, size, NULL) < 0)
		bench_check(errno == EAGAIN || errno == EINTR, "mq_receive");
	return 1;
}

const struct bench_driver bench_mq = {
	.name = "mq",
	.title = "POSIX message queue",
	.advice = "messages with a priority; 10 of 8 KiB by default",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL | BENCH_BIT(BENCH_MANY),
	.longest = LONGEST,
	.make = mq_make,
	.drop = bench_close_fds,
	.send = mq_put,
	.receive = mq_get,
};

/* ---- System V ---- */

struct letter {
	long type;
	char text[LONGEST];
};

static struct letter letter;

static void msg_make(struct bench_way *way)
{
	struct msqid_ds state;
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

	bench_check(id >= 0, "msgget");
	bench_mortal('m', id);
	way->fd[0] = id; /* no descriptor, but a number of the kernel's all the same */
	if (msgctl(id, IPC_STAT, &state) == 0)
		way->bytes = state.msg_qbytes;
}

static void msg_drop(struct bench_way *way)
{
	bench_gone('m', way->fd[0]);
}

static void msg_put(struct bench_way *way, size_t size)
{
	while (msgsnd(way->fd[0], &letter, size, way->spin ? IPC_NOWAIT : 0) != 0)
		bench_check(errno == EAGAIN || errno == EINTR, "msgsnd");
}

static void msg_get(struct bench_way *way, size_t size, int type)
{
	while (msgrcv(way->fd[0], &letter, size, type, way->spin ? IPC_NOWAIT : 0) < 0)
		bench_check(errno == ENOMSG || errno == EINTR, "msgrcv");
}

static size_t msg_send(struct bench_way *way, const void *data, size_t size)
{
	letter.type = 1;
	memcpy(letter.text, data, size);
	msg_put(way, size);
	return 1;
}

static size_t msg_receive(struct bench_way *way, void *buffer, size_t size)
{
	msg_get(way, size, 0);
	memcpy(buffer, letter.text, size);
	return 1;
}

static void msg_send_type(struct bench_way *way, int type)
{
	letter.type = type;
	msg_put(way, 1);
}

static void msg_receive_type(struct bench_way *way, int type)
{
	msg_get(way, 1, type);
}

const struct bench_driver bench_msg = {
	.name = "sysv-msg",
	.title = "System V message queue",
	.advice = "messages with a type; outlives everybody, no descriptor, no timeout",
	.group = BENCH_KERNEL,
	.measures = BENCH_CHANNEL | BENCH_BIT(BENCH_MANY) | BENCH_BIT(BENCH_TYPED),
	.longest = LONGEST,
	.make = msg_make,
	.drop = msg_drop,
	.send = msg_send,
	.receive = msg_receive,
	.send_type = msg_send_type,
	.receive_type = msg_receive_type,
};

/* ---- process_vm_readv: a sender that says where its message lies, and waits until it was read ---- */

struct meeting {
	_Alignas(BENCH_APART) _Atomic uint32_t said;  /* written by the sender */
	_Alignas(BENCH_APART) _Atomic uint32_t taken; /* written by the receiver */
	pid_t sender;
	const void *data;
};

static void meeting_make(struct bench_way *way)
{
	bench_shared(way, sizeof(struct meeting));
}

static void meeting_join(struct bench_way *way, bool sender)
{
	struct meeting *meeting = way->shared;

	if (!sender)
		return;
	meeting->sender = getpid();
#ifdef PR_SET_PTRACER
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* where Yama restricts it */
#endif
}

static void meeting_wait(const struct bench_way *way, _Atomic uint32_t *word, uint32_t wanted)
{
	uint32_t seen;

	while ((seen = bench_load(word)) != wanted) {
		if (!way->spin)
			bench_futex_wait(word, seen);
	}
}

static void meeting_say(const struct bench_way *way, _Atomic uint32_t *word, uint32_t value)
{
	bench_store(word, value);
	if (!way->spin)
		bench_futex_wake(word);
}

static size_t meeting_send(struct bench_way *way, const void *data, size_t size)
{
	struct meeting *meeting = way->shared;

	(void)size;
	meeting->data = data;
	meeting_say(way, &meeting->said, (uint32_t)++way->sent);
	meeting_wait(way, &meeting->taken, (uint32_t)way->sent);
	return 1;
}

static size_t meeting_receive(struct bench_way *way, void *buffer, size_t size)
{
	struct meeting *meeting = way->shared;
	struct iovec here = { buffer, size };
	struct iovec there;

	meeting_wait(way, &meeting->said, (uint32_t)++way->got);
	there = (struct iovec){ (void *)(uintptr_t)meeting->data, size };
	bench_check(process_vm_readv(meeting->sender, &here, 1, &there, 1, 0) == (ssize_t)size,
		    "process_vm_readv");
	meeting_say(way, &meeting->taken, (uint32_t)way->got);
	return 1;
}

const struct bench_driver bench_vm_readv = {
	.name = "vm-readv",
	.title = "process_vm_readv",
	.advice = "one copy out of the sender's memory, which must wait and be ptraceable",
	.group = BENCH_KERNEL,
	.measures = BENCH_BIT(BENCH_SPIN) | BENCH_BIT(BENCH_SLEEP) | BENCH_BIT(BENCH_FLOW),
	.make = meeting_make,
	.join = meeting_join,
	.drop = bench_unshare,
	.send = meeting_send,
	.receive = meeting_receive,
};
