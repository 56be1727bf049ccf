/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * datagram_open.c - binding, connecting, joining groups
 *
 * Broadcast needs SO_BROADCAST, which is set always: it allows a send to an address that is written
 * as a broadcast one, and nothing else. A multicast group that is bound to is joined as well, and its
 * port is shared with others who join it on this machine.
 *
 * A peer is the address that connect(2) was given: the kernel then drops what comes from others.
 * A group never is a sender, so a socket whose peer is a group only sends.
 */
#include "../base/fd.h"
#include "datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sluice_datagram *datagram_new(enum sli_scheme scheme, uint32_t role)
{
	static const struct sli_sleepers none = SLI_SLEEPERS;
	sluice_datagram *datagram = calloc(1, sizeof(*datagram));

	if (!datagram)
		return NULL;
	memcpy(&datagram->sleepers, &none, sizeof(none));
	pthread_mutex_init(&datagram->receiving, NULL);
	datagram->scheme = scheme;
	datagram->role = role;
	datagram->fd = -1;
	datagram->family = AF_UNIX;
	sli_store_sc(&datagram->polls[0], -1);
	sli_store_sc(&datagram->polls[1], -1);
	return datagram;
}

void sli_datagram_close(sluice_datagram *datagram)
{
	datagram->magic = 0;
	sli_socket_file_remove(&datagram->file);
	for (int i = 0; i < 2; i++) {
		int fd = sli_load_sc(&datagram->polls[i]);

		sli_close(&fd);
	}
	sli_close(&datagram->fd);
	sli_allowed_free(&datagram->allowed);
	sli_sleepers_close(&datagram->sleepers);
	pthread_mutex_destroy(&datagram->receiving);
	free(datagram);
}

int sli_datagram_make(int fd, enum sli_scheme scheme, uint32_t role, sluice_datagram **ret_datagram)
{
	sluice_datagram *datagram = datagram_new(scheme, role);

	if (!datagram) {
		sli_close(&fd);
		return SLUICE_ENOMEM;
	}
	datagram->fd = fd;
	datagram->connected = true;
	datagram->magic = SLI_MAGIC_DATAGRAM;
	*ret_datagram = datagram;
	return 0;
}

/* ---- udp ----------------------------------------------------------------------------------- */

static bool datagram_is_group(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return IN_MULTICAST(ntohl(v4->sin_addr.s_addr));
	return address->sa_family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

static int datagram_join(int fd, const struct sockaddr *address, uint32_t interface)
{
	struct ip_mreqn v4;
	struct ipv6_mreq v6;
	int r;

	if (address->sa_family == AF_INET) {
		memset(&v4, 0, sizeof(v4));
		v4.imr_multiaddr = ((const struct sockaddr_in *)(const void *)address)->sin_addr;
		v4.imr_ifindex = (int)interface;
		r = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4));
	} else {
		const struct sockaddr_in6 *group = (const void *)address;

		v6.ipv6mr_multiaddr = group->sin6_addr;
		v6.ipv6mr_interface = interface ? interface : group->sin6_scope_id;
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &v6, sizeof(v6));
	}
	return r < 0 ? sli_errno() : 0;
}

/* Through which interface multicast leaves. */
static void datagram_set_interface(int fd, int family, uint32_t interface)
{
	struct ip_mreqn v4;
	int r = 0, index = (int)interface;

	if (!interface)
		return;
	memset(&v4, 0, sizeof(v4));
	v4.imr_ifindex = index;
	if (family == AF_INET)
		r = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &v4, sizeof(v4));
	else
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
	if (r < 0)
		errno = 0; /* the first send will tell */
}

static int datagram_udp_socket(sluice_datagram *datagram, int family, uint32_t interface,
			       uint64_t capacity)
{
	int yes = 1, no = 0;

	datagram->family = family;
	datagram->fd = sli_socket(family, SOCK_DGRAM, IPPROTO_UDP);
	if (datagram->fd < 0)
		return datagram->fd;
	setsockopt(datagram->fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes));
	if (family == AF_INET6)
		setsockopt(datagram->fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	sli_socket_set_capacity(datagram->fd, capacity);
	datagram_set_interface(datagram->fd, family, interface);
	return 0;
}

