#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# stream.sh - stream write and read by name and through the kernel, also with strangers
. "$(dirname "$0")/common.sh"

size=${SLUICE_STREAM_BYTES:-33554435}
data=$scratch/data
copy=$scratch/copy
head -c "$size" /dev/urandom >"$data"
cd "$scratch" || exit 1

compare() {
	cmp -s "$data" "$copy" || fail "$1: what was read differs from what was written"
	checks=$((checks + 1))
	rm -f "$copy"
}

listening() {
	grep -q 'listening at' "$1"
}

# Sluice at both ends.
for address in name fifo:fifo; do
	start "$program" stream read "$address" >copy
	reader=$!
	sluice stream write "$address" <"$data" || fail "write $address"
	wait "$reader" || fail "read $address"
	compare "$address"
done
start "$program" stream read unix:socket --listen >copy
reader=$!
wait_until test -S socket
expect 0 stream write unix:socket --progress <"$data"
has "$err" '100 %'
wait "$reader" || fail 'read unix'
compare unix:
[ -e socket ] && fail 'the socket is still there'
start sh -c 'exec "$0" stream write tcp:127.0.0.1:0 --listen <data 2>where' "$program"
writer=$!
wait_until listening where
port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p' where)
sluice stream read "tcp:127.0.0.1:$port" >"$copy" || fail 'read tcp'
wait "$writer" || fail 'write tcp'
compare tcp:

# cat at the other end of a FIFO.
start cat fifo >copy
reader=$!
sluice stream write fifo:fifo <"$data" || fail 'write to cat'
wait "$reader"
compare 'to cat'
start sh -c 'cat data >fifo'
sluice stream read fifo:fifo >"$copy" || fail 'read from cat'
compare 'from cat'

# socat, a shell's /dev/tcp, python.
if command -v socat >/dev/null; then
	start socat -u UNIX-LISTEN:socat.socket FILE:copy,create
	reader=$!
	wait_until test -S socat.socket
	sluice stream write unix:socat.socket <"$data" || fail 'write to socat'
	wait "$reader"
	compare 'to socat'
fi
if command -v bash >/dev/null; then
	start "$program" stream read tcp:127.0.0.1:0 --listen >copy 2>where.bash
	reader=$!
	wait_until listening where.bash
	port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p' where.bash)
	bash -c "cat data >/dev/tcp/127.0.0.1/$port" || fail '/dev/tcp'
	wait "$reader" || fail 'read from /dev/tcp'
	compare 'from /dev/tcp'
fi
if command -v python3 >/dev/null; then
	start sh -c 'exec "$0" stream write "$1" --listen <data' "$program" "unix:@sluice-python-$$"
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
for _ in range(500):
    try:
        s.connect("\0" + sys.argv[1])
        break
    except ConnectionRefusedError:
        time.sleep(0.02)
while part := s.recv(1 << 20):
    sys.stdout.buffer.write(part)' "sluice-python-$$" >"$copy" || fail 'python'
	compare 'to python'
fi

# kill -9 of the reader: the writer is told. Of the writer: a prefix, then the end.
for address in killed fifo:killed; do
	: >part
	start sh -c 'exec "$0" stream write "$1" </dev/zero 2>"$2"' "$program" "$address" "$err"
	writer=$!
	start "$program" stream read "$address" >part
	wait_until test -s part
	kill -9 $!
	wait "$writer"
	same $? 1
	has "$err" 'nobody is left'
	: >part
	start "$program" stream read "$address" >part
	reader=$!
	start sh -c 'exec "$0" stream write "$1" </dev/zero' "$program" "$address"
	wait_until test -s part
	kill -9 $!
	wait "$reader"
	same $? 0
done
rm -f part

# What is wrong gets a sentence.
expect 1 stream read tcp:127.0.0.1:1
says 'nobody listens'
expect 1 stream write gopher:x
says 'gopher'
expect 1 stream read fifo:data
says 'no FIFO'
expect 1 stream read tcp:127.0.0.1:70000
says '65535'
expect 124 stream read fifo:nobody --timeout 50ms
says 'nobody opened'
expect 124 stream read unix:alone --listen --timeout 50ms
says 'nobody connected'
[ -e alone ] && fail 'the socket is still there'
expect 2 stream write
expect 2 stream write a b
done_well
