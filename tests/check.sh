#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every check of the project, from nothing but Debian 12. The last line is "N passed, M failed".
#
#   sh tests/check.sh [part...]      parts, all by default:
#     host    every test on the mock machine under ASan and UBSan, built by gcc and by clang
#     tsan    the threaded tests under TSan, built by gcc and by clang
#     cross   the ready archive for x86_64 and riscv64, by gcc and by clang
#     lint    lints, compile matrix and consumers
#     boot    the demo kernel in QEMU on both CPUs, short; the fast paths, instruction by instruction;
#             the kernels of docs/porting.md
#
# Builds in build/check, or in $QUARRY_BUILD; a folder that is there already is built further.
set -u
cd "$(dirname "$0")/.." || exit 1
out=${QUARRY_BUILD:-$PWD/build/check}
parts=${*:-host tsan cross lint boot}
mkdir -p "$out/logs" || exit 1
export QUARRY_BUILD="$out" # what cross built, boot boots
passed=0
failed=0
began=$(date +%s)

# Shadow memory of the sanitizers has a fixed place: keep address randomisation away from it.
steady=
if setarch "$(uname -m)" -R true 2>/dev/null; then
	steady="setarch $(uname -m) -R"
fi
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

say() {
	printf '%4d s  %s\n' $(($(date +%s) - began)) "$*"
}

# step NAME COMMAND...: one check that passes or fails as a whole.
step() {
	step=$1
	shift
	if "$@" >"$out/logs/$step.log" 2>&1; then
		passed=$((passed + 1))
		say "ok    $step"
	else
		failed=$((failed + 1))
		say "FAIL  $step; the end of $out/logs/$step.log:"
		tail -n 25 "$out/logs/$step.log" | sed 's/^/        | /'
		return 1
	fi
}

# setup NAME OPTION...: configure one build folder, unless it is there.
setup() {
	name=$1
	shift
	[ -f "$out/$name/build.ninja" ] || meson setup "$out/$name" -Dwerror=true "$@"
}

# suites NAME SUITE...: build and run suites of a folder, add up their results.
suites() {
	name=$1
	shift
	log=$out/$name/meson-logs/testlog.json
	rm -f "$log"
	# shellcheck disable=SC2046,SC2086
	$steady meson test -C "$out/$name" \
		$(printf ' --suite %s' "$@") >"$out/logs/$name.test.log" 2>&1
	if [ -f "$log" ] && result=$(python3 tests/count.py "$log"); then
		set -- $(echo "$result" | head -n 1) "$@"
		passed=$((passed + $1))
		failed=$((failed + $2))
		say "$1 passed, $2 failed  $name"
		echo "$result" | tail -n +2 | sed 's/^/        | /'
	else
		step "$name" sh -c "cat '$out/logs/$name.test.log'; exit 1"
	fi
}

sh tests/packages.sh build boot lint || {
	echo "0 passed, 1 failed"
	exit 1
}

for part in $parts; do
	case $part in
	host)
		options=options # a library each; clang compiles these rows in the matrix
		for cc in gcc clang; do
			CC=$cc step "setup-$cc-asan" setup "$cc-asan" -Dport=none -Doptimization=1 \
				-Db_sanitize=address,undefined -Db_lundef=false &&
				suites "$cc-asan" unit scenario model stress $options
			options=
		done
		;;
	tsan)
		for cc in gcc clang; do
			CC=$cc step "setup-$cc-tsan" setup "$cc-tsan" -Dport=none -Doptimization=1 \
				-Db_sanitize=thread -Db_lundef=false &&
				suites "$cc-tsan" threaded
		done
		;;
	cross)
		for cross in x86_64-gcc x86_64-clang riscv64-gcc riscv64-clang; do
			step "setup-$cross" setup "$cross" --cross-file "tests/cross/$cross.ini" &&
				step "build-$cross" ninja -C "$out/$cross" all tests/bench/bench
		done
		;;
	lint)
		step setup-lint setup lint -Dport=none -Dtests=disabled -Dlints=true &&
			suites lint lint consumer
		;;
	boot)
		for cpu in x86_64 riscv64; do
			step "boot-$cpu" sh tests/demo.sh --short "$cpu" &&
				step "boot-$cpu-fails" sh tests/boot/test_demo.sh "$cpu"
		done
		step fast-paths sh tests/bench/run.sh --fast-paths
		step porting python3 tests/porting.py
		;;
	*)
		echo "check.sh: no part $part" >&2
		exit 2
		;;
	esac
done

say "logs in $out/logs"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
