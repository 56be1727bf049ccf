/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chart.c - curves as SVG, drawn here so that the page needs no script and no network
 *
 * The drawing is 360 units wide, which is about a phone: its letters are readable there at their own
 * size and grow with the width of the page elsewhere. Both axes are logarithmic. Curves are named in
 * a legend of the page's own text below, never inside, so that no two names can collide.
 */
#include "page.h"

#include <math.h>
#include <string.h>

#define WIDTH 360.0
#define HEIGHT 260.0
#define LEFT 57.0
#define RIGHT 336.0 /* half of the last label stands behind it */
#define TOP 12.0
#define BOTTOM 228.0
#define LABEL_APART 38.0 /* between two labels of the horizontal axis */
#define LINES_MOST 10
#define TAIL_STEP 0.05

struct series {
	const char *name;
	int colour;
	bool dashed;
};

/* Who is drawn, and how; the same in every chart. */
static const struct series all_series[] = {
	{ "floor-lines", 0, true },  { "floor-futex", 0, true }, { "floor-copy", 0, true },
	{ "queue", 1, false },       { "queue-batch", 1, true }, { "stream", 2, false },
	{ "stream-bulk", 2, true },  { "topic", 3, false },      { "pipe", 4, false },
	{ "unix-stream", 5, false }, { "mq", 6, false },         { "shm-mutex", 7, false },
	{ "zmq", 8, false },         { "semaphore", 3, true },   { "eventfd", 8, true },
	{ "tcp", 4, true },          { "sem", 7, true },
};

/* Logarithms to the base of 10. */
struct axes {
	double x_low;
	double x_high;
	double y_low;
	double y_high;
};

struct line {
	const struct series *series;
	const struct bench_case *cases[32]; /* by size */
	size_t count;
};

static double place_x(const struct axes *axes, double x)
{
	return LEFT + (x - axes->x_low) / (axes->x_high - axes->x_low) * (RIGHT - LEFT);
}

static double place_y(const struct axes *axes, double y)
{
	return BOTTOM - (y - axes->y_low) / (axes->y_high - axes->y_low) * (BOTTOM - TOP);
}

/* Whole decades around what is to be seen. */
static void include_y(struct axes *axes, double value)
{
	double y = log10(value);

	if (value <= 0)
		return;
	if (floor(y) < axes->y_low)
		axes->y_low = floor(y);
	if (ceil(y) > axes->y_high)
		axes->y_high = ceil(y);
}

static size_t find_lines(const struct bench_plan *plan, enum bench_measure measure,
			 struct line lines[LINES_MOST])
{
	size_t count = 0;

	for (size_t s = 0; s < BENCH_COUNT(all_series) && count < LINES_MOST; s++) {
		struct line *line = &lines[count];

		*line = (struct line){ .series = &all_series[s] };
		for (size_t i = 0; i < plan->count; i++) {
			const struct bench_case *one = &plan->cases[i];

			if (one->measure == measure && bench_measured(one) &&
			    !strcmp(one->driver->name, line->series->name) &&
			    line->count < BENCH_COUNT(line->cases))
				line->cases[line->count++] = one;
		}
		count += line->count > 0;
	}
	return count;
}

static const char *line_class(const struct line *line)
{
	static char text[48];

	snprintf(text, sizeof(text), "curve%s%s",
		 line->cases[0]->driver->group == BENCH_SLUICE ? " own" : "",
		 line->series->dashed ? " dashed" : "");
	return text;
}

static void print_legend(FILE *file, const struct line *lines, size_t count)
{
	fputs("<ul class=\"legend\">", file);
	for (size_t i = 0; i < count; i++) {
		fprintf(file,
			"<li><svg viewBox=\"0 0 26 10\" aria-hidden=\"true\"><path class=\"%s\" "
			"stroke=\"var(--s%d)\" d=\"M0 5H26\"/></svg>",
			line_class(&lines[i]), lines[i].series->colour);
		bench_html_text(file, lines[i].cases[0]->driver->title);
		fputs("</li>", file);
	}
	fputs("</ul></figure>\n", file);
}

