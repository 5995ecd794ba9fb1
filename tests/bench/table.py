#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the benchmark's figures beside Linux's: table.py CPU RAW LINUX.csv

Linux was measured on x86_64; on another CPU the columns are there for orientation only. The last two
columns are locked instructions and writes of the interrupt flag per operation, where they were traced."""
import csv
import re
import sys


def main():
    cpu, raw, linux = sys.argv[1:4]
    with open(raw, encoding='utf-8', errors='replace') as text:
        lines = text.read()
    ours = {name: int(value) / 100
            for name, value in re.findall(r'^BENCH (\S+) (\d+)\r?$', lines, re.M)}
    traced = {name: (int(locked) / 100, int(masking) / 100)
              for name, locked, masking in re.findall(r'^TRACE (\S+) (\d+) (\d+)\r?$', lines, re.M)}
    flushes = re.findall(r'^FLUSH (\S+) (\d+) (\d+)\r?$', lines, re.M)
    addresses = re.search(r'^ADDRESSES (\d+) (\d+) (\d+)\r?$', lines, re.M)
    lines_touched = re.findall(r'^LINES (\S+) (\d+) (\d+)\r?$', lines, re.M)
    wakes = re.findall(r'^WAKE (\S+) (\d+) (\d+) (\d+) (\d+)\r?$', lines, re.M)
    if not ours:
        sys.exit(f'{raw}: no figures')
    print(f'{cpu}: instructions per operation')
    print(f'{"case":36}{"Quarry":>11}{"lean 6.1":>11}{"6.12":>11}{"ratio":>8}{"goal":>9}     '
          f'{"locked":>9}{"irq flag":>9}')
    with open(linux, encoding='utf-8') as text:
        for row in csv.DictReader(line for line in text if not line.startswith('#')):
            value = ours.get(row['case'])
            mine = f'{value:.0f}' if value is not None else '-'
            ratio = f'{value / float(row["linux612"]):.2f}' if value is not None else '-'
            met = ' met' if value is not None and round(value) <= float(row['goal']) else ''
            dear = ''.join(f'{n:9.2f}' for n in traced.get(row['case'], ()))
            print(f'{row["case"]:36}{mine:>11}{row["lean61"] or "-":>11}{row["linux612"]:>11}{ratio:>8}'
                  f'{row["goal"]:>9}{met:5}{dear}'.rstrip())
    for name, value in ours.items():
        if name.startswith('debugged/'):
            plain = ours[name.removeprefix('debugged/')]
            met = ' met' if value <= 10 * plain else ''
            print(f'{name:40}{value:7.0f}, {value / plain:.1f} times what it costs without; ceiling 10{met}')
    print(f'{cpu}: flushes of every CPU per 32 MiB freed; cases that are not named have none')
    for name, count, freed in flushes:
        print(f'{name:36}{int(count) * 32 / max(int(freed), 1):11.2f}')
    for call, touched, written in lines_touched:
        print(f'{cpu}: {call} touches {touched} cache lines, the struct page among them, and writes {written}')
    if wakes:
        print(f'{cpu}: instructions of a page from its zone and back, above and below the low mark')
        print(f'{"mask":12}{"above":>8}{"below":>8}{"kswapd awake":>14}{"woken":>8}{"wake":>7}{"goal":>6}     '
              f'{"all that being below costs":>28}')
    for mask, *figures in wakes:
        above, below, awake, woken = (int(n) for n in figures)
        met = ' met' if woken - below <= 150 else ''
        print(f'{mask:12}{above:8}{below:8}{awake:14}{woken:8}{woken - below:7}{150:6}{met:5}{woken - above:28}')
    if addresses:
        live, span, hole = (int(n) for n in addresses.groups())
        print(f'{cpu}: addresses after 20 000 vmallocs of mixed sizes: {live} MiB of areas lie in {span} MiB, '
              f'{100 * live // max(span, 1)} %; longest hole {hole} MiB')


if __name__ == '__main__':
    main()
