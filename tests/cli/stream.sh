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
# A pipe at both sides; and at the end of a file that is only appended to.
for address in piped fifo:piped; do
	start sh -c 'cat data | "$0" stream write "$1"' "$program" "$address"
	sluice stream read "$address" | cat >"$copy"
	compare "$address through pipes"
	start sh -c 'exec "$0" stream write "$1" --timeout 60s <data' "$program" "$address"
	: >"$copy"
	sluice stream read "$address" >>"$copy" || fail "append $address"
	compare "$address, appended"
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

# A signal ends a transfer that waits, on either side.
for address in idle fifo:idle; do
	mkfifo quiet
	start sh -c 'exec sleep 1000 >quiet'
	start "$program" stream read "$address"
	reader=$!
	start sh -c 'exec "$0" stream write "$1" <quiet' "$program" "$address"
	writer=$!
	sleep 0.2
	kill -TERM "$writer" "$reader"
	wait "$writer"
	same $? 143
	wait "$reader"
	case $? in
	0 | 143) checks=$((checks + 1)) ;;
	*) fail "read $address: status $? after a signal" ;;
	esac
	rm -f quiet
done

# Somebody else writes and goes without a word, in the middle: not an end, and said so.
if command -v python3 >/dev/null; then
	start sh -c '"$0" stream read tcp:127.0.0.1:0 --listen >part 2>where.reset; echo $? >status.reset' \
		"$program"
	wait_until listening where.reset
	port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p' where.reset)
	python3 -c 'import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x" * 100000)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()' "$port"
	wait_until test -s status.reset
	same "$(cat status.reset)" 1
	has where.reset 'connection broke'
	rm -f part
fi

# A stream is shown with what is in it and who is at it.
start sh -c 'exec "$0" stream write looked <data' "$program"
writer=$!
full() {
	sluice show looked >shown 2>&1 && grep -q '1 MiB of 1 MiB' shown
}
wait_until full
has shown '1 writing, 0 reading'
has shown "$writer"
kill -9 "$writer"

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
