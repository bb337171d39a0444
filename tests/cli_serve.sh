#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft serve as a user runs it: a program answers calls.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# See tests/filter.c.
filter=$bin_dir/../../tests/filter
[[ -x $filter ]] || filter=$filter.exe
open_gate=$(launch "$filter")

# serve OPTIONS... -- COMMAND: leaves the server in $server.
serve() {
    "$WEFT" serve demo "$@" 2>"$work/serve.err" &
    server=$!
}

# call ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
call() {
    "$WEFT" call --wait --timeout 40s demo "$@" >"$work/out" 2>"$work/out.err"
    code=$?
}

answered() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    [[ $code == 0 ]] && is "$(cat "$work/out")" "$1"
}

refused() {
    printf '# code %s: %s\n' "$code" "$(cat "$work/out.err")"
    [[ $code == 1 ]] && says out.err "$1"
}

# end: ends the server by a signal and leaves its exit code in $code. There are
# none on Windows, where it is killed, and the system ends its programs.
end() {
    local signal=TERM
    ! on_windows || signal=KILL
    {
        kill -"$signal" "$server"
        wait "$server"
    } 2>/dev/null
    code=$?
}
ended() {
    on_windows || is "$code" 143
}

# -------------------------------------------------------------- answers ---

serve -- "$filter" echo
call hello
check 'a line is answered' answered hello
call ''
check 'so is an empty one' answered ''
head -c 1000000 /dev/zero | tr '\0' m >"$work/in"
call <"$work/in"
check '1 MB is answered' cmp "$work/in" "$work/out"
call --one-way gone
call next
check 'a message that wants no answer gets none' answered next
call $'two\nlines'
check 'a request with a newline is refused' refused 'answered: '
call after
check 'and does no harm' answered after
end
check 'a signal ends weft serve' ended
if ! on_windows; then
    check 'and its name is gone' is "$(find "$WEFT_RUNTIME_DIR" -type s)" ''
fi

serve --null -- "$filter" echo
call $'two\nlines'
check 'NUL bytes may end requests' answered $'two\nlines'
printf 'a\0b' >"$work/in"
call <"$work/in"
check 'which then are refused in them' refused 'answered: '
end

serve --count 3 --json -- "$filter"
call a
call b
check 'the program is kept running' answered '2: b'
call c
wait "$server"
check 'weft serve ends after its calls' is $? 0
check 'and has counted them' says serve.err '"messages":3,'
check 'the program could end by itself' says serve.err over

words=('' 'a b' '"' $'\\' 'a\"b' $'a\\\\' '\\ "' '*' '%PATH%' '^&|<>' $'a\tb')
serve --null -- "$filter" words "${words[@]}"
call x
check 'the program gets its arguments as they are' \
    answered "$(printf '%s\n' "${words[@]}")"
end

# ------------------------------------------------------- failing programs ---

serve -- "$filter"
call a
call die
check 'a call at which the program ends fails' refused 'answered: '
call b
check 'and the next one finds it started again' answered '1: b'
call kill
check 'so for a program that is killed' refused 'answered: '
call c
check 'the next one again' answered '1: c'
by='signal 9'
! on_windows || by='exception 0xC0000005'
check 'which is told' says serve.err "was ended by $by"
call twice
check 'two lines for one request are none' refused 'answered: '
call d
check 'and are no answer to the next one' answered '1: d'
end

serve -- "$filter"
call deaf
call f
check 'one that closes its input is ended' refused 'answered: '
call g
check 'and started again' answered '1: g'
end

serve --limit 100ms -- "$filter"
call hang
check 'a program that hangs is ended' refused 'the deadline has passed'
call e
check 'and the next call is answered' answered '1: e'
end

serve -- "$filter"
"$WEFT" call demo --wait --timeout 50ms hang 2>"$work/out.err"
check 'a caller need not wait for ever' is $? 124
end
check 'nor does a hanging program keep weft serve' ended

# Who can still write to this pipe is still there.
if on_windows; then
    mkfifo "$work/held"
    "$WEFT" serve demo -- "$filter" 2>"$work/held" &
    server=$!
    exec 9<"$work/held"
    "$WEFT" call demo --wait --timeout 50ms hang 2>"$work/out.err"
    end
    check 'which ends with it' timeout 20 cat <&9
    exec 9<&-
fi

serve -- "$filter" banner
wait "$server"
check 'a program that is no filter is given up' is $? 1
check 'at last' says serve.err 'given up after 10 times'
"$WEFT" serve demo -- "$work/missing" 2>"$work/serve.err"
check 'a program that is not there' is $? 1
check 'is missed' says serve.err "cannot start '$work/missing'"
"$WEFT" serve demo 2>"$work/serve.err"
check 'there must be a program' is $? 2

# ---------------------------------------------------------------- copies ---

# A program that has come to the gate with a line says so in a pipe. met: waits
# for that, and leaves the line in $met.
mkfifo "$work/met"
exec 7<>"$work/met"
serve_gate() {
    "$WEFT" serve demo "$@" -- "$filter" gate 2>"$work/met" &
    server=$!
}
met() {
    local word
    while read -r word met <&7 && [[ $word != at ]]; do :; done
}

serve_gate --jobs 2
"$WEFT" call --wait demo 1 >"$work/one" &
first=$!
"$WEFT" call --wait demo 2 >"$work/two" &
second=$!
met
one=$met
met
two=$met
check 'two copies work at once' is $((one + two)) 3
"$open_gate" open 2
wait "$first" "$second"
check 'and both answer' is "$(cat "$work/one")-$(cat "$work/two")" 1-2
end

# One call is under way, one waits, and there is no room for two more.
serve_gate --queue 1
"$WEFT" call --wait demo 1 >"$work/one" &
first=$!
met
waiting=()
for i in 1 2 3; do
    "$WEFT" call demo "$i" >"$work/q$i" 2>"$work/q$i.err" &
    waiting+=($!)
done
wait -n "${waiting[@]}"
wait -n "${waiting[@]}"
check 'a full queue refuses two of four calls' is \
    "$(cat "$work"/q?.err | grep -c 'answered: ')" 2
"$open_gate" open 2
wait "${waiting[@]}" "$first"
met
check 'and two are answered' is "$(cat "$work/one" "$work"/q[123] | wc -c)" 2
end

# A call that is given up while it waits never reaches the program.
serve_gate
"$WEFT" call --wait demo 1 >"$work/one" &
first=$!
met
"$WEFT" call demo 2 --timeout 50ms 2>"$work/out.err"
check 'a call in the queue can time out' is $? 124
"$WEFT" call demo 3 >"$work/two" &
second=$!
"$open_gate" open 2
wait "$first" "$second"
met
check 'and the program never sees it' is "$met" 3
end
finish
