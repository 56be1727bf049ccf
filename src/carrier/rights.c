/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rights.c - descriptors through a socket, none of them lost in silence or left open
 *
 * The kernel installs descriptors as far as the control buffer reaches, so a buffer that is made for
 * few would lose the others. Here it always has room for the 253 that one message may carry; what
 * the caller has no room for is closed. What the kernel itself could not install, because this
 * process has no descriptor left, it drops and says so (MSG_CTRUNC): how many is not told, so that
 * counts as one.
 *
 * The sender's credentials come before the descriptors, so a control buffer for them alone gets
 * them, and no descriptor. That will do for a look.
 *
 * A socket can have been told by its owner that whoever closes it last is to wait until its data has
 * arrived (SO_LINGER), and what the kernel drops for want of room is closed by us in any case, on the
 * way back from the call. So where it matters who sent, there is room, whether the caller wants
 * descriptors or not, and what is closed here is told not to linger before.
 */
#include "rights.h"
#include "../base/compiler.h"
#include "../base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

union rights_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(SLI_RIGHTS_MAX * sizeof(int)) + CMSG_SPACE(64)];
};

#define RIGHTS_ROOM_FOR_WHO CMSG_SPACE(sizeof(struct ucred))

int64_t sli_rights_send(int fd, struct msghdr *message, const int *fds, size_t count)
{
	union rights_control control;
	struct cmsghdr *head;
	long n;

	if (count > 0) {
		memset(&control, 0, sizeof(control));
		message->msg_control = control.bytes;
		message->msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int));
		head = CMSG_FIRSTHDR(message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(head), fds, count * sizeof(int));
	}
	/* musl's sendmsg() has room for 250 only; headers and padding are zeroed by all callers, so
	 * the kernel takes the structs as they are. */
	n = syscall(SYS_sendmsg, fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
	message->msg_control = NULL;
	message->msg_controllen = 0;
	return n < 0 ? sli_errno() : n;
}

/* musl's CMSG_NXTHDR mixes signed and unsigned, and is not ours to change. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
static struct cmsghdr *rights_next(struct msghdr *message, struct cmsghdr *head)
{
	return CMSG_NXTHDR(message, head);
}
#pragma GCC diagnostic pop

void sli_rights_drop(int fd)
{
	static const struct linger no_linger = { 0, 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof(no_linger)) < 0)
		errno = 0; /* it is no socket */
	sli_close(&fd);
}

/* Keep those that have room, close the others. */
static void rights_sort(const int *found, size_t count, struct sluice_fds *fds)
{
	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, found + i, sizeof(fd));
		if (fds->count < fds->capacity) {
			fds->fds[fds->count++] = fd;
			continue;
		}
		sli_rights_drop(fd);
		fds->lost++;
	}
}

static void rights_take(const struct cmsghdr *head, struct sluice_fds *fds, struct ucred *ret_who)
{
	size_t size = head->cmsg_len - CMSG_LEN(0);

	if (head->cmsg_level != SOL_SOCKET)
		return;
	if (head->cmsg_type == SCM_RIGHTS && fds)
		rights_sort((const int *)(const void *)CMSG_DATA(head), size / sizeof(int), fds);
	if (head->cmsg_type == SCM_CREDENTIALS && ret_who && size >= sizeof(*ret_who))
		memcpy(ret_who, CMSG_DATA(head), sizeof(*ret_who));
}

int64_t sli_rights_receive(int fd, struct msghdr *message, int flags, struct sluice_fds *fds,
			   struct ucred *ret_who)
{
	struct sluice_fds no_fds = { NULL, 0, 0, 0, 0 };
	union rights_control control;
	struct cmsghdr *head;
	ssize_t n;

	if (!fds && ret_who && !(flags & MSG_PEEK))
		fds = &no_fds;
	message->msg_control = control.bytes;
	message->msg_controllen = fds ? sizeof(control) : ret_who ? RIGHTS_ROOM_FOR_WHO : 0;
	if (fds)
		fds->count = fds->lost = 0;
	if (ret_who)
		*ret_who = (struct ucred){ 0, (uid_t)-1, (gid_t)-1 };
	n = recvmsg(fd, message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return sli_errno();
	for (head = CMSG_FIRSTHDR(message); head; head = rights_next(message, head))
		rights_take(head, fds, ret_who);
	if (fds && (message->msg_flags & MSG_CTRUNC))
		fds->lost++;
	message->msg_control = NULL;
	message->msg_controllen = 0;
	return n;
}
