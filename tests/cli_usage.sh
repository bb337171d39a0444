#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The command line: help, mistakes and their messages, JSON, manual pages,
# completion.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

commands='recv send pub sub tap record replay call echo serve run usage kill-tree runs memory status ls stat bench doctor version help'

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

# mistake MESSAGE ARGUMENTS...: wrong usage that is answered by the message.
mistake() {
    local message=$1
    shift
    run "$@"
    check "exit code 2: weft ${*@Q}" is "$code" 2
    check "  $message" is "$(head -n 1 "$work/out.err")" "$message"
}

# ----------------------------------------------------------------- help ---

run
check 'weft alone is wrong usage' is "$code" 2
check 'and prints the commands on stderr' grep -q Commands "$work/out.err"
for command in $commands; do
    run "$command" --help
    cp "$work/out" "$work/help"
    check "weft $command --help succeeds" is "$code" 0
    check '  on stdout' grep -q "^Usage: weft $command" "$work/out"
    check '  alone' test ! -s "$work/out.err"
    check '  in 80 columns' is "$(grep -c '.\{81\}' "$work/out")" 0
    run help "$command"
    check "weft help $command is the same" cmp -s "$work/out" "$work/help"
    run help
    check "weft help lists $command" grep -q "^  $command " "$work/out"
done
run --help
check 'weft --help succeeds' is "$code" 0
run --version
check 'weft --version succeeds' is "$code" 0
check 'and is weft version' is "$(cat "$work/out")" "$("$WEFT" version)"

# ------------------------------------------------------------- mistakes ---

mistake "weft: unknown command 'snd'; did you mean 'send'?" snd
mistake "weft: unknown command 'quux'" quux
mistake "weft: unknown command 'vers'" help vers
mistake "weft: unknown command '?[31mred'" $'\e[31mred'
# Arguments are text for Windows, so these bytes would not arrive.
on_windows || mistake "weft: unknown command 'a?b'" $'a\x9bb'
mistake "weft: unknown command 'ä'" ä
mistake 'weft send: too few arguments' send
mistake "weft send: unexpected argument 'b'" send a b
mistake "weft send: unexpected argument '--lines'" send -- a --lines
mistake "weft send: unknown option '--cuont'; did you mean '--count'?" \
    send --cuont 3 a
mistake "weft send: unknown option '--zzzzz'" send --zzzzz=4 a
mistake "weft send: unknown option '-z'" send -qz a
mistake "weft send: option '--count' needs N" send a --count
mistake "weft send: option '--count': '3x' is not a number" send a -n3x
mistake "weft send: option '--count': '-3' is not a number" send a -n -3
mistake "weft send: option '--count': '' is not a number" send a --count=
mistake "weft send: option '--count': '0' is too small" send a -n 0
mistake "weft send: option '--count': '99999999999999999999' is not a number" \
    send a -n 99999999999999999999
mistake "weft send: option '--block': '12Q' is not a size" send a --block 12Q
mistake "weft send: option '--block': '1KB' is not a size" send a --block 1KB
mistake "weft send: option '--block': '2G' is too large" send a --block 2G
mistake "weft send: option '--block': '99999999999G' is not a size" \
    send a --block 99999999999G
mistake "weft send: option '--ring': '5000' is not a power of two" \
    send a --ring 5000
duration='is not a duration (such as 500ms, 2s, 1.5m)'
mistake "weft send: option '--timeout': '5' $duration" send a --timeout 5
mistake "weft send: option '--timeout': '1.s' $duration" send a --timeout 1.s
mistake "weft send: option '--timeout': '6000000h' $duration" \
    send a -t 6000000h
modes='spin|adaptive|block'
mistake "weft send: option '--wait-mode': 'fast' is not one of $modes" \
    send a --wait-mode fast
mistake "weft send: option '--lines' takes no argument" send a --lines=1
mistake "weft send: options '--raw' and '--lines' exclude each other" \
    send a --raw --lines
