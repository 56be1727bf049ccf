/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * json.c - the result for programs, and what has changed since another one
 *
 * The format is written down in docs/bench.md. Members are added, never changed or taken away; who
 * reads must pass over what it does not know. "format" grows when that promise has to be broken.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT "sluice-bench"
#define FORMAT_VERSION 1
#define ROUNDS_LEAST 3 /* fewer do not tell how much something varies */
#define PRECISION 1e-6 /* of the numbers in the file */
#define MOVED 1.3      /* the floor of spinning by so much: the processors were moved */

static const double percents[] = { 0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1 };

static json_t *kept(json_t *value)
{
	if (!value) {
		fputs("sluice: bench: no memory\n", stderr);
		exit(1);
	}
	return value;
}

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, kept(value)) < 0)
		kept(NULL);
}

/* Whatever bytes the machine or the command line gave. */
static json_t *words(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string("?");
}

static json_t *spread_json(struct bench_spread spread)
{
	return json_pack("{s:f, s:f, s:f}", "median", spread.median, "low", spread.low, "high",
			 spread.high);
}

/* The curve: what part of all took at most so long. */
static json_t *percentiles_json(const struct bench_histogram *histogram)
{
	json_t *list = kept(json_array());

	for (size_t i = 0; i < BENCH_COUNT(percents); i++)
		json_array_append_new(list, json_pack("[f, f]", percents[i],
						      bench_percentile(histogram, percents[i])));
	return list;
}

static json_t *case_json(const struct bench_case *one)
{
	const struct bench_measure_text *text = &bench_measures[one->measure];
	json_t *object = kept(json_object());
	json_t *values = kept(json_array());

	set(object, "facility", words(one->driver->name));
	set(object, "title", words(one->driver->title));
	set(object, "group", words(bench_groups[one->driver->group]));
	set(object, "measure", words(text->key));
	set(object, "size", json_integer((json_int_t)one->size));
	set(object, "unit", words(text->unit));
	set(object, "better", words(text->more_is_better ? "more" : "less"));
	set(object, "floor", one->floor ? words(one->floor->driver->name) : json_null());
	if (!bench_measured(one)) {
		set(object, "why", words(one->why));
		json_decref(values);
		return object;
	}
	for (size_t r = 0; r < one->rounds; r++)
		json_array_append_new(values, json_real(one->values[r]));
	set(object, "rounds", values);
	set(object, "value", spread_json(one->value));
	set(object, "ratio", one->floor ? spread_json(one->ratio) : json_null());
	if (text->second) {
		set(object, "second", spread_json(one->second));
		set(object, "second_unit", words(text->second));
	}
	if (one->histogram)
		set(object, "percentiles", percentiles_json(one->histogram));
	return object;
}

static json_t *machine_json(const struct bench_plan *plan)
{
	const struct bench_machine *machine = &plan->machine;
	json_t *object = kept(json_object());

	set(object, "processor", words(machine->processor));
	set(object, "processors", json_integer(machine->processors));
	set(object, "used", json_pack("[i, i]", plan->cpus.first, plan->cpus.second));
	set(object, "memory", words(machine->memory));
	set(object, "kernel", words(machine->kernel));
	set(object, "libc", words(machine->libc));
	set(object, "load", json_real(machine->load));
	return object;
}

static json_t *targets_json(const struct bench_plan *plan)
{
	static const char *const verdicts[] = { "met", "missed", "unknown" };
	json_t *list = kept(json_array());
	struct bench_outcome outcome;

	for (size_t i = 0; bench_target(plan, i, &outcome); i++)
		json_array_append_new(
			list, kept(json_pack("{s:s, s:s, s:s, s:s}", "job", outcome.job, "wanted",
					     outcome.wanted, "measured", outcome.measured,
					     "verdict", verdicts[outcome.verdict])));
	return list;
}

json_t *bench_json(const struct bench_plan *plan)
{
	json_t *root = kept(json_object());
	json_t *left_out = kept(json_object());
	json_t *results = kept(json_array());

	for (int m = 0; m < BENCH_MEASURES; m++)
		if (plan->left_out[m])
			set(left_out, bench_measures[m].key, words(plan->left_out[m]));
	for (size_t i = 0; i < plan->count; i++)
		json_array_append_new(results, case_json(&plan->cases[i]));
	set(root, "format", words(FORMAT));
	set(root, "version", json_integer(FORMAT_VERSION));
	set(root, "sluice", words(sluice_version()));
	set(root, "command", words(plan->settings.command));
	set(root, "when", words(plan->machine.when));
	set(root, "took_s", json_real(plan->took_s));
	set(root, "turn_ms", json_real(plan->length_ms));
	set(root, "rounds", json_integer((json_int_t)plan->rounds_done));
	set(root, "machine", machine_json(plan));
	set(root, "left_out", left_out);
	set(root, "results", results);
	set(root, "targets", targets_json(plan));
	return root;
}

/* ---- comparing ---- */

/* The spread that @object keeps under @key; false: none. */
static bool spread_from(const json_t *object, const char *key, struct bench_spread *ret_spread)
{
	const json_t *spread = json_object_get(object, key);

	if (!json_is_object(spread))
		return false;
	ret_spread->median = json_number_value(json_object_get(spread, "median"));
	ret_spread->low = json_number_value(json_object_get(spread, "low"));
	ret_spread->high = json_number_value(json_object_get(spread, "high"));
	return true;
}

