#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# topic.sh - published to all, received by each: history, losses, policies, forms, what show says
. "$(dirname "$0")/common.sh"

# Nobody there: what is kept is for those who ask for history.
expect 0 topic publish news one 'two words' '' four
expect 0 topic subscribe news --history 10 --count 4
prints 'one
two words

four'
expect 0 topic subscribe news --history 2 --drain
prints '
four'
expect 0 topic subscribe news --drain
prints ''
printf 'a\n\nlast without newline' | sluice topic publish news -
expect 0 topic subscribe news --history 3 --drain
prints 'a

last without newline'
expect 0 topic publish news -- --looks-like-an-option
expect 0 topic subscribe news --history 1
prints --looks-like-an-option
expect 1 topic subscribe nothing --drain
says 'nothing does not exist'

# NUL-separated, raw, JSON.
printf 'x\ny\0z\0' | sluice topic publish news -0
sluice topic subscribe news --history 2 --drain -0 | od -An -c | tr -d ' \n' >"$out"
prints 'x\ny\0z\0'
head -c 60000 /dev/urandom >"$scratch/random"
sluice topic publish news --raw <"$scratch/random"
sluice topic subscribe news --history 1 --raw >"$out"
cmp -s "$out" "$scratch/random" || fail 'raw bytes came out differently'
expect 0 topic subscribe news --history 1 --json
has "$out" '"base64"'
expect 0 topic publish news plain
expect 0 topic subscribe news --history 1 --json
grep -Eq '^\{"sequence":11,"lost":0,"sender":([0-9]+|null),"data":"plain"\}$' "$out" || fail 'not that'

# Looking on: the same messages, and the file is not touched.
before=$(cksum <"$(sluice path news)")
expect 0 topic subscribe news --history 1 --read-only
prints plain
sluice topic subscribe news --history 2 --drain --read-only --raw | tail -c 5 >"$out"
prints plain
expect 124 topic subscribe news --read-only --timeout 20ms
[ "$before" = "$(cksum <"$(sluice path news)")" ] || fail 'looking on changed the topic'
expect 1 topic subscribe nothing --read-only
says 'nothing does not exist'
expect 2 topic subscribe news --read-only --until-end
expect 1 topic subscribe news --read-only --policy wait

# Each of several subscribers gets everything.
for i in 1 2 3; do
	start "$program" topic subscribe wide --policy wait --count 1000 >"$scratch/wide.$i"
	eval "wide$i=$!"
done
three() { [ "$(sluice show wide | grep -c ' wait  ')" = 3 ]; }
wait_until three
seq 1 1000 | sluice topic publish wide
for i in 1 2 3; do
	eval "wait \$wide$i"
	same $? 0
	seq 1 1000 | cmp -s - "$scratch/wide.$i" || fail "subscriber $i has not all"
done

# Losses are exact: what is kept, and the number that is not.
expect 0 topic publish short --depth 4 1
start "$program" topic subscribe short --show-lost --follow >"$scratch/slow"
slow=$!
wait_until shows short 'waits for a message'
kill -STOP "$slow"
seq 2 100 | sluice topic publish short
expect 0 show short
grep -Eq "^ +$slow +sluice +overwrite +1 +99 +0" "$out" || fail 'no such subscriber'
kill -CONT "$slow"
got_last() { grep -q '100$' "$scratch/slow"; }
wait_until got_last
lost=$(awk '{ lost += $1; got++ } END { print lost + got }' "$scratch/slow")
same "$lost" 99

# One that is waited for holds publishers up, until they give it up.
start "$program" topic subscribe patient --policy wait --depth 4 --follow >"$scratch/patient" 2>"$scratch/evicted"
stuck=$!
wait_until shows patient 'waits for a message'
kill -STOP "$stuck"
expect 124 topic publish patient --timeout 100ms 1 2 3 4 5 6 7 8
says "topic 'patient'"
expect 0 show patient
grep -Eq "^ +$stuck +sluice +wait +0 +4 +0" "$out" || fail 'no such subscriber'
expect 0 show patient --json
has "$out" '"lag": 4'
has "$out" '"policy": "wait"'
has "$out" '"published": 4'
expect 0 topic publish patient --evict-after 50ms 5 6
expect 0 show patient
has "$out" 'evicted'
kill -CONT "$stuck"
told() { [ -s "$scratch/evicted" ]; }
wait_until told
has "$scratch/evicted" 'waited too long'
wait_until grep -q 6 "$scratch/patient"

# Until the end; and killed, which nobody else minds.
start "$program" topic subscribe ending --until-end >"$scratch/ending"
ending=$!
wait_until shows ending 'waits for a message'
seq 1 5 | sluice topic publish ending
wait "$ending"
same $? 0
same "$(tr '\n' ' ' <"$scratch/ending")" '1 2 3 4 5 '
start "$program" topic subscribe ending --follow
victim=$!
wait_until shows ending 'waits for a message'
kill -9 "$victim"
wait "$victim" 2>/dev/null
expect 0 topic publish ending 6
expect 0 topic subscribe ending --history 1
prints 6

# Timeouts, limits, wrong usage.
expect 124 topic subscribe ending --timeout 50ms
says 'no message within'
expect 124 topic subscribe ending --timeout 0
expect 1 topic publish tiny --message-max 10 'far too long a message'
says 'takes up to 10'
expect 1 topic publish tiny --message-max 11 x
says 'message_max 10, wanted 11'
expect 2 topic subscribe tiny --policy whatever
says 'overwrite, wait or latest'
expect 2 topic subscribe tiny --drain --follow
expect 2 topic subscribe tiny --raw --json
expect 2 topic publish tiny --raw x
expect 2 topic publish tiny a -
expect 2 topic subscribe
expect 1 topic publish 'not a name' x
expect 0 queue send other x
expect 1 topic subscribe other
says 'wanted a topic'
expect 1 topic publish vast --depth 1000000 --message-max 1G x
says 'ask for less'

# Nobody reads the output any more.
start "$program" topic subscribe ending --follow >"$scratch/pipe.out"
kill -9 $!
sluice topic subscribe ending --history 6 --follow | head -n 2 >"$out"
prints '1
2'

# In the list, and away.
expect 0 list
grep -Eq '^short +topic +sound .* 100 published, 1 subscriber$' "$out" || fail 'not listed'
kill "$slow" "$stuck"
wait "$slow" "$stuck" 2>/dev/null
start "$program" topic subscribe kept --follow
wait_until shows kept 'waits for a message'
expect 0 clean
has "$out" 'kept kept'
has "$out" 'removed news'
expect 0 remove kept
wait $!
same $? 1
expect 1 show news
done_well
