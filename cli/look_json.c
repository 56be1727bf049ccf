/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * look_json.c - what was found, for programs
 *
 * An object has what every kind has and, under the name of its kind, what only that kind has; this is
 * left out where the object is not sound. Members are added, and never changed.
 */
#include "look.h"

static json_t *queue_json(const struct sluice_queue_info *info)
{
	json_t *object = json_object();

	cli_json_set_number(object, "capacity", info->capacity);
	cli_json_set_number(object, "message_max", info->message_max);
	cli_json_set_number(object, "messages_max", info->messages_max);
	cli_json_set_number(object, "messages", info->messages);
	cli_json_set_number(object, "reserved", info->reserved_messages);
	cli_json_set_number(object, "borrowed", info->borrowed);
	cli_json_set_number(object, "bytes_used", info->bytes_used);
	cli_json_set_number(object, "sent", info->sent);
	cli_json_set_number(object, "received", info->received);
	cli_json_set_number(object, "senders", info->senders);
	cli_json_set_number(object, "receivers", info->receivers);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *mutex_json(const struct sluice_mutex_info *info)
{
	json_t *object = json_object();

	cli_json_set(object, "locked", json_boolean(info->locked == 1));
	cli_json_set(object, "owner_died", json_boolean(info->locked == 2));
	cli_json_set_number(object, "owner", info->owner);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *barrier_json(const struct sluice_barrier_info *info)
{
	json_t *object = json_object();

	cli_json_set_number(object, "parties", info->parties);
	cli_json_set_number(object, "arrived", info->arrived);
	cli_json_set(object, "broken", json_boolean(info->broken));
	cli_json_set_number(object, "rounds", info->rounds);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *rwlock_json(const struct sluice_rwlock_info *info)
{
	json_t *object = json_object();

	cli_json_set(object, "exclusive", json_boolean(info->locked == 2));
	cli_json_set_number(object, "readers", info->readers);
	cli_json_set(object, "owner_died", json_boolean(info->owner_died));
	cli_json_set_number(object, "owner", info->owner);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *semaphore_json(const struct sluice_semaphore_info *info)
{
	json_t *object = json_object();

	cli_json_set_number(object, "value", info->value);
	cli_json_set_number(object, "held", info->held);
	cli_json_set_number(object, "holders", info->holders);
	cli_json_set_number(object, "initial", info->initial);
	cli_json_set_number(object, "ceiling", info->ceiling);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *condition_json(const struct sluice_condition_info *info)
{
	json_t *object = json_object();

	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *stream_json(const struct sluice_stream_info *info)
{
	json_t *object = json_object();

	cli_json_set_number(object, "readable", info->readable);
	cli_json_set_number(object, "capacity", info->capacity);
	cli_json_set_number(object, "atomic", info->atomic);
	cli_json_set_number(object, "written", info->written);
	cli_json_set_number(object, "read", info->read);
	cli_json_set_number(object, "writers", info->writers);
	cli_json_set_number(object, "readers", info->readers);
	cli_json_set_number(object, "writing", info->writing);
	cli_json_set_number(object, "reading", info->reading);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

static json_t *topic_json(const struct sluice_topic_info *info)
{
	json_t *object = json_object();

	cli_json_set_number(object, "published", info->published);
	cli_json_set_number(object, "depth", info->depth);
	cli_json_set_number(object, "message_max", info->message_max);
	cli_json_set(object, "policy", cli_json_text(look_policy_word(info->policy)));
	cli_json_set_number(object, "subscribers", info->subscribers);
	cli_json_set_number(object, "subscribers_max", info->subscribers_max);
	cli_json_set_number(object, "publishers", info->publishers);
	cli_json_set_number(object, "publishers_max", info->publishers_max);
	cli_json_set_number(object, "reserved", info->reserved_messages);
	cli_json_set_number(object, "borrowed", info->borrowed);
	cli_json_set_number(object, "evicted", info->evicted);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	return object;
}

static json_t *memory_json(const struct sluice_memory_info *info)
{
	json_t *object = json_object();

	cli_json_set_number(object, "bytes", info->bytes);
	cli_json_set_number(object, "maximum", info->maximum);
	cli_json_set_number(object, "mutexes", info->mutexes);
	cli_json_set_number(object, "locked", info->locked);
	cli_json_set_number(object, "owner_died", info->owner_died);
	cli_json_set_number(object, "conditions", info->conditions);
	cli_json_set_number(object, "semaphores", info->semaphores);
	cli_json_set_number(object, "held", info->held);
	cli_json_set_number(object, "rwlocks", info->rwlocks);
	cli_json_set_number(object, "rwlocked", info->rwlocked);
	cli_json_set_number(object, "root", info->root);
	cli_json_set_number(object, "waiting", info->waiting);
	cli_json_set_number(object, "repairs", info->repairs);
	cli_json_set_number(object, "participants_max", info->participants);
	return object;
}

json_t *look_object_json(const struct sluice_inspection *found)
{
	json_t *object = json_object();
	char text[32];

	cli_json_set(object, "name", cli_json_text(found->name));
	cli_json_set(object, "kind", cli_json_text(sluice_kind_name(found->kind)));
	cli_json_set(object, "state", cli_json_text(look_state_word(found)));
	cli_json_set(object, "stale", json_boolean(found->stale));
	cli_json_set(object, "ephemeral", json_boolean(found->flags & SLUICE_EPHEMERAL));
	snprintf(text, sizeof(text), "%04o", found->mode);
	cli_json_set(object, "mode", cli_json_text(text));
	cli_json_set_number(object, "uid", found->uid);
	cli_json_set_number(object, "gid", found->gid);
	cli_json_set_number(object, "attached", found->attached);
	cli_json_set_number(object, "dead", found->dead);
	cli_json_set_number(object, "bytes", found->bytes);
	snprintf(text, sizeof(text), "0x%016llx", (unsigned long long)found->tag);
	cli_json_set(object, "tag", cli_json_text(text));
	if (look_is(found, SLUICE_KIND_QUEUE))
		cli_json_set(object, "queue", queue_json(&found->queue));
	if (look_is(found, SLUICE_KIND_MUTEX))
		cli_json_set(object, "mutex", mutex_json(&found->mutex));
	if (look_is(found, SLUICE_KIND_MEMORY))
		cli_json_set(object, "memory", memory_json(&found->memory));
	if (look_is(found, SLUICE_KIND_BARRIER))
		cli_json_set(object, "barrier", barrier_json(&found->barrier));
	if (look_is(found, SLUICE_KIND_RWLOCK))
		cli_json_set(object, "rwlock", rwlock_json(&found->rwlock));
	if (look_is(found, SLUICE_KIND_SEMAPHORE))
		cli_json_set(object, "semaphore", semaphore_json(&found->semaphore));
	if (look_is(found, SLUICE_KIND_CONDITION))
		cli_json_set(object, "condition", condition_json(&found->condition));
	if (look_is(found, SLUICE_KIND_STREAM))
		cli_json_set(object, "stream", stream_json(&found->stream));
	if (look_is(found, SLUICE_KIND_TOPIC))
		cli_json_set(object, "topic", topic_json(&found->topic));
	return object;
}

json_t *look_participant_json(const struct sluice_participant *participant)
{
	json_t *object = json_object();

	cli_json_set_number(object, "place", participant->place);
	cli_json_set_number(object, "pid", participant->pid);
	cli_json_set(object, "command", cli_json_text(participant->command));
	cli_json_set(object, "alive", json_boolean(participant->alive));
	cli_json_set(object, "role", cli_json_text(look_role_word(participant->role)));
	cli_json_set(object, "doing", cli_json_text(look_doing_word(participant)));
	cli_json_set_number(object, "borrowed", participant->borrowed);
	cli_json_set_number(object, "reserved", participant->reserved_messages);
	if (participant->policy) {
		cli_json_set(object, "policy",
			     cli_json_text(look_policy_word(participant->policy)));
		cli_json_set_number(object, "position", participant->position);
		cli_json_set_number(object, "lag", participant->lag);
		cli_json_set_number(object, "lost", participant->lost);
		cli_json_set(object, "evicted", json_boolean(participant->evicted));
	}
	return object;
}
