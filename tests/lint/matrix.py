#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compile the library the way kernels do, one row of the table at a time, and check its symbols.

Usage: matrix.py --list | matrix.py ROW...
A row is cpu, compilers, flags. The rows are code models, float ABIs and warnings met in real
kernels, and the extremes of the options. Each must compile without a warning and pass symbols.py.
Plain kernels of both CPUs are built by both compilers, the rest by turns; an option shares a row with
a code model where neither hides a fault of the other. Other prefixes are clash.py's.
"""

import sys

import symbols
import tree

BOTH = ("gcc", "clang")
NO_FPU = ["-mno-sse", "-mno-sse2", "-mno-mmx", "-mno-80387"]
KERNEL = ["-mcmodel=kernel", "-fno-pic", "-mno-red-zone", "-fcf-protection=none",
          "-fno-stack-protector"]
IMAC = ["-march=rv64imac", "-mabi=lp64"]
ROWS = {
    # optimisation, code models, float ABIs
    "x86-O2": ("x86_64", BOTH, tree.O2["x86_64"]),
    "x86-kernel": ("x86_64", ("gcc",), ["-O2", "-mgeneral-regs-only"] + KERNEL),
    "x86-kernel-O0": ("x86_64", ("clang",), ["-O0"] + NO_FPU + KERNEL),
    "x86-pie-O3": ("x86_64", ("clang",), ["-O3", "-fPIE", "-mno-red-zone"]),
    "riscv-O0": ("riscv64", BOTH, tree.O0["riscv64"]),
    "riscv-norelax-O2": ("riscv64", BOTH, tree.O2["riscv64"]),
    # languages, and macros of the kernel that ours must agree with
    "x86-gnu11-pedantic": ("x86_64", ("clang",),
                           ["-O1", "-std=gnu11", "-pedantic", "-Wdouble-promotion"]),
    "x86-large-page-macros": ("x86_64", ("gcc",),
                              ["-Os", "-mcmodel=large", "-fno-pic", "-std=gnu17", "-DPAGE_SHIFT=12",
                               "-DPAGE_SIZE=4096ul", "-DPAGE_MASK=(~4095ul)"] + NO_FPU),
    # options
    "tiny": ("x86_64", ("gcc",), ["-O2", "-DQUARRY_MAX_CPUS=1", "-DQUARRY_MAX_NODES=1"]),
    "tiny-O0": ("riscv64", ("clang",), ["-O0", "-DQUARRY_MAX_CPUS=1"] + IMAC),
    "big": ("x86_64", ("clang",),
            ["-O2", "-DQUARRY_MAX_CPUS=1024", "-DQUARRY_MAX_NODES=64", "-DQUARRY_MAX_ORDER=14",
             "-DQUARRY_ALLOCINFO=1"]),
    "imac-order-9": ("riscv64", ("clang",),
                     ["-Os", "-mcmodel=medany", "-DQUARRY_MAX_ORDER=9"] + IMAC),
    "pie-debug-1": ("riscv64", ("gcc",), ["-O3", "-fPIE", "-DQUARRY_DEBUG=1"] + tree.GC),
    "debug-2-O0": ("x86_64", ("gcc",), tree.O0["x86_64"]),
    "debug-2": ("x86_64", ("clang",), ["-O1", "-DQUARRY_DEBUG=2", "-DQUARRY_FAULT_INJECTION=1"]),
    "lean": ("x86_64", ("gcc",),
             ["-O2", "-DQUARRY_HARDENING=0", "-DQUARRY_CONTEXT_LINT=0",
              "-DQUARRY_KMALLOC_MIN_SIZE=16"]),
    "zb-coherent-dma": ("riscv64", ("gcc",),
                        ["-O2", "-march=rv64imafdc_zba_zbb_zbs", "-mabi=lp64d", "-mcmodel=medany",
                         "-DQUARRY_COHERENT_DMA=1"]),
}


def setting(flags, name, default):
    for flag in flags:
        if flag.startswith(f"-D{name}="):
            return flag.split("=", 1)[1]
    return default


def check_row(name):
    cpu, compilers, flags = ROWS[name]
    problems = []
    hooks = tree.SMP_HOOKS if int(setting(flags, "QUARRY_MAX_CPUS", "16")) > 1 else tree.TINY_HOOKS
    for compiler in compilers:
        objects = tree.build(cpu, compiler, flags)
        for problem in symbols.check(objects, hooks=hooks,
                                     state_section="-DQUARRY_STATE_SECTION" in flags):
            problems.append(f"{compiler}: {problem}")
    return problems


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(ROWS))
        return
    problems = []
    for name in sys.argv[1:] or ROWS:
        problems += [f"{name}: {p}" for p in check_row(name)]
    tree.finish(problems, "matrix")


if __name__ == "__main__":
    main()
