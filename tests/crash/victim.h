/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * victim.h - a child that is led through one operation, one instruction at a time
 *
 * The child gets itself ready and stops. From there the parent moves it by PTRACE_SINGLESTEP; what
 * is between the stores to report->started and report->finished is the operation, and every
 * instruction of it a point to be killed (or stopped) at. A system call counts as one instruction,
 * and so does a repeated string instruction, which the processor traps in once an iteration: what
 * is between two iterations is seen by nobody.
 *
 * What the victim reports it writes into memory that outlives it.
 */
#ifndef VICTIM_H
#define VICTIM_H

#include "test.h"

#include <elf.h>
#include <sched.h>
#include <sluice.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define REPORT_MOST 8
#define REPORT_BYTES 8192

/* A message the victim got. */
struct reported {
	int64_t length;
	int64_t type;
	uint32_t flags;
	uint32_t reserved;
	unsigned char data[REPORT_BYTES];
};

struct report {
	uint32_t started, finished;
	int64_t prepared; /* 0: the preparation went well */
	int64_t result;   /* of the operation */
	uint32_t count;   /* messages in got */
	struct reported got[REPORT_MOST];
};

struct victim {
	pid_t pid;
	struct report *report;
	uint64_t pc;    /* of the next instruction */
	bool has_ended; /* the operation is over */
};

static inline struct report *report_new(void)
{
	void *p = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return (struct report *)p;
}

static inline void report_clear(struct report *report)
{
	report->started = report->finished = report->count = 0;
	report->prepared = report->result = 0;
}

/* In the victim: around the operation. */
static inline void report_start(struct report *report)
{
	__atomic_store_n(&report->started, 1u, __ATOMIC_SEQ_CST);
}

static inline void report_finish(struct report *report)
{
	__atomic_store_n(&report->finished, 1u, __ATOMIC_SEQ_CST);
}

static inline bool report_is_finished(const struct report *report)
{
	return __atomic_load_n(&report->finished, __ATOMIC_SEQ_CST) != 0;
}

/* ---- in the parent ------------------------------------------------------------------------- */

/* Where a stopped child is. */
static inline uint64_t victim_where(pid_t pid)
{
	struct user_regs_struct registers;
	struct iovec vector = { &registers, sizeof(registers) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &vector) < 0)
		return 0;
#if defined(__x86_64__)
	return registers.rip;
#elif defined(__i386__)
	return (uint64_t)(unsigned long)registers.eip;
#else
	return registers.pc;
#endif
}

#if defined(__x86_64__) || defined(__i386__)
static inline void victim_set_where(pid_t pid, uint64_t pc)
{
	struct user_regs_struct registers;
	struct iovec vector = { &registers, sizeof(registers) };

	CHECK_EQ(ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &vector), 0);
#if defined(__x86_64__)
	registers.rip = pc;
#else
	registers.eip = (long)pc;
#endif
	CHECK_EQ(ptrace(PTRACE_SETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &vector), 0);
}
#endif

/* Is the instruction at @pc one that enters the kernel? */
static inline bool victim_is_syscall(pid_t pid, uint64_t pc)
{
	long word = ptrace(PTRACE_PEEKTEXT, pid, (void *)(uintptr_t)pc, NULL);

#if defined(__x86_64__)
	return (word & 0xffff) == 0x050f;
#elif defined(__i386__)
	return (word & 0xffff) == 0x80cd || (word & 0xffff) == 0x340f;
#else
	return (word & 0xffffffff) == 0xd4000001;
#endif
}

/* Skip where a process cannot be stepped; single steps inside an exclusive pair never get through. */
static inline void victim_check_machine(void)
{
	if (test_emulated())
		test_skip("an emulated process cannot be stepped");
#if !defined(__x86_64__) && !defined(__i386__) && !defined(__ARM_FEATURE_ATOMICS)
	test_skip("this processor has no atomic instruction that can be stepped over");
#endif
}

/*
 * While it is stepped, the victim shares a processor with its parent: every step is two switches
 * between them. Before and after, both may run where they like, as the library spins only then.
 */
