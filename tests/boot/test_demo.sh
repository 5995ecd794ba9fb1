#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The demo must fail, with the right reason, when something is wrong: break=N on the kernel's command line
# breaks one promise.
#
#   sh tests/boot/test_demo.sh [x86_64|riscv64]     default x86_64
set -u
cd "$(dirname "$0")/../.." || exit 1
cpu=${1:-x86_64}
bad=0

expect() { # break, seconds, pattern of the last line
	last=$(sh tests/demo.sh "$cpu" -smp 2 --short -t "$2" "break=$1" 2>&1)
	status=$?
	last=$(echo "$last" | tail -n 1)
	case $status:$last in
	1:$3) echo "ok    break=$1: $last" ;;
	*)
		echo "FAIL  break=$1: status $status, $last"
		bad=1
		;;
	esac
}

expect 1 240 "demo: FAIL $cpu: pages are missing"
expect 2 240 "demo: FAIL $cpu: contents of an allocation changed"
expect 3 20 "demo: FAIL $cpu: no verdict within 20 s; last line: *"
expect 4 240 "demo: FAIL $cpu: panic on CPU 0: *page fault*"
exit $bad
