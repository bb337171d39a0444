#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs each example as its comment says. The examples lie in the second
# argument, or else where the build of the command in the first puts them.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

examples=${2:-$bin_dir/../../examples}

# example NAME: how it is run; nothing if this system has no such one.
example() {
    local path=$examples/$1

    ! on_windows || path+=.exe
    [[ ! -x $path ]] || launch "$path"
}

# lines FILE...: what examples print is text, whose lines end otherwise on
# Windows.
lines() {
    cat "$@" | tr -d '\r'
}

"$(example echo_server)" 2>"$work/server.err" &
server=$!
printf 'one\n\nthree\n' >"$work/in"
"$(example echo_client)" <"$work/in" >"$work/out" 2>"$work/client.err"
check 'echo_client succeeds' is $? 0
check 'echo_client gets back what it says' cmp "$work/in" <(lines "$work/out")
wait "$server"
check 'echo_server ends with its client' is $? 0

mkfifo "$work/cache"
"$(example cache)" <"$work/cache" >"$work/cached" 2>"$work/cache.err" &
cache=$!
exec 8>"$work/cache"
for ((i = 0; i < 1200; i++)); do
    "$WEFT" memory ask critical --json >"$work/out" 2>"$work/ask.err"
    [[ ! -s $work/out ]] || break
    sleep 0.05
done
check 'cache gives what it has' grep -q '"claimed_bytes":33554432' "$work/out"
exec 8>&-
wait "$cache"
check 'and counts it' is "$(lines "$work/cached")" \
    'asked 1 times, gave 33554432 bytes'

parent_child=$(example parent_child)
if [[ -n $parent_child ]]; then
    "$parent_child" >"$work/out" 2>"$work/out.err"
    check 'parent_child succeeds' is $? 0
    check 'the child squares' is "$(tail -n 1 "$work/out")" '5 squared is 25'

    "$(example zero_copy)" >"$work/out" 2>"$work/out.err"
    check 'zero_copy succeeds' is $? 0
    # Frame n has 320 x 240 pixels of the value n, n = 0 to 99.
    check 'every pixel is seen' is "$(cat "$work/out")" \
        "success, sum of pixels $((4950 * 320 * 240))"
else
    skip 'parent_child and zero_copy' 'they fork'
fi

"$(example shared_counter)" 2 >"$work/first" 2>"$work/first.err" &
first=$!
"$(example shared_counter)" 2 >"$work/second" 2>"$work/second.err"
check 'shared_counter succeeds' is $? 0
wait "$first"
check 'so does the one that it waits for' is $? 0
check 'both have counted together' \
    is "$(lines "$work/first" "$work/second")" $'2000\n2000'

# read_news N FILE: waits until a file has so many lines.
read_news() {
    local i

    for ((i = 0; i < 1200; i++)); do
        [[ $(wc -l <"$2") -lt $1 ]] || return 0
        sleep 0.05
    done
    return 1
}

mkfifo "$work/degrees"
exec 9<>"$work/degrees"
: >"$work/display"
"$(example thermometer)" set <"$work/degrees" 2>"$work/set.err" 9>&- &
setter=$!
"$(example thermometer)" >"$work/display" 2>"$work/display.err" 9>&- &
reader=$!
printf '18.5\n' >&9
check 'thermometer prints what is set' read_news 1 "$work/display"
printf '19\n-3\n' >&9
exec 9>&-
wait "$setter"
check 'thermometer sets until its input ends' is $? 0
wait "$reader"
check 'thermometer prints until that ends' is $? 0
check 'the last line is the latest value' \
    is "$(lines "$work/display" | tail -n 1)" '3: -3'

: >"$work/news1"
: >"$work/news2"
"$(example topic_subscribe)" >"$work/news1" 2>"$work/news1.err" &
early=$!
mkfifo "$work/press"
exec 9<>"$work/press"
"$(example topic_publish)" <"$work/press" 2>"$work/press.err" 9>&- &
press=$!
printf 'one\n\nthree\n' >&9
check 'topic_subscribe prints it all' read_news 3 "$work/news1"
"$(example topic_subscribe)" >"$work/news2" 2>"$work/news2.err" 9>&- &
late=$!
check 'topic_subscribe prints what was before' read_news 3 "$work/news2"
exec 9>&-
wait "$press"
check 'topic_publish ends with its input' is $? 0
wait "$early" && wait "$late"
check 'topic_subscribe ends with the topic' is $? 0
check 'both have printed the same' cmp "$work/news1" "$work/news2"

# loop_test NAME WHY: a loop that ends with its input, or why it is not here.
loop_test() {
    local name=$1 path loop word

    path=$(example "$name")
    if [[ -z $path ]]; then
        skip "$name" "$2"
        return
    fi
    rm -f "$work/keep"
    mkfifo "$work/keep"
    exec 9<>"$work/keep"
    "$path" <"$work/keep" >"$work/out" 2>"$work/loop.err" 9>&- &
    loop=$!
    for word in one two three; do
        echo "$word" | "$WEFT" send loop --wait 2>"$work/send.err"
        check "$name takes '$word'" is $? 0
    done
    # The loop ends when the last writer of its input is gone.
    exec 9>&-
    wait "$loop"
    check "$name ends with its input" is $? 0
    check "$name prints what came" is "$(tr '\n' ' ' <"$work/out")" \
        'one two three '
}

loop_test epoll_loop 'Linux only'
loop_test libuv_loop 'libuv is not here'

windows_loop=$(example windows_loop)
if [[ -n $windows_loop ]]; then
    "$windows_loop" 3 >"$work/out" 2>"$work/loop.err" &
    loop=$!
    for word in one two three; do
        echo "$word" | "$WEFT" send loop --wait 2>"$work/send.err"
        check "windows_loop takes '$word'" is $? 0
    done
    wait "$loop"
    check 'windows_loop ends with the third sender' is $? 0
    check 'windows_loop prints what came' \
        is "$(lines "$work/out" | tr '\n' ' ')" 'one two three '
else
    skip 'windows_loop' 'Windows only'
fi

worker_host=$(example worker_host)
if [[ -n $worker_host ]]; then
    expected=$'1 squared is 1\n2 squared is 4\n3 squared is 9
0: the peer died\nthe worker ended: wall'
    worker=$examples/worker
    ! on_windows || worker+=.exe
    "$worker_host" "$worker" >"$work/out" 2>"$work/host.err"
    check 'worker_host has a worker, until the limit' is $? 0
    check 'which squares' is "$(lines "$work/out")" "$expected"
    if ! on_windows; then
        LIBWEFT=$bin_dir/../../src/libweft.so "$worker_host" \
            python3 "$source_dir/examples/worker.py" \
            >"$work/out" 2>"$work/host.err"
        check 'a worker in Python does as well' \
            is "$(cat "$work/out")" "$expected"
    fi
else
    skip 'worker_host' 'not on this system yet'
fi

"$(example poll_set)" >"$work/out" 2>"$work/set.err" &
set=$!
echo 'a letter' | "$WEFT" send desk-mail --wait 2>"$work/send.err"
check 'poll_set takes what is sent' is $? 0
check 'poll_set answers a call' is "$("$WEFT" call desk hello)" 'hello'
check 'poll_set answers the last call' is "$("$WEFT" call desk quit)" 'quit'
wait "$set"
check 'poll_set ends with it' is $? 0
check 'poll_set prints what was sent' is "$(lines "$work/out")" 'a letter'
finish
