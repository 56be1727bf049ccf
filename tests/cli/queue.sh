#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# queue.sh - messages in, messages out: lines, NULs, raw bytes, types, limits, timeouts
. "$(dirname "$0")/common.sh"

# A message per argument, or per line.
expect 0 queue send jobs one 'two words' '' four
expect 0 queue receive jobs --count 4
prints 'one
two words

four'
printf 'a\n\nb\nlast without newline' | sluice queue send jobs
expect 0 queue receive jobs --drain
prints 'a

b
last without newline'
printf 'dash\n' | sluice queue send jobs -
expect 0 queue receive jobs
prints dash
expect 0 queue send jobs -- --looks-like-an-option
expect 0 queue receive jobs
prints --looks-like-an-option
expect 0 queue receive jobs --drain
prints ''
: | sluice queue send jobs
expect 0 queue receive jobs --drain
prints ''

# NUL-separated and raw.
printf 'x\ny\0z\0' | sluice queue send jobs -0
sluice queue receive jobs --drain -0 | od -An -c | tr -d ' \n' >"$out"
prints 'x\ny\0z\0'
head -c 60000 /dev/urandom >"$scratch/random"
sluice queue send jobs --raw <"$scratch/random"
sluice queue receive jobs --raw >"$out"
cmp -s "$out" "$scratch/random" || fail 'raw bytes came out differently'
: >"$out"
: | sluice queue send jobs --raw
expect 0 queue receive jobs
prints ''

# By type: that type, any, the lowest up to a bound.
for type in 5 3 9 3 1; do
	expect 0 queue send typed --type "$type" "of $type"
done
expect 0 queue receive typed --type 3 --show-type
prints '3	of 3'
expect 0 queue receive typed --type -4 --count 2
prints 'of 1
of 3'
expect 0 queue receive typed --type=-4 --drain
prints ''
expect 0 queue receive typed --drain --show-type
prints '5	of 5
9	of 9'

# Timeouts.
expect 124 queue receive typed --timeout 50ms
says "queue 'typed'"
expect 124 queue receive typed --timeout 0
expect 0 queue send typed x
expect 124 queue receive typed --count 2 --timeout 0.05
prints x
expect 124 queue receive typed --type 2 --timeout 50ms
start "$program" queue receive typed --timeout 20s >"$scratch/late"
sleep 0.2
expect 0 queue send typed late
wait $!
same $? 0
same "$(cat "$scratch/late")" late

# Limits, and what one is told about them.
expect 1 queue send small --capacity 1M --message-max 1M hello
says 'capacity'
expect 0 queue send small --capacity 4K --message-max 100 --messages-max 3 1 2 3
expect 124 queue send small --timeout 50ms 4
says "queue 'small'"
expect 124 queue send small --timeout 0 4
expect 0 queue receive small --drain
prints '1
2
3'
long=$(printf '%0101d' 1)
printf 'before\n%s\nafter\n' "$long" >"$scratch/long"
sluice queue send small <"$scratch/long" 2>"$err"
same $? 1
says 'message-max'
expect 1 queue send small "$long"
says '100'
expect 0 queue receive small --drain
prints before
seq 1 100000 | tr -d '\n' | sluice queue send small 2>"$err"
same $? 1
says 'does not fit'
seq 1 100000 | sluice queue send small --raw 2>"$err"
same $? 1
says 'does not fit'
expect 1 queue send small --message-max 200 hello
says 'small'
has "$err" '200'
has "$err" '100'
expect 0 queue send small --message-max 100 hello

# One that is large.
head -c 20000000 /dev/zero >"$scratch/large"
sluice queue send large --capacity 256M --message-max 32M --raw <"$scratch/large" || fail 'large'
sluice queue receive large --raw >"$out"
cmp -s "$out" "$scratch/large" || fail 'a large message came out differently'

# By path.
expect 0 queue send "$scratch/by-path" hello
expect 0 queue receive "$scratch/by-path"
prints hello
[ -f "$scratch/by-path" ] || fail 'no file at the path'

# Of another kind.
expect 0 mutex run lock -- true
expect 1 queue send lock hello
says "lock"
expect 1 mutex run jobs -- true
says "jobs"
done_well
