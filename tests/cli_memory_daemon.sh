#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The memory daemon: that it begins and ends in order, is alone, publishes
# changes, reads its config again, goes on without a history, and is right about how scarce memory
# is.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

export HOME=$work/home XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
mkdir -p "$HOME" "$XDG_CONFIG_HOME/weft"
mkfifo "$work/input"
config=$XDG_CONFIG_HOME/weft/memory.conf
usual=$XDG_STATE_HOME/weft/memory.db

# await FILE EXPRESSION: until a line of the file matches, or 20 s.
await() {
    local i
    for ((i = 0; i < 200; i++)); do
        grep -q -E -e "$2" "$work/$1" 2>/dev/null && return
        sleep 0.1
    done
    sed "s/^/# $1: /" "$work/$1"
    return 1
}

# start [ARGUMENT...]: a daemon, whose number is $daemon, that has begun.
start() {
    rm -f "$work/log" "$work/log.err"
    "$WEFT" memory daemon --dry-run "$@" >"$work/log" 2>"$work/log.err" \
        </dev/null &
    daemon=$!
    await log 'started'
}

# stop: ends it; its exit code is $code.
stop() {
    kill -TERM "$daemon"
    wait "$daemon"
    code=$?
}

# ask REQUEST: the answer is in out.
ask() {
    "$WEFT" call --timeout 20s weft.memory "$1" >"$work/out" 2>"$work/out.err"
    code=$?
}

# sql FILE STATEMENT...: by another program than weft.
sql() {
    python3 -c 'import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    for row in file.execute(statement):
        print(*row)' "$@"
}

# parses: each line of out is JSON.
parses() {
    python3 -c 'import json, sys
[json.loads(line) for line in sys.stdin]' <"$work/out"
}

has_history() {
    ! says log.err 'without SQLite'
}

# ------------------------------------------------------------- life cycle ---

check 'it begins' start
check '  and says that it touches nothing' says log 'as a dry run'
ask status
check 'it is asked for its state' is "$code" 0
check '  and answers in JSON' parses
check '  with a state' grep -q '"state":"[a-z]*"' "$work/out"
"$WEFT" memory status >"$work/out"
check 'weft memory status tells that it runs' \
    grep -q -E '^daemon +[a-z]+  \(running, as a dry run\)$' "$work/out"
"$WEFT" memory status --json >"$work/out"
check '  in JSON, too' grep -q '"daemon_state":"[a-z]*"' "$work/out"
"$WEFT" memory daemon --dry-run >"$work/out" 2>"$work/out.err"
check 'a second one ends' is "$?" 1
check '  and says why' says out.err 'runs already'
ask nonsense
check 'another request is refused' is "$code" 1
ask "$(printf 'x%.0s' {1..5000})"
check 'a long one too' is "$code" 1
ask 'pause x'
check 'and a pause of no duration' is "$code" 1
ask 'pause 10m'
check 'it is paused' is "$code" 0
ask status
check '  and says so' says out '"paused_ns":'
ask resume
ask status
check '  and goes on' is "$(grep -c paused_ns "$work/out")" 0
stop
check 'it ends in order' is "$code" 0
check '  and says so' says log 'ended'
"$WEFT" memory status --json >"$work/out"
check 'then nobody has a daemon' is "$(grep -c daemon_state "$work/out")" 0

# ------------------------------------------------------------------ topic ---

topic=weft.memory.pressure
"$WEFT" sub --wait --count 1 --quiet "$topic" >"$work/news" 2>"$work/news.err" \
    </dev/null &
subscriber=$!
start --set policy.watch-available=100
wait "$subscriber"
check 'who listens hears that the state has changed' grep -q \
    '^{"event":"state",.*"from":"calm","state":"watch",.*}$' "$work/news"
"$WEFT" sub --history --count 1 --quiet "$topic" >"$work/out" \
    2>"$work/out.err" </dev/null
check '  and who comes late is told, if he asks' cmp -s "$work/news" "$work/out"
check '  in JSON' parses
stop
"$WEFT" pub --quiet "$topic" <"$work/input" >"$work/out" 2>"$work/out.err" &
publisher=$!
exec 9>"$work/input"
await_topic() {
    local i
    for ((i = 0; i < 200; i++)); do
        "$WEFT" ls 2>/dev/null | grep -q "$topic" && return
        sleep 0.1
    done
    return 1
}
check 'another has the topic' await_topic
start
check 'a topic that can not be had is said' says log \
    "nothing is published at '$topic'"
