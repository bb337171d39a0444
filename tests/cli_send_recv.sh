#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft send and weft recv as a user runs them: what comes out is what went
# in, and each kind of failure has its exit code and its message.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# move SEND_OPTIONS RECV_OPTIONS: moves $work/in to $work/out, and leaves the
# exit codes in $sent and $received. Neither waits for ever for the other one.
move() {
    # The options are lists of words.
    # shellcheck disable=SC2086
    "$WEFT" recv pipe --timeout 90s $2 >"$work/out" 2>"$work/recv.err" &
    local receiver=$!
    # shellcheck disable=SC2086
    "$WEFT" send pipe --timeout 90s --wait $1 <"$work/in" 2>"$work/send.err"
    sent=$?
    wait "$receiver"
    received=$?
}

codes() {
    printf '# send %s, recv %s\n' "$sent" "$received"
    [[ $sent == "$1" && $received == "$2" ]]
}

unchanged() {
    move "$1" "$2"
    codes 0 0 && cmp "$work/in" "$work/out"
}

# Reads the member $2 of the JSON object in the file $1.
member() {
    sed -n -E "s/.*\"$2\":\"?([^\",}]*).*/\1/p" "$work/$1"
}

# --------------------------------------------------- byte for byte ---

try_input() {
    check "$1, raw" unchanged '' ''
    check "$1, lines" unchanged '--lines' '--lines'
    check "$1, raw and written one by one" unchanged '--raw' '--raw'
}

: >"$work/in"
try_input 'no input'
printf 'x' >"$work/in"
try_input 'one byte'
printf '\n' >"$work/in"
try_input 'one empty line'
printf '\n\na\n\n\n' >"$work/in"
try_input 'empty lines'
printf 'one\ntwo\nthree' >"$work/in"
try_input 'no newline at the end'
printf 'a\0b\n\0\0\nc\r\n\377\376\0' >"$work/in"
try_input 'NUL and other bytes'
head -c 3000000 /dev/zero | tr '\0' 'l' >"$work/in"
try_input 'a line of 3 MB'
head -c 3000001 /dev/urandom >"$work/in"
try_input '3 MB of random bytes'
check 'blocks of one byte' unchanged '--block 1 --count 3000002' ''
check 'blocks larger than the ring' unchanged '--block 1M --ring 64K' ''
check 'a small ring' unchanged '--ring 4K' ''
check 'lines and a small ring' unchanged '--lines --ring 4K' ''
for mode in spin adaptive block; do
    check "wait mode $mode" unchanged "--wait-mode $mode" "--wait-mode $mode"
done

head -c 100000000 /dev/urandom >"$work/in"
before=$(sha256sum <"$work/in")
move '' ''
check '100 MB arrive' codes 0 0
check '100 MB have the same checksum' is "$(sha256sum <"$work/out")" "$before"
: >"$work/out"

mkfifo "$work/feed"
cat "$work/in" >"$work/feed" &
"$WEFT" recv pipe 2>"$work/recv.err" | sha256sum >"$work/sum" &
receiver=$!
"$WEFT" send pipe --wait --lines <"$work/feed" 2>"$work/send.err"
check '100 MB from a pipe, by lines' is $? 0
wait "$receiver"
check '100 MB into a pipe have the same checksum' is "$(cat "$work/sum")" \
    "$before"

# ------------------------------------------------------------ messages ---

printf 'a\n\nb' >"$work/in"
move '--lines --json' '--json'
check 'each line is a message' is "$(member recv.err messages)" 3
check 'the bytes are counted' is "$(member send.err bytes)" 4
check 'the result is told' is "$(member send.err result)" ok
check 'a successful command says nothing else' is \
    "$(wc -l <"$work/send.err")" 1

seq 1000 >"$work/in"
move '--lines --count 3' ''
check 'send ends after --count lines' codes 0 0
check 'what it sent is there' is "$(tr '\n' ' ' <"$work/out")" '1 2 3 '
move '--lines' '--count 3'
check 'recv ends after --count; the sender had more' codes 1 0
check 'only so many are written' is "$(tr '\n' ' ' <"$work/out")" '1 2 3 '
check 'the sender is told' says send.err 'closed the channel before the end'
seq 3 >"$work/in"
move '--lines' '--count 3'
check 'recv ends after --count; the sender had no more' codes 0 0

