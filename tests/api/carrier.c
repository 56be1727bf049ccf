/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* carrier.c - streams that the kernel carries: bytes, ends, deaths, descriptors, bad addresses */
#include "carrier_help.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define BYTES (UINT64_C(8) << 20)

struct job {
	const char *address;
	sluice_stream *stream;
	uint64_t bytes;
};

/* Write @bytes of the pattern, in pieces of all sizes. */
static void put_pattern(sluice_stream *stream, uint64_t bytes)
{
	static unsigned char buffer[300000];

	for (uint64_t at = 0; at < bytes;) {
		size_t size = 1 + (size_t)test_random_below(sizeof(buffer));

		if (size > bytes - at)
			size = (size_t)(bytes - at);
		fill_pattern(buffer, at, size);
		CHECK_EQ(sluice_stream_write(stream, buffer, size, SLUICE_S(20)), size);
		at += size;
	}
}

/* Read up to the end. Return: bytes. */
static uint64_t get_pattern(sluice_stream *stream)
{
	static unsigned char buffer[200000];
	uint64_t at = 0;

	for (;;) {
		int64_t n = sluice_stream_read(stream, buffer,
					       1 + (size_t)test_random_below(sizeof(buffer)),
					       SLUICE_S(20));

		if (n == 0)
			return at;
		CHECK_GE(n, 1);
		check_pattern(buffer, at, (size_t)n);
		at += (uint64_t)n;
	}
}

static void writer_by_address(void *context)
{
	struct job *job = (struct job *)context;
	sluice_stream *stream = open_stream(job->address, SLUICE_WRITE, 0);

	put_pattern(stream, job->bytes);
	sluice_stream_close(stream);
}

static void fifo_carries(void)
{
	struct help_text address = address_of("fifo", "f");
	struct job job = { address.text, NULL, BYTES };
	pid_t pid = test_spawn(writer_by_address, &job);
	sluice_stream *reader = open_stream(address.text, SLUICE_READ, 0);

	CHECK_EQ(get_pattern(reader), BYTES);
	test_wait_ok(pid);
	sluice_stream_close(reader);
}

static void sockets_carry(void)
{
	struct help_text address = address_of("unix", "s");
	struct help_text name = abstract("sluice-test-carry");
	const char *addresses[] = { address.text, name.text, "tcp:127.0.0.1:0", "tcp:[::1]:0",
				    "tcp:localhost:0" };

	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		sluice_listener *listener = open_listener(addresses[i]);
		struct sluice_listener_info info = listener_info(listener);
		struct job job = { info.address, NULL, BYTES };
		pid_t pid = test_spawn(writer_by_address, &job);
		sluice_stream *server = accept_stream(listener);

		CHECK_EQ(get_pattern(server), BYTES);
		test_wait_ok(pid);
		sluice_stream_close(server);
		sluice_listener_close(listener);
	}
}

static void pairs_carry(void)
{
	struct stream_ends ends = open_pair(SLUICE_KERNEL);
	struct sluice_stream_options options = stream_options();
	sluice_stream *a, *b;
	pid_t pid = test_fork();

	if (pid == 0) {
		sluice_stream_close(ends.reader);
		put_pattern(ends.writer, BYTES);
		_exit(0);
	}
	sluice_stream_close(ends.writer);
	CHECK_EQ(get_pattern(ends.reader), BYTES);
	test_wait_ok(pid);
	sluice_stream_close(ends.reader);

	options.flags = SLUICE_KERNEL;
	CHECK_EQ(sluice_stream_duplex(&options, &a, &b), 0);
	CHECK_EQ(sluice_stream_write(a, "ping", 4, SLUICE_S(5)), 4);
	char text[8];
	CHECK_EQ(sluice_stream_read(b, text, 8, SLUICE_S(5)), 4);
	CHECK_EQ(sluice_stream_write(b, "pong", 4, SLUICE_S(5)), 4);
	CHECK_EQ(sluice_stream_finish(b), 0);
	CHECK_EQ(sluice_stream_write(b, "x", 1, SLUICE_S(5)), SLUICE_EPIPE);
	CHECK_EQ(sluice_stream_read(a, text, 8, SLUICE_S(5)), 4);
	CHECK_EQ(sluice_stream_read(a, text, 8, SLUICE_S(5)), 0);
	sluice_stream_close(a);
	sluice_stream_close(b);
}

