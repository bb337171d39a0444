#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# libweft-trim.so in programs that know nothing of it: it gives their heap's
# free memory back, and is not noticed otherwise.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/../tap.bash"

export WEFT_TRIM_LIBRARY=$WEFT_BUILD/src/libweft-trim.so
host=$WEFT_BUILD/tests/preload_host
if [[ ! -f $WEFT_TRIM_LIBRARY ]]; then
    echo '1..0 # SKIP libweft-trim.so is not built here'
    exit 77
fi

# begin PROGRAM...: starts it with the library, and with pipes in $in and $out.
begin() {
    rm -f "$work/in" "$work/out"
    mkfifo "$work/in" "$work/out"
    "$WEFT" memory listen "$@" <"$work/in" >"$work/out" 2>"$work/host.err" &
    program=$!
    exec {in}>"$work/in" {out}<"$work/out"
}

# hear: one line of the program's in $line.
hear() {
    line=
    read -r -t 20 -u "$out" line
}

tell() {
    echo >&"$in"
}

# end: lets it end, and leaves its exit code in $code.
end() {
    exec {in}>&-
    wait "$program"
    code=$?
    exec {out}<&-
}

# ask PID: its answer, as soon as it listens, in the file answer.
ask() {
    local late=$((SECONDS + 20))

    while ((SECONDS < late)); do
        "$WEFT" memory ask --json --pid "$1" >"$work/answer" \
            2>"$work/ask.err" && break
    done
    grep -q '"answer":"given"' "$work/answer"
}

# number NAME: a member of the answer.
number() {
    sed -n -E "s/.*\"$1\":(-?[0-9]+).*/\1/p" "$work/answer"
}

# resident PID: what it has in memory, in KiB.
resident() {
    sed -n -E 's/^VmRSS:\s*([0-9]+) kB/\1/p' "/proc/$1/status"
}

# near A B: within 10 %.
near() {
    (($1 * 10 >= $2 * 9 && $1 * 10 <= $2 * 11)) ||
        { printf '# %s is not near %s\n' "$1" "$2" && false; }
}

begin "$host" heap
hear
before=$(resident "$program")
check 'a program that was not written for it is asked' ask "$program"
gave=$(($(number measured_bytes) / 1024))
check 'it gives what its heap has free' test "$gave" -ge 32768
check 'and says how much that was' near "$gave" \
    "$((before - $(resident "$program")))"
check 'its descriptors are those that it had' test ! -e "/proc/$program/fd/5"
check 'once more there is nothing to give' ask "$program"
check 'and that is said' test "$(number measured_bytes)" -lt 1048576
end
check 'it ends as it would' is "$code" 0
check 'and leaves nothing' is "$(ls "$WEFT_RUNTIME_DIR")" ''

plain=$("$host" daemon </dev/null | head -n 1)
begin "$host" daemon
hear
check 'a program sees no descriptor more' is "$line" "$plain"
hear
check 'it listens' ask "$program"
tell
hear
check 'one that closes all that there are' is "$line" closed
check 'gives its memory all the same' ask "$program"
check '  as much' test "$(number measured_bytes)" -ge 33554432
tell
hear
check 'and what has the numbers now is as it was' is "$line" intact
end

begin "$host" fork
hear
child=$line
hear
check 'a forked child is asked' ask "$child"
# It shares what it gives with its parent, so that half of it counts.
check 'and gives' test "$(number measured_bytes)" -ge 16777216
check 'its parent too' ask "$program"
end
begin "$host" often
end
check 'children that end at once are no matter' is "$code" 0

begin "$host" detach
hear
child=$line
hear
check 'a daemon is asked' ask "$child"
end

begin "$host" exec
hear
check 'a program that is executed in place of another is asked' ask "$program"
end

begin "$host" signals
hear
check 'a program with signals listens' ask "$program"
tell
hear
check 'it has no handler, and gets its signals' is "$line" own
end

begin "$host" thread
hear
check 'a program whose first thread ends before others listens' \
    kill -0 "$program"
tell
hear
end
check 'it ends with its last one' is "$line-$code" last-0

if "$host" isolate </dev/null >"$work/isolate" 2>"$work/isolate.err"; then
    begin "$host" isolate
    hear
    check 'a program that is to be isolated listens' ask "$program"
    tell
    hear
    check 'it can be isolated, as without the library' is "$line" isolated
    end
else
    skip 'a program that is to be isolated' 'there are no user namespaces here'
fi

if command -v python3 >/dev/null; then
    begin python3 -c '
import sys
kept = []
for i in range(200000):
    kept.append(bytearray(500))
del kept[1:]
print("ready", flush=True)
sys.stdin.read()'
    hear
    check 'python3 is asked' ask "$program"
    end
    check 'and ends as it would' is "$code" 0
else
    skip 'python3' 'it is not here'
fi

begin "$host" heap
hear
ask "$program"
kill -9 "$program"
wait "$program" 2>/dev/null
exec {in}>&- {out}<&-
left=("$WEFT_RUNTIME_DIR"/*)
check 'what a killed program leaves' test "${#left[@]}-${left[0]}" = \
    "1-$WEFT_RUNTIME_DIR/weft.memory.pressure.$((program % 4096)).sock"
"$WEFT" memory ask >"$work/nobody"
check 'is removed by who asks next' is "$(ls "$WEFT_RUNTIME_DIR")" ''
check 'and is nobody' is "$(<"$work/nobody")" 'nobody listens'

LD_PRELOAD=$WEFT_TRIM_LIBRARY echo text >"$work/plain" 2>"$work/plain.err"
check 'nothing is written besides' is \
    "$(cat "$work/plain" "$work/plain.err")" text
LD_PRELOAD=/nowhere.so "$WEFT" memory listen printenv LD_PRELOAD \
    >"$work/list" 2>/dev/null
check 'other preloaded libraries stay' is "$(<"$work/list")" \
    "$WEFT_TRIM_LIBRARY:/nowhere.so"
"$WEFT" memory listen "$work/nothing" 2>"$work/missing.err"
check 'a program that is not there' is $? 127
check 'is named' says missing.err "cannot run '$work/nothing'"
"$WEFT" memory listen "$work" 2>"$work/folder.err"
check 'what is no program' is $? 126
"$WEFT" memory listen 2>"$work/usage.err"
check 'wrong usage is told apart from a program' is $? 125
WEFT_TRIM_LIBRARY=$work/nothing "$WEFT" memory listen true 2>"$work/none.err"
check 'without the library no program is started' is $? 125

if "$CC" -static -o "$work/static" -x c - <<<'int main(void) { return 3; }' \
    2>/dev/null; then
    "$WEFT" memory listen "$work/static" 2>"$work/static.err"
    check 'a static program runs as it does' is $? 3
else
    skip 'a static program' 'there is no static C library'
fi
finish
