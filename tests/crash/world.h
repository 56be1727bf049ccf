/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * world.h - a queue whose content is known, and what may have become of it
 *
 * The tester makes a queue, brings it into a state and knows what lies in it. Then victims work on
 * it and die. What each of them had done when it died is not known, but what it may have done is:
 * its messages were sent up to some point of its list and no further, and likewise what it took. So
 * there are a few possible outcomes, one if the victim reported its success, and what is found in
 * the queue afterwards has to be one of them, to the byte, in the right order, and with counters
 * that agree.
 *
 * Nothing here ends the program: what does not hold is a complaint, so that seeded bugs can be
 * counted.
 */
#ifndef WORLD_H
#define WORLD_H

#include "test.h"
#include "victim.h"

#include <dirent.h>
#include <sluice.h>
#include <sys/time.h>

#define WORLD_MESSAGES 1024
#define WORLD_ACTORS 2
#define WORLD_LONGEST REPORT_BYTES
#define RECOVERY_NS (INT64_C(50) * 1000000)
#define PATIENCE_NS SLUICE_MS(1000)

struct message {
	uint64_t id;
	int64_t type;
	uint32_t size;
	bool may_return;  /* the victim has it for a while: it may come back marked */
	bool must_return; /* it comes back marked, whenever the victim dies */
};

/* What a victim's operation does. */
struct actor {
	struct message sends[8]; /* a first part of these */
	uint32_t send_count;
	uint32_t takes[8]; /* a first part of these, as indices into before; in order */
	uint32_t take_count;
	bool takes_any;       /* takes one message, whichever is first */
	bool keeps;           /* reported: what it borrowed is still its own, so it comes back */
	int64_t wants_result; /* of the operation when it is reported */
	bool is_reported;
	const struct report *report;
};

struct world {
	const char *name; /* of the object */
	struct sluice_queue_options options;
	sluice_queue *queue; /* the tester's, or NULL */
	struct message before[WORLD_MESSAGES];
	uint32_t count;
	struct actor actors[WORLD_ACTORS];
	uint64_t sent, received; /* counters before the victims */
	uint64_t room;           /* messages of one line that fit an empty ring */
	uint64_t next_id;
	bool is_full;   /* there is room only for what the victim took */
	bool is_remade; /* nobody else is attached: an object made anew is right, too */

	/* what was found afterwards */
	struct found {
		uint64_t id, sequence;
		int64_t type;
		uint32_t size;
		bool marked;
	} found[WORLD_MESSAGES];
	uint32_t found_count;
	bool has_first; /* found[0] was received before all was repaired */
	struct message probes[2];
	uint32_t probe_count;
	struct sluice_queue_info info;

	int64_t slowest; /* recovery so far */
	bool is_slow;    /* this time; nothing else is wrong */
	char complaint[1200];
};

