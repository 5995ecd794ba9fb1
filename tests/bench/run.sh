#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Instructions per operation on bare metal, beside Linux's figures; on this host nanoseconds,
# fragmentation, two threads, lock traffic and the cost of boot.
#
#   sh tests/bench/run.sh [x86_64|riscv64]...      both by default
#   sh tests/bench/run.sh --fast-paths             only: no fast path locks or masks interrupts, nor touches more lines
#
# Prints one table per CPU, and writes it with the raw figures to build/bench (or $QUARRY_BUILD/bench).
# Fails, after all was printed, if a program failed or missed its goal.
set -eu
cd "$(dirname "$0")/../.."
out=${QUARRY_BUILD:-$PWD/build}
[ $# -gt 0 ] || set -- x86_64 riscv64
mkdir -p "$out/bench"

boot() { # cpu, command line: one CPU, 2 GiB, an instruction a nanosecond
	common="-smp 1 -m 2G -icount shift=0 -display none -monitor none -serial stdio -no-reboot"
	kernel=$out/$1-gcc/tests/bench/bench
	# shellcheck disable=SC2086
	case $1 in
	x86_64) timeout 300 qemu-system-x86_64 -M q35 $common -nodefaults -kernel "$kernel" -append "$2" \
		-device isa-debug-exit,iobase=0xf4,iosize=4 </dev/null || [ $? -eq 33 ] ;;
	riscv64) timeout 300 qemu-system-riscv64 -M virt $common -kernel "$kernel" -append "$2" </dev/null ;;
	esac
}

build() { # cpu
	dir=$out/$1-gcc
	log=$out/bench/$1.build.log
	{
		[ -f "$dir/build.ninja" ] ||
			meson setup "$dir" --cross-file "tests/cross/$1-gcc.ini" -Dtests=disabled
		ninja -C "$dir" tests/bench/bench
	} >"$log" 2>&1 || { tail -n 30 "$log"; exit 1; }
}

if [ "$1" = --fast-paths ]; then
	sh tests/packages.sh build boot
	build x86_64
	boot x86_64 fast-paths >"$out/bench/fast-paths.txt" || { tail -n 5 "$out/bench/fast-paths.txt"; exit 1; }
	grep -aE '^(TRACE|LINES|WAKE)' "$out/bench/fast-paths.txt"
	exit
fi
sh tests/packages.sh build boot bench
for cpu; do
	build "$cpu"
	raw=$out/bench/$cpu.txt
	{ boot "$cpu" "bench=1" && boot "$cpu" "parking=16" && boot "$cpu" "vfree-unmaps" &&
		boot "$cpu" "slab-debug"; } >"$raw" ||
		{ tail -n 5 "$raw"; exit 1; }
	python3 tests/bench/table.py "$cpu" "$raw" tests/bench/linux.csv >"$out/bench/$cpu.table"
	cat "$out/bench/$cpu.table"
done
[ "$(uname -m)" = x86_64 ] || exit 0

# On this host: the library once, then each program with it.
. tests/bench/host_build.sh
host_library "$out/bench/host.objects"
host_program "$out/bench/host" "$out/bench/host.objects" tests/bench/host.c tests/bench/cases.c
for program in fragmentation threads boot_cost; do
	host_program "$out/bench/$program" "$out/bench/host.objects" "tests/bench/$program.c"
done
missed= # what fell short; all the rest is printed first
for program in host fragmentation threads; do
	"$out/bench/$program" >"$out/bench/$program.txt" || missed="$missed $program"
	cat "$out/bench/$program.txt"
done

boot_cost() { # GiB; instructions
	valgrind --tool=callgrind --toggle-collect=quarry_init_checked \
		--callgrind-out-file="$out/bench/callgrind.$1" "$out/bench/boot_cost" "$1" 2>&1 |
		sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}
small=$(boot_cost 1)
large=$(boot_cost 1024)
echo "boot: $small instructions for 1 GiB, $large for 1 TiB, $((large * 100 / small)) % of it" |
	tee "$out/bench/boot_cost.txt"
[ "$large" -le $((2 * small)) ] || missed="$missed boot_cost"
[ -z "$missed" ] || { echo "missed or failed:$missed"; exit 1; }
