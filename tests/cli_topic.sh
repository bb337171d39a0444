#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft pub, weft sub and weft tap as a user runs them.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# move PUB_OPTIONS SUB_OPTIONS: publishes $work/in to a reliable subscriber
# that writes $work/out, and leaves the exit codes in $sent and $received.
move() {
    # The options are lists of words.
    # shellcheck disable=SC2086
    "$WEFT" sub news --wait --reliable --timeout 50s $2 \
        >"$work/out" 2>"$work/sub.err" &
    local subscriber=$!
    # shellcheck disable=SC2086
    "$WEFT" pub news --wait-for 1 --timeout 50s $1 \
        <"$work/in" 2>"$work/pub.err"
    sent=$?
    wait "$subscriber"
    received=$?
}

codes() {
    printf '# pub %s, sub %s\n' "$sent" "$received"
    [[ $sent == "$1" && $received == "$2" ]]
}

unchanged() {
    move "$1" "$2"
    codes 0 0 && cmp "$work/in" "$work/out"
}

# fails CODE TEXT ARGUMENTS...: the command fails and says so.
fails() {
    local code=$1 text=$2
    shift 2
    "$WEFT" "$@" >"$work/out" 2>"$work/out.err" </dev/null
    is "$?" "$code" && says out.err "$text"
}

# Reads the member $2 of the JSON object in the last line of the file $1.
member() {
    tail -n 1 "$work/$1" | sed -n -E "s/.*\"$2\":\"?([^\",}]*).*/\1/p"
}

# ------------------------------------------------------------- messages ---

: >"$work/in"
check 'no input' unchanged '' ''
printf 'one\n\ntwo\n' >"$work/in"
check 'lines, and an empty one' unchanged '' ''
check 'a newline is no part of a message' unchanged '' '--lines'
move '' '--raw --json'
check 'so there are three' is "$(member sub.err messages)" 3
move '' '--raw'
check 'and nothing is between them' is "$(cat "$work/out")" onetwo
printf 'a\nb\0\0c\0' >"$work/in"
check 'NUL bytes end messages' unchanged --null --null
printf 'no newline' >"$work/in"
move '' ''
check 'the last line needs no newline' is "$(cat "$work/out")" 'no newline'
head -c 3000001 /dev/urandom >"$work/in"
check '3 MB in blocks' unchanged '--size 1000' --raw
check '3 MB in large blocks, a large ring' unchanged '--size 1M --ring 4M' --raw
seq 20000 >"$work/in"
check '20000 lines through a small ring' unchanged '--ring 16K' ''
move '--count 3' ''
check 'pub ends after --count' codes 0 0
check 'with so many' is "$(tr '\n' ' ' <"$work/out")" '1 2 3 '
move '--quiet' '--count 3'
check 'sub ends after --count, and pub goes on' codes 0 0
check 'with so many' is "$(tr '\n' ' ' <"$work/out")" '1 2 3 '

printf 'plain "\\ \303\244\302\205\177\t\n\377\376\0x\n' >"$work/in"
move '' --json
check 'an object for each message' is "$(wc -l <"$work/out")" 2
check 'with its number' is "$(member out sequence)" 1
check 'and that of its publisher' grep -q '^{"publisher":[0-9]' "$work/out"
check 'what is not UTF-8 is base64' is "$(member out base64)" //4AeA==
if command -v python3 >/dev/null; then
    check 'text is unchanged' is "$(head -n 1 "$work/out" | python3 -c '
import json, sys
print(json.load(sys.stdin)["text"] == "plain \"\\ \u00e4\u0085\u007f\t")')" \
        True
else
    skip 'text is unchanged' 'no python3'
fi

# --------------------------------------------------------------- losses ---

