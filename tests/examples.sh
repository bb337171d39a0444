#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs each example as its comment says. The examples lie in the second
# argument, or else where the build of the command in the first puts them.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

examples=${2:-$(dirname "$WEFT")/../../examples}

"$examples/echo_server" 2>"$work/server.err" &
server=$!
printf 'one\n\nthree\n' >"$work/in"
"$examples/echo_client" <"$work/in" >"$work/out" 2>"$work/client.err"
check 'echo_client succeeds' is $? 0
check 'echo_client gets back what it says' cmp "$work/in" "$work/out"
wait "$server"
check 'echo_server ends with its client' is $? 0

"$examples/parent_child" >"$work/out" 2>"$work/out.err"
check 'parent_child succeeds' is $? 0
check 'the child squares' is "$(tail -n 1 "$work/out")" '5 squared is 25'

"$examples/zero_copy" >"$work/out" 2>"$work/out.err"
check 'zero_copy succeeds' is $? 0
# Frame n has 320 x 240 pixels of the value n, n = 0 to 99.
check 'every pixel is seen' is "$(cat "$work/out")" \
    "success, sum of pixels $((4950 * 320 * 240))"

if [[ -x $examples/epoll_loop ]]; then
    mkfifo "$work/keep"
    exec 9<>"$work/keep"
    "$examples/epoll_loop" <"$work/keep" >"$work/out" 2>"$work/loop.err" 9>&- &
    loop=$!
    for word in one two three; do
        echo "$word" | "$WEFT" send loop --wait 2>"$work/send.err"
        check "epoll_loop takes '$word'" is $? 0
    done
    # The loop ends when the last writer of its input is gone.
    exec 9>&-
    wait "$loop"
    check 'epoll_loop ends with its input' is $? 0
    check 'epoll_loop prints what came' is "$(tr '\n' ' ' <"$work/out")" \
        'one two three '
else
    skip 'epoll_loop' 'Linux only'
fi
finish
