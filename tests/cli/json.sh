#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# json.sh - everything with --json is JSON, with the fields and values it says
. "$(dirname "$0")/common.sh"
need python3

# json EXPRESSION - EXPRESSION, in Python, is true of v, the value that was printed last
json() {
	checks=$((checks + 1))
	python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$out" "$1" || fail "not so: $1"
}

expect 0 list --json
json 'v == []'
expect 0 clean --json
json 'v == []'

expect 0 queue send jobs --type 7 'grüße "quoted" \ back'
expect 0 queue receive jobs --json
python3 -m json.tool <"$out" >/dev/null || fail 'not JSON'
json 'v["type"] == 7 and v["data"] == "grüße \"quoted\" \\ back" and v["redelivered"] is False'
json '(v["sender"] is None or v["sender"] > 0) and isinstance(v["sequence"], int) and "base64" not in v'
printf 'a\tb\001\nc' | sluice queue send jobs --raw
expect 0 queue receive jobs --json
same "$(wc -l <"$out")" 1
json 'v["data"] == "a\tb\x01\nc"'
printf '\377\376 not UTF-8 \300' | sluice queue send jobs --raw
expect 0 queue receive jobs --json
json '__import__("base64").b64decode(v["base64"]) == b"\xff\xfe not UTF-8 \xc0" and "data" not in v'
printf '%s\0' nul | sluice queue send jobs --raw
expect 0 queue receive jobs --json
json 'v["data"] == "nul\0"'
expect 0 queue send jobs ''
expect 0 queue receive jobs --json
json 'v["data"] == ""'
seq 1 1000 | sluice queue send jobs
sluice queue receive jobs --json --drain >"$scratch/stream"
python3 -c '
import json, sys
v = [json.loads(line) for line in open(sys.argv[1])]
s = [x["sequence"] for x in v]
sys.exit([x["data"] for x in v] != [str(i) for i in range(1, 1001)] or s != sorted(set(s)))' \
	"$scratch/stream" || fail 'a thousand objects, a line each'

expect 0 queue send jobs --type 2 one
expect 0 show jobs --json
json 'v["name"] == "jobs" and v["kind"] == "queue" and v["state"] == "sound" and not v["stale"]'
json 'v["queue"]["messages"] == 1 and v["queue"]["sent"] - v["queue"]["received"] == 1'
json 'v["participants"] == [] and v["mode"] == "0600" and v["attached"] == 0'
json 'v["path"].endswith("/jobs")'
start "$program" queue receive jobs --type 9
receiver=$!
wait_until shows jobs 'waits for a message'
expect 0 show jobs --json
json "[(p['pid'], p['role'], p['alive'], p['command']) for p in v['participants']] == [($receiver, 'receive', True, 'sluice')]"
kill "$receiver"

start "$program" mutex run deploy -- sleep 100
wait_until shows deploy 'held by'
expect 0 show deploy --json
json 'v["kind"] == "mutex" and v["mutex"]["locked"] and v["mutex"]["owner"] > 0'

# A segment by its first bytes, and damaged behind them.
printf 'SLUICE\n\032rubbish' >"$SLUICE_DIR/broken"
expect 0 list --json
json '[(o["name"], o["kind"], o["state"]) for o in v] == [("broken", "unknown", "damaged"), ("deploy", "mutex", "sound"), ("jobs", "queue", "sound")]'
expect 0 show broken --json
json 'v["state"] == "damaged" and "remove" in v["advice"]'
expect 0 clean --json --dry-run
json '{o["file"]: o["verdict"] for o in v}["deploy"] == "in-use"'
json '{o["file"]: o["verdict"] for o in v}["jobs"] == "content"'
json '{o["file"]: o["would_remove"] for o in v}["broken"] and not any(o["removed"] for o in v)'
expect 0 clean --json
json '{o["file"]: o["removed"] for o in v}["broken"]'
done_well
