/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_corrupt.c - a peer that stores anything anywhere at any time
 *
 * In rounds: a queue, a mutex or a topic, processes that work on it, and one that scribbles over all of its
 * segment as fast as it can: random bits, numbers at the edges, words that look like truth words,
 * stamps of living and dead places. Now and then it puts everything back, so that the others get
 * deep into their work again. Wrong data and SLUICE_ECORRUPT are allowed. A crash, a sanitizer's
 * report, an operation that does not end within two seconds are not. When the fire is over, the
 * others have to end as well, with whatever is left there.
 *
 *	fuzz_corrupt [--seconds N]
 */
#include "fuzz.h"
#include "fuzz_topic.h"

#include <getopt.h>

#define WORKERS 2
#define ROUND_MS 200
#define AFTERWARDS 64

struct round {
	uint32_t number;
	bool is_mutex, is_topic, is_rwlock, is_barrier;
	struct progress *progress[WORKERS];
	pid_t workers[WORKERS];
	pid_t scribbler;
};

/* ---- the scribbler -------------------------------------------------------------------------- */

struct target {
	unsigned char *base, *pristine;
	uint64_t size, places, control, control_size, data, lines;
	bool is_topic;
};

static void target_map(struct target *target, const char *name)
{
	char path[512];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	target->size = (uint64_t)st.st_size;
	target->base = (unsigned char *)mmap(NULL, target->size, PROT_READ | PROT_WRITE, MAP_SHARED,
					     fd, 0);
	CHECK(target->base != MAP_FAILED);
	close(fd);
	target->pristine = (unsigned char *)malloc(target->size);
	CHECK(target->pristine != NULL);
	memcpy(target->pristine, target->base, target->size);
	target->places = ((struct sli_header *)(void *)target->pristine)->places_offset;
	target->control = ((struct sli_header *)(void *)target->pristine)->object_offset;
	target->control_size = ((struct sli_header *)(void *)target->pristine)->object_size;
	target->is_topic = ((struct sli_header *)(void *)target->pristine)->kind ==
			   SLUICE_KIND_TOPIC;
	target->data = ((struct sli_header *)(void *)target->pristine)->data_offset;
	target->lines = ((struct sli_header *)(void *)target->pristine)->data_size / SLI_LINE;
}

static uint64_t scribble_where(const struct target *target)
{
	switch (test_random_below(16)) {
	case 0:
		return test_random_below(256); /* read only once; rarely worth it */
	case 1:
		return 256 + test_random_below(32);
	case 2:
	case 3:
		return target->places + test_random_below(6 * 128);
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		return target->control + test_random_below(target->is_topic && test_random_below(2)
								   ? target->control_size
								   : 512);
	case 9:
		return test_random_below(target->size);
	default:
		if (!target->lines)
			return target->control + test_random_below(8);
		/* the header of a record */
		return target->data + test_random_below(target->lines) * SLI_LINE +
		       test_random_below(32);
	}
}

