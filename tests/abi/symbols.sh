#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# symbols.sh MAP SHARED STATIC - the shared library exports what the map lists, each under its
# version, and nothing else; the static one claims no names but ours.
set -eu

map=$1 shared=$2 static=$3

awk '
	/^SLUICE_[0-9.]+ *\{/ { version = $1; sub(/\{.*/, "", version) }
	/^\tsluice_[a-z0-9_]+;$/ { sub(/;/, "", $1); print $1 "@@" version }
' "$map" | sort >"$SLUICE_DIR/wanted"
nm -D --defined-only --with-symbol-versions "$shared" |
	awk '$2 != "A" { print $3 }' | sort >"$SLUICE_DIR/found"

test -s "$SLUICE_DIR/wanted"
diff -u "$SLUICE_DIR/wanted" "$SLUICE_DIR/found" || {
	echo "symbols.sh: $shared does not export what $map lists (- wanted, + found)" >&2
	exit 1
}

if nm --defined-only --extern-only "$static" 2>/dev/null | awk 'NF == 3 { print $3 }' |
	grep -Ev '^(sluice|sli)_'; then
	echo "symbols.sh: $static defines the names above, which belong to others" >&2
	exit 1
fi
