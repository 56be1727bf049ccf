/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * many.c - many senders and receivers with random types, sizes and timeouts: each message exactly
 * once, and of one type from one sender in order
 */
#include "../api/help.h"

#include <sys/mman.h>

#define SENDERS 6
#define RECEIVERS 6
#define EACH 1000000u
#define TYPES 4

struct shared {
	uint32_t stop; /* 1: senders, 2: receivers */
	uint32_t sent[SENDERS];
	uint8_t received[SENDERS][EACH];
};

static struct shared *shared;

struct letter {
	uint32_t sender, number, size, check;
	unsigned char bytes[2000];
};

static struct sluice_queue_options options_here(void)
{
	struct sluice_queue_options options = queue_options();

	options.capacity = 65536;
	options.message_max = sizeof(struct letter);
	return options;
}

static int64_t any_timeout(void)
{
	switch (test_random_below(4)) {
	case 0:
		return SLUICE_NOWAIT;
	case 1:
		return (int64_t)(1 + test_random_below(2000000));
	case 2:
		return SLUICE_MS(50);
	default:
		return SLUICE_S(5);
	}
}

static int is_nothing(int64_t r)
{
	return r == SLUICE_EAGAIN || r == SLUICE_ETIMEDOUT;
}

static void write_letter(struct letter *letter, uint32_t sender, uint32_t number)
{
	letter->sender = sender;
	letter->number = number;
	letter->size = (uint32_t)(16 + (test_random_below(6) ? test_random_below(100)
							     : test_random_below(2001)));
	letter->check = sender * 7919 + number * 31 + letter->size;
	memset(letter->bytes, (int)(letter->check & 0xff), letter->size - 16);
}

static void be_sender(uint32_t me)
{
	sluice_queue *queue = open_queue_as("many", options_here());
	struct letter letters[8];
	uint32_t next = 0;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE) && next + 8 < EACH) {
		uint64_t how = test_random_below(4);
		int64_t type = (int64_t)(1 + test_random_below(TYPES)), r;

		write_letter(&letters[0], me, next);
		if (how == 0) {
			struct sluice_send_item items[8];

			memset(items, 0, sizeof(items));
			for (uint32_t i = 0; i < 8; i++) {
				write_letter(&letters[i], me, next + i);
				items[i].type = (int64_t)(1 + test_random_below(TYPES));
				items[i].data = &letters[i];
				items[i].size = letters[i].size;
			}
			r = sluice_queue_send_many(queue, items, 8, any_timeout());
			next += r > 0 ? (uint32_t)r : 0;
		} else if (how == 1) {
			void *room;

			r = sluice_queue_reserve(queue, letters[0].size, &room, any_timeout());
			if (r == 0) {
				memcpy(room, &letters[0], letters[0].size);
				r = sluice_queue_commit(queue, room, type, letters[0].size);
				next++;
			}
		} else {
			r = sluice_queue_send(queue, type, &letters[0], letters[0].size,
					      any_timeout());
			next += r == 0;
		}
		CHECK(r >= 0 || is_nothing(r));
	}
	shared->sent[me] = next;
	sluice_queue_close(queue);
}

static void read_letter(const struct letter *letter, size_t size)
{
	CHECK_GE(size, 16);
	CHECK_EQ(letter->size, size);
	CHECK_LT(letter->sender, SENDERS);
	CHECK_LT(letter->number, EACH);
	CHECK_EQ(letter->check, letter->sender * 7919 + letter->number * 31 + letter->size);
	for (size_t i = 0; i < size - 16; i++)
		CHECK_EQ(letter->bytes[i], letter->check & 0xff);
	CHECK_EQ(__atomic_fetch_add(&shared->received[letter->sender][letter->number], 1,
				    __ATOMIC_RELAXED),
		 0);
}

