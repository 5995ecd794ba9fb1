#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Replay a trace of memory requests on the mock machine and draw it.
#
#   sh tests/tools/replay.sh TRACE[.xz] [option of replay.c]...
#
# Leaves table and picture in build/replay (or $QUARRY_BUILD/replay) as NAME.txt and NAME.svg and
# prints the table's last lines.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || { echo "usage: $0 TRACE[.xz] [option]..." >&2; exit 2; }
trace=$1
shift
out=${QUARRY_BUILD:-$PWD/build}
name=$(basename "$trace")
name=${name%.xz}
table=$out/replay/$name.txt
mkdir -p "$out/replay"
sh tests/packages.sh build plot
if [ ! -f "$out/replay/build/build.ninja" ]; then
	meson setup "$out/replay/build" -Dport=none >/dev/null
fi
ninja -C "$out/replay/build" tests/replay >"$out/replay/build.log"
case $trace in
*.xz)
	xz -dc "$trace" >"$out/replay/$name"
	trace=$out/replay/$name
	;;
esac
status=0
"$out/replay/build/tests/replay" "$@" "$trace" >"$table" || status=$?
grep -v '^ ' "$table" || true
gnuplot -e "table='$table'; picture='$out/replay/$name.svg'" tests/tools/replay.gnuplot
echo "$out/replay/$name.svg"
exit $status
