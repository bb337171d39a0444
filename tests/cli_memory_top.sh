#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft memory top and weft memory groups as a user runs them. The screen is
# that of a tmux of the test's own, which shows what a terminal would.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" memory "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

# mistake MESSAGE ARGUMENTS...: wrong usage that is answered by the message.
mistake() {
    local message=$1
    shift
    run "$@"
    check "wrong usage: weft memory ${*@Q}" is "$code" 2
    check "  $message" is "$(head -n 1 "$work/out.err")" "weft $message"
}

matches() {
    grep -q -E -e "$1" "$work/out"
}

# Each line is a JSON object.
parses() {
    python3 -c 'import json, sys
for line in sys.stdin:
    assert isinstance(json.loads(line), dict)' <"$work/out"
}

# ----------------------------------------------------------- the streams ---

words='application|group|container|user|tree'
mistake "memory top: option '--by': 'name' is not one of $words" top --by name
mistake "memory top: option '--count' is for '--plain'" top -n 2
mistake "memory top: option '--interval': '1ms' is too small" top -i 1ms
mistake "memory groups: option '--by': 'x' is not one of $words" groups --by x

run top --plain -n 2 -i 100ms -l 3
check 'top --plain' is "$code" 0
check 'two tables' is "$(grep -c '^ *PID .*NAME$' "$work/out")" 2
check 'with what is available above each' is \
    "$(grep -c -E '^(calm|watch|tight|emergency): .* available' "$work/out")" 2
check 'and three processes in each' is "$(grep -c -E '^ +[0-9]+ ' "$work/out")" 6
check 'in 80 columns but for the name' is \
    "$(grep -v available "$work/out" | grep -c '.\{140\}')" 0
run top --json -n 1 -l 2
check 'top --json' parses
check 'begins with the figures' is \
    "$(head -n 1 "$work/out" | cut -c -16)" '{"kind":"memory"'
check 'then the processes' is "$(grep -c '"kind":"process"' "$work/out")" 2

for by in application group container user tree; do
    run groups --by $by
    check "weft memory groups --by $by" is "$code" 0
    check '  with how many were measured' matches \
        '^[0-9]+ of [0-9]+ processes measured, in [0-9.]+ ms'
    run groups --by $by --json
    check '  and as JSON' parses
done
# This shell and what it starts: one application, and at least two of it.
run groups --json
check 'a group has its members' matches \
    '"name":"bash",.*"processes":[0-9]+,"measured":[0-9]+'
check 'all processes are in some group' python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
summary = rows.pop()
assert sum(row["processes"] for row in rows) == summary["processes"]
assert summary["measured"] + summary["denied"] + summary["failed"] == \
    summary["processes"]' "$work/out"

# ------------------------------------------------------------ the screen ---

run top
check 'a screen takes a terminal' is "$code" 1
check 'and it says what to do without' says out.err "'--plain' prints tables"
if grep -q 'has no screen' "$work/out.err" || ! command -v tmux >/dev/null; then
    skip 'the screen' 'it takes ncurses, and this test takes tmux'
    finish
fi

unset TMUX
export LC_ALL=C.UTF-8
tmux() {
    command tmux -S "$work/tmux" -f /dev/null "$@"
}

keys() {
    tmux send-keys -t top "$@"
}

# Lines that went on in the next row are joined again, and so too long.
screen() {
    tmux capture-pane -t top -p -J | sed 's/ *$//'
}

# A busy machine takes its time; one that waits in vain has failed.
patience=40

# sees EXPRESSION: some line of the screen does match, in time.
sees() {
    local end=$((SECONDS + patience))
    until screen >"$work/screen"; grep -q -E -e "$1" "$work/screen"; do
        if ((SECONDS >= end)); then
            sed 's/^/# /' "$work/screen"
            return 1
        fi
        sleep 0.05
    done
}

