# C++ tasks may throw, catch and suspend in a catch block, with a shared libduet.
# usage: cxx.sh ROOT CXX LIBRARY_DIR
command -v "$2" >/dev/null || { echo "no C++ compiler"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$2" -std=c++17 -Wall -Wextra -Werror -I"$1/loop/include" -I"$1/pool/include" \
	"$1/tests/checks/cxx/exceptions.cc" -o "$work/exceptions" -L"$3" -lduet -Wl,-rpath,"$3" || exit 1
"$work/exceptions"
