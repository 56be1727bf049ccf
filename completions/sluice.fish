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
complete -c sluice -n __fish_use_subcommand -a mutex -d 'run a command while holding a mutex'
complete -c sluice -n __fish_use_subcommand -a memory -d 'shared bytes that can grow'
complete -c sluice -n __fish_use_subcommand -a list -d 'what objects there are'
complete -c sluice -n __fish_use_subcommand -a show -d 'one object and who is attached'
complete -c sluice -n __fish_use_subcommand -a path -d 'the file a name stands for'
complete -c sluice -n __fish_use_subcommand -a remove -d 'remove objects, in use or not'
complete -c sluice -n __fish_use_subcommand -a clean -d 'remove what no living process uses'
complete -c sluice -n __fish_use_subcommand -a tour -d 'see it work here'
complete -c sluice -n __fish_use_subcommand -a help -d 'help about a noun or a verb'
complete -c sluice -n __fish_use_subcommand -l version -d 'show the version'
complete -c sluice -s h -l help -d 'show help'

complete -c sluice -n '__sluice_at help' -a 'queue mutex memory list show path remove clean tour'
complete -c sluice -n '__sluice_at queue' -a 'send receive'
complete -c sluice -n '__sluice_at mutex' -a run
complete -c sluice -n '__sluice_at memory' -a 'create write read dump resize remove map'

complete -c sluice -n '__sluice_at queue send; or __sluice_at queue receive' -a '(__sluice_names queue)'
complete -c sluice -n '__sluice_at mutex run' -a '(__sluice_names mutex)'
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
complete -c sluice -n '__sluice_in memory write; or __sluice_in memory read; or __sluice_in memory dump; or __sluice_in memory map' -l offset -x -d 'where to begin'
complete -c sluice -n '__sluice_in memory read; or __sluice_in memory dump; or __sluice_in memory map' -l length -x -d 'how many bytes'
complete -c sluice -n '__sluice_in memory map' -l raw -d 'the bytes as they are'
complete -c sluice -n '__sluice_in mutex run' -l timeout -x -d 'wait no longer than this'
complete -c sluice -n '__sluice_in list; or __sluice_in show; or __sluice_in clean' -s j -l json -d 'for programs'
complete -c sluice -n '__sluice_in clean' -s n -l dry-run -d 'say what would go'
complete -c sluice -n '__sluice_in clean' -l all -d 'also what holds messages'
complete -c sluice -n '__sluice_in tour' -l plain -d 'no colours'
