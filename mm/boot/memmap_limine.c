/* SPDX-License-Identifier: MIT */
/*
 * memmap_limine.c: the memory map response of the Limine boot protocol.
 *
 * Format: an array of pointers to entries of three 64-bit words: base, length, type. Types we do
 * not know are reserved.
 */
#include <quarry/memmap.h>

enum limine_type {
	LIMINE_USABLE = 0,
	LIMINE_ACPI_RECLAIMABLE = 2,
	LIMINE_BOOTLOADER_RECLAIMABLE = 5,
};

static enum quarry_mem_type limine_to_type(uint64_t type)
{
	switch (type) {
	case LIMINE_USABLE:
		return QUARRY_MEM_USABLE;
	case LIMINE_ACPI_RECLAIMABLE:
	case LIMINE_BOOTLOADER_RECLAIMABLE:
		return QUARRY_MEM_LATER;
	default:
		return QUARRY_MEM_RESERVED;
	}
}

int quarry_memmap_limine(struct quarry_memmap *map, const void *const *entries, uint64_t count)
{
	if (count > map->max - map->nr)
		return -QUARRY_ENOSPC;
	for (uint64_t i = 0; i < count; i++) {
		struct {
			uint64_t base, length, type;
		} entry;

		__builtin_memcpy(&entry, entries[i], sizeof(entry));
		(void)quarry_memmap_add(map, entry.base, entry.length, limine_to_type(entry.type),
					0);
	}
	return 0;
}
