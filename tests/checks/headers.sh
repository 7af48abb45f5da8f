# Each public header compiles alone, twice, strictly, as C11 and as C++17, and names no third party.
# usage: headers.sh ROOT CC CXX
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
includes= count=0 failed=0
for tree in loop ipc pool; do
	[ -d $tree/include ] && includes="$includes -I$tree/include"
done
cxx=$3
command -v "${cxx:-none}" >/dev/null || { cxx=; echo "no C++ compiler: C only"; }

for header in */include/duet/*.h; do
	name=duet/${header##*/}
	printf '#include <%s>\n#include <%s>\nextern int nothing;\n' "$name" "$name" >"$work/one.c"
	cp "$work/one.c" "$work/one.cc"
	# shellcheck disable=SC2086
	"$2" -std=c11 -pedantic -Wall -Wextra -Werror $includes -fsyntax-only "$work/one.c" || failed=1
	[ -z "$cxx" ] ||
		"$cxx" -std=c++17 -pedantic -Wall -Wextra -Werror $includes -fsyntax-only "$work/one.cc" ||
		failed=1
	grep -Eq '^#endif' "$header" || { echo "$header: no include guard"; failed=1; }
	count=$((count + 1))
done
for header in */include/duet/*.h; do
	name=${header##*/}
	[ "$name" = duet.h ] || [ "$name" = api.h ] || grep -q "<duet/$name>" pool/include/duet/duet.h ||
		{ echo "duet.h does not include <duet/$name>"; failed=1; }
done
echo "$count headers"
exit $failed
