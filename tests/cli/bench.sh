#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# bench.sh - sluice bench ends, says what it must in every form, and leaves nothing behind
#
# How fast anything is decides nothing here.
. "$(dirname "$0")/common.sh"
need python3

result=$scratch/result.json
page=$scratch/page.html

# holds EXPRESSION [FILE] - EXPRESSION, in Python, is true of v, the JSON in FILE
holds() {
	checks=$((checks + 1))
	python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
r = v["results"]
done = [x for x in r if "value" in x]
names = {x["facility"] for x in r}
measures = {x["measure"] for x in r}
sys.exit(not eval(sys.argv[2]))' "${2:-$result}" "$1" || fail "not so: $1"
}

# Processes of a run in this test's directory.
processes() {
	for directory in /proc/[0-9]*; do
		case $(cat "$directory/comm" 2>/dev/null) in
		sluice*) grep -qs "SLUICE_DIR=$SLUICE_DIR" "$directory/environ" && echo "${directory#/proc/}" ;;
		esac
	done
}

nobody() {
	[ -z "$(processes)" ]
}

nothing_left() {
	wait_until nobody
	[ -z "$(ls -A "$SLUICE_DIR")" ] || fail 'it left something in SLUICE_DIR'
}

# What cannot be, before anything is measured.
expect 2 bench xylophone
says "there is no facility 'xylophone'; see --list"
expect 2 bench queue --json
says '--json needs a value'
expect 2 bench queue --json "$page" --html "$page"
says 'the same file'
expect 1 bench queue --quick --json /proc/nowhere/file
says 'cannot write /proc/nowhere/file'
expect 1 bench queue --quick --json "$result" --html /proc/nowhere/file
says 'cannot write /proc/nowhere/file'
[ -e "$result" ] && fail 'a file stayed that was never filled'
expect 1 bench queue --quick --compare /proc/nowhere/file
says 'cannot read /proc/nowhere/file'
echo '{"results": []}' >"$scratch/other"
expect 1 bench queue --quick --compare "$scratch/other"
says 'it is not what --json writes'

if chrt -f 1 true 2>/dev/null; then
	# Nothing is measured there, whatever it says.
	chrt -f 1 "$program" bench queue --quick --compare /proc/nowhere/file >"$out" 2>"$err"
	[ $? = 1 ] || fail 'it runs at a real-time priority'
	says 'without, as with'
fi

expect 0 bench --list
has "$out" 'floor-lines'
has "$out" 'POSIX message queue'

# Everything, quickly.
expect 0 bench --quick --json "$result" --html "$page"
[ -s "$err" ] && fail 'something on standard error'
# The command line and the machine's name are as long as they are.
[ "$(awk 'NR > 2 && length > 80' "$out" | wc -l)" = 0 ] || fail 'wider than 80 columns'
nothing_left
has "$out" 'two bare cache lines'
has "$out" 'Targets'
has "$page" '</html>'
holds 'v["format"] == "sluice-bench" and v["version"] == 1'
holds '{"queue", "stream", "mutex", "semaphore", "pipe", "tcp", "mq", "sem", "flock"} <= names'
holds 'len(done) > 0.8 * len(r)'
holds 'all("why" in x for x in r if "value" not in x)'
holds 'all(x["value"]["low"] <= x["value"]["median"] <= x["value"]["high"] for x in done)'
# Of many processes on a busy machine it may be that none got a turn.
holds 'all(x["floor"] and x["ratio"]["median"] >= 0 for x in done
	if x["measure"] not in ("idle", "memory", "typed"))'
holds 'all(x["rounds"] for x in done)'
holds 'all(x["percentiles"] == sorted(x["percentiles"]) and
	[p[1] for p in x["percentiles"]] == sorted(p[1] for p in x["percentiles"])
	for x in done if x["measure"] in ("spin", "sleep", "wake"))'
holds 'all(x["value"]["median"] > 0 for x in done if x["measure"] not in ("idle", "memory", "many", "contend"))'
holds 'len(v["targets"]) > 10 and all(x["verdict"] in ("met", "missed", "unknown") for x in v["targets"])'
# A target that both of its sides were measured for has a verdict.
holds 'all(x["verdict"] != "unknown" for x in v["targets"] if "queue, 64 B, a call" in x["job"])'

# A part of it, compared with the whole.
expect 0 bench eventfd semaphore --quick --compare "$result"
has "$out" 'changed beyond what the rounds of both runs spread over'
expect 0 bench eventfd --quick --json -
cp "$out" "$scratch/part"
holds 'names == {"eventfd", "floor-lines", "floor-futex"}' "$scratch/part"

# One core: what needs two is left out, and the rest is there.
if command -v taskset >/dev/null; then
	first=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
	taskset -c "$first" "$program" bench pipe queue mutex --quick --json "$result" >"$out" 2>"$err" ||
		fail 'it fails on one core'
	has "$out" 'is left out: one processor'
	holds 'set(v["left_out"]) == {"spin", "contend"} and "flow" in measures'
	holds 'all("value" in x for x in r)'
	nothing_left
fi

# Cut short, as politely as one likes: in the middle of a turn, and while several wait for nothing.
for how in TERM KILL; do
	rm -f "$result"
	start "$program" bench eventfd condition pipe sem --quick --json "$result" >"$out" 2>"$err"
	pid=$!
	sleep 1
	if [ $how = KILL ]; then
		tries=0
		until [ "$(wc -w <"/proc/$pid/task/$pid/children")" -ge 5 ]; do
			tries=$((tries + 1))
			[ $tries -lt 3000 ] || fail 'nobody ever waits idly'
			sleep 0.02
		done
	fi
	kill -$how "$pid"
	wait "$pid"
	[ $? -gt 128 ] || fail "it did not end by the signal $how"
	nothing_left
	[ $how = KILL ] || [ ! -e "$result" ] || fail 'a file stayed that was never filled'
done
done_well
