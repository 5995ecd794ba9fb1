#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Instructions per operation on bare metal, beside Linux's figures; and nanoseconds on this host.
#
#   sh tests/bench/run.sh [x86_64|riscv64]...      both by default
#
# Prints one table per CPU, and writes it with the raw figures to build/bench (or $QUARRY_BUILD/bench).
set -eu
cd "$(dirname "$0")/../.."
out=${QUARRY_BUILD:-$PWD/build}
[ $# -gt 0 ] || set -- x86_64 riscv64
sh tests/packages.sh build boot
mkdir -p "$out/bench"

boot() { # cpu, command line: one CPU, 2 GiB, an instruction a nanosecond
	common="-smp 1 -m 2G -icount shift=0 -display none -monitor none -serial stdio -no-reboot"
	kernel=$out/bench-$1/tests/bench/bench
	# shellcheck disable=SC2086
	case $1 in
	x86_64) timeout 300 qemu-system-x86_64 -M q35 $common -nodefaults -kernel "$kernel" -append "$2" \
		-device isa-debug-exit,iobase=0xf4,iosize=4 </dev/null || [ $? -eq 33 ] ;;
	riscv64) timeout 300 qemu-system-riscv64 -M virt $common -kernel "$kernel" -append "$2" </dev/null ;;
	esac
}

for cpu; do
	dir=$out/bench-$cpu
	log=$out/bench/$cpu.build.log
	{
		[ -f "$dir/build.ninja" ] ||
			meson setup "$dir" --cross-file "tests/cross/$cpu-gcc.ini" -Dtests=disabled
		ninja -C "$dir" tests/bench/bench
	} >"$log" 2>&1 || { tail -n 30 "$log"; exit 1; }
	raw=$out/bench/$cpu.txt
	{ boot "$cpu" "bench=1" && boot "$cpu" "parking=16"; } >"$raw" || { tail -n 5 "$raw"; exit 1; }
	python3 tests/bench/table.py "$cpu" "$raw" tests/bench/linux.csv | tee "$out/bench/$cpu.table"
done
if [ "$(uname -m)" = x86_64 ]; then
	gcc -std=gnu11 -O2 -I. -Iinclude -Iarch/x86_64/include -DQUARRY_OS_HEADER='"tests/bench/host_os.h"' \
		-o "$out/bench/host" tests/bench/host.c tests/bench/cases.c \
		$(find mm -name '*.c') arch/x86_64/tlb.c arch/x86_64/memmap.c
	"$out/bench/host" | tee "$out/bench/host.txt"
fi
