#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft usage and weft kill-tree: trees that weft has not started.
# shellcheck source=tests/tap.bash disable=SC1091,SC2016
. "$(dirname "$0")/tap.bash"

# weft COMMAND ARGUMENTS...: leaves the exit code in $code, output in out and
# out.err.
weft() {
    "$WEFT" "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

# ended CODE [OUTPUT]: as it should be.
ended() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    is "$code" "$1" && { [[ $# == 1 ]] || is "$(cat "$work/out")" "$2"; }
}

# refused CODE PATTERN: with nothing on standard output.
refused() {
    ended "$1" '' && says out.err "$2"
}

# family: starts a shell with three children, of which one has another. Leaves
# in $root its number; each holds the pipe that descriptor 7 reads.
family() {
    exec 7< <(exec sh -c 'echo $$
        sleep 1000 & sleep 1000 &
        sh -c "sleep 1000 & echo ready; wait" &
        wait')
    read -r root <&7
    read -r <&7
}

# gone: all of the family have ended, since nobody holds the pipe.
gone() {
    cat <&7 >/dev/null
    exec 7<&-
}

# json FILE PROGRAM: the program, in Python, checks rows.
json() {
    python3 -c "import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
$2" "$work/$1"
}

# ---------------------------------------------------------------- usage ---

family
weft usage "$root"
check 'usage tells of a tree' ended 0
check 'how many there are' grep -q '^  processes  *5$' "$work/out"
check 'with the metric of memory' grep -q '^  memory: PSS .*iB$' "$work/out"
check 'and the other one' grep -q '^  memory: RSS .*iB$' "$work/out"
check 'and its command' grep -q "^$root: sh -c" "$work/out"
weft usage --tree "$root"
check 'each process has a line' is "$(grep -c 'sleep 1000$' "$work/out")" 3
check 'below its parent' grep -q "^ *$root .*  sh -c" "$work/out"
check 'to the right of it' grep -q '      sleep 1000$' "$work/out"
weft usage --json --tree "$root"
check 'as JSON' json out '
assert [row["type"] for row in rows] == ["process"] * 5 + ["tree"], rows
tree = rows[-1]
assert tree["processes"] == 5 and tree["threads"] == 5, tree
assert tree["pid"] == rows[0]["pid"], rows
assert all(row["parent"] in [r["pid"] for r in rows] for row in rows[1:5]), rows
for key in "user_ns", "rss_bytes", "pss_bytes", "open_files", "threads":
    assert tree[key] == sum(row[key] for row in rows[:5]), key
assert tree["rss_peak_bytes"] == max(r["rss_peak_bytes"] for r in rows[:5])
assert tree["started_unix_ns"] > 1e18, tree'
weft usage --json "$root"
check 'the sum alone' is "$(wc -l <"$work/out")" 1
if [[ $(id -u) == 0 ]] && setpriv --reuid=65533 --clear-groups true 2>/dev/null
then
    chmod 711 "$work"
    # Whether the program can be reached from there is another matter.
    if setpriv --reuid=65533 --clear-groups "$WEFT" version >/dev/null 2>&1
    then
        setpriv --reuid=65533 --clear-groups "$WEFT" usage "$root" \
            >"$work/out" 2>"$work/out.err"
        check 'what a user may not see is said to be unknown' \
            grep -q '^  memory: PSS .* unknown: this user may not' "$work/out"
        check 'and what he may see is told' \
            grep -q '^  memory: RSS .*iB$' "$work/out"
        setpriv --reuid=65533 --clear-groups "$WEFT" kill-tree "$root" \
            >"$work/out" 2>"$work/out.err"
        code=$?
        check 'he ends nobody' refused 1 'another user'
    fi
fi

weft usage
check 'usage of nothing is wrong' refused 2 'too few'
weft usage nobody
check 'a name is no process' refused 2 "no process number"
weft usage "$root" 1
check 'one process at a time' refused 2 'one process at a time'
weft usage 0
check '0 is none' refused 2 'above 0'
weft usage 99999999
check 'nor is a number that nobody has' refused 1 'no such process'
weft usage -o "$work/to" "$root"
check '--output is for programs' refused 2 'for a program'
weft usage --all "$root"
check 'an unknown option' refused 2 'unknown option'

weft usage -- sh -c 'echo out; exit 7'
check 'a program is run, with its code' ended 7 out
check 'and its usage told' says out.err 'User time (seconds)'
check 'with the names of GNU time' says out.err 'Exit status: 7'
weft usage -o "$work/to" -- sh -c 'kill -SEGV $$'
check 'a signal is 128 and its number' is "$code" 139
check 'the usage is in a file' says to 'Elapsed (wall clock)'
weft usage --json -o "$work/to" -- true
check 'as JSON, too' json to 'assert rows[0]["exit_code"] == 0, rows'
weft usage -- "$work/nonesuch"
check 'no such program is 127' refused 127 'No such file'
weft usage --tree -- true
check '--tree is for one that runs' refused 125 'for a process that runs'
weft usage -o "$work/no/to" -- true
check 'a file that cannot be written is 125' refused 125 'cannot write'

# ------------------------------------------------------------ kill-tree ---

weft kill-tree -n "$root"
check 'a dry run lists the tree' is "$(grep -c 'sleep 1000$' "$work/out")" 3
check 'and ends nobody' kill -0 "$root"
weft kill-tree --json "$root"
check 'a tree is ended' ended 0
check 'whole' gone
check 'and that is told' json out '
row = rows[0]
assert row["found"] == 5 and row["ended"] == 5 and row["asked"] == 5, row
assert row["survivors"] == 0 and row["denied"] == 0 and row["complete"], row
assert not row["dry_run"] and row["killed"] == 0, row'
weft kill-tree "$root"
check 'it is ended once' refused 1 'no such process'

family
weft kill-tree --signal KILL "$root"
check 'at once' ended 0 '5 of 5 processes have ended'
check 'none is left' gone
family
weft kill-tree -q -g 0s "$root"
check 'quietly' ended 0 ''
check 'none is left of these' gone

exec 7< <(exec sh -c 'trap "" TERM; trap "echo int" INT; echo $$
    while :; do sleep 0.01; done')
read -r root <&7
weft kill-tree -g 100ms "$root"
check 'who ignores the request is killed' ended 0
exec 7<&-
exec 7< <(exec sh -c 'trap "echo usr1; exit" USR1; echo $$
    while :; do sleep 0.01; done')
read -r root <&7
weft kill-tree -s USR1 -g 20s "$root"
check 'another signal can be the request' ended 0
check 'to which it can answer' is "$(cat <&7)" usr1
exec 7<&-

for wrong in 0 1; do
    weft kill-tree $wrong
    check "wrong: $wrong" refused 2 "cannot end process $wrong"
done
weft kill-tree -- -5
check 'wrong: a negative number' refused 2 'cannot end process -5'
weft kill-tree $$
check 'wrong: who asks for it' refused 2 'comes from it'
weft kill-tree x
check 'wrong: a name' refused 2 'no process number'
weft kill-tree
check 'wrong: nobody' refused 2 'too few'
weft kill-tree 5 6
check 'wrong: two' refused 2 'unexpected'
for wrong in '-s NONE' '-s 0' '-s 999' '-g 5' '--grace x'; do
    # Two words each.
    # shellcheck disable=SC2086
    weft kill-tree $wrong 99999999
    check "wrong: $wrong" refused 2 "option '--"
done
weft kill-tree -s STOP 99999999
check 'a signal that ends nobody' refused 2 'asks no process to end'

finish