stop
check '  and stops nothing' is "$code" 0
exec 9>&-
wait "$publisher"

# ----------------------------------------------------------------- config ---

printf '[daemon]\nsettle = 1s\n' >"$config"
start
printf '[daemon]\nsettle = x\n' >"$config"
kill -HUP "$daemon"
check 'a config that is wrong changes nothing' await log \
    "the config is wrong, and the old one stays: line 2: settle: 'x'"
ask reload
check '  and who asks for it is told' is "$code" 1
printf '[daemon]\nsettle = 3s\n' >"$config"
kill -HUP "$daemon"
check 'one that is right is taken in' await log 'the config was read again'
stop
check 'after all that it ends in order' is "$code" 0
rm "$config"

# -------------------------------------------------------- why and suggest ---

# why WHAT...: the output is in out.
why() {
    "$WEFT" memory why "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

why 1
check 'process 1 is left alone' says out 'is left alone: the first process'
why $$ --json
check 'JSON of a process' parses
check '  has its number' says out "\"pid\":$$,"
why no-such-program
check 'that no process is meant is an error' is "$code" 1
check '  and said' says out.err "no process is 'no-such-program'"
printf '[rules]\navoid name=bash\n' >"$config"
sleep 600 &
why $!
check 'without a rule a process may be touched' says out 'may be touched'
printf '[rules]\n\nnever name=sleep\n' >"$config"
why $!
check 'with one it is left alone' says out 'is left alone: '
check '  by that line' grep -q -E 'line 3' "$work/out"
kill %sleep
rm "$config"

if has_history && command -v python3 >/dev/null; then
    sql "$usual" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM
        n WHERE i < 6) INSERT INTO event (time_ns, kind, was, state, verb, dry,
        pid, name, exe, bytes, after_ns, outcome, reason, kept_60s_bytes)
        SELECT i, 'verdict', 2, 2, 3, 0, 7, 'bad', '/opt/bad', 4096,
        60000000000, 3, '', -4096 FROM n" \
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM
        n WHERE i < 4) INSERT INTO event (time_ns, kind, was, state, verb, dry,
        pid, name, exe, bytes, after_ns, outcome, reason, kept_60s_bytes)
        SELECT i, 'verdict', 2, 2, 3, 0, 7, 'few', '/opt/few', 4096,
        60000000000, 3, '', -4096 FROM n" \
        "INSERT INTO app VALUES ('/opt/bad', 1, 0, x'00ff')"
    "$WEFT" memory suggest >"$work/out" 2>"$work/out.err"
    check 'what has hurt is to be left alone' says out \
        "add 'avoid exe=\"/opt/bad\"' to [rules]"
    check '  with the evidence' says out \
        'of 6 times 0 helped and 6 hurt; 0 B kept'
    check 'of what was tried too rarely nothing is said' is \
        "$(grep -c /opt/few "$work/out")" 0
    "$WEFT" memory suggest --json >"$work/out" 2>"$work/out.err"
    check '  in JSON, too' parses
    why /opt/bad
    check 'what was learnt and can not be is left out' is "$code" 1
fi

# ---------------------------------------------------------------- history ---