static inline bool complain(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline bool complain(struct world *world, const char *format, ...)
{
	size_t length = strlen(world->complaint);
	va_list args;

	va_start(args, format);
	vsnprintf(world->complaint + length, sizeof(world->complaint) - length, format, args);
	va_end(args);
	return false;
}

/* ---- messages ------------------------------------------------------------------------------ */

/* Every byte tells whose it is; the first eight tell it outright. */
static inline void body_fill(unsigned char *body, const struct message *message)
{
	for (uint32_t i = 0; i < message->size; i++)
		body[i] = (unsigned char)(message->id * 131 + i * 7 + (i >> 8) + 1);
	if (message->size >= sizeof(message->id))
		memcpy(body, &message->id, sizeof(message->id));
}

/* The id of an intact message, or 0. */
static inline uint64_t body_check(const unsigned char *body, int64_t size)
{
	static unsigned char wanted[WORLD_LONGEST];
	struct message message = { 0 };

	if (size < (int64_t)sizeof(message.id) || size > (int64_t)sizeof(wanted))
		return 0;
	memcpy(&message.id, body, sizeof(message.id));
	message.size = (uint32_t)size;
	body_fill(wanted, &message);
	return memcmp(body, wanted, (size_t)size) == 0 ? message.id : 0;
}

static inline struct message world_message(struct world *world, int64_t type, uint32_t size)
{
	struct message message = { .id = ++world->next_id, .type = type, .size = size };

	CHECK(size >= 8 && size <= WORLD_LONGEST);
	return message;
}

/* ---- bringing it into a state; the tester's, before the victims ----------------------------- */

static inline void world_open(struct world *world)
{
	char text[256] = "";

	world->options.size = sizeof(world->options);
	world->options.diagnostic = text;
	world->options.diagnostic_size = sizeof(text);
	if (sluice_queue_open(world->name, &world->options, &world->queue) != 0)
		test_fail(__FILE__, __LINE__, "open: %s", text);
	world->options.diagnostic = NULL;
	world->options.diagnostic_size = 0;
}

/* Send one, if there is room. */
static inline bool world_try_put(struct world *world, int64_t type, uint32_t size)
{
	unsigned char body[WORLD_LONGEST];
	struct message message = world_message(world, type, size);
	int r;

	body_fill(body, &message);
	r = sluice_queue_send(world->queue, type, body, size, SLUICE_NOWAIT);
	if (r == SLUICE_EAGAIN)
		return false;
	CHECK_EQ(r, 0);
	CHECK(world->count < WORLD_MESSAGES);
	world->before[world->count++] = message;
	world->sent++;
	return true;
}

static inline void world_put(struct world *world, int64_t type, uint32_t size)
{
	CHECK(world_try_put(world, type, size));
}

/* Take the first message of @type, not 0, out of the world. */
static inline void world_get(struct world *world, int64_t type)
{
	unsigned char body[WORLD_LONGEST];
	uint32_t at = 0;

	CHECK(sluice_queue_receive(world->queue, type, body, sizeof(body), NULL, SLUICE_NOWAIT) >
	      0);
	while (world->before[at].type != type)
		at++;
	memmove(&world->before[at], &world->before[at + 1],
		(--world->count - at) * sizeof(world->before[0]));
	world->received++;
}

/* Move head and tail on, with messages of one line that come and go. */
static inline void world_turn(struct world *world, uint32_t lines)
{
	while (lines--) {
		world_put(world, 1, 24);
		world_get(world, 1);
	}
}

/* How many messages of one line fit, by trying. */
static inline uint64_t world_fill(sluice_queue *queue, int *ret)
{
	unsigned char body[24] = { 0 };
	uint64_t n = 0;

	while ((*ret = sluice_queue_send(queue, 7, body, sizeof(body), SLUICE_NOWAIT)) == 0)
		n++;
	return n;
}

/* ---- afterwards ---------------------------------------------------------------------------- */

static inline bool world_timed(struct world *world, int64_t began, const char *what)
{
	int64_t took = test_now_ns() - began;

	if (took > world->slowest)
		world->slowest = took;
	if (took <= RECOVERY_NS)
		return true;
	world->is_slow = true;
	return complain(world, "%s took %lld us", what, (long long)(took / 1000));
}

static inline bool world_note(struct world *world, const unsigned char *body, int64_t length,
			      const struct sluice_message *info)
{
	struct found *found = &world->found[world->found_count++];

	found->id = body_check(body, length);
	found->type = info->type;
	found->size = (uint32_t)length;
	found->marked = (info->flags & SLUICE_REDELIVERED) != 0;
	found->sequence = info->sequence;
	if (!found->id)
		return complain(world, "a message of type %lld, %lld bytes is not intact",
				(long long)info->type, (long long)length);
	return true;
}

static inline bool world_receive(struct world *world, sluice_queue *queue, int64_t type,
				 int64_t timeout, bool *ret_end)
{
	static unsigned char body[WORLD_LONGEST];
	struct sluice_message info = { .size = sizeof(info) };
	int64_t began = test_now_ns();
	int64_t r = sluice_queue_receive(queue, type, body, sizeof(body), &info, timeout);

	*ret_end = r == SLUICE_EAGAIN;
	if (*ret_end)
		return true;
	if (r < 0)
		return complain(world, "receive: %s", sluice_error_name((int)r));
	if (world->found_count == WORLD_MESSAGES)
		return complain(world, "more messages than were ever sent");
	return world_timed(world, began, "receive") && world_note(world, body, r, &info);
}

static inline bool world_first_receive(struct world *world)
{
	bool end;

	if (!world_receive(world, world->queue, 0, PATIENCE_NS, &end))
		return false;
	world->has_first = true;
	return true;
}

static inline bool world_probe(struct world *world)
{
	unsigned char body[24];
	struct message message = world_message(world, 5, sizeof(body));
	int64_t began = test_now_ns();
	int r;

	body_fill(body, &message);
	r = sluice_queue_send(world->queue, message.type, body, sizeof(body), PATIENCE_NS);
	if (r < 0)
		return complain(world, "send: %s", sluice_error_name(r));
	world->probes[world->probe_count++] = message;
	return world_timed(world, began, "send");
}

static inline bool world_attach(struct world *world, sluice_queue **ret_queue)
{
	char text[256] = "";
	int64_t began = test_now_ns();
	int r;

	world->options.diagnostic = text;
	world->options.diagnostic_size = sizeof(text);
	r = sluice_queue_open(world->name, &world->options, ret_queue);
	world->options.diagnostic = NULL;
	world->options.diagnostic_size = 0;
	if (r < 0)
		return complain(world, "open: %s (%s)", sluice_error_name(r), text);
	return world_timed(world, began, "open");
}

/* A full world has room if the victim got as far as to take its message. */
static inline bool world_has_room(struct world *world)
{
	struct sluice_queue_info info = { .size = sizeof(info) };

	return sluice_queue_info(world->queue, &info) == 0 && info.messages < world->count;
}

/* The first operations after a death, in one of three orders; then somebody attaches. */
static inline bool world_recover(struct world *world, uint32_t variant, sluice_queue **other)
{
	bool good = true;

	if (!world->queue) {
		good = world_attach(world, &world->queue);
		variant = 0;
	}
	if (variant % 3 == 2)
		good = good && world_attach(world, other);
	if (variant % 3 == 1 && world->count == 0)
		variant = 0;
	if (good && world->is_full && !world_has_room(world))
		variant = 1;
	else if (world->is_full)
		variant = 0;
	if (variant % 3 == 1)
		good = good && world_first_receive(world) && world_probe(world);
	else
		good = good && world_probe(world) && world_first_receive(world);
	if (good && !*other)
		good = world_attach(world, other);
	world->info.size = sizeof(world->info);
	if (good && sluice_queue_info(world->queue, &world->info) < 0)
		return complain(world, "info failed");
	return good;
}

/* Everything out: the first each time, or (@by_type) type after type. */
static inline bool world_drain(struct world *world, bool by_type)
{
	static const int64_t types[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0 };
	bool end = false;
	uint64_t last;

	for (uint32_t i = by_type ? 0 : 9; i < 10; i++) {
		last = 0;
		for (uint32_t n = 0;; n++) {
			if (!world_receive(world, world->queue, types[i], SLUICE_NOWAIT, &end))
				return false;
			if (end)
				break;
			if (n && world->found[world->found_count - 1].sequence <= last)
				return complain(
					world, "out of order: sequence %llu after %llu",
					(unsigned long long)world->found[world->found_count - 1]
						.sequence,
					(unsigned long long)last);
			last = world->found[world->found_count - 1].sequence;
		}
	}
	return true;
}

static inline int world_by_sequence(const void *a, const void *b)
{
	const struct found *x = (const struct found *)a, *y = (const struct found *)b;

	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* ---- is it one of the possible outcomes? ---------------------------------------------------- */

struct outcome {
	uint32_t sends[WORLD_ACTORS], takes[WORLD_ACTORS];
};

static inline uint32_t world_expect(const struct world *world, const struct outcome *outcome,
				    struct message *list)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < world->count; i++) {
		bool gone = false;

		for (uint32_t a = 0; a < WORLD_ACTORS; a++)
			for (uint32_t t = 0; !world->actors[a].takes_any && t < outcome->takes[a];
			     t++)
				gone = gone || world->actors[a].takes[t] == i;
		if (!gone)
			list[count++] = world->before[i];
	}
	for (uint32_t a = 0; a < WORLD_ACTORS; a++)
		for (uint32_t s = 0; s < outcome->sends[a]; s++)
			list[count++] = world->actors[a].sends[s];
	for (uint32_t p = 0; p < world->probe_count; p++)
		list[count++] = world->probes[p];
	return count;
}

