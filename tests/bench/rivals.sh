#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Objects beside the allocators of user space that Debian ships, on this host: nanoseconds for taking
# an object and freeing it, one and two threads.
#
#   sh tests/bench/rivals.sh [rounds]     the least of that many runs each, by turns (3)
#
# Prints a table, and writes it to build/bench/rivals.txt (or $QUARRY_BUILD/bench).
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-3}
out=${QUARRY_BUILD:-$PWD/build}/bench/rivals
mkdir -p "$out"
sh tests/packages.sh build rivals
host="gcc -std=gnu11 -O2 -g -pthread -I$PWD -I$PWD/include -I$PWD/arch/x86_64/include"
host="$host -DQUARRY_OS_HEADER=\"tests/bench/host_os.h\""
for part in mm arch/x86_64; do
	objects=$out/$part
	mkdir -p "$objects"
	rm -f "$objects"/*.o
	# shellcheck disable=SC2086
	find "$PWD/$part" -name '*.c' -print0 | (cd "$objects" && xargs -0 -n 8 -P 2 $host -c)
done
# shellcheck disable=SC2086
$host -o "$out/rivals" tests/bench/rivals.c tests/bench/host_os.c "$out"/mm/*.o \
	"$out"/arch/x86_64/*.o

libraries=/usr/lib/x86_64-linux-gnu
: >"$out/raw.txt"
run() { # name, argument, library
	LD_PRELOAD=$3 "$out/rivals" "$2" | sed "s/^/$1 /" >>"$out/raw.txt"
}
for _ in $(seq "$rounds"); do
	run quarry quarry ""
	run libc malloc ""
	run mimalloc malloc "$libraries/libmimalloc.so.2.0"
	run jemalloc malloc "$libraries/libjemalloc.so.2"
	run tcmalloc malloc "$libraries/libtcmalloc_minimal.so.4"
done
awk '
	{
		row = $2 " | " $3
		if (!(row in seen)) { order[++rows] = row; seen[row] = 1 }
		if (!((row, $1) in least) || $4 < least[row, $1]) least[row, $1] = $4
	}
	END {
		print "| case | threads | Quarry | mimalloc | jemalloc | tcmalloc | C library | to the fastest |"
		print "|---|---:|---:|---:|---:|---:|---:|---:|"
		for (i = 1; i <= rows; i++) {
			row = order[i]; best = 1e9
			n = split("mimalloc jemalloc tcmalloc", rival, " ")
			for (j = 1; j <= n; j++)
				if (least[row, rival[j]] < best) best = least[row, rival[j]]
			printf "| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f |\n", row,
				least[row, "quarry"], least[row, "mimalloc"], least[row, "jemalloc"],
				least[row, "tcmalloc"], least[row, "libc"], least[row, "quarry"] / best
		}
	}' "$out/raw.txt" | tee "$out/../rivals.txt"
