/* SPDX-License-Identifier: MIT */
/*
 * slab_wipe.c: whose objects are wiped, and the wiping of freed ones. Theory: slab_wipe.h.
 *
 * Start at slab_wipe_flags.
 */
#include "mm/slab/slab_wipe.h"

#include "mm/slab/slab_page.h"

struct wipe_choice wipe_choice QUARRY_STATE;

void slab_wipe_init(bool on_alloc, bool on_free)
{
	wipe_choice.on_alloc = on_alloc ? __GFP_ZERO : (QUARRY_FORCE gfp_t)0;
	wipe_choice.on_free = on_free;
}

slab_flags_t slab_wipe_flags(slab_flags_t flags, bool ctor)
{
	slab_flags_t wipe = (gfp_bits(wipe_choice.on_alloc) ? SLAB_WIPE_NEW : 0) |
			    (wipe_choice.on_free ? SLAB_WIPE_FREED : 0);

	return ctor || (flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON)) ? 0 : wipe;
}

void slab_wipe_freed(const struct kmem_cache *cache, void *object)
{
	struct page *head;

	/* Debugged objects are wiped where they are checked (slab_debug_give). */
	if ((cache->flags & (SLAB_WIPE_FREED | QUARRY_SLAB_DEBUG_FLAGS)) != SLAB_WIPE_FREED)
		return;
	head = slab_head(virt_to_page(object));
	/* A pointer into an object is reported later; its neighbour is not to suffer. */
	if (slab_index(cache, head, slab_shape(cache, head), object) == NO_OBJECT)
		return;
	object_unpoison(cache, object); /* a second free is seen later, too */
	__builtin_memset(object, 0, cache->object_size);
}
