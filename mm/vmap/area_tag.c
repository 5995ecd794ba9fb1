/* SPDX-License-Identifier: MIT */
/*
 * area_tag.c: whose areas of vmalloc are. Nothing, if QUARRY_ALLOCINFO is 0.
 *
 * The word of an area is that of its first page (mm/phys/page_tag.h). It counts the area's pages,
 * whose number does not change while the area lives, and is cleared before the area is freed.
 *
 * Start at quarry_alloc_tag_set_area.
 */
#include "mm/vmap/area_tag.h"

#if QUARRY_ALLOCINFO

#include <quarry/vmalloc.h>

#include "mm/phys/page_tag.h"
#include "mm/vmap/vmap.h"

/* The word of an area of vmalloc that starts at `p`, and the area's bytes; or NULL. */
static void **word_of(const void *p, size_t *bytes)
{
	struct vmap_info info;

	if (!is_vmalloc_addr(p) || !vmap_info_at(p, &info) || info.start != (uintptr_t)p ||
	    !(info.flags & VMAP_ALLOC))
		return NULL;
	struct page *first = vmalloc_to_page(p);

	*bytes = info.pages << PAGE_SHIFT;
	return first ? page_tag_word(first) : NULL;
}

void quarry_alloc_tag_set_area(const void *p, struct quarry_alloc_tag *tag)
{
	size_t bytes;
	void **word = word_of(p, &bytes);

	if (word)
		tag_change(word, bytes, tag);
	else
		quarry_alloc_tag_set(p, tag); /* kvmalloc() gave an object */
}

void area_tag_drop(const void *p)
{
	size_t bytes;
	void **word = word_of(p, &bytes);

	if (word)
		tag_change(word, bytes, NULL);
}

bool area_is_tagged(const void *p)
{
	size_t bytes;
	void **word = word_of(p, &bytes);

	return word && __atomic_load_n(word, __ATOMIC_RELAXED);
}

#endif
