/* SPDX-License-Identifier: MIT */
/*
 * memmap_efi.c: the memory map of UEFI boot services.
 *
 * Format: descriptors of 40 bytes or more (the stride is the firmware's to choose, and is often
 * 48): type and padding (32 bits each), physical start, virtual start, number of 4 KiB pages,
 * attributes (64 bits each).
 */
#include <quarry/memmap.h>

enum efi_type {
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_SERVICES_CODE = 3,
	EFI_BOOT_SERVICES_DATA = 4,
	EFI_CONVENTIONAL = 7,
	EFI_ACPI_RECLAIM = 9,
};
#define EFI_PAGE_SHIFT 12

struct efi_descriptor {
	uint32_t type, padding;
	uint64_t physical_start, virtual_start, pages, attributes;
};

static enum quarry_mem_type efi_to_type(uint32_t type)
{
	switch (type) {
	case EFI_BOOT_SERVICES_CODE:
	case EFI_BOOT_SERVICES_DATA:
	case EFI_CONVENTIONAL:
		return QUARRY_MEM_USABLE;
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_ACPI_RECLAIM:
		return QUARRY_MEM_LATER;
	default:
		return QUARRY_MEM_RESERVED;
	}
}

int quarry_memmap_efi(struct quarry_memmap *map, const void *table, size_t bytes, size_t stride)
{
	const unsigned char *at = table;

	if (stride < sizeof(struct efi_descriptor) || bytes % stride)
		return -QUARRY_EINVAL;
	if (bytes / stride > map->max - map->nr)
		return -QUARRY_ENOSPC;
	for (const unsigned char *end = at + bytes; at < end; at += stride) {
		struct efi_descriptor entry;
		uint64_t size;

		__builtin_memcpy(&entry, at, sizeof(entry));
		size = entry.pages >> (64 - EFI_PAGE_SHIFT) ? UINT64_MAX
							    : entry.pages << EFI_PAGE_SHIFT;
		(void)quarry_memmap_add(map, entry.physical_start, size, efi_to_type(entry.type),
					0);
	}
	return 0;
}
