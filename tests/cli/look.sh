#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# look.sh - list, show, path, remove and clean, with objects of all sorts in the directory
. "$(dirname "$0")/common.sh"

SLUICE_DIR=$scratch/none sluice list >"$out" 2>"$err"
same $? 0
[ -e "$scratch/none" ] && fail 'looking made a directory'
expect 0 list
prints ''
expect 0 clean
prints '0 removed, 0 kept'
expect 1 list "$scratch/none"
says "$scratch/none"

expect 0 path jobs
prints "$SLUICE_DIR/jobs"
expect 0 path ./here
prints "$(pwd)/here"
expect 1 path 'not a name'

expect 0 queue send jobs --type 3 one two three
expect 0 queue receive jobs
expect 0 queue send empty x
expect 0 queue receive empty
expect 0 mutex run lock -- true
expect 0 list
same "$(wc -l <"$out")" 4
has "$out" '2 messages'
has "$out" 'free'
expect 0 list "$SLUICE_DIR"
same "$(wc -l <"$out")" 4

expect 0 show jobs
has "$out" "$SLUICE_DIR/jobs"
has "$out" 'messages   2'
has "$out" 'sent       3'
has "$out" 'received   1'
has "$out" 'attached   nobody'
has "$out" 'mode 0600'

# Somebody attached: who, and what they wait for.
start "$program" queue receive empty --type 4 --follow 2>"$scratch/noise"
receiver=$!
wait_until shows empty 'waits for a message'
expect 0 show empty
grep -Eq "^ +$receiver +sluice +receive +waits for a message" "$out" || fail 'no such line'
expect 0 queue send full --capacity 4K --message-max 512 --messages-max 1 x
start "$program" queue send full y
wait_until shows full 'waits for room'
expect 0 show full
grep -Eq "^ +$! +sluice +send +waits for room" "$out" || fail 'no such line'
expect 0 queue receive full --count 2
prints 'x
y'

# Damaged, cut, foreign, half made.
echo 'this was never a segment' >"$SLUICE_DIR/rubbish"
: >"$SLUICE_DIR/nothing"
cp "$SLUICE_DIR/empty" "$SLUICE_DIR/cut"
truncate -s 5000 "$SLUICE_DIR/cut"
cp "$SLUICE_DIR/empty" "$SLUICE_DIR/scribbled"
dd if=/dev/urandom of="$SLUICE_DIR/scribbled" bs=64 count=1 conv=notrunc 2>/dev/null
mkdir "$SLUICE_DIR/directory"
ln -s /etc/passwd "$SLUICE_DIR/link"
expect 0 list
has "$out" jobs
for name in rubbish nothing cut scribbled; do
	grep -Eq "^$name .*damaged" "$out" || fail "$name is not listed as damaged"
	expect 0 show "$name"
	has "$out" damaged
	has "$out" 'sluice remove'
	expect 1 queue send "$name" hello
	says "$name"
	expect 0 list
done

# A dry run removes nothing and says what would go.
ls -A "$SLUICE_DIR" | sort >"$scratch/before"
expect 0 clean --dry-run
ls -A "$SLUICE_DIR" | sort >"$scratch/after"
cmp "$scratch/before" "$scratch/after" || fail 'a dry run changed something'
has "$out" 'kept empty: a living process is attached'
has "$out" 'kept jobs: it holds messages'
has "$out" 'would remove lock: nobody uses it'
expect 0 clean
has "$out" 'removed lock: nobody uses it'
[ -e "$SLUICE_DIR/lock" ] && fail 'lock is still there'
[ -e "$SLUICE_DIR/jobs" ] || fail 'messages were thrown away'
[ -e "$SLUICE_DIR/empty" ] || fail 'something in use was removed'
[ -e /etc/passwd ] || fail 'followed a link'
expect 0 queue send full --messages-max 1 x
start "$program" queue send full y 2>"$scratch/noise"
wait_until shows full 'waits for room'
expect 0 clean --all
[ -e "$SLUICE_DIR/jobs" ] && fail 'jobs is still there'
expect 0 queue send empty --type 4 'still works'

# Remove: in use or not, several, the name free at once.
expect 1 remove empty nosuch full
says nosuch
wait "$receiver"
same $? 1
wait $!
same $? 1
expect 0 queue send empty new
expect 0 queue receive empty --timeout 0
prints new
echo rubbish >"$SLUICE_DIR/rubbish"
expect 0 remove rubbish empty

# What must not be taken away: a file that is none of ours, outside the directory of names.
echo precious >"$scratch/file"
expect 1 remove "$scratch/file"
[ -e "$scratch/file" ] || fail 'removed a file that is none of ours'
done_well
