/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* diag.c - see diag.h */
#include "diag.h"

#include <stdarg.h>
#include <stdio.h>

int sli_say(const struct sli_diag *diag, int code, const char *format, ...)
{
	va_list args;

	if (!diag || !diag->text || diag->size == 0)
		return code;
	va_start(args, format);
	vsnprintf(diag->text, diag->size, format, args);
	va_end(args);
	return code;
}
