# SPDX-License-Identifier: MIT
"""What every lint needs: the source lists, the compilers, and a reader of ELF objects."""

import concurrent.futures
import fcntl
import hashlib
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CPUS = ("x86_64", "riscv64")

# What more than one lint compiles, so that it is compiled once: by each CPU, optimised and not.
GC = ["-march=rv64gc", "-mabi=lp64d"]
O2 = {"x86_64": ["-O2", "-DQUARRY_STATE_SECTION"],
      "riscv64": ["-O2", "-mcmodel=medany", "-mno-relax"] + GC}
O0 = {"x86_64": ["-O0", "-DQUARRY_DEBUG=2", "-DQUARRY_FAULT_INJECTION=1"],
      "riscv64": ["-O0", "-std=c11", "-pedantic"] + GC}

# Hooks that the kernel writes (quarry/os.h), by profile, and the four calls that compilers emit.
TINY_HOOKS = {"quarry_os_log", "quarry_os_panic"}
SMP_HOOKS = TINY_HOOKS | {
    "quarry_os_cpu", "quarry_os_pin", "quarry_os_unpin", "quarry_os_call_others",
    "quarry_os_context", "quarry_os_task_word"}
MEM_CALLS = {"memset", "memcpy", "memmove", "memcmp"}

COMPILERS = {
    ("x86_64", "gcc"): ["x86_64-linux-gnu-gcc"],
    ("x86_64", "clang"): ["clang", "--target=x86_64-unknown-none-elf"],
    ("riscv64", "gcc"): ["riscv64-linux-gnu-gcc"],
    # Without the flag clang keeps constants of code in .sdata, among what is writable.
    ("riscv64", "clang"): ["clang", "--target=riscv64-unknown-elf", "-msmall-data-limit=0"],
}
WARNINGS = [
    "-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Wconversion", "-Wsign-conversion",
    "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wvla", "-Werror"]


def make_list(variable):
    """The words of a variable in mm/sources.mk."""
    text = (ROOT / "mm/sources.mk").read_text().replace("\\\n", " ")
    found = re.search(rf"^{variable}\s*:=(.*)$", text, re.M)
    if not found:
        sys.exit(f"mm/sources.mk: no variable {variable}")
    return found.group(1).split()


def sources(cpu):
    """Every source of the library for `cpu`, in layer order; "mock" has no port of its own."""
    port = make_list(f"QUARRY_ARCH_{cpu}") if cpu in CPUS else []
    return port + make_list("QUARRY_COMMON")


def includes(cpu):
    port = "tests/mock/arch/include" if cpu == "mock" else f"arch/{cpu}/include"
    return [f"-I{ROOT}/include", f"-I{ROOT}/{port}", f"-I{ROOT}"]


def freestanding(compiler):
    """Flags that leave nothing but the compiler's own headers on the search path."""
    def ask(what):
        return subprocess.run(
            compiler + [what], capture_output=True, text=True, check=True).stdout.strip()
    folder = pathlib.Path(ask("-print-file-name=include"))
    if not (folder / "stddef.h").exists():
        folder = pathlib.Path(ask("-print-resource-dir")) / "include"
    return ["-ffreestanding", "-nostdinc", "-isystem", str(folder)]


def run(command, **kwargs):
    """Run a command. Return: its output, or exit with it when the command fails."""
    done = subprocess.run(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, **kwargs)
    if done.returncode:
        print(" ".join(str(c) for c in command))
        print(done.stdout)
        sys.exit(1)
    return done.stdout


def compile_all(command, objects):
    """Compile {source: object file}, several at a time."""
    failures = []

    def one(item):
        if failures:
            return
        done = subprocess.run([*command, "-c", item[0], "-o", item[1]], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, cwd=ROOT)
        if done.returncode:
            failures.append(f"{' '.join(command)} -c {item[0]}\n{done.stdout}")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, objects.items()))
    if failures:
        sys.exit(failures[0])


