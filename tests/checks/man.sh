# The man pages say what the headers say: every public function is named by one page of section 3,
# with its declaration; every error of a header is in a page of that header; every page is known to
# duet(7) or duet(1); `man` finds every function; and groff has nothing to complain about.
# usage: man.sh ROOT BUILD_DIR
cd "$1" || exit 1
build=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
complain() { echo "$*"; failed=1; }

# Declarations, one a line: HEADER, words with no space too many, and the name where DUET_API is
# said.  Braces count as semicolons: then the fields of a struct are declarations of their own.
declarations() {
	awk '
	function tell(    n, i, part, name) {
		while (match(text, /\/\*[^*]*\*+([^\/*][^*]*\*+)*\//))
			text = substr(text, 1, RSTART - 1) " " substr(text, RSTART + RLENGTH)
		gsub(/DUET_(BEGIN|END)_DECLS|DUET_SUSPENDS|DUET_PRINTF\([^)]*\)/, " ", text)
		n = split(text, part, /[;{}]/)
		for (i = 1; i <= n; i++) {
			name = ""
			if (sub(/DUET_API/, "", part[i])) {
				name = part[i]
				sub(/\(.*/, "", name)
				sub(/[ \n]+$/, "", name)
				sub(/.*[ *\n]/, "", name)
			}
			gsub(/[ \t\n]+/, " ", part[i])
			while (match(part[i], / [^A-Za-z0-9_]|[^A-Za-z0-9_] /))
				part[i] = substr(part[i], 1, RSTART - 1) \
					(substr(part[i], RSTART, 1) == " " ? "" : substr(part[i], RSTART, 1)) \
					(substr(part[i], RSTART + 1, 1) == " " ? "" : substr(part[i], RSTART + 1, 1)) \
					substr(part[i], RSTART + 2)
			gsub(/^ | $/, "", part[i])
			if (part[i] ~ /[A-Za-z]/)
				print header "\t" part[i] "\t" name
		}
		text = ""
	}
	FNR == 1 { tell(); header = FILENAME; sub(/.*\//, "", header) }
	/^#include <duet\/.*>/ && FILENAME ~ /synopsis/ {
		tell(); header = $2; gsub(/.*\/|>/, "", header)
	}
	/^[ \t]*#/ { directive = 1 }
	!directive { text = text "\n" $0 }
	!/\\$/ { directive = 0 }
	END { tell() }' "$@"
}

# The SYNOPSIS of a page as C.
synopsis() {
	awk '
	function plain(s) { gsub(/\\f./, "", s); gsub(/\\-/, "-", s); gsub(/\\e/, "\\", s); return s }
	/^\.SH/ { inside = $2 == "SYNOPSIS"; next }
	!inside { next }
	/^\.(B|I|BI|BR|IB|IR|RB|RI) / {
		between = $1 ~ /^\.(B|I)$/ ? " " : ""
		rest = $0
		sub(/^\.[A-Z]+ +/, "", rest)
		line = ""
		while (rest != "") {
			if (match(rest, /^"[^"]*"/))
				word = substr(rest, 2, RLENGTH - 2)
			else {
				match(rest, /^[^ ]+/)
				word = substr(rest, 1, RLENGTH)
			}
			rest = substr(rest, RLENGTH + 1)
			sub(/^ +/, "", rest)
			line = line (line == "" ? "" : between) word
		}
		print plain(line)
		next
	}
	/^\./ { next }
	{ print plain($0) }' "$1"
}

# What its NAME line names, one a line.
names() {
	awk '/^\.SH/ { inside = $2 == "NAME"; next } inside { text = text " " $0 }
		END { sub(/ \\- .*/, "", text); gsub(/[ ,]+/, "\n", text); print text }' "$1" | grep .
}

declarations */include/duet/*.h | sort -u >"$work/declared"
for page in docs/man/*.3; do
	synopsis "$page" >"$work/synopsis"
	declarations "$work/synopsis" | sort -u >"$work/shown"
	names "$page" | sort >"$work/names"
	awk -F '\t' -v page="$page" '
		FILENAME ~ /declared/ { known[$1, $2]; if ($3 != "") name[$1, $2] = $3; next }
		FILENAME ~ /shown/ && !(($1, $2) in known) { print page ": " $1 " does not say: " $2 }
		FILENAME ~ /shown/ { words = words " " $2; if (($1, $2) in name) shown[name[$1, $2]]; next }
		{ named[$1] }
		!($1 in shown) && words !~ "[ *]" $1 "( |$)" { print page ": no SYNOPSIS of " $1 }
		END { for (n in shown) if (!(n in named)) print page ": " n " is not in NAME" }
	' "$work/declared" "$work/shown" "$work/names" >"$work/wrong"
	[ ! -s "$work/wrong" ] || complain "$(cat "$work/wrong")"
	cat "$work/names" >>"$work/named"
	sed -n 's|^#include <duet/\(.*\)>|\1|p' "$work/synopsis" | sed "s|\$|	$page|" >>"$work/headers"
done

cut -f 3 "$work/declared" | grep . | sort -u >"$work/functions"
for name in $(sort -u "$work/named" | comm -23 "$work/functions" -); do
	complain "no page for $name"
done
while read -r name; do
	[ -f "docs/man/$name.3" ] ||
		[ -f "docs/$(sed -n 's/^\.so man3/man/p' "$build/man/man3/$name.3" 2>&1)" ] ||
		complain "man $name would find nothing"
done <"$work/functions"
for name in $(sort "$work/named" | uniq -d); do complain "two pages for $name"; done

errors() {
	grep -Eoh '(DUET_|\\?-|\b)E[A-Z0-9]{3,}\b' "$@" | sed 's/^DUET_//; s/^\\*-//' | grep -vx ERRORS | sort -u
}
for header in */include/duet/*.h; do
	file=${header##*/}
	pages=$(sed -n "s|^$file	||p" "$work/headers" | sort -u)
	[ -n "$pages" ] || continue
	# shellcheck disable=SC2086
	errors $pages >"$work/told"
	# shellcheck disable=SC2086
	for code in $(errors "$header" | comm -23 - "$work/told"); do
		complain "$file names $code, but not $(echo $pages)"
	done
done

for page in docs/man/*.[1-8]; do
	section=${page##*.} name=$(basename "${page%.*}" | sed 's/-/\\\\-/g')
	case $section in 1) list=docs/man/duet.1 ;; *) list=docs/man/duet.7 ;; esac
	[ "$page" = $list ] || sed '1,/^\.SH SEE ALSO/d' $list | grep -q "^\.BR $name ($section)" ||
		complain "${list##*/} does not list ${page##*/}"
	for other in $(sed 's/\\-/-/g' "$page" | sed -n 's/^\.BR \([a-z_-]*\) (\([1-8]\)).*/\1.\2/p'); do
		[ -e "docs/man/$other" ] || grep -qx "${other%.*}" "$work/named" ||
			case $other in duet*) complain "$page: there is no $other" ;; esac
	done
done

if command -v groff >/dev/null; then
	for page in docs/man/*.[1-8]; do
		groff -man -ww -Wbreak -Tascii -P-cbou -rLL=78n "$page" >"$work/text" 2>"$work/groff"
		[ ! -s "$work/groff" ] || complain "$(cat "$work/groff")"
		case $page in *.3)
			wide=$(awk 'length > 80' "$work/text")
			[ -z "$wide" ] || complain "$page is too wide for a terminal: $wide" ;;
		esac
	done
else
	echo "no groff: the pages' layout was not looked at"
fi
echo "$(wc -l <"$work/functions") functions in $(find docs/man -name '*.3' | wc -l) pages"
exit $failed
