#!/usr/bin/env python3
"""bench/pool beside Python's pools: ProcessPoolExecutor, multiprocessing.Pool, pebble.

    bench/pool_peers/run.py BUILD-DIRECTORY [--rounds 3] [--skip nng,pebble]

The programs take turns within each round, so that a busy machine is busy for all of them; the
table has the medians.  A peer that is not installed is left out (apt install python3-pebble).
Below the table each target is judged.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

LABELS = {
    "start_ms": "start to first result, ms",
    "rtt_p50_us": "round trip, median, us",
    "rtt_p99_us": "round trip, 99 %, us",
    "jobs_per_s": "one call for each job, jobs/s",
    "map_per_s": "map, jobs/s",
    "mib1_GBps": "1 MiB in place, GB/s",
    "mib64_GBps": "64 MiB in place, GB/s",
    "mib1_copied_GBps": "1 MiB copied, GB/s",
    "mib64_copied_GBps": "64 MiB copied, GB/s",
    "kill_to_answer_p50_ms": "kill to retried answer, median, ms",
    "kill_to_answer_p99_ms": "kill to retried answer, 99 %, ms",
    "idle_rss_mib": "idle worker, RSS in MiB",
    "idle_private_mib": "idle worker, private MiB",
}

# measure, peer (None: the limit is absolute), limit; at least so many times the peer if it is a
# rate, at most this part of the peer if it is a time or a size.
TARGETS = [
    ("rtt_p50_us", "pebble", 1.0),
    ("rtt_p50_us", "executor", 0.25),
    ("jobs_per_s", "pool", 8),
    ("jobs_per_s", "executor", 40),
    ("map_per_s", "pool", 1),
    ("mib1_GBps", "executor", 14),
    ("mib64_GBps", "executor", 40),
    ("mib1_GBps", None, 10),
    ("mib64_GBps", None, 15),
    ("mib64_copied_GBps", "executor", 15),
    ("start_ms", "executor", 1.0),
    ("start_ms", None, 4),
    ("idle_rss_mib", None, 4),
    ("idle_private_mib", None, 1),
    ("kill_to_answer_p99_ms", None, 5),
]


# Python copies whatever is sent.
BESIDE = {"mib1_copied_GBps": "mib1_GBps", "mib64_copied_GBps": "mib64_GBps"}


def is_rate(measure):
    return measure.endswith(("_per_s", "_GBps"))


def find_programs(build_directory, skipped):
    pool = os.path.join(build_directory, "bench", "pool")
    if not os.path.exists(pool):
        sys.exit(f"{pool} is not built: -DDUET_BUILD_BENCH=ON")
    python = [sys.executable, os.path.join(HERE, "pool_python.py")]
    programs = {"duet": [pool, "local"], "nng": [pool, "nng"]}
    programs.update({kind: [*python, kind] for kind in ("executor", "pool", "pebble")})
    return {name: program for name, program in programs.items() if name not in skipped}


def measure(programs, rounds):
    """-> {measure: {program: median}}; what cannot run is told once and left out."""
    values, missing = {}, set()
    for _ in range(rounds):
        for name, program in programs.items():
            if name in missing:
                continue
            done = subprocess.run(program, capture_output=True, text=True)
            if done.returncode != 0:
                missing.add(name)
                print(f"left out: {name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            for key, value in json.loads(done.stdout).items():
                if key in LABELS:
                    values.setdefault(key, {}).setdefault(name, []).append(value)
    return {key: {name: statistics.median(of) for name, of in row.items()}
            for key, row in values.items()}


def show_table(medians, names):
    print("| | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(names))
    for key, label in LABELS.items():
        row = medians.get(key, {})
        print(f"| {label} | " + " | ".join(f"{row[n]:,.4g}" if n in row else "" for n in names) + " |")


def judge(medians):
    missed = 0
    for key, peer, limit in TARGETS:
        found = medians.get(key, {}).get("duet")
        beside = medians.get(BESIDE.get(key, key), {}).get(peer)
        if found is None or (peer is not None and beside is None):
            continue
        if peer is not None:
            found /= beside
        held = found >= limit if is_rate(key) else found <= limit
        missed += not held
        print(f"{'ok    ' if held else 'missed'} {LABELS[key]}: {found:.3g}"
              f"{' times ' + peer if peer is not None else ''}"
              f" (at {'least' if is_rate(key) else 'most'} {limit})")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_directory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", default="", help="programs to leave out")
    options = parser.parse_args()
    programs = find_programs(options.build_directory, options.skip.split(","))
    medians = measure(programs, options.rounds)
    show_table(medians, list(programs))
    print()
    return 1 if judge(medians) else 0


if __name__ == "__main__":
    sys.exit(main())
