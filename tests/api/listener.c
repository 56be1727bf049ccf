/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* listener.c - taking paths over, refusing, credentials, long paths, modes, waits */
#include "carrier_help.h"

#include <pthread.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static const char *path_in(const struct help_text *address)
{
	return strchr(address->text, ':') + 1;
}

static void listen_and_die(void *context)
{
	sluice_listener *listener = open_listener((const char *)context);

	CHECK(listener != NULL);
	kill(getpid(), SIGKILL);
}

/* A dead server's path is taken over; a living one's is not. */
static void paths(void)
{
	struct help_text address = address_of("unix", "p");
	pid_t pid = test_spawn(listen_and_die, address.text);
	sluice_listener *listener;
	struct stat st;

	CHECK_EQ(test_wait(pid), -SIGKILL);
	CHECK_EQ(stat(path_in(&address), &st), 0);
	refuse_stream_as(address.text, stream_options(), SLUICE_ECONNREFUSED);
	listener = open_listener(address.text);
	CHECK_CONTAINS(refuse_listener(address.text, SLUICE_EADDRINUSE).text, "living");
	CHECK_CONTAINS(refuse_listener(listener_info(listener).address, SLUICE_EADDRINUSE).text,
		       "living");
	sluice_listener_close(listener);
	CHECK_EQ(stat(path_in(&address), &st), -1);
}

#define RACERS 6

static void race(const struct help_text *address, struct help_pipe result, int64_t start)
{
	struct sluice_listener_options options = listener_options();
	sluice_listener *listener = NULL;
	char said;
	int r;

	while (test_now_ns() < start)
		;
	r = sluice_listener_open(address->text, &options, &listener);
	said = r == 0 ? 'w' : r == SLUICE_EADDRINUSE ? 'l' : '?';
	CHECK_EQ(write(result.in, &said, 1), 1);
	for (;;)
		pause();
}

/* A server is killed and many want its place at a time: one gets it. */
static void take_over_race(void)
{
	struct help_text address = address_of("unix", "race");

	for (int round = 0; round < 15; round++) {
		struct help_pipe result = make_pipe();
		int64_t start = test_now_ns() + SLUICE_MS(20);
		pid_t pids[RACERS];
		int won = 0;

		CHECK_EQ(test_wait(test_spawn(listen_and_die, address.text)), -SIGKILL);
		for (int i = 0; i < RACERS; i++) {
			pids[i] = test_fork();
			if (pids[i] == 0)
				race(&address, result, start);
		}
		for (int i = 0; i < RACERS; i++) {
			char said = 0;

			CHECK_EQ(read(result.out, &said, 1), 1);
			CHECK_NE(said, '?');
			won += said == 'w';
		}
		for (int i = 0; i < RACERS; i++)
			test_kill(pids[i]);
		CHECK_EQ(won, 1);
		close_pipe(result);
	}
}

