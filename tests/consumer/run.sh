#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build one consumer as its users would, in a folder of its own, and show that it linked.
#
#   run.sh meson | make-x86_64 | make-riscv64 | cmake | archive-x86_64 | archive-riscv64 | loop-x86_64 |
#          loop-riscv64 | cxx
set -eu
here=$(cd "$(dirname "$0")" && pwd)
quarry=$(cd "$here/../.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
header='-DQUARRY_OS_HEADER="consumer_os.h"'

# The image has an entry and leaves nothing undefined.
linked() {
	readelf -hW "$1" | grep -E 'Type:|Machine:|Flags:|Entry'
	if readelf -sW "$1" | awk '$7 == "UND" && $8 != ""' | grep .; then
		echo "undefined symbols in $1"
		exit 1
	fi
}

# A process of Linux, where this machine is an x86_64 one.
runs() {
	linked "$1"
	if [ "$(uname -sm)" = "Linux x86_64" ]; then
		"$1" | tee "$out/said"
		grep -q 'served' "$out/said"
	fi
}

case $1 in
meson)
	cp -r "$here" "$out/consumer"
	mkdir "$out/consumer/meson/subprojects"
	mv "$out/consumer/meson/quarry.wrap" "$out/consumer/meson/subprojects/"
	mkdir "$out/consumer/meson/subprojects/quarry"
	for part in meson.build meson_options.txt include mm arch; do
		cp -r "$quarry/$part" "$out/consumer/meson/subprojects/quarry/"
	done
	meson setup "$out/build" "$out/consumer/meson"
	ninja -C "$out/build"
	linked "$out/build/kernel"
	nm -n "$out/build/kernel" | grep -q '^ffffffff80.* T quarry_alloc_pages$'
	;;
make-*)
	cpu=${1#make-}
	make -s -C "$here/make" QUARRY="$quarry" QUARRY_CPU="$cpu" BUILD="$out"
	if [ "$cpu" = x86_64 ]; then
		runs "$out/kernel"
	else
		linked "$out/kernel"
		readelf -hW "$out/kernel" | grep -q 'soft-float ABI'
	fi
	;;
cmake)
	cmake -S "$here/cmake" -B "$out" -DQUARRY="$quarry" -DQUARRY_CPU=x86_64
	cmake --build "$out"
	runs "$out/kernel"
	;;
archive-*)
	# The tiny profile: two hooks and the four memory calls are all that is left to write.
	cpu=${1#archive-}
	cross="$quarry/tests/cross/$cpu-gcc.ini"
	meson setup "$out/build" "$quarry" --cross-file "$cross" -Dmax_cpus=1 -Dtests=disabled
	ninja -C "$out/build" libquarry.a
	case $cpu in
	x86_64) flags='-fPIE' ;;
	*) flags='-march=rv64gc -mabi=lp64d -mcmodel=medany -fno-pic' ;;
	esac
	# shellcheck disable=SC2086
	"$cpu-linux-gnu-gcc" -std=c11 -O2 -ffreestanding -fno-stack-protector $flags \
		-DQUARRY_MAX_CPUS=1 -I"$quarry/include" -I"$quarry/arch/$cpu/include" \
		-c "$here/kernel.c" -o "$out/kernel.o"
	# shellcheck disable=SC2086
	"$cpu-linux-gnu-gcc" $flags -nostdlib -static -Wl,-e,start -o "$out/kernel" \
		"$out/kernel.o" "$out/build/libquarry.a"
	linked "$out/kernel"
	;;
loop-x86_64)
	sh "$here/loop/build.sh" "$quarry" x86_64 clang "$out" -O2 -mno-red-zone "$header"
	runs "$out/kernel"
	;;
loop-riscv64)
	sh "$here/loop/build.sh" "$quarry" riscv64 \
		'clang --target=riscv64-unknown-elf -fuse-ld=lld -Wno-unused-command-line-argument' \
		"$out" -O1 -march=rv64gc -mabi=lp64d -mcmodel=medany
	linked "$out/kernel"
	;;
cxx)
	for cxx in g++ clang++; do
		$cxx -std=c++17 -O1 -Wall -Wextra -Werror -ffreestanding -fno-exceptions -fno-rtti \
			"$header" -I"$here" -I"$quarry/include" -I"$quarry/arch/x86_64/include" \
			-c "$here/cxx/all.cpp" -o "$out/all.o"
		mkdir -p "$out/$cxx"
		# Called from the C kernel: the two languages see the same symbols.
		EXTRA=$out/all.o sh "$here/loop/build.sh" "$quarry" x86_64 gcc "$out/$cxx" -O0 \
			"$header" -DCONSUMER_CXX
		runs "$out/$cxx/kernel"
	done
	;;
*)
	echo "run.sh: no consumer $1" >&2
	exit 2
	;;
esac
