/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* mapped_file.h - a range of a file as memory, for src/api/ */
#ifndef SLI_MAPPED_FILE_H
#define SLI_MAPPED_FILE_H

#include "../base/atomic.h"
#include "../base/diag.h"

#include <stdbool.h>
#include <sys/types.h>

#define SLI_MAGIC_MAPPED_FILE 0x46494c45u

/* What is asked for. */
struct sli_mapped_wish {
	const char *path;
	uint32_t flags; /* SLUICE_READ_ONLY ... */
	mode_t mode;
	uint64_t offset;
	uint64_t length;  /* 0: to the end */
	uint64_t maximum; /* 0: the length */
	struct sli_diag diag;
};

struct sli_mapped_file {
	uint32_t magic; /* first, as in every handle */
	bool is_read_only, is_copy;
	int fd;
	unsigned char *base;   /* on a page; the data begins @skew behind it */
	uint64_t mapped, skew; /* bytes */
	uint64_t offset;       /* in the file, of the data */
	uint64_t maximum;
	_Atomic uint64_t size;
};

int sli_mapped_open(const struct sli_mapped_wish *wish, struct sli_mapped_file **ret_file);
void sli_mapped_close(struct sli_mapped_file *file);
void *sli_mapped_data(const struct sli_mapped_file *file);
int64_t sli_mapped_size(const struct sli_mapped_file *file);
int sli_mapped_resize(struct sli_mapped_file *file, uint64_t size);
int sli_mapped_copy(const struct sli_mapped_file *file, uint64_t offset, void *buffer, size_t size);
int sli_mapped_sync(const struct sli_mapped_file *file, uint64_t offset, uint64_t length,
		    uint32_t durability);
int sli_mapped_advise(const struct sli_mapped_file *file, uint64_t offset, uint64_t length,
		      uint32_t advice);

#endif
