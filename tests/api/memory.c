/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory.c - shared bytes that grow under everybody's feet without moving, and their mutexes
 */
#include "help.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096u

static struct sluice_memory_options memory_options(uint64_t bytes, uint64_t maximum,
						   uint32_t mutexes)
{
	struct sluice_memory_options options;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.bytes = bytes;
	options.maximum = maximum;
	options.mutexes = mutexes;
	return options;
}

static sluice_memory *open_as(const char *name, struct sluice_memory_options options)
{
	char text[512] = "";
	sluice_memory *memory = NULL;
	int r;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	r = sluice_memory_open(name, &options, &memory);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "open memory %s: %s, %s", name ? name : "(null)",
			  sluice_error_name(r), text);
	return memory;
}

static sluice_memory *attach(const char *name, uint32_t flags)
{
	struct sluice_memory_options options = memory_options(0, 0, 0);

	options.flags = flags;
	return open_as(name, options);
}

static void refuse(const char *name, struct sluice_memory_options options, int code,
		   const char *says)
{
	char text[512] = "";
	sluice_memory *memory = NULL;

	options.diagnostic = text;
	options.diagnostic_size = sizeof(text);
	CHECK_EQ(sluice_memory_open(name, &options, &memory), code);
	CHECK(memory == NULL);
	if (!strstr(text, says))
		test_fail(__FILE__, __LINE__, "'%s' does not say '%s'", text, says);
}

static unsigned char *bytes_of(sluice_memory *memory)
{
	unsigned char *data = (unsigned char *)sluice_memory_data(memory);

	CHECK(data != NULL);
	return data;
}

/* Grown by one: everybody's, zero, and nobody's pointer moved. */
static void grow_one(const char *name, uint64_t maximum)
{
	sluice_memory *one = open_as(name, memory_options(PAGE, maximum, 0)), *two = one;
	unsigned char *first, *second;

	if (name)
		two = attach(name, 0);
	first = bytes_of(one);
	second = bytes_of(two);
	CHECK_EQ(sluice_memory_size(two), PAGE);
	first[PAGE - 1] = 7;
	CHECK_EQ(second[PAGE - 1], 7);
	CHECK_EQ(sluice_memory_resize(one, 3 * PAGE - 5), 0);
	CHECK_EQ(sluice_memory_size(two), 3 * PAGE);
	CHECK(bytes_of(one) == first && bytes_of(two) == second);
	for (unsigned i = 0; i < 2 * PAGE; i++)
		CHECK_EQ(second[PAGE + i], 0);
	second[3 * PAGE - 1] = 9;
	CHECK_EQ(first[3 * PAGE - 1], 9);
	CHECK_EQ(first[PAGE - 1], 7);
	/* Less than there is, is done already. */
	CHECK_EQ(sluice_memory_resize(two, 1), 0);
	CHECK_EQ(sluice_memory_size(one), 3 * PAGE);
	CHECK_EQ(sluice_memory_resize(two, maximum + 1), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_resize(two, UINT64_MAX), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_resize(two, maximum), 0);
	CHECK_EQ(sluice_memory_size(one), (int64_t)maximum);
	first[maximum - 1] = 1;
	CHECK_EQ(second[maximum - 1], 1);
	CHECK_EQ(memory_info(one).bytes, maximum);
	CHECK_EQ(memory_info(one).maximum, maximum);
	if (two != one)
		sluice_memory_close(two);
	sluice_memory_close(one);
	if (name)
		CHECK_EQ(sluice_remove(name), 0);
}

static void grows(void)
{
	grow_one("grows", 64 * PAGE);
}

static void grows_anonymous(void)
{
	grow_one(NULL, 64 * PAGE);
}

static void grows_private(void)
{
	struct sluice_memory_options options = memory_options(PAGE, 64 * PAGE, 1);
	sluice_memory *memory;
	unsigned char *data;

	options.flags = SLUICE_PRIVATE;
	memory = open_as(NULL, options);
	data = bytes_of(memory);
	CHECK_EQ(sluice_memory_resize(memory, 64 * PAGE), 0);
	data[64 * PAGE - 1] = 1;
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, 0), 0);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
	CHECK_EQ(sluice_memory_hold_fd(memory), SLUICE_EOPNOTSUPP);
	sluice_memory_close(memory);
}

