/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* options.h - from an options struct of any version to a request */
#ifndef SLI_OPTIONS_H
#define SLI_OPTIONS_H

#include "../segment/segment.h"

#include <stddef.h>

/* What is the same in every kind of options. */
struct sli_limits {
	size_t size;           /* of the options struct this library knows */
	uint32_t flags;        /* allowed */
	uint32_t roles;        /* all there are; 0: none */
	uint32_t participants; /* default */
	int64_t slice;         /* default */
};

/*
 * Copy the caller's @options, which may be shorter (missing fields are zero) or longer (then the
 * tail must be zero) than ours, into @ret_copy of @limits->size bytes, and decode the common head.
 * @name: as given, NULL allowed.
 */
int sli_options_decode(const char *name, const void *options, const struct sli_limits *limits,
		       void *ret_copy, struct sli_request *ret_request);

/* A code of the public list: what the system said in other words becomes ours. */
int sli_public_code(int code);

/* The same rule for an output struct: how many bytes may be written; 0: the size is nonsense. */
size_t sli_output_size(const void *output, size_t ours);

#endif
