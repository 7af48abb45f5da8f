#!/bin/sh
# duet's client beside bare libcurl, aiohttp and Go: same server, turn by turn, server and client on
# a core each; medians.  Streams: 200 of them, 100 tokens each, 10 ms apart, each token's JSON read;
# their cost is for each token.
# usage: bench/http/run.sh [BUILD_DIR [ROUNDS]]
# needs, for what is not there to be left out: python3 with aiohttp, go
here=$(dirname "$0")
build=${1:-build}
rounds=${2:-3}
port=${PORT:-18473}
url=http://127.0.0.1:$port/v1/chat/completions
python=${PYTHON:-python3}
[ -x "$build/bench/http" ] || { echo "run.sh: build duet into $build first" >&2; exit 1; }
"$python" -c 'import aiohttp' 2>/dev/null || { [ -x /usr/bin/python3 ] && python=/usr/bin/python3; }
results=$(mktemp) && work=$(mktemp -d) || exit 1
go build -o "$work/client_go" "$here/client.go" 2>/dev/null || echo "no Go: left out" >&2
"$python" -c 'import aiohttp' 2>/dev/null || { echo "no aiohttp: left out" >&2; python=; }
taskset -c 0 "$build/bench/http" --serve "$port" &
server=$!
trap 'kill $server; rm -rf "$results" "$work"' EXIT
sleep 0.3
ulimit -n 4096

on_one_core() { GOMAXPROCS=1 taskset -c 1 "$@" >>"$results"; }

for c in 100 1000; do
	for round in $(seq "$rounds"); do
		on_one_core "$build/bench/http" -u "$url" -c $c -n 50000 -r 1
		on_one_core "$build/bench/bare_curl" "$url" $c 50000 1
		[ ! -x "$work/client_go" ] || on_one_core "$work/client_go" "$url" $c 50000 1
		[ -z "$python" ] || on_one_core "$python" "$here/client_aiohttp.py" "$url" $c 10000 1
	done
done

for round in $(seq "$rounds"); do
	stream=http://127.0.0.1:$port/stream
	on_one_core "$build/bench/http" -s -u "$stream" -c 200 -r 1
	[ ! -x "$work/client_go" ] || on_one_core "$work/client_go" "$stream" 200 0 1
done

sed 's/[{}"]//g; s/: */:/g; s/, */,/g' "$results" | awk -F, '
function value(name,  i) {
	for (i = 1; i <= NF; i++)
		if (index($i, name ":") == 1)
			return substr($i, length(name) + 2)
}
{
	key = sprintf("%5d %-12s", value("c"), value("client"))
	n = ++count[key]
	speed[key, n] = value("req_s") + 0; cost[key, n] = value("cpu_us") + 0
	rss[key] = value("rss_mib")
}
function median(of, key,  n, i, j, t, v) {
	n = count[key]
	for (i = 1; i <= n; i++) v[i] = of[key, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
	return v[int((n + 1) / 2)]
}
END {
	print "    C client         req/s   us/each  RSS MiB"
	for (key in count)
		printf "%s %7d %9.1f %8.1f\n", key, median(speed, key), median(cost, key), rss[key] | "sort"
}'
