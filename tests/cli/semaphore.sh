#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# semaphore.sh - units held by commands and by descriptors, signals, and what bad input gets
. "$(dirname "$0")/common.sh"

expect 0 semaphore create s --value 2 --ceiling 3
expect 0 semaphore create s --value 2
expect 1 semaphore create s --value 3
says 'initial value 2, wanted 3'
expect 1 semaphore create t --value 3 --ceiling 2
says 'raise the ceiling'
expect 0 semaphore value s
prints 2
expect 0 semaphore post s
expect 1 semaphore post s
says 'it would pass its limit'
expect 0 semaphore wait s --units 3
expect 124 semaphore wait s --timeout 0
says '1 wanted, 0 free and 0 held'
expect 124 semaphore wait s --timeout 50ms
says 'after 50 ms'
expect 1 semaphore wait s --units 4
says 'more than its ceiling'
expect 1 semaphore value nothing
says 'nothing'
expect 1 semaphore run nothing -- true
says 'does not exist'
expect 2 semaphore wait s --units 0
expect 2 semaphore wait s --units 99999999999
expect 2 semaphore acquire s

# A waiter goes on when somebody posts.
start "$program" semaphore wait ready --timeout 20s
waiter=$!
wait_until shows ready 'waits for units'
expect 0 semaphore post ready
wait "$waiter"
same $? 0

# run: the command's status, and at most so many.
expect 37 semaphore run limit --value 2 -- sh -c 'exit 37'
expect 137 semaphore run limit -- sh -c 'kill -9 $$'
expect 127 semaphore run limit -- "$scratch/no-such-command"
expect 0 semaphore value limit
prints 2
start "$program" semaphore run limit -- sh -c "echo \$\$ >$scratch/one; exec sleep 100"
first=$!
start "$program" semaphore run limit -- sh -c "echo \$\$ >$scratch/two; exec sleep 100"
second=$!
wait_until test -s "$scratch/one"
wait_until test -s "$scratch/two"
started="$started $(cat "$scratch/one") $(cat "$scratch/two")"
expect 124 semaphore run limit --timeout 50ms -- true
says '0 free and 2 held'
wait_until shows limit "$(cat "$scratch/one").*holds 1"
expect 0 list
has "$out" '0 free, 2 held'
expect 0 show limit --json
has "$out" '"held": 2'
# Only the program is killed: COMMAND keeps the unit. COMMAND is killed: it is back.
kill -9 "$first"
wait "$first"
expect 124 semaphore run limit --timeout 600ms -- true
kill -9 "$(cat "$scratch/one")"
expect 0 semaphore run limit --timeout 10s -- true
kill "$second"
wait "$second"
same $? 143
expect 0 semaphore value limit
prints 2

# Of one with a lock file (others may read it but not write it), on that.
expect 0 semaphore create seen --value 1
seen=$(sluice path seen)
printf '\001' | dd of="$seen" bs=1 seek=32 conv=notrunc 2>/dev/null
locks=$SLUICE_DIR/.lock.$(stat -c %i "$seen").$(od -An -tx8 -j72 -N8 "$seen" | tr -d ' ')
: >"$locks"
exec 8<>"$seen"
expect 1 semaphore acquire seen --fd 8
says "exec 8<>'$locks'"
exec 8<>"$locks"
expect 0 semaphore acquire seen --fd 8
expect 124 semaphore acquire seen --fd 8 --timeout 0
expect 0 semaphore release seen --fd 8
exec 8>&-
expect 0 remove seen
same "$(echo "$SLUICE_DIR"/.lock.*)" "$SLUICE_DIR/.lock.*"

# On a descriptor of the script's own.
expect 1 semaphore acquire limit --fd 9
says 'exec 9<>'
exec 9<>"$(sluice path limit)"
expect 0 semaphore acquire limit --fd 9
expect 0 semaphore acquire limit --fd 9
expect 124 semaphore acquire limit --fd 9 --timeout 0
expect 0 semaphore value limit
prints 0
shows limit "^ *$$ .*holds 2" || fail 'the script is not shown as the holder'
expect 0 semaphore release limit --fd 9
expect 1 semaphore release limit --fd 9 --units 2
says 'holds fewer than 2'
# A child that has the descriptor keeps it held.
start sleep 100
child=$!
exec 9<&-
expect 124 semaphore run limit --units 2 --timeout 300ms -- true
kill -9 "$child"
wait "$child"
expect 0 semaphore run limit --units 2 --timeout 10s -- true
# One that is killed in the middle of things.
start sh -c "exec 9<>\"$(sluice path limit)\"; \"$program\" semaphore acquire limit --fd 9; echo x >$scratch/held; exec sleep 100"
wait_until test -s "$scratch/held"
expect 0 semaphore value limit
prints 1
kill -9 $!
expect 0 semaphore run limit --units 2 --timeout 10s -- true
expect 0 semaphore value limit
prints 2
done_well
