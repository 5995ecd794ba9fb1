/* SPDX-License-Identifier: MIT */
/*
 * mm.h: which pages are ours, references, compound pages, page lists, totals.
 */
#ifndef QUARRY_MM_H
#define QUARRY_MM_H

#include <quarry/gfp.h>
#include <quarry/mm_types.h>
#include <quarry/mmzone.h>
#include <quarry/pfn.h>

QUARRY_BEGIN_DECLS

/* Is the frame one of ours, with a meaningful struct page? Context: any. */
bool pfn_valid(unsigned long pfn) QUARRY_API(pfn_valid);
/* Is the address in the direct map of memory of ours? False for vmalloc addresses. Context: any. */
bool virt_addr_valid(const void *address) QUARRY_API(virt_addr_valid);

/* Smallest order whose block holds `size` bytes; size 0 is treated as 1. A constant for constant
 * sizes. */
static QUARRY_ALWAYS_INLINE unsigned get_order(size_t size)
{
	size_t pages = size ? (size - 1) >> PAGE_SHIFT : 0;
#if defined(__riscv) && !defined(__riscv_zbb)
	/* No instruction counts zeros, and the builtin would call libgcc. Unrolled to fold
	 * constants. */
	unsigned order = pages != 0, step;
	step = pages >> 32 ? 32u : 0;
	order += step;
	pages >>= step;
	step = pages >> 16 ? 16u : 0;
	order += step;
	pages >>= step;
	step = pages >> 8 ? 8u : 0;
	order += step;
	pages >>= step;
	step = pages >> 4 ? 4u : 0;
	order += step;
	pages >>= step;
	step = pages >> 2 ? 2u : 0;
	order += step;
	pages >>= step;
	step = pages >> 1 ? 1u : 0;
	order += step;
	return order;
#else
	return pages ? (unsigned)(sizeof(long) * 8) - (unsigned)__builtin_clzl(pages) : 0;
#endif
}

/* ---- blocks ---- */

/* Head of the block that `page` belongs to; `page` itself if it is one. O(order), no memory written
 * at allocation.
 * Context: any, by somebody who holds a reference to the block. */
struct page *compound_head(const struct page *page) QUARRY_API(compound_head);
/* Order of a block's head. */
static inline unsigned compound_order(const struct page *head)
{
	return __atomic_load_n(&head->flags, __ATOMIC_RELAXED) >> QUARRY_PG_ORDER_SHIFT & 0xfu;
}
static inline unsigned long page_size(const struct page *head)
{
	return PAGE_SIZE << compound_order(head);
}
/* Pages of a block, by its head. */
static inline unsigned long compound_nr(const struct page *head)
{
	return 1ul << compound_order(head);
}
/* Page `n` from `page` on: the array is dense, so it is pointer arithmetic. */
#define nth_page(page, n) ((page) + (n))
static inline struct page *virt_to_head_page(const void *address)
{
	return compound_head(virt_to_page(address));
}
/* Head / tail of a block of more than one page allocated with __GFP_COMP. */
bool PageHead(const struct page *page) QUARRY_API(PageHead);
bool PageTail(const struct page *page) QUARRY_API(PageTail);

/*
 * Ask before a page, any page of a block, is mapped where user space can reach it (G13). Return:
 * may it be? No, and reported (USER_MAPPING): what is no page in use, or holds objects or tables of
 * the kernel; with QUARRY_DEBUG also what was allocated without __GFP_HARDWALL (GFP_USER,
 * GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE, vmalloc_user()), for nobody wiped it with user space in mind.
 * Movable pages are for user space. Context: any; the caller holds a reference.
 */
bool page_may_be_mapped_by_user(const struct page *page) QUARRY_API(page_may_be_mapped_by_user);

/*
 * ---- references ----
 * They are the block's, whichever page of it is named, compound or not. Taking one needs holding
 * one. Only blocks of the page layer have any: of a slab's page, a free one, or an address that is
 * no struct page both calls report it and change nothing.
 */
void get_page(struct page *page) QUARRY_API(get_page);
/* Drop one; the last frees the block. Context: any but NMI. */
void put_page(struct page *page) QUARRY_API(put_page);
/* Drop one of a head without freeing. Return: true if it was the last: the caller frees. */
bool put_page_testzero(struct page *page) QUARRY_API(put_page_testzero);
static inline int page_ref_count(const struct page *page)
{
	return __atomic_load_n(&page->refcount, __ATOMIC_RELAXED);
}
static inline int page_count(const struct page *page)
{
	return page_ref_count(compound_head(page));
}
/* Take `nr` references at once, of a head that the caller holds one of. */
static inline void page_ref_add(struct page *head, int nr)
{
	__atomic_fetch_add(&head->refcount, nr, __ATOMIC_RELAXED);
}
/*
 * Who pins a page for a device takes this many references at once and drops as many, so that a page
 * with so many or more may be pinned; one that merely has many references is taken for pinned too.
 * (Linux's value and meaning for single pages.)
 */
#define GUP_PIN_COUNTING_BIAS 1024
static inline bool page_maybe_dma_pinned(const struct page *page)
{
	return page_count(page) >= GUP_PIN_COUNTING_BIAS;
}

/* ---- the owner's words ---- */
#define page_private(page) ((page)->private_)
static inline void set_page_private(struct page *page, unsigned long value)
{
	page->private_ = value;
}
/* Did it come from the reserves? Then give it back soon. */
static inline bool page_is_pfmemalloc(const struct page *page)
{
	return (__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & QUARRY_PG_PFMEMALLOC) != 0;
}
/* Node and zone of a page of ours (any page of a block). */
int page_to_nid(const struct page *page) QUARRY_API(page_to_nid);
enum zone_type page_zonenum(const struct page *page) QUARRY_API(page_zonenum);

/* ---- contents: by address; by page in quarry/highmem.h ---- */
static inline void clear_page(void *address)
{
	arch_clear_page(address);
}
static inline void copy_page(void *to, const void *from)
{
	__builtin_memcpy(to, from, PAGE_SIZE);
}

/* ---- totals, in pages: one snapshot, no lock ---- */
unsigned long totalram_pages(void) QUARRY_API(totalram_pages);
/* Free in the buddy, without pages parked on CPUs. */
unsigned long nr_free_pages(void) QUARRY_API(nr_free_pages);
/* Parked on CPUs. */
unsigned long nr_parked_pages(void) QUARRY_API(nr_parked_pages);
/* Managed pages above the high mark in the zones that a GFP_USER request may use: what a table
 * sized by memory may count on. */
unsigned long nr_free_buffer_pages(void) QUARRY_API(nr_free_buffer_pages);
/* What new requests can have without using reserves: free and parked pages above marks and lowmem
 * reserves, and most of the reclaimable slabs. */
long si_mem_available(void) QUARRY_API(si_mem_available);

/* Linux's names. Memory that is shared, holds buffers or is out of the direct map is not ours to
 * have, so those are 0. */
struct sysinfo {
	unsigned long totalram, freeram, sharedram, bufferram, totalhigh, freehigh;
	unsigned mem_unit; /* bytes that the other fields count */
};
void si_meminfo(struct sysinfo *info) QUARRY_API(si_meminfo);

/* The whole machine's memory to the log, a line at a time. Context: any but NMI, no lock of ours
 * held. */
void show_mem(void) QUARRY_API(show_mem);

QUARRY_END_DECLS

#endif
