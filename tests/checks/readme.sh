# Every C program in the README and the man pages compiles and links as it stands, without a warning.
# usage: readme.sh ROOT CC LIBRARY_DIR
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0 failed=0

# A program is a block that begins with an #include: ```c in Markdown, .EX to .EE in a man page.
awk -v out="$work/" '
	FNR == 1 { name = FILENAME; gsub(/[^A-Za-z0-9]/, "_", name); block = 0; open = 0 }
	/^```c$/ || /^\.EX/ { open = 1; file = out name "_" ++block ".c"; next }
	/^```$/ || /^\.EE/ { open = 0; started = 0; next }
	open && !started && /^#include/ { started = 1 }
	open && started { gsub(/\\e/, "\\"); gsub(/\\-/, "-"); gsub(/\\\(aq/, "'\''"); print > file }
' README.md $(find docs -name '*.md' -o -name '*.[1-8]')

for program in "$work"/*.c; do
	[ -f "$program" ] || continue
	"$2" -std=c11 -Wall -Wextra -Werror -Iloop/include -Ipool/include "$program" -o "$work/program" \
		-L"$3" -lduet || { failed=1; echo "does not compile: ${program##*/}"; }
	count=$((count + 1))
done
[ $count -ge 2 ] || { echo "only $count programs found"; exit 1; }
echo "$count programs"
exit $failed
