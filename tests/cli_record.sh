#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft record and weft replay as a user runs them.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# The file that is recorded to, as the command knows it.
cd "$work" || exit 1
file=news.rec

# record PUB_OPTIONS OPTIONS...: records what is published from $work/in, and
# leaves the exit codes in $sent and $recorded.
record() {
    local options=$1
    shift
    "$WEFT" record news "$file" --wait --timeout 50s "$@" \
        2>"$work/record.err" &
    local recorder=$!
    # The options are a list of words.
    # shellcheck disable=SC2086
    "$WEFT" pub news --wait-for 1 --timeout 50s $options <"$work/in" \
        2>"$work/pub.err"
    sent=$?
    wait "$recorder"
    recorded=$?
}

# replay OPTIONS...: what a subscriber gets of it is in $work/out; leaves the
# exit codes in $sent and $received.
replay() {
    "$WEFT" sub again --wait --reliable --timeout 50s \
        >"$work/out" 2>"$work/sub.err" &
    local subscriber=$!
    "$WEFT" replay "$file" again --wait-for 1 --timeout 50s "$@" \
        2>"$work/replay.err"
    sent=$?
    wait "$subscriber"
    received=$?
}

# look CODE: checks the file; its summary is in check.
look() {
    "$WEFT" replay "$file" --check --json >"$work/check" 2>"$work/check.err"
    is "$?" "$1"
}

# Reads the member $2 of the JSON object in the last line of the file $1.
member() {
    tail -n 1 "$work/$1" | sed -n -E "s/.*\"$2\":\"?([^\",}]*).*/\1/p"
}

# fails CODE TEXT ARGUMENTS...: the command fails and says so.
fails() {
    local code=$1 text=$2
    shift 2
    "$WEFT" "$@" >"$work/out" 2>"$work/out.err" </dev/null
    is "$?" "$code" && says out.err "$text"
}

# Waits until there is a message in the file.
await_message() {
    until [[ -s $file ]] && (($(wc -c <"$file") > 100)); do
        read -r -t 0.01 <> <(:) || true
    done
}

# end SIGNAL PROCESS: leaves its exit code in $code.
end() {
    {
        kill -"$1" "$2"
        wait "$2"
    } 2>/dev/null
    code=$?
}

# ----------------------------------------------------------- there and back ---

seq 5000 >"$work/in"
record '' --reliable
check 'a topic is recorded' is "$sent$recorded" 00
check 'the recording is whole' look 0
check 'it has all messages' is "$(member check messages)" 5000
check 'it knows its topic' is "$(member check topic)" news
replay --speed max
check 'it is replayed' is "$sent$received" 00
check 'as it was' cmp "$work/in" "$work/out"
check 'as it was, to its own topic too' is "$(
    "$WEFT" sub news --wait --reliable >"$work/out" &
    "$WEFT" replay "$file" --speed max --wait-for 1
    wait $!
    cmp "$work/in" "$work/out" && echo same
)" same
replay --speed max --skip 10 --count 3
check 'a part of it is replayed' is "$(tr '\n' ' ' <"$work/out")" '11 12 13 '
replay --speed max --from 1h
check 'nothing is later than its end' is "$sent$received$(cat "$work/out")" 00
"$WEFT" replay "$file" --check >"$work/check" 2>"$work/check.err"
check 'a check is for people, too' grep -q '^messages  5000$' "$work/check"

check 'a recording is not overwritten' \
    fails 1 "cannot record to 'news.rec'" record nowhere "$file"
check 'nor continued with another topic' \
    fails 1 "is a recording of the topic 'news'" record other "$file" --append
record '' --reliable --append --sync 1ms
check 'it is continued with its own' is "$sent$recorded" 00
check 'and is whole' look 0
check 'and has the messages of both' is "$(member check messages)" 10000

# Twice the time between the first and the last one, then half of it.
rm -f "$file"
mkfifo "$work/feed"
"$WEFT" record news "$file" --wait 2>"$work/record.err" &
recorder=$!
"$WEFT" pub news --wait-for 1 <"$work/feed" 2>"$work/pub.err" &
publisher=$!
exec 8>"$work/feed"
echo one >&8
await_message
# The time between two messages is what this is about.
sleep 0.3
echo two >&8
exec 8>&-
wait "$publisher" "$recorder"
look 0
between=$(($(member check last_ns) - $(member check first_ns)))
check 'times are kept' test "$between" -ge 200000000
replay --json
took=$(member replay.err elapsed_ns)
check 'and are those of a replay' test "$took" -ge "$((between * 9 / 10))"
replay --json --speed 0.5
took=$(member replay.err elapsed_ns)
check 'which can take twice as long' test "$took" -ge "$((between * 19 / 10))"
replay --from 200ms --speed max
check 'and begin later' is "$sent$received$(cat "$work/out")" 00two
replay --to 200ms
check 'or end earlier' is "$sent$received$(cat "$work/out")" 00one