static inline bool world_same(const struct message *wanted, const struct found *found)
{
	if (wanted->id != found->id || wanted->type != found->type || wanted->size != found->size)
		return false;
	return found->marked ? wanted->may_return || wanted->must_return : !wanted->must_return;
}

/* Nothing before @at in the list was there for sure when somebody took the first. */
static inline bool world_was_first(const struct message *list, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (!list[i].may_return && !list[i].must_return)
			return false;
	return true;
}

/* Is what was found this list, but for one message that @any took? */
static inline bool world_matches(const struct world *world, struct message *list, uint32_t count,
				 const struct actor *any)
{
	uint32_t at = 0, missing = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (at < world->found_count && world_same(&list[i], &world->found[at])) {
			at++;
			continue;
		}
		if (!any || missing++ || !world_was_first(list, i))
			return false;
		if (any->is_reported &&
		    body_check(any->report->got[0].data, any->report->got[0].length) != list[i].id)
			return false;
	}
	return at == world->found_count && (missing != 0) == (any != NULL);
}

/* Did the tester's first receive, made before everything was repaired, get what it had to get? */
static inline bool world_first_is_right(const struct message *list, uint32_t count, uint64_t first)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i].id == first)
			return world_was_first(list, i);
	return false;
}

static inline bool world_counts(const struct world *world, const struct outcome *outcome)
{
	uint64_t sent = world->sent + world->probe_count, received = world->received;

	for (uint32_t a = 0; a < WORLD_ACTORS; a++) {
		sent += outcome->sends[a];
		received += outcome->takes[a];
	}
	return world->info.sent == sent && world->info.received == received + world->has_first;
}

