/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* carrier.h - what the calls for the kernel's facilities share */
#ifndef SLI_CARRIER_H
#define SLI_CARRIER_H

#include "../carrier/channel.h"
#include "../carrier/datagram.h"
#include "../carrier/listener.h"
#include "options.h"

/* The common part; what one kind of options has on top is 0. */
void sli_carrier_request(const struct sli_request *request, struct sli_carrier_request *ret);
/* Are timeouts and lists sound? */
int sli_carrier_check(const struct sli_carrier_request *request, const char *name);
bool sli_carrier_fds_ok(const struct sluice_fds *fds);

static inline int64_t sli_public_code64(int64_t result)
{
	return result < 0 ? sli_public_code((int)result) : result;
}

#endif