static void print_start(FILE *file, const char *title, const char *words)
{
	fprintf(file,
		"<figure><figcaption>%s<span>%s</span></figcaption>"
		"<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s; the same numbers are in "
		"the tables below\">",
		title, words, WIDTH, HEIGHT, title);
}

static void print_y_axis(FILE *file, const struct axes *axes,
			 const char *(*words)(double, char *, size_t), const char *behind)
{
	int decades = (int)(axes->y_high - axes->y_low);
	int step = decades > 7 ? 2 : 1;
	char text[32];

	for (int i = 0; i <= decades; i += step) {
		double y = place_y(axes, axes->y_low + i);

		words(pow(10, axes->y_low + i), text, sizeof(text));
		if (strstr(text, ".00"))
			memmove(strstr(text, ".00"), strstr(text, ".00") + 3,
				strlen(strstr(text, ".00") + 3) + 1);
		if (strstr(text, ".0"))
			memmove(strstr(text, ".0"), strstr(text, ".0") + 2,
				strlen(strstr(text, ".0") + 2) + 1);
		fprintf(file,
			"<path class=\"grid\" d=\"M%.0f %.1fH%.0f\"/><text x=\"%.0f\" y=\"%.1f\" "
			"text-anchor=\"end\">%s%s</text>",
			LEFT, y, RIGHT, LEFT - 5, y + 4, text, behind);
	}
}

static void print_x_label(FILE *file, double x, const char *text)
{
	fprintf(file,
		"<path class=\"grid\" d=\"M%.1f %.0fV%.0f\"/><text x=\"%.1f\" y=\"%.0f\" "
		"text-anchor=\"middle\">%s</text>",
		x, TOP, BOTTOM, x, BOTTOM + 16, text);
}

/* ---- latency: what part of all took at most so long ---- */

/* Where the curve of so many samples ends. */
static double tail_of(const struct bench_histogram *histogram)
{
	double tail = log10((double)histogram->count);

	return tail < 1 ? 1 : tail > 5 ? 5 : tail;
}

static void print_latency_axis(FILE *file, const struct axes *axes)
{
	static const char *const words[] = {
		"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"
	};

	for (size_t i = 0; i < BENCH_COUNT(words) && (double)i <= axes->x_high + 0.01; i++)
		print_x_label(file, place_x(axes, (double)i), words[i]);
	fprintf(file, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">part of all trips</text>",
		RIGHT, BOTTOM + 30);
}

static void print_latency_curve(FILE *file, const struct axes *axes, const struct line *line)
{
	const struct bench_histogram *histogram = line->cases[0]->histogram;
	double tail = tail_of(histogram);

	fprintf(file, "<path class=\"%s\" stroke=\"var(--s%d)\" d=\"", line_class(line),
		line->series->colour);
	for (int i = 0; i * TAIL_STEP <= tail; i++) {
		double x = i * TAIL_STEP;
		double y = bench_percentile(histogram, 1 - pow(10, -x));

		fprintf(file, "%s%.1f %.1f", i ? "L" : "M", place_x(axes, x),
			place_y(axes, log10(y < 1 ? 1 : y)));
	}
	fputs("\"><title>", file);
	bench_html_text(file, line->cases[0]->driver->title);
	fputs("</title></path>", file);
}

void bench_chart_latency(FILE *file, const struct bench_plan *plan, enum bench_measure measure)
{
	struct axes axes = { 0, 3, 99, -99 };
	struct line lines[LINES_MOST];
	size_t count = find_lines(plan, measure, lines);

	if (!count)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct bench_histogram *histogram = lines[i].cases[0]->histogram;
		double tail = tail_of(histogram);

		include_y(&axes, bench_percentile(histogram, 0));
		include_y(&axes, bench_percentile(histogram, 1 - pow(10, -tail)));
		if (tail > axes.x_high)
			axes.x_high = tail;
	}
	print_start(file, bench_measures[measure].title, bench_measures[measure].words);
	print_y_axis(file, &axes, bench_time_text, "");
	print_latency_axis(file, &axes);
	for (size_t i = 0; i < count; i++)
		print_latency_curve(file, &axes, &lines[i]);
	fputs("</svg>", file);
	print_legend(file, lines, count);
}

