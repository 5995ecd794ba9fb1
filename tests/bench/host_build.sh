# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# host_build.sh: building the library and a benchmark for this host; sourced, in the tree's root.
#
# The library is compiled as for a kernel: general registers only (a compiler that may use vectors
# loads two counters at once right after one of them was stored, and waits for that store), and
# without the indirections that a loader asks for.

# shellcheck disable=SC2089
host_flags="-std=gnu11 -O2 -g -pthread -fno-pie -ftls-model=local-exec -I$PWD -I$PWD/include"
# shellcheck disable=SC2089
host_flags="$host_flags -I$PWD/arch/x86_64/include -DQUARRY_OS_HEADER=\"tests/bench/host_os.h\""

host_library() { # folder of the objects, flags beside
	folder=$1
	shift
	rm -rf "${folder:?}"
	for part in mm arch/x86_64; do
		mkdir -p "$folder/$part"
		# shellcheck disable=SC2086,SC2090
		find "$PWD/$part" -name '*.c' -print0 | (cd "$folder/$part" &&
			xargs -0 -n 8 -P 2 gcc $host_flags -mgeneral-regs-only "$@" -c)
	done
}

host_program() { # program, folder of the library's objects, its flags beside, sources
	program=$1
	folder=$2
	shift 2
	# shellcheck disable=SC2086,SC2090
	gcc $host_flags -no-pie -o "$program" "$@" tests/bench/host_os.c "$folder"/mm/*.o \
		"$folder"/arch/x86_64/*.o
}
