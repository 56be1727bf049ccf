/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * look.c - sluice list, show and path: what there is
 *
 * All of it looks from outside: nothing here attaches to an object, takes a place in it or can
 * wait for it. Names of files and of processes come from strangers, so what goes to a terminal is
 * made printable first.
 */
#include "look.h"

#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096

/* ---- list ---- */

struct listing {
	struct sluice_inspection *objects;
	size_t count;
	size_t room;
};

static int list_add(const struct sluice_inspection *object, void *context)
{
	struct listing *listing = context;

	if (listing->count == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 16;

		listing->objects = realloc(listing->objects, room * sizeof(*object));
		if (!listing->objects)
			cli_no_memory();
		listing->room = room;
	}
	listing->objects[listing->count++] = *object;
	return 0;
}

static int list_compare(const void *a, const void *b)
{
	const struct sluice_inspection *left = a;
	const struct sluice_inspection *right = b;

	return strcmp(left->name, right->name);
}

static void list_rwlock(const struct sluice_rwlock_info *info, char *buffer, size_t size)
{
	if (info->locked == 2)
		snprintf(buffer, size, "held by %u, %u waiting", info->owner, info->waiting);
	else if (info->readers)
		snprintf(buffer, size, "%u reading, %u waiting", info->readers, info->waiting);
	else
		snprintf(buffer, size, "%s", look_lock_word(info->owner_died ? 2 : 0));
}

/* What is in it, in a few words. */
static const char *list_content(const struct sluice_inspection *object, char *buffer, size_t size)
{
	char used[32];

	*buffer = '\0';
	if (look_is(object, SLUICE_KIND_QUEUE))
		snprintf(buffer, size, "%llu message%s, %s",
			 (unsigned long long)object->queue.messages,
			 object->queue.messages == 1 ? "" : "s",
			 cli_size_text(object->queue.bytes_used, used, sizeof(used)));
	else if (look_is(object, SLUICE_KIND_MUTEX) && object->mutex.locked == 1)
		snprintf(buffer, size, "held by %u, %u waiting", object->mutex.owner,
			 object->mutex.waiting);
	else if (look_is(object, SLUICE_KIND_MEMORY))
		snprintf(buffer, size, "%s, %u of %u mutexes held",
			 cli_size_text(object->memory.bytes, used, sizeof(used)),
			 object->memory.locked, object->memory.mutexes);
	else if (look_is(object, SLUICE_KIND_MUTEX))
		snprintf(buffer, size, "%s", look_lock_word(object->mutex.locked));
	else if (look_is(object, SLUICE_KIND_BARRIER))
		snprintf(buffer, size, "%u of %u have come%s", object->barrier.arrived,
			 object->barrier.parties, object->barrier.broken ? "; one died" : "");
	else if (look_is(object, SLUICE_KIND_RWLOCK))
		list_rwlock(&object->rwlock, buffer, size);
	else if (look_is(object, SLUICE_KIND_SEMAPHORE))
		snprintf(buffer, size, "%u free, %u held, %u waiting", object->semaphore.value,
			 object->semaphore.held, object->semaphore.waiting);
	else if (look_is(object, SLUICE_KIND_CONDITION))
		snprintf(buffer, size, "%u waiting", object->condition.waiting);
	else if (look_is(object, SLUICE_KIND_STREAM))
		snprintf(buffer, size, "%s to read, %u writing, %u reading",
			 cli_size_text(object->stream.readable, used, sizeof(used)),
			 object->stream.writers, object->stream.readers);
	else if (look_is(object, SLUICE_KIND_TOPIC))
		snprintf(buffer, size, "%llu published, %u subscriber%s",
			 (unsigned long long)object->topic.published, object->topic.subscribers,
			 object->topic.subscribers == 1 ? "" : "s");
	return buffer;
}

