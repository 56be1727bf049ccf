/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * layout.c - a queue's and a mutex's file, byte by byte, as docs/layout.md says
 *
 * The offsets are written out here, not taken from the structs, so that a struct that moves is seen.
 */
#include "object/mutex.h"
#include "object/queue.h"
#include "test.h"

#include <sluice.h>
#include <sys/mman.h>

static unsigned char *bytes;
static size_t size;

static uint32_t u32(uint64_t at)
{
	uint32_t value;

	CHECK_LT(at + 4, size + 1);
	memcpy(&value, bytes + at, 4);
	return value;
}

static uint64_t u64(uint64_t at)
{
	uint64_t value;

	CHECK_LT(at + 8, size + 1);
	memcpy(&value, bytes + at, 8);
	return value;
}

static void zeros(uint64_t from, uint64_t to)
{
	for (size_t i = (size_t)from; i < to; i++)
		if (bytes[i])
			test_fail(__FILE__, __LINE__, "byte %zu is %u", i, bytes[i]);
}

static void map(const char *name)
{
	char path[512];
	struct stat st;
	int fd;

	CHECK_GE(sluice_path(name, path, sizeof(path)), 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_GE(fd, 0);
	CHECK_EQ(fstat(fd, &st), 0);
	size = (size_t)st.st_size;
	bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(bytes != MAP_FAILED);
	close(fd);
}

static void check_header(uint32_t kind, uint32_t flags, uint32_t places, uint64_t tag)
{
	CHECK_MEM(bytes, "SLUICE\n\x1a", 8);
	CHECK_EQ(u32(8), 0x01020304);
	CHECK_EQ(u32(12), 1);
	CHECK_EQ(u32(16), kind);
	CHECK_EQ(u32(20), flags);
	CHECK_EQ(u64(24), 0);
	CHECK_EQ(u64(32), 0);
	CHECK_EQ(u64(40), size);
	CHECK_EQ(u64(48), tag);
	CHECK_EQ(u32(80), places);
	CHECK_EQ(u32(84), 128);
	CHECK_EQ(u64(88), 512);
	zeros(176, 256);
	zeros(256, 260); /* life */
	zeros(280, 512);
}

/* One place, in use. */
static void check_place(size_t at, uint32_t generation, uint32_t roles)
{
	CHECK_EQ(u32(at), generation << 16 | roles << 1 | 1);
	CHECK_EQ(u32(at + 4), getpid());
	CHECK_NE(u64(at + 8), 0);
	CHECK_EQ(u64(at + 48) % 4096, 0); /* where it is mapped */
	zeros(at + 56, at + 64);
}

static void a_queue(void)
{
	struct sluice_queue_options options = { .size = sizeof(options) };
	sluice_queue *queue = NULL;
	uint64_t object, data;

	options.capacity = 65536;
	options.message_max = 1000;
	options.messages_max = 77;
	options.participants = 5;
	options.tag = UINT64_C(0x1122334455667788);
	CHECK_EQ(sluice_queue_open("golden", &options, &queue), 0);
	CHECK_EQ(sluice_queue_send(queue, 42, "hello", 5, 0), 0);
	CHECK_EQ(sluice_queue_send(queue, 43, NULL, 0, 0), 0);
	map("golden");
	check_header(SLUICE_KIND_QUEUE, 0, 5, options.tag);
	CHECK_EQ(u32(260), 3); /* roles seen */
	CHECK_EQ(u32(264), 1); /* places used */
	CHECK_EQ(u64(272), 0); /* repairs */
	object = u64(96);
	data = u64(112);
	CHECK_EQ(object, 512 + 5 * 128);
	CHECK_EQ(u64(104), 512);
	CHECK_EQ(data, object + 512);
	CHECK_EQ(u64(120), 65536);
	CHECK_EQ(size, 4096 + 65536);
	CHECK_EQ(u64(128), 1024);
	CHECK_EQ(u64(136), 1000);
	CHECK_EQ(u64(144), 77);
	check_place(512, 1, 3);
	zeros(512 + 128, object);
	/* Senders: lock, tail, next. */
	CHECK_EQ(u32(object), 0);
	CHECK_EQ(u64(object + 8), 2);
	CHECK_EQ(u64(object + 16), 2);
	/* Receivers: lock, head, gone, aborted, holes, rotated, the intent. */
	zeros(object + 128, object + 256);
	/* The first record: COMMITTED by place 0 at position 0. */
	CHECK_EQ(u64(data), UINT64_C(1) << 61);
	CHECK_EQ(u32(data + 8), 5);
	CHECK_EQ(u32(data + 12), 1);
	CHECK_EQ(u64(data + 16), 42);
	CHECK_EQ(u64(data + 24), 0);
	CHECK_MEM(bytes + data + 32, "hello", 5);
	CHECK_EQ(u64(data + 64), UINT64_C(1) << 61 | 1);
	CHECK_EQ(u32(data + 72), 0);
	CHECK_EQ(u64(data + 80), 43);
	CHECK_EQ(u64(data + 88), 1 << 2);
	/* The log ends. */
	zeros(data + 128, data + 192);
	sluice_queue_close(queue);
	CHECK_EQ(u32(512), 1 << 16);
	munmap(bytes, size);
	CHECK_EQ(sluice_remove("golden"), 0);
}

static void a_mutex(void)
{
	struct sluice_mutex_options options = { .size = sizeof(options) };
	sluice_mutex *mutex = NULL;

	options.flags = SLUICE_EPHEMERAL;
	CHECK_EQ(sluice_mutex_open("golden", &options, &mutex), 0);
	map("golden");
	check_header(SLUICE_KIND_MUTEX, 1, 1024, 0);
	CHECK_EQ(u64(96), 512 + 1024 * 128);
	check_place(512, 1, 0);
	CHECK_EQ(u32(u64(96)), 0);
	CHECK_EQ(sluice_mutex_lock(mutex, 0), 0);
	/* Generation 1, place 0. */
	CHECK_EQ(u32(u64(96)), 1 << 14 | 1);
	CHECK_EQ(sluice_mutex_unlock(mutex), 0);
	CHECK_EQ(u32(u64(96)), 0);
	munmap(bytes, size);
	sluice_mutex_close(mutex);
}

int main(void)
{
	test_begin();
	RUN(a_queue);
	RUN(a_mutex);
	return test_end();
}
