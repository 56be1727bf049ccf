/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * look.c - sluice list, show, path, remove and clean: what there is, and away with it
 *
 * All of it looks from outside: nothing here attaches to an object, takes a place in it or can
 * wait for it. Names of files and of processes come from strangers, so what goes to a terminal is
 * made printable first.
 */
#include "util.h"

#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096

/* ---- words for what was found ---- */

static const char *state_word(const struct sluice_inspection *object)
{
	if (object->stale)
		return "stale";
	switch (object->state) {
	case 0:
		return "sound";
	case SLUICE_ECORRUPT:
		return "damaged";
	case SLUICE_EVERSION:
		return "other version";
	case SLUICE_EACCES:
		return "not readable";
	default:
		return sluice_error_text(object->state);
	}
}

/* What to do about an object that is not sound; NULL if nothing. */
static const char *state_advice(const struct sluice_inspection *object, char *buffer, size_t size)
{
	const char *why = "";
	char name[256];

	if (object->stale) {
		return "left from before the last boot; the next open makes it anew";
	} else if (object->state == 0) {
		return NULL;
	} else if (object->state == SLUICE_EACCES) {
		return "only its owner can look at it";
	} else if (object->state == SLUICE_ECORRUPT) {
		why = "damaged, or none of ours; ";
	} else if (object->state == SLUICE_EVERSION) {
		why = "made by another version of Sluice: use that, or ";
	}
	snprintf(buffer, size, "%s'sluice remove %s' frees the name", why,
		 cli_printable(object->name, name, sizeof(name)));
	return buffer;
}

static bool is_queue(const struct sluice_inspection *object)
{
	return !object->state && !object->stale && object->kind == SLUICE_KIND_QUEUE;
}

static bool is_mutex(const struct sluice_inspection *object)
{
	return !object->state && !object->stale && object->kind == SLUICE_KIND_MUTEX;
}

static bool is_sound(const struct sluice_inspection *object, uint32_t kind)
{
	return !object->state && !object->stale && object->kind == kind;
}

static bool is_semaphore(const struct sluice_inspection *object)
{
	return !object->state && !object->stale && object->kind == SLUICE_KIND_SEMAPHORE;
}

static bool is_condition(const struct sluice_inspection *object)
{
	return !object->state && !object->stale && object->kind == SLUICE_KIND_CONDITION;
}

static bool is_stream(const struct sluice_inspection *object)
{
	return !object->state && !object->stale && object->kind == SLUICE_KIND_STREAM;
}

static bool is_topic(const struct sluice_inspection *object)
{
	return !object->state && !object->stale && object->kind == SLUICE_KIND_TOPIC;
}

static bool is_memory(const struct sluice_inspection *object)
{
	return !object->state && !object->stale && object->kind == SLUICE_KIND_MEMORY;
}

static const char *lock_word(uint32_t locked)
{
	static const char *const words[] = { "free", "held", "free, its last owner died" };

	return words[locked < CLI_COUNT(words) ? locked : 1];
}

static const char *doing_word(const struct sluice_participant *participant)
{
	static const char *const words[] = {
		[SLUICE_DOING_NOTHING] = "",
		[SLUICE_DOING_WAIT_LOCK] = "waits for the lock",
		[SLUICE_DOING_WAIT_MESSAGE] = "waits for a message",
		[SLUICE_DOING_WAIT_ROOM] = "waits for room",
		[SLUICE_DOING_HOLD] = "holds it",
		[SLUICE_DOING_WAIT_UNITS] = "waits for units",
		[SLUICE_DOING_WAIT_SIGNAL] = "waits for a signal",
		[SLUICE_DOING_WAIT_BARRIER] = "waits for the others",
		[SLUICE_DOING_WAIT_RWLOCK] = "waits for readers or a writer",
	};

	if (!participant->alive)
		return "died; the next to come repairs";
	return participant->doing < CLI_COUNT(words) && words[participant->doing]
		       ? words[participant->doing]
		       : "";
}

static const char *role_word(uint32_t role)
{
	static const char *const words[] = {
		[0] = "-",
		[SLUICE_SEND] = "send",
		[SLUICE_RECEIVE] = "receive",
		[SLUICE_SEND | SLUICE_RECEIVE] = "both",
	};

	return role < CLI_COUNT(words) ? words[role] : "?";
}

