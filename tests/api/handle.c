/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * handle.c - handles that are NULL, closed, of another kind, or opened for something else
 *
 * Codes that no test produces, and why: SLUICE_ENFILE (the whole system's table would have to be
 * filled), SLUICE_ENOSYS (no procfs, or a kernel older than the oldest supported), SLUICE_EIO (an error of
 * the system that is in no list of ours).
 */
#include "help.h"

static void use_queue(sluice_queue *queue, int wanted)
{
	struct sluice_queue_info info;
	struct sluice_send_item item = { 1, "x", 1 };
	struct sluice_receive_item slot;
	const void *data;
	char bytes[8];
	int fds[3];
	void *room;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	memset(&slot, 0, sizeof(slot));
	CHECK_EQ(sluice_queue_send(queue, 1, "x", 1, 0), wanted);
	CHECK_EQ(sluice_queue_receive(queue, 0, bytes, sizeof(bytes), NULL, 0), wanted);
	CHECK_EQ(sluice_queue_send_many(queue, &item, 1, 0), wanted);
	CHECK_EQ(sluice_queue_receive_many(queue, 0, &slot, 1, 0), wanted);
	CHECK_EQ(sluice_queue_reserve(queue, 1, &room, 0), wanted);
	CHECK_EQ(sluice_queue_commit(queue, bytes, 1, 1), wanted);
	CHECK_EQ(sluice_queue_abort(queue, bytes), wanted);
	CHECK_EQ(sluice_queue_borrow(queue, 0, &data, NULL, 0), wanted);
	CHECK_EQ(sluice_queue_consume(queue, bytes), wanted);
	CHECK_EQ(sluice_queue_return(queue, bytes), wanted);
	CHECK_EQ(sluice_queue_fd(queue, SLUICE_READABLE, 0), wanted);
	CHECK_EQ(sluice_queue_hold_fd(queue), wanted);
	CHECK_EQ(sluice_queue_share(queue, fds), wanted);
	CHECK_EQ(sluice_queue_interrupt(queue), wanted);
	CHECK_EQ(sluice_queue_info(queue, &info), wanted);
}

static void use_mutex(sluice_mutex *mutex, int wanted)
{
	struct sluice_mutex_info info;
	int fds[3];

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_mutex_lock(mutex, 0), wanted);
	CHECK_EQ(sluice_mutex_unlock(mutex), wanted);
	CHECK_EQ(sluice_mutex_hold_fd(mutex), wanted);
	CHECK_EQ(sluice_mutex_share(mutex, fds), wanted);
	CHECK_EQ(sluice_mutex_interrupt(mutex), wanted);
	CHECK_EQ(sluice_mutex_info(mutex, &info), wanted);
	CHECK_EQ(sluice_mutex_set_hint(mutex, 1), wanted);
}

static void null_handles(void)
{
	use_queue(NULL, SLUICE_EINVAL);
	use_mutex(NULL, SLUICE_EINVAL);
	sluice_queue_close(NULL);
	sluice_mutex_close(NULL);
}

/* Only builds with asserts keep closed handles long enough to tell. */
static void closed_handles(void)
{
#ifdef NDEBUG
	printf("    (only in debug builds)\n");
#else
	sluice_queue *queue = open_queue(NULL, 0, 0);
	sluice_mutex *mutex = open_mutex(NULL, 0);

	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
	use_queue(queue, SLUICE_EBADF);
	use_mutex(mutex, SLUICE_EBADF);
	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
#endif
}

static void handles_of_another_kind(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	sluice_mutex *mutex = open_mutex(NULL, 0);

	use_queue((sluice_queue *)(void *)mutex, SLUICE_EBADF);
	use_mutex((sluice_mutex *)(void *)queue, SLUICE_EBADF);
	sluice_queue_close((sluice_queue *)(void *)mutex);
	sluice_mutex_close((sluice_mutex *)(void *)queue);
	send_number(queue, 1);
	CHECK_EQ(receive_number(queue), 1);
	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
}

static void roles(void)
{
	sluice_queue *sender = open_queue("roles", SLUICE_SEND, 0);
	sluice_queue *receiver = open_queue("roles", SLUICE_RECEIVE, 0);
	struct sluice_send_item item = { 1, "x", 1 };
	struct sluice_receive_item slot;
	const void *data;
	char bytes[8];
	void *room;

	memset(&slot, 0, sizeof(slot));
	CHECK_EQ(sluice_queue_send(receiver, 1, "x", 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_send_many(receiver, &item, 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_reserve(receiver, 1, &room, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_commit(receiver, bytes, 1, 1), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_abort(receiver, bytes), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_receive(sender, 0, bytes, 8, NULL, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_receive_many(sender, 0, &slot, 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_borrow(sender, 0, &data, NULL, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_consume(sender, bytes), SLUICE_EPERM);
	CHECK_EQ(sluice_queue_return(sender, bytes), SLUICE_EPERM);
	CHECK_EQ(queue_info(sender).senders, 1);
	CHECK_EQ(queue_info(sender).receivers, 1);
	send_number(sender, 3);
	CHECK_EQ(receive_number(receiver), 3);
	sluice_queue_close(sender);
	sluice_queue_close(receiver);
	CHECK_EQ(sluice_remove("roles"), 0);
}

int main(void)
{
	test_begin();
	RUN(null_handles);
	RUN(closed_handles);
	RUN(handles_of_another_kind);
	RUN(roles);
	return test_end();
}