# ------------------------------------------------------------ time-outs ---

"$WEFT" recv nobody --timeout 50ms 2>"$work/recv.err"
check 'recv gives up waiting for a sender' is $? 124
check 'and says so' says recv.err 'timed out after 0.05 s'
"$WEFT" send nobody --wait --timeout 50ms 2>"$work/send.err" </dev/null
check 'send gives up waiting for a receiver' is $? 124

# A writer that never writes keeps the input open.
exec 8<>"$work/feed"
"$WEFT" recv pipe >"$work/out" 2>"$work/recv.err" &
receiver=$!
"$WEFT" send pipe --wait --timeout 200ms <"$work/feed" 2>"$work/send.err"
sent=$?
wait "$receiver"
received=$?
check 'send gives up waiting for input; recv fails' codes 124 1
check 'recv says why' says recv.err 'died before the end'

"$WEFT" recv pipe --timeout 200ms >"$work/out" 2>"$work/recv.err" &
receiver=$!
"$WEFT" send pipe --wait <"$work/feed" 2>"$work/send.err"
sent=$?
wait "$receiver"
received=$?
check 'recv gives up waiting for messages; send fails' codes 1 124
check 'send says why' says send.err 'the receiver failed: timed out'

# A reader that never reads: the pipe is full before the time is over.
mkfifo "$work/sink"
exec 9<>"$work/sink"
head -c 3000000 /dev/zero >"$work/in"
"$WEFT" recv pipe --timeout 300ms >"$work/sink" 2>"$work/recv.err" &
receiver=$!
"$WEFT" send pipe --wait <"$work/in" 2>"$work/send.err"
sent=$?
wait "$receiver"
received=$?
exec 9>&-
check 'recv gives up waiting for its reader' codes 1 124

# --------------------------------------------------------------- deaths ---

# end SIGNAL PROCESS: without what bash says about it.
end() {
    {
        kill -"$1" "$2"
        wait "$2"
    } 2>/dev/null
}

# connect: a sender whose input is descriptor 8, and a receiver whose first
# line was read, so both are at work. Leaves $sender and $receiver.
connect() {
    exec 9<>"$work/sink"
    "$WEFT" recv pipe >&9 2>"$work/recv.err" 8>&- &
    receiver=$!
    "$WEFT" send pipe --wait --lines <"$work/feed" 2>"$work/send.err" 9>&- &
    sender=$!
    printf 'hello\n' >&8
    read -r _ <&9
    exec 9>&-
}

# Under a launcher the system's own process number is not the shell's.
number() {
    if on_windows; then
        printf '%s' '[0-9]*'
    else
        printf '%s' "$1"
    fi
}

# says_pattern FILE PATTERN
says_pattern() {
    grep -q -e "$2" "$work/$1"
}

connect
end KILL "$receiver"
wait "$sender"
check 'an idle sender ends when the receiver is killed' is $? 1
check 'and says who died' says_pattern send.err \
    "the receiver (process $(number "$receiver")) died before the end"

connect
end KILL "$sender"
wait "$receiver"
check 'a receiver ends when the sender is killed' is $? 1
check 'and says who died' says_pattern recv.err \
    "the sender (process $(number "$sender")) died before the end"
exec 8>&-

# ---------------------------------------------------------------- names ---

listen taken
check 'a name that is taken' is "$refused" 1
check 'is said to be' says taken.err "the name 'taken' is in use"
if on_windows; then
    end KILL "$receiver"
else
    end TERM "$receiver"
    check 'recv ends by a signal' is $? 143
    check 'and removes its name' test ! -e "$WEFT_RUNTIME_DIR/taken.sock"
fi

listen taken
end KILL "$receiver"
on_windows || check 'recv leaves a dead name when it is killed' \
    test -S "$WEFT_RUNTIME_DIR/taken.sock"
