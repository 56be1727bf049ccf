#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# mutex.sh - mutex run: one at a time, the command's status, and deaths of either process
. "$(dirname "$0")/common.sh"

# The status is the command's.
expect 0 mutex run m -- true
expect 1 mutex run m -- false
expect 37 mutex run m -- sh -c 'exit 37'
expect 137 mutex run m -- sh -c 'kill -9 $$'
expect 0 mutex run m -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints 1
expect 0 mutex run m -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints no
SLUICE_RECOVERED=1 sluice mutex run m -- sh -c 'echo "${SLUICE_RECOVERED-no}"' >"$out"
prints no
expect 127 mutex run m -- "$scratch/no-such-command"
says 'no-such-command'
expect 126 mutex run m -- "$scratch"
expect 0 mutex run m echo -n without dashes
prints 'without dashes'
expect 0 mutex run m --timeout 1s -- echo --timeout
prints --timeout
expect 0 mutex run --timeout 1s m echo --timeout x
prints '--timeout x'

# One at a time: none of the increments is lost.
echo 0 >"$scratch/counter"
runners=
for i in 1 2 3 4; do
	start sh -c 'i=0
		while [ $i -lt 25 ]; do
			"$0" mutex run count -- sh -c "n=\$(cat $1); echo \$((n + 1)) >$1" || exit 1
			i=$((i + 1))
		done' "$program" "$scratch/counter"
	runners="$runners $!"
done
for pid in $runners; do
	wait "$pid" || fail 'a runner failed'
done
same "$(cat "$scratch/counter")" 100

# Held: who, and for how long one waits.
start "$program" mutex run held -- sh -c "echo \$\$ >$scratch/pid; exec sleep 100"
holder=$!
wait_until test -s "$scratch/pid"
command=$(cat "$scratch/pid")
started="$started $command"
wait_until shows held "held by $command"
expect 124 mutex run held --timeout 50ms -- true
says "$command"
expect 124 mutex run held --timeout 0 -- true

# The program is killed, COMMAND lives: it still holds.
kill -9 "$holder"
wait "$holder"
expect 124 mutex run held --timeout 600ms -- true
shows held "held by $command" || fail 'not shown as held'
expect 0 clean
shows held "held by $command" || fail 'cleaned away while it was held'
# And when COMMAND dies too, the next one is told.
kill -9 "$command"
expect 0 mutex run held --timeout 10s -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints 1
expect 0 mutex run held --timeout 10s -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints no

# A recovery that could not begin is not one.
sluice mutex run again -- sh -c 'kill -9 $$'
expect 127 mutex run again -- "$scratch/no-such-command"
expect 0 mutex run again -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints 1

# What COMMAND leaves running does not hold.
sluice mutex run background -- sh -c "sleep 100 >/dev/null 2>&1 & echo \$! >$scratch/pid"
started="$started $(cat "$scratch/pid")"
expect 0 mutex run background --timeout 0 -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints no

# Signals are passed on; COMMAND decides.
: >"$scratch/pid"
start "$program" mutex run signals -- sh -c "trap 'exit 5' TERM; echo \$\$ >$scratch/pid
	while :; do sleep 0.05; done"
wait_until test -s "$scratch/pid"
kill $!
wait $!
same $? 5
: >"$scratch/pid"
start "$program" mutex run signals -- sh -c "echo \$\$ >$scratch/pid; exec sleep 100"
wait_until test -s "$scratch/pid"
kill $!
wait $!
same $? 143

# A waiter that is asked to end does, and COMMAND never ran.
start "$program" mutex run signals -- sleep 100
holder=$!
wait_until shows signals 'held by'
start "$program" mutex run signals -- touch "$scratch/never"
waiter=$!
wait_until shows signals 'waiting    1'
kill "$waiter"
wait "$waiter"
same $? 143
kill "$holder"
wait "$holder"
[ -e "$scratch/never" ] && fail 'the command ran'
expect 0 show signals
has "$out" 'attached   nobody'
done_well
