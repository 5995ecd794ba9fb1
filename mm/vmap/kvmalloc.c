/* SPDX-License-Identifier: MIT */
/*
 * kvmalloc.c: kmalloc if it comes easily, else vmalloc (spec G126-G133).
 *
 *   size            first try                          then
 *   <= 1 page       kmalloc, mask as given             nothing: vmalloc could not do better
 *   larger          kmalloc, silent, one round         vmalloc, if the mask may sleep
 *   > INT_MAX       refused: more likely a bug of the caller's arithmetic than a wish
 *
 * A mask with __GFP_RETRY_MAYFAIL makes the first try a hard one; __GFP_NOFAIL is kept for the
 * second. Masks that cannot sleep have no second try. __GFP_NORETRY is not supported here: every
 * first try has it already and no second try could mean less, so it changes nothing, and the
 * context lint reports it.
 *
 * Start at: kvmalloc_node.
 */
#include <quarry/vmalloc.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_wipe.h"
#include "mm/vmap/area_tag.h"
#include "mm/vmap/vmap.h"
#include "mm/vmap/vmap_dir.h"

#define LARGEST ((size_t)INT32_MAX)

#define CALLER() __builtin_return_address(0)

static gfp_t gentle(gfp_t gfp, size_t size)
{
	if (size <= PAGE_SIZE)
		return gfp;
	if (!gfp_has(gfp, __GFP_RETRY_MAYFAIL))
		gfp |= __GFP_NORETRY;
	return (gfp | __GFP_NOWARN) & ~__GFP_NOFAIL;
}

/* The second try, or why there is none. */
static void *fall_back(size_t size, gfp_t gfp, int node, const void *caller)
{
	if (size <= PAGE_SIZE || !gfpflags_allow_blocking(gfp))
		return NULL;
	return __vmalloc_node(size, 1, gfp, node, caller);
}

static bool too_large(size_t size, gfp_t gfp, const void *caller)
{
	if (size <= LARGEST)
		return false;
	if (!gfp_has(gfp, __GFP_NOWARN))
		mm_report_at(QUARRY_RULE_SIZE_LIMIT, "kvmalloc", NULL, size, LARGEST,
			     (uintptr_t)caller);
	return true;
}

static void *allocate(size_t size, gfp_t gfp, int node, const void *caller)
{
	void *p = NULL;

	if (too_large(size, gfp, caller))
		return NULL;
#if QUARRY_CONTEXT_LINT
	if (gfp_has(gfp, __GFP_NORETRY))
		mm_report_at(QUARRY_RULE_BAD_GFP, "kvmalloc", NULL, gfp_bits(gfp), size,
			     (uintptr_t)caller);
#endif
	if (size <= KMALLOC_MAX_SIZE)
		p = quarry_kmalloc_for(size, gentle(gfp, size), node, (uintptr_t)caller);
	return p ? p : fall_back(size, gfp, node, caller);
}

void *kvmalloc_node(size_t size, gfp_t gfp, int node)
{
	return allocate(size, gfp, node, CALLER());
}

void kvfree(const void *p)
{
	area_tag_drop(p);
	if (vmap_dir_covers((uintptr_t)p))
		vmap_free(p, VMAP_ALLOC, "kvfree", (uintptr_t)CALLER());
	else
		slab_free_any(p, (uintptr_t)CALLER());
}

/* Bytes of the object or area that starts at `p`; 0: none does. */
static size_t bytes_at(const void *p)
{
	struct vmap_info area;

	if (!is_vmalloc_addr(p))
		return ksize(p);
	return vmap_info_at(p, &area) && area.start == (uintptr_t)p ? area.pages << PAGE_SHIFT : 0;
}

void kvfree_sensitive(const void *p, size_t size)
{
	size_t most = bytes_at(p);

	if (unlikely(size > most && most))
		mm_report(BAD_ARGUMENT, "kvfree_sensitive", p, size, most);
	wipe_for_good((void *)(uintptr_t)p, (size_t)min_u64(size, most));
	kvfree(p); /* reports what is neither */
}

static void *move_to(void *to, const void *p, size_t old, size_t size)
{
	if (!to)
		return NULL;
	__builtin_memcpy(to, p, (size_t)min_u64(old, size));
	kvfree(p);
	return to;
}

static void *realloc_area(const void *p, size_t size, gfp_t gfp, const void *caller)
{
	size_t old;

	if (vmap_refuse_nmi("kvrealloc", p, (uintptr_t)caller))
		return NULL;
	if (vmap_resize(p, size, &old)) {
		if (size > old && gfp_has(gfp, __GFP_ZERO))
			__builtin_memset((char *)(uintptr_t)p + old, 0, size - old);
		return (void *)(uintptr_t)p;
	}
	if (!old) {
		mm_report_at(QUARRY_RULE_VMAP_UNKNOWN, "kvrealloc", p, size, 0, (uintptr_t)caller);
		return NULL;
	}
	return move_to(allocate(size, gfp, NUMA_NO_NODE, caller), p, old, size);
}

void *kvrealloc(const void *p, size_t size, gfp_t gfp)
{
	const void *caller = CALLER();
	void *q = NULL;

	if (ZERO_OR_NULL_PTR(p))
		return allocate(size, gfp, NUMA_NO_NODE, caller);
	if (!size) {
		kvfree(p);
		return ZERO_SIZE_PTR;
	}
	if (is_vmalloc_addr(p))
		return realloc_area(p, size, gfp, caller);
	if (too_large(size, gfp, caller))
		return NULL;
	if (size <= KMALLOC_MAX_SIZE)
		q = slab_realloc(p, size, gentle(gfp, size), (uintptr_t)caller);
	return q ? q : move_to(fall_back(size, gfp, NUMA_NO_NODE, caller), p, ksize(p), size);
}