# becomes COMMAND...: it succeeds in time, with the screen in $work/screen.
becomes() {
    local end=$((SECONDS + patience))
    until screen >"$work/screen"; "$@"; do
        if ((SECONDS >= end)); then
            sed 's/^/# /' "$work/screen"
            return 1
        fi
        sleep 0.05
    done
}

# The rows of the table: what is below its titles, without the last line.
rows() {
    sed -e '1,/^ *PID /d' -e '$d' "$work/screen" | grep -E '^ *[0-9]+ '
}

fits() {
    ! grep -q ".\{$(($1 + 1))\}" "$work/screen"
}

starts_with() {
    local first
    first=$(rows | head -n 1)
    [[ $first =~ ^\ *$1\  ]]
}

# The largest are first, and the hog is among them: others may be larger. Who
# can't be measured has the place that what is resident of it gives it.
is_by_size() {
    rows | awk '{ print $3 == "-" ? $6 : $3 }' | sort -c -r -h 2>/dev/null &&
        rows | grep -q "^ *$hog "
}

is_sorted() {
    rows | awk '{ print $1 }' | sort -c "$@" 2>/dev/null
}

# The shell in the tmux: it says what it is asked for at the left.
tmux new-session -d -s top -x 80 -y 24 'env PS1="ready> " bash --norc --noprofile'
check 'a terminal is there' sees '^ready>'
keys "stty -g >$work/before" Enter

# begin ARGUMENTS...: starts it in the shell. Its number is in $work/pid.
begin() {
    keys "clear; $* $WEFT memory top -i 200ms; echo ended-\$?" Enter
    check 'it begins' sees '^weft memory top '
}

restored() {
    keys "stty -g >$work/after; echo sta''te" Enter
    check '  and the terminal is as before' sees '^state'
    check '  in all its modes' cmp -s "$work/before" "$work/after"
}

python3 -c 'import time
hog = bytearray(b"x") * (500 << 20)
print("grown", flush=True)
time.sleep(600)' >"$work/hog" &
hog=$!

mkfifo "$work/pipe"
cat "$work/pipe" >"$work/bytes" &
tmux pipe-pane -t top "cat >$work/pipe"
begin
check 'the figures are above' sees '^Memory +[0-9.]+ .iB .* available, [0-9]+ %'
check 'and the parts' sees '^Used +[0-9.]+ .iB +cached '
check 'and the pressure, with its reason' sees \
    '^Pressure +(calm|watch|tight|emergency) +[0-9]+ % available'
check 'and what programs wait' sees '^Waiting +'
check 'and a table' sees '^ +PID USER +FOOTPRINT PRIVATE SWAPPED RESIDENT +% NAME'
check 'and the keys' sees '^q quit'
check 'a hog is among the first' becomes is_by_size
check 'with its size' sees "^ +$hog [^ ]+ +5[0-4][0-9]M +5[0-4][0-9]M "
check 'no line is too long' fits 80

first_bytes=$(wc -c <"$work/bytes")
# selected PID: the row of this process is the one that stands out.
selected() {
    tmux capture-pane -t top -p -e | grep -q -a -E $'\e\\[7m *'"$1 "
}
keys Down Up
keys h
check 'there is a help' sees 'keys and words'
keys q
check 'and a way back' sees '^q quit'

keys '<' '<'
check 'another column makes another order' becomes is_sorted -n
check 'the selection stays with its process' becomes selected "$hog"
keys r
check 'which can be reversed' becomes is_sorted -n -r

keys /
check 'a filter is asked for' sees '^/'
keys "${hog}x" BSpace
check 'and edited' sees "^/$hog\$"
one_row() {
    [[ $(rows | wc -l) -eq 1 ]] && starts_with "$hog"
}
check 'and leaves one row, that of the hog' becomes one_row
keys Enter
check 'it stays' sees "^filter: $hog"
keys Enter
check 'there are details' sees '^executable +/.*python3'
check 'with its size' sees '^footprint +5[0-9][0-9]\.[0-9] MiB'
check 'and whether it is protected' sees '^protected +(yes|no)'
keys q Escape
check 'without the filter all are back' sees '^q quit'
keys g
check 'groups by application' sees 'by application'
check 'have members' sees '^PROCESSES FOOTPRINT'
keys g g g g
check 'groups by tree' sees 'by tree'
keys g t
check 'and a tree of processes' sees '└ '
keys t
check 'and none' sees '^ +PID USER'

