#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# datagram.sh - datagram send and receive
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

# unix: nothing is lost, however many.
start "$program" datagram receive unix:socket --count 2000 >got
receiver=$!
wait_until test -S socket
seq 2000 >numbers
expect 0 datagram send unix:socket <numbers
wait "$receiver" || fail 'receive'
cmp numbers got || fail 'not the same numbers'
[ -e socket ] && fail 'the socket is still there'

# unix-seqpacket: ends with its sender.
start "$program" datagram receive unix-seqpacket:seq >got
receiver=$!
wait_until test -S seq
expect 0 datagram send unix-seqpacket:seq one 'two and a half' three
wait "$receiver" || fail 'receive'
same "$(tr '\n' , <got)" 'one,two and a half,three,'

# udp, with the sender's address.
start "$program" datagram receive udp:127.0.0.1:0 --count 2 --show-sender >got 2>where
receiver=$!
wait_until grep -q 'receiving at' where
address=$(sed -n 's/.*\(udp:127\.0\.0\.1:[0-9]*\)$/\1/p' where)
expect 0 datagram send "$address" --from udp:127.0.0.1:0 hello ''
wait "$receiver" || fail 'receive'
same "$(cut -f 2 got | tr '\n' ,)" 'hello,,'
has got 'udp:127.0.0.1:'

# NUL and raw.
start "$program" datagram receive unix:raw --count 2 --raw >got
receiver=$!
wait_until test -S raw
printf 'a\nb\0c' | sluice datagram send unix:raw --null || fail 'send'
wait "$receiver"
same "$(tr '\n' , <got)" 'a,bc'

if command -v python3 >/dev/null; then
	start "$program" datagram receive unix:python --count 1 >got
	receiver=$!
	wait_until test -S python
	python3 -c 'import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"from python", "python")'
	wait "$receiver"
	same "$(cat got)" 'from python'
fi

expect 124 datagram receive unix:quiet --timeout 50ms
expect 1 datagram send unix:absent hello
says 'start the receiver first'
expect 1 datagram send tcp:127.0.0.1:1 hello
says 'datagrams go by'
expect 1 datagram receive udp:127.0.0.1
says 'port'
expect 2 datagram send
expect 2 datagram receive a b
done_well
