/* SPDX-License-Identifier: MIT */
/*
 * page_bulk.c: many pages in one call, exact sizes, splitting a block and freeing part of it.
 *
 * Start at: alloc_pages_bulk_node, split_page.
 */
#include "mm/base/bits.h"
#include "mm/base/fault.h"
#include "mm/gfp/scope.h"
#include "mm/page/page_alloc.h"
#include "mm/phys/freepage.h"
#include "mm/phys/pageblock.h"

#include <quarry/mm.h>

/*
 * Fill NULL slots of pages[0 .. nr) with the newest of a chain of parked heads. All heads of
 * a stock say the same. Return: how many slots of `pages` were looked at; the chain is what is
 * left, *nr_taken heads were taken off.
 */
static unsigned long fill(gfp_t gfp, unsigned long nr, struct page **pages, struct page **chain,
			  size_t *nr_taken)
{
	struct page **at = pages, **end = pages + nr, *page = *chain;
	size_t full = 0;
	uint32_t flags = page ? page_used_flags(page) : 0;

	for (; at < end; at++) {
		if (*at) {
			full++;
			continue;
		}
		if (!page)
			break;
		struct page *next = parked_next(page);
		page_hand_out_as(page, flags);
		page_mark_user(page, gfp);
		arch_mem_unpoison(page_address(page), PAGE_SIZE);
		*at = page;
		page = next;
	}
	*chain = page;
	*nr_taken = (size_t)(at - pages) - full;
	return (unsigned long)(at - pages);
}

/* The same from this CPU's stock. */
static unsigned long fill_from_stock(gfp_t gfp, unsigned long nr, struct page **pages)
{
	struct page_stock *stock = page_cpus[cpu_pin()].take[gfp_bits(gfp) & TAKE_MASK];
	unsigned long filled = 0;

	if (stock_mark(stock)) {
		struct page *newest = stock->newest;
		size_t taken;
		filled = fill(gfp, nr, pages, &newest, &taken);
		stock_take_end(stock, newest, taken);
	}
	cpu_unpin();
	return filled;
}

unsigned long alloc_pages_bulk_node(gfp_t gfp, int node, unsigned long nr, struct page **pages)
{
	if (gfp_has(gfp, __GFP_MOVABLE)) /* the only bit by which a scope changes the stock (G43) */
		gfp = scope_apply(gfp, scope_word());
	/* Only what needs no look at the mask: the rest goes page by page. */
	bool plain = node < 0 && !gfp_has(gfp, __GFP_ZERO | __GFP_THISNODE | ~__GFP_BITS_MASK) &&
		     gfp_context_ok(gfp);
	unsigned long i = 0;

	while (i < nr) {
		if (fault_at(FAULT_PAGE_BULK, gfp, 0))
			break;
		if (plain && (i += fill_from_stock(gfp, nr - i, pages + i)) == nr)
			break;
		if (!pages[i] && !(pages[i] = alloc_pages_node(node, gfp, 0)))
			break;
		i++;
	}
	return i;
}

unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages)
{
	return alloc_pages_bulk_node(gfp, NUMA_NO_NODE, nr, pages);
}

void free_pages_bulk(unsigned long nr, struct page **pages)
{
	for (unsigned long i = 0; i < nr; i++)
		if (pages[i])
			__free_page(pages[i]);
}

/*
 * Park blocks from the front of a chain in one stock: those of its place with one reference, at
 * most n. Return: how many were; the chain's count is the caller's.
 */
static unsigned park_first(struct page_stock *stock, uint32_t place, struct page_chain *chain,
			   unsigned n)
{
	const uint64_t mask = PAGE_PLACE_MASK | ~(uint64_t)UINT32_MAX;
	const uint64_t wanted = place | (uint64_t)1 << 32;
	unsigned long pfn = chain->head;
	struct page *newest;
	unsigned parked = 0;

	if (!stock_mark(stock))
		return 0;
	newest = stock->newest;
	unsigned held = stock_held(stock), room = stock->cap > held ? stock->cap - held : 0;
	if (n > room)
		n = room;
	for (; parked < n && pfn; parked++) {
		struct page *head = pfn_to_page(pfn);

		if ((page_word(head) & mask) != wanted)
			break;
		pfn = head->lru.next;
		page_tag_drop(head, place);
		arch_mem_poison(page_address(head), PAGE_SIZE << flags_order(place));
		page_set_word(head, place | QUARRY_PAGE_PARKED, 0);
		parked_link(head, newest);
		newest = head;
	}
	chain->head = pfn;
	stock_give_end(stock, newest, parked);
	return parked;
}

void page_give_chain(struct page_chain *chain, unsigned n, unsigned long most)
{
	unsigned long end = chain->count > most ? chain->count - most : 0;
	const struct page_cpu *pages = &page_cpus[cpu_pin()];

	while (n && chain->head && chain->count > end) {
		struct page *head = pfn_to_page(chain->head);
		uint32_t flags = page_flags(head);
		unsigned order = flags_order(flags);
		unsigned long missing = (chain->count - end + (1ul << order) - 1) >> order;
		unsigned parked = park_first(stock_of_flags(pages, flags), flags & PAGE_PLACE_MASK,
					     chain, missing < n ? (unsigned)missing : n);

		if (!parked) { /* no room, or kept by others */
			head = chain_pop(chain);
			page_set_kind(head, QUARRY_PAGE_USED);
			__free_pages(head, order);
			n--;
		}
		chain->count -= (unsigned long)parked << order;
		n -= parked;
	}
	cpu_unpin();
}

