/* SPDX-License-Identifier: MIT */
/* test_format_riscv64.c: the page-table entries of riscv64, on any host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define QUARRY_OS_HAVE_PT
#include "arch/riscv64/include/quarry/arch/pgtable.h"

/* RISC-V privileged architecture 1.12, 4.4 to 4.6: Sv39, Sv48, Sv57. */
#define QUARRY_FORMAT_PHYS_BITS 56
#define FORMAT_CACHING 0

#include "format.h"

static struct decoded decode(uint64_t entry, unsigned level)
{
	bool leaf = entry & 0xe;

	(void)level;
	/* Reserved: bits 63..54, W without R, and A, D, U in a table. */
	assert_int_equal(entry >> 54, 0);
	assert_true(!(entry & 4) || (entry & 2));
	assert_true(leaf || !(entry & 0xd0));
	return (struct decoded){
		.present = entry & 1,
		.leaf = leaf,
		.write = entry & 4,
		.exec = entry & 8,
		.user = entry & 0x10,
		.global = entry & 0x20,
		.accessed = entry & 0x40,
		.dirty = entry & 0x80,
		.phys = (entry >> 10) * 4096,
	};
}
