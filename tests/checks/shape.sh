# The shape of the tree: no file over 600 lines, no function over 100, nothing left to do.
# usage: shape.sh ROOT
cd "$1" || exit 1
files=$(find loop ipc pool tools examples tests bench -name '*.[chS]' 2>/dev/null)
for file in $files; do
	awk -v file="$file" '
		/^{/ { start = NR }
		/^}/ && start {
			if (NR - start > 101)
				printf "%s:%d: a function of %d lines\n", file, start, NR - start - 1
			start = 0
		}
		/TODO|FIXME/ { printf "%s:%d: %s\n", file, NR, $0 }
		END { if (NR > 600) printf "%s: %d lines\n", file, NR }' "$file"
done | grep .
[ $? = 1 ]
