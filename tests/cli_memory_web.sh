#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The web server of the memory daemon: what it tells, what it refuses, and that
# nothing that is sent to it stops it.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

export HOME=$work/home XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
mkdir -p "$HOME"
if ! command -v python3 >/dev/null; then
    skip 'the web server' 'there is no python3'
    finish
fi

# begin [ARGUMENT...]: a daemon with a web server at $url, or none.
begin() {
    local i
    rm -f "$work/log"
    "$WEFT" memory daemon --dry-run --set history.enabled=no "$@" \
        >"$work/log" 2>"$work/log.err" </dev/null &
    daemon=$!
    for ((i = 0; i < 200; i++)); do
        grep -q started "$work/log" 2>/dev/null && break
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    url=$(sed -n 's|^answers at http://\(.*\)/$|\1|p' "$work/log")
}

# send TEXT: as printf takes it, to the server; the answer is in out.
send() {
    # The text is a format.
    # shellcheck disable=SC2059
    printf "$1" >"$work/request"
    python3 -c 'import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_connection((host.strip("[]"), int(port)), 20) as link:
    link.settimeout(20)
    try:
        link.sendall(open(sys.argv[2], "rb").read())
        while data := link.recv(65536):
            sys.stdout.buffer.write(data)
    except ConnectionError:
        pass' "$url" "$work/request" >"$work/out"
}

# ask METHOD PATH [HEADER...]: with a Host that is right.
ask() {
    local text="$1 $2 HTTP/1.1\r\nHost: $url\r\nConnection: close\r\n" header
    shift 2
    for header in "$@"; do
        text+="$header\r\n"
    done
    send "$text\r\n"
}

