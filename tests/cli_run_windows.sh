#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft run as a user of Windows runs it: exit codes, limits that end a tree,
# reports. The program is the test process_basics, which is in the build.
# shellcheck source=tests/tap.bash disable=SC1003,SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# A copy, so that its processes can be told from those of other tests.
program=$work/program-$$.exe
cp "$bin_dir/../../tests/test_process_basics.exe" "$program"

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" run "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

# ended CODE [OUTPUT]: as it should be.
ended() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    is "$code" "$1" && { [[ $# == 1 ]] || is "$(cat "$work/out")" "$2"; }
}

# refused CODE PATTERN: nothing was run, and it was said why.
refused() {
    ended "$1" '' && says out.err "$2"
}

# left: how many command lines name the program; weft's own is one.
left() {
    cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' |
        grep -c -e "^[^ ]*program-$$.exe"
}

# ----------------------------------------------------------- exit codes ---

run -- "$program" --exit 7
check 'the code is the program'"'"'s' ended 7 ''
run "$work/nonesuch"
check 'no such program is 127' refused 127 'cannot execute it'
touch "$work/file.txt" "$work/file.bat"
run "$work/file.txt"
check 'one that cannot be executed is 126' refused 126 'cannot execute it'
run "$work/file.bat"
check 'so is a batch file' refused 126 'cmd.exe'
run "$program" --arguments -w 'two words' 'a"b' 'end\'
check 'options behind the program are its own' \
    ended 0 "$(printf '%s\n' -w 'two words' 'a"b' 'end\')"
run
check 'no program is 125' refused 125 'which program'

# --------------------------------------------------------------- limits ---

run -w 200ms "$program" --spawn 1
check 'the wall limit ends it with 124' ended 124
check 'and says so' says out.err 'ended by the wall limit'
run -q -t 100ms "$program" --burn
check 'so does that of CPU time' ended 124 ''
run -m 64M "$program" --eat
check 'that of memory with 123' ended 123
run -p 4 "$program" --spawn 12
check 'and more processes than allowed do not stay' [ "$code" -gt 0 ]
run --out 25 "$program" --say 100
check 'output passes to the byte' ended 123 0123456789012345678901234
run --files 20 "$program" --exit 0
check 'what Windows does not have is refused' refused 125 'enforce files'
run --try files --files 20 "$program" --exit 0
check 'unless it is tried only' ended 0

# ---------------------------------------------------------- environment ---

VISIBLE=yes run --env 'NEW=a b' "$program" --variables VISIBLE NEW
check 'the environment is passed on, and added to' \
    ended 0 "$(printf 'yes\na b')"
VISIBLE=yes OTHER=no run --clear-env --env VISIBLE \
    "$program" --variables VISIBLE OTHER
check 'or it is empty but for what is named' ended 0 "$(printf 'yes\n-')"
run -C "$work/nowhere" "$program" --exit 0
check 'a directory that is not there is refused' refused 125 'working directory'

# -------------------------------------------------------------- reports ---

run --json "$work/json" -w 100ms "$program" --sleep
check 'the result is JSON' python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
limits = {row["name"]: row for row in rows if row["type"] == "enforcement"}
assert limits["wall"]["requested"] == 100000000, rows
assert limits["tree_kill"]["level"] == "kernel_tree", rows
last = rows[-1]
assert last["reason"] == "wall" and last["killed"], rows
assert last["signal"] == 9 and last["survivors"] == 0, rows
assert "limit reached" in last["evidence"], rows' "$work/json"
run -v -t 5s "$program" --exit 0
check 'usage as GNU time has it' says out.err 'Elapsed (wall clock) time'
run --check
check 'what can be enforced is told' grep -q 'wall .*monitored' "$work/out"
check 'and what cannot' grep -q 'network .*unsupported .*AppCont' "$work/out"
run --explain -w 5s
check 'and so is a plan' grep -q 'wall .* 5 s' "$work/out"

# ----------------------------------------------------------------- ends ---

"$WEFT" run "$program" --spawn 1 >"$work/out" 2>"$work/out.err" &
pid=$!
until [[ $(cat "$work/out") == started ]]; do :; done
check 'the tree runs' [ "$(left)" -ge 3 ]
kill -KILL $pid
wait $pid 2>/dev/null
for ((i = 0; i < 500; i++)); do
    [[ $(left) != 0 ]] || break
    sleep 0.01
done
check 'who kills weft run ends the tree' is "$(left)" 0

finish
