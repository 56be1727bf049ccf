/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory_list - a list in shared memory that several processes append to, and one takes from
 *
 * Each node is a block of the memory's allocator. It is allocated at the link of the last one: allocated
 * and linked in one commit, and zero, so whoever is killed in between leaves a list that is sound. A
 * mutex guards the list, and a condition says that there is something in it; both are in the memory.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUARD 0 /* the mutex */
#define NEWS 0  /* the condition */
#define WRITERS 3
#define EACH 100

struct node {
	uint64_t next; /* 0: the last one */
	uint64_t number;
};

struct list {
	uint64_t first; /* of the nodes; 0: none */
	uint64_t taken; /* the node that is being freed */
};

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

static struct node *node_at(sluice_memory *memory, uint64_t offset)
{
	struct node *node = sluice_memory_at(memory, offset, sizeof(*node));

	if (!node)
		exit(1);
	return node;
}

static struct list *list_of(sluice_memory *memory)
{
	return sluice_memory_at(memory, *sluice_memory_root(memory), sizeof(struct list));
}

static void append(sluice_memory *memory, uint64_t number)
{
	uint64_t *link = &list_of(memory)->first;

	check("lock", sluice_memory_mutex_lock(memory, GUARD, SLUICE_S(5)));
	while (*link)
		link = &node_at(memory, *link)->next;
	check("allocate", sluice_memory_allocate(memory, sizeof(struct node), link));
	node_at(memory, *link)->number = number;
	sluice_memory_mutex_unlock(memory, GUARD);
	sluice_memory_condition_signal(memory, NEWS);
}

/*
 * The list hangs in the first block, made once, so that the first node can be freed without losing the
 * rest: its successor moves to the list's head before its own block is freed through "taken". Who finds
 * something there after a death frees it.
 */
static uint64_t take(sluice_memory *memory)
{
	struct list *list = list_of(memory);
	uint64_t number;

	check("lock", sluice_memory_mutex_lock(memory, GUARD, SLUICE_S(5)));
	while (!list->first)
		check("wait", sluice_memory_condition_wait(memory, NEWS, GUARD, SLUICE_S(5)));
	if (list->taken && list->taken != list->first)
		check("free", sluice_memory_free(memory, &list->taken));
	list->taken = list->first;
	number = node_at(memory, list->taken)->number;
	list->first = node_at(memory, list->taken)->next;
	check("free", sluice_memory_free(memory, &list->taken));
	sluice_memory_mutex_unlock(memory, GUARD);
	return number;
}

int main(void)
{
	struct sluice_memory_options options = { .size = sizeof(options), .mutexes = 1 };
	sluice_memory *memory;
	uint64_t sum = 0;

	options.bytes = 4096;
	options.maximum = 1 << 20;
	options.conditions = 1;
	check("open", sluice_memory_open(NULL, &options, &memory));
	check("allocate",
	      sluice_memory_allocate(memory, sizeof(struct list), sluice_memory_root(memory)));
	for (unsigned writer = 0; writer < WRITERS; writer++) {
		if (fork() != 0)
			continue;
		for (unsigned i = 1; i <= EACH; i++)
			append(memory, i);
		_exit(0);
	}
	for (unsigned i = 0; i < WRITERS * EACH; i++)
		sum += take(memory);
	while (wait(NULL) > 0)
		;
	check("check", sluice_memory_check(memory));
	printf("the sum is %llu\n", (unsigned long long)sum);
	sluice_memory_close(memory);
	return sum == WRITERS * EACH * (EACH + 1) / 2 ? 0 : 1;
}
