#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# tour.sh - the tour adds up, reads well and leaves nothing behind, also when it is cut short
. "$(dirname "$0")/common.sh"

for i in 1 2 3 4 5; do
	expect 0 tour
	has "$out" 'The account adds up.'
	has "$out" '1 redelivered and done once, 0 lost, 0 twice'
	[ -s "$err" ] && fail 'something on standard error'
	[ "$(ls -A "$SLUICE_DIR")" = '' ] || fail 'it left something behind'
	[ "$(awk 'length > 80' "$out" | wc -l)" = 0 ] || fail 'wider than 80 columns'
	LC_ALL=C grep -q "$(printf '\033')" "$out" && fail 'colours in a file'
done
expect 0 tour --plain

# Where there is nowhere to be.
SLUICE_DIR=/proc/nowhere sluice tour >"$out" 2>"$err"
same $? 1
says ''

# Cut short.
for pause in 0.001 0.003 0.006 0.01 0.02; do
	start "$program" tour >"$out" 2>"$err"
	sleep "$pause"
	kill $! 2>/dev/null
	wait $!
	status=$?
	[ "$status" = 143 ] || [ "$status" = 0 ] || fail "status $status"
	[ "$(ls -A "$SLUICE_DIR")" = '' ] || fail 'it left something behind'
done
done_well
