"""The rows of bench/io in asyncio.  usage: io_asyncio.py [WHAT]"""
import asyncio
import json
import os
import sys
import time

PINGS, CLIENTS, BULK, BLOCK = 20000, 100, 1 << 28, 64 << 10
CONNECTS, THREADED, FILES, SPAWNS = 4000, 5000, 4000, 200
WHAT = sys.argv[1] if len(sys.argv) > 1 else "all"


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def swallow(reader, writer):
    while await reader.read(BLOCK):
        pass
    writer.close()


async def leave(reader, writer):
    await reader.read(1)
    writer.close()


async def ping(port, each):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(each):
        writer.write(b"sixteen bytes..\n")
        await writer.drain()
        assert len(await reader.readline()) == 16
    writer.close()


async def pour(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    block = bytes(BLOCK)
    for _ in range(BULK // BLOCK):
        writer.write(block)
        await writer.drain()
    writer.write_eof()
    assert await reader.read(1) == b""
    writer.close()


async def connect_once(port):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def mapped(n, at_once, fn):
    gate = asyncio.Semaphore(at_once)

    async def one():
        async with gate:
            await fn()
    start = time.monotonic()
    await asyncio.gather(*(one() for _ in range(n)))
    return time.monotonic() - start


async def with_server(handler, n, at_once, client):
    server = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    took = await mapped(n, at_once, lambda: client(port))
    server.close()
    return took


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


async def spawn_once():
    p = await asyncio.create_subprocess_exec("/bin/true", stdout=asyncio.subprocess.PIPE)
    await p.communicate()


async def main():
    out = {}
    path = f"/tmp/duet-bench-{os.getpid()}"
    with open(path, "w") as f:
        f.write("a small file")

    async def to_thread():
        await asyncio.to_thread(int)

    async def read():
        await asyncio.to_thread(read_file, path)
    rows = {
        "pingpong": lambda: with_server(echo, 1, 1, lambda p: ping(p, PINGS)),
        "pingpong100": lambda: with_server(echo, CLIENTS, CLIENTS,
                                           lambda p: ping(p, PINGS // CLIENTS)),
        "bulk": lambda: with_server(swallow, 1, 1, pour),
        "connect": lambda: with_server(leave, CONNECTS, 50, connect_once),
        "thread": lambda: mapped(THREADED, 1, to_thread),
        "threads32": lambda: mapped(THREADED, 32, to_thread),
        "file": lambda: mapped(FILES, 32, read),
        "spawn": lambda: mapped(SPAWNS, 4, spawn_once),
    }
    counts = {"pingpong": PINGS, "pingpong100": PINGS, "connect": CONNECTS, "thread": THREADED,
              "threads32": THREADED, "file": FILES, "spawn": SPAWNS}
    for name, run in rows.items():
        if WHAT not in ("all", name):
            continue
        took = await run()
        if name == "bulk":
            out["bulk_gb_s"] = BULK / 1e9 / took
        else:
            out[name + "_us"] = took / counts[name] * 1e6
    os.unlink(path)
    print(json.dumps(out))


asyncio.run(main())
