/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* carrier_help.h - what the tests of listeners, carried streams and datagrams do */
#ifndef CARRIER_HELP_H
#define CARRIER_HELP_H

#include "stream_help.h"

static inline struct sluice_listener_options listener_options(void)
{
	struct sluice_listener_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	return options;
}

static inline struct sluice_datagram_options datagram_options(void)
{
	struct sluice_datagram_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	return options;
}

static inline sluice_listener *open_listener_as(const char *address,
						struct sluice_listener_options options)
{
	char text[512] = "";
	sluice_listener *listener = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_listener_open(address, &options, &listener);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "listen at %s: %s, %s", address, sluice_error_name(r),
			  text);
	return listener;
}

static inline sluice_listener *open_listener(const char *address)
{
	return open_listener_as(address, listener_options());
}

static inline struct sluice_listener_info listener_info(sluice_listener *listener)
{
	struct sluice_listener_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_listener_info(listener, &info), 0);
	return info;
}

static inline sluice_stream *accept_stream(sluice_listener *listener)
{
	sluice_stream *stream = NULL;

	CHECK_EQ(sluice_listener_accept(listener, &stream, SLUICE_S(20)), 0);
	return stream;
}

static inline struct help_text refuse_listener(const char *address, int code)
{
	struct sluice_listener_options options = listener_options();
	struct help_text said;
	sluice_listener *listener = NULL;
	int r;

	memset(&said, 0, sizeof(said));
	options.diagnostic = said.text;
	options.diagnostic_size = sizeof(said.text);
	r = sluice_listener_open(address, &options, &listener);
	if (r != code)
		test_fail(__FILE__, __LINE__, "listen at %s: %s (%d), wanted %s; it said: %s",
			  address, sluice_error_name(r), r, sluice_error_name(code), said.text);
	if (!said.text[0])
		test_fail(__FILE__, __LINE__, "listen at %s: no sentence", address);
	return said;
}

/* "scheme:DIRECTORY/name" in the test's directory. */
static inline struct help_text address_of(const char *scheme, const char *name)
{
	struct help_text address;

	memset(&address, 0, sizeof(address));
	snprintf(address.text, sizeof(address.text), "%s:%.200s/%s", scheme, test_directory(),
		 name);
	return address;
}

/* "unix:@NAME-PID": abstract names are the whole network namespace's. */
static inline struct help_text abstract(const char *name)
{
	struct help_text address;

	memset(&address, 0, sizeof(address));
	snprintf(address.text, sizeof(address.text), "unix:@%s-%d", name, (int)getpid());
	return address;
}

static inline sluice_datagram *open_datagram_as(const char *address,
						struct sluice_datagram_options options)
{
	char text[512] = "";
	sluice_datagram *datagram = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_datagram_open(address, &options, &datagram);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open datagram %s: %s, %s",
			  address ? address : "(null)", sluice_error_name(r), text);
	return datagram;
}

static inline sluice_datagram *open_datagram(const char *address, const char *peer)
{
	struct sluice_datagram_options options = datagram_options();

	options.peer = peer;
	return open_datagram_as(address, options);
}

static inline struct sluice_datagram_info datagram_info(sluice_datagram *datagram)
{
	struct sluice_datagram_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_datagram_info(datagram, &info), 0);
	return info;
}

static inline struct help_text refuse_datagram(const char *address, const char *peer, int code)
{
	struct sluice_datagram_options options = datagram_options();
	struct help_text said;
	sluice_datagram *datagram = NULL;
	int r;

	memset(&said, 0, sizeof(said));
	options.peer = peer;
	options.diagnostic = said.text;
	options.diagnostic_size = sizeof(said.text);
	r = sluice_datagram_open(address, &options, &datagram);
	if (r != code)
		test_fail(__FILE__, __LINE__, "open datagram %s: %s (%d), wanted %s; it said: %s",
			  address ? address : "(null)", sluice_error_name(r), r,
			  sluice_error_name(code), said.text);
	if (!said.text[0])
		test_fail(__FILE__, __LINE__, "open datagram: no sentence");
	return said;
}

/* A bound and listening unix: or tcp: pair of streams. */
struct carried {
	sluice_listener *listener;
	sluice_stream *client, *server;
};

static inline struct carried connect_at(const char *address)
{
	struct carried c = { NULL, NULL, NULL };

	c.listener = open_listener(address);
	c.client = open_stream(listener_info(c.listener).address, 0, 0);
	c.server = accept_stream(c.listener);
	return c;
}

static inline void close_carried(struct carried c)
{
	sluice_stream_close(c.client);
	sluice_stream_close(c.server);
	sluice_listener_close(c.listener);
}

#endif
