/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * html.c - the result as one page that needs nothing else: no network, no script
 *
 * First what most readers came for (a few numbers, the curves, what to pick for what), then every
 * number in tables, then the targets and how it was measured.
 */
#include "page.h"

#include <stdarg.h>
#include <string.h>

void bench_html_text(FILE *file, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", file);
			break;
		case '>':
			fputs("&gt;", file);
			break;
		case '&':
			fputs("&amp;", file);
			break;
		case '"':
			fputs("&quot;", file);
			break;
		default:
			fputc(*text, file);
		}
	}
}

/* ---- the head ---- */

static void print_machine(FILE *file, const struct bench_plan *plan)
{
	const struct bench_machine *machine = &plan->machine;

	fputs("<p>Measured on ", file);
	bench_html_text(file, machine->processor);
	fprintf(file, ", %d processors (used: %d", machine->processors, plan->cpus.first);
	if (plan->cpus.first != plan->cpus.second)
		fprintf(file, " and %d", plan->cpus.second);
	fprintf(file, "), %s of memory, Linux ", machine->memory);
	bench_html_text(file, machine->kernel);
	fputs(", ", file);
	bench_html_text(file, machine->libc);
	fprintf(file, "; %s; Sluice %s; load before: %.1f.</p>\n", machine->when, sluice_version(),
		machine->load);
	fputs("<p>Command: <code>", file);
	bench_html_text(file, plan->settings.command);
	fprintf(file, "</code>; %zu round%s of turns of %.0f ms, %.0f s in all.</p>\n",
		plan->rounds_done, plan->rounds_done == 1 ? "" : "s", plan->length_ms,
		plan->took_s);
	if (bench_busy(plan))
		fputs("<p class=\"busy\"><b>This machine was busy with other work.</b> Take these "
		      "numbers for a rough guess and run it again when it is quiet.</p>\n",
		      file);
	for (int m = 0; m < BENCH_MEASURES; m++)
		if (plan->left_out[m])
			fprintf(file, "<p class=\"busy\">%s is left out: %s.</p>\n",
				bench_measures[m].title, plan->left_out[m]);
}

static void print_tile(FILE *file, const struct bench_case *one, const char *what, const char *of)
{
	char text[64];

	if (!one)
		return;
	fprintf(file, "<div class=\"tile\"><span>%s</span><b>%s</b>", what,
		bench_value_text(one->measure, one->value.median, text, sizeof(text)));
	if (one->floor)
		fprintf(file, "<span>%s %s</span>",
			bench_ratio_text(one->ratio.median, text, sizeof(text)), of);
	fputs("</div>\n", file);
}

static void print_tiles(FILE *file, const struct bench_plan *plan)
{
	fputs("<div class=\"tiles\">\n", file);
	print_tile(file, bench_find(plan, "queue", BENCH_SPIN, 0), "queue, round trip, spinning",
		   "times two bare cache lines");
	print_tile(file, bench_find(plan, "queue", BENCH_SLEEP, 0), "queue, round trip, sleeping",
		   "times a bare futex");
	print_tile(file, bench_find(plan, "queue", BENCH_FLOW, 64), "queue, messages of 64 B",
		   "of a bare copy pipeline");
	print_tile(file, bench_find(plan, "pipe", BENCH_FLOW, 64), "pipe, messages of 64 B",
		   "of a bare copy pipeline");
	print_tile(file, bench_find(plan, "mutex", BENCH_LOCK, 0), "mutex, lock and unlock",
		   "times a bare atomic word");
	fputs("</div>\n", file);
}

/* ---- tables ---- */

struct column {
	const char *title;
	void (*print)(FILE *file, const struct bench_case *one);
};

static void cell_value(FILE *file, const struct bench_case *one)
{
	char text[64];

	fputs(bench_value_text(one->measure, one->value.median, text, sizeof(text)), file);
}

static void cell_percentile(FILE *file, const struct bench_case *one, double part)
{
	char text[64];

	fputs(bench_time_text(bench_percentile(one->histogram, part), text, sizeof(text)), file);
}

