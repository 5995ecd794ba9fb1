/* SPDX-License-Identifier: MIT */
/*
 * paging.c (x86_64): the direct map.
 *
 * entry.S has mapped the first GiB at KERNEL_BASE and 4 GiB at 0. Here each usable range of the
 * firmware's map, rounded outward to 2 MiB, appears at DIRECT_BASE + physical; holes stay unmapped,
 * so that a stray access faults.
 *
 * The tables come from the memory right behind the image: the loader has put the image into usable
 * memory, and what follows it up to the end of that range is free. Cost: 4 KiB a GiB, or 8 bytes
 * where the CPU has 1 GiB leaves.
 */
#include "tests/boot/x86_64/port.h"

#define LEAF_2M (2ull << 20)
#define LEAF_1G (1ull << 30)
#define INDEX(va, level) ((unsigned)((va) >> (12 + 9 * (level))) & 511)

extern uint64_t boot_pml4[512];

/* Memory behind the image, handed out a page at a time. */
static struct {
	phys_addr_t next, end;
} early;

static uint64_t *early_page(void)
{
	if (early.next + 4096 > early.end)
		kernel_panic("no memory behind the image for the direct map's tables");
	uint64_t *page = kernel_window(early.next);
	early.next += 4096;
	for (unsigned i = 0; i < 512; i++)
		page[i] = 0;
	return page;
}

/* The table that `entry` points to, made if absent. */
static uint64_t *table_of(uint64_t *entry)
{
	if (!*entry)
		*entry = image_phys(early_page()) | PTE_PRESENT | PTE_WRITE;
	return kernel_window(*entry & ~0xfffull);
}

static bool has_1g_leaves(void)
{
	uint32_t eax = 0x80000001, ebx, ecx, edx;
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return edx >> 26 & 1;
}

static void map_range(phys_addr_t start, phys_addr_t end, bool giant)
{
	const uint64_t bits = PTE_PRESENT | PTE_WRITE | PTE_LEAF | PTE_GLOBAL | 1ull << 63;

	while (start < end) {
		uintptr_t va = DIRECT_BASE + start;
		uint64_t *pdpt = table_of(&boot_pml4[INDEX(va, 3)]);
		uint64_t *entry = &pdpt[INDEX(va, 2)];

		if (giant && !*entry && start % LEAF_1G == 0 && end - start >= LEAF_1G) {
			*entry = start | bits;
			start += LEAF_1G;
			continue;
		}
		if (!(*entry & PTE_LEAF))
			table_of(entry)[INDEX(va, 1)] = start | bits;
		start += LEAF_2M;
	}
}

phys_addr_t paging_direct_map(const struct e820_entry *map, unsigned nr)
{
	bool giant = has_1g_leaves();

	early.next = image_phys(image_end);
	for (unsigned i = 0; i < nr; i++) {
		if (map[i].type == 1 && map[i].base <= early.next &&
		    map[i].base + map[i].size > early.next)
			early.end = map[i].base + map[i].size;
	}
	if (early.end > LEAF_1G)
		early.end = LEAF_1G; /* what the kernel window shows */

	for (unsigned i = 0; i < nr; i++) {
		phys_addr_t start = map[i].base & ~(LEAF_2M - 1);
		phys_addr_t end = (map[i].base + map[i].size + LEAF_2M - 1) & ~(LEAF_2M - 1);
		if (map[i].type != 1)
			continue;
		map_range(start, end, giant);
		if (end > machine.direct_map_limit)
			machine.direct_map_limit = end;
	}
	return early.next;
}

phys_addr_t paging_root(void)
{
	return image_phys(boot_pml4);
}

void paging_drop_identity(void)
{
	boot_pml4[0] = 0;
	__asm__ volatile("movq %%cr3, %%rax\n\tmovq %%rax, %%cr3" : : : "rax", "memory");
}
