/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* datagram.c - the sluice_datagram_ calls: arguments are checked here, and nothing else is done */
#include "carrier.h"

#include <string.h>

static const struct sli_limits datagram_limits = {
	.size = sizeof(struct sluice_datagram_options),
	.flags = 0,
	.roles = SLUICE_SEND | SLUICE_RECEIVE,
	.participants = 1,
	.slice = 250 * SLI_MS,
};

int sluice_datagram_open(const char *address, const struct sluice_datagram_options *options,
			 sluice_datagram **ret_datagram)
{
	struct sli_carrier_request wanted;
	struct sluice_datagram_options copy;
	struct sli_request request;
	int r = ret_datagram
			? sli_options_decode(address, options, &datagram_limits, &copy, &request)
			: SLUICE_EINVAL;

	if (r < 0)
		return r;
	if ((!address && !copy.peer) || copy.reserved_2)
		return sli_say(
			&request.diag, SLUICE_EINVAL,
			"a datagram needs an address to receive at, or a peer, and reserved_2 "
			"is zero");
	sli_carrier_request(&request, &wanted);
	wanted.capacity = copy.capacity;
	wanted.allowed.uids = copy.allowed_uids;
	wanted.allowed.gids = copy.allowed_gids;
	wanted.allowed.uid_count = copy.allowed_uids_count;
	wanted.allowed.gid_count = copy.allowed_gids_count;
	r = sli_carrier_check(&wanted, address ? address : copy.peer);
	if (r < 0)
		return r;
	return sli_public_code(
		sli_datagram_open(address, copy.peer, copy.interface, &wanted, ret_datagram));
}

static int datagram_enter(const sluice_datagram *datagram, uint32_t role)
{
	if (!datagram)
		return SLUICE_EINVAL;
	if (datagram->magic != SLI_MAGIC_DATAGRAM)
		return SLUICE_EBADF;
	return !role || (datagram->role & role) ? 0 : SLUICE_EPERM;
}

int sluice_datagram_accept(sluice_listener *listener, sluice_datagram **ret_datagram,
			   int64_t timeout_ns)
{
	int r;

	if (!listener || !ret_datagram)
		return SLUICE_EINVAL;
	if (listener->magic != SLI_MAGIC_LISTENER)
		return SLUICE_EBADF;
	if (listener->scheme != SLI_SCHEME_SEQPACKET)
		return SLUICE_EOPNOTSUPP;
	r = sli_listener_accept(listener, timeout_ns);
	if (r >= 0)
		r = sli_datagram_make(r, SLI_SCHEME_SEQPACKET, SLUICE_SEND | SLUICE_RECEIVE,
				      ret_datagram);
	return sli_public_code(r);
}

void sluice_datagram_close(sluice_datagram *datagram)
{
	if (datagram_enter(datagram, 0) == 0)
		sli_datagram_close(datagram);
}

int sluice_datagram_resolve(sluice_datagram *datagram, const char *text,
			    struct sluice_address *ret_address)
{
	struct sluice_address address;
	int r = datagram_enter(datagram, 0);

	if (r == 0)
		r = text && ret_address ? sli_datagram_resolve(datagram, text, &address)
					: SLUICE_EINVAL;
	if (r == 0)
		*ret_address = address;
	return sli_public_code(r);
}

static bool datagram_address_ok(const struct sluice_address *address)
{
	return !address || address->length <= sizeof(address->bytes);
}

int sluice_datagram_text(sluice_datagram *datagram, const struct sluice_address *address,
			 char *buffer, size_t capacity)
{
	struct sockaddr_storage storage = { 0 };
	int r = datagram_enter(datagram, 0);

	if (r < 0)
		return r;
	if (!address || !datagram_address_ok(address) || !buffer || !capacity)
		return SLUICE_EINVAL;
	memcpy(&storage, address->bytes, address->length);
	r = sli_address_text(datagram->scheme, (struct sockaddr *)(void *)&storage,
			     (socklen_t)address->length, buffer, capacity);
	return (size_t)r < capacity ? r : SLUICE_ENAMETOOLONG;
}

/* May this be sent? */
static int datagram_may_send(const sluice_datagram *datagram, const struct sluice_address *to,
			     const void *data, size_t size)
{
	int r = datagram_enter(datagram, SLUICE_SEND);

	if (r < 0)
		return r;
	if ((!data && size) || size > SIZE_MAX / 2 || !datagram_address_ok(to))
		return SLUICE_EINVAL;
	/* No bytes are the end of such a connection. */
	return datagram->scheme == SLI_SCHEME_SEQPACKET && !size ? SLUICE_EINVAL : 0;
}

