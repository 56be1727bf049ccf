/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* datagram.c - messages by socket: whole, to and from whom, too long, too many, batches */
#include "carrier_help.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void exchange_by(const char *own)
{
	sluice_datagram *server = open_datagram(own, NULL), *client;
	struct sluice_datagram_info info = datagram_info(server);
	struct sluice_address from, to;
	char text[16], name[300];

	client = open_datagram(own[0] == 'u' && own[1] == 'd' ? NULL : "unix:@", info.address);
	CHECK_EQ(sluice_datagram_send(client, NULL, "ask", 3, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(client, NULL, "", 0, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, &from, NULL, SLUICE_S(5)), 3);
	CHECK_MEM(text, "ask", 3);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(server, &from, "answer", 6, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_receive(client, text, 16, &to, NULL, SLUICE_S(5)), 6);
	CHECK_GE(sluice_datagram_text(client, &to, name, sizeof(name)), 1);
	CHECK_STR(name, info.address);
	CHECK_EQ(sluice_datagram_text(client, &to, name, 3), SLUICE_ENAMETOOLONG);
	CHECK_EQ(sluice_datagram_resolve(client, info.address, &from), 0);
	CHECK_EQ(from.length, to.length);
	CHECK_MEM(from.bytes, to.bytes, from.length);
	CHECK_EQ(sluice_datagram_send(server, NULL, "x", 1, SLUICE_S(5)), SLUICE_ENOTCONN);
	CHECK_EQ(datagram_info(client).sent, 2);
	CHECK_EQ(datagram_info(client).received, 1);
	sluice_datagram_close(client);
	sluice_datagram_close(server);
}

static void exchange(void)
{
	exchange_by(address_of("unix", "x").text);
	exchange_by(abstract("sluice-test-exchange").text);
	exchange_by("udp:127.0.0.1:0");
	exchange_by("udp:[::1]:0");
}

/* Longer than the buffer: its size is told, and it stays. */
static void too_long(void)
{
	struct help_text name = abstract("sluice-test-long");
	const char *addresses[] = { name.text, "udp:127.0.0.1:0" };
	static char big[3000], room[70000];

	for (int i = 0; i < 2; i++) {
		sluice_datagram *server = open_datagram(addresses[i], NULL), *client;
		struct sluice_datagram_item items[2];
		size_t length = 0;

		client = open_datagram(NULL, datagram_info(server).address);
		CHECK_EQ(sluice_datagram_send(client, NULL, big, 3000, SLUICE_S(5)), 0);
		CHECK_EQ(sluice_datagram_receive(server, room, 2999, NULL, &length, SLUICE_S(5)),
			 SLUICE_EMSGSIZE);
		CHECK_EQ(length, 3000);
		CHECK_EQ(sluice_datagram_receive(server, NULL, 0, NULL, NULL, SLUICE_S(5)),
			 SLUICE_EMSGSIZE);
		CHECK_EQ(sluice_datagram_receive(server, room, 3000, NULL, NULL, SLUICE_S(5)),
			 3000);
		CHECK_EQ(sluice_datagram_send(client, NULL, big, 3000, SLUICE_S(5)), 0);
		memset(items, 0, sizeof(items));
		items[0].data = room;
		items[0].capacity = 10;
		CHECK_EQ(sluice_datagram_receive_many(server, items, 1, SLUICE_S(5)), 1);
		CHECK_EQ(items[0].length, 3000);
		if (i == 1)
			CHECK_EQ(sluice_datagram_send(client, NULL, room, 70000, SLUICE_S(5)),
				 SLUICE_EMSGSIZE);
		sluice_datagram_close(client);
		sluice_datagram_close(server);
	}
}

static void send_slowly(void *context)
{
	sluice_datagram *client = open_datagram(NULL, (const char *)context);

	for (uint32_t i = 0; i < 500; i++)
		CHECK_EQ(sluice_datagram_send(client, NULL, &i, sizeof(i), SLUICE_S(20)), 0);
	sluice_datagram_close(client);
}

static void send_unconnected(void *context)
{
	sluice_datagram *client = open_datagram("unix:@", NULL);
	struct sluice_address to;

	CHECK_EQ(sluice_datagram_resolve(client, (const char *)context, &to), 0);
	for (uint32_t i = 0; i < 500; i++)
		CHECK_EQ(sluice_datagram_send(client, &to, &i, sizeof(i), SLUICE_S(20)), 0);
	sluice_datagram_close(client);
}

/* The queue of a Unix socket holds a dozen: more is waiting, not loss. */
static void full_means_waiting(void)
{
	struct help_text address = address_of("unix", "full");
	sluice_datagram *server = open_datagram(address.text, NULL), *client;
	int64_t n;

	for (int i = 0; i < 2; i++) {
		pid_t pid = test_spawn(i ? send_unconnected : send_slowly, address.text);

		test_sleep_ms(100);
		for (uint32_t j = 0; j < 500; j++) {
			uint32_t got;

			CHECK_EQ(sluice_datagram_receive(server, &got, sizeof(got), NULL, NULL,
							 SLUICE_S(20)),
				 sizeof(got));
			CHECK_EQ(got, j);
		}
		test_wait_ok(pid);
	}
	client = open_datagram(NULL, address.text);
	do
		n = sluice_datagram_send(client, NULL, "x", 1, SLUICE_NOWAIT);
	while (n == 0);
	CHECK_EQ(n, SLUICE_EAGAIN);
	CHECK_EQ(sluice_datagram_send(client, NULL, "x", 1, SLUICE_MS(50)), SLUICE_ETIMEDOUT);
	sluice_datagram_close(client);
	sluice_datagram_close(server);
}

static void batches(void)
{
	static struct sluice_datagram_item out[100], in[120];
	static uint32_t numbers[100], got[120];
	sluice_datagram *server = open_datagram("udp:127.0.0.1:0", NULL), *client;
	struct help_text name;
	int64_t done = 0;

	memset(&name, 0, sizeof(name));
	client = open_datagram("udp:127.0.0.1:0", datagram_info(server).address);
	for (uint32_t i = 0; i < 120; i++) {
		in[i].data = &got[i];
		in[i].capacity = sizeof(got[i]);
		if (i >= 100)
			continue;
		numbers[i] = i;
		out[i].data = &numbers[i];
		out[i].capacity = sizeof(numbers[i]);
	}
	CHECK_EQ(sluice_datagram_receive_many(server, in, 0, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send_many(client, out, 0, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_receive_many(server, in, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_datagram_send_many(client, out, 100, SLUICE_S(5)), 100);
	while (done < 100) {
		int64_t n = sluice_datagram_receive_many(server, in + done, (size_t)(120 - done),
							 SLUICE_S(5));

		CHECK_GE(n, 1);
		done += n;
	}
	for (uint32_t i = 0; i < 100; i++) {
		CHECK_EQ(in[i].length, sizeof(uint32_t));
		CHECK_EQ(got[i], i);
		CHECK_GE(sluice_datagram_text(server, &in[i].address, name.text, sizeof(name.text)),
			 1);
		CHECK_STR(name.text, datagram_info(client).address);
	}
	sluice_datagram_close(client);
	sluice_datagram_close(server);
}

static void seqpacket(void)
{
	struct help_text address = address_of("unix-seqpacket", "seq");
	sluice_listener *listener = open_listener(address.text);
	sluice_datagram *client = open_datagram(NULL, address.text), *server = NULL;
	sluice_stream *stream = NULL;
	int fds[2] = { 0, 1 }, got[1];
	struct sluice_fds room = { got, 1, 0, 0, 0 };
	char text[16];

	CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_S(5)), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_datagram_accept(listener, &server, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(client, NULL, "one", 3, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(client, NULL, "two", 3, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(client, NULL, "", 0, SLUICE_S(5)), SLUICE_EINVAL);
	CHECK_EQ(sluice_datagram_send_fds(client, NULL, "fds", 3, fds, 2, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_datagram_receive(server, text, 2, NULL, NULL, SLUICE_S(5)),
		 SLUICE_EMSGSIZE);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_datagram_receive_fds(server, text, 16, NULL, &room, SLUICE_S(5)), 3);
	CHECK_EQ(room.count, 1);
	CHECK_EQ(room.lost, 1);
	close(got[0]);
	CHECK_EQ(sluice_datagram_send(client, NULL, "end", 3, SLUICE_S(5)), 0);
	sluice_datagram_close(client);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_S(5)), 3);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_S(5)),
		 SLUICE_ENOSENDER);
	CHECK_EQ(sluice_datagram_send(server, NULL, "x", 1, SLUICE_S(5)), SLUICE_EPIPE);
	sluice_datagram_close(server);
	sluice_listener_close(listener);
}

#define STRANGER 54321u

/* What a sender that is not allowed sends: short, long, empty, with descriptors. */
static void send_strangely(sluice_datagram *client)
{
	static const char text[2000] = "";
	int fds[2] = { 0, 1 };

	CHECK_EQ(sluice_datagram_send(client, NULL, "strange", 7, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(client, NULL, text, sizeof(text), SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(client, NULL, "", 0, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send_fds(client, NULL, "strange", 7, fds, 2, SLUICE_S(5)), 0);
}

/* To be run as another user; the test's own directory is not for them, nor is what test.h does. */
static void be_a_stranger(const char *name, bool by_group)
{
	pid_t pid = fork();

	if (pid == 0) {
		sluice_datagram *client = open_datagram(NULL, name);

		if (setresgid(STRANGER, STRANGER, STRANGER) < 0 ||
		    (!by_group && setresuid(STRANGER, STRANGER, STRANGER) < 0))
			_exit(2);
		send_strangely(client);
		_exit(0);
	}
	test_wait_ok(pid);
}

static sluice_datagram *open_for(const char *name, const uint32_t *uid, const uint32_t *gid)
{
	struct sluice_datagram_options options = datagram_options();

	options.allowed_uids = uid;
	options.allowed_uids_count = uid ? 1 : 0;
	options.allowed_gids = gid;
	options.allowed_gids_count = gid ? 1 : 0;
	return open_datagram_as(name, options);
}

/* As many as before. An emulator asks the kernel for more than it was asked for, and keeps it. */
static void check_fds(int before)
{
	if (!test_emulated())
		CHECK_EQ(count_fds(), before);
}

/* Nothing of a stranger's is received, nothing is left open, and all are counted. */
static void receive_no_stranger(sluice_datagram *server, sluice_datagram *known,
				struct help_text name)
{
	struct sluice_datagram_item items[3];
	char text[16], texts[3][16];
	int before, got[4];
	struct sluice_fds room = { got, 4, 0, 0, 0 };

	/* The first wait makes a descriptor to be interrupted by. */
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_MS(1)),
		 SLUICE_ETIMEDOUT);
	before = count_fds();
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(sluice_datagram_send(known, NULL, "good", 4, SLUICE_S(5)), 0);
		be_a_stranger(name.text, i == 2);
		if (i == 0)
			CHECK_EQ(sluice_datagram_send(known, NULL, text, 16, SLUICE_S(5)), 0);
		CHECK_EQ(sluice_datagram_receive(server, text, 4, NULL, NULL, SLUICE_S(5)), 4);
		if (i == 0)
			CHECK_EQ(sluice_datagram_receive(server, text, 15, NULL, NULL, SLUICE_S(5)),
				 SLUICE_EMSGSIZE);
		if (i == 0)
			CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL,
							 SLUICE_NOWAIT),
				 16);
		CHECK_EQ(sluice_datagram_receive_fds(server, text, 16, NULL, &room, SLUICE_MS(20)),
			 SLUICE_ETIMEDOUT);
		CHECK_EQ(room.count, 0);
		CHECK_EQ(datagram_info(server).refused, 4 * (i + 1));
		check_fds(before);
	}
	memset(items, 0, sizeof(items));
	for (int i = 0; i < 3; i++) {
		items[i].data = texts[i];
		items[i].capacity = 16;
	}
	be_a_stranger(name.text, false);
	CHECK_EQ(sluice_datagram_send(known, NULL, "one", 3, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_send(known, NULL, "twotwotwotwotwotwo", 18, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_receive_many(server, items, 3, SLUICE_S(5)), 2);
	CHECK_MEM(texts[0], "one", 3);
	CHECK_EQ(items[0].length, 3);
	CHECK_EQ(items[1].length, 18);
	CHECK_EQ(sluice_datagram_receive_many(server, items, 3, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(datagram_info(server).refused, 16);
	CHECK_EQ(datagram_info(server).received, 6);
}

/* Who may send: by the kernel's word. The first part needs no other user. */
static void strangers(void)
{
	uint32_t me = getuid(), mine = getgid(), other = STRANGER;
	struct help_text name = abstract("sluice-test-strangers");
	sluice_datagram *server = open_for(name.text, &other, NULL), *client;
	char text[16];

	client = open_datagram(NULL, name.text);
	send_strangely(client);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_NOWAIT),
		 SLUICE_EAGAIN);
	CHECK_EQ(datagram_info(server).refused, 4);
	CHECK_EQ(datagram_info(server).received, 0);
	sluice_datagram_close(server);
	sluice_datagram_close(client);

	for (int i = 0; i < 2 && me == 0; i++) {
		server = open_for(name.text, i ? NULL : &me, i ? &mine : NULL);
		client = open_datagram(NULL, name.text);
		if (i)
			receive_no_stranger(server, client, name);
		else
			be_a_stranger(name.text,
				      true); /* the user is allowed, the group not asked for */
		if (!i)
			CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_S(5)),
				 7);
		sluice_datagram_close(server);
		sluice_datagram_close(client);
	}
}

