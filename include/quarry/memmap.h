/* SPDX-License-Identifier: MIT */
/*
 * memmap.h: from what a boot loader or firmware hands over to a map for quarry_init.
 *
 * The kernel supplies an array; converters append to it, and the kernel adds what they can't know:
 *
 *   static struct quarry_mem_range ranges[256];
 *   struct quarry_memmap map = {.ranges = ranges, .max = 256};
 *   quarry_memmap_limine(&map, response->entries, response->entry_count);
 *   quarry_memmap_add(&map, kernel_start, kernel_size, QUARRY_MEM_RESERVED, 0);
 *   params.map = ranges; params.nr_map = map.nr;
 *
 * Rules common to all converters:
 *   - Nothing is sorted, merged or trimmed: quarry_init does that, and there RESERVED wins over
 *     USABLE.
 *   - All or nothing: on failure map->nr is as before. -ENOSPC: the array is too small (a reserved
 *     range left out would be handed out). -EINVAL: the data is malformed.
 *   - What the hand-over itself lies in (boot information, modules, device tree) is added as
 *     RESERVED, as far as its format tells. Missing and to be added by the kernel: its own image
 *     (unless the source lists it), its boot stack and page tables, other data of the loader that
 *     it still reads.
 *   - LATER is memory that a loader or firmware still occupies: the kernel releases it by
 *     quarry_add_memory when it has no more need of what is there, or never.
 *   - Data is read through pointers, at any alignment. `offset` is what must be added to a physical
 *     address to read there now (0 with an identity map), as params.direct_map_offset will be.
 */
#ifndef QUARRY_MEMMAP_H
#define QUARRY_MEMMAP_H

#include <quarry/init.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

struct quarry_memmap {
	struct quarry_mem_range *ranges;
	size_t max; /* entries that `ranges` can hold */
	size_t nr;  /* entries in use */
};

/* Append one range. Return: 0, -ENOSPC. */
static inline int quarry_memmap_add(struct quarry_memmap *map, phys_addr_t base, uint64_t size,
				    enum quarry_mem_type type, unsigned node)
{
	struct quarry_mem_range *range = map->ranges + map->nr;

	if (map->nr >= map->max)
		return -QUARRY_ENOSPC;
	range->base = base;
	range->size = size;
	range->type = type;
	range->node = node;
	map->nr++;
	return 0;
}

/*
 * Limine: `entries` and `count` of the memory map response. Bootloader-reclaimable and
 * ACPI-reclaimable memory becomes LATER (the loader's stack, page tables and responses are there).
 * The executable and modules are listed by Limine. On riscv64 a device tree may lie in memory that
 * Limine calls usable: add it.
 */
int quarry_memmap_limine(struct quarry_memmap *map, const void *const *entries, uint64_t count)
	QUARRY_API(memmap_limine);

/*
 * UEFI: the table of GetMemoryMap, `bytes` long, `stride` bytes a descriptor (the firmware's
 * DescriptorSize). For use after ExitBootServices: memory of the boot services becomes USABLE, so
 * the CPU must run on page tables and a stack of the kernel's own. Loader memory (where the loader
 * put the kernel) and ACPI-reclaimable memory become LATER.
 */
int quarry_memmap_efi(struct quarry_memmap *map, const void *table, size_t bytes, size_t stride)
	QUARRY_API(memmap_efi);

/* ---- x86_64: these withhold the first MiB (firmware data, a start page for other CPUs) ---- */

/*
 * E820: `count` entries, `stride` bytes each (20, or 24 with the extended attributes). ACPI-
 * reclaimable memory: LATER.
 */
int quarry_memmap_e820(struct quarry_memmap *map, const void *table, size_t count, size_t stride)
	QUARRY_API(memmap_e820);

/*
 * PVH: the start info that EBX pointed to (version 1 or later). Reserves it, the modules and the
 * command line.
 */
int quarry_memmap_pvh(struct quarry_memmap *map, const void *start_info, uintptr_t offset)
	QUARRY_API(memmap_pvh);

/*
 * Multiboot 1: the information that EBX pointed to; the memory map, or without one mem_lower and
 * mem_upper. Reserves the information, its command line and memory map, and the modules.
 */
int quarry_memmap_multiboot1(struct quarry_memmap *map, const void *info, uintptr_t offset)
	QUARRY_API(memmap_multiboot1);

/* Multiboot 2, likewise. */
int quarry_memmap_multiboot2(struct quarry_memmap *map, const void *info, uintptr_t offset)
	QUARRY_API(memmap_multiboot2);

/* ---- riscv64 ---- */

/*
 * Flattened device tree: memory nodes (with NUMA ids), /reserved-memory, the memory reservation
 * block, the initial ramdisk of /chosen, and the tree itself. `blob` may be hostile: nothing
 * outside [blob, blob + max_bytes) is read. Firmware that does not list its own memory there must
 * be reserved by the kernel.
 */
int quarry_memmap_fdt(struct quarry_memmap *map, const void *blob, size_t max_bytes,
		      uintptr_t offset) QUARRY_API(memmap_fdt);

QUARRY_END_DECLS

#endif