# answers CODE [TEXT]: the last answer.
answers() {
    is "$(head -n 1 "$work/out" | cut -d ' ' -f 2)" "$1" &&
        { [[ $# == 1 ]] || says out "$2"; }
}

begin --set http.listen=127.0.0.1:0
if says log.err 'without libmicrohttpd'; then
    wait "$daemon"
    check 'a build without it says so' is "$?" 1
    finish
fi
if says log.err 'cannot load'; then
    skip 'the web server' 'there is no libmicrohttpd'
    finish
fi

# ----------------------------------------------------------------- reading ---

ask GET /status
check 'its state' answers 200 '"state":"'
check '  as JSON' says out 'Content-Type: application/json'
ask GET /history
check 'its events' answers 200 '"event":"note"'
ask GET '/history?most=1'
check '  as many as are wanted' is "$(grep -c '"event"' "$work/out")" 1
ask GET '/history?most=x'
check '  which is a number' answers 400
ask HEAD /status
check 'the head alone' answers 200
check '  without a body' is "$(grep -c '"state"' "$work/out")" 0
ask GET /metrics
check 'metrics' answers 200 'application/openmetrics-text; version=1.0.0'
sed '1,/^\r$/d' "$work/out" >"$work/metrics"
check '  that follow the rules of OpenMetrics' python3 -c '
import re, sys
text = open(sys.argv[1]).read()
assert text.endswith("# EOF\n") and text.count("# EOF") == 1
kinds, units, seen, current = {}, {}, set(), None
name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
for line in text.split("\n")[:-2]:
    found = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({name}) (.+)", line)
    if found:
        word, family, rest = found.groups()
        if word == "TYPE":
            assert family not in kinds, line
            assert rest in ("gauge", "counter", "stateset"), line
            kinds[family] = rest
            current = family
        assert family == current, line
        if word == "UNIT":
            assert family.endswith("_" + rest), line
        continue
    found = re.fullmatch(
        rf"({name})(\{{{name}=\"[^\"\\\n]*\"\}})? (-?[0-9.]+)", line)
    assert found, line
    sample, labels, value = found.groups()
    assert sample == current + ("_total" if kinds[current] == "counter" else "")
    assert (sample, labels) not in seen, line
    seen.add((sample, labels))
    if kinds[current] != "gauge":
        assert float(value) >= 0, line
states = [s for s in seen if s[0] == "weft_memory_pressure"]
assert len(states) == 4
' "$work/metrics"

# ---------------------------------------------------------------- refusing ---

send 'GET /status HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n'
check 'by the name of another site it tells nothing' answers 403
check '  at all' is "$(grep -c '"state"' "$work/out")" 0
send "GET /status HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n"
check 'nor by another port' answers 403
send "GET /status HTTP/1.1\r\nHost: 127.0.0.1.example:${url##*:}\r\nConnection: close\r\n\r\n"
check 'nor by a name that begins like ours' answers 403
send 'GET /status HTTP/1.0\r\n\r\n'
check 'nor without a name' answers 403
ask GET /status 'Origin: http://attacker.example'
check 'nor to a page of another site' answers 403
ask GET /status 'Origin: null'
check 'nor to a page of nobody' answers 403
send "GET /status HTTP/1.1\r\nHost: localhost:${url##*:}\r\nConnection: close\r\n\r\n"
check 'localhost is a name of ours' answers 200
ask GET /../../etc/passwd
check 'there are no files' answers 404
ask GET '/status%%00x'
check 'nor what only begins right' answers 404
ask DELETE /status
check 'another method is refused' answers 405 'Allow: GET, HEAD'
ask GET /reload
check 'to look changes nothing' answers 405 'Allow: POST'
ask POST /reload
check 'without a token nothing is changed' answers 401 'token-file'
ask POST /reload 'Authorization: Bearer '
check 'also not with an empty one' answers 401
kill -TERM "$daemon"
wait "$daemon"
check 'it ends in order' is "$?" 0

# ---------------------------------------------------------------- changing ---

token=0123456789abcdef.token
printf '%s\n' "$token" >"$work/token"
begin --set http.listen=127.0.0.1:0 --set "http.token-file=$work/token"
ask POST /reload 'Authorization: Bearer 0123456789abcdef.tokem'
check 'another token changes nothing' answers 401 'missing or wrong'
ask POST /reload "Authorization: Bearer ${token}x"
check '  nor a longer one' answers 401
ask POST /reload "Authorization: Bearer ${token%n}"
check '  nor a shorter one' answers 401
ask POST /reload "Authorization: Bearer $(printf 'x%.0s' {1..500})"
check '  nor a very long one' answers 401
ask POST /reload "Authorization: $token"
check '  nor one of no scheme' answers 401
ask POST /reload "Authorization: Bearer $token" 'Origin: http://attacker.example'
check '  nor a page of another site with the right one' answers 403
check 'the config was not read' is "$(grep -c 'read again' "$work/log")" 0
ask POST /reload "Authorization: Bearer $token"
check 'with the token it is' answers 200 reloaded
check '  and is' says log 'the config was read again'
ask POST /optimize "Authorization: Bearer $token"
check 'and the policy looks' answers 200
send "POST /reload HTTP/1.1\r\nHost: $url\r\nAuthorization: Bearer $token\r\nContent-Length: 3000\r\nConnection: close\r\n\r\n$(printf 'x%.0s' {1..3000})"
check 'a body is refused' answers 413

# ----------------------------------------------------------------- hostile ---

send 'GARBAGE\r\n\r\n'
send '\000\001\002\003\377\376\r\n\r\n'
send "GET /$(printf 'x%.0s' {1..20000}) HTTP/1.1\r\nHost: $url\r\n\r\n"
send "GET /status HTTP/1.1\r\nHost: $url\r\n$(printf 'X-H: 1\\r\\n%.0s' {1..3000})\r\n"
send "POST /reload HTTP/1.1\r\nHost: $url\r\nContent-Length: -5\r\nConnection: close\r\n\r\n"
send "POST /reload HTTP/1.1\r\nHost: $url\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n"
# More of them than may be connected, which say nothing.
python3 -c 'import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
links = []
for _ in range(50):
    link = socket.socket()
    link.setblocking(False)
    link.connect_ex((host, int(port)))
    links.append(link)
links[0].setblocking(True)' "$url"
ask GET /status
check 'none of that stops it' answers 200
check '  and nothing was changed' is "$(grep -c 'read again' "$work/log")" 1
kill -TERM "$daemon"
wait "$daemon"
check '  and it ends in order' is "$?" 0

# ------------------------------------------------------------------ config ---

# refused CODE MESSAGE ARGUMENT...: a daemon that does not begin.
refused() {
    local code=$1 message=$2
    shift 2
    begin "$@"
    wait "$daemon"
    check "refused: $message" is "$?" "$code"
    check '  and that is said' says log.err "$message"
}

refused 2 'is neither 127.0.0.1:PORT' --set http.listen=0.0.0.0:8080
refused 2 'is neither 127.0.0.1:PORT' --set http.listen=8080
refused 2 'has no port' --set http.listen=127.0.0.1:99999
refused 2 'has no port' --set http.listen=127.0.0.1:
printf 'short' >"$work/token"
refused 1 '16 to 128 characters' --set http.listen=127.0.0.1:0 \
    --set "http.token-file=$work/token"
printf '0123456789abcdef 123' >"$work/token"
refused 1 'no blanks' --set http.listen=127.0.0.1:0 \
    --set "http.token-file=$work/token"
chmod 640 "$work/token"
refused 1 'others may read it' --set http.listen=127.0.0.1:0 \
    --set "http.token-file=$work/token"
begin
check 'without the key nothing listens' is "$url" ''
kill -TERM "$daemon"
wait "$daemon"
finish
