/* SPDX-License-Identifier: MIT */
/*
 * decode_riscv64.h: the port's encoder for riscv64 and a reader of its entries that shares nothing
 * with it. RISC-V privileged architecture 1.12, 4.4 to 4.6 (Sv39, Sv48, Sv57), Svpbmt and Svnapot.
 *
 * With FORMAT_PBMT the harts have Svpbmt, with FORMAT_NAPOT they have Svnapot.
 */
#ifndef DECODE_RISCV64_H
#define DECODE_RISCV64_H

#define QUARRY_OS_HAVE_PT
#ifdef FORMAT_PBMT
#define QUARRY_RISCV_SVPBMT 1
#endif
#ifdef FORMAT_NAPOT
#define QUARRY_RISCV_SVNAPOT 1
#endif
#include "arch/riscv64/include/quarry/arch/pgtable.h"

#include "decoded.h"

#define QUARRY_FORMAT_PHYS_BITS 56

/* There is no write-through: the stricter one stands for it. */
static unsigned format_caching(unsigned caching)
{
#ifdef FORMAT_PBMT
	return caching == QUARRY_PROT_WRITE_THROUGH ? QUARRY_PROT_WRITE_COMBINE : caching;
#else
	return caching & 0;
#endif
}

static struct decoded decode(uint64_t entry, unsigned level)
{
	static const unsigned pbmt[] = {0, QUARRY_PROT_WRITE_COMBINE, QUARRY_PROT_UNCACHED, ~0u};
	bool leaf = entry & 0xe, napot = entry >> 63;
	uint64_t ppn = entry >> 10 & 0xfffffffffff;

	/* Reserved: N without Svnapot, above level 0, or with another size than 64 KiB; bits
	 * 60..54, PBMT 3, W without R, and A, D, U, PBMT in a table. */
#ifdef FORMAT_NAPOT
	assert_true(!napot || (leaf && level == 0 && (ppn & 15) == 8));
#else
	(void)level;
	assert_false(napot);
#endif
	assert_int_equal(entry >> 54 & 0x7f, 0);
	assert_int_not_equal(pbmt[entry >> 61 & 3], ~0u);
	assert_true(!(entry & 4) || (entry & 2));
	assert_true(leaf || !(entry & 0x60000000000000d0));
	return (struct decoded){
		.present = entry & 1,
		.leaf = leaf,
		.write = entry & 4,
		.exec = entry & 8,
		.user = entry & 0x10,
		.global = entry & 0x20,
		.accessed = entry & 0x40,
		.dirty = entry & 0x80,
		.caching = pbmt[entry >> 61 & 3],
		.phys = (napot ? ppn - 8 : ppn) * 4096,
		.group = napot ? 16 : 0,
	};
}

#endif
