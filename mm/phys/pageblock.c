/* SPDX-License-Identifier: MIT */
/*
 * pageblock.c: the byte map of pageblocks, and making one ready.
 *
 * The map is the one table that boot clears in proportion to memory, because any address may be
 * asked about at any time: a byte for 2 MiB, cleared in words, so 7 instructions for 64 MiB.
 *
 * Clearing it later, as blocks are first taken, was considered: lookups would need a second bound
 * or a second load on the free path, and a bound that moves needs a lock that NMI context cannot
 * take.
 *
 * Cost  pageblock_make_ready writes 512 flag words once in a block's life: 8 bytes a page, when the
 * block is first split.
 */
#include "mm/phys/pageblock.h"

#define MAP_ALIGN 32u /* four words; the map starts on a cache line and has whole pages */
typedef uint64_t __attribute__((may_alias)) word_t;

QUARRY_STATE struct pageblock_map pageblocks;

void pageblock_make_ready(unsigned long pfn, unsigned zone)
{
	unsigned state = pageblock_state(pfn);
	struct page *page = pfn_to_page(pageblock_start(pfn));

	if (state & BLOCK_READY)
		return;
	/* A whole block's first page is a head; it keeps what it says. */
	for (unsigned long i = state & BLOCK_WHOLE ? 1 : 0; i < pageblock_nr_pages; i++) {
		page_set_flags(&page[i], page_state(QUARRY_PAGE_INNER, 0, 0, zone));
		page_clear_count(&page[i]);
	}
	pageblock_set_state(pfn, (state & ~BLOCK_WHOLE) | BLOCK_READY);
}

void pageblock_init(uint8_t *state, unsigned long first, unsigned long count)
{
	const unsigned long pfn = first << pageblock_order;
	word_t *word = (word_t *)(void *)state;

	pageblocks = (struct pageblock_map){
		.state = state,
		.first = first,
		.count = count,
		.first_page = (uintptr_t)pfn_to_page(pfn),
		.first_address = (uintptr_t)phys_to_virt(PFN_PHYS(pfn)),
	};
	MM_ASSERT((uintptr_t)state % MAP_ALIGN == 0);
	/* Atomic only so that no compiler makes a memset of it, which may go byte by byte. */
	for (unsigned long done = 0; done < count; done += MAP_ALIGN, word += 4) {
		__atomic_store_n(&word[0], 0ull, __ATOMIC_RELAXED);
		__atomic_store_n(&word[1], 0ull, __ATOMIC_RELAXED);
		__atomic_store_n(&word[2], 0ull, __ATOMIC_RELAXED);
		__atomic_store_n(&word[3], 0ull, __ATOMIC_RELAXED);
	}
}