/* ---- descriptors that linger --------------------------------------------------------------- */

#define LINGER 20 /* seconds */

/* One end of a connection that is full, and whose closing takes LINGER seconds if nobody helps it. */
static int full_and_lingering(int *ret_other)
{
	struct linger linger = { 1, LINGER };
	struct sockaddr_in address;
	struct sockaddr *at = (struct sockaddr *)(void *)&address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);
	static const char bytes[65536] = "";

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(listener, at, sizeof(address)), 0);
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(getsockname(listener, at, &length), 0);
	CHECK_EQ(connect(fd, at, sizeof(address)), 0);
	*ret_other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK_GE(*ret_other, 0);
	close(listener);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	return fd;
}

/* Send two descriptors, the second one such, of which no other is left. Return: its other end. */
static int send_lingering(sluice_datagram *client)
{
	int other, fds[2] = { 0, -1 };

	fds[1] = full_and_lingering(&other);
	CHECK_EQ(sluice_datagram_send_fds(client, NULL, "linger", 6, fds, 2, SLUICE_S(5)), 0);
	close(fds[1]);
	return other;
}

/* Who sends a connection cannot make its receiver wait until that is closed. */
static void lingering(void)
{
	uint32_t me = getuid(), other = STRANGER;
	struct help_text name = abstract("sluice-test-linger");
	int fds[2], ends[4], before = count_fds();
	struct sluice_fds room = { fds, 2, 0, 0, 0 }, little = { fds, 1, 0, 0, 0 };
	sluice_datagram *server = open_for(name.text, &other, NULL), *client;
	char text[16];
	int64_t start;

	client = open_datagram(NULL, name.text);
	ends[0] = send_lingering(client);
	ends[1] = send_lingering(client);
	start = test_now_ns();
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_NOWAIT),
		 SLUICE_EAGAIN);
	CHECK_EQ(datagram_info(server).refused, 2);
	ends[2] = send_lingering(client);
	CHECK_EQ(sluice_datagram_receive_fds(server, text, 16, NULL, &room, SLUICE_NOWAIT),
		 SLUICE_EAGAIN);
	CHECK_EQ(datagram_info(server).refused, 3);
	sluice_datagram_close(server);
	sluice_datagram_close(client);

	server = open_for(name.text, &me, NULL);
	client = open_datagram(NULL, name.text);
	ends[3] = send_lingering(client);
	CHECK_EQ(sluice_datagram_receive(server, text, 16, NULL, NULL, SLUICE_S(5)), 6);
	close(ends[3]);
	ends[3] = send_lingering(client);
	CHECK_EQ(sluice_datagram_receive_fds(server, text, 16, NULL, &little, SLUICE_S(5)), 6);
	CHECK_EQ(little.count, 1);
	CHECK_EQ(little.lost, 1);
	close(fds[0]);
	CHECK_LT(test_now_ns() - start, SLUICE_S(LINGER) / 2);
	sluice_datagram_close(server);
	sluice_datagram_close(client);
	for (int i = 0; i < 4; i++)
		close(ends[i]);
	check_fds(before);
}

