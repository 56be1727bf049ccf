#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# closed.sh - started without standard descriptors: nothing the program prints lands in an object
. "$(dirname "$0")/common.sh"

# Whole: the object is what it was, and says so.
whole() {
	expect 0 queue receive "$1" --drain
	same "$(tr '\n' ' ' <"$out")" "$2"
}

expect 0 queue send output 1 2 3
"$program" queue receive output >&- 2>"$err"
same $? 1
says 'standard output'
whole output '1 2 3 '

expect 0 queue send json 1 2
"$program" queue receive json --json >&- 2>"$err"
same $? 1
whole json '1 2 '

# What it complains about goes nowhere.
expect 0 queue send full --messages-max 1 a
"$program" queue send full --timeout 0 b 2>&-
same $? 124
whole full 'a '

expect 0 queue send input keep
"$program" queue send input --timeout 1s <&- 2>"$err"
same $? 1
says 'standard input'
whole input 'keep '

"$program" queue send none a >&- 2>&- <&-
same $? 0
whole none 'a '

start "$program" mutex run held sleep 5
wait_until shows held held
"$program" mutex run held --timeout 0 true 2>&-
same $? 124
expect 0 show held
done_well
