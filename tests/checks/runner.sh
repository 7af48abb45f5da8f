# The runner must catch every planted fault and let the good tests pass.
# usage: runner.sh PLANTED
out=$(TEST_LIMIT= "$1" 2>/dev/null)
echo "$out"
[ "$(echo "$out" | grep -c '^ok .* good_')" = 3 ] || { echo "a good test failed"; exit 1; }
[ "$(echo "$out" | grep -c '^ok .* bad_')" = 0 ] || { echo "a planted fault passed"; exit 1; }
[ "$(echo "$out" | tail -n 1)" = "2 passed, 9 failed, 1 skipped" ] || { echo "wrong counts"; exit 1; }
if "$1" bad_check >/dev/null 2>&1; then
	echo "a failed test ended with exit status 0"
	exit 1
fi
