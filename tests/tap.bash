# SPDX-License-Identifier: MIT
#
# Sourced by the script tests: a place to work that is removed at the end, a
# run-time directory of its own, and results as TAP.
#
# A script that sources this file gets the command to test in $WEFT: from its
# first argument, from the environment, or from the build in $WEFT_BUILD.

set -u -o pipefail
umask 077

WEFT=${1:-${WEFT:-${WEFT_BUILD:-.}/tools/weft/weft}}
if [[ ! -x $WEFT ]]; then
    printf "Bail out! '%s' is no program; usage: %s WEFT\n" "$WEFT" "$0"
    exit 1
fi
WEFT=$(realpath "$WEFT")
# The scripts use it.
# shellcheck disable=SC2034
source_dir=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
work=$(mktemp -d "${TMPDIR:-/tmp}/weft-test-XXXXXX")
export WEFT_RUNTIME_DIR=$work/names
tests=0
failures=0

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

# Waits until a name is bound, 10 s at most. Only for tests in which nobody
# connects to it; all others have "weft send --wait".
await_name() {
    local tries=1000
    until [[ -S $WEFT_RUNTIME_DIR/$1.sock ]] || ((tries-- == 0)); do
        sleep 0.01
    done
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
