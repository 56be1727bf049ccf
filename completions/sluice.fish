# SPDX-License-Identifier: Apache-2.0 OR MIT
# fish completion for sluice(1)

function __sluice_names
    sluice list 2>/dev/null | awk -v kind="$argv[1]" 'NR > 1 && (kind == "" || $2 == kind) { print $1 }'
end

# Are the words so far exactly these?
function __sluice_at
    set -l words (commandline -opc)
    test "$words[2..-1]" = "$argv"
end

# Do the words so far begin with these?
function __sluice_in
    set -l words (commandline -opc)
    set -l last (math (count $argv) + 1)
    test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end

complete -c sluice -f

complete -c sluice -n __fish_use_subcommand -a queue -d 'messages with a type'
complete -c sluice -n __fish_use_subcommand -a stream -d 'bytes in order'
complete -c sluice -n __fish_use_subcommand -a topic -d 'messages that every subscriber sees'
complete -c sluice -n __fish_use_subcommand -a memory -d 'shared bytes that can grow'
complete -c sluice -n __fish_use_subcommand -a datagram -d 'messages by socket'
complete -c sluice -n __fish_use_subcommand -a mutex -d 'run a command while holding a mutex'
complete -c sluice -n __fish_use_subcommand -a rwlock -d 'run a command while it reads with others, or writes alone'
complete -c sluice -n __fish_use_subcommand -a semaphore -d 'at most so many at once; signals'
complete -c sluice -n __fish_use_subcommand -a lock -d 'run a command while a file is locked'
complete -c sluice -n __fish_use_subcommand -a list -d 'what objects there are'
complete -c sluice -n __fish_use_subcommand -a show -d 'one object and who is attached'
complete -c sluice -n __fish_use_subcommand -a path -d 'the file a name stands for'
complete -c sluice -n __fish_use_subcommand -a remove -d 'remove objects, in use or not'
complete -c sluice -n __fish_use_subcommand -a clean -d 'remove what no living process uses'
complete -c sluice -n __fish_use_subcommand -a tour -d 'every facility at work here'
complete -c sluice -n __fish_use_subcommand -a bench -d 'measure it here'
complete -c sluice -n __fish_use_subcommand -a help -d 'help about a noun or a verb'
complete -c sluice -n __fish_use_subcommand -l version -d 'show the version'
complete -c sluice -s h -l help -d 'show help'

complete -c sluice -n '__sluice_at help' -a 'queue stream topic datagram mutex rwlock semaphore lock memory list show path remove clean tour bench'
complete -c sluice -n '__sluice_at queue' -a 'send receive'
complete -c sluice -n '__sluice_at mutex' -a run
complete -c sluice -n '__sluice_at rwlock' -a run
complete -c sluice -n '__sluice_at semaphore' -a 'create post wait value acquire release run'
complete -c sluice -n '__sluice_at stream' -a 'write read'
complete -c sluice -n '__sluice_at topic' -a 'publish subscribe'
complete -c sluice -n '__sluice_at memory' -a 'create write read dump resize remove map'
complete -c sluice -n '__sluice_at datagram' -a 'send receive'

complete -c sluice -n '__sluice_at queue send; or __sluice_at queue receive' -a '(__sluice_names queue)'
complete -c sluice -n '__sluice_at topic publish; or __sluice_at topic subscribe' -a '(__sluice_names topic)'
complete -c sluice -n '__sluice_at mutex run' -a '(__sluice_names mutex)'
complete -c sluice -n '__sluice_at rwlock run' -a '(__sluice_names rwlock)'
complete -c sluice -n '__sluice_at semaphore post' -a '(__sluice_names semaphore)'
complete -c sluice -n '__sluice_at semaphore wait' -a '(__sluice_names semaphore)'
complete -c sluice -n '__sluice_at semaphore value' -a '(__sluice_names semaphore)'
complete -c sluice -n '__sluice_at semaphore acquire' -a '(__sluice_names semaphore)'
complete -c sluice -n '__sluice_at semaphore release' -a '(__sluice_names semaphore)'
complete -c sluice -n '__sluice_at semaphore run' -a '(__sluice_names semaphore)'
complete -c sluice -n '__sluice_at show; or __sluice_at path; or __sluice_in remove' -a '(__sluice_names "")'
complete -c sluice -n '__sluice_at list; or __sluice_at clean' -a '(__fish_complete_directories)'

