/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stream_end.c - the last writer writes and is gone while a reader looks whether it is over
 *
 * A reader that found nothing asks whether a writer is left, and if none is, whether there is nothing
 * still. It is stopped after each number of its instructions; there the last writer writes and
 * closes, finishes or is killed; and then the reader runs on. It may get the bytes, or nothing for
 * now, but never the end before them; and after them there is nothing but the end.
 *
 *	stream_end [--every N]
 *
 * After every N-th instruction, 3 if not said.
 */
#include "stream_scenarios.h"

#include <getopt.h>

#define WRITTEN 300

enum way_out { CLOSES, FINISHES, IS_KILLED, WAYS_OUT };
static const char *const way_names[WAYS_OUT] = { "closes", "finishes", "is killed" };

/* Writes and leaves when it gets a byte, and lives on. */
struct last_writer {
	pid_t pid;
	int go, done;
};

static void last_writer_body(int go, int done, enum way_out way)
{
	sluice_stream *mine = flow_open(SLUICE_WRITE, 0);
	unsigned char data[WRITTEN];
	char byte = 0;

	flow_prepare_nothing(NULL);
	flow_fill(data, TEXT_FIRST, 0, sizeof(data));
	if (write(done, &byte, 1) != 1 || read(go, &byte, 1) != 1 ||
	    sluice_stream_write(mine, data, sizeof(data), SLUICE_NOWAIT) != WRITTEN)
		_exit(1);
	if (way == CLOSES)
		sluice_stream_close(mine);
	if (way == FINISHES && sluice_stream_finish(mine) != 0)
		_exit(1);
	if (way == IS_KILLED)
		raise(SIGKILL);
	if (write(done, &byte, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static struct last_writer last_writer_start(struct flow *flow, enum way_out way)
{
	struct last_writer writer;
	int go[2], done[2];
	char byte;

	victim_flow = flow;
	CHECK_EQ(pipe2(go, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(done, O_CLOEXEC), 0);
	writer.pid = test_fork();
	if (writer.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(done[0]);
		last_writer_body(go[0], done[1], way);
	}
	close(go[0]);
	close(done[1]);
	writer.go = go[1];
	writer.done = done[0];
	CHECK_EQ(read(writer.done, &byte, 1), 1);
	return writer;
}

/* It does what it is there for. */
static void last_writer_go(const struct last_writer *writer, enum way_out way)
{
	char byte = 0;

	CHECK_EQ(write(writer->go, &byte, 1), 1);
	CHECK_EQ(read(writer->done, &byte, 1), way == IS_KILLED ? 0 : 1);
	if (way == IS_KILLED)
		CHECK_EQ(test_wait(writer->pid), -SIGKILL);
}

static void last_writer_end(const struct last_writer *writer, enum way_out way)
{
	close(writer->go);
	close(writer->done);
	if (way != IS_KILLED)
		test_kill(writer->pid);
}

static bool meet_check(struct flow *flow, const struct report *report)
{
	unsigned char wanted[WRITTEN];
	bool end = false;

	flow_fill(wanted, TEXT_FIRST, 0, sizeof(wanted));
	if (report->result != WRITTEN && report->result != SLUICE_EAGAIN &&
	    report->result != SLUICE_ETIMEDOUT)
		return complain(flow->world, "read: %lld", (long long)report->result);
	if (report->count && memcmp(flow_taken[0], wanted, sizeof(wanted)) != 0)
		return complain(flow->world, "the reader got other bytes");
	if (!report->count && !flow_take(flow, false, &end))
		return false;
	if (flow->found_size + report->count != WRITTEN)
		return complain(flow->world, "%u bytes instead of them", flow->found_size);
	if (!flow_take(flow, false, &end))
		return false;
	return end || complain(flow->world, "more bytes");
}

static bool meet_try(const struct flow_scenario *scenario, struct world *world,
		     const struct trace *trace, uint32_t point, enum way_out way,
		     struct report *report)
{
	struct last_writer writer;
	struct victim victim;
	struct flow flow;
	bool good;

	engine_watch(scenario->name, point, 0, way);
	flow_setup(&flow, world, scenario);
	flow_ready(&flow, 0, 0);
	victim_start(&victim, report, engine_flow_body, (void *)(uintptr_t)scenario);
	writer = last_writer_start(&flow, way);
	flow_close(&flow.writer);
	victim_to_start(&victim);
	(void)victim_go_to(&victim, trace, point);
	victim_share_processor(&victim, false);
	last_writer_go(&writer, way);
	victim_run_on(&victim);
	victim_kill(&victim);
	good = meet_check(&flow, report);
	last_writer_end(&writer, way);
	return flow_end(&flow, good);
}

static void meet_point(const struct flow_scenario *scenario, const struct trace *trace,
		       uint32_t point, enum way_out way, struct report *report, struct tally *tally)
{
	static struct world world;
	bool good = false;

	for (int tries = 0; tries < 3 && !good; tries++) {
		good = meet_try(scenario, &world, trace, point, way, report);
		if (!world.is_slow)
			break;
		tally->slow++;
	}
	tally->points++;
	if (good || tally->failures++ >= SHOWN_FAILURES)
		return;
	fprintf(stderr, "FAILED %s, after %u instructions in %s the last writer %s: %s\n",
		scenario->name, point, victim_symbol(trace->pc[SLI_MIN(point, trace->total)]),
		way_names[way], world.complaint);
}

int main(int argc, char **argv)
{
	static const struct flow_scenario scenarios[] = {
		{ READS("look for the end", read), .result = SLUICE_EAGAIN },
		{ READS("wait for the end", read), .result = SLUICE_ETIMEDOUT },
	};
	static const struct option options[] = { { "every", required_argument, NULL, 'e' }, { 0 } };
	static struct points points;
	struct tally tally = { 0 };
	struct report *report;
	uint32_t every = 3;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c != 'e' || (every = (uint32_t)strtoul(optarg, NULL, 0)) == 0)
			return 2;
	engine_begin();
	flow_begin();
	report = report_new();
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		points_of_flow(&scenarios[i], report, &points);
		for (uint32_t k = 0; k <= points.trace.total; k += every)
			meet_point(&scenarios[i], &points.trace, k,
				   (enum way_out)(k / every % WAYS_OUT), report, &tally);
		printf("  %-18s %6u instructions, every %u.\n", scenarios[i].name,
		       points.trace.total, every);
	}
	printf("%u meetings, %u failures, %u slow ones tried again\n", tally.points, tally.failures,
	       tally.slow);
	test_clean();
	return tally.failures ? 1 : 0;
}
