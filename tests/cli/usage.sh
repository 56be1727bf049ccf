#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# usage.sh - help, wrong usage, names that cannot be: what it says and how it exits
. "$(dirname "$0")/common.sh"

expect 0 --version
has "$out" 'sluice 0.'
expect 2
has "$err" 'usage:'
for words in 'tour' 'bench' 'queue send' 'queue receive' 'topic publish' 'topic subscribe' 'mutex run' 'list' 'show' 'path' 'remove' 'clean'; do
	expect 0 $words --help
	has "$out" "usage: sluice $words"
	has "$out" '--help'
	[ -s "$err" ] && fail "help belongs on standard output"
	[ "$(awk 'length > 80' "$out" | wc -l)" = 0 ] || fail "help of $words is too wide"
	expect 0 help $words
	has "$out" "usage: sluice $words"
	expect 0 --help
	has "$out" "sluice $words"
done
expect 0 help queue
has "$out" 'sluice queue receive NAME'
expect 0 queue --help
expect 2 queue
has "$err" 'sluice queue send NAME'

# Words that are none.
expect 2 queue recieve jobs
says "did you mean 'sluice queue receive'?"
expect 2 queue reciev
says "did you mean 'sluice queue receive'?"
expect 2 lst
says "did you mean 'sluice list'?"
expect 2 send jobs
says "did you mean 'sluice queue send'?"
expect 2 qeue send jobs
says 'did you mean'
expect 2 xylophone
says "see 'sluice help'"
expect 2 queue xylophone
says "see 'sluice help queue'"
expect 2 help xylophone

# Options and values that are none.
expect 2 queue send
says 'something is missing'
expect 2 queue receive
expect 2 queue receive a b
says "'b' is one argument too many"
expect 2 queue receive jobs --folow
says '--folow'
expect 2 queue receive jobs -x
says '-x'
expect 2 queue receive jobs --count
says '--count needs a value'
expect 2 queue receive jobs --count 0
expect 2 queue receive jobs --count 3x
expect 2 queue receive jobs --count 3 --follow
says 'exclude each other'
expect 2 queue receive jobs --json --raw
expect 2 queue receive jobs --drain --timeout 1s
for time in '' -1 1x 1h1 inf nan 0x10 . 1..2 s; do
	expect 2 queue receive jobs --timeout "$time"
	says '--timeout takes a time'
done
for type in 0 -1 x '' 99999999999999999999; do
	expect 2 queue send jobs --type "$type" hello
done
for size in 0 x 1X 1KK -1 99999999999G; do
	expect 2 queue send jobs --capacity "$size" hello
done
expect 2 queue send jobs --raw hello
expect 2 queue send jobs --raw -0
expect 2 queue send jobs one - two
expect 2 mutex run
expect 2 mutex run deploy
says 'COMMAND'
expect 2 show
expect 2 path
expect 2 remove
expect 2 tour now
expect 2 list a b
[ "$(ls -A "$SLUICE_DIR")" = '' ] || fail 'wrong usage left something behind'

# Names.
long=$(printf '%0201d' 1)
for name in .hidden 'a b' '' 'a*b' "$long" nosuch:name; do
	expect 1 queue send "$name" hello
	says ''
done
expect 2 queue send -dash hello
expect 1 queue send -- -dash hello
says "-dash"
expect 1 queue send /no/such/directory/jobs hello
says '/no/such/directory/jobs'

# Objects that are not there.
expect 1 show nothing
says 'nothing'
expect 1 remove nothing
says 'nothing'
expect 1 queue receive nothing --drain
says 'nothing'

# Options may stand before and behind the name, whatever the environment wants.
POSIXLY_CORRECT=1
export POSIXLY_CORRECT
expect 0 queue send jobs --type 7 hello
expect 0 queue receive --show-type jobs
prints '7	hello'

# Output that cannot be written.
if [ -w /dev/full ]; then
	sluice --help >/dev/full 2>"$err"
	same $? 1
	sluice queue send jobs keep
	sluice queue receive jobs >/dev/full 2>"$err"
	same $? 1
	says 'No space left'
	expect 0 queue receive jobs
	prints keep
fi
done_well