def state_of_tree():
    """A digest of everything that is compiled."""
    digest = hashlib.sha256()
    for part in ("include", "mm", "arch"):
        for path in sorted((ROOT / part).rglob("*")):
            if path.is_file():
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def build(cpu, compiler, flags):
    """
    Compile the library, unless another lint of this run did: lints of one set-up share their objects
    in QUARRY_LINT_OBJECTS. Return: {source: object file}, in layer order; gcc's call graphs (.ci)
    lie beside the objects.
    """
    command = COMPILERS[cpu, compiler]
    command = command + freestanding(command) + WARNINGS + includes(cpu) + flags
    if not any(f.startswith("-std=") for f in flags):
        command.append("-std=c11")
    if compiler == "gcc":
        command.append("-fcallgraph-info=su")
    names = sources(cpu)
    if not names:
        sys.exit("mm/sources.mk lists no source")
    key = hashlib.sha256(f"{state_of_tree()} {command}".encode()).hexdigest()[:24]
    folder = pathlib.Path(os.environ.get("QUARRY_LINT_OBJECTS") or PRIVATE.name) / key
    folder.mkdir(parents=True, exist_ok=True)
    objects = {name: folder / (name.replace("/", "_") + ".o") for name in names}
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            compile_all(command, objects)
            (folder / "done").touch()
    return objects


class Symbol:
    LOCAL, GLOBAL, WEAK = 0, 1, 2
    HIDDEN = (1, 2)  # STV_INTERNAL, STV_HIDDEN

    def __init__(self, name, info, other, section):
        self.name = name
        self.bind = info >> 4
        self.kind = info & 15
        self.hidden = (other & 3) in self.HIDDEN
        self.undefined = section == 0
        self.section = section


class Elf:
    """Sections and symbols of a little-endian ELF64 file."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        if data[:6] != b"\x7fELF\x02\x01":
            sys.exit(f"{path}: not a little-endian ELF64 file")
        self.path = str(path)
        offset, = struct.unpack_from("<Q", data, 40)
        self.flags, = struct.unpack_from("<I", data, 48)
        size, count, names = struct.unpack_from("<HHH", data, 58)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]

        def text(table, at):
            start = headers[table][4] + at
            return data[start:data.index(b"\0", start)].decode()

        # (name, type, flags, size) of each section
        self.sections = [(text(names, h[0]), h[1], h[2], h[5]) for h in headers]
        self.symbols = []
        for h in headers:
            if h[1] != 2:  # SHT_SYMTAB
                continue
            for at in range(h[4] + 24, h[4] + h[5], 24):
                name, info, other, section = struct.unpack_from("<IBBH", data, at)
                self.symbols.append(Symbol(text(h[6], name), info, other, section))

    def defined(self):
        return [s for s in self.symbols if not s.undefined and s.bind != Symbol.LOCAL]

    def undefined(self):
        return {s.name for s in self.symbols if s.undefined and s.name}


def public_files(cpu):
    """Public headers, as they are included."""
    port = ROOT / ("tests/mock/arch/include" if cpu == "mock" else f"arch/{cpu}/include")
    found = [p.relative_to(ROOT / "include") for p in (ROOT / "include").rglob("*.h")]
    found += [p.relative_to(port) for p in port.rglob("*.h")]
    return sorted(str(p) for p in found)


def tracked(folders=("",), suffixes=("",)):
    """Files of the repository below `folders`, by suffix; all files below ROOT where there is no git."""
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        names = [n for n in listing.stdout.split("\0") if n]
    else:
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")
                 if not p.relative_to(ROOT).parts[0].startswith(("build", ".git"))]
    paths = [pathlib.Path(n) for n in sorted(set(names))]
    return [p for p in paths if (ROOT / p).is_file() and
            str(p).startswith(tuple(folders)) and p.name.endswith(tuple(suffixes))]


def finish(problems, what):
    """Print the problems and leave with the exit status of a test."""
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems)} problems" if problems else f"{what}: ok")
    sys.exit(1 if problems else 0)


def workdir():
    """A folder that is removed when the lint ends."""
    return tempfile.TemporaryDirectory(prefix="quarry-lint-", dir=os.environ.get("TMPDIR"))


PRIVATE = workdir()  # objects of a lint that is run alone