/* Half close: the other way stays open. */
static void half_close(void)
{
	struct carried c = connect_at("tcp:127.0.0.1:0");
	char text[8];

	CHECK_EQ(sluice_stream_write(c.client, "ask", 3, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_stream_finish(c.client), 0);
	CHECK_EQ(sluice_stream_finish(c.client), 0);
	CHECK_EQ(sluice_stream_write(c.client, "x", 1, SLUICE_S(5)), SLUICE_EPIPE);
	CHECK_EQ(sluice_stream_read(c.server, text, 8, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_stream_read(c.server, text, 8, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_stream_write(c.server, "answer", 6, SLUICE_S(5)), 6);
	CHECK_EQ(sluice_stream_read(c.client, text, 8, SLUICE_S(5)), 6);
	close_carried(c);
}

/* Nobody reads: EPIPE for each carrier, and the program is not killed by SIGPIPE. */
static void no_reader(void)
{
	struct help_text address = address_of("unix", "n");
	struct stream_ends ends = open_pair(SLUICE_KERNEL);
	const char *addresses[] = { address.text, "tcp:127.0.0.1:0" };
	static char big[1 << 20];

	signal(SIGPIPE, SIG_DFL);
	sluice_stream_close(ends.reader);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, SLUICE_S(5)), SLUICE_EPIPE);
	CHECK_EQ(sluice_stream_write(ends.writer, big, sizeof(big), SLUICE_S(5)), SLUICE_EPIPE);
	sluice_stream_close(ends.writer);
	for (int i = 0; i < 2; i++) {
		struct carried c = connect_at(addresses[i]);
		int64_t n = 1;

		CHECK_EQ(sluice_stream_write(c.client, "unread", 6, SLUICE_S(5)), 6);
		sluice_stream_close(c.server);
		c.server = NULL;
		for (int j = 0; j < 200 && n > 0; j++)
			n = sluice_stream_write(c.client, big, sizeof(big), SLUICE_S(5));
		CHECK_EQ(n, SLUICE_EPIPE);
		CHECK_EQ(sluice_stream_write(c.client, "x", 1, SLUICE_S(5)) < 0, 1);
		close_carried(c);
	}
}

/* A SIGPIPE that was pending and blocked before stays so, and no other appears. */
static void sigpipe_is_left_alone(void)
{
	struct stream_ends ends = open_pair(SLUICE_KERNEL);
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sluice_stream_close(ends.reader);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, SLUICE_S(5)), SLUICE_EPIPE);
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
	raise(SIGPIPE);
	CHECK_EQ(sluice_stream_write(ends.writer, "x", 1, SLUICE_S(5)), SLUICE_EPIPE);
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGPIPE), 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sluice_stream_close(ends.writer);
}

/* As on a kernel without RWF_NOSIGNAL: pwritev2(2) is refused. */
static void without_nosignal(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };
	pid_t pid = test_fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
			_exit(0);
		no_reader();
		sigpipe_is_left_alone();
		_exit(0);
	}
	test_wait_ok(pid);
}

/* kill -9: what was written is read, then the end; soon. */
static void killed_writer(void)
{
	struct help_text fifo = address_of("fifo", "kf"), unix_address = address_of("unix", "k");
	const char *addresses[] = { fifo.text, unix_address.text, "tcp:127.0.0.1:0" };

	for (int i = 0; i < 3; i++) {
		sluice_listener *listener = i ? open_listener(addresses[i]) : NULL;
		struct sluice_listener_info info;
		struct job job = { addresses[i], NULL, UINT64_C(1) << 50 };
		static unsigned char buffer[65536];
		sluice_stream *reader;
		uint64_t at = 0;
		int64_t n, killed = 0;
		pid_t pid;

		if (listener) {
			info = listener_info(listener);
			job.address = info.address;
		}
		pid = test_spawn(writer_by_address, &job);
		reader = i ? accept_stream(listener) : open_stream(fifo.text, SLUICE_READ, 0);
		for (;;) {
			n = sluice_stream_read(reader, buffer, sizeof(buffer), SLUICE_S(20));
			if (n <= 0)
				break;
			check_pattern(buffer, at, (size_t)n);
			at += (uint64_t)n;
			if (at > (1 << 20) && !killed) {
				test_kill(pid);
				killed = test_now_ns();
			}
		}
		CHECK_EQ(n, 0);
		CHECK_LT(test_now_ns() - killed, SLUICE_S(5));
		sluice_stream_close(reader);
		sluice_listener_close(listener);
	}
}