static uint64_t scribble_truth(const struct target *target, uint64_t at)
{
	uint64_t line = target->lines && at >= target->data ? (at - target->data) / SLI_LINE : 0;
	uint64_t lap = test_random_below(3) * target->lines;

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

static uint64_t scribble_value(const struct target *target, uint64_t at)
{
	static const uint64_t edges[] = { 0,
					  1,
					  2,
					  UINT64_MAX,
					  INT64_MAX,
					  (uint64_t)INT64_MIN,
					  UINT32_MAX,
					  INT32_MAX,
					  0x80000000u,
					  0x40000000u,
					  (UINT64_C(1) << 48) - 1 };
	uint64_t word = 0;

	if (target->is_topic && test_random_below(3) == 0)
		return scribble_topic_word();
	switch (test_random_below(8)) {
	case 0:
		return test_random();
	case 1:
		return edges[test_random_below(sizeof(edges) / sizeof(edges[0]))];
	case 2:
		return target->lines + test_random_below(5) - 2;
	case 3:
		memcpy(&word, target->base + (at & ~UINT64_C(7)), sizeof(word));
		return word ^ UINT64_C(1) << test_random_below(64);
	case 4:
		return sli_stamp((uint32_t)test_random_below(6), (uint32_t)test_random_below(3)) |
		       (test_random_below(2) ? SLI_LOCK_WAITERS : 0);
	case 5:
		memcpy(&word, target->base + (test_random_below(target->size) & ~UINT64_C(7)),
		       sizeof(word));
		return word;
	default:
		return scribble_truth(target, at);
	}
}

static void scribble_once(struct target *target)
{
	uint64_t at = scribble_where(target), value, size = UINT64_C(8) >> test_random_below(3);

	if (test_random_below(32))
		at &= ~(size - 1);
	if (at + size > target->size)
		return;
	value = scribble_value(target, at);
	memcpy(target->base + at, &value, (size_t)size);
}

/* As it was: header and control words, or everything. */
static void scribble_restore(struct target *target)
{
	uint64_t end = test_random_below(2) ? target->size : target->control + 512;

	if (test_random_below(2))
		memcpy(target->base, target->pristine, target->places);
	else
		memset(target->base + 256, 0, 4); /* life */
	if (test_random_below(3) == 0)
		memcpy(target->base + target->control, target->pristine + target->control,
		       (size_t)(end - target->control));
}

static void scribble(void *context)
{
	struct target target;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	target_map(&target, (const char *)context);
	for (;;) {
		for (uint64_t n = test_random_below(40); n; n--)
			scribble_once(&target);
		for (uint64_t n = test_random_below(3000); n; n--)
			__asm__ __volatile__("" ::: "memory");
		if (test_random_below(16) == 0)
			scribble_restore(&target);
	}
}

/* ---- the workers ---------------------------------------------------------------------------- */

static int work_open(const struct round *round, struct fuzz *fuzz, bool is_first)
{
	if (round->is_mutex)
		return fuzz_open_mutex(fuzz);
	if (round->is_rwlock)
		return fuzz_open_rwlock(fuzz);
	if (round->is_barrier)
		return fuzz_open_barrier(fuzz);
	return round->is_topic ? fuzz_open_topic(fuzz, !is_first) : fuzz_open_queue(fuzz);
}

static void work(struct round *round, struct progress *progress, bool is_first)
{
	struct fuzz fuzz = { .progress = progress, .name = "fire" };
	uint32_t left = AFTERWARDS;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint32_t n = 0; left; n++) {
		if (__atomic_load_n(&progress->last, __ATOMIC_SEQ_CST))
			left--;
		if (!fuzz.queue && !fuzz.mutex && !fuzz.rwlock && !fuzz.barrier &&
		    !fuzz.publisher && !fuzz.subscriber) {
			int r = work_open(round, &fuzz, is_first);

			if (r < 0) {
				test_sleep_ms(1);
				fuzz_look(&fuzz);
				continue;
			}
			if (is_first)
				progress->at = 1;
		}
		if (round->is_mutex)
			fuzz_mutex(&fuzz);
		else if (round->is_rwlock)
			fuzz_rwlock(&fuzz);
		else if (round->is_barrier)
			fuzz_barrier(&fuzz);
		else if (round->is_topic)
			fuzz_topic(&fuzz);
		else
			fuzz_queue(&fuzz);
		if (test_random_below(1000) == 0)
			fuzz_close(&fuzz);
	}
	fuzz_close(&fuzz);
}

static void round_begin_topic(void)
{
	static const uint64_t message_maxs[] = { 200, 40, 5000 };
	struct sluice_topic_options options = { .size = sizeof(options), .depth = 4 };
	sluice_publisher *publisher;

	options.message_max = message_maxs[test_random_below(3)];
	options.subscribers = options.publishers = 3;
	options.loans = options.borrows = 2;
	CHECK_EQ(sluice_publisher_open("fire", &options, &publisher), 0);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(sluice_publisher_publish(publisher, "x", 1, SLUICE_NOWAIT), 0);
	sluice_publisher_close(publisher);
}

