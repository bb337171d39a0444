#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The standard streams of weft run's program: files, a channel, and a terminal
# with a status line.
# shellcheck source=tests/tap.bash disable=SC1091,SC2016
. "$(dirname "$0")/tap.bash"
worker=$(realpath "$bin_dir/../../examples/worker")

# run ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
run() {
    "$WEFT" run "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

# refused PATTERN: nothing was run, and it was said why.
refused() {
    is "$code" 125 && says out.err "$1" && [[ ! -e $work/was-run ]]
}

# has FILE TEXT: the file contains the text and nothing else.
has() {
    is "$(cat "$work/$1")" "$2"
}

# ---------------------------------------------------------------- files ---

printf 'one\ntwo\n' >"$work/in"
echo 'longer than what comes' >"$work/to"
run -i "$work/in" -o "$work/to" -e "$work/err" \
    sh -c 'cat; echo err >&2; exit 3'
check 'files are the streams, and the code is the program'"'"'s' is "$code" 3
check 'output, in a file that was emptied' has to "$(printf 'one\ntwo')"
check 'and errors' has err err
check 'nothing is printed' [ ! -s "$work/out" -a ! -s "$work/out.err" ]
run --stdout "$work/both" --stderr "$work/both" \
    sh -c 'echo 1; echo 2 >&2; echo 3'
check 'both in one file, in order' has both "$(printf '1\n2\n3')"
ln -s both "$work/link"
run -o "$work/both" -e "$work/link" sh -c 'echo 4; echo 5 >&2'
check 'also if it has two names' has both "$(printf '4\n5')"
run --out 6 -o "$work/to" sh -c 'echo 123456789'
check 'the output limit counts what goes to a file' is "$code" 123
check 'to the byte' has to 123456
run -o "$work/to" --json "$work/json" sh -c 'exit 4'
check 'a report goes with it' grep -q '"exit_code":4' "$work/json"

run -i "$work/nonesuch" touch "$work/was-run"
check 'an input that is not there' refused "cannot open '$work/nonesuch'"
run -o "$work/no/to" touch "$work/was-run"
check 'an output that can'"'"'t be made' refused "cannot open '$work/no/to'"
run -i / touch "$work/was-run"
check 'a directory as input' refused "cannot open '/'"
run -e / touch "$work/was-run"
check 'a directory as output' refused "cannot open '/'"
echo 123456 >"$work/to"
run -o "$work/to" -e "$work/in" -i "$work/in" touch "$work/was-run"
check 'an output that is the input' refused 'the input is read from there'
check 'is not emptied' has in "$(printf 'one\ntwo')"
check 'nor is the other one' has to 123456
run -i "$work/in" -o "$work/untouched" --explain touch "$work/was-run"
check 'a plan opens nothing' [ ! -e "$work/untouched" ]
run -i
check 'a file must be named' is "$code" 125

# -------------------------------------------------------------- channel ---

# squares OPTIONS...: of the numbers in the file numbers.
squares() {
    "$WEFT" run --channel --size 8 "$@" "$worker" <"$work/numbers" \
        2>"$work/out.err" | od -A n -t u8 | tr -s ' \n' ' '
}

python3 -c 'import struct, sys
sys.stdout.buffer.write(struct.pack("=3Q", 2, 3, 100000))' >"$work/numbers"
check 'a worker is talked to' is "$(squares)" ' 4 9 10000000000 '
if "$WEFT" run --sandbox strict true 2>/dev/null; then
    check 'also from within a sandbox' is \
        "$(squares --sandbox strict --ro "$worker")" \
        ' 4 9 10000000000 '
else
    skip 'also from within a sandbox' 'no strict sandbox here'
fi

python3 -c 'import struct, sys
sys.stdout.buffer.write(b"".join(struct.pack("=Q", i) for i in range(1, 200001)))' \
    >"$work/many"
"$WEFT" run --channel --size 8 "$worker" <"$work/many" >"$work/squared"
check 'many messages' python3 -c 'import struct, sys
numbers = struct.iter_unpack("=Q", open(sys.argv[1], "rb").read())
assert [n for (n,) in numbers] == [i * i for i in range(1, 200001)]' \
    "$work/squared"

mkfifo "$work/slow"
"$WEFT" run --channel --size 8 "$worker" <"$work/many" >"$work/slow" &
pid=$!
exec 8<"$work/slow"
read -r -N 1 <&8
cat <&8 >/dev/null
wait $pid
check 'an output that is slow' is $? 0
exec 8<&-

mkfifo "$work/later"
"$WEFT" run --channel --size 8 "$worker" <"$work/later" >"$work/out" &
pid=$!
exec 9>"$work/later"
head -c 8 "$work/numbers" >&9
until [[ -s $work/out ]]; do :; done
check 'an answer comes before the input ends' is \
    "$(od -A n -t u8 "$work/out" | tr -d ' ')" 4
exec 9>&-
wait $pid
check 'whose end the program is told' is $? 0

head -c 8 /dev/zero >"$work/zero"
"$WEFT" run --channel --size 8 -w 300ms "$worker" <"$work/zero" \
    >"$work/out" 2>"$work/out.err"
check 'a limit ends one that does not answer' is $? 124
"$WEFT" run --channel --size 8 "$worker" <"$work/numbers" >/dev/full \
    2>"$work/out.err"
check 'an output that fails is 125' is $? 125
check 'and is told' says out.err 'cannot write to stdout'
run --channel sh -c 'read line; echo "out:$line"; exit 5' <"$work/in"
check 'a program that does not open its channel goes on as ever' is "$code" 5
check 'its own input is empty, its output beside the messages' \
    has out.err out:
check 'which are none' has out ''
"$WEFT" run --channel sh -c 'echo >"$0"; exec sleep 1000' "$work/runs" \
    >"$work/out" 2>"$work/out.err" </dev/null &
pid=$!
until [[ -e $work/runs ]]; do :; done
kill -TERM $pid
wait $pid
check 'a signal is passed on before it has opened it' is $? 143
run --lines true
check 'framing is for a channel' refused "are for '--channel'"
run --size 8 true
check 'either way of it' refused "are for '--channel'"
run --channel --lines --size 8 true
check 'of one kind' refused 'exclude each other'
run --channel --size 0 true
check 'a message has a size' refused "option '--size'"

# ------------------------------------------------------------- terminal ---

# on_terminal COLUMNS COMMAND...: leaves all that it writes to a terminal in
# the file screen, and the exit code in $code.
on_terminal() {
    python3 -c 'import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ,
                struct.pack("HHHH", 24, int(sys.argv[2]), 0, 0))
    os.execv(sys.argv[3], sys.argv[3:])
out = open(sys.argv[1], "wb")
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    out.write(data)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))' "$work/screen" "$@"
    code=$?
}

