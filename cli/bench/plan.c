/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * plan.c - which turns there are, in what order, and for how long
 *
 * A case is one facility, one measure, one size. A round runs every case once, floors among them, so
 * that a machine that drifts does so under all alike; a ratio is taken inside a round, and what is
 * told is the middle of the rounds' ratios, with the lowest and the highest. The length of a turn
 * follows from the time there is: few facilities are measured longer than many.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define CASES_MOST 1024
#define QUICK_NS SLUICE_S(22)       /* for all turns */
#define QUICK_LIMIT_NS SLUICE_S(27) /* by then the round that runs is given up */
#define FULL_NS SLUICE_S(240)
#define QUICK_ROUNDS 5
#define FULL_ROUNDS 11
#define LENGTH_LEAST_NS SLUICE_MS(3)
#define LENGTH_MOST_NS SLUICE_MS(100)
#define OVERHEAD_NS SLUICE_MS(3) /* of a turn, as a first guess: forks, page faults */
#define WARM_PART 4
#define TRIP_SIZE 64

static const size_t quick_sizes[] = { 64, 4096, 65536, 1048576 };
static const size_t full_sizes[] = { 1,     8,      64,      512,     4096,    16384,
				     65536, 262144, 1048576, 4194304, 16777216 };

/* ---- which ---- */

static bool wanted(const struct bench_settings *settings, const struct bench_driver *driver)
{
	if (!settings->words_count)
		return true;
	for (size_t i = 0; i < settings->words_count; i++)
		if (!strcmp(settings->words[i], driver->name) ||
		    !strcmp(settings->words[i], bench_groups[driver->group]))
			return true;
	return false;
}

/* A floor is measured when somebody stands on it. */
static bool stood_on(const struct bench_settings *settings, const struct bench_driver *floor,
		     enum bench_measure measure)
{
	for (size_t i = 0; bench_drivers[i]; i++) {
		const struct bench_driver *other = bench_drivers[i];

		if (other->group != BENCH_FLOOR && wanted(settings, other) &&
		    other->measures & BENCH_BIT(measure) &&
		    (measure != BENCH_LOCK || other->kernel_calls == floor->kernel_calls))
			return true;
		/* The flood from two to two is compared with the floor of one to one. */
		if (measure == BENCH_FLOW && other->measures & BENCH_BIT(BENCH_MANY) &&
		    wanted(settings, other))
			return true;
	}
	return false;
}

static const struct bench_case *floor_of(const struct bench_plan *plan,
					 const struct bench_case *one)
{
	enum bench_measure measure = one->measure == BENCH_MANY ? BENCH_FLOW : one->measure;

	for (size_t i = 0; i < plan->count; i++) {
		const struct bench_case *floor = &plan->cases[i];

		if (floor->driver->group == BENCH_FLOOR && floor->measure == measure &&
		    floor->size == one->size &&
		    (measure != BENCH_LOCK ||
		     floor->driver->kernel_calls == one->driver->kernel_calls))
			return floor;
	}
	return NULL;
}

static void add_case(struct bench_plan *plan, const struct bench_driver *driver,
		     enum bench_measure measure, size_t size)
{
	struct bench_case *one = &plan->cases[plan->count];

	if (plan->count == CASES_MOST || (driver->longest && size > driver->longest))
		return;
	plan->count++;
	one->driver = driver;
	one->measure = measure;
	one->size = size;
	one->floor = floor_of(plan, one);
	if (measure == BENCH_SPIN || measure == BENCH_SLEEP || measure == BENCH_WAKE)
		one->histogram = bench_allocate(sizeof(*one->histogram));
}

static void add_measure(struct bench_plan *plan, enum bench_measure measure, size_t size)
{
	for (size_t i = 0; bench_drivers[i]; i++) {
		const struct bench_driver *driver = bench_drivers[i];
		bool on = driver->group == BENCH_FLOOR ? stood_on(&plan->settings, driver, measure)
						       : wanted(&plan->settings, driver);

		if (on && driver->measures & BENCH_BIT(measure))
			add_case(plan, driver, measure, size);
	}
}

