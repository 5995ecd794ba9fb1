#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Links of README.md and docs/ lead somewhere.

D1  A relative link names a file of the repository.
D2  A link with an anchor names a heading of that page.
D3  A path in backquotes that starts with a folder of ours exists.
D4  Every page of docs/ is linked from another page.
D5  docs/gfp.md has a row for each macro of quarry/gfp_types.h, with what the header defines it as.
D6  Each row of docs/choosing.md names an example, and all examples compile (G10).
"""

import re
import subprocess

import tree

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:include|mm|arch|tests|docs)/[\w./-]+)`")


def anchors(text):
    """The anchors of a page's headings, as forges make them."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*)$", text, re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def gfp_header():
    """Each GFP macro, and its definition as the page writes it: bit N, 0 or other macros."""
    text = (tree.ROOT / "include/quarry/gfp_types.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).replace("\\\n", " ")
    bits = int(re.search(r"#define QUARRY_GFP_BITS (\d+)", text)[1])
    macros = {}
    for name, body in re.findall(r"^#define ((?:__)?GFP_\w+)\s+(.+?)\s*$", text, re.M):
        body = re.sub(r"\s+", " ", body)
        bit = re.fullmatch(r"QUARRY_GFP\((\d+)\)", body)
        if bit:
            macros[name] = f"bit {bit[1]}"
        elif "QUARRY_GFP_BITS" in body:
            macros[name] = f"bits 0 to {bits - 1}"
        elif body == "((QUARRY_FORCE gfp_t)0)":
            macros[name] = "0"
        else:
            macros[name] = re.sub(r"^\((.*)\)$", r"\1", body)
    return macros


def gfp_page():
    """Each row of the page's table of names: name, definition, sentence."""
    text = (tree.ROOT / "docs/gfp.md").read_text().partition("## Every name")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|(?<!\\\|) (.*?) \|$",
                      text.partition("\n## ")[0], re.M)
    return {name: (meaning.replace("\\|", "|").strip("`"), sentence)
            for name, meaning, sentence in rows}


def gfp_problems():
    macros, rows = gfp_header(), gfp_page()
    for name in sorted(macros.keys() | rows.keys()):
        if name not in rows:
            yield f"D5 docs/gfp.md: no row for {name}"
        elif name not in macros:
            yield f"D5 docs/gfp.md: {name} is no macro of gfp_types.h"
        elif rows[name][0] != macros[name]:
            yield f"D5 docs/gfp.md: {name} is {macros[name]}"
        elif not rows[name][1].strip():
            yield f"D5 docs/gfp.md: nothing is said about {name}"


def choosing_problems():
    page = (tree.ROOT / "docs/choosing.md").read_text()
    examples = re.findall(r"^```c\n(.*?)^```$", page, re.M | re.S)
    defined = {name for text in examples for name in re.findall(r"^\w[\w *]*?(\w+)\(", text, re.M)}
    named = re.findall(r"^\|.*\| `(\w+)` \|$", page, re.M)
    for name in sorted(defined ^ set(named)):
        yield f"D6 docs/choosing.md: `{name}` is not both in the table and below it"
    if len(named) != len(re.findall(r"^\|", page, re.M)) - 2:
        yield "D6 docs/choosing.md: a row without an example"
    compiler = tree.COMPILERS["x86_64", "gcc"]
    text = "#include <quarry/quarry.h>\n" + "".join(examples)
    done = subprocess.run(
        compiler + tree.freestanding(compiler) + tree.includes("x86_64") +
        ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fsyntax-only", "-xc", "-"],
        input=text, capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        if "error:" in line:
            yield f"D6 docs/choosing.md: {line}"


def main():
    problems = list(gfp_problems()) + list(choosing_problems())
    pages = [p for p in tree.tracked(("README.md", "docs/"), (".md",))]
    texts = {p: (tree.ROOT / p).read_text() for p in pages}
    linked = set()
    for page, text in texts.items():
        prose = re.sub(r"```.*?```", "", text, flags=re.S)
        for target in LINK.findall(prose):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = (tree.ROOT / page.parent / name).resolve() if name else tree.ROOT / page
            if not path.exists():
                problems.append(f"D1 {page}: link to {target}")
                continue
            relative = path.relative_to(tree.ROOT)
            if relative != page:
                linked.add(relative)
            if anchor and path.suffix == ".md" and anchor not in anchors(path.read_text()):
                problems.append(f"D2 {page}: no heading for {target}")
        for name in PATH.findall(prose):
            if not (tree.ROOT / name).exists() and not list(tree.ROOT.glob(name + ".*")):
                problems.append(f"D3 {page}: `{name}` does not exist")
    for page in pages:
        if str(page) not in ("README.md", "docs/index.md") and page not in linked:
            problems.append(f"D4 {page}: no page links to it")
    tree.finish(problems, "docs")


if __name__ == "__main__":
    main()
