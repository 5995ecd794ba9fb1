/* SPDX-License-Identifier: MIT */
/*
 * page_tag.c: whose blocks of pages are. Nothing, if QUARRY_ALLOCINFO is 0. Terms: page_tag.h.
 *
 * Invariant  of each place: its counts == the sum over the words that name it
 * Locking    none: a word is its block's owner's, and changes by an exchange.
 * Start at   quarry_alloc_tag_set_page, page_tag_drop.
 */
#include "mm/phys/page_tag.h"

#if QUARRY_ALLOCINFO

#include "mm/base/bits.h"

static QUARRY_STATE struct {
	void **word;
	unsigned long first, count; /* frames */
} page_tags;

void **page_tag_word(const struct page *page)
{
	unsigned long at = page_to_pfn(page) - page_tags.first;

	return at < page_tags.count ? &page_tags.word[at] : NULL;
}

void page_tag_drop(const struct page *head, uint32_t flags)
{
	void **word = page_tag_word(head);

	if (word && __atomic_load_n(word, __ATOMIC_RELAXED))
		tag_change(word, PAGE_SIZE << flags_order(flags), NULL);
}

void page_tag_split(const struct page *head, unsigned order)
{
	void **word = page_tag_word(head);
	struct quarry_alloc_tag *tag = word ? __atomic_load_n(word, __ATOMIC_RELAXED) : NULL;

	if (!tag)
		return;
	tag_change(word, PAGE_SIZE << order, NULL);
	for (unsigned long i = 0; i < 1ul << order; i++)
		tag_change(word + i, PAGE_SIZE, tag);
}

void page_tag_move(const struct page *dst, const struct page *src)
{
	void **from = page_tag_word(src), **to = page_tag_word(dst);
	struct quarry_alloc_tag *tag = from ? __atomic_load_n(from, __ATOMIC_RELAXED) : NULL;

	if (!tag || !to)
		return;
	tag_change(to, PAGE_SIZE << page_order(dst), tag);
	tag_change(from, PAGE_SIZE << page_order(dst), NULL);
}

void quarry_alloc_tag_set_page(const void *page, struct quarry_alloc_tag *tag)
{
	void **word = page ? page_tag_word(page) : NULL;

	if (word)
		tag_change(word, PAGE_SIZE << page_order(page), tag);
}

void quarry_alloc_tag_set_pages(const void *address, size_t bytes, struct quarry_alloc_tag *tag)
{
	for (size_t at = 0; address && at < bytes;) {
		const struct page *page = virt_to_page((const char *)address + at);

		quarry_alloc_tag_set_page(page, tag);
		at += PAGE_SIZE << page_order(page);
	}
}

void quarry_alloc_tag_set_bulk(struct page *const *page, unsigned long n,
			       struct quarry_alloc_tag *tag)
{
	for (unsigned long i = 0; i < n; i++)
		quarry_alloc_tag_set_page(page[i], tag);
}

void page_tags_init(void *table, uint64_t first, uint64_t end)
{
	page_tags.word = (void **)(uintptr_t)align_up((uintptr_t)table, QUARRY_CACHE_LINE);
	page_tags.first = (unsigned long)first;
	page_tags.count = (unsigned long)(end - first);
	__builtin_memset(page_tags.word, 0, page_tags.count * sizeof(void *));
}

#endif
