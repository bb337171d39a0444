#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft serve as a user runs it: a program answers calls.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

if on_windows; then
    "$WEFT" serve demo -- cat 2>"$work/serve.err"
    check 'no program is started' is $? 1
    check 'which is said before anything happens' says serve.err \
        'cannot run a program: not supported'
    finish
fi

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

# end SIGNAL PROCESS: leaves its exit code in $code.
end() {
    {
        kill -"$1" "$2"
        wait "$2"
    } 2>/dev/null
    code=$?
}

# A filter of lines that says how often it has answered, and does what some
# lines ask for.
filter=$work/filter
cat >"$filter" <<'EOF'
#!/usr/bin/env bash
count=0
while IFS= read -r line; do
    count=$((count + 1))
    case $line in
    die) exit 3 ;;
    kill) kill -9 $$ ;;
    twice) cat "${0%/*}/twice" ;; # in one write
    hang) exec sleep 1000 ;;
    pid) echo $$ ;;
    *) printf '%s: %s\n' "$count" "$line" ;;
    esac
done
echo over >>"${0%/*}/over"
EOF
chmod +x "$filter"

# -------------------------------------------------------------- answers ---

serve -- cat
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
end TERM "$server"
check 'a signal ends weft serve' is "$code" 143
check 'and its name is gone' is "$(find "$WEFT_RUNTIME_DIR" -type s)" ''

serve --null -- cat
call $'two\nlines'
check 'NUL bytes may end requests' answered $'two\nlines'
printf 'a\0b' >"$work/in"
call <"$work/in"
check 'which then are refused in them' refused 'answered: '
end TERM "$server"

serve --count 3 --json -- "$filter"
call a
call b
check 'the program is kept running' answered '2: b'
call c
wait "$server"
check 'weft serve ends after its calls' is $? 0
check 'and has counted them' says serve.err '"messages":3,'
check 'the program could end by itself' test -s "$work/over"

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
check 'which is told' says serve.err 'was ended by signal 9'
printf 'one\ntwo\n' >"$work/twice"
call twice
check 'two lines for one request are none' refused 'answered: '
call d
check 'and are no answer to the next one' answered '1: d'
end TERM "$server"

serve --limit 100ms -- "$filter"
call hang
check 'a program that hangs is ended' refused 'the deadline has passed'
call e
check 'and the next call is answered' answered '1: e'
end TERM "$server"

serve -- "$filter"
"$WEFT" call demo --wait --timeout 50ms hang 2>"$work/out.err"
check 'a caller need not wait for ever' is $? 124
end TERM "$server"
check 'nor does a hanging program keep weft serve' is "$code" 143

serve -- sh -c 'echo banner; cat'
wait "$server"
check 'a program that is no filter is given up' is $? 1
check 'at last' says serve.err 'given up after 10 times'
"$WEFT" serve demo -- "$work/missing" 2>"$work/serve.err"
check 'a program that is not there' is $? 1
check 'is missed' says serve.err "cannot start '$work/missing'"
"$WEFT" serve demo 2>"$work/serve.err"
check 'there must be a program' is $? 2

# ---------------------------------------------------------------- copies ---

# A program that says in a pipe that it is at work, and waits there.
cat >"$work/meet" <<'EOF'
#!/usr/bin/env bash
while IFS= read -r line; do
    echo "$line" >"${0%/*}/met"
    read -r _ <"${0%/*}/gate"
    echo "$line"
done
EOF
chmod +x "$work/meet"
mkfifo "$work/met" "$work/gate"
exec 7<>"$work/met" 8<>"$work/gate"

serve --jobs 2 -- "$work/meet"
"$WEFT" call --wait demo 1 >"$work/one" &
first=$!
"$WEFT" call --wait demo 2 >"$work/two" &
second=$!
read -r one <&7
read -r two <&7
check 'two copies work at once' is $((one + two)) 3
printf 'go\ngo\n' >&8
wait "$first" "$second"
check 'and both answer' is "$(cat "$work/one")-$(cat "$work/two")" 1-2
end TERM "$server"

# One call is under way, one waits, and there is no room for two more.
serve --queue 1 -- "$work/meet"
"$WEFT" call --wait demo 1 >"$work/one" &
first=$!
read -r one <&7
waiting=()
for i in 1 2 3; do
    "$WEFT" call demo "$i" >"$work/q$i" 2>"$work/q$i.err" &
    waiting+=($!)
done
wait -n "${waiting[@]}"
wait -n "${waiting[@]}"
check 'a full queue refuses two of four calls' is \
    "$(cat "$work"/q?.err | grep -c 'answered: ')" 2
printf 'go\ngo\n' >&8
wait "${waiting[@]}" "$first"
read -r _ <&7
check 'and two are answered' is "$(cat "$work/one" "$work"/q[123] | wc -c)" 2
end TERM "$server"

# A call that is given up while it waits never reaches the program.
serve -- "$work/meet"
"$WEFT" call --wait demo 1 >"$work/one" &
first=$!
read -r one <&7
"$WEFT" call demo 2 --timeout 50ms 2>"$work/out.err"
check 'a call in the queue can time out' is $? 124
"$WEFT" call demo 3 >"$work/two" &
second=$!
printf 'go\ngo\n' >&8
wait "$first" "$second"
read -r one <&7
check 'and the program never sees it' is "$one" 3
end TERM "$server"
finish
