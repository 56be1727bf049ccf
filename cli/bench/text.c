/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* text.c - the result for a terminal: a table a measure, then the targets; and numbers as words */
#include "plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

/* Three digits that matter, in the unit that leaves one to three before the point. */
static const char *scaled(double value, double step, const char *const *units, size_t count,
			  char *text, size_t size)
{
	bool whole = value == floor(value);
	size_t unit = 0;
	int places;

	while (unit + 1 < count && value >= step * 0.9995) {
		value /= step;
		unit++;
	}
	places = value >= 99.95 || (whole && unit == 0) ? 0 : value >= 9.995 ? 1 : 2;
	snprintf(text, size, "%.*f%s%s", places, value, *units[unit] ? " " : "", units[unit]);
	return text;
}

const char *bench_time_text(double ns, char *text, size_t size)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };

	return scaled(ns, 1000, units, BENCH_COUNT(units), text, size);
}

const char *bench_count_text(double count, char *text, size_t size)
{
	static const char *const units[] = { "", "k", "M", "G" };

	return scaled(count, 1000, units, BENCH_COUNT(units), text, size);
}

const char *bench_bytes_text(double bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };

	return scaled(bytes, 1024, units, BENCH_COUNT(units), text, size);
}

const char *bench_size_text(size_t bytes, char *text, size_t size)
{
	if (bytes >= BENCH_MEGABYTE)
		snprintf(text, size, "%zu MiB", bytes / BENCH_MEGABYTE);
	else if (bytes >= 1024)
		snprintf(text, size, "%zu KiB", bytes / 1024);
	else
		snprintf(text, size, "%zu B", bytes);
	return text;
}

const char *bench_ratio_text(double ratio, char *text, size_t size)
{
	int places = ratio >= 99.5 ? 0 : ratio >= 9.95 ? 1 : ratio < 0.095 ? 3 : 2;
	bool extreme = ratio >= 9999.5 || (ratio > 0 && ratio < 0.0005);

	/* Never more than five letters: on a busy machine anything may be measured. */
	snprintf(text, size, extreme ? "%.*e" : "%.*f", extreme ? 0 : places, ratio);
	return text;
}

const char *bench_value_text(enum bench_measure measure, double value, char *text, size_t size)
{
	size_t length;

	switch (measure) {
	case BENCH_FLOW:
	case BENCH_MANY:
	case BENCH_CONTEND:
		bench_count_text(value, text, size);
		length = strlen(text);
		snprintf(text + length, size - length, "/s");
		return text;
	case BENCH_MEMORY:
		return bench_bytes_text(value, text, size);
	case BENCH_IDLE:
		snprintf(text, size, "%.4f %%", value / 1e7);
		return text;
	default:
		return bench_time_text(value, text, size);
	}
}

/* ---- tables ---- */

static void print_ratio(FILE *file, const struct bench_case *one)
{
	char middle[32];
	char low[32];
	char high[32];

	if (one->driver->group == BENCH_FLOOR)
		fputs("   the floor", file);
	else if (one->floor && one->measure != BENCH_IDLE)
		fprintf(file, "  %5s  (%s-%s)",
			bench_ratio_text(one->ratio.median, middle, sizeof(middle)),
			bench_ratio_text(one->ratio.low, low, sizeof(low)),
			bench_ratio_text(one->ratio.high, high, sizeof(high)));
	fputc('\n', file);
}

/* What stands between the value and the ratio: percentiles, bytes a second, the second value. */
static void print_details(FILE *file, const struct bench_case *one)
{
	char text[64];

	switch (one->measure) {
	case BENCH_SPIN:
	case BENCH_SLEEP:
		fprintf(file, " %8s",
			bench_time_text(bench_percentile(one->histogram, 0.99), text,
					sizeof(text)));
		fprintf(file, " %8s",
			bench_time_text(bench_percentile(one->histogram, 0.999), text,
					sizeof(text)));
		break;
	case BENCH_FLOW:
		bench_bytes_text(one->value.median * (double)one->size, text, sizeof(text));
		fprintf(file, " %8s/s", text);
		break;
	case BENCH_WAKE:
	case BENCH_TYPED:
		fprintf(file, " %8s", bench_time_text(one->second.median, text, sizeof(text)));
		break;
	case BENCH_MANY:
	case BENCH_CONTEND:
		fprintf(file, " %6.0f %%", one->second.median);
		break;
	case BENCH_MEMORY:
		fprintf(file, " %8s", bench_bytes_text(one->second.median, text, sizeof(text)));
		break;
	default:
		break;
	}
}

