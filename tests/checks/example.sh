# Runs an example: it must end with status 0 and print what is expected.
# usage: example.sh EXPECTED PROGRAM [ARG...]
expected=$1
shift
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
"$@" >"$out" </dev/null
status=$?
cat "$out"
[ "$status" = 0 ] || { echo "exit status $status"; exit 1; }
[ -f "$expected" ] || exit 0
diff -u "$expected" "$out"
