#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# limit.sh - at most four commands at once, whichever of the programs and commands are killed
#
# Each command takes one of four lock files for as long as it lives; one that finds none free is a
# fifth. Its descriptor is lower than the one it holds its unit with, so the kernel closes it first.
#
#	limit.sh [PROGRAM [WORKERS]]
. "$(dirname "$0")/common.sh"
need python3

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
time.sleep(random.random() / 5)
open(f"{place}/ran", "a").write("x")
END

cat >"$scratch/driver.py" <<'END'
import os, random, signal, subprocess, sys, time
program, place, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 2**32))
print("SLUICE_SEED=%d" % seed)
random.seed(seed)
command = [program, "semaphore", "run", "limit", "--value", "4", "--",
           sys.executable, "-S", f"{place}/command.py", place]
running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(workers)]
killed = [0, 0, 0]
ends = time.monotonic() + 120
while running and time.monotonic() < ends:
    time.sleep(0.02)
    running = [p for p in running if p.poll() is None]
    holders, children = [], []
    for p in running:
        try:
            mine = list(map(int, open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()))
        except OSError:
            continue
        children += mine
        if mine:
            holders.append(p)
    # The few that run are hit as often as the many that wait.
    which = random.randrange(3)
    try:
        if which == 0 and running:
            random.choice(running).kill()
        elif which == 1 and holders:
            random.choice(holders).kill()
        elif which == 2 and children:
            os.kill(random.choice(children), signal.SIGKILL)
        else:
            continue
    except ProcessLookupError:
        continue
    killed[which] += 1
for p in running:
    p.kill()
print("%d workers, %d programs, %d that held and %d commands killed" % (workers, *killed))
sys.exit(1 if running else 0)
END

python3 "$scratch/driver.py" "$program" "$scratch" "${2:-40}" || fail 'workers were left waiting'
[ -e "$scratch/fifth" ] && fail 'five commands ran at once'
[ -s "$scratch/ran" ] || fail 'no command ran'
# Those whose program was killed may still run.
wait_until sh -c "[ \"\$('$program' semaphore value limit)\" = 4 ]"
expect 0 show limit
has "$out" '4 free, 0 held'
has "$out" 'attached   nobody'
echo "$(wc -c <"$scratch/ran") commands came to their end"
done_well
