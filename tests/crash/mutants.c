/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * mutants.c - does the kill harness notice bugs?
 *
 * The library's source has seeded bugs, SLI_MUTANT(name), that $SLUICE_MUTANT turns on in a build
 * with SLI_MUTANTS. With each of them the harness, killing at the points that others can tell
 * apart, has to find something wrong; with none of them, nothing. Where one death finds nothing, two
 * in a row are tried.
 *
 *	mutants [NAME ...]
 */
#include "barrier_world.h"
#include "condition_world.h"
#include "double.h"
#include "ring_news.h"
#include "rwlock_world.h"
#include "source.h"
#include "stream_scenarios.h"
#include "sync_world.h"
#include "topic_world.h"

#define ENOUGH 10u

struct result {
	uint32_t points, failures, scenarios;
	char first[64];
};

static void mutant_note(struct result *result, const char *name, const struct tally *tally)
{
	result->points += tally->points;
	result->failures += tally->failures;
	if (tally->failures && !result->scenarios++)
		snprintf(result->first, sizeof(result->first), "%s", name);
}

/* Of an operation that is long, every fourth point only. */
static void mutant_run_streams(struct result *result, struct report *report, uint32_t enough)
{
	static struct points points;

	for (size_t i = 0; i < FLOW_SCENARIOS && result->failures < enough; i++) {
		const struct flow_scenario *scenario = &flow_scenarios[i];
		struct tally tally = { 0 };
		uint32_t step = scenario->is_long ? 4 : 1;

		points_of_flow(scenario, report, &points);
		for (uint32_t p = 0; p < points.visible && tally.failures < enough; p += step)
			engine_flow_point(scenario, &points.trace, points.at[p], p / step, report,
					  &tally);
		mutant_note(result, scenario->name, &tally);
	}
}

/* At the points that others can tell apart; and lapped, at every third. */
static void mutant_run_topics(struct result *result, uint32_t enough)
{
	static struct points points;
	struct report *report = report_new();

	for (size_t i = 0; i < TOPIC_SCENARIOS && result->failures < enough; i++) {
		const struct topic_scenario *scenario = &topic_scenarios[i];
		struct tally tally = { 0 };

		points_of_topic(scenario, report, &points);
		for (uint32_t p = 0; p < 3 * points.visible && tally.failures < enough; p++)
			engine_topic_point(scenario, &points.trace, points.at[p / 3], p, report,
					   &tally);
		for (uint32_t k = 0; topic_can_be_lapped(scenario) && k < points.trace.total &&
				     tally.failures < enough;
		     k++)
			lapped_point(scenario, &points.trace, k, k % 2 ? TOPIC_DEPTH : TOPIC_TURN,
				     report, &tally);
		mutant_note(result, scenario->name, &tally);
	}
}

/* Each failure takes seconds: a waiter is not told. */
static void mutant_run_conditions(struct result *result, uint32_t enough)
{
	static struct points points;
	struct report *report = report_new();

	news_begin();
	for (size_t i = 0; i < NEWS_SCENARIOS && result->failures < enough; i++) {
		struct tally tally = { 0 };

		points_of_news(&news_scenarios[i], report, &points);
		for (uint32_t p = 0; p < points.visible && tally.failures < enough; p++)
			engine_news_point(&news_scenarios[i], &points.trace, points.at[p], report,
					  &tally);
		mutant_note(result, news_scenarios[i].name, &tally);
	}
}

static void mutant_run_news(struct result *result, uint32_t enough)
{
	uint32_t points;

	result->failures += ring_news_walk(report_new(), enough, &points);
	result->points += points;
	if (result->failures && !result->first[0])
		snprintf(result->first, sizeof(result->first), "%s", ring_news_tester.now->name);
}

static void mutant_run_barriers(struct result *result, uint32_t enough)
{
	static struct points points;
	struct report *report = report_new();

	for (size_t i = 0; i < CIRCLE_SCENARIOS && result->failures < enough; i++) {
		struct tally tally = { 0 };

		points_of_circle(&circle_scenarios[i], report, &points);
		for (uint32_t p = 0; p < points.visible && tally.failures < enough; p++)
			engine_circle_point(&circle_scenarios[i], &points.trace, points.at[p],
					    report, &tally);
		mutant_note(result, circle_scenarios[i].name, &tally);
	}
}

