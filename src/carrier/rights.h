/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* rights.h - one sendmsg(2) or recvmsg(2), with descriptors beside the bytes */
#ifndef SLI_RIGHTS_H
#define SLI_RIGHTS_H

#include <sluice.h>
#include <sys/socket.h>

#define SLI_RIGHTS_MAX 253u /* the kernel's limit for one message */

/* As sendmsg(2) with MSG_DONTWAIT and MSG_NOSIGNAL; @count descriptors go with the first byte.
 * Return: bytes, or negative. */
int64_t sli_rights_send(int fd, struct msghdr *message, const int *fds, size_t count);

/* Close a descriptor that came, at once, whatever its sender had in mind. */
void sli_rights_drop(int fd);

/* As recvmsg(2) with MSG_DONTWAIT and @flags. Descriptors that come go to @fds, CLOEXEC; those that
 * find no room there are dropped and counted in fds->lost; @fds NULL: all are, without @ret_who by the
 * kernel.
 * @ret_who is for sockets with SO_PASSCRED: the sender; else NULL. Return: bytes, or negative. */
int64_t sli_rights_receive(int fd, struct msghdr *message, int flags, struct sluice_fds *fds,
			   struct ucred *ret_who);

#endif
