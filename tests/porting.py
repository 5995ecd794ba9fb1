#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do what docs/porting.md says: build its kernels, boot them, run its checks.

A fenced block whose first line names files (```c tiny/main.c high/main.c) is appended to each of them; a
block of shell commands names the folders that it is run in. Blocks without a name are prose.

    porting.py [--keep FOLDER] [part ...]      parts: hooks tiny high limine soft smp full
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs/porting.md"
BLOCK = re.compile(r"^```(\w+) ([\w./ ]+)\n(.*?)^```$", re.M | re.S)
COMPILE = (
    "riscv64-linux-gnu-gcc -std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-pie -mcmodel=medany "
    f"-march=rv64gc -mabi=lp64 -I. -I{ROOT}/include -I{ROOT}/arch/riscv64/include -I{ROOT}"
).split()
TIME_LIMIT = 120
# What the compiler may ask of every kernel.
MEMORY_CALLS = {"memset", "memcpy", "memmove", "memcmp"}
HOOKS = {
    1: {"quarry_os_log", "quarry_os_panic"},
    16: {"quarry_os_log", "quarry_os_panic", "quarry_os_cpu", "quarry_os_pin", "quarry_os_unpin",
         "quarry_os_call_others", "quarry_os_context", "quarry_os_task_word"},
}

# The Limine part needs a loader: this one lists RAM of 128 MiB the way Limine does.
LIMINE_LOADER = r"""
#include "limine.h"

struct limine_memmap_entry {
	uint64_t base, length, type;
};

void kernel_main(uintptr_t device_tree)
{
	enum { USABLE = 0, RESERVED = 1, RECLAIMABLE = 5, EXECUTABLE = 6 };
	const uint64_t image = ((uint64_t)(uintptr_t)image_end + 4095) & ~4095ull;
	struct limine_memmap_entry list[] = {
		{0x80000000, 0x200000, RESERVED},
		{0x80200000, image - 0x80200000, EXECUTABLE},
		{image, 0x84000000 - image, USABLE},
		{0x84000000, 0x1000000, RECLAIMABLE},
		{0x85000000, 0x1000000, USABLE},
	};
	struct limine_memmap_entry *entries[] = {&list[0], &list[1], &list[2], &list[3], &list[4]};
	struct limine_memmap_response response = {0, 5, entries};

	(void)device_tree, (void)make_map, (void)start_library;
	check(start_memory(&response, 0) == 0, "4 quarry_init");
	quarry_sleeping_works();
	drain_all_pages(); /* what CPUs park is not counted as free */
	unsigned long before = nr_free_pages();
	release_loader_memory();
	check(nr_free_pages() - before == 0x1000, "4 reclaimable memory");
	first_calls();
	power_off(0);
}
"""


class Failure(Exception):
    pass


def extract(folder):
    """Write the guide's files below `folder`. Return: the shell blocks as (part, commands)."""
    runs = []
    for language, names, text in BLOCK.findall(GUIDE.read_text()):
        for name in names.split():
            if language == "sh":
                runs.append((name, text))
                continue
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            with path.open("a") as out:
                out.write(text)
    return runs


def command(arguments, cwd, **more):
    result = subprocess.run(arguments, cwd=cwd, text=True, stdout=subprocess.PIPE, timeout=TIME_LIMIT,
                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)
    if result.returncode:
        raise Failure(result.stdout[-3000:] + f"\nstatus {result.returncode}")
    return result.stdout


def boot(folder, commands):
    """Run the guide's own commands; the last one is the emulator."""
    environment = dict(os.environ, QUARRY=str(ROOT), STRING=str(ROOT / "tests/boot/common/string.c"))
    output = command(["sh", "-euc", commands], folder, env=environment)
    if "WRONG" in output or "FAIL" in output or "panic" in output or ": good" not in output:
        raise Failure(output[-3000:])
    return f"{output.count(': good')} checks good"


def compile_files(folder, *flags):
    """Compile the part's files against the public headers."""
    for source in sorted(folder.glob("*.c")):
        command([*COMPILE, *flags, "-c", source.name, "-o", source.stem + ".o"], folder)
    return "compiles"


def compile_library(folder, *flags):
    """Compile the library with the part's header. Return: undefined symbols."""
    objects = []
    for source in [*(ROOT / "mm").rglob("*.c"), *(ROOT / "arch/riscv64").glob("*.c")]:
        target = str(source.relative_to(ROOT)).replace("/", "_") + ".o"
        command([*COMPILE, *flags, "-c", str(source), "-o", target], folder)
        objects.append(target)
    command(["riscv64-linux-gnu-ld", "-r", "-o", "all.o", *objects], folder)
    names = command(["riscv64-linux-gnu-nm", "-u", "all.o"], folder)
    return {line.split()[-1] for line in names.splitlines()}


def check_hooks(folder):
    """Part 1: what is left to write."""
    for cpus, hooks in HOOKS.items():
        work = folder / f"hooks{cpus}"
        work.mkdir()
        undefined = compile_library(work, "-O0", f"-DQUARRY_MAX_CPUS={cpus}") - MEMORY_CALLS
        if undefined != hooks:
            raise Failure(f"{cpus} CPUs: undefined are {sorted(undefined)}")
    return "undefined symbols as the guide says"


def check_limine(folder, commands):
    declarations = (folder / "limine.c").read_text()
    struct = re.search(r"struct limine_memmap_entry;.*?^};", declarations, re.M | re.S).group()
    prototypes = "\n".join(re.findall(r"^\w+ (?:start|release)\w*\([^)]*\);", declarations, re.M))
    (folder / "limine.h").write_text(f"#pragma once\n{struct}\n{prototypes}\n")
    with (folder / "main.c").open("a") as out:
        out.write(LIMINE_LOADER)
    return boot(folder, commands)


def check_header(folder):
    """A header for QUARRY_OS_HEADER: the library compiles with it."""
    undefined = compile_library(folder, '-DQUARRY_OS_HEADER="my_os.h"')
    compile_files(folder, '-DQUARRY_OS_HEADER="my_os.h"')
    return f"{len(undefined)} symbols left"


def main():
    arguments = sys.argv[1:]
    keep = None
    if arguments[:1] == ["--keep"]:
        keep, arguments = arguments[1], arguments[2:]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(keep or temporary)
        folder.mkdir(exist_ok=True)
        runs = dict(extract(folder))
        parts = {
            "hooks": lambda: check_hooks(folder),
            "tiny": lambda: boot(folder / "tiny", runs["tiny"]),
            "high": lambda: boot(folder / "high", runs["high"]),
            "limine": lambda: check_limine(folder / "limine", runs["limine"]),
            "soft": lambda: check_header(folder / "soft"),
            "smp": lambda: check_header(folder / "smp"),
            "full": lambda: compile_files(folder / "full"),
        }
        failed = 0
        for part in arguments or parts:
            try:
                print(f"porting {part}: pass ({parts[part]()})")
            except (Failure, subprocess.TimeoutExpired) as problem:
                failed += 1
                print(f"porting {part}: FAIL\n{problem}")
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
