/* SPDX-License-Identifier: MIT */
/* test_format_x86_64.c: the page-table entries of x86_64, on any host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define QUARRY_OS_HAVE_PT
#include "arch/x86_64/include/quarry/arch/pgtable.h"

/* Intel SDM volume 3, 4.5: 4-level paging and 5-level paging. */
#define QUARRY_FORMAT_PHYS_BITS 52
#define FORMAT_CACHING 1

#include "format.h"

static struct decoded decode(uint64_t entry, unsigned level)
{
	bool huge = level > 0 && (entry & 0x80);
	bool leaf = level == 0 || huge;
	uint64_t frame = entry & 0xffffffffff000;

	return (struct decoded){
		.present = entry & 1,
		.leaf = leaf,
		.write = entry & 2,
		.user = entry & 4,
		.exec = !(entry >> 63),
		.accessed = entry & 0x20,
		.dirty = entry & 0x40,
		.global = leaf && (entry & 0x100),
		/* PAT after reset: PWT+PCD is UC, PCD alone is UC-. */
		.caching = (entry & 0x18) == 0x18   ? QUARRY_PROT_UNCACHED
			   : (entry & 0x18) == 0x10 ? QUARRY_PROT_WRITE_COMBINE
						    : 0,
		.phys = huge ? frame - frame % (4096ull << 9 * level) : frame,
	};
}
