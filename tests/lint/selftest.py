#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lints find what they are for: damage a copy of the tree and look for the rule in their output."""

import os
import re
import shutil
import subprocess
import sys

import tree

# A file that every lint compiles early; the text goes to its end.
LOW = "mm/base/log.c"

# lint: ({file: text to append, or to begin with if the file is new}, rules that must be found)
DAMAGE = {
    "lists": ({"mm/base/stray.c": "/* SPDX-License-Identifier: MIT */\n",
               "mm/sources.mk": "QUARRY_COMMON += mm/other.c\n"},
              ["stray.c is not listed", "sources.mk differs"]),
    "layers": ({LOW: "#include \"mm/phys/page.h\"\n"
                     "void low_calls_high(void) __asm__(\"quarry_low_calls_high\");\n"
                     "void low_calls_high(void) { drain_all_pages(); }\n",
                "mm/base/list.h": "#ifdef NEVER\n#include <stdio.h>\n#endif\n",
                "arch/x86_64/tlb.c": "#include <quarry/gfp.h>\n"},
               ["L1 mm/base/log.c: needs `quarry_drain_all_pages`", "L2 mm/base/log.c",
                "L3 mm/base/list.h: includes <stdio.h>", "L4 arch/x86_64/tlb.c"]),
    "symbols": ({LOW: "unsigned long strlen(const char *text);\n"
                      "unsigned long bare_name(const char *text);\n"
                      "unsigned long bare_name(const char *text) { return strlen(text + 1); }\n"
                      "extern int loud __asm__(\"quarry_loud\");\nint loud = 3;\n",
                 "include/quarry/types.h": "void never_written(void) QUARRY_API(never_written);\n"},
                ["S1 .*`strlen`", "S3 .*`bare_name`", "S4 .*`quarry_loud` is public", "S5 .*\\.data",
                 "S4 `quarry_never_written` is declared"]),
    "headers": ({"include/quarry/types.h": "#define MIN(a, b) ((a) < (b) ? (a) : (b))\n",
                 "include/quarry/config.h": "typedef struct { int new; } quarry_new;\n"},
                ["H3 <quarry/types.h> leaves the macro MIN", "H1 .*as C\\+\\+17", "H2 <quarry/config.h>"]),
    "stack": ({LOW: "void round_a(unsigned long *n) __asm__(\"quarry_round_a\");\n"
                    "void round_b(unsigned long *n) __asm__(\"quarry_round_b\");\n"
                    "__attribute__((noinline)) void round_a(unsigned long *n)"
                    " { unsigned long m = *n / 2; if (m) round_b(&m); *n += m; }\n"
                    "__attribute__((noinline)) void round_b(unsigned long *n)"
                    " { unsigned long m = *n / 3; if (m) round_a(&m); *n += m; }\n"
                    "void deep(unsigned long *out) __asm__(\"quarry_deep\");\n"
                    "void deep(unsigned long *out) { volatile unsigned long big[600];\n"
                    "for (int i = 0; i < 600; i++) big[i] = out[i];\n"
                    "out[0] = big[out[1]]; }\n"},
              ["K1 recursion", "K3 "]),
    "style": ({"mm/base/bare.c": "gfp_t low = GFP_DMA; /* TO" "DO: see `no_such_" "word` in /ho" "me/me */  \n" +
               "//" + "-" * 100 + "\n" * 600},
              ["T1 ", "T2 .*trailing", "T2 .*102 columns", "T3 .*TO" "DO", "T3 .*a path", "T4 ", "T5 ",
               "T7 "]),
    "docs": ({"docs/lost.md": "# Lost\n\n[a](nowhere.md) [b](lost.md#nothing) `mm/base/none.c`\n",
              "docs/choosing.md": "\n```c\nint broken(void)\n{\n\treturn kmalloc();\n}\n```\n"},
             ["D1 ", "D2 ", "D3 ", "D4 ", "D6 .*`broken`", "D6 .*kmalloc"]),
}


# Options of a lint that make it quick; and the sources that are enough for the damage above.
QUICK = {"headers": ["x86_64"]}
FEW = "QUARRY_COMMON := mm/base/log.c mm/base/cpu.c\nQUARRY_ARCH_x86_64 := arch/x86_64/tlb.c\n" \
      "QUARRY_ARCH_riscv64 := arch/riscv64/tlb.c\n"


def main():
    problems = []
    environment = {k: v for k, v in os.environ.items() if k != "QUARRY_LINT_OBJECTS"}
    for lint, (files, rules) in DAMAGE.items():
        with tree.workdir() as folder:
            root = f"{folder}/tree"
            for part in ("include", "mm", "arch", "tests", "docs", "meson.build"):
                source = tree.ROOT / part
                if source.is_dir():
                    shutil.copytree(source, f"{root}/{part}", symlinks=True)
                elif source.exists():
                    shutil.copy(source, f"{root}/{part}")
            if lint != "lists":
                with open(f"{root}/mm/sources.mk", "w", encoding="utf-8") as file:
                    file.write(FEW)
            for name, text in files.items():
                with open(f"{root}/{name}", "a", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([sys.executable, f"{root}/tests/lint/{lint}.py",
                                   *QUICK.get(lint, [])], env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            if done.returncode == 0:
                problems.append(f"{lint}.py accepts a damaged tree")
            for rule in rules:
                if not re.search(rule, done.stdout):
                    problems.append(f"{lint}.py does not find {rule!r}:\n{done.stdout[-3000:]}")
    tree.finish(problems, "selftest")


if __name__ == "__main__":
    main()
