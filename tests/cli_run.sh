#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft run as a user runs it: exit codes, limits that end a tree, reports.
# shellcheck source=tests/tap.bash disable=SC1091,SC2016
. "$(dirname "$0")/tap.bash"

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" run "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

# ended CODE [OUTPUT]: as it should be.
ended() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    is "$code" "$1" && { [[ $# == 1 ]] || is "$(cat "$work/out")" "$2"; }
}

# refused CODE PATTERN: nothing was run, and it was said why.
refused() {
    ended "$1" '' && says out.err "$2"
}

# member NAME: of the result in the file json, without quotes.
member() {
    grep '"type":"result"' "$work/json" |
        sed -n -E "s/.*\"$1\":\"?([^,\"}]*).*/\1/p"
}

# left WORDS: how many processes have this command line.
left() {
    local file words count=0

    for file in /proc/[0-9]*/cmdline; do
        words=()
        { mapfile -d '' -t words <"$file"; } 2>/dev/null
        [[ "${words[*]}" != "$1" ]] || count=$((count + 1))
    done
    printf '%s' $count
}

# ----------------------------------------------------------- exit codes ---

run true
check 'success is 0' ended 0
run sh -c 'echo out; echo err >&2; exit 3'
check 'the code is the program'"'"'s' ended 3 out
check 'and so is standard error' is "$(cat "$work/out.err")" err
run -- sh -c 'kill -SEGV $$'
check 'a signal is 128 and its number' ended 139
run "$work/nonesuch"
check 'no such program is 127' refused 127 'No such file'
touch "$work/file"
run "$work/file"
check 'one that cannot be executed is 126' refused 126 'Permission denied'
run sh -c 'echo "$@"' name -w 1s -- --json
check 'options behind the program are its own' ended 0 '-w 1s -- --json'

# ---------------------------------------------------------- wrong usage ---

run
check 'no program is 125' refused 125 'which program'
run --wal 1s true
check 'an unknown option is 125' refused 125 "did you mean '--wall'"
for wrong in '-w 0s' '-w 5' '-w 2s:1s' '-w 0s:1s' '-m 0' '-m -1' '-m 1X' \
    '-p 0' '-n 99999999999999999999' '--out 1K:1K' '--net maybe' \
    '--isolate memory' '--isolate nothing' '--try everything' '--ro here' \
    '--rw /tmp --ro /tmp' '--user nobody' '--user -1' '--cpus 1-' \
    '--cpus 2-1' '--cpus 5000' '--env =x' '--sandbox hard' '-k 0s'; do
    # Two words each.
    # shellcheck disable=SC2086
    run $wrong touch "$work/was-run"
    check "wrong: $wrong" refused 125 "weft run: option '--"
done
check 'none of these ran anything' [ ! -e "$work/was-run" ]

# --------------------------------------------------------------- limits ---

run -w 200ms sleep 1000.1
check 'the wall limit ends it with 124' ended 124 ''
check 'and says so' says out.err "'sleep' ended by the wall limit"
run -q -w 50ms sleep 1000
check 'unless it is to be quiet' is "$(cat "$work/out.err")" ''

run -w 300ms sh -c 'setsid sleep 1000.2 & (sleep 1000.2 &) ; sleep 1000.2'
check 'sessions and orphans end with it' ended 124
check 'none is left' is "$(left 'sleep 1000.2')" 0
run sh -c 'setsid sleep 1000.3 & exit 7'
check 'what outlives the program ends with it' ended 7
check 'none is left of these' is "$(left 'sleep 1000.3')" 0

run -w 100ms:20s sh -c 'trap "echo asked; exit 9" TERM; sleep 1000 & wait'
check 'a soft limit asks' ended 9 asked
run -w 100ms -k 100ms sh -c 'trap "echo asked" TERM
    while :; do sleep 0.02; done'
check 'with a grace time the limit asks first' ended 124 asked

run --out 10 sh -c 'echo 12345; echo 6789012345; sleep 1000'
check 'the output limit ends it with 123' ended 123
check 'to the byte' is "$(cat "$work/out")" "$(printf '12345\n6789')"
run --out 1M sh -c 'head -c 300000 /dev/zero | tr "\0" x; echo e >&2'
check 'what is below passes whole' is "$(wc -c <"$work/out")" 300000
check 'on both streams' is "$(cat "$work/out.err")" e
run --idle 200ms sh -c 'for i in 1 2 3 4; do echo $i; sleep 0.1; done
    sleep 1000'
check 'the idle limit counts from the last output' \
    ended 124 "$(printf '1\n2\n3\n4')"

run --fsize 1K sh -c 'exec dd if=/dev/zero of="$0" bs=2K count=1 2>/dev/null' \
    "$work/big"
check 'a file grows to the limit' is "$(stat -c %s "$work/big")" 1024
check 'and that ends it with 123' ended 123
run -n 20 sh -c 'ulimit -n'
check 'open files are limited' ended 0 20
run --core 0 --stack 1M sh -c 'ulimit -c; ulimit -s'
check 'so are core dumps and stacks' ended 0 "$(printf '0\n1024')"

# ---------------------------------------------------------- environment ---

VISIBLE=yes run --env 'NEW=a b' sh -c 'echo $VISIBLE $NEW'
check 'the environment is passed on, and added to' ended 0 'yes a b'
VISIBLE=yes OTHER=no run --clear-env --env VISIBLE \
    sh -c 'echo "$VISIBLE$OTHER"'
check 'or it is empty but for what is named' ended 0 yes
run -C / pwd
check 'the working directory can be chosen' ended 0 /
run -C "$work/nowhere" pwd
check 'one that is not there is refused' refused 125 'working directory'
run --cpus 0 nproc
if grep -q 'macOS lets no program' "$work/out.err"; then
    check 'CPUs can'"'"'t be chosen, and that is refused' refused 125 'CPUs'
else
    check 'CPUs can be chosen' ended 0 1
fi
exec 7<"$work/file"
run sh -c 'ls /proc/self/fd | wc -l'
check 'no other descriptor is passed on' ended 0 4
exec 7<&-

# -------------------------------------------------------------- signals ---

"$WEFT" run sleep 1000.4 &
pid=$!
until [[ $(left 'sleep 1000.4') == 1 ]]; do :; done
kill -TERM $pid
wait $pid
code=$?
check 'a signal is passed on to the program' is $code 143
check 'which ends by it' is "$(left 'sleep 1000.4')" 0
# It may get the signal twice: from here, and passed on.
setsid "$WEFT" run sh -c 'trap "trap \"\" TERM; exit 9" TERM
    sleep 1000.6 & wait' &
pid=$!
until [[ $(left 'sleep 1000.6') == 1 ]]; do :; done
kill -TERM -- -$pid
wait $pid
check 'what a whole group gets does not end the supervisor' is $? 9
python3 - "$WEFT" >"$work/out" 2>"$work/out.err" <<'EOF_PYTHON'
import os, pty, sys
program = 'n=0; trap "n=$((n+1))" INT; echo ready; sleep 0.3; sleep 0.3; ' \
          'echo count=$n'
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], 'run', 'bash', '-c', program])
text = b''
while b'ready' not in text:
    text += os.read(terminal, 100)
