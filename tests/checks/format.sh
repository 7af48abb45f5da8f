# Every source file is as clang-format would have it.
# usage: format.sh ROOT; status 77 where there is no clang-format 14 (others differ in details)
cd "$1" || exit 1
for tool in clang-format-14 clang-format none; do
	"$tool" --version 2>/dev/null | grep -q 'version 14\.' && break
done
[ $tool != none ] || { echo "no clang-format 14 here"; exit 77; }
wrong=$(find loop ipc pool tools examples tests bench -name '*.[ch]' 2>/dev/null |
	xargs "$tool" --dry-run 2>&1 | grep 'warning:' | cut -d: -f1 | uniq -c)
[ -z "$wrong" ] && exit 0
echo "not as clang-format would have it (places, file):"
echo "$wrong"
exit 1
