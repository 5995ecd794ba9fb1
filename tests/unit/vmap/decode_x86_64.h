/* SPDX-License-Identifier: MIT */
/*
 * decode_x86_64.h: the port's encoder for x86_64 and a reader of its entries that shares nothing
 * with it. Intel SDM volume 3, 4.5 (4-level and 5-level paging), 4.9.2 and 12.12 (PAT).
 *
 * With FORMAT_PAT the PAT is as a kernel programmed it, else as after reset.
 */
#ifndef DECODE_X86_64_H
#define DECODE_X86_64_H

#define QUARRY_OS_HAVE_PT
#ifdef FORMAT_PAT
#define QUARRY_X86_PAT_WC 1
#define QUARRY_X86_PAT_WT 7
#endif
#include "arch/x86_64/include/quarry/arch/pgtable.h"

#include "decoded.h"

#define QUARRY_FORMAT_PHYS_BITS 52

/* What each entry of the PAT is: "uncached unless the MTRRs combine" counts as combining. */
static const unsigned pat[8] = {
#ifdef FORMAT_PAT
	0, QUARRY_PROT_WRITE_COMBINE, QUARRY_PROT_UNCACHED, QUARRY_PROT_UNCACHED,
	0, 0, QUARRY_PROT_UNCACHED, QUARRY_PROT_WRITE_THROUGH,
#else
	0, QUARRY_PROT_WRITE_THROUGH, QUARRY_PROT_WRITE_COMBINE, QUARRY_PROT_UNCACHED,
	0, QUARRY_PROT_WRITE_THROUGH, QUARRY_PROT_WRITE_COMBINE, QUARRY_PROT_UNCACHED,
#endif
};

static unsigned format_caching(unsigned caching)
{
	return caching;
}

static struct decoded decode(uint64_t entry, unsigned level)
{
	bool huge = level > 0 && (entry & 0x80);
	bool leaf = level == 0 || huge;
	uint64_t frame = entry & 0xffffffffff000;
	unsigned type = (entry >> 3 & 3) + 4 * (unsigned)(entry >> (huge ? 12 : 7) & 1);

	return (struct decoded){
		.present = entry & 1,
		.leaf = leaf,
		.write = entry & 2,
		.user = entry & 4,
		.exec = !(entry >> 63),
		.accessed = entry & 0x20,
		.dirty = entry & 0x40,
		.global = leaf && (entry & 0x100),
		.caching = leaf ? pat[type] : 0,
		.phys = huge ? frame - frame % (4096ull << 9 * level) : frame,
	};
}

#endif
