/* SPDX-License-Identifier: MIT */
/*
 * gfp.h: asking for pages, and decoding a request mask.
 *
 * Rules common to all functions here:
 *   - A block has 2^order pages, physically contiguous, aligned to its size; order <=
 *     QUARRY_MAX_ORDER.
 *   - A request whose mask has __GFP_DIRECT_RECLAIM may sleep: task context only. All others may be
 *     made from interrupts too. Freeing never sleeps: any context but NMI. In an NMI nobody can
 *     wait for a lock: use alloc_pages_nolock(); a request that finds no parked block is reported
 *     there and fails.
 *   - Failure is NULL (or 0), reported once unless __GFP_NOWARN. Always check.
 *   - `node` is a node number or NUMA_NO_NODE (the caller's own).
 */
#ifndef QUARRY_GFP_H
#define QUARRY_GFP_H

#include <quarry/gfp_types.h>
#include <quarry/mm_types.h>
#include <quarry/mmzone.h>
#include <quarry/pfn.h>

QUARRY_BEGIN_DECLS

#define NUMA_NO_NODE (-1)

/* Highest zone that a mask may use (G11, G39), a table of 16 rows of 2 bits: index is the mask's
 * low four bits. gfp_zone() answers for illegal combinations as if the bits were absent; a request
 * with one is refused. */
#define QUARRY_ZONE_ROW(bits, zone) ((uint32_t)(zone) << (2 * (bits)))
/* A CPU family without a DMA zone treats GFP_DMA as no limit (D10). */
#define QUARRY_ZONE_OF_DMA (QUARRY_ARCH_DMA_LIMIT != 0 ? ZONE_DMA : ZONE_NORMAL)
#define QUARRY_ZONE_TABLE                                                                          \
	(QUARRY_ZONE_ROW(0x0, ZONE_NORMAL) | QUARRY_ZONE_ROW(0x1, QUARRY_ZONE_OF_DMA) |            \
	 QUARRY_ZONE_ROW(0x2, ZONE_NORMAL) | QUARRY_ZONE_ROW(0x3, ZONE_NORMAL) |                   \
	 QUARRY_ZONE_ROW(0x4, ZONE_DMA32) | QUARRY_ZONE_ROW(0x5, ZONE_NORMAL) |                    \
	 QUARRY_ZONE_ROW(0x6, ZONE_NORMAL) | QUARRY_ZONE_ROW(0x7, ZONE_NORMAL) |                   \
	 QUARRY_ZONE_ROW(0x8, ZONE_NORMAL) | QUARRY_ZONE_ROW(0x9, QUARRY_ZONE_OF_DMA) |            \
	 QUARRY_ZONE_ROW(0xa, ZONE_MOVABLE) | QUARRY_ZONE_ROW(0xb, ZONE_NORMAL) |                  \
	 QUARRY_ZONE_ROW(0xc, ZONE_DMA32) | QUARRY_ZONE_ROW(0xd, ZONE_NORMAL) |                    \
	 QUARRY_ZONE_ROW(0xe, ZONE_NORMAL) | QUARRY_ZONE_ROW(0xf, ZONE_NORMAL))
/* The eight combinations that ask for two disjoint zones: DMA with DMA32 or HIGHMEM, and DMA32 with
 * HIGHMEM. */
#define QUARRY_ZONE_ILLEGAL                                                                        \
	(1u << 0x3 | 1u << 0x5 | 1u << 0x6 | 1u << 0x7 | 1u << 0xb | 1u << 0xd | 1u << 0xe |       \
	 1u << 0xf)

static QUARRY_ALWAYS_INLINE enum zone_type gfp_zone(gfp_t gfp)
{
	unsigned bits = (QUARRY_FORCE unsigned)(gfp & GFP_ZONEMASK);
	return (enum zone_type)(QUARRY_ZONE_TABLE >> (2 * bits) & 3u);
}

/* Mobility of a mask: bits 3 and 4 are MOVABLE and RECLAIMABLE, so this is a shift. */
static QUARRY_ALWAYS_INLINE enum migratetype gfp_migratetype(gfp_t gfp)
{
	return (enum migratetype)(
		(QUARRY_FORCE unsigned)(gfp & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) >> 3);
}

/* May this request sleep? */
static QUARRY_ALWAYS_INLINE bool gfpflags_allow_blocking(gfp_t gfp)
{
	return (gfp & __GFP_DIRECT_RECLAIM) != (QUARRY_FORCE gfp_t)0;
}

/* May this request take a lock? False only for masks without any reclaim bit. */
static QUARRY_ALWAYS_INLINE bool gfpflags_allow_spinning(gfp_t gfp)
{
	return (gfp & __GFP_RECLAIM) != (QUARRY_FORCE gfp_t)0;
}

/* alloc_pages() for a mask that is known at run time only; and for one that was looked at at
 * compile time: no rare bits, and it may / may not sleep; or it may, and __GFP_ZERO is the only
 * rare bit. */
