# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion of ferry's command line for bash. What there is to complete comes from ferry itself:
# verbs and options from -help, drivers and their properties from -device help, guests from list.

# What "ferry VERB ..." may go on with, one line for each form; all forms without a verb.
_ferry_forms() { "$1" -help 2>/dev/null | sed -n "s/^       ferry \(${2:-[a-z]*} .*\)/\1/p"; }

# Options of a guest.
_ferry_options() { "$1" -help 2>/dev/null | sed -n 's/^  \(-[A-Za-z][a-z-]*\) .*/\1/p'; }

# The argument of one, as the help has it; nothing if it has none.
_ferry_argument() { "$1" -help 2>/dev/null | sed -n "s/^  $2 \(.*\)/\1/p"; }

_ferry_reply() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }

# DRIVER,KEY=...: the driver, or a key behind a comma.
_ferry_device() {
	local ferry=$1 word=$2 before=${2%,*}
	if [ "$before" = "$word" ]; then
		_ferry_reply "$("$ferry" -device help 2>/dev/null | sed -n 's/^name "\([^"]*\)".*/\1/p')" "$word"
	else
		_ferry_reply "$("$ferry" -device "${word%%,*},help" 2>/dev/null |
			sed -n "s/^  \([^=]*\)=.*/$before,\1=/p")" "$word"
		compopt -o nospace 2>/dev/null
	fi
}

# Behind an option of a guest, or one of those.
_ferry_guest() {
	local ferry=$1 word=$2 before=$3 argument
	case $before in
	-device) _ferry_device "$ferry" "$word"; return ;;
	-netdev) _ferry_reply "tap user" "$word"; return ;;
	-*) argument=$(_ferry_argument "$ferry" "$before") ;;
	esac
	if [ -z "$argument" ] && [[ $word == -* ]]; then
		_ferry_reply "$(_ferry_options "$ferry")" "$word"
	elif [[ $argument =~ ^[a-z]+(\|[a-z]+)*$ ]]; then
		_ferry_reply "${argument//|/ }" "$word"
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		compopt -o filenames 2>/dev/null
	fi
}

# Behind a verb: its options, names of guests where the help says NAME, words that stand there.
_ferry_verb() {
	local ferry=$1 verb=$2 word=$3 forms
	forms=$(_ferry_forms "$ferry" "$verb")
	if [[ $word == -* ]]; then
		_ferry_reply "$(grep -o '\[-[a-z]*' <<<"$forms" | tr -d '[')" "$word"
	elif [[ $verb == tap || $verb == bridge ]]; then
		[ "$COMP_CWORD" != 2 ] || _ferry_reply "$(cut -d' ' -f2 <<<"$forms")" "$word"
	elif grep -q NAME <<<"$forms"; then
		_ferry_reply "$("$ferry" list -q 2>/dev/null)" "$word"
	fi
}

_ferry() {
	local ferry=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} verbs
	COMPREPLY=()
	verbs=$(_ferry_forms "$ferry" | cut -d' ' -f1 | sort -u)
	if [ "$COMP_CWORD" = 1 ] && [[ $word != -* ]]; then
		_ferry_reply "$verbs" "$word"
	elif [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" != create ] &&
		grep -qx -- "${COMP_WORDS[1]}" <<<"$verbs"; then
		_ferry_verb "$ferry" "${COMP_WORDS[1]}" "$word"
	else
		_ferry_guest "$ferry" "$word" "${COMP_WORDS[COMP_CWORD - 1]}"
		[[ ${COMP_WORDS[1]} != create || $word != -* ]] ||
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W -foreground -- "$word")
	fi
}

complete -o default -F _ferry ferry
