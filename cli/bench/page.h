/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* page.h - the parts of the page that --html writes */
#ifndef SLUICE_CLI_BENCH_PAGE_H
#define SLUICE_CLI_BENCH_PAGE_H

#include "plan.h"

extern const char bench_style[];

/* bench_html_text() - @text with what HTML would obey written as entities */
void bench_html_text(FILE *file, const char *text);

/* Curves, each a figure with its legend; nothing when nothing was measured for it. */
void bench_chart_latency(FILE *file, const struct bench_plan *plan, enum bench_measure measure);
void bench_chart_flow(FILE *file, const struct bench_plan *plan, bool bytes);

/* bench_advice() - the table "what to pick for what" */
void bench_advice(FILE *file, const struct bench_plan *plan);

#endif
