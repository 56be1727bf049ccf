/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_grow.c - a memory with a maximum of 16 GiB, made with 4 KiB, grows while three others use it
 *
 * Each of the three writes words of its own at random pages and reads everybody's: a word is 0 or
 * what its writer puts there. Nobody's data moves, and no byte of what the size says is missing.
 *
 *	memory_grow [MEBIBYTES]		how far it grows: 64
 */
#include "test.h"

#include <sluice.h>
#include <stdbool.h>

#define NAME "big"
#define WORKERS 3
#define PAGE 4096u
#define STEPS 64u
#define ROUNDS_AFTER 200000u

static uint64_t maximum = UINT64_C(16) << 30;
static uint64_t target = UINT64_C(64) << 20;

static sluice_memory *memory_attach(void)
{
	struct sluice_memory_options options;
	sluice_memory *memory = NULL;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.bytes = PAGE;
	options.maximum = maximum;
	CHECK_EQ(sluice_memory_open(NAME, &options, &memory), 0);
	return memory;
}

static uint64_t word_of(uint64_t page, uint32_t worker)
{
	return (page + 1) * UINT64_C(0x9e3779b97f4a7c15) + worker;
}

/* Three words at the end of each page, one a worker. */
static uint64_t *words_at(sluice_memory *memory, uint64_t page)
{
	unsigned char *data = (unsigned char *)sluice_memory_data(memory);

	return (uint64_t *)(void *)(data + (page + 1) * PAGE) - WORKERS;
}

static void check_page(sluice_memory *memory, uint64_t page)
{
	uint64_t *words = words_at(memory, page);

	for (uint32_t i = 0; i < WORKERS; i++) {
		uint64_t found = __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		CHECK(found == 0 || found == word_of(page, i));
	}
}

static void work(uint32_t worker)
{
	sluice_memory *memory = memory_attach();
	void *data = sluice_memory_data(memory);
	uint64_t rounds = 0, after = 0, sizes = 0, last = 0;

	while (after < ROUNDS_AFTER) {
		int64_t size = sluice_memory_size(memory);
		uint64_t pages = (uint64_t)size / PAGE, page = test_random_below(pages);

		CHECK_GE(size, (int64_t)last);
		sizes += (uint64_t)size != last;
		last = (uint64_t)size;
		__atomic_store_n(&words_at(memory, page)[worker], word_of(page, worker),
				 __ATOMIC_RELAXED);
		check_page(memory, test_random_below(pages));
		check_page(memory, pages - 1); /* the newest byte there is */
		CHECK(sluice_memory_data(memory) == data);
		after += last == target;
		rounds++;
	}
	printf("    %u: %llu rounds, saw %llu sizes\n", worker, (unsigned long long)rounds,
	       (unsigned long long)sizes);
	fflush(stdout);
	sluice_memory_close(memory);
	_exit(0);
}

int main(int argc, char **argv)
{
	pid_t workers[WORKERS];
	sluice_memory *memory;
	int64_t began;

	test_begin();
	if (argc > 1)
		target = strtoull(argv[1], NULL, 10) << 20;
	if (sizeof(void *) < 8)
		maximum = target;
	memory = memory_attach();
	for (uint32_t i = 0; i < WORKERS; i++) {
		workers[i] = test_fork();
		if (workers[i] == 0)
			work(i);
	}
	began = test_now_ns();
	for (uint64_t i = 1; i <= STEPS; i++) {
		CHECK_EQ(sluice_memory_resize(memory, target / STEPS * i), 0);
		check_page(memory, target / STEPS * i / PAGE - 1);
		test_sleep_ms(5);
	}
	printf("  grown from %u to %lld bytes in %u steps, %.1f s\n", PAGE,
	       (long long)sluice_memory_size(memory), STEPS, (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	for (uint32_t i = 0; i < WORKERS; i++)
		CHECK_EQ(test_wait(workers[i]), 0);
	for (uint64_t page = 0; page < target / PAGE; page++)
		check_page(memory, page);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove(NAME), 0);
	return test_end();
}
