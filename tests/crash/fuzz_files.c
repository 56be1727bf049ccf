/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * fuzz_files.c - attach to what is damaged already
 *
 * A segment with messages, loans of a dead participant and sleepers' marks is copied; in the copy
 * one word is changed: each of its bits, and numbers at the edges. Somebody attaches and does 32
 * operations, as in fuzz_corrupt.c: no crash, no sanitizer's report, nothing that does not end. Then
 * files that are cut off, empty, zero, random, or no files: open, inspect, list, clean and remove say
 * what is wrong and go on.
 *
 *	fuzz_files [--all]
 *
 * By default every eighth change, beginning at a random one; with --all, all of them.
 */
#include "fuzz.h"

#include <getopt.h>

#define OPERATIONS 32
#define RECORDS 24
#define VALUES 12
#define CHANGES (64 + VALUES) /* of one word */

/* Where the words are that are worth a change. */
struct region {
	uint64_t from, words, stride; /* words in a row; then on by stride bytes, count times */
	uint32_t count;
};

struct image {
	unsigned char *bytes;
	uint64_t size;
	struct region regions[4];
	bool is_mutex;
};

static char path[512];
static uint32_t step = 8;

/* ---- the image ------------------------------------------------------------------------------ */

static void image_read(struct image *image)
{
	const struct sli_header *header;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	image->size = (uint64_t)st.st_size;
	image->bytes = (unsigned char *)malloc(image->size);
	CHECK_EQ(read(fd, image->bytes, image->size), st.st_size);
	close(fd);
	header = (const struct sli_header *)(const void *)image->bytes;
	image->regions[0] = (struct region){ 0, sizeof(*header) / 8, 0, 1 };
	image->regions[1] = (struct region){ header->places_offset, 64, 0, 1 };
	image->regions[2] = (struct region){ header->object_offset,
					     SLI_MIN(header->object_size / 8, UINT64_C(64)), 0, 1 };
	image->regions[3] = (struct region){ header->data_offset, 4, SLI_LINE,
					     image->is_mutex ? 0 : RECORDS };
}

