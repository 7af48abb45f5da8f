// The same requests by undici: client_undici.mjs URL CONCURRENCY REQUESTS [ROUNDS]
import { Pool } from 'undici';

const [url, c, n, r = 3] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const { origin, pathname: path } = new URL(url);
const pool = new Pool(origin, { connections: c, pipelining: 1 });
const body = Buffer.from('{}' + ' '.repeat(455));
const headers = { 'content-type': 'application/json', authorization: 'Bearer key' };

async function run(n) {
  let started = 0;
  const worker = async () => {
    while (started++ < n) {
      const reply = await pool.request({ path, method: 'POST', headers, body });
      if (reply.statusCode !== 200) throw new Error(`status ${reply.statusCode}`);
      await reply.body.text();
    }
  };
  await Promise.all(Array.from({ length: c }, worker));
}

await run(4 * c);
for (let i = 0; i < r; i++) {
  const before = process.cpuUsage(), t = performance.now();
  await run(n);
  const wall = (performance.now() - t) / 1e3, cpu = process.cpuUsage(before);
  console.log(JSON.stringify({
    client: 'undici', c, req_s: Math.round(n / wall), cpu_us: (cpu.user + cpu.system) / n,
    rss_mib: process.resourceUsage().maxRSS / 1024,
  }));
}
await pool.close();