/* The mode is as asked for, whatever the umask. */
static void modes(void)
{
	struct help_text address = address_of("unix", "m");
	struct sluice_listener_options options = listener_options();
	mode_t before = umask(0);
	sluice_listener *listener = open_listener(address.text);
	struct stat st;

	CHECK_EQ(stat(path_in(&address), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	sluice_listener_close(listener);
	umask(0777);
	options.mode = 0666;
	listener = open_listener_as(address.text, options);
	umask(before);
	CHECK_EQ(stat(path_in(&address), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0666);
	sluice_listener_close(listener);
}

/* A path that does not fit into a sockaddr_un. */
static void long_path(void)
{
	char directory[400], address[600], part[101];
	sluice_listener *listener;
	sluice_stream *client, *server;

	memset(part, 'd', 100);
	part[100] = '\0';
	snprintf(directory, sizeof(directory), "%.150s/%s", test_directory(), part);
	CHECK_EQ(mkdir(directory, 0700), 0);
	snprintf(directory, sizeof(directory), "%.150s/%s/%s", test_directory(), part, part);
	CHECK_EQ(mkdir(directory, 0700), 0);
	snprintf(address, sizeof(address), "unix:%s/socket", directory);
	listener = open_listener(address);
	refuse_listener(address, SLUICE_EADDRINUSE);
	client = open_stream(address, 0, 0);
	server = accept_stream(listener);
	CHECK_EQ(sluice_stream_write(client, "x", 1, SLUICE_S(5)), 1);
	sluice_stream_close(client);
	sluice_stream_close(server);
	sluice_listener_close(listener);
	CHECK_EQ(count_entries(directory), 0);
	snprintf(address, sizeof(address), "unix:%s/%s", directory, part);
	refuse_listener(address, SLUICE_ENAMETOOLONG);
}

/* Who is there, and who may be. */
static void credentials(void)
{
	struct help_text address = address_of("unix", "c");
	struct sluice_listener_options options = listener_options();
	struct sluice_stream_options client_options = stream_options();
	struct carried c = connect_at(address.text);
	uint32_t me = getuid(), other = me + 12345;
	struct sluice_peer peer;
	sluice_stream *client, *server = NULL;
	sluice_listener *listener;
	char byte;

	memset(&peer, 0, sizeof(peer));
	peer.size = sizeof(peer);
	CHECK_EQ(sluice_stream_peer(c.server, &peer), 0);
	CHECK_EQ(peer.flags, SLUICE_PEER_CREDENTIALS);
	CHECK_EQ(peer.pid, getpid());
	CHECK_EQ(peer.uid, getuid());
	CHECK_EQ(peer.gid, getgid());
	close_carried(c);

	options.allowed_uids = &other;
	options.allowed_uids_count = 1;
	listener = open_listener_as(address.text, options);
	client = open_stream(address.text, 0, 0);
	CHECK_EQ(sluice_listener_accept(listener, &server, SLUICE_MS(100)), SLUICE_ETIMEDOUT);
	CHECK_EQ(listener_info(listener).refused, 1);
	CHECK_EQ(sluice_stream_read(client, &byte, 1, SLUICE_S(5)), 0);
	sluice_stream_close(client);
	client_options.allowed_uids = &other;
	client_options.allowed_uids_count = 1;
	CHECK_CONTAINS(refuse_stream_as(address.text, client_options, SLUICE_EACCES).text,
		       "allowed_uids");
	sluice_listener_close(listener);

	options.allowed_uids = NULL;
	options.allowed_uids_count = 0;
	me = getgid();
	options.allowed_gids = &me;
	options.allowed_gids_count = 1;
	listener = open_listener_as(address.text, options);
	client = open_stream(address.text, 0, 0);
	server = accept_stream(listener);
	sluice_stream_close(client);
	sluice_stream_close(server);
	sluice_listener_close(listener);
	options.allowed_gids = NULL;
	CHECK_EQ(sluice_listener_open(address.text, &options, &listener), SLUICE_EINVAL);
}

static void tcp_peer(void)
{
	struct carried c = connect_at("tcp:127.0.0.1:0");
	struct sluice_peer peer;

	memset(&peer, 0, sizeof(peer));
	peer.size = sizeof(peer);
	CHECK_EQ(sluice_stream_peer(c.client, &peer), 0);
	CHECK_STR(peer.address, listener_info(c.listener).address);
	CHECK_EQ(peer.flags, 0);
	close_carried(c);
}

/* Reset in the middle: an error for the reader, EPIPE for the writer; and it stays that way. */
static void reset_by_peer(void)
{
	sluice_listener *listener = open_listener("tcp:127.0.0.1:0");
	struct linger now = { 1, 0 };
	sluice_stream *server;
	struct sluice_peer peer;
	struct sockaddr_in to;
	char byte;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)atoi(strrchr(listener_info(listener).address, ':') + 1));
	CHECK_EQ(connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)), 0);
	server = accept_stream(listener);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(sluice_stream_read(server, &byte, 1, SLUICE_S(5)), SLUICE_ECONNRESET);
	CHECK_EQ(sluice_stream_write(server, "x", 1, SLUICE_S(5)), SLUICE_EPIPE);
	memset(&peer, 0, sizeof(peer));
	peer.size = sizeof(peer);
	CHECK_EQ(sluice_stream_peer(server, &peer), SLUICE_ENOTCONN);
	sluice_stream_close(server);
	sluice_listener_close(listener);
}

