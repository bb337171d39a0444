#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft echo and weft call as a user runs them.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# call ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
call() {
    "$WEFT" call --wait "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

answers() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    [[ $code == 0 ]] && cmp "$work/in" "$work/out"
}

failed() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    [[ $code == "$1" ]] && grep -q "$2" "$work/out.err"
}

# --------------------------------------------------------------- answers ---

"$WEFT" echo demo --count 6 --json 2>"$work/echo.err" &
server=$!
printf 'hello' >"$work/in"
call demo hello
check 'an operand is answered' answers
call demo <"$work/in"
check 'standard input is answered' answers
: >"$work/in"
call demo <"$work/in"
check 'nothing is answered' answers
head -c 3000001 /dev/urandom >"$work/in"
call demo <"$work/in"
check '3 MB are answered' answers
call --one-way demo gone
check 'a message that wants no answer gets none' is "$code$(cat "$work/out")" 0
printf 'ä\n' >"$work/in"
for mode in spin block; do
    call --wait-mode "$mode" demo <"$work/in"
    check "wait mode $mode" answers
done
wait "$server"
check 'weft echo ends after its calls' is $? 0
check 'and has counted them' grep -q '"messages":6,' "$work/echo.err"

# -------------------------------------------------------------- failures ---

"$WEFT" call demo hello >"$work/out" 2>"$work/out.err"
code=$?
check 'a service that is not there is missed' failed 1 "nobody listens at 'demo'"
call --timeout 50ms demo hello
check 'nor does one that never comes keep the caller' failed 124 'timed out'
"$WEFT" recv demo >/dev/null &
receiver=$!
call demo hello
check 'a receiver is no service' failed 1 'find a service'
printf 'x' | "$WEFT" send --wait demo
wait "$receiver"

"$WEFT" echo demo 2>"$work/echo.err" &
server=$!
call demo one
check 'one answer' is "$(cat "$work/out")" one
"$WEFT" echo demo >"$work/out" 2>"$work/out.err"
code=$?
check 'a name is taken once' failed 1 'in use'
printf 'x' | "$WEFT" send demo >"$work/out" 2>"$work/out.err"
code=$?
check 'a service is no receiver' failed 1 'find a channel'
if ! on_windows; then
    kill -TERM "$server"
    wait "$server"
    check 'a signal ends weft echo' is $? 143
    check 'and its name is gone' is "$(find "$WEFT_RUNTIME_DIR" -type s)" ''
fi

finish