static void make_cases(struct bench_plan *plan)
{
	bool quick = plan->settings.quick;
	const size_t *sizes = quick ? quick_sizes : full_sizes;
	size_t count = quick ? BENCH_COUNT(quick_sizes) : BENCH_COUNT(full_sizes);

	plan->cases = bench_allocate(CASES_MOST * sizeof(*plan->cases));
	if (plan->cpus.first == plan->cpus.second) {
		plan->left_out[BENCH_SPIN] = "one processor: while one looks, the other cannot act";
		plan->left_out[BENCH_CONTEND] = "one processor: two that take turns on it hardly "
						"ever want the lock at once";
	}
	for (int m = 0; m < BENCH_MEASURES; m++) {
		enum bench_measure measure = (enum bench_measure)m;

		if (plan->left_out[m])
			continue;
		if (measure == BENCH_FLOW)
			for (size_t i = 0; i < count; i++)
				add_measure(plan, measure, sizes[i]);
		else
			add_measure(plan, measure, TRIP_SIZE);
	}
}

/* ---- one round ---- */

struct timing {
	int64_t start;
	int64_t deadline; /* all turns should be over */
	int64_t limit;    /* the run is cut short; 0: never */
	int64_t overhead; /* of a turn, as seen so far */
	int64_t length_sum;
	size_t turns;      /* in a round */
	size_t turns_done; /* in all rounds */
	size_t turns_all;
};

static void show_progress(const struct bench_plan *plan, const struct timing *timing)
{
	static const char bar[] = "########################################";
	int full = (int)sizeof(bar) - 1;
	int part = (int)(timing->turns_done * (size_t)full / timing->turns_all);

	if (!plan->settings.progress)
		return;
	fprintf(stderr, "\r[%.*s%*s] %3zu %%  %2.0f s ", part, bar, full - part, "",
		timing->turns_done * 100 / timing->turns_all,
		(double)(bench_now() - timing->start) / 1e9);
	fflush(stderr);
}

static void end_progress(const struct bench_plan *plan)
{
	if (plan->settings.progress)
		fputs("\r\033[K", stderr);
}

/* What is left of the time, shared out among the turns that are left. */
static int64_t turn_length(const struct timing *timing)
{
	size_t left = timing->turns_all - timing->turns_done;
	int64_t each = (timing->deadline - bench_now()) / (int64_t)(left ? left : 1) -
		       timing->overhead;

	if (each > LENGTH_MOST_NS)
		return LENGTH_MOST_NS;
	return each < LENGTH_LEAST_NS ? LENGTH_LEAST_NS : each;
}

static void keep(struct bench_case *one, size_t round)
{
	if (one->rounds != round)
		return; /* it failed once: that is the end of it */
	one->values[round] = bench_board->value;
	one->seconds[round] = bench_board->second;
	one->rounds++;
	if (one->histogram)
		bench_add(one->histogram, &bench_board->histogram);
}

static void case_turn(struct bench_plan *plan, struct bench_case *one, size_t round,
		      struct timing *timing)
{
	int64_t length = turn_length(timing);
	struct bench_turn turn = { .driver = one->driver,
				   .measure = one->measure,
				   .size = one->size,
				   .warm_ns = length / WARM_PART,
				   .length_ns = length - length / WARM_PART,
				   .cpus = plan->cpus };
	int64_t before = bench_now();

	if (bench_turn(&turn, plan->settings.stopped))
		keep(one, round);
	else if (!plan->settings.stopped())
		memcpy(one->why, bench_board->why, sizeof(one->why));
	timing->length_sum += length;
	if (one->measure != BENCH_MEMORY)
		timing->overhead += (bench_now() - before - length - timing->overhead) / 16;
}

static void idle_round(struct bench_plan *plan, size_t round)
{
	struct bench_turn *turns = bench_allocate(plan->count * sizeof(*turns));
	double *values = bench_allocate(plan->count * sizeof(*values));
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->cases[i].measure == BENCH_IDLE)
			turns[count++] = (struct bench_turn){ .driver = plan->cases[i].driver,
							      .measure = BENCH_IDLE,
							      .size = plan->cases[i].size,
							      .cpus = plan->cpus };
	if (count && bench_idle(turns, count, plan->settings.quick ? SLUICE_MS(400) : SLUICE_S(2),
				values, plan->settings.stopped)) {
		memset(bench_board, 0, sizeof(*bench_board));
		for (size_t i = 0, at = 0; i < plan->count; i++) {
			struct bench_case *one = &plan->cases[i];

			if (one->measure != BENCH_IDLE)
				continue;
			bench_board->value = values[at++];
			if (bench_board->value >= 0)
				keep(one, round);
			else
				snprintf(one->why, sizeof(one->why), "it did not wait");
		}
	}
	free(turns);
	free(values);
}

