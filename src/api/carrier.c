/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* carrier.c - from options to what a carrier is asked for */
#include "carrier.h"

#include <string.h>

#define CARRIER_IDS_MAX 65536u

void sli_carrier_request(const struct sli_request *request, struct sli_carrier_request *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->diag = request->diag;
	ret->flags = request->flags;
	ret->role = request->role;
	ret->mode = request->mode;
	ret->group = request->group;
	ret->open_timeout = request->open_timeout;
}

int sli_carrier_check(const struct sli_carrier_request *request, const char *name)
{
	const struct sli_allowed *allowed = &request->allowed;

	if (request->peer_timeout < 0)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "%s: peer timeout is %lld ns, wanted at least 0, which is 30 s",
			       name, (long long)request->peer_timeout);
	if ((allowed->uid_count && !allowed->uids) || (allowed->gid_count && !allowed->gids) ||
	    allowed->uid_count > CARRIER_IDS_MAX || allowed->gid_count > CARRIER_IDS_MAX)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "%s: allowed_uids and allowed_gids want a list each of at most %u, "
			       "and their counts",
			       name, CARRIER_IDS_MAX);
	if ((allowed->uid_count || allowed->gid_count) &&
	    sli_address_scheme(name) != SLI_SCHEME_UNIX &&
	    sli_address_scheme(name) != SLI_SCHEME_SEQPACKET)
		return sli_say(&request->diag, SLUICE_EINVAL,
			       "%s: allowed_uids and allowed_gids are for unix: addresses, nobody "
			       "vouches for the user elsewhere; leave them out",
			       name);
	return 0;
}

bool sli_carrier_fds_ok(const struct sluice_fds *fds)
{
	return fds && (fds->fds || !fds->capacity) && !fds->reserved;
}
