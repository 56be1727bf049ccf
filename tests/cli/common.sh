# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# common.sh - what the tests of the program share; read with ". common.sh"
#
# A test is called with the program as its first argument (or finds it in $SLUICE_PROGRAM, or in
# the PATH). It gets a SLUICE_DIR of its own, and at its end everything it started with `start` is
# killed, by process id, its children with it, and everything it left is removed.
set -u

program=${1:-${SLUICE_PROGRAM:-sluice}}
program=$(command -v "$program") || exit 77
case $program in
/*) ;;
*) program=$PWD/$program ;;
esac

base=${SLUICE_TEST_BASE:-/dev/shm}
[ -d "$base" ] || base=/tmp
scratch=$(mktemp -d "$base/sluice-cli.XXXXXX") || exit 77
SLUICE_DIR=$scratch/objects
export SLUICE_DIR
mkdir -m 700 "$SLUICE_DIR"
out=$scratch/out
err=$scratch/err
started=
checks=0

tidy() {
	for pid in $started; do
		# What it runs, first: that would outlive it.
		kill -9 $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) "$pid" 2>/dev/null
	done
	rm -rf "$scratch"
}
trap tidy EXIT
trap 'exit 143' HUP INT TERM

fail() {
	echo "FAILED: $*"
	for file in "$out" "$err"; do
		[ -s "$file" ] && echo "--- ${file##*/}:" && head -20 "$file"
	done
	exit 1
}

sluice() {
	"$program" "$@"
}

# expect STATUS ARGUMENT... - run the program; its output goes to $out and $err
expect() {
	wanted=$1
	shift
	sluice "$@" >"$out" 2>"$err"
	got=$?
	checks=$((checks + 1))
	[ "$got" = "$wanted" ] || fail "sluice $*: status $got, not $wanted"
}

# prints TEXT - what the last `expect` printed, without the last newline
prints() {
	checks=$((checks + 1))
	[ "$(cat "$out")" = "$1" ] || fail "it printed something else than '$1'"
}

# says TEXT - the last `expect` wrote one line to standard error, with TEXT in it
says() {
	checks=$((checks + 1))
	[ "$(wc -l <"$err")" = 1 ] || fail "not one line on standard error"
	grep -q '^sluice: ' "$err" || fail "the line does not begin with 'sluice: '"
	grep -qF -- "$1" "$err" || fail "standard error lacks '$1'"
}

# has FILE TEXT - TEXT stands in FILE
has() {
	checks=$((checks + 1))
	grep -qF -- "$2" "$1" || {
		cat "$1"
		fail "'$2' is missing"
	}
}

same() {
	checks=$((checks + 1))
	[ "$1" = "$2" ] || fail "'$1' is not '$2'"
}

# start COMMAND... - run it in the background; its process id is in $!
start() {
	"$@" &
	started="$started $!"
}

# until COMMAND... - wait up to ten seconds for COMMAND to succeed
wait_until() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 500 ] || fail "waited in vain: $*"
		sleep 0.02
	done
}

# shows NAME TEXT - `sluice show NAME` has TEXT in it
shows() {
	sluice show "$1" | grep -q -- "$2"
}

need() {
	command -v "$1" >/dev/null || {
		echo "skipped: there is no $1"
		exit 77
	}
}

done_well() {
	echo "$checks checks"
	exit 0
}
