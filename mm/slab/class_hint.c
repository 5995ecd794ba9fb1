/* SPDX-License-Identifier: MIT */
/*
 * class_hint.c: writing and checking the table. Terms and invariant: class_hint.h.
 *
 * Start at class_hint_slab.
 */
#include "mm/slab/class_hint.h"

#include "mm/base/log.h"

struct class_hint class_hints[CLASS_HINTS] QUARRY_STATE;

static uintptr_t name_of(const struct kmem_cache *cache, const struct page *head)
{
	return 0 - (uintptr_t)page_address(head) - cache->token;
}

/* What entry `i` has for no slab: the addresses half a table away. */
static uintptr_t none_of(unsigned i)
{
	return 0 - ((uintptr_t)((i + CLASS_HINTS / 2) % CLASS_HINTS) << PAGE_SHIFT);
}

void class_hint_init(struct kmem_cache *cache)
{
	for (unsigned i = 0; i < CLASS_HINTS; i++)
		class_hints[i] = (struct class_hint){cache, none_of(i)};
}

void class_hint_slab(struct kmem_cache *cache, const struct page *head)
{
	uintptr_t name = name_of(cache, head);
	unsigned pages = 1u << page_order(head);

	if (!cache->token || slab_shape(cache, head) != &cache->shape[0])
		return;
	for (unsigned i = 0; i < pages; i++) {
		struct class_hint *hint = class_hint_at(page_address(&head[i]));

		if (__atomic_load_n(&hint->slab, __ATOMIC_RELAXED) == name)
			continue;
		__atomic_store_n(&hint->cache, cache, __ATOMIC_RELAXED);
		__atomic_store_n(&hint->slab, name, __ATOMIC_RELAXED);
	}
}

void class_hint_end(const struct kmem_cache *cache, const struct page *head)
{
	uintptr_t name = name_of(cache, head);
	unsigned pages = 1u << page_order(head);

	if (!cache->token)
		return;
	for (unsigned i = 0; i < pages; i++) {
		struct class_hint *hint = class_hint_at(page_address(&head[i]));

		uintptr_t found = name, none = none_of((unsigned)(hint - class_hints));

		/* Another slab may take the entry now, under another lock. */
		__atomic_compare_exchange_n(&hint->slab, &found, none, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	}
}

/* Is `name` of entry `i` right, if it did not change meanwhile? */
static bool names_slab(unsigned i, uintptr_t name)
{
	uintptr_t low = ((uintptr_t)1 << CLASS_TOKEN_SHIFT) - 1;
	uintptr_t address = ((0 - name) & low) | (pageblocks.first_address & ~low);
	struct page *head = page_of_address((void *)address);

	if (!head || page_kind(head) != QUARRY_PAGE_SLAB || slab_head(head) != head)
		return false;
	const struct kmem_cache *cache = head->mapping;
	size_t pages = (cache->slab_mask + 1) / PAGE_SIZE;

	return name_of(cache, head) == name && (i - address / PAGE_SIZE) % CLASS_HINTS < pages;
}

unsigned long class_hint_check(void)
{
	unsigned long errors = 0;

	for (unsigned i = 0; i < CLASS_HINTS; i++) {
		const uintptr_t *slab = &class_hints[i].slab;
		uintptr_t name = __atomic_load_n(slab, __ATOMIC_ACQUIRE);

		if (name == none_of(i) || names_slab(i, name) ||
		    __atomic_load_n(slab, __ATOMIC_RELAXED) != name)
			continue;
		mm_report(VALIDATE, "class hint: names a listed slab", slab, name, i);
		errors++;
	}
	return errors;
}
