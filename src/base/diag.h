/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* diag.h - the one sentence that open says when it fails */
#ifndef SLI_DIAG_H
#define SLI_DIAG_H

#include "compiler.h"

#include <stddef.h>

/* The caller's buffer; text NULL when the caller does not want to know. */
struct sli_diag {
	char *text;
	size_t size;
};

/* Say it, and return @code: `return sli_say(diag, -ENOENT, "...", name);` */
int sli_say(const struct sli_diag *diag, int code, const char *format, ...)
	SLI_PRINTF(3, 4) SLI_COLD;

#endif