complete -c sluice -n '__sluice_in queue' -l type -x -d 'type of the messages'
complete -c sluice -n '__sluice_in queue' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in queue' -s 0 -l null -d 'messages end with a NUL'
complete -c sluice -n '__sluice_in queue' -l raw -d 'the bytes as they are'
complete -c sluice -n '__sluice_in queue send' -l capacity -x -d 'room of a new queue'
complete -c sluice -n '__sluice_in queue send' -l message-max -x -d 'longest message of a new queue'
complete -c sluice -n '__sluice_in queue send' -l messages-max -x -d 'most messages of a new queue'
complete -c sluice -n '__sluice_in queue receive' -s n -l count -x -d 'end after so many messages'
complete -c sluice -n '__sluice_in queue receive' -s f -l follow -d 'go on for ever'
complete -c sluice -n '__sluice_in queue receive' -l drain -d 'take what is there'
complete -c sluice -n '__sluice_in queue receive' -l show-type -d 'the type before each message'
complete -c sluice -n '__sluice_in queue receive' -l json -d 'an object a line'
complete -c sluice -n '__sluice_at memory write; or __sluice_at memory read; or __sluice_at memory dump; or __sluice_at memory resize; or __sluice_at memory remove' -a '(__sluice_names memory)'
complete -c sluice -n '__sluice_in memory map' -F
complete -c sluice -n '__sluice_in memory create' -l size -x -d 'bytes of data at first'
complete -c sluice -n '__sluice_in memory create' -l maximum -x -d 'what it may grow to'
complete -c sluice -n '__sluice_in memory create' -l mutexes -x -d 'mutexes in it'
complete -c sluice -n '__sluice_in memory create' -l conditions -x -d 'conditions in it'
complete -c sluice -n '__sluice_in memory create' -l semaphores -x -d 'semaphores in it'
complete -c sluice -n '__sluice_in memory create' -l rwlocks -x -d 'reader-writer locks in it'
complete -c sluice -n '__sluice_in memory create' -l value -x -d 'units of each semaphore'
complete -c sluice -n '__sluice_in memory write; or __sluice_in memory read; or __sluice_in memory dump; or __sluice_in memory map' -l offset -x -d 'where to begin'
complete -c sluice -n '__sluice_in memory read; or __sluice_in memory dump; or __sluice_in memory map' -l length -x -d 'how many bytes'
complete -c sluice -n '__sluice_in memory map' -l raw -d 'the bytes as they are'
complete -c sluice -n '__sluice_in mutex run' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in rwlock run' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in rwlock run' -l shared -d 'together with others that share'
complete -c sluice -n '__sluice_in semaphore' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in semaphore' -l units -x -d 'so many at once'
complete -c sluice -n '__sluice_in semaphore' -l fd -x -d 'the descriptor that holds'
complete -c sluice -n '__sluice_in semaphore create; or __sluice_in semaphore run' -l value -x -d 'units of a new semaphore'
complete -c sluice -n '__sluice_in semaphore create' -l ceiling -x -d 'most units of a new semaphore'
complete -c sluice -n '__sluice_at lock' -F
complete -c sluice -n '__sluice_in lock' -l shared -d 'together with others that share'
complete -c sluice -n '__sluice_in lock' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in lock' -l flock -d 'the lock of flock(1) too'
complete -c sluice -n '__sluice_in list; or __sluice_in show; or __sluice_in clean' -s j -l json -d 'for programs'
complete -c sluice -n '__sluice_in clean' -s n -l dry-run -d 'say what would go'
complete -c sluice -n '__sluice_in clean' -l all -d 'also what holds messages'
complete -c sluice -n '__sluice_in tour' -l plain -d 'no colours'
complete -c sluice -n '__sluice_in bench' -s q -l quick -d 'half a minute'
complete -c sluice -n '__sluice_in bench' -s j -l json -r -F -d 'write results there'
complete -c sluice -n '__sluice_in bench' -s H -l html -r -F -d 'write a page there'
complete -c sluice -n '__sluice_in bench' -s c -l compare -r -F -d 'what changed since'
complete -c sluice -n '__sluice_in bench' -s l -l list -d 'what there is'
complete -c sluice -n '__sluice_in bench' -a "(sluice bench --list 2>/dev/null | awk '/^measures/ { exit } { print \$1 }')"
complete -c sluice -n '__sluice_in stream' -l listen -d 'be the one that is connected to'
complete -c sluice -n '__sluice_in stream; or __sluice_in datagram' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in stream' -l peer-timeout -x -d 'a machine silent for so long is gone'
complete -c sluice -n '__sluice_in stream' -l progress -d 'say how far it is'
complete -c sluice -n '__sluice_in datagram send' -l from -x -d 'send from this address'
complete -c sluice -n '__sluice_in datagram receive' -s n -l count -x -d 'end after so many messages'
complete -c sluice -n '__sluice_in datagram receive' -l show-sender -d 'the sender before each message'
complete -c sluice -n '__sluice_in datagram' -s 0 -l null -d 'messages end with a NUL'
complete -c sluice -n '__sluice_in datagram receive' -l raw -d 'end messages with nothing'
complete -c sluice -n '__sluice_in topic' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in topic' -s 0 -l null -d 'messages end with a NUL'
complete -c sluice -n '__sluice_in topic' -l raw -d 'the bytes as they are'
complete -c sluice -n '__sluice_in topic' -l policy -x -a 'overwrite wait latest' -d 'what becomes of messages one is too slow for'
complete -c sluice -n '__sluice_in topic' -l depth -x -d 'a new topic keeps so many messages'
complete -c sluice -n '__sluice_in topic' -l message-max -x -d 'longest message of a new topic'
complete -c sluice -n '__sluice_in topic' -l subscribers -x -d 'most subscribers of a new topic'
complete -c sluice -n '__sluice_in topic publish' -l evict-after -x -d 'give up a subscriber that does not move'
complete -c sluice -n '__sluice_in topic subscribe' -s n -l count -x -d 'end after so many messages'
complete -c sluice -n '__sluice_in topic subscribe' -s f -l follow -d 'go on for ever'
complete -c sluice -n '__sluice_in topic subscribe' -l drain -d 'take what is there'
complete -c sluice -n '__sluice_in topic subscribe' -l until-end -d 'go on until all publishers are gone'
complete -c sluice -n '__sluice_in topic subscribe' -l history -x -d 'begin with so many of the last messages'
complete -c sluice -n '__sluice_in topic subscribe' -l read-only -d 'look on and change nothing'
complete -c sluice -n '__sluice_in topic subscribe' -l show-lost -d 'how many were lost before each message'
complete -c sluice -n '__sluice_in topic subscribe' -l json -d 'an object a line'
