# OpenAI's own client for node talks to duet mock: see tests/clients.
# usage: clients.sh ROOT DUET FOLDER-FOR-THE-PACKAGES
# It fetches packages, so it runs only if DUET_CLIENTS=1 is in the environment.
skip() {
	echo "skipped: $1"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
}
[ "${DUET_CLIENTS:-0}" = 1 ] || skip "it would fetch packages; DUET_CLIENTS=1 lets it"
command -v npm >/dev/null || skip "no npm"
mkdir -p "$3" && cp "$1"/tests/clients/*.json "$1"/tests/clients/*.mjs "$3" && cd "$3" || exit 1
npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1 ||
	{ tail -n 3 npm.log && skip "the packages cannot be fetched"; }
DUET=$2 node --test >node.log 2>&1
status=$?
[ $status = 0 ] || cat node.log
# A last line such as the tests in C have.
awk '/^# pass/ { p = $3 } /^# fail/ { f = $3 } /^# skipped/ { s = $3 }
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' node.log
exit $status