static inline bool world_is_outcome(const struct world *world, const struct outcome *outcome,
				    uint64_t first, bool *ret_counters)
{
	struct message list[WORLD_MESSAGES];
	uint32_t count = world_expect(world, outcome, list);
	const struct actor *any = NULL;

	for (uint32_t a = 0; a < WORLD_ACTORS; a++)
		if (world->actors[a].takes_any && outcome->takes[a])
			any = &world->actors[a];
	if (!world_matches(world, list, count, any))
		return false;
	if (!any && world->has_first && !world_first_is_right(list, count, first))
		return false;
	*ret_counters = true;
	return world_counts(world, outcome);
}

static inline void world_show(struct world *world)
{
	complain(world, "\n\tbefore:");
	for (uint32_t i = 0; i < world->count && i < 24; i++)
		complain(world, " %llu", (unsigned long long)world->before[i].id);
	for (uint32_t a = 0; a < WORLD_ACTORS; a++) {
		const struct actor *actor = &world->actors[a];

		complain(world, "; victim %u%s:", a + 1, actor->is_reported ? " reported" : "");
		for (uint32_t i = 0; i < actor->send_count; i++)
			complain(world, " +%llu", (unsigned long long)actor->sends[i].id);
		for (uint32_t i = 0; i < actor->take_count && !actor->takes_any; i++)
			complain(world, " -%llu",
				 (unsigned long long)world->before[actor->takes[i]].id);
		if (actor->takes_any)
			complain(world, " -any");
	}
	complain(world, "\n\tafter:");
	for (uint32_t i = 0; i < world->found_count && i < 24; i++)
		complain(world, " %llu%s", (unsigned long long)world->found[i].id,
			 world->found[i].marked ? "r" : "");
	complain(world,
		 "\n\tsent %llu (%llu before), received %llu (%llu before), by the tester %u, %u",
		 (unsigned long long)world->info.sent, (unsigned long long)world->sent,
		 (unsigned long long)world->info.received, (unsigned long long)world->received,
		 world->probe_count, world->has_first);
}

