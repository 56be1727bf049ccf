/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * pipe_io.c - writing to a pipe without being killed for it
 *
 * A write to a pipe that nobody reads raises SIGPIPE, which ends the program. Sockets have
 * MSG_NOSIGNAL against that. Pipes have RWF_NOSIGNAL from Linux 6.18 on; before it, the signal is
 * blocked in this thread for the write, and taken away again if the write raised it: it is directed
 * at the thread, so nobody else can get it. One that was pending before is left alone.
 *
 * Which of the two works is found out at the first write, for all pipes.
 */
#include "../base/atomic.h"
#include "../base/compiler.h"
#include "../base/fd.h"
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PIPE_RWF_NOSIGNAL 0x100 /* RWF_NOSIGNAL of linux/fs.h */

static int64_t pipe_write_masked(int fd, const struct iovec *parts, int count)
{
	static const struct timespec no_time;
	sigset_t only, before, pending;
	int was_pending, r;
	ssize_t n;

	sigemptyset(&only);
	sigaddset(&only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &only, &before);
	n = writev(fd, parts, count);
	r = n < 0 ? sli_errno() : 0;
	if (r == -EPIPE && !was_pending)
		while (sigtimedwait(&only, NULL, &no_time) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r < 0 ? r : n;
}

int64_t sli_pipe_write(int fd, const struct iovec *parts, int count)
{
	static _Atomic int lacking;
	long n;

	/* relaxed: found out anew by who does not see it */
	if (!sli_load_rlx(&lacking)) {
		/* Position -1, in both halves: the pipe's own. libc has no name for it everywhere. */
		n = syscall(SYS_pwritev2, fd, parts, (long)count, -1L, -1L,
			    (long)PIPE_RWF_NOSIGNAL);
		if (n >= 0)
			return n;
		if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS && errno != EPERM &&
		    errno != ESPIPE)
			return sli_errno();
		/* relaxed: as above */
		sli_store_rlx(&lacking, 1);
	}
	return pipe_write_masked(fd, parts, count);
}
