/* SPDX-License-Identifier: MIT */
/*
 * highmem.h: contents of pages, by page instead of by address.
 *
 * Code written for machines on which the kernel cannot address all memory at once maps a page for a
 * moment, works on it, and unmaps it. All memory of ours is in the direct map, so mapping is
 * address arithmetic, every page stays mapped, and nothing is pinned or masked in between. The
 * names are kept so that such code compiles and does what it did.
 *
 * Offsets and lengths are bytes of one page, or of a whole block (its pages lie side by side); they
 * are not checked. Context: any, by a holder of a reference.
 */
#ifndef QUARRY_HIGHMEM_H
#define QUARRY_HIGHMEM_H

#include <quarry/folio.h>

QUARRY_BEGIN_DECLS

/* ---- mapping: the address of a page, until the matching call ---- */

static inline void *kmap_local_page(struct page *page)
{
	return page_address(page);
}
/* ... of byte `offset` of a folio. */
static inline void *kmap_local_folio(struct folio *folio, size_t offset)
{
	return (char *)folio_address(folio) + offset;
}
static inline void kunmap_local(const void *address)
{
	(void)address;
}
/* Older names. kmap_atomic() does not forbid sleeping here. */
static inline void *kmap(struct page *page)
{
	return page_address(page);
}
static inline void kunmap(const struct page *page)
{
	(void)page;
}
static inline void *kmap_atomic(struct page *page)
{
	return page_address(page);
}
static inline void kunmap_atomic(const void *address)
{
	(void)address;
}

/* ---- whole pages ---- */

static inline void clear_highpage(struct page *page)
{
	clear_page(page_address(page));
}
static inline void copy_highpage(struct page *to, struct page *from)
{
	copy_page(page_address(to), page_address(from));
}

/* ---- parts: `offset` is the first byte, `length` how many ---- */

static inline void memcpy_from_page(char *to, struct page *page, size_t offset, size_t length)
{
	__builtin_memcpy(to, (const char *)page_address(page) + offset, length);
}
static inline void memcpy_to_page(struct page *page, size_t offset, const char *from, size_t length)
{
	__builtin_memcpy((char *)page_address(page) + offset, from, length);
}
/* From one page to another; to the same one the parts must not overlap. */
static inline void memcpy_page(struct page *to, size_t to_offset, struct page *from,
			       size_t from_offset, size_t length)
{
	__builtin_memcpy((char *)page_address(to) + to_offset,
			 (const char *)page_address(from) + from_offset, length);
}
static inline void memset_page(struct page *page, size_t offset, int value, size_t length)
{
	__builtin_memset((char *)page_address(page) + offset, value, length);
}
static inline void memzero_page(struct page *page, size_t offset, size_t length)
{
	memset_page(page, offset, 0, length);
}
/* The same under the names for pages of user space: bytes [start, end), and from `start` on. */
static inline void zero_user_segment(struct page *page, unsigned start, unsigned end)
{
	memzero_page(page, start, end - start);
}
static inline void zero_user(struct page *page, unsigned start, unsigned length)
{
	memzero_page(page, start, length);
}

static inline void memcpy_from_folio(char *to, struct folio *folio, size_t offset, size_t length)
{
	memcpy_from_page(to, &folio->page, offset, length);
}
static inline void memcpy_to_folio(struct folio *folio, size_t offset, const char *from,
				   size_t length)
{
	memcpy_to_page(&folio->page, offset, from, length);
}
static inline void folio_zero_range(struct folio *folio, size_t offset, size_t length)
{
	memzero_page(&folio->page, offset, length);
}

QUARRY_END_DECLS

#endif
