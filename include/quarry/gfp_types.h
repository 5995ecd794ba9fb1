/* SPDX-License-Identifier: MIT */
/*
 * gfp_types.h: the request mask, bit by bit, for callers (spec G7, G11-G17).
 *
 * A mask answers four questions: which memory (zone bits), how it is grouped (mobility bits), how
 * hard to try (reserve and reclaim bits), and what to do with the result (zero, compound, account).
 * Pick one of the GFP_* combinations at the end; add single bits only for a reason.
 * Values of single bits are Linux's where Linux's are stable; do not store masks across builds.
 */
#ifndef QUARRY_GFP_TYPES_H
#define QUARRY_GFP_TYPES_H

#include <quarry/types.h>

#define QUARRY_GFP(bit) ((QUARRY_FORCE gfp_t)(1u << (bit)))

/* ---- which memory: the low four bits index a table (16 rows, 8 legal) ---- */
#define __GFP_DMA QUARRY_GFP(0)     /* below the DMA limit of the CPU port (16 MiB on x86_64) */
/* need not be in the direct map; with MOVABLE opens ZONE_MOVABLE */
#define __GFP_HIGHMEM QUARRY_GFP(1)
#define __GFP_DMA32 QUARRY_GFP(2)   /* below 4 GiB */
#define __GFP_MOVABLE QUARRY_GFP(3) /* the owner can move it (migrate.h) */
#define GFP_ZONEMASK (__GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE)

/* ---- how it is grouped: with MOVABLE selects the pageblock type; both together are illegal ----
 * */
#define __GFP_RECLAIMABLE QUARRY_GFP(4) /* a shrinker can free it */

/* ---- how hard to try ---- */
#define __GFP_HIGH QUARRY_GFP(5)           /* may use part of the reserve */
#define __GFP_IO QUARRY_GFP(6)             /* reclaim may start IO */
#define __GFP_FS QUARRY_GFP(7)             /* reclaim may call into file systems */
#define __GFP_DIRECT_RECLAIM QUARRY_GFP(8) /* the caller may sleep and reclaim */
#define __GFP_KSWAPD_RECLAIM QUARRY_GFP(9) /* may wake background reclaim */
#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define __GFP_RETRY_MAYFAIL QUARRY_GFP(10) /* try hard, fail without the OOM killer */
#define __GFP_NOFAIL QUARRY_GFP(11)        /* never fail; needs DIRECT_RECLAIM */
#define __GFP_NORETRY QUARRY_GFP(12)       /* one round of reclaim, then fail */
#define __GFP_MEMALLOC QUARRY_GFP(13)      /* all reserves: the caller frees more than it takes */
#define __GFP_NOMEMALLOC QUARRY_GFP(14)    /* no rights of the task's; MEMALLOC has no effect */

/* ---- what to do with the result ---- */
#define __GFP_NOWARN QUARRY_GFP(15)     /* no report if the request fails */
#define __GFP_ZERO QUARRY_GFP(16)       /* zeroed */
#define __GFP_COMP QUARRY_GFP(17)       /* compound: any page of the block finds the head */
#define __GFP_ACCOUNT QUARRY_GFP(18)    /* charged to the current group */
#define __GFP_THISNODE QUARRY_GFP(19)   /* this node or fail */
/* obey the OS's set of allowed nodes; no effect by itself */
#define __GFP_HARDWALL QUARRY_GFP(20)
#define __GFP_WRITE QUARRY_GFP(21)      /* will be dirtied; no effect */
#define __GFP_NOLOCKDEP QUARRY_GFP(22)  /* the context lint looks away */
#define __GFP_NO_OBJ_EXT QUARRY_GFP(23) /* left out of per-call-site totals */
#define QUARRY_GFP_BITS 24
#define __GFP_BITS_MASK ((QUARRY_FORCE gfp_t)((1u << QUARRY_GFP_BITS) - 1))

/* Accepted so that code compiles; no such hardware here. */
#define __GFP_ZEROTAGS ((QUARRY_FORCE gfp_t)0)
#define __GFP_SKIP_ZERO ((QUARRY_FORCE gfp_t)0)
#define __GFP_SKIP_KASAN ((QUARRY_FORCE gfp_t)0)

/* Names without underscores that the guide uses (spec D3). */
#define GFP_RECLAIM __GFP_RECLAIM
#define GFP_NOWARN __GFP_NOWARN

/* ---- combinations ---- */

/* Kernel data, the default: may sleep, reclaim, do IO and enter file systems. */
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
/* GFP_KERNEL charged to the current group (G31). */
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
/* Cannot sleep and has no fallback: uses part of the reserve, wakes background reclaim (G29). */
#define GFP_ATOMIC (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
/* Cannot sleep, has a fallback: no reserve, silent on failure (G24, D1). */
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
/* May sleep and reclaim but start no IO (G44). */
#define GFP_NOIO __GFP_RECLAIM
/* May sleep, reclaim and do IO but not enter file systems (G45). */
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
/* For user space; the kernel reaches it too (G42). */
#define GFP_USER (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
/* For user space; the kernel need not reach it directly; never moved (G40, G41). */
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)
/* For user space, can be moved: the only kind that ZONE_MOVABLE takes (G37-G39). */
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)
/* For devices that address only the DMA zone (G55); prefer dma_alloc_coherent. */
#define GFP_DMA __GFP_DMA
/* For devices with 32-bit addresses (G56). */
#define GFP_DMA32 __GFP_DMA32
/* A huge page if one is free, without any reclaim; compound and silent. */
#define GFP_TRANSHUGE_LIGHT                                                                        \
	((GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM)
/* A huge page, with direct reclaim and compaction. */
#define GFP_TRANSHUGE (GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM)

#endif
