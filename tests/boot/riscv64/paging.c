/* SPDX-License-Identifier: MIT */
/*
 * paging.c (riscv64): the kernel's page tables, Sv48 where the CPU has it, else Sv39.
 *
 * head.S entered on a fixed Sv39 table. Here the final tables are built from a small pool in the
 * image, with the largest leaf that fits, and probed: a write to satp with a mode that the CPU
 * lacks changes nothing.
 *
 * Holds   P1 text is not writable, data is not executable; the direct map is not executable
 *         P2 the direct map holds every byte of RAM that the device tree lists, and nothing else
 *         P3 the vmalloc window is empty: the library owns it
 * Start at `paging_init`.
 */
#include "tests/boot/riscv64/port.h"

#define PAGE 4096ul
#define ENTRIES 512u
#define POOL_PAGES 48u

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_A = 64, PTE_D = 128 };
#define PTE_TEXT (PTE_R | PTE_X)
#define PTE_RODATA PTE_R
#define PTE_DATA (PTE_R | PTE_W | PTE_D)

struct layout {
	unsigned levels;
	unsigned long satp_mode;
	uintptr_t direct, vmalloc;
	uint64_t direct_size, vmalloc_size;
};
static const struct layout sv48 = {4,		9ul << 60,   0xffff800000000000, 0xffffc00000000000,
				   64ull << 40, 512ull << 30};
static const struct layout sv39 = {
	3, 8ul << 60, 0xffffffc000000000, 0xffffffe000000000, 128ull << 30, 16ull << 30};

static struct {
	unsigned long satp;
	unsigned used; /* pages of the pool */
} paging;

static uint64_t pool[POOL_PAGES][ENTRIES] __attribute__((aligned(PAGE)));

static uint64_t *table_new(void)
{
	if (paging.used == POOL_PAGES)
		kernel_panic("paging: out of early page tables (too many pieces of RAM)");
	uint64_t *table = pool[paging.used++];
	for (unsigned i = 0; i < ENTRIES; i++)
		table[i] = 0;
	return table;
}

static uint64_t table_bytes(unsigned level)
{
	return PAGE << 9 * level;
}

/* Write one leaf at `level`, making the tables above it. What is mapped already stays. */
static void map_leaf(uint64_t *table, unsigned levels, uintptr_t va, phys_addr_t pa, unsigned level,
		     unsigned flags)
{
	for (unsigned at = levels - 1;; at--) {
		uint64_t *entry = &table[va >> (12 + 9 * at) & (ENTRIES - 1)];
		if (at == level) {
			if (!*entry)
				*entry = pa >> 2 | flags | PTE_V | PTE_A;
			return;
		}
		if (!*entry)
			*entry = image_phys(table_new()) >> 2 | PTE_V;
		if (*entry & (PTE_R | PTE_X))
			return;
		table = (uint64_t *)((*entry >> 10 << 12) + KERNEL_OFFSET);
	}
}

/* Map [pa, pa + size) at va, all page-aligned, with the largest leaves that fit, up to 1 GiB. */
static void map(uint64_t *root, unsigned levels, uintptr_t va, phys_addr_t pa, uint64_t size,
		unsigned flags)
{
	while (size) {
		unsigned level = 2;
		while (level && ((va | pa) % table_bytes(level) || size < table_bytes(level)))
			level--;
		map_leaf(root, levels, va, pa, level, flags);
		va += table_bytes(level);
		pa += table_bytes(level);
		size -= table_bytes(level);
	}
}

static void map_image(uint64_t *root, unsigned levels, const char *start, const char *end,
		      unsigned flags)
{
	map(root, levels, (uintptr_t)start, image_phys(start), (uint64_t)(end - start), flags);
}

/* Build the tables of `layout` and try them. Return: does the CPU have the mode? */
static bool try_layout(const struct layout *layout)
{
	unsigned levels = layout->levels;

	paging.used = 0;
	uint64_t *root = table_new();
	map_image(root, levels, __image_start, __rodata_start, PTE_TEXT);
	map_image(root, levels, __rodata_start, __data_start, PTE_RODATA);
	map_image(root, levels, __data_start, __image_end, PTE_DATA);
	map(root, levels, DEVICE_BASE, 0, DEVICE_LIMIT, PTE_DATA);
	for (size_t i = 0; i < machine.nr_map; i++) {
		const struct quarry_mem_range *range = &machine.map[i];
		phys_addr_t start = range->base & ~(PAGE - 1),
			    end = (range->base + range->size + PAGE - 1) & ~(PAGE - 1);
		if (range->type != QUARRY_MEM_USABLE || start >= layout->direct_size)
			continue;
		if (end > layout->direct_size)
			end = layout->direct_size;
		map(root, levels, layout->direct + start, start, end - start, PTE_DATA);
	}

	paging.satp = layout->satp_mode | image_phys(root) >> 12;
	paging_join();
	return csr_read(satp) == paging.satp;
}

void paging_join(void)
{
	__asm__ volatile("sfence.vma\n\tcsrw satp, %0\n\tsfence.vma"
			 :
			 : "r"(paging.satp)
			 : "memory");
}

void paging_init(bool force_sv39)
{
	const struct layout *layout = &sv48;

	if (force_sv39 || !try_layout(layout)) {
		layout = &sv39;
		if (!try_layout(layout))
			kernel_panic("paging: the CPU has neither Sv48 nor Sv39");
	}
	machine.direct_map_offset = layout->direct;
	machine.direct_map_limit = layout->direct_size;
	machine.vmalloc_start = layout->vmalloc;
	machine.vmalloc_end = layout->vmalloc + layout->vmalloc_size;
	machine.page_table_root = (paging.satp & ((1ul << 44) - 1)) << 12;
}
