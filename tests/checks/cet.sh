# Built for it, the context switch says that it tracks indirect branches, and not that it minds a
# shadow stack, which it would leave behind.
# usage: cet.sh ROOT CC READELF
[ "$(uname -m)" = x86_64 ] || { echo "not x86-64"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$2" -fcf-protection=full -c "$1/loop/core/context_x86_64.S" -o "$work/context.o" || exit 1
"$3" -n "$work/context.o" >"$work/notes"
grep -q IBT "$work/notes" || { echo "no IBT"; exit 1; }
! grep -q SHSTK "$work/notes"