static void strange_options(void)
{
	struct sluice_datagram_options options = datagram_options();
	struct help_text name = address_of("unix-seqpacket", "strange");
	sluice_listener *listener = open_listener(name.text);
	uint32_t other = STRANGER;
	sluice_datagram *datagram;
	char text[256] = "";

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	options.allowed_uids_count = 1;
	CHECK_EQ(sluice_datagram_open("unix:@", &options, &datagram), SLUICE_EINVAL);
	CHECK_CONTAINS(text, "allowed_uids");
	options.allowed_uids = &other;
	CHECK_EQ(sluice_datagram_open("udp:127.0.0.1:0", &options, &datagram), SLUICE_EINVAL);
	CHECK_CONTAINS(text, "unix:");
	options.peer = name.text;
	CHECK_EQ(sluice_datagram_open(NULL, &options, &datagram), SLUICE_EACCES);
	CHECK_CONTAINS(text, "allowed_uids");
	sluice_listener_close(listener);
}

static void multicast(void)
{
	struct sluice_datagram_options options = datagram_options();
	sluice_datagram *a, *b, *sender;
	struct sluice_address group;
	char text[16];
	int r;

	options.interface = 1; /* lo */
	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_datagram_open("udp:239.255.77.7:41234", &options, &a);
	if (r < 0)
		return; /* no multicast here */
	CHECK_EQ(sluice_datagram_open("udp:239.255.77.7:41234", &options, &b), 0);
	CHECK_EQ(sluice_datagram_open("udp:127.0.0.1:0", &options, &sender), 0);
	CHECK_EQ(sluice_datagram_resolve(sender, "udp:239.255.77.7:41234", &group), 0);
	r = sluice_datagram_send(sender, &group, "all", 3, SLUICE_S(5));
	if (r == 0) {
		CHECK_EQ(sluice_datagram_receive(a, text, 16, NULL, NULL, SLUICE_S(5)), 3);
		CHECK_EQ(sluice_datagram_receive(b, text, 16, NULL, NULL, SLUICE_S(5)), 3);
	}
	sluice_datagram_close(a);
	sluice_datagram_close(b);
	sluice_datagram_close(sender);
}

