#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# limit.sh - at most four commands at once, whichever of the programs and commands are killed
#
# Each command takes one of four lock files for as long as it lives; one that finds none free is a
# fifth. Its descriptor is lower than the one it holds its unit with, so the kernel closes it first.
# Every 20 ms one is killed: any program (most of them wait), one that has a command, a command, or a
# command whose program was killed before. Whoever was not killed must have ended well.
#
#	limit.sh [PROGRAM [WORKERS [VALUE]]]	(a VALUE of 5 must fail)
. "$(dirname "$0")/common.sh"
need python3
python3 -c 'import os; os.pidfd_open' 2>/dev/null || {
	echo "skipped: python3 is older than 3.9"
	exit 77
}

cat >"$scratch/command.py" <<'END'
import fcntl, os, random, sys, time
place = sys.argv[1]
for i in range(4):
    fd = os.open(f"{place}/slot{i}", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except BlockingIOError:
        os.close(fd)
else:
    open(f"{place}/fifth", "w").write("five at once\n")
# Some last longer than it takes to find out that their program is dead.
time.sleep(random.choice((0.05, 0.1, 0.2, 1.5)))
open(f"{place}/ran", "a").write("x")
END

cat >"$scratch/driver.py" <<'END'
import os, random, signal, subprocess, sys, time
program, place, workers, value = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 2**32))
print("SLUICE_SEED=%d" % seed)
random.seed(seed)
command = [program, "semaphore", "run", "limit", "--value", value, "--",
           sys.executable, "-S", f"{place}/command.py", place]
said = open(f"{place}/said", "w")
running = [subprocess.Popen(command, stderr=said) for _ in range(workers)]
kinds = ["programs", "programs that held", "commands", "commands left alone"]
killed = dict.fromkeys(kinds, 0)
commands = {}  # of a program: a descriptor of its command, which no other process can come to be
orphans = []   # likewise, of programs that were killed
ends = time.monotonic() + 120

def look(p):
    """Has it a command by now?"""
    try:
        for pid in open(f"/proc/{p.pid}/task/{p.pid}/children").read().split():
            commands.setdefault(p.pid, os.pidfd_open(int(pid)))
    except OSError:
        pass

def kill(kind):
    """Kill one of a kind; False if there is none (any more)."""
    holders = [p for p in running if p.pid in commands]
    choice = {"programs": running, "programs that held": holders,
              "commands": [commands[p.pid] for p in holders], "commands left alone": orphans}[kind]
    if not choice:
        return False
    one = random.choice(choice)
    if isinstance(one, subprocess.Popen):
        one.kill()
        if one.pid in commands:
            orphans.append(commands.pop(one.pid))
        return True
    if one in orphans:
        orphans.remove(one)
    try:
        signal.pidfd_send_signal(one, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True

wrong = 0
while running and time.monotonic() < ends:
    time.sleep(0.02)
    # Its own death, its command's, and neither.
    wrong += sum(p.poll() not in (None, -signal.SIGKILL, 128 + signal.SIGKILL, 0) for p in running)
    running = [p for p in running if p.returncode is None]
    for p in running:
        if p.pid not in commands:
            look(p)
    kind = None
    while running and (kind is None or not kill(kind)):
        kind = random.choices(kinds, (4, 4, 4, 1))[0]
    if kind:
        killed[kind] += 1
for p in running:
    p.kill()
print("%d workers; killed:" % workers, ", ".join("%d %s" % (killed[k], k) for k in kinds))
for what, bad in (("workers were left waiting", running), ("programs failed", wrong),
                  ("a kind was never killed", not all(killed.values()))):
    if bad:
        sys.exit(what)
END

python3 "$scratch/driver.py" "$program" "$scratch" "${2:-200}" "${3:-4}" || {
	head -5 "$scratch/said"
	fail 'the workers did not fare well'
}
[ -e "$scratch/fifth" ] && fail 'five commands ran at once'
[ -s "$scratch/ran" ] || fail 'no command ran'
# Those whose program was killed may still run.
wait_until sh -c "[ \"\$('$program' semaphore value limit)\" = 4 ]"
expect 0 show limit
has "$out" '4 free, 0 held'
has "$out" 'attached   nobody'
echo "$(wc -c <"$scratch/ran") commands came to their end"
done_well