static bool is(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && !strcmp(value, text);
}

static const json_t *result_of(const json_t *old, const struct bench_case *one)
{
	const json_t *results = json_object_get(old, "results");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *result = json_array_get(results, i);

		if (is(result, "facility", one->driver->name) &&
		    is(result, "measure", bench_measures[one->measure].key) &&
		    json_integer_value(json_object_get(result, "size")) == (json_int_t)one->size)
			return result;
	}
	return NULL;
}

/* What two runs say of one case. */
struct change {
	bool ratio; /* to the floor; else there is none, and it is the value */
	struct bench_spread then;
	struct bench_spread now;
};

/* False: they cannot be compared, since too few rounds say how much each varies, or since it is a
 * floor, which is what others are compared with. */
static bool find_change(const struct bench_case *one, const json_t *result, struct change *change)
{
	change->ratio = one->floor && one->measure != BENCH_IDLE;
	change->now = change->ratio ? one->ratio : one->value;
	return one->driver->group != BENCH_FLOOR && one->rounds >= ROUNDS_LEAST &&
	       json_array_size(json_object_get(result, "rounds")) >= ROUNDS_LEAST &&
	       spread_from(result, change->ratio ? "ratio" : "value", &change->then);
}

/* The rounds of the two have no value in common, by more than is lost in writing it down. */
static bool has_changed(const struct change *change)
{
	return change->now.low > change->then.high * (1 + PRECISION) ||
	       change->now.high < change->then.low * (1 - PRECISION);
}

static const char *change_text(const struct change *change, char *text, size_t size)
{
	double factor = change->then.median > 0 ? change->now.median / change->then.median : 0;

	if (factor < 0.1 || factor >= 10)
		snprintf(text, size, "x %.2g", factor);
	else
		snprintf(text, size, "%+.0f %%", 100 * (factor - 1));
	return text;
}

static void print_change(FILE *file, const struct bench_case *one, const struct change *change)
{
	bool more = change->now.median > change->then.median;
	char size[32];
	char before[32];
	char after[32];
	char factor[32];

	if (change->ratio) {
		bench_ratio_text(change->then.median, before, sizeof(before));
		bench_ratio_text(change->now.median, after, sizeof(after));
	} else {
		bench_value_text(one->measure, change->then.median, before, sizeof(before));
		bench_value_text(one->measure, change->now.median, after, sizeof(after));
	}
	fprintf(file, "  %-24s %-7s %-7s %8s -> %-8s %8s  %s\n", one->driver->title,
		bench_measures[one->measure].key,
		one->measure == BENCH_FLOW ? bench_size_text(one->size, size, sizeof(size)) : "",
		before, after, change_text(change, factor, sizeof(factor)),
		more == bench_measures[one->measure].more_is_better ? "better" : "WORSE");
}

/* Two processors are near to each other or far apart, and a virtual machine's may move from run to run:
 * then ratios to the floor have another meaning. */
static void print_move(FILE *file, const struct bench_plan *plan, const json_t *old)
{
	const struct bench_case *floor = bench_find(plan, "floor-lines", BENCH_SPIN, 0);
	const json_t *result = floor ? result_of(old, floor) : NULL;
	struct change change;
	char before[32];
	char after[32];

	if (!result || !spread_from(result, "value", &change.then))
		return;
	change.now = floor->value;
	if (change.now.median < change.then.median * MOVED &&
	    change.then.median < change.now.median * MOVED)
		return;
	bench_value_text(BENCH_SPIN, change.then.median, before, sizeof(before));
	bench_value_text(BENCH_SPIN, change.now.median, after, sizeof(after));
	fprintf(file,
		"  The processors are not as near to each other as they were: two bare cache lines\n"
		"  took %s, now %s. Ratios of what spins or floods change with that.\n",
		before, after);
}

bool bench_compare(FILE *file, const struct bench_plan *plan, json_t *old, const char **ret_why)
{
	const char *when = json_string_value(json_object_get(old, "when"));
	const char *command = json_string_value(json_object_get(old, "command"));
	size_t compared = 0;
	size_t changed = 0;

	*ret_why = "it is not what --json writes";
	if (!is(old, "format", FORMAT) || !json_is_array(json_object_get(old, "results")))
		return false;
	*ret_why = "it is of another version of the format";
	if (json_integer_value(json_object_get(old, "version")) != FORMAT_VERSION)
		return false;
	if (!plan)
		return true;
	fprintf(file, "\nSince %s (%s), ratios to the floor\n", when ? when : "?",
		command ? command : "?");
	print_move(file, plan, old);
	for (size_t i = 0; i < plan->count; i++) {
		const struct bench_case *one = &plan->cases[i];
		const json_t *result = result_of(old, one);
		struct change change;

		if (!result || !bench_measured(one) || !find_change(one, result, &change))
			continue;
		compared++;
		changed += has_changed(&change);
		if (has_changed(&change))
			print_change(file, one, &change);
	}
	fprintf(file,
		"  %zu of %zu changed beyond what the rounds of both runs spread over\n"
		"  (compared where both have three rounds at least)\n",
		changed, compared);
	return true;
}
