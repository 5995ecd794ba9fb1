/* SPDX-License-Identifier: MIT */
/*
 * tunables.h: what a machine's owner may change while it runs. Names and defaults are those of
 * Linux's vm sysctls.
 */
#ifndef QUARRY_TUNABLES_H
#define QUARRY_TUNABLES_H

#include <quarry/mmzone.h>

QUARRY_BEGIN_DECLS

struct quarry_tunables {
	/* KiB that all zones together try to keep free for requests that cannot wait; more than
	 * half of the memory outside ZONE_MOVABLE counts as half. 0: sqrt(16 * that memory in KiB),
	 * between 128 KiB and 256 MiB, at most 1/16 of it. */
	unsigned long min_free_kbytes;
	/* Distance between the min, low and high marks in 1/10000 of a zone; 1..3000. Default 10.
	 * */
	unsigned watermark_scale_factor;
	/* How far the low and high marks may rise after memory of different mobility was mixed,
	 * until kswapd has run: 1/10000 of the high mark; 0: never. Default 15000. */
	unsigned watermark_boost_factor;
	/* Of the zones above, one page in this many is kept in the zone for requests that need it;
	 * 0: none. Defaults 256, 256, 32, 0. */
	unsigned lowmem_reserve_ratio[MAX_NR_ZONES];
	/* CPUs together park at most 1/this of a zone in single pages of each mobility; 0: the
	 * built-in rule, 64; else at least 8. A stock holds 4224 pages at most in any case. */
	unsigned percpu_pagelist_high_fraction;
	/* A request for a large block compacts a zone only if the extfrag index of its order is
	 * above this, in thousandths: below, want of memory is what it fails of. 0..1000, default
	 * 500. */
	unsigned extfrag_threshold;
	/* How eagerly the compaction thread works ahead: from this per cent below 100 on, of free
	 * memory that is not in blocks of pageblock size. 0: never; at most 100. Default 20. */
	unsigned compaction_proactiveness;
};

/* The values in force. Context: any. */
void quarry_get_tunables(struct quarry_tunables *tunables) QUARRY_API(get_tunables);

/*
 * Set all values; marks, reserves and stocks change before it returns.
 * Context: task, irqs on; one caller at a time. Return: 0, -EINVAL (a value out of range; nothing
 * is changed).
 */
int quarry_set_tunables(const struct quarry_tunables *tunables) QUARRY_API(set_tunables);

QUARRY_END_DECLS

#endif
