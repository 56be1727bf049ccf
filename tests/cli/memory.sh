#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# memory.sh - memory create, write, read, dump, resize, remove and map
. "$(dirname "$0")/common.sh"

expect 0 memory create m --size 4K --maximum 64K --mutexes 2
expect 1 memory create m
says 'exists already'
expect 0 memory write m 'hello, memory'
expect 0 memory read m --length 13
prints 'hello, memory'
expect 0 memory read m --offset 7 --length 6
prints memory
expect 0 memory dump m --length 17
prints '00000000  68 65 6c 6c 6f 2c 20 6d  65 6d 6f 72 79 00 00 00  |hello, memory...|
00000010  00                                                |.|'

# A star for lines that say the same; the last one is always there, in one part or in several.
expect 0 memory dump m
prints '00000000  68 65 6c 6c 6f 2c 20 6d  65 6d 6f 72 79 00 00 00  |hello, memory...|
00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00000ff0  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|'
expect 0 memory create wide --size 256K
expect 0 memory write wide --offset 131072 xyz
expect 0 memory dump wide
prints '00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00020000  78 79 7a 00 00 00 00 00  00 00 00 00 00 00 00 00  |xyz.............|
00020010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
0003fff0  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|'

# It grows when it must, to its maximum and no further.
expect 0 memory write m --offset 5000 x
expect 0 memory dump m --offset 5000 --length 1
has "$out" '00001388  78'
seq 1 10000 >"$scratch/numbers"
sluice memory write m <"$scratch/numbers" || fail 'write from standard input'
sluice memory read m --length 48894 | cmp -s - "$scratch/numbers" || fail 'read back'
expect 1 memory write m --offset 65530 'too long'
says 'more than its maximum of 65536'
expect 0 memory resize m 64K
expect 1 memory resize m 65K
says 'more than its maximum'
expect 1 memory read m --offset 65536 --length 1
says 'has 65536 bytes, wanted 1 from 65536 on'
expect 0 show m
has "$out" 'data       64 KiB, may grow to 64 KiB'
has "$out" 'mutexes    2, 0 held'
expect 0 list
has "$out" 'memory'
expect 0 clean
has "$out" 'kept m: it holds messages, or data'

# What guards the data lies inside.
expect 0 memory create gates --size 4K --conditions 2 --semaphores 3 --value 5
expect 0 show gates
has "$out" 'conditions 2'
has "$out" 'semaphores 3, 0 units held'
expect 0 memory create shelf --size 4K --rwlocks 2
expect 0 show shelf
has "$out" 'rwlocks    2, 0 held'
expect 0 memory remove shelf
expect 1 memory create many --semaphores 1025
says 'at most 1024'
expect 1 memory create many --mutexes 5000000000
says 'at most 1024'

# Files: any range, and what cannot be mapped.
expect 0 memory map "$scratch/numbers" --offset 3 --length 4
prints '00000003  0a 33 0a 34                                       |.3.4|'
expect 0 memory map "$scratch/numbers" --offset 2 --length 1 --raw
prints 2
expect 1 memory map "$scratch/numbers" --offset 48895
says 'has 48894 bytes'
expect 1 memory map "$scratch"
says 'is a directory'
: >"$scratch/empty"
expect 0 memory map "$scratch/empty"
prints ''
expect 1 memory map "$scratch/absent"
says 'No such file'

expect 1 memory read absent
says 'does not exist'
sluice queue send q hello
expect 1 memory remove q
says 'is a queue'
expect 1 memory remove absent
says 'no such object'
expect 2 memory resize m 4Q
says 'SIZE takes a size'
expect 0 memory remove m
expect 1 memory remove m
expect 2 memory resize m
expect 2 memory create m --size none
done_well
