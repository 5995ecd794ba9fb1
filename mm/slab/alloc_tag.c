/* SPDX-License-Identifier: MIT */
/*
 * alloc_tag.c: bytes and calls of each place that asks for objects. Nothing, if QUARRY_ALLOCINFO is
 * 0. What a place is: quarry/alloc_tag.h.
 *
 * The tag of an object is set when the caller got it, from outside: the paths that allocate know
 * nothing of it. It stands in a word for the object at its slab's end (slab_page.h), or in the
 * mapping of a large block's head, until the object is freed or is another place's.
 *
 * Invariant  of each tag, the sums over all CPUs: calls == words that name it, bytes == what their
 *            objects hold. A CPU's own share may be negative: another one freed.
 * Locking    none. The word is the object's owner's; it changes by an exchange, so of two frees of
 *            an object one counts. A counter is added to by one atomic addition.
 * Cost       the page of the object is looked up at both ends of its life.
 * Start at   quarry_alloc_tag_set.
 */
#include "mm/slab/alloc_tag.h"

#if QUARRY_ALLOCINFO

#include "mm/phys/page_tag.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab_page.h"

/* The linker makes these where there is a tag: pointers to all of them. */
extern struct quarry_alloc_tag *const tags_start[]
	__asm__("__start_" QUARRY_ALLOC_TAG_SECTION) __attribute__((weak));
extern struct quarry_alloc_tag *const tags_stop[]
	__asm__("__stop_" QUARRY_ALLOC_TAG_SECTION) __attribute__((weak));

/* The word of an object that starts at `p`, any pointer, and the object's bytes; or NULL. */
static void **word_of(const void *p, size_t *bytes)
{
	struct page *page = page_of_address(p);
	enum quarry_page_kind kind = page ? page_kind(page) : QUARRY_PAGE_INNER;

	if (kind == QUARRY_PAGE_LARGE && page_address(page) == p) {
		*bytes = page_size(page);
		return &page->mapping;
	}
	if (slab_guard_covers(p))
		return slab_guard_tag(p, bytes);
	if (kind != QUARRY_PAGE_SLAB)
		return NULL;
	const struct kmem_cache *cache = __atomic_load_n(&page->mapping, __ATOMIC_RELAXED);

	if (unlikely(!cache)) /* a second free, while the slab ends on another CPU */
		return NULL;
	struct page *head = slab_head(page);
	const struct slab_shape *shape = slab_shape(cache, head);
	uint32_t index = slab_index(cache, head, shape, p);

	*bytes = cache->object_size;
	if (index == NO_OBJECT)
		return NULL;
	/* The largest object leaves no room in its slab, and is alone there. */
	return slab_has_tags(cache->size) ? slab_tags(head, shape) + index : page_tag_word(head);
}

static void change(const void *p, struct quarry_alloc_tag *tag)
{
	size_t bytes;
	void **word = word_of(p, &bytes);

	if (word)
		tag_change(word, bytes, tag);
}

void quarry_alloc_tag_set(const void *p, struct quarry_alloc_tag *tag)
{
	change(p, tag);
}

void quarry_alloc_tag_set_objects(void *const *p, size_t n, struct quarry_alloc_tag *tag)
{
	for (size_t i = 0; i < n; i++)
		change(p[i], tag);
}

void alloc_tag_drop(const void *p)
{
	change(p, NULL);
}

bool alloc_tag_next(size_t *cursor, struct alloc_site *site)
{
	while (&tags_start[*cursor] < tags_stop) {
		const struct quarry_alloc_tag *tag = tags_start[(*cursor)++];
		long bytes = 0, calls = 0;

		for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++) {
			bytes += __atomic_load_n(&tag->cpu[cpu].bytes, __ATOMIC_RELAXED);
			calls += __atomic_load_n(&tag->cpu[cpu].calls, __ATOMIC_RELAXED);
		}
		if (calls <= 0)
			continue;
		*site = (struct alloc_site){tag->file, tag->func, tag->line, (unsigned long)bytes,
					    (unsigned long)calls};
		return true;
	}
	return false;
}

#endif