static void mutant_run(struct result *result, uint32_t enough)
{
	static struct points points;
	struct report *report = report_new();

	for (size_t i = 0; i < MUTEX_SCENARIOS && result->failures < enough; i++) {
		struct tally tally = { 0 };

		points_of_mutex(&mutex_scenarios[i], report, &points);
		for (uint32_t p = 0; p < points.visible && tally.failures < enough; p++)
			engine_mutex_point(&mutex_scenarios[i], &points.trace, points.at[p], p,
					   report, &tally);
		mutant_note(result, mutex_scenarios[i].name, &tally);
	}
	for (size_t i = 0; i < SYNC_SCENARIOS && result->failures < enough; i++) {
		struct tally tally = { 0 };

		points_of_sync(&sync_scenarios[i], report, &points);
		for (uint32_t p = 0; p < points.visible && tally.failures < enough; p++)
			engine_sync_point(&sync_scenarios[i], &points.trace, points.at[p], p,
					  report, &tally);
		mutant_note(result, sync_scenarios[i].name, &tally);
	}
	mutant_run_streams(result, report, enough);
	for (size_t i = 0; i < RWLOCK_SCENARIOS && result->failures < enough; i++) {
		struct tally tally = { 0 };

		points_of_rwlock(&rwlock_scenarios[i], report, &points);
		for (uint32_t p = 0; p < points.visible && tally.failures < enough; p++)
			engine_rwlock_point(&rwlock_scenarios[i], &points.trace, points.at[p], p,
					    report, &tally);
		mutant_note(result, rwlock_scenarios[i].name, &tally);
	}
	for (size_t i = 0; i < QUEUE_SCENARIOS && result->failures < enough; i++) {
		struct tally tally = { 0 };

		points_of(&queue_scenarios[i], report, &points);
		for (uint32_t p = 0; p < points.visible && tally.failures < enough; p++)
			for (uint32_t order = 0; order < 3 && tally.failures < enough; order++)
				engine_point(&queue_scenarios[i], &points.trace, points.at[p],
					     order, report, &tally);
		mutant_note(result, queue_scenarios[i].name, &tally);
	}
}

/* Two deaths in a row, where that is most likely to matter. */
static void mutant_run_double(struct result *result)
{
	static const char *const names[] = { "send_rotate", "receive_long", "reserve_abort" };
	static struct plan plan;
	struct report *one = report_new(), *two = report_new();

	for (size_t n = 0; n < 3 && !result->failures; n++)
		for (size_t i = 0; i < QUEUE_SCENARIOS; i++) {
			if (strcmp(queue_scenarios[i].name, names[n]) != 0)
				continue;
			plan_begin(&plan, &queue_scenarios[i], one, two);
			both_scenario(&plan, 12, 1, 0, 1);
			result->points += plan.tally.points;
			result->failures += plan.tally.failures;
			if (plan.tally.failures)
				snprintf(result->first, sizeof(result->first),
					 "double deaths of %s", names[n]);
		}
}

/* What a worker that ended early has left. */
static void mutant_clean(void)
{
	char path[512];
	struct dirent *entry;
	DIR *directory = opendir(test_directory());

	CHECK(directory != NULL);
	while ((entry = readdir(directory))) {
		snprintf(path, sizeof(path), "%.200s/%.200s", test_directory(), entry->d_name);
		unlink(path);
	}
	closedir(directory);
}

/* In a process of its own, since a bug may well end it. Return: it is as it should be. */
static bool mutant_try(const char *name, struct result *result)
{
	/* A topic's, condition's, barrier's or the news' bugs do not show elsewhere, nor the others in
	 * these. */
	bool is_topics = name && strncmp(name, "topic_", 6) == 0;
	bool is_conditions = name && strncmp(name, "condition_", 10) == 0;
	bool is_barriers = name && strncmp(name, "barrier_", 8) == 0;
	bool is_news = name && strncmp(name, "news_", 5) == 0;
	bool is_others = !is_topics && !is_conditions && !is_barriers && !is_news;
	int64_t began = test_now_ns();
	int status;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	fflush(NULL);
	pid = test_fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		engine_shown = name ? 1 : 20;
		if (name)
			setenv("SLUICE_MUTANT", name, 1);
		if (!name || is_topics)
			mutant_run_topics(result, name ? ENOUGH : UINT32_MAX);
		if (!name || is_conditions)
			mutant_run_conditions(result, name ? 1 : UINT32_MAX);
		if (!name || is_barriers)
			mutant_run_barriers(result, name ? 1 : UINT32_MAX);
		if (!name || is_news)
			mutant_run_news(result, name ? 1 : UINT32_MAX);
		if (is_others)
			mutant_run(result, name ? ENOUGH : UINT32_MAX);
		if (is_others && !result->failures)
			mutant_run_double(result);
		_exit(0);
	}
	status = test_wait(pid);
	mutant_clean();
	printf("  %-24s %6u deaths, %4u failures%s%s%s, %.1f s\n", name ? name : "(none)",
	       result->points, result->failures, result->failures ? ", first in " : "",
	       result->first, status ? ", and the harness ended" : "",
	       (double)(test_now_ns() - began) / 1e9);
	fflush(stdout);
	return name ? result->failures || status : !result->failures && !status;
}

int main(int argc, char **argv)
{
	static struct source_names names;
	struct result *result;
	uint32_t missed = 0;

#ifndef SLI_MUTANTS
	printf("skipped: built without SLI_MUTANTS\n");
	return TEST_SKIPPED;
#endif
	source_find(&names, "SLI_MUTANT(");
	CHECK(names.count > 0);
	engine_begin();
	flow_begin();
	result = (struct result *)mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(result != MAP_FAILED);
	for (int i = 1; i < argc; i++)
		missed += !mutant_try(argv[i], result);
	if (argc > 1)
		names.count = 0;
	else
		missed += !mutant_try(NULL, result);
	for (uint32_t i = 0; i < names.count; i++)
		if (!mutant_try(names.name[i], result)) {
			printf("%s was not noticed\n", names.name[i]);
			missed++;
		}
	printf("%u seeded bugs, %u not as they should be\n", names.count, missed);
	test_clean();
	return missed ? 1 : 0;
}
