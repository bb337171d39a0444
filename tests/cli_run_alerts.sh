#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft run --alert: when alerts fire, what their commands get, and how they
# end. The programs go on when an alert has fired, and not before.
# shellcheck source=tests/tap.bash disable=SC1091,SC2016
. "$(dirname "$0")/tap.bash"

mkfifo "$work/go"
export GO=$work/go FIRED=$work/fired
awaits='read line <"$GO"'
fire='echo "$WEFT_ALERT" >>"$FIRED"; echo >"$GO"'

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err;
# the time limit is for what would never end.
run() {
    rm -f "$FIRED"
    "$WEFT" run -w 20s "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

# ended CODE [OUTPUT]: as it should be.
ended() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    is "$code" "$1" && { [[ $# == 1 ]] || is "$(cat "$work/out")" "$2"; }
}

# fired CODE CONDITION: the run ended so, and the alert has fired once.
fired() {
    ended "$1" && is "$(cat "$FIRED")" "$2"
}

# is_gone WORDS: no process has this command line any more; who was killed may
# take a moment.
is_gone() {
    local tries

    for ((tries = 0; tries < 200; tries++)); do
        cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' |
            grep -q -F -e "$1" || return 0
    done
    return 1
}

# ----------------------------------------------------------- while it runs ---

run --alert "wall>50ms:$fire" sh -c "$awaits; exit 3"
check 'an alert of time fires while the program runs' fired 3 'wall>50ms'
run --alert "wall>1%:$fire" sh -c "$awaits"
check 'a share of the limit will do' fired 0 'wall>1%'
run --alert "cpu>60ms:touch \$FIRED" sh -c 'until [ -e "$FIRED" ]; do :; done'
check 'CPU time' ended 0 ''
run --out 1M --alert "output>100:$fire" \
    sh -c "head -c 101 /dev/zero; $awaits"
check 'output' fired 0 'output>100'
run --idle 20s --alert "idle>60ms:$fire" sh -c "echo x; $awaits"
check 'silence' fired 0 'idle>60ms'
if run -p 100 -m 300M true && [[ $code == 0 ]]; then
    run -p 100 --alert "procs>3:$fire" \
        sh -c 'for i in 1 2 3; do sleep 1000 & done; '"$awaits"
    check 'processes' fired 0 'procs>3'
    run -m 300M --alert "mem>20%:$fire" python3 -c 'import os
kept = bytearray(100 << 20)
open(os.environ["GO"]).read()'
    check 'memory' fired 0 'mem>20%'
    run -m 60M --alert 'mem>50%:echo "$WEFT_ALERT_VALUE" >"$FIRED"' \
        python3 -c 'kept = bytearray(500 << 20)'
    check 'memory that was there too shortly to be seen' ended 123
    check '  is told by the peak' [ "$(cat "$FIRED")" -ge $((30 << 20)) ]
else
    skip 'processes and memory' 'no control groups here'
fi
run --alert "wall>20ms:$fire" --alert 'wall>40ms:echo second >&2
    touch "$FIRED.2"'     --alert 'wall>19s:echo third >&2' \
    sh -c "$awaits; until [ -e \"\$FIRED.2\" ]; do :; done"
check 'of several each fires by itself' fired 0 'wall>20ms'
check '  and some do not' is "$(cat "$work/out.err")" second
run --alert 'cpu>1ms:echo end >&2' sh -c 'i=0
    while [ $i -lt 9999 ]; do i=$((i + 1)); done'
check 'what is seen at the end alone is told then' is \
    "$(cat "$work/out.err")" end

# --------------------------------------------------------------- commands ---

run --alert 'wall>50ms:env | grep -E "^WEFT_(ALERT|RUN_P)" | sort >"$FIRED"
    read line; echo "<$line>" >&2; echo out; kill -TERM "$WEFT_RUN_PID"' \
    sleep 1000
check 'the command knows the program' ended 143 ''
check '  has nothing to read, and our standard error' is \
    "$(cat "$work/out.err")" '<>'
sed -i -E 's/(PID|VALUE)=[0-9]+/\1=N/' "$FIRED"
check '  and what it is about' is "$(tr '\n' ' ' <"$FIRED")" \
    'WEFT_ALERT=wall>50ms WEFT_ALERT_LIMIT=20000000000 WEFT_ALERT_THRESHOLD=50000000 WEFT_ALERT_VALUE=N WEFT_RUN_PID=N '
WEFT_ALERT=old run -n 20 --alert 'wall>10ms:ulimit -n >&2; echo $WEFT_ALERT >&2
    echo >"$GO"' sh -c "$awaits"
check '  has no limits, and no old variables' is \
    "$(grep -c -e '^20$' -e old "$work/out.err")" 0
run --alert "wall>10ms:echo >\"\$GO\"; exit 3" sh -c "$awaits; exit 4"
check 'one that fails changes no exit code' ended 4 ''
check '  and is told' is "$(cat "$work/out.err")" \
    "weft: alert 'wall>10ms': its command has ended with exit code 3"
run --alert 'wall>10ms:echo >"$GO"; kill -9 $$' sh -c "$awaits"
check 'as is one that was killed' says out.err 'was ended by signal 9'
run --alert 'wall>10ms:echo >"$GO"; sleep 1000.7; echo no >&2' sh -c "$awaits"
check 'one that does not end is ended' ended 0 ''
check '  which is told' is "$(cat "$work/out.err")" \
    "weft: alert 'wall>10ms': its command took too long, and was ended"
check '  with what it has started' is_gone 'sleep 1000.7'
# ------------------------------------------------------------ wrong usage ---

# wrong TEXT MESSAGE [OPTION...]
wrong() {
    local text=$1 message=$2
    shift 2
    "$WEFT" run "$@" --alert "$text" touch "$work/was-run" \
        >"$work/out" 2>"$work/out.err"
    code=$?
    check "wrong: $text" ended 125 ''
    check "  $message" says out.err "$message"
}

wrong '' "has no ':'"
wrong 'mem>80%' "has no ':'"
wrong 'mem:x' "has no '>'"
wrong '>5:x' 'is about none of mem, cpu'
wrong 'memory>5M:x' 'is about none of mem, cpu'
wrong 'mem>:x' 'has no value'
wrong 'mem>5M:' 'has no command'
wrong 'mem>5M: ' 'has no command'
wrong 'mem>0%:x' 'percentage of 0'
wrong 'mem>101%:x' 'percentage above 100'
wrong 'mem>99999999999999999999%:x' 'percentage above 100'
wrong 'mem>%:x' 'no whole number'
wrong 'mem>5.5%:x' 'no whole number'
wrong 'mem>5s:x' 'neither a size nor a percentage'
wrong 'cpu>5:x' 'neither a duration nor a percentage'
wrong 'procs>5K:x' 'neither a number nor a percentage'
wrong 'mem>99999999999999999999:x' 'too large'
wrong 'wall>99999999999999999999.5s:x' 'too large'
wrong 'wall>0s:x' 'too small'
wrong 'mem>80%:x' 'a share of a limit that is not set'
wrong 'wall>5s:x' 'not below the limit' -w 5s
wrong 'output>5:x' 'needs --out or --idle'
wrong 'idle>1s:x' 'needs --out or --idle'
wrong 'procs>5:x' 'needs --procs'
many=()
for ((i = 0; i < 33; i++)); do
    many+=(--alert 'wall>5s:x')
done
wrong 'wall>6s:x' 'one alert too many' "${many[@]}"
check 'none of these ran anything' [ ! -e "$work/was-run" ]
finish
