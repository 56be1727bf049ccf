/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * support.c - what the drivers share: failing, shared memory, bare futex, and the janitor
 *
 * Queues and semaphores of System V are the only things here that outlive every process, and the
 * kernel has no way to make one that does not. So the first turn is preceded by a janitor: a process
 * in a session of its own, deaf to what a terminal sends, that is told through a pipe what was made
 * and what was removed again. When the pipe ends, because we ended in whatever way, it removes what
 * is left, and ends too.
 */
#include "measure.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define JANITOR_REMEMBERS 256

struct note {
	char kind;
	bool gone;
	int id;
};

static int janitor_pipe = -1;
static pid_t janitor_pid;

/* ---- failing ---- */

_Noreturn void bench_fail(const char *format, ...)
{
	va_list args;

	if (atomic_exchange_explicit(&bench_board->failed, 1, memory_order_acq_rel) == 0) {
		va_start(args, format);
		vsnprintf(bench_board->why, sizeof(bench_board->why), format, args);
		va_end(args);
	}
	/* The leader, whoever that is, would wait for us in vain: the turn is a process group. */
	kill(0, SIGKILL);
	_exit(1);
}

void bench_late(const char *library, const char *name, void *ret_function)
{
	void *loaded = dlopen(library, RTLD_NOW), *found = loaded ? dlsym(loaded, name) : NULL;

	if (!found)
		bench_fail("%s", dlerror());
	memcpy(ret_function, &found, sizeof(found));
}

void bench_check(bool good, const char *what)
{
	if (__builtin_expect(!good, 0))
		bench_fail("%s: %s", what, strerror(errno));
}

void bench_done(int64_t result, const char *what)
{
	if (__builtin_expect(result < 0, 0))
		bench_fail("%s: %s", what, sluice_error_text((int)result));
}

void bench_opened(int result, const char *diagnostic)
{
	if (result < 0)
		bench_fail("%s", *diagnostic ? diagnostic : sluice_error_text(result));
}

/* ---- memory, descriptors, limits ---- */

void *bench_shared(struct bench_way *way, size_t size)
{
	way->shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bench_check(way->shared != MAP_FAILED, "mmap");
	way->shared_size = size;
	way->bytes += size;
	return way->shared;
}

void bench_unshare(struct bench_way *way)
{
	munmap(way->shared, way->shared_size);
}

void bench_close_fds(struct bench_way *way)
{
	close(way->fd[0]);
	if (way->fd[1] != way->fd[0])
		close(way->fd[1]);
}

void bench_nonblocking(const struct bench_way *way)
{
	for (int i = 0; way->spin && i < 2; i++) {
		int flags = fcntl(way->fd[i], F_GETFL);

		bench_check(flags >= 0 && fcntl(way->fd[i], F_SETFL, flags | O_NONBLOCK) == 0,
			    "fcntl");
	}
}

size_t bench_file_size(int fd)
{
	struct stat state;

	bench_check(fstat(fd, &state) == 0, "fstat");
	return (size_t)state.st_size;
}

size_t bench_limit(const char *path, size_t otherwise)
{
	FILE *file = fopen(path, "re");
	unsigned long limit;

	if (!file)
		return otherwise;
	if (fscanf(file, "%lu", &limit) == 1)
		otherwise = limit;
	fclose(file);
	return otherwise;
}

/* ---- bare futex ---- */

void bench_futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

void bench_futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* ---- the janitor ---- */

static void note_remove(const struct note *note)
{
	if (note->kind == 'm')
		msgctl(note->id, IPC_RMID, NULL);
	else
		semctl(note->id, 0, IPC_RMID);
}

_Noreturn static void janitor_work(int fd)
{
	struct note notes[JANITOR_REMEMBERS];
	struct note note;
	size_t count = 0;

	while (read(fd, &note, sizeof(note)) == sizeof(note)) {
		for (size_t i = 0; note.gone && i < count; i++)
			if (notes[i].kind == note.kind && notes[i].id == note.id)
				notes[i--] = notes[--count];
		if (!note.gone && count < JANITOR_REMEMBERS)
			notes[count++] = note;
	}
	while (count > 0)
		note_remove(&notes[--count]);
	_exit(0);
}

void bench_janitor_begin(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	janitor_pid = fork();
	if (janitor_pid == 0) {
		setsid();
		prctl(PR_SET_NAME, "sluice-janitor");
		for (int signal_number = SIGHUP; signal_number <= SIGTERM; signal_number++)
			signal(signal_number, SIG_IGN);
		close(ends[1]);
		janitor_work(ends[0]);
	}
	close(ends[0]);
	janitor_pipe = ends[1];
}

void bench_janitor_end(void)
{
	close(janitor_pipe);
	janitor_pipe = -1;
	if (janitor_pid > 0)
		waitpid(janitor_pid, NULL, 0);
}

static void janitor_tell(char kind, int id, bool gone)
{
	struct note note;

	memset(&note, 0, sizeof(note));
	note.kind = kind;
	note.id = id;
	note.gone = gone;
	if (write(janitor_pipe, &note, sizeof(note)) != sizeof(note))
		note_remove(&note); /* nobody would: rather none than one for ever */
}

void bench_mortal(char kind, int id)
{
	janitor_tell(kind, id, false);
}

void bench_gone(char kind, int id)
{
	struct note note = { .kind = kind, .id = id };

	note_remove(&note);
	janitor_tell(kind, id, true);
}
