/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* header.c - the header alone, in the oldest C and C++ that may include it; it has to compile */
#include <sluice.h>

int main(void)
{
	return SLUICE_NOWAIT == 0 ? 0 : 1;
}