os.write(terminal, b'\x03')
while b'count=' not in text:
    text += os.read(terminal, 100)
os.waitpid(pid, 0)
print(text.decode().split('count=')[1].strip())
EOF_PYTHON
check 'what a terminal sends is not passed on besides' \
    is "$(cat "$work/out")" 1
"$WEFT" run sh -c 'setsid sleep 1000.5 & sleep 1000.5' &
pid=$!
until [[ $(left 'sleep 1000.5') == 2 ]]; do :; done
kill -KILL $pid
wait $pid 2>/dev/null
for ((i = 0; i < 1000; i++)); do
    [[ $(left 'sleep 1000.5') != 0 ]] || break
    sleep 0.01
done
check 'kill -9 of weft run ends the tree' is "$(left 'sleep 1000.5')" 0

# ------------------------------------------------------------ isolation ---

# strict_cases WHO: what $WEFT, run by WHO, keeps from a program.
strict_cases() {
    run --sandbox strict cat /etc/passwd
    check "$1: no file that is not named" refused 1 'No such file'
    run --sandbox strict --ro "$work/shared" cat "$work/shared/secret"
    check "$1: those that are" ended 0 secret
    run --sandbox strict --ro "$work/shared" touch "$work/shared/ro"
    check "$1: which can't be changed" refused 1 'touch'
    check "$1: and are not" [ ! -e "$work/shared/ro" ]
    run --sandbox strict --rw "$work/shared" touch "$work/shared/rw"
    check "$1: unless that is allowed" ended 0 ''
    rm -f "$work/shared/rw"
    run --sandbox strict --ro "$work/shared" --hide "$work/shared/secret" \
        cat "$work/shared/secret"
    check "$1: what is hidden is empty" ended 0 ''
    run --sandbox strict sh -c 'echo /proc/[0-9]*'
    check "$1: no process but its own" ended 0 '/proc/1 /proc/2'
    run --net off grep -c : /proc/net/dev
    check "$1: no network interface but its own" ended 0 1
    run --sandbox strict sh -c 'echo >"$TMPDIR/weft-cli-run" && echo $TMPDIR'
    check "$1: a temporary directory of its own" ended 0 /tmp
    check "$1: which goes with it" [ ! -e /tmp/weft-cli-run ]
    run --sandbox strict "$work/nonesuch"
    check "$1: a program must be inside" refused 127 'paths that are allowed'
    run --sandbox strict -C "$work" true
    check "$1: and so must its directory" refused 125 'working directory'
    run --sandbox strict --rw /tmp touch "$work/was-run"
    check "$1: what can't be had is refused" refused 125 'enforce temp: /tmp'
    run --sandbox basic --hide "$work" sh -c 'echo here; ls "$1"' name "$work"
    check "$1: hidden in the host's files" says out here
    check "$1: and there is nothing" [ "$(wc -l <"$work/out")" = 1 ]
}

