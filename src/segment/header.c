/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * header.c - what a segment's header says, and what has to be true of it
 *
 * The header says whose file this is, which layout it has, of which boot it is, and where everything
 * lies. All that is written once, before the segment has a name. Who opens reads it into memory of its own,
 * has that copy checked here, and never asks the shared one for geometry again: a peer may write
 * anything there at any time. A header that passes describes parts that lie within the file, one behind
 * the other; whether the object's own numbers make sense is its kind's to say.
 *
 * A boot's id tells what was left by an earlier one, whose participants cannot be alive. Where the
 * kernel does not tell it, nothing is taken for old.
 */
#include "../base/fd.h"
#include "segment.h"

#include <errno.h>
#include <sluice.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- boots --------------------------------------------------------------------------------- */

void sli_segment_boot_id(unsigned char id[16])
{
	char text[64], digits[3] = { 0 };
	int n = 0;

	memset(id, 0, 16);
	if (sli_read_small("/proc/sys/kernel/random/boot_id", text, sizeof(text)) < 36)
		return;
	for (const char *at = text; *at && at[1] && n < 16; at += 2) {
		if (*at == '-')
			at++;
		memcpy(digits, at, 2);
		id[n++] = (unsigned char)strtoul(digits, NULL, 16);
	}
}

bool sli_segment_is_stale(const struct sli_header *header)
{
	static const unsigned char unknown[16];
	unsigned char now[16];

	sli_segment_boot_id(now);
	return memcmp(now, unknown, 16) != 0 && memcmp(header->boot_id, unknown, 16) != 0 &&
	       memcmp(now, header->boot_id, 16) != 0;
}

/* ---- geometry ------------------------------------------------------------------------------ */

void sli_segment_describe(struct sli_header *header, const struct sli_request *request,
			  const struct sli_shape *shape)
{
	uint64_t places = (uint64_t)request->participants * sizeof(struct sli_place);

	memset(header, 0, sizeof(*header));
	memcpy(header->magic, SLI_MAGIC, sizeof(header->magic));
	header->byte_order = SLI_BYTE_ORDER;
	header->layout_version = SLI_LAYOUT_VERSION;
	header->kind = shape->kind;
	header->flags = request->flags & SLUICE_EPHEMERAL ? SLI_HEADER_EPHEMERAL : 0;
	if ((request->flags & SLUICE_SEALED) ||
	    (!request->anonymous && sli_locks_are_apart(request->mode)))
		header->features_incompatible = SLI_FEATURE_LOCKS_APART;
	header->tag = request->tag;
	sli_segment_boot_id(header->boot_id);
	if (getrandom(&header->random_id, sizeof(header->random_id), GRND_NONBLOCK) < 0)
		header->random_id = (uint64_t)sli_now();
	header->places = request->participants;
	header->place_size = sizeof(struct sli_place);
	header->places_offset = sizeof(*header);
	header->object_offset = header->places_offset + places;
	header->object_size = shape->object_size;
	header->data_offset = sli_round_up(header->object_offset + shape->object_size,
					   SLI_MAX(shape->data_align, (uint64_t)SLI_PAIR));
	header->data_size = shape->data_size;
	header->data_maximum = shape->data_maximum;
	header->size = sli_round_up(header->data_offset + shape->data_size, SLI_PAGE);
	memcpy(header->geometry, shape->geometry, sizeof(header->geometry));
}

/* Does [offset, offset + size) lie behind @from and within @total, on a pair of cache lines? */
static bool header_within(uint64_t offset, uint64_t size, uint64_t from, uint64_t total)
{
	return offset % SLI_PAIR == 0 && offset >= from && offset <= total &&
	       size <= total - offset;
}

uint64_t sli_segment_span(const struct sli_header *header)
{
	return header->data_maximum ? header->data_offset + header->data_maximum : header->size;
}