static void image_of_queue(struct image *image)
{
	struct sluice_queue_options options = {
		.size = sizeof(options), .participants = 4, .message_max = 480, .capacity = 4096
	};
	sluice_queue *queue;
	const void *loan;
	void *room;
	pid_t pid;

	CHECK_EQ(sluice_queue_open("image", &options, &queue), 0);
	sluice_queue_close(queue);
	pid = test_fork();
	if (pid == 0) {
		if (sluice_queue_open("image", &options, &queue) != 0)
			_exit(1);
		for (int i = 0; i < 8; i++)
			if (sluice_queue_send(queue, i % 3 + 1, path, (size_t)i * 30,
					      SLUICE_NOWAIT) != 0)
				_exit(1);
		if (sluice_queue_borrow(queue, 2, &loan, NULL, SLUICE_NOWAIT) < 0 ||
		    sluice_queue_reserve(queue, 100, &room, SLUICE_NOWAIT) != 0 ||
		    sluice_queue_receive(queue, 9, NULL, 0, NULL, SLUICE_MS(1)) >= 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	image_read(image);
	CHECK_EQ(sluice_remove("image"), 0);
}

static void image_of_mutex(struct image *image)
{
	struct sluice_mutex_options options = { .size = sizeof(options), .participants = 4 };
	sluice_mutex *mutex;
	pid_t pid = test_fork();

	if (pid == 0) {
		if (sluice_mutex_open("image", &options, &mutex) != 0 ||
		    sluice_mutex_lock(mutex, SLUICE_NOWAIT) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_EQ(test_wait(pid), -SIGKILL);
	image_read(image);
	CHECK_EQ(sluice_remove("image"), 0);
}

static uint64_t image_words(const struct image *image)
{
	uint64_t words = 0;

	for (int i = 0; i < 4; i++)
		words += image->regions[i].words * image->regions[i].count;
	return words;
}

/* The offset of the @n-th word. */
static uint64_t image_word(const struct image *image, uint64_t n)
{
	for (int i = 0; i < 4; i++) {
		const struct region *region = &image->regions[i];

		if (n < region->words * region->count)
			return region->from + n / region->words * region->stride +
			       n % region->words * 8;
		n -= region->words * region->count;
	}
	return 0;
}

static uint64_t changed(uint64_t word, uint64_t change)
{
	const uint64_t values[VALUES] = {
		0,         1,        UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN,        UINT32_MAX,
		INT32_MAX, word + 1, word - 1,   word + 64, word + (UINT64_C(1) << 32), ~word
	};

	return change < 64 ? word ^ UINT64_C(1) << change : values[change - 64];
}

static void image_write(const unsigned char *bytes, uint64_t size)
{
	int fd;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

/* ---- trying --------------------------------------------------------------------------------- */

static void try_one(const struct image *image, struct progress *progress)
{
	struct fuzz fuzz = { .progress = progress, .name = "image" };
	int r = image->is_mutex ? fuzz_open_mutex(&fuzz) : fuzz_open_queue(&fuzz);

	if (r < 0) {
		fuzz_look(&fuzz);
		return;
	}
	for (int i = 0; i < OPERATIONS; i++)
		if (image->is_mutex)
			fuzz_mutex(&fuzz);
		else
			fuzz_queue(&fuzz);
	fuzz_close(&fuzz);
}

static void try_changes(const struct image *image, struct progress *progress, uint64_t first)
{
	uint64_t changes = image_words(image) * CHANGES, word;
	unsigned char *copy = (unsigned char *)malloc(image->size);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t n = first; n < changes; n += step) {
		uint64_t at = image_word(image, n / CHANGES);

		progress->at = (int32_t)n;
		memcpy(copy, image->bytes, image->size);
		memcpy(&word, copy + at, sizeof(word));
		word = changed(word, n % CHANGES);
		memcpy(copy + at, &word, sizeof(word));
		image_write(copy, image->size);
		try_one(image, progress);
		unlink(path);
	}
	free(copy);
}

static void changes_of(struct image *image, const char *what)
{
	struct progress *progress = progress_new();
	uint64_t first = test_random_below(step);
	pid_t pid = test_fork();

	if (pid == 0) {
		try_changes(image, progress, first);
		_exit(0);
	}
	while (!fuzz_watch(pid, progress, what))
		test_sleep_ms(20);
	printf("  %s: %llu words, %llu changes, %llu operations, %llu refused as corrupt\n", what,
	       (unsigned long long)image_words(image),
	       (unsigned long long)(image_words(image) * CHANGES / step),
	       (unsigned long long)progress->count, (unsigned long long)progress->refused);
	munmap(progress, sizeof(*progress));
	CHECK(sluice_remove("image") <= 0);
}

static void queue_words(void)
{
	struct image image = { .is_mutex = false };

	image_of_queue(&image);
	changes_of(&image, "queue, change");
	free(image.bytes);
}

static void mutex_words(void)
{
	struct image image = { .is_mutex = true };

	image_of_mutex(&image);
	changes_of(&image, "mutex, change");
	free(image.bytes);
}

/* ---- what is no segment --------------------------------------------------------------------- */

static int count_one(const struct sluice_inspection *inspection, void *context)
{
	(void)inspection;
	++*(int *)context;
	return 0;
}

/* Everything that looks at files meets it. */
static void meet(const char *what)
{
	char text[256] = "";
	struct sluice_queue_options options = { .size = sizeof(options),
						.flags = SLUICE_MUST_EXIST,
						.diagnostic = text,
						.diagnostic_size = sizeof(text) };
	struct sluice_inspection inspection = { .size = sizeof(inspection) };
	sluice_queue *queue;
	int found = 0, r;

	r = sluice_queue_open("image", &options, &queue);
	if (r != SLUICE_ECORRUPT && r != SLUICE_EVERSION)
		test_fail(__FILE__, __LINE__, "%s: open: %s", what, sluice_error_name(r));
	CHECK_CONTAINS(text, "image");
	r = sluice_inspect("image", &inspection, NULL, 0);
	CHECK(r >= 0 &&
	      (inspection.state == SLUICE_ECORRUPT || inspection.state == SLUICE_EVERSION));
	CHECK_EQ(sluice_list(NULL, count_one, &found), 0);
	CHECK(found <= 1);
	CHECK(sluice_clean(NULL, SLUICE_CLEAN_DRY_RUN, NULL, NULL) >= 0);
	r = sluice_remove("image");
	if (r != 0)
		test_fail(__FILE__, __LINE__, "%s: remove: %s", what, sluice_error_name(r));
	CHECK(access(path, F_OK) != 0);
}

static void files(void)
{
	static const uint64_t sizes[] = { 0,   1,    7,    8,    255,  256,  511,  512,
					  513, 4095, 4096, 4097, 8191, 8192, 12288 };
	struct image image = { .is_mutex = false };
	unsigned char *noise;

	image_of_queue(&image);
	noise = (unsigned char *)malloc(image.size * 2);
	for (uint64_t i = 0; i < image.size * 2; i++)
		noise[i] = (unsigned char)test_random();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i] < image.size) {
			image_write(image.bytes, sizes[i]);
			meet("cut off");
		}
		image_write(noise, sizes[i]);
		meet("random");
	}
	memcpy(noise, image.bytes, image.size);
	image_write(noise, image.size * 2);
	meet("too long");
	memset(noise, 0, image.size);
	image_write(noise, image.size);
	meet("zero");
	/* The right magic, the rest random. */
	memcpy(noise, image.bytes, 16);
	for (uint64_t i = 16; i < 512; i++)
		noise[i] = (unsigned char)test_random();
	image_write(noise, image.size);
	meet("a random header");
	/* A link to nothing. */
	CHECK_EQ(symlink("/dev/null", path), 0);
	meet("a symbolic link");
	free(noise);
	free(image.bytes);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'a')
			return 2;
		step = 1;
	}
	test_begin();
	snprintf(path, sizeof(path), "%.200s/image", test_directory());
	RUN(files);
	RUN(mutex_words);
	RUN(queue_words);
	return test_end();
}
