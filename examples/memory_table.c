/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_table - a hash table in shared memory, guarded by a mutex in the same memory
 *
 * Three processes count words in it. It is an open-addressed table of fixed slots behind the root.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 1024u
#define GUARD 0 /* the mutex */

struct slot {
	char word[24];
	uint64_t count;
};

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

/* The table begins where the root says: an offset, since everybody has the data elsewhere. */
static struct slot *table(sluice_memory *memory)
{
	return sluice_memory_at(memory, *sluice_memory_root(memory), SLOTS * sizeof(struct slot));
}

static struct slot *find(sluice_memory *memory, const char *word)
{
	struct slot *slots = table(memory);
	unsigned at = 5381;

	for (const char *c = word; *c; c++)
		at = at * 33 + (unsigned char)*c;
	while (slots[at % SLOTS].count && strcmp(slots[at % SLOTS].word, word) != 0)
		at++;
	return &slots[at % SLOTS];
}

static void count_word(sluice_memory *memory, const char *word)
{
	struct slot *slot;

	/* A count is one store, so there is nothing to repair after a death. */
	check("lock", sluice_memory_mutex_lock(memory, GUARD, SLUICE_S(5)));
	slot = find(memory, word);
	snprintf(slot->word, sizeof(slot->word), "%s", word);
	slot->count++;
	sluice_memory_mutex_unlock(memory, GUARD);
}

int main(void)
{
	struct sluice_memory_options options = { .size = sizeof(options), .mutexes = 1 };
	static const char *const words[] = { "gate", "weir", "gate", "lock", "gate" };
	sluice_memory *memory;

	options.bytes = 4096 + SLOTS * sizeof(struct slot);
	check("open", sluice_memory_open(NULL, &options, &memory));
	*sluice_memory_root(memory) = 4096;
	for (int child = 0; child < 3; child++) {
		if (fork() != 0)
			continue;
		for (unsigned i = 0; i < 1000; i++)
			count_word(memory, words[i % 5]);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	printf("gate %llu, weir %llu, lock %llu\n", (unsigned long long)find(memory, "gate")->count,
	       (unsigned long long)find(memory, "weir")->count,
	       (unsigned long long)find(memory, "lock")->count);
	if (find(memory, "gate")->count != 1800 || find(memory, "lock")->count != 600)
		return 1;
	sluice_memory_close(memory);
	return 0;
}
