#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the benchmark's figures beside Linux's: table.py CPU RAW LINUX.csv

Linux was measured on x86_64; on another CPU the columns are there for orientation only."""
import csv
import re
import sys


def main():
    cpu, raw, linux = sys.argv[1:4]
    ours = {}
    with open(raw, encoding='utf-8', errors='replace') as text:
        for name, value in re.findall(r'^BENCH (\S+) (\d+)\r?$', text.read(), re.M):
            ours[name] = int(value) / 100
    if not ours:
        sys.exit(f'{raw}: no figures')
    print(f'{cpu}: instructions per operation')
    print(f'{"case":36}{"Quarry":>11}{"lean 6.1":>11}{"6.12":>11}{"ratio":>8}{"goal":>9}')
    with open(linux, encoding='utf-8') as text:
        for row in csv.DictReader(line for line in text if not line.startswith('#')):
            value = ours.get(row['case'])
            mine = f'{value:.0f}' if value is not None else '-'
            ratio = f'{value / float(row["linux612"]):.2f}' if value is not None else '-'
            met = '' if value is None else ' met' if value <= float(row['goal']) else ''
            print(f'{row["case"]:36}{mine:>11}{row["lean61"] or "-":>11}{row["linux612"]:>11}{ratio:>8}'
                  f'{row["goal"]:>9}{met}')


if __name__ == '__main__':
    main()
