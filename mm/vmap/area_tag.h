/* SPDX-License-Identifier: MIT */
/* area_tag.h: whose an area of vmalloc is, if areas are counted by place (quarry/alloc_tag.h). */
#ifndef QUARRY_MM_VMAP_AREA_TAG_H
#define QUARRY_MM_VMAP_AREA_TAG_H

#include "mm/base/tag_count.h"

#if QUARRY_ALLOCINFO
/* The area that starts at `p`, any pointer, is about to be freed. */
void area_tag_drop(const void *p) QUARRY_INT(area_tag_drop);
/* Is it counted for a place? */
bool area_is_tagged(const void *p) QUARRY_INT(area_is_tagged);
#else
static inline void area_tag_drop(const void *p)
{
	(void)p;
}
static inline bool area_is_tagged(const void *p)
{
	(void)p;
	return false;
}
#endif

#endif
