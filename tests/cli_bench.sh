#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# weft bench: options, mistakes, JSON. The counts are tiny: nothing here is
# about speed.
# shellcheck source=tests/tap.bash disable=SC1091,SC2154
. "$(dirname "$0")/tap.bash"

# bench ARGUMENTS...: the exit code in $code, output in out and out.err.
bench() {
    timeout 60 "$WEFT" bench "$@" >"$work/out" 2>"$work/out.err" </dev/null
    code=$?
}

# mistake MESSAGE ARGUMENTS...: wrong usage that is answered by the message.
mistake() {
    local message=$1
    shift
    bench "$@"
    check "exit code 2: weft bench ${*@Q}" is "$code" 2
    check "  $message" says out.err "$message"
}

# keys RTT_OR_THROUGHPUT RAW: each line of out is an object with the right
# keys and plausible figures; RAW says whether raw was measured.
keys() {
    python3 - "$1" "$2" "$work/out" <<'EOF'
import json, sys
kind, raw, path = sys.argv[1:]
common = {"bench", "transport", "size_bytes", "wait", "rounds", "count", "pin"}
figures = {
    "rtt": ["min_ns", "p50_ns", "p99_ns", "p999_ns"],
    "throughput": ["msgs_per_s", "bytes_per_s"],
}[kind]
ratios = {"rtt": {"ratio_to_raw", "p99_ratio_to_raw"},
          "throughput": {"ratio_to_raw"}}[kind]
for line in open(path):
    found = json.loads(line)
    missing = (common | set(figures)) - set(found)
    assert not missing, missing
    assert found["bench"] == kind
    assert all(found[key] > 0 for key in figures), found
    assert ratios & set(found) == (ratios if raw == "raw" else set()), found
    if kind == "rtt":
        order = [found[key] for key in figures]
        assert order == sorted(order), order
    if found["transport"] == "raw":
        assert found["ratio_to_raw"] == 1, found
EOF
}

lines() {
    is "$(wc -l <"$work/out")" "$1"
}

transports=(weft raw pipe)
on_windows || transports+=(uds)

# Two CPUs are needed to spin.
cpus=$(nproc)
waits='adaptive block'
if ((cpus >= 2)); then
    waits='spin adaptive block'
fi

# -------------------------------------------------------------- mistakes ---

mistake 'too few arguments'
mistake "'speed' is neither rtt nor throughput" speed
mistake "'tcp' is not a transport" rtt --transport tcp
mistake "'0' is too small" rtt --size 0
mistake "'65M' is too large" rtt --size 65M
mistake "'many' is not a size" rtt --size many
mistake "'0' is too small" rtt --count 0
mistake "'0' is too small" rtt --rounds 0
mistake "'0' is not two CPU numbers" rtt --pin 0
mistake "'0,x' is not two CPU numbers" rtt --pin 0,x
mistake "'0,999999' has a CPU that this process may not run on" \
    rtt --pin 0,999999
mistake "option '--pace' is for rtt only" throughput --pace 1ms
mistake 'two sides that spin need two CPUs' rtt --wait spin --pin 0,0
mistake "'fast'" rtt --wait fast
mistake "the ring's size must be a power of two" rtt --ring 1000

# ------------------------------------------------------------ transports ---

for wait in $waits; do
    for transport in "${transports[@]}"; do
        raw=none
        [[ $transport == raw ]] && raw=raw
        bench rtt -t "$transport" --wait "$wait" -n 50 -r 2 --json
        check "rtt $transport $wait succeeds" is "$code" 0
        check '  with one object' lines 1
        check '  that has the keys' keys rtt $raw
        bench throughput -t "$transport" --wait "$wait" -n 500 -r 2 --json
        check "throughput $transport $wait succeeds" is "$code" 0
        check '  with one object' lines 1
        check '  that has the keys' keys throughput $raw
    done
done