# Processes that come and go while they are read, several in each look.
(
    end=$((SECONDS + 60))
    while ((SECONDS < end)); do
        (:)
        /bin/true
    done
) &
storm=$!
keys /
sees '^/'
keys "$hog" Enter
for ((i = 0; i < 5; i++)); do
    keys Enter
    check 'among many that end' sees '^executable +/.*python3'
    keys q
    check '  nothing is lost' becomes one_row
done
{
    kill "$storm"
    wait "$storm"
} 2>/dev/null
keys Escape
check 'all are back' sees '^q quit'

# What the terminal was sent after the first picture.
tail -c "+$((first_bytes + 1))" "$work/bytes" >"$work/later"
check 'something was' test -s "$work/later"
check 'but never to clear the screen' is \
    "$(LC_ALL=C grep -c -a -E $'\e\\[[0-3]?J' "$work/later")" 0

# --------------------------------------------------------------- its size ---

tmux resize-window -t top -x 200 -y 50
check 'a large screen has paths' sees ' NAME +EXECUTABLE +GROUP'
check 'and keeps to its width' fits 200
is_full() {
    (($(wc -l <"$work/screen") == 50)) &&
        tail -n 1 "$work/screen" | grep -q '^q quit'
}
check 'and is used to its last line' becomes is_full
for size in 20x5 1x1 3x50 200x3; do
    tmux resize-window -t top -x ${size%x*} -y ${size#*x}
    [[ $size == 1x1 ]] || check "one of $size is too small" sees '^too'
done
tmux resize-window -t top -x 36 -y 8
check 'the least' sees '^ +PID FOOTPRINT '
check '  has all in its width' fits 36
tmux resize-window -t top -x 80 -y 24
check 'and back' sees '^ +PID USER +FOOTPRINT PRIVATE SWAPPED RESIDENT +% NAME'

# ---------------------------------------------------------------- the end ---

keys C-z
check 'it can be stopped' sees 'Stopped'
restored
keys 'fg' Enter
check 'and goes on' sees '^weft memory top '
check 'with all of its screen' sees '^q quit'
keys q
restored
begin
keys q
check 'it ends' sees '^ended-0'
restored

number() {
    tmux display-message -p -t top '#{pane_pid}' | xargs pgrep -n -P
}
begin
kill -TERM "$(number)"
check 'a signal ends it' sees '^ended-143'
restored
begin
keys C-c
sees '^ready>'
keys 'echo code-$?' Enter
check 'and so does the interrupt key' sees '^code-130'
restored

begin env NO_COLOR=1 TERM=vt100 LC_ALL=C
check 'a terminal of old' sees '^ +PID USER'
keys t
check 'has a tree in ASCII' sees '` '
check 'and nothing else' is "$(LC_ALL=C grep -c '[^ -~]' "$work/screen")" 0
keys q
check 'and ends' sees '^ended-0'

keys "clear; TERM=dumb $WEFT memory top; echo ended-\$?" Enter
check 'one without a cursor is refused' sees "'dumb' can't move its cursor"
restored
keys "clear; TERM=nonesuch $WEFT memory top; echo ended-\$?" Enter
check 'and so is an unknown one' sees "'nonesuch' is not known"
restored

begin
left=$(number)
tmux kill-server
gone() {
    ! kill -0 "$left" 2>/dev/null
}
ends() {
    local end=$((SECONDS + patience))
    until gone; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}
check 'without a terminal it ends' ends
kill "$hog"
finish
