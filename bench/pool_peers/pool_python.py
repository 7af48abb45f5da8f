"""The measures of bench/pool.c for Python's pools.  usage: pool_python.py executor|pool|pebble"""
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

WORKERS = 2
now = time.perf_counter
context = multiprocessing.get_context("fork")


def noop(x):
    return x


def checksum(data):
    """Reads next to nothing, in Python's favour: what is measured is transport."""
    return data[-1]


class Executor:
    def __init__(self):
        self.pool = ProcessPoolExecutor(WORKERS, mp_context=context)

    def submit(self, fn, arg):
        return self.pool.submit(fn, arg).result

    def map(self, fn, items, chunk):
        return list(self.pool.map(fn, items, chunksize=chunk))

    def close(self):
        self.pool.shutdown()


class Pool:
    def __init__(self):
        self.pool = context.Pool(WORKERS)

    def submit(self, fn, arg):
        return self.pool.apply_async(fn, (arg,)).get

    def map(self, fn, items, chunk):
        return self.pool.map(fn, items, chunksize=chunk)

    def close(self):
        self.pool.terminate()
        self.pool.join()


class Pebble:
    def __init__(self):
        from pebble import ProcessPool
        self.pool = ProcessPool(max_workers=WORKERS, context=context)

    def submit(self, fn, arg):
        return self.pool.schedule(fn, args=[arg]).result

    def map(self, fn, items, chunk):
        return list(self.pool.map(fn, items, chunksize=chunk).result())

    def close(self):
        self.pool.close()
        self.pool.join()


def payload(pool, size, n, window):
    data = os.urandom(1 << 20) * (size >> 20)
    pool.submit(checksum, data)()
    waiting = []
    t = now()
    for _ in range(n):
        if len(waiting) == window:
            waiting.pop(0)()
        waiting.append(pool.submit(checksum, data))
    for get in waiting:
        get()
    return n * size / (now() - t) / 1e9


def main():
    kind = sys.argv[1]
    t = now()
    pool = {"executor": Executor, "pool": Pool, "pebble": Pebble}[kind]()
    pool.submit(noop, 1)()
    out = {"pool": kind, "start_ms": (now() - t) * 1e3}
    for _ in range(200):
        pool.submit(noop, 1)()
    took = []
    for _ in range(2000):
        t = now()
        pool.submit(noop, 1)()
        took.append((now() - t) * 1e6)
    took.sort()
    out["rtt_p50_us"], out["rtt_p99_us"] = took[1000], took[1980]
    t = now()
    for get in [pool.submit(noop, i) for i in range(10000)]:
        get()
    out["jobs_per_s"] = 10000 / (now() - t)
    t = now()
    pool.map(noop, range(200000), 64)
    out["map_per_s"] = 200000 / (now() - t)
    out["mib1_GBps"] = payload(pool, 1 << 20, 200, 4)
    out["mib64_GBps"] = payload(pool, 64 << 20, 6, 1)
    pool.close()
    print(json.dumps({k: round(v, 2) if isinstance(v, float) else v for k, v in out.items()}))


main()
