#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# tour.sh - the tour comes to its end, reads well and leaves nothing behind, also when it is cut short
. "$(dirname "$0")/common.sh"

TMPDIR=$scratch/tmp
export TMPDIR
mkdir "$TMPDIR"

left_nothing() {
	[ "$(ls -A "$SLUICE_DIR" "$TMPDIR")" = "$SLUICE_DIR:

$TMPDIR:" ] || fail "it left something behind: $(ls -A "$SLUICE_DIR" "$TMPDIR")"
}

for i in 1 2; do
	expect 0 tour
	has "$out" '1 redelivered and done once, 0 lost, 0 twice'
	has "$out" 'later the other four had eaten their fill. All five forks are back.'
	has "$out" 'with SLUICE_RECOVERED'
	has "$out" 'bare memory'
	[ -s "$err" ] && fail 'something on standard error'
	left_nothing
	[ "$(awk 'length > 80' "$out" | wc -l)" = 0 ] || fail 'wider than 80 columns'
	LC_ALL=C grep -q "$(printf '\033')" "$out" && fail 'colours in a file'
done
expect 0 tour --plain

# Where there is nowhere to be.
SLUICE_DIR=/proc/nowhere sluice tour >"$out" 2>"$err"
same $? 1
says ''

# Cut short.
for pause in 0.001 0.003 0.01 0.03 0.1 0.3 0.6 1; do
	start "$program" tour >"$out" 2>"$err"
	sleep "$pause"
	kill $! 2>/dev/null
	wait $!
	status=$?
	[ "$status" = 143 ] || [ "$status" = 0 ] || fail "status $status"
	left_nothing
done
done_well
