#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# rwlock.sh - rwlock run: readers together, a writer alone, the command's status, and deaths
. "$(dirname "$0")/common.sh"

expect 0 rwlock run r -- true
expect 37 rwlock run r --shared -- sh -c 'exit 37'
expect 137 rwlock run r --shared -- sh -c 'kill -9 $$'
expect 0 rwlock run r -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints no
expect 137 rwlock run r -- sh -c 'kill -9 $$'
shows r 'half written' || fail 'the death of a writer is not shown'
# Readers are told, and told again; a writer that ends well has repaired it.
for i in 1 2; do
	expect 0 rwlock run r --shared -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
	prints 1
done
expect 0 rwlock run r -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints 1
expect 0 rwlock run r --shared -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints no
expect 127 rwlock run r -- "$scratch/no-such-command"
expect 2 rwlock run r

# Two readers at once: each waits for the other.
for i in 1 2; do
	start "$program" rwlock run both --shared -- sh -c "touch $scratch/in.$i
		while ! [ -e $scratch/in.1 ] || ! [ -e $scratch/in.2 ]; do sleep 0.02; done"
	eval "reader$i=$!"
done
wait "$reader1" || fail 'the first reader failed'
wait "$reader2" || fail 'the second reader failed'

# While one reads, nobody writes; and a waiting writer goes before new readers.
start "$program" rwlock run held --shared -- sh -c "echo \$\$ >$scratch/pid; exec sleep 100"
holder=$!
wait_until test -s "$scratch/pid"
command=$(cat "$scratch/pid")
started="$started $command"
wait_until shows held 'shared by 1'
shows held 'holds it' || fail 'the reader is not named'
expect 124 rwlock run held --timeout 50ms -- true
says '1 reader'
expect 0 rwlock run held --shared --timeout 0 -- true
start "$program" rwlock run held -- true
writer=$!
wait_until shows held 'waits for readers'
expect 124 rwlock run held --shared --timeout 50ms -- true
# The program is killed, COMMAND lives: it still reads. Then it dies, too.
kill -9 "$holder"
wait "$holder"
expect 124 rwlock run held --timeout 300ms -- true
kill -9 "$command"
wait "$writer" || fail 'the writer failed'
expect 0 rwlock run held --timeout 10s -- sh -c 'echo "${SLUICE_RECOVERED-no}"'
prints no

# While one writes, nobody reads.
: >"$scratch/pid"
start "$program" rwlock run held -- sh -c "echo \$\$ >$scratch/pid; exec sleep 100"
holder=$!
wait_until test -s "$scratch/pid"
command=$(cat "$scratch/pid")
started="$started $command"
wait_until shows held "held by $command"
expect 124 rwlock run held --shared --timeout 50ms -- true
says "$command"
expect 0 show held --json
has "$out" '"exclusive": true'
has "$out" "\"owner\": $command"
expect 0 list
has "$out" "held by $command, 0 waiting"
kill "$holder"
wait "$holder"
same $? 143
expect 0 clean
done_well
