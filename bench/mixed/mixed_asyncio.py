"""The mixed workload in asyncio, aiohttp and ProcessPoolExecutor, with the same kernel in C.

usage: mixed_asyncio.py KERNEL.so URL N heavy|light [CONCURRENCY [WORKERS]]
"""
import asyncio
import ctypes
import hashlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import aiohttp

RESULT_MAX = 64
kernel = None


def load(path):
    global kernel
    kernel = ctypes.CDLL(path)
    kernel.dk_process.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p]
    if kernel.dk_init() < 0:
        raise MemoryError


def post_process(text, mode):
    data, out = text.encode(), ctypes.create_string_buffer(RESULT_MAX)
    kernel.dk_process(data, len(data), mode, out)
    return out.value.decode()


async def tick(late):
    while True:
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - start) * 1e3 - 1)


async def run(url, n, mode, concurrency, pool):
    loop, slots, late = asyncio.get_running_loop(), asyncio.Semaphore(concurrency), []

    async def row(session, i):
        body = {"model": "mock-1", "messages": [{"role": "user", "content": f"prompt number {i}"}]}
        async with slots:
            async with session.post(url, json=body) as response:
                response.raise_for_status()
                reply = await response.json()
        text = reply["choices"][0]["message"]["content"]
        return await loop.run_in_executor(pool, post_process, text, mode)

    ticker = asyncio.create_task(tick(late))
    connections = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connections) as session:
        start = time.perf_counter()
        results = await asyncio.gather(*(row(session, i) for i in range(n)))
        wall = time.perf_counter() - start
    ticker.cancel()
    return results, wall, sorted(late)


def peak_mib():
    """Of this process and its children, each one's own peak."""
    with open("/proc/self/task/%d/children" % os.getpid()) as f:
        pids = ["self"] + f.read().split()
    kib = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as f:
            kib += next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    return kib / 1024


def main():
    library, url, n, mode = sys.argv[1:5]
    concurrency, workers = (int(a) for a in (sys.argv[5:] + ["200", "2"][len(sys.argv[5:]):]))
    load(library)
    with ProcessPoolExecutor(workers, initializer=load, initargs=(library,)) as pool:
        list(pool.map(abs, range(workers)))
        results, wall, late = asyncio.run(
            run(url, int(n), int(mode == "heavy"), concurrency, pool))
        peak = peak_mib()
    print(json.dumps({
        "n": int(n), "wall_s": round(wall, 3), "items_per_s": round(int(n) / wall, 1),
        "lag_p50_ms": round(late[len(late) // 2], 3),
        "lag_p99_ms": round(late[len(late) * 99 // 100], 3), "lag_max_ms": round(late[-1], 3),
        "peak_rss_mib": round(peak, 1),
        "digest": hashlib.sha256("\n".join(results).encode()).hexdigest()[:16]}))


if __name__ == "__main__":
    main()
