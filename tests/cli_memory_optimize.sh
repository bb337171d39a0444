#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft memory optimize as a user runs it, without swap of its own.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" memory optimize "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

# mistake MESSAGE ARGUMENTS...: wrong usage that is answered by the message.
mistake() {
    local message=$1
    shift
    run "$@"
    check "wrong usage: ${*@Q}" is "$code" 2
    check "  $message" is "$(head -n 1 "$work/out.err")" \
        "weft memory optimize: $message"
}

# matches EXPRESSION: a line of the output does.
matches() {
    grep -q -E -e "$1" "$work/out"
}

# lacks FILE TEXT: it is nowhere in the file.
lacks() {
    ! says "$1" "$2"
}

mistake "unexpected argument 'now'" now
mistake "option '--target': '4x' is no process number" -t pid:4x
mistake "option '--target': '0' is no process number" -t pid:0
mistake "option '--target': 'firefox' is none of pid:N, name:X, exe:PATH, \
group:PATH, file:PATH and self" --target firefox
mistake "option '--follow': '301s' is too large" --follow 301s
mistake "'--verb group' takes a '--target'" --verb group
run --help
check 'its help' matches '^Usage: weft memory optimize'

run --rules "$work/none" --dry-run
check 'rules that are not there' is "$code" 1
check 'are named' says out.err 'cannot read'
printf 'never uid=1000\nsometimes\n' >"$work/rules"
run --rules "$work/rules" --dry-run
check 'rules that are wrong' is "$code" 2
check 'are told by their line' says out.err ':2: '

run --target file:"$work/none"
check 'a file that there is not' is "$code" 1
check 'is told' matches 'no such target|not supported'
if on_windows; then
    finish
fi

run --target pid:1 --dry-run
check 'the first process' is "$code" 1
check 'is protected' matches '^pid 1 .*: protected: '
run --target pid:1 --json
check 'in JSON too' matches '"event":"plan".*"pid":1,.*"obstacle":"protected"'
check 'and nothing is done' lacks out '"event":"verdict"'
run --target name:no-such-program-here
check 'a name that nobody has' is "$code" 1

head -c 1000000 /dev/zero >"$work/file"
run --target file:"$work/file" --follow 0s
check 'copies of a file' is "$code" 0
check 'gain nothing' matches 'released 0 B .*no effect'
run --target file:"$work/file" --follow 0s --json
check 'the verdict in JSON' matches \
    '"event":"verdict".*"outcome":"no effect".*"released_bytes":-?[0-9]+'

run --dry-run
check 'the plan for all' is "$code" 0
check 'tells what was looked at' matches '^[0-9]+ processes were looked at: '

# What a plan may do is read: no process is advised, and nothing is opened for
# writing in /proc and /sys.
if command -v strace >"$work/null" && [[ -z ${WEFT_SANITIZE:-} ]] &&
    strace -o "$work/trace" true 2>"$work/null"; then
    sleep 60 &
    victim=$!
    strace -f -o "$work/trace" "$WEFT" memory optimize --dry-run \
        --target "pid:$victim" --target "file:$work" --target group:/ \
        --target self --target name:sleep --aggressive \
        >"$work/out" 2>"$work/out.err" </dev/null
    kill "$victim"
    check 'there is a trace' says trace 'openat('
    check 'a dry run advises nobody' lacks trace \
        'process_madvise('
    check 'drops no copies' lacks trace 'fadvise64('
    # The heap's own madvise is the process's, of itself.
    check 'writes to no file but its output' is \
        "$(grep -E '(openat|creat)\(' "$work/trace" |
            grep -c -E 'O_WRONLY|O_RDWR|O_CREAT|O_TRUNC')" 0
    check 'and to no other' is \
        "$(grep -E ' (write|pwrite64|writev|sendto|sendmsg)\(' "$work/trace" |
            grep -v -c -E ' write(v)?\([12],')" 0
    check 'sends no signal' lacks trace ' kill('
    strace -f -o "$work/trace" "$WEFT" memory optimize --follow 0s \
        --target "file:$work/file" >"$work/out" 2>"$work/out.err" </dev/null
    check 'what is no dry run is seen in a trace' says trace 'fadvise64('
    run --dry-run --target "pid:$$"
    check 'who starts the command is protected' matches 'protected: '
else
    echo '# without strace: whether a dry run changes anything is not looked at'
fi
finish
