/* SPDX-License-Identifier: MIT */
/*
 * cache_create.c: creating and destroying caches; look-alikes that share one.
 *
 * A cache is shared only where boot allows it (quarry_params.merge_caches): its users are counted,
 * their names kept, and the last one to destroy it does.
 *
 * Invariant  users of a cache == 1 + aliases that stand for it
 * Locking    registry.lock for the list, the count and the names.
 * Start at kmem_cache_create_args, kmem_cache_destroy.
 */
#include "mm/base/log.h"
#include "mm/slab/free_later.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_cache.h"
#include "mm/slab/slab_debug.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab_wipe.h"

/* Alignment of a cache's objects. A small object of SLAB_HWCACHE_ALIGN gets the fraction of a
 * line that holds it. */
static uint32_t object_align(uint32_t size, uint32_t align, slab_flags_t flags)
{
	uint32_t line = flags & SLAB_HWCACHE_ALIGN ? (uint32_t)QUARRY_CACHE_LINE : 0;

	while (line > ARCH_SLAB_MINALIGN && size <= line / 2)
		line /= 2;
	return (uint32_t)max_u64(max_u64(align, line), ARCH_SLAB_MINALIGN);
}

static bool arguments_ok(const char *name, unsigned size, const struct kmem_cache_args *args,
			 slab_flags_t flags)
{
	if (!name || !name[0] || size == 0 || size > QUARRY_CACHE_MAX_SIZE)
		return false;
	if (flags & ~QUARRY_SLAB_FLAGS)
		return false;
	if ((flags & SLAB_CACHE_DMA) && (flags & SLAB_CACHE_DMA32))
		return false;
	if (args->align && !is_power_of_2(args->align))
		return false;
	return align_up(size, object_align(size, args->align, flags)) <= QUARRY_CACHE_MAX_SIZE;
}

/* ---- look-alikes ---- */

/* A cache with one of these is its creator's alone; and all debugged ones are. */
#define ALONE (SLAB_NO_MERGE | SLAB_TYPESAFE_BY_RCU | SLAB_NO_USER_FLAGS | QUARRY_SLAB_DEBUG_FLAGS)
/* Look-alikes agree in these. */
#define ALIKE (SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32)

static struct cache_alias *alias_of_link(const struct quarry_list *link)
{
	return list_entry((uintptr_t)link, struct cache_alias, link);
}

/* A cache whose objects can stand for those of the new one. The registry is locked. */
static struct kmem_cache *find_alike(uint32_t size, uint32_t align, slab_flags_t flags)
{
	uint32_t slot = (uint32_t)align_up(size, align);

	for (struct kmem_cache *cache = cache_after(0); cache; cache = cache_after(cache->id)) {
		if (!cache->builtin && !(cache->flags & ALONE) &&
		    !((cache->flags ^ flags) & ALIKE) && cache->size == slot &&
		    cache->object_size >= size && cache->align >= align)
			return cache;
	}
	return NULL;
}

/* Share a look-alike, if there is one. Return: NULL: there is none, or no memory for the name. */
static struct kmem_cache *share(const char *name, uint32_t size, uint32_t align, slab_flags_t flags)
{
	struct cache_alias *alias =
		slab_alloc(&alias_cache, GFP_KERNEL | __GFP_NOWARN, "kmem_cache_create", 0);

	if (!alias)
		return NULL;
	unsigned long irq = mm_lock(&registry.lock);
	struct kmem_cache *cache = find_alike(size, align, flags);

	if (cache) {
		cache->users++;
		alias->cache = cache;
		cache_copy_name(alias->name, name);
		list_add_tail(&alias->link, &registry.aliases);
	}
	mm_unlock(&registry.lock, irq);
	if (!cache)
		kmem_cache_free(&alias_cache, alias);
	return cache;
}

/* One of its creators is done with a cache: the newest alias goes, as nobody says which of them it
 * is. Return: false: nobody shares it. */
static bool unshare(struct kmem_cache *cache)
{
	struct cache_alias *alias = NULL;
	unsigned long irq = mm_lock(&registry.lock);

	if (cache->users > 1) {
		list_for_each (link, &registry.aliases)
			if (alias_of_link(link)->cache == cache)
				alias = alias_of_link(link);
		list_del(&alias->link);
		cache->users--;
	}
	mm_unlock(&registry.lock, irq);
	if (alias)
		kmem_cache_free(&alias_cache, alias);
	return alias;
}