int sluice_datagram_send(sluice_datagram *datagram, const struct sluice_address *to,
			 const void *data, size_t size, int64_t timeout_ns)
{
	int r = datagram_may_send(datagram, to, data, size);

	return r < 0 ? r
		     : sli_public_code(
			       sli_datagram_send(datagram, to, data, size, NULL, 0, timeout_ns));
}

int sluice_datagram_send_fds(sluice_datagram *datagram, const struct sluice_address *to,
			     const void *data, size_t size, const int *fds, size_t count,
			     int64_t timeout_ns)
{
	int r = datagram_may_send(datagram, to, data, size);

	if (r < 0)
		return r;
	if (!fds || !count || count > SLUICE_FDS_MAX)
		return SLUICE_EINVAL;
	return sli_public_code(sli_datagram_send(datagram, to, data, size, fds, count, timeout_ns));
}

int64_t sluice_datagram_receive(sluice_datagram *datagram, void *buffer, size_t capacity,
				struct sluice_address *ret_from, size_t *ret_length,
				int64_t timeout_ns)
{
	int r = datagram_enter(datagram, SLUICE_RECEIVE);

	if (r < 0)
		return r;
	if ((!buffer && capacity) || capacity > SIZE_MAX / 2)
		return SLUICE_EINVAL;
	return sli_public_code64(sli_datagram_receive(datagram, buffer, capacity, ret_from,
						      ret_length, NULL, timeout_ns));
}

int64_t sluice_datagram_receive_fds(sluice_datagram *datagram, void *buffer, size_t capacity,
				    struct sluice_address *ret_from, struct sluice_fds *fds,
				    int64_t timeout_ns)
{
	int r = datagram_enter(datagram, SLUICE_RECEIVE);

	if (r < 0)
		return r;
	if ((!buffer && capacity) || capacity > SIZE_MAX / 2 || !sli_carrier_fds_ok(fds))
		return SLUICE_EINVAL;
	if (datagram->scheme == SLI_SCHEME_UDP)
		return SLUICE_EOPNOTSUPP;
	return sli_public_code64(
		sli_datagram_receive(datagram, buffer, capacity, ret_from, NULL, fds, timeout_ns));
}

/* Are all of them sound? */
static int datagram_check_items(const struct sluice_datagram_item *items, size_t count)
{
	if (count && !items)
		return SLUICE_EINVAL;
	for (size_t i = 0; i < count; i++)
		if ((!items[i].data && items[i].capacity) || items[i].capacity > SIZE_MAX / 2)
			return SLUICE_EINVAL;
	return 0;
}

int64_t sluice_datagram_send_many(sluice_datagram *datagram,
				  const struct sluice_datagram_item *items, size_t count,
				  int64_t timeout_ns)
{
	int r = datagram_enter(datagram, SLUICE_SEND);

	if (r == 0)
		r = datagram_check_items(items, count);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = datagram_may_send(datagram, &items[i].address, items[i].data,
				      items[i].capacity);
	return r < 0 ? r
		     : sli_public_code64(
			       sli_datagram_send_many(datagram, items, count, timeout_ns));
}

int64_t sluice_datagram_receive_many(sluice_datagram *datagram, struct sluice_datagram_item *items,
				     size_t count, int64_t timeout_ns)
{
	int r = datagram_enter(datagram, SLUICE_RECEIVE);

	if (r == 0)
		r = datagram_check_items(items, count);
	return r < 0 ? r
		     : sli_public_code64(
			       sli_datagram_receive_many(datagram, items, count, timeout_ns));
}

int sluice_datagram_fd(sluice_datagram *datagram, uint32_t events)
{
	int r = datagram_enter(datagram, 0);

	if (r < 0)
		return r;
	if (events != SLUICE_READABLE && events != SLUICE_WRITABLE)
		return SLUICE_EINVAL;
	return sli_public_code(sli_datagram_fd(datagram, events));
}

int sluice_datagram_interrupt(sluice_datagram *datagram)
{
	int r = datagram_enter(datagram, 0);

	if (r == 0)
		sli_sleepers_interrupt(&datagram->sleepers);
	return r;
}

int sluice_datagram_info(sluice_datagram *datagram, struct sluice_datagram_info *ret_info)
{
	struct sluice_datagram_info info = { 0 };
	size_t size = sli_output_size(ret_info, sizeof(info));
	int r = datagram_enter(datagram, 0);

	if (r < 0)
		return r;
	if (!size)
		return SLUICE_EINVAL;
	sli_datagram_info(datagram, &info);
	info.size = ret_info->size;
	memcpy(ret_info, &info, size);
	return 0;
}