static void nobody_there(void)
{
	struct help_text address = address_of("unix", "gone");
	sluice_datagram *server = open_datagram(address.text, NULL);
	sluice_datagram *client = open_datagram(NULL, address.text);
	struct sluice_datagram_info info;
	char text[16];

	sluice_datagram_close(server);
	CHECK_EQ(sluice_datagram_send(client, NULL, "x", 1, SLUICE_S(5)), SLUICE_ECONNREFUSED);
	sluice_datagram_close(client);
	refuse_datagram(NULL, address.text, SLUICE_ENOENT);
	server = open_datagram("udp:127.0.0.1:0", NULL);
	info = datagram_info(server);
	refuse_datagram(info.address, NULL, SLUICE_EADDRINUSE);
	sluice_datagram_close(server);
	client = open_datagram(NULL, info.address);
	CHECK_EQ(sluice_datagram_send(client, NULL, "x", 1, SLUICE_S(5)), 0);
	CHECK_EQ(sluice_datagram_receive(client, text, 16, NULL, NULL, SLUICE_S(5)),
		 SLUICE_ECONNREFUSED);
	sluice_datagram_close(client);
}

static void bad_addresses(void)
{
	struct help_text file = address_of("unix", "file"), dgram = address_of("unix", "live");
	sluice_datagram *datagram = open_datagram(dgram.text, NULL);

	make_file("file", "x", 1);
	refuse_datagram("tcp:127.0.0.1:0", NULL, SLUICE_EOPNOTSUPP);
	refuse_datagram("fifo:/x", NULL, SLUICE_EOPNOTSUPP);
	refuse_datagram("unix-seqpacket:/x", NULL, SLUICE_EOPNOTSUPP);
	refuse_datagram("udp:127.0.0.1:0", "unix:@x", SLUICE_EOPNOTSUPP);
	refuse_datagram(NULL, NULL, SLUICE_EINVAL);
	refuse_datagram("udp:127.0.0.1", NULL, SLUICE_EINVAL);
	refuse_datagram("udp:192.0.2.1:0", NULL, SLUICE_EADDRNOTAVAIL);
	refuse_datagram(file.text, NULL, SLUICE_EMISMATCH);
	refuse_datagram(NULL, file.text, SLUICE_EMISMATCH);
	refuse_datagram(dgram.text, NULL, SLUICE_EADDRINUSE);
	refuse_stream_as(dgram.text, stream_options(), SLUICE_EMISMATCH);
	sluice_datagram_close(datagram);
}

