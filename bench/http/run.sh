#!/bin/sh
# duet's client beside bare libcurl, aiohttp, httpx, undici and Go: same server, turn by turn, server
# and client on a core each; medians, and what they come to beside what is aimed at.  Streams: 200 of
# them, 100 tokens each, 10 ms apart, each token's JSON read; their cost is for each token.  Where
# other work takes part of the two cores, the ratio by CPU a request says more than that of speed.
# usage: bench/http/run.sh [BUILD_DIR [ROUNDS]]
# needs, for what is not there to be left out: python3 with aiohttp and httpx, npm, go
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-build}
rounds=${2:-3}
port=${PORT:-18473}
url=http://127.0.0.1:$port/v1/chat/completions
[ -x "$build/bench/http" ] || { echo "run.sh: build duet into $build first" >&2; exit 1; }
peers=$build/bench/peers
results=$(mktemp) || exit 1
mkdir -p "$peers"

# A Python that has the module; where none has, a venv of its own is tried.
find_python() {
	for python in "$PYTHON" python3 /usr/bin/python3 "$peers/venv/bin/python"; do
		[ -n "$python" ] && "$python" -c "import $1" 2>/dev/null && echo "$python" && return
	done
	python3 -m venv "$peers/venv" && "$peers/venv/bin/pip" install -q "$1" &&
		echo "$peers/venv/bin/python"
}
aiohttp=$(find_python aiohttp 2>/dev/null) || { echo "no aiohttp: left out" >&2; aiohttp=; }
httpx=$(find_python httpx 2>/dev/null) || { echo "no httpx: left out" >&2; httpx=; }
go build -o "$peers/client_go" "$here/client.go" 2>/dev/null || echo "no Go: left out" >&2
cp "$here/client_undici.mjs" "$peers"
[ -d "$peers/node_modules/undici" ] ||
	npm install --silent --no-audit --no-fund --prefix "$peers" undici@7 >/dev/null 2>&1
[ -d "$peers/node_modules/undici" ] || echo "no undici: left out" >&2

taskset -c 0 "$build/bench/http" --serve "$port" &
server=$!
trap 'kill $server; rm -f "$results"' EXIT
sleep 0.3
ulimit -n 4096

on_one_core() { GOMAXPROCS=1 taskset -c 1 "$@" >>"$results"; }

for c in 100 1000; do
	for round in $(seq "$rounds"); do
		on_one_core "$build/bench/http" -u "$url" -c $c -n 50000 -r 1
		on_one_core "$build/bench/bare_curl" "$url" $c 50000 1
		[ ! -x "$peers/client_go" ] || on_one_core "$peers/client_go" "$url" $c 50000 1
		[ ! -d "$peers/node_modules/undici" ] ||
			on_one_core node "$peers/client_undici.mjs" "$url" $c 30000 1
		[ -z "$aiohttp" ] || on_one_core "$aiohttp" "$here/client_aiohttp.py" "$url" $c 8000 1
		[ -z "$httpx" ] || on_one_core "$httpx" "$here/client_httpx.py" "$url" $c 2000 1
	done
done

for round in $(seq "$rounds"); do
	stream=http://127.0.0.1:$port/stream
	on_one_core "$build/bench/http" -s -u "$stream" -c 200 -r 1
	[ ! -x "$peers/client_go" ] || on_one_core "$peers/client_go" "$stream" 200 0 1
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
function name(c, client) { return sprintf("%5d %-12s", c, client) }
function judge(words, have, want, is_most, more) {
	printf "%-48s %7.2f  %s %-6.2f %-7s%s\n", words, have, is_most ? "at most " : "at least", want,
		(is_most ? have <= want : have >= want) ? "met" : "MISSED", more
}
function beside(c, client, want,  key) {
	key = name(c, client)
	if (count[key])
		judge(sprintf("req/s against %s, %d connections", client, c),
			median(speed, name(c, "duet")) / median(speed, key), want, 0,
			sprintf("by CPU a request %.2f", median(cost, key) / median(cost, name(c, "duet"))))
}
END {
	table = "sort"
	print "    C client         req/s   us/each  RSS MiB"
	for (key in count)
		printf "%s %7d %9.1f %8.1f\n", key, median(speed, key), median(cost, key), rss[key] | table
	close(table)
	print ""
	beside(100, "aiohttp", 10); beside(100, "httpx", 30)
	beside(100, "undici", 1.15); beside(100, "go", 1.25)
	beside(1000, "aiohttp", 6); beside(1000, "httpx", 20)
	beside(1000, "undici", 1.5); beside(1000, "go", 1.2)
	for (c = 100; c <= 1000; c *= 10)
		judge(sprintf("us a request over bare libcurl, %d connections", c),
			median(cost, name(c, "duet")) - median(cost, name(c, "bare_curl")), 2, 1)
	if (count[name(200, "go stream")])
		judge("us a token of paced streams, of that of Go",
			median(cost, name(200, "duet stream")) / median(cost, name(200, "go stream")), 1, 1)
}'
