#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compile the library the way kernels do, one row of the table at a time, and check its symbols.

Usage: matrix.py --list | matrix.py ROW...
A row is cpu, compilers, flags. The rows are code models, float ABIs and warnings met in real
kernels, and the extremes of the options. Each must compile without a warning and pass symbols.py.
"""

import sys

import symbols
import tree

BOTH = ("gcc", "clang")
NO_FPU = ["-mno-sse", "-mno-sse2", "-mno-mmx", "-mno-80387"]
KERNEL = ["-mcmodel=kernel", "-fno-pic", "-mno-red-zone", "-fcf-protection=none",
          "-fno-stack-protector"]
ROWS = {
    # optimisation
    "x86-O0": ("x86_64", BOTH, ["-O0"]),
    "x86-O2": ("x86_64", BOTH, ["-O2"]),
    "x86-O3": ("x86_64", BOTH, ["-O3"]),
    "x86-Os": ("x86_64", BOTH, ["-Os"]),
    "riscv-O0": ("riscv64", BOTH, ["-O0", "-march=rv64gc", "-mabi=lp64d"]),
    "riscv-O2": ("riscv64", BOTH, ["-O2", "-march=rv64gc", "-mabi=lp64d"]),
    "riscv-Os": ("riscv64", BOTH, ["-Os", "-march=rv64gc", "-mabi=lp64d"]),
    # code models and float ABIs
    "x86-kernel": ("x86_64", BOTH, ["-O2", "-mgeneral-regs-only"] + KERNEL),
    "x86-kernel-O0": ("x86_64", BOTH, ["-O0"] + NO_FPU + KERNEL),
    "x86-large": ("x86_64", BOTH, ["-O2", "-mcmodel=large", "-fno-pic"] + NO_FPU),
    "x86-pie": ("x86_64", BOTH, ["-O2", "-fPIE", "-mno-red-zone"]),
    "x86-pic": ("x86_64", BOTH, ["-O2", "-fPIC"]),
    "riscv-imac-lp64": ("riscv64", BOTH,
                        ["-O2", "-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"]),
    "riscv-imac-lp64-Os": ("riscv64", BOTH, ["-Os", "-march=rv64imac", "-mabi=lp64"]),
    "riscv-medany-norelax": ("riscv64", BOTH,
                             ["-O2", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany",
                              "-mno-relax"]),
    "riscv-zb": ("riscv64", BOTH,
                 ["-O2", "-march=rv64imafdc_zba_zbb_zbs", "-mabi=lp64d", "-mcmodel=medany"]),
    "riscv-pie": ("riscv64", BOTH, ["-O2", "-march=rv64gc", "-mabi=lp64d", "-fPIE"]),
    # languages and warnings
    "x86-gnu11-pedantic": ("x86_64", BOTH,
                           ["-O2", "-std=gnu11", "-pedantic", "-Wdouble-promotion"]),
    "x86-gnu17": ("x86_64", BOTH, ["-O1", "-std=gnu17", "-Wdouble-promotion"]),
    "riscv-c11-pedantic": ("riscv64", BOTH,
                           ["-O1", "-march=rv64gc", "-mabi=lp64d", "-std=c11", "-pedantic"]),
    "x86-page-macros": ("x86_64", ("gcc",),
                        ["-O2", "-DPAGE_SHIFT=12", "-DPAGE_SIZE=4096ul", "-DPAGE_MASK=(~4095ul)"]),
    # options
    "tiny": ("x86_64", BOTH, ["-O2", "-DQUARRY_MAX_CPUS=1", "-DQUARRY_MAX_NODES=1"]),
    "tiny-O0": ("riscv64", BOTH, ["-O0", "-march=rv64imac", "-mabi=lp64", "-DQUARRY_MAX_CPUS=1"]),
    "big": ("x86_64", BOTH,
            ["-O2", "-DQUARRY_MAX_CPUS=1024", "-DQUARRY_MAX_NODES=64", "-DQUARRY_MAX_ORDER=14"]),
    "order-9": ("riscv64", ("clang",),
                ["-O2", "-march=rv64gc", "-mabi=lp64d", "-DQUARRY_MAX_ORDER=9"]),
    "debug-1": ("x86_64", ("gcc",), ["-O2", "-DQUARRY_DEBUG=1"]),
    "debug-2": ("x86_64", BOTH, ["-O2", "-DQUARRY_DEBUG=2", "-DQUARRY_FAULT_INJECTION=1"]),
    "debug-2-riscv": ("riscv64", ("gcc",),
                      ["-O0", "-march=rv64gc", "-mabi=lp64d", "-DQUARRY_DEBUG=2"]),
    "lean": ("x86_64", BOTH,
             ["-O2", "-DQUARRY_HARDENING=0", "-DQUARRY_CONTEXT_LINT=0",
              "-DQUARRY_KMALLOC_MIN_SIZE=16"]),
    "prefix": ("x86_64", BOTH, ["-O2", "-DQUARRY_SYMBOL_PREFIX=other_"]),
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
    if setting(flags, "QUARRY_CONTEXT_LINT", "1") == "0":
        # The question may vanish with the lint; needing it is no fault.
        hooks = hooks - {"quarry_os_context"}
    for compiler in compilers:
        with tree.workdir() as folder:
            objects = tree.build(cpu, compiler, flags, folder)
            for problem in symbols.check(objects, hooks=hooks,
                                         prefix=setting(flags, "QUARRY_SYMBOL_PREFIX", "quarry_")):
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
