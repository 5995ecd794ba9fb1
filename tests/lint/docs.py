#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Links of README.md and docs/ lead somewhere.

D1  A relative link names a file of the repository.
D2  A link with an anchor names a heading of that page.
D3  A path in backquotes that starts with a folder of ours exists.
D4  Every page of docs/ is linked from another page.
"""

import re

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


def main():
    problems = []
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
