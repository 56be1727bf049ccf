#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# lock.sh - files locked for a command; python's lockf and flock(1) on the other side, both ways
. "$(dirname "$0")/common.sh"
need python3
need flock

file=$scratch/file

# Is it locked, as lockf (fcntl) sees it? try_lockf [START LENGTH]
try_lockf() {
	python3 -S -c 'import fcntl, sys
f = open(sys.argv[1], "r+")
try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[3]), int(sys.argv[2]))
except OSError: sys.exit(9)' "$file" "${1:-0}" "${2:-0}"
}

expect 37 lock "$file" -- sh -c 'exit 37'
expect 137 lock "$file" -- sh -c 'kill -9 $$'
expect 127 lock "$file" -- "$scratch/no-such-command"
expect 2 lock "$file"
expect 2 lock "$file:1+x" -- true
expect 2 lock "$file:1+2" --flock -- true
expect 1 lock "$file:9223372036854775807+2" -- true
says 'beyond the last byte'
expect 1 lock "$scratch" -- true
says 'an exclusive lock needs a file that can be written'
expect 0 lock --shared "$scratch" -- true
expect 1 lock "$scratch/no/file" -- true
says 'cannot be opened'
try_lockf || fail 'it was left locked'

# Ours, respected by lockf; the options in either place.
start "$program" lock "$file" -- sh -c "echo \$\$ >$scratch/pid; exec sleep 100"
holder=$!
wait_until test -s "$scratch/pid"
started="$started $(cat "$scratch/pid")"
try_lockf
same $? 9
expect 124 lock "$file" --timeout 0 -- true
says 'locked'
expect 124 lock --shared --timeout 50ms "$file" -- true
says 'after 50 ms'
# flock(1) has another table.
flock -n "$file" true || fail 'flock saw a lock that is not its own'
expect 124 lock --flock --timeout 0 "$file" -- true
# Only the program is killed: still locked. COMMAND too: free at once.
kill -9 "$holder"
wait "$holder"
expect 124 lock "$file" --timeout 200ms -- true
kill -9 "$(cat "$scratch/pid")"
expect 0 lock "$file" --timeout 10s -- true

# lockf's, respected by ours, and its owner named.
start python3 -S -c 'import fcntl, sys, time
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX, 10, 5)
open(sys.argv[2], "w").write("x")
time.sleep(100)' "$file" "$scratch/ready"
python=$!
wait_until test -s "$scratch/ready"
expect 124 lock "$file" --timeout 0 -- true
says "by process $python"
expect 124 lock "$file:14+1" --timeout 0 -- true
expect 0 lock "$file:15+10" --timeout 0 -- true
expect 0 lock "$file:0+5" --timeout 0 -- true
kill -9 "$python"
wait "$python"
expect 0 lock "$file" --timeout 10s -- true

# A part, and what is beside it.
expect 0 lock "$file:100+10" -- sh -c 'exec "$0" lock "$1:110+5" --timeout 0 -- echo beside' "$program" "$file"
prints beside
expect 124 lock "$file:100+10" -- sh -c 'exec "$0" lock "$1:109+5" --timeout 0 -- true' "$program" "$file"
expect 0 lock --shared "$file" -- "$program" lock --shared "$file" --timeout 0 -- echo both
prints both

# flock(1), both ways.
: >"$scratch/pid"
start "$program" lock --flock "$file" -- sh -c "echo \$\$ >$scratch/pid; exec sleep 100"
holder=$!
wait_until test -s "$scratch/pid"
started="$started $(cat "$scratch/pid")"
flock -n "$file" true && fail 'flock was not kept out'
try_lockf
same $? 9
kill "$holder"
wait "$holder"
same $? 143
start flock "$file" sh -c "echo x >$scratch/flocked; exec sleep 100"
wait_until test -s "$scratch/flocked"
started="$started $(pgrep -P $! 2>/dev/null)"
expect 124 lock --flock "$file" --timeout 50ms -- true
expect 0 lock "$file" --timeout 0 -- true

# What COMMAND leaves running does not hold.
rm "$file"
sluice lock "$file" -- sh -c "sleep 100 >/dev/null 2>&1 & echo \$! >$scratch/pid"
started="$started $(cat "$scratch/pid")"
expect 0 lock "$file" --timeout 0 -- true
done_well
