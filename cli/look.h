/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* look.h - what looking at objects shares: words, and the same for programs */
#ifndef SLUICE_CLI_LOOK_H
#define SLUICE_CLI_LOOK_H

#include "util.h"

/* Is it a sound object of @kind, so that what is said about it is true? */
bool look_is(const struct sluice_inspection *object, uint32_t kind);

const char *look_state_word(const struct sluice_inspection *object);
/* What to do about an object that is not sound; NULL if nothing. */
const char *look_advice(const struct sluice_inspection *object, char *buffer, size_t size);
const char *look_lock_word(uint32_t locked);
const char *look_doing_word(const struct sluice_participant *participant);
const char *look_role_word(uint32_t role);
const char *look_policy_word(uint32_t policy);
/* @directory, NULL for that of names, cannot be looked at. */
int look_fail_directory(const char *directory, int code);

json_t *look_object_json(const struct sluice_inspection *found);
json_t *look_participant_json(const struct sluice_participant *participant);

#endif
