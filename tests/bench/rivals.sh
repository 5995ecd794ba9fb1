#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Objects beside the allocators of user space that Debian ships, on this host: nanoseconds for taking
# an object and freeing it, one and two threads. Quarry is linked as a kernel is, without indirections
# for loaders, and measured a second time without the checks of QUARRY_HARDENING that rivals do not
# make either.
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
. tests/bench/host_build.sh
for level in 1 0; do
	host_library "$out/$level" -DQUARRY_HARDENING=$level
	host_program "$out/rivals$level" "$out/$level" -DQUARRY_HARDENING=$level \
		tests/bench/rivals.c
done

libraries=/usr/lib/x86_64-linux-gnu
: >"$out/raw.txt"
run() { # name, argument, library, level
	LD_PRELOAD=$3 "$out/rivals${4:-1}" "$2" | sed "s/^/$1 /" >>"$out/raw.txt"
}
for _ in $(seq "$rounds"); do
	run quarry quarry ""
	run unhardened quarry "" 0
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
		print "| case | threads | Quarry | to the fastest | hardening 0 | to the fastest | mimalloc | jemalloc | tcmalloc | C library |"
		print "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
		for (i = 1; i <= rows; i++) {
			row = order[i]; best = 1e9
			n = split("mimalloc jemalloc tcmalloc", rival, " ")
			for (j = 1; j <= n; j++)
				if (least[row, rival[j]] < best) best = least[row, rival[j]]
			printf "| %s | %.1f | %.2f | %.1f | %.2f | %.1f | %.1f | %.1f | %.1f |\n",
				row, least[row, "quarry"], least[row, "quarry"] / best,
				least[row, "unhardened"], least[row, "unhardened"] / best,
				least[row, "mimalloc"], least[row, "jemalloc"],
				least[row, "tcmalloc"], least[row, "libc"]
		}
	}' "$out/raw.txt" | tee "$out/../rivals.txt"
