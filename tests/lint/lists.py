#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Meson's source lists, the ones for make and CMake, and the files on disk are the same.

Usage: lists.py [--write]
The lists of meson.build are the ones that people edit: --write makes the two others from them.
"""

import re
import sys

import tree

LISTS = ("common",) + tree.CPUS

MAKE = """\
# SPDX-License-Identifier: MIT
# Source list for make, in layer order; made from meson.build by tests/lint/lists.py --write.
#
# Set QUARRY (path of this repository) and QUARRY_CPU (x86_64 or riscv64), include this file, then
# compile $(QUARRY_SOURCES) with $(QUARRY_INCLUDES) and your kernel's own flags.
{lists}
QUARRY_SOURCES := $(addprefix $(QUARRY)/,$(QUARRY_ARCH_$(QUARRY_CPU)) $(QUARRY_COMMON))
QUARRY_INCLUDES := -I$(QUARRY)/include -I$(QUARRY)/arch/$(QUARRY_CPU)/include -I$(QUARRY)
"""

CMAKE = """\
# SPDX-License-Identifier: MIT
# Source list for CMake, in layer order; made from meson.build by tests/lint/lists.py --write.
#
# Set QUARRY_CPU (x86_64 or riscv64), include this file, then add ${{QUARRY_SOURCES}} to your kernel's
# target and ${{QUARRY_INCLUDE_DIRS}} to its include directories: your target's flags apply.
{lists}
get_filename_component(QUARRY_ROOT "${{CMAKE_CURRENT_LIST_DIR}}/.." ABSOLUTE)
set(QUARRY_SOURCES ${{QUARRY_ARCH_${{QUARRY_CPU}}}} ${{QUARRY_COMMON}})
list(TRANSFORM QUARRY_SOURCES PREPEND "${{QUARRY_ROOT}}/")
set(QUARRY_INCLUDE_DIRS
  "${{QUARRY_ROOT}}/include" "${{QUARRY_ROOT}}/arch/${{QUARRY_CPU}}/include" "${{QUARRY_ROOT}}")
"""


def meson_lists():
    text = (tree.ROOT / "meson.build").read_text()
    lists = {}
    for name in LISTS:
        found = re.search(rf"^quarry_{name} = files\(\n(.*?)^\)", text, re.M | re.S)
        if not found:
            sys.exit(f"meson.build: no list quarry_{name} = files(...)")
        lists[name] = re.findall(r"^\s*'([^']+)',", found.group(1), re.M)
    return lists


def variable(name):
    return "QUARRY_COMMON" if name == "common" else f"QUARRY_ARCH_{name}"


def make_text(lists):
    parts = [f"{variable(n)} := \\\n\t" + " \\\n\t".join(f) + "\n" for n, f in lists.items()]
    return MAKE.format(lists="\n" + "\n".join(parts))


def cmake_text(lists):
    parts = [f"set({variable(n)}\n  " + "\n  ".join(f) + ")\n" for n, f in lists.items()]
    return CMAKE.format(lists="\n" + "\n".join(parts))


def host_tests():
    """Every test file is listed, and those that start threads are listed so."""
    text = (tree.ROOT / "tests/meson.build").read_text()
    listed, threaded = (
        set(re.findall(r"'([^']+)'", re.search(rf"{name} = \[(.*?)\]", text, re.S).group(1)))
        for name in ("host_test_sources", "threaded"))
    folder = tree.ROOT / "tests"
    for path in sorted(folder.rglob("test_*.c")):
        name = str(path.relative_to(folder))
        if name not in listed:
            yield f"tests/{name} is not listed in tests/meson.build"
        starts = re.search(r"\b(mock_run_cpus|pthread_create)\(", path.read_text()) is not None
        if starts != (name in threaded):
            yield f"tests/{name}: {'starts threads' if starts else 'starts none'}, unlike its list"


def main():
    lists = meson_lists()
    written = {"mm/sources.mk": make_text(lists), "mm/sources.cmake": cmake_text(lists)}
    if sys.argv[1:] == ["--write"]:
        for name, text in written.items():
            (tree.ROOT / name).write_text(text)
        return
    problems = []
    for name, text in written.items():
        path = tree.ROOT / name
        if not path.exists() or path.read_text() != text:
            problems.append(f"{name} differs from meson.build: run tests/lint/lists.py --write")
    for name, listed in lists.items():
        folder = "mm" if name == "common" else f"arch/{name}"
        found = {str(p.relative_to(tree.ROOT)) for p in (tree.ROOT / folder).rglob("*.[cS]")}
        problems += [f"{f} is not listed in meson.build" for f in sorted(found - set(listed))]
        problems += [f"meson.build lists {f}, which is no file of {folder}/"
                     for f in sorted(set(listed) - found)]
        problems += [f"meson.build lists {f} twice" for f in set(listed) if listed.count(f) > 1]
    problems += host_tests()
    tree.finish(problems, "lists")


if __name__ == "__main__":
    main()