static int receive_some(sluice_queue *queue, struct letter letters[8], uint32_t last[SENDERS],
			int64_t only)
{
	uint64_t how = test_random_below(4), what = test_random_below(4);
	int64_t type = what < 2    ? 0
		       : what == 2 ? (int64_t)(1 + test_random_below(TYPES))
				   : -(int64_t)(1 + test_random_below(TYPES));
	int64_t r;

	if (only)
		type = only;
	if (how == 0) {
		struct sluice_receive_item slots[8];

		memset(slots, 0, sizeof(slots));
		for (int i = 0; i < 8; i++) {
			slots[i].buffer = &letters[i];
			slots[i].capacity = sizeof(letters[i]);
		}
		r = sluice_queue_receive_many(queue, type, slots, 8, any_timeout());
		for (int64_t i = 0; i < r; i++)
			read_letter(&letters[i], slots[i].length);
	} else if (how == 1) {
		const void *data;

		r = sluice_queue_borrow(queue, type, &data, NULL, any_timeout());
		if (r >= 0) {
			memcpy(&letters[0], data, (size_t)r);
			read_letter(&letters[0], (size_t)r);
			CHECK_EQ(sluice_queue_consume(queue, data), 0);
			r = 1;
		}
	} else {
		r = sluice_queue_receive(queue, type, &letters[0], sizeof(letters[0]), NULL,
					 any_timeout());
		if (r >= 0)
			read_letter(&letters[0], (size_t)r);
		r = r < 0 ? r : 1;
	}
	CHECK(r >= 0 || is_nothing(r));
	/* The only receiver of a type sees each sender's in order. */
	for (int64_t i = 0; only && i < r; i++) {
		CHECK_GE(letters[i].number, last[letters[i].sender]);
		last[letters[i].sender] = letters[i].number;
	}
	return r > 0;
}

static void be_receiver(void)
{
	sluice_queue *queue = open_queue_as("many", options_here());
	uint32_t last[SENDERS] = { 0 };
	struct letter letters[8];

	for (;;) {
		int done = __atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE) == 2;

		if (!receive_some(queue, letters, last, 0) && done && !queue_info(queue).messages)
			break;
	}
	sluice_queue_close(queue);
}

static void be_only_receiver(int64_t type)
{
	sluice_queue *queue = open_queue_as("many", options_here());
	uint32_t last[SENDERS] = { 0 };
	struct letter letters[8];

	for (;;) {
		int done = __atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE) == 2;

		if (!receive_some(queue, letters, last, type) && done &&
		    !queue_info(queue).messages)
			break;
	}
	sluice_queue_close(queue);
}

static void traffic(int typed)
{
	pid_t senders[SENDERS], receivers[RECEIVERS];
	int count = typed ? TYPES : RECEIVERS;
	struct sluice_queue_info info;
	sluice_queue *queue = open_queue_as("many", options_here());
	uint64_t total = 0;

	memset(shared, 0, sizeof(*shared));
	for (int i = 0; i < count; i++) {
		receivers[i] = test_fork();
		if (receivers[i] == 0) {
			if (typed)
				be_only_receiver(i + 1);
			else
				be_receiver();
			_exit(0);
		}
	}
	for (uint32_t i = 0; i < SENDERS; i++) {
		senders[i] = test_fork();
		if (senders[i] == 0) {
			be_sender(i);
			_exit(0);
		}
	}
	test_sleep_ms(3000);
	__atomic_store_n(&shared->stop, 1u, __ATOMIC_RELEASE);
	for (int i = 0; i < SENDERS; i++)
		test_wait_ok(senders[i]);
	__atomic_store_n(&shared->stop, 2u, __ATOMIC_RELEASE);
	for (int i = 0; i < count; i++)
		test_wait_ok(receivers[i]);
	for (int i = 0; i < SENDERS; i++) {
		total += shared->sent[i];
		for (uint32_t k = 0; k < EACH; k++)
			CHECK_EQ(shared->received[i][k], k < shared->sent[i]);
	}
	info = queue_info(queue);
	printf("    %" PRIu64 " messages\n", total);
	CHECK_EQ(info.sent, total);
	CHECK_EQ(info.received, total);
	CHECK_EQ(info.messages, 0);
	CHECK_EQ(info.repairs, 0);
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("many"), 0);
	CHECK_EQ(count_entries(test_directory()), 0);
}

static void everybody_takes_anything(void)
{
	traffic(0);
}

static void one_receiver_a_type(void)
{
	traffic(1);
}

int main(void)
{
	test_begin();
	shared = (struct shared *)mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	RUN(everybody_takes_anything);
	RUN(one_receiver_a_type);
	return test_end();
}
