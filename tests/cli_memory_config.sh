#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What weft memory daemon is told: the file, where each value is from, and what
# is wrong with a hostile one.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

export HOME=$work/home XDG_CONFIG_HOME=$work/home/config
mkdir -p "$XDG_CONFIG_HOME"

# config ARGUMENTS...: leaves the exit code in $code, output in out and out.err.
config() {
    "$WEFT" memory config "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

# file TEXT: is the file, as printf takes it.
file() {
    # The text is a format.
    # shellcheck disable=SC2059
    printf "$1" >"$work/file"
}

# wrong TEXT MESSAGE: the file is refused, with the message.
wrong() {
    file "$1"
    config --check --file "$work/file"
    check "refused: $2" is "$code" 2
    check '  and that is said' says out.err "$2"
    check '  and nothing is printed' is "$(cat "$work/out")" ''
}

# value KEY: with the line before it, which is its origin.
value() {
    grep -B 1 "^$1 = " "$work/out"
}

config
check 'without a file there are defaults' is "$code" 0
check '  which are told' is "$(value settle)" $'# default\nsettle = 120s'
config --check
check 'and they are right' is "$code" 0
for command in config daemon why suggest; do
    "$WEFT" memory "$command" --help >"$work/out" 2>&1
    check "weft memory $command --help fits" is \
        "$(grep -c '.\{80\}' "$work/out")" 0
    while read -r option; do
        check "  and the manual has $option" grep -q -F -e "$option" <(
            sed 's/\\//g' "$source_dir/man/weft-memory-daemon.1"
        )
    done < <(grep -o -E -e '--[a-z][a-z-]*' "$work/out" | sort -u)
done
config --json
while read -r key; do
    check "the manual has the key $key" grep -q -F -e "$key" <(
        sed 's/\\//g' "$source_dir/man/weft-memory-daemon.1"
    )
done < <(sed -n 's/.*"key":"\([^"]*\)".*/\1/p' "$work/out")

file '# ours\n[daemon]\ndry-run = yes\n\n[policy]\n watch-available=25 \n[rules]\nnever exe=/opt/*\n'
config --file "$work/file" --set history.most=32M
check 'a file is taken in' is "$code" 0
check '  with the line of each value' is "$(value dry-run)" \
    "# $work/file:3"$'\ndry-run = yes'
check '  blanks do not matter' is "$(value watch-available)" \
    "# $work/file:6"$'\nwatch-available = 25'
check '  the command line goes before it' is "$(value most)" \
    $'# command line\nmost = 32M'
check '  rules are told' is "$(tail -n 2 "$work/out")" \
    "# $work/file:8"$'\nnever exe=/opt/*'
mkdir -p "$XDG_CONFIG_HOME/weft"
if ! on_windows; then
    cp "$work/file" "$XDG_CONFIG_HOME/weft/memory.conf"
    config
    check "this user's file is found" is "$(value dry-run)" \
        "# $XDG_CONFIG_HOME/weft/memory.conf:3"$'\ndry-run = yes'
    rm "$XDG_CONFIG_HOME/weft/memory.conf"
fi

wrong '[daemon]\ndry-run = maybe\n' "line 2: dry-run: 'maybe' is neither"
wrong '[daemon]\ndryrun = yes\n' "line 2: unknown key 'dryrun' in [daemon]; did you mean 'dry-run'?"
wrong '\n[deamon]\n' "line 2: unknown section 'deamon'; did you mean 'daemon'?"
wrong '[daemon\n' 'line 1: a section is written as'
wrong 'dry-run = yes\n' "line 1: 'dry-run = yes' is in no section"
wrong '[daemon]\nyes\n' "line 2: 'yes' is no line of the form"
wrong '[daemon]\ndry-run = yes\ndry-run = no\n' \
    "line 3: 'dry-run' has been given in line 2"
wrong '[daemon]\nsettle = 5\n' "line 2: settle: '5' is no duration"
wrong '[history]\nkeep = 1s\n' "line 2: keep: '1s' is too small"
wrong '[history]\nmost = 99999G\n' 'is too large'
wrong '[policy]\ndwell = -3\n' "'-3' is no number"
wrong '[policy]\ndwell = nan\n' "'nan' is no number"
wrong '[policy]\ndwell = 1.2.3\n' "'1.2.3' is no number"
wrong '[policy]\ndwell = 0\n' "'0' is too small"
wrong '[policy]\ndwell =\n' "'' is no number"
wrong '[policy]\nwatch-available = 5\n' 'must fall in this order'
wrong '[daemon]\nlast-resort = kill\n' "unknown key 'last-resort'"
wrong '[daemon]\ndry-run = yes\000no\n' 'line 2: a control character'
wrong '[daemon]\ndry-run = \033[31myes\n' 'line 2: a control character'
wrong '[rules]\nnever exe=/a\nnevr exe=/b\n' "line 3: neither 'never' nor"
wrong "[alert]\ntight = $(printf 'x%.0s' {1..600})\n" 'is too long'
wrong "[daemon]\n#$(printf 'x%.0s' {1..5000})\n" 'line 2: it is too long'
yes '# a line' | head -c 70000 >"$work/large"
config --check --file "$work/large"
check 'a file that is too long is refused' is "$code" 2
check '  and that is said' says out.err 'longer than 64 KiB'
head -c 20000 /dev/urandom >"$work/random"
config --check --file "$work/random"
check 'noise is refused' is "$code" 2
config --check --file "$work/none"
check 'a file that is not there is a mistake if it was named' is "$code" 2
for option in x daemon.x=1 daemon.dry-run=2 dry-run=yes; do
    config --set "$option"
    check "wrong usage: --set $option" is "$code" 2
    check '  is told' says out.err "option '--set': '$option'"
done
if ! on_windows; then
    file '[daemon]\ndry-run = yes\n'
    chmod 622 "$work/file"
    config --check --file "$work/file"
    check 'a file that others may write is refused' is "$code" 2
    check '  since it could run commands' says out.err 'others may write'
    mkdir "$work/folder"
    config --check --file "$work/folder"
    check 'so is what is no file' is "$code" 2
    mkfifo "$work/pipe"
    timeout 60 "$WEFT" memory config --check --file "$work/pipe" \
        2>"$work/out.err"
    check 'a pipe that nobody writes to is not waited for' is $? 2
    check '  and is no file' says out.err 'it is no file'
fi
finish