static int datagram_bind_udp(sluice_datagram *datagram, const struct addrinfo *at,
			     uint32_t interface, uint64_t capacity)
{
	int r = datagram_udp_socket(datagram, at->ai_family, interface, capacity), yes = 1;
	bool group = datagram_is_group(at->ai_addr);

	if (r == 0 && group)
		setsockopt(datagram->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (r == 0 && bind(datagram->fd, at->ai_addr, at->ai_addrlen) < 0)
		r = sli_errno();
	if (r == 0 && group)
		r = datagram_join(datagram->fd, at->ai_addr, interface);
	if (r < 0)
		sli_close(&datagram->fd);
	return r;
}

static int datagram_complain(const char *text, int code, const struct sli_diag *diag)
{
	bool no_device = code == -ENODEV;

	code = code == -EPERM ? SLUICE_EACCES : sli_socket_code(code);
	return sli_say(diag, code, "%s: %s", text,
		       code == SLUICE_EADDRINUSE      ? "somebody receives there already; end that "
							"program or choose another address, or port 0"
		       : code == SLUICE_EADDRNOTAVAIL ? "that is not an address of this machine"
		       : no_device ? "there is no network interface that joins groups; name "
				     "one (interface)"
				   : strerror(-code));
}

/* @peer decides the family where the own address leaves it open. */
static int datagram_open_own(sluice_datagram *datagram, const struct sli_address *own, int family,
			     uint32_t interface, const struct sli_carrier_request *request)
{
	struct addrinfo *list;
	int r = sli_resolve(own, SOCK_DGRAM, true, &request->diag, &list);

	if (r < 0)
		return r;
	r = -EAFNOSUPPORT;
	/* IPv6 first, since it can serve both; but not where the peer is of the other kind. */
	for (int turn = 0; turn < 2 && datagram->fd < 0; turn++)
		for (struct addrinfo *at = list; at && datagram->fd < 0; at = at->ai_next)
			if ((at->ai_family == AF_INET6) == (turn == 0) &&
			    (family == AF_UNSPEC || family == at->ai_family))
				r = datagram_bind_udp(datagram, at, interface, request->capacity);
	freeaddrinfo(list);
	return datagram->fd < 0 ? datagram_complain(own->text, r, &request->diag) : 0;
}

static int datagram_open_udp(sluice_datagram *datagram, const struct sli_address *own,
			     const struct sli_address *peer, uint32_t interface,
			     const struct sli_carrier_request *request)
{
	struct addrinfo *list = NULL;
	int r = peer ? sli_resolve(peer, SOCK_DGRAM, false, &request->diag, &list) : 0;

	if (r == 0 && own)
		r = datagram_open_own(datagram, own, list ? list->ai_family : AF_UNSPEC, interface,
				      request);
	else if (r == 0)
		r = datagram_udp_socket(datagram, list->ai_family, interface, request->capacity);
	if (r == 0 && list) {
		r = connect(datagram->fd, list->ai_addr, list->ai_addrlen) < 0 ? sli_errno() : 0;
		datagram->connected = r == 0;
		if (r < 0)
			r = datagram_complain(peer->text, r, &request->diag);
	}
	if (list)
		freeaddrinfo(list);
	return r;
}

/* ---- Unix ---------------------------------------------------------------------------------- */

/* Have the kernel say with each message who sent it. Before there is an address to send to: a message
 * that came before would be nobody's. */
static int datagram_ask_who(sluice_datagram *datagram, const struct sli_carrier_request *request)
{
	int yes = 1;

	if (sli_allowed_is_anybody(&request->allowed))
		return 0;
	if (!sli_allowed_copy(&datagram->allowed, &request->allowed))
		return SLUICE_ENOMEM;
	datagram->asks_who = true;
	return setsockopt(datagram->fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0
		       ? sli_errno()
		       : 0;
}

static int datagram_connect_unix(sluice_datagram *datagram, const struct sli_address *peer,
				 const struct sli_carrier_request *request)
{
	struct sli_unix_address to;
	struct stat st;
	int r = sli_unix_address(peer, &request->diag, &to);

	if (r < 0)
		return r;
	r = connect(datagram->fd, (struct sockaddr *)(void *)&to.un, to.length) < 0 ? sli_errno()
										    : 0;
	datagram->connected = r == 0;
	if (r < 0 && !sli_address_is_abstract(peer) && stat(to.un.sun_path, &st) == 0 &&
	    (!S_ISSOCK(st.st_mode) || r == -EPROTOTYPE))
		r = sli_say(&request->diag, SLUICE_EMISMATCH,
			    "%s: what is there is no socket for datagrams; choose another path",
			    peer->text);
	else if (r < 0)
		r = sli_say(&request->diag, r == -EPERM ? SLUICE_EACCES : r,
			    "%s: nobody can be sent to there: %s; start the receiver first",
			    peer->text, strerror(-r));
	sli_close(&to.directory);
	return sli_socket_code(r);
}

static int datagram_open_unix(sluice_datagram *datagram, const struct sli_address *own,
			      const struct sli_address *peer,
			      const struct sli_carrier_request *request)
{
	int r;

	if (datagram->scheme == SLI_SCHEME_SEQPACKET) {
		if (own)
			return sli_say(
				&request->diag, SLUICE_EOPNOTSUPP,
				"%s: unix-seqpacket makes connections: open a listener there, "
				"or give the address as the peer",
				own->text);
		datagram->fd = sli_socket_connect(peer, SOCK_SEQPACKET, request,
						  &datagram->sleepers);
		datagram->connected = datagram->fd >= 0;
		return SLI_MIN(datagram->fd, 0);
	}
	datagram->fd = sli_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (datagram->fd < 0)
		return datagram->fd;
	sli_socket_set_capacity(datagram->fd, request->capacity);
	r = datagram_ask_who(datagram, request);
	if (r == 0 && own)
		r = sli_unix_bind(datagram->fd, SOCK_DGRAM, own, request, 0, &datagram->file);
	return r == 0 && peer ? datagram_connect_unix(datagram, peer, request) : r;
}

int sli_datagram_open(const char *address, const char *peer, uint32_t interface,
		      const struct sli_carrier_request *request, sluice_datagram **ret_datagram)
{
	struct sli_address own, other;
	enum sli_scheme scheme = sli_address_scheme(address ? address : peer);
	sluice_datagram *datagram;
	int r = address ? sli_address_parse(address, &request->diag, &own) : 0;

	if (r == 0 && peer)
		r = sli_address_parse(peer, &request->diag, &other);
	if (r < 0)
		return r;
	if ((scheme != SLI_SCHEME_UNIX && scheme != SLI_SCHEME_SEQPACKET &&
	     scheme != SLI_SCHEME_UDP) ||
	    (address && peer && other.scheme != scheme))
		return sli_say(&request->diag, SLUICE_EOPNOTSUPP,
			       "%s: datagrams go by unix:, unix-seqpacket: and udp:, and peer must "
			       "be of the same",
			       address ? address : peer);
	datagram = datagram_new(scheme, request->role);
	if (!datagram)
		return SLUICE_ENOMEM;
	if (scheme == SLI_SCHEME_UDP)
		r = datagram_open_udp(datagram, address ? &own : NULL, peer ? &other : NULL,
				      interface, request);
	else
		r = datagram_open_unix(datagram, address ? &own : NULL, peer ? &other : NULL,
				       request);
	if (r < 0) {
		sli_datagram_close(datagram);
		return r;
	}
	datagram->magic = SLI_MAGIC_DATAGRAM;
	*ret_datagram = datagram;
	return 0;
}

/* ---- addresses ----------------------------------------------------------------------------- */

static int datagram_resolve_udp(sluice_datagram *datagram, const struct sli_address *address,
				struct sluice_address *ret_address)
{
	struct addrinfo *list, *at;
	int r = sli_resolve(address, SOCK_DGRAM, false, NULL, &list);

	if (r < 0)
		return r;
	for (at = list; at && at->ai_family != datagram->family; at = at->ai_next)
		;
	if (at && at->ai_addrlen <= sizeof(ret_address->bytes)) {
		memcpy(ret_address->bytes, at->ai_addr, at->ai_addrlen);
		ret_address->length = at->ai_addrlen;
	} else if (datagram->family == AF_INET6 && list->ai_family == AF_INET) {
		/* An IPv4 address, as an IPv6 socket writes it. */
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
		const struct sockaddr_in *v4 = (const void *)list->ai_addr;

		v6.sin6_port = v4->sin_port;
		v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(v6.sin6_addr.s6_addr + 12, &v4->sin_addr, 4);
		memcpy(ret_address->bytes, &v6, sizeof(v6));
		ret_address->length = sizeof(v6);
	} else {
		r = SLUICE_EOPNOTSUPP;
	}
	freeaddrinfo(list);
	return r;
}

int sli_datagram_resolve(sluice_datagram *datagram, const char *text,
			 struct sluice_address *ret_address)
{
	struct sli_unix_address to;
	struct sli_address address;
	int r = sli_address_parse(text, NULL, &address);

	if (r < 0)
		return r;
	memset(ret_address, 0, sizeof(*ret_address));
	if (address.scheme != datagram->scheme || address.scheme == SLI_SCHEME_SEQPACKET)
		return SLUICE_EOPNOTSUPP;
	if (address.scheme == SLI_SCHEME_UDP)
		return datagram_resolve_udp(datagram, &address, ret_address);
	r = sli_unix_address(&address, NULL, &to);
	if (r < 0)
		return r;
	/* The address would be good for only as long as the directory is open. */
	if (to.directory >= 0) {
		sli_close(&to.directory);
		return SLUICE_ENAMETOOLONG;
	}
	memcpy(ret_address->bytes, &to.un, to.length);
	ret_address->length = to.length;
	return 0;
}
