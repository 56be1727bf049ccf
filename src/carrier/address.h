/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* address.h - what a kernel carrier's address says, and socket addresses as text */
#ifndef SLI_ADDRESS_H
#define SLI_ADDRESS_H

#include "../base/diag.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum sli_scheme {
	SLI_SCHEME_NONE, /* not ours: a name, a path, fd:N */
	SLI_SCHEME_PIPE,
	SLI_SCHEME_FIFO,
	SLI_SCHEME_UNIX,
	SLI_SCHEME_SEQPACKET,
	SLI_SCHEME_TCP,
	SLI_SCHEME_UDP,
};

#define SLI_ADDRESS_MAX 4200 /* a path and its scheme, terminated */

struct sli_address {
	enum sli_scheme scheme;
	const char *text; /* the whole, for complaints */
	const char *path; /* of fifo, unix, unix-seqpacket: behind the scheme */
	char host[256];   /* of tcp and udp; empty: any */
	char port[8];
};

/* The scheme that @text begins with; NULL and what is no carrier's: SLI_SCHEME_NONE. */
enum sli_scheme sli_address_scheme(const char *text);
/* Take it apart. Only the form is looked at. */
int sli_address_parse(const char *text, const struct sli_diag *diag, struct sli_address *ret);
static inline bool sli_address_is_abstract(const struct sli_address *address)
{
	return address->path && address->path[0] == '@';
}

/* A Unix socket's address. A path too long for it is reached through its directory, a descriptor
 * that must stay open meanwhile; -1 otherwise. */
struct sli_unix_address {
	struct sockaddr_un un;
	socklen_t length;
	int directory;
};
int sli_unix_address(const struct sli_address *address, const struct sli_diag *diag,
		     struct sli_unix_address *ret);

/* Host and port of tcp and udp. @type SOCK_STREAM or SOCK_DGRAM. May ask a name server, and wait
 * for it. The list is freed with freeaddrinfo(). */
int sli_resolve(const struct sli_address *address, int type, bool passive,
		const struct sli_diag *diag, struct addrinfo **ret_list);

/* "tcp:127.0.0.1:80", "unix:/path": what an open takes. Return: its length; it may be cut. */
int sli_address_text(enum sli_scheme scheme, const struct sockaddr *address, socklen_t length,
		     char *buffer, size_t capacity);

/* "unix", "tcp" ... */
const char *sli_scheme_name(enum sli_scheme scheme);

#endif
