/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * address.c - from text to socket addresses and back
 *
 * A path longer than the 107 bytes that fit into a struct sockaddr_un is reached through
 * /proc/self/fd/N/NAME, where N is its directory: the kernel follows it to the same place. The last
 * part alone must then be short enough.
 *
 * "*" for a host is any address: of both families where the system has IPv6, else of IPv4.
 */
#include "address.h"
#include "../base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum sli_scheme scheme;
} address_schemes[] = {
	{ "pipe", SLI_SCHEME_PIPE }, { "fifo", SLI_SCHEME_FIFO },
	{ "unix", SLI_SCHEME_UNIX }, { "unix-seqpacket", SLI_SCHEME_SEQPACKET },
	{ "tcp", SLI_SCHEME_TCP },   { "udp", SLI_SCHEME_UDP },
};

const char *sli_scheme_name(enum sli_scheme scheme)
{
	for (size_t i = 0; i < SLI_COUNT(address_schemes); i++)
		if (address_schemes[i].scheme == scheme)
			return address_schemes[i].name;
	return "none";
}

enum sli_scheme sli_address_scheme(const char *text)
{
	for (size_t i = 0; text && i < SLI_COUNT(address_schemes); i++) {
		size_t length = strlen(address_schemes[i].name);

		if (strncmp(text, address_schemes[i].name, length) == 0 && text[length] == ':')
			return address_schemes[i].scheme;
	}
	return SLI_SCHEME_NONE;
}

static int address_parse_port(const char *port, const struct sli_diag *diag,
			      struct sli_address *address)
{
	size_t digits = strspn(port, "0123456789");
	unsigned long number = strtoul(port, NULL, 10);

	if (digits == 0 || port[digits] || digits > 5 || number > 65535)
		return sli_say(diag, SLUICE_EINVAL,
			       "'%s': the port is '%s', wanted a number from 0 to 65535",
			       address->text, port);
	snprintf(address->port, sizeof(address->port), "%lu", number);
	return 0;
}

/* HOST:PORT, [V6]:PORT, *:PORT */
static int address_parse_host(const char *text, const struct sli_diag *diag,
			      struct sli_address *address)
{
	const char *colon = strrchr(text, ':'), *host = text;
	size_t length;

	if (!colon || strchr(colon, ']'))
		return sli_say(diag, SLUICE_EINVAL,
			       "'%s' has no port; wanted %s:HOST:PORT or %s:[V6]:PORT",
			       address->text, sli_scheme_name(address->scheme),
			       sli_scheme_name(address->scheme));
	length = (size_t)(colon - text);
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	} else if (memchr(host, ':', length)) {
		return sli_say(diag, SLUICE_EINVAL,
			       "'%s' has several colons; an IPv6 address stands in brackets, "
			       "%s:[::1]:80",
			       address->text, sli_scheme_name(address->scheme));
	}
	if (length == 0 || length >= sizeof(address->host))
		return sli_say(diag, SLUICE_EINVAL,
			       "'%s': the host has %zu bytes, wanted 1 to 255; '*' is any address",
			       address->text, length);
	memcpy(address->host, host, length);
	address->host[length] = '\0';
	if (strcmp(address->host, "*") == 0)
		address->host[0] = '\0';
	return address_parse_port(colon + 1, diag, address);
}

int sli_address_parse(const char *text, const struct sli_diag *diag, struct sli_address *ret)
{
	const char *rest;

	memset(ret, 0, sizeof(*ret));
	ret->text = text;
	ret->scheme = sli_address_scheme(text);
	if (ret->scheme == SLI_SCHEME_NONE)
		return sli_say(
			diag, SLUICE_EOPNOTSUPP,
			"'%s' is no address of a kernel facility; wanted fifo:PATH, unix:PATH, "
			"unix:@NAME, unix-seqpacket:PATH, tcp:HOST:PORT or udp:HOST:PORT",
			text);
	rest = strchr(text, ':') + 1;
	if (ret->scheme == SLI_SCHEME_TCP || ret->scheme == SLI_SCHEME_UDP)
		return address_parse_host(rest, diag, ret);
	if (ret->scheme == SLI_SCHEME_PIPE)
		return 0;
	if (!*rest)
		return sli_say(diag, SLUICE_EINVAL, "'%s' has no path; wanted %s:PATH", text,
			       sli_scheme_name(ret->scheme));
	if (strlen(text) >= SLI_ADDRESS_MAX)
		return sli_say(diag, SLUICE_ENAMETOOLONG,
			       "'%.60s...' has %zu bytes; the kernel takes paths up to 4095", text,
			       strlen(text));
	ret->path = rest;
	return 0;
}