/* One of the possible outcomes, or a complaint. */
static inline bool world_judge(struct world *world)
{
	const struct actor *one = &world->actors[0], *two = &world->actors[1];
	uint64_t first = world->found_count ? world->found[0].id : 0;
	struct outcome outcome;
	bool only_counters = false;

	qsort(world->found, world->found_count, sizeof(world->found[0]), world_by_sequence);
	for (uint32_t s = 0; s <= one->send_count; s++)
		for (uint32_t t = 0; t <= one->take_count; t++)
			for (uint32_t u = 0; u <= two->send_count; u++)
				for (uint32_t v = 0; v <= two->take_count; v++) {
					outcome = (struct outcome){ { s, u }, { t, v } };
					if (one->is_reported &&
					    (s < one->send_count || t < one->take_count))
						continue;
					if (two->is_reported &&
					    (u < two->send_count || v < two->take_count))
						continue;
					if (world_is_outcome(world, &outcome, first,
							     &only_counters))
						return true;
				}
	complain(world, only_counters ? "the counters are wrong" : "the messages are wrong");
	world_show(world);
	return false;
}

/* What a victim reported has to be what it had to get. */
static inline bool world_check_report(struct world *world, struct actor *actor)
{
	const struct report *report = actor->report;

	actor->is_reported = report && report_is_finished(report);
	if (!actor->is_reported)
		return true;
	if (actor->takes_any ? report->result < 0 : report->result != actor->wants_result)
		return complain(world, "the victim's operation returned %s (%lld), wanted %lld",
				sluice_error_name((int)report->result), (long long)report->result,
				(long long)actor->wants_result);
	for (uint32_t i = 0; i < report->count && i < actor->take_count && !actor->takes_any; i++) {
		const struct message *wanted = &world->before[actor->takes[i]];

		if (body_check(report->got[i].data, report->got[i].length) != wanted->id ||
		    report->got[i].type != wanted->type)
			return complain(world, "the victim did not get message %llu intact",
					(unsigned long long)wanted->id);
	}
	if (actor->keeps)
		for (uint32_t i = 0; i < world->count; i++)
			world->before[i].must_return |= world->before[i].may_return;
	return true;
}

/* Not the two participants that the tester is: who is there? */
static inline bool world_complain_places(struct world *world, uint32_t attached)
{
	static struct sluice_participant participants[8];
	struct sluice_inspection inspection = { .size = sizeof(inspection) };
	int n;

	participants[0].size = sizeof(participants[0]);
	n = sluice_inspect(world->name, &inspection, participants, 8);
	complain(world, "%u participants, wanted the tester's 2 (pid %d); %llu repairs;", attached,
		 (int)getpid(), (unsigned long long)inspection.queue.repairs);
	for (int i = 0; i < n; i++)
		complain(world, " place %u pid %u %s", participants[i].place, participants[i].pid,
			 participants[i].alive ? "alive" : "dead");
	return false;
}