void slab_set_merging(bool merge)
{
	registry.merge = merge;
}

bool slab_alias(unsigned n, char *name, char *of)
{
	unsigned long irq = mm_lock(&registry.lock);
	bool found = false;

	list_for_each (link, &registry.aliases) {
		if (n--)
			continue;
		cache_show_name(name, alias_of_link(link)->name);
		cache_show_name(of, alias_of_link(link)->cache->name);
		found = true;
		break;
	}
	mm_unlock(&registry.lock, irq);
	return found;
}

/* A cache of its own or, where that is allowed, one that others have too; arguments are legal. */
static struct kmem_cache *new_cache(const char *name, uint32_t size,
				    const struct kmem_cache_args *args, slab_flags_t flags,
				    uintptr_t caller)
{
	uint32_t align = object_align(size, args->align, flags);
	struct kmem_cache *cache = NULL;

	flags = slab_debug_flags(name, size, align, flags);
	flags |= slab_wipe_flags(flags, args->ctor);
	/* Before it is listed: from then on others may find it. */
	if (args->ctor || args->usersize)
		flags |= SLAB_NO_MERGE;
	if (registry.merge && !(flags & ALONE))
		cache = share(name, size, align, flags);
	if (cache)
		return cache;
	cache = slab_alloc(&cache_cache, GFP_KERNEL, "kmem_cache_create", caller);
	if (cache)
		cache_setup(cache, name, size, align, flags, args->ctor);
	return cache;
}

struct kmem_cache *kmem_cache_create_args(const char *name, unsigned size,
					  const struct kmem_cache_args *args, slab_flags_t flags)
{
	static const struct kmem_cache_args none;
	struct kmem_cache *cache = NULL;

	if (!args)
		args = &none;
	if (!arguments_ok(name, size, args, flags))
		mm_report(CACHE_ARGUMENT, "kmem_cache_create", name, size, flags);
	else if (!fault_here(FAULT_CACHE))
		cache = new_cache(name, size, args, flags, (uintptr_t)__builtin_return_address(0));
	if (!cache) {
		if (flags & SLAB_PANIC)
			quarry_os_panic("a cache with SLAB_PANIC could not be created");
		return NULL;
	}
	if (args->useroffset <= size && args->usersize <= size - args->useroffset) {
		cache->useroffset = args->useroffset;
		cache->usersize = args->usersize;
	} else {
		mm_report(CACHE_ARGUMENT, "kmem_cache_create", cache, args->useroffset,
			  args->usersize);
	}
	return cache;
}

unsigned kmem_cache_size(const struct kmem_cache *cache)
{
	if (!cache) {
		mm_report(BAD_ARGUMENT, "kmem_cache_size", NULL, 0, 0);
		return 0;
	}
	return cache->object_size;
}

/* ---- the end of one ---- */

/* Is it a cache that a caller created and did not destroy? Looks at nothing that `cache` points
 * to. Newest first: short lives are the most frequent. */
static bool is_live_cache(const struct kmem_cache *cache)
{
	unsigned long irq = mm_lock(&registry.lock);
	bool found = false;

	for (struct quarry_list *link = registry.caches.prev; link != &registry.caches && !found;
	     link = link->prev)
		found = list_entry((uintptr_t)link, struct kmem_cache, link) == cache &&
			!cache->builtin;
	mm_unlock(&registry.lock, irq);
	return found;
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	if (!cache)
		return;
	if (!is_live_cache(cache)) {
		mm_report(CACHE_ARGUMENT, "kmem_cache_destroy", cache, 0, 0);
		return;
	}
	if (unshare(cache))
		return;
	free_later_finish();
	bool stocked = __atomic_load_n(&cache->stocked, __ATOMIC_RELAXED);

	if (stocked)
		cache_drain(cache);

	unsigned long live = partial_taken(cache) + slab_guard_count(cache);

	if (live) {
		mm_report(CACHE_BUSY, "kmem_cache_destroy", cache, live, cache->name);
		return;
	}
	cache_delist(cache);
	cache_shrink(cache);
	for (unsigned cpu = 0; stocked && cpu < QUARRY_MAX_CPUS; cpu++)
		cpu_cache_stop(cache, cpu);
	kmem_cache_free(&cache_cache, cache);
}