static inline void victim_share_processor(struct victim *victim, bool share)
{
	static cpu_set_t everywhere;
	cpu_set_t here;
	int processor = sched_getcpu();

	if (!share) {
		(void)sched_setaffinity(0, sizeof(everywhere), &everywhere);
		return;
	}
	CPU_ZERO(&here);
	if (processor < 0 || sched_getaffinity(0, sizeof(everywhere), &everywhere) != 0)
		return;
	CPU_SET((unsigned)processor, &here);
	(void)sched_setaffinity(0, sizeof(here), &here);
	(void)sched_setaffinity(victim->pid, sizeof(here), &here);
}

/* A traced child that runs @body(@context), which prepares, stops, operates and stops. */
static inline void victim_start(struct victim *victim, struct report *report,
				void (*body)(struct report *report, void *context), void *context)
{
	int status;

	report_clear(report);
	victim->report = report;
	victim->has_ended = false;
	victim->pc = 0;
	victim->pid = test_fork();
	if (victim->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(TEST_SKIPPED);
		body(report, context);
		_exit(0);
	}
	CHECK_EQ(waitpid(victim->pid, &status, 0), victim->pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TEST_SKIPPED)
		test_skip("ptrace is not permitted here");
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
		test_fail(__FILE__, __LINE__,
			  "the victim did not get ready: status %#x, preparation %lld", status,
			  (long long)report->prepared);
	CHECK_EQ(report->prepared, 0);
}

/* One instruction. Return: the signal that stopped it. */
static inline int victim_step_raw(struct victim *victim)
{
	int status;

	CHECK_EQ(ptrace(PTRACE_SINGLESTEP, victim->pid, NULL, NULL), 0);
	CHECK_EQ(waitpid(victim->pid, &status, 0), victim->pid);
	if (!WIFSTOPPED(status))
		test_fail(__FILE__, __LINE__, "the victim ended by itself: status %#x at %#llx",
			  status, (unsigned long long)victim->pc);
	return WSTOPSIG(status);
}

/* Up to the first instruction of the operation. */
static inline void victim_to_start(struct victim *victim)
{
	victim_share_processor(victim, true);
	while (!victim->report->started)
		(void)victim_step_raw(victim);
	victim->pc = victim_where(victim->pid);
}

/* One instruction of the operation. False: it was over already. */
static inline bool victim_step(struct victim *victim)
{
	uint64_t before = victim->pc;
	int number;

	if (victim->has_ended)
		return false;
	do {
		number = victim_step_raw(victim);
		victim->pc = victim_where(victim->pid);
		victim->has_ended = report_is_finished(victim->report);
		if (number != SIGTRAP && !victim->has_ended)
			test_fail(__FILE__, __LINE__, "the victim got signal %d at %#llx", number,
				  (unsigned long long)victim->pc);
	} while (victim->pc == before && !victim->has_ended);
	return true;
}

/* ---- getting far quickly ------------------------------------------------------------------- */

/*
 * A step costs tens of microseconds, so to be killed after the 3000th instruction a victim runs
 * freely up to a breakpoint and is stepped from there only. A trace of the whole operation, made
 * once, tells where to put it. Should a run differ from the traced one, the point is another one of
 * the operation, or its end.
 */
#define TRACE_MOST 60000u
#define TRACE_BUCKETS 65536u

struct trace {
	uint32_t total;               /* instructions */
	uint64_t pc[TRACE_MOST + 1];  /* before the k-th */
	uint32_t hit[TRACE_MOST + 1]; /* how often pc[k] was passed until then, 1: the first time */
	uint32_t anchor[TRACE_MOST + 1]; /* the last one before k that was a first time */
};

static inline void trace_index(struct trace *trace)
{
	static uint32_t last[TRACE_BUCKETS], before[TRACE_MOST + 1];

	memset(last, 0xff, sizeof(last));
	for (uint32_t k = 0; k <= trace->total; k++) {
		uint32_t bucket = (uint32_t)(trace->pc[k] * 2654435761u >> 8) % TRACE_BUCKETS;
		uint32_t at = last[bucket];

		while (at != UINT32_MAX && trace->pc[at] != trace->pc[k])
			at = before[at];
		trace->hit[k] = at == UINT32_MAX ? 1 : trace->hit[at] + 1;
		trace->anchor[k] = trace->hit[k] == 1 ? k : trace->anchor[k - 1];
		before[k] = last[bucket];
		last[bucket] = k;
	}
}

