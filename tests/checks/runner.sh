# The runner must catch every planted fault and let the good tests pass.
# usage: runner.sh PLANTED
fail() {
	echo "$out" | sed 's/^/# /'
	echo "$1"
	exit 1
}
out=$(TEST_LIMIT= "$1" 2>/dev/null)
[ "$(echo "$out" | grep -c '^ok .* good_')" = 3 ] || fail "a good test failed"
[ "$(echo "$out" | grep -c '^ok .* bad_')" = 0 ] || fail "a planted fault passed"
[ "$(echo "$out" | tail -n 1)" = "2 passed, 9 failed, 1 skipped" ] || fail "wrong counts"
if "$1" bad_check >/dev/null 2>&1; then
	fail "a failed test ended with exit status 0"
fi