/* A memfd that may grow cannot be cut; one that may not cannot be grown either. */
static void sealed(void)
{
	sluice_memory *memory = open_as(NULL, memory_options(PAGE, 2 * PAGE, 0)), *other;
	char name[32];
	int fds[3];

	CHECK_EQ(sluice_memory_share(memory, fds), 3);
	CHECK_EQ(fcntl(fds[0], F_GET_SEALS) & 0xf,
		 F_SEAL_SHRINK | F_SEAL_SEAL); /* not the execute seal */
	CHECK(ftruncate(fds[0], PAGE) < 0);
	snprintf(name, sizeof(name), "fd:%d,%d,%d", fds[0], fds[1], fds[2]);
	other = attach(name, 0);
	CHECK_EQ(sluice_memory_resize(other, 2 * PAGE), 0);
	CHECK_EQ(sluice_memory_size(memory), 2 * PAGE);
	bytes_of(memory)[2 * PAGE - 1] = 3;
	CHECK_EQ(bytes_of(other)[2 * PAGE - 1], 3);
	sluice_memory_close(other);
	sluice_memory_close(memory);
	memory = open_as(NULL, memory_options(PAGE, 0, 0));
	CHECK_EQ(sluice_memory_share(memory, fds), 3);
	CHECK_EQ(fcntl(fds[0], F_GET_SEALS) & 0xf,
		 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL); /* not the execute seal */
	CHECK_EQ(sluice_memory_resize(memory, PAGE + 1), SLUICE_EINVAL);
	sluice_memory_close(memory);
}

/* Three processes raise a counter under a mutex, each in what the last one grew. */
static void grow_together(void)
{
	enum { ROUNDS = 64, CHILDREN = 3 };
	sluice_memory *memory = open_as("together", memory_options(PAGE, 4096 * PAGE, 1));
	pid_t children[CHILDREN];

	for (int c = 0; c < CHILDREN; c++) {
		children[c] = test_fork();
		if (children[c] != 0)
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			int64_t size;

			CHECK_EQ(sluice_memory_mutex_lock(memory, 0, SLUICE_S(60)), 0);
			size = sluice_memory_size(memory);
			CHECK_EQ(sluice_memory_resize(memory, (uint64_t)size + PAGE), 0);
			bytes_of(memory)[size] = 1;
			CHECK_EQ(sluice_memory_mutex_unlock(memory, 0), 0);
		}
		_exit(0);
	}
	for (int c = 0; c < CHILDREN; c++)
		CHECK_EQ(test_wait(children[c]), 0);
	CHECK_EQ(sluice_memory_size(memory), (1 + ROUNDS * CHILDREN) * PAGE);
	for (unsigned i = 1; i <= ROUNDS * CHILDREN; i++)
		CHECK_EQ(bytes_of(memory)[i * PAGE], 1);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("together"), 0);
}