static void reader_of_a_little(void *context)
{
	struct job *job = (struct job *)context;
	sluice_stream *stream = open_stream(job->address, SLUICE_READ, 0);
	char byte;

	CHECK_EQ(sluice_stream_read(stream, &byte, 1, SLUICE_S(20)), 1);
	kill(getpid(), SIGKILL);
}

static void killed_reader(void)
{
	struct help_text fifo = address_of("fifo", "rf"), unix_address = address_of("unix", "r");
	const char *addresses[] = { fifo.text, unix_address.text, "tcp:127.0.0.1:0" };
	static char big[1 << 20];

	for (int i = 0; i < 3; i++) {
		sluice_listener *listener = i ? open_listener(addresses[i]) : NULL;
		struct sluice_listener_info info;
		struct job job = { addresses[i], NULL, 0 };
		sluice_stream *writer;
		int64_t n;
		pid_t pid;

		if (listener) {
			info = listener_info(listener);
			job.address = info.address;
		}
		pid = test_spawn(reader_of_a_little, &job);
		writer = i ? accept_stream(listener) : open_stream(fifo.text, SLUICE_WRITE, 0);
		do
			n = sluice_stream_write(writer, big, sizeof(big), SLUICE_S(20));
		while (n > 0);
		CHECK_EQ(n, SLUICE_EPIPE);
		CHECK_EQ(test_wait(pid), -SIGKILL);
		sluice_stream_close(writer);
		sluice_listener_close(listener);
	}
}

/* Descriptors: many, too many, none left; nothing leaks. */
static void descriptors(void)
{
	struct help_text address = address_of("unix", "d");
	struct carried c = connect_at(address.text);
	int fds[SLUICE_FDS_MAX + 1], got[SLUICE_FDS_MAX], before;
	struct sluice_fds room = { got, SLUICE_FDS_MAX, 0, 0, 0 };
	char text[8];

	for (int i = 0; i <= SLUICE_FDS_MAX; i++)
		fds[i] = STDERR_FILENO;
	before = count_fds();
	CHECK_EQ(sluice_stream_send_fds(c.client, "x", 1, fds, SLUICE_FDS_MAX, SLUICE_S(5)), 1);
	CHECK_EQ(sluice_stream_receive_fds(c.server, text, 8, &room, SLUICE_S(5)), 1);
	CHECK_EQ(room.count, SLUICE_FDS_MAX);
	CHECK_EQ(room.lost, 0);
	for (uint32_t i = 0; i < room.count; i++) {
		CHECK_EQ(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
	CHECK_EQ(sluice_stream_send_fds(c.client, "x", 1, fds, SLUICE_FDS_MAX + 1, SLUICE_S(5)),
		 SLUICE_EINVAL);
	CHECK_EQ(sluice_stream_send_fds(c.client, "x", 0, fds, 1, SLUICE_S(5)), SLUICE_EINVAL);
	fds[0] = 12345;
	CHECK_EQ(sluice_stream_send_fds(c.client, "x", 1, fds, 1, SLUICE_S(5)), SLUICE_EBADF);
	fds[0] = STDERR_FILENO;
	CHECK_EQ(sluice_stream_send_fds(c.client, "x", 1, fds, 5, SLUICE_S(5)), 1);
	room.capacity = 2;
	CHECK_EQ(sluice_stream_receive_fds(c.server, text, 8, &room, SLUICE_S(5)), 1);
	CHECK_EQ(room.count, 2);
	CHECK_EQ(room.lost, 3);
	close(got[0]);
	close(got[1]);
	/* A plain read drops them. */
	CHECK_EQ(sluice_stream_send_fds(c.client, "x", 1, fds, 5, SLUICE_S(5)), 1);
	CHECK_EQ(sluice_stream_read(c.server, text, 8, SLUICE_S(5)), 1);
	CHECK_EQ(count_fds(), before);
	close_carried(c);
}

static void descriptors_without_room(void)
{
	struct help_text address = address_of("unix", "m");
	struct carried c = connect_at(address.text);
	struct rlimit limit, less;
	int fds[5] = { 2, 2, 2, 2, 2 }, got[5], before = count_fds();
	struct sluice_fds room = { got, 5, 0, 0, 0 };
	char text[8];

	CHECK_EQ(sluice_stream_send_fds(c.client, "x", 1, fds, 5, SLUICE_S(5)), 1);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	less = limit;
	less.rlim_cur = (rlim_t)before + 2;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &less), 0);
	CHECK_EQ(sluice_stream_receive_fds(c.server, text, 8, &room, SLUICE_S(5)), 1);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_LT(room.count, 5);
	CHECK_GE(room.lost, 1);
	for (uint32_t i = 0; i < room.count; i++)
		close(got[i]);
	CHECK_EQ(count_fds(), before);
	close_carried(c);
}