rm -f "$file"
head -c 3000001 /dev/urandom >"$work/in"
record '--size 100000 --ring 1M' --reliable
check 'large messages are recorded' is "$sent$recorded" 00
"$WEFT" sub again --wait --reliable --raw >"$work/out" 2>"$work/sub.err" &
subscriber=$!
"$WEFT" replay "$file" again --wait-for 1 --speed max 2>"$work/replay.err"
wait "$subscriber"
check 'and replayed' cmp "$work/in" "$work/out"

# --------------------------------------------------------------- damage ---

rm -f "$file"
seq 1000 >"$work/in"
record '' --reliable
size=$(wc -c <"$file")
cp "$file" sound
head -c $((size - 100)) sound >"$file"
check 'a file that breaks off is not whole' look 1
check 'which is said' says check.err 'breaks off'
left=$(member check messages)
check 'its messages are there but for the last' is "$left" 999
replay --speed max
check 'they are replayed' is "$(wc -l <"$work/out")" 999
check 'which is no success' is "$sent" 1
record '' --reliable --append
check 'it is continued behind the last whole one' is "$sent$recorded" 00
check 'and says what it cut off' says record.err 'breaks off'
check 'and is whole again' look 0
check 'with all messages' is "$(member check messages)" 1999

cp sound "$file"
printf 'X' | dd of="$file" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
check 'a damaged file is not whole' look 1
check 'which is said, with its place' says check.err 'is damaged at byte'
check 'it costs one message' is "$(member check messages)" 999
replay --speed max
check 'the others are replayed' is "$(wc -l <"$work/out")" 999
check 'and all of them were sent' is \
    "$(sort "$work/in" "$work/out" | uniq -u | wc -l)" 1

check 'what is no recording is not read' \
    fails 1 'is no recording' replay "$work/in" --check
check 'nor continued' fails 1 'is no recording' record news in --append
check 'and is as before' is "$(wc -l <"$work/in")" 1000
check 'a file that is not there is missed' \
    fails 1 "cannot open 'missing'" replay missing
check 'a speed has to be one' \
    fails 2 "is not a speed" replay "$file" --speed fast
check 'no topic, no file' fails 1 'nobody listens' record nowhere new.rec
check 'which was not left behind' test ! -e new.rec

# --------------------------------------------------------------- losses ---

if on_windows; then
    skip 'gaps' 'processes are not stopped there'
    finish
fi

# start OPTIONS...: a recorder that has its first message, and a publisher
# whose input, descriptor 8, stays open.
start() {
    rm -f "$file" "$work/feed"
    mkfifo "$work/feed"
    "$WEFT" record news "$file" --wait "$@" 2>"$work/record.err" &
    recorder=$!
    "$WEFT" pub news --wait-for 1 --ring 16K <"$work/feed" \
        2>"$work/pub.err" &
    publisher=$!
    exec 8>"$work/feed"
    echo first >&8
    await_message
}

start
kill -STOP "$recorder"
seq 50000 >&8
exec 8>&-
wait "$publisher"
check 'a recorder that stands still holds nobody up' is $? 0
kill -CONT "$recorder"
wait "$recorder"
check 'and is no failure' is $? 0
check 'its recording is whole' look 0
lost=$(member check lost)
check 'it has lost some' test "$lost" -gt 0
check 'and knows how many' is $((lost + $(member check messages))) 50001
check 'and says so' says record.err "$lost so far"

# ---------------------------------------------------------------- deaths ---

start
end KILL "$publisher"
wait "$recorder"
check 'a publisher that dies ends the recording' is $? 1
check 'which is told' says record.err 'died before it closed'
check 'what came is whole' look 0
check 'and there' is "$(member check messages)" 1
exec 8>&-

start
end TERM "$recorder"
check 'a signal ends the recorder' is "$code" 143
check 'which was in order' look 0
exec 8>&-
wait "$publisher"

start --sync 5ms
check 'a second recorder finds the file taken' \
    fails 1 'another program writes it' record news "$file" --append
end KILL "$recorder"
exec 8>&-
wait "$publisher"
check 'a recorder that is killed leaves what it wrote' look 0
check 'which is all that came' is "$(member check messages)" 1

# ------------------------------------------------------------------ limits ---

rm -f "$file"
seq 20000 >"$work/in"
(
    ulimit -f 100
    exec "$WEFT" record news "$file" --wait 2>"$work/record.err"
) &
recorder=$!
"$WEFT" pub news --wait-for 1 <"$work/in" 2>"$work/pub.err"
wait "$recorder"
check 'a file that can not grow ends the recording' is $? 1
check 'and the cause is told' says record.err 'File too large'
kept=$(sed -n -E 's/.* has ([0-9]+) messages.*/\1/p' "$work/record.err")
check 'what is in it is whole' look 0
check 'and is as many as it says' is "$(member check messages)" "$kept"
check 'which fill it' test "$(wc -c <"$file")" -gt 100000
finish