/* Is this the head of a block of `order` in use that is not compound? */
static bool block_is_plain(const struct page *page, unsigned order)
{
	const uint32_t mask = PAGE_TYPE_MASK | QUARRY_PG_COMPOUND;

	return order <= MAX_PAGE_ORDER && page_is_known(page) &&
	       (page_flags(page) & mask) == page_state(QUARRY_PAGE_USED, order, 0, 0);
}

static void report_block(const char *call, const struct page *page, unsigned order)
{
	uint32_t flags = page_is_known(page) ? page_flags(page) : 0;

	if (order <= MAX_PAGE_ORDER && block_is_plain(page, order))
		mm_report(REF_COUNT, call, page, page_ref_count(page), 1);
	else
		mm_report(FREE_ORDER, call, page, order, flags);
}

void split_page(struct page *page, unsigned order)
{
	uint32_t flags;
	unsigned long pfn = page_to_pfn(page);

	if (!block_is_plain(page, order)) {
		report_block("split_page", page, order);
		return;
	}
	flags = page_flags(page);
	struct zone *zone = head_zone(page);
	if (order >= pageblock_order) {
		if (cpu_context() & QUARRY_CTX_NMI) {
			mm_report(BAD_CONTEXT, "split_page", page, cpu_context(), 0);
			return;
		}
		unsigned long irq = zone_lock(zone);
		for (unsigned long at = pfn; at < pfn + (1ul << order); at += pageblock_nr_pages)
			pageblock_make_ready(at, zone->number);
		zone_unlock(zone, irq);
	}
	unsigned references = (unsigned)page_ref_count(page);
	uint32_t single = flags & ~(0xfu << QUARRY_PG_ORDER_SHIFT);

	page_tag_split(page, order);
	page_set_word(page, single, references);
	/* What the owner wrote to the first page stays there; the others are as new. */
	single &= ~(0xffu << QUARRY_PG_OWNER_SHIFT);
	for (unsigned long i = 1; i < 1ul << order; i++) {
		page_set_word(page + i, single, references);
		page[i].mapping = NULL;
		page[i].private_ = 0;
	}
}

/* Single pages become one block of 2^order again, with one reference. */
static void join_pages(struct page *head, unsigned order)
{
	uint32_t single = page_flags(head);
	uint32_t inner = page_state(QUARRY_PAGE_INNER, 0, 0, page_zone_number(head));

	for (unsigned long i = 1; i < 1ul << order; i++)
		page_set_word(head + i, inner, 0);
	page_set_word(head, single | order << QUARRY_PG_ORDER_SHIFT, 1);
}

void free_pages_partial(struct page *page, unsigned order, unsigned long first, unsigned long nr)
{
	unsigned long end = first + nr;
	unsigned part;

	if (!block_is_plain(page, order) || page_ref_count(page) != 1) {
		report_block("free_pages_partial", page, order);
		return;
	}
	if (first > 1ul << order || nr > (1ul << order) - first) {
		mm_report(BAD_ARGUMENT, "free_pages_partial", page, first, nr);
		return;
	}
	split_page(page, order);
	/* The largest aligned blocks that fit, so that the buddy has little to merge. */
	for (; first < end; first += 1ul << part) {
		part = (unsigned)min_u64(first ? lowest_bit(first) : order,
					 highest_bit(end - first));
		for (unsigned i = 0; QUARRY_ALLOCINFO && i < 1u << part; i++)
			page_tag_drop(page + first + i, 0);
		join_pages(page + first, part);
		__free_pages(page + first, part);
	}
}

void *alloc_pages_exact_nid(int node, size_t size, gfp_t gfp)
{
	unsigned order = get_order(size);
	size_t nr = PFN_UP(size);

	if (!size || nr > MAX_ORDER_NR_PAGES) {
		mm_report(BAD_ORDER, "alloc_pages_exact", NULL, size, MAX_PAGE_ORDER);
		return NULL;
	}
	struct page *head = alloc_pages_node(node, gfp & ~(__GFP_COMP | __GFP_HIGHMEM), order);
	if (!head)
		return NULL;
	free_pages_partial(head, order, nr, (1ul << order) - nr);
	return page_address(head);
}

void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	return alloc_pages_exact_nid(NUMA_NO_NODE, size, gfp);
}

void free_pages_exact(void *address, size_t size)
{
	if (!address)
		return;
	if (size > PAGE_SIZE << MAX_PAGE_ORDER) {
		mm_report(BAD_ORDER, "free_pages_exact", address, size, MAX_PAGE_ORDER);
		return;
	}
	for (size_t at = 0; at < size; at += PAGE_SIZE)
		free_page((unsigned long)address + at);
}
