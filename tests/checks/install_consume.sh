# Installs, moves the prefix, and builds a program against it in every way a user may choose.
# usage: install_consume.sh ROOT BUILD_DIR CC VERSION
root=$1 build=$2 CC=$3 version=$4
export CC
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
fail() {
	echo "FAILED: $*"
	[ -f "$work/log" ] && tail -n 30 "$work/log"
	exit 1
}
quietly() { "$@" >"$work/log" 2>&1 || fail "$*"; }

says="duet $version says 42"
runs() { # name program
	out=$("$2" 2>&1)
	[ "$out" = "$says" ] || fail "$1: it said: $out"
	echo "$1: $out"
}
consume_cmake() { # name options...
	name=$1
	shift
	quietly cmake -S "$root/tests/checks/consumer" -B "$work/$name" -DCMAKE_BUILD_TYPE=Release "$@"
	quietly cmake --build "$work/$name" -j 2
	runs "$name" "$work/$name/consumer"
}
consume_pkg_config() { # name prefix options...
	name=$1 dir=$(dirname "$(find "$2" -name duet.pc)")
	shift 2
	flags=$(PKG_CONFIG_PATH=$dir pkg-config "$@" --cflags --libs duet) || fail "pkg-config $*"
	# shellcheck disable=SC2086
	quietly "$CC" -std=c11 -Wall -Werror "$root/tests/checks/consumer/main.c" -o "$work/$name" $flags
	LD_LIBRARY_PATH=$dir/.. runs "$name" "$work/$name"
}

quietly cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$work/shared"
quietly cmake -S "$root" -B "$work/static-build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
	-DDUET_BUILD_TESTS=OFF -DDUET_BUILD_EXAMPLES=OFF -DDUET_BUILD_BENCH=OFF
quietly cmake --build "$work/static-build" -j 2
quietly cmake --install "$work/static-build" --prefix "$work/second"
mv "$work/second" "$work/static"
rm -rf "$work/static-build"
if grep -rIl -e "$build" -e "$root" -e "$work/first" -e "$work/second" "$work/shared" "$work/static"; then
	fail "these installed files name a folder of the build"
fi

consume_cmake cmake-shared -DCMAKE_PREFIX_PATH="$work/shared"
consume_cmake cmake-static -DCMAKE_PREFIX_PATH="$work/static"
consume_pkg_config pkg-config-shared "$work/shared"
consume_pkg_config pkg-config-static "$work/static" --static
consume_cmake add_subdirectory -DWAY=folder -DDUET_SOURCE="$root"
consume_cmake fetchcontent-static -DWAY=fetch -DDUET_SOURCE="$root" -DBUILD_SHARED_LIBS=OFF
if [ -x "$work/shared/bin/duet" ]; then
	quietly "$work/shared/bin/duet" --version
	echo "the moved program runs"
fi