/* False: the time was up, or somebody stopped us; then the round does not count. */
static bool run_round(struct bench_plan *plan, size_t round, struct timing *timing)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct bench_case *one = &plan->cases[i];

		if (one->measure == BENCH_IDLE)
			continue;
		if (plan->settings.stopped() ||
		    (round && timing->limit && bench_now() > timing->limit))
			return false;
		show_progress(plan, timing);
		if (!*one->why)
			case_turn(plan, one, round, timing);
		timing->turns_done++;
	}
	idle_round(plan, round);
	return !plan->settings.stopped();
}

/* ---- all of them ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct bench_spread spread_of(const double *values, size_t count)
{
	double sorted[BENCH_ROUNDS_MOST];

	if (!count)
		return (struct bench_spread){ 0, 0, 0 };
	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), compare);
	return (struct bench_spread){ count % 2 ? sorted[count / 2]
						: (sorted[count / 2 - 1] + sorted[count / 2]) / 2,
				      sorted[0], sorted[count - 1] };
}

static void sum_up(struct bench_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct bench_case *one = &plan->cases[i];
		double ratios[BENCH_ROUNDS_MOST];
		size_t rounds = one->rounds < plan->rounds_done ? one->rounds : plan->rounds_done;

		one->rounds = *one->why ? 0 : rounds;
		one->value = spread_of(one->values, one->rounds);
		one->second = spread_of(one->seconds, one->rounds);
		for (size_t r = 0; one->floor && r < one->rounds; r++)
			ratios[r] = one->floor->values[r] > 0
					    ? one->values[r] / one->floor->values[r]
					    : 0;
		if (one->floor)
			one->ratio = spread_of(ratios, one->rounds);
	}
}

static struct timing timing_of(const struct bench_plan *plan)
{
	struct timing timing = { .start = bench_now(), .overhead = OVERHEAD_NS };

	for (size_t i = 0; i < plan->count; i++)
		timing.turns += plan->cases[i].measure != BENCH_IDLE;
	timing.turns_all = timing.turns * plan->rounds;
	if (!timing.turns_all)
		timing.turns_all = 1;
	timing.deadline = timing.start + (plan->settings.quick ? QUICK_NS : FULL_NS);
	if (plan->settings.quick)
		timing.limit = timing.start + QUICK_LIMIT_NS;
	return timing;
}

bool bench_run(const struct bench_settings *settings, struct bench_plan **ret_plan)
{
	struct bench_plan *plan = bench_allocate(sizeof(*plan));
	struct timing timing;
	bool good = true;

	plan->settings = *settings;
	plan->cpus = bench_find_cpus();
	plan->rounds = settings->quick ? QUICK_ROUNDS : FULL_ROUNDS;
	bench_look_at_machine(&plan->machine);
	make_cases(plan);
	timing = timing_of(plan);
	bench_turns_begin();
	while (good && plan->rounds_done < plan->rounds) {
		good = run_round(plan, plan->rounds_done, &timing);
		plan->rounds_done += good;
	}
	bench_turns_end();
	end_progress(plan);
	plan->took_s = (double)(bench_now() - timing.start) / 1e9;
	plan->length_ms = (double)timing.length_sum / 1e6 /
			  (double)(timing.turns_done ? timing.turns_done : 1);
	sum_up(plan);
	if (settings->stopped()) {
		bench_free(plan);
		return false;
	}
	*ret_plan = plan;
	return true;
}

void bench_free(struct bench_plan *plan)
{
	for (size_t i = 0; plan && i < plan->count; i++)
		free(plan->cases[i].histogram);
	if (plan)
		free(plan->cases);
	free(plan);
}

/* Floors hardly vary on a quiet machine, whatever runs on top of them. */
bool bench_busy(const struct bench_plan *plan)
{
	if (plan->machine.load > 0.7 * plan->machine.processors)
		return true;
	for (size_t i = 0; i < plan->count; i++) {
		const struct bench_case *one = &plan->cases[i];

		if (one->driver->group == BENCH_FLOOR && one->measure != BENCH_IDLE &&
		    one->measure != BENCH_CONTEND && one->value.high > 3 * one->value.low)
			return true;
	}
	return false;
}

bool bench_measured(const struct bench_case *one)
{
	return one->rounds > 0;
}

const struct bench_case *bench_find(const struct bench_plan *plan, const char *driver,
				    enum bench_measure measure, size_t size)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct bench_case *one = &plan->cases[i];

		if (one->measure == measure && (!size || one->size == size) &&
		    !strcmp(one->driver->name, driver) && bench_measured(one))
			return one;
	}
	return NULL;
}
