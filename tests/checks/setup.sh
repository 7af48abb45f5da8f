# scripts/setup, on a machine made of fakes: installs what is missing as root or by sudo, or names
# it and stops; does nothing when nothing is missing.
# usage: setup.sh ROOT
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
for tool in sh dirname tr env; do
	ln -s "$(command -v $tool)" "$work/bin/$tool"
done
fake() { # name body
	printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}
setup() { PATH=$work/bin sh "$root/scripts/setup" "$@" >"$work/out" 2>&1 </dev/null; }
fail() {
	echo "$1"
	cat "$work/out" "$work/apt"
	exit 1
}
root=$1
fake true "exit 0"
: >"$work/apt"
fake apt-cache 'exit 1'
fake apt-get "echo \"\$*\" >>$work/apt"

fake dpkg-query 'echo installed'
fake id 'echo 1000'
setup build test || fail "everything is there: it must succeed"
[ ! -s "$work/apt" ] || fail "everything is there: it must not call apt-get"

fake dpkg-query 'for last; do :; done; [ "$last" = libcurl4-gnutls-dev ] && echo installed'
setup build && fail "neither root nor sudo: it must fail"
grep -q 'apt-get install .*libnng-dev' "$work/out" || fail "it must name the packages"
grep -q libcurl4 "$work/out" && fail "one of two alternatives is installed: it must not ask for the other"
[ ! -s "$work/apt" ] || fail "neither root nor sudo: it must not call apt-get"

fake sudo 'exit 1'
setup build && fail "sudo refuses: it must fail"
grep -q 'apt-get install .*libnng-dev' "$work/out" || fail "sudo refuses: it must name the packages"

fake sudo '[ "$1" = -n ] && shift; exec "$@"'
setup build || fail "sudo allows: it must succeed"
grep -q 'install .*libnng-dev' "$work/apt" || fail "sudo allows: it must install"

: >"$work/apt"
rm "$work/bin/sudo"
fake id 'echo 0'
setup build || fail "root: it must succeed"
head -n 1 "$work/apt" | grep -q update || fail "no package lists: it must fetch them first"
grep -q 'install .*libnng-dev' "$work/apt" || fail "root: it must install"
grep -q 'g++' "$work/apt" && fail "it must install the group that was asked for alone"

fake apt-get 'exit 100'
setup build && fail "apt-get fails: it must fail"
exit 0
