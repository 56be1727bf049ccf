/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * poll_loop - a queue and a timer in one epoll loop
 *
 * The descriptor is level-triggered and may be ready for nothing. The rule: when it is ready,
 * receive with SLUICE_NOWAIT until SLUICE_EAGAIN, which makes it not ready again.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t check(const char *what, int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
		exit(1);
	}
	return result;
}

static void speak(sluice_queue *queue)
{
	static const char *const words[] = { "one", "two", "three", "end" };

	for (int i = 0; i < 4; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 60000000 }, NULL);
		check("send", sluice_queue_send(queue, 1, words[i], strlen(words[i]), SLUICE_S(5)));
	}
}

static int watch(int loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .fd = fd } };

	return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
}

/* Take all there is; 1 when the last word came. */
static int drain(sluice_queue *queue)
{
	char word[16];

	for (;;) {
		int64_t length = sluice_queue_receive(queue, 0, word, sizeof(word), NULL,
						      SLUICE_NOWAIT);

		if (length == SLUICE_EAGAIN)
			return 0;
		check("receive", length);
		printf("queue: %.*s\n", (int)length, word);
		if (word[0] == 'e')
			return 1;
	}
}

static void read_timer(int timer)
{
	uint64_t times;

	if (read(timer, &times, sizeof(times)) == sizeof(times))
		printf("timer: tick\n");
}

int main(void)
{
	struct itimerspec tick = { { 0, 100000000 }, { 0, 100000000 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	int loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	sluice_queue *queue;
	int fd, done = 0;

	check("open", sluice_queue_open(NULL, NULL, &queue));
	fd = (int)check("fd", sluice_queue_fd(queue, SLUICE_READABLE, 0));
	if (timerfd_settime(timer, 0, &tick, NULL) < 0 || watch(loop, timer) < 0 ||
	    watch(loop, fd) < 0)
		return 1;
	if (fork() == 0) {
		speak(queue);
		_exit(0);
	}
	while (!done && epoll_wait(loop, &event, 1, 5000) > 0) {
		if (event.data.fd == timer)
			read_timer(timer);
		else
			done = drain(queue);
	}
	wait(NULL);
	sluice_queue_close(queue);
	return !done;
}
