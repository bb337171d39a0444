# SPDX-License-Identifier: MIT
#
# Completion of `weft` for bash: commands, options as `--help` prints them,
# and the names that have a socket in the run-time directory.

_weft_names() {
    local dir path
    if [[ ${WEFT_RUNTIME_DIR:-} == /* ]]; then
        dir=$WEFT_RUNTIME_DIR
    elif [[ ${XDG_RUNTIME_DIR:-} == /* ]]; then
        dir=$XDG_RUNTIME_DIR/weft
    else
        dir=/tmp/weft-$EUID
    fi
    for path in "$dir"/*.sock; do
        [[ -S $path ]] && basename "$path" .sock
    done
}

# The command is one word, or "bench" and "sync", "fanin" or "fanout".
_weft_options() {
    # shellcheck disable=SC2086
    weft $1 --help 2>/dev/null | grep -o -E -e '--[a-z][a-z-]*' | sort -u
}

# The words that an option takes, if its help lists them: --wait a|b|c.
_weft_choices() {
    # shellcheck disable=SC2086
    weft $1 --help 2>/dev/null |
        sed -n -E "s/^ .*$2 ([a-z]+(\|[a-z]+)+).*/\1/p" | tr '|' '\n'
}

# The numbers of this user's processes.
_weft_processes() {
    ps -U "$EUID" -o pid= 2>/dev/null
}

# Bash 3, which macOS has, has no mapfile.
_weft_reply() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -W "$1" -- "$2")
}

_weft() {
    local current=${COMP_WORDS[COMP_CWORD]}
    local previous=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='recv send pub sub tap record replay call echo serve run usage kill-tree runs memory status ls stat bench doctor version help'
    local command=${COMP_WORDS[1]}
    local choices=''

    if ((COMP_CWORD == 1)); then
        _weft_reply "$commands" "$current"
        return
    fi
    [[ $command == bench && ${COMP_WORDS[2]} =~ ^(sync|fanin|fanout)$ ]] &&
        command="bench ${COMP_WORDS[2]}"
    [[ $command == runs && ${COMP_WORDS[2]} =~ ^(show|stats|suggest|prune)$ ]] &&
        command="runs ${COMP_WORDS[2]}"
    [[ $command == memory && ${COMP_WORDS[2]} =~ ^(status|top|list|groups|gpu|watch|optimize|rank|ask|listen|leaks|patterns|suggest|daemon|config|why|record|simulate|bench)$ ]] &&
        command="memory ${COMP_WORDS[2]}"
    [[ $previous == --* ]] && choices=$(_weft_choices "$command" "$previous")
    if [[ -n $choices ]]; then
        _weft_reply "$choices" "$current"
    elif [[ $current == -* ]]; then
        _weft_reply "$(_weft_options "$command")" "$current"
    else
        case $command in
        send | recv | pub | sub | tap | record | call | echo | serve | stat)
            _weft_reply "$(_weft_names)" "$current"
            ;;
        usage | kill-tree) _weft_reply "$(_weft_processes)" "$current" ;;
        run) _weft_reply "$(compgen -c -- "$current")" "$current" ;;
        replay) _weft_reply "$(compgen -f -- "$current")" "$current" ;;
        runs) _weft_reply 'list show stats suggest prune' "$current" ;;
        bench) _weft_reply 'rtt throughput sync fanin fanout' "$current" ;;
        memory) _weft_reply 'status top list groups gpu watch optimize rank ask listen leaks patterns suggest daemon config why record simulate bench' "$current" ;;
        help) _weft_reply "$commands" "$current" ;;
        *) COMPREPLY=() ;;
        esac
    fi
}

complete -F _weft weft
