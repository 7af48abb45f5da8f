"""The rows of bench/tasks in asyncio.  usage: tasks_asyncio.py ROW COUNT"""
import asyncio
import resource
import sys
import time


def show(name, value):
    print(f"{name}\t{value:.4g}", flush=True)


class PerOp:
    def __init__(self, name, n):
        self.name, self.n = name, n

    def __enter__(self):
        self.began = time.monotonic_ns()

    def __exit__(self, *_):
        show(self.name, (time.monotonic_ns() - self.began) / self.n)


async def nothing():
    pass


async def yield_once():
    await asyncio.sleep(0)


async def spawn_rounds(name, n, body):
    with PerOp(name, n):
        for _ in range(0, n, 1000):
            tasks = [asyncio.create_task(body()) for _ in range(1000)]
            for task in tasks:
                await task


async def yield_among(name, n, count):
    async def run():
        for _ in range(n // count):
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(run()) for _ in range(count)]
    with PerOp(name, n):
        await asyncio.gather(*tasks)


async def queue(name, n):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def pass_on(source, sink):
        for _ in range(n // 2):
            await sink.put(await source.get())

    there.put_nowait(0)
    with PerOp(name, n):
        await asyncio.gather(pass_on(there, back), pass_on(back, there))


async def mutex_free(name, n):
    lock = asyncio.Lock()
    with PerOp(name, n):
        for _ in range(n):
            await lock.acquire()
            lock.release()


async def mutex_handoff(name, n):
    lock = asyncio.Lock()

    async def run():
        for _ in range(n // 2):
            await lock.acquire()
            await asyncio.sleep(0)
            lock.release()

    with PerOp(name, n):
        await asyncio.gather(run(), run())


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def sleepers(name, n):
    base, began = peak_bytes(), time.monotonic()
    tasks = [asyncio.create_task(asyncio.sleep(1)) for _ in range(n)]
    for task in tasks:
        await task
    show(name + "_over_ms", (time.monotonic() - began - 1) * 1000)
    show(name + "_bytes", (peak_bytes() - base) / n)


async def wake(name, n):
    wakes = 0
    until = time.monotonic() + 4

    async def nap(random):
        nonlocal wakes
        while time.monotonic() < until:
            random = (random * 1664525 + 1013904223) % 2**32
            await asyncio.sleep(0.001 + random % 99000000 / 1e9)
            wakes += 1

    tasks = [asyncio.create_task(nap(i * 2654435761 % 2**32 + 1)) for i in range(n)]
    await asyncio.sleep(1)
    before, cpu = wakes, time.process_time_ns()
    await asyncio.sleep(2)
    show(name, (time.process_time_ns() - cpu) / max(1, wakes - before))
    await asyncio.gather(*tasks)


ROWS = {
    "spawn": lambda name, n: spawn_rounds(name, n, nothing),
    "spawn_yield": lambda name, n: spawn_rounds(name, n, yield_once),
    "yield_2": lambda name, n: yield_among(name, n, 2),
    "yield_1000": lambda name, n: yield_among(name, n, 1000),
    "queue": queue,
    "mutex_free": mutex_free,
    "mutex_handoff": mutex_handoff,
    "sleep_100k": sleepers,
    "sleep_1m": sleepers,
    "wake_100k": wake,
}

asyncio.run(ROWS[sys.argv[1]](sys.argv[1], int(sys.argv[2])))
