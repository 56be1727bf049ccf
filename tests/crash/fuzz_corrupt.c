/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_corrupt.c - a peer that stores anything anywhere at any time
 *
 * Rounds as fire.h has them, on a queue, a topic, a mutex, a reader-writer lock or a barrier: random bits,
 * numbers at the edges, words that look like truth words, stamps of living and dead places.
 *
 *	fuzz_corrupt [--seconds N]
 */
#include "fire.h"
#include "fuzz_topic.h"

#define NAME "fire"
#define PLACES 6u

static uint32_t kind; /* of the object that this round is about */

/* ---- the workers ---------------------------------------------------------------------------- */

static int work_open(struct fuzz *fuzz, uint32_t worker)
{
	switch (kind) {
	case SLUICE_KIND_MUTEX:
		return fuzz_open_mutex(fuzz);
	case SLUICE_KIND_RWLOCK:
		return fuzz_open_rwlock(fuzz);
	case SLUICE_KIND_BARRIER:
		return fuzz_open_barrier(fuzz);
	case SLUICE_KIND_TOPIC:
		return fuzz_open_topic(fuzz, worker != 0);
	default:
		return fuzz_open_queue(fuzz);
	}
}

static void work_once(struct fuzz *fuzz)
{
	switch (kind) {
	case SLUICE_KIND_MUTEX:
		fuzz_mutex(fuzz);
		break;
	case SLUICE_KIND_RWLOCK:
		fuzz_rwlock(fuzz);
		break;
	case SLUICE_KIND_BARRIER:
		fuzz_barrier(fuzz);
		break;
	case SLUICE_KIND_TOPIC:
		fuzz_topic(fuzz);
		break;
	default:
		fuzz_queue(fuzz);
	}
}

static void work(const struct fire *fire, struct progress *progress, uint32_t worker)
{
	struct fuzz fuzz = { .progress = progress, .name = NAME };
	uint32_t left = FIRE_AFTERWARDS;
	bool is_open = false;

	(void)fire;
	while (fire_goes_on(progress, &left)) {
		int r = is_open ? 0 : work_open(&fuzz, worker);

		if (r < 0) {
			fire_rest(&fuzz, r, &left);
			continue;
		}
		is_open = true;
		work_once(&fuzz);
		if (fire_opens_anew(&fuzz)) {
			fuzz_close(&fuzz);
			is_open = false;
		}
	}
	fuzz_close(&fuzz);
}

/* ---- what is stored where -------------------------------------------------------------------- */

static uint64_t where(const struct canvas *canvas)
{
	uint64_t most = SLI_MIN(canvas->control_size, UINT64_C(512));

	switch (test_random_below(16)) {
	case 0:
	case 1:
		return canvas_header();
	case 2:
	case 3:
		return canvas_place(canvas);
	case 4:
		return canvas->control + test_random_below(canvas->control_size);
	case 5:
	case 6:
	case 7:
	case 8:
		return canvas->control + test_random_below(most);
	case 9:
		return test_random_below(canvas->size);
	default:
		if (!canvas->data_size)
			return canvas->control + test_random_below(8);
		/* the header of a record */
		return canvas->data + test_random_below(canvas->data_size / SLI_LINE) * SLI_LINE +
		       test_random_below(32);
	}
}

static uint64_t scribble_truth(const struct canvas *canvas, uint64_t at)
{
	uint64_t line = at >= canvas->data ? (at - canvas->data) / SLI_LINE : 0;
	uint64_t lap = test_random_below(3) * (canvas->data_size / SLI_LINE);

	return sli_truth((enum sli_record_state)test_random_below(8),
			 (uint32_t)test_random_below(8),
			 line + lap + (test_random_below(8) ? 0 : test_random_below(4)));
}

/* What a topic's words look like: an entry's, a chunk's truth, a slot's state, a chunk's number. */
static uint64_t scribble_topic_word(void)
{
	uint64_t number = test_random_below(40);

	switch (test_random_below(4)) {
	case 0:
		return sli_topic_word(number, (enum sli_topic_state)test_random_below(4));
	case 1:
		return sli_chunk((enum sli_chunk_state)test_random_below(4),
				 (uint32_t)test_random_below(6), number);
	case 2:
		return test_random_below(3) << SLI_TOPIC_GENERATION_SHIFT |
		       test_random_below(5) << SLI_TOPIC_POLICY_SHIFT | test_random_below(4);
	default:
		return test_random_below(2) ? number : number << 32 | SLI_TOPIC_NO_CHUNK;
	}
}