static void print_case(FILE *file, const struct bench_case *one)
{
	char text[64];

	if (!bench_measured(one)) {
		fprintf(file, "  %-24s not measured: %.39s\n", one->driver->title, one->why);
		return;
	}
	fprintf(file, "  %-24s %9s", one->driver->title,
		bench_value_text(one->measure, one->value.median, text, sizeof(text)));
	print_details(file, one);
	print_ratio(file, one);
}

static void print_head(FILE *file, enum bench_measure measure, size_t size)
{
	static const char *const columns[BENCH_MEASURES][3] = {
		[BENCH_SPIN] = { "median", "99 %", "99.9 %" },
		[BENCH_SLEEP] = { "median", "99 %", "99.9 %" },
		[BENCH_FLOW] = { "messages", "bytes  " },
		[BENCH_MANY] = { "messages", "busiest" },
		[BENCH_LOCK] = { "pair" },
		[BENCH_CONTEND] = { "locks", "luckier" },
		[BENCH_WAKE] = { "asleep", "waker's" },
		[BENCH_TYPED] = { "behind", "alone" },
		[BENCH_IDLE] = { "CPU" },
		[BENCH_MEMORY] = { "full", "present" },
	};
	bool ratio = measure != BENCH_IDLE && measure != BENCH_MEMORY && measure != BENCH_TYPED;
	char text[32];

	fprintf(file, "\n%s%s%s\n  %-24s", bench_measures[measure].title,
		measure == BENCH_FLOW ? ", " : "",
		measure == BENCH_FLOW ? bench_size_text(size, text, sizeof(text)) : "", "");
	for (int i = 0; i < 3 && columns[measure][i]; i++)
		fprintf(file, i ? " %8s" : " %9s", columns[measure][i]);
	fputs(ratio ? "  ratio to floor\n" : "\n", file);
}

/* Of a part of the facilities, the targets that were not asked about are passed over. */
static void print_targets(FILE *file, const struct bench_plan *plan)
{
	static const char *const words[] = { "met", "NOT met", "not measured" };
	struct bench_outcome outcome;
	bool named = false;

	for (size_t i = 0; bench_target(plan, i, &outcome); i++) {
		if (plan->settings.words_count && outcome.verdict == BENCH_UNKNOWN)
			continue;
		if (!named)
			fputs("\nTargets\n", file);
		named = true;
		fprintf(file, "  %s\n      wanted %s; %s%s%s\n", outcome.job, outcome.wanted,
			outcome.measured, *outcome.measured ? ": " : "", words[outcome.verdict]);
	}
}

void bench_print_text(FILE *file, const struct bench_plan *plan)
{
	const struct bench_case *last = NULL;

	fprintf(file, "%s\n%s, Linux %s, %s, %d processors\n", plan->settings.command,
		plan->machine.processor, plan->machine.kernel, plan->machine.libc,
		plan->machine.processors);
	if (plan->cpus.first == plan->cpus.second)
		fprintf(file, "all on processor %d", plan->cpus.first);
	else
		fprintf(file, "on processors %d and %d", plan->cpus.first, plan->cpus.second);
	fprintf(file, "; %zu round%s of turns of %.0f ms; load before: %.1f\n", plan->rounds_done,
		plan->rounds_done == 1 ? "" : "s", plan->length_ms, plan->machine.load);
	if (bench_busy(plan))
		fputs("This machine was busy with other work: take these numbers for a rough guess\n",
		      file);
	for (int m = 0; m < BENCH_MEASURES; m++)
		if (plan->left_out[m])
			fprintf(file, "%s is left out: %s\n", bench_measures[m].title,
				plan->left_out[m]);
	for (size_t i = 0; i < plan->count; i++) {
		const struct bench_case *one = &plan->cases[i];

		if (!last || last->measure != one->measure || last->size != one->size)
			print_head(file, one->measure, one->size);
		print_case(file, one);
		last = one;
	}
	print_targets(file, plan);
}
