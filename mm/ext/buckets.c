/* SPDX-License-Identifier: MIT */
/*
 * buckets.c: size classes of their own for objects whose sizes strangers choose.
 *
 * A set has a cache for each class of kmalloc, never shared, so that an object of a chosen size
 * does not lie beside others of the kernel, nor take the place of one that is still pointed to.
 * Larger sizes have pages of their own anyway.
 *
 * Start at kmem_buckets_create, kmem_buckets_alloc.
 */
#include <quarry/slab.h>

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"

#define SIZE_CHARS 5u /* of "-8192" */

struct kmem_buckets {
	struct kmem_cache *cache[QUARRY_KMALLOC_CLASSES]; /* NULL: no size is rounded to it */
};

/* The window of a class: what of [offset, offset + bytes) its objects have. */
static void clip_window(struct kmem_cache_args *args, unsigned size, unsigned offset,
			unsigned bytes)
{
	args->useroffset = offset < size ? offset : 0;
	args->usersize = offset < size ? (unsigned)min_u64(bytes, size - offset) : 0;
}

void kmem_buckets_destroy(struct kmem_buckets *buckets)
{
	if (!buckets)
		return;
	for (unsigned cls = 0; cls < QUARRY_KMALLOC_CLASSES; cls++)
		kmem_cache_destroy(buckets->cache[cls]);
	kfree(buckets);
}

struct kmem_buckets *kmem_buckets_create(const char *name, slab_flags_t flags, unsigned useroffset,
					 unsigned usersize, void (*ctor)(void *object))
{
	struct kmem_buckets *buckets = kzalloc(sizeof(*buckets), GFP_KERNEL);
	bool all = buckets;
	char first[QUARRY_CACHE_NAME_MAX + 1 - SIZE_CHARS];

	/* A name that is too long keeps its size. */
	mm_format(first, sizeof(first), "%s", name);
	for (unsigned cls = 0; cls < QUARRY_KMALLOC_CLASSES && all; cls++) {
		unsigned size = (unsigned)quarry_kmalloc_class_size(cls);
		struct kmem_cache_args args = {.align = size & -size, .ctor = ctor};
		char full[QUARRY_CACHE_NAME_MAX + 1];

		if (size < KMALLOC_MIN_SIZE || size % ARCH_KMALLOC_MINALIGN)
			continue;
		mm_format(full, sizeof(full), "%s-%u", first, size);
		clip_window(&args, size, useroffset, usersize);
		buckets->cache[cls] = kmem_cache_create_args(full, size, &args,
							     (flags & ~SLAB_PANIC) | SLAB_NO_MERGE);
		all = buckets->cache[cls];
	}
	if (all)
		return buckets;
	kmem_buckets_destroy(buckets);
	if (flags & SLAB_PANIC)
		quarry_os_panic("buckets with SLAB_PANIC could not be created");
	return NULL;
}

void *kmem_buckets_alloc(struct kmem_buckets *buckets, size_t size, gfp_t gfp)
{
	if (!buckets || size - 1 >= KMALLOC_MAX_CACHE_SIZE)
		return kmalloc(size, gfp);
	return kmem_cache_alloc(buckets->cache[quarry_kmalloc_class(size)], gfp);
}

void *kmem_buckets_valloc(struct kmem_buckets *buckets, size_t size, gfp_t gfp)
{
	if (!buckets || size - 1 >= KMALLOC_MAX_CACHE_SIZE)
		return kvmalloc(size, gfp);
	return kmem_cache_alloc(buckets->cache[quarry_kmalloc_class(size)], gfp);
}
