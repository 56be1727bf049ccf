/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * look_around [DIRECTORY] - list the objects in a directory
 *
 * Without arguments: make a directory with two objects, list it, clean it, and remove it.
 */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text(result));
		exit(1);
	}
	return result;
}

static int print_object(const struct sluice_inspection *object, void *context)
{
	const char *state = object->state ? sluice_error_text(object->state) : "sound";

	(void)context;
	printf("%s %s: %s", sluice_kind_name(object->kind), object->name, state);
	printf(", %u attached\n", object->attached);
	return 0;
}

static void print_verdict(const char *file, int verdict, void *context)
{
	int removed = verdict >= SLUICE_REMOVED_UNUSED;

	(void)context;
	printf("clean: %s %s\n", file, removed ? "removed" : "kept");
}

static void clean(const char *directory, uint32_t flags)
{
	int count = sluice_clean(directory, flags, print_verdict, NULL);

	printf("clean: %d in all\n", check("clean", count));
}

int main(int argc, char **argv)
{
	char directory[] = "/dev/shm/look-around.XXXXXX";
	char path[sizeof(directory) + 8];
	sluice_queue *queue;
	sluice_mutex *mutex;

	if (argc > 1)
		return check(argv[1], sluice_list(argv[1], print_object, NULL));
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/jobs", directory);
	check(path, sluice_queue_open(path, NULL, &queue));
	check(path, sluice_queue_send(queue, 1, "work", 4, SLUICE_NOWAIT));
	snprintf(path, sizeof(path), "%s/disk", directory);
	check(path, sluice_mutex_open(path, NULL, &mutex));
	check(directory, sluice_list(directory, print_object, NULL));
	sluice_queue_close(queue);
	sluice_mutex_close(mutex);
	clean(directory, 0);                    /* the mutex goes; the queue holds a message */
	clean(directory, SLUICE_CLEAN_CONTENT); /* that too */
	return rmdir(directory) != 0;
}
