/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* stream_help.h - what most tests of the stream do */
#ifndef STREAM_HELP_H
#define STREAM_HELP_H

#include "help.h"

static inline struct sluice_stream_options stream_options(void)
{
	struct sluice_stream_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	return options;
}

static inline sluice_stream *open_stream_as(const char *name, struct sluice_stream_options options)
{
	char text[512] = "";
	sluice_stream *stream = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_stream_open(name, &options, &stream);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open stream %s: %s, %s", name ? name : "(null)",
			  sluice_error_name(r), text);
	CHECK(stream != NULL);
	return stream;
}

static inline sluice_stream *open_stream(const char *name, uint32_t role, uint32_t flags)
{
	struct sluice_stream_options options = stream_options();

	options.role = role;
	options.flags = flags;
	return open_stream_as(name, options);
}

/* Open and expect @code, and a sentence. */
static inline struct help_text refuse_stream_as(const char *name,
						struct sluice_stream_options options, int code)
{
	struct help_text said;
	sluice_stream *stream = NULL;
	int r;

	memset(&said, 0, sizeof(said));
	options.diagnostic = said.text;
	options.diagnostic_size = sizeof(said.text);
	r = sluice_stream_open(name, &options, &stream);
	if (r != code)
		test_fail(__FILE__, __LINE__, "open stream %s: %s (%d), wanted %s; it said: %s",
			  name ? name : "(null)", sluice_error_name(r), r, sluice_error_name(code),
			  said.text);
	CHECK(stream == NULL);
	if (!said.text[0])
		test_fail(__FILE__, __LINE__, "open stream %s: %s without a sentence",
			  name ? name : "(null)", sluice_error_name(r));
	return said;
}

struct stream_ends {
	sluice_stream *reader, *writer;
};

static inline struct stream_ends open_pair_as(struct sluice_stream_options options)
{
	struct stream_ends ends = { NULL, NULL };

	/* An emulator does not map private memory twice; the rest of the test can be had without it. */
	if (test_emulated())
		options.flags &= ~SLUICE_PRIVATE;
	CHECK_EQ(sluice_stream_pair(&options, &ends.reader, &ends.writer), 0);
	return ends;
}

static inline struct stream_ends open_pair(uint32_t flags)
{
	struct sluice_stream_options options = stream_options();

	options.flags = flags;
	return open_pair_as(options);
}

static inline void close_ends(struct stream_ends ends)
{
	sluice_stream_close(ends.reader);
	sluice_stream_close(ends.writer);
}

static inline struct sluice_stream_info stream_info(sluice_stream *stream)
{
	struct sluice_stream_info info;

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	CHECK_EQ(sluice_stream_info(stream, &info), 0);
	return info;
}

/* Byte @position of the test's data; no period that a power of two could hide. */
static inline unsigned char pattern(uint64_t position)
{
	uint64_t x = (position / 251 + 1) * UINT64_C(0x9e3779b97f4a7c15) + position;

	return (unsigned char)(x ^ x >> 29);
}

static inline void fill_pattern(unsigned char *to, uint64_t position, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = pattern(position + i);
}

static inline void check_pattern(const unsigned char *from, uint64_t position, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (from[i] != pattern(position + i))
			test_fail(__FILE__, __LINE__, "byte %llu is %d, wanted %d",
				  (unsigned long long)(position + i), from[i],
				  pattern(position + i));
}

/* Write @size bytes of the pattern, from @position on. */
static inline void write_pattern(sluice_stream *stream, uint64_t position, size_t size)
{
	unsigned char *data = (unsigned char *)malloc(size);

	CHECK(data != NULL);
	fill_pattern(data, position, size);
	CHECK_EQ(sluice_stream_write(stream, data, size, SLUICE_S(20)), size);
	free(data);
}

/* Read exactly @size bytes and compare. */
static inline void read_pattern(sluice_stream *stream, uint64_t position, size_t size)
{
	unsigned char data[4096];

	while (size) {
		size_t most = size < sizeof(data) ? size : sizeof(data);
		int64_t n = sluice_stream_read(stream, data, most, SLUICE_S(20));

		CHECK_GE(n, 1);
		check_pattern(data, position, (size_t)n);
		position += (uint64_t)n;
		size -= (size_t)n;
	}
}

static inline void write_text(sluice_stream *stream, const char *text)
{
	CHECK_EQ(sluice_stream_write(stream, text, strlen(text), SLUICE_S(20)), strlen(text));
}

/* One read gives exactly this. */
static inline void read_text(sluice_stream *stream, const char *text)
{
	char data[256];

	CHECK_EQ(sluice_stream_read(stream, data, sizeof(data), SLUICE_S(20)), strlen(text));
	CHECK_MEM(data, text, strlen(text));
}

/* What a read that may not wait says; it takes nothing. */
static inline void check_read(sluice_stream *stream, int64_t result)
{
	char byte;

	CHECK_EQ(sluice_stream_read(stream, &byte, 1, SLUICE_NOWAIT), result);
}

/* Likewise, within a time in which every death is found. */
static inline void check_end(sluice_stream *stream)
{
	char byte;

	CHECK_EQ(sluice_stream_read(stream, &byte, 1, SLUICE_S(20)), 0);
}

/* Fill it up. Return: bytes written. */
static inline uint64_t fill_stream(sluice_stream *stream)
{
	static const char zeros[4096] = { 0 };
	uint64_t total = 0;
	int64_t n;

	while ((n = sluice_stream_write(stream, zeros, sizeof(zeros), SLUICE_NOWAIT)) > 0)
		total += (uint64_t)n;
	CHECK_EQ(n, SLUICE_EAGAIN);
	return total;
}

#endif