/* Empty now: it can hold as much as it ever could, and gives it all back. */
static inline bool world_check_room(struct world *world)
{
	struct sluice_queue_info info = { .size = sizeof(info) };
	unsigned char body[64];
	uint64_t room, back = 0;
	int r;

	room = world_fill(world->queue, &r);
	if (r != SLUICE_EAGAIN)
		return complain(world, "filling: %s", sluice_error_name(r));
	if (room != world->room)
		return complain(world, "room for %llu messages, %llu before",
				(unsigned long long)room, (unsigned long long)world->room);
	while (sluice_queue_receive(world->queue, 0, body, sizeof(body), NULL, SLUICE_NOWAIT) == 24)
		back++;
	if (back != room || sluice_queue_info(world->queue, &info) < 0 || info.messages ||
	    info.reserved_messages || info.borrowed || info.sent != info.received)
		return complain(
			world,
			"of %llu messages %llu came back; %llu left, %llu sent, %llu received",
			(unsigned long long)room, (unsigned long long)back,
			(unsigned long long)info.messages, (unsigned long long)info.sent,
			(unsigned long long)info.received);
	if (info.attached != 2)
		return world_complain_places(world, info.attached);
	return true;
}

/* Everything out again that @type selects. How many, or -1 when a receive failed. */
static inline int64_t world_empty(sluice_queue *queue, int64_t type)
{
	unsigned char body[64];
	int64_t n = 0, r;

	while ((r = sluice_queue_receive(queue, type, body, sizeof(body), NULL, SLUICE_NOWAIT)) >=
	       0)
		n++;
	return r == SLUICE_EAGAIN ? n : -1;
}

/* Empty now: a head that nobody wants does not block it, that is, the holes are counted right. */
static inline bool world_check_rotation(struct world *world)
{
	struct sluice_message info = { .size = sizeof(info) };
	unsigned char body[24] = { 0 };
	uint64_t before, after;
	int64_t back;
	int r;

	if (sluice_queue_send(world->queue, 9, body, sizeof(body), SLUICE_NOWAIT) < 0)
		return complain(world, "no room in an empty queue");
	/* Not one more than fits: a send that finds no room looks for it, and may put things right. */
	for (before = 0; before < world->room - 1; before++)
		if (sluice_queue_send(world->queue, 7, body, sizeof(body), SLUICE_NOWAIT) < 0)
			break;
	back = world_empty(world->queue, 7);
	after = world_fill(world->queue, &r);
	if (before != world->room - 1 || back != (int64_t)before || after != before)
		return complain(world,
				"behind a head that nobody wants there is room for %llu, then %llu",
				(unsigned long long)before, (unsigned long long)after);
	if (sluice_queue_receive(world->queue, 0, body, sizeof(body), &info, SLUICE_NOWAIT) < 0 ||
	    info.type != 9)
		return complain(world,
				"what was sent first is not received first, after a rotation");
	return world_empty(world->queue, 0) == (int64_t)after ||
	       complain(world, "a message is missing after a rotation");
}

/* Remove the object; nothing may be left in the directory. */
static inline bool world_remove(struct world *world)
{
	DIR *directory;
	struct dirent *entry;
	bool good = true;
	int r = sluice_remove(world->name);

	if (r < 0 && r != SLUICE_ENOENT)
		return complain(world, "remove: %s", sluice_error_name(r));
	directory = opendir(test_directory());
	CHECK(directory != NULL);
	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			good = complain(world, "%s was left in the directory", entry->d_name);
			unlinkat(dirfd(directory), entry->d_name, 0);
		}
	closedir(directory);
	return good;
}

/* The victims are dead. The tester goes on and finds the account right. */
static inline bool world_check(struct world *world, uint32_t variant, bool by_type)
{
	sluice_queue *other = NULL;
	bool good = true;

	world->complaint[0] = '\0';
	world->found_count = world->probe_count = 0;
	world->has_first = world->is_slow = false;
	for (uint32_t a = 0; a < WORLD_ACTORS; a++)
		good = good && world_check_report(world, &world->actors[a]);
	good = good && world_recover(world, variant, &other) && world_drain(world, by_type) &&
	       world_judge(world) && world_check_room(world) && world_check_rotation(world);
	sluice_queue_close(other);
	return good;
}

#endif