static void waits(void)
{
	sluice_listener *listener = open_listener("tcp:127.0.0.1:0");
	struct pollfd item = { -1, POLLIN, 0 };
	sluice_stream *stream = NULL, *client;

	CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
	item.fd = sluice_listener_fd(listener);
	CHECK_EQ(poll(&item, 1, 0), 0);
	client = open_stream(listener_info(listener).address, 0, 0);
	CHECK_EQ(poll(&item, 1, 5000), 1);
	CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_NOWAIT), 0);
	CHECK_EQ(listener_info(listener).accepted, 1);
	sluice_stream_close(client);
	sluice_stream_close(stream);
	sluice_listener_close(listener);
	sluice_listener_close(NULL);
}

static int connect_to(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to;

	memset(&to, 0, sizeof(to));
	to.sun_family = AF_UNIX;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	CHECK_EQ(connect(fd, (struct sockaddr *)(void *)&to, sizeof(to)), 0);
	return fd;
}

/* Connects as often as it can, until it is killed. */
static void connect_for_ever(void *context)
{
	for (;;)
		close(connect_to(path_in((const struct help_text *)context)));
}

#define WAITING 120
#define CROWD 6

/* However many come who are not allowed, a call ends when its time is up. */
static void crowded(void)
{
	struct sluice_listener_options options = listener_options();
	struct help_text address = address_of("unix", "crowd");
	uint32_t nobody = getuid() + 12345;
	int64_t start = test_now_ns();
	sluice_stream *stream = NULL;
	sluice_listener *listener;
	pid_t crowd[CROWD];

	options.allowed_uids = &nobody;
	options.allowed_uids_count = 1;
	options.backlog = WAITING;
	listener = open_listener_as(address.text, options);
	for (int i = 0; i < WAITING; i++)
		close(connect_to(path_in(&address)));
	CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_NOWAIT), SLUICE_EAGAIN);
	CHECK_GE(listener_info(listener).refused, 1);
	CHECK_LT(listener_info(listener).refused, WAITING);

	for (int i = 0; i < CROWD; i++)
		crowd[i] = test_spawn(connect_for_ever, &address);
	while (listener_info(listener).refused < 2000) {
		CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_MS(50)),
			 SLUICE_ETIMEDOUT);
		CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_NOWAIT), SLUICE_EAGAIN);
		CHECK_LT(test_now_ns() - start, SLUICE_S(40));
	}
	for (int i = 0; i < CROWD; i++) {
		kill(crowd[i], SIGKILL);
		CHECK_EQ(test_wait(crowd[i]), -SIGKILL);
	}
	sluice_listener_close(listener);
}

struct accepter {
	pthread_t thread;
	sluice_listener *listener;
	pid_t tid; /* atomic; 0: not begun */
};

static void *accept_for_ever(void *context)
{
	struct accepter *accepter = (struct accepter *)context;
	sluice_stream *stream = NULL;
	int r;

	__atomic_store_n(&accepter->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	r = sluice_listener_accept(accepter->listener, &stream, SLUICE_FOREVER);
	return (void *)(intptr_t)r;
}

static void interrupted(void)
{
	sluice_listener *listener = open_listener("tcp:127.0.0.1:0");
	struct accepter accepters[3];
	void *result;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++) {
			accepters[i].listener = listener;
			accepters[i].tid = 0;
			CHECK_EQ(pthread_create(&accepters[i].thread, NULL, accept_for_ever,
						&accepters[i]),
				 0);
		}
		for (int i = 0; i < 3; i++) {
			while (!__atomic_load_n(&accepters[i].tid, __ATOMIC_ACQUIRE))
				test_sleep_ms(1);
			await_sleep(getpid(), accepters[i].tid);
		}
		CHECK_EQ(sluice_listener_interrupt(listener), 0);
		for (int i = 0; i < 3; i++) {
			CHECK_EQ(pthread_join(accepters[i].thread, &result), 0);
			CHECK_EQ((intptr_t)result, SLUICE_ECANCELED);
		}
	}
	sluice_listener_close(listener);
}

int main(void)
{
	int before;

	test_begin();
	before = count_fds();
	RUN(paths);
	RUN(take_over_race);
	RUN(modes);
	RUN(long_path);
	RUN(credentials);
	RUN(tcp_peer);
	RUN(reset_by_peer);
	RUN(waits);
	RUN(crowded);
	RUN(interrupted);
	CHECK_EQ(count_fds(), before);
	return test_end();
}
