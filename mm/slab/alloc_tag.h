/* SPDX-License-Identifier: MIT */
/* alloc_tag.h: whose an object is, if objects are counted by place (quarry/alloc_tag.h). */
#ifndef QUARRY_MM_SLAB_ALLOC_TAG_H
#define QUARRY_MM_SLAB_ALLOC_TAG_H

#include "mm/base/tag_count.h"

/* What one place has. */
struct alloc_site {
	const char *file, *func;
	unsigned line;
	unsigned long bytes, calls;
};

#if QUARRY_ALLOCINFO
/* An object is about to be freed, or a pointer that its caller takes for one: it is nobody's. */
void alloc_tag_drop(const void *p) QUARRY_INT(alloc_tag_drop);
/* The next place in the order of addresses that has something; start with *cursor 0. Return: false
 * after the last. */
bool alloc_tag_next(size_t *cursor, struct alloc_site *site) QUARRY_INT(alloc_tag_next);
#else
static inline void alloc_tag_drop(const void *p)
{
	(void)p;
}
static inline bool alloc_tag_next(size_t *cursor, struct alloc_site *site)
{
	(void)cursor, (void)site;
	return false;
}
#endif

#endif
