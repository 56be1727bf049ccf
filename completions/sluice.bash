# SPDX-License-Identifier: Apache-2.0 OR MIT
# bash completion for sluice(1)

# Names of objects: of one kind, or of all when none is given.
_sluice_names() {
	sluice list 2>/dev/null | awk -v kind="$1" 'NR > 1 && (kind == "" || $2 == kind) { print $1 }'
}

_sluice_reply() {
	local IFS=$'\n'
	COMPREPLY=($(compgen -W "${1// /$'\n'}" -- "${COMP_WORDS[COMP_CWORD]}"))
}

_sluice() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local first=${COMP_WORDS[1]} second=${COMP_WORDS[2]:-} at word operands=0
	COMPREPLY=()

	case $COMP_CWORD:$first in
	1:*)
		_sluice_reply 'queue stream topic datagram mutex rwlock semaphore lock memory list show path remove clean tour bench help --help --version'
		return
		;;
	2:queue)
		_sluice_reply 'send receive'
		return
		;;
	2:stream)
		_sluice_reply 'write read'
		return
		;;
	2:topic)
		_sluice_reply 'publish subscribe'
		return
		;;
	2:datagram)
		_sluice_reply 'send receive'
		return
		;;
	2:mutex | 2:rwlock)
		_sluice_reply 'run'
		return
		;;
	2:semaphore)
		_sluice_reply 'create post wait value acquire release run'
		return
		;;
	2:memory)
		_sluice_reply 'create write read dump resize remove map'
		return
		;;
	2:help)
		_sluice_reply 'queue stream topic datagram mutex rwlock semaphore lock memory list show path remove clean tour bench'
		return
		;;
	3:help)
		[[ $second == queue ]] && _sluice_reply 'send receive'
		[[ $second == mutex || $second == rwlock ]] && _sluice_reply 'run'
		[[ $second == semaphore ]] && _sluice_reply 'create post wait value acquire release run'
		[[ $second == memory ]] && _sluice_reply 'create write read dump resize remove map'
		[[ $second == stream ]] && _sluice_reply 'write read'
		[[ $second == topic ]] && _sluice_reply 'publish subscribe'
		[[ $second == datagram ]] && _sluice_reply 'send receive'
		return
		;;
	esac

	case $previous in
	--type | --timeout | --count | -n | --capacity | --message-max | --messages-max | --value | --ceiling | --units | --fd | --depth | --subscribers | --policy | --history | --evict-after)
		[[ $first == topic && $previous == --policy ]] && _sluice_reply 'overwrite wait latest'
		[[ $first == queue || $first == topic || $first == mutex || $first == rwlock || $first == semaphore || $first == lock ]] && return
		;;
	esac

	# What stands before this word, options and their values apart.
	for ((at = 1; at < COMP_CWORD; at++)); do
		word=${COMP_WORDS[at]}
		case $word in
		--)
			[[ $first == mutex || $first == rwlock || $first == semaphore || $first == lock ]] || continue
			if declare -F _command_offset >/dev/null; then
				_command_offset $((at + 1))
			else
				COMPREPLY=($(compgen -c -- "$current"))
			fi
			return
			;;
		--type | --timeout | --count | -n | --capacity | --message-max | --messages-max | --value | --ceiling | --units | --fd | --depth | --subscribers | --policy | --history | --evict-after)
			[[ $first == queue || $first == topic || $first == mutex || $first == rwlock || $first == semaphore || $first == lock ]] && ((at++))
			;;
		-?*) ;;
		*) ((operands++)) ;;
		esac
	done

	case $first in
	memory)
		if [[ $current == -* ]]; then
			case $second in
			create) _sluice_reply '--size --maximum --mutexes --conditions --semaphores --value --rwlocks --help' ;;
			write) _sluice_reply '--offset --help' ;;
			read | dump) _sluice_reply '--offset --length --help' ;;
			map) _sluice_reply '--offset --length --raw --help' ;;
			resize | remove) _sluice_reply '--help' ;;
			esac
		elif [[ $second == map ]]; then
			COMPREPLY=($(compgen -f -- "$current"))
		elif [[ $second != create ]] && ((operands == 2)); then
			_sluice_reply "$(_sluice_names memory)"
		fi
		;;
	queue)
		if [[ $current == -* ]]; then
			if [[ $second == send ]]; then
				_sluice_reply '--type --timeout --null --raw --capacity --message-max --messages-max --help'
			elif [[ $second == receive ]]; then
				_sluice_reply '--type --count --follow --drain --timeout --show-type --null --raw --json --help'
			fi
		elif ((operands == 2)); then
			_sluice_reply "$(_sluice_names queue)"
		fi
		;;
	stream)
		if [[ $current == -* ]]; then
			_sluice_reply '--listen --timeout --peer-timeout --progress --help'
		elif ((operands == 2)); then
			_sluice_reply "$(_sluice_names stream) fifo: unix: tcp:"
		fi
		;;
	topic)
		if [[ $current == -* ]]; then
			if [[ $second == publish ]]; then
				_sluice_reply '--timeout --evict-after --null --raw --policy --depth --message-max --subscribers --help'
			elif [[ $second == subscribe ]]; then
				_sluice_reply '--count --follow --drain --until-end --history --timeout --policy --read-only --show-lost --null --raw --json --depth --message-max --subscribers --help'
			fi
		elif ((operands == 2)); then
			_sluice_reply "$(_sluice_names topic)"
		fi
		;;
	datagram)
		if [[ $current == -* ]]; then
			if [[ $second == send ]]; then
				_sluice_reply '--from --timeout --null --help'
			else
				_sluice_reply '--count --timeout --show-sender --null --raw --help'
			fi
		elif ((operands == 2)); then
			_sluice_reply 'unix: unix-seqpacket: udp:'
		fi
		;;
	mutex)
		if [[ $current == -* ]]; then
			_sluice_reply '--timeout --help --'
		elif ((operands == 2)); then
			_sluice_reply "$(_sluice_names mutex)"
		fi
		;;
	rwlock)
		if [[ $current == -* ]]; then
			_sluice_reply '--shared --timeout --help --'
		elif ((operands == 2)); then
			_sluice_reply "$(_sluice_names rwlock)"
		fi
		;;
	semaphore)
		if [[ $current == -* ]]; then
			case $second in
			create) _sluice_reply '--value --ceiling --help' ;;
			post) _sluice_reply '--units --help' ;;
			wait) _sluice_reply '--units --timeout --help' ;;
			value) _sluice_reply '--help' ;;
			acquire) _sluice_reply '--fd --units --timeout --help' ;;
			release) _sluice_reply '--fd --units --help' ;;
			run) _sluice_reply '--value --units --timeout --help --' ;;
			esac
		elif ((operands == 2)); then
			_sluice_reply "$(_sluice_names semaphore)"
		fi
		;;
	lock)
		if [[ $current == -* ]]; then
			_sluice_reply '--shared --timeout --flock --help --'
		elif ((operands == 1)); then
			COMPREPLY=($(compgen -f -- "$current"))
		fi
		;;
	show)
		if [[ $current == -* ]]; then
			_sluice_reply '--json --help'
		elif ((operands == 1)); then
			_sluice_reply "$(_sluice_names)"
		fi
		;;
	path)
		if [[ $current == -* ]]; then
			_sluice_reply '--help'
		elif ((operands == 1)); then
			_sluice_reply "$(_sluice_names)"
		fi
		;;
	remove)
		if [[ $current == -* ]]; then
			_sluice_reply '--help'
		else
			_sluice_reply "$(_sluice_names)"
		fi
		;;
	list)
		if [[ $current == -* ]]; then
			_sluice_reply '--json --help'
		else
			COMPREPLY=($(compgen -d -- "$current"))
		fi
		;;
	clean)
		if [[ $current == -* ]]; then
			_sluice_reply '--dry-run --all --json --help'
		else
			COMPREPLY=($(compgen -d -- "$current"))
		fi
		;;
	bench)
		case $previous in
		--json | --html | --compare | -j | -H | -c)
			COMPREPLY=($(compgen -f -- "$current"))
			;;
		*)
			if [[ $current == -* ]]; then
				_sluice_reply '--quick --json --html --compare --list --help'
			else
				_sluice_reply "$(sluice bench --list 2>/dev/null | awk '/^measures/ { exit } { print $1 }')"
			fi
			;;
		esac
		;;
	tour)
		[[ $current == -* ]] && _sluice_reply '--plain --help'
		;;
	esac
}

complete -F _sluice sluice
