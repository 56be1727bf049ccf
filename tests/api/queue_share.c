/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * queue_share.c - a queue handed over as descriptors: through exec, over a socket, and sealed
 *
 * The program runs itself anew with the arguments "child fd:..." to be the other side.
 */
#include "help.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void name_of(sluice_queue *queue, char name[64])
{
	int fds[3], count = sluice_queue_share(queue, fds);

	CHECK(count == 1 || count == 3);
	if (count == 3)
		snprintf(name, 64, "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	else
		snprintf(name, 64, "fd:%d", fds[0]);
}

/* What the other side does: answers 100 numbers with the next one, polling. */
static int child(const char *name)
{
	sluice_queue *queue = open_queue(name, 0, SLUICE_MUST_EXIST);
	struct pollfd item = { -1, POLLIN, 0 };

	item.fd = sluice_queue_fd(queue, SLUICE_READABLE, 1);
	CHECK_GE(item.fd, 0);
	for (int answered = 0; answered < 100;) {
		uint64_t number;
		int64_t r = sluice_queue_receive(queue, 1, &number, sizeof(number), NULL,
						 SLUICE_NOWAIT);

		if (r == SLUICE_EAGAIN) {
			CHECK_EQ(poll(&item, 1, 10000), 1);
			continue;
		}
		CHECK_EQ(r, 8);
		send_number_as(queue, 2, number + 1);
		answered++;
	}
	sluice_queue_close(queue);
	return 0;
}

static void ask(sluice_queue *queue)
{
	struct pollfd item = { -1, POLLIN, 0 };

	item.fd = sluice_queue_fd(queue, SLUICE_READABLE, 2);
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t number = 0;
		int64_t r;

		send_number_as(queue, 1, i);
		while ((r = sluice_queue_receive(queue, 2, &number, sizeof(number), NULL,
						 SLUICE_NOWAIT)) == SLUICE_EAGAIN)
			CHECK_EQ(poll(&item, 1, 10000), 1);
		CHECK_EQ(r, 8);
		CHECK_EQ(number, i + 1);
	}
}

/* In a child, before exec: the descriptors of @name stay open. */
static void keep_open(const char *name)
{
	const char *at = name + 3;

	while (*at) {
		char *end;
		int fd = (int)strtol(at, &end, 10);

		CHECK_EQ(fcntl(fd, F_SETFD, 0), 0);
		at = *end ? end + 1 : end;
	}
}

/* The child gets duplicates, since fork makes the library drop the originals there. */
static void through_exec(sluice_queue *queue)
{
	int fds[3], copies[3], count = sluice_queue_share(queue, fds);
	char name[64];
	int64_t start;
	pid_t pid;

	for (int i = 0; i < count; i++) {
		copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100);
		CHECK_GE(copies[i], 100);
	}
	if (count == 3)
		snprintf(name, sizeof(name), "fd:%d,%d,%d", copies[0], copies[1], copies[2]);
	else
		snprintf(name, sizeof(name), "fd:%d", copies[0]);
	start = test_now_ns();
	pid = test_fork();
	if (pid == 0) {
		keep_open(name);
		execl("/proc/self/exe", "queue_share", "child", name, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < count; i++)
		close(copies[i]);
	ask(queue);
	test_wait_ok(pid);
	/* Bells ring; nobody waited for timers, which for 200 messages would take 50 seconds. */
	CHECK_LT(test_now_ns() - start, SLUICE_S(20));
	check_nothing(queue, 0);
}

static void anonymous_through_exec(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);

	through_exec(queue);
	CHECK_EQ(queue_info(queue).attached, 1);
	sluice_queue_close(queue);
}

static void named_through_exec(void)
{
	sluice_queue *queue = open_queue("exec", 0, 0);

	through_exec(queue);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("exec"), 0);
}

static void send_fds(int sock, const int *fds, int count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control;
	char byte = (char)('0' + count);
	struct iovec part;
	struct msghdr message;
	struct cmsghdr *head;

	memset(&message, 0, sizeof(message));
	memset(&control, 0, sizeof(control));
	part.iov_base = &byte;
	part.iov_len = 1;
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.bytes;
	message.msg_controllen = (socklen_t)CMSG_SPACE((size_t)count * sizeof(int));
	head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = (socklen_t)CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(head), fds, (size_t)count * sizeof(int));
	CHECK_EQ(sendmsg(sock, &message, 0), 1);
}

static int receive_fds(int sock, int fds[3])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control;
	char byte;
	struct iovec part;
	struct msghdr message;

	memset(&message, 0, sizeof(message));
	memset(&control, 0, sizeof(control));
	part.iov_base = &byte;
	part.iov_len = 1;
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	CHECK_EQ(recvmsg(sock, &message, MSG_CMSG_CLOEXEC), 1);
	CHECK(CMSG_FIRSTHDR(&message) != NULL);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), (size_t)(byte - '0') * sizeof(int));
	return byte - '0';
}

