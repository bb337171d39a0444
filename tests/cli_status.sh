#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft status as a user runs it: alone, with names in use, and with whatever
# answers where the daemon would.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" status "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

matches() {
    grep -q -E -e "$1" "$work/out"
}

# answers SCRIPT: what is at the daemon's name says this, once it is there.
answers() {
    printf '%s\n' "$1" >"$work/answer"
    "$WEFT" serve weft.memory -- sh -c \
        "while read -r line; do cat '$work/answer'; done" \
        >/dev/null 2>"$work/serve.err" &
    server=$!
    printf '' | "$WEFT" call weft.memory --await -t 20s -q >/dev/null 2>&1
}

leaves() {
    kill "$server"
    wait "$server"
} 2>/dev/null

run
check 'weft status' is "$code" 0
check 'tells the system' matches '^system +[^ ]'
check 'and its CPUs' matches '^cpus +[0-9]+'
check 'and its memory' matches '^memory +[^ ]'
check 'and that no daemon runs' matches '^daemon +not running$'
check 'and that no name is in use' matches '^names +0 in use$'
run --json
check '--json has four kinds at most' is \
    "$(grep -c -E '^\{"kind":"(system|memory|daemon)".*\}$' "$work/out")" 3
check 'and an answer that is missing' matches \
    '"kind":"daemon","answers":false,"problem":"not running"'

listen box
run
check 'a name is listed' matches '^  box +listener'
run --json
check 'in JSON too' matches '"name":"box","kind":"listener"'

answers '{"state":"watch","reason":"12 % \"left\""}'
run
check 'what the daemon says' matches '^daemon +watch: 12 % "left"$'
run --json
check 'in JSON' matches \
    '"answers":true,"state":"watch","reason":"12 % \\"left\\""'
leaves
answers $'{"state":"a\e[2Jb"}'
run
check 'it can not play tricks on the terminal' matches '^daemon +a\?\[2Jb$'
leaves
answers '{"state":"unfinished'
run
check 'nonsense is none of its states' matches \
    '^daemon +answers in another way$'
check 'and no failure' is "$code" 0
leaves
finish
