# The shared library exports what the public headers declare, no less and nothing else.
# usage: symbols.sh ROOT LIBRARY NM READELF
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

"$3" -D --defined-only "$2" | awk '{ print $NF }' | sed 's/@.*//' | sort >"$work/exported"
# A declaration runs from DUET_API to the ';' or '{'; its name is the word before the first '('.
cat */include/duet/*.h | awk '
	/^[ \t]*#/ { next }
	/DUET_API/ { text = ""; in_one = 1 }
	in_one { text = text " " $0 }
	in_one && /[;{]/ {
		in_one = 0
		sub(/^.*DUET_API/, "", text)
		if (match(text, /duet_[a-z0-9_]+[ ]*(\(|;|\[)/))
			print substr(text, RSTART, RLENGTH - 1)
	}' | tr -d ' ' | sort -u >"$work/declared"

if grep -v '^duet_[a-z0-9]' "$work/exported"; then
	echo "exported, and not called duet_...: see above"
	exit 1
fi
if ! diff "$work/declared" "$work/exported" >"$work/diff"; then
	sed -n 's/^< /declared in a header, not exported: /p; s/^> /exported, declared in no header: /p' \
		"$work/diff"
	exit 1
fi
soname=$("$4" -d "$2" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
case $soname in
libduet.so.0.[0-9]*) ;;
*) echo "wrong SONAME: $soname" && exit 1 ;;
esac
if "$4" -lW "$2" | grep GNU_STACK | grep -q E; then
	echo "the library asks for an executable stack"
	exit 1
fi
if ! "$4" -d "$2" | grep -q BIND_NOW || ! "$4" -lW "$2" | grep -q GNU_RELRO; then
	echo "the library is not linked with full RELRO"
	exit 1
fi
if "$4" -d "$2" | grep -q TEXTREL; then
	echo "the library has text relocations"
	exit 1
fi
echo "$(wc -l <"$work/exported") symbols, $soname"