static void read_only(void)
{
	struct sluice_memory_options options = memory_options(PAGE, 8 * PAGE, 2);
	sluice_memory *writer = open_as("looked-at", options), *reader;
	unsigned char copy[16];
	pid_t child;
	int fds[3];

	reader = attach("looked-at", SLUICE_READ_ONLY);
	bytes_of(writer)[5] = 55;
	*sluice_memory_root(writer) = 64;
	CHECK_EQ(bytes_of(reader)[5], 55);
	CHECK_EQ(*sluice_memory_root(reader), 64);
	/* It is not there for anybody else, and may not do anything. */
	CHECK_EQ(memory_info(writer).attached, 1);
	CHECK_EQ(sluice_memory_resize(reader, 2 * PAGE), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_mutex_lock(reader, 0, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_mutex_unlock(reader, 0), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_hold_fd(reader), SLUICE_EOPNOTSUPP);
	CHECK_EQ(sluice_memory_share(reader, fds), 1);
	CHECK_EQ(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(sluice_memory_interrupt(reader), 0);
	/* It sees others grow it. */
	CHECK_EQ(sluice_memory_resize(writer, 8 * PAGE), 0);
	bytes_of(writer)[8 * PAGE - 1] = 77;
	CHECK_EQ(sluice_memory_size(reader), 8 * PAGE);
	CHECK_EQ(bytes_of(reader)[8 * PAGE - 1], 77);
	CHECK_EQ(sluice_memory_copy(reader, 8 * PAGE - 1, copy, 1), 0);
	CHECK_EQ(copy[0], 77);
	child = test_fork();
	if (child == 0) {
		CHECK_EQ(sluice_memory_size(reader), 8 * PAGE); /* usable behind a fork */
		signal(SIGSEGV, SIG_DFL);
		bytes_of(reader)[5] = 56;
		_exit(0);
	}
	CHECK_EQ(test_wait(child), -SIGSEGV);
	CHECK_EQ(bytes_of(writer)[5], 55);
	sluice_memory_close(reader);
	sluice_memory_close(writer);
	CHECK_EQ(sluice_remove("looked-at"), 0);
}

static void read_only_refused(void)
{
	struct sluice_memory_options options = memory_options(0, 0, 0);
	sluice_queue *queue = open_queue("a-queue", 0, 0);

	options.flags = SLUICE_READ_ONLY;
	refuse("absent", options, SLUICE_ENOENT, "absent does not exist");
	refuse("a-queue", options, SLUICE_EMISMATCH, "is a queue, wanted a memory");
	refuse(NULL, options, SLUICE_EINVAL, "READ_ONLY");
	options.flags = SLUICE_READ_ONLY | SLUICE_MUST_CREATE;
	refuse("absent", options, SLUICE_EINVAL, "MUST_CREATE");
	sluice_queue_close(queue);
	CHECK_EQ(sluice_remove("a-queue"), 0);
}

/* The owner of a mutex dies: the next one is told, as with a mutex of its own. */
static void mutex_of_the_dead(void)
{
	sluice_memory *memory = open_as("dead", memory_options(PAGE, 0, 3));
	pid_t child = test_fork();

	if (child == 0) {
		CHECK_EQ(sluice_memory_mutex_lock(memory, 1, 0), 0);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(child), -SIGKILL);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 0, 0), 0);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 2, 0), 0);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 1, SLUICE_S(20)), SLUICE_RECOVERED);
	CHECK_EQ(memory_info(memory).locked, 3);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 1, 0), SLUICE_EDEADLK);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 1), 0);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 1), SLUICE_EPERM);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 1, 0), 0);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 3, 0), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 3), SLUICE_EINVAL);
	/* A close that holds is a death; another handle of this process is told. */
	{
		sluice_memory *other = attach("dead", 0);

		CHECK_EQ(sluice_memory_mutex_lock(other, 1, SLUICE_MS(30)), SLUICE_ETIMEDOUT);
		CHECK_EQ(sluice_memory_mutex_lock(other, 1, SLUICE_NOWAIT), SLUICE_EAGAIN);
		sluice_memory_close(memory);
		CHECK_EQ(memory_info(other).owner_died, 3);
		CHECK_EQ(sluice_memory_mutex_lock(other, 1, 0), SLUICE_RECOVERED);
		sluice_memory_close(other);
	}
	CHECK_EQ(sluice_remove("dead"), 0);
}

static void refused(void)
{
	sluice_memory *memory = open_as("there", memory_options(PAGE, 4 * PAGE, 2));
	struct sluice_memory_options options;

	refuse("there", memory_options(2 * PAGE, 0, 0), SLUICE_EMISMATCH, "has size 4096");
	refuse("there", memory_options(0, PAGE, 0), SLUICE_EMISMATCH, "has maximum 16384");
	refuse("there", memory_options(0, 0, 1), SLUICE_EMISMATCH, "has mutexes 2");
	refuse("new", memory_options(2 * PAGE, PAGE, 0), SLUICE_EINVAL, "raise the maximum");
	refuse("new", memory_options(0, SLUICE_MEMORY_MAX + 1, 0), SLUICE_EINVAL, "at most");
	refuse("new", memory_options(UINT64_MAX, 0, 0), SLUICE_EINVAL, "at most");
	refuse("new", memory_options(0, 0, SLUICE_MEMORY_GATES_MAX + 1), SLUICE_EINVAL, "mutexes");
	options = memory_options(0, 0, 0);
	options.rwlocks = SLUICE_MEMORY_GATES_MAX + 1;
	refuse("new", options, SLUICE_EINVAL, "rwlocks");
	options = memory_options(0, 0, 0);
	options.flags = SLUICE_MUST_CREATE;
	refuse("there", options, SLUICE_EEXIST, "exists already");
	CHECK(sluice_memory_data(NULL) == NULL);
	CHECK(sluice_memory_root(NULL) == NULL);
	CHECK_EQ(sluice_memory_size(NULL), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_resize(NULL, 1), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_copy(memory, PAGE, &options, 0), 0);
	CHECK_EQ(sluice_memory_copy(memory, PAGE, &options, 1), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_copy(memory, UINT64_MAX, &options, 2), SLUICE_EINVAL);
	CHECK_EQ(sluice_memory_copy(memory, 0, NULL, 1), SLUICE_EINVAL);
	sluice_memory_close(NULL);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("there"), 0);
}

