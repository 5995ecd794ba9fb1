#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Style that a machine can check.

T1  The licence line is at the top of every source and script.
T2  C lines have at most 100 columns (a tab is 8); no trailing blanks; a newline ends the file.
T3  No marker of unfinished work, no path of one person's machine.
T4  An identifier in backquotes in a C comment exists somewhere in the code.
T5  A C file of the library has at most 600 lines.
T6  The top level holds only the entries that docs and packagers count on.
T7  Memory for limited devices is scarce: where the library names its masks is counted, file by file.
"""

import re

import tree

TOP = {"meson.build", "meson_options.txt", "include", "mm", "arch", "tests", "docs", "LICENSE",
       "README.md"}
# Of T7: those that judge masks or pass on what the caller asked for. None of our own needs asks.
LIMITED = {"mm/gfp/gfp.c": 2,          # the table of names
           "mm/page/evacuate.c": 2,    # a page moves within its zone's reach
           "mm/report/memtest.c": 2,   # every zone is tested
           "mm/slab/kmalloc.c": 2, "mm/slab/slab.c": 5, "mm/slab/slab_cache.c": 2,  # dma-kmalloc
           "mm/vmap/vmalloc.c": 2}     # vmalloc_32
LIMITED_MASK = re.compile(r"\b(?:__)?GFP_DMA(?:32)?\b")
CODE = (".c", ".h", ".S", ".cpp")
SCRIPT = (".py", ".sh", ".ld", ".mk", ".cmake", ".ini", "meson.build", "meson_options.txt",
          "CMakeLists.txt", "Makefile")
# Split, so that this file passes its own test.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE = re.compile(r"(?<![\w.])/(work|root|home|Users)/\w")
WORD = re.compile(r"[A-Za-z_]\w*")
# Words in backquotes that are no identifiers of ours: the C language's and the compilers'.
FOREIGN = {"static", "inline", "const", "volatile", "restrict", "extern", "struct", "void", "nm",
           "memset", "memcpy", "memmove", "memcmp", "errno", "printf"}


def comments(text):
    """(line number, text) of each comment, and the text without comments."""
    found = []
    for match in re.finditer(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', text, re.S):
        if match.group()[0] == "/":
            found.append((text.count("\n", 0, match.start()) + 1, match.group()))
    code = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    return found, code


def main():
    problems = []
    files = tree.tracked()
    texts = {p: (tree.ROOT / p).read_text(errors="replace") for p in files
             if p.name.endswith(CODE + SCRIPT + (".md", ".txt"))}

    known = set(FOREIGN)
    for path, text in texts.items():
        if path.name.endswith(CODE):
            known |= set(WORD.findall(comments(text)[1]))
        elif path.name.endswith(SCRIPT):
            known |= set(WORD.findall(text))
    for path in files:
        known |= {path.stem, path.name} | set(path.parts)

    for path in files:
        if path.parts[0] not in TOP and not path.parts[0].startswith("."):
            problems.append(f"T6 {path}: not an entry of the top level")
    for path, text in texts.items():
        lines = text.split("\n")
        is_code = path.name.endswith(CODE)
        if is_code or path.name.endswith(SCRIPT):
            if not any("SPDX-License-Identifier: MIT" in line for line in lines[:2]):
                problems.append(f"T1 {path}: no licence line at the top")
        if text and not text.endswith("\n"):
            problems.append(f"T2 {path}: the last line has no newline")
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            if line != line.rstrip():
                problems.append(f"T2 {where}: trailing blanks")
            if is_code and len(line.expandtabs(8)) > 100:
                problems.append(f"T2 {where}: {len(line.expandtabs(8))} columns")
            if UNFINISHED.search(line):
                problems.append(f"T3 {where}: {UNFINISHED.search(line).group()}")
            if MACHINE.search(line):
                problems.append(f"T3 {where}: a path of a machine: {line.strip()}")
        if is_code and path.parts[0] in ("mm", "arch"):
            code = re.sub(r'"(?:\\.|[^"\\\n])*"', "", comments(text)[1])
            uses, known_uses = len(LIMITED_MASK.findall(code)), LIMITED.get(str(path), 0)
            if uses != known_uses:
                problems.append(f"T7 {path}: {uses} uses of GFP_DMA or GFP_DMA32, not {known_uses}")
        if is_code:
            if len(lines) > 601 and str(path).startswith(("mm/", "arch/", "include/")):
                problems.append(f"T5 {path}: {len(lines) - 1} lines")
            for number, comment in comments(text)[0]:
                for quoted in re.findall(r"`([^`\n]+)`", comment):
                    if not re.fullmatch(r"[\w.>()*& -]+", quoted):
                        continue
                    for word in WORD.findall(quoted):
                        # One letter, or two: a variable of the sentence. ELF symbols: prefix and name.
                        bare = word.removeprefix("quarry_")
                        if len(word) > 2 and word not in known and bare not in known:
                            problems.append(f"T4 {path}:{number}: `{word}` exists nowhere")
    tree.finish(problems, "style")


if __name__ == "__main__":
    main()
