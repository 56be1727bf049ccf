#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# lock.sh - files locked for a command; python's lockf and flock(1) on the other side, both ways
. "$(dirname "$0")/common.sh"
need python3
need flock

file=$scratch/file

# Is it locked, as lockf (fcntl) sees it? try_lockf [START LENGTH [LOCK_SH]]
try_lockf() {
	python3 -S -c 'import fcntl, sys
f = open(sys.argv[1], "r+")
how = getattr(fcntl, sys.argv[4]) | fcntl.LOCK_NB
try: fcntl.lockf(f, how, int(sys.argv[3]), int(sys.argv[2]))
except OSError: sys.exit(9)' "$file" "${1:-0}" "${2:-0}" "${3:-LOCK_EX}"
}

# hold_ours ARGUMENT... - have our program hold a lock for as long as a sleep, whose pid is $held
hold_ours() {
	: >"$scratch/pid"
	start "$program" lock "$@" -- sh -c "echo \$\$ >$scratch/pid; exec sleep 100"
	wait_until test -s "$scratch/pid"
	held=$(cat "$scratch/pid")
	started="$started $held"
}

# hold_lockf LOCK_EX|LOCK_SH LENGTH START - have python hold one; its pid is $held
hold_lockf() {
	rm -f "$scratch/ready"
	start python3 -S -c 'import fcntl, sys, time
f = open(sys.argv[1], "r+")
fcntl.lockf(f, getattr(fcntl, sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
open(sys.argv[2], "w").write("x")
time.sleep(100)' "$file" "$scratch/ready" "$@"
	held=$!
	wait_until test -s "$scratch/ready"
}

# let_go - end who holds, and see that the file is free
let_go() {
	kill -9 "$held"
	expect 0 lock "$file" --timeout 10s -- true
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
hold_ours "$file"
holder=$!
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
let_go

# lockf's, respected by ours, and its owner named.
hold_lockf LOCK_EX 10 5
expect 124 lock "$file" --timeout 0 -- true
says "by process $held"
expect 124 lock "$file:14+1" --timeout 0 -- true
expect 124 lock --shared "$file:14+1" --timeout 0 -- true
expect 0 lock "$file:15+10" --timeout 0 -- true
expect 0 lock "$file:0+5" --timeout 0 -- true
let_go

# Parts and sharing, ours first and then lockf's.
hold_ours "$file:100+10"
try_lockf 0 100 || fail 'in front of the part'
try_lockf 110 0 || fail 'behind the part'
for byte in 100 109; do
	try_lockf "$byte" 1
	same $? 9
done
let_go
hold_ours --shared "$file"
try_lockf 0 0 LOCK_SH || fail 'lockf could not share'
try_lockf
same $? 9
let_go
hold_lockf LOCK_SH 0 0
expect 0 lock --shared "$file" --timeout 0 -- true
expect 124 lock "$file" --timeout 0 -- true
says "by process $held"
let_go

# Who waits goes on: ours behind lockf, and lockf behind ours.
hold_lockf LOCK_EX 0 0
start "$program" lock "$file" --timeout 20s -- sh -c "echo x >$scratch/had"
waiter=$!
sleep 0.2
[ -e "$scratch/had" ] && fail 'ours did not wait'
kill -9 "$held"
wait "$waiter"
same $? 0
hold_ours "$file"
rm "$scratch/had"
start python3 -S -c 'import fcntl, sys
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX)
open(sys.argv[2], "w").write("x")' "$file" "$scratch/had"
waiter=$!
sleep 0.2
[ -e "$scratch/had" ] && fail 'lockf did not wait'
kill "$held"
wait "$waiter"
same $? 0

# A part, and what is beside it.
expect 0 lock "$file:100+10" -- sh -c 'exec "$0" lock "$1:110+5" --timeout 0 -- echo beside' "$program" "$file"
prints beside
expect 124 lock "$file:100+10" -- sh -c 'exec "$0" lock "$1:109+5" --timeout 0 -- true' "$program" "$file"
expect 0 lock --shared "$file" -- "$program" lock --shared "$file" --timeout 0 -- echo both
prints both

# flock(1), both ways; lockf is kept out, too.
hold_ours --flock "$file"
flock -n "$file" true && fail 'flock was not kept out'
flock -n -s "$file" true && fail 'flock -s was not kept out'
try_lockf
same $? 9
let_go
hold_ours --flock --shared "$file"
flock -n -s "$file" true || fail 'flock could not share'
flock -n "$file" true && fail 'flock was not kept out of what is shared'
let_go
hold_flock() {
	rm -f "$scratch/flocked"
	start flock "$@" "$file" sh -c "echo \$\$ >$scratch/flocked; exec sleep 100"
	wait_until test -s "$scratch/flocked"
	held=$(cat "$scratch/flocked")
	started="$started $held"
}
hold_flock -x
expect 124 lock --flock "$file" --timeout 50ms -- true
expect 124 lock --flock --shared "$file" --timeout 0 -- true
expect 0 lock "$file" --timeout 0 -- true
kill -9 "$held"
expect 0 lock --flock "$file" --timeout 10s -- true
hold_flock -s
expect 0 lock --flock --shared "$file" --timeout 0 -- true
expect 124 lock --flock "$file" --timeout 0 -- true
kill -9 "$held"
expect 0 lock --flock "$file" --timeout 10s -- true

# A signal for the program is one for COMMAND.
hold_ours "$file"
kill $!
wait $!
same $? 143

# What COMMAND leaves running does not hold.
rm "$file"
sluice lock "$file" -- sh -c "sleep 100 >/dev/null 2>&1 & echo \$! >$scratch/pid"
started="$started $(cat "$scratch/pid")"
expect 0 lock "$file" --timeout 0 -- true
done_well