# All of them in one run, so that each has its ratio to raw.
bench rtt -n 20 -r 2 --json
check 'all transports by default' lines "${#transports[@]}"
check 'each with a ratio to raw' keys rtt raw
bench throughput -n 300 -r 3 -s 1 -s 100 -s 70000 --json
check 'several sizes' lines $((3 * ${#transports[@]}))
check 'odd ones too' keys throughput raw

# --------------------------------------------------------------- options ---

bench rtt -n 20 -r 1 --pin 0,0 --wait block --json
check 'both sides on one CPU' is "$code" 0
check 'have no hand-over by spinning' \
    is "$(grep -c handover_p50_ns "$work/out")" 0
bench rtt -n 5 -r 1 --pace 1ms --json
check 'paced' grep -q '"pace_ns":1000000' "$work/out"
for kind in rtt throughput; do
    bench $kind -n 100 -r 1 -s 64K --zero-copy --ring 1M -t weft -t raw --json
    check "$kind without copies" is "$code" 0
    check '  tells so' is "$(grep -c '"zero_copy":true' "$work/out")" 2
done
bench rtt -n 20 -r 1
check 'a table for people' grep -q '^weft ' "$work/out"
check '  on stdout alone' test ! -s "$work/out.err"

# --------------------------------------------------------------- objects ---

# sync_keys: each line of out is an object of `weft bench sync`.
sync_keys() {
    python3 - "$work/out" <<'EOF'
import json, sys
figures = ["min_ns", "p50_ns", "p99_ns"]
for line in open(sys.argv[1]):
    found = json.loads(line)
    missing = ({"bench", "test", "object", "rounds", "count", "pin"} |
               set(figures)) - set(found)
    assert not missing, missing
    assert found["bench"] == "sync"
    order = [found[key] for key in figures]
    assert order == sorted(order) and order[0] > 0, order
    assert found["ratio_to_" + found["object"]] == 1, found
    assert ("hold_ns" in found) == (found["test"] == "handover"), found
EOF
}

mistake "'spin' is not a test" sync --test spin
mistake "'tcp' is not an object on this system" sync --object tcp
mistake "unexpected argument 'rtt'" sync rtt
mistake "'sync' comes before its options" --json sync
mistake "'0,x' is not two CPU numbers" sync --pin 0,x
mutexes=4 semaphores=3
if on_windows; then
    mutexes=1 semaphores=1
fi
for test in lock contended handover condition post semaphore; do
    objects=$mutexes
    [[ $test == post || $test == semaphore ]] && objects=$semaphores
    bench sync -t $test -n 200 -r 2 --hold 10us --json
    check "sync $test succeeds" is "$code" 0
    check '  with all objects' lines $objects
    check '  that have the keys' sync_keys
done
bench sync -t handover -n 1 -r 1 -o weft
check 'too few to measure are no figure' is "$code" 1
check '  and it says so' says out.err 'too few of them to measure any'
bench sync -n 100 -r 1 -o weft --pin 0,0
check 'all tests, both sides on one CPU' is "$code" 0
check '  as tables' is "$(grep -c '^weft ' "$work/out")" 6
bench sync --help
check 'help of its own' grep -q -e '--hold' "$work/out"

# ------------------------------------------------- many clients of a server ---

# fanin_keys CLIENTS IDLE: each line of out is an object of `weft bench fanin`;
# IDLE says whether the idle server was measured.
fanin_keys() {
    python3 - "$1" "$2" "$work/out" <<'EOT'
import json, sys
clients, idle, path = sys.argv[1:]
memory = {"server_pss_bytes", "client_pss_bytes", "server_more_pss_bytes",
          "client_more_pss_bytes"}
figures = ["calls_per_s", "p50_ns", "p99_ns", "connect_p50_ns"]
for line in open(path):
    found = json.loads(line)
    missing = ({"bench", "transport", "clients", "size_bytes", "wait",
                "rounds", "slowest_ratio"} | set(figures)) - set(found)
    assert not missing, missing
    assert found["bench"] == "fanin"
    assert found["clients"] == int(clients)
    assert all(found[key] > 0 for key in figures), found
    assert found["p50_ns"] <= found["p99_ns"], found
    assert 0 <= found["slowest_ratio"] <= 1, found
    assert found["ratio_to_" + found["transport"]] == 1, found
    assert ("count" in found) != ("duration_ns" in found), found
    assert memory & set(found) in (set(), memory), found
    assert ("idle_ns" in found) == (idle == "idle"), found
    assert idle == "idle" or "idle_cpu_ms" not in found, found
EOT
}

mistake "'fanin' comes before its options" --json fanin
mistake "unexpected argument 'rtt'" fanin rtt
mistake "'0' is too small" fanin --clients 0
mistake "'4097' is too large" fanin --clients 4097
mistake "'65K' is too large" fanin --size 65K
mistake "'0' is too small" fanin --size 0
mistake "'pipe' is not a transport of this benchmark" fanin --transport pipe
mistake "'0s' is too small" fanin --duration 0s
mistake "'1' is not a duration" fanin --idle 1
mistake "either '--count' or '--duration', not both" fanin -n 1 -d 1s
mistake "a server that spin need a CPU each" fanin -c 4096 --wait spin
servers=2
on_windows && servers=1
bench fanin -c 3 -n 20 -r 2 --idle 10ms --json
check 'fanin by count succeeds' is "$code" 0
check '  with all transports' lines $servers
check '  that have the keys' fanin_keys 3 idle
bench fanin -c 2 -d 20ms -r 1 -t weft -s 5000 --wait block --json
check 'fanin by time succeeds' is "$code" 0
check '  with one object' lines 1
check '  that has the keys' fanin_keys 2 none
bench fanin -c 1 -n 1 -r 1 -s 3
check 'one client, one call, three bytes' is "$code" 0
check '  as a table' grep -q '^weft ' "$work/out"
check '  on stdout alone' test ! -s "$work/out.err"
# More processes than one wait of Windows takes, and more than have a spare
# connection.
bench fanin -c 70 -n 3 -r 1 -t weft --json
check 'seventy clients' is "$code" 0
check '  that have the keys' fanin_keys 70 none
bench fanin --help
check 'help of its own' grep -q -e '--idle' "$work/out"

# --------------------------------------------- many subscribers of a topic ---

# fanout_keys FIRST IDLE: each line of out is an object of `weft bench fanout`;
# FIRST is the first number of subscribers, IDLE says whether the idle publisher
# was measured.
fanout_keys() {
    python3 - "$1" "$2" "$work/out" <<'EOT'
import json, sys
first, idle, path = sys.argv[1:]
memory = {"publisher_pss_bytes", "subscriber_pss_bytes"}
figures = ["msgs_per_s", "subscriber_msgs_per_s", "slowest_msgs_per_s",
           "connect_p50_ns"]
# Absent if nobody got a message that carries the time: lossy ones may not.
latencies = ["p50_ns", "p99_ns", "p999_ns", "flood_p50_ns", "flood_p99_ns",
             "flood_p999_ns"]
losing = {"weft", "raw"}
for line in open(path):
    found = json.loads(line)
    missing = ({"bench", "transport", "subscribers", "size_bytes", "wait",
                "rounds", "slowest_ratio", "paced_count", "pace_ns",
                "syscalls_per_msg", "paced_syscalls_per_msg",
                "process_cpu_ns_per_msg", "cpu_ns_per_msg", "published",
                "received", "lost"} | set(figures)) - set(found)
    assert not missing, missing
    assert found["bench"] == "fanout"
    if found["transport"] not in losing:
        assert all(found[key] > 0 for key in figures + latencies), found
        assert found["lost"] == 0, found
        assert 0 < found["slowest_ratio"] <= 1, found
    for of in ("", "flood_"):
        order = [found.get(of + key, 0) for key in latencies[:3]]
        assert order == sorted(order), found
    assert (found["received"] + found["lost"] ==
            found["published"] * found["subscribers"]), found
    assert found.get("ratio_to_" + found["transport"], 1) == 1, found
    if found["subscribers"] == int(first):
        assert found.get("cpu_ratio_to_first", 1) == 1, found
    if found["transport"] in ("uds", "pipe"):
        assert found["syscalls_per_msg"] >= found["subscribers"], found
    assert ("count" in found) != ("duration_ns" in found), found
    assert memory & set(found) in (set(), memory), found
    assert ("idle_ns" in found) == (idle == "idle"), found
    assert idle == "idle" or "idle_cpu_ms" not in found, found
EOT
}

mistake "'fanout' comes before its options" --json fanout
mistake "unexpected argument 'rtt'" fanout rtt
mistake "'0' has a number that is not one of 1 to 4096" fanout -c 0
mistake "'1,4097' has a number that is not one of" fanout --subscribers 1,4097
mistake "'1,' is not a list of numbers" fanout -c 1,
mistake "'many' is not a list of numbers" fanout -c many
mistake "'1,2,3,4,5,6,7,8,9' has more than 8 numbers" \
    fanout -c 1,2,3,4,5,6,7,8,9
mistake "'23' is too small" fanout --size 23
mistake "'65K' is too large" fanout --size 65K
mistake "'tcp' is not a transport of this benchmark" fanout --transport tcp
mistake "'0s' is too small" fanout --duration 0s
mistake "'0' is too small" fanout --paced 0
mistake "'2s' is too large" fanout --pace 2s
mistake "either '--count' or '--duration', not both" fanout -n 1 -d 1s
mistake "subscribers that spin and a publisher need a CPU each" \
    fanout -c 1,4096 --wait spin
publishers=5
on_windows && publishers=2
bench fanout -c 3 -n 300 -r 1 --paced 3 --idle 10ms --json
check 'fanout by count succeeds' is "$code" 0
check '  with all transports' lines $publishers
check '  that have the keys' fanout_keys 3 idle
bench fanout -c 3,1 -n 300 -r 2 -t reliable --paced 2 --json
check 'several numbers of subscribers' is "$code" 0
check '  with an object each' lines 2
check '  that have the keys' fanout_keys 3 none
# Windows counts CPU time in steps that are longer than this takes.
on_windows || check '  and are compared' \
    is "$(grep -c '"cpu_ratio_to_first"' "$work/out")" 2
bench fanout -c 2 -d 20ms -r 1 -t weft -t reliable -s 5000 --wait block \
    --paced 2 --pace 0ms --json
check 'fanout by time succeeds' is "$code" 0
check '  with two objects' lines 2
check '  that have the keys' fanout_keys 2 none
bench fanout -c 1 -n 1 -r 1 -s 25 --paced 1
check 'one subscriber, one message, a byte to check' is "$code" 0
check '  as a table' grep -q '^weft ' "$work/out"
check '  on stdout alone' test ! -s "$work/out.err"
bench fanout -c 70 -n 100 -r 1 -t reliable --paced 1 --json
check 'seventy subscribers' is "$code" 0
check '  that have the keys' fanout_keys 70 none
bench fanout --help
check 'help of its own' grep -q -e '--paced' "$work/out"

finish
