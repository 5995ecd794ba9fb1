/* SPDX-License-Identifier: MIT */
/*
 * mm_types.h: struct page, and who owns which field when.
 *
 * One struct page of 32 bytes stands for each page frame: 0.78 % of memory (Linux: 64 bytes, 1.56
 * %). The array is dense by frame number, but a struct page is only meaningful if its kind says so:
 *
 *   - A BLOCK of 2^order pages has a HEAD, its first page. The head's struct page holds kind,
 *     order,
 *     zone, mobility. The other pages are INNER: nothing is written to them when a block is
 *     split off, merged, allocated or freed, so the cost of a block does not depend on its size.
 *   - The head of an inner page is found by clearing low bits of its frame number
 *     (`compound_head`).
 *   - The struct pages of a whole pageblock (2 MiB) are left untouched, even at boot, until the
 *     block
 *     is first split (mm/phys/pageblock.h).
 *
 *  field     block allocated        free in the buddy   parked on a CPU   slab page        vmalloc
 *            page
 *  flags     ours                   ours                ours              ours             ours
 *  refcount  owner through get/put  0                   0                 ours             ours
 *  lru       owner                  free-list link      -                 partial list     page
 *            chain
 *  mapping   owner                  -                   -                 cache            virtual
 *            page
 *  private   owner                  -                   next of the stock free bitmap      -
 */
#ifndef QUARRY_MM_TYPES_H
#define QUARRY_MM_TYPES_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* Link of a list of pages, in frame numbers: half the size of two pointers. 0 ends a list
 * (frame 0 is never handed out). */
struct quarry_page_link {
	uint32_t next, prev;
};

struct page {
	uint32_t flags;    /* kind, order, mobility, zone: see QUARRY_PG_* */
	int32_t refcount;  /* references; 1 after allocation, 0 while free */
	struct quarry_page_link lru; /* the owner's link (quarry/mm.h: page lists) */
	union {
		void *mapping;       /* the owner's pointer */
		unsigned long index; /* ... or the owner's number */
	};
	unsigned long private_; /* the owner's word: page_private(), set_page_private() */
};
QUARRY_STATIC_ASSERT(sizeof(struct page) == 32,
		     "struct page is 32 bytes: metadata stays below 0.9 %");

/*
 * Layout of page->flags:
 *   0-3 kind   4-7 order   8-10 mobility   11-18 zone number (node * 4 + zone)   19-23 bits   24-31
 *   owner
 * Bits 4-18 together (order, mobility, zone) select the per-CPU array that a freed block goes to.
 */
#define QUARRY_PG_KIND_MASK 0xfu
#define QUARRY_PG_ORDER_SHIFT 4
/* order 15: not a head but marked like one */
#define QUARRY_PG_MEMBER (15u << QUARRY_PG_ORDER_SHIFT)
#define QUARRY_PG_MOBILITY_SHIFT 8
#define QUARRY_PG_ZONE_SHIFT 11
#define QUARRY_PG_COMPOUND (1u << 19)   /* allocated with __GFP_COMP */
#define QUARRY_PG_PFMEMALLOC (1u << 20) /* came from the reserves */
#define QUARRY_PG_USER (1u << 21)       /* USED, VMALLOC: debug builds: had __GFP_HARDWALL */
#define QUARRY_PG_OPS_SHIFT 21          /* MOVABLE: three bits, number of its operations */
#define QUARRY_PG_OWNER_SHIFT 24        /* eight bits for the owner, zero after allocation */

/* What a page is. INNER is zero, so zeroed memory is an array of inner pages. */
enum quarry_page_kind {
	QUARRY_PAGE_INNER = 0, /* not the head of a block */
	QUARRY_PAGE_FREE,      /* head of a free block of the buddy */
	QUARRY_PAGE_PARKED,    /* head of a free block in a CPU's array */
	QUARRY_PAGE_USED,      /* head of a block that alloc_pages handed out */
	QUARRY_PAGE_MOVABLE,   /* the same, and its owner can move it (quarry/migrate.h) */
	/* exists but is not ours: kernel image, page array, hole in a block */
	QUARRY_PAGE_RESERVED,
	QUARRY_PAGE_SLAB,      /* any page of a slab: mapping is the cache */
	QUARRY_PAGE_LARGE,     /* head of a large kmalloc block */
	QUARRY_PAGE_VMALLOC,   /* backs a vmalloc area */
	QUARRY_PAGE_TABLE,     /* a page table of ours */
	QUARRY_PAGE_ISOLATED,  /* head of a free block that compaction keeps to move others to */
	QUARRY_PAGE_OFFLINE,   /* removed */
	QUARRY_NR_PAGE_KINDS
};

QUARRY_END_DECLS

#endif
