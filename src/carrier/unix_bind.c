/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * unix_bind.c - a server's path: from the dead, never from the living
 *
 * A Unix socket's file outlives its server, and bind(2) then says that the address is in use, as it
 * does when the server is alive. connect(2) tells the two apart: nobody behind the file, and it is
 * refused. Between that look and the removal of the file another server could come, so both happen
 * under a lock: flock(2) on the directory, which needs no file of its own and leaves nothing behind.
 * Everybody binds and begins to listen under it, so no file is seen before its server listens. A
 * server that does not know of the lock is given a second look, 20 ms later.
 *
 * Permissions. bind(2) makes the file with the mode of the socket's own inode less the umask, so
 * the wished mode is given to the inode first: at no time has the file more than asked for. What the
 * umask took away is given back afterwards.
 *
 * The file is removed by the process that made it, if it is still the same file.
 */
#include "../base/fd.h"
#include "../base/time.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define BIND_SECOND_LOOK (20 * SLI_MS)

/* The directory of @path, locked; -1 when it cannot be read, and then nothing is taken over. */
static int bind_lock(const char *path, int64_t timeout, const char *text,
		     const struct sli_diag *diag)
{
	char directory[SLI_ADDRESS_MAX];
	const char *slash = strrchr(path, '/');
	int64_t deadline = sli_deadline(timeout);
	int fd;

	snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	fd = sli_open(directory[0] ? directory : "/", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE ? fd : -1;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			break;
		if (sli_now() >= deadline) {
			sli_close(&fd);
			return sli_say(
				diag, SLUICE_ETIMEDOUT,
				"%s: somebody holds a lock (flock) on its directory; end that "
				"program or choose another directory",
				text);
		}
		sli_nap(SLI_MS);
	}
	return fd;
}

/* Is a socket of the living behind the file? 1, 0, or negative. */
static int bind_probe(int type, const struct sli_unix_address *address)
{
	int fd = sli_socket(AF_UNIX, type | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return fd;
	r = connect(fd, (const struct sockaddr *)(const void *)&address->un, address->length) < 0
		    ? sli_errno()
		    : 0;
	sli_close(&fd);
	return r == -ECONNREFUSED ? 0 : r == -ENOENT ? 0 : 1;
}

/* The path is taken. Remove the file if its server is dead. Return: 0 (bind again), or negative. */
static int bind_take_over(int type, const struct sli_address *address, int lock,
			  const struct sli_unix_address *at, const struct sli_diag *diag)
{
	const char *text = address->text;
	struct stat st;
	int r;

	if (stat(at->un.sun_path, &st) < 0)
		return errno == ENOENT ? 0 : sli_errno();
	if (!S_ISSOCK(st.st_mode))
		return sli_say(diag, SLUICE_EMISMATCH,
			       "%s: what is there is no socket; choose another path or remove it",
			       text);
	r = lock < 0 ? 1 : bind_probe(type, at);
	if (r == 0) {
		sli_nap(BIND_SECOND_LOOK);
		r = bind_probe(type, at);
	}
	if (r != 0)
		return r < 0 ? r
			     : sli_say(diag, SLUICE_EADDRINUSE,
				       "%s: a living server has it; end it or choose another path",
				       text);
	if (unlink(at->un.sun_path) < 0 && errno != ENOENT)
		return sli_say(diag, sli_errno(),
			       "%s: a dead server left its file there and it cannot be removed: %s",
			       text, strerror(errno));
	return 0;
}

static int bind_now(int fd, const struct sli_unix_address *at)
{
	return bind(fd, (const struct sockaddr *)(const void *)&at->un, at->length) < 0
		       ? sli_errno()
		       : 0;
}

static int bind_give_rights(const struct sli_unix_address *at,
			    const struct sli_carrier_request *request)
{
	if (request->group && chown(at->un.sun_path, (uid_t)-1, (gid_t)request->group) < 0)
		return sli_errno();
	return chmod(at->un.sun_path, (mode_t)request->mode) < 0 ? sli_errno() : 0;
}

static int bind_listen(int fd, int backlog)
{
	return backlog && listen(fd, backlog) < 0 ? sli_errno() : 0;
}

static int bind_path(int fd, int type, const struct sli_address *address, int backlog,
		     const struct sli_unix_address *at, const struct sli_carrier_request *request,
		     struct sli_socket_file *ret_file)
{
	int lock = bind_lock(address->path, request->open_timeout, address->text, &request->diag);
	int r;

	if (lock < -1)
		return lock;
	if (fchmod(fd, (mode_t)request->mode) < 0)
		errno = 0; /* then the umask alone keeps strangers out until chmod */
	r = bind_now(fd, at);
	if (r == -EADDRINUSE) {
		r = bind_take_over(type, address, lock, at, &request->diag);
		if (r == 0)
			r = bind_now(fd, at);
	} else if (r < 0) {
		r = sli_say(&request->diag, r == -EPERM ? SLUICE_EACCES : r,
			    "%s: cannot make a socket there: %s", address->text, strerror(-r));
	}
	if (r == 0) {
		r = bind_give_rights(at, request);
		if (r == 0)
			r = bind_listen(fd, backlog);
		if (r < 0 || stat(at->un.sun_path, &ret_file->is) < 0) {
			unlink(at->un.sun_path);
			r = sli_say(&request->diag, r < 0 ? r : -EIO,
				    "%s: cannot give the socket its mode or group: %s",
				    address->text, strerror(r < 0 ? -r : EIO));
		}
	}
	sli_close(&lock);
	return r;
}

int sli_unix_bind(int fd, int type, const struct sli_address *address,
		  const struct sli_carrier_request *request, int backlog,
		  struct sli_socket_file *ret_file)
{
	struct sli_unix_address at;
	int r = sli_unix_address(address, &request->diag, &at);

	ret_file->path[0] = '\0';
	if (r < 0)
		return r;
	if (!sli_address_is_abstract(address)) {
		r = bind_path(fd, type, address, backlog, &at, request, ret_file);
		if (r == 0) {
			snprintf(ret_file->path, sizeof(ret_file->path), "%s", address->path);
			ret_file->maker = getpid();
		}
	} else {
		r = bind_now(fd, &at);
		if (r == 0)
			r = bind_listen(fd, backlog);
		if (r < 0)
			r = sli_say(&request->diag, r, "%s: %s", address->text,
				    r == -EADDRINUSE ? "a living server has that name; end it or "
						       "choose another name"
						     : strerror(-r));
	}
	sli_close(&at.directory);
	return sli_socket_code(r);
}

void sli_socket_file_remove(struct sli_socket_file *file)
{
	struct stat now;
	int lock;

	if (!file->path[0] || file->maker != getpid())
		return;
	lock = bind_lock(file->path, 100 * SLI_MS, file->path, NULL);
	if (stat(file->path, &now) == 0 && sli_same_file(&now, &file->is))
		unlink(file->path);
	sli_close(&lock);
	file->path[0] = '\0';
}