static const char *policy_word(uint32_t policy)
{
	static const char *const words[] = {
		[0] = "-",
		[SLUICE_OVERWRITE] = "overwrite",
		[SLUICE_WAIT] = "wait",
		[SLUICE_LATEST] = "latest",
	};

	return policy < CLI_COUNT(words) ? words[policy] : "?";
}

/* ---- JSON ---- */

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		cli_no_memory();
}

static void set_number(json_t *object, const char *key, uint64_t value)
{
	set(object, key, json_integer((json_int_t)value));
}

static json_t *queue_json(const struct sluice_queue_info *info)
{
	json_t *object = json_object();

	set_number(object, "capacity", info->capacity);
	set_number(object, "message_max", info->message_max);
	set_number(object, "messages_max", info->messages_max);
	set_number(object, "messages", info->messages);
	set_number(object, "reserved", info->reserved_messages);
	set_number(object, "borrowed", info->borrowed);
	set_number(object, "bytes_used", info->bytes_used);
	set_number(object, "sent", info->sent);
	set_number(object, "received", info->received);
	set_number(object, "senders", info->senders);
	set_number(object, "receivers", info->receivers);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *mutex_json(const struct sluice_mutex_info *info)
{
	json_t *object = json_object();

	set(object, "locked", json_boolean(info->locked == 1));
	set(object, "owner_died", json_boolean(info->locked == 2));
	set_number(object, "owner", info->owner);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *barrier_json(const struct sluice_barrier_info *info)
{
	json_t *object = json_object();

	set_number(object, "parties", info->parties);
	set_number(object, "arrived", info->arrived);
	set(object, "broken", json_boolean(info->broken));
	set_number(object, "rounds", info->rounds);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *rwlock_json(const struct sluice_rwlock_info *info)
{
	json_t *object = json_object();

	set(object, "exclusive", json_boolean(info->locked == 2));
	set_number(object, "readers", info->readers);
	set(object, "owner_died", json_boolean(info->owner_died));
	set_number(object, "owner", info->owner);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *semaphore_json(const struct sluice_semaphore_info *info)
{
	json_t *object = json_object();

	set_number(object, "value", info->value);
	set_number(object, "held", info->held);
	set_number(object, "holders", info->holders);
	set_number(object, "initial", info->initial);
	set_number(object, "ceiling", info->ceiling);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *condition_json(const struct sluice_condition_info *info)
{
	json_t *object = json_object();

	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *stream_json(const struct sluice_stream_info *info)
{
	json_t *object = json_object();

	set_number(object, "readable", info->readable);
	set_number(object, "capacity", info->capacity);
	set_number(object, "atomic", info->atomic);
	set_number(object, "written", info->written);
	set_number(object, "read", info->read);
	set_number(object, "writers", info->writers);
	set_number(object, "readers", info->readers);
	set_number(object, "writing", info->writing);
	set_number(object, "reading", info->reading);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *topic_json(const struct sluice_topic_info *info)
{
	json_t *object = json_object();

	set_number(object, "published", info->published);
	set_number(object, "depth", info->depth);
	set_number(object, "message_max", info->message_max);
	set(object, "policy", cli_json_text(policy_word(info->policy)));
	set_number(object, "subscribers", info->subscribers);
	set_number(object, "subscribers_max", info->subscribers_max);
	set_number(object, "publishers", info->publishers);
	set_number(object, "publishers_max", info->publishers_max);
	set_number(object, "reserved", info->reserved_messages);
	set_number(object, "borrowed", info->borrowed);
	set_number(object, "evicted", info->evicted);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	return object;
}

static json_t *memory_json(const struct sluice_memory_info *info)
{
	json_t *object = json_object();

	set_number(object, "bytes", info->bytes);
	set_number(object, "maximum", info->maximum);
	set_number(object, "mutexes", info->mutexes);
	set_number(object, "locked", info->locked);
	set_number(object, "owner_died", info->owner_died);
	set_number(object, "conditions", info->conditions);
	set_number(object, "semaphores", info->semaphores);
	set_number(object, "held", info->held);
	set_number(object, "rwlocks", info->rwlocks);
	set_number(object, "rwlocked", info->rwlocked);
	set_number(object, "root", info->root);
	set_number(object, "waiting", info->waiting);
	set_number(object, "repairs", info->repairs);
	set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *object_json(const struct sluice_inspection *found)
{
	json_t *object = json_object();
	char text[32];

	set(object, "name", cli_json_text(found->name));
	set(object, "kind", cli_json_text(sluice_kind_name(found->kind)));
	set(object, "state", cli_json_text(state_word(found)));
	set(object, "stale", json_boolean(found->stale));
	set(object, "ephemeral", json_boolean(found->flags & SLUICE_EPHEMERAL));
	snprintf(text, sizeof(text), "%04o", found->mode);
	set(object, "mode", cli_json_text(text));
	set_number(object, "uid", found->uid);
	set_number(object, "gid", found->gid);
	set_number(object, "attached", found->attached);
	set_number(object, "dead", found->dead);
	set_number(object, "bytes", found->bytes);
	snprintf(text, sizeof(text), "0x%016llx", (unsigned long long)found->tag);
	set(object, "tag", cli_json_text(text));
	if (is_queue(found))
		set(object, "queue", queue_json(&found->queue));
	if (is_mutex(found))
		set(object, "mutex", mutex_json(&found->mutex));
	if (is_memory(found))
		set(object, "memory", memory_json(&found->memory));
	if (is_sound(found, SLUICE_KIND_BARRIER))
		set(object, "barrier", barrier_json(&found->barrier));
	if (is_sound(found, SLUICE_KIND_RWLOCK))
		set(object, "rwlock", rwlock_json(&found->rwlock));
	if (is_semaphore(found))
		set(object, "semaphore", semaphore_json(&found->semaphore));
	if (is_condition(found))
		set(object, "condition", condition_json(&found->condition));
	if (is_stream(found))
		set(object, "stream", stream_json(&found->stream));
	if (is_topic(found))
		set(object, "topic", topic_json(&found->topic));
	return object;
}

static json_t *participant_json(const struct sluice_participant *participant)
{
	json_t *object = json_object();

	set_number(object, "place", participant->place);
	set_number(object, "pid", participant->pid);
	set(object, "command", cli_json_text(participant->command));
	set(object, "alive", json_boolean(participant->alive));
	set(object, "role", cli_json_text(role_word(participant->role)));
	set(object, "doing", cli_json_text(doing_word(participant)));
	set_number(object, "borrowed", participant->borrowed);
	set_number(object, "reserved", participant->reserved_messages);
	if (participant->policy) {
		set(object, "policy", cli_json_text(policy_word(participant->policy)));
		set_number(object, "position", participant->position);
		set_number(object, "lag", participant->lag);
		set_number(object, "lost", participant->lost);
		set(object, "evicted", json_boolean(participant->evicted));
	}
	return object;
}

/* ---- list ---- */

static int fail_directory(const char *directory, int code)
{
	if (!directory)
		directory = getenv("SLUICE_DIR");
	return cli_fail(
		"directory %s%s%s: %s%s", directory ? "'" : "", directory ? directory : "of names",
		directory ? "'" : "",
		code == SLUICE_ENOENT ? "it does not exist" : sluice_error_text(code),
		code == SLUICE_EACCES
			? "; it belongs to somebody else, so set SLUICE_DIR to one of your own"
			: "");
}

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
		snprintf(buffer, size, "%s", lock_word(info->owner_died ? 2 : 0));
}

/* What is in it, in a few words. */
static const char *list_content(const struct sluice_inspection *object, char *buffer, size_t size)
{
	char used[32];

	*buffer = '\0';
	if (is_queue(object))
		snprintf(buffer, size, "%llu message%s, %s",
			 (unsigned long long)object->queue.messages,
			 object->queue.messages == 1 ? "" : "s",
			 cli_size_text(object->queue.bytes_used, used, sizeof(used)));
	else if (is_mutex(object) && object->mutex.locked == 1)
		snprintf(buffer, size, "held by %u, %u waiting", object->mutex.owner,
			 object->mutex.waiting);
	else if (is_memory(object))
		snprintf(buffer, size, "%s, %u of %u mutexes held",
			 cli_size_text(object->memory.bytes, used, sizeof(used)),
			 object->memory.locked, object->memory.mutexes);
	else if (is_mutex(object))
		snprintf(buffer, size, "%s", lock_word(object->mutex.locked));
	else if (is_sound(object, SLUICE_KIND_BARRIER))
		snprintf(buffer, size, "%u of %u have come%s", object->barrier.arrived,
			 object->barrier.parties, object->barrier.broken ? "; one died" : "");
	else if (is_sound(object, SLUICE_KIND_RWLOCK))
		list_rwlock(&object->rwlock, buffer, size);
	else if (is_semaphore(object))
		snprintf(buffer, size, "%u free, %u held, %u waiting", object->semaphore.value,
			 object->semaphore.held, object->semaphore.waiting);
	else if (is_condition(object))
		snprintf(buffer, size, "%u waiting", object->condition.waiting);
	else if (is_stream(object))
		snprintf(buffer, size, "%s to read, %u writing, %u reading",
			 cli_size_text(object->stream.readable, used, sizeof(used)),
			 object->stream.writers, object->stream.readers);
	else if (is_topic(object))
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
		       sluice_kind_name(object->kind), state_word(object), object->attached, size,
		       *text ? "  " : "", text);
	}
}

static void list_print_json(const struct listing *listing)
{
	json_t *array = json_array();

	for (size_t i = 0; i < listing->count; i++)
		json_array_append_new(array, object_json(&listing->objects[i]));
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
		return fail_directory(directory, code);
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

	printf("lock       %s", lock_word(info->locked));
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
	printf("policy     %s, for subscribers that have none\n", policy_word(info->policy));
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
		       *command ? command : "?", policy_word(participant->policy),
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
		const char *doing = doing_word(participant);
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
		       role_word(participant->role), *doing || *loans ? "  " : "", doing, loans);
	}
}

static void show_print(const struct sluice_inspection *object, const char *path, size_t people)
{
	char text[PATH_SIZE];
	char advice_text[512];
	const char *advice = state_advice(object, advice_text, sizeof(advice_text));

	printf("%-9s  %s\n", sluice_kind_name(object->kind),
	       cli_printable(object->name, text, sizeof(text)));
	printf("file       %s", cli_printable(path, text, sizeof(text)));
	printf(", %s, mode %04o, uid %u\n", cli_size_text(object->bytes, text, sizeof(text)),
	       object->mode, object->uid);
	if (object->tag)
		printf("tag        0x%016llx\n", (unsigned long long)object->tag);
	if (object->flags & SLUICE_EPHEMERAL)
		puts("lifetime   gone with its last participant");
	printf("state      %s", state_word(object));
	if (object->dead)
		printf("; %u died and %s to be repaired after", object->dead,
		       object->dead == 1 ? "is" : "are");
	putchar('\n');
	if (advice)
		printf("advice     %s\n", advice);
	if (is_queue(object))
		show_queue(&object->queue);
	if (is_memory(object))
		show_memory(&object->memory);
	if (is_mutex(object))
		show_mutex(&object->mutex, people);
	if (is_sound(object, SLUICE_KIND_BARRIER))
		show_barrier(&object->barrier);
	if (is_sound(object, SLUICE_KIND_RWLOCK))
		show_rwlock(&object->rwlock, people);
	if (is_semaphore(object))
		show_semaphore(&object->semaphore);
	if (is_condition(object))
		printf("waiting    %u\nlimits     %u participants\nrepairs    %llu\n",
		       object->condition.waiting, object->condition.participants,
		       (unsigned long long)object->condition.repairs);
	if (is_stream(object))
		show_stream(&object->stream, people);
	if (is_topic(object))
		show_topic(&object->topic);
	if (!object->state && !object->stale)
		show_participants(people, object->kind);
	if (is_topic(object))
		show_subscribers(people);
}

static void show_json(const struct sluice_inspection *object, const char *path, size_t people)
{
	json_t *value = object_json(object);
	json_t *array = json_array();
	char text[512];
	const char *advice = state_advice(object, text, sizeof(text));

	set(value, "path", cli_json_text(path));
	if (advice)
		set(value, "advice", cli_json_text(advice));
	for (size_t i = 0; i < people; i++)
		json_array_append_new(array, participant_json(&show_people[i]));
	set(value, "participants", array);
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

/* ---- path, remove ---- */

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

static int remove_objects(struct cli_arguments *arguments)
{
	int status = CLI_DONE;

	while (cli_next(arguments) != -1)
		;
	cli_operands(arguments, 1, INT32_MAX);
	for (int i = 0; i < arguments->count; i++) {
		int code = sluice_remove(arguments->operands[i]);

		if (code < 0)
			status = cli_fail_code("object", arguments->operands[i], code);
	}
	return status;
}

const struct cli_verb remove_verb = {
	.name = "remove",
	.usage = "NAME...",
	.summary = "remove objects, in use or not",
	.help = "Removes each object NAME with what is in it, also when it is in use or damaged.\n"
		"The name is free at once; processes that are attached are told.",
	.options = no_options,
	.run = remove_objects,
};

/* ---- clean ---- */

struct cleaning {
	bool dry_run;
	json_t *array; /* NULL: for a person */
	unsigned kept;
};

static const struct {
	const char *key;
	const char *why;
	bool removed;
} verdicts[] = {
	[SLUICE_KEPT_IN_USE] = { "in-use", "a living process is attached", false },
	[SLUICE_KEPT_CONTENT] = { "content",
				  "it holds messages, or data, or news of a death (--all removes it)",
				  false },
	[SLUICE_KEPT_FOREIGN] = { "foreign", "it is not ours to judge", false },
	[SLUICE_REMOVED_UNUSED] = { "unused", "nobody uses it", true },
	[SLUICE_REMOVED_DAMAGED] = { "damaged", "it was damaged and nobody uses it", true },
	[SLUICE_REMOVED_STALE] = { "stale", "it was left from before the last boot", true },
	[SLUICE_REMOVED_DEBRIS] = { "debris", "somebody died while making it", true },
};

static void clean_each(const char *file, int verdict, void *context)
{
	struct cleaning *cleaning = context;
	char name[256];
	const char *word;
	size_t known = verdict >= 0 && (size_t)verdict < CLI_COUNT(verdicts)
			       ? (size_t)verdict
			       : (size_t)SLUICE_KEPT_FOREIGN;

	if (cleaning->array) {
		json_t *object = json_object();

		set(object, "file", cli_json_text(file));
		set(object, "verdict", cli_json_text(verdicts[known].key));
		set(object, "removed", json_boolean(verdicts[known].removed && !cleaning->dry_run));
		set(object, "would_remove", json_boolean(verdicts[known].removed));
		json_array_append_new(cleaning->array, object);
		return;
	}
	word = cleaning->dry_run ? "would remove" : "removed";
	printf("%s %s: %s\n", verdicts[known].removed ? word : "kept",
	       cli_printable(file, name, sizeof(name)), verdicts[known].why);
	cleaning->kept += !verdicts[known].removed;
}

enum { CLEAN_ALL = CLI_LONG };

static int clean(struct cli_arguments *arguments)
{
	struct cleaning cleaning = { false, NULL, 0 };
	const char *directory;
	uint32_t flags = 0;
	int count;
	int key;

	while ((key = cli_next(arguments)) != -1) {
		if (key == 'n')
			flags |= SLUICE_CLEAN_DRY_RUN;
		else if (key == CLEAN_ALL)
			flags |= SLUICE_CLEAN_CONTENT;
		else if (!cleaning.array)
			cleaning.array = json_array();
	}
	cli_operands(arguments, 0, 1);
	directory = arguments->count ? arguments->operands[0] : NULL;
	cleaning.dry_run = flags & SLUICE_CLEAN_DRY_RUN;
	count = sluice_clean(directory, flags, clean_each, &cleaning);
	if (count < 0) {
		json_decref(cleaning.array);
		return fail_directory(directory, count);
	}
	if (cleaning.array)
		cli_json_print(cleaning.array);
	else
		printf("%d %s, %u kept\n", count, cleaning.dry_run ? "to remove" : "removed",
		       cleaning.kept);
	return CLI_DONE;
}

static const struct cli_option clean_options[] = {
	{ "dry-run", 'n', NULL, "say what would go, remove nothing" },
	{ "all", CLEAN_ALL, NULL, "also what holds messages, data or news of a death" },
	{ "json", 'j', NULL, "for programs" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_verb clean_verb = {
	.name = "clean",
	.usage = "[--dry-run] [--all] [--json] [DIRECTORY]",
	.summary = "remove what no living process uses",
	.help = "Removes objects that no living process is attached to, and what died half made.\n"
		"It asks the kernel who is alive, so it is safe at any time. A queue that holds\n"
		"messages is kept, unless --all is given. Nothing in use is ever removed.",
	.options = clean_options,
	.run = clean,
};