"$WEFT" send taken 2>"$work/send.err" </dev/null
check 'where nobody listens' is $? 1
check 'send says so' says send.err "nobody listens at 'taken'"
printf 'again\n' >"$work/in"
"$WEFT" recv taken >"$work/out" 2>"$work/recv.err" &
receiver=$!
"$WEFT" send taken --wait <"$work/in" 2>"$work/send.err"
check 'a dead name is taken over' is $? 0
wait "$receiver"
check 'and works' cmp "$work/in" "$work/out"
check 'the name is gone afterwards' test ! -e "$WEFT_RUNTIME_DIR/taken.sock"

long=$(printf 'n%.0s' {1..64})
for name in '' .hidden 'a b' $'a\tb' 'ä' "$long"; do
    for command in recv send; do
        "$WEFT" "$command" "$name" 2>"$work/$command.err" </dev/null
        check "$command: '$name' is no name" is $? 1
        check 'and what is one is said' says "$command.err" \
            "can't be a name: 1 to 63 letters"
    done
done
"$WEFT" recv "$work/no/such/place" 2>"$work/recv.err"
check 'a path that is not there' is $? 1
path=$work/paths/socket
! on_windows || path="\\\\.\\pipe\\weft-test-$$"
mkdir "$work/paths"
printf 'by path\n' >"$work/in"
"$WEFT" recv "$path" >"$work/out" 2>"$work/recv.err" &
receiver=$!
"$WEFT" send "$path" --wait <"$work/in" 2>"$work/send.err"
wait "$receiver"
check 'a name may be a path' cmp "$work/in" "$work/out"

# -------------------------------------------------------------- streams ---

head -c 3000000 /dev/zero >"$work/in"
if [[ -c /dev/full ]]; then
    for size in 10 3000000; do
        head -c "$size" /dev/zero >"$work/in"
        "$WEFT" recv pipe >/dev/full 2>"$work/recv.err" &
        receiver=$!
        "$WEFT" send pipe --wait <"$work/in" 2>"$work/send.err"
        sent=$?
        wait "$receiver"
        received=$?
        check "a full disk, $size bytes" codes 1 1
        check 'recv names the cause' says recv.err \
            "cannot write to stdout: $(cause 'No space left on device')"
        check 'send does, too' says send.err \
            "the receiver failed: cannot write to stdout"
    done
else
    skip 'a full disk' 'no /dev/full'
fi

{
    "$WEFT" recv pipe 2>"$work/recv.err"
    echo $? >"$work/code"
} | : &
receiver=$!
"$WEFT" send pipe --wait <"$work/in" 2>"$work/send.err"
sent=$?
wait "$receiver"
received=$(cat "$work/code")
check 'a reader that has gone' codes 1 1
check 'is named' says recv.err \
    "cannot write to stdout: $(cause 'Broken pipe')"

"$WEFT" recv pipe >&- 2>"$work/recv.err" &
receiver=$!
"$WEFT" send pipe --wait <"$work/in" 2>"$work/send.err"
wait "$receiver"
check 'standard output that is closed' says recv.err 'cannot write to stdout'

"$WEFT" recv pipe >"$work/out" 2>"$work/recv.err" &
receiver=$!
"$WEFT" send pipe --wait <&- 2>"$work/send.err"
sent=$?
wait "$receiver"
received=$?
check 'standard input that is closed' codes 1 1
check 'is named' says send.err \
    "cannot read stdin: $(cause 'Bad file descriptor')"

"$WEFT" recv pipe >"$work/out" 2>"$work/recv.err" &
receiver=$!
"$WEFT" send pipe --wait <"$work" 2>"$work/send.err"
sent=$?
wait "$receiver"
received=$?
check 'standard input that is a directory' codes 1 1
check 'is named' says send.err "cannot read stdin: $(cause 'Is a directory')"

check 'nothing is left in the run-time directory' \
    is "$(find "$WEFT_RUNTIME_DIR" -type s 2>/dev/null)" ''
finish
