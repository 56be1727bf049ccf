/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * messages.c - the tour's stops at datagrams and topics
 */
#include "tour.h"

#include <string.h>
#include <unistd.h>

/* ---- datagrams ---- */

static const char *const letters[] = { "one", "two and a half", "three" };

struct letterbox {
	char address[TOUR_PATH_SIZE];
};

static int datagram_sender(struct tour *tour, void *context)
{
	const struct letterbox *box = context;
	struct sluice_datagram_options options = { .size = sizeof(options) };
	sluice_datagram *datagram;
	int code;

	options.peer = box->address;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	code = sluice_datagram_open(NULL, &options, &datagram);
	for (size_t i = 0; code == 0 && i < CLI_COUNT(letters); i++)
		code = sluice_datagram_send(datagram, NULL, letters[i], strlen(letters[i]),
					    TOUR_PATIENCE_NS);
	if (code < 0)
		tour_fail(tour, "cannot send a datagram", code);
	return code < 0 ? CLI_FAILED : CLI_DONE;
}

static bool datagram_receive(struct tour *tour, sluice_datagram *datagram, const char *letter)
{
	char buffer[8];
	size_t length = 0;
	int64_t size = sluice_datagram_receive(datagram, buffer, sizeof(buffer), NULL, &length,
					       TOUR_PATIENCE_NS);

	/* One is longer than the buffer: it stays, and its true length is told. */
	if (size == SLUICE_EMSGSIZE) {
		char larger[64];

		tour_say("A buffer of %zu bytes is too small for one of %zu: told, and not cut.",
			 sizeof(buffer), length);
		size = sluice_datagram_receive(datagram, larger, sizeof(larger), NULL, &length,
					       TOUR_PATIENCE_NS);
		return size == (int64_t)strlen(letter) && !memcmp(larger, letter, (size_t)size)
			       ? true
			       : tour_fail(tour, "a datagram was lost", size < 0 ? (int)size : 0);
	}
	if (size < 0)
		return tour_fail(tour, "no datagram came", (int)size);
	return tour_check(tour,
			  (size_t)size == strlen(letter) && !memcmp(buffer, letter, (size_t)size),
			  "a datagram arrived changed");
}

bool tour_datagram(struct tour *tour)
{
	struct sluice_datagram_options options = { .size = sizeof(options) };
	struct sluice_datagram_info info = { .size = sizeof(info) };
	struct letterbox box;
	sluice_datagram *datagram;
	bool sound;
	pid_t pid;
	int code;

	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	code = sluice_datagram_open("udp:127.0.0.1:0", &options, &datagram);
	if (code < 0)
		return tour_fail(tour, "cannot open a socket", code);
	(void)!sluice_datagram_info(datagram, &info);
	snprintf(box.address, sizeof(box.address), "%s", info.address);
	pid = tour_start(tour, datagram_sender, &box);
	sound = pid > 0;
	for (size_t i = 0; sound && i < CLI_COUNT(letters); i++)
		sound = datagram_receive(tour, datagram, letters[i]);
	sluice_datagram_close(datagram);
	if (!sound || !tour_ended_well(tour, pid))
		return false;
	tour_say("%zu came through %s, each whole and for itself.", CLI_COUNT(letters),
		 box.address);
	return true;
}

/* ---- topics ---- */

#define READERS 8u
#define TICKS 20000u

struct market {
	char name[TOUR_NAME_SIZE];
	char ready_name[TOUR_NAME_SIZE];
	uint32_t policy;
};

struct tick {
	uint64_t number;
	uint64_t twice; /* torn if it is not */
};

static int topic_reader(struct tour *tour, void *context)
{
	const struct market *market = context;
	struct sluice_topic_options options = { .size = sizeof(options) };
	struct sluice_topic_message message = { .size = sizeof(message) };
	uint64_t seen = 0, lost = 0;
	sluice_subscriber *subscriber;
	sluice_semaphore *ready = NULL;
	struct tick tick = { 0 };
	int64_t code;

	options.policy = market->policy;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	options.flags = SLUICE_MUST_EXIST;
	code = sluice_subscriber_open(market->name, &options, &subscriber);
	if (code == 0)
		code = sluice_semaphore_open(market->ready_name, NULL, &ready);
	if (code == 0)
		code = sluice_semaphore_post(ready, 1);
	while (code >= 0 && tick.number < TICKS) {
		code = sluice_subscriber_receive(subscriber, &tick, sizeof(tick), &message,
						 TOUR_PATIENCE_NS);
		if (code < 0)
			break;
		seen++;
		lost += message.lost;
		if (tick.twice != 2 * tick.number || seen + lost != tick.number)
			break;
	}
	if (code < 0)
		tour_fail(tour, "a subscriber cannot read", (int)code);
	return code >= 0 && seen + lost == TICKS ? CLI_DONE : CLI_FAILED;
}

static bool topic_publish(struct tour *tour, sluice_publisher *publisher)
{
	char all[32], each[32];
	int64_t start = cli_now(), took;

	for (uint64_t i = 1; i <= TICKS; i++) {
		struct tick tick = { i, 2 * i };
		int code = sluice_publisher_publish(publisher, &tick, sizeof(tick),
						    TOUR_PATIENCE_NS);

		if (code == SLUICE_EINTR && !cli_stopped()) {
			i--;
			continue;
		}
		if (code < 0)
			return tour_fail(tour, "cannot publish", code);
	}
	took = cli_now() - start;
	tour_say("%u messages published in %s, %s each, once for all of them.", TICKS,
		 cli_time_text(took, all, sizeof(all)),
		 cli_time_text(took / TICKS, each, sizeof(each)));
	return true;
}

bool tour_topic(struct tour *tour)
{
	struct sluice_topic_options options = { .size = sizeof(options) };
	struct market market;
	sluice_publisher *publisher;
	sluice_semaphore *ready = NULL;
	pid_t readers[READERS];
	bool sound = true;
	int code;

	tour_name(tour, "ticks", market.name);
	tour_name(tour, "ready", market.ready_name);
	options.message_max = sizeof(struct tick);
	options.depth = 1024;
	options.diagnostic = tour_diagnostic(tour);
	options.diagnostic_size = TOUR_DIAGNOSTIC_SIZE;
	code = sluice_publisher_open(market.name, &options, &publisher);
	if (code < 0)
		return tour_fail(tour, "cannot open a topic", code);
	code = sluice_semaphore_open(market.ready_name, NULL, &ready);
	/* Every other one has the publisher wait for it, the rest may lose and know how many. */
	for (uint32_t i = 0; sound && code == 0 && i < READERS; i++) {
		market.policy = i % 2 ? SLUICE_OVERWRITE : SLUICE_WAIT;
		readers[i] = tour_start(tour, topic_reader, &market);
		sound = readers[i] > 0;
	}
	if (sound && code == 0)
		code = sluice_semaphore_wait(ready, READERS, TOUR_PATIENCE_NS);
	if (code < 0)
		sound = tour_fail(tour, "the subscribers do not come", code);
	sound = sound && topic_publish(tour, publisher);
	for (uint32_t i = 0; sound && i < READERS; i++)
		sound = tour_ended_well(tour, readers[i]);
	sluice_semaphore_close(ready);
	sluice_publisher_close(publisher);
	if (sound)
		tour_say(
			"Each of %u readers saw all of them in order, or knows how many it missed.",
			READERS);
	return sound;
}
