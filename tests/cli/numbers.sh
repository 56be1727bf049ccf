#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# numbers.sh PROGRAM [COUNT] - numbers through one queue to three receivers: each arrives once
. "$(dirname "$0")/common.sh"

count=${2:-30000}
for i in 1 2 3; do
	start "$program" queue receive jobs --follow >"$scratch/got.$i"
done
receivers=$started
seq 1 "$count" | sluice queue send jobs - || fail 'send'
wait_until shows jobs "received   $count"
kill $receivers
for pid in $receivers; do
	wait "$pid"
	same $? 143
done
cat "$scratch/got.1" "$scratch/got.2" "$scratch/got.3" | sort -n >"$scratch/all"
seq 1 "$count" >"$scratch/wanted"
cmp "$scratch/all" "$scratch/wanted" || fail 'not each number exactly once'
for i in 1 2 3; do
	sort -n -c "$scratch/got.$i" || fail "receiver $i did not get them in order"
done
echo "by receiver: $(wc -l <"$scratch/got.1") $(wc -l <"$scratch/got.2") $(wc -l <"$scratch/got.3")"
expect 0 show jobs
has "$out" 'messages   0'
has "$out" "sent       $count"
has "$out" 'attached   nobody'
done_well
