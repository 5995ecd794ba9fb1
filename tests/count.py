#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Add up a run of `meson test`: "passed failed", then what failed with the end of its output.

Usage: count.py testlog.json
A cmocka program that speaks TAP counts by its tests; a program that ended badly counts one failure
more if no test of it says so.
"""

import json
import re
import sys

GOOD = ("OK", "EXPECTEDFAIL")
TAIL = 20
# What says why, wherever it stands.
REASON = re.compile(r"not ok|# \S+:\d+: error|.*(runtime error|Sanitizer: )|[ST]\d .*|[KLHND]\d .*")


def main():
    passed = failed = 0
    report = []
    with open(sys.argv[1], encoding="utf-8") as file:
        runs = [json.loads(line) for line in file if line.strip()]
    for run in runs:
        if run["result"] == "SKIP":
            continue
        out = run.get("stdout") or ""
        good = len(re.findall(r"^ok\b", out, re.M))
        bad = len(re.findall(r"^not ok\b", out, re.M))
        fine = run["result"] in GOOD
        if not good and not bad:
            good = int(fine)
        if not fine and not bad:
            bad = 1
        passed += good
        failed += bad
        if bad:
            text = out + (run.get("stderr") or "")
            report.append(f"FAIL {run['name']} ({run['result']}, {run['duration']:.0f} s)")
            lines = [x for x in text.splitlines() if not re.match(r"ok\b|\d+\.\.\d+", x)]
            report += ["  " + x for x in lines[:-TAIL] if REASON.match(x)][:TAIL]
            report += ["  " + x for x in lines[-TAIL:]]
    if not runs:
        failed = 1
        report.append("FAIL no test was run")
    print(passed, failed)
    print("\n".join(report))


if __name__ == "__main__":
    main()
