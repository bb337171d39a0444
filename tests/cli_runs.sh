#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The history of runs: what is recorded, how it is told, and that nothing which
# is wrong with its file changes a run.
# shellcheck source=tests/tap.bash disable=SC1091,SC2016
. "$(dirname "$0")/tap.bash"

export HOME=$work/home XDG_STATE_HOME='' WEFT_HISTORY='' WEFT_RECORD=''
usual=$HOME/.local/state/weft/history.db
mkdir "$HOME"

# weft ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
weft() {
    "$WEFT" "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

# ended CODE [OUTPUT]: as it should be.
ended() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    is "$code" "$1" && { [[ $# == 1 ]] || is "$(cat "$work/out")" "$2"; }
}

# warned CODE TEXT: the code of a run, and one warning.
warned() {
    ended "$1" && is "$(wc -l <"$work/out.err")" 1 &&
        says out.err 'weft: the run is not recorded: ' && says out.err "$2"
}

# sql FILE STATEMENT...: by another program than weft.
sql() {
    python3 -c 'import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    for row in file.execute(statement):
        print(*row)' "$@"
}

# count [OPTION...]: of the runs.
count() {
    "$WEFT" runs --limit 0 --json "$@" | wc -l
}

# holds FILE PYTHON: the rows of JSON in it are as the text says.
holds() {
    python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
'"$2" "$work/$1"
}

for words in 'run' 'runs' 'runs show' 'runs stats' 'runs suggest' 'runs prune'; do
    # Words.
    # shellcheck disable=SC2086
    weft $words --help
    check "weft $words --help fits" is "$(grep -c '.\{80\}' "$work/out")" 0
    while read -r option; do
        check "  and the manual has $option" grep -q -F -e "$option" <(
            sed 's/\\//g' "$source_dir/man/weft-${words%% *}.1"
        )
    done < <(grep -o -E -e '--[a-z][a-z-]*' "$work/out" | sort -u)
done

weft runs
if says out.err 'without SQLite'; then
    check 'a build without SQLite says so' ended 1 ''
    for command in 'runs stats' 'runs show 1' 'runs prune --keep 1' \
        'runs suggest x'; do
        # Words.
        # shellcheck disable=SC2086
        weft $command
        check "also to $command" ended 1 ''
    done
    weft run --record touch "$work/was-run"
    check 'and refuses to record' ended 125 ''
    check '  and says why' says out.err 'without SQLite'
    check '  and runs nothing' [ ! -e "$work/was-run" ]
    if on_windows; then
        skip 'a wish in the environment stops no run' 'programs are not run yet'
    else
        WEFT_RECORD=all weft run sh -c 'exit 4'
        check 'a wish in the environment stops no run' warned 4 'without SQLite'
    fi
    finish
fi
check 'no history is no error' ended 0 ''
check 'and is told' says out.err 'no run is recorded'
weft runs stats --json
check 'in JSON it is silence' ended 0 ''
weft runs show last
check 'but there is no run to show' ended 1 ''
check 'looking makes no file' [ ! -e "$HOME/.local" ]

# ------------------------------------------------------------- recording ---

weft run true
check 'nothing is recorded' [ ! -e "$HOME/.local" ]
cd "$work" || exit 1
weft run --record --label one --label 'two words' -m 90M -n 100 -- \
    sh -c 'echo out; exit 3' $'a\e[31m' $'\xff' ''
check 'unless somebody asks; the code is the program'"'"'s' ended 3 out
check 'the file is this user'"'"'s alone' is \
    "$(stat -c %a "$usual" "$HOME/.local/state/weft" | tr '\n' ' ')" '600 700 '
weft runs show 1 --json
check 'all of it is kept' holds out 'run = rows[-1]
assert run["type"] == "run" and run["id"] == 1, run
assert run["command"] == "sh", run
assert run["arguments"] == ["-c", "echo out; exit 3", "a\x1b[31m", "\ufffd", ""]
assert not run["arguments_cut"], run
assert run["labels"] == ["one", "two words"], run
assert run["reason"] == "exited" and run["exit_code"] == 3, run
assert run["exit_status"] == 3 and run.get("survivors", 0) == 0, run
assert run["wall_ns"] > 0 and run["memory_metric"], run
assert "exit code 3" in run["evidence"], run
limits = {row["name"]: row for row in rows[:-1]}
assert limits["memory"]["requested"] == 90 << 20, rows
assert limits["files"]["level"] == "kernel_process", rows'
check 'with the directory' says out "\"directory\":\"$work\""
weft runs show last
check 'and told to people' says out 'two words'
check '  without what could play tricks' says out 'a?[31m ?'
check '  and with its limits' grep -q 'memory .* 90.0 MiB' "$work/out"
weft run --record -q -w 50ms sleep 1000
check 'a limit is recorded' ended 124
weft run --record -C / "$work/nonesuch"
check 'so is what could not be started' ended 127
weft run --record -- sh -c 'kill -SEGV $$'
check 'and a signal' ended 139
weft runs
check 'the list has the newest first' is \
    "$(awk 'NR > 1 { print $1, $4 }' "$work/out" | tr '\n' ';')" \
    '4 signal;3 refused;2 wall;1 exit;'
check '  and no control characters' is "$(tr -d '\n -~' <"$work/out")" ''
weft run --record --sandbox basic sh -c ':'
check 'what is in a sandbox is recorded outside' ended 0 ''

WEFT_RECORD='command' weft run echo secret
WEFT_RECORD=all weft run --no-record true
WEFT_RECORD=none weft run true
weft runs --json -n 1
check 'arguments can be left out' holds out \
    'assert rows[0]["command"] == "echo" and "arguments" not in rows[0], rows'
check '  of the file, too' is \
    "$(cat "$usual" "$usual-wal" | grep -c -a secret)" 0
weft run --record-command echo secret
check 'also by an option' ended 0 secret
check 'these are all' is "$(count)" 7
WEFT_RECORD=maybe weft run touch "$work/was-run"
check 'a wrong wish is refused' ended 125 ''
for wrong in '--label x' '--history f --no-record' '--record --no-record' \
    '--record --label='; do
    # Words.
    # shellcheck disable=SC2086
    weft run $wrong touch "$work/was-run"
    check "wrong: $wrong" ended 125 ''
done
check 'none of these ran' [ ! -e "$work/was-run" ]
weft run --history named :
weft run --history ./:memory: true
weft run --history :memory: true
check 'another file can be named' is \
    "$(count --history named) $(count --history :memory:)" '1 2'
check 'which leaves the usual one alone' is "$(count)" 7
export WEFT_HISTORY=$work/h/history.db
weft run --record true
check 'no folder is made for a file that is named' warned 0 'No such file'
mkdir h
weft run --record true
check 'the environment can name it, too' is "$(count)" 1
XDG_STATE_HOME=$work/state WEFT_HISTORY='' weft run --record true
check 'the usual place moves with $XDG_STATE_HOME' \
    [ -s "$work/state/weft/history.db" ]

# --------------------------------------------------------------- looking ---

weft run --record "'; DROP TABLE run; --" x
weft run --record --label L /bin/sh -c 'exit 2'
check 'a pattern is for the path' is "$(count --command '/bin/*')" 1
check 'or for the file name' is "$(count -c sh)" 1
check 'and nothing else' is "$(count -c "' OR 1 --")" 0
check 'a hostile name is a name' is "$(count -c "*DROP*")" 1
check 'failures can be listed' is "$(count --failed)" 2
check 'and reasons' is "$(count -r refused) $(count -r exited)" '1 2'
check 'and labels' is "$(count --label L) $(count --label l)" '1 0'
check 'and what is recent' is "$(count --since 1w) $(count --since 1ns)" '3 0'
for wrong in '--since 5' '--since 0d' '--since d' '--since 99999999999999w' \
    '-n x' 'nonsense' 'show' 'show 0' 'show x' 'show 1x' \
    'show 99999999999999999999' 'prune' 'prune --older 0s' 'suggest' \
    'list extra' 'stats extra'; do
    # Words.
    # shellcheck disable=SC2086
    weft runs $wrong
    check "wrong: runs $wrong" ended 2 ''
done
weft runs show 4711
check 'there may be no such run' ended 1 ''
check '  which is said' says out.err 'there is no run 4711'
weft runs stats
check 'figures of few runs' grep -q '^3 runs, 1 of them succeeded' "$work/out"
check '  claim no more than they know' grep -q -E '^wall +2 .* - +- .* -$' \
    "$work/out"
weft runs stats --json
check '  in JSON, too' holds out 'stats = rows[0]
assert stats["runs"] == 3 and stats["succeeded"] == 1, rows
assert "wall_p50_ns" in stats and "wall_p90_ns" not in stats, rows
assert "wall_trend" not in stats, rows
assert {row["reason"]: row["runs"] for row in rows[1:]} == \
    {"exited": 2, "refused": 1}, rows'
weft runs suggest true
check 'nor do suggestions' ended 1 ''
check '  which say so' says out.err 'too few: 1 of'

# What many runs say, of figures that are known.
sql h/history.db 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1
    FROM n WHERE i < 200) INSERT INTO run (started_ns, command, name,
    argument_state, exit_code, reason, leader_exit, memory_metric,
    memory_peak_bytes, wall_ns, cpu_ns) SELECT 1000000000 * i, "/bin/many",
    "many", 0, 0, "exited", 0, "m", 1048576 * i, 1000000000 * i, 5 FROM n'
weft runs stats -c many --json
check 'many runs tell more' holds out 'stats = rows[0]
second = 1000000000
assert stats["wall_p50_ns"] == 100 * second, stats
assert stats["wall_p90_ns"] == 180 * second, stats
assert stats["wall_p99_ns"] == 198 * second, stats
assert stats["wall_max_ns"] == 200 * second, stats
assert stats["wall_trend"] == "rising", stats
assert stats["cpu_trend"] == "none", stats'
weft runs suggest many
check 'also which limits would do' ended 0 '--mem 297M --cpu 1s --wall 396s'
weft runs suggest many --json
check '  and what they rest on' says out '"basis":"p99"'

# --------------------------------------------------------------- pruning ---

weft runs prune --older 3650d
check 'old runs are pruned' ended 0 '200 runs removed'
check '  and no others' is "$(count)" 3
weft runs prune --keep 1 --json
check 'all but some are' ended 0 '{"type":"pruned","removed":2}'
check '  the newest stays' is "$(count --label L)" 1
sql h/history.db 'UPDATE sqlite_sequence SET seq = 10000 + (SELECT max(id) - 1
    FROM run) WHERE name = "run"'
weft run --record true
check 'of itself the history keeps 10000' is "$(count) $(count --label L)" '1 0'
check 'what goes takes all that is its own' is \
    "$(sql h/history.db 'SELECT count(*) FROM label')" 0
weft runs prune --keep 0
check 'nothing may be left' ended 0 '1 runs removed'
check '  in the log, either' [ ! -s h/history.db-wal ]

# --------------------------------------------------------- many at a time ---

recorded=0
for ((round = 0; round < 6; round++)); do
    rm -f h/*
    for ((i = 0; i < 8; i++)); do
        "$WEFT" run --record sh -c 'exit 3' 2>"$work/many$round$i.err" &
    done
    wait
    recorded=$((recorded + $(count)))
done
check 'eight at a time are all recorded' is $recorded 48
check '  from the first one on, without a word' is \
    "$(cat "$work"/many*.err)" ''
check '  and are whole' is "$(sql h/history.db 'PRAGMA integrity_check')" ok
for ((i = 0; i < 20; i++)); do
    "$WEFT" run --record true &
    kill -KILL $! 2>/dev/null
    "$WEFT" run --record true &
    { wait $!; } 2>/dev/null
done
wait
check 'so it is after some were killed' is \
    "$(sql h/history.db 'PRAGMA integrity_check')" ok
check '  and others were not disturbed' [ "$(count -c true)" -ge 20 ]

mkfifo held go
python3 -c 'import sqlite3
file = sqlite3.connect("h/history.db", isolation_level=None)
file.execute("BEGIN IMMEDIATE")
open("held", "w").close()
open("go").read()' &
cat held
weft run --record sh -c 'exit 5'
check 'one that is locked for ever is given up' warned 5 'all the time'
weft runs -n 1
check '  and read all the same' ended 0
: >go
wait

# ----------------------------------------------------- what may be wrong ---

# broken NAME CODE TEXT: a run with the history h/NAME warns.
broken() {
    weft run --history "h/$1" sh -c "exit $2"
    check "$1: a run warns, and goes on" warned "$2" "$3"
    weft runs --history "h/$1"
    check "$1: the list fails" ended 1 ''
}

sql h/history.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
printf 'something else' >h/garbage
broken garbage 6 'not a database'
head -c 5000 h/history.db >h/cut
broken cut 7 'malformed'
cp h/history.db h/scribbled
for page in 1 2 3; do
    head -c 3000 /dev/urandom | dd of=h/scribbled bs=1 seek=$((page * 4096)) \
        conv=notrunc status=none
done
broken scribbled 8 ''
sql h/foreign 'CREATE TABLE mine (x)'
chmod 600 h/foreign
broken foreign 1 "no history of weft"
check '  another program'"'"'s file stays as it is' is \
    "$(sql h/foreign 'SELECT count(*) FROM sqlite_schema')" 1
cp h/history.db h/newer
sql h/newer 'PRAGMA user_version = 99'
broken newer 2 'newer version'
cp h/history.db h/open
chmod 666 h/open
broken open 3 'others may write'
mkdir h/folder
broken folder 4 'no file'
ln -s nowhere h/link
weft run --history h/link true
check 'a link that leads nowhere is not followed' warned 0 ''
check '  to make a file' [ ! -e h/nowhere ]

if [[ $(id -u) == 0 ]] && unshare -m true 2>/dev/null; then
    # A disk that is full after so many KiB: each write fails once.
    mkdir disk
    room=0 whole=0 complaints=0
    for ((kib = 4; kib <= 180; kib += 16)); do
        unshare -m sh -c 'mount -t tmpfs -o size=$1k tmpfs disk &&
            "$0" run --history disk/h.db sh -c "exit 9" 2>disk.err
            echo $? >disk.code
            mount -o remount,size=4M disk
            "$0" run --history disk/h.db sh -c "exit 9" 2>disk.again
            "$0" runs --history disk/h.db --json >disk.out' "$WEFT" $kib
        [[ $(cat disk.code) != 9 ]] || room=$((room + 1))
        [[ ! -s disk.err ]] || complaints=$((complaints + 1))
        [[ -s disk.again || $(wc -l <disk.out) != $((1 + $([[ -s disk.err ]];
            echo $?))) ]] || whole=$((whole + 1))
    done
    printf '# %s of 12 complained: %s\n' $complaints "$(cat disk.err)"
    check 'a full disk changes no exit code' is $room 12
    check '  is told' [ $complaints -gt 0 ]
    check '  and does no harm' is $whole 12
    unshare -m sh -c 'mount -t tmpfs tmpfs disk && cp h/history.db disk/h.db &&
        mount -o remount,ro disk && "$0" run --history disk/h.db sh -c "exit 9"
        echo $? >disk.code' "$WEFT" 2>"$work/out.err"
    code=$(cat disk.code)
    check 'a disk that can only be read is told' warned 9 ''
else
    skip 'a full disk' 'needs root'
fi

as_user() {
    setpriv --reuid=65533 --regid=65533 --clear-groups "$@"
}
chmod 755 "$work"
if [[ $(id -u) == 0 ]] && as_user "$WEFT" version >/dev/null 2>&1; then
    chmod 777 h
    as_user "$WEFT" run --history h/history.db sh -c 'exit 2' \
        >"$work/out" 2>"$work/out.err"
    code=$?
    check 'the file of another user is left alone' warned 2 ''
    WEFT_HISTORY='' as_user "$WEFT" run --record true 2>"$work/out.err"
    code=$?
    check 'so is the home of one' warned 0 ''
    as_user env -u HOME WEFT_HISTORY= "$WEFT" run --record true \
        2>"$work/out.err"
    code=$?
    check 'who has no home is told so' warned 0 'no home directory'
    mkdir theirs
    chown 65533 theirs
    HOME=$work/theirs WEFT_HISTORY='' as_user "$WEFT" run --record true \
        2>"$work/out.err"
    check 'and who has one has a history' \
        [ -s theirs/.local/state/weft/history.db ]
    HOME=$work/theirs WEFT_HISTORY='' weft run --record true
    check 'to which root adds nothing' warned 0 'another user'
else
    skip 'other users' 'needs root'
fi
finish
