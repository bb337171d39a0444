#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft memory as a user runs it.
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

# matches EXPRESSION: a line of the output does.
matches() {
    grep -q -E -e "$1" "$work/out"
}

# number NAME: a member of the JSON object.
number() {
    sed -n -E "s/.*\"$1\":([0-9]+).*/\1/p" "$work/out"
}

mistake 'memory: a command is missing'
mistake "memory: unknown command 'stats'" stats
mistake "memory: unknown option '--json'" --json
mistake "memory status: unexpected argument 'now'" status now
mistake "memory watch: option '--count': '0' is too small" watch -n 0
run --help
check 'its commands are listed' matches '^  status  *how much'
run status --help
check 'a command has a help' matches '^Usage: weft memory status'

run status
check 'weft memory status' is "$code" 0
check 'it tells what there is' matches '^total  *[0-9.]* .iB$'
check 'and by which estimate' matches '^available .* % .*\(.*\)$'
check 'and how scarce it is' matches \
    '^pressure  *(calm|watch|tight|emergency)  \(.* available.*\)$'
run status --all
check '--all tells more' matches '^(anonymous|committed) '
run status --json
check '--json is one object' is "$(wc -l <"$work/out" | tr -d ' ')" 1
check 'in which the sum is right' is \
    "$(($(number available_bytes) + $(number used_bytes)))" \
    "$(number total_bytes)"
check 'with a word for the pressure' matches '"pressure":"[a-z]+"'

mistake "memory list: option '--limit': '0' is too small" list -n 0
run list
check 'weft memory list' is "$code" 0
check 'has a heading' matches '^ *PID  *SHARE  *PRIVATE'
run list --all
if on_windows; then
    check 'this program is in it' matches '^ *[0-9]+ .* weft\.exe'
else
    check 'this shell is in it' matches "^ *$$ .* bash\$"
fi
run list --limit 3 --json
check 'the largest alone' is "$(wc -l <"$work/out" | tr -d ' ')" 3
check 'in JSON' matches '^\{"pid":[0-9]+,.*"resident_bytes":[0-9]+.*\}'

mistake "memory gpu: unexpected argument '0'" gpu 0
run gpu
check 'weft memory gpu, with a device or without' is "$code" 0
check 'it says which' matches '^ *TOTAL  *USED|^no graphics device was found$'
run gpu --json
check 'in JSON it tells who was asked' matches \
    '^\{"kind":"source","source":"[a-z]+","there":(true|false)'
nvml=$WEFT_BUILD/tests/libweft_nvml_new.so # answers as NVIDIA's library does
if [[ -f $nvml ]]; then
    WEFT_TEST_NVML=$nvml run gpu
    check 'a device is told, with what is in use and reserved' matches \
        '^ *80.0 GiB  *20.0 GiB  *1.0 GiB  *-  Test GPU 0$'
    check 'and who uses it' matches '^ *100  *5.0 GiB '
    check 'what is not told is a dash' matches '^ *200  *- '
    WEFT_TEST_NVML=$nvml run gpu --json
    check 'in JSON too' matches \
        '^\{"kind":"device","device":"GPU-1",.*"used_bytes":21474836480,'
    WEFT_TEST_NVML=$nvml run status
    check 'weft memory status has a line for it' matches \
        '^GPU  *80.0 GiB  \(20.0 GiB used; Test GPU 0\)$'
    WEFT_TEST_NVML=$nvml WEFT_FAKE_NVML=unified run gpu
    check 'a device without memory of its own is unified' matches '^ *unified '
    WEFT_TEST_NVML=$nvml WEFT_FAKE_NVML=lost run gpu
    check 'one that does not answer says why' says out 'the device is lost'
else
    skip 'devices are told' 'no library that answers as NVIDIA does'
fi

mistake "memory rank: option '--limit': '0' is too small" rank -n 0
mistake "memory rank: option '--window': '1ms' is too small" rank -w 1ms
printf 'never name=x\n\nalways uid=0\n' >"$work/rules"
run rank --rules "$work/rules"
check 'a mistake in the rules' is "$code" 2
check 'is told with its line' is "$(cat "$work/out.err")" \
    "weft: $work/rules:3: neither 'never' nor 'avoid'"
run rank --rules "$work/none"
check 'rules that are not there' is "$code" 1
check 'are told' says out.err "cannot read '$work/none'"
run rank --window 10ms
check 'weft memory rank' is "$code" 0
check 'has a heading' matches '^ *PID  *GAIN  *COLD  *PRIVATE'
check 'and says how many are protected' matches \
    '^[0-9]+ more, and [0-9]+ that are protected'
run rank --window 10ms --all --json
if matches '"pid":1,.*"cause":"unknown"' || on_windows; then
    check 'where nobody is known all are protected' is \
        "$(grep -c '"protected":false' "$work/out")" 0
else
    check 'who asks is protected' is \
        "$(grep -c '"protected":true.*"marks":\["self"' "$work/out")" 1
    check 'so is its parent' is \
        "$(grep -c "\"pid\":$$,.*\"reason\":\"the process that asks desc" \
            "$work/out")" 1
    check 'and the first process' is \
        "$(grep -c '"pid":1,.*"protected":true' "$work/out")" 1
    sleep 60 &
    sleeper=$!
    printf 'never exe=*/sleep uid=%s # all\n' "$(id -u)" >"$work/rules"
    run rank --window 10ms --all --json --rules "$work/rules"
    check "a rule protects whom it means, with its line" is \
        "$(grep "\"pid\":$sleeper," "$work/out" |
            grep -c '"cause":"rule","reason":"line 1 of the rules: never exe')" \
        "$(grep -c "\"pid\":$sleeper,.*\"marks\":\[\],\"marks_unknown\":\[\]" \
            "$work/out")"
    kill "$sleeper"
    wait "$sleeper" 2>/dev/null
