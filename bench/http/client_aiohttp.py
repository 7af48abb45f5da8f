"""The same requests by aiohttp: client_aiohttp.py URL CONCURRENCY REQUESTS [ROUNDS]"""
import asyncio, json, resource, sys, time
import aiohttp

url, concurrency, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
body = b"{}" + b" " * 455
headers = {"Content-Type": "application/json", "Authorization": "Bearer key"}


async def worker(session, counter, n):
    while counter[0] < n:
        counter[0] += 1
        async with session.post(url, data=body, headers=headers) as reply:
            assert reply.status == 200
            await reply.read()


async def run(session, n):
    counter = [0]
    await asyncio.gather(*(worker(session, counter, n) for _ in range(concurrency)))


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await run(session, concurrency * 4)
        for _ in range(rounds):
            c, t = cpu(), time.monotonic()
            await run(session, requests)
            t, c = time.monotonic() - t, cpu() - c
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps({"client": "aiohttp", "c": concurrency, "req_s": round(requests / t),
                              "cpu_us": round(c * 1e6 / requests, 2), "rss_mib": round(rss, 1)}),
                  flush=True)


asyncio.run(main())