static void round_begin(struct round *round)
{
	static const uint64_t message_maxs[] = { 480, 64, 6000, 1 };
	struct sluice_queue_options options = { .size = sizeof(options), .participants = 6 };
	struct sluice_mutex_options mutex_options = { .size = sizeof(mutex_options),
						      .participants = 6 };
	sluice_queue *queue;
	struct sluice_rwlock_options rwlock_options = { .size = sizeof(rwlock_options),
							.participants = 6 };
	sluice_mutex *mutex;
	struct sluice_barrier_options barrier_options = { .size = sizeof(barrier_options),
							  .participants = 6,
							  .parties = 2 };
	sluice_rwlock *rwlock;
	sluice_barrier *barrier;

	if (round->is_mutex) {
		CHECK_EQ(sluice_mutex_open("fire", &mutex_options, &mutex), 0);
		sluice_mutex_close(mutex);
		return;
	}
	if (round->is_barrier) {
		CHECK_EQ(sluice_barrier_open("fire", &barrier_options, &barrier), 0);
		sluice_barrier_close(barrier);
		return;
	}
	if (round->is_rwlock) {
		CHECK_EQ(sluice_rwlock_open("fire", &rwlock_options, &rwlock), 0);
		sluice_rwlock_close(rwlock);
		return;
	}
	if (round->is_topic) {
		round_begin_topic();
		return;
	}
	options.message_max = message_maxs[test_random_below(4)];
	options.capacity = sli_ring_min_lines(options.message_max) * SLI_LINE;
	options.messages_max = test_random_below(4) ? 0 : 10;
	CHECK_EQ(sluice_queue_open("fire", &options, &queue), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(sluice_queue_send(queue, i % 3 + 1, "x", 1, SLUICE_NOWAIT), 0);
	sluice_queue_close(queue);
}

static void round_run(struct round *round)
{
	int64_t end;
	uint32_t ended = 0;
	bool over[WORKERS] = { false };

	round_begin(round);
	for (uint32_t i = 0; i < WORKERS; i++) {
		memset(round->progress[i], 0, sizeof(struct progress));
		round->workers[i] = test_fork();
		if (round->workers[i] == 0) {
			work(round, round->progress[i], i == 0);
			_exit(0);
		}
	}
	test_sleep_ms(5);
	round->scribbler = test_spawn(scribble, (void *)(uintptr_t) "fire");
	end = test_now_ns() + ROUND_MS * INT64_C(1000000);
	while (ended < WORKERS) {
		test_sleep_ms(2);
		if (round->scribbler && test_now_ns() > end) {
			test_kill(round->scribbler);
			round->scribbler = 0;
			for (uint32_t i = 0; i < WORKERS; i++)
				__atomic_store_n(&round->progress[i]->last, 1u, __ATOMIC_SEQ_CST);
		}
		for (uint32_t i = 0; i < WORKERS; i++)
			if (!over[i] &&
			    fuzz_watch(round->workers[i], round->progress[i], "worker")) {
				over[i] = true;
				ended++;
			}
	}
	if (sluice_remove("fire") < 0)
		CHECK(sluice_clean(NULL, SLUICE_CLEAN_CONTENT, NULL, NULL) >= 0);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { 0 } };
	struct round round = { 0 };
	uint64_t operations = 0, refused = 0;
	int64_t end, seconds = 20;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's')
			return 2;
		seconds = atoi(optarg);
	}
	test_begin();
	for (uint32_t i = 0; i < WORKERS; i++)
		round.progress[i] = progress_new();
	for (end = test_now_ns() + seconds * 1000000000; test_now_ns() < end; round.number++) {
		round.is_mutex = round.number % 8 == 7;
		round.is_topic = round.number % 8 < 3;
		round.is_rwlock = round.number % 8 == 5;
		round.is_barrier = round.number % 8 == 3;
		round_run(&round);
		for (uint32_t i = 0; i < WORKERS; i++) {
			operations += round.progress[i]->count;
			refused += round.progress[i]->refused;
		}
	}
	printf("%u rounds, %llu operations under fire, %llu refused as corrupt\n", round.number,
	       (unsigned long long)operations, (unsigned long long)refused);
	return test_end();
}
