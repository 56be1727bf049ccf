/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * look_words.c - words for what was found
 *
 * They are for people and, in JSON, for programs: a word that programs may have read is not changed.
 * Names come from strangers, so one that goes into a sentence is made printable first.
 */
#include "look.h"

#include <stdlib.h>

const char *look_state_word(const struct sluice_inspection *object)
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

const char *look_advice(const struct sluice_inspection *object, char *buffer, size_t size)
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

bool look_is(const struct sluice_inspection *object, uint32_t kind)
{
	return !object->state && !object->stale && object->kind == kind;
}

const char *look_lock_word(uint32_t locked)
{
	static const char *const words[] = { "free", "held", "free, its last owner died" };

	return words[locked < CLI_COUNT(words) ? locked : 1];
}

const char *look_doing_word(const struct sluice_participant *participant)
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

const char *look_role_word(uint32_t role)
{
	static const char *const words[] = {
		[0] = "-",
		[SLUICE_SEND] = "send",
		[SLUICE_RECEIVE] = "receive",
		[SLUICE_SEND | SLUICE_RECEIVE] = "both",
	};

	return role < CLI_COUNT(words) ? words[role] : "?";
}

const char *look_policy_word(uint32_t policy)
{
	static const char *const words[] = {
		[0] = "-",
		[SLUICE_OVERWRITE] = "overwrite",
		[SLUICE_WAIT] = "wait",
		[SLUICE_LATEST] = "latest",
	};

	return policy < CLI_COUNT(words) ? words[policy] : "?";
}

int look_fail_directory(const char *directory, int code)
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
