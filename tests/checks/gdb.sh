# gdb's commands of tools/gdb find every task, and the frames of those that are parked.
# usage: gdb.sh ROOT PROGRAM
command -v gdb >/dev/null || { echo "skipped: no gdb" && exit 77; }
out=$(gdb -nx -q -batch -ex "set debuginfod enabled off" -ex "source $1/tools/gdb/duet.py" \
	-ex "break stop_here" -ex run -ex "duet tasks" -ex "duet bt" -ex "duet bt 77" "$2" 2>&1)
case $out in
*"Operation not permitted"*) echo "skipped: this system forbids debugging" && exit 77 ;;
*"has no debug information"*) echo "skipped: built without debug information" && exit 77 ;;
esac

# expect WORDS...: a line that matches all of them, in this order
expect() {
	pattern=
	for word; do pattern="$pattern.*$word"; done
	echo "$out" | grep -q "$pattern" || { echo "$out"; echo "missing: $*"; exit 1; }
}

expect " 1  main: runs"
expect " 2  waits_deep (" "parked.c:[0-9]*): waits for event"
expect " 3  sleeps (" "waits for sleep"
expect "#[0-9]* .*" "inner (never=" "parked.c"
expect "#[0-9]* .*" "middle (never=" "parked.c"
expect "#[0-9]* .*" "waits_deep (never=" "parked.c"
expect "#[0-9]* .*" "sleeps (arg=" "parked.c"
expect "#[0-9]* .*" "parent (arg=" "parked.c"
expect "no task has this number"