struct page *quarry_alloc_pages(gfp_t gfp, unsigned order) QUARRY_API_CHECK(alloc_pages);
struct page *quarry_alloc_pages_sleeping(gfp_t gfp, unsigned order)
	QUARRY_API_CHECK(alloc_pages_sleeping);
struct page *quarry_alloc_pages_atomic(gfp_t gfp, unsigned order)
	QUARRY_API_CHECK(alloc_pages_atomic);
struct page *quarry_alloc_pages_zeroed(gfp_t gfp, unsigned order)
	QUARRY_API_CHECK(alloc_pages_zeroed);
/* Bits that leave something to do when a block was found, bits that the context lint judges, and
 * bits that must not be there. */
#define QUARRY_PAGE_GFP_RARE                                                                       \
	(__GFP_ZERO | __GFP_COMP | __GFP_THISNODE | __GFP_MOVABLE | __GFP_NOFAIL |                 \
	 ~__GFP_BITS_MASK)

/* Request a block. Return: its first page with reference count 1, or NULL. (G4) */
static QUARRY_ALWAYS_INLINE QUARRY_MUST_CHECK struct page *alloc_pages(gfp_t gfp, unsigned order)
{
	if (!__builtin_constant_p(gfp) ||
	    (gfp & QUARRY_PAGE_GFP_RARE & ~__GFP_ZERO) != (QUARRY_FORCE gfp_t)0)
		return quarry_alloc_pages(gfp, order);
	if ((gfp & __GFP_ZERO) != (QUARRY_FORCE gfp_t)0)
		return gfpflags_allow_blocking(gfp) ? quarry_alloc_pages_zeroed(gfp, order)
						    : quarry_alloc_pages(gfp, order);
	return gfpflags_allow_blocking(gfp) ? quarry_alloc_pages_sleeping(gfp, order)
					    : quarry_alloc_pages_atomic(gfp, order);
}
/* The same from `node`, others if it has none. */
struct page *quarry_alloc_pages_node(int node, gfp_t gfp, unsigned order)
	QUARRY_API_CHECK(alloc_pages_node);
static QUARRY_ALWAYS_INLINE QUARRY_MUST_CHECK struct page *alloc_pages_node(int node, gfp_t gfp,
									    unsigned order)
{
	return node < 0 ? alloc_pages(gfp, order) : quarry_alloc_pages_node(node, gfp, order);
}
#define alloc_page(gfp) alloc_pages((gfp), 0)
#define __alloc_pages(gfp, order, node) alloc_pages_node((node), (gfp), (order))

/* Drop the caller's reference; the last one frees. `order` must be that of the request unless the
 * block is compound. NULL is ignored. (G146) */
void quarry_free_pages(struct page *page, unsigned order) QUARRY_API(free_block);
void quarry_free_page(struct page *page) QUARRY_API(free_single);
static QUARRY_ALWAYS_INLINE void __free_pages(struct page *page, unsigned order)
{
	if (__builtin_constant_p(order) && order == 0)
		quarry_free_page(page);
	else
		quarry_free_pages(page, order);
}
#define __free_page(page) __free_pages((page), 0)

/* The same by kernel virtual address; 0 is failure and is ignored by the free side. HIGHMEM is
 * stripped. (G8) */
static QUARRY_ALWAYS_INLINE QUARRY_MUST_CHECK unsigned long __get_free_pages(gfp_t gfp,
									     unsigned order)
{
	struct page *head = alloc_pages(gfp & ~__GFP_HIGHMEM, order);

	return head ? (unsigned long)page_address(head) : 0;
}
static QUARRY_ALWAYS_INLINE QUARRY_MUST_CHECK unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}
#define __get_free_page(gfp) __get_free_pages((gfp), 0)
#define __get_dma_pages(gfp, order) __get_free_pages((gfp) | __GFP_DMA, (order))
void free_pages(unsigned long address, unsigned order) QUARRY_API(free_pages);
#define free_page(address) free_pages((address), 0)

/* Exactly PAGE_ALIGN(size) bytes of contiguous pages; the rest of the block goes back. (G124)
 * Return: address or NULL. */
void *alloc_pages_exact(size_t size, gfp_t gfp) QUARRY_API_CHECK(alloc_pages_exact);
void *alloc_pages_exact_nid(int node, size_t size, gfp_t gfp)
	QUARRY_API_CHECK(alloc_pages_exact_nid);
void free_pages_exact(void *address, size_t size) QUARRY_API(free_pages_exact);

/* Fill the NULL slots of pages[0..nr) with single pages. Return: number of leading slots filled;
 * may be fewer than nr. */
unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages)
	QUARRY_API(alloc_pages_bulk);
unsigned long alloc_pages_bulk_node(gfp_t gfp, int node, unsigned long nr, struct page **pages)
	QUARRY_API(alloc_pages_bulk_node);
/* The names before Linux 6.14. */
#define alloc_pages_bulk_array(gfp, nr, pages) alloc_pages_bulk((gfp), (nr), (pages))
#define alloc_pages_bulk_array_node(gfp, node, nr, pages)                                          \
	alloc_pages_bulk_node((gfp), (node), (nr), (pages))
