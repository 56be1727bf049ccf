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
				       offsetof(options_head, field) &&                            \
			       offsetof(struct sluice_stream_options, field) ==                    \
				       offsetof(options_head, field),                              \
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
#define OPTIONS_MOST 65536u
#define SLICE_LEAST (10 * SLI_MS)
#define SLICE_MOST (5000 * SLI_MS)

static int options_copy(const char *name, const void *options, const struct sli_limits *limits,
			void *copy)
{
	options_head *head = copy;
	struct sli_diag diag;
	uint32_t size;

	memset(copy, 0, limits->size);
	if (!options)
		return 0;
	memcpy(&size, options, sizeof(size));
	if (size < OPTIONS_LEAST || size > OPTIONS_MOST)
		return SLUICE_EINVAL;
	memcpy(copy, options, SLI_MIN((size_t)size, limits->size));
	diag.text = head->diagnostic;
	diag.size = head->diagnostic_size;
	for (size_t i = limits->size; i < size; i++)
		if (((const unsigned char *)options)[i])
			return sli_say(
				&diag, SLUICE_E2BIG,
				"%s: the options have %u bytes, this library knows %zu, and there is "
				"something behind them; use the library the program was built for",
				name ? name : "the anonymous object", size, limits->size);
	return 0;
}

static int options_check_flags(const struct sli_request *request, const options_head *head,
			       const struct sli_limits *limits)
{
	const struct sli_diag *diag = &request->diag;
	const char *name = request->name;
	uint32_t both = SLUICE_MUST_CREATE | SLUICE_MUST_EXIST;

	if (head->flags & ~limits->flags)
		return sli_say(
			diag, SLUICE_EINVAL,
			"%s: flags has bits %#x that this object does not know; leave them out",
			name, head->flags & ~limits->flags);
	if ((head->flags & both) == both)
		return sli_say(diag, SLUICE_EINVAL,
			       "%s: flags has MUST_CREATE and MUST_EXIST; leave one out", name);
	if ((head->flags & SLUICE_PRIVATE) && !request->anonymous)
		return sli_say(
			diag, SLUICE_EINVAL,
			"%s: flags has PRIVATE, which is for objects without a name; pass NULL",
			name);
	if ((head->flags & SLUICE_SEALED) &&
	    (!request->anonymous || (head->flags & SLUICE_PRIVATE)))
		return sli_say(
			diag, SLUICE_EINVAL,
			"%s: flags has SEALED, which is for shared objects without a name; pass NULL, "
			"and leave out PRIVATE",
			name);
	if (request->anonymous && (head->flags & SLUICE_MUST_EXIST))
		return sli_say(diag, SLUICE_EINVAL,
			       "%s has no name, so it cannot exist already; leave out MUST_EXIST",
			       name);
	return 0;
}

static int options_check(const struct sli_request *request, const options_head *head,
			 const struct sli_limits *limits)
{
	const struct sli_diag *diag = &request->diag;
	const char *name = request->name;
	int r = options_check_flags(request, head, limits);

	if (r < 0)
		return r;
	if (head->role & ~limits->roles)
		return sli_say(diag, SLUICE_EINVAL, "%s: role is %#x, wanted bits of %#x, or 0",
			       name, head->role, limits->roles);
	if (head->participants > SLUICE_PARTICIPANTS_MAX)
		return sli_say(diag, SLUICE_EINVAL, "%s: participants is %u, wanted 1 to %d", name,
			       head->participants, SLUICE_PARTICIPANTS_MAX);
	if (head->mode & ~0777u)
		return sli_say(diag, SLUICE_EINVAL, "%s: mode is %o, wanted permissions, 0 to 777",
			       name, head->mode);
	if (head->slice_ns && (head->slice_ns < SLICE_LEAST || head->slice_ns > SLICE_MOST))
		return sli_say(diag, SLUICE_EINVAL, "%s: slice is %lld ns, wanted 10 ms to 5 s",
			       name, (long long)head->slice_ns);
	if (head->spin_ns < 0 || head->open_timeout_ns < -1 || head->reserved)
		return sli_say(
			diag, SLUICE_EINVAL,
			"%s: spin is %lld ns, open timeout %lld ns, reserved %u; wanted at least 0, "
			"at least -1, and 0",
			name, (long long)head->spin_ns, (long long)head->open_timeout_ns,
			head->reserved);
	return 0;
}

int sli_options_decode(const char *name, const void *options, const struct sli_limits *limits,
		       void *ret_copy, struct sli_request *ret_request)
{
	int r = options_copy(name, options, limits, ret_copy);
	const options_head *head = ret_copy;

	if (r < 0)
		return r;
	memset(ret_request, 0, sizeof(*ret_request));
	ret_request->diag.text = head->diagnostic;
	ret_request->diag.size = head->diagnostic_size;
	ret_request->name = name ? name : "the anonymous object";
	ret_request->anonymous = !name;
	r = options_check(ret_request, head, limits);
	if (r < 0)
		return r;
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
	if (size < OPTIONS_LEAST || size > OPTIONS_MOST)
		return 0;
	return SLI_MIN((size_t)size, ours);
}