# shown COLUMNS: what the terminal shows at the end, and no line is too long.
shown() {
    python3 -c 'import sys
lines, line, at = [], [], 0
for byte in open(sys.argv[1], newline="").read().replace("\r\n", "\n"):
    if byte == "\n":
        lines.append("".join(line).rstrip())
        line, at = [], 0
    elif byte == "\r":
        at = 0
    else:
        assert at < int(sys.argv[2]), "too long"
        line[at:at + 1] = byte
        at += 1
rest = "".join(line).rstrip()
print("\n".join(lines + ([rest] if rest else [])))' "$work/screen" "$1"
}

# It takes its time: the line is drawn four times a second.
talker='echo first; sleep 0.3; printf "amid "; sleep 0.3; echo line
echo error >&2; sleep 0.3; exit 6'
on_terminal 100 "$WEFT" run --status -w 20s -m 1G sh -c "$talker"
check 'a program with a status line has its code' is "$code" 6
check 'the line is shown' grep -q 'wall 0\..*s/20 s .*cpu .*memory ' \
    "$work/screen"
check 'and wiped; the output is whole and in order' is "$(shown 100)" \
    "$(printf 'first\namid line\nerror')"
on_terminal 24 "$WEFT" run --status -w 20s sh -c "$talker"
check 'a narrow terminal is not overrun' is "$(shown 24)" \
    "$(printf 'first\namid line\nerror')"
on_terminal 80 "$WEFT" run --status -o "$work/to" -e "$work/err" \
    sh -c "$talker"
check 'with files it is shown, too' grep -q 'wall 0\.' "$work/screen"
check 'and they have the output' has to "$(printf 'first\namid line')"
talker='echo first; sleep 0.3; echo error >&2'
on_terminal 80 "$WEFT" run sh -c "$talker"
check 'it is not shown unasked' is "$(grep -c 'wall 0' "$work/screen")" 0
on_terminal 80 "$WEFT" run --status --json "$work/json" sh -c "$talker"
check 'nor with JSON' is "$(grep -c 'wall 0' "$work/screen")" 0
run --status sh -c "$talker"
check 'nor without a terminal' has out.err error
check 'where the output is the program'"'"'s' has out first

finish