static void list_print(const struct listing *listing)
{
	char name[64], text[96];
	int width = 8;

	for (size_t i = 0; i < listing->count; i++) {
		int length = (int)strlen(cli_printable(listing->objects[i].name, name, 41));

		width = length > width ? length : width;
	}
	if (listing->count)
		printf("%-*s  %-9s  %-8s  %8s  %9s  CONTENT\n", width, "NAME", "KIND", "STATE",
		       "ATTACHED", "SIZE");
	for (size_t i = 0; i < listing->count; i++) {
		const struct sluice_inspection *object = &listing->objects[i];
		char size[32];

		/* A name too long for its column is whole all the same: it is there to be used. */
		cli_size_text(object->bytes, size, sizeof(size));
		list_content(object, text, sizeof(text));
		printf("%-*s  %-9s  %-8s  %8u  %9s%s%s\n", width,
		       cli_printable(object->name, (char[256]){ 0 }, 256),
		       sluice_kind_name(object->kind), look_state_word(object), object->attached,
		       size, *text ? "  " : "", text);
	}
}

static void list_print_json(const struct listing *listing)
{
	json_t *array = json_array();

	for (size_t i = 0; i < listing->count; i++)
		json_array_append_new(array, look_object_json(&listing->objects[i]));
	cli_json_print(array);
}

static int list(struct cli_arguments *arguments)
{
	struct listing listing = { NULL, 0, 0 };
	const char *directory;
	bool json = false;
	int code;

	while (cli_next(arguments) != -1)
		json = true;
	cli_operands(arguments, 0, 1);
	directory = arguments->count ? arguments->operands[0] : NULL;
	code = sluice_list(directory, list_add, &listing);
	if (code < 0)
		return look_fail_directory(directory, code);
	if (listing.count)
		qsort(listing.objects, listing.count, sizeof(*listing.objects), list_compare);
	if (json)
		list_print_json(&listing);
	else
		list_print(&listing);
	free(listing.objects);
	return CLI_DONE;
}

