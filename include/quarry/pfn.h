/* SPDX-License-Identifier: MIT */
/*
 * pfn.h: from address to frame to page and back.
 *
 * All conversions are O(1) arithmetic on two words of the library: the direct-map offset and the
 * page array, which is biased so that it is indexed by frame number. They do not check: pfn_valid()
 * and virt_addr_valid() do (quarry/mm.h); but with QUARRY_DEBUG an address of vmalloc or vmap is
 * reported, because its pages lie elsewhere. Context: any.
 */
#ifndef QUARRY_PFN_H
#define QUARRY_PFN_H

#include <quarry/arch.h>
#include <quarry/mm_types.h>

QUARRY_BEGIN_DECLS

/* The two words. Read only. */
extern struct page *quarry_page_array QUARRY_API(page_array);
extern uintptr_t quarry_direct_offset QUARRY_API(direct_offset);

#define PAGE_ALIGN(address) (((address) + PAGE_SIZE - 1) & PAGE_MASK)
#define PAGE_ALIGNED(address) (((uintptr_t)(address) & ~PAGE_MASK) == 0)
#define offset_in_page(address) ((uintptr_t)(address) & ~PAGE_MASK)
#define PFN_UP(address) (((address) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(address) ((address) >> PAGE_SHIFT)
#define PFN_PHYS(pfn) ((phys_addr_t)(pfn) << PAGE_SHIFT)

static inline unsigned long page_to_pfn(const struct page *page)
{
	return (unsigned long)(((uintptr_t)page - (uintptr_t)quarry_page_array) /
			       sizeof(struct page));
}
static inline struct page *pfn_to_page(unsigned long pfn)
{
	return (struct page *)((uintptr_t)quarry_page_array + pfn * sizeof(struct page));
}
static inline void *phys_to_virt(phys_addr_t phys)
{
	return (void *)((uintptr_t)phys + quarry_direct_offset);
}
/* Report an address that vmalloc or vmap may have given: what is computed from it means nothing.
 * (G132) */
void quarry_check_direct(const volatile void *address) QUARRY_API(check_direct);
/* For addresses of the direct map. */
static inline phys_addr_t virt_to_phys(const volatile void *address)
{
	if (QUARRY_DEBUG >= 1)
		quarry_check_direct(address);
	return (phys_addr_t)((uintptr_t)address - quarry_direct_offset);
}
static inline phys_addr_t page_to_phys(const struct page *page)
{
	return PFN_PHYS(page_to_pfn(page));
}
static inline struct page *phys_to_page(phys_addr_t phys)
{
	return pfn_to_page((unsigned long)(phys >> PAGE_SHIFT));
}
static inline void *page_address(const struct page *page)
{
	return phys_to_virt(page_to_phys(page));
}
#define page_to_virt(page) page_address(page)
/* The same. */
static inline struct page *virt_to_page(const void *address)
{
	return phys_to_page(virt_to_phys(address));
}

QUARRY_END_DECLS

#endif
