#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls go down only.

L1  An object needs only symbols that objects listed before it define, hooks, and the memory calls.
    Checked with and without optimisation, so that calls in inline functions count too.
L2  A file of mm/ includes public headers, its own folder's and lower folders' headers.
L3  Only freestanding system headers are included (gcc's limits.h is none: it wants a libc's); only
    mm/vmap sees the page-table encoding.
L4  A CPU port sees the contract headers, the memory-map types and itself.
"""

import re

import tree

LEVEL = {"base": 0, "gfp": 1, "boot": 1, "phys": 2, "reclaim": 3, "page": 4, "slab": 5,
         "vmap": 6, "ext": 7, "report": 8}
SYSTEM = {"stddef.h", "stdint.h", "stdbool.h", "stdatomic.h", "stdarg.h"}
PORT = {"quarry/types.h", "quarry/os.h", "quarry/arch.h", "quarry/config.h", "quarry/memmap.h"}


def check_objects(problems):
    for cpu, compiler, flags in (("x86_64", "gcc", tree.O0), ("x86_64", "clang", tree.O2),
                                 ("riscv64", "gcc", tree.O2)):
        objects = tree.build(cpu, compiler, flags[cpu])
        owner = {}
        for source, path in objects.items():
            for symbol in tree.Elf(path).defined():
                owner[symbol.name] = source
        seen = set(tree.SMP_HOOKS | tree.MEM_CALLS)
        for source, path in objects.items():
            elf = tree.Elf(path)
            seen |= {s.name for s in elf.defined()}
            for name in sorted(elf.undefined() - seen):
                problems.append(f"L1 {source}: needs `{name}` of {owner.get(name, 'nobody')}, "
                                "which is not listed before it")


def check_includes(problems):
    for path in tree.tracked(("mm/", "arch/", "include/"), (".c", ".h")):
        top, folder = path.parts[0], path.parts[1] if len(path.parts) > 2 else None
        text = (tree.ROOT / path).read_text()
        for opening, name in re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)', text, re.M):
            if opening == '"':
                target = re.match(r"mm/(\w+)/", name)
                if top != "mm" or not target or target.group(1) not in LEVEL:
                    problems.append(f'L2 {path}: "{name}" is not a header of mm/<layer>/')
                elif not (tree.ROOT / name).exists():
                    problems.append(f'L2 {path}: "{name}" does not exist')
                elif folder:
                    ours, theirs = LEVEL[folder], LEVEL[target.group(1)]
                    if theirs > ours or (theirs == ours and target.group(1) != folder):
                        problems.append(f"L2 {path}: includes the higher layer {name}")
            elif name == "quarry/arch/pgtable.h":
                if not (top == "arch" or folder == "vmap"):
                    problems.append(f"L3 {path}: includes <{name}>")
            elif name.startswith("quarry/"):
                if top == "arch" and name not in PORT and not name.startswith("quarry/arch/"):
                    problems.append(f"L4 {path}: a port includes <{name}>")
            elif name not in SYSTEM:
                problems.append(f"L3 {path}: includes <{name}>")


def main():
    problems = []
    check_includes(problems)
    check_objects(problems)
    tree.finish(sorted(set(problems)), "layers")


if __name__ == "__main__":
    main()