if run --sandbox strict true && ended 0 ''; then
    mkdir "$work/shared"
    echo secret >"$work/shared/secret"
    strict_cases here
    run --sandbox strict touch "$work/was-run" </
    check 'an open directory is refused' refused 125 'is a directory'
    check 'none of these ran' [ ! -e "$work/was-run" ]
    cd "$work" || exit 1
    run -v --sandbox strict true
    check 'where it was started is told' says out.err 'started in /tmp'
    "$WEFT" run --sandbox strict sh -c 'setsid sleep 1000.7 & sleep 1000.7' &
    pid=$!
    until [[ $(left 'sleep 1000.7') == 2 ]]; do :; done
    kill -KILL $pid
    wait $pid 2>/dev/null
    for ((i = 0; i < 1000; i++)); do
        [[ $(left 'sleep 1000.7') != 0 ]] || break
        sleep 0.01
    done
    check 'kill -9 ends such a tree, too' is "$(left 'sleep 1000.7')" 0

    # Another user, if this one may become that one and it can reach weft.
    program=$WEFT
    printf '#!/bin/sh\nexec setpriv --reuid=65533 --regid=65533 %s\n' \
        "--clear-groups '$program' \"\$@\"" >"$work/as_user"
    chmod 700 "$work/as_user"
    chmod 711 "$work"
    chmod -R a+rwX "$work/shared"
    if [[ $(id -u) == 0 ]] && "$work/as_user" run true 2>/dev/null; then
        WEFT=$work/as_user
        strict_cases 'another user'
        WEFT=$program
    fi
else
    printf '# no strict sandbox here: left out\n'
fi

# -------------------------------------------------------------- reports ---

run --json "$work/json" -w 100ms --files 30 sleep 1000
check 'the result is JSON' python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
limits = {row["name"]: row for row in rows if row["type"] == "enforcement"}
assert limits["files"]["applied"] == 30, rows
assert limits["wall"]["requested"] == 100000000, rows
assert limits["wall"]["level"] == "monitored", rows
last = rows[-1]
assert last["reason"] == "wall" and last["killed"], rows
unknown = "orphans that may be" in last["evidence"]
assert last["signal"] == 9, rows
assert last.get("survivors", 0 if unknown else 1) == 0, rows
assert 100e6 <= last["wall_ns"] < 30e9, rows
assert "limit reached" in last["evidence"], rows' "$work/json"
run --json "$work/json" --meta "$work/meta" sh -c 'exit 5'
check 'with the reason' is "$(member reason) $(member exit_code)" 'exited 5'
check 'and as isolate writes it' grep -qx 'exitcode:5' "$work/meta"
check 'with its status' grep -qx 'status:RE' "$work/meta"
run --json fd:1 true
check 'a descriptor will do' says out '"reason":"exited"'
run --json "$work/no/json" true
check 'a report that cannot be written is 125' ended 125
run --json "$work/json" python3 -c 'import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
reader, writer = os.pipe()
if os.fork() == 0:
    while time.process_time() < 0.2:
        pass
    os._exit(0)
os.close(writer)
os.read(reader, 1)'
if [[ $(member cpu_complete) == true ]]; then
    check 'who is not waited for is counted' [ "$(member cpu_ns)" -ge 200000000 ]
else
    skip 'who is not waited for is counted' 'no control group can be made here'
fi
run -v true
check 'usage as GNU time has it' says out.err 'Elapsed (wall clock) time'
run --check
check 'what can be enforced is told' grep -q 'wall .*monitored' "$work/out"
run --explain -w 5s
check 'and so is a plan' grep -q 'wall .* 5 s' "$work/out"
run --explain -w 5s -- touch "$work/was-run"
check 'which runs nothing' [ ! -e "$work/was-run" ]

finish