/* An anonymous queue, made here and used in a process that knows the socket alone. */
static void queue_guest(void *context)
{
	sluice_stream *stream = open_stream((const char *)context, 0, 0);
	int got[3];
	struct sluice_fds room = { got, 3, 0, 0, 0 };
	char byte, name[64];
	sluice_queue *queue;

	CHECK_EQ(sluice_stream_receive_fds(stream, &byte, 1, &room, SLUICE_S(20)), 1);
	CHECK_GE(room.count, 1);
	snprintf(name, sizeof(name), room.count == 3 ? "fd:%d,%d,%d" : "fd:%d", got[0], got[1],
		 got[2]);
	queue = open_queue(name, 0, 0);
	for (uint32_t i = 0; i < room.count; i++)
		close(got[i]);
	CHECK_EQ(receive_number_as(queue, 1), 41);
	send_number_as(queue, 2, 42);
	sluice_queue_close(queue);
	sluice_stream_close(stream);
}

static void queue_by_descriptors(void)
{
	struct help_text address = address_of("unix", "q");
	sluice_listener *listener = open_listener(address.text);
	pid_t pid = test_spawn(queue_guest, address.text);
	sluice_stream *stream = accept_stream(listener);
	sluice_queue *queue = open_queue(NULL, 0, 0);
	int fds[3], count = sluice_queue_share(queue, fds);

	CHECK_GE(count, 1);
	CHECK_EQ(sluice_stream_send_fds(stream, "q", 1, fds, (size_t)count, SLUICE_S(5)), 1);
	send_number_as(queue, 1, 41);
	CHECK_EQ(receive_number_as(queue, 2), 42);
	test_wait_ok(pid);
	sluice_queue_close(queue);
	sluice_stream_close(stream);
	sluice_listener_close(listener);
}

