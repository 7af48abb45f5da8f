# Who may call whom, read out of the #include lines: a room includes itself and the rooms below it,
# a third-party header stands in its one room, and fork() is called in pool/ alone.
# usage: layers.sh ROOT | layers.sh --planted

# room: the rooms it may include from | the third-party headers it may include
# "in" is the folder of a file, so ipc/nng comes before ipc.
rules() {
	cat <<'RULES'
loop/core:                                                          | event2 valgrind sanitizer
loop/sync: loop/core                                                |
loop/io:   loop/core loop/sync                                      |
loop/http: loop/core loop/sync loop/io                              | curl
loop/json: loop/core                                                | cjson
loop/llm:  loop/core loop/sync loop/io loop/http loop/json          | cjson
ipc/nng:   ipc loop                                                 | nng
ipc:       ipc loop                                                 |
pool:      pool ipc loop                                            |
tools:     tools                                                    |
examples:  examples                                                 | openssl
RULES
}

# One line for each broken rule.
check() {
	find "$1"/loop "$1"/ipc "$1"/pool "$1"/tools "$1"/examples -name '*.[chS]' 2>/dev/null |
		sort >"$list"
	rules | awk -v root="$1/" '
	function starts(text, prefix) { return substr(text, 1, length(prefix)) == prefix }
	function within(path, folder) { return path == folder || starts(path, folder "/") }
	function room_of(file,  i) {
		for (i = 1; i <= rooms; i++)
			if (within(file, room[i]))
				return room[i]
		return ""
	}
	# The tree whose public headers hold <duet/name.h>; the folder of the same name is its room.
	function home_of(header,  t, name) {
		for (t in trees)
			if ((getline line < (root trees[t] "/include/duet/" header)) >= 0) {
				close(root trees[t] "/include/duet/" header)
				name = trees[t] "/" substr(header, 1, length(header) - 2)
				return (name in is_room) ? name : trees[t]
			}
		return ""
	}
	function broken(what) { printf "%s:%d: %s\n", file, number, what }
	function third_party(header,  name) {
		name = header
		sub(/[\/.].*/, "", name)
		if (name == "event")
			name = "event2"
		if (name == "cJSON")
			name = "cjson"
		return name ~ /^(event2|curl|cjson|nng|openssl|valgrind|sanitizer|nats|uv|ev)$/ ? name : ""
	}
	function may(list, item,  words, n, i) {
		n = split(list, words, " ")
		for (i = 1; i <= n; i++)
			if (within(item, words[i]))
				return 1
		return 0
	}
	function look_include(line,  header, name, home) {
		header = line
		sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", header)
		sub(/[>"].*/, "", header)
		if (line ~ /</ && starts(header, "duet/")) {
			home = home_of(substr(header, 6))
			if (!is_program && home ~ /^(ipc|pool|loop\/.*)$/ && !within(home, in_room) &&
			    !may(uses[in_room], home))
				broken(in_room " may not include <" header "> of " home)
			return
		}
		name = third_party(header)
		if (name != "" && (public_header || !may(third[in_room], name)))
			broken((public_header ? "a public header" : in_room) " may not include <" header ">")
		if (header ~ /^(loop|ipc|pool|tools|examples|tests)\// &&
		    (public_header || !(within(header, in_room) || may(uses[in_room], header))))
			broken(in_room " may not include \"" header "\"")
	}
	function without_comments(line,  at, end) {
		if (in_comment) {
			end = index(line, "*/")
			if (!end)
				return ""
			in_comment = 0
			line = substr(line, end + 2)
		}
		gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
		sub(/\/\/.*/, "", line)
		while ((at = index(line, "/*")) > 0) {
			end = index(substr(line, at), "*/")
			if (!end) {
				in_comment = 1
				return substr(line, 1, at - 1)
			}
			line = substr(line, 1, at - 1) " " substr(line, at + end + 1)
		}
		return line
	}
	function look(line) {
		if (line ~ /^[ \t]*#[ \t]*include/) {
			look_include(line)
			return
		}
		line = without_comments(line)
		if (line ~ /(^|[^A-Za-z0-9_>.])(v?fork|_Fork)[ ]*\(/ && !within(file, "pool") &&
		    !within(file, "examples"))
			broken("fork() is called in pool/ alone")
		if (line ~ /(^|[^A-Za-z0-9_>.])(printf|puts|putchar|perror|exit)[ ]*\(/ && !is_program)
			broken("the library does not print or exit")
	}
	BEGIN { trees[1] = "loop"; trees[2] = "ipc"; trees[3] = "pool" }
	FILENAME == "-" {
		split($0, half, /\|/)
		name = half[1]
		sub(/:.*/, "", name)
		sub(/^[^:]*:/, "", half[1])
		room[++rooms] = name
		is_room[name] = 1
		uses[name] = half[1]
		third[name] = half[2]
		next
	}
	{
		path = $0
		file = substr(path, length(root) + 1)
		public_header = file ~ /\/include\/duet\//
		in_room = public_header ? substr(file, 1, index(file, "/") - 1) : room_of(file)
		is_program = file ~ /^(tools|examples)\//
		if (in_room == "")
			printf "%s: in no known room\n", file
		number = in_comment = 0
		while ((getline line < path) > 0) {
			number++
			look(line)
		}
		close(path)
	}' - "$list"
}

list=$(mktemp) || exit 1
planted=$(mktemp -d) || exit 1
trap 'rm -rf "$list" "$planted"' EXIT

# plant FILE LINE: one fault in an otherwise empty tree must be found.
plant() {
	rm -rf "$planted"/*
	mkdir -p "$planted/$(dirname "$1")" "$planted/pool/include/duet" "$planted/loop/include/duet"
	: >"$planted/pool/include/duet/pool.h"
	: >"$planted/loop/include/duet/task.h"
	: >"$planted/loop/include/duet/http.h"
	printf '%s\n' "$2" >"$planted/$1"
	found=$(check "$planted" | wc -l)
	[ "$found" = "$3" ] && return
	echo "planted in $1: $2: found $found, not $3"
	missed=1
}

if [ "$1" = --planted ]; then
	plant loop/core/a.c '#include "loop/sync/queue.h"' 1
	plant loop/sync/a.c '#include "loop/io/fd.h"' 1
	plant loop/json/a.c '#include "loop/http/multi.h"' 1
	plant loop/io/a.c '#include "ipc/channel.h"' 1
	plant loop/io/a.c '#include <duet/http.h>' 1
	plant ipc/a.c '#include "pool/ledger.h"' 1
	plant loop/core/a.c '#include <duet/pool.h>' 1
	plant loop/include/duet/a.h '#include <duet/pool.h>' 1
	plant loop/include/duet/a.h '#include <curl/curl.h>' 1
	plant loop/include/duet/a.h '#include "loop/core/park.h"' 1
	plant tools/a.c '#include "loop/core/park.h"' 1
	plant examples/a.c '#include "tests/lib/test.h"' 1
	plant loop/sync/a.c '#include <event2/event.h>' 1
	plant loop/core/a.c '#include <curl/curl.h>' 1
	plant ipc/mem/a.c '#include <nng/nng.h>' 1
	plant pool/a.c '#include <nng/nng.h>' 1
	plant loop/core/a.c '#include <cJSON.h>' 1
	plant loop/io/a.c 'pid = fork();' 1
	plant loop/core/a.c 'printf("x");' 1
	plant attic/a.c 'int x;' 0
	plant loop/attic/a.c 'int x;' 1
	plant loop/core/a.c '#include <event2/event.h>' 0
	plant loop/http/a.c '#include <curl/curl.h>' 0
	plant loop/http/a.c '#include "loop/core/park.h"' 0
	plant loop/http/a.c '#include <duet/task.h>' 0
	plant loop/core/a.c '/* fork() and exit() */ x->exit(1); duet__fork(2);' 0
	plant pool/a.c 'fork();' 0
	plant pool/a.c '#include "ipc/channel.h"' 0
	[ -z "$missed" ] && echo "every planted fault was found"
	exit "${missed:-0}"
fi

faults=$(check "$1")
[ -z "$faults" ] && exit 0
echo "$faults"
exit 1
