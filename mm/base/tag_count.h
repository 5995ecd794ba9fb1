/* SPDX-License-Identifier: MIT */
/* tag_count.h: adding to the counters of a place that allocates (quarry/alloc_tag.h). */
#ifndef QUARRY_MM_TAG_COUNT_H
#define QUARRY_MM_TAG_COUNT_H

#define QUARRY_ALLOC_TAG_TYPES /* our own calls are functions */
#include <quarry/alloc_tag.h>

#include "mm/base/cpu.h"

#if QUARRY_ALLOCINFO
/* To this CPU's share, which may become negative: another one counted what goes. */
static inline void tag_count(struct quarry_alloc_tag *tag, long bytes, long calls)
{
	struct quarry_alloc_count *own = &tag->cpu[cpu_number()];

	__atomic_fetch_add(&own->bytes, bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&own->calls, calls, __ATOMIC_RELAXED);
}

/* What `bytes` of memory with this word are is `tag`'s from now on; NULL: nobody's. Of two who
 * change a word, one takes its old place's count. */
static inline void tag_change(void **word, size_t bytes, struct quarry_alloc_tag *tag)
{
	struct quarry_alloc_tag *old = __atomic_exchange_n(word, (void *)tag, __ATOMIC_RELAXED);

	if (old)
		tag_count(old, -(long)bytes, -1);
	if (tag)
		tag_count(tag, (long)bytes, 1);
}
#endif

#endif
