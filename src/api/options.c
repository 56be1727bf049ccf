/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * options.c - options structs that can grow
 *
 * The rule of openat2(2): the size comes first; a shorter struct is padded with zeros, a longer one
 * is fine while what we do not know is zero, unknown flags are refused from the first day. All
 * options structs begin with the same sixteen fields, which are decoded here.
 */
#include "options.h"

#include <sluice.h>
#include <string.h>

/* The common head; every options struct begins like this one. */
typedef struct sluice_mutex_options options_head;

#define OPTIONS_SAME(field)                                                                        \
	_Static_assert(offsetof(struct sluice_queue_options, field) ==                             \
			       offsetof(options_head, field),                                      \
		       #field " is elsewhere")
OPTIONS_SAME(flags);
OPTIONS_SAME(role);
OPTIONS_SAME(mode);
OPTIONS_SAME(participants);
OPTIONS_SAME(group);
OPTIONS_SAME(tag);
OPTIONS_SAME(open_timeout_ns);
OPTIONS_SAME(spin_ns);
OPTIONS_SAME(slice_ns);
OPTIONS_SAME(diagnostic);
OPTIONS_SAME(diagnostic_size);
OPTIONS_SAME(reserved);

#define OPTIONS_LEAST 8u /* size and flags */
#define SLICE_LEAST (10 * SLI_MS)
#define SLICE_MOST (5000 * SLI_MS)

static int options_copy(const void *options, const struct sli_limits *limits, void *copy)
{
	uint32_t size;

	memset(copy, 0, limits->size);
	if (!options)
		return 0;
	memcpy(&size, options, sizeof(size));
	if (size < OPTIONS_LEAST || size > 65536)
		return SLUICE_EINVAL;
	for (size_t i = limits->size; i < size; i++)
		if (((const unsigned char *)options)[i])
			return SLUICE_E2BIG;
	memcpy(copy, options, SLI_MIN((size_t)size, limits->size));
	return 0;
}

static int options_check_flags(const char *name, const options_head *head,
			       const struct sli_limits *limits, const struct sli_diag *diag)
{
	uint32_t both = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST;

	if (head->flags & ~limits->flags)
		return sli_say(diag, SLUICE_EINVAL,
			       "options.flags has bits %#x that this object does not know",
			       head->flags & ~limits->flags);
	if ((head->flags & both) == both)
		return sli_say(diag, SLUICE_EINVAL,
			       "SLUICE_MUST_CREATE and SLUICE_MUST_EXIST exclude each other");
	if ((head->flags & SLUICE_PRIVATE) && name)
		return sli_say(diag, SLUICE_EINVAL,
			       "SLUICE_PRIVATE is for objects without a name; pass NULL");
	if (!name && (head->flags & SLUICE_MUST_EXIST))
		return sli_say(diag, SLUICE_EINVAL,
			       "an object without a name cannot exist already");
	return 0;
}

static int options_check(const char *name, const options_head *head,
			 const struct sli_limits *limits, const struct sli_diag *diag)
{
	int r = options_check_flags(name, head, limits, diag);

	if (r < 0)
		return r;
	if (head->role & ~limits->roles)
		return sli_say(diag, SLUICE_EINVAL, "options.role is %#x, this object knows %#x",
			       head->role, limits->roles);
	if (head->participants > SLUICE_PARTICIPANTS_MAX)
		return sli_say(diag, SLUICE_EINVAL, "options.participants is %u, wanted 1 to %d",
			       head->participants, SLUICE_PARTICIPANTS_MAX);
	if (head->mode & ~0777u)
		return sli_say(diag, SLUICE_EINVAL, "options.mode is %o, wanted permission bits",
			       head->mode);
	if (head->slice_ns && (head->slice_ns < SLICE_LEAST || head->slice_ns > SLICE_MOST))
		return sli_say(diag, SLUICE_EINVAL, "options.slice_ns is %lld, wanted 10 ms to 5 s",
			       (long long)head->slice_ns);
	if (head->spin_ns < 0 || head->open_timeout_ns < -1 || head->reserved)
		return sli_say(
			diag, SLUICE_EINVAL,
			"options.spin_ns, open_timeout_ns or reserved has a value it cannot have");
	return 0;
}

int sli_options_decode(const char *name, const void *options, const struct sli_limits *limits,
		       void *ret_copy, struct sli_request *ret_request)
{
	int r = options_copy(options, limits, ret_copy);
	const options_head *head = ret_copy;

	if (r < 0)
		return r;
	memset(ret_request, 0, sizeof(*ret_request));
	ret_request->diag.text = head->diagnostic;
	ret_request->diag.size = head->diagnostic_size;
	r = options_check(name, head, limits, &ret_request->diag);
	if (r < 0)
		return r;
	ret_request->name = name ? name : "the anonymous object";
	ret_request->anonymous = !name;
	ret_request->flags = head->flags;
	ret_request->role = head->role ? head->role : limits->roles;
	ret_request->mode = head->mode ? head->mode : 0600;
	ret_request->participants = head->participants ? head->participants : limits->participants;
	ret_request->any_participants = head->participants == 0;
	ret_request->group = head->group;
	ret_request->tag = head->tag;
	ret_request->open_timeout = head->open_timeout_ns ? head->open_timeout_ns : 5000 * SLI_MS;
	ret_request->spin = head->spin_ns;
	ret_request->slice = head->slice_ns ? head->slice_ns : limits->slice;
	return 0;
}

size_t sli_output_size(const void *output, size_t ours)
{
	uint32_t size;

	if (!output)
		return 0;
	memcpy(&size, output, sizeof(size));
	if (size < OPTIONS_LEAST || size > 65536)
		return 0;
	return SLI_MIN((size_t)size, ours);
}