static uint64_t value(const struct canvas *canvas, uint64_t at)
{
	uint64_t which = test_random_below(8);

	if (canvas->kind == SLUICE_KIND_TOPIC && which < 3)
		return scribble_topic_word();
	if (canvas->kind == SLUICE_KIND_QUEUE && which < 2)
		return scribble_truth(canvas, at);
	if (which == 3)
		return canvas->data_size / SLI_LINE + test_random_below(5) - 2;
	return canvas_value(canvas, at);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void make_topic(void)
{
	static const uint64_t message_maxs[] = { 200, 40, 5000 };
	struct sluice_topic_options options = { .size = sizeof(options), .depth = 4 };
	sluice_publisher *publisher;

	options.message_max = message_maxs[test_random_below(3)];
	options.subscribers = options.publishers = 3;
	options.loans = options.borrows = 2;
	CHECK_EQ(sluice_publisher_open(NAME, &options, &publisher), 0);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(sluice_publisher_publish(publisher, "x", 1, SLUICE_NOWAIT), 0);
	sluice_publisher_close(publisher);
}

static void make_queue(void)
{
	static const uint64_t message_maxs[] = { 480, 64, 6000, 1 };
	struct sluice_queue_options options = { .size = sizeof(options), .participants = PLACES };
	sluice_queue *queue;

	options.message_max = message_maxs[test_random_below(4)];
	options.capacity = sli_ring_min_lines(options.message_max) * SLI_LINE;
	options.messages_max = test_random_below(4) ? 0 : 10;
	CHECK_EQ(sluice_queue_open(NAME, &options, &queue), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(sluice_queue_send(queue, i % 3 + 1, "x", 1, SLUICE_NOWAIT), 0);
	sluice_queue_close(queue);
}

static void make_mutex(void)
{
	struct sluice_mutex_options options = { .size = sizeof(options), .participants = PLACES };
	sluice_mutex *mutex;

	CHECK_EQ(sluice_mutex_open(NAME, &options, &mutex), 0);
	sluice_mutex_close(mutex);
}

static void make_rwlock(void)
{
	struct sluice_rwlock_options options = { .size = sizeof(options), .participants = PLACES };
	sluice_rwlock *rwlock;

	CHECK_EQ(sluice_rwlock_open(NAME, &options, &rwlock), 0);
	sluice_rwlock_close(rwlock);
}

static void make_barrier(void)
{
	struct sluice_barrier_options options = { .size = sizeof(options),
						  .participants = PLACES,
						  .parties = 2 };
	sluice_barrier *barrier;

	CHECK_EQ(sluice_barrier_open(NAME, &options, &barrier), 0);
	sluice_barrier_close(barrier);
}

static void make(const struct fire *fire)
{
	(void)fire;
	switch (kind) {
	case SLUICE_KIND_MUTEX:
		make_mutex();
		break;
	case SLUICE_KIND_RWLOCK:
		make_rwlock();
		break;
	case SLUICE_KIND_BARRIER:
		make_barrier();
		break;
	case SLUICE_KIND_TOPIC:
		make_topic();
		break;
	default:
		make_queue();
	}
}

static void next(struct fire *fire)
{
	static const uint32_t kinds[] = { SLUICE_KIND_TOPIC, SLUICE_KIND_QUEUE,
					  SLUICE_KIND_TOPIC, SLUICE_KIND_BARRIER,
					  SLUICE_KIND_QUEUE, SLUICE_KIND_RWLOCK,
					  SLUICE_KIND_QUEUE, SLUICE_KIND_MUTEX };

	kind = kinds[fire->number % (sizeof(kinds) / sizeof(kinds[0]))];
}

int main(int argc, char **argv)
{
	struct fire fire = { .names = { NAME },
			     .seconds = 20,
			     .make = make,
			     .work = work,
			     .where = where,
			     .value = value };

	return fire_main(&fire, argc, argv, next);
}