static const struct cli_option json_options[] = {
	{ "json", 'j', NULL, "for programs" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb list_verb = {
	.name = "list",
	.usage = "[--json] [DIRECTORY]",
	.summary = "what objects there are",
	.help = "Lists the objects in DIRECTORY, by default where names live: kind, state, how\n"
		"many are attached, size of the segment, and what is in it.",
	.options = json_options,
	.run = list,
};

/* ---- show ---- */

static struct sluice_participant show_people[SLUICE_PARTICIPANTS_MAX];

static const char *command_of(uint32_t pid, size_t count, char *buffer, size_t size)
{
	*buffer = '\0';
	for (size_t i = 0; i < count; i++)
		if (show_people[i].pid == pid)
			return cli_printable(show_people[i].command, buffer, size);
	return buffer;
}

static void show_queue(const struct sluice_queue_info *info)
{
	char used[32], capacity[32];
	double percent = info->capacity ? 100.0 * (double)info->bytes_used / (double)info->capacity
					: 0;

	printf("messages   %llu", (unsigned long long)info->messages);
	if (info->borrowed || info->reserved_messages)
		printf(" (%llu borrowed by a receiver, %llu being written)",
		       (unsigned long long)info->borrowed,
		       (unsigned long long)info->reserved_messages);
	printf("\nfull       %.0f %%: %s of %s\n", percent,
	       cli_size_text(info->bytes_used, used, sizeof(used)),
	       cli_size_text(info->capacity, capacity, sizeof(capacity)));
	printf("sent       %llu\nreceived   %llu\n", (unsigned long long)info->sent,
	       (unsigned long long)info->received);
	printf("limits     a message: %s", cli_size_text(info->message_max, used, sizeof(used)));
	if (info->messages_max)
		printf("; %llu messages", (unsigned long long)info->messages_max);
	printf("; %u participants\n", info->participants);
	printf("repairs    %llu\n", (unsigned long long)info->repairs);
}

static void show_memory(const struct sluice_memory_info *info)
{
	char bytes[32], maximum[32];

	printf("data       %s, may grow to %s\nroot       %llu\n",
	       cli_size_text(info->bytes, bytes, sizeof(bytes)),
	       cli_size_text(info->maximum, maximum, sizeof(maximum)),
	       (unsigned long long)info->root);
	printf("mutexes    %u, %u held, %u left by a death\n", info->mutexes, info->locked,
	       info->owner_died);
	if (info->conditions)
		printf("conditions %u\n", info->conditions);
	if (info->semaphores)
		printf("semaphores %u, %u units held\n", info->semaphores, info->held);
	if (info->rwlocks)
		printf("rwlocks    %u, %u held\n", info->rwlocks, info->rwlocked);
	printf("waiting    %u\nlimits     %u participants\nrepairs    %llu\n", info->waiting,
	       info->participants, (unsigned long long)info->repairs);
}

static void show_mutex(const struct sluice_mutex_info *info, size_t people)
{
	char command[32];

	printf("lock       %s", look_lock_word(info->locked));
	if (info->locked == 1 && info->owner) {
		command_of(info->owner, people, command, sizeof(command));
		printf(" by %u%s%s%s", info->owner, *command ? " (" : "", command,
		       *command ? ")" : "");
	}
	printf("\nwaiting    %u\nlimits     %u participants\nrepairs    %llu\n", info->waiting,
	       info->participants, (unsigned long long)info->repairs);
}

static void show_barrier(const struct sluice_barrier_info *info)
{
	printf("parties    %u, of whom %u have come%s\n", info->parties, info->arrived,
	       info->broken ? "; one died, it has to be reset" : "");
	printf("rounds     %u\nwaiting    %u\nlimits     %u participants\nrepairs    %llu\n",
	       info->rounds, info->waiting, info->participants, (unsigned long long)info->repairs);
}

static void show_rwlock(const struct sluice_rwlock_info *info, size_t people)
{
	char command[32];

	if (info->locked == 2) {
		command_of(info->owner, people, command, sizeof(command));
		printf("lock       held by %u%s%s%s, who writes", info->owner, *command ? " (" : "",
		       command, *command ? ")" : "");
	} else if (info->readers) {
		printf("lock       shared by %u", info->readers);
	} else {
		printf("lock       free");
	}
	printf("%s\nwaiting    %u\nlimits     %u participants\nrepairs    %llu\n",
	       info->owner_died ? "; a writer died, what it guards may be half written" : "",
	       info->waiting, info->participants, (unsigned long long)info->repairs);
}

static void show_semaphore(const struct sluice_semaphore_info *info)
{
	printf("units      %u free, %u held by %u\nwaiting    %u\nlimits     ", info->value,
	       info->held, info->holders, info->waiting);
	if (info->ceiling < SLUICE_SEMAPHORE_MAX)
		printf("%u units; ", info->ceiling);
	printf("%u participants; made with %u units\nrepairs    %llu\n", info->participants,
	       info->initial, (unsigned long long)info->repairs);
}

/* Who holds an end (reserve, peek) while others wait. */
static void show_holder(const char *end, uint32_t pid, size_t people)
{
	char command[32];

	if (!pid)
		return;
	command_of(pid, people, command, sizeof(command));
	printf("held       the %s end, by %u (%s)\n", end, pid, *command ? command : "?");
}

static void show_stream(const struct sluice_stream_info *info, size_t people)
{
	char used[32], capacity[32];

	printf("to read    %s of %s\n", cli_size_text(info->readable, used, sizeof(used)),
	       cli_size_text(info->capacity, capacity, sizeof(capacity)));
	printf("written    %llu\nread       %llu\n", (unsigned long long)info->written,
	       (unsigned long long)info->read);
	printf("ends       %u writing, %u reading\n", info->writers, info->readers);
	show_holder("writing", info->writing, people);
	show_holder("reading", info->reading, people);
	printf("limits     a write in one piece: %s; %u participants\n",
	       cli_size_text(info->atomic, used, sizeof(used)), info->participants);
	printf("repairs    %llu\n", (unsigned long long)info->repairs);
}

static void show_topic(const struct sluice_topic_info *info)
{
	char size[32];

	printf("published  %llu\n", (unsigned long long)info->published);
	printf("keeps      the last %llu, for those who are slow or come later\n",
	       (unsigned long long)info->depth);
	printf("policy     %s, for subscribers that have none\n", look_policy_word(info->policy));
	if (info->borrowed || info->reserved_messages)
		printf("in use     %u borrowed by subscribers, %u being written\n", info->borrowed,
		       info->reserved_messages);
	printf("limits     a message: %s; %u subscribers; %u publishers\n",
	       cli_size_text(info->message_max, size, sizeof(size)), info->subscribers_max,
	       info->publishers_max);
	printf("repairs    %llu\n", (unsigned long long)info->repairs);
}

/* Where each subscriber is. */
static void show_subscribers(size_t count)
{
	char command[32];
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		const struct sluice_participant *participant = &show_people[i];

		if (!participant->policy)
			continue;
		if (!any)
			printf("\n%10s  %-15s  %-9s  %12s  %8s  %8s\n", "SUBSCRIBER", "COMMAND",
			       "POLICY", "POSITION", "LAG", "LOST");
		any = true;
		cli_printable(participant->command, command, sizeof(command));
		printf("%10u  %-15s  %-9s  %12llu  %8llu  %8llu%s\n", participant->pid,
		       *command ? command : "?", look_policy_word(participant->policy),
		       (unsigned long long)participant->position,
		       (unsigned long long)participant->lag, (unsigned long long)participant->lost,
		       participant->evicted ? "  evicted" : "");
	}
}

static void show_participants(size_t count, uint32_t kind)
{
	char command[32];

	if (!count) {
		puts("attached   nobody");
		return;
	}
	printf("\n%10s  %-15s  %-7s  DOING\n", "PID", "COMMAND", "ROLE");
	for (size_t i = 0; i < count; i++) {
		const struct sluice_participant *participant = &show_people[i];
		const char *doing = look_doing_word(participant);
		char loans[64] = "";

		if (kind == SLUICE_KIND_SEMAPHORE && participant->borrowed)
			snprintf(loans, sizeof(loans), "%sholds %u", *doing ? ", " : "",
				 participant->borrowed);
		else if (participant->borrowed || participant->reserved_messages)
			snprintf(loans, sizeof(loans), "%s%u borrowed, %u being written",
				 *doing ? ", " : "", participant->borrowed,
				 participant->reserved_messages);
		cli_printable(participant->command, command, sizeof(command));
		printf("%10u  %-15s  %-7s%s%s%s\n", participant->pid, *command ? command : "?",
		       look_role_word(participant->role), *doing || *loans ? "  " : "", doing,
		       loans);
	}
}

static void show_print(const struct sluice_inspection *object, const char *path, size_t people)
{
	char text[PATH_SIZE];
	char advice_text[512];
	const char *advice = look_advice(object, advice_text, sizeof(advice_text));

	printf("%-9s  %s\n", sluice_kind_name(object->kind),
	       cli_printable(object->name, text, sizeof(text)));
	printf("file       %s", cli_printable(path, text, sizeof(text)));
	printf(", %s, mode %04o, uid %u\n", cli_size_text(object->bytes, text, sizeof(text)),
	       object->mode, object->uid);
	if (object->tag)
		printf("tag        0x%016llx\n", (unsigned long long)object->tag);
	if (object->flags & SLUICE_EPHEMERAL)
		puts("lifetime   gone with its last participant");
	printf("state      %s", look_state_word(object));
	if (object->dead)
		printf("; %u died and %s to be repaired after", object->dead,
		       object->dead == 1 ? "is" : "are");
	putchar('\n');
	if (advice)
		printf("advice     %s\n", advice);
	if (look_is(object, SLUICE_KIND_QUEUE))
		show_queue(&object->queue);
	if (look_is(object, SLUICE_KIND_MEMORY))
		show_memory(&object->memory);
	if (look_is(object, SLUICE_KIND_MUTEX))
		show_mutex(&object->mutex, people);
	if (look_is(object, SLUICE_KIND_BARRIER))
		show_barrier(&object->barrier);
	if (look_is(object, SLUICE_KIND_RWLOCK))
		show_rwlock(&object->rwlock, people);
	if (look_is(object, SLUICE_KIND_SEMAPHORE))
		show_semaphore(&object->semaphore);
	if (look_is(object, SLUICE_KIND_CONDITION))
		printf("waiting    %u\nlimits     %u participants\nrepairs    %llu\n",
		       object->condition.waiting, object->condition.participants,
		       (unsigned long long)object->condition.repairs);
	if (look_is(object, SLUICE_KIND_STREAM))
		show_stream(&object->stream, people);
	if (look_is(object, SLUICE_KIND_TOPIC))
		show_topic(&object->topic);
	if (!object->state && !object->stale)
		show_participants(people, object->kind);
	if (look_is(object, SLUICE_KIND_TOPIC))
		show_subscribers(people);
}

static void show_json(const struct sluice_inspection *object, const char *path, size_t people)
{
	json_t *value = look_object_json(object);
	json_t *array = json_array();
	char text[512];
	const char *advice = look_advice(object, text, sizeof(text));

	cli_json_set(value, "path", cli_json_text(path));
	if (advice)
		cli_json_set(value, "advice", cli_json_text(advice));
	for (size_t i = 0; i < people; i++)
		json_array_append_new(array, look_participant_json(&show_people[i]));
	cli_json_set(value, "participants", array);
	cli_json_print(value);
}

static int show(struct cli_arguments *arguments)
{
	struct sluice_inspection object = { .size = sizeof(object) };
	char path[PATH_SIZE] = "";
	const char *name;
	bool json = false;
	int count;

	while (cli_next(arguments) != -1)
		json = true;
	cli_operands(arguments, 1, 1);
	name = arguments->operands[0];
	show_people[0].size = sizeof(show_people[0]);
	count = sluice_inspect(name, &object, show_people, CLI_COUNT(show_people));
	if (count < 0)
		return cli_fail_code("object", name, count);
	if (sluice_path(name, path, sizeof(path)) < 0)
		snprintf(path, sizeof(path), "%s", name);
	if (json)
		show_json(&object, path, (size_t)count);
	else
		show_print(&object, path, (size_t)count);
	return CLI_DONE;
}

const struct cli_verb show_verb = {
	.name = "show",
	.usage = "NAME [--json]",
	.summary = "one object: who is attached, who waits, how full it is",
	.help = "Shows the object NAME: its state, who is attached (process, command, role), who\n"
		"waits and who holds, how full it is, how many messages were sent and received,\n"
		"and how many dead participants have been repaired after. Says what to do about\n"
		"one that is damaged. Looks without attaching: nobody is disturbed.",
	.options = json_options,
	.run = show,
};

/* ---- path ---- */

static const struct cli_option no_options[] = { { NULL, 0, NULL, NULL } };

static int path(struct cli_arguments *arguments)
{
	char buffer[PATH_SIZE];
	int code;

	while (cli_next(arguments) != -1)
		;
	cli_operands(arguments, 1, 1);
	code = sluice_path(arguments->operands[0], buffer, sizeof(buffer));
	if (code < 0)
		return cli_fail_code("object", arguments->operands[0], code);
	puts(buffer);
	return CLI_DONE;
}

const struct cli_verb path_verb = {
	.name = "path",
	.usage = "NAME",
	.summary = "the file a name stands for",
	.help = "Prints the path of the file that the object NAME lives in, whether it is there\n"
		"or not.",
	.options = no_options,
	.run = path,
};
