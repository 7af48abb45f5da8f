# The page of duet run --report, in a browser: nothing overlaps or sticks out at any width, nothing is
# loaded, nothing complains, and a dark screen gets a dark page.
# usage: report_page.sh ROOT DUET
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
	{ echo "skipped: no chromium" && exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
seq 400 | sed 's/.*/{"prompt":"question & <b>\\"&\\"<\/b>"}/' >"$work/in"
"$2" run "$work/in" -o "$work/out" -q --mock=latency=5ms+-3ms,fail=500:0.2 --retries 0 \
	--allow-failures --post busy=1 -w 2 --report "$work/report.html" || exit 1
cp "$1/tests/checks/report_page.html" "$work/page.html"

# look SCHEME: what page.html finds, with the browser's complaints behind it
look() {
	timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
		--allow-file-access-from-files --host-resolver-rules='MAP * ~NOTFOUND' \
		--blink-settings=preferredColorScheme="$1" --enable-logging=stderr \
		--virtual-time-budget=5000 --dump-dom "file://$work/page.html?report.html" \
		2>"$work/log" | sed -n 's/.*<pre id="found">\(.*\)<\/pre>.*/\1/p'
	grep 'CONSOLE' "$work/log"
}
dark=$(look 0) light=$(look 1)
[ -n "$light" ] || { tail -n 5 "$work/log"; echo "skipped: chromium does not run here"; exit 77; }
echo "$light"
status=0
fail() { echo "not so: $1" && status=1; }

case $dark$light in *CONSOLE*) fail "the browser has nothing to say" ;; esac
charts='"charts":["Rows a second","Service time","Timeline","Workers"]'
case $light in *"$charts"*"$charts"*) ;; *) fail "four charts, at both widths" ;; esac
case $light in *'"faults":[]'*'"faults":[]'*) ;; *) fail "no faults, at both widths" ;; esac
case $light in *'"background":"rgb(255, 255, 255)"'*) ;; *) fail "a light page is white" ;; esac
case $dark in *'"background":"rgb(255, 255, 255)"'*) fail "a dark page is dark" ;; esac
exit $status
