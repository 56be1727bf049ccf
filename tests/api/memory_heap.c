/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_heap.c - blocks in shared memory: no two overlap, none is lost, and the whole stays sound
 */
#include "help.h"

#define LINKS 200
#define MAXIMUM (1u << 20)

/* At the first block: where the others are. */
struct table {
	uint64_t link[LINKS];
	uint64_t size[LINKS];
};

static sluice_memory *open_heap(const char *name, uint64_t maximum)
{
	struct sluice_memory_options options;
	sluice_memory *memory = NULL;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.bytes = 4096;
	options.maximum = maximum;
	options.mutexes = 1;
	CHECK_EQ(sluice_memory_open(name, &options, &memory), 0);
	return memory;
}

static unsigned char *at(sluice_memory *memory, uint64_t offset)
{
	return (unsigned char *)sluice_memory_data(memory) + offset;
}

static struct table *table_of(sluice_memory *memory)
{
	return (struct table *)(void *)at(memory, *sluice_memory_root(memory));
}

static void make_table(sluice_memory *memory)
{
	CHECK_EQ(sluice_memory_allocate(memory, sizeof(struct table), sluice_memory_root(memory)),
		 0);
}

/* Each block is full of its own number. */
static void fill(sluice_memory *memory, unsigned i)
{
	memset(at(memory, table_of(memory)->link[i]), (int)(i + 1), table_of(memory)->size[i]);
}

static void check_full(sluice_memory *memory, unsigned i)
{
	const unsigned char *bytes = at(memory, table_of(memory)->link[i]);

	for (uint64_t j = 0; j < table_of(memory)->size[i]; j++)
		CHECK_EQ(bytes[j], i + 1);
}

/* One step of a random life: free it if it is there, else allocate it. */
static void flip(sluice_memory *memory, unsigned i)
{
	struct table *table = table_of(memory);
	int r;

	if (table->link[i]) {
		check_full(memory, i);
		CHECK_EQ(sluice_memory_free(memory, &table->link[i]), 0);
		CHECK_EQ(table->link[i], 0);
		return;
	}
	table->size[i] = 1 + test_random_below(test_random_below(4) ? 200 : 9000);
	r = sluice_memory_allocate(memory, table->size[i], &table->link[i]);
	CHECK(r == 0 || r == SLUICE_ENOSPC);
	CHECK_EQ(table->link[i] != 0, r == 0);
	if (r == 0) {
		CHECK_EQ(table->link[i] % 16, 0);
		for (uint64_t j = 0; j < table->size[i]; j++)
			CHECK_EQ(at(memory, table->link[i])[j], 0);
		fill(memory, i);
	}
}

static void random_life(void)
{
	sluice_memory *memory = open_heap("life", MAXIMUM);

	make_table(memory);
	for (int i = 0; i < 20000; i++) {
		flip(memory, (unsigned)test_random_below(LINKS));
		if (i % 500 == 0)
			CHECK_EQ(sluice_memory_check(memory), 0);
	}
	for (unsigned i = 0; i < LINKS; i++)
		if (table_of(memory)->link[i])
			flip(memory, i);
	CHECK_EQ(sluice_memory_check(memory), 0);
	CHECK_EQ(sluice_memory_free(memory, sluice_memory_root(memory)), 0);
	/* All of it is one again. */
	CHECK_EQ(sluice_memory_allocate(memory, MAXIMUM - 80, sluice_memory_root(memory)), 0);
	CHECK_EQ(sluice_memory_check(memory), 0);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("life"), 0);
}

static void in_processes(void)
{
	sluice_memory *memory = open_heap("processes", MAXIMUM);
	pid_t children[3];

	make_table(memory);
	for (unsigned c = 0; c < 3; c++) {
		children[c] = test_fork();
		if (children[c] != 0)
			continue;
		test_reseed(c + 1);
		for (int i = 0; i < 3000; i++)
			flip(memory, 60 * c + (unsigned)test_random_below(60));
		_exit(0);
	}
	for (unsigned c = 0; c < 3; c++)
		CHECK_EQ(test_wait(children[c]), 0);
	CHECK_EQ(sluice_memory_check(memory), 0);
	for (unsigned i = 0; i < LINKS; i++)
		if (table_of(memory)->link[i])
			check_full(memory, i);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("processes"), 0);
}

static void refused(void)
{
	sluice_memory *memory = open_heap("refused", 16384);
	uint64_t outside = 0, *root = sluice_memory_root(memory), kept;
	struct table *table;

	CHECK_EQ(sluice_memory_allocate(memory, 10, &outside), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_allocate(memory, 10, NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_allocate(memory, 0, root), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_free(memory, root), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_free(memory, &outside), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_allocate(memory, 16384, root), SLUICE_ENOSPC);
	CHECK_EQ(sluice_memory_allocate(memory, UINT64_MAX, root), SLUICE_ENOSPC);
	CHECK_EQ(sluice_memory_size(memory), 4096);
	make_table(memory);
	table = table_of(memory);
	CHECK_EQ(sluice_memory_allocate(memory, 10, root), SLUICE_EINVAL); /* taken */
	CHECK_EQ(sluice_memory_allocate(memory, 10,
					(uint64_t *)(void *)((char *)&table->link[0] + 4)),
		 SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_allocate(memory, 10, &table->link[0]), 0);
	/* What is no block cannot be freed, nor one twice. */
	kept = table->link[0];
	table->link[1] = kept + 16;
	CHECK_EQ(sluice_memory_free(memory, &table->link[1]), SLUICE_EINVAL);
	table->link[1] = UINT64_MAX - 15;
	CHECK_EQ(sluice_memory_free(memory, &table->link[1]), SLUICE_EINVAL);
	table->link[1] = kept;
	CHECK_EQ(sluice_memory_free(memory, &table->link[0]), 0);
	CHECK_EQ(sluice_memory_free(memory, &table->link[1]), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_check(memory), 0);
	/* A program that wrote over a block's head is told. */
	table->link[0] = table->link[1] = 0;
	CHECK_EQ(sluice_memory_allocate(memory, 10, &table->link[0]), 0);
	CHECK_EQ(sluice_memory_allocate(memory, 10, &table->link[1]), 0);
	memset(at(memory, table->link[0]), 0xff, 24);
	CHECK_EQ(sluice_memory_check(memory), SLUICE_ECORRUPT);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("refused"), 0);
}

static void read_only(void)
{
	struct sluice_memory_options options;
	sluice_memory *memory = open_heap("watched", 16384), *reader = NULL;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.flags = SLUICE_READ_ONLY;
	make_table(memory);
	CHECK_EQ(sluice_memory_open("watched", &options, &reader), 0);
	CHECK_EQ(sluice_memory_allocate(reader, 1, sluice_memory_root(reader)), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_free(reader, sluice_memory_root(reader)), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_check(reader), SLUICE_EPERM);
	sluice_memory_close(reader);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("watched"), 0);
}

int main(void)
{
	test_begin();
	RUN(random_life);
	RUN(in_processes);
	RUN(refused);
	RUN(read_only);
	return test_end();
}