static void polled(void)
{
	sluice_datagram *server = open_datagram("udp:127.0.0.1:0", NULL), *client;
	struct sluice_datagram_options options = datagram_options();
	struct pollfd in = { -1, POLLIN, 0 }, out = { -1, POLLIN, 0 };
	struct help_text peer;
	char text[4];

	memset(&peer, 0, sizeof(peer));
	snprintf(peer.text, sizeof(peer.text), "%s", datagram_info(server).address);
	options.peer = peer.text;
	options.role = SLUICE_SEND;
	client = open_datagram_as(NULL, options);
	in.fd = sluice_datagram_fd(server, SLUICE_READABLE);
	out.fd = sluice_datagram_fd(client, SLUICE_WRITABLE);
	CHECK_EQ(sluice_datagram_fd(client, SLUICE_READABLE), SLUICE_EPERM);
	CHECK_EQ(sluice_datagram_receive(client, text, 4, NULL, NULL, 0), SLUICE_EPERM);
	CHECK_EQ(poll(&in, 1, 0), 0);
	CHECK_EQ(poll(&out, 1, 5000), 1);
	CHECK_EQ(sluice_datagram_send(client, NULL, "x", 1, SLUICE_S(5)), 0);
	CHECK_EQ(poll(&in, 1, 5000), 1);
	CHECK_EQ(sluice_datagram_receive(server, text, 4, NULL, NULL, SLUICE_NOWAIT), 1);
	CHECK_EQ(poll(&in, 1, 0), 0);
	CHECK_EQ(sluice_datagram_receive(server, text, 4, NULL, NULL, SLUICE_MS(20)),
		 SLUICE_ETIMEDOUT);
	CHECK_EQ(sluice_datagram_interrupt(server), 0);
	sluice_datagram_close(client);
	sluice_datagram_close(server);
	sluice_datagram_close(NULL);
}

int main(void)
{
	int before;

	test_begin();
	before = count_fds();
	RUN(exchange);
	RUN(too_long);
	RUN(full_means_waiting);
	RUN(batches);
	RUN(seqpacket);
	RUN(strangers);
	RUN(lingering);
	RUN(strange_options);
	RUN(multicast);
	RUN(nobody_there);
	RUN(bad_addresses);
	RUN(polled);
	check_fds(before);
	return test_end();
}
