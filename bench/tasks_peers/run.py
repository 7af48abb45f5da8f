#!/usr/bin/env python3
"""bench/tasks beside Go, asyncio and State Threads: one run, one table.

    bench/tasks_peers/run.py BUILD-DIRECTORY [--rounds 3] [--rows spawn,queue,...] [--skip st,go]

The programs take turns within each round, so that a busy machine is busy for all of them; the
table has the best of the rounds.  A peer whose compiler or library is missing is left out.  Below
the table each target is judged: those of the task core, taken from what was measured here.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# row: (operations for duet, go and st; for asyncio), label
ROWS = {
    "spawn": (1000000, 50000, "spawn + finish + await"),
    "spawn_yield": (500000, 50000, "the same, body yields"),
    "yield_2": (2000000, 100000, "yield, 2 tasks"),
    "yield_1000": (2000000, 200000, "yield, 1000 tasks"),
    "queue": (1000000, 50000, "queue message, ping-pong"),
    "mutex_free": (4000000, 500000, "lock + unlock, free"),
    "mutex_handoff": (1000000, 50000, "lock, yield, unlock, 2 tasks"),
    "sleep_100k": (100000, 100000, "100,000 sleepers"),
    "sleep_1m": (1000000, 1000000, "1,000,000 sleepers"),
    "wake_100k": (100000, 100000, "a wake among 100,000 sleepers"),
}
UNITS = {"_over_ms": "ms over 1 s", "_bytes": "B of RSS each"}

# What must hold: (value name, peer, at most this part of the peer), or a limit of its own.
TARGETS = [
    ("spawn", "go", 0.5),
    ("spawn", "asyncio", 1 / 40),
    ("yield_2", "asyncio", 1 / 60),
    ("yield_1000", "asyncio", 1 / 60),
    ("queue", "asyncio", 1 / 200),
    ("mutex_handoff", "go", 0.25),
    ("sleep_100k_over_ms", "asyncio", 0.5),
    ("sleep_1m_over_ms", "asyncio", 0.5),
    ("sleep_1m_over_ms", "st", 1.2),
    ("sleep_100k_bytes", None, 4.7 * 1024),
    ("sleep_1m_bytes", None, 4.7 * 1024),
]


def build(command, missing):
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"left out: {missing}: {getattr(error, 'stderr', '') or error}", file=sys.stderr)
        return False
    return True


def find_programs(build_directory, scratch, skipped):
    programs = {"duet": [os.path.join(build_directory, "bench", "tasks")]}
    if not os.path.exists(programs["duet"][0]):
        sys.exit(f"{programs['duet'][0]} is not built: -DDUET_BUILD_BENCH=ON")
    go, st = os.path.join(scratch, "go"), os.path.join(scratch, "st")
    if "go" not in skipped and build(
            ["go", "build", "-o", go, os.path.join(HERE, "tasks.go")], "go"):
        programs["go"] = [go]
    if "st" not in skipped and build(
            [os.environ.get("CC", "cc"), "-O2", "-o", st, os.path.join(HERE, "tasks_st.c"),
             "-lst"], "st (libst-dev)"):
        programs["st"] = [st]
    if "asyncio" not in skipped:
        programs["asyncio"] = [sys.executable, os.path.join(HERE, "tasks_asyncio.py")]
    return programs


def measure(programs, rows, rounds):
    best = {}
    for _ in range(rounds):
        for row in rows:
            for name, program in programs.items():
                count = ROWS[row][1 if name == "asyncio" else 0]
                done = subprocess.run([*program, row, str(count)], capture_output=True, text=True)
                if done.returncode != 0:
                    print(f"{name} {row}: {done.stderr.strip()}", file=sys.stderr)
                for line in done.stdout.splitlines():
                    value_name, value = line.split("\t")
                    old = best.setdefault(value_name, {}).get(name, float("inf"))
                    best[value_name][name] = min(old, float(value))
    return best


def label(value_name):
    for suffix, unit in UNITS.items():
        if value_name.endswith(suffix):
            return f"{ROWS[value_name[:-len(suffix)]][2]}, {unit}"
    return f"{ROWS[value_name][2]}, ns"


def show_table(best, names):
    print("| | " + " | ".join(names) + " | duet is |")
    print("| --- |" + " ---: |" * len(names) + " --- |")
    for value_name, values in best.items():
        cells = [f"{values[n]:,.4g}" if n in values else "" for n in names]
        duet = values.get("duet", 0)
        times = ", ".join(f"{values[n] / duet:.3g}x {n}" for n in names[1:]
                          if n in values and duet > 0)
        print(f"| {label(value_name)} | " + " | ".join(cells) + f" | {times} |")


def judge(best):
    missed = 0
    for value_name, peer, limit in TARGETS:
        values = best.get(value_name, {})
        if "duet" not in values or (peer is not None and peer not in values):
            continue
        bound = limit if peer is None else values[peer] * limit
        held = values["duet"] <= bound
        missed += not held
        words = f"{bound:,.4g}" if peer is None else f"{bound:,.4g}, {limit:.3g} of {peer}"
        print(f"{'ok    ' if held else 'missed'} {label(value_name)}: "
              f"{values['duet']:,.4g} (at most {words})")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_directory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--skip", default="", help="peers to leave out")
    options = parser.parse_args()
    rows = options.rows.split(",")
    unknown = [row for row in rows if row not in ROWS]
    if unknown:
        parser.error("no row " + ", ".join(unknown))
    scratch = tempfile.mkdtemp()
    try:
        programs = find_programs(options.build_directory, scratch, options.skip.split(","))
        best = measure(programs, rows, options.rounds)
    finally:
        shutil.rmtree(scratch)
    show_table(best, list(programs))
    print()
    return 1 if judge(best) else 0


if __name__ == "__main__":
    sys.exit(main())