static void cell_99(FILE *file, const struct bench_case *one)
{
	cell_percentile(file, one, 0.99);
}

static void cell_999(FILE *file, const struct bench_case *one)
{
	cell_percentile(file, one, 0.999);
}

static void cell_bytes(FILE *file, const struct bench_case *one)
{
	char text[64];

	fprintf(file, "%s/s",
		bench_bytes_text(one->value.median * (double)one->size, text, sizeof(text)));
}

static void cell_second_time(FILE *file, const struct bench_case *one)
{
	char text[64];

	fputs(bench_time_text(one->second.median, text, sizeof(text)), file);
}

static void cell_second_percent(FILE *file, const struct bench_case *one)
{
	fprintf(file, "%.0f %%", one->second.median);
}

static void cell_second_bytes(FILE *file, const struct bench_case *one)
{
	char text[64];

	fputs(bench_bytes_text(one->second.median, text, sizeof(text)), file);
}

static void cell_ratio(FILE *file, const struct bench_case *one)
{
	char middle[32];
	char low[32];
	char high[32];

	if (one->driver->group == BENCH_FLOOR)
		fputs("the floor", file);
	else if (one->floor)
		fprintf(file, "%s <small>%s to %s</small>",
			bench_ratio_text(one->ratio.median, middle, sizeof(middle)),
			bench_ratio_text(one->ratio.low, low, sizeof(low)),
			bench_ratio_text(one->ratio.high, high, sizeof(high)));
}

#define COLUMNS_MOST 4
static const struct column columns[BENCH_MEASURES][COLUMNS_MOST] = {
	[BENCH_SPIN] = { { "median", cell_value },
			 { "ratio to floor", cell_ratio },
			 { "99 %", cell_99 },
			 { "99.9 %", cell_999 } },
	[BENCH_SLEEP] = { { "median", cell_value },
			  { "ratio to floor", cell_ratio },
			  { "99 %", cell_99 },
			  { "99.9 %", cell_999 } },
	[BENCH_FLOW] = { { "messages", cell_value },
			 { "bytes", cell_bytes },
			 { "ratio to floor", cell_ratio } },
	[BENCH_MANY] = { { "messages", cell_value },
			 { "by the busiest", cell_second_percent },
			 { "ratio to floor", cell_ratio } },
	[BENCH_LOCK] = { { "pair", cell_value }, { "ratio to floor", cell_ratio } },
	[BENCH_CONTEND] = { { "locks", cell_value },
			    { "to the luckier", cell_second_percent },
			    { "ratio to floor", cell_ratio } },
	[BENCH_WAKE] = { { "until it runs", cell_value },
			 { "the waker's call", cell_second_time },
			 { "ratio to floor", cell_ratio } },
	[BENCH_TYPED] = { { "behind 10000", cell_value }, { "behind none", cell_second_time } },
	[BENCH_IDLE] = { { "CPU", cell_value } },
	[BENCH_MEMORY] = { { "when full", cell_value }, { "after a message", cell_second_bytes } },
};

static void print_row(FILE *file, const struct bench_case *one)
{
	const struct column *column = columns[one->measure];
	const char *class = one->driver->group == BENCH_SLUICE  ? " class=\"own\""
			    : one->driver->group == BENCH_FLOOR ? " class=\"floor\""
								: "";

	fprintf(file, "<tr%s><td>", class);
	bench_html_text(file, one->driver->title);
	fputs("</td>", file);
	if (!bench_measured(one)) {
		fprintf(file, "<td class=\"why\" colspan=\"%d\">not measured: ", COLUMNS_MOST);
		bench_html_text(file, one->why);
		fputs("</td></tr>\n", file);
		return;
	}
	for (int i = 0; i < COLUMNS_MOST && column[i].title; i++) {
		fputs("<td>", file);
		column[i].print(file, one);
		fputs("</td>", file);
	}
	fputs("</tr>\n", file);
}

