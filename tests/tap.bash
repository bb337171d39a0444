# SPDX-License-Identifier: MIT
#
# Sourced by the script tests: a place to work that is removed at the end, a
# run-time directory of its own, and results as TAP.
#
# A script that sources this file gets the command to test in $WEFT: from its
# first argument, from the environment, or from the build in $WEFT_BUILD. A
# program for Windows is run by $WEFT_LAUNCHER, if that is set.

set -u -o pipefail
umask 077

WEFT=${1:-${WEFT:-${WEFT_BUILD:-.}/tools/weft/weft}}
[[ -x $WEFT || ! -x $WEFT.exe ]] || WEFT=$WEFT.exe
if [[ ! -x $WEFT ]]; then
    printf "Bail out! '%s' is no program; usage: %s WEFT\n" "$WEFT" "$0"
    exit 1
fi
WEFT=$(realpath "$WEFT")
# The scripts use these.
# shellcheck disable=SC2034
bin_dir=$(dirname "$WEFT")
# shellcheck disable=SC2034
source_dir=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
work=$(mktemp -d "${TMPDIR:-/tmp}/weft-test-XXXXXX")
export WEFT_RUNTIME_DIR=$work/names
tests=0
failures=0

# What the system is, where it makes a difference: windows or posix.
system=posix
[[ $WEFT != *.exe ]] || system=windows
on_windows() {
    [[ $system == windows ]]
}

# launch PROGRAM: the path of a script that runs it by the launcher, and has
# its process number. Without a launcher it is the program itself.
launch() {
    local name=${1##*/}
    local script=$work/launch/${name%.exe}

    if [[ -z ${WEFT_LAUNCHER:-} ]]; then
        printf '%s' "$1"
        return
    fi
    mkdir -p "$work/launch"
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$WEFT_LAUNCHER" "$1" >"$script"
    chmod +x "$script"
    printf '%s' "$script"
}
WEFT=$(launch "$WEFT")

# cause TEXT: what POSIX systems call an error; nothing on others, since their
# words for it are not worth a test.
cause() {
    on_windows || printf '%s' "$1"
}

# Ends what the script has started and left, and removes its files.
clean_up() {
    local left
    left=$(jobs -p)
    # A list of numbers.
    # shellcheck disable=SC2086
    [[ -n $left ]] && kill -9 $left 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# check DESCRIPTION COMMAND...: one test, which is the command's success.
check() {
    local description=$1
    shift
    tests=$((tests + 1))
    if "$@"; then
        printf 'ok %d - %s\n' "$tests" "$description"
    else
        failures=$((failures + 1))
        printf 'not ok %d - %s\n' "$tests" "$description"
        printf '# failed: %s\n' "$*"
        show_errors
    fi
}

# is FOUND EXPECTED
is() {
    [[ $1 == "$2" ]] || { printf "# '%s' is not '%s'\n" "$1" "$2" && false; }
}

# listen NAME: leaves in $receiver a "weft recv" that does listen at the name.
# Of two that want it one ends because the other has it. What that one says is
# in taken.err, its exit code in $refused.
# shellcheck disable=SC2034
listen() {
    local name=$1 first second

    "$WEFT" recv "$name" >"$work/first" 2>"$work/first.err" &
    first=$!
    "$WEFT" recv "$name" >"$work/second" 2>"$work/second.err" &
    second=$!
    wait -n "$first" "$second"
    refused=$?
    if kill -0 "$first" 2>/dev/null; then
        receiver=$first
        mv "$work/second.err" "$work/taken.err"
    else
        receiver=$second
        mv "$work/first.err" "$work/taken.err"
    fi
}

skip() {
    tests=$((tests + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"
}

# What the commands said last, as comments.
show_errors() {
    local file
    for file in "$work"/*.err; do
        [[ -s $file ]] && sed "s|^|# ${file##*/}: |" "$file"
    done
}

# says FILE TEXT: the file of messages contains the text.
says() {
    grep -q -F -e "$2" "$work/$1"
}

finish() {
    printf '1..%d\n' "$tests"
    exit $((failures > 0))
}