if has_history; then
    "$WEFT" memory suggest >"$work/out" 2>"$work/out.err"
    check 'weft memory suggest' is "$?" 0
    if command -v python3 >/dev/null; then
        check 'events are kept' is \
            "$(sql "$usual" "SELECT count(*) > 5 FROM event WHERE kind = 'note'")" 1
        check '  in a file of our own' is "$(stat -c %a "$usual")" 600
        sql "$usual" 'PRAGMA user_version = 99'
        start
        check 'a history from the future is left alone' says log.err \
            'a newer version of weft'
        ask status
        check '  and the daemon runs' is "$code" 0
        check '  and says that it has none' says out '"history":false'
        stop
        check '  to its end' is "$code" 0
        check '  and the file is as it was' is \
            "$(sql "$usual" 'PRAGMA user_version')" 99
        printf 'this is no database, and is longer than a header of one is: %s' \
            "$(printf 'x%.0s' {1..200})" >"$usual"
        rm -f "$usual"-*
        start
        check 'nor does noise in its place stop it' says log.err 'is not kept'
        stop
        check '  to the end' is "$code" 0
    fi
    rm -f "$usual"*
    start --set history.enabled=no
    stop
    check 'a history that nobody wants is not made' [ ! -e "$usual" ]
    rm -f "$work/log.err"
    (
        # A file can't be longer than this: a disk that is full.
        ulimit -f 8
        exec "$WEFT" memory daemon --dry-run >"$work/pipe" 2>"$work/log.err"
    ) &
    daemon=$!
    check 'on a full disk it goes on' await log.err 'the history is not kept'
    ask status
    check '  and answers' is "$code" 0
    check '  and says what is wrong' says out '"history_problem":"'
    stop
    check '  and ends in order' is "$code" 0
fi
if [[ -w /dev/full ]]; then
    rm -f "$work/log.err"
    "$WEFT" memory daemon --dry-run >/dev/full 2>"$work/log.err" &
    daemon=$!
    check 'a log that takes nothing is said once' await log.err \
        "the log can't be written"
    ask status
    check '  and stops nothing' is "$code" 0
    stop
    check '  to the end' is "$code" 0
fi

# --------------------------------------------------------------- pressure ---

# A group with a limit, in which the daemon and a hog are: version 1 or 2.
group=
for place in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    if [[ -z $group && -w $place/cgroup.procs ]] &&
        mkdir "$place/weft-test-$$" 2>/dev/null; then
        group=$place/weft-test-$$
    fi
done
limit() {
    { echo "$1" >"$group/memory.limit_in_bytes"; } 2>/dev/null ||
        { echo "$1" >"$group/memory.max"; } 2>/dev/null
}
if [[ -n $group && -w /proc/pressure/memory ]] && limit 67108864; then
    rm -f "$work/log"
    # The daemon's shell is to expand it.
    # shellcheck disable=SC2016
    printf '[alert]\ntight = echo "$WEFT_ALERT: $WEFT_ALERT_REASON" >%s\n' \
        "$work/alert" >"$config"
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec "$WEFT" memory daemon --dry-run --json >"$work/log" \
            2>"$work/log.err" </dev/null
    ) &
    daemon=$!
    await log started
    # 40 of its 64 MiB are taken, and 40 MiB of a file are used all the time.
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec python3 -c 'import mmap, os, random, sys
hog = bytearray(b"x") * (40 << 20)
with open(sys.argv[1], "w+b") as file:
    for _ in range(40):
        file.write(b"y" * (1 << 20))
        file.flush()
        os.fsync(file.fileno())
    pages = mmap.mmap(file.fileno(), 40 << 20, prot=mmap.PROT_READ)
print("has it", flush=True)
while True:
    at = random.randrange(40 << 8) << 12
    pages[at]' "$work/file" >"$work/hog" 2>&1
    ) &
    hog=$!
    await hog 'has it'
    check 'a hog makes it tight, as programs wait' await log \
        '"event":"state".*"state":"tight"'
    began=$(sed -n -E 's/.*"time_ns":([0-9]+).*"state":"tight".*/\1/p' \
        "$work/log" | head -n 1)
    printf '# %s: tight\n' "$began"
    check 'the command of the alert runs' await alert '^memory tight: tight: '
    ask status
    check 'the state is told' says out '"state":"tight"'
    check 'and who takes most of it' await log \
        '"verb":"tell".*these take most of it: .* \([0-9]+\) [0-9.]+ .iB'
    check 'nothing was done to anybody' is \
        "$(grep '"event":"action"' "$work/log" | grep -c '"dry_run":false' |
            tr -d ' ')" "$(grep -c '"verb":"tell"' "$work/log")"
    kill -9 "$hog"
    wait "$hog" 2>/dev/null
    stop
    check 'it ends in order, also now' is "$code" 0
    rmdir "$group"
else
    [[ -z $group ]] || rmdir "$group"
    skip 'a hog makes it tight' 'no group with a limit of memory can be made'
fi
finish
