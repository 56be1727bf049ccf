/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fifo.c - opening a FIFO without hanging in it
 *
 * open(2) of a FIFO waits for the other end for as long as it takes. With O_NONBLOCK it does not,
 * but a writer is refused while nobody reads, and a reader cannot tell "nobody writes yet" from
 * "they have all left". So a writer asks again until it is let in, and a reader, once open, waits
 * until a writer has come: the kernel says so by bytes, by a hang-up (one came and left), or by
 * tee(2), which answers EAGAIN while somebody holds the other end open and 0 while nobody does, and
 * takes no byte. There is nothing to wait on for any of these but time: from 1 to 16 ms a turn.
 *
 * A program that opens the FIFO in the plain way, such as cat, is let in by our open as by any.
 */
#include "../base/fd.h"
#include "../base/time.h"
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define FIFO_NAP_LEAST SLI_MS
#define FIFO_NAP_MOST (16 * SLI_MS)

static int fifo_create(const struct sli_address *address, const struct sli_carrier_request *request,
		       bool *ret_created)
{
	const char *text = address->text;
	struct stat st;

	*ret_created = false;
	if (!(request->flags & SLUICE_MUST_EXIST)) {
		*ret_created = mkfifo(address->path, (mode_t)request->mode) == 0;
		if (!*ret_created && errno != EEXIST)
			return sli_say(&request->diag, sli_errno(), "%s: cannot make a FIFO: %s",
				       text, strerror(errno));
		if (!*ret_created && (request->flags & SLUICE_MUST_CREATE))
			return sli_say(&request->diag, SLUICE_EEXIST,
				       "%s exists already; leave out MUST_CREATE or remove it",
				       text);
	}
	if (stat(address->path, &st) < 0)
		return sli_say(&request->diag, sli_errno(), "%s: %s", text,
			       errno == ENOENT ? "there is no such FIFO; leave out MUST_EXIST "
						 "to make one"
					       : strerror(errno));
	if (!S_ISFIFO(st.st_mode))
		return sli_say(&request->diag, SLUICE_EMISMATCH,
			       "%s: what is there is no FIFO; choose another path or remove it",
			       text);
	return 0;
}

/* The other end as the kernel sees it from a reader: 1 somebody is or was there, 0 nobody yet. */
static int fifo_has_writer(int fd, const int scratch[2])
{
	int r = sli_poll_one(fd, POLLIN, 0);
	ssize_t n;

	if (r != 0)
		return r < 0 ? r : 1;
	n = tee(fd, scratch[1], 1, SPLICE_F_NONBLOCK);
	if (n < 0 && errno != EAGAIN)
		return errno == EINTR ? 0 : sli_errno();
	return n != 0;
}

static int fifo_sleep(struct sli_channel *channel, struct sli_patience *patience, int64_t *nap)
{
	int r = sli_sleep(&channel->sleepers, patience, -1, 0, *nap);

	*nap = SLI_MIN(*nap * 2, FIFO_NAP_MOST);
	return r;
}

static int fifo_await_writer(struct sli_channel *channel, struct sli_patience *patience)
{
	int64_t nap = FIFO_NAP_LEAST;
	int scratch[2], r;

	if (pipe2(scratch, O_CLOEXEC | O_NONBLOCK) < 0)
		return sli_errno();
	do
		r = fifo_has_writer(channel->in, scratch);
	while (r == 0 && (r = fifo_sleep(channel, patience, &nap)) == 0);
	sli_close(&scratch[0]);
	sli_close(&scratch[1]);
	return SLI_MIN(r, 0);
}

static int fifo_open_end(const char *path, int flags)
{
	struct stat st;
	int fd = sli_open(path, flags | O_NONBLOCK | O_NOCTTY, 0);

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))) {
		sli_close(&fd);
		return SLUICE_EMISMATCH;
	}
	return fd;
}

static int fifo_open_ends(const char *path, struct sli_channel *channel,
			  struct sli_patience *patience)
{
	int64_t nap = FIFO_NAP_LEAST;
	int r = 0;

	if (channel->role & SLUICE_READ) {
		channel->in = r = fifo_open_end(path, O_RDONLY);
		if (r >= 0 && !(channel->role & SLUICE_WRITE))
			return fifo_await_writer(channel, patience);
	}
	if (r < 0)
		return r;
	do
		channel->out = r = fifo_open_end(path, O_WRONLY);
	while (r == -ENXIO && (r = fifo_sleep(channel, patience, &nap)) == 0);
	return SLI_MIN(r, 0);
}

int sli_fifo_open(const struct sli_address *address, const struct sli_carrier_request *request,
		  struct sli_channel *channel)
{
	struct sli_patience patience = sli_patience(&channel->sleepers, request->open_timeout);
	bool created;
	int r = fifo_create(address, request, &created);

	if (r < 0)
		return r;
	/* mkfifo(2) heeds the umask, we do not. */
	if (created &&
	    (chmod(address->path, (mode_t)request->mode) < 0 ||
	     (request->group && chown(address->path, (uid_t)-1, (gid_t)request->group) < 0))) {
		r = sli_errno();
		unlink(address->path);
		return sli_say(&request->diag, r, "%s: cannot give the FIFO its mode or group: %s",
			       address->text, strerror(-r));
	}
	r = fifo_open_ends(address->path, channel, &patience);
	if (r == -ETIMEDOUT)
		return sli_say(&request->diag, r, "%s: nobody opened the other end to %s in time",
			       address->text, channel->role & SLUICE_READ ? "write" : "read");
	if (r == SLUICE_EMISMATCH)
		return sli_say(&request->diag, r, "%s: what is there is no FIFO", address->text);
	if (r < 0 && r != -EINTR && r != -ECANCELED)
		return sli_say(&request->diag, r, "%s: cannot open it: %s", address->text,
			       strerror(-r));
	return r;
}