/* Is the file as long as the header says, or has it grown as it may? */
static bool header_fits_file(const struct sli_header *header, uint64_t size)
{
	uint64_t most = header->data_maximum;

	if (most == 0)
		return header->size == size;
	return header->size <= size && header->data_offset % SLI_PAGE == 0 &&
	       most % SLI_PAGE == 0 && most >= header->data_size && most <= SLUICE_MEMORY_MAX;
}

static int header_check(const struct sli_header *header, uint64_t size, const char *name,
			const struct sli_diag *diag)
{
	uint64_t places = (uint64_t)header->places * sizeof(struct sli_place);

	if (memcmp(header->magic, SLI_MAGIC, sizeof(header->magic)) != 0)
		return sli_say(
			diag, SLUICE_ECORRUPT,
			"%s is not a Sluice segment; if nothing else needs the file, remove it",
			name);
	if (header->byte_order != SLI_BYTE_ORDER)
		return sli_say(
			diag, SLUICE_EVERSION,
			"%s was made by a machine of another byte order; it cannot be shared",
			name);
	if (header->layout_version != SLI_LAYOUT_VERSION ||
	    (header->features_incompatible & ~(uint64_t)SLI_FEATURE_LOCKS_APART))
		return sli_say(
			diag, SLUICE_EVERSION,
			"%s has layout %u with features %llx, this library knows layout %u; use the "
			"library that made it, or remove it",
			name, header->layout_version,
			(unsigned long long)header->features_incompatible, SLI_LAYOUT_VERSION);
	if (!header_fits_file(header, size) || header->places == 0 ||
	    header->places > SLUICE_PARTICIPANTS_MAX ||
	    header->place_size != sizeof(struct sli_place) ||
	    !header_within(header->places_offset, places, sizeof(*header), header->size) ||
	    !header_within(header->object_offset, header->object_size,
			   header->places_offset + places, header->size) ||
	    !header_within(header->data_offset, header->data_size,
			   header->object_offset + header->object_size, header->size))
		return sli_say(diag, SLUICE_ECORRUPT,
			       "%s is damaged: its header does not fit its %llu bytes; remove it",
			       name, (unsigned long long)size);
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

int sli_segment_read_header(int fd, const char *name, const struct sli_diag *diag,
			    struct sli_header *header, struct stat *st)
{
	ssize_t n;
	int r;

	if (fstat(fd, st) < 0)
		return sli_errno();
	if (!S_ISREG(st->st_mode))
		return sli_say(
			diag, SLUICE_ECORRUPT,
			"%s is not a regular file, so no Sluice segment; choose another name",
			name);
	memset(header, 0, sizeof(*header));
	do
		n = pread(fd, header, sizeof(*header), 0);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(*header))
		return sli_say(
			diag, SLUICE_ECORRUPT,
			"%s has %lld bytes, too few for a Sluice segment; if nothing else needs the file, "
			"remove it",
			name, (long long)st->st_size);
	r = header_check(header, (uint64_t)st->st_size, name, diag);
	if (r < 0)
		return r;
	return sli_segment_is_stale(header);
}

int sli_segment_check_wish(const struct sli_header *header, const struct sli_request *request,
			   const struct sli_kind *kind, const void *want)
{
	if (header->kind != kind->number)
		return sli_say(&request->diag, SLUICE_EMISMATCH,
			       "%s is a %s, wanted a %s; choose another name, or remove it",
			       request->name, sluice_kind_name(header->kind), kind->name);
	if (request->tag && header->tag != request->tag)
		return sli_say(
			&request->diag, SLUICE_EMISMATCH,
			"%s has tag %llx, wanted %llx: its messages mean something else; choose another "
			"name, or remove it",
			request->name, (unsigned long long)header->tag,
			(unsigned long long)request->tag);
	if (!request->any_participants && header->places != request->participants)
		return sli_say(
			&request->diag, SLUICE_EMISMATCH,
			"%s has places for %u participants, wanted %u; leave the option out to take it as "
			"it is, or remove it",
			request->name, header->places, request->participants);
	return kind->check(header, want, request);
}
