#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft ls and weft stat as a user runs them.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

says() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out" "$work/out.err")"
    grep -q -e "$1" "$work/out"
}

failed() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    [[ $code == "$1" ]] && grep -q -e "$2" "$work/out.err"
}

# ----------------------------------------------------------------- stat ---

"$WEFT" echo demo &
server=$!
"$WEFT" call --wait demo hello >/dev/null
run stat demo
# The launcher's number is not that of the program for Windows.
on_windows && server_shown='[0-9]*' || server_shown=$server
check 'weft stat prints a service' \
    says "^demo: service of process $server_shown (weft"
check '  with success' is "$code" 0
check '  and its calls' says '^  received  *1$'
run stat demo --json
check 'weft stat --json is one object' is "$(wc -l <"$work/out" | tr -d ' ')" 1
check '  with units' says '"received":1,"received_bytes":5,'
check '  without rates' test -z "$(grep per_s "$work/out")"
run stat demo --watch --interval 10ms --count 3
check 'weft stat --watch prints a header and lines' \
    is "$(wc -l <"$work/out" | tr -d ' ')" 4
run stat demo -w -i 10ms -n 2 --json
check '  or objects' is "$(grep -c '"sent_per_s":' "$work/out")" 2

run ls
check 'weft ls lists it' says '^demo  *service  *[0-9]'
run stat nobody
check 'a name that nobody has' failed 1 "nobody listens at 'nobody'"
run stat 'a b'
check 'what is no name' failed 1 "cannot inspect 'a b'"
run stat
check 'stat needs a name' is "$code" 2
run stat a b
check 'and no more than one' is "$code" 2
run stat demo --interval 5
check 'an interval has a unit' is "$code" 2
run ls demo
check 'ls takes no name' is "$code" 2
run ls --interval 1ms
check 'and an interval that can be measured' is "$code" 2

# ------------------------------------------------------------------ ends ---

"$WEFT" echo ending --count 1 &
ending=$!
"$WEFT" stat demo -w -i 20ms >"$work/dead" 2>"$work/dead.err" &
watcher=$!
for _ in $(seq 200); do
    run stat ending
    [[ $code == 0 ]] && break
done
"$WEFT" stat ending -w -i 20ms >"$work/ended" 2>"$work/ended.err" &
closer=$!
while [[ ! -s $work/ended || ! -s $work/dead ]]; do
    sleep 0.01 # the two write when they have measured
done
"$WEFT" call ending hello >/dev/null
wait "$ending"
wait "$closer"
check 'the end of an endpoint ends weft stat --watch' is $? 0
check '  which says so' grep -q "'ending' was closed" "$work/ended.err"

# There the launcher would be killed, and not the program.
if on_windows; then
    kill "$server" "$watcher" 2>/dev/null
    wait 2>/dev/null
    finish
fi

kill -KILL "$server"
wait "$watcher"
check 'its death does, too' is $? 1
check '  and is told apart' \
    grep -q "the process of 'demo' has ended without" "$work/dead.err"
wait "$server" 2>/dev/null

# -------------------------------------------------------------------- ls ---

run ls
check 'weft ls succeeds' is "$code" 0
check 'what the dead left is not listed' \
    is "$(wc -l <"$work/out" | tr -d ' ')" 1
"$WEFT" echo first &
first=$!
"$WEFT" echo second &
second=$!
"$WEFT" call --wait first hello >/dev/null
"$WEFT" call --wait second hello >/dev/null
run ls
check 'weft ls lists a service' says "^first  *service  *$first "
check 'and the other one' says "^second  *service  *$second "
run ls --json --interval 50ms
check 'weft ls --json' says \
    "^{\"name\":\"first\",\"kind\":\"service\",\"pid\":$first,"
check '  with rates' is "$(grep -c '"received_per_s":' "$work/out")" 2
kill -STOP "$first"
run ls
check 'one that is stopped is listed with its process' says \
    "^first  *unknown  *$first .*does not answer"
check 'and keeps nobody from the others' says '^second  *service '
run ls --json
check '  in JSON too' says '"answers":false,"problem":"does not answer"}'
run stat first --timeout 50ms
check 'weft stat does not wait for it' failed 124 "'first' does not answer"
kill -CONT "$first"
kill "$first" "$second"
wait 2>/dev/null
finish
