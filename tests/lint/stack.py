#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stack use, from gcc's call graphs.

K1  No function calls itself, directly or round a corner.
K2  No frame is of variable size.
K3  No chain of direct calls needs more than LIMIT bytes: kernels give us what is left of 8 KiB.
Calls through pointers are not followed.
"""

import re

import tree

LIMIT = 3072


def graph(cpu, problems):
    """Return: {function: frame}, {function: called functions}. File-local names carry their file."""
    frames, calls = {}, {}
    objects = tree.build(cpu, "gcc", tree.O2[cpu])
    for source, path in objects.items():
        text = path.with_suffix(".ci").read_text()
        for title, label in re.findall(r'node: \{ title: "([^"]+)" label: "([^"]*)"', text):
            size = re.search(r"(\d+) bytes \(([a-z,]+)", label)
            if size:
                frames[title] = int(size.group(1))
                if size.group(2) == "dynamic":
                    problems.append(f"K2 {source}: {title} has a frame of variable size ({cpu})")
        for caller, callee in re.findall(r'sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            calls.setdefault(caller, set()).add(callee)
    return frames, calls


def deepest(frames, calls, problems, cpu):
    """Return: the most bytes that a chain of calls takes, and the chain."""
    done, active = {}, []

    def walk(name):
        if name in active:
            loop = active[active.index(name):] + [name]
            problems.append(f"K1 recursion: {' -> '.join(loop)} ({cpu})")
            return 0, []
        if name not in done:
            active.append(name)
            best = max((walk(c) for c in sorted(calls.get(name, ()))), default=(0, []))
            active.pop()
            done[name] = (best[0] + frames.get(name, 0), [name] + best[1])
        return done[name]

    return max((walk(name) for name in sorted(frames)), default=(0, []))


def main():
    problems = []
    for cpu in tree.CPUS:
        frames, calls = graph(cpu, problems)
        size, chain = deepest(frames, calls, problems, cpu)
        names = " -> ".join(f"{c.split(':')[-1]} {frames.get(c, 0)}" for c in chain)
        print(f"{cpu}: deepest chain {size} bytes: {names}")
        if size > LIMIT:
            problems.append(f"K3 {size} bytes of stack, more than {LIMIT} ({cpu})")
    tree.finish(problems, "stack")


if __name__ == "__main__":
    main()