static void over_a_socket(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	int socks[2], fds[3], count;
	pid_t pid;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
	pid = test_fork();
	if (pid == 0) {
		char name[64];

		CHECK_EQ(receive_fds(socks[1], fds), 3);
		snprintf(name, sizeof(name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
		/* The handle keeps what it needs: what came may be closed once it is open. */
		{
			sluice_queue *theirs = open_queue(name, 0, 0);
			int used = count_fds();

			for (int i = 0; i < 3; i++)
				close(fds[i]);
			CHECK_EQ(count_fds(), used - 3);
			sluice_queue_close(theirs);
		}
		count = receive_fds(socks[1], fds);
		CHECK_EQ(count, 3);
		snprintf(name, sizeof(name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
		_exit(child(name));
	}
	count = sluice_queue_share(queue, fds);
	CHECK_EQ(count, 3);
	send_fds(socks[0], fds, count);
	send_fds(socks[0], fds, count);
	ask(queue);
	test_wait_ok(pid);
	close(socks[0]);
	close(socks[1]);
	sluice_queue_close(queue);
}

/* Nobody can cut it under the others. */
static void sealed(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	int fds[3], seals;

	CHECK_EQ(sluice_queue_share(queue, fds), 3);
	seals = fcntl(fds[0], F_GET_SEALS);
	CHECK_GE(seals, 0);
	CHECK(seals & F_SEAL_SHRINK);
	CHECK(seals & F_SEAL_GROW);
	CHECK(seals & F_SEAL_SEAL);
	CHECK_EQ(ftruncate(fds[0], 4096), -1);
	CHECK_EQ(errno, EPERM);
	sluice_queue_close(queue);
}

/* A second handle of the same process by the same descriptors is a participant of its own. */
static void same_process(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0), *second;
	char name[64];

	name_of(queue, name);
	second = open_queue(name, 0, 0);
	CHECK_EQ(queue_info(queue).attached, 2);
	send_number(queue, 1);
	CHECK_EQ(receive_number(second), 1);
	sluice_queue_close(queue);
	send_number(second, 2);
	CHECK_EQ(receive_number(second), 2);
	CHECK_EQ(queue_info(second).attached, 1);
	sluice_queue_close(second);
}

static void bad_descriptors(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	int fds[3], plain = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int directory = open("/", O_RDONLY | O_CLOEXEC), used, pipes[2], socks[2];
	char name[64];

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
	used = count_fds();
	CHECK_CONTAINS(refuse_queue("fd:9999", 0, SLUICE_EBADF).text, "9999");
	snprintf(name, sizeof(name), "fd:%d", pipes[0]);
	refuse_queue(name, 0, SLUICE_ECORRUPT);
	snprintf(name, sizeof(name), "fd:%d", socks[0]);
	refuse_queue(name, 0, SLUICE_ECORRUPT);
	snprintf(name, sizeof(name), "fd:%d", directory);
	refuse_queue(name, 0, SLUICE_ECORRUPT);
	/* Events that are not there. */
	CHECK_EQ(sluice_queue_share(queue, fds), 3);
	snprintf(name, sizeof(name), "fd:%d,9998,9999", fds[0]);
	refuse_queue(name, 0, SLUICE_EBADF);
	/* It is there. */
	snprintf(name, sizeof(name), "fd:%d", fds[0]);
	refuse_queue(name, SLUICE_MUST_CREATE, SLUICE_EEXIST);
	CHECK_EQ(count_fds(), used);
	close(plain);
	close(directory);
	close(pipes[0]);
	close(pipes[1]);
	close(socks[0]);
	close(socks[1]);
	sluice_queue_close(queue);
}

static void private_is_not_shared(void)
{
	sluice_queue *queue = open_queue(NULL, 0, SLUICE_PRIVATE);
	int fds[3];

	CHECK_EQ(sluice_queue_share(queue, fds), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_queue_hold_fd(queue), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_queue_share(queue, NULL), SLUICE_EINVAL);
	sluice_queue_close(queue);
}

static void inspected_by_descriptor(void)
{
	sluice_queue *queue = open_queue(NULL, 0, 0);
	struct sluice_inspection inspection;
	int fds[3];
	char name[64];

	send_number(queue, 1);
	CHECK_EQ(sluice_queue_share(queue, fds), 3);
	snprintf(name, sizeof(name), "fd:%d", fds[0]);
	memset(&inspection, 0, sizeof(inspection));
	inspection.size = sizeof(inspection);
	CHECK_EQ(sluice_inspect(name, &inspection, NULL, 0), 0);
	CHECK_EQ(inspection.state, 0);
	CHECK_EQ(inspection.kind, SLUICE_KIND_QUEUE);
	CHECK_EQ(inspection.queue.messages, 1);
	CHECK_EQ(inspection.attached, 1);
	sluice_queue_close(queue);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "child") == 0)
		return child(argv[2]);
	test_begin();
	/* /proc/self/exe is the emulator. */
	if (!test_emulated()) {
		RUN(anonymous_through_exec);
		RUN(named_through_exec);
	}
	RUN(over_a_socket);
	RUN(sealed);
	RUN(same_process);
	RUN(bad_descriptors);
	RUN(private_is_not_shared);
	RUN(inspected_by_descriptor);
	return test_end();
}
