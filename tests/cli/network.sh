#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# network.sh - two hosts, made of network namespaces, and a bad link between them
. "$(dirname "$0")/common.sh"
need ip
need tc
need unshare

# In namespaces of our own, which go with the process, whatever the end.
if [ -z "${SLUICE_NETWORK:-}" ]; then
	unshare -rnm true 2>/dev/null || {
		echo 'skipped: no network namespaces for us'
		exit 77
	}
	SLUICE_NETWORK=1 unshare -rnm sh "$0" "$program"
	exit
fi
cd "$scratch" || exit 1

start unshare -n sleep 1000
host=$!
there() {
	nsenter -t "$host" -n "$@"
}
separate() {
	[ "$(readlink "/proc/$host/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
wait_until separate
ip link add name left type veth peer name right netns "$host" || {
	echo 'skipped: no veth'
	exit 77
}
ip addr add 10.77.0.1/24 dev left
ip link set left up
ip link set lo up
there ip addr add 10.77.0.2/24 dev right
there ip link set right up
there ip link set lo up

# One datagram to everybody on the link, and one to a group.
ip addr change 10.77.0.1/24 broadcast 10.77.0.255 dev left
ip route add 239.77.0.0/16 dev left
there ip route add 239.77.0.0/16 dev right
for address in 10.77.0.255 239.77.0.1; do
	case $address in
	10.*) bound=0.0.0.0 ;;
	*) bound=$address ;;
	esac
	start nsenter -t "$host" -n "$program" datagram receive "udp:$bound:4010" --count 1 --timeout 20s >everybody
	receiver=$!
	wait_until there grep -q ':0FAA ' /proc/net/udp
	echo "to $address" | sluice datagram send "udp:$address:4010" || fail "send to $address"
	wait "$receiver" || fail "receive at $address"
	same "$(cat everybody)" "to $address"
done

# lose PERCENT - so many of what arrives over there are lost, by a firewall's dice
lose() {
	export XTABLES_LOCKFILE="$scratch/xtables.lock"
	for tool in iptables-legacy iptables; do
		there "$tool" -F INPUT 2>/dev/null &&
			there "$tool" -A INPUT -i right -m statistic --mode random \
				--probability "$(printf '0.%02d' "${1%\%}")" -j DROP 2>/dev/null &&
			return
	done
	false
}

# bad PERCENT RATE - the link from here is slow and loses so many; where neither the kernel's netem nor
# a firewall is to be had, it drops what does not fit into a short queue.
bad() {
	tc qdisc replace dev left root netem delay 2ms loss "$1" rate "$2" 2>/dev/null && return
	limit=200kb
	lose "$1" || {
		limit=9kb
		echo "neither netem nor iptables: a short queue instead of $1 lost"
	}
	tc qdisc replace dev left root tbf rate "$2" burst 4kb limit "$limit" || {
		echo 'skipped: no traffic control'
		exit 77
	}
}

# good - as it was
good() {
	tc qdisc del dev left root
	there "${tool:-true}" -F INPUT 2>/dev/null || :
}
bad 3% 60mbit

# tcp survives loss.
head -c 3000001 /dev/urandom >data
start nsenter -t "$host" -n "$program" stream read tcp:10.77.0.2:4000 --listen >copy
reader=$!
wait_until there sh -c 'grep -q ":0FA0 .* 0A" /proc/net/tcp /proc/net/tcp6'
sluice stream write tcp:10.77.0.2:4000 --timeout 60s <data || fail 'write over a bad link'
wait "$reader" || fail 'read over a bad link'
cmp data copy || fail 'tcp: not the same bytes'

# udp loses, and nothing hangs.
start nsenter -t "$host" -n "$program" datagram receive udp:10.77.0.2:4001 --timeout 2s >got
receiver=$!
wait_until there grep -q ':0FA1 ' /proc/net/udp
bad 30% 1mbit
seq 1000 | sluice datagram send udp:10.77.0.2:4001 || fail 'send over a bad link'
wait "$receiver"
same $? 124
lines=$(wc -l <got)
echo "udp: $lines of 1000 arrived"
[ "$lines" -lt 1000 ] && [ "$lines" -gt 100 ] || fail 'no loss, or nothing but'
checks=$((checks + 1))

# A link that is cut is noticed within the peer timeout, by whoever waits.
good
start sh -c 'nsenter -t "$1" -n "$0" stream read tcp:10.77.0.2:4002 --listen --peer-timeout 3s \
	>cut 2>cut.err; echo $? >cut.reader' "$program" "$host"
wait_until there sh -c 'grep -q ":0FA2 .* 0A" /proc/net/tcp /proc/net/tcp6'
start sh -c '"$0" stream write tcp:10.77.0.2:4002 --peer-timeout 3s </dev/zero 2>cut.writer.err
	echo $? >cut.writer' "$program"
wait_until test -s cut
began=$(date +%s)
ip link set left down
tries=0
until [ -s cut.writer ] && [ -s cut.reader ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 1000 ] || fail 'the cut link is not noticed'
	sleep 0.02
done
echo "cut link: noticed after $(($(date +%s) - began)) s"
same "$(cat cut.writer)" 1
same "$(cat cut.reader)" 1
has cut.writer.err 'connection broke'
has cut.err 'connection broke'
expect 1 stream read tcp:10.77.0.2:4003 --timeout 3s
done_well