/* Drop one reference of each single page of the array; NULL slots are skipped. Linux has no such
 * call. */
void free_pages_bulk(unsigned long nr, struct page **pages) QUARRY_API(free_pages_bulk);

/*
 * For any context, non-maskable interrupts and holders of any lock included: never waits, never
 * reports want of memory. Takes what this CPU has at hand, or what a zone gives whose lock is free
 * just now, above the minimum mark. Return: a zeroed block that is not compound, one reference;
 * NULL: not now.
 */
struct page *alloc_pages_nolock(int node, unsigned order) QUARRY_API_CHECK(alloc_pages_nolock);
/* As __free_pages() for any block of pages, in any context. The pages may count as parked for a
 * while: they are free for requests when the zone's lock is next taken for one. */
void free_pages_nolock(struct page *page, unsigned order) QUARRY_API(free_pages_nolock);

/* Turn a block that is not compound into 2^order independent single pages, each with as many
 * references as the block. The first keeps its owner's words, the others' are 0. */
void split_page(struct page *page, unsigned order) QUARRY_API(split_page);

/*
 * Free pages [first, first + nr) of a block that is not compound and has one reference; the others
 * become independent single pages, as after split_page(). A run of single pages is freed in part by
 * free_contig_range().
 * Context: any but NMI. A wrong order, a second reference or a part outside the block is reported;
 * nothing is freed then.
 */
void free_pages_partial(struct page *page, unsigned order, unsigned long first, unsigned long nr)
	QUARRY_API(free_pages_partial);

/*
 * Take exactly the frames [start, end), all of one zone, as single pages with one reference each;
 * free them singly or with free_contig_range(). What is in use there is moved away, if its owners
 * can (quarry/migrate.h) and the mask finds room. `migratetype` is MIGRATE_MOVABLE, or MIGRATE_CMA
 * for frames of a CMA area.
 * Context: task, may sleep (the mask must say so). Return: 0; -EBUSY: a frame is in use and stays
 * so; -ENOMEM: no room to move pages to; -EINVAL. Nothing was taken then.
 */
int alloc_contig_range(unsigned long start, unsigned long end, unsigned migratetype, gfp_t gfp)
	QUARRY_API_CHECK(alloc_contig_range);
/*
 * The same for any run of `nr` frames that starts at a multiple of nr rounded down to a power of
 * two, from `node` rather than others, of a zone that the mask allows in the task's scopes (G43).
 * Linux's fourth argument, a set of nodes, is not there: __GFP_THISNODE leaves the others out.
 * Return: the first page; NULL: no such run can be had (reported unless __GFP_NOWARN), or an
 * argument is out of range (reported).
 */
struct page *alloc_contig_pages(unsigned long nr, gfp_t gfp, int node)
	QUARRY_API_CHECK(alloc_contig_pages);
void free_contig_range(unsigned long pfn, unsigned long nr) QUARRY_API(free_contig_range);

/*
 * Take the frames that hold physical memory [base, base + size), whoever had them in mind at boot:
 * for a device's fixed buffer, a second kernel, a bad frame. They may lie in several zones and may
 * never have been handed out. Each becomes a single page with one reference.
 * Movable pages go out of the way, as for alloc_contig_range().
 * Context: task, may sleep. Return: 0; -EBUSY: a frame is in use, its pageblock (2 MiB) is of
 * several zones, or somebody takes frames of the same pageblock at this moment (try again);
 * -ENOMEM: no room to move pages to: nothing was taken; -EINVAL: not our memory (reported).
 */
int quarry_claim(phys_addr_t base, uint64_t size) QUARRY_API_CHECK(claim);
/* Give claimed memory back, all of it or a part. If a frame of it is no single page in use, that is
 * reported and nothing is given back. Context: any but NMI. */
void quarry_release(phys_addr_t base, uint64_t size) QUARRY_API(release);

/*
 * Devices are about to sleep: from here on no request starts IO or enters a file system, whatever
 * its mask says; the restore ends that. Nests.
 * Context: task, one caller at a time.
 */
void pm_restrict_gfp_mask(void) QUARRY_API(pm_restrict_gfp_mask);
void pm_restore_gfp_mask(void) QUARRY_API(pm_restore_gfp_mask);

/* Bits that a request may use in this stage, the others are taken from it silently: no reclaim, IO
 * or file system before the OS says that sleeping works, no IO while devices sleep. Read only. */
extern gfp_t gfp_allowed_mask QUARRY_API(gfp_allowed_mask);

/* Give this CPU's / every CPU's parked pages back to the buddy, of all zones: there is no argument
 * for one as in Linux, where NULL means that. drain_all_pages: task context, irqs on. */
void drain_local_pages(void) QUARRY_API(drain_local_pages);
void drain_all_pages(void) QUARRY_API(drain_all_pages);

QUARRY_END_DECLS

#endif