# Nobody reads what the subscriber writes until the publisher has ended.
mkfifo "$work/held"
seq 200000 >"$work/in"
"$WEFT" sub news --wait --json >"$work/held" 2>"$work/sub.err" &
subscriber=$!
exec 7<"$work/held"
"$WEFT" pub news --wait-for 1 --ring 16K <"$work/in" 2>"$work/pub.err"
check 'a lossy subscriber does not hold the publisher up' is $? 0
cat <&7 >"$work/out"
exec 7<&-
wait "$subscriber"
check 'and is no failure' is $? 0
lost=$(member sub.err lost)
check 'it has lost some' test "${lost:-0}" -gt 0
check 'and knows how many' is $((lost + $(wc -l <"$work/out"))) 200000
check 'and says so' says sub.err "$lost so far"
check 'each object says how many went before it' is \
    "$(sed -n -E 's/.*"lost":([0-9]*).*/\1/p' "$work/out" |
        awk '{ sum += $1 } END { print sum <= '"$lost"' }')" 1

# ---------------------------------------------------------------- deaths ---

# end SIGNAL PROCESS: leaves its exit code in $code. Bash would say it, too, and
# lets what runs in the background ignore SIGINT.
end() {
    {
        kill -"$1" "$2"
        wait "$2"
    } 2>/dev/null
    code=$?
}

# A publisher whose input stays open, and whose first message has come.
start_stream() {
    rm -f "$work/feed" "$work/heard"
    mkfifo "$work/feed" "$work/heard"
    exec 8<>"$work/feed"
    "$WEFT" pub news --wait-for 1 --ring 16K <"$work/feed" 8>&- \
        2>"$work/pub.err" &
    publisher=$!
    "$WEFT" sub news --wait --reliable >"$work/heard" 8>&- \
        2>"$work/sub.err" &
    subscriber=$!
    exec 7<"$work/heard"
    echo first >&8
    read -r heard <&7
}

start_stream
check 'a message comes while the input is open' is "${heard%$'\r'}" first
if on_windows; then
    exec 8>&-
else
    end KILL "$publisher"
    wait "$subscriber"
    check 'a killed publisher is no end of the topic' is $? 1
    check 'and is told' says sub.err 'died before it closed'

    start_stream
    mkfifo "$work/other"
    exec 9<>"$work/other"
    "$WEFT" pub news --wait-for 1 <"$work/other" 7<&- 8>&- 9>&- \
        2>"$work/pub2.err" &
    other=$!
    echo second >&9
    read -r heard <&7
    check 'a second publisher is heard, too' is "$heard" second
    end KILL "$publisher"
    echo third >&9
    read -r heard <&7
    check 'also when the first one was killed' is "$heard" third
    check 'which is told' says sub.err 'died before it closed the topic; there'
    exec 9>&-
    wait "$other"
    check 'the second one ends with its input' is $? 0
    wait "$subscriber"
    check 'the death is not forgotten in the end' is $? 1
    check 'but told' says sub.err '1 of the publishers'

    start_stream
    check 'its name is free again' is "$heard" first
    end TERM "$publisher"
    check 'a signal ends the publisher' is "$code" 143
    wait "$subscriber"
    check 'which was not the end of the topic' is $? 1

    start_stream
    end TERM "$subscriber"
    check 'a signal ends the subscriber' is "$code" 143
    exec 8>&-
    wait "$publisher"
    check 'the publisher goes on to its end' is $? 0

    start_stream
    kill -STOP "$subscriber"
    seq 5000 >&8 &
    seq=$!
    end KILL "$subscriber"
    wait "$seq"
    exec 8>&-
    wait "$publisher"
    check 'a subscriber that is killed holds nobody up' is $? 0

    "$WEFT" pub news --wait-for 1 2>"$work/pub.err" </dev/null &
    publisher=$!
    until [[ -S $WEFT_RUNTIME_DIR/news.sock ]]; do
        read -r -t 0.01 <>"$work/feed" || true
    done
    end TERM "$publisher"
    check 'a signal ends one that waits' is "$code" 143
    check 'and its name is gone' is "$(find "$WEFT_RUNTIME_DIR" -type s)" ''
fi
exec 7<&-
wait

# ------------------------------------------------------------------ taps ---