/* ---- throughput against size ---- */

static double flow_value(const struct bench_case *one, bool bytes)
{
	return bytes ? one->value.median * (double)one->size : one->value.median;
}

static void print_flow_axis(FILE *file, const struct axes *axes, const struct line *line)
{
	double last = -1000;
	char text[32];

	for (size_t i = 0; i < line->count; i++) {
		double x = place_x(axes, log10((double)line->cases[i]->size));

		if (x - last < LABEL_APART)
			continue;
		last = x;
		print_x_label(file, x, bench_size_text(line->cases[i]->size, text, sizeof(text)));
	}
	fprintf(file, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">size of a message</text>",
		RIGHT, BOTTOM + 30);
}

static void print_flow_curve(FILE *file, const struct axes *axes, const struct line *line,
			     bool bytes)
{
	char text[64];

	fprintf(file, "<path class=\"%s\" stroke=\"var(--s%d)\" d=\"", line_class(line),
		line->series->colour);
	for (size_t i = 0; i < line->count; i++)
		fprintf(file, "%s%.1f %.1f", i ? "L" : "M",
			place_x(axes, log10((double)line->cases[i]->size)),
			place_y(axes, log10(flow_value(line->cases[i], bytes))));
	fputs("\"/>", file);
	for (size_t i = 0; i < line->count; i++) {
		double value = flow_value(line->cases[i], bytes);

		fprintf(file, "<circle r=\"3\" cx=\"%.1f\" cy=\"%.1f\" fill=\"var(--s%d)\"><title>",
			place_x(axes, log10((double)line->cases[i]->size)),
			place_y(axes, log10(value)), line->series->colour);
		bench_html_text(file, line->cases[i]->driver->title);
		fprintf(file, ", %s", bench_size_text(line->cases[i]->size, text, sizeof(text)));
		fprintf(file, ": %s/s</title></circle>",
			bytes ? bench_bytes_text(value, text, sizeof(text))
			      : bench_count_text(value, text, sizeof(text)));
	}
}

static const char *decimal_bytes(double bytes, char *text, size_t size)
{
	bench_count_text(bytes, text, size);
	return strncat(text, "B", size - strlen(text) - 1);
}

void bench_chart_flow(FILE *file, const struct bench_plan *plan, bool bytes)
{
	struct axes axes = { 99, -99, 99, -99 };
	struct line lines[LINES_MOST];
	size_t count = find_lines(plan, BENCH_FLOW, lines);
	size_t longest = 0;

	if (!count)
		return;
	for (size_t i = 0; i < count; i++) {
		if (lines[i].count > lines[longest].count)
			longest = i;
		for (size_t j = 0; j < lines[i].count; j++) {
			double x = log10((double)lines[i].cases[j]->size);

			include_y(&axes, flow_value(lines[i].cases[j], bytes));
			axes.x_low = x < axes.x_low ? x : axes.x_low;
			axes.x_high = x > axes.x_high ? x : axes.x_high;
		}
	}
	print_start(file, bytes ? "Bytes a second" : "Messages a second",
		    "one process sends as fast as it can, one receives");
	print_y_axis(file, &axes, bytes ? decimal_bytes : bench_count_text, "/s");
	print_flow_axis(file, &axes, &lines[longest]);
	for (size_t i = 0; i < count; i++)
		print_flow_curve(file, &axes, &lines[i], bytes);
	fputs("</svg>", file);
	print_legend(file, lines, count);
}
