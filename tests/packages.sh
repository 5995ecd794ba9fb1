#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what a script needs on Debian 12, if it is missing.
#
#   sh tests/packages.sh build [boot] [lint] [bench] [plot] [rivals]
#     build  compilers, Meson, cmocka              boot  QEMU and riscv64 firmware
#     lint   what the lints and the consumers use besides   bench  Valgrind
#     plot   gnuplot and xz                        rivals  allocators to be compared with
#
# Nothing is asked of the network while everything is there.
set -eu

want() { # package, then a file or command that it brings
	case $2 in
	/*) [ -e "$2" ] && return ;;
	*) command -v "$2" >/dev/null 2>&1 && return ;;
	esac
	missing="$missing $1"
}

missing=
[ $# -gt 0 ] || set -- build
for group; do
	case $group in
	build)
		want gcc gcc
		want gcc-x86-64-linux-gnu x86_64-linux-gnu-gcc
		want libc6-dev /usr/include/stdlib.h
		want binutils x86_64-linux-gnu-ld
		want clang clang
		want libclang-rt-14-dev /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.asan-x86_64.a
		want lld ld.lld
		want llvm llvm-ar
		want gcc-riscv64-linux-gnu riscv64-linux-gnu-gcc
		want meson meson
		want ninja-build ninja
		want pkg-config pkg-config
		want libcmocka-dev /usr/include/cmocka.h
		want python3 python3
		;;
	boot)
		want qemu-system-x86 qemu-system-x86_64
		want qemu-system-misc qemu-system-riscv64
		want opensbi /usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin
		;;
	lint)
		want g++ g++
		want gcc-riscv64-unknown-elf riscv64-unknown-elf-g++
		want make make
		want cmake cmake
		;;
	bench)
		want valgrind valgrind
		;;
	rivals)
		want libmimalloc2.0 /usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0
		want libjemalloc2 /usr/lib/x86_64-linux-gnu/libjemalloc.so.2
		want libtcmalloc-minimal4 /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4
		;;
	plot)
		want gnuplot-nox gnuplot
		want xz-utils xz
		;;
	*)
		echo "packages.sh: no group $group" >&2
		exit 2
		;;
	esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "packages.sh: missing, and there is no apt-get:$missing" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
	as_root=sudo
	command -v sudo >/dev/null 2>&1 || {
		echo "packages.sh: run as root, or install:$missing" >&2
		exit 1
	}
fi
echo "packages.sh: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -qq update
# shellcheck disable=SC2086
$as_root apt-get -qq install -y --no-install-recommends $missing >/dev/null