/* The size a peer writes down is not believed, and a file that was cut is an error. */
static void not_believed(void)
{
	sluice_memory *memory = open_as("forged", memory_options(PAGE, 4 * PAGE, 0));
	struct sluice_inspection found;
	uint64_t forged = 4 * PAGE, object = 0, data = 0;
	char byte = 0;
	int fd;

	memset(&found, 0, sizeof(found));
	found.size = sizeof(found);
	fd = open(path_of("forged").text, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, &object, sizeof(object), 96), sizeof(object));
	CHECK_EQ(pread(fd, &data, sizeof(data), 112), sizeof(data));
	CHECK_EQ(pwrite(fd, &forged, sizeof(forged), (off_t)object), sizeof(forged));
	CHECK_EQ(sluice_memory_size(memory), SLUICE_ECORRUPT);
	CHECK_EQ(sluice_memory_resize(memory, 2 * PAGE), SLUICE_ECORRUPT);
	CHECK_EQ(sluice_inspect("forged", &found, NULL, 0), 0);
	CHECK_EQ(found.state, SLUICE_ECORRUPT);
	forged = 0;
	CHECK_EQ(pwrite(fd, &forged, sizeof(forged), (off_t)object), sizeof(forged));
	CHECK_EQ(sluice_memory_size(memory), PAGE);
	CHECK_EQ(sluice_memory_copy(memory, 0, &byte, 1), 0);
	CHECK_EQ(ftruncate(fd, (off_t)data), 0);
	CHECK_EQ(sluice_memory_copy(memory, 0, &byte, 1), SLUICE_EREMOVED);
	close(fd);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("forged"), 0);
}

static void looked_at(void)
{
	sluice_memory *memory = open_as("seen", memory_options(PAGE, 4 * PAGE, 2));
	struct sluice_participant people[2];
	struct sluice_inspection found;

	memset(&found, 0, sizeof(found));
	memset(people, 0, sizeof(people));
	found.size = sizeof(found);
	people[0].size = sizeof(people[0]);
	CHECK_EQ(sluice_memory_mutex_lock(memory, 1, 0), 0);
	CHECK_EQ(sluice_memory_resize(memory, 3 * PAGE), 0);
	CHECK_EQ(sluice_inspect("seen", &found, people, 2), 1);
	CHECK_EQ(found.kind, SLUICE_KIND_MEMORY);
	CHECK_EQ(found.state, 0);
	CHECK_EQ(found.memory.bytes, 3 * PAGE);
	CHECK_EQ(found.memory.maximum, 4 * PAGE);
	CHECK_EQ(found.memory.locked, 1);
	CHECK_EQ(people[0].doing, SLUICE_DOING_HOLD);
	CHECK_STR(sluice_kind_name(found.kind), "memory");
	CHECK_EQ(sluice_memory_mutex_unlock(memory, 1), 0);
	sluice_memory_close(memory);
	/* Data is content. */
	CHECK_EQ(sluice_clean(NULL, 0, NULL, NULL), 0);
	memory = attach("seen", SLUICE_MUST_EXIST);
	CHECK_EQ(sluice_memory_size(memory), 3 * PAGE);
	CHECK_EQ(sluice_remove("seen"), 0);
	CHECK_EQ(sluice_memory_size(memory), SLUICE_EREMOVED);
	bytes_of(memory)[3 * PAGE - 1] = 1; /* still mapped */
	sluice_memory_close(memory);
}

/* 16 GiB are address space and not memory; grown to a few MiB while others use it. */
static void large_maximum(void)
{
	const uint64_t step = 1 << 20;
	sluice_memory *memory;

	if (sizeof(void *) < 8)
		return;
	memory = open_as("large", memory_options(PAGE, UINT64_C(16) << 30, 0));
	for (uint64_t i = 1; i <= 16; i++) {
		CHECK_EQ(sluice_memory_resize(memory, i * step), 0);
		bytes_of(memory)[i * step - 1] = (unsigned char)i;
	}
	CHECK_EQ(sluice_memory_size(memory), 16 * (int64_t)step);
	sluice_memory_close(memory);
	CHECK_EQ(sluice_remove("large"), 0);
}

int main(void)
{
	test_begin();
	RUN(grows);
	RUN(grows_anonymous);
	RUN(grows_private);
	RUN(sealed);
	RUN(grow_together);
	RUN(read_only);
	RUN(read_only_refused);
	RUN(mutex_of_the_dead);
	RUN(refused);
	RUN(not_believed);
	RUN(looked_at);
	RUN(large_maximum);
	return test_end();
}
