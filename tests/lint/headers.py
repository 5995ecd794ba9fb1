#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Public headers.

H1  Each compiles alone, as C11 and as C++17, for every CPU port, by gcc and by clang, with nothing
    on the search path but the compiler's own freestanding headers.
H2  Each may be included twice.
H3  A macro that it leaves behind has our prefix or is a name of Linux's API in api_macros.txt.
H4  quarry.h includes every one but the CPU port's and the opt-in ones.
"""

import re
import subprocess
import sys

import tree

OPT_IN = ("quarry/quarry.h", "quarry/cleanup.h", "quarry/alloc_tag.h")
FREESTANDING = ("stddef.h", "stdint.h", "stdbool.h", "stdarg.h")
OURS = re.compile(r"(__)?QUARRY_|ARCH_|quarry_|MOCK_")
STRICT = ["-Wall", "-Wextra", "-Wundef", "-Wshadow", "-pedantic", "-Werror", "-fsyntax-only"]
CXX = {
    ("x86_64", "gcc"): ["x86_64-linux-gnu-g++"],
    ("x86_64", "clang"): ["clang++", "--target=x86_64-unknown-none-elf"],
    ("riscv64", "gcc"): ["riscv64-unknown-elf-g++"],
    ("riscv64", "clang"): ["clang++", "--target=riscv64-unknown-elf"],
}


def languages(compiler, cpu):
    """(name, command) of each language for one compiler."""
    c = tree.COMPILERS[cpu, compiler]
    cxx = CXX[cpu, compiler]
    yield "C11", c + tree.freestanding(c) + ["-std=c11", "-Wstrict-prototypes", "-xc"]
    yield "C++17", cxx + tree.freestanding(cxx) + ["-std=c++17", "-xc++"]


def feed(command, text):
    return subprocess.run(command + ["-"], input=text, capture_output=True, text=True, check=False)


def macros(command, text):
    done = feed(command + ["-dM", "-E"], text)
    return set(re.findall(r"^#define (\w+)", done.stdout, re.M))


def check_port(port, allowed, problems):
    cpu = "x86_64" if port == "mock" else port
    # The mock runs on the host and may use its headers.
    for compiler in ("gcc", "clang"):
        for language, command in languages(compiler, cpu):
            command = command + tree.includes(port)[:2]
            before = macros(command, "".join(f"#include <{h}>\n" for h in FREESTANDING))
            for header in tree.public_files(port):
                line = f"#include <{header}>\n"
                unit = line + "extern int quarry_unit;\n"
                if feed(command + STRICT, line + unit).returncode:
                    done = feed(command + STRICT, unit)
                    problems.append(f"H1 <{header}> alone as {language}, {port}, {compiler}:\n"
                                    f"{done.stderr}" if done.returncode else
                                    f"H2 <{header}> cannot be included twice")
                    continue
                if compiler != "gcc":
                    continue
                left = macros(command, line) - before
                problems += [f"H3 <{header}> leaves the macro {name} behind"
                             for name in sorted(left) if not OURS.match(name)
                             and name not in allowed]


def main():
    text = (tree.ROOT / "tests/lint/api_macros.txt").read_text()
    allowed = {word for line in text.splitlines() if not line.startswith("#")
               for word in line.split()}
    problems = []
    umbrella = (tree.ROOT / "include/quarry/quarry.h").read_text()
    problems += [f"H4 quarry.h does not include <{header}>" for header in tree.public_files("x86_64")
                 if not header.startswith("quarry/arch/") and header not in OPT_IN
                 and f"#include <{header}>" not in umbrella]
    for port in sys.argv[1:] or tree.CPUS + ("mock",):
        check_port(port, allowed, problems)
    tree.finish(list(dict.fromkeys(problems)), "headers")


if __name__ == "__main__":
    main()
