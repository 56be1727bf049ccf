/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* stream.h - the stream object in shared memory, for src/api/ */
#ifndef SLI_STREAM_H
#define SLI_STREAM_H

#include "../protocol/byte_ring.h"
#include "handle.h"

/* One line that all participants read, and one ring a way. */
struct sli_stream_control {
	_Atomic uint32_t
		changes;       /* counts: somebody left, died or gave up a role; by who woke all */
	_Atomic uint32_t seen; /* roles that came, since there was nobody; under the attach lock */
	uint32_t zero[30];
	struct sli_byte_ring_control ways[2];
};
SLI_SIZE(struct sli_stream_control, 15 * SLI_PAIR);
SLI_OFFSET(struct sli_stream_control, ways, 128);

/* Roles of a place: of the first way SLUICE_WRITE and SLUICE_READ, of the second these << 2. */
#define SLI_STREAM_WAY_SHIFT 2
#define SLI_STREAM_ROLES (SLUICE_WRITE | SLUICE_READ)

struct sluice_stream {
	struct sli_handle handle; /* first */
	struct sli_stream_control *control;
	struct sli_byte_ring ways[2];
	struct sli_byte_ring *in, *out;
	uint32_t role; /* SLUICE_READ, SLUICE_WRITE, as opened */
	uint32_t ways_count;
	_Atomic uint32_t finished; /* no more writes */
	_Atomic uint32_t heard;    /* changes + 1 as of when a reader was last known to be there */
	_Atomic int64_t looked;    /* when a writer last looked whether the readers live */
	bool opening, second;
};

/* What the opener asked for; 0: no opinion. */
struct sli_stream_wish {
	uint64_t capacity, atomic;
	bool two_way; /* creating */
	bool second;  /* of a two-way stream: the second end */
};

int sli_stream_open(const char *name, const struct sli_request *request,
		    const struct sli_stream_wish *wish, sluice_stream **ret_stream);
/* Another handle on the stream that @first, without a name, was just created as. */
int sli_stream_open_other(sluice_stream *first, const struct sli_request *request,
			  const struct sli_stream_wish *wish, sluice_stream **ret_stream);
void sli_stream_close(sluice_stream *stream);

/* The operations, with checked arguments; see sluice.h. */
int64_t sli_stream_write(sluice_stream *stream, struct sli_span *span, int64_t timeout);
int64_t sli_stream_read(sluice_stream *stream, struct sli_span *span, int64_t timeout);
int64_t sli_stream_reserve(sluice_stream *stream, uint64_t least, void **ret_data, int64_t timeout);
int64_t sli_stream_peek(sluice_stream *stream, uint64_t least, const void **ret_data,
			int64_t timeout);
int sli_stream_finish(sluice_stream *stream);

int sli_stream_fd(sluice_stream *stream, int side);
void sli_stream_info(sluice_stream *stream, struct sluice_stream_info *ret_info);
/* The same of a segment that is only looked at; SLUICE_ECORRUPT when it is no sound stream. */
int sli_stream_inspect(struct sli_segment *segment, struct sluice_stream_info *ret_info);
/* Does the participant at @place hold an end of such a segment, sound as a stream? */
bool sli_stream_holds(struct sli_segment *segment, uint32_t place);
/* Of either way. */
static inline uint32_t sli_stream_role(uint32_t roles)
{
	return (roles | roles >> SLI_STREAM_WAY_SHIFT) & SLI_STREAM_ROLES;
}
/* Wake everybody on a stream that is only mapped: it was removed. */
void sli_stream_wake_mapped(struct sli_segment *segment);

extern const struct sli_kind sli_stream_kind;

#endif
