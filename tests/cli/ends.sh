#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# ends.sh - a receiver that is stopped, killed or cut off from its output loses no message
. "$(dirname "$0")/common.sh"
need python3

# Asked to end while it waits: by the signal, nothing left of it.
for number in 1 2 15; do
	start python3 -c 'import os, signal, sys
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(s, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$program" queue receive jobs --follow
	wait_until shows jobs 'waits for a message'
	kill -"$number" $!
	wait $!
	same $? $((128 + number))
	expect 0 show jobs
	has "$out" 'attached   nobody'
	has "$out" 'state      sound'
done

# Nobody reads the output any more: quiet, status 1, the message stays. The receiver that waits
# finds out by itself.
mkfifo "$scratch/pipe"
# The redirection is the child's: opening a FIFO waits for the other end.
follow_into_pipe() {
	"$program" queue receive "$@" --follow >"$scratch/pipe" 2>"$err" &
	receiver=$!
	started="$started $receiver"
}
follow_into_pipe jobs
exec 3<"$scratch/pipe"
wait_until shows jobs 'waits for a message'
exec 3<&-
wait "$receiver"
same $? 1
[ -s "$err" ] && fail 'not quiet'
follow_into_pipe jobs
exec 3<"$scratch/pipe"
wait_until shows jobs 'waits for a message'
exec 3<&-
sluice queue send jobs precious
wait "$receiver"
same $? 1
[ -s "$err" ] && fail 'not quiet'
expect 0 queue receive jobs --timeout 0
prints precious

# Stopped while its output is stuck: what is not written goes back, what is written was consumed.
# $1: the signal; then whether all numbers are there, and twice only where flagged.
stuck() {
	seq -f '%01000.0f' 1 500 | sluice queue send "stuck$1"
	follow_into_pipe "stuck$1" --json
	exec 3<"$scratch/pipe"
	wait_until shows "stuck$1" 'borrowed by'
	sleep 0.3
	kill -s "$1" "$receiver"
	wait "$receiver"
	status=$?
	cat <&3 >"$scratch/first"
	exec 3<&-
	expect 0 queue receive "stuck$1" --drain --json
	python3 - "$1" "$scratch/first" "$out" <<'END' || fail "the account after SIG$1"
import json, sys

def whole(text):
    try:
        return json.loads(text)
    except ValueError:
        return None # cut off by the kill

first = [whole(line) for line in open(sys.argv[2]).read().split("\n") if line]
first = [v for v in first if v]
second = [json.loads(line) for line in open(sys.argv[3])]
a = [int(v["data"]) for v in first]
b = [int(v["data"]) for v in second]
twice = set(a) & set(b)
flagged = {int(v["data"]) for v in second if v["redelivered"]}
ok = set(a) | set(b) == set(range(1, 501)) and len(set(a)) == len(a) and len(set(b)) == len(b)
ok = ok and twice <= flagged and 0 < len(flagged) <= 32 and len(first) > 20 and b == sorted(b)
if sys.argv[1] != "KILL":
    ok = ok and not twice
print(f"SIG{sys.argv[1]}: {len(a)} printed first, {len(b)} after, {len(flagged)} flagged, "
      f"{len(twice)} twice")
sys.exit(not ok)
END
}
stuck TERM
same "$status" 143
stuck KILL
same "$status" 137

# Removed under it.
start "$program" queue receive doomed --follow 2>"$err"
wait_until shows doomed 'waits for a message'
sluice remove doomed
wait $!
same $? 1
says "queue 'doomed'"
done_well