static void print_table_head(FILE *file, const struct bench_case *one)
{
	const struct bench_measure_text *text = &bench_measures[one->measure];
	const struct column *column = columns[one->measure];
	char size[32];

	if (one->measure == BENCH_FLOW)
		fprintf(file, "<h3>%s, %s</h3>\n", text->title,
			bench_size_text(one->size, size, sizeof(size)));
	else
		fprintf(file, "<h3>%s</h3>\n<p class=\"soft\">%s</p>\n", text->title, text->words);
	fputs("<div class=\"table\"><table><thead><tr><th>facility</th>", file);
	for (int i = 0; i < COLUMNS_MOST && column[i].title; i++)
		fprintf(file, "<th>%s</th>", column[i].title);
	fputs("</tr></thead><tbody>\n", file);
}

static void print_tables(FILE *file, const struct bench_plan *plan)
{
	const struct bench_case *last = NULL;

	fputs("<h2>All numbers</h2>\n<p>Values and ratios are the middle of the rounds; beside a ratio "
	      "stand the lowest and the highest of them. A ratio compares with the floor, the same "
	      "job done by bare instructions or bare system calls in the same round.</p>\n",
	      file);
	for (size_t i = 0; i < plan->count; i++) {
		const struct bench_case *one = &plan->cases[i];

		if (!last || last->measure != one->measure || last->size != one->size) {
			if (last)
				fputs("</tbody></table></div>\n", file);
			print_table_head(file, one);
		}
		print_row(file, one);
		last = one;
	}
	if (last)
		fputs("</tbody></table></div>\n", file);
}

static void print_targets(FILE *file, const struct bench_plan *plan)
{
	static const char *const classes[] = { "met", "missed", "unknown" };
	static const char *const words[] = { "met", "not met", "not measured" };
	struct bench_outcome outcome;

	fputs("<h2>Targets</h2>\n<p>What Sluice means to reach, and whether it did in this run.</p>\n"
	      "<div class=\"table\"><table><thead><tr><th>job</th><th class=\"words\">wanted</th>"
	      "<th class=\"words\">measured</th><th></th></tr></thead><tbody>\n",
	      file);
	for (size_t i = 0; bench_target(plan, i, &outcome); i++)
		fprintf(file,
			"<tr><td class=\"words\">%s</td><td>%s</td><td class=\"words\">%s</td>"
			"<td class=\"%s\">%s</td></tr>\n",
			outcome.job, outcome.wanted, outcome.measured, classes[outcome.verdict],
			words[outcome.verdict]);
	fputs("</tbody></table></div>\n", file);
}

static void print_method(FILE *file)
{
	fputs("<h2>How it was measured</h2>\n<p>Every facility runs in processes of its own, on two "
	      "processors, with a fresh object each time: a warm-up, then the measurement. A round "
	      "runs all of them once, the floors among them, so that a machine that changes its pace "
	      "does so under all alike. Round trips while spinning are timed in batches of 64 for the "
	      "median, and one by one (which costs some 20 ns each) for the other percentiles and the "
	      "curves. Sleepers are held on their processors. Throughput counts what arrives.</p>\n",
	      file);
}

void bench_print_html(FILE *file, const struct bench_plan *plan)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<title>Sluice, measured</title>\n<style>\n",
	      file);
	fputs(bench_style, file);
	fputs("</style></head><body>\n<h1>Sluice, measured beside the kernel</h1>\n", file);
	print_machine(file, plan);
	print_tiles(file, plan);
	fputs("<h2>Curves</h2>\n<div class=\"charts\">\n", file);
	bench_chart_latency(file, plan, BENCH_SPIN);
	bench_chart_latency(file, plan, BENCH_SLEEP);
	bench_chart_flow(file, plan, false);
	bench_chart_flow(file, plan, true);
	fputs("</div>\n", file);
	bench_advice(file, plan);
	print_tables(file, plan);
	print_targets(file, plan);
	print_method(file);
	fputs("</body></html>\n", file);
}