mistake "weft recv: unknown option '--wait'" recv a --wait
mistake "weft runs: unknown word 'stat'; did you mean 'stats'?" runs stat
mistake "weft doctor: unexpected argument 'x'" doctor x

run send nobody -t 1.5s --count=3 --block 4K -q --json
check 'good options are taken' is "$code" 1

# --------------------------------------------------------------- output ---

run version
check 'weft version prints it' grep -q -E '^weft [0-9]+\.[0-9]+\.[0-9]+$' \
    "$work/out"
run doctor
check 'weft doctor finds names usable' is "$code" 0
check 'and what the system is' says out 'built for '
if on_windows; then
    check 'and says where they are' says out 'names of pipes'
else
    check 'and says where they are' says out "$WEFT_RUNTIME_DIR"
    WEFT_RUNTIME_DIR=/proc/nowhere run doctor
    check 'weft doctor finds names unusable' is "$code" 1
fi

# Each line of the output is a JSON object.
parses() {
    python3 -c 'import json, sys
for line in sys.stdin:
    assert isinstance(json.loads(line), dict)' <"$1"
}
if command -v python3 >/dev/null; then
    for command in version doctor; do
        run "$command" --json
        check "weft $command --json parses" parses "$work/out"
    done
    run send $'q"\\\n\xff\x1b\xc3\xa4' --json
    check 'any name makes JSON that parses' parses \
        <(tail -n 1 "$work/out.err")
else
    skip 'JSON parses' 'no python3'
fi

if [[ -c /dev/full ]]; then
    for command in $commands; do
        "$WEFT" "$command" --help >/dev/full 2>"$work/out.err"
        check "weft $command --help on a full disk fails" is $? 1
        check '  and says so' says out.err \
            "weft: cannot write to stdout: $(cause 'No space left on device')"
    done
else
    skip 'a full disk' 'no /dev/full'
fi

# --------------------------------------------------------- manual pages ---

# Every option of the help is in the manual page.
page_is_complete() {
    local option text missing=0
    text=$(sed 's/\\//g' "$2")
    while read -r option; do
        if [[ $text != *"$option"* ]]; then
            printf '# %s misses %s\n' "$2" "$option"
            missing=1
        fi
    done < <("$WEFT" "$1" --help | grep -o -E -e '--[a-z][a-z-]*' | sort -u)
    return "$missing"
}

for page in "$source_dir"/man/*.[1-7]; do
    if command -v groff >/dev/null; then
        check "${page##*/} renders without warnings" is \
            "$(groff -man -ww -Tutf8 "$page" 2>&1 >/dev/null)" ''
    else
        skip "${page##*/} renders" 'no groff'
    fi
done
for command in $commands; do
    page=$source_dir/man/weft-$command.1
    check "weft-$command.1 is there" test -s "$page"
    check '  and has every option' page_is_complete "$command" "$page"
    check '  and weft.1 names it' grep -q "weft.*$command" \
        <(sed 's/\\//g' "$source_dir/man/weft.1")
done

# ----------------------------------------------------------- completion ---

completions=$source_dir/tools/weft/completions
check 'the bash completion parses' bash -n "$completions/weft.bash"
if command -v zsh >/dev/null; then
    check 'the zsh completion parses' zsh -n "$completions/_weft"
else
    skip 'the zsh completion parses' 'no zsh'
fi

# complete WORD...: what bash offers for the last word, on one line.
complete_words() {
    PATH=$(dirname "$WEFT"):$PATH bash -c '
        . "$0"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _weft
        echo "${COMPREPLY[*]}"' "$completions/weft.bash" "$@"
}
check 'bash completes commands' is "$(complete_words weft sen)" send
check 'bash completes options' is "$(complete_words weft send --ti)" --timeout
check 'bash completes choices' is \
    "$(complete_words weft send --wait-mode s)" spin

check 'bash completes words' is "$(complete_words weft runs sh)" show
check 'and their options' is "$(complete_words weft runs prune --ol)" --older

if on_windows; then
    skip 'bash completes names' 'pipes are not in a directory'
else
    listen here
    check 'bash completes names' is "$(complete_words weft send h)" here
fi
finish