#if defined(__x86_64__) || defined(__i386__)
/* Run until the instruction at @pc is reached the @hit-th time. False: it cannot be done. */
static inline bool victim_run_to(struct victim *victim, uint64_t pc, uint32_t hit)
{
	void *at = (void *)(uintptr_t)pc;
	long word;
	int status;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, victim->pid, at, NULL);
	if (errno)
		return false;
	while (hit) {
		if (victim->pc == pc && --hit == 0)
			break;
		if (victim->pc == pc && !victim_step(victim))
			return true;
		if (ptrace(PTRACE_POKETEXT, victim->pid, at, (void *)((word & ~0xffL) | 0xcc)) != 0)
			return false;
		CHECK_EQ(ptrace(PTRACE_CONT, victim->pid, NULL, NULL), 0);
		CHECK_EQ(waitpid(victim->pid, &status, 0), victim->pid);
		CHECK(WIFSTOPPED(status));
		CHECK_EQ(ptrace(PTRACE_POKETEXT, victim->pid, at, (void *)word), 0);
		victim->has_ended = report_is_finished(victim->report);
		if (WSTOPSIG(status) != SIGTRAP || victim->has_ended)
			return true;
		victim_set_where(victim->pid, pc);
		victim->pc = pc;
	}
	return true;
}
#else
static inline bool victim_run_to(struct victim *victim, uint64_t pc, uint32_t hit)
{
	(void)victim;
	(void)pc;
	(void)hit;
	return false;
}
#endif

/* To the point after @k instructions. False: that is after the end. */
static inline bool victim_go_to(struct victim *victim, const struct trace *trace, uint32_t k)
{
	uint32_t at = 0;
	bool inside = true;

	if (trace && k > trace->total)
		return false;
	if (trace && k > 4) {
		bool by_count = 2 * trace->hit[k] <= k - trace->anchor[k];

		at = by_count ? k : trace->anchor[k];
		if (!victim_run_to(victim, trace->pc[at], by_count ? trace->hit[k] : 1))
			at = 0;
	}
	for (; at < k && inside && !victim->has_ended; at++)
		inside = victim_step(victim);
	return inside && !victim->has_ended;
}

/* On to the end of the operation. */
static inline void victim_run_on(struct victim *victim)
{
	int status;

	if (victim->has_ended)
		return;
	CHECK_EQ(ptrace(PTRACE_CONT, victim->pid, NULL, NULL), 0);
	CHECK_EQ(waitpid(victim->pid, &status, 0), victim->pid);
	victim->has_ended = report_is_finished(victim->report);
	CHECK(WIFSTOPPED(status) && victim->has_ended);
}

static inline void victim_kill(struct victim *victim)
{
	test_kill(victim->pid);
	victim->pid = 0;
	victim_share_processor(victim, false);
}

/* ---- where that is ------------------------------------------------------------------------- */

/* "ring_append at log_ring.c:321", or the address. A static buffer. */
static inline const char *victim_symbol(uint64_t pc)
{
	static char text[512];
	char line[512], mapped[256] = "", command[600], function[200], place[200];
	unsigned long long from, to, offset, base = 0;
	FILE *file = fopen("/proc/self/maps", "re");

	snprintf(text, sizeof(text), "%#llx", (unsigned long long)pc);
	while (file && fgets(line, sizeof(line), file)) {
		char path[256] = "";

		if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %255s", &from, &to, &offset, path) < 3)
			continue;
		if (offset == 0)
			base = from;
		if (pc < from || pc >= to)
			continue;
		snprintf(mapped, sizeof(mapped), "%s", path);
		break;
	}
	if (file)
		fclose(file);
	if (mapped[0] != '/')
		return text;
	snprintf(command, sizeof(command), "addr2line -f -s -e '%s' %#llx 2>/dev/null", mapped,
		 (unsigned long long)(pc - base));
	file = popen(command, "r");
	if (!file)
		return text;
	if (fgets(function, sizeof(function), file) && fgets(place, sizeof(place), file)) {
		function[strcspn(function, "\n")] = '\0';
		place[strcspn(place, " \n")] = '\0';
		snprintf(text, sizeof(text), "%.190s at %.190s (%.100s)", function, place, mapped);
	}
	pclose(file);
	return text;
}

#endif
