#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the library's objects define and need.

S1  Undefined symbols of the whole are the hooks of the profile and the four memory calls: no libgcc.
S2  Every hook of the profile is really used.
S3  Every global that is defined starts with the prefix.
S4  A global is public exactly if a public header declares it with QUARRY_API; else it is hidden.
S5  Static state is zero at start: no .data. With a state section, nothing else is writable.
"""

import re

import tree


def declared_public(pattern="**/*.h"):
    names = set()
    for header in tree.ROOT.glob(f"include/{pattern}"):
        names |= set(re.findall(r"\bQUARRY_API(?:_CHECK)?\((\w+)\)", header.read_text()))
    return names - {"name"}


def elsewhere(objects):
    """Public names that only another CPU's port has: readers of that CPU's boot information."""
    here = {source.split("/")[1] for source in objects if source.startswith("arch/")}
    text = "".join(path.read_text() for cpu in tree.CPUS if cpu not in here
                   for path in tree.ROOT.glob(f"arch/{cpu}/*.c"))
    return set(re.findall(r"^\w[\w *]*?\b(?:quarry_)?(\w+)\(", text, re.M))


def check(objects, max_cpus=16, prefix="quarry_", state_section=False, hooks=None):
    """Return: the list of problems in {source: object file}."""
    problems = []
    if hooks is None:
        hooks = tree.TINY_HOOKS if max_cpus == 1 else tree.SMP_HOOKS
    files = {source: tree.Elf(path) for source, path in objects.items()}
    defined = {s.name for elf in files.values() for s in elf.defined()}
    needed = {}
    for source, elf in files.items():
        for name in elf.undefined() - defined:
            needed.setdefault(name, source)

    # The linker makes the last two, where objects are counted by place.
    given = {"_GLOBAL_OFFSET_TABLE_", f"__start_{prefix}alloc_tags", f"__stop_{prefix}alloc_tags"}
    for name in sorted(set(needed) - hooks - tree.MEM_CALLS - given):
        problems.append(f"S1 {needed[name]}: needs `{name}`, which is not in the OS contract")
    for name in sorted(hooks - set(needed)):
        problems.append(f"S2 hook `{name}` is never called")

    public = {prefix + name for name in declared_public()}
    for source, elf in files.items():
        for symbol in elf.defined():
            if not symbol.name.startswith(prefix):
                problems.append(f"S3 {source}: defines `{symbol.name}` without the prefix")
            elif symbol.hidden == (symbol.name in public):
                state = "public" if not symbol.hidden else "hidden"
                problems.append(f"S4 {source}: `{symbol.name}` is {state} unlike its declaration")
        for name, kind, flags, size in elf.sections:
            writable = flags & 1 and flags & 2 and size
            if not writable or name.startswith(".data.rel.ro"):
                continue
            allowed = name == "quarry_state" if state_section else name.startswith((".bss", ".lbss"))
            if not allowed:
                problems.append(f"S5 {source}: writable section {name} of {size} bytes")
    # A header whose contents depend on an option: what is defined is declared, but not always there.
    public -= {prefix + name for name in elsewhere(objects) | declared_public("quarry/alloc_tag.h")}
    for name in sorted(public - defined):
        problems.append(f"S4 `{name}` is declared in a public header and defined nowhere")
    return problems


def main():
    for compiler in ("gcc", "clang"):
        problems = check(tree.build("x86_64", compiler, tree.O2["x86_64"]), state_section=True)
        if problems:
            tree.finish(problems, f"symbols ({compiler}, state section)")
    tree.finish([], "symbols (state section)")


if __name__ == "__main__":
    main()
