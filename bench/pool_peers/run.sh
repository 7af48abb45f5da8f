#!/bin/sh
# The pool beside Python's two, in one run: a line of JSON each, three times over.
# usage: run.sh DIR-OF-THE-RELEASE-BUILD
set -e
here=$(dirname "$0")
for round in 1 2 3; do
	"$1/bench/pool" local
	"$1/bench/pool" nng
	python3 "$here/pool_python.py" executor
	python3 "$here/pool_python.py" pool
done