/* ---- Unix ---------------------------------------------------------------------------------- */

static int address_long_path(const struct sli_address *address, const struct sli_diag *diag,
			     struct sli_unix_address *ret)
{
	const char *slash = strrchr(address->path, '/');
	size_t length = slash ? (size_t)(slash - address->path) : 0;
	char directory[SLI_ADDRESS_MAX];
	int n;

	memcpy(directory, address->path, length);
	directory[length] = '\0';
	ret->directory = sli_open(slash ? length ? directory : "/" : ".", O_PATH | O_DIRECTORY, 0);
	if (ret->directory < 0)
		return sli_say(diag, ret->directory, "%s: cannot open its directory: %s",
			       address->text, strerror(-ret->directory));
	n = snprintf(ret->un.sun_path, sizeof(ret->un.sun_path), "/proc/self/fd/%d/%s",
		     ret->directory, slash ? slash + 1 : address->path);
	if (n < (int)sizeof(ret->un.sun_path))
		return 0;
	sli_close(&ret->directory);
	return sli_say(diag, SLUICE_ENAMETOOLONG,
		       "%s: the last part of a socket's path may have about 85 bytes, this one is "
		       "longer; choose a shorter one",
		       address->text);
}

int sli_unix_address(const struct sli_address *address, const struct sli_diag *diag,
		     struct sli_unix_address *ret)
{
	size_t length = strlen(address->path);
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	ret->directory = -1;
	ret->un.sun_family = AF_UNIX;
	if (sli_address_is_abstract(address)) {
		if (length > sizeof(ret->un.sun_path))
			return sli_say(diag, SLUICE_ENAMETOOLONG,
				       "%s: an abstract name may have %zu bytes, this has %zu",
				       address->text, sizeof(ret->un.sun_path) - 1, length - 1);
		/* Behind the zero byte; "@" alone lets the kernel choose a name. */
		memcpy(ret->un.sun_path + 1, address->path + 1, length - 1);
		ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					  (length > 1 ? length : 0));
		return 0;
	}
	if (length < sizeof(ret->un.sun_path))
		memcpy(ret->un.sun_path, address->path, length + 1);
	else
		r = address_long_path(address, diag, ret);
	ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  strlen(ret->un.sun_path) + 1);
	return r;
}

/* ---- hosts --------------------------------------------------------------------------------- */

int sli_resolve(const struct sli_address *address, int type, bool passive,
		const struct sli_diag *diag, struct addrinfo **ret_list)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_family = AF_UNSPEC };
	int r;

	hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
	r = getaddrinfo(address->host[0] ? address->host : NULL, address->port, &hints, ret_list);
	switch (r) {
	case 0:
		return 0;
	case EAI_MEMORY:
		return SLUICE_ENOMEM;
	case EAI_SYSTEM:
		if (errno == EMFILE || errno == ENFILE)
			return -errno;
		break;
	default:
		break;
	}
	return sli_say(
		diag, r == EAI_NONAME ? SLUICE_ENOENT : SLUICE_EHOSTUNREACH,
		"%s: the host '%s' has no address (%s); check the spelling and the name server",
		address->text, address->host, gai_strerror(r));
}

static int address_text_unix(enum sli_scheme scheme, const struct sockaddr *address,
			     socklen_t length, char *buffer, size_t capacity)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)address;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t bytes = length > head ? length - head : 0;

	if (bytes == 0)
		return snprintf(buffer, capacity, "%s:", sli_scheme_name(scheme));
	if (un->sun_path[0] == '\0')
		return snprintf(buffer, capacity, "%s:@%.*s", sli_scheme_name(scheme),
				(int)(bytes - 1), un->sun_path + 1);
	return snprintf(buffer, capacity, "%s:%.*s", sli_scheme_name(scheme), (int)bytes,
			un->sun_path);
}

int sli_address_text(enum sli_scheme scheme, const struct sockaddr *address, socklen_t length,
		     char *buffer, size_t capacity)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (length >= sizeof(sa_family_t) && address->sa_family == AF_UNIX)
		return address_text_unix(scheme, address, length, buffer, capacity);
	if (length < sizeof(sa_family_t) ||
	    getnameinfo(address, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return snprintf(buffer, capacity, "%s:", sli_scheme_name(scheme));
	return snprintf(buffer, capacity, strchr(host, ':') ? "%s:[%s]:%s" : "%s:%s:%s",
			sli_scheme_name(scheme), host, port);
}
