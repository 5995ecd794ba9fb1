#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library links with a kernel that owns Linux's names.

N1  Linked with an object that defines every name of NAMES and of our own public headers, no symbol is
    defined twice, and the library takes nothing from that object.
N2  Two copies of the library with different prefixes link into one image.
"""

import tree
import symbols

# Clashes measured in kernels' images, then names of Linux's memory API and its neighbours.
NAMES = """
kmalloc kfree kvmalloc panic page_alloc page_free malloc free free_pages vmap ioremap dump_stack
calloc realloc vmalloc vfree printf printk memblock_alloc memblock_free alloc_pages __alloc_pages
__free_pages get_free_page get_free_pages __get_free_pages kzalloc kcalloc krealloc ksize kvfree
kmem_cache_create kmem_cache_destroy kmem_cache_alloc kmem_cache_free kstrdup kmemdup vunmap vzalloc
iounmap memremap memunmap page_address virt_to_phys phys_to_virt virt_to_page pfn_to_page
page_to_pfn get_page put_page split_page show_mem mem_map max_pfn min_low_pfn high_memory
totalram_pages nr_free_pages zone_watermark_ok buddy_alloc buddy_free slab_alloc slab_free
page_init zone_init buddy_init slab_init vmalloc_init kmalloc_init mm_init mem_init cpu_init
log_init list_add list_del spin_lock spin_unlock rb_insert rb_erase assert bug warn kputs strlen
strcmp strcpy memchr
abort exit sbrk mmap munmap map_page unmap_page flush_tlb tlb_flush cpu_number mm_lock mm_unlock
""".split()


def link(cpu, inputs, folder, name):
    target = f"{folder}/{name}.o"
    compiler = tree.COMPILERS[cpu, "gcc"]
    tree.run(compiler + ["-nostdlib", "-no-pie", "-r", "-o", target] + [str(i) for i in inputs])
    return tree.Elf(target)


def main():
    problems = []
    for cpu, flags in tree.O0.items():
        with tree.workdir() as folder:
            objects = tree.build(cpu, "gcc", flags)
            names = sorted((set(NAMES) | symbols.declared_public()) -
                           tree.SMP_HOOKS - tree.MEM_CALLS)
            assembly = "".join(f".globl {n}\n{n}: .byte 0\n" for n in names)
            source, clash = f"{folder}/clash.s", f"{folder}/clash.o"
            with open(source, "w", encoding="ascii") as file:
                file.write(".data\n" + assembly)
            tree.run(tree.COMPILERS[cpu, "gcc"] + flags + ["-c", source, "-o", clash])
            alone = link(cpu, objects.values(), folder, "alone")
            mixed = link(cpu, [*objects.values(), clash], folder, "mixed")
            for name in sorted(alone.undefined() - mixed.undefined()):
                problems.append(f"N1 the library takes `{name}` from the kernel ({cpu})")
            print(f"{cpu}: linked with {len(names)} clashing names")

            others = tree.build(cpu, "gcc", flags + ["-DQUARRY_SYMBOL_PREFIX=other_"])
            problems += symbols.check(others, prefix="other_")
            both = link(cpu, [*objects.values(), *others.values()], folder, "both")
            for name in sorted(both.undefined() ^ alone.undefined()):
                problems.append(f"N2 two copies need `{name}` otherwise than one ({cpu})")
    tree.finish(problems, "clash")


if __name__ == "__main__":
    main()
