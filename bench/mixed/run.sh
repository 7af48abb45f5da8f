#!/bin/sh
# The mixed workload beside asyncio + aiohttp + ProcessPoolExecutor: same server, same kernel,
# turn by turn; medians and ratios.
# usage: bench/mixed/run.sh [BUILD_DIR [ROUNDS]]
# needs python3 with aiohttp for the ratios: apt install python3-aiohttp
here=$(dirname "$0")
build=${1:-build}
rounds=${2:-3}
python=${PYTHON:-python3}
[ -x "$build/examples/mixed_workload" ] || { echo "run.sh: build duet into $build first" >&2; exit 1; }
"$python" -c 'import aiohttp' 2>/dev/null || { [ -x /usr/bin/python3 ] && python=/usr/bin/python3; }
if "$python" -c 'import aiohttp' 2>/dev/null; then peer=yes; else peer=; echo "no aiohttp: duet alone" >&2; fi
results=$(mktemp) && fifo=$(mktemp -u) && mkfifo "$fifo" || exit 1
trap 'rm -f "$results" "$fifo"' EXIT

# setting NAME LATENCY_MS MODE ROWS_DUET ROWS_PEER
setting() {
	sleep 100000 >"$fifo" &
	keeper=$!
	server_out=$(mktemp)
	"$build/bench/mixed/mixed_server" "$2" <"$fifo" >"$server_out" &
	server=$!
	while [ ! -s "$server_out" ]; do sleep 0.05; done
	url=$(cat "$server_out")
	rm -f "$server_out"
	for round in $(seq "$rounds"); do
		echo "$1 duet $("$build/examples/mixed_workload" --json --url "$url" --mode "$3" -n "$4")"
		[ -z "$peer" ] || echo "$1 asyncio $("$python" "$here/mixed_asyncio.py" "$build/bench/mixed/dk1.so" "$url" "$5" "$3")"
	done >>"$results"
	kill "$keeper"
	wait "$keeper" "$server" 2>/dev/null
}

setting heavy 50 heavy 2000 2000
setting light50 50 light 10000 4000
setting light5 5 light 20000 4000

awk '
function field(name,  at) {
	at = index($0, "\"" name "\": ")
	return at ? substr($0, at + length(name) + 4) + 0 : 0
}
function median(key, name,  n, i, j, t, v) {
	n = count[key]
	for (i = 1; i <= n; i++) v[i] = value[key, name, i]
	for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
	return v[int((n + 1) / 2)]
}
{
	key = $1 " " $2
	if (!count[key]++) order[++keys] = key
	for (i = 1; i <= split("items_per_s lag_p99_ms lag_max_ms peak_rss_mib", names, " "); i++)
		value[key, names[i], count[key]] = field(names[i])
}
END {
	printf "%-16s %10s %12s %12s %10s\n", "", "items/s", "lag p99 ms", "lag max ms", "peak MiB"
	for (k = 1; k <= keys; k++)
		printf "%-16s %10.0f %12.2f %12.2f %10.1f\n", order[k], median(order[k], "items_per_s"),
			median(order[k], "lag_p99_ms"), median(order[k], "lag_max_ms"), median(order[k], "peak_rss_mib")
	for (k = 1; k <= keys; k++) {
		split(order[k], part, " ")
		if (part[2] != "duet" || !count[part[1] " asyncio"]) continue
		peer = part[1] " asyncio"
		printf "%s: %.1f times the items/s, %.2f of the memory\n", part[1],
			median(order[k], "items_per_s") / median(peer, "items_per_s"),
			median(order[k], "peak_rss_mib") / median(peer, "peak_rss_mib")
	}
}' "$results"
