/* SPDX-License-Identifier: MIT */
/*
 * vmallocinfo.c: one row a live area, by rising address.
 *
 *   0xffffc90000000000-0xffffc90000005000   20480 caller pages=4 vmalloc
 *
 * As on Linux the range and the size in bytes include the guard page behind the area.
 */
#include <quarry/report.h>

#include "mm/base/log.h"
#include "mm/vmap/vmap.h"

void quarry_report_vmallocinfo(quarry_write_fn write, void *ctx)
{
	struct vmap_info info;

	for (uintptr_t cursor = 0; vmap_info_next(&cursor, &info);) {
		unsigned long size = (info.pages + 1) << PAGE_SHIFT;
		char caller[64];

		mm_name_of(info.caller, caller, sizeof(caller));
		mm_print(write, ctx, "0x%016lx-0x%016lx %7lu %s", (unsigned long)info.start,
			 (unsigned long)info.start + size, size, caller);
		if (info.flags & VMAP_ALLOC)
			mm_print(write, ctx, " pages=%lu %s\n", info.pages,
				 info.flags & VMAP_EXEC ? "execmem" : "vmalloc");
		else if (info.flags == VMAP_BARE)
			mm_print(write, ctx, " vm_area\n");
		else if (info.flags & VMAP_IO)
			mm_print(write, ctx, " phys=0x%lx ioremap\n",
				 vmalloc_to_pfn((void *)info.start) << PAGE_SHIFT);
		else
			mm_print(write, ctx, info.flags & VMAP_RAM ? " vm_map_ram\n" : " vmap\n");
	}
}