static void adopted(void)
{
	int fds[2], before = count_fds();
	char text[64];
	sluice_stream *reader, *writer;

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	snprintf(text, sizeof(text), "fd:%d", fds[0]);
	reader = open_stream(text, SLUICE_READ, 0);
	snprintf(text, sizeof(text), "fd:%d", fds[1]);
	writer = open_stream(text, SLUICE_WRITE, 0);
	CHECK_EQ(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
	close(fds[1]);
	CHECK_EQ(sluice_stream_write(writer, "abc", 3, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_stream_read(reader, text, sizeof(text), SLUICE_S(5)), 3);
	sluice_stream_close(writer);
	CHECK_EQ(sluice_stream_read(reader, text, sizeof(text), SLUICE_S(5)), 0);
	sluice_stream_close(reader);
	CHECK_EQ(count_fds(), before);
}

static void bad_addresses(void)
{
	struct sluice_stream_options options = stream_options();
	struct help_text file = address_of("fifo", "file"),
			 socket_file = address_of("unix", "file");
	char longer[5000];

	make_file("file", "x", 1);
	CHECK_CONTAINS(refuse_stream_as("gopher:x", options, SLUICE_EOPNOTSUPP).text, "gopher");
	CHECK_CONTAINS(refuse_stream_as("tcp:localhost", options, SLUICE_EINVAL).text, "port");
	CHECK_CONTAINS(refuse_stream_as("tcp:localhost:http", options, SLUICE_EINVAL).text, "http");
	CHECK_CONTAINS(refuse_stream_as("tcp:localhost:65536", options, SLUICE_EINVAL).text,
		       "65535");
	refuse_stream_as("tcp:localhost:-1", options, SLUICE_EINVAL);
	refuse_stream_as("tcp::80", options, SLUICE_EINVAL);
	refuse_stream_as("tcp:::1:80", options, SLUICE_EINVAL);
	refuse_stream_as("unix:", options, SLUICE_EINVAL);
	refuse_stream_as("pipe:", options, SLUICE_EOPNOTSUPP);
	refuse_stream_as("udp:localhost:1", options, SLUICE_EOPNOTSUPP);
	CHECK_CONTAINS(refuse_stream_as(file.text, options, SLUICE_EMISMATCH).text, "no FIFO");
	CHECK_CONTAINS(refuse_stream_as(socket_file.text, options, SLUICE_EMISMATCH).text,
		       "no socket");
	refuse_stream_as(address_of("unix", "absent").text, options, SLUICE_ENOENT);
	CHECK_CONTAINS(refuse_stream_as("tcp:127.0.0.1:1", options, SLUICE_ECONNREFUSED).text,
		       "nobody listens");
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "unix:/", 6);
	longer[sizeof(longer) - 1] = '\0';
	refuse_stream_as(longer, options, SLUICE_ENAMETOOLONG);
	memcpy(longer, "fifo:/", 6);
	refuse_stream_as(longer, options, SLUICE_ENAMETOOLONG);
	options.flags = SLUICE_MUST_EXIST;
	refuse_stream_as(address_of("fifo", "absent").text, options, SLUICE_ENOENT);
	options.flags = SLUICE_MUST_CREATE;
	CHECK_EQ(mkfifo(address_of("fifo", "there").text + 5, 0600), 0);
	refuse_stream_as(address_of("fifo", "there").text, options, SLUICE_EEXIST);
	options.flags = SLUICE_PERSIST;
	refuse_stream_as("tcp:127.0.0.1:1", options, SLUICE_EINVAL);
	refuse_listener("fifo:/x", SLUICE_EOPNOTSUPP);
	refuse_listener(socket_file.text, SLUICE_EMISMATCH);
	refuse_listener("tcp:192.0.2.1:0", SLUICE_EADDRNOTAVAIL);
	refuse_listener(address_of("unix", "no/dir").text, SLUICE_ENOENT);
}

/* In a network of one's own there is no way to anywhere. */
static void no_route(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
			_exit(0);
		refuse_stream_as("tcp:192.0.2.1:80", stream_options(), SLUICE_EHOSTUNREACH);
		refuse_stream_as("tcp:no-such-host.invalid:80", stream_options(),
				 SLUICE_EHOSTUNREACH);
		_exit(0);
	}
	test_wait_ok(pid);
}

static void not_on_channels(void)
{
	struct stream_ends ends = open_pair(SLUICE_KERNEL);
	struct sluice_peer peer;
	const void *data;
	void *room;
	char byte;
	int fds[3];

	memset(&peer, 0, sizeof(peer));
	peer.size = sizeof(peer);
	CHECK_EQ(sluice_stream_peek(ends.reader, 1, &data, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_consume(ends.reader, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_reserve(ends.writer, 1, &room, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_commit(ends.writer, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_share(ends.writer, fds), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_peer(ends.writer, &peer), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_send_fds(ends.writer, "x", 1, fds, 1, 0), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_read(ends.writer, &byte, 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_write(ends.reader, &byte, 1, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_stream_fd(ends.reader, SLUICE_WRITABLE), SLUICE_EPERM);
	CHECK_GE(sluice_stream_hold_fd(ends.reader), 0);
	close_ends(ends);
	ends = open_pair(0);
	CHECK_EQ(sluice_stream_peer(ends.writer, &peer), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_stream_send_fds(ends.writer, "x", 1, fds, 1, 0), SLUICE_EOPNOTSUPP);
	close_ends(ends);
}

int main(void)
{
	int before;

	test_begin();
	before = count_fds();
	RUN(fifo_carries);
	RUN(sockets_carry);
	RUN(pairs_carry);
	RUN(half_close);
	RUN(without_nosignal); /* first: what the kernel lacks is remembered */
	RUN(no_reader);
	RUN(sigpipe_is_left_alone);
	RUN(killed_writer);
	RUN(killed_reader);
	RUN(descriptors);
	RUN(descriptors_without_room);
	RUN(queue_by_descriptors);
	RUN(adopted);
	RUN(bad_addresses);
	RUN(no_route);
	RUN(not_on_channels);
	CHECK_EQ(count_fds(), before);
	return test_end();
}