# A publisher without subscribers whose input stays open, and a tap, which has
# heard the first message: tap PUB_OPTIONS TAP_OPTIONS.
start_tap() {
    rm -f "$work/feed" "$work/heard"
    mkfifo "$work/feed" "$work/heard"
    exec 8<>"$work/feed"
    # The options are lists of words.
    # shellcheck disable=SC2086
    "$WEFT" pub news --json $1 <"$work/feed" 8>&- 2>"$work/pub.err" &
    publisher=$!
    # shellcheck disable=SC2086
    "$WEFT" tap news --wait --history --json $2 >"$work/heard" 8>&- \
        2>"$work/tap.err" &
    tap=$!
    exec 7<"$work/heard"
    echo first >&8
    read -r heard <&7
}

start_tap '' ''
check 'a tap hears a message' grep -q '"text":"first' <<<"$heard"
echo second >&8
exec 8>&-
cat <&7 >"$work/out"
wait "$tap"
check 'and the end of the topic' is $? 0
wait "$publisher"
check 'the publisher ends' is $? 0
check 'it has heard all' is "$(member tap.err messages)" 2
check 'and lost none' is "$(member tap.err lost)" 0
check 'it says what it is' is "$(member tap.err command)" tap
check 'it has a number for the message' is "$(member out sequence)" 1
check 'the publisher had no subscriber' is "$(member pub.err subscribers)" 0
check 'and woke nobody' is "$(member pub.err wakes)" 0

seq 100000 >"$work/in"
start_tap '--ring 16K' '--every 50ms'
cat "$work/in" >&8
exec 8>&-
cat <&7 >"$work/out"
wait "$tap"
check 'a tap that comes too late is no failure' is $? 0
wait "$publisher"
lost=$(member tap.err lost)
check 'it has lost some' test "${lost:-0}" -gt 0
check 'and knows how many' is $((lost + 1 + $(wc -l <"$work/out"))) 100001
check 'and says so' says tap.err "$lost so far"
check 'the publisher never waited' is "$(member pub.err full)" 0

start_tap '' '--count 1'
wait "$tap"
check 'a tap ends after --count' is $? 0
exec 8>&-
wait "$publisher"
check 'and the publisher goes on' is $? 0

if ! on_windows; then
    start_tap '' ''
    end KILL "$publisher"
    wait "$tap"
    check 'a killed publisher is told to a tap' is $? 1
    check 'as to a subscriber' says tap.err 'died before it closed'
    start_tap '' ''
    end TERM "$tap"
    check 'a signal ends a tap' is "$code" 143
    exec 8>&-
    wait "$publisher"
    check 'the publisher does not notice' is $? 0
fi
exec 7<&-
wait

# -------------------------------------------------------------- failures ---

check 'a topic that is not there is missed' \
    fails 1 "nobody listens at 'nowhere'" sub nowhere
check 'a wait for a topic ends in time' \
    fails 124 'timed out' sub nowhere --wait --timeout 20ms
check 'a topic that is not there is no tap' \
    fails 1 "nobody listens at 'nowhere'" tap nowhere
check 'the wait of a tap ends in time' \
    fails 124 'timed out' tap nowhere --wait --timeout 20ms
check 'a wait for subscribers ends in time' \
    fails 124 'timed out' pub news --wait-for 1 --timeout 20ms
check 'a bad name is told' fails 1 "can't be a name" pub 'a b'
check 'two ways to cut the input are one too many' \
    fails 2 "options '--size' and '--null' exclude" pub news --size 4 --null
check 'a ring has bounds' fails 2 'too small' pub news --ring 8K

head -c 20000 /dev/zero >"$work/in"
move '--ring 16K' ''
check 'a message that is too long ends the publisher' codes 1 1
check 'and it says why' says pub.err "see '--ring'"

"$WEFT" echo news 2>"$work/echo.err" &
server=$!
check 'a service is no topic' fails 1 'find a topic' sub news --wait
end KILL "$server"

if [[ -c /dev/full ]]; then
    "$WEFT" sub full --wait >/dev/full 2>"$work/sub.err" &
    subscriber=$!
    echo x | "$WEFT" pub full --wait-for 1
    wait "$subscriber"
    check 'a full disk ends the subscriber' is $? 1
    check 'and it says so, once' is \
        "$(grep -c 'cannot write to stdout' "$work/sub.err")" 1
else
    skip 'a full disk' 'no /dev/full'
fi
finish
