#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft memory leaks beside a program that leaks, one that grows and then stays,
# and one whose memory comes and goes.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" memory leaks "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

# mistake MESSAGE ARGUMENTS...: wrong usage that is answered by the message.
mistake() {
    local message=$1
    shift
    run "$@"
    check "wrong usage: weft memory leaks ${*@Q}" is "$code" 2
    check "  $message" is "$(head -n 1 "$work/out.err")" \
        "weft memory leaks: $message"
}

mistake "option '--p': '2' is not between 0 and 1" --p 2
mistake "option '--p': 'nan' is not between 0 and 1" --p nan
mistake "option '--interval': '1ms' is too small" -i 1ms
run no-such-program-at-all -d 100ms
check 'no such process is a failure' is "$code" 1
check 'that is said' says out.err 'no such process'

# All three end with the pipe to them.
mkfifo "$work/end"
for how in leak stay saw; do
    "$WEFT_BUILD/tests/grow" $how <"$work/end" &
    declare "$how=$!"
done
exec 9>"$work/end"

# verdict PID: what was said of it.
verdict() {
    sed -n -E "s/.*\"pid\":$1,.*\"verdict\":\"([a-z_]+)\".*/\1/p" "$work/out"
}

run "$leak" "$stay" "$saw" -i 100ms -d 1500ms --json
check 'a short look succeeds' is "$code" 0
check 'but does not tell' is "$(verdict "$leak")" too_short
# On a busy machine the first look at them comes late, and so does what grows:
# the one that stays has to be at its end, and there are seconds to spare.
has_stayed() {
    local end=$((SECONDS + 60)) size
    until size=$(ps -o rss= -p "$stay") && ((size >= 32 * 1024)); do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}
check 'one has all that it wants' has_stayed
run "$leak" "$stay" "$saw" -i 100ms -d 11s --min-duration 7s --json
check 'weft memory leaks' is "$code" 0
check 'what leaks is suspected' is "$(verdict "$leak")" leak_suspected
check 'what grew and then stayed is not' is "$(verdict "$stay")" none
check 'what comes and goes is not' is "$(verdict "$saw")" none
check 'all are counted' grep -q \
    '"kind":"summary","watched":3,.*"leak_suspected":1}' "$work/out"
# A MiB each second; the program keeps to the clock, and this one may not.
speed=$(sed -n -E "s/.*\"pid\":$leak,.*\"growth_bytes_per_s\":([^,]+).*/\1/p" \
    "$work/out")
check 'with its speed' awk "BEGIN { exit !(${speed:-0} > 500000) }"
run grow -i 50ms -d 1s
check 'processes are found by name' says out '3 watched'
check 'and the heading says what is what' says out 'AT LEAST'
exec 9>&-
wait
finish
