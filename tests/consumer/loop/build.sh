#!/bin/sh
# SPDX-License-Identifier: MIT
# No build system: every .c under mm/ and arch/<cpu>/ with three include paths, in any order.
#   [EXTRA=objects] build.sh <repository> <cpu> <compiler> <folder> [flags]
set -eu
quarry=$1 cpu=$2 cc=$3 out=$4
shift 4
here=$(cd "$(dirname "$0")/.." && pwd)
objects=${EXTRA-}
n=0
for source in "$here/kernel.c" $(find "$quarry/mm" "$quarry/arch/$cpu" -name '*.c'); do
	n=$((n + 1))
	$cc "$@" -ffreestanding -I"$quarry/include" -I"$quarry/arch/$cpu/include" -I"$quarry" \
		-I"$here" -c "$source" -o "$out/$n.o"
	objects="$objects $out/$n.o"
done
# shellcheck disable=SC2086
$cc "$@" -nostdlib -static -Wl,-e,start -o "$out/kernel" $objects
