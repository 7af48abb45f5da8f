"""The same requests by httpx: client_httpx.py URL CONCURRENCY REQUESTS [ROUNDS]"""
import asyncio, json, resource, sys, time
import httpx

url, concurrency, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
body = b"{}" + b" " * 455
headers = {"Content-Type": "application/json", "Authorization": "Bearer key"}


async def worker(client, counter, n):
    while counter[0] < n:
        counter[0] += 1
        reply = await client.post(url, content=body, headers=headers)
        assert reply.status_code == 200 and len(reply.content) > 0


async def run(client, n):
    counter = [0]
    await asyncio.gather(*(worker(client, counter, n) for _ in range(concurrency)))


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


async def main():
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        await run(client, concurrency * 2)
        for _ in range(rounds):
            c, t = cpu(), time.monotonic()
            await run(client, requests)
            t, c = time.monotonic() - t, cpu() - c
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps({"client": "httpx", "c": concurrency, "req_s": round(requests / t),
                              "cpu_us": round(c * 1e6 / requests, 2), "rss_mib": round(rss, 1)}),
                  flush=True)


asyncio.run(main())
