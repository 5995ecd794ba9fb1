/* SPDX-License-Identifier: MIT */
/*
 * page.c: heads of blocks, references.
 *
 * Finding the head. The head of a block that holds frame p, of order k, has frame number p with the
 * low k bits cleared. So the candidates are p with 0, 1, 2 ... low bits cleared; those between p
 * and the head are inner pages of the same block, which its owner keeps stable; the first candidate
 * that is a head of sufficient order is the answer. In a whole pageblock only the first struct page
 * is meaningful, so the search starts there.
 *
 * References. Taking one requires holding one, so a holder who reads 1 is alone and may free with
 * plain stores.
 *
 * Start at: compound_head.
 */
#include "mm/phys/page.h"

#include "mm/base/log.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/zone.h"

bool pfn_valid(unsigned long pfn)
{
	const struct page *page;

	if (!pageblock_state(pfn))
		return false;
	page = page_if_known(pfn);
	return !page || page_kind(page) != QUARRY_PAGE_RESERVED;
}

bool virt_addr_valid(const void *address)
{
	return pfn_valid(direct_frame((uintptr_t)address));
}

struct page *compound_head(const struct page *page)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned bits = pageblock_state(pfn) & BLOCK_READY ? 0 : pageblock_order;

	for (; bits <= MAX_PAGE_ORDER; bits++) {
		struct page *head = pfn_to_page(pfn >> bits << bits);
		if (!page_is_inner(head) && page_order(head) >= bits)
			return head;
	}
	return (struct page *)(uintptr_t)page; /* no block: a reserved hole or a page of nobody */
}

struct page *page_block(const struct page *page)
{
	return map_state(map_frame(page)) ? compound_head(page) : NULL;
}

struct page *block_of_address(const void *address)
{
	unsigned long frame = ((uintptr_t)address - pageblocks.first_address) >> PAGE_SHIFT;

	if (!map_state(frame))
		return NULL;
	return compound_head(
		(const struct page *)(pageblocks.first_page + frame * sizeof(struct page)));
}

bool page_may_be_mapped_by_user(const struct page *page)
{
	const struct page *head = page_block(page);
	uint32_t flags = head ? page_flags(head) : 0;
	bool ok = false, told = !QUARRY_DEBUG || flags & QUARRY_PG_USER;

	switch (flags_kind(flags)) {
	case QUARRY_PAGE_USED:
		/* Of one from the reserves the mobility is not known (freepage.c). */
		ok = told || page_mobility(head) == MIGRATE_MOVABLE ||
		     page_mobility(head) == MIGRATE_HIGHATOMIC;
		break;
	case QUARRY_PAGE_VMALLOC:
		ok = told;
		break;
	case QUARRY_PAGE_MOVABLE:
		ok = true;
		break;
	default:
		break;
	}
	if (!ok)
		mm_report(USER_MAPPING, "page_may_be_mapped_by_user", page, flags, 0);
	return ok;
}

static bool head_is_compound(const struct page *head)
{
	return (page_flags(head) & QUARRY_PG_COMPOUND) != 0;
}

bool PageHead(const struct page *page)
{
	const struct page *head = compound_head(page);

	return head == page && head_is_compound(head);
}

bool PageTail(const struct page *page)
{
	const struct page *head = compound_head(page);

	return head != page && head_is_compound(head);
}

void get_page(struct page *page)
{
	struct page *head = page_block(page);
	uint32_t flags = head ? page_flags(head) : 0;
	int before = 0;

	if (likely(kind_is_used(flags_kind(flags)))) {
		before = __atomic_fetch_add(&head->refcount, 1, __ATOMIC_RELAXED);
		if (likely(before > 0 && before < INT32_MAX))
			return;
		/* Not held, or saturated: take it back; a page that nobody owns must not gain an
		 * owner. */
		__atomic_fetch_sub(&head->refcount, 1, __ATOMIC_RELAXED);
	}
	mm_report(REF_COUNT, "get_page", page, before, flags);
}

bool put_page_testzero(struct page *page)
{
	int before = __atomic_fetch_sub(&page->refcount, 1, __ATOMIC_ACQ_REL);

	if (unlikely(before <= 0)) {
		__atomic_fetch_add(&page->refcount, 1, __ATOMIC_RELAXED);
		mm_report(REF_COUNT, "put_page_testzero", page, before, page_flags(page));
		return false;
	}
	return before == 1;
}

int page_to_nid(const struct page *page)
{
	return (int)(page_zone_number(compound_head(page)) / MAX_NR_ZONES);
}

enum zone_type page_zonenum(const struct page *page)
{
	return (enum zone_type)(page_zone_number(compound_head(page)) % MAX_NR_ZONES);
}