fi

mistake "memory patterns: option '--p': '1' is not between 0 and 1" \
    patterns --p 1
run patterns -d 200ms -i 10ms
check 'weft memory patterns' is "$code" 0
check 'it tells where what is available goes' matches '^available: [0-9.]+ .iB'
check 'and when it would be used up' matches '^  used up|^  too few samples$'
run patterns -d 200ms -i 10ms --json
check 'in JSON too' matches '^\{"kind":"available","now_bytes":[1-9]'

run patterns --from "$work/nothing"
check 'a recording that is not there is a failure' is "$code" 1
check 'that is named' says out.err "cannot read '$work/nothing'"
echo 'not a recording' >"$work/wrong"
run patterns --from "$work/wrong"
check 'so is what is no recording' is "$code" 1
# A MiB less each second of 1000; one process has it, and another ends.
{
    echo 'weft-memory-trace 1'
    echo 'H 2048000 0 4096 1000'
    echo 'N 0 eater'
    echo 'N 1 gone'
    for ((i = 0; i < 100; i++)); do
        echo "M $((i * 1000)) $((1024000 - i * 1024))" - - - - - - - - - - - - -
        echo "P 0 0 $((i * 1024)) 0 - - - -"
        ((i > 20)) || echo "P 1 0 900000 0 - - - -"
    done
} >"$work/trace"
run patterns --from "$work/trace"
check 'a recording is looked at' is "$code" 0
check 'what falls has an end' matches '^  used up in 15[.0-9]* min'
check 'who has most at its end is told' matches '^eater: 99.0 MiB now'
run patterns --from "$work/trace" --json
check 'in JSON without a number of a process' matches \
    '^\{"kind":"process","name":"eater",'

mistake "memory bench: option '--iterations': '1' is too small" bench -n 1
if ! on_windows; then
    run bench -n 10 --idle 10ms
    check 'weft memory bench' is "$code" 0
    check 'each call stands beside the least' matches \
        '^look  *[0-9.]+  *[0-9.]+  *[0-9.]+  *[0-9.]+  read '
    check 'it says how many processes there are' matches '^list  *[1-9]'
    run bench -n 10 --idle 10ms --json
    check 'and in JSON' matches '^\{"figure":"list",.*"p50_ns_per_100":[0-9]'
    check 'with what the command itself takes' matches \
        '^\{"figure":"own_memory","private_bytes":[1-9]'
fi

run watch --stall 2s
check 'a stall as long as the window is refused' is "$code" 2
if on_windows || [[ -w /proc/pressure/memory ]]; then
    run watch --stall 1999ms --timeout 10ms
    check 'weft memory watch on a machine with plenty' is "$code" 124
    check 'and says so' says out.err 'have not waited'
fi
if ! on_windows && [[ -w /proc/pressure/memory ]]; then
    run watch --stall 1ms --window 499ms --timeout 10ms
    check 'a window that the system does not take' is "$code" 2
    check 'is named' says out.err '--window'
fi
mistake 'memory record: too few arguments' record
mistake "memory record: 'ls': a command comes after '--'" record "$work/x" ls
mistake "memory simulate: option '--policy': 'best' is not a policy" \
    simulate -p best x
mistake "memory simulate: option '--set': 'dwells=1' is not a constant of the \
policy" simulate --set dwells=1 x
traces=$WEFT_SOURCE/bench/memory/traces
run simulate "$work/none"
check 'a recording that is not there' is "$code" 1
printf 'weft-memory-trace 1\nH 1 0 4096 1000\nM 0 x\n' >"$work/bad"
run simulate "$work/bad"
check 'what is wrong with a recording' is "$code" 1
check 'is told with its line' says out.err ":3: available_kib: 'x' is not"
run simulate "$traces/leak.trace" -p kernel -p weft -p threshold --seed 7
check 'weft memory simulate' is "$code" 0
check 'compares policies' matches '^threshold  *[0-9.]+ '
check 'by pairs' matches '^threshold  *useful .* stall .* score '
cp "$work/out" "$work/first"
run simulate "$traces/leak.trace" -p kernel -p weft -p threshold --seed 7
check 'the same each time' cmp -s "$work/out" "$work/first"
run simulate "$traces/leak.trace" -p weft --json
check '--json is one object a policy' is "$(wc -l <"$work/out" | tr -d ' ')" 1
check 'nobody is touched who is protected' matches '"violations_mean":0,'
if ! on_windows; then
    run record "$work/new" -i 100ms -d 1s -- sleep 30
    check 'weft memory record' is "$code" 0
    cp "$work/new" "$work/out"
    check 'tells of the program' matches '^N 0 sleep$'
    check 'and of how long' matches '^M [1-9][0-9]* [0-9]+ '
    run record "$work/new" -d 1s
    check 'a file that is there is kept' is "$code" 1
    run record "$work/other" -d 1s -- "$work/nothing"
    check 'a program that is not there' is "$code" 1
fi
finish
