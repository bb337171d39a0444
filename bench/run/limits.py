#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# How exactly weft run ends what reaches a limit, and how right its figures are,
# beside GNU time, timeout and prlimit. Prints a table in Markdown.
#
#   bench/run/limits.py WEFT [ROUNDS]
#
# WEFT is the command. The rounds of all rows take turns.
import json
import os
import statistics
import subprocess
import sys
import tempfile

BURN = "while :; do :; done"


def burners(count):
    """A shell script that burns so many CPUs."""
    return " & ".join([f"({BURN})"] * (count - 1) + [BURN])


def run(weft, options, command):
    """Runs it, and gives the result."""
    with tempfile.NamedTemporaryFile("r") as report:
        subprocess.run([weft, "run", "-q", "--json", report.name, *options,
                        "--", *command], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = report.read().splitlines()
    return json.loads(lines[-1]) if lines else None


def show(title, rows):
    print(f"\n{title}\n")
    print("| case | median | worst |\n|---|---|---|")
    for name, values in rows.items():
        if values:
            print(f"| {name} | {statistics.median(values):.2f} ms "
                  f"| {max(values):.2f} ms |")
        else:
            print(f"| {name} | not possible here | |")


def measure_cpu(weft, rounds):
    cases = [(limit, count) for limit in (20, 50, 100, 500)
             for count in (1, 4)]
    rows = {f"{limit} ms, {count} burning": [] for limit, count in cases}
    for _ in range(rounds):
        for limit, count in cases:
            result = run(weft, ["-t", f"{limit}ms"],
                         ["sh", "-c", burners(count)])
            if result and result["reason"] == "cpu":
                rows[f"{limit} ms, {count} burning"].append(
                    result["cpu_ns"] / 1e6 - limit)
    show("CPU time used beyond the limit", rows)


def measure_wall(weft, rounds):
    rows = {f"{limit} ms": [] for limit in (50, 200, 500)}
    rows["200 ms, GNU timeout"] = []
    for _ in range(rounds):
        for limit in (50, 200, 500):
            result = run(weft, ["-w", f"{limit}ms"], ["sleep", "100"])
            if result and result["reason"] == "wall":
                rows[f"{limit} ms"].append(result["wall_ns"] / 1e6 - limit)
        result = run(weft, [], ["timeout", "-s", "KILL", "0.2", "sleep", "100"])
        rows["200 ms, GNU timeout"].append(result["wall_ns"] / 1e6 - 200)
    show("Time beyond the wall limit", rows)


# Each burns CPU time in a way that some tools do not see, and prints how much.
WORK = r"""
import os, signal, sys, threading, time
def burn(ns):
    while time.thread_time_ns() < ns:
        pass
kind = sys.argv[1]
if kind == "plain":
    burn(100_000_000)
elif kind == "threads":
    threads = [threading.Thread(target=burn, args=(50_000_000,))
               for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
else:
    if kind == "ignored":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    reader, writer = os.pipe()
    if os.fork() == 0:
        if kind == "orphan" and os.fork() != 0:
            os._exit(0)
        burn(100_000_000)
        os.write(writer, b"x")
        os._exit(0)
    os.read(reader, 1)
    time.sleep(0.02)
"""


def gnu_time(command):
    with tempfile.NamedTemporaryFile("r") as report:
        subprocess.run(["/usr/bin/time", "-f", "%U %S", "-o", report.name,
                        *command], check=False)
        return sum(float(x) for x in report.read().split()[-2:]) * 1000


def measure_figures(weft, rounds):
    print("\nCPU time found, of work that burns 100 ms and starts Python\n")
    print("| work | weft run | GNU time |\n|---|---|---|")
    for kind in ("plain", "threads", "orphan", "ignored"):
        command = [sys.executable, "-c", WORK, kind]
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(run(weft, [], command)["cpu_ns"] / 1e6)
            if os.path.exists("/usr/bin/time"):
                theirs.append(gnu_time(command))
        other = f"{statistics.median(theirs):.0f} ms" if theirs else "-"
        print(f"| {kind} | {statistics.median(ours):.1f} ms | {other} |")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} WEFT [ROUNDS]")
    rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 9
    measure_cpu(sys.argv[1], rounds)
    measure_wall(sys.argv[1], rounds)
    measure_figures(sys.argv[1], rounds)


main()
