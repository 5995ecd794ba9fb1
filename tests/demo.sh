#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Boot the demo kernel in QEMU on its firmware's memory map and let Quarry manage the machine's memory.
#
#   sh tests/demo.sh [x86_64|riscv64|both] [-smp N] [-m SIZE] [--short] [word=number...]
#     -smp N      CPUs, 4 by default               -m SIZE  memory as QEMU takes it, 256M by default
#     --short     a tenth of the work              seed=N steps=N  go to the kernel's command line
#     -M MACHINE  another QEMU machine (microvm), one CPU family only
#     -t SECONDS  give up after so long            break=N  break a promise on purpose (tests/boot/test_demo.sh)
#
# Installs what is missing on Debian 12, builds in build/<cpu>-gcc or $QUARRY_BUILD/<cpu>-gcc, and ends with one line:
# "demo: PASS ..." or "demo: FAIL <cpu>: <reason>". Exit status 0 is PASS.
set -u
cd "$(dirname "$0")/.." || exit 1
out=${QUARRY_BUILD:-$PWD/build}
cpus='x86_64 riscv64'
smp=4
memory=256M
limit=400
machine=
line=

usage() {
	sed -n '/^#   sh/,/^#     -t/s/^# *//p' "$0" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	x86_64 | riscv64) cpus=$1 ;;
	both) cpus='x86_64 riscv64' ;;
	-smp) smp=${2:?} && shift ;;
	-m) memory=${2:?} && shift ;;
	-M) machine=${2:?} && shift ;;
	-t) limit=${2:?} && shift ;;
	--short)
		line="$line steps=4000"
		limit=240
		;;
	*=*) line="$line $1" ;;
	*) usage ;;
	esac
	shift
done

fail() {
	echo "demo: FAIL $1"
	exit 1
}

sh tests/packages.sh build boot || fail "packages are missing"

# build CPU: the kernel; its log is shown only if it fails.
build() {
	dir=$out/$1-gcc
	log=$out/demo-$1.log
	mkdir -p "$out"
	{
		[ -f "$dir/build.ninja" ] ||
			meson setup "$dir" --cross-file "tests/cross/$1-gcc.ini" -Dtests=disabled
	} >"$log" 2>&1 && ninja -C "$dir" tests/boot/demo >>"$log" 2>&1 && return
	tail -n 30 "$log"
	fail "$1: the build failed ($log)"
}

# boot CPU: run the kernel; status is QEMU's, translated to 0 (pass) or something else.
boot() {
	common="-smp $smp -m $memory -display none -monitor none -serial stdio -no-reboot"
	kernel=$out/$1-gcc/tests/boot/demo
	case $1 in
	x86_64)
		# isa-debug-exit turns the kernel's value v into exit status 2v + 1; 33 is success.
		# shellcheck disable=SC2086
		timeout -k 5 $limit qemu-system-x86_64 -M "${machine:-q35}" $common -nodefaults \
			-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$kernel" -append "$line" </dev/null
		status=$?
		case $status in 33) status=0 ;; 0) status=1 ;; esac
		;;
	riscv64)
		# shellcheck disable=SC2086
		timeout -k 5 $limit qemu-system-riscv64 -M "${machine:-virt}" $common \
			-kernel "$kernel" -append "$line" </dev/null
		status=$?
		;;
	esac
	return $status
}

# demo CPU: the exit status and the verdict line must both say so.
demo() {
	build "$1"
	text=$out/demo-$1.txt
	{
		boot "$1"
		echo $? >"$text.status"
	} 2>&1 | tee "$text"
	status=$(cat "$text.status")
	verdict=$(tr -d '\r' <"$text" | sed -n 's/^VERDICT: //p' | head -n 1)
	case $status:$verdict in
	0:PASS*) return ;;
	*:FAIL*) fail "$1: ${verdict#FAIL }" ;;
	124:* | 137:*)
		last=$(tr -d '\r' <"$text" | grep . | grep -v '^qemu-system' | tail -n 1)
		fail "$1: no verdict within $limit s; last line: $last"
		;;
	*) fail "$1: QEMU ended with status $status and without a verdict" ;;
	esac
}

for cpu in $cpus; do
	demo "$cpu"
done
echo "demo: PASS $cpus, $smp CPUs, $memory"
