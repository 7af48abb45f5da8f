#!/bin/sh
# The stack switch of aarch64, built by a cross compiler and run in an emulator, where both are.
# usage: aarch64.sh SOURCE_DIR
set -eu
cc=aarch64-linux-gnu-gcc
run=qemu-aarch64
for tool in $cc $run; do
	command -v $tool >/dev/null || { echo "skipped: no $tool here"; exit 77; }
done
cd "$1"
program=$(mktemp)
trap 'rm -f "$program"' EXIT
for level in -O0 -O2; do
	$cc -std=gnu11 $level -fno-omit-frame-pointer -Wall -Wextra -Werror -static -I. \
		tests/checks/context_switch.c loop/core/context.c loop/core/context_aarch64.S -o "$program"
	$run "$program"
done
